"""The Graph API's ways: errors by number, and pages whose address holds the token. No I/O."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from listener.errors import ConnectorError, NotAuthorised, RateLimited
from listener.types import Answer
from listener.waits import bounded

KEY: Final = "connectors.instagram.token"
RIGHTS: Final = "instagram_basic, instagram_manage_comments and pages_read_engagement"
LIMITED_S: Final = 3_600.0
WEEK_S: Final = 86_400.0
"""Of the week that hashtags are counted in, we wait a day at a time."""

# Source: https://developers.facebook.com/docs/graph-api/guides/error-handling and /docs/instagram-platform/reference,
# read 2026-11-23.
TOKEN: Final = frozenset({102, 190, 463, 467})
LIMITS: Final = frozenset({4, 17, 32, 341, 613, *range(80_000, 80_015)})
RIGHTS_LACK: Final = frozenset({3, 10, *range(200, 300)})
HASHTAGS: Final = 2_207_034
"""The subcode that says: 30 hashtags were asked for in these seven days."""
NO_HASHTAG: Final = 2_207_024


def refuse(answer: Answer) -> None:
    """Raise what an error stands for; its words stay there."""
    if answer.status < 400 or b'"error"' not in answer.body[:2_000]:
        return
    try:
        found = json.loads(answer.body)["error"]
        code, subcode, words = found.get("code"), found.get("error_subcode"), str(found.get("message"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    if subcode == HASHTAGS:
        raise RateLimited("30 different hashtags in seven days are all that may be asked for; remove some", WEEK_S)
    if subcode == NO_HASHTAG:
        raise ConnectorError("nobody has used this hashtag yet, or it may not be looked at; check its spelling")
    if code in TOKEN:
        raise NotAuthorised(f"error {code}: the token is wrong or has run out; make a new one for {KEY}")
    if code in LIMITS:
        raise RateLimited(f"error {code}: the platform asks us to wait", wait_s(answer.headers))
    if code in RIGHTS_LACK or (code == 100 and "ermission" in words):
        raise NotAuthorised(f"error {code}: the token of {KEY} may not read this; it needs {RIGHTS}")
    if code in (24, 100, 110):
        raise ConnectorError(f"error {code}: nothing is there, or the token may not see it; check the feed's name")
    raise ConnectorError(f"error {code}: the platform failed" if type(code) is int else "the platform failed")


def wait_s(headers: Mapping[str, str]) -> float:
    """Find when a limit ends: the longest that the header names, in minutes there."""
    try:
        uses = json.loads(headers.get("x-business-use-case-usage", "{}"))
        waits = [use.get("estimated_time_to_regain_access") or 0 for one in uses.values() for use in one]
        return bounded(max(float(one) for one in waits) * 60) if any(waits) else LIMITED_S
    except (ValueError, TypeError, AttributeError, RecursionError):
        return LIMITED_S


def following(body: Mapping[str, Any]) -> str | None:
    """Give what names the next page, without the token in its address; None: there is none."""
    paging = body.get("paging")
    address = paging.get("next") if isinstance(paging, dict) else None
    try:
        asked = dict(parse_qsl(urlsplit(address).query)) if isinstance(address, str) else {}
    except ValueError:
        return None
    return urlencode({"after": asked["after"]}) if asked.get("after") else None


def when(value: object) -> datetime | None:
    """Read a time such as `2026-09-02T07:43:20+0000`."""
    if not isinstance(value, str):
        return None
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
