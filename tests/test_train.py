"""Training on a small corpus of our own: the file loads, ranks the obvious, and is the same each time."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from listener.errors import ModelError
from listener.types import LABELS, Post
from models import artefact, train
from models.classifier import SHIPPED, Classifier, load
from models.evaluate import Row, truth_of

SHARED = Path(__file__).parents[2] / "shared" / "data"
THINGS = ("plumber", "dentist", "roofer", "baker", "tailor", "lawyer", "painter", "florist")
KINDS = {
    "looking for a good {}, can anyone recommend one in town?": ["lead", "question"],
    "why does my {} never answer before noon?": ["question"],
    "BREAKING: court fines the {} of the city, officials announce": ["news"],
    "had tea with my {} and a walk by the river": [],
    "my {} sings in the rain": [],
}


def posts_of(source):
    return [
        {"text": text.format(thing), "labels": labels, "source": source, "platform": "x", "lang": "en"}
        for thing in THINGS
        for text, labels in KINDS.items()
    ]


def data_folder(folder):
    """Write a data folder as the real one is: gold, a sample read again, and weak rows."""
    gold, weak = folder / "gold", folder / "posts"
    gold.mkdir(parents=True)
    weak.mkdir()
    # Each source speaks of its own things, so that a text stands in one source only.
    rows = [row | {"source": f"garden {n % 4}"} for n, row in enumerate(posts_of(""))]
    (gold / "recent.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    sample = [row | {"text": f"Well, {row['text']}"} for row in posts_of("old shed")[:10]]
    (gold / "sample.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in sample))
    old = [row | {"text": f"Hello, {row['text']}", "context": "titles"} for row in posts_of("old shed")]
    old += [sample[0] | {"labels": ["news"]}, old[0] | {"text": "Baker wanted, full time", "context": "tag [Hiring] y"}]
    with gzip.open(weak / "old.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in old)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return data_folder(tmp_path_factory.mktemp("data") / "data")


@pytest.fixture(scope="module")
def corpus(folder):
    return train.read_corpus(folder)


@pytest.fixture(scope="module")
def trained(folder):
    out = folder.parent / "model.npz"
    assert train.main(["--data", str(folder), "--out", str(out), "--folds", "2"]) == 0
    return out


def test_the_trained_file_loads_and_ranks_the_obvious(trained):
    classifier = load(trained)
    lead, question, news, none = classifier.score(
        Post("", text, text=text)
        for text in (
            "can anyone recommend a good cobbler?",
            "why does my cobbler never answer?",
            "BREAKING: officials announce court fines",
            "had a walk by the river",
        )
    )
    assert lead["lead"] > max(question["lead"], news["lead"], none["lead"])
    assert min(lead["question"], question["question"]) > max(news["question"], none["question"])
    assert news["news"] > max(lead["news"], question["news"], none["news"])


def test_the_file_tells_what_it_was_trained_on(trained):
    about = load(trained).about
    assert about["rows"] == {"gold, natural mix": 40, "gold, sample of the weak corpus": 10, "weak": 40}
    assert about["sources"] == ["garden 0", "garden 1", "garden 2", "garden 3", "old shed"]
    assert about["figures"]["left out"] == "whole sources, 2 groups in turn"
    assert about["figures"]["labels"]["lead"]["positives"] == 8


def test_the_same_data_makes_the_same_file(trained, folder, tmp_path, capsys):
    again = tmp_path / "again.npz"
    assert train.main(["--data", str(folder), "--out", str(again), "--folds", "2"]) == 0
    assert again.read_bytes() == trained.read_bytes()
    assert f"model {load(trained).version}\n\n| label |" in capsys.readouterr().out


def test_a_text_of_the_gold_is_not_learnt_a_second_time_with_its_weak_label(corpus):
    texts = [row.text for row in corpus.rows]
    assert len(set(texts)) == len(texts)
    assert not any(row.labels == {"news"} and row.text.startswith("Well, looking") for row in corpus.rows)


def test_groups_that_break_the_guideline_are_left_out(corpus):
    assert "Baker wanted, full time" not in {row.text for row in corpus.rows}


def test_no_row_is_scored_by_a_model_that_saw_its_source(corpus, monkeypatch):
    fitted, scored = [], []
    fit, logits = train.fit, train.logits

    def seen_fit(corpus, chosen):
        fitted.append(set(corpus.sources[chosen]))
        return fit(corpus, chosen)

    def seen_logits(linear, inputs):
        scored.append(inputs.shape[0])
        return logits(linear, inputs)

    monkeypatch.setattr(train, "fit", seen_fit)
    monkeypatch.setattr(train, "logits", seen_logits)
    _, fold = train.left_out(corpus, 2)
    for number, sources in enumerate(fitted):
        assert not sources & set(corpus.sources[fold == number])
    assert sum(scored) == corpus.gold.sum() == (fold >= 0).sum()


def test_the_shipped_weights_score_as_the_trained_ones_did(trained, corpus):
    classifier = load(trained)
    linear = train.fit(corpus, np.ones(len(corpus.rows), dtype=bool))
    model = classifier._model
    pairs = np.array([model.calibration[label] for label in LABELS])
    expected = train.chances_of(train.logits(linear, corpus.X), pairs)
    found = classifier.score([Post("", str(n), text=row.text) for n, row in enumerate(corpus.rows)])
    for column, label in enumerate(LABELS):
        assert [score[label] for score in found] == pytest.approx(expected[:, column].tolist(), abs=1e-3)


def test_rounding_to_a_byte_keeps_each_weight_to_half_a_step():
    chance = np.random.default_rng(3)
    linear = train.Linear(chance.normal(size=(train.features.ROWS, 3)), np.zeros(3))
    weights, scales = train.quantise(linear)
    off = weights * np.repeat(scales, train.BLOCK_ROWS, axis=0) - linear.weights
    assert (np.abs(off) <= np.repeat(scales, train.BLOCK_ROWS, axis=0) * 0.5001).all()
    assert np.abs(weights.astype(int)).max() == 127


def test_weights_of_nothing_round_to_nothing():
    weights, scales = train.quantise(train.Linear(np.zeros((train.features.ROWS, 3)), np.zeros(3)))
    assert not weights.any()
    assert (scales > 0).all()


def test_calibration_finds_the_chances_that_scores_stand_for():
    chance = np.random.default_rng(4)
    logits = chance.normal(size=(20_000, 3)) * 2
    truth = chance.random(logits.shape) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    for slope, offset in train.calibrate(logits, truth):
        assert slope == pytest.approx(0.5, abs=0.05)
        assert offset == pytest.approx(-1, abs=0.1)


def test_a_calibration_never_turns_a_ranking_round():
    logits = np.linspace(-1, 1, 50).repeat(3).reshape(-1, 3)
    assert (train.calibrate(logits, logits < 0)[:, 0] > 0).all()


def test_the_threshold_is_the_lowest_that_holds_the_precision():
    truth, chances = np.array([1, 1, 1, 0, 1, 0, 0, 0]), np.arange(8, 0, -1) / 10
    assert train.threshold_of(truth, chances, 0.8) == 0.4
    assert train.threshold_of(truth, chances, 1.0) == 0.6


def test_a_precision_out_of_reach_gives_way_to_the_best_f1():
    truth, chances = np.array([0, 1, 1, 0, 0, 0]), np.arange(6, 0, -1) / 10
    assert train.threshold_of(truth, chances, 0.9) == 0.4


def test_a_label_that_no_post_has_is_named():
    rows = [Row("why is that?", frozenset({"question"}), source=str(n)) for n in range(4)] + [Row("tea", frozenset())]
    with pytest.raises(ModelError, match="lead: the rows to learn from need posts with and without"):
        train.fit(train.corpus_of(rows), np.ones(5, dtype=bool))


def test_a_folder_without_data_is_named(tmp_path, capsys):
    assert train.main(["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out.npz")]) == 1
    assert "no gold/recent*.jsonl to learn from; name the folder with --data" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_features_to_learn_from_are_those_that_are_scored():
    texts = ["any plumber?\nin Leeds", "", "?!"]
    found = train.matrix(texts)
    assert found.shape == (3, train.features.ROWS)
    blocks = np.split(np.asarray(found.power(2).todense()), (train.features.HEAD_START, train.features.CHAR_START), 1)
    # Text and head are of length 1, characters of about 1 or absent.
    lengths = np.array([block.sum(axis=1) for block in blocks])
    assert lengths[:2] == pytest.approx(1, abs=1e-5)
    assert lengths[2] == pytest.approx([1, 0, 0], abs=0.2)
    assert train.matrix([]).shape == (0, train.features.ROWS)


def test_truth_has_a_column_for_each_label():
    assert truth_of([Row("", frozenset({"news"})), Row("", frozenset())]).tolist() == [
        [False] * 2 + [True],
        [False] * 3,
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data, which this checkout does not have")
def test_the_shipped_file_was_trained_on_the_shared_gold():
    about = load().about
    gold = train._rows_of([SHARED / "gold" / "recent.jsonl"])
    truth = truth_of(gold)
    assert about["rows"]["gold, natural mix"] == len(gold)
    assert {row.source for row in gold} < set(about["sources"])
    positives = [about["figures"]["labels"][label]["positives"] for label in LABELS]
    assert positives == truth.sum(axis=0).tolist()


def test_a_classifier_is_made_of_a_model_in_memory_too(corpus):
    model = train.train(corpus, artefact.read(SHIPPED).table, 2)
    assert Classifier(model).thresholds == model.thresholds
