"""The validator's own resolver before authoritative servers that are wrong: zones of nsd that are broken in one way each,
and a server that drops, delays, truncates and lies. What is looked for are records of dns-persist-01, since they can be
signed before the CA asks. V-DNS-1, V-DNS-3, V-DNS-4; S-DNSP-12."""
import concurrent.futures
import os
import pathlib
import re
import struct
import threading
import time

import pytest

from authorities import OTHER, Place, Signed
from test_dns_drafts import answer
from world import FORMERR, NOERROR, NXDOMAIN, REFUSED, SERVFAIL, dns_name, head, record

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of its own take root")

STREAMS_MAX = int(re.search(r"RESOLVER_STREAMS_MAX *(\d+)", (
    pathlib.Path(__file__).resolve().parents[2] / "src/core/dns/resolver.h").read_text())[1])
EXTRA = """
directories:
  default:
    challenges: dns-persist-01
    caa_identities: ca.example.test
    check_caa: false
"""
PAST = ["-i", "20200101000000", "-e", "20210101000000"]


def days(number):
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + number * 86400))


FUTURE = ["-i", days(200), "-e", days(400)]
LATER = ["-i", days(-2), "-e", days(200)]


def grant(kid, text="ca.example.test"):
    return f"{text}; accounturi={kid}"


def content(kid):
    return f'_validation-persist TXT "{grant(kid)}"\n_validation-persist.a TXT "{grant(kid)}"\nb A 192.0.2.1\n'


# ---- zones of nsd: what is done to them, and what must come of it ----

def of_type(kind):
    """Is the line a record of that type? Signatures count as what they sign."""
    return lambda line: f"\tIN\t{kind}\t" in line or f"\tIN\tRRSIG\t{kind} " in line


def without(kind):
    return lambda line: None if of_type(kind)(line) else line


def altered(line):
    """Another record than the one that was signed."""
    return line.replace("ca.example.test;", "CA.example.test;") if "\tIN\tTXT\t" in line else line


def unsigned(kind):
    return lambda line: None if f"\tIN\tRRSIG\t{kind} " in line else line


ZONES = {  # name: how it is made; then the end of the zone's story: "" for a proof, or words of the refusal
    "good": (lambda f, n, c: Signed(f, n, c, LATER), ""),
    "nsec3": (lambda f, n, c: Signed(f, n, c, [*LATER, "-n"]), ""),
    "insecure": (lambda f, n, c: Signed(f, n, c, sign=False), ""),
    # RFC 4035 5.2: with no algorithm or digest that is known, the zone is as good as unsigned
    "algorithm": (lambda f, n, c: Signed(f, n, c, LATER, ds=lambda ds: "1 200 2 " + "ab" * 32), ""),
    "digest": (lambda f, n, c: Signed(f, n, c, LATER, ds=lambda ds: "1 13 200 " + "ab" * 32), ""),
    "expired": (lambda f, n, c: Signed(f, n, c, PAST), "DNSSEC"),
    "future": (lambda f, n, c: Signed(f, n, c, FUTURE), "DNSSEC"),
    "altered": (lambda f, n, c: Signed(f, n, c, LATER, altered), "DNSSEC"),
    "unsigned-text": (lambda f, n, c: Signed(f, n, c, LATER, unsigned("TXT")), "DNSSEC"),
    "no-key": (lambda f, n, c: Signed(f, n, c, LATER, without("DNSKEY")), "DNSSEC"),
    "another-key": (lambda f, n, c: Signed(f, n, c, LATER, ds=lambda ds: re.sub(r"[0-9a-f]{64}", "cd" * 32, ds)), "DNSSEC"),
    "stripped": (lambda f, n, c: Signed(f, n, c, sign=False, ds=lambda ds: "12345 13 2 " + "ab" * 32), "DNSSEC"),
}
DENIALS = {  # names that are not there: the denial must be proved
    "good": "(NXDOMAIN)", "nsec3": "(NXDOMAIN)", "insecure": "(NXDOMAIN)", "no-nsec": "DNSSEC", "expired": "DNSSEC"}
SPECIAL = ["home.arpa", "10.in-addr.arpa", "168.192.in-addr.arpa", "d.f.ip6.arpa", "local", "internal", "invalid",
           "resolver.arpa"]


def build(folder, kid):
    zones = [make(folder, f"{name}.test", content(kid)) for name, (make, _) in ZONES.items()]
    zones.append(Signed(folder, "no-nsec.test", content(kid), LATER, without("NSEC")))
    return [*zones, *[Signed(folder, name, content(kid), sign=False) for name in SPECIAL]]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = Place(tmp_path_factory.mktemp("hostile"), EXTRA, build)
    try:
        made.authorities.liar.nodes.update(hostile_nodes(made))
        yield made
        assert made.house.stop() == 0, made.house.text()
    finally:
        made.close()


def prove(place, name):
    """What came of the challenge of that name."""
    client = place.client()
    _, order = client.order(name)
    challenge, _ = answer(client, order["authorizations"][0], "dns-persist-01")
    error = challenge.get("error", {"type": "", "detail": ""})
    return challenge["status"], error["type"].rpartition(":")[2], error["detail"]


# ---- what the liar says ----

LIES = {}


def lie(status, *words):
    def keep(make):
        LIES[make.__name__.replace("_", "-")] = (make, status, words)
        return make
    return keep


def text(value):
    return bytes([len(value)]) + value.encode()


def reply(question, *records, rcode=NOERROR, cut=False, extra=b"", counts=(0, 0)):
    """Answers, and what stands behind them in the other sections."""
    made = head(question, rcode, len(records), cut=cut) + question.message[12:question.end] + b"".join(records) + extra
    return made[:8] + struct.pack("!HH", *counts) + made[12:]


def raw(make):
    return lambda question: {"raw": make}


@lie("valid")
def honest(place, at, value):
    return {"TXT": [[value.encode()]]}


@lie("valid")
def lossy(place, at, value):
    asked = []

    def node(question):
        asked.append(question)
        return None if len(asked) < 3 else {"TXT": [[value.encode()]]}
    return node


@lie("valid")
def cut_over_udp(place, at, value):
    return {"TXT": [[value.encode()]], "cut": True}


@lie("valid")
def a_thousand_records(place, at, value):
    def make(question):
        texts = [*[f"{n:04}" for n in range(1000)], value]
        records = [b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, len(t) + 1) + text(t) for t in texts]
        return reply(question, cut=True) if question.transport == "udp" else reply(question, *records)
    return raw(make)


@lie("valid")
def a_record_of_60_kilobytes(place, at, value):
    return {"TXT": [[b"x" * 255] * 235, [value.encode()]]}


@lie("dns", "answer")  # "no answer in time", "no server answered"
def silent(place, at, value):
    return {"silent": True}


@lie("dns", "answer")
def cut_and_closed(place, at, value):
    """What does not fit into a datagram cannot be had at all."""
    def node(question):
        if question.transport == "tcp":
            raise OSError("closed")
        return {"cut": True}
    return node


@lie("dns", "answer")
def cut_over_tcp_too(place, at, value):
    return raw(lambda q: reply(q, cut=True))


@lie("dns", "SERVFAIL")
def servfail(place, at, value):
    return {"rcode": SERVFAIL}


@lie("dns", "answer")
def refused(place, at, value):
    return {"rcode": REFUSED}


@lie("dns", "answer")
def formerr(place, at, value):
    return {"rcode": FORMERR}


@lie("dns", "NXDOMAIN")
def nothing(place, at, value):
    return {"rcode": NXDOMAIN}


@lie("unauthorized", "has no TXT record")
def of_another_name(place, at, value):
    return raw(lambda q: reply(q, record("x." + at, "TXT", text(value))))


@lie("dns")
def another_number(place, at, value):
    def make(question):
        made = reply(question, record(at, "TXT", text(value)))
        return bytes([made[0] ^ 1]) + made[1:]
    return raw(make)


@lie("dns")
def another_question(place, at, value):
    def make(question):
        other = "_validation-persist.other.hostile.test"
        return head(question, NOERROR, 1) + dns_name(other) + struct.pack("!HH", 16, 1) + record(other, "TXT", text(value))
    return raw(make)


@lie("dns", "answer")
def from_elsewhere(place, at, value):
    """From an address that was not asked."""
    return {"TXT": [[value.encode()]], "from": OTHER}


@lie("dns")
def compressed_in_a_circle(place, at, value):
    def make(question):
        here = question.end
        return reply(question, struct.pack("!H", 0xc000 | here) + struct.pack("!HHIH", 16, 1, 60, len(value) + 1) + text(value))
    return raw(make)


@lie("dns")
def compressed_beyond_the_end(place, at, value):
    return raw(lambda q: reply(q, b"\xff\xff" + struct.pack("!HHIH", 16, 1, 60, len(value) + 1) + text(value)))


@lie("dns")
def a_record_longer_than_the_message(place, at, value):
    return raw(lambda q: reply(q, dns_name(at) + struct.pack("!HHIH", 16, 1, 60, 9999) + text(value)))


@lie("dns", "malformed")
def a_string_longer_than_its_record(place, at, value):
    return raw(lambda q: reply(q, record(at, "TXT", bytes([250]) + value.encode())))


@lie("dns")
def more_records_than_there_are(place, at, value):
    def make(question):
        made = reply(question, record(at, "TXT", text(value)))
        return made[:6] + b"\xff\xff" + made[8:]
    return raw(make)


@lie("dns", "answer")
def garbage(place, at, value):
    return raw(lambda q: q.message[:2] + b"\x84\x00" + b"\xff" * 300)


@lie("dns")
def aliases_in_a_circle(place, at, value):
    return {"CNAME": "circle." + at}


@lie("dns", "through 20 aliases", "at most 16")
def twenty_aliases(place, at, value):
    """In one answer."""
    return {"CNAME": "1.chain." + at}


@lie("dns", "aliases", "at most 16")
def twenty_answers(place, at, value):
    """Each with an alias."""
    return raw(lambda q: reply(q, record(at, "CNAME", dns_name("1.step." + at))))


@lie("valid")
def four_aliases(place, at, value):
    return {"CNAME": "1.short." + at}


@lie("dns", "DNSSEC")
def an_alias_to_what_is_forged(place, at, value):
    return {"CNAME": "_validation-persist.altered.test"}


@lie("valid")
def an_alias_to_what_is_signed(place, at, value):
    return {"CNAME": "_validation-persist.good.test"}


@lie("dns", "NXDOMAIN")
def poison(place, at, value):
    """Records of names that were not asked for, in all sections: nobody believes them (see below)."""
    def make(question):
        victim = record("_validation-persist.victim.hostile.test", "TXT", text(value))
        other = record("_validation-persist.victim.test", "TXT", text(value))
        made = reply(question, rcode=NXDOMAIN, extra=victim + other + victim + other, counts=(2, 2))
        return made
    return raw(make)


def hostile_nodes(place):
    value = grant(place.kid)
    nodes = {}
    for name, (make, _, _) in LIES.items():
        at = f"_validation-persist.{name}.hostile.test"
        nodes[at] = make(place, at, value)
    circle = "_validation-persist.aliases-in-a-circle.hostile.test"
    nodes["circle." + circle] = {"CNAME": circle}
    at = "_validation-persist.twenty-answers.hostile.test"
    for n in range(1, 21):
        def make(question, n=n):
            return reply(question, record(f"{n}.step.{at}", "CNAME", dns_name(f"{n + 1}.step.{at}")))
        nodes[f"{n}.step.{at}"] = {"raw": make}
    nodes[f"21.step.{at}"] = {"TXT": [[value.encode()]]}
    nodes[f"step.{at}"] = nodes["chain._validation-persist.twenty-aliases.hostile.test"] = {}
    for prefix, owner, count in [("chain", "twenty-aliases", 20), ("short", "four-aliases", 4)]:
        end = f".{prefix}._validation-persist.{owner}.hostile.test"
        for n in range(1, count):
            nodes[f"{n}{end}"] = {"CNAME": f"{n + 1}{end}"}
        nodes[f"{count}{end}"] = {"TXT": [[value.encode()]]}
    for name in ["hostile.test", "ns3.test", *[f"{name}.hostile.test" for name in LIES]]:
        nodes.setdefault(name, {})  # a name below must not be denied by the one above (RFC 8020)
    return nodes


def test_a_slow_server(place):
    """It is waited for, but not by others."""
    def node(question):
        time.sleep(1)
        return {"TXT": [[grant(place.kid).encode()]]}
    place.authorities.liar.nodes["_validation-persist.slow.hostile.test"] = node
    status, _, detail = prove(place, "slow.hostile.test")
    assert status == "valid", detail


def test_streams_that_hang(place):
    """More questions are to be asked over TCP than there are streams, of a server that then says nothing: nobody else has
    to wait, and each is told in time."""
    over, cut = threading.Event(), set()

    def node(question):
        if question.transport == "tcp":
            over.wait(60)
            return None
        cut.add(question.name)
        return {"cut": True}
    names = [f"stream{n}.hostile.test" for n in range(STREAMS_MAX + 12)]
    for name in names:
        place.authorities.liar.nodes.update({f"_validation-persist.{name}": node, name: {}})
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        futures = {name: pool.submit(prove, place, name) for name in names}
        deadline = time.monotonic() + 60
        while len(cut) < len(names) and time.monotonic() < deadline:
            time.sleep(0.1)
        others = [prove(place, name) for name in ("good.test", "a.nsec3.test", "slow.hostile.test")]
        results = {name: future.result() for name, future in futures.items()}
        over.set()
    assert [(status, detail) for status, _, detail in others] == [("valid", "")] * 3
    for name, (status, kind, detail) in results.items():
        assert (status, kind) == ("invalid", "dns") and f"_validation-persist.{name}" in detail and "answer" in detail, detail


def test_truncated_and_reset(place):
    """The server says that its answer does not fit into a datagram, and cannot be asked over TCP."""
    place.authorities.liar.nodes["_validation-persist.reset.hostile.test"] = {
        "raw": lambda question: b"" if question.transport == "tcp" else reply(question, cut=True)}
    status, kind, detail = prove(place, "reset.hostile.test")
    assert (status, kind) == ("invalid", "dns")
    assert "the answer is truncated over UDP, and over TCP there is none: Connection reset by peer for " in detail, detail


def test_a_failure_that_passes(place):
    """Another attempt reaches the server again, though libunbound repeats a failure for some seconds."""
    asked = []

    def node(question):
        asked.append(question)
        return {"rcode": SERVFAIL} if question.kind == "TXT" and time.monotonic() < begun + 3 else {
            "TXT": [[grant(place.kid).encode()]]}
    begun = time.monotonic()
    place.authorities.liar.nodes["_validation-persist.passes.hostile.test"] = node
    status, _, detail = prove(place, "passes.hostile.test")
    assert status == "valid", detail


@pytest.fixture(scope="module")
def results(place):
    """All at once: most of them are waited for."""
    names = [*[f"{name}.test" for name in ZONES], *[f"nowhere.{name}.test" for name in DENIALS],
             *SPECIAL, *[f"a.{name}" for name in SPECIAL], *[f"{name}.hostile.test" for name in LIES]]
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        futures = {name: pool.submit(prove, place, name) for name in names}
        return {name: future for name, future in futures.items() if future.exception() or True}


@pytest.mark.parametrize("zone", ZONES)
def test_zone(results, zone):
    words = ZONES[zone][1]
    status, kind, detail = results[f"{zone}.test"].result()
    assert (status, kind) == (("invalid", "dns") if words else ("valid", "")), detail
    assert words in detail and (not words or f"_validation-persist.{zone}.test fails DNSSEC validation: " in detail), detail


@pytest.mark.parametrize("zone", DENIALS)
def test_denial(results, zone):
    """A name that is not there must be denied as the zone signs such things."""
    status, kind, detail = results[f"nowhere.{zone}.test"].result()
    assert (status, kind) == ("invalid", "dns") and DENIALS[zone] in detail, detail


@pytest.mark.parametrize("zone", [name for zone in SPECIAL for name in (zone, f"a.{zone}") if "." in name])
def test_special_names(results, zone):
    """No name is answered from within, though libunbound knows these (RFC 6303, 6761, 8375, 9462)."""
    status, _, detail = results[zone].result()
    assert status == "valid", detail


@pytest.mark.parametrize("name", LIES)
def test_lie(results, name):
    _, wanted, words = LIES[name]
    status, kind, detail = results[f"{name}.hostile.test"].result()
    assert (status, kind) == (("valid", "") if wanted == "valid" else ("invalid", wanted)), detail
    assert wanted == "valid" or f"_validation-persist.{name}.hostile.test" in detail, detail
    for word in words:
        assert word in detail, detail


@pytest.mark.parametrize("victim", ["victim.hostile.test", "victim.test"])
def test_nobody_believes_what_was_not_asked_for(place, results, victim):
    results["poison.hostile.test"].result()
    status, kind, detail = prove(place, victim)
    assert (status, kind) == ("invalid", "dns") and "(NXDOMAIN)" in detail, detail


def test_another_authority_counts_within_seconds(place, results):
    """What was learned of delegations and answers is not kept for long: the zone's server says something else now."""
    at = "_validation-persist.honest.hostile.test"
    kept = place.authorities.liar.nodes[at]
    place.authorities.liar.nodes[at] = {"TXT": [[b"gone"]]}
    try:
        for _ in range(30):
            status, kind, detail = prove(place, "honest.hostile.test")
            if status == "invalid":
                break
            time.sleep(1)
        assert (status, kind) == ("invalid", "unauthorized") and '"gone"' in detail, detail
    finally:
        place.authorities.liar.nodes[at] = kept
