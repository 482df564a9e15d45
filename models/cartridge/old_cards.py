"""Cards and weights of older cartridges, as they would be written now.

Worlds were once played in two steps, of which the second looked again at what the first had left
open ("insist"), and had a further network, the decider, for their finished frames. Such a world now
plays by its first step alone. Samplers of presets were numbers of steps between two noise levels;
now the levels are given one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from base.errors import UserError
from models.schedule import karras

V = TypeVar("V")
RHO = 7.0  # of samplers that do not say
DECIDER = "decider"  # its size in a denoiser's configuration, and how its weights' names begin


def renewed(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card as it would be written now; what is no older card's stays to be refused."""
    changed: dict[str, Any] = dict(card)
    for name in ("denoiser", "upsampler"):
        if isinstance(network := card.get(name), dict):
            changed[name] = {key: value for key, value in network.items() if key != DECIDER}
    if isinstance(sampler := card.get("sampler"), dict):
        changed["sampler"] = _levels(sampler)
    if isinstance(presets := card.get("presets"), dict):
        changed["presets"] = {name: _preset(preset) for name, preset in presets.items()}
    return changed


def without_decider(weights: Mapping[str, V]) -> dict[str, V]:
    """Return a denoiser's weights, by name, without those of a decider."""
    return {name: w for name, w in weights.items() if not name.startswith(f"{DECIDER}.")}


def _levels(sampler: dict[str, Any]) -> dict[str, Any]:
    """Return a sampler whose levels were given: of those that insisted the first is left."""
    way, sigmas = sampler.get("name"), sampler.get("sigmas")
    if way not in ("euler", "insist"):
        return sampler
    kept = {key: value for key, value in sampler.items() if key != "name"}
    if way == "insist" and isinstance(sigmas, list):
        kept["sigmas"] = sigmas[:1]
    return kept


def _preset(preset: Any) -> Any:
    """Return a preset whose samplers have their levels one by one."""
    if not isinstance(preset, dict):
        return preset
    return {name: _sampler(sampler) for name, sampler in preset.items()}


def _sampler(sampler: Any) -> Any:
    """Return a sampler with its levels; of one that insisted the first step is left."""
    if not isinstance(sampler, dict):
        return sampler
    kept = dict(sampler)
    if isinstance(kept.get("insist"), bool) and kept.pop("insist"):
        kept["steps"] = 1
    steps = kept.get("steps")
    numbers: list[Any] = [kept.get("sigma_min"), kept.get("sigma_max"), kept.get("rho", RHO)]
    if type(steps) is not int or any(type(number) not in (int, float) for number in numbers):
        return kept
    try:
        sigmas = karras(steps, *(float(number) for number in numbers))
    except (ValueError, OverflowError) as error:
        raise UserError(f"a preset has noise levels that cannot be: {error}") from error
    for name in ("steps", "sigma_max"):
        kept.pop(name)
    return {**kept, "sigmas": list(sigmas)}
