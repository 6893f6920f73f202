"""Addresses as identifiers (RFC 8738): rows S-IP of the conformance list, rows 57, 82 and 9.12 of what other servers do."""
import os
import sqlite3
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import acme_raw
import house as house_module
import world as world_module
from acme_raw import b64, make_csr
from judges import output
from world import ALLOWED_V4, ALLOWED_V6, PUBLIC_V4, PUBLIC_V6, REFUSING_V6, onward, proof, say

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root")


def judge(pem, root, addresses, names=(), folder=None):
    """By openssl, certtool and python3-cryptography: for these and no others, and not as names."""
    (folder / "chain.pem").write_bytes(pem)
    for address in addresses:
        output(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", address, "-CAfile", root,
                "-untrusted", folder / "chain.pem", folder / "chain.pem"])
        output(["certtool", "--verify", "--load-ca-certificate", root, "--verify-hostname", address],
               input=pem.decode())
    other = subprocess.run(["openssl", "verify", "-verify_ip", "192.0.2.99", "-CAfile", str(root), "-untrusted",
                            str(folder / "chain.pem"), str(folder / "chain.pem")], capture_output=True, check=False)
    assert other.returncode != 0
    leaf = x509.load_pem_x509_certificate(pem)
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(a) for a in found.value.get_values_for_type(x509.IPAddress)] == list(addresses)
    assert found.value.get_values_for_type(x509.DNSName) == list(names)
    assert len(found.value) == len(addresses) + len(names)
    assert found.critical and not leaf.subject.rdns
    return leaf


# ---- a small Internet with the ports that are meant ----

@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = world_module.World(tmp_path_factory.mktemp("world"))
    try:
        yield made
        made.end()
    finally:
        made.close()


@needs_root
@pytest.mark.parametrize("address, host", [(PUBLIC_V4, PUBLIC_V4), (PUBLIC_V6, f"[{PUBLIC_V6}]:80"),
                                           (ALLOWED_V4, ALLOWED_V4), (ALLOWED_V6, f"[{ALLOWED_V6}]:80")])
def test_http_01(world, tmp_path, address, host):
    """S-IP-2, S-IP-3, S-IP-5: the address itself is asked, nothing is looked up, and nothing in the DNS proves it."""
    world.set_up({}, {host: proof})
    world.dns.asked.clear()
    client = world.client()
    url, order = client.order(address)
    assert order["identifiers"] == [{"type": "ip", "value": address}]
    authorization = client.post(order["authorizations"][0], None).json
    assert authorization["identifier"] == {"type": "ip", "value": address} and "wildcard" not in authorization
    assert [c["type"] for c in authorization["challenges"]] == ["http-01", "tls-alpn-01"]
    result = world.prove(address)
    result.must_be(None, ())
    (hit,) = result.hits
    assert (hit.address, hit.port, hit.host) == (address, 80, host)
    assert hit.line == f"GET /.well-known/acme-challenge/{hit.token} HTTP/1.1"
    shown = f"[{address}]" if ":" in address else address
    assert result.record == [{"url": f"http://{shown}/.well-known/acme-challenge/{hit.token}",
                              "address": f"{shown}:80", "status": 200}]
    assert world.dns.asked == []
    answer = client.post(result.order["finalize"], {"csr": b64(make_csr([], addresses=[address]))})
    assert answer.json["status"] == "valid", answer
    judge(client.post(answer.json["certificate"], None).body, world.house.root, [address], folder=tmp_path)


@needs_root
def test_http_01_refusals(world):
    world.set_up({}, {PUBLIC_V4: say(world_module.response(404)), f"[{REFUSING_V6}]:80": proof})
    result = world.prove(PUBLIC_V4)
    result.must_be("unauthorized", [f"http://{PUBLIC_V4}/.well-known/", f"{PUBLIC_V4}:80", "404"])
    result = world.prove(REFUSING_V6)
    result.must_be("connection", [f"http://[{REFUSING_V6}]/.well-known/", f"[{REFUSING_V6}]:80", "Connection refused"])
    # redirects are followed as for names; to another address, and to where nobody may go
    world.set_up({}, {PUBLIC_V4: onward(f"http://[{PUBLIC_V6}]"), f"[{PUBLIC_V6}]": proof})
    result = world.prove(PUBLIC_V4)
    result.must_be(None, ())
    assert [hit.host for hit in result.hits] == [PUBLIC_V4, f"[{PUBLIC_V6}]"]
    world.set_up({}, {PUBLIC_V4: onward("http://10.77.0.1")})
    world.prove(PUBLIC_V4).must_be("connection", ["10.77.0.1", "private use"])


# ---- what may be ordered, what may be in the request ----

REFUSED = [
    ("2001:DB8::1", "malformed", "2001:db8::1"), ("2001:db8:0:0::1", "malformed", "2001:db8::1"),
    ("192.0.2.01", "malformed", "leading zeros"), ("::ffff:192.0.2.1", "malformed", "192.0.2.1"),
    ("[2001:db8::1]", "malformed", "2001:db8::1"), ("fe80::1%lo", "malformed", "no address"),
    ("192.0.2.0/24", "malformed", "network"), ("2001:db8::/32", "malformed", "network"),
    ("*.192.0.2.1", "malformed", "no address"), ("192.0.2.1:80", "malformed", "192.0.2.1"),
    ("", "malformed", "no address"), ("ip.test", "malformed", "no address"), ("127.1", "malformed", "no address"),
    ("10.0.0.1", "rejectedIdentifier", "private use"), ("192.0.2.1", "rejectedIdentifier", "documentation"),
    ("169.254.169.254", "rejectedIdentifier", "link local"), ("0.0.0.0", "rejectedIdentifier", "this network"),
    ("255.255.255.255", "rejectedIdentifier", "255.255.255.255"), ("224.0.0.1", "rejectedIdentifier", "multicast"),
    ("::1", "rejectedIdentifier", "loopback"), ("fe80::1", "rejectedIdentifier", "link local"),
    ("fd00::1", "rejectedIdentifier", "unique local"), ("2001:db8::1", "rejectedIdentifier", "documentation"),
    ("64:ff9b::a00:1", "rejectedIdentifier", "private use"), ("ff02::1", "rejectedIdentifier", "multicast")
]


def test_orders_refused(house, client):
    """S-IP-1, S-IP-7, S-IP-8: with what to do, and nothing is stored. As names they are refused too."""
    before = house.content()
    for value, problem, words in REFUSED:
        answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": "ip", "value": value}]})
        assert answer.status == 400 and answer.type == problem and words in answer.json["detail"], (value, answer)
        assert [p["identifier"] for p in answer.json["subproblems"]] == [{"type": "ip", "value": value}]
        if value != "ip.test":
            answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": value}]})
            assert answer.status == 400 and answer.type == "malformed", (value, answer)
    assert house.content() == before


def test_names_and_addresses(house, client, responder, tmp_path):
    """S-IP-6, X-CSR-2: the common name is an echo at most."""
    names, addresses = ["a.flow.test", "b.flow.test"], ["127.0.0.1", "127.0.0.2"]
    other = acme_raw.Client(house.url, house.root)
    other.register()
    responders = [type(responder)(house.http_port, "127.0.0.2")]
    responders[0].tokens = responder.tokens
    url, order = client.order(names[0], addresses[0], names[1], addresses[1], addresses[0])
    assert [i["value"] for i in order["identifiers"]] == [names[0], addresses[0], names[1], addresses[1]]
    client.prove(order, responder)
    name_for_address = make_csr([*names, addresses[0]], addresses=addresses[1:])
    for csr, words in [
            (make_csr(names), ["lacks", addresses[0], addresses[1]]), (make_csr([], addresses=addresses), ["lacks", *names]),
            (make_csr(names, addresses=[*addresses, "127.0.0.3"]), ["127.0.0.3"]), (name_for_address, [addresses[0]]),
            (make_csr([*names, *addresses]), addresses),
            (make_csr(names, common_name=addresses[0], addresses=addresses[1:]), [addresses[0], "iPAddress"]),
            (make_csr(names, common_name="127.0.0.3", addresses=addresses), ["127.0.0.3", "iPAddress"])]:
        before = house.content()
        answer = client.post(order["finalize"], {"csr": b64(csr)})
        assert answer.status == 400 and answer.type == "badCSR", answer
        assert all(word in answer.json["detail"] for word in words), (words, answer)
        assert house.content() == before
    csr = make_csr(names, common_name=addresses[0], addresses=reversed(addresses))
    answer = client.post(order["finalize"], {"csr": b64(csr)})
    assert answer.status == 200, answer
    pem = client.post(client.poll(url, ("valid", "invalid")).json["certificate"], None).body
    leaf = judge(pem, house.root, addresses, names, tmp_path)

    # S-REV-3 with addresses: all of them, as addresses
    def revoke():
        der = leaf.public_bytes(serialization.Encoding.DER)
        return other.post(other.directory["revokeCert"], {"certificate": b64(der)})
    _, theirs = other.order(*names, addresses[0])
    other.prove(theirs, responder)
    assert revoke().status == 403
    _, theirs = other.order(addresses[1])
    other.prove(theirs, responder)
    assert revoke().status == 200
    responders[0].close()


def test_addresses_beside_others_wrong(house, client):
    before = house.content()
    answer = client.post(client.directory["newOrder"], {"identifiers": [
        {"type": "ip", "value": "127.0.0.1"}, {"type": "ip", "value": "10.0.0.1"}, {"type": "dns", "value": "a_b"}]})
    assert answer.type == "compound", answer
    assert [p["identifier"] for p in answer.json["subproblems"]] == [{"type": "ip", "value": "10.0.0.1"},
                                                                     {"type": "dns", "value": "a_b"}]
    assert house.content() == before


# ---- clients ----

@pytest.fixture
def house_v6(tmp_path_factory):
    """As `house`, and ::1 may be connected to."""
    made = house_module.House(tmp_path_factory.mktemp("ca6") / "ca", sets=["validation.allow_networks=127.0.0.0/8,::1"])
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
    finally:
        made.close()


@pytest.mark.foreign
def test_python3_acme(house, responder, tmp_path):
    """A client we did not write; it orders what the request has."""
    import josepy
    from acme import challenges, client as acme_client, crypto_util, messages
    from cryptography.hazmat.primitives.asymmetric import rsa
    import ipaddress
    account = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
    network = acme_client.ClientNetwork(account, verify_ssl=str(house.root))
    directory = acme_client.ClientV2.get_directory(house.url, network)
    client = acme_client.ClientV2(directory, network)
    client.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
    key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
    order = client.new_order(crypto_util.make_csr(key, ["a.flow.test"], ipaddrs=[ipaddress.ip_address("127.0.0.1")]))
    assert sorted(a.body.identifier.value for a in order.authorizations) == ["127.0.0.1", "a.flow.test"]
    for authorization in order.authorizations:
        body = next(c for c in authorization.body.challenges if isinstance(c.chall, challenges.HTTP01))
        response, validation = body.response_and_validation(account)
        responder.tokens[body.chall.encode("token")] = validation
        client.answer_challenge(body, response)
    done = client.poll_and_finalize(order)
    judge(done.fullchain_pem.encode(), house.root, ["127.0.0.1"], ["a.flow.test"], tmp_path)


@pytest.mark.parametrize("given, address", [("127.0.0.1", "127.0.0.1"), ("0:0::1", "::1")])
def test_cairn(house_v6, tmp_path, given, address):
    """C-IP-1: made canonical; an IPv6 address is kept below a name with other letters."""
    command = [str(house_module.CAIRN), "issue", given, "--ca", house_v6.url, "--ca-file", str(house_v6.root), "--dir",
               str(tmp_path / "state"), "--http-port", str(house_v6.http_port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    name = "ip" * address.startswith(":") + address.replace(":", "-")
    current = tmp_path / "state/certificates" / name / "current"
    pem = b"".join((current / part).read_bytes() for part in ("cert.pem", "chain.pem"))
    judge(pem, house_v6.root, [address], folder=tmp_path)
    # and once more, from what was kept
    renew = [str(house_module.CAIRN), "renew", "--dir", str(tmp_path / "state"), "--force"]
    done = subprocess.run(renew, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(f"file:{house_v6.directory}/cairn.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM certificate c JOIN issuance i ON i.id = c.id WHERE order_id <> 0").fetchone() == (2,)
