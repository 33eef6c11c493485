"""One transfer: a libcurl handle, the guard in its callbacks, and what it makes of how it ended."""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import pycurl

from listener.addresses import NetworkRules, is_metadata, is_public
from listener.errors import ConnectorError, Refused, Unanswered
from listener.hops import REDIRECTS, Hop, next_hop
from listener.tally import Limits, Tally, read_head
from listener.types import Answer

Resolve = Callable[[str], Sequence[str]]

_REDIRECT_BYTES: Final = 16_384
"""A redirect's body is thrown away; up to here its connection is worth keeping."""
# What libcurl's numbers mean to a person; {host} is all of the address that may be shown.
_TROUBLE: Final[Mapping[int, str]] = {
    pycurl.E_COULDNT_RESOLVE_HOST: "could not find the host {host}: check the address and this machine's network",
    pycurl.E_COULDNT_CONNECT: "could not connect to {host}: it is down, or nothing listens there",
    pycurl.E_PARTIAL_FILE: "{host} broke off in the middle of its answer",
    pycurl.E_GOT_NOTHING: "{host} closed the connection without an answer",
    pycurl.E_SEND_ERROR: "{host} closed the connection while we were asking",
    pycurl.E_RECV_ERROR: "{host} closed the connection while it was answering",
    pycurl.E_BAD_CONTENT_ENCODING: "{host} sent compressed data that cannot be unpacked",
    pycurl.E_UNSUPPORTED_PROTOCOL: "{host} does not speak HTTP",
    pycurl.E_HTTP2: "{host} broke the rules of HTTP/2",
    92: "{host} broke off in the middle of its answer",  # E_HTTP2_STREAM, which pycurl does not name
    pycurl.E_SSL_CONNECT_ERROR: (
        "{host} does not speak https as it should; if it speaks http only, write http:// in front"
    ),
    pycurl.E_PEER_FAILED_VERIFICATION: "the certificate of {host} is not to be trusted ({text}); nothing was sent",
}


@dataclass(frozen=True, slots=True)
class Setup:
    """What all transfers of one client share."""

    rules: NetworkRules
    limits: Limits
    ca_file: str
    resolve: Resolve | None


class _Socket(socket.socket):
    """A socket that pycurl copies; ours is closed, without a warning, when pycurl lets it go."""

    def __del__(self) -> None:
        self.close()


class Transfer:
    """One easy handle, its callbacks, and the hop it is on; used again and again."""

    protocols: ClassVar[int] = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
    stays: ClassVar[bool] = False
    """True: once it has its answer it is only open, not over."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.easy: Any = pycurl.Curl()  # pycurl has no types
        self.hop: Hop
        self.key: Any = None  # whatever the caller of fetch_many calls this request
        self.lines: list[bytes] = []
        self.placed = False
        """True: it holds a slot; guarded by the client's lock."""
        for option, value in (
            (pycurl.PROTOCOLS, self.protocols),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.CAINFO, setup.ca_file),
            (pycurl.ACCEPT_ENCODING, ""),
            (pycurl.NOSIGNAL, 1),
            (pycurl.NOPROGRESS, 0),
            (pycurl.OPENSOCKETFUNCTION, self._open),
            (pycurl.HEADERFUNCTION, self.lines.append),
            (pycurl.WRITEFUNCTION, self._write),
            (pycurl.XFERINFOFUNCTION, self._progress),
        ):
            self.easy.setopt(option, value)

    def aim(self, key: object, hop: Hop, now: float) -> None:
        """Get ready for a hop; `now` by the loop's clock."""
        self.key, self.hop = key, hop
        self.parts: list[bytes] = []
        self.tally = Tally(self._setup.limits, hop.target.host, hop.left_s, now)
        self.broken: ConnectorError | None = None
        self.discard: bool | None = None
        self.refused: Refused | None = None
        self.cut = self.private = self.tried = False
        self.placed = True
        self.lines.clear()
        self.easy.setopt(pycurl.URL, hop.target.url)
        self.easy.setopt(pycurl.HTTPHEADER, hop.lines)
        if not self.plain:
            self._set_method(hop)
        if self._setup.resolve is not None:
            self._set_addresses(self._setup.resolve(hop.target.host))

    @property
    def plain(self) -> bool:
        """True: a GET without a body, which is what a handle is set to; after others it is not used again."""
        return self.hop.method == "GET" and self.hop.body is None

    def late(self, now: float) -> bool:
        """Read the clocks; True: one of them has run out."""
        connected = self.easy.getinfo(pycurl.PRETRANSFER_TIME_T) > 0
        self.broken = self.broken or self.tally.too_late(now, connected, len(self.lines))
        return self.broken is not None

    def outcome(self, code: int, text: str, now: float) -> Hop | Answer | ConnectorError:
        """Make of a transfer that has ended what it means: an answer, a redirect's next hop, or an error.

        `code` and `text` are libcurl's own, 0 for success; `now` by the loop's clock.
        """
        hop, allowed = self.hop, self._setup.limits
        self.tally.wire = self.easy.getinfo(pycurl.SIZE_DOWNLOAD_T)
        broken = self.broken or self.tally.too_much()
        if broken is not None:
            return broken if isinstance(broken, Refused) else self._broke(broken)
        if code and not self.cut:
            if self.refused and not self.tried:
                return self.refused
            return self._broke(trouble(hop.target.host, code, text))
        status, headers = read_head(self.lines)
        if status not in REDIRECTS or "location" not in headers:
            return Answer(hop.target.url, status, headers, b"".join(self.parts), hop.moved_to)
        try:
            rested = replace(hop, left_s=hop.left_s - (now - self.tally.started_at))
            return next_hop(rested, status, headers["location"], self._setup.rules, allowed.redirects)
        except Refused as error:
            return error

    def _broke(self, error: ConnectorError) -> ConnectorError:
        """Tell a request that was sent whole from one that was not."""
        body = self.hop.body
        sent = bool(body) and self.easy.getinfo(pycurl.SIZE_UPLOAD_T) >= len(body or b"")
        return Unanswered(str(error)) if sent else error

    def _set_method(self, hop: Hop) -> None:
        if hop.body is not None or hop.method in ("POST", "PUT", "PATCH"):
            self.easy.setopt(pycurl.POSTFIELDS, hop.body or b"")
            # libcurl would call every body a form, and ask before it sends a large one.
            typed = any(line.lower().startswith(b"content-type") for line in hop.lines)
            self.easy.setopt(pycurl.HTTPHEADER, (*hop.lines, b"Expect:", *(() if typed else (b"Content-Type:",))))
        if hop.method == "HEAD":
            self.easy.setopt(pycurl.NOBODY, 1)
        self.easy.setopt(pycurl.CUSTOMREQUEST, hop.method)
        # On a kept connection that died meanwhile libcurl asks again by itself; only a GET may be asked twice.
        self.easy.setopt(pycurl.FRESH_CONNECT, 1)

    def _set_addresses(self, addresses: Sequence[str]) -> None:
        if addresses:
            goal = self.hop.target
            self.easy.setopt(pycurl.RESOLVE, [f"{goal.host}:{goal.port}:{','.join(addresses)}"])

    # callbacks: an exception in one of them makes libcurl fail the transfer

    def _open(self, _purpose: int, address: Any) -> Any:
        """Make the socket for an address that libcurl is about to connect to, or refuse."""
        where, port = address.addr[:2]
        if not self._setup.rules.allows(where, port, self.hop.target.host):
            self.refused = _not_public(self.hop, where, port)
            return pycurl.SOCKET_BAD
        self.tried, self.private = True, not is_public(where)
        return _Socket(address.family, address.socktype, address.protocol)

    def _write(self, chunk: bytes) -> int | None:
        """Take at most 16 kB of decoded body; 0 ends the transfer."""
        if self.discard is None:
            status, headers = read_head(self.lines)
            self.discard = status in REDIRECTS and "location" in headers
        self.tally.decoded += len(chunk)
        if self.discard:
            self.cut = self.tally.decoded > _REDIRECT_BYTES
            return 0 if self.cut else None
        if self.tally.decoded > self._setup.limits.decoded_bytes:
            self.broken = self.tally.too_much()
            return 0
        self.parts.append(chunk)
        return None

    def _progress(self, _total: int, wire: int, _total_sent: int, sent: int) -> int:
        self.tally.wire, self.tally.sent = wire, sent
        if wire and self.broken is None:
            self.broken = self.tally.too_much()
        return 0 if self.broken is None else 1


def trouble(host: str, code: int, text: str) -> ConnectorError:
    """Say in our words what libcurl says in its own."""
    shown = "".join(letter for letter in text[:200] if letter.isprintable())
    return ConnectorError(_TROUBLE.get(code, "could not read {host} ({text})").format(host=host, text=shown))


def _not_public(hop: Hop, address: str, port: int) -> Refused:
    host = hop.target.host
    at = f"{host} is not a public address" if address == host else f"{host} is at {address}, no public address"
    if hop.count:
        at = f"{urlsplit(hop.request.url).hostname} redirects to {host}: {at}"
    if is_metadata(address):
        return Refused(f"{at}, and none that feeds come from; nothing was asked there")
    return Refused(f"{at}; if it is yours, put '{host}:{port}' into [network] allow_private to open it")
