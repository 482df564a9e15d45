"""Cartridges in repositories of the Hub: pushed there with a card, and fetched again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import yaml
from huggingface_hub import constants

from base.cartridges import CARD
from base.errors import UserError
from hub.downloads import CancelledError, Offer
from hub.errors import UnreachableError
from hub.world_upload import model_card, push
from hub.worlds import fetch_repo
from models.cartridge.reader import load, read_card
from tests.support.hub_server import Faults, HubServer, Repo, serving, use
from tests.support.tiny_cartridge import manifest, write_tiny_cartridge

REPO, REVISION = "me/tiny-dream", "12" * 20


@pytest.fixture(scope="module")
def cartridge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_cartridge(tmp_path_factory.mktemp("made") / "tiny")


@pytest.fixture
def server(cartridge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Holds the cartridge among files that are none of ours."""
    files = {file.name: file.read_bytes() for file in cartridge.iterdir()}
    files |= {"setup.py": b"raise SystemExit", "notes/huge.safetensors": b"?"}
    with serving({REPO: Repo(REVISION, files)}) as running:
        use(running, tmp_path, monkeypatch)
        yield running


def yes(offer: Offer) -> bool:
    return True


def never(offer: Offer) -> bool:
    raise AssertionError("nobody should be asked")


def test_a_cartridge_is_shown_fetched_and_playable(server: HubServer, cartridge: Path) -> None:
    offers: list[Offer] = []

    def ask(offer: Offer) -> bool:
        offers.append(offer)
        return True

    folder = fetch_repo(REPO, ask)
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        file.name for file in cartridge.iterdir() if file.name != "README.md"
    )
    assert load(folder).weights == load(cartridge).weights
    (offer,) = offers
    _, entries = read_card(cartridge)
    assert (offer.title, offer.licence) == ("A tiny dream", "CC0-1.0")
    assert offer.bytes == sum(entry.bytes for entry in entries.values())


def test_a_new_revision_is_fetched_and_the_last_one_plays_without_network(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetch_repo(REPO, yes)
    assert fetch_repo(REPO, never) == first
    server.repos[REPO].revision = "34" * 20
    second = fetch_repo(REPO, yes)
    assert second != first and load(second)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    server.requests.clear()
    assert fetch_repo(REPO, never) == second
    (second / "preview.png").unlink()
    with pytest.raises(UnreachableError, match="HF_HUB_OFFLINE"):
        fetch_repo(REPO, never)
    assert not server.requests


def test_a_damaged_file_of_the_cache_comes_again(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every start said that it was damaged, and nothing fetched it anew."""
    folder = fetch_repo(REPO, yes)
    (folder / "denoiser.safetensors").resolve().write_bytes(b"cut")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnreachableError, match=r"not whole, in the cache.*unset HF_HUB_OFFLINE"):
        fetch_repo(REPO, never)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert load(fetch_repo(REPO, yes))


def test_what_another_program_downloaded_plays_offline(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in server.repos[REPO].files:
        huggingface_hub.hf_hub_download(REPO, name)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load(fetch_repo(REPO, never))


def test_links_that_leave_the_cache_are_refused(server: HubServer, tmp_path: Path) -> None:
    folder = fetch_repo(REPO, yes)
    outside = (folder / "preview.png").resolve().rename(tmp_path / "preview.png")
    (folder / "preview.png").unlink()
    (folder / "preview.png").symlink_to(outside)
    with pytest.raises(UserError, match="leads out of the cartridge's folder"):
        load(folder)


def test_a_no_downloads_nothing_but_the_card(server: HubServer, tmp_path: Path) -> None:
    with pytest.raises(CancelledError, match="A tiny dream was not downloaded"):
        fetch_repo(REPO, lambda offer: False)
    assert [path.name for path in (tmp_path / "hub").rglob("snapshots/*/*")] == [CARD]


def test_damage_on_the_way_is_no_cartridge(server: HubServer) -> None:
    name = "denoiser.safetensors"
    server.faults = Faults(wrong={name: bytes(len(server.repos[REPO].files[name]))})
    with pytest.raises(UserError, match=r"denoiser\.safetensors has .*SHA-256 .*should have"):
        fetch_repo(REPO, yes)
    server.faults = Faults()
    assert load(fetch_repo(REPO, yes))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bytes": 1 << 50}, r"lists denoiser.safetensors of me/tiny-dream with \d+ bytes"),
        ({"bytes": 0}, "no cartridge that could be: denoiser.safetensors needs"),
        ({"sha256": "../../up"}, "no cartridge that could be: denoiser.safetensors with the SHA"),
        ({"sha256": "0" * 64}, f"with the SHA-256 .*should have {'0' * 64}"),
    ],
)
def test_a_card_that_asks_for_the_impossible_is_refused(
    server: HubServer, change: dict[str, object], says: str
) -> None:
    files = server.repos[REPO].files
    card = json.loads(files[CARD])
    card["files"]["denoiser.safetensors"] |= change
    files[CARD] = json.dumps(card).encode()
    with pytest.raises(UserError, match=says):
        fetch_repo(REPO, never)


def test_absurd_sizes_are_refused_before_anything_comes(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.downloads.LARGEST_FILE_BYTES", 10_000)
    with pytest.raises(UserError, match="of me/tiny-dream is too large"):
        fetch_repo(REPO, never)
    assert len(server.ranges) == 1  # the card


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tiny-dream", "'tiny-dream' is no repository on the Hub; those are called owner/name"),
        ("../../etc", "is no repository on the Hub"),
        ("me/a/b", "is no repository on the Hub"),
        ("me/other", "has no me/other, or shows it to its owners alone"),
        ("me/empty", "me/empty holds no cartridge: it has no cartridge.json"),
    ],
)
def test_what_holds_no_cartridge_is_named(server: HubServer, name: str, says: str) -> None:
    server.repos["me/empty"] = Repo(REVISION, {"README.md": b"# Nothing"})
    with pytest.raises(UserError, match=says):
        fetch_repo(name, never)


def test_what_is_pushed_can_be_fetched_and_has_a_card(
    server: HubServer, cartridge: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert push(cartridge, "me/pushed") == f"{server.url}/me/pushed"
    files = server.repos["me/pushed"].files
    assert sorted(files) == sorted(file.name for file in cartridge.iterdir())
    front, text = files["README.md"].decode().removeprefix("---\n").split("---\n", 1)
    card = yaml.safe_load(front)
    assert (card["license"], card["library_name"]) == ("cc0-1.0", "dreamcart")
    assert "world-model" in card["tags"]
    assert "# Tiny" in text and "python play.py hf:me/pushed" in text
    assert load(fetch_repo("me/pushed", yes)).weights == load(cartridge).weights


def test_pushing_needs_an_account_and_a_whole_cartridge(
    server: HubServer, cartridge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="needs an account on the Hub; log in"):
        push(cartridge, "me/pushed")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(UserError, match="no repository on the Hub"):
        push(cartridge, "pushed")
    broken = write_tiny_cartridge(tmp_path / "broken")
    (broken / "denoiser.safetensors").write_bytes(b"?")
    with pytest.raises(UserError, match="is truncated or altered"):
        push(broken, "me/pushed")
    server.faults = Faults(status={"api": 403})
    with pytest.raises(UserError, match=r"does not let you at me/tiny-dream \(403\)"):
        push(cartridge, REPO)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE"):
        push(cartridge, "me/pushed")
    assert "me/pushed" not in server.repos


@pytest.mark.parametrize(
    ("licence", "front"),
    [
        ("MIT", {"license": "mit"}),
        ("none stated by its authors", {"license": "other",
                                        "license_name": "none-stated-by-its-authors"}),
        ("MIT (weights)", {"license": "other", "license_name": "mit-weights"}),
        ("©", {"license": "other", "license_name": "unnamed"}),
        ("a: [b ---", {"license": "other", "license_name": "a-b"}),
    ],
)  # fmt: skip
def test_any_licence_has_a_name_on_the_hub(licence: str, front: dict[str, str]) -> None:
    card = model_card(replace(manifest(), licence=licence), "", "me/one")
    assert front.items() <= yaml.safe_load(card.split("---\n")[1]).items()
    assert "# A tiny dream" in card and f"Licence: {licence}" in card


def test_a_card_with_front_matter_keeps_it() -> None:
    readme = "---\nlicense: mit\n---\n# Mine\n\npython play.py hf:me/one\n"
    assert model_card(manifest(), readme, "me/one") == readme


def test_a_card_that_is_a_link_to_elsewhere_is_not_published(
    server: HubServer, tmp_path: Path
) -> None:
    own = write_tiny_cartridge(tmp_path / "own")
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----")
    (own / "README.md").unlink()
    (own / "README.md").symlink_to(tmp_path / "key")
    with pytest.raises(UserError, match=r"README\.md leads out of the cartridge's folder"):
        push(own, "me/own")
    assert "me/own" not in server.repos
