#!/usr/bin/python3
"""What a validation costs: CPU time of the validator by challenge type and DNSSEC state, memory of one under way, and how
long good ones take beside others that hang.

usage: run_validation.py [--build DIR] [--count N] [--markdown FILE]

Takes root: everything is in a network namespace of its own, with knotd in the place of the root servers and of the
resolver that is forwarded to, another root key in a mount namespace, and a web server that has every proof. The
validator is the real process; this program stands in the place of its front and asks it directly, 16 questions at a
time, each about another name, whose DNS nobody has in a cache. Only what was started here is ended.
"""
import argparse
import base64
import ctypes
import hashlib
import os
import pathlib
import resource
import selectors
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/flow"), str(ROOT / "bench")]
CLONE_NEWNS, PR_SET_PDEATHSIG = 0x20000, 1
AT_ONCE = 16
TOKEN, PROOF = "t" * 22, "t" * 22 + ".key"
ACCOUNT, ISSUER = "https://ca.test/acme/account/1", "ca.example.test"
HTTP_01, DNS_01, TLS_ALPN_01, DNS_ACCOUNT_01, DNS_PERSIST_01 = range(5)  # src/core/acme/terms.def
HANGING = 200
ROUNDS = 5
SILENT = "silent.test. NS ns.silent.test.\nns.silent.test. A 127.0.0.77\n"
RESERVED_DESCRIPTORS = 8  # numbers that the validator's channels get


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--count", type=int, default=1000, help="validations of each row")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the tables here as well")
    return parser.parse_args()


# ---- the world ----

def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def names_of(count):
    """Records of every name that is asked for."""
    digest = b64(hashlib.sha256(PROOF.encode()).digest())
    label = "_" + base64.b32encode(hashlib.sha256(ACCOUNT.encode()).digest()[:10]).decode().lower()
    lines = [f'@ CAA 0 issue "{ISSUER}"', "www A 127.0.0.1"]
    for n in range(count):
        lines += [f"n{n} A 127.0.0.1", f'_acme-challenge.n{n} TXT "{digest}"', f'{label}._acme-challenge.n{n} TXT "{digest}"',
                  f'_validation-persist.n{n} TXT "{ISSUER}; accounturi={ACCOUNT}"']
    return "\n".join(lines) + "\n"


def alpn_context(folder):
    """A server's side of TLS that has a certificate for every name it is asked for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    import datetime
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "ACME")])
    now = datetime.datetime.utcnow()
    mark = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"),
                                      b"\x04\x20" + hashlib.sha256(PROOF.encode()).digest())
    path = folder / "alpn.pem"

    def context_of(name):
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                .serial_number(7).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False).add_extension(mark, True)
                .sign(key, hashes.SHA256()))
        path.write_bytes(made.public_bytes(Encoding.PEM) +
                         key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["acme-tls/1"])
        context.load_cert_chain(path)
        return context

    def choose(secured, name, _):
        secured.context = context_of(name)
    whole = context_of("any.test")
    whole.sni_callback = choose
    return whole


def serve_web(http, tls, context):
    """Both servers, in a process of their own until it is killed."""
    answer = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(PROOF)}\r\n\r\n{PROOF}".encode()

    def serve_tls():
        while True:
            connection, _ = tls.accept()
            connection.settimeout(10)
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                connection.close()
    threading.Thread(target=serve_tls, daemon=True).start()
    poll = selectors.DefaultSelector()
    poll.register(http, selectors.EVENT_READ)
    while True:
        for key, _ in poll.select():
            if key.fileobj is http:
                connection, _ = http.accept()
                poll.register(connection, selectors.EVENT_READ)
                continue
            if key.fileobj.recv(4096):
                key.fileobj.sendall(answer)
            poll.unregister(key.fileobj)
            key.fileobj.close()


class World:
    def __init__(self, folder, count):
        import test_dnssec
        import world as world_module
        more = names_of(count)

        class Zones(test_dnssec.Zones):
            def write(self, zone, content):
                extra = {"good.test": more, "unsigned.test": more, "test": SILENT}
                super().write(zone, content + extra.get(zone, ""))

        self.namespace = world_module.Namespace()
        self.listen = world_module.listen
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["ip", "-batch", "-"], text=True, check=True,
                       input="".join(f"addr add {a}/32 dev lo\n" for a in test_dnssec.ROOT_SERVERS))
        self.zones = Zones(folder)
        subprocess.run(["mount", "--bind", folder / "root.key", "/usr/share/dns/root.key"], check=True)
        http, tls = self.listen("127.0.0.1", 80, 1024), self.listen("127.0.0.1", 443, 1024)
        context = alpn_context(folder)
        self.web = os.fork()
        if self.web == 0:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            serve_web(http, tls, context)
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # a resolver that never answers
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):  # knotd has the rest of port 53
            self.silent.setsockopt(socket.SOL_SOCKET, option, 1)
        self.silent.bind(("127.0.0.77", 53))

    def close(self):
        os.kill(self.web, signal.SIGKILL)
        os.waitpid(self.web, 0)
        self.zones.stop()


# ---- the validator ----

def cpu_us(pid):
    return sum(int(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1000


def rss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


class Asker:
    """A validator, and questions to it."""

    def __init__(self, *sets):
        import test_validator
        self.module = test_validator
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.validator = test_validator.Validator(pathlib.Path(self.folder.name) / "ca",
                                                  "validation.allow_networks=127.0.0.0/8", *sets)
        self.pid = self.validator.process.pid
        self.number = 0

    def close(self):
        self.validator.close()
        self.folder.cleanup()

    def ask(self, name, kind, purpose=0, identities="", **more):
        self.number += 1
        proof = ACCOUNT if kind == DNS_PERSIST_01 else PROOF
        self.validator.front.ours.sendall(self.module.check(
            self.number, name=name, proof=proof, kind=kind, purpose=purpose, account=ACCOUNT, identities=identities, **more))
        return self.number

    def run(self, questions, at_once=AT_ONCE):
        """CPU us of each, and their times in ms. All must be valid."""
        begun, times, waiting = {}, [], list(reversed(questions))
        before = cpu_us(self.pid)
        while waiting or begun:
            while waiting and len(begun) < at_once:
                number = self.ask(**waiting.pop())
                begun[number] = time.monotonic()
            number, valid, _, detail = self.validator.front.verdict()
            if number not in begun:
                continue
            assert valid, detail
            times.append(1000 * (time.monotonic() - begun.pop(number)))
        return (cpu_us(self.pid) - before) / len(questions), sorted(times)


def percentile(times, share):
    return times[min(len(times) - 1, int(share * len(times)))]


def questions(count, zone, **what):
    return [dict(name=f"n{n}.{zone}", **what) for n in range(count)]


# ---- the tables ----

def costs(count):
    forwarding = ("validation.resolver=127.0.0.1:53",)
    rows = [["validation", "resolver", "zone", "CPU us", "p50 ms", "p99 ms"]]
    types = [("http-01", dict(kind=HTTP_01)), ("dns-01", dict(kind=DNS_01)), ("dns-account-01", dict(kind=DNS_ACCOUNT_01)),
             ("tls-alpn-01", dict(kind=TLS_ALPN_01)), ("CAA alone", dict(kind=HTTP_01, purpose=1, identities=ISSUER)),
             ("http-01, then CAA", dict(kind=HTTP_01, identities=ISSUER)),
             ("dns-persist-01, then CAA", dict(kind=DNS_PERSIST_01, identities=ISSUER))]
    places = [("forwarding", "unsigned.test", "not looked at", forwarding), ("own", "unsigned.test", "unsigned", ()),
              ("own", "good.test", "signed, ECDSA P-256", ())]
    for resolver, zone, state, sets in places:
        for name, what in types:
            asked = questions(count, zone, **what)
            asker = Asker(*sets)
            try:
                asker.run(asked[:1])  # what is opened once
                cpu, times = asker.run(asked[1:])
            finally:
                asker.close()
            rows.append([name, resolver, state, f"{cpu:.0f}", f"{percentile(times, .5):.1f}", f"{percentile(times, .99):.1f}"])
            print("  ".join(rows[-1]), file=sys.stderr, flush=True)
    return rows


def memory(world, count):
    rows = [["under way", "checks", "KiB each"]]
    for what, sets, name in [("a lookup that is not answered", ("validation.resolver=127.0.0.77:53",), "n{}.unsigned.test"),
                             ("a connection that is not answered", ("validation.connections_per_target=10000",), "127.0.3.{}")]:
        listeners = [] if "unsigned" in name else [world.listen(name.format(n), 80, 1024) for n in range(1, 101)]
        asker = Asker("validation.timeout=1m", *sets)
        try:
            asker.ask(name.format(1), HTTP_01)
            time.sleep(1)
            before = rss_kib(asker.pid)
            for n in range(count):
                asker.ask(name.format(n if "unsigned" in name else n % 100 + 1), HTTP_01)
            time.sleep(3)
            rows.append([what, count, f"{(rss_kib(asker.pid) - before) / count:.1f}"])
        finally:
            asker.close()
            for listener in listeners:
                listener.close()
    return rows


def beside(world):
    """Good ones alone, and beside those that hang: 100 at one address, 50 at as many, 50 in the DNS."""
    rows = [["200 good ones", "p50 ms", "p99 ms"]]
    listeners = [world.listen(f"127.0.4.{n}", 80, 1024) for n in range(1, 101)]
    good = questions(ROUNDS * HANGING, "unsigned.test", kind=HTTP_01)
    hanging = [f"127.0.4.{n}" for n in range(1, 51)] + ["127.0.4.60"] * 100
    for kind in ("alone", f"beside {HANGING} that hang"):
        asker = Asker("validation.timeout=1m")
        try:
            asker.run([dict(name="www.unsigned.test", kind=HTTP_01)])
            if kind != "alone":
                for address in hanging:
                    asker.ask(address, HTTP_01)
                for n in range(50):
                    asker.ask(f"n{n}.silent.test", HTTP_01)
                time.sleep(1)
            times = [asker.run(good[n * HANGING:(n + 1) * HANGING])[1] for n in range(ROUNDS)]
            rows.append([kind, *(f"{statistics.median(percentile(round_times, share) for round_times in times):.1f}"
                                 for share in (.5, .99))])
        finally:
            asker.close()
    for listener in listeners:
        listener.close()
    return rows


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("the namespaces take root")
    os.environ["CAIRN_BUILD"] = str(options.build.resolve())
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for _ in range(RESERVED_DESCRIPTORS):
        os.open("/dev/null", os.O_RDONLY)
    import run_issue
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        world = World(pathlib.Path(folder), max(options.count, ROUNDS * HANGING) + 1)
        try:
            tables = [costs(options.count), memory(world, min(options.count, 1000)), beside(world)]
        finally:
            subprocess.run(["umount", "/usr/share/dns/root.key"], check=False)
            world.close()
    text = "\n\n".join([run_issue.machine(run_issue.verify_us(0)), *map(run_issue.table, tables)]) + "\n"
    print(text)
    if options.markdown:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
