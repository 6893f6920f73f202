"""Subdomain authorization (RFC 9444): rows S-SUBD. A name that is proved in the DNS serves all names below it, where the
settings allow that."""
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import acme_raw
import house as house_module
import world as world_module
from acme_raw import b64, make_csr
from rejudged import nothing_found

CLOSE = {"status": "deactivated"}


class World:
    def __init__(self, directory, *sets):
        self.dns = world_module.Dns(port=0)
        self.house = house_module.House(directory, stub=self.dns, sets=sets)
        self.house.start()
        self.client = self.stranger()
        self.counter = 0

    def stranger(self):
        made = acme_raw.Client(self.house.url, self.house.root)
        made.register()
        return made

    def domain(self):
        self.counter += 1
        return f"d{self.counter}.sub.test"

    def prove(self, authorization, client=None):
        """By dns-01, at the name the authorization is for (RFC 9444 3)."""
        client = client or self.client
        shown = client.post(authorization, None).json
        challenge = next(c for c in shown["challenges"] if c["type"] == "dns-01")
        digest = hashlib.sha256(f'{challenge["token"]}.{client.key.thumbprint()}'.encode()).digest()
        self.dns.nodes["_acme-challenge." + shown["identifier"]["value"]] = {"TXT": [[b64(digest).encode()]]}
        assert client.post(challenge["url"], {}).status == 200
        final = client.poll(authorization, ("valid", "invalid")).json
        assert final["status"] == "valid", final
        return final

    def preauthorized(self, domain=None, client=None):
        """A domain whose subdomains are proved, and the authorization."""
        domain = domain or self.domain()
        url = ask(client or self.client, domain, subdomainAuthAllowed=True).headers["Location"]
        self.prove(url, client)
        return domain, url

    def close(self):
        code, text = self.house.stop(), self.house.text()
        self.house.close()
        self.dns.close()
        assert code == 0 and "AddressSanitizer" not in text and "runtime error" not in text, text


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("subdomains") / "ca", "authorization.subdomains=true")
    yield made
    nothing_found(made.house)
    made.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A CA as it is by default."""
    made = World(tmp_path_factory.mktemp("plain") / "ca")
    yield made
    made.close()


def ask(client, name, **more):
    answer = client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": name, **more}})
    assert answer.status in (200, 201), answer
    return answer


def order(client, *identifiers):
    """Each a name, or a pair of a name and its ancestorDomain."""
    listed = [{"type": "dns", "value": i} if isinstance(i, str) else {"type": "dns", "value": i[0], "ancestorDomain": i[1]}
              for i in identifiers]
    answer = client.post(client.directory["newOrder"], {"identifiers": listed})
    assert answer.status == 201, answer
    return answer.headers["Location"], answer.json


def names_of(client, url):
    """Those in the certificate of an order."""
    final = client.poll(url, ("valid", "invalid")).json
    leaf = x509.load_pem_x509_certificate(client.post(final["certificate"], None).body)
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(found.get_values_for_type(x509.DNSName))


def finalize(client, made, *names):
    return client.post(made["finalize"], {"csr": b64(make_csr(names))})


def test_directory(world, plain):
    """S-SUBD-1."""
    assert world.client.directory["meta"]["subdomainAuthAllowed"] is True
    assert "subdomainAuthAllowed" not in plain.client.directory["meta"]


def test_asked_for_in_advance(world):
    """S-SUBD-2, 3, 7, 8: the flow of RFC 9444 5. Only the DNS proves it, and no order needs anything more."""
    client, domain = world.client, world.domain()
    answer = ask(client, domain.upper(), subdomainAuthAllowed=True)
    url = answer.headers["Location"]
    assert answer.status == 201 and answer.json["status"] == "pending", answer
    assert answer.json["identifier"] == {"type": "dns", "value": domain}
    assert answer.json["subdomainAuthAllowed"] is True and answer.json["wildcard"] is True
    assert [c["type"] for c in answer.json["challenges"]] == ["dns-01"]
    content = world.house.content()
    http = client.post(answer.json["challenges"][0]["url"].replace("dns-01", "http-01"), {})
    assert http.status == 404 and http.type == "malformed", http
    assert world.house.content() == content
    assert order(client, f"early.{domain}")[1]["status"] == "pending"
    final = world.prove(url)
    assert final["subdomainAuthAllowed"] is True and final["wildcard"] is True
    assert ask(client, domain, subdomainAuthAllowed=True).headers["Location"] == url
    for names in ([f"sub1.{domain}"], [f"sub2.{domain}"], [f"a.b.c.{domain}", f"*.{domain}", f"*.x.{domain}", domain]):
        order_url, made = order(client, *names)
        assert made["status"] == "ready" and made["authorizations"] == [url], made
        assert [i["value"] for i in made["identifiers"]] == names
        assert finalize(client, made, *names).status == 200
        assert names_of(client, order_url) == sorted(names)


def test_what_it_does_not_cover(world):
    """Whole labels count, and other accounts do not."""
    domain, url = world.preauthorized()
    for name in (f"x{domain}", domain.split(".", 1)[1], f"other.{domain[1:]}", f"{domain}.org"):
        made = order(world.client, name)[1]
        assert made["status"] == "pending" and url not in made["authorizations"], name
    made = order(world.stranger(), f"a.{domain}")[1]
    assert made["status"] == "pending" and url not in made["authorizations"]


def test_it_serves_no_stranger_in_the_same_order(world):
    """A name with fewer names above it than the one before."""
    domain, url = world.preauthorized()
    _, made = order(world.client, f"a.b.c.{domain}", "victim.org")
    assert made["authorizations"][0] == url and url not in made["authorizations"][1:], made
    assert made["status"] == "pending"
    assert finalize(world.client, made, f"a.b.c.{domain}", "victim.org").type == "orderNotReady"
    order(world.client, f"d.e.f.{domain}")
    _, made = order(world.client, "another.org")
    assert made["status"] == "pending" and url not in made["authorizations"], made


def test_an_authorization_of_the_name_alone(world):
    """A plain one, proved or not, is not for subdomains, nor turns into one."""
    client, domain = world.client, world.domain()
    alone = ask(client, domain)
    assert "subdomainAuthAllowed" not in alone.json and "wildcard" not in alone.json
    assert {c["type"] for c in alone.json["challenges"]} == {"http-01", "dns-01", "tls-alpn-01"}
    url = alone.headers["Location"]
    world.prove(url)
    assert order(client, f"a.{domain}")[1]["status"] == "pending"
    below = ask(client, domain, subdomainAuthAllowed=True)
    assert below.status == 201 and below.headers["Location"] != url and below.json["status"] == "pending"
    assert ask(client, domain, subdomainAuthAllowed=False).headers["Location"] == url


def test_an_order_names_the_domain(world):
    """S-SUBD-4: that domain is challenged, at each level that may be named; one authorization for all names below it."""
    client = world.client
    for level in (1, 2, 3):
        domain = world.domain()
        name = ".".join(["c", "b", "a"][3 - level:] + [domain])
        url, made = order(client, (name, domain))
        assert made["identifiers"] == [{"type": "dns", "value": name}]
        shown = client.post(made["authorizations"][0], None).json
        assert shown["identifier"]["value"] == domain and shown["subdomainAuthAllowed"] is True, shown
        assert [c["type"] for c in shown["challenges"]] == ["dns-01"]
        world.prove(made["authorizations"][0])
        assert client.post(url, None).json["status"] == "ready"
        assert finalize(client, made, name).status == 200
        assert names_of(client, url) == [name]
        assert order(client, f"later.{domain}")[1]["status"] == "ready"
    one, two = world.domain(), world.domain()
    names = [f"a.{one}", f"*.b.{one}", two, f"c.{two}"]
    url, made = order(client, (names[0], one), (names[1], one), names[2], names[3])
    assert [i["value"] for i in made["identifiers"]] == names
    assert len(made["authorizations"]) == len(set(made["authorizations"])) == 3
    assert client.post(url, None).json == made
    world.prove(made["authorizations"][0])
    assert client.post(url, None).json["status"] == "pending"
    for authorization in made["authorizations"][1:]:
        world.prove(authorization)
    assert finalize(client, made, *names).status == 200
    assert names_of(client, url) == sorted(names)


def test_what_is_proved_needs_no_domain(world):
    """A name the account has proved itself, or a domain above it: neither is challenged again."""
    domain, url = world.preauthorized()
    made = order(world.client, (f"a.b.{domain}", f"b.{domain}"), (f"c.{domain}", domain))[1]
    assert made["status"] == "ready" and made["authorizations"] == [url]


@pytest.mark.parametrize("name, above", [
    ("ooo.a.test", "oo.a.test"), ("a.test", "a.test"), ("a.test", "b.a.test"), ("a.b.test", "c.test"), ("a.b.test", ""),
    ("a.b.test", "."), ("a.b.test", "*.b.test"), ("a.b.test", "b.test."), ("a.b.test", 7), ("a.b.test", ["b.test"]),
    ("a.b.test", None), ("a.b.test", "b_.test"), ("*.b.test", "*.b.test")])
def test_what_is_no_domain_above(world, name, above):
    """S-SUBD-5."""
    content = world.house.content()
    answer = world.client.post(world.client.directory["newOrder"],
                               {"identifiers": [{"type": "dns", "value": name, "ancestorDomain": above}]})
    assert (answer.status, answer.type) == (400, "malformed"), answer
    assert world.house.content() == content


@pytest.mark.parametrize("value", ["yes", 1, None, []])
def test_what_is_no_wish(world, value):
    """Only true and false are."""
    content = world.house.content()
    answer = world.client.post(world.client.directory["newAuthz"], {
        "identifier": {"type": "dns", "value": "wish.test", "subdomainAuthAllowed": value}})
    assert (answer.status, answer.type) == (400, "malformed"), answer
    assert world.house.content() == content


def test_where_policy_refuses(world, plain):
    """S-SUBD-3, S-SUBD-6: everywhere by default, and for all of a top-level domain: the name itself is authorized."""
    for made_by, name, above in [(plain, "a.b.refused.test", "refused.test"), (world, "refused.test", "test")]:
        client = made_by.client
        shown = client.post(order(client, (name, above))[1]["authorizations"][0], None).json
        assert shown["identifier"]["value"] == name and "subdomainAuthAllowed" not in shown, shown
        shown = ask(client, above, subdomainAuthAllowed=True).json
        assert shown["identifier"]["value"] == above and "subdomainAuthAllowed" not in shown, shown
        assert "http-01" in [c["type"] for c in shown["challenges"]]


def test_members_of_the_other_request(world):
    """S-SUBD-10: passed over, whatever they are."""
    client = world.client
    for junk in (True, "x", 7, None, {"a": []}):
        domain = world.domain()
        answer = client.post(client.directory["newOrder"], {
            "identifiers": [{"type": "dns", "value": f"a.{domain}", "subdomainAuthAllowed": junk}]})
        shown = client.post(answer.json["authorizations"][0], None).json
        assert shown["identifier"]["value"] == f"a.{domain}" and "subdomainAuthAllowed" not in shown
        shown = ask(client, f"a.{domain}", ancestorDomain=junk).json
        assert shown["identifier"]["value"] == f"a.{domain}" and "subdomainAuthAllowed" not in shown


def test_the_end_of_it(world):
    """RFC 9444 6.1: deactivated, it serves nothing, and orders that rest on it are over."""
    domain, url = world.preauthorized()
    order_url, made = order(world.client, f"a.{domain}")
    assert world.client.post(url, CLOSE).status == 200
    assert world.client.post(order_url, None).json["status"] == "invalid"
    answer = finalize(world.client, made, f"a.{domain}")
    assert (answer.status, answer.type) == (403, "orderNotReady"), answer
    assert order(world.client, f"b.{domain}")[1]["status"] == "pending"


def test_it_is_no_longer_allowed(tmp_path):
    """The operator's word counts when an order is made: what was proved for all names below serves the name alone."""
    world = World(tmp_path / "ca", "authorization.subdomains=true")
    domain, url = world.preauthorized()
    assert order(world.client, f"a.{domain}")[1]["status"] == "ready"
    assert world.house.stop() == 0
    world.house.sets = []
    world.house.start()
    world.client.connect()
    assert order(world.client, f"b.{domain}")[1]["status"] == "pending"
    assert order(world.client, domain)[1]["authorizations"] == [url]
    world.close()


def test_another_account_revokes(world):
    """RFC 8555 7.6: who has proved the domain has proved the names below it."""
    domain = world.domain()
    url, made = order(world.client, (f"a.{domain}", domain))
    world.prove(made["authorizations"][0])
    assert finalize(world.client, made, f"a.{domain}").status == 200
    final = world.client.poll(url, ("valid",)).json
    leaf = x509.load_pem_x509_certificate(world.client.post(final["certificate"], None).body)
    other = world.stranger()
    payload = {"certificate": b64(leaf.public_bytes(serialization.Encoding.DER))}
    answer = other.post(other.directory["revokeCert"], payload)
    assert (answer.status, answer.type) == (403, "unauthorized"), answer
    world.preauthorized(domain, other)
    assert other.post(other.directory["revokeCert"], payload).status == 200
