"""cairn issue --device pkcs11:..., with SoftHSM as the token, its certificates by OpenSC's pkcs11-tool, cairn-ca as the CA, and OpenSSL's
engine for PKCS #11 and GnuTLS as who uses the key. No real token was there: what ykcs11 does is tried without one only."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import attestation
import house as house_module
import tokens as tokens_module
import tpm as tpm_module
from exit_codes import HERE
from house import free_port
from pebble import Client
from test_device_tpm import FAILED, LATER, LIVE, USAGE, certificate, listening, one_sentence, spki
from tokens import ILL_MODULE, MODULE, PIN

SERIAL = "12345678"
NAME = f"permanent-identifier:{SERIAL}"
YKCS11 = next(pathlib.Path("/usr/lib").glob("*-linux-gnu/libykcs11.so*"), None)
ENGINE = next(pathlib.Path("/usr/lib").glob("*-linux-gnu/engines-3/pkcs11.so"), None)

pytestmark = pytest.mark.skipif(not os.path.exists(MODULE) or shutil.which("pkcs11-tool") is None, reason="no softhsm2 or opensc here")

SETTINGS = """
attest:
  step_roots: vendor.pem
directories:
  default:
    identifiers: [dns, permanent-identifier, hardware-module]
    challenges: [http-01, device-attest-01]
    profiles: device
profiles:
  device:
    usages: client
    identifiers: [dns, permanent-identifier, hardware-module]
"""


@pytest.fixture(scope="module")
def vendor():
    return attestation.Authority("Token Vendor")


@pytest.fixture(scope="module")
def ca(tmp_path_factory, vendor):
    made = house_module.House(tmp_path_factory.mktemp("piv") / "ca", sets=["rates.failed_validations=off"])
    path = made.directory / "cairn-ca.yaml"
    path.write_text(re.sub(r"(?ms)^(directories|profiles|attest):\n(?:[ #].*\n|\n)*", "", path.read_text()) + SETTINGS)
    (made.directory / "vendor.pem").write_text(vendor.root_pem)
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


class Token:
    """A token as people have it: keys "9a" (P-256), "9c" (P-384) and "9d" (RSA), each with its attestation certificate, and one, "83", that was
    not made there."""

    def __init__(self, vendor):
        self.tokens = tokens_module.Tokens()
        self.vendor = vendor
        self.folder = self.tokens.folder
        self.environment = self.tokens.environment
        self.pin_file = self.pin("pin", PIN + "\n")
        self.tokens.add("piv")
        for label, kind in (("9a", "p256"), ("9c", "p384"), ("9d", "rsa2048"), ("83", "p256")):
            self.tokens.add_key("piv", label, kind)
        for label in ("9a", "9c", "9d"):
            self.show(label, self.attestation(label))
        self.show("f9", attestation.octets_of(vendor.intermediate))

    def close(self):
        self.tokens.close()

    def pin(self, name, content):
        path = self.folder / name
        path.write_text(content)
        path.chmod(0o600)
        return path

    def tool(self, *words):
        return self.tokens.run("pkcs11-tool", "--module", MODULE, "--token-label", "piv", "--login", "--pin", PIN, *words)

    def public(self, label):
        """By GnuTLS: pkcs11-tool cannot write one of P-384."""
        return serialization.load_pem_public_key(self.tokens.run(
            "p11tool", f"--provider={MODULE}", "--export", f"pkcs11:token=piv;object={label};type=public").encode())

    def attestation(self, label, serial=SERIAL, vendor=None):
        extensions = [attestation.raw(attestation.YUBICO_FIRMWARE, b"\x05\x04\x03"), attestation.raw(attestation.YUBICO_POLICY, b"\x02\x01")]
        if serial is not None:
            extensions.append(attestation.raw(attestation.YUBICO_SERIAL, attestation.der_integer(int(serial))))
        return attestation.octets_of((vendor or self.vendor).issue(f"YubiKey PIV Attestation {label}", self.public(label), extensions))

    def show(self, label, octets):
        """A certificate as ykcs11 shows it."""
        path = self.folder / f"{label}.der"
        path.write_bytes(octets)
        self.tool("--write-object", path, "--type", "cert", "--id", label.encode().hex(), "--label", f"X.509 Certificate for PIV Attestation {label}")

    def device(self, label="9a", *more, module=MODULE, token="piv", pin=None):
        return ["--device", f"pkcs11:token={token};object={label}?module-path={module}", "--pin-file", str(pin or self.pin_file), *more]


@pytest.fixture(scope="module")
def token(vendor):
    made = Token(vendor)
    yield made
    made.close()


@pytest.fixture
def client(ca, token, tmp_path):
    made = Client(tmp_path / "state", ca)
    usual = made.run
    made.run = lambda *words, environment=None, **more: usual(*words, environment={**token.environment, **(environment or {})}, **more)
    return made


def pem(*ders):
    return b"".join(x509.load_der_x509_certificate(d).public_bytes(serialization.Encoding.PEM) for d in ders)


# ---- the whole way

@pytest.mark.parametrize("label, kind", [("9a", "p256"), ("9c", "p384"), ("9d", "rsa2048")])
def test_a_certificate_for_a_key_in_a_token(client, token, label, kind):
    """The CA believes signature, chain and serial number; the identifier is the attestation certificate's; the key stays."""
    done = client.issue(*token.device(label, "--key", kind))
    assert 'token "piv"' in done.stdout and NAME in done.stdout, done.stdout
    made = certificate(client)
    assert spki(made.public_key()) == spki(token.public(label))
    assert tpm_module.device_names(made) == [attestation.permanent_identifier(SERIAL).value]
    key = client.live(LIVE) / "key.pem"
    assert key.read_text() == f"pkcs11:token=piv;object={label};type=private\n" and key.stat().st_mode & 0o777 == 0o600
    shown = client.json("show", LIVE)
    assert shown["device"].startswith("pkcs11:token=piv") and PIN not in json.dumps(shown)
    assert "\nkept " in "\n" + client.issue(*token.device(label, "--key", kind)).stdout


def test_renewal_without_options(client, token):
    """With the key that is there: only what it signs is new."""
    client.issue(*token.device())
    first = certificate(client)
    client.run("renew", "--force")
    second = certificate(client)
    assert spki(first.public_key()) == spki(second.public_key()) and first.serial_number != second.serial_number


def server_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "s.key", "-out",
                    folder / "s.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return ["-cert", str(folder / "s.pem"), "-key", str(folder / "s.key")]


def engine_client(client, token, folder, port):
    """OpenSSL's engine takes the PIN from its own command or from the URI."""
    live = client.live(LIVE)
    uri = (live / "key.pem").read_text().strip() + f";pin-value={PIN}"
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-brief", "-engine", "pkcs11", "-keyform", "engine", "-key", uri, "-cert",
                           str(live / "cert.pem"), "-cert_chain", str(live / "chain.pem"), "-CAfile", str(folder / "s.pem")],
                          env={**os.environ, **token.environment, "PKCS11_MODULE_PATH": MODULE}, input=b"hello\n", capture_output=True, timeout=120,
                          check=False)


def gnutls_client(client, token, folder, port):
    live = client.live(LIVE)
    return subprocess.run(["gnutls-cli", f"--provider={MODULE}", f"--port={port}", f"--x509cafile={folder / 's.pem'}", "--x509keyfile",
                           (live / "key.pem").read_text().strip(), "--x509certfile", str(live / "fullchain.pem"), "localhost"],
                          env={**os.environ, **token.environment}, input=b"hello\n", capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("user", [pytest.param(engine_client, marks=pytest.mark.skipif(ENGINE is None, reason="no engine for PKCS #11 here")),
                                  pytest.param(gnutls_client, marks=pytest.mark.skipif(shutil.which("gnutls-cli") is None, reason="no GnuTLS here"))])
@pytest.mark.parametrize("label, kind", [("9a", "p256"), ("9c", "p384"), ("9d", "rsa2048")])
def test_mutual_tls_with_the_key_in_the_token(ca, client, token, label, kind, user, tmp_path):
    """Others find the key by what is in key.pem."""
    client.issue(*token.device(label, "--key", kind))
    port = free_port()
    server = subprocess.Popen(["openssl", "s_server", "-accept", str(port), "-Verify", "4", "-verify_return_error", "-naccept", "1", "-quiet", "-CAfile",
                               str(ca.root), *server_certificate(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        listening(port, server)
        done = user(client, token, tmp_path, port)
        out, errors = server.communicate(timeout=60)
    finally:
        server.kill()
        server.communicate()
    assert out == b"hello\n", done.stdout + done.stderr + errors


def judge(att_obj, key_authorization, root):
    """The attested SubjectPublicKeyInfo, by python3-cbor2 and python3-cryptography."""
    whole = cbor2.loads(att_obj)
    assert set(whole) == {"fmt", "attStmt"} and whole["fmt"] == "step" and cbor2.dumps(whole) == att_obj
    statement = whole["attStmt"]
    assert set(statement) == {"alg", "sig", "x5c"}
    leaf, intermediate = (x509.load_der_x509_certificate(c) for c in statement["x5c"])  # and no root
    for below, above in ((leaf, intermediate), (intermediate, root)):
        above.public_key().verify(below.signature, below.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    signature, message, key = cbor2.loads(statement["sig"]), key_authorization.encode(), leaf.public_key()
    assert cbor2.dumps(signature) == statement["sig"]
    if isinstance(key, rsa.RSAPublicKey):
        assert statement["alg"] == attestation.COSE_RS256
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    else:
        assert statement["alg"] == {256: attestation.COSE_ES256, 384: attestation.COSE_ES384}[key.curve.key_size]
        key.verify(signature, message, ec.ECDSA({256: hashes.SHA256, 384: hashes.SHA384}[key.curve.key_size]()))
    return spki(key)


@pytest.mark.parametrize("label, kind", [("9a", "p256"), ("9c", "p384"), ("9d", "rsa2048")])
def test_what_is_sent(token, tmp_path, monkeypatch, label, kind):
    """C-DA-1, 2, 3, 4: to a CA that is not ours. Each time it is signed anew; the request is for the same key."""
    monkeypatch.setattr(tpm_module, "judge", judge)
    other = tpm_module.DeviceCa(tmp_path)
    other.vendor = token.vendor
    try:
        client = Client(tmp_path / "state", other)
        client.issue(*token.device(label, "--key", kind), environment=token.environment)
        client.run("renew", "--force", environment=token.environment)
        assert [i for i, _, _ in other.attested] == 2 * [{"type": "permanent-identifier", "value": SERIAL}]
        if kind != "rsa2048":  # the same octets again, for the same token of this CA
            assert len({att for _, att, _ in other.attested}) == 2
        assert {key for _, _, key in other.attested} == {spki(token.public(label))}
        assert spki(certificate(client).public_key()) == spki(token.public(label)) and not other.enrolled
    finally:
        other.close()


def test_certificates_from_a_file(client, token, vendor, tmp_path):
    """For tokens that show none; one more that the token shows is no harm."""
    chain = tmp_path / "chain.pem"
    done = client.issue(*token.device("83"), code=FAILED)
    one_sentence(done, "no attestation certificate for this key", "--attestation-chain")
    chain.write_bytes(pem(token.attestation("83"), attestation.octets_of(vendor.intermediate), attestation.octets_of(vendor.root)))
    client.issue(*token.device("83"), "--attestation-chain", chain)
    assert spki(certificate(client).public_key()) == spki(token.public("83"))
    client.run("renew", "--force")
    chain.write_text("nothing")
    assert "--attestation-chain" in client.run("renew", "--force", code=None).stderr


# ---- what the CA must not believe

def test_a_vendor_nobody_trusts(client, token, tmp_path):
    other = attestation.Authority("Somebody")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pem(token.attestation("83", vendor=other), attestation.octets_of(other.intermediate)))
    done = client.issue(*token.device("83"), "--attestation-chain", chain, code=FAILED)
    one_sentence(done, f"{NAME} was not proved")
    assert not client.live(LIVE).exists()


def test_another_name_than_its_own(client, token):
    one_sentence(client.issue(*token.device(), "--identifier", "permanent-identifier:1", code=FAILED), "permanent-identifier:1 was not proved")


def test_a_certificate_without_serial_number(client, token, vendor, tmp_path):
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pem(token.attestation("83", serial=None), attestation.octets_of(vendor.intermediate)))
    done = client.issue(*token.device("83"), "--attestation-chain", chain, code=USAGE)
    assert "do not say what it is; say --identifier" in done.stderr


# ---- refusals before the CA

def test_an_absent_token(client, token):
    one_sentence(client.issue(*token.device(token="gone"), code=FAILED), 'the token "gone" is not there')


@pytest.mark.skipif(YKCS11 is None, reason="no ykcs11 here")
def test_an_absent_yubikey(client, token):
    done = client.issue(*token.device(module=YKCS11), code=FAILED)
    assert done.stderr.splitlines()[-1].startswith("cairn: ") and 'the token "piv" is not there' in done.stderr


def test_an_absent_key(client, token):
    one_sentence(client.issue(*token.device("95"), code=FAILED), 'the token "piv" has no private key called "95"')


def test_another_type_of_key(client, token):
    assert "cairn: the key in the token is of type p384: say --key p384" in client.issue(*token.device("9c"), code=USAGE).stderr


def test_a_wrong_pin(vendor, ca, tmp_path):
    """Tried once; the token is then closer to being locked, and says so."""
    own = Token(vendor)
    try:
        client = Client(tmp_path / "state", ca)
        done = client.issue(*own.device(pin=own.pin("wrong", "000000\n")), code=HERE, environment=own.environment)
        one_sentence(done, "the PIN is wrong", "closer to being locked")
        assert "000000" not in done.stderr
        client.issue(*own.device(), environment=own.environment)
    finally:
        own.close()


@pytest.mark.parametrize("words, code, sentence", [
    ("login 0xa0 0x30000", FAILED, "the PIN is wrong (CKR_PIN_INCORRECT); one try is left"),
    ("flags 0x20000", FAILED, "one more wrong PIN would lock it, so none is tried"),
    ("flags 0x40000", LATER, "the PIN is locked"),
])
def test_attempts_that_are_left(vendor, ca, tmp_path, words, code, sentence):
    """As tokens say it that count; SoftHSM does not."""
    own = Token(vendor)
    try:
        own.tokens.fall_ill(words)
        client = Client(tmp_path / "state", ca)
        one_sentence(client.issue(*own.device(module=ILL_MODULE), code=code, environment=own.environment), sentence)
    finally:
        own.close()


def test_no_pin(client, token):
    done = client.issue(*token.device()[:2], code=HERE)
    one_sentence(done, "wants a PIN", "--pin-file")


def test_a_pin_others_can_read(client, token):
    path = token.pin("open", PIN)
    path.chmod(0o644)
    assert "can be read by others" in client.issue(*token.device(pin=path), code=USAGE).stderr


@pytest.mark.parametrize("uri, sentence", [
    ("pkcs11:token=piv;object=9a", "does not say which module"),
    ("pkcs11:token=piv;object=9a?module-path=/nowhere.so", "there is no PKCS #11 module /nowhere.so"),
    (f"pkcs11:token=piv?module-path={MODULE}", "it names no key"),
    (f"pkcs11:object=9a?module-path={MODULE}", "it names no token"),
    (f"pkcs11:token=piv;object=9a?module-path={MODULE}&pin-source=file:/pin", "--pin-file, not by pin-source"),
    (f"pkcs11:token=piv;object=9a?module-path={MODULE}&pin-value=271828", "a PIN does not belong here"),
])
def test_wrong_uris(client, uri, sentence):
    done = client.issue("--device", uri, code=None)
    assert done.returncode in (FAILED, USAGE) and sentence in done.stderr and PIN not in done.stderr, done.stderr
