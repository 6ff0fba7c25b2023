"""What every test shares: how many examples Hypothesis draws, which tests are slow, and chance."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

import autograd_core as ag

# A machine that is shared, or slow, must not fail a property by the clock.
settings.register_profile(
    "quick",
    max_examples=10,
    deadline=None,
    # The same examples on every machine and in every run: a failure is there again when one looks.
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "deep",
    max_examples=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)

PROFILE = os.environ.get("AUTOGRAD_PROFILE", "quick")
settings.load_profile(PROFILE)


def pytest_report_header() -> str:
    """Say in the report which profile drew the examples."""
    return f"Hypothesis profile: {PROFILE}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out of the quick run, unless `-m` asks for some by itself."""
    if PROFILE == "deep" or config.getoption("-m"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(autouse=True)
def same_chance_for_all() -> Iterator[None]:
    """Seed what is random before each test, and see that none leaves a setting behind."""
    before = ag.get_default_dtype(), ag.recording()
    with ag.seed(0):
        yield
    assert (ag.get_default_dtype(), ag.recording()) == before, "a setting was not restored"
