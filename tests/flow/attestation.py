"""Attestations of devices, made as devices would, by python3-cryptography, python3-cbor2 and bytes of our own.

    ca = attestation.Authority()                                  # a vendor: root and intermediate
    key = attestation.new_key()                                   # what the device made
    att_obj = attestation.step_object(ca, key_authorization, "12345678", key)
    settings: ca.root_pem as the roots of the format; then {"attObj": base64url(att_obj)}

Each NAME_object(...) gives the CBOR of a good statement; what shall be wrong with it is asked for by keyword.
"""
import base64
import datetime
import hashlib
import struct

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID, ObjectIdentifier

APPLE_SERIAL = "1.2.840.113635.100.8.9.1"
APPLE_UDID = "1.2.840.113635.100.8.9.2"
APPLE_SEP_OS = "1.2.840.113635.100.8.10.2"
APPLE_FRESHNESS = "1.2.840.113635.100.8.11.1"
YUBICO_FIRMWARE = "1.3.6.1.4.1.41482.3.3"
YUBICO_SERIAL = "1.3.6.1.4.1.41482.3.7"
YUBICO_POLICY = "1.3.6.1.4.1.41482.3.8"
YUBICO_FORM_FACTOR = "1.3.6.1.4.1.41482.3.9"
MANAGED_DEVICE = "1.3.6.1.4.1.37476.9000.64.4"
ANDROID_DESCRIPTION = "1.3.6.1.4.1.11129.2.1.17"
AK_PURPOSE = "2.23.133.8.3"
PERMANENT_IDENTIFIER = "1.3.6.1.5.5.7.8.3"
HARDWARE_MODULE_NAME = "1.3.6.1.5.5.7.8.4"

COSE_ES256, COSE_EDDSA, COSE_ES384, COSE_RS256, COSE_RS1 = -7, -8, -35, -257, -65535


# -- bytes

def b64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).digest()


def der(tag, *parts):
    """An element of DER: identifier octet (or bytes of several), and the content in parts."""
    content = b"".join(parts)
    n = len(content)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else b"\x82" + struct.pack(">H", n)
    return (bytes([tag]) if isinstance(tag, int) else tag) + size + content


def der_integer(number):
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def der_oid(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    out = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.insert(0, 0x80 | arc & 0x7F)
        out += bytes(octets)
    return der(6, out)


def spki(key):
    """The SubjectPublicKeyInfo of a private or public key."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


# -- keys and certificates

def new_key(kind="p256"):
    """A private key: p256, p384, p521, ed25519, rsa (2048), rsa1024."""
    curves = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1, "k256": ec.SECP256K1}
    if kind in curves:
        return ec.generate_private_key(curves[kind]())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 1024 if kind == "rsa1024" else 2048)


def cose_algorithm(key):
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {256: COSE_ES256, 384: COSE_ES384}.get(key.curve.key_size, -36)
    return COSE_EDDSA if isinstance(key, ed25519.Ed25519PrivateKey) else COSE_RS256


def sign(key, message):
    """As a token or key store signs: ECDSA as DER with the curve's hash, PKCS #1 v1.5, Ed25519."""
    message = message if isinstance(message, bytes) else message.encode()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(hashes.SHA384() if key.curve.key_size == 384 else hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def common_name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) if text else x509.Name([])


def raw(oid, octets, critical=False):
    """An extension with these octets, DER or not: for the extensions of Authority.issue."""
    return x509.UnrecognizedExtension(ObjectIdentifier(oid), octets), critical


class Authority:
    """A root and an intermediate, as a vendor has them."""

    def __init__(self, name="Test Vendor", signature_hash=None, path_length=None):
        self.start = datetime.datetime(2020, 1, 1)
        self.end = datetime.datetime(2060, 1, 1)
        self.hash = signature_hash or hashes.SHA256()
        self.root_key = new_key()
        self.key = new_key()
        authority = x509.BasicConstraints(True, path_length), True
        self.root = self._make(common_name(name + " Root"), common_name(name + " Root"), self.root_key, self.root_key, [authority])
        self.intermediate = self._make(common_name(name + " Intermediate"), common_name(name + " Root"), self.key, self.root_key,
                                       [(x509.BasicConstraints(True, None), True)])

    def _make(self, subject, issuer, key, issuer_key, extensions, start=None, end=None):
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).serial_number(x509.random_serial_number())
                   .public_key(key.public_key() if hasattr(key, "public_key") else key)
                   .not_valid_before(start or self.start).not_valid_after(end or self.end))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer_key, None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else self.hash)

    def issue(self, subject, key, extensions=(), **times):
        """A certificate below the intermediate; `subject` is a common name, empty for none, or an x509.Name."""
        subject = subject if isinstance(subject, x509.Name) else common_name(subject)
        return self._make(subject, self.intermediate.subject, key, self.key, list(extensions), **times)

    @property
    def root_pem(self):
        return self.root.public_bytes(serialization.Encoding.PEM).decode()

    def chain(self, leaf):
        """x5c: the certificate and the intermediate."""
        return [octets_of(leaf), octets_of(self.intermediate)]


def octets_of(certificate):
    return certificate if isinstance(certificate, bytes) else certificate.public_bytes(serialization.Encoding.DER)


def pack(fmt, statement, **members):
    """The CBOR of an attestation object; a member of the statement that is None is left out."""
    return cbor2.dumps({"fmt": fmt, "attStmt": {name: value for name, value in statement.items() if value is not None}, **members})


# -- formats

def apple_object(ca, token, serial="C02TEST00001", udid="00008120-000A11223344556E", key=None, freshness=None, extra=(),
                 statement=None, **times):
    """Apple's Managed Device Attestation. `freshness` replaces the code, b"" leaves it out."""
    extensions = [raw(APPLE_SEP_OS, b"16.0")]
    if serial is not None:
        extensions.append(raw(APPLE_SERIAL, serial.encode()))
    if udid is not None:
        extensions.append(raw(APPLE_UDID, udid.encode()))
    if freshness != b"":
        extensions.append(raw(APPLE_FRESHNESS, sha256(token) if freshness is None else freshness))
    leaf = ca.issue("apple attestation", key or new_key(), extensions + list(extra), **times)
    return pack("apple", {"x5c": ca.chain(leaf), **(statement or {})})


def step_object(ca, key_authorization, serial="12345678", key=None, signed=None, wrap=cbor2.dumps, extra=(), managed=None, policy=b"\x02\x01",
                statement=None, **times):
    """PIV attestation. `signed` is what the key signs instead, `managed` the name of a managed device instead of a serial number,
    `policy` PIN and touch policy (None: not said)."""
    key = key or new_key()
    extensions = [raw(YUBICO_FIRMWARE, b"\x05\x04\x03"), raw(YUBICO_FORM_FACTOR, b"\x01")]
    if serial is not None:
        extensions.append(raw(YUBICO_SERIAL, serial if isinstance(serial, bytes) else der_integer(int(serial))))
    if managed is not None:
        extensions.append(raw(MANAGED_DEVICE, managed if isinstance(managed, bytes) else der(0x30, der(0x0C, managed.encode()))))
    if policy is not None:
        extensions.append(raw(YUBICO_POLICY, policy))
    leaf = ca.issue("YubiKey PIV Attestation 9a", key, extensions + list(extra), **times)
    signature = sign(key, key_authorization if signed is None else signed)
    return pack("step", {"alg": cose_algorithm(key), "sig": wrap(signature), "x5c": ca.chain(leaf), **(statement or {})})


def packed_object(ca, key_authorization, identifier="12345678", key=None, subject=None, signed=None, extra=(), statement=None, is_ca=False):
    """WebAuthn's packed, with the device's name as PermanentIdentifier."""
    key = key or new_key()
    subject = subject or x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Maker"),
                                    x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
                                    x509.NameAttribute(NameOID.COMMON_NAME, "Maker 1")])
    extensions = [(x509.BasicConstraints(is_ca, None), True),
                  (x509.SubjectAlternativeName([permanent_identifier(identifier)]), False)]
    leaf = ca.issue(subject, key, extensions + list(extra))
    signature = sign(key, key_authorization if signed is None else signed)
    return pack("packed", {"alg": cose_algorithm(key), "sig": signature, "x5c": ca.chain(leaf), **(statement or {})})


# -- android-key

def android_tag(number, content):
    """An explicit tag of an AuthorizationList."""
    if number < 31:
        return der(0xA0 | number, content)
    if number < 128:
        return der(bytes([0xBF, number]), content)
    return der(bytes([0xBF, 0x80 | number >> 7, number & 0x7F]), content)


def android_hardware(serial="ANDROID0001", purpose=(2,), origin=0, tags=None, boot=None):
    """A list hardwareEnforced. `tags`: contents by their numbers, None leaves one out; `boot`: locked, and the state."""
    made = {1: der(0x31, *[der_integer(p) for p in purpose]), 2: der_integer(3), 3: der_integer(256), 5: der(0x31, der_integer(4)),
            10: der_integer(1), 503: der(5), 702: der_integer(origin)}
    if boot is not None:
        made[704] = der(0x30, der(4, b"\x01" * 32), der(1, b"\xff" if boot[0] else b"\x00"), der(0x0A, bytes([boot[1]])), der(4, b"\x02" * 32))
    if serial is not None:
        made[713] = der(4, serial.encode())
    made.update(tags or {})
    return b"".join(android_tag(number, content) for number, content in sorted(made.items()) if content is not None)


def android_object(ca, key_authorization, serial="ANDROID0001", key=None, level=1, keymint_level=1, challenge=None, hardware=None, software=b"",
                   description=None, signed=None, with_root=True, extra=(), statement=None, **hardware_changes):
    """Android's key attestation."""
    key = key or new_key()
    challenge = key_authorization.encode() if challenge is None else challenge
    if hardware is None:
        hardware = android_hardware(serial, **hardware_changes)
    if description is None:
        description = der(0x30, der_integer(300), der(0x0A, bytes([level])), der_integer(300), der(0x0A, bytes([keymint_level])),
                          der(4, challenge), der(4), der(0x30, software), der(0x30, hardware))
    extensions = [raw(ANDROID_DESCRIPTION, description)] if description != b"" else []
    leaf = ca.issue("Android Keystore Key", key, extensions + list(extra))
    chain = ca.chain(leaf) + ([octets_of(ca.root)] if with_root else [])
    signature = sign(key, key_authorization if signed is None else signed)
    return pack("android-key", {"alg": cose_algorithm(key), "sig": signature, "x5c": chain, **(statement or {})})


# -- tpm

ALG_RSA, ALG_SHA1, ALG_SHA256, ALG_SHA384, ALG_NULL, ALG_RSASSA, ALG_RSAPSS, ALG_ECDSA, ALG_ECC = \
    0x01, 0x04, 0x0B, 0x0C, 0x10, 0x14, 0x16, 0x18, 0x23
FIXED_TPM, FIXED_PARENT, DATA_ORIGIN, WITH_AUTH, RESTRICTED, DECRYPT, SIGN = 2, 0x10, 0x20, 0x40, 0x10000, 0x20000, 0x40000
KEY_ATTRIBUTES = FIXED_TPM | FIXED_PARENT | DATA_ORIGIN | WITH_AUTH | SIGN
HASHES = {ALG_SHA1: hashes.SHA1, ALG_SHA256: hashes.SHA256, ALG_SHA384: hashes.SHA384}


def tpm2b(octets):
    return struct.pack(">H", len(octets)) + octets


def unsigned(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def tpmt_public(key, attributes=KEY_ATTRIBUTES, name_alg=ALG_SHA256, curve=None, symmetric=struct.pack(">H", ALG_NULL), pad=b""):
    """TPMT_PUBLIC of an EC or RSA key that signs with any scheme. `pad` stands in front of the coordinates."""
    numbers = (key.public_key() if hasattr(key, "public_key") else key).public_numbers()
    if isinstance(numbers, rsa.RSAPublicNumbers):
        head = struct.pack(">HHIH", ALG_RSA, name_alg, attributes, 0)
        exponent = 0 if numbers.e == 65537 else numbers.e
        return head + struct.pack(">HHHI", ALG_NULL, ALG_NULL, numbers.n.bit_length(), exponent) + tpm2b(unsigned(numbers.n))
    size = numbers.curve.key_size
    curve = curve or {256: 3, 384: 4, 521: 5}[size]
    head = struct.pack(">HHIH", ALG_ECC, name_alg, attributes, 0)
    coordinates = [pad + number.to_bytes((size + 7) // 8, "big") if pad else unsigned(number) for number in (numbers.x, numbers.y)]
    return head + symmetric + struct.pack(">HHH", ALG_NULL, curve, ALG_NULL) + b"".join(tpm2b(c) for c in coordinates)


def tpm_name(public, name_alg=ALG_SHA256):
    digest = hashes.Hash(HASHES[name_alg]())
    digest.update(public)
    return struct.pack(">H", name_alg) + digest.finalize()


def tpms_attest(extra_data, name, kind=0x8017, magic=0xFF544347, firmware=0x2019102300163636):
    """TPMS_ATTEST of TPM2_Certify."""
    return (struct.pack(">IH", magic, kind) + tpm2b(tpm_name(b"signer")) + tpm2b(extra_data) + struct.pack(">QIIBQ", 1234567, 2, 0, 1, firmware) +
            tpm2b(name) + tpm2b(tpm_name(b"qualified")))


def tpmt_signature(key, message, hash_alg=ALG_SHA256, scheme=None):
    """TPMT_SIGNATURE by an attestation key; `scheme` is ALG_RSAPSS for that."""
    algorithm = HASHES[hash_alg]()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(algorithm)))
        return struct.pack(">HH", ALG_ECDSA, hash_alg) + tpm2b(unsigned(r)) + tpm2b(unsigned(s))
    scheme = scheme or ALG_RSASSA
    # a TPM takes the longest salt there is room for
    how = padding.PKCS1v15() if scheme == ALG_RSASSA else padding.PSS(padding.MGF1(algorithm), padding.PSS.MAX_LENGTH)
    return struct.pack(">HH", scheme, hash_alg) + tpm2b(key.sign(message, how, algorithm))


def split(value):
    """Identifier and OID of an ACME value."""
    identifier, _, oid = value.partition("/")
    return identifier.encode(), oid


def permanent_identifier(value):
    identifier, oid = split(value)
    parts = [der(0x0C, identifier)] + ([der_oid(oid)] if oid else [])
    return x509.OtherName(ObjectIdentifier(PERMANENT_IDENTIFIER), der(0x30, *parts))


def hardware_module(value, tag=4):
    """HardwareModuleName; tag 0x84 is what one library writes."""
    serial, oid = split(value)
    return x509.OtherName(ObjectIdentifier(HARDWARE_MODULE_NAME), der(0x30, der_oid(oid), der(tag, serial)))


def tpm_directory(manufacturer="id:00001014", model="SW TPM", version="id:20191023"):
    attributes = [("2.23.133.2.1", manufacturer), ("2.23.133.2.2", model), ("2.23.133.2.3", version)]
    return x509.DirectoryName(x509.Name([x509.NameAttribute(ObjectIdentifier(oid), text) for oid, text in attributes if text]))


def ek_urn(ek_key):
    """How an AK certificate names its TPM's endorsement key."""
    return x509.UniformResourceIdentifier("urn:ek:sha256:" + base64.b64encode(sha256(spki(ek_key))).decode())


def ak_certificate(ca, ak, names=None, subject="", purposes=(AK_PURPOSE,), is_ca=False, directory=None, extra=(), **times):
    """The certificate of an attestation key. `names` are GeneralNames besides the TPM's directoryName."""
    names = [permanent_identifier("SN-TPM-0001")] if names is None else names
    san = ([tpm_directory()] if directory is None else directory) + list(names)
    extensions = [(x509.BasicConstraints(is_ca, None), True)]
    if san:
        extensions.append((x509.SubjectAlternativeName(san), True))
    if purposes:
        extensions.append((x509.ExtendedKeyUsage([ObjectIdentifier(p) for p in purposes]), False))
    return ca.issue(subject, ak, extensions + list(extra), **times)


def tpm_object(ca, key_authorization, key=None, ak=None, certificate=None, signer=None, hash_alg=ALG_SHA256, scheme=None, attributes=KEY_ATTRIBUTES,
               extra_data=None, name=None, public=None, cert_info=None, signature=None, statement=None, **certificate_changes):
    """TPM2_Certify of a key by an attestation key, made by software."""
    key, ak = key or new_key(), ak or new_key()
    if public is None:
        public = tpmt_public(key, attributes)
    if cert_info is None:
        cert_info = tpms_attest(sha256(key_authorization) if extra_data is None else extra_data, tpm_name(public) if name is None else name)
    if signature is None:
        signature = tpmt_signature(signer or ak, cert_info, hash_alg, scheme)
    certificate = certificate or ak_certificate(ca, ak, **certificate_changes)
    return pack("tpm", {"alg": COSE_ES256, "sig": signature, "ver": "2.0", "x5c": ca.chain(certificate), "pubArea": public, "certInfo": cert_info,
                        **(statement or {})})
