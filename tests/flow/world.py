"""A small Internet for the validator: a network namespace with addresses of all kinds, a DNS server and web servers
that say what a test tells them to. Written from RFC 1035 and RFC 9112."""
import contextlib
import ctypes
import datetime
import hashlib
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
import unicodedata

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import acme_raw
import house as house_module
from listeners import Listeners

CLONE_NEWNET = 0x40000000

# what has an address here, so that a refusal is the validator's and not the network's
PUBLIC_V4 = "11.22.33.44"
PUBLIC_V6 = "2600:beef::1"
OTHER_V4 = "11.22.33.55"
REFUSING_V4 = "11.22.33.99"  # nobody listens
REFUSING_V6 = "2600:beef::99"
SILENT_V4 = "11.22.33.66"  # a queue that is full: no answer to a SYN
SILENT_V6 = "2600:beef::66"
TIMEOUT_SECONDS = 6  # of one validation
RESERVED = ["10.77.0.1", "100.64.0.7", "169.254.7.7", "172.16.7.7", "192.0.2.7", "192.168.7.7", "198.18.0.7",
            "198.51.100.7", "203.0.113.7", "fd00:7::7", "2001:db8::7", "fec0::7", "64:ff9b:1::7", "5f00::7", "3fff::7"]
ALLOWED = ["127.0.0.0/8", "10.88.0.0/16", "fd00:8::/32"]
ALLOWED_V4 = "10.88.0.1"
ALLOWED_V6 = "fd00:8::1"
DEAF_V6, NO_TLS_V6 = "fd00:8::2", "fd00:8::3"


class Namespace:
    """This thread, and what it starts, in a network of its own until close()."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if self.libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        lines = ["link set lo up"]
        for address in [PUBLIC_V4, PUBLIC_V6, OTHER_V4, REFUSING_V4, REFUSING_V6, SILENT_V4, SILENT_V6, ALLOWED_V4,
                        ALLOWED_V6, DEAF_V6, NO_TLS_V6, *RESERVED]:
            lines.append(f"addr add {address}/128 dev lo nodad" if ":" in address else f"addr add {address}/32 dev lo")
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)

    def close(self):
        if self.libc.setns(self.home, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(self.home)


def listen(address, port, backlog=1024):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, port))
    s.listen(backlog)
    return s


def stuff(address, port):
    """A listener whose queue is full: connecting to it times out. Keep what is returned."""
    s = listen(address, port, 0)
    fillers = []
    for _ in range(3):
        filler = socket.socket(s.family)
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            filler.connect((address, port))
        fillers.append(filler)
    return [s, *fillers]


# ---- DNS ----

TYPES = {"A": 1, "CNAME": 5, "TXT": 16, "AAAA": 28, "CAA": 257}
NAMES = {number: name for name, number in TYPES.items()}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5


def dns_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".") if label) + b"\0"


class Question:
    """One query; `end` is behind its question."""

    def __init__(self, message, transport):
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1").lower())
            at += 1 + message[at]
        number, _ = struct.unpack("!HH", message[at + 1:at + 5])
        self.name, self.kind, self.transport = ".".join(labels), NAMES.get(number, str(number)), transport
        self.message, self.end = message, at + 5


class Dns:
    """`nodes` says what a name is: {"A": [...], "AAAA": [...], "TXT": [[octets, ...], ...],
    "CAA": [(flags, tag, value), ...], "CNAME": name, "rcode": number, "silent": True or a
    type, "cut": True, "raw": function(question) -> message}; or a function of the question that gives such a node, or
    None for silence; over TCP an empty message is a connection that is reset. Names that are no node but end with one of `suffixes` are that. All others do not exist."""

    def __init__(self, address="127.0.0.1", port=53):
        self.nodes, self.suffixes, self.asked = {}, {}, []
        self.address = address
        self.open(port)

    def open(self, port):
        self.streams = listen(self.address, port)
        self.port = self.streams.getsockname()[1]
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        try:
            self.datagrams.bind((self.address, self.port))
        except OSError:
            self.close()
            if port != 0:
                raise
            self.open(0)  # somebody has that number over UDP
            return
        threading.Thread(target=self.serve_datagrams, args=[self.datagrams], daemon=True).start()
        threading.Thread(target=self.serve_streams, args=[self.streams], daemon=True).start()

    def close(self):
        for s in (self.datagrams, self.streams):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def serve_datagrams(self, s):
        while True:
            try:
                message, peer = s.recvfrom(4096)
            except OSError:
                return
            if len(message) < 17:  # a socket shut down, or no query
                if s.fileno() < 0 or not message:
                    return
                continue
            reply = self.answer(message, "udp")
            if reply is not None:
                with contextlib.suppress(OSError):
                    s.sendto(reply, peer)

    def serve_streams(self, s):
        while True:
            try:
                connection, _ = s.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_stream, args=[connection], daemon=True).start()

    def serve_stream(self, connection):
        with connection, contextlib.suppress(OSError, struct.error), connection.makefile("rb") as reader:
            while size := reader.read(2):
                reply = self.answer(reader.read(struct.unpack("!H", size)[0]), "tcp")
                if reply == b"":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                if reply is not None:
                    connection.sendall(struct.pack("!H", len(reply)) + reply)

    def node(self, question):
        node = self.nodes.get(question.name)
        if node is None:
            node = next((node for suffix, node in self.suffixes.items() if question.name.endswith(suffix)),
                        {"rcode": NXDOMAIN})
        return node(question) if callable(node) else node

    def answer(self, message, transport):
        question = Question(message, transport)
        self.asked.append((question.name, question.kind, transport))
        node = self.node(question)
        if node is None or node.get("silent") is True or node.get("silent") == question.kind:
            return None
        if "raw" in node:
            return node["raw"](question)
        if node.get("cut") and transport == "udp":
            return head(question, NOERROR, 0, cut=True) + message[12:question.end]
        records, owner, rcode = [], question.name, node.get("rcode", NOERROR)
        for _ in range(16):  # as far as this server knows the chain
            if "CNAME" not in node:
                break
            records.append(record(owner, "CNAME", dns_name(node["CNAME"])))
            owner = node["CNAME"]
            node = self.nodes.get(owner, {"rcode": NXDOMAIN})
            rcode = node.get("rcode", NOERROR)
        family = socket.AF_INET6 if question.kind == "AAAA" else socket.AF_INET
        for address in node.get(question.kind, []) if question.kind in ("A", "AAAA") else []:
            records.append(record(owner, question.kind, socket.inet_pton(family, address)))
        for strings in node.get("TXT", []) if question.kind == "TXT" else []:
            records.append(record(owner, "TXT", b"".join(bytes([len(s)]) + s for s in strings)))
        for flags, tag, value in node.get("CAA", []) if question.kind == "CAA" else []:
            records.append(record(owner, "CAA", bytes([flags, len(tag)]) + tag.encode() + value.encode()))
        if transport == "udp" and len(b"".join(records)) > 1000:
            return head(question, NOERROR, 0, cut=True) + message[12:question.end]
        return head(question, rcode, len(records)) + message[12:question.end] + b"".join(records)


def head(question, rcode, answers, cut=False):
    recursion = question.message[2] & 1
    flags = 0x8480 | recursion << 8 | (0x200 if cut else 0) | rcode
    return question.message[:2] + struct.pack("!HHHHH", flags, 1, answers, 0, 0)


def record(owner, kind, data, ttl=300):
    return dns_name(owner) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data


# ---- the web ----

class Request:
    def __init__(self, text, address, port, tls):
        lines = text.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.method, self.path, self.version = lines[0].split(" ")
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:] if line]
        self.address, self.port, self.tls = address, port, tls
        self.host = self.header("host")

    def header(self, name):
        return next((value for n, value in self.headers if n.lower() == name), None)

    @property
    def token(self):
        return self.path.partition("?")[0].rpartition("/")[2]


def response(status, body=b"", headers=(), length=True):
    if isinstance(body, str):
        body = body.encode()
    text = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    if length:
        text += f"Content-Length: {len(body)}\r\n"
    return text.encode("latin-1") + b"\r\n" + body


class Web(Listeners):
    """Servers on some addresses and one port. `scripts`: host (of the Host header) to function(web, request,
    connection), which returns the octets to send, or None when it has sent all itself."""

    def __init__(self, addresses, port, scripts, tls=None):
        self.scripts, self.tls = scripts, tls
        self.tokens, self.hits = {}, []
        super().__init__(addresses, port, listen)

    def serve(self, connection):
        with contextlib.suppress(OSError, ValueError), connection:
            address, port = connection.getsockname()[:2]
            connection.settimeout(60)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            text = b""
            while b"\r\n\r\n" not in text:
                piece = connection.recv(65536)
                if not piece:
                    return
                text += piece
            request = Request(text[:text.index(b"\r\n\r\n")], address, port, self.tls is not None)
            self.hits.append(request)
            script = self.scripts.get(request.host, missing)
            reply = script(self, request, connection)
            if reply is not None:
                connection.sendall(reply)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)
            connection.close()


class Parrot:
    """Says the same to everybody, whatever they say, and keeps the connection open."""

    def __init__(self, address, port, octets):
        self.socket, self.octets, self.open = listen(address, port), octets, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                self.open.append(self.socket.accept()[0])
            except OSError:
                return
            with contextlib.suppress(OSError):
                self.open[-1].sendall(self.octets)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        for s in [self.socket, *self.open]:
            s.close()


def missing(web, request, connection):
    return response(404, "no such host here")


def proof(web, request, connection):
    """What is asked for."""
    return response(200, web.tokens.get(request.token, ""))


def say(reply):
    return lambda web, request, connection: reply


def redirect(status, location, *more):
    return say(response(status, b"moved", [("Location", location), *more]))


def onward(place, status=302, *more):
    """A redirect to the same path at another place."""
    return lambda web, request, connection: redirect(status, place + request.path, *more)(web, request, connection)


def hang(web, request, connection):
    """Nothing more is said; the validator gives up."""
    connection.recv(1)


def bad_certificate(folder, name="other.invalid"):
    """A server's TLS context whose certificate is everything but good: expired, for another name, self-signed, of a
    short key, with SHA-1."""
    key = rsa.generate_private_key(65537, 1024)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(1).not_valid_before(datetime.datetime(2001, 1, 1))
            .not_valid_after(datetime.datetime(2002, 1, 1))
            .sign(key, hashes.SHA1()))
    path = folder / f"{name}.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM) +
                     key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(path)
    return context


def control_free(text):
    """Safe to print: nothing that moves the cursor, ends the line or turns the direction of text."""
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or
                   unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
                   for c in text)


# ---- the CA in it ----

class House(house_module.House):
    def arguments(self):
        return [str(house_module.CAIRN_CA), "serve", "--dir", str(self.directory)] + [
            word for setting in self.sets for word in ("--set", setting)]


class World:
    """The CA, its DNS and the web, in one namespace."""

    def __init__(self, directory):
        self.closers = []
        try:
            self.build(directory)
        except BaseException:
            self.close()
            raise

    def build(self, directory):
        self.namespace = Namespace()
        self.closers.append(self.namespace.close)
        self.dns = Dns()
        self.closers.append(self.dns.close)
        self.scripts = {}
        addresses = ["127.0.0.1", "::1", PUBLIC_V4, PUBLIC_V6, OTHER_V4, ALLOWED_V4, ALLOWED_V6, *RESERVED]
        self.web = Web(addresses, 80, self.scripts)
        self.closers.append(self.web.close)
        tls = bad_certificate(directory)
        self.secure = Web([PUBLIC_V4, PUBLIC_V6], 443, self.scripts, tls)
        self.closers.append(self.secure.close)
        self.elsewhere = Web([PUBLIC_V4, PUBLIC_V6], 8080, self.scripts)
        self.closers.append(self.elsewhere.close)
        self.secure.tokens = self.elsewhere.tokens = self.web.tokens
        for address, octets in ((NO_TLS_V6, b"HTTP/1.1 400 What?\r\n\r\n"), (DEAF_V6, b"")):
            self.closers.append(Parrot(address, 443, octets).close)
        self.closers.append(Web([ALLOWED_V4], 443, self.scripts, tls).close)
        self.stuffed = stuff(SILENT_V4, 80) + stuff(SILENT_V6, 80)
        self.serve(directory / "ca", "validation.resolver=127.0.0.1",
                   "validation.allow_networks=" + ",".join(ALLOWED))

    def serve(self, directory, *sets):
        """A CA; where it goes is up to `sets`. A name proved once is proved anew each time: that is looked at here."""
        self.house = House(directory, stub=self.dns, sets=[
            f"validation.timeout={TIMEOUT_SECONDS}s", "order.hold=200ms", "log.level=notice",
            "authorization.lifetime=0", *sets])
        self.closers.append(self.house.close)
        # of no account to a validator
        proxies = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        self.house.start(environment={name: "http://127.0.0.1:9/" for name in proxies})
        client = acme_raw.Client(self.house.url, self.house.root)
        client.register()
        self.key, self.kid = client.key, client.kid

    def end(self):
        """The CA ends in order, and none of its processes died on the way."""
        assert self.house.stop() == 0, self.house.text()[-6000:]
        text = self.house.text()
        assert "AddressSanitizer" not in text and "runtime error" not in text, text[-6000:]
        assert "supervisor.child" not in text, text[-6000:]

    def client(self):
        made = acme_raw.Client(self.house.url, self.house.root, self.key)
        made.kid = self.kid
        return made

    def close(self):
        for closer in reversed(self.closers):
            closer()
        self.closers = []

    def set_up(self, nodes, scripts):
        self.dns.nodes.update(nodes)
        self.scripts.update(scripts)

    def prove(self, host, seconds=3 * TIMEOUT_SECONDS, publish=None):
        """An order for one name, answered as the world is. With `publish`, by dns-01: that is called with the text for
        the record, and the key authorization."""
        client = self.client()
        url, order = client.order(host)
        authorization = order["authorizations"][0]
        challenge = client.challenge(authorization, "http-01" if publish is None else "dns-01")
        proved = f'{challenge["token"]}.{self.key.thumbprint()}'
        self.web.tokens[challenge["token"]] = proved
        if publish is not None:
            publish(acme_raw.b64(hashlib.sha256(proved.encode()).digest()), proved)
        answer = client.post(challenge["url"], {})
        assert answer.status == 200, answer
        final = client.poll(challenge["url"], ("valid", "invalid"), tries=10 * seconds).json
        # at once, without another look
        return Result(self, host, final, client.post(authorization, None).json, client.post(url, None).json)


class Result:
    def __init__(self, world, host, challenge, authorization, order):
        self.host, self.challenge, self.authorization, self.order = host, challenge, authorization, order
        self.error = challenge.get("error", {})
        self.detail = self.error.get("detail", "")
        self.shown = challenge.get("validationRecord")
        self.evidence = world.house.evidence(challenge["url"])
        self.record = self.evidence["perspectives"][0]["steps"] if self.evidence else None
        self.asked = [a for a in world.dns.asked if a[0] == host or a[0].endswith("." + host)]
        self.hits = [hit for web in (world.web, world.secure, world.elsewhere) for hit in web.hits
                     if hit.token == challenge["token"] or f"{challenge['token']}" in hit.path]

    def must_be(self, problem, words):
        assert self.record and isinstance(self.record, list), self.challenge
        assert len(json.dumps(self.record)) <= 16384
        if problem is None:
            assert self.challenge["status"] == "valid", self.challenge
            assert "error" not in self.challenge
            time.strptime(self.challenge["validated"], "%Y-%m-%dT%H:%M:%SZ")
            assert self.authorization["status"] == "valid" and self.order["status"] == "ready"
            assert self.authorization["challenges"] == [self.challenge]
            self.check_shown()
            return
        assert self.challenge["status"] == "invalid", self.challenge
        assert self.error["type"] == "urn:ietf:params:acme:error:" + problem, self.error
        assert self.error["status"] == {"unauthorized": 403}.get(problem, 400)
        assert "validated" not in self.challenge
        for word in words:
            assert word.format(host=self.host) in self.detail, (word, self.detail)
        assert control_free(self.detail), self.detail
        assert len(self.detail.encode()) < 768
        assert all(control_free(text) for text in texts(self.record)), self.record
        self.check_shown()
        assert self.authorization["status"] == "invalid" and self.order["status"] == "invalid"
        assert self.authorization["challenges"] == [self.challenge]

    def check_shown(self):
        """What the client is shown is the same in the form of other servers."""
        fetches = [entry for entry in self.shown if "url" in entry]
        assert [entry["url"] for entry in fetches] == [step["url"] for step in self.fetches()], self.shown
        for entry, step in zip(fetches, self.fetches()):
            assert step["address"] in (f'{entry["addressUsed"]}:{entry["port"]}', f'[{entry["addressUsed"]}]:{entry["port"]}')
            assert entry["addressUsed"] in entry.get("addressesResolved", [entry["addressUsed"]]), entry
            assert entry["hostname"] in entry["url"] and entry.get("status") == step.get("status"), entry
        names = {entry.get("hostname") for entry in self.shown}
        assert names >= {step["lookup"] for step in self.lookups()}, self.shown

    def fetches(self):
        return [step for step in self.record if "url" in step]

    def lookups(self):
        return [step for step in self.record if "lookup" in step]


def texts(value):
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        return [text for element in value for text in texts(element)]
    return [value] if isinstance(value, str) else []
