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
