"""`listener people`, `[[people]]` and the proofs that platforms give, as a user meets them."""

import json
from pathlib import Path

import pytest

from tests.commands import Home
from tests.servers import Reply, serving
from tests.sites import Entry, rss

SAID = """\
platform,id,url,author,text,created_at
myspace,1,https://myspace.example/p/1,ann,Thanks for the add!,2007-05-01T10:00:00Z
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def only(home: Home, *arguments: str) -> dict:
    [row] = home.ok("people", "list", "--json", *arguments).rows()
    return row


def named(row: dict) -> set[str]:
    return {f"{one['platform']}:{one['name']}" for one in row["accounts"]}


def test_a_person_is_added_tied_put_into_circles_and_removed(home):
    assert "Nobody yet" in home.ok("people").out
    home.ok("people", "add", "Ann", "--account", "@ann@mastodon.social", "--circle", "peers")
    home.ok("people", "tie", "ann", "https://ann.example/feed.xml", "hn:ann_x")
    home.ok("people", "circle", "Ann", "press", "friends")
    home.ok("people", "circle", "Ann", "press", "--remove")
    home.ok("people", "untie", "Ann", "hn:ann_x")
    row = only(home, "--circle", "friends")
    assert (row["name"], row["circles"]) == ("Ann", ["friends", "peers"])
    assert named(row) == {"mastodon:@ann@mastodon.social", "rss:ann.example"}
    assert home.ok("people", "list", "--circle", "press", "--json").out == ""
    out = home.ok("people").out
    assert "Ann  [friends, peers]" in out
    assert "not heard yet" in out
    assert "posts stay" in home.ok("people", "remove", "Ann").out
    assert "Nobody yet" in home.ok("people").out


WRITTEN = {
    "https://bsky.app/profile/ann.example": "bluesky:ann.example",
    "@ann.bsky.social": "bluesky:ann.bsky.social",
    "https://github.com/ann": "github:ann",
    "https://www.reddit.com/user/ann": "reddit:u/ann",
    "https://x.com/Ann": "x:ann",
    "x:@ann": "x:ann",
    "https://www.linkedin.com/in/ann-b/": "linkedin:ann-b",
    "ann@example.org": "mail:ann@example.org",
    "https://stackoverflow.com/users/42/ann": "stackexchange:stackoverflow.com/42",
    "https://lobste.rs/~ann": "lobsters:ann",
    "https://dev.to/ann": "devto:ann",
    "https://www.ann.example/": "rss:ann.example",
    "rss:ann.example": "rss:ann.example",
    "myspace:ann": "myspace:ann",
    "Telegram:@ann": "telegram:ann",
}


def test_an_account_is_written_as_a_user_would(home):
    home.write('[policy]\nlink_identities = ["reddit", "x"]\n')
    home.ok("people", "add", "Ann", *(part for text in WRITTEN for part in ("--account", text)))
    assert named(only(home)) == set(WRITTEN.values())


@pytest.mark.parametrize("text", ["@ann", "???", "https://shared.example/~ann/", "https://www.instagram.com/ann/"])
def test_what_is_nobodys_for_certain_is_refused_with_the_way_to_say_it(home, text):
    ran = home.run("people", "add", "Ann", "--account", text)
    assert ran.code == 2
    assert "say" in ran.err
    assert "platform:name" in ran.err
    assert "Nobody yet" in home.ok("people").out


def test_mistakes_are_named(home):
    home.ok("people", "add", "Ann", "--account", "hn:ann")
    for arguments, said in {
        ("add", "ANN"): "called ANN already",
        ("add", "Bob", "--account", "hn:Ann"): "is Ann's",
        ("tie", "Zoe", "hn:zoe"): "nobody called Zoe",
        ("untie", "Ann", "hn:other"): "not tied to Ann",
        ("remove", "Zoe"): "nobody called Zoe",
    }.items():
        ran = home.run("people", *arguments)
        assert (ran.code, said in ran.err) == (1, True), ran.err


def test_a_circle_that_nobody_is_in_is_named_with_those_that_there_are(home):
    home.ok("people", "add", "Ann", "--circle", "peers")
    out = home.ok("people", "list", "--circle", "pears").out
    assert out == "Nobody is in a circle called 'pears'; there are: peers\n"


def test_who_adds_themselves_is_told_where_their_own_accounts_are_said(home):
    ran = home.run("people", "add", "me", "--account", "hn:kim")
    assert (ran.code, "me is you" in ran.err, "me.accounts" in ran.err) == (2, True, True), ran.err


def test_an_endless_name_is_not_repeated_whole(home):
    ran = home.run("people", "add", "x" * 3_000)
    assert (ran.code, len(ran.err) < 500) == (2, True)


def test_accounts_that_a_platform_lets_nobody_tie_are_refused_with_the_reason_and_the_switch(home):
    home.ok("people", "add", "Ann", "--account", "reddit:u/ann")
    ran = home.run("people", "tie", "Ann", "hn:ann")
    assert ran.code == 2
    assert "No matching of Redditors" in ran.err
    assert 'link_identities = ["reddit"] under [policy]' in ran.err
    assert named(only(home)) == {"reddit:u/ann"}
    home.write('[policy]\nlink_identities = ["reddit"]\n')
    home.ok("people", "tie", "Ann", "hn:ann")
    assert len(only(home)["accounts"]) == 2


def test_what_was_said_on_a_dead_platform_is_a_persons_too(home):
    (home.folder / "old.csv").write_text(SAID)
    home.ok("import", "old.csv")
    home.ok("people", "add", "Ann", "--account", "myspace:ann")
    assert only(home)["heard_at"].startswith("2007-05-01")
    assert "last heard 2007-05-01" in home.ok("people").out


FILE = '[[people]]\nname = "Ann"\naccounts = ["hn:ann"]\ncircles = ["peers"]\n'


def test_people_of_the_configuration_come_change_and_go_with_it(home):
    home.write(FILE)
    row = only(home)
    assert (row["name"], row["from_config"], row["circles"], named(row)) == ("Ann", True, ["peers"], {"hackernews:ann"})
    assert "change it there" in home.run("people", "tie", "Ann", "hn:other").err
    home.ok("people", "add", "Bob")
    home.write(FILE.replace("hn:ann", "github:ann"))
    assert named(home.ok("people", "list", "--json").rows()[0]) == {"github:ann"}
    home.write("")
    assert only(home)["name"] == "Bob"


def test_my_own_accounts_are_the_person_me_wherever_they_are(home):
    home.write('[me]\nname = "Kim"\naccounts = ["@kim@mastodon.social", "hn:kim", "u/kim"]\n')
    row = only(home)
    assert (row["name"], row["me"]) == ("Kim", True)
    assert named(row) == {"mastodon:@kim@mastodon.social", "hackernews:kim", "reddit:u/kim"}
    assert "Kim (you)" in home.ok("people").out


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('[[people]]\nname = "Ann"\naccounts = ["???"]\n', "people[1].accounts: no connector knows '???'"),
        (
            '[[people]]\nname = "Ann"\naccounts = ["reddit:ann", "hn:ann"]\n',
            "people[1].accounts: Ann: accounts of reddit",
        ),
        (FILE + FILE.replace("Ann", "ANN"), "people[2].name: people[1] has this name"),
        (FILE + FILE.replace("Ann", "Bob"), "hackernews:ann is both Ann's and Bob's"),
        ('[me]\naccounts = ["hn:x"]\n[[people]]\nname = "Me"\n', "people[1].name: me.name has this name"),
        ('[[people]]\nnames = "Ann"\n', "did you mean 'name'?"),
    ],
)
def test_a_mistake_in_the_configuration_names_the_key(home, config, said):
    home.write(config)
    ran = home.run("people")
    assert (ran.code, said in ran.err) == (2, True), ran.err


def test_without_a_file_nobody_has_to_say_anything(home):
    home.config.unlink()
    assert home.ok("people", "--json").out == ""


def status(number: int, handle: str, *fields: dict) -> dict:
    """A status of somebody on another server, as the user's own server shows it."""
    name, server = handle.split("@")
    page = f"https://{server}/@{name}"
    return {
        "id": str(number),
        "uri": f"https://{server}/users/{name}/statuses/{number}",
        "url": f"{page}/{number}",
        "created_at": "2026-11-20T10:00:00Z",
        "content": "<p>Morning</p>",
        "visibility": "public",
        "account": {"id": str(number), "acct": handle, "url": page, "fields": list(fields)},
    }


def field(address: str, checked: bool) -> dict:
    shown = f'<a href="{address}" rel="me"><span class="invisible">https://</span>{address[8:]}</a>'
    return {"name": "Site", "value": shown, "verified_at": "2026-11-01T10:00:00Z" if checked else None}


def post_of(did: str, handle: str) -> dict:
    uri = f"at://{did}/app.bsky.feed.post/3abc"
    record = {"$type": "app.bsky.feed.post", "text": "Good morning", "createdAt": "2026-11-20T10:00:00Z"}
    author = {"did": did, "handle": handle, "labels": []}
    return {"post": {"uri": uri, "cid": "c", "author": author, "record": record, "indexedAt": "2026-11-20T10:00:00Z"}}


def polled(tmp_path: Path, own: str, *people: str) -> Home:
    """Read two platforms from a local server; the user's own one is `own`."""
    site = "https://ann.example"
    statuses = [
        status(3, "ann@social.example", field(site, True)),
        status(4, "thief@social.example", field(site, False)),
    ]
    answers = {
        "/api/v1/timelines/public": statuses,
        "/xrpc/app.bsky.feed.getAuthorFeed": {"feed": [post_of("did:plc:ann", "ann.example")]},
    }

    def answer(seen):
        found = answers.get(seen.path.partition("?")[0])
        body = json.dumps(found).encode()
        return Reply(404) if found is None else Reply(200, body, {"Content-Type": "application/json"})

    with serving(answer) as server:
        home = Home(
            tmp_path,
            f'[network]\nallow_private = ["{server.host_port}"]\n'
            f'[connectors.mastodon]\nbase_url = "{server.url}"\nserver = "{own}"\nsince_hours = 87600\n'
            f'[connectors.bluesky]\nbase_url = "{server.url}"\n'
            '[[feeds]]\nconnector = "mastodon"\nquery = "home.example/public"\n'
            '[[feeds]]\nconnector = "bluesky"\nquery = "author:ann.example"\n' + "".join(people),
        )
        home.ok("poll", "--all")
    return home


def test_a_checked_link_and_a_checked_domain_bring_the_other_account_with_the_proof_shown(tmp_path):
    home = polled(tmp_path, "home.example", '[[people]]\nname = "Ann"\naccounts = ["@ann.example"]\n')
    accounts = {(one["platform"], one["name"], one["proof"]) for one in only(home)["accounts"]}
    assert accounts == {("bluesky", "ann.example", "user"), ("mastodon", "@ann@social.example", "domain")}
    assert "proved by domain" in home.ok("people").out


def test_a_server_that_anybody_may_have_set_up_proves_nothing(tmp_path):
    home = polled(tmp_path, "another.example", '[[people]]\nname = "Ann"\naccounts = ["@ann.example"]\n')
    assert named(only(home)) == {"bluesky:ann.example"}
    assert len(home.ok("posts", "--json").rows()) == 3


def test_a_claim_that_nobody_checked_ties_nobody(tmp_path):
    home = polled(tmp_path, "home.example", '[[people]]\nname = "Thief"\naccounts = ["@thief@social.example"]\n')
    assert named(only(home)) == {"mastodon:@thief@social.example"}


def test_a_sites_own_feed_is_heard_as_its_person(tmp_path):
    with serving({"/feed": Reply(200, rss("Ann's", [Entry("a1", "Bridge opens", "It does.", age_h=1)]))}) as server:
        home = Home(
            tmp_path,
            f'[network]\nallow_private = ["{server.host_port}"]\n[[feeds]]\nurl = "{server.url}/feed"\n'
            f'[[people]]\nname = "Ann"\naccounts = ["{server.url}/feed"]\n',
        )
        assert "not heard yet" in home.ok("people").out
        home.ok("poll", "--all")
        assert only(home)["heard_at"] is not None
