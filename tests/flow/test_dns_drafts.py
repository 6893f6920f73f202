"""dns-account-01 (draft-ietf-acme-dns-account-label) and dns-persist-01 (draft-ietf-acme-dns-persist): directories that
offer them, and one that does not. Labels and digests are made here from the drafts."""
import base64
import calendar
import hashlib
import json
import re
import subprocess
import time

import pytest

from acme_raw import Client, Key, b64, make_csr
from house import CAIRN_CA, House
from world import NXDOMAIN, Dns

EXTRA = """
directories:
  default:
    external_account: none
  account:
    challenges: [dns-account-01, dns-01]
  persist:
    challenges: [dns-persist-01, dns-01]
    caa_identities: [CA.example.test, second.example.test]
  hashed:
    challenges: dns-persist-01
    caa_identities: ca.example.test
    check_caa: false
    dns_persist_revision: 2
"""


class World:
    def __init__(self, folder):
        self.dns = Dns(port=0)
        self.house = House(folder / "ca", stub=self.dns, sets=["validation.timeout=8s", "authorization.subdomains=true"])
        path = self.house.directory / "cairn-ca.yaml"
        path.write_text(re.sub(r"(?ms)^directories:\n(^ .*?\n)*", "", path.read_text()) + EXTRA)
        self.house.start()

    def client(self, directory="", key=None):
        url = self.house.url.replace("/acme/", f"/acme/{directory}/") if directory else self.house.url
        made = Client(url, self.house.root, key)
        made.register()
        return made

    def text(self, name, *values):
        self.dns.nodes[name] = {"TXT": [[value[i:i + 255].encode() for i in range(0, len(value), 255)] for value in values]}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("drafts"))
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
    finally:
        made.house.close()
        made.dns.close()


def answer(client, authorization, kind):
    """What came of that challenge: it, and its authorization."""
    challenge = client.challenge(authorization, kind)
    sent = client.post(challenge["url"], {})
    assert sent.status == 200, sent
    final = client.poll(challenge["url"], ("valid", "invalid"), tries=300).json
    return final, client.post(authorization, None).json


def problem(challenge):
    return challenge["status"], challenge["error"]["type"].rpartition(":")[2], challenge["error"]["detail"]


def issue(client, url, order, names):
    sent = client.post(order["finalize"], {"csr": b64(make_csr(names))})
    assert sent.status == 200, sent
    assert client.poll(url, ("valid", "invalid")).json["status"] == "valid"


def seconds(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def test_offered_where_listed(world):
    """No directory has them that does not ask for them."""
    client = world.client()
    _, order = client.order("plain.test")
    found = client.post(order["authorizations"][0], None).json["challenges"]
    assert not {"dns-account-01", "dns-persist-01"} & {c["type"] for c in found}
    url = found[0]["url"].rpartition("/")[0]
    for kind in ("dns-account-01", "dns-persist-01"):
        refused = client.post(f"{url}/{kind}", {})
        assert refused.status == 404 and refused.type == "malformed", refused
    assert "accountHashPrefix" not in client.directory["meta"]
    _, order = world.client("account").order("*.plain.test")
    assert order["status"] == "pending"


# ---- dns-account-01 ----

def label(url):
    return "_" + base64.b32encode(hashlib.sha256(url.encode()).digest()[:10]).decode().lower()


def digest(client, challenge):
    return b64(hashlib.sha256(f'{challenge["token"]}.{client.key.thumbprint()}'.encode()).digest())


def publish(world, client, authorization, name, at=None):
    challenge = client.challenge(authorization, "dns-account-01")
    assert sorted(challenge) == ["status", "token", "type", "url"]
    at = at or f"{label(client.kid)}._acme-challenge.{name}"
    node = world.dns.nodes.setdefault(at, {"TXT": []})
    node["TXT"].append([digest(client, challenge).encode()])


def test_account_label(world):
    """S-DNSA-1, 2, 5, 6: two accounts at once, a name and its wildcard; the URL is that of Location, to the octet."""
    clients = [world.client("account"), world.client("account")]
    orders = [client.order("*.both.test", "both.test") for client in clients]
    for client, (_, order) in zip(clients, orders):
        assert "/acme/account/account/" in client.kid
        for authorization in order["authorizations"]:
            publish(world, client, authorization, "both.test")
    for client, (url, order) in zip(clients, orders):
        for authorization in order["authorizations"]:
            challenge, _ = answer(client, authorization, "dns-account-01")
            assert challenge["status"] == "valid", challenge
            assert f'"{label(client.kid)}._acme-challenge.both.test"' in json.dumps(challenge["validationRecord"])
        issue(client, url, order, ["*.both.test", "both.test"])


def test_account_label_of_another(world):
    """S-DNSA-3, 4: who finds nothing says which account the label was made of."""
    client, other = world.client("account"), world.client("account")
    for name, at, words in [
            ("theirs.test", f"{label(other.kid)}._acme-challenge.theirs.test", "there is no name"),
            ("plainly.test", "_acme-challenge.plainly.test", "there is no name"),
            ("slash.test", f"{label(client.kid + '/')}._acme-challenge.slash.test", "there is no name")]:
        _, order = client.order(name)
        publish(world, client, order["authorizations"][0], name, at)
        challenge, authorization = answer(client, order["authorizations"][0], "dns-account-01")
        status, kind, detail = problem(challenge)
        assert (status, kind, authorization["status"]) == ("invalid", "dns", "invalid"), challenge
        assert words in detail and f"{label(client.kid)}._acme-challenge.{name}" in detail and client.kid in detail, detail
    _, order = client.order("wrong.test")
    world.text(f"{label(client.kid)}._acme-challenge.wrong.test", "something else")
    status, kind, detail = problem(answer(client, order["authorizations"][0], "dns-account-01")[0])
    assert (status, kind) == ("invalid", "unauthorized") and '"something else"' in detail, detail


def test_account_label_behind_an_alias(world):
    client = world.client("account")
    _, order = client.order("alias.test")
    publish(world, client, order["authorizations"][0], "alias.test", "kept.elsewhere.test")
    world.dns.nodes[f"{label(client.kid)}._acme-challenge.alias.test"] = {"CNAME": "kept.elsewhere.test"}
    assert answer(client, order["authorizations"][0], "dns-account-01")[0]["status"] == "valid"


def test_dns_01_beside_it(world):
    client = world.client("account")
    _, order = client.order("beside.test")
    assert [c["type"] for c in client.post(order["authorizations"][0], None).json["challenges"]] == [
        "dns-01", "dns-account-01"]
    world.text("_acme-challenge.beside.test", digest(client, client.challenge(order["authorizations"][0], "dns-01")))
    assert answer(client, order["authorizations"][0], "dns-01")[0]["status"] == "valid"


# ---- dns-persist-01 ----

def record(client, *more, issuer="ca.example.test", account=None):
    return "; ".join([issuer, f"accounturi={account or client.kid}", *more])


def at(name):
    return "_validation-persist." + name


def test_persist_challenge(world):
    """S-DNSP-1, 2: what the client is told; no token."""
    client = world.client("persist")
    _, order = client.order("told.test")
    challenge = client.challenge(order["authorizations"][0], "dns-persist-01")
    assert challenge == {"type": "dns-persist-01", "url": challenge["url"], "status": "pending", "accounturi": client.kid,
                         "issuer-domain-names": ["ca.example.test", "second.example.test"]}
    assert [c["type"] for c in client.post(order["authorizations"][0], None).json["challenges"]] == [
        "dns-01", "dns-persist-01"]


def test_persist_once_and_again(world):
    """S-DNSP-3, 4, 10, 13: one record serves order after order, each looks again; when it is gone, so is the proof."""
    client = world.client("persist")
    world.text(at("again.test"), "v=spf1 -all", record(client, issuer="other.example"),
               record(client, "foo=bar", issuer="Second.EXAMPLE.test"))
    seen = set()
    for _ in range(2):
        url, order = client.order("again.test")
        assert order["status"] == "pending" and not seen & set(order["authorizations"])
        seen.update(order["authorizations"])
        challenge, _ = answer(client, order["authorizations"][0], "dns-persist-01")
        assert challenge["status"] == "valid" and challenge["validationRecord"], challenge
        issue(client, url, order, ["again.test"])
    world.dns.nodes[at("again.test")] = {"rcode": NXDOMAIN}
    _, order = client.order("again.test")
    status, kind, detail = problem(answer(client, order["authorizations"][0], "dns-persist-01")[0])
    assert (status, kind) == ("invalid", "dns") and record(client) in detail, detail


def test_persist_until(world):
    """S-DNSP-7: the authorization lives no longer than its record says."""
    client = world.client("persist")
    for name, until, bound in [("soon.test", int(time.time()) + 3000, True), ("late.test", 2**40, False)]:
        world.text(at(name), record(client, f"persistUntil={until}"))
        _, order = client.order(name)
        before = client.post(order["authorizations"][0], None).json["expires"]
        challenge, authorization = answer(client, order["authorizations"][0], "dns-persist-01")
        assert challenge["status"] == authorization["status"] == "valid", challenge
        if bound:
            assert seconds(authorization["expires"]) == until
        else:
            assert seconds(authorization["expires"]) >= seconds(before)


@pytest.mark.parametrize("kind, words, more", [
    ("unauthorized", "for another account", {"account": "https://ca.example.test/acme/account/1"}),
    ("unauthorized", "for this CA", {"issuer": "other.example"}),
    ("unauthorized", "is past", {"more": ["persistUntil=1700000000"]}),
    ("malformed", "no number of seconds", {"more": ["persistUntil=1e9"]}),
    ("malformed", "accounturi twice", {"more": ["accounturi=x"]}),
    ("malformed", "has no accounturi", {"account": " "})])
def test_persist_refused(world, kind, words, more):
    """S-DNSP-4, 5, 6, 7: each fault in words."""
    client = world.client("persist")
    name = f"r{len(world.dns.asked)}.refused.test"
    world.text(at(name), record(client, *more.pop("more", []), **more))
    _, order = client.order(name)
    status, found, detail = problem(answer(client, order["authorizations"][0], "dns-persist-01")[0])
    assert (status, found) == ("invalid", kind) and words in detail and at(name) in detail, detail


def test_persist_wildcards_and_subdomains(world):
    """S-DNSP-8: both only with policy=wildcard; otherwise the record is for the name itself."""
    client = world.client("persist")
    below = {"identifiers": [{"type": "dns", "value": "a.b.scope.test", "ancestorDomain": "scope.test"}]}
    for policy, good in [("policy=exact", False), ("Policy=WildCard", True)]:
        world.text(at("scope.test"), record(client, policy))
        _, exact = client.order("scope.test")
        _, wild = client.order("*.scope.test")
        sent = client.post(client.directory["newOrder"], below)
        assert sent.status == 201, sent
        shown = client.post(sent.json["authorizations"][0], None).json
        assert shown["identifier"]["value"] == "scope.test" and shown["subdomainAuthAllowed"] is True
        for order, expected in ((exact, True), (wild, good), (sent.json, good)):
            challenge, _ = answer(client, order["authorizations"][0], "dns-persist-01")
            assert (challenge["status"] == "valid") == expected, challenge
            if not expected:
                assert "need policy=wildcard" in challenge["error"]["detail"], challenge
        if good:
            issue(client, sent.headers["Location"], sent.json, ["a.b.scope.test"])


def test_persist_aliases(world):
    """S-DNSP-9: the record may be an alias; where the name itself leads does not matter."""
    client = world.client("persist")
    world.text(at("shared.example"), record(client))
    world.dns.nodes["moved.test"] = {"CNAME": "shared.example"}
    world.dns.nodes[at("aliased.test")] = {"CNAME": at("shared.example")}
    for name, status in [("moved.test", "invalid"), ("aliased.test", "valid")]:
        _, order = client.order(name)
        challenge, _ = answer(client, order["authorizations"][0], "dns-persist-01")
        assert challenge["status"] == status, challenge


def test_persist_long_record(world):
    """Its strings are joined, wherever they were cut."""
    client = world.client("persist")
    world.text(at("long.test"), record(client, "x=" + "y" * 400, "policy=wildcard"))
    _, order = client.order("*.long.test")
    assert answer(client, order["authorizations"][0], "dns-persist-01")[0]["status"] == "valid"


def test_persist_before_any_order(world):
    """newAuthz (RFC 8555 7.4.1) takes the challenge like any other."""
    client = world.client("persist")
    world.text(at("early.test"), record(client))
    sent = client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": "early.test"}})
    assert sent.status == 201, sent
    assert answer(client, sent.headers["Location"], "dns-persist-01")[0]["status"] == "valid"


def hashed(client, name):
    prefix = client.directory["meta"]["accountHashPrefix"]
    thumbprint = base64.urlsafe_b64decode(client.key.thumbprint() + "=")
    octets = bytes([len(name)]) + name.encode() + thumbprint + client.kid.encode()
    return f"{prefix}sha-256/{b64(hashlib.sha256(octets).digest())}"


def test_persist_revision_2(world):
    """S-DNSP-15: other names of members, and an account URI for each name and key; the account's URL does not count."""
    client = world.client("hashed")
    assert client.directory["meta"]["issuerDomainNames"] == ["ca.example.test"]
    assert client.directory["meta"]["accountHashPrefix"] == client.url.removesuffix("directory") + "account-hash/"
    _, order = client.order("hashed.test")
    challenge = client.challenge(order["authorizations"][0], "dns-persist-01")
    assert challenge["issuerDomainNames"] == ["ca.example.test"] and "issuer-domain-names" not in challenge
    assert challenge["accounturi"] == hashed(client, "hashed.test") and "token" not in challenge
    world.text(at("hashed.test"), record(client))
    assert "another account" in problem(answer(client, order["authorizations"][0], "dns-persist-01")[0])[2]
    world.text(at("hashed.test"), record(client, account=hashed(client, "hashed.test")))
    _, order = client.order("hashed.test")
    assert answer(client, order["authorizations"][0], "dns-persist-01")[0]["status"] == "valid"


def test_persist_after_a_new_key(world):
    """The account's URL outlives its key, and so does the record; a digest of the key does not."""
    for directory, status in [("persist", "valid"), ("hashed", "invalid")]:
        client = world.client(directory)
        name = f"{directory}.rollover.test"
        account = client.kid if directory == "persist" else hashed(client, name)
        world.text(at(name), record(client, account=account))
        new = Key()
        inner = client.jws(client.directory["keyChange"], {"account": client.kid, "oldKey": client.key.jwk()}, key=new,
                           jwk=True, drop=("nonce",))
        assert client.post(client.directory["keyChange"], inner).status == 200
        client.key = new
        _, order = client.order(name)
        assert answer(client, order["authorizations"][0], "dns-persist-01")[0]["status"] == status


def test_check_config_wants_names(world, tmp_path):
    """Without caa_identities no record could name the CA."""
    house = House(tmp_path / "ca", stub=world.dns)
    path = house.directory / "cairn-ca.yaml"
    path.write_text(re.sub(r"(?ms)^directories:\n(^ .*?\n)*", "", path.read_text()) +
                    "directories:\n  default:\n    challenges: dns-persist-01\n")
    done = subprocess.run([str(CAIRN_CA), "check-config", "--dir", str(house.directory)], capture_output=True, text=True)
    assert done.returncode != 0 and "dns-persist-01 needs caa_identities" in done.stderr, done
