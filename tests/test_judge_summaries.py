"""Summaries by the user's own model: hostile posts, an endpoint that obeys them, what is believed of its answers."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener import judge, upkeep
from listener.app import App
from listener.app.briefings import read
from listener.composing import resummed
from listener.config import load
from listener.errors import BadPayload
from listener.judge import Judge, read_summary, summary_price
from listener.types import Account, Answer, Feed, Post, StoredPost
from tests.servers import Reply, serving
from tests.stored import NOW
from tests.test_judge import KEY, LINKS, ORDERS, body

TEXTS = (
    "The drivers of the Ostwick trams voted for a strike of 48 hours.",
    "Four in five backed the strike, says the union.",
    "My mother has dialysis on Thursday and no tram to get there.",
)
GOOD = "Drivers of the Ostwick trams strike for 48 hours, backed by four in five."


def story(*texts: str, **rest) -> list[StoredPost]:
    people = [Account("blog", f"a{number}", name=f"Ann {number}") for number in range(11, 60)]
    posts = [
        Post("blog", one.native_id, account=one, text=text, **rest)
        for one, text in zip(people, texts or TEXTS, strict=False)
    ]
    return [StoredPost(number, post, NOW, NOW) for number, post in enumerate(posts, 11)]


def summary(text: object, sources: object = (1, 2), **more) -> bytes:
    return body(json.dumps({"summary": text, "sources": sources} | more))


@pytest.fixture
def stub():
    with serving(lambda seen: Reply(200, summary(GOOD))) as server:
        yield server


def opened(tmp_path: Path, stub, *lines: str) -> App:
    (tmp_path / "config.toml").write_text(
        f'[store]\nurl = "posts.db"\n[network]\nallow_private = ["{stub.host_port}"]\n[judge]\n'
        f'base_url = "{stub.url}/v1"\nmodel = "stub-1b"\nkey = "env:JUDGE_KEY"\n' + "\n".join(lines)
    )
    return App(load(None, {"JUDGE_KEY": KEY}, tmp_path, tmp_path), lambda: datetime(2026, 11, 24, 12, tzinfo=UTC))


@pytest.fixture
def app(tmp_path, stub):
    found = opened(tmp_path, stub, "summaries = true", "calls_a_day = 100", "tokens_a_day = 1000000")
    yield found
    found.close()


def test_a_story_is_summed_up_with_its_sources_and_the_models_name(app):
    found = app.write_summary(story())
    assert (found.text, found.sources, found.model) == (GOOD, (11, 12), "stub-1b")


def test_it_is_off_by_default(tmp_path, stub):
    app = opened(tmp_path, stub)
    assert app.config.judge.summaries is False
    assert app.write_summary(story()) is None
    assert stub.seen == []
    app.close()


def test_the_prompt_holds_the_posts_between_unguessable_fences_and_no_secret(app, stub):
    app.write_summary(story(*TEXTS, f"Their key is {KEY}"))
    app.write_summary(story())
    asked = [json.loads(seen.body) for seen in stub.seen]
    fences = set()
    for seen, one in zip(stub.seen, asked, strict=True):
        assert KEY not in seen.body.decode()
        assert "tools" not in one
        rows = one["messages"][1]["content"].split("\n")
        assert rows[0] == rows[-1]
        assert rows[0] in one["messages"][0]["content"]
        assert rows[1] == f"[1] {TEXTS[0]}"
        fences.add(rows[0])
    assert len(fences) == 2


def test_fifty_injections_bring_no_link_and_no_strange_name_into_a_summary(app, stub, caplog):
    """S14; the endpoint writes whatever the last post orders, in several forms."""
    forms = ["%s", f"{GOOD} %s", "According to the posts: %s", "Zorblax says %s", "%s See evil.example"]
    believed = 0
    for number, order in enumerate([f"{order} ({way})" for order in ORDERS for way in ("please", "or else")]):
        said = forms[number % len(forms)] % order
        stub.answer = lambda seen, said=said: Reply(200, summary(said, [1, 4]))
        found = app.write_summary(story(*TEXTS, order))
        if found is None:
            continue
        believed += 1
        assert LINKS.search(found.text) is None
        assert "Zorblax" not in found.text
        assert set(found.sources) <= {11, 12, 13, 14}
        assert found.text.isprintable()
    assert len(stub.seen) == 50
    assert believed < 25
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("The trams strike, more at https://evil.example", "no plain sentence"),
        ("The trams strike, more at evil.example", "no plain sentence"),
        ("The trams strike, write to @ostwick", "no plain sentence"),
        ("The [trams](x) strike for 48 hours", "no plain sentence"),
        ("The trams \u202estrike for 48 hours", "no plain sentence"),
        ("", "no plain sentence"),
        ("trams " * 60, "no plain sentence"),
        ("Drivers of the Ostwick trams strike, says Mayor Brandt.", "in no post"),
        ("Brandt backed the strike of the Ostwick trams.", "in no post"),
        ("Drivers of the Ostwick trams strike for 72 hours.", "in no post"),
        ("bakers and florists prepare wonderful weddings near lakes", "in no post"),
        ("路面電車の運転手がストライキを決めた", "in no post"),
    ],
)
def test_what_no_post_says_is_not_believed(text, why):
    with pytest.raises(BadPayload, match=why):
        read_summary(summary(text), story(), "m")


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        (TEXTS, GOOD),
        (TEXTS, "The union and Ann 11 speak of a strike of 48 hours."),
        (("Der Stadtrat verkauft das Bad in Lund.", "Das Bad bleibt zu."), "Der Stadtrat verkauft das Bad in Lund."),
        (("路面電車の運転手が四十八時間のストライキを決めた。", "困った"), "路面電車の運転手がストライキを決めた。"),
    ],
)
def test_what_posts_say_is_believed(texts, text):
    assert read_summary(summary(text), story(*texts), "m").text == text


ODD = [
    b"", b"[]", body("null"), body("arr!"), summary(5), summary(GOOD, "1"), summary(GOOD, []), summary(GOOD, [True]),
    summary(GOOD, ["1"]), summary(GOOD, [0]), summary(GOOD, [9]), summary(GOOD, more=1), summary("x" * 30_000),
    body(json.dumps({"summary": GOOD})),
]  # fmt: skip


@pytest.mark.parametrize("data", ODD)
def test_an_answer_of_another_form_is_none(data):
    with pytest.raises(BadPayload, match=r"^judge: its "):
        read_summary(data, story(), "m")


def test_a_failing_or_inventing_model_leaves_the_story_without_one(app, stub, caplog):
    for reply in (Reply(500), Reply(429), Reply(200, summary("Brandt did it.")), Reply(200, b"nonsense")):
        stub.answer = lambda seen, reply=reply: reply
        with caplog.at_level(logging.WARNING):
            assert app.write_summary(story()) is None
    assert caplog.text.count("story 11: judge: ") == 4


def test_the_days_budget_is_kept(tmp_path, stub):
    app = opened(tmp_path, stub, "summaries = true", "calls_a_day = 2")
    assert [app.write_summary(story()) is not None for _ in range(4)] == [True, True, False, False]
    assert len(stub.seen) == 2
    app.close()


def test_private_posts_are_never_sent_and_one_post_is_no_story(app, stub):
    assert app.write_summary(story(visibility="followers")) is None
    assert app.write_summary(story(TEXTS[0])) is None
    assert stub.seen == []


def test_a_long_story_is_cut_and_priced_as_it_is_sent():
    posts = story(*("x" * 5_000 for _ in range(40)))
    asked = Judge("https://judge.example/v1", "m", None, lambda request: Answer(request.url, 200, {}, b""))
    size = len(asked.summary_request(posts[: judge.SUMMED_POSTS]).body)
    assert size < judge.SUMMED_POSTS * (judge.SUMMED_CHARS + 20) + 3_000
    assert summary_price(posts) < 6_000


def heard(app: App, ago: timedelta = timedelta(hours=1)) -> None:
    """Let four people talk about one article."""
    posts = [
        replace(stored.post, links=("https://press.example/trams",), published_at=app.now() - ago)
        for stored in story(*TEXTS, "Nobody asked the passengers, once more.")
    ]
    upkeep.save_posts(replace(app.tools, scorer=None), Feed(0, "blog", "b", "blog"), posts, app.now() - ago)


def test_a_kept_briefing_has_it_said_by_whom_and_a_printed_one_asks_nobody(app, stub):
    heard(app)
    assert app.brief().stories[0].summary != GOOD
    assert stub.seen == []
    kept, _ = app.make_briefing(app.now().date())
    [item] = read(kept).stories
    assert item.summary.text == GOOD
    assert item.summary.author.startswith("stub-1b, a language model, from № ")
    assert len(stub.seen) == 1


def test_a_summary_that_the_minutes_cannot_hold_is_left_out(app):
    heard(app)
    briefing = app.brief()
    assert resummed(briefing, 0, GOOD, "a model", 230).stories[0].summary.text == GOOD
    full = replace(briefing, minutes=briefing.seconds / 60)
    assert resummed(full, 0, "word " * 400, "a model", 230) == full
