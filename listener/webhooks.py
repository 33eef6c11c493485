"""Signed webhooks: a message as JSON, posted with a signature that the receiver can check.

Headers: `Listener-Id` (the message's key, the same for every try: drop what you have), `Idempotency-Key` (the same),
`Listener-Timestamp` (seconds since 1970) and `Listener-Signature`: `v1=` and the HMAC-SHA-256 of
`TIMESTAMP.BODY` in hexadecimal, one for each secret, parted by commas: two while a secret is being changed.
A receiver refuses what is older or newer than `WINDOW_S`; `verify` does all a receiver has to.
"""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from listener.alerts import Item, Message, Outcome
from listener.errors import ConnectorError, ListenerError, Refused, Unanswered
from listener.escaping import domain
from listener.secrets import redact
from listener.types import Answer, Request
from listener.urls import safe
from listener.waits import retry_after_s
from listener.wording import lines, plain

VERSION: Final = 1
"""Of the body's form: it grows with any change that a receiver could stumble over."""
WINDOW_S: Final = 300
ID: Final = "Listener-Id"
TIMESTAMP: Final = "Listener-Timestamp"
SIGNATURE: Final = "Listener-Signature"
_SAID: Final = 120
"""Characters of the receiver's own explanation that are repeated to the user."""


class SignatureError(ListenerError):
    """Say why a delivery is not to be believed."""


class Http(Protocol):
    """What sends a request: the guarded client."""

    def send(self, request: Request) -> Answer:
        """Give the answer, whatever its status; raise ConnectorError without one."""
        ...


class Webhook:
    """A channel that posts signed JSON. Satisfies `listener.alerts.Sender`."""

    def __init__(self, url: str, secrets: Sequence[str], http: Http, now: Callable[[], datetime]) -> None:
        """`secrets`: the one in use first, after it one that is being given up."""
        self._url, self._secrets, self._http, self._now = url, tuple(secrets), http, now

    def send(self, message: Message) -> Outcome:
        """Post the message once; whether to try again is the outbox's matter."""
        now, body = self._now(), payload(message)
        request = Request(
            self._url,
            "POST",
            {"Content-Type": "application/json", "Accept": "*/*"},
            signed(message.key, body, self._secrets, now),
            body,
        )
        try:
            answer = self._http.send(request)
        except Unanswered as error:
            return Outcome("unknown", f"{_hidden(error)}; it may have arrived")
        except Refused as error:
            return Outcome("refused", _hidden(error))
        except ConnectorError as error:
            return Outcome("failed", _hidden(error))
        return _outcome(self._url, answer, now)


def payload(message: Message) -> bytes:
    """Write a message as the body of a delivery: JSON in UTF-8."""
    table = {
        "version": VERSION,
        "id": message.key,
        "channel": message.channel,
        "kind": message.kind,
        "title": plain(message.title),
        "possible_repeat": message.possible_repeat,
        "high": message.high,
        "more": message.more,
        "lang": message.lang,
        "items": [_item(item) for item in message.items],
    }
    return json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()


def signed(key: str, body: bytes, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """Make the headers of a delivery."""
    timestamp = str(int(now.timestamp()))
    signatures = ",".join(f"v1={_signature(secret, timestamp, body)}" for secret in secrets)
    return {ID: key, "Idempotency-Key": key, TIMESTAMP: timestamp, SIGNATURE: signatures}


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> str:
    """Check a delivery as its receiver; give the message's key, by which repeats are known.

    Raises SignatureError where a header is missing, the time lies outside `WINDOW_S`, or no signature is right.
    """
    found = {name.lower(): value for name, value in headers.items()}
    key, timestamp, given = (found.get(name.lower(), "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not (key and given and timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        raise SignatureError("the delivery has no id, no time or no signature")
    if abs(now.timestamp() - int(timestamp)) > WINDOW_S:
        raise SignatureError(f"the delivery is more than {WINDOW_S} s old, or from the future")
    right = [f"v1={_signature(secret, timestamp, body)}".encode() for secret in secrets]
    parts = [part.strip().encode() for part in given.split(",")]
    # All are compared, so that the time taken tells nothing.
    if not sum(hmac.compare_digest(part, one) for part in parts for one in right):
        raise SignatureError("no signature of the delivery is right for this body and these secrets")
    if json.loads(body).get("id") != key:
        raise SignatureError("the id in the header is not the one that was signed")
    return key


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, sha256).hexdigest()


def _item(item: Item) -> dict[str, Any]:  # Any: whatever JSON can say
    return {
        "alert": item.alert,
        "post": item.post or None,
        "rule": item.rule or None,
        "reason": plain(item.reason),
        "headline": plain(item.headline),
        "author": plain(item.author) if item.author else None,
        "where": plain(item.where),
        "text": lines(item.text),
        "url": safe(item.url),
        "labels": {label: round(value, 3) for label, value in item.labels.items()},
        "goal": item.goal,
        "at": item.at.isoformat() if item.at else None,
        "command": item.command or None,
    }


def _outcome(url: str, answer: Answer, now: datetime) -> Outcome:
    """Say what an answer means: taken, try again, or never."""
    host = urlsplit(url).hostname
    if not _same_place(url, answer.url) or 300 <= answer.status < 400:
        where = urlsplit(answer.url).hostname
        return Outcome("refused", f"{host} redirects (to {where}); add the address that it redirects to")
    if 200 <= answer.status < 300:
        return Outcome("sent", f"{host} answered {answer.status}")
    said = f"{host} answered {answer.status}{_explained(answer)}"
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return Outcome("failed", said, retry_after_s(answer.headers, now))
    advice = {401: "; does it know the secret?", 403: "; does it know the secret?", 404: "; is the address right?"}
    gone = "; it takes no more deliveries, remove this channel" if answer.status == 410 else ""
    return Outcome("refused", said + advice.get(answer.status, gone))


def _explained(answer: Answer) -> str:
    """Repeat the beginning of what a receiver says in plain text; a page would say nothing."""
    said = plain(answer.body[:2_000].decode("utf-8", "replace"))
    if not said or said.startswith("<"):
        return ""
    return f": {redact(said)[:_SAID]}"


def _same_place(asked: str, answered: str) -> bool:
    """Tell whether an answer comes from where it was asked: a POST that was redirected arrived without its body."""

    def place(url: str) -> tuple[object, ...]:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return parts.scheme, domain(url), port, unquote(parts.path) or "/", unquote(parts.query)

    return place(asked) == place(answered)


def _hidden(error: ConnectorError) -> str:
    return redact(plain(str(error)))
