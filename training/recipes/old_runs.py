"""Configurations of older training runs, as they would be saved now."""

from __future__ import annotations

from typing import Any

from base.errors import UserError

# Fields that the recipe of small worlds had.
REMOVED = ("sigmas", "share_first", "share_later", "sigma_location", "sigma_scale", "hard_places")


def renewed(config: Any) -> Any:
    """Return a run's configuration, plain data, as it would be saved now.

    One that has no fields of older runs is returned as it is. Raises UserError for a run that
    learnt what is no longer taught.
    """
    recipe = config.get("train") if isinstance(config, dict) else None
    # Recipes of two sizes have steps of play, and may spread their noise levels.
    if not isinstance(recipe, dict) or "steps" in recipe or not recipe.keys() & set(REMOVED):
        return config
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
        raise UserError(
            "learns at lower noise levels, too (--share-first), which is not taught now"
        )
    if recipe.get("hard_places"):
        raise UserError("learns from listed hard places (--hard-places), which is no longer taught")
    return {**config, "train": now}
