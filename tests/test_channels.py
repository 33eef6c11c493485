"""Every way an alert may go, up to a real receiver: services by Apprise, mail, webhook, terminal (S10, S11, S21)."""

import io
import json
import re
import shutil
import socket
import subprocess
import time
import tomllib
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import html5lib
import pytest

from listener.addresses import NetworkRules
from listener.alerts import Item, Message
from listener.channels import Apprised, Notice, Reach, sender, services, shown
from listener.errors import ConfigError
from listener.escaping import HAIR
from listener.http import Client
from listener.mailer import Mailer, Office
from listener.sandbox import Sandbox
from listener.tally import Limits
from tests.chaos import between
from tests.hostile.alerts import TEXTS
from tests.servers import Reply, serving
from tests.servers_smtp import PASSWORD, USER, Sink, smtp
from tests.test_escaping import ACTIVE, OURS, SHOWN, without_ours
from tests.wire import wired

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
ROOT = Path(__file__).parents[1]
SERVICES = services(tomllib.loads((ROOT / "connectors" / "channels.toml").read_text()))
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
SENTINEL = "S3ntinelTokenAAAABBBBCCCC"
ITEM = Item(7, "fits your offer", "leads", 5, "Wanted", "Ann", "a forum", "Who builds shops?", OURS, goal="Shops")
MESSAGE = Message("c", "key-1", "leads: Wanted", (ITEM,))


@pytest.fixture(scope="module")
def sandbox():
    """The child process that runs Apprise, as the program starts it."""
    made = Sandbox("listener.services:notify", seconds=10, memory=1 << 30, children=2, patience=1.0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    """A receiver under the names of the services whose addresses are fixed."""
    with wired(tmp_path_factory.mktemp("wire")) as found:
        yield found


@pytest.fixture(scope="module")
def wired_sandbox():
    """The same child, in which those names lead to the receiver."""
    made = Sandbox("tests.wire:notify", seconds=10, memory=1 << 30, children=2, patience=1.0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def http():
    """A client that may not reach this machine."""
    made = Client(limits=Limits(connect_s=1.0, read_s=1.0, total_s=3.0))
    yield made
    made.close()


@pytest.fixture
def reach(sandbox, http):
    return Reach(SERVICES, http, sandbox, lambda: NOW)


def hostile(text: str) -> Message:
    item = Item(
        7, "fits your offer", "leads", 5, text, text, text, text, OURS, goal=text, command="listener label 5 lead"
    )
    return Message("c", "key-1", f"leads: {text}", (item,))


# what each service gets, as it goes over the wire


FIXED = {
    "slack": f"slack://T1JJ3T3L2/A1BRTD4JD/{SENTINEL}",
    "discord": f"discord://4174216298/{SENTINEL}",
    "tgram": f"tgram://123456789:{SENTINEL}_abcdefghijkl/12315544/",
    "workflows": f"workflows://teams.example.org:443/643d2c2ce8c64f39b91aba8c8b9be5d5/{SENTINEL}",
}
OPEN = {
    "mmost": f"mmost://HOST/{SENTINEL}",
    "ntfy": f"ntfy://HOST/{SENTINEL}",
}


def texts(body: bytes) -> list[str]:
    """List every text of a JSON payload that people read."""
    shown_keys = ("text", "content", "message", "title", "fallback", "description")

    def walk(value: object, key: str) -> list[str]:
        if isinstance(value, dict):
            return [found for name, part in value.items() for found in walk(part, name)]
        if isinstance(value, list):
            return [found for part in value for found in walk(part, key)]
        return [value] if isinstance(value, str) and key in shown_keys else []

    return walk(json.loads(body), "")


@pytest.fixture
def sent(wire, wired_sandbox, http, sandbox):
    """Send by a service, and give what its receiver got."""

    def send(scheme: str, message: Message) -> bytes:
        if scheme in FIXED:
            before = len(wire.server.seen)
            url, box, server = wire.led(FIXED[scheme]), wired_sandbox, wire.server
        else:
            before, url, box, server = len(local.seen), OPEN[scheme].replace("HOST", local.host_port), sandbox, local
        service = SERVICES.of(url)
        assert service is not None
        outcome = Apprised(url, service, box).send(message)
        assert outcome.kind == "sent", outcome
        [seen] = server.seen[before:]
        return seen.body

    with serving(lambda _: Reply(200, b"{}")) as local:
        yield send


def unescaped(scheme: str, text: str) -> str:
    """Undo what Apprise writes for the service's own reader."""
    if scheme == "slack":
        return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    if scheme == "tgram":
        assert not re.search(r"<(?!br/?>)", text), "a tag in what Telegram reads as HTML"
        return html_text(text)
    return text


def html_text(text: str) -> str:
    import html

    return html.unescape(text).replace("\xa0", " ").replace("<br/>", "\n")


@pytest.mark.parametrize("scheme", [*FIXED, *OPEN])
def test_a_service_gets_words_reason_and_link(sent, scheme):
    body = sent(scheme, MESSAGE)
    told = "\n".join(unescaped(scheme, text) for text in texts(body)).replace("\\", "")
    for part in ("leads: Wanted", "Who builds shops?", "fits your offer", "Ann · a forum", SHOWN):
        assert part in told
    assert "apprise" not in body.decode().lower()


@pytest.mark.parametrize("scheme", [*FIXED, *OPEN])
def test_no_hostile_word_is_active_at_a_service(sent, scheme):
    for text in TEXTS:
        body = sent(scheme, hostile(text))
        for told in texts(body):
            assert not ACTIVE.search(without_ours(unescaped(scheme, told))), (text, told)
        payload = json.loads(body)
        assert not payload.get("embeds")
        assert not payload.get("allow_mentions")
        if scheme == "slack":
            raw = "".join(texts(body))
            assert not re.search(r"<[!@#]|<http", raw)
            assert payload.get("mrkdwn") is False
        if scheme == "workflows":
            assert "entities" not in payload["attachments"][0]["content"]["msteams"]
        if scheme == "tgram":
            assert payload["parse_mode"] == "HTML"
            assert payload["disable_web_page_preview"] is True


def test_the_longest_words_reach_every_service_whole_or_cut_but_once(sent):
    for filler in ("a sentence. ", "<&>\"' ", "*_[]` ", "漢字。", "🙂 "):
        item = replace(ITEM, text=filler * 2_000, headline=filler * 100)
        message = Message("c", "key-1", "t" * 5_000, (item,) * 40, "digest", more=9)
        for scheme in (*FIXED, *OPEN):
            told = unescaped(scheme, max(texts(sent(scheme, message)), key=len))
            service = SERVICES.of(f"{scheme}://x")
            assert service is not None
            assert service.form.size(told.replace("\r\n", "\n")) <= service.form.cap
            assert "more alerts" in told


# the other ways


@contextmanager
def mail(reach: Reach, url: str = "mail", *, login: bool = True, password: str = PASSWORD):
    with smtp(Sink(), login=login) as sink:
        user = (USER, password) if login else (None, None)
        office = Office(
            "127.0.0.1", "listener@example.org", ("ann@example.org", "bob@example.org"), "none", sink.port, *user
        )
        rules = NetworkRules(allow_private=(f"127.0.0.1:{sink.port}",))
        yield sender("c", url, replace(reach, mail=Mailer(office, rules, silence_s=5.0))), sink


@pytest.mark.parametrize("login", [True, False])
def test_mail_arrives_as_text_and_html_with_and_without_a_login(reach, login):
    with mail(reach, login=login) as (channel, sink):
        assert channel.send(MESSAGE).kind == "sent"
    [letter] = sink.messages
    assert letter["Subject"] == "leads: Wanted"
    text = letter.get_body(("plain",)).get_content()
    page = letter.get_body(("html",)).get_content()
    assert SHOWN in text
    assert f'<a href="{SHOWN}">post.example</a>' in page
    assert "fits your offer" in text
    assert "fits your offer" in page


def test_a_wrong_mail_password_is_told_within_two_seconds(reach):
    began = time.monotonic()
    with mail(reach, password="wrong-Sentinel-99") as (channel, _):
        outcome = channel.send(MESSAGE)
        assert time.monotonic() - began < 2
    assert outcome.kind == "refused"
    assert "password" in outcome.detail
    assert "Sentinel" not in outcome.detail


HEADERS = [
    f"{start}{end}{name}: ann@evil.example"
    for start in ("Wanted", "", "é" * 80, "=?utf-8?q?Wanted=0D=0A?=", "x" * 990)
    for end, name in (("\r\n", "Bcc"), ("\n", "To"), ("\r", "Subject"), ("\u2028", "Reply-To"), ("\r\n\r\n", "Body"))
]


@pytest.mark.parametrize("text", HEADERS)
def test_no_subject_writes_a_header(reach, text):
    assert len(HEADERS) == 25
    with mail(reach, login=False) as (channel, sink):
        outcome = channel.send(Message("c", text, text, (replace(ITEM, headline=text, text=text),)))
    assert outcome.kind == "sent"
    [letter] = sink.messages
    assert {name.lower() for name in letter} == {
        "from", "to", "subject", "date", "message-id", "list-id", "auto-submitted", "mime-version", "content-type",
    }  # fmt: skip
    assert sink.recipients == [["ann@example.org", "bob@example.org"]]
    assert len(letter.get_all("subject")) == 1


def test_mail_in_forty_hostile_words_holds_our_link_only(reach):
    with mail(reach, login=False) as (channel, sink):
        items = tuple(item for text in TEXTS for item in hostile(text).items)
        assert channel.send(Message("c", "key-1", TEXTS[0], items, "digest")).kind == "sent"
    [letter] = sink.messages
    text = letter.get_body(("plain",)).get_content()
    assert text.count(SHOWN) == 40
    assert not ACTIVE.search(without_ours(text))
    tree = html5lib.parse(letter.get_body(("html",)).get_content(), namespaceHTMLElements=False)
    attributes = [element.attrib for element in tree.iter() if element.attrib]
    assert attributes == [{"charset": "utf-8"}] + [{"href": SHOWN}] * 40


def test_mail_goes_to_addresses_of_the_configuration_only(reach):
    with mail(reach, "mailto:bob@example.org", login=False) as (channel, sink):
        assert channel.send(MESSAGE).kind == "sent"
    assert sink.recipients == [["bob@example.org"]]
    with pytest.raises(ConfigError, match=r"mail\.to"), mail(reach, "mailto:eve@example.org"):
        pass
    with pytest.raises(ConfigError, match=r"needs \[mail\]"):
        sender("c", "mail", reach)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("text", ["plain words", *TEXTS])
def test_the_terminal_shows_a_notice_in_which_no_control_is_foreign(text):
    screen = Terminal()
    assert Notice(screen).send(hostile(text)).kind == "sent"
    told = screen.getvalue()
    assert told.startswith("\x1b]9;leads: ")
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", told) == ["\x1b", "\x07"]
    assert SHOWN in told


@pytest.mark.parametrize("screen", [None, io.StringIO()])
def test_a_notice_that_nobody_sees_is_not_sent(screen):
    outcome = Notice(screen).send(MESSAGE)
    assert (outcome.kind, outcome.retry_after_s) == ("failed", 900.0)


def test_an_http_address_is_a_signed_webhook(reach):
    from listener.webhooks import verify

    with serving(lambda _: Reply(204)) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)))
        outcome = sender("c", server.url, replace(reach, http=client), ["a-long-secret"]).send(MESSAGE)
        client.close()
    assert outcome.kind == "sent"
    [seen] = server.seen
    assert verify(seen.headers, seen.body, ["a-long-secret"], NOW) == "key-1"
    with pytest.raises(ConfigError, match="needs a secret"):
        sender("c", server.url, reach)


@pytest.fixture
def ircd(tmp_path):
    """A real IRC server; skipped where none is installed."""
    program = shutil.which("ngircd") or shutil.which("ngircd", path="/usr/sbin")
    if program is None:
        pytest.skip("needs ngircd (Debian: apt-get install ngircd)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "ngircd.conf"
    config.write_text(
        f"[Global]\nName = irc.example.net\nInfo = test\nListen = 127.0.0.1\nPorts = {port}\n"
        "[Limits]\nMaxConnectionsIP = 0\nMaxPenaltyTime = 0\n[Options]\nIdent = no\nPAM = no\nDNS = no\n"
    )
    tmp_path.chmod(0o755)
    config.chmod(0o644)
    running = subprocess.Popen([program, "-n", "-f", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port
    running.terminate()
    running.wait()


def test_an_irc_channel_reads_one_line(ircd, reach):
    with socket.create_connection(("127.0.0.1", ircd), timeout=10) as reader:
        lines = reader.makefile("rwb")
        lines.write(b"NICK reader\r\nUSER reader 0 * :reader\r\nJOIN #leads\r\n")
        lines.flush()
        while b" 366 " not in lines.readline():
            pass
        text = TEXTS[34]
        outcome = sender("c", f"irc://watcher@127.0.0.1:{ircd}/%23leads?join=yes", reach).send(hostile(text))
        assert outcome.kind == "sent", outcome
        said = []
        while not said:
            line = lines.readline().decode()
            if " PRIVMSG " in line:
                said.append(line)
        lines.write(b"PING :end\r\n")
        lines.flush()
        while " PONG " not in (line := lines.readline().decode()):
            assert " PRIVMSG " not in line
        lines.close()
    assert said[0].startswith(":watcher")
    assert " PRIVMSG #leads :leads: line one PRIVMSG #other" in said[0]
    assert SHOWN in said[0]


# what is wrong, in seconds, and nothing secret in it


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (Reply(200, b"{}"), "sent", "took it"),
        (Reply(401, b'{"error": "unauthorized"}'), "refused", "401"),
        (Reply(404), "refused", "404"),
        (Reply(429), "failed", "429"),
        (Reply(500, b"oops"), "failed", "500"),
        (Reply(302, headers={"Location": "http://127.0.0.1:9/"}), "failed", "302"),
    ],
)
def test_what_a_service_answers_is_told(reach, reply, kind, says):
    with serving(lambda _: reply) as server:
        outcome = sender("c", f"ntfy://{server.host_port}/{SENTINEL}", reach).send(MESSAGE)
        assert len(server.seen) == 1
    assert (outcome.kind, says in outcome.detail) == (kind, True), outcome
    assert SENTINEL not in outcome.detail
    assert "shops" not in outcome.detail


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("none", {"sent"}),
        ("latency", {"sent"}),
        ("reset", {"failed", "unknown"}),
        ("cut", {"failed", "unknown"}),
        ("cut-answer", {"unknown"}),
        ("black-hole", {"unknown"}),
    ],
)
def test_a_broken_network_is_told_within_seconds(reach, fault, kinds):
    with serving(lambda _: Reply(200, b"{}")) as server, between(server.port, fault, most=10) as chaos:
        began = time.monotonic()
        outcome = sender("c", f"ntfy://{chaos.host_port}/{SENTINEL}", reach).send(MESSAGE)
    assert outcome.kind in kinds, outcome
    assert time.monotonic() - began < 9
    assert SENTINEL not in outcome.detail


def test_a_service_that_never_ends_is_ended_and_holds_up_no_other(http):
    box = Sandbox("listener.services:notify", seconds=3, memory=1 << 30, children=2, patience=1.0)
    hung = Reach(SERVICES, http, box, lambda: NOW)
    with serving(lambda _: Reply(200, b"{}")) as server, between(server.port, "drip", seconds=0.5) as hole:
        began = time.monotonic()
        outcome = sender("c", f"ntfy://{hole.host_port}/{SENTINEL}", hung).send(MESSAGE)
        took_s = time.monotonic() - began
        assert sender("d", f"ntfy://{server.host_port}/topic-two", hung).send(MESSAGE).kind == "sent"
    box.close()
    assert outcome.kind == "unknown"
    assert 2 < took_s < 5


def test_nobody_there_is_a_failure(reach):
    with serving(lambda _: Reply(200)) as server:
        port = server.port
    outcome = sender("c", f"ntfy://127.0.0.1:{port}/{SENTINEL}", reach).send(MESSAGE)
    assert (outcome.kind, "nothing listens" in outcome.detail) == ("failed", True), outcome


def test_no_proxy_of_the_environment_sees_a_message(monkeypatch, http):
    with serving(lambda _: Reply(200, b"{}")) as proxy, serving(lambda _: Reply(200, b"{}")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        box = Sandbox("listener.services:notify", seconds=10, memory=1 << 30, children=1, patience=1.0)
        found = Reach(SERVICES, http, box, lambda: NOW)
        assert sender("c", f"ntfy://{server.host_port}/topic", found).send(MESSAGE).kind == "sent"
        box.close()
        assert proxy.seen == []


# which addresses are taken


@pytest.mark.parametrize("service", SERVICES.known, ids=lambda service: service.name)
def test_the_example_of_each_service_is_one_that_apprise_reads(service, sandbox):
    filled = {
        "mmosts": "mmosts://chat.example.org/4gmtpxphn7y9bpzd9aqbnhkh9a",
        "workflows": "workflows://host.example.org:443/643d2c2ce8c64f39b91aba8c8b9be5d5/abcdefghijklmnopqrstuvwxyz0123456789-abcdef",
        "tgram": "tgram://123456789:abcdefghijklmnopqrstuvwxyzabcdefghi/12315544/",
        "zulip": "zulip://botname@organization/a5a54a8a5b54545a5a54a54a5a5a5a5a/stream",
        "webex": "webex://" + "a" * 80,
        "threema": "threema://*THEGWID@secretsecretsecr/ABCDEFGH",
        "twist": "twist://password:ann@example.org/%23general",
        "rockets": f"rockets://{'a' * 17}/{'b' * 24}@chat.example.org/%23channel",
        "ncloud": "nclouds://admin:pass@cloud.example.org/ann",
        "pagerduty": f"pagerduty://{'a' * 32}@{'b' * 20}",
        "opsgenie": "opsgenie://a1b2c3d4-e5f6-a7b8-c9d0-e1f2a3b4c5d6",
        "feishu": "feishu://" + "a" * 36,
        "lark": "lark://" + "a" * 36,
        "pbul": "pbul://" + "a" * 34,
        "join": "join://" + "a" * 32 + "/" + "b" * 32,
        "pover": f"pover://{'u' * 30}@{'t' * 30}",
        "prowl": "prowl://" + "a" * 40,
    }
    url = next((filled[one] for one in service.schemes if one in filled), service.example)
    assert SERVICES.way(url) == "service"
    assert SERVICES.of(url) is service
    fault = Apprised(url, service, sandbox).fault()
    assert fault is None, fault


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("exec:///bin/sh", "start programs"),
        ("file:///etc/passwd", "write files"),
        ("syslog://", "into this machine"),
        ("dbus://", "into this machine"),
        ("mailtos://ann:pw@example.org", "[mail]"),
        ("json://127.0.0.1/", "signed webhook"),
        ("toot://token@social.example", "everybody could read it"),
        ("unheard://x", "no channel that is known"),
        ("just words", "no address"),
        ("", "no address"),
        ("mailto:ann@example.org,eve@example.org", "one address"),
        ("mailto://ann:pw@example.org", "[mail]"),
        ("slack://a/b/c?template=file:///etc/passwd", "template="),
        ("discord://a/b?Format=markdown", "format="),
        ("ntfy://h/t?retry=9", "retry="),
        ("ntfy://h/t?optional=yes", "optional="),
    ],
)
def test_an_address_that_is_refused_says_why(url, why):
    with pytest.raises(ConfigError, match=re.escape(why)):
        SERVICES.way(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7LQ",
        "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "https://chat.googleapis.com/v1/spaces/ABC/messages?key=KEY-abc&token=TOKEN-abc",
    ],
)
def test_the_webhook_of_a_service_is_taken_as_that_service(url, sandbox):
    service = SERVICES.of(url)
    assert service is not None
    assert Apprised(url, service, sandbox).fault() is None


@pytest.mark.parametrize(
    "url", [*FIXED.values(), *OPEN.values(), f"https://hooks.example.org/{SENTINEL}?key={SENTINEL}"]
)
def test_a_list_shows_nothing_of_an_address_that_is_secret(url):
    told = shown(url.replace("HOST", "ntfy.example.org"))
    assert SENTINEL not in told
    assert unquote(told).startswith(url.partition(":")[0])


def test_a_channel_takes_no_more_than_text_made_harmless(sent):
    body = json.loads(sent("ntfy", replace(MESSAGE, title="ask @ann")))
    assert body["title"] == f"ask @{HAIR}ann"


def test_an_address_is_hidden_in_everything_written_from_then_on(reach, monkeypatch):
    from listener import secrets

    monkeypatch.setattr(secrets, "_known", set())
    sender(
        "c", f"matrixs://user:pass%2Fword-{SENTINEL}@matrix.example.org/%23leads:example.org?token={SENTINEL}x", reach
    )
    told = secrets.redact(f"at matrix.example.org: {SENTINEL}x, pass/word-{SENTINEL}, pass%2Fword-{SENTINEL}, %23leads")
    assert SENTINEL not in told
    assert "pass" not in told
    assert "matrix.example.org" in told
