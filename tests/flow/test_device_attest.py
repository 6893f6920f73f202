"""device-attest-01 in the server (draft-ietf-acme-device-attest-09): what is answered to an attestation, what is kept of it, and
which key is certified then. Formats themselves are judged in test_attest_vectors.py; here they come through the whole house."""
import base64
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

import acme_raw
import attestation
import house as house_module
from acme_raw import Client, b64, make_csr
from h2_raw import H2, request
from house import CAIRN_CA

VECTORS = pathlib.Path(__file__).parents[1] / "vectors" / "device-attest-01-vectors.json"
SERIAL = "12345678"
TYPE = "device-attest-01"
MALFORMED, BAD, UNAUTHORIZED = "malformed", "badAttestationStatement", "unauthorized"
URN = "urn:ietf:params:acme:error:"

SETTINGS = """
attest:
  tpm_roots: vendor.pem
  apple_roots: vendor.pem
  step_roots: [vendor.pem, second.pem]
  android_key_roots: vendor.pem
  timeout: 3s
directories:
  default:
    identifiers: [dns, permanent-identifier, hardware-module]
    challenges: [http-01, device-attest-01]
    profiles: [device, careful]
profiles:
  device:
    usages: client
    identifiers: [dns, permanent-identifier, hardware-module]
  careful:
    usages: client
    identifiers: permanent-identifier
    attest_formats: step
    attest_presence: touch
"""


@pytest.fixture(scope="module")
def vendor():
    return attestation.Authority()


@pytest.fixture(scope="module")
def second():
    return attestation.Authority("Second Vendor")


def make_house(folder, vendor, second, settings=SETTINGS, sets=()):
    made = house_module.House(folder, sets=sets)
    path = folder / "cairn-ca.yaml"
    text = re.sub(r"(?ms)^(directories|profiles|attest):\n(?:[ #].*\n|\n)*", "", path.read_text())
    path.write_text(text + settings)
    (folder / "vendor.pem").write_text(vendor.root_pem)
    (folder / "second.pem").write_text(second.root_pem)
    return made


def ends_well(house):
    assert house.stop() == 0, house.text()
    assert "ERROR: AddressSanitizer" not in house.text() and "runtime error" not in house.text(), house.text()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, vendor, second):
    """One house for the refusals, which leave nothing behind that others meet."""
    made = make_house(tmp_path_factory.mktemp("attest") / "ca", vendor, second, sets=["rates.failed_validations=off"])
    try:
        made.start()
        yield made
        ends_well(made)
    finally:
        made.close()


@pytest.fixture
def own(tmp_path, vendor, second):
    """A house that may be harmed."""
    made = make_house(tmp_path / "ca", vendor, second)
    try:
        made.start()
        yield made
        ends_well(made)
    finally:
        made.close()


def new_client(house):
    client = Client(house.url, house.root)
    client.register()
    return client


@pytest.fixture
def client(shared):
    return new_client(shared)


class Attempt:
    """An order of one device, and what an attestation for it is bound to."""

    def __init__(self, client, *values, kind="permanent-identifier", profile=None, dns=()):
        payload = {"identifiers": [{"type": kind, "value": value} for value in values or (SERIAL,)]
                   + [{"type": "dns", "value": name} for name in dns]}
        if profile:
            payload["profile"] = profile
        answer = client.post(client.directory["newOrder"], payload)
        assert answer.status == 201, answer
        self.client = client
        self.url, self.order = answer.headers["Location"], answer.json
        self.authorizations = self.order["authorizations"]
        self.challenges = [client.challenge(url, TYPE) for url in self.authorizations[:len(values or (SERIAL,))]]
        self.challenge = self.challenges[0]
        self.token = self.challenge["token"]
        self.key = attestation.new_key()

    def authorized(self, number=0):
        return f'{self.challenges[number]["token"]}.{self.client.key.thumbprint()}'

    def step(self, vendor, serial=SERIAL, number=0, **spoil):
        return attestation.step_object(vendor, self.authorized(number), serial, spoil.pop("key", self.key), **spoil)

    def send(self, attested, number=0, **more):
        payload = attested if isinstance(attested, dict) else {"attObj": b64(attested), **more}
        return self.client.post(self.challenges[number]["url"], payload)

    def state(self, number=0):
        """Of order, authorization and challenge."""
        authorization = self.client.post(self.authorizations[number], None).json
        challenge = next(c for c in authorization["challenges"] if c["type"] == TYPE)
        return self.client.post(self.url, None).json["status"], authorization["status"], challenge["status"]

    def finalize(self, key=None, **request):
        csr = make_csr(request.pop("names", []), key or self.key, **request)
        return self.client.post(self.order["finalize"], {"csr": b64(csr)})

    def certificate(self):
        order = self.client.poll(self.url, ("valid", "invalid")).json
        assert order["status"] == "valid", order
        return x509.load_pem_x509_certificate(self.client.post(order["certificate"], None).body)


def is_for(certificate, key):
    return certificate.public_key().public_numbers() == key.public_key().public_numbers()


PENDING = ("pending", "pending", "pending")
READY = ("ready", "valid", "valid")
FAILED = ("invalid", "invalid", "invalid")


def refused(attempt, answer, words, status=400, kind=BAD):
    """S-DA-6: The problem is the answer, and stands in the challenge; the authorization is invalid."""
    assert answer.status == status and answer.type == kind, answer
    assert words in answer.json["detail"], answer.json
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert attempt.state() == FAILED
    assert attempt.client.post(attempt.challenge["url"], None).json["error"] == answer.json


# -- true ones

def test_the_whole_way(shared, client, vendor):
    """S-DA-3, 5, 9: From the order to a certificate for the attested key; what is bound to the key authorization."""
    attempt = Attempt(client)
    assert len(base64.urlsafe_b64decode(attempt.token + "=" * (-len(attempt.token) % 4))) >= 16
    assert re.fullmatch(r"[A-Za-z0-9_-]+", attempt.token)
    answer = attempt.send(attempt.step(vendor), and_more={"unknown": [1]})  # S-DA-4: others are passed over
    assert answer.status == 200 and answer.json["status"] == "valid", answer
    assert answer.json["type"] == TYPE and "validated" in answer.json
    assert attempt.state() == READY
    assert attempt.finalize().status == 200
    certificate = attempt.certificate()
    assert is_for(certificate, attempt.key)
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    # a POST to it once more is no error, and changes nothing
    again = attempt.send(b"\xa0")
    assert again.status == 200 and again.json["status"] == "valid"


def test_every_format(client, vendor):
    """S-DA-5: Each of them, once; what binds apple is the token."""
    for value, kind, make in [
            ("C02TEST00001", "permanent-identifier", lambda a: attestation.apple_object(vendor, a.token, "C02TEST00001", key=a.key)),
            (SERIAL, "permanent-identifier", lambda a: a.step(vendor)),
            ("ANDROID0001", "permanent-identifier", lambda a: attestation.android_object(vendor, a.authorized(), "ANDROID0001", a.key)),
            ("TPM-1/1.2.3.4", "permanent-identifier", lambda a: attestation.tpm_object(
                vendor, a.authorized(), a.key, names=[attestation.permanent_identifier("TPM-1/1.2.3.4")])),
            ("TPM-2/1.2.3.4", "hardware-module", lambda a: attestation.tpm_object(
                vendor, a.authorized(), a.key, names=[attestation.hardware_module("TPM-2/1.2.3.4")]))]:
        attempt = Attempt(client, value, kind=kind)
        answer = attempt.send(make(attempt))
        assert answer.status == 200 and answer.json["status"] == "valid", (value, answer)
        assert attempt.state() == READY
        assert attempt.finalize().status == 200
        assert is_for(attempt.certificate(), attempt.key)


def test_post_as_get_begins_nothing(client, vendor):
    """S-PAG-6: A pending challenge is shown, as often as one likes."""
    attempt = Attempt(client)
    for _ in range(3):
        answer = client.post(attempt.challenge["url"], None)
        assert answer.status == 200 and answer.json["status"] == "pending" and "error" not in answer.json, answer
    assert attempt.send(attempt.step(vendor)).json["status"] == "valid"


# -- what is none

@pytest.mark.parametrize("payload", ["[]", '"attObj"', "1", "{", "null"])
def test_no_object(client, vendor, payload):
    """S-DA-4: A payload that is no object is malformed, and the challenge can still be answered."""
    attempt = Attempt(client)
    answer = client.post(attempt.challenge["url"], payload)
    assert answer.status == 400 and answer.type == MALFORMED, answer
    assert attempt.state() == PENDING
    assert attempt.send(attempt.step(vendor)).json["status"] == "valid"


@pytest.mark.parametrize("payload, words", [
    ({}, "the attestation is missing"),
    ({"attObj": None}, "the attestation is missing"),
    ({"attObj": 7}, "the attestation is missing"),
    ({"attObj": ["oA"]}, "the attestation is missing"),
    ({"attObj": "oA=="}, "not base64url without padding"),
    ({"attObj": "o+/A"}, "not base64url without padding"),
    ({"attObj": "oAA A"}, "not base64url without padding"),
    ({"attObj": ""}, "the attestation is not acceptable"),
    ({"attObj": "oA"}, "the attestation is not acceptable"),  # an empty map
    ({"attObj": "_____w"}, "the attestation is not acceptable"),
    ({"attObj": b64(b"\xa0" * 65537)}, "more than 65536 octets"),
    ({"attObj": b64(b"\x81" * 65536)}, "the attestation is not acceptable"),  # a list in a list in a list
    ({"attObj": b64(b"\x9b" + b"\xff" * 8)}, "the attestation is not acceptable"),
    ({"error": "the user said no\n\u202e\x1b[2Jnow"}, "the device could not attest: the user said no?"),
    ({"error": "x" * 5000}, "the device could not attest: xxx"),
])
def test_no_attestation(shared, client, payload, words):
    """S-DA-4, 6: And what a device says instead of one is shown, without what would spoil a log."""
    attempt = Attempt(client)
    answer = attempt.send(payload)
    refused(attempt, answer, words)
    assert "\x1b" not in answer.json["detail"] and len(answer.json["detail"]) < 1000


def test_none_and_unknown_formats(client, vendor):
    """S-DA-7: Formats that vouch for nothing, or are not enabled."""
    for name, statement in (("none", {}), ("fido-u2f", {"sig": b"1", "x5c": []}), ("Step", {}), ("compound", {})):
        attempt = Attempt(client)
        refused(attempt, attempt.send(attestation.pack(name, statement)), "are not taken")
    attempt = Attempt(client)
    refused(attempt, attempt.send(attestation.packed_object(vendor, attempt.authorized())), '"packed" are not taken')


@pytest.mark.parametrize("name, spoil, words", [
    ("another root", {"of": "stranger"}, "not acceptable"),
    ("over another text", {"signed": b"something else"}, "not acceptable"),
    ("no device named", {"serial": None}, "it names no device"),
])
def test_untrue_ones(client, vendor, name, spoil, words):
    """S-DA-5, 6."""
    attempt = Attempt(client)
    ca = attestation.Authority("Stranger") if spoil.pop("of", None) else vendor
    refused(attempt, attempt.send(attempt.step(ca, **spoil)), words)


def test_another_device(client, vendor):
    """S-DA-5: Where only the identifier differs a subproblem names it."""
    attempt = Attempt(client)
    answer = attempt.send(attempt.step(vendor, "87654321"))
    refused(attempt, answer, "it is of another device")
    [sub] = answer.json["subproblems"]
    assert sub["type"] == URN + "rejectedIdentifier" and sub["identifier"] == {"type": "permanent-identifier", "value": SERIAL}
    attempt = Attempt(client, "other")
    assert "subproblems" not in attempt.send({}).json


def test_of_another_challenge(shared, client, vendor):
    """S-DA-5: Not for another order, token or account, whatever it is bound to; apple's is bound to no account."""
    first, other = Attempt(client), Attempt(client)
    refused(other, other.send(first.step(vendor)), "not acceptable")
    assert first.send(first.step(vendor)).json["status"] == "valid"
    stranger = new_client(shared)
    theirs = Attempt(stranger)
    statement = attestation.step_object(vendor, f"{theirs.token}.{client.key.thumbprint()}", SERIAL, theirs.key)
    refused(theirs, theirs.send(statement), "not acceptable")
    first, other = Attempt(client, "C02TEST00001"), Attempt(client, "C02TEST00001")
    refused(other, other.send(attestation.apple_object(vendor, first.token, "C02TEST00001")), "not acceptable")


def test_published_ones(tmp_path, second):
    """S-DA-5: What anybody can read is true of no challenge of ours, not even for the account it was made for."""
    vectors = json.loads(VECTORS.read_text())
    key = acme_raw.Key()
    jwk = {name: int.from_bytes(base64.urlsafe_b64decode(vectors["accountKey"][name] + "=="), "big") for name in ("x", "y", "d")}
    key.key = ec.EllipticCurvePrivateNumbers(jwk["d"], ec.EllipticCurvePublicNumbers(jwk["x"], jwk["y"], ec.SECP256R1())).private_key()
    house = make_house(tmp_path / "ca", second, second, sets=["rates.failed_validations=off"])
    (house.directory / "vendor.pem").write_text(vectors["attestationRootPem"])
    try:
        client = Client(house.start().url, house.root, key)
        client.register()
        assert len(vectors["vectors"]) > 30
        for vector in vectors["vectors"]:
            attempt = Attempt(client, vector["identifier"]["value"], kind=vector["identifier"]["type"])
            refused(attempt, attempt.send({"attObj": vector["attObj"]}), "the attestation is not acceptable")
        ends_well(house)
    finally:
        house.close()


def test_of_another_account(shared, client, vendor):
    """The challenge of an account is nobody else's."""
    attempt = Attempt(client)
    stranger = new_client(shared)
    answer = stranger.post(attempt.challenge["url"], {"attObj": b64(attempt.step(vendor))})
    assert answer.status == 404, answer
    assert attempt.state() == PENDING


def test_roots_vouch_for_their_format_only(own, vendor):
    """What may speak for YubiKeys is not believed about phones."""
    phones = attestation.Authority("Phones")
    (own.directory / "phones.pem").write_text(phones.root_pem)
    path = own.directory / "cairn-ca.yaml"
    path.write_text(path.read_text().replace("apple_roots: vendor.pem", "apple_roots: phones.pem"))
    reload(own)
    client = new_client(own)
    attempt = Attempt(client, "C02TEST00001")
    refused(attempt, attempt.send(attestation.apple_object(vendor, attempt.token, "C02TEST00001")), "not acceptable")
    attempt = Attempt(client, "C02TEST00001")
    assert attempt.send(attestation.apple_object(phones, attempt.token, "C02TEST00001")).json["status"] == "valid"
    attempt = Attempt(client)
    refused(attempt, attempt.send(attempt.step(phones)), "not acceptable")


def test_a_profile_may_be_narrower(client, vendor):
    attempt = Attempt(client, "C02TEST00001", profile="careful")
    refused(attempt, attempt.send(attestation.apple_object(vendor, attempt.token, "C02TEST00001")), '"apple" are not taken')
    for policy, good in ((b"\x02\x01", False), (b"\x01\x02", True), (b"\x03\x03", True)):  # PIN once, never touched; ...
        attempt = Attempt(client, profile="careful")
        answer = attempt.send(attempt.step(vendor, policy=policy))
        assert (answer.status == 200) == good, (policy, answer)


def test_the_other_form_of_a_refusal(tmp_path, vendor, second):
    """attest.failure_status: 200 with the challenge, which says why, as step-ca answers."""
    house = make_house(tmp_path / "ca", vendor, second, sets=["attest.failure_status=200"])
    try:
        client = new_client(house.start())
        attempt = Attempt(client)
        answer = attempt.send(attempt.step(vendor, "87654321"))
        assert answer.status == 200 and answer.json["status"] == "invalid", answer
        assert answer.json["error"]["type"] == URN + BAD and answer.json["error"]["status"] == 400
        assert answer.json["error"]["subproblems"][0]["type"] == URN + "rejectedIdentifier"
        assert attempt.state() == FAILED
        ends_well(house)
    finally:
        house.close()


# -- finalize

def test_another_key(client, vendor):
    """S-DA-9: The order stays ready, and can be finalized with the right key."""
    attempt = Attempt(client)
    assert attempt.send(attempt.step(vendor)).json["status"] == "valid"
    for _ in range(2):
        answer = attempt.finalize(ec.generate_private_key(ec.SECP256R1()))
        assert answer.status == 403 and answer.type == UNAUTHORIZED, answer
        assert "not the one that the device" in answer.json["detail"]
        assert attempt.state() == READY
    assert attempt.finalize().status == 200
    assert is_for(attempt.certificate(), attempt.key)


def test_several_devices_one_key(client, vendor):
    """Each has an authorization of its own; one key must be attested for all of them."""
    attempt = Attempt(client, "111", "222")
    assert attempt.send(attempt.step(vendor, "111")).json["status"] == "valid"
    assert attempt.state()[0] == "pending"
    assert attempt.send(attempt.step(vendor, "222", 1, key=attestation.new_key()), 1).json["status"] == "valid"
    assert attempt.state() == READY
    assert attempt.finalize().type == UNAUTHORIZED
    attempt = Attempt(client, "111", "222")
    for number, serial in enumerate(("111", "222")):
        assert attempt.send(attempt.step(vendor, serial, number), number).json["status"] == "valid"
    assert attempt.finalize().status == 200
    assert is_for(attempt.certificate(), attempt.key)


def test_the_next_order_attests_anew(client, vendor):
    """A valid authorization is about one key: it serves its own order only."""
    first = Attempt(client)
    assert first.send(first.step(vendor)).json["status"] == "valid"
    second = Attempt(client)
    assert second.authorizations != first.authorizations and second.state() == PENDING
    assert second.send(second.step(vendor)).json["status"] == "valid"
    assert second.finalize(first.key).type == UNAUTHORIZED
    assert second.finalize().status == 200


# -- what is kept

def test_what_is_kept(own, vendor):
    """S-DA-16: The digest of the key, the format and what the evidence needs; nothing of the statement."""
    client = new_client(own)
    attempt = Attempt(client)
    statement = attempt.step(vendor)
    assert attempt.send(statement).json["status"] == "valid"
    bad = Attempt(client)
    refused(bad, bad.send(bad.step(vendor, "87654321")), "another device")
    number = int(attempt.authorizations[0].rpartition("/")[2])
    with sqlite3.connect(own.directory / "cairn.db") as db:
        [(authz, kind, key_hash)] = db.execute("SELECT authz_id, format, key_hash FROM attestation")
    assert authz == number and key_hash == attestation.sha256(attestation.spki(attempt.key))
    shown = subprocess.run([CAIRN_CA, "authz", "show", "--dir", own.directory, str(number), "--json"],
                           capture_output=True, text=True, check=True)
    [voice] = json.loads(shown.stdout)["perspectives"]
    facts = voice["steps"][0]["attestation"]
    assert facts["format"] == "step" and "issuer" in facts and "serial" in facts, facts
    own.stop()
    kept = b"".join(path.read_bytes() for path in own.directory.rglob("*") if path.is_file())
    leaf = attestation.cbor2.loads(statement)["attStmt"]["x5c"][0]
    for secret in (statement[:64], leaf[:64], leaf[-64:], b64(statement)[:64].encode(), b"87654321"):
        assert secret not in kept
    own.start()
    client.connect()
    assert attempt.state() == READY  # and after a restart
    assert attempt.finalize().status == 200


def test_housekeeping(own, vendor):
    client = new_client(own)
    attempt = Attempt(client)
    assert attempt.send(attempt.step(vendor)).json["status"] == "valid"
    Attempt(client)  # the newest row of a table stays
    own.stop()
    with sqlite3.connect(own.directory / "cairn.db") as db:
        for table in ("authz", "orders"):
            db.execute(f"UPDATE {table} SET created = created - 100000000, expires = expires - 100000000 WHERE id = 1")
    own.sets += ["retention.interval=1s", "retention.authorizations=0s"]
    own.start()
    deadline = time.monotonic() + 60
    while own.rows()["attestation"] > 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)


# -- sizes, crowds, ends

def test_sizes(shared, client, vendor):
    """S-HTTP-2: A large attestation is read, and no other request of that size; a very large one is not."""
    attempt = Attempt(client)
    refused(attempt, attempt.send(b"\x5a\x00\x00\xff\xfb" + b"x" * 65531), "the object is no map")
    for url, octets, status in [(attempt.challenge["url"], 140000, 413), (attempt.challenge["url"], 1000000, 413),
                                (client.directory["newOrder"], 70000, 413), (attempt.challenge["url"].replace(TYPE, "dns-01"), 70000, 413)]:
        fresh = new_client(shared)
        answer = fresh.post(url, {"attObj": "A" * (octets * 3 // 4 - 100)})
        assert answer.status == status and answer.type == MALFORMED, (url, octets, answer)


SIZES = [("challenge/1/device-attest-01", 131072, 400), ("challenge/1/device-attest-01", 131073, 413), ("challenge/1/dns-01", 65536, 400),
         ("challenge/1/dns-01", 65537, 413), ("authz/1", 100000, 413)]


@pytest.mark.parametrize("framing", ["Expect:", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("path, octets, status", SIZES)
def test_sizes_by_http1(shared, tmp_path, framing, path, octets, status):
    """S-HTTP-2: By length and by what comes; what is small enough is read, and is no JWS."""
    body = tmp_path / "body"
    body.write_bytes(b" " * octets)
    done = subprocess.run(["curl", "-sS", "--http1.1", "--cacert", shared.root, "-H", "Content-Type: application/jose+json", "-H", framing,
                           "--data-binary", f"@{body}", "-o", "/dev/null", "-w", "%{http_code}",
                           f"https://localhost:{shared.port}/acme/{path}"], capture_output=True, text=True, timeout=60)
    assert done.stdout == str(status), done


@pytest.mark.parametrize("path, octets, status", SIZES)
def test_sizes_by_http2(shared, path, octets, status):
    """S-HTTP-2: The same, judged by what is announced."""
    with H2(shared) as h2:
        stream = h2.begin(request(f"/acme/{path}", "POST", ("expect", "100-continue"), ("content-length", str(octets))), False)
        while not (stream in h2.answers and (h2.answers[stream].interim or h2.answers[stream].status)):
            assert h2.step()
        assert (h2.answers[stream].status or "taken") == (413 if status == 413 else "taken")


def test_twenty_at_once(shared, vendor):
    """Each its own answer."""
    answers = {}

    def enrol(number):
        client = new_client(shared)
        attempt = Attempt(client, str(1000 + number))
        good = number % 4 != 3
        answer = attempt.send(attempt.step(vendor, str(1000 + number if good else 5)))
        answers[number] = (good, answer.status, attempt.state())

    threads = [threading.Thread(target=enrol, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    for good, status, state in answers.values():
        assert (status, state) == ((200, READY) if good else (400, FAILED))


def test_the_same_challenge_twice_at_once(shared, vendor):
    """One verdict, whichever comes first; both clients are told the same state."""
    client = new_client(shared)
    attempt = Attempt(client)
    body = attempt.step(vendor)
    others = []
    for _ in range(4):
        other = Client(shared.url, shared.root, client.key)
        other.kid = client.kid
        others.append(other)
    answers = []
    threads = [threading.Thread(target=lambda o=other: answers.append(o.post(attempt.challenge["url"], {"attObj": b64(body)})))
               for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.json["status"] for answer in answers] == ["valid"] * 4


def freeze(house, role):
    pid = house.children()[role]
    os.kill(pid, signal.SIGSTOP)
    return pid


def in_background(work):
    result = []
    thread = threading.Thread(target=lambda: result.append(work()))
    thread.start()
    return thread, result


def test_the_validator_dies(own, vendor):
    """It is asked again from memory, and the client notices nothing."""
    own.sets += ["attest.timeout=30s"]
    assert own.stop() == 0
    own.start()
    client = new_client(own)
    attempt = Attempt(client)
    pid = freeze(own, "validator")
    thread, result = in_background(lambda: attempt.send(attempt.step(vendor)))
    time.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    thread.join(60)
    assert result[0].status == 200 and result[0].json["status"] == "valid", result
    assert attempt.state() == READY


def test_the_validator_hangs(own, vendor):
    """503 after attest.timeout; the challenge is pending, and is answered by the next attempt."""
    client = new_client(own)
    attempt = Attempt(client)
    pid = freeze(own, "validator")
    try:
        answer = attempt.send(attempt.step(vendor))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert answer.status == 503 and "Retry-After" in answer.headers, answer
    assert attempt.state() == PENDING or attempt.state() == READY  # what was in its channel may still be answered
    assert attempt.send(attempt.step(vendor)).json["status"] == "valid"


def test_the_front_dies(own, vendor):
    """What was not answered never was: the challenge is pending, and nothing goes on by itself."""
    client = new_client(own)
    attempt = Attempt(client)
    stopped = freeze(own, "validator")
    try:
        def send():
            with pytest.raises(Exception):
                attempt.send(attempt.step(vendor))
        thread, _ = in_background(send)
        time.sleep(0.5)
        os.kill(own.children()["front"], signal.SIGKILL)
        thread.join(60)
    finally:
        os.kill(stopped, signal.SIGCONT)
    attempt.client = wait_for_front(own, client)
    assert attempt.state() == PENDING
    assert attempt.send(attempt.step(vendor)).json["status"] == "valid"


def wait_for_front(house, client):
    """The same account by another connection, when there is somebody to talk to."""
    deadline = time.monotonic() + 60
    while True:
        try:
            again = Client(house.url, house.root, client.key)
            again.kid = client.kid
            return again
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


# -- settings

def reload(house):
    mark = len(house.log_path.read_bytes())
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line(r"proc\.reloaded|proc\.reload_refused", since=mark)


def test_roots_are_read_again(own, vendor):
    """SIGHUP: roots that are gone vouch for nothing any more, new ones do; a file that is no certificate changes nothing."""
    client = new_client(own)
    stranger = attestation.Authority("Stranger")
    attempt = Attempt(client)
    refused(attempt, attempt.send(attempt.step(stranger)), "not acceptable")
    (own.directory / "second.pem").write_text(stranger.root_pem)
    attempt = Attempt(client)  # the file alone changes nothing
    refused(attempt, attempt.send(attempt.step(stranger)), "not acceptable")
    reload(own)
    attempt = Attempt(client)
    assert attempt.send(attempt.step(stranger)).json["status"] == "valid"
    (own.directory / "second.pem").write_text("no certificate")
    reload(own)
    attempt = Attempt(client)
    assert attempt.send(attempt.step(stranger)).json["status"] == "valid"


def test_google_s_list(own, vendor):
    """attest.android_status: what it names is revoked from the next SIGHUP on."""
    client = new_client(own)
    attempt = Attempt(client, "ANDROID0001")
    statement = attestation.android_object(vendor, attempt.authorized(), "ANDROID0001", attempt.key)
    certificates = [x509.load_der_x509_certificate(der) for der in attestation.cbor2.loads(statement)["attStmt"]["x5c"]]
    assert attempt.send(statement).json["status"] == "valid"
    serial = f"{certificates[1].serial_number:x}"
    (own.directory / "status.json").write_text(json.dumps({"entries": {serial: {"status": "REVOKED", "reason": "KEY_COMPROMISE"}}}))
    path = own.directory / "cairn-ca.yaml"
    path.write_text(path.read_text().replace("  timeout: 3s\n", "  timeout: 3s\n  android_status: status.json\n"))
    reload(own)
    attempt = Attempt(client, "ANDROID0001")
    statement = attestation.android_object(vendor, attempt.authorized(), "ANDROID0001", attempt.key)
    refused(attempt, attempt.send(statement), "not acceptable")


@pytest.mark.parametrize("change, words", [
    (("apple_roots: vendor.pem", "apple_roots: nowhere.pem"), "attest.apple_roots: there is no file"),
    (("apple_roots: vendor.pem", "apple_roots: cairn-ca.yaml"), "attest.apple_roots: cairn-ca.yaml"),
    (("tpm_roots: vendor.pem", "formats: [tpm]"), '"tpm" needs attest.tpm_roots'),
    (("timeout: 3s", "android_status: vendor.pem"), "attest.android_status"),
    (("timeout: 3s", "formats: [safetynet]"), 'there is no format "safetynet"'),
    (("attest_formats: step", "attest_formats: packed"), "profiles.careful: attest_formats"),
])
def test_check_config(tmp_path, vendor, second, change, words):
    """A format without roots is found here, and not when somebody attests."""
    house = make_house(tmp_path / "ca", vendor, second)
    try:
        path = house.directory / "cairn-ca.yaml"
        assert change[0] in path.read_text()
        path.write_text(path.read_text().replace(*change))
        for command in ("check-config", "serve"):
            done = subprocess.run([CAIRN_CA, command, "--dir", house.directory], capture_output=True, text=True, timeout=60)
            assert done.returncode == 78, done
            assert words in done.stderr, done.stderr
    finally:
        house.close()


def test_check_config_recommends(tmp_path, vendor, second):
    """S-DA-13: External accounts, and Google's list."""
    house = make_house(tmp_path / "ca", vendor, second)
    try:
        def notes():
            return subprocess.run([CAIRN_CA, "check-config", "--dir", house.directory], capture_output=True, text=True, check=True).stdout
        path = house.directory / "cairn-ca.yaml"
        assert "directories.default: external_account: required is recommended" in notes()
        path.write_text(path.read_text().replace("challenges: [http-01", "external_account: required\n    challenges: [http-01")
                        .replace("timeout: 3s", "android_status: status.json"))
        (house.directory / "status.json").write_text('{"entries": {}}')
        assert "external_account" not in notes() and "android_status" not in notes()
        os.utime(house.directory / "status.json", (time.time() - 9 * 86400,) * 2)
        assert "attest.android_status: the list is 9 days old" in notes()
    finally:
        house.close()
