"""A CA and its perspectives on other hosts, each in a network of its own in which the same addresses may be somebody
else: what a hijacked route or name server looks like. The CA's network is connected to each of the others."""
import contextlib
import hashlib
import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import time

import acme_raw
import alpn
import house as house_module
from world import OTHER_V4, PUBLIC_V4, Dns, Namespace, Web, listen, proof

VALIDATION_SECONDS = 4
QUORUM_SECONDS = 8
PATIENCE_SECONDS = 120  # hang protection
CAA_NAME = "ca.example.test"  # of this CA
REGIONS = ["ripe", "ripe", "arin", "arin", "apnic"]


def set_option(directory, section, **values):
    """In cairn-ca.yaml, as its operator does."""
    path = directory / "cairn-ca.yaml"
    text = path.read_text()
    for name, value in values.items():
        text, count = re.subn(rf"(^{section}:\n(?:(?:  .*|#.*)?\n)*?  {name}:).*", rf"\1 {value}", text, flags=re.MULTILINE)
        assert count == 1, (section, name, text)
    path.write_text(text)


class Host:
    """What its network shows: name servers and web servers that know the same tokens as all others, unless a test says
    otherwise (`dns.nodes`, `scripts`)."""

    def __init__(self, tokens):
        self.scripts = {}
        self.namespace = Namespace()
        self.dns = Dns()
        self.web = Web([PUBLIC_V4, OTHER_V4], 80, self.scripts)
        self.web.tokens = tokens
        self.tls = alpn.Server([PUBLIC_V4], 443, listen)

    def prove_by_tls(self, host, digest):
        made = alpn.context([alpn.certificate(alpn.dns(host), digest)])
        self.tls.scripts[host] = lambda visit: made

    def close(self):
        self.tls.close()
        self.web.close()
        self.dns.close()


class Perspective(Host):
    def __init__(self, number, region, directory, pin, tokens):
        super().__init__(tokens)
        self.name, self.region, self.directory = f"p{number}", region, directory
        self.near, self.far = f"10.99.{number}.1", f"10.99.{number}.2"
        made = subprocess.run(
            [str(house_module.CAIRN_CA), "perspective", "init", "--dir", str(directory), "--name", self.name, "--region",
             region, "--listen", "0.0.0.0:8443", "--ca", pin, "--set", "validation.resolver=127.0.0.1", "--set",
             f"validation.timeout={VALIDATION_SECONDS}s", "--json"], check=True, capture_output=True, text=True)
        self.enrolment = json.loads(made.stdout)["add"]
        self.log_path = directory / "serve.log"
        self.process = None
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.start()
        self.namespace.close()  # back to the CA's
        subprocess.run(["ip", "-batch", "-"], check=True, text=True, input="\n".join([
            f"link add near{number} type veth peer name far netns {self.process.pid}",
            f"addr add {self.near}/24 dev near{number}", f"link set near{number} up"]))
        subprocess.run(["nsenter", "-t", str(self.process.pid), "-n", "ip", "-batch", "-"], check=True, text=True,
                       input=f"addr add {self.far}/24 dev far\nlink set far up")

    def start(self):
        """In the network of the thread that calls, or in its own where there is one already."""
        before = ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.home}"]
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen([*before, str(house_module.CAIRN_CA), "perspective", "serve", "--dir",
                                         str(self.directory)], stdout=self.log, stderr=self.log)

    def wait_ready(self, seconds=house_module.START_SECONDS):
        deadline = time.monotonic() + seconds
        while not re.search(r"^ready ", self.log_path.read_text(errors="replace"), re.MULTILINE):
            assert time.monotonic() < deadline and self.process.poll() is None, self.log_path.read_text()
            time.sleep(0.05)

    def kill(self):
        """As a power failure does it."""
        self.process.kill()
        self.process.wait()
        self.log.close()

    def children(self):
        """Role to process id."""
        text = open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read()
        return {open(f"/proc/{pid}/cmdline").read().split("\0")[2]: int(pid) for pid in text.split()}

    def freeze(self, how=signal.SIGSTOP):
        """It answers nothing, and its connections stay."""
        for pid in self.children().values():
            os.kill(pid, how)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.home)
        super().close()


class House(house_module.House):
    def arguments(self):
        return [str(house_module.CAIRN_CA), "serve", "--dir", str(self.directory)] + [
            word for setting in self.sets for word in ("--set", setting)]


class Network(Host):
    """The CA's, with everything else behind it. `regions`: of its perspectives."""

    def __init__(self, directory, regions=REGIONS):
        self.closers, self.perspectives = [], []
        super().__init__({})
        self.closers.append(self.namespace.close)
        self.closers.append(super().close)
        try:
            self.build(directory, regions)
        except BaseException:
            self.close()
            raise

    def build(self, directory, regions):
        self.house = House(directory / "ca", stub=self.dns, sets=[
            "authorization.lifetime=0", "order.hold=200ms", f"caa_identities={CAA_NAME}",
            "profiles.classic.caa_age=0s"])
        set_option(self.house.directory, "validation", resolver="127.0.0.1", timeout=f"{VALIDATION_SECONDS}s")
        set_option(self.house.directory, "quorum", mode="observe", timeout=f"{QUORUM_SECONDS}s")
        self.closers.append(self.house.close)
        pin = json.loads(self.command("perspective", "list", "--json"))["key"]
        self.house.start()
        for number, region in enumerate(regions, 1):
            made = Perspective(number, region, directory / f"p{number}", pin, self.web.tokens)
            self.perspectives.append(made)
            self.closers.append(made.close)
        for perspective in self.perspectives:
            perspective.wait_ready()
            self.enrol(perspective)
        set_option(self.house.directory, "quorum", mode="enforce")
        self.reload()
        client = acme_raw.Client(self.house.url, self.house.root)
        client.register()
        self.key, self.kid = client.key, client.kid

    def command(self, *words, check=True):
        return subprocess.run([str(house_module.CAIRN_CA), *words, "--dir", str(self.house.directory)], check=check,
                              capture_output=True, text=True, timeout=120).stdout

    def enrol(self, perspective):
        """By the line that it printed."""
        line = perspective.enrolment.replace("HOST", perspective.far).replace("DIR", str(self.house.directory))
        words = shlex.split(line)
        assert words[0] == "cairn-ca"
        done = subprocess.run([str(house_module.CAIRN_CA), *words[1:]], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and "connected to" in done.stdout, (done.stdout, done.stderr)

    def reload(self):
        mark = len(self.house.text())
        self.house.process.send_signal(signal.SIGHUP)
        self.house.wait_for_line(r"proc\.reloaded", since=mark)

    def client(self):
        made = acme_raw.Client(self.house.url, self.house.root, self.key)
        made.kid = self.kid
        return made

    def close(self):
        for closer in reversed(self.closers):
            closer()
        self.closers = []

    def publish(self, host, digest):
        """The name, and what proves it, are there, everywhere."""
        text = acme_raw.b64(digest)
        for place in [self, *self.perspectives]:
            place.dns.nodes[host] = {"A": [PUBLIC_V4]}
            place.dns.nodes[f"_acme-challenge.{host}"] = {"TXT": [[text.encode()]]}
            place.scripts[host] = proof
            place.prove_by_tls(host, digest)

    def prove(self, host, prepare=None, kind="http-01"):
        """An order for the name or address, with the world as it is or as `prepare` makes it: the challenge and the order
        as they became."""
        client = self.client()
        url, order = client.order(host)
        challenge = client.challenge(order["authorizations"][0], kind)
        proved = f'{challenge["token"]}.{client.key.thumbprint()}'
        self.web.tokens[challenge["token"]] = proved
        self.publish(host, hashlib.sha256(proved.encode()).digest())
        if prepare is not None:
            prepare()
        with contextlib.suppress(OSError, http.client.HTTPException):  # a test may kill who would answer
            client.post(challenge["url"], {})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                found = client.post(challenge["url"], None)
                if found.status == 200 and found.json["status"] in ("valid", "invalid"):
                    return found.json, client.post(url, None).json
                if found.json.get("status") == "pending":  # nobody answered, so nothing was promised
                    client.post(challenge["url"], {})
            assert time.monotonic() < deadline
            time.sleep(0.1)
            with contextlib.suppress(OSError):
                client.connect()

    def end(self):
        """Everything ends in order."""
        assert self.house.stop() == 0, self.house.text()[-6000:]
        for text in [self.house.text(), *(p.log_path.read_text(errors="replace") for p in self.perspectives)]:
            assert "AddressSanitizer" not in text and "runtime error" not in text, text[-6000:]


