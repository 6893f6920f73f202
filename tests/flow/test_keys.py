"""Keys that are not certified and are no account's: lists of keys others know, keys that are blocked while the CA runs,
keys that are no keys; rows X-TLS-19 and X-TLS-21."""
import hashlib
import random
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import acme_raw
import house as house_module
import responder as responder_module
import weak_keys
from acme_raw import b64, make_csr
from test_admin import admin


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def spki_hash(key):
    return hashlib.sha256(spki(key)).hexdigest()


def key_of_process(number):
    """As a program that takes nothing but its process id for chance: the same key each time."""
    chance = random.Random(number)
    return weak_keys.key_of([weak_keys.next_prime(chance.getrandbits(1024) | 3 << 1022) for _ in range(2)])


def debian_name(key):
    """What openssl-vulnkey of Debian's openssl-blacklist looks for, by openssl itself."""
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    modulus = subprocess.run(["openssl", "rsa", "-pubin", "-noout", "-modulus"], input=pem, capture_output=True, check=True)
    digest = subprocess.run(["openssl", "sha1"], input=modulus.stdout, capture_output=True, check=True).stdout
    return digest.decode().split()[-1][20:]


def order_of(client, responder, name):
    url, order = client.order(name)
    client.prove(order, responder)
    return order


def finalize(client, order, csr):
    return client.post(order["finalize"], {"csr": b64(csr)})


def new_account(house, key):
    """What a stranger with that key gets."""
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    stranger = acme_raw.Client(house.url, house.root, acme_raw.Key(algorithm))
    stranger.key.key = key
    return stranger.post(stranger.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True)


def refused(answer, kind, words):
    assert (answer.status, answer.type) == (400, kind), answer
    assert words in answer.json["detail"], answer


def test_blocked_while_the_ca_runs(house, client, responder):
    key = ec.generate_private_key(ec.SECP256R1())
    order = order_of(client, responder, "blocked.flow.test")
    csr = make_csr(["blocked.flow.test"], key)
    shown = admin(house, "key", "block", spki_hash(key), "--reason", "found on a web page")
    assert shown["key_hash"] == spki_hash(key) and shown["reason"] == "found on a web page"
    before = house.content()
    refused(finalize(client, order, csr), "badCSR", "the key is blocked as compromised")
    refused(new_account(house, key), "badPublicKey", "the key is blocked as compromised")
    assert admin(house, "key", "block", spki_hash(key), "--reason", "again", fails=1)["code"] == "CONFLICT"
    assert house.content() == before
    assert admin(house, "key", "list")["keys"] == [shown]
    assert house.stop() == 0
    assert admin(house, "key", "list")["keys"] == [shown]
    house.start()
    client.connect()
    upper = ":".join(spki_hash(key).upper()[i:i + 2] for i in range(0, 64, 2))
    assert admin(house, "key", "unblock", upper) == shown
    assert admin(house, "key", "unblock", spki_hash(key), fails=1)["code"] == "NOT_FOUND"
    assert finalize(client, order, csr).status == 200
    assert admin(house, "key", "list")["keys"] == []


@pytest.mark.parametrize("words, says", [
    (["key", "block", "00" * 31, "--reason", "x"], "64"),
    (["key", "block", "zz" * 32, "--reason", "x"], "hexadecimal"),
    (["key", "block", "00" * 32], "--reason is missing"),
    (["key", "unblock", "00" * 33], "64 hexadecimal digits"),
])
def test_no_hash_of_a_key(house, words, says):
    before = house.content()
    assert says in admin(house, *words, fails=64)["detail"]
    assert house.content() == before


def test_key_of_a_certificate_is_no_account(house, client, responder):
    """RFC 8555 11.1, the other way round: neither a new account's nor one to change to."""
    key = acme_raw.Key()
    client.issue(responder, "leaf.flow.test", key=key.key)
    before = house.content()
    refused(new_account(house, key.key), "badPublicKey", "that of a certificate")
    url = client.directory["keyChange"]
    inner = client.jws(url, {"account": client.kid, "oldKey": client.key.jwk()}, key=key, jwk=True, drop=["nonce"])
    refused(client.post(url, inner), "badPublicKey", "that of a certificate")
    assert house.content() == before


def test_lists(tmp_path):
    """S-FIN-6: two lists of Debian's kind and one of compromised keys, unsorted, with remarks: what is in them is refused."""
    weak = [key_of_process(number) for number in (1, 2)]
    other = key_of_process(3)
    stolen = ec.generate_private_key(ec.SECP384R1())
    noise = random.Random(7)
    lines = [f"{noise.getrandbits(80):020x}" for _ in range(5000)]
    (tmp_path / "blacklist.RSA-2048").write_text("# of no use\n" + "\n".join([*lines[:3000], debian_name(weak[0]), *lines[3000:]]) + "\n")
    (tmp_path / "blacklist.more").write_text(f"{debian_name(weak[1]).upper()} # made by process 2\r\n\n")
    (tmp_path / "stolen").write_text("\n".join([*(f"{noise.getrandbits(256):064x}" for _ in range(999)), spki_hash(stolen)]))
    house = house_module.House(tmp_path / "ca", sets=[
        f"keys.debian_weak={tmp_path}/blacklist.RSA-2048,{tmp_path}/blacklist.more", f"keys.compromised={tmp_path}/stolen"])
    house.start()
    responder = responder_module.Responder(house.http_port)
    client = acme_raw.Client(house.url, house.root)
    client.register()
    order = order_of(client, responder, "lists.flow.test")
    before = house.content()
    for key, words in [(weak[0], "CVE-2008-0166"), (weak[1], "CVE-2008-0166"), (stolen, "known to others")]:
        refused(finalize(client, order, make_csr(["lists.flow.test"], key)), "badCSR", words)
    refused(new_account(house, weak[0]), "badPublicKey", "CVE-2008-0166")
    assert house.content() == before
    assert finalize(client, order, make_csr(["lists.flow.test"], other)).status == 200
    responder.close()
    assert house.stop() == 0
    house.close()


@pytest.mark.parametrize("text, words", [
    (None, "there is no file"), ("", "names no key"), ("# nothing\n", "names no key"),
    ("00" * 10 + "\n" + "00" * 9 + "\n", "list:2: not 20 hexadecimal digits"),
    ("00" * 11 + "\n", "list:1: not 20"), ("0g" * 10, "list:1: not 20"),
])
def test_lists_that_are_none(tmp_path, text, words):
    """check-config says so, and serve does not start."""
    path = tmp_path / "list"
    if text is not None:
        path.write_text(text)
    house = house_module.House(tmp_path / "ca", sets=[f"keys.debian_weak={path}"])
    done = subprocess.run([house_module.CAIRN_CA, "check-config", "--dir", house.directory, "--set", house.sets[0]],
                          capture_output=True, text=True)
    assert done.returncode == 78 and "keys.debian_weak: " in done.stderr and words in done.stderr, done.stderr
    house.start(expect_ready=False)
    assert house.process.wait(30) != 0
    house.close()


def openssl_key(*options):
    done = subprocess.run(["openssl", "genpkey", *options], capture_output=True, check=True)
    return serialization.load_pem_private_key(done.stdout, None)


def spoiled(key, old, new):
    """A request whose key was exchanged for octets that are none; all lengths stay."""
    csr = make_csr(["spoiled.flow.test"], key)
    assert csr.count(old) == 1 and len(old) == len(new)
    return csr.replace(old, new)


def spoiled_rsa(modulus, exponent=b"\x01\x00\x01"):
    key = weak_keys.key_of([weak_keys.high_prime(), weak_keys.high_prime()])
    old = key.public_key().public_numbers().n.to_bytes(256, "big")
    return spoiled(key, old + b"\x02\x03\x01\x00\x01", modulus(old) + b"\x02\x03" + exponent)


def spoiled_point(curve, change):
    key = ec.generate_private_key(curve())
    old = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return spoiled(key, old, change(old))


def spoiled_ed25519(new):
    key = ed25519.Ed25519PrivateKey.generate()
    return spoiled(key, key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw), new)


P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
BAD = {
    "RSA-2047": (lambda: make_csr(["spoiled.flow.test"], openssl_key(
        "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2047")), "2047"),
    "RSA-2052": (lambda: make_csr(["spoiled.flow.test"], openssl_key(
        "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2052")), "multiple of 8; this has 2052"),
    "RSA even": (lambda: spoiled_rsa(lambda n: n[:-1] + bytes([n[-1] & 0xfe])), "even"),
    "RSA exponent even": (lambda: spoiled_rsa(lambda n: n, b"\x01\0\0"), "even"),
    "P-256 off the curve": (lambda: spoiled_point(ec.SECP256R1, lambda p: p[:-1] + bytes([p[-1] ^ 1])), "no valid point"),
    "P-384 off the curve": (lambda: spoiled_point(ec.SECP384R1, lambda p: p[:-1] + bytes([p[-1] ^ 1])), "no valid point"),
    "P-521 off the curve": (lambda: spoiled_point(ec.SECP521R1, lambda p: p[:-1] + bytes([p[-1] ^ 1])), "no valid point"),
    "P-256 zero": (lambda: spoiled_point(ec.SECP256R1, lambda p: b"\4" + bytes(64)), "no valid point"),
    "P-256 x not below the prime": (lambda: spoiled_point(
        ec.SECP256R1, lambda p: b"\4" + (P256 + 5).to_bytes(32, "big") + p[33:]), "no valid point"),
    "Ed25519 order 1": (lambda: spoiled_ed25519(b"\1" + bytes(31)), "small order"),
    "Ed25519 order 4": (lambda: spoiled_ed25519(bytes(32)), "small order"),
    "Ed25519 no point": (lambda: spoiled_ed25519(b"\2" + bytes(31)), "no point"),
    "Ed25519 two ways": (lambda: spoiled_ed25519(b"\xee" + b"\xff" * 30 + b"\x7f"), "RFC 8032"),
    "secp256k1": (lambda: make_csr(["spoiled.flow.test"], ec.generate_private_key(ec.SECP256K1())), "curve"),
    "P-224": (lambda: make_csr(["spoiled.flow.test"], ec.generate_private_key(ec.SECP224R1())), "curve"),
}


def test_keys_that_are_none(house, client, responder):
    """X-TLS-19, X-TLS-21: each is refused with what is wrong, and the order can still be finalized."""
    order = order_of(client, responder, "spoiled.flow.test")
    before = house.content()
    for name, (make, words) in BAD.items():
        answer = finalize(client, order, make())
        assert (answer.status, answer.type) == (400, "badCSR") and words in answer.json["detail"], (name, answer)
    assert house.content() == before
    assert finalize(client, order, make_csr(["spoiled.flow.test"])).status == 200
