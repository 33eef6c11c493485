"""X: searches, accounts, mentions, lists, the own timeline. The filtered stream: see `tests/test_x.py`."""

from tests.cases import Case

USERS = r"/2/users"
ME = "1072250532645998596"


def asked(query: str, path: str, file: str, posts: int, **others: str) -> Case:
    recordings = {f"/2/{path}": f"x/{file}", **{f"/2/{where}": f"x/{what}" for where, what in others.items()}}
    return Case("x", query, recordings, also=USERS, posts=posts)


def of_account(query: str, path: str, file: str, posts: int) -> Case:
    return asked(query, f"users/783214/{path}", file, posts, **{"users/by/username/twitter": "v2_get_user.json"})


CASES = [
    asked("search:tweepy", "tweets/search/recent", "v2_search_recent_tweets.json", 10),
    # The same shape, from endpoints that we do not ask.
    asked("search:tweepy", "tweets/search/recent", "v2_search_all_tweets.json", 10),
    asked("search:tweepy", "tweets/search/recent", "v2_get_quote_tweets.json", 9),
    # Reposts, and what they pass on.
    asked("search:covid", "tweets/search/recent", "twitwi_payload-v2.json", 14),
    asked("stream:covid", "tweets/search/recent", "twitwi_payload-v2.json", 14),
    asked("search:anadiplose", "tweets/search/recent", "twitwi_payload-v2-tweet-retweet.json", 6),
    asked("search:geo", "tweets/search/recent", "twitwi_payload-v2-geo.json", 2),
    of_account("user:twitter", "tweets", "v2_get_users_tweets.json", 2),
    of_account("mentions:twitter", "mentions", "v2_get_users_mentions.json", 10),
    asked("mentions", f"users/{ME}/mentions", "v2_get_users_mentions.json", 10),
    asked("home", f"users/{ME}/timelines/reverse_chronological", "v2_get_home_timeline.json", 98),
    asked("list:84839422", "lists/84839422/tweets", "v2_get_list_tweets.json", 97),
]
SPOILT = {"x search": CASES[3], "x account": CASES[7], "x timeline": CASES[10]}
QUERIES = ("search:x", "user:name", "mentions", "list:1", "home", "stream:x")
SETTINGS = {
    "bearer_token": "invented-bearer",
    "consumer_key": "invented-key",
    "consumer_secret": "invented-key-secret",
    "access_token": f"{ME}-invented",
    "access_token_secret": "invented-token-secret",
    "monthly_budget": 100.0,
}
SENDS_SECRETS = True
NOT_READ = {
    "x/v2_get_tweet.json": "single posts are not read",
    "x/v2_get_tweets.json": "posts read again; by tests/test_x.py",
    "x/twitwi_payload-v2-singletweet.json": "the shape of an event of the stream; read by tests/test_x.py",
    "x/v2_get_liked_tweets.json": "likes are not read",
    "x/v2_bookmarks*.json": "bookmarks are not read",
    "x/v2_get_me.json": "an access token says itself whose it is",
    "x/v2_get_users.json": "names of authors alone; read by tests/test_x.py",
    "x/v2_get_recent_tweets_count.json": "numbers, not posts",
    "x/v2_get_list.json": "what a list is called",
    "x/v2_get_list_members.json": "members of lists are not read, each would cost money",
    "x/v2_get_owned_lists.json": "what lists are called",
    "x/v2_get_users_following.json": "whom one follows is not read, each would cost money",
    "x/v1_*.json": "the first API is gone",
    "x/syndication_tweet.json": "an endpoint for embedding, not for programs",
}
