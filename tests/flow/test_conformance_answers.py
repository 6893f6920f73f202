"""What every answer must have (answers.py), which acme_raw.Client looks at in all tests: that it sees what is wrong, and that
the answers of each kind, from each resource, are right."""
import email.message
import json
import pathlib
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import acme_raw
import answers
import conformance
from acme_raw import b64, make_csr

ERRORS = pathlib.Path(__file__).resolve().parents[2] / "src/core/base/errors.def"
INDEX = "https://ca.flow.test/acme/directory"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = conformance.World(tmp_path_factory.mktemp("answers") / "ca", sets=["order.hold=0"])
    yield made
    made.close()


class Made:
    """An answer as it should be, but for what a test changes."""

    def __init__(self, status=200, body=b"{}", links=(f'<{INDEX}>;rel="index"',), **headers):
        self.status, self.headers = status, email.message.Message()
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Type": "application/json" if status < 400 else "application/problem+json", "Replay-Nonce": "abc-_1",
                  "Cache-Control": "no-store", **{name.replace("_", "-"): value for name, value in headers.items()}}
        for name, value in fields.items():
            if value is not None:
                self.headers[name] = value
        for link in links:
            self.headers["Link"] = link


def problem(**change):
    made = {"type": answers.PREFIX + "malformed", "detail": "this is not as it should be", "status": 400, **change}
    return {name: value for name, value in made.items() if value is not None}


CHALLENGE = {"type": "http-01", "url": "https://ca.flow.test/c", "status": "pending", "token": "x"}
UP = '<https://ca.flow.test/a>;rel="up"'
SUB = {"type": answers.PREFIX + "rejectedIdentifier", "detail": "no such name here"}
GOOD = [Made(), Made(201, Location="https://ca.flow.test/x"), Made(400, problem()), Made(Retry_After="7"),
        Made(Retry_After="Wed, 25 Nov 2026 02:43:25 GMT"), Made(body=CHALLENGE, links=(f'<{INDEX}>;rel="index"', UP)),
        Made(400, problem(subproblems=[SUB, {**SUB, "identifier": {"type": "dns", "value": "x"}}])),
        Made(body=b"-----BEGIN", Content_Type="application/pem-certificate-chain", Cache_Control=None),
        Made(200, b"", Content_Type=None), Made(413, problem(status=413), links=(), Replay_Nonce=None, Connection="close")]
BAD = {
    "no index (S-HDR-1)": Made(links=()), "another index (S-HDR-1)": Made(links=('<https://x/>;rel="index"',)),
    "no nonce (S-HDR-1)": Made(Replay_Nonce=None), "no location (S-HDR-1)": Made(201), "no way up (S-HDR-1)": Made(body=CHALLENGE),
    "no problem (S-HDR-1)": Made(400, problem(), Content_Type="application/json"),
    "an empty error (S-ERR-1)": Made(400, b""), "no JSON": Made(400, b"oops"), "no UTF-8 (S-ENC-1)": Made(body=b'{"a":"\xff"}'),
    "text (S-HDR-2)": Made(Content_Type="text/plain"), "with a parameter (S-HDR-2)": Made(Content_Type="application/json; charset=x"),
    "cached (S-HDR-3)": Made(Cache_Control=None), "cached for long (S-HDR-3)": Made(Cache_Control="max-age=5"),
    "a wrong wait (S-HDR-4)": Made(Retry_After="soon"), "a negative wait (S-HDR-4)": Made(Retry_After="-1"),
    "another date (S-HDR-4)": Made(Retry_After="2026-11-25T02:43:25Z"),
    "no type (S-ERR-1)": Made(400, problem(type=None)), "no detail (S-ERR-1)": Made(400, problem(detail=None)),
    "an unregistered type (S-ERR-2)": Made(400, problem(type=answers.PREFIX + "badThing")),
    "another namespace (S-ERR-2)": Made(400, problem(type="urn:x:malformed")),
    "another status (S-ERR-3)": Made(400, problem(status=403)), "no status (S-ERR-3)": Made(400, problem(status=None)),
    "an identifier at the top (S-SUB-3)": Made(400, problem(identifier={"type": "dns", "value": "x"})),
    "no identifier (S-SUB-2)": Made(400, problem(subproblems=[{**SUB, "identifier": "x"}])),
    "a type below (S-SUB-1)": Made(400, problem(subproblems=[{**SUB, "type": answers.PREFIX + "badThing"}])),
    "a nonce that is none": Made(Replay_Nonce="a b"),
}


def test_what_is_right_is_right():
    for made in GOOD:
        assert answers.faults(made, "POST", INDEX, False) == [], made.headers.items()


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_seen(name):
    assert answers.faults(BAD[name], "POST", INDEX, False), name


def test_types_of_problems_are_registered():
    """S-ERR-2: in the table all come from."""
    found = set(re.findall(r'^ERROR\(\w+, \d+, "(\w+)"', ERRORS.read_text(), re.MULTILINE))
    assert len(found) > 20 and found <= answers.TYPES, found - answers.TYPES


def test_every_resource_in_every_state(world):
    """S-HDR-1, 2, 3, 4, S-ERR-1, 3, S-SUB-1, 2, 3, S-LINK-1, 2, S-NONCE-1, 2: the client looks at each answer."""
    client = world.stranger(register=False)
    assert "answers.faults" in pathlib.Path(acme_raw.__file__).read_text()
    for method in ("GET", "HEAD", "OPTIONS", "PUT"):
        for url in (world.house.url, client.directory["newNonce"], client.directory["newOrder"], client.origin + "/nothing"):
            client.request(method, url)
    client.post(client.directory["newAccount"], {}, jwk=True)  # without the terms
    client.register(contact=["mailto:a@flow.test"])
    new = client.directory["newOrder"]
    for payload in ({"identifiers": []}, {"identifiers": [{"type": "dns", "value": n} for n in ("a..b", "good.test", "-")]}, None):
        assert client.post(new, payload).status == 400
    names = (world.name(),)
    url, order = client.order(*names)
    orders = client.post(client.kid, None).json["orders"]
    challenge = client.challenge(order["authorizations"][0])

    def look():
        for target in (client.kid, orders, url, order["authorizations"][0], challenge["url"], order["finalize"]):
            client.post(target, None)
            client.post(target, {"x": 1} if target != client.kid else {})
            client.request("GET", target)

    client.post(url, None)
    waiting = client.post(order["authorizations"][0], None)
    assert waiting.headers["Retry-After"]
    client.post(order["finalize"], {"csr": b64(make_csr(names))})
    world.responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
    client.post(challenge["url"], {})
    client.poll(order["authorizations"][0], ("valid",))
    client.post(order["finalize"], {"csr": b64(make_csr(names))})
    final = client.poll(url, ("valid",)).json
    look()
    client.post(final["certificate"], None)
    for revoked in range(2):
        der = x509.load_pem_x509_certificate(client.post(final["certificate"], None).body).public_bytes(Encoding.DER)
        answer = client.post(client.directory["revokeCert"], {"certificate": b64(der), "reason": 4})
        assert answer.status == (400 if revoked else 200)
    other, failed = world.pending(client)
    bad = client.challenge(failed["authorizations"][0])
    world.responder.tokens[bad["token"]] = "wrong"
    client.post(bad["url"], {})
    client.poll(failed["authorizations"][0], ("invalid",))
    for target in (other, failed["authorizations"][0], bad["url"]):
        client.post(target, None)
    client.post(client.kid, {"status": "deactivated"})
    look()
