"""ML-DSA (FIPS 204, RFC 9881): where the OpenSSL there is has it (3.5 and newer), a whole CA of it, judged by the openssl command;
elsewhere every way of asking for it ends with the reason, and nothing is made. tools/next_release runs this file with a newer one."""
import base64
import re
import subprocess
import time
import urllib.request

import pytest
from cryptography import x509

from acme_raw import Client, b64, make_csr
from house import CAIRN, CAIRN_CA, ROOT, House, free_port
from pebble import Client as CairnClient
from responder import Responder

# of the library: what of it the programs find is what the command finds
HAS = "ML-DSA-65" in subprocess.run(["openssl", "list", "-signature-algorithms"], capture_output=True, text=True, check=True).stdout
TYPES = {"mldsa44": "ML-DSA-44", "mldsa65": "ML-DSA-65", "mldsa87": "ML-DSA-87"}
needs = pytest.mark.skipif(not HAS, reason="this OpenSSL has no ML-DSA; tools/next_release")
lacks = pytest.mark.skipif(HAS, reason="this OpenSSL has ML-DSA")
SENTENCE = "keys of type {} need OpenSSL 3.5 or newer, and this is OpenSSL 3."


def run(*words, code=0):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def configure(house, text):
    path = house.directory / "cairn-ca.yaml"
    path.write_text(re.sub(r"(?ms)^(?:# [^\n]*\n)?(directories|profiles|issuers):\n(^ .*?\n)*", "", path.read_text()) + text)


# ---- without it ----


@lacks
@pytest.mark.parametrize("option", ["--key-type", "--root-key-type"])
@pytest.mark.parametrize("word", TYPES)
def test_init_says_why_not(tmp_path, option, word):
    said = run(CAIRN_CA, "init", "--dir", tmp_path / "ca", option, word, code=64)
    assert SENTENCE.format(TYPES[word]) in said
    assert list(tmp_path.iterdir()) == []


@lacks
def test_new_intermediate_says_why_not(tmp_path):
    house = House(tmp_path / "ca")
    try:
        before = sorted(house.directory.iterdir())
        said = run(CAIRN_CA, "intermediate", "new", "--dir", house.directory, "--issuer", "pq", "--key-type", "mldsa65", "--root-key",
                   house.directory / "root.key", code=64)
        assert SENTENCE.format("ML-DSA-65") in said
        assert sorted(house.directory.iterdir()) == before
    finally:
        house.close()


@lacks
def test_check_config_says_why_not(tmp_path):
    house = House(tmp_path / "ca")
    try:
        configure(house, "profiles:\n  pq:\n    key_types: [p256, mldsa87]\n")
        said = run(CAIRN_CA, "check-config", "--dir", house.directory, code=78)
        assert "profiles.pq: key_types: " + SENTENCE.format("ML-DSA-87") in said
    finally:
        house.close()


@lacks
def test_client_says_why_not(tmp_path):
    said = run(CAIRN, "issue", "--dir", tmp_path / "c", "--ca", "https://ca.test/directory", "--key", "mldsa44", "a.test", code=64)
    assert SENTENCE.format("ML-DSA-44") in said
    assert not (tmp_path / "c").exists()


@lacks
def test_request_is_refused(house, responder):
    """The order stays ready, and another key is certified."""
    client = Client(house.url, house.root)
    client.register()
    url, order = client.order("a.example.test")
    client.prove(order, responder)
    csr = (ROOT / "tests/fuzz/corpus/csr/mldsa44").read_bytes()
    answer = client.post(order["finalize"], {"csr": b64(csr)})
    assert answer.status == 400 and answer.type == "badCSR", answer
    assert "ML-DSA-44" in answer.json["detail"] and "OpenSSL 3.5" in answer.json["detail"], answer
    assert client.post(url, None).json["status"] == "ready"
    answer = client.post(order["finalize"], {"csr": b64(make_csr(["a.example.test"]))})
    assert answer.status == 200, answer


# ---- with it ----


@pytest.fixture(scope="module", params=[("mldsa87", "mldsa65"), ("p384", "mldsa44"), ("mldsa44", "p256")], ids="-".join)
def world(request, tmp_path_factory):
    """A CA of a root and an intermediate of these types, an answering web server, an account."""
    if not HAS:
        pytest.skip("this OpenSSL has no ML-DSA; tools/next_release")
    root, intermediate = request.param
    plain = free_port()
    house = House(tmp_path_factory.mktemp("mldsa") / "ca", more=["--root-key-type", root, "--key-type", intermediate],
                  sets=[f"publish.listen=127.0.0.1:{plain}"])
    responder = None
    try:
        configure(house, "directories:\n  default:\n    profiles: [any, lattices]\nprofiles:\n  any: {}\n"
                         "  lattices:\n    key_types: [mldsa44, mldsa65, mldsa87]\n")
        run(CAIRN_CA, "check-config", "--dir", house.directory)
        house.start()
        responder = Responder(house.http_port)
        client = Client(house.url, house.root)
        client.register()
        yield house, responder, client, request.param
        assert house.stop() == 0, house.text()
        assert "ERROR: AddressSanitizer" not in house.text() and "runtime error" not in house.text(), house.text()
    finally:
        house.close()
        if responder is not None:
            responder.close()


def request_of(folder, word, name):
    """By openssl, which made the key, too."""
    kind = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if word == "p256" else ["-algorithm", TYPES[word]]
    run("openssl", "genpkey", *kind, "-out", folder / "key.pem")
    run("openssl", "req", "-new", "-key", folder / "key.pem", "-subj", "/", "-addext", f"subjectAltName=DNS:{name}", "-outform", "DER",
        "-out", folder / "csr.der")
    return (folder / "csr.der").read_bytes()


def finalize(client, responder, name, csr, profile=None):
    answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": name}],
                                                        **({"profile": profile} if profile else {})})
    assert answer.status == 201, answer
    client.prove(answer.json, responder)
    return client.post(answer.json["finalize"], {"csr": b64(csr)}), answer.headers["Location"]


def issue(client, responder, name, csr, folder, profile=None):
    """The chain in two files."""
    answer, url = finalize(client, responder, name, csr, profile)
    assert answer.status == 200, answer
    body = client.post(client.poll(url, ("valid", "invalid")).json["certificate"], None).body
    leaf, rest = re.match(rb"(-----BEGIN.*?END CERTIFICATE-----\n)(.*)", body, re.DOTALL).groups()
    (folder / "leaf.pem").write_bytes(leaf)
    (folder / "rest.pem").write_bytes(rest)
    return folder / "leaf.pem", folder / "rest.pem"


def shown(certificate):
    return run("openssl", "x509", "-in", certificate, "-noout", "-text")


@pytest.mark.parametrize("word", ["p256", *TYPES])
def test_issued_and_verified(world, tmp_path, word):
    """X-TLS-25: any type of key below any issuer, under rules of one's own; the usages of RFC 9881 5."""
    house, responder, client, (root, intermediate) = world
    leaf, rest = issue(client, responder, f"{word}.example.test", request_of(tmp_path, word, f"{word}.example.test"), tmp_path)
    assert "OK" in run("openssl", "verify", "-x509_strict", "-CAfile", house.root, "-untrusted", rest, leaf)
    text = shown(leaf)
    if word in TYPES:
        assert re.search(r"X509v3 Key Usage: critical\s+Digital Signature\n", text), text
        assert f"Public Key Algorithm: {TYPES[word]}" in text
    if intermediate in TYPES:
        assert text.count(f"Signature Algorithm: {TYPES[intermediate]}") == 2, text
    if root in TYPES:
        assert f"Signature Algorithm: {TYPES[root]}" in shown(rest)
    assert run("openssl", "pkey", "-in", tmp_path / "key.pem", "-pubout") == run("openssl", "x509", "-in", leaf, "-noout", "-pubkey")


def test_profile_takes_nothing_else(world, tmp_path):
    house, responder, client, _ = world
    answer, _ = finalize(client, responder, "only.example.test", request_of(tmp_path, "p256", "only.example.test"), "lattices")
    assert answer.type == "badCSR" and "mldsa44, mldsa65, mldsa87" in answer.json["detail"], answer
    issue(client, responder, "only.example.test", request_of(tmp_path, "mldsa87", "only.example.test"), tmp_path, "lattices")


def test_spoiled_request(world, tmp_path):
    """One bit of the signature, and of the key."""
    house, responder, client, _ = world
    csr = request_of(tmp_path, "mldsa65", "spoiled.example.test")
    for place in (-100, 200):
        spoiled = bytearray(csr)
        spoiled[place] ^= 1
        answer, _ = finalize(client, responder, "spoiled.example.test", bytes(spoiled))
        assert answer.status == 400 and answer.type == "badCSR" and "possession" in answer.json["detail"], answer


def test_revoked_and_listed(world, tmp_path):
    """The list is verified by openssl, and found by it to have the certificate."""
    house, responder, client, _ = world
    leaf, rest = issue(client, responder, "revoked.example.test", request_of(tmp_path, "mldsa44", "revoked.example.test"), tmp_path)
    der = base64.b64decode("".join(leaf.read_text().split("\n")[1:-2]))
    assert client.post(client.directory["revokeCert"], {"certificate": b64(der)}).status == 200
    serial = f"{x509.load_der_x509_certificate(der).serial_number:X}"
    point = re.search(r"URI:(http\S+\.crl)", shown(leaf)).group(1)
    for _ in range(100):
        with urllib.request.urlopen(point, timeout=20) as answer:
            (tmp_path / "list.der").write_bytes(answer.read())
        text = run("openssl", "crl", "-inform", "DER", "-in", tmp_path / "list.der", "-noout", "-text")
        if serial in text:
            break
        time.sleep(0.2)
    assert serial in text
    run("openssl", "crl", "-inform", "DER", "-in", tmp_path / "list.der", "-out", tmp_path / "list.pem")
    done = subprocess.run(["openssl", "crl", "-in", tmp_path / "list.pem", "-CAfile", house.directory / "intermediate.pem", "-noout"],
                          capture_output=True, text=True, check=False)
    assert "verify OK" in done.stderr, done
    said = subprocess.run(["openssl", "verify", "-crl_check", "-CAfile", house.root, "-untrusted", rest, "-CRLfile",
                           tmp_path / "list.pem", leaf], capture_output=True, text=True, check=False)
    assert "certificate revoked" in said.stdout + said.stderr, said


def test_client_with_such_a_key(world, tmp_path):
    """Our own client makes the key, and its TLS accepts the CA's chain. The last one of this CA's tests: the web server ends."""
    house, responder, _, _ = world
    ours = CairnClient(tmp_path / "state", house)
    responder.close()  # its port is where our client is asked
    ours.issue("client.example.test", "--key", "mldsa65")
    live = ours.live("client.example.test")
    assert "Public Key Algorithm: ML-DSA-65" in shown(live / "cert.pem")
    run("openssl", "verify", "-CAfile", house.root, "-untrusted", live / "chain.pem", live / "cert.pem")


@needs
@pytest.mark.parametrize("form", ["seed-only", "priv-only", "seed-priv"])
def test_keys_of_others_are_imported(tmp_path, form):
    """PKCS #8 as openssl writes it: the seed, the expanded key, both (RFC 9881 6)."""
    run("openssl", "genpkey", "-algorithm", "ML-DSA-65", "-provparam", f"ml-dsa.output_formats={form}", "-out", tmp_path / "root.key")
    run("openssl", "req", "-x509", "-new", "-key", tmp_path / "root.key", "-subj", "/CN=Root", "-days", "4000", "-out",
        tmp_path / "root.pem", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    run(CAIRN_CA, "init", "--dir", tmp_path / "ca", "--root-cert", tmp_path / "root.pem", "--root-key", tmp_path / "root.key", "--key-type",
        "mldsa44")
    run("openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "root.pem", tmp_path / "ca/intermediate.pem")


@needs
def test_not_for_browsers(tmp_path):
    """X-TLS-25: the Baseline Requirements take neither such subjects nor such issuers."""
    house = House(tmp_path / "ca", more=["--key-type", "mldsa65"])
    try:
        base = ("directories:\n  default:\n    public_names: true\n    caa_identities: ca.test\n    profiles: [web]\nprofiles:\n  web:\n"
                "    rules: br\n    crl_urls: ['http://a.test/l']\n    issuer_urls: ['http://a.test/i']\n")
        configure(house, base + "    key_types: [mldsa65]\n")
        assert "mldsa65 must not be among them (BR 6.1.5)" in run(CAIRN_CA, "check-config", "--dir", house.directory, code=78)
        configure(house, base)
        assert "ML-DSA key, which br does not allow" in run(CAIRN_CA, "check-config", "--dir", house.directory, code=78)
    finally:
        house.close()
