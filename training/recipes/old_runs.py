"""Configurations of older training runs, as they would be saved now."""

from __future__ import annotations

from typing import Any

from base.errors import UserError

REMOVED = ("sigmas", "share_later", "hard_places")  # fields that the recipe of small worlds had


def renewed(config: Any) -> Any:
    """Return a run's configuration, plain data, as it would be saved now.

    One that has no fields of older runs is returned as it is. Raises UserError for a run that
    learnt what is no longer taught.
    """
    recipe = config.get("train") if isinstance(config, dict) else None
    if not isinstance(recipe, dict) or "sigmas" not in recipe:
        return config
    sigmas, shares = recipe["sigmas"], [recipe.get("share_first", 1.0), recipe.get("share_later")]
    if isinstance(sigmas, list) and len(sigmas) > 1:
        raise UserError(f"learns at {len(sigmas)} noise levels, and one is all that is taught now")
    if recipe.get("hard_places"):
        raise UserError("learns from listed hard places (--hard-places), which is no longer taught")
    now = {name: value for name, value in recipe.items() if name not in REMOVED}
    now["sigma"] = sigmas[0] if isinstance(sigmas, list) and sigmas else sigmas
    if all(isinstance(share, float) for share in shares):
        now["share_first"] = min(1.0, sum(shares))  # the only level was a later one, too
    now.setdefault("prior_channels", [])  # it was begun without a frame prior
    return {**config, "train": now}
