"""Clients we did not write get certificates for wildcards over dns-01: knotd is the authority of their zones, which they
update by RFC 2136 with a TSIG key, by themselves or through a hook. The CA asks knotd."""
import os
import pathlib
import sqlite3
import subprocess

import pytest

import house as house_module
from judges import judge
from knot import KEY_NAME, KEY_SECRET, Knot
from test_foreign_clients import need, run

pytestmark = pytest.mark.foreign

ZONES = {"dns.test": "_acme-challenge.alias CNAME name.other.test.\n", "other.test": ""}


@pytest.fixture(scope="module")
def knot(tmp_path_factory):
    need("knotd")
    need("knsupdate")
    made = Knot(tmp_path_factory.mktemp("knot"), ZONES)
    yield made
    made.stop()


@pytest.fixture
def house(tmp_path_factory, knot):
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca", stub=knot)
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture
def update(knot, tmp_path):
    """A program: update add|delete NAME VALUE, for the zone of NAME."""
    path = tmp_path / "update"
    path.write_text(f"""#!/bin/sh
zone=$(printf %s "$2" | sed 's/.*\\.\\([^.]*\\.[^.]*\\)$/\\1/')
printf 'server 127.0.0.1 {knot.port}\\nzone %s.\\n%s %s. 60 TXT "%s"\\nsend\\n' "$zone" "$1" "$2" "$3" |
    exec knsupdate -y hmac-sha256:{KEY_NAME}:{KEY_SECRET}
""")
    path.chmod(0o755)
    return path


def proved(house, names):
    """Every authorization was proved by dns-01, and the wildcards are marked."""
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        rows = db.execute("SELECT value, wildcard FROM authz WHERE verdict = 1 AND attempt_type = 1").fetchall()
    assert sorted(rows) == sorted((name.removeprefix("*."), int(name.startswith("*."))) for name in names)


def test_certbot_rfc2136(house, knot, tmp_path):
    """Its own plugin; wildcard and base name in one order: two records at the same name."""
    need("certbot")
    names = ["*.certbot.dns.test", "certbot.dns.test"]
    credentials = tmp_path / "credentials.ini"
    credentials.write_text(f"dns_rfc2136_server = 127.0.0.1\ndns_rfc2136_port = {knot.port}\n"
                           f"dns_rfc2136_name = {KEY_NAME}\ndns_rfc2136_secret = {KEY_SECRET}\n"
                           "dns_rfc2136_algorithm = HMAC-SHA256\n")
    credentials.chmod(0o600)
    folders = ["--config-dir", tmp_path / "c", "--work-dir", tmp_path / "w", "--logs-dir", tmp_path / "l"]
    run(["/usr/bin/certbot", "--server", house.url, *folders, "--non-interactive", "certonly", "--agree-tos", "-m",
         "admin@dns.test", "--dns-rfc2136", "--dns-rfc2136-credentials", credentials, "--dns-rfc2136-propagation-seconds",
         "0", "-d", names[0], "-d", names[1]], {"REQUESTS_CA_BUNDLE": str(house.root)})
    live = tmp_path / "c/live/certbot.dns.test"
    judge(live / "cert.pem", live / "chain.pem", house.root, names)
    proved(house, names)
    assert knot.texts("_acme-challenge.certbot.dns.test") == []
    # to openssl it is good for every name just below, and for nothing deeper
    for name, good in [("any.certbot.dns.test", True), ("a.b.certbot.dns.test", False)]:
        done = subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name,
                               "-CAfile", house.root, "-untrusted", live / "chain.pem", live / "cert.pem"],
                              capture_output=True, check=False)
        assert (done.returncode == 0) == good, (name, done.stdout, done.stderr)


def test_certbot_hooks(house, knot, update, tmp_path):
    """Manual hooks, and an alias into another zone: the record is put there."""
    need("certbot")
    names = ["*.alias.dns.test"]
    folders = ["--config-dir", tmp_path / "c", "--work-dir", tmp_path / "w", "--logs-dir", tmp_path / "l"]
    run(["/usr/bin/certbot", "--server", house.url, *folders, "--non-interactive", "certonly", "--agree-tos", "-m",
         "admin@dns.test", "--manual", "--preferred-challenges", "dns",
         "--manual-auth-hook", f'{update} add name.other.test "$CERTBOT_VALIDATION"',
         "--manual-cleanup-hook", f'{update} delete name.other.test "$CERTBOT_VALIDATION"', "-d", names[0]],
        {"REQUESTS_CA_BUNDLE": str(house.root)})
    live = tmp_path / "c/live/alias.dns.test"
    judge(live / "cert.pem", live / "chain.pem", house.root, names)
    proved(house, names)


def test_lego_rfc2136(house, knot, tmp_path):
    need("lego")
    names = ["*.lego.dns.test", "lego.dns.test"]
    run(["lego", "--server", house.url, "--path", tmp_path, "--email", "admin@dns.test", "--accept-tos", "--dns",
         "rfc2136", "--dns.disable-cp", "--dns.resolvers", f"127.0.0.1:{knot.port}", "--domains", names[0], "--domains",
         names[1], "run"],
        {"LEGO_CA_CERTIFICATES": str(house.root), "RFC2136_NAMESERVER": f"127.0.0.1:{knot.port}",
         "RFC2136_TSIG_KEY": f"{KEY_NAME}.", "RFC2136_TSIG_SECRET": KEY_SECRET,
         "RFC2136_TSIG_ALGORITHM": "hmac-sha256.", "RFC2136_POLLING_INTERVAL": "1", "RFC2136_SEQUENCE_INTERVAL": "1"})
    got = tmp_path / "certificates"
    judge(got / "_.lego.dns.test.crt", got / "_.lego.dns.test.issuer.crt", house.root, names)
    proved(house, names)
    assert knot.texts("_acme-challenge.lego.dns.test") == []


def test_dehydrated(house, knot, update, tmp_path):
    need("dehydrated")
    names = ["*.dehydrated.dns.test", "dehydrated.dns.test"]
    hook = tmp_path / "hook.sh"
    hook.write_text(f'''#!/bin/sh
case "$1" in
deploy_challenge) exec {update} add "_acme-challenge.$2" "$4" ;;
clean_challenge) exec {update} delete "_acme-challenge.$2" "$4" ;;
esac
''')
    hook.chmod(0o755)
    (tmp_path / "config").write_text(f'CA="{house.url}"\nBASEDIR="{tmp_path}"\nCHALLENGETYPE=dns-01\nKEY_ALGO=secp384r1\nHOOK="{hook}"\n'
                                     f'CURL_OPTS="--cacert {house.root}"\n')
    (tmp_path / "domains.txt").write_text(" ".join(names) + " > both\n")
    run(["dehydrated", "--config", tmp_path / "config", "--register", "--accept-terms"])
    run(["dehydrated", "--config", tmp_path / "config", "--cron"])
    got = tmp_path / "certs/both"
    judge(got / "cert.pem", got / "chain.pem", house.root, names)
    proved(house, names)
    assert knot.texts("_acme-challenge.dehydrated.dns.test") == []


def test_uacme(house, knot, update, tmp_path):
    need("uacme")
    names = ["*.uacme.dns.test", "uacme.dns.test"]
    hook = tmp_path / "hook.sh"
    hook.write_text(f'''#!/bin/sh
[ "$2" = dns-01 ] || exit 1
case "$1" in
begin) exec {update} add "_acme-challenge.$3" "$5" ;;
done | failed) exec {update} delete "_acme-challenge.$3" "$5" ;;
esac
''')
    hook.chmod(0o755)
    bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    command = f'mount --bind "{house.root}" {bundle} && exec uacme -v -a "{house.url}" -c "{tmp_path}/u" -y "$@"'
    private = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    run([*private, "sh", "-c", command, "sh", "new", "admin@dns.test"])
    run([*private, "sh", "-c", command, "sh", "-t", "EC", "-h", hook, "issue", *names])
    chain = next((tmp_path / "u").glob("*uacme.dns.test/cert.pem"))
    judge(chain, chain, house.root, names)
    proved(house, names)
    assert knot.texts("_acme-challenge.uacme.dns.test") == []
