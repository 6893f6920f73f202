"""cairn proves names by dns-01: it updates zones at knotd by RFC 2136 with a TSIG key, sees the records at all their
servers, and leaves none behind, whatever happens. In a network of its own, where port 53 is free."""
import base64
import os
import pathlib
import re
import shutil
import signal
import subprocess
import types

import pytest

import house as house_module
import pebble as pebble_module
from test_client_processes import family, is_sanitized, memory_has, status
from zones import (ALGORITHMS, FAILED, NETWORK, NOBODY, NOT_PROVED, UNCHANGED, PRIMARY, SECONDARY, SECRET, USAGE, WAIT_SECONDS, Running, World, check,
                   journal)

pytestmark = [pytest.mark.foreign,
              pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root"),
              pytest.mark.skipif(pebble_module.PROGRAM is None or shutil.which("knotd") is None,
                                 reason="pebble or knotd is not installed")]

@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("dns"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_is_left(world):
    """C-CH-5: whatever a test did, no zone has a record of it afterwards."""
    yield
    assert world.texts() == []


# ---- it works ----

def test_wildcard_and_name_in_one_order(world):
    """C-CH-1, C-AZ-3, C-D01-1: two values at one name at the same time; both are seen before the CA is told, both are removed."""
    client = world.client()
    names = ["*.both.dns.test", "both.dns.test"]
    done = client.issue(*names, *world.ways())
    check(client, "_.both.dns.test", names)
    assert done.stdout.count("record    TXT _acme-challenge.both.dns.test, in the zone dns.test at 127.0.0.1:53") == 2
    assert journal(client) == []
    # and again, in the way that was kept
    done = client.run("renew", "--force")
    assert "1 renewed, 0 waiting, 0 failed" in done.stdout and "record    TXT _acme-challenge.both.dns.test" in done.stdout
    shown = client.json("show", "_.both.dns.test")
    assert shown["challenges"] == ["dns-01"]
    kept = (client.directory / "certificates" / "_.both.dns.test" / "cairn.yaml").read_text()
    assert f"resolver: {PRIMARY}:{world.stub.port}" in kept or f'resolver: "{PRIMARY}:{world.stub.port}"' in kept, kept


def test_cairn_ca(world, tmp_path):
    """Against our own CA, too: wildcard, name, alias into another zone, an answer that UDP has no room for."""
    house = house_module.House(tmp_path / "ca", stub=world.stub)
    try:
        house.start()
        client = world.client(types.SimpleNamespace(url=house.url, root=house.root, http_port=house.http_port))
        names = ["*.house.dns.test", "house.dns.test", "ours.dns.test", "big.dns.test"]
        client.issue(*names, *world.ways())
        check(client, "_.house.dns.test", names, house.root)
        assert house.stop() == 0, house.text()
    finally:
        house.close()


@pytest.mark.parametrize("name, record, zone, server", [
    ("alias.dns.test", "name.other.test", "other.test", "127.0.0.1:53"),
    ("first.dns.test", "next.other.test", "other.test", "127.0.0.1:53"),
    ("cut.dns.test", "_acme-challenge.cut.dns.test", "_acme-challenge.cut.dns.test", "127.0.0.1:53"),
    ("six.test", "_acme-challenge.six.test", "six.test", r"\[::1\]:53"),
    ("far.dns.test", "_acme-challenge.far.dns.test", "_acme-challenge.far.dns.test", "127.0.0.2:53"),
    ("any.wild.test", "_acme-challenge.any.wild.test", "wild.test", "127.0.0.1:53"),
    ("any.below.moved.test", "_acme-challenge.any.other.test", "other.test", "127.0.0.1:53"),
    ("deep.below.the.dns.test", "_acme-challenge.deep.below.the.dns.test", "dns.test", "127.0.0.1:53"),
])
def test_where_the_record_goes(world, name, record, zone, server):
    """C-D01-2, 3: an alias into another zone, an alias of an alias, a zone of its own below, on the same server and on another one,
    a server that has IPv6 only; an alias that a wildcard makes, which a record of the name's own ends; a DNAME."""
    client = world.client()
    done = client.issue(name, *world.ways())
    assert re.search(rf"record +TXT {record}, in the zone {zone} at {server}$", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", ["{algorithm}:{name}:{secret}\n",
                                  'key "{name}" {{\n\talgorithm {algorithm};\n\tsecret "{secret}";\n}};\n'])
def test_every_algorithm_in_both_forms(world, algorithm, form):
    client = world.client()
    client.issue("algorithm.dns.test", *world.ways(key=world.key(algorithm, form=form)))


def test_records_of_others_stay(world):
    client = world.client()
    client.issue("shared.dns.test", *world.ways())
    assert ("_acme-challenge.shared.dns.test", "of somebody else") in world.primary.texts("dns.test")
    shown = subprocess.run(["kdig", f"@{PRIMARY}", "_acme-challenge.shared.dns.test", "TXT", "+noall", "+answer"],
                           capture_output=True, text=True, check=True, timeout=30).stdout
    assert shown.split()[1] == "60", shown  # and so does how long they may be kept


@pytest.mark.parametrize("server", [PRIMARY, f"{PRIMARY}:53", "[::1]:53", "::1", "ns1.dns.test", "ns1.dns.test:53"])
def test_the_server_for_updates(world, server):
    client = world.client()
    name = f"server{world.count}.dns.test"  # a resolver may remember what was there for the last one
    client.issue(name, *world.ways("--dns-server", server))


@pytest.mark.parametrize("how", ["resolver", "none"])
def test_other_ways_to_see_it(world, how):
    client = world.client()
    done = client.issue("seen.dead.test", *world.ways("--dns-check", how))
    assert "record    TXT _acme-challenge.seen.dead.test" in done.stdout


def test_a_server_this_machine_cannot_reach(world):
    """No way to an IPv6 address from here: the others are enough."""
    client = world.client()
    client.issue("far.test", *world.ways())


# ---- servers that are late ----

def test_a_server_that_is_late(world):
    """C-CH-1: the CA is not told before the last server has the record."""
    client = world.client()
    run = Running(client, "late.two.test", *map(str, world.ways()))
    line = run.until("^wait")
    assert "_acme-challenge.late.two.test: ns2.two.test (127.0.0.2) does not have it yet" in line
    told = world.pebble.log_path.read_text().count("/chalZ/")
    assert [row[0] for row in world.primary.texts("two.test")] == ["_acme-challenge.late.two.test"]
    assert world.pebble.log_path.read_text().count("/chalZ/") == told
    world.catch_up()
    code, out, error = run.end()
    assert code == 0, (out, error)
    world.catch_up()


def test_each_record_that_is_late_is_named(world):
    """Not only the first, and with one blank between."""
    names = ["a.slow.two.test", "b.slow.two.test"]
    late = [f"_acme-challenge.{name}: ns2.two.test (127.0.0.2) does not have it yet" for name in names]
    done = world.client().issue(*names, *world.ways("--dns-timeout", "1s", "--dns-check", "authoritative"), code=NETWORK)
    assert f"wait      {late[0]}; {late[1]}\n" in done.stdout or f"wait      {late[1]}; {late[0]}\n" in done.stdout, done.stdout


@pytest.mark.parametrize("name, says", [
    ("slow.two.test", "_acme-challenge.slow.two.test: ns2.two.test (127.0.0.2) does not have it yet"),
    ("gone.dead.test", "_acme-challenge.gone.dead.test: ns9.dead.test (127.0.0.9) does not answer (Connection refused)"),
])
def test_a_server_that_is_too_late(world, name, says):
    """C-CH-1: which server, for how long, and what to do; the CA is not told."""
    client = world.client()
    told = world.pebble.requests("/chalZ/")
    done = client.issue(name, *world.ways("--dns-timeout", "2s", "--dns-check", "authoritative"), code=NETWORK)
    assert "after 2 s the records are not everywhere" in done.stderr and says in done.stderr
    assert "--dns-timeout" in done.stderr and world.pebble.requests("/chalZ/") == told and journal(client) == []


# ---- refusals ----

@pytest.mark.parametrize("key, says", [
    ({"secret": b"another"}, "127.0.0.1:53 says that the signature is wrong (BADSIG): its key \"key-hmac-sha256\""),
    ({"name": "stranger"}, "127.0.0.1:53 does not know the key \"stranger\" with hmac-sha256, or not for the zone dns.test (BADKEY)"),
    ({"name": "key-hmac-sha1"}, "(BAD"),
])
def test_wrong_keys(world, key, says):
    client = world.client()
    done = client.issue("wrong.dns.test", *world.ways(key=world.key(**key)), code=NOT_PROVED)
    assert says in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert journal(client) == []


def test_a_zone_that_takes_no_updates(world):
    client = world.client()
    done = client.issue("shut.test", *world.ways(), code=NOT_PROVED)
    assert "or not for the zone shut.test (BADKEY)" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert journal(client) == []


@pytest.mark.parametrize("words, says", [
    (["--dns-server", NOBODY], "127.0.0.9:53 does not answer: Connection refused"),
    (["--dns-server", "nobody.dns.test"], "nobody.dns.test has no address"),
])
def test_no_server(world, words, says):
    client = world.client()
    done = client.issue("none.dns.test", *world.ways(*words), code=None)
    assert done.returncode in (NETWORK, NOT_PROVED) and says in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 and journal(client) == []  # nothing has arrived anywhere


def test_no_resolver(world):
    client = world.client()
    done = client.issue("none.dns.test", *world.ways(resolver=NOBODY), code=NETWORK)
    assert "127.0.0.9:53 does not answer: Connection refused" in done.stderr
    done = client.issue("www.nowhere.example", *world.ways(), code=NETWORK)
    assert f"127.0.0.1:{world.stub.port} answers SERVFAIL" in done.stderr


def test_aliases_in_circles(world):
    client = world.client()
    done = client.issue("round.dns.test", *world.ways(), code=None)
    assert "an alias of an alias, more than 8 times" in done.stderr, done.stderr


def test_a_ca_that_refuses(world):
    """C-CH-5: the record is removed when the CA finds the name unproved, too: it looks at another server than the update went to."""
    client = world.client()
    done = client.issue("split.test", *world.ways("--dns-server", SECONDARY, "--dns-check", "none"), code=NOT_PROVED)
    assert "record    TXT _acme-challenge.split.test, in the zone split.test at 127.0.0.2:53" in done.stdout
    assert "split.test was not proved: " in done.stderr and journal(client) == []


# ---- interrupted, killed ----

@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(world, how):
    client = world.client()
    run = Running(client, "signal.two.test", "*.signal.two.test", *map(str, world.ways()))
    run.until("^wait")
    assert len(world.primary.texts("two.test")) == 2 and len(journal(client)) == 2
    run.process.send_signal(how)
    code, _, _ = run.end()
    assert code == -how
    assert world.primary.texts("two.test") == [] and journal(client) == []


def test_interrupted_as_by_a_terminal(world):
    """All processes get the signal."""
    client = world.client()
    process = subprocess.Popen(client.command("issue", "group.two.test", *map(str, world.ways()), *client.common()),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in process.stdout:
        if line.startswith("wait"):
            break
    assert len(world.primary.texts("two.test")) == 1
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == -signal.SIGINT and world.primary.texts("two.test") == []


def killed(world, client, name, **more):
    run = Running(client, name, *map(str, world.ways(**more)))
    run.until("^wait")
    run.process.kill()
    run.end()
    assert [row[0] for row in world.primary.texts("two.test")] == [f"_acme-challenge.{name}"]
    assert len(journal(client)) == 1
    return journal(client)[0].read_text()


@pytest.mark.parametrize("command", ["renew", "issue"])
def test_killed(world, command):
    """C-CH-5: kill -9 between the update and the clean-up; the next run cleans, and says so."""
    client = world.client()
    written = killed(world, client, "killed.two.test")
    assert base64.b64encode(SECRET).decode() not in written
    if command == "renew":
        done = client.run("renew", code=UNCHANGED)
    else:
        done = client.issue("after.dns.test", *world.ways())
    assert "clean     removed a TXT record of _acme-challenge.killed.two.test, left by an earlier run" in done.stdout
    assert journal(client) == [] and world.primary.texts("two.test") == []


def test_a_first_dry_run_is_killed(world):
    """Where there is no state folder yet: the next run knows of the record all the same."""
    client = world.client()
    config = client.directory.with_suffix(".yaml")
    config.write_text(f"cas:\n  it:\n    directory: {world.pebble.url}\n    staging: {world.pebble.url}\n    ca_file: {world.pebble.root}\n")
    client.common = lambda: ["--ca", "it", "--agree-tos"]
    client.directory = client.directory / "not" / "yet"
    tmp = config.with_suffix(".tmp")
    tmp.mkdir()
    run = Running(client, "dry.two.test", "--dry-run", "--config", str(config), *map(str, world.ways()), environment={"TMPDIR": str(tmp)})
    run.until("^wait")
    run.process.kill()
    run.end()
    shutil.rmtree(tmp)
    assert [row[0] for row in world.primary.texts("two.test")] == ["_acme-challenge.dry.two.test"] and len(journal(client)) == 1
    assert "clean     removed a TXT record of _acme-challenge.dry.two.test" in client.run("renew", code=UNCHANGED).stdout
    assert journal(client) == [] and world.primary.texts("two.test") == []


def test_the_process_with_the_key_is_killed(world):
    client = world.client()
    run = Running(client, "worker.two.test", *map(str, world.ways()))
    run.until("^wait")
    os.kill(family(run.process.pid)[-1], signal.SIGKILL)  # started last
    code, _, error = run.end()
    assert code == FAILED and "could not be removed" in error and len(journal(client)) == 1
    assert "clean     removed" in client.run("renew", code=UNCHANGED).stdout and journal(client) == []


def test_killed_and_the_server_is_away(world):
    """What cannot be removed is kept in mind, run after run, and does not stop other work."""
    client = world.client()
    killed(world, client, "away.two.test")
    world.primary.stop()
    done = client.run("renew", code=UNCHANGED)
    assert "_acme-challenge.away.two.test, left by an earlier run, is still there: 127.0.0.1:53 does not answer" in done.stderr
    assert len(journal(client)) == 1
    world.primary.start()
    assert "clean     removed" in client.run("renew", code=UNCHANGED).stdout and journal(client) == []


def test_killed_and_the_key_is_away(world):
    client = world.client()
    key = world.key()
    killed(world, client, "key.two.test", key=key)
    key.rename(f"{key}.away")
    done = client.run("renew", code=UNCHANGED)
    assert "is still there: dns.dns.key_file: cannot read" in done.stderr and len(journal(client)) == 1
    pathlib.Path(f"{key}.away").rename(key)
    assert "clean     removed" in client.run("renew", code=UNCHANGED).stdout


def test_a_damaged_journal(world):
    client = world.client()
    killed(world, client, "damaged.two.test")
    bad = client.directory / "dns-01" / "bad.json"
    bad.write_text("{")
    done = client.run("renew", code=UNCHANGED)
    assert "1 files in" in done.stderr and "clean     removed" in done.stdout
    bad.unlink()


def test_two_at_once(world):
    """Two state folders, one name: neither removes what the other one added."""
    first, second = world.client(), world.client()
    run = Running(first, "once.two.test", *map(str, world.ways()))
    run.until("^wait")
    second.issue("once.two.test", *world.ways("--dns-timeout", "1s"), code=NETWORK)
    assert len(world.primary.texts("two.test")) == 1
    world.catch_up()
    code, out, error = run.end()
    assert code == 0, (out, error)
    world.catch_up()


# ---- the key ----

def test_where_the_secret_is(world):
    """In the one process that changes name servers, and only while it does: nowhere while the records are waited for."""
    if is_sanitized():
        pytest.skip("the sanitizer's memory is too large to be searched")
    client = world.client()
    run = Running(client, "memory.two.test", *map(str, world.ways()))
    run.until("^wait")
    secrets = [SECRET, base64.b64encode(SECRET)]
    strangers = family(run.process.pid)
    assert len(strangers) >= 3 and not any(memory_has(pid, secrets) for pid in [run.process.pid, *strangers])
    account = next((client.directory / "accounts").glob("*/key.pem")).read_bytes().splitlines()[1]
    for pid in strangers:
        assert not memory_has(pid, [account])
    assert [status(pid)["NoNewPrivs"] for pid in strangers].count(["1"]) == len(strangers) - 1  # the runner
    run.process.send_signal(signal.SIGINT)
    _, out, error = run.end()
    for place in [out, error, *(p.read_text(errors="replace") for p in client.directory.rglob("*") if p.is_file())]:
        assert base64.b64encode(SECRET).decode() not in place


@pytest.mark.parametrize("content, mode, says", [
    (None, 0o644, "can be read by others; give it mode 0600"),
    ("", 0o600, "expected is one key"),
    ("hmac-sha256:name:!!!\n", 0o600, "the key's secret is not base64"),
    ("hmac-md5:name:c2VjcmV0\n", 0o600, "the key's algorithm is not known"),
    ("x" * 5000, 0o600, "is larger than 4096 octets"),
])
def test_key_files_that_are_none(world, content, mode, says):
    client = world.client()
    path = world.key(mode=mode)
    if content is not None:
        path.write_text(content)
    done = client.issue("file.dns.test", *world.ways(key=path), code=USAGE)
    assert says in done.stderr and str(path) in done.stderr, done.stderr
    if content is None:  # found before an account is made
        assert not client.directory.exists()


@pytest.mark.parametrize("words, says", [
    (["--challenge", "dns-01"], "challenges: dns-01 and dns-account-01 need dns, who changes the records"),
    (["--challenge", "http-01", "--dns-server", PRIMARY], "--dns-server is for dns-01, which needs --dns WHO, or --dns-key FILE"),
    (["--dns-check", "none"], "--dns-check is for dns-01, which needs --dns WHO, or --dns-key FILE"),
    (["KEY", "--challenge", "http-01"], "--dns-key is for dns-01, which is not among those of --challenge"),
    (["--dns-key", "/no/such/file"], "--dns-key: \"/no/such/file\""),
    (["KEY", "--dns-server", "a b"], "--dns-server: \"a b\" is neither HOST nor HOST:PORT"),
    (["KEY", "--dns-server", "host:0"], "neither HOST nor HOST:PORT"),
    (["KEY", "--dns-resolver", "name.test"], "the resolver \"name.test\" is neither ADDRESS nor ADDRESS:PORT"),
    (["KEY", "--dns-check", "maybe"], "--dns-check: \"maybe\" is none of auto, authoritative, resolver, none"),
    (["KEY", "--dns-timeout", "long"], "--dns-timeout: \"long\" is not a duration such as"),
    (["KEY", "--dns-timeout", "2h"], "--dns-timeout: 2h is outside 0ms to 1h"),
])
def test_wrong_command_lines(world, words, says):
    client = world.client()
    words = [w for word in words for w in (["--dns-key", str(world.key())] if word == "KEY" else [word])]
    done = client.run("issue", "line.dns.test", *words, code=USAGE)
    assert says in done.stderr and not client.directory.exists(), done.stderr
