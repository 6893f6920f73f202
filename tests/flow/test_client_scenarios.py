"""What users of other clients do, step by step, and no other file of these tests does: scenarios of certbot's end-to-end tests,
of acme.sh's and lego's (docs/clients.md says where each is tested)."""
import contextlib
import datetime
import json
import pathlib
import select
import socket
import socketserver
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exit_codes import NETWORK, UNCHANGED, USAGE
from fake_ca import DAY, decode
from pebble import PROGRAM, Client
from test_client_renewal import Remembering

NAME = "www.example.test"
NEEDS_PEBBLE = pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")


@pytest.fixture
def client(fake_ca, tmp_path):
    return Remembering(tmp_path / "state", fake_ca)


def key_of(client, name=NAME):
    return load_pem_private_key((client.live(name) / "key.pem").read_bytes(), None)


def octets(key):
    return key.private_numbers()


# ---- what is asked of the CA ----

def request_of(ca):
    return x509.load_der_x509_csr(decode(ca.asked("/finalize")[-1].json()["csr"]))


@pytest.mark.parametrize("staple", [True, False])
def test_must_staple(client, fake_ca, staple):
    client.issue(NAME, *(["--must-staple"] if staple else []))
    found = [e.value for e in request_of(fake_ca).extensions if isinstance(e.value, x509.TLSFeature)]
    assert [list(f) for f in found] == ([[x509.TLSFeatureType.status_request]] if staple else [])
    client.run("renew", "--force")  # it is remembered
    assert len([e for e in request_of(fake_ca).extensions if isinstance(e.value, x509.TLSFeature)]) == staple


def test_a_lifetime(client, fake_ca):
    client.issue(NAME, "--lifetime", "12h")
    order = fake_ca.asked("/order")[-1].json()
    wanted = datetime.datetime.fromisoformat(order["notAfter"].replace("Z", "+00:00"))
    left = (wanted - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    assert 11.9 * 3600 < left <= 12 * 3600 and "notBefore" not in order
    client.issue("b.example.test")
    assert "notAfter" not in fake_ca.asked("/order")[-1].json()


# ---- keys, from one certificate to the next ----

def test_a_kept_key_until_its_type_changes(client):
    """reuse_key keeps it over renewals; another type needs another key, which is kept then."""
    client.issue(NAME, "--reuse-key", "--key", "p384")
    first = octets(key_of(client))
    client.run("renew", "--force")
    assert octets(key_of(client)) == first
    client.issue(NAME, "--reuse-key", "--key", "rsa2048")
    assert isinstance(key_of(client), rsa.RSAPrivateKey)
    second = octets(key_of(client))
    client.run("renew", "--force")
    assert octets(key_of(client)) == second
    client.issue(NAME)  # and without the option: new each time, of the usual type
    third = key_of(client)
    assert isinstance(third, ec.EllipticCurvePrivateKey) and third.curve.name == "secp256r1"
    client.run("renew", "--force")
    assert octets(key_of(client)) != octets(third)


@NEEDS_PEBBLE
@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048"])
def test_a_revoked_key_is_not_used_again(pebble, tmp_path, kind):
    """Whatever reuse_key says: who has a compromised certificate revoked wants another key."""
    client = Client(tmp_path / "state", pebble)
    client.issue(NAME, "--reuse-key", "--key", kind)
    first = octets(key_of(client))
    client.run("revoke", NAME, "--reason", "keyCompromise", "--with-key")
    client.run("renew", code=UNCHANGED)
    client.run("renew", "--force")
    second = octets(key_of(client))
    assert second != first
    client.run("renew", "--force")
    assert octets(key_of(client)) == second
    client.run("revoke", NAME, "--renew-now")
    assert octets(key_of(client)) != second


@NEEDS_PEBBLE
def test_revoke_delete_and_leave(pebble, tmp_path):
    """All that was had from a CA is given back: certificate, files, account."""
    client = Client(tmp_path / "state", pebble)
    client.issue(NAME)
    ca = ["--ca", pebble.url, "--ca-file", pebble.root]
    client.run("delete", NAME, "--revoke", "--yes")
    assert not client.live(NAME).exists() and client.json("list") == []
    client.run("account", "deactivate", "--yes", *ca)
    client.run("renew", code=UNCHANGED)
    client.issue(NAME)  # with another account
    assert len([p for p in (client.directory / "accounts").iterdir() if "deactivated" not in p.name]) == 1


def test_what_is_only_needed_once(client, fake_ca, tmp_path):
    """The key of an external account binding may be gone when there is an account."""
    key = tmp_path / "eab"
    key.write_text("c2VjcmV0" * 6)
    key.chmod(0o600)
    client.issue(NAME, "--eab-kid", "kid", "--eab-key-file", key)
    assert "externalAccountBinding" in fake_ca.asked("/account")[-1].json()
    key.unlink()
    before = len(fake_ca.asked("/account"))
    client.run("renew", "--force")
    assert len(fake_ca.asked("/account")) == before


def test_a_name_that_is_too_long_for_a_subject(client, fake_ca):
    """Longer than the 64 characters of a common name: the request has none."""
    name = "a" * 60 + ".example.test"
    client.issue(name)
    request = request_of(fake_ca)
    assert list(request.subject) == [] and request.extensions[0].value.get_values_for_type(x509.DNSName) == [name]


# ---- what stays behind ----

def test_nothing_is_left_in_the_folder_for_temporary_files(client, tmp_path):
    place = tmp_path / "tmp"
    place.mkdir()
    there = {"environment": {"TMPDIR": str(place)}}
    client.issue(NAME, "--deploy-hook", "true", **there)
    client.issue(NAME, "--dry-run", code=None, **there)
    client.run("renew", "--force", **there)
    assert list(place.iterdir()) == []


def test_two_certificates_with_names_in_common_are_two(client):
    client.issue(NAME, "b.example.test", "--name", "one")
    client.issue(NAME, "--name", "two")
    client.run("delete", "one", "--yes")
    assert [c["name"] for c in client.json("list")] == ["two"] and client.live("two").exists()


# ---- proxies ----

class Proxy(socketserver.ThreadingTCPServer):
    """CONNECT and nothing else."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Tunnel(socketserver.StreamRequestHandler):
    def handle(self):
        method, target, _ = self.rfile.readline().decode().split()
        while self.rfile.readline().strip():
            pass
        self.server.asked.append(f"{method} {target}")
        host, _, port = target.rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port))) as far:
            self.connection.sendall(b"HTTP/1.1 200 go\r\n\r\n")
            pairs = {self.connection: far, far: self.connection}
            while True:
                for readable in select.select(list(pairs), [], [])[0]:
                    data = readable.recv(65536)
                    if not data:
                        return
                    pairs[readable].sendall(data)


def test_a_proxy(client, fake_ca):
    proxy = Proxy()
    where = f"http://127.0.0.1:{proxy.server_address[1]}"
    client.issue(NAME, environment={"HTTPS_PROXY": where})
    assert set(proxy.asked) == {f"CONNECT localhost:{fake_ca.server.server_address[1]}"}
    before = len(proxy.asked)
    client.run("renew", "--force", environment={"HTTPS_PROXY": where, "NO_PROXY": "localhost"})
    assert len(proxy.asked) == before
    proxy.shutdown()
    proxy.server_close()
    serial = client.serial()
    client.run("renew", "--force", environment={"HTTPS_PROXY": where}, code=NETWORK)
    assert client.serial() == serial


# ---- command lines ----

@pytest.mark.parametrize("words, sentence", [
    (["--csr"], "--csr"), (["--key", "ed448", NAME], "ed448"), (["--key", "rsa1024", NAME], "rsa1024"), (["--http", "webroot:/nowhere/at/all", NAME], "/nowhere/at/all"),
    ([f"n{i}.example.test" for i in range(101)], "100"), ([], "NAME"),
    ([f"{NAME},b.example.test"], "blanks between"), ([f"https://{NAME}/"], "names and addresses alone"), (["[2001:db8::1]"], "addresses alone"),
    ([f"{NAME}:443"], "is not one name"), ([NAME, "--email", "mailto:a@example.test"], "mail address")])
def test_wrong_ones(client, fake_ca, words, sentence):
    done = client.issue(*words, code=USAGE)
    assert sentence in done.stderr and not fake_ca.asked("/order") and len(done.stderr.splitlines()) <= 2


def test_the_moment_is_shown(client, fake_ca):
    """list and show say when it is renewed, as a program reads it and as people do."""
    fake_ca.age = DAY
    client.issue(NAME)
    shown = client.json("show", NAME)
    assert NAME in json.dumps(shown) and pathlib.Path(shown["path"]).samefile(client.live(NAME))
    assert "renew" in client.run("list").stdout
