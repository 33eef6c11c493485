"""Which language a post is in, where its platform does not say: py3langid, whose model lies in the package.

Measured on 796 posts of ours in six languages: at `SURE` it speaks of 98 in 100 and was never wrong; 0.15 ms a post.
"""

import re
import threading
from typing import Any, Final

from listener.types import Post

SURE: Final = 0.5
"""Less sure than this is no answer."""
LETTERS_MIN: Final = 12
"""A text of fewer letters could be anything."""
READ_CHARS: Final = 120
NONE: Final = "zxx"
"""What the library calls a text that is none."""

# Links and names are the same in every language.
_NAMES: Final = re.compile(r"https?://\S+|www\.\S+|[@#]\S+")


class Detector:
    """Says the language of posts; the library, some 80 MB of memory, is loaded at the first question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._identifier: Any = None  # Any: the library has no types

    def __call__(self, post: Post) -> str | None:
        """Give the language as a lower-case code; None: too short, or not sure."""
        text = _NAMES.sub(" ", f"{post.title or ''} {post.text}"[: 4 * READ_CHARS])[:READ_CHARS]
        if sum(map(str.isalpha, text)) < LETTERS_MIN:
            return None
        code, sure = self._loaded().classify(text)
        return str(code) if sure >= SURE and code != NONE else None

    def _loaded(self) -> Any:
        with self._lock:
            if self._identifier is None:
                from py3langid.langid import MODEL_FILE, LanguageIdentifier

                self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
            return self._identifier
