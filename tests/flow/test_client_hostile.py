"""cairn and a CA that means ill: one sentence, the right exit code, nothing changed, and an end within bounds."""
import resource

import pytest

from acme_raw import certificate_id
from fake_ca import problem
from hostile_acme import HostileAcme, nested, with_member
from pebble import Client
from test_client_pebble import read_pair

pytestmark = pytest.mark.leaks

NAME = "hostile.example.test"
DONE, NETWORK, REFUSED, VALIDATION, RATE_LIMIT = 0, 3, 4, 5, 6
PATHS = ["/dir", "/nonce", "/account", "/order", "/authz/0", "/challenge/0", "/finalize", "/cert"]
ELSEWHERE = "https://localhost:1/else"


@pytest.fixture
def ca(tmp_path):
    made = HostileAcme(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(ca, tmp_path):
    return Client(tmp_path / "state", ca)


def refused(client, code, says=""):
    done = client.issue(NAME, code=code, seconds=100)
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("cairn: ") and says in done.stderr, done.stderr
    assert done.stderr.isprintable() or done.stderr.rstrip("\n").isprintable()
    assert not client.live(NAME).exists()
    return done


# ---- somewhere else ----

@pytest.mark.parametrize("answer, path, member, value", [
    ("dir", "/dir", "newOrder", ELSEWHERE), ("dir", "/dir", "newNonce", ELSEWHERE), ("dir", "/dir", "keyChange", ELSEWHERE),
    ("new_order", "/order", "authorizations", [ELSEWHERE]), ("new_order", "/order", "finalize", ELSEWHERE),
    ("finalize", "/finalize", "certificate", ELSEWHERE), ("dir", "/dir", "newOrder", "http://localhost/x"),
    ("new_order", "/order", "finalize", "file:///etc/passwd"), ("new_order", "/order", "authorizations", ["https://127.0.0.1/x"]),
])
def test_urls_of_other_origins(client, ca, answer, path, member, value):
    ca.answers[path] = with_member(member, value)(getattr(ca, answer))
    refused(client, REFUSED)


def test_a_challenge_elsewhere(client, ca):
    def authz(request):
        status, headers, body = ca.authz(request)
        body["challenges"][1]["url"] = ELSEWHERE
        return status, headers, body

    ca.answers["/authz/0"] = authz
    refused(client, REFUSED, "another host or port")


@pytest.mark.parametrize("path, answer", [("/account", "account"), ("/order", "new_order")])
def test_a_location_elsewhere(client, ca, path, answer):
    def moved(request):
        status, _, body = getattr(ca, answer)(request)
        return status, {"Location": ELSEWHERE}, body

    ca.answers[path] = moved
    refused(client, REFUSED, "another host or port")
    assert not list(client.directory.glob("accounts/*/account.json")) or path == "/order"


@pytest.mark.parametrize("path", PATHS)
def test_redirects(client, ca, path):
    ca.answers[path] = lambda r: (307, {"Location": f"{ca.base}{path}"}, b"")
    refused(client, REFUSED)


# ---- octets ----

@pytest.mark.parametrize("path", ["/dir", "/authz/0"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", nested(100), nested(100000), b'{"status":"valid","status":"x"}',
                                  b'{"status":[' + b"0," * 400000 + b"0]}"], ids=range(9))
def test_bodies_that_are_none(client, ca, path, body):
    ca.answers[path] = lambda r: (200, {"Location": f"{ca.base}/order/1"}, body)
    refused(client, REFUSED)


@pytest.mark.parametrize("path", ["/dir", "/order", "/cert"])
def test_a_body_without_end(client, ca, path):
    """C-HTTP-2: memory is bounded by what is read, and that is a megabyte."""
    def endless(handler):
        handler.wfile.write = handler.connection.sendall
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            handler.connection.sendall(b" " * 65536)

    ca.stream[path] = endless
    refused(client, REFUSED, "more than 1048576 octets")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1024 * 1024  # kilobytes; the sanitizers' shadow is in it


def test_many_links(client, ca):
    """However many alternates are offered, eight are looked at."""
    def cert(request):
        status, headers, body = ca.cert(request)
        return status, {**headers, "Link": ", ".join(f'<{ca.base}/alt/{i}>;rel="alternate"' for i in range(1000))}, body

    ca.answers["/cert"] = cert
    client.issue(NAME, "--preferred-chain", "Nobody")
    read_pair(client.live(NAME))
    assert len([r for r in ca.requests if r.path.startswith("/alt/")]) == 8


def test_an_alternate_elsewhere(client, ca):
    def cert(request):
        status, headers, body = ca.cert(request)
        return status, {**headers, "Link": f'<{ELSEWHERE}>;rel="alternate"'}, body

    ca.answers["/cert"] = cert
    client.issue(NAME, "--preferred-chain", "Nobody")
    read_pair(client.live(NAME))


# ---- connections that are cut ----

def test_cut_before_anything_is_begun(client, ca):
    """Whose directory cannot be read is not waited for: another CA may be."""
    ca.cuts = {"/dir": 300}
    refused(client, NETWORK)


def test_cut_for_ever(client, ca):
    ca.stream["/order"] = lambda handler: handler.connection.sendall(b"HTTP/1.1 201 Cre")
    refused(client, NETWORK)


# ---- refusals ----

@pytest.mark.parametrize("answer, code", [
    (problem("rateLimited", "too many", 429, **{"Retry-After": "86400"}), RATE_LIMIT),
    (problem("rateLimited", "too many", 403, **{"Retry-After": "86400"}), RATE_LIMIT),
    (problem("serverInternal", "out of order", 503, **{"Retry-After": "86400"}), NETWORK),
    (problem("rejectedIdentifier", "no"), REFUSED),
    (problem("unauthorized", "a\x1b[31mb\r\nc\u202ed" * 200, 403), REFUSED),
])
def test_refusals(client, ca, answer, code):
    ca.answers["/order"] = lambda r: answer
    refused(client, code)


@pytest.mark.parametrize("kind", ["connection", "dns", "unauthorized", "incorrectResponse", "tls"])
def test_what_is_not_proved(client, ca, kind):
    def authz(request):
        status, headers, body = ca.authz(request)
        if ca.asked("/challenge/0"):
            body = {**body, "status": "invalid", "challenges": [
                ca.challenge_object(0, status="invalid", error={"type": f"urn:ietf:params:acme:error:{kind}", "detail": "seen"})]}
        return status, headers, body

    ca.answers.update({"/authz/0": authz, "/challenge/0": lambda r: (200, {}, ca.challenge_object(0))})
    refused(client, VALIDATION, f"{NAME} was not proved: seen ({kind})")


def test_orders_without_bounds(client, ca):
    ca.answers["/order"] = with_member("authorizations", [f"{ca.base}/authz/0"] * 201)(ca.new_order)
    refused(client, REFUSED, "absurd")


def test_challenges_without_bounds(client, ca):
    ca.answers["/authz/0"] = with_member("challenges", [{"type": "x-01", "url": "https://x/", "token": "t"}] * 51)(ca.authz)
    refused(client, REFUSED, "51 challenges")


# ---- profiles, and what is replaced ----

def with_profiles(ca, *names):
    ca.answers["/dir"] = with_member("meta", {"profiles": {name: "words" for name in names}})(ca.dir)


def test_a_profile_that_is_not_there(client, ca):
    """C-PROF-2, 3."""
    with_profiles(ca, "classic", "short")
    done = client.issue(NAME, "--profile", "long", code=REFUSED)
    assert "classic, short" in done.stderr and not ca.asked("/order")
    client.issue(NAME, "--profile", "short")
    assert ca.asked("/order")[-1].json()["profile"] == "short"


def replaced_in_vain(client, ca, kind, detail, **more):
    """What the orders of a renewal say, at a CA that refuses one which says what it replaces."""
    ca.window = (50 * 86400, 60 * 86400)  # a CA that has such information (RFC 9773)
    client.issue(NAME)
    pem = (client.live(NAME) / "cert.pem").read_bytes()
    ca.answers["/order"] = lambda r: problem(kind, detail, 409) if "replaces" in r.json() else None
    before = len(ca.asked("/order"))
    done = client.run("renew", "--force", **more)
    orders = [r.json() for r in ca.asked("/order")[before:]]
    assert orders[0]["replaces"] == certificate_id(pem)
    assert all(order["identifiers"] == orders[0]["identifiers"] for order in orders)
    return done, ["replaces" in order for order in orders], (client.live(NAME) / "cert.pem").read_bytes() != pem


@pytest.mark.parametrize("kind, detail", [("alreadyReplaced", "was replaced"), ("malformed", "what?"), ("conflict", "no ARI here"),
                                          ("unauthorized", "you may not replace it")])
def test_a_renewal_does_not_fail_for_what_it_replaces(client, ca, kind, detail):
    """C-ARI-9."""
    done, said, renewed = replaced_in_vain(client, ca, kind, detail)
    assert said == [True, False] and renewed and f"again, without saying which certificate it replaces: {detail}" in done.stdout
    read_pair(client.live(NAME))


@pytest.mark.parametrize("kind, code", [("rejectedIdentifier", REFUSED), ("rateLimited", RATE_LIMIT), ("caa", REFUSED)])
def test_a_renewal_that_is_refused_for_something_else(client, ca, kind, code):
    """Is not tried without: what it replaces is not the reason."""
    done, said, renewed = replaced_in_vain(client, ca, kind, "no way", code=code)
    assert set(said) == {True} and not renewed and "no way" in done.stderr
