"""Lobsters: lists of stories, a story with its comments."""

from tests.cases import Case

CASES = [
    Case("lobsters", "hottest", {"/hottest.json": "lobsters/hottest.json"}, posts=25),
    Case("lobsters", "newest", {"/newest.json": "lobsters/hottest.json"}, posts=25),
    Case("lobsters", "s/tdfoqh", {"/s/tdfoqh.json": "lobsters/post_details_tdfoqh.json"}, posts=8),
]
SPOILT = {"lobsters list": CASES[0], "lobsters story": CASES[2]}
QUERIES = ("newest", "hottest", "s/abc123")
NOT_READ = {"lobsters/tags.json": "tags, no stories"}
