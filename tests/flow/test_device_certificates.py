"""Certificates of devices (draft-ietf-acme-device-attest-09 3.2, 4.2): which requests are taken, what is certified, and what
openssl, certtool and python3-cryptography say of it."""
import json
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import attestation
from acme_raw import Client, b64
from attestation import hardware_module, permanent_identifier
from house import CAIRN_CA, House
from judges import output
from responder import Responder

SETTINGS = """
attest:
  tpm_roots: vendor.pem
directories:
  default:
    identifiers: [dns, permanent-identifier, hardware-module]
    challenges: [http-01, device-attest-01]
    profiles: [device, template, drop, private, mixed]
profiles:
  device:
    usages: client
    identifiers: [permanent-identifier, hardware-module]
  template:
    usages: client
    identifiers: [permanent-identifier]
    device_subject: template
  drop:
    usages: client
    identifiers: [permanent-identifier]
    device_subject: drop
  private:
    usages: client
    identifiers: [permanent-identifier, dns]
    device_privacy: true
  mixed:
    usages: client
    identifiers: [permanent-identifier, hardware-module, dns]
"""


@pytest.fixture(scope="module")
def vendor():
    return attestation.Authority()


@pytest.fixture(scope="module")
def house(tmp_path_factory, vendor):
    folder = tmp_path_factory.mktemp("certificates") / "ca"
    made = House(folder)
    try:
        path = folder / "cairn-ca.yaml"
        path.write_text(re.sub(r"(?ms)^(directories|profiles|attest):\n(?:[ #].*\n|\n)*", "", path.read_text()) + SETTINGS)
        (folder / "vendor.pem").write_text(vendor.root_pem)
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture(scope="module")
def responder(house):
    made = Responder(house.http_port)
    yield made
    made.close()


@pytest.fixture
def client(house):
    made = Client(house.url, house.root)
    made.register()
    return made


def request(key, names=(), common_name=None):
    """A request in DER; `names` are GeneralNames."""
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Order:
    """An order that is ready: its devices are attested by one key, its names are proved."""

    def __init__(self, client, vendor, *identifiers, profile="device", responder=None, kind="p256"):
        self.client = client
        self.key = attestation.new_key(kind)
        answer = client.post(client.directory["newOrder"], {"profile": profile, "identifiers": [
            dict(zip(("type", "value"), one.split(":", 1), strict=True)) for one in identifiers]})
        assert answer.status == 201, answer
        self.url, self.order = answer.headers["Location"], answer.json
        for url in self.order["authorizations"]:
            authz = client.post(url, None).json
            if authz["identifier"]["type"] == "dns":
                client.prove({"authorizations": [url]}, responder)
                continue
            value = authz["identifier"]["value"]
            name = (permanent_identifier if authz["identifier"]["type"] == "permanent-identifier" else hardware_module)(value)
            challenge = client.challenge(url, "device-attest-01")
            attested = attestation.tpm_object(vendor, f'{challenge["token"]}.{client.key.thumbprint()}', self.key, names=[name])
            sent = client.post(challenge["url"], {"attObj": b64(attested)})
            assert sent.status == 200 and sent.json["status"] == "valid", sent

    def finalize(self, names=(), common_name=None):
        return self.client.post(self.order["finalize"], {"csr": b64(request(self.key, names, common_name))})

    def chain(self, names=(), common_name=None):
        done = self.finalize(names, common_name)
        assert done.status == 200, done
        order = self.client.poll(self.url, ("valid", "invalid")).json
        assert order["status"] == "valid", order
        return self.client.post(order["certificate"], None).body

    def certificate(self, names=(), common_name=None):
        return x509.load_pem_x509_certificate(self.chain(names, common_name))

    def refused(self, words, names=(), common_name=None):
        """badCSR, and the order stays as it was."""
        answer = self.finalize(names, common_name)
        assert answer.status == 400 and answer.type == "badCSR" and words in answer.json["detail"], answer
        assert self.client.post(self.url, None).json["status"] == "ready"


def alternatives(certificate):
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def common_names(certificate):
    assert all(a.oid == NameOID.COMMON_NAME for a in certificate.subject)
    return [a.value for a in certificate.subject]


def judge(pem, root, folder):
    """openssl and certtool find a client's certificate, and none of a server."""
    (folder / "chain.pem").write_bytes(pem)
    output(["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", root, "-untrusted", folder / "chain.pem",
            folder / "chain.pem"])
    server = subprocess.run(["openssl", "verify", "-purpose", "sslserver", "-CAfile", str(root), "-untrusted",
                             str(folder / "chain.pem"), str(folder / "chain.pem")], capture_output=True, check=False)
    assert server.returncode != 0
    output(["certtool", "--verify", "--load-ca-certificate", root], input=pem.decode())
    return output(["openssl", "asn1parse", "-in", folder / "chain.pem", "-inform", "PEM"])


@pytest.mark.parametrize("value, name", [
    ("permanent-identifier:ABCDEF123456", permanent_identifier("ABCDEF123456")),
    ("permanent-identifier:A B \"x\" \u65e5/1.2.3.4", permanent_identifier("A B \"x\" \u65e5/1.2.3.4")),
    ("hardware-module:ABCD/1.2.3.4", hardware_module("ABCD/1.2.3.4"))])
def test_judged(house, client, vendor, tmp_path, value, name):
    """X-DEV-1 to X-DEV-4: otherName octet for octet, critical beside the empty subject; for clients and for signatures only."""
    order = Order(client, vendor, value)
    pem = order.chain()
    leaf = x509.load_pem_x509_certificate(pem)
    found = alternatives(leaf)
    assert list(found.value) == [name] and found.critical and not leaf.subject.rdns
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_encipherment and not usage.key_agreement
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    judge(pem, house.root, tmp_path)


def test_rsa_keys_sign(house, client, vendor, tmp_path):
    """X-DEV-2: no keyEncipherment unless the profile says it."""
    pem = Order(client, vendor, "permanent-identifier:RSA", kind="rsa").chain()
    usage = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_encipherment
    judge(pem, house.root, tmp_path)


def test_names_in_the_request(client, vendor):
    """X-CSR-4, X-CSR-5, S-DA-10, S-DA-11: the names of the order, all, some or none of them; one encoding more is read than is written."""
    values = ["permanent-identifier:A/1.2.3", "permanent-identifier:A", "hardware-module:A/1.2.3"]
    names = [permanent_identifier("A/1.2.3"), permanent_identifier("A"), hardware_module("A/1.2.3")]
    for given in (names, names[:1], [], [hardware_module("A/1.2.3", tag=0x84)]):
        leaf = Order(client, vendor, *values).certificate(given)
        assert sorted(map(repr, alternatives(leaf).value)) == sorted(map(repr, names)), given


@pytest.mark.parametrize("name", [permanent_identifier("abc/1.2.3"), permanent_identifier("ABC"), permanent_identifier("ABC/1.2.4"),
                                  hardware_module("ABC/1.2.3"), permanent_identifier("ABC /1.2.3"), x509.DNSName("abc"),
                                  x509.UniformResourceIdentifier("urn:abc")])
def test_other_names(client, vendor, name):
    """S-DA-10: octet for octet; no other kind either."""
    order = Order(client, vendor, "permanent-identifier:ABC/1.2.3")
    order.refused("neither DNS names" if isinstance(name, x509.UniformResourceIdentifier) else "which the order has not", [name])
    assert alternatives(order.certificate()).value[0] == permanent_identifier("ABC/1.2.3")


def test_unicode_is_not_normalised(client, vendor):
    """S-DA-10: e with an accent in one character or two."""
    order = Order(client, vendor, "permanent-identifier:\u00e9")
    order.refused("which the order has not", [permanent_identifier("e\u0301")])
    order.certificate([permanent_identifier("\u00e9")])


def test_common_name(client, vendor):
    """S-DA-12: the identifier, as it is, or none; then it is the certificate's, and the subjectAltName is not critical."""
    order = Order(client, vendor, "permanent-identifier:AbC 1")
    order.refused("which the order has not", common_name="abc 1")
    order.refused("which the order has not", common_name="somebody else")
    leaf = order.certificate(common_name="AbC 1")
    assert common_names(leaf) == ["AbC 1"] and not alternatives(leaf).critical
    assert list(alternatives(leaf).value) == [permanent_identifier("AbC 1")]


@pytest.mark.parametrize("profile, expected", [("template", ["ABC"]), ("drop", [])])
def test_common_name_by_the_profile(client, vendor, profile, expected):
    """S-DA-12: whatever the request says, the profile's switch decides."""
    for given in ("iPhone of somebody", None):
        leaf = Order(client, vendor, "permanent-identifier:ABC", profile=profile).certificate(common_name=given)
        assert common_names(leaf) == expected
        assert list(alternatives(leaf).value) == [permanent_identifier("ABC")]
        assert alternatives(leaf).critical == (expected == [])


def test_long_values(client, vendor):
    """A common name has 64 characters, a value 255 octets."""
    long = "x" * 255
    order = Order(client, vendor, f"permanent-identifier:{long}")
    order.refused("longer than the 64 characters", common_name=long[:100] + long[100:])
    assert list(alternatives(order.certificate()).value) == [permanent_identifier(long)]
    leaf = Order(client, vendor, f"permanent-identifier:{long}", profile="template").certificate()
    assert common_names(leaf) == []


def test_mixed(client, vendor, responder):
    """S-DA-14: of an order that has names, too, the names must be there."""
    order = Order(client, vendor, "dns:a.example.test", "permanent-identifier:A", profile="mixed", responder=responder)
    order.refused('lacks "a.example.test"', [permanent_identifier("A")])
    order.refused('"b.example.test"', [x509.DNSName("a.example.test"), x509.DNSName("b.example.test")])
    leaf = order.certificate([x509.DNSName("a.example.test")])
    assert list(alternatives(leaf).value) == [x509.DNSName("a.example.test"), permanent_identifier("A")]


def test_a_device_that_looks_like_a_name(client, vendor, responder):
    """S-DA-14: what stands in the request as a name is no device, and the reverse."""
    order = Order(client, vendor, "permanent-identifier:b.example.test", profile="mixed", responder=responder)
    order.refused("which the order has not", [x509.DNSName("b.example.test")])
    leaf = order.certificate(common_name="b.example.test")
    assert common_names(leaf) == ["b.example.test"] and len(alternatives(leaf).value) == 1


def test_privacy(house, client, vendor, responder, tmp_path):
    """X-DEV-5, S-DA-11: a request that names the device is refused, and no certificate does; something else is there."""
    order = Order(client, vendor, "permanent-identifier:SECRET-7", profile="private")
    order.refused("leave it out", [permanent_identifier("SECRET-7")])
    order.refused("keeps out of certificates", common_name="SECRET-7")
    pem = order.chain()
    leaf = x509.load_pem_x509_certificate(pem)
    assert b"SECRET-7" not in leaf.public_bytes(serialization.Encoding.DER)
    (name,) = alternatives(leaf).value
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", name.value)
    judge(pem, house.root, tmp_path)
    again = Order(client, vendor, "permanent-identifier:SECRET-7", profile="private").certificate()
    assert alternatives(again).value[0] != name
    order = Order(client, vendor, "permanent-identifier:SECRET-7", "dns:p.example.test", profile="private", responder=responder)
    assert list(alternatives(order.certificate([x509.DNSName("p.example.test")])).value) == [x509.DNSName("p.example.test")]


def admin(house, *arguments):
    done = subprocess.run([str(CAIRN_CA), *arguments[:2], "--dir", str(house.directory), "--json", *arguments[2:]],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_told_apart_afterwards(house, client, vendor):
    """Lists, criteria and the log: a device says its type, and what it is called cannot pass for something of ours."""
    value = 'L1" result=invalid x="www.example.test'
    text = f"permanent-identifier:{value}"
    leaf = Order(client, vendor, text).certificate()
    serial = leaf.serial_number.to_bytes(20, "big").lstrip(b"\0").hex()
    listed = admin(house, "authz", "list", "--identifier", text)["authorizations"]
    assert [row["identifier"] for row in listed] == [text]
    assert admin(house, "certificate", "show", serial)["names"] == [text]
    found = admin(house, "certificate", "list", "--name", text)["certificates"]
    assert [row["serial"] for row in found] == [serial]
    assert admin(house, "certificate", "list", "--name", "www.example.test")["certificates"] == []
    assert "L1" not in house.text()  # the log says which authorization it was, and no more
    audit = [json.loads(line) for file in sorted(house.directory.glob("audit/front/*")) for line in file.read_text().splitlines() if "L1" in line]
    assert [(row["identifier_type"], row["identifier"]) for row in audit if row["event"] == "validation"] == [("permanent-identifier", value)]


def test_pauses(house, client):
    """A device is paused, and not the name that looks like it."""
    account = client.kid.rpartition("/")[2]
    paused = admin(house, "pause", "add", account, "permanent-identifier:p.example.test")
    assert paused["identifier"] == "permanent-identifier:p.example.test"

    def ask(kind):
        return client.post(client.directory["newOrder"],
                           {"profile": "mixed", "identifiers": [{"type": kind, "value": "p.example.test"}]})
    refused = ask("permanent-identifier")
    assert refused.status == 429 and refused.type == "rateLimited", refused
    assert ask("dns").status == 201
    admin(house, "pause", "remove", account, "permanent-identifier:p.example.test")
    assert ask("permanent-identifier").status == 201


def test_check_finds_nothing(house, client, vendor):
    """cairn-ca check compares devices with their orders."""
    Order(client, vendor, "permanent-identifier:checked/1.2.3").certificate()
    done = subprocess.run([str(CAIRN_CA), "check", "--dir", str(house.directory), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
