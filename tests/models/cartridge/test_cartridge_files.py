"""Cartridges on disk: written whole, read back, and refused by name when anything is wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from base.errors import UserError
from models.cartridge.reader import file_names, load, read_card
from models.cartridge.writer import save
from tests.support.tiny_cartridge import manifest, networks, starts, write_tiny_cartridge

LISTED = file_names(manifest())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cartridge that tests read and never change."""
    return write_tiny_cartridge(tmp_path_factory.mktemp("shelf") / "tiny")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A cartridge to break."""
    return write_tiny_cartridge(tmp_path / "tiny")


def change_card(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = path / "cartridge.json"
    data = json.loads(card.read_text())
    change(data)
    card.write_text(json.dumps(data))


def sign_again(path: Path, name: str) -> None:
    """Make the card fit a file that was changed, as somebody who means harm would."""
    content = (path / name).read_bytes()
    entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    change_card(path, lambda card: card["files"].update({name: entry}))


def test_what_was_saved_is_loaded(whole: Path) -> None:
    cartridge = load(whole)
    described = manifest()
    assert cartridge.manifest == described
    for name, array in starts(described).items():
        np.testing.assert_array_equal(cartridge.starts[name], array)
    saved = networks(described)
    assert cartridge.networks.keys() == saved.keys() == {"denoiser", "reward_end"}
    for name, network in saved.items():
        loaded = cartridge.networks[name]
        rounded = {k: v.bfloat16().float() for k, v in network.named_parameters() if v.ndim > 1}
        stored = {**network.state_dict(), **rounded}
        torch.testing.assert_close(dict(loaded.state_dict()), stored, rtol=0, atol=0)
        assert not loaded.training
    lower = load(whole, torch.bfloat16).networks["denoiser"]
    assert lower.unet.conv_in.weight.dtype is torch.bfloat16
    assert lower.unet.conv_in.bias.dtype is torch.float32


def test_weights_can_be_stored_exactly(tmp_path: Path) -> None:
    described, made = manifest(), networks(manifest())
    path = tmp_path / "exact"
    save(path, described, made, starts(described), b"", "", dtype=torch.float32)
    for name, network in load(path).networks.items():
        torch.testing.assert_close(
            dict(network.state_dict()), dict(made[name].state_dict()), rtol=0, atol=0
        )


@pytest.mark.parametrize("name", LISTED)
def test_a_truncated_file_is_named(own: Path, name: str) -> None:
    content = (own / name).read_bytes()
    (own / name).write_bytes(content[:-7])
    with pytest.raises(UserError, match=f"{name} is truncated or altered"):
        load(own)


@pytest.mark.parametrize("name", LISTED)
def test_an_altered_file_is_named(own: Path, name: str) -> None:
    content = bytearray((own / name).read_bytes())
    content[len(content) // 2] ^= 1
    (own / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} was altered"):
        load(own)


@pytest.mark.parametrize("name", [*LISTED, "cartridge.json"])
def test_a_missing_file_is_named(own: Path, name: str) -> None:
    (own / name).unlink()
    with pytest.raises(UserError, match=f"cannot read .*{name}"):
        load(own)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no pipes with names")
def test_a_pipe_in_the_place_of_a_file(own: Path) -> None:
    (own / "preview.png").unlink()
    os.mkfifo(own / "preview.png")
    change_card(own, lambda card: card["files"]["preview.png"].update(bytes=0))
    with pytest.raises(UserError, match=r"preview\.png is not a file"):
        load(own)


def test_a_link_out_of_the_folder_is_refused(own: Path) -> None:
    outside = own.parent / "outside.safetensors"
    (own / "denoiser.safetensors").rename(outside)
    (own / "denoiser.safetensors").symlink_to(outside)
    with pytest.raises(UserError, match="leads out of the cartridge's folder"):
        load(own)


def test_a_link_to_itself_is_refused(own: Path) -> None:
    (own / "denoiser.safetensors").unlink()
    (own / "denoiser.safetensors").symlink_to("denoiser.safetensors")
    with pytest.raises(UserError, match=r"cannot read .*denoiser\.safetensors"):
        load(own)


def test_a_cartridge_may_itself_be_reached_through_a_link(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(whole)
    assert load(tmp_path / "link").manifest.name == "tiny"


IMPOSSIBLE: dict[str, Callable[[dict[str, Any]], object]] = {
    "does not describe a cartridge": lambda c: c.update(format="something else"),
    r"format version 2; this program reads 1": lambda c: c.update(version=2),
    "lists '../../etc/passwd'": lambda c: c["files"].update({"../../etc/passwd": {}}),
    "lists '/etc/passwd'": lambda c: c["files"].update({"/etc/passwd": {}}),
    "does not list denoiser": lambda c: c["files"].pop("denoiser.safetensors"),
    "lacks its list of files": lambda c: c.pop("files"),
    "lacks 'licence'": lambda c: c.pop("licence"),
    "not known here: 'plugin'": lambda c: c.update(plugin="os.system"),
    "'card.rate_fps'": lambda c: c.update(rate_fps=float("nan")),
    "0.0 steps a second": lambda c: c.update(rate_fps=0),
    "needs a name": lambda c: c.update(name=""),
    "characters to be printed": lambda c: c.update(title="Pong\x1b[2J"),
    "name, title, licence and game": lambda c: c.update(licence="CC0\nsize: 1 kB"),
    "from 1000 at most": lambda c: c["sampler"].update(sigmas=[1e299, 1.0]),
    "frames cannot be 1048576 x 16": lambda c: (
        c["denoiser"].update(height=2**20),
        c["reward_end"].update(height=2**20),
    ),
    "1000000 channels": lambda c: c["denoiser"]["unet"].update(channels=[16, 1_000_000]),
    "99 depth": lambda c: c["denoiser"]["unet"].update(depths=[99, 1]),
    "one entry for each level": lambda c: c["denoiser"]["unet"].update(channels=[]),
    "do not divide into": lambda c: c["denoiser"]["unet"].update(channels=[100, 100]),
    "frames of different sizes": lambda c: c["reward_end"].update(width=32),
    "more frames than the context": lambda c: c["reward_end"].update(frames=9),
    "takes 3 actions": lambda c: c["denoiser"].update(actions=3),
    r"'card.denoiser.context'": lambda c: c["denoiser"].update(context=4.0),
    r"'card.denoiser.unet.channels\[1\]'": lambda c: c["denoiser"]["unet"].update(channels=[1, []]),
    "not known here: 'name'": lambda c: c["sampler"].update(name="__import__"),
    "positive and falling": lambda c: c["sampler"].update(sigmas=[0.5, 2.0]),
    "does not hold the weights": lambda c: c["denoiser"]["unet"].update(channels=[16, 16]),
    "does not hold starting contexts": lambda c: c["denoiser"].update(context=2),
}


@pytest.mark.parametrize("message", IMPOSSIBLE)
def test_a_card_that_asks_for_the_impossible(own: Path, message: str) -> None:
    change_card(own, IMPOSSIBLE[message])
    with pytest.raises(UserError, match=message) as raised:
        load(own)
    assert "\n" not in str(raised.value)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    described, made = manifest(), networks(manifest())
    made["denoiser"].unet.conv_in.weight[0, 0, 0, 0] = torch.nan
    save(tmp_path / "nan", described, made, starts(described), b"", "")
    with pytest.raises(UserError, match=r"no finite numbers: unet\.conv_in\.weight"):
        load(tmp_path / "nan")


def test_starts_that_do_not_fit_are_not_saved(tmp_path: Path) -> None:
    described = manifest()
    frames, actions = starts(described).values()
    for wrong in ((frames[:, 1:], actions), (frames, actions[:, :, 1:]), (frames[:0], actions[:0])):
        places = dict(zip(("frames", "actions"), wrong, strict=True))
        with pytest.raises(ValueError, match=r"starts|shape"):
            save(tmp_path / "x", described, networks(described), places, b"", "")
    assert not list(tmp_path.iterdir())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(data=st.data())
def test_any_change_of_the_card_loads_or_is_refused(
    whole: Path, tmp_path: Path, data: st.DataObject
) -> None:
    card = json.loads((whole / "cartridge.json").read_text())
    node: Any = card
    while True:  # walk down to some place, then put something else there
        at = data.draw(
            st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))
        )
        deeper = isinstance(node[at], (dict, list)) and len(node[at]) > 0
        if not deeper or data.draw(st.booleans()):
            break
        node = node[at]
    if data.draw(st.booleans()):
        node[at] = data.draw(JSON)
    else:
        del node[at]
    load_or_refuse(linked(whole, tmp_path, "cartridge.json", json.dumps(card).encode()))


@QUICK
@given(content=st.binary(max_size=300) | JSON.map(lambda data: json.dumps(data).encode()))
def test_any_bytes_as_the_card(whole: Path, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError):
        read_card(linked(whole, tmp_path, "cartridge.json", content))


@settings(QUICK, max_examples=25)
@given(
    name=st.sampled_from(LISTED[:3]),
    cut=st.integers(0, 2000),
    content=st.binary(max_size=64),
    header=st.binary(min_size=8, max_size=8),
)
def test_any_bytes_as_weights_or_starts(
    whole: Path, tmp_path: Path, name: str, cut: int, content: bytes, header: bytes
) -> None:
    original = (whole / name).read_bytes()
    for changed in (
        original[:cut] + content + original[cut + len(content) :],
        header + original[8:],
        content,
    ):
        folder = linked(whole, tmp_path, name, changed)
        sign_again(folder, name)
        load_or_refuse(folder)


def linked(whole: Path, tmp_path: Path, name: str, content: bytes) -> Path:
    """A copy of a cartridge in which one file has other content."""
    folder = tmp_path / "changed"
    folder.mkdir(exist_ok=True)
    for file in whole.iterdir():
        (folder / file.name).write_bytes(content if file.name == name else file.read_bytes())
    return folder


def load_or_refuse(path: Path) -> None:
    try:
        load(path)
    except UserError as error:
        assert str(error) and "\n" not in str(error)


def test_saving_replaces_a_cartridge_and_nothing_else(own: Path, tmp_path: Path) -> None:
    write_tiny_cartridge(own, replace(manifest(), title="Another"))
    assert load(own).manifest.title == "Another"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"], "something was left behind"

    (tmp_path / "empty").mkdir()
    write_tiny_cartridge(tmp_path / "empty")

    photos, file = tmp_path / "photos", tmp_path / "file"
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(b"cat")
    file.write_bytes(b"text")
    for path in (photos, file):
        with pytest.raises(UserError, match="is not a cartridge"):
            write_tiny_cartridge(path)
    assert (photos / "cat.jpg").read_bytes() == b"cat" and file.read_bytes() == b"text"


def test_a_full_disk_leaves_the_old_cartridge(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UserError, match="No space left"):
        write_tiny_cartridge(own, replace(manifest(), title="Another"))
    assert load(own).manifest.title == "A tiny dream"
    assert [path.name for path in own.parent.iterdir()] == ["tiny"]
