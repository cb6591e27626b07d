from collections.abc import Iterator

import pytest

from tests.handlers.loopback import Loopback


@pytest.fixture(scope="package")
def _server() -> Iterator[Loopback]:
    server = Loopback()
    yield server
    server.stop()


@pytest.fixture
def server(_server: Loopback) -> Loopback:
    _server.reset([])
    return _server
