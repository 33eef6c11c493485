"""The filtered stream: one connection, whose rules are kept at the platform, a line of JSON for each post.

Source: https://docs.x.com/x-api/posts/filtered-stream/introduction, read 2026-11-23.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlencode

from connectors.x.queries import Query
from connectors.x.tweets import FIELDS
from listener.connector import Http, json_body, refuse
from listener.errors import BadPayload, ConnectorError, RateLimited
from listener.types import Answer, Request

OURS: Final = "listener-"
"""The tags of our rules begin so; rules of other programs are left alone."""
RULES: Final = "/2/tweets/search/stream/rules"
RECONNECT_S: Final = 300.0
"""Wait after a refused connection: one that was not closed in order counts for some minutes more."""


def tag(query: Query) -> str:
    """Name a rule by what it says."""
    return OURS + blake2b(query.rest.encode(), digest_size=8).hexdigest()


class Filtered:
    """The stream at one server, with the app's token."""

    def __init__(self, http: Http, base_url: str, token: str) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._credentials = {"Authorization": f"Bearer {token}"}

    def prepare(self, query: Query, *, reposts: bool) -> None:
        """See to it that the platform sends what this feed wants and nothing that we asked for once: all costs."""
        body = json_body(self._sent(RULES))
        rules = body.get("data") if isinstance(body, dict) else None
        ours = [one for one in rules or () if isinstance(one, dict) and str(one.get("tag")).startswith(OURS)]
        old = [str(one.get("id")) for one in ours if one.get("tag") != tag(query)]
        if old:
            self._sent(RULES, {"delete": {"ids": old}})
        if len(old) == len(ours):
            value = query.rest if reposts or "retweet" in query.rest else f"({query.rest}) -is:retweet"
            made = json_body(self._sent(RULES, {"add": [{"value": value, "tag": tag(query)}]}))
            if not isinstance(made, dict) or made.get("errors"):
                raise ConnectorError("the platform refuses this rule; check its words (docs.x.com, filtered stream)")

    # Any: an event is raw JSON.
    def events(self, query: Query) -> Iterator[dict[str, Any] | None]:
        """Yield posts as they come, each as a page of one; None: nothing came for a while."""
        request = Request(f"{self._base_url}/2/tweets/search/stream?{urlencode({'tweet.fields': ','.join(FIELDS)})}")
        for line in self._http.lines(replace(request, credentials=self._credentials)):
            if not line.strip():
                yield None
                continue
            event = json_body(Answer(request.url, 200, {}, line))
            if not isinstance(event, dict):
                raise BadPayload("the stream sent what is no event")
            if "data" not in event:
                _refuse(event)
            if any(one.get("tag") == tag(query) for one in event.get("matching_rules") or () if isinstance(one, dict)):
                yield {**event, "data": [event["data"]], "meta": {"result_count": 1}}

    def _sent(self, path: str, body: Any = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        method = "GET" if body is None else "POST"
        answer = self._http.send(Request(self._base_url + path, method, headers, self._credentials, data))
        refuse(answer)
        return answer


def _refuse(event: dict[str, Any]) -> None:
    if "TooManyConnections" in json.dumps(event):
        raise RateLimited("another program listens already; the platform allows one stream", RECONNECT_S)
    raise ConnectorError("the platform ended the stream")
