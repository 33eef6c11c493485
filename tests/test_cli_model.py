"""The user's side of the classifier end to end: evidence, goals, thumbs, the meter, rescoring, weak languages."""

import json
import re
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.commands import Home
from tests.servers import Server, serving
from tests.sites import Entry, Site, rss

WEB_LEAD = Entry(
    "web",
    "Looking for a web designer",
    "Can anyone recommend somebody who builds a website for a small shop? Budget is 2,000.",
    author="mina",
)
PLUMBER_LEAD = Entry(
    "plumber",
    "Looking for a plumber near Leeds",
    "Can anyone recommend somebody reliable? The kitchen tap will not stop. Budget is 200.",
    author="otto",
    age_h=0.5,
)
CHATTER = Entry("fog", "Fog", "What a lovely morning, fog in the valley and coffee in hand.", author="june", age_h=2)
POLISH = Entry(
    "pl", "Hydraulik", "Szukam hydraulika w Krakowie, czy ktoś może polecić kogoś sprawdzonego?", author="ola", age_h=3
)
GERMAN = Entry(
    "de",
    "Frage",
    "Wie bekomme ich den Sauerteig dazu, im Winter aufzugehen? Hat jemand einen Rat?",
    author="uwe",
    age_h=3,
)
GOALS = """
[[goals]]
name = "Web studio"
sentence = "Build websites and online shops for small businesses"
[[goals]]
name = "Bread"
sentence = "Sell sourdough bread to cafés and restaurants"
"""


@pytest.fixture
def server():
    entries = [WEB_LEAD, PLUMBER_LEAD, CHATTER, POLISH, GERMAN]
    with serving(Site({"/talk": rss("Talk", entries)})) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, server: Server):
    made = Home(tmp_path)
    made.base = f'[network]\nallow_private = ["{server.host_port}"]\n[[feeds]]\nurl = "{server.url}/talk"\n'
    made.write(made.base + GOALS)
    made.ok("poll")
    return made


def number(home: Home, title: str) -> str:
    return next(str(row["id"]) for row in home.ok("posts", "--json").rows() if row["title"] == title)


def shown(home: Home, title: str) -> dict:
    return home.ok("show", number(home, title), "--json").rows()[0]


# evidence


def test_show_marks_the_words_that_gave_a_post_its_labels(home):
    found = shown(home, WEB_LEAD.title)
    spoke = [mark for mark in found["evidence"] if mark["label"] == "lead" and mark["weight"] > 0]
    assert spoke
    for mark in spoke:
        for span in mark["spans"]:
            assert found[span["field"]][span["start"] : span["end"]]
    assert any(mark["spans"] for mark in spoke)
    text = home.ok("show", number(home, WEB_LEAD.title)).out
    lead = next(line for line in text.splitlines() if line.startswith("lead "))
    assert "because `" in lead
    assert found["model"] is not None


# goals


def test_a_lead_says_which_goal_it_serves_and_one_for_another_trade_stands_below(home):
    leads = json.loads(home.ok("briefing", "--json").out)["leads"]
    titles = [lead["title"] for lead in leads]
    assert titles.index(WEB_LEAD.title) < titles.index(PLUMBER_LEAD.title)
    web, plumber = (next(lead for lead in leads if lead["title"] == one.title) for one in (WEB_LEAD, PLUMBER_LEAD))
    assert web["serves"]["goal"] == "Web studio"
    assert web["serves"]["because"]
    assert all(word.casefold() in f"{web['title']} {WEB_LEAD.text}".casefold() for word in web["serves"]["because"])
    assert "serves: Web studio 0.9 because `" in web["why"]
    assert plumber["serves"] is None
    assert "serves no goal" in plumber["why"]


def test_posts_of_a_goal_come_most_relevant_first_and_show_says_why(home):
    rows = home.ok("posts", "--goal", "Web studio", "--json").rows()
    assert [row["title"] for row in rows] == [WEB_LEAD.title]
    assert rows[0]["goals"]["Web studio"] >= 0.5
    assert home.ok("posts", "--goal", "Bread", "--json").rows() == []
    assert "serves: Web studio" in home.ok("show", number(home, WEB_LEAD.title)).out
    ran = home.run("posts", "--goal", "Yachts")
    assert ran.code == 1
    assert "no goal is called 'Yachts'; there are: Web studio, Bread" in ran.err


def test_a_thumb_on_a_goal_moves_its_ranking_and_can_be_taken_back(home):
    plumber = number(home, PLUMBER_LEAD.title)
    said = home.ok("label", plumber, "goal:Web studio")
    assert said.out == f"Post {plumber} serves goal Web studio\n"
    rows = home.ok("posts", "--goal", "Web studio", "--json").rows()
    assert rows[0]["title"] == PLUMBER_LEAD.title
    found = shown(home, PLUMBER_LEAD.title)
    assert found["serves"] == {"goal": "Web studio", "relevance": 1.0, "because": [], "by_thumb": True}
    home.ok("label", number(home, WEB_LEAD.title), "not-goal:Web studio")
    assert WEB_LEAD.title not in [row["title"] for row in home.ok("posts", "--goal", "Web studio", "--json").rows()]
    home.ok("label", plumber, "--undo")
    home.ok("label", number(home, WEB_LEAD.title), "--undo")
    assert [row["title"] for row in home.ok("posts", "--goal", "Web studio", "--json").rows()] == [WEB_LEAD.title]


def test_removing_a_goal_removes_its_influence(home):
    home.write(f"{home.base}[[goals]]\n{GOALS.rsplit('[[goals]]', maxsplit=1)[1]}")
    assert "Web studio" not in shown(home, WEB_LEAD.title)["goals"]
    found = json.loads(home.ok("briefing", "--json").out)
    items = found["leads"] + found["questions"]
    assert [item["serves"] for item in items if item["title"] == WEB_LEAD.title] == [None]
    home.write(home.base)
    found = json.loads(home.ok("briefing", "--json").out)
    assert found["leads"]
    assert not any("serves" in item["why"] for item in found["leads"] + found["questions"])
    home.write(home.base + GOALS)
    assert home.ok("posts", "--goal", "Web studio", "--json").rows()


# thumbs


def test_a_thumb_teaches_the_head_at_once_and_an_undo_unteaches_it(home):
    fog = number(home, CHATTER.title)
    before = home.ok("model", "status", "--json").rows()[0]["model"]
    home.ok("label", fog, "not-question")
    home.ok("label", number(home, GERMAN.title), "question")
    status = home.ok("model", "status", "--json").rows()[0]
    assert status["thumbs"] == 2
    assert status["training"]["thumbs"] == 2
    assert status["model"].startswith(f"{before}+")
    assert shown(home, PLUMBER_LEAD.title)["model"] == status["model"]
    assert home.ok("label", fog, "--undo").out == f"Post {fog}: took back question\n"
    home.ok("label", number(home, GERMAN.title), "question", "--undo")
    status = home.ok("model", "status", "--json").rows()[0]
    assert (status["model"], status["thumbs"]) == (before, 0)
    assert "nothing to take back" in home.ok("label", fog, "--undo").out
    assert home.run("label", fog).code == 2


def test_thumbs_are_exported_as_rows_to_train_from_and_private_posts_are_not(home):
    home.ok("label", number(home, WEB_LEAD.title), "lead")
    home.ok("label", number(home, WEB_LEAD.title), "not-news")
    (row,) = home.ok("model", "export").rows()
    assert row["text"].startswith("Looking for a web designer\nCan anyone")
    assert (row["labels"], row["not"], row["lang"]) == (["lead"], ["news"], "en")
    with sqlite3.connect(home.store) as store:
        store.execute('update posts set more = \'{"v":"followers"}\'')
    store.close()
    assert home.ok("model", "export").rows() == []


def test_training_and_evaluating_print_figures_with_intervals_and_reset_forgets_the_head(home):
    assert "No thumbs yet" in home.ok("model", "train").out
    for title, said in ((WEB_LEAD.title, "lead"), (PLUMBER_LEAD.title, "lead"), (CHATTER.title, "not-lead")):
        home.ok("label", number(home, title), said)
    assert "Trained on 3 posts with thumbs" in home.ok("model", "train").out
    found = home.ok("model", "evaluate", "--json").rows()[0]["labels"]["lead"]
    assert (found["thumbs"], found["precision"]["value"], found["recall"]["value"]) == (3, 1.0, 1.0)
    assert found["precision"]["low"] < 0.5
    assert "question: no thumbs yet" in home.ok("model", "evaluate").out
    assert "scores alone" in home.ok("model", "reset").out
    assert "+" not in home.ok("model", "status", "--json").rows()[0]["model"]
    assert home.ok("model", "status", "--json").rows()[0]["thumbs"] == 3


def test_explain_says_what_the_thumbs_added(home):
    web = number(home, WEB_LEAD.title)
    for title in (CHATTER.title, GERMAN.title):
        home.ok("label", number(home, title), "lead")
    out = home.ok("model", "explain", web).out
    assert re.search(r"^lead [01]\.\d\d$", out, re.MULTILINE)
    assert "your thumbs" in out
    assert "serves: Web studio" in out
    found = home.ok("model", "explain", number(home, CHATTER.title), "--json").rows()[0]
    assert found["evidence"]
    assert found["thumbs"] == {"lead": True}


def test_rescoring_walks_the_whole_store_and_leaves_thumbs(home):
    home.ok("label", number(home, CHATTER.title), "lead")
    with sqlite3.connect(home.store) as store:
        store.execute("update posts set question = 1, news = 9999 where lead <= 10000")
    store.close()
    assert "5 posts scored again" in home.ok("model", "rescore").out
    rows = {row["title"]: row["labels"] for row in home.ok("posts", "--json").rows()}
    assert rows[PLUMBER_LEAD.title]["news"] < 0.9
    assert rows[CHATTER.title]["lead"] == 1.0


def test_rescoring_can_be_stopped_and_goes_on_where_it_stopped(home):
    with sqlite3.connect(home.store) as store:
        last, columns = 5, [row[1] for row in store.execute("pragma table_info(posts)") if row[1] not in ("id", "key")]
        names = ", ".join(columns)
        for _ in range(12):
            store.execute(f"insert into posts(id, key, {names}) select id + {last}, key + id, {names} from posts")
            last *= 2
    store.close()
    running = home.start("model", "rescore")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with sqlite3.connect(home.store) as store:
            mark = store.execute("select value from meta where name = 'rescored'").fetchone()
        store.close()
        if mark and mark[0]:
            break
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=60)
    assert "stopped, the next call goes on from here" in out
    first = int(out.split()[0].replace(",", ""))
    assert 0 < first < last
    rest = home.ok("model", "rescore").out
    assert int(rest.split()[0].replace(",", "")) == last - first


# the meter


def test_the_audit_is_blind_and_its_answers_are_thumbs(home):
    rows = home.ok("model", "audit", "--json").rows()
    assert {row["title"] for row in rows} >= {CHATTER.title}
    assert all(set(row) == {"id", "platform", "title", "text", "lang"} for row in rows)
    assert WEB_LEAD.title not in {row["title"] for row in rows}
    fog = number(home, CHATTER.title)
    assert home.ok("model", "audit", "--answer", fog, "n").out == "1 answered\n"
    assert shown(home, CHATTER.title)["thumbs"] == {"lead": False}
    assert {row["id"] for row in home.ok("model", "audit", "--json").rows()} == {row["id"] for row in rows} - {int(fog)}
    assert home.run("model", "audit", "--answer", number(home, WEB_LEAD.title), "y").code == 1
    assert home.run("model", "audit", "--answer", fog, "maybe").code == 2
    assert "on a terminal" in home.run("model", "audit").err
    assert home.ok("model", "status", "--json").rows()[0]["labels"]["lead"]["answers"] == 1


def test_a_threshold_is_set_by_what_comes_of_it_and_holds_everywhere(home):
    said = home.ok("model", "threshold", "lead", "--alerts-a-day", "1").out
    assert "At this cut about 1 a day" in said
    assert "not known yet" in said
    assert len(home.ok("posts", "--label", "lead", "--json").rows()) == 1
    home.ok("model", "threshold", "lead", "--alerts-a-day", "3")
    assert len(home.ok("posts", "--label", "lead", "--json").rows()) == 3
    assert "the model's own word" in home.ok("model", "threshold", "lead", "--precision", "0.9").out
    assert home.run("model", "threshold", "lead", "--precision", "0.9", "--alerts-a-day", "1").code == 2
    home.write(home.base + "[labels]\nlead = 0.9\n")
    refused = home.run("model", "threshold", "lead", "--alerts-a-day", "1")
    assert refused.code == 2
    assert "labels.lead is set there" in refused.err


# languages


def test_a_post_without_a_language_gets_one_and_weak_scores_are_said_to_be_weak(home):
    rows = {row["title"]: row for row in home.ok("posts", "--json").rows()}
    assert (rows[POLISH.title]["lang"], rows[POLISH.title]["weak"]) == ("pl", True)
    assert (rows[GERMAN.title]["lang"], rows[GERMAN.title]["weak"]) == ("de", False)
    assert rows[WEB_LEAD.title]["lang"] == "en"
    assert "take them as weak" in home.ok("show", number(home, POLISH.title)).out
    assert "weak" not in home.ok("show", number(home, GERMAN.title)).out
