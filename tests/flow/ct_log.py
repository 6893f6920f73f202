"""A log of Certificate Transparency for tests: RFC 6962 or static (c2sp.org/static-ct-api). It looks at everything it is
sent, as a real one would, and misbehaves on demand."""
import base64
import datetime
import hashlib
import http.server
import ipaddress
import json
import ssl
import struct
import threading
import time

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

POISON = bytes.fromhex("060a2b06010401d679020403")
TIMESTAMPS = bytes.fromhex("060a2b06010401d679020402")


# ---- DER, by hand: what is signed about a certificate is not what any library here writes

def element(octets, at=0):
    """Tag, content, and where the next one begins."""
    tag, first = octets[at], octets[at + 1]
    at += 2
    if first < 0x80:
        length = first
    else:
        count = first & 0x7f
        length = int.from_bytes(octets[at:at + count], "big")
        at += count
    assert at + length <= len(octets), "DER that ends too early"
    return tag, octets[at:at + length], at + length


def elements(content):
    """(tag, whole element) of each."""
    found, at = [], 0
    while at < len(content):
        tag, _, end = element(content, at)
        found.append((tag, content[at:end]))
        at = end
    return found


def wrap(tag, content):
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def without(tbs, oid):
    """A TBSCertificate without that extension, which must be there, and the extension's place."""
    parts = elements(element(tbs)[1])
    tag, whole = parts[-1]
    assert tag == 0xa3
    listed = elements(element(element(whole)[1])[1])
    kept = [e for _, e in listed if oid not in e[:len(oid) + 4]]
    assert len(kept) == len(listed) - 1, "the extension is not there once"
    place = next(i for i, (_, e) in enumerate(listed) if oid in e[:len(oid) + 4])
    parts[-1] = (tag, wrap(0xa3, wrap(0x30, b"".join(kept))))
    return wrap(0x30, b"".join(e for _, e in parts)), place


# ---- the log

def signed_about(version, kind, timestamp, entry_type, entry, extensions):
    return (struct.pack(">BBQH", version, kind, timestamp, entry_type) + entry
            + struct.pack(">H", len(extensions)) + extensions)


class Root:
    """Who vouches for the logs' HTTPS."""

    def __init__(self, folder, name="logs of the tests"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.make(self.name, self.key.public_key(), ca=True)
        self.path = folder / "log-roots.pem"
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def make(self, name, public_key, ca, names=()):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(public_key)
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        return builder.sign(self.key, hashes.SHA256())

    def context(self, host):
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            name = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        certificate = self.make(x509.Name([]), key.public_key(), False, [name])
        path = self.folder / f"{host}.server.pem"
        path.write_bytes(certificate.public_bytes(Encoding.PEM) + key.private_bytes(
            Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


class CtLog:
    """`mode` says how the next submissions are answered: good, or one of MODES."""

    MODES = ("status 500", "status 400", "garbage", "wrong signature", "other log", "future", "past", "other entry",
             "too long", "not an object", "no leaf index", "drip", "close", "hang")

    def __init__(self, name, roots, api="rfc6962", operator="op", key=None, host=None, trusted=None):
        self.name, self.api, self.operator, self.mode = name, api, operator, "good"
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.id = hashlib.sha256(self.spki).digest()
        self.roots = []  # DER; set_roots
        self.submissions = []  # (endpoint, chain as DER)
        self.refusals = []  # why something was refused: nothing this CA sends may be
        self.entries = {}  # entry to (index, answer): the same entry has the same timestamp
        self.waiting = threading.Semaphore(0)  # one for each submission that hangs
        self.released = threading.Event()
        self.lock = threading.Lock()
        self.host = host or f"{name}.ct.test"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.answer(self)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request, client_address):
                request.settimeout(30)
                with outer.context.wrap_socket(request, server_side=True) as secure:
                    Handler(secure, client_address, self)

            def handle_error(self, request, client_address):
                pass  # a client that hangs up, or trusts nobody

        self.context = (trusted or roots).context(self.host)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"https://{self.host}:{self.port}/2027h1"

    def yaml(self, **more):
        lines = {"url": self.url, "key": base64.b64encode(self.spki).decode(), "operator": self.operator,
                 "api": self.api, **more}
        return f"  {self.name}:\n" + "".join(f"    {k}: \"{v}\"\n" for k, v in lines.items())

    def trust(self, root_pem):
        self.roots = [x509.load_pem_x509_certificate(root_pem).public_bytes(Encoding.DER)]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    # ---- looking

    def entry_of(self, pre, chain):
        """The entry of RFC 6962 3.2; AssertionError with what is wrong with the submission."""
        certificates = [x509.load_der_x509_certificate(der) for der in chain]
        assert len(certificates) >= 2, "no issuer"
        for low, high in zip(certificates, certificates[1:]):
            assert low.issuer == high.subject, "not a chain"
            verify(high.public_key(), low)
        assert certificates[-1].public_bytes(Encoding.DER) in self.roots, "it does not end at a root"
        leaf = certificates[0]
        oids = [e.oid.dotted_string for e in leaf.extensions]
        if not pre:
            assert "1.3.6.1.4.1.11129.2.4.3" not in oids, "poison in a certificate"
            return 0, struct.pack(">I", len(chain[0]))[1:] + chain[0]
        poison = next(e for e in leaf.extensions if e.oid.dotted_string == "1.3.6.1.4.1.11129.2.4.3")
        assert poison.critical and "1.3.6.1.4.1.11129.2.4.2" not in oids
        tbs, _ = without(leaf.tbs_certificate_bytes, POISON)
        issuer_spki = certificates[1].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return 1, hashlib.sha256(issuer_spki).digest() + struct.pack(">I", len(tbs))[1:] + tbs

    # ---- signing

    def sct(self, entry_type, entry, mode):
        with self.lock:
            if mode == "good" and (entry_type, entry) in self.entries:
                return self.entries[entry_type, entry]
            index = len(self.entries)
        now = int(time.time() * 1000)
        timestamp = {"future": now + 3600_000, "past": now - 86400_000}.get(mode, now)
        extensions = b""
        if self.api == "static" and mode != "no leaf index":
            extensions = struct.pack(">BH", 0, 5) + index.to_bytes(5, "big")
        if mode == "other entry":
            entry = entry[:-1] + bytes([entry[-1] ^ 1])
        message = signed_about(0, 0, timestamp, entry_type, entry, extensions)
        if isinstance(self.key, rsa.RSAPrivateKey):
            kinds, signature = (4, 1), self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        else:
            kinds, signature = (4, 3), self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        if mode == "wrong signature":
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        answer = {"sct_version": 0, "id": b64(bytes(32) if mode == "other log" else self.id), "timestamp": timestamp,
                  "extensions": b64(extensions),
                  "signature": b64(bytes(kinds) + struct.pack(">H", len(signature)) + signature)}
        if mode == "good":
            with self.lock:
                self.entries[entry_type, entry] = answer
        return answer

    # ---- serving

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        mode = self.mode
        pre = handler.path == "/2027h1/ct/v1/add-pre-chain"
        try:
            assert pre or handler.path == "/2027h1/ct/v1/add-chain", handler.path
            assert handler.headers["Content-Type"] == "application/json"
            content = json.loads(body)
            assert list(content) == ["chain"]
            chain = [base64.b64decode(text, validate=True) for text in content["chain"]]
            entry_type, entry = self.entry_of(pre, chain)
        except (AssertionError, ValueError, InvalidSignature, StopIteration) as why:
            self.refusals.append(repr(why))
            send(handler, 400, b"refused")
            return
        self.submissions.append(("add-pre-chain" if pre else "add-chain", chain))
        if mode == "hang":
            self.waiting.release()
            self.released.wait(60)
            mode = self.mode if self.mode != "hang" else "close"
        if mode.startswith("status"):
            send(handler, int(mode.split()[1]), b'{"error_message":"not today"}')
        elif mode == "close":
            handler.close_connection = True
        elif mode in ("garbage", "too long", "not an object"):
            send(handler, 200, {"garbage": b'{"sct_version":0,', "too long": b" " * 100_000,
                                "not an object": b"[1]"}[mode])
        else:
            octets = json.dumps(self.sct(entry_type, entry, mode)).encode()
            send(handler, 200, octets, drip=mode == "drip")


def b64(octets):
    return base64.b64encode(octets).decode()


def send(handler, status, body, drip=False):
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for i in range(len(body) if drip else 0):
        handler.wfile.write(body[i:i + 1])
        handler.wfile.flush()
        time.sleep(0.5)
    if not drip:
        handler.wfile.write(body)


def verify(public_key, certificate):
    if isinstance(public_key, rsa.RSAPublicKey):
        public_key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(),
                          certificate.signature_hash_algorithm)
    elif isinstance(public_key, ed25519.Ed25519PublicKey):
        public_key.verify(certificate.signature, certificate.tbs_certificate_bytes)
    else:
        public_key.verify(certificate.signature, certificate.tbs_certificate_bytes,
                          ec.ECDSA(certificate.signature_hash_algorithm))
