"""The DNS from the root down, in one network namespace: knotd has the root and test., signed; nsd has zones below that are
signed, unsigned or broken in one way each; a server of these tests has a zone where it does everything wrong. The root's key
is another one than the world's, so the file with it is another one too, in a mount namespace."""
import contextlib
import re
import socket
import subprocess
import threading
import types

import acme_raw
import world as world_module
from knot import run_until_it_answers
from test_dnssec import CONFIG, HEAD, ROOT_SERVERS, digests, keymgr

ROOT = ROOT_SERVERS[0]
NSD, LIAR, OTHER = "11.22.33.55", "11.22.33.99", "11.22.33.66"
NSD_CONFIG = """
server:
    ip-address: {address}@53
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: "{folder}/nsd.pid"
    xfrdfile: "{folder}/xfrd.state"
    zonelistfile: "{folder}/zone.list"
    server-count: 1
remote-control:
    control-enable: no
"""


def run(*words, cwd=None):
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


class Signed:
    """A zone for nsd. `content` is what it has beside SOA and NS, `words` are arguments of ldns-signzone, `spoil` changes
    the lines of the signed zone, and `ds` the data of the DS record above (None: there is none)."""

    def __init__(self, folder, name, content, words=(), spoil=None, ds=None, sign=True):
        self.name, self.file = name, folder / f"nsd.{name}"
        text = HEAD.replace("ns.test.", "ns2.test.") + "@ NS ns2.test.\n" + content
        self.file.write_text(f"$ORIGIN {name}.\n" + text)
        self.ds = None
        if not sign:
            self.ds = ds(None) if ds else None
            return
        key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name, cwd=folder).strip()
        self.ds = run("ldns-key2ds", "-n", "-2", f"{key}.key", cwd=folder).split("DS", 1)[1].strip()
        if ds:
            self.ds = ds(self.ds)
        run("ldns-signzone", *words, "-f", f"nsd.{name}.signed", f"nsd.{name}", key, cwd=folder)
        self.file = folder / f"nsd.{name}.signed"
        if spoil:
            self.file.write_text("".join(line for line in map(spoil, self.file.read_text().splitlines(True)) if line))


class Liar(world_module.Dns):
    """Nobody waits here for others. A node may answer from another address."""

    def serve_datagrams(self, s):
        with contextlib.suppress(OSError):
            while True:
                message, peer = s.recvfrom(4096)
                if len(message) >= 17:
                    threading.Thread(target=self.reply, args=[s, message, peer], daemon=True).start()
                elif s.fileno() < 0 or not message:
                    return

    def reply(self, s, message, peer):
        with contextlib.suppress(OSError):
            reply = self.answer(message, "udp")
            node = self.nodes.get(world_module.Question(message, "udp").name)
            if reply is None:
                return
            if not isinstance(node, dict) or "from" not in node:
                s.sendto(reply, peer)
                return
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                other.bind((node["from"], 53))
                other.sendto(reply, peer)


class Authorities:
    """`zones` are delegated by test. or, if their names do not end so, by the root."""

    def __init__(self, folder, zones):
        self.folder, self.closers = folder, []
        self.start_nsd(zones)
        self.start_knot([zone for zone in zones if zone.name.endswith(".test")],
                        [zone for zone in zones if not zone.name.endswith(".test")])
        self.liar = Liar(LIAR)
        self.closers.append(self.liar.close)

    def start_nsd(self, zones):
        text = NSD_CONFIG.format(address=NSD, folder=self.folder)
        text += "".join(f'zone:\n    name: "{zone.name}"\n    zonefile: "{zone.file}"\n' for zone in zones)
        (self.folder / "nsd.conf").write_text(text)
        process = run_until_it_answers(["nsd", "-d", "-c", self.folder / "nsd.conf"], 53, NSD)
        self.closers.append(lambda: (process.terminate(), process.wait(30)))

    def start_knot(self, zones, special):
        addresses = ", ".join(f"{address}@53" for address in [*ROOT_SERVERS, "127.0.0.1"])
        config = CONFIG.format(folder=self.folder).replace("listen: 0.0.0.0@53", f"listen: [{addresses}]")
        for zone in (".", "test"):
            config += f"  - domain: {zone}\n    file: zone.{zone}\n    dnssec-signing: on\n    dnssec-policy: signed\n"
        (self.folder / "knot.conf").write_text(config)
        for zone in (".", "test"):
            keymgr(self.folder, zone, "generate", "algorithm=13", "ksk=yes", "zsk=yes")
        below = "".join(f"{zone.name}. NS ns2\n" + (f"{zone.name}. DS {zone.ds}\n" if zone.ds else "") for zone in zones)
        self.write("test", f"@ NS ns\nns A {ROOT}\nns2 A {NSD}\nns3 A {LIAR}\nhostile NS ns3\n{below}")
        special = "".join(f"{zone.name}. NS ns2.test.\n" for zone in special)
        self.write(".", f"@ NS a.root-servers.net.\na.root-servers.net. A {ROOT}\ntest. NS ns.test.\nns.test. A {ROOT}\n"
                        f"{special}test. DS {digests(self.folder, 'test')}\n")
        (self.folder / "root.key").write_text(f". IN DS {digests(self.folder, '.')}\n")
        process = run_until_it_answers(["knotd", "-c", self.folder / "knot.conf"], 53, ROOT)
        self.closers.append(lambda: (process.terminate(), process.wait(30)))

    def write(self, zone, content):
        (self.folder / f"zone.{zone}").write_text(HEAD + content)

    def close(self):
        for closer in reversed(self.closers):
            closer()


def mounted(root_key):
    """A CA whose validator finds that key at the place of the root's."""
    return ["unshare", "--mount", "sh", "-c", f'mount --bind "{root_key}" /usr/share/dns/root.key && exec "$@"', "sh"]


class Place:
    """All of it and a CA that resolves from the root. `build` gives the zones when the account's URL is known, which their
    records have: nothing changes afterwards, so that they can be signed beforehand."""

    def __init__(self, folder, extra, build):
        self.closers = []
        try:
            self.closers.append(world_module.Namespace().close)
            run("ip", "link", "set", "lo", "up")
            for address in ROOT_SERVERS:
                run("ip", "addr", "add", f"{address}/32", "dev", "lo")
            self.house = world_module.House(folder / "ca", stub=types.SimpleNamespace(port=0), sets=[
                "validation.timeout=10s", "authorization.lifetime=0", "order.hold=200ms"])
            path = self.house.directory / "cairn-ca.yaml"
            path.write_text(re.sub(r"(?ms)^directories:\n(^ .*?\n)*", "", path.read_text()) + extra)
            (folder / "root.key").touch()
            self.house.arguments_before = mounted(folder / "root.key")
            self.closers.append(self.house.close)
            self.build(folder, build)
        except BaseException:
            self.close()
            raise

    def build(self, folder, build):
        """The CA is started twice: for its account's URL, and when the root's key is there."""
        self.house.start()
        client = acme_raw.Client(self.house.url, self.house.root)
        client.register()
        self.key, self.kid = client.key, client.kid
        assert self.house.stop() == 0, self.house.text()
        self.authorities = Authorities(folder, build(folder, self.kid))
        self.closers.append(self.authorities.close)
        self.house.start()

    def client(self):
        made = acme_raw.Client(self.house.url, self.house.root, self.key)
        made.kid = self.kid
        return made

    def close(self):
        for closer in reversed(self.closers):
            closer()
        self.closers = []

