"""Threads: own posts, searches."""

from tests.cases import Case

SETTINGS = {"token": "any-token"}
SENDS_SECRETS = True
WITHOUT_LINK = True  # what was deleted, or is not out yet, has none
CASES = [
    Case("threads", "me/threads", {"/v1.0/me/threads": "threads/user_posts_SYNTHETIC.json"}, posts=2),
    Case("threads", "search/first", {"/v1.0/keyword_search": "threads/docs_keyword_search.json"}, posts=1),
]
SPOILT = {"threads": CASES[0], "threads search": CASES[1]}
QUERIES = ("me/threads", "search/x", "conversation/1")
