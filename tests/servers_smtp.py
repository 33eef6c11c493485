"""A real mail server (aiosmtpd) on loopback for tests: it keeps what it takes, and does wrong what a test asks for."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

USER, PASSWORD = "ada@example.org", "invented-app-password"


@dataclass
class Sink:
    """What arrived, and what the server does wrong."""

    taken: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """A recipient, "MAIL" or "DATA" to the answer it gets."""
    breaks_in_data: int = 0
    """How often the connection breaks off once the letter is there."""
    keeps_broken: bool = True
    """The letter had arrived when it did."""
    slow_s: float = 0.0
    """How long it looks at a letter before it says so."""
    port: int = 0

    @property
    def messages(self) -> list[EmailMessage]:
        return [BytesParser(policy=default).parsebytes(body) for body in self.taken]

    async def handle_MAIL(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        breaks = self.breaks_in_data > 0
        if not breaks or self.keeps_broken:
            assert isinstance(envelope.original_content, bytes)
            self.taken.append(envelope.original_content)
            self.recipients.append(list(envelope.rcpt_tos))
        if breaks:
            self.breaks_in_data -= 1
            server.transport.abort()
        await asyncio.sleep(self.slow_s)
        return self.answers.get("DATA", "250 OK")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def smtp(
    sink: Sink | None = None,
    *,
    login: bool = False,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Sink]:
    """Serve SMTP on 127.0.0.1 as `sink.port` says."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    sink = sink or Sink()
    options: dict[str, Any] = {"decode_data": False, "tls_context": starttls, "ssl_context": tls}
    if login:
        options |= {"authenticator": check, "auth_required": True, "auth_require_tls": starttls is not None}
    sink.port = sink.port or free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port, ready_timeout=20, **options)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
