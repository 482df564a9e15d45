"""Files of others that are no files: pipes, devices, and links to what is none of theirs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from base.errors import UserError
from base.files import read_text
from datasets.folder import held_out_numbers
from datasets.store import Store
from engine.player.replay_file import cartridge_of, read_replay
from engine.player.saves import read_picture
from hub.recordings_upload import push as push_data
from hub.world_upload import push
from models.cartridge.reader import load, read_card
from models.cartridge.writer import save
from models.diamond.released import read_spawn
from models.diamond.torch_file import read as read_checkpoint
from models.diamond.yaml_numbers import read_numbers
from tests.support.recordings import record_toys
from tests.support.tiny_cartridge import manifest, networks, starts, write_tiny_cartridge
from tools.app.summaries import read_preview, read_summary
from training.recipes import run_config

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no such files"),
    pytest.mark.timeout(60),
]


def put_pipe(path: Path) -> None:
    """A pipe that nobody writes to: whoever opens it waits for ever."""
    os.mkfifo(path)


def put_device(path: Path) -> None:
    """A link to a file without an end, whose size is said to be 0."""
    path.symlink_to("/dev/zero")


IRREGULAR = [put_pipe, put_device]
Read = Callable[[Path], object]
READERS: dict[str, Read] = {
    "cartridge.json": lambda path: read_card(path.parent),
    "config.json": lambda path: run_config.load(path.parent),
    "a.replay": read_replay,
    "b.replay": cartridge_of,
    "moment.npz": lambda path: read_picture(path, "toy"),
    "agent.yaml": read_numbers,
    "agent.pt": read_checkpoint,
    "low_res.npy": lambda path: read_spawn(path.parent),
    "held_out.txt": lambda path: held_out_numbers(path.parent),
    "episode_000000.h5": lambda path: Store(path.parent),
    "episode_000000.journal": lambda path: Store(path.parent),
}


@pytest.mark.parametrize("put", IRREGULAR)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, name: str, put: Callable[[Path], None]
) -> None:
    put(tmp_path / name)
    with pytest.raises(UserError) as caught:
        READERS[name](tmp_path / name)
    assert "\n" not in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize("put", IRREGULAR)
def test_the_menu_and_the_writer_do_not_wait_either(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    own = write_tiny_cartridge(tmp_path / "own")
    (own / "preview.png").unlink()
    put(own / "preview.png")
    assert read_preview(own) is None
    (own / "cartridge.json").unlink()
    put(own / "cartridge.json")
    assert read_summary(own) is None
    with pytest.raises(UserError, match="is in the way and is not a cartridge"):
        write_tiny_cartridge(own)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return write_tiny_cartridge(tmp_path / "own")


def lead_out(path: Path) -> None:
    """Put a link in the place of a file, to the same content outside of its folder."""
    outside = path.parent.parent / f"outside-{path.name}"
    shutil.move(path, outside)
    path.symlink_to(outside)


@pytest.mark.parametrize("name", ["cartridge.json", "preview.png", "denoiser.safetensors"])
def test_a_part_that_lies_elsewhere_is_not_read(own: Path, name: str) -> None:
    lead_out(own / name)
    with pytest.raises(UserError, match=f"{name} leads out of the cartridge's folder"):
        load(own)


def test_nor_shown_in_the_menu(own: Path) -> None:
    lead_out(own / "preview.png")
    assert read_summary(own) is not None and read_preview(own) is None
    lead_out(own / "cartridge.json")
    assert read_summary(own) is None


@pytest.mark.parametrize("put", [*IRREGULAR, lambda path: path.symlink_to("README.md")])
def test_a_readme_that_is_no_file_is_not_published(own: Path, put: Callable[[Path], None]) -> None:
    (own / "README.md").unlink()
    put(own / "README.md")
    with pytest.raises(UserError, match=r"README\.md"):
        push(own, "me/own")


def test_a_readme_without_an_end_is_not_published(own: Path) -> None:
    (own / "README.md").write_bytes(b"#" * 2_000_000)
    with pytest.raises(UserError, match=r"README\.md: it is too large: more than 1 MB"):
        push(own, "me/own")


def test_a_list_of_held_out_episodes_from_elsewhere_is_not_read(tmp_path: Path) -> None:
    """Its remarks would have been published, whatever they are."""
    recorded = tmp_path / "recorded"
    record_toys(recorded, 1)
    (recorded / "held_out.txt").write_text("# a secret\n0\n")
    assert held_out_numbers(recorded) == {0}
    lead_out(recorded / "held_out.txt")
    for use in (held_out_numbers, lambda folder: push_data(folder, "me/data", "mit")):
        with pytest.raises(UserError, match=r"held_out\.txt leads out of"):
            use(recorded)


def test_an_episode_from_elsewhere_is_read_and_not_published(tmp_path: Path) -> None:
    """People link episodes into the folders that they train on."""
    recorded = tmp_path / "recorded"
    record_toys(recorded, 1)
    lead_out(recorded / "episode_000000.h5")
    assert len(Store(recorded)) == 1
    with pytest.raises(UserError, match=r"episode_000000\.h5 leads out of"):
        push_data(recorded, "me/data", "mit")


def test_what_is_named_on_the_command_line_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As with --actions <(head -n 100 actions.txt)."""
    reading, writing = os.pipe()
    os.write(writing, b"LEFT\n")
    os.close(writing)
    assert read_text(Path(f"/dev/fd/{reading}")) == "LEFT\n"
    os.close(reading)


LONG = "x" * 100_000


@pytest.mark.parametrize("field", ["name", "title", "licence", "game", "presets", "metrics"])
def test_names_without_an_end_are_refused(own: Path, field: str) -> None:
    card: dict[str, Any] = json.loads((own / "cartridge.json").read_text())
    if field == "presets":
        card["presets"] = {LONG: {"frame": {"steps": 3, "sigma_min": 0.002, "sigma_max": 5.0}}}
        del card["sampler"], card["reward_end"], card["files"]["reward_end.safetensors"]
    else:
        card[field] = {LONG: 1.0} if field == "metrics" else LONG
    (own / "cartridge.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match="200 characters at most"):
        read_card(own)


def test_actions_with_names_without_an_end_are_refused(own: Path) -> None:
    card: dict[str, Any] = json.loads((own / "cartridge.json").read_text())
    card["actions"]["names"][0] = LONG
    (own / "cartridge.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match="200 characters at most"):
        read_card(own)


def test_an_error_that_tells_of_a_name_without_an_end_has_one(own: Path) -> None:
    card: dict[str, Any] = json.loads((own / "cartridge.json").read_text())
    card["actions"]["buttons"][0] = [LONG]
    (own / "cartridge.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match="no key is bound to: xxx") as caught:
        read_card(own)
    assert len(str(caught.value)) < 5000


def test_such_a_licence_is_not_written_either(tmp_path: Path) -> None:
    described = manifest()
    with pytest.raises(UserError, match="200 characters at most"):
        save(
            tmp_path / "own",
            replace(described, licence=LONG),
            networks(described),
            starts(described),
            b"",
            "",
        )


def test_a_replay_of_a_world_without_an_end_to_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.replay"
    header = {"format": "dreamcart replay", "version": 1, "world": "toy", "asked": {}, "making": {}}
    began = json.dumps({"began": [0, 0], "frame": 0})
    for change in ({"cartridge": LONG}, {"cartridge": "toy", "asked": {"device": LONG}}):
        path.write_text(f"{json.dumps({**header, **change})}\n{began}\n")
        with pytest.raises(UserError, match="too long") as caught:
            read_replay(path)
        assert len(str(caught.value)) < 300
