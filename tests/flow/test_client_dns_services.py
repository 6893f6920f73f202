"""cairn proves names by dns-01 with services that are asked by HTTP: acme-dns, and httpreq of lego. The records stand at knotd,
and Pebble looks."""
import contextlib
import json
import os
import re
import shutil
import stat

import pytest

import pebble as pebble_module
from dns_services import AcmeDns, Httpreq
from zones import NETWORK, NOT_PROVED, PRIMARY, UNCHANGED, USAGE, Running, World, check, journal

pytestmark = [pytest.mark.leaks, pytest.mark.foreign,
              pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root"),
              pytest.mark.skipif(pebble_module.PROGRAM is None or shutil.which("knotd") is None,
                                 reason="pebble or knotd is not installed")]
LOGIN = "someone:a secret: with colons"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("services"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_is_left(world):
    yield
    assert world.texts() == []


def ways(world, provider, url, *words):
    return ["--challenge", "dns-01", "--dns", provider, "--dns-url", url, "--dns-resolver", f"{PRIMARY}:{world.stub.port}", *words]


def secret(tmp_path, text, mode=0o600):
    path = tmp_path / "credentials"
    path.write_text(text)
    path.chmod(mode)
    return path


# ---- httpreq ----

@pytest.mark.parametrize("login, slash", [(None, ""), (LOGIN, "/")])
def test_httpreq(world, tmp_path, login, slash):
    """A name, its wildcard, an alias: each is added once where it leads, and removed."""
    with contextlib.closing(Httpreq(world.primary, login)) as service:
        client = world.client()
        words = ["--dns-credentials", secret(tmp_path, login + "\n")] if login else []
        names = ["*.http.dns.test", "http.dns.test", "ours.dns.test"]
        done = client.issue(*names, *ways(world, "httpreq", f"{service.url}/api{slash}", *words))
        check(client, "_.http.dns.test", names)
        paths = [path for path, _, _ in service.asked]
        assert paths == ["/api/present"] * 3 + ["/api/cleanup"] * 3
        bodies = [json.loads(body) for _, _, body in service.asked]
        assert sorted(b["fqdn"] for b in bodies[:3]) == ["_acme-challenge.http.dns.test."] * 2 + ["ours.other.test."]
        assert sorted(map(str, bodies[:3])) == sorted(map(str, bodies[3:])) and journal(client) == []
        assert "record    TXT ours.other.test, by httpreq" in done.stdout and LOGIN.split(":")[1] not in done.stdout
        client.run("renew", "--force")


def test_httpreq_raw(world, tmp_path):
    with contextlib.closing(Httpreq(world.primary, raw=True)) as service:
        client = world.client()
        config = tmp_path / "cairn.yaml"
        config.write_text(f"dns:\n  api:\n    provider: httpreq\n    mode: raw\n    url: {service.url}/api\n    resolver: {PRIMARY}:{world.stub.port}\n")
        client.issue("raw.dns.test", "--challenge", "dns-01", "--dns", "api", "--config", config)
        assert json.loads(service.asked[0][2])["domain"] == "raw.dns.test" and len(service.asked) == 2


@pytest.mark.parametrize("fail, code, says", [
    ((403, {"error": "not yours"}), NOT_PROVED, 'answers with status 403: {"error": "not yours"}'),
    ((404, {}), NOT_PROVED, "answers with status 404"),
    ((422, {"error": "line\n\x1b[31mtwo"}), NOT_PROVED, "answers with status 422"),
    ((500, {"error": "x" * 5000}), NETWORK, "answers with status 500"),
])
def test_httpreq_refusals(world, fail, code, says):
    """What the service says is shown, a little of it, on one line. Where the record cannot be there, nothing is remembered."""
    with contextlib.closing(Httpreq(world.primary)) as service:
        client = world.client()
        service.fail = fail
        done = client.issue("refused.dns.test", *ways(world, "httpreq", f"{service.url}/api"), code=code)
        assert f"{service.url} {says}" in done.stderr and "\x1b" not in done.stderr and len(done.stderr) < 700, done.stderr
        if code == NOT_PROVED:
            assert journal(client) == []
        else:
            service.fail = None
            assert "clean     removed" in client.run("renew", code=UNCHANGED).stdout and journal(client) == []


def test_httpreq_that_is_not_there(world):
    client = world.client()
    done = client.issue("away.dns.test", *ways(world, "httpreq", f"http://{PRIMARY}:1/api"), code=NETWORK)
    assert f"cannot reach http://{PRIMARY}:1" in done.stderr and journal(client) == []


@pytest.mark.parametrize("words, text, mode, says", [
    (["--dns-url", "ftp://x/"], None, 0, "--dns-url"),
    (["--dns-url", "http://user:secret@x/"], None, 0, "--dns-url"),
    (["--dns-url", "http://x/?a=b"], None, 0, "the URL of a service has no query"),
    ([], None, 0, "httpreq needs the URL of the service"),
    (["--dns-url", "http://x/"], "a:b", 0o644, "can be read by others; give it mode 0600"),
    (["--dns-url", "http://x/"], "nothing", 0o600, "must hold one line USER:PASSWORD"),
    (["--dns-url", "http://x/"], "a:b\nc:d", 0o600, "must hold one line USER:PASSWORD"),
])
def test_httpreq_settings(world, tmp_path, words, text, mode, says):
    client = world.client()
    more = ["--dns-credentials", secret(tmp_path, text, mode)] if text else []
    done = client.issue("line.dns.test", "--dns", "httpreq", *words, *more, code=USAGE)
    assert says in done.stderr and "secret" not in done.stderr and not client.directory.exists(), done.stderr


def test_killed_between(world):
    """kill -9 after the record was added: the next run removes it at the service, whatever is asked of that run."""
    with contextlib.closing(Httpreq(world.primary)) as service:
        client = world.client()
        run = Running(client, "killed.two.test", *map(str, ways(world, "httpreq", f"{service.url}/api")))
        run.until("^wait")
        run.process.kill()
        run.end()
        assert len(journal(client)) == 1 and [row[0] for row in world.primary.texts("two.test")] == ["_acme-challenge.killed.two.test"]
        done = client.issue("after.dns.test", *world.ways())
        assert "clean     removed a TXT record of _acme-challenge.killed.two.test" in done.stdout
        assert [path for path, _, _ in service.asked] == ["/api/present", "/api/cleanup"] and journal(client) == []


def test_credential_of_systemd(world, tmp_path):
    with contextlib.closing(Httpreq(world.primary, LOGIN)) as service:
        client = world.client()
        secret(tmp_path, LOGIN).rename(tmp_path / "dns")
        words = ways(world, "httpreq", f"{service.url}/api", "--dns-credentials", "credential:dns")
        done = client.issue("credential.dns.test", *words, code=USAGE)
        assert "LoadCredential=dns:FILE" in done.stderr
        client.issue("credential.dns.test", *words, environment={"CREDENTIALS_DIRECTORY": str(tmp_path)})


# ---- acme-dns ----

@pytest.fixture
def acme_dns(world):
    service = AcmeDns(world.primary)
    yield service
    service.clear()
    service.close()


def test_acme_dns_from_nothing(world, acme_dns):
    """An account is registered at first use, and the alias to add is said; with it, name and wildcard have their two values."""
    client = world.client()
    words = ways(world, "acme-dns", acme_dns.url)
    done = client.issue("fresh.dns.test", "*.fresh.dns.test", *words, code=NOT_PROVED)
    found = re.search(r"add the record: _acme-challenge\.fresh\.dns\.test\. CNAME (\S+)\. and try again", done.stderr)
    assert found and len(acme_dns.accounts) == 1, done.stderr
    (kept,) = (client.directory / "acme-dns").rglob("*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and json.loads(kept.read_text())["fulldomain"] == found[1]
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    # as if it had been killed while it kept the account
    copy = kept.with_name(f"{kept.name}.0123456789abcdef.new")
    copy.write_text(kept.read_text())
    (client.directory / "dns-01" / "killed.json").write_text(json.dumps({
        "dns": {"name": kept.parent.name, "provider": "acme-dns", "url": acme_dns.url},
        "task": {"name": "_acme-challenge.fresh.dns.test", "value": "x", "owner": found[1], "domain": "fresh.dns.test"}}))
    with world.primary.record("dns.test", "_acme-challenge.fresh.dns.test", f"{found[1]}.", kind="CNAME"):
        done = client.issue("fresh.dns.test", "*.fresh.dns.test", *words)
        assert not copy.exists() and kept.exists()
        (client.directory / "dns-01" / "killed.json").unlink(missing_ok=True)
        check(client, "fresh.dns.test", ["fresh.dns.test", "*.fresh.dns.test"])
        client.run("renew", "--force")
    (account,) = acme_dns.accounts.values()
    assert len(acme_dns.accounts) == 1 and journal(client) == [] and account["password"] not in done.stdout + done.stderr
    assert len([1 for path, _, _ in acme_dns.asked if path == "/update"]) == 4


def test_acme_dns_of_several_names(world, acme_dns):
    """All accounts are made and all aliases told in one run; the second one is all there is to do."""
    client = world.client()
    names = ["one.dns.test", "*.one.dns.test", "two.dns.test", "three.dns.test"]
    words = ways(world, "acme-dns", acme_dns.url)
    done = client.issue(*names, *words, code=NOT_PROVED)
    found = dict(re.findall(r"^needed .* add the record: (_acme-challenge\.\S+)\. CNAME (\S+)\.", done.stdout, re.MULTILINE))
    assert sorted(found) == [f"_acme-challenge.{n}.dns.test" for n in ("one", "three", "two")] and len(acme_dns.accounts) == 3
    assert done.stderr.strip().endswith("3 records are needed first, as is told above; add them, then give the same command again")
    assert len(done.stderr.splitlines()) == 1 and journal(client) == []
    with contextlib.ExitStack() as stack:
        for name, alias in found.items():
            stack.enter_context(world.primary.record("dns.test", name, f"{alias}.", kind="CNAME"))
        client.issue(*names, *words)
        check(client, "one.dns.test", names)
    assert len(acme_dns.accounts) == 3


@pytest.mark.parametrize("many", [False, True])
def test_acme_dns_account_of_ones_own(world, acme_dns, tmp_path, many):
    account = acme_dns.register()
    path = secret(tmp_path, json.dumps({"given.dns.test": account} if many else account))
    client = world.client()
    words = ways(world, "acme-dns", acme_dns.url, "--dns-credentials", path)
    with world.primary.record("dns.test", "_acme-challenge.given.dns.test", f"{account['fulldomain']}.", kind="CNAME"):
        client.issue("given.dns.test", *words)
    done = client.issue("elsewhere.dns.test", *words, code=USAGE if many else NOT_PROVED)
    assert "has no account for elsewhere.dns.test" in done.stderr if many else "is no alias yet; add the record" in done.stderr
    done = client.issue("ours.dns.test", *words, code=USAGE if many else NOT_PROVED)
    assert many or "is an alias of ours.other.test, not of the account's name" in done.stderr, done.stderr
    assert not (client.directory / "acme-dns").exists()


def test_acme_dns_that_refuses(world, acme_dns, tmp_path):
    account = {**acme_dns.register(), "password": "of-yesterday"}
    client = world.client()
    words = ways(world, "acme-dns", acme_dns.url, "--dns-credentials", secret(tmp_path, json.dumps(account)))
    with world.primary.record("dns.test", "_acme-challenge.wrong.dns.test", f"{account['fulldomain']}.", kind="CNAME"):
        done = client.issue("wrong.dns.test", *words, code=NOT_PROVED)
    assert "answers with status 401" in done.stderr and "of-yesterday" not in done.stderr and journal(client) == []


# ---- several ----

def test_several_providers(world, acme_dns, tmp_path):
    """Each name by who is named for its zone, the longest first; each with its own credentials."""
    with contextlib.closing(Httpreq(world.primary, LOGIN)) as service:
        config = tmp_path / "cairn.yaml"
        config.write_text(f"""
defaults:
  dns: [signed, two.test=service, in.dns.test=service]
dns:
  signed: {{provider: rfc2136, key_file: {world.key()}, resolver: "{PRIMARY}:{world.stub.port}"}}
  service: {{provider: httpreq, url: "{service.url}/api", credentials: {secret(tmp_path, LOGIN)}, resolver: "{PRIMARY}:{world.stub.port}", check: none, settle: 200ms}}
certificates:
  mixed:
    names: [by.dns.test, "*.in.dns.test", other.test]
    cas: pebble
cas:
  pebble: {{directory: "{world.pebble.url}", ca_file: {world.pebble.root}, agree_tos: true}}
""")
        client = world.client()
        done = client.run("apply", "mixed", "--config", config)
        assert sorted(json.loads(body)["fqdn"] for _, _, body in service.asked) == ["_acme-challenge.in.dns.test."] * 2
        assert "wait      1 s for the records to settle" in done.stdout
