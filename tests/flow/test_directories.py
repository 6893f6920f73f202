"""Several directories on one server, and profiles (draft-aaron-acme-profiles): rows S-PROF-1 to S-PROF-8; row 60 of what
others do."""
import datetime
import os
import re
import signal
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from acme_raw import Client, Key, b64, make_csr
from house import House
from responder import Responder

EXTRA = """
profiles:
  web:
    description: TLS servers
  short:
    description: https://ca.example.test/short
    lifetime: 160h
    max_names: 2
  machine:
    lifetime: 7d
    usages: client
  both:
    lifetime: 1d
    usages: [server, client]
    identifiers: dns
  closed:
    restricted: true
    accounts: [1]
directories:
  default:
    profiles: [web, short, both, closed]
  fleet:
    profiles: machine
    challenges: http-01
    allow_names: .fleet.example.test
    deny_names: secret.fleet.example.test
  public:
    profiles: web
    public_names: true
"""


def configure(house, text):
    path = house.directory / "cairn-ca.yaml"
    kept = re.sub(r"(?ms)^(?:# [^\n]*\n)?(profiles|directories|issuers):\n(^ .*?\n)*", "", path.read_text())
    path.write_text(kept + text)


class World:
    def __init__(self, folder):
        self.house = House(folder / "ca", make=True)
        configure(self.house, EXTRA)
        self.house.start()
        self.responder = Responder(self.house.http_port)
        self.fleet = self.house.url.replace("/acme/", "/acme/fleet/")
        self.one = Client(self.house.url, self.house.root)
        self.one.register()
        self.two = Client(self.fleet, self.house.root)
        self.two.register()
        self.other = Client(self.house.url, self.house.root)
        self.other.register()

    def close(self):
        self.responder.close()
        self.house.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("directories"))
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text(), made.house.text()
    finally:
        made.close()


def ask(client, *names, **fields):
    return client.post(client.directory["newOrder"],
                       {"identifiers": [{"type": "dns", "value": name} for name in names], **fields})


def issue(world, client, name, **fields):
    """The order that was made, and its certificate."""
    made = ask(client, name, **fields)
    assert made.status == 201, made
    client.prove(made.json, world.responder)
    done = client.post(made.json["finalize"], {"csr": b64(make_csr([name]))}).json
    assert done["status"] == "valid", done
    assert done["profile"] == made.json["profile"]
    return made.json, x509.load_pem_x509_certificate(client.post(done["certificate"], None).body)


def lifetime(certificate):
    return certificate.not_valid_after - certificate.not_valid_before + datetime.timedelta(seconds=1)


def usages(certificate):
    return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def test_each_directory_says_what_it_has(world):
    assert world.one.directory["meta"]["profiles"] == {
        "web": "TLS servers", "short": "https://ca.example.test/short", "both": "both", "closed": "closed"}
    assert world.two.directory["meta"]["profiles"] == {"machine": "machine"}
    for name, url in world.two.directory.items():
        assert name == "meta" or not isinstance(url, str) or "/acme/fleet/" in url or not url.startswith("https:"), url
    assert "/fleet/" not in world.one.directory["newOrder"]


@pytest.mark.parametrize("profile, days, expected", [
    (None, 90, {SERVER}), ("web", 90, {SERVER}), ("short", 160 / 24, {SERVER}), ("both", 1, {SERVER, CLIENT})])
def test_a_profile_makes_the_certificate(world, profile, days, expected):
    """S-PROF-3, 4: it is shown, also when nobody asked for it."""
    fields = {"profile": profile} if profile else {}
    order, certificate = issue(world, world.other, "a.example.test", **fields)
    assert order["profile"] == profile or profile is None and order["profile"] == "web"
    assert lifetime(certificate) == datetime.timedelta(days=days)
    assert usages(certificate) == expected


def test_openssl_takes_a_client_certificate_for_clients_only(world, tmp_path):
    _, certificate = issue(world, world.two, "m1.fleet.example.test")
    assert lifetime(certificate) == datetime.timedelta(days=7) and usages(certificate) == {CLIENT}
    (tmp_path / "leaf.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    for purpose, good in (("sslclient", True), ("sslserver", False)):
        done = subprocess.run(["openssl", "verify", "-purpose", purpose, "-CAfile", world.house.root, "-untrusted",
                               world.house.directory / "intermediate.pem", tmp_path / "leaf.pem"],
                              capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == good, done


@pytest.mark.parametrize("fields, status, kind, words", [
    ({"profile": "none"}, 400, "invalidProfile", "meta"), ({"profile": "machine"}, 400, "invalidProfile", "machine"),
    ({"profile": ""}, 400, "invalidProfile", ""), ({"profile": 7}, 400, "malformed", "profile"),
    ({"profile": ["web"]}, 400, "malformed", "profile"), ({"profile": "closed"}, 403, "unauthorized", "restricted")])
def test_a_profile_that_cannot_be_had(world, fields, status, kind, words):
    """S-PROF-2; nothing is changed."""
    before = world.house.content()
    answer = ask(world.other, "a.example.test", **fields)
    assert (answer.status, answer.type) == (status, kind) and words in answer.json["detail"], answer
    assert world.house.content() == before


def test_names_that_the_profile_does_not_take(world):
    """S-PROF-2: it does not go with the rest of the order."""
    answer = world.other.post(world.other.directory["newOrder"],
                              {"identifiers": [{"type": "ip", "value": "192.0.2.1"}], "profile": "both"})
    assert (answer.status, answer.type) == (400, "invalidProfile") and "both" in answer.json["detail"], answer


def test_what_a_request_asks_for_beside_names_and_key(world):
    """S-PROF-6: the profile says what is in the certificate."""
    name = "asks.example.test"
    made = ask(world.other, name, profile="web").json
    world.other.prove(made, world.responder)
    key = ec.generate_private_key(ec.SECP256R1())
    request = (x509.CertificateSigningRequestBuilder()
               .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Somebody")]))
               .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
               .add_extension(x509.ExtendedKeyUsage([CLIENT, ExtendedKeyUsageOID.CODE_SIGNING]), True)
               .add_extension(x509.KeyUsage(False, True, False, False, False, True, True, False, False), True)
               .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))
    done = world.other.post(made["finalize"], {"csr": b64(request.public_bytes(Encoding.DER))}).json
    asked = x509.load_pem_x509_certificate(world.other.post(done["certificate"], None).body)
    _, plain = issue(world, world.other, name, profile="web")
    assert usages(asked) == {SERVER} and not asked.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert asked.subject == plain.subject and lifetime(asked) == lifetime(plain)
    for kind in (x509.ExtendedKeyUsage, x509.KeyUsage, x509.BasicConstraints):
        assert asked.extensions.get_extension_for_class(kind) == plain.extensions.get_extension_for_class(kind)


def test_an_authorization_serves_the_profiles_of_its_directory(world):
    """S-PROF-7: profiles have no say in how a name is proved, so all of one directory go together; directories have, and
    share nothing."""
    name = "shared.fleet.example.test"
    key = Key()
    here, there = (Client(url, world.house.root, key) for url in (world.house.url, world.fleet))
    here.register()
    there.register()
    first, _ = issue(world, here, name, profile="web")
    for profile in ("short", "both", None):
        again = ask(here, name, **({"profile": profile} if profile else {})).json
        assert again["status"] == "ready" and again["authorizations"] == first["authorizations"], again
    other = ask(there, name).json
    assert other["status"] == "pending" and there.post(other["authorizations"][0], None).json["status"] == "pending"


def test_public_names_only(world):
    """S-NEWO-8: what nobody can hold on the Internet is refused where it is asked for."""
    client = Client(world.house.url.replace("/acme/", "/acme/public/"), world.house.root)
    client.register()
    before = world.house.content()
    answer = ask(client, "a.example.test", "www.cairn-ca.org", "*.co.uk", "host.internal", "org")
    assert (answer.status, answer.type) == (400, "rejectedIdentifier"), answer
    assert [(p["type"].rpartition(":")[2], p["identifier"]["value"]) for p in answer.json["subproblems"]] == [
        ("rejectedIdentifier", name) for name in ("a.example.test", "*.co.uk", "host.internal", "org")]
    answer = client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": "co.uk"}})
    assert (answer.status, answer.type) == (403, "rejectedIdentifier") and "public suffix" in answer.json["detail"], answer
    assert world.house.content() == before
    assert ask(client, "www.cairn-ca.org", "*.cairn-ca.org").status == 201
    assert ask(world.other, "host.internal").status == 201, "a private CA certifies what its network has"


def test_a_restricted_profile_is_open_to_its_account(world):
    assert world.one.kid.endswith("/account/1")
    assert ask(world.one, "a.example.test", profile="closed").json["profile"] == "closed"


def test_as_many_names_as_the_profile_allows(world):
    assert ask(world.other, "a.test", "b.test", profile="short").status == 201
    answer = ask(world.other, "a.test", "b.test", "c.test", profile="short")
    assert answer.type == "malformed" and "at most 2" in answer.json["detail"], answer
    assert ask(world.other, "a.test", "b.test", "c.test", profile="web").status == 201


def test_an_end_within_the_profile_s_lifetime(world):
    late = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=8)
    end = {"notAfter": late.strftime("%Y-%m-%dT%H:%M:%SZ")}
    assert ask(world.other, "a.test", profile="short", **end).type == "malformed"
    assert ask(world.other, "a.test", profile="web", **end).status == 201


@pytest.mark.parametrize("name, good", [("m2.fleet.example.test", True), ("fleet.example.test", False),
                                        ("a.example.test", False), ("secret.fleet.example.test", False),
                                        ("xfleet.example.test", False)])
def test_the_names_of_a_directory(world, name, good):
    answer = ask(world.two, name)
    assert (answer.status == 201) == good, answer
    if not good:
        assert answer.type == "rejectedIdentifier" and name in answer.json["detail"]
        assert answer.json["subproblems"][0]["identifier"]["value"] == name


def offered(client, url):
    return [challenge["type"] for challenge in client.post(url, None).json["challenges"]]


def test_the_challenges_of_a_directory(world):
    url = ask(world.two, "m3.fleet.example.test").json["authorizations"][0]
    assert offered(world.two, url) == ["http-01"]
    assert "dns-01" in offered(world.one, ask(world.one, "m3.fleet.example.test").json["authorizations"][0])
    challenge = world.two.challenge(url)["url"].replace("http-01", "dns-01")
    assert world.two.post(challenge, {}).status == 404
    answer = ask(world.two, "*.fleet.example.test")
    assert answer.type == "rejectedIdentifier" and "no challenge" in answer.json["detail"], answer


def test_an_account_belongs_to_its_directory(world):
    """One key has an account in each directory; none is good in the other."""
    key = Key()
    here, there = (Client(url, world.house.root, key) for url in (world.house.url, world.fleet))
    here.register()
    missing = there.post(there.directory["newAccount"], {"onlyReturnExisting": True}, jwk=True)
    assert (missing.status, missing.type) == (400, "accountDoesNotExist"), missing
    there.register()
    assert here.kid != there.kid and "/acme/fleet/account/" in there.kid
    number = here.kid.rpartition("/")[2]
    content = world.house.content()
    for kid in (here.kid, there.kid.rpartition("/")[0] + "/" + number):
        answer = there.post(there.directory["newOrder"], {"identifiers": []}, header={"kid": kid})
        assert (answer.status, answer.type) == (400, "accountDoesNotExist"), answer
    answer = here.post(here.directory["newOrder"], {"identifiers": []}, header={"kid": there.kid})
    assert (answer.status, answer.type) == (400, "accountDoesNotExist"), answer
    # what an account has is not there in the other directory either
    url, _ = here.order("a.example.test")
    answer = there.post(url.replace("/acme/", "/acme/fleet/"), None)
    assert answer.status == 404, answer
    orders = world.house.content()
    assert there.post(url, None).type == "accountDoesNotExist"
    assert content != orders and world.house.content() == orders


def test_a_key_change_looks_at_its_own_directory(world):
    first, second = Key(), Key()
    here, there = Client(world.house.url, world.house.root, first), Client(world.fleet, world.house.root, second)
    here.register()
    there.register()
    url = here.directory["keyChange"]
    inner = here.jws(url, {"account": here.kid, "oldKey": first.jwk()}, key=second, jwk=True, drop=("nonce",))
    assert here.post(url, inner).status == 200, "the other directory's account must be no hindrance"


def test_what_is_not_there(world):
    for path in ("/acme/nowhere/directory", "/acme/default/directory", "/acme/fleet", "/acme/fleet/", "/acme/fleet/fleet/directory",
                 "/acme/FLEET/directory", "/acme//directory"):
        answer = world.one.request("GET", path)
        assert answer.status == 404 and answer.type == "malformed", (path, answer)
        assert "/acme/directory" in answer.headers["Link"]
    answer = world.one.request("GET", "/acme/fleet/new-order")
    assert answer.status == 405 and "/acme/fleet/directory" in answer.headers["Link"]


def reload(house, text):
    """Until all of it is over: the CA makes itself a certificate, which is in the store as every other."""
    configure(house, text)
    since = len(house.text())
    os.kill(house.process.pid, signal.SIGHUP)
    house.wait_for_line(r"proc\.reloaded", since)
    house.wait_for_line(r" tls\.certificate names=", since)
    for _ in range(100):
        if not house.unfinished():
            return
        time.sleep(0.1)
    raise AssertionError("an issuance does not end")


def test_a_profile_that_is_retired_before_finalize(tmp_path):
    """S-PROF-5: finalize says so, and nothing else changes."""
    house = House(tmp_path / "ca")
    try:
        configure(house, EXTRA)
        house.start()
        responder = Responder(house.http_port)
        client = Client(house.url, house.root)
        client.register()
        made = ask(client, "a.example.test", profile="short").json
        client.prove(made, responder)
        reload(house, EXTRA.replace("web, short, both", "web, both"))
        before = house.content()
        answer = client.post(made["finalize"], {"csr": b64(make_csr(["a.example.test"]))})
        assert (answer.status, answer.type) == (400, "invalidProfile") and "short" in answer.json["detail"], answer
        assert house.content() == before
        responder.close()
        assert house.stop() == 0
    finally:
        house.close()


@pytest.mark.parametrize("old, new, kind", [
    ("    profiles: [web, short, both, closed]\n",
     "    profiles: [web, short, both, closed]\n    deny_names: a.example.test\n", "rejectedIdentifier"),
    ("    profiles: [web, short, both, closed]\n",
     "    profiles: [web, short, both, closed]\n    allow_names: .other.test\n", "rejectedIdentifier"),
    ("    max_names: 2\n", "    max_names: 2\n    identifiers: ip\n", "invalidProfile"),
    ("    max_names: 2\n", "    max_names: 2\n    restricted: true\n    accounts: [77]\n", "unauthorized"),
])
def test_rules_that_became_stricter_before_finalize(tmp_path, old, new, kind):
    """What the operator forbids is not certified, though an order from before is ready. It is again when he allows it."""
    house = House(tmp_path / "ca")

    try:
        configure(house, EXTRA)
        house.start()
        responder = Responder(house.http_port)
        client = Client(house.url, house.root)
        client.register()
        made = ask(client, "a.example.test", profile="short").json
        client.prove(made, responder)
        assert old in EXTRA
        reload(house, EXTRA.replace(old, new))
        before = house.content()
        csr = {"csr": b64(make_csr(["a.example.test"]))}
        answer = client.post(made["finalize"], csr)
        assert answer.status in (400, 403) and answer.type == kind, answer
        assert house.content() == before
        reload(house, EXTRA)
        assert client.post(made["finalize"], csr).status == 200
        responder.close()
        assert house.stop() == 0
    finally:
        house.close()


def test_no_default_directory(tmp_path):
    house = House(tmp_path / "ca")
    try:
        configure(house, "\ndirectories:\n  one: {}\n  two: {}\n")
        house.start()
        assert house.url.endswith("/acme/one/directory")
        client = Client(house.url, house.root)
        client.register()
        assert client.request("GET", "/acme/directory").status == 404
        assert client.request("GET", "/acme/root.pem").status == 200
        assert client.request("GET", "/acme/two/directory").status == 200
        assert house.stop() == 0
    finally:
        house.close()
