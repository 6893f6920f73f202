"""Everything this CA writes is read and verified by openssl, certtool (ocsptool for OCSP) and python3-cryptography, which must
read the same in it: certificates of each profile, of each issuer's key with each subject's key, precertificates and the
certificates with timestamps, revocation lists, OCSP answers and their responders, roots, intermediates, requests, and what the
CA's own server shows. What a judge cannot say is in NOT_VERIFIED; nothing else is passed over: the last test looks for what
no other test has seen."""
import concurrent.futures
import contextlib
import datetime
import hashlib
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

import judges
from acme_raw import Client, b64, make_csr
from ct_log import CtLog, Root, signed_about
from house import CAIRN_CA, House, free_port
from responder import Responder
from test_admin import admin
from test_profiles import configure
from test_transparency import openssl_judges

ISSUERS = ("p256", "p384", "rsa2048", "rsa3072", "rsa4096", "ed25519")
SUBJECTS = (*ISSUERS, "p521")
OF_INIT = ("classic", "tlsserver", "shortlived", "client")
URLS = "crl_urls: http://crl.cairn-flow.com/1.crl, issuer_urls: http://ca.cairn-flow.com/1.cer, ocsp_urls: none"
PROFILES = {  # what is ordered with it, beside a name: key, more names
    "classic": ("{}", {}),
    "tlsserver": ("{lifetime: 45d}", {"more": ["127.0.0.1"]}),
    "shortlived": ("{lifetime: 160h}", {"more": ["xn--bcher-kva.example.test", "b.example.test", "c.example.test"]}),
    "client": ("{lifetime: 45d, usages: [client]}", {}),
    "both": ("{usages: [server, client], policies: [2.23.140.1.2.1, 1.3.6.1.4.1.44947.1.1.1]}", {}),
    "tunnel": ("{usages: [client, 1.3.6.1.5.5.7.3.17]}", {}),
    "mail": ("{usages: email, policies: 1.3.6.1.4.1.44947.1.2.3}", {}),
    "code": ("{usages: code}", {}),
    "stamp": ("{usages: timestamping}", {}),
    "agree": ("{key_usages: [digitalSignature, keyAgreement, dataEncipherment]}", {}),
    "encipher": ("{key_types: rsa, key_usages: [keyEncipherment]}", {"key": "rsa2048"}),
    "first": ("{common_name: first}", {}),
    "unruled": ("{policies: none, crl_urls: none, issuer_urls: none, ocsp_urls: none}", {}),
    "linked": ("{crl_urls: [http://crl.example.test/1, http://crl2.example.test/1], issuer_urls: http://ca.example.test/ca.cer, "
               "ocsp_urls: http://ocsp.example.test/}", {}),
    "stapled": ("{must_staple: always}", {}),
    "brief": ("{lifetime: 6d, no_rev_avail: true}", {}),
    "backdated": ("{lifetime: 1d, backdate: 1h}", {}),
    "constrained": ("{issuer: corp}", {"name": "www.corp.test"}),
    "baseline": ("{rules: br, lifetime: 40d, %s}" % URLS, {"name": "www.cairn-flow.com", "directory": "public"}),
    "baseline-short": ("{rules: br, lifetime: 6d, %s, no_rev_avail: true}" % URLS.replace("http://crl.cairn-flow.com/1.crl", "none"),
                       {"name": "www.cairn-flow.com", "directory": "public"}),
    **{f"by-{issuer}": (f"{{issuer: {issuer}}}", None) for issuer in ISSUERS[1:]},
    **{f"shown-{issuer}": (f"{{issuer: {issuer}, ct: required, ct_logs: [a, b]}}", None) for issuer in ISSUERS[1:]},
    "shown-p256": ("{ct: required, ct_logs: [a, b]}", None),
    "shown-plainly": ("{ct: required, ct_logs: [a, c]}", {}),
}
PURPOSES = {Usage.SERVER_AUTH: "sslserver", Usage.CLIENT_AUTH: "sslclient", Usage.EMAIL_PROTECTION: "smimesign",
            Usage.TIME_STAMPING: "timestampsign", Usage.OCSP_SIGNING: "ocsphelper", Usage.CODE_SIGNING: None}
REASONS = (None, "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation", "privilegeWithdrawn")
# (what, judge): why it does not verify that. What it says instead is asserted where it is judged.
NOT_VERIFIED = {
    ("timestamps", "certtool"): "GnuTLS shows timestamps of logs and has nothing to verify them with",
    ("timestamps with extensions", "certtool"): "GnuTLS 3.7 reads none that has extensions (RFC 6962 3.2), as those of static logs",
    ("part of a list", "certtool"): "GnuTLS shows the octets of an issuing distribution point, and verifies the signature",
    ("perspective.pem", "certtool"): "GnuTLS trusts only CAs as anchors; it is pinned by its key, and the signature is its own",
}


def run(*words, stdin=None, code=0):
    text = stdin if stdin is None or isinstance(stdin, bytes) else stdin.encode()
    done = subprocess.run([str(word) for word in words], input=text, capture_output=True, check=False, timeout=60)
    both = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == code, (words, both)
    return both


def make_key(kind):
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind])


def signature_is_good(key, signature, signed, digest):
    """By python3-cryptography; InvalidSignature."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(digest))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    else:
        key.verify(signature, signed)


def der_of(pem):
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def pem_of(*ders):
    return b"".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in ders)


def key_id(certificate):
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


# ---- what each judge reads in a certificate: serial, end, names, digest of the whole

def by_openssl(der):
    text = run("openssl", "x509", "-inform", "DER", "-noout", "-serial", "-enddate", "-fingerprint", "-sha256", "-ext",
               "subjectAltName", stdin=der)
    end = re.search(r"notAfter=(.*) GMT", text)[1]
    names = re.findall(r"(?:DNS|IP Address):([^,\s]+)", text)
    return (int(re.search(r"serial=([0-9A-F]+)", text)[1], 16), datetime.datetime.strptime(end, "%b %d %H:%M:%S %Y"),
            sorted(names), re.search(r"Fingerprint=([0-9A-F:]+)", text)[1].replace(":", "").lower())


def by_certtool(der):
    text = run("certtool", "--certificate-info", "--inder", stdin=der)
    end = re.search(r"Not After: \w+ (.*) UTC (\d+)", text)
    alternative = re.findall(r"Subject Alternative Name .*\n((?:\t\t\t.*\n)+)", text)
    return (int(re.search(r"Serial Number \(hex\): ([0-9a-f]+)", text)[1], 16),
            datetime.datetime.strptime(f"{end[1]} {end[2]}", "%b %d %H:%M:%S %Y"),
            sorted(re.findall(r"(?:DNSname|IPAddress): (\S+)", "".join(alternative))), re.search(r"sha256:([0-9a-f]{64})", text)[1])


def by_cryptography(der):
    found = x509.load_der_x509_certificate(der)
    assert found.public_bytes(Encoding.DER) == der
    names = []
    for one in found.extensions:  # reads each
        assert not isinstance(one.value, x509.UnrecognizedExtension) or one.oid.dotted_string == "2.5.29.56", one
        if isinstance(one.value, x509.SubjectAlternativeName):
            names = [str(name.value) for name in one.value]
    return found.serial_number, found.not_valid_after, sorted(names), hashlib.sha256(der).hexdigest()


def same_to_all(der):
    readings = [read(der) for read in (by_openssl, by_certtool, by_cryptography)]
    assert readings[0] == readings[1] == readings[2], readings
    return readings[0]


class World:
    """One CA with an issuer of each type of key, whatever it can publish, and three logs."""

    def __init__(self, folder):
        self.folder = folder
        self.roots = Root(folder)
        self.logs = [CtLog("a", self.roots, operator="one"), CtLog("b", self.roots, api="static", operator="two"),
                     CtLog("c", self.roots, operator="three")]
        self.plain = free_port()
        self.house = House(folder / "ca", sets=[
            f"publish.listen=127.0.0.1:{self.plain}", "ocsp.enabled=true", "crl.shards=2", f"ct.ca_file={self.roots.path}"])
        self.home = self.house.directory
        for kind in ISSUERS[1:]:
            self.new(kind, "--key-type", kind)
        self.new("corp", "--permit", "corp.test", "--exclude", "bad.corp.test", "--usage", "server")
        self.new("idle")  # signs nothing but its empty list
        self.make_alternate()
        for log in self.logs:
            log.trust(self.house.root.read_bytes())
        self.configure()
        self.house.start()
        self.responder = Responder(self.house.http_port)
        self.keys = {kind: make_key(kind) for kind in SUBJECTS}
        self.clients = {}
        self.issued = {}  # (profile, key): PEM chain
        for profile, (_, what) in PROFILES.items():
            if what is not None:
                self.issue(profile, **what)
        for issuer in ISSUERS:
            for kind in SUBJECTS:
                self.issue("classic" if issuer == "p256" else f"by-{issuer}", key=kind)
            self.issue(f"shown-{issuer}")
        self.revoked = self.revoke_some()
        with self.open() as db:
            self.rows = db.execute("SELECT i.id, hex(i.serial), i.profile, i.order_id, c.der, p.der FROM issuance i LEFT JOIN "
                                   "certificate c ON c.id = i.id LEFT JOIN precertificate p ON p.issuance_id = i.id").fetchall()
        self.issuers = {key_id(c): c for c in map(x509.load_pem_x509_certificate, (
            (self.home / f"{name}.pem").read_bytes() for name in ("intermediate", *ISSUERS[1:], "corp", "idle")))}

    def open(self):
        return contextlib.closing(sqlite3.connect(f"file:{self.home}/cairn.db?mode=ro", uri=True))

    def new(self, name, *words):
        run(CAIRN_CA, "intermediate", "new", "--dir", self.home, "--issuer", name, "--root-key", self.home / "root.key", *words)

    def make_alternate(self):
        """The first intermediate, certified by another root as well; and that root by ours."""
        other = self.folder / "other"
        run(CAIRN_CA, "init", "--dir", other, "--name", "Another", "--root-key-type", "rsa2048")
        run(CAIRN_CA, "intermediate", "cross-sign", "--root-cert", other / "root.pem", "--root-key", other / "root.key",
            "--certificate", self.home / "intermediate.pem", "--out", self.home / "alternate.pem")
        run(CAIRN_CA, "intermediate", "cross-sign", "--root-cert", self.home / "root.pem", "--root-key", self.home / "root.key",
            "--certificate", other / "root.pem", "--out", other / "crossed-root.pem")

    def configure(self):
        text = "issuers:\n" + "".join(f"  {name}:\n    certificate: {name}.pem\n    key: {name}.key\n"
                                      for name in (*ISSUERS[1:], "corp", "idle"))
        text += "directories:\n  default:\n    profiles: [" + ", ".join(
            n for n, (_, what) in PROFILES.items() if "directory" not in (what or {})) + "]\n"
        text += "  public:\n    public_names: true\n    caa_identities: ca.cairn-flow.com\n    profiles: [baseline, baseline-short]\n"
        text += "profiles:\n" + "".join(f"  {name}: {rest}\n" for name, (rest, _) in PROFILES.items())
        configure(self.home, text + "ct_logs:\n" + "".join(log.yaml() for log in self.logs))
        path = self.home / "cairn-ca.yaml"
        path.write_text(re.sub(r"(?m)^  alternates:.*$", "  alternates: alternate.pem", path.read_text()))

    def issue(self, profile, name="judged.example.test", key="p256", more=(), directory="default"):
        client = self.clients.get(directory)
        if client is None:
            url = self.house.url if directory == "default" else self.house.url.replace("/acme/", f"/acme/{directory}/")
            client = self.clients[directory] = Client(url, self.house.root)
            client.register()
        names = [name, *more]
        made = client.post(client.directory["newOrder"], {"profile": profile, "identifiers": [
            {"type": "ip" if n[0].isdigit() else "dns", "value": n} for n in names]})
        assert made.status == 201, (profile, made)
        if made.json["status"] == "pending":
            client.prove({"authorizations": [url for url in made.json["authorizations"]
                                             if client.post(url, None).json["status"] == "pending"]}, self.responder)
        csr = make_csr([n for n in names if not n[0].isdigit()], self.keys[key], addresses=[n for n in names if n[0].isdigit()])
        answer = client.post(made.json["finalize"], {"csr": b64(csr)})
        assert answer.status == 200, (profile, key, answer)
        final = client.poll(made.headers["Location"], ("valid", "invalid")).json
        assert final["status"] == "valid", (profile, key, final)
        self.issued[profile, key] = client.post(final["certificate"], None).body

    def revoke_some(self):
        """One of each issuer for each reason; serials. The keys are shared, so compromise would take them all: it is said of
        another certificate's key, which only that one has."""
        found = {}
        for issuer in ISSUERS:
            profile = "classic" if issuer == "p256" else f"by-{issuer}"
            for kind, reason in zip(SUBJECTS, REASONS):
                if reason == "keyCompromise":
                    self.keys["own"] = make_key("p256")
                    kind = "own"
                    self.issue(profile, key=kind)
                leaf = judges.certificates(self.issued[profile, kind])[0]
                done = admin(self.house, "revoke", "--serial", f"{leaf.serial_number:x}", "--yes",
                             *(["--reason", reason] if reason else []))
                assert done["count"] == 1, done
                found[leaf.serial_number] = reason
        deadline = time.monotonic() + 30  # only against hanging
        while not all(row["current"] for row in admin(self.house, "crl", "list")["lists"]):
            assert time.monotonic() < deadline, admin(self.house, "crl", "list")
            time.sleep(0.1)
        return found

    def chain(self, der):
        """The issuer of it, as DER."""
        leaf = x509.load_der_x509_certificate(der)
        authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        return self.issuers[authority]

    def close(self):
        for log in self.logs:
            log.close()
        self.responder.close()
        self.house.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    for program in ("openssl", "certtool", "ocsptool", "gnutls-cli"):
        assert shutil.which(program), f"{program} is one of the judges"
    made = World(tmp_path_factory.mktemp("judges"))
    try:
        yield made
        assert [log.refusals for log in made.logs] == [[], [], []]
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text() and "AddressSanitizer" not in made.house.text(), made.house.text()
    finally:
        made.close()


def each(function, things):
    """Two at a time: it is programs that work."""
    things = list(things)
    assert things, "nothing to judge"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, things))


def judge(world, der, issuer=None, *, purpose="of its usage", root=None):
    """Read and verified by all three."""
    same_to_all(der)
    issuer = issuer or world.chain(der)
    root = root or world.house.root
    leaf = x509.load_der_x509_certificate(der)
    if purpose == "of its usage":
        usages = list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        purpose = PURPOSES[usages[0]]
    chain = issuer.public_bytes(Encoding.PEM)
    name = hashlib.sha256(der).hexdigest()[:16]
    above, below = world.folder / f"{name}.above.pem", world.folder / f"{name}.pem"
    above.write_bytes(chain)
    below.write_bytes(pem_of(der))
    run("openssl", "verify", "-x509_strict", *(["-purpose", purpose] if purpose else []), "-CAfile", root, "-untrusted", above, below)
    bundle = pem_of(der) + (chain if issuer.subject != issuer.issuer else b"")
    said = run("certtool", "--verify", "--load-ca-certificate", root, "--verify-profile", "low", stdin=bundle)
    assert "Chain verification output: Verified." in said, said
    signature_is_good(issuer.public_key(), leaf.signature, leaf.tbs_certificate_bytes, leaf.signature_hash_algorithm)
    # and they can say no
    spoiled = der[:-1] + bytes([der[-1] ^ 1])
    with contextlib.suppress(ValueError):
        wrong = x509.load_der_x509_certificate(spoiled)
        with pytest.raises(InvalidSignature):
            signature_is_good(issuer.public_key(), wrong.signature, wrong.tbs_certificate_bytes, wrong.signature_hash_algorithm)


@pytest.mark.parametrize("profile", [name for name, (_, what) in PROFILES.items() if what is not None])
def test_each_profile(world, profile):
    _, what = PROFILES[profile]
    pem = world.issued[profile, what.get("key", "p256")]
    leaf, issuer = judges.certificates(pem)
    judge(world, leaf.public_bytes(Encoding.DER), issuer)
    assert same_to_all(leaf.public_bytes(Encoding.DER))[2] == sorted(
        [what.get("name", "judged.example.test"), *what.get("more", [])])


@pytest.mark.parametrize("issuer", ISSUERS)
def test_each_issuer_with_each_key(world, issuer):
    """X-TLS-22: the key is the one of the request, which nobody but the requester has."""
    def one(kind):
        leaf, above = judges.certificates(world.issued["classic" if issuer == "p256" else f"by-{issuer}", kind])
        public, mine = leaf.public_key(), world.keys[kind].public_key()
        form = (Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert public.public_bytes(*form) == mine.public_bytes(*form)
        assert above.subject.rfc4514_string().rpartition(" ")[2] == ("Intermediate" if issuer == "p256" else issuer)
        judge(world, leaf.public_bytes(Encoding.DER), above)

    each(one, SUBJECTS)


@pytest.mark.parametrize("profile, logs", [*((f"shown-{issuer}", "ab") for issuer in ISSUERS), ("shown-plainly", "ac")])
def test_timestamps(world, tmp_path, profile, logs):
    """X-CT-1, 2, X-TLS-15."""
    pem = world.issued[profile, "p256"]
    leaf, above = judges.certificates(pem)
    der = leaf.public_bytes(Encoding.DER)
    judge(world, der, above)
    logs = {log.id: log for log in world.logs if log.name in logs}
    # by python3-cryptography, about its own idea of what was shown
    found = list(leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value)
    assert {stamp.log_id for stamp in found} == set(logs)
    form = (Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    bare = leaf.tbs_precertificate_bytes
    entry = hashlib.sha256(above.public_key().public_bytes(*form)).digest() + len(bare).to_bytes(3, "big") + bare
    epoch = datetime.datetime(1970, 1, 1)
    for stamp in found:
        when = (stamp.timestamp - epoch) // datetime.timedelta(milliseconds=1)
        signed = signed_about(0, 0, when, 1, entry, stamp.extension_bytes)
        logs[stamp.log_id].key.public_key().verify(stamp.signature, signed, ec.ECDSA(hashes.SHA256()))
    said = openssl_judges(world, tmp_path, pem, world.keys["p256"], logs.values())
    assert said.count("SCT validation status: valid") == 2, said
    assert ("timestamps", "certtool") in NOT_VERIFIED
    said = run("certtool", "--certificate-info", "--inder", stdin=der)
    if profile == "shown-plainly":
        assert sorted(re.findall("Log ID: (.*)", said)) == sorted(log.id.hex() for log in logs.values()), said
    else:
        assert ("timestamps with extensions", "certtool") in NOT_VERIFIED
        assert "gnutls_x509_ext_ct_import_scts" in said, "it can read them now: have it do so"


@pytest.mark.parametrize("issuer", ISSUERS)
def test_precertificates(world, issuer):
    """X-CT-1: whoever does not know what it is refuses it, as is meant; its signature is good all the same."""
    ((pre, final),) = [(row[5], row[4]) for row in world.rows if row[2] == f"shown-{issuer}"]
    leaf = x509.load_der_x509_certificate(pre)
    above = world.chain(pre)
    assert same_to_all(pre)[:3] == same_to_all(final)[:3]
    assert leaf.extensions.get_extension_for_class(x509.PrecertPoison).critical
    signature_is_good(above.public_key(), leaf.signature, leaf.tbs_certificate_bytes, leaf.signature_hash_algorithm)
    (world.folder / "pre.pem").write_bytes(pem_of(pre))
    (world.folder / "above.pem").write_bytes(above.public_bytes(Encoding.PEM))
    words = ["openssl", "verify", "-CAfile", world.house.root, "-untrusted", world.folder / "above.pem"]
    assert "unhandled critical extension" in run(*words, "-x509_strict", world.folder / "pre.pem", code=2)
    run(*words, "-x509_strict", "-ignore_critical", world.folder / "pre.pem")
    said = run("certtool", "--verify", "--load-ca-certificate", world.house.root, "--verify-profile", "low",
               stdin=pem_of(pre) + above.public_bytes(Encoding.PEM), code=1)
    assert "Unknown critical extension" in said or "unknown critical extension" in said, said


# ---- revocation lists

def lists(world):
    """Each published list: path below the folder, DER."""
    folder = world.home / "published" / "crl"
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.crl"))}


def whose(world, path):
    name = path.parts[0].removesuffix(".crl")
    return world.issuers[bytes.fromhex(name)], len(path.parts) > 1


def judge_list(world, path, der):
    """Number and serials, the same to all three."""
    issuer, is_part = whose(world, path)
    name = world.folder / f"list-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}.pem"
    above = world.folder / f"{name.stem}.above.pem"
    above.write_bytes(issuer.public_bytes(Encoding.PEM))
    crl = x509.load_der_x509_crl(der)
    assert crl.public_bytes(Encoding.DER) == der
    signature_is_good(issuer.public_key(), crl.signature, crl.tbs_certlist_bytes, crl.signature_hash_algorithm)
    for one in crl.extensions:
        assert not isinstance(one.value, x509.UnrecognizedExtension), one
    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    serials = sorted(one.serial_number for one in crl)
    name.write_bytes(crl.public_bytes(Encoding.PEM))
    said = run("openssl", "crl", "-in", name, "-CAfile", above, "-text", "-noout", "-crlnumber")
    assert "verify OK" in said, said
    assert sorted(int(text, 16) for text in re.findall(r"Serial Number: ([0-9A-F]+)", said)) == serials
    assert int(re.search(r"crlNumber=(?:0x)?([0-9A-F]+)", said)[1], 16) == number
    assert ("Full Name" in said) == is_part
    said = run("certtool", "--verify-crl", "--load-ca-certificate", above, "--infile", name)
    assert "Verification output: Verified." in said, said
    said = run("certtool", "--crl-info", "--infile", name)
    assert sorted(int(text, 16) for text in re.findall(r"Serial Number \(hex\): ([0-9a-f]+)", said)) == serials
    assert int(re.search(r"CRL Number .*: ([0-9a-f]+)", said)[1], 16) == number
    assert ("Unknown extension 2.5.29.28 (critical)" in said) == is_part and ("part of a list", "certtool") in NOT_VERIFIED
    return number, serials


def test_lists(world):
    """X-CRL-1, 2, 3, 7, 9: whole and in parts, empty and not, of each type of key. Entries are those of the store."""
    found = lists(world)
    assert {whose(world, path)[0].subject for path in found} == {c.subject for c in world.issuers.values()}
    read = dict(zip(found, each(lambda item: judge_list(world, *item), found.items())))
    with world.open() as db:
        for path, (_, serials) in read.items():
            issuer, is_part = whose(world, path)
            part = f"AND shard = {int(path.stem)}" if is_part else ""
            rows = db.execute(f"SELECT DISTINCT hex(serial) FROM crl_entry WHERE issuer = ? {part}", [key_id(issuer)]).fetchall()
            assert serials == sorted(int(row[0], 16) for row in rows), path
    whole = {path: serials for path, (_, serials) in read.items() if not whose(world, path)[1]}
    assert len(whole) == len(world.issuers) and sorted(sum(whole.values(), [])) == sorted(world.revoked)
    assert [] in whole.values()
    parts = [path for path in found if whose(world, path)[1]]
    assert len(parts) == 2 * len(world.issuers)


@pytest.mark.parametrize("issuer", ISSUERS)
def test_reasons_in_lists(world, issuer):
    """X-CRL-7, 8: what each judge says of a certificate by the list of its issuer."""
    first = judges.certificates(world.issued["classic" if issuer == "p256" else f"by-{issuer}", "p256"])
    path = world.home / "published" / "crl" / f"{key_id(first[1]).hex()}.crl"
    crl = x509.load_der_x509_crl(path.read_bytes())
    names = {None: None, **{reason: x509.ReasonFlags[re.sub("([A-Z])", r"_\1", reason).lower()] for reason in REASONS[1:]}}
    for entry in crl:
        reason = world.revoked[entry.serial_number]
        assert [e.value.reason for e in entry.extensions] == ([names[reason]] if reason else []), reason
    (world.folder / "list.pem").write_bytes(crl.public_bytes(Encoding.PEM))
    (world.folder / "above.pem").write_bytes(first[1].public_bytes(Encoding.PEM))
    for kind, is_revoked in (("p256", True), ("p521", False)):
        leaf = judges.certificates(world.issued["classic" if issuer == "p256" else f"by-{issuer}", kind])[0]
        assert (leaf.serial_number in world.revoked) == is_revoked
        (world.folder / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        said = run("openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", world.house.root, "-untrusted",
                   world.folder / "above.pem", "-CRLfile", world.folder / "list.pem", world.folder / "leaf.pem",
                   code=2 if is_revoked else 0)
        assert ("certificate revoked" in said) == is_revoked, said
        said = run("certtool", "--verify", "--verify-profile", "low", "--load-ca-certificate", world.house.root, "--load-crl",
                   world.folder / "list.pem", stdin=pem_of(*(c.public_bytes(Encoding.DER) for c in (leaf, first[1]))),
                   code=1 if is_revoked else 0)
        assert ("revoked" in said) == is_revoked, said


# ---- OCSP

def ask(world, der):
    client = world.clients["default"]
    client.connection.request("POST", "/ocsp", der, {"Content-Type": "application/ocsp-request"})
    answer = client.connection.getresponse()
    body = answer.read()
    assert answer.status == 200
    return body


def judge_answer(world, tmp_path, leaf, issuer, wanted):
    """One of openssl's request; the same to all, and the responder's certificate is one, too."""
    names = {name: tmp_path / f"{name}" for name in ("leaf.pem", "above.pem", "request.der", "answer.der", "responder.pem")}
    names["leaf.pem"].write_bytes(leaf.public_bytes(Encoding.PEM))
    names["above.pem"].write_bytes(issuer.public_bytes(Encoding.PEM))
    run("openssl", "ocsp", "-issuer", names["above.pem"], "-cert", names["leaf.pem"], "-no_nonce", "-reqout", names["request.der"])
    der = ask(world, names["request.der"].read_bytes())
    names["answer.der"].write_bytes(der)
    said = run("openssl", "ocsp", "-respin", names["answer.der"], "-no_nonce", "-CAfile", world.house.root, "-verify_other",
               names["above.pem"], "-issuer", names["above.pem"], "-cert", names["leaf.pem"])
    assert "Response verify OK" in said and f"leaf.pem: {wanted}" in said, said
    said = run("ocsptool", "--verify-response", "--load-response", names["answer.der"], "--load-trust", names["above.pem"])
    assert "Verifying OCSP Response: Success" in said, said
    said = run("ocsptool", "--response-info", "--load-response", names["answer.der"])
    assert f"Certificate Status: {wanted}" in said, said
    assert int(re.search(r"Serial Number: (?:0x)?([0-9a-f]+)", said)[1], 16) == leaf.serial_number
    answer = ocsp.load_der_ocsp_response(der)
    assert answer.public_bytes(Encoding.DER) == der and answer.certificate_status.name == wanted.upper()
    assert answer.serial_number == leaf.serial_number
    (responder,) = answer.certificates
    signature_is_good(responder.public_key(), answer.signature, answer.tbs_response_bytes, answer.signature_hash_algorithm)
    judge(world, responder.public_bytes(Encoding.DER), issuer)  # X-OCSP-2
    return answer


@pytest.mark.parametrize("issuer", ISSUERS)
def test_answers(world, tmp_path, issuer):
    """X-OCSP-1, 2, 3: good, revoked for each reason, unknown; of each type of issuing key."""
    profile = "classic" if issuer == "p256" else f"by-{issuer}"
    leaf, above = judges.certificates(world.issued[profile, "p521"])
    judge_answer(world, tmp_path, leaf, above, "good")
    names = {reason: x509.ReasonFlags[re.sub("([A-Z])", r"_\1", reason).lower()] for reason in REASONS[1:]}
    seen = set()
    for key in (*SUBJECTS, "own"):
        one = judges.certificates(world.issued[profile, key])[0]
        if one.serial_number in world.revoked:
            answer = judge_answer(world, tmp_path, one, above, "revoked")
            reason = world.revoked[one.serial_number]
            assert answer.revocation_reason == names.get(reason)
            seen.add(reason)
    assert seen == set(REASONS)
    key = make_key("p256")
    never = x509.CertificateBuilder(above.subject, above.subject, key.public_key(), 0xabcdef, datetime.datetime(2026, 1, 1),
                                    datetime.datetime(2027, 1, 1)).sign(key, hashes.SHA256())
    judge_answer(world, tmp_path, never, above, "unknown")


def test_answers_that_are_none(world, tmp_path):
    """X-OCSP-10: errors of the protocol are read by all, too."""
    leaf, _ = judges.certificates(world.issued["classic", "p521"])
    stranger = x509.load_pem_x509_certificate((world.folder / "other" / "intermediate.pem").read_bytes())
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, stranger, hashes.SHA1()).build().public_bytes(Encoding.DER)
    for octets, name, words in ((request, "UNAUTHORIZED", "unauthorized"), (b"rubbish", "MALFORMED_REQUEST", "malformedrequest")):
        der = ask(world, octets)
        assert ocsp.load_der_ocsp_response(der).response_status.name == name
        (tmp_path / "answer.der").write_bytes(der)
        assert words in run("openssl", "ocsp", "-respin", tmp_path / "answer.der", "-noverify", code=1)
        said = run("ocsptool", "--response-info", "--load-response", tmp_path / "answer.der").lower()
        assert f"response status: {words}" in said.replace("malformed request", "malformedrequest"), said


# ---- of init, intermediate and the server itself

def test_roots_and_intermediates(world):
    """X-CA-1, 2: each is one to all judges, and leads to its root."""
    other = world.folder / "other"
    for folder in (world.home, other):
        root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
        judge(world, root.public_bytes(Encoding.DER), root, purpose=None, root=folder / "root.pem")
    ours, theirs = (x509.load_pem_x509_certificate((f / "root.pem").read_bytes()) for f in (world.home, other))

    def one(row):
        path, issuer, root = row
        (certificate,) = judges.certificates(path.read_bytes())
        judge(world, certificate.public_bytes(Encoding.DER), issuer, purpose=None, root=root)

    each(one, [(world.home / f"{name}.pem", ours, world.home / "root.pem") for name in ("intermediate", *ISSUERS[1:], "corp", "idle")]
         + [(world.home / "alternate.pem", theirs, other / "root.pem"), (other / "intermediate.pem", theirs, other / "root.pem"),
            (other / "crossed-root.pem", ours, world.home / "root.pem")])


def test_the_other_chain(world, tmp_path):
    """A leaf by the alternate of its issuer, to the other root."""
    leaf = judges.certificates(world.issued["classic", "p521"])[0]
    (above,) = judges.certificates((world.home / "alternate.pem").read_bytes())
    judge(world, leaf.public_bytes(Encoding.DER), above, root=world.folder / "other" / "root.pem")


@pytest.mark.parametrize("kind", [kind for kind in ISSUERS if kind != "p384"])
def test_roots_of_each_key(world, tmp_path, kind):
    """That of the CA above is P-384."""
    folder = tmp_path / "made"
    run(CAIRN_CA, "init", "--dir", folder, "--root-key-type", kind)
    root, made = (x509.load_pem_x509_certificate((folder / f"{n}.pem").read_bytes()) for n in ("root", "intermediate"))
    judge(world, root.public_bytes(Encoding.DER), root, purpose=None, root=folder / "root.pem")
    judge(world, made.public_bytes(Encoding.DER), root, purpose=None, root=folder / "root.pem")


@pytest.mark.parametrize("kind", ISSUERS)
def test_requests(tmp_path, kind):
    """What init --root-csr writes for a root elsewhere."""
    folder = tmp_path / "ca"
    run(CAIRN_CA, "init", "--dir", folder, "--name", "Judged", "--organization", "Cairn", "--country", "DE", "--root-csr",
        "--key-type", kind)
    path = folder / "intermediate.csr"
    said = run("openssl", "req", "-in", path, "-verify", "-noout", "-subject")
    assert "verify OK" in said and "CN = Judged Intermediate" in said, said
    said = run("certtool", "--crq-info", "--infile", path)
    assert "Self signature: verified" in said and "Certificate Authority (CA): TRUE" in said, said
    request = x509.load_pem_x509_csr(path.read_bytes())
    assert request.is_signature_valid and request.subject.rfc4514_string() == "CN=Judged Intermediate,O=Cairn,C=DE"
    assert request.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def is_responder(der):
    usages = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return Usage.OCSP_SIGNING in usages


def own(world):
    context = ssl.create_default_context(cafile=str(world.house.root))
    with socket.create_connection(("127.0.0.1", world.house.port), timeout=30) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            return tls.getpeercert(True)


def test_own_certificate(world):
    """The one of the CA's own server: as a certificate, and as TLS shows it."""
    der = own(world)
    assert [row[4] for row in world.rows if row[3] == 0 and not is_responder(row[4])] == [der]
    judge(world, der)
    said = run("openssl", "s_client", "-connect", f"127.0.0.1:{world.house.port}", "-servername", "localhost", "-CAfile",
               world.house.root, "-verify_return_error", "-verify_hostname", "localhost", "-x509_strict", stdin="Q\n")
    assert "Verify return code: 0 (ok)" in said, said
    said = run("gnutls-cli", "--x509cafile", world.house.root, "-p", world.house.port, "localhost", stdin="")
    assert "Handshake was completed" in said and "Status: The certificate is trusted." in said, said


def test_the_key_of_perspectives(world):
    """A certificate that only carries a key: it is signed by that key, is no CA's, and never ends (RFC 5280 4.1.2.5)."""
    path = world.home / "perspective.pem"
    der = der_of(path.read_bytes())
    found = x509.load_der_x509_certificate(der)
    assert same_to_all(der)[1] == datetime.datetime(9999, 12, 31, 23, 59, 59)
    signature_is_good(found.public_key(), found.signature, found.tbs_certificate_bytes, found.signature_hash_algorithm)
    run("openssl", "verify", "-x509_strict", "-CAfile", path, path)
    assert ("perspective.pem", "certtool") in NOT_VERIFIED
    said = run("certtool", "--verify", "--load-ca-certificate", path, "--infile", path, code=1)
    assert "The certificate issuer is not a CA." in said and "signature" not in said.partition("Output:")[2], said


def test_the_key_of_the_audit_log(world):
    """The public one (RFC 7468 13, RFC 8410)."""
    path = world.home / "audit.pem"
    key = serialization.load_pem_public_key(path.read_bytes())
    raw = key.public_bytes(Encoding.Raw, serialization.PublicFormat.Raw).hex()
    for words in (["openssl", "pkey", "-pubin", "-in", path, "-noout", "-text"], ["certtool", "--pubkey-info", "--infile", path]):
        assert raw in re.sub(r"[:\s]", "", run(*words)), words


# ---- nothing was passed over

def test_everything_was_judged(world):
    """Each certificate in the store, each file in the folders, and each digest that the signer noted before it signed: all are
    judged here, also those that no other test asked for."""
    assert [row for row in world.rows if row[4] is None] == []
    judged = [row[4] for row in world.rows]
    each(lambda der: judge(world, der), judged)
    assert {row[2] for row in world.rows if row[3] != 0} == set(PROFILES)
    by_key = {(row[2], "rsa" if isinstance(k, rsa.RSAPublicKey) else k.curve.name if isinstance(k, ec.EllipticCurvePublicKey)
               else "ed25519", getattr(k, "key_size", 0)) for row in world.rows
              for k in [x509.load_der_x509_certificate(row[4]).public_key()]}
    assert len({row for row in by_key if row[0].startswith("by-") or row[0] == "classic"}) == len(ISSUERS) * len(SUBJECTS)
    digests = {hashlib.sha256(x509.load_der_x509_certificate(der).tbs_certificate_bytes).hexdigest()
               for row in world.rows for der in (row[4], row[5]) if der is not None}
    journal = {line.split()[3] for line in (world.home / "signer.journal").read_text().splitlines()}
    assert journal == digests
    assert {row[4] for row in world.rows if is_responder(row[4])} == responders(world)
    kinds = {path.suffix for path in world.home.rglob("*") if path.is_file()}
    assert kinds <= {".pem", ".key", ".yaml", ".csr", ".crl", ".cer", ".db", ".db-wal", ".db-shm", ".journal", ".log", ".lists",
                     ".lock", ".sock", ".jsonl", ""}, kinds
    known = {f"{name}.pem" for name in ("root", "intermediate", *ISSUERS[1:], "corp", "idle", "alternate", "perspective", "audit")}
    assert {path.name for path in world.home.rglob("*.pem")} == known
    for path in world.home.rglob("*.cer"):
        assert path.read_bytes() == world.issuers[bytes.fromhex(path.stem)].public_bytes(Encoding.DER)


def responders(world):
    """One for each issuer."""
    found = set()
    for issuer in world.issuers.values():
        key = make_key("p256")
        never = x509.CertificateBuilder(issuer.subject, issuer.subject, key.public_key(), 0xabcdef, datetime.datetime(2026, 1, 1),
                                        datetime.datetime(2027, 1, 1)).sign(key, hashes.SHA256())
        request = ocsp.OCSPRequestBuilder().add_certificate(never, issuer, hashes.SHA256()).build()
        (certificate,) = ocsp.load_der_ocsp_response(ask(world, request.public_bytes(Encoding.DER))).certificates
        found.add(certificate.public_bytes(Encoding.DER))
    return found
