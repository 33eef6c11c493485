"""Measuring the classifier: figures equal to scikit-learn's, and a command that says which line is bad."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from listener.errors import ModelError
from listener.types import LABELS
from models import baselines, evaluate
from models.classifier import SHIPPED, load
from models.evaluate import average_precision, calibration_error, figures, main, rows_from, truth_of

DATA = str(Path(__file__).parent / "data" / "classifier" / "posts.jsonl")
THRESHOLDS = {"lead": 0.5, "question": 0.3, "news": 0.9}


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    """Spend no time on intervals where they are not the subject."""
    monkeypatch.setattr(evaluate, "ROUNDS", 50)


def line(text="Any plumber?", labels=("lead",), **rest):
    return json.dumps({"text": text, "labels": list(labels), **rest})


def test_average_precision_is_scikit_learns_with_and_without_equal_scores():
    chance = np.random.default_rng(5)
    for size in (1, 2, 10, 300):
        for digits in (1, 2, 12):
            truth, scores = chance.random(size) < 0.3, chance.random(size).round(digits)
            truth[0] = True
            assert average_precision(truth, scores) == pytest.approx(average_precision_score(truth, scores))


def test_precision_recall_and_f1_are_scikit_learns():
    chance = np.random.default_rng(6)
    truth, chances = chance.random((200, 3)) < 0.4, chance.random((200, 3))
    for column, (label, found) in enumerate(figures(truth, chances, THRESHOLDS).items()):
        said = chances[:, column] >= THRESHOLDS[label]
        for name, measure in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
            assert found[name] == pytest.approx(measure(truth[:, column], said), abs=0.0005)


def test_calibration_error_is_how_far_chances_are_from_what_happened():
    assert calibration_error(np.array([True, False]), np.array([1.0, 0.0])) == 0
    assert calibration_error(np.array([False, True]), np.array([1.0, 0.0])) == 1
    # Four posts at 0.7 of which two are right: 0.2 too sure.
    assert calibration_error(np.array([True, True, False, False]), np.full(4, 0.7)) == pytest.approx(0.2)


def test_an_interval_holds_its_figure_and_narrows_with_more_posts():
    chance = np.random.default_rng(7)
    widths = []
    for size in (100, 2_000):
        truth = chance.random((size, 3)) < 0.4
        found = figures(truth, np.clip(truth * 0.3 + chance.random((size, 3)) * 0.7, 0, 1), THRESHOLDS)["lead"]
        low, high = found["average_precision_interval"]
        assert low <= found["average_precision"] <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_the_same_rows_give_the_same_intervals():
    chance = np.random.default_rng(8)
    truth, chances = chance.random((50, 3)) < 0.4, chance.random((50, 3))
    assert figures(truth, chances, THRESHOLDS) == figures(truth, chances, THRESHOLDS)


def test_what_the_rows_cannot_tell_is_none_and_a_dash():
    found = figures(np.zeros((4, 3), bool), np.full((4, 3), 0.1), THRESHOLDS)
    assert [found["lead"][name] for name in ("average_precision", "precision", "recall", "f1")] == [None] * 4
    assert "| lead | 0 of 4 | 0.500 | – | – | – | – | 0.10 (0.10–0.10) |" in evaluate.table(found)
    assert figures(truth_of([]), np.zeros((0, 3)), THRESHOLDS)["news"]["calibration_error"] is None


def test_rows_are_read_with_title_none_and_empty_lines():
    lines = [line(title="Leeds", source="a", lang=None), "", line("x", ["none"]), line("y", [])]
    first, *rest = rows_from(lines, "some.jsonl")
    assert (first.text, first.labels, first.source, first.lang) == ("Leeds\nAny plumber?", {"lead"}, "a", "")
    assert [row.labels for row in rest] == [set(), set()]


@pytest.mark.parametrize(
    "bad",
    ["{", "[]", "1", '{"text": "x"}', '{"labels": []}', line(labels=["spam"]), line(labels=[["lead"]]), line(text=5),
     '{"text": "x", "labels": 1}', '{"text": "x", "labels": null}'],
)  # fmt: skip
def test_a_bad_line_is_named(bad):
    with pytest.raises(ModelError, match=r"some\.jsonl, line 3: needs an object with text and labels"):
        rows_from([line(), "", bad], "some.jsonl")


def test_json_gives_average_precision_under_each_label(capsys):
    assert main([DATA, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["labels"]) == list(LABELS)
    assert all(0.9 < found["labels"][label]["average_precision"] <= 1 for label in LABELS)
    assert (found["model"], found["rows"]) == (load().version, 64)


def test_three_baselines_are_measured_on_the_same_rows(capsys):
    assert main([DATA, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["baselines"]) == ["keyword rules", "question mark", "TF-IDF on models/corpus"]
    for labels in found["baselines"].values():
        assert [labels[label]["positives"] for label in LABELS] == [
            found["labels"][label]["positives"] for label in LABELS
        ]
    assert found["baselines"]["question mark"]["news"]["recall"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("Anyone know a plumber?", [1, 1, 0]), ("BREAKING: bridge closed", [0, 0, 1]), ("good morning", [0, 0, 0])],
)
def test_keyword_rules_say_yes_where_a_word_of_theirs_stands(text, said):
    assert baselines.keywords([text]).tolist() == [said]


def test_a_question_mark_in_a_link_is_none():
    texts = ["why?", "see https://example.org/?a=b"]
    assert baselines.question_mark(texts).tolist() == [[1, 1, 0], [0, 0, 0]]


def test_without_data_the_figures_of_the_file_are_printed(capsys):
    assert main(["--json"]) == 0
    held = load(SHIPPED).about["figures"]
    found = json.loads(capsys.readouterr().out)
    assert found.pop("second_look")
    assert found == {
        "model": load(SHIPPED).version,
        "rows": held["rows"],
        "labels": held["labels"],
        "baselines": held["baselines"],
    }
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(
        f"model {load(SHIPPED).version}, {held['rows']} rows\n\n{evaluate.table(held['labels'])}\n"
    )
    assert "beside it, TF-IDF\n\n| label" in printed


def test_by_measures_each_group_once_more(capsys):
    assert main([DATA, "--by", "platform", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"reddit", "mastodon"} < set(found["by"])
    assert sum(group["lead"]["rows"] for group in found["by"].values()) == found["rows"]
    assert sum(group["lead"]["positives"] for group in found["by"].values()) == found["labels"]["lead"]["positives"]


def test_by_prints_a_table_for_each_group(tmp_path, capsys):
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join([line(lang="en"), line("good morning", [])]))
    assert main([str(path), "--by", "lang"]) == 0
    printed = capsys.readouterr().out
    assert "\n(none)\n\n| label" in printed
    assert "\nen\n\n| label" in printed
    assert "flatter" not in printed


def test_rows_that_the_model_was_trained_on_are_told(tmp_path, capsys):
    path = tmp_path / "posts.jsonl"
    path.write_text(line(source=load().about["sources"][0]))
    assert main([str(path)]) == 0
    assert f"was trained on {load().about['sources'][0]}: these figures flatter it" in capsys.readouterr().out


def test_a_dash_reads_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{line()}\n{line('good morning', [])}\n"))
    assert main(["-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2


def test_the_command_fails_with_the_bad_line_and_no_traceback(tmp_path, capsys):
    path = tmp_path / "posts.jsonl"
    path.write_text(f"{line()}\nnonsense\n")
    assert main([str(path)]) == 1
    assert f"evaluate: {path}, line 2: needs" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nowhere.jsonl"], ["--model", "nowhere.npz"]])
def test_the_command_fails_where_a_file_is_missing(arguments, capsys):
    assert main(arguments) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_file_that_is_no_utf8_is_named(tmp_path, capsys):
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    assert main([str(path)]) == 1
    assert "posts.jsonl" in capsys.readouterr().err
