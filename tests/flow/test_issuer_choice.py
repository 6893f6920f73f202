"""Several issuers at once: by directory, by profile, by the type of the certified key; what each may certify. Every type of
issuer's key with every type of certified key, judged by openssl, certtool and python3-cryptography. Rows X-CA-4, X-CA-5."""
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from acme_raw import Client, b64, make_csr
from house import CAIRN_CA, House
from responder import Responder

TYPES = ("p256", "p384", "rsa2048", "rsa3072", "rsa4096", "ed25519")
BELOW = "choice.example.test"


def run(*words, code=0):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def make_key(kind):
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[kind])


def checked_by_cryptography(certificate, issuer):
    """Is the signature the issuer's?"""
    key, signature, signed = issuer.public_key(), certificate.signature, certificate.tbs_certificate_bytes
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), certificate.signature_hash_algorithm)
    else:
        key.verify(signature, signed, ec.ECDSA(certificate.signature_hash_algorithm))


class World:
    """One root; an issuer with each type of key, and one that may certify servers below corp.test only."""

    def __init__(self, folder):
        self.house = House(folder / "ca")
        self.home = self.house.directory
        for kind in TYPES[1:]:
            self.new(kind, "--key-type", kind)
        self.new("corp", "--permit", "corp.test", "--exclude", "bad.corp.test", "--exclude", "10.0.0.0/8", "--usage", "server")
        self.new("rsaonly", "--key-type", "rsa2048", "--permit", "rsa.test")
        self.configure()
        self.house.start()
        self.responder = Responder(self.house.http_port)
        self.keys = {kind: make_key(kind) for kind in TYPES}
        self.clients = {}

    def new(self, name, *words):
        run(CAIRN_CA, "intermediate", "new", "--dir", self.home, "--issuer", name, "--root-key", self.home / "root.key", *words)

    def configure(self, more=""):
        path = self.home / "cairn-ca.yaml"
        text = re.sub(r"(?ms)^(?:# [^\n]*\n)?(directories|issuers|profiles):\n(^ .*?\n)*", "", path.read_text())
        text += "issuers:\n" + "".join(f"  {name}:\n    certificate: {name}.pem\n    key: {name}.key\n"
                                       for name in (*TYPES[1:], "corp", "rsaonly"))
        text += "directories:\n  default: {}\n  p256: {}\n" + "".join(f"  {kind}:\n    issuer: {kind}\n" for kind in TYPES[1:])
        text += "  bytype:\n    issuer: p384\n    issuers: [rsa=rsa2048, ed25519=ed25519]\n    profiles: [classic, odd, corp, mixed]\n"
        text += "  corp:\n    issuer: corp\n    profiles: [classic]\n"
        text += "profiles:\n  classic: {}\n  odd:\n    issuer: rsa3072\n    issuers: [ed25519=rsa4096]\n  corp:\n    issuer: corp\n"
        text += "  mixed:\n    issuers: [rsa=rsaonly, ecdsa=corp]\n    issuer: p384\n"
        path.write_text(text + more)

    def client(self, directory):
        if directory not in self.clients:
            url = self.house.url if directory == "default" else self.house.url.replace("/acme/", f"/acme/{directory}/")
            self.clients[directory] = Client(url, self.house.root)
            self.clients[directory].register()
        return self.clients[directory]

    def order(self, directory, name, profile=None):
        client = self.client(directory)
        return client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": name}],
                                                          **({"profile": profile} if profile else {})})

    def finalize(self, directory, name, kind, profile=None):
        """The answer to finalize, and the URL of its order."""
        client = self.client(directory)
        answer = self.order(directory, name, profile)
        assert answer.status == 201, answer
        client.prove(answer.json, self.responder)
        return client.post(answer.json["finalize"], {"csr": b64(make_csr([name], self.keys[kind]))}), answer.headers["Location"]

    def issue(self, directory, name, kind, profile=None):
        client = self.client(directory)
        answer, url = self.finalize(directory, name, kind, profile)
        assert answer.status == 200, answer
        body = client.post(client.poll(url, ("valid", "invalid")).json["certificate"], None).body
        return [x509.load_pem_x509_certificate(one) for one in re.findall(rb"-----BEGIN.*?END CERTIFICATE-----\n", body, re.DOTALL)], body

    def close(self):
        self.house.close()
        self.responder.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("choice"))
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text() and "AddressSanitizer" not in made.house.text(), made.house.text()
    finally:
        made.close()


def issuer_of(chain):
    return chain[1].subject.rfc4514_string().rpartition(" ")[2]


@pytest.mark.parametrize("issuer", TYPES)
def test_every_issuer_with_every_key(world, tmp_path, issuer):
    for kind in TYPES:
        chain, body = world.issue(issuer, f"{kind}.{BELOW}", kind)
        assert len(chain) == 2 and issuer_of(chain) == ("Intermediate" if issuer == "p256" else issuer)
        root = x509.load_pem_x509_certificate(world.house.root.read_bytes())
        checked_by_cryptography(chain[0], chain[1])
        checked_by_cryptography(chain[1], root)
        leaf, rest = re.match(rb"(-----BEGIN.*?END CERTIFICATE-----\n)(.*)", body, re.DOTALL).groups()
        (tmp_path / "leaf.pem").write_bytes(leaf)
        (tmp_path / "rest.pem").write_bytes(rest)
        run("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", f"{kind}.{BELOW}", "-CAfile",
            world.house.root, "-untrusted", tmp_path / "rest.pem", tmp_path / "leaf.pem")
        done = subprocess.run(["certtool", "--verify", "--load-ca-certificate", world.house.root, "--verify-profile", "low",
                               "--verify-hostname", f"{kind}.{BELOW}"], input=body, capture_output=True, check=False)
        assert done.returncode == 0, (issuer, kind, done)


@pytest.mark.parametrize("kind, profile, issuer", [
    ("p256", "classic", "p384"), ("rsa2048", "classic", "rsa2048"), ("ed25519", "classic", "ed25519"),
    ("p256", "odd", "rsa3072"), ("rsa2048", "odd", "rsa3072"), ("ed25519", "odd", "rsa4096"),  # the profile goes first
    ("ed25519", "mixed", "p384")])
def test_by_profile_and_by_key(world, kind, profile, issuer):
    chain, _ = world.issue("bytype", BELOW, kind, profile)
    assert issuer_of(chain) == issuer


def test_renewal_and_revocation_of_any_issuer(world):
    """What looks for an issuer by a certificate finds it: ARI (RFC 9773) and revocation."""
    for issuer in ("p384", "rsa2048", "ed25519"):
        client = world.client(issuer)
        chain, _ = world.issue(issuer, f"renew.{BELOW}", "p256")
        key_id = chain[0].extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        serial = chain[0].serial_number.to_bytes((chain[0].serial_number.bit_length() + 8) // 8, "big")
        answer = client.request("GET", client.directory["renewalInfo"].split(str(world.house.port))[1] + f"/{b64(key_id)}.{b64(serial)}")
        assert answer.status == 200 and "suggestedWindow" in answer.json, answer
        der = chain[0].public_bytes(Encoding.DER)
        assert client.post(client.directory["revokeCert"], {"certificate": b64(der)}).status == 200
        assert client.post(client.directory["revokeCert"], {"certificate": b64(der)}).type == "alreadyRevoked"



@pytest.mark.parametrize("name, complaint", [
    ("corp.test", None), ("a.b.corp.test", None), ("corp.example", "outside"), ("acorp.test", "outside"),
    ("bad.corp.test", "excluded"), ("x.bad.corp.test", "excluded"), ("*.corp.test", "excluded"), ("*.bad.corp.test", "excluded"),
    ("*.good.corp.test", None), ("10.1.2.3", "excluded"), ("127.0.0.1", "excluded")])
def test_name_constraints_are_kept_at_newOrder(world, name, complaint):
    """X-CA-4: refused before anything is proved."""
    client = world.client("corp")
    before = world.house.rows()
    answer = client.post(client.directory["newOrder"], {"identifiers": [
        {"type": "ip" if name[0].isdigit() else "dns", "value": name}]})
    if complaint is None:
        assert answer.status == 201, answer
        return
    assert answer.status in (400, 403) and answer.type == "rejectedIdentifier" and complaint in answer.json["detail"], answer
    assert world.house.rows() == before


@pytest.mark.parametrize("directory, name, complaint", [
    ("corp", "corp.test", None), ("corp", "a.corp.test", None), ("corp", "corp.example", "outside"),
    ("corp", "bad.corp.test", "excluded"), ("corp", "127.0.0.1", "excluded"),
    ("bytype", "corp.example", None)])  # another profile's issuer may
def test_name_constraints_are_kept_at_newAuthz(world, directory, name, complaint):
    """X-CA-4: what no issuer of the directory may certify need not be proved."""
    client = world.client(directory)
    before = world.house.rows()
    answer = client.post(client.directory["newAuthz"], {"identifier": {"type": "ip" if name[0].isdigit() else "dns", "value": name}})
    if complaint is None:
        assert answer.status == 201, answer
        return
    assert answer.status == 403 and answer.type == "rejectedIdentifier" and complaint in answer.json["detail"], answer
    assert world.house.rows() == before


def test_within_its_constraints(world, tmp_path):
    chain, body = world.issue("corp", "www.corp.test", "p256")
    assert issuer_of(chain) == "corp"
    leaf, rest = re.match(rb"(-----BEGIN.*?END CERTIFICATE-----\n)(.*)", body, re.DOTALL).groups()
    (tmp_path / "leaf.pem").write_bytes(leaf)
    (tmp_path / "rest.pem").write_bytes(rest)
    run("openssl", "verify", "-x509_strict", "-CAfile", world.house.root, "-untrusted", tmp_path / "rest.pem", tmp_path / "leaf.pem")
    done = subprocess.run(["certtool", "--verify", "--load-ca-certificate", world.house.root, "--verify-profile", "low"], input=body,
                          capture_output=True, check=False)
    assert done.returncode == 0, done


def test_constraints_by_type_of_key(world):
    """One issuer of several may certify it, but not the one for that type of key."""
    answer, _ = world.finalize("bytype", "www.rsa.test", "p256", "mixed")
    assert answer.type == "badCSR" and "outside" in answer.json["detail"] and "this type" in answer.json["detail"], answer
    chain, _ = world.issue("bytype", "www.rsa.test", "rsa2048", "mixed")
    assert issuer_of(chain) == "rsaonly"
    answer, _ = world.finalize("bytype", "www.corp.test", "rsa2048", "mixed")
    assert answer.type == "badCSR", answer


@pytest.mark.parametrize("more, complaint", [
    ("  wrong:\n    issuer: absent\n", "profiles.wrong: issuer: there is no issuer \"absent\""),
    ("  wrong:\n    issuers: [rsa=absent]\n", "profiles.wrong: issuers: there is no issuer \"absent\""),
    ("  wrong:\n    issuers: [dsa=p384]\n", "none of rsa=NAME"),
    ("  wrong:\n    issuers: [rsa]\n", "none of rsa=NAME"),
    ("  wrong:\n    issuers: [rsa=p384, rsa=rsa2048]\n", "rsa is there twice"),
    ("  wrong:\n    issuer: corp\n    usages: [server, client]\n", "profiles.wrong: usages"),
    ("  wrong:\n    issuers: [ecdsa=corp]\n    usages: client\n", "profiles.wrong: usages"),
])
def test_check_config(world, more, complaint):
    path = world.home / "cairn-ca.yaml"
    before = path.read_text()
    try:
        world.configure(more)
        assert complaint in run(CAIRN_CA, "check-config", "--dir", world.home, code=78)
    finally:
        path.write_text(before)
    run(CAIRN_CA, "check-config", "--dir", world.home)
