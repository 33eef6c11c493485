"""The Graph API's ways: errors by number, and pages whose address holds the token. No I/O."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from listener.errors import ConnectorError, NotAuthorised, RateLimited
from listener.types import Answer, Quota
from listener.waits import bounded

LIMITED_S: Final = 3_600.0
"""Limits count the last hour; where no header says when they end, all of it is waited."""
KEPT: Final = ("after", "until", "__paging_token")
"""What of a next page's address may be stored. The rest is our own, or secret."""

# Source: https://developers.facebook.com/docs/graph-api/guides/error-handling and /overview/rate-limiting, read
# 2026-11-23.
TOKEN: Final = frozenset({102, 190, 463, 467})
LIMITS: Final = frozenset({4, 17, 32, 341, 613, *range(80_000, 80_015)})
RIGHTS: Final = frozenset({3, 10, *range(200, 300)})
GONE: Final = (100, 33)
"""Code and subcode of what is deleted, or may not be seen; the platform does not say which."""
HOPELESS: Final = 100


def refuse(answer: Answer, key: str, rights: str) -> None:
    """Raise what an error stands for; `key`: the setting of the token, `rights`: what it needs. Words stay there."""
    code, subcode, words = error(answer)
    if code is None:
        return
    if code in TOKEN:
        raise NotAuthorised(f"error {code}: the token is wrong or has run out; make a new one for {key}")
    if code in LIMITS:
        raise RateLimited(f"error {code}: the platform asks us to wait", wait_s(answer.headers))
    if code in RIGHTS or (code == HOPELESS and ("ermission" in words or "Public Content Access" in words)):
        raise NotAuthorised(f"error {code}: the token of {key} may not read this; it needs {rights}")
    if (code, subcode) == GONE or code == 803:
        raise ConnectorError(f"error {code}: nothing is there, or the token may not see it; check the feed's name")
    if code == HOPELESS:
        raise ConnectorError("error 100: the platform does not take this question; check the feed and the version")
    raise ConnectorError(f"error {code}: the platform failed")


def error(answer: Answer) -> tuple[int | None, int | None, str]:
    """Read an error's code, subcode and words; None: it is none."""
    if answer.status < 400 or b'"error"' not in answer.body[:2_000]:
        return None, None, ""
    try:
        found = json.loads(answer.body)["error"]
        code, subcode = found.get("code"), found.get("error_subcode")
        return code if type(code) is int else 0, subcode if type(subcode) is int else None, str(found.get("message"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, None, ""


def wait_s(headers: Mapping[str, str]) -> float:
    """Find when a limit ends: the longest that a header names, in minutes there."""
    minutes = [0.0]
    for one in _usage(headers, "x-business-use-case-usage").values():
        for use in one if isinstance(one, list) else ():
            wait = use.get("estimated_time_to_regain_access") if isinstance(use, dict) else None
            minutes.append(float(wait) if isinstance(wait, int | float) else 0.0)
    return bounded(max(minutes) * 60) if max(minutes) > 0 else LIMITED_S


def quotas(headers: Mapping[str, str]) -> tuple[Quota, ...]:
    """Read how much of the hour's calls is left, in per cent."""
    used = [value for value in _usage(headers, "x-app-usage").values() if isinstance(value, int | float)]
    return (Quota("per cent of the app's hour", max(0, 100 - int(max(used))), 100),) if used else ()


def following(body: Mapping[str, Any]) -> str | None:
    """Give what names the next page, without the token in its address; None: there is none.

    A page may be short, even empty, and still have a next one.
    """
    paging = body.get("paging")
    address = paging.get("next") if isinstance(paging, dict) else None
    if not isinstance(address, str):
        return None
    try:
        asked = dict(parse_qsl(urlsplit(address).query))
    except ValueError:
        return None
    return urlencode({name: asked[name] for name in KEPT if asked.get(name)}) or None


def when(value: object) -> datetime | None:
    """Read a time such as `2026-09-02T07:43:20+0000`."""
    if not isinstance(value, str):
        return None
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _usage(headers: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        found = json.loads(headers.get(name, "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
