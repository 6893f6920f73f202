"""Authorizations (RFC 8555 7.5.2) and accounts (7.3.6) that their owners close: rows S-AZDE and S-DEAC."""
import pytest

import acme_raw
from test_admin import admin

NAME = "closed.example.test"
CLOSE = {"status": "deactivated"}


def finalize(client, order):
    return client.post(order["finalize"], {"csr": acme_raw.b64(acme_raw.make_csr([NAME]))})


def test_a_pending_authorization(client):
    """S-AZDE-2, S-STATE-4: the order that needs it is invalid."""
    url, order = client.order(NAME)
    answer = client.post(order["authorizations"][0], CLOSE)
    assert answer.status == 200 and answer.json["status"] == "deactivated", answer
    assert client.post(order["authorizations"][0], None).json["status"] == "deactivated"
    assert client.post(url, None).json["status"] == "invalid"
    again = client.post(order["authorizations"][0], CLOSE)
    assert again.status == 200 and again.json["status"] == "deactivated"


def test_no_challenge_of_it_is_checked(client, responder):
    """S-CH-10."""
    _, order = client.order(NAME)
    challenge = client.challenge(order["authorizations"][0])
    responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
    client.post(order["authorizations"][0], CLOSE)
    answer = client.post(challenge["url"], {})
    assert answer.status == 400 and answer.type == "malformed", answer
    assert responder.asked == []


def test_a_valid_authorization(client, responder):
    """S-AZDE-3: nothing is issued from it any more."""
    url, order = client.order(NAME)
    client.prove(order, responder)
    assert client.post(url, None).json["status"] == "ready"
    assert client.post(order["authorizations"][0], CLOSE).json["status"] == "deactivated"
    assert client.post(url, None).json["status"] == "invalid"
    answer = finalize(client, order)
    assert answer.status == 403 and answer.type == "orderNotReady", answer


def test_a_certificate_stays(client, responder):
    """What was issued before stays issued."""
    url, order = client.order(NAME)
    client.prove(order, responder)
    assert finalize(client, order).json["status"] == "valid"
    assert client.post(order["authorizations"][0], CLOSE).status == 200
    done = client.post(url, None).json
    assert done["status"] == "valid"
    assert client.post(done["certificate"], None).status == 200


@pytest.mark.parametrize("payload", [{"status": "valid"}, {"status": "invalid"}, {}, {"status": 1}, {"status": "Deactivated"}])
def test_other_changes_are_refused(house, client, payload):
    """S-AZDE-4."""
    _, order = client.order(NAME)
    content = house.content()
    answer = client.post(order["authorizations"][0], payload)
    assert answer.status == 400 and answer.type == "malformed", answer
    assert house.content() == content


def test_an_invalid_authorization_stays_invalid(house, client, responder):
    _, order = client.order(NAME)
    challenge = client.challenge(order["authorizations"][0])
    responder.tokens[challenge["token"]] = "something else"
    client.post(challenge["url"], {})
    assert client.poll(order["authorizations"][0], ("invalid",)).status == 200
    answer = client.post(order["authorizations"][0], CLOSE)
    assert answer.status == 400 and answer.type == "malformed", answer
    assert client.post(order["authorizations"][0], None).json["status"] == "invalid"


def test_another_account(house, client):
    """S-AZDE-1: others' authorizations are as good as not there."""
    _, order = client.order(NAME)
    other = acme_raw.Client(house.url, house.root)
    other.register()
    answer = other.post(order["authorizations"][0], CLOSE)
    assert answer.status == 404 and answer.type == "malformed", answer
    assert client.post(order["authorizations"][0], None).json["status"] == "pending"


@pytest.mark.parametrize("by", ["its holder", "the server"])
def test_an_account(house, client, responder, by):
    """S-DEAC-1, 3, 5, 6, S-FIND-3: every resource is closed, newAccount does not revive it, certificates stay as they are.
    S-ACCT-2: it is `revoked` if the server did it."""
    url, order = client.order(NAME)
    client.prove(order, responder)
    done = finalize(client, order).json
    number = client.kid.rpartition("/")[2]
    if by == "its holder":
        status = "deactivated"
        answer = client.post(client.kid, CLOSE)
        assert answer.status == 200 and answer.json["status"] == status, answer
    else:
        status = "revoked"
        assert admin(house, "account", "revoke", number)["status"] == status
    assert admin(house, "account", "revoke", number, fails=1)["code"] == "CONFLICT"
    assert admin(house, "account", "show", number)["status"] == status
    for resource in [client.kid, url, order["authorizations"][0], order["finalize"], done["certificate"]]:
        refused = client.post(resource, None)
        assert refused.status == 403 and refused.type == "unauthorized" and status in refused.json["detail"], refused
    for resource, payload in [(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": NAME}]}),
                              (client.kid, {"status": "valid"})]:
        refused = client.post(resource, payload)
        assert refused.status == 403 and refused.type == "unauthorized", refused
    for payload in [{}, {"onlyReturnExisting": True}]:
        refused = client.post(client.directory["newAccount"], payload, jwk=True)
        assert refused.status == 403 and refused.type == "unauthorized" and status in refused.json["detail"], refused
    house.stop()
    house.start()
    client.connect()
    client.nonces.clear()
    assert client.post(client.kid, None).status == 403
    assert admin(house, "account", "show", number)["status"] == status


@pytest.mark.parametrize("fields", [{"status": "valid"}, {"status": "revoked"}, {"status": "anything"}, {"orders": "https://example.org/x"},
                                    {"termsOfServiceAgreed": False}, {"termsOfServiceAgreed": True}, {"id": 7, "key": {}, "x": []}])
def test_what_an_account_cannot_change_is_ignored(house, client, fields):
    """S-UPD-2."""
    before, content = client.post(client.kid, None).json, house.content()
    answer = client.post(client.kid, fields)
    assert answer.status == 200 and answer.json == before, answer
    assert house.content() == content
