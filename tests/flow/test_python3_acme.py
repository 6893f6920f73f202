"""python3-acme, the library that certbot is made of and that we did not write, drives every resource, as Debian ships it."""
import datetime
import json

import josepy
import OpenSSL
import pytest
from acme import challenges, client as acme_client, crypto_util, errors, jws, messages
from cryptography.hazmat.primitives.asymmetric import rsa

from crowd import number, rows
from judges import judge

NAMES = ["library.flow.test", "www.library.flow.test"]


def fresh_key():
    return josepy.JWKRSA(key=josepy.ComparableRSAKey(rsa.generate_private_key(65537, 2048)))


def connect(house, key):
    """The library with a key, before it has an account."""
    net = acme_client.ClientNetwork(key, verify_ssl=str(house.root), user_agent="test")
    return acme_client.ClientV2(acme_client.ClientV2.get_directory(house.url, net), net)


def register(house, **more):
    made = connect(house, fresh_key())
    account = made.new_account(messages.NewRegistration.from_data(email="a@example.org", terms_of_service_agreed=True, **more))
    return made, account


def prove(client, order, responder):
    """Answer http-01 of each authorization; the order once all are valid."""
    for authorization in order.authorizations:
        challenge = next(c for c in authorization.body.challenges if isinstance(c.chall, challenges.HTTP01))
        response, validation = challenge.response_and_validation(client.net.key)
        responder.tokens[challenge.chall.encode("token")] = validation
        client.answer_challenge(challenge, response)
    return client.poll_authorizations(order, soon())


def soon():
    return datetime.datetime.now() + datetime.timedelta(seconds=60)


def issue(client, responder, names):
    """The finished order, and the certificate's key as PEM."""
    key = OpenSSL.crypto.PKey()
    key.generate_key(OpenSSL.crypto.TYPE_RSA, 2048)
    pem = OpenSSL.crypto.dump_privatekey(OpenSSL.crypto.FILETYPE_PEM, key)
    order = prove(client, client.new_order(crypto_util.make_csr(pem, names)), responder)
    return client.finalize_order(order, soon(), fetch_alternative_chains=True), pem


def certificate(order):
    return josepy.ComparableX509(OpenSSL.crypto.load_certificate(OpenSSL.crypto.FILETYPE_PEM, order.fullchain_pem))


def change_key(client, new):
    """The library has no key change: made of its parts, as acme.sh makes it (RFC 8555 7.3.5)."""
    class Raw(josepy.JSONDeSerializable):
        def __init__(self, value):
            self.value = value

        def to_partial_json(self):
            return self.value

        @classmethod
        def from_json(cls, value):
            return cls(value)

    url = client.directory["keyChange"]
    payload = json.dumps({"account": client.net.account.uri, "oldKey": client.net.key.public_key().to_json()}).encode()
    inner = jws.JWS.sign(payload, key=new, alg=josepy.RS256, nonce=None, url=url).to_json()
    response = client._post(url, Raw(inner))
    client.net.key = new
    return response


def refused(call, *arguments, kind):
    with pytest.raises(messages.Error) as caught:
        call(*arguments)
    assert caught.value.code == kind, caught.value
    return caught.value


def test_every_resource(house, responder, tmp_path):
    """Directory, nonces, newAccount, the account, newOrder, orders, authorizations, challenges, finalize, certificates,
    revocation by account and by key, key change, and both deactivations."""
    client, account = register(house)
    assert not client.external_account_required()
    assert account.uri.startswith("https://") and account.body.contact == ("mailto:a@example.org",)
    assert client.query_registration(account).uri == account.uri
    account = client.update_registration(account, messages.Registration.from_data(email="b@example.org"))
    assert client.query_registration(account).body.emails == ("b@example.org",)
    with pytest.raises(errors.ConflictError) as there:
        connect(house, client.net.key).new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
    assert there.value.location == account.uri

    order, key = issue(client, responder, NAMES)
    assert order.body.status == messages.STATUS_VALID and order.alternative_fullchains_pem == []
    (tmp_path / "chain.pem").write_text(order.fullchain_pem)
    judge(tmp_path / "chain.pem", tmp_path / "chain.pem", house.root, NAMES)
    for authorization in order.authorizations:
        seen, response = client.poll(authorization)
        assert seen.body.status == messages.STATUS_VALID and "Retry-After" not in response.headers
    listed = client._post_as_get(account.uri.replace("/account/", "/orders/")).json()["orders"]
    assert listed == [order.uri]

    new = fresh_key()
    old = client.net.key
    assert change_key(client, new).status_code == 200
    assert client.query_registration(account).uri == account.uri
    client.net.key = old
    refused(client._post_as_get, account.uri, kind="unauthorized")
    refused(client.query_registration, account, kind="accountDoesNotExist")
    client.net.key = new
    client.net.account = account

    second, _ = issue(client, responder, NAMES[:1])
    client.revoke(certificate(second), 4)
    assert refused(client.revoke, certificate(second), 4, kind="alreadyRevoked")
    by_key = connect(house, josepy.JWKRSA.load(key))
    by_key.revoke(certificate(order), 1)
    refused(by_key.revoke, certificate(order), 1, kind="alreadyRevoked")
    assert rows(house, "SELECT reason FROM revocation ORDER BY issuance_id") == [(1,), (4,)]

    third = client.new_order(order.csr_pem)
    closed = client.deactivate_authorization(third.authorizations[0])
    assert closed.body.status == messages.STATUS_DEACTIVATED
    assert messages.Order.from_json(client._post_as_get(third.uri).json()).status == messages.STATUS_INVALID
    refused(client.finalize_order, third, soon(), kind="orderNotReady")

    assert client.deactivate_registration(account).body.status == "deactivated"
    refused(client.query_registration, account, kind="unauthorized")
    client.net.account = account
    refused(client._post_as_get, account.uri, kind="unauthorized")
    assert rows(house, "SELECT status FROM account WHERE id = ?", number(account.uri)) == [(1,)]


def test_what_it_makes_of_refusals(house, responder):
    """Each problem arrives as the library's own exception, and the next request goes on: no nonce is lost."""
    client, _ = register(house)

    def place(*names):
        identifiers = [messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name) for name in names]
        return client._post(client.directory["newOrder"], messages.NewOrder(identifiers=identifiers))

    bad = refused(place, "*.flow-a", "good.flow.test", "*.flow-b", kind="rejectedIdentifier")
    assert [problem.identifier.value for problem in bad.subproblems] == ["*.flow-a", "*.flow-b"]
    refused(client._post_as_get, client.directory["newOrder"].replace("new-order", "order/999"), kind="malformed")
    for _ in range(3):
        assert place("good.flow.test").status_code == 201
    key = OpenSSL.crypto.PKey()
    key.generate_key(OpenSSL.crypto.TYPE_RSA, 2048)
    csr = crypto_util.make_csr(OpenSSL.crypto.dump_privatekey(OpenSSL.crypto.FILETYPE_PEM, key), ["wrong.flow.test"])
    order = client.new_order(csr)
    challenge = next(c for c in order.authorizations[0].body.challenges if isinstance(c.chall, challenges.HTTP01))
    responder.tokens[challenge.chall.encode("token")] = "something else"
    client.answer_challenge(challenge, challenge.response(client.net.key))
    with pytest.raises(errors.ValidationError) as caught:
        client.poll_authorizations(order, soon())
    failed = next(c for c in caught.value.failed_authzrs[0].body.challenges if c.error is not None)
    assert failed.error.code == "unauthorized" and "something else" in failed.error.detail
    issue(client, responder, ["wrong.flow.test"])
