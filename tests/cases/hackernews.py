"""Hacker News: Firebase lists and items, Algolia searches."""

import re

from tests.cases import Case

ITEM = r"/v0/item/\d+\.json"
SEARCH = "/api/v1/search_by_date"


def listed(query: str, path: str, file: str, posts: int) -> Case:
    also = ITEM if path.startswith("/v0") else None
    return Case("hackernews", query, {path: f"hackernews/{file}"}, also=also, posts=posts)


def item(file: str, posts: int) -> Case:
    number = re.sub(r"\D", "", file)
    served = {f"/v0/item/{number}.json": f"hackernews/{file}"}
    return Case("hackernews", "show", served, {"/v0/showstories.json": f"[{number}]".encode()}, posts=posts)


CASES = [
    listed("top", "/v0/topstories.json", "firebase_topstories.json", 1),
    listed("new", "/v0/newstories.json", "firebase_newstories.json", 1),
    listed("ask", "/v0/askstories.json", "firebase_askstories.json", 1),
    listed("show", "/v0/showstories.json", "firebase_showstories.json", 1),
    listed("jobs", "/v0/jobstories.json", "firebase_jobstories.json", 1),
    *(item(f"firebase_item_{number}.json", 1) for number in (1000, 8863, 21278790, 21301382, 21337844)),
    *(item(f"firebase_item_{number}.json", 1) for number in (21352239, 21500569, 21500985)),
    item("firebase_item_21501055.json", 0),
    item("firebase_item_3000.txt", 0),
    item("firebase_item_9000.txt", 0),
    listed("search:anthropic", SEARCH, "algolia_search.json", 3),
    listed("comments:", SEARCH, "algolia_search_comments_TRIMMED.json", 2),
    # The platform answered this word with "nodes", a typo that it forgave.
    listed("comments:nodejs", SEARCH, "algolia_search_comments_TRIMMED.json", 0),
]
SPOILT = {
    "hackernews list": listed("ask", "/v0/askstories.json", "firebase_askstories.json", 1),
    "hackernews search": listed("search:anthropic", SEARCH, "algolia_search.json", 3),
}
QUERIES = ("ask", "comments:x", "replies:x")
NOT_READ = {
    "hackernews/firebase_maxitem.txt": "we follow lists and searches, not every single item",
    "hackernews/firebase_updates.json": "edits of items from lists are not followed",
    "hackernews/firebase_user_*.json": "profiles are not read",
}
