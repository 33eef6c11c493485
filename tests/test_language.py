"""The language of posts whose platform does not say: right where it is sure, silent where it is not."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from listener.drafting import Tools, draft
from listener.language import Detector
from listener.store.sqlite import SqliteStore
from listener.types import Feed, FeedState, Page, Post
from listener.urls import rules

HELD = sorted((Path(__file__).parents[1] / "models" / "corpus").glob("held-*.jsonl"))
DETECT = Detector()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_the_language_of_our_held_posts_is_known_for_nearly_all_and_never_wrong():
    rows = [json.loads(line) for path in HELD for line in path.read_text().splitlines()[::4]]
    found = [(DETECT(Post("", "", text=row["text"])), row["lang"]) for row in rows]
    known = [(said, lang) for said, lang in found if said is not None]
    assert len(known) / len(rows) >= 0.95
    assert sum(said == lang for said, lang in known) / len(known) >= 0.995


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Szukam hydraulika w Krakowie, czy ktoś może kogoś polecić?", "pl"),
        ("誰かおすすめの会計ソフトありますか。小さな店です。", "ja"),
        ("Qualcuno conosce un bravo idraulico a Torino per domani mattina?", "it"),
    ],
)
def test_other_languages_are_known_too(text, lang):
    assert DETECT(Post("", "", text=text)) == lang


@pytest.mark.parametrize(
    "text", ["", "ok", "🙂🙂🙂", "https://a.example/abc/def/ghi @somebody #tag", "12345 67890", "\ud800" * 40]
)
def test_what_is_too_short_or_no_language_is_left_open(text):
    assert DETECT(Post("", "", text=text)) is None


def test_a_platforms_own_word_stands_and_others_get_one(tmp_path):
    store = SqliteStore.open(tmp_path / "posts.db")
    tools = Tools(store, None, lambda _: None, None, rules({}), lambda: NOW, lambda: 0.5, language=DETECT)
    text = "Wie bekomme ich den Sauerteig im Winter dazu, dass er aufgeht?"
    said = Post("blog", "1", text=text, lang="nl")
    drafts, _ = draft(
        tools, FeedState(Feed(1, "rss", "q", "blog")), Page((said, replace(said, native_id="2", lang=None))), NOW
    )
    assert [one.post.lang for one in drafts] == ["nl", "de"]
    store.close()
