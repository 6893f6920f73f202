"""cairn dns test: a record is added as a challenge would, seen at all servers, removed; each step is said, and what is wrong.
cairn dns register: an account at acme-dns, and the alias to add."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

import pebble as pebble_module
from dns_services import AcmeDns, Httpreq
from zones import NETWORK, NOBODY, NOT_PROVED, PRIMARY, USAGE, World, journal

pytestmark = [pytest.mark.foreign,
              pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root"),
              pytest.mark.skipif(pebble_module.PROGRAM is None or shutil.which("knotd") is None or shutil.which("nft") is None,
                                 reason="pebble, knotd or nft is not installed")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("test"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_is_left(world):
    yield
    assert world.texts() == []


def ways(world, *words, key=None):
    return ["--dns-key", key or world.key(), "--dns-resolver", f"{PRIMARY}:{world.stub.port}", *words]


# ---- the command ----

def test_steps(world):
    client = world.client()
    done = client.run("dns", "test", "steps.dns.test", *ways(world))
    assert re.sub(r'"[^"]{43}"', '"VALUE"', done.stdout) == (
        'added     TXT _acme-challenge.steps.dns.test "VALUE", in the zone dns.test, by rfc2136\n'
        "seen      by everybody whom there is to ask\n"
        "removed   TXT _acme-challenge.steps.dns.test\n"
        "good      steps.dns.test: records are added, seen and removed\n")
    assert done.stderr == "" and journal(client) == []


def test_several_names_as_json(world):
    """Each by itself: one that fails does not keep the others from being tried."""
    client = world.client()
    rows = client.json("dns", "test", "ours.dns.test", "shut.test", "*.json.dns.test", *ways(world), code=NOT_PROVED)
    assert [(row["name"], row.get("record"), row.get("zone")) for row in rows] == [
        ("ours.dns.test", "ours.other.test", "other.test"), ("shut.test", None, None),
        ("json.dns.test", "_acme-challenge.json.dns.test", "dns.test")]
    assert "(BADKEY)" in rows[1]["error"] and "error" not in rows[0] and rows[0]["provider"] == "rfc2136"


def test_as_the_certificate_has_it(world, tmp_path):
    """Without options: what a certificate of that name is proved with, remembered or in cairn.yaml, or what defaults say."""
    client = world.client()
    client.issue("*.kept.dns.test", *world.ways())
    assert "good      kept.dns.test" in client.run("dns", "test", "kept.dns.test").stdout
    done = client.run("dns", "test", "unknown.dns.test", code=USAGE)
    assert "no certificate of unknown.dns.test says who adds records; say --dns WHO" in done.stderr
    with contextlib.closing(Httpreq(world.primary)) as service:
        config = tmp_path / "cairn.yaml"
        config.write_text(f"defaults:\n  dns: api\ndns:\n  api: {{provider: httpreq, url: '{service.url}/api', resolver: '{PRIMARY}:{world.stub.port}'}}\n")
        done = client.run("dns", "test", "unknown.dns.test", "--config", config)
        assert "by httpreq" in done.stdout and len(service.asked) == 2


@pytest.mark.parametrize("words, code, says", [
    (["late.two.test", "--dns-timeout", "1s"], NETWORK, "after 1 s the records are not everywhere: _acme-challenge.late.two.test: ns2.two.test (127.0.0.2) does not have it yet"),
    (["none.dns.test", "--dns-server", NOBODY], NETWORK, "127.0.0.9:53 does not answer: Connection refused"),
    (["round.dns.test"], NOT_PROVED, "an alias of an alias, more than 8 times"),
    (["127.0.0.1"], USAGE, "127.0.0.1 is no DNS name"),
    ([], USAGE, "say the NAME"),
])
def test_what_is_wrong(world, words, code, says):
    client = world.client()
    done = client.run("dns", "test", *words, *ways(world), code=code)
    assert says in done.stderr and journal(client) == [], done.stderr
    world.catch_up()


def test_relative_files(world):
    """What the options name is looked for where cairn was started, and once: later its rights are given up."""
    client = world.client()
    key = world.key()
    words = ["--dns-resolver", f"{PRIMARY}:{world.stub.port}"]
    done = client.run("dns", "test", "a.dns.test", "b.dns.test", "--dns-key", key.name, *words, cwd=key.parent)
    assert [line for line in done.stdout.splitlines() if line.startswith("good")] == [
        f"good      {name}.dns.test: records are added, seen and removed" for name in "ab"]
    with tempfile.TemporaryDirectory() as folder:  # where hooks, as the user nobody, can read
        os.chmod(folder, 0o755)
        program = pathlib.Path(folder, "exec.sh")
        program.write_text("#!/bin/sh\necho asked >&2\nexit 3\n")
        program.chmod(0o755)
        done = client.run("dns", "test", "a.dns.test", "--dns", "exec", "--dns-program", program.name, *words, cwd=folder, code=None)
        assert "exec.sh ended with exit code 3: asked" in done.stderr, done.stderr


def test_register(world):
    with contextlib.closing(AcmeDns(world.primary)) as service:
        client = world.client()
        words = ["--dns", "acme-dns", "--dns-url", service.url, "--dns-resolver", f"{PRIMARY}:{world.stub.port}"]
        first = client.run("dns", "register", "a.dns.test", "b.dns.test", *words)
        aliases = re.findall(r"^_acme-challenge\.(\w)\.dns\.test\. CNAME (\S+)\.$", first.stdout, re.MULTILINE)
        assert [name for name, _ in aliases] == ["a", "b"] and len(service.accounts) == 2
        rows = client.json("dns", "register", "a.dns.test", *words)
        assert rows == [{"name": "a.dns.test", "record": "_acme-challenge.a.dns.test", "alias": aliases[0][1], "registered": False}]
        with world.primary.record("dns.test", "_acme-challenge.a.dns.test", f"{aliases[0][1]}.", kind="CNAME"):
            said = client.run("dns", "test", "a.dns.test", *words).stdout
        assert f"stays     TXT {aliases[0][1]}: acme-dns removes nothing" in said and "\nremoved" not in said, said
        assert "good      a.dns.test: records are added and seen\n" in said, said
        service.clear()
    done = client.run("dns", "register", "a.dns.test", *ways(world), code=USAGE)
    assert "only acme-dns wants accounts registered" in done.stderr


# ---- who can be asked ----

@contextlib.contextmanager
def silent(address):
    """What anybody sends to port 53 there is lost."""
    rules = "add table inet silent\nadd chain inet silent in { type filter hook input priority 0; }\n"
    rules += "".join(f"add rule inet silent in ip daddr {address} {proto} dport 53 drop\n" for proto in ("udp", "tcp"))
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True, timeout=30)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "silent"], check=True, timeout=30)


@contextlib.contextmanager
def firewall(how):
    """What the process of cairn with the network (it runs as nobody) sends to any port 53 is dropped or rejected on its way; what
    others send is not. Marked where it leaves, as who sent it is not known later, and a drop there would be told to the sender."""
    rules = ("add table inet closed\nadd chain inet closed out { type filter hook output priority 0; }\n"
             "add chain inet closed in { type filter hook input priority 0; }\n")
    rules += "".join(f"add rule inet closed out meta skuid 65534 {proto} dport 53 meta mark set 53\n" for proto in ("udp", "tcp"))
    rules += f"add rule inet closed in meta mark 53 {how}\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True, timeout=30)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "closed"], check=True, timeout=30)


@pytest.fixture(scope="module")
def service(world):
    made = Httpreq(world.primary)
    yield made
    made.close()


def by_service(world, service, *words):
    return ["--dns", "httpreq", "--dns-url", f"{service.url}/api", "--dns-resolver", f"{PRIMARY}:{world.stub.port}", *words]


def test_one_server_is_dead(world, service):
    """It is passed over, as a CA would; but not if all servers must be seen."""
    client = world.client()
    done = client.run("dns", "test", "dead.test", *by_service(world, service))
    assert "dns       ns9.dead.test (127.0.0.9) does not answer and is passed over" in done.stdout and "\nseen " in done.stdout
    done = client.run("dns", "test", "dead.test", *by_service(world, service, "--dns-check", "authoritative", "--dns-timeout", "2s"), code=NETWORK)
    assert "ns9.dead.test (127.0.0.9) does not answer (Connection refused)" in done.stderr


def test_one_server_is_late(world, service):
    """Two servers that disagree: the record is not there before both have it."""
    client = world.client()
    done = client.run("dns", "test", "disagree.two.test", *by_service(world, service, "--dns-timeout", "2s"), code=NETWORK)
    assert "wait      _acme-challenge.disagree.two.test: ns2.two.test (127.0.0.2) does not have it yet" in done.stdout
    assert "removed   TXT" in done.stdout
    world.catch_up()


def test_the_time_that_went_by_is_told(world, service):
    """A look at a server that is silent takes longer than the time that was given."""
    client = world.client()
    began = time.monotonic()
    with silent("127.0.0.2"):
        done = client.run("dns", "test", "silent.two.test", *by_service(world, service, "--dns-check", "authoritative", "--dns-timeout", "1s"), code=NETWORK)
    told = int(re.search(r"after (\d+) s the records are not everywhere", done.stderr)[1])
    assert 4 <= told <= time.monotonic() - began + 1, done.stderr
    world.catch_up()


@pytest.mark.parametrize("how", ["drop", "reject"])
def test_port_53_is_closed(world, service, how):
    """auto: the resolver is asked, as the name servers cannot be, also about aliases; authoritative: a failure that says so."""
    client = world.client()
    with firewall(how):
        done = client.run("dns", "test", f"{how}.dns.test", *by_service(world, service, "--dns-check", "authoritative"), code=NETWORK)
        assert "none of the name servers of dns.test tells of" in done.stderr and "check at the resolver" in done.stderr, done.stderr
        # no record at ours.other.test was asked for before: the resolver remembers nothing of it
        with world.primary.record("dns.test", f"_acme-challenge.{how}.alias.dns.test", f"{how}.other.test.", kind="CNAME"), \
                world.primary.record("other.test", f"{how}.other.test", "of somebody else"):
            done = client.run("dns", "test", f"{how}.alias.dns.test", *by_service(world, service))
        assert "dns       none of the name servers of" in done.stdout and "is seen at the resolver" in done.stdout, done.stdout
        assert f"added     TXT {how}.other.test" in done.stdout and "\nseen " in done.stdout


def test_nobody_can_look(world, service):
    """The resolver was asked about a name that was not there, remembers that for longer than is waited, and no other can be asked:
    a pause in place of a look, and the user is told."""
    client = world.client()
    with firewall("reject"):
        done = client.run("dns", "test", "blind.dns.test", *by_service(world, service, "--dns-timeout", "5s"))
    assert "the resolver remembers for" in done.stdout and "nobody sees the record" in done.stdout
    assert "wait      30 s for the records to settle" in done.stdout and "\nseen " not in done.stdout
