"""Recordings on the Hub: pushed with a card, pulled again file by file, and checked."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from base.errors import UserError
from datasets.episode import EpisodeFile
from datasets.folder import write_held_out
from datasets.recording import Recording
from datasets.stamp import stamped
from datasets.store import Store
from hub.downloads import CancelledError, Offer
from hub.recordings_download import pull
from hub.recordings_upload import card, push
from hub.transfer import DamagedError
from tests.support.hub_server import Faults, HubServer, serving, use
from tests.support.recordings import Here, record_toys, toy_episode, toy_info
from tools.options.hub import PullData, PushData
from tools.sharing import recordings

ROOT = Path(__file__).resolve().parents[2]
REPO = "me/toys"
FIRST, SECOND = "episode_000000.h5", "episode_000001.h5"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    record_toys(tmp_path / "recorded", 20, 5, 9)
    write_held_out(tmp_path / "recorded", [2], "for a test")
    return tmp_path / "recorded"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with serving({}) as running:
        use(running, tmp_path, monkeypatch)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        monkeypatch.setattr("hub.recordings_download.IsolatedProcess", Here)
        yield running


def yes(offer: Offer) -> bool:
    return True


def never(offer: Offer) -> bool:
    raise AssertionError("nobody should be asked")


def test_a_dataset_goes_to_the_hub_and_comes_back(
    server: HubServer, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings.push(PushData(recorded, REPO, "CC0-1.0", yes=True))
    assert f"they are at {server.url}/datasets/{REPO}" in capsys.readouterr().out
    recordings.pull(PullData(REPO, tmp_path / "pulled", yes=True))
    out = capsys.readouterr().out
    assert "licence: cc0-1.0" in out and "3 episodes of toy are in" in out
    assert f"python -m tools.train --data {tmp_path / 'pulled'}" in out
    for path in recorded.glob("*[0-9t].[ht]*"):
        assert (tmp_path / "pulled" / path.name).read_bytes() == path.read_bytes()
    assert Store(tmp_path / "pulled").split() == Store(recorded).split() == ([0, 1], [2])


def test_the_card_says_what_is_in_it_and_how_to_train_on_it(recorded: Path) -> None:
    text = card(Store(recorded), REPO, "for | research\nonly")
    front = yaml.safe_load(text.split("---\n")[1])
    assert (front["license"], front["license_name"]) == ("other", "for-research-only")
    assert front["pretty_name"] == "Recordings of toy" and "world-model" in front["tags"]
    for row in (
        "| game | toy |",
        "| episodes | 3, of 5 to 20 steps |",
        "| steps | 34, 15 a second: 0.0 minutes |",
        "| frames | 8 × 8 pixels, RGB |",
        "| episodes by player | random 3 (100.0%) |",
        "| steps by way of playing | random 34 (100.0%) |",
        "| licence | for / research only |",
    ):
        assert row in text
    assert f"python -m tools.hub pull-data {REPO} data/toy\n" in text
    assert "python -m tools.train --data data/toy --out runs/toy\n" in text


def test_only_whole_recordings_are_pushed(
    server: HubServer, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="--licence needs a name"):
        PushData(recorded, REPO, " ")
    with pytest.raises(UserError, match="no repository on the Hub"):
        push(recorded, "toys", "mit")
    with Recording(recorded, "toy") as recording:
        recording.begin(toy_info(), toy_episode(1)[0])
        while not list(recorded.glob("*.journal")):  # a thread writes it
            time.sleep(0.01)
        with pytest.raises(UserError, match="is being recorded"):
            push(recorded, REPO, "mit")
    whole = (recorded / SECOND).read_bytes()
    (recorded / SECOND).write_bytes(whole[:-1])
    with pytest.raises(UserError, match=r"not all of .* can be published: .*is damaged"):
        push(recorded, REPO, "mit")
    (recorded / SECOND).write_bytes(whole)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="needs an account"):
        push(recorded, REPO, "mit")
    assert not server.repos


KILLED = """
import os, signal, sys
from pathlib import Path
from datasets import recording
from tests.support.recordings import record_toys
recording.append = lambda descriptor, data: os.kill(os.getpid(), signal.SIGKILL)
record_toys(Path(sys.argv[1]), 5)
"""


def test_a_recorder_killed_as_it_began_does_not_stop_the_rest_from_being_pushed(
    server: HubServer, recorded: Path
) -> None:
    before = {path.name for path in recorded.glob("episode_*")}
    program = [sys.executable, "-c", KILLED, str(recorded)]
    assert subprocess.run(program, cwd=ROOT).returncode == -signal.SIGKILL
    (left,) = recorded.glob("*.journal")
    assert left.stat().st_size == 0
    push(recorded, REPO, "mit")
    assert before <= set(server.repos[REPO].files) and not left.exists()


def test_what_is_whole_of_a_damaged_recording_can_be_pushed(
    server: HubServer, recorded: Path
) -> None:
    kept = recorded / "episode_000000.journal.damaged"
    kept.write_bytes(b"whatever it was")
    push(recorded, REPO, "mit")
    assert kept.name not in server.repos[REPO].files and kept.exists()


def test_a_cut_download_goes_on_and_new_episodes_come_along(
    server: HubServer, recorded: Path, tmp_path: Path
) -> None:
    push(recorded, REPO, "mit")
    out, offers = tmp_path / "pulled", list[Offer]()
    server.faults = Faults(status={SECOND: 403})
    with pytest.raises(UserError, match="403"):
        pull(REPO, out, yes)
    assert not list(out.glob("*.h5"))
    server.faults = Faults()
    server.requests.clear()

    def ask(offer: Offer) -> bool:
        offers.append(offer)
        return True

    assert pull(REPO, out, ask) == {}
    assert [file.path for file in offers[0].files][-2:] == [SECOND, "episode_000002.h5"]
    assert not any(FIRST in request.path for request in server.requests)  # it was there
    record_toys(recorded, 4)
    push(recorded, REPO, "mit")
    assert pull(REPO, out, ask) == {} and len(Store(out)) == 4
    assert [f.path for f in offers[1].files if f.path.endswith(".h5")] == ["episode_000003.h5"]
    assert pull(REPO, out, never) == {}
    assert "| episodes | 4, of" in (out / "README.md").read_text()


def test_a_pull_that_was_killed_while_copying_leaves_no_half_copy(
    server: HubServer, recorded: Path, tmp_path: Path
) -> None:
    push(recorded, REPO, "mit")
    out = tmp_path / "pulled"
    out.mkdir()
    (out / f".{FIRST.removesuffix('.h5')}.x1_y2.h5").write_bytes(b"half")
    assert pull(REPO, out, yes) == {} and len(Store(out)) == 3
    assert not list(out.glob(".episode*"))


def test_what_is_not_as_the_hub_lists_it_never_arrives(
    server: HubServer, recorded: Path, tmp_path: Path
) -> None:
    push(recorded, REPO, "mit")
    whole = server.repos[REPO].files[SECOND]
    server.faults = Faults(wrong={SECOND: whole[:-1] + bytes([whole[-1] ^ 1])})
    with pytest.raises(DamagedError, match=rf"{SECOND} has .* and should have"):
        pull(REPO, tmp_path / "out", yes)
    assert not list((tmp_path / "out").glob("*.h5"))
    server.faults = Faults()
    assert pull(REPO, tmp_path / "out", yes) == {}
    # What was altered in the cache since is found as well.
    (blob,) = (tmp_path / "hub").rglob(f"snapshots/*/{FIRST}")
    for path in (tmp_path / "out").glob("*.h5"):
        path.unlink()
    blob.write_bytes(b"?")
    with pytest.raises(DamagedError, match="thrown away, so run the same again"):
        pull(REPO, tmp_path / "out", never)
    assert pull(REPO, tmp_path / "out", yes) == {} and len(Store(tmp_path / "out")) == 3


def test_episodes_that_cannot_be_read_are_left_out(
    server: HubServer, recorded: Path, tmp_path: Path
) -> None:
    """Whoever made the dataset may have stamped what is no episode at all."""
    push(recorded, REPO, "mit")
    files = server.repos[REPO].files
    with h5py.File(recorded / FIRST, "r+") as file:  # its frames cannot be unpacked
        file["frames"].id.write_direct_chunk((0, 0, 0, 0), b"no zlib stream")
    files[FIRST] = stamped((recorded / FIRST).read_bytes())
    files[SECOND] = stamped(np.random.default_rng(0).bytes(9000))
    files["episode_000009.journal"] = b"of no interest"
    files["../evil.h5"] = files["sub/episode_000004.h5"] = b"neither"
    refused = pull(REPO, tmp_path / "out", yes)
    assert sorted(refused) == [FIRST, SECOND]
    assert "cannot read frames" in refused[FIRST] and "not a whole episode" in refused[SECOND]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [".recording", "README.md", "episode_000002.h5", "held_out.txt"]
    assert len(EpisodeFile(tmp_path / "out" / "episode_000002.h5")) == 9


def test_other_recordings_are_not_mixed_in(
    server: HubServer, recorded: Path, tmp_path: Path
) -> None:
    push(recorded, REPO, "mit")
    with pytest.raises(CancelledError, match="3 recorded episodes"):
        pull(REPO, tmp_path / "out", lambda offer: False)
    record_toys(tmp_path / "mine", 7)
    with pytest.raises(UserError, match=rf"{FIRST} is not what {REPO} holds"):
        pull(REPO, tmp_path / "mine", never)
    record_toys(tmp_path / "more", 1, 1, 1, 1)
    with pytest.raises(UserError, match=rf"episode_000003\.h5 is not from {REPO}"):
        pull(REPO, tmp_path / "more", never)
    with pytest.raises(UserError, match=r"the Hub at .* has no me/nothing"):
        pull("me/nothing", tmp_path / "out", never)
    server.repos[REPO].files = {"README.md": b"# Poems"}
    with pytest.raises(UserError, match="holds no recordings"):
        pull(REPO, tmp_path / "out", never)


def test_texts_of_the_users_own_stay_and_are_no_part_of_the_cache(
    server: HubServer, recorded: Path, tmp_path: Path
) -> None:
    """A project's README became the card of the recordings that were pulled beside it."""
    push(recorded, REPO, "mit")
    out = tmp_path / "out"
    out.mkdir()
    (out / "README.md").write_text("my own")
    assert list(pull(REPO, out, yes)) == ["README.md"]
    assert (out / "README.md").read_text() == "my own"
    (out / "held_out.txt").write_text("0\n")  # edited in place, as some editors do
    assert sorted(pull(REPO, out, never)) == ["README.md", "held_out.txt"]
    assert (out / "held_out.txt").read_text() == "0\n"
    assert pull(REPO, tmp_path / "another", never) == {}, "the cache is as it was"


def test_a_disk_that_is_full_is_no_damaged_episode(
    server: HubServer, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(recorded, REPO, "mit")

    copy = shutil.copyfile

    def refuse(source: Path, target: Path) -> None:
        if target.suffix == ".h5":
            raise OSError(28, "No space left on device")
        copy(source, target)

    monkeypatch.setattr("hub.recordings_download.os.link", refuse)
    monkeypatch.setattr("hub.recordings_download.shutil.copyfile", refuse)
    with pytest.raises(UserError, match="No space left on device"):
        pull(REPO, tmp_path / "out", yes)


def test_what_is_published_as_held_out_is_such_a_list(
    server: HubServer, recorded: Path, tmp_path: Path
) -> None:
    """A link to a key, in somebody's recordings, put the key on the Hub."""
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----\n")
    (recorded / "held_out.txt").unlink()
    (recorded / "held_out.txt").symlink_to(tmp_path / "key")
    with pytest.raises(UserError, match=r"held_out\.txt leads out of"):
        push(recorded, REPO, "mit")
