"""What a URL must be, what a request carries, and where a redirect may lead; without any network (S2, S3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.addresses import NetworkRules
from listener.errors import Refused
from listener.hops import first_hop, header_lines, next_hop, target
from listener.limits import URL_BYTES
from listener.types import Request

RULES = NetworkRules(("nas.local:9000",))

TIDIED = {
    "http://example.org": "http://example.org/",
    " https://EXAMPLE.org/A ": "https://example.org/A",
    "HTTPS://example.org:443/a#b": "https://example.org/a",
    "http://example.org:0080/": "http://example.org/",
    "http://example.org.:8080?q=1": "http://example.org:8080/?q=1",
    "http://example.org/a b?c=d e": "http://example.org/a%20b?c=d%20e",
    "http://example.org/ü/%20/%": "http://example.org/%C3%BC/%20/%",
    'http://example.org/"<>^`{|}': "http://example.org/%22%3C%3E%5E%60%7B%7C%7D",
    "https://straße.example/": "https://xn--strae-oqa.example/",
    "http://bücher.example.org/": "http://xn--bcher-kva.example.org/",
    "http://[2A00::1]:8080/x": "http://[2a00::1]:8080/x",
    "http://[2a00::0:1]/": "http://[2a00::1]/",
    "http://a_b.example.org/": "http://a_b.example.org/",
    "http://nas.local:9000/feed": "http://nas.local:9000/feed",
}


@pytest.mark.parametrize("url", TIDIED)
def test_a_url_is_tidied_into_what_is_sent(url):
    assert target(url, RULES).url == TIDIED[url]
    assert target(target(url, RULES).url, RULES) == target(url, RULES)


@pytest.mark.parametrize(
    "url",
    ["", "example.org", "//example.org/", "/feed", "http:", "http://", "http:///a", "http://?", "http://#",
     "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "javascript:alert(1)", "data:,x",
     "http://ann@example.org/", "http://ann:pw@example.org/", "http://@example.org/", "http://example.org@evil.org/",
     "http://example.org\\@evil.org/", "http://example.org\\evil.org/", "http://exa mple.org/", "http://a..b/",
     "http://.a/", "http://example.org:x/", "http://example.org:-1/", "http://example.org:99999/", "http://%41.org/",
     "http://[::1/", "http://[::g]/", "http://[fe80::1%25eth0]/", "http://[v1.x]/", "http://a\nb/", "http://a/\r\nX: y",
     "http://a/\x00", "http://a/\x7f", "http://℀.example.org/", "http://\u200b.example.org/", "http://exa\u202emple.org/",
     "http://example.org:22/", "http://nas.local:9001/", "http://" + "a" * 2_000 + "/", "http://x/" + "é" * 1_000],
)  # fmt: skip
def test_what_is_no_address_for_us_is_refused_before_any_name_is_looked_up(url):
    with pytest.raises(Refused):
        target(url, RULES)


def test_a_refusal_shows_neither_path_nor_query_nor_password():
    for url in (
        "http://ann:hunter22@h/",
        "http://h:22/hunter22?k=hunter22",
        "x://hunter22/",
        "http://h/hunter22" * 999,
    ):
        with pytest.raises(Refused) as caught:
            target(url, RULES)
        assert "hunter22" not in str(caught.value)


@given(st.text(max_size=80))
def test_any_text_at_all_is_a_target_or_refused(text):
    for url in (text, f"http://{text}", f"https://example.org/{text}"):
        try:
            found = target(url, RULES)
        except Refused:
            continue
        assert found.url.isascii()
        assert found.url.isprintable()
        assert target(found.url, RULES) == found


def test_the_longest_allowed_url_passes():
    url = "http://example.org/" + "a" * (URL_BYTES - 19)
    assert target(url, RULES).url == url


def hop(url="https://api.example.org/a", **changes):
    request = Request(url, **{"credentials": {"Authorization": "Bearer secret"}, **changes})
    return first_hop(request, RULES, "listener/1")


def names(step):
    return {line.split(b":")[0].lower() for line in step.lines}


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\x00b"])
def test_a_header_with_a_line_break_is_refused(value):
    for headers in ({"X": value}, {f"X{value}": "a"}, {"": "a"}, {"a b": "c"}, {"a:b": "c"}):
        with pytest.raises(Refused):
            header_lines(headers, {})


def test_headers_of_the_clients_own_business_are_left_out_and_empty_ones_are_sent_empty():
    lines = header_lines(
        {"Host": "evil.org", "Transfer-Encoding": "chunked", "Accept-Encoding": "zstd", "X-Empty": ""}, {}
    )
    assert lines == (b"X-Empty;",)


def test_a_credential_outranks_a_header_of_its_name():
    assert header_lines({"authorization": "old"}, {"Authorization": "new"}) == (b"Authorization: new",)


def test_an_unknown_method_is_refused():
    with pytest.raises(Refused):
        hop(method="CONNECT")


def test_credentials_and_private_headers_stay_behind_at_another_origin_and_never_return():
    first = hop(headers={"Cookie": "c", "X-Api-Key": "k", "Accept": "a", "If-None-Match": '"e"'})
    assert {b"authorization", b"cookie", b"x-api-key"} <= names(first)
    same = next_hop(first, 302, "/b", RULES)
    assert names(same) == names(first)
    other = next_hop(same, 302, "https://example.org/c", RULES)
    assert names(other) == {b"accept", b"if-none-match", b"user-agent"}
    back = next_hop(other, 302, "https://api.example.org/d", RULES)
    assert names(back) == names(other)


@pytest.mark.parametrize(
    "location",
    ["https://example.org/", "https://api.example.org:8443/", "//evil.org", "https://api.example.org.evil.org/",
     "https://api.example.orgevil.org/", "https://sub.api.example.org/"],
)  # fmt: skip
def test_scheme_host_and_port_together_are_the_origin(location):
    assert b"authorization" not in names(next_hop(hop(), 301, location, RULES))


@pytest.mark.parametrize(
    "location", ["/x", "x", "?x", "https://API.example.org:443/x", "//api.example.org/x", "https:/x"]
)
def test_the_same_origin_in_other_words_keeps_credentials(location):
    assert b"authorization" in names(next_hop(hop(), 301, location, RULES))


def test_https_never_becomes_http():
    with pytest.raises(Refused, match="https to http"):
        next_hop(hop(), 301, "http://api.example.org/", RULES)
    assert next_hop(hop("http://example.org/"), 301, "https://example.org/", RULES).target.scheme == "https"


@pytest.mark.parametrize(
    "location", ["ftp://x/", "http://u:p@x/", "https://x:22/", "https://[", "https://a b/", "\r\nX: y"]
)
def test_a_redirect_is_checked_like_any_address(location):
    with pytest.raises(Refused):
        next_hop(hop(), 302, location, RULES)


def test_the_sixth_redirect_is_refused():
    step = hop()
    for number in range(5):
        step = next_hop(step, 302, f"/{number}", RULES)
    with pytest.raises(Refused, match="more than 5"):
        next_hop(step, 302, "/6", RULES)


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [("POST", 301, "GET"), ("POST", 302, "GET"), ("POST", 303, "GET"), ("POST", 307, "POST"), ("POST", 308, "POST"),
     ("PUT", 303, "GET"), ("PUT", 302, "PUT"), ("HEAD", 303, "HEAD"), ("GET", 308, "GET")],
)  # fmt: skip
def test_methods_follow_the_rules_of_http(method, status, expected):
    body = b"x" if method in ("POST", "PUT") else None
    step = next_hop(hop(method=method, body=body), status, "/b", RULES)
    assert step.method == expected
    assert step.body == (body if expected == method else None)


def test_what_we_send_is_not_handed_on_to_another_origin():
    with pytest.raises(Refused, match="another server"):
        next_hop(hop(method="POST", body=b"password"), 307, "https://example.org/", RULES)


def test_moved_to_is_the_end_of_the_unbroken_permanent_redirects():
    one = next_hop(hop(), 301, "/1", RULES)
    two = next_hop(one, 308, "/2", RULES)
    three = next_hop(two, 302, "/3", RULES)
    four = next_hop(three, 301, "/4", RULES)
    moved = [step.moved_to for step in (one, two, three, four)]
    assert moved == ["https://api.example.org/1", *["https://api.example.org/2"] * 3]
    assert next_hop(hop(), 302, "/1", RULES).moved_to is None
