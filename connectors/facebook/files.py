"""Which files of an export are read."""

import re
from typing import Final

from listener.exports import Export

ENTRIES: Final = 500_000
"""Exports hold every picture as a file of its own."""
NAMES: Final = re.compile(
    r"(?:your_posts(?:__check_ins__photos_and_videos)?|profile_posts|comments|your_posts_in_groups|your_comments_in_groups"
    r"|group_posts_and_comments)(?:_\d{1,3})?\.json"
)
EXPORT: Final = Export(".json", lambda name: NAMES.fullmatch(name) is not None, ENTRIES, deep=True)
