"""Pebble, Let's Encrypt's test CA, on ephemeral loopback ports: a CA we did not write for the client to meet."""
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import time
import urllib.request

import schemas
from house import CAIRN, free_port, shared_stub
from exit_codes import DONE

PROGRAM = shutil.which("pebble")
START_SECONDS = 15


class Pebble:
    """A running Pebble. `http_port` is where it asks for http-01, `tls_port` for tls-alpn-01."""

    def __init__(self, directory, *, nonce_reject=0, authz_reuse=0, sleep=False, alternates=0, chain_length=1, stub=None,
                 settings=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.stub = stub or shared_stub()
        self.port, self.management_port = free_port(), free_port()
        self.http_port, self.tls_port = free_port(), free_port()
        self.root = self.directory / "tls-cert.pem"  # trusted for HTTPS
        self.log_path = self.directory / "pebble.log"
        self.settings = settings or {}
        self.environment = {**os.environ, "PEBBLE_WFE_NONCEREJECT": str(nonce_reject),
                            "PEBBLE_AUTHZREUSE": str(authz_reuse), "PEBBLE_VA_NOSLEEP": "0" if sleep else "1",
                            # it sleeps a random number of seconds below this: by default all but never none
                            "PEBBLE_VA_SLEEPTIME": "10000" if sleep is True else str(sleep or 0),
                            "PEBBLE_ALTERNATE_ROOTS": str(alternates), "PEBBLE_CHAIN_LENGTH": str(chain_length)}
        self.process = None

    @property
    def url(self):
        return f"https://localhost:{self.port}/dir"

    def start(self):
        if not self.root.exists():
            make_tls_certificate(self.directory)
        config = {"listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management_port}",
                  "certificate": str(self.root), "privateKey": str(self.directory / "tls-key.pem"),
                  "httpPort": self.http_port, "tlsPort": self.tls_port, "ocspResponderURL": "",
                  "externalAccountBindingRequired": False, **self.settings}
        path = self.directory / "config.json"
        path.write_text(json.dumps({"pebble": config}))
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen([PROGRAM, "-strict", "-config", str(path), "-dnsserver", f"127.0.0.1:{self.stub.port}"],
                                        stdout=self.log, stderr=self.log, env=self.environment)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.get(self.url)
                return self
            except OSError:
                assert self.process.poll() is None, self.log_path.read_text()
                time.sleep(0.05)
        raise AssertionError("Pebble did not start:\n" + self.log_path.read_text())

    def get(self, url):
        context = ssl.create_default_context(cafile=self.root)
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            return answer.read()

    def issuing_root(self):
        """The root of the certificates it issues; another one at each start."""
        path = self.directory / "issuing-root.pem"
        path.write_bytes(self.get(f"https://localhost:{self.management_port}/roots/0"))
        return path

    def management(self, what, number):
        """Of the chain with that number, 0 being the first: its "roots", "intermediates" (the one that issues)."""
        return self.get(f"https://localhost:{self.management_port}/{what}/{number}")

    def requests(self, path):
        """How many requests for a path the log tells of, such as "/order-plz"."""
        return self.log_path.read_text().count(f" {path} ")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None
            self.log.close()

    def close(self):
        self.stop()


def make_tls_certificate(directory, names="DNS:localhost,IP:127.0.0.1", stem="tls"):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN=test {stem}", "-addext", f"subjectAltName={names}",
                    "-keyout", f"{directory}/{stem}-key.pem", "-out", f"{directory}/{stem}-cert.pem"],
                   check=True, capture_output=True)
    return pathlib.Path(directory) / f"{stem}-cert.pem"


class Client:
    """`cairn` with a state folder of its own, pointed at a CA."""

    def __init__(self, directory, ca, *, agree=True):
        self.directory = pathlib.Path(directory)
        self.ca = ca
        self.agree = agree

    def common(self):
        return ["--ca", self.ca.url, "--ca-file", str(self.ca.root), "--http-port", str(self.ca.http_port),
                *(["--agree-tos"] if self.agree else [])]

    def command(self, verb, *words):
        return [str(CAIRN), verb, *map(str, words), "--dir", str(self.directory)]

    def run(self, verb, *words, code=DONE, seconds=180, environment=None, **more):
        """Run it; the exit code must be `code`, None for any."""
        done = subprocess.run(self.command(verb, *words), capture_output=True, text=True, timeout=seconds,
                              env={**os.environ, **(environment or {})}, check=False, **more)
        assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        if "--json" in words and done.stdout.strip():
            schemas.check(done.stdout, verb, *words)
        return done

    def issue(self, *words, **more):
        return self.run("issue", *words, *self.common(), **more)

    def json(self, verb, *words, **more):
        return json.loads(self.run(verb, *words, "--json", **more).stdout)

    def live(self, name):
        return self.directory / "certificates" / name / "current"
