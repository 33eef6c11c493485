"""The login: made once, stored, refreshed under its lock. The client library is loaded only where a login is made."""

import json
from typing import Any, Final, NamedTuple

from listener.connector import Http, Sessions
from listener.errors import BadPayload
from listener.types import Answer, Request

EXPIRED: Final = (b'"ExpiredToken"', b'"InvalidToken"')


class Tokens(NamedTuple):
    """What a login gives: the one is good for hours, the other for weeks."""

    access: str
    refresh: str


class Login:
    """The user's session at their server. A token belongs to one account at one server, and goes nowhere else."""

    def __init__(self, http: Http, sessions: Sessions, base_url: str, handle: str) -> None:
        self._http = http
        self._sessions = sessions
        self._base_url = base_url
        self._handle = handle

    def send(self, request: Request, password: str) -> Answer:
        """Send a request as the user; where the token has run out, once more with a new one."""
        token = self._token(None, password)
        if isinstance(token, Answer):
            return token
        answer = self._http.send(_signed(request, token))
        if answer.status not in (400, 401) or not any(name in answer.body[:500] for name in EXPIRED):
            return answer
        renewed = self._token(token, password)
        return renewed if isinstance(renewed, Answer) else self._http.send(_signed(request, renewed))

    def _token(self, spent: str | None, password: str) -> str | Answer:
        """Give a token that is not `spent`: the one held, a refreshed one, or that of a new login.

        An answer in its place: the server refused all of them.
        """
        held = self._held("access")
        if held is not None and held != spent:
            return held
        with self._sessions.lock():
            held = self._held("access")  # another thread or program may have been faster
            if held is not None and held != spent:
                return held
            return self._renewed(password)

    def _renewed(self, password: str) -> str | Answer:
        refresh = self._held("refresh")
        if refresh is not None:
            outcome = _refresh(self._http, self._base_url, refresh)
            if not isinstance(outcome, Answer):
                return self._kept(outcome)
            if outcome.status not in (400, 401):
                return outcome
        # None was held, or it is too old or taken back.
        self._sessions.count_login()
        outcome = _create(self._http, self._base_url, self._handle, password)
        return outcome if isinstance(outcome, Answer) else self._kept(outcome)

    @property
    def _owner(self) -> str:
        return f"{self._handle} {self._base_url}"

    def _held(self, name: str) -> str | None:
        return self._sessions.get(name) if self._sessions.get("owner") == self._owner else None

    def _kept(self, tokens: Tokens) -> str:
        # Broken off in between, what is held belongs to nobody.
        self._sessions.put("owner", "")
        self._sessions.put("refresh", tokens.refresh)
        self._sessions.put("access", tokens.access)
        self._sessions.put("owner", self._owner)
        return tokens.access


def _create(http: Http, base_url: str, handle: str, password: str) -> Tokens | Answer:
    """Log in. Source: https://docs.bsky.app/docs/api/com-atproto-server-create-session."""
    return _call(http, base_url, "create_session", {"identifier": handle, "password": password})


def _refresh(http: Http, base_url: str, token: str) -> Tokens | Answer:
    """Trade the longer-lived token for two new ones, which is no login."""
    return _call(http, base_url, "refresh_session", headers={"Authorization": f"Bearer {token}"})


# Any: the library's methods take what the lexicon says, and bring no types with them.
def _call(http: Http, base_url: str, method: str, *data: Any, **options: Any) -> Tokens | Answer:
    """Ask the account's server through the client library; an answer with its status where it refused."""
    from atproto_client.client.raw import ClientRaw  # type: ignore[import-untyped]  # the library has no marker
    from atproto_client.exceptions import AtProtocolError, RequestErrorBase  # type: ignore[import-untyped]
    from atproto_client.request import Request as Requests  # type: ignore[import-untyped]

    from listener.bridges import GuardedTransport

    hooks = {"response": [_says_json]}
    requests = Requests(transport=GuardedTransport(http), trust_env=False, event_hooks=hooks)
    library = ClientRaw(base_url, request=requests)
    try:
        session = getattr(library.com.atproto.server, method)(*data, **options)
    except RequestErrorBase as error:
        if error.response is None:
            raise
        body = json.dumps({"error": getattr(error.response.content, "error", None)}).encode()
        return Answer(base_url, error.response.status_code, error.response.headers, body)
    except AtProtocolError as error:
        raise BadPayload("the login's answer holds no tokens") from error
    return Tokens(session.access_jwt, session.refresh_jwt)


def _says_json(response: Any) -> None:
    """Mark an answer as what it must be; the library reads none that does not say so itself."""
    response.headers["content-type"] = "application/json"


def _signed(request: Request, token: str) -> Request:
    return Request(request.url, request.method, request.headers, {"Authorization": f"Bearer {token}"})
