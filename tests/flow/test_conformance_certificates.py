"""RFC 5280 4 and the Baseline Requirements 7.1, octet by octet, by a strict reader of DER that is written
here from X.690: the leaves of every kind of key, the intermediate and the root. Each check names its row."""
import datetime
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

import conformance
import house as house_module
from acme_raw import make_csr, b64

SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING, OID, BOOLEAN, NULL = 0x30, 0x31, 2, 3, 4, 6, 1, 5
UTC_TIME, GENERALIZED_TIME, UTF8, PRINTABLE = 0x17, 0x18, 0x0c, 0x13
DAY = datetime.timedelta(days=1)


class Node:
    """One element of strict DER."""

    def __init__(self, octets, at=0):
        self.tag = octets[at]
        assert self.tag & 0x1f != 0x1f, "a long tag"
        first, begin = octets[at + 1], at + 2
        if first < 0x80:
            size = first
        else:
            count = first & 0x7f
            size = int.from_bytes(octets[begin:begin + count], "big")
            assert 0 < count < 4 and size >= 0x80 and octets[begin] != 0, "a length longer than it must be"
            begin += count
        self.end = begin + size
        assert self.end <= len(octets)
        self.whole, self.content = octets[at:self.end], octets[begin:self.end]
        self.inside = []
        if self.tag & 0x20:
            where = 0
            while where < len(self.content):
                self.inside.append(Node(self.content, where))
                where = self.inside[-1].end
        elif self.tag == BOOLEAN:
            assert self.content == b"\xff", "FALSE is left out where it is the default, TRUE is ff"
        elif self.tag == INTEGER:
            assert self.content and not (len(self.content) > 1 and self.content[0] == (0 if self.content[1] < 0x80 else 0xff)), \
                "an integer longer than it must be"


def oid(text):
    parts = [int(p) for p in text.split(".")]
    octets = bytes([parts[0] * 40 + parts[1]])
    for part in parts[2:]:
        some = [part & 0x7f]
        while part := part >> 7:
            some.insert(0, part & 0x7f | 0x80)
        octets += bytes(some)
    return octets


class Certificate:
    def __init__(self, der):
        root = Node(der)
        assert root.end == len(der)
        self.tbs, self.algorithm, self.signature = root.inside
        parts = list(self.tbs.inside)
        assert parts[0].tag == 0xa0 and parts[0].inside[0].content == b"\x02", "X-GEN-1: version 3"
        self.serial, self.algorithm_inside, self.issuer, self.validity, self.subject, self.spki, *rest = parts[1:]
        assert [p.tag for p in rest] == [0xa3], "X-GEN-9: extensions and no unique identifiers"
        self.extensions = {}
        for one in rest[0].inside[0].inside:
            name, *critical, value = one.inside
            assert name.content not in self.extensions, "X-GEN-11"
            self.extensions[name.content] = (bool(critical), value.content)

    def extension(self, dotted):
        """Critical, value as DER; None if it is not there."""
        found = self.extensions.get(oid(dotted))
        return None if found is None else (found[0], Node(found[1]))


def certificates(pem):
    blocks = re.findall(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
    return [x509.load_pem_x509_certificate(b).public_bytes(Encoding.DER) for b in blocks]


KEYS = {"P-256": lambda: ec.generate_private_key(ec.SECP256R1()), "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "P-521": lambda: ec.generate_private_key(ec.SECP521R1()), "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate}
SPKI = {"P-256": "301306072a8648ce3d020106082a8648ce3d030107", "P-384": "301006072a8648ce3d020106052b81040022",
        "P-521": "301006072a8648ce3d020106052b81040023", "RSA": "300d06092a864886f70d0101010500", "Ed25519": "300506032b6570"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = conformance.World(tmp_path_factory.mktemp("certificates") / "ca")
    yield made
    made.close()


@pytest.fixture(scope="module")
def leaves(world):
    """By kind of key: the leaf, its issuer, its names."""
    found = {}
    for kind, make in KEYS.items():
        names = [world.name(), "xn--mnchen-3ya." + world.name()]
        _, order, _ = world.ready(*names)
        done = world.client.post(order["finalize"], {"csr": b64(make_csr(names, make()))})
        assert done.status == 200, done
        leaf, issuer = certificates(world.client.post(done.json["certificate"], None).body)
        found[kind] = Certificate(leaf), Certificate(issuer), names
    return found


@pytest.fixture(scope="module")
def root(world):
    return Certificate(certificates(world.house.root.read_bytes())[0])


def judge(certificate, issuer):
    """What every certificate must be."""
    assert certificate.algorithm.whole == certificate.algorithm_inside.whole, "X-GEN-5"
    assert certificate.issuer.whole == issuer.subject.whole, "X-GEN-6"
    serial = certificate.serial.content
    assert 0 < int.from_bytes(serial, "big", signed=True) < 2 ** 159 and 8 < len(serial) <= 20, "X-GEN-2, X-GEN-3"
    for when in certificate.validity.inside:
        text = when.content.decode("ascii")
        if when.tag == UTC_TIME:
            assert re.fullmatch(r"\d{12}Z", text) and int(text[:2]) < 50, "X-GEN-7"
        else:
            assert when.tag == GENERALIZED_TIME and re.fullmatch(r"\d{14}Z", text) and int(text[:4]) >= 2050, "X-GEN-7"
    for name in (certificate.issuer, certificate.subject):
        for rdn in name.inside:
            assert rdn.tag == SET and len(rdn.inside) == 1, "X-GEN-19"
            kind, value = rdn.inside[0].inside
            assert kind.tag == OID and value.tag in (UTF8, PRINTABLE), "X-GEN-18"
            assert 0 < len(value.content.decode("utf-8")) <= 64, "X-GEN-18"
        kinds = [rdn.inside[0].inside[0].content for rdn in name.inside]
        assert len(kinds) == len(set(kinds)), "X-GEN-19"


def key_identifier(certificate):
    critical, value = certificate.extension("2.5.29.14")
    assert not critical and value.tag == OCTET_STRING and value.content
    return value.content


@pytest.mark.parametrize("kind", KEYS)
def test_leaves(leaves, kind):
    """X-GEN-1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 15, 16, 17, 19, X-TLS-4, 7, 8, 9, 10, 11, 14, 17, 18."""
    leaf, issuer, names = leaves[kind]
    judge(leaf, issuer)
    assert leaf.subject.whole == b"\x30\x00", "X-TLS-7, X-TLS-8"
    critical, value = leaf.extension("2.5.29.17")
    assert critical, "X-GEN-15: the subject is empty"
    assert [(n.tag, n.content) for n in value.inside] == [(0x82, n.encode("ascii")) for n in names], "X-GEN-16, 17, X-TLS-4"
    critical, value = leaf.extension("2.5.29.35")
    assert not critical and [n.tag for n in value.inside] == [0x80] and value.inside[0].content == key_identifier(issuer), "X-GEN-13"
    critical, value = leaf.extension("2.5.29.19")
    assert value.whole == b"\x30\x00", "X-GEN-10, X-TLS-14: CA:FALSE is the default"
    critical, value = leaf.extension("2.5.29.37")
    assert [n.content for n in value.inside] == [oid("1.3.6.1.5.5.7.3.1")], "X-TLS-9"
    critical, value = leaf.extension("2.5.29.15")
    bits = {"RSA": b"\x05\xa0"}.get(kind, b"\x07\x80")
    assert critical and value.content == bits, "X-TLS-10"
    _, value = leaf.extension("2.5.29.32")
    assert [n.whole for n in value.inside] == [b"\x30\x08\x06\x06" + oid("2.23.140.1.2.1")], "X-TLS-11"
    assert leaf.extension("2.5.29.30") is None, "X-TLS-14"
    assert leaf.spki.inside[0].whole.hex() == SPKI[kind], "X-TLS-17"
    assert leaf.algorithm.whole.hex() == "300a06082a8648ce3d040302", "X-TLS-18: the issuer's key is P-256"


def test_intermediate(leaves, root):
    """X-GEN-1, 2, 5, 6, 7, 9, 10, 11, 13, 14, 18, 19."""
    issuer = leaves["P-256"][1]
    judge(issuer, root)
    critical, value = issuer.extension("2.5.29.19")
    assert critical and [n.content for n in value.inside] == [b"\xff", b"\0"]
    critical, value = issuer.extension("2.5.29.15")
    assert critical and value.content == b"\x01\x06", "keyCertSign and cRLSign"
    critical, value = issuer.extension("2.5.29.35")
    assert not critical and [n.tag for n in value.inside] == [0x80] and value.inside[0].content == key_identifier(root), "X-GEN-13"
    assert len(key_identifier(issuer)) == 20, "X-GEN-14"
    assert issuer.algorithm.whole.hex() == "300a06082a8648ce3d040303", "the root's key is P-384"


def test_root(world, root):
    """X-CA-1, X-GEN-14, 18."""
    judge(root, root)
    assert root.issuer.whole == root.subject.whole
    critical, value = root.extension("2.5.29.19")
    assert critical and [n.content for n in value.inside] == [b"\xff"]
    critical, value = root.extension("2.5.29.15")
    assert critical and value.content == b"\x01\x06"
    assert len(key_identifier(root)) == 20 and root.extension("2.5.29.37") is None
    shown = x509.load_pem_x509_certificate(world.house.root.read_bytes())
    lifetime = shown.not_valid_after - shown.not_valid_before
    assert 2922 * DAY <= lifetime <= 9132 * DAY
    assert datetime.timedelta() <= datetime.datetime.utcnow() - shown.not_valid_before <= DAY


@pytest.mark.parametrize("name, good", [("\u00dc" * 20, True), ("x" * 40, True), ("x" * 41, False), ("\u00dc" * 21, False)],
                         ids=["letters", "characters", "too many letters", "too many characters"])
def test_the_longest_names_of_cas(tmp_path, name, good):
    """X-GEN-18: with what is put behind them they have 64 characters at most."""
    done = subprocess.run([house_module.CAIRN_CA, "init", "--dir", tmp_path / "ca", "--name", name], capture_output=True, text=True,
                          check=False)
    assert (done.returncode == 0) == good, done
    if good:
        judge(Certificate(certificates((tmp_path / "ca/intermediate.pem").read_bytes())[0]),
              Certificate(certificates((tmp_path / "ca/root.pem").read_bytes())[0]))
    else:
        assert not (tmp_path / "ca").exists() and "40 octets" in done.stderr, done
