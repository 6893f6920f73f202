"""cairn and a CA whose objects are wrong in one place each: directory, account, order, authorization, challenge, certificate. One
sentence, the right exit code, nothing but the account on disk, and nothing that a terminal would obey."""
import concurrent.futures
import contextlib
import copy
import datetime
import json
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fake_ca import DAY, problem
from hostile_acme import HostileAcme
from pebble import Client, make_tls_certificate

NAME = "www.example.test"
NETWORK, REFUSED, VALIDATION, RATE_LIMIT, USAGE = 3, 4, 5, 6, 64
ELSE = "https://localhost:1/else"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202egpj.exe\x00tail"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One CA for all cases: each of them begins with the usual answers and a state folder of its own."""
    made = HostileAcme(tmp_path_factory.mktemp("ca"))
    yield made
    made.close()


@pytest.fixture
def ca(shared):
    shared.answers, shared.stream, shared.cut = {}, {}, None
    shared.names, shared.proved, shared.certificate = [], set(), None
    shared.lifetime, shared.age = 90 * DAY, DAY / 24
    shared.requests = []
    return shared


@pytest.fixture
def client(ca, tmp_path):
    return Client(tmp_path / "state", ca)


def refused(client, code, *words, says=""):
    done = client.issue(NAME, *words, code=None, seconds=100)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("cairn: ") and says in done.stderr, done.stderr
    assert (done.stdout + done.stderr).replace("\n", "").isprintable(), (done.stdout, done.stderr)
    assert "of its processes" not in done.stderr, done.stderr  # none of them has died
    assert not client.live(NAME).exists()
    assert not [p for p in client.directory.rglob("*") if p.is_file() and p.suffix == ".pem" and "accounts" not in p.parts]
    return done


# ---- objects with one member wrong ----

def usual(ca, path):
    """The usual object of that path, as the request finds it."""
    kind = path.strip("/").partition("/")[0]
    return {"dir": ca.dir, "account": ca.account, "order": ca.order if path == "/order/1" else ca.new_order, "authz": ca.authz,
            "challenge": ca.challenge, "finalize": ca.finalize}[kind]


def with_change(ca, path, change):
    def answer(request):
        status, headers, body = usual(ca, path)(request)
        body = copy.deepcopy(body)
        changed = change(body)
        return status, headers, body if changed is None else changed

    ca.answers[path] = answer


def put(name, value):
    def change(body):
        at, names = body, name.split(".")
        for step in names[:-1]:
            at = at[int(step) if isinstance(at, list) else step]
        if value is None:
            del at[names[-1]]
        else:
            at[names[-1]] = value
    return change


HUGE = 10 ** 400
DEEP = json.loads("[" * 60 + "]" * 60)
ODD = [7, HUGE, True, [], {}, "", "x" * 100000, ESCAPES, DEEP]
OBJECTS = [  # path, member, what is no good for it beside that it is missing, or odd
    ("/dir", "newNonce", ["javascript:alert(1)", "file:///etc/passwd", "data:,x", ELSE, "//localhost/x", "/nonce"]),
    ("/dir", "newAccount", ["javascript:alert(1)", ELSE]),
    ("/dir", "newOrder", ["file:///etc/passwd", ELSE, "https://localhost:99999/", "https://a@localhost/"]),
    ("/order", "status", ["brandNew", "VALID", "valid\x00"]),
    ("/order", "identifiers", [[{"type": "dns", "value": "other.example.test"}], [{"type": "dns"}], [{"value": NAME}],
                               [{"type": "dns", "value": NAME}] * 2, [{"type": "dns", "value": NAME + "\x00"}], [{"type": "dns", "value": HUGE}]]),
    ("/order", "authorizations", [[7], [ELSE], ["javascript:x"], [None], [[]]]),
    ("/order", "finalize", [ELSE, "javascript:x"]),
    ("/authz/0", "status", ["brandNew"]),
    ("/authz/0", "identifier", [{"type": "dns", "value": "other.example.test"}, {"type": "ip", "value": "127.0.0.1"},
                                {"type": "dns", "value": "*." + NAME}, {"type": "dns", "value": NAME + "\x00"}, {"type": "x" * 10000, "value": NAME}]),
    ("/authz/0", "challenges", [7, [], [7], [{}]]),
    ("/authz/0", "challenges.1.token", ["a/../b", "a b"]),
    ("/authz/0", "challenges.1.url", [ELSE, "javascript:x"]),
    ("/authz/0", "challenges.1.type", []),
    ("/finalize", "status", ["brandNew"]),
    ("/finalize", "certificate", [ELSE, "file:///etc/passwd"]),
]
FINE = [("/authz/0", "wildcard", False), ("/order", "expires", "never"), ("/order", "extra", [[[[7]]]]), ("/dir", "meta", {"website": 7}),
        ("/authz/0", "expires", 7), ("/account", "contact", [[]]), ("/account", "orders", ELSE), ("/order", "error", None)]


@pytest.mark.parametrize("row", range(len(OBJECTS)), ids=[f"{p} {m}" for p, m, _ in OBJECTS])
def test_a_member_that_is_wrong(ca, tmp_path, row):
    """It is missing, or its own mistakes; of what is wrong anywhere, two each time, so that all of them have their turn."""
    path, member, values = OBJECTS[row]
    odd = [ODD[(2 * row + i) % len(ODD)] for i in range(2)]
    for number, value in enumerate([None, *odd, *values]):
        ca.answers, ca.certificate = {}, None
        with_change(ca, path, put(member, value))
        client = Client(tmp_path / str(number), ca)
        done = refused(client, REFUSED)
        assert "javascript" not in done.stdout and not (path == "/dir" and [r for r in ca.requests if r.method == "POST"])


@pytest.mark.parametrize("path, member, value", FINE, ids=[f"{p} {m}" for p, m, _ in FINE])
def test_a_member_that_does_not_matter(client, ca, path, member, value):
    with_change(ca, path, lambda body: body.update({member: value}))
    assert client.issue(NAME, code=0).stderr == ""


@pytest.mark.parametrize("text", ["\x1b[31mred\x1b[0m", ESCAPES, "a\nb\rc", "\u2028\u2029\u200e", "%s%n%s"], ids=range(5))
@pytest.mark.parametrize("path", ["/order"])
def test_what_a_terminal_would_obey(client, ca, path, text):
    """In what a CA says of a problem, of names, of terms; in the output, the log and the JSON."""
    ca.answers[path] = lambda r: (403, {"Content-Type": "application/problem+json"}, {
        "type": f"urn:ietf:params:acme:error:{text}", "detail": text, "instance": f"https://x/{text}",
        "subproblems": [{"detail": text, "identifier": {"type": text, "value": text}}]})
    log = client.directory.parent / "log"
    refused(client, REFUSED, "--log", log)
    assert all(line.isprintable() for line in log.read_text().splitlines())
    told = client.issue(NAME, "--json", code=None).stdout
    assert json.loads(told)["error"]["detail"].replace("\n", "").isprintable()


# ---- waits ----

@pytest.mark.parametrize("wait, tries, code", [
    ("315360000", 1, RATE_LIMIT), ("99999999999999999999", 1, RATE_LIMIT), ("Fri, 31 Dec 9999 23:59:59 GMT", 1, RATE_LIMIT)])
def test_waits_of_years(client, ca, wait, tries, code):
    """Nobody waits for ten years, nor remembers it for longer than a month."""
    ca.answers["/order"] = lambda r: problem("rateLimited", "later", 429, **{"Retry-After": wait})
    refused(client, code, says="later")
    assert len(ca.asked("/order")) == tries
    (path,) = client.directory.glob("certificates/*/renewal.json")
    until = datetime.datetime.strptime(json.loads(path.read_text())["failure"]["not_before"], "%Y-%m-%dT%H:%M:%SZ")
    assert datetime.timedelta(days=29) < until - datetime.datetime.utcnow() < datetime.timedelta(days=31)


@pytest.mark.parametrize("wait", ["-5", "Thu, 01 Jan 1970 00:00:00 GMT", "0", "x" * 5000, "1e9"], ids=range(5))
def test_waits_that_are_over(client, ca, wait):
    """As if there were none: another try, and one that is good."""
    left = [1]

    def order(request):
        left[0] -= 1
        return problem("rateLimited", "later", 429, **{"Retry-After": wait}) if left[0] >= 0 else None

    ca.answers["/order"] = order
    client.issue(NAME, code=0)
    assert len(ca.asked("/order")) == 2


# ---- certificates ----

KEY = ec.generate_private_key(ec.SECP256R1())
PRIVATE = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def blocks(pem):
    return [b"-----BEGIN" + b for b in pem.split(b"-----BEGIN")[1:]]


CERTIFICATES = {  # what the CA sends in place of the chain
    "a key before it": lambda ca, pem, key: PRIVATE + pem,
    "a key between": lambda ca, pem, key: blocks(pem)[0] + PRIVATE + blocks(pem)[1],
    "a key behind it": lambda ca, pem, key: pem + PRIVATE,
    "for another key": lambda ca, pem, key: ca.issue(KEY.public_key(), [NAME]),
    "for another name": lambda ca, pem, key: ca.issue(key, ["other.example.test"]),
    "for one name more": lambda ca, pem, key: ca.issue(key, [NAME, "evil.example.test"]),
    "for a wildcard": lambda ca, pem, key: ca.issue(key, ["*.example.test"]),
    "for no name": lambda ca, pem, key: ca.issue(key, ["x"]),
    "thousands of it": lambda ca, pem, key: pem + blocks(pem)[1] * 1500,
    "cut": lambda ca, pem, key: pem[:len(blocks(pem)[0]) // 2],
    "the chain cut": lambda ca, pem, key: pem[:-100],
    "octets": lambda ca, pem, key: b"\x00\xff" * 1000,
    "DER": lambda ca, pem, key: x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER),
    "a NUL": lambda ca, pem, key: blocks(pem)[0] + b"\x00" + blocks(pem)[1],
    "JSON": lambda ca, pem, key: b'{"certificate": "' + pem.replace(b"\n", b"\\n") + b'"}',
    "HTML": lambda ca, pem, key: b"<html>" * 20000,
}


def sends(ca, change):
    def cert(request):
        status, headers, pem = ca.cert(request)
        return status, headers, change(ca, pem, x509.load_pem_x509_certificate(pem).public_key())

    ca.answers["/cert"] = cert


@pytest.mark.parametrize("what", CERTIFICATES)
def test_certificates_that_will_not_do(client, ca, what):
    sends(ca, CERTIFICATES[what])
    refused(client, REFUSED, says="certificate")


def test_certificates_that_are_over(client, ca):
    """Of the future they are taken, with a word about clocks (test_client_clock.py)."""
    ca.age, ca.lifetime = 2 * DAY, DAY
    refused(client, REFUSED, says="has expired already")


def test_text_around_certificates(client, ca):
    """Is what a text editor would show, and kept out of every file."""
    sends(ca, lambda ca, pem, key: b"# $(reboot)\r\n" + blocks(pem)[0] + b"subject=\x1b[31m\n" + blocks(pem)[1] + b"the end")
    client.issue(NAME, code=0)
    text = (client.live(NAME) / "fullchain.pem").read_bytes()
    assert b"reboot" not in text and b"subject" not in text and b"the end" not in text and text.count(b"BEGIN") == 2


# ---- somewhere else ----

@pytest.mark.parametrize("path", ["/dir", "/order/1", "/authz/0", "/challenge/0", "/finalize", "/cert"])
def test_a_location_where_none_is_asked_for(client, ca, path):
    """Is not gone to."""
    def answer(request):
        status, headers, body = (ca.cert if path == "/cert" else usual(ca, path))(request)
        return status, {**headers, "Location": ELSE, "Content-Location": ELSE, "Refresh": f"0;url={ELSE}"}, body

    ca.answers[path] = answer
    client.issue(NAME, code=0)


@pytest.mark.parametrize("link", [f'<{ELSE}>;rel="alternate"', '<file:///etc/passwd>;rel=alternate', '<javascript:x>;rel=alternate',
                                  "<" + "x" * 60000 + ">;rel=alternate", '<//localhost:1/x>;rel=alternate', "<\x01>;rel=alternate"])
def test_alternates_elsewhere(client, ca, link):
    def cert(request):
        status, headers, body = ca.cert(request)
        return status, {**headers, "Link": link}, body

    ca.answers["/cert"] = cert
    done = client.issue(NAME, "--preferred-chain", "Nobody", code=0)
    assert (done.stdout + done.stderr).replace("\n", "").isprintable()


# ---- a body that dribbles ----

class Dribble:
    """A CA whose answer comes an octet at a time, for ever; or that does not even speak TLS."""

    def __init__(self, directory, part):
        directory.mkdir()
        self.part, self.http_port = part, 1
        self.root = make_tls_certificate(directory, stem="dribble")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.root, directory / "dribble-key.pem")
        self.listener = socket.create_server(("127.0.0.1", 0))
        if part != "handshake":
            self.listener = context.wrap_socket(self.listener, server_side=True)
        self.url = f"https://localhost:{self.listener.getsockname()[1]}/dir"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.drip, args=[connection], daemon=True).start()

    def drip(self, connection):
        with contextlib.suppress(OSError):
            while connection.recv(65536) and self.part == "handshake":
                pass
            text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            connection.sendall((text + ("Content-Length: 100000\r\n\r\n" if self.part == "body" else "X: ")).encode())
            while True:
                connection.sendall(b" ")
                time.sleep(0.5)


@pytest.fixture(scope="module")
def dribbles(tmp_path_factory):
    """They take a minute, so they begin with the first test of this file and are looked at by the last one."""
    folder = tmp_path_factory.mktemp("dribbles")
    made = {part: Dribble(folder / part, part) for part in ("body", "headers", "handshake")}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        def run(part):
            began = time.monotonic()
            client = Client(folder / f"state-{part}", made[part])
            return client.issue(NAME, code=None, seconds=240), time.monotonic() - began

        yield {part: pool.submit(run, part) for part in made}
    for one in made.values():
        one.listener.close()


@pytest.fixture(scope="module", autouse=True)
def begin(dribbles):
    yield


@pytest.mark.parametrize("part", ["body", "headers"])
def test_an_answer_that_dribbles(dribbles, part):
    """C-HTTP-2: a request has a minute in all, however much comes of its answer."""
    done, seconds = dribbles[part].result()
    assert done.returncode == NETWORK and "did not answer in 60 s" in done.stderr and len(done.stderr.splitlines()) == 1
    assert seconds < 200, seconds


def test_a_handshake_that_does_not_come(dribbles):
    """A connection has 15 s, and that is what is told."""
    done, seconds = dribbles["handshake"].result()
    assert done.returncode == NETWORK and "did not answer in 15 s" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert seconds < 100, seconds
