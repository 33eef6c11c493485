"""The door for outgoing mail: one letter by one SMTP server of the configuration, and what came of it.

Only the addresses of the configuration are written to. Whatever a letter's texts hold, they become no header (S11).
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final, Literal

from listener import limits
from listener.addresses import NetworkRules, is_public
from listener.errors import ConfigError, ListenerError
from listener.wording import lines, plain

Security = Literal["starttls", "tls", "none"]
PORTS: Final[Mapping[Security, int]] = {"starttls": 587, "tls": 465, "none": 25}

Outcome = Literal["sent", "failed", "refused", "unknown"]
"""`failed`: not sent, another try may help. `refused`: not sent, no try will help. `unknown`: it may have arrived."""

REPEAT: Final = "X-Possibly-A-Repeat"
"""Marks a letter that may have arrived already."""
GOODBYE_S: Final = 2.0
SUBJECT_CHARS: Final = 200
ID_CHARS: Final = 80
SAID_CHARS: Final = 200
"""So much of what a server said is told to people."""

_ATOM: Final = r"([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)"
_HOST: Final = r"([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)"
_ADDRESS: Final = re.compile(rf"([^<>\r\n]*)<{_ATOM}@{_HOST}>|{_ATOM}@{_HOST}")


@dataclass(frozen=True, slots=True)
class Office:
    """A mail server, who we are there, and whom we write to."""

    host: str
    sender: str
    to: tuple[str, ...]
    security: Security = "starttls"
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Name it for people."""
        return f"{self.host}:{self.port or PORTS[self.security]}"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent."""

    subject: str
    text: str
    html: str
    name: str
    """The left half of its Message-ID: the same for every try, so that a repeat is recognised."""
    at: datetime
    answers: str | None = None
    """The name of the letter that this one is shown beside."""
    is_repeat: bool = False
    list_id: str = "briefing.listener"


@dataclass(frozen=True, slots=True)
class Sent:
    """How sending ended, and why, for people."""

    outcome: Outcome
    detail: str | None = None


class Unsent(ListenerError):
    """Report that a letter did not leave: `outcome` says whether another try may help."""

    def __init__(self, message: str, outcome: Outcome) -> None:
        super().__init__(message)
        self.outcome = outcome


def message(letter: Letter, office: Office) -> EmailMessage:
    """Write a letter as a message with a text and an HTML part; every text becomes one harmless header or a body."""
    made = EmailMessage(policy=SMTP)
    sender = _address(office.sender)
    host = sender.domain
    made["From"] = sender
    made["To"] = [_address(one) for one in office.to]
    made["Subject"] = _one_line(letter.subject)[:SUBJECT_CHARS] or "Your briefing"
    made["Date"] = letter.at.astimezone(UTC)
    made["Message-ID"] = f"<{_id(letter.name)}@{host}>"
    if letter.answers is not None:
        made["In-Reply-To"] = made["References"] = f"<{_id(letter.answers)}@{host}>"
    made["List-Id"] = f"<{_id(letter.list_id)}>"
    made["Auto-Submitted"] = "auto-generated"
    if letter.is_repeat:
        made[REPEAT] = "yes"
    made.set_content(lines(letter.text), cte="quoted-printable")
    made.add_alternative(lines(letter.html), subtype="html", cte="quoted-printable")
    return made


def is_address(text: str) -> bool:
    """Tell what can be written to: `name@host` or `Somebody <name@host>`, the address in ASCII for old servers."""
    return _ADDRESS.fullmatch(text) is not None and _parts(text) is not None


def _parts(text: str) -> tuple[str, str, str] | None:
    """Split an address into the name before it, its left half and its host."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return None
    local, host = (found[2], found[3]) if found[2] else (found[4], found[5])
    return (found[1] or "").strip(' "'), local, host


def _address(text: str) -> Address:
    found = _parts(text)
    if found is None:
        raise ConfigError(f"mail: {text!r} is no mail address")
    name, local, host = found
    return Address(_one_line(name), local, host)


def _bare(text: str) -> str:
    return _address(text).addr_spec


def _one_line(text: str) -> str:
    # The standard library takes `=?` in what it is given for its own encoding, and writes what is inside as it is.
    return plain(text).replace("=?", "= ?")


def _id(text: str) -> str:
    kept = "".join(char if char.isascii() and (char.isalnum() or char == ".") else "-" for char in text[:ID_CHARS])
    return ".".join(filter(None, kept.split("."))) or "briefing"


class Mailer:
    """Sends letters by one office."""

    def __init__(
        self, office: Office, rules: NetworkRules, trust: ssl.SSLContext | None = None, silence_s: float = limits.READ_S
    ) -> None:
        self.office, self.rules, self.trust, self.silence_s = office, rules, trust, silence_s

    def send(self, letter: Letter, *, begin: Callable[[], bool] = lambda: True, patient: bool = True) -> Sent:
        """Send a letter once.

        `begin` is called when everything is agreed and only the letter itself is left to hand over; False: it must not
        go. `patient`: where a recipient is to be tried later, nobody gets it yet; else those who can be reached do.
        """
        office = self.office
        written = message(letter, office)
        has_begun = False
        try:
            with _leaving(self._connected()) as smtp:
                self._log_in(smtp)
                refused = self._envelope(smtp, patient=patient)
                if not begin():
                    raise Unsent("somebody else sends it", "failed")
                has_begun = True
                code, said = smtp.data(written.as_bytes())
                if code != 250:
                    raise Unsent(f"{office.name} did not take it ({_said(code, said)})", _outcome(code))
        except Unsent as error:
            return Sent(error.outcome, str(error))
        except smtplib.SMTPDataError as error:
            return Sent(_outcome(error.smtp_code), f"{office.name} did not take it ({_told(error)})")
        except (smtplib.SMTPException, OSError, ValueError) as error:
            if has_begun:
                return Sent("unknown", f"{office.name} broke off while it took the letter; it may have arrived")
            return _named(error, office, self.silence_s)
        return Sent("sent", f"not taken for {'; '.join(refused)}" if refused else None)

    def _connected(self) -> smtplib.SMTP:
        office = self.office
        port = office.port or PORTS[office.security]
        if office.security == "tls":
            return smtplib.SMTP_SSL(office.host, port, timeout=self.silence_s, context=self._trust())
        smtp = smtplib.SMTP(office.host, port, timeout=self.silence_s)
        try:
            if office.security == "starttls":
                smtp.starttls(context=self._trust())
            else:
                self._check_private(smtp, port)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _trust(self) -> ssl.SSLContext:
        if self.trust is None:
            import certifi

            self.trust = ssl.create_default_context()
            self.trust.load_verify_locations(certifi.where())
        return self.trust

    def _check_private(self, smtp: smtplib.SMTP, port: int) -> None:
        """Refuse to speak in the clear with anybody but a private host that the user opened."""
        assert smtp.sock is not None
        address = str(smtp.sock.getpeername()[0]).partition("%")[0]
        host = self.office.host.lower().removesuffix(".")
        if is_public(address):
            raise Unsent(f'{self.office.name} is no private host; say security = "starttls" or "tls"', "refused")
        if not self.rules.allows(address, port, host):
            entry = f'"{host}:{port}"'
            raise Unsent(f"{self.office.name} is a private host; add {entry} to network.allow_private", "refused")

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        office = self.office
        smtp.ehlo_or_helo_if_needed()
        if office.user is None or office.password is None:
            return
        try:
            smtp.login(office.user, office.password)
        except smtplib.SMTPAuthenticationError as error:
            outcome = _outcome(error.smtp_code)
            what = "refused the user name or the password" if outcome == "refused" else "cannot check the password now"
            raise Unsent(f"{office.name} {what} ({_told(error)}); see mail.user and mail.password", outcome) from error
        except smtplib.SMTPNotSupportedError as error:
            said = f"{office.name} takes no password; leave mail.user and mail.password out, or change mail.security"
            raise Unsent(said, "refused") from error

    def _envelope(self, smtp: smtplib.SMTP, *, patient: bool) -> Sequence[str]:
        """Name sender and recipients; give those that the server will not take, in words."""
        office = self.office
        code, said = smtp.mail(_bare(office.sender))
        if code != 250:
            raise Unsent(f"{office.name} refused the sender {office.sender} ({_said(code, said)})", _outcome(code))
        answers = [(to, *smtp.rcpt(_bare(to))) for to in office.to]
        bad = [(to, code, _said(code, said)) for to, code, said in answers if code not in (250, 251)]
        words = [f"{to} ({said})" for to, _, said in bad]
        later = [code for _, code, _ in bad if _outcome(code) == "failed"]
        if len(bad) == len(answers) or (later and patient):
            raise Unsent(f"{office.name} did not take {'; '.join(words)}", "failed" if later else "refused")
        return words


@contextmanager
def _leaving(smtp: smtplib.SMTP) -> Iterator[smtplib.SMTP]:
    """Say goodbye at the end; what is answered to that matters to nobody."""
    try:
        yield smtp
    finally:
        with suppress(smtplib.SMTPException, OSError):
            if smtp.sock is not None:
                smtp.sock.settimeout(GOODBYE_S)
            smtp.quit()
        smtp.close()


def _outcome(code: int) -> Outcome:
    """Read an SMTP code: 4xx asks to come again, anything else is a no for good (RFC 5321, 4.2.1)."""
    return "failed" if 400 <= code < 500 else "refused"


def _told(error: smtplib.SMTPResponseException) -> str:
    return _said(error.smtp_code, error.smtp_error)


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return plain(f"{code} {text}")[:SAID_CHARS]


def _named(error: Exception, office: Office, silence_s: float) -> Sent:
    """Say what went wrong before the letter could have left."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message or "it cannot be verified"
        return Sent("failed", f"the certificate of {office.name} is not to be trusted ({why}); nothing was sent")
    if isinstance(error, ssl.SSLError):
        return Sent("failed", f"{office.name} speaks no TLS that we know; check mail.port and mail.security")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Sent("refused", f"{office.name} offers no STARTTLS; check mail.port and mail.security")
    if isinstance(error, smtplib.SMTPResponseException):
        return Sent(_outcome(error.smtp_code), f"{office.name} turned us away ({_told(error)})")
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return Sent("failed", f"{office.name} did not answer for {silence_s:g} s")
    if isinstance(error, OSError) and error.strerror:
        return Sent("failed", f"{office.name} cannot be reached ({error.strerror}); check mail.host and mail.port")
    return Sent("failed", f"{office.name} broke off; check mail.port and mail.security")
