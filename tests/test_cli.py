"""The command line end to end: the real command against a real local server."""

import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.commands import Home
from tests.servers import Reply, Seen, Server, serving
from tests.sites import Entry, Site, rss

TRADES = [
    Entry(
        "lead-1",
        "Need a bookkeeper for a small bakery",
        "Our bookkeeper retires in June. Can anybody recommend one who knows bakeries, or a firm we could hire?",
        "https://forum.example/t/1",
        "mina",
        2,
    ),
    Entry(
        "question-1",
        "How do I keep sourdough starter alive while I travel?",
        "I am away for three weeks. Has anyone frozen theirs, and how did you wake it up again?",
        "https://forum.example/t/2",
        "otto",
        3,
    ),
]
NEWS = [
    Entry(
        "news-1",
        "City council approves the new harbour bridge",
        "The council voted 31 to 20 on Monday to build the bridge; work starts in May.",
        "https://paper.example/bridge?utm_source=rss",
        age_h=4,
    )
]
BLOG = [
    Entry(
        "blog-1",
        "So they really build it",
        "The harbour bridge was approved on Monday: https://paper.example/bridge I walked the site today.",
        "https://blog.example/bridge-walk",
        "june",
        1,
    )
]


@pytest.fixture
def site():
    return Site({"/trades": rss("Trades", TRADES), "/paper": rss("Paper", NEWS), "/blog": rss("Blog", BLOG)})


@pytest.fixture
def server(site):
    with serving(site) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, server: Server):
    feeds = "".join(f'[[feeds]]\nurl = "{server.url}/{path}"\n' for path in ("trades", "paper", "blog"))
    return Home(tmp_path, f'[network]\nallow_private = ["{server.host_port}"]\n{feeds}')


def test_a_first_poll_brings_every_post_once_and_a_second_none(home):
    first = home.ok("poll")
    assert "Polled 3 feeds: 4 new posts" in first.out
    assert len(home.ok("posts", "--json").rows()) == 4
    again = home.ok("poll", "--all")
    assert "0 new posts" in again.out
    assert len(home.ok("posts", "--json").rows()) == 4


def test_a_posts_json_has_the_promised_keys(home):
    home.ok("poll")
    rows = home.ok("posts", "--json").rows()
    assert all(
        list(row)
        == [
            "id",
            "platform",
            "native_id",
            "url",
            "author",
            "title",
            "text",
            "lang",
            "published_at",
            "feeds",
            "labels",
            "weak",
            "goals",
            "story",
        ]
        for row in rows
    )
    assert all(set(row["labels"]) == {"lead", "question", "news"} for row in rows)
    assert {row["title"] for row in rows} >= {"City council approves the new harbour bridge"}


def test_an_edited_entry_shows_its_edit(home, site):
    home.ok("poll")
    site.pages["/blog"] = rss("Blog", [Entry("blog-1", "So they really build it", "They changed the plan.", age_h=1)])
    report = home.ok("poll", "--all")
    assert "1 edited" in report.out
    found = home.ok("search", "changed", "plan", "--json").rows()
    assert [row["text"] for row in found] == ["They changed the plan."]


def test_the_same_link_makes_one_story_across_feeds(home):
    home.ok("poll")
    rows = {row["title"]: row["story"] for row in home.ok("posts", "--json").rows()}
    assert rows["City council approves the new harbour bridge"] == rows["So they really build it"]
    assert rows["Need a bookkeeper for a small bakery"] != rows["So they really build it"]


def test_the_briefing_prints_stories_leads_and_questions_with_links(home):
    home.ok("poll")
    for post in home.ok("posts", "--json").rows():
        kind = {"Need": "lead", "How": "question", "City": "news"}.get(post["title"].split()[0])
        if kind:
            home.ok("label", str(post["id"]), kind)
    text = home.ok("briefing", "--minutes", "5").out
    for part in ("harbour bridge", "bookkeeper", "sourdough", "https://forum.example/t/1", "mina"):
        assert part in text
    found = json.loads(home.ok("briefing", "--format", "json").out)
    assert found["leads"]
    assert found["questions"]
    assert found["stories"]
    assert "# " in home.ok("briefing", "--format", "markdown").out
    assert home.ok("briefing", "--format", "html").out.lstrip().lower().startswith("<!doctype html>")


def test_a_label_of_the_user_outranks_the_score(home):
    home.ok("poll")
    bread = next(row for row in home.ok("posts", "--json").rows() if "sourdough" in row["title"])
    home.ok("label", str(bread["id"]), "lead")
    assert bread["id"] in [row["id"] for row in home.ok("posts", "--label", "lead", "--json").rows()]
    home.ok("label", str(bread["id"]), "not-lead")
    assert bread["id"] not in [row["id"] for row in home.ok("posts", "--label", "lead", "--json").rows()]


def test_a_feed_that_fails_is_named_with_its_reason_and_the_others_go_on(home, site):
    site.pages["/paper"] = Reply(503)
    ran = home.ok("poll")
    assert "3 new posts" in ran.out
    assert "/paper: HTTP 503" in ran.err
    listed = home.ok("feeds", "list", "--json").rows()
    assert {row["health"] for row in listed if row["query"].endswith("/paper")} == {"limited"}


def test_when_every_feed_fails_the_exit_code_says_so(home, site):
    site.pages.clear()
    ran = home.run("poll")
    assert ran.code == 1
    assert ran.err.count("HTTP 404") == 3


def test_adding_a_feed_takes_a_page_and_finds_its_feed(home, server, site):
    page = b'<html><head><link rel="alternate" type="application/rss+xml" href="/hidden"></head><body>Hi</body></html>'
    site.pages["/page"] = Reply(200, page, {"Content-Type": "text/html"})
    site.pages["/hidden"] = rss("Hidden Gem", [Entry("g1", "A gem")])
    added = home.ok("feeds", "add", f"{server.url}/page")
    assert "Hidden Gem" in added.out
    assert f"{server.url}/hidden" in added.out
    assert "there already" in home.ok("feeds", "add", f"{server.url}/hidden").out


def test_adding_what_is_no_feed_fails_with_a_reason_and_keeps_nothing(home, server):
    before = home.ok("feeds", "list", "--json").rows()
    ran = home.run("feeds", "add", f"{server.url}/nothing-here")
    assert ran.code == 1
    assert "404" in ran.err
    assert home.ok("feeds", "list", "--json").rows() == before


def test_a_feed_added_by_command_lives_beside_the_configured_ones(home, server, site):
    site.pages["/more"] = rss("More", [Entry("m1")])
    home.ok("feeds", "add", f"{server.url}/more", "--folder", "side")
    assert len(home.ok("feeds", "list", "--json").rows()) == 4
    home.ok("feeds", "remove", "More")
    assert len(home.ok("feeds", "list", "--json").rows()) == 3
    configured = home.run("feeds", "remove", f"{server.url}/paper")
    assert configured.code == 1
    assert "config.toml" in configured.err


def test_feeds_can_be_paused_and_named(home, server):
    home.ok("poll")
    home.ok("feeds", "set", f"{server.url}/paper", "paused=yes", "title=The Paper", "interval=6h")
    (row,) = [row for row in home.ok("feeds", "list", "--json").rows() if row["query"].endswith("/paper")]
    assert (row["title"], row["health"], row["interval_s"]) == ("The Paper", "paused", 21_600)
    wrong = home.run("feeds", "set", "The Paper", "colour=red")
    assert wrong.code == 2
    assert "interval=" in wrong.err


def test_feeds_travel_as_opml(home, server, tmp_path):
    home.ok("poll")
    file = tmp_path / "feeds.opml"
    file.write_text(home.ok("feeds", "export").out, encoding="utf-8")
    other = Home(tmp_path / "other" if (tmp_path / "other").mkdir() is None else tmp_path)
    assert "Added 3 feeds" in other.ok("feeds", "import", str(file)).out
    assert {row["query"] for row in other.ok("feeds", "list", "--json").rows()} == {
        row["query"] for row in home.ok("feeds", "list", "--json").rows()
    }


def test_a_backup_brings_everything_back(home, tmp_path):
    home.ok("poll")
    before = home.ok("posts", "--json").out
    home.ok("backup", str(tmp_path / "copy.db"))
    for file in tmp_path.glob("posts.db*"):
        file.unlink()
    home.ok("restore", str(tmp_path / "copy.db"))
    assert home.ok("posts", "--json").out == before


def test_the_configuration_decides_which_feeds_there_are(home, server):
    home.ok("poll")
    home.write(f'[network]\nallow_private = ["{server.host_port}"]\n[[feeds]]\nurl = "{server.url}/blog"\n')
    assert [row["query"] for row in home.ok("feeds", "list", "--json").rows()] == [f"{server.url}/blog"]
    assert len(home.ok("posts", "--json").rows()) == 4


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("[stroe]\n", "store"),
        ("[briefing]\nminutes = 'ten'\n", "briefing.minutes"),
        ("[briefing]\nminutess = 5\n", "minutes"),
        ("[[feeds]]\ntitle = 'no address'\n", "feeds"),
        ("[network]\nallow_private = ['not a host!']\n", "allow_private"),
        ("[connectors.rrs]\n", "rss"),
    ],
)
def test_a_wrong_configuration_names_the_key_and_ends_with_2(tmp_path, config, told):
    ran = Home(tmp_path, config).run("feeds", "list")
    assert ran.code == 2
    assert told in ran.err


def test_wrong_usage_ends_with_2(home):
    assert home.run("posts", "--label", "gossip").code == 2
    assert home.run("posts", "--since", "yesterweek").code == 2
    assert home.run("frobnicate").code == 2
    assert home.run("show", "99999").code == 1


def test_the_shared_options_work_before_and_after_the_command(home, tmp_path):
    home.ok("poll")
    elsewhere = home.run("posts", "--json", "--store", str(tmp_path / "empty.db"))
    assert (elsewhere.code, elsewhere.out) == (1, "")
    assert home.ok("--store", str(tmp_path / "posts.db"), "posts", "--json").rows()


def test_doctor_finds_nothing_wrong_in_a_sound_set_up(home):
    home.ok("poll")
    ran = home.ok("doctor")
    assert "✗" not in ran.out


def test_the_demo_shows_a_briefing_with_no_network_at_all(tmp_path):
    home = Home(tmp_path)
    home.ok("init", "--demo")
    text = home.ok("briefing").out
    assert "https://" in text
    found = json.loads(home.ok("briefing", "--format", "json").out)
    assert found["stories"]
    assert found["leads"]
    assert found["questions"]


def test_init_asks_nothing_where_nobody_can_answer(tmp_path):
    home = Home(tmp_path)
    home.config.unlink()
    home.ok("--config", str(home.config), "init")
    assert "[[feeds]]" in home.config.read_text()
    again = home.run("--config", str(home.config), "init")
    assert again.code == 1
    assert "--force" in again.err


def test_up_briefs_keeps_polling_and_stops_cleanly_on_sigterm(home, site, server):
    process = home.start("up")
    try:
        wait_for(lambda: len(server.seen) >= 3)
        wait_for(lambda: home.store.exists() and len(home.ok("posts", "--json").rows()) == 4)
        second = home.run("up")
        assert second.code == 1
        assert "another" in second.err
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Stopped" in out


def test_up_without_any_network_starts_and_names_what_fails(tmp_path):
    home = Home(tmp_path, '[[feeds]]\nurl = "https://nowhere.invalid/feed"\n')
    process = home.start("up")
    wait_for(lambda: home.store.exists() and bool(home.ok("feeds", "list", "--json").rows()[0]["error"]))
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "nowhere.invalid" in out + err


def test_one_slow_feed_does_not_hold_up_the_first_briefing(tmp_path, monkeypatch):
    over = threading.Event()

    def answer(seen: Seen) -> Reply:
        if seen.path == "/slow":
            over.wait(25)
        return Reply(200, rss("Trades", TRADES))

    with serving(answer) as server:
        feeds = "".join(f'[[feeds]]\nurl = "{server.url}/{path}"\n' for path in ("slow", "quick"))
        home = Home(tmp_path, f'[network]\nallow_private = ["{server.host_port}"]\n{feeds}')
        code = "from listener.cli import main, run; run.FIRST_S = 1.0; main()"  # the module of the command
        command = [sys.executable, "-c", code, "up"]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=home.environ | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            told = list(itertools.takewhile(lambda line: "Staying up" not in line, lines))
        finally:
            over.set()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
    assert any("1 feed still to be heard" in line for line in told), told
    assert any("bookkeeper" in line for line in told), "the briefing has what came so far"
    assert process.returncode == 0


def wait_for(condition, limit_s: float = 30) -> None:
    """Wait until something outside this process has happened; the deadline is only there to fail."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
