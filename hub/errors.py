"""Errors between here and the Hub, in one line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from base.errors import UserError

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


class UnreachableError(UserError):
    """The Hub cannot be asked now: no network, a server's fault, or told not to."""


@contextmanager
def explained(repo: str) -> Iterator[None]:
    """Raise a UserError in place of anything that asking the Hub for `repo` can raise.

    UnreachableError where another time, or another network, may do better.
    """
    import httpx2
    from huggingface_hub import constants, errors

    hub = constants.ENDPOINT
    try:
        yield
    except UserError:
        raise
    except errors.OfflineModeIsEnabled as error:
        raise UnreachableError(
            f"{repo} is not, or not whole, in the cache at {constants.HF_HUB_CACHE}, and "
            "HF_HUB_OFFLINE forbids to download it; unset HF_HUB_OFFLINE"
        ) from error
    except errors.GatedRepoError as error:
        raise UserError(
            f"{repo} is only for those who accepted its terms: do so at {hub}/{repo}, then {LOG_IN}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"the Hub at {hub} has no {repo}, or shows it to its owners alone; check the name, and "
            f"if it is private {LOG_IN}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{repo} at {hub} no longer has the revision that is asked for") from error
    except errors.HfHubHTTPError as error:
        raise _refusal(repo, hub, error.response.status_code) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, ImportError) as error:  # some proxies need more
        raise UnreachableError(
            f"cannot reach the Hub at {hub} ({short(error)}); check the network and its proxy, or "
            "set HF_ENDPOINT to a mirror"
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot write to {constants.HF_HUB_CACHE}: {error.strerror or error}; make room "
            "there, or set HF_HOME to a folder elsewhere, and run the same again"
        ) from error


def _refusal(repo: str, hub: str, status: int) -> UserError:
    """The error for an answer that is no file."""
    if status in (401, 403):
        return UserError(f"the Hub at {hub} does not let you at {repo} ({status}); {LOG_IN}")
    if status == 404:
        return UserError(f"a file of {repo} is missing at {hub} (404)")
    if status == 429:
        return UnreachableError(f"the Hub at {hub} is asked too often (429); wait some minutes")
    if status >= 500:
        return UnreachableError(f"the Hub at {hub} has a fault ({status}); try again later")
    return UserError(f"the Hub at {hub} refuses {repo} ({status})")


def short(error: Exception) -> str:
    """The first line of an error, or its name."""
    lines = str(error).splitlines()
    return lines[0][:120] if lines else type(error).__name__
