"""The processes of cairn: the one that talks to the CA, the one that answers http-01 and the one for dns-01 have no key, no rights, and no
life of their own."""
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization

from house import BUILD
from exit_codes import DEPLOY, FAILED

NAME = "processes.example.test"
NOBODY = 65534


def children(pid):
    return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def family(pid):
    """Those that work for a main process: the runner is the only one that it has started itself, the others are the runner's. In the order
    in which they are started: runner, network, listener, dns, and device where there is one."""
    (runner,) = children(pid)
    return [runner, *sorted(children(runner))]


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def memory_has(pid, needles):
    """Is one of the octet strings in the writable memory of a process?"""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            start, end = (int(x, 16) for x in span.split("-"))
            if not rights.startswith("rw") or end - start > 1 << 28:
                continue
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            if any(needle in content for needle in needles):
                return True
    return False


def needles(path):
    scalar = serialization.load_pem_private_key(path.read_bytes(), None).private_numbers().private_value
    return [scalar.to_bytes(32, "little"), scalar.to_bytes(32, "big"), path.read_bytes().splitlines()[1]]


class Stopped:
    """A client stopped in the middle of its work: at the CA's answer for a path."""

    def __init__(self, client, fake_ca, path):
        self.reached, self.go_on = threading.Event(), threading.Event()

        def answer(request):
            self.reached.set()
            self.go_on.wait(20)
            return None

        fake_ca.answers[path] = answer
        self.run = subprocess.Popen(client.command("issue", NAME, *client.common()), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        assert self.reached.wait(20), self.run.communicate()

    def end(self):
        self.go_on.set()
        out, error = self.run.communicate(timeout=30)
        return self.run.returncode, out, error


@pytest.fixture
def stopped(cairn_at_fake, fake_ca):
    made = []

    def stop(path):
        made.append(Stopped(cairn_at_fake, fake_ca, path))
        return made[-1]

    yield stop
    for one in made:
        one.go_on.set()
        if one.run.poll() is None:
            one.run.kill()
        one.run.communicate()


def is_sanitized():
    return b"__asan_init" in (BUILD / "cairn").read_bytes()


def test_no_key_where_the_network_is(stopped, cairn_at_fake):
    if os.geteuid() != 0:
        pytest.skip("reading another process's memory needs root")
    if is_sanitized():
        pytest.skip("the sanitizer's memory is too large to be searched")
    s = stopped("/finalize")
    account = next((cairn_at_fake.directory / "accounts").glob("*/key.pem"))
    strangers = family(s.run.pid)
    assert len(strangers) == 4
    assert memory_has(s.run.pid, needles(account))  # the search finds a key where there is one
    assert not any(memory_has(pid, needles(account)) for pid in strangers)
    assert s.end()[0] == 0


def test_started_by_who_ignores_its_children(cairn_at_fake):
    """What we start is waited for, and not gone before (trap '' CHLD is inherited): by hooks, and by workers."""
    command = cairn_at_fake.command("issue", NAME, *cairn_at_fake.common(), "--deploy-hook", "exit 3")
    done = subprocess.run(["env", "--ignore-signal=CHLD", *command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == DEPLOY and "exit code 3" in done.stderr, (done.stdout, done.stderr)
    cairn_at_fake.issue("other.example.test")
    run = subprocess.Popen(["env", "--ignore-signal=CHLD", *cairn_at_fake.command("renew", "--force", "other.example.test", NAME)],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while len(workers := children(run.pid)) < 2 and run.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    os.kill(workers[-1], signal.SIGABRT)
    assert "ended by signal 6" in run.communicate(timeout=60)[1] and run.returncode != 0


def test_no_rights(stopped):
    s = stopped("/challenge/0")
    runner, network, listener, dns = family(s.run.pid)
    for pid in (network, listener, runner, dns):
        about = status(pid)
        files = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        assert not [f for f in files if "/lock" in f or "key.pem" in f], files
        if pid == runner:
            continue  # what it starts may need the rights, and it talks to nobody
        assert about["NoNewPrivs"] == ["1"]
        assert int(about["CapEff"][0], 16) == 0 or os.geteuid() != 0
        if os.geteuid() == 0:
            assert about["Uid"] == [str(NOBODY)] * 4 and about["Gid"] == [str(NOBODY)] * 4 and about["Groups"] == []
    assert s.end()[0] == 0


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_stranger_that_dies(stopped, cairn_at_fake, which):
    """An error for this run, never a hang, and nothing is installed."""
    s = stopped("/authz/0")
    os.kill(family(s.run.pid)[which], signal.SIGKILL)
    code, _, error = s.end()
    assert code == FAILED and "process" in error
    assert not cairn_at_fake.live(NAME).exists()


def test_nobody_outlives_the_main_process(stopped, cairn_at_fake):
    s = stopped("/challenge/0")
    strangers = family(s.run.pid)
    s.run.kill()
    s.run.communicate()
    deadline = time.monotonic() + 5
    while any(pathlib.Path(f"/proc/{pid}").exists() for pid in strangers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(pathlib.Path(f"/proc/{pid}").exists() for pid in strangers)
    cairn_at_fake.run("renew", code=2)  # the lock is free, and nothing is there


@pytest.mark.skipif(subprocess.run(["unshare", "-r", "true"], check=False, capture_output=True).returncode != 0,
                    reason="no user namespaces here")
def test_root_of_a_user_namespace_of_its_own(cairn_at_fake):
    """There is nobody but root in it, so the others stay root, which has no right outside."""
    command = ["unshare", "-r", *cairn_at_fake.command("issue", "userns.example.test", *cairn_at_fake.common())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert (cairn_at_fake.live("userns.example.test") / "fullchain.pem").exists()
