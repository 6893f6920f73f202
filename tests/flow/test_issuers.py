"""Several issuers on one server, and other chains for one certificate (RFC 8555 7.4.2): rows S-CERT-1 to S-CERT-5; row 89 of
what others do."""
import datetime
import os
import re
import signal
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from acme_raw import Client, b64, make_csr
from house import House
from responder import Responder

NAME = "issuers.example.test"


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def make_ca(name, public_key, signer=None, signer_key=None, key_id=None):
    """A CA certificate by python3-cryptography."""
    subject = name if isinstance(name, x509.Name) else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(signer.subject if signer else subject)
               .public_key(public_key).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=800))
               .add_extension(x509.BasicConstraints(True, None if signer is None else 0), True)
               .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
               .add_extension(key_id or x509.SubjectKeyIdentifier.from_public_key(public_key), False))
    if signer:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()), False)
    return builder.sign(signer_key, hashes.SHA256())


class World:
    """The CA of `init`, an RSA issuer below a root of its own, and that root's cross-sign of the first intermediate."""

    def __init__(self, folder):
        self.house = House(folder / "ca")
        home = self.house.directory
        root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = make_ca("Second Root", root_key.public_key(), None, root_key)
        issuer_key = rsa.generate_private_key(65537, 2048)
        issuer = make_ca("Second Issuer", issuer_key.public_key(), self.root, root_key)
        self.first = x509.load_pem_x509_certificate((home / "intermediate.pem").read_bytes())
        cross = make_ca(self.first.subject, self.first.public_key(), self.root, root_key,
                        self.first.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value)
        for name, content in (("second-root.pem", pem(self.root)), ("second.pem", pem(issuer)), ("second.key", key_pem(issuer_key)),
                              ("cross.pem", pem(cross)), ("wrong.pem", pem(self.root))):
            (home / name).write_bytes(content)
            (home / name).chmod(0o600)
        self.configure("alternates: [cross.pem]")
        self.house.start()
        self.responder = Responder(self.house.http_port)
        self.one = Client(self.house.url, self.house.root)
        self.two = Client(self.house.url.replace("/acme/", "/acme/second/"), self.house.root)
        self.one.register()
        self.two.register()

    def configure(self, files, issuer="second"):
        path = self.house.directory / "cairn-ca.yaml"
        text = re.sub(r"(?ms)^(?:# [^\n]*\n)?(directories|issuers):\n(^ .*?\n)*", "", path.read_text())
        text = re.sub(r"  alternates: [^\n]*", f"  {files}", text)
        path.write_text(text + "issuers:\n  second:\n    certificate: second.pem\n    key: second.key\n    root: second-root.pem\n"
                        f"directories:\n  default: {{}}\n  second:\n    issuer: {issuer}\n")

    def close(self):
        self.responder.close()
        self.house.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("issuers"))
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text(), made.house.text()
    finally:
        made.close()


def issue(world, client, name=NAME):
    """URL of the certificate, and the answer that has it."""
    url, order = client.order(name)
    client.prove(order, world.responder)
    client.post(order["finalize"], {"csr": b64(make_csr([name]))})
    certificate = client.poll(url, ("valid", "invalid")).json["certificate"]
    return certificate, client.post(certificate, None)


def verifies(tmp_path, chain, root):
    """Does openssl trust the first of the chain?"""
    first, rest = re.match(rb"(-----BEGIN.*?END CERTIFICATE-----\n)(.*)", chain, re.DOTALL).groups()
    (tmp_path / "leaf.pem").write_bytes(first)
    (tmp_path / "rest.pem").write_bytes(rest)
    done = subprocess.run(["openssl", "verify", "-CAfile", root, "-untrusted", tmp_path / "rest.pem", tmp_path / "leaf.pem"],
                          capture_output=True, text=True, check=False)
    return done.returncode == 0


def alternates(answer):
    return [link for link in (re.fullmatch(r'<([^>]*)>;rel="alternate"', text)
                              for text in answer.headers.get_all("Link")) if link]


def test_each_directory_has_its_issuer(world, tmp_path):
    second_root = world.house.directory / "second-root.pem"
    url, first = issue(world, world.one)
    assert verifies(tmp_path, first.body, world.house.root) and not verifies(tmp_path, first.body, second_root)
    _, second = issue(world, world.two)
    assert verifies(tmp_path, second.body, second_root) and not verifies(tmp_path, second.body, world.house.root)
    leaf = x509.load_pem_x509_certificate(second.body)
    assert leaf.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.11"
    assert alternates(second) == []
    assert world.two.post(url, None).type == "accountDoesNotExist"
    assert world.one.request("GET", "/acme/root.pem").body == world.house.root.read_bytes()
    assert world.one.request("GET", "/acme/second/root.pem").body == second_root.read_bytes()


def test_another_chain(world, tmp_path):
    """S-CERT-2, 4: by Link, for the same certificate; every chain names the others."""
    url, first = issue(world, world.one, "chains.example.test")
    links = alternates(first)
    assert [link[1] for link in links] == [url + "/1"]
    other = world.one.post(url + "/1", None)
    assert other.status == 200 and other.headers["Content-Type"] == "application/pem-certificate-chain"
    assert [link[1] for link in alternates(other)] == [url]
    assert other.body.startswith(first.body.split(b"-----END")[0]) and other.body != first.body
    second_root = world.house.directory / "second-root.pem"
    assert verifies(tmp_path, other.body, second_root) and not verifies(tmp_path, first.body, second_root)
    for last in ("0", "2", "01", "x", "1/1", "-1", ""):
        answer = world.one.post(f"{url}/{last}", None)
        assert (answer.status, answer.type) == (404, "malformed"), (last, answer)
    assert world.one.post(url + "/1", {}).type == "malformed"
    stranger = Client(world.house.url, world.house.root)
    stranger.register()
    assert stranger.post(url + "/1", None).status == 404


@pytest.mark.foreign
def test_certbot_takes_the_preferred_chain(world, tmp_path):
    port = world.house.http_port
    world.responder.close()
    try:
        done = subprocess.run(
            ["certbot", "certonly", "--standalone", "--http-01-port", str(port), "-n", "--agree-tos", "-m", "a@example.test",
             "--server", world.house.url, "--preferred-chain", "Second Root", "-d", "certbot.example.test",
             "--config-dir", tmp_path / "c", "--work-dir", tmp_path / "w", "--logs-dir", tmp_path / "l"],
            env={**os.environ, "REQUESTS_CA_BUNDLE": str(world.house.root)}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        chain = (tmp_path / "c/live/certbot.example.test/fullchain.pem").read_bytes()
        assert verifies(tmp_path, chain, world.house.directory / "second-root.pem")
    finally:
        world.responder = Responder(port)


def test_an_issuer_that_is_new_after_a_reload(world):
    """It signs at once; a directory that is given it back is as before."""
    path = world.house.directory / "cairn-ca.yaml"
    before = path.read_text()
    for text in (re.sub(r"(?m)^issuers:\n", "issuers:\n  third:\n    certificate: intermediate.pem\n    key: intermediate.key\n",
                        before).replace("issuer: second", "issuer: third"), before):
        path.write_text(text)
        since = len(world.house.text())
        os.kill(world.house.process.pid, signal.SIGHUP)
        world.house.wait_for_line(r"proc\.reloaded ", since)
        leaf = x509.load_pem_x509_certificate(issue(world, world.two, "still.example.test")[1].body)
        assert ("Second" in leaf.issuer.rfc4514_string()) == (text == before)


@pytest.mark.parametrize("spoil, words", [
    (lambda home: (home / "second.key").write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1()))), "second.key"),
    (lambda home: (home / "second.pem").unlink(), "second.pem"),
    (lambda home: (home / "cross.pem").write_bytes((home / "wrong.pem").read_bytes()), "cross.pem")])
def test_parts_that_do_not_fit(tmp_path, spoil, words):
    made = World.__new__(World)
    World.__init__(made, tmp_path)
    try:
        assert made.house.stop() == 0
        spoil(made.house.directory)
        since = len(made.house.text())
        made.house.start(expect_ready=False)
        assert made.house.process.wait(30) != 0
        assert re.search(rf"(cannot_start|there is no file).*{words}", made.house.text(since)), made.house.text(since)
    finally:
        made.close()
