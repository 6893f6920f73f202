"""Another key for an account (RFC 8555 7.3.5), rows S-ROLL of the conformance list; with python3-acme as a stranger."""
import base64
import json
import threading
import time

import pytest

import acme_raw
from acme_raw import Key

ORDER_OF_P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551

def inner(client, new, *, url=None, header=None, payload=None, drop=(), sign=None):
    """The JWS by the new key, every part of which can be spoiled."""
    protected = {"alg": new.algorithm, "jwk": new.jwk(), "url": url or client.directory["keyChange"]}
    protected.update(header or {})
    content = {"account": client.kid, "oldKey": client.key.jwk()}
    content.update(payload or {})
    for name in drop:
        protected.pop(name, None)
        content.pop(name, None)
    first, second = acme_raw.b64(json.dumps(protected)), acme_raw.b64(json.dumps(content))
    return {"protected": first, "payload": second,
            "signature": acme_raw.b64((sign or new).sign(f"{first}.{second}".encode()))}


def change(client, new, **spoil):
    return client.post(client.directory["keyChange"], inner(client, new, **spoil))


@pytest.mark.parametrize("before, after", [("ES256", "ES256"), ("ES256", "RS256"), ("RS256", "EdDSA"), ("EdDSA", "ES384"),
                                           ("ES384", "ES512")])
def test_the_new_key_counts_and_the_old_one_no_longer(house, before, after):
    """S-ROLL-1, 12, 13."""
    client = acme_raw.Client(house.url, house.root, key=Key(before))
    client.register(contact=["mailto:someone@example.org"])
    old, new = client.key, Key(after)
    answer = change(client, new)
    assert answer.status == 200, answer
    assert answer.headers["Location"] == client.kid
    assert answer.json["status"] == "valid" and answer.json["contact"] == ["mailto:someone@example.org"]
    refused = client.post(client.kid, None)
    assert (refused.status, refused.type) == ((403, "unauthorized") if before == after else (400, "badSignatureAlgorithm"))
    client.key = new
    assert client.post(client.kid, None).status == 200
    found = client.post(client.directory["newAccount"], {"onlyReturnExisting": True}, jwk=True)
    assert found.status == 200 and found.headers["Location"] == client.kid
    client.key = old
    lost = client.post(client.directory["newAccount"], {"onlyReturnExisting": True}, jwk=True)
    assert lost.status == 400 and lost.type == "accountDoesNotExist"


def test_an_order_goes_on_with_the_new_key(client, responder):
    """S-ROLL-12, 13: what was pending stays so; key authorizations are made with the new key."""
    url, order = client.order("roll.example.test")
    before = client.post(url, None).json
    new = Key()
    assert change(client, new).status == 200
    client.key = new
    assert client.post(url, None).json == before
    client.prove(order, responder)
    done = client.post(order["finalize"], {"csr": acme_raw.b64(acme_raw.make_csr(["roll.example.test"]))})
    assert done.status == 200 and done.json["status"] == "valid"


def test_it_survives_a_restart(house):
    client = acme_raw.Client(house.url, house.root)
    client.register()
    new = Key()
    assert change(client, new).status == 200
    house.stop()
    house.start()
    client.connect()
    client.nonces.clear()
    assert client.post(client.kid, None).status == 403
    client.key = new
    assert client.post(client.kid, None).status == 200


def spoiled(client, change_it):
    jws = client.jws(client.kid, None)
    signature = base64.urlsafe_b64decode(jws["signature"] + "==")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    r, s = change_it(r, s)
    jws["signature"] = acme_raw.b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return client.post(client.kid, None, raw=json.dumps(jws).encode())


def test_the_key_of_an_account_that_asks_often(house):
    """Behind some 700 requests its key has a table, and is as strict as before; the next key has none and takes over."""
    client = acme_raw.Client(house.url, house.root)
    client.register()
    for _ in range(740):
        assert client.post(client.kid, None).status == 200
    time.sleep(0.5)  # the table is made meanwhile
    assert spoiled(client, lambda r, s: (r, ORDER_OF_P256 - s)).status == 200  # the other signature of the same point
    for change_it in [lambda r, s: (r ^ 1, s), lambda r, s: (r, s ^ 1), lambda r, s: (0, s), lambda r, s: (r, 0), lambda r, s: (0, 0),
                      lambda r, s: (ORDER_OF_P256, s), lambda r, s: (r, ORDER_OF_P256), lambda r, s: (1, 1), lambda r, s: (s, r)]:
        refused = spoiled(client, change_it)
        assert refused.status == 403 and refused.type == "unauthorized", refused
    assert client.post(client.kid, None, key=Key()).status == 403
    old, new = client.key, Key()
    assert change(client, new).status == 200
    assert client.post(client.kid, None).status == 403
    client.key = new
    assert client.post(client.kid, None).status == 200
    assert client.post(client.kid, None, key=old).status == 403


def test_a_key_in_use_is_refused_with_its_account(house, client):
    """S-ROLL-9, S-SEC-3."""
    other = acme_raw.Client(house.url, house.root)
    other.register()
    content = house.content()
    answer = change(client, other.key)
    assert answer.status == 409 and answer.type == "malformed", answer
    assert answer.headers["Location"] == other.kid
    assert house.content() == content
    assert client.post(client.kid, None).status == 200


NEW = Key()
REFUSED = {
    "no payload (S-ROLL-2)": lambda c: c.post(c.directory["keyChange"], None),
    "a plain object (S-ROLL-2)": lambda c: c.post(c.directory["keyChange"], {"account": c.kid}),
    "kid instead of jwk (S-ROLL-3)": lambda c: change(c, NEW, header={"kid": c.kid}, drop=["jwk"]),
    "both kid and jwk (S-ROLL-3)": lambda c: change(c, NEW, header={"kid": c.kid}),
    "signed by another key (S-ROLL-4)": lambda c: change(c, NEW, sign=Key()),
    "no account (S-ROLL-5)": lambda c: change(c, NEW, drop=["account"]),
    "no oldKey (S-ROLL-5)": lambda c: change(c, NEW, drop=["oldKey"]),
    "account no text (S-ROLL-5)": lambda c: change(c, NEW, payload={"account": 1}),
    "oldKey no object (S-ROLL-5)": lambda c: change(c, NEW, payload={"oldKey": "x"}),
    "another url (S-ROLL-6)": lambda c: change(c, NEW, url=c.directory["newOrder"]),
    "no url (S-ROLL-6)": lambda c: change(c, NEW, drop=["url"]),
    "another account (S-ROLL-7)": lambda c: change(c, NEW, payload={"account": c.kid + "0"}),
    "another oldKey (S-ROLL-8)": lambda c: change(c, NEW, payload={"oldKey": Key().jwk()}),
    "the new key as oldKey (S-ROLL-8)": lambda c: change(c, NEW, payload={"oldKey": NEW.jwk()}),
    "a nonce inside (S-ROLL-10)": lambda c: change(c, NEW, header={"nonce": c.nonce()}),
    "the same key (S-ROLL-11)": lambda c: change(c, c.key),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(house, client, name):
    content = house.content()
    answer = REFUSED[name](client)
    assert answer.status == 400 and answer.type == "malformed", answer
    assert house.content() == content
    assert client.post(client.kid, None).status == 200


def test_a_weak_new_key(house, client):
    """S-ROLL-11."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    weak = Key("RS256")
    weak.key = rsa.generate_private_key(65537, 1024)
    content = house.content()
    answer = change(client, weak)
    assert answer.status == 400 and answer.type == "badPublicKey", answer
    assert house.content() == content


def test_a_deactivated_account(client):
    """S-ROLL-1, S-DEAC-3."""
    assert client.post(client.kid, {"status": "deactivated"}).json["status"] == "deactivated"
    answer = change(client, Key())
    assert answer.status == 403 and answer.type == "unauthorized"


def test_two_at_once_for_one_key(house):
    """Of many accounts that ask for one key at the same moment, one gets it."""
    clients = [acme_raw.Client(house.url, house.root) for _ in range(6)]
    for one in clients:
        one.register()
    new, answers = Key(), []
    bodies = [json.dumps(c.jws(c.directory["keyChange"], inner(c, new))) for c in clients]
    gate = threading.Barrier(len(clients))

    def ask(one, body):
        gate.wait()
        answers.append(one.request("POST", one.directory["keyChange"], body, {"Content-Type": "application/jose+json"}))

    threads = [threading.Thread(target=ask, args=pair) for pair in zip(clients, bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status for a in answers) == [200] + [409] * 5
    winner = next(a for a in answers if a.status == 200)
    assert all(a.headers["Location"] == winner.headers["Location"] for a in answers)


def test_python3_acme(house, tmp_path):
    """Certbot's library, which we did not write, changes the key too."""
    josepy = pytest.importorskip("josepy")
    from acme import client as acme_client, messages
    from cryptography.hazmat.primitives.asymmetric import rsa

    def fresh():
        return josepy.JWKRSA(key=josepy.ComparableRSAKey(rsa.generate_private_key(65537, 2048)))

    net = acme_client.ClientNetwork(fresh(), verify_ssl=str(house.root))
    client = acme_client.ClientV2(messages.Directory.from_json(net.get(house.url).json()), net)
    account = client.new_account(messages.NewRegistration.from_data(email="a@example.org", terms_of_service_agreed=True))
    new = fresh()
    raw = acme_raw.Client(house.url, house.root)  # only for its directory
    raw.kid = account.uri
    raw.key = Key("RS256")
    raw.key.key = net.key.key._wrapped
    other = Key("RS256")
    other.key = new.key._wrapped
    assert change(raw, other).status == 200
    net.key = new
    assert client.query_registration(account).uri == account.uri
