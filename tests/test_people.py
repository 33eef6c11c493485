"""Who is who: ties, circles, and what proves two accounts to be one voice."""

import pytest

from listener.people import People, Person, linked_places, own_places, place, proof, unlinkable
from listener.types import Account

PAGE = "https://social.example/@ann"
FEED = Account("rss", "ann.example ann.example", url="https://ann.example/", proved=("ann.example",))
NAMED = Account("sky", "did:1", "ann.example", url="https://sky.example/profile/did:1", proved=("ann.example",))


def on_server(*proved: str, url: str = PAGE, **rest: object) -> Account:
    return Account("fedi", f"{url}#id", "@ann@social.example", url=url, proved=proved, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("ann.example", "ann.example"),
        ("https://www.Ann.example/", "ann.example"),
        ("http://ann.example:80", "ann.example"),
        ("https://ann.example:8443/", "ann.example:8443"),
        ("https://ann.example/blog/", "ann.example/blog"),
        ("https://ann.example/?user=1", "ann.example?user=1"),
        ("https://Social.example/@Ann", "social.example/@Ann"),
        ("", ""),
        ("https://[broken/", ""),
        ("https://ann.example:port/", ""),
    ],
)
def test_an_address_has_one_name_in_all_its_spellings(address, name):
    assert place(address) == name


def test_a_domain_is_an_accounts_own_only_where_its_platform_checked_it():
    claimed = Account("rss", "thief.example ann.example", url="https://ann.example/")
    assert own_places(claimed) == frozenset()
    assert own_places(NAMED) == {"ann.example", "sky.example/profile/did:1"}
    assert linked_places(on_server("https://ann.example/")) == {"ann.example"}


def test_a_domain_that_is_one_accounts_name_and_links_back_to_another_proves_both():
    assert proof(on_server("https://ann.example/"), NAMED) == "domain"
    assert proof(NAMED, on_server("https://ann.example/")) == "domain"


def test_a_site_and_the_account_that_has_its_domain_as_a_name_are_one_voice():
    assert proof(FEED, NAMED) == "domain"
    assert proof(FEED, on_server("https://www.ann.example")) == "domain"


def test_pages_that_link_to_each_other_prove_both():
    other = on_server(PAGE, url="https://elsewhere.example/@ann")
    assert proof(on_server("https://elsewhere.example/@ann"), other) == "rel=me"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (on_server("https://elsewhere.example/@ann"), on_server(url="https://elsewhere.example/@ann")),
        (on_server(), NAMED),
        (on_server("https://ann.example/about"), NAMED),
        (on_server("https://ann.example/"), on_server("https://ann.example/", url="https://other.example/@bob")),
        (FEED, Account("rss", "thief.example ann.example", url="https://ann.example/", proved=("thief.example",))),
        (NAMED, Account("sky", "did:2", "ann.example.thief.example", proved=("ann.example.thief.example",))),
        (NAMED, Account("old", "ann.example", "ann.example", url="https://ann.example/")),
        (Account("a", "1"), Account("b", "1")),
    ],
)
def test_what_one_side_claims_proves_nothing(one, other):
    assert proof(one, other) is None
    assert proof(other, one) is None


def test_a_proved_account_speaks_for_the_person_that_the_other_is_tied_to():
    ann = Person("Ann", ("peers",), id=7)
    people = People.of([ann], {1: 7}, {}, [(1, 2, "domain"), (2, 3, "rel=me")])
    assert {people.voice(account, 9) for account in (1, 2, 3)} == {("person", 7)}
    assert people.circles(3) == {"peers"}
    assert set(people.proofs) == {2, 3}, "the user's own tie needs no proof"


def test_proved_accounts_that_nobody_named_are_one_voice_too():
    people = People.of([], {}, {5: frozenset({"press"})}, [(5, 4, "domain"), (5, 6, "domain")])
    assert {people.voice(account, 9) for account in (4, 5, 6)} == {("account", 4)}
    assert people.circles(6) == {"press"}
    assert people.closeness(4) == people.closeness(5) > people.closeness(8)


def test_where_proofs_and_the_users_word_disagree_the_users_word_is_all():
    people = People.of(
        [Person("Ann", id=1), Person("Bob", id=2)], {10: 1, 20: 2}, {}, [(10, 30, "rel=me"), (20, 30, "domain")]
    )
    assert people.voice(10, 0) != people.voice(20, 0)
    assert people.voice(30, 0) == ("account", 30)
    assert people.proofs == {}


def test_a_list_that_one_account_is_on_holds_the_persons_others_too():
    people = People.of([Person("Ann", id=1)], {10: 1, 11: 1}, {10: frozenset({"peers"}), 12: frozenset({""})})
    assert people.circles(11) == {"peers"}
    assert people.circles(12) == frozenset()
    assert people.all_circles() == ("peers",)


def test_an_account_that_may_not_be_linked_stands_with_its_own_platform_only():
    def may_link(account: Account) -> bool:
        return account.platform != "closed"

    closed, open_ = Account("closed", "1"), Account("open", "1")
    assert unlinkable([closed, Account("closed", "2")], may_link) == []
    assert unlinkable([closed, open_], may_link) == [closed]


@pytest.mark.parametrize(
    ("handle", "proved"),
    [("Ann.example", ("ann.example",)), ("ann.bsky.social", ()), ("handle.invalid", ()), (None, ())],
)
def test_a_name_is_a_checked_domain_unless_a_host_gave_it_out(handle, proved):
    from connectors.bluesky.posts import account

    assert account({"did": "did:plc:ann", "handle": handle}).proved == proved


@pytest.mark.parametrize(
    ("query", "home", "proved"),
    [
        ("https://ann.example/feed.xml", "https://www.ann.example/", ("ann.example",)),
        ("https://ann.example/feed.xml", "https://other.example/", ()),
        ("https://ann.example/feed.xml", "https://ann.example/blog", ()),
        ("https://ann.example/~thief/feed.xml", "https://ann.example/", ()),
        ("https://ann.example/thief/feed.xml", "https://ann.example/", ()),
    ],
)
def test_a_feed_speaks_for_a_domain_only_from_the_domains_own_place(query, home, proved):
    from connectors.rss.posts import Context, post
    from connectors.rss.reading import Entry
    from listener.types import Feed

    context = Context(Feed(7, "rss", query, "rss"), None, "ann.example", "Ann", home)
    said = post(Entry("Morning", guid="1"), context, frozenset()).account
    assert said is not None
    assert said.proved == proved
