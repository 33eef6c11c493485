"""Client libraries send through the guarded client, and find no other way out (S1, S3)."""

import json
import logging

import httpx
import pytest
import requests

from listener.addresses import NetworkRules
from listener.bridges import GuardedAdapter, GuardedTransport, session
from listener.errors import ConnectorError, Refused
from listener.http import Client, Limits
from tests.hostile.servers import answers, hangs, says, talking
from tests.servers import Reply, Seen, serving

HERE = "127.0.0.7"


@pytest.fixture
def client():
    made = []

    def make(*allowed):
        made.append(Client(NetworkRules(allowed), limits=Limits(host_slot_s=0.0, read_s=1.0)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ways(http, base_url=None):
    """Give a function that gets a URL by each library; both raise what the client raises."""
    by_httpx = httpx.Client(transport=GuardedTransport(http, base_url), follow_redirects=True)
    return {"requests": session(http, base_url).get, "httpx": by_httpx.get}


@pytest.mark.parametrize("way", ["requests", "httpx"])
def test_private_addresses_are_refused_directly_and_by_redirect(client, way):
    with talking(hangs) as trap:
        away = {"/": Reply(302, headers={"Location": f"http://127.0.0.1:{trap.port}/"})}
        with serving(away, HERE) as server:
            get = ways(client(server.host_port))[way]
            for url in (f"http://127.0.0.1:{trap.port}/", server.url + "/"):
                with pytest.raises(Refused):
                    get(url)
        assert trap.connections == 0


@pytest.mark.parametrize("way", ["requests", "httpx"])
def test_environment_proxies_and_netrc_are_not_used(client, way, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text(f"machine {HERE} login ann password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with talking(hangs) as proxy, serving({"/": b"direct"}, HERE) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert ways(client(server.host_port))[way](server.url + "/").content == b"direct"
        assert proxy.connections == 0
        assert "authorization" not in server.seen[0].headers


@pytest.mark.parametrize("way", ["requests", "httpx"])
def test_redirects_are_followed_inside_the_guard_and_tokens_stay_at_home(client, way):
    with serving({"/end": b"arrived"}, "127.0.0.8") as other:
        away = {"/": Reply(301, headers={"Location": "/b"}), "/b": Reply(302, headers={"Location": other.url + "/end"})}
        with serving(away, HERE) as home:
            get = ways(client(home.host_port, other.host_port))[way]
            response = get(home.url + "/", headers={"Authorization": "Bearer canary", "X-Api-Key": "canary"})
    assert response.content == b"arrived"
    assert [seen.headers["authorization"] for seen in home.seen] == ["Bearer canary"] * 2
    assert "canary" not in str(other.seen)


@pytest.mark.parametrize("way", ["requests", "httpx"])
def test_compressed_answers_are_unpacked_once(client, way):
    import gzip

    body = json.dumps({"a": [1, 2]}).encode()
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json; charset=utf-8", "X-Kept": "1"}
    with serving({"/": Reply(200, gzip.compress(body), headers)}, HERE) as server:
        response = ways(client(server.host_port))[way](server.url + "/")
    assert response.json() == {"a": [1, 2]}
    assert response.headers["X-Kept"] == "1"
    assert response.headers["content-length"] == str(len(body))


@pytest.mark.parametrize("way", ["requests", "httpx"])
def test_statuses_come_as_they_are_and_faults_as_our_errors(client, way):
    with serving({"/": Reply(429, b"slow", {"Retry-After": "7"}), "/odd": Reply(299)}, HERE) as server:
        get = ways(client(server.host_port))[way]
        assert (get(server.url + "/").status_code, get(server.url + "/").headers["Retry-After"]) == (429, "7")
        assert get(server.url + "/odd").status_code == 299
    cut = says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    with talking(cut, HERE) as broken, pytest.raises(ConnectorError, match="broke off"):
        ways(client(f"{HERE}:{broken.port}"))[way](f"http://{HERE}:{broken.port}/")


def test_bodies_of_every_kind_are_sent_and_our_name_is_given(client, tmp_path):
    (tmp_path / "file").write_bytes(b"from a file")
    with serving(lambda seen: Reply(200, seen.body), HERE) as server:
        http = client(server.host_port)
        post = session(http).post
        assert post(server.url, json={"a": 1}).json() == {"a": 1}
        assert post(server.url, data={"a": "ü"}).content == b"a=%C3%BC"
        assert post(server.url, data="text ü").content == "text ü".encode()
        assert post(server.url, data=iter([b"a", b"b"])).content == b"ab"
        with (tmp_path / "file").open("rb") as file:
            assert post(server.url, data=file).content == b"from a file"
        assert httpx.Client(transport=GuardedTransport(http)).post(server.url, json={"b": 2}).json() == {"b": 2}
    assert {seen.headers["user-agent"].split("/")[0] for seen in server.seen} == {"listener"}
    assert server.seen[0].headers["content-type"] == "application/json"


def test_credentials_are_kept_out_of_what_may_be_printed():
    class Printing:
        def send(self, request):
            raise ConnectorError(repr(request))

    sent = session(Printing())
    with pytest.raises(ConnectorError) as caught:
        sent.get("http://example.org/", headers={"Authorization": "Bearer canary", "Cookie": "canary"})
    assert "canary" not in str(caught.value)


def test_an_adapter_can_be_mounted_for_one_host_and_moved_to_another_address(client):
    with serving({"/2/users?x=1": b"mirror"}, HERE) as server:
        mounted = requests.Session()
        mounted.mount("https://api.example.org", GuardedAdapter(client(server.host_port), server.url))
        assert mounted.get("https://api.example.org/2/users", params={"x": 1}).text == "mirror"
        mounted.close()


# the real libraries

TWEETS = {
    "data": [{"id": "7", "text": "hello", "edit_history_tweet_ids": ["7"]}],
    "meta": {"result_count": 1, "newest_id": "7", "oldest_id": "7"},
}


def api(seen: Seen) -> Reply:
    if seen.headers.get("authorization") != "Bearer canary":
        return Reply(401, b"{}", {"Content-Type": "application/json"})
    if "limited" in seen.path:
        return Reply(429, b"{}", {"Content-Type": "application/json", "x-rate-limit-reset": "1700000000"})
    return Reply(200, json.dumps(TWEETS).encode(), {"Content-Type": "application/json"})


def test_tweepy_reads_through_the_guard(client, caplog):
    import tweepy

    with serving(api, HERE) as server:
        reader = tweepy.Client("canary")
        reader.session = session(client(server.host_port), server.url)
        with caplog.at_level(logging.WARNING):
            found = reader.search_recent_tweets("word", max_results=10)
            with pytest.raises(tweepy.TooManyRequests):
                reader.search_recent_tweets("limited")
    assert [tweet.text for tweet in found.data] == ["hello"]
    assert server.seen[0].path.startswith("/2/tweets/search/recent?")
    assert "canary" not in caplog.text


def test_tweepy_signs_with_oauth_1_through_the_guard(client):
    import tweepy

    with serving(lambda seen: Reply(200, b'{"data": {"id": "1", "name": "a", "username": "a"}}'), HERE) as server:
        keys = {"consumer_key": "k", "consumer_secret": "s", "access_token": "t", "access_token_secret": "u"}
        reader = tweepy.Client(**keys)
        reader.session = session(client(server.host_port), server.url)
        assert reader.get_me().data.username == "a"
    assert server.seen[0].headers["authorization"].startswith("OAuth oauth_nonce=")


def test_tweepy_finds_no_way_around_the_guard(client):
    import tweepy

    with talking(answers(), "127.0.0.1") as trap:
        reader = tweepy.Client("canary")
        reader.session = session(client(), f"http://127.0.0.1:{trap.port}")
        with pytest.raises(Refused):
            reader.search_recent_tweets("word")
        assert trap.connections == 0


@pytest.mark.slow
def test_atproto_reads_through_the_guard(client):
    from atproto_client import Client as Reader
    from atproto_client.request import Request as Sender

    posts = {"posts": [], "cursor": "x"}
    body = json.dumps(posts).encode()
    with serving(lambda seen: Reply(200, body, {"Content-Type": "application/json"}), HERE) as server:
        sender = Sender(transport=GuardedTransport(client(server.host_port)), trust_env=False)
        reader = Reader(base_url=server.url, request=sender)
        assert reader.app.bsky.feed.search_posts({"q": "word"}).cursor == "x"
        sender.close()
    assert server.seen[0].path == "/xrpc/app.bsky.feed.searchPosts?q=word&sort=latest"
    assert server.seen[0].headers["user-agent"].startswith("listener/")
