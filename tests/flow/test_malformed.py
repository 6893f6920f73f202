"""What a broken or hostile client sends, to every endpoint: the status and problem type it gets, and that nothing
changed in the store: all of it is compared, before and after.

A new route is a row of ENDPOINTS; test_every_route_has_a_row fails without it."""
import base64
import datetime
import json
import re

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography import x509
from cryptography.x509.oid import NameOID

import acme_raw
import house as house_module
import responder as responder_module
from acme_raw import b64, make_csr


class Endpoint:
    """One thing to ask for. `url` and `payload` are functions of the world that give a request which is good but for what
    a test does to it. `signer`: "account", "key" (a jwk) or "either". `owned`: others must not find it."""

    def __init__(self, url, payload=lambda w: None, *, signer="account", owned=False, methods=("POST",)):
        self.url, self.payload, self.signer, self.owned, self.methods = url, payload, signer, owned, methods


def key_change(world):
    """A good request to change the key to a new one."""
    client, new = world.client, world.new_key
    protected = b64(json.dumps({"alg": new.algorithm, "jwk": new.jwk(), "url": client.directory["keyChange"]}))
    payload = b64(json.dumps({"account": client.kid, "oldKey": client.key.jwk()}))
    return {"protected": protected, "payload": payload,
            "signature": b64(new.sign(f"{protected}.{payload}".encode()))}


def directory(name):
    return lambda w: w.client.directory[name]


OPEN = ("GET", "HEAD", "POST")  # GET or POST-as-GET (RFC 8555 6.3)
ROWS = {
    "directory": Endpoint(lambda w: w.house.url, methods=OPEN),
    "newNonce": Endpoint(directory("newNonce"), methods=OPEN),
    "renewalInfo": Endpoint(lambda w: f'{w.client.directory["renewalInfo"]}/{acme_raw.certificate_id(w.pem)}',
                            methods=OPEN),
    "newAccount": Endpoint(directory("newAccount"), lambda w: {"onlyReturnExisting": True}, signer="key"),
    "account": Endpoint(lambda w: w.client.kid, owned=True),
    "a change of the account": Endpoint(lambda w: w.client.kid, lambda w: {"contact": ["mailto:x@flow.test"]}, owned=True),
    "the end of the account": Endpoint(lambda w: w.client.kid, lambda w: {"status": "deactivated"}, owned=True),
    "keyChange": Endpoint(directory("keyChange"), key_change),
    "orders": Endpoint(lambda w: w.orders, owned=True),
    "a page of orders": Endpoint(lambda w: w.orders + "/3", owned=True),
    "newOrder": Endpoint(directory("newOrder"), lambda w: {"identifiers": [{"type": "dns", "value": "x.flow.test"}]}),
    "newAuthz": Endpoint(directory("newAuthz"), lambda w: {"identifier": {"type": "dns", "value": "x.flow.test"}}),
    "order": Endpoint(lambda w: w.order_url, owned=True),
    "finalize": Endpoint(lambda w: w.order["finalize"],
                         lambda w: {"csr": b64(make_csr(["ready.flow.test", "www.ready.flow.test"]))}, owned=True),
    "certificate": Endpoint(lambda w: w.certificate_url, owned=True),
    "a certificate that renews itself": Endpoint(lambda w: w.star_url, methods=OPEN, owned=True),
    "revokeCert": Endpoint(directory("revokeCert"), lambda w: {"certificate": b64(w.der)}, signer="either", owned=True),
    "authorization": Endpoint(lambda w: w.pending["authorizations"][0], owned=True),
    "the end of an authorization": Endpoint(lambda w: w.pending["authorizations"][0], lambda w: {"status": "deactivated"},
                                            owned=True),
    "challenge": Endpoint(lambda w: w.challenge["url"], lambda w: {}, owned=True),
}
# one that is only fetched, and two without JWS, whose wrong questions are in test_ak_enrolment.py
NO_ACME = {"root.pem", "attest", "secret"}
ENDPOINTS = list(ROWS)
POST_ENDPOINTS = [e for e in ROWS if ROWS[e].methods == ("POST",)]
KID_ENDPOINTS = [e for e in ROWS if ROWS[e].signer != "key"]
OWNED = [e for e in ROWS if ROWS[e].owned]


class World:
    """One CA with an account, a ready order and an issued one, shared by all cases."""

    def __init__(self, folder):
        self.house = house_module.House(folder, sets=["star.enabled=true"])
        self.house.start()
        self.responder = responder_module.Responder(self.house.http_port)
        self.client = acme_raw.Client(self.house.url, self.house.root)
        self.client.register()
        self.new_key = acme_raw.Key()
        self.orders = self.client.post(self.client.kid, None).json["orders"]
        self.order_url, self.order = self.client.order("ready.flow.test", "www.ready.flow.test")
        self.client.prove(self.order, self.responder)
        self.pending_url, self.pending = self.client.order("pending.flow.test")
        self.challenge = self.client.challenge(self.pending["authorizations"][0])
        self.pem = self.client.issue(self.responder, "issued.flow.test")
        self.der = x509.load_pem_x509_certificate(self.pem).public_bytes(serialization.Encoding.DER)
        newest = self.client.post(self.orders, None).json["orders"][0]
        self.star_url = self.make_star("star.flow.test")
        self.certificate_url = self.client.post(newest, None).json["certificate"]
        self.urls = {name: row.url(self) for name, row in ROWS.items()}
        self.payloads = {name: row.payload(self) for name, row in ROWS.items()}
        self.closed = self.other_client()
        self.closed.post(self.closed.kid, {"status": "deactivated"})

    def make_star(self, name):
        end = (datetime.datetime.utcnow() + datetime.timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
        made = self.client.post(self.client.directory["newOrder"], {
            "identifiers": [{"type": "dns", "value": name}],
            "auto-renewal": {"end-date": end, "lifetime": 86400, "allow-certificate-get": True}}).json
        self.client.prove(made, self.responder)
        return self.client.post(made["finalize"], {"csr": b64(make_csr([name]))}).json["star-certificate"]

    def other_client(self):
        made = acme_raw.Client(self.house.url, self.house.root)
        made.register()
        return made

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


def test_every_route_has_a_row(world):
    """What is not in ROWS is not asked the wrong questions below."""
    routes = set(re.findall(r'^ROUTE\("([^"]+)"', (house_module.ROOT / "src/server/front/routes.def").read_text(), re.M))
    assert len(routes) > 10
    asked = {part for url in world.urls.values() for part in url.split("/")}
    assert routes - asked == NO_ACME, "give each new route a row in ROWS"


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
    spoil.setdefault("jwk", ROWS[endpoint].signer == "key")
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
    return send(world, endpoint, good(world, endpoint, jwk=ROWS[endpoint].signer != "key"))


def other_key(world, endpoint):
    return send(world, endpoint, world.client.jws(world.urls[endpoint], world.payloads[endpoint], key=acme_raw.Key()))


ENVELOPE = [
    ("no JSON (S-JWS-1)", 400, "malformed", lambda w, e: send(w, e, "hello")),
    ("empty", 400, "malformed", lambda w, e: send(w, e, "")),
    ("an array", 400, "malformed", lambda w, e: send(w, e, "[]")),
    ("trailing octets (S-JWS-12)", 400, "malformed", lambda w, e: send(w, e, json.dumps(good(w, e)) + "x")),
    ("a second document", 400, "malformed", lambda w, e: send(w, e, json.dumps(good(w, e)) * 2)),
    ("a NUL behind", 400, "malformed", lambda w, e: send(w, e, json.dumps(good(w, e)).encode() + b"\0")),
    ("invalid UTF-8 (S-ENC-1)", 400, "malformed", lambda w, e: send(w, e, b'{"protected":"\xff"}')),
    ("a member twice", 400, "malformed", duplicate_member),
    ("a member twice, but for case", 400, "malformed", duplicate_member_but_for_case),
    ("a header member twice (S-JWS-9)", 400, "malformed", duplicate_header_member),
    ("application/json", 415, "malformed", lambda w, e: send(w, e, good(w, e), "application/json")),
    ("no media type", 415, "malformed", lambda w, e: send(w, e, good(w, e), "")),
    ("unprotected header (S-JWS-5)", 400, "malformed", lambda w, e: send(w, e, {**good(w, e), "header": {"kid": "x"}})),
    ("signatures (S-JWS-3)", 400, "malformed", lambda w, e: send(w, e, {**good(w, e), "signatures": []})),
    ("no payload (S-JWS-6)", 400, "malformed",
     lambda w, e: send(w, e, {k: v for k, v in good(w, e).items() if k != "payload"})),
    ("no signature", 400, "malformed", lambda w, e: send(w, e, {**good(w, e), "signature": ""})),
    ("padded base64", 400, "malformed", lambda w, e: send(w, e, {**good(w, e), "signature": good(w, e)["signature"] + "=="})),
    ("critical extension (S-JWS-10)", 400, "malformed", lambda w, e: send(w, e, good(w, e, header={"crit": ["x"], "x": 1}))),
    ("unencoded payload (S-JWS-4)", 400, "malformed", lambda w, e: send(w, e, good(w, e, header={"b64": False}))),
    ("jwk and kid (S-JWS-8)", 400, "malformed", both_keys),
    ("neither jwk nor kid (S-JWS-7)", 400, "malformed",
     lambda w, e: send(w, e, good(w, e, drop=["jwk" if ROWS[e].signer == "key" else "kid"]))),
    ("no url (S-JWS-7, S-URL-1)", 400, "malformed", lambda w, e: send(w, e, good(w, e, drop=["url"]))),
    ("another url (S-URL-2)", 403, "unauthorized", lambda w, e: send(w, e, good(w, e, header={"url": w.urls[e] + "x"}))),
    ("another host's url", 403, "unauthorized", lambda w, e: send(w, e, good(w, e, header={"url": "https://example.org/"}))),
    ("no nonce (S-NONCE-6)", 400, "badNonce", lambda w, e: send(w, e, good(w, e, drop=["nonce"]))),
    ("an invented nonce", 400, "badNonce", lambda w, e: send(w, e, good(w, e, header={"nonce": "A" * 32}))),
    ("a nonce that is no base64url (S-NONCE-9)", 400, "malformed",
     lambda w, e: send(w, e, good(w, e, header={"nonce": "a b"}))),
    ("a replayed nonce", 400, "badNonce", replayed),
    ("alg none (S-ALG-1)", 400, "badSignatureAlgorithm", lambda w, e: send(w, e, good(w, e, header={"alg": "none"}))),
    ("alg HS256 (S-ALG-1)", 400, "badSignatureAlgorithm", lambda w, e: send(w, e, good(w, e, header={"alg": "HS256"}))),
    ("alg RS384", 400, "badSignatureAlgorithm", lambda w, e: send(w, e, good(w, e, header={"alg": "RS384"}))),
    ("an algorithm of another key (S-ALG-6)", 400, "badSignatureAlgorithm",
     lambda w, e: send(w, e, good(w, e, header={"alg": "ES384"}))),
    ("a broken signature", 403, "unauthorized", broken_signature),
    ("another payload", 403, "unauthorized", other_payload),
    ("oversized (S-HTTP-2)", 413, "malformed", lambda w, e: send(w, e, b"x" * 70000)),
]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("name, status, kind, act", ENVELOPE, ids=[row[0] for row in ENVELOPE])
def test_envelope(world, endpoint, name, status, kind, act):
    """S-ERR-1, 3: every problem document has type, detail and status, which is that of HTTP."""
    before = world.house.content()
    answer = act(world, endpoint)
    if answer.headers.get("Connection") == "close":
        world.client.connect()
    refused(world, answer, status, kind, before)
    if kind == "badSignatureAlgorithm":
        assert set(answer.json["algorithms"]) >= {"ES256", "ES384", "ES512", "EdDSA", "RS256"}
    assert "Replay-Nonce" in answer.headers or status == 413


@pytest.mark.parametrize("endpoint", KID_ENDPOINTS)
def test_unknown_kid(world, endpoint):
    """S-AUTH-3."""
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


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_other_kind_of_key(world, endpoint):
    """A key that is taken here too must be the right one all the same: S-AUTH-1, 2."""
    before = world.house.content()
    status, kind = (403, "unauthorized") if ROWS[endpoint].signer == "either" else (400, "malformed")
    refused(world, other_way(world, endpoint), status, kind, before)


@pytest.mark.parametrize("endpoint", OWNED)
def test_another_account(world, endpoint):
    """S-AUTH-5: What belongs to one account is not there for another."""
    stranger = world.other_client()
    before = world.house.content()
    answer = stranger.post(world.urls[endpoint], world.payloads[endpoint])
    assert answer.type in ("malformed", "unauthorized")
    refused(world, answer, answer.status, answer.type, before)
    assert answer.status in (403, 404)


@pytest.mark.parametrize("endpoint", KID_ENDPOINTS)
def test_a_deactivated_account(world, endpoint):
    """S-DEAC-3."""
    before = world.house.content()
    refused(world, world.closed.post(world.urls[endpoint], world.payloads[endpoint]), 403, "unauthorized", before)


@pytest.mark.parametrize("endpoint", [e for e in OWNED if e != "revokeCert"])
@pytest.mark.parametrize("number", ["999999999", "9223372036854775807", "9223372036854775808", "0", "01", "-1", "1.0", "0x1"])
def test_numbers_of_nothing(world, endpoint, number):
    """The number in the URL is of nothing, or no number."""
    before = world.house.content()
    url = re.sub("/[0-9]+(?=/|$)", "/" + number, world.urls[endpoint], count=1)
    assert url != world.urls[endpoint]
    answer = world.client.post(url, world.payloads[endpoint])
    assert answer.status in (403, 404), answer
    refused(world, answer, answer.status, answer.type, before)


@pytest.mark.parametrize("endpoint", POST_ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods(world, endpoint, method):
    """S-PAG-1."""
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


@pytest.mark.parametrize("endpoint", [e for e in POST_ENDPOINTS if not e.startswith(("a ", "the "))])
@pytest.mark.parametrize("payload", ["x", "[]", "{} x", '{"a":1,"a":2}', '"x"', "1", b"\xff", '{"a":"\\u0000"}', "{" * 100])
def test_payloads_that_are_no_object(world, endpoint, payload):
    """S-JWS-17, S-CH-6."""
    before = world.house.content()
    answer = world.client.post(world.urls[endpoint], payload, jwk=ROWS[endpoint].signer == "key")
    refused(world, answer, 400, "malformed", before)


@pytest.mark.parametrize("endpoint", ["order", "orders", "a page of orders", "authorization", "certificate", "directory",
                                      "newNonce", "renewalInfo"])
def test_post_as_get_has_no_payload(world, endpoint):
    before = world.house.content()
    answer = world.client.post(world.urls[endpoint], {"x": 1})
    refused(world, answer, 400, "malformed", before)


@pytest.mark.parametrize("endpoint", ["newAccount", "newOrder", "finalize", "keyChange", "revokeCert"])
def test_nothing_is_read_where_something_is_made(world, endpoint):
    """POST-as-GET to what is no resource (RFC 8555 6.3)."""
    before = world.house.content()
    answer = world.client.post(world.urls[endpoint], None, jwk=ROWS[endpoint].signer == "key")
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
    """S-NEWO-2, 4, 5."""
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
