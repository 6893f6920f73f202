"""RFC 8555 5 and 6: what a request must be. Each test is written from the row of docs/conformance/rows.tsv that it names,
not from the code."""
import base64
import json
import re

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448, rsa, utils

import acme_raw
import conformance
from acme_raw import b64, number
from conformance import send, sign


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = conformance.World(tmp_path_factory.mktemp("requests") / "ca")
    yield made
    made.close()


def header(client, url, **more):
    return {"alg": client.key.algorithm, "kid": client.kid, "nonce": client.nonce(), "url": url, **more}


# ---- the envelope (RFC 8555 6.2, RFC 7515) ----

def one_of_many(client, url):
    jws = client.jws(url, {})
    return {"payload": jws["payload"], "signatures": [{"protected": jws["protected"], "signature": jws["signature"]}]}


def changed_header(client, target, **change):
    """Signed as it is, so that nothing but the header can be what is wrong."""
    fields = header(client, target)
    for name, value in change.items():
        fields.pop(name, None)
        if value is not None:
            fields[name] = value
    return sign(client, json.dumps(fields), "{}")


def header_text(client, url, edit):
    return sign(client, edit(json.dumps(header(client, url))), "{}")


def without(jws, name):
    return {key: value for key, value in jws.items() if key != name}


def padded(client, url, part):
    jws = client.jws(url, {"a": "b"})  # 9 octets, whose text ends evenly
    jws[part] += "=" * (-len(jws[part]) % 4) or "="
    if part != "signature":
        jws["signature"] = b64(client.key.sign(f'{jws["protected"]}.{jws["payload"]}'.encode()))
    return jws


def bare(text):
    return lambda c, u: text


MALFORMED = {
    "plain JSON (S-JWS-1)": lambda c, u: {"identifiers": [{"type": "dns", "value": "a.flow.test"}]},
    "compact (S-JWS-2)": lambda c, u: ".".join(c.jws(u, {})[part] for part in ("protected", "payload", "signature")),
    "general (S-JWS-2, S-JWS-3)": one_of_many,
    "flattened and general (S-JWS-3)": lambda c, u: {**c.jws(u, {}), **one_of_many(c, u)},
    "b64 with crit (S-JWS-4)": lambda c, u: changed_header(c, u, b64=False, crit=["b64"]),
    "b64 true (S-JWS-4)": lambda c, u: changed_header(c, u, b64=True),
    "the nonce unprotected (S-JWS-5)": lambda c, u: {
        **changed_header(c, u, nonce=None), "header": {"nonce": c.nonce()}},
    "an empty unprotected header (S-JWS-5)": lambda c, u: {**c.jws(u, {}), "header": {}},
    "a detached payload (S-JWS-6)": lambda c, u: without(c.jws(u, {}), "payload"),
    "no protected header (S-JWS-7)": lambda c, u: without(c.jws(u, {}), "protected"),
    "no alg (S-JWS-7)": lambda c, u: changed_header(c, u, alg=None),
    "no url (S-JWS-7, S-URL-1)": lambda c, u: changed_header(c, u, url=None),
    "url a number (S-URL-1)": lambda c, u: changed_header(c, u, url=1),
    "url a list (S-URL-1)": lambda c, u: changed_header(c, u, url=[u]),
    "neither kid nor jwk (S-JWS-7)": lambda c, u: changed_header(c, u, kid=None),
    "kid and jwk (S-JWS-8)": lambda c, u: changed_header(c, u, jwk=c.key.jwk()),
    "two alg (S-JWS-9)": lambda c, u: header_text(c, u, lambda t: t[:-1] + ', "alg": "ES256"}'),
    "two url (S-JWS-9)": lambda c, u: header_text(c, u, lambda t: t[:-1] + f', "url": "{u}"}}'),
    "two nonce (S-JWS-9)": lambda c, u: header_text(c, u, lambda t: t[:-1] + f', "nonce": "{c.nonce()}"}}'),
    "crit exp (S-JWS-10)": lambda c, u: changed_header(c, u, crit=["exp"], exp=4000000000),
    "crit empty (S-JWS-10)": lambda c, u: changed_header(c, u, crit=[]),
    "crit a text (S-JWS-10)": lambda c, u: changed_header(c, u, crit="exp"),
    "crit of a registered name (S-JWS-10)": lambda c, u: changed_header(c, u, crit=["alg"]),
    "more behind the body (S-JWS-12)": lambda c, u: json.dumps(c.jws(u, {})) + "ABCD",
    "more behind the header (S-JWS-12)": lambda c, u: header_text(c, u, lambda t: t + "ABCD"),
    "more behind the payload (S-JWS-12)": lambda c, u: sign(c, json.dumps(header(c, u)), "{}ABCD"),
    "deep in the payload (S-JWS-16)": lambda c, u: sign(c, json.dumps(header(c, u)), '{"a":' + "[" * 20000),
    "deep in the header (S-JWS-16)": lambda c, u: header_text(c, u, lambda t: t[:-1] + ', "x": ' + "[" * 20000),
    "deep in the body (S-JWS-16)": bare("[" * 60000),
    "a number beyond 64 bits (S-JWS-16)": lambda c, u: sign(c, json.dumps(header(c, u)), '{"a":' + "9" * 400 + "}"),
    "a payload member twice (S-JWS-16)": lambda c, u: sign(c, json.dumps(header(c, u)), '{"a":1,"a":1}'),
    "payload null (S-JWS-17)": lambda c, u: sign(c, json.dumps(header(c, u)), "null"),
    "payload a list (S-JWS-17)": lambda c, u: sign(c, json.dumps(header(c, u)), "[]"),
    "payload a number (S-JWS-17)": lambda c, u: sign(c, json.dumps(header(c, u)), "1"),
    "payload a text (S-JWS-17)": lambda c, u: sign(c, json.dumps(header(c, u)), '"x"'),
    "no UTF-8 in the payload (S-ENC-1)": lambda c, u: sign(c, json.dumps(header(c, u)), b'{"a":"\xff"}'),
    "a surrogate in UTF-8 (S-ENC-1)": lambda c, u: sign(c, json.dumps(header(c, u)), b'{"a":"\xed\xa0\x80"}'),
    "overlong UTF-8 (S-ENC-1)": lambda c, u: sign(c, json.dumps(header(c, u)), b'{"a":"\xc0\xaf"}'),
    "no UTF-8 in the header (S-ENC-1)": lambda c, u: sign(
        c, json.dumps(header(c, u))[:-1].encode() + b', "x": "\xff"}', "{}"),
    "UTF-16 (S-ENC-1)": lambda c, u: sign(c, json.dumps(header(c, u)), "{}".encode("utf-16")),
    "padding behind protected (S-B64-3)": lambda c, u: padded(c, u, "protected"),
    "padding behind payload (S-B64-3)": lambda c, u: padded(c, u, "payload"),
    "padding behind signature (S-B64-3)": lambda c, u: padded(c, u, "signature"),
    "the other alphabet (S-B64-3)": lambda c, u: {**c.jws(u, {}), "signature": "+/" * 43},
    "white space (S-B64-3)": lambda c, u: {**c.jws(u, {}), "signature": c.jws(u, {})["signature"] + "\n"},
    "a length that cannot be (S-B64-3)": lambda c, u: {**c.jws(u, {}), "signature": "A" * 85},
    "bits left over (S-B64-3)": lambda c, u: {**c.jws(u, {}), "signature": "A" * 85 + "B"},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests(world, name):
    client, url = world.client, world.client.directory["newOrder"]
    body = MALFORMED[name](client, url)
    world.before().refuses(send(client, url, body), 400, "malformed")
    assert client.post(client.kid, None).status == 200


def test_what_means_nothing_is_passed_over(world):
    """S-JWS-11, 13: header parameters and members nobody knows."""
    client = world.client
    jws = client.jws(client.kid, None, header={"foo": 1, "typ": "x", "x5c": ["?"], "cty": 5})
    assert send(client, client.kid, {**jws, "foo": {"header": 1}}).status == 200


def test_exactly_what_was_signed_is_verified(world):
    """S-JWS-14: the octets as they came, however odd; a re-encoding of the same header has another signature."""
    client = world.client
    fields = header(client, client.kid)
    odd = "\t{ \r\n" + " ,\n  ".join(f'"{name}"\t:  {json.dumps(fields[name])}' for name in sorted(fields, reverse=True)) + "\n}  "
    jws = sign(client, odd, "")
    assert send(client, client.kid, jws).status == 200
    fields["nonce"] = client.nonce()
    jws = sign(client, odd, "")
    jws["protected"] = b64(json.dumps(fields))
    answer = send(client, client.kid, jws)
    assert answer.status in (400, 403), answer


def test_unicode_comes_back_as_utf_8(world):
    """S-ENC-1, 2: an error that repeats what was sent; a U-label is never taken, its A-label is."""
    client = world.client
    answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "b\u00fccher.flow.test"}]})
    assert answer.status == 400 and answer.type in ("malformed", "rejectedIdentifier"), answer
    answer.body.decode("utf-8")
    answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "xn--bcher-kva.flow.test"}]})
    assert answer.json["identifiers"] == [{"type": "dns", "value": "xn--bcher-kva.flow.test"}], answer


# ---- algorithms and keys ----

def test_algorithms_that_are_offered_work(world):
    """S-ALG-4, 5: each of those that are listed, and EdDSA by its full name (RFC 9864) too."""
    client = world.client
    refused = client.post(client.kid, None, header={"alg": "XX999"})
    assert (refused.status, refused.type) == (400, "badSignatureAlgorithm"), refused
    offered = refused.json["algorithms"]
    assert {"ES256", "ES384", "ES512", "EdDSA", "Ed25519", "RS256"} <= set(offered)
    rsa_key = acme_raw.Key("RS256").key
    for algorithm in offered:
        is_rsa = algorithm[:2] in ("RS", "PS")
        client = world.stranger("EdDSA" if is_rsa or algorithm == "Ed25519" else algorithm, register=False)
        if is_rsa:  # to make such a key takes long
            client.key.algorithm, client.key.key = algorithm, rsa_key
        client.register()
        assert client.post(client.kid, {}, header={"alg": algorithm}).status == 200, algorithm


def rsa_jwk(bits, exponent=65537):
    numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(exponent)}


def ec_jwk(**change):
    return {**acme_raw.Key().jwk(), **change}


def ed_jwk(**change):
    return {**acme_raw.Key("EdDSA").jwk(), **change}


def ed448_jwk():
    raw = ed448.Ed448PrivateKey.generate().public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed448", "x": b64(raw)}


def zero_in_front(text):
    return b64(b"\0" + base64.urlsafe_b64decode(text + "=="))


P256_P = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
GOOD_RSA = rsa_jwk(2048)
BAD_KEYS = {
    "RSA 512 (S-KEY-1)": ("RS256", lambda: {"kty": "RSA", "n": number(2 ** 511 + 111), "e": "AQAB"}),
    "Ed448 (S-KEY-1)": ("EdDSA", ed448_jwk),
    "off the curve (S-KEY-1, S-KEY-2)": ("ES256", lambda: ec_jwk(y=number(5, 32))),
    "infinity (S-KEY-2)": ("ES256", lambda: ec_jwk(x=number(0, 32), y=number(0, 32))),
    "a coordinate that is the prime (S-KEY-2)": ("ES256", lambda: ec_jwk(x=number(P256_P, 32))),
    "P-224 (S-KEY-2)": ("ES256", lambda: ec_jwk(crv="P-224")),
    "RSA 1024 (S-KEY-2)": ("RS256", lambda: rsa_jwk(1024)),
    "RSA 2047 (S-KEY-2)": ("RS256", lambda: {**GOOD_RSA, "n": number(2 ** 2046 + 1)}),
    "RSA 8200 (S-KEY-2)": ("RS256", lambda: {**GOOD_RSA, "n": number(2 ** 8199 + 1)}),
    "exponent 2 (S-KEY-2)": ("RS256", lambda: {**GOOD_RSA, "e": number(2)}),
    "exponent 1 (S-KEY-2)": ("RS256", lambda: {**GOOD_RSA, "e": number(1)}),
    "EC with d (S-KEY-3)": ("ES256", lambda: ec_jwk(d=number(7, 32))),
    "OKP with d (S-KEY-3)": ("EdDSA", lambda: ed_jwk(d=number(7, 32))),
    "RSA with d (S-KEY-3)": ("RS256", lambda: {**GOOD_RSA, "d": "AQAB"}),
    "RSA with p (S-KEY-3)": ("RS256", lambda: {**GOOD_RSA, "p": "AQAB"}),
    "RSA with q (S-KEY-3)": ("RS256", lambda: {**GOOD_RSA, "q": "AQAB"}),
    "EC with k (S-KEY-3)": ("ES256", lambda: ec_jwk(k="AAAA")),
    "x of 31 octets (S-KEY-4)": ("ES256", lambda: ec_jwk(x=number(5, 31))),
    "x of 33 octets (S-KEY-4)": ("ES256", lambda: ec_jwk(x=zero_in_front(acme_raw.Key().jwk()["x"]))),
    "y of 31 octets (S-KEY-4)": ("ES256", lambda: ec_jwk(y=number(5, 31))),
    "OKP x of 31 octets (S-KEY-4)": ("EdDSA", lambda: ed_jwk(x=number(5, 31))),
    "OKP x of 33 octets (S-KEY-4)": ("EdDSA", lambda: ed_jwk(x=zero_in_front(acme_raw.Key("EdDSA").jwk()["x"]))),
    "RSA n with a zero in front (S-KA-2)": ("RS256", lambda: {**GOOD_RSA, "n": zero_in_front(GOOD_RSA["n"])}),
    "RSA e with a zero in front (S-KA-2)": ("RS256", lambda: {**GOOD_RSA, "e": zero_in_front(GOOD_RSA["e"])}),
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_keys_that_are_refused(world, name):
    """The key is the first thing that is wrong: it is said, with the reason. One with zeros in front of its numbers would be
    the same key under another thumbprint."""
    algorithm, make = BAD_KEYS[name]
    client = world.stranger(register=False)
    jwk = make()
    body = client.jws(client.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True,
                      header={"alg": algorithm, "jwk": jwk})
    answer = world.before().refuses(send(client, client.directory["newAccount"], body), 400, "badPublicKey")
    assert len(answer.json["detail"]) > 15, answer
    for secret in {"d", "p", "q", "k"} & set(jwk):
        assert jwk[secret] not in answer.json["detail"]


def test_a_size_that_is_no_number_of_octets(world):
    """S-KEY-2."""
    client = world.stranger("RS256", register=False)
    client.key.key = rsa.generate_private_key(65537, 2052)
    answer = client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True)
    assert (answer.status, answer.type) == (400, "badPublicKey") and "2052" in answer.json["detail"], answer


@pytest.mark.parametrize("algorithm, jwk", [
    ("ES256", lambda: acme_raw.Key("ES384").jwk()), ("ES384", lambda: acme_raw.Key("ES256").jwk()),
    ("ES512", lambda: acme_raw.Key("ES256").jwk()), ("RS256", lambda: acme_raw.Key("ES256").jwk()),
    ("ES256", lambda: GOOD_RSA), ("EdDSA", lambda: acme_raw.Key("ES256").jwk()), ("ES256", lambda: acme_raw.Key("EdDSA").jwk())])
def test_the_algorithm_fits_the_key(world, algorithm, jwk):
    """S-ALG-6."""
    client = world.stranger(register=False)
    answer = client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True,
                         header={"alg": algorithm, "jwk": jwk()})
    assert answer.status == 400 and answer.type in ("malformed", "badSignatureAlgorithm"), answer


def test_the_algorithm_in_the_key_agrees(world):
    """S-ALG-6: a JWK may say what it is for."""
    client = world.stranger(register=False)
    url, payload = client.directory["newAccount"], {"termsOfServiceAgreed": True}
    answer = client.post(url, payload, jwk=True, header={"jwk": {**client.key.jwk(), "alg": "ES384"}})
    assert answer.status == 400 and answer.type in ("malformed", "badSignatureAlgorithm", "badPublicKey"), answer
    assert client.post(url, payload, jwk=True, header={"jwk": {**client.key.jwk(), "alg": "ES256", "use": "sig"}}).status == 201


N_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def der_signature(client, jws):
    raw = base64.urlsafe_b64decode(jws["signature"] + "==")
    return utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


@pytest.mark.parametrize("make", [
    lambda c, j: bytes(64), lambda c, j: number_octets(0) + number_octets(5), lambda c, j: number_octets(5) + number_octets(0),
    lambda c, j: number_octets(N_P256) + number_octets(5), lambda c, j: number_octets(5) + number_octets(N_P256),
    lambda c, j: b"\xff" * 64, der_signature, lambda c, j: bytes(65), lambda c, j: b"x" * 63, lambda c, j: b"x" * 200,
    lambda c, j: b"\1"])
def test_signatures_that_cannot_be(world, make):
    """S-ALG-8: numbers that are 0, or not below the order of the curve; and other lengths."""
    client = world.client
    jws = client.jws(client.kid, {"contact": []})
    jws["signature"] = b64(make(client, jws))
    world.before()
    answer = send(client, client.kid, jws)
    assert answer.status in (400, 403) and answer.type in ("malformed", "unauthorized"), answer
    assert world.house.content() == world.seen


def number_octets(value):
    return value.to_bytes(32, "big")


# ---- GET, POST-as-GET, URLs (RFC 8555 6.3, 6.4) ----

def resources(world):
    """Every resource of an account that can be looked at, after something happened in it."""
    client = world.client
    url, order = world.done()
    pending, waiting = world.pending()
    authorization = client.post(waiting["authorizations"][0], None).json
    orders = client.post(client.kid, None).json["orders"]
    return {"account": client.kid, "orders": orders, "order": url, "pending order": pending,
            "authorization": order["authorizations"][0], "pending authorization": waiting["authorizations"][0],
            "challenge": authorization["challenges"][0]["url"], "certificate": order["certificate"]}


@pytest.fixture(scope="module")
def seen(world):
    return resources(world)


def test_get_is_for_open_resources(world, seen):
    """S-PAG-1: nothing of an account, and no operation, can be had or done by GET."""
    client = world.client
    operations = [url for name, url in client.directory.items()
                  if isinstance(url, str) and url.startswith(client.origin) and name not in ("newNonce", "renewalInfo")]
    assert len(operations) >= 4
    waiting = client.post(seen["pending order"], None).json
    for url in [*seen.values(), *operations, waiting["finalize"]]:
        for method in ("GET", "HEAD"):
            answer = client.request(method, url)
            assert answer.status == 405 and "POST" in answer.headers["Allow"], (url, answer)
            assert method == "HEAD" or answer.type == "malformed", answer


def test_post_as_get(world, seen):
    """S-PAG-2, 4: with an empty payload each resource is shown, the same each time; nothing changes."""
    client = world.client
    first = {name: client.post(url, None) for name, url in seen.items()}
    world.before()
    for name, url in seen.items():
        assert first[name].status == 200, first[name]
        again = client.post(url, None)
        assert again.body == first[name].body, name
    assert world.house.content() == world.seen
    stranger = world.stranger()
    for name, url in seen.items():  # access is checked as for any request
        answer = stranger.post(url, None)
        assert answer.status in (403, 404) and answer.type in ("unauthorized", "malformed"), (name, answer)
        assert client.post(url, None, key=acme_raw.Key()).status == 403


def test_an_empty_object_is_no_post_as_get(world, seen):
    """S-PAG-5: it means something of its own, or nothing that is defined."""
    client = world.client
    for name in ("order", "pending order", "certificate", "orders", "pending authorization"):
        world.before().refuses(client.post(seen[name], {}), 400, "malformed")
    before = client.post(client.kid, None).json
    assert client.post(client.kid, {}).json == before  # an update of nothing
    _, order = world.pending()
    challenge = client.challenge(order["authorizations"][0])
    assert client.post(challenge["url"], {}).json["status"] != "pending"  # an answer


@pytest.mark.parametrize("change", [
    lambda u: u.replace("https://localhost", "https://LOCALHOST"), lambda u: u.replace("https:", "HTTPS:"),
    lambda u: u.replace("/acme/", "//acme/"), lambda u: u.replace("/acme/", "/acme/./"), lambda u: u + "/", lambda u: u + "?",
    lambda u: u + "#", lambda u: u.replace("acme", "%61cme"), lambda u: u + "?x=y", lambda u: u.replace("localhost", "localhost."),
    lambda u: re.sub(r":(\d+)", r":0\1", u), lambda u: re.sub(r":\d+", "", u), lambda u: re.sub(r":\d+", ":443", u),
    lambda u: u.replace("https://", "https://user@"), lambda u: " " + u, lambda u: "/" + u.split("/", 3)[3]])
def test_the_url_is_compared_octet_for_octet(world, change):
    """S-URL-2, 3."""
    client = world.client
    url = client.directory["newOrder"]
    assert change(url) != url
    payload = {"identifiers": [{"type": "dns", "value": "url.flow.test"}]}
    world.before().refuses(send(client, url, client.jws(change(url), payload)), 403, "unauthorized")


def test_a_request_for_another_resource(world):
    """S-URL-2: what was signed for one is not taken at another."""
    client = world.client
    body = client.jws(client.directory["newOrder"], {"contact": ["mailto:other@flow.test"]})
    world.before().refuses(send(client, client.kid, body), 403, "unauthorized")


@pytest.mark.parametrize("headers", [
    {"Host": "evil.test"}, {"X-Forwarded-Host": "evil.test"}, {"X-Forwarded-Proto": "http"},
    {"Forwarded": "host=evil.test;proto=http"}, {"X-Original-URL": "/acme/new-account"}, {"X-Forwarded-Port": "1"}])
def test_only_the_configuration_says_where_we_are(world, headers):
    """S-URL-4, S-LINK-3: headers anybody can send change neither the URLs that are given nor those that are accepted."""
    client = world.client
    answer = client.request("GET", world.house.url, headers=headers)
    assert "evil" not in answer.body.decode() and answer.json["newOrder"] == client.directory["newOrder"]
    answer = send(client, client.kid, client.jws(client.kid, None), **headers)
    assert answer.status == 200 and answer.json["orders"].startswith(client.origin), answer
    evil = client.kid.replace(client.origin, "https://evil.test")
    answer = send(client, client.kid, client.jws(evil, None), **headers)
    assert (answer.status, answer.type) == (403, "unauthorized"), answer


# ---- nonces (RFC 8555 6.5) ----

def test_nonces_look_right(world):
    """S-NONCE-7, 8: 1*base64url, at least 128 bits, all different, and each bit as often set as not."""
    client = world.client
    nonces = [client.request("HEAD", client.directory["newNonce"]).headers["Replay-Nonce"] for _ in range(400)]
    client.nonces.clear()
    assert len(set(nonces)) == len(nonces)
    assert all(re.fullmatch("[A-Za-z0-9_-]{22,}", nonce) for nonce in nonces)
    raw = [base64.urlsafe_b64decode(nonce + "==") for nonce in nonces]
    changing = sum(0.3 < sum(octets[i // 8] >> i % 8 & 1 for octets in raw) / len(raw) < 0.7 for i in range(len(raw[0]) * 8))
    assert changing >= 120, "hardly any bit changes"


@pytest.mark.parametrize("nonce", ["a+b=", "a b", "a/b", "", "\u00fc", "a.b", "AAAA=", "A"])
def test_a_nonce_that_is_no_base64url(world, nonce):
    """S-NONCE-9."""
    client = world.client
    world.before().refuses(client.post(client.kid, {"contact": []}, header={"nonce": nonce}), 400, "malformed")


def test_a_nonce_of_any_answer_is_good_anywhere(world):
    """S-NONCE-13."""
    client = world.client
    _, order, names = world.ready()
    client.nonces.clear()
    made = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": world.name()}]})
    answer = client.post(order["finalize"], {"csr": b64(acme_raw.make_csr(names))},
                         header={"nonce": made.headers["Replay-Nonce"]})
    assert answer.status == 200, answer
    stranger = world.stranger()
    answer = stranger.post(stranger.kid, None, header={"nonce": answer.headers["Replay-Nonce"]})
    assert answer.status == 200, answer


def test_no_nonce_is_bad_nonce_with_a_good_one(world):
    """S-NONCE-5, 6."""
    client = world.client
    answer = world.before().refuses(client.post(client.kid, {"contact": []}, drop=["nonce"]), 400, "badNonce")
    assert client.post(client.kid, None, header={"nonce": answer.headers["Replay-Nonce"]}).status == 200


# ---- binary fields ----

def test_binary_fields_are_base64url_without_padding(world, seen):
    """S-B64-1: all that we send, in every resource."""
    client = world.client
    found = 0
    for url in seen.values():
        answer = client.post(url, None)
        if answer.headers["Content-Type"] != "application/json":
            continue
        for challenge in answer.json.get("challenges", []):
            if "token" in challenge:
                assert re.fullmatch("[A-Za-z0-9_-]{22,}", challenge["token"]), challenge
                found += 1
        assert "=" not in re.sub(r"https?://[^\"]*", "", answer.body.decode()), answer
    assert found >= 2
