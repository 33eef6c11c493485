"""Rules, mutes and work in the store; alerts are born in the transaction of their posts."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from listener.alerts import AlertQuery
from listener.errors import StoreError
from listener.people import Person, Tie
from listener.rules import Mute, Rule
from listener.store import Store
from listener.store.sqlite import SqliteStore
from listener.types import Born, Watch
from listener.work import Work
from tests.stored import NOW, by, days, draft, feed, kept, minutes, post, save, scored

RULE = Rule("backups", "backup", ("desk",))


@pytest.fixture
def store(tmp_path):
    with closing(SqliteStore.open(tmp_path / "posts.db")) as opened:
        yield opened


@pytest.fixture
def source(store):
    return store.add_feed(feed(1), NOW)


def watch(*native_ids: str, query: str = "backup", **rest) -> Watch:
    born = {("blog", f"1/{name}"): Born(f"why {name}", priority=7) for name in native_ids}
    values = {"rule": 1, "query": query, "channels": ("desk",), "due_at": NOW, "since": NOW - days(1), "born": born}
    return Watch(**(values | rest))


def alerts(store: Store) -> list[tuple[int, str, str, str]]:
    found = sorted(store.alerts(AlertQuery()), key=lambda row: row.id)
    return [(row.post, row.channel, row.reason, row.state) for row in found]


# alerts are born


def test_an_alert_is_born_with_its_post_for_each_channel(store, source):
    saved = save(
        store,
        source,
        [draft(post("a", "our backup is gone")), draft(post("b", "morning dew")), draft(post("c", "Backup again"))],
        watches=(watch("a", "b", channels=("desk", "phone")),),
    )
    assert alerts(store) == [
        (saved.new[0], "desk", "why a", "waiting"),
        (saved.new[0], "phone", "why a", "waiting"),
    ], "b does not match, and nobody asked about c"
    (one, _) = store.alerts_about(saved.new[0])
    assert (one.rule, one.priority, one.due_at, one.at, one.occasion) == (1, 7, NOW, NOW, "")


def test_a_rule_without_a_query_takes_every_post_that_it_was_given(store, source):
    (number,) = kept(store, source, draft(post("a")), watches=(watch("a", query=" "),))
    assert alerts(store) == [(number, "desk", "why a", "waiting")]


def test_saving_a_page_twice_makes_no_second_alert(store, source):
    drafts = [draft(post("a", "our backup is gone"))]
    for _ in range(3):
        save(store, source, drafts, watches=(watch("a"),))
    assert len(alerts(store)) == 1


def test_a_page_that_cannot_be_saved_leaves_neither_posts_nor_alerts(store, source):
    with pytest.raises(StoreError):
        save(store, source, [draft(post("a", "backup"))], watches=(watch("a"),), owner="nobody")
    assert (alerts(store), store.stats().posts) == ([], 0)


def test_fields_of_the_query_are_asked_inside_the_transaction(store, source):
    """Scores, goals and people of posts that are not committed yet count."""
    store.save_person(Person("Kim", ("customers",), (Tie("blog", "kim"),)), NOW)
    kim = post("a", account=by("u1", handle="kim"))
    drafts = [scored(kim, lead=0.9, relevance={"Bakeries": 0.8}), scored(post("b"), lead=0.9)]
    asked = ("p(lead)>0.8", "goal:Bakeries", "circle:customers", "-circle:customers", "label:lead from:kim")
    save(store, source, drafts, watches=tuple(watch("a", "b", query=q, rule=n) for n, q in enumerate(asked, 1)))
    found = {(row.rule, row.reason) for row in store.alerts(AlertQuery())}
    assert found == {(1, "why a"), (1, "why b"), (2, "why a"), (3, "why a"), (4, "why b"), (5, "why a")}


def test_the_users_thresholds_say_what_a_label_is_inside_the_transaction_too(store, source):
    strict = {"lead": 0.95, "question": 0.5, "news": 0.5}
    watches = (watch("a", query="label:lead", thresholds=strict), watch("a", query="label:lead", rule=2))
    save(store, source, [scored(post("a"), lead=0.9)], watches=watches)
    assert [row.rule for row in store.alerts(AlertQuery())] == [2]


def test_the_first_alert_about_an_author_says_so_and_later_ones_do_not(store, source):
    def one(name: str, **rest) -> list[str]:
        said = Watch(1, "", ("desk",), NOW, NOW, {("blog", f"1/{name}"): Born("a lead", "the first lead")})
        save(store, source, [draft(post(name, **rest))], watches=(said,))
        return [row.reason for row in store.alerts(AlertQuery(limit=1))]

    assert one("a", account=by("u1")) == ["the first lead"]
    assert one("b", account=by("u1")) == ["a lead"]
    assert one("c", account=by("u2")) == ["the first lead"]


def test_two_rules_that_see_an_authors_first_post_both_say_so(store, source):
    said = [Watch(n, "", ("desk",), NOW, NOW, {("blog", "1/a"): Born("a lead", "the first lead")}) for n in (1, 2)]
    save(store, source, [draft(post("a", account=by("u1")))], watches=tuple(said))
    assert [row.reason for row in store.alerts(AlertQuery())] == ["the first lead"] * 2


def test_an_edit_alerts_where_the_post_newly_matches_and_only_once(store, source):
    save(store, source, [draft(post("a", "old words"))], watches=(watch("a"),))
    assert alerts(store) == []
    for digest in (2, 3):
        edited = draft(post("a", f"now about backup {digest}"), digest=digest)
        save(store, source, [edited], watches=(watch("a"),), now=NOW + minutes(digest))
    assert [reason for _, _, reason, _ in alerts(store)] == ["why a"]


@pytest.mark.parametrize(
    ("arrival", "since"), [("first", NOW - days(1)), ("archive", NOW - days(1)), ("live", NOW + minutes(1))]
)
def test_an_edit_of_what_came_as_history_or_before_the_rule_alerts_nobody(store, source, arrival, since):
    save(store, source, [draft(post("a", "old words"), arrival=arrival)])
    edited = draft(post("a", "backup"), digest=2)
    save(store, source, [edited], watches=(watch("a", since=since),), now=NOW + minutes(2))
    assert alerts(store) == []


# rules


def test_rules_are_kept_changed_paused_and_removed_and_each_change_moves_the_mark(store):
    marks = [store.rules_mark()]

    def moved() -> bool:
        marks.append(store.rules_mark())
        return len(set(marks)) == len(marks)

    row = store.add_rule(RULE, NOW)
    assert moved()
    with pytest.raises(StoreError, match="called BACKUPS already"):
        store.add_rule(replace(RULE, name="BACKUPS"), NOW)
    changed = store.change_rule(row.id, replace(RULE, query="restore", cooldown_s=60), NOW + days(1))
    assert moved()
    assert (changed.rule.query, changed.at, changed.id) == ("restore", NOW + days(1), row.id)
    store.pause_rule(row.id, paused=True)
    assert moved()
    assert store.rules() == [replace(changed, paused=True)]
    store.remove_rule(row.id)
    assert moved()
    assert store.rules() == []
    assert store.add_rule(RULE, NOW).id != row.id


def test_a_removed_rule_takes_what_waits_of_its_alerts_with_it(store, source):
    row = store.add_rule(RULE, NOW)
    kept(store, source, draft(post("a", "backup")), watches=(watch("a", rule=row.id),))
    store.remove_rule(row.id)
    assert [(row.state, row.due_at) for row in store.alerts(AlertQuery())] == [("dropped", None)]


def test_the_configurations_rules_come_change_and_go_with_it(store):
    store.sync_rules([(RULE, "configuration"), (Rule("leads"), "built in")], NOW)
    first = store.rules()
    store.sync_rules([(RULE, "configuration"), (Rule("leads"), "built in")], NOW + days(1))
    assert store.rules() == first, "nothing new, nothing changed: what came meanwhile still alerts"
    store.sync_rules([(replace(RULE, query="restore"), "configuration")], NOW + days(2))
    assert [(row.rule.query, row.source, row.at) for row in store.rules()] == [
        ("restore", "configuration", NOW + days(2))
    ]


def test_a_built_in_rule_that_the_user_changed_or_removed_stays_so(store):
    built = [(Rule("leads"), "built in"), (Rule("questions"), "built in")]
    store.sync_rules(built, NOW)
    leads, questions = store.rules()
    store.change_rule(leads.id, Rule("leads", "mine"), NOW)
    store.remove_rule(questions.id)
    store.sync_rules([(Rule("leads", channels=("desk",)), "built in"), built[1]], NOW + days(1))
    assert [(row.rule.query, row.source) for row in store.rules()] == [("mine", "command")]


@pytest.mark.parametrize("body", ['{"name": "later", "colour": "red"}', '{"name": "later", "query": "(a"}'])
def test_a_rule_of_another_version_rests_and_holds_up_no_other(store, body):
    later = store.add_rule(Rule("later"), NOW)
    row = store.add_rule(RULE, NOW)
    with store._connections.writing(durable=False) as connection:
        connection.execute("update rules set body = ? where id = ?", (body, later.id))
    assert store.rules() == [row]


def test_mutes_are_kept_once_whatever_their_case(store):
    assert store.mute(Mute("word", "Giveaway"), NOW)
    assert not store.mute(Mute("word", "giveaway"), NOW)
    assert store.mutes() == [Mute("word", "Giveaway")]
    assert store.unmute(Mute("word", "GIVEAWAY"))
    assert not store.unmute(Mute("word", "giveaway"))


def test_a_volume_is_told_once_for_each_occasion_and_not_again_while_the_rule_rests(store):
    told = watch(), Born("15 posts", priority=3)
    assert store.raise_alert(told[0], "volume 1", told[1], NOW, 3600)
    assert not store.raise_alert(told[0], "volume 2", told[1], NOW + minutes(59), 3600)
    assert store.raise_alert(told[0], "volume 3", told[1], NOW + minutes(61), 3600)
    assert not store.raise_alert(told[0], "volume 1", told[1], NOW + days(9), 3600)
    assert [(row.post, row.occasion) for row in store.alerts(AlertQuery())] == [(0, "volume 3"), (0, "volume 1")]


# work


def question(store: Store, source, name: str = "q", **rest) -> int:
    (number,) = kept(store, source, scored(post(name, "How do I do it?", **rest), question=0.9))
    return number


def test_work_is_kept_with_its_log_and_owner_and_note_stay_until_said_anew(store, source):
    (lead,) = kept(store, source, scored(post(), lead=0.9))
    store.set_work(Work(lead, "lead", "looked at", "anna", "call on Monday"), NOW)
    store.set_work(Work(lead, "lead", "contacted"), NOW + minutes(1))
    assert store.works("lead") == [Work(lead, "lead", "contacted", "anna", "call on Monday", NOW + minutes(1))]
    assert [(entry.state, entry.note) for entry in store.work_log(lead, "lead")] == [
        ("looked at", "call on Monday"),
        ("contacted", None),
    ]
    assert store.work(lead, "question") is None
    assert store.take_back(lead, "lead", None, NOW + minutes(2)) is None
    assert store.work(lead, "lead") is None
    assert [(entry.state, entry.note) for entry in store.work_log(lead, "lead")][2:] == [("new", "taken back")]
    with pytest.raises(StoreError, match="no post has the number 99"):
        store.set_work(Work(99, "lead", "won"), NOW)


def test_the_retention_keeps_what_somebody_works_on(store, source):
    lead, other = kept(store, source, draft(post("a")), draft(post("b")))
    store.set_work(Work(lead, "lead", "talking"), NOW)
    store.prune(NOW + days(99), raw_days=1, post_days=1, story_days=1, platform_days={"blog": 2.0})
    assert [found.id for found in store.posts_by_id([lead, other])] == [lead]
    store.take_back(lead, "lead", None, NOW)
    store.prune(NOW + days(99), raw_days=1, post_days=1, story_days=1)
    assert (store.post(lead), store.work_log(lead, "lead")) == (None, [])


def test_a_lead_can_be_a_question_as_well(store, source):
    (number,) = kept(store, source, scored(post(), lead=0.9, question=0.9))
    store.set_work(Work(number, "lead", "contacted", "anna"), NOW)
    store.claim(number, "ben", NOW)
    assert [store.work(number, matter).owner for matter in ("lead", "question")] == ["anna", "ben"]


def test_a_question_is_claimed_by_one_of_two_who_ask_at_once(store, source):
    number = question(store, source)
    assert store.claim(number, "anna", NOW).state == "claimed"
    with pytest.raises(StoreError, match="claimed by anna at 2025-03-01 09:30 UTC; nothing was changed"):
        store.claim(number, "ben", NOW + minutes(1))
    assert store.claim(number, "Anna", NOW + minutes(2)).at == NOW + minutes(2)
    store.set_work(Work(number, "question", "open"), NOW + minutes(3))
    assert store.claim(number, "ben", NOW + minutes(4)).owner == "ben"


def test_a_reply_of_our_own_account_answers_a_question_by_itself(store, source):
    asked, other, claimed = (question(store, source, name) for name in ("q", "other", "claimed"))
    store.claim(claimed, "anna", NOW)
    replies = [
        draft(post(f"r{name}", "Do it so", in_reply_to=f"1/{name}", account=by(who)))
        for name, who in (("q", "me"), ("other", "somebody"), ("claimed", "me"), ("nothing", "me"))
    ]
    save(store, source, replies, now=NOW + minutes(1))
    accounts = {account.native_id: number for number, account in store.accounts(range(1, 10)).items()}
    found = store.note_answers([accounts["me"]], 0.5, NOW - days(1), NOW + minutes(2))
    assert sorted(found) == sorted([asked, claimed])
    assert (store.work(claimed, "question").state, store.work(claimed, "question").owner) == ("answered", "anna")
    assert store.work(other, "question") is None
    assert store.note_answers([accounts["me"]], 0.5, NOW - days(1), NOW + minutes(3)) == []


def test_what_is_no_question_is_not_answered_by_a_reply(store, source):
    kept(store, source, scored(post("p"), question=0.2))
    save(store, source, [draft(post("r", "Nice", in_reply_to="1/p", account=by("me")))])
    assert store.note_answers([1], 0.5, NOW - days(1), NOW) == []


def test_messages_of_a_rule_are_counted_by_message_not_by_alert(store, source):
    numbers = kept(store, source, *(draft(post(n, "backup")) for n in range(3)), watches=(watch("0", "1", "2"),))
    assert len(numbers) == 3
    with store._connections.writing(durable=False) as connection:
        connection.execute("update alerts set message = 'm1', sent_at = ? where post in (?, ?)", (1, *numbers[:2]))
        connection.execute("update alerts set message = 'm2', sent_at = ? where post = ?", (2, numbers[2]))
    assert len(store.messages_of(1, NOW - days(1), NOW)) == 2
    assert store.messages_of(2, NOW - days(1), NOW) == []
    assert store.messages_of(1, NOW + timedelta(seconds=1), NOW) == []
