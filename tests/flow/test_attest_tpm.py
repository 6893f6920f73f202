"""Attestations by a TPM 2.0 (swtpm), judged by the runner of vectors: each type of attestation key with each type of attested key. The TPM
is asked by tpm2-tools and, for TPM2_Certify with qualifying data, by octets. S-DA-5: what a TPM signs is taken; of another TPM it is not."""
import struct

import attestation as att
import pytest
import swtpm
from cryptography.hazmat.primitives import serialization
from test_attest_vectors import CA, KEY_AUTHORIZATION, case, run

pytestmark = pytest.mark.skipif(swtpm.missing() is not None, reason=f"not there: {swtpm.missing()}")

AK_HANDLE, KEY_HANDLE = 0x81000A01, 0x81000A02
KEYS = {"p256": "ecc", "p384": "ecc384", "rsa": "rsa2048"}
ATTRIBUTES = "sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth"


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    made = swtpm.Swtpm(tmp_path_factory.mktemp("tpm") / "one")
    yield made
    made.stop()


class Key:
    """An application key below the storage root key."""

    def __init__(self, tpm, kind, attributes=ATTRIBUTES):
        tpm.tool("tpm2_createprimary", "-C", "o", "-g", "sha256", "-G", "ecc", "-c", "srk.ctx")
        tpm.tool("tpm2_create", "-C", "srk.ctx", "-G", KEYS[kind], "-a", attributes, "-u", "key.pub", "-r", "key.priv")
        tpm.tool("tpm2_load", "-C", "srk.ctx", "-u", "key.pub", "-r", "key.priv", "-c", "key.ctx")
        self.public = tpm.octets("key.pub")[2:]
        self.context = "key.ctx"


def persistent(tpm, context, handle):
    tpm.tool("tpm2_evictcontrol", "-C", "o", "-c", context, f"0x{handle:x}")


def certify(tpm, ak, key, qualifying=att.sha256(KEY_AUTHORIZATION)):
    """TPM2_Certify (Part 3, 18.2): certInfo and TPMT_SIGNATURE."""
    persistent(tpm, ak.file("ctx"), AK_HANDLE)
    persistent(tpm, key.context, KEY_HANDLE)
    try:
        authorization = struct.pack(">IHBH", 0x40000009, 0, 0, 0)
        body = struct.pack(">II", KEY_HANDLE, AK_HANDLE) + struct.pack(">I", 18) + 2 * authorization + att.tpm2b(qualifying) + struct.pack(">H", 0x10)
        (tpm.folder / "command").write_bytes(struct.pack(">HII", 0x8002, 10 + len(body), 0x148) + body)
        tpm.tool("tpm2_send", "-o", "answer", "command")
    finally:
        persistent(tpm, f"0x{AK_HANDLE:x}", AK_HANDLE)
        persistent(tpm, f"0x{KEY_HANDLE:x}", KEY_HANDLE)
    answer = tpm.octets("answer")
    assert struct.unpack(">HII", answer[:10])[::2] == (0x8002, 0)
    size = struct.unpack(">I", answer[10:14])[0]
    parameters = answer[14:14 + size]
    info_size = struct.unpack(">H", parameters[:2])[0]
    return parameters[2:2 + info_size], parameters[2 + info_size:]


def attested(ak_spki, key, made, **statement):
    certificate = att.ak_certificate(CA, serialization.load_der_public_key(ak_spki))
    return att.tpm_object(CA, KEY_AUTHORIZATION, certificate=certificate, public=key.public, cert_info=made[0], signature=made[1], statement=statement)


@pytest.mark.parametrize("ak_kind", ["ecc", "rsa", "pss"])
def test_real_tpm(tpm, ak_kind, tmp_path):
    """ECDSA, RSASSA and RSAPSS of a TPM, for keys of three types."""
    ak = tpm.make_ak(ak_kind)
    spki = ak.spki()
    vectors = {}
    for kind in KEYS:
        key = Key(tpm, kind)
        made = certify(tpm, ak, key)
        vectors[f"{ak_kind}-{kind}"] = case(attested(spki, key, made))
        vectors[f"{ak_kind}-{kind}-alg"] = case(attested(spki, key, made, alg=-257))
        vectors[f"{ak_kind}-{kind}-other"] = case(attested(spki, key, (made[0], made[1][:-1] + bytes([made[1][-1] ^ 1]))),
                                                  "is not the signature of \"certInfo\"")
    done = run(tmp_path / "vectors.json", vectors)
    assert done.returncode == 0, done.stdout


def test_refused_of_a_real_tpm(tpm, tmp_path):
    """Keys that may leave the TPM, hashes that "alg" does not name, another AK, another challenge."""
    ak, other, large = tpm.make_ak("ecc"), tpm.make_ak("ecc"), tpm.make_ak("ecc384")
    key = Key(tpm, "p256")
    made = certify(tpm, ak, key)
    vectors = {
        "other-ak": case(attested(other.spki(), key, made), "is not the signature of \"certInfo\""),
        "sha384": case(attested(large.spki(), key, certify(tpm, large, key)), "another hash"),
        "other-challenge": case(attested(ak.spki(), key, certify(tpm, ak, key, att.sha256("another"))), "extraData"),
    }
    movable = Key(tpm, "p256", "sign|sensitivedataorigin|userwithauth")
    vectors["movable"] = case(attested(ak.spki(), movable, certify(tpm, ak, movable)), "no fixedTPM")
    vectors["other-key"] = case(attested(ak.spki(), movable, made), "the names differ")
    restricted = tpm.make_ak("ecc")
    vectors["restricted"] = case(attested(ak.spki(), restricted, certify(tpm, ak, Context(restricted))), "is restricted")
    done = run(tmp_path / "vectors.json", vectors)
    assert done.returncode == 0, done.stdout


class Context:
    """An attestation key as what is certified."""

    def __init__(self, ak):
        self.context = ak.file("ctx")
