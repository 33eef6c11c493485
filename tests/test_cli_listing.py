"""Listings on terminals of any width: nothing is squeezed into a narrow column."""

from pathlib import Path

import pytest

from tests.commands import Home


@pytest.mark.parametrize("command", ["policy", "connectors"])
@pytest.mark.parametrize("width", [40, 80])
def test_a_narrow_terminal_gets_a_block_under_each_name(tmp_path: Path, command: str, width: int) -> None:
    home = Home(tmp_path)
    home.environ["COLUMNS"] = str(width)
    lines = [line for line in home.ok(command).out.splitlines() if not line.startswith("`")]
    assert max(map(len, lines)) <= width
    assert "bluesky" in lines
    inside = [line for line in lines if line.startswith("  ")]
    assert all(line[2:3].strip() for line in inside), "no value begins far from its margin"
    assert sum(map(len, inside)) / len(inside) > width / 2.5, "lines are filled"


def test_short_values_share_a_line_and_none_is_parted_from_its_name(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.environ["COLUMNS"] = "60"
    home.ok("rules", "add", "a", "b", "--when", "briefing", "--cap", "3", "--priority", "high", "--yes")
    out = home.ok("rules").out
    assert out.endswith(
        "a\n  finds: b · when: briefing · goes to: nowhere, a view\n"
        "  state: at work\n  limits: high priority, at most 3 an hour\n"
    )
    assert not [line for line in out.splitlines() if line != line.rstrip()]


def test_a_wide_terminal_gets_a_table(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.environ["COLUMNS"] = "160"
    assert "link people" in home.ok("policy").out.splitlines()[0]
