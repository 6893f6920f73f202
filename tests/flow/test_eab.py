"""External account binding (RFC 8555 7.3.4): keys made, handed out, used, held to their policy, and ended."""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import time

import pytest

import acme_raw
import house as house_module
from rejudged import nothing_found
from test_admin import admin

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


@pytest.fixture
def make_house(tmp_path_factory):
    made = []

    def make(*sets):
        made.append(house_module.House(tmp_path_factory.mktemp("ca") / "ca", sets=["log.level=warning", *sets]))
        return made[-1].start()

    yield make
    for house in made:
        code = house.stop()
        text = house.text()
        nothing_found(house)
        house.close()
        assert code == 0 and "AddressSanitizer" not in text and "runtime error" not in text, text[-4000:]


def required(*sets):
    return "directories.default.external_account=required", *sets


def secret_of(key):
    text = key["hmac_key"]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def binding(client, kid, secret, *, url=None, payload=None, algorithm="HS256", header=None, drop=(), mac=None):
    """The JWS, made with Python's own HMAC; every part can be spoiled."""
    protected = {"alg": algorithm, "kid": kid, "url": url or client.directory["newAccount"], **(header or {})}
    for name in drop:
        del protected[name]
    first = acme_raw.b64(json.dumps(protected))
    second = acme_raw.b64(json.dumps(client.key.jwk()) if payload is None else payload)
    made = hmac.new(secret, f"{first}.{second}".encode(), HASHES.get(algorithm, hashlib.sha256)).digest()
    return {"protected": first, "payload": second, "signature": acme_raw.b64(made if mac is None else mac)}


def new_account(client, bound=None, **fields):
    payload = {"termsOfServiceAgreed": True, **fields}
    if bound is not None:
        payload["externalAccountBinding"] = bound
    answer = client.post(client.directory["newAccount"], payload, jwk=True)
    if answer.status in (200, 201):
        client.kid = answer.headers["Location"]
    return answer


def bound_client(house, key, url=None, **fields):
    client = acme_raw.Client(url or house.url, house.root)
    answer = new_account(client, binding(client, key["kid"], secret_of(key)), **fields)
    assert answer.status == 201, answer
    return client


def order(client, *names, **fields):
    return client.post(client.directory["newOrder"],
                       {"identifiers": [{"type": "dns", "value": name} for name in names], **fields})


def test_a_binding_is_required(make_house):
    """S-DIR-7, S-EAB-1, S-EAB-2, S-EAB-3, S-EAB-15: announced, asked for, and made by the tool that hands keys out."""
    house = make_house(*required())
    client = acme_raw.Client(house.url, house.root)
    assert client.directory["meta"]["externalAccountRequired"] is True
    before = house.content()
    answer = new_account(client)
    assert (answer.status, answer.type) == (403, "externalAccountRequired")
    key = admin(house, "eab", "add")
    assert key["kid"].isascii() and set(key) >= {"kid", "hmac_key"}
    assert len(secret_of(key)) == 64 and not key["hmac_key"].startswith("-")
    assert house.content() != before
    bound = binding(client, key["kid"], secret_of(key))
    answer = new_account(client, bound)
    assert answer.status == 201
    # S-EAB-11
    assert answer.json["externalAccountBinding"] == bound
    assert client.post(client.kid, None).json["externalAccountBinding"] == bound
    assert client.post(client.kid, {"contact": []}).json["externalAccountBinding"] == bound
    assert order(client, "any.flow.test").status == 201
    assert admin(house, "eab", "show", key["kid"])["accounts"] == [int(client.kid.rpartition("/")[2])]
    assert key["hmac_key"] not in house.text()


@pytest.mark.parametrize("algorithm", HASHES)
def test_every_mac_algorithm(house_required, algorithm):
    """S-EAB-5, S-EAB-10: also with the members of the key in another order."""
    house = house_required
    key = admin(house, "eab", "add")
    client = acme_raw.Client(house.url, house.root)
    payload = json.dumps(dict(reversed(sorted({**client.key.jwk(), "use": "sig"}.items()))), indent=1)
    answer = new_account(client, binding(client, key["kid"], secret_of(key), algorithm=algorithm, payload=payload))
    assert answer.status == 201, answer


@pytest.fixture(scope="module")
def house_required(tmp_path_factory):
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca", sets=["log.level=warning", *required()])
    try:
        yield made.start()
        assert made.stop() == 0
        assert "AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


def flip(octets):
    return octets[:-1] + bytes([octets[-1] ^ 1])


SPOILED = {
    "no object": (lambda c, k, s: "text", 400, "malformed"),  # S-EAB-4
    "null": (lambda c, k, s: None, 400, "malformed"),
    "empty": (lambda c, k, s: {}, 400, "malformed"),
    "no payload": (lambda c, k, s: {n: v for n, v in binding(c, k, s).items() if n != "payload"}, 400, "malformed"),
    "general form": (lambda c, k, s: {**binding(c, k, s), "signatures": []}, 400, "malformed"),
    "unprotected": (lambda c, k, s: {**binding(c, k, s), "header": {}}, 400, "malformed"),
    "padding": (lambda c, k, s: {**binding(c, k, s), "payload": binding(c, k, s)["payload"] + "="}, 400, "malformed"),
    "ES256": (lambda c, k, s: binding(c, k, s, algorithm="ES256"), 400, "malformed"),  # S-EAB-5
    "none": (lambda c, k, s: binding(c, k, s, algorithm="none"), 400, "malformed"),
    "HS1": (lambda c, k, s: binding(c, k, s, algorithm="HS1"), 400, "malformed"),
    "no alg": (lambda c, k, s: binding(c, k, s, drop=["alg"]), 400, "malformed"),
    "no kid": (lambda c, k, s: binding(c, k, s, drop=["kid"]), 400, "malformed"),
    "kid no text": (lambda c, k, s: binding(c, 17, s), 400, "malformed"),
    "unknown kid": (lambda c, k, s: binding(c, k + "x", s), 403, "unauthorized"),  # S-EAB-6
    "kid of sql": (lambda c, k, s: binding(c, k + "' OR '1'='1", s), 403, "unauthorized"),
    "nonce": (lambda c, k, s: binding(c, k, s, header={"nonce": c.nonce()}), 400, "malformed"),  # S-EAB-7
    "jwk": (lambda c, k, s: binding(c, k, s, header={"jwk": c.key.jwk()}), 400, "malformed"),
    "crit": (lambda c, k, s: binding(c, k, s, header={"crit": ["x"]}), 400, "malformed"),
    "no url": (lambda c, k, s: binding(c, k, s, drop=["url"]), 400, "malformed"),
    "other url": (lambda c, k, s: binding(c, k, s, url=c.directory["newOrder"]), 403, "unauthorized"),  # S-EAB-8
    "url with query": (lambda c, k, s: binding(c, k, s, url=c.directory["newAccount"] + "?"), 403, "unauthorized"),
    "flipped bit": (lambda c, k, s: binding(c, k, s, mac=flip(hmac.digest(s, b"", "sha256"))), 403, "unauthorized"),  # S-EAB-9
    "short mac": (lambda c, k, s: binding(c, k, s, mac=b"\0"), 403, "unauthorized"),
    "no mac": (lambda c, k, s: binding(c, k, s, mac=b""), 400, "malformed"),
    "other secret": (lambda c, k, s: binding(c, k, flip(s)), 403, "unauthorized"),
    "part of the secret": (lambda c, k, s: binding(c, k, s[:32]), 403, "unauthorized"),
    "base64 of the secret": (lambda c, k, s: binding(c, k, acme_raw.b64(s).encode()), 403, "unauthorized"),
    "other key": (lambda c, k, s: binding(c, k, s, payload=json.dumps(acme_raw.Key().jwk())), 403, "unauthorized"),  # S-EAB-10
    "no key": (lambda c, k, s: binding(c, k, s, payload="{}"), 400, "malformed"),
    "symmetric key": (lambda c, k, s: binding(c, k, s, payload='{"kty":"oct","k":"AAAA"}'), 400, "malformed"),
    "thumbprint": (lambda c, k, s: binding(c, k, s, payload=json.dumps(c.key.thumbprint())), 400, "malformed"),
    "empty payload": (lambda c, k, s: binding(c, k, s, payload=""), 400, "malformed"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_binding_that_is_not_good(house_required, name):
    """S-EAB-4, 5, 6, 7, 8, 9, 10, 13: no account, no use of the key."""
    make, status, kind = SPOILED[name]
    key = admin(house_required, "eab", "add")
    client = acme_raw.Client(house_required.url, house_required.root)
    before = house_required.content()
    payload = {"termsOfServiceAgreed": True,
               "externalAccountBinding": make(client, key["kid"], secret_of(key))}
    answer = client.post(client.directory["newAccount"], payload, jwk=True)
    assert (answer.status, answer.type) == (status, kind), answer
    assert house_required.content() == before
    # and the good one still works
    assert new_account(client, binding(client, key["kid"], secret_of(key))).status == 201


def test_who_guesses_learns_nothing(house_required):
    """S-EAB-6: an unknown identifier and a wrong MAC are answered alike."""
    key = admin(house_required, "eab", "add")
    client = acme_raw.Client(house_required.url, house_required.root)
    unknown = new_account(client, binding(client, "0" * 24, secret_of(key)))
    wrong = new_account(client, binding(client, key["kid"], b"x" * 64))
    assert (unknown.status, unknown.json) == (wrong.status, wrong.json)
    # a key that has ended is not told from one that never was, without its secret
    admin(house_required, "eab", "revoke", key["kid"])
    revoked = new_account(client, binding(client, key["kid"], b"x" * 64))
    assert revoked.json == wrong.json


def test_optional_and_none(make_house):
    """S-EAB-12: what is not verified is not shown."""
    house = make_house("directories.default.external_account=optional")
    client = acme_raw.Client(house.url, house.root)
    assert "externalAccountRequired" not in client.directory["meta"]
    answer = new_account(client)
    assert answer.status == 201 and "externalAccountBinding" not in answer.json
    key = admin(house, "eab", "add", "--allow-name", "a.flow.test")
    other = acme_raw.Client(house.url, house.root)
    assert new_account(other, binding(other, key["kid"], b"wrong" * 8)).status == 403
    bound = bound_client(house, key)
    assert order(bound, "b.flow.test").status == 400 and order(client, "b.flow.test").status == 201
    assert house.stop() == 0
    house.sets = ["log.level=warning"]
    house.start()
    for spoiled in (binding(other, key["kid"], b"wrong" * 8), "text", {}):
        fresh = acme_raw.Client(house.url, house.root)
        answer = new_account(fresh, spoiled)
        assert answer.status == 201 and "externalAccountBinding" not in answer.json
    # who was bound stays so, whatever is asked of new accounts
    bound.connect()
    assert order(bound, "b.flow.test").status == 400
    assert "externalAccountBinding" in bound.post(bound.kid, None).json


def test_an_account_that_is_there(house_required):
    """RFC 8555 7.3.1, S-FIND-4: it is returned, with the binding it has; nothing is verified, nothing counted (S-EAB-12)."""
    house = house_required
    key = admin(house, "eab", "add", "--uses", "1")
    client = bound_client(house, key)
    first = client.post(client.kid, None).json["externalAccountBinding"]
    before = house.content()
    for again in (None, first, binding(client, "unknown", b"x" * 32), "text"):
        payload = {} if again is None else {"externalAccountBinding": again}
        answer = client.post(client.directory["newAccount"], payload, jwk=True)
        assert answer.status == 200 and answer.headers["Location"] == client.kid
        assert answer.json["externalAccountBinding"] == first
    answer = client.post(client.directory["newAccount"], {"onlyReturnExisting": True}, jwk=True)
    assert answer.status == 200 and answer.json["externalAccountBinding"] == first
    assert house.content() == before
    # no account: nothing to look at either
    other = acme_raw.Client(house.url, house.root)
    answer = other.post(other.directory["newAccount"], {"onlyReturnExisting": True}, jwk=True)
    assert (answer.status, answer.type) == (400, "accountDoesNotExist")


def test_the_last_use(house_required):
    """S-EAB-14: of those that come at once, exactly as many get in as there are uses."""
    house = house_required
    key = admin(house, "eab", "add", "--uses", "2")
    clients = [acme_raw.Client(house.url, house.root) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda c: new_account(c, binding(c, key["kid"], secret_of(key))), clients))
    assert sorted(a.status for a in answers) == [201, 201] + [403] * 6
    refused = [a for a in answers if a.status == 403]
    assert all(a.type == "unauthorized" and "as many accounts" in a.json["detail"] for a in refused)
    shown = admin(house, "eab", "show", key["kid"])
    assert (shown["state"], shown["uses"], shown["uses_most"]) == ("used up", 2, 2)
    assert len(shown["accounts"]) == 2


def test_a_key_expires(house_required):
    key = admin(house_required, "eab", "add", "--expires", "2s")
    client = bound_client(house_required, key)
    late = acme_raw.Client(house_required.url, house_required.root)
    deadline = time.monotonic() + 60
    answer = new_account(late, binding(late, key["kid"], secret_of(key)))
    while answer.status != 403 and time.monotonic() < deadline:
        time.sleep(0.1)
        late.key = acme_raw.Key()
        answer = new_account(late, binding(late, key["kid"], secret_of(key)))
    assert answer.type == "unauthorized" and "expired" in answer.json["detail"]
    assert admin(house_required, "eab", "show", key["kid"])["state"] == "expired"
    assert order(client, "still.flow.test").status == 201  # the accounts stay


def test_revoke_a_key(house_required):
    house = house_required
    key = admin(house, "eab", "add")
    clients = [bound_client(house, key) for _ in range(2)]
    shown = admin(house, "eab", "revoke", key["kid"])
    assert (shown["state"], shown["accounts_revoked"]) == ("revoked", 0)
    late = acme_raw.Client(house.url, house.root)
    answer = new_account(late, binding(late, key["kid"], secret_of(key)))
    assert (answer.status, answer.type) == (403, "unauthorized") and "revoked" in answer.json["detail"]
    assert all(order(c, "still.flow.test").status == 201 for c in clients)
    again = admin(house, "eab", "revoke", key["kid"], "--revoke-accounts")
    assert again["accounts_revoked"] == 2 and again["revoked"] == shown["revoked"]
    for client in clients:  # at once, though they were in memory
        answer = order(client, "no.flow.test")
        assert (answer.status, answer.type) == (403, "unauthorized")
    assert admin(house, "eab", "revoke", "unknown", fails=1)["code"] == "NOT_FOUND"


def test_names_and_types(house_required):
    """Held to the policy at newOrder, with a subproblem for each identifier."""
    house = house_required
    key = admin(house, "eab", "add", "--allow-name", "a.flow.test", "--allow-name", "*.B.flow.test")
    assert key["names"] == ["a.flow.test", ".b.flow.test"]
    client = bound_client(house, key)
    for good in (["a.flow.test"], ["A.flow.test", "x.b.flow.test"], ["x.y.b.flow.test"], ["*.b.flow.test"]):
        assert order(client, *good).status == 201, good
    before = house.content()
    for bad in ("c.flow.test", "b.flow.test", "x.a.flow.test", "*.a.flow.test", "xb.flow.test", "*.flow.test"):
        answer = order(client, "a.flow.test", bad)
        assert (answer.status, answer.type) == (400, "rejectedIdentifier"), bad
        assert [s["identifier"]["value"] for s in answer.json["subproblems"]] == [bad]
        assert answer.json["subproblems"][0]["type"].endswith(":rejectedIdentifier")
    assert len(order(client, "c.flow.test", "d.flow.test").json["subproblems"]) == 2
    assert house.content() == before


def test_addresses(house_required):
    """With names alone no address may be had, and the reverse; both by type as well."""
    house = house_required

    def tries(client, kind, value):
        answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": kind, "value": value}]})
        assert answer.status == 201 or answer.type == "rejectedIdentifier", answer
        return answer.status == 201

    rows = [(["--allow-network", "127.1.0.0/16"], {"127.1.2.3"}),
            (["--allow-network", "2606:4700::/32", "--allow-name", "a.flow.test"], {"2606:4700::1", "a.flow.test"}),
            (["--allow-name", "a.flow.test"], {"a.flow.test"}),
            (["--identifier", "ip"], {"127.1.2.3", "127.2.0.1", "2606:4700::1"}),
            (["--identifier", "dns"], {"a.flow.test"})]
    for words, allowed in rows:
        client = bound_client(house, admin(house, "eab", "add", *words))
        got = {value for value in ("127.1.2.3", "127.2.0.1", "2606:4700::1") if tries(client, "ip", value)}
        got |= {"a.flow.test"} if tries(client, "dns", "a.flow.test") else set()
        assert got == allowed, words


def test_challenges(house_required):
    house = house_required
    key = admin(house, "eab", "add", "--challenge", "dns-01")
    client = bound_client(house, key)
    answer = order(client, "a.flow.test")
    authorization = answer.json["authorizations"][0]
    offered = client.post(authorization, None).json["challenges"]
    assert [c["type"] for c in offered] == ["dns-01"]
    hidden = offered[0]["url"].replace("dns-01", "http-01")
    assert client.post(hidden, {}).status == 404 and client.post(hidden, None).status == 404
    only_http = bound_client(house, admin(house, "eab", "add", "--challenge", "http-01"))
    answer = order(only_http, "*.a.flow.test")
    assert (answer.status, answer.type) == (400, "rejectedIdentifier")


def test_profiles_and_directories(make_house):
    house = make_house("directories.default.external_account=required", "profiles.open.max_names=50",
                       "profiles.closed.restricted=true", "directories.default.profiles=open,closed",
                       "directories.second.external_account=required", "directories.second.profiles=open,closed")
    open_only = bound_client(house, admin(house, "eab", "add"))
    assert order(open_only, "a.flow.test", profile="closed").type == "unauthorized"
    assert order(open_only, "a.flow.test").json["profile"] == "open"
    closed = bound_client(house, admin(house, "eab", "add", "--profile", "closed"))
    assert order(closed, "a.flow.test").json["profile"] == "closed"
    assert order(closed, "a.flow.test", profile="open").type == "unauthorized"
    # a key for one directory is none for another
    second = house.url.replace("/acme/", "/acme/second/")
    key = admin(house, "eab", "add", "--directory", "second")
    client = acme_raw.Client(house.url, house.root)
    answer = new_account(client, binding(client, key["kid"], secret_of(key)))
    assert (answer.status, answer.type) == (403, "unauthorized") and "another directory" in answer.json["detail"]
    bound_client(house, key, url=second)
    # a binding made for one directory is not taken to another (S-EAB-8)
    either = admin(house, "eab", "add")
    client = acme_raw.Client(second, house.root)
    stolen = binding(client, either["kid"], secret_of(either), url=client.directory["newAccount"].replace("/second", ""))
    assert new_account(client, stolen).type == "unauthorized"
    for words, says in [(("--profile", "none"), "no profile"), (("--directory", "none"), "no directory")]:
        assert says in admin(house, "eab", "add", *words, fails=64)["detail"]


@pytest.mark.parametrize("words, says", [
    (["--uses", "0"], "from 1"), (["--uses", "x"], "no number"), (["--expires", "yesterday"], "is no time"),
    (["--expires", "2020-01-01T00:00:00Z"], "over already"), (["--expires", "0"], "over already"),
    (["--allow-name", "a b"], ""), (["--allow-name", "*"], ""), (["--allow-network", "10.0.0.0/99"], "is no network"),
    (["--identifier", "email"], "no type of identifiers"), (["--challenge", "http-02"], "no type of challenges"),
    (["--kid", "a b"], "--kid"), (["--kid=-a"], "begins with a dash"), (["--kid", "\u00e4"], "--kid"),
    (["--orders", "100"], '--orders: "100" is no rate; write COUNT/DURATION'), (["--orders", "0/1d"], "the count must be"),
    (["--orders", "1/1y"], "the duration must be"), (["--label", "x" * 201], "--label"), (["--label", "two\nlines"], "control"), (["--allow-nam", "x"], "--allow-name"),
    (["word"], "does not take that"),
])
def test_mistakes_of_eab_add(house_required, words, says):
    before = house_required.content()
    error = admin(house_required, "eab", "add", *words, fails=64)
    assert error["code"] == "USAGE" and says in error["detail"], error
    assert house_required.content() == before


def test_orders_of_a_key(make_house):
    """S-RATE-4: the accounts of one key share its limit; it names itself, changes nothing, and outlives a restart."""
    house = make_house(*required(), "order.reuse=true")
    key = admin(house, "eab", "add", "--kid", "Team-1", "--orders", "3/24h", "--allow-name", ".flow.test")
    assert key["orders"] == "3/1d" and key["names"] == [".flow.test"]
    other = admin(house, "eab", "add", "--orders", "1/1d")
    free = admin(house, "eab", "add", "--orders", "off")
    assert free["orders"] is None
    assert [k["orders"] for k in admin(house, "eab", "list")["keys"]] == ["3/1d", "1/1d", None]
    shown = admin(house, "eab", "show", "Team-1")
    assert (shown["orders"], shown["names"]) == ("3/1d", [".flow.test"])
    one, two = bound_client(house, key), bound_client(house, key)
    first = order(one, "a.flow.test")
    assert first.status == 201
    assert order(one, "a.flow.test").headers["Location"] == first.headers["Location"]  # nothing new: not counted
    assert order(one, "a.elsewhere.test").type == "rejectedIdentifier"
    ask = {"identifier": {"type": "dns", "value": "b.flow.test"}}  # newAuthz is counted too, unless it is there already
    assert [two.post(two.directory["newAuthz"], ask).status for _ in range(3)] == [201, 200, 200]
    bucket = "new_orders_per_external_key", "Team-1"
    assert admin(house, "limit", "show", *bucket)["left"] == 1
    assert order(two, "c.flow.test").status == 201

    def refused(client):
        before = house.content()
        answer = order(client, "d.flow.test")
        assert (answer.status, answer.type) == (429, "rateLimited"), answer
        assert "new orders of all accounts of external account key Team-1 are limited to 3 in 1 day" in answer.json["detail"]
        assert 0 < int(answer.headers["Retry-After"]) <= 8 * 3600
        assert house.content() == before

    refused(one)
    refused(two)
    assert two.post(two.directory["newAuthz"], {"identifier": {"type": "dns", "value": "d.flow.test"}}).status == 429
    stranger = bound_client(house, other)
    assert order(stranger, "d.flow.test").status == 201
    assert order(stranger, "e.flow.test").status == 429
    rows = {row["limit"]: row for row in admin(house, "limit", "list")["limits"]}
    assert rows[bucket[0]] == {"limit": bucket[0], "rate": None, "buckets": 2, "used_up": None}
    assert house.stop() == 0
    shown = admin(house, "limit", "show", *bucket)  # also when no CA runs
    assert (shown["bucket"], shown["rate"], shown["own_rate"], shown["left"]) == ("Team-1", "3/1d", False, 0)
    assert admin(house, "limit", "show", bucket[0], "team-1", fails=1)["code"] == "NOT_FOUND"
    house.start()
    one.connect()
    one.nonces.clear()
    refused(one)
    assert admin(house, "limit", "override", *bucket, "4/1d")["left"] == 1
    assert order(one, "d.flow.test").status == 201
    assert admin(house, "limit", "override", *bucket, "default")["rate"] == "3/1d"
    refused(one)
    assert admin(house, "limit", "reset", *bucket)["left"] == 3
    assert order(one, "f.flow.test").status == 201
    # a key without a limit has none until it is given one
    client = bound_client(house, free)
    assert all(order(client, f"{i}.flow.test").status == 201 for i in range(5))
    admin(house, "limit", "override", bucket[0], free["kid"], "1/1d")
    assert order(client, "x.flow.test").status == 201
    assert order(client, "y.flow.test").status == 429


def test_list_and_show(make_house):
    house = make_house()
    assert admin(house, "eab", "list") == {"keys": []}
    first = admin(house, "eab", "add", "--label", "über \"alles\"", "--uses", "3", "--expires", "2099-01-01T00:00:00Z")
    assert admin(house, "eab", "add", "--kid", "team.web-1_x")["kid"] == "team.web-1_x"
    assert admin(house, "eab", "add", "--kid", "team.web-1_x", fails=1)["code"] == "CONFLICT"
    assert house.stop() == 0  # also when no CA runs
    third = admin(house, "eab", "add", "--allow-network", "10.1.0.0/16", "--identifier", "ip")
    listed = admin(house, "eab", "list")["keys"]
    assert [k["kid"] for k in listed] == [first["kid"], "team.web-1_x", third["kid"]]
    assert listed[0]["label"] == 'über "alles"' and listed[0]["expires"] == "2099-01-01T00:00:00Z"
    assert (listed[0]["uses"], listed[0]["uses_most"], listed[1]["uses_most"]) == (0, 3, None)
    assert [k["kid"] for k in admin(house, "eab", "list", "--after", first["kid"])["keys"]] == ["team.web-1_x", third["kid"]]
    shown = admin(house, "eab", "show", third["kid"])
    assert shown["networks"] == ["10.1.0.0/16"] and shown["identifiers"] == ["ip"] and shown["accounts"] == []
    everything = json.dumps([listed, shown])
    assert "hmac_key" not in everything and third["hmac_key"] not in everything
    house.start()
    assert admin(house, "eab", "show", third["kid"]) == shown


def test_after_a_restart(make_house):
    """Who was bound is held to the policy, and the uses are counted on."""
    house = make_house(*required())
    key = admin(house, "eab", "add", "--uses", "2", "--allow-name", ".in.flow.test")
    client = bound_client(house, key)
    assert house.stop() == 0
    house.start()
    client.connect()
    client.nonces.clear()
    assert order(client, "a.in.flow.test").status == 201
    assert order(client, "a.out.flow.test").type == "rejectedIdentifier"
    bound_client(house, key)
    late = acme_raw.Client(house.url, house.root)
    assert new_account(late, binding(late, key["kid"], secret_of(key))).status == 403
