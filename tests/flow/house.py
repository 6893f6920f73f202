"""A CA under test: made in a temporary folder, served on loopback, ended by its process id."""
import atexit
import contextlib
import functools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CAIRN_BUILD", ROOT / "build"))
CAIRN_CA = BUILD / "cairn-ca"
CAIRN = BUILD / "cairn"
START_SECONDS = 30
LAZY = ("limit_bucket", "crl")  # tables that are written some time after what they tell of


def free_port():
    """One that nobody has, below those that the system gives to connections: none of them takes it in the meantime."""
    for _ in range(1000):
        port = random.randrange(15000, 32000)
        try:
            with socket.socket() as s, socket.socket(type=socket.SOCK_DGRAM) as d:
                s.bind(("127.0.0.1", port))
                d.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise AssertionError("no port is free")


def is_alive(pid):
    """Does a thread of it run? One that ended and was not waited for yet holds neither ports nor files."""
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if task.read_text().rpartition(")")[2].split()[0] not in "ZX":
                return True
    return False


class Stub:
    """tools/dns_stub.py on a port of its own: every name is at 127.0.0.1."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", str(ROOT / "tools/dns_stub.py"), "0"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def stop(self):
        self.process.kill()
        self.process.wait()


_shared = {}


def shared_stub():
    """The one of this network, for all who do not change or end it."""
    network = os.readlink("/proc/self/ns/net")
    if network not in _shared or _shared[network].process.poll() is not None:
        _shared[network] = Stub()
        atexit.register(_shared[network].stop)
    return _shared[network]


@functools.cache
def template():
    """A folder that `init` has made, for CAs whose keys may be those of others."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cairn-ca-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    init(folder / "ca", "127.0.0.1:9")
    return folder / "ca"


def init(directory, listen, name="Test CA", dns_names=("localhost",), more=()):
    names = [word for dns_name in dns_names for word in ("--dns-name", dns_name)]
    subprocess.run([str(CAIRN_CA), "init", "--dir", str(directory), "--name", name, "--listen", listen, *names, *map(str, more)],
                   check=True, stdout=subprocess.DEVNULL)


class House:
    """cairn-ca with everything it needs around it."""

    arguments_before = ()  # of the command line, such as setpriv

    def __init__(self, directory, *, sets=(), name="Test CA", dns_names=("localhost",), stub=None, make=True, copy=False, more=()):
        self.directory = pathlib.Path(directory)
        self.stub = stub or shared_stub()
        self.port = free_port()
        self.http_port = free_port()
        self.sets = list(sets)
        self.log_path = self.directory / "serve.log"
        self.process = None
        self.url = None
        if not make:  # it is there already, and may listen elsewhere
            self.sets.append(f"listen=127.0.0.1:{self.port}")
        elif copy:  # as others of this process are, which takes much less time
            shutil.copytree(template(), self.directory)
            settings = self.directory / "cairn-ca.yaml"
            settings.write_text(settings.read_text().replace('"127.0.0.1:9"', f'"127.0.0.1:{self.port}"'))
        else:
            init(self.directory, f"127.0.0.1:{self.port}", name, dns_names, more)

    @property
    def root(self):
        return self.directory / "root.pem"

    def arguments(self):
        sets = [f"validation.resolver=127.0.0.1:{self.stub.port}", f"validation.http_port={self.http_port}",
                "validation.allow_networks=127.0.0.0/8", *self.sets]
        return [str(CAIRN_CA), "serve", "--dir", str(self.directory)] + [
            word for setting in sets for word in ("--set", setting)]

    def start(self, expect_ready=True, environment=None):
        self.log = open(self.log_path, "ab")
        mark = self.log.tell()
        self.process = subprocess.Popen([*self.arguments_before, *self.arguments()], stdout=self.log, stderr=self.log,
                                        env={**os.environ, **(environment or {})})
        if expect_ready:
            self.url = self.wait_for_line(r"^ready (\S+)$", since=mark).group(1)
        return self

    def text(self, since=0):
        return self.log_path.read_bytes()[since:].decode(errors="replace")

    def wait_for_line(self, pattern, since=0, seconds=START_SECONDS):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = re.search(pattern, self.text(since), re.MULTILINE)
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no line like {pattern!r} in the log:\n{self.text()[-6000:]}")

    def stop(self, how=signal.SIGTERM, seconds=40):
        """End the house; the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(seconds)
        self.process = None
        self.log.close()
        return code

    def kill(self, seconds=20):
        """kill -9 of the supervisor; the others die with it, and leave the ports and the store."""
        children = list(self.children().values())
        self.process.kill()
        self.process.wait()
        self.process = None
        self.log.close()
        deadline = time.monotonic() + seconds
        while any(is_alive(pid) for pid in children):
            assert time.monotonic() < deadline, f"one of {children} outlived its supervisor"
            time.sleep(0.01)

    def children(self):
        """Role to process id."""
        found = {}
        task = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in map(int, task.read_text().split()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, IndexError):
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                found[words[2].decode()] = pid
        return found

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def rows(self):
        """How many rows each table has: what a refused request must leave as it was."""
        with sqlite3.connect(f"file:{self.directory}/cairn.db?mode=ro", uri=True) as db:
            tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
                      if row[0] not in LAZY]
            return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}

    def unfinished(self):
        """Issuances, also the CA's own, that were begun and are neither made nor given up."""
        with sqlite3.connect(f"file:{self.directory}/cairn.db?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM issuance WHERE state = 0").fetchone()[0]

    def evidence(self, challenge):
        """What a validation saw (docs/evidence.md), by the challenge's URL; None if there was none yet."""
        with sqlite3.connect(f"file:{self.directory}/cairn.db?mode=ro", uri=True) as db:
            (text,) = db.execute("SELECT record FROM authz WHERE id = ?", [challenge.split("/")[-2]]).fetchone()
        return json.loads(text) if text is not None else None

    def content(self):
        """Everything in the store, as one comparable value."""
        with sqlite3.connect(f"file:{self.directory}/cairn.db?mode=ro", uri=True) as db:
            return [line for line in db.iterdump() if not line.startswith(tuple(f'INSERT INTO "{table}"' for table in LAZY))]


if __name__ == "__main__":
    sys.exit("this is a helper of the tests")
