"""The login with keys of an application: a token of a day, stored, made anew under the session's lock."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import urlencode

from listener.connector import Http, Sessions, json_body, refuse, refuse_web_page
from listener.errors import BadPayload, NotAuthorised
from listener.types import Request

PATH: Final = "/api/v1/access_token"
EARLY_S: Final = 300.0
"""A token is renewed this long before it runs out."""
HELP: Final = "check connectors.reddit.client_id, client_secret, and user and password or refresh_token"


class Keys(NamedTuple):
    """What the user set: keys of the application, and how to log in with them."""

    client_id: str
    client_secret: str
    user: str | None = None
    password: str | None = None
    refresh_token: str | None = None

    @property
    def form(self) -> dict[str, str]:
        """The form of a login; without password or refresh token the application reads what is public.

        Source: https://github.com/reddit-archive/reddit/wiki/OAuth2, read 2026-11-23.
        """
        if self.refresh_token is not None:
            return {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        if self.user is not None and self.password is not None:
            return {"grant_type": "password", "username": self.user, "password": self.password}
        return {"grant_type": "client_credentials"}

    @property
    def name(self) -> str:
        """Tell the keys apart, so that a token of old ones is not used."""
        return hashlib.blake2b("\n".join(map(str, self)).encode(), digest_size=12).hexdigest()


def token(http: Http, sessions: Sessions, base_url: str, keys: Keys) -> str:
    """Give a token that is still good; where none is held, log in."""
    held = _held(sessions, keys)
    if held is not None:
        return held
    with sessions.lock():
        held = _held(sessions, keys)  # another thread or program may have been faster
        return held if held is not None else _new(http, sessions, base_url, keys)


def forget(sessions: Sessions) -> None:
    """Drop the token: the platform no longer takes it."""
    with sessions.lock():
        sessions.put("until", "")


def _held(sessions: Sessions, keys: Keys) -> str | None:
    name, _, until = (sessions.get("until") or "").partition(" ")
    try:
        is_good = name == keys.name and float(until) > datetime.now(UTC).timestamp() + EARLY_S
    except ValueError:
        return None
    return sessions.get("access") if is_good else None


def _new(http: Http, sessions: Sessions, base_url: str, keys: Keys) -> str:
    sessions.count_login()
    basic = base64.b64encode(f"{keys.client_id}:{keys.client_secret}".encode()).decode()
    form = urlencode(keys.form).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = http.send(Request(base_url + PATH, "POST", headers, {"Authorization": f"Basic {basic}"}, form))
    refuse_web_page(answer)
    if answer.status in (400, 401):
        raise NotAuthorised(f"HTTP {answer.status}: the login is refused; {HELP}")
    refuse(answer)
    body = json_body(answer)
    if isinstance(body, dict) and "error" in body and "access_token" not in body:
        raise NotAuthorised(f"the login is refused; {HELP}")
    found, seconds = (body.get("access_token"), body.get("expires_in")) if isinstance(body, dict) else (None, None)
    if not isinstance(found, str) or not found or not isinstance(seconds, int | float):
        raise BadPayload("the answer to the login holds no token")
    sessions.put("until", "")
    sessions.put("access", found)
    sessions.put("until", f"{keys.name} {datetime.now(UTC).timestamp() + seconds:.0f}")
    return found
