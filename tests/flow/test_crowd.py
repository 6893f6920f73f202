"""Many clients of one account at the same moment, on many connections and on many streams of one (issue 3, point 8).
Each test says what must hold whoever is quicker, and looks for it in the answers and in the store."""
import random
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import acme_raw
from acme_raw import Key, b64, make_csr
from crowd import PROTOCOLS, Crowd, inner, number, rows

MANY = 12
CLOSE = {"status": "deactivated"}


@pytest.fixture
def house(shared_house):
    return shared_house


@pytest.fixture
def responder(shared_responder):
    shared_responder.answer = None
    shared_responder.asked.clear()
    return shared_responder


@pytest.fixture(params=PROTOCOLS)
def crowd(request, house):
    return Crowd(house, request.param)


@pytest.fixture
def name():
    return f"n{random.getrandbits(40):x}.crowd.test"


def statuses(answers):
    return sorted(a.status for a in answers)


def ready(client, responder, name):
    url, order = client.order(name)
    client.prove(order, responder)
    return url, order


def signed(client, url, payload, count=1, **more):
    return [(url, client.jws(url, payload, **more)) for _ in range(count)]


def slow(responder):
    """The responder answers when the event is set."""
    event, tokens = threading.Event(), responder.tokens

    def answer(handler):
        event.wait(30)
        body = tokens.get(handler.path.rpartition("/")[2], "").encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    responder.answer = answer
    return event


# ---- accounts ----

def test_one_key_makes_one_account(house, crowd):
    """One answer is 201, the others are 200 and name the same account; the store has one. S-SEC-3."""
    client = acme_raw.Client(house.url, house.root)
    before = rows(house, "SELECT count(*) FROM account")[0][0]
    answers = crowd.ask(signed(client, client.directory["newAccount"], {"termsOfServiceAgreed": True}, MANY, jwk=True))
    assert statuses(answers) == [200] * (MANY - 1) + [201]
    assert len({a.location for a in answers}) == 1
    assert rows(house, "SELECT count(*) FROM account")[0][0] == before + 1


def test_key_changes_to_different_keys(house, crowd, client):
    """One of them is done. The others were signed by a key that is the account's no longer: 403. The store has the key of
    the one that was done."""
    keys = [Key() for _ in range(MANY)]
    url = client.directory["keyChange"]
    answers = crowd.ask([(url, client.jws(url, inner(client, key))) for key in keys])
    assert statuses(answers) == [200] + [403] * (MANY - 1), answers
    assert all(a.type == "unauthorized" for a in answers if a.status == 403)
    winner = next(key for key, a in zip(keys, answers) if a.status == 200)
    (jwk,) = rows(house, "SELECT thumbprint FROM account WHERE id = ?", number(client.kid))[0]
    assert b64(jwk) == winner.thumbprint()
    for key in [client.key, *keys]:
        client.key = key
        assert client.post(client.kid, None).status == (200 if key is winner else 403)


def test_a_key_change_against_requests_of_the_old_key(house, crowd, client):
    """What the old key asks is done or refused (403), nothing between: the store has as many orders as were answered.
    After the answer to the key change the old key does nothing. S-ROLL-13."""
    old, new = client.key, Key()
    url, order = client.directory["keyChange"], client.directory["newOrder"]
    requests = [(order, client.jws(order, {"identifiers": [{"type": "dns", "value": f"old{i}.crowd.test"}]}))
                for i in range(MANY)]
    requests.insert(MANY // 2, (url, client.jws(url, inner(client, new))))
    late = [(order, client.jws(order, {"identifiers": [{"type": "dns", "value": "late.crowd.test"}]})) for _ in range(3)]
    answers = crowd.ask(requests)
    assert answers[MANY // 2].status == 200, answers
    orders = [a for a in answers if a is not answers[MANY // 2]]
    assert set(statuses(orders)) <= {201, 403}, answers
    assert statuses(crowd.ask(late)) == [403] * 3
    made = rows(house, "SELECT id FROM orders WHERE account_id = ?", number(client.kid))
    assert sorted(n for (n,) in made) == sorted(number(a.location) for a in orders if a.status == 201)
    client.key = new
    assert client.post(client.kid, None).status == 200
    client.key = old
    assert client.post(client.kid, None).status == 403


def test_two_accounts_want_each_others_key(house, crowd, client):
    """Neither gets it (409 with the account that has it), neither loses its own. S-ROLL-9."""
    other = acme_raw.Client(house.url, house.root)
    other.register()
    url = client.directory["keyChange"]
    answers = crowd.ask([(url, client.jws(url, inner(client, other.key))), (url, other.jws(url, inner(other, client.key)))])
    assert [(a.status, a.location) for a in answers] == [(409, other.kid), (409, client.kid)], answers
    assert client.post(client.kid, None).status == other.post(other.kid, None).status == 200


def test_a_key_change_and_a_new_account_want_one_key(house, crowd, client):
    """One of the two has it afterwards, and the other answer names that account."""
    key = Key()
    change, new = client.directory["keyChange"], client.directory["newAccount"]
    changed, made = crowd.ask([(change, client.jws(change, inner(client, key))),
                               (new, client.jws(new, {"termsOfServiceAgreed": True}, key=key, jwk=True))])
    assert (changed.status, made.status) in [(200, 200), (409, 201)], (changed, made)
    assert changed.location == made.location
    assert (made.location == client.kid) == (changed.status == 200)


def test_the_end_of_an_account_against_all_it_asks(house, crowd, client):
    """It ends once: one answer is 200 and the others 403. What else was asked was done before (201) or refused (403): the
    store has as many orders as were answered. S-DEAC-3."""
    order = client.directory["newOrder"]
    requests = signed(client, client.kid, CLOSE, 3) + signed(client, client.kid, {"contact": ["mailto:a@crowd.test"]}, 3)
    requests += [(order, client.jws(order, {"identifiers": [{"type": "dns", "value": f"e{i}.crowd.test"}]}))
                 for i in range(MANY)]
    random.shuffle(requests)
    answers = crowd.ask(requests)
    closed = [a for a in answers if a.status == 200 and a.json["status"] == "deactivated"]
    assert len(closed) == 1, answers
    assert all(a.type == "unauthorized" for a in answers if a.status == 403), answers
    assert set(statuses(answers)) <= {200, 201, 403}, answers
    made = [number(a.location) for a in answers if a.status == 201]
    assert sorted(n for (n,) in rows(house, "SELECT id FROM orders WHERE account_id = ?", number(client.kid))) == sorted(made)
    assert rows(house, "SELECT status FROM account WHERE id = ?", number(client.kid)) == [(1,)]
    assert client.post(client.kid, None).status == 403


# ---- orders ----

def test_orders(house, crowd, client):
    """Each is an order of its own with an authorization of its own, and all are in the list. Section 9, 11: eight at once
    of one account was an internal error elsewhere."""
    url = client.directory["newOrder"]
    answers = crowd.ask([(url, client.jws(url, {"identifiers": [{"type": "dns", "value": f"o{i}.crowd.test"}]}))
                         for i in range(2 * MANY)])
    assert statuses(answers) == [201] * 2 * MANY
    assert len({a.location for a in answers}) == 2 * MANY
    assert len({a.json["authorizations"][0] for a in answers}) == 2 * MANY
    assert [a.json["identifiers"][0]["value"] for a in answers] == [f"o{i}.crowd.test" for i in range(2 * MANY)]
    listed = client.post(client.post(client.kid, None).json["orders"], None).json["orders"]
    assert sorted(listed) == sorted(a.location for a in answers)


def test_the_list_while_orders_are_added(house, crowd, client):
    """Each page is of one moment: no order is listed twice, those that were answered before are all there, newest first."""
    url, order = client.post(client.kid, None).json["orders"], client.directory["newOrder"]
    known = [client.order(f"k{i}.crowd.test")[0] for i in range(5)]
    requests = []
    for i in range(MANY):
        requests += signed(client, url, None)
        requests.append((order, client.jws(order, {"identifiers": [{"type": "dns", "value": f"l{i}.crowd.test"}]})))
    answers = crowd.ask(requests)
    made = {a.location for a in answers[1::2]}
    assert statuses(answers[1::2]) == [201] * MANY
    for page in answers[::2]:
        listed = page.json["orders"]
        assert listed[-5:] == known[::-1] and set(listed[:-5]) <= made, page
        assert listed == sorted(listed, key=number, reverse=True) and len(set(listed)) == len(listed)
    final = client.post(url, None).json["orders"]
    assert set(final) == made | set(known)


# ---- authorizations ----

def test_one_challenge_is_checked_once(house, crowd, client, responder, name):
    """However often it is posted, and also while it is checked, it is looked at once; each answer shows it, none is an
    error. Row 68."""
    _, order = client.order(name)
    challenge = client.challenge(order["authorizations"][0])
    responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
    answers = crowd.ask(signed(client, challenge["url"], {}, MANY))
    assert statuses(answers) == [200] * MANY, answers
    assert client.poll(order["authorizations"][0], ("valid", "invalid")).json["status"] == "valid"
    again = crowd.ask(signed(client, challenge["url"], {}, MANY))
    assert [a.json["status"] for a in again] == ["valid"] * MANY
    assert len(responder.asked) == 1
    assert rows(house, "SELECT verdict, attempt_finished >= attempt_begun FROM authz WHERE id = ?",
                number(order["authorizations"][0])) == [(1, 1)]


def test_an_authorization_is_deactivated_while_it_is_checked(house, crowd, client, responder, name):
    """The verdict comes too late: it is not recorded, the order is invalid, nothing is issued, and no later start of the
    CA asks again. S-AZDE-2, S-CH-10."""
    event = slow(responder)
    url, order = client.order(name)
    authorization = order["authorizations"][0]
    challenge = client.challenge(authorization)
    responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
    answers = crowd.ask(signed(client, challenge["url"], {}, 3))
    assert [a.json["status"] for a in answers] == ["processing"] * 3, answers
    assert statuses(crowd.ask(signed(client, authorization, CLOSE, MANY))) == [200] * MANY
    event.set()
    assert client.post(authorization, None).json["status"] == "deactivated"
    assert client.post(url, None).json["status"] == "invalid"
    refused = client.post(order["finalize"], {"csr": b64(make_csr([name]))})
    assert refused.status == 403 and refused.type == "orderNotReady"
    responder.answer = None
    # the check is over when the same account's next one is
    ready(client, responder, "next." + name)
    assert rows(house, "SELECT verdict, attempt_finished FROM authz WHERE id = ?", number(authorization)) == [(0, 0)]
    responder.asked.clear()
    assert house.stop() == 0
    house.start()
    again = acme_raw.Client(house.url, house.root, client.key)
    again.kid = client.kid
    ready(again, responder, "after." + name)
    assert [path for path in responder.asked if challenge["token"] in path] == []


@pytest.mark.parametrize("what", ["the authorization", "the account"])
def test_an_end_against_finalize(house, crowd, client, responder, what):
    """Either the end was first: finalize is refused (403) and nothing is issued; or finalize was, and its certificate stays.
    Never both, never neither. S-AZDE-3, S-DEAC-4."""
    outcomes = set()
    for i in range(6):
        if what == "the account":
            client = acme_raw.Client(house.url, house.root)
            client.register()
        name = f"f{i}-{random.getrandbits(40):x}.crowd.test"
        url, order = ready(client, responder, name)
        csr = {"csr": b64(make_csr([name]))}
        end = order["authorizations"][0] if what == "the authorization" else client.kid
        requests = signed(client, order["finalize"], csr, 3)
        requests[i % 3:i % 3] = signed(client, end, CLOSE)
        answers = crowd.ask(requests)
        ended = answers.pop(i % 3)
        assert ended.status == 200 and ended.json["status"] == "deactivated", ended
        issued = rows(house, "SELECT state FROM issuance WHERE order_id = ?", number(url))
        done = [a for a in answers if a.status == 200]
        refused = [a for a in answers if a.status == 403 and a.type in ("orderNotReady", "unauthorized")]
        assert len(done) + len(refused) == 3, answers
        assert all(a.json["status"] in ("processing", "valid") for a in done), answers
        assert len(issued) == (1 if done else 0), (answers, issued)
        outcomes.add(bool(done))
    assert outcomes


# ---- certificates ----

def test_finalize_with_one_request(house, crowd, client, responder, name):
    """One certificate, and every answer is the order with it. Row 78."""
    url, order = ready(client, responder, name)
    answers = crowd.ask(signed(client, order["finalize"], {"csr": b64(make_csr([name]))}, MANY))
    assert statuses(answers) == [200] * MANY, answers
    final = client.poll(url, ("valid", "invalid")).json
    assert {a.json["certificate"] for a in answers if a.json["status"] == "valid"} <= {final["certificate"]}
    assert rows(house, "SELECT i.state, count(*) FROM issuance i JOIN certificate c ON c.id = i.id WHERE order_id = ?",
                number(url)) == [(1, 1)]


def test_finalize_with_different_requests(house, crowd, client, responder, name):
    """One certificate, for one of the keys; who asked with another is told so (403)."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(MANY)]
    url, order = ready(client, responder, name)
    answers = crowd.ask([(order["finalize"], client.jws(order["finalize"], {"csr": b64(make_csr([name], key))}))
                         for key in keys])
    assert statuses(answers) == [200] + [403] * (MANY - 1), answers
    assert {a.type for a in answers if a.status == 403} == {"orderNotReady"}
    final = client.poll(url, ("valid", "invalid")).json
    winner = next(key for key, a in zip(keys, answers) if a.status == 200)
    chain = client.post(final["certificate"], None).body
    made = x509.load_pem_x509_certificate(chain).public_key().public_numbers()
    assert made == winner.public_key().public_numbers()
    assert rows(house, "SELECT state FROM issuance WHERE order_id = ?", number(url)) == [(1,)]


def test_one_certificate_is_revoked_once(house, crowd, client, responder, name):
    """One answer is 200, the others alreadyRevoked; the store has one revocation."""
    der = x509.load_pem_x509_certificate(client.issue(responder, name)).public_bytes(serialization.Encoding.DER)
    answers = crowd.ask(signed(client, client.directory["revokeCert"], {"certificate": b64(der), "reason": 4}, MANY))
    assert statuses(answers) == [200] + [400] * (MANY - 1), answers
    assert {a.type for a in answers if a.status == 400} == {"alreadyRevoked"}
    issued = rows(house, "SELECT r.reason FROM revocation r JOIN issuance i ON i.id = r.issuance_id WHERE i.serial = ?",
                  serial(der))
    assert issued == [(4,)]


def serial(der):
    value = x509.load_der_x509_certificate(der).serial_number
    return value.to_bytes((value.bit_length() + 8) // 8, "big")


def test_revoked_by_account_and_by_key(house, crowd, client, responder, name):
    """The account says superseded, the key itself shows that it is compromised: that stands in the end, and the key is
    blocked, whoever was first. S-REV-7, 11."""
    key = Key()
    der = x509.load_pem_x509_certificate(client.issue(responder, name, key=key.key)).public_bytes(serialization.Encoding.DER)
    url = client.directory["revokeCert"]
    answers = crowd.ask(signed(client, url, {"certificate": b64(der), "reason": 4}, 3) +
                        signed(client, url, {"certificate": b64(der)}, 3, key=key, jwk=True))
    assert statuses(answers[3:]) == [200, 400, 400], answers
    assert statuses(answers[:3]) in ([200, 400, 400], [400, 400, 400]), answers
    assert {a.type for a in answers if a.status == 400} == {"alreadyRevoked"}
    assert rows(house, "SELECT r.reason FROM revocation r JOIN issuance i ON i.id = r.issuance_id WHERE i.serial = ?",
                serial(der)) == [(1,)]
    spki = hashes.Hash(hashes.SHA256())
    spki.update(key.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    assert rows(house, "SELECT count(*) FROM blocked_key WHERE hash = ?", spki.finalize()) == [(1,)]


def test_a_key_is_revoked_while_it_is_certified_again(house, crowd, client, responder):
    """A certificate for a key that is shown to be compromised, at the same moment: made before, or refused (badCSR); the
    store has no certificate that no answer told of."""
    for i in range(4):
        key = Key()
        name = f"k{i}-{random.getrandbits(40):x}.crowd.test"
        pem = client.issue(responder, name, key=key.key)
        der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
        url, order = ready(client, responder, name)
        requests = signed(client, order["finalize"], {"csr": b64(make_csr([name], key.key))}, 3)
        requests[i % 3:i % 3] = signed(client, client.directory["revokeCert"], {"certificate": b64(der)}, key=key, jwk=True)
        answers = crowd.ask(requests)
        assert answers.pop(i % 3).status == 200
        done = [a for a in answers if a.status == 200]
        assert all(a.status == 400 and a.type == "badCSR" for a in answers if a.status != 200), answers
        assert len(rows(house, "SELECT state FROM issuance WHERE order_id = ?", number(url))) == (1 if done else 0)
