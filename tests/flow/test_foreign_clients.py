"""Clients we did not write, as Debian ships them, get certificates from cairn-ca over http-01."""
import os
import pathlib
import shutil
import sqlite3
import subprocess

import pytest

from judges import judge

pytestmark = pytest.mark.foreign


def run(arguments, environment=None, **more):
    done = subprocess.run([str(a) for a in arguments], env={**os.environ, **(environment or {})}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False, **more)
    assert done.returncode == 0, done.stdout
    return done.stdout


def reasons(house):
    """Why certificates were revoked, in the order they were issued."""
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        return [row[0] for row in db.execute("SELECT reason FROM revocation ORDER BY issuance_id")]


def accounts(house):
    """The status of each account: 0 valid, 1 deactivated."""
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        return [row[0] for row in db.execute("SELECT status FROM account ORDER BY id")]


def need(program):
    if shutil.which(program) is None:
        pytest.fail(f"{program} is not installed; see tools/packages.test")


@pytest.mark.parametrize("key", [["--key-type", "ecdsa"], ["--key-type", "rsa", "--rsa-key-size", "2048"]])
def test_certbot(house, tmp_path, key):
    need("certbot")
    folders = ["--config-dir", tmp_path / "c", "--work-dir", tmp_path / "w", "--logs-dir", tmp_path / "l"]
    base = ["/usr/bin/certbot", "--server", house.url, *folders, "--non-interactive"]
    trust = {"REQUESTS_CA_BUNDLE": str(house.root)}
    run([*base, "certonly", "--standalone", "--http-01-port", house.http_port, "--agree-tos", "-m",
         "admin@flow.test", "-d", "certbot.flow.test", "-d", "www.certbot.flow.test", *key], trust)
    live = tmp_path / "c/live/certbot.flow.test"
    judge(live / "cert.pem", live / "chain.pem", house.root, ["certbot.flow.test", "www.certbot.flow.test"])
    run([*base, "renew", "--force-renewal", "--no-random-sleep-on-renew"], trust)
    judge(live / "cert.pem", live / "chain.pem", house.root, ["certbot.flow.test", "www.certbot.flow.test"])
    run([*base, "update_account", "-m", "other@flow.test"], trust)
    kept = tmp_path / "kept.pem", tmp_path / "kept.key"
    for copy, name in zip(kept, ["cert.pem", "privkey.pem"]):
        copy.write_bytes((live / name).read_bytes())
    run([*base, "revoke", "--cert-path", live / "cert.pem", "--reason", "superseded", "--no-delete-after-revoke"], trust)
    assert reasons(house) == [4]
    run([*base, "revoke", "--cert-path", kept[0], "--key-path", kept[1], "--reason", "keycompromise",
         "--no-delete-after-revoke"], trust)
    assert reasons(house) == [1]
    run([*base, "unregister"], trust)
    assert accounts(house) == [1]


@pytest.mark.parametrize("key_type", ["ec256", "ec384", "rsa2048"])
def test_lego(house, tmp_path, key_type):
    need("lego")
    base = ["lego", "--server", house.url, "--path", tmp_path, "--email", "admin@flow.test", "--accept-tos",
            "--key-type", key_type, "--http", "--http.port", f"127.0.0.1:{house.http_port}",
            "--domains", "lego.flow.test", "--domains", "www.lego.flow.test"]
    trust = {"LEGO_CA_CERTIFICATES": str(house.root)}
    run([*base, "run"], trust)
    got = tmp_path / "certificates"
    judge(got / "lego.flow.test.crt", got / "lego.flow.test.issuer.crt", house.root,
          ["lego.flow.test", "www.lego.flow.test"])
    run([*base, "renew", "--days", "1000", "--no-random-sleep"], trust)
    run([*base[:-2], "revoke", "--reason", "5"], trust)
    assert reasons(house) == [5]


def test_uacme(house, webroot, tmp_path):
    need("uacme")
    hook = tmp_path / "hook.sh"
    hook.write_text("#!/bin/sh\n"
                    f'[ "$2" = http-01 ] || exit 1\n'
                    f'case "$1" in begin) printf %s "$5" >"{webroot}/$4";; done|failed) rm -f "{webroot}/$4";; esac\n')
    hook.chmod(0o755)
    bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    if not bundle.exists():
        pytest.fail("ca-certificates is not installed; see tools/packages.test")
    # it knows the system's certificates only: show it others in a mount namespace of its own
    command = f'mount --bind "{house.root}" {bundle} && exec uacme -v -a "{house.url}" -c "{tmp_path}/u" -y "$@"'
    private = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    run([*private, "sh", "-c", command, "sh", "new", "admin@flow.test"])
    run([*private, "sh", "-c", command, "sh", "-t", "EC", "-h", hook, "issue", "uacme.flow.test", "www.uacme.flow.test"])
    chain = tmp_path / "u/uacme.flow.test/cert.pem"
    judge(chain, chain, house.root, ["uacme.flow.test", "www.uacme.flow.test"])
    run([*private, "sh", "-c", command, "sh", "revoke", chain])
    assert len(reasons(house)) == 1
    run([*private, "sh", "-c", command, "sh", "newkey"])
    run([*private, "sh", "-c", command, "sh", "-f", "-h", hook, "issue", "uacme.flow.test", "www.uacme.flow.test"])
    run([*private, "sh", "-c", command, "sh", "deactivate"])
    assert accounts(house) == [1]
    assert list(webroot.iterdir()) == []


def test_dehydrated(house, webroot, tmp_path):
    need("dehydrated")
    (tmp_path / "config").write_text(f'CA="{house.url}"\nBASEDIR="{tmp_path}"\nWELLKNOWN="{webroot}"\n'
                                     f'KEY_ALGO=secp384r1\nCURL_OPTS="--cacert {house.root}"\n')
    run(["dehydrated", "--config", tmp_path / "config", "--register", "--accept-terms"])
    run(["dehydrated", "--config", tmp_path / "config", "--cron", "-d", "dehydrated.flow.test"])
    got = tmp_path / "certs/dehydrated.flow.test"
    judge(got / "cert.pem", got / "chain.pem", house.root, ["dehydrated.flow.test"])
    base = ["dehydrated", "--config", tmp_path / "config"]
    run([*base, "--revoke", got / "cert.pem"])
    assert len(reasons(house)) == 1
    run([*base, "--account"])
    run([*base, "--deactivate"])
    assert accounts(house) == [1]
    assert list(webroot.iterdir()) == []


def test_acme_tiny(house, webroot, tmp_path):
    need("acme-tiny")
    run(["openssl", "genrsa", "-out", tmp_path / "account.key", "2048"])
    run(["openssl", "genrsa", "-out", tmp_path / "name.key", "2048"])
    run(["openssl", "req", "-new", "-key", tmp_path / "name.key", "-subj", "/", "-addext",
         "subjectAltName=DNS:tiny.flow.test", "-out", tmp_path / "name.csr"])
    done = subprocess.run(
        ["acme-tiny", "--account-key", tmp_path / "account.key", "--csr", tmp_path / "name.csr", "--acme-dir", webroot,
         "--directory-url", house.url, "--disable-check"],
        env={**os.environ, "SSL_CERT_FILE": str(house.root)}, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    (tmp_path / "chain.pem").write_bytes(done.stdout)
    judge(tmp_path / "chain.pem", tmp_path / "chain.pem", house.root, ["tiny.flow.test"])
