"""Instagram: own media and comments, tags, other accounts, hashtags, mentions."""

import json

from tests.cases import Case

ME, LOVE = "17841406338772941", "17843826142012701"
SETTINGS = {"token": "any-token", "user_id": ME}
SENDS_SECRETS = True
WITHOUT_LINK = True  # comments have the address of their medium only, and old answers leave that out
KNOWN = json.dumps({"extra": {"hashtag": LOVE}})


def asked(query: str, path: str, file: str, posts: int, cursor: str | None = None) -> Case:
    return Case("instagram", query, {f"/v24.0/{path}": f"instagram/{file}.json"}, posts=posts, cursor=cursor)


CASES = [
    asked("me/tags", f"{ME}/tags", "graph_tagged_medias", 5),
    asked("user/facebookfordevelopers", ME, "graph_medias_p1", 2),
    asked("on/17846368219941692", "17846368219941692/comments", "graph_comments_p1", 2),
    asked("mention/17889114512354744", ME, "graph_mentioned_media", 1),
    asked("comment/17967008497439572", ME, "graph_mentioned_comment", 1),
    asked("hashtag/developers", "ig_hashtag_search", "graph_hashtag_search", 0),
    asked("hashtag/love", f"{LOVE}/recent_media", "graph_hashtag_recent_medias_p1", 5, KNOWN),
    asked("hashtag/love", f"{LOVE}/recent_media", "graph_hashtag_recent_medias_p2", 5, KNOWN),
    # What a hashtag's best posts are answered with has the same shape, and all fields.
    asked("hashtag/love", f"{LOVE}/recent_media", "graph_hashtag_top_medias_p1", 25, KNOWN),
]
SPOILT = {"instagram": CASES[0], "instagram account": CASES[1], "instagram comments": CASES[2]}
QUERIES = ("me/media", "me/comments", "user/a", "on/12345", "mention/12345", "hashtag/x")
NOT_READ = {
    "instagram/graph_hashtag_info.json": "what a hashtag is called is known",
    "instagram/graph_recently_searched_hashtags.json": "which hashtags count this week is not asked",
    "instagram/graph_user_fields.json": "an account without its posts; they come together",
}
