"""Evidence as people see it: the words that gave a label, the goal a post serves, the judge's word, weak languages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from listener import evidence, records
from listener.briefing import BriefingRules, Served
from listener.composing import compose
from listener.items import serves
from listener.ranking import Known, choose
from listener.render import COLOURS
from listener.store import Candidate
from listener.types import Mark, Opinion, Post, StoredPost
from listener.wording import is_weak

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POST = Post("blog", "1", title="Need a plumber", text="Who knows\na plumber in Leeds?", lang="en")
MARKS = (
    Mark("lead", "need a", 1.4, (("title", 0, 6),)),
    Mark("question", "who", 0.8, (("text", 0, 3),)),
    Mark("question", "leeds", -0.3, (("text", 23, 28),)),
    Mark("lead", "<link>", 0.2),
)
STORED = StoredPost(7, POST, NOW, NOW, (1,), {"lead": 0.9, "question": 0.6, "news": 0.1}, "m", 7)


def underlined(text) -> dict[str, str]:
    return {text.plain[span.start : span.end]: str(span.style) for span in text.spans if "underline" in str(span.style)}


def test_the_words_that_spoke_for_a_label_stand_out_in_its_colour_and_those_against_do_not():
    title, text = evidence.marked(POST, MARKS, COLOURS)
    assert underlined(title) == {"Need a": f"underline {COLOURS['lead']}"}
    assert underlined(text) == {"Who": f"underline {COLOURS['question']}"}


def test_a_place_is_found_again_where_what_is_shown_has_lost_hidden_characters():
    post = Post("blog", "1", text="\u202eWho\u200b knows a\x07 plumber, a plumber?")
    start = post.text.index("plumber")
    _, text = evidence.marked(post, [Mark("lead", "plumber", 1.0, (("text", start, start + 7),))], COLOURS)
    assert underlined(text) == {"plumber": f"underline {COLOURS['lead']}"}
    title, text = evidence.marked(post, [Mark("lead", " ", 1.0, (("text", 4, 5),))], COLOURS)
    assert (title, underlined(text)) == (None, {})


def test_a_label_names_its_strongest_words_with_their_weight():
    assert evidence.because("lead", MARKS) == " because `need a` +1.4, `link` +0.2"
    assert evidence.because("question", MARKS) == " because `who` +0.8, `leeds` -0.3"
    assert evidence.because("news", MARKS) == ""


def test_the_judges_word_is_shown_as_its_own():
    said = Opinion("llama-8b", NOW, {"lead": True, "news": False}, {"lead": 0.4}, "asks for\x00 a plumber")
    assert evidence.opinion(said) == "llama-8b says lead, not news: asks for a plumber (lead was 0.40)"
    assert evidence.opinion(replace(said, labels={})) == "llama-8b gave no answer that could be used"
    assert "no reason given" in evidence.opinion(replace(said, reason=""))


def test_a_posts_json_carries_its_evidence_its_thumbs_and_its_goal():
    stored = replace(STORED, thumbs={"lead": True}, goals={"Bread": 1.0}, goal_thumbs={"Bread": True})
    found = records.evidence_json(stored, MARKS, Served("Bread", 1.0, by_thumb=True))
    assert found["evidence"][0] == {
        "label": "lead",
        "text": "need a",
        "weight": 1.4,
        "spans": [{"field": "title", "start": 0, "end": 6}],
    }
    assert found["thumbs"] == {"lead": True, "goal:Bread": True}
    assert found["serves"] == {"goal": "Bread", "relevance": 1.0, "because": [], "by_thumb": True}
    assert found["judge"] is None
    assert records.evidence_json(STORED, (), None)["serves"] is None
    said = Opinion("m", NOW, {"lead": True}, {}, "asks")
    assert records.evidence_json(replace(STORED, opinion=said), (), None)["judge"]["labels"] == {"lead": True}


@pytest.mark.parametrize(
    ("lang", "weak"),
    [("en", False), ("pt-BR", False), ("DE_at", False), ("pl", True), ("zh-Hans", True), (None, False)],
)
def test_scores_are_weak_in_a_language_that_nobody_measured(lang, weak):
    assert is_weak(lang) is weak


def test_a_goal_is_said_with_its_reason():
    assert serves(Served("Web studio", 0.71, ("website", "shop"))) == "serves: Web studio 0.7 because `website`, `shop`"
    assert serves(Served("Web studio", 0.71)) == "serves: Web studio 0.7"
    assert serves(Served("Web studio", 1.0, by_thumb=True)) == "serves: Web studio by your word"
    assert serves(None) == "serves no goal"


RULES = BriefingRules(NOW - timedelta(hours=24))


def candidates(**leads: float) -> list[Candidate]:
    return [Candidate(n, NOW, n, n, lead, 0.0, 0.0, NOW) for n, lead in enumerate(leads.values(), 1)]


def picked(choice) -> list[int]:
    return [pick.posts[0] for pick in choice.picks["leads"]]


def test_leads_are_ranked_by_the_goal_they_serve_where_there_are_goals():
    found = candidates(other=0.99, mine=0.7, none=0.98, unsure=0.4)
    assert picked(choose(found, NOW, RULES)) == [1, 3, 2]
    assert picked(choose(found, NOW, RULES, Known(relevance={1: 0.3, 2: 0.9, 4: 1.0}))) == [2, 1, 3]
    assert picked(choose(found, NOW, RULES, Known(relevance={}))) == [1, 3, 2]


def test_each_item_of_a_briefing_says_which_goal_it_serves_and_a_lead_also_that_it_serves_none():
    posts = {n: replace(STORED, id=n, story=n, post=replace(POST, native_id=str(n), text=f"Words {n}")) for n in (1, 2)}
    choice = choose(candidates(mine=0.9, other=0.9), NOW, RULES, Known(relevance={1: 0.8}))
    served = {1: Served("Bread", 0.8, ("loaf",))}
    leads = compose(choice, posts, NOW, RULES, feeds={}, serves=served).leads
    assert [item.serves for item in leads] == [served[1], None]
    assert "serves: Bread 0.8 because `loaf`" in leads[0].why
    assert "serves no goal" in leads[1].why
    assert all("serves" not in item.why for item in compose(choice, posts, NOW, RULES, feeds={}).leads)
    shown = records.as_json(compose(choice, posts, NOW, RULES, feeds={}, serves=served))
    assert shown["leads"][0]["serves"]["goal"] == "Bread"
