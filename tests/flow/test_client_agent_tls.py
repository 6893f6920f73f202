"""agent.tls: the agent holds the TLS port for good, in front of nginx, and answers tls-alpn-01 there. One house (a real
cairn-ca), one nginx and one agent serve all cases; nobody who connects may fail, whatever happens."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import house as house_module
from house import free_port
from test_client_agent import Agent
from test_client_splice import NAME, Nginx, connect, context, get

NAMES = ["a.example.test", "b.example.test", "c.example.test"]
LOADERS = 4


class Load:
    """Clients that load from nginx through the agent's port, one connection after the other, until the end."""

    def __init__(self, port):
        self.port, self.good, self.failures, self.stop = port, 0, [], threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(LOADERS)]
        for t in self.threads:
            t.start()

    def run(self):
        while not self.stop.is_set():
            try:
                with connect(self.port) as c:
                    assert get(c, "/who") == b"127.0.0.1"
                with self.lock:
                    self.good += 1
            except (OSError, AssertionError) as e:
                self.failures.append(e)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(60)
        return self.good, self.failures


class Held:
    def __init__(self, tmp_path):
        self.port = free_port()
        (tmp_path / "nginx").mkdir()
        os.chmod(tmp_path, 0o755)
        self.nginx = Nginx(tmp_path / "nginx")
        self.house = house_module.House(tmp_path / "ca", sets=[f"validation.tls_port={self.port}", "authorization.lifetime=0s"])
        self.house.start()
        self.agent = Agent(tmp_path, self.house)
        self.way = f"splice:127.0.0.1:{self.nginx.port}"
        self.certificates = {n: {"challenges": "tls-alpn-01", "tls_port": self.port} for n in NAMES}
        self.write()
        self.agent.start()
        self.agent.wait(lambda: all(self.agent.live(n).exists() for n in NAMES))

    def write(self, **more):
        self.agent.write(self.certificates, tls=more.pop("tls", self.way), tls_listen=[f"127.0.0.1:{self.port}"], **more)

    def tls(self):
        return self.agent.status()["tls"]

    def renew_all(self):
        runs = [subprocess.Popen(self.agent.command("agent", "renew", n, "--force", "--config", self.agent.config),
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for n in NAMES]
        for run in runs:
            out, _ = run.communicate(timeout=60)
            assert run.returncode == 0 and out.startswith("issued"), out + self.agent.text()

    def close(self):
        if self.agent.process.poll() is None:
            self.agent.stop()
        self.nginx.close()
        self.house.close()


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    made = Held(tmp_path_factory.mktemp("held"))
    yield made
    made.close()


def test_renewals_under_load(held):
    """Three renewals at a time by tls-alpn-01, while clients of nginx come and go: none of them fails."""
    before = held.tls()
    load = Load(held.port)
    while load.good < 200 and not load.failures:
        held.renew_all()
    good, failures = load.end()
    assert not failures and good >= 200
    assert re.search(rf"prove +.*tls-alpn-01, by the agent, which holds port {held.port}", held.agent.text())
    done = held.agent.ask("status").stdout
    assert re.search(rf"^holds 127.0.0.1:{held.port} \({held.way}\), open \d+, passed on \d+, answered \d+$", done, re.MULTILINE), done
    held.agent.wait(lambda: held.tls()["passed"] - before["passed"] >= good)  # the listener tells its numbers now and then
    now = held.tls()
    assert now["answered"] - before["answered"] >= len(NAMES)
    assert now["failed"] == 0 and now["reached"] is True and now["behind"] == held.way
    assert now["listen"] == [f"127.0.0.1:{held.port}"]
    held.agent.wait(lambda: held.agent.metrics()["cairn_tls_passed_total"][None] >= now["passed"])
    assert held.agent.metrics()["cairn_tls_answered_total"][None] >= now["answered"]
    assert held.agent.metrics()["cairn_tls_starts_total"][None] == 1


def test_by_hand(held):
    """cairn issue and cairn renew by hand have the agent answer, too; two orders for one name take turns."""
    words = ["--challenge", "tls-alpn-01", "--tls-port", str(held.port)]
    runs = [subprocess.Popen(held.agent.command("issue", *names, *held.agent.common(), *words), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True) for names in (["hand.example.test"], ["other.example.test", "hand.example.test"])]
    for run in runs:
        out, _ = run.communicate(timeout=60)
        assert run.returncode == 0 and f"by the agent, which holds port {held.port}" in out, out
    done = held.agent.run("renew", "hand.example.test", "--force")
    assert "by the agent" in done.stdout


def test_what_is_not_proved_is_refused(held):
    """When all orders are done nothing is answered any more: acme-tls/1 goes to nginx, which does not know it."""
    acme = context()
    acme.set_alpn_protocols(["acme-tls/1"])
    with socket.create_connection(("127.0.0.1", held.port), 30) as plain:
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            acme.wrap_socket(plain, server_hostname=NAMES[0])


def test_the_listener_dies(held):
    """Who waits meanwhile is served by the next listener, and renewals work."""
    pid = held.tls()["pid"]
    status = open(f"/proc/{pid}/status", encoding="ascii").read()
    if os.geteuid() == 0:
        assert re.search(r"^Uid:\t65534\t65534", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
    os.kill(pid, signal.SIGKILL)
    with connect(held.port) as c:
        assert get(c, "/who") == b"127.0.0.1"
    held.agent.said("the process that listens has ended unexpectedly")
    assert held.tls()["pid"] not in (0, pid)
    held.renew_all()


def test_the_server_behind_is_down(held):
    """Its clients see that; it is told of once, and when it is back."""
    os.kill(held.nginx.process.pid, signal.SIGTERM)
    held.nginx.process.wait(10)
    for _ in range(3):
        with pytest.raises(OSError), connect(held.port):
            pass
    held.agent.said(rf"the server behind \({held.way}\) cannot be reached: Connection refused")
    assert held.tls()["reached"] is False and held.tls()["failed"] >= 3
    held.renew_all()  # the CA does not mind
    shutil.rmtree(held.nginx.directory / "www")
    held.nginx = Nginx(held.nginx.directory, port=held.nginx.port)
    with connect(held.port) as c:
        assert get(c, "/who") == b"127.0.0.1"
    held.agent.said("is reached again")
    assert len(re.findall("cannot be reached", held.agent.text())) == 1


def test_other_settings(held):
    """Another server behind, by the PROXY protocol; a wrong value changes nothing; clients that are there stay."""
    with connect(held.port) as old:
        old.sendall(b"GET /b")
        load = Load(held.port)
        held.write(tls="splice:nowhere")
        done = held.agent.ask("reload", code=None)
        held.agent.said('agent.tls: "splice:nowhere" is no splice:ADDRESS:PORT')
        held.write(tls=held.way, metrics=f"127.0.0.1:{held.agent.port}")
        good, failures = load.end()
        assert not failures and good > 0 and done.returncode == 0
        held.write(tls=f"splice+proxy-v2:127.0.0.1:{held.nginx.proxy_port}")
        held.agent.ask("reload")
        with connect(held.port) as c:
            port = c.getsockname()[1]
            assert get(c, "/who") == f"127.0.0.1 {port}".encode()
        old.sendall(f"ig HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
        text = b""
        while piece := old.recv(1 << 20):
            text += piece
        assert text.partition(b"\r\n\r\n")[2] == held.nginx.content
    held.write()
    held.agent.ask("reload")


def test_the_agent_ends(held):
    """A download goes on when the agent is gone; the port is free at once."""
    with connect(held.port) as c:
        c.sendall(f"GET /big HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
        text = c.recv(1000)
        assert held.agent.stop() == 0
        with socket.socket() as s:
            assert s.connect_ex(("127.0.0.1", held.port)) != 0
        while piece := c.recv(1 << 20):
            text += piece
    assert text.partition(b"\r\n\r\n")[2] == held.nginx.content
    held.agent.lines.clear()
    held.agent.start()  # and by SIGKILL: nobody is left who holds the port
    with connect(held.port) as c:
        assert get(c, "/who") == b"127.0.0.1"
    held.agent.process.kill()
    held.agent.process.wait()
    held.agent.lines.clear()
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", held.port)) != 0:
                break
        time.sleep(0.05)
    held.agent.start()
    with connect(held.port) as c:
        assert get(c, "/who") == b"127.0.0.1"


def test_sockets_of_systemd(held):
    """sd_listen_fds(3): the socket is there before the agent, and stays; connections that came before are served."""
    held.agent.stop()
    port = held.port
    listener = socket.create_server(("127.0.0.1", port))
    early = socket.create_connection(("127.0.0.1", port))
    held.agent.write(held.certificates, tls=held.way)
    held.agent.lines.clear()
    command = held.agent.command("agent", "--config", held.agent.config)
    program = ("import os, sys\nos.dup2(int(sys.argv[1]), 3)\n"
               "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\nos.execv(sys.argv[2], sys.argv[2:])")
    held.agent.process = subprocess.Popen(["/usr/bin/python3", "-c", program, str(listener.fileno()), *command], pass_fds=[listener.fileno(), 3],
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    threading.Thread(target=held.agent.read, args=(held.agent.process,), daemon=True).start()
    with context().wrap_socket(early, server_hostname=NAME) as c:
        assert get(c, "/who") == b"127.0.0.1"
    listener.close()
    held.agent.said("^agent ")
    assert held.tls()["listen"] == [f"127.0.0.1:{port}"]
    held.renew_all()


@pytest.mark.parametrize("tls, listen, sentence", [
    ("splice", [], 'agent.tls: "splice" is no splice:ADDRESS:PORT, such as splice:127.0.0.1:8443'),
    ("standalone", [], 'agent.tls: "standalone" is no splice:ADDRESS:PORT'),
    ("splice:127.0.0.1:1", ["here"], 'agent.tls_listen: "here" is no ADDRESS:PORT, such as 192.0.2.1:443'),
    ("splice:127.0.0.1:{free}", ["127.0.0.1:{free}"], r"agent.tls: splice:127.0.0.1:\d+ is the agent itself"),
    ("splice:127.0.0.1:{free}", ["[::]:{free}"], r"agent.tls: splice:127.0.0.1:\d+ is the agent itself"),
    ("splice:127.0.0.1:1", ["127.0.0.1:{taken}"], r"agent.tls: port {taken} is in use by nginx \(process \d+\); have that listen on another port"),
])
def test_mistakes(held, tmp_path, tls, listen, sentence):
    made = Agent(tmp_path, held.house)
    taken = str(held.nginx.port)
    free = str(free_port())
    made.write({}, tls=tls.replace("{free}", free), tls_listen=[x.replace("{taken}", taken).replace("{free}", free) for x in listen])
    done = made.run("agent", "--config", made.config, code=None)
    assert done.returncode in (3, 64) and re.search(sentence.replace("{taken}", taken), done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1
