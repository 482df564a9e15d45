"""Numbers from YAML: the numbers are there, names of code are not, and damage is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError
from models.diamond.yaml_numbers import Value, read_numbers

AGENT = """
_target_: agent.AgentConfig

denoiser:
  _target_: models.diffusion.DenoiserConfig
  sigma_data: 0.5
  lr: 1e-4
  upsampling_factor: null
  inner_model:
    _target_: models.diffusion.InnerModelConfig
    channels: [64, 64, 64, 64]
    attn_depths:
      - 0
      - 1
    num_actions: ${env.num_actions}
    name: 'quoted 12'
    quoted: "12"
    mixed: [1, two]
    is_upsampler: False
"""


def test_numbers_are_read_and_names_are_not(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT)
    assert read_numbers(file) == {
        "denoiser": {
            "sigma_data": 0.5,
            "lr": 1e-4,
            "upsampling_factor": None,
            "inner_model": {
                "channels": [64, 64, 64, 64],
                "attn_depths": [0, 1],
                "is_upsampler": False,
            },
        },
    }


@pytest.mark.parametrize(
    "text",
    ["010", "1:30", "yes", ".inf", ".nan", "1_000", "0x1f", "1e999", "2001-12-14", "12" * 20],
)
def test_what_may_be_read_in_two_ways_is_text(tmp_path: Path, text: str) -> None:
    """YAML 1.1 makes 8, 90, True and a date of some of these; a reader of 1.2 does not."""
    file = tmp_path / "a.yaml"
    file.write_text(f"a: {text}\nb: -2.\n")
    assert read_numbers(file) == {"b": -2.0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: !!python/object/apply:os.system ['touch harm']", "it has a tag"),
        ("a: !!int 3", "it has a tag"),
        ("a: &x [1]\nb: *x", "it has an alias"),
        ("a: &x [*x]", "it has an alias"),
        ("[1, 2]", "it is no mapping"),
        ("3", "it is no mapping"),
        ("", "it is empty"),
        ("a: 1\n---\nb: 2", "it is more than one document"),
        ("a: 1\na: 2", "it has 'a' twice"),
        ("? [a]\n: 1", "it has a key that is not text"),
        ("a: " + "[" * 5000 + "]" * 5000, "more than 20 levels deep"),
        ("a: [1\nb: 2", r"is not YAML \(line 2\)"),
        ("a: 1 # " + "x" * 70_000, "is too large to be a configuration"),
    ],
)
def test_what_is_no_plain_configuration_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=rf"a\.yaml .*{says}"):
        read_numbers(file)
    assert not Path("harm").exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*absent\.yaml"):
        read_numbers(tmp_path / "absent.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(UserError, match=r"bytes\.yaml is not text"):
        read_numbers(tmp_path / "bytes.yaml")


def _only_numbers(value: Value) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _only_numbers(v) for key, v in value.items())
    if isinstance(value, list):
        return all(map(_only_numbers, value))
    return value is None or type(value) in (bool, int, float)


@given(st.data())
def test_damage_gives_numbers_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = AGENT
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        piece = st.one_of(st.text("&*!|>%@-?:{}[],'\"\n \t#<0e.", max_size=12), st.text(max_size=8))
        text = text[:start] + data.draw(piece) + text[start + data.draw(st.integers(0, 30)) :]
    file = tmp_path_factory.mktemp("damaged") / "a.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        numbers = read_numbers(file)
    except UserError as error:
        assert "a.yaml" in str(error)
    else:
        assert _only_numbers(numbers)
