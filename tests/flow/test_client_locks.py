"""Several runs of cairn at once: on one certificate one after the other, on others side by side; what is there always fits together."""
import fcntl
import os
import subprocess
import threading
import time

import pytest

from pebble import PROGRAM, Client
from test_client_pebble import read_pair

pytestmark = [pytest.mark.foreign, pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")]

NAME = "race.example.test"
OTHER = "other.example.test"
LOCKED = 75
RACES = 6


@pytest.fixture(scope="module")
def ca(tmp_path_factory, dns_stub):
    """Authorizations are reused, so that two runs need not share a port."""
    import pebble
    made = pebble.Pebble(tmp_path_factory.mktemp("pebble"), stub=dns_stub, authz_reuse=100)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def client(ca, tmp_path):
    made = Client(tmp_path / "state", ca)
    made.issue(NAME)
    made.issue(OTHER)
    return made


def together(*commands):
    runs = [subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for c in commands]
    return [(*run.communicate(timeout=60), run.returncode) for run in runs]


def serial(client, name=NAME):
    certificate, _ = read_pair(client.live(name))  # the key is that of the certificate
    assert int(client.json("show", name)["serial"], 16) == certificate.serial_number
    return certificate.serial_number


@pytest.mark.parametrize("race", range(RACES))
def test_one_certificate_twice_at_once(client, race):
    """Each with a new key: one of them, or both in turn, and never the key of one with the certificate of the other."""
    before = serial(client)
    done = together(*[client.command("renew", NAME, "--force")] * 2)
    codes = sorted(code for _, _, code in done)
    assert codes in ([0, 0], [0, LOCKED]), done
    assert serial(client) != before
    for _, error, code in done:
        assert code == 0 or "is working on the certificate \"race.example.test\"" in error, error


def test_waiting_for_each_other(client):
    seen = {serial(client)}
    done = together(*[client.command("renew", NAME, "--force", "--wait", 60)] * 3)
    assert [code for _, _, code in done] == [0, 0, 0], done
    versions = sorted(int(p.name) for p in (client.live(NAME).parent / "versions").iterdir())
    assert versions == [1, 2, 3, 4]
    assert serial(client) not in seen


def test_two_certificates_at_once(client):
    before = serial(client), serial(client, OTHER)
    done = together(client.command("renew", NAME, "--force"), client.command("renew", OTHER, "--force"))
    assert [code for _, _, code in done] == [0, 0], done
    assert serial(client) != before[0] and serial(client, OTHER) != before[1]


def test_one_account_of_two_first_runs(ca, tmp_path):
    """Both find nothing there: one makes the account's key, the other takes it."""
    client = Client(tmp_path / "state", ca)
    Client(tmp_path / "warm", ca).issue(NAME)
    runs = [client.command("issue", name, *client.common(), "--http-port", port)
            for name, port in ((NAME, ca.http_port), (OTHER, ca.http_port))]
    done = together(*runs)
    assert 0 in [code for _, _, code in done], done
    assert len(list((client.directory / "accounts").iterdir())) == 1
    for (_, error, code), name in zip(done, (NAME, OTHER)):
        assert code == 0 or "in use" in error or "already" in error, error  # the port of the listener, nothing else
        if code == 0:
            serial(client, name)


def test_who_has_it_and_for_how_long(client):
    path = client.live(NAME).parent / "lock"
    with open(path, "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(f"{os.getpid()}\n".encode())
        held.flush()
        done = client.run("renew", NAME, "--force", code=LOCKED)
        assert f"another cairn (process {os.getpid()}) is working on" in done.stderr and "--wait" in done.stderr
        client.run("renew", OTHER, "--force")
        begun = time.monotonic()
        client.run("renew", NAME, "--force", "--wait", 1, code=LOCKED)
        assert time.monotonic() - begun >= 1
        threading.Timer(1, fcntl.flock, (held, fcntl.LOCK_UN)).start()
        client.run("renew", NAME, "--force", "--wait", 30)


def test_a_lock_that_is_a_link(client, tmp_path):
    """Nobody is led to a file elsewhere."""
    path, target = client.live(NAME).parent / "lock", tmp_path / "target"
    path.unlink()
    path.symlink_to(target)
    assert str(path) in client.run("renew", NAME, "--force", code=1).stderr
    assert not target.exists()


def test_what_is_pruned_is_waited_for(client):
    """A certificate that nothing asks for any more, and that somebody works on still: --wait is for it, too."""
    folder = client.live(NAME).parent
    (folder / "cairn.yaml").unlink()
    with open(folder / "lock", "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "is working on the certificate" in client.run("apply", "--prune", code=LOCKED).stderr
        begun = time.monotonic()
        client.run("apply", "--prune", "--wait", 1, code=LOCKED)
        assert time.monotonic() - begun >= 1 and (folder / "current").exists()
        threading.Timer(1, fcntl.flock, (held, fcntl.LOCK_UN)).start()
        assert f"removed   {NAME}" in client.run("apply", "--prune", "--wait", 30).stdout
    assert not (folder / "current").exists() and client.live(OTHER).exists()
