"""cairn is killed, or its disk fails, at every single change it makes to files: what was in force stays usable."""
import errno
import os
import re
import signal
import subprocess
import time

import pytest

from house import BUILD
from pebble import PROGRAM, Client
from test_client_pebble import read_pair
from exit_codes import FAILED

pytestmark = [pytest.mark.foreign, pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")]

NAME = "fault.example.test"
SHIM = BUILD / "tests/lib/libfail_at.so"


def environment(**more):
    assert SHIM.exists(), "build tests/lib/libfail_at.so first"
    return {"LD_PRELOAD": str(SHIM), "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0", **more}


@pytest.fixture(scope="module")
def ca(tmp_path_factory, dns_stub):
    """Authorizations are reused, so that each of the many runs is short."""
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
    return made


def calls_of(client, verb, *words):
    """What a run that is left alone does to files."""
    log = client.directory.parent / "calls"
    client.run(verb, *words, environment=environment(FAIL_LOG=str(log)))
    return log.read_text().split()


def usable(client):
    """Whatever happened, there is a pair that fits, whole, and its metadata can be read."""
    live = client.live(NAME)
    certificate, _ = read_pair(live)
    assert (live / "fullchain.pem").read_bytes() == (live / "cert.pem").read_bytes() + (live / "chain.pem").read_bytes()
    assert int(client.json("show", NAME)["serial"], 16) == certificate.serial_number
    return certificate.serial_number


def test_everything_is_synced_before_the_switch(client):
    calls = calls_of(client, "renew", "--force")
    switch = max(i for i, call in enumerate(calls) if call.startswith("rename"))
    assert calls[:switch].count("fsync") >= 6, calls  # five files and their folder
    assert "fsync" in calls[switch:], calls


def test_power_loss_finds_the_old_version_or_the_new_one(client, tmp_path):
    """C-DL-5: as the kernel sees it: each file of the version is synced, then its folder and the one around it, then comes the switch, then the sync
    that makes the switch last."""
    folder, trace = client.live(NAME).parent, tmp_path / "trace"
    command = ["strace", "-f", "-y", "-s", "200", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o", str(trace)]
    done = subprocess.run([*command, *client.command("renew", "--force")], capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    assert done.returncode == 0, done.stderr
    version = folder / os.readlink(client.live(NAME))
    lines = trace.read_text().splitlines()
    (switch,) = [i for i, line in enumerate(lines) if "rename" in line and f'"{folder}/current"' in line]
    synced = [re.findall(r"sync\(\d+<([^>]*?)(?:\.[0-9a-f]{16}\.new)?>\) += 0", line) for line in lines]  # named when it is whole
    named = {m[2]: i for i, line in enumerate(lines) if (m := re.search(r'renameat2\(AT_FDCWD[^,]*, "([^"]*)", AT_FDCWD[^,]*, "([^"]*)", RENAME_NOREPLACE\) = 0', line))}
    last = max(i for i, s in enumerate(synced[:switch]) if str(version) in s)
    before, after = [p for s in synced[:switch] for p in s], [p for s in synced[switch:] for p in s]
    files = sorted(str(p) for p in version.iterdir())
    assert len(files) == 5
    for path in [*files, str(version), str(version.parent)]:
        assert path in before, (path, before)
    for path in files:  # a folder's entries are synced when all of them are there
        assert named[path] < last
        assert before.index(path) < len(before) - 1 - before[::-1].index(str(version))
    assert str(folder) in after, after


def test_killed_at_every_step_of_a_renewal(client):
    """C-DL-5."""
    total = len(calls_of(client, "renew", "--force"))
    assert total >= 15
    seen = {usable(client)}
    for step in range(1, total + 1):
        done = client.run("renew", "--force", code=None, environment=environment(FAIL_AT=str(step)))
        assert done.returncode == -signal.SIGKILL, (step, done)
        seen.add(usable(client))
    client.run("renew", "--force")  # no lock, no leftover is in the way
    seen.add(usable(client))
    assert len(seen) >= 3
    folder = client.live(NAME).parent
    for _ in range(8):
        client.run("renew", "--force")
    leftovers = [p for p in folder.rglob("*") if ".new" in p.name or p.is_dir() and not any(p.iterdir())]
    assert not leftovers and len(list((folder / "versions").iterdir())) <= 5


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_every_step(client, reason):
    total = len(calls_of(client, "renew", "--force"))
    failures = 0
    every = 3 if reason == errno.EIO else 1  # it is treated as a full disk is
    for step in range(1, total + 1, every):
        done = client.run("renew", "--force", code=None,
                          environment=environment(FAIL_AT=str(step), FAIL_ERRNO=str(reason)))
        assert done.returncode in (0, FAILED), (step, done)
        if done.returncode:
            failures += 1
            assert os.strerror(reason) in done.stderr, (step, done.stderr)
        usable(client)
    assert failures >= 10 // every
    client.run("renew", "--force")


def test_killed_at_every_step_of_a_first_issue(ca, tmp_path):
    """Nothing usable may be lost, and the next run must succeed, with the same account if the CA has it."""
    log = tmp_path / "calls"
    Client(tmp_path / "first", ca).run("issue", NAME, *Client(tmp_path, ca).common(),
                                       environment=environment(FAIL_LOG=str(log)))
    total = len(log.read_text().split())
    for step in range(1, total + 1):
        client = Client(tmp_path / f"state{step}", ca)
        done = client.run("issue", NAME, *client.common(), code=None, environment=environment(FAIL_AT=str(step)))
        assert done.returncode == -signal.SIGKILL, (step, done)
        client.issue(NAME)
        usable(client)
        assert len(list((client.directory / "accounts").iterdir())) == 1


def test_full_disk(ca, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(folder)], check=False,
                      capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        client = Client(folder / "state", ca)
        client.issue(NAME)
        before = usable(client)
        filler = folder / "filler"
        with open(filler, "wb", buffering=0) as f, pytest.raises(OSError):
            while True:
                f.write(bytes(1024))
        done = client.run("renew", "--force", code=FAILED)
        assert "No space left" in done.stderr
        assert usable(client) == before
        filler.unlink()
        client.run("renew", "--force")
        assert usable(client) != before
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_folder_that_cannot_be_written(ca, tmp_path):
    folder = tmp_path / "readonly"
    folder.mkdir(mode=0o500)
    client = Client(folder / "state", ca)
    if os.geteuid() == 0:
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        client = Client(blocked / "state", ca)
    done = client.issue(NAME, code=FAILED)
    assert str(client.directory.parent) in done.stderr


@pytest.mark.parametrize("way", ["standalone", "webroot"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(dns_stub, tmp_path, way, how):
    """Ctrl-C while the CA takes its time: nothing is left in the web server's folder, the lock is free."""
    import pebble
    ca = pebble.Pebble(tmp_path / "pebble", stub=dns_stub, sleep=True)
    www = tmp_path / "www"
    www.mkdir()
    try:
        ca.start()
        client = Client(tmp_path / "state", ca)
        words = ["--http", "standalone" if way == "standalone" else f"webroot:{www}"]
        run = subprocess.Popen(client.command("issue", NAME, *words, *client.common()), stdout=subprocess.PIPE, text=True)
        for line in run.stdout:
            if line.startswith("prove "):
                break
        deadline = time.monotonic() + 5
        while way == "webroot" and not list(www.rglob("acme-challenge/*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        run.send_signal(how)
        try:
            run.communicate(timeout=60)
        finally:
            run.kill()
        assert run.wait(10) > 0 or run.returncode == -how
        assert list(www.rglob("*")) == []
        assert not client.live(NAME).exists()
    finally:
        ca.close()


def test_kill_frees_the_lock(client):
    run = subprocess.Popen(client.command("renew", "--force"), stdout=subprocess.DEVNULL)
    time.sleep(0.05)
    run.kill()
    run.wait()
    client.run("renew", "--force")
    assert re.fullmatch(r"versions/\d+|\d+", os.readlink(client.live(NAME)))
