"""Providers of DNS records that are programs written for other clients: called as those call them, confined, each with its
own credentials. The hooks here update a zone at knotd, so what they are told must be right, and tell a recorder what they got."""
import base64
import http.server
import os
import pathlib
import pty
import shutil
import tempfile
import subprocess
import threading

import pytest

import pebble as pebble_module
from zones import PRIMARY, SECRET, Running, World, check, journal

pytestmark = [pytest.mark.foreign,
              pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root"),
              pytest.mark.skipif(pebble_module.PROGRAM is None or shutil.which("knsupdate") is None,
                                 reason="pebble or knotd is not installed")]
VALIDATION, USAGE = 5, 64
HEAD = """#!/bin/sh
change() {{ printf 'key hmac-sha256:key-hmac-sha256 %s\\nserver {server} 53\\nzone dns.test\\nupdate %s %s\\nsend\\n' "$TSIG" "$1" "$2 $3" | knsupdate; }}
{{ for each in "$@"; do echo "ARG $each"; done; env; }} | curl -s --data-binary @- http://127.0.0.1:{port}/ || exit 9
"""
HOOKS = {
    "exec": 'case "$1" in present) change add "$2 5 TXT" "$3" ;; cleanup) change del "$2 TXT" "$3" ;; *) exit 8 ;; esac',
    "raw": 'value=$(printf %s "$5" | openssl dgst -sha256 -binary | openssl base64 | tr -d = | tr +/ -_)\n'
           'case "$1" in present) change add "_acme-challenge.$3. 5 TXT" "$value" ;; cleanup) change del "_acme-challenge.$3. TXT" "$value" ;; *) exit 8 ;; esac',
    "certbot": 'if [ -n "$CERTBOT_AUTH_OUTPUT" ]; then test "$CERTBOT_AUTH_OUTPUT" = "two\nlines of $CERTBOT_VALIDATION" || exit 7\n'
               'change del "_acme-challenge.$CERTBOT_DOMAIN. TXT" "$CERTBOT_VALIDATION"\n'
               'else change add "_acme-challenge.$CERTBOT_DOMAIN. 5 TXT" "$CERTBOT_VALIDATION" && printf "two\\nlines of $CERTBOT_VALIDATION\\n\\n"; fi',
    "dehydrated": 'case "$1" in deploy_challenge) change add "_acme-challenge.$2. 5 TXT" "$4" ;; clean_challenge) change del "_acme-challenge.$2. TXT" "$4" ;; *) exit 8 ;; esac',
    "uacme": 'test "$2" = dns-01 || exit 1\n'
             'case "$1" in begin) change add "_acme-challenge.$3. 5 TXT" "$5" ;; done) change del "_acme-challenge.$3. TXT" "$5" ;; *) exit 8 ;; esac',
    "mod_md": 'case "$1" in setup) change add "_acme-challenge.$2. 5 TXT" "$3" ;; teardown) change del "_acme-challenge.$2. TXT" "$3" ;; *) exit 8 ;; esac',
}


class Recorder:
    """What hooks tell of themselves."""

    def __init__(self):
        self.calls = []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                lines = self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines()
                recorder.calls.append(([line[4:] for line in lines if line.startswith("ARG ")],
                                       dict(line.split("=", 1) for line in lines if not line.startswith("ARG ") and "=" in line)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server.server_address[1]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("hooks"))
    made.recorder = Recorder()
    with tempfile.TemporaryDirectory(prefix="hooks-") as folder:  # where the user nobody can read it
        made.hooks = pathlib.Path(folder)
        made.hooks.chmod(0o755)
        made.credentials = made.hooks / "dns.env"
        made.credentials.write_text(f"# for one zone\nexport TSIG='{base64.b64encode(SECRET).decode()}'\n")
        made.credentials.chmod(0o600)
        yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_is_left(world):
    world.recorder.calls.clear()
    yield
    assert world.texts() == []


def hook(world, body, name="hook"):
    path = world.hooks / name
    path.write_text(HEAD.format(server=PRIMARY, port=world.recorder.port) + body + "\n")
    path.chmod(0o755)
    return path


def settings(world, client, provider, path, *, more="", top=""):
    """cairn.yaml with one provider."""
    client.directory.parent.mkdir(parents=True, exist_ok=True)
    file = client.directory.parent / f"{client.directory.name}.yaml"
    file.write_text(f"{top}dns:\n  mine:\n    provider: {provider}\n    program: {path}\n    credentials: {world.credentials}\n"
                    f"    resolver: {PRIMARY}:{world.stub.port}\n{more}")
    return ["--challenge", "dns-01", "--config", file, "--dns", "mine"]


@pytest.mark.parametrize("protocol", HOOKS)
def test_protocols(world, protocol):
    """C-D01-5. A name and its wildcard: two values at one name; both are added, and both removed, by what the hook is told."""
    provider = "exec" if protocol == "raw" else protocol
    path = hook(world, HOOKS[protocol])
    more = "    mode: raw\n" if protocol == "raw" else f"    cleanup_program: {path}\n" if protocol == "certbot" else ""
    client = world.client()
    name = f"{protocol.replace('_', '-')}.dns.test"
    client.issue(name, f"*.{name}", *settings(world, client, provider, path, more=more))
    check(client, name, [name, f"*.{name}"])
    assert journal(client) == []
    calls = world.recorder.calls
    assert len(calls) == 4
    record = f"_acme-challenge.{name}"
    values = {environment["CAIRN_VALUE"] for _, environment in calls}
    assert len(values) == 2
    expected = {
        "exec": lambda n, e: [["present", "cleanup"][n], f"{record}.", e["CAIRN_VALUE"]],
        "raw": lambda n, e: [["present", "cleanup"][n], "--", name, None, None],
        "certbot": lambda n, e: [],
        "dehydrated": lambda n, e: [["deploy_challenge", "clean_challenge"][n], name, None, e["CAIRN_VALUE"]],
        "uacme": lambda n, e: [["begin", "done"][n], "dns-01", name, None, e["CAIRN_VALUE"]],
        "mod_md": lambda n, e: [["setup", "teardown"][n], name, e["CAIRN_VALUE"]],
    }[protocol]
    for number, (arguments, environment) in enumerate(calls):
        want = expected(number // 2, environment)
        assert len(arguments) == len(want) and all(w in (None, a) for a, w in zip(arguments, want)), arguments
        assert environment["CAIRN_RECORD"] == record and environment["CAIRN_DOMAIN"] == name and environment["CAIRN_ZONE"] == "dns.test"
        own = {k for k in environment if k.startswith(("CERTBOT_", "UACME_"))}
        if protocol == "certbot":
            assert own - {"CERTBOT_AUTH_OUTPUT"} == {"CERTBOT_DOMAIN", "CERTBOT_IDENTIFIER", "CERTBOT_VALIDATION", "CERTBOT_ALL_DOMAINS",
                                                     "CERTBOT_ALL_IDENTIFIERS", "CERTBOT_REMAINING_CHALLENGES"}
            assert ("CERTBOT_AUTH_OUTPUT" in own) == (number >= 2) and environment["CERTBOT_VALIDATION"] == environment["CAIRN_VALUE"]
        elif protocol == "uacme":
            assert {k: environment[k] for k in own} == dict(zip(["UACME_METHOD", "UACME_TYPE", "UACME_IDENT", "UACME_TOKEN", "UACME_AUTH"], arguments))
        assert set(environment) - own - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "LANG", "HOME", "TMPDIR", "TSIG", "CAIRN_RECORD", "CAIRN_VALUE", "CAIRN_ZONE", "CAIRN_DOMAIN"}


def test_the_example_of_the_manual(world):
    page = (pathlib.Path(__file__).parents[2] / "docs/man/cairn-hooks.7.scd").read_text()
    path = world.hooks / "dns-update"
    path.write_text(page.split("```\n")[1])
    path.chmod(0o755)
    client = world.client()
    words = settings(world, client, "exec", path)
    env = world.hooks / "example.env"
    env.write_text(f"KEY=hmac-sha256:key-hmac-sha256:{base64.b64encode(SECRET).decode()}\n")
    env.chmod(0o600)
    words[3].write_text(words[3].read_text().replace(str(world.credentials), str(env)))
    client.issue("example.dns.test", "*.example.dns.test", *words)
    check(client, "example.dns.test", ["example.dns.test", "*.example.dns.test"])


def test_an_alias_is_followed(world):
    """Also where the protocol has no word for it: the hook is told the domain whose _acme-challenge it is."""
    client = world.client()
    client.issue("first.dns.test", *settings(world, client, "exec", hook(world, HOOKS["exec"].replace("dns.test", "other.test")).rename(world.hooks / "other")), code=VALIDATION)
    path = hook(world, HOOKS["exec"])
    path.write_text(path.read_text().replace("zone dns.test", "zone other.test"))
    client = world.client()
    client.issue("first.dns.test", *settings(world, client, "exec", path))
    assert world.recorder.calls[-1][0][1] == "next.other.test."


@pytest.mark.parametrize("protocol, says", [
    ("exec", "dns.mine: {path} ended with exit code 3: no such zone"),
    ("uacme", "dns.mine: {path} ended with exit code 3: no such zone (so it declines dns-01)"),
])
def test_a_hook_that_fails(world, protocol, says):
    client = world.client()
    path = hook(world, "echo no such zone >&2; exit 3")
    done = client.issue("fails.dns.test", *settings(world, client, protocol, path), code=None)
    assert done.returncode not in (0, 2) and says.format(path=path) in done.stderr, done.stderr
    # what may be there is removed, what was declined is not
    assert [arguments[0] for arguments, _ in world.recorder.calls] == {"exec": ["present", "cleanup"], "uacme": ["begin"]}[protocol]


@pytest.mark.parametrize("body, says", [('test "$1" != present || exit 3', "hook ended with exit code 3"), ("true", "after 2 s the records are not everywhere")])
def test_another_challenge_in_its_place(world, body, says):
    """The record is not taken, or not seen: the order after that is by http-01, and so is the next certificate at once."""
    client = world.client()
    words = settings(world, client, "exec", hook(world, body), more="    timeout: 2s\n")
    done = client.issue("ns1.dns.test", *words, "--challenge", "http-01")
    line = next(line for line in done.stdout.splitlines() if line.startswith("fallback"))
    assert says in line and "prove     http-01" in done.stdout and journal(client) == []
    calls = len(world.recorder.calls)
    assert "fallback" not in client.run("renew", "--force", "--config", words[3]).stdout and len(world.recorder.calls) == calls


def test_a_hook_that_hangs(world):
    client = world.client()
    path = hook(world, "trap '' TERM; sleep 97531; sleep 97531")
    done = client.issue("hangs.dns.test", *settings(world, client, "exec", path, top="hooks:\n  timeout: 1s\n"), code=None)
    assert done.returncode == VALIDATION and "took longer than 1 s and was ended" in done.stderr


def test_killed_then_cleaned(world):
    """kill -9 while the record is there: the next run calls the hook again, with what it said at first."""
    client = world.client()
    body = HOOKS["certbot"].replace("dns.test", "two.test")
    path = hook(world, body)
    path.write_text(path.read_text().replace("zone dns.test", "zone two.test"))
    words = settings(world, client, "certbot", path, more=f"    cleanup_program: {path}\n")
    run = Running(client, "killed.two.test", *map(str, words))
    run.until("^wait")  # a server of that zone is late
    run.process.kill()
    run.end()
    assert len(journal(client)) == 1 and len(world.texts()) == 1
    done = client.run("renew", "--config", words[3], code=None)
    assert "clean     removed" in done.stdout and journal(client) == [], (done.stdout, done.stderr)
    assert "CERTBOT_AUTH_OUTPUT" in world.recorder.calls[-1][1]


def test_what_a_hook_cannot(world):
    """The user nobody; neither keys nor state nor other credentials, whatever it tries; but what the administrator opens for it."""
    client = world.client()
    shared = world.hooks / "shared"
    shared.write_text("for hooks")
    body = "\n".join(f"({tried}) > /dev/null 2>&1 && echo 'it can: {tried}' >&2" for tried in [
        f"cat {client.directory}/accounts/*/key.pem", f"ls {client.directory}", f"cat {world.credentials}", f"touch {world.hooks}/x", f"cat {world.hooks}/shared",
        "touch /tmp/x", "ls /root", "cat /etc/shadow", "kill -0 $PPID", "cat /proc/$PPID/environ"]) + "\nid -un >&2\nexit 1"
    done = client.issue("no.dns.test", *settings(world, client, "exec", hook(world, body)), code=None)
    assert "exit code 1: nobody" in done.stderr and "it can" not in done.stderr, done.stderr
    done = client.issue("no.dns.test", *settings(world, client, "exec", hook(world, f"cat {shared} >&2; exit 1"), top=f"hooks:\n  readable: [{shared}]\n"), code=None)
    assert "exit code 1: for hooks" in done.stderr, done.stderr


@pytest.mark.parametrize("change, says", [
    (lambda path, credentials: path.chmod(0o644), "--dns-program: {path} is not there or cannot be run"),
    (lambda path, credentials: path.unlink(), "--dns-program: {path} is not there or cannot be run"),
    (lambda path, credentials: credentials.chmod(0o644), "can be read by others; give it mode 0600"),
    (lambda path, credentials: credentials.write_text("what is this"), "--dns-credentials: {credentials}, line 1: it is not NAME=VALUE"),
])
def test_mistakes(world, change, says):
    client = world.client()
    path = hook(world, HOOKS["exec"], "mistaken")
    words = settings(world, client, "exec", path)
    text = world.credentials.read_text()
    try:
        change(path, world.credentials)
        done = client.issue("mistake.dns.test", *words, code=None)
        assert done.returncode == USAGE and says.format(path=path, credentials=world.credentials) in done.stderr, (done.returncode, done.stderr)
    finally:
        world.credentials.write_text(text)
        world.credentials.chmod(0o600)


def test_manual(world):
    """Nobody is at a terminal: told what to add, cairn waits until it is there."""
    client = world.client()
    words = ["--challenge", "dns-01", "--dns", "manual", "--dns-resolver", f"{PRIMARY}:{world.stub.port}"]
    run = Running(client, "manual.dns.test", *words)
    line = run.until("^add ")
    record, _, value = line.removeprefix("add").split()[:3]
    assert record == "_acme-challenge.manual.dns.test."
    for verb in ("add", "del"):
        judge = f"key hmac-sha256:key-hmac-sha256 {base64.b64encode(SECRET).decode()}\nserver {PRIMARY} 53\nzone dns.test\nupdate {verb} {record} {'5 ' if verb == 'add' else ''}TXT {value}\nsend\n"
        subprocess.run(["knsupdate"], input=judge, text=True, check=True)
        if verb == "add":
            code, out, error = run.end()
            assert code == 0, (out, error)
            assert f"remove    {record} TXT {value} is not needed any more" in out


def test_manual_at_a_terminal(world):
    """Somebody is: cairn asks, though the process that does is confined, and goes on when Enter is pressed."""
    client = world.client()
    ours, theirs = pty.openpty()
    words = ["dns", "test", "terminal.dns.test", "--dns", "manual", "--dns-resolver", f"{PRIMARY}:{world.stub.port}"]
    run = subprocess.Popen(client.command(*words), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    line = run.stdout.readline()
    update = (f"key hmac-sha256:key-hmac-sha256 {base64.b64encode(SECRET).decode()}\nserver {PRIMARY} 53\nzone dns.test\n"
              "update {} _acme-challenge.terminal.dns.test. {}TXT {}\nsend\n")
    value = line.split('"')[1]
    try:
        assert line == f'add       _acme-challenge.terminal.dns.test. TXT "{value}"; press Enter when it is there\n'
        subprocess.run(["knsupdate"], input=update.format("add", "5 ", value), text=True, check=True)
        os.write(ours, b"\n")
        assert value in next(line for line in run.stdout if line.startswith("remove "))
    except BaseException:
        run.kill()
        raise
    finally:
        subprocess.run(["knsupdate"], input=update.format("del", "", value), text=True, check=True)
        out, error = run.communicate(timeout=60)
        os.close(ours)
    assert run.returncode == 0 and error == "", (out, error)
