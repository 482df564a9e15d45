"""Files to a repository on the Hub, and the head of the card that it reads there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from base.errors import UserError
from base.progress import hush_hub
from hub.downloads import check_name
from hub.errors import LOG_IN, explained
from hub.transfer import Kind

README = "README.md"
# The Hub's own names for licences; any other is "other" to it, and says its name.
LICENCES = (
    "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
    "cc-by-sa-4.0", "cc0-1.0", "gpl-3.0", "lgpl-3.0", "mit", "mpl-2.0", "unlicense",
)  # fmt: skip


def upload(
    files: Mapping[str, Path | bytes], repo: str, message: str, private: bool, kind: Kind = "model"
) -> str:
    """Upload files, by their paths there, to `repo` ("owner/name"); the address of its page.

    The repository is made if there is none, for its owner alone if `private`; all files arrive in
    one commit, called `message`. Raises UserError.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, constants, get_token

    check_name(repo)
    additions = [
        CommitOperationAdd(path, content if isinstance(content, bytes) else str(content))
        for path, content in files.items()
    ]
    with explained(repo):
        if get_token() is None:
            raise UserError(f"uploading to {repo} needs an account on the Hub; {LOG_IN}")
        hush_hub()
        api = HfApi(library_name="dreamcart")
        api.create_repo(repo, private=private, repo_type=kind, exist_ok=True)
        api.create_commit(repo, additions, commit_message=message, repo_type=kind)
        return f"{constants.ENDPOINT}/{'' if kind == 'model' else 'datasets/'}{repo}"


def front_matter(licence: str, data: Mapping[str, Any]) -> str:
    """The head of a card: the licence in the Hub's words, and `data`."""
    name = licence.strip().lower()
    head: dict[str, Any] = {"license": name}
    if name not in LICENCES:
        name = re.sub(r"[^a-z0-9.]+", "-", name)[:60].strip("-.")
        head = {"license": "other", "license_name": name or "unnamed"}
    return f"---\n{yaml.safe_dump({**head, **data}, sort_keys=False)}---\n\n"
