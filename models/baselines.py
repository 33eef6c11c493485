"""What the classifier is measured against: rules as alert tools have, a question mark, TF-IDF and a linear model."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

import numpy as np

from listener.types import LABELS, Label
from models.evaluate import CORPUS, Floats, Row, rows_from, truth_of

Baseline = Callable[[Sequence[str]], Floats]
"""Texts to chances, (n_texts, len(LABELS))."""
KEYWORDS: Final[dict[Label, re.Pattern[str]]] = {
    "lead": re.compile(
        r"(?i)\b(looking for|recommend\w*|alternatives? to|need an?|any ?one know|hir(e|ing)|quote for|want to buy"
        r"|where can i (buy|get|find)|best .{0,40} for|suggestions?|switch(ing)? from|replacement for|budget)\b"
    ),
    "question": re.compile(
        r"(?i)\b(how (do|can|to|does|would)|what (is|are|do|does|should)|why (do|does|is|are)|any ?one|help|advice"
        r"|should i|can (i|you|someone)|is there|has anyone|tips)\b"
    ),
    "news": re.compile(
        r"(?i)https?://|\b(breaking|announc\w+|launch\w*|releas\w+|reports?|according to|officials?|acquir\w+|today)\b"
    ),
}


def keywords(texts: Sequence[str]) -> Floats:
    """Say yes where a word of the label's list stands."""
    return np.array([[float(bool(KEYWORDS[label].search(text))) for label in LABELS] for text in texts]).reshape(-1, 3)


def question_mark(texts: Sequence[str]) -> Floats:
    """Say question where there is a question mark that is no part of a link, and lead likewise; never news."""
    marked = [float("?" in re.sub(r"https?://\S+", "", text)) for text in texts]
    return np.array([[mark, mark, 0.0] for mark in marked]).reshape(-1, 3)


def tfidf(rows: Sequence[Row]) -> Baseline:
    """Train TF-IDF of words and pairs with logistic regression, as scikit-learn gives them out of the box."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=2 if len(rows) > 500 else 1, sublinear_tf=True)
    inputs, truth = vectors.fit_transform([row.text for row in rows]), truth_of(rows)
    models = [
        LogisticRegression(C=10, solver="liblinear", dual=True, tol=0.1, random_state=0).fit(inputs, truth[:, column])
        for column in range(len(LABELS))
    ]

    def scored(texts: Sequence[str]) -> Floats:
        found = vectors.transform(texts)
        return np.stack([model.predict_proba(found)[:, 1] for model in models], axis=1)

    return scored


@cache
def tfidf_of_corpus() -> Baseline:
    """Train it on our own posts, those kept for tests left out."""
    rows: list[Row] = []
    for path in sorted(CORPUS.glob("*.jsonl")):
        if not path.name.startswith("held-"):
            with path.open(encoding="utf-8") as lines:
                rows += rows_from(lines, path.name)
    return tfidf(rows)


def all_of() -> dict[str, Baseline]:
    """Give the three by name."""
    return {"keyword rules": keywords, "question mark": question_mark, "TF-IDF on models/corpus": tfidf_of_corpus()}
