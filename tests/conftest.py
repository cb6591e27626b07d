"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden", action="store_true", help="make what the streams are now the golden ones"
    )
    parser.addoption(
        "--every-cut", action="store_true", help="try each cut of the Markdown replies at each size (long)"
    )


@pytest.fixture
def every_cut(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--every-cut"))


@pytest.fixture
def rewrite_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--rewrite-golden"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give what takes long time when it is asked for."""
    if config.getoption("--every-cut"):
        for item in items:
            if "every_cut" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.timeout(3600))
