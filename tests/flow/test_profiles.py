"""Profiles as data: for each option a certificate is ordered by a client and looked at by openssl, certtool and
python3-cryptography; and what check-config says of options that do not go together."""
import datetime
import ipaddress
import json
import pathlib
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

import judges
from acme_raw import Client, b64
from house import CAIRN_CA, House
from responder import Responder

LONG = "a-name-that-is-long-enough.to-fill-more-than-sixty-four-characters.example.test"

PROFILES = {
    "plain": "{}",
    "backdated": "{lifetime: 1d, backdate: 40s}",
    "punctual": "{lifetime: 1d, backdate: 0s}",
    "tunnel": "{usages: [client, 1.3.6.1.5.5.7.3.17]}",
    "mail": "{usages: email, policies: 1.3.6.1.4.1.44947.1.2.3}",
    "code": "{usages: code}",
    "stamp": "{usages: timestamping}",
    "agree": "{key_types: [p256, rsa2048], key_usages: [digitalSignature, keyAgreement, dataEncipherment]}",
    "sign": "{key_types: rsa, key_usages: digitalSignature}",
    "curves": "{key_types: [p384, ed25519]}",
    "policies": "{policies: [2.23.140.1.2.1, 1.3.6.1.4.1.44947.1.1.1]}",
    "unruled": "{policies: none}",
    "first": "{common_name: first}",
    "asked": "{common_name: csr}",
    "nameless": "{common_name: refuse}",
    "linked": "{crl_urls: [http://crl.example.test/1, http://crl2.example.test/1], "
              "issuer_urls: http://ca.example.test/ca.cer, ocsp_urls: http://ocsp.example.test/}",
    "stapled": "{ocsp_urls: http://ocsp.example.test/, must_staple: always}",
    "may-staple": "{ocsp_urls: http://ocsp.example.test/, must_staple: allow}",
    "brief": "{lifetime: 6d, no_rev_avail: true}",
    "two": "{max_names: 2}",
}

KEYS = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()), "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()), "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048), "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
}


def configure(directory, text):
    """The file says this in place of what it said of profiles and directories."""
    path = pathlib.Path(directory) / "cairn-ca.yaml"
    kept = re.sub(r"(?ms)^(?:# [^\n]*\n)?(profiles|directories|issuers):\n(^ .*?\n)*", "", path.read_text())
    path.write_text(kept + text)


class World:
    def __init__(self, folder, text="profiles:\n" + "".join(f"  {name}: {rest}\n" for name, rest in PROFILES.items())):
        self.folder = folder
        self.house = House(folder / "ca")
        if text is not None:  # else as init wrote it
            configure(self.house.directory, text)
        self.house.start()
        self.responder = Responder(self.house.http_port)
        self.client = Client(self.house.url, self.house.root)
        self.client.register()
        self.count = 0

    def name(self):
        self.count += 1
        return f"n{self.count}.example.test"

    def order(self, profile, names):
        answer = self.client.post(self.client.directory["newOrder"], {
            "profile": profile, "identifiers": [{"type": "dns", "value": name} for name in names]})
        assert answer.status == 201, answer
        self.client.prove(answer.json, self.responder)
        return answer.json

    def finalize(self, profile, names, key=None, common_name=None, extensions=()):
        order = self.order(profile, names)
        key = key or KEYS["p256"]()
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        for extension in extensions:
            builder = builder.add_extension(extension, False)
        digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        csr = builder.sign(key, digest).public_bytes(Encoding.DER)
        return order, self.client.post(order["finalize"], {"csr": b64(csr)})

    def issue(self, profile, names=None, *, purpose="sslserver", **request):
        """The leaf, after openssl and certtool have verified it."""
        names = names or [self.name()]
        _, answer = self.finalize(profile, names, **request)
        assert answer.status == 200 and answer.json["status"] == "valid", answer
        pem = self.client.post(answer.json["certificate"], None).body
        (self.folder / "leaf.pem").write_bytes(pem)
        judges.output(["openssl", "verify", "-x509_strict", *(["-purpose", purpose] if purpose else []),
                       "-CAfile", self.house.root, "-untrusted", self.folder / "leaf.pem", self.folder / "leaf.pem"])
        judges.output(["certtool", "--verify-chain"], input=pem.decode() + self.house.root.read_text())
        leaf = judges.certificates(pem)[0]
        alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert sorted(alternative.value.get_values_for_type(x509.DNSName)) == sorted(names)
        assert alternative.critical == (not list(leaf.subject))
        return leaf

    def refused(self, words, profile, names=None, **request):
        order, answer = self.finalize(profile, names or [self.name()], **request)
        assert answer.status == 400 and answer.type == "badCSR", answer
        assert words in answer.json["detail"], answer
        again = self.client.post(order["authorizations"][0], None)
        assert again.json["status"] == "valid"  # a better request may follow

    def last(self, what):
        """Of the issuance that was recorded last."""
        return judges.output(["sqlite3", "-readonly", self.house.directory / "cairn.db",
                              f"SELECT {what} FROM issuance ORDER BY id DESC LIMIT 1"]).strip()

    def backdated(self, profile):
        """By how many seconds, and the certificate."""
        leaf = self.issue(profile)
        begun = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=int(self.last("begun")))
        return (begun - leaf.not_valid_before).total_seconds(), leaf

    def text(self):
        return judges.output(["openssl", "x509", "-in", self.folder / "leaf.pem", "-noout", "-text"])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("profiles"))
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text(), made.house.text()
    finally:
        made.responder.close()
        made.house.close()


def extension(leaf, kind):
    try:
        return leaf.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def key_usages(leaf):
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign")
    return {name for name in names if getattr(usage.value, name)}


def policies(leaf):
    found = extension(leaf, x509.CertificatePolicies)
    assert all(p.policy_qualifiers is None for p in found or [])
    return [p.policy_identifier.dotted_string for p in found or []]


def seconds(leaf):
    return int((leaf.not_valid_after - leaf.not_valid_before).total_seconds()) + 1


@pytest.mark.parametrize("kind, usages", [
    ("p256", {"digital_signature"}), ("p384", {"digital_signature"}), ("p521", {"digital_signature"}),
    ("ed25519", {"digital_signature"}), ("rsa2048", {"digital_signature", "key_encipherment"}),
    ("rsa3072", {"digital_signature", "key_encipherment"})])
def test_what_is_written_if_nothing_is_said(world, kind, usages):
    leaf = world.issue("plain", key=KEYS[kind]())
    assert key_usages(leaf) == usages
    assert list(extension(leaf, x509.ExtendedKeyUsage)) == [Usage.SERVER_AUTH]
    assert policies(leaf) == ["2.23.140.1.2.1"]
    assert not list(leaf.subject) and seconds(leaf) == 90 * 86400
    for kind_not_there in (x509.CRLDistributionPoints, x509.AuthorityInformationAccess, x509.TLSFeature):
        assert extension(leaf, kind_not_there) is None


def test_times(world):
    for profile, before in (("backdated", 40), ("punctual", 0)):
        seconds_before, leaf = world.backdated(profile)
        assert (seconds_before, seconds(leaf)) == (before, 86400)


def test_usages(world):
    assert list(extension(world.issue("tunnel", purpose="sslclient"), x509.ExtendedKeyUsage)) == [
        Usage.CLIENT_AUTH, x509.ObjectIdentifier("1.3.6.1.5.5.7.3.17")]
    leaf = world.issue("mail", purpose="smimesign")
    assert list(extension(leaf, x509.ExtendedKeyUsage)) == [Usage.EMAIL_PROTECTION]
    assert policies(leaf) == ["1.3.6.1.4.1.44947.1.2.3"]
    assert list(extension(world.issue("code", purpose=None), x509.ExtendedKeyUsage)) == [Usage.CODE_SIGNING]
    leaf = world.issue("stamp", purpose="timestampsign")  # which wants it to be critical and alone
    assert leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).critical
    assert policies(leaf) == []


def test_key_usages_fit_the_key(world):
    assert key_usages(world.issue("agree", key=KEYS["p256"]())) == {"digital_signature", "key_agreement"}
    assert key_usages(world.issue("agree", key=KEYS["rsa2048"]())) == {"digital_signature", "data_encipherment"}
    assert key_usages(world.issue("sign", key=KEYS["rsa3072"]())) == {"digital_signature"}


@pytest.mark.parametrize("profile, kind, words", [
    ("agree", "p384", 'the key is of type p384; the profile "agree" takes these: rsa2048, p256'),
    ("agree", "rsa3072", "the key is of type rsa3072"),
    ("sign", "p256", 'the profile "sign" takes these: rsa'),
    ("curves", "p521", 'the key is of type p521; the profile "curves" takes these: p384, ed25519'),
    ("curves", "rsa2048", "the key is of type rsa2048")])
def test_keys_refused(world, profile, kind, words):
    """X-TLS-25: the matrix of profiles and keys."""
    world.refused(words, profile, key=KEYS[kind]())


def test_keys_taken(world):
    assert isinstance(world.issue("curves", key=KEYS["ed25519"]()).public_key(), ed25519.Ed25519PublicKey)
    assert world.issue("curves", key=KEYS["p384"]()).public_key().curve.name == "secp384r1"


def test_policies(world):
    assert policies(world.issue("policies")) == ["2.23.140.1.2.1", "1.3.6.1.4.1.44947.1.1.1"]
    assert policies(world.issue("unruled")) == []


def common_name(leaf):
    return [a.value for a in leaf.subject]


def test_common_names(world):
    """X-TLS-7: a copy of one of the names, or nothing."""
    a, b = world.name(), world.name()
    assert common_name(world.issue("plain", [a, b], common_name=b)) == []
    assert common_name(world.issue("first", [a, b], common_name=b)) == [a]
    assert common_name(world.issue("first", [LONG, b])) == [b]
    assert common_name(world.issue("first", [LONG])) == []
    assert common_name(world.issue("asked", [a, b], common_name=b.upper())) == [b]
    assert common_name(world.issue("asked", [a, b])) == []
    assert common_name(world.issue("nameless", [a, b])) == []
    world.refused("the request has a common name", "nameless", [a], common_name=a)


def test_a_common_name_that_is_an_address(world):
    """It is no name that clients look for there."""
    answer = world.client.post(world.client.directory["newOrder"], {
        "profile": "asked", "identifiers": [{"type": "ip", "value": "127.0.0.1"}]})
    world.client.prove(answer.json, world.responder)
    key = KEYS["p256"]()
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
    csr = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    done = world.client.post(answer.json["finalize"], {"csr": b64(csr)})
    assert done.json["status"] == "valid", done
    leaf = judges.certificates(world.client.post(done.json["certificate"], None).body)[0]
    assert common_name(leaf) == []


def test_a_long_common_name(world):
    """That python3-cryptography makes none is no reason not to get one."""
    order = world.order("asked", [LONG])
    key = world.folder / "key.pem"
    key.write_bytes(KEYS["p256"]().private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                 serialization.NoEncryption()))
    made = subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/", "-addext", f"subjectAltName=DNS:{LONG}",
                           "-outform", "DER"], capture_output=True, check=True).stdout
    # the empty subject, and the name in its place; lengths of the sequences around it, then signed anew
    csr = sign_again(made, LONG, key)
    answer = world.client.post(order["finalize"], {"csr": b64(csr)})
    assert answer.status == 400 and answer.type == "badCSR" and "64 characters" in answer.json["detail"], answer


def der(tag, *parts):
    content = b"".join(parts)
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(content).to_bytes(size, "big") + content


def sign_again(request, name, key):
    """The same request with that common name."""
    made = x509.load_der_x509_csr(request)
    info = made.tbs_certrequest_bytes
    skip = 2 if info[1] < 128 else 2 + (info[1] & 0x7f)
    assert info[skip:skip + 5] == b"\x02\x01\x00\x30\x00"  # version 0, no subject
    value = der(0x0c, name.encode())
    subject = der(0x30, der(0x31, der(0x30, b"\x06\x03\x55\x04\x03", value)))
    info = der(0x30, b"\x02\x01\x00", subject, info[skip + 5:])
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    signature = private.sign(info, ec.ECDSA(hashes.SHA256()))
    return der(0x30, info, bytes.fromhex("300a06082a8648ce3d040302"), der(0x03, b"\x00" + signature))


def test_urls(world):
    leaf = world.issue("linked")
    point, = extension(leaf, x509.CRLDistributionPoints)
    assert [n.value for n in point.full_name] == ["http://crl.example.test/1", "http://crl2.example.test/1"]
    assert point.reasons is None and point.crl_issuer is None
    access = [(a.access_method, a.access_location.value) for a in extension(leaf, x509.AuthorityInformationAccess)]
    assert sorted(access, key=str) == sorted([(Access.OCSP, "http://ocsp.example.test/"),
                                              (Access.CA_ISSUERS, "http://ca.example.test/ca.cer")], key=str)


MUST_STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])


def test_must_staple(world):
    """S-FIN-8, X-TLS-23."""
    assert list(extension(world.issue("stapled"), x509.TLSFeature)) == [x509.TLSFeatureType.status_request]
    assert extension(world.issue("stapled", extensions=[MUST_STAPLE]), x509.TLSFeature) is not None
    assert extension(world.issue("may-staple"), x509.TLSFeature) is None
    assert extension(world.issue("may-staple", extensions=[MUST_STAPLE]), x509.TLSFeature) == MUST_STAPLE
    world.refused("must-staple, which the profile \"linked\" does not allow", "linked", extensions=[MUST_STAPLE])
    for features in ([x509.TLSFeatureType.status_request_v2],
                     [x509.TLSFeatureType.status_request, x509.TLSFeatureType.status_request_v2]):
        world.refused("something else than status_request", "may-staple", extensions=[x509.TLSFeature(features)])


def test_nothing_known_of_revocations(world):
    """X-TLS-26: RFC 9608."""
    leaf = world.issue("brief")
    found = leaf.extensions.get_extension_for_oid(x509.ObjectIdentifier("2.5.29.56"))
    assert not found.critical and found.value.value == b"\x05\x00"
    assert extension(leaf, x509.CRLDistributionPoints) is None
    assert "No Revocation Available" in world.text()


def test_most_names(world):
    names = [world.name() for _ in range(3)]
    world.issue("two", names[:2])
    answer = world.client.post(world.client.directory["newOrder"], {
        "profile": "two", "identifiers": [{"type": "dns", "value": name} for name in names]})
    assert answer.status == 400 and answer.type == "malformed"


def test_what_is_recorded(world):
    """The profile, the directory and the issuer's key of an issuance."""
    leaf = world.issue("tunnel", purpose="sslclient")
    key_id = extension(leaf, x509.AuthorityKeyIdentifier).key_identifier
    assert world.last("profile, directory, hex(issuer)") == f"tunnel|default|{key_id.hex().upper()}"


# ---- public ----

BASELINE = """profiles:
  public:
    rules: br
    lifetime: 399d
    crl_urls: http://crl.cairn-flow.com/1.crl
    issuer_urls: http://ca.cairn-flow.com/1.cer
  week:
    rules: br
    lifetime: 7d
    usages: [server, client]
    issuer_urls: http://ca.cairn-flow.com/1.cer
    no_rev_avail: true
directories:
  default:
    public_names: true
    caa_identities: ca.cairn-flow.com
"""


def allowed_days():
    today = datetime.datetime.now(datetime.timezone.utc).date()
    for before, days in ((datetime.date(2026, 3, 15), 398), (datetime.date(2027, 3, 15), 200), (datetime.date(2029, 3, 15), 100)):
        if today < before:
            return days
    return 47


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("public"), BASELINE)
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text(), made.house.text()
    finally:
        made.responder.close()
        made.house.close()


def test_a_public_profile(public):
    """X-TLS-2, X-TLS-7, X-TLS-9 to X-TLS-13: the lifetime of the day, though the profile says more."""
    leaf = public.issue("public", ["www.cairn-flow.com"], key=KEYS["rsa2048"]())
    assert seconds(leaf) == allowed_days() * 86400
    assert f"profile=public days={allowed_days()}" in public.house.wait_for_line(r"profile\.lifetime_cut.*").group(0)
    assert not list(leaf.subject) and list(extension(leaf, x509.ExtendedKeyUsage)) == [Usage.SERVER_AUTH]
    assert key_usages(leaf) == {"digital_signature"}  # both are not recommended, nor is the next
    assert extension(leaf, x509.SubjectKeyIdentifier) is None
    assert policies(leaf) == ["2.23.140.1.2.1"]
    assert extension(leaf, x509.CRLDistributionPoints)[0].full_name[0].value == "http://crl.cairn-flow.com/1.crl"
    assert [a.access_method for a in extension(leaf, x509.AuthorityInformationAccess)] == [Access.CA_ISSUERS]


def test_a_public_profile_of_a_week(public):
    """X-TLS-16: a week is short-lived."""
    leaf = public.issue("week", ["week.cairn-flow.com"])
    assert seconds(leaf) == 7 * 86400 and extension(leaf, x509.CRLDistributionPoints) is None
    assert leaf.extensions.get_extension_for_oid(x509.ObjectIdentifier("2.5.29.56"))


def test_what_a_public_profile_refuses(public):
    """X-TLS-1, X-TLS-2, X-TLS-5, X-TLS-25."""
    public.refused('the key is of type ed25519; the profile "public" takes these: rsa', "public", ["ed.cairn-flow.com"],
                   key=KEYS["ed25519"]())

    def ask(name, **times):
        times = {field: (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)).strftime(
            "%Y-%m-%dT%H:%M:%SZ") for field, offset in times.items()}
        return public.client.post(public.client.directory["newOrder"], {
            "profile": "public", "identifiers": [{"type": "dns", "value": name}], **times})

    assert ask("host.internal").type == "rejectedIdentifier"
    assert ask("a.cairn-flow.com", notBefore=49 * 3600).type == "malformed"
    assert ask("a.cairn-flow.com", notAfter=allowed_days() * 86400 + 60).type == "malformed"
    assert ask("a.cairn-flow.com", notBefore=47 * 3600, notAfter=allowed_days() * 86400 - 600).status == 201


# ---- check-config ----

def cairn_ca(*arguments):
    return subprocess.run([str(CAIRN_CA), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("checked") / "ca"
    assert cairn_ca("init", "--dir", made).returncode == 0
    return made


PUBLIC = """directories:
  default:
    public_names: true
    caa_identities: ca.example.com
"""
URLS = "crl_urls: 'http://a.test/l', issuer_urls: 'http://a.test/i'"


@pytest.mark.parametrize("options, place, words", [
    ("lifetime: 1h\n    backdate: 1h", "4:15", "profiles.a: backdate: it must be shorter than the lifetime"),
    ("must_staple: always", "3:18", "profiles.a: must_staple: there are no OCSP answers to staple"),
    ("usages: [server, 2.5.29.37.0]", "3:5", "profiles.a: usages: anyExtendedKeyUsage"),
    ("key_types: [p256]\n    key_usages: keyEncipherment", "4:17", "profiles.a: key_usages: one of them fits none"),
    ("rules: br", "2:3", "profiles.a: issuer_urls: there must be one of the issuing certificate"),
])
def test_check_config_says_where_and_why(folder, options, place, words):
    (folder / "cairn-ca.yaml").write_text(f"profiles:\n  a:\n    {options}\n{PUBLIC}")
    done = cairn_ca("check-config", "--dir", folder)
    assert done.returncode == 78 and f"cairn-ca.yaml:{place}: {words}" in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_check_config_knows_the_day(folder):
    """X-TLS-2, X-TLS-3: a lifetime that is too long by now."""
    (folder / "cairn-ca.yaml").write_text(f"profiles:\n  a:\n    rules: br\n    lifetime: 399d\n    {URLS}\n".replace(
        ", issuer", "\n    issuer") + PUBLIC)
    done = cairn_ca("check-config", "--dir", folder)
    assert done.returncode == 78 and "cairn-ca.yaml:4:15: profiles.a: lifetime: it is longer than the" in done.stderr, done
    done = cairn_ca("check-config", "--dir", folder, "--set", "profiles.a.lifetime=400d")
    assert done.returncode == 78 and "--set: profiles.a: lifetime: it is longer" in done.stderr, done


def test_check_config_remarks(folder):
    """X-TLS-7: what is not recommended is no mistake."""
    (folder / "cairn-ca.yaml").write_text(
        f"profiles:\n  a: {{rules: br, lifetime: 40d, common_name: first, {URLS}}}\n" + PUBLIC)
    done = cairn_ca("check-config", "--dir", folder)
    assert done.returncode == 0 and "note: profiles.a: common_name: a common name is not recommended" in done.stdout, done
    notes = json.loads(cairn_ca("check-config", "--dir", folder, "--json").stdout)["notes"]
    assert len(notes) == 1 and notes[0].startswith("profiles.a: common_name:")


def issuer(days, usages=None, kind="p256"):
    key = KEYS[kind]()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Issuer")])
    begin = datetime.datetime(2026, 11, 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(begin)
    builder = builder.not_valid_after(begin + datetime.timedelta(days=days, seconds=-1))
    builder = builder.add_extension(x509.BasicConstraints(True, 0), True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
    return builder.sign(key, None if kind == "ed25519" else hashes.SHA256()).public_bytes(Encoding.PEM)


def test_check_config_looks_at_issuers(folder):
    def check(certificate, options, directory="default: {issuer: y}"):
        (folder / "y.pem").write_bytes(certificate)
        (folder / "cairn-ca.yaml").write_text(
            f"profiles:\n  a: {{{options}}}\ndirectories:\n  {directory}\n"
            "issuers:\n  y: {certificate: y.pem, key: intermediate.key}\n")
        return cairn_ca("check-config", "--dir", folder)

    done = check(issuer(30), "lifetime: 31d")
    assert done.returncode == 78, done
    assert 'cairn-ca.yaml:2:17: profiles.a: lifetime: the issuing certificate of directory "default"' in done.stderr
    done = check(issuer(30), "lifetime: 30d")
    assert done.returncode == 0 and "note: profiles.a: lifetime: certificates of directory" in done.stdout, done
    done = check(issuer(3000), "lifetime: 30d")
    assert done.returncode == 0 and "note" not in done.stdout, done
    done = check(issuer(3000, [Usage.SERVER_AUTH]), "usages: [server, client]")
    assert done.returncode == 78 and "profiles.a: usages: the issuing certificate of directory" in done.stderr, done
    for usages in ([Usage.SERVER_AUTH], [Usage.CLIENT_AUTH, Usage.SERVER_AUTH], [Usage.ANY_EXTENDED_KEY_USAGE], None):
        assert check(issuer(3000, usages), "usages: server").returncode == 0
    # by the type of key: only issuers of keys that are taken count
    by_key = "default: {issuers: [ecdsa=y, rsa=y]}"
    assert check(issuer(30), "lifetime: 31d, key_types: ed25519", by_key).returncode == 0
    assert check(issuer(30), "lifetime: 31d, key_types: [ed25519, p384]", by_key).returncode == 78
    done = check(issuer(3000), "lifetime: 30d, key_types: p256, issuers: rsa=y", "default: {}")
    assert done.returncode == 78 and 'profiles.a: issuers: "y" is for a type of key' in done.stderr, done
    assert check(issuer(3000), "lifetime: 30d, key_types: [p256, rsa2048], issuers: rsa=y", "default: {}").returncode == 0
    public = "default: {issuer: y, public_names: true, caa_identities: ca.example.com}"
    done = check(issuer(3000, kind="ed25519"), f"rules: br, lifetime: 40d, {URLS}", public)
    assert done.returncode == 78 and "has an Ed25519 key, which br does not allow" in done.stderr, done
    assert check(issuer(3000), f"rules: br, lifetime: 40d, {URLS}", public).returncode == 0


@pytest.mark.parametrize("profile, lifetime, usage", [
    ("classic", 90 * 86400, Usage.SERVER_AUTH), ("tlsserver", 45 * 86400, Usage.SERVER_AUTH),
    ("shortlived", 160 * 3600, Usage.SERVER_AUTH), ("client", 45 * 86400, Usage.CLIENT_AUTH)])
def test_what_init_offers(plain, profile, lifetime, usage):
    """S-PROF-1: the profiles that come with the program."""
    leaf = plain.issue(profile, purpose="sslclient" if usage == Usage.CLIENT_AUTH else "sslserver")
    assert seconds(leaf) == lifetime and list(extension(leaf, x509.ExtendedKeyUsage)) == [usage]
    assert policies(leaf) == (["2.23.140.1.2.1"] if usage == Usage.SERVER_AUTH else [])
    assert not list(leaf.subject)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("plain"), None)
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
    finally:
        made.responder.close()
        made.house.close()
