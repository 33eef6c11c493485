"""The presets: what a person pastes becomes the right feed of the right platform."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from connectors.rss.platforms import PLATFORMS
from connectors.rss.preset import Preset
from connectors.rss.servers import SERVERS

PRESETS: Final = (*PLATFORMS, *SERVERS)
BY_PLATFORM: Final[Mapping[str, Preset]] = {preset.platform: preset for preset in PRESETS}

SHORT: Final = (
    (r"@(\w+)@([\w.-]+(?::\d+)?)", r"https://\2/@\1"),
    (r"#(\w+)@([\w.-]+(?::\d+)?)", r"https://\2/tags/\1"),
    (r"@([\w-]+(?:\.[\w-]+)+)", r"https://bsky.app/profile/\1"),
)
"""What people write in place of an address."""


def feed_address(url: str) -> tuple[str, str] | None:
    """Give the address of the feed of a page and its platform; None: no platform of ours."""
    parts = urlsplit(url)
    place = f"{parts.netloc.lower()}{parts.path}{'?' + parts.query if parts.query else ''}"
    for preset in PRESETS:
        if not preset.hosts or re.fullmatch(preset.hosts, parts.netloc.lower()):
            for page, address in preset.pages:
                if match := re.fullmatch(page, place):
                    return (match.expand(address) if address else url), preset.platform
    return None


def preset_of(platform: str, *addresses: str) -> Preset | None:
    """Give the preset of a platform if all `addresses` are on one host, and that is the platform's own."""
    preset = BY_PLATFORM.get(platform)
    hosts = {urlsplit(address).netloc.lower() for address in addresses}
    if preset is None or len(hosts) != 1:
        return None
    return preset if not preset.hosts or re.fullmatch(preset.hosts, hosts.pop()) else None
