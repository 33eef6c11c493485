"""The best sentence of a story, and what people disagree on: on the hand-made day, and on small stories of others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import summaries
from listener.summaries import Sentence, best, opposing
from listener.types import Account, Post, StoredPost
from tests import day
from tests.stored import NOW


def said(number: int, text: str, title: str | None = None, **rest) -> StoredPost:
    author = rest.pop("author", f"Voice {number}")
    account = None if author is None else Account("blog", f"a{author}", name=author)
    return StoredPost(number, Post("blog", str(number), account=account, title=title, text=text, **rest), NOW, NOW)


def thread(*texts: str, **rest) -> list[StoredPost]:
    return [said(number, text, **rest) for number, text in enumerate(texts, 1)]


def stories(name: str) -> dict[str, list[StoredPost]]:
    """The day's stories; posts under numbers of their own."""
    posts = {one.id: one.post for one in day.said(name)}
    return {
        story["name"]: [
            StoredPost(int(one[1:]), posts[one], NOW, NOW) for one in story["posts"] if one in posts
        ]
        for story in day.key()[name]["stories"]
    }  # fmt: skip


def folded(text: str | None) -> str:
    return " ".join((text or "").split())


# The hand-made day


@pytest.mark.parametrize("name", ["first", "second"])
def test_the_day_has_just_the_opposing_voices_of_its_key(name):
    wanted = {story: [int(one[1:]) for one in pair] for story, pair in day.key()["opposing"].items()}
    found = {story: opposing(posts) for story, posts in stories(name).items()}
    told = {story: [one.post_id for one in pair] for story, pair in found.items() if pair is not None}
    assert told == (wanted if name == "first" else {})


def test_the_day_is_summed_up_by_what_happened():
    found = {story: best(posts, next((one.post.title for one in posts if one.post.title), None))
             for story, posts in stories("first").items()}  # fmt: skip
    told = {story: one.text for story, one in found.items() if one is not None}
    assert told["paybridge"] == "Shoppers charged twice as Paybridge card payments fail"
    assert told["strike"] == "The drivers' union says four in five backed the strike."
    assert told["clubsact"] == "Parliament passed the Clubs Act on Thursday evening."
    assert told["baths"].startswith("After two hours and 140 people in the library the council took the sale")
    assert "kestrel" not in told  # all of them say what the title says
    assert "pensions" not in told


@pytest.mark.parametrize("name", ["first", "second"])
def test_no_word_is_invented_and_every_sentence_has_its_author(name):
    for posts in stories(name).values():
        by_id = {one.id: one.post for one in posts}
        pair = opposing(posts) or ()
        for found in filter(None, [best(posts, None), *pair]):
            post = by_id[found.post_id]
            assert found.text in folded(post.text) or found.text == folded(post.title)
            assert found.author == post.account.name


# The best sentence


def test_what_several_voices_speak_of_is_central():
    posts = thread(
        "I had soup for lunch today and it was very good indeed.",
        "The bridge at Alder Weir closes for repairs until April. Traffic is sent round by the mill.",
        "Alder Weir bridge shut, until April? Madness",
        "Repairs to the Alder Weir bridge, finally.",
    )
    assert best(posts, "Alder Weir") == Sentence(
        "The bridge at Alder Weir closes for repairs until April.", 2, "Voice 2"
    )  # fmt: skip


def test_one_voice_that_repeats_itself_is_no_more_central():
    copies = [said(n, "Lovely badges made by hand in our small studio.", author="Pin") for n in range(1, 6)]
    other = thread(
        "The ferry to Holm stops running for good in May.", "Ferry to Holm gone in May, and no word from them."
    )
    shifted = [said(10 + n, one.post.text) for n, one in enumerate(other)]
    assert best([*copies, *shifted], "The ferry").post_id == 10
    tied = {one.id: "one person" for one in shifted}
    assert best([*copies, *shifted], None, tied) != best([*copies, *shifted], None)


@pytest.mark.parametrize(
    "text",
    [
        "Have you ever wondered what makes an orchard bloom in winter?",
        "Here's why every orchard keeper should read our new guide now",
        "Subscribe to our orchard letter and get a discount on winter tools today",
        "More about the orchard at https://orchard.example/bloom and on the radio",
        "@ben @ada the orchard blooms in winter says @cleo in the paper",
        "THE ORCHARD BLOOMS IN WINTER AND NOBODY KNOWS WHY AT ALL",
        "🌸🌸🌸🌸🌸🌸🌸🌸🌸🌸🌸🌸🌸🌸 a b c d e f",
        "Blooms in winter",
        "“The orchard has never bloomed so early in the winter before,” its keeper told the paper",
        "What we found in the orchard this winter will surprise you…",
        "word " * 60,
        "",
    ],
)
def test_what_is_no_summary_is_none(text):
    assert best(thread(text), "An orchard") is None


def test_a_title_that_says_it_all_needs_no_sentence():
    text = "Council of Lund buys the old mill for two million."
    assert best(thread(text), "Council of Lund buys old mill for two million") is None
    assert best(thread(text), "The old mill").text == text


def test_another_posts_title_may_be_the_best_sentence():
    posts = [said(1, "", "Big day"), said(2, "", "Harbour of Vik reopens to ferries after nine years")]
    assert best(posts, "Big day").text == "Harbour of Vik reopens to ferries after nine years"


def test_chatter_stands_behind_a_report():
    report, chatter = (
        "The harbour of Vik reopens to ferries on Monday.",
        "I saw the harbour of Vik and my ferries on Monday.",
    )
    assert best(thread(chatter, report), None).post_id == 2


@pytest.mark.parametrize(
    ("texts", "start"),
    [
        (
            ["Der Hafen von Vik öffnet am Montag wieder für Fähren. Toll!", "Hafen Vik offen, Fähren fahren"],
            "Der Hafen",
        ),
        (["Le port de Vik rouvre lundi aux ferrys après neuf ans. Enfin !", "Le port de Vik rouvre lundi"], "Le port"),
        (["El puerto de Vik reabre el lunes tras nueve años. ¡Vaya!", "Puerto de Vik abierto"], "El puerto"),
        (["O porto de Vik reabre na segunda depois de nove anos. Viva!", "Porto de Vik aberto"], "O porto"),
        (["De haven van Vik gaat maandag weer open voor veerboten. Leuk!", "Haven van Vik open"], "De haven"),
        (["ヴィーク港は月曜日に九年ぶりに再開する。うれしい！", "ヴィーク港、月曜日に再開"], "ヴィーク港は"),
    ],
)
def test_other_languages_and_scripts_are_summed_up_too(texts, start):
    assert best(thread(*texts), None).text.startswith(start)


def test_reposts_and_quoted_lines_are_nobodys_own_words():
    quoted = (
        "> The harbour of Vik reopens to ferries on Monday.\nThe first ferry to Vik is cancelled, its harbour is shut."
    )
    assert (
        best(thread(quoted, "Harbour of Vik shut?"), None).text
        == "The first ferry to Vik is cancelled, its harbour is shut."
    )
    assert best(thread("The harbour of Vik reopens to ferries on Monday.", kind="repost"), None) is None


WORDS = st.sampled_from(
    [
        "harbour",
        "Vik",
        "ferries",
        "opens",
        "I",
        "not",
        ".",
        "!",
        "?",
        "\n",
        ">",
        "“",
        "”",
        "#",
        "@ada",
        "https://a.example",
        "🎉",
        "雨です。",
        "wrong",
        "great",
        "should",
    ]
)


@given(st.lists(st.tuples(st.lists(WORDS, max_size=40).map(" ".join), st.none() | st.just("A title")), max_size=6))
def test_any_story_gives_pieces_of_its_own_posts_and_twice_the_same(parts):
    posts = [said(number, text, title) for number, (text, title) in enumerate(parts)]
    one, pair = best(posts, "Vik"), opposing(posts)
    assert (one, pair) == (best(posts, "Vik"), opposing(posts))
    for found in filter(None, [one, *(pair or ())]):
        post = posts[found.post_id].post
        assert found.text in folded(post.text) or found.text == post.title
    if pair:
        assert pair[0].post_id != pair[1].post_id


# Opposing voices

OPPOSED = [
    ("The new bus lane is a relief. My ride to work takes half the time since Monday.",
     "The bus lane is a disaster for every shop in the street. Nobody can unload any more."),
    ("Long overdue. Four day weeks make sense and the team gets just as much done.",
     "Four days at five days' stress, what nonsense. Parents with fixed hours suffer most."),
    ("The council should plant trees along Mill Lane this spring.",
     "The council should not plant trees along Mill Lane this spring, the pipes are there."),
    ("Endlich! Das Freibad bleibt auch im Oktober offen, darauf haben viele gewartet.",
     "Im Oktober heizt doch keiner mehr ein Freibad, was für eine Verschwendung von Geld."),
    ("Enfin une rue sans voitures. Les enfants jouent dehors depuis ce matin, quel soulagement.",
     "C'est une honte pour les commerçants. Plus personne ne peut livrer dans la rue."),
    ("Por fin cierran la calle al tráfico, ya era hora de que los niños puedan jugar.",
     "Cerrar la calle es un desastre para las tiendas y para quien vive aquí."),
    ("Eindelijk een straat zonder auto's, hoog tijd voor de kinderen in onze buurt.",
     "Belachelijk plan, de winkels in de straat krijgen geen enkele levering meer."),
    ("Finalmente fecharam a rua, as crianças podem brincar e ficou muito melhor.",
     "Fechar a rua é um desastre para as lojas e para os moradores daqui."),
]  # fmt: skip
UNOPPOSED = [
    # both for it, both against it, a joke, a question, facts, one voice, too short, both sides in one
    ("What a relief, the bus lane is open. Ten minutes saved each day.",
     "The bus lane works great. My mother takes it to the market now."),
    ("The bus lane is a disaster for the shops in our street, honestly.",
     "Ridiculous bus lane. Half of it is parked full on the first day."),
    ("The lane is painted red, so we finally know where the paint went.",
     "Somebody has parked a piano on the bus lane and is playing it."),
    ("Does the lane hold for bicycles as well, or for buses only?",
     "The lane runs from the station to the mill and back again."),
    ("Great.", "Awful."),
    ("The lane is a relief for buses and a disaster for everybody else who drives there.",
     "I walk past the lane every morning and count the buses, eleven so far."),
    ("Not a bad idea to paint it red, you can see it from the hill now.",
     "Well done to the painters, who worked through the night in the rain."),
    ("Sorry to all who waited this morning, the lane opens an hour later than planned.",
     "Thanks for waiting this morning, the first bus has just left the station."),
    ("Our right to the lane is written down in the act of 1974, page nine.",
     "The left lane is closed until noon because of a fallen tree."),
]  # fmt: skip


@pytest.mark.parametrize("pair", OPPOSED)
def test_opposite_sides_are_found_in_their_own_words(pair):
    found = opposing(thread("Look at this, everybody.", pair[1], "The street from above, half past eight.", pair[0]))
    assert found is not None
    assert [one.post_id for one in found] == [4, 2]  # who is for it stands first
    assert all(one.text in text for one, text in zip(found, pair, strict=True))


@pytest.mark.parametrize("pair", UNOPPOSED)
def test_those_who_do_not_argue_are_left_in_peace(pair):
    assert opposing(thread(*pair)) is None


def test_nobody_is_set_against_themselves():
    texts = OPPOSED[0]
    assert opposing(thread(*texts, author="Ada")) is None
    assert opposing(thread(*texts), {1: "Ada", 2: "Ada"}) is None
    assert opposing(thread(*texts, author=None)) is not None


def test_reports_reposts_and_adverts_take_no_side():
    praise, complaint = OPPOSED[0]
    assert opposing([said(1, praise, "A column"), said(2, complaint)]) is None
    assert opposing([said(1, praise, kind="repost"), said(2, complaint)]) is None
    assert opposing([said(1, f"{praise} Book a tour now: sign up"), said(2, complaint)]) is None


def test_a_long_argument_is_quoted_where_it_takes_its_side():
    long = (
        "We live on the corner and count the buses. " * 4
        + "The lane is a relief. It saves us ten minutes. "
        + "And so on it goes. " * 9
    )
    found = opposing(thread(long, OPPOSED[0][1]))
    assert "The lane is a relief." in found[0].text
    assert summaries.sentences.count_words(found[0].text) <= summaries.LONG


def test_no_posts_say_nothing():
    assert opposing([]) is None
    assert best([], None) is None
