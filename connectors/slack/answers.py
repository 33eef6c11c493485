"""What Slack's own errors ask us to do. They come with HTTP 200. No I/O."""

from datetime import UTC, datetime
from typing import Final

from listener.connector import json_body
from listener.errors import ConnectorError, NotAuthorised, RateLimited
from listener.types import Answer
from listener.waits import wait_s

SCOPES: Final = (
    "channels:history",
    "channels:read",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "mpim:history",
    "mpim:read",
    "users:read",
)
KEY_HELP: Final = "look at connectors.slack.token"
# Source: the error tables of https://docs.slack.dev/reference/methods/conversations.history, read 2026-11-23.
TOKEN: Final = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "two_factor_setup_required"}
    | {"team_access_not_granted", "enterprise_is_restricted", "org_login_required", "ekm_access_denied"}
)
SCOPE: Final = frozenset({"missing_scope", "no_permission", "not_allowed_token_type", "access_denied"})


def refuse_named(answer: Answer) -> None:
    """Raise what the error in a body stands for; its words are not repeated."""
    if b'"error"' not in answer.body:
        return
    body = json_body(answer)
    if not isinstance(body, dict) or body.get("ok") is not False:
        return
    error = body.get("error")
    if error in ("ratelimited", "rate_limited", "accesslimited"):
        raise RateLimited("the platform asks us to wait", wait_s(answer.headers, datetime.now(UTC)))
    if error in TOKEN:
        raise NotAuthorised(f"the token is refused ({error}); {KEY_HELP}")
    if error in SCOPE:
        raise NotAuthorised(f"the token may not do this ({error}); add the scopes {', '.join(SCOPES)} and reinstall it")
    if error == "not_in_channel":
        raise NotAuthorised("the app is not in this channel; write /invite @your-app there")
    if error == "channel_not_found":
        raise ConnectorError("no such channel, or a private one without the app; check the id, write /invite @your-app")
    raise ConnectorError("the platform failed and names no cause that we know")
