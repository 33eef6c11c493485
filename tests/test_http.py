"""The guarded client against real sockets: where it goes, what it tells whom, and how many at once (S1 to S3, R6)."""

import contextlib
import os
import socket
import threading
import time
from functools import partial

import pytest

from listener.addresses import NetworkRules
from listener.connector import Http
from listener.errors import ConnectorError, Refused
from listener.hops import Target
from listener.http import Client, Limits
from listener.types import Answer, Request
from tests.hostile.servers import answers, asked, authority, hangs, loopback_spellings, says, talking
from tests.servers import Reply, Seen, serving

HERE = "127.0.0.7"
QUICK = Limits(host_slot_s=0.0, connect_s=2.0, read_s=2.0, total_s=5.0)


@pytest.fixture
def client():
    """Make clients that are closed when the test ends."""
    made = []

    def make(*allowed, limits=QUICK, **options):
        made.append(Client(options.pop("rules", None) or NetworkRules(allowed), limits=limits, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def canary():
    """A listener on every loopback address there is, which nobody may ever reach."""
    host = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"
    if host == "::":
        listening = socket.create_server((host, 0), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        listening = socket.create_server((host, 0))
    listening.setblocking(False)
    with listening:
        yield Canary(listening)


class Canary:
    def __init__(self, listening):
        self._listening = listening
        self.port = listening.getsockname()[1]

    def sings(self):
        """True: somebody connected."""
        with contextlib.suppress(BlockingIOError):
            self._listening.accept()[0].close()
            return True
        return False


def failure(client, url, **changes):
    with pytest.raises(ConnectorError) as caught:
        client.send(Request(url, **changes))
    return caught.value


# the guard (S1)


def test_the_canary_sings_where_the_guard_is_open(client, canary):
    for spelling in ("127.0.0.1", "127.1", "localhost"):
        failure(client("127.0.0.0/8", "::1", limits=Limits(read_s=0.3), rules=None), f"http://{spelling}:80/")
        opened = client(f"127.0.0.0/8:{canary.port}", limits=Limits(read_s=0.3))
        failure(opened, f"http://{spelling}:{canary.port}/")
        assert canary.sings()


@pytest.mark.parametrize("spelling", loopback_spellings())
def test_no_spelling_of_a_loopback_address_is_reached(client, canary, spelling):
    guarded = client(rules=NetworkRules(ports=(80, 443, canary.port)))
    for scheme in ("http", "https"):
        assert isinstance(failure(guarded, f"{scheme}://{spelling}:{canary.port}/"), ConnectorError)
    assert not canary.sings()


def test_no_redirect_leads_to_a_loopback_address(client, canary):
    spellings = loopback_spellings()

    def answer(seen: Seen) -> Reply:
        left, number = map(int, seen.path.strip("/").split("/"))
        goal = f"http://{spellings[number]}:{canary.port}/".encode().decode("latin-1")
        return Reply(302, headers={"Location": goal if left == 1 else f"/{left - 1}/{number}"})

    with serving(answer, HERE) as server:
        rules = NetworkRules((server.host_port,), ports=(80, 443, canary.port))
        guarded = client(rules=rules, limits=Limits(host_slot_s=0.0, host_transfers=10))
        urls = {(n, i): f"{server.url}/{n}/{i}" for n in range(1, 6) for i in range(len(spellings))}
        outcomes = dict(guarded.fetch_many({key: Request(url) for key, url in urls.items()}))
    assert set(outcomes) == set(urls)
    assert [outcome for outcome in outcomes.values() if not isinstance(outcome, ConnectorError)] == []
    assert not canary.sings()


@pytest.mark.parametrize("private", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "10.0.0.1"])
def test_a_name_that_resolves_to_a_private_address_is_refused(client, canary, private):
    guarded = client(rules=NetworkRules(ports=(canary.port,)), resolve=lambda host: [private])
    error = failure(guarded, f"http://feeds.example.org:{canary.port}/feed")
    assert isinstance(error, Refused)
    assert "feeds.example.org is at" in str(error)
    is_advised = f"'feeds.example.org:{canary.port}'" in str(error)
    assert is_advised == (private != "169.254.169.254"), "nobody is told to open where clouds keep keys"
    assert not canary.sings()


def test_a_name_that_changes_its_address_between_two_requests_is_checked_each_time(client):
    with talking(answers(close=True), HERE) as server, talking(hangs, "127.0.0.1", server.port) as trap:
        found = iter([[HERE], ["127.0.0.1"], [HERE], ["127.0.0.1"]])
        guarded = client(f"{HERE}:{server.port}", resolve=lambda host: next(found))
        for _ in range(2):
            assert guarded.send(Request(f"http://rebinding.test:{server.port}/")).status == 200
            assert isinstance(failure(guarded, f"http://rebinding.test:{server.port}/"), Refused)
        assert (server.connections, trap.connections) == (2, 0)


def test_a_name_that_changes_its_address_between_a_redirect_and_its_goal_is_checked_again(client):
    away = answers(status="302 Found", headers=b"Location: /again\r\n", close=True)
    with talking(away, HERE) as server, talking(hangs, "127.0.0.1", server.port) as trap:
        found = iter([[HERE], ["127.0.0.1"]])
        guarded = client(f"{HERE}:{server.port}", resolve=lambda host: next(found))
        assert isinstance(failure(guarded, f"http://rebinding.test:{server.port}/"), Refused)
        assert (server.connections, trap.connections) == (1, 0)


@pytest.mark.parametrize("order", [["127.0.0.1", HERE], [HERE, "127.0.0.1"], ["::1", "127.0.0.1", HERE, "10.0.0.1"]])
def test_of_mixed_addresses_only_allowed_ones_are_connected_to(client, order):
    with talking(answers(), HERE) as server, talking(hangs, "127.0.0.1", server.port) as trap:
        guarded = client(f"{HERE}:{server.port}", resolve=lambda host: order)
        assert guarded.send(Request(f"http://mixed.test:{server.port}/")).body == b"here"
        assert trap.connections == 0


def test_no_environment_proxy_is_used(client, canary, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    with serving({"/": b"direct"}, HERE) as server:
        assert client(server.host_port).send(Request(server.url + "/")).body == b"direct"
        failure(client(), "http://10.0.0.1/")
    assert not canary.sings()


def test_the_start_up_check_proves_that_the_guard_is_in_place(client, monkeypatch):
    sound = client("127.0.0.0/8", "127.0.0.1:9999")
    sound.check()
    monkeypatch.setattr(NetworkRules, "allows", lambda *_: True)
    with pytest.raises(ConnectorError, match="guard"):
        sound.check()


def test_the_start_up_check_wants_a_libcurl_that_speaks_https(client, monkeypatch):
    monkeypatch.setattr("pycurl.version_info", lambda: (*[""] * 8, ("http", "ftp")))
    with pytest.raises(ConnectorError, match="https"):
        client().check()


def test_a_port_that_nobody_opened_is_refused_without_a_connection(client, canary):
    assert isinstance(failure(client("127.0.0.1"), f"http://127.0.0.1:{canary.port}/"), Refused)
    assert not canary.sings()


def test_other_protocols_of_libcurl_are_off(client, canary, tmp_path):
    (tmp_path / "secret").write_text("here")
    for url in (f"file://{tmp_path}/secret", f"ftp://127.0.0.1:{canary.port}/", f"gopher://127.0.0.1:{canary.port}/_x"):
        assert isinstance(failure(client(f"127.0.0.1:{canary.port}"), url), Refused)
    assert not canary.sings()


def test_libcurl_itself_knows_no_other_protocol(client, tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("here")
    forged = Target(f"file://{tmp_path}/secret", "http", "example.org", 80)
    monkeypatch.setattr("listener.hops.target", lambda url, rules: forged)
    assert "does not speak HTTP" in str(failure(client(), "http://example.org/"))


# redirects and what they carry (S2, S3)

TOKENS = {"Authorization": "Bearer canary-one", "X-Api-Key": "canary-two"}
SHAPES = {
    "another host": [(302, "http://{b}/x")],
    "another port": [(302, "http://{a_port}/x")],
    "permanent": [(301, "http://{b}/x")],
    "see other": [(303, "http://{b}/x")],
    "temporary": [(307, "http://{b}/x")],
    "permanent, method kept": [(308, "http://{b}/x")],
    "without scheme": [(302, "//{b}/x")],
    "a longer name": [(302, "http://{longer}/x")],
    "a name below": [(302, "http://{below}/x")],
    "a name above": [(302, "http://{above}/x")],
    "upper case": [(302, "HTTP://{B}/x")],
    "final dot": [(302, "http://{b_dot}/x")],
    "spaces around": [(302, "  http://{b}/x  ")],
    "token in the query": [(302, "http://{b}/x?y=http://{a}/")],
    "host in the fragment": [(302, "http://{b}/x#@{a}/")],
    "own host in the path": [(302, "http://{b}/{a}/")],
    "by an own page": [(302, "/y"), (302, "http://{b}/x")],
    "there and back": [(302, "http://{b}/back"), (302, "http://{a}/final")],
    "there, on and back": [(302, "http://{b}/back"), (302, "http://{above}/back"), (302, "http://{a}/final")],
    "three in a row": [(301, "http://{b}/1"), (302, "http://{b}/2"), (307, "http://{above}/3")],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("where", ["credentials", "headers"])
def test_tokens_are_seen_by_their_own_origin_only(client, shape, where):
    steps = list(SHAPES[shape])
    names = {
        "a": "api.test",
        "b": "other.test",
        "longer": "api.test.evil.test",
        "below": "sub.api.test",
        "above": "test",
    }
    left = threading.Event()

    def answer(home: bool, seen: Seen) -> Reply:
        if not home or seen.path == "/final":
            left.set()
        foreign.extend(seen.headers.values()) if left.is_set() else None
        status, location = steps.pop(0) if steps else (200, "")
        return Reply(status, headers={"Location": location.format(**hosts)} if location else {})

    foreign: list[str] = []
    with serving(partial(answer, True), HERE) as a, serving(partial(answer, False), HERE) as b:
        hosts = {key: f"{name}:{a.port if key == 'a' else b.port}" for key, name in names.items()}
        hosts |= {"a_port": f"api.test:{b.port}", "b_dot": f"other.test.:{b.port}", "B": f"OTHER.TEST:{b.port}"}
        guarded = client(f"{HERE}:{a.port}", f"{HERE}:{b.port}", resolve=lambda host: [HERE])
        request = Request(f"http://api.test:{a.port}/start", **{where: {**TOKENS, "Cookie": "canary-three"}})
        assert guarded.send(request).status == 200
        assert a.seen[0].headers["authorization"] == "Bearer canary-one"
        assert a.seen[0].headers["x-api-key"] == "canary-two"
        assert not any("canary" in value for value in foreign)
        assert left.is_set()


def test_a_redirect_inside_the_origin_keeps_the_tokens(client):
    with serving({"/": Reply(302, headers={"Location": "/b"}), "/b": b"here"}, HERE) as server:
        client(server.host_port).send(Request(server.url + "/", credentials=TOKENS))
        assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer canary-one"] * 2


def test_five_redirects_are_followed_and_the_sixth_is_not(client):
    def answer(seen: Seen) -> Reply:
        left = int(seen.path[1:])
        return Reply(302, headers={"Location": f"/{left - 1}"}) if left else Reply(200, b"arrived")

    with serving(answer, HERE) as server:
        guarded = client(server.host_port)
        assert guarded.send(Request(server.url + "/5")).body == b"arrived"
        assert isinstance(failure(guarded, server.url + "/6"), Refused)
        assert len(server.seen) == 6 + 6


def test_permanent_redirects_are_reported_and_temporary_ones_are_not(client):
    table = {
        "/a": Reply(301, headers={"Location": "/b"}),
        "/b": Reply(308, headers={"Location": "/c"}),
        "/c": Reply(302, headers={"Location": "/d"}),
        "/d": b"here",
    }
    with serving(table, HERE) as server:
        guarded = client(server.host_port)
        answer = guarded.send(Request(server.url + "/a"))
        assert (answer.url, answer.moved_to) == (server.url + "/d", server.url + "/c")
        assert guarded.send(Request(server.url + "/c")).moved_to is None


def test_a_redirect_without_a_location_is_an_answer(client):
    with serving({"/": Reply(302, b"no way")}, HERE) as server:
        assert client(server.host_port).send(Request(server.url + "/")).status == 302


def test_a_header_with_a_line_break_is_never_sent(client, canary):
    opened = client(f"127.0.0.1:{canary.port}")
    error = failure(opened, f"http://127.0.0.1:{canary.port}/", headers={"X": "a\r\nHost: evil.org"})
    assert isinstance(error, Refused)
    assert not canary.sings()


# answers


def test_status_headers_and_body_come_as_the_server_sent_them(client):
    table = {"/gone": Reply(410, b"gone"), "/error": Reply(503, b"", {"Retry-After": "7"}), "/none": Reply(304)}
    with serving(table, HERE) as server:
        guarded = client(server.host_port)
        assert guarded.send(Request(server.url + "/gone")).body == b"gone"
        assert guarded.send(Request(server.url + "/error")).headers["retry-after"] == "7"
        assert guarded.send(Request(server.url + "/none")).status == 304


def test_repeated_headers_are_joined_and_interim_answers_and_trailers_are_left_out(client):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Early: 1\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nLink: <b>\r\nLINK: <c>\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n"
    with talking(says(interim, head, b"2\r\nhi\r\n0\r\nX-Late: 1\r\n\r\n"), HERE) as server:
        answer = client(f"{HERE}:{server.port}").send(Request(f"http://{HERE}:{server.port}/"))
    assert (answer.status, answer.body, answer.headers["link"]) == (200, b"hi", "<b>, <c>")
    assert not {"x-early", "x-late"} & set(answer.headers)


def test_a_request_says_who_asks_and_carries_conditions_and_bodies(client):
    with serving(lambda seen: Reply(200, seen.body), HERE) as server:
        guarded = client(server.host_port, contact="https://example.org/about")
        conditions = {"If-None-Match": '"a"', "If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"}
        guarded.send(Request(server.url + "/", headers=conditions))
        for method in ("POST", "PUT"):
            assert guarded.send(Request(server.url + "/", method, body=b"a\x00b")).body == b"a\x00b"
        assert guarded.send(Request(server.url + "/", "POST")).body == b""
        assert guarded.send(Request(server.url + "/", "HEAD")).body == b""
        guarded.send(Request(server.url + "/", "DELETE"))
        guarded.send(Request(server.url + "/", headers={"user-agent": "mine"}))
    first = server.seen[0].headers
    assert first["user-agent"].startswith("listener/")
    assert first["user-agent"].endswith("(+https://example.org/about)")
    assert (first["if-none-match"], "gzip" in first["accept-encoding"]) == ('"a"', True)
    assert [seen.method for seen in server.seen] == ["GET", "POST", "PUT", "POST", "HEAD", "DELETE", "GET"]
    assert "content-type" not in server.seen[1].headers
    assert server.seen[-1].headers["user-agent"] == "mine"


def test_a_kept_connection_that_died_is_opened_again_for_a_get_only(client):
    def talk(connection, server):
        asked(connection, server)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        asked(connection, server)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with talking(talk, HERE) as server:
        guarded, url = client(f"{HERE}:{server.port}"), f"http://{HERE}:{server.port}/"
        assert [guarded.send(Request(url)).status for _ in range(2)] == [200, 200]
        assert (server.connections, len(server.asked)) == (2, 3)  # the first connection took two and died
        assert guarded.send(Request(url, "POST", body=b"x")).status == 200
        assert sum(head.startswith(b"POST") for head in server.asked) == 1


# https


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("ca"))


def test_https_is_read_where_the_certificate_is_good(client, ca):
    with talking(answers(b"safe"), HERE, context=ca.context(HERE)) as server:
        guarded = client(f"{HERE}:{server.port}", ca_file=ca.ca_file)
        assert guarded.send(Request(f"https://{HERE}:{server.port}/")).body == b"safe"


@pytest.mark.parametrize("fault", ["authority", "name", "expired"])
def test_https_is_refused_where_the_certificate_is_not(client, ca, fault):
    context = ca.context("other.test" if fault == "name" else HERE, days=-1 if fault == "expired" else 30)
    trusted = {} if fault == "authority" else {"ca_file": ca.ca_file}
    with talking(answers(), HERE, context=context) as server:
        error = failure(
            client(f"{HERE}:{server.port}", **trusted), f"https://{HERE}:{server.port}/", credentials=TOKENS
        )
        assert "certificate" in str(error)
        assert server.asked == []


def test_https_never_redirects_to_http(client, ca, canary):
    away = answers(status="301 Moved", headers=f"Location: http://{HERE}:{canary.port}/\r\n".encode())
    with talking(away, HERE, context=ca.context(HERE)) as server:
        guarded = client(f"{HERE}:{server.port}", f"{HERE}:{canary.port}", ca_file=ca.ca_file)
        assert isinstance(failure(guarded, f"https://{HERE}:{server.port}/"), Refused)
    assert not canary.sings()


def test_http_redirects_to_https_without_the_tokens(client, ca):
    with talking(answers(), HERE, context=ca.context("api.test")) as safe:
        location = f"Location: https://api.test:{safe.port}/\r\n".encode()
        with talking(answers(status="301 Moved", headers=location), HERE) as plain:
            opened = [f"{HERE}:{server.port}" for server in (safe, plain)]
            guarded = client(*opened, ca_file=ca.ca_file, resolve=lambda host: [HERE])
            answer = guarded.send(Request(f"http://api.test:{plain.port}/", credentials=TOKENS))
            assert answer.moved_to == f"https://api.test:{safe.port}/"
            assert b"canary" in plain.asked[0]
            assert b"canary" not in safe.asked[0]


# errors

FAULTS = {
    "closes at once": (lambda connection, server: None, "closed the connection"),
    "resets": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", reset=True), "closed the connection"),
    "breaks off": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), "broke off"),
    "breaks off in a chunk": (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"), "broke off"),
    "other protocol": (says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "does not speak HTTP"),
    "bad compression": (
        says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        "cannot be unpacked",
    ),
    "unknown compression": (
        says(b"HTTP/1.1 200 OK\r\nContent-Encoding: zpaq\r\nContent-Length: 3\r\n\r\nabc"),
        "cannot be unpacked",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told_so_that_a_person_understands_and_without_secrets(client, fault):
    talk, expected = FAULTS[fault]
    with talking(talk, HERE) as server:
        url = f"http://{HERE}:{server.port}/path-canary?token=query-canary"
        error = failure(client(f"{HERE}:{server.port}"), url, credentials=TOKENS)
    assert expected in str(error)
    assert HERE in str(error)
    assert "canary" not in f"{error!r} {error.__cause__!r} {error.__context__!r}"


def test_a_host_that_does_not_exist_or_does_not_listen_is_named(client):
    error = failure(client(resolve=lambda host: []), "http://nowhere.invalid/secret?key=canary")
    assert "could not find the host nowhere.invalid" in str(error)
    with socket.create_server((HERE, 0)) as closed:
        port = closed.getsockname()[1]
    assert f"could not connect to {HERE}" in str(failure(client(f"{HERE}:{port}"), f"http://{HERE}:{port}/"))
    with serving({}, HERE) as plain:
        assert "https" in str(failure(client(plain.host_port), f"https://{plain.host_port}/"))


# many at once (R6)


def crowd(server, count, path="/"):
    """Give requests to as many hosts, all on one server."""
    return {n: Request(f"http://127.1.{n // 250}.{n % 250 + 1}:{server.port}{path}") for n in range(count)}


def test_all_keys_come_back_once_with_their_own_answer(client):
    with serving(lambda seen: Reply(200, seen.path.encode()), "0.0.0.0") as server:
        guarded: Http = client(f"127.0.0.0/8:{server.port}")
        asked = {key: Request(f"{request.url}{key}") for key, request in crowd(server, 300).items()}
        outcomes = list(guarded.fetch_many(asked))
        assert sorted(key for key, _ in outcomes) == list(range(300))
        assert all(outcome.body == f"/{key}".encode() for key, outcome in outcomes)
        assert list(guarded.fetch_many({})) == []


class Crowded:
    """An answer function that counts how many are inside at once, in all and for each Host."""

    def __init__(self, stay_s=0.03):
        self.most, self.most_per_host, self._inside, self._stay_s = 0, 0, [], stay_s
        self.times: list[float] = []
        self._lock = threading.Lock()

    def __call__(self, seen: Seen) -> Reply:
        host = seen.headers["host"]
        with self._lock:
            self.times.append(time.monotonic())
            self._inside.append(host)
            self.most = max(self.most, len(self._inside))
            self.most_per_host = max(self.most_per_host, self._inside.count(host))
        time.sleep(self._stay_s)
        with self._lock:
            self._inside.remove(host)
        return Reply(200)


def test_no_more_than_the_limit_run_at_once_in_all(client):
    with serving(crowded := Crowded(), "0.0.0.0") as server:
        guarded = client(f"127.0.0.0/8:{server.port}", limits=Limits(transfers=7))
        assert len(list(guarded.fetch_many(crowd(server, 40)))) == 40
        assert crowded.most == 7


def test_two_at_once_to_one_host_over_all_threads_and_both_ways_to_ask(client):
    with serving(crowded := Crowded(), HERE) as server:
        guarded = client(server.host_port)
        threads = [threading.Thread(target=guarded.send, args=(Request(f"{server.url}/{n}"),)) for n in range(6)]
        for thread in threads:
            thread.start()
        assert len(list(guarded.fetch_many({n: Request(f"{server.url}/m{n}") for n in range(6)}))) == 6
        for thread in threads:
            thread.join()
        assert len(server.seen) == 12
        assert crowded.most == 2


def test_requests_to_a_public_host_keep_their_distance_and_an_opened_one_needs_none(client):
    guarded = client(limits=Limits(host_slot_s=0.2))
    started = time.monotonic()
    outcomes = dict(guarded.fetch_many({n: Request(f"http://10.0.0.1/{n}") for n in range(4)}))
    assert all(isinstance(outcome, Refused) for outcome in outcomes.values())
    assert 0.6 <= time.monotonic() - started < 1.5
    with serving({}, HERE) as server:
        opened, started = client(server.host_port, limits=Limits(host_slot_s=5.0)), time.monotonic()
        for n in range(4):
            opened.send(Request(f"{server.url}/{n}"))
        assert time.monotonic() - started < 2


def test_a_connector_may_name_a_wider_slot_and_threads_share_it(client):
    with serving(crowded := Crowded(0), HERE) as server:
        guarded = client(server.host_port)
        send = partial(guarded.send, Request(server.url + "/", slot_s=0.25))
        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    gaps = [after - before for before, after in zip(crowded.times, crowded.times[1:], strict=False)]
    assert len(gaps) == 2
    assert min(gaps) > 0.2


def test_redirect_hops_take_slots_of_their_own_host(client):
    table = {"/a": Reply(302, headers={"Location": "/b"}), "/b": b"here"}
    with serving(table, HERE) as server:
        guarded, started = client(server.host_port), time.monotonic()
        assert guarded.send(Request(server.url + "/a", slot_s=0.3)).body == b"here"
        assert time.monotonic() - started > 0.29


def test_hosts_that_hang_hold_nobody_else_up(client):
    before = set(threading.enumerate())
    with talking(hangs, "0.0.0.0") as slow, serving(lambda seen: Reply(200), "0.0.0.0") as fast:
        limits = Limits(read_s=1.0)
        guarded = client(f"127.0.0.0/8:{slow.port}", f"127.0.0.0/8:{fast.port}", limits=limits)
        requests = crowd(fast, 100) | {n: request for n, request in crowd(slow, 100).items() if n % 5 == 0}
        started, quick_s, hung = time.monotonic(), [], []
        for key, outcome in guarded.fetch_many(requests):
            if isinstance(outcome, Answer):
                quick_s.append(time.monotonic() - started)
            else:
                hung.append((key, str(outcome)))
        assert len(quick_s) == 80
        assert max(quick_s) < 1.0
        assert sorted(key for key, _ in hung) == list(range(0, 100, 5))
        assert all("silent for 1 s" in text for _, text in hung)
        added = {thread.name.split("(")[-1] for thread in set(threading.enumerate()) - before}
        assert added <= {"_accept)", "_serve)", "serve_forever)", "process_request_thread)"}  # none is the client's


def test_more_joins_the_loop_and_none_ends_it(client):
    with serving(lambda seen: Reply(200), HERE) as server:
        guarded = client(server.host_port)
        more = iter([{2: Request(server.url + "/2"), 3: Request("ftp://nowhere")}, {}])
        outcomes = dict(guarded.fetch_many({1: Request(server.url + "/1")}, lambda: next(more)))
        assert set(outcomes) == {1, 2, 3}
        assert isinstance(outcomes[3], Refused)
    with talking(hangs, HERE) as slow:
        guarded, started = client(f"{HERE}:{slow.port}", limits=Limits()), time.monotonic()
        assert list(guarded.fetch_many({1: Request(f"http://{HERE}:{slow.port}/")}, lambda: None)) == []
        assert 0.9 < time.monotonic() - started < 3


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def settles(claim, within_s=3.0):
    """Wait for the servers of this process to notice that somebody left."""
    until = time.monotonic() + within_s
    while not claim() and time.monotonic() < until:
        time.sleep(0.02)
    return claim()


def test_leaving_the_loop_early_cancels_what_runs_and_frees_the_slots(client):
    with talking(hangs, "0.0.0.0") as slow, serving(lambda seen: Reply(200), "0.0.0.0") as fast:
        guarded = client(f"127.0.0.0/8:{slow.port}", f"127.0.0.0/8:{fast.port}", limits=Limits(transfers=6))
        guarded.send(crowd(fast, 1)[0])
        before = descriptors()
        for _ in range(5):
            requests = {"fast": crowd(fast, 1)[0]} | {f"slow{n}": request for n, request in crowd(slow, 5).items()}
            loop = guarded.fetch_many(requests)
            assert next(loop)[0] == "fast"
            loop.close()
        assert guarded._slots.running == 0
        assert settles(lambda: descriptors() <= before + 2)


def test_somebody_who_takes_his_time_with_one_answer_does_not_make_the_others_late(client):
    slow = says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"he", b"re", every_s=0.15)
    with talking(slow, "127.0.0.8") as late, serving(lambda seen: Reply(200), HERE) as quick:
        limits = Limits(read_s=0.6, total_s=0.6, connect_s=0.6)
        guarded = client(f"127.0.0.8:{late.port}", quick.host_port, limits=limits)
        requests = {"quick": Request(quick.url + "/"), "late": Request(f"http://127.0.0.8:{late.port}/")}
        outcomes = {}
        for key, outcome in guarded.fetch_many(requests):
            outcomes[key] = outcome
            time.sleep(1.0)
        assert outcomes["late"].body == b"here"


def test_closing_the_client_ends_what_other_threads_wait_for(client):
    with talking(hangs, HERE) as slow:
        guarded, errors = client(f"{HERE}:{slow.port}", limits=Limits()), []
        url = f"http://{HERE}:{slow.port}/"
        threads = [threading.Thread(target=lambda: errors.append(failure(guarded, url))) for _ in range(3)]
        for thread in threads:
            thread.start()
        while slow.connections < 2:
            time.sleep(0.01)
        started = time.monotonic()
        guarded.close()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < 1
    assert ["stopping" in str(error) for error in errors] == [True] * 3
    assert "stopping" in str(failure(guarded, url))


def test_many_polls_leave_no_descriptor_and_no_thread_behind(client):
    with serving(lambda seen: Reply(200), "0.0.0.0") as server:
        guarded = client(f"127.0.0.0/8:{server.port}", limits=Limits(transfers=10))
        list(guarded.fetch_many(crowd(server, 100)))
        before = descriptors()
        for _ in range(3):
            list(guarded.fetch_many(crowd(server, 100)))
        assert settles(lambda: descriptors() <= before)
        guarded.close()
        assert guarded._slots.running == 0
