"""Where a CA's certificates come from: made, asked for by an offline root, brought along, cross-signed. Rows X-CA-1 to X-CA-4.
Judged by openssl, certtool and python3-cryptography."""
import datetime
import json
import os
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from acme_raw import Client, b64, make_csr
from house import CAIRN_CA, House
from rejudged import nothing_found
from responder import Responder

NAME = "hierarchy.example.test"


def run(*words, code=0, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **more)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done


def ca(*words, code=0, **more):
    done = run(CAIRN_CA, *words, code=code, **more)
    return done.stdout if code == 0 else done.stderr


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def extension(of, kind):
    return of.extensions.get_extension_for_class(kind)


def verifies(root, leaf, *between):
    """Do openssl and certtool trust it?"""
    chain = [word for path in between for word in ("-untrusted", path)]
    theirs = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", root, *chain, leaf], capture_output=True, check=False)
    bundle = b"".join(path.read_bytes() for path in (leaf, *between))
    gnutls = subprocess.run(["certtool", "--verify", "--load-ca-certificate", root, "--verify-profile", "low"], input=bundle,
                            capture_output=True, check=False)
    assert (theirs.returncode == 0) == (gnutls.returncode == 0), (theirs, gnutls)
    return theirs.returncode == 0


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def untouched(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} if folder.exists() else {}


def issues(house, names=(NAME,)):
    """Serve, issue one certificate, end; its chain as files."""
    house.start()
    responder = Responder(house.http_port)
    try:
        client = Client(house.url, house.root)
        client.register()
        url, order = client.order(names[0])
        client.prove(order, responder)
        client.post(order["finalize"], {"csr": b64(make_csr(list(names)))})
        body = client.post(client.poll(url, ("valid", "invalid")).json["certificate"], None).body
        assert house.stop() == 0
        nothing_found(house)
    finally:
        responder.close()
    chain = re.findall(rb"-----BEGIN.*?END CERTIFICATE-----\n", body, re.DOTALL)
    paths = []
    for number, one in enumerate(chain):
        paths.append(house.directory / f"issued-{number}.pem")
        paths[-1].write_bytes(one)
    return paths


@pytest.fixture
def make_house(tmp_path):
    made = []

    def make(name="ca"):
        made.append(House(tmp_path / name, make=False))
        return made[-1]

    yield make
    for one in made:
        one.close()


# ---- made here ----

KEYS = {"p256": (ec.EllipticCurvePublicKey, 256), "p384": (ec.EllipticCurvePublicKey, 384), "rsa2048": (rsa.RSAPublicKey, 2048),
        "rsa3072": (rsa.RSAPublicKey, 3072), "rsa4096": (rsa.RSAPublicKey, 4096), "ed25519": (ed25519.Ed25519PublicKey, None)}


def is_of_type(key, name):
    kind, bits = KEYS[name]
    return isinstance(key, kind) and (bits is None or key.key_size == bits)


@pytest.mark.parametrize("root_type, key_type", [("p384", "p256"), ("rsa4096", "rsa2048"), ("ed25519", "rsa3072"),
                                                ("rsa2048", "ed25519"), ("p256", "p384"), ("rsa3072", "rsa4096")])
def test_types_of_keys(tmp_path, root_type, key_type):
    folder = tmp_path / "ca"
    ca("init", "--dir", folder, "--root-key-type", root_type, "--key-type", key_type)
    root, intermediate = certificate(folder / "root.pem"), certificate(folder / "intermediate.pem")
    assert is_of_type(root.public_key(), root_type) and is_of_type(intermediate.public_key(), key_type)
    assert verifies(folder / "root.pem", folder / "intermediate.pem")
    for name in ("root.key", "intermediate.key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_everything_it_can_say(tmp_path):
    """X-CA-1, X-CA-2, X-CA-3, X-CA-4."""
    folder = tmp_path / "ca"
    ca("init", "--dir", folder, "--dns-name", "ca.corp.example", "--name", "Exämple", "--organization", "Exämple GmbH",
       "--country", "DE", "--days", 700, "--root-days", 4000, "--permit", "corp.example", "--permit", "10.0.0.0/8",
       "--exclude", "bad.corp.example", "--usage",
       "server", "--policy", "2.23.140.1.2.1", "--policy", "1.3.6.1.4.1.99999.1", "--crl-url", "http://x.example/root.crl",
       "--issuer-url", "http://x.example/root.crt", "--ocsp-url", "http://o.example")
    root, made = certificate(folder / "root.pem"), certificate(folder / "intermediate.pem")
    assert root.subject == root.issuer == made.issuer
    assert [(part.oid, part.value) for part in root.subject] == [
        (NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Exämple GmbH"), (NameOID.COMMON_NAME, "Exämple Root")]
    assert [(part.oid, part.value) for part in made.subject] == [
        (NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Exämple GmbH"), (NameOID.COMMON_NAME, "Exämple Intermediate")]
    assert {e.oid._name for e in root.extensions} == {"basicConstraints", "keyUsage", "subjectKeyIdentifier"}
    assert extension(root, x509.BasicConstraints).critical and extension(root, x509.BasicConstraints).value.path_length is None
    assert extension(made, x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert extension(made, x509.KeyUsage).critical
    assert list(extension(made, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert [p.policy_identifier.dotted_string for p in extension(made, x509.CertificatePolicies).value] == [
        "2.23.140.1.2.1", "1.3.6.1.4.1.99999.1"]
    constraints = extension(made, x509.NameConstraints)
    assert constraints.critical
    assert [str(n.value) for n in constraints.value.permitted_subtrees] == ["corp.example", "10.0.0.0/8"]
    assert [str(n.value) for n in constraints.value.excluded_subtrees] == ["bad.corp.example", "::/0"]
    points = extension(made, x509.CRLDistributionPoints).value
    assert [n.value for n in points[0].full_name] == ["http://x.example/root.crl"]
    access = {d.access_method._name: d.access_location.value for d in extension(made, x509.AuthorityInformationAccess).value}
    assert access == {"OCSP": "http://o.example", "caIssuers": "http://x.example/root.crt"}
    assert made.not_valid_after - made.not_valid_before == datetime.timedelta(days=700, seconds=60)
    assert root.not_valid_after - root.not_valid_before == datetime.timedelta(days=4000, seconds=60)
    assert verifies(folder / "root.pem", folder / "intermediate.pem")


@pytest.mark.parametrize("words, complaint", [
    (["--key-type", "rsa1024"], "there are p256, p384, rsa2048"),
    (["--root-key-type", "P384"], "there are p256"),
    (["--country", "de"], "two capital letters"),
    (["--country", "DEU"], "two capital letters"),
    (["--organization", ""], "1 to 64 characters"),
    (["--organization", "x" * 65], "1 to 64 characters"),
    (["--permit", "*.corp.example"], "without its beginning"),
    (["--permit", ".corp.example"], "without its beginning"),
    (["--permit", "10.0.0.1/8"], "--permit"),
    (["--permit", "corp.example"], '"localhost"'),
    (["--permit", "corp.example", "--dns-name", "ca.corp.example", "--dns-name", "other.example"], '"other.example"'),
    (["--exclude", "localhost"], '"localhost"'),
    (["--exclude", "a_b"], "--exclude"),
    (["--usage", "mail"], "neither server nor client"),
    (["--usage", "server", "--usage", "server"], "twice"),
    (["--policy", "1.2.x"], "no object identifier"),
    (["--crl-url", "https://x.example/"], "http://"),
    (["--days", "4000", "--root-days", "3000"], "outlive"),
    (["--days", "0"], "--days"),
    (["--root-csr", "--root-key", "x"], "exclude each other"),
    (["--root-key", "x"], "--root-cert"),
    (["--root-cert", "x"], "--root-key"),
    (["--intermediate-cert", "x"], "--intermediate-key"),
    (["--root-csr", "--root-days", "3000"], "for a root that is made"),
    (["--root-csr", "--permit", "corp.example"], "where it is signed"),
])
def test_what_init_refuses(tmp_path, words, complaint):
    folder = tmp_path / "ca"
    assert complaint in ca("init", "--dir", folder, *words, code=64)
    assert not folder.exists()


# ---- an offline root ----

def root_by_openssl(folder, days=4000, extra=()):
    folder.mkdir(exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", "-keyout",
        folder / "root.key", "-out", folder / "root.pem", "-days", days, "-subj", "/C=DE/O=Elsewhere/CN=Offline Root",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign", *extra)
    return folder / "root.pem", folder / "root.key"


def sign_by_openssl(root, key, csr, out):
    run("openssl", "x509", "-req", "-in", csr, "-CA", root, "-CAkey", key, "-days", 1825, "-copy_extensions", "copyall", "-out", out)


def sign_by_certtool(root, key, csr, out):
    template = out.with_suffix(".template")
    template.write_text("ca\npath_len = 0\ncert_signing_key\ncrl_signing_key\nexpiration_days = 1825\n")
    run("certtool", "--generate-certificate", "--load-request", csr, "--load-ca-certificate", root, "--load-ca-privkey", key,
        "--template", template, "--outfile", out)


def sign_by_us(root, key, csr, out):
    before = untouched(out.parent)
    shown = ca("intermediate", "sign", "--root-cert", root, "--csr", csr, "--dry-run", "--days", 1825)
    assert "would sign" in shown and "CN=Offline Root" in shown and untouched(out.parent) == before
    ca("intermediate", "sign", "--root-cert", root, "--root-key", key, "--csr", csr, "--days", 1825, "--out", out)


@pytest.mark.parametrize("sign", [sign_by_openssl, sign_by_certtool, sign_by_us])
def test_an_offline_root(make_house, tmp_path, sign):
    root, key = root_by_openssl(tmp_path / "safe")
    house = make_house()
    folder = house.directory
    text = ca("init", "--dir", folder, "--name", "Online CA", "--organization", "Online", "--country", "DE", "--root-csr")
    assert "intermediate sign" in text and "intermediate import" in text
    assert {path.name for path in folder.iterdir()} == {"cairn-ca.yaml", "intermediate.csr", "intermediate.key", "perspective.key",
                                                         "perspective.pem"}
    request = x509.load_pem_x509_csr((folder / "intermediate.csr").read_bytes())
    assert request.is_signature_valid and request.subject.rfc4514_string() == "CN=Online CA Intermediate,O=Online,C=DE"
    assert run("certtool", "--crq-info", "--infile", folder / "intermediate.csr").stdout.count("Certificate Authority (CA): TRUE") == 1
    # nothing can be served before it is there
    assert "intermediate" in run(CAIRN_CA, "serve", "--dir", folder, code=78).stderr
    assert "intermediate import" in ca("check-config", "--dir", folder, code=78)
    signed = tmp_path / "signed.pem"
    sign(root, key, folder / "intermediate.csr", signed)
    ca("intermediate", "import", "--dir", folder, "--certificate", signed, "--root-cert", root)
    assert (folder / "root.pem").read_bytes() == root.read_bytes()
    chain = issues(house)
    assert len(chain) == 2 and verifies(root, chain[0], *chain[1:])
    assert "is there already" in ca("intermediate", "import", "--dir", folder, "--certificate", signed, code=1)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    """A CA whose intermediate waits for its certificate, and the root that will sign it."""
    base = tmp_path_factory.mktemp("waiting")
    root = root_by_openssl(base / "safe")
    ca("init", "--dir", base / "ca", "--root-csr")
    return base / "ca", *root


def by_openssl(tmp_path, root, key, csr, extensions, days=365):
    """What another root could send back."""
    (tmp_path / "ext").write_text(extensions)
    run("openssl", "x509", "-req", "-in", csr, "-CA", root, "-CAkey", key, "-days", days, "-extfile", tmp_path / "ext", "-out",
        tmp_path / "signed.pem")
    return tmp_path / "signed.pem"


GOOD = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n" \
       "authorityKeyIdentifier=keyid\n"
# nameConstraints that exclude every DNS name, 0.0.0.0/0 and ::/0; in octets, as not every openssl takes an empty "excluded;DNS:"
ALL_EXCLUDED = "3036" "a134" "3002" "8200" "300a" "8708" + "00" * 8 + "3022" "8720" + "00" * 32


@pytest.mark.parametrize("extensions, complaint", [
    (GOOD.replace("CA:TRUE,pathlen:0", "CA:FALSE").replace("keyCertSign,cRLSign", "digitalSignature"), "no CA certificate"),
    (GOOD.replace("keyCertSign,cRLSign", "cRLSign"), "keyCertSign"),
    (GOOD.replace("keyCertSign,cRLSign", "keyCertSign"), "cRLSign"),
    (GOOD.replace("subjectKeyIdentifier=hash", "subjectKeyIdentifier=none"), "key identifier"),
    (GOOD + "extendedKeyUsage=codeSigning\n", "neither TLS servers nor clients"),
    (GOOD + f"nameConstraints=critical,DER:{ALL_EXCLUDED}\n", "exclude every"),
    (GOOD + "nameConstraints=critical,permitted;email:corp.example\n", "kinds of names"),
])
def test_what_import_refuses(waiting, tmp_path, extensions, complaint):
    """X-CA-5: an intermediate that could not issue is not taken in."""
    folder, root, key = waiting
    signed = by_openssl(tmp_path, root, key, folder / "intermediate.csr", extensions)
    before = untouched(folder)
    assert complaint in ca("intermediate", "import", "--dir", folder, "--certificate", signed, "--root-cert", root, code=78)
    assert untouched(folder) == before


def test_openssl_without_extensions(waiting, tmp_path):
    """The likeliest mistake at the root: openssl leaves all extensions away unless it is told to copy them."""
    folder, root, key = waiting
    run("openssl", "x509", "-req", "-in", folder / "intermediate.csr", "-CA", root, "-CAkey", key, "-out", tmp_path / "signed.pem")
    before = untouched(folder)
    assert "extensions" in ca("intermediate", "import", "--dir", folder, "--certificate", tmp_path / "signed.pem",
                              "--root-cert", root, code=78)
    assert untouched(folder) == before


def test_import_of_the_wrong_thing(waiting, tmp_path):
    folder, root, key = waiting
    before = untouched(folder)
    other_root, other_key = root_by_openssl(tmp_path / "other")
    signed = by_openssl(tmp_path, root, key, folder / "intermediate.csr", GOOD)
    foreign = by_openssl(tmp_path / "other", other_root, other_key, folder / "intermediate.csr", GOOD)
    ca("init", "--dir", tmp_path / "third", "--root-csr")
    third = by_openssl(tmp_path / "third", root, key, tmp_path / "third" / "intermediate.csr", GOOD)
    (tmp_path / "rubbish.pem").write_text("no certificate\n")
    rows = [(78, ["--certificate", foreign, "--root-cert", root], "the chain is not good"),
            (78, ["--certificate", third, "--root-cert", root], "private key"),
            (78, ["--certificate", tmp_path / "rubbish.pem", "--root-cert", root], "there is no certificate"),
            (78, ["--certificate", tmp_path / "absent.pem", "--root-cert", root], "absent.pem"),
            (78, ["--certificate", signed, "--root-cert", tmp_path / "rubbish.pem"], "rubbish.pem"),
            (64, ["--certificate", signed], "--root-cert is missing"),
            (64, ["--root-cert", root], "--certificate is missing"),
            (64, ["--certificate", signed, "--root-cert", root, "--issuer", "../x"], "no name of an issuer"),
            (78, ["--certificate", signed, "--root-cert", root, "--issuer", "other"], "no key")]
    for code, words, complaint in rows:
        assert complaint in ca("intermediate", "import", "--dir", folder, *words, code=code), words
    assert untouched(folder) == before


def test_what_sign_refuses(waiting, tmp_path):
    folder, root, key = waiting
    csr = folder / "intermediate.csr"
    low_root, low_key = root_by_openssl(tmp_path / "low", extra=["-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"])
    old_root, old_key = root_by_openssl(tmp_path / "old", days=30)
    wrong = tmp_path / "wrong.csr"
    wrong.write_bytes(csr.read_bytes().replace(b"\nMI", b"\nMJ", 1))
    rows = [(78, ["--root-cert", root, "--root-key", old_key, "--csr", csr], f"{old_key} and {root} do not belong together"),
            (78, ["--root-cert", root, "--root-key", key, "--csr", wrong], "wrong.csr"),
            (1, ["--root-cert", low_root, "--root-key", low_key, "--csr", csr], "path length"),
            (64, ["--root-cert", old_root, "--root-key", old_key, "--csr", csr, "--days", 31], "outlive"),
            (64, ["--root-cert", root, "--csr", csr], "--root-key is missing"),
            (64, ["--root-key", key, "--csr", csr], "--root-cert is missing"),
            (64, ["--root-cert", root, "--root-key", key], "--csr is missing"),
            (1, ["--root-cert", root, "--root-key", key, "--csr", csr, "--out", root], "is there already")]
    for code, words, complaint in rows:
        assert complaint in ca("intermediate", "sign", *words, code=code), words
    # without --out, the certificate alone
    made = x509.load_pem_x509_certificate(
        ca("intermediate", "sign", "--root-cert", root, "--root-key", key, "--csr", csr).encode())
    assert made.issuer == certificate(root).subject


# ---- brought along ----

def test_a_root_that_exists(make_house, tmp_path):
    """Its key signs, and is copied nowhere."""
    root, key = root_by_openssl(tmp_path / "safe")
    house = make_house()
    ca("init", "--dir", house.directory, "--root-cert", root, "--root-key", key, "--permit", "example.test", "--permit", "localhost")
    assert not (house.directory / "root.key").exists() and (house.directory / "root.pem").read_bytes() == root.read_bytes()
    chain = issues(house)
    assert verifies(root, chain[0], *chain[1:])


@pytest.mark.parametrize("form", ["pkcs8", "traditional", "encrypted", "encrypted-traditional"])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_an_intermediate_that_exists(make_house, tmp_path, form, kind):
    """PKCS#8, SEC1 and PKCS#1, encrypted or not; what is kept is encrypted as this CA wants it."""
    root, root_key = root_by_openssl(tmp_path / "safe")
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    traditional = form.endswith("traditional")
    secret = b"their secret" if form.startswith("encrypted") else None
    (tmp_path / "theirs.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()))
    run("openssl", "req", "-new", "-key", tmp_path / "theirs.key", "-passin", "pass:their secret", "-subj", "/CN=Brought Along",
        "-out", tmp_path / "theirs.csr")
    signed = by_openssl(tmp_path, root, root_key, tmp_path / "theirs.csr", GOOD)
    for name, text in (("theirs.pass", "their secret\n"), ("ours.pass", "our secret\n"), ("wrong.pass", "no\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    house = make_house()
    words = ["init", "--dir", house.directory, "--root-cert", root, "--intermediate-cert", signed, "--intermediate-key",
             tmp_path / "theirs.key", "--passphrase-file", tmp_path / "ours.pass"]
    if secret:
        assert "encrypted" in ca(*words, code=78)
        assert "passphrase" in ca(*words, "--key-passphrase-file", tmp_path / "wrong.pass", code=78)
        assert not house.directory.exists()
        words += ["--key-passphrase-file", tmp_path / "theirs.pass"]
    ca(*words)
    kept = (house.directory / "intermediate.key").read_bytes()
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in kept
    assert spki(serialization.load_pem_private_key(kept, b"our secret").public_key()) == spki(key.public_key())
    chain = issues(house)
    assert certificate(chain[1]).subject.rfc4514_string() == "CN=Brought Along" and verifies(root, chain[0], *chain[1:])


def test_a_longer_chain(make_house, tmp_path):
    """Two CAs between the root and the leaves; the root at the end of the file is left out of what is served."""
    root, key = root_by_openssl(tmp_path / "safe")
    upper = tmp_path / "upper"
    upper.mkdir()
    for name in ("upper", "lower"):
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            tmp_path / f"{name}.key", "-subj", f"/CN={name}", "-out", tmp_path / f"{name}.csr")
    signed = by_openssl(upper, root, key, tmp_path / "upper.csr", GOOD.replace("pathlen:0", "pathlen:1"))
    lower = by_openssl(tmp_path, signed, tmp_path / "upper.key", tmp_path / "lower.csr", GOOD)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(lower.read_bytes() + signed.read_bytes() + root.read_bytes())
    house = make_house()
    words = ["init", "--dir", house.directory, "--root-cert", root, "--intermediate-key", tmp_path / "lower.key"]
    assert "the chain is not good" in ca(*words, "--intermediate-cert", lower, code=78)
    ca(*words, "--intermediate-cert", bundle)
    chain = issues(house)
    assert [certificate(path).subject.rfc4514_string() for path in chain[1:]] == ["CN=lower", "CN=upper"]
    assert verifies(root, chain[0], *chain[1:])


# ---- what binds from higher up ----

@pytest.fixture
def three_levels(tmp_path):
    """Certificates of a root that permits subjects of one organization only, and of a CA of this below it that says nothing of
    it; by python3-cryptography, as ours writes no such constraints."""
    folder = tmp_path / "levels"
    folder.mkdir()
    now = datetime.datetime.utcnow()
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("top", "middle")}
    subjects = {name: x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "House"),
                                 x509.NameAttribute(NameOID.COMMON_NAME, f"The {name}")]) for name in keys}
    for name, by in (("top", "top"), ("middle", "top")):
        builder = x509.CertificateBuilder().subject_name(subjects[name]).issuer_name(subjects[by]).public_key(keys[name].public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(1))
        builder = builder.not_valid_after(now + datetime.timedelta(3000))
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[name].public_key()), False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[by].public_key()), False)
        if name == "top":
            permitted = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "House")]))
            builder = builder.add_extension(x509.NameConstraints([permitted], None), True)
        (folder / f"{name}.pem").write_bytes(builder.sign(keys[by], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(keys[name].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (folder / f"{name}.key").chmod(0o600)
    (folder / "chain.pem").write_bytes((folder / "middle.pem").read_bytes() + (folder / "top.pem").read_bytes())
    return folder


def test_constraints_of_every_certificate_above(three_levels, tmp_path):
    """X-CA-4: a CA whose subject the root two levels up does not permit is not certified, nor cross-signed."""
    folder = three_levels
    ca("init", "--dir", tmp_path / "ca", "--name", "In", "--organization", "House", "--root-csr")
    ca("init", "--dir", tmp_path / "out", "--name", "Out", "--organization", "Elsewhere", "--root-csr")
    by = ["--root-cert", folder / "chain.pem", "--root-key", folder / "middle.key"]
    ca("intermediate", "sign", *by, "--csr", tmp_path / "ca/intermediate.csr", "--out", folder / "in.pem")
    assert verifies(folder / "top.pem", folder / "in.pem", folder / "middle.pem")
    outside = tmp_path / "out/intermediate.csr"
    sign_by_openssl(folder / "middle.pem", folder / "middle.key", outside, folder / "out.pem")
    # (GnuTLS does not look at constraints of subjects)
    assert "permitted subtree violation" in run("openssl", "verify", "-CAfile", folder / "top.pem", "-untrusted", folder / "middle.pem",
                                                folder / "out.pem", code=2).stderr
    # what is above middle.pem must be known
    assert "unable to get issuer certificate" in ca("intermediate", "sign", "--root-cert", folder / "middle.pem", "--root-key",
                                                    folder / "middle.key", "--csr", outside, code=78)
    complaint = "a name is outside the name constraints of its issuers"
    before = untouched(folder)
    assert complaint in ca("intermediate", "sign", *by, "--csr", outside, "--out", folder / "no.pem", code=1)
    assert complaint in ca("intermediate", "cross-sign", *by, "--certificate", folder / "out.pem", "--out", folder / "no.pem", code=1)
    assert complaint in ca("intermediate", "sign", "--root-cert", folder / "chain.pem", "--csr", outside, "--dry-run", code=1)
    (tmp_path / "mixed.pem").write_bytes((folder / "middle.pem").read_bytes() + (folder / "in.pem").read_bytes())
    assert "mixed.pem: certificate 2 is not of the CA that signed the one before it" in ca(
        "intermediate", "sign", "--root-cert", tmp_path / "mixed.pem", "--root-key", folder / "middle.key", "--csr", outside, code=78)
    assert untouched(folder) == before


# ---- cross-signs ----

def test_cross_signed(make_house, tmp_path):
    """S-CERT-2: the same certificate is good for those who trust the one root, and for those who trust the other; of an
    intermediate and of a root."""
    other, other_key = root_by_openssl(tmp_path / "other")
    house = make_house()
    folder = house.directory
    ca("init", "--dir", folder, "--permit", "example.test", "--permit", "localhost", "--usage", "server")
    words = ["intermediate", "cross-sign", "--root-cert", other, "--certificate"]
    assert "would sign" in ca(*words, folder / "intermediate.pem", "--dry-run")
    ca(*words, folder / "intermediate.pem", "--root-key", other_key, "--out", folder / "cross.pem")
    ca(*words, folder / "root.pem", "--root-key", other_key, "--out", tmp_path / "root-cross.pem")
    one, two = certificate(folder / "intermediate.pem"), certificate(folder / "cross.pem")
    assert one.subject == two.subject and spki(one.public_key()) == spki(two.public_key()) and two.issuer == certificate(other).subject
    for kind in (x509.SubjectKeyIdentifier, x509.NameConstraints, x509.ExtendedKeyUsage, x509.BasicConstraints):
        assert extension(one, kind).value == extension(two, kind).value
    house.sets.append("files.alternates=cross.pem")
    chain = issues(house)
    assert verifies(folder / "root.pem", chain[0], *chain[1:])
    assert verifies(other, chain[0], folder / "cross.pem")
    assert verifies(other, chain[0], chain[1], tmp_path / "root-cross.pem")
    assert not verifies(other, chain[0], chain[1])
    assert "same key" in ca(*words, other, "--root-key", other_key, code=64)
    assert "no CA certificate" in ca(*words, chain[0], "--root-key", other_key, code=1)


# ---- another intermediate ----

def test_another_intermediate(tmp_path):
    folder = tmp_path / "ca"
    ca("init", "--dir", folder, "--name", "Example")
    made = json.loads(ca("intermediate", "new", "--dir", folder, "--issuer", "r2", "--root-key", folder / "root.key", "--key-type",
                         "rsa2048", "--json"))
    assert (made["certificate"], made["key"]) == ("r2.pem", "r2.key")
    assert verifies(folder / "root.pem", folder / "r2.pem")
    assert certificate(folder / "r2.pem").subject.rfc4514_string() == "CN=Example Intermediate r2"
    assert os.stat(folder / "r2.key").st_mode & 0o777 == 0o600
    text = ca("intermediate", "new", "--dir", folder, "--issuer", "r3", "--root-csr", "--common-name", "Third")
    assert "intermediate import" in text
    ca("intermediate", "sign", "--root-cert", folder / "root.pem", "--root-key", folder / "root.key", "--csr", folder / "r3.csr",
       "--out", tmp_path / "r3.pem")
    text = ca("intermediate", "import", "--dir", folder, "--issuer", "r3", "--certificate", tmp_path / "r3.pem")
    assert "before-r3" in text and "check-config" in text
    assert verifies(folder / "root.pem", folder / "r3.pem")
    # below another root
    other, other_key = root_by_openssl(tmp_path / "other")
    ca("intermediate", "new", "--dir", folder, "--issuer", "r4", "--root-key", other_key, "--root-cert", other)
    assert verifies(folder / "r4-root.pem", folder / "r4.pem") and (folder / "r4-root.pem").read_bytes() == other.read_bytes()
    before = untouched(folder)
    for code, words, complaint in [
            (1, ["--issuer", "r2", "--root-key", folder / "root.key"], "is there already"),
            (64, ["--issuer", "R2", "--root-key", folder / "root.key"], "no name of an issuer"),
            (64, ["--issuer", "r5"], "give --root-key"),
            (64, ["--root-csr"], "--issuer is missing"),
            (78, ["--issuer", "r5", "--root-key", folder / "intermediate.key"],
             f"{folder}/intermediate.key and {folder}/root.pem do not belong together"),
            (78, ["--issuer", "r5", "--root-key", folder / "absent.key"], "absent.key")]:
        assert complaint in ca("intermediate", "new", "--dir", folder, *words, code=code), words
    assert untouched(folder) == before
