"""Configurations and checkpoints of older training runs, as they would be saved now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from base.errors import UserError
from training.recipes.world import flag

# Names that fields of recipes had, and what they are now.
FIELDS = {
    "streams": "rollouts",
    "stream_steps": "rollout_steps",
    "lost_light": "diverged_light",
    "share_enduring": "keep_diverged_share",
    "share_retried": "hard_start_share",
    "share_rehearsed": "replay_share",
    "share_events": "event_share",
    "share_stilled": "frozen_context_share",
    "share_dreamed": "dreamed_share",
    "learnt": "sequence_length",
}
# The same of parts of a checkpoint, and of those of its rollouts.
STATE = {"streams": "rollouts"}
ROLLOUTS = {"elsewhere": "displaced", "astray": "diverged"}
# Fields that the recipe of small worlds had.
REMOVED = ("sigmas", "share_first", "share_later", "sigma_location", "sigma_scale", "hard_places")


def renewed(config: Any) -> Any:
    """Return a run's configuration, plain data, as it would be saved now.

    One that has no fields of older runs is returned as it is. Raises UserError for a run that
    learnt what is no longer taught.
    """
    recipe = config.get("train") if isinstance(config, dict) else None
    if not isinstance(recipe, dict):
        return config
    # Recipes of two sizes have steps of play, and may spread their noise levels.
    small = "steps" not in recipe
    if not recipe.keys() & {*FIELDS, *REMOVED} and not (small and "context" in recipe):
        return config
    now = _renamed(recipe, FIELDS)
    return {**config, "train": _squared(_at_one_level(now)) if small else now}


def renewed_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return a learner's state, as a checkpoint has it, as it would be saved now."""
    now = _renamed(state, STATE)
    if isinstance(rollouts := now.get("rollouts"), dict):
        now["rollouts"] = _renamed(rollouts, ROLLOUTS)
    return now


def check_flags(arguments: Sequence[str]) -> None:
    """Raise UserError for a flag that has another name now, as on the cards of older worlds."""
    for word in arguments:
        name = word.removeprefix("--").partition("=")[0].replace("-", "_")
        if word.startswith("--") and name in FIELDS:
            raise UserError(f"{flag(name)} is called {flag(FIELDS[name])} now")


def _renamed(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in data.items()}


def _squared(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe of a small world that saw all of its context and learnt squared error."""
    now = {name: value for name, value in recipe.items() if name != "context"}
    context = recipe.get("context")
    seen = {"lags": list(range(context))} if isinstance(context, int) else {}
    return {"samples": 1, **seen, **now}


def _at_one_level(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe of a small world, all of whose examples are at the noise level of play."""
    now = {name: value for name, value in recipe.items() if name not in REMOVED}
    if "sigmas" in recipe:
        sigmas = recipe["sigmas"]
        if isinstance(sigmas, list) and len(sigmas) > 1:
            raise UserError(
                f"learns at {len(sigmas)} noise levels, and one is all that is taught now"
            )
        now["sigma"] = sigmas[0] if isinstance(sigmas, list) and sigmas else sigmas
        # It was begun without a frame prior, and with rollouts at once.
        now = {"prior_channels": [], "rollouts_from": 0.0, **now}
    # The only level was a later one, too.
    shares = [recipe.get("share_first", 1.0), recipe.get("share_later", 0.0)]
    if not all(isinstance(share, float) for share in shares) or sum(shares) < 1:
        raise UserError("learns at lower noise levels, too, which is no longer taught")
    if recipe.get("hard_places"):
        raise UserError("learns from listed hard places (--hard-places), which is no longer taught")
    return now
