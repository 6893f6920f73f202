"""cairn revoke: by account, by the certificate's key, with and without anything else; the CA's word is what counts."""
import json
import os
import subprocess

import pytest

import house as house_module
from pebble import PROGRAM, Client
from test_client_account import account, ca_words
from test_client_pebble import read_pair

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")

NAME = "revoke.example.test"
DONE, FAILED, UNCHANGED, REFUSED, USAGE = 0, 1, 2, 4, 64


@pytest.fixture
def client(cairn):
    cairn.issue(NAME)
    return cairn


def status(client, name=NAME, folder=None):
    """What Pebble says of the certificate: its status and reason."""
    serial = f"{read_pair(folder or client.live(name))[0].serial_number:x}"
    try:
        told = json.loads(client.ca.get(f"https://localhost:{client.ca.management_port}/cert-status-by-serial/{serial}"))
    except OSError as error:
        raise AssertionError(f"Pebble does not know {serial}: {error}") from error
    return told["Status"], told.get("Reason")


def revoke(client, *words, **more):
    return client.run("revoke", *words, **more)


@pytest.mark.parametrize("word, code", [(None, None), ("keyCompromise", 1), ("superseded", 4), ("CessationOfOperation", 5)])
def test_by_the_account(client, word, code):
    """C-REV-1: and it is not renewed by itself afterwards."""
    revoke(client, NAME, *(["--reason", word] if word else []))
    told, reason = status(client)
    assert told == "Revoked" and (code is None or reason == code)
    assert client.run("renew", code=UNCHANGED)
    before = read_pair(client.live(NAME))[0].serial_number
    client.run("renew", "--force")
    assert read_pair(client.live(NAME))[0].serial_number != before and status(client)[0] == "Valid"
    revoke(client, NAME)  # the new one, too


def test_twice(client):
    revoke(client, NAME)
    done = revoke(client, NAME)
    assert "before" in done.stdout


def test_by_the_key_without_an_account(client, tmp_path):
    """C-REV-2: whoever has the key may, with nothing else at hand."""
    live = client.live(NAME)
    elsewhere = Client(tmp_path / "elsewhere", client.ca)
    revoke(elsewhere, live / "fullchain.pem", "--with-key", "--key-file", live / "key.pem", *ca_words(client))
    assert status(client)[0] == "Revoked" and not list(elsewhere.directory.glob("accounts/*"))


def test_by_the_key_of_one_that_is_here(client):
    account(client, "deactivate", "--yes")
    done = revoke(client, NAME, code=FAILED)
    assert "no account" in done.stderr and status(client)[0] == "Valid"
    revoke(client, NAME, "--with-key")
    assert status(client)[0] == "Revoked"


def test_with_two_types_of_keys(cairn):
    cairn.issue(NAME, "--key", "p256,rsa2048")
    assert json.loads(revoke(cairn, NAME, "--with-key", "--json").stdout) == {"revoked": True, "certificates": 2}
    assert status(cairn)[0] == "Revoked"


def test_and_another_one_at_once(client, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    for name in ("cert.pem", "key.pem", "chain.pem", "fullchain.pem"):
        (old / name).write_bytes((client.live(NAME) / name).read_bytes())
    revoke(client, NAME, "--renew-now")
    assert status(client)[0] == "Valid" and status(client, folder=old)[0] == "Revoked"


@pytest.mark.parametrize("words, code, says", [
    (["nobody.example.test"], FAILED, "neither a certificate nor a file"), ([], USAGE, "one certificate"),
    ([NAME, "--reason", "because"], USAGE, "keyCompromise"), ([NAME, "--ca", "nowhere"], USAGE, "--ca"),
])
def test_mistakes(client, words, code, says):
    done = revoke(client, *words, code=code)
    assert says in done.stderr and status(client)[0] == "Valid"


def test_another_key(client, tmp_path):
    path = tmp_path / "other.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path], check=True)
    done = revoke(client, client.live(NAME) / "cert.pem", "--with-key", "--key-file", path, *ca_words(client), code=USAGE)
    assert "is not the key" in done.stderr
    done = revoke(client, client.live(NAME) / "cert.pem", "--with-key", *ca_words(client), code=USAGE)
    assert "--key-file" in done.stderr and status(client)[0] == "Valid"


def test_somebody_elses(client, tmp_path):
    """The CA does not let another account revoke it."""
    other = Client(tmp_path / "other", client.ca)
    account(other, "register", "--agree-tos")
    done = revoke(other, client.live(NAME) / "cert.pem", *ca_words(client), code=REFUSED)
    assert len(done.stderr.splitlines()) == 1 and status(client)[0] == "Valid"


@pytest.mark.parametrize("words", [[], ["--with-key"]])
def test_at_cairn_ca(house, tmp_path, words):
    client = Client(tmp_path / "state", house, agree=False)
    client.issue(NAME)
    revoke(client, NAME, *words)
    assert "before" in revoke(client, NAME, *words).stdout
