"""Secrets: read where the configuration points, known by value, and kept out of logs, errors and pages."""

import logging
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from listener.errors import ConfigError

HIDDEN: Final = "***"
NOISY: Final = (
    "apprise",
    "apscheduler",
    "atproto",
    "atproto_client",
    "httpcore",
    "httpx",
    "oauthlib",
    "requests",
    "requests_oauthlib",
    "tweepy",
    "urllib3",
    "websockets",
)
"""Loggers of libraries that print tokens, or URLs with tokens in them, below WARNING."""

_SHORTEST: Final = 4
"""A shorter secret would hide half of every log line; it is no secret either."""
_FILE_BYTES: Final = 65_536
_TYPED_CHARS: Final = 2_000
SHOWN_CHARS: Final = 80
"""So much of what a person typed is repeated to them."""

_NAMES: Final = (
    r"(?:access|refresh|bearer|session|auth|oauth|id)?[_-]?tokens?|token[_-]secret|access[_-]?jwt|refresh[_-]?jwt|jwt|"
    r"api[_-]?key|app[_-]?key|private[_-]?key|access[_-]?key|key|(?:client|consumer|app|api)?[_-]?secret|consumer[_-]key|"
    r"passw(?:or)?d|passwd|pwd|passphrase|signature|sig|hmac|auth|sid|sessionid|oauth_\w{1,40}"
)
# Each pattern is one pass without nesting: its time grows with the text, whatever the text is.
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,20}://)[^/\s@'\"<>]{1,500}@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?i)(/bot)\d{1,20}:[\w-]+"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(?<![a-z0-9])({_NAMES})(=\"?)[^&\s\"'<>,;)}}\]]+"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)([?&;](?:feed|code|state|user_?key|hash|k|s)=)[^&\s\"'<>]+"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(?<![a-z0-9])(['\"](?:{_NAMES})['\"]\s{{0,5}}:\s{{0,5}}['\"])[^'\"]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b((?:proxy-)?authorization['\"]?\s{0,5}[:=]\s{0,5}b?['\"]?)[^'\"\r\n]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b((?:set-)?cookie['\"]?\s{0,5}:\s{0,5}b?['\"]?)[^'\"\r\n]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(x-[a-z-]{0,20}(?:key|token)['\"]?\s{0,5}:\s{0,5}b?['\"]?)[^'\"\r\n]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer\s{1,5})[a-z0-9._~+/=%-]{4,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(Basic\s{1,5})[A-Za-z0-9+/]{8,}={0,2}"), rf"\1{HIDDEN}"),
)  # fmt: skip

_known: set[str] = set()


def remember(secret: str) -> None:
    """Hide this value from now on, as it is and as it is written in URLs."""
    if len(secret) >= _SHORTEST:
        _known.update((secret, quote(secret, safe=""), quote_plus(secret)))


def redact(text: str, extra: Iterable[str] = ()) -> str:
    """Hide every known secret, those of `extra`, and what stands where secrets stand: tokens in URLs and headers."""
    for secret in sorted({*_known, *(value for value in extra if len(value) >= _SHORTEST)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def quoted(text: str) -> str:
    """Write what a person typed into a message: in quotes, its beginning only, and nothing secret."""
    shown = re.sub(r"[^\s/@:]{1,200}:[^\s/@]{1,200}@", f"{HIDDEN}@", redact(text[:_TYPED_CHARS]))
    return repr(shown if len(shown) <= SHOWN_CHARS else f"{shown[:SHOWN_CHARS]}…")


def read_secret(key: str, value: str, environ: Mapping[str, str], folder: Path) -> str:
    """Fetch what `env:NAME` or `file:PATH` (relative to `folder`) points at, and hide it from now on.

    Raises ConfigError that names `key`: for a secret written out in the configuration too.
    """
    kind, _, name = value.partition(":")
    if kind == "env":
        secret = environ.get(name, "").strip()
        if not secret:
            raise ConfigError(f"{key}: the environment variable {name} is not set")
    elif kind == "file":
        secret = _from_file(key, folder / Path(name).expanduser())
    else:
        raise ConfigError(f'{key}: secrets are not written here; say "env:NAME" or "file:PATH"')
    remember(secret)
    return secret


def _from_file(key: str, path: Path) -> str:
    try:
        if path.stat().st_size > _FILE_BYTES:
            raise ConfigError(f"{key}: {path} is too large for a secret")
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read ({error.strerror})") from None
    except ValueError:
        raise ConfigError(f"{key}: {path} is not a text file") from None
    if not secret:
        raise ConfigError(f"{key}: {path} is empty")
    return secret


class Redactor(logging.Filter):
    """Rewrite a log record so that nothing secret is left in it: message, traceback, stack."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide in place what must not be read; let every record pass."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # logging would print the arguments as they are to show what is wrong with them.
            message = f"a log message that cannot be written, from {record.pathname}:{record.lineno}"
        record.msg, record.args = redact(message), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        # Handlers that draw tracebacks of their own would show what the text hides.
        record.exc_info = None
        record.exc_text = redact(record.exc_text) if record.exc_text else record.exc_text
        record.stack_info = redact(record.stack_info) if record.stack_info else record.stack_info
        return True


def install() -> None:
    """Redact every record of every logger, and hold the noisy libraries down. Repeating it changes nothing.

    A filter on the root logger does not see what other loggers hand up, one on a handler misses handlers that come
    later: so it works where records are made.
    """
    hold_down()
    made = logging.getLogRecordFactory()
    if isinstance(made, _RedactingFactory):
        return
    logging.setLogRecordFactory(_RedactingFactory(made))


class _RedactingFactory:
    def __init__(self, inner: Callable[..., logging.LogRecord]) -> None:
        self._inner = inner
        self._redactor = Redactor()

    def __call__(self, *args: object, **kwargs: object) -> logging.LogRecord:
        record = self._inner(*args, **kwargs)
        self._redactor.filter(record)
        return record


def hold_down() -> None:
    """Keep libraries quiet that print tokens below WARNING."""
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
