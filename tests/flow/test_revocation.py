"""Revocation (RFC 8555 7.6): rows S-REV of the conformance list, rows 91 to 94 of what other servers do."""
import json
import sqlite3
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import acme_raw
from acme_raw import Key, b64

NAMES = ["revoked.example.test", "www.revoked.example.test"]


def as_jws_key(key):
    """A certificate's key that signs requests."""
    algorithm = {ec.EllipticCurvePrivateKey: "ES256", rsa.RSAPrivateKey: "RS256", ed25519.Ed25519PrivateKey: "EdDSA"}
    made = Key(next(a for kind, a in algorithm.items() if isinstance(key, kind)))
    made.key = key
    return made


def issued(client, responder, names=None, key=None):
    """DER of a new certificate, and its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    pem = client.issue(responder, *(names or NAMES), key=key)
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER), key


def revoke(client, der, reason=None, **more):
    payload = {"certificate": b64(der) if isinstance(der, bytes) else der}
    if reason is not None:
        payload["reason"] = reason
    return client.post(client.directory["revokeCert"], payload, **more)


def stored(house):
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        return db.execute("SELECT reason FROM revocation ORDER BY issuance_id").fetchall()


@pytest.fixture
def stranger(house):
    made = acme_raw.Client(house.url, house.root)
    made.register()
    return made


@pytest.mark.parametrize("reason", [None, 0, 1, 3, 4, 5, 9])
def test_by_the_account(house, client, responder, reason):
    """S-REV-1, 2, 6, 7: kept also by a CA that is killed."""
    der, _ = issued(client, responder)
    answer = revoke(client, der, reason)
    assert answer.status == 200 and answer.body == b"" and "Content-Type" not in answer.headers, answer
    assert stored(house) == [(-1 if reason is None else reason,)]
    house.kill()
    house.start()
    client.connect()
    client.nonces.clear()
    again = revoke(client, der, reason)
    assert again.status == 400 and again.type == "alreadyRevoked", again
    assert stored(house) == [(-1 if reason is None else reason,)]


@pytest.mark.parametrize("make", [lambda: ec.generate_private_key(ec.SECP256R1()),
                                  lambda: rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate])
def test_by_its_key(house, client, responder, make):
    """S-REV-4, 11, S-AUTH-1, S-KEY-5: whoever has the key shows that it is compromised; it is never certified again."""
    key = make()
    der, _ = issued(client, responder, key=key)
    nobody = acme_raw.Client(house.url, house.root, key=as_jws_key(key))
    assert revoke(nobody, der, 4, jwk=True).status == 200
    assert stored(house) == [(1,)]
    _, order = client.order("again.example.test")
    client.prove(order, responder)
    refused = client.post(order["finalize"], {"csr": b64(acme_raw.make_csr(["again.example.test"], key))})
    assert refused.status == 400 and refused.type == "badCSR" and "compromised" in refused.json["detail"], refused
    done = client.post(order["finalize"], {"csr": b64(acme_raw.make_csr(["again.example.test"]))})
    assert done.json["status"] == "valid"
    account = nobody.post(nobody.directory["newAccount"], {}, jwk=True)
    assert account.status == 400 and account.type == "badPublicKey", account


def test_by_whoever_has_the_names(house, client, responder, stranger):
    """S-REV-3."""
    der, key = issued(client, responder)
    stranger.issue(responder, NAMES[0])
    refused = revoke(stranger, der)
    assert refused.status == 403 and refused.type == "unauthorized", refused
    assert stored(house) == []
    _, order = stranger.order(NAMES[1])
    stranger.prove(order, responder)
    assert revoke(stranger, der, 1).status == 200
    assert stored(house) == [(5,)]
    issued(client, responder, key=key)  # the names moved, the key is as good as before


def test_deactivated_authorizations_do_not_count(house, client, responder, stranger):
    der, _ = issued(client, responder)
    _, order = stranger.order(*NAMES)
    stranger.prove(order, responder)
    stranger.post(order["authorizations"][1], {"status": "deactivated"})
    assert revoke(stranger, der).status == 403
    assert stored(house) == []


def test_by_nobody_else(house, client, responder, stranger):
    """S-REV-5."""
    der, _ = issued(client, responder)
    for answer in [revoke(stranger, der), revoke(stranger, der, key=Key(), jwk=True)]:
        assert answer.status == 403 and answer.type == "unauthorized", answer
    client.post(client.kid, {"status": "deactivated"})
    answer = revoke(client, der)
    assert answer.status == 403 and answer.type == "unauthorized", answer
    assert stored(house) == []


@pytest.mark.parametrize("reason", [2, 6, 7, 8, 10, 11, -1, 1 << 40])
def test_reasons_that_are_not_a_subscribers(house, client, responder, reason):
    """S-REV-8: the allowed ones are listed."""
    der, _ = issued(client, responder)
    answer = revoke(client, der, reason)
    assert answer.status == 400 and answer.type == "badRevocationReason", answer
    assert "keyCompromise" in answer.json["detail"] and stored(house) == []


def test_another_reason_later(house, client, responder):
    """S-REV-7: only worse news are taken."""
    der, key = issued(client, responder)
    assert revoke(client, der, 4).status == 200
    assert revoke(client, der, 5).type == "alreadyRevoked"
    assert stored(house) == [(4,)]
    nobody = acme_raw.Client(house.url, house.root, key=as_jws_key(key))
    assert revoke(nobody, der, jwk=True).status == 200
    assert stored(house) == [(1,)]
    assert revoke(nobody, der, jwk=True).type == "alreadyRevoked"


def flipped(der):
    return der[:-1] + bytes([der[-1] ^ 1])


WRONG = {
    "no payload": (None, 400, "malformed"),
    "no certificate": ({}, 400, "malformed"),
    "a number": ({"certificate": 1}, 400, "malformed"),
    "PEM": ({"certificate": "-----BEGIN CERTIFICATE-----"}, 400, "malformed"),
    "no DER": ({"certificate": b64(b"x" * 100)}, 400, "malformed"),
    "reason a text": (lambda der: {"certificate": b64(der), "reason": "1"}, 400, "malformed"),
    "reason a fraction": (lambda der: {"certificate": b64(der), "reason": 1.5}, 400, "malformed"),
    "another signature": (lambda der: {"certificate": b64(flipped(der))}, 404, "malformed"),
    "something behind it": (lambda der: {"certificate": b64(der + b"\0")}, 400, "malformed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_malformed(house, client, responder, name):
    """S-REV-1, 10."""
    der, _ = issued(client, responder)
    content = house.content()
    payload, status, kind = WRONG[name]
    answer = client.post(client.directory["revokeCert"], payload(der) if callable(payload) else payload)
    assert answer.status == status and answer.type == kind, answer
    assert house.content() == content


def test_another_cas_certificate(house, client):
    root = x509.load_pem_x509_certificate(house.root.read_bytes()).public_bytes(serialization.Encoding.DER)
    assert revoke(client, root).status == 404


def test_padding_is_passed_over(client, responder):
    """Some clients pad the base64url here."""
    import base64
    der, _ = issued(client, responder)
    assert revoke(client, base64.urlsafe_b64encode(der).decode()).status == 200


def test_once_of_many_at_the_same_moment(house, client, responder):
    der, _ = issued(client, responder)
    url = client.directory["revokeCert"]
    clients = [acme_raw.Client(house.url, house.root, key=client.key) for _ in range(5)]
    for one in clients:
        one.kid = client.kid
    bodies = [json.dumps(c.jws(url, {"certificate": b64(der)})) for c in clients]
    gate, answers = threading.Barrier(len(clients)), []

    def ask(one, body):
        gate.wait()
        answers.append(one.request("POST", url, body, {"Content-Type": "application/jose+json"}).status)

    threads = [threading.Thread(target=ask, args=pair) for pair in zip(clients, bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 400, 400, 400, 400]
