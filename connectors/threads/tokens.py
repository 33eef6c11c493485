"""The access token: given once, renewed each week of the 60 days that it lives, kept with the session."""

import json
from datetime import datetime
from hashlib import blake2b
from typing import Final
from urllib.parse import urlencode

from pydantic import SecretStr

from listener.connector import Http, Sessions, secret
from listener.errors import ConnectorError
from listener.types import Request

KEY: Final = "connectors.threads.token"
NAME: Final = "token"
FACTS: Final = "token facts"
YOUNG_S: Final = 25 * 3_600.0
"""A token younger than a day is not renewed (developers.facebook.com/docs/threads/get-started/long-lived-tokens, read
2026-11-23)."""
RENEWED_S: Final = 7 * 86_400.0
AGAIN_S: Final = 6 * 3_600.0
"""How long a renewal that failed is left alone; the old token goes on meanwhile."""


class Tokens:
    """Give the token to use; `base`: where it is renewed."""

    def __init__(self, given: SecretStr | None, http: Http, sessions: Sessions | None, base: str) -> None:
        self._given, self._http, self._sessions, self._base = given, http, sessions, base

    def current(self, now: datetime) -> str:
        """Give the newest token, renewed where it is time; another one in the settings takes the kept one's place."""
        given = secret(self._given, KEY)
        if self._sessions is None:
            return given
        token, due_s = self._held(given)
        if token is not None and now.timestamp() < due_s:
            return token
        with self._sessions.lock():
            token, due_s = self._held(given)  # another thread or program may have been faster
            if token is None:
                return self._keep(given, given, now.timestamp() + YOUNG_S)
            if now.timestamp() < due_s:
                return token
            renewed = self._renewed(token)
            wait_s = AGAIN_S if renewed is None else RENEWED_S
            return self._keep(given, renewed or token, now.timestamp() + wait_s)

    def _held(self, given: str) -> tuple[str | None, float]:
        assert self._sessions is not None
        try:
            facts, token = json.loads(self._sessions.get(FACTS) or "{}"), self._sessions.get(NAME)
            if facts.get("of") == _mark(given):
                return token, float(facts["due_s"])
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        return None, 0.0

    def _keep(self, given: str, token: str, due_s: float) -> str:
        assert self._sessions is not None
        self._sessions.put(NAME, token)  # by itself, so that logs know it
        self._sessions.put(FACTS, json.dumps({"of": _mark(given), "due_s": due_s}))
        return token

    def _renewed(self, token: str) -> str | None:
        """Ask for a new token; None: not now. The platform takes the old one in the address only."""
        params = urlencode({"grant_type": "th_refresh_token", "access_token": token})
        try:
            answer = self._http.send(Request(f"{self._base}/refresh_access_token?{params}"))
            found = json.loads(answer.body).get("access_token") if answer.status == 200 else None
        except (ConnectorError, ValueError, AttributeError, RecursionError):
            return None
        return found if isinstance(found, str) and found else None


def _mark(given: str) -> str:
    return blake2b(given.encode(), digest_size=8).hexdigest()
