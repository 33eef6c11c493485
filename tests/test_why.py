"""Why a post alerted or did not, rules about volume and silence, and questions that answer themselves."""

from datetime import UTC, datetime, timedelta

import pytest

from listener.alerts import AlertQuery
from listener.app import App
from listener.errors import ConfigError
from listener.people import Person, Tie
from listener.rules import Mute, Rule
from listener.types import Account, Draft, Feed, Plan, Post, Turn

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CONFIG = """
[store]
url = "posts.db"
[briefing]
timezone = "UTC"
[labels]
lead = 0.6
question = 0.6
news = 0.6
[alerts]
channel = "terminal"
quiet = "22:00-07:00"
"""


class World:
    """An app over a real store, whose clock the test sets."""

    def __init__(self, folder, config: str) -> None:
        (folder / "config.toml").write_text(config)
        self.now = NOW - timedelta(days=40)
        self.app = App.open(folder / "config.toml")
        self.app.now = lambda: self.now
        self.feed = self.app.store.add_feed(Feed(0, "rss", "https://site.example/feed", "blog"), self.now)
        self.count = 0

    def heard(self, text: str, at: datetime = NOW, *, by: str = "kim", score: float = 0.0, **rest) -> int:
        """Save a post as a poll at `at` does; give its number."""
        self.now, self.count = at, self.count + 1
        account = Account("blog", by, by)
        post = Post("blog", f"1/{self.count}", account=account, text=text, published_at=at, lang="en", **rest)
        drafts = (Draft(post, 1, scores={"lead": score, "question": score, "news": 0.0}, model="m"),)
        watches = self.app.watcher.watches(drafts, self.feed.id, at)
        turn = Turn(self.feed, at, None, Plan(at, 3600), drafts, watches=watches)
        return self.app.store.save_page(turn).new[0]

    def walked(self, number: int, rule: str):
        stored = self.app.store.post(number)
        assert stored is not None
        return next(found for found in self.app.why(stored) if found.row.rule.name == rule)

    def told(self) -> list[tuple[str, str]]:
        found = self.app.store.alerts(AlertQuery())
        return [(row.rule_name, row.reason) for row in sorted(found, key=lambda row: row.id)]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, CONFIG)
    yield made
    made.app.close()


def add(world: World, name: str, query: str, **rest) -> None:
    world.app.add_rule(Rule(name, query, **({"channels": ("terminal",)} | rest)))


# why


def test_every_rule_is_walked_with_the_part_that_decided(world):
    add(world, "db", "backup (restore OR recover) -hiring")
    number = world.heard("our backup is gone, can I recover it?", score=0.9)
    found = world.walked(number, "db")
    assert found.stop is None
    told = {verdict.step: verdict.why for verdict in found.verdicts}
    assert told["query"] == "backup yes, restore no, recover yes, hiring no"
    assert [alert.state for alert in found.alerts] == ["waiting"]
    other = world.walked(world.heard("our backup", score=0.1), "leads")
    assert (other.stop.step, other.stop.why) == ("label", "lead 0.10 of 0.60")
    assert other.alerts == ()


def test_quiet_hours_and_cooldown_are_those_of_the_moment_it_came(world):
    add(world, "db", "backup", cooldown_s=3600)
    night = NOW.replace(hour=23)
    first, second = world.heard("backup one", night), world.heard("backup two", night + timedelta(minutes=20))
    with world.app.store._connections.writing(durable=False) as connection:
        at = round((night + timedelta(minutes=1)).timestamp() * 1000)
        connection.execute("update alerts set state = 'sent', sent_at = ?, message = 'm' where post = ?", (at, first))
    world.now = NOW + timedelta(days=2)
    held = [verdict.step for verdict in world.walked(second, "db").verdicts if not verdict.passes]
    assert held == ["cooldown", "quiet"]
    assert [verdict.step for verdict in world.walked(first, "db").verdicts if not verdict.passes] == ["quiet"]
    assert world.walked(first, "db").alerts[0].state == "sent"


def test_what_comes_together_with_others_says_so(world):
    add(world, "db", "backup")
    noon = NOW.replace(hour=12)
    for minute in range(4):
        number = world.heard(f"backup {minute}", noon + timedelta(minutes=minute))
        with world.app.store._connections.writing(durable=False) as connection:
            at = round((noon + timedelta(minutes=minute, seconds=1)).timestamp() * 1000)
            sql = "update alerts set state = 'sent', sent_at = ?, message = ? where post = ?"
            connection.execute(sql, (at, str(minute), number))
    fifth = world.heard("backup again", noon + timedelta(minutes=5))
    (held,) = [verdict for verdict in world.walked(fifth, "db").verdicts if not verdict.passes]
    assert held.step == "cap"
    assert held.why == "4 of 20 messages in the hour before, 4 of them in 10 min: what follows comes together"
    assert world.walked(fifth, "db").stop is None


def test_mutes_marks_and_work_are_named_and_stand_above_rules(world):
    add(world, "db", "backup")
    number = world.heard("backup of a giveaway")
    assert world.walked(number, "db").stop is None
    world.app.set_work("lead", number, "lost")
    assert world.walked(number, "db").stop.why == "as a lead it is lost"
    world.app.store.mark([number], "done", NOW)
    assert world.walked(number, "db").stop.why == "you are done with it"
    world.app.store.mute(Mute("word", "giveaway"), NOW)
    assert world.walked(number, "db").stop.why == "muted: word giveaway"


def test_not_a_lead_is_a_thumb_until_it_is_taken_back(world):
    number = world.heard("shop wanted", score=0.9)
    world.app.set_work("lead", number, "not a lead")
    assert [thumb[:3] for thumb in world.app.store.thumbs()] == [(number, "lead", False)]
    assert world.walked(number, "leads").stop.why == "as a lead it is not a lead"
    assert world.app.undo_work("lead", number) is None
    assert world.app.store.thumbs() == []


def test_each_undo_takes_one_step_more_back_with_its_owner_and_note(world):
    number = world.heard("shop wanted", score=0.9)
    world.app.set_work("lead", number, "contacted", note="wrote to her")
    world.app.set_work("lead", number, "talking", owner="jo", note="she answered")
    world.app.set_work("lead", number, "won")
    told = [world.app.undo_work("lead", number) for _ in range(3)]
    found = [None if work is None else (work.state, work.owner, work.note) for work in told]
    assert found == [("talking", "jo", "she answered"), ("contacted", None, "wrote to her"), None]
    assert world.app.undo_work("lead", number) is None


def test_what_was_taken_back_never_comes_back_by_a_later_undo(world):
    number = world.heard("shop wanted", score=0.9)
    world.app.set_work("lead", number, "contacted")
    world.app.undo_work("lead", number)
    world.app.set_work("lead", number, "not a lead")
    assert world.app.undo_work("lead", number) is None
    assert world.app.task("lead", number)[0] is None


def test_what_the_preview_counts_is_what_the_rule_finds(world):
    for day in range(5):
        world.heard(f"backup {day}", NOW - timedelta(days=day, hours=1), score=0.9 if day % 2 else 0.1)
    world.now = NOW
    found = world.app.preview(Rule("x", "backup", labels=("lead",)))
    assert (found.matched, found.days[-5:], found.is_whole) == (2, (0, 1, 0, 1, 0), True)
    assert [stored.post.text for stored in found.examples] == ["backup 1", "backup 3"]
    assert world.app.preview(Rule("x", "")).matched == 5
    assert world.app.preview(Rule("x", "backup", cooldown_s=86_400 * 2)).messages == 3


def test_a_channel_that_is_not_there_is_named(world):
    world.app.check_channels(["terminal"])
    with pytest.raises(ConfigError, match="no channel is called 'desk'; there are: "):
        world.app.check_channels(["terminal", "desk"])


def test_a_known_prospect_and_a_stranger_each_say_so(world):
    world.app.store.save_person(Person("Kim Lee", ("prospects",), (Tie("blog", "kim"),)), NOW)
    add(world, "leads for all", "", labels=("lead",))
    world.heard("shop wanted", score=0.9)
    world.heard("shop wanted, too", score=0.8, by="ida")
    world.heard("shop wanted again", score=0.8, by="ida")
    assert [reason.split(" · ")[-1] for rule, reason in world.told() if rule == "leads for all"] == [
        "from a prospect, Kim Lee",
        "the first lead from a stranger",
        "from a stranger",
    ]


# volume and silence


def test_a_spike_is_told_once_and_not_again_while_it_lasts(world):
    for day in range(1, 27):
        world.heard("backup talk", NOW - timedelta(days=day, hours=2))
    add(world, "spike", "backup", kind="volume")
    world.now = NOW
    assert world.app.watch_rules() == 0
    for minute in range(1, 7):
        world.heard("more backup talk", NOW - timedelta(minutes=minute))
    world.now = NOW
    assert [world.app.watch_rules() for _ in range(3)] == [1, 0, 0]
    assert world.told() == [("spike", "6 posts match spike in 24 hours, 6 times the usual 1")]
    world.now = NOW + timedelta(hours=20)
    assert world.app.watch_rules() == 0


def test_a_store_that_has_just_begun_knows_no_usual_and_calls_nothing_a_spike(world):
    add(world, "spike", "backup", kind="volume")
    for minute in range(1, 9):
        world.heard("backup talk", NOW - timedelta(minutes=minute))
    world.now = NOW
    assert world.app.watch_rules() == 0


def test_silence_is_told_once_until_somebody_speaks_and_falls_silent_again(world):
    world.app.store.save_person(Person("Kim Lee", (), (Tie("blog", "kim"),)), NOW)
    add(world, "acme", 'person:"Kim Lee"', kind="silence", days=30)
    world.heard("hello", NOW - timedelta(days=31), by="kim")
    world.heard("others speak", NOW - timedelta(days=1), by="ida")
    world.now = NOW
    assert [world.app.watch_rules() for _ in range(2)] == [1, 0]
    world.heard("hello again", NOW, by="kim")
    assert world.app.watch_rules() == 0
    world.now = NOW + timedelta(days=30, minutes=1)
    assert [world.app.watch_rules() for _ in range(2)] == [1, 0]
    assert [reason.split(",")[0] for _, reason in world.told()] == [
        "nothing was heard of acme for 31 days",
        "nothing was heard of acme for 30 days",
    ]


def test_paused_rules_and_views_watch_nothing(world):
    add(world, "view", "nothing at all", kind="silence", channels=())
    add(world, "paused", "nothing at all", kind="silence")
    world.app.store.pause_rule(world.app.find_rule("paused").id, paused=True)
    world.now = NOW + timedelta(days=90)
    assert world.app.watch_rules() == 0


# questions


def test_a_question_is_answered_when_our_own_account_replied_or_the_platform_says_so(world):
    me = Person("Me", (), (Tie("blog", "me"),), is_me=True)
    world.app.store.save_person(me, NOW)
    asked = world.heard("How do I do it?", score=0.9)
    solved = world.heard("How did you do it?", score=0.9, answered=True)
    waiting = world.heard("How would you do it?", score=0.9)
    world.heard("Like this", by="me", in_reply_to="1/1")
    open_ones = {task.stored.id: task.work.state for task in world.app.tasks("question")}
    assert open_ones == {waiting: "open"}
    over = {task.stored.id: task.work for task in world.app.tasks("question", ["answered"])}
    assert over.keys() == {asked, solved}
    assert over[asked].note == "your reply is post 4"
    assert world.app.own_name() == "Me"
    assert world.app.claim(waiting).owner == "Me"
