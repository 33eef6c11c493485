"""The second look: only at posts the first is unsure about, only where it is installed, and worth its price."""

import hashlib
import json
import math
import random
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from listener.types import LABELS, Post
from models import artefact, classifier, second
from models.classifier import SHIPPED, Classifier, load
from models.evaluate import evaluate, main, rows_from
from models.pieces import LAST, LENGTH, Pieces

DATA = Path(__file__).parent / "data" / "classifier"
MODEL = artefact.read(SHIPPED)
FIRST = load(SHIPPED)
ROWS = [row for path in sorted(DATA.glob("*.jsonl")) for row in rows_from(path.read_text().splitlines(), path.name)]
POSTS = [Post("", str(n), text=row.text) for n, row in enumerate(ROWS)]
ABOUT = json.loads(second.ABOUT.read_text(encoding="utf-8"))
needs_network = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="the extra `second` is not installed")


class Recording(second.Second):
    """A second look that says the same of every text and remembers which it read."""

    def logits(self, text):
        self.about.setdefault("read", []).append(text)
        return [3.0, -3.0, 0.0]


def recording(**changes):
    given = {
        "version": "1-test",
        "base": MODEL.version,
        "sha256": "",
        "unsure": {"lead": (0.2, 0.8), "question": (0.4, 0.6), "news": (0.4, 0.6)},
        "mix": {"lead": (0.5, 1.0, 0.25), "question": (1.0, 0.0, 0.0), "news": (0.0, 1.0, -1.0)},
        "thresholds": {"lead": 0.31, "question": 0.32, "news": 0.33},
        "about": {},
    }
    return Recording(**given | changes)


def test_only_posts_that_the_first_look_is_unsure_about_are_looked_at():
    again = recording()
    found = Classifier(MODEL, again).score(POSTS)
    unsure = [number for number, scores in enumerate(FIRST.score(POSTS)) if again.wants(scores)]
    assert 0 < len(unsure) < len(POSTS) / 2
    assert again.about["read"] == [POSTS[number].text for number in unsure]
    for number, (before, after) in enumerate(zip(FIRST.score(POSTS), found, strict=True)):
        assert (before != after) == (number in unsure)


def test_a_post_is_unsure_where_the_chance_of_any_label_lies_between_its_cuts():
    again = recording()
    assert not again.wants({"lead": 0.1, "question": 0.9, "news": 0.1})
    assert again.wants({"lead": 0.21, "question": 0.9, "news": 0.1})
    assert again.wants({"lead": 0.9, "question": 0.9, "news": 0.41})
    assert not again.wants({"lead": 0.81, "question": 0.61, "news": 0.39})


def test_both_looks_are_followed_as_far_as_was_learnt():
    found = recording().look("a", {"lead": 0.5, "question": 0.3, "news": 0.9})
    assert found["lead"] == pytest.approx(1 / (1 + math.exp(-3.25)))
    assert found["question"] == pytest.approx(0.3)
    assert found["news"] == pytest.approx(1 / (1 + math.exp(1)))


def test_with_a_second_look_version_and_thresholds_are_others_and_the_first_can_still_be_had():
    both = Classifier(MODEL, recording())
    assert both.version == f"{MODEL.version}.1-test"
    assert both.thresholds == {"lead": 0.31, "question": 0.32, "news": 0.33}
    assert both.first.version == FIRST.version
    assert both.first.score(POSTS[:9]) == FIRST.score(POSTS[:9])


def test_a_post_scores_the_same_alone_and_in_company():
    both = Classifier(MODEL, recording())
    assert [both.score([post])[0] for post in POSTS] == both.score(POSTS)


def test_without_the_extra_nothing_changes(monkeypatch):
    monkeypatch.setattr(classifier, "find_spec", lambda name: None)
    alone = load()
    assert alone.again is None
    assert alone.version == FIRST.version
    assert alone.thresholds == FIRST.thresholds
    assert alone.score(POSTS) == FIRST.score(POSTS)


def test_a_model_of_ones_own_has_no_second_look():
    assert load(SHIPPED).again is None


def test_the_shipped_second_look_fits_the_shipped_first_one():
    found = second.load(MODEL.version)
    assert found is not None
    assert found.sha256 == hashlib.sha256(second.NETWORK.read_bytes()).hexdigest()
    assert set(found.unsure) == set(found.mix) == set(found.thresholds) == set(LABELS)


def test_a_second_look_to_another_first_one_is_left_alone():
    assert second.load("3-0123456789") is None
    assert second.measured("3-0123456789") is None


DAMAGED = {
    "no JSON": "{",
    "a list": "[]",
    "nothing in it": "{}",
    "another format": json.dumps(ABOUT | {"format": 9}),
    "a mix of two": json.dumps(ABOUT | {"mix": {label: [1, 2] for label in LABELS}}),
    "a number that is none": json.dumps(ABOUT | {"thresholds": dict.fromkeys(LABELS, math.inf)}),
    "another network": json.dumps(ABOUT | {"sha256": "0" * 64}),
    "cuts missing": json.dumps(ABOUT | {"unsure": {}}),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_second_look_is_told_and_the_first_stands(name, tmp_path, caplog):
    about = tmp_path / "second.json"
    about.write_text(DAMAGED[name])
    assert second.load(MODEL.version, about) is None
    assert "no second look" in caplog.text


def test_a_missing_file_is_no_second_look(tmp_path, caplog):
    assert second.load(MODEL.version, tmp_path / "none.json") is None
    assert second.load(MODEL.version, network=tmp_path / "none.onnx") is None
    assert second.measured(MODEL.version, tmp_path / "none.json") is None
    assert not caplog.text


def test_a_network_that_was_changed_is_never_run(tmp_path, caplog):
    changed = tmp_path / "second.onnx"
    data = bytearray(second.NETWORK.read_bytes())
    data[random.Random(1).randrange(len(data))] ^= 1
    changed.write_bytes(data)
    assert second.load(MODEL.version, network=changed) is None
    assert "is another one" in caplog.text


def test_it_wins_what_it_must_to_be_shipped_and_is_small():
    won = {label: found["won"] for label, found in ABOUT["about"]["figures"]["labels"].items()}
    assert all(gain >= 0.02 and low > 0 for gain, low, _ in won.values())
    assert second.NETWORK.stat().st_size < 20_000_000


def test_without_data_its_figures_are_printed_beside_those_of_the_first_look(capsys):
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["second_look"] == ABOUT["about"]["figures"]["labels"]
    assert found["labels"] == MODEL.about["figures"]["labels"]
    assert main([]) == 0
    assert "with the second look" in capsys.readouterr().out


def test_measuring_a_second_look_measures_the_first_too():
    found = evaluate(Classifier(MODEL, recording()), ROWS)
    alone = evaluate(FIRST, ROWS)
    assert found["first_look"] == alone["labels"] != found["labels"]
    assert 0 < found["looked_at_again"] < 0.5
    assert "first_look" not in alone


def test_the_card_tells_the_figures_of_the_second_look():
    card, told = (second.ABOUT.with_name("CARD.md")).read_text(encoding="utf-8"), ABOUT["about"]["figures"]
    for label, found in told["labels"].items():
        gain, low, high = (100 * value for value in found["won"])
        figures = [found[name] for name in ("average_precision", "precision", "recall")]
        row = " | ".join(f"{value:.2f}" for value in figures)
        assert f"| {label} | {found['threshold']:.3f} | {row} | {gain:.0f} ({low:.0f}–{high:.0f}) |" in card
    assert f"{told['looked_at_again']:.0%} of the posts" in re.sub(r"\s+", " ", card).replace(" %", "%")


# pieces

CUT = Pieces(["[UNK]", "[CLS]", "[SEP]", "plumb", "##er", "##s", "http", "@", "a", "?", "_", "##mb", "pl"])


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Plumbers?", [3, 4, 5, 9]),
        ("PLÜMBER", [3, 4]),
        ("plumbing a", [0, 8]),
        ("plumb_a", [3, 10, 8]),
        ("https://a.test/a?a @a.b www.a.test", [6, 7, 6]),
        ("á", [8]),
        ("水 a", [0, 8]),
        ("", []),
    ],
)
def test_a_text_is_cut_into_the_longest_known_pieces(text, numbers):
    assert CUT.numbers(text) == [1, *numbers, 2]


def test_of_a_long_text_the_beginning_and_the_end_are_read():
    found = CUT.numbers("a " * 500 + "? " * LAST)
    assert len(found) == LENGTH
    assert found[-LAST - 1 : -1] == [9] * LAST
    assert set(found[1 : -LAST - 1]) == {8}


# the network itself


@needs_network
def test_the_network_knows_a_need_from_an_advert_and_news_from_chatter():
    both = load()
    assert both.again is not None
    need, advert, news, chatter = both.score(
        [
            Post(
                "", "1", text="Our studio moves next month. Who would you trust with the server, and what did it cost?"
            ),
            Post("", "2", text="We move servers for studios. DM us for a quote."),
            Post("", "3", text="The city council voted tonight to close the old bridge"),
            Post("", "4", text="Monday again, and the coffee is cold"),
        ]
    )
    assert need["lead"] > 3 * advert["lead"]
    assert need["question"] > advert["question"]
    assert news["news"] > 3 * chatter["news"]


@needs_network
def test_the_network_says_the_same_of_a_post_in_any_company():
    both = load()
    assert [both.score([post])[0] for post in POSTS[:12]] == load().score(POSTS[:12])
    assert both.score([Post("", "1", text="水 " * 9_000)])[0]["lead"] < 0.5
