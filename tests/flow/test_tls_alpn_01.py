"""tls-alpn-01 (RFC 8737, RFC 8738 6) as the validator of a real CA does it: real orders, port 443, and servers that do
everything right or wrong. All rows of the table run at once; each test looks at what came of its row."""
import concurrent.futures
import hashlib
import os
import re
import ssl
import struct
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519

import acme_raw
import alpn
import world as world_module
from alpn import EC_KEY, OTHER_KEY, PROTOCOL, certificate, context, dns, ips, rsa_key
from world import (NXDOMAIN, OTHER_V4, PUBLIC_V4, PUBLIC_V6, REFUSING_V4, REFUSING_V6, RESERVED, SERVFAIL, SILENT_V4,
                   SILENT_V6)

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root"),
              pytest.mark.filterwarnings("ignore:.*(TLSv1|SHA1).*deprecated")]  # on purpose

V4 = {"A": [PUBLIC_V4]}
V6 = {"AAAA": [PUBLIC_V6]}
BOTH = {**V4, **V6}
AT_V4, AT_V6 = f"{PUBLIC_V4}:443", f"[{PUBLIC_V6}]:443"
PORT = 443
SECONDS = 16  # of one validation: enough for many handshakes in Python at once, twice

ROWS = {}


class Row:
    """What is set up for a name, and what must come of it. `make(host)` gives nodes of the DNS, a script of the TLS
    server and perhaps a check of the Result."""

    def __init__(self, make, problem, words):
        self.make, self.problem, self.words = make, problem, words


def valid(make):
    ROWS[make.__name__.replace("_", "-")] = Row(make, None, ())
    return make


def refused(problem, *words):
    def keep(make):
        ROWS[make.__name__.replace("_", "-")] = Row(make, problem, words)
        return make
    return keep


def shows(make_chain, key=EC_KEY, **settings):
    """A server that shakes hands with `make_chain(host, digest)`, a certificate or several."""
    def script(visit):
        chain = make_chain(visit.server.names[visit.server_name], visit.server.digests[visit.server_name])
        return context(chain if isinstance(chain, list) else [chain], key, **settings)
    return script


def good(host, digest):
    return certificate(dns(host), digest)


PROOF = shows(good)


# ---- where it connects ----

def only_at(*addresses):
    def check(result):
        assert [visit.address for visit in result.visits] == list(addresses)
        assert [step["address"].rpartition(":")[0].strip("[]") for step in result.probes] == list(addresses)
    return check


@valid
def ipv4_only(host):
    """S-ALPN-2"""
    return V4, PROOF, only_at(PUBLIC_V4)


@valid
def ipv6_only(host):
    return V6, PROOF, only_at(PUBLIC_V6)


# S-ALPN-10
@valid
def both_are_ipv6_first(host):
    return BOTH, PROOF, only_at(PUBLIC_V6)


def second_at_v4(result):
    assert [visit.address for visit in result.visits] == [PUBLIC_V4]
    first, second = result.probes
    assert first["address"].startswith("[2600:beef::") and "error" in first
    assert second["address"] == AT_V4 and second["protocol"] == PROTOCOL


@valid
def ipv6_refused_then_ipv4(host):
    return {"AAAA": [REFUSING_V6], **V4}, PROOF, second_at_v4


@valid
def ipv6_silent_then_ipv4(host):
    return {"AAAA": [SILENT_V6], **V4}, PROOF, second_at_v4


@refused("unauthorized", "{host} at " + AT_V6, "negotiated no protocol")
def ipv6_answers_wrong_so_no_ipv4(host):
    def script(visit):
        return PROOF(visit) if visit.address == PUBLIC_V4 else shows(good, protocols=())(visit)
    return BOTH, script, only_at(PUBLIC_V6)


@refused("connection", "{host} at " + f"{REFUSING_V4}:443", "Connection refused")
def nobody_listens(host):
    def check(result):
        assert len(result.probes) == len(result.lookups()) > 1  # looked up again for each attempt
    return {"A": [REFUSING_V4]}, PROOF, check


@refused("connection", f"{SILENT_V4}:443", "no connection in time")
def nobody_answers_a_syn(host):
    return {"A": [SILENT_V4]}, PROOF


@valid
def down_for_two_seconds(host):
    begun = []

    def script(visit):
        begun.append(time.monotonic())
        if begun[-1] - begun[0] >= 2:
            return PROOF(visit)
        visit.connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: RST
        return None

    def check(result):
        assert len(result.visits) > 2 and "reset" in result.probes[0]["error"]
    return V4, script, check


for address in [*RESERVED, "127.0.0.1", "::1"]:
    def make_reserved(host, address=address):
        return {"AAAA" if ":" in address else "A": [address]}, PROOF, only_at()
    ROWS[f"reserved-{address.replace(':', 'x').replace('.', 'o')}"] = Row(
        make_reserved, "connection", ("{host} is at " + address, "validation.allow_networks"))


@refused("dns", "{host}", "NXDOMAIN")
def no_such_name(host):
    return {"rcode": NXDOMAIN}, PROOF, only_at()


@refused("dns", "{host}", "SERVFAIL")
def dns_is_broken(host):
    return {"rcode": SERVFAIL}, PROOF, only_at()


# ---- what is asked ----

# S-ALPN-1, S-ALPN-3, S-ALPN-8, S-ALPN-9
@valid
def hello_is_plain(host):
    def check(result):
        (visit,) = result.visits
        assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", result.challenge["token"])
        assert visit.hello.protocols == [PROTOCOL] and visit.hello.server_names == [host]
        assert visit.hello.versions == {b"\x03\x03", b"\x03\x04"}
        assert visit.done.wait(30) and visit.said == b"" and visit.ended and visit.version == "TLSv1.3"
        (step,) = result.probes
        assert step["names"] == [f'"{host}"'] and step["acme_identifier"] == result.digest.hex()
        assert step["tls"] == "TLSv1.3" and step["server_name"] == host and step["certificates"] == 1
        assert re.fullmatch("[0-9a-f]{64}", step["certificate_sha256"])
    return V4, PROOF, check


@valid
def tls_1_2(host):
    def check(result):
        assert result.probes[0]["tls"] == "TLSv1.2" and result.visits[0].done.wait(30)
        assert result.visits[0].said == b"" and result.visits[0].ended
    return V4, shows(good, most=ssl.TLSVersion.TLSv1_2), check


for suite in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"):  # no forward secrecy; CBC
    def make_suite(host, suite=suite):
        key = EC_KEY if "ECDSA" in suite else rsa_key(2048)
        return V4, shows(lambda h, d: certificate(dns(h), d, key), key, most=ssl.TLSVersion.TLSv1_2, ciphers=suite)
    ROWS[f"old-suite-{suite.lower()}"] = Row(make_suite, None, ())


# ---- certificates that prove it ----

def accepted(name, make_chain, key=EC_KEY, **settings):
    ROWS["good-" + name] = Row(lambda host: (V4, shows(make_chain, key, **settings)), None, ())


# S-ALPN-5, S-ALPN-7
accepted("upper-case", lambda h, d: certificate(dns(h.upper()), d))
accepted("rsa", lambda h, d: certificate(dns(h), d, rsa_key(2048)), rsa_key(2048))
accepted("rsa-1024", lambda h, d: certificate(dns(h), d, rsa_key(1024)), rsa_key(1024))
for key in (ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP521R1()), ed25519.Ed25519PrivateKey.generate(),
            ed448.Ed448PrivateKey.generate()):
    accepted(f"key-{getattr(getattr(key, 'curve', None), 'name', type(key).__name__[1:6].lower())}",
             lambda h, d, key=key: certificate(dns(h), d, key, algorithm=hashes.SHA256() if hasattr(key, "curve") else None), key)
accepted("sha1", lambda h, d: certificate(dns(h), d, algorithm=hashes.SHA1()))
accepted("expired", lambda h, d: certificate(dns(h), d, expired=True))
accepted("ca", lambda h, d: certificate(dns(h), d, extensions=[x509.BasicConstraints(True, None)]))
accepted("others-behind-it", lambda h, d: [certificate(dns(h), d), certificate(dns("other.test"), d, OTHER_KEY)])
accepted("several-protocols", good, protocols=("h2", PROTOCOL, "http/1.1"))


# ---- those that do not ----

def bad(name, make_chain, *words, problem="unauthorized", key=EC_KEY, **settings):
    ROWS["bad-" + name] = Row(lambda host: (V4, shows(make_chain, key, **settings), only_at(PUBLIC_V4)), problem,
                              ("{host} at " + AT_V4, *words))


# S-ALPN-4
bad("no-alpn", good, "negotiated no protocol by ALPN", PROTOCOL, protocols=())
bad("other-alpn", good, "negotiated no protocol by ALPN", protocols=("http/1.1",))
# S-ALPN-5
bad("no-names", lambda h, d: certificate([], d), "no subjectAltName", 'the DNS name "{host}" only')
bad("other-name", lambda h, d: certificate(dns("b.test"), d), 'is for "b.test"', 'the DNS name "{host}" only')
bad("two-names", lambda h, d: certificate(dns(h, "b.test"), d), 'is for "{host}", "b.test"')
bad("name-and-address", lambda h, d: certificate(dns(h) + ips(PUBLIC_V4), d), f"IP address {PUBLIC_V4}")
bad("wildcard", lambda h, d: certificate(dns("*." + h.partition(".")[2]), d), '"*.')
bad("final-dot", lambda h, d: certificate(dns(h + "."), d), '"{host}."')
bad("email", lambda h, d: certificate([x509.RFC822Name(h)], d), 'e-mail "{host}"')
bad("uri", lambda h, d: certificate([x509.UniformResourceIdentifier(h)], d), 'URI "{host}"')
bad("many-names", lambda h, d: certificate(dns(*(f"n{n}.test" for n in range(150))), d), "and 145 more")
# S-ALPN-6
bad("no-identifier", lambda h, d: certificate(dns(h), None), "no acmeIdentifier", "RFC 8737")
bad("draft-identifier", lambda h, d: certificate(
    dns(h), d, oid=x509.ObjectIdentifier("1.3.6.1.5.5.7.1.30.1")), "old draft")
bad("not-critical", lambda h, d: certificate(dns(h), d, critical=False), "not critical")
bad("raw-digest", lambda h, d: certificate(dns(h), d, value=d), "OCTET STRING of 32 octets")
bad("short-digest", lambda h, d: certificate(dns(h), d, value=b"\x04\x1f" + d[:31]), "OCTET STRING of 32 octets")
bad("long-digest", lambda h, d: certificate(dns(h), d, value=b"\x04\x21" + d + b"x"), "OCTET STRING of 32 octets")
bad("behind-digest", lambda h, d: certificate(dns(h), d, value=b"\x04\x20" + d + b"x"), "OCTET STRING of 32 octets")
bad("utf8-digest", lambda h, d: certificate(dns(h), d, value=b"\x0c\x20" + d), "OCTET STRING of 32 octets")
bad("other-digest", lambda h, d: certificate(dns(h), bytes(32)), "acmeIdentifier is " + 64 * "0", "expected ", "token")
# S-ALPN-7
bad("other-issuer", lambda h, d: certificate(dns(h), d, issuer="A CA"), "not self-signed", "issuer")
bad("other-signer", lambda h, d: certificate(dns(h), d, signer=OTHER_KEY), "not self-signed", "signature")


# ---- what is no such TLS ----

def says(octets):
    return lambda visit: octets


def no_tls(name, script, problem, *words):
    def make(host):
        def check(result):  # tried again, and then again
            assert len(result.visits) > 1 and {v.address for v in result.visits} == {PUBLIC_V4}
            assert all("error" in step for step in result.probes)
        return V4, script, check
    ROWS["no-tls-" + name] = Row(make, problem, ("{host} at " + AT_V4, "(TLS with server name {host})", *words))


# S-ALPN-11
no_tls("unrecognized-name", says(b"\x15\x03\x03\x00\x02\x02\x70"), "tls", "unrecognized name (112)", "no such name")
no_tls("no-application-protocol", says(b"\x15\x03\x03\x00\x02\x02\x78"), "tls", "no application protocol (120)",
       PROTOCOL)
no_tls("handshake-failure", says(b"\x15\x03\x03\x00\x02\x02\x28"), "tls", "handshake failure (40)")
no_tls("http", says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls", "does not speak TLS", '"HTTP/"')
no_tls("ansi", says(b"\x1b[2J\x07 \x1b"), "tls", "does not speak TLS", '"?[2J?"')
no_tls("closes", says(b""), "connection", "closed during the TLS handshake")
no_tls("garbage", says(b"\x16\x03\x03\x00\x04\x63\x00\x00\x00"), "tls", "the TLS handshake failed")
no_tls("flood-of-empty-records", says(b"\x16\x03\x03\x00\x00" * 10000), "tls", "the TLS handshake failed")
# S-ALPN-8
no_tls("tls-1-1", shows(good, most=ssl.TLSVersion.TLSv1_1), "tls", "protocol version (70)")
no_tls("tls-1-1-insists", says(b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02" + bytes(32) + b"\x00\xc0\x13\x00"),
       "tls", "chose TLS 1.1", "TLS 1.2")


@refused("tls", "{host} at " + AT_V4, "excessive message size")
def certificates_without_end(host):
    return V4, shows(lambda h, d: [certificate(dns(h), d)] + 100 * [certificate(dns("b.test"), d)])


@refused("connection", AT_V4, "no answer in time")
def hangs(host):
    def script(visit):
        while visit.connection.recv(4096):
            pass
    return V4, script


@refused("connection", AT_V4, "the TLS handshake did not end in time")
def drips(host):
    def script(visit):
        octets = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03" + bytes(16000)
        for n in range(0, len(octets), 8):
            visit.connection.sendall(octets[n:n + 8])
            time.sleep(0.02)
    return V4, script


# ---- the world ----

class World(world_module.World):
    def build(self, directory):
        self.namespace = world_module.Namespace()
        self.closers.append(self.namespace.close)
        self.dns = world_module.Dns()
        self.closers.append(self.dns.close)
        self.web = self.secure = self.elsewhere = world_module.Web([], 80, {})
        self.server = alpn.Server(["127.0.0.1", "::1", PUBLIC_V4, PUBLIC_V6, OTHER_V4, *RESERVED], PORT,
                                  world_module.listen)
        self.server.names = {}
        self.closers.append(self.server.close)
        self.stuffed = world_module.stuff(SILENT_V4, PORT) + world_module.stuff(SILENT_V6, PORT)
        self.serve(directory / "ca", "validation.resolver=127.0.0.1", f"validation.timeout={SECONDS}s")

    def prove_by_tls(self, host, script, server_name=None, spoil=lambda digest: digest):
        """An order for one name or address, answered by a script of the TLS server."""
        server_name = server_name or host
        client = self.client()
        url, order = client.order(host)
        authorization = order["authorizations"][0]
        challenge = client.challenge(authorization, "tls-alpn-01")
        digest = hashlib.sha256(f'{challenge["token"]}.{self.key.thumbprint()}'.encode()).digest()
        self.server.digests[server_name], self.server.names[server_name] = spoil(digest), host
        self.server.scripts[server_name] = script
        answer = client.post(challenge["url"], {})
        assert answer.status == 200, answer
        final = client.poll(challenge["url"], ("valid", "invalid"), tries=100 * SECONDS).json
        result = world_module.Result(self, host, final, client.post(authorization, None).json,
                                     client.post(url, None).json)
        result.digest = digest
        result.probes = [step for step in result.record if "server_name" in step]
        result.visits = [visit for visit in self.server.visits if visit.server_name == server_name]
        return result


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    try:
        yield made
        made.end()
    finally:
        made.close()


@pytest.fixture(scope="module")
def results(world):
    """All rows at once."""
    checks, futures = {}, {}
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for name, row in ROWS.items():
            host = f"{name}.rows.test"
            node, script, *checks[name] = row.make(host)
            world.dns.nodes[host] = node
            futures[name] = pool.submit(world.prove_by_tls, host, script)
    return {name: (future.result(), checks[name]) for name, future in futures.items()}


@pytest.mark.parametrize("name", ROWS)
def test_row(results, name):
    result, checks = results[name]
    result.must_be(ROWS[name].problem, ROWS[name].words)
    for check in checks:
        check(result)


# ---- one after the other ----

@pytest.mark.parametrize("address, server_name", [
    (PUBLIC_V4, "44.33.22.11.in-addr.arpa"),
    (PUBLIC_V6, "1" + 23 * ".0" + ".f.e.e.b.0.0.6.2.ip6.arpa")])
def test_addresses(world, address, server_name):
    """S-IP-4, S-IP-2: asked for by the reverse name, proved by one iPAddress; nothing is looked up."""
    asked = len(world.dns.asked)
    wrong = [("DNS name", lambda h, d: certificate(dns(server_name), d)),
             ("two", lambda h, d: certificate(ips(h, OTHER_V4), d)),
             ("other", lambda h, d: certificate(ips(OTHER_V4), d)),
             ("address as a name", lambda h, d: certificate(dns(h.replace(":", "-")), d))]
    for _, make in wrong:
        result = world.prove_by_tls(address, shows(make), server_name)
        result.must_be("unauthorized", ["expected one for {host} only"])
        assert (AT_V6 if ":" in address else AT_V4) in result.detail
    result = world.prove_by_tls(address, shows(lambda h, d: certificate(ips(h), d)), server_name)
    result.must_be(None, ())
    (step,) = result.probes
    assert step["server_name"] == server_name and step["names"] == [f"IP address {address}"]
    assert all(visit.hello.server_names == [server_name] for visit in result.visits)
    assert len(world.dns.asked) == asked and result.lookups() == []


def test_for_another_challenge(world):
    """S-ALPN-6: yesterday's certificate proves nothing today."""
    kept = []

    def first(visit):
        kept.append(certificate(dns(visit.server_name), visit.server.digests[visit.server_name]))
        return context(kept)

    host = "again.test"
    world.dns.nodes[host] = V4
    world.prove_by_tls(host, first).must_be(None, ())
    result = world.prove_by_tls(host, lambda visit: context(kept))
    result.must_be("unauthorized", ["it was made for another token or account key"])
    assert result.digest.hex() in result.detail


def test_no_wildcards(world):
    """S-WILD-5: neither offered nor possible."""
    client = world.client()
    _, order = client.order("*.wild.test")
    answer = client.post(order["authorizations"][0], None)
    assert [c["type"] for c in answer.json["challenges"]] == ["dns-01"]
    url = answer.json["challenges"][0]["url"].replace("/dns-01", "/tls-alpn-01")
    assert url != answer.json["challenges"][0]["url"]
    assert client.post(url, {}).status == 404


def test_certificate(world):
    """To the end: names of both kinds in one order, each proved by TLS."""
    client = world.client()
    names = {"a.whole.test": "a.whole.test", PUBLIC_V4: "44.33.22.11.in-addr.arpa"}
    world.dns.nodes["a.whole.test"] = BOTH
    world.server.scripts["a.whole.test"] = PROOF
    world.server.scripts[names[PUBLIC_V4]] = shows(lambda h, d: certificate(ips(h), d))
    url, order = client.order(*names)
    for authorization in order["authorizations"]:
        name = client.post(authorization, None).json["identifier"]["value"]
        challenge = client.challenge(authorization, "tls-alpn-01")
        world.server.digests[names[name]] = hashlib.sha256(
            f'{challenge["token"]}.{world.key.thumbprint()}'.encode()).digest()
        world.server.names[names[name]] = name
        client.post(challenge["url"], {})
        assert client.poll(challenge["url"], ("valid", "invalid")).json["status"] == "valid"
    csr = acme_raw.make_csr(["a.whole.test"], addresses=[PUBLIC_V4])
    answer = client.post(order["finalize"], {"csr": acme_raw.b64(csr)})
    assert answer.status == 200, answer
    assert client.poll(url, ("valid", "invalid")).json["status"] == "valid"
