"""Streams through the guarded client: endless bodies line by line, and WebSockets (S1 to S4)."""

import contextlib
import gzip
import os
import random
import threading
import time
import zlib
from pathlib import Path

import pytest

from listener import limits
from listener.addresses import NetworkRules
from listener.connector import Http
from listener.errors import ConnectorError, FeedGone, NotAuthorised, RateLimited, Refused
from listener.hops import Target
from listener.http import Client, Limits
from listener.http.lines import LineBuffer
from listener.types import Request
from tests.hostile.servers import HEAD, authority, gzip_twice, hangs, repeats, says, talking
from tests.servers import Reply, serving
from tests.servers_live import frame, speaks, streaming, turned_away, websocket

HERE = "127.0.0.7"
TOKENS = {"Authorization": "Bearer canary-one", "X-Api-Key": "canary-two"}
QUICK = {"host_slot_s": 0.0, "connect_s": 2.0, "read_s": 2.0, "total_s": 5.0}


@pytest.fixture
def client():
    """Make clients that are closed when the test ends; afterwards no slot may be taken."""
    made = []

    def make(*allowed, rules=None, ca_file=None, resolve=None, **smaller):
        limited = Limits(**{**QUICK, **smaller})
        made.append(Client(rules or NetworkRules(allowed), limits=limited, ca_file=ca_file, resolve=resolve))
        return made[-1]

    yield make
    for one in made:
        one.close()
        assert one._slots.running == 0


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def settles(claim, within_s=3.0):
    """Wait for the servers of this process to notice that somebody left."""
    until = time.monotonic() + within_s
    while not claim() and time.monotonic() < until:
        time.sleep(0.02)
    return claim()


def read(client, url, **changes):
    """Read a stream to its end or its error."""
    lines = []
    try:
        for line in client.lines(Request(url, **changes)):
            lines.append(line)
    except ConnectorError as error:
        return lines, error
    return lines, None


def open_error(client, url, **changes):
    with pytest.raises(ConnectorError) as caught, client.websocket(Request(url, **changes)):
        pass
    return caught.value


def heard(client, url, wait_s=2.0):
    """Receive one message, or the error in its place."""
    with client.websocket(Request(url)) as opened:
        try:
            return opened.receive(wait_s)
        except ConnectorError as error:
            return error


# lines


def test_lines_come_as_the_server_says_them_and_the_last_needs_no_end(client):
    def talk(stream):
        stream.start()
        for piece in (b"data: on", b"e\r\n\r\nda", b"ta: two\n", b"{}\n\n", b"rest"):
            stream.say(piece)
        stream.end()

    with streaming(talk) as server:
        found = read(client(server.host_port), server.url("http"))
    assert found == ([b"data: one", b"", b"data: two", b"{}", b"", b"rest"], None)


def test_a_line_comes_at_once_and_not_when_the_next_one_does(client):
    def talk(stream):
        stream.start()
        stream.say(b"now\n")
        stream.hold()

    with streaming(talk) as server:
        started, lines = time.monotonic(), client(server.host_port).lines(Request(server.url("http")))
        assert next(lines) == b"now"
        assert time.monotonic() - started < 1
        lines.close()


def test_a_silent_stream_pulses(client):
    def talk(stream):
        stream.start()
        stream.say(b"one\n")
        stream.hold()

    with streaming(talk) as server:
        lines = client(server.host_port, pulse_s=0.3).lines(Request(server.url("http")))
        assert next(lines) == b"one"
        started = time.monotonic()
        assert [next(lines), next(lines), next(lines)] == [b""] * 3
        assert 0.8 < time.monotonic() - started < 2.5
        lines.close()


def test_closing_the_iterator_closes_the_connection_at_once(client):
    def talk(stream):
        stream.start()
        stream.say(b"one\n")
        stream.hold()

    with streaming(talk) as server:
        lines = client(server.host_port).lines(Request(server.url("http")))
        next(lines)
        assert server.open == 1
        lines.close()
        assert settles(lambda: server.open == 0, 1.0)


def test_an_open_stream_holds_no_slot(client):
    def talk(stream):
        stream.start()
        if stream.path == "/endless":
            stream.say(b"one\n")
            stream.hold()
        else:
            stream.end()

    with streaming(talk) as server:
        guarded = client(server.host_port, transfers=1, host_transfers=1)
        streams = [guarded.lines(Request(server.url("http", "/endless"))) for _ in range(5)]
        assert [next(lines) for lines in streams] == [b"one"] * 5
        assert guarded.send(Request(server.url("http", "/poll"))).status == 200
        for lines in streams:
            lines.close()


def test_a_stream_outlives_the_time_and_size_limits_of_an_answer(client):
    def talk(stream):
        stream.start()
        for _ in range(12):
            stream.say(b"x" * 999 + b"\n")
            time.sleep(0.1)
        stream.end()

    with streaming(talk) as server:
        small = client(server.host_port, total_s=0.5, read_s=0.5, wire_bytes=2_000, decoded_bytes=2_000)
        lines, error = read(small, server.url("http"))
    assert (len(lines), error) == (12, None)


def test_before_the_head_has_come_the_ordinary_limits_hold(client):
    with talking(hangs, HERE) as silent:
        _, error = read(client(f"{HERE}:{silent.port}", read_s=0.4, silence_s=60), f"http://{HERE}:{silent.port}/")
    assert "silent for 0.4 s" in str(error)
    with talking(says(HEAD, *[b"X-%d: 1\r\n" % n for n in range(50)], every_s=0.1), HERE) as drip:
        _, error = read(client(f"{HERE}:{drip.port}", total_s=0.6), f"http://{HERE}:{drip.port}/")
    assert "within 0.6 s" in str(error)


def test_a_stream_that_falls_silent_is_given_up(client):
    def talk(stream):
        stream.start()
        stream.say(b"one\n")
        stream.hold()

    with streaming(talk) as server:
        started = time.monotonic()
        lines, error = read(client(server.host_port, silence_s=0.6), server.url("http"))
        assert lines == [b"one"]
        assert "was silent for 0.6 s" in str(error)
        assert time.monotonic() - started < 2


def test_a_drip_keeps_a_stream_alive_and_pulses_all_the_same(client):
    def talk(stream):
        stream.start()
        for letter in b"slow and steady":
            stream.say(bytes([letter]))
            time.sleep(0.1)
        stream.end()

    with streaming(talk) as server:
        lines, error = read(client(server.host_port, silence_s=0.5, pulse_s=0.4), server.url("http"))
    assert error is None
    assert lines[-1] == b"slow and steady"
    assert 2 <= lines.count(b"") <= 4


def test_somebody_who_takes_his_time_with_a_line_is_not_the_servers_silence(client):
    def talk(stream):
        stream.start()
        stream.say(b"one\n")
        stream.server.stop.wait(0.2)
        stream.say(b"two\n")
        stream.end()

    with streaming(talk) as server:
        lines = client(server.host_port, silence_s=0.5).lines(Request(server.url("http")))
        assert next(lines) == b"one"
        time.sleep(1.0)
        assert list(lines) == [b"two"]


@pytest.mark.parametrize("ends", [True, False], ids=["with an end", "without one"])
def test_a_line_that_is_too_long_ends_the_stream_after_those_before_it(client, ends):
    def talk(stream):
        stream.start()
        stream.say(b"one\n")
        stream.say(b"x" * 1_000 + b"\n")
        for _ in range(20):
            stream.say(b"x" * 100)
        stream.say(b"\n" if ends else b"")
        stream.hold()

    with streaming(talk) as server:
        lines, error = read(client(server.host_port, line_bytes=1_000), server.url("http"))
    assert lines == [b"one", b"x" * 1_000]
    assert isinstance(error, Refused)
    assert "1,000 bytes" in str(error)


def test_the_longest_line_is_that_of_the_limits():
    assert (Limits().line_bytes, Limits().pulse_s, Limits().silence_s) == (1_000_000, 5.0, 90.0)
    assert limits.LINE_BYTES == 1_000_000
    buffer = LineBuffer(limits.LINE_BYTES)
    assert buffer.add(b"x" * 1_000_000 + b"\r\n")
    assert not buffer.add(b"x" * 1_000_001 + b"\n")


def test_lines_are_the_same_however_the_bytes_are_cut():
    chance = random.Random(7)
    body = b"".join(bytes(chance.choices(b"ab\r\n", k=200)) for _ in range(50))
    expected = [line.removesuffix(b"\r") for line in body.split(b"\n")[:-1]]
    for most in (1, 2, 7, 400):
        buffer, lines, at = LineBuffer(1_000), [], 0
        while at < len(body):
            step = chance.randint(1, most)
            assert buffer.add(body[at : at + step])
            lines += buffer.take()
            at += step
        assert lines == expected
        assert buffer.rest() == body.split(b"\n")[-1]


def test_a_server_that_breaks_off_is_an_error_after_its_last_line(client):
    def talk(stream):
        stream.start()
        stream.say(b"one\n")

    with streaming(talk) as server:
        lines, error = read(client(server.host_port), server.url("http"))
    assert lines == [b"one"]
    assert type(error) is ConnectorError
    assert HERE in str(error)


def test_a_reader_who_is_slow_holds_the_server_back_and_not_the_lines_in_memory(client):
    sent = 0

    def talk(stream):
        nonlocal sent
        stream.start()
        while not stream.server.stop.is_set():
            stream.say(b"x" * 999 + b"\n")
            sent += 1_000

    with streaming(talk) as server:
        lines = client(server.host_port, line_bytes=10_000).lines(Request(server.url("http")))
        assert next(lines) == b"x" * 999
        assert settles(lambda: [sent, time.sleep(0.3)][0] == sent, 10)
        held = sent
        assert held < 30_000_000  # what the sockets of this machine hold
        for _ in range(held // 1_000 + 1_000):
            assert next(lines) == b"x" * 999
        assert sent > held
        lines.close()


def test_a_packed_stream_comes_line_by_line(client):
    packer = zlib.compressobj(wbits=31)

    def talk(stream):
        stream.start(headers={"Content-Encoding": "gzip"})
        for n in range(3):
            stream.say(packer.compress(b"line %d\n" % n) + packer.flush(zlib.Z_SYNC_FLUSH))
        stream.hold()

    with streaming(talk) as server:
        lines = client(server.host_port).lines(Request(server.url("http")))
        assert [next(lines) for _ in range(3)] == [b"line 0", b"line 1", b"line 2"]
        lines.close()


def test_what_a_pause_holds_back_comes_complete_and_in_order(client):
    body = b"".join(b"%d\n" % n for n in range(200_000))

    def talk(stream):
        stream.start(headers={"Content-Encoding": "gzip"})
        packed = gzip.compress(body)
        for at in range(0, len(packed), 50_000):
            stream.say(packed[at : at + 50_000])
        stream.end()

    with streaming(talk) as server:
        lines, error = read(client(server.host_port, line_bytes=1_000), server.url("http"))
    assert error is None
    assert lines == body.split()


def packed(filler, size=100_000_000):
    packer = zlib.compressobj(9, wbits=31)
    return (
        b"".join(packer.compress(filler * (1_000_000 // len(filler))) for _ in range(size // 1_000_000))
        + packer.flush()
    )


BOMBS = {
    "no line ends": (packed(b"\0"), b"gzip"),
    "line ends only": (packed(b"\n"), b"gzip"),
    "short lines": (packed(b"x\n"), b"gzip"),
    "packed five times": (gzip_twice(gzip_twice(packed(b"x" * 99 + b"\n"))), b"gzip, gzip, gzip, gzip, gzip"),
}


@pytest.fixture
def growth():
    """Give the most memory in bytes that this process has needed since the test began, over what it had."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not os.access(reset, os.W_OK):
        pytest.skip("needs /proc/self/clear_refs, which this system does not have")

    def kilobytes(field):
        return int(next(line for line in status.read_text().splitlines() if line.startswith(field)).split()[1])

    reset.write_text("5")
    before = kilobytes("VmRSS")
    return lambda: (kilobytes("VmHWM") - before) * 1_024


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_in_a_stream_is_refused_before_it_fills_the_memory(client, kind, growth):
    bomb, encoding = BOMBS[kind]
    head = HEAD + b"Content-Encoding: " + encoding + b"\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with talking(says(head, bomb), HERE) as server, pytest.raises(Refused):
        for _ in client(f"{HERE}:{server.port}").lines(Request(f"http://{HERE}:{server.port}/")):
            pass
    assert growth() < 64_000_000


STATUSES = {401: NotAuthorised, 402: NotAuthorised, 403: ConnectorError, 404: ConnectorError, 410: FeedGone,
            429: RateLimited, 500: ConnectorError, 503: RateLimited}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_raises_the_error_that_it_stands_for(client, status):
    with serving({"/": Reply(status, b"a page", {"Retry-After": "7"} if status in (429, 503) else {})}, HERE) as server:
        lines, error = read(client(server.host_port), server.url + "/")
    assert (lines, type(error)) == ([], STATUSES[status])
    assert str(status) in str(error)
    assert not isinstance(error, RateLimited) or error.retry_after_s == 7


def test_an_error_page_without_end_is_not_read(client):
    endless = repeats(b"HTTP/1.1 403 No\r\n\r\n", b"x\n" * 5_000)
    with talking(endless, HERE) as server:
        assert read(client(f"{HERE}:{server.port}"), f"http://{HERE}:{server.port}/")[0] == []


def test_a_stream_is_a_get_without_a_body(client):
    for changes in ({"method": "POST"}, {"body": b"x"}):
        assert isinstance(read(client(), "http://example.org/", **changes)[1], Refused)
        assert isinstance(open_error(client(), "ws://example.org/", **changes), Refused)


# the guard


@pytest.mark.parametrize("private", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"])
def test_no_stream_reaches_a_private_address(client, private):
    with talking(hangs, "127.0.0.1") as trap:
        guarded = client(rules=NetworkRules(ports=(trap.port,)), resolve=lambda host: [private])
        assert isinstance(read(guarded, f"http://stream.test:{trap.port}/")[1], Refused)
        error = open_error(guarded, f"ws://stream.test:{trap.port}/")
        assert isinstance(error, Refused)
        assert "no public address" in str(error)
        assert isinstance(open_error(guarded, f"wss://stream.test:{trap.port}/"), Refused)
        assert trap.connections == 0


@pytest.mark.parametrize("spelling", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "[::1]"])
def test_no_spelling_of_loopback_is_reached(client, spelling):
    with talking(hangs, "127.0.0.1") as trap:
        guarded = client(rules=NetworkRules(ports=(trap.port,)))
        assert read(guarded, f"http://{spelling}:{trap.port}/")[1] is not None
        open_error(guarded, f"ws://{spelling}:{trap.port}/")
        assert trap.connections == 0


def test_a_stream_follows_a_redirect_but_not_to_a_private_address(client):
    with talking(hangs, "127.0.0.1") as trap:
        table = {
            "/good": Reply(302, headers={"Location": "/there"}),
            "/there": b"one\n",
            "/bad": Reply(302, headers={"Location": f"http://127.0.0.1:{trap.port}/"}),
            "/socket": Reply(302, headers={"Location": f"ws://{HERE}:{trap.port}/"}),
        }
        with serving(table, HERE) as server:
            guarded = client(rules=NetworkRules((server.host_port,), ports=(trap.port,)))
            assert read(guarded, server.url + "/good") == ([b"one"], None)
            assert isinstance(read(guarded, server.url + "/bad")[1], Refused)
            assert "'ws'" in str(read(guarded, server.url + "/socket")[1])
        assert trap.connections == 0


def test_credentials_of_a_stream_stay_behind_at_another_origin(client):
    with serving({"/": b"one\n"}, HERE) as other:
        away = Reply(302, headers={"Location": f"http://other.test:{other.port}/"})
        with serving({"/": away}, HERE) as home:
            guarded = client(home.host_port, other.host_port, resolve=lambda host: [HERE])
            found = read(guarded, f"http://api.test:{home.port}/", credentials=TOKENS, headers={"X-Key": "canary"})
    assert found == ([b"one"], None)
    assert home.seen[0].headers["authorization"] == "Bearer canary-one"
    assert not any("canary" in value for value in other.seen[0].headers.values())


def test_a_redirected_websocket_is_refused_and_tells_nobody_its_credentials(client):
    with serving({}, HERE) as other:
        away = turned_away(302, {"Location": f"http://{other.host_port}/x"})
        with websocket(lambda *_: None, refuse=away) as server:
            guarded = client(server.host_port, other.host_port)
            error = open_error(guarded, server.url("ws"), credentials=TOKENS)
    assert isinstance(error, Refused)
    assert "redirects" in str(error)
    assert other.seen == []


@pytest.mark.parametrize("scheme", ["file", "ftp", "gopher", "http", "https", "wsx"])
def test_a_websocket_is_opened_at_ws_and_wss_only(client, scheme):
    with talking(hangs, "127.0.0.1") as trap:
        where = f"127.0.0.1:{trap.port}"
        assert isinstance(open_error(client(where), f"{scheme}://{where}/"), Refused)
        assert trap.connections == 0


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_nothing_but_a_websocket_is_opened_at_ws_and_wss(client, scheme):
    guarded = client()
    with pytest.raises(Refused, match="only http and https"):
        guarded.send(Request(f"{scheme}://example.org/"))
    assert isinstance(read(guarded, f"{scheme}://example.org/")[1], Refused)


@pytest.mark.parametrize("scheme", ["file", "ftp", "gopher", "http"])
def test_libcurl_itself_knows_no_other_protocol_for_a_websocket(client, scheme, tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("here")
    with talking(hangs, HERE) as trap:
        where = f"{tmp_path}/secret" if scheme == "file" else f"{HERE}:{trap.port}/x"
        forged = Target(f"{scheme}://{where}", "ws", HERE, trap.port)
        monkeypatch.setattr("listener.hops.target", lambda url, rules: forged)
        error = open_error(client(f"{HERE}:{trap.port}"), "ws://example.org/")
        assert "does not speak" in str(error)
        assert trap.connections == 0


def test_ports_user_names_and_header_breaks_are_refused_for_a_websocket_too(client):
    for url in ("ws://example.org:22/", "ws://ann:secret@example.org/", "ws://exa\nmple.org/"):
        assert isinstance(open_error(client(), url), Refused)
    assert isinstance(open_error(client(), "ws://example.org/", headers={"X": "a\r\nb"}), Refused)


# WebSockets


def echo(connection, server):
    for message in connection:
        connection.send(message)


def test_the_real_client_has_the_shape_that_connectors_see(client):
    http: Http = client()
    assert callable(http.lines)
    assert callable(http.websocket)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 65_537, 1_000_000])
def test_a_message_comes_back_whole(client, size):
    text = ("é" * (size // 2)) + "x" * (size % 2)
    with (
        websocket(echo, max_size=None) as server,
        client(server.host_port).websocket(Request(server.url("ws"))) as opened,
    ):
        opened.send(text)
        assert opened.receive(5) == text.encode()
        assert opened.receive(0) is None


def test_the_handshake_carries_credentials_and_says_who_asks(client):
    with (
        websocket(echo) as server,
        client(server.host_port).websocket(Request(server.url("ws", "/x?y=1"), credentials=TOKENS)) as opened,
    ):
        opened.send("hi")
        assert opened.receive(2) == b"hi"
    assert server.seen[0]["authorization"] == "Bearer canary-one"
    assert server.seen[0]["user-agent"].startswith("listener/")


def test_wss_is_read_with_a_trusted_certificate_only(client, tmp_path):
    ours = authority(tmp_path)
    with websocket(echo, ssl=ours.context(HERE)) as server:
        with client(server.host_port, ca_file=ours.ca_file).websocket(Request(server.url("wss"))) as opened:
            opened.send("x" * 300_000)
            assert opened.receive(5) == b"x" * 300_000
            for n in range(50):
                opened.send(str(n))
            assert [opened.receive(5) for _ in range(50)] == [str(n).encode() for n in range(50)]
        assert "certificate" in str(open_error(client(server.host_port), server.url("wss")))


def test_fragments_are_put_together_and_binary_messages_are_bytes(client):
    def talk(connection, server):
        connection.send(["a", "", "b" * 70_000, "c"])
        connection.send([b"\x00", b"\xff"])
        connection.send("last")
        server.stop.wait(5)

    with websocket(talk) as server, client(server.host_port).websocket(Request(server.url("ws"))) as opened:
        assert opened.receive(2) == b"a" + b"b" * 70_000 + b"c"
        assert opened.receive(2) == b"\x00\xff"
        assert opened.receive(2) == b"last"


def test_a_ping_is_answered_between_fragments_too_and_is_no_message(client):
    ponged = []

    def talk(connection, server):
        ponged.append(connection.ping().wait(2))
        connection.send("after")
        server.stop.wait(5)

    with websocket(talk) as server, client(server.host_port).websocket(Request(server.url("ws"))) as opened:
        assert opened.receive(3) == b"after"
        assert ponged == [True]
    between = frame(b"a", final=False) + frame(b"?", 9) + frame(b"b", 0)
    with talking(speaks(between), HERE) as raw:
        assert heard(client(f"{HERE}:{raw.port}"), f"ws://{HERE}:{raw.port}/") == b"ab"


def test_waiting_ends_in_time_and_costs_nothing(client):
    with websocket(echo) as server, client(server.host_port).websocket(Request(server.url("ws"))) as opened:
        started, busy = time.monotonic(), time.thread_time()
        assert opened.receive(0.7) is None
        assert 0.65 < time.monotonic() - started < 1.5
        assert time.thread_time() - busy < 0.1


def test_a_flood_of_what_is_no_message_does_not_hold_a_reader_for_ever(client):
    flood = [frame(b"", 10) * 50_000] * 2_000
    with (
        talking(speaks(*flood), HERE) as raw,
        client(f"{HERE}:{raw.port}").websocket(Request(f"ws://{HERE}:{raw.port}/")) as opened,
    ):
        started = time.monotonic()
        assert opened.receive(0.3) is None
        assert time.monotonic() - started < 1


OVERSIZED = {
    "in one frame": frame(b"x" * 1_001),
    "claimed only": frame(b"x", claimed=2**40),
    "in fragments": frame(b"x" * 600, final=False) + frame(b"x" * 600, 0),
    "in fragments without end": frame(b"x", final=False) + frame(b"x" * 100, 0, final=False) * 20,
}


@pytest.mark.parametrize("kind", OVERSIZED)
def test_a_message_that_is_too_long_is_refused(client, kind):
    with talking(speaks(OVERSIZED[kind]), HERE) as raw:
        error = heard(client(f"{HERE}:{raw.port}", line_bytes=1_000), f"ws://{HERE}:{raw.port}/")
    assert isinstance(error, Refused)
    assert "1,000 bytes" in str(error)


def test_a_close_frame_is_an_error_that_gives_its_code_and_reason(client):
    with websocket(lambda connection, _: connection.close(4004, "no such\ttoken")) as server:
        error = heard(client(server.host_port), server.url("ws"))
    assert type(error) is ConnectorError
    assert f"{HERE} closed the WebSocket (code 4004: no suchtoken)" in str(error)
    with talking(speaks(frame(b"", 8)), HERE) as raw:
        assert str(heard(client(f"{HERE}:{raw.port}"), f"ws://{HERE}:{raw.port}/")).endswith("closed the WebSocket")


def test_a_server_that_breaks_off_in_a_message_is_an_error(client):
    for said in (b"", frame(b"half", claimed=400), frame(b"half", final=False)):
        with talking(speaks(said, hold=False), HERE) as raw:
            error = heard(client(f"{HERE}:{raw.port}"), f"ws://{HERE}:{raw.port}/")
        assert "broke off" in str(error)


@pytest.mark.parametrize(
    "nonsense", [b"\xff" * 50, frame(b"x", 3), frame(b"x", 0), frame(b"x" * 126, 9), b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_frames_that_break_the_rules_are_an_error_of_ours(client, nonsense):
    with talking(speaks(nonsense), HERE) as raw:
        assert isinstance(heard(client(f"{HERE}:{raw.port}"), f"ws://{HERE}:{raw.port}/"), ConnectorError)


@pytest.mark.parametrize("status", STATUSES)
def test_a_handshake_that_is_turned_away_raises_the_error_of_its_status(client, status):
    refuse = turned_away(status, {"Retry-After": "7"} if status in (429, 503) else {})
    with websocket(echo, refuse=refuse) as server:
        error = open_error(client(server.host_port), server.url("ws"))
    assert type(error) is STATUSES[status]
    assert str(status) in str(error)
    assert not isinstance(error, RateLimited) or error.retry_after_s == 7


def test_a_server_that_answers_no_upgrade_opens_nothing(client):
    with serving({"/": b"a page"}, HERE) as server:
        assert isinstance(open_error(client(server.host_port), f"ws://{server.host_port}/"), ConnectorError)
    with talking(hangs, HERE) as raw:
        error = open_error(client(f"{HERE}:{raw.port}", read_s=0.4), f"ws://{HERE}:{raw.port}/")
    assert "silent for 0.4 s" in str(error)


def test_a_connection_that_answers_no_ping_is_dead_and_one_that_does_lives(client):
    with talking(speaks(), HERE) as raw:
        started = time.monotonic()
        error = heard(client(f"{HERE}:{raw.port}", silence_s=0.8), f"ws://{HERE}:{raw.port}/", 5)
        assert "was silent for 0.8 s" in str(error)
        assert time.monotonic() - started < 2
    with websocket(lambda connection, server: list(connection)) as server:
        assert heard(client(server.host_port, silence_s=0.8), server.url("ws"), 2) is None


def test_a_server_that_takes_nothing_ends_what_is_sent(client):
    def fill(opened):
        for _ in range(60):
            opened.send("x" * 1_000_000)

    with (
        talking(speaks(), HERE) as raw,
        client(f"{HERE}:{raw.port}", read_s=0.5).websocket(Request(f"ws://{HERE}:{raw.port}/")) as opened,
        pytest.raises(ConnectorError, match="took nothing"),
    ):
        fill(opened)


def test_closing_the_client_ends_streams_that_other_threads_wait_for(client):
    def talk(stream):
        stream.start()
        stream.hold()

    def wait_for_a_message():
        try:
            heard_error = heard(guarded, socket.url("ws"), 20)
        except ConnectorError as error:
            heard_error = error
        errors.append(heard_error)

    with streaming(talk) as server, websocket(echo) as socket:
        guarded, errors = client(server.host_port, socket.host_port), []
        threads = [
            threading.Thread(target=lambda: errors.append(read(guarded, server.url("http"))[1])),
            threading.Thread(target=wait_for_a_message),
        ]
        for thread in threads:
            thread.start()
        assert settles(lambda: server.open == socket.open == 1)
        time.sleep(0.1)
        started = time.monotonic()
        guarded.close()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < 1
        assert settles(lambda: server.open == socket.open == 0)
    assert ["stopping" in str(error) for error in errors] == [True, True]
    assert "stopping" in str(read(guarded, server.url("http"))[1])
    assert "stopping" in str(open_error(guarded, socket.url("ws")))


def test_twenty_streams_opened_and_closed_leave_nothing_behind(client):
    def talk(stream):
        stream.start()
        stream.say(b"one\n")
        stream.hold()

    def once(guarded):
        with contextlib.closing(guarded.lines(Request(server.url("http")))) as lines:
            assert next(lines) == b"one"
        with guarded.websocket(Request(socket.url("ws"))) as opened:
            opened.send("hi")
            assert opened.receive(2) == b"hi"

    with streaming(talk) as server, websocket(echo) as socket:
        guarded = client(server.host_port, socket.host_port)
        once(guarded)
        assert settles(lambda: server.open == socket.open == 0)
        before = descriptors()
        for _ in range(20):
            once(guarded)
        assert settles(lambda: server.open == socket.open == 0)
        assert settles(lambda: descriptors() <= before)
        assert guarded._slots.running == 0
        assert guarded._busy == set()


def test_a_goodbye_is_said_when_the_block_ends(client):
    codes = []

    def talk(connection, server):
        list(connection)
        codes.append(connection.protocol.close_code)

    with websocket(talk) as server:
        with client(server.host_port).websocket(Request(server.url("ws"))):
            pass
        assert settles(lambda: codes == [1000])


def test_streams_want_a_libcurl_that_speaks_websocket_and_polls_do_not(client, monkeypatch):
    guarded = client()
    guarded.check(streams=True)
    monkeypatch.setattr("pycurl.version_info", lambda: (*[""] * 8, ("http", "https")))
    guarded.check()
    with pytest.raises(ConnectorError, match="cannot speak ws, wss"):
        guarded.check(streams=True)
    assert "cannot speak ws" in str(open_error(guarded, "ws://example.org/"))
