"""Zones that cairn's dns-01 updates: knotd on two addresses, a resolver that remembers, and Pebble, in a network of their
own where port 53 is free."""
import base64
import os
import re
import subprocess
import types

import house as house_module
import judges
import knot
import pebble as pebble_module
import world as world_module
from exit_codes import FAILED, LATER, NETWORK, UNCHANGED, USAGE
from exit_codes import VALIDATION as NOT_PROVED

SECRET = b"what only name servers and one process of cairn know"
ALGORITHMS = ["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"]
PRIMARY, SECONDARY, NOBODY = "127.0.0.1", "127.0.0.2", "127.0.0.9"
WAIT_SECONDS = 60
HEAD = "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\nns1 A 127.0.0.1\n"
ZONES = {
    "dns.test": HEAD + "_acme-challenge.alias CNAME name.other.test.\n_acme-challenge.ours CNAME ours.other.test.\n_acme-challenge.round CNAME _acme-challenge.trip\n"
                       "_acme-challenge.trip CNAME _acme-challenge.round\n_acme-challenge.first CNAME _acme-challenge.next\n_acme-challenge.next CNAME next.other.test.\n"
                       "_acme-challenge.cut NS ns1\n_acme-challenge.far NS ns.far\nns.far.dns.test. A 127.0.0.2\n"
                       "_acme-challenge.shared TXT \"of somebody else\"\n_acme-challenge.shut CNAME x.shut.test.\n"
                       + "".join(f"_acme-challenge.big TXT \"{'x' * 200}{i}\"\n" for i in range(12)),
    "_acme-challenge.cut.dns.test": HEAD,
    "other.test": HEAD,
    "split.test": HEAD,
    "shut.test": HEAD,
    "wild.test": HEAD + "* CNAME name.other.test.\n",
    "moved.test": HEAD + "below DNAME other.test.\n",
    "two.test": HEAD + "@ NS ns2\nns2 A 127.0.0.2\n",
    "six.test": "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns AAAA ::1\n",
    "dead.test": HEAD + "@ NS ns9\nns9 A 127.0.0.9\n",
    "far.test": "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\n@ NS ns6\nns1 A 127.0.0.1\nns6 AAAA 2600:dead::1\n",
}


def keys():
    lines = ["key:"]
    for algorithm in ALGORITHMS:
        lines += [f"  - id: key-{algorithm}", f"    algorithm: {algorithm}",
                  f"    secret: {base64.b64encode(SECRET).decode()}"]
    lines += ["acl:", "  - id: update", "    action: update", f"    key: [ {', '.join('key-' + a for a in ALGORITHMS)} ]",
              "  - id: transfer", "    action: transfer", "    address: 127.0.0.0/8"]
    return "\n".join(lines) + "\n"


def zones_text(names, acl="[ update, transfer ]"):
    lines = ["zone:"]
    for name in names:
        lines += [f"  - domain: {name}", f"    file: {name}.zone",
                  f"    acl: {'transfer' if name == 'shut.test' else acl}"]
    return "\n".join(lines) + "\n"


class World:
    """Name servers at 127.0.0.1 (primary) and 127.0.0.2, Pebble, and a cairn for each test."""

    def __init__(self, folder, pebble=True):
        self.folder = folder
        self.closers = [world_module.Namespace().close]
        self.primary = knot.Server(folder / "primary", [PRIMARY, "::1"], keys() + zones_text(ZONES),
                                   {f"{name}.zone": text for name, text in ZONES.items()})
        self.closers.append(self.primary.stop)
        remote = f"remote:\n  - id: primary\n    address: {PRIMARY}@53\n"
        far = HEAD.replace("127.0.0.1", "127.0.0.2")
        own = zones_text(["_acme-challenge.far.dns.test", "split.test"])
        second = f"  - domain: two.test\n    master: primary\n    acl: transfer\n"
        self.secondary = knot.Server(folder / "secondary", [SECONDARY], keys() + remote + own + second,
                                     {"_acme-challenge.far.dns.test.zone": far, "split.test.zone": HEAD})
        self.closers.append(self.secondary.stop)
        self.catch_up()
        self.stub = types.SimpleNamespace(port=house_module.free_port(), stop=lambda: None)
        self.resolve()
        self.pebble = None
        if pebble:
            self.pebble = pebble_module.Pebble(folder / "pebble", stub=self.stub)
            self.closers.append(self.pebble.close)
            self.pebble.start()
        self.count = 0

    def resolve(self):
        """What both CAs and cairn ask: a resolver that remembers what was not there."""
        stubs = "".join(f"stub-zone:\n  name: {name}\n  stub-addr: {PRIMARY}\n" for name in ZONES)
        path = self.folder / "unbound.conf"
        path.write_text(f"server:\n  directory: \"{self.folder}\"\n  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n  use-syslog: no\n"
                        f"  interface: 127.0.0.1@{self.stub.port}\n  do-not-query-localhost: no\n  do-daemonize: no\n"
                        f"  local-zone: test. nodefault\n  module-config: iterator\n  root-hints: /dev/null\n{stubs}")
        self.resolver = knot.wait_for_port(subprocess.Popen(["unbound", "-d", "-c", path], stderr=subprocess.DEVNULL),
                                           PRIMARY, self.stub.port)
        self.closers.append(lambda: (self.resolver.terminate(), self.resolver.wait(30)))

    def catch_up(self):
        """The secondary gets what the primary has of two.test."""
        self.secondary.control("-b", "zone-retransfer", "two.test")

    def key(self, algorithm="hmac-sha256", name=None, secret=SECRET, form="{algorithm}:{name}:{secret}\n", mode=0o600):
        self.count += 1
        path = self.folder / f"key{self.count}"
        path.write_text(form.format(algorithm=algorithm, name=name or f"key-{algorithm}",
                                    secret=base64.b64encode(secret).decode()))
        path.chmod(mode)
        return path

    def client(self, ca=None):
        self.count += 1
        return pebble_module.Client(self.folder / f"client{self.count}", ca or self.pebble)

    def ways(self, *words, key=None, resolver=None, challenge="dns-01"):
        resolver = resolver or f"{PRIMARY}:{self.stub.port}"
        return ["--challenge", challenge, "--dns-key", key or self.key(), "--dns-resolver", resolver, *words]

    def texts(self):
        """What is left in any zone, beside what was always there."""
        left = [row for zone in ZONES for row in self.primary.texts(zone)]
        left += [row for zone in ("_acme-challenge.far.dns.test", "split.test") for row in self.secondary.texts(zone)]
        return [row for row in left if row[1] != "of somebody else" and not row[1].startswith("xxx")]

    def close(self):
        for closer in reversed(self.closers):
            closer()


def check(client, name, names, root=None):
    live = client.live(name)
    root = root or client.ca.issuing_root()
    for each in names:
        judges.output(["openssl", "verify", "-verify_hostname", each.replace("*", "any"), "-CAfile", root, "-untrusted",
                       live / "chain.pem", live / "cert.pem"])


def journal(client):
    return sorted((client.directory / "dns-01").glob("*.json")) if client.directory.exists() else []


class Running:
    """A cairn that is looked at while it works."""

    def __init__(self, client, *words, environment=None):
        self.process = subprocess.Popen(client.command("issue", *words, *client.common()), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, bufsize=1, env={**os.environ, **(environment or {})})
        self.lines = []

    def until(self, pattern):
        for line in self.process.stdout:
            self.lines.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"no line like {pattern}: {self.lines} {self.process.stderr.read()}")

    def end(self):
        out, error = self.process.communicate(timeout=WAIT_SECONDS)
        assert "AddressSanitizer" not in error and "runtime error" not in error, error
        return self.process.returncode, "".join(self.lines) + out, error
