"""What the user may set."""

from pydantic import Field, SecretStr

from listener.connector import Budgeted


class Settings(Budgeted):
    """What `[connectors.x]` may hold. Reading costs money: without `monthly_budget`, nothing is read."""

    bearer_token: SecretStr | None = None
    """The app's bearer token: for searches, lists, and the posts and mentions of named accounts."""
    consumer_key: SecretStr | None = None
    """The app's API key; with the three below: for your own timeline and mentions."""
    consumer_secret: SecretStr | None = None
    """The app's API key secret."""
    access_token: SecretStr | None = None
    """Your access token for that app."""
    access_token_secret: SecretStr | None = None
    """Your access token's secret."""
    posts_a_page: int = Field(default=20, ge=10, le=100)
    """Most posts of one request; with their authors they must fit into what may be spent at once."""
    look_up_authors: bool = True
    """Pay once for each author whose name is not known yet; without it, posts have an author's number only."""
    reposts: bool = False
    """Also read reposts, which cost as much as posts and bring nothing new."""
    own_app: bool = False
    """The app is owned by the account that reads: its own posts and mentions then cost a fifth."""
