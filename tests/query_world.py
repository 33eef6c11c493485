"""Three hundred posts with all that a query may ask of them, and the answers worked out plainly, post by post."""

import random
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from listener.query import Query
from listener.store.compiling import OVER, least
from listener.store.connections import connect
from listener.store.sqlite import SqliteStore
from listener.store.values import Given
from listener.store.words import cut
from listener.terms import And, Chance, Count, Field, Not, Or, When, Within, Words
from listener.types import Account, Counts, Draft, Feed, Follow, Media, Plan, Post, StoredPost, Turn

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TEXT = (
    "postgres backup hiring hire hired Café cafe naïve example.com example[.]com node.js c++ we're looking for a vendor"
    " 漢字 Straße ÉCOLE x2 price pricing invoice invoices up-time uptime 3.5 state_machine #launch @anna 🚀 e\u0301cole"
)
WORDS = TEXT.split(" ")
PLATFORMS = ("blog", "forum", "Chat")
HOSTS = (
    "example.com",
    "docs.example.com",
    "notexample.com",
    "Other.example",
    "bücher.example",
    "example.com.evil.test",
)
TAGS = ("Launch", "launch party", "hiring", "Ünïcode")
GOALS = ("Find clients", "hire")
CIRCLES = ("customers", "Press")


@dataclass(repr=False)
class World:
    """What was saved, beside the posts themselves."""

    posts: list[StoredPost] = field(default_factory=list)
    feeds: dict[int, Feed] = field(default_factory=dict)
    persons: dict[str, tuple[bool, tuple[str, ...], tuple[tuple[str, str], ...]]] = field(default_factory=dict)
    """Name to (is it me, circles, (platform, name) of accounts)."""
    follows: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    marks: set[tuple[int, str]] = field(default_factory=set)
    told: set[int] = field(default_factory=set)
    work: dict[int, str] = field(default_factory=dict)


def accounts() -> list[Account]:
    return [
        Account(platform, f"Id{number}", f"Handle{number}" if number % 3 else None, f"Anna {number % 4}")
        for platform in PLATFORMS
        for number in range(5)
    ]


def _post(chance: random.Random, number: int) -> Post:
    def text(most: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randrange(most + 1))) + chance.choice(["", "", "?", ".", "？"])

    platform = chance.choice(PLATFORMS)
    counts = Counts(chance.choice([None, 0, 1, 7]), chance.choice([None, 0, 10, 11, 5_000]), 2, -3)
    url = f"https://{chance.choice(HOSTS)}/{number}"
    return Post(
        platform,
        chance.choice([url, f"f1/{url}", f"n{number}"]),
        chance.choice([url, None, f"https://{chance.choice(HOSTS)}/x"]),
        chance.choice([None, *(one for one in accounts() if one.platform == platform)]),
        title=chance.choice([None, text(4)]),
        text=text(14),
        lang=chance.choice([None, "en", "en-gb", "de", "eng"]),
        published_at=NOW - timedelta(minutes=chance.choice([1, 30, 300, 5_000, 50_000]) * chance.randrange(1, 9)),
        links=tuple(f"https://{chance.choice(HOSTS)}/l" for _ in range(chance.choice([0, 0, 1, 3]))),
        tags=tuple(chance.sample(TAGS, chance.choice([0, 0, 1, 2]))),
        media=(Media("https://pics.example/1.png"),) if chance.random() < 0.2 else (),
        counts=chance.choice([None, counts]),
        answered=chance.choice([None, None, True, False]),
    )  # fmt: skip


def _drafts(chance: random.Random, count: int) -> list[Draft]:
    found = []
    for number in range(count):
        scores = None
        if chance.random() < 0.8:
            scores = {label: round(chance.random() ** 2, 4) for label in ("lead", "question", "news")}
        relevance = {goal: round(chance.random(), 4) for goal in GOALS if chance.random() < 0.4}
        found.append(
            Draft(_post(chance, number), number + 1, scores=scores, model="m1" if scores else None, relevance=relevance)
        )
    return found


def build(path: Path, seed: int = 1, count: int = 300) -> World:
    """Save a world into a new store."""
    chance, world = random.Random(seed), World()
    with closing(SqliteStore.open(path)) as store:
        feeds = store.add_feeds(
            [Feed(0, "rss", f"https://site{n}.example/feed", PLATFORMS[n], f"Site {n}") for n in range(3)], NOW
        )
        world.feeds = {feed.id: feed for feed in feeds}
        drafts, plan = _drafts(chance, count), Plan(NOW, 60.0)
        ids: list[int] = []
        for page in range(0, count, 15):
            seen = NOW - timedelta(hours=count - page)
            ids += store.save_page(Turn(chance.choice(feeds), seen, "c", plan, tuple(drafts[page : page + 15]))).new
        store.save_page(Turn(feeds[0], NOW, "c", plan, tuple(chance.sample(drafts, 30))))
        for post in chance.sample(ids, 12):
            store.label_post(post, chance.choice(["lead", "question"]), chance.random() < 0.5, NOW)
            store.label_goal(post, GOALS[0], chance.random() < 0.5, NOW)
        followed = [account for account in accounts() if account.native_id in ("Id1", "Id2")]
        circles = [None, *CIRCLES]
        rows = [Follow(account, circle=circles[n % 3]) for n, account in enumerate(followed)]
        store.save_follows(rows, NOW)
        world.follows = {(row.account.platform, row.account.native_id): {row.circle or ""} for row in rows}
        gone = store.posts_by_id(chance.sample(ids, 5))
        for one in gone:
            owner = Feed(feeds[0].id, "rss", feeds[0].query, one.post.platform)
            store.save_page(Turn(owner, NOW, "c", plan, deleted=(one.post.native_id,)))
        _beside(path, world, chance, ids)
        world.posts = store.posts_by_id(ids)
    return world


def _beside(path: Path, world: World, chance: random.Random, ids: list[int]) -> None:
    world.persons = {
        "Anna Bell": (False, ("Customers",), (("blog", "handle1"), ("forum", "Id0"))),
        "Me": (True, ("customers",), (("Chat", "HANDLE2"), ("blog", "Id3"))),
        "Old Friend": (False, (), (("forum", "handle4"),)),
    }
    world.told = set(chance.sample(ids, 60))
    world.work = {
        post: chance.choice(["new", "won", "answered", "claimed", "not a lead"]) for post in chance.sample(ids, 40)
    }
    world.marks = {(post, chance.choice(["done", "star", "seen", "snooze"])) for post in chance.sample(ids, 80)}
    with closing(connect(path)) as connection:
        for number, (name, (me, circles, ties)) in enumerate(world.persons.items(), 1):
            connection.execute(
                "insert into persons(id, name, me, from_config, at) values (?, ?, ?, 0, 0)", (number, name, me)
            )
            connection.executemany(
                "insert into circles(person, circle) values (?, ?)", [(number, one) for one in circles]
            )
            connection.executemany(
                "insert into ties(platform, name, person, proof) values (?, ?, ?, 'user')",
                [(*tie, number) for tie in ties],
            )
        connection.execute(
            "insert into briefings(date, circle, at, since, body, state) values ('', '', 0, 0, x'', 'made')"
        )
        connection.executemany(
            "insert into told(post, briefing, section, people) values (?, 1, 'leads', 1)",
            [(post,) for post in world.told],
        )
        connection.executemany(
            "insert into work(post, kind, state, at) values (?, 'lead', ?, 0)", list(world.work.items())
        )
        connection.executemany("insert into marks(post, kind, at) values (?, ?, 0)", list(world.marks))


# the answers, worked out plainly


def find(world: World, query: Query, given: Given) -> list[int]:
    found = [post for post in world.posts if has(world, post, query, given)]
    return [post.id for post in sorted(found, key=lambda post: (post.sort_at, post.id), reverse=True)]


def has(world: World, stored: StoredPost, query: Query, given: Given) -> bool:
    post = stored.post
    match query:
        case And(nodes):
            return all(has(world, stored, node, given) for node in nodes)
        case Or(nodes):
            return any(has(world, stored, node, given) for node in nodes)
        case Not(node):
            return not has(world, stored, node, given)
        case Words(text, is_prefix, where):
            texts = [post.title] if where == "title" else [post.text] if where == "text" else [post.title, post.text]
            return any(_beside_each_other(cut(text).split(), cut(one or "").split(), is_prefix) for one in texts)
        case Count(name, sign, number):
            counted = None if post.counts is None else getattr(post.counts, name)
            return counted is not None and _compares(counted, sign, number)
        case Chance(label, sign, number):
            score = _score(stored, label)
            return score is not None and _compares(min(max(score, 0), 10_000), sign, round(number * 10_000))
        case When(name, value):
            moment = _moment(value, given)
            return stored.sort_at >= moment if name == "after" else stored.sort_at < moment
        case Within(seconds):
            return stored.sort_at >= given.now - timedelta(seconds=seconds)
        case Field(name, values):
            return any(_field(world, stored, name, value, given) for value in values)
    raise AssertionError(query)


def _beside_each_other(asked: list[str], words: list[str], is_prefix: bool) -> bool:
    def fits(start: int) -> bool:
        here = words[start : start + len(asked)]
        last = here[-1].startswith(asked[-1]) if is_prefix else here[-1] == asked[-1]
        return len(here) == len(asked) and here[:-1] == asked[:-1] and last

    return bool(asked) and any(fits(start) for start in range(len(words)))


def _compares(left: int, sign: str, right: int) -> bool:
    return {"<": left < right, "<=": left <= right, "=": left == right, ">=": left >= right, ">": left > right}[sign]


def _score(stored: StoredPost, label: str) -> int | None:
    thumbs: Mapping[str, bool] = stored.thumbs
    if label in thumbs:
        return 10_001 if thumbs[label] else -1
    scores: Mapping[str, float] = stored.scores
    return round(scores[label] * 10_000) if label in scores else None


def _moment(value: str, given: Given) -> datetime:
    if len(value) == 10:
        return datetime.combine(date.fromisoformat(value), time(), given.zone).astimezone(UTC)
    found = datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=given.zone)).astimezone(UTC)


def _plain(text: str | None) -> str:
    return "".join(sign.lower() if sign.isascii() else sign for sign in text or "")


def _field(  # noqa: C901 one line for each field
    world: World, stored: StoredPost, name: str, value: str, given: Given
) -> bool:
    post, plain = stored.post, _plain(value)
    match name:
        case "label" | "is" if value in ("lead", "question", "news"):
            score = _score(stored, value)
            return score is not None and score >= least(given, value)
        case "is":
            return _is(world, stored, value)
        case "has":
            counted = None if post.counts is None else post.counts.replies
            texts = f"{post.title} {post.text}"
            return {
                "link": bool(post.links), "media": bool(post.media), "reply": bool(counted),
                "question": "?" in texts or "？" in texts or "؟" in texts,
            }[value]  # fmt: skip
        case "platform":
            return _plain(post.platform) == plain
        case "feed":
            feeds = [world.feeds[number] for number in stored.feeds]
            return any(plain in (str(feed.id), _plain(feed.title), _plain(feed.query)) for feed in feeds)
        case "lang":
            return post.lang is not None and (_plain(post.lang) == plain or _plain(post.lang).startswith(f"{plain}-"))
        case "goal":
            return any(_plain(goal) == plain and score >= 0.5 for goal, score in stored.goals.items())
        case "tag":
            return plain in map(_plain, post.tags)
        case "domain":
            return any(_on(address, value) for address in (*post.links, post.url or ""))
    account = post.account
    if account is None:
        return False
    if name == "from":
        return plain in map(_plain, (account.handle or "\0", account.name or "\0", account.native_id))
    person = _person(world, account)
    if name == "person":
        return person is not None and _plain(person) == plain
    if person is not None and world.persons[person][0]:
        return False
    circles = [] if person is None else world.persons[person][1]
    return plain in map(_plain, [*circles, *world.follows.get((account.platform, account.native_id), ())])


def _person(world: World, account: Account) -> str | None:
    for person, (_, _, ties) in world.persons.items():
        for platform, name in ties:
            is_handle = account.handle is not None and _plain(account.handle) == _plain(name)
            if platform == account.platform and (is_handle or account.native_id in (name, name.lower())):
                return person
    return None


def _is(world: World, stored: StoredPost, value: str) -> bool:
    post = stored.id
    match value:
        case "mine":
            person = None if stored.post.account is None else _person(world, stored.post.account)
            return person is not None and world.persons[person][0]
        case "done":
            return (post, "done") in world.marks
        case "starred":
            return (post, "star") in world.marks
        case "unseen":
            return post not in world.told and not {(post, "done"), (post, "seen")} & world.marks
        case "answered":
            return stored.post.answered is True or world.work.get(post) == "answered"
    return not stored.post.answered and world.work.get(post) not in OVER


def _on(address: str, domain: str) -> bool:
    host = (urlsplit(address).hostname or "").encode("idna").decode()
    domain = (urlsplit(domain).hostname or "" if "://" in domain else domain).lower().removeprefix("www.")
    domain = domain.encode("idna").decode()
    return host == domain or host.endswith(f".{domain}")
