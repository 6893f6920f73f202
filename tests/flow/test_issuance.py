"""What is issued, and what is not: every certificate is judged by openssl, certtool and python3-cryptography, and its
fields are compared with the order, the request and the store."""
import contextlib
import datetime
import hashlib
import os
import signal
import sqlite3
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import acme_raw
import house as house_module
import judges
import responder as responder_module
import weak_keys
from acme_raw import b64, make_csr

LIFETIME = datetime.timedelta(days=30)
BACKDATE = datetime.timedelta(seconds=30)  # less than what init backdates the issuer by
NAMES_MAX = 100


class World:
    """A CA, a responder and an account, shared by all cases."""

    def __init__(self, directory):
        self.house = house_module.House(directory, sets=["certificate.lifetime=30d", "certificate.backdate=30s"])
        self.house.start()
        self.responder = responder_module.Responder(self.house.http_port)
        self.client = acme_raw.Client(self.house.url, self.house.root)
        self.client.register()
        self.counter = 0

    def name(self):
        self.counter += 1
        return f"i{self.counter}.flow.test"

    def ready(self, *names):
        url, order = self.client.order(*names)
        self.client.prove(order, self.responder)
        return url, order

    def finalize(self, order, csr):
        return self.client.post(order["finalize"], {"csr": b64(csr)})

    def query(self, sql, *values):
        with contextlib.closing(sqlite3.connect(f"file:{self.house.directory}/cairn.db?mode=ro", uri=True)) as db:
            return db.execute(sql, values).fetchall()

    def close(self):
        self.responder.close()
        code = self.house.stop()
        text = self.house.text()
        self.house.close()
        assert code == 0, text
        assert "ERROR: AddressSanitizer" not in text and "runtime error" not in text, text


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("issuance") / "ca")
    yield made
    made.close()


def key_of(kind):
    if kind.startswith("RSA"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}[kind]())


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def judged(world, tmp_path, pem, names, key, issued=None):
    """Everything a certificate of this CA must be; the leaf."""
    chain = judges.certificates(pem)
    assert len(chain) == 2, "leaf and intermediate, no root"
    (tmp_path / "leaf.pem").write_bytes(chain[0].public_bytes(serialization.Encoding.PEM))
    (tmp_path / "chain.pem").write_bytes(chain[1].public_bytes(serialization.Encoding.PEM))
    some = [names[0], names[-1]] if len(names) > 2 else names
    for name in some:
        judges.output(["openssl", "verify", "-x509_strict", "-check_ss_sig", "-purpose", "sslserver",
                       "-verify_hostname", name, "-CAfile", world.house.root, "-untrusted", tmp_path / "chain.pem",
                       tmp_path / "leaf.pem"])
    judges.output(["certtool", "--verify", "--load-ca-certificate", world.house.root, "--verify-hostname", names[0],
                   "--verify-purpose", "1.3.6.1.5.5.7.3.1"], input=pem.decode())
    shown = judges.output(["certtool", "-i", "--infile", tmp_path / "leaf.pem"])
    assert "TLS WWW Server" in shown and "Version: 3" in shown
    leaf, issuer = chain
    issuer.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    check_fields(world, leaf, issuer, names, key, issued)
    return leaf


def extension(certificate, kind, critical):
    found = certificate.extensions.get_extension_for_class(kind)
    assert found.critical is critical, kind
    return found.value


def check_fields(world, leaf, issuer, names, key, issued):
    assert leaf.version == x509.Version.v3 and leaf.issuer == issuer.subject and list(leaf.subject) == []
    assert leaf.signature_algorithm_oid.dotted_string == "1.2.840.10045.4.3.2"
    assert spki_of(leaf) == spki(key)
    # serial: positive, 64 random bits at least, 20 octets at most
    assert 64 < leaf.serial_number.bit_length() <= 159
    # validity: as configured, both ends counted, inside the issuer's
    assert leaf.not_valid_after - leaf.not_valid_before + datetime.timedelta(seconds=1) == LIFETIME
    if issued is not None:
        second = datetime.timedelta(seconds=1)
        now = datetime.datetime.utcnow()
        assert issued - BACKDATE - second < leaf.not_valid_before <= now - BACKDATE + second
    assert issuer.not_valid_before <= leaf.not_valid_before and leaf.not_valid_after <= issuer.not_valid_after
    # extensions: these and no others
    assert sorted(e.oid.dotted_string for e in leaf.extensions) == sorted(
        ["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.32", "2.5.29.35", "2.5.29.37"])
    found = extension(leaf, x509.SubjectAlternativeName, True)  # critical: the subject is empty
    assert [n.value for n in found] == names and all(isinstance(n, x509.DNSName) for n in found)
    assert extension(leaf, x509.BasicConstraints, True) == x509.BasicConstraints(False, None)
    assert list(extension(leaf, x509.ExtendedKeyUsage, False)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    usage = extension(leaf, x509.KeyUsage, True)
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    assert usage == x509.KeyUsage(True, False, is_rsa, False, False, False, False, False, False)
    policies = extension(leaf, x509.CertificatePolicies, False)
    assert [p.policy_identifier.dotted_string for p in policies] == ["2.23.140.1.2.1"]
    above = extension(issuer, x509.SubjectKeyIdentifier, False)
    by = extension(leaf, x509.AuthorityKeyIdentifier, False)
    assert by.key_identifier == above.digest and by.authority_cert_issuer is None
    subject_key = leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    bits = spki(key)
    assert len(subject_key.digest) == 20
    assert subject_key.digest == hashlib.sha256(bits[len(bits) - len(key_bits(key)):]).digest()[:20]


def spki_of(certificate):
    return certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo)


def key_bits(key):
    """The content of the BIT STRING in the SubjectPublicKeyInfo, without the octet of unused bits."""
    public = key.public_key()
    if isinstance(key, rsa.RSAPrivateKey):
        return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def issue(world, tmp_path, names, key, csr=None, shown=None):
    _, order = world.ready(*names)
    issued = datetime.datetime.utcnow()
    answer = world.finalize(order, csr or make_csr(names, key))
    assert answer.status == 200 and answer.json["status"] == "valid", answer
    pem = world.client.post(answer.json["certificate"], None).body
    return judged(world, tmp_path, pem, shown or names, key, issued)


# ---- keys ----

@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "Ed25519", "RSA2048", "RSA3072", "RSA4096"])
def test_keys(world, tmp_path, kind):
    """X-GEN-1, 2, 6, 8, 13, 15, X-TLS-4, 9, 10, 11, 14, 17."""
    issue(world, tmp_path, [world.name()], key_of(kind))


def other_keys():
    yield "RSA 1024", lambda: rsa.generate_private_key(65537, 1024)
    yield "RSA 2047", lambda: openssl_rsa(2047)
    yield "RSA 2052", lambda: openssl_rsa(2052)  # no whole number of octets
    yield "secp256k1", lambda: ec.generate_private_key(ec.SECP256K1())
    yield "P-224", lambda: ec.generate_private_key(ec.SECP224R1())
    yield "brainpool", lambda: ec.generate_private_key(ec.BrainpoolP256R1())
    yield "DSA", lambda: dsa.generate_private_key(2048)
    yield "Ed448", ed448.Ed448PrivateKey.generate


def openssl_rsa(bits):
    done = subprocess.run(["openssl", "genrsa", str(bits)], capture_output=True, check=True)
    return serialization.load_pem_private_key(done.stdout, None)


OTHER_KEYS = dict(other_keys())


@pytest.fixture(scope="module")
def spare(world):
    """A ready order that nothing below may finalize."""
    names = ["spare.flow.test", "www.spare.flow.test"]
    url, order = world.ready(*names)
    return url, order, names


def refused(world, spare, csr, kinds=("badCSR",)):
    """Refused, and the order can still be finalized."""
    before = world.house.content()
    answer = world.finalize(spare[1], csr)
    assert answer.status == 400 and answer.type in kinds, answer
    assert len(answer.json["detail"]) > 20
    assert world.house.content() == before
    assert world.client.post(spare[0], None).json["status"] == "ready"
    return answer


@pytest.mark.parametrize("name", OTHER_KEYS)
def test_keys_refused(world, spare, name):
    key = OTHER_KEYS[name]()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in spare[2]]), False)
    digest = None if name == "Ed448" else hashes.SHA256()
    refused(world, spare, builder.sign(key, digest).public_bytes(serialization.Encoding.DER))


def test_key_of_an_account(world, spare):
    refused(world, spare, make_csr(spare[2], world.client.key.key))


def test_small_exponent(world, spare):
    """An exponent of 3 is valid for OpenSSL; the Baseline Requirements (6.1.6) want 65537 or more."""
    done = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt",
                           "rsa_keygen_pubexp:3"], capture_output=True, check=True)
    refused(world, spare, make_csr(spare[2], serialization.load_pem_private_key(done.stdout, None)))


@pytest.mark.parametrize("primes, words", [
    (lambda: weak_keys.small_factor(3), "small factor"), (lambda: weak_keys.small_factor(751), "small factor"),
    (weak_keys.roca, "ROCA"), (lambda: weak_keys.close(0), "close to each other"),
    (lambda: weak_keys.close(90), "close to each other")], ids=["3", "751", "ROCA", "next prime", "90 rounds"])
def test_keys_that_anybody_can_take_apart(world, spare, primes, words):
    """Nor as keys of accounts."""
    key = weak_keys.key_of(primes())
    assert words in refused(world, spare, make_csr(spare[2], key)).json["detail"]
    client = acme_raw.Client(world.house.url, world.house.root, acme_raw.Key("RS256"))
    client.key.key = key
    before = world.house.content()
    answer = client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True)
    assert (answer.status, answer.type) == (400, "badPublicKey") and words in answer.json["detail"], answer
    assert world.house.content() == before


# ---- names ----

@pytest.mark.parametrize("name", [
    "a" * 63 + ".flow.test", ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61]), "xn--mnchen-3ya.flow.test",
    "xn--fiqs8s.xn--p1ai", "1.flow.test", "a-b.flow.test", "printer", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t"])
def test_names(world, tmp_path, name):
    issue(world, tmp_path, [name], key_of("P-256"))


def test_two_names(world, tmp_path):
    issue(world, tmp_path, [world.name(), world.name()], key_of("P-256"))


def test_most_names(world, tmp_path):
    """S-NEWO-7: As many as may be, in the order of the order whatever the request's; one more is refused."""
    names = [f"most{i}.flow.test" for i in range(NAMES_MAX)]
    key = key_of("P-256")
    issue(world, tmp_path, names, key, csr=make_csr(names[::-1], key))
    answer = world.client.post(world.client.directory["newOrder"],
                               {"identifiers": [{"type": "dns", "value": n} for n in [*names, "more.flow.test"]]})
    assert answer.status == 400 and answer.type == "malformed", answer


def test_upper_case(world, tmp_path):
    """S-FIN-2: In the order, in the request, or in both: the certificate has lower case."""
    for in_order, in_request in ((str.upper, str.lower), (str.lower, str.upper), (str.title, str.upper)):
        name = world.name()
        key = key_of("P-256")
        issue(world, tmp_path, [in_order(name)], key, csr=make_csr([in_request(name)], key), shown=[name])


@pytest.mark.parametrize("change", [
    lambda n: n + ".", lambda n: "." + n, lambda n: n.replace(".", "..", 1), lambda n: "*." + n, lambda n: "_" + n,
    lambda n: n + " ", lambda n: " " + n, lambda n: n + "\0", lambda n: n + "\0.x.test",
    lambda n: n.replace(".", "\0", 1)])
def test_names_that_look_alike(world, spare, change):
    """Octets that are not exactly the order's are another name."""
    names = [change(spare[2][0]), spare[2][1]]
    for common_name in (None, spare[2][0]):
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName._init_without_validation(n) if hasattr(
                x509.DNSName, "_init_without_validation") else x509.DNSName(n) for n in names]), False)
        refused(world, spare, builder.sign(key_of("P-256"), hashes.SHA256()).public_bytes(serialization.Encoding.DER))


@pytest.mark.parametrize("pick", [lambda n: n[:1], lambda n: [*n, "more.flow.test"], lambda n: ["other.flow.test"],
                                  lambda n: [], lambda n: [n[0], "other.flow.test"]])
def test_other_names(world, spare, pick):
    """S-FIN-2."""
    refused(world, spare, make_csr(pick(spare[2]), key_of("P-256")))


def test_names_twice_in_the_request(world, tmp_path):
    name = world.name()
    key = key_of("P-256")
    issue(world, tmp_path, [name], key, csr=make_csr([name, name.upper(), name], key), shown=[name])


# ---- the request's form ----

def builder_for(names, subject=()):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(
        [x509.NameAttribute(oid, text) for oid, text in subject]))
    return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)


def der(builder, key, digest=None):
    return builder.sign(key, digest or hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_subject_is_dropped(world, tmp_path):
    """X-TLS-8: Whatever a client writes into the subject: only names are proved, only names are certified."""
    name = world.name()
    key = key_of("P-256")
    subject = [(NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Bank Ägypten"), (NameOID.COMMON_NAME, name),
               (NameOID.EMAIL_ADDRESS, "a@flow.test"), (NameOID.SERIAL_NUMBER, "1")]
    issue(world, tmp_path, [name], key, csr=der(builder_for([name], subject), key))


def test_common_name_alone(world, tmp_path):
    name = world.name()
    key = key_of("P-256")
    issue(world, tmp_path, [name], key, csr=make_csr([], key, common_name=name))


def test_attributes_and_extensions_asked_for(world, tmp_path):
    """S-FIN-8: A challenge password and extensions nobody here grants are passed over, not certified."""
    name = world.name()
    key = key_of("P-256")
    builder = builder_for([name])
    builder = builder.add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, b"secret")
    for value, critical in [(x509.BasicConstraints(True, 3), True),
                            (x509.KeyUsage(True, True, True, True, True, True, True, False, False), True),
                            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
                            (x509.NameConstraints([x509.DNSName("x")], None), True),
                            (x509.SubjectKeyIdentifier(b"x" * 20), False), (x509.OCSPNoCheck(), False),
                            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\xff\xff"), True)]:
        builder = builder.add_extension(value, critical)
    issue(world, tmp_path, [name], key, csr=der(builder, key))


@pytest.mark.parametrize("value", [
    x509.RFC822Name("a@flow.test"), x509.UniformResourceIdentifier("https://spare.flow.test/"),
    x509.IPAddress(__import__("ipaddress").ip_address("127.0.0.1")),
    x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "spare.flow.test")])),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3")), x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01a")],
    ids=lambda v: type(v).__name__)
def test_names_of_other_kinds(world, spare, value):
    """X-CSR-6."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName([*[x509.DNSName(n) for n in spare[2]], value]), False)
    refused(world, spare, der(builder, key_of("P-256")))


def test_must_staple(world, spare):
    """S-FIN-8, X-TLS-23."""
    builder = builder_for(spare[2]).add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)
    refused(world, spare, der(builder, key_of("P-256")))


@pytest.mark.parametrize("kind, digest", [("RSA2048", "SHA384"), ("RSA2048", "SHA512"), ("P-256", "SHA384"),
                                          ("P-256", "SHA512"), ("P-384", "SHA256"), ("P-384", "SHA384"),
                                          ("P-521", "SHA512")])
def test_signatures_of_requests(world, tmp_path, kind, digest):
    name = world.name()
    key = key_of(kind)
    issue(world, tmp_path, [name], key, csr=der(builder_for([name]), key, getattr(hashes, digest)()))


def openssl_csr(tmp_path, names, *arguments, kind="RSA2048"):
    """A request as the openssl command makes it, which may do what python3-cryptography refuses."""
    key = tmp_path / "key.pem"
    key.write_bytes(key_of(kind).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
    done = subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/", "-outform", "DER", "-addext",
                           "subjectAltName=" + ",".join(f"DNS:{n}" for n in names), *arguments],
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments, kind", [
    (["-sha1"], "RSA2048"), (["-sha1"], "P-256"), (["-md5"], "RSA2048"), (["-sha224"], "P-256"),
    (["-sha3-256"], "P-256"), (["-sigopt", "rsa_padding_mode:pss", "-sha256"], "RSA2048")])
def test_signatures_refused(world, spare, tmp_path, arguments, kind):
    """S-FIN-7."""
    refused(world, spare, openssl_csr(tmp_path, spare[2], *arguments, kind=kind))


def test_broken_signatures(world, spare):
    """S-FIN-4: One bit anywhere in what is signed, or in the signature."""
    good = make_csr(spare[2], key_of("P-256"))
    for place in (-1, -8, -40, 60, 80):
        changed = bytearray(good)
        changed[place] ^= 4
        refused(world, spare, bytes(changed), ("badCSR", "malformed"))


def test_signed_by_another_key(world, spare):
    """S-FIN-4: The public key is one, the signature another's: no proof of possession."""
    good = make_csr(spare[2], key_of("P-256"))
    mine, theirs = spki(key_of("P-256")), x509.load_der_x509_csr(good).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert good.count(theirs) == 1
    refused(world, spare, good.replace(theirs, mine))


def lengthen(octets, at):
    """The length at `at` (one octet) written with two: BER, not DER."""
    assert octets[at] < 0x80
    return octets[:at] + bytes([0x81, octets[at]]) + octets[at + 1:]


def test_ber(world, spare):
    """S-FIN-16, X-CSR-7."""
    good = make_csr(spare[2], key_of("P-256"))
    assert good[1] == 0x81 or good[1] == 0x82
    size = good[1] & 3
    refused(world, spare, bytes([0x30, good[1] + 1, 0]) + good[2:], ("malformed",))
    refused(world, spare, bytes([0x30, 0x80]) + good[2 + size:] + b"\0\0", ("malformed",))  # indefinite length
    refused(world, spare, good + b"\0", ("malformed",))
    refused(world, spare, good + good, ("malformed",))
    refused(world, spare, good[:-1], ("malformed",))
    refused(world, spare, b"\x30\x00", ("malformed",))
    refused(world, spare, b"\xff" * 300, ("malformed",))


def test_two_extension_requests(world, spare):
    """S-FIN-16, X-CSR-7: Which of them would count is nobody's guess."""
    key = key_of("P-256")
    builder = builder_for(spare[2])
    builder = builder.add_attribute(x509.ObjectIdentifier("1.2.840.113549.1.9.14"), b"\x30\x00")
    with contextlib.suppress(ValueError):  # later versions of cryptography refuse to make it
        csr = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        refused(world, spare, csr, ("badCSR", "malformed"))


def test_too_long_a_request(world, spare):
    names = [f"{'x' * 60}.{i}.flow.test" for i in range(900)]
    answer = world.finalize(spare[1], make_csr(names, key_of("P-256")))
    assert answer.status in (400, 413), answer
    world.client.connect()
    assert world.client.post(spare[0], None).json["status"] == "ready"


# ---- the store knows first ----

def test_the_row_is_there_before_the_signature(world, tmp_path):
    """X-GEN-4: Serial, to-be-signed octets, names and key are in the store while the signer has signed nothing yet; the
    certificate has exactly those octets, also when the signer is killed meanwhile."""
    for how in ("continues", "is killed"):
        name = world.name()
        key = key_of("P-256")
        url, order = world.ready(name)
        number = int(url.rpartition("/")[2])
        journal = (world.house.directory / "signer.journal").read_bytes()
        signer = world.house.children()["signer"]
        os.kill(signer, signal.SIGSTOP)
        csr = make_csr([name], key)
        issued = datetime.datetime.utcnow()
        answer = world.finalize(order, csr)
        assert answer.json["status"] == "processing", answer
        rows = world.query("SELECT serial, tbs, key_hash, csr_hash, state, id FROM issuance WHERE order_id = ?", number)
        assert len(rows) == 1
        serial, tbs, key_hash, csr_hash, state, issuance = rows[0]
        assert state == 0 and world.query("SELECT count(*) FROM certificate WHERE id = ?", issuance) == [(0,)]
        assert key_hash == hashlib.sha256(spki(key)).digest() and csr_hash == hashlib.sha256(csr).digest()
        assert name.encode() in tbs and serial in tbs
        assert (world.house.directory / "signer.journal").read_bytes() == journal, "signed before it was stored"
        os.kill(signer, signal.SIGCONT if how == "continues" else signal.SIGKILL)
        final = world.client.poll(url, ("valid", "invalid"), tries=300).json
        assert final["status"] == "valid", final
        leaf = judged(world, tmp_path, world.client.post(final["certificate"], None).body, [name], key, issued)
        assert leaf.tbs_certificate_bytes == tbs and leaf.serial_number == int.from_bytes(serial, "big")
        grown = (world.house.directory / "signer.journal").read_bytes()[len(journal):].decode()
        assert hashlib.sha256(tbs).hexdigest() in grown, grown
        (stored,), = world.query("SELECT der FROM certificate WHERE id = ?", issuance)
        assert stored == leaf.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("order_has_it", [True, False])
def test_what_was_begun_before_the_store_kept_profiles(world, tmp_path, order_has_it):
    """Unsigned at an upgrade: it was made by the profile of its order, or the first one of its directory."""
    name = world.name()
    key = key_of("P-256")
    url, order = world.ready(name)
    number = int(url.rpartition("/")[2])
    os.kill(world.house.children()["signer"], signal.SIGSTOP)
    issued = datetime.datetime.utcnow()
    assert world.finalize(order, make_csr([name], key)).json["status"] == "processing"
    world.house.kill()
    with sqlite3.connect(world.house.directory / "cairn.db") as db:
        assert db.execute("UPDATE issuance SET profile = '' WHERE order_id = ? AND state = 0", (number,)).rowcount == 1
        if not order_has_it:
            assert db.execute("UPDATE orders SET profile = '' WHERE id = ?", (number,)).rowcount == 1
    db.close()
    world.house.start()
    world.client.connect()
    final = world.client.poll(url, ("valid", "invalid"), tries=300).json
    assert final["status"] == "valid", final
    judged(world, tmp_path, world.client.post(final["certificate"], None).body, [name], key, issued)


def test_serials(world, tmp_path):
    """X-GEN-3: All different; nothing of one can be told from another but the time in front."""
    rows = world.query("SELECT serial FROM issuance")
    for _ in range(10):
        world.client.issue(world.responder, world.name())
    serials = [row[0] for row in world.query("SELECT serial FROM issuance ORDER BY id")]
    assert len(serials) >= len(rows) + 10 and len(set(serials)) == len(serials)
    assert all(len(s) == 16 and s[0] < 0x80 and s[0] > 0 for s in serials)
    assert all(abs(int.from_bytes(s[1:5], "big") - time.time()) < 3600 for s in serials)
    assert len({s[5:] for s in serials}) == len(serials)
    everything = "".join(f"{byte:08b}" for s in serials for byte in s[5:])
    assert 0.4 < everything.count("1") / len(everything) < 0.6


def test_the_spare_order_is_still_good(world, spare, tmp_path):
    """S-FIN-9: After all those refusals."""
    key = key_of("P-384")
    answer = world.finalize(spare[1], make_csr(spare[2], key))
    assert answer.json["status"] == "valid", answer
    judged(world, tmp_path, world.client.post(answer.json["certificate"], None).body, spare[2], key)


def test_no_certificate_outlives_its_issuer(tmp_path_factory, tmp_path):
    """X-GEN-12: A lifetime longer than what is left of the issuer's is cut."""
    made = house_module.House(tmp_path_factory.mktemp("issuance") / "ca", sets=["certificate.lifetime=825d"])
    try:
        short_intermediate(made.directory, days=3)
        made.start()
        responder = responder_module.Responder(made.http_port)
        client = acme_raw.Client(made.url, made.root)
        client.register()
        chain = judges.certificates(client.issue(responder, "a.flow.test"))
        assert chain[0].not_valid_after == chain[1].not_valid_after
        responder.close()
        assert made.stop() == 0, made.text()
    finally:
        made.close()


def short_intermediate(directory, days):
    """Another intermediate certificate of the same key, by python3-cryptography."""
    root_key = serialization.load_pem_private_key((directory / "root.key").read_bytes(), None)
    root = x509.load_pem_x509_certificate((directory / "root.pem").read_bytes())
    old = x509.load_pem_x509_certificate((directory / "intermediate.pem").read_bytes())
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), x509.random_serial_number(),
                                      old.not_valid_before, datetime.datetime.utcnow() + datetime.timedelta(days=days))
    for e in old.extensions:
        builder = builder.add_extension(e.value, e.critical)
    made = builder.sign(root_key, hashes.SHA384())
    assert made.issuer == root.subject
    (directory / "intermediate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
