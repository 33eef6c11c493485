"""dev.to: an article; its lists have no recording."""

import json

from tests.cases import Case

ARTICLE = "devto/article_org_TRIMMED.json"
LISTED = {"id": 3773107, "title": "What was your win this week?", "published_timestamp": "2026-06-12T06:00:00Z"}
LISTED |= {"url": "https://dev.to/devteam/what-was-your-win-this-week-4k11"}
CASES = [
    Case("devto", "article/devteam/slug", {"/api/articles/devteam/slug": ARTICLE}, posts=1),
    Case(
        "devto",
        "tag/discuss",
        {"/api/articles/3773107": ARTICLE},
        {"/api/articles": json.dumps([LISTED]).encode()},
        posts=1,
    ),
]
SPOILT = {"devto": CASES[1]}
QUERIES = ("latest", "tag/x", "article/1")
