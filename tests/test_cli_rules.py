"""`listener rules`, `mute`, `leads` and `questions`, the real command over a real feed."""

import random
import shlex
import signal
import time
from contextlib import closing, contextmanager

import pytest

from listener.alerts import AlertQuery
from listener.cli import answer
from listener.store import PostQuery
from listener.store.sqlite import SqliteStore
from tests.commands import Home
from tests.servers import serving
from tests.sites import Entry, Site, rss

LEAD = (
    "We are looking for somebody to build an online shop for our bakery, paid, this month. "
    "Who can recommend a freelancer who builds websites for small shops?"
)
QUESTION = "How do I restore a postgres backup without superuser rights? Does anybody know?"
GOAL = """
[alerts]
channel = "terminal"
[[goals]]
name = "Bakeries"
sentence = "Build websites and online shops for bakeries and cafés"
offers = ["websites for small shops", "online ordering"]
words = ["bakery", "online shop"]
"""
OLD = Entry("old", "Old", "Words of old.")


class Town:
    """A feed whose entries a test publishes, and a user's folder."""

    def __init__(self, home: Home, site: Site) -> None:
        self.home, self.site, self.entries = home, site, [OLD]

    def publish(self, *entries: Entry) -> None:
        self.entries = [*entries, *self.entries]
        self.site.pages["/feed"] = rss("Town", self.entries)

    def poll(self) -> None:
        self.home.ok("poll", "--all")

    def number(self, guid: str) -> int:
        rows = self.home.ok("posts", "--json").rows()
        return next(row["id"] for row in rows if row["native_id"].endswith(f"/{guid}"))

    def alerts(self) -> list[dict]:
        return self.home.ok("alerts", "list", "--json").rows()


@contextmanager
def town(folder, config: str = ""):
    site = Site({"/feed": rss("Town", [OLD])})
    with serving(site) as server:
        network = f'[network]\nallow_private = ["{server.host_port}"]\n[[feeds]]\nurl = "{server.url}/feed"\n'
        yield Town(Home(folder, config + network), site)


# alerts are born in the poll


def test_a_lead_for_a_goal_becomes_an_alert_in_the_poll_that_brought_it(tmp_path):
    with town(tmp_path, GOAL) as place:
        place.publish(Entry("first", "Shop", LEAD))
        place.poll()
        assert place.alerts() == [], "a first poll alerts nobody"
        other = "Looking for a plumber to fix our heating in Leeds, paid at once. Who can recommend somebody?"
        place.publish(Entry("lead", "Shop wanted", LEAD, author="kim"), Entry("other", "Heating", other))
        place.poll()
        made = place.alerts()
        assert {alert["post"] for alert in made} == {place.number("lead")}
        alert = next(alert for alert in made if alert["rule"] == "leads")
        assert (alert["channel"], alert["state"]) == ("terminal", "waiting")
        assert alert["reason"].startswith("lead, ")
        assert "serves Bakeries · the first lead from a stranger" in alert["reason"]
        place.poll()
        assert len(place.alerts()) == len(made)


def test_without_a_channel_leads_alert_nobody(tmp_path):
    with town(tmp_path) as place:
        place.poll()
        place.publish(Entry("lead", "Shop wanted", LEAD))
        place.poll()
        assert place.alerts() == []
        assert [row["channels"] for row in place.home.ok("rules", "--json").rows()] == [[], []]


def test_a_mute_a_pause_and_a_removal_hold_from_the_next_poll_on(tmp_path):
    with town(tmp_path) as place:
        place.poll()
        for name in ("loud", "paused", "gone"):
            place.home.ok("rules", "add", name, "garden", "--channel", "terminal", "--yes")
        place.home.ok("rules", "pause", "paused")
        place.home.ok("rules", "remove", "gone")
        place.home.ok("mute", "add", "word:giveaway", "domain:spam.example")
        place.publish(
            Entry("a", "A garden", link="https://good.example/a"),
            Entry("b", "A garden giveaway"),
            Entry("c", "A garden", link="https://www.spam.example/c"),
        )
        place.poll()
        assert [(row["rule"], row["post"]) for row in place.alerts()] == [("loud", place.number("a"))]
        assert place.home.ok("mute", "list", "--json").rows() == [
            {"kind": "domain", "value": "spam.example"},
            {"kind": "word", "value": "giveaway"},
        ]
        place.home.ok("mute", "remove", "word:Giveaway")
        assert place.home.run("mute", "remove", "word:giveaway").code == 1


def test_kill_9_never_parts_an_alert_from_its_post(tmp_path):
    dice = random.Random(7)
    with town(tmp_path) as place:
        place.poll()
        place.home.ok("rules", "add", "all", "garden", "--channel", "terminal", "--yes")
        for generation in range(4):
            place.publish(*(Entry(f"{generation}-{n}", "A garden", f"Words {n} of {generation}.") for n in range(40)))
            process = place.home.start("poll", "--all")
            time.sleep(dice.uniform(0.3, 1.6))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            with closing(SqliteStore.open(place.home.store)) as store:
                live = {stored.id for stored in store.posts(PostQuery(limit=9_999)) if stored.arrival == "live"}
                assert {row.post for row in store.alerts(AlertQuery(limit=9_999))} == live
        place.poll()
        assert len({row["post"] for row in place.home.ok("alerts", "list", "--json", "--limit", "999").rows()}) == 160


# rules by command


def test_a_rule_is_shown_before_it_is_kept_and_asked_for(tmp_path):
    with town(tmp_path) as place:
        place.publish(*(Entry(str(n), f"Garden {n}", age_h=24 * n + 1) for n in range(12)))
        place.poll()
        add = ("rules", "add", "plants", "garden -old", "--channel", "terminal", "--when", "daily")
        no = place.home.run(*add, stdin="n\n")
        assert no.code == 1
        assert "In the last 30 days 12 posts, 0.4 a day, in 12 messages" in no.out
        assert no.out.count("Garden ") == 10, "ten examples"
        assert len(place.home.ok("rules", "--json").rows()) == 2
        assert "Rule 3: plants is at work" in place.home.ok(*add, stdin="y\n").out
        row = place.home.ok("rules", "list", "--json").rows()[-1]
        assert (row["name"], row["query"], row["when"], row["from"]) == ("plants", "garden -old", "daily", "command")
        (found,) = place.home.ok("rules", "preview", "plants", "--json").rows()
        assert (found["matched"], sum(found["days"]), len(found["examples"])) == (12, 12, 10)
        assert "12 posts" in place.home.ok("rules", "preview", "--query", "garden").out


def test_a_rule_is_edited_tested_paused_and_removed(tmp_path):
    with town(tmp_path) as place:
        place.publish(Entry("a", "Garden news"))
        place.poll()
        home, number = place.home, place.number("a")
        home.ok("rules", "add", "plants", "garden", "--yes")
        home.ok("rules", "edit", "plants", "--query", "in:title garden", "--cooldown", "2h", "--rename", "greens")
        row = home.ok("rules", "--json").rows()[-1]
        assert (row["name"], row["query"], row["cooldown_s"]) == ("greens", "in:title garden", 7200)
        (found,) = home.ok("rules", "test", "greens", str(number), "--json").rows()
        assert (found["matches"], found["stopped_by"]) == (False, "arrival")
        assert {"step": "query", "passes": True, "why": "in:title garden yes"} in found["steps"]
        home.ok("rules", "pause", "greens")
        assert home.ok("rules", "test", "greens", str(number)).out.startswith("greens: no, by paused")
        home.ok("rules", "resume", "greens")
        home.ok("rules", "remove", "greens")
        assert home.run("rules", "test", "greens", str(number)).code == 1


def test_a_name_that_nobody_has_is_pointed_out_wherever_a_query_is_said(tmp_path):
    with town(tmp_path, GOAL + '[[people]]\nname = "Ann"\ncircles = ["customers"]\n') as place:
        home = place.home
        place.poll()
        for query, said in {
            "circle:customer": "no circle is called 'customer'; there are: customers",
            "person:Anne": "no person is called 'Anne'; there are: Ann",
            "goal:bakery": "no goal is called 'bakery'; there are: Bakeries",
            "words feed:99": "no feed is called '99'",
        }.items():
            for command in (("search", query), ("posts", "--query", query), ("rules", "preview", "--query", query)):
                ran = home.ok(*command)
                assert said in ran.err, (command, ran)
        assert "No posts that match." in home.ok("search", "circle:customer").out
        assert home.ok("search", "(circle:Customers OR person:ann) goal:bakeries").err == ""
        assert "'customer'" in home.ok("rules", "add", "x", "circle:customer", "--yes").err


def test_a_rule_about_silence_says_what_it_would_say_and_not_how_many_messages(tmp_path):
    with town(tmp_path) as place:
        place.poll()
        home, number = place.home, str(place.number("old"))
        out = home.ok("rules", "add", "quiet", "old", "--kind", "silence", "--days", "30", "--yes").out
        assert "1 post, 0.0 a day\n" in out
        assert "Now it would say: nothing" in out
        told = home.ok("rules", "test", "quiet", number).out
        assert told == "quiet watches silence, not single posts; now it says: nothing\n"
        assert home.ok("rules", "test", "quiet", number, "--json").rows() == [
            {"rule": "quiet", "kind": "silence", "says": None}
        ]


def test_a_built_in_rule_that_is_removed_can_be_made_anew_as_it_is_said(tmp_path):
    home = Home(tmp_path)
    before = home.ok("rules", "--json").rows()[1]
    out = home.ok("rules", "remove", "questions").out
    command = shlex.split(out.split("`")[1])
    home.ok(*command[1:3], "--yes", *command[3:])
    after = home.ok("rules", "--json").rows()[1]
    keys = ("name", "query", "labels", "goals", "channels")
    assert [before[key] for key in keys] == [after[key] for key in keys]


def test_a_name_that_is_taken_is_said_before_anything_is_searched(tmp_path):
    ran = Home(tmp_path).run("rules", "add", "leads", "garden", "--yes")
    assert (ran.code, ran.out) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("rules", "add", "x", "(garden", "--yes"), 2, "bracket is never closed"),
        (("rules", "add", "x", "garden", "--channel", "nowhere", "--yes"), 2, "no channel is called 'nowhere'"),
        (("rules", "add", "x", "garden", "--cooldown", "soon", "--yes"), 2, "is no length of time"),
        (("rules", "add", "x", "garden", "--quiet", "nights", "--yes"), 2, "say 22:00-07:00"),
        (("rules", "add", "leads", "garden", "--yes"), 1, "called leads already"),
        (("rules", "edit", "nobody"), 1, "no rule is called 'nobody'; there are: leads, questions"),
        (("rules", "preview"), 2, "--query QUERY"),
        (("mute", "add", "spam"), 2, "word:VALUE"),
        (("why", "99"), 1, "there is no post 99"),
        (("leads", "--state", "sold"), 1, "there are: new, looked at"),
        (("questions", "claim", "99"), 1, "there is no post 99"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path, capsys, arguments, code, words):
    found = answer([*arguments, "--config", str(Home(tmp_path).config)])
    assert found == code
    assert words in capsys.readouterr().err


def test_a_rule_of_the_configuration_is_changed_there_and_a_built_in_one_here(tmp_path):
    config = '[[rules]]\nname = "plants"\nquery = "garden"\nchannels = ["terminal"]\n'
    home = Home(tmp_path, config)
    assert [row["from"] for row in home.ok("rules", "--json").rows()] == ["configuration", "built in", "built in"]
    refused = home.run("rules", "edit", "plants", "--query", "flowers")
    assert refused.code == 2
    assert "config.toml; change it there" in refused.err
    home.ok("rules", "pause", "plants")
    home.ok("rules", "edit", "leads", "--channel", "terminal")
    home.write(config.replace("garden", "flowers"))
    rows = {row["name"]: row for row in home.ok("rules", "--json").rows()}
    assert (rows["plants"]["query"], rows["plants"]["paused"]) == ("flowers", True)
    assert (rows["leads"]["channels"], rows["leads"]["from"]) == (["terminal"], "command")
    home.write("")
    assert [row["name"] for row in home.ok("rules", "--json").rows()] == ["leads", "questions"]
    wrong = '[[rules]]\nname = "bad"\nquery = "(a"\n[[rules]]\nname = "BAD"\n'
    home.write(wrong)
    ran = home.run("rules")
    assert ran.code == 2
    assert "rules[1]: " in ran.err
    assert "rules[1] has this name" in ran.err


# leads and questions


def test_a_lead_goes_through_its_states_and_not_a_lead_is_a_thumb_that_can_be_taken_back(tmp_path):
    with town(tmp_path, GOAL) as place:
        place.publish(Entry("lead", "Shop wanted", LEAD, author="kim"), Entry("q", "Backup", QUESTION))
        place.poll()
        home, lead = place.home, str(place.number("lead"))
        (row,) = home.ok("leads", "--json").rows()
        assert (row["post"], row["state"], row["who"], row["at"]) == (int(lead), "new", "kim", None)
        home.ok("leads", "set", lead, "contacted", "--owner", "anna", "--note", "wrote on Monday")
        home.ok("leads", "set", lead, "talking")
        (row,) = home.ok("leads", "--state", "talking", "--json").rows()
        assert (row["owner"], row["note"]) == ("anna", "wrote on Monday")
        assert [one["state"] for one in home.ok("leads", "log", lead, "--json").rows()] == ["contacted", "talking"]
        home.ok("leads", "set", lead, "not", "a", "lead")
        assert home.ok("leads", "--json").rows() == []
        assert "by your word no" in home.ok("show", lead).out
        assert home.ok("leads", "undo", lead).out == f"Post {lead}: talking again\n"
        assert "by your word" not in home.ok("show", lead).out
        assert [one["state"] for one in home.ok("leads", "--json").rows()] == ["talking"]


def test_nobody_on_a_team_answers_twice(tmp_path):
    with town(tmp_path) as place:
        place.publish(Entry("q", "Backup", QUESTION))
        place.poll()
        home, number = place.home, str(place.number("q"))
        assert [row["state"] for row in home.ok("questions", "--json").rows()] == ["open"]
        assert home.ok("questions", "claim", number, "--as", "anna").out == f"Post {number}: claimed by anna\n"
        refused = home.run("questions", "claim", number, "--as", "ben")
        assert refused.code == 1
        assert f"post {number} was claimed by anna at 20" in refused.err
        home.ok("questions", "set", number, "answered")
        assert home.ok("questions", "--json").rows() == []
        assert [row["owner"] for row in home.ok("questions", "--state", "answered", "--json").rows()] == ["anna"]


def test_where_the_terms_forbid_a_record_of_people_a_lead_is_worked_on_without_a_name(tmp_path):
    home = Home(tmp_path)
    (tmp_path / "old.csv").write_text(f'platform,id,text,author\nlinkedin,1,"{LEAD}",kim\nblog,2,"{LEAD} Now!",ida\n')
    home.ok("import", "old.csv")
    rows = {row["platform"]: row for row in home.ok("leads", "--json").rows()}
    assert (rows["linkedin"]["who"], rows["blog"]["who"]) == (None, "ida")
    number = str(rows["linkedin"]["post"])
    assert home.ok("leads", "set", number, "contacted").out == f"Post {number}: contacted\n"
    told = home.ok("leads").out
    assert "whose terms allow no record of people" in told
    assert "kim" not in told
