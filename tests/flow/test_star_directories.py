"""Orders that renew themselves (RFC 8739) among what else a CA may have: a directory with an issuer and a profile of its
own, authorizations and orders that are used again, and rates."""
import re
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

import acme_raw
import house as house_module
import test_issuers
from acme_raw import b64, make_csr
from test_star import LIFETIME, SETS, World, leaf, text, wait_until

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


class TwoDirectories(test_issuers.World):
    """The directory "second" has its own issuer, and certificates for clients."""

    def configure(self, files, issuer="second"):
        self.house.sets += SETS
        super().configure(files, issuer)
        path = self.house.directory / "cairn-ca.yaml"
        kept = re.sub(r"(?ms)^(?:# [^\n]*\n)?profiles:\n(^ .*?\n)*", "", path.read_text())
        path.write_text(kept.replace("    issuer: second\n", "    issuer: second\n    profiles: machine\n")
                        + "profiles:\n  web: {}\n  machine:\n    lifetime: 7d\n    usages: client\n")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    made = TwoDirectories(tmp_path_factory.mktemp("star-directories"))
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text(), made.house.text()
    finally:
        made.close()


def order_star(made, client, *names, **more):
    """A valid order: its URL, and what it looks like."""
    answer = client.post(client.directory["newOrder"], {
        "identifiers": [{"type": "dns", "value": name} for name in names],
        "auto-renewal": {"end-date": text(time.time() + 600), "lifetime": LIFETIME, "allow-certificate-get": True}, **more})
    assert answer.status == 201, answer
    if answer.json["status"] == "pending":
        client.prove(answer.json, made.responder)
    done = client.post(answer.json["finalize"], {"csr": b64(make_csr(list(names)))})
    assert done.status == 200 and done.json["status"] == "valid", done
    return answer.headers["Location"], done.json


def test_a_directory_of_its_own(two, tmp_path):
    """What is renewed has the issuer and the profile the first one has, and is there below its own directory only."""
    _, order = order_star(two, two.two, "machine.example.test")
    url = order["star-certificate"]
    assert "/acme/second/star-certificate/" in url and order["profile"] == "machine"
    seen = []

    def another():
        answer = two.two.request("GET", url)
        assert answer.status == 200, answer
        if not seen or seen[-1] != answer.body:
            seen.append(answer.body)
        return len(seen) == 3

    wait_until(another)
    for chain in seen:
        (tmp_path / "chain.pem").write_bytes(chain)
        done = subprocess.run(  # it may have ended meanwhile
            ["openssl", "verify", "-no_check_time", "-CAfile", two.house.directory / "second-root.pem", "-untrusted",
             tmp_path / "chain.pem", tmp_path / "chain.pem"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        assert set(leaf(chain).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == {CLIENT}
    elsewhere = url.replace("/acme/second/", "/acme/")
    for method in ("GET", "HEAD"):
        assert two.one.request(method, elsewhere).status == 404
    assert two.one.post(elsewhere, None).status == 404
    assert two.two.post(url, None).status == 200
    # and the other way round
    _, order = order_star(two, two.one, "server.example.test")
    here = order["star-certificate"]
    assert two.one.request("GET", here).status == 200
    assert two.one.request("GET", here.replace("/acme/", "/acme/second/")).status == 404


def test_renewal_information(two):
    """RFC 9773 of such a certificate: a window as of any other, around the half, when the next one is there."""
    _, order = order_star(two, two.one, "ari.example.test")
    pem = two.one.request("GET", order["star-certificate"]).body
    answer = two.one.request("GET", f'{two.one.directory["renewalInfo"]}/{acme_raw.certificate_id(pem)}')
    assert answer.status == 200, answer
    window = answer.json["suggestedWindow"]
    certificate = leaf(pem)
    assert text_of(certificate.not_valid_before) < window["start"] < window["end"] <= text_of(certificate.not_valid_after)


def text_of(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def reuse(tmp_path):
    """Authorizations and orders are used again; a domain gets one certificate, an account three orders."""
    house = house_module.House(tmp_path / "ca", sets=[
        *SETS, "order.reuse=true", "authorization.lifetime=1h", "rates.certificates_per_domain=1/366d",
        "rates.new_orders_per_account=3/366d"])
    made = World(house)
    try:
        house.start()
        made.connect()
        yield made
        assert house.stop() == 0, house.text()[-3000:]
    finally:
        made.responder.close()
        house.close()


def names_of(*names):
    return {"identifiers": [{"type": "dns", "value": name} for name in names]}


def test_reuse_and_rates(reuse):
    """What was proved serves such an order, the order itself serves nobody else; renewals spend nothing."""
    client = reuse.client
    url, order = order_star(reuse, client, "a.reuse.test")
    again = {**names_of("a.reuse.test"), "auto-renewal": {"end-date": order["auto-renewal"]["end-date"], "lifetime": LIFETIME}}
    second = client.post(client.directory["newOrder"], again)
    assert second.status == 201 and second.json["status"] == "ready", second
    assert second.headers["Location"] != url and second.json["authorizations"] == order["authorizations"]
    plain = client.post(client.directory["newOrder"], names_of("a.reuse.test"))
    assert plain.status == 201 and plain.headers["Location"] not in (url, second.headers["Location"]), plain
    assert "auto-renewal" not in plain.json
    wait_until(lambda: len(reuse.states(url)) >= 3 and 0 not in reuse.states(url))  # the domain's rate is used up
    assert client.post(url, None).json["status"] == "valid"
    pem = client.request("GET", order["star-certificate"]).body
    # the account's is, too: neither renewing nor replacing what the CA renews is free
    refused = client.post(client.directory["newOrder"], {**names_of("a.reuse.test"), "replaces": acme_raw.certificate_id(pem)})
    assert refused.status == 429 and refused.type == "rateLimited", refused
    other = acme_raw.Client(reuse.house.url, reuse.house.root)
    other.register()
    refused = other.post(other.directory["newOrder"], names_of("b.reuse.test"))
    assert refused.status == 429 and "reuse.test" in refused.json["detail"], refused
    assert other.post(other.directory["newOrder"], names_of("a.reuse.test")).status == 201  # a renewal of that set
    # whoever gives up the one authorization gives up what rests on it
    assert client.post(order["authorizations"][0], {"status": "deactivated"}).status == 200
    wait_until(lambda: client.post(url, None).json["status"] == "canceled")
    assert client.post(second.headers["Location"], None).json["status"] == "invalid"
