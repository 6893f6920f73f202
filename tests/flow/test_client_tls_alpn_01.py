"""cairn answers tls-alpn-01 (RFC 8737): asked by Pebble, and probed by openssl and Python while the CA waits."""
import base64
import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import house as house_module
import judges
from fake_ca import problem
from house import free_port
from test_client_processes import family
from pebble import PROGRAM, Client
from test_client_challenges import offering
from test_client_pebble import listening
from exit_codes import FAILED, LATER

NAME = "alpn.example.test"
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
UNRECOGNIZED_NAME = 112  # alerts: RFC 6066 3, RFC 7301 3.2
NO_APPLICATION_PROTOCOL = 120
PERSPECTIVES = 6
HANGING = 250  # more than the listener takes at once


def way(port):
    return ["--challenge", "tls-alpn-01", "--tls-port", str(port)]


def s_client(port, *words):
    return subprocess.run(["openssl", "s_client", *words, "-connect", f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)


class Probed:
    """A client whose CA waits, until `end`, while tests connect to its listener."""

    def __init__(self, client, fake_ca, names=(NAME,)):
        self.port = free_port()
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.fake_ca = fake_ca
        offering(fake_ca, "tls-alpn-01")

        def challenge(request):
            self.reached.set()
            self.go_on.wait(120)

        fake_ca.answers["/challenge/0"] = challenge
        self.run = subprocess.Popen(client.command("issue", *names, *client.common(), *way(self.port)),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.reached.wait(60), self.run.communicate()

    def context(self, protocols=("acme-tls/1",), **versions):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if protocols:
            context.set_alpn_protocols(list(protocols))
        for name, version in versions.items():
            setattr(context, name, version)
        return context

    def handshake(self, name=NAME, protocols=("acme-tls/1",), host="127.0.0.1", **versions):
        """The certificate, in DER, and the protocol that was agreed."""
        with socket.create_connection((host, self.port), 30) as plain:
            with self.context(protocols, **versions).wrap_socket(plain, server_hostname=name) as s:
                return s.getpeercert(True), s.selected_alpn_protocol()

    def refusal(self, name=NAME, protocols=("acme-tls/1",), tls="-tls1_3"):
        """The alert's number, and no certificate came."""
        done = s_client(self.port, tls, *(["-servername", name] if name else ["-noservername"]),
                        *(["-alpn", ",".join(protocols)] if protocols else []))
        assert done.returncode != 0 and "BEGIN CERTIFICATE" not in done.stdout
        return int(re.search(r"SSL alert number (\d+)", done.stderr).group(1))

    def key_authorization(self, client):
        key = next((client.directory / "accounts").glob("*/key.pem"))
        thumbprint = thumbprint_of(key)
        return f"{self.fake_ca.challenge_object(0)['token']}.{thumbprint}"

    def end(self):
        self.go_on.set()
        out, error = self.run.communicate(timeout=60)
        assert "AddressSanitizer" not in error and "runtime error" not in error, error
        return self.run.returncode, out, error


def thumbprint_of(path):
    """RFC 7638 of the account's key, by python3-cryptography alone."""
    def encode(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

    numbers = serialization.load_pem_private_key(path.read_bytes(), None).public_key().public_numbers()
    x, y = (encode(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    jwk = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
    return encode(hashlib.sha256(json.dumps(jwk, separators=(",", ":")).encode()).digest())


@pytest.fixture
def probed(cairn_at_fake, fake_ca):
    made = []

    def begin(*names):
        made.append(Probed(cairn_at_fake, fake_ca, names or (NAME,)))
        return made[-1]

    yield begin
    for one in made:
        one.go_on.set()
        if one.run.poll() is None:
            one.run.kill()
        one.run.communicate()


# ---- a CA that we did not write ----

@pytest.mark.foreign
@pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")
@pytest.mark.parametrize("names", [["one.example.test"], [f"n{i}.example.test" for i in range(20)],
                                   ["127.0.0.1", "with.example.test"]])
def test_pebble(cairn, names):
    """C-ALPN-1, C-IP-2."""
    done = cairn.issue(*names, *way(cairn.ca.tls_port))
    assert f"prove     tls-alpn-01, answering on port {cairn.ca.tls_port}" in done.stdout and done.stderr == ""
    cairn.run("renew", "--force")
    shown = cairn.json("show", names[0])
    assert shown["challenges"] == ["tls-alpn-01"] and shown["tls_port"] == cairn.ca.tls_port
    assert f"proved by tls-alpn-01, standalone on port {cairn.ca.tls_port}" in cairn.run("show", names[0]).stdout


@pytest.mark.foreign
@pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")
def test_the_first_that_is_offered(cairn):
    """Pebble offers all three: the order of --challenge decides, and without it what was set up."""
    port = str(cairn.ca.tls_port)
    for words, taken in ((["--challenge", "http-01,tls-alpn-01"], "http-01"),
                         (["--challenge", "tls-alpn-01,http-01"], "tls-alpn-01"),
                         (["--challenge", "tls-alpn-01", "--challenge", "http-01"], "tls-alpn-01"), ([], "http-01")):
        name = f"{taken}.{len(words)}.{'.'.join(words[1:2]).replace(',', '-') or 'none'}.example.test"
        assert f"prove     {taken}," in cairn.issue(name, "--tls-port", port, *words).stdout
    common = ["--ca", cairn.ca.url, "--ca-file", cairn.ca.root, "--agree-tos"]
    assert "prove     tls-alpn-01," in cairn.run("issue", "only.example.test", *common, "--tls-port", port).stdout


@pytest.mark.foreign
@pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")
def test_renewals_of_both_kinds_in_one_run(cairn):
    """One process answers for all of them, one after the other; what fails leaves nothing behind for the next."""
    ports = ["--tls-port", cairn.ca.tls_port]
    for name, types in (("a.flow.test", "http-01"), ("b.flow.test", "tls-alpn-01"), ("c.flow.test", "tls-alpn-01,http-01"),
                        ("d.flow.test", "http-01,tls-alpn-01"), ("e.flow.test", "tls-alpn-01")):
        cairn.issue(name, "--challenge", types, *ports)
    assert [row["outcome"] for row in cairn.json("renew", "--force")] == ["renewed"] * 5
    with listening(cairn.ca.tls_port):
        outcomes = {row["name"][0]: row["outcome"] for row in cairn.json("renew", "--force", code=LATER)}
    assert outcomes == {"a": "renewed", "b": "failed", "c": "renewed", "d": "renewed", "e": "failed"}  # c by its other challenge
    assert [row["outcome"] for row in cairn.json("renew", "--force")] == ["renewed"] * 5


# ---- what stands in the handshake ----

@pytest.mark.parametrize("tls", ["-tls1_2", "-tls1_3"])
def test_the_certificate(probed, cairn_at_fake, tls):
    """C-ALPN-1: read by openssl and python3-cryptography."""
    p = probed()
    done = s_client(p.port, "-alpn", "acme-tls/1", "-servername", NAME, tls, "-showcerts")
    assert "ALPN protocol: acme-tls/1" in done.stdout and done.stdout.count("BEGIN CERTIFICATE") == 1
    pem = done.stdout[done.stdout.index("-----BEGIN"):done.stdout.index("-----END")] + "-----END CERTIFICATE-----\n"
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert len(list(certificate.extensions)) == 2
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [(type(n), n.value) for n in names] == [(x509.DNSName, NAME)]
    proof = certificate.extensions.get_extension_for_oid(ACME_IDENTIFIER)
    digest = hashlib.sha256(p.key_authorization(cairn_at_fake).encode()).digest()
    assert proof.critical and proof.value.value == b"\x04\x20" + digest
    assert isinstance(certificate.public_key().curve, ec.SECP256R1) and certificate.issuer == certificate.subject
    certificate.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                                    ec.ECDSA(certificate.signature_hash_algorithm))
    text = judges.output(["openssl", "x509", "-noout", "-text"], input=pem)
    assert "1.3.6.1.5.5.7.1.31: critical" in text and f"DNS:{NAME}" in text and "Version: 3" in text
    assert p.end()[0] == 0


def test_each_challenge_has_a_key_of_its_own(probed):
    """Not the account's, nor the next certificate's."""
    names = [f"{letter}.example.test" for letter in "abc"]
    p = probed(*names)
    certificates = [x509.load_der_x509_certificate(p.handshake(n)[0]) for n in names]
    assert len({c.public_key().public_numbers() for c in certificates}) == len(names)
    assert len({c.serial_number for c in certificates}) == len(names)
    assert p.end()[0] == 0


@pytest.mark.parametrize("address, name", [
    ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
    ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
])
def test_addresses(probed, fake_ca, address, name):
    """C-IP-2: SNI has the reverse name (RFC 8738 6), the certificate the address."""
    p = probed(address)
    certificate = x509.load_der_x509_certificate(p.handshake(name)[0])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [(type(n), str(n.value)) for n in names] == [(x509.IPAddress, address)]
    assert p.refusal("other.example.test") == UNRECOGNIZED_NAME
    fake_ca.answers["/order/1"] = lambda request: problem("malformed", "that is enough")
    assert p.end()[0] != 0


def test_who_is_served(probed):
    """C-ALPN-2, 4: only who asks for acme-tls/1 and a name being proved."""
    p = probed(NAME, "second.example.test")
    good = p.handshake()
    assert good[1] == "acme-tls/1"
    assert p.handshake(NAME.upper())[0] == good[0] and p.handshake("second.example.test")[0] != good[0]
    assert p.handshake(protocols=("h2", "http/1.1", "acme-tls/1"))[1] == "acme-tls/1"
    with contextlib.suppress(ConnectionError, socket.gaierror):
        assert p.handshake(host="::1")[0] == good[0]
    other = "other.example.test"
    for name, protocols, alert in ((NAME, (), NO_APPLICATION_PROTOCOL), (NAME, ("http/1.1",), NO_APPLICATION_PROTOCOL),
                                   (NAME, ("h2", "http/1.1"), NO_APPLICATION_PROTOCOL), (other, (), NO_APPLICATION_PROTOCOL),
                                   (NAME, ("acme-tls/2",), NO_APPLICATION_PROTOCOL),
                                   (NAME, ("ACME-TLS/1",), NO_APPLICATION_PROTOCOL), (other, ("acme-tls/1",), UNRECOGNIZED_NAME),
                                   (None, ("acme-tls/1",), UNRECOGNIZED_NAME), ("www." + NAME, ("acme-tls/1",), UNRECOGNIZED_NAME)):
        for tls in ("-tls1_2", "-tls1_3"):
            assert p.refusal(name, protocols, tls) == alert
    assert p.handshake()[0] == good[0]
    assert p.end()[0] == 0


def test_old_versions_are_refused(probed):
    """RFC 8737 4: TLS 1.2 or higher."""
    p = probed()
    done = s_client(p.port, "-alpn", "acme-tls/1", "-servername", NAME, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in done.stderr and "BEGIN CERTIFICATE" not in done.stdout
    assert p.end()[0] == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_it_ends_with_the_handshake(probed, version):
    """C-ALPN-3: no word is answered, no session resumed."""
    p = probed()
    context = p.context(minimum_version=version, maximum_version=version)
    with socket.create_connection(("127.0.0.1", p.port), 30) as plain:
        with context.wrap_socket(plain, server_hostname=NAME, suppress_ragged_eofs=False) as s:
            with contextlib.suppress(OSError):
                s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                assert s.recv(100) == b""
            except OSError:  # it is gone altogether
                pass
            session = s.session
    with socket.create_connection(("127.0.0.1", p.port), 30) as plain:
        with context.wrap_socket(plain, server_hostname=NAME, session=session) as s:
            assert not s.session_reused
    assert p.end()[0] == 0


# ---- crowds, and peers that misbehave ----

def test_many_that_hang_stop_nobody(probed):
    """Six perspectives at the same moment, beside more silent connections than the listener takes, and some that send
    half a message or nonsense."""
    p = probed(*[f"n{i}.example.test" for i in range(PERSPECTIVES)])
    with contextlib.ExitStack() as stack:
        for i in range(HANGING):
            s = stack.enter_context(socket.create_connection(("127.0.0.1", p.port), 30))
            if i % 3 == 1:
                s.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            if i % 3 == 2:
                s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with concurrent.futures.ThreadPoolExecutor(PERSPECTIVES) as pool:
            for _ in range(3):
                got = list(pool.map(lambda i: p.handshake(f"n{i}.example.test"), range(PERSPECTIVES)))
                assert len({der for der, _ in got}) == PERSPECTIVES
    assert p.end()[0] == 0


def test_a_silent_connection_is_closed(probed):
    p = probed()
    with socket.create_connection(("127.0.0.1", p.port), 90) as s:
        with contextlib.suppress(ConnectionError):
            assert s.recv(1) == b""
    assert p.end()[0] == 0


def test_nothing_is_left(probed):
    """The port is closed when all is proved, before the certificate is asked for."""
    p = probed()
    assert p.end()[0] == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", p.port), 5)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ended_in_mid_run(probed, cairn_at_fake, fake_ca, how):
    """C-CH-5: the port is free at once for the next run, which succeeds."""
    p = probed()
    p.run.send_signal(how)
    p.run.communicate(timeout=60)
    p.go_on.set()
    deadline = time.monotonic() + 60
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < deadline:
            socket.create_connection(("127.0.0.1", p.port), 5).close()
            time.sleep(0.05)
    fake_ca.answers["/challenge/0"] = lambda request: None
    cairn_at_fake.issue(NAME, *way(p.port))


def test_the_listener_dies(probed, cairn_at_fake):
    """An error, never a hang; another run works."""
    p = probed()
    os.kill(family(p.run.pid)[2], signal.SIGKILL)
    code, _, error = p.end()
    assert code in (0, FAILED) and (code == 0 or "process" in error)
    assert cairn_at_fake.live(NAME).exists() == (code == 0)


# ---- ports ----

def test_port_in_use(cairn_at_fake, fake_ca):
    offering(fake_ca, "tls-alpn-01")
    port = free_port()
    with listening(port):
        done = cairn_at_fake.issue(NAME, *way(port), code=LATER)
    assert f"port {port}, to answer tls-alpn-01, is in use by " in done.stderr and f"(process {os.getpid()})" in done.stderr
    assert "--tls-port" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not fake_ca.asked("/challenge/0") and not cairn_at_fake.live(NAME).exists()


def test_port_in_use_by_ipv6_alone(cairn_at_fake, fake_ca):
    """Listening on IPv4 only would send those who come by IPv6 to somebody else."""
    offering(fake_ca, "tls-alpn-01")
    try:
        s = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with s:
        port = s.getsockname()[1]
        assert "in use" in cairn_at_fake.issue(NAME, *way(port), code=LATER).stderr


@pytest.mark.parametrize("words, says", [(["--tls-port", "0"], "no number from 1 to 65535"),
                                         (["--tls-port", "65536"], "no number"), (["--tls-port", "x"], "no number"), (["--tls-port"], "needs a value")])
def test_wrong_ports(cairn_at_fake, words, says):
    assert says in cairn_at_fake.run("issue", NAME, *words, code=64).stderr


def test_what_pebble_says_when_nobody_answers(cairn):
    """C-CH-6: the CA's reason, and the name."""
    if PROGRAM is None:
        pytest.skip("pebble is not installed")
    done = cairn.issue("nobody.example.test", *way(free_port()), code=FAILED)
    assert "nobody.example.test was not proved" in done.stderr and "tls-alpn-01" in done.stderr


# ---- cairn-ca ----

@pytest.fixture(scope="module")
def made_ca(tmp_path_factory):
    """A CA that asks at a port of its own for TLS, at ::1 too."""
    port = free_port()
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca",
                              sets=[f"validation.tls_port={port}", "validation.allow_networks=127.0.0.0/8,::1"])
    made.tls_port = port
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture
def at_ca(made_ca, tmp_path):
    return Client(tmp_path / "state", made_ca, agree=False)


@pytest.mark.parametrize("names", [["www.example.test"], [f"n{i}.flow.test" for i in range(50)], ["127.0.0.1"], ["::1"],
                                   ["127.0.0.1", "::1", "both.flow.test"]])
def test_cairn_ca(at_ca, names):
    """C-IP-2."""
    done = at_ca.issue(*names, *way(at_ca.ca.tls_port))
    assert "prove     tls-alpn-01" in done.stdout and done.stderr == ""
    assert [row["outcome"] for row in at_ca.json("renew", "--force")] == ["renewed"]
    live = at_ca.live("ip" * names[0].startswith(":") + names[0].replace(":", "-"))
    san = x509.load_pem_x509_certificate((live / "cert.pem").read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    assert sorted(str(n.value) for n in san) == sorted(names)


def test_cairn_ca_that_meets_nobody(at_ca):
    """C-CH-6: the name, where it went, what it saw."""
    done = at_ca.issue("nobody.flow.test", *way(free_port()), code=FAILED)
    assert "nobody.flow.test was not proved" in done.stderr and str(at_ca.ca.tls_port) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_ca_without_it(tmp_path_factory, tmp_path):
    made = house_module.House(tmp_path_factory.mktemp("http") / "ca", sets=["directories.default.challenges=http-01"])
    with contextlib.closing(made):
        made.start()
        done = Client(tmp_path / "state", made, agree=False).issue("www.flow.test", *way(free_port()), code=FAILED)
        assert "for www.flow.test the CA offers http-01, and this is set up for tls-alpn-01; take --challenge http-01" \
            in done.stderr
