"""Accounts: registered, shown, changed, rolled over, recovered and ended; at Pebble and at cairn-ca (RFC 8555 7.3)."""
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import house as house_module
from fake_ca import problem
from house import BUILD
from pebble import PROGRAM, Client

pytestmark = pytest.mark.leaks

NAME = "account.example.test"
DONE, FAILED, UNCHANGED, NETWORK, REFUSED, USAGE = 0, 1, 2, 3, 4, 64
SHIM = BUILD / "tests/lib/libfail_at.so"


def ca_words(client):
    return ["--ca", client.ca.url, "--ca-file", str(client.ca.root)]


def account(client, verb, *words, code=0, **more):
    done = subprocess.run([*client.command("account", verb, *words, *ca_words(client))], capture_output=True, text=True,
                          timeout=60, check=False, env={**os.environ, **more})
    assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def shown(client, verb="show", *words, **more):
    return json.loads(account(client, verb, "--json", *words, **more).stdout)


def folder(client):
    folders = [p for p in (client.directory / "accounts").iterdir() if ".deactivated-" not in p.name]
    assert len(folders) == 1, folders
    return folders[0]


def key(client):
    return load_pem_private_key((folder(client) / "key.pem").read_bytes(), None).public_key().public_numbers()


@pytest.fixture(scope="module", params=["pebble", "cairn-ca"])
def any_ca(request, tmp_path_factory, dns_stub):
    import pebble
    if request.param == "pebble" and PROGRAM is None:
        pytest.skip("pebble is not installed")
    made = (pebble.Pebble(tmp_path_factory.mktemp("pebble"), stub=dns_stub) if request.param == "pebble"
            else house_module.House(tmp_path_factory.mktemp("ca") / "ca"))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def client(any_ca, tmp_path):
    return Client(tmp_path / "state", any_ca)


def test_life(client):
    """C-ACC-8, C-ACC-1: made once, found again; contacts changed and taken away; another key; the end."""
    first = shown(client, "register", "--agree-tos", "--email", "one@example.test")
    assert first["status"] == "valid" and first["contact"] == ["mailto:one@example.test"] and first["url"]
    account(client, "register", "--agree-tos", code=UNCHANGED)
    assert shown(client)["url"] == first["url"]
    both = shown(client, "update", "--email", "two@example.test,three@example.test")
    assert sorted(both["contact"]) == ["mailto:three@example.test", "mailto:two@example.test"]
    assert shown(client, "update", "--no-email")["contact"] == [] == shown(client)["contact"]
    before = key(client)
    account(client, "rollover", "--key", "p384")
    assert key(client) != before and key(client).curve.name == "secp384r1"
    assert not (folder(client) / "key.next.pem").exists() and shown(client)["url"] == first["url"]
    client.issue(NAME)  # with the new key
    account(client, "deactivate", code=UNCHANGED)
    assert shown(client)["status"] == "valid"
    assert shown(client, "deactivate", "--yes")["status"] == "deactivated"
    account(client, "show", code=FAILED)
    second = shown(client, "register", "--agree-tos")  # begins anew
    assert second["url"] != first["url"] and second["status"] == "valid"
    assert (folder(client) / "key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["p384", "rsa4096"])
def test_types_of_keys(any_ca, tmp_path, kind):
    """The key of a new account is of the type that settings say."""
    settings = tmp_path / "cairn.yaml"
    settings.write_text(f"cas:\n  here:\n    directory: {any_ca.url}\n    ca_file: {any_ca.root}\n    account_key: {kind}\n"
                        "    agree_tos: true\n")
    client = Client(tmp_path / "state", any_ca)
    words = ["--ca", "here", "--config", settings, "--json"]
    made = client.json("account", "register", *words[:-1])
    assert made["status"] == "valid"
    public = load_pem_private_key((folder(client) / "key.pem").read_bytes(), None).public_key()
    assert kind in (f"p{public.key_size}", f"rsa{public.key_size}")


def test_recover(client, tmp_path):
    """C-ACC-6, C-ACC-2: the CA tells the URL to whoever has the key; a key that it does not know is not taken."""
    url = shown(client, "register", "--agree-tos")["url"]
    (folder(client) / "account.json").unlink()
    assert shown(client, "recover")["url"] == url
    other = Client(tmp_path / "other", client.ca)
    taken = shown(other, "recover", "--key-file", str(folder(client) / "key.pem"))
    assert taken["url"] == url and key(other) == key(client)
    other.issue(NAME, code=None)
    stranger = Client(tmp_path / "stranger", client.ca)
    path = tmp_path / "stranger.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path], check=True)
    done = account(stranger, "recover", "--key-file", str(path), code=REFUSED)
    assert len(done.stderr.splitlines()) == 1
    assert not list((stranger.directory / "accounts").glob("*/key.pem"))


@pytest.mark.parametrize("words, says", [
    (["update"], "--email ADDRESS"), (["update", "--email", "x"], "no e-mail address"),
    (["rollover", "--key", "p256,p384"], "p256,p384"), (["show", "--no-email"], "--no-email"), (["nothing"], "nothing"),
])
def test_mistakes(client, words, says):
    account(client, "register", "--agree-tos")
    before = key(client)
    done = account(client, *words, code=None)
    assert done.returncode in (USAGE, FAILED) and says in done.stderr and key(client) == before


def test_no_account(client):
    for verb in (["show"], ["update", "--no-email"], ["rollover"], ["deactivate", "--yes"], ["recover"]):
        done = account(client, *verb, code=FAILED)
        assert "no account" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(client.directory.glob("accounts/*/key.pem"))


def test_killed_at_every_step_of_a_rollover(client, tmp_path):
    """C-ROLL-2: however it ends, one of the keys that are here is the CA's, and the next command knows which."""
    assert SHIM.exists(), "build tests/lib/libfail_at.so first"
    environment = {"LD_PRELOAD": str(SHIM), "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
    account(client, "register", "--agree-tos")
    log = tmp_path / "calls"
    account(client, "rollover", FAIL_LOG=str(log), **environment)
    total = len(log.read_text().split())
    assert total >= 4
    for step in range(1, total + 1):
        done = account(client, "rollover", code=None, FAIL_AT=str(step), **environment)
        assert done.returncode == -signal.SIGKILL, (step, done)
        assert shown(client)["status"] == "valid", step
        assert not (folder(client) / "key.next.pem").exists()


# ---- a CA whose answers get lost ----

def with_key_change(fake_ca, answer):
    """A CA that knows one key, and changes it when `answer` says so."""
    keys = []

    def directory(request):
        status, headers, body = fake_ca.dir(request)
        return status, headers, {**body, "keyChange": f"{fake_ca.base}/key"}

    def newAccount(request):
        if json.loads(request.payload).get("onlyReturnExisting"):
            if request.protected["jwk"] not in keys:
                return problem("accountDoesNotExist", "no such account")
            return 200, {"Location": f"{fake_ca.base}/account/1"}, {"status": "valid"}
        keys[:] = [request.protected["jwk"]]
        return None

    fake_ca.answers.update({"/dir": directory, "/account": newAccount, "/key": lambda r: answer(r, keys),
                            "/account/1": lambda r: (200, {}, {"status": "valid"})})
    return keys


def inner_key(request):
    from fake_ca import decode
    return json.loads(decode(json.loads(request.payload)["protected"]))["jwk"]


@pytest.mark.parametrize("changed", [True, False])
def test_a_lost_answer_to_a_change_of_keys(cairn_at_fake, fake_ca, changed):
    """C-ROLL-2: the CA's word on which key it knows decides."""
    client = cairn_at_fake

    def answer(request, keys):
        if changed:
            keys[:] = [inner_key(request)]
        raise ConnectionAbortedError

    with_key_change(fake_ca, answer)
    account(client, "register")
    before = key(client)
    account(client, "rollover", code=DONE if changed else NETWORK)
    assert (key(client) != before) == changed and not (folder(client) / "key.next.pem").exists()
    assert account(client, "show").returncode == 0


def test_a_change_of_keys_that_is_refused(cairn_at_fake, fake_ca):
    with_key_change(fake_ca, lambda r, keys: problem("malformed", "not that key", 409))
    account(cairn_at_fake, "register")
    before = key(cairn_at_fake)
    done = account(cairn_at_fake, "rollover", code=REFUSED)
    assert "not that key" in done.stderr and key(cairn_at_fake) == before
    assert not (folder(cairn_at_fake) / "key.next.pem").exists()


# ---- the thumbprint of its key ----

def thumbprint(client):
    """RFC 7638, as python3-cryptography and hashlib have it."""
    from cryptography.hazmat.primitives.asymmetric import ec
    numbers, text = key(client), lambda n, size: base64.urlsafe_b64encode(n.to_bytes(size, "big")).rstrip(b"=").decode()
    if isinstance(numbers, ec.EllipticCurvePublicNumbers):
        size = (numbers.curve.key_size + 7) // 8
        jwk = {"crv": f"P-{numbers.curve.key_size}", "kty": "EC", "x": text(numbers.x, size), "y": text(numbers.y, size)}
    else:
        jwk = {"e": text(numbers.e, 3), "kty": "RSA", "n": text(numbers.n, (numbers.n.bit_length() + 7) // 8)}
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048"])
def test_the_thumbprint(client, kind):
    """Alone on its line, and it is that of the key which the account has then; of none there is none."""
    assert "no account" in account(client, "show", "--thumbprint", code=FAILED).stderr
    account(client, "register", "--agree-tos")
    assert account(client, "show", "--thumbprint").stdout == thumbprint(client) + "\n"
    before = thumbprint(client)
    assert shown(client, "rollover", "--key", kind)["thumbprint"] == thumbprint(client) != before
    done = account(client, "show", "--thumbprint")
    assert done.stdout == thumbprint(client) + "\n" and done.stderr == ""
    assert shown(client, "show", "--thumbprint")["thumbprint"] == thumbprint(client)


def test_the_thumbprint_is_known_without_the_ca(cairn_at_fake, fake_ca):
    """Nobody is asked; only where the key is being changed it takes the CA's word."""
    with_key_change(fake_ca, lambda r, keys: problem("malformed", "not that key", 409))
    account(cairn_at_fake, "register")
    expected, asked = thumbprint(cairn_at_fake) + "\n", len(fake_ca.requests)
    assert account(cairn_at_fake, "show", "--thumbprint").stdout == expected and len(fake_ca.requests) == asked
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-out", folder(cairn_at_fake) / "key.next.pem"], check=True, capture_output=True)
    done = account(cairn_at_fake, "show", "--thumbprint", code=FAILED)
    assert done.stdout == "" and "two keys" in done.stderr and len(fake_ca.requests) == asked
    account(cairn_at_fake, "show")
    assert account(cairn_at_fake, "show", "--thumbprint").stdout == expected


@pytest.mark.skipif(PROGRAM is None or shutil.which("nginx") is None, reason="pebble or nginx is not installed")
def test_nginx_answers_without_tokens(pebble, tmp_path):
    """The location of the manual: with the thumbprint in it, nginx answers http-01 for all names by itself."""
    client = Client(tmp_path / "state", pebble)
    account(client, "register", "--agree-tos")
    manual = (pathlib.Path(__file__).resolve().parents[2] / "docs/man/cairn.1.scd").read_text()
    location = re.search(r"^location ~ .*?^}$", manual, re.MULTILINE | re.DOTALL).group()
    printed = account(client, "show", "--thumbprint").stdout.strip()
    location = re.sub(r'"\$1\..*"', f'"$1.{printed}"', location)
    (tmp_path / "nginx.conf").write_text(f"""
pid {tmp_path}/pid; error_log {tmp_path}/error.log; daemon off; events {{}}
http {{ access_log {tmp_path}/access.log; server {{ listen 127.0.0.1:{pebble.http_port}; {location} }} }}""")
    server = subprocess.Popen(["nginx", "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        wait_for(pebble.http_port)
        done = client.issue(NAME, "second.example.test", "--http", "stateless")
        told, = re.findall(r"^server .*must have: (location ~ .* })", done.stdout, re.MULTILINE)
        assert told.split() == location.split()  # once for all names, and it is the manual's
        client.run("renew", "--force")
        assert (tmp_path / "access.log").read_text().count('.well-known/acme-challenge/') >= 4
        account(client, "rollover")  # another thumbprint: the server must be told
        done = client.run("renew", "--force", code=5)
        assert shown(client)["thumbprint"] in done.stdout and "was not proved" in done.stderr
    finally:
        server.terminate()
        server.wait(10)


def wait_for(port):
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on port {port}")
