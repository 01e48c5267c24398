"""A pytest plugin: hypothesis stops at the first failure that it finds, instead of looking for the smallest."""

from hypothesis import Phase, settings


def pytest_sessionstart() -> None:
    """Add to the profile that tests/conftest.py has loaded by now."""
    settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), database=None)
    settings.load_profile("mutants")
