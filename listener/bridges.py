"""Two doors for client libraries into the guarded client: an adapter for requests, a transport for httpx.

A connector imports this where it builds its client library, not before: requests and httpx are not light.
Our errors pass through both libraries as they are, up to the boundary in `listener.connector`.
"""

from collections.abc import Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from listener.connector import Http
from listener.types import Answer, Request

_CREDENTIALS: Final = frozenset({"authorization", "cookie"})
# The body was unpacked on its way in; a library that reads these would try again.
_UNPACKED: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class GuardedAdapter(BaseAdapter):
    """Send a requests session's traffic through the guarded client, redirects included.

    `base_url` takes the place of scheme and host in every URL, for libraries that have theirs built in.
    `slot_s` widens the gap between two requests. The library's own timeouts, proxies and TLS settings are ignored.
    """

    def __init__(self, http: Http, base_url: str | None = None, slot_s: float | None = None) -> None:
        super().__init__()
        self._http = http
        self._base_url = base_url
        self._slot_s = slot_s

    # Any: requests' own keywords, of which none may change how we send.
    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send one prepared request; raise ConnectorError where no answer came."""
        headers = {_text(name): _text(value) for name, value in request.headers.items()}
        asked = _request(str(request.method), str(request.url), headers, _bytes(request.body), self._slot_s)
        answer = self._http.send(_moved(asked, self._base_url))
        response = requests.Response()
        response.status_code = answer.status
        response.reason = _reason(answer.status)
        response.headers = CaseInsensitiveDict(_headers(answer))
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        response.raw = BytesIO(answer.body)
        response.url = answer.url
        response.request = request
        return response

    def close(self) -> None:
        """Leave the client open: it belongs to the program, not to the session."""


class GuardedTransport(httpx.BaseTransport):
    """Send an httpx client's traffic through the guarded client, redirects included; see `GuardedAdapter`."""

    def __init__(self, http: Http, base_url: str | None = None, slot_s: float | None = None) -> None:
        self._http = http
        self._base_url = base_url
        self._slot_s = slot_s

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raise ConnectorError where no answer came."""
        asked = _request(request.method, str(request.url), dict(request.headers), request.read(), self._slot_s)
        answer = self._http.send(_moved(asked, self._base_url))
        return httpx.Response(answer.status, headers=_headers(answer), content=answer.body)


def session(http: Http, base_url: str | None = None, slot_s: float | None = None) -> requests.Session:
    """Make a requests session that knows no other way out: no environment proxies, no netrc."""
    made = requests.Session()
    made.trust_env = False
    made.adapters.clear()
    for scheme in ("https://", "http://"):
        made.mount(scheme, GuardedAdapter(http, base_url, slot_s))
    return made


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes | None, slot_s: float | None) -> Request:
    # A library's own User-Agent would hide who is asking.
    plain = {name: value for name, value in headers.items() if name.lower() not in {*_CREDENTIALS, "user-agent"}}
    secret = {name: value for name, value in headers.items() if name.lower() in _CREDENTIALS}
    return Request(url, method.upper(), plain, secret, body or None, slot_s)


def _moved(request: Request, base_url: str | None) -> Request:
    if base_url is None:
        return request
    parts = urlsplit(request.url)
    url = base_url.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")
    return Request(url, request.method, request.headers, request.credentials, request.body, request.slot_s)


def _headers(answer: Answer) -> dict[str, str]:
    kept = {name: value for name, value in answer.headers.items() if name not in _UNPACKED}
    return {**kept, "content-length": str(len(answer.body))}


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


# Any: requests takes text, bytes, files and iterables of bytes for a body.
def _bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    read: bytes | str = body.read() if hasattr(body, "read") else b"".join(body)
    return read.encode() if isinstance(read, str) else read
