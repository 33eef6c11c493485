"""The second look: a small transformer reads the posts that the first look is unsure about.

It comes with the extra `second` (onnxruntime); without that, or without its file, nothing changes. `second.json` says
which posts it looks at and how far it is followed, and names the network in `second.onnx` by its SHA-256, so that
nothing else is ever run. `models/second_train.py` makes both.
"""

import hashlib
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from listener.types import LABELS, Label, Scores
from models.pieces import Pieces

log = logging.getLogger(__name__)

ABOUT: Final = Path(__file__).with_name("second.json")
NETWORK: Final = Path(__file__).with_name("second.onnx")
FORMAT: Final = 1


@dataclass(frozen=True)
class Second:
    """A second look that is ready; its network is read at the first post that needs it. Threads may share one."""

    version: str
    base: str
    """Version of the first look that it was fitted to; it fits no other."""
    sha256: str
    unsure: Mapping[Label, tuple[float, float]]
    """A post is looked at where the first look's chance of a label lies between these."""
    mix: Mapping[Label, tuple[float, float, float]]
    """What the first look's logit counts, what the network's does, and a constant."""
    thresholds: Mapping[Label, float]
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Measured figures; JSON values, hence Any."""
    network: Path = field(default=NETWORK, repr=False)

    def wants(self, scores: Scores) -> bool:
        """Tell whether the first look is unsure."""
        return any(low < scores[label] < high for label, (low, high) in self.unsure.items())

    def look(self, text: str, scores: Scores) -> Scores:
        """Read a text and give better scores."""
        found: dict[Label, float] = {}
        for label, seen in zip(LABELS, self.logits(text), strict=True):
            first, second, level = self.mix[label]
            logit = first * _logit(scores[label]) + second * seen + level
            found[label] = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
        return found

    def logits(self, text: str) -> list[float]:
        """Give what the network itself says."""
        run, pieces = self._loaded
        return run(pieces.numbers(text))

    @cached_property
    def _loaded(self) -> tuple[Callable[[Sequence[int]], list[float]], Pieces]:
        import numpy as np

        session = session_of(self.network.read_bytes())
        pieces = Pieces(session.get_modelmeta().custom_metadata_map["pieces"].split("\n"))

        def run(numbers: Sequence[int]) -> list[float]:
            [logits] = session.run(None, {"pieces": np.array([numbers], np.int64)})
            return [float(logit) for logit in logits[0]]

        return run, pieces


def session_of(network: bytes) -> Any:
    """Make a network ready to run, on one core."""
    import onnxruntime  # type: ignore[import-not-found, import-untyped, unused-ignore]  # only who asked for it has it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def load(base: str, about: Path = ABOUT, network: Path = NETWORK) -> Second | None:
    """Give the second look that fits a first one; None where there is none, or it fits another."""
    if not about.is_file() or not network.is_file():
        return None
    try:
        found = _second(json.loads(about.read_text(encoding="utf-8")), network)
        if found.base == base and hashlib.sha256(network.read_bytes()).hexdigest() != found.sha256:
            raise ValueError(f"{network.name} is another one")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("no second look, %s is damaged: %s", about, error)
        return None
    return found if found.base == base else None


def measured(base: str, about: Path = ABOUT) -> Mapping[str, Any] | None:
    """Give the figures of the second look to a first one, from posts of left-out sources; None where there is none."""
    if not about.is_file():
        return None
    found = json.loads(about.read_text(encoding="utf-8"))
    return dict(found["about"]["figures"]) if found["base"] == base else None


def _second(found: Mapping[str, Any], network: Path) -> Second:
    if found["format"] != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    numbers = {name: {label: _numbers(found[name][label], size) for label in LABELS} for name, size in _SIZES.items()}
    return Second(
        version=str(found["version"]),
        base=str(found["base"]),
        sha256=str(found["sha256"]),
        unsure={label: (pair[0], pair[1]) for label, pair in numbers["unsure"].items()},
        mix={label: (three[0], three[1], three[2]) for label, three in numbers["mix"].items()},
        thresholds={label: one[0] for label, one in numbers["thresholds"].items()},
        about=dict(found["about"]),
        network=network,
    )


_SIZES: Final = {"unsure": 2, "mix": 3, "thresholds": 1}


def _numbers(values: Any, size: int) -> list[float]:
    found = [float(value) for value in (values if isinstance(values, list) else [values])]
    if len(found) != size or not all(math.isfinite(value) and abs(value) < 1e3 for value in found):
        raise ValueError("it holds numbers that are none, or too many of them")
    return found


def _logit(chance: float) -> float:
    bounded = min(max(chance, 1e-13), 1 - 1e-13)
    return math.log(bounded / (1 - bounded))
