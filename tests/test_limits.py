"""Every limit of `limits.py` stops what it is there to stop.

First the limits of HTTP (S4): what a server may send, in bytes and seconds.
"""

import gzip
import os
import time
from pathlib import Path

import pytest

from listener import limits
from listener.addresses import NetworkRules
from listener.errors import ConnectorError, Refused
from listener.http import Client, Limits
from listener.tally import Tally, read_head
from listener.types import Answer, Request
from tests.hostile.servers import HEAD, Talk, gzip_bomb, gzip_twice, hangs, repeats, says, talking

HERE = "127.0.0.7"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def fetch(talk: Talk, **smaller) -> Answer | ConnectorError:
    """Send one request to a server that talks like this, under the real limits but for those named."""
    with talking(talk, HERE) as server:
        client = Client(NetworkRules((f"{HERE}:{server.port}",)), limits=Limits(**smaller))
        [(_, outcome)] = client.fetch_many({1: Request(f"http://{HERE}:{server.port}/feed?token=canary")})
        client.close()
    assert "canary" not in str(outcome) or isinstance(outcome, Answer)
    return outcome


def sized(body: bytes, *headers: bytes) -> Talk:
    lines = b"".join(line + b"\r\n" for line in headers)
    return says(HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body), body)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.fixture
def growth():
    """Give the most memory in bytes that this process has needed since the test began, over what it had."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not os.access(reset, os.W_OK):
        pytest.skip("needs /proc/self/clear_refs, which this system does not have")

    def kilobytes(field: str) -> int:
        return int(next(line for line in status.read_text().splitlines() if line.startswith(field)).split()[1])

    reset.write_text("5")
    before = kilobytes("VmRSS")
    return lambda: (kilobytes("VmHWM") - before) * 1024


def test_the_numbers_are_those_of_the_threat_model():
    assert (limits.WIRE_BYTES, limits.DECODED_BYTES, limits.INFLATION, limits.REDIRECTS) == (
        5_000_000,
        15_000_000,
        100,
        5,
    )
    assert (limits.CONNECT_S, limits.READ_S, limits.TOTAL_S) == (10, 20, 60)
    assert (limits.TRANSFERS, limits.HOST_TRANSFERS, limits.HOST_SLOT_S) == (50, 2, 1)
    assert Limits() == Limits(5_000_000, 15_000_000, 100, 1_000_000, 5, 10, 20, 60, 50, 2, 1)


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [(gzip.compress(b"feed" * 999), b"gzip"), (gzip_twice(b"feed" * 999), b"gzip, gzip"), (b"feed" * 999, b"identity")],
)
def test_honest_compression_is_unpacked_as_often_as_the_server_says(packed, encoding):
    answer = fetch(sized(packed, b"Content-Encoding: " + encoding))
    assert isinstance(answer, Answer)
    assert answer.body == b"feed" * 999


def test_a_body_packed_twice_but_declared_once_stays_packed():
    answer = fetch(sized(gzip_twice(b"feed"), b"Content-Encoding: gzip"))
    assert isinstance(answer, Answer)
    assert gzip.decompress(answer.body) == b"feed"


BOMB = gzip_bomb(200_000_000)
BOMBS = {
    "gzip": sized(BOMB, b"Content-Encoding: gzip"),
    "gzip in chunks": says(
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"), chunk(BOMB), b"0\r\n\r\n"
    ),
    "gzip twice": sized(gzip.compress(BOMB), b"Content-Encoding: gzip, gzip"),
    "gzip five times": sized(gzip_twice(gzip_twice(BOMB)), b"Content-Encoding: gzip, gzip, gzip, gzip, gzip"),
    "an error page": says(b"HTTP/1.1 503 No\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB), BOMB),
    "gzip without an end": repeats(HEAD + b"Content-Encoding: gzip\r\n\r\n", BOMB),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_before_it_fills_the_memory(kind, growth):
    started = time.monotonic()
    outcome = fetch(BOMBS[kind])
    assert isinstance(outcome, Refused)
    assert time.monotonic() - started < 5
    assert growth() < 64_000_000


def test_a_bomb_in_the_body_of_a_redirect_is_thrown_away_unread(growth):
    bomb = BOMB

    def talk(connection, server):
        if server.connections == 1:
            head = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            says(head % len(bomb), bomb)(connection, server)
        else:
            sized(b"here")(connection, server)

    answer = fetch(talk)
    assert isinstance(answer, Answer)
    assert answer.body == b"here"
    assert growth() < 64_000_000


def test_a_body_just_inside_the_limits_is_read_and_one_byte_more_is_not():
    body = os.urandom(limits.WIRE_BYTES)
    answer = fetch(sized(body))
    assert isinstance(answer, Answer)
    assert answer.body == body
    assert isinstance(fetch(sized(body + b"x")), Refused)


def test_endless_chunks_are_cut_at_the_limit_of_the_wire(growth):
    outcome = fetch(repeats(CHUNKED, chunk(os.urandom(10_000))))
    assert isinstance(outcome, Refused)
    assert f"{limits.WIRE_BYTES:,}" in str(outcome)
    assert growth() < 64_000_000


def test_an_answer_without_length_and_end_is_cut_at_the_limit_of_the_wire():
    assert isinstance(fetch(repeats(HEAD + b"\r\n", os.urandom(10_000))), Refused)


def test_what_unpacks_to_more_than_the_decoded_limit_is_refused_at_a_harmless_ratio():
    body = b"".join(os.urandom(500) + bytes(9_500) for _ in range(1_600))
    packed = gzip.compress(body)
    assert len(body) / len(packed) < limits.INFLATION / 3
    outcome = fetch(sized(packed, b"Content-Encoding: gzip"))
    assert isinstance(outcome, Refused)
    assert f"{limits.DECODED_BYTES:,}" in str(outcome)


def test_small_bodies_may_be_packed_as_tightly_as_they_like():
    answer = fetch(sized(gzip_bomb(1_000_000), b"Content-Encoding: gzip"))
    assert isinstance(answer, Answer)
    outcome = fetch(sized(gzip_bomb(2_000_000), b"Content-Encoding: gzip"))
    assert isinstance(outcome, Refused)
    assert "100 times" in str(outcome)


def test_a_length_that_is_too_long_is_a_broken_answer_and_one_too_short_cuts_it():
    assert "broke off" in str(fetch(says(HEAD + b"Content-Length: 99\r\n\r\n", b"here")))
    assert isinstance(fetch(says(HEAD + b"Content-Length: 99999999999\r\n\r\n", b"here")), ConnectorError)
    answer = fetch(says(HEAD + b"Content-Length: 2\r\n\r\n", b"here"))
    assert isinstance(answer, Answer)
    assert answer.body == b"he"


@pytest.mark.parametrize("length", [b"-1", b"x", b"4, 5", b"18446744073709551617"])
def test_a_length_that_is_no_number_is_a_broken_answer(length):
    assert isinstance(fetch(says(HEAD + b"Content-Length: " + length + b"\r\n\r\n", b"here")), ConnectorError | Answer)


@pytest.mark.parametrize("piece", [b"X-More: " + b"a" * 1_000 + b"\r\n", b"a" * 10_000])
def test_headers_without_end_are_refused(piece, growth):
    assert isinstance(fetch(repeats(HEAD, piece)), ConnectorError)
    assert growth() < 64_000_000


def test_interim_answers_without_end_are_refused():
    outcome = fetch(repeats(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), total_s=5.0)
    assert isinstance(outcome, ConnectorError)


def test_a_drip_ends_at_the_total_time_though_it_never_falls_silent():
    started = time.monotonic()
    outcome = fetch(repeats(HEAD + b"Content-Length: 1000\r\n\r\n", b"x", every_s=0.1), total_s=1.5, read_s=1.0)
    assert isinstance(outcome, ConnectorError)
    assert "within 1.5 s" in str(outcome)
    assert 1.4 < time.monotonic() - started < 2.5


def test_a_drip_of_header_bytes_ends_at_the_silence_limit():
    outcome = fetch(repeats(HEAD, b"x", every_s=0.1), read_s=0.5)
    assert "silent for 0.5 s" in str(outcome)


def test_silence_ends_an_answer_before_and_in_the_middle():
    started = time.monotonic()
    assert "silent for 0.5 s" in str(fetch(hangs, read_s=0.5))
    assert "silent for 0.5 s" in str(fetch(says(HEAD + b"Content-Length: 9\r\n\r\n", b"abc", every_s=5.0), read_s=0.5))
    assert time.monotonic() - started < 3


def test_all_hops_of_a_request_share_one_total_time():
    def talk(connection, server):
        away = b"HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        for _ in range(4):
            server.stop.wait(0.1)
        says(away % server.connections)(connection, server)

    started = time.monotonic()
    assert "within 1 s" in str(fetch(talk, total_s=1.0, host_slot_s=0.0))
    assert time.monotonic() - started < 2


def test_a_host_that_accepts_nothing_ends_at_the_connect_limit():
    import socket

    # A listener whose queue is full drops what else comes, as a firewall does.
    with socket.create_server((HERE, 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex((HERE, port))
        client = Client(NetworkRules((f"{HERE}:{port}",)), limits=Limits(connect_s=0.5))
        with pytest.raises(ConnectorError, match=r"could not connect to .* within 0.5 s"):
            client.send(Request(f"http://{HERE}:{port}/"))
        client.close()
        for one in waiting:
            one.close()


def test_a_tls_handshake_that_hangs_ends_at_the_connect_limit():
    with talking(hangs, HERE) as server:
        client = Client(NetworkRules((f"{HERE}:{server.port}",)), limits=Limits(connect_s=0.5))
        with pytest.raises(ConnectorError, match=r"could not connect to .* within 0.5 s"):
            client.send(Request(f"https://{HERE}:{server.port}/"))
        client.close()


def test_bombs_do_not_disturb_the_ordinary_answers_beside_them():
    with talking(sized(BOMB, b"Content-Encoding: gzip"), "0.0.0.0") as bad, talking(sized(b"x"), "0.0.0.0") as good:
        client = Client(NetworkRules((f"127.0.0.0/8:{bad.port}", f"127.0.0.0/8:{good.port}")))
        ports = {n: bad.port if n % 5 == 0 else good.port for n in range(20)}
        urls = {n: Request(f"http://127.0.9.{n + 1}:{port}/") for n, port in ports.items()}
        outcomes = dict(client.fetch_many(urls))
        client.close()
    assert {n for n, outcome in outcomes.items() if isinstance(outcome, Refused)} == {0, 5, 10, 15}
    assert {n for n, outcome in outcomes.items() if isinstance(outcome, Answer)} == set(range(20)) - {0, 5, 10, 15}


# the tally, with a clock of its own


def tally(**changes) -> Tally:
    return Tally(Limits(connect_s=10, read_s=20, total_s=60), "example.org", 60.0, 100.0, **changes)


def test_silence_is_counted_from_the_last_sign_of_life():
    count = tally()
    assert count.too_late(109.0, False, 0) is None
    assert count.too_late(109.5, True, 0) is None
    assert count.too_late(129.0, True, 0) is None
    assert count.too_late(129.0, True, 3) is None
    count.sent += 1
    assert count.too_late(140.0, True, 3) is None
    count.decoded += 1
    assert count.too_late(159.5, True, 3) is None
    assert "60 s" in str(count.too_late(160.0, True, 4))


def test_the_ratio_counts_only_above_its_floor():
    assert tally(decoded=1_000_000, wire=1).too_much() is None
    assert "100 times" in str(tally(decoded=1_000_001, wire=10_000).too_much())
    assert tally(decoded=1_000_001, wire=10_001).too_much() is None


def test_of_two_locations_the_first_counts_and_they_are_not_joined():
    lines = [b"HTTP/2 302 \r\n", b"location: /a\r\n", b"Location: /b\r\n", b"no colon\r\n", b"\r\n"]
    assert read_head(lines) == (302, {"location": "/a"})
    assert read_head([]) == (0, {})
