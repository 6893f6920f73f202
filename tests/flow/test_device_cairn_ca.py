"""A TPM from nothing to a certificate that is used, renewed and revoked, with both our programs; and what cairn-ca must not believe."""
import contextlib
import hashlib
import json
import re
import sqlite3
import subprocess

import pytest
from cryptography import x509

import attestation
import house as house_module
import swtpm
import tpm as tpm_module
from acme_raw import Client as RawClient
from acme_raw import b64, make_csr
from house import CAIRN_CA
from pebble import Client
from test_device_tpm import FAILED, LIVE, Broker, certificate, device, listening, loaded, openssl_with, spki

pytestmark = pytest.mark.skipif(swtpm.missing() is not None, reason=f"not here: {swtpm.missing()}")

SERIAL = "SN-0007"
PERMANENT = "permanent-identifier"

SETTINGS = """
attest:
  tpm_roots: [root.pem, vendor.pem]
  ek_roots: makers.pem
directories:
  default:
    identifiers: [dns, permanent-identifier, hardware-module]
    challenges: [http-01, device-attest-01]
    profiles: device
    attestation_enrollment: true
  private:
    identifiers: permanent-identifier
    challenges: device-attest-01
    profiles: private
    attestation_enrollment: true
profiles:
  private:
    usages: client
    identifiers: permanent-identifier
    device_privacy: true
  device:
    usages: client
    identifiers: [dns, permanent-identifier, hardware-module]
"""


@pytest.fixture(scope="module")
def makers(tmp_path_factory):
    return swtpm.MakersCA(tmp_path_factory.mktemp("makers") / "ca")


@pytest.fixture(scope="module")
def tpm(makers, tmp_path_factory):
    made = swtpm.Swtpm(tmp_path_factory.mktemp("tpm") / "tpm", makers)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def other_tpm(makers, tmp_path_factory):
    made = swtpm.Swtpm(tmp_path_factory.mktemp("tpm") / "other", makers)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def vendor():
    return attestation.Authority("Another Attestation CA")


@pytest.fixture(scope="module")
def ca(tmp_path_factory, makers, tpm, vendor):
    """cairn-ca as docs/devices.md sets it up: it certifies attestation keys itself, and knows one TPM."""
    made = house_module.House(tmp_path_factory.mktemp("devices") / "ca", sets=["rates.failed_validations=off"])
    path = made.directory / "cairn-ca.yaml"
    path.write_text(re.sub(r"(?ms)^(directories|profiles|attest):\n(?:[ #].*\n|\n)*", "", path.read_text()) + SETTINGS)
    (made.directory / "makers.pem").write_bytes(makers.root.read_bytes() + makers.issuer.read_bytes())
    (made.directory / "vendor.pem").write_text(vendor.root_pem)
    try:
        made.start()
        admin(made, "device", "add", "--ek", hash_of(tpm.ek_public()), "--label", "front desk", SERIAL)
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


def hash_of(octets):
    return hashlib.sha256(octets).hexdigest()


def admin(house, *words):
    """What an administration command prints, as JSON."""
    done = subprocess.run([str(CAIRN_CA), *map(str, words), "--dir", str(house.directory), "--json"], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def client(ca, tmp_path):
    return Client(tmp_path / "state", ca)


# ---- the whole way

def test_from_a_bare_tpm_to_a_revoked_certificate(ca, client, tpm, tmp_path):
    """EK, AK, attestation, certificate, use, renewal, revocation. What the device is called comes from the inventory."""
    done = client.issue(*device(tpm))
    assert "enrol" in done.stdout and f"{PERMANENT}:{SERIAL}" in done.stdout
    first = certificate(client)
    assert tpm_module.device_names(first) == [attestation.permanent_identifier(SERIAL).value]
    assert first.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value._usages == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    use_it(ca, client, tpm, tmp_path)
    assert "\nkept " in client.issue(*device(tpm)).stdout  # behind what the CA suggests (ARI)
    client.run("renew", "--force")
    second = certificate(client)
    assert spki(first.public_key()) != spki(second.public_key()) and first.serial_number != second.serial_number
    assert loaded(tpm) == b""
    blocked = admin(ca, "device", "block", "--yes", "--reason", "left in a train", SERIAL)
    try:
        assert blocked["count"] == 4
        assert "is blocked" in client.issue(*device(tpm), "--key", "p384", code=FAILED).stderr
        shown = admin(ca, "device", "show", SERIAL)
        revoked = {c["serial"] for c in admin(ca, "device", "show", SERIAL)["certificates"] if c["state"] == "revoked"}
        assert {f"{c.serial_number:x}" for c in (first, second)} < revoked and len(revoked) == 4  # and those of both attestation keys
    finally:
        admin(ca, "device", "unblock", SERIAL)


def test_a_revoked_attestation_key(ca, client, tpm):
    """Its certificate still verifies, but this CA revoked it: it vouches for no key any more."""
    client.issue(*device(tpm))
    with contextlib.closing(sqlite3.connect(f"file:{ca.directory}/cairn.db?mode=ro", uri=True)) as db:
        [(serial,)] = db.execute("SELECT lower(hex(serial)) FROM issuance WHERE id = (SELECT max(issuance_id) FROM device_issuance)").fetchall()
    admin(ca, "revoke", "--serial", serial, "--reason", "superseded", "--yes")
    failed = client.issue(*device(tpm), "--key", "p384", code=FAILED)
    assert "the certificate of the attestation key was revoked" in failed.stdout + failed.stderr


def use_it(ca, client, tpm, tmp_path):
    """A mutual TLS handshake: OpenSSL's server trusts this CA and no other."""
    broker = Broker(tpm)
    try:
        live, port = client.live(LIVE), house_module.free_port()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "s.key", "-out",
                        tmp_path / "s.pem", "-subj", "/CN=server"], check=True, capture_output=True)
        server = subprocess.Popen(["openssl", "s_server", "-accept", str(port), "-Verify", "4", "-verify_return_error", "-naccept", "1", "-quiet",
                                   "-CAfile", str(ca.root), "-cert", tmp_path / "s.pem", "-key", tmp_path / "s.key"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            listening(port, server)
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-brief", "-cert", str(live / "cert.pem"), "-key",
                                   str(live / "key.pem"), "-cert_chain", str(live / "chain.pem"), "-CAfile", tmp_path / "s.pem"],
                                  env=openssl_with(broker.tcti, tmp_path, **broker.environment), input=b"hello\n", capture_output=True, timeout=120,
                                  check=False)
            out, errors = server.communicate(timeout=60)
        finally:
            server.kill()
            server.communicate()
        assert b"CONNECTION ESTABLISHED" in done.stderr and out == b"hello\n", done.stderr + errors
    finally:
        broker.stop()


class At:
    """Another directory of a CA."""

    def __init__(self, ca, name):
        self.url, self.root, self.http_port = ca.url.replace("/acme/", f"/acme/{name}/"), ca.root, ca.http_port


def test_a_name_that_is_proved_and_not_told(ca, tpm, tmp_path):
    """A profile with device_privacy: the request goes without the name, and so does the certificate."""
    client = Client(tmp_path / "state", At(ca, "private"))
    assert "private   the CA leaves the device's name out" in client.issue(*device(tpm)).stdout
    assert tpm_module.device_names(certificate(client)) == [] and SERIAL.encode() not in certificate(client).public_bytes(tpm_module.DER)


def test_a_tpm_without_certificate(ca, client, tmp_path):
    """The inventory vouches for it; what it says of itself is in the certificate of its attestation key, as verifiers want it."""
    made = swtpm.Swtpm(tmp_path / "bare", None)
    try:
        admin(ca, "device", "add", "--ek", hash_of(made.ek_public()), "SN-0009")
        client.issue(*device(made), "--attestation-key", "rsa2048", "--key", "rsa2048")
        assert tpm_module.device_names(certificate(client)) == [attestation.permanent_identifier("SN-0009").value]
        kept, = (client.directory / "devices").iterdir()
        ak = x509.load_pem_x509_certificate(kept.read_bytes()[kept.read_bytes().index(b"-----BEGIN CERT"):])
        names = ak.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        said = {a.oid.dotted_string: a.value for a in names.get_values_for_type(x509.DirectoryName)[0]}
        assert said["2.23.133.2.1"] == "id:49424D00" and re.fullmatch("id:[0-9A-F]{8}", said["2.23.133.2.3"])
    finally:
        made.stop()


def test_a_tpm_nobody_knows(client, other_tpm):
    done = client.issue(*device(other_tpm), code=FAILED)
    assert "the attestation key got no certificate" in done.stderr and not client.live(LIVE).exists()


def test_another_name_than_its_own(client, tpm):
    done = client.issue(*device(tpm), "--identifier", f"{PERMANENT}:SN-0008", code=FAILED)
    assert f"{PERMANENT}:SN-0008 was not proved" in done.stderr


# ---- what the CA must not believe

@pytest.fixture(scope="module")
def attester(tpm):
    return tpm_module.Attester(tpm)


class Attempt:
    """An order of an account of its own."""

    def __init__(self, ca):
        self.client = RawClient(ca.url, ca.root)
        self.client.register()
        answer = self.client.post(self.client.directory["newOrder"], {"identifiers": [{"type": PERMANENT, "value": SERIAL}]})
        assert answer.status == 201, answer
        self.order, self.url = answer.json, answer.headers["Location"]
        self.challenge = self.client.challenge(self.order["authorizations"][0], "device-attest-01")
        self.authorized = f'{self.challenge["token"]}.{self.client.key.thumbprint()}'

    def send(self, att_obj):
        return self.client.post(self.challenge["url"], {"attObj": b64(att_obj)})

    def refused(self, att_obj):
        """The detail of the refusal."""
        answer = self.send(att_obj)
        assert answer.status == 400 and answer.type == "badAttestationStatement", answer
        assert self.client.post(self.url, "").json["status"] == "invalid"
        return answer.json["detail"]


def chain_of(vendor, attester):
    return vendor.chain(attestation.ak_certificate(vendor, attester.ak_key(), [attestation.permanent_identifier(SERIAL)]))


def test_a_stolen_attestation(ca, vendor, attester):
    """S-DA-5: made for one account and challenge, it is good there and nowhere else."""
    mine, thief = Attempt(ca), Attempt(ca)
    stolen = attester.statement(mine.authorized, chain_of(vendor, attester))
    assert thief.refused(stolen)
    assert mine.send(stolen).status == 200
    assert mine.client.post(mine.url, "").json["status"] == "ready"


def test_the_request_is_for_another_key(ca, vendor, attester):
    """S-DA-9: a key outside the TPM gets no certificate by an attestation of one inside; the order stays ready."""
    there = Attempt(ca)
    assert there.send(attester.statement(there.authorized, chain_of(vendor, attester))).status == 200
    answer = there.client.post(there.order["finalize"], {"csr": b64(make_csr([], attestation.new_key()))})
    assert answer.status == 403 and answer.type == "unauthorized", answer
    assert there.client.post(there.url, "").json["status"] == "ready"


def test_a_key_outside_the_tpm(ca, vendor, attester):
    """A genuine attestation, with the public area of a key made by software; and one all made by software."""
    there = Attempt(ca)
    assert there.refused(attester.statement(there.authorized, chain_of(vendor, attester), pubArea=attestation.tpmt_public(attestation.new_key())))
    there = Attempt(ca)
    stranger = attestation.Authority("Nobody")
    assert there.refused(attestation.tpm_object(stranger, there.authorized))


def test_a_key_that_can_leave_the_tpm(ca, vendor, tpm):
    there, exportable = Attempt(ca), tpm_module.Attester(tpm, tpm_module.EXPORTABLE)
    assert there.refused(exportable.statement(there.authorized, chain_of(vendor, exportable)))


def test_the_attestation_key_of_another_tpm(ca, vendor, attester, other_tpm):
    """Its certificate vouches for the key that is in one TPM; the other's signature is not its."""
    there, other = Attempt(ca), tpm_module.Attester(other_tpm)
    assert there.refused(other.statement(there.authorized, chain_of(vendor, attester)))
