"""Clients we did not write, as Debian ships them, get certificates from cairn-ca over tls-alpn-01, with servers of
their own for it where they have one."""
import contextlib
import os
import pathlib
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import time

import pytest
from cryptography import x509

import alpn
import house as house_module
import world
from judges import judge
from test_foreign_clients import need, run

pytestmark = pytest.mark.foreign
SECONDS = 120  # against hanging
TLS_ALPN_01 = 2  # as the store has it


@pytest.fixture
def house(tmp_path_factory):
    """As elsewhere, with a port for TLS; every name is at 127.0.0.1."""
    port = house_module.free_port()
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca", sets=[f"validation.tls_port={port}"])
    made.tls_port = port
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


def proved(house, names):
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        rows = db.execute("SELECT value FROM authz WHERE verdict = 1 AND attempt_type = ?", [TLS_ALPN_01]).fetchall()
    assert sorted(row[0] for row in rows) == sorted(names)


@pytest.mark.parametrize("key_type", ["ec256", "rsa2048"])
def test_lego(house, tmp_path, key_type):
    need("lego")
    names = ["lego.flow.test", "www.lego.flow.test"]
    run(["lego", "--server", house.url, "--path", tmp_path, "--email", "admin@flow.test", "--accept-tos", "--key-type",
         key_type, "--tls", "--tls.port", f"127.0.0.1:{house.tls_port}", "--domains", names[0], "--domains", names[1],
         "run"], {"LEGO_CA_CERTIFICATES": str(house.root)})
    got = tmp_path / "certificates"
    judge(got / "lego.flow.test.crt", got / "lego.flow.test.issuer.crt", house.root, names)
    proved(house, names)


def wait_for_port(port, process):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, process.returncode
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise AssertionError("nobody listens")


@pytest.fixture
def ualpn(house, tmp_path):
    """uacme's own server, on GnuTLS or mbed TLS; a hook that tells it what to answer."""
    need("ualpn")
    sock = tmp_path / "ualpn.sock"
    process = subprocess.Popen(["ualpn", "-b", f"127.0.0.1@{house.tls_port}", "-c", "127.0.0.1@9", "-s", sock, "-S",
                                "666", "-p", tmp_path / "ualpn.pid", "-n", "1"])
    hook = tmp_path / "hook.sh"
    hook.write_text('#!/bin/sh\n[ "$2" = tls-alpn-01 ] || exit 1\n'
                    'case "$1" in begin) line="auth $3 $5";; *) line="unauth $3";; esac\n'
                    f'[ "$(echo "$line" | ualpn -s "{sock}")" = OK ]\n')
    hook.chmod(0o755)
    try:
        wait_for_port(house.tls_port, process)
        yield hook
    finally:
        process.terminate()
        process.wait(SECONDS)


@pytest.mark.parametrize("names", [["uacme.flow.test", "www.uacme.flow.test"], ["127.0.0.1"]], ids=["names", "address"])
def test_uacme(house, ualpn, tmp_path, names):
    """S-IP-4: an address too, by its reverse name."""
    need("uacme")
    # it knows the system's certificates only: show it others in a mount namespace of its own
    command = (f'mount --bind "{house.root}" /etc/ssl/certs/ca-certificates.crt && '
               f'exec uacme -v -a "{house.url}" -c "{tmp_path}/u" -y "$@"')
    private = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    run([*private, "sh", "-c", command, "sh", "new", "admin@flow.test"])
    run([*private, "sh", "-c", command, "sh", "-t", "EC", "-h", ualpn, "issue", *names])
    chain = tmp_path / f"u/{names[0]}/cert.pem"
    proved(house, names)
    if names[0][0].isdigit():
        leaf = x509.load_pem_x509_certificate(chain.read_bytes())
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [str(address) for address in found.get_values_for_type(x509.IPAddress)] == names
    else:
        judge(chain, chain, house.root, names)


class Folder(dict):
    """A script for each name: what dehydrated left in its folder (RSA, by `openssl req`)."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def __missing__(self, name):
        def script(visit):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols([alpn.PROTOCOL])
            context.load_cert_chain(self.path / f"{name}.crt.pem", self.path / f"{name}.key.pem")
            return context
        return script


def test_dehydrated(house, tmp_path):
    need("dehydrated")
    server = alpn.Server(["127.0.0.1"], house.tls_port, world.listen)
    server.scripts = Folder(tmp_path / "alpn-certs")
    names = ["dehydrated.flow.test", "www.dehydrated.flow.test"]
    (tmp_path / "config").write_text(f'CA="{house.url}"\nBASEDIR="{tmp_path}"\nCHALLENGETYPE=tls-alpn-01\n'
                                     f'CURL_OPTS="--cacert {house.root}"\n')
    try:
        run(["dehydrated", "--config", tmp_path / "config", "--register", "--accept-terms"])
        run(["dehydrated", "--config", tmp_path / "config", "--cron", "-d", " ".join(names)])
    finally:
        server.close()
    got = tmp_path / f"certs/{names[0]}"
    judge(got / "cert.pem", got / "chain.pem", house.root, names)
    proved(house, names)


def test_mod_md(house):
    """Apache answers it on the port where it serves everybody else."""
    if not pathlib.Path("/usr/lib/apache2/modules/mod_md.so").exists():
        pytest.fail("Apache is not installed; see tools/packages.test")
    from test_renewal_mod_md import Apache, NAME, issued, wait_for
    with tempfile.TemporaryDirectory(prefix="cairn-apache-") as folder:
        apache = Apache(pathlib.Path(folder), house)
        path = pathlib.Path(folder) / "httpd.conf"
        text = path.read_text().replace("MDCAChallenges http-01",
                                        "MDCAChallenges tls-alpn-01\nProtocols http/1.1 acme-tls/1")
        other = next(line for line in text.split("\n") if line.startswith("MDPortMap")).rpartition("https:")[2]
        path.write_text(text.replace(other, str(house.tls_port)))
        try:
            apache.start()
            wait_for(lambda: issued(house), apache)
            proved(house, [NAME])
        finally:
            apache.stop()
