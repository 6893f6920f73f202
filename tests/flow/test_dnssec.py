"""dns-01 and http-01 where the validator resolves from the root by itself and validates DNSSEC (S-D01-5, S-DNS-2): knotd
has all zones from the root down, signed, unsigned and broken, at the addresses of the root servers. The root's key is
another one, so the file with it is another one too, in a mount namespace."""
import concurrent.futures
import hashlib
import os
import subprocess
import types

import pytest

import acme_raw
import world as world_module
from knot import run_until_it_answers
from world import PUBLIC_V4, proof

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of its own take root")

# those that resolvers are born with (named.root); b.root-servers.net has moved
ROOT_SERVERS = ["198.41.0.4", "199.9.14.201", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10",
                "192.5.5.241", "192.112.36.4", "198.97.190.53", "192.36.148.17", "192.58.128.30", "193.0.14.129",
                "199.7.83.42", "202.12.27.33"]
HERE = ROOT_SERVERS[0]
HEAD = "$TTL 60\n@ SOA ns.test. hostmaster.test. 1 3600 600 86400 1\n"
CAA_NAME = "ca.example.net"
ALIASES = "_acme-challenge.cname CNAME here.unsigned.test.\nmoved DNAME there\n_acme-challenge.lost CNAME forged.test.\n"
# names whose records are elsewhere, and that are proved by a record at their own zone
CAA = "".join(f"to-{zone} CNAME web.{zone}.test.\n" for zone in ("good", "forged", "stripped", "unsigned"))
CAA += f'web CAA 0 issue "{CAA_NAME}"\nshut A {PUBLIC_V4}\nshut CAA 0 issue ";"\n'
CHILDREN = ["good.test", "forged.test", "stripped.test", "unsigned.test", "inside.test"]
CONFIG = """
server:
    rundir: {folder}
    listen: 0.0.0.0@53
database:
    storage: {folder}
log:
  - target: stderr
    any: warning
policy:
  - id: signed
    single-type-signing: on
    manual: on
    algorithm: ecdsap256sha256
acl:
  - id: anybody
    address: 127.0.0.1
    action: update
template:
  - id: default
    storage: {folder}
    acl: anybody
zone:
"""


def keymgr(folder, *words):
    done = subprocess.run(["keymgr", "-c", folder / "knot.conf", *words], capture_output=True, text=True, check=True)
    return done.stdout


def digests(folder, zone):
    """The SHA-256 digest of the zone's key, as data of a DS record."""
    rows = [line.split(" DS ")[1].strip() for line in keymgr(folder, zone, "ds").splitlines()]
    return next(row for row in rows if row.split()[2] == "2")


class Zones:
    """From the root down. forged.test has another key than its parent says; stripped.test has no signatures though its
    parent says that it must; unsigned.test need not have any. inside.test is forged, too, but the CA is told to believe it."""

    def __init__(self, folder):
        self.folder = folder
        config = CONFIG.format(folder=folder)
        for zone in [".", "test", *CHILDREN]:
            signed = zone not in ("unsigned.test", "stripped.test")
            config += f"  - domain: {zone}\n    file: zone.{zone}\n"
            config += "    dnssec-signing: on\n    dnssec-policy: signed\n" if signed else ""
        (folder / "knot.conf").write_text(config)
        for zone in (".", "test", "good.test", "forged.test", "inside.test"):
            keymgr(folder, zone, "generate", "algorithm=13", "ksk=yes", "zsk=yes")
        wrong = "12345 13 2 " + "ab" * 32
        delegations = {"good.test": digests(folder, "good.test"), "forged.test": wrong, "stripped.test": wrong, "inside.test": wrong,
                       "unsigned.test": None}
        for zone in CHILDREN:
            self.write(zone, f"@ NS ns.test.\nweb A {PUBLIC_V4}\nlater A {PUBLIC_V4}\n{ALIASES}{CAA}")
        self.write("test", f"@ NS ns\nns A {HERE}\n" + "".join(
            f"{zone}. NS ns\n" + (f"{zone}. DS {digest}\n" if digest else "") for zone, digest in delegations.items()))
        self.write(".", f"@ NS a.root-servers.net.\na.root-servers.net. A {HERE}\ntest. NS ns.test.\n"
                        f"ns.test. A {HERE}\ntest. DS {digests(folder, 'test')}\n")
        (folder / "root.key").write_text(f". IN DS {digests(folder, '.')}\n")
        self.process = run_until_it_answers(["knotd", "-c", folder / "knot.conf"], 53)

    def write(self, zone, content):
        (self.folder / f"zone.{zone}").write_text(HEAD + content)

    def update(self, zone, name, value):
        text = f"server 127.0.0.1\nzone {zone}.\nadd {name}. 1 TXT \"{value}\"\nsend\n"
        subprocess.run(["knsupdate"], input=text, text=True, check=True, timeout=30)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Zones, web and CA in one network."""
    folder = tmp_path_factory.mktemp("dnssec")
    closers = []
    try:
        closers.append(world_module.Namespace().close)
        subprocess.run(["ip", "-batch", "-"], input="".join(f"addr add {a}/32 dev lo\n" for a in ROOT_SERVERS),
                       text=True, check=True)
        zones = Zones(folder)
        closers.append(zones.stop)
        web = world_module.Web([PUBLIC_V4], 80, {f"{name}.{zone}": proof for zone in CHILDREN for name in ("web", "later")})
        closers.append(web.close)
        house = world_module.House(folder / "ca", stub=types.SimpleNamespace(port=0), sets=["validation.timeout=8s", "authorization.lifetime=0", "validation.insecure_zones=Inside.test.",
                                     f"directories.default.caa_identities={CAA_NAME}"])
        house.arguments_before = ["unshare", "--mount", "sh", "-c",
                                  f'mount --bind "{folder}/root.key" /usr/share/dns/root.key && exec "$@"', "sh"]
        closers.append(house.close)
        house.start()
        client = acme_raw.Client(house.url, house.root)
        client.register()
        yield types.SimpleNamespace(zones=zones, web=web, house=house, client=client)
        assert house.stop() == 0, house.text()
    finally:
        for closer in reversed(closers):
            closer()


def prove(place, name, zone, kind, at=None):
    """What came of a challenge for that name: status, problem, sentence. A record goes into that zone, `at` another
    name."""
    client = acme_raw.Client(place.house.url, place.house.root, place.client.key)
    client.kid = place.client.kid
    _, order = client.order(name)
    challenge = client.challenge(order["authorizations"][0], kind)
    proved = f'{challenge["token"]}.{client.key.thumbprint()}'
    place.web.tokens[challenge["token"]] = proved
    if kind == "dns-01":
        place.zones.update(zone, at or f"_acme-challenge.{name}", acme_raw.b64(hashlib.sha256(proved.encode()).digest()))
    client.post(challenge["url"], {})
    final = client.poll(challenge["url"], ("valid", "invalid"), tries=300).json
    error = final.get("error", {"type": "", "detail": ""})
    return final["status"], error["type"].rpartition(":")[2], error["detail"]


CASES = {(zone, kind): problem for zone, problem in [("good.test", ""), ("unsigned.test", ""), ("forged.test", "dns"),
                                                     ("stripped.test", "dns"), ("inside.test", "")] for kind in ("dns-01", "http-01")}


@pytest.fixture(scope="module")
def results(place):
    """All at once: what cannot be trusted is asked for again before it counts."""
    with concurrent.futures.ThreadPoolExecutor(len(CASES)) as pool:
        futures = {case: pool.submit(prove, place, f"web.{case[0]}", *case) for case in CASES}
        return {case: future for case, future in futures.items() if future.exception() or True}


@pytest.mark.parametrize("zone, kind", CASES)
def test_zone(results, zone, kind):
    """V-DNS-1: what is signed must be right, and what need not be signed may do without. V-DNS-2: validation.insecure_zones
    names what is believed all the same, while other zones are validated as before."""
    problem = CASES[zone, kind]
    status, found, detail = results[zone, kind].result()
    assert (status, found) == ("invalid" if problem else "valid", problem), detail
    if problem:
        assert f"web.{zone}" in detail and "DNSSEC" in detail, detail
    if problem and kind == "dns-01":
        assert f"the answer about the TXT records of _acme-challenge.web.{zone} fails DNSSEC validation: " in detail


def test_a_new_record_counts_at_once(place):
    """What was denied for one question (AAAA, by a signed record that says which name comes next) says nothing about
    another one, though a resolver might conclude that (RFC 8198): the name between the two is made a moment later."""
    assert prove(place, "later.good.test", "good.test", "http-01")[0] == "valid"
    status, _, detail = prove(place, "later.good.test", "good.test", "dns-01")
    assert status == "valid", detail


@pytest.mark.parametrize("name, zone, at", [
    ("cname.good.test", "unsigned.test", "here.unsigned.test"),
    ("a.moved.good.test", "good.test", "_acme-challenge.a.there.good.test")])
def test_aliases(place, name, zone, at):
    """S-D01-3: into another zone, and of whole trees (RFC 6672)."""
    status, _, detail = prove(place, name, zone, "dns-01", at)
    assert status == "valid", detail


def test_an_alias_into_a_forged_zone(place):
    """S-D01-5: a signed alias makes nothing better."""
    status, found, detail = prove(place, "lost.good.test", "forged.test", "dns-01", "forged.test")
    assert (status, found) == ("invalid", "dns") and "fails DNSSEC validation" in detail, detail


def test_no_such_name(place):
    """A signed denial is an answer like any other."""
    status, found, detail = prove(place, "nowhere.good.test", "good.test", "http-01")
    assert (status, found) == ("invalid", "dns") and "NXDOMAIN" in detail, detail


@pytest.mark.parametrize("name, problem, words", [
    ("to-good", "", ""), ("to-unsigned", "", ""),
    ("to-forged", "caa", "the answer about the CAA records of to-forged.good.test fails DNSSEC validation, so no certificate is "
                         "issued for to-forged.good.test: "),
    ("to-stripped", "caa", "the CAA records of to-stripped.good.test fails DNSSEC validation"),
    ("shut", "caa", "of shut.good.test (0 issue \";\")")])
def test_caa(place, name, problem, words):
    """V-CAA-18, 23, V-DNS-1: what is signed wrongly permits nothing, however good what it says; proved by a record that is
    right."""
    status, found, detail = prove(place, f"{name}.good.test", "good.test", "dns-01")
    assert (status, found) == ("invalid" if problem else "valid", problem) and words in detail, detail
