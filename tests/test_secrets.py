"""Secrets are read where the configuration points, and never come out again (S21)."""

import io
import logging
import time

import pytest

from listener import secrets
from listener.errors import ConfigError
from listener.secrets import HIDDEN, NOISY, Redactor, hold_down, install, read_secret, redact

SENTINEL = "s3ntinel-Value/0+1"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """Each test starts with nothing known and logging as it was."""
    monkeypatch.setattr(secrets, "_known", set())
    factory = logging.getLogRecordFactory()
    levels = {name: logging.getLogger(name).level for name in NOISY}
    yield
    logging.setLogRecordFactory(factory)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def written():
    """What a plain handler on the root logger writes at DEBUG."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


PLANTED = [
    f"GET https://api.example.org/feed?access_token={SENTINEL}&page=2",
    f"GET https://example.org/rss?feed={SENTINEL}&user=ann",
    f"https://ann:{SENTINEL.replace('/', '_')}@example.org/feed",
    f"POST https://chat.example.org/bot12345:{SENTINEL.replace('/', '_').replace('+', '_')}/getUpdates",
    f"Authorization: Bearer {SENTINEL}",
    f"{{'Authorization': 'Basic {SENTINEL}==', 'Accept': '*/*'}}",
    f'{{"accessJwt": "{SENTINEL}", "did": "x"}}',
    f"headers={{'X-Api-Key': '{SENTINEL}'}}",
    f'OAuth oauth_consumer_key="{SENTINEL}", oauth_signature="{SENTINEL}"',
    f"Cookie: session={SENTINEL}; theme=dark",
    f"client_secret={SENTINEL}&grant_type=refresh",
    f"login failed, password={SENTINEL}",
    f"tried Bearer {SENTINEL}",
]


@pytest.mark.parametrize("text", PLANTED)
def test_what_stands_where_secrets_stand_is_hidden_though_nobody_told_us(text):
    shown = redact(text)
    assert SENTINEL not in shown
    assert SENTINEL.replace("/", "_")[:12] not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "text",
    [
        "polled rss https://example.org/feed?page=2: 3 new of 20 in 0.4 s",
        "rss https://example.org/a/b.xml: HTTP 503",
        "the key is under the mat, and the token of our thanks is small",
        "could not find the host example.org: check the address",
        "https://example.org/posts/2024/keynote?sort=new&monkey=banana",
    ],
)
def test_ordinary_lines_stay_as_they_are(text):
    assert redact(text) == text


def test_known_values_are_hidden_everywhere_and_as_urls_write_them():
    secrets.remember("pass word/ü")
    assert redact("pass word/ü pass%20word%2F%C3%BC pass+word%2F%C3%BC") == f"{HIDDEN} {HIDDEN} {HIDDEN}"
    assert redact("a mere-extra here", extra=["mere-extra", "a"]) == f"a {HIDDEN} here"


def test_the_longest_secret_is_hidden_first():
    secrets.remember("abcd")
    secrets.remember("abcdefgh")
    assert redact("abcdefgh") == HIDDEN


@pytest.mark.parametrize(
    "start", ["key=", "https://", "Authorization: ", "a", "'token'", "?k=", "x-", "/bot1", "_token"]
)
def test_redaction_takes_time_in_step_with_the_text(start):
    def seconds(size):
        text = start * (size // len(start))
        return min(_time(lambda: redact(text)) for _ in range(3))

    small, large = seconds(50_000), seconds(100_000)
    assert large < max(3 * small, 0.05)


def _time(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def test_secrets_come_from_the_environment_or_a_file_beside_the_configuration(tmp_path):
    (tmp_path / "token.txt").write_text("from-file\n")
    environ = {"MY_TOKEN": "from-environment"}
    assert read_secret("connectors.a.token", "env:MY_TOKEN", environ, tmp_path) == "from-environment"
    assert read_secret("connectors.a.token", "file:token.txt", environ, tmp_path) == "from-file"
    assert redact("from-environment from-file") == f"{HIDDEN} {HIDDEN}"


UNREADABLE = [
    "env:NOT_SET",
    "env:EMPTY",
    "file:missing",
    "file:empty",
    "file:binary",
    "file:large",
    "file:.",
    "literal",
]


@pytest.mark.parametrize("value", UNREADABLE)
def test_a_secret_that_cannot_be_read_names_the_key_and_never_the_value(value, tmp_path):
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large").write_text("x" * 100_000)
    with pytest.raises(ConfigError, match=r"connectors\.a\.token") as caught:
        read_secret("connectors.a.token", value, {"EMPTY": ""}, tmp_path)
    assert "literal" not in str(caught.value)


def test_every_logger_is_redacted_in_message_arguments_and_traceback(written):
    secrets.remember(SENTINEL)
    install()
    child = logging.getLogger("somebody.else.entirely")
    child.info("opened %s", f"https://example.org/{SENTINEL}")
    child.info("headers %(h)s", {"h": f"Bearer {SENTINEL}"})
    try:
        raise ValueError(f"refused {SENTINEL}")
    except ValueError:
        child.exception("failed for %s", SENTINEL)
    child.warning("where", stack_info=True)
    shown = written.getvalue()
    assert SENTINEL not in shown
    assert shown.count(HIDDEN) >= 4
    assert "ValueError: refused" in shown
    assert "Stack (most recent call last)" in shown


def test_handlers_that_come_later_get_redacted_records_too():
    install()
    logger = logging.getLogger("late")
    seen = []
    handler = logging.Handler()
    handler.emit = seen.append
    logger.addHandler(handler)
    try:
        raise KeyError(f"token={SENTINEL}")
    except KeyError:
        logger.exception("access_token=%s", SENTINEL)
    logger.removeHandler(handler)
    [record] = seen
    assert SENTINEL not in str(record.__dict__)
    assert record.getMessage() == f"access_token={HIDDEN}"


def test_a_log_call_with_wrong_arguments_prints_none_of_them(written, capsys):
    install()
    logging.getLogger("x").info("%d items", SENTINEL)
    assert SENTINEL not in written.getvalue() + capsys.readouterr().err


def test_installing_twice_redacts_once():
    install()
    first = logging.getLogRecordFactory()
    install()
    assert logging.getLogRecordFactory() is first


def test_a_redactor_works_as_a_filter_of_one_handler():
    record = logging.LogRecord("n", logging.INFO, "p", 1, "token=%s", (SENTINEL,), None)
    assert Redactor().filter(record)
    assert record.getMessage() == f"token={HIDDEN}"


def test_libraries_that_print_tokens_are_held_down_at_debug(written):
    hold_down()
    for name in (
        "tweepy.client",
        "httpx",
        "httpcore.http11",
        "urllib3.connectionpool",
        "requests_oauthlib.oauth1_auth",
    ):
        logging.getLogger(name).debug("Authorization: OAuth oauth_token=%s", SENTINEL)
        logging.getLogger(name).info("HTTP Request: GET https://example.org/?q=%s", SENTINEL)
    assert written.getvalue() == ""
