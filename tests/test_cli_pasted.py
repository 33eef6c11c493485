"""What people paste for `feeds add` that cannot be read: the reason, short, and nothing secret in it."""

from pathlib import Path

import pytest

from listener.connector import closed
from tests.commands import Home
from tests.servers import Reply, serving


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ("https://t.me/durov", "a public channel of others cannot be read"),
        ("https://www.linkedin.com/in/ada/", "LinkedIn lets no program read members"),
        ("https://discord.com/channels/1/2", "that is no channel of Discord"),
        ("https://www.facebook.com/groups/123", "Facebook lets no program read groups"),
        ("https://app.slack.com/client/T1/C1", "that is no channel of Slack"),
        ("#tag", "a tag alone does not say where; write it whole: nostr:#gardening, #python@mastodon.example"),
        ("@jack", "a name alone does not say where; write it whole: name.bsky.social, "),
        ("@jack", "@name@mastodon.example"),
        ("https://ada:hunter22@example.org/feed", "the address holds a user name or password"),
        ("ada:hunter22@example.org/feed", "no connector knows '***@example.org/feed'"),
        ("ftp://ada:hunter22@example.org/feed", "no connector knows 'ftp://***@example.org/feed'"),
        ("? " * 2_500, "no connector knows '? ? ?"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(home, pasted, told):
    ran = home.run("feeds", "add", pasted, "--unchecked")
    assert (ran.code in (1, 2), told in " ".join(ran.err.split())) == (True, True), ran.err
    assert len(ran.err) < 500
    assert "hunter22" not in ran.err
    assert home.ok("feeds", "--json").rows() == []


@pytest.mark.parametrize(
    "url", ["https://example.org/t.me/x", "https://www.linkedin.com/company/1/", "https://slack.com/blog"]
)
def test_other_addresses_are_closed_to_nobody(url):
    assert closed(url) is None


def test_a_closed_address_in_the_configuration_names_its_key_and_no_secret(home):
    home.write('[[feeds]]\nurl = "https://ada:hunter22@example.org/feed"\n')
    ran = home.run("feeds")
    assert (ran.code, "[[feeds]] 1: 'https://***@example.org/feed': the address holds" in ran.err) == (2, True)
    assert "hunter22" not in ran.err


def test_a_closed_address_in_a_list_of_feeds_is_left_out_and_the_others_come(home):
    lines = [f'<outline type="rss" xmlUrl="{url}"/>' for url in ("https://t.me/durov", "https://example.org/feed")]
    (home.folder / "a.opml").write_text(f'<opml version="2.0"><body>{"".join(lines)}</body></opml>')
    ran = home.ok("feeds", "import", "a.opml")
    assert "Added 1 feed" in ran.out
    assert "left out 'https://t.me/durov': Telegram shows" in ran.err


def test_a_page_without_a_feed_gives_the_advice_before_what_was_tried(tmp_path):
    page = Reply(200, b"<html><body>Hello</body></html>", {"Content-Type": "text/html"})
    with serving(lambda seen: page if seen.path == "/page" else Reply(404)) as server:
        home = Home(tmp_path, f'[network]\nallow_private = ["{server.host_port}"]\n')
        ran = home.run("feeds", "add", f"{server.url}/page")
        assert ran.code == 1
        assert ran.err.index("paste the address of the feed itself") < ran.err.index("(tried /")
        assert ran.err.count("HTTP 404") == 1
        bare = home.run("feeds", "add", f"{server.host_port}/page")
        assert "write http:// in front" in bare.err


def test_a_redirect_to_a_private_address_is_told_as_one_and_no_metadata_is_advised(tmp_path):
    goals = {
        "/cloud": "http://169.254.169.254/latest",
        "/port": "http://169.254.169.254:81/latest",
        "/home": "http://127.0.0.1/x",
    }
    with serving(lambda seen: Reply(302, b"", {"Location": goals[seen.path]})) as server:
        home = Home(tmp_path, f'[network]\nallow_private = ["{server.host_port}"]\n')
        for path in goals:
            err = home.run("feeds", "add", f"{server.url}{path}").err
            assert "127.0.0.1 redirects to" in err
            assert ("allow_private" in err) == (path == "/home"), err
