import time
import timeit
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener import limits, urls
from listener.errors import ConfigError
from listener.types import Post
from tests.hostile.posts import URLS

RULES = urls.rules(tomllib.loads((Path(__file__).parents[1] / "connectors" / "links.toml").read_text()))
LONG = "word " * (urls.ARTICLE_WORDS + 1)


def canonical(url, redirects=None):
    return urls.canonical(url, RULES, redirects)


@pytest.mark.parametrize("url", [url for url in URLS if isinstance(url, str)])
def test_what_is_kept_is_a_web_address_nothing_can_break_out_of(url):
    kept = urls.safe(url)
    if kept is not None:
        assert kept.startswith(("http://", "https://"))
        assert kept.isprintable()
        assert not set(kept) & set(" \"<>`\\'") - {"'"}
        assert "@" not in kept.split("/")[2]
        assert len(kept.encode()) <= limits.URL_BYTES
        assert urls.safe(kept) == kept


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "//example.test/",
        "https://user:secret@example.test/",
        "https://example.test\\@evil.test/",
        "https://example.test/\x00",
        "https://exa mple.test/",
        "https://[::1",
        "https://example.test:99999/",
        "https://example.test/" + "a" * limits.URL_BYTES,
        "https://example.test/" + "é" * (limits.URL_BYTES // 2),
        "",
        None,
    ],
)
def test_what_is_not_safe_is_dropped(url):
    assert urls.safe(url) is None


def test_spaces_and_quotes_in_an_address_are_encoded_and_the_scheme_is_lower_case():
    assert urls.safe(' HTTPS://example.test/a b"<c>\u202e ') == "https://example.test/a%20b%22%3Cc%3E%E2%80%AE"


@given(st.text(max_size=200) | st.text(alphabet="htps:/\\@.[]%?#&=xé \x00", max_size=60))
def test_no_text_at_all_is_refused_with_an_exception(text):
    for url in (text, f"https://{text}", f"https://example.test/{text}"):
        kept = urls.safe(url)
        assert kept is None or urls.safe(kept) == kept
        urls.join("https://example.test/", url)
        canonical(url)


SAME = [
    ("http://Example.test:80/a/", "https://www.example.test/a"),
    ("https://example.test/a?utm_source=x&b=2&a=1&fbclid=y", "https://example.test/a?a=1&b=2"),
    ("https://example.test/a#section", "https://m.example.test/a"),
    ("https://example.test/a/amp/", "https://amp.example.test/a"),
    ("https://example.test/a/index.html", "https://example.test/a/"),
    ("https://example.test/%7euser/%c3%a9", "https://example.test/~user/é"),
    ("https://example.test/a?gift=1&unlocked_article_code=xyz", "https://example.test/a"),
    ("https://example.test./a?", "https://EXAMPLE.test/a"),
    ("https://bücher.test/a", "https://xn--bcher-kva.test/a"),
    ("https://www.google.com/url?sa=D&q=https%3A%2F%2Fexample.test%2Fa%3Futm_term%3D1", "https://example.test/a"),
    ("https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.test%2Fa&h=zzz", "https://example.test/a"),
    ("https://www.google.com/amp/s/example.test/a.amp", "https://example.test/a"),
    ("https://youtu.be/abcdefghijk?si=zz&t=3", "https://m.youtube.com/watch?v=abcdefghijk&list=PL0&feature=share"),
    ("https://old.reddit.com/r/x/comments/abc123/a_title/?context=3", "https://redd.it/abc123"),
    ("https://twitter.com/a/status/1?s=20", "https://mobile.twitter.com/a/status/1"),
    ("https://en.m.wikipedia.org/wiki/Lantern", "https://en.wikipedia.org/wiki/Lantern"),
    ("https://arxiv.org/pdf/2401.01234v2.pdf", "https://arxiv.org/abs/2401.01234"),
    ("https://stackoverflow.com/questions/12/how-to#34", "https://stackoverflow.com/q/12"),
    ("https://web.archive.org/web/20260101000000/http://example.test/a", "https://example.test/a"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_spellings_of_one_page_have_one_name(left, right):
    assert canonical(left) == canonical(right) is not None
    assert urls.link_key(canonical(left)) == urls.link_key(canonical(right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("https://example.test/a", "https://example.test/A"),
        ("https://example.test/a?page=1", "https://example.test/a?page=2"),
        ("https://example.test/#!a", "https://example.test/#!b"),
        ("https://a.test/x", "https://b.test/x"),
        ("https://example.test:8080/a", "https://example.test/a"),
        ("https://youtube.com/watch?v=abcdefghijk", "https://youtube.com/watch?v=bbcdefghijk"),
        ("https://youtube.com/playlist?list=1", "https://youtube.com/playlist?list=2"),
        ("https://example.test/a%2Fb", "https://example.test/a/b"),
    ],
)
def test_different_pages_keep_different_names(left, right):
    assert canonical(left) != canonical(right)


@given(
    st.sampled_from([url for pair in SAME for url in pair]),
    st.text(alphabet="/amp.html?&=#!%2541wm.index", max_size=30),
)
def test_a_canonical_name_is_its_own_canonical_name(url, tail):
    name = canonical(url + tail)
    assert name is None or canonical(name) == name


def test_an_ipv6_address_keeps_its_brackets():
    assert canonical("http://[::1]:8000/a/") == "https://[::1]:8000/a"


def test_a_short_link_counts_as_itself_until_it_answered():
    assert canonical("http://bit.ly/abc?utm_source=x") == "https://bit.ly/abc"
    assert (
        canonical("http://bit.ly/abc", {"https://bit.ly/abc": "https://example.test/a?utm_id=1"})
        == "https://example.test/a"
    )


def test_only_shorteners_are_taken_at_their_redirects():
    assert (
        canonical("https://example.test/a", {"https://example.test/a": "https://evil.test/"})
        == "https://example.test/a"
    )


def test_wrappers_inside_wrappers_and_circles_come_to_an_end():
    circle = {"https://bit.ly/a": "https://t.co/b", "https://t.co/b": "https://bit.ly/a"}
    assert canonical("https://bit.ly/a", circle) in ("https://bit.ly/a", "https://t.co/b")
    assert canonical("https://www.google.com/url?q=javascript:alert(1)").startswith("https://google.com/url")


def post(url=None, links=(), title=None, text=""):
    return Post("fixture", "1", url=url, links=links, title=title, text=text)


def test_a_post_about_an_article_and_the_article_meet():
    article = post("https://www.example.test/a/?utm_source=rss", ("https://other.test/b",), "An article", LONG)
    about = post("https://social.test/@ann/1", ("https://example.test/a",), None, "Read this")
    link_post = post("https://forum.test/item?id=1", ("http://example.test/a#top",), "An article")
    names = {urls.story_link(each, RULES) for each in (article, about, link_post)}
    assert names == {"https://example.test/a"}


def test_a_long_text_with_a_title_is_its_own_story():
    essay = post("https://blog.test/essay", ("https://example.test/source",), "Essay", LONG)
    assert urls.story_link(essay, RULES) == "https://blog.test/essay"


@pytest.mark.parametrize(
    "link",
    [
        "https://example.test/",
        "https://example.test",
        "https://social.test/@somebody",
        "https://social.test/tags/python",
        "https://www.paypal.com/x/y",
        "https://home.test/page",
        "javascript:alert(1)",
    ],
)
def test_home_pages_profiles_tags_and_own_pages_are_no_story(link):
    assert urls.story_link(post("https://home.test/post/1", (link,)), RULES) is None


def test_a_talk_without_a_title_or_link_has_no_story_link():
    assert urls.story_link(post("https://social.test/@ann/1", text="Good morning"), RULES) is None


def test_keys_are_signed_64_bit():
    keys = [urls.link_key(f"https://example.test/{n}") for n in range(200)]
    assert len(set(keys)) == 200
    assert min(keys) < 0 < max(keys)
    assert all(-(2**63) <= key < 2**63 for key in keys)


@pytest.mark.parametrize(
    "table",
    [
        {"tracking": "utm"},
        {"wrappers": []},
        {"wrappers": {"a": [1]}},
        {"rewrites": {"a": "x"}},
        {"rewrites": {"a": [["only a path"]]}},
        {"rewrites": {"a": [["(", "x"]]}},
        {"no_story_paths": ["("]},
    ],
)
def test_a_wrong_table_says_which_key(table):
    with pytest.raises(ConfigError, match=next(iter(table))):
        urls.rules(table)


def test_the_shipped_rules_are_lower_case_and_listed_once():
    text = (Path(__file__).parents[1] / "connectors" / "links.toml").read_text()
    table = tomllib.loads(text)
    for key in ("tracking", "shorteners", "no_story_hosts", "host_prefixes"):
        assert len(table[key]) == len(set(table[key])), key
        assert all(name == name.lower() for name in table[key])


def seconds(work, text):
    taken = []
    for _ in range(5):
        start = time.process_time()
        work(text)
        taken.append(time.process_time() - start)
    return min(taken)


PATTERNS = ("a", "a.", "%41", "%", "/amp", "/", "www.", "?a=1&", "&", "=", "#!", "é", "\u202e", "[", "@", ":1", "/q/1")


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    "head", ["", "https://", "https://example.test/", "https://stackoverflow.com/", "https://x.test/?"]
)
def test_addresses_are_judged_in_linear_time(head, pattern):
    def work(tail):
        canonical(head + tail)
        urls.safe(head + tail)

    assert seconds(work, pattern * (100_000 // len(pattern))) < 3 * max(
        seconds(work, pattern * (50_000 // len(pattern))), 0.003
    )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_shipped_patterns_take_linear_time(pattern):
    shipped = [rewrite.path for found in RULES.rewrites.values() for rewrite in found] + [RULES.no_story_path]

    def work(path):
        for expression in shipped:
            expression.fullmatch(path)

    long, half = pattern * (100_000 // len(pattern)), pattern * (50_000 // len(pattern))
    for head in ("", "/", "/r/a/comments/", "/web/2020/", "/q/", "/@", "/gp/product/"):
        assert seconds(work, head + long) < 3 * max(seconds(work, head + half), 0.003)


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), max_size=5), st.text(max_size=20), st.text(max_size=80))
def test_any_post_has_a_story_link_or_none(links, title, text):
    found = urls.story_link(post(links=tuple(links), title=title or None, text=text), RULES)
    assert found is None or found.startswith("https://")


WRITTEN = {
    "see https://paper.example/bridge today": ["https://paper.example/bridge"],
    "(https://a.example/x_(y)), then https://b.example/z.": ["https://a.example/x_(y)", "https://b.example/z"],
    "<https://a.example/> and [text](https://b.example/c)": ["https://a.example/", "https://b.example/c"],
    "https://a.example/long/ad… https://b.example/...": [],
    "“https://a.example/q?x=1&y=2”, he wrote": ["https://a.example/q?x=1&y=2"],
    "ftp://a.example javascript:alert(1) www.example.org": [],
    "HTTPS://A.EXAMPLE/B": ["HTTPS://A.EXAMPLE/B"],
}


@pytest.mark.parametrize("text", WRITTEN)
def test_addresses_written_in_a_text_are_found_without_the_signs_around_them(text):
    assert list(urls.written_in(text)) == WRITTEN[text]


@pytest.mark.parametrize("part", ["https://", "https://a", "(https://a.example/(", "https://a.example/))))"])
def test_looking_for_addresses_takes_time_in_step_with_the_text(part):
    def cost_s(times: int) -> float:
        text = part * times
        return min(timeit.repeat(lambda: list(urls.written_in(text)), number=1, repeat=3))

    short, long = cost_s(2_000), cost_s(8_000)
    assert long < 8 * short + 0.01
