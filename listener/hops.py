"""One step of a request: where it goes, what it carries, and where a redirect leads from there; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from listener import limits
from listener.addresses import NetworkRules, is_metadata
from listener.errors import Refused
from listener.types import Request

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})

HTTP: Final = frozenset({"http", "https"})
WEBSOCKET: Final = frozenset({"ws", "wss"})

_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
# What a URL must be once it is tidied. libcurl reads URLs by rules of its own; inside this form they agree with ours.
_URL: Final = re.compile(
    r"(https?|wss?)://((?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?((?:/[!$-;=?-Z\[\]_a-z~]*)?(?:\?[!$-;=?-Z\[\]_a-z~]*)?)"
)
_SAFE: Final = "!$%&'()*+,-./:;=?@[]_~"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_BREAK: Final = re.compile(r"[\r\n\x00]")
# The client's own business: framing, the host, and which compressions it can count.
_OURS: Final = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "te", "upgrade", "expect"}
)
# What may follow a redirect to another origin. A list of secrets to hold back would miss the next X-Api-Key.
_HARMLESS: Final = frozenset({"accept", "accept-language", "if-modified-since", "if-none-match", "user-agent"})


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed every check that needs no network, and its parts."""

    url: str
    scheme: str
    host: str
    """Lower case ASCII, no final dot; IPv6 in brackets."""
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials belong to."""
        return self.scheme, self.host, self.port


@dataclass(frozen=True, slots=True)
class Hop:
    """One guarded request on the way from a `Request` to its answer."""

    request: Request
    target: Target
    method: str
    body: bytes | None
    lines: tuple[bytes, ...]
    """Header lines, ready to send. What belongs to the request's own origin is gone once the way has left it."""
    left_s: float
    """Seconds of transfer left to this hop and all after it."""
    count: int = 0
    permanent: bool = True
    """True: every redirect so far was a permanent one."""
    moved_to: str | None = None


def first_hop(
    request: Request,
    rules: NetworkRules,
    user_agent: str,
    total_s: float = limits.TOTAL_S,
    schemes: frozenset[str] = HTTP,
) -> Hop:
    """Check a request and make its first step; raise Refused where one of our limits forbids it."""
    if request.method not in METHODS:
        raise Refused(f"the method {request.method!r} is none of {', '.join(sorted(METHODS))}")
    goal = _spoken(target(request.url, rules), schemes)
    lines = header_lines({"User-Agent": user_agent, **request.headers}, request.credentials)
    return Hop(request, goal, request.method, request.body, lines, total_s)


def next_hop(hop: Hop, status: int, location: str, rules: NetworkRules, redirects: int = limits.REDIRECTS) -> Hop:
    """Follow a redirect by one step; raise Refused where it leads out of what we allow.

    Credentials, cookies and other headers of the request's own stay behind once another origin is met, for good.
    Source: RFC 9110, section 15.4 (methods); the project's threat model, S2 and S3.
    """
    here = hop.target
    if hop.count >= redirects:
        raise Refused(f"the address leads through more than {redirects} redirects, the last of them at {here.host}")
    try:
        goal = _spoken(target(_joined(here.url, location), rules), HTTP)
    except Refused as error:
        raise Refused(f"{here.host} redirects to where we do not follow: {error}") from error
    if here.scheme == "https" and goal.scheme == "http":
        raise Refused(f"{here.host} redirects from https to http ({goal.host}), which anybody on the way can change")
    crossed = goal.origin != here.origin
    method, body = _carried(hop, status)
    if crossed and body is not None:
        raise Refused(f"{here.host} redirects what we send to another server ({goal.host}); it was not sent there")
    permanent = hop.permanent and status in (301, 308)
    return replace(
        hop,
        target=goal,
        method=method,
        body=body,
        lines=_harmless(hop.lines) if crossed else hop.lines,
        count=hop.count + 1,
        permanent=permanent,
        moved_to=goal.url if permanent else hop.moved_to,
    )


def target(url: str, rules: NetworkRules) -> Target:
    """Check and tidy a URL: length, user name, host, port. Raise Refused with the reason.

    Spaces and other letters than ASCII are percent-encoded, names of other scripts become their ASCII form,
    the fragment goes. Messages never hold the path or the query: they may be secret.
    """
    if len(url.encode("utf-8", "replace")) > limits.URL_BYTES:
        raise Refused(f"the address is longer than {limits.URL_BYTES} bytes")
    match = _URL.fullmatch(url)
    if match is None or match[2].startswith("["):
        match = _URL.fullmatch(_tidy(url))
    if match is None:
        raise Refused("the address names no host that can be reached; it should look like https://example.org/feed")
    scheme, host, digits, rest = match.groups()
    port = int(digits) if digits else _PORTS[scheme]
    if not rules.allows_port(port, host):
        if is_metadata(host.strip("[]")):
            raise Refused(f"port {port} of {host} is not among the allowed ones, nor is its address one for feeds")
        raise Refused(
            f"port {port} of {host} is not among the allowed ones; "
            f"add it to network.ports, or '{host}:{port}' to network.allow_private"
        )
    where = host if port == _PORTS[scheme] else f"{host}:{port}"
    return Target(f"{scheme}://{where}{rest if rest[:1] == '/' else '/' + rest}", scheme, host, port)


def header_lines(headers: Mapping[str, str], credentials: Mapping[str, str]) -> tuple[bytes, ...]:
    """Write headers as lines, credentials over ordinary ones of the same name; raise Refused for one that breaks."""
    chosen = {name.lower(): (name, value) for name, value in (*headers.items(), *credentials.items())}
    return tuple(_line(name, value) for low, (name, value) in chosen.items() if low not in _OURS)


def _line(name: str, value: str) -> bytes:
    if not _HEADER_NAME.fullmatch(name) or _HEADER_BREAK.search(value):
        raise Refused("a header's name or value holds a line break or another forbidden character; it was not sent")
    # libcurl reads "Name:" as "send no such header"; a semicolon is its way to write an empty one.
    return f"{name}: {value}".encode() if value.strip() else f"{name};".encode()


def _spoken(goal: Target, schemes: frozenset[str]) -> Target:
    if goal.scheme not in schemes:
        raise _unspoken(goal.scheme, schemes)
    return goal


def _unspoken(scheme: str, schemes: frozenset[str]) -> Refused:
    return Refused(f"the address begins with {scheme!r}; only {' and '.join(sorted(schemes))} are read")


def _harmless(lines: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(line for line in lines if re.split(rb"[:;]", line, maxsplit=1)[0].lower().decode() in _HARMLESS)


def _carried(hop: Hop, status: int) -> tuple[str, bytes | None]:
    if (status == 303 and hop.method != "HEAD") or (status in (301, 302) and hop.method == "POST"):
        return "GET", None
    return hop.method, hop.body


def _joined(base: str, location: str) -> str:
    try:
        return urljoin(base, location.strip(" \t"))
    except ValueError:
        raise Refused("the server redirects to something that is no address") from None


def _tidy(url: str) -> str:
    """Bring a URL that people or servers wrote into the form of `_URL`, or raise Refused."""
    text = url.strip(" ")
    if _CONTROL.search(text):
        raise Refused("the address holds a line break or another control character")
    try:
        parts = urlsplit(text)
        host, port, userinfo = parts.hostname or "", parts.port, "@" in parts.netloc
    except ValueError:
        raise Refused("the address names no host that can be reached") from None
    if parts.scheme not in _PORTS:
        raise _unspoken(parts.scheme[:20] or "no scheme", HTTP)
    if userinfo:
        raise Refused("the address holds a user name or password; put credentials into the configuration instead")
    where = _host(host, parts.netloc) + (f":{port}" if port is not None else "")
    query = "?" + parts.query if parts.query else ""
    return f"{parts.scheme}://{where}{quote(parts.path, _SAFE)}{quote(query, _SAFE)}"


def _host(host: str, netloc: str) -> str:
    if netloc.startswith("["):
        try:
            return f"[{IPv6Address(host).compressed}]"
        except AddressValueError:
            raise Refused(f"the address names no host that can be reached ({netloc[:60]})") from None
    if host.isascii():
        return host.removesuffix(".")
    import idna

    try:
        return idna.encode(host, uts46=True).decode().removesuffix(".")
    except idna.IDNAError:
        raise Refused(f"the address names a host that cannot exist ({host[:60]})") from None
