"""cairn proves names by dns-account-01 and dns-persist-01 at cairn-ca; zones are at knotd. Labels and records are made here
from the drafts."""
import base64
import hashlib
import json
import os
import re
import shutil
import types

import pytest

import house as house_module
from test_client_fallback import proofs
from test_dns_drafts import EXTRA
from zones import NOT_PROVED, PRIMARY, UNCHANGED, USAGE, World, check, journal

pytestmark = [pytest.mark.foreign,
              pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root"),
              pytest.mark.skipif(shutil.which("knotd") is None or shutil.which("unbound") is None, reason="knotd or unbound is not installed")]


class Drafts(World):
    def __init__(self, folder):
        super().__init__(folder, pebble=False)
        self.house = house_module.House(folder / "ca", stub=self.stub, sets=["validation.timeout=8s"])
        path = self.house.directory / "cairn-ca.yaml"
        path.write_text(re.sub(r"(?ms)^directories:\n(^ .*?\n)*", "", path.read_text()) +
                        EXTRA.replace("second.example.test]\n", "second.example.test]\n    check_caa: false\n") +
                        "  methods:\n    challenges: [dns-account-01, dns-01]\n    caa_identities: ca.example.test\n")
        self.house.start()
        self.closers.append(self.house.close)

    def client(self, directory):
        url = self.house.url.replace("/acme/", f"/acme/{directory}/")
        return super().client(types.SimpleNamespace(url=url, root=self.house.root, http_port=self.house.http_port))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = Drafts(tmp_path_factory.mktemp("drafts"))
    try:
        yield made
    finally:
        made.close()


def account(client):
    (path,) = (client.directory / "accounts").glob("*/account.json")
    return json.loads(path.read_text())["url"]


def label(url):
    return "_" + base64.b32encode(hashlib.sha256(url.encode()).digest()[:10]).decode().lower()


def test_account(world):
    """C-DNSA-1, 2: a name and its wildcard; the label is of the account's URL, and nothing stays."""
    client = world.client("account")
    names = ["account.dns.test", "*.account.dns.test"]
    done = client.issue(*names, *world.ways(challenge="dns-account-01"))
    check(client, "account.dns.test", names, world.house.root)
    assert done.stdout.count(f"record    TXT {label(account(client))}._acme-challenge.account.dns.test, in the zone dns.test") == 2
    assert journal(client) == [] and world.texts() == []
    assert client.json("show", "account.dns.test")["challenges"] == ["dns-account-01"]


def test_caa_of_another_method(world):
    """A zone that lets the CA use one method only (RFC 8657): that one is tried when another one was refused for it."""
    client = world.client("methods")
    both = world.ways(challenge="dns-account-01,dns-01")
    with world.primary.record("dns.test", "caa.dns.test", '0 issue "ca.example.test; validationmethods=dns-01"', kind="CAA"):
        done = client.issue("caa.dns.test", *both)
        assert len(re.findall("^fallback .*caa", done.stdout, re.MULTILINE | re.IGNORECASE)) == 1, done.stdout
        assert proofs(client, "caa.dns.test") == {"caa.dns.test": "dns-01"}
        assert "fallback" not in client.run("renew", "--force").stdout
    assert journal(client) == []


def looks(world, *words):
    return ["--challenge", "dns-persist-01", "--dns", "none", "--dns-resolver", f"{PRIMARY}:{world.stub.port}", *words]


def wanted(done):
    """The record that cairn asks for."""
    found = re.findall(r'(_validation-persist\.\S+)\. TXT "([^"]+)"', done.stderr)
    assert found, done.stderr
    return found


def test_persist(world):
    """What to add is said; once it is there, a certificate needs nothing more, now and at each renewal."""
    client = world.client("persist")
    done = client.issue("persist.dns.test", *looks(world), code=NOT_PROVED)
    [(name, record)] = wanted(done)
    assert (name, record) == ("_validation-persist.persist.dns.test", f"ca.example.test; accounturi={account(client)}")
    with world.primary.record("dns.test", name, record):
        client.issue("persist.dns.test", *looks(world))
        check(client, "persist.dns.test", ["persist.dns.test"], world.house.root)
        client.run("renew", "--force")
        client.run("renew", code=UNCHANGED)
        done = client.issue("persist.dns.test", "*.persist.dns.test", "--name", "wild", *looks(world), code=NOT_PROVED)
        [(_, wider)] = wanted(done)  # one record for both
        assert wider == record + "; policy=wildcard"
    assert journal(client) == []


def test_persist_that_has_ended_or_is_of_another(world):
    """Records of others, and those that are over, are none; the CA is not asked in vain."""
    client = world.client("persist")
    name = "_validation-persist.ended.dns.test"
    [(_, record)] = wanted(client.issue("ended.dns.test", *looks(world), code=NOT_PROVED))
    tries = world.house.text().count("dns-persist-01")
    for wrong in [record + "; persistUntil=1000000000", record + "0", record.replace("ca.example.test", "another.test")]:
        with world.primary.record("dns.test", name, wrong):
            assert wanted(client.issue("ended.dns.test", *looks(world), code=NOT_PROVED)) == [(name, record)]
    assert world.house.text().count("dns-persist-01") == tries
    with world.primary.record("dns.test", name, record.replace("; ", ";PersistUntil=9999999999; ")):
        client.issue("ended.dns.test", *looks(world))


def test_persist_of_several_names(world):
    """Every record that is missing is named, each once."""
    client = world.client("persist")
    done = client.issue("one.dns.test", "*.one.dns.test", "two.dns.test", *looks(world), code=NOT_PROVED)
    found = wanted(done)
    assert sorted(name for name, _ in found) == ["_validation-persist.one.dns.test", "_validation-persist.two.dns.test"]
    assert [record.endswith("policy=wildcard") for _, record in sorted(found)] == [True, False]
    assert "these 2 records" in done.stderr


def test_persist_behind_an_alias(world):
    client = world.client("persist")
    [(_, record)] = wanted(client.issue("alias.dns.test", *looks(world), code=NOT_PROVED))
    with world.primary.record("dns.test", "_validation-persist.alias.dns.test", "kept.other.test.", kind="CNAME"), \
            world.primary.record("other.test", "kept.other.test", record):
        client.issue("alias.dns.test", *looks(world))


def test_persist_command(world):
    """The record is printed and looked for without an order; what issue asks for is the same."""
    client = world.client("persist")
    words = ["--ca", client.ca.url, "--ca-file", client.ca.root, "--dns-resolver", f"{PRIMARY}:{world.stub.port}"]
    done = client.run("dns", "persist", "cmd.dns.test", *words, code=1)
    assert "there is no account at" in done.stderr and "cairn account register" in done.stderr and done.stdout == ""
    client.run("account", "register", "--ca", client.ca.url, "--ca-file", client.ca.root, "--agree-tos")
    done = client.run("dns", "persist", "cmd.dns.test", *words, code=NOT_PROVED)
    name, record = "_validation-persist.cmd.dns.test", f"ca.example.test; accounturi={account(client)}"
    assert done.stdout == f'{name}. TXT "{record}"\n' and len(done.stderr.splitlines()) == 1 and "cmd.dns.test: " in done.stderr
    with world.primary.record("dns.test", name, record):
        done = client.run("dns", "persist", "cmd.dns.test", *words)
        assert done.stdout == f'{name}. TXT "{record}"\nthere     {name}\n' and done.stderr == ""
        rows = client.json("dns", "persist", "cmd.dns.test", "other.dns.test", *words, code=NOT_PROVED)
        assert [(row["name"], row["value"], row["there"], "error" in row) for row in rows] == [
            ("cmd.dns.test", record, True, False), ("other.dns.test", record, False, True)]
        done = client.run("dns", "persist", "cmd.dns.test", "*.cmd.dns.test", *words, code=NOT_PROVED)  # one record for both
        assert done.stdout == f'{name}. TXT "{record}; policy=wildcard"\n'
        done = client.run("dns", "persist", "*.cmd.dns.test", "--until", "2099-01-31", "--dns-check", "none", *words)
        assert done.stdout == f'{name}. TXT "{record}; policy=wildcard; persistUntil=4073500800"\n'
        wider = done.stdout.split('"')[1]
        assert client.json("account", "show", *words[:4])["orders"] == 0
    with world.primary.record("dns.test", name, wider):
        client.run("dns", "persist", "*.cmd.dns.test", "cmd.dns.test", *words)
        client.issue("cmd.dns.test", "*.cmd.dns.test", *looks(world))


@pytest.mark.parametrize("words, says", [
    ([], "say the NAME"), (["192.0.2.1"], "192.0.2.1 is no DNS name"), (["a.example.test", "--until", "soon"], '--until: "soon" is no day'),
    (["a.example.test", "--until", "2001-01-01"], "--until: 2001-01-01 is over"),
    (["a.example.test", "--dns-check", "often"], '--dns-check: "often" is none of'), (["a.example.test", "--dns", "nobody"], 'there is no "nobody" in dns'),
])
def test_persist_command_mistakes(world, words, says):
    client = world.client("persist")
    done = client.run("dns", "persist", *words, code=USAGE)
    assert says in done.stderr.splitlines()[0] and len(done.stderr.splitlines()) == 2 and not client.directory.exists()


def test_persist_with_hashes(world):
    """Revision 02: the account URI is a digest that the CA says."""
    client = world.client("hashed")
    [(name, record)] = wanted(client.issue("hashed.dns.test", *looks(world), code=NOT_PROVED))
    assert "/account-hash/sha-256/" in record
    with world.primary.record("dns.test", name, record):
        client.issue("hashed.dns.test", *looks(world))
