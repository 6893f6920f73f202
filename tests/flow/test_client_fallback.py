"""A challenge that fails, and the one that is answered in its place; what worked is tried first the next time."""
import json

import pytest

from exit_codes import NETWORK, RATE_LIMIT, VALIDATION
from house import free_port
from pebble import PROGRAM
from responder import Responder
from test_client_challenges import offering
from test_client_pebble import listening

NAME, OTHER = "www.example.test", "other.example.test"
BOTH = ["--challenge", "http-01,tls-alpn-01", "--tls-port"]
foreign = [pytest.mark.foreign, pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")]


def foreign_ca(test):
    for mark in foreign:
        test = mark(test)
    return test


def orders(pebble):
    return pebble.requests("/order-plz")


def proofs(client, name=NAME):
    state = json.loads((client.directory / "certificates" / name / "renewal.json").read_text())
    return {p["name"]: p["type"] for p in state["proofs"]}


@pytest.fixture
def website(pebble, tmp_path):
    """A server where Pebble asks for http-01: it has no folder of challenges, but for the hosts of `right`."""
    made = Responder(pebble.http_port)
    made.folder, made.right = tmp_path / "www", set()
    made.folder.mkdir()

    def answer(handler):
        path = made.folder / handler.path.lstrip("/")
        right = handler.headers["Host"].partition(":")[0] in made.right and path.is_file()
        body = path.read_bytes() if right else b"welcome"
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    made.answer = answer
    yield made
    made.close()


@foreign_ca
@pytest.mark.parametrize("broken", ["port taken", "other content"])
def test_the_next_challenge_is_tried_and_remembered(cairn, pebble, website, broken):
    """The website has the port of http-01, too: either the listener finds it taken, or the CA finds the wrong site."""
    more = ["--http", f"webroot:{website.folder}"] if broken == "other content" else []
    before = orders(pebble)
    done = cairn.issue(NAME, *BOTH, pebble.tls_port, *more)
    fallback = [line for line in done.stdout.splitlines() if line.startswith("fallback")]
    assert len(fallback) == 1 and done.stderr == "" and orders(pebble) == before + 2
    assert "another challenge: " in fallback[0]
    assert ("in use" if broken == "port taken" else f"{NAME} was not proved") in fallback[0]
    assert "prove     tls-alpn-01" in done.stdout.partition(fallback[0])[2]
    assert proofs(cairn) == {NAME: "tls-alpn-01"}

    done = cairn.run("renew", "--force")  # at once the one that worked
    assert "prove     tls-alpn-01" in done.stdout and "http-01" not in done.stdout and "fallback" not in done.stdout
    assert orders(pebble) == before + 3 and done.stderr == ""


@foreign_ca
def test_what_worked_last_fails_now(cairn, pebble, website):
    """It is no preference for ever: the others are tried, too."""
    website.right = {NAME}
    cairn.issue(NAME, *BOTH, pebble.tls_port, "--http", f"webroot:{website.folder}")
    assert proofs(cairn) == {NAME: "http-01"}
    website.right = set()
    assert "fallback" in cairn.run("renew", "--force").stdout
    assert proofs(cairn) == {NAME: "tls-alpn-01"}
    website.right = {NAME}
    with listening(pebble.tls_port):
        assert "prove     http-01" in cairn.run("renew", "--force").stdout
    assert proofs(cairn) == {NAME: "http-01"}


@foreign_ca
def test_each_name_by_what_works_for_it(cairn, pebble, website):
    website.right = {OTHER}
    before = orders(pebble)
    done = cairn.issue(NAME, OTHER, *BOTH, pebble.tls_port, "--http", f"webroot:{website.folder}")
    assert proofs(cairn) == {NAME: "tls-alpn-01", OTHER: "http-01"} and orders(pebble) == before + 2
    done = cairn.run("renew", "--force")
    assert "fallback" not in done.stdout and orders(pebble) == before + 3
    assert "prove     http-01" in done.stdout and "prove     tls-alpn-01" in done.stdout


@foreign_ca
def test_all_fail(cairn, pebble, website):
    """One sentence says what each of them failed with; nobody is asked a third time."""
    before = orders(pebble)
    done = cairn.issue(NAME, *BOTH, free_port(), "--http", f"webroot:{website.folder}", code=VALIDATION)
    assert len(done.stderr.splitlines()) == 1 and orders(pebble) == before + 2
    first, _, second = done.stderr.partition("; and then: ")
    assert f"{NAME} was not proved" in first and "unauthorized" in first
    assert f"{NAME} was not proved" in second and "tls-alpn-01" in second
    assert done.stdout.count("fallback") == 1 and not cairn.live(NAME).exists()


@foreign_ca
def test_one_challenge_is_one_order(cairn, pebble, website):
    before = orders(pebble)
    done = cairn.issue(NAME, "--challenge", "http-01", "--http", f"webroot:{website.folder}", code=VALIDATION)
    assert orders(pebble) == before + 1 and "fallback" not in done.stdout and "and then" not in done.stderr
    done = cairn.issue(NAME, "--challenge", "http-01", code=NETWORK)
    assert "fallback" not in done.stdout and "in use" in done.stderr


def test_a_ca_that_offers_no_other(cairn_at_fake, fake_ca):
    """It is not bothered with an order that must fail the same way."""
    offering(fake_ca, "http-01")
    with listening(fake_ca.http_port):
        done = cairn_at_fake.issue(NAME, *BOTH, free_port(), code=NETWORK)
    assert len(fake_ca.asked("/order")) == 1 and "fallback" not in done.stdout and "in use" in done.stderr


@pytest.mark.parametrize("names", [[NAME, OTHER], [f"n{i}.example.test" for i in range(10)]])
def test_a_port_that_is_taken_is_so_for_all_names(cairn_at_fake, fake_ca, names):
    """The second order asks no name for http-01."""
    offering(fake_ca, "http-01", "tls-alpn-01")
    with listening(fake_ca.http_port):
        done = cairn_at_fake.issue(*names, *BOTH, free_port())
    assert done.stdout.count("fallback") == 1 and set(proofs(cairn_at_fake, names[0]).values()) == {"tls-alpn-01"}
    assert len(fake_ca.asked("/order")) == 2


@pytest.mark.parametrize("first, words, says", [
    ("http-01", ["--http", "nginx:/nowhere/nginx.conf"], "/nowhere/nginx.conf"),
    ("dns-01", ["--dns", "exec", "--dns-program", "/bin/true", "--dns-resolver", "127.0.0.1:{nobody}"], "Connection refused"),
])
def test_what_cannot_be_answered_here(cairn_at_fake, fake_ca, first, words, says):
    """A web server that does not run, a resolver that is not there."""
    offering(fake_ca, "http-01", "dns-01", "tls-alpn-01")
    words = [w.format(nobody=free_port()) for w in words]
    done = cairn_at_fake.issue(NAME, "--challenge", f"{first},tls-alpn-01", "--tls-port", free_port(), *words)
    fallback = next(line for line in done.stdout.splitlines() if line.startswith("fallback"))
    assert says in fallback and proofs(cairn_at_fake) == {NAME: "tls-alpn-01"}
    assert len(fake_ca.asked("/order")) == 2


def test_a_webroot_that_cannot_be_written(cairn_at_fake, fake_ca, tmp_path):
    """A file where the folder must be (root may write anywhere else): a disk of the web server's, not of ours."""
    offering(fake_ca, "http-01", "tls-alpn-01")
    (tmp_path / "www").mkdir()
    (tmp_path / "www/.well-known").write_text("in the way")
    words = ["--http", f"webroot:{tmp_path / 'www'}"]
    done = cairn_at_fake.issue(NAME, *BOTH, free_port(), *words)
    assert "fallback" in done.stdout and proofs(cairn_at_fake) == {NAME: "tls-alpn-01"}
    assert len(fake_ca.asked("/order")) == 2
    done = cairn_at_fake.issue(OTHER, "--challenge", "http-01", *words, code=None)
    assert done.returncode not in (0, 2) and "cannot" in done.stderr and len(done.stderr.splitlines()) == 1


def test_all_here_fail(cairn_at_fake, fake_ca):
    """Neither port can be had: no challenge is asked for."""
    offering(fake_ca, "http-01", "tls-alpn-01")
    port = free_port()
    with listening(fake_ca.http_port), listening(port):
        done = cairn_at_fake.issue(NAME, *BOTH, port, code=NETWORK)
    assert f"port {fake_ca.http_port}" in done.stderr and f"port {port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not fake_ca.asked("/challenge/0")


def test_a_rate_limit_is_told_as_one(cairn_at_fake, fake_ca):
    """What comes between is not what comes of it: renew must know how long to wait."""
    offering(fake_ca, "http-01", "tls-alpn-01")
    count = []

    def limit(request):
        count.append(1)
        if len(count) == 1:
            return fake_ca.new_order(request)
        return 429, {"Retry-After": "4000"}, {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "enough for now"}

    fake_ca.answers["/order"] = limit
    with listening(fake_ca.http_port):
        done = cairn_at_fake.issue(NAME, *BOTH, free_port(), code=RATE_LIMIT)
    assert "enough for now" in done.stderr and len(count) == 2
