"""dns-01 (RFC 8555 8.4) as the validator of a real CA does it: real orders against a DNS server that does everything
right or wrong. All rows of the table run at once; each test looks at what came of its row. S-D01-1 to S-D01-4; wildcards:
S-WILD-1, 2, 3, 4, 5."""
import concurrent.futures
import hashlib
import os
import struct
import threading

import pytest

import world as world_module
from acme_raw import b64, make_csr
from cryptography import x509
from world import NOERROR, NXDOMAIN, PUBLIC_V4, REFUSED, SERVFAIL, dns_name, head, proof, record, response

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root")

ROWS = {}
AT = "_acme-challenge.{host}"
WANTED = "expected"


class Row:
    """What is set up for a name, and what must come of it. `make(host, at, value, proved)` gives the nodes: `at` is
    where the record belongs, `value` what belongs there, `proved` the key authorization it is made of."""

    def __init__(self, make, problem, words, check=None):
        self.make, self.problem, self.words, self.check = make, problem, words, check


def valid(make):
    ROWS[make.__name__.replace("_", "-")] = Row(make, None, ())
    return make


def refused(problem, *words, check=None):
    def keep(make):
        ROWS[make.__name__.replace("_", "-")] = Row(make, problem, words, check)
        return make
    return keep


def txt(*values):
    """A record of one string for each."""
    return {"TXT": [[v.encode() if isinstance(v, str) else v] for v in values]}


# ---- good ones ----

@valid
def plain(host, at, value, proved):
    return {at: txt(value)}


@valid
def among_others(host, at, value, proved):
    return {at: txt("v=spf1 -all", "x" * 255, value, b"\xff\0", "")}


@valid
def in_several_strings(host, at, value, proved):
    """S-D01-2."""
    text = value.encode()
    return {at: {"TXT": [[text[:1], b"", text[1:20], text[20:], b""]]}}


@valid
def behind_aliases(host, at, value, proved):
    return {at: {"CNAME": f"a.{host}"}, f"a.{host}": {"CNAME": "b." + host}, "b." + host: txt(value)}


@valid
def an_alias_into_another_zone(host, at, value, proved):
    return {at: {"CNAME": f"{host}.elsewhere.invalid"}, f"{host}.elsewhere.invalid": txt(value)}


@valid
def over_tcp(host, at, value, proved):
    return {at: {**txt(value), "cut": True}}


@valid
def many_records(host, at, value, proved):
    return {at: txt(*[f"{n:0100}" for n in range(300)], value)}


@valid
def no_address_is_needed(host, at, value, proved):
    return {host: {"rcode": SERVFAIL}, at: txt(value)}


@valid
def servfail_at_first(host, at, value, proved):
    asked = []

    def node(question):
        asked.append(question)
        return {"rcode": SERVFAIL} if len(asked) < 3 else txt(value)
    return {at: node}


# ---- nothing there ----

def asked_once(result):
    """What will not be different in a second is not asked again (a resolver may repeat a question)."""
    assert len(result.record) == 1


def asked_again(result):
    assert len(result.record) > 1


@refused("dns", "there is no name " + AT + " in the DNS (NXDOMAIN)", check=asked_once)
def nxdomain(host, at, value, proved):
    return {at: {"rcode": NXDOMAIN}}


@refused("unauthorized", AT + " has no TXT record", WANTED, check=asked_once)
def nothing(host, at, value, proved):
    return {at: {"rcode": NOERROR}}


@refused("unauthorized", AT + " has no TXT record", WANTED)
def addresses_only(host, at, value, proved):
    return {at: {"A": [PUBLIC_V4]}}


@refused("dns", AT, "NXDOMAIN")
def at_the_name_itself(host, at, value, proved):
    return {host: txt(value)}


@refused("dns", "there is no name " + AT + " (an alias of nowhere.{host}) in the DNS (NXDOMAIN)")
def an_alias_to_nowhere(host, at, value, proved):
    return {at: {"CNAME": "nowhere." + host}}


@refused("unauthorized", AT + " (an alias of a.{host}) has no TXT record")
def an_alias_to_a_name_without(host, at, value, proved):
    return {at: {"CNAME": "a." + host}, "a." + host: {"A": [PUBLIC_V4]}}


# ---- the wrong things there ----

def wrong(name, change, *words):
    ROWS["wrong-" + name] = Row(lambda host, at, value, proved: {at: txt(*change(value, proved))}, "unauthorized",
                                ("TXT record", AT, WANTED, *words), asked_once)


wrong("text", lambda value, proved: ["hello"], "is \"hello\"")
wrong("empty", lambda value, proved: [""], "is \"\"")
wrong("case", lambda value, proved: [value.swapcase()])
wrong("end", lambda value, proved: [value[:-1]])
wrong("more", lambda value, proved: [value + "x"])
wrong("space", lambda value, proved: [value + " "])
wrong("quoted", lambda value, proved: [f'"{value}"'], 'is ""')
wrong("padded", lambda value, proved: [value + "="])
wrong("not-hashed", lambda value, proved: [proved])
wrong("two", lambda value, proved: ["one", "two"], "the 2 TXT records of", "\"one\"", "\"two\"")
wrong("twenty", lambda value, proved: [f"n{n}" for n in range(20)], "the 20 TXT records", "and 17 more")
wrong("in-two-records", lambda value, proved: [value[:20], value[20:]], "the 2 TXT records of")
wrong("binary", lambda value, proved: [b"a\0\x1b[31m\r\n\xe2\x80\xae"], "is \"a")
wrong("long", lambda value, proved: ["y" * 255], "yyy...")


@refused("unauthorized", "the TXT record of " + AT + " (an alias of b.{host}) is \"hello\"", WANTED)
def wrong_behind_aliases(host, at, value, proved):
    return {at: {"CNAME": f"a.{host}"}, f"a.{host}": {"CNAME": "b." + host}, "b." + host: txt("hello")}


# ---- trouble ----

@refused("dns", "looking up the TXT records of " + AT + " failed: SERVFAIL", check=asked_again)
def servfail(host, at, value, proved):
    return {at: {"rcode": SERVFAIL}}


@refused("dns", "looking up the TXT records of " + AT + " failed", check=asked_again)
def refused_by_the_resolver(host, at, value, proved):
    return {at: {"rcode": REFUSED}}


def nobody_answered(result):
    """The validator's deadline, or the resolver's own last repetition: how busy the machine is says which comes first."""
    assert any(words in result.detail for words in ("no answer in time from the resolver ", "no server answered"))


@refused("dns", "looking up the TXT records of " + AT, check=nobody_answered)
def silent(host, at, value, proved):
    return {at: {"silent": True}}


@refused("dns", "looking up", AT)
def aliases_in_a_circle(host, at, value, proved):
    return {at: {"CNAME": "a." + host}, "a." + host: {"CNAME": at}}


def raw(*records):
    """A response with these answers, as octets."""
    def reply(question):
        return head(question, NOERROR, len(records)) + question.message[12:question.end] + b"".join(records)
    return {"raw": reply}


@refused("dns", "looking up the TXT records of " + AT + " failed")
def a_string_longer_than_its_record(host, at, value, proved):
    return {at: raw(record(at, "TXT", bytes([44]) + value.encode()))}


@refused("dns", "looking up the TXT records of " + AT + " failed")
def a_record_longer_than_the_message(host, at, value, proved):
    return {at: raw(dns_name(at) + struct.pack("!HHIH", 16, 1, 60, 999) + bytes([43]) + value.encode())}


@refused("unauthorized", AT + " has no TXT record")
def a_record_of_another_name(host, at, value, proved):
    """No resolver takes what was not asked for."""
    return {at: raw(record("x." + host, "TXT", bytes([43]) + value.encode()))}


def digest_of(world, challenge):
    return b64(hashlib.sha256(f'{challenge["token"]}.{world.key.thumbprint()}'.encode()).digest())


# ---- the table ----

@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = world_module.World(tmp_path_factory.mktemp("world"))
    try:
        yield made
        made.end()
    finally:
        made.close()


def dns_01(world, host, make):
    at = "_acme-challenge." + host
    return world.prove(host, publish=lambda value, proved: world.dns.nodes.update(make(host, at, value, proved)))


@pytest.fixture(scope="module")
def results(world):
    with concurrent.futures.ThreadPoolExecutor(len(ROWS)) as pool:
        futures = {name: pool.submit(dns_01, world, f"{name}.test", row.make) for name, row in ROWS.items()}
        return {name: future for name, future in futures.items() if future.exception() or True}


@pytest.mark.parametrize("name", ROWS)
def test_row(results, name):
    row, result = ROWS[name], results[name].result()
    result.must_be(row.problem, row.words)
    assert {step["lookup"] for step in result.record} == {f"_acme-challenge.{name}.test"}
    assert {(asked, kind) for asked, kind, _ in result.asked} >= {(f"_acme-challenge.{name}.test", "TXT")}
    assert not [kind for _, kind, _ in result.asked if kind in ("A", "AAAA")]
    assert not result.hits
    if row.problem is None:
        assert any(len(text) == 43 for text in result.record[-1]["txt"]) or result.record[-1]["more"] > 0
    if row.check is not None:
        row.check(result)


def test_a_corrected_record_counts_at_once(world):
    for before in ({"rcode": NXDOMAIN}, txt("wrong"), {"rcode": SERVFAIL}):
        assert dns_01(world, "corrected.test", lambda *_: {_[1]: before}).challenge["status"] == "invalid"
        dns_01(world, "corrected.test", lambda *_: {_[1]: txt(_[2])}).must_be(None, ())


# ---- wildcards ----

def test_wildcard(world):
    """Two authorizations, one record each at the same name."""
    client = world.client()
    url, order = client.order("*.Wild.test", "wild.test", "*.wild.TEST")
    assert order["identifiers"] == [{"type": "dns", "value": name} for name in ("*.wild.test", "wild.test")]
    assert len(order["authorizations"]) == 2
    wildcard, base = [client.post(a, None).json for a in order["authorizations"]]
    assert wildcard["identifier"] == base["identifier"] == {"type": "dns", "value": "wild.test"}
    assert wildcard["wildcard"] is True and "wildcard" not in base
    assert [c["type"] for c in wildcard["challenges"]] == ["dns-01"]
    assert [c["type"] for c in base["challenges"]] == ["http-01", "dns-01", "tls-alpn-01"]
    proofs = [next(c for c in shown["challenges"] if c["type"] == "dns-01") for shown in (wildcard, base)]
    records = [digest_of(world, challenge) for challenge in proofs]
    world.dns.nodes["_acme-challenge.wild.test"] = txt(*records)
    for authorization, shown, challenge in zip(order["authorizations"], (wildcard, base), proofs):
        assert client.post(challenge["url"], {}).status == 200
        final = client.poll(authorization, ("valid", "invalid")).json
        assert final["status"] == "valid" and final.get("wildcard") == shown.get("wildcard"), final
        assert [c["type"] for c in final["challenges"]] == ["dns-01"]
    names = ["*.wild.test", "wild.test"]
    for wrong_names in (["wild.test"], ["*.wild.test"], [*names, "a.wild.test"]):
        answer = client.post(order["finalize"], {"csr": b64(make_csr(wrong_names))})
        assert answer.status == 400 and answer.type == "badCSR", answer
    answer = client.post(order["finalize"], {"csr": b64(make_csr(names))})
    assert answer.status == 200, answer
    final = client.poll(url, ("valid", "invalid")).json
    leaf = x509.load_pem_x509_certificate(client.post(final["certificate"], None).body)
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(found.get_values_for_type(x509.DNSName)) == names


def test_a_wildcard_has_no_http_01(world):
    client = world.client()
    _, order = client.order("*.wild.test")
    challenge = client.challenge(order["authorizations"][0], "dns-01")
    before = world.house.content()
    for kind in ("http-01", "tls-alpn-01", "dns-02"):
        for payload in ({}, None):
            answer = client.post(challenge["url"].replace("dns-01", kind), payload)
            assert answer.status == 404 and answer.type == "malformed", answer
    assert world.house.content() == before


@pytest.mark.parametrize("name, problem", [
    ("*", "malformed"), ("*.", "malformed"), ("*.*.wild.test", "malformed"), ("a.*.wild.test", "malformed"),
    ("*x.wild.test", "malformed"), ("**.wild.test", "malformed"), ("wild.*", "malformed"), ("*.test", "rejectedIdentifier"),
    ("*." + ".".join(["a" * 60] * 3 + ["a" * 54, "test"]), "rejectedIdentifier"), ("*.192.0.2.1", "malformed")])
def test_wildcards_that_are_none(world, name, problem):
    client = world.client()
    before = world.house.content()
    answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": name}]})
    assert answer.status == 400 and answer.type == problem, answer
    assert world.house.content() == before


# ---- two challenges of one authorization ----

def test_one_challenge_at_a_time(world):
    """The first is being checked; another would decide about the same authorization."""
    told = threading.Event()

    def script(web, request, connection):
        told.wait(60)
        return response(404)
    world.set_up({"twice.test": {"A": [PUBLIC_V4]}}, {"twice.test": script})
    client = world.client()
    _, order = client.order("twice.test")
    authorization = order["authorizations"][0]
    first, second = client.challenge(authorization), client.challenge(authorization, "dns-01")
    world.dns.nodes["_acme-challenge.twice.test"] = txt(digest_of(world, second))
    assert client.post(first["url"], {}).json["status"] == "processing"
    answer = client.post(second["url"], {})
    assert answer.status == 409 and answer.type == "malformed" and "http-01" in answer.json["detail"], answer
    assert client.post(second["url"], None).json["status"] == "pending"
    told.set()
    final = client.poll(authorization, ("valid", "invalid"), tries=300).json
    assert final["status"] == "invalid" and [c["type"] for c in final["challenges"]] == ["http-01"]
    assert client.post(second["url"], {}).json["status"] == "pending"  # decided: shown, no error


def test_either_challenge_proves_a_name(world):
    world.set_up({"either.test": {"A": [PUBLIC_V4]}}, {"either.test": proof})
    world.prove("either.test").must_be(None, ())
    dns_01(world, "either.test", lambda host, at, value, proved: {at: txt(value)}).must_be(None, ())
