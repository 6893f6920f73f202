"""cairn binds its account to an external one (RFC 8555 7.3.4): at Pebble, at cairn-ca, and what it refuses."""
import base64
import json
import os
import secrets

import pytest

import house as house_module
from pebble import Client
from test_admin import admin
from exit_codes import FAILED, USAGE

NAME = "www.example.test"


def key_file(tmp_path, text, mode=0o600):
    path = tmp_path / "mac.key"
    path.write_text(text)
    path.chmod(mode)
    return path


def has_account(client):
    return any((client.directory / "accounts").glob("*/account.json"))


@pytest.mark.parametrize("algorithm", [None, "HS384", "HS512"])
def test_pebble_believes_it(make_pebble, tmp_path, algorithm):
    """C-EAB-1, 2, 3, 4: judged by a CA we did not write; the key in plain base64, padded."""
    secret = secrets.token_bytes(64)
    while {"+", "/"} - set(base64.b64encode(secret).decode()):
        secret = secrets.token_bytes(64)
    ca = make_pebble(settings={"externalAccountBindingRequired": True,
                               "externalAccountMACKeys": {"kid-1": base64.urlsafe_b64encode(secret).rstrip(b"=").decode()}})
    client = Client(tmp_path / "state", ca)
    done = client.issue(NAME, code=FAILED)
    assert "--eab-kid" in done.stderr and len(done.stderr.splitlines()) == 1 and not has_account(client)
    path = key_file(tmp_path, base64.b64encode(secret).decode() + "\n")
    more = ["--eab-algorithm", algorithm] if algorithm else []
    client.issue(NAME, "--eab-kid", "kid-1", "--eab-key-file", path, *more)
    assert (client.live(NAME) / "cert.pem").exists()
    client.issue("other.example.test")  # the account is there: nothing is needed any more


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca",
                              sets=["directories.default.external_account=required"])
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_cairn_ca_believes_it(ca, tmp_path, algorithm):
    key = admin(ca, "eab", "add", "--uses", "1")
    client = Client(tmp_path / "state", ca, agree=False)
    path = key_file(tmp_path, key["hmac_key"])
    done = client.issue(NAME, "--eab-kid", key["kid"], "--eab-key-file", path, "--eab-algorithm", algorithm)
    shown = admin(ca, "eab", "show", key["kid"])
    assert shown["uses"] == 1 and len(shown["accounts"]) == 1
    path.unlink()
    client.run("renew", "--force")  # it was for the account only
    kept = "".join(p.read_text() for p in client.directory.rglob("*") if p.is_file())
    assert key["hmac_key"] not in kept + done.stdout + done.stderr


def test_a_key_that_systemd_hands_over(ca, tmp_path):
    """Whatever mode its credentials show."""
    key = admin(ca, "eab", "add")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "mac").write_text(key["hmac_key"])
    client = Client(tmp_path / "state", ca, agree=False)
    words = [NAME, "--eab-kid", key["kid"], "--eab-key-file", "credential:mac"]
    assert "LoadCredential=mac:FILE" in client.issue(*words, code=USAGE).stderr
    client.issue(*words, environment={"CREDENTIALS_DIRECTORY": str(tmp_path / "given")})


@pytest.mark.parametrize("content, mode, says", [
    (None, 0, "No such file"), ("", 0o600, "no MAC key"), ("not base64!", 0o600, "no MAC key"),
    ("AAAA", 0o600, "no MAC key"), ("A" * 5000, 0o600, "mac.key"), ("A" * 44, 0o640, "0600"), ("A" * 44, 0o604, "0600"),
])
def test_a_key_that_is_none(ca, tmp_path, content, mode, says):
    path = tmp_path / "mac.key" if content is None else key_file(tmp_path, content, mode)
    client = Client(tmp_path / "state", ca, agree=False)
    done = client.issue(NAME, "--eab-kid", "any", "--eab-key-file", path, code=USAGE)
    assert says in done.stderr and "--eab-key-file" in done.stderr and not has_account(client), done.stderr


@pytest.mark.parametrize("words, says", [
    (["--eab-kid", "x"], "belong together"), (["--eab-key-file", "/etc/passwd"], "belong together"),
    (["--eab-algorithm", "HS256"], "for --eab-kid"),
    (["--eab-kid", "x", "--eab-key-file", "/etc/passwd", "--eab-algorithm", "RS256"], "none of HS256"),
    (["--eab-kid", "\u00e4", "--eab-key-file", "/etc/passwd"], "no key identifier"),
])
def test_options_that_do_not_fit(ca, tmp_path, words, says):
    client = Client(tmp_path / "state", ca, agree=False)
    assert says in client.issue(NAME, *words, code=USAGE).stderr


def test_a_key_the_ca_does_not_know(ca, tmp_path):
    client = Client(tmp_path / "state", ca, agree=False)
    path = key_file(tmp_path, "A" * 44)
    done = client.issue(NAME, "--eab-kid", "unknown", "--eab-key-file", path, "--json", code=FAILED)
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "UNAUTHORIZED" and "key identifier is unknown" in error["detail"]
    assert not has_account(client)
    assert os.listdir(client.directory / "accounts")  # its key stays for the next try
