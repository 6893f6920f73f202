"""A CA for devices with TPMs and the attestation CA beside it, none of it ours: what the client sends is judged by python3-cryptography,
python3-cbor2 and struct, credentials are made by tpm2_makecredential."""
import base64
import datetime
import hashlib
import json
import os
import pathlib
import socket
import struct
import tempfile

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ObjectIdentifier

import attestation
from fake_ca import FakeCa, decode, problem
from swtpm import run

DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
CURVES = {3: ec.SECP256R1(), 4: ec.SECP384R1()}

FIXED_TPM, FIXED_PARENT, ORIGIN, RESTRICTED, SIGN = 0x02, 0x10, 0x20, 0x10000, 0x40000


class Octets:
    """Reads big-endian numbers, and octets with their length in front."""

    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def take(self, count):
        part = self.octets[self.at:self.at + count]
        assert len(part) == count, "too short"
        self.at += count
        return part

    def number(self, count):
        return int.from_bytes(self.take(count), "big")

    def sized(self):
        return self.take(self.number(2))

    def end(self):
        assert self.at == len(self.octets), "something is left"


class Public:
    """A TPMT_PUBLIC of a signing key."""

    def __init__(self, octets):
        r = Octets(octets)
        self.name = b"\x00\x0b" + hashlib.sha256(octets).digest()
        self.type, self.name_alg, self.attributes = r.number(2), r.number(2), r.number(4)
        assert r.sized() == b"" and self.name_alg == 0x0B
        assert r.number(2) == 0x10  # symmetric
        self.scheme = r.number(2)
        if self.scheme != 0x10:
            self.hash = r.number(2)
        if self.type == 1:
            assert r.number(2) == 2048 and r.number(4) in (0, 65537)
            self.key = rsa.RSAPublicNumbers(65537, int.from_bytes(r.sized(), "big")).public_key()
        else:
            curve = CURVES[r.number(2)]
            assert r.number(2) == 0x10  # kdf
            x, y = (int.from_bytes(r.sized(), "big") for _ in range(2))
            self.key = ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
        r.end()

    def spki(self):
        return self.key.public_bytes(DER, SPKI)


def check_signature(key, octets, message):
    """A TPMT_SIGNATURE with SHA-256."""
    r = Octets(octets)
    scheme, hash_alg = r.number(2), r.number(2)
    assert hash_alg == 0x0B
    if scheme == 0x14:
        key.verify(r.sized(), message, padding.PKCS1v15(), hashes.SHA256())
    else:
        assert scheme == 0x18
        r_and_s = [int.from_bytes(r.sized(), "big") for _ in range(2)]
        key.verify(encode_dss_signature(*r_and_s), message, ec.ECDSA(hashes.SHA256()))
    r.end()


def judge(att_obj, key_authorization, root):
    """The attested SubjectPublicKeyInfo. C-DA-1: definite lengths, fmt and attStmt alone."""
    whole = cbor2.loads(att_obj)
    assert set(whole) == {"fmt", "attStmt"} and whole["fmt"] == "tpm"
    assert att_obj[0] == 0xA2 and cbor2.dumps(whole) == att_obj  # what cbor2 writes has definite lengths
    statement = whole["attStmt"]
    assert set(statement) == {"ver", "alg", "x5c", "sig", "certInfo", "pubArea"}
    assert statement["ver"] == "2.0" and statement["alg"] in (-7, -257)
    ak, intermediate = (x509.load_der_x509_certificate(c) for c in statement["x5c"])
    assert (statement["alg"] == -257) == isinstance(ak.public_key(), rsa.RSAPublicKey)
    intermediate.public_key().verify(ak.signature, ak.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    root.public_key().verify(intermediate.signature, intermediate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    check_signature(ak.public_key(), statement["sig"], statement["certInfo"])
    r = Octets(statement["certInfo"])
    assert r.take(4) == b"\xffTCG" and r.number(2) == 0x8017
    r.sized()  # qualifiedSigner
    assert r.sized() == hashlib.sha256(key_authorization.encode()).digest(), "made for another challenge"
    r.take(17 + 8)  # clockInfo, firmwareVersion
    public = Public(statement["pubArea"])
    assert r.sized() == public.name
    r.sized()
    r.end()
    assert public.attributes & (FIXED_TPM | FIXED_PARENT | ORIGIN | SIGN | RESTRICTED) == FIXED_TPM | FIXED_PARENT | ORIGIN | SIGN
    return public.spki()


def thumbprint(jwk):
    members = json.dumps({k: jwk[k] for k in ("crv", "kty", "x", "y")}, sort_keys=True, separators=(",", ":"))
    return attestation.b64url(hashlib.sha256(members.encode()).digest())


def make_credential(ek_spki, name, secret):
    """TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET, by tpm2_makecredential."""
    key = serialization.load_der_public_key(ek_spki)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "ek.pem").write_bytes(key.public_bytes(PEM, SPKI))
        (folder / "secret").write_bytes(secret)
        run("tpm2_makecredential", "-T", "none", "-G", "rsa" if isinstance(key, rsa.RSAPublicKey) else "ecc", "-u", "ek.pem", "-s",
            "secret", "-n", name.hex(), "-o", "credential", cwd=folder, env=dict(os.environ))
        octets = (folder / "credential").read_bytes()
    assert octets[:8] == b"\xba\xdc\xc0\xde\x00\x00\x00\x01"
    size = 2 + struct.unpack(">H", octets[8:10])[0]
    return octets[8:8 + size], octets[8 + size:]


class DeviceCa(FakeCa):
    """Certificates for devices, and for their attestation keys: below `vendor`, naming `names`."""

    def __init__(self, directory):
        super().__init__(directory)
        self.vendor = attestation.Authority("Attestation CA")
        self.names_of_ak = [attestation.permanent_identifier("SN-1")]
        self.ak_times = {}
        self.plain = {"/attest", "/secret"}
        self.enrollment = True
        self.enrolled = []  # bodies of /attest
        self.secrets = {}  # what was encrypted, and for which public area
        self.attested = []  # (identifier, attestation object, SubjectPublicKeyInfo)
        self.jwk = None

    # ---- the attestation CA

    def usual(self, request):
        if request.path == "/attest":
            return self.attest(json.loads(request.body))
        if request.path == "/secret":
            return self.secret(json.loads(request.body))
        return super().usual(request)

    def attest(self, body):
        self.enrolled.append(body)
        octets = {name: base64.b64decode(value, validate=True) for name, value in body["params"].items()}
        public = Public(octets["public"])
        assert public.attributes & (FIXED_TPM | FIXED_PARENT | ORIGIN | SIGN | RESTRICTED) == FIXED_TPM | FIXED_PARENT | ORIGIN | SIGN | RESTRICTED
        assert public.scheme == {1: 0x14, 0x23: 0x18}[public.type] and public.hash == 0x0B
        check_signature(public.key, octets["createSignature"], octets["createAttestation"])
        r = Octets(octets["createAttestation"])
        assert r.take(4) == b"\xffTCG" and r.number(2) == 0x801A
        r.sized(), r.sized(), r.take(17 + 8)
        assert r.sized() == public.name and r.sized() == hashlib.sha256(octets["createData"]).digest()
        r.end()
        ek = base64.b64decode(body["ek"], validate=True)
        for certificate in body["ekCerts"]:
            read = x509.load_der_x509_certificate(base64.b64decode(certificate, validate=True))
            assert read.public_key().public_bytes(DER, SPKI) == ek
        secret = os.urandom(32)
        credential, encrypted = make_credential(ek, public.name, secret)
        self.secrets[secret] = public
        return 200, {}, {"credential": base64.b64encode(credential).decode(), "secret": base64.b64encode(encrypted).decode()}

    def secret(self, body):
        public = self.secrets.pop(base64.b64decode(body["secret"], validate=True), None)
        if public is None:
            return problem("unauthorized", "the secret is wrong", 403)
        certificate = attestation.ak_certificate(self.vendor, public.key, self.names_of_ak, **self.ak_times)
        return 200, {}, {"chain": [base64.b64encode(c).decode() for c in self.vendor.chain(certificate)]}

    # ---- ACME

    def dir(self, request):
        status, headers, body = super().dir(request)
        if self.enrollment:
            body["meta"] = {"attestationEnrollment": self.base}
        return status, headers, body

    def account(self, request):
        self.jwk = request.protected["jwk"]
        return super().account(request)

    def new_order(self, request):
        answer = super().new_order(request)
        self.identifiers = request.json()["identifiers"]
        return answer[0], answer[1], self.order_object()

    def order_object(self, **more):
        return super().order_object(**{"identifiers": getattr(self, "identifiers", []), **more})

    def is_device(self, i):
        return self.identifiers[i]["type"] != "dns"

    def authz(self, request):
        i = int(request.path.rpartition("/")[2])
        status, headers, body = super().authz(request)
        return status, headers, {**body, "identifier": self.identifiers[i]}

    def challenge_object(self, i, **more):
        return super().challenge_object(i, **({"type": "device-attest-01"} if self.is_device(i) else {}), **more)

    def challenge(self, request):
        i = int(request.path.rpartition("/")[2])
        if not self.is_device(i):
            return super().challenge(request)
        assert set(request.json()) == {"attObj"}
        att_obj = decode(request.json()["attObj"])
        token = self.challenge_object(i)["token"]
        try:
            key = judge(att_obj, f"{token}.{thumbprint(self.jwk)}", self.vendor.root)
        except (AssertionError, InvalidSignature) as e:
            return problem("badAttestationStatement", f"the attestation is not true: {e}")
        self.attested.append((self.identifiers[i], att_obj, key))
        return super().challenge(request)

    def finalize(self, request):
        """C-DA-3: the attested key is the request's."""
        csr = x509.load_der_x509_csr(decode(request.json()["csr"]))
        assert csr.is_signature_valid
        key = csr.public_key().public_bytes(DER, SPKI)
        if key not in {attested for _, _, attested in self.attested}:
            return problem("unauthorized", "the key was not attested", 403)
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.certificate = self.issue(csr.public_key(), names)
        return 200, {}, self.order_object()

    def issue(self, public_key, names):
        """With exactly the names of the request."""
        now = datetime.datetime.utcnow() - datetime.timedelta(hours=1)
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Fake CA")])

        def build(subject, key, authority):
            return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
                    .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + self.lifetime)
                    .add_extension(x509.BasicConstraints(authority, None), True))

        leaf = build(x509.Name([]), public_key, False).add_extension(x509.SubjectAlternativeName(list(names)), True)
        return b"".join(c.sign(self.ca_key, hashes.SHA256()).public_bytes(PEM)
                        for c in (leaf, build(issuer, self.ca_key.public_key(), True)))


def device_names(certificate):
    """The PermanentIdentifiers of a certificate, DER."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [n.value for n in names if isinstance(n, x509.OtherName) and n.type_id == ObjectIdentifier(attestation.PERMANENT_IDENTIFIER)]


# ---- statements of a TPM, made without our client

KEY = "sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth"
EXPORTABLE = "sign|sensitivedataorigin|userwithauth"


def raw_command(tpm, octets):
    """What a TPM answers; nobody else may be connected to it."""
    with socket.create_connection(("127.0.0.1", tpm.port), timeout=60) as s:
        s.sendall(octets)
        head = s.recv(10, socket.MSG_WAITALL)
        size, code = struct.unpack(">II", head[2:])
        body = s.recv(size - 10, socket.MSG_WAITALL)
    assert code == 0, f"TPM error {code:#x}"
    return body


class Attester:
    """A key of a TPM and an attestation key beside it, both persistent, so that nothing has to be loaded."""
    count = 0

    def __init__(self, tpm, attributes=KEY):
        self.tpm = tpm
        Attester.count += 1
        base = 0x81010100 + 2 * Attester.count
        self.ak_handle, self.key_handle = base, base + 1
        self.ak = tpm.make_ak()
        tpm.tool("tpm2_evictcontrol", "-C", "o", "-c", self.ak.file("ctx"), f"{self.ak_handle:#x}")
        stem = f"key{base:x}"
        tpm.tool("tpm2_create", "-C", "srk.ctx", "-G", "ecc", "-a", attributes, "-u", f"{stem}.pub", "-r", f"{stem}.priv")
        tpm.tool("tpm2_load", "-C", "srk.ctx", "-u", f"{stem}.pub", "-r", f"{stem}.priv", "-c", f"{stem}.ctx")
        tpm.tool("tpm2_evictcontrol", "-C", "o", "-c", f"{stem}.ctx", f"{self.key_handle:#x}")
        self.public = tpm.octets(f"{stem}.pub")[2:]

    def ak_key(self):
        return serialization.load_der_public_key(self.ak.spki())

    def certify(self, said):
        """TPM2_Certify: TPMS_ATTEST and TPMT_SIGNATURE."""
        password = bytes.fromhex("40000009 0000 00 0000".replace(" ", ""))
        rest = (struct.pack(">III", 0x148, self.key_handle, self.ak_handle) + struct.pack(">I", 18) + 2 * password
                + struct.pack(">H", len(said)) + said + struct.pack(">H", 0x10))
        r = Octets(raw_command(self.tpm, struct.pack(">HI", 0x8002, 6 + len(rest)) + rest)[4:])
        attest = r.sized()
        return attest, r.octets[r.at:-10]  # two sessions are at the end

    def statement(self, key_authorization, chain, **spoil):
        """The attestation object."""
        attest, signature = self.certify(hashlib.sha256(key_authorization.encode()).digest())
        return attestation.pack("tpm", {"ver": "2.0", "alg": -7, "x5c": chain, "sig": signature, "certInfo": attest, "pubArea": self.public,
                                        **spoil})
