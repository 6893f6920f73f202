"""Fixtures of the whole-program tests. CAIRN_BUILD names the build folder under test (default: build)."""
import pytest

import acme_raw
import house as house_module
import responder as responder_module


def pytest_configure(config):
    config.addinivalue_line("markers", "foreign: with clients we did not write")


@pytest.fixture
def house(tmp_path_factory):
    """A serving CA; every name is at 127.0.0.1. It must end in order."""
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca")
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture
def responder(house):
    """Answers http-01 where the CA asks."""
    made = responder_module.Responder(house.http_port)
    yield made
    made.close()


@pytest.fixture
def webroot(house, tmp_path):
    """A folder served as /.well-known/acme-challenge/."""
    folder = tmp_path / "challenges"
    folder.mkdir()
    made = responder_module.Responder(house.http_port)

    def answer(handler):
        path = folder / handler.path.rpartition("/")[2]
        body = path.read_bytes() if path.is_file() else b""
        handler.send_response(200 if body else 404)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    made.answer = answer
    yield folder
    made.close()


@pytest.fixture
def client(house):
    """A registered account on a kept-alive connection."""
    made = acme_raw.Client(house.url, house.root)
    made.register()
    return made
