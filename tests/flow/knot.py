"""knotd as the authority of zones that clients may update with a TSIG key."""
import base64
import contextlib
import pathlib
import socket
import subprocess
import time

import dns.query
import dns.rdatatype

import house as house_module

KEY_NAME, KEY_SECRET = "updater", base64.b64encode(b"a secret of the tests, 32 octets").decode()
CONFIG = """
server:
    rundir: {folder}
    listen: {listen}
database:
    storage: {folder}
log:
  - target: stderr
    any: warning
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: update
    key: {key}
    action: update
template:
  - id: default
    storage: {folder}
    file: "%s"
    acl: update
zone:
"""
HEAD = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 1\n@ NS ns\nns A 127.0.0.1\n"


def wait_for_port(process, address, port):
    for _ in range(1500):
        assert process.poll() is None, f"{process.args} ended"
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
            if s.connect_ex((address, port)) == 0:
                return process
        time.sleep(0.02)
    raise AssertionError(f"{process.args} does not answer")


def run_until_it_answers(arguments, port, address="127.0.0.1"):
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return wait_for_port(process, address, port)


class Server:
    """A knotd whose configuration a test writes: `text` follows the server's own sections."""

    def __init__(self, folder, addresses, text, files=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.address = addresses[0]
        for name, content in (files or {}).items():
            (self.folder / name).write_text(content)
        listen = ", ".join(f"{address}@53" for address in addresses)
        self.config = self.folder / "knot.conf"
        self.config.write_text(f"server:\n    rundir: {self.folder}\n    listen: [ {listen} ]\n    automatic-acl: off\n"
                               f"database:\n    storage: {self.folder}\nlog:\n  - target: stderr\n    any: info\n"
                               f"template:\n  - id: default\n    storage: {self.folder}\n{text}")
        self.start()

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(["knotd", "-c", self.config], stdout=self.log, stderr=self.log)
        wait_for_port(self.process, self.address, 53)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self.log.close()

    def control(self, *words):
        """What knotc says, once it says that it was done."""
        deadline = time.monotonic() + 30
        while True:
            done = subprocess.run(["knotc", "-c", self.config, *words], capture_output=True, text=True, check=False, timeout=60)
            if done.returncode == 0:
                return done.stdout
            assert time.monotonic() < deadline, done
            time.sleep(0.1)

    def change(self, zone, verb, *row):
        """"zone-set" or "zone-unset" of one record; that it is not there to be taken away is fine."""
        self.control("-b", "zone-begin", zone)
        done = subprocess.run(["knotc", "-c", self.config, "-b", verb, zone, *row], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0 or verb == "zone-unset", done
        self.control("-b", "zone-commit" if done.returncode == 0 else "zone-abort", zone)

    @contextlib.contextmanager
    def record(self, zone, name, value, kind="TXT"):
        """A record that is there for a while."""
        data = f'"{value}"' if kind == "TXT" else value
        self.change(zone, "zone-set", f"{name}.", "0", kind, data)
        try:
            yield
        finally:
            self.change(zone, "zone-unset", f"{name}.", kind, data)

    def texts(self, zone):
        """Every TXT record of a zone, by a transfer: (name, value)."""
        messages = dns.query.xfr(self.address, zone, relativize=False, lifetime=30)
        sets = [found for message in messages for found in message.answer]
        assert sets and sets[0].rdtype == dns.rdatatype.SOA, sets
        return sorted((found.name.to_text(omit_final_dot=True), b"".join(data.strings).decode())
                      for found in sets if found.rdtype == dns.rdatatype.TXT for data in found)


class Knot:
    """`zones`: names, and what is there beside SOA and NS."""

    def __init__(self, folder, zones, addresses=("127.0.0.1",), port=None):
        folder = pathlib.Path(folder)
        self.address, self.port = addresses[0], port or house_module.free_port()
        listen = ", ".join(f"{address}@{self.port}" for address in addresses)
        text = CONFIG.format(folder=folder, listen=f"[{listen}]", key=KEY_NAME, secret=KEY_SECRET)
        for name, content in zones.items():
            (folder / name).write_text(HEAD + content)
            text += f"  - domain: {name}\n"
        (folder / "knot.conf").write_text(text)
        self.process = run_until_it_answers(["knotd", "-c", folder / "knot.conf"], self.port, self.address)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def texts(self, name):
        """The TXT records of a name, as kdig shows them."""
        done = subprocess.run(["kdig", f"@{self.address}", "-p", str(self.port), "+short", name, "TXT"], capture_output=True,
                              text=True, check=True, timeout=30)
        return done.stdout.split()
