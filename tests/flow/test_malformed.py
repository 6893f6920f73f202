"""What a broken or hostile client sends, to every endpoint: the status and problem type it gets, and that nothing
changed in the store."""
import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography import x509
from cryptography.x509.oid import NameOID

import acme_raw
import house as house_module
import responder as responder_module
from acme_raw import b64, make_csr


class World:
    """One CA with an account, a ready order and an issued one, shared by all cases."""

    def __init__(self, directory):
        self.house = house_module.House(directory)
        self.house.start()
        self.responder = responder_module.Responder(self.house.http_port)
        self.client = acme_raw.Client(self.house.url, self.house.root)
        self.client.register()
        self.order_url, self.order = self.client.order("ready.flow.test", "www.ready.flow.test")
        self.client.prove(self.order, self.responder)
        self.pending_url, self.pending = self.client.order("pending.flow.test")
        challenge = self.client.challenge(self.pending["authorizations"][0])
        self.client.issue(self.responder, "issued.flow.test")
        certificate = self.house.url.replace("directory", "certificate/1")
        directory_ = self.client.directory
        self.urls = {
            "newAccount": directory_["newAccount"], "account": self.client.kid, "newOrder": directory_["newOrder"],
            "order": self.order_url, "authorization": self.pending["authorizations"][0],
            "challenge": challenge["url"], "finalize": self.order["finalize"], "certificate": certificate,
            "directory": self.house.url, "newNonce": directory_["newNonce"],
        }
        self.payloads = {
            "newAccount": {"onlyReturnExisting": True}, "account": None,
            "newOrder": {"identifiers": [{"type": "dns", "value": "x.flow.test"}]}, "order": None,
            "authorization": None, "challenge": {}, "finalize": {"csr": b64(make_csr(["ready.flow.test"]))},
            "certificate": None, "directory": None, "newNonce": None,
        }

    def close(self):
        self.responder.close()
        code = self.house.stop()
        self.house.close()
        assert code == 0


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("malformed") / "ca")
    yield made
    made.close()


ENDPOINTS = ["newAccount", "account", "newOrder", "order", "authorization", "challenge", "finalize", "certificate"]
# GET or POST-as-GET (RFC 8555 6.3)
OPEN_ENDPOINTS = ["directory", "newNonce"]


def refused(world, answer, status, kind, before):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    assert answer.type == kind, answer
    assert len(answer.json["detail"]) > 10, answer
    assert answer.json["status"] == status, answer
    assert world.house.content() == before, "a refused request changed the store"
    return answer


# ---- the envelope: the same for every endpoint ----

def good(world, endpoint, **spoil):
    spoil.setdefault("jwk", endpoint == "newAccount")
    return world.client.jws(world.urls[endpoint], world.payloads[endpoint], **spoil)


def send(world, endpoint, raw, content_type="application/jose+json"):
    if isinstance(raw, dict):
        raw = json.dumps(raw)
    return world.client.request("POST", world.urls[endpoint], raw, {"Content-Type": content_type})


def duplicate_member(world, endpoint):
    text = json.dumps(good(world, endpoint))
    return send(world, endpoint, text[:-1] + ', "payload": ""}')


def duplicate_member_but_for_case(world, endpoint):
    return send(world, endpoint, {**good(world, endpoint), "Payload": ""})


def duplicate_header_member(world, endpoint):
    client = world.client
    jws = good(world, endpoint)
    header = base64.urlsafe_b64decode(jws["protected"] + "==").decode()
    first = b64(header[:-1] + ', "alg": "ES256"}')
    signature = client.key.sign(f'{first}.{jws["payload"]}'.encode())
    return send(world, endpoint, {**jws, "protected": first, "signature": b64(signature)})


def replayed(world, endpoint):
    jws = good(world, endpoint)
    header = json.loads(base64.urlsafe_b64decode(jws["protected"] + "=="))
    world.client.post(world.client.kid, None, header={"nonce": header["nonce"]})
    return send(world, endpoint, jws)


def broken_signature(world, endpoint):
    jws = good(world, endpoint)
    raw = bytearray(base64.urlsafe_b64decode(jws["signature"] + "=="))
    raw[7] ^= 1
    return send(world, endpoint, {**jws, "signature": b64(bytes(raw))})


def other_payload(world, endpoint):
    return send(world, endpoint, {**good(world, endpoint), "payload": b64('{"identifiers":[]}')})


def both_keys(world, endpoint):
    return send(world, endpoint, good(world, endpoint, jwk=True, header={"kid": world.client.kid}))


def other_way(world, endpoint):
    """kid where a jwk is due, and the other way round."""
    return send(world, endpoint, good(world, endpoint, jwk=endpoint != "newAccount"))


def other_key(world, endpoint):
    return send(world, endpoint, world.client.jws(world.urls[endpoint], world.payloads[endpoint], key=acme_raw.Key()))


ENVELOPE = [
    ("no JSON", 400, "malformed", lambda w, e: send(w, e, "hello")),
    ("empty", 400, "malformed", lambda w, e: send(w, e, "")),
    ("an array", 400, "malformed", lambda w, e: send(w, e, "[]")),
    ("trailing octets", 400, "malformed", lambda w, e: send(w, e, json.dumps(good(w, e)) + "x")),
    ("a second document", 400, "malformed", lambda w, e: send(w, e, json.dumps(good(w, e)) * 2)),
    ("a NUL behind", 400, "malformed", lambda w, e: send(w, e, json.dumps(good(w, e)).encode() + b"\0")),
    ("invalid UTF-8", 400, "malformed", lambda w, e: send(w, e, b'{"protected":"\xff"}')),
    ("a member twice", 400, "malformed", duplicate_member),
    ("a member twice, but for case", 400, "malformed", duplicate_member_but_for_case),
    ("a header member twice", 400, "malformed", duplicate_header_member),
    ("application/json", 415, "malformed", lambda w, e: send(w, e, good(w, e), "application/json")),
    ("no media type", 415, "malformed", lambda w, e: send(w, e, good(w, e), "")),
    ("unprotected header", 400, "malformed", lambda w, e: send(w, e, {**good(w, e), "header": {"kid": "x"}})),
    ("signatures", 400, "malformed", lambda w, e: send(w, e, {**good(w, e), "signatures": []})),
    ("no payload", 400, "malformed", lambda w, e: send(w, e, {k: v for k, v in good(w, e).items() if k != "payload"})),
    ("no signature", 400, "malformed", lambda w, e: send(w, e, {**good(w, e), "signature": ""})),
    ("padded base64", 400, "malformed", lambda w, e: send(w, e, {**good(w, e), "signature": good(w, e)["signature"] + "=="})),
    ("critical extension", 400, "malformed", lambda w, e: send(w, e, good(w, e, header={"crit": ["x"], "x": 1}))),
    ("unencoded payload", 400, "malformed", lambda w, e: send(w, e, good(w, e, header={"b64": False}))),
    ("jwk and kid", 400, "malformed", both_keys),
    ("neither jwk nor kid", 400, "malformed", lambda w, e: send(w, e, good(w, e, drop=["jwk" if e == "newAccount" else "kid"]))),
    ("no url", 400, "malformed", lambda w, e: send(w, e, good(w, e, drop=["url"]))),
    ("another url", 403, "unauthorized", lambda w, e: send(w, e, good(w, e, header={"url": w.urls[e] + "x"}))),
    ("another host's url", 403, "unauthorized", lambda w, e: send(w, e, good(w, e, header={"url": "https://example.org/"}))),
    ("no nonce", 400, "badNonce", lambda w, e: send(w, e, good(w, e, drop=["nonce"]))),
    ("an invented nonce", 400, "badNonce", lambda w, e: send(w, e, good(w, e, header={"nonce": "A" * 32}))),
    ("a nonce that is no base64url", 400, "malformed", lambda w, e: send(w, e, good(w, e, header={"nonce": "a b"}))),
    ("a replayed nonce", 400, "badNonce", replayed),
    ("alg none", 400, "badSignatureAlgorithm", lambda w, e: send(w, e, good(w, e, header={"alg": "none"}))),
    ("alg HS256", 400, "badSignatureAlgorithm", lambda w, e: send(w, e, good(w, e, header={"alg": "HS256"}))),
    ("alg RS384", 400, "badSignatureAlgorithm", lambda w, e: send(w, e, good(w, e, header={"alg": "RS384"}))),
    ("an algorithm of another key", 400, "badSignatureAlgorithm", lambda w, e: send(w, e, good(w, e, header={"alg": "ES384"}))),
    ("a broken signature", 403, "unauthorized", broken_signature),
    ("another payload", 403, "unauthorized", other_payload),
    ("oversized", 413, "malformed", lambda w, e: send(w, e, b"x" * 70000)),
]


@pytest.mark.parametrize("endpoint", ENDPOINTS + OPEN_ENDPOINTS)
@pytest.mark.parametrize("name, status, kind, act", ENVELOPE, ids=[row[0] for row in ENVELOPE])
def test_envelope(world, endpoint, name, status, kind, act):
    before = world.house.content()
    answer = act(world, endpoint)
    if answer.headers.get("Connection") == "close":
        world.client.connect()
    refused(world, answer, status, kind, before)
    if kind == "badSignatureAlgorithm":
        assert set(answer.json["algorithms"]) >= {"ES256", "ES384", "ES512", "EdDSA", "RS256"}
    assert "Replay-Nonce" in answer.headers or status == 413


KID_ENDPOINTS = [e for e in ENDPOINTS + OPEN_ENDPOINTS if e != "newAccount"]


@pytest.mark.parametrize("endpoint", KID_ENDPOINTS)
def test_unknown_kid(world, endpoint):
    before = world.house.content()
    kid = world.client.kid.rpartition("/")[0] + "/999999"
    refused(world, send(world, endpoint, good(world, endpoint, header={"kid": kid})), 400, "accountDoesNotExist", before)


@pytest.mark.parametrize("kid", ["x", "", "https://example.org/account/1", "1", "../1"])
def test_foreign_kid(world, kid):
    before = world.house.content()
    answer = send(world, "newOrder", good(world, "newOrder", header={"kid": kid}))
    assert answer.type in ("accountDoesNotExist", "malformed")
    refused(world, answer, 400, answer.type, before)


def test_account_url_of_a_former_origin(world):
    """A CA that is renamed keeps its accounts: the number and the key say who it is."""
    answer = send(world, "account", good(world, "account", header={"kid": "https://old.flow.test/acme/account/1"}))
    assert answer.status == 200, answer


@pytest.mark.parametrize("endpoint", KID_ENDPOINTS)
def test_signed_by_another_key(world, endpoint):
    before = world.house.content()
    refused(world, other_key(world, endpoint), 403, "unauthorized", before)


@pytest.mark.parametrize("endpoint", ENDPOINTS + OPEN_ENDPOINTS)
def test_the_other_kind_of_key(world, endpoint):
    before = world.house.content()
    refused(world, other_way(world, endpoint), 400, "malformed", before)


@pytest.mark.parametrize("endpoint", ["order", "authorization", "challenge", "finalize", "certificate"])
def test_another_account(world, endpoint):
    """What belongs to one account is not there for another."""
    stranger = acme_raw.Client(world.house.url, world.house.root)
    stranger.register()
    before = world.house.content()
    answer = stranger.post(world.urls[endpoint], world.payloads[endpoint])
    assert answer.type in ("malformed", "unauthorized")
    refused(world, answer, answer.status, answer.type, before)
    assert answer.status in (403, 404)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods(world, endpoint, method):
    before = world.house.content()
    answer = world.client.request(method, world.urls[endpoint])
    assert answer.status == 405 and "POST" in answer.headers["Allow"], answer
    if method != "HEAD":
        refused(world, answer, 405, "malformed", before)


@pytest.mark.parametrize("path", ["/", "/acme", "/acme/", "/acme/nothing", "/acme/order/", "/acme/order/0", "/acme/order/01",
                                  "/acme/order/x", "/acme/order/99999999999999999999", "/acme/order/1/x", "/acme//order/1",
                                  "/acme/order/%31", "/ACME/directory"])
def test_unknown_paths(world, path):
    before = world.house.content()
    answer = world.client.request("GET", path)
    if answer.status == 405:  # a path that POST could find
        return
    refused(world, answer, 404, "malformed", before)


@pytest.mark.parametrize("endpoint", ["newAccount", "newOrder", "challenge", "finalize"])
@pytest.mark.parametrize("payload", ["x", "[]", "{} x", '{"a":1,"a":2}', '"x"', "1", b"\xff", '{"a":"\\u0000"}', "{" * 100])
def test_payloads_that_are_no_object(world, endpoint, payload):
    before = world.house.content()
    answer = world.client.post(world.urls[endpoint], payload, jwk=endpoint == "newAccount")
    refused(world, answer, 400, "malformed", before)


@pytest.mark.parametrize("endpoint", ["order", "authorization", "certificate", "directory", "newNonce"])
def test_post_as_get_has_no_payload(world, endpoint):
    before = world.house.content()
    answer = world.client.post(world.urls[endpoint], {"x": 1})
    if endpoint == "authorization":  # RFC 8555 7.5.2: an unknown request to an authorization
        assert answer.status in (200, 400), answer
        assert world.house.content() == before
        return
    refused(world, answer, 400, "malformed", before)


# ---- newAccount ----

NEW_ACCOUNT = [
    ({"onlyReturnExisting": True}, 400, "accountDoesNotExist"),
    ({"onlyReturnExisting": "yes"}, 400, "malformed"),
    ({"contact": "mailto:a@flow.test"}, 400, "malformed"),
    ({"contact": [1]}, 400, "malformed"),
    ({"contact": ["tel:+123"]}, 400, "unsupportedContact"),
    ({"contact": ["mailto:"]}, 400, "invalidContact"),
    ({"contact": ["mailto:a@flow.test?subject=x"]}, 400, "invalidContact"),
    ({"contact": ["mailto:a@flow.test,b@flow.test"]}, 400, "invalidContact"),
    ({"contact": ["mailto:a"]}, 400, "invalidContact"),
    ({"contact": ["mailto:a@flow.test"] * 11}, 400, "malformed"),
]


@pytest.mark.parametrize("payload, status, kind", NEW_ACCOUNT, ids=[json.dumps(row[0])[:60] for row in NEW_ACCOUNT])
def test_new_account(world, payload, status, kind):
    before = world.house.content()
    key = acme_raw.Key()
    answer = world.client.post(world.urls["newAccount"], payload, jwk=True, key=key)
    if kind == "malformed" and answer.type == "invalidContact":
        kind = "invalidContact"
    refused(world, answer, status, kind, before)


def test_small_rsa_account_key(world):
    before = world.house.content()
    key = acme_raw.Key("RS256")
    key.key = rsa.generate_private_key(65537, 1024)
    refused(world, world.client.post(world.urls["newAccount"], {}, jwk=True, key=key), 400, "badPublicKey", before)


# ---- newOrder ----

def dns(*names):
    return {"identifiers": [{"type": "dns", "value": name} for name in names]}


NEW_ORDER = [
    ({}, "malformed"),
    ({"identifiers": []}, "malformed"),
    ({"identifiers": {}}, "malformed"),
    ({"identifiers": ["x.flow.test"]}, "malformed"),
    ({"identifiers": [{"type": "dns"}]}, "malformed"),
    ({"identifiers": [{"value": "x.flow.test"}]}, "malformed"),
    ({"identifiers": [{"type": "dns", "value": 1}]}, "malformed"),
    ({"identifiers": [{"type": "x", "value": "x.flow.test"}]}, "unsupportedIdentifier"),
    (dns(""), None), (dns("a b.flow.test"), None), (dns("-a.flow.test"), None), (dns("a..flow.test"), None),
    (dns(".flow.test"), None), (dns("a_b.flow.test"), None), (dns("192.0.2.1"), None), (dns("[::1]"), None),
    (dns("münchen.flow.test"), None), (dns("xn--.flow.test"), None), (dns("x" * 64 + ".flow.test"), None),
    (dns(".".join(["x" * 60] * 5)), None), (dns("a.*.flow.test"), None), (dns("**.flow.test"), None), (dns("*"), None),
    (dns("http://x.flow.test"), None), (dns("x.flow.test:80"), None), (dns("x.flow.test/"), None),
    (dns(*[f"n{i}.flow.test" for i in range(101)]), None),
    ({**dns("x.flow.test"), "notBefore": "2030-01-01T00:00:00Z"}, None),
    ({**dns("x.flow.test"), "notAfter": "yesterday"}, None),
]


@pytest.mark.parametrize("payload, kind", NEW_ORDER, ids=[json.dumps(row[0])[:60] for row in NEW_ORDER])
def test_new_order(world, payload, kind):
    before = world.house.content()
    answer = world.client.post(world.urls["newOrder"], payload)
    assert answer.type in ([kind] if kind else ["malformed", "rejectedIdentifier"]), answer
    refused(world, answer, answer.status, answer.type, before)
    assert 400 <= answer.status < 404


# ---- finalize ----

NAMES = ["ready.flow.test", "www.ready.flow.test"]


def ber(der):
    """The same request with a long-form length: BER, not DER."""
    assert der[0] == 0x30 and der[1] in (0x81, 0x82)
    size = der[1] - 0x80
    return bytes([0x30, der[1] + 1, 0]) + der[2:2 + size] + der[2 + size:]


def other_signature(der):
    changed = bytearray(der)
    changed[-5] ^= 1
    return bytes(changed)


def csr_with(extra):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in NAMES] + extra), False).sign(
        ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


FINALIZE = {
    "nothing": lambda w: {}, "no text": lambda w: {"csr": 1}, "empty": lambda w: {"csr": ""},
    "no base64url": lambda w: {"csr": "a b"}, "padded": lambda w: {"csr": base64.b64encode(make_csr(NAMES)).decode() + "="},
    "no DER": lambda w: {"csr": b64("hello")},
    "PEM": lambda w: {"csr": b64(b"-----BEGIN CERTIFICATE REQUEST-----")},
    "BER": lambda w: {"csr": b64(ber(make_csr(NAMES)))},
    "trailing octet": lambda w: {"csr": b64(make_csr(NAMES) + b"\0")},
    "cut short": lambda w: {"csr": b64(make_csr(NAMES)[:-1])},
    "broken signature": lambda w: {"csr": b64(other_signature(make_csr(NAMES)))},
    "a name is missing": lambda w: {"csr": b64(make_csr(NAMES[:1]))},
    "a name too many": lambda w: {"csr": b64(make_csr([*NAMES, "more.flow.test"]))},
    "other names": lambda w: {"csr": b64(make_csr(["other.flow.test"]))},
    "no names": lambda w: {"csr": b64(make_csr([]))},
    "another common name": lambda w: {"csr": b64(make_csr(NAMES, common_name="other.flow.test"))},
    "an IP address too": lambda w: {"csr": b64(csr_with([x509.IPAddress(__import__("ipaddress").ip_address("192.0.2.1"))]))},
    "an e-mail address too": lambda w: {"csr": b64(csr_with([x509.RFC822Name("a@flow.test")]))},
    "small RSA key": lambda w: {"csr": b64(make_csr(NAMES, rsa.generate_private_key(65537, 1024)))},
    "odd curve": lambda w: {"csr": b64(make_csr(NAMES, ec.generate_private_key(ec.SECP256K1())))},
    "the account's key": lambda w: {"csr": b64(make_csr(NAMES, w.client.key.key))},
}


@pytest.mark.parametrize("name", FINALIZE)
def test_finalize(world, name):
    before = world.house.content()
    answer = world.client.post(world.urls["finalize"], FINALIZE[name](world))
    assert answer.type in ("badCSR", "malformed", "badPublicKey"), answer
    refused(world, answer, 400, answer.type, before)


def test_finalize_too_early(world):
    before = world.house.content()
    answer = world.client.post(world.pending["finalize"], {"csr": b64(make_csr(["pending.flow.test"]))})
    refused(world, answer, 403, "orderNotReady", before)


def test_and_a_good_one_still_works(world):
    """After all of the above the ready order is finalized."""
    answer = world.client.post(world.urls["finalize"], {"csr": b64(make_csr(NAMES))})
    assert answer.status == 200 and answer.json["status"] in ("valid", "processing"), answer
