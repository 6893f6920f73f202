"""RFC 8555 7 and 8: what the resources are, over their whole life. Each test is written from the row of
docs/conformance/rows.tsv that it names, not from the code."""
import base64
import concurrent.futures
import datetime
import json
import re
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import acme_raw
import conformance
import h2_raw
from acme_raw import b64, make_csr

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = conformance.World(tmp_path_factory.mktemp("resources") / "ca")
    yield made
    made.close()


@pytest.fixture(scope="module")
def soon_expired(world):
    """A certificate that ends while the other tests run, and when."""
    ends = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=12)
    client = world.client
    name = world.name()
    made = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": name}],
                                                      "notAfter": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})
    assert made.status == 201, made
    client.prove(made.json, world.responder)
    key = ec.generate_private_key(ec.SECP256R1())
    done = client.post(made.json["finalize"], {"csr": b64(make_csr([name], key))}).json
    assert done["status"] == "valid", done
    return client.post(done["certificate"], None).body, ends, key


@pytest.fixture(scope="module", autouse=True)
def begun(soon_expired):
    """So that it is issued first."""


# ---- the directory (RFC 8555 7.1.1) ----

# RFC 8555 9.7.5 and 9.7.6; RFC 9773 7.2; draft-ietf-acme-profiles 6; RFC 8739, 9115, 9444, 9799
FIELDS = {"newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange", "renewalInfo"}
META = {"termsOfService": str, "website": str, "caaIdentities": list, "externalAccountRequired": bool, "profiles": dict,
        "auto-renewal": dict, "allow-certificate-get": bool, "delegation-enabled": bool, "subdomainAuthAllowed": bool,
        "inBandOnionCAARequired": bool}


def test_directory(world):
    """S-DIR-1, 2, 4, S-LINK-3: registered names lead to absolute URLs of this origin, and each of them is there."""
    client = world.client
    directory = client.request("GET", world.house.url).json
    assert {"newNonce", "newAccount", "newOrder", "revokeCert", "keyChange"} <= set(directory)
    for name, value in directory.items():
        if name in FIELDS:
            assert value.startswith(client.origin + "/"), (name, value)
            path = value + "/x" if name == "renewalInfo" else value
            assert client.request("OPTIONS", path).status == 204, name
        elif name == "meta":
            assert isinstance(value, dict)
        else:
            assert not str(value).startswith("http"), f"{name} is no registered name, and looks like one"
    for name, value in directory["meta"].items():
        assert isinstance(value, META[name]), (name, value)
    assert len(set(directory[name] for name in FIELDS & set(directory))) == len(FIELDS & set(directory))


def test_directory_with_a_query(world):
    """S-DIR-8: a query changes nothing; brittle clients meet a name they do not know."""
    client = world.client
    plain, asked = client.request("GET", world.house.url).json, client.request("GET", world.house.url + "?a=b&c").json
    known = FIELDS | {"meta"}
    assert {k: v for k, v in plain.items() if k in known} == {k: v for k, v in asked.items() if k in known}
    assert set(plain) - known and set(plain) - known != set(asked) - known


# ---- every URL, over HTTP/1.1 and HTTP/2 ----

def urls_in(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [url for one in value for url in urls_in(one)]
    return [value] if isinstance(value, str) and "//" in value else []


def test_urls_are_absolute_and_ours(world):
    """S-LINK-3: in bodies and headers of all resources."""
    client = world.client
    url, order = world.done()
    authorization = client.post(order["authorizations"][0], None)
    for target in [client.kid, client.post(client.kid, None).json["orders"], url, order["authorizations"][0],
                   authorization.json["challenges"][0]["url"]]:
        answer = client.post(target, None)
        found = urls_in({k: v for k, v in answer.json.items() if k not in ("validationRecord", "challenges")})
        found += [c["url"] for c in answer.json.get("challenges", [])]
        found += re.findall("<([^>]*)>", " ".join(answer.headers.get_all("Link") or []))
        found += answer.headers.get_all("Location") or []
        found = [one for one in found if one != conformance.TERMS]
        assert found and all(one.startswith(client.origin + "/acme/") for one in found), (target, found)


def over_http2(world, client):
    """The same client, whose requests go over HTTP/2."""
    connection = h2_raw.H2(world.house)

    class Response:
        def __init__(self, answer):
            self.status = answer.status
            self.headers = acme_raw.http.client.HTTPMessage()
            for name, value in answer.headers.items():
                if not name.startswith(":"):
                    self.headers.add_header(name.title(), value)

    def request(method, path, body=None, headers=None):
        if path.startswith("https://"):
            path = "/" + path.split("/", 3)[3]
        fields = [(name.lower(), value) for name, value in (headers or {}).items()]
        octets = body.encode() if isinstance(body, str) else body
        asked = h2_raw.request(path, method, *fields, authority=f"localhost:{world.house.port}")
        stream = connection.begin(asked, end=octets is None)
        if octets is not None:
            connection.data(stream, octets, end=True)
        answer = connection.answer(stream)
        made = acme_raw.Answer(Response(answer), answer.body)
        if "Replay-Nonce" in made.headers:
            client.nonces.append(made.headers["Replay-Nonce"])
        return made

    client.request = request
    return connection


def shape(answer):
    """What does not differ from one request to the next."""
    names = sorted({name.lower() for name in answer.headers})
    return answer.status, [n for n in names if n not in ("date", "connection", "content-length")], \
        sorted(answer.json) if answer.headers.get("Content-Type", "").endswith("json") else answer.body[:27]


def test_http_1_1_and_http_2_are_the_same(world):
    """S-HTTP-1: a whole flow over each, and the same answers."""
    seen = []
    for version in ("1.1", "2"):
        client = world.stranger(register=False)
        connection = over_http2(world, client) if version == "2" else None
        answers = [client.register(contact=["mailto:a@flow.test"])]
        name = world.name()
        made = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": name}]})
        answers += [made, client.post(made.json["authorizations"][0], None)]
        client.prove(made.json, world.responder)
        answers.append(client.post(made.json["finalize"], {"csr": b64(make_csr([name]))}))
        answers += [client.post(answers[-1].json["certificate"], None), client.post(made.json["finalize"], {}),
                    client.post(client.kid, None, drop=["nonce"]), client.request("GET", client.kid)]
        seen.append([shape(answer) for answer in answers])
        if connection:
            connection.raw.close()
    assert seen[0] == seen[1]


# ---- accounts (RFC 8555 7.3) ----

IGNORED = {"orders": "https://evil.test/orders", "status": "revoked", "createdAt": "2001-01-01T00:00:00Z", "x": {"y": [1]},
           "onlyReturnExisting": False, "id": 1, "key": {"kty": "oct"}}


def test_fields_that_are_not_the_clients(world):
    """S-NEWA-2, 3, 12: taken in silence, without effect, never given back."""
    client = world.stranger(register=False)
    answer = client.register(contact=["mailto:a@flow.test"], **IGNORED)
    for shown in (answer, client.post(client.kid, None), client.register(contact=["mailto:b@flow.test"], **IGNORED)):
        assert shown.json["status"] == "valid" and shown.json["orders"].startswith(client.origin), shown
        assert shown.json["contact"] == ["mailto:a@flow.test"]
        assert set(shown.json) <= {"status", "contact", "termsOfServiceAgreed", "orders", "externalAccountBinding"}, shown


def test_a_key_nobody_has(world):
    """S-FIND-2: onlyReturnExisting creates nothing."""
    client = world.stranger(register=False)
    payload = {"onlyReturnExisting": True, "termsOfServiceAgreed": True, "contact": ["mailto:a@flow.test"]}
    for _ in range(2):
        world.before().refuses(client.post(client.directory["newAccount"], payload, jwk=True), 400, "accountDoesNotExist")


@pytest.mark.parametrize("contact", ["mailto:", "mailto:a", "mailto:@", "mailto:a@flow.test?subject=x", "mailto:a@flow.test,b@flow.test",
                                     "mailto:a b@flow.test", "mailto:a@flow.test\n"])
def test_bad_contacts(world, contact):
    """S-NEWA-4, 6, 8, S-UPD-3: the same for a new account and for an update."""
    client = world.stranger(register=False)
    payload = {"termsOfServiceAgreed": True, "contact": [contact]}
    world.before().refuses(client.post(client.directory["newAccount"], payload, jwk=True), 400, "invalidContact")
    world.before().refuses(world.client.post(world.client.kid, {"contact": [contact]}), 400, "invalidContact")


@pytest.mark.parametrize("contact", ["tel:+1", "https://flow.test/", "acct:a@flow.test", "a@flow.test"])
def test_unsupported_contacts_say_what_is_supported(world, contact):
    """S-NEWA-7."""
    client = world.stranger(register=False)
    answer = client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True, "contact": [contact]}, jwk=True)
    assert (answer.status, answer.type) == (400, "unsupportedContact") and "mailto" in answer.json["detail"], answer


@pytest.mark.parametrize("fields", [
    {"termsOfServiceAgreed": "true"}, {"termsOfServiceAgreed": 1}, {"termsOfServiceAgreed": None}, {"termsOfServiceAgreed": []},
    {"contact": "mailto:a@flow.test"}, {"contact": {"a": 1}}, {"contact": [None]}, {"contact": [["mailto:a@flow.test"]]},
    {"contact": 7}], ids=json.dumps)
def test_types_of_an_account(world, fields):
    """S-NEWA-10."""
    client = world.stranger(register=False)
    world.before()
    answer = client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True, **fields}, jwk=True)
    world.refuses(answer, 400, "malformed")


def test_terms_are_agreed_to(world):
    """S-NEWA-9, S-DIR-6."""
    client = world.stranger(register=False)
    assert client.directory["meta"]["termsOfService"] == conformance.TERMS
    for payload in ({}, {"termsOfServiceAgreed": False}, {"contact": ["mailto:a@flow.test"]}):
        world.before().refuses(client.post(client.directory["newAccount"], payload, jwk=True), 403, "userActionRequired")
    assert client.register().status == 201


# ---- orders, authorizations, challenges over their life (RFC 8555 7.1.3 to 7.1.6, 7.4, 7.5) ----

def judge_order(order, world):
    """What an order is in any state; its status."""
    assert {"status", "identifiers", "authorizations", "finalize", "expires"} <= set(order), order
    status = order["status"]
    assert status in ("pending", "ready", "processing", "valid", "invalid")
    assert RFC3339.fullmatch(order["expires"])
    assert order["identifiers"] and all({"type", "value"} <= set(i) for i in order["identifiers"])
    assert order["authorizations"] and all(u.startswith("https://") for u in order["authorizations"])
    assert ("certificate" in order) == (status == "valid"), order
    assert "error" not in order or status == "invalid"
    return status


def judge_authorization(authorization, name):
    assert {"identifier", "status", "challenges", "expires"} <= set(authorization), authorization
    assert authorization["identifier"] == {"type": "dns", "value": name}
    assert authorization["status"] in ("pending", "valid", "invalid", "deactivated", "expired", "revoked")
    assert RFC3339.fullmatch(authorization["expires"])
    assert authorization["challenges"]
    for challenge in authorization["challenges"]:
        judge_challenge(challenge)
    return authorization["status"]


def judge_challenge(challenge):
    assert {"type", "url", "status"} <= set(challenge), challenge
    assert challenge["url"].startswith("https://")
    status = challenge["status"]
    assert status in ("pending", "processing", "valid", "invalid")
    assert ("validated" in challenge) == (status == "valid") and RFC3339.fullmatch(challenge.get("validated", "2000-01-01T00:00:00Z"))
    assert ("error" in challenge) == (status == "invalid"), challenge


def test_an_order_that_ends_well(world):
    """S-NEWO-1, S-ORD-1, 2, 3, 4, S-AZ-1, 4, 5, S-CH-1, 7, S-FIN-10, 11: looked at after each step."""
    client = world.client
    names = [world.name(), world.name()]
    made = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": n} for n in names]})
    url, first = made.headers["Location"], made.json
    csr = b64(make_csr(names))
    assert made.status == 201 and judge_order(first, world) == "pending"
    statuses = []

    def look(step):
        order = client.post(url, None).json
        statuses.append(judge_order(order, world))
        for member in ("identifiers", "authorizations", "finalize"):
            assert order[member] == first[member], (step, member)
        found = [client.post(u, None).json for u in first["authorizations"]]
        assert sorted(a["identifier"]["value"] for a in found) == sorted(names)
        return [judge_authorization(a, a["identifier"]["value"]) for a in found]

    assert look("made") == ["pending", "pending"]
    for authorization in first["authorizations"]:
        assert {"http-01", "dns-01"} <= {c["type"] for c in client.post(authorization, None).json["challenges"]}
    refused = client.post(first["finalize"], {"csr": csr})
    assert (refused.status, refused.type) == (403, "orderNotReady"), refused
    for count, authorization in enumerate(first["authorizations"], 1):
        challenge = client.challenge(authorization)
        judge_challenge(challenge)
        world.responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
        judge_challenge(client.post(challenge["url"], {}).json)
        client.poll(authorization, ("valid",))
        assert look("proved") == ["valid"] * count + ["pending"] * (2 - count)
    done = client.post(first["finalize"], {"csr": csr})
    assert done.status == 200 and done.headers["Location"] == url and done.json["status"] in ("processing", "valid"), done
    client.poll(url, ("valid",))
    assert look("issued") == ["valid", "valid"]
    for authorization in first["authorizations"]:  # the one that succeeded
        assert [c["type"] for c in client.post(authorization, None).json["challenges"]] == ["http-01"]
    wild = client.order("*." + names[0])[1]
    assert client.post(wild["authorizations"][0], None).json["identifier"] == {"type": "dns", "value": names[0]}
    assert statuses == ["pending", "pending", "ready", "valid"]
    other = client.post(first["finalize"], {"csr": b64(make_csr(names))})
    assert (other.status, other.type) == (403, "orderNotReady"), other


def test_one_failure_is_the_end(world):
    """S-STATE-3, 4, S-AZ-5, S-CH-2, 3, 8, 10, S-ORD-3, 4, S-FIN-10: of three names one fails; all that hangs on it is invalid and
    stays so, with the reason; the other authorizations stand for themselves."""
    client = world.client
    names = [world.name() for _ in range(3)]
    url, order = client.order(*names)
    by_name = {client.post(u, None).json["identifier"]["value"]: u for u in order["authorizations"]}
    good, bad, waiting = (by_name[n] for n in names)
    for authorization, content in ((good, None), (bad, "wrong")):
        challenge = client.challenge(authorization)
        world.responder.tokens[challenge["token"]] = content or f'{challenge["token"]}.{client.key.thumbprint()}'
        client.post(challenge["url"], {})
        client.poll(authorization, ("valid", "invalid"))
    for _ in range(2):
        failed = client.post(bad, None).json
        assert judge_authorization(failed, names[1]) == "invalid"
        assert [c["status"] for c in failed["challenges"]] == ["invalid"]
        assert failed["challenges"][0]["error"]["detail"]
        assert judge_order(client.post(url, None).json, world) == "invalid"
        assert judge_authorization(client.post(good, None).json, names[0]) == "valid"
        assert judge_authorization(client.post(waiting, None).json, names[2]) == "pending"
        world.responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
        again = client.post(failed["challenges"][0]["url"], {})  # too late
        assert again.status in (200, 400), again
        refused = client.post(order["finalize"], {"csr": b64(make_csr(names))})
        assert (refused.status, refused.type) == (403, "orderNotReady"), refused


def test_a_valid_one_stays_so(world):
    """S-CH-10, S-STATE-1, 2: answering again changes nothing, whatever the web server says by now."""
    client = world.client
    url, order, _ = world.ready()
    authorization = client.post(order["authorizations"][0], None).json
    challenge = authorization["challenges"][0]
    world.responder.tokens[challenge["token"]] = "something else"
    world.before()
    again = client.post(challenge["url"], {})
    assert again.status == 200 and again.json == challenge, again
    assert client.post(order["authorizations"][0], None).json == authorization
    assert world.house.content() == world.seen


@pytest.mark.parametrize("payload", [[], "x", 7, None], ids=repr)
def test_answers_to_a_challenge_that_are_none(world, payload):
    """S-CH-6: an HTTP error, and the challenge still waits."""
    client = world.client
    _, order = world.pending()
    challenge = client.challenge(order["authorizations"][0])
    text = json.dumps(payload)
    world.before().refuses(client.post(challenge["url"], text), 400, "malformed")
    assert client.post(challenge["url"], None).json["status"] == "pending"


def test_what_a_type_does_not_define_is_ignored(world):
    """S-CH-4, 5, S-TOK-2: the answer of the drafts, a token of the client's own, a resource."""
    client = world.client
    made = client.post(client.directory["newOrder"], {
        "identifiers": [{"type": "dns", "value": world.name(), "token": "mine"}], "token": "mine", "challenges": [{"token": "mine"}]})
    challenge = client.challenge(made.json["authorizations"][0])
    assert challenge["token"] != "mine"
    world.responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
    answer = client.post(challenge["url"], {"keyAuthorization": "x.y", "token": "mine", "type": "dns-01", "resource": "challenge",
                                            "status": "valid", "validated": "2020-01-01T00:00:00Z"})
    assert answer.status == 200 and answer.json["token"] == challenge["token"], answer
    client.poll(made.json["authorizations"][0], ("valid",))
    assert [path for path in world.responder.asked if challenge["token"] in path] and \
        not [path for path in world.responder.asked if path.endswith("/mine")]


def test_tokens(world):
    """S-TOK-1: at least 128 bits each, all different, every bit as likely as not."""
    client = world.client
    _, order = client.order(*(world.name() for _ in range(100)))
    tokens = [client.challenge(url)["token"] for url in order["authorizations"]]
    assert len(set(tokens)) == 100 and all(re.fullmatch("[A-Za-z0-9_-]{22,}", token) for token in tokens)
    raw = [base64.urlsafe_b64decode(token + "==") for token in tokens]
    assert len(raw[0]) >= 16
    for bit in range(128):
        assert 15 < sum(octets[bit // 8] >> bit % 8 & 1 for octets in raw) < 85, bit


@pytest.mark.parametrize("given, shown", [("UPPER.flow.test", "upper.flow.test"), ("MiXed.Flow.Test", "mixed.flow.test")])
def test_names_are_shown_as_certified(world, given, shown):
    """S-AZ-2: A-labels in lower case, without a dot behind."""
    client = world.client
    _, order = client.order(given)
    assert order["identifiers"] == [{"type": "dns", "value": shown}]
    assert client.post(order["authorizations"][0], None).json["identifier"] == {"type": "dns", "value": shown}
    for other in (given + ".", "\u00fc." + given):
        answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": other}]})
        assert answer.status == 400 and answer.type in ("malformed", "rejectedIdentifier"), answer


def test_an_order_is_a_promise(tmp_path_factory):
    """S-NEWO-10: a policy that became narrower is no reason to break it."""
    made = conformance.World(tmp_path_factory.mktemp("promise") / "ca", sets=["certificate.max_names=3"])
    url, order, names = made.ready(made.name(), made.name(), made.name())
    assert made.house.stop() == 0
    made.house.sets = [s for s in made.house.sets if not s.startswith("certificate.max_names")] + ["certificate.max_names=1"]
    made.house.start()
    made.client.connect()
    answer = made.client.post(made.client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": n} for n in names]})
    assert answer.status == 400, answer
    answer = made.client.post(order["finalize"], {"csr": b64(make_csr(names))})
    assert answer.status == 200, answer
    made.client.poll(url, ("valid",))
    made.close()


# ---- who may see what ----

def test_what_is_not_yours_is_not_there(world):
    """S-SEC-1, S-AUTH-5: whether a number exists cannot be told by who may not know it."""
    url, order = world.done()
    challenge = world.client.post(order["authorizations"][0], None).json["challenges"][0]["url"]
    stranger = world.stranger()
    for target in (url, order["authorizations"][0], challenge, order["certificate"], order["finalize"]):
        nowhere = re.sub(r"/(\d+)", "/99999999", target)
        seen = []
        for one in (target, nowhere):
            answer = stranger.post(one, {"csr": "AAAA"} if "finalize" in one else None)
            problem = {k: re.sub(r"\d+", "N", str(v)) for k, v in answer.json.items()}
            seen.append((answer.status, problem, sorted(name for name, _ in answer.headers.items())))
        assert seen[0] == seen[1] and seen[0][0] in (403, 404), seen


# ---- finalize and certificates (RFC 8555 7.4, 9.1) ----

def element(tag, *parts):
    """DER."""
    content = b"".join(parts)
    length = bytes([len(content)]) if len(content) < 128 else \
        bytes([0x81, len(content)]) if len(content) < 256 else b"\x82" + len(content).to_bytes(2, "big")
    return bytes([tag]) + length + content


EXTENSION_REQUEST = bytes.fromhex("06092a864886f70d01090e")
MICROSOFT = bytes.fromhex("060a2b060104018237" "02010e")
ECDSA_SHA256 = element(0x30, bytes.fromhex("06082a8648ce3d040302"))


def hand_made_csr(names, key, version=0, attributes=None, more=b"", behind=b""):
    """A request of which each part can be another, correctly signed all the same (RFC 2986 4)."""
    from cryptography.hazmat.primitives import hashes, serialization
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    san = element(0x30, *(element(0x82, n.encode()) for n in names))
    extensions = element(0x30, element(0x30, bytes.fromhex("0603551d11"), element(0x04, san)))
    one = element(0x30, EXTENSION_REQUEST, element(0x31, extensions))
    info = element(0x30, element(0x02, bytes([version])), element(0x30), spki,
                   element(0xa0, *(attributes(one, extensions) if attributes else [one])), more)
    signature = key.sign(info, ec.ECDSA(hashes.SHA256()))
    return element(0x30, info, ECDSA_SHA256, element(0x03, b"\0", signature), behind)


CSRS = {
    "version 1": {"version": 1},
    "the request of extensions twice": {"attributes": lambda one, e: [one, one]},
    "two in one request": {"attributes": lambda one, e: [element(0x30, EXTENSION_REQUEST, element(0x31, e, e))]},
    "a request of nothing": {"attributes": lambda one, e: [element(0x30, EXTENSION_REQUEST, element(0x31))]},
    "an attribute that is none": {"attributes": lambda one, e: [one, element(0x04, b"x")]},
    "more inside": {"more": element(0x05)},
    "more behind the signature": {"behind": element(0x05)},
    "Microsoft's request of extensions alone": {"attributes": lambda one, e: [element(0x30, MICROSOFT, element(0x31, e))]},
}


def test_hand_made_requests(world):
    """S-FIN-16, X-CSR-7: signed well, yet not what RFC 2986 and RFC 2985 describe; the order stays ready, and a good one
    made by the same hand is taken (S-FIN-9)."""
    client = world.client
    url, order, names = world.ready()
    key = ec.generate_private_key(ec.SECP256R1())
    for name, change in CSRS.items():
        answer = client.post(order["finalize"], {"csr": b64(hand_made_csr(names, key, **change))})
        assert answer.status == 400 and answer.type in ("badCSR", "malformed"), (name, answer)
        assert len(answer.json["detail"]) > 15
        assert client.post(url, None).json["status"] == "ready", name
    good = hand_made_csr(names, key)
    done = subprocess.run(["openssl", "req", "-inform", "DER", "-verify", "-noout"], input=good, capture_output=True, check=False)
    assert b"verify OK" in done.stdout + done.stderr, done
    assert client.post(order["finalize"], {"csr": b64(good)}).status == 200


def test_no_account_s_key_is_certified(world):
    """S-FIN-5: neither that of the account that asks, nor another's, not even of one that is closed."""
    client, other = world.client, world.stranger()
    closed = world.stranger()
    closed.post(closed.kid, {"status": "deactivated"})
    url, order, names = world.ready()
    for key in (client.key.key, other.key.key, closed.key.key):
        world.before().refuses(client.post(order["finalize"], {"csr": b64(make_csr(names, key))}), 400, "badCSR")
        assert client.post(url, None).json["status"] == "ready"


def test_certificates_never_change(world):
    """S-CERT-4."""
    client = world.client
    _, order = world.done()
    first = client.post(order["certificate"], None).body
    world.done()
    assert client.post(order["certificate"], None).body == first


def test_the_chain_as_text(world):
    """S-PEM-1, 2, 3, S-CERT-1: RFC 7468 to the letter: 64 columns, nothing before, between or behind; the leaf first, each
    next one certifies the one before."""
    client = world.client
    _, order = world.done()
    answer = client.post(order["certificate"], None)
    assert answer.headers["Content-Type"] == "application/pem-certificate-chain"
    lines = answer.body.decode("ascii").split("\n")
    assert lines.pop() == ""
    blocks, inside = [], None
    for line in lines:
        if line == "-----BEGIN CERTIFICATE-----":
            assert inside is None
            inside = []
        elif line == "-----END CERTIFICATE-----":
            assert inside and all(len(one) == 64 for one in inside[:-1]) and 0 < len(inside[-1]) <= 64
            blocks.append(base64.b64decode("".join(inside), validate=True))
            inside = None
        else:
            assert inside is not None and re.fullmatch("[A-Za-z0-9+/]+={0,2}", line), line
            inside.append(line)
    assert inside is None and len(blocks) >= 2
    chain = [x509.load_der_x509_certificate(block) for block in blocks]
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [i["value"] for i in order["identifiers"]]
    for below, above in zip(chain, chain[1:]):
        assert below.issuer == above.subject
        above.public_key().verify(below.signature, below.tbs_certificate_bytes, ec.ECDSA(below.signature_hash_algorithm))
    root = x509.load_pem_x509_certificate(world.house.root.read_bytes())
    assert chain[-1].issuer == root.subject


def test_many_finalize_at_once(world):
    """S-FIN-13: 32 requests with as many keys; one certificate."""
    client = world.client
    url, order, names = world.ready()
    clients = []
    for _ in range(8):
        twin = acme_raw.Client(world.house.url, world.house.root, client.key)
        twin.kid = client.kid
        clients.append(twin)
    bodies = [[json.dumps(twin.jws(order["finalize"], {"csr": b64(make_csr(names))})) for _ in range(4)] for twin in clients]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [a for some in pool.map(lambda pair: [conformance.send(pair[0], order["finalize"], body) for body in pair[1]],
                                          zip(clients, bodies)) for a in some]
    assert sorted(a.status for a in answers) == [200] + [403] * 31
    assert all(a.type == "orderNotReady" for a in answers if a.status == 403)
    client.poll(url, ("valid",))


# ---- deactivation (RFC 8555 7.3.6) ----

def test_a_closed_account(world):
    """S-DEAC-1, 3, 6: the object says so; nothing more is done for its key, and nothing opens it again."""
    client = world.stranger()
    url, order = client.order(world.name())
    challenge = client.challenge(order["authorizations"][0])
    answer = client.post(client.kid, {"status": "deactivated"})
    assert answer.status == 200 and answer.json["status"] == "deactivated", answer
    new = acme_raw.Key()
    inner = {"alg": new.algorithm, "jwk": new.jwk(), "url": client.directory["keyChange"]}
    body = conformance.sign(client, json.dumps(inner), json.dumps({"account": client.kid, "oldKey": client.key.jwk()}))
    asked = len(world.responder.asked)
    world.before()
    for target, payload in [(client.kid, None), (client.kid, {"status": "valid"}), (client.kid, {"contact": []}), (url, None),
                            (order["authorizations"][0], None), (challenge["url"], {}), (challenge["url"], None),
                            (order["finalize"], {"csr": "AA"}), (client.directory["newOrder"], {"identifiers": []}),
                            (client.directory["keyChange"], body), (client.directory["revokeCert"], {"certificate": "AA"}),
                            (client.directory["newNonce"], None), (world.house.url, None)]:
        refused = client.post(target, payload)
        assert refused.status in (401, 403) and refused.type == "unauthorized", (target, refused)
    for payload in ({"termsOfServiceAgreed": True}, {"onlyReturnExisting": True}):
        refused = client.post(client.directory["newAccount"], payload, jwk=True)
        assert refused.status in (401, 403) and refused.type == "unauthorized", refused
    assert world.house.content() == world.seen and len(world.responder.asked) == asked


# ---- revocation (RFC 8555 7.6); the last test here, because it waits ----

def test_an_expired_certificate(world, soon_expired):
    """S-REV-12: there is nothing to revoke any more, by nobody."""
    pem, ends, key = soon_expired
    der = x509.load_pem_x509_certificate(pem).public_bytes(acme_raw.serialization.Encoding.DER)
    while datetime.datetime.now(datetime.timezone.utc) <= ends + datetime.timedelta(seconds=1):
        time.sleep(0.2)
    client = world.client
    world.before()
    world.refuses(client.post(client.directory["revokeCert"], {"certificate": b64(der)}), 403, "unauthorized")
    by_key = world.stranger(register=False)
    by_key.key.key = key
    world.refuses(by_key.post(client.directory["revokeCert"], {"certificate": b64(der)}, jwk=True), 403, "unauthorized")
