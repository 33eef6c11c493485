"""What every test may ask for: the shared recordings, where they are."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded answers; the test is skipped where it is missing."""
    folder = SHARED / "recordings"
    if not folder.is_dir():
        pytest.skip("needs ../shared/recordings, which this checkout does not have")
    return folder


# How fast a machine makes up examples says nothing about the code.
settings.register_profile("listener", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("listener")
