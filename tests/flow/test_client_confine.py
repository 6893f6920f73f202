"""The process with the keys has few rights while it works, whatever the command: what it cannot do is in confine_test.c, here is that it is so
confined in each command, before it opens the first key, and that nobody notices."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from exit_codes import DONE
from test_client_processes import children, family, status
from test_client_renewal import settings

NAME = "confined.example.test"
OTHER = "other.example.test"
KEPT = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3  # CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
FILTERED = "2"  # SECCOMP_MODE_FILTER
SOMEBODY = 12345


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_confined(pid):
    about = status(pid)
    rights = [int(about[name][0], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", *(["CapBnd"] if os.geteuid() == 0 else []))]
    return about["NoNewPrivs"] == ["1"] and about["Seccomp"] == [FILTERED] and all(r & ~KEPT == 0 for r in rights)


class Held:
    """A CA that does not answer at a path until it is told to."""

    def __init__(self, ca, path):
        self.arrived, self.go_on = threading.Semaphore(0), threading.Event()
        usual = ca.answers.get(path)

        def answer(request):
            self.arrived.release()
            self.go_on.wait(30)
            return usual(request) if usual else None

        ca.answers[path] = answer

    def wait(self, run=None):
        for _ in range(300):
            if self.arrived.acquire(timeout=0.1):
                return
            assert run is None or run.poll() is None, run.communicate()
        raise AssertionError("nobody asks")


@pytest.fixture
def client(cairn_at_fake, fake_ca):
    directory = fake_ca.dir(None)[2]
    fake_ca.answers["/dir"] = lambda request: (200, {}, {**directory, "revokeCert": f"{fake_ca.base}/revoke"})
    fake_ca.answers["/revoke"] = lambda request: (200, {}, b"")
    cairn_at_fake.issue(NAME)
    return cairn_at_fake


@pytest.mark.parametrize("path, words", [
    ("/finalize", ["issue", "--force"]),
    ("/finalize", ["renew", "--force"]),
    ("/finalize", ["apply", "--force"]),
    ("/account/1", ["account", "show"]),
    ("/revoke", ["revoke"]),
])
def test_while_it_asks_a_ca(client, fake_ca, tmp_path, path, words):
    if words[0] == "apply":
        words = [*words, *settings(client, tmp_path, {"it": fake_ca}, {NAME: {"names": NAME, "cas": "it"}})]
    elif words[0] == "issue":
        words = [*words, NAME, *client.common()]
    elif words[0] != "renew":
        words = [*words, *([NAME] if words[0] == "revoke" else []), *client.common()[:4]]
    held = Held(fake_ca, path)
    run = subprocess.Popen(client.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        held.wait(run)
        assert is_confined(run.pid), status(run.pid)
        runner, *others = family(run.pid)
        assert not is_confined(runner) or os.geteuid() != 0  # or the test would see what is everywhere
        assert len(others) == 3 and all(status(pid)["Seccomp"] == [FILTERED] for pid in others)
    finally:
        held.go_on.set()
        out, error = run.communicate(timeout=30)
    assert run.returncode == DONE, (out, error)


def test_workers_of_renew(client, fake_ca):
    client.issue(OTHER)
    held = Held(fake_ca, "/order")
    run = subprocess.Popen(client.command("renew", "--force"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        held.wait()
        held.wait()
        workers = children(run.pid)
        assert len(workers) == 2 and all(is_confined(pid) for pid in workers)
        (keys,) = {"key.pem" in fd for pid in [run.pid] for fd in os.listdir(f"/proc/{pid}/fd")}
        assert not keys
    finally:
        run.kill()
        held.go_on.set()
        run.wait(30)


def test_workers_of_the_agent(client, fake_ca, tmp_path):
    """Each sees the files of its one certificate; the agent, which starts them, reads no key."""
    more = settings(client, tmp_path, {"it": fake_ca}, {OTHER: {"names": OTHER, "cas": "it"}}, agent={"jitter": "0ms", "interval": "1s"})
    held = Held(fake_ca, "/finalize")
    run = subprocess.Popen(["strace", "-f", "-o", str(tmp_path / "trace"), "-e", "trace=openat,landlock_restrict_self,seccomp",
                            *client.command("agent", *more)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    try:
        held.wait()
        (agent,) = children(run.pid)
        (worker,) = children(agent)
        assert is_confined(worker) and status(agent)["Seccomp"] != [FILTERED]
        held.go_on.set()
        wait_until(lambda: (client.live(OTHER) / "fullchain.pem").exists())
        wait_until(lambda: not children(agent))  # it does not stay
        trace = (tmp_path / "trace").read_text()
        assert "key.pem" in trace and not [line for line in trace.splitlines() if line.startswith(f"{agent} ") and "key.pem" in line]
    finally:
        held.go_on.set()
        for pid in children(run.pid):
            os.kill(pid, signal.SIGTERM)
        run.wait(30)


def test_while_it_deploys(client, fake_ca, tmp_path):
    """Files for somebody else, in folders that only the settings name, with a hook that is run with all rights."""
    site, fifo = tmp_path / "site", tmp_path / "fifo"
    site.mkdir()
    os.mkfifo(fifo)
    owner = {"owner": str(SOMEBODY), "group": str(SOMEBODY)} if os.geteuid() == 0 else {}
    more = settings(client, tmp_path, {"it": fake_ca}, {NAME: {"names": NAME, "cas": "it", "deploy": "site"}},
                    deployments={"site": {"target": "hook", "command": f"grep -E 'NoNewPrivs|CapEff' /proc/self/status >{fifo}; cat {fifo}",
                                          "fullchain_file": str(site / "chain.pem"), "key_file": str(site / "key.pem"), "mode": "0640", **owner}})
    run = subprocess.Popen(client.command("apply", "--force", *more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = fifo.read_text()
        assert is_confined(run.pid)
        assert int(re.search(r"CapEff:\s*(\w+)", said)[1], 16) & ~KEPT or os.geteuid() != 0
        assert re.search(r"NoNewPrivs:\s*0", said)
        fifo.write_text("go on")
    finally:
        out, _ = run.communicate(timeout=30)
    assert run.returncode == DONE, out
    about = (site / "key.pem").stat()
    assert about.st_mode & 0o777 == 0o640 and (not owner or (about.st_uid, about.st_gid) == (SOMEBODY, SOMEBODY))


def calls(trace):
    """Who and what, of strace; also where others came between the beginning of a call and its end."""
    begun = {}
    for line in trace.read_text().splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[pid] = call.removesuffix("<unfinished ...>")
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", call)
        yield pid, begun.pop(pid, "") + resumed[1] if resumed else call


def opens_after_the_jail(trace):
    """Paths with keys that were read by a process before it was confined, and after. (That the file of an account begins with "device: " it
    sees in eight octets.)"""
    confined, before, after = set(), [], []
    for pid, call in calls(trace):
        if re.search(r"seccomp\(SECCOMP_SET_MODE_FILTER.* = 0", call) or re.search(r"prctl\(PR_SET_SECCOMP.* = 0", call):
            confined.add(pid)
        found = re.search(r"read\(\d+<([^>]*key[^>/]*\.pem)>.* = (\d+)$", call)
        if found and int(found[2]) > len("device: "):
            (after if pid in confined else before).append(found[1])
    return before, after


@pytest.fixture
def new_state(tmp_path):
    """A state folder that is not there, nor is one that it will be in but the root's, all of which nobody may be allowed."""
    if not os.access("/", os.W_OK):
        yield tmp_path / "new" / "state"
        return
    top = pathlib.Path(tempfile.mkdtemp(prefix="cairn-", dir="/"))
    top.rmdir()
    yield top / "state"
    shutil.rmtree(top, ignore_errors=True)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("command", ["issue", "renew", "rollback", "export", "import", "tlsa", "thumbprint"])
def test_before_it_opens_a_key(client, fake_ca, tmp_path, new_state, command):
    words = {"issue": ["issue", NAME, "--force", *client.common()], "renew": ["renew", "--force"], "rollback": ["rollback", NAME],
             "export": ["export", "--to", str(tmp_path / "le")], "import": ["import", "certbot", str(tmp_path / "le")],
             "tlsa": ["show", NAME, "--tlsa"], "thumbprint": ["account", "show", "--thumbprint", *client.common()[:4]]}[command]
    if command == "rollback":
        site = tmp_path / "site"
        site.mkdir()
        (client.directory / "certificates" / NAME / "cairn.yaml").unlink()
        words += settings(client, tmp_path, {"it": fake_ca}, {NAME: {"names": NAME, "cas": "it", "deploy": "site"}},
                          deployments={"site": {"key_file": str(site / "key.pem")}})
        client.run("apply", "--force", *words[2:])
    if command == "import":
        client.run("export", "--to", tmp_path / "le")
        client.directory = new_state
    if command == "tlsa":
        client.issue(NAME, "--force", "--next-key")
    trace = tmp_path / "trace"
    done = subprocess.run(["strace", "-f", "-y", "-s", "8", "-e", "trace=read,seccomp,prctl", "-o", str(trace), *client.command(*words)],
                          capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    assert done.returncode == DONE, done.stderr
    before, after = opens_after_the_jail(trace)
    assert after and not before, (before, after)


def test_files_that_are_links(fake_ca, tmp_path):
    """The state folder, a web root and the folder of a deployment may be somewhere else."""
    import pebble
    for name in ("state", "site", "web"):
        (tmp_path / f"real-{name}").mkdir()
        (tmp_path / name).symlink_to(tmp_path / f"real-{name}")
    client = pebble.Client(tmp_path / "state", fake_ca)
    (tmp_path / "real-web" / ".well-known").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    more = settings(client, tmp_path, {"it": fake_ca},
                    {NAME: {"names": NAME, "cas": "it", "deploy": "site", "http": f"webroot:{tmp_path / 'web'}"}},
                    deployments={"site": {"fullchain_file": str(tmp_path / "site" / "chain.pem")}})
    seen = []

    def challenge(request):
        seen.extend(p.name for p in (tmp_path / "elsewhere").rglob("token*"))
        return None

    fake_ca.answers["/challenge/0"] = challenge
    assert json.loads(client.run("apply", *more, "--json").stdout)["certificates"][0]["outcome"] == "renewed"
    assert seen and (tmp_path / "real-site" / "chain.pem").exists()
    assert not list(pathlib.Path(tmp_path / "elsewhere").rglob("token*"))


def test_the_file_of_metrics(client, fake_ca, tmp_path):
    """It is written in a folder that only the settings name, also when no settings are found of what there is to do."""
    (client.directory / "certificates" / NAME / "cairn.yaml").unlink()
    more = settings(client, tmp_path, {"it": fake_ca}, {}, agent={"metrics_file": str(tmp_path / "cairn.prom")})
    done = client.run("renew", NAME, *more, code=None)
    assert "metrics_file" not in done.stderr and f'name="{NAME}"' in (tmp_path / "cairn.prom").read_text(), done.stderr
