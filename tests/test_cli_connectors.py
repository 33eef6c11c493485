"""`listener connectors`, `accounts`, `import` and the gaps of `feeds`, as a user runs them."""

import json
from pathlib import Path

import pytest

from listener.connector import names
from tests.commands import Home
from tests.servers import Reply, serving
from tests.sites import Entry, rss

POSTS = """\
platform,id,url,author,text,created_at
myspace,1,https://myspace.example/p/1,tom,Thanks for the add!,2007-05-01T10:00:00Z
myspace,2,https://myspace.example/p/2,tom,New song on my page,2007-05-02T10:00:00Z
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_every_connector_is_listed_with_what_it_needs_and_costs(home):
    rows = home.ok("connectors", "--json").rows()
    assert [row["name"] for row in rows] == names()
    for row in rows:
        assert row["reads"]
        assert row["reads"] != "nothing yet", row["name"]
        assert row["state"] in ("ready", "needs you")
        assert row["state"] == "ready" or "connectors." in row["missing"]
        assert all(policy["note"] for policy in row["policy"].values())
    assert {row["name"] for row in rows if row["costs"]} >= {"x", "youtube"}
    shown = home.ok("connectors").out
    assert all(name in shown for name in names())


def test_what_needs_a_credential_says_step_by_step_how_to_get_it(home):
    for row in home.ok("connectors", "--json").rows():
        assert not row["missing"] or len(row["credentials"]) >= 2, row["name"]
    out = home.ok("connectors", "bluesky").out
    assert "1. " in out
    assert "paste: " in out


def test_an_unknown_connector_is_wrong_usage(home):
    ran = home.run("connectors", "myspce")
    assert (ran.code, "no connector is called 'myspce'" in ran.err) == (2, True)


def test_a_file_of_a_dead_platform_is_kept_searched_and_never_polled(home):
    (home.folder / "myspace.csv").write_text(POSTS)
    assert "2 posts, 2 of them new" in home.ok("import", "myspace.csv").out
    assert "0 of them new" in home.ok("import", "myspace.csv").out
    [found] = home.ok("search", "song", "--json").rows()
    assert (found["platform"], found["author"], found["url"]) == ("myspace", "tom", "https://myspace.example/p/2")
    assert [row["health"] for row in home.ok("feeds", "--json").rows()] == ["paused"]
    assert "Nothing is due" in home.ok("poll").out


def test_a_feed_of_a_dead_platform_says_once_that_it_is_no_more(home):
    (home.folder / "myspace.csv").write_text(POSTS)
    home.ok("import", "myspace.csv")
    home.ok("feeds", "set", "1", "paused=no")
    ran = home.run("poll")
    assert "myspace is no more" in ran.err
    assert "Nothing is due" in home.ok("poll").out, "it is said once, then never polled again"
    assert "2016" in home.ok("policy", "--json").out


def test_a_file_of_no_known_kind_fails_and_says_what_is_read(home):
    (home.folder / "a.bin").write_bytes(b"\x00\x01\x02" * 100)
    ran = home.run("import", "a.bin")
    assert ran.code == 1
    assert "no connector knows this kind of file" in ran.err


def test_without_a_login_nobody_can_say_whom_you_follow(home):
    assert "Nobody yet" in home.ok("accounts", "list").out
    ran = home.run("accounts", "import", "rss")
    assert ran.code == 2
    assert "cannot say whom you follow" in ran.err


def test_whom_i_follow_becomes_accounts_and_feeds(tmp_path):
    person = {"did": "did:plc:ada", "handle": "ada.example", "displayName": "Ada", "labels": []}
    answers = {
        "/xrpc/com.atproto.server.createSession": {
            "did": "did:plc:me",
            "handle": "me.example",
            "accessJwt": jwt(4_000_000_000),
            "refreshJwt": jwt(4_000_000_000),
            "active": True,
        },
        "/xrpc/app.bsky.graph.getFollows": {
            "subject": {"did": "did:plc:me", "handle": "me.example"},
            "follows": [person],
        },
        "/xrpc/app.bsky.graph.getLists": {"lists": []},
    }

    def answer(seen):
        found = answers.get(seen.path.partition("?")[0])
        return (
            Reply(404)
            if found is None
            else Reply(200, json.dumps(found).encode(), {"Content-Type": "application/json"})
        )

    with serving(answer) as server:
        home = Home(
            tmp_path,
            f'[network]\nallow_private = ["{server.host_port}"]\n'
            f'[connectors.bluesky]\nbase_url = "{server.url}"\nhandle = "me.example"\napp_password = "file:pw"\n',
        )
        (tmp_path / "pw").write_text("abcd-efgh-ijkl-mnop")
        assert "bluesky: 1 account (1 new)" in home.ok("accounts", "import", "bluesky").out
    [row] = home.ok("accounts", "list", "--json").rows()
    assert (row["platform"], row["handle"], row["name"]) == ("bluesky", "ada.example", "Ada")
    assert [row["connector"] for row in home.ok("feeds", "--json").rows()] == ["bluesky"]


def jwt(expires: int) -> str:
    """A token as servers make them; nobody checks its signature here."""
    import base64

    def part(values: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part({'exp': expires, 'sub': 'did:plc:me', 'scope': 'x'})}.sig"


def test_my_own_accounts_become_feeds(home):
    home.write('[me]\naccounts = ["@ann@mastodon.example", "hn:ann"]\n')
    rows = home.ok("feeds", "--json").rows()
    assert {row["connector"] for row in rows} >= {"mastodon", "hackernews"}
    assert {row["folder"] for row in rows} == {"Me"}
    home.write("[me]\naccounts = []\n")
    assert home.ok("feeds", "--json").rows() == []


def test_an_account_that_nobody_knows_names_the_key(home):
    home.write('[me]\naccounts = ["???"]\n')
    ran = home.run("feeds")
    assert (ran.code, "me.accounts: no connector knows '???'" in ran.err) == (2, True)


def test_a_window_that_moved_on_is_a_gap_that_is_shown_and_may_be_filled(tmp_path):
    pages = {
        "/feed": Reply(200, rss("Paper", [Entry(f"a{n}", f"Old story {n}", "text", age_h=50 + n) for n in range(3)]))
    }
    with serving(lambda seen: pages[seen.path]) as server:
        home = Home(
            tmp_path, f'[network]\nallow_private = ["{server.host_port}"]\n[[feeds]]\nurl = "{server.url}/feed"\n'
        )
        home.ok("poll", "--all")
        assert "No gaps" in home.ok("feeds", "gaps").out
        assert "No gaps" in home.ok("feeds", "fill").out
        pages["/feed"] = Reply(200, rss("Paper", [Entry(f"b{n}", f"New story {n}", "text", age_h=n) for n in range(3)]))
        home.ok("poll", "--all")
        [gap] = home.ok("feeds", "gaps", "--json").rows()
        assert gap["feed"] == 1
        assert "1 gap, " in home.ok("feeds").out
        ran = home.run("feeds", "fill")
        assert ran.code == 1
        assert "does not go back" in ran.out


def test_a_paid_platform_is_off_until_it_has_a_budget(home):
    home.write('[connectors.x]\nbearer_token = "file:token"\n[[feeds]]\nconnector = "x"\nquery = "search:harbour"\n')
    (home.folder / "token").write_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    ran = home.run("poll")
    assert "connectors.x.monthly_budget" in ran.err
    assert "AAAAAAAAAA" not in ran.err + ran.out
    [row] = home.ok("feeds", "--json").rows()
    assert row["health"] == "out of budget"


def test_one_missing_secret_holds_up_its_own_feeds_and_nothing_else(tmp_path):
    with serving({"/feed": Reply(200, rss("Paper", [Entry("a1", "Bridge opens", "It does.", age_h=1)]))}) as server:
        home = Home(
            tmp_path,
            f'[network]\nallow_private = ["{server.host_port}"]\n'
            '[connectors.mastodon]\nserver = "social.example"\ntoken = "env:NOT_SET_ANYWHERE"\n'
            f'[[feeds]]\nurl = "{server.url}/feed"\n[[feeds]]\nconnector = "mastodon"\nquery = "social.example/home"\n',
        )
        ran = home.run("poll")
        assert ran.code == 0
        assert "1 new post" in ran.out
        assert "the environment variable NOT_SET_ANYWHERE is not set" in ran.err
        assert [row["health"] for row in home.ok("feeds", "--json").rows()] == ["fresh", "needs you"]
        assert len(home.ok("posts", "--json").rows()) == 1
        assert "no connector knows" not in home.ok("feeds", "add", "--unchecked", f"{server.url}/other").err
        doctor = home.run("doctor")
        assert doctor.code == 1
        assert "connectors.mastodon.token" in doctor.out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('kee = "x"', "did you mean 'key'?"),
        ('key = "written-out-secret"', "secrets are not written here"),
        ("base_url = 7", "must be text in quotes"),
    ],
)
def test_a_wrong_setting_is_named_whether_or_not_a_feed_uses_it(home, line, said):
    home.write(f"[connectors.stackexchange]\n{line}\n")
    ran = home.run("posts")
    assert ran.code == 2
    assert "connectors.stackexchange" in ran.err
    assert said in ran.err
    assert "written-out-secret" not in ran.err
