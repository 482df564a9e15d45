"""A cartridge to a repository on the Hub, with the model card that the Hub reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from base.cartridges import CARD, HUB_PREFIX
from base.errors import UserError
from models.cartridge import README, check
from models.catalogue import REPO_NAME
from models.hub_errors import LOG_IN, explained
from models.manifest import Manifest

# The Hub's own names for licences; any other is "other" to it, and says its name.
LICENCES = (
    "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
    "cc-by-sa-4.0", "cc0-1.0", "gpl-3.0", "lgpl-3.0", "mit", "mpl-2.0", "unlicense",
)  # fmt: skip
TAGS = ["dreamcart", "world-model", "diffusion", "game"]


def push(folder: Path, repo: str, private: bool = False) -> str:
    """Upload a cartridge to the repository `repo` ("owner/name"); the address of its page.

    The repository is made if there is none, for its owner alone if `private`. The whole cartridge
    is checked first, and all files arrive in one commit. Raises UserError.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, constants, get_token

    if not REPO_NAME.fullmatch(repo):
        raise UserError(f"'{repo}' is no repository on the Hub; those are called owner/name")
    checked = check(folder)
    manifest = checked.load().manifest
    readme = folder / README
    card = model_card(manifest, readme.read_text("utf-8") if readme.is_file() else "", repo)
    additions = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(folder / name))
        for name in (CARD, *checked.entries)
    ]
    additions.append(CommitOperationAdd(path_in_repo=README, path_or_fileobj=card.encode()))
    with explained(repo):
        if get_token() is None:
            raise UserError(f"uploading to {repo} needs an account on the Hub; {LOG_IN}")
        api = HfApi(library_name="dreamcart")
        api.create_repo(repo, private=private, exist_ok=True)
        api.create_commit(repo, additions, commit_message=f"Upload the cartridge {manifest.name}")
        return f"{constants.ENDPOINT}/{repo}"


def model_card(manifest: Manifest, readme: str, repo: str) -> str:
    """A cartridge's README as the Hub's model card: with front matter, and how to play it."""
    text = readme or f"# {manifest.title}\n\nLicence: {manifest.licence}\n"
    command = f"python play.py {HUB_PREFIX}{repo}"
    if command not in text:
        text = f"{text.rstrip()}\n\n## Play it from here\n\n    {command}\n"
    return text if text.startswith("---\n") else f"---\n{_front_matter(manifest)}---\n\n{text}"


def _front_matter(manifest: Manifest) -> str:
    licence = manifest.licence.strip().lower()
    data: dict[str, Any] = {"license": licence}
    if licence not in LICENCES:
        name = re.sub(r"[^a-z0-9.]+", "-", licence)[:60].strip("-.")
        data = {"license": "other", "license_name": name or "unnamed"}
    return yaml.safe_dump(data | {"library_name": "dreamcart", "tags": TAGS}, sort_keys=False)
