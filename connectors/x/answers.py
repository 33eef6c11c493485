"""What the answers of X mean that are no page: refusals, problems beside data, limits. No I/O."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from listener.errors import ConnectorError, NotAuthorised, OutOfBudget
from listener.types import Answer, Quota


# Any: raw JSON.
def body(answer: Answer) -> Any:
    """Read JSON; None: it is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def data(answer: Answer) -> Any:
    """Give what a good answer holds; None: nothing, or it is none."""
    found = body(answer)
    return found.get("data") if answer.status == 200 and isinstance(found, dict) else None


def tweets(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the posts of a body."""
    listed = found.get("data")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def refuse_named(answer: Answer) -> None:
    """Raise what the platform's problem types stand for. Source: https://docs.x.com/x-api/fundamentals/response-codes."""
    if answer.status < 400:
        return
    found = body(answer)
    said = json.dumps(found) if isinstance(found, dict) else ""
    if answer.status == 402 or "CreditsDepleted" in said:
        raise NotAuthorised(f"HTTP {answer.status}: the app has no credits left; buy some at console.x.com")
    if "usage-capped" in said or "UsageCapExceeded" in said:
        raise OutOfBudget("the platform's monthly cap is reached; nothing is read before the next month begins")
    if answer.status == 401:
        raise NotAuthorised("HTTP 401: the token or the keys are refused; look at [connectors.x]")
    if answer.status == 403 and said:
        raise NotAuthorised("HTTP 403: this app or account may not read that; look at its plan at console.x.com")
    if answer.status == 400:
        raise ConnectorError("HTTP 400: the platform refuses this request; check the words of the search or the rule")


def refuse_partial(found: object) -> None:
    """Raise where errors came alone; beside data or a count they only say what is missing on the page."""
    if not isinstance(found, dict) or found.keys() & {"data", "meta"} or not isinstance(found.get("errors"), list):
        return
    said = json.dumps(found["errors"])
    if "not-authorized-for-resource" in said:
        raise ConnectorError("the account is protected or suspended; its posts are not given to you")
    raise ConnectorError("there is no such account or list; check its name")


def quotas(headers: Mapping[str, str]) -> tuple[Quota, ...]:
    """Say what is left of the endpoint's requests."""
    values = [headers.get(f"x-rate-limit-{name}", "") for name in ("remaining", "limit", "reset")]
    if not all(value.isascii() and value.isdigit() and len(value) <= 11 for value in values):
        return ()
    left, most, reset = map(int, values)
    return (Quota("requests in 15 minutes", left, most, datetime.fromtimestamp(reset, UTC)),)
