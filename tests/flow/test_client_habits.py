"""What people do without a thought: a relative folder, a name twice, an option left out, Ctrl-C. And what they rely on without being told."""
import http.server
import os
import signal
import subprocess
import time

import pytest

from exit_codes import DEPLOY, NETWORK, UNCHANGED, USAGE
from fake_ca import problem
from test_client_renewal import Remembering, settings

NAME = "www.example.test"
FAILED = 1  # what has no code of its own


@pytest.fixture
def client(fake_ca, tmp_path):
    return Remembering(tmp_path / "state", fake_ca)


# ---- folders ----

def test_a_relative_state_folder(client, tmp_path):
    """Hooks run elsewhere, and are told of files all the same; no path has "//" in it."""
    client.directory = "st/"
    seen = tmp_path / "seen"
    done = client.issue(NAME, "--pre-hook", f'echo "$CAIRN_DIR" >>{seen}', "--deploy-hook",
                        f'cat "$CAIRN_FULLCHAIN" "$RENEWED_LINEAGE/cert.pem" >/dev/null && echo "$CAIRN_KEY" >>{seen}', cwd=tmp_path)
    assert f"{tmp_path}/st/certificates" in done.stdout and "//" not in done.stdout.replace("https://", "")
    state = f"{tmp_path}/st/certificates/{NAME}"
    assert seen.read_text().split() == [f"{state}/current", f"{state}/current/key.pem"]


# ---- names ----

def test_a_certificate_named_twice(client):
    """Is one certificate: not two processes, of which one finds the other at work."""
    client.issue(NAME)
    done = client.run("renew", NAME, NAME, "--force")
    assert "1 certificate, 1 renewed" in done.stdout and done.stderr == ""
    assert "1 certificate, " in client.run("apply", NAME, NAME, code=UNCHANGED).stdout


# ---- which CA ----

def test_no_ca_is_said_of_one_that_is_there(client, fake_ca, tmp_path):
    """It stays with its own, and nobody else is asked."""
    client.issue(NAME)
    words = ["--http-port", str(fake_ca.http_port), "--agree-tos"]
    assert "kept" in client.run("issue", NAME, *words, code=UNCHANGED).stdout
    client.run("issue", NAME, *words, "--key", "rsa2048")
    client.run("renew", "--force")
    assert len(fake_ca.asked("/order")) == 3


def test_no_ca_is_said_and_the_file_has_one(client, fake_ca, other_ca, tmp_path):
    more = settings(client, tmp_path, {"first": other_ca, "second": fake_ca}, {},
                    defaults={"http_port": fake_ca.http_port, "cas": ["first", "second"]})
    client.run("issue", NAME, *more)
    assert len(other_ca.asked("/order")) == 1 and not fake_ca.requests
    client.run("issue", "b.example.test", "--ca", "second", *more)
    assert len(fake_ca.asked("/order")) == 1


def test_one_that_the_file_describes(client, fake_ca, tmp_path):
    """Is not made another by a command line: the next renewal would have it as it was."""
    more = settings(client, tmp_path, {"it": fake_ca}, {"w": {"names": NAME, "cas": "it"}})
    client.run("apply", *more)
    for words in (["w"], ["--name", "w", NAME, "b.example.test"]):
        said = client.run("issue", *words, *more, code=USAGE).stderr
        assert f"w is described in {tmp_path}/cairn.yaml" in said and "cairn apply w" in said
    assert len(fake_ca.asked("/order")) == 1


def test_the_timer_gets_what_could_not_be_got_at_first(client, fake_ca, tmp_path):
    """What its service runs, it runs again."""
    (line,) = [x for x in open("packaging/cairn-renew.service.in", encoding="utf-8") if x.startswith("ExecStart=")]
    words = line.split()[1:]
    more = settings(client, tmp_path, {"it": fake_ca}, {NAME: {"names": NAME, "cas": "it"}})
    fake_ca.answers["/dir"] = lambda request: problem("serverInternal", "down", 503)
    client.run(*words, *more, code=NETWORK)
    client.run(*words, *more, code=UNCHANGED)  # not at once
    fake_ca.answers.clear()
    client.may_try()
    for path in (client.directory / "cas").glob("*.json"):  # the breaker of that CA
        path.unlink()
    client.run(*words, *more)
    assert client.live(NAME).exists()


# ---- hooks ----

def test_a_pre_hook_that_fails_is_remembered(client, fake_ca, tmp_path):
    """As an attempt is: it is seen in list, waited after, told to whom it concerns; post_hook is run as after any attempt."""
    told, after = tmp_path / "told", tmp_path / "after"
    more = settings(client, tmp_path, {"it": fake_ca},
                    {NAME: {"names": NAME, "cas": "it", "pre_hook": "exit 3", "post_hook": f'echo "$CAIRN_OUTCOME" >>{after}'}},
                    notify={"command": f'echo "$CAIRN_MESSAGE" >>{told}', "failures": 1})
    client.run("apply", *more, code=FAILED)
    assert client.state()["failure"]["count"] == 1 and "exit code 3" in client.state()["failure"]["detail"]
    assert "exit code 3" in client.run("list", *more).stdout and "exit code 3" in told.read_text()
    assert after.read_text() == "failed\n"
    assert "waits" in client.run("apply", *more, code=UNCHANGED).stdout
    assert after.read_text() == "failed\n" and not fake_ca.asked("/order")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_all_processes_are_interrupted(client, tmp_path, how):
    """As a terminal does with Ctrl-C: that is no failure of a CA or a name, whoever ends first."""
    hook, began = tmp_path / "hook.sh", tmp_path / "began"
    hook.write_text(f"#!/bin/sh\n[ $1 != auth ] || touch {began}\nsleep 1\n")
    hook.chmod(0o755)
    for _ in range(6):
        began.unlink(missing_ok=True)
        run = subprocess.Popen(client.command("issue", NAME, *client.common(), "--http", f"hook:{hook}"), start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while not began.exists():
            assert time.monotonic() < deadline and run.poll() is None, run.communicate()
            time.sleep(0.01)
        os.killpg(run.pid, how)
        _, error = run.communicate(timeout=60)
        assert "interrupted" in error and "unexpectedly" not in error, error
        assert not client.path().exists() or "failure" not in client.state()


# ---- exit codes ----

def test_a_port_that_is_in_use(client):
    """May be free later, as a CA that is out of reach may be there."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", client.ca.http_port), http.server.BaseHTTPRequestHandler):
        assert "in use" in client.issue(NAME, code=NETWORK).stderr


def test_no_account(client, fake_ca):
    """Nobody was asked, so nobody has refused."""
    for verb in ("show", "rollover", "recover"):
        assert "cairn account register" in client.run("account", verb, *client.common()[:4], code=FAILED).stderr
    assert not fake_ca.requests


def test_contacts_that_are_there_already(client, fake_ca):
    words = client.common()[:4]
    client.run("account", "register", *words, "--agree-tos", "--email", "a@example.test")
    contact = []

    def account(request):
        if request.payload:
            contact[:] = request.json()["contact"]
        return 200, {}, {"status": "valid", "contact": contact}

    fake_ca.answers["/account/1"] = account
    client.run("account", "update", *words, "--email", "b@example.test,c@example.test", code=0)
    assert contact == ["mailto:b@example.test", "mailto:c@example.test"]
    client.run("account", "update", *words, "--email", "b@example.test,c@example.test", code=UNCHANGED)
    client.run("account", "update", *words, "--no-email", code=0)
    client.run("account", "update", *words, "--no-email", code=UNCHANGED)


def test_an_account_that_has_ended(client, fake_ca):
    """Somewhere else: what is to be done is said, and works."""
    client.issue(NAME)
    for path in ("/account/1", "/order"):
        fake_ca.answers[path] = lambda request: problem("unauthorized", "the account is deactivated", 403)
    words = client.common()[:4]
    for verb in (["issue", NAME, *client.common(), "--force"], ["account", "show", *words]):
        assert "cairn account deactivate --yes puts it aside here" in client.run(*verb, code=4).stderr
    client.run("account", "deactivate", "--yes", *words)
    fake_ca.answers.clear()
    client.issue(NAME, "--force")
    assert len([p for p in (client.directory / "accounts").iterdir() if ".deactivated-" in p.name]) == 1


def test_deployments_keep_their_code(client):
    client.issue(NAME, "--deploy-hook", "exit 1", code=DEPLOY)


def test_a_folder_that_is_not_there(client, tmp_path):
    """Is not made for nothing: the name may be mistyped."""
    client.directory = tmp_path / "typo"
    for verb in ("renew", "apply"):
        assert f"there is no {tmp_path}/typo" in client.run(verb, code=UNCHANGED).stdout
    assert not client.directory.exists()


# ---- somebody else's state folder ----

OTHER = 1234  # a uid of nobody's


def planted(client, tmp_path):
    """A certificate with a hook that tells that it ran; what refuses it, and the file that must not be there afterwards."""
    ran = tmp_path / "ran"
    client.issue(NAME, "--pre-hook", f"touch {ran}")
    ran.unlink()
    return ran


def refused(client, ran, *sentences):
    for verb in (["renew", "--force"], ["apply"], ["deploy", "--all"], ["renew", "--dry-run"], ["rollback", NAME], ["delete", NAME, "--yes"],
                 ["issue"], ["export", NAME, "--to", f"{ran}.d"]):
        if verb[0] == "issue":
            done = client.issue(NAME, code=USAGE)
        else:
            done = client.run(*verb, code=USAGE)
        assert all(sentence in done.stderr for sentence in sentences), (verb, done.stderr)
        assert done.stderr.count("\n") == 1
    assert not ran.exists()
    assert NAME in client.run("list").stdout and client.run("show", NAME).stdout and not ran.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders away")
def test_root_refuses_a_folder_of_somebody_else(client, tmp_path):
    ran = planted(client, tmp_path)
    state = client.directory
    for changed in (state, state / "certificates"):
        os.chown(changed, OTHER, OTHER)
        refused(client, ran, f"the state folder {changed} belongs to uid {OTHER}", "run cairn as that user", f"chown -R root {changed}")
        os.chown(changed, 0, 0)
    link = tmp_path / "link"
    link.symlink_to(state)
    client.directory = link
    client.run("renew", "--force")
    assert ran.exists()
    ran.unlink()
    os.chown(link, OTHER, OTHER, follow_symlinks=False)
    refused(client, ran, f"{link} is a link that belongs to uid {OTHER}")
    os.chown(link, 0, 0, follow_symlinks=False)
    os.chown(state, OTHER, OTHER)
    refused(client, ran, f"{link} belongs to uid {OTHER}")


def test_a_folder_that_others_can_write_to(client, tmp_path):
    ran = planted(client, tmp_path)
    for mode in (0o770, 0o707) if os.geteuid() == 0 else (0o707,):
        client.directory.chmod(mode)
        refused(client, ran, f"the state folder {client.directory} belongs to", "others can write to it", "chmod -R go-w")
    client.directory.chmod(0o755)
    client.run("renew", "--force")
    assert ran.exists()
