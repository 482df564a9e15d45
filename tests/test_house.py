"""Rules of the house that can be counted: sizes of folders and functions, and docstrings."""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("base", "hub", "engine", "models", "datasets", "training", "tools")
MOST_FILES = 22  # of a folder
MOST_LINES = 60  # of a function
MOST_PARAMETERS = 8  # of a function, without self
LEAST_DOCUMENTED = 0.85  # of a folder's public names
LEAST_WELL_BEGUN = 0.90  # of a folder's docstrings of public names
QUESTIONS = {"what", "how", "whether", "where", "when", "if", "which", "who", "why"}

# Exceptions of today, each of which is to go.
LONG: set[str] = set()
MANY_PARAMETERS: set[str] = set()

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Definition:
    """A class or function of the program, by its full name in its file."""

    file: str
    name: str
    node: Function | ast.ClassDef
    public: bool

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"

    @property
    def folder(self) -> str:
        """The folder of its file, relative to the root."""
        return Path(self.file).parent.as_posix()


@functools.cache
def definitions() -> tuple[Definition, ...]:
    """Return all classes and functions of the program."""
    files = [ROOT / "play.py", *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]
    return tuple(
        found
        for path in files
        for found in defined_in(
            ast.parse(path.read_text("utf-8")), path.relative_to(ROOT).as_posix(), "", True
        )
    )


def defined_in(tree: ast.AST, file: str, prefix: str, public: bool) -> Iterator[Definition]:
    """Yield what is defined in a part of a file; names in a function are not public."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef):
            open_to_all = public and not node.name.startswith("_")
            yield Definition(file, prefix + node.name, node, open_to_all)
            inner = open_to_all and isinstance(node, ast.ClassDef)
            yield from defined_in(node, file, f"{prefix}{node.name}.", inner)
        else:
            yield from defined_in(node, file, prefix, public)


def functions() -> Iterator[tuple[Definition, Function]]:
    """Yield all functions of the program."""
    for found in definitions():
        if isinstance(found.node, Function):
            yield found, found.node


def parameters(node: Function) -> list[str]:
    """Return the names of a function's parameters, without self and cls."""
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    names = [argument.arg for argument in every]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def share_by_folder(all_of: Counter[str], those: Counter[str]) -> dict[str, float]:
    """Return the share of `those` in `all_of`, by folder."""
    return {folder: those[folder] / count for folder, count in all_of.items()}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_holds_no_more_files_than_one_can_survey(package: str) -> None:
    counts = Counter(path.parent for path in (ROOT / package).rglob("*.py"))
    assert not {str(folder): n for folder, n in counts.items() if n > MOST_FILES}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {str(f): (node.end_lineno or 0) - node.lineno + 1 for f, node in functions()}
    assert not {f: n for f, n in lengths.items() if n > MOST_LINES and f not in LONG}


def test_no_function_takes_more_parameters_than_one_can_remember() -> None:
    counts = {str(f): len(parameters(node)) for f, node in functions()}
    assert not {f: n for f, n in counts.items() if n > MOST_PARAMETERS and f not in MANY_PARAMETERS}


def test_public_names_have_docstrings() -> None:
    public = [found for found in definitions() if found.public]
    documented = Counter(f.folder for f in public if ast.get_docstring(f.node))
    shares = share_by_folder(Counter(f.folder for f in public), documented)
    assert not {folder: share for folder, share in shares.items() if share < LEAST_DOCUMENTED}


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    told = [(f.folder, ast.get_docstring(f.node)) for f in definitions() if f.public]
    firsts = [(folder, text.split()[0].strip("`'\",.:;").lower()) for folder, text in told if text]
    well = Counter(folder for folder, word in firsts if word not in QUESTIONS)
    shares = share_by_folder(Counter(folder for folder, _ in firsts), well)
    assert not {folder: share for folder, share in shares.items() if share < LEAST_WELL_BEGUN}
