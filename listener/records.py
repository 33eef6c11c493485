"""Briefings and posts as plain values, for JSON."""

from collections.abc import Mapping, Sequence

from listener import urls
from listener.briefing import Briefing, CircleItem, PersonItem, PostItem, Quote, Served, StoryItem, Topical
from listener.excerpts import author_of, probabilities
from listener.types import LABELS, Label, Mark, Opinion, StoredPost
from listener.wording import is_weak, links


def as_json(briefing: Briefing) -> dict[str, object]:
    """Give a briefing as plain values; times are ISO 8601."""
    return {
        "now": briefing.now.isoformat(),
        "since": briefing.since.isoformat(),
        "minutes": briefing.minutes,
        "seconds": round(briefing.seconds, 1),
        "words": briefing.words,
        "seen": briefing.seen,
        "stories": [_story_json(item) for item in briefing.stories],
        "leads": [_item_json(item) for item in briefing.leads],
        "questions": [_item_json(item) for item in briefing.questions],
        "left_out": [{"what": left.what, "reason": left.reason, "count": left.count} for left in briefing.left_out],
        "sources_failing": list(briefing.sources_failing),
        "circle": briefing.circle,
        "circles": [_circle_json(item) for item in briefing.circles],
        "people": [_person_json(item) for item in briefing.people],
        "numbers": [_numbers_json(topical) for topical in briefing.numbers],
    }


def post_json(stored: StoredPost) -> dict[str, object]:
    """Give a post as listings print it, one object a line."""
    post = stored.post
    return {
        "id": stored.id,
        "platform": post.platform,
        "native_id": post.native_id,
        "url": urls.safe(post.url),
        "author": author_of(stored),
        "title": post.title,
        "text": post.text,
        "lang": post.lang,
        "published_at": post.published_at.isoformat() if post.published_at else None,
        "feeds": list(stored.feeds),
        "labels": _labels_json(probabilities(stored)),
        "weak": is_weak(post.lang),
        "goals": {goal: round(score, 4) for goal, score in stored.goals.items()},
        "story": stored.story,
    }


def evidence_json(stored: StoredPost, marks: Sequence[Mark], served: Served | None) -> dict[str, object]:
    """Give what `show` adds to a post's JSON: why it has its labels, what the judge said, the goal that it serves."""
    said = stored.opinion
    thumbs: dict[str, bool] = {str(label): value for label, value in stored.thumbs.items()}
    thumbs |= {f"goal:{goal}": value for goal, value in stored.goal_thumbs.items()}
    return {
        "model": stored.model,
        "evidence": [_mark_json(mark) for mark in marks],
        "thumbs": thumbs,
        "judge": None if said is None else _opinion_json(said),
        "serves": _served_json(served),
    }


def _opinion_json(said: Opinion) -> dict[str, object]:
    labels = {str(label): value for label, value in said.labels.items()}
    return {"model": said.model, "labels": labels, "reason": said.reason}


def _mark_json(mark: Mark) -> dict[str, object]:
    spans = [{"field": field, "start": start, "end": end} for field, start, end in mark.spans]
    return {"label": mark.label, "text": mark.text, "weight": round(mark.weight, 3), "spans": spans}


def _served_json(found: Served | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "goal": found.goal,
        "relevance": round(found.relevance, 4),
        "because": list(found.because),
        "by_thumb": found.by_thumb,
    }


def _labels_json(labels: Mapping[Label, float]) -> dict[str, float]:
    return {label: round(labels[label], 4) for label in LABELS if label in labels}


def _item_json(item: PostItem) -> dict[str, object]:
    return {
        "id": item.post_id,
        "story": item.story,
        "platform": item.platform,
        "title": item.title,
        "text": item.text,
        "url": urls.safe(item.url),
        "links": list(links(*item.links)),
        "author": item.author,
        "author_url": urls.safe(item.author_url),
        "feeds": list(item.feeds),
        "at": item.at.isoformat(),
        "labels": _labels_json(item.labels),
        "why": item.why,
        "serves": _served_json(item.serves),
        "licence": item.licence,
    }


def _story_json(item: StoryItem) -> dict[str, object]:
    voices = [
        {"id": voice.post_id, "author": voice.author, "platform": voice.platform, "url": urls.safe(voice.url)}
        for voice in item.voices
    ]
    return _item_json(item.post) | {
        "people": item.people,
        "platforms": list(item.platforms),
        "voices": voices,
        "summary": None if item.summary is None else _quote_json(item.summary),
        "opposing": None if item.opposing is None else [_quote_json(quote) for quote in item.opposing],
    }


def _quote_json(quote: Quote) -> dict[str, object]:
    return {"id": quote.post_id, "author": quote.author, "text": quote.text, "url": urls.safe(quote.url)}


def _circle_json(item: CircleItem) -> dict[str, object]:
    topics = [
        {"id": topic.post_id, "headline": topic.headline, "people": topic.people, "also_in": list(topic.also_in)}
        for topic in item.topics
    ]
    opposing = None if item.opposing is None else [_quote_json(quote) for quote in item.opposing]
    return {"circle": item.circle, "topics": topics, "opposing": opposing}


def _person_json(item: PersonItem) -> dict[str, object]:
    latest = _quote_json(item.latest)
    return {
        "name": item.name,
        "circles": list(item.circles),
        "posts": item.posts,
        "platform": item.platform,
        "latest": latest,
    }


def _numbers_json(topical: Topical) -> dict[str, object]:
    numbers = topical.numbers
    spike = numbers.spike
    return {
        "name": topical.name,
        "days": list(numbers.volume),
        "spike": None if spike is None else {"posts": spike.posts, "usual": round(spike.usual, 1)},
        "labels": dict(numbers.labels),
        "platforms": dict(numbers.platforms),
        "hours": [round(rate, 2) for rate in numbers.hours],
    }
