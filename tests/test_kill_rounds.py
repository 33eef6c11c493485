"""Nothing acknowledged is lost when the process is killed, at any moment (R1, R17)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def killed(kind: str, folder: Path, times: int) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.kill_child", kind, str(folder), str(times)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1_800, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("stores", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_fifty_kill_rounds_a_store_lose_and_double_nothing(tmp_path: Path, stores: int) -> None:
    for number in range(stores):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = killed("pages", folder, 50)
        assert found["faults"] == []
        assert isinstance(found["posts"], int)
        assert found["posts"] >= 3 * 50


def test_a_start_killed_at_any_point_leaves_the_old_store_or_the_new(tmp_path: Path) -> None:
    found = killed("migrations", tmp_path, 30)
    assert found == {"points": 60, "faults": []}
    assert any("schema-" in path.name for path in tmp_path.iterdir())
