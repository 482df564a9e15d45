"""Documentation: links lead somewhere, commands exist with their flags, all worlds are listed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from base.sizes import in_words
from hub.catalogue import read_catalogue

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "datasets/FORMAT.md"]
LONGEST_README = 9_000  # bytes
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
PROGRAM = re.compile(r"(?:python -m tools\.([a-z_]+)|python (play\.py))((?:\s.*)?)")
FLAG = re.compile(r"`(--[a-z][a-z-]*)")
SUBCOMMAND = re.compile(r'subcommand\("([a-z-]+)"\)')
MORE = {  # sources that hold flags of a program, beside its own
    "train": ["training/recipes/*.py"],
    "import": ["tools/options/imports.py"],
}


def fields(path: Path) -> set[str]:
    """Return the names of all fields of classes in a source file, as flags."""
    tree = ast.parse(path.read_text("utf-8"))
    return {
        f"--{line.target.id.replace('_', '-')}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    }


def sources(program: str) -> list[Path]:
    """Return the files that hold a program's flags."""
    own = ROOT / (program if program == "play.py" else f"tools/{program}.py")
    more = MORE.get(program, [f"tools/options/{program}.py"])
    return [own, *(path for glob in more for path in ROOT.glob(glob))]


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the programs that a page calls, with their arguments."""
    text = page.read_text("utf-8")
    blocks = [block.replace("\\\n", " ") for block in BLOCK.findall(text)]
    lines = [line for block in blocks for line in block.splitlines()]
    for line in [*lines, *INLINE.findall(BLOCK.sub("", text))]:
        for tool, player, rest in PROGRAM.findall(line):
            yield tool or player, shlex.split(rest.partition("  #")[0].partition(" && ")[0])


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists_with_its_flags(page: Path) -> None:
    for program, arguments in commands(page):
        files = sources(program)
        assert files[0].is_file(), f"{program} is no program"
        own = files[0].read_text("utf-8")
        assert "tools.app.renamed" not in own, f"{program} is an old name"
        subcommands = SUBCOMMAND.findall("".join(path.read_text("utf-8") for path in files))
        if subcommands and arguments:
            assert arguments[0] in subcommands, f"{program} has no {arguments[0]}"
        known = {"--help"}.union(*(fields(path) for path in files))
        for flag in arguments:
            if flag.startswith("--"):
                assert flag.partition("=")[0] in known, f"{program} has no {flag}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_flag_named_by_itself_belongs_to_a_program(page: Path) -> None:
    programs = ["play.py", *(path.stem for path in (ROOT / "tools").glob("*.py"))]
    known = {"--help"}.union(*(fields(path) for one in programs for path in sources(one)))
    assert set(FLAG.findall(page.read_text("utf-8"))) <= known


def test_all_released_worlds_are_listed_with_their_commands_and_sizes() -> None:
    text = (ROOT / "docs/playing.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if "`python -m tools.hub download" in line]
    assert len(rows) == len(read_catalogue()) == 27
    for world in read_catalogue():
        about = "" if world.exact else "about "
        assert (
            f"| {world.title} | `python -m tools.hub download {world.name}` | "
            f"`python play.py {world.name}` | {about}{in_words(world.bytes)} |"
        ) in rows


def test_the_readme_is_short_and_has_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_bytes()
    assert len(readme) <= LONGEST_README
    blocks = BLOCK.findall(readme.decode())
    assert blocks == [
        "pip install -r requirements.txt && python play.py\n",
        "pip install -r requirements.txt && python -m pytest && "
        "ruff check . && ruff format --check . && mypy\n",
    ]
