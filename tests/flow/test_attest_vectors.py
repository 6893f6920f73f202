"""Attestations judged by the runner `attest_vectors`: the cases of the draft's table that the file of vectors has no bytes for, and a case
for each check there is, which fails on exactly that check.

What is judged is made by tests/flow/attestation.py: python3-cryptography, python3-cbor2 and bytes of its own. Rows of conformance:
S-DA-4, 5, 6, 7, 8: each refusal of the object, its statement and what it names.
"""
import base64
import datetime
import hashlib
import json
import os
import pathlib
import struct
import subprocess

import attestation as att
import cbor2
import pytest
from attestation import b64url, der, raw, sha256
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ObjectIdentifier

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNNER = pathlib.Path(os.environ.get("CAIRN_BUILD", ROOT / "build")) / "tests/attest_vectors"
TOKEN = "nNZGTPAzSLuwIegl4kgqEeBPQJDUrzUVqoJitDGDHhE"
KEY_AUTHORIZATION = TOKEN + ".Ar77evyBpshDurl7nqYteQsDSmBNd667YHIz0YOBnZk"
NOW = "2026-11-23T00:00:00Z"
KEY = att.new_key()
RSA = att.new_key("rsa")
AK = att.new_key()
EK = att.new_key("rsa")
CA = att.Authority()
STRANGER = att.Authority("Somebody Else")
CNS = "1.2.3.4.5"


def case(att_obj, says=None, identifier="SN-TPM-0001", kind="permanent-identifier", **more):
    """A vector: valid, or with the part of the sentence that refuses it."""
    att_obj = att_obj if isinstance(att_obj, str) else b64url(att_obj)
    vector = {"identifier": {"type": kind, "value": identifier}, "attObj": att_obj, "payload": json.dumps({"attObj": att_obj}),
              "expect": "valid" if says is None else "invalid", **more}
    if says is not None:
        vector["says"] = says
        vector.setdefault("differs", False)
        vector.setdefault("config", False)
    return vector


def csr(key):
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return b64url(request.public_bytes(serialization.Encoding.DER))


def apple(says=None, **changes):
    more = {name: changes.pop(name) for name in list(changes) if name in MORE}
    more.setdefault("identifier", "C02TEST00001")
    return case(att.apple_object(CA, TOKEN, **changes), says, **more)


def step(says=None, **changes):
    more = {name: changes.pop(name) for name in list(changes) if name in MORE}
    more.setdefault("identifier", "12345678")
    return case(att.step_object(CA, KEY_AUTHORIZATION, **changes), says, **more)


def packed(says=None, **changes):
    more = {name: changes.pop(name) for name in list(changes) if name in MORE}
    more.setdefault("rules", {"packed": True})
    more.setdefault("identifier", "12345678")
    return case(att.packed_object(CA, KEY_AUTHORIZATION, **changes), says, **more)


def android(says=None, **changes):
    more = {name: changes.pop(name) for name in list(changes) if name in MORE}
    return case(att.android_object(CA, KEY_AUTHORIZATION, **changes), says, identifier="ANDROID0001", **more)


def tpm(says=None, **changes):
    more = {name: changes.pop(name) for name in list(changes) if name in MORE}
    changes.setdefault("key", KEY)
    changes.setdefault("ak", AK)
    return case(att.tpm_object(CA, KEY_AUTHORIZATION, **changes), says, **more)


MORE = ("identifier", "kind", "rules", "known", "rootPem", "noRoots", "time", "off", "byInventory", "identities", "facts", "differs", "csr", "config")

# -- the object


def replace(att_obj, old, new):
    assert att_obj.count(old) == 1
    return att_obj.replace(old, new)


def rekey(order):
    """An apple object with its names in another order, at both levels."""
    decoded = cbor2.loads(att.apple_object(CA, TOKEN))
    return cbor2.dumps({name: decoded[name] for name in order})


def object_cases():
    good = att.apple_object(CA, TOKEN)
    indefinite = b"\xbf" + good[1:] + b"\xff"
    c02 = {"identifier": "C02TEST00001"}
    statement = cbor2.loads(good)["attStmt"]
    leaf, intermediate = statement["x5c"]
    array = cbor2.dumps(statement["x5c"])
    for_apple = lambda **members: cbor2.dumps({"fmt": "apple", "attStmt": statement, **members})  # noqa: E731
    return {
        "apple-key-order": case(rekey(["attStmt", "fmt"]), **c02),
        "cbor-trailing-byte": case(good + b"\x00", "something follows it", **c02),
        "cbor-indefinite": case(indefinite, **c02),
        "cbor-indefinite-unended": case(indefinite[:-1], "ends too early", **c02),
        "cbor-indefinite-half-pair": case(b"\xbf" + good[1:] + b"\x61a\xff", "a name without a value", **c02),
        "cbor-indefinite-array": case(replace(good, array, b"\x9f" + array[1:] + b"\xff"), **c02),
        "cbor-indefinite-octets": case(replace(good, b"\x59" + struct.pack(">H", len(leaf)) + leaf,
                                               b"\x5f\x59" + struct.pack(">H", len(leaf)) + leaf + b"\xff"), "indefinite length", **c02),
        "cbor-indefinite-text": case(replace(good, b"\x65apple", b"\x7f\x65apple\xff"), "indefinite length", **c02),
        "cbor-break-alone": case(b"\xff", "a break ends nothing", **c02),
        "cbor-break-in-definite": case(b"\xa1\x63fmt\xff", "a break ends nothing", **c02),
        "cbor-long-heads": case(replace(good, b"\x63fmt\x65apple", b"\x78\x03fmt\x79\x00\x05apple"), **c02),
        "cbor-empty": case(b"", "ends too early", **c02),
        "cbor-no-map": case(cbor2.dumps(["fmt", "apple"]), "the object is no map", **c02),
        "cbor-reserved": case(b"\x1c", "malformed", **c02),
        "cbor-duplicate-inside": case(replace(good, b"\xa1\x63x5c" + array, b"\xa2\x63x5c" + array + b"\x63x5c" + array), "the same name twice", **c02),
        "cbor-tag": case(for_apple(authData=cbor2.CBORTag(24, b"x")), "it has a tag", **c02),
        "cbor-float": case(for_apple(other=1.5), "it has a float", **c02),
        "cbor-half": case(b"\xa1\x61a\xf9\x00\x00", "it has a float", **c02),
        "cbor-true": case(for_apple(other=True), "a simple value", **c02),
        "cbor-null": case(for_apple(other=None), "a simple value", **c02),
        "cbor-undefined": case(for_apple(other=cbor2.undefined), "a simple value", **c02),
        "cbor-simple": case(b"\xa1\x61a\xf0", "malformed", **c02),
        "cbor-name-is-number": case(cbor2.dumps({1: 2}), "a name in a map is no text", **c02),
        "cbor-name-is-octets": case(cbor2.dumps({b"fmt": "apple"}), "a name in a map is no text", **c02),
        "cbor-name-is-map": case(b"\xa1\xa0\x00", "a name in a map is no text", **c02),
        "cbor-text-no-utf8": case(replace(good, b"\x65apple", b"\x65app\xc3e"), "is not UTF-8", **c02),
        "cbor-number-large": case(for_apple(other=2**63), "a number is too large", **c02),
        "cbor-number-small": case(for_apple(other=-(2**63) - 1), "a number is too small", **c02),
        "cbor-numbers": case(for_apple(a=0, b=24, c=256, d=65536, e=2**63 - 1, f=-1, g=-25, h=-257, i=-65537, j=-(2**63)), **c02),
        "cbor-four-deep": case(for_apple(other=[[[]]]), **c02),
        "cbor-five-deep": case(for_apple(other=[[[[]]]]), "nested too deeply", **c02),
        "cbor-200000-claimed": case(b"\x9a\xff\xff\xff\xff", "too many items", **c02),
        "cbor-2^64-claimed": case(b"\xbb" + b"\xff" * 8, "too many items", **c02),
        "cbor-octets-claimed": case(b"\x5b" + b"\xff" * 8, "ends too early", **c02),
        "cbor-256-items": case(for_apple(other=list(range(245))), **c02),
        "cbor-257-items": case(for_apple(other=list(range(246))), "too many items", **c02),
        "cbor-257-claimed": case(b"\x99\x01\x01", "too many items", **c02),
        "cbor-65536-octets": case(for_apple(other=b"\x00" * (65536 - len(for_apple(other=b"\x00" * 256)) + 256)), **c02),
        "cbor-65537-octets": case(for_apple(other=b"\x00" * (65537 - len(for_apple(other=b"\x00" * 256)) + 256)), "longer than 65536 octets", **c02),
        "object-base64": case("a", "no base64url", **c02),
        "object-base64-padded": case(b64url(good) + "=", "no base64url", **c02),
        "object-not-cbor": case(b"hello", "it ends too early", **c02),
        "object-no-fmt": case(cbor2.dumps({"attStmt": statement}), "no text \"fmt\"", **c02),
        "object-fmt-octets": case(cbor2.dumps({"fmt": b"apple", "attStmt": statement}), "no text \"fmt\"", **c02),
        "object-fmt-case": case(cbor2.dumps({"fmt": "Apple", "attStmt": statement}), "format \"Apple\" are not taken", **c02),
        "object-fmt-u2f": case(cbor2.dumps({"fmt": "fido-u2f", "attStmt": statement}), "format \"fido-u2f\" are not taken", **c02),
        "object-fmt-compound": case(cbor2.dumps({"fmt": "compound", "attStmt": [statement]}), "format \"compound\" are not taken", **c02),
        "object-fmt-none": case(cbor2.dumps({"fmt": "none", "attStmt": {}}), "format \"none\" are not taken", **c02),
        "object-fmt-off": case(good, "format \"apple\" are not taken", off="apple", **c02),
        "object-no-statement": case(cbor2.dumps({"fmt": "apple"}), "no map \"attStmt\"", **c02),
        "object-statement-array": case(cbor2.dumps({"fmt": "apple", "attStmt": [1]}), "no map \"attStmt\"", **c02),
        "object-authdata": case(for_apple(authData=b"\x00" * 37), **c02),
        "object-authdata-text": case(for_apple(authData="x"), "\"authData\" of the object has another type", **c02),
        "x5c-missing": case(cbor2.dumps({"fmt": "apple", "attStmt": {}}), "no \"x5c\"", **c02),
        "x5c-empty": case(cbor2.dumps({"fmt": "apple", "attStmt": {"x5c": []}}), "\"x5c\" of the statement is empty", **c02),
        "x5c-octets": case(cbor2.dumps({"fmt": "apple", "attStmt": {"x5c": leaf}}), "\"x5c\" of the statement has another type", **c02),
        "x5c-text": case(cbor2.dumps({"fmt": "apple", "attStmt": {"x5c": ["leaf"]}}), "something else than octets", **c02),
        "x5c-8": case(cbor2.dumps({"fmt": "apple", "attStmt": {"x5c": [leaf] + [intermediate] * 7}}), **c02),
        "x5c-9": case(cbor2.dumps({"fmt": "apple", "attStmt": {"x5c": [leaf] + [intermediate] * 8}}), "more than 8 certificates", **c02),
        "x5c-no-certificate": case(cbor2.dumps({"fmt": "apple", "attStmt": {"x5c": [b"leaf", intermediate]}}), "a certificate of x5c", **c02),
        "x5c-trailing": case(cbor2.dumps({"fmt": "apple", "attStmt": {"x5c": [leaf + b"\x00", intermediate]}}), "a certificate of x5c", **c02),
        "x5c-empty-octets": case(cbor2.dumps({"fmt": "apple", "attStmt": {"x5c": [b""]}}), "a certificate of x5c", **c02),
        "x5c-in-another-order": case(cbor2.dumps({"fmt": "apple", "attStmt": {"x5c": [leaf, att.octets_of(STRANGER.root), intermediate]}}), **c02),
    }


# -- the chain


def chain_cases():
    day = datetime.timedelta(days=1)
    now = datetime.datetime(2026, 11, 23)
    mine = att.Authority("Mine")
    bounded = att.Authority("Bounded", path_length=0)
    old = att.Authority("Old", signature_hash=hashes.SHA1())
    weak_key = att.new_key("rsa1024")
    weak = att.Authority("Weak")
    weak.key = weak_key
    weak.intermediate = weak._make(att.common_name("Weak Intermediate"), weak.root.subject, weak_key, weak.root_key,
                                   [(x509.BasicConstraints(True, None), True)])
    no_ca = att.Authority("None")
    no_ca.intermediate = no_ca._make(no_ca.intermediate.subject, no_ca.root.subject, no_ca.key, no_ca.root_key, [])
    usage = dict(digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
                 key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False)
    no_signer = att.Authority("No Signer")
    no_signer.intermediate = no_signer._make(no_signer.intermediate.subject, no_signer.root.subject, no_signer.key, no_signer.root_key,
                                             [(x509.BasicConstraints(True, None), True), (x509.KeyUsage(**usage), True)])
    only_usage = att.Authority("Only Usage")
    only_usage.intermediate = only_usage._make(only_usage.intermediate.subject, only_usage.root.subject, only_usage.key, only_usage.root_key,
                                               [(x509.KeyUsage(**dict(usage, key_cert_sign=True)), True)])
    late = att.Authority("Late")
    late.intermediate = late._make(late.intermediate.subject, late.root.subject, late.key, late.root_key, [(x509.BasicConstraints(True, None), True)],
                                   end=now - day)
    forged = att.Authority("Mine")  # the same names, other keys
    deep = att.Authority("Deep")
    sub_key = att.new_key()
    sub = bounded._make(att.common_name("Sub"), bounded.intermediate.subject, sub_key, bounded.key, [(x509.BasicConstraints(True, None), True)])
    bounded.key, bounded.chain_more = sub_key, sub

    def of(ca, says=None, root=None, **changes):
        return case(att.apple_object(ca, TOKEN, **changes), says, identifier="C02TEST00001", rootPem=root or ca.root_pem)

    leaf_of_sub = bounded._make(att.common_name("apple attestation"), sub.subject, att.new_key(), sub_key,
                                [raw(att.APPLE_SERIAL, b"C02TEST00001"), raw(att.APPLE_FRESHNESS, sha256(TOKEN))])
    with_root = cbor2.loads(att.apple_object(mine, TOKEN))
    with_root["attStmt"]["x5c"].append(att.octets_of(mine.root))
    only_root = cbor2.loads(att.apple_object(STRANGER, TOKEN))
    only_root["attStmt"]["x5c"].append(att.octets_of(STRANGER.root))
    self_signed_key = att.new_key()
    self_signed = mine._make(att.common_name("apple"), att.common_name("apple"), self_signed_key, self_signed_key,
                             [raw(att.APPLE_SERIAL, b"C02TEST00001"), raw(att.APPLE_FRESHNESS, sha256(TOKEN))])
    v1 = bytes.fromhex("308101")
    return {
        "chain-good": of(mine),
        "chain-with-root": case(cbor2.dumps(with_root), identifier="C02TEST00001", rootPem=mine.root_pem),
        "chain-root-of-its-own": case(cbor2.dumps(only_root), "the chain is not good: self", identifier="C02TEST00001"),
        "chain-self-signed": case(att.pack("apple", {"x5c": [att.octets_of(self_signed)]}), "the chain is not good: self", identifier="C02TEST00001"),
        "chain-other-root": of(STRANGER, "the chain is not good", root=CA.root_pem),
        "chain-same-names": of(forged, "the chain is not good", root=mine.root_pem),
        "chain-expired-leaf": of(mine, "certificate has expired", end=now - day),
        "chain-future-leaf": of(mine, "not yet valid", start=now + day),
        "chain-expired-issuer": of(late, "certificate has expired"),
        "chain-no-ca": of(no_ca, "the chain is not good: invalid CA certificate"),
        "chain-no-cert-sign": of(no_signer, "the chain is not good"),
        "chain-usage-only": of(only_usage, "the chain is not good: invalid CA certificate"),
        "chain-root-version-1": of(mine, "is not of a CA", root=version_1_root(mine)),
        "chain-too-long": case(att.pack("apple", {"x5c": [att.octets_of(c) for c in (leaf_of_sub, sub, bounded.intermediate)]}), "path length",
                               identifier="C02TEST00001", rootPem=bounded.root_pem),
        "chain-sha1": of(old, "too weak"),
        "chain-rsa1024": of(weak, "too weak"),
        "chain-critical-unknown": of(deep, "unhandled critical extension", extra=[raw(CNS, der(5), critical=True)]),
        "chain-unknown": of(deep, extra=[raw(CNS, b"whatever")]),
        "chain-no-roots": case(att.tpm_object(CA, KEY_AUTHORIZATION), "there are no roots", noRoots=True, config=True),
        "chain-vendor-roots": case(att.apple_object(CA, TOKEN), "the chain is not good", identifier="C02TEST00001", noRoots=True),
        "chain-version-1": case(att.pack("apple", {"x5c": [version_1(mine)]}), "version is not 3", identifier="C02TEST00001", rootPem=mine.root_pem),
        "chain-broken-der": case(att.pack("apple", {"x5c": [v1]}), "a certificate of x5c", identifier="C02TEST00001"),
        "chain-constraints-broken": case(att.pack("apple", {"x5c": [with_extension(mine, "2.5.29.19", b"\x30\x00\x00")]}),
                                         "basic constraints are malformed", identifier="C02TEST00001", rootPem=mine.root_pem),
        "chain-32-extensions": of(deep, extra=[raw(f"{CNS}.{i}", b"") for i in range(27)]),
        "chain-33-extensions": of(deep, "too many extensions", extra=[raw(f"{CNS}.{i}", b"") for i in range(29)]),
        "chain-extension-twice": case(att.pack("apple", {"x5c": [twice(mine)] + mine.chain(mine.root)[1:]}), "an extension twice",
                                      identifier="C02TEST00001", rootPem=mine.root_pem),
        "chain-k256": of(mine, "none of", key=att.new_key("k256")) | {"says": "the attestation is not acceptable"},
    }


def certificate_by_hand(ca, version, extensions, own=False, serial=b"\x05"):
    """A certificate that no library wants to make; `own`: self-signed by the key of the intermediate, with its name."""
    algorithm = der(0x30, att.der_oid("1.2.840.10045.4.3.2"))
    issuer = ca.intermediate.subject.public_bytes()
    name = issuer if own else der(0x30, der(0x31, der(0x30, att.der_oid("2.5.4.3"), der(0x0C, b"x"))))
    times = der(0x30, der(0x17, b"200101000000Z"), der(0x18, b"20600101000000Z"))
    tbs = der(0x30, version, der(2, serial), algorithm, issuer, times, name, att.spki(ca.key if own else att.new_key()), extensions)
    return der(0x30, tbs, algorithm, der(3, b"\x00" + att.sign(ca.key, tbs)))


def version_1_root(ca):
    """A root without any extension, for the key and name of the intermediate: PEM."""
    return x509.load_der_x509_certificate(certificate_by_hand(ca, b"", b"", own=True)).public_bytes(serialization.Encoding.PEM).decode()


def version_1(ca):
    return certificate_by_hand(ca, b"", b"")


def with_extension(ca, oid, value):
    return certificate_by_hand(ca, der(0xA0, der(2, b"\x02")), der(0xA3, der(0x30, der(0x30, att.der_oid(oid), der(4, value)))))


def twice(ca):
    freshness = der(0x30, att.der_oid(att.APPLE_FRESHNESS), der(4, sha256(TOKEN)))
    serial = der(0x30, att.der_oid(att.APPLE_SERIAL), der(4, b"C02TEST00001"))
    return certificate_by_hand(ca, der(0xA0, der(2, b"\x02")), der(0xA3, der(0x30, freshness, serial, freshness)))


# -- formats


def apple_cases():
    return {
        "apple-serial": apple(key=KEY, csr={"same": csr(KEY), "mustFailOther": csr(att.new_key())}, identities=["C02TEST00001", "00008120-000A11223344556E"],
                              facts={"format": "apple", "sepOsVersion": "16.0", "issuer": "CN=Test Vendor Intermediate", "byInventory": False}),
        "apple-udid": apple(identifier="00008120-000A11223344556E"),
        "apple-p384": apple(key=att.new_key("p384")),
        "apple-rsa": apple("neither P-256 nor P-384", key=RSA),
        "apple-p521": apple("neither P-256 nor P-384", key=att.new_key("p521")),
        "apple-other-serial": apple("it is of another device", identifier="C02TEST00002", differs=True),
        "apple-serial-case": apple("it is of another device", identifier="c02test00001", differs=True),
        "apple-serial-space": apple("it is of another device", identifier="C02TEST00001 ", differs=True),
        "apple-serial-assigner": apple("it is of another device", identifier="C02TEST00001/1.2.3", differs=True),
        "apple-hardware-module": apple("it is of another device", identifier="C02TEST00001/1.2.3", kind="hardware-module", differs=True),
        "apple-names-nothing": apple("it names no device", serial=None, udid=None, differs=True),
        "apple-empty-serial": apple("it is of another device", serial="", differs=True),
        "apple-freshness-short": apple("freshness code of x5c[0] is not", freshness=sha256(TOKEN)[:31]),
        "apple-freshness-long": apple("freshness code of x5c[0] is not", freshness=sha256(TOKEN) + b"\x00"),
        "apple-freshness-der": apple("freshness code of x5c[0] is not", freshness=der(4, sha256(TOKEN))),
        "apple-freshness-key-authorization": apple("freshness code of x5c[0] is not", freshness=sha256(KEY_AUTHORIZATION)),
        "apple-freshness-raw": apple("freshness code of x5c[0] is not", freshness=TOKEN.encode()),
        "apple-no-freshness": apple("no freshness code", freshness=b""),
        "apple-serial-not-utf8": case(att.pack("apple", {"x5c": CA.chain(CA.issue("x", KEY, [
            raw(att.APPLE_SERIAL, b"\xff\xfe"), raw(att.APPLE_FRESHNESS, sha256(TOKEN))]))}), "it names no device", identifier="C02TEST00001", differs=True),
        "apple-known-does-not-help": apple("it is of another device", key=KEY, identifier="C02TEST00002", differs=True,
                                           known=[{"kind": "key", "sha256": sha256(att.spki(KEY)).hex()}]),
    }


def step_cases():
    both = {"presence": "both"}
    return {
        "step-es256": step(key=KEY, csr={"same": csr(KEY)}, facts={"firmware": "5.4.3", "formFactor": 1, "pinPolicy": 2, "touchPolicy": 1}),
        "step-es384": step(key=att.new_key("p384")),
        "step-rs256": step(key=RSA, csr={"same": csr(RSA)}),
        "step-eddsa": step(key=att.new_key("ed25519")),
        "step-p521": step("none of P-256, P-384, RSA, Ed25519", key=att.new_key("p521")),
        "step-rsa1024": step("too weak", key=att.new_key("rsa1024")),
        "step-alg-other": step("is not the algorithm of the key", statement={"alg": -257}),
        "step-alg-text": step("\"alg\" of the statement has another type", statement={"alg": "ES256"}),
        "step-no-alg": step("the statement has no \"alg\"", statement={"alg": None}),
        "step-no-sig": step("the statement has no \"sig\"", statement={"sig": None}),
        "step-sig-type": step("\"sig\" of the statement has another type", statement={"sig": "x"}),
        "step-empty-sig": step("\"sig\" of the statement is empty", statement={"sig": b""}),
        "step-raw-sig": step("one more CBOR byte string", wrap=lambda s: s),
        "step-text-sig": step("one more CBOR byte string", wrap=lambda s: cbor2.dumps(s.hex())),
        "step-sig-followed": step("one more CBOR byte string", wrap=lambda s: cbor2.dumps(s) + b"\x00"),
        "step-sig-over-token": step("is not the signature of the key authorization", signed=TOKEN),
        "step-sig-over-hash": step("is not the signature of the key authorization", signed=sha256(KEY_AUTHORIZATION)),
        "step-sig-other-account": step("is not the signature of the key authorization", signed=TOKEN + "." + b64url(sha256("another"))),
        "step-sig-rubbish": step("is not the signature of the key authorization", wrap=lambda s: cbor2.dumps(b"\x30\x03\x02\x01\x01")),
        "step-no-serial": step("it names no device", serial=None, differs=True),
        "step-serial-zero": step(serial="0", identifier="0"),
        "step-serial-64-bits": step(serial=str(2**64 - 1), identifier=str(2**64 - 1)),
        "step-serial-65-bits": step("more than 8 octets", serial=str(2**64)),
        "step-serial-negative": step("the serial number of the token", serial=der(2, b"\xff")),
        "step-serial-not-minimal": step("the serial number of the token", serial=der(2, b"\x00\x01")),
        "step-serial-raw": step("the serial number of the token", serial=b"12345678"),
        "step-serial-followed": step("the serial number of the token", serial=att.der_integer(12345678) + b"\x00"),
        "step-serial-leading-zero": step("it is of another device", identifier="012345678", differs=True),
        "step-managed": step(serial=None, managed="dev-0001", identifier="dev-0001"),
        "step-managed-printable": step(serial=None, managed=der(0x30, der(0x13, b"dev-0001"), der(2, b"\x01")), identifier="dev-0001"),
        "step-managed-octets": step("no string begins it", serial=None, managed=der(0x30, der(4, b"dev-0001")), identifier="dev-0001"),
        "step-managed-empty": step("the managed device's extension", serial=None, managed=der(0x30), identifier="dev-0001"),
        "step-managed-second": step("it is of another device", managed="dev-0001", identifier="dev-0001", differs=True),
        "step-managed-slash": step("it names no device", serial=None, managed="dev/0001", identifier="dev/1.2.3", differs=True),
        "step-presence": step(policy=b"\x03\x02", rules=both),
        "step-presence-cached": step(policy=b"\x02\x03", rules=both),
        "step-presence-pin": step(policy=b"\x02\x01", rules={"presence": "pin"}),
        "step-presence-touch": step(policy=b"\x01\x02", rules={"presence": "touch"}),
        "step-presence-no-pin": step("without a PIN", policy=b"\x01\x02", rules=both),
        "step-presence-no-touch": step("without a touch", policy=b"\x02\x01", rules=both),
        "step-presence-pin-only": step("without a PIN", policy=b"\x01\x02", rules={"presence": "pin"}),
        "step-presence-touch-only": step("without a touch", policy=b"\x02\x01", rules={"presence": "touch"}),
        "step-presence-unsaid": step("without a PIN", policy=None, rules=both),
        "step-presence-unknown": step("without a PIN", policy=b"\x09\x02", rules=both),
        "step-presence-length": step("is not two octets", policy=b"\x02"),
        "step-policy-unsaid": step(policy=None),
    }


def packed_cases():
    names = {"C": "2.5.4.6", "O": "2.5.4.10", "OU": "2.5.4.11", "CN": "2.5.4.3"}

    def subject(**changes):
        values = {"C": "SE", "O": "Maker", "OU": "Authenticator Attestation", "CN": "Maker 1", **changes}
        return x509.Name([x509.NameAttribute(ObjectIdentifier(names[n]), v) for n, v in values.items() if v])

    good = att.packed_object(CA, KEY_AUTHORIZATION)
    rules = {"packed": True}
    self_made = att.pack("packed", {"alg": -7, "sig": att.sign(KEY, KEY_AUTHORIZATION)})
    return {
        "packed-off": case(good, "format \"packed\" are not taken", identifier="12345678"),
        "packed-on": packed(),
        "packed-self": case(self_made, "nobody vouches for it", identifier="12345678", rules=rules),
        "packed-wrapped": case(att.packed_object(CA, KEY_AUTHORIZATION, key=KEY, statement={"sig": cbor2.dumps(att.sign(KEY, KEY_AUTHORIZATION))}),
                               "is not the signature of the key authorization", identifier="12345678", rules=rules),
        "packed-token": packed("is not the signature of the key authorization", signed=TOKEN),
        "packed-no-country": packed("the subject of x5c[0]", subject=subject(C=None)),
        "packed-no-organization": packed("the subject of x5c[0]", subject=subject(O=None)),
        "packed-other-unit": packed("the subject of x5c[0]", subject=subject(OU="Authenticators")),
        "packed-no-name": packed("the subject of x5c[0]", subject=subject(CN=None)),
        "packed-ca": packed("x5c[0] is the certificate of a CA", is_ca=True),
        "packed-other": packed("it is of another device", identifier="1234567", differs=True),
    }


def android_cases():
    hardware = att.android_hardware
    key = att.new_key()
    genuine = CA.issue("Android Keystore Key", key, [(x509.BasicConstraints(True, None), True), raw(att.ANDROID_DESCRIPTION, der(0x30))])
    below = CA._make(att.common_name("below"), genuine.subject, KEY, key, [raw(att.ANDROID_DESCRIPTION, description())])
    extended = att.pack("android-key", {"alg": -7, "sig": att.sign(KEY, KEY_AUTHORIZATION), "x5c": [att.octets_of(below)] + CA.chain(genuine)})
    number = f"{CA.intermediate.serial_number:x}"
    status = lambda entries: json.dumps({"entries": entries})  # noqa: E731
    revoked = {"status": "REVOKED", "reason": "KEY_COMPROMISE"}
    other = {"deadbeef": revoked}
    long_tag = att.android_tag(1, der(0x31, att.der_integer(2)))
    return {
        "android-ok": android(key=KEY, csr={"same": csr(KEY)}, identities=["ANDROID0001"], facts={"securityLevel": 1, "keyMintSecurityLevel": 1}),
        "android-no-root": android(with_root=False),
        "android-rsa": android(key=RSA),
        "android-ed25519": android(key=att.new_key("ed25519")),
        "android-no-serial": android("it names no device", serial=None, differs=True),
        "android-serial-in-software": android("it names no device", serial=None, differs=True, software=att.android_tag(713, der(4, b"ANDROID0001"))),
        "android-serial-type": android("the serial number (713)", tags={713: der(0x0C, b"ANDROID0001")}),
        "android-serial-twice": android("has the tag 713 twice", hardware=hardware() + att.android_tag(713, der(4, b"ANDROID0001"))),
        "android-software": android("security level 0: made by software", level=0),
        "android-keymint-software": android("security level 0: kept by software", keymint_level=0),
        "android-level-3": android("security level 3", level=3),
        "android-strong-box": android(level=2, keymint_level=2, rules={"strongBox": True}),
        "android-no-strong-box": android("not in a StrongBox", level=1, keymint_level=1, rules={"strongBox": True}),
        "android-half-strong-box": android("not in a StrongBox", level=2, keymint_level=1, rules={"strongBox": True}),
        "android-challenge-hashed": android("attestationChallenge is not", challenge=sha256(KEY_AUTHORIZATION)),
        "android-challenge-token": android("attestationChallenge is not", challenge=TOKEN.encode()),
        "android-challenge-longer": android("attestationChallenge is not", challenge=KEY_AUTHORIZATION.encode() + b"\x00"),
        "android-challenge-empty": android("attestationChallenge is not", challenge=b""),
        "android-sig-token": android("is not the signature of the key authorization", signed=TOKEN),
        "android-sig-wrapped": android("is not the signature of the key authorization", key=KEY,
                                       statement={"sig": cbor2.dumps(att.sign(KEY, KEY_AUTHORIZATION))}),
        "android-alg": android("is not the algorithm of the key", statement={"alg": -8}),
        "android-no-description": android("no KeyDescription", description=b""),
        "android-description-broken": android("the KeyDescription", description=der(0x30, der(2, b"\x01"))),
        "android-level-long": android("a security level is not one octet", description=description(level=b"\x00\x01")),
        "android-level-empty": android("a security level is not one octet", description=description(level=b"")),
        "android-description-followed": android("the KeyDescription", description=description() + b"\x00"),
        "android-chain-extended": case(extended, "is not the attestation certificate", identifier="ANDROID0001"),
        "android-imported": android("that it generated the key (702)", origin=2),
        "android-no-origin": android("that it generated the key (702)", tags={702: None}),
        "android-origin-in-software": android("that it generated the key (702)", tags={702: None},
                                              software=att.android_tag(702, att.der_integer(0))),
        "android-no-purpose": android("for signing (1)", tags={1: None}),
        "android-decrypts": android("for signing (1)", purpose=(1,)),
        "android-purposes": android(purpose=(0, 2, 3)),
        "android-all-applications": android("every application", tags={600: der(5)}),
        "android-all-applications-software": android("every application", software=att.android_tag(600, der(5))),
        "android-verified": android(boot=(True, 0), rules={"verifiedBoot": True}, facts={"verifiedBoot": True}),
        "android-unlocked": android("not started verified and locked", boot=(False, 0), rules={"verifiedBoot": True}),
        "android-self-signed-boot": android("not started verified and locked", boot=(True, 1), rules={"verifiedBoot": True}),
        "android-boot-unsaid": android("not started verified and locked", rules={"verifiedBoot": True}),
        "android-boot-any": android(boot=(False, 2), facts={"verifiedBoot": False}),
        "android-boot-broken": android("the root of trust", hardware=hardware() + att.android_tag(704, der(0x30))),
        "android-list-order": android(hardware=att.android_tag(713, der(4, b"ANDROID0001")) + att.android_tag(702, att.der_integer(0)) + long_tag),
        "android-list-empty-tag": android("malformed", hardware=hardware() + b"\xbf\x84\x58\x00"),
        "android-list-primitive-purpose": android("malformed", hardware=b"\x81\x05\x31\x03\x02\x01\x02" + hardware(tags={1: None})),
        "android-list-length-zero": android("malformed", hardware=b"\xa4\x82\x00\x81" + b"\x00" * 129 + hardware()),
        "android-list-length-81": android(hardware=b"\xa4\x81\x81" + b"\x00" * 129 + hardware()),
        "android-list-length-cut": android("malformed", hardware=hardware() + b"\xa4\x82\x01"),
        "android-list-primitive": android("malformed", hardware=b"\x81\x00"),
        "android-list-tag-zero": android("malformed", hardware=b"\xbf\x80\x01\x00"),
        "android-list-tag-small": android("malformed", hardware=b"\xbf\x1e\x01\x00"),
        "android-list-tag-unended": android("malformed", hardware=b"\xbf\x84\x80\x00\x01\x00"),
        "android-list-length-long": android("malformed", hardware=b"\xa1\x81\x05\x31\x03\x02\x01\x02"),
        "android-list-length-beyond": android("malformed", hardware=b"\xa1\x06\x31\x03\x02\x01\x02"),
        "android-list-length-none": android("malformed", hardware=b"\xa1"),
        "android-list-indefinite": android("malformed", hardware=b"\xa1\x80\x00\x00"),
        "android-status-other": android(rules={"androidStatus": status(other)}),
        "android-status-revoked": android("x5c[1] is revoked or suspended", rules={"androidStatus": status({**other, number: revoked})}),
        "android-status-suspended": android("x5c[1] is revoked or suspended", rules={"androidStatus": status({number.upper(): {"status": "SUSPENDED"}})}),
        "android-status-zero": android("x5c[1] is revoked or suspended",
                                       rules={"androidStatus": status({number.zfill((len(number) + 1) // 2 * 2): revoked})}),
        "android-status-root": android("x5c[2] is revoked or suspended", rules={"androidStatus": status({f"{CA.root.serial_number:x}": revoked})}),
        "android-serial-long": case(att.pack("android-key", {"x5c": [certificate_by_hand(CA, der(0xA0, der(2, b"\x02")), b"", serial=b"\x01" * 65)] +
                                                             CA.chain(CA.intermediate)[1:]}), "the serial number of x5c[0] is too long",
                                    identifier="ANDROID0001", rules={"androidStatus": status(other)}),
        "android-status-broken": android("status list of Android's attestation keys cannot be read", rules={"androidStatus": "{"}, config=True),
        "android-status-no-entries": android("status list of Android's attestation keys cannot be read", rules={"androidStatus": "{}"}, config=True),
    }


def description(level=b"\x01"):
    return der(0x30, att.der_integer(300), der(0x0A, level), att.der_integer(300), der(0x0A, b"\x01"), der(4, KEY_AUTHORIZATION.encode()), der(4),
               der(0x30), der(0x30, att.android_hardware()))


def known(kind, key):
    return [{"kind": "ek" if kind != "ek" else "ak", "sha256": hashlib.sha256(b"another").hexdigest()}, {"kind": kind, "sha256": sha256(att.spki(key)).hex()}]


def tpm_cases():
    rsa_ak = att.new_key("rsa")
    p384_ak = att.new_key("p384")
    other_ak = att.new_key()
    public = att.tpmt_public(KEY)
    good_info = att.tpms_attest(sha256(KEY_AUTHORIZATION), att.tpm_name(public))
    good_signature = att.tpmt_signature(AK, good_info)
    attributes = att.KEY_ATTRIBUTES
    hardware = [att.hardware_module("MOD-1/1.3.6.1.4.1.99999.1")]
    pid = att.permanent_identifier
    urn = att.ek_urn(EK)
    nothing = {"names": [], "identifier": "asset 17"}
    raw_san = lambda *parts: {"directory": [], "names": [], "extra": [raw("2.5.29.17", der(0x30, *parts), critical=True)]}  # noqa: E731
    directory = der(0xA4, att.tpm_directory().value.public_bytes())
    multi = tpm_name_by_hand()
    pid_bytes = der(0xA0, att.der_oid(att.PERMANENT_IDENTIFIER), der(0xA0, der(0x30, der(0x0C, b"SN-TPM-0001"))))
    many = [pid(f"device {i}") for i in range(9)]
    return {
        "tpm-ecc-ak": tpm(csr={"same": csr(KEY), "mustFailOther": csr(AK)}, identities=["SN-TPM-0001"],
                          facts={"tpmManufacturer": "id:00001014", "tpmModel": "SW TPM", "tpmVersion": "id:20191023", "tpmFirmware": "2019102300163636",
                                 "userWithAuth": True}),
        "tpm-rsa-ak": tpm(ak=rsa_ak),
        "tpm-rsa-ak-rsa-key": tpm(ak=rsa_ak, key=RSA, statement={"alg": -257}, csr={"same": csr(RSA)}),
        "tpm-pss-ak": tpm(ak=rsa_ak, scheme=att.ALG_RSAPSS),
        "tpm-p384-ak": tpm(ak=p384_ak),
        "tpm-p384-key": tpm(key=att.new_key("p384")),
        "tpm-p521-key": tpm(key=att.new_key("p521")),
        "tpm-name-sha384": tpm(public=att.tpmt_public(KEY, name_alg=att.ALG_SHA384),
                               name=att.tpm_name(att.tpmt_public(KEY, name_alg=att.ALG_SHA384), att.ALG_SHA384)),
        "tpm-name-sha1": tpm("name is not made with", public=att.tpmt_public(KEY, name_alg=att.ALG_SHA1),
                             name=att.tpm_name(att.tpmt_public(KEY, name_alg=att.ALG_SHA1), att.ALG_SHA1)),
        "tpm-sha1": tpm(hash_alg=att.ALG_SHA1, statement={"alg": -65535}, rules={"sha1": True}),
        "tpm-sha1-off": tpm("SHA-1 are not taken", hash_alg=att.ALG_SHA1, statement={"alg": -65535}),
        "tpm-sha1-hidden": tpm("another hash", hash_alg=att.ALG_SHA1),
        "tpm-sha384": tpm("another hash", ak=p384_ak, hash_alg=att.ALG_SHA384),
        "tpm-alg-unknown": tpm("\"alg\" is -36", statement={"alg": -36}),
        "tpm-alg-missing": tpm("\"alg\" of the statement has another type", statement={"alg": b"ES256"}),
        "tpm-ver-1.2": tpm("\"ver\" of the statement is not", statement={"ver": "1.2"}),
        "tpm-no-ver": tpm("\"ver\" of the statement is not", statement={"ver": None}),
        "tpm-ver-octets": tpm("\"ver\" of the statement is not", statement={"ver": b"2.0"}),
        "tpm-no-info": tpm("the statement has no \"certInfo\"", statement={"certInfo": None}),
        "tpm-no-pubarea": tpm("the statement has no \"pubArea\"", statement={"pubArea": None}),
        "tpm-info-4097": tpm("not 1 to 4096", cert_info=good_info + b"\x00" * 4097),
        "tpm-sig-4097": tpm("not 1 to 4096", signature=good_signature + b"\x00" * 4097),
        "tpm-ver-number": tpm("\"ver\" of the statement is not", statement={"ver": 2}),
        "tpm-sig-by-other-ak": tpm("is not the signature of \"certInfo\"", signer=other_ak),
        "tpm-sig-by-rsa-ak": tpm("is not the signature of \"certInfo\"", signer=rsa_ak),
        "tpm-sig-bare": tpm("\"sig\" is no TPMT_SIGNATURE", signature=att.sign(AK, good_info)),
        "tpm-sig-followed": tpm("\"sig\" is no TPMT_SIGNATURE", cert_info=good_info, signature=good_signature + b"\x00"),
        "tpm-sig-scheme": tpm("\"sig\" is no TPMT_SIGNATURE", signature=struct.pack(">HH", 0x1B, att.ALG_SHA256) + att.tpm2b(b"r") + att.tpm2b(b"s")),
        "tpm-sig-hash": tpm("is not known", signature=struct.pack(">HH", att.ALG_ECDSA, 0x27) + att.tpm2b(b"r") + att.tpm2b(b"s")),
        "tpm-sig-numbers": tpm("the numbers of the signature are too long",
                               signature=struct.pack(">HH", att.ALG_ECDSA, att.ALG_SHA256) + att.tpm2b(b"r" * 67) + att.tpm2b(b"s")),
        "tpm-sig-padded": tpm(cert_info=good_info, signature=padded(good_signature)),
        "tpm-sig-null": tpm("\"sig\" is no TPMT_SIGNATURE", signature=struct.pack(">H", att.ALG_NULL)),
        "tpm-sig-empty": tpm("\"sig\" of the statement is empty", signature=b""),
        "tpm-info-followed": tpm("\"certInfo\" is not what TPM2_Certify makes", cert_info=good_info + b"\x00"),
        "tpm-info-cut": tpm("\"certInfo\" is not what TPM2_Certify makes", cert_info=good_info[:-1]),
        "tpm-info-tpm2b": tpm("\"certInfo\" is not what TPM2_Certify makes", cert_info=att.tpm2b(good_info)),
        "tpm-info-magic": tpm("the mark of what a TPM makes", cert_info=att.tpms_attest(sha256(KEY_AUTHORIZATION), att.tpm_name(public), magic=0xFF544348)),
        "tpm-info-quote": tpm("\"certInfo\" is not what TPM2_Certify makes", cert_info=quote()),
        "tpm-info-creation": tpm("of type 0x801a", cert_info=creation(public)),
        "tpm-extradata-token": tpm("extraData", extra_data=sha256(TOKEN)),
        "tpm-extradata-raw": tpm("extraData", extra_data=KEY_AUTHORIZATION.encode()[:64]),
        "tpm-extradata-empty": tpm("extraData", extra_data=b""),
        "tpm-extradata-sha1": tpm("extraData", extra_data=hashlib.sha1(KEY_AUTHORIZATION.encode()).digest()),
        "tpm-extradata-other-account": tpm("extraData", extra_data=sha256(TOKEN + ".another")),
        "tpm-name-other": tpm("the names differ", name=att.tpm_name(att.tpmt_public(att.new_key()))),
        "tpm-name-short": tpm("the names differ", name=att.tpm_name(public)[:-1]),
        "tpm-name-hash-only": tpm("the names differ", name=sha256(public)),
        "tpm-pubarea-tpm2b": tpm("\"pubArea\" is no TPMT_PUBLIC", public=att.tpm2b(public)),
        "tpm-pubarea-4097": tpm("not 1 to 4096", public=b"\x00" * 4097),
        "tpm-pubarea-coordinate": tpm("too long for its curve", public=att.tpmt_public(KEY, pad=b"\x01")),
        "tpm-pubarea-padded": tpm(public=att.tpmt_public(KEY, pad=b"\x00")),
        "tpm-pubarea-aes": tpm(public=att.tpmt_public(KEY, symmetric=struct.pack(">HHH", 6, 128, 0x43))),
        "tpm-pubarea-camellia": tpm("not AES in mode CFB", public=att.tpmt_public(KEY, symmetric=struct.pack(">HHH", 0x26, 128, 0x43))),
        "tpm-pubarea-aes-100": tpm("not AES in mode CFB", public=att.tpmt_public(KEY, symmetric=struct.pack(">HHH", 6, 100, 0x43))),
        "tpm-pubarea-cbc": tpm("not AES in mode CFB", public=att.tpmt_public(KEY, symmetric=struct.pack(">HHH", 6, 128, 0x42))),
        "tpm-pubarea-followed": tpm("\"pubArea\" is no TPMT_PUBLIC", public=public + b"\x00"),
        "tpm-pubarea-cut": tpm("\"pubArea\" is no TPMT_PUBLIC", public=public[:-1]),
        "tpm-pubarea-off-curve": tpm("\"pubArea\" is no TPMT_PUBLIC", public=public[:-1] + bytes([public[-1] ^ 1])),
        "tpm-pubarea-curve": tpm("none of P-256, P-384, P-521", public=att.tpmt_public(KEY, curve=0x10)),
        "tpm-pubarea-hmac": tpm("not RSA or ECC", public=struct.pack(">HHIHH", 8, 11, attributes, 0, att.ALG_NULL) + att.tpm2b(b"x" * 32)),
        "tpm-pubarea-rsa1024": tpm("\"pubArea\" is no TPMT_PUBLIC", key=att.new_key("rsa1024")),
        "tpm-pubarea-modulus-length": tpm("not as long as", public=att.tpmt_public(RSA).replace(b"\x00\x10\x00\x10\x08\x00", b"\x00\x10\x00\x10\x0c\x00")),
        "tpm-pubarea-exponent": tpm("\"pubArea\" is no TPMT_PUBLIC",
                                    public=att.tpmt_public(RSA).replace(b"\x08\x00\x00\x00\x00\x00", b"\x08\x00\x00\x00\x00\x04")),
        "tpm-key-moves": tpm("no fixedTPM", attributes=attributes & ~att.FIXED_TPM),
        "tpm-key-parent-moves": tpm("no fixedParent", attributes=attributes & ~att.FIXED_PARENT),
        "tpm-key-imported": tpm("no sensitiveDataOrigin", attributes=attributes & ~att.DATA_ORIGIN),
        "tpm-key-no-sign": tpm("no sign", attributes=attributes & ~att.SIGN),
        "tpm-key-restricted": tpm("is restricted", attributes=attributes | att.RESTRICTED),
        "tpm-key-decrypts-too": tpm(attributes=attributes | att.DECRYPT),
        "tpm-ak-subject": tpm("the subject of the AK certificate is not empty", subject="AK"),
        "tpm-ak-ca": tpm("certificate of a CA", is_ca=True),
        "tpm-ak-no-purpose": tpm("not for attestation keys", purposes=()),
        "tpm-ak-other-purpose": tpm("not for attestation keys", purposes=("1.3.6.1.5.5.7.3.2",)),
        "tpm-ak-two-purposes": tpm(purposes=("1.3.6.1.5.5.7.3.2", att.AK_PURPOSE)),
        "tpm-ak-any-purpose": tpm("not for attestation keys", purposes=("2.5.29.37.0",)),
        "tpm-ak-no-directory": tpm("does not name the TPM's manufacturer", directory=[]),
        "tpm-ak-no-san": tpm("does not name the TPM's manufacturer", directory=[], names=[]),
        "tpm-ak-no-manufacturer": tpm("does not name the TPM's manufacturer", directory=[att.tpm_directory(manufacturer="")]),
        "tpm-ak-manufacturer": tpm("does not name the TPM's manufacturer", directory=[att.tpm_directory(manufacturer="IBM")]),
        "tpm-ak-manufacturer-digits": tpm("does not name the TPM's manufacturer", directory=[att.tpm_directory(manufacturer="id:0000101G")]),
        "tpm-ak-manufacturer-7": tpm("does not name the TPM's manufacturer", directory=[att.tpm_directory(manufacturer="id:0000101")]),
        "tpm-ak-manufacturer-9": tpm("does not name the TPM's manufacturer", directory=[att.tpm_directory(manufacturer="id:000010144")]),
        "tpm-ak-model-empty": tpm("does not name the TPM's model", **raw_san(der(0xA4, tpm_name_by_hand(model=b"")), pid_bytes)),
        "tpm-ak-model-twice": tpm("does not name the TPM's model", **raw_san(der(0xA4, tpm_name_by_hand(more=b"SW")), pid_bytes)),
        "tpm-ak-version-empty": tpm("does not name the TPM's version", **raw_san(der(0xA4, tpm_name_by_hand(version=b"id:")), pid_bytes)),
        "tpm-ak-version-17": tpm("does not name the TPM's version", directory=[att.tpm_directory(version="id:" + "0" * 17)]),
        "tpm-ak-no-model": tpm("does not name the TPM's model", directory=[att.tpm_directory(model="")]),
        "tpm-ak-no-version": tpm("does not name the TPM's version", directory=[att.tpm_directory(version="")]),
        "tpm-ak-version": tpm("does not name the TPM's version", directory=[att.tpm_directory(version="2019")]),
        "tpm-ak-model-long": tpm("longer than 4096 octets", directory=[att.tpm_directory(model="x" * 5000)]),
        "tpm-ak-one-rdn": tpm(**raw_san(der(0xA4, multi), pid_bytes)),
        "tpm-ak-san-broken": tpm("the chain is not good", **raw_san(directory, der(0xA0, att.der_oid(att.PERMANENT_IDENTIFIER)))),
        "tpm-ak-pid-no-sequence": tpm("subject alternative names of x5c[0]", **raw_san(directory, der(
            0xA0, att.der_oid(att.PERMANENT_IDENTIFIER), der(0xA0, der(0x0C, b"SN-TPM-0001"))))),
        "tpm-ak-other-name": tpm(names=[x509.OtherName(ObjectIdentifier(CNS), der(5)), pid("SN-TPM-0001"), x509.DNSName("host.example")]),
        "tpm-ak-nine-names": tpm("more than 8 devices", names=many, identifier="device 1"),
        "tpm-ak-eight-names": tpm(names=many[:8], identifier="device 7"),
        "tpm-ak-same-name": tpm(names=[pid("SN-TPM-0001")] * 9, identities=["SN-TPM-0001"]),
        "tpm-ak-no-pid": tpm("it names no device", **nothing, differs=True),
        "tpm-ak-pid-empty": tpm("it names no device", names=[x509.OtherName(ObjectIdentifier(att.PERMANENT_IDENTIFIER), der(0x30))], differs=True),
        "tpm-ak-pid-slash": tpm("it names no device", differs=True, identifier="A/1.2.3", names=[
            x509.OtherName(ObjectIdentifier(att.PERMANENT_IDENTIFIER), der(0x30, der(0x0C, b"A/1.2.3")))]),
        "tpm-ak-pid-nul": tpm("it names no device", differs=True, names=[
            x509.OtherName(ObjectIdentifier(att.PERMANENT_IDENTIFIER), der(0x30, der(0x0C, b"SN-TPM-0001\x00")))]),
        "tpm-assigner": tpm(names=[pid("SN/1.2.3.4")], identifier="SN/1.2.3.4"),
        "tpm-assigner-missing": tpm("it is of another device", names=[pid("SN/1.2.3.4")], identifier="SN", differs=True),
        "tpm-assigner-added": tpm("it is of another device", names=[pid("SN")], identifier="SN/1.2.3.4", differs=True),
        "tpm-assigner-other": tpm("it is of another device", names=[pid("SN/1.2.3.4")], identifier="SN/1.2.3.5", differs=True),
        "tpm-hardware-module": tpm(names=hardware, identifier="MOD-1/1.3.6.1.4.1.99999.1", kind="hardware-module"),
        "tpm-hardware-module-0x84": tpm(names=[att.hardware_module("MOD-1/1.3.6.1.4.1.99999.1", tag=0x84)], identifier="MOD-1/1.3.6.1.4.1.99999.1",
                                        kind="hardware-module"),
        "tpm-hardware-module-as-pid": tpm("it is of another device", names=hardware, identifier="MOD-1/1.3.6.1.4.1.99999.1", differs=True),
        "tpm-pid-as-hardware-module": tpm("it is of another device", names=[pid("MOD-1/1.3.6.1.4.1.99999.1")], identifier="MOD-1/1.3.6.1.4.1.99999.1",
                                          kind="hardware-module", differs=True),
        "tpm-hardware-module-type": tpm("it is of another device", names=hardware, identifier="MOD-1/1.3.6.1.4.1.99999.2", kind="hardware-module",
                                        differs=True),
        "tpm-both-kinds": tpm(names=hardware + [pid("SN-TPM-0001")], identities=["MOD-1/1.3.6.1.4.1.99999.1", "SN-TPM-0001"]),
        "tpm-other-identifier": tpm("it is of another device", identifier="SN-TPM-9999", differs=True),
        "tpm-known-ek": tpm(identifier="asset 17", names=[urn], known=known("ek", EK), byInventory=True, identities=[], facts={"byInventory": True}),
        "tpm-known-ak": tpm(**nothing, known=known("ak", AK), byInventory=True),
        "tpm-known-key": tpm(**nothing, known=known("key", KEY), byInventory=True),
        "tpm-known-and-named": tpm(known=known("ak", AK)),
        "tpm-known-but-other-name": tpm(identifier="asset 17", known=known("ak", AK), byInventory=True),
        "tpm-known-ek-unsaid": tpm("it names no device", **nothing, known=known("ek", EK), differs=True),
        "tpm-known-ek-other": tpm("it names no device", identifier="asset 17", names=[urn], known=known("ek", AK), differs=True),
        "tpm-known-ek-as-ak": tpm("it names no device", identifier="asset 17", names=[urn], known=known("ak", EK), differs=True),
        "tpm-known-ak-other": tpm("it names no device", **nothing, known=known("ak", other_ak), differs=True),
        "tpm-known-ak-as-key": tpm("it names no device", **nothing, known=known("key", AK), differs=True),
        "tpm-known-ek-broken": tpm("it names no device", identifier="asset 17", known=known("ek", EK), differs=True,
                                   names=[x509.UniformResourceIdentifier(urn.value[:-2])]),
        "tpm-known-stranger": case(att.tpm_object(STRANGER, KEY_AUTHORIZATION, ak=AK, names=[urn]), "the chain is not good", identifier="asset 17",
                                   known=known("ek", EK)),
    }


def tpm_name_by_hand(model=b"SW", version=b"id:0001", more=None):
    """A Name of one RDN, as some makers have it."""
    values = [("2.23.133.2.1", b"id:00001014"), ("2.23.133.2.2", model), ("2.23.133.2.3", version)]
    if more is not None:
        values.append(("2.23.133.2.2", more))
    return der(0x30, der(0x31, *[der(0x30, att.der_oid(oid), der(0x0C, text)) for oid, text in values]))


def padded(signature):
    """The same TPMT_SIGNATURE of ECDSA, with leading zeros."""
    head, rest = signature[:4], signature[4:]
    size = struct.unpack(">H", rest[:2])[0]
    return head + att.tpm2b(b"\x00" + rest[2:2 + size]) + att.tpm2b(b"\x00" + rest[4 + size:])


def quote():
    """TPMS_ATTEST of TPM2_Quote."""
    return att.tpms_attest(sha256(KEY_AUTHORIZATION), b"", kind=0x8018)


def creation(public):
    """TPMS_ATTEST of TPM2_CertifyCreation."""
    return att.tpms_attest(sha256(KEY_AUTHORIZATION), att.tpm_name(public), kind=0x801A)


def run(path, cases, root_pem=CA.root_pem):
    path.write_text(json.dumps({
        "token": TOKEN, "keyAuthorization": KEY_AUTHORIZATION, "attestationRootPem": root_pem, "verificationTime": NOW,
        "vectors": [{"name": name, "format": "", **vector} for name, vector in cases.items()]}))
    return subprocess.run([RUNNER, path], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("cases", [object_cases, chain_cases, apple_cases, step_cases, packed_cases, android_cases, tpm_cases])
def test_made_vectors(cases, tmp_path):
    """S-DA-4, S-DA-5, S-DA-6, S-DA-7, S-DA-8: what is good is taken, and each refusal names the check that failed."""
    made = cases()
    done = run(tmp_path / "vectors.json", made)
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if line.startswith("MISS")] == []
    assert done.stdout.splitlines()[-1] == f"{len(made)} vectors, 0 missed"
    assert done.returncode == 0


def test_published_vectors():
    """S-DA-5, 7, 8: the file of vectors, line by line."""
    done = subprocess.run([RUNNER, ROOT / "tests/vectors/device-attest-01-vectors.json"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 33


def test_runner_sees_what_is_wrong(tmp_path):
    """A vector that comes out otherwise is a line "MISS" and exit 1; a file that is none is exit 2."""
    done = run(tmp_path / "vectors.json", {"taken": apple("some sentence"), "refused": apple(freshness=b""), "other": apple("some sentence", freshness=b""),
                                           "key": apple(key=KEY, csr={"other": csr(AK)}), "good": apple()})
    assert done.returncode == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()[:-1]] == [["MISS", "taken"], ["MISS", "refused"], ["MISS", "other"], ["MISS", "key"],
                                                                            ["ok", "good"]]
    (tmp_path / "none.json").write_text("[")
    assert subprocess.run([RUNNER, tmp_path / "none.json"], capture_output=True).returncode == 2
    assert subprocess.run([RUNNER], capture_output=True).returncode == 2


def test_written_objects():
    """C-DA-1: what the client writes are the octets of the vectors, where these can be written anew; cbor2 reads the rest."""
    vectors = {v["name"]: v for v in json.loads((ROOT / "tests/vectors/device-attest-01-vectors.json").read_text())["vectors"]}
    for name in ("step-yubikey-es256", "step-managed-device", "tpm-ecc-ak", "tpm-rsa-ak"):
        wanted = base64.urlsafe_b64decode(vectors[name]["attObj"] + "==")
        parts = cbor2.loads(wanted)["attStmt"]
        octets = [parts["sig"], parts["pubArea"], parts["certInfo"]] if "ver" in parts else [cbor2.loads(parts["sig"])]
        written = subprocess.run([RUNNER.parent / "lib/write_attestation", "tpm" if "ver" in parts else "step", str(parts["alg"])] +
                                 [o.hex() for o in octets + parts["x5c"]], capture_output=True, check=True).stdout
        assert written == wanted
    for algorithm in (-7, -257, -65535, 7, 300):
        written = subprocess.run([RUNNER.parent / "lib/write_attestation", "step", str(algorithm), "00" * 300, "01" * 7000],
                                 capture_output=True, check=True).stdout
        assert cbor2.loads(written) == {"fmt": "step", "attStmt": {"alg": algorithm, "sig": cbor2.dumps(b"\0" * 300), "x5c": [b"\1" * 7000]}}
