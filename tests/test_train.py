"""Training on a small corpus of our own: the file loads, ranks the obvious, and is the same each time."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from listener.errors import ModelError
from listener.types import LABELS, Post
from models import artefact, rows, train
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
    recent = [row | {"source": f"garden {n % 4}"} for n, row in enumerate(posts_of(""))]
    (gold / "recent.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in recent))
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
def own(folder):
    """Write a folder of our own posts, one file kept for tests."""
    own = folder.parent / "corpus"
    own.mkdir()
    found = [row | {"text": f"Dear all, {row['text']}", "platform": f"p{n % 3}"} for n, row in enumerate(posts_of(""))]
    for name, part in (("talk", found[:30]), ("held-talk", found[30:])):
        (own / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in part))
    return own


@pytest.fixture(scope="module")
def words():
    return artefact.read(SHIPPED).table


@pytest.fixture(scope="module")
def corpus(folder, own, words):
    return rows.read_corpus(folder, words, own)


@pytest.fixture(scope="module", autouse=True)
def own_posts_only_of_here(own):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "read_corpus", lambda data, words: rows.read_corpus(data, words, own))
        yield


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
    assert about["rows"] == {
        "gold, natural mix": 40,
        "gold, sample of the weak corpus": 10,
        "our own": 30,
        "weak": 40,
    }
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


def test_posts_kept_for_tests_are_never_trained_on(corpus, own):
    kept = {row.text for row in rows.rows_of([own / "held-talk.jsonl"])}
    assert len(kept) == 10
    assert not kept & {row.text for row in corpus.rows}


def test_no_row_is_scored_by_a_model_that_saw_its_source(corpus, monkeypatch):
    fitted, baselines = [], []
    fit, tfidf = train.fit, train.tfidf

    def seen_fit(corpus, chosen):
        fitted.append(set(corpus.sources[chosen]))
        return fit(corpus, chosen)

    def seen_tfidf(learnt):
        baselines.append({row.source for row in learnt})
        return tfidf(learnt)

    monkeypatch.setattr(train, "fit", seen_fit)
    monkeypatch.setattr(train, "tfidf", seen_tfidf)
    held = train.left_out(corpus, 2, train.fit_apart(corpus))
    assert (held.fold >= 0).tolist() == corpus.judged.tolist()
    assert len(fitted) == len(baselines) == 2
    for number, (one, other) in enumerate(zip(fitted, baselines, strict=True)):
        assert not (one | other) & set(corpus.sources[held.fold == number])
    assert held.scores[corpus.judged].any()


def test_no_row_is_scored_by_a_model_that_saw_its_platform_nor_the_weak_rows_of_it(corpus, monkeypatch):
    renamed = [replace(row, platform="twitter") if kind == "weak" else row for row, kind in corpus._pairs()]
    fitted, apart = [], []

    def seen_fit(part, chosen, fit=train.fit):
        fitted.append({row.platform for row in part.rows})
        return fit(part, chosen)

    def seen_apart(part, fit=train.fit_apart):
        apart.append({row.platform for row in part.rows})
        return fit(part)

    monkeypatch.setattr(train, "fit", seen_fit)
    monkeypatch.setattr(train, "fit_apart", seen_apart)
    scores = train.platforms_left_out(replace(corpus, rows=renamed))
    assert fitted == apart == [{"p0", "p1", "p2"}]
    assert scores[corpus.judged].any(axis=1).all()
    assert not scores[~corpus.judged].any()


def test_the_file_tells_the_figures_of_platforms_left_out_whole(trained):
    told = load(trained).about["figures"]["platform left out"]
    assert list(told) == ["all", "x"]
    assert told["all"] == told["x"]
    assert all(0 < value <= 1 for value in told["x"])


def test_a_large_platform_is_left_out_by_itself_and_small_ones_together(corpus, monkeypatch):
    platforms = ["a" if n % 2 else f"b{n % 3}" for n in range(len(corpus.rows))]
    spread = replace(
        corpus, rows=[replace(row, platform=name) for row, name in zip(corpus.rows, platforms, strict=True)]
    )
    left = []
    monkeypatch.setattr(train, "ALONE", 15)
    monkeypatch.setattr(train, "fit_apart", lambda part: left.append({row.platform for row in part.rows}))
    monkeypatch.setattr(train, "fit", lambda part, chosen: (None, None))
    nothing = train.Linear(np.zeros((spread.X.shape[1], 3)), np.zeros((spread.D.shape[1], 3)), np.ones(3))
    monkeypatch.setattr(train, "combined", lambda *parts: nothing)
    assert (train.platforms_left_out(spread)[spread.judged] == 1).all()
    assert left == [{"b0", "b1", "b2"}, {"a"}]


def test_without_a_data_folder_our_own_posts_are_enough_and_whole_platforms_are_left_out(tmp_path, capsys):
    out = tmp_path / "own.npz"
    assert train.main(["--data", str(tmp_path / "nowhere"), "--out", str(out), "--folds", "2"]) == 0
    assert "nowhere is not there: learning from models/corpus alone" in capsys.readouterr().err
    about = load(out).about
    assert about["figures"]["left out"] == "whole platforms, 2 groups in turn"
    assert about["rows"]["our own"] == about["figures"]["rows"] == 30
    assert list(about["figures"]["platform"]) == ["p0", "p1", "p2"]


def test_the_shipped_weights_score_as_the_trained_ones_did(trained, corpus):
    classifier = load(trained)
    linear = train.combined(*train.fit(corpus, corpus.kinds != "weak"), train.fit_apart(corpus))
    model, strong = classifier._model, corpus.kinds != "weak"
    pairs = np.array([model.calibration[label] for label in LABELS])
    expected = train.chances_of(linear.scores(corpus.X[strong], corpus.D[strong]), pairs)
    texts = [row.text for row, kept in zip(corpus.rows, strong, strict=True) if kept]
    found = classifier.score([Post("", str(n), text=text) for n, text in enumerate(texts)])
    for column, label in enumerate(LABELS):
        assert [score[label] for score in found] == pytest.approx(expected[:, column].tolist(), abs=2e-3)


def linear_of(grams, meaning):
    return train.Linear(grams, meaning, np.zeros(3))


def test_rounding_keeps_each_weight_to_half_a_step():
    chance = np.random.default_rng(3)
    linear = linear_of(chance.normal(size=(train.features.ROWS, 3)), chance.normal(size=(512, 3)))
    grams, meaning, scales = train.quantise(linear)
    steps = np.repeat(scales[:-1], train.BLOCK_ROWS, axis=0)
    assert (np.abs(grams * steps - linear.grams) <= steps * 0.5001).all()
    assert (np.abs(meaning * scales[-1] - linear.meaning) <= scales[-1] * 0.5001).all()
    assert np.abs(grams.astype(int)).max() == 32_767


def test_the_recipes_say_how_far_each_model_is_followed():
    one = np.zeros((train.features.ROWS, 3))
    one[7] = 1
    meant = np.ones((512, 3))
    nothing = linear_of(one * 0, meant * 0)
    recipes = [train.RECIPES[label] for label in LABELS]
    found = train.combined(linear_of(one, meant * 0), linear_of(one * 0, meant), linear_of(one, meant * 0))
    assert found.meaning[0].tolist() == [recipe.meaning for recipe in recipes]
    # Who needs something mostly asks, so lead follows the question too.
    asked = [train.QUESTION_IN_LEAD, 0, 0]
    assert found.grams[7].tolist() == [1 + more + recipe.apart for more, recipe in zip(asked, recipes, strict=True)]
    assert not train.combined(nothing, nothing, nothing).grams.any()


def test_weights_of_nothing_round_to_nothing():
    grams, meaning, scales = train.quantise(linear_of(np.zeros((train.features.ROWS, 3)), np.zeros((512, 3))))
    assert not grams.any()
    assert not meaning.any()
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


def test_a_label_that_no_post_has_is_named(words):
    found = [Row("why is that?", frozenset({"question"}), source=str(n)) for n in range(4)] + [Row("tea", frozenset())]
    with pytest.raises(ModelError, match="lead: the rows to learn from need posts with and without"):
        train.fit(rows.corpus_of({"natural": found}, words), np.ones(5, dtype=bool))


def test_nothing_to_learn_from_is_named(tmp_path, words):
    with pytest.raises(ModelError, match="no posts to learn from"):
        rows.read_corpus(tmp_path, words, tmp_path)


def test_features_to_learn_from_are_those_that_are_scored():
    texts = ["any plumber?\nin Leeds", "", "?!"]
    found = rows.matrix(texts)
    assert found.shape == (3, train.features.ROWS)
    blocks = np.split(np.asarray(found.power(2).todense()), (train.features.HEAD_START, train.features.CHAR_START), 1)
    # Text and head are of length 1, characters of about 1 or absent.
    lengths = np.array([block.sum(axis=1) for block in blocks])
    assert lengths[:2] == pytest.approx(1, abs=1e-5)
    assert lengths[2] == pytest.approx([1, 0, 0], abs=0.2)
    assert rows.matrix([]).shape == (0, train.features.ROWS)


def test_meaning_to_learn_from_is_what_is_scored(words):
    texts = ["any plumber?\nin Leeds", "", "good tea"]
    found = rows.directions(texts, words)
    shipped = load().embed([Post("", text, text=text) for text in texts])
    assert found[:, : shipped.shape[1]] == pytest.approx(shipped, abs=1e-6)
    assert found[0, shipped.shape[1] :] == pytest.approx(load().embed([Post("", "", text="any plumber?")])[0], abs=1e-6)


def test_truth_has_a_column_for_each_label():
    assert truth_of([Row("", frozenset({"news"})), Row("", frozenset())]).tolist() == [
        [False] * 2 + [True],
        [False] * 3,
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data, which this checkout does not have")
def test_the_shipped_file_was_trained_on_the_shared_gold():
    about = load().about
    gold = rows.rows_of([SHARED / "gold" / "recent.jsonl"])
    truth = truth_of(gold)
    assert about["rows"]["gold, natural mix"] == len(gold)
    assert {row.source for row in gold} < set(about["sources"])
    positives = [about["figures"]["labels"][label]["positives"] for label in LABELS]
    assert positives == truth.sum(axis=0).tolist()


def test_a_classifier_is_made_of_a_model_in_memory_too(corpus, words):
    model = train.train(corpus, words, 2)
    assert Classifier(model).thresholds == model.thresholds
