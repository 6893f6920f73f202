"""A TPM gets a certificate for its attestation key (docs/devices.md): cairn-ca makes credentials, a software TPM opens them, and
neither the TPM nor its maker's CA nor the client's tools are ours."""
import base64
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

import swtpm
from acme_raw import Client
from enrolment import Enroller, Refused, question_of
from house import CAIRN_CA, ROOT, House
from swtpm import EK_P384, EK_RSA, text

pytestmark = pytest.mark.skipif(swtpm.missing() is not None, reason=f"not there: {swtpm.missing()}")

AK_USAGE = "2.23.133.8.3"
PERMANENT_IDENTIFIER = "1.3.6.1.5.5.7.8.3"


@pytest.fixture(scope="module")
def makers(tmp_path_factory):
    return swtpm.MakersCA(tmp_path_factory.mktemp("makers") / "ca")


@pytest.fixture(scope="module")
def tpm(tmp_path_factory, makers):
    one = swtpm.Swtpm(tmp_path_factory.mktemp("tpm") / "one", makers)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def other_tpm(tmp_path_factory, makers):
    one = swtpm.Swtpm(tmp_path_factory.mktemp("tpm") / "other", makers)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def ak(tpm):
    return tpm.make_ak()


@contextlib.contextmanager
def serving(folder, *sets, start=True):
    house = House(folder / "ca", sets=["directories.default.attestation_enrollment=true", *sets])
    try:
        if start:
            house.start()
        yield house
    finally:
        house.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory, makers, tpm):
    """Knows the makers' root (and the issuer below it), and takes the EK's hash for a name."""
    with serving(tmp_path_factory.mktemp("enrol"), f"attest.ek_roots={makers.issuer},{makers.root}",
                 "attest.ak_identity=ek") as one:
        yield one


@pytest.fixture(scope="module")
def enroller(house):
    return at(house)


def at(house):
    client = Client(house.url, house.root)
    return Enroller(client.directory["meta"]["attestationEnrollment"], house.root)


def command(house, *arguments, check=True):
    done = subprocess.run([CAIRN_CA, *arguments, "--dir", house.directory], capture_output=True, text=True, timeout=60)
    assert not check or done.returncode == 0, done.stderr
    return done


def names_of(certificate):
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def identifier_of(certificate):
    """The UTF8String of the PermanentIdentifier, read by hand."""
    [other] = names_of(certificate).value.get_values_for_type(x509.OtherName)
    assert other.type_id.dotted_string == PERMANENT_IDENTIFIER
    assert other.value[0] == 0x30 and other.value[1] == len(other.value) - 2 and other.value[2] == 0x0c
    return other.value[4:4 + other.value[3]].decode()


def spki_of(certificate):
    return certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def store_rows(house, sql):
    with contextlib.closing(sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchall()


# ---- it works


@pytest.mark.parametrize("ek", ["rsa2048", "p384"])
@pytest.mark.parametrize("kind", ["ecc", "ecc384", "rsa", "pss"])
def test_a_tpm_enrols(house, enroller, tpm, kind, ek):
    """EK to AK certificate, judged by python3-cryptography and openssl."""
    ek = EK_RSA if ek == "rsa2048" else EK_P384
    ak = tpm.make_ak(kind)
    chain = [x509.load_der_x509_certificate(der) for der in enroller.enroll(tpm, ak, ek)]
    leaf = chain[0]
    assert len(chain) == 2 and leaf.version is x509.Version.v3 and not list(leaf.subject)
    chain[1].public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(leaf.signature_hash_algorithm))
    assert spki_of(leaf) == ak.spki()
    extensions = leaf.extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_encipherment and not usage.key_cert_sign
    assert [one.dotted_string for one in extensions.get_extension_for_class(x509.ExtendedKeyUsage).value] == [AK_USAGE]
    names = names_of(leaf)
    assert names.critical and len(list(names.value)) == 3
    [tpm_name] = names.value.get_values_for_type(x509.DirectoryName)
    maker = names_of(x509.load_der_x509_certificate(tpm.ek_certificate(ek))).value.get_values_for_type(x509.DirectoryName)[0]
    assert [(a.oid.dotted_string, a.value) for a in tpm_name] == [(a.oid.dotted_string, a.value) for a in maker]
    digest = hashlib.sha256(tpm.ek_public(ek)).digest()
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:ek:sha256:" + text(digest)]
    assert identifier_of(leaf) == digest.hex()
    assert (leaf.not_valid_after - leaf.not_valid_before).days in (89, 90)


def test_openssl_verifies_it(tmp_path, house, enroller, tpm, ak):
    chain = enroller.enroll(tpm, ak)
    (tmp_path / "leaf.der").write_bytes(chain[0])
    for name, der in (("leaf", chain[0]), ("issuer", chain[1])):
        (tmp_path / f"{name}.pem").write_bytes(
            x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM))
    swtpm.run("openssl", "verify", "-x509_strict", "-CAfile", house.root, "-untrusted", tmp_path / "issuer.pem",
              tmp_path / "leaf.pem")
    shown = swtpm.run("openssl", "x509", "-in", tmp_path / "leaf.pem", "-noout", "-text").decode()
    assert "X509v3 Subject Alternative Name: critical" in shown and "2.23.133.8.3" in shown and "CA:FALSE" in shown
    swtpm.run("certtool", "--certificate-info", "--infile", tmp_path / "leaf.pem")


def test_an_ek_of_p256_whose_certificate_comes_from_elsewhere(tmp_path, makers, tpm, ak):
    """Made by python3-cryptography; the chain needs a certificate that the request brings."""
    ek = tpm.make_ek("ecc")
    public = serialization.load_der_public_key(tpm.ek_public(ek))
    root, root_key = make_ca("Maker's Root")
    issuer, issuer_key = make_ca("Maker's Issuer", root, root_key)
    certificate = make_ek_certificate(public, issuer, issuer_key)
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "roots" / "README").write_text("no certificate")
    with serving(tmp_path, f"attest.ek_roots={tmp_path}/roots", "attest.ak_identity=ek") as house:
        ca = at(house)
        question = question_of(tpm, ak, ek, ekCerts=[text(der(certificate)), text(der(issuer))])
        leaf = x509.load_der_x509_certificate(ca.enroll(tpm, ak, ek, question)[0])
        assert identifier_of(leaf) == hashlib.sha256(tpm.ek_public(ek)).hexdigest()
        with pytest.raises(Refused, match="unable to get local issuer certificate"):
            ca.attest(question_of(tpm, ak, ek, ekCerts=[text(der(certificate))]))


def test_what_is_left_out(enroller, tpm, ak):
    """`ek` says what the certificate says, the creation is proved by the activation too, and a TPM with a certificate need not say
    what it is; members nobody knows are passed over."""
    for more in ({"ek": None}, {"tpmInfo": None}, {"params": {"public": text(ak.public)}}, {"akCert": "", "x": [1]}):
        assert len(enroller.enroll(tpm, ak, question=question_of(tpm, ak, **more))) == 2


def test_the_directory_says_where(house, enroller):
    base = Client(house.url, house.root).directory["meta"]["attestationEnrollment"]
    assert house.url.rpartition("/")[0] == base
    with serving_off(house) as directory:
        assert "attestationEnrollment" not in directory["meta"]


@contextlib.contextmanager
def serving_off(house):
    with tempfile.TemporaryDirectory() as folder:
        other = House(os.path.join(folder, "ca"), stub=house.stub)
        try:
            other.start()
            yield Client(other.url, other.root).directory
            enroller = Enroller(other.url.rpartition("/")[0], other.root)
            for path in ("attest", "secret"):
                with pytest.raises(Refused) as refused:
                    enroller.post(path, {})
                assert refused.value.status == 404
        finally:
            other.stop()


# ---- endorsement keys that are not believed


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def make_ca(name, signer=None, signer_key=None):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(signer.subject if signer else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=800))
               .add_extension(x509.BasicConstraints(True, None), True)
               .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    return builder.sign(signer_key or key, hashes.SHA256()), key


def tpm_name(manufacturer="id:494E5443", model="PTT", version="id:00010002"):
    values = {"2.23.133.2.1": manufacturer, "2.23.133.2.2": model, "2.23.133.2.3": version}
    return x509.Name([x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in values.items() if value])


def make_ek_certificate(public, issuer, issuer_key, *, usage="2.23.133.8.1", name=None, days=(-1, 400), ca=False,
                        encipher=None):
    now = datetime.datetime.utcnow()
    is_rsa = isinstance(public, rsa.RSAPublicKey) if encipher is None else encipher
    builder = (x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(issuer.subject).public_key(public)
               .serial_number(x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days=days[0]))
               .not_valid_after(now + datetime.timedelta(days=days[1]))
               .add_extension(x509.BasicConstraints(ca, None), True)
               .add_extension(x509.KeyUsage(False, False, is_rsa, False, not is_rsa, False, False, False, False), True)
               .add_extension(x509.SubjectAlternativeName([x509.DirectoryName(name or tpm_name())]), True)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False))
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(usage)]), False)
    return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture(scope="module")
def own_makers(tmp_path_factory):
    """A maker whose certificates this test writes, and a CA that believes it."""
    folder = tmp_path_factory.mktemp("own")
    root, key = make_ca("Own Maker")
    (folder / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    with serving(folder, f"attest.ek_roots={folder}/root.pem", "attest.ak_identity=ek") as house:
        yield at(house), root, key


def oaep(certificate, key):
    """The same with the key marked for RSAES-OAEP, as some makers write it (RFC 4055 4.1), signed again."""
    old = bytes.fromhex("300d06092a864886f70d0101010500")
    new = bytes.fromhex("300d06092a864886f70d0101073000")
    tbs = certificate.tbs_certificate_bytes
    assert tbs.count(old) == 1
    tbs = tbs.replace(old, new)
    signature = key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    body = tbs + algorithm + b"\x03" + bytes([len(signature) + 1]) + b"\0" + signature
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


def test_certificates_of_an_ek_that_are_not_believed(own_makers, tpm, ak):
    """Each is refused for one reason, which is named; the EK is the TPM's own, and the inventory does not know it."""
    ca, root, key = own_makers
    public = serialization.load_der_public_key(tpm.ek_public())
    stranger, stranger_key = make_ca("Stranger")
    same_name, same_name_key = make_ca("Own Maker")
    other_key = rsa.generate_private_key(65537, 2048).public_key()
    rows = [
        (make_ek_certificate(public, root, key, days=(-10, -1)), "has expired"),
        (make_ek_certificate(public, root, key, days=(1, 9)), "is not yet valid"),
        (make_ek_certificate(public, stranger, stranger_key), "unable to get local issuer certificate"),
        (make_ek_certificate(public, same_name, same_name_key), "the EK certificate: "),
        (make_ek_certificate(other_key, root, key), "for another key than ek"),
        (make_ek_certificate(public, root, key, usage=None), "lacks tcg-kp-EKCertificate"),
        (make_ek_certificate(public, root, key, usage="1.3.6.1.5.5.7.3.2"), "lacks tcg-kp-EKCertificate"),
        (make_ek_certificate(public, root, key, ca=True), "is one of a CA"),
        (make_ek_certificate(public, root, key, encipher=False), "lacks keyEncipherment"),
        (make_ek_certificate(public, root, key, name=tpm_name(model=None)), "does not name the TPM's"),
        (make_ek_certificate(public, root, key, name=tpm_name(version="2.0")), "does not name the TPM's"),
    ]
    for certificate, reason in rows:
        with pytest.raises(Refused) as refused:
            ca.attest(question_of(tpm, ak, ekCerts=[text(der(certificate))]))
        assert (refused.value.status, refused.value.kind) == (403, "unauthorized"), reason
        assert reason in refused.value.detail and "no device of the inventory" in refused.value.detail
    with pytest.raises(Refused, match="there is no EK certificate"):
        ca.attest(question_of(tpm, ak, ekCerts=None))
    good = make_ek_certificate(public, root, key)
    assert len(ca.enroll(tpm, ak, question=question_of(tpm, ak, ekCerts=[text(der(good))]))) == 2
    with pytest.raises(Refused, match="marked for RSAES-OAEP"):
        ca.attest(question_of(tpm, ak, ekCerts=[text(oaep(good, key))]))


# ---- attestation keys that are not


def refused(enroller, question):
    with pytest.raises(Refused) as caught:
        enroller.attest(question)
    return caught.value


@pytest.mark.parametrize("attributes, missing", [
    ("sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth", "restricted"),
    ("restricted|sign|fixedparent|sensitivedataorigin|userwithauth", "fixedTPM"),
    ("restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth", "sign"),
])
def test_attributes(enroller, tpm, attributes, missing):
    """Of keys that a TPM really made, where it makes such."""
    if missing == "restricted":
        ak = tpm.make_ak(attributes=attributes)
        question = question_of(tpm, ak, params={"public": text(ak.public)})
    else:
        ak = tpm.make_ak()
        bit = {"fixedTPM": 0x2, "sign": 0x40000}[missing]
        public = bytearray(ak.public)
        flags = int.from_bytes(public[4:8], "big") & ~bit
        public[4:8] = flags.to_bytes(4, "big")
        question = question_of(tpm, ak, params={"public": text(bytes(public))})
    problem = refused(enroller, question)
    assert (problem.status, problem.kind) == (400, "badAttestationStatement")
    assert f"lacks the attribute {missing}" in problem.detail


def test_what_certify_creation_says_is_looked_at(enroller, tpm, ak):
    other = tpm.make_ak()
    mine, others = ak.parameters(), other.parameters()
    by_other = tpm.make_ak("ecc")
    attestation, signature = ak.certify_creation(by=by_other)

    def flip(octets, at):
        octets = bytearray(octets)
        octets[at] ^= 1
        return text(bytes(octets))

    rows = [
        ({**mine, "createAttestation": others["createAttestation"]}, "the names differ"),
        ({**mine, "public": others["public"]}, "the names differ"),
        ({**mine, "createSignature": others["createSignature"]}, "is not the attestation key's"),
        ({**mine, "createAttestation": text(attestation), "createSignature": text(signature)}, "is not the attestation key's"),
        ({**mine, "createData": flip(base64.b64decode(mine["createData"]), -1)}, "other creation data"),
        ({**mine, "createAttestation": flip(base64.b64decode(mine["createAttestation"]), 0)}, "mark of what a TPM makes"),
        ({name: value for name, value in mine.items() if name != "createData"}, "one is missing"),
        ({**mine, "createSignature": text(base64.b64decode(mine["createSignature"]) + b"\0")}, "createSignature"),
    ]
    for params, reason in rows:
        problem = refused(enroller, question_of(tpm, ak, params=params))
        assert problem.status == 400 and reason in problem.detail, (reason, problem.detail)


def test_a_key_of_another_tpm(enroller, tpm, other_tpm, ak):
    """The TPM of the EK does not hold the AK: it cannot read the secret, so nobody gets the certificate."""
    foreign = other_tpm.make_ak()
    credential, encrypted = enroller.attest(question_of(tpm, foreign))
    with pytest.raises(AssertionError, match="tpm2_activatecredential"):
        tpm.activate(ak, EK_RSA, credential, encrypted)  # the name differs
    with pytest.raises(AssertionError, match="tpm2_activatecredential"):
        other_tpm.activate(foreign, EK_RSA, credential, encrypted)  # the EK differs


# ---- secrets


def unknown(caught):
    return (caught.value.status, caught.value.kind) == (403, "unauthorized") and "no enrolment that waits" in caught.value.detail


def test_a_secret_is_good_once(house, enroller, tpm, ak):
    secret = tpm.activate(ak, EK_RSA, *enroller.attest(question_of(tpm, ak)))
    assert len(secret) == 32
    hashes_kept = [row[0] for row in store_rows(house, "SELECT secret_hash FROM enrollment")]
    assert hashlib.sha256(secret).digest() in hashes_kept and secret not in hashes_kept
    for wrong in (secret[:-1] + bytes([secret[-1] ^ 1]), secret[:16], os.urandom(32), b""):
        with pytest.raises(Refused) as caught:
            enroller.secret(wrong)
        assert unknown(caught)
    assert len(enroller.secret(secret)) == 2
    with pytest.raises(Refused) as caught:
        enroller.secret(secret)
    assert unknown(caught)


def test_the_secret_of_another_enrolment_gives_that_one_s_certificate(enroller, tpm, other_tpm, ak):
    """A secret is of one AK: whoever sends it gets the certificate of that key, and none else."""
    mine = tpm.activate(ak, EK_RSA, *enroller.attest(question_of(tpm, ak)))
    other = other_tpm.make_ak()
    enroller.attest(question_of(other_tpm, other))
    leaf = x509.load_der_x509_certificate(enroller.secret(mine)[0])
    assert spki_of(leaf) == ak.spki() != other.spki()


def test_a_directory_s_enrolments_are_its_own(tmp_path, makers, tpm, ak):
    with serving(tmp_path, f"attest.ek_roots={makers.issuer}", "attest.ak_identity=ek",
                 "directories.second.attestation_enrollment=true") as house:
        first = at(house)
        second = Enroller(first.base.geturl() + "/second", house.root)
        secret = tpm.activate(ak, EK_RSA, *first.attest(question_of(tpm, ak)))
        with pytest.raises(Refused) as caught:
            second.secret(secret)
        assert unknown(caught)
        assert len(first.secret(secret)) == 2
        assert len(second.enroll(tpm, ak)) == 2


def test_secrets_outlive_a_front_and_not_their_time(tmp_path, makers, tpm, ak):
    """Restarted, then with a lifetime that is over."""
    with serving(tmp_path, f"attest.ek_roots={makers.issuer}", "attest.ak_identity=ek") as house:
        secret = tpm.activate(ak, EK_RSA, *at(house).attest(question_of(tpm, ak)))
        old = tpm.activate(ak, EK_RSA, *at(house).attest(question_of(tpm, ak)))
        house.kill()
        with contextlib.closing(sqlite3.connect(house.directory / "cairn.db")) as db:
            digest = hashlib.sha256(old).digest()
            assert db.execute("UPDATE enrollment SET expires = expires - 300 WHERE secret_hash = ?", (digest,)).rowcount == 1
            db.commit()
        house.start()
        enroller = at(house)
        with pytest.raises(Refused) as caught:
            enroller.secret(old)
        assert unknown(caught)
        assert len(enroller.secret(secret)) == 2


def test_another_issuer_signs(tmp_path, makers, tpm, ak):
    """attest.ak_issuer, and attest.ak_lifetime."""
    root, root_key = make_ca("AK Root")
    issuer, issuer_key = make_ca("AK Issuer", root, root_key)
    (tmp_path / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "issuer.pem").write_bytes(issuer.public_bytes(serialization.Encoding.PEM))
    key_file = tmp_path / "issuer.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(issuer_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                  serialization.NoEncryption()))
    with serving(tmp_path, f"attest.ek_roots={makers.issuer}", "attest.ak_identity=ek", "attest.ak_issuer=ak",
                 f"issuers.ak.certificate={tmp_path}/issuer.pem", f"issuers.ak.key={key_file}",
                 f"issuers.ak.root={tmp_path}/root.pem", "attest.ak_lifetime=2h") as house:
        leaf, *rest = [x509.load_der_x509_certificate(one) for one in at(house).enroll(tpm, ak)]
        assert rest == [issuer] and leaf.issuer == issuer.subject
        assert leaf.not_valid_after - leaf.not_valid_before == datetime.timedelta(hours=2, seconds=-1)
        issuer_key.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))


def test_makers_after_a_reload(tmp_path, makers, tpm, ak):
    """A maker's certificate is put into the folder, and SIGHUP has it read."""
    folder = tmp_path / "roots"
    folder.mkdir()
    stranger, _ = make_ca("Stranger")
    (folder / "stranger.pem").write_bytes(stranger.public_bytes(serialization.Encoding.PEM))
    with serving(tmp_path, f"attest.ek_roots={folder}", "attest.ak_identity=ek") as house:
        enroller = at(house)
        assert refused(enroller, question_of(tpm, ak)).status == 403
        (folder / "maker.crt").write_bytes(makers.issuer.read_bytes())
        mark = house.log_path.stat().st_size
        house.process.send_signal(signal.SIGHUP)
        house.wait_for_line(r"proc\.reloaded", since=mark)
        assert len(enroller.enroll(tpm, ak)) == 2


# ---- the inventory


def test_the_inventory_names_and_blocks(tmp_path, tpm, other_tpm, ak):
    """Without any maker: what is in the inventory is known by its EK, and nobody else is."""
    with serving(tmp_path) as house:
        enroller = at(house)
        problem = refused(enroller, question_of(tpm, ak))
        assert (problem.status, problem.kind) == (403, "unauthorized")
        digest = hashlib.sha256(tpm.ek_public()).hexdigest()
        assert f"no device of the inventory has the endorsement key {digest}" in problem.detail
        command(house, "device", "add", "laptop 17", "--ek", digest)
        leaf = x509.load_der_x509_certificate(enroller.enroll(tpm, ak)[0])
        assert identifier_of(leaf) == "laptop 17"
        [tpm_name] = names_of(leaf).value.get_values_for_type(x509.DirectoryName)
        assert [a.value for a in tpm_name] == ["id:49424D00", "swtpm", "id:20191023"]  # what it says of itself
        assert refused(enroller, question_of(other_tpm, other_tpm.make_ak())).status == 403
        waiting = tpm.activate(ak, EK_RSA, *enroller.attest(question_of(tpm, ak)))
        command(house, "device", "block", "laptop 17", "--yes")
        assert "is blocked" in refused(enroller, question_of(tpm, ak)).detail
        with pytest.raises(Refused, match="is blocked"):
            enroller.secret(waiting)
        serial = format(leaf.serial_number, "x")
        shown = json.loads(command(house, "certificate", "show", serial, "--json").stdout)
        assert "revoked" in json.dumps(shown)


def test_check_finds_nothing(house, enroller, tpm, ak):
    enroller.enroll(tpm, ak)
    done = subprocess.run([CAIRN_CA, "check", "--dir", house.directory], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([CAIRN_CA, "audit", "verify", "--dir", house.directory], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (house.directory / "audit/front/000001.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["event"] == "enrollment" and line["result"] == "ok"]
    assert "attest" in steps and "secret" in steps


# ---- hostile requests


def test_malformed_requests(enroller, tpm, ak):
    good = question_of(tpm, ak)
    rows = [
        (b"", 400), (b"[]", 400), (b"{", 400), ({}, 400), ({"params": {}}, 400), ({"params": {"public": ""}}, 400),
        ({**good, "ek": "!"}, 400), ({**good, "ek": text(b"x")}, 400), ({**good, "ek": 7}, 400),
        ({**good, "ekCerts": "x"}, 400), ({**good, "ekCerts": [1]}, 400), ({**good, "ekCerts": good["ekCerts"] * 5}, 400),
        ({**good, "params": {"public": text(b"\0" * 2049)}}, 400), ({**good, "params": {"public": text(ak.public + b"\0")}}, 400),
        ({**good, "params": {"public": text(ak.public[:-1])}}, 400), ({**good, "tpmInfo": {"version": 1}}, 400),
        ({**good, "tpmInfo": {"model": "x" * 65}}, 400), ({**good, "tpmInfo": {"model": "a\nb"}}, 400),
        ({**good, "padding": "x" * 33000}, 413),
    ]
    for body, status in rows:
        with pytest.raises(Refused) as caught:
            enroller.post("attest", body)
        assert caught.value.status == status, body
        assert "Replay-Nonce" not in caught.value.headers
    with pytest.raises(Refused) as caught:
        enroller.post("attest", good, {"Content-Type": "application/jose+json"})
    assert caught.value.status == 415
    assert enroller.post("attest", good, {"Content-Type": "application/json; charset=utf-8"})
    status, headers, _ = enroller.request("GET", "attest")
    assert status == 405 and "POST" in headers["Allow"]
    for body in ({}, {"secret": 1}, {"secret": "*"}):
        with pytest.raises(Refused) as caught:
            enroller.post("secret", body)
        assert caught.value.status == 400


def test_rates(tmp_path, makers, tpm, ak):
    with serving(tmp_path, f"attest.ek_roots={makers.issuer}", "attest.ak_identity=ek",
                 "rates.enrollments_per_address=3/1h") as house:
        enroller = at(house)
        question = question_of(tpm, ak)
        for _ in range(3):
            enroller.attest(question)
        problem = refused(enroller, question)
        assert (problem.status, problem.kind) == (429, "rateLimited") and int(problem.headers["Retry-After"]) > 0


def while_it_is_stopped(house, role, ask):
    """What `ask` gives while that process is stopped, and then killed: another one is asked again."""
    pid = house.children()[role]
    os.kill(pid, signal.SIGSTOP)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask()))
    asking.start()
    asking.join(0.5)
    assert not answers
    os.kill(pid, signal.SIGKILL)
    asking.join(60)
    return answers[0]


def test_a_validator_that_is_killed_is_asked_again(house, enroller, tpm, ak):
    """It answers in milliseconds, so it is stopped first."""
    question = question_of(tpm, ak)
    credential = while_it_is_stopped(house, "validator", lambda: enroller.attest(question))
    assert len(tpm.activate(ak, EK_RSA, *credential)) == 32


def test_a_signer_that_is_killed_is_asked_again(house, enroller, tpm, ak):
    secret = tpm.activate(ak, EK_RSA, *enroller.attest(question_of(tpm, ak)))
    chain = while_it_is_stopped(house, "signer", lambda: enroller.secret(secret))
    assert spki_of(x509.load_der_x509_certificate(chain[0])) == ak.spki()


def test_a_front_that_is_killed_after_it_took_the_secret(house, enroller, tpm, ak):
    """The secret is gone, and what was begun is given up: the device begins anew."""
    secret = tpm.activate(ak, EK_RSA, *enroller.attest(question_of(tpm, ak)))
    pid = house.children()["signer"]
    os.kill(pid, signal.SIGSTOP)
    asking = threading.Thread(target=lambda: pytest.raises(Exception, enroller.secret, secret))
    asking.start()
    asking.join(0.5)
    front = house.children()["front"]
    os.kill(front, signal.SIGKILL)
    os.kill(pid, signal.SIGCONT)
    asking.join(60)
    for _ in range(100):
        with contextlib.suppress(OSError, http.client.HTTPException):
            with pytest.raises(Refused) as caught:
                enroller.secret(secret)
            assert unknown(caught)
            break
        time.sleep(0.1)
    else:
        raise AssertionError("no front came back")
    assert len(enroller.enroll(tpm, ak)) == 2


# ---- settings


@pytest.mark.parametrize("sets, reason", [
    (["attest.ak_identity=name"], "neither inventory nor ek"),
    (["attest.ak_identity=ek"], "attest.ek_roots"),
    (["attest.ak_issuer=other"], "there is no issuers.other"),
    (["attest.ek_roots=nothing.pem"], "nothing.pem"),
    (["attest.ek_roots=cairn-ca.yaml"], "cairn-ca.yaml"),
])
def test_check_config_names_the_mistake(tmp_path, sets, reason):
    with serving(tmp_path, start=False) as house:
        done = subprocess.run([CAIRN_CA, "check-config", "--dir", house.directory, "--set",
                               "directories.default.attestation_enrollment=true",
                               *(word for one in sets for word in ("--set", one))], capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and reason in done.stderr


def test_the_examples_of_the_document_are_good(tmp_path):
    """Each configuration in docs/devices.md."""
    document = (ROOT / "docs/devices.md").read_text()
    examples = re.findall(r"^    profiles:\n(?:    .*\n)+", document, re.MULTILINE)
    assert len(examples) >= 2
    with serving(tmp_path, start=False) as house:
        makers = house.directory / "ek-roots"
        makers.mkdir()
        (makers / "maker.crt").write_bytes(house.root.read_bytes())
        file = house.directory / "cairn-ca.yaml"
        for example in examples:
            file.write_text("dns_names: [ca.example.test]\n" + re.sub(r"^    ", "", example, flags=re.MULTILINE))
            done = subprocess.run([CAIRN_CA, "check-config", "--dir", house.directory], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr + example
