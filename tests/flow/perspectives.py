"""Perspectives under test: cairn-ca perspective serve on loopback, and both ends of its protocol spoken by hand."""
import contextlib
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import ssl
import struct
import subprocess
import time

import house as house_module

CAIRN_CA = house_module.CAIRN_CA
SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src"
TYPES = {name: number for number, name in
         enumerate(re.findall(r"^MESSAGE\((\w+), ", (SOURCE / "server/proc/messages.def").read_text(), re.MULTILINE), 1)}
ALPN = "cairn-perspective"
PROTOCOL = 1
WAIT_SECONDS = 30


def run(*words, code=0, json_output=False):
    done = subprocess.run([str(CAIRN_CA), *map(str, words), *(["--json"] if json_output else [])], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    if code != 0:
        return done.stderr
    return json.loads(done.stdout) if json_output else done.stdout + done.stderr


def wait_until(condition, what, seconds=WAIT_SECONDS):
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.05)


def set_option(path, section, option, value):
    """In a file that init wrote."""
    text, count = re.subn(rf"(^{section}:\n(?:[ #].*\n)*?  {option}: ).*$", rf"\g<1>{value}", path.read_text(), count=1,
                          flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)


class Perspective:
    """A perspective of a House on this host. It asks the house's DNS stub and connects to its http port, or others."""

    def __init__(self, directory, name, region, house, *, ca=None, resolver=None, http_port=None, sets=()):
        self.directory, self.name, self.region = pathlib.Path(directory) / name, name, region
        self.port = house_module.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log_path = pathlib.Path(directory) / f"{name}.log"
        self.process = None
        options = [f"validation.resolver=127.0.0.1:{resolver or house.stub.port}",
                   f"validation.http_port={http_port or house.http_port}", "validation.allow_networks=127.0.0.0/8", *sets]
        self.made = run("perspective", "init", "--dir", self.directory, "--name", name, "--region", region, "--listen",
                        self.address, "--ca", ca or own_key(house), *[f"--set={option}" for option in options])
        self.add_line = re.search(r"^ +(cairn-ca perspective add .*)$", self.made, re.MULTILINE)[1]
        self.key = re.search(r"--key (sha256:[0-9a-f]{64})$", self.add_line)[1]

    def start(self):
        with open(self.log_path, "ab") as log:
            mark = log.tell()
            self.process = subprocess.Popen([str(CAIRN_CA), "perspective", "serve", "--dir", str(self.directory)],
                                            stdout=log, stderr=log)
        self.wait_for(rf"^ready {re.escape(self.address)}$", since=mark)
        return self

    def text(self, since=0):
        return self.log_path.read_bytes()[since:].decode(errors="replace")

    def wait_for(self, pattern, since=0):
        def look():
            found = re.search(pattern, self.text(since), re.MULTILINE)
            assert found or self.process.poll() is None, self.text()
            return found
        return wait_until(look, lambda: f"no line like {pattern!r}:\n{self.text()[-6000:]}")

    def mark(self):
        return len(self.log_path.read_bytes())

    def send(self, number):
        self.process.send_signal(number)

    def children(self):
        return house_module.House.children(self)

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(60)
        self.process = None
        assert how != signal.SIGTERM or code == 0, self.text()
        assert "AddressSanitizer" not in self.text() and "runtime error" not in self.text(), self.text()

    def kill(self):
        """All of it at once, as when a host loses its power."""
        for pid in self.children().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.process = None

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def add(self, house, **changes):
        """The very line that init printed, with the two words that only people know."""
        words = shlex.split(self.add_line.replace("HOST:", "127.0.0.1:").replace("--dir DIR", f"--dir {house.directory}"))
        for option, value in changes.items():
            words[words.index(f"--{option}") + 1] = value
        return run(*words[1:], json_output=True)


def own_key(house):
    return run("perspective", "list", "--dir", house.directory, json_output=True)["key"]


def states(house):
    """By name, as perspective list has them."""
    return {row["name"]: row for row in run("perspective", "list", "--dir", house.directory, json_output=True)["perspectives"]}


def wait_for_state(house, name, state, error=""):
    def look():
        row = states(house)[name]
        return row if row.get("state") == state and error in row.get("error", "") else None
    return wait_until(look, lambda: f"{name} is not {state} ({error}): {states(house)[name]}")


# ---- the protocol by hand ----


def frame(kind, *fields):
    body = struct.pack("!H", TYPES.get(kind, kind))
    for field in fields:
        body += struct.pack("!q", field) if isinstance(field, int) else struct.pack("!I", len(field)) + field
    return struct.pack("!I", len(body)) + body


def greeting(protocol=PROTOCOL, version=b"9.9", name=b"by-hand", region=b"ripe"):
    return frame("GREETING", protocol, version, name, region)


def check(number, name=b"www.good.test", token=b"t" * 22, proof=b"t" * 22 + b".key", kind=0, perspective=b""):
    return frame("CHECK", number, 0, kind, b"default", name, 0, token, proof, b"https://ca.test/acme/account/1", b"",
                 perspective)


class Frames:
    """Messages out of a stream."""

    def __init__(self, stream):
        self.stream, self.octets = stream, b""

    def next(self):
        """Type and body; None at the end."""
        while len(self.octets) < 4 or len(self.octets) < 4 + struct.unpack("!I", self.octets[:4])[0]:
            try:
                piece = self.stream.recv(1 << 20)
            except (ConnectionError, ssl.SSLError):
                return None
            if not piece:
                return None
            self.octets += piece
        size = 4 + struct.unpack("!I", self.octets[:4])[0]
        taken, self.octets = self.octets[:size], self.octets[size:]
        return struct.unpack("!H", taken[4:6])[0], taken[6:]

    def wait(self, kind):
        while (message := self.next()) is not None:
            if message[0] == TYPES[kind]:
                return message[1]
        raise AssertionError(f"the end instead of {kind}")


def texts(body, count, at=0):
    """`count` texts of a message, from octet `at`."""
    found = []
    for _ in range(count):
        size = struct.unpack("!I", body[at:at + 4])[0]
        found.append(body[at + 4:at + 4 + size].decode())
        at += 4 + size
    return found


def context(directory, *, server, alpn=ALPN):
    """TLS with the key in that folder; whose certificate the other end has is not looked at."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.load_cert_chain(directory / "perspective.pem", directory / "perspective.key")
    if alpn:
        made.set_alpn_protocols([alpn])
    return made


def knock(port, directory, **options):
    """Connect to a door with the key in that folder."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
    return context(directory, server=False, **options).wrap_socket(plain)
