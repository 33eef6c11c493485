"""YouTube: videos of channels and playlists, comments, with a key."""

import json

from tests.cases import Case

CHANNEL = "UC_x5XG1OV2P6uZZ5FSM9Ttw"
THREADS = "/youtube/v3/commentThreads"


def asked(query: str, path: str, file: str, posts: int, cursor: str | None = None) -> Case:
    return Case("youtube", query, {path: f"youtube/{file}"}, posts=posts, cursor=cursor)


REPLIES = json.dumps({"extra": {"replies": [["Ugw5zYU6n9pmIgAZWvN4AaABAg", "JE8xdDp5B8Q", None]]}})
CASES = [
    asked(f"channel:{CHANNEL}", "/youtube/v3/playlistItems", "data_playlist_items_paged_1.json", 10),
    asked(
        "playlist:PLOU2XLYxmsIKpaV8h0AGE05so0fAwwfTw",
        "/youtube/v3/playlistItems",
        "data_playlist_items_paged_1.json",
        10,
    ),
    asked("video:F1UP7wRCPH8", THREADS, "data_comment_threads_by_video_paged_1.json", 5),
    asked("video:F1UP7wRCPH8", THREADS, "data_comment_threads_by_video_paged_2.json", 5),
    asked("comments:UCa-vrCLQHviTOVnEKDOdetQ", THREADS, "data_comment_threads_all_to_me.json", 4),
    asked(f"comments:{CHANNEL}", THREADS, "data_comment_threads_with_search.json", 1),
    asked("video:JE8xdDp5B8Q", "/youtube/v3/comments", "data_comments_by_parent_paged_1.json", 2, REPLIES),
    # A handle is resolved before anything else.
    asked("channel:@googledevelopers", "/youtube/v3/channels", "data_info.json", 0),
]
SPOILT = {"youtube videos": CASES[0], "youtube comments": CASES[2]}
QUERIES = (f"channel:{CHANNEL}", "channel:@handle", "playlist:PLabcdefghij", f"comments:{CHANNEL}", "video:F1UP7wRCPH8")
SETTINGS = {"key": "invented-key"}
NOT_READ = {
    "youtube/data_search_*.json": "a search costs 100 units, a hundredth of the day's quota",
    "youtube/data_videos_info_multi.json": "posts read again; by tests/test_youtube.py",
    "youtube/data_error_permission_resp.json": "an error answer; read by tests/test_youtube.py",
}
