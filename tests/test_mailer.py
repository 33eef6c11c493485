"""Mail to a real server: what arrives, what an answer means, and that no text becomes a header."""

import re
import socketserver
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.addresses import NetworkRules
from listener.mailer import REPEAT, Letter, Mailer, Office, Sent, is_address, message
from tests.hostile.servers import authority
from tests.servers_mail import listening, speaking
from tests.servers_smtp import PASSWORD, USER, Sink, smtp

AT = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
LETTER = Letter(
    "Your briefing · Monday", "Tea & größe\n.\nFrom the end", "<p>Tea &amp; größe</p>", "2026-11-23.all", AT
)
OURS = {
    "From", "To", "Subject", "Date", "Message-ID", "List-Id", "Auto-Submitted", "MIME-Version", "Content-Type",
}  # fmt: skip


def office(port: int = 0, **rest: object) -> Office:
    values: dict[str, object] = {"security": "none", "port": port} | rest
    return Office("127.0.0.1", "Ada <ada@example.org>", ("ada@example.org",), **values)  # type: ignore[arg-type]


def mailer(sink: Sink, **rest: object) -> Mailer:
    rules = NetworkRules(allow_private=(f"127.0.0.1:{sink.port}",))
    return Mailer(office(sink.port, **rest), rules, silence_s=5)


def send(sink: Sink, letter: Letter = LETTER, **rest: object) -> Sent:
    return mailer(sink, **rest).send(letter)


def part(found: EmailMessage, kind: str) -> str:
    body = found.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


# what arrives


def test_a_letter_arrives_with_a_text_and_an_html_part_and_with_our_headers_only() -> None:
    with smtp() as sink:
        assert send(sink) == Sent("sent")
    (found,) = sink.messages
    assert set(found.keys()) == OURS
    assert found["subject"] == LETTER.subject
    assert found["from"] == "Ada <ada@example.org>"
    assert found["to"] == "ada@example.org"
    assert found["date"].datetime == AT
    assert found["message-id"] == "<2026-11-23.all@example.org>"
    assert found["auto-submitted"] == "auto-generated"
    assert found["list-id"] == "<briefing.listener>"
    assert [one.get_content_type() for one in found.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert part(found, "plain") == "Tea & größe\n.\nFrom the end\n"
    assert part(found, "html") == "<p>Tea &amp; größe</p>\n"
    assert sink.taken[0].isascii()


def test_a_repeat_says_so_and_has_the_same_name() -> None:
    first = message(LETTER, office())
    second = message(Letter(*_values(LETTER), is_repeat=True), office())
    assert first["Message-ID"] == second["Message-ID"]
    assert (first[REPEAT], second[REPEAT]) == (None, "yes")


def _values(letter: Letter) -> tuple[str, str, str, str, datetime]:
    return (letter.subject, letter.text, letter.html, letter.name, letter.at)


def test_a_letter_sent_again_is_shown_beside_the_first() -> None:
    found = message(Letter(*_values(LETTER), answers="2026-11-22.all"), office())
    assert found["In-Reply-To"] == found["References"] == "<2026-11-22.all@example.org>"


PAYLOADS = [
    "\r\nBcc: eve@evil.example",
    "\nBcc: eve@evil.example",
    "\rBcc: eve@evil.example",
    "\r\n\r\n<script>alert(1)</script>",
    "\n\n.\n",
    "x\r\n.\r\nMAIL FROM:<eve@evil.example>",
    "%0d%0aBcc: eve@evil.example",
    "=?utf-8?q?=0D=0ABcc:_eve=40evil.example?=",
    "=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=",
    "\x0b\x0cBcc: eve@evil.example",
    "\x85Bcc: eve@evil.example",
    "\u2028Bcc: eve@evil.example",
    "\u2029Bcc: eve@evil.example",
    "\x00Bcc: eve@evil.example",
    "\x1b[31mBcc: eve@evil.example",
    "\u202eBcc: eve@evil.example",
    "\ud800Bcc: eve@evil.example",
    "\r\n Bcc: eve@evil.example",
    "\r\n\tBcc: eve@evil.example",
    "Subject: two\r\nSubject: three",
    "x\r\nContent-Type: text/html",
    "x\r\nX-Possibly-A-Repeat: yes",
    "\U000e0042cc: eve@evil.example",
    "a" * 5_000 + "\r\nBcc: eve@evil.example",
    "",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_becomes_a_header(payload: str) -> None:
    """S11: 25 payloads, exactly our headers."""
    letter = Letter(f"Hello {payload}", payload, payload, f"2026{payload}", AT, list_id=f"list{payload}")
    with smtp() as sink:
        assert send(sink, letter) == Sent("sent")
    (found,) = sink.messages
    assert set(found.keys()) == OURS
    assert len(found.keys()) == len(OURS)
    assert sink.recipients == [["ada@example.org"]]
    head = sink.taken[0].partition(b"\r\n\r\n")[0]
    assert not re.search(rb"(?im)^bcc:", head)
    assert all(len(line) < 1_000 for line in sink.taken[0].split(b"\r\n"))


@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_message_of_ascii(subject: str, text: str, name: str) -> None:
    made = message(Letter(subject, text, text, name, AT), office())
    assert set(made.keys()) == OURS
    assert made.as_bytes().isascii()


@pytest.mark.parametrize(
    "text", ["ada@example.org", "Ada <ada@example.org>", "Ada B. <a.b+news@mail.example.org>", "größe <a@b.example>"]
)
def test_what_can_be_written_to_is_an_address(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    ["ada", "@example.org", "ada@", "a@b.example, c@d.example", "ada@größe.example", "a@b.example\r\nBcc: x@y.z"],
)
def test_what_cannot_be_written_to_is_no_address(text: str) -> None:
    assert not is_address(text)


# the way there


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server of a trusted authority speaks with."""
    ca = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.ca_file))
    return ca.context("127.0.0.1")


def test_a_password_is_taken_over_starttls_and_a_letter_over_tls(tls: ssl.SSLContext) -> None:
    with smtp(login=True, starttls=tls) as sink:
        assert send(sink, security="starttls", user=USER, password=PASSWORD) == Sent("sent")
    with smtp(tls=tls) as sink:
        assert send(sink, security="tls") == Sent("sent")


def test_a_wrong_password_waits_for_the_user(tls: ssl.SSLContext) -> None:
    with smtp(login=True, starttls=tls) as sink:
        found = send(sink, security="starttls", user=USER, password="something else")
    assert found.outcome == "refused"
    assert "refused the user name or the password (535" in str(found.detail)
    assert "something else" not in str(found.detail)
    assert sink.taken == []


def test_a_server_that_wants_a_password_and_gets_none_says_so(tls: ssl.SSLContext) -> None:
    with smtp(login=True, starttls=tls) as sink:
        found = send(sink, security="starttls")
    assert found.outcome == "refused"
    assert "530" in str(found.detail)


def test_a_server_without_passwords_is_named_as_one() -> None:
    with smtp() as sink:
        found = send(sink, user=USER, password=PASSWORD)
    assert (found.outcome, "takes no password" in str(found.detail)) == ("refused", True)


def test_a_certificate_nobody_trusts_gets_nothing(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    with smtp(login=True, starttls=ca.context("127.0.0.1")) as sink:
        found = send(sink, security="starttls", user=USER, password=PASSWORD)
    assert found.outcome == "failed"
    assert "not to be trusted" in str(found.detail)
    assert sink.taken == []


def test_a_server_without_starttls_gets_nothing() -> None:
    with smtp() as sink:
        found = send(sink, security="starttls", user=USER, password=PASSWORD)
    assert (found.outcome, "offers no STARTTLS" in str(found.detail)) == ("refused", True)


def test_tls_to_a_server_that_speaks_none_is_named() -> None:
    with smtp() as sink:
        found = send(sink, security="tls")
    assert found.outcome == "failed"
    assert "speaks no TLS" in str(found.detail)


def test_nothing_is_said_in_the_clear_to_a_host_that_nobody_opened() -> None:
    with smtp() as sink:
        found = Mailer(office(sink.port), NetworkRules()).send(LETTER)
    assert found.outcome == "refused"
    assert f'add "127.0.0.1:{sink.port}" to network.allow_private' in str(found.detail)
    assert sink.taken == []


def test_nothing_is_said_in_the_clear_to_a_public_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listener.mailer.is_public", lambda address: True)
    with smtp() as sink:
        found = send(sink, user=USER, password=PASSWORD)
    assert (found.outcome, "no private host" in str(found.detail)) == ("refused", True)


# what answers mean


@pytest.mark.parametrize(
    ("where", "answer", "outcome"),
    [
        ("ada@example.org", "450 4.2.0 greylisted, come back in five minutes", "failed"),
        ("ada@example.org", "452 mailbox full", "failed"),
        ("ada@example.org", "550 no such user", "refused"),
        ("MAIL", "451 try later", "failed"),
        ("MAIL", "553 sender not allowed", "refused"),
        ("DATA", "451 try later", "failed"),
        ("DATA", "552 too large", "refused"),
        ("DATA", "554 looks like spam", "refused"),
    ],
)
def test_a_4xx_is_tried_again_and_a_5xx_is_not(where: str, answer: str, outcome: str) -> None:
    with smtp(Sink(answers={where: answer})) as sink:
        found = send(sink)
    assert found.outcome == outcome
    assert answer in str(found.detail)


def test_a_refused_recipient_among_others_is_named_and_the_others_get_it() -> None:
    with smtp(Sink(answers={"bob@example.org": "550 no such user"})) as sink:
        two = Office("127.0.0.1", USER, ("ada@example.org", "bob@example.org"), "none", sink.port)
        found = Mailer(two, NetworkRules(allow_private=(f"127.0.0.1:{sink.port}",))).send(LETTER)
    assert found == Sent("sent", "not taken for bob@example.org (550 no such user)")
    assert sink.recipients == [["ada@example.org"]]


def test_a_greylisted_recipient_holds_the_others_up_only_while_we_are_patient() -> None:
    with smtp(Sink(answers={"bob@example.org": "450 come back"})) as sink:
        two = Office("127.0.0.1", USER, ("ada@example.org", "bob@example.org"), "none", sink.port)
        post = Mailer(two, NetworkRules(allow_private=(f"127.0.0.1:{sink.port}",)))
        assert post.send(LETTER).outcome == "failed"
        assert sink.taken == []
        assert post.send(LETTER, patient=False).outcome == "sent"
    assert sink.recipients == [["ada@example.org"]]


def test_a_connection_lost_while_the_letter_is_taken_may_have_delivered_it() -> None:
    with smtp(Sink(breaks_in_data=1)) as sink:
        found = send(sink)
    assert found.outcome == "unknown"
    assert "may have arrived" in str(found.detail)
    assert len(sink.taken) == 1


def test_nothing_leaves_where_somebody_else_has_it() -> None:
    with smtp() as sink:
        assert mailer(sink).send(LETTER, begin=lambda: False).outcome == "failed"
    assert sink.taken == []


def test_begin_is_called_once_all_but_the_letter_is_agreed() -> None:
    called: list[bool] = []
    with smtp(Sink(answers={"ada@example.org": "550 no"})) as sink:
        mailer(sink).send(LETTER, begin=lambda: not called.append(True))  # type: ignore[func-returns-value]
    assert called == []


def test_a_server_that_is_not_there_is_tried_again() -> None:
    found = Mailer(office(9), NetworkRules(allow_private=("127.0.0.1:9",))).send(LETTER)
    assert found.outcome == "failed"
    assert found.detail == "127.0.0.1:9 cannot be reached (Connection refused); check mail.host and mail.port"


def test_a_name_nobody_knows_is_tried_again() -> None:
    found = Mailer(Office("mail.invalid", USER, (USER,)), NetworkRules(), silence_s=5).send(LETTER)
    assert (found.outcome, "mail.host" in str(found.detail)) == ("failed", True)


def test_a_server_that_hangs_or_babbles_or_turns_us_away_is_named() -> None:
    def hang(talk: socketserver.StreamRequestHandler) -> None:
        talk.rfile.read(1_000)

    def babble(talk: socketserver.StreamRequestHandler) -> None:
        talk.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")

    def away(talk: socketserver.StreamRequestHandler) -> None:
        talk.wfile.write(b"554 no service for you\r\n")
        talk.rfile.readline()

    expected = [(hang, "failed", "did not answer for 0.3 s"), (babble, "refused", "turned us away")]
    for talk, outcome, words in [*expected, (away, "refused", "554 no service")]:
        with listening(speaking(talk)) as port:
            rules = NetworkRules(allow_private=(f"127.0.0.1:{port}",))
            found = Mailer(office(port), rules, silence_s=0.3).send(LETTER)
        assert words in str(found.detail)
        assert found.outcome == outcome
