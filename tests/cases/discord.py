"""Discord: a channel's messages. The recordings are the documentation's, of one message each."""

from tests.cases import Case

SETTINGS = {"token": "any-token"}
SENDS_SECRETS = True
SERVER, CHANNEL = "278325129692446720", "290926798999357250"
NAMES = {
    f"/api/v10/channels/{CHANNEL}": b'{"id":"290926798999357250","name":"general","type":0}',
    f"/api/v10/guilds/{SERVER}": b'{"id":"278325129692446720","name":"Harbour"}',
}


PATH = f"/api/v10/channels/{CHANNEL}/messages"
CASES = [
    Case("discord", f"{SERVER}/{CHANNEL}", {PATH: f"discord/docs_message_example_{number}.json"}, NAMES, posts=1)
    for number in (1, 2)
]
SPOILT = {"discord": CASES[0]}
QUERIES = (f"{SERVER}/{CHANNEL}",)
NOT_READ = {
    "discord/docs_rate_limit_example_*.txt": "headers and bodies in one text; tests/test_discord.py sends them apart",
    "discord/invite_python.json": "an invitation; the bot is in the server already",
}
