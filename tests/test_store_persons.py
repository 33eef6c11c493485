"""People in the store: saved whole, found by handle or native_id, proved by what platforms checked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from listener.errors import StoreError
from listener.people import Person, Tie
from listener.store.sqlite import SqliteStore
from listener.types import Account, Feed, Follow
from tests.stored import NOW, days, draft, feed, kept, minutes, post


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    found = SqliteStore.open(tmp_path / "posts.db")
    yield found
    found.close()


@pytest.fixture
def one(store: SqliteStore) -> Feed:
    return store.add_feed(feed(), NOW)


def anybody(account: Account) -> bool:
    return True


def heard(store: SqliteStore, to: Feed, *accounts: Account, **rest: object) -> list[int]:
    """Save a post of each account; give the accounts' numbers."""
    drafts = [draft(post(f"{a.platform} {a.native_id}", account=a, platform=a.platform, **rest)) for a in accounts]
    kept(store, to, *drafts)
    known = {(a.platform, a.native_id): number for number, a in store.accounts(range(1, 100)).items()}
    return [known[a.platform, a.native_id] for a in accounts]


def ann(*ties: Tie, **rest: object) -> Person:
    return Person("Ann", ("peers",), ties, **rest)  # type: ignore[arg-type]


def test_a_person_comes_back_as_it_was_saved(store):
    saved = store.save_person(ann(Tie("blog", "ann"), Tie("sky", "ann.example")), NOW)
    assert saved == ann(Tie("blog", "ann"), Tie("sky", "ann.example"), id=saved.id)
    assert store.persons() == [saved]


def test_saving_again_replaces_name_ties_and_circles(store):
    saved = store.save_person(ann(Tie("blog", "ann")), NOW)
    changed = Person("Anna", ("friends", "peers"), (Tie("sky", "anna"),), id=saved.id)
    assert store.save_person(changed, NOW) == changed
    assert store.persons() == [changed]


def test_a_name_or_an_account_belongs_to_one_person_whatever_its_case(store):
    store.save_person(ann(Tie("blog", "ann")), NOW)
    with pytest.raises(StoreError, match="called Ann"):
        store.save_person(Person("ANN"), NOW)
    with pytest.raises(StoreError, match="is Ann's; untie it"):
        store.save_person(Person("Bob", ties=(Tie("blog", "Ann"),)), NOW)
    assert [person.name for person in store.persons()] == ["Ann"], "nothing was saved"
    with pytest.raises(StoreError, match="number 99"):
        store.save_person(Person("Bob", id=99), NOW)


def test_a_removed_person_leaves_accounts_and_posts(store, one):
    saved = store.save_person(ann(Tie("blog", "ann")), NOW)
    [number] = heard(store, one, Account("blog", "ann"))
    store.remove_person(saved.id)
    assert store.persons() == []
    assert store.people().person(number) is None
    assert store.last_heard([number]) == {number: NOW - minutes(5)}
    assert store.save_person(Person("Bob", ties=(Tie("blog", "ann"),)), NOW).name == "Bob"


@pytest.mark.parametrize("name", ["ANN", "@ann", "did:1", "u/1"])
def test_a_tie_names_a_handle_or_a_native_id_and_may_come_before_the_first_post(store, one, name):
    store.save_person(ann(Tie("sky", name)), NOW)
    found = heard(store, one, Account("sky", "did:1", "@Ann"), Account("sky", "u/1"), Account("other", "did:1", "ann"))
    people = store.people()
    mine = [number for number in found if people.person(number)]
    assert mine == [found[1] if name == "u/1" else found[0]]


def test_a_site_is_all_its_voices_and_no_other_site(store, one):
    store.save_person(ann(Tie("rss", "Ann.example")), NOW)
    voices = [
        Account("rss", "ann.example ann.example"),
        Account("rss", "ann.example ann.example/Ann"),
        Account("rss", "ann.example.evil.example ann.example"),
        Account("rss", "ann.example"),
    ]
    people = store.people()
    assert people.accounts == {}
    found = heard(store, one, *voices)
    people = store.people()
    assert [people.person(number) is not None for number in found] == [True, True, False, True]


def test_a_name_in_front_of_a_space_ties_nobody_unless_it_is_a_site(store, one):
    store.save_person(ann(Tie("work", "name/John")), NOW)
    [number] = heard(store, one, Account("work", "name/John Smith"))
    assert store.people().person(number) is None


def test_whom_the_user_follows_is_in_the_circles_of_the_lists(store):
    store.save_follows([Follow(Account("sky", "1"), None, "press"), Follow(Account("sky", "2"))], NOW)
    people = store.people()
    assert people.follows == {1: frozenset({"press"}), 2: frozenset({""})}
    assert people.all_circles() == ("press",)


PAGE = "https://social.example/@ann"
NAMED = Account("sky", "did:1", "ann.example", proved=("ann.example",))
SERVED = Account("fedi", f"{PAGE}/id", "@ann@social.example", url=PAGE, proved=("https://ann.example/",))


def test_accounts_that_prove_each_other_are_one_voice_and_the_persons(store, one):
    a, b, stranger = heard(store, one, NAMED, SERVED, Account("fedi", "thief", url="https://ann.example/"))
    assert store.people(anybody).voice(a, 0) == store.people(anybody).voice(b, 0) == ("account", min(a, b))
    saved = store.save_person(ann(Tie("sky", "ann.example")), NOW)
    people = store.people(anybody)
    assert people.voice(b, 0) == ("person", saved.id)
    assert people.proofs == {b: "domain"}
    assert people.voice(stranger, 0) == ("account", stranger)


def test_without_leave_nothing_is_proved(store, one):
    a, b = heard(store, one, NAMED, SERVED)
    assert store.people().voice(a, 0) != store.people().voice(b, 0)
    assert store.people(lambda account: account.platform != "fedi").same == {}


def test_a_proof_is_kept_when_a_later_answer_does_not_tell_it(store, one):
    a, b = heard(store, one, NAMED, SERVED)
    silent = Account("fedi", SERVED.native_id, SERVED.handle, name="Ann", url=PAGE)
    kept(store, one, draft(post("later", account=silent, platform="fedi")))
    assert store.accounts([b])[b].proved == SERVED.proved
    assert store.people(anybody).voice(a, 0) == store.people(anybody).voice(b, 0)


def test_a_new_proof_takes_the_old_ones_place(store, one):
    a, b = heard(store, one, NAMED, SERVED)
    moved = Account("sky", "did:1", "new.example", proved=("new.example",))
    kept(store, one, draft(post("later", account=moved, platform="sky")))
    assert store.people(anybody).voice(a, 0) != store.people(anybody).voice(b, 0)


def test_an_account_that_may_no_longer_be_linked_leaves_its_person_but_not_me(store, one):
    ties = (Tie("closed", "ann"), Tie("open", "ann"))
    store.save_person(ann(*ties), NOW)
    closed, open_ = heard(store, one, Account("closed", "ann"), Account("open", "ann"))
    people = store.people(lambda account: account.platform == "open")
    assert (people.person(closed), people.person(open_) is None) == (None, False)
    store.remove_person(store.persons()[0].id)
    store.save_person(Person("me", ties=ties, is_me=True), NOW)
    assert store.people(lambda account: False).is_me(closed)


def test_people_of_the_configuration_come_and_go_with_the_file(store):
    own = store.save_person(ann(Tie("blog", "ann"), Tie("blog", "bob")), NOW)
    bob = Person("Bob", ("press",), (Tie("blog", "bob"),))
    store.configure_people([bob], NOW)
    found = {person.name: person for person in store.persons()}
    assert found["Ann"].ties == (Tie("blog", "ann"),), "the file's word is newer"
    assert found["Bob"].from_config
    store.configure_people([Person("BOB", (), (Tie("sky", "bob"),))], NOW)
    assert [(p.name, p.ties) for p in store.persons() if p.from_config] == [("BOB", (Tie("sky", "bob"),))]
    assert {person.id for person in store.persons()} == {own.id, found["Bob"].id}
    store.configure_people([], NOW)
    assert [person.name for person in store.persons()] == ["Ann"]


def test_retention_keeps_the_accounts_of_people_and_forgets_what_strangers_proved(store, one):
    store.save_person(ann(Tie("sky", "ann.example")), NOW)
    heard(store, one, NAMED, SERVED)
    removed = store.prune(NOW + days(40), raw_days=7, post_days=30, story_days=7)
    assert removed["posts"] == 2
    assert [account.platform for account in store.accounts(range(9)).values()] == ["sky"]
    assert store.people(anybody).proofs == {}
