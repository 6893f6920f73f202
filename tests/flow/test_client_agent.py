"""cairn agent: sees to all certificates in their time, is asked by its socket, tells monitoring, and ends in order."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fake_ca import DAY, problem
from house import free_port
from test_client_processes import children, status
from test_client_renewal import HOUR, NAME, UNCHANGED, Remembering, settings

PATIENCE = 30
REFUSED, NETWORK, DEPLOY, USAGE, LOCKED = 4, 3, 7, 64, 75


class Agent(Remembering):
    """The client with an agent that runs, and a cairn.yaml."""

    def __init__(self, directory, ca):
        super().__init__(directory / "state", ca)
        self.config = directory / "cairn.yaml"
        self.port = free_port()
        self.metrics_file = directory / "cairn.prom"
        self.process = None
        self.lines = []
        self.notices = None

    def write(self, certificates, **agent):
        settings(self, self.config.parent, {"it": self.ca},
                 {n: {"names": n, "cas": "it", **(more or {})} for n, more in certificates.items()},
                 agent={"metrics": f"127.0.0.1:{self.port}", "metrics_file": str(self.metrics_file), "jitter": "0ms", "interval": "2s", **agent})

    def start(self, *, ready=True, environment=None):
        self.process = subprocess.Popen(self.command("agent", "--config", self.config), stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env={**os.environ, **(environment or {})})
        threading.Thread(target=self.read, args=(self.process,), daemon=True).start()
        if ready:
            self.wait(lambda: any(line.startswith("agent ") for line in self.lines))
        return self

    def read(self, process):
        for line in process.stdout:
            self.lines.append(line)

    def text(self):
        return "".join(self.lines)

    def wait(self, question):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, KeyError, json.JSONDecodeError):
                if question():
                    return
            assert self.process.poll() is None, self.text()
            time.sleep(0.05)
        raise AssertionError(self.text())

    def said(self, pattern):
        self.wait(lambda: re.search(pattern, self.text()))

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        assert "AddressSanitizer" not in self.text() and "runtime error" not in self.text(), self.text()
        return code

    def ask(self, *words, **more):
        return self.run("agent", *words, "--config", self.config, **more)

    def status(self):
        return json.loads(self.ask("status", "--json").stdout)

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            return read_metrics(answer.read().decode())


def read_metrics(text):
    """As Prometheus' own reader for Python understands it: {name: {certificate: value}}."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[sample.labels.get("name")] = sample.value
    return found


@pytest.fixture
def agent(fake_ca, tmp_path):
    made = Agent(tmp_path, fake_ca)
    yield made
    if made.process is not None and made.process.poll() is None:
        assert made.stop() == 0, made.text()


def test_what_is_wanted_is_got(agent, fake_ca):
    """Also what cairn.yaml names later, without being asked; a wrong file changes nothing."""
    agent.write({NAME: None})
    agent.start()
    agent.wait(lambda: agent.serial())
    agent.wait(lambda: agent.status()["certificates"][0]["state"] == "idle")
    agent.write({NAME: None, "b.example.test": None})
    os.utime(agent.config, (1, 1))
    agent.process.send_signal(signal.SIGHUP)
    agent.wait(lambda: agent.serial("b.example.test"))
    agent.config.write_text("certificates: 7\n")
    agent.process.send_signal(signal.SIGHUP)
    agent.said(r"cairn: \S+cairn.yaml:1:\d+: .*; the settings stay as they were")
    done = agent.ask("reload", code=USAGE)
    assert "cairn.yaml:1" in done.stderr
    agent.config.unlink()
    agent.write({NAME: None, "c.example.test": None})
    assert "reloaded" in agent.ask("reload").stdout
    agent.wait(lambda: agent.serial("c.example.test"))


def test_the_moment_comes(agent, fake_ca):
    """It wakes at the moment that was drawn, not at an interval."""
    fake_ca.window = (4, 5)
    agent.write({NAME: None}, interval="1s")
    agent.start()
    agent.wait(lambda: agent.state()["ari"]["moment"])
    first = agent.serial()
    fake_ca.window = (30 * 24 * HOUR, 31 * 24 * HOUR)
    agent.wait(lambda: agent.state()["issued"] == 2)
    assert agent.serial() != first and "the CA suggests it" in agent.text()


def test_metrics(agent, fake_ca):
    agent.write({NAME: None, "bad.example.test": None})
    usual = fake_ca.new_order
    fake_ca.answers["/order"] = lambda r: problem("rejectedIdentifier", "not this") if "bad" in r.payload.decode() else usual(r)
    agent.start()
    agent.wait(lambda: agent.metrics()["cairn_certificate_failures"]["bad.example.test"] == 1)
    agent.wait(lambda: agent.metrics()["cairn_certificate_issuances_total"][NAME] == 1)
    found = agent.metrics()
    assert found["cairn_certificates"][None] == 2 and found["cairn_certificate_failures"][NAME] == 0
    assert abs(found["cairn_certificate_not_after_seconds"][NAME] - time.time() - 90 * 24 * HOUR) < 2 * HOUR
    assert abs(found["cairn_certificate_renewal_seconds"][NAME] - time.time() - 60 * 24 * HOUR) < 2 * HOUR
    assert found["cairn_certificate_renewal_seconds"]["bad.example.test"] > time.time()
    assert abs(found["cairn_certificate_last_success_seconds"][NAME] - time.time()) < PATIENCE
    assert NAME in found["cairn_certificate_issuance_duration_seconds"]
    in_file = read_metrics(agent.metrics_file.read_text())
    assert in_file.keys() == found.keys() and agent.metrics_file.stat().st_mode & 0o777 == 0o644
    for path, method, status in (("/", "GET", 404), ("/metrics/x", "GET", 404), ("/metrics", "POST", 405)):
        request = urllib.request.Request(f"http://127.0.0.1:{agent.port}{path}", method=method)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        assert refused.value.code == status
    row = next(r for r in agent.status()["certificates"] if r["name"] == "bad.example.test")
    assert row["state"] == "waiting" and row["failures"] == 1 and "not this" in row["error"]
    assert "not this" in agent.ask("status").stdout


def test_renew_writes_metrics_too(agent, fake_ca):
    agent.write({NAME: None})
    agent.run("apply", "--config", agent.config)
    assert read_metrics(agent.metrics_file.read_text())["cairn_certificate_issuances_total"][NAME] == 1
    agent.run("renew", "--force", "--config", agent.config)
    assert read_metrics(agent.metrics_file.read_text())["cairn_certificate_issuances_total"][NAME] == 2


def test_asked_to_renew(agent, fake_ca):
    agent.write({NAME: None})
    agent.start()
    agent.wait(lambda: agent.serial())
    first = agent.serial()
    agent.wait(lambda: agent.status()["working"] == 0)
    assert agent.ask("renew", NAME, code=UNCHANGED).stdout.startswith("unchanged")
    assert agent.ask("renew", NAME, "--force").stdout.startswith("issued")
    assert agent.serial() != first
    fake_ca.answers["/order"] = lambda r: problem("rejectedIdentifier", "not this")
    done = agent.ask("renew", NAME, "--force", code=REFUSED)
    assert "not this" in done.stderr
    done = agent.ask("renew", "nobody.example.test", code=1)
    assert "no such certificate" in done.stderr
    agent.ask("renew", code=USAGE)


def test_nobody_there(agent):
    agent.write({})
    done = agent.ask("status", code=NETWORK)
    assert "no agent answers at" in done.stderr and "cairn agent" in done.stderr


def test_two_agents(agent):
    agent.write({})
    agent.start()
    done = agent.run("agent", "--config", agent.config, code=LOCKED)
    assert "another agent answers" in done.stderr
    agent.process.kill()  # what is left behind is no hindrance
    agent.process.wait(PATIENCE)
    agent.lines.clear()
    agent.start()


def test_only_its_owner_may_ask(agent):
    agent.write({})
    agent.start()
    path = agent.directory / "agent.socket"
    assert path.stat().st_mode & 0o777 == 0o600
    agent.directory.chmod(0o755)
    path.chmod(0o666)
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c",
                           "import socket,sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
                           "s.sendall(b'{\"command\":\"status\"}\\n'); print(len(s.recv(9)))", path],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode != 0 or done.stdout.strip() == "0", done.stdout


@pytest.mark.parametrize("said", [b"", b"x" * 10000, b"{\n", b"[]\n", b'{"command":"fly"}\n', b'{"command":"renew"}\n'],
                         ids=["nothing", "long", "half", "array", "unknown", "nobody"])
def test_questions_that_are_none(agent, said):
    agent.write({})
    agent.start()
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(PATIENCE)
        asked.connect(str(agent.directory / "agent.socket"))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            asked.sendall(said)
            asked.shutdown(socket.SHUT_WR)
            answered = asked.recv(100)
            assert answered == b"" if said[-2:] not in (b"]\n", b"}\n") else b'"error"' in answered
    assert agent.status()["certificates"] == []


def test_what_is_under_way_is_ended_in_order(agent, fake_ca):
    """SIGTERM: an order that is under way is waited for, nothing else is begun, and the exit code is 0."""
    met, go_on = threading.Event(), threading.Event()

    def slowly(request):
        met.set()
        go_on.wait(PATIENCE)

    agent.write({NAME: None})
    fake_ca.answers["/order"] = slowly
    agent.start()
    assert met.wait(PATIENCE)
    agent.process.send_signal(signal.SIGTERM)
    agent.said(r"ending +Terminated")
    done = agent.ask("renew", NAME, code=NETWORK)
    assert "about to end" in done.stderr
    go_on.set()
    assert agent.process.wait(PATIENCE) == 0, agent.text()
    assert agent.serial() and not (agent.directory / "agent.socket").exists()


def test_who_does_not_want_to_wait(agent, fake_ca):
    """A second signal interrupts: what was answered is taken back, nothing stays behind."""
    met = threading.Event()
    agent.write({NAME: None})

    def never(request):
        met.set()
        return 503, {"Retry-After": "100"}, b"busy"

    fake_ca.answers["/order"] = never
    agent.start()
    assert met.wait(PATIENCE)
    agent.process.send_signal(signal.SIGTERM)
    agent.said(r"ending +Terminated")
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(PATIENCE) == 0, agent.text()
    left = subprocess.run(["pgrep", "-f", str(agent.directory)], capture_output=True, text=True, check=False)
    assert left.stdout.split() == [], left.stdout


def test_it_tells_the_service_manager(agent, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        agent.write({})
        agent.start(environment={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"})
        said = [manager.recv(1000) for _ in range(4)]
        assert b"READY=1" in said and said.count(b"WATCHDOG=1") >= 2
        agent.process.send_signal(signal.SIGHUP)
        while not manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC="):
            pass
        while b"READY=1" not in manager.recv(1000):
            pass
        agent.process.send_signal(signal.SIGTERM)
        while manager.recv(1000) != b"STOPPING=1":
            pass


def test_wrong_from_the_start(agent):
    agent.config.write_text("certificates: 7\n")
    assert agent.run("agent", "--config", agent.config, code=USAGE).stderr.startswith("cairn: ")
    agent.write({}, metrics="nowhere")
    assert "agent.metrics" in agent.run("agent", "--config", agent.config, code=USAGE).stderr


def test_the_page_comes_again(agent, fake_ca):
    """Whatever ends the process that shows metrics."""
    agent.write({NAME: None})
    agent.start()
    agent.wait(lambda: agent.metrics()["cairn_certificate_issuances_total"][NAME] == 1)
    for round_ in range(2):
        # a worker that just ends is a child, too
        for pid in children(agent.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        agent.wait(lambda: agent.text().count("it is started again") == round_ + 1)
        agent.wait(lambda: agent.metrics()["cairn_certificate_issuances_total"][NAME] == 1)
    assert not [pid for pid in children(agent.process.pid) if status(pid)["State"][0] == "Z"]


def test_a_socket_that_is_a_file(agent, tmp_path):
    """A name that is mistyped costs no file."""
    path = tmp_path / "precious"
    path.write_text("key")
    agent.write({NAME: None}, socket=str(path))
    done = agent.run("agent", "--config", agent.config, code=USAGE)
    assert f"{path} is there and is no socket" in done.stderr and path.read_text() == "key"


def test_asked_for_what_waits(agent, fake_ca, tmp_path):
    """Who asks for it does not wait after a failure, be it of a CA or of a deployment; and what still waits says why."""
    flag = tmp_path / "mended"
    agent.write({NAME: None})
    settings(agent, tmp_path, {"it": fake_ca}, {NAME: {"names": NAME, "cas": "it", "deploy": "site"}},
             agent={"jitter": "0ms", "interval": "10m"}, deployments={"site": {"target": "hook", "command": f"test -e {flag}"}})
    fake_ca.answers["/order"] = lambda request: problem("rejectedIdentifier", "not this")
    agent.start()
    agent.wait(lambda: agent.state()["failure"]["count"] == 1)
    fake_ca.answers.clear()
    agent.ask("renew", NAME, code=DEPLOY)
    shown = agent.ask("status").stdout
    assert "    deployment site failed 1 time" in shown and agent.status()["certificates"][0]["not_deployed"]
    agent.config.rename(tmp_path / "aside")
    agent.config.write_text("broken: [")  # and the agent can still be asked
    assert NAME in agent.ask("status", "--dir", agent.directory).stdout
    (tmp_path / "aside").rename(agent.config)
    flag.touch()
    assert "deployed" in agent.ask("renew", NAME).stdout
    assert "deployment site" not in agent.ask("status").stdout
