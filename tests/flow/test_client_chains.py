"""--preferred-chain: of several chains for one certificate (RFC 8555 7.4.2) the one that is wanted. Pebble makes as many roots as
it is told to, with one intermediate key below them all."""
import datetime
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import judges
import pebble as pebble_module
from fake_ca import DAY
from pebble import PROGRAM, Client
from test_client_pebble import read_pair

NAME = "www.example.test"
pebble_is_there = pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")


def common_name(name):
    return name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def chain_of(client):
    """Its certificates, each of which must be followed by its issuer."""
    chain = judges.certificates((client.live(NAME) / "fullchain.pem").read_bytes())
    for below, above in zip(chain, chain[1:]):
        assert below.issuer == above.subject
    return chain


def is_under(client, number, tmp_path):
    """openssl finds the way to that root, and to no other."""
    read_pair(client.live(NAME))
    found = []
    for other in range(3):
        path = tmp_path / f"root-{other}.pem"
        path.write_bytes(client.ca.management("roots", other))
        done = subprocess.run(["openssl", "verify", "-no-CApath", "-no-CAfile", "-trusted", path, "-untrusted",
                           client.live(NAME) / "chain.pem", client.live(NAME) / "cert.pem"], capture_output=True, check=False)
        if done.returncode == 0:
            found.append(other)
    return found == [number]


@pytest.fixture(scope="module", params=[1, 3])
def ca(request, tmp_path_factory, dns_stub):
    """Three roots, with one or three intermediates below each."""
    made = pebble_module.Pebble(tmp_path_factory.mktemp("pebble"), stub=dns_stub, alternates=2, chain_length=request.param)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def client(ca, tmp_path):
    return Client(tmp_path / "state", ca)


def root_name(ca, number):
    return common_name(x509.load_pem_x509_certificate(ca.management("roots", number)).subject)


@pebble_is_there
@pytest.mark.parametrize("number", [0, 1, 2])
def test_by_the_name_of_a_root(client, tmp_path, number):
    """C-DL-4: in any case of letters; the setting holds at renewal, without its being said again."""
    done = client.issue(NAME, "--preferred-chain", root_name(client.ca, number).upper())
    assert done.stderr == "" and is_under(client, number, tmp_path)
    first = chain_of(client)
    assert common_name(first[-1].issuer) == root_name(client.ca, number)
    assert first[1] == x509.load_pem_x509_certificate(client.ca.management("intermediates", number))
    assert client.run("renew", "--force").stderr == ""
    assert chain_of(client)[0].serial_number != first[0].serial_number and is_under(client, number, tmp_path)
    client.issue(NAME, "--force")  # who does not say it has no preference any more
    assert is_under(client, 0, tmp_path)


@pebble_is_there
def test_a_name_that_nobody_has(client, tmp_path):
    """No reason to fail: the CA's first, and a word about it, each time."""
    for done in (client.issue(NAME, "--preferred-chain", "Dead Root X9"), client.run("renew", "--force")):
        assert is_under(client, 0, tmp_path)
        assert "Dead Root X9" in done.stderr and "3 chains" in done.stderr and len(done.stderr.splitlines()) == 1
    done = client.run("renew", "--force", "--json")
    assert "Dead Root X9" in done.stderr


@pebble_is_there
def test_by_the_name_of_what_issues(client, tmp_path):
    """It is in all chains, so the CA's first will do."""
    issuer = x509.load_pem_x509_certificate(client.ca.management("intermediates", 2))
    assert client.issue(NAME, "--preferred-chain", common_name(issuer.subject)).stderr == ""
    assert is_under(client, 0, tmp_path)


@pebble_is_there
def test_without_a_preference(client, tmp_path):
    """Nobody asks for alternates."""
    before = client.ca.log_path.read_text().count("/alternate/")
    client.issue(NAME)
    assert is_under(client, 0, tmp_path)
    assert client.ca.log_path.read_text().count("/alternate/") == before


@pytest.mark.parametrize("offered", [["cross", "short"], ["short", "cross"]])
@pytest.mark.parametrize("wanted, taken", [("New Root", "short"), ("Old Root", "cross"), ("Below", None), ("root", None)])
def test_a_root_that_is_cross_signed(cairn_at_fake, fake_ca, offered, wanted, taken):
    """As Let's Encrypt had it: the new root is in both chains, on top of one. Its name stands for that one."""
    with_cross_sign(fake_ca, offered)
    assert cairn_at_fake.issue(NAME, "--preferred-chain", wanted).stderr == ""
    top = {"New Root": "short", "Old Root": "cross"}[common_name(chain_of(cairn_at_fake)[-1].issuer)]
    assert top == (taken or offered[0])


def with_cross_sign(ca, offered):
    """Certificates of "Below", which "New Root" issued, which "Old Root" cross-signed; chains in that order."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("Below", "New Root", "Old Root")}

    def name_of(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def sign(subject, key, issuer, *extensions):
        now = datetime.datetime.utcnow()
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(name_of(issuer)).public_key(key)
                .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + 30 * DAY))
        for extension in extensions:
            made = made.add_extension(extension, False)
        return made.sign(keys[issuer], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(public_key, names):
        leaf = sign(x509.Name([]), public_key, "Below", x509.SubjectAlternativeName([x509.DNSName(n) for n in names]))
        authority = x509.BasicConstraints(True, None)
        chain = leaf + sign(name_of("Below"), keys["Below"].public_key(), "New Root", authority)
        cross = sign(name_of("New Root"), keys["New Root"].public_key(), "Old Root", authority)
        ca.chains = {"short": chain, "cross": chain + cross}
        return ca.chains[offered[0]]

    def first(request):
        status, headers, body = ca.cert(request)
        return status, {**headers, "Link": '</alternate>;rel="alternate"'}, body

    ca.issue = issue
    ca.answers["/cert"] = first
    ca.answers["/alternate"] = lambda r: (200, {"Content-Type": "application/pem-certificate-chain"}, ca.chains[offered[1]])
