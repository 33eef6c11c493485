"""Where mail and news are read from, and what their failures mean. Only hosts of the configuration are contacted."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from listener import limits
from listener.errors import ConnectorError

SILENCE_S: Final = limits.READ_S
PAGE_S: Final = limits.TOTAL_S
"""Longest time for one page; what is left comes with the next one."""
PAGE_BYTES: Final = limits.DECODED_BYTES


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and who we are there."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    setting: str = "port"
    """The setting to look at where the server does not answer."""

    @property
    def name(self) -> str:
        """Name it for people."""
        return f"{self.host}:{self.port}"

    @property
    def is_here(self) -> bool:
        """True: it runs on this machine, so that nobody hears what is said in the clear."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def moved(place: Place, base_url: str | None, scheme: str) -> Place:
    """Aim at another server, such as `imap://127.0.0.1:1143`; with an `s` after the scheme it speaks TLS."""
    parts = urlsplit(base_url or "")
    if parts.scheme not in (scheme, f"{scheme}s") or not parts.hostname:
        return place
    tls = parts.scheme.endswith("s")
    return replace(place, host=parts.hostname, port=parts.port or place.port, tls=tls)


def trust() -> ssl.SSLContext:
    """Trust the authorities that this machine trusts, and certifi's."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


@contextmanager
def translated(place: Place) -> Iterator[None]:
    """Turn what the network raises into what the user can do."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message or "it cannot be verified"
        raise ConnectorError(
            f"the certificate of {place.name} is not to be trusted ({why}); nothing was sent"
        ) from error
    except ssl.SSLError as error:
        said = f"{place.name} speaks no TLS that we know; check connectors.mail.{place.setting} and ssl"
        raise ConnectorError(said) from error
    except TimeoutError as error:
        raise ConnectorError(f"{place.name} did not answer for {SILENCE_S:g} s") from error
    except (OSError, EOFError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it broke off"
        raise ConnectorError(f"{place.name} cannot be read ({why}); check connectors.mail.{place.setting}") from error
