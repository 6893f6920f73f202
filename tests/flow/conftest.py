"""Fixtures of the whole-program tests. CAIRN_BUILD names the build folder under test (default: build)."""
import signal

import pytest

import acme_raw
import builds
import crowd as crowd_module
import fake_ca as fake_ca_module
import house as house_module
import pebble as pebble_module
import responder as responder_module
import sanitizer


def pytest_configure(config):
    # a shell starts what runs in the background with these ignored, and so would be what the tests start
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    config.addinivalue_line("markers", "foreign: with clients we did not write")
    config.addinivalue_line("markers", "leaks: lost memory is looked for in each program")
    config.addinivalue_line("markers", "plain: ./check runs it on the release build")
    sanitizer.quick()


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in builds.PLAIN:
            item.add_marker(pytest.mark.plain)
    items.sort(key=builds.order)


@pytest.fixture(scope="module", autouse=True)
def leaks(request):
    with pytest.MonkeyPatch.context() as patch:
        if any(mark.name == "leaks" for mark in request.node.iter_markers()):
            for name, value in sanitizer.searching().items():
                patch.setenv(name, value)
        yield


@pytest.fixture
def house(tmp_path_factory):
    """A serving CA; every name is at 127.0.0.1. It must end in order."""
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca", copy=True)
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory):
    """One house for all tests of a file, each with an account of its own; in the end its store must be sound."""
    made = house_module.House(tmp_path_factory.mktemp("shared") / "ca")
    try:
        made.start(environment=sanitizer.searching())
        yield made
        assert crowd_module.broken(made) == {}
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture(scope="module")
def shared_responder(shared_house):
    """Answers where that house asks."""
    made = responder_module.Responder(shared_house.http_port)
    yield made
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


@pytest.fixture(scope="module")
def dns_stub():
    """Every name is at 127.0.0.1."""
    return house_module.shared_stub()


@pytest.fixture
def make_pebble(tmp_path_factory, dns_stub):
    """Starts Pebbles, with the arguments of pebble.Pebble, and ends them."""
    made = []

    def make(**more):
        made.append(pebble_module.Pebble(tmp_path_factory.mktemp("pebble"), stub=dns_stub, **more))
        return made[-1].start()

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def pebble(tmp_path_factory, dns_stub):
    """A Pebble that refuses no nonce, shared by the tests of a file."""
    made = pebble_module.Pebble(tmp_path_factory.mktemp("pebble"), stub=dns_stub)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def cairn(pebble, tmp_path):
    """Our client with an empty state folder, pointed at Pebble."""
    return pebble_module.Client(tmp_path / "state", pebble)


@pytest.fixture
def fake_ca(tmp_path):
    """A CA that can be told to misbehave."""
    made = fake_ca_module.FakeCa(tmp_path)
    yield made
    made.close()


@pytest.fixture
def other_ca(tmp_path):
    """Another one like it."""
    (tmp_path / "other").mkdir()
    made = fake_ca_module.FakeCa(tmp_path / "other")
    yield made
    made.close()


@pytest.fixture
def cairn_at_fake(fake_ca, tmp_path):
    """Our client, pointed at the fake CA."""
    return pebble_module.Client(tmp_path / "state", fake_ca)
