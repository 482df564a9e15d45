"""Cards and weights of older cartridges, as they would be written now.

Worlds were once played in two steps, of which the second looked again at what the first had left
open ("insist"), and had a further network, the decider, for their finished frames. Such a world now
plays by its first step alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

V = TypeVar("V")
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
    """A sampler that walks levels given one by one: of those that insisted the first is left."""
    way, sigmas = sampler.get("name"), sampler.get("sigmas")
    if way not in ("euler", "insist"):
        return sampler
    kept = {key: value for key, value in sampler.items() if key != "name"}
    if way == "insist" and isinstance(sigmas, list):
        kept["sigmas"] = sigmas[:1]
    return kept


def _preset(preset: Any) -> Any:
    """A preset, each of its samplers without "insist": of those that did the first step is left."""
    if not isinstance(preset, dict):
        return preset
    return {name: _sampler(sampler) for name, sampler in preset.items()}


def _sampler(sampler: Any) -> Any:
    if not isinstance(sampler, dict) or not isinstance(sampler.get("insist"), bool):
        return sampler
    kept = {key: value for key, value in sampler.items() if key != "insist"}
    return {**kept, "steps": 1} if sampler["insist"] else kept
