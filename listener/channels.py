"""Where alerts and briefings go: an address becomes a sender, or the reason why it cannot be one.

An http(s) address is a signed webhook, `mail` and `mailto:` go out by [mail], `terminal` shows itself here, anything
else is an Apprise address whose scheme stands in `connectors/channels.toml`. The core names no service.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Final, Literal, TextIO
from urllib.parse import parse_qsl, unquote, urlsplit

from listener.alerts import BUILT_IN, Message, Outcome, Sender
from listener.errors import BadPayload, ConfigError, ConnectorError
from listener.escaping import Form, Written, foreign, html, write
from listener.mailer import Letter, Mailer, Office, is_address
from listener.sandbox import Sandbox
from listener.secrets import HIDDEN, redact, remember
from listener.webhooks import Http, Webhook
from listener.wording import plain

Way = Literal["webhook", "mail", "terminal", "service"]

_PART: Final = re.compile(r"[/:@?&=#,\s]+")
_SHORTEST: Final = 6
"""Parts of an address from this length on are hidden wherever they turn up."""
_HOST: Final = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z]{2,24}|localhost|\d{1,3}(?:\.\d{1,3}){3}", re.IGNORECASE)
_STATUS: Final = re.compile(r"\berror=(\d{3})\b|\((\d{3})\)")
_NEVER: Final = frozenset({"400", "401", "403", "404", "405", "410", "413", "422"})
_TROUBLE: Final = (
    ("Connection refused", "nothing listens there", "failed"),
    ("Name or service not known", "the host is not found", "failed"),
    ("NameResolutionError", "the host is not found", "failed"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not to be trusted", "failed"),
    ("ConnectTimeout", "it does not answer", "failed"),
    ("Read timed out", "it took the message and said nothing", "unknown"),
    ("RemoteDisconnected", "it closed the connection without an answer", "unknown"),
    ("Connection reset", "it broke the connection", "unknown"),
    ("Connection aborted", "it broke the connection", "unknown"),
    ("IncompleteRead", "it broke off in the middle of its answer", "unknown"),
    ("timed out", "it does not answer", "failed"),
)  # fmt: skip
"""What Apprise's log says of a connection: its words, ours, and whether the message may have arrived."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service, as `channels.toml` describes it."""

    schemes: tuple[str, ...]
    name: str
    form: Form
    body_format: Literal["text", "markdown"]
    example: str
    needs: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Services:
    """Every scheme that is allowed, and why others are not."""

    known: tuple[Service, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def of(self, url: str) -> Service | None:
        """Find the service of an address: by its scheme, or by the host of a webhook it gave out itself."""
        scheme = url.partition(":")[0].lower()
        if scheme != "https":
            return next((one for one in self.known if scheme in one.schemes), None)
        host = (urlsplit(url).hostname or "").lower()
        return next((one for one in self.known if any(f".{host}".endswith(f".{name}") for name in one.hosts)), None)

    def way(self, url: str) -> Way:
        """Say how an address is reached; ConfigError with the reason and what would be right where it may not be."""
        scheme, separator, rest = url.partition(":")
        if url in BUILT_IN:
            return "mail" if url == "mail" else "terminal"
        if scheme.lower() == "mailto" and not rest.startswith("//"):
            if is_address(rest):
                return "mail"
            raise ConfigError("mail is written mailto:you@example.org, one address and nothing after it")
        service = self.of(url) if separator else None
        if service is not None:
            self._check_parameters(url)
            return "service"
        if scheme.lower() in ("http", "https") and separator:
            return "webhook"
        raise ConfigError(self._why_not(scheme.lower() if separator else ""))

    def expected(self, url: str) -> str:
        """Say how an address of this scheme is written."""
        service = self.of(url)
        return f"{service.name} is written {service.example}: {service.needs}" if service else ""

    def _check_parameters(self, url: str) -> None:
        for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True):
            if name.lower() in self.parameters:
                raise ConfigError(f"the address may not hold {name.lower()}=: {self.parameters[name.lower()]}")

    def _why_not(self, scheme: str) -> str:
        if scheme in self.refused:
            return f"{scheme}:// is refused: {self.refused[scheme]}"
        known = ", ".join(sorted(one.schemes[-1] for one in self.known))
        what = f"{scheme}:// is no channel that is known" if scheme else "that is no address"
        return f"{what}; there are mail, terminal, http(s) addresses (signed webhooks), and {known}"


def services(table: Mapping[str, Any]) -> Services:
    """Read the table of `channels.toml`. Any: TOML."""
    return Services(
        tuple(_service(row) for row in table["services"]),
        {scheme: row["because"] for row in table["refused"] for scheme in row["schemes"]},
        dict(table["parameters"]),
    )


def _service(row: Mapping[str, Any]) -> Service:
    form = Form(
        row["kind"],
        row["cap"],
        in_bytes=row.get("bytes", False),
        title=row.get("title", False),
        label=row.get("link") == "label",
    )
    hosts = tuple(row.get("hosts", ()))
    return Service(tuple(row["schemes"]), row["name"], form, row["format"], row["example"], row["needs"], hosts)


# addresses and their secrets


def secret_parts(url: str) -> Iterator[str]:
    """List what of an address may be a secret: all that is long enough, but hosts and the names of parameters."""
    scheme, _, rest = url.partition(":")
    query = rest.partition("?")[2]
    names = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
    if scheme.lower() == "mailto":
        return
    for part in _PART.split(rest):
        if len(part) >= _SHORTEST and part not in names and not _HOST.fullmatch(part):
            yield part
            if unquote(part) != part:
                yield unquote(part)


def keep_secret(url: str) -> None:
    """Hide an address's secrets in everything that is written from now on."""
    for part in secret_parts(url):
        remember(part)


def shown(url: str) -> str:
    """Write an address for a list: how it is reached and where to, nothing secret."""
    scheme, separator, rest = url.partition(":")
    if not separator or scheme.lower() == "mailto":
        return plain(url)
    authority = re.split(r"[/?#]", rest.removeprefix("//"))[0].rpartition("@")[2]
    host, _, port = authority.partition(":")
    if not _HOST.fullmatch(host) or not (port.isdigit() or not port):
        return f"{plain(scheme)}://{HIDDEN}"
    return plain(f"{scheme}://{authority}/{HIDDEN}")


# senders


@dataclass(frozen=True, slots=True)
class Reach:
    """What senders are made with."""

    services: Services
    http: Http
    sandbox: Sandbox
    now: Callable[[], datetime]
    mail: Mailer | None = None
    """The server of [mail]; None: there is none."""
    terminal: TextIO | None = None


def sender(name: str, url: str, reach: Reach, secrets: Sequence[str] = ()) -> Sender:
    """Make the sender of a channel; ConfigError names it and says what is wrong with its address.

    `secrets` sign a webhook: the one in use, after it one that is being given up.
    """
    keep_secret(url)
    try:
        way = reach.services.way(url)
    except ConfigError as error:
        raise ConfigError(f"channel {name}: {error}") from None
    if way == "terminal":
        return Notice(reach.terminal)
    if way == "mail":
        if reach.mail is None:
            raise ConfigError(f"channel {name}: mail needs [mail] in the configuration")
        office = _addressed(name, url.partition(":")[2], reach.mail.office)
        return Mail(Mailer(office, reach.mail.rules, reach.mail.trust, reach.mail.silence_s), reach.now)
    if way == "webhook":
        if not secrets:
            raise ConfigError(f"channel {name}: a webhook needs a secret to sign with")
        for secret in secrets:
            remember(secret)
        return Webhook(url, secrets, reach.http, reach.now)
    service = reach.services.of(url)
    assert service is not None
    return Apprised(url, service, reach.sandbox)


def _addressed(name: str, to: str, office: Office) -> Office:
    """Write to one of the addresses of the configuration only (S11), or to all."""
    known = {parseaddr(one)[1].lower(): one for one in office.to}
    if to and to.lower() not in known:
        raise ConfigError(f"channel {name}: mail goes only to the addresses in mail.to; add this one there")
    return replace(office, to=(known[to.lower()],)) if to else office


class Mail:
    """A channel that sends mail by the user's own server."""

    FORM: Final = Form(cap=50_000, title=True)

    def __init__(self, mailer: Mailer, now: Callable[[], datetime]) -> None:
        self._mailer, self._now = mailer, now

    def send(self, message: Message) -> Outcome:
        """Hand the message to the server, as text and HTML."""
        letter = Letter(
            subject=message.title,
            text=write(message, self.FORM).body,
            html=f'<!doctype html><html><meta charset="utf-8"><body>\n{html(message)}\n</body></html>',
            name=message.key,
            at=self._now(),
            is_repeat=message.possible_repeat,
            list_id="alerts.listener",
        )
        sent = self._mailer.send(letter)
        return Outcome(sent.outcome, redact(sent.detail or f"{self._mailer.office.name} took it"))


class Notice:
    """A channel that shows itself on the terminal `listener` runs in, and on the desktop where that can do so."""

    FORM: Final = Form(cap=2_000, title=True)

    def __init__(self, terminal: TextIO | None) -> None:
        self._terminal = terminal

    def send(self, message: Message) -> Outcome:
        """Write the notice; nobody to read it is a failure, so that it is not lost."""
        if self._terminal is None or not self._terminal.isatty():
            return Outcome("failed", "there is no terminal here; notices show where `listener up` runs", 900.0)
        written = write(message, self.FORM)
        # OSC 9 makes a desktop notice of its text in many terminals; others pass over it. No control is in the texts.
        notice = f"\x1b]9;{foreign(message.title)[:200]}\x07"
        try:
            self._terminal.write(f"{notice}\n{written.title}\n{written.body}\n\n")
            self._terminal.flush()
        except (OSError, ValueError):
            return Outcome("failed", "the terminal is gone", 900.0)
        return Outcome("sent", "shown on the terminal")


class Apprised:
    """A channel that Apprise speaks to, in a process of its own."""

    def __init__(self, url: str, service: Service, sandbox: Sandbox) -> None:
        self._url, self._service, self._sandbox = url, service, sandbox

    def send(self, message: Message) -> Outcome:
        """Send, within the sandbox's time."""
        written = write(message, self._service.form)
        found = self._run(written)
        if isinstance(found, Outcome):
            return found
        if found["sent"]:
            return Outcome("sent", f"{self._service.name} took it")
        return self._explained(found)

    def fault(self) -> str | None:
        """Say what is wrong with the address itself; None: Apprise can read it. Nothing is sent."""
        found = self._run(None)
        if isinstance(found, Outcome):
            return found.detail
        return None if found["known"] else self._reason(found["said"]) or "the address cannot be read"

    def _run(self, written: Written | None) -> dict[str, Any] | Outcome:  # Any: JSON
        args: dict[str, Any] = {"url": self._url, "check": written is None, "format": self._service.body_format}
        body = b""
        if written is not None:
            args["title"], body = written.title, written.body.encode("utf-8", "replace")
        name = self._service.name
        try:
            found: dict[str, Any] = self._sandbox.run(body, args)
        except BadPayload:
            return Outcome(
                "unknown", f"{name} did not end in order within {self._sandbox.seconds:g} s; it may have arrived"
            )
        except ConnectorError as error:
            return Outcome("failed", redact(str(error)))
        return found

    def _explained(self, found: Mapping[str, Any]) -> Outcome:
        """Make of a failure's log what the user has to know."""
        said = found["said"]
        reason = self._reason(said)
        name = self._service.name
        if not found["known"]:
            return Outcome("refused", f"{name} cannot be reached by this address: {reason}")
        status = next((one for _, text in said for hit in _STATUS.finditer(text) if (one := hit[1] or hit[2])), None)
        if status is not None:
            kind: Literal["refused", "failed"] = "refused" if status in _NEVER else "failed"
            return Outcome(kind, f"{name} answered {status}: {reason}")
        for words, ours, state in _TROUBLE:
            if any(words in text for level, text in said if "Exception" in text):
                sent: Literal["unknown", "failed"] = "unknown" if state == "unknown" else "failed"
                return Outcome(sent, f"{name}: {ours}" + ("; it may have arrived" if sent == "unknown" else ""))
        return Outcome("failed", f"{name} did not take it: {reason}")

    def _reason(self, said: Sequence[tuple[str, str]]) -> str:
        """Take the last warning of Apprise's log, nothing secret in it; other lines hold the message itself."""
        told = [text for level, text in said if level in ("WARNING", "ERROR") and "Could not load" not in text]
        return redact(plain(told[-1]), secret_parts(self._url))[:200] if told else "no reason was given"
