"""What every test may ask for: the shared recordings, where they are."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded answers; the test is skipped where it is missing."""
    folder = SHARED / "recordings"
    if not folder.is_dir():
        pytest.skip("needs ../shared/recordings, which this checkout does not have")
    return folder
