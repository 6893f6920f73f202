"""A TLS server that answers tls-alpn-01 well or badly, written from RFC 8446, RFC 8737 and RFC 8738."""
import datetime
import ipaddress
import socket
import ssl
import struct
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from listeners import Listeners

PROTOCOL = "acme-tls/1"
IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
EC_KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
RSA_KEYS = {}


def rsa_key(bits):
    if bits not in RSA_KEYS:
        RSA_KEYS[bits] = rsa.generate_private_key(65537, bits)
    return RSA_KEYS[bits]


def common_name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def dns(*names):
    return [x509.DNSName(name) for name in names]


def ips(*addresses):
    return [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]


def certificate(names, digest, key=EC_KEY, *, value=None, critical=True, oid=IDENTIFIER, issuer="ACME", signer=None,
                algorithm=hashes.SHA256(), extensions=(), expired=False):
    """DER of one that proves it, or of one with something else."""
    now = datetime.datetime.utcnow() - datetime.timedelta(days=1000 if expired else 1)
    made = (x509.CertificateBuilder().subject_name(common_name("ACME")).issuer_name(common_name(issuer))
            .public_key(key.public_key()).serial_number(1).not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=8)))
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), False)
    if digest is not None:
        made = made.add_extension(x509.UnrecognizedExtension(oid, value or b"\x04\x20" + digest), critical)
    for extension in extensions:
        made = made.add_extension(extension, True)
    return made.sign(signer or key, algorithm)


def context(chain, key=EC_KEY, protocols=(PROTOCOL,), most=None, ciphers="ALL:@SECLEVEL=0"):
    """A server's side of TLS with these certificates."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers(ciphers)
    if most is not None:
        made.minimum_version = ssl.TLSVersion.TLSv1
        made.maximum_version = most
    if protocols:
        made.set_alpn_protocols(list(protocols))
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(c.public_bytes(Encoding.PEM) for c in chain) +
                   key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        made.load_cert_chain(file.name)
    return made


class Hello:
    """What a ClientHello asks for (RFC 8446 4.1.2)."""

    def __init__(self, record):
        assert record[0] == 22 and record[5] == 1, record[:9]
        body = record[9:]
        at = 34
        at += 1 + body[at]
        at += 2 + struct.unpack("!H", body[at:at + 2])[0]
        at += 1 + body[at]
        end = at + 2 + struct.unpack("!H", body[at:at + 2])[0]
        at += 2
        self.extensions = {}
        while at < end:
            kind, size = struct.unpack("!HH", body[at:at + 4])
            self.extensions[kind] = body[at + 4:at + 4 + size]
            at += 4 + size
        assert at == end == len(body)
        self.protocols = list(self.vectors(self.extensions.get(16, b"\0\0")[2:], 1))
        names = self.extensions.get(0, b"\0\0")[2:]
        self.server_names = [names[3:].decode()] if names else []
        if names:
            assert names[0] == 0 and len(names) == 3 + struct.unpack("!H", names[1:3])[0], names
        versions = self.extensions.get(43, b"\0")[1:]
        self.versions = {versions[n:n + 2] for n in range(0, len(versions), 2)}

    @staticmethod
    def vectors(octets, size):
        while octets:
            length = int.from_bytes(octets[:size], "big")
            yield octets[size:size + length].decode()
            octets = octets[size + length:]


def peek(connection):
    """The first record, which stays to be read."""
    wanted = 5
    while True:
        got = connection.recv(wanted, socket.MSG_PEEK | socket.MSG_WAITALL)
        if len(got) < wanted:
            raise ConnectionError("no ClientHello")
        if wanted > 5:
            return got
        wanted = 5 + struct.unpack("!H", got[3:5])[0]


class Visit:
    """One connection: what was asked for, and what came when hands were shaken."""

    def __init__(self, server, connection):
        self.address = connection.getsockname()[0]
        self.port = connection.getsockname()[1]
        self.server, self.connection = server, connection
        self.hello = Hello(peek(connection))
        self.server_name = (self.hello.server_names or [None])[0]
        self.version, self.said, self.ended = None, None, False
        self.done = threading.Event()

    def shake_hands(self, made):
        """TLS by a context; then listen until the other side says goodbye."""
        with made.wrap_socket(self.connection, server_side=True, suppress_ragged_eofs=False) as tls:
            self.version, self.said = tls.version(), b""
            while piece := tls.recv(4096):
                self.said += piece
            self.ended = True


class Server(Listeners):
    """On some addresses and a port. `scripts`: server name to function(visit); what a script returns is a context
    to shake hands with, or octets to say, or None when it has done everything itself."""

    def __init__(self, addresses, port, listen):
        self.scripts, self.digests, self.visits = {}, {}, []
        super().__init__(addresses, port, listen)

    def serve(self, connection):
        connection.settimeout(60)
        with connection:
            visit = None
            try:
                visit = Visit(self, connection)
                self.visits.append(visit)
                reply = self.scripts[visit.server_name](visit)
                if isinstance(reply, bytes):
                    connection.sendall(reply)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1 << 16)
                    connection.recv(1)
                elif reply is not None:
                    visit.shake_hands(reply)
            except (OSError, KeyError):  # the other side has had enough, or nobody is there by that name
                pass
            finally:
                if visit is not None:
                    visit.done.set()
