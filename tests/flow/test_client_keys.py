"""Keys of certificates: kept, made in advance for DANE, several as one, and those that others have."""
import hashlib
import re
import stat
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

import house as house_module
from pebble import Client

NAME = "www.example.test"
FAILED, USAGE = 1, 64


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """One CA for all; it must end in order."""
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca")
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
    finally:
        made.close()


@pytest.fixture
def client(ca, tmp_path):
    return Client(tmp_path / "state", ca, agree=False)


def spki_hash(path):
    """By openssl: of a certificate or of a private key."""
    kind = ["x509", "-pubkey"] if "CERTIFICATE" in path.read_text() else ["pkey", "-pubout"]
    pem = subprocess.run(["openssl", *kind, "-noout" if kind[0] == "x509" else "-outform", *([] if kind[0] == "x509" else ["PEM"]),
                          "-in", path], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, capture_output=True, check=True).stdout
    return hashlib.sha256(der).hexdigest()


def records(client, *words):
    """What --tlsa prints: (owner, use, type, hash)."""
    lines = client.run("show", NAME, "--tlsa", *words).stdout.splitlines()
    rows = [re.fullmatch(r"(\S+) IN TLSA 3 1 1 ([0-9a-f]{64}) ; (current|next), (\S+)", line) for line in lines]
    assert all(rows), lines
    return [(row[1], row[3], row[4], row[2]) for row in rows]


def key_of(path):
    return load_pem_private_key(path.read_bytes(), None).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def spki_of(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_a_key_is_kept(client):
    client.issue(NAME, "--key", "p256,rsa2048", "--reuse-key")
    live = client.live(NAME)
    before = {name: (live / name).read_bytes() for name in ("key.pem", "rsa2048.key.pem", "cert.pem")}
    assert "the one it had" in client.run("renew", "--force").stdout
    after = {name: (live / name).read_bytes() for name in before}
    assert after["key.pem"] == before["key.pem"] and after["rsa2048.key.pem"] == before["rsa2048.key.pem"]
    assert after["cert.pem"] != before["cert.pem"]
    # another type gets a new key
    client.issue(NAME, "--key", "p384", "--reuse-key")
    assert key_of(live / "key.pem") != key_of(live.parent / "versions/1/key.pem")


def test_the_next_key_is_made_in_advance(client):
    """RFC 7671 8.1: its record can be there before the key is used."""
    client.issue(NAME, "--next-key", "--key", "p256,rsa2048")
    live, folder = client.live(NAME), client.directory / "certificates" / NAME
    made = {"p256": folder / "next.key.pem", "rsa2048": folder / "next.rsa2048.key.pem"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in made.values())
    used = {"p256": live / "cert.pem", "rsa2048": live / "rsa2048.cert.pem"}
    owner = f"_443._tcp.{NAME}."
    assert records(client) == [(owner, "current", "p256", spki_hash(used["p256"])),
                               (owner, "current", "rsa2048", spki_hash(used["rsa2048"])),
                               (owner, "next", "p256", spki_hash(made["p256"])),
                               (owner, "next", "rsa2048", spki_hash(made["rsa2048"]))]
    assert [row[0] for row in records(client, "--port", "25")] == [f"_25._tcp.{NAME}."] * 4
    told = {(row["use"], row["key_type"]): row["record"] for row in client.json("show", NAME)["tlsa"]}
    assert told["next", "rsa2048"] == f"3 1 1 {spki_hash(made['rsa2048'])}" and len(told) == 4
    next_keys = {kind: spki_hash(path) for kind, path in made.items()}
    assert "made in advance" in client.run("renew", "--force").stdout
    assert {kind: spki_hash(path) for kind, path in used.items()} == next_keys
    assert {kind: spki_hash(path) for kind, path in made.items()} != next_keys


def test_a_next_key_that_was_used_is_not_used_again(client):
    """What a crash between the two steps leaves."""
    client.issue(NAME, "--next-key")
    path = client.directory / "certificates" / NAME / "next.key.pem"
    path.write_bytes((client.live(NAME) / "key.pem").read_bytes())
    assert [row[1] for row in records(client)] == ["current"]
    before = key_of(client.live(NAME) / "key.pem")
    client.run("renew", "--force")
    assert before not in (key_of(client.live(NAME) / "key.pem"), key_of(path))
    # and one that cannot be read is told of, not passed over
    path.write_text("no key")
    done = client.run("renew", "--force", code=FAILED)
    assert "next.key.pem: there is no readable PEM private key in it" in done.stderr


def test_a_next_key_is_removed_when_it_is_not_wanted(client):
    client.issue(NAME, "--next-key")
    client.issue(NAME, "--force")
    assert not (client.directory / "certificates" / NAME / "next.key.pem").exists()
    assert [row[1] for row in records(client)] == ["current"]
    done = client.issue(NAME, "--next-key", "--reuse-key", code=USAGE)
    assert "with reuse_key there is no other key to be made" in done.stderr


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_a_request_of_somebody_else(client, tmp_path, form):
    """By openssl; its key never comes here."""
    key, csr = tmp_path / "key.pem", tmp_path / "request"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", key,
                    "-subj", "/", "-addext", f"subjectAltName=DNS:{NAME},DNS:other.example.test", "-outform", form, "-out", csr],
                   check=True, capture_output=True)
    place = tmp_path / "full.pem"
    config = tmp_path / "cairn.yaml"
    config.write_text(f"deployments:\n  web:\n    fullchain_file: {place}\n  keys:\n    key_file: {tmp_path}/k.pem\n")
    client.issue("--csr", csr, "--name", NAME, "--config", config, "--deploy", "web")
    live = client.live(NAME)
    assert not (live / "key.pem").exists()
    certificate = x509.load_pem_x509_certificate((live / "cert.pem").read_bytes())
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert public == key_of(key)
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(san.get_values_for_type(x509.DNSName)) == ["other.example.test", NAME]
    assert place.read_bytes() == (live / "fullchain.pem").read_bytes()
    assert client.json("show", NAME)["keys"][0]["key_type"] == "p384"
    client.run("renew", "--force", "--config", config)
    assert not (live / "key.pem").exists()
    done = client.issue("--csr", csr, "--name", NAME, "--config", config, "--deploy", "keys", "--force", code=7)
    assert "key_file: there is no key to write, as it is not kept here" in done.stderr


@pytest.mark.parametrize("text, says", [
    (None, "No such file"), ("no request", "there is no"), ("0", "--csr: "),
])
def test_requests_that_are_none(client, tmp_path, text, says):
    """C-CSR-5."""
    path = tmp_path / "request"
    if text is not None:
        path.write_text(text)
    done = client.issue("--csr", path, "--name", NAME, code=USAGE)
    assert says in done.stderr


def request_for(path, *names, key=None):
    """By openssl; the first name is the first one of the subjectAltName."""
    made = [] if key else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", f"{path}.key"]
    subprocess.run(["openssl", "req", "-new", *made, *(["-key", key] if key else []), "-nodes", "-subj", "/",
                    "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names), "-out", path], check=True, capture_output=True)
    return path


def test_a_request_names_its_certificate(client, ca, tmp_path):
    """As if its first name had been typed; another request of that name is another certificate, and the same one is not."""
    one, other = request_for(tmp_path / "one", "b.example.test", "a.example.test"), request_for(tmp_path / "other", "c.example.test")
    client.issue("--csr", one)
    client.issue("--csr", other)
    assert key_of(tmp_path / "one.key") == spki_of(client.live("b.example.test") / "cert.pem")
    assert key_of(tmp_path / "other.key") == spki_of(client.live("c.example.test") / "cert.pem")
    assert not client.live("device").exists()
    assert "is valid until" in client.issue("--csr", one, code=2).stdout
    # of the same name, with another key; then with another name besides
    fresh = request_for(tmp_path / "fresh", "b.example.test", "a.example.test")
    client.issue("--csr", fresh)
    assert key_of(tmp_path / "fresh.key") == spki_of(client.live("b.example.test") / "cert.pem")
    more = request_for(tmp_path / "more", "b.example.test", "d.example.test", key=tmp_path / "fresh.key")
    client.issue("--csr", more)
    assert client.json("show", "b.example.test")["names"] == ["b.example.test", "d.example.test"]
    client.run("renew", "--force", "b.example.test")
    # names that are typed are those of the request, each of them
    done = client.issue("b.example.test", "--csr", more, code=USAGE)
    assert "its names are not those of names" in done.stderr


@pytest.mark.parametrize("which", ["nothing", "root", "missing", "folder"])
def test_a_request_that_is_none_changes_nothing(client, ca, tmp_path, which):
    client.issue("--csr", request_for(tmp_path / "one", "b.example.test"))
    before = sorted(path for path in client.directory.rglob("*"))
    path = {"nothing": "/dev/null", "root": ca.root, "missing": tmp_path / "none", "folder": tmp_path}[which]
    done = client.issue("--csr", path, code=USAGE)
    assert done.stderr.startswith("cairn: --csr: ") and done.stderr.splitlines()[1:] == ["try: cairn help issue"]
    assert done.stderr.count(str(path)) == 1
    assert sorted(path for path in client.directory.rglob("*")) == before
