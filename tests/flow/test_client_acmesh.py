"""Provider acme.sh:dns_NAME: scripts of Debian's package acme.sh, unmodified, get certificates from Pebble through mocks of the
services they talk to; what they may keep, what they say, and what they cannot do."""
import base64
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import pebble as pebble_module
from dns_mocks import AWS_KEY, TOKEN, AcmeDns, AcmeProxy, Cloudflare, Mock, PowerDns, Route53, Zone
from zones import PRIMARY, SECRET, World, check, journal

PACKAGE = pathlib.Path("/usr/share/acme.sh/dnsapi")
pytestmark = [pytest.mark.foreign,
              pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root"),
              pytest.mark.skipif(pebble_module.PROGRAM is None or shutil.which("knsupdate") is None,
                                 reason="pebble or knotd is not installed"),
              pytest.mark.skipif(not PACKAGE.is_dir(), reason="acme.sh is not installed (tools/next_package acme.sh)")]
VALIDATION, USAGE = 5, 64


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("acmesh"))
    with tempfile.TemporaryDirectory(prefix="acmesh-") as folder:  # where the user nobody can read it
        made.open = pathlib.Path(folder)
        made.open.chmod(0o755)
        made.chain = made.folder / "services.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=services",
                        "-addext", "subjectAltName=DNS:api.cloudflare.com,DNS:route53.amazonaws.com", "-keyout", made.chain, "-out", made.open / "ca.pem"],
                       check=True, capture_output=True)
        made.chain.write_bytes(made.chain.read_bytes() + (made.open / "ca.pem").read_bytes())
        yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_is_left(world):
    yield
    assert world.texts() == []


def settings(world, client, script, credentials, top=""):
    """cairn.yaml with that one, and its credentials."""
    client.directory.parent.mkdir(parents=True, exist_ok=True)
    file = client.directory.parent / f"{client.directory.name}.env"
    file.write_text("".join(f"{k}={v}\n" for k, v in credentials.items()))
    file.chmod(0o600)
    config = file.with_suffix(".yaml")
    config.write_text(f"hooks:\n  readable: [{world.open}]\n{top}dns:\n  mine:\n    provider: \"acme.sh:{script}\"\n    credentials: {file}\n"
                      f"    resolver: {PRIMARY}:{world.stub.port}\n")
    return ["--challenge", "dns-01", "--config", config, "--dns", "mine"]


def curlrc(world, host, mock):
    """Their names lead here, in this test only."""
    (world.open / ".curlrc").write_text(f'connect-to = "{host}:443:127.0.0.1:{mock.port}"\ncacert = "{world.open}/ca.pem"\n')
    return {"CURL_HOME": world.open}


def cloudflare(world):
    mock = Mock(Cloudflare, Zone("dns.test"), chain=world.chain)
    return "dns_cf", mock, {"CF_Token": TOKEN, **curlrc(world, "api.cloudflare.com", mock)}, "cf.dns.test"


def powerdns(world):
    mock = Mock(PowerDns, Zone("dns.test"))
    return "dns_pdns", mock, {"PDNS_Url": mock.url, "PDNS_ServerId": "localhost", "PDNS_Token": TOKEN}, "pdns.dns.test"


def acme_dns(world):
    mock = Mock(AcmeDns, Zone("other.test"), record="next.other.test")
    return "dns_acmedns", mock, {"ACMEDNS_BASE_URL": mock.url, "ACMEDNS_USERNAME": "user", "ACMEDNS_PASSWORD": TOKEN, "ACMEDNS_SUBDOMAIN": "sub"}, "first.dns.test"


def acmeproxy(world):
    mock = Mock(AcmeProxy, Zone("dns.test"))
    return "dns_acmeproxy", mock, {"ACMEPROXY_ENDPOINT": mock.url, "ACMEPROXY_USERNAME": "user", "ACMEPROXY_PASSWORD": "pass"}, "proxy.dns.test"


def route53(world):
    mock = Mock(Route53, Zone("dns.test"), chain=world.chain)
    return "dns_aws", mock, {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": AWS_KEY, **curlrc(world, "route53.amazonaws.com", mock)}, "aws.dns.test"


def nsupdate(world):
    key = world.open / "tsig.key"
    key.write_text(f'key "key-hmac-sha256" {{\n\talgorithm hmac-sha256;\n\tsecret "{base64.b64encode(SECRET).decode()}";\n}};\n')
    key.chmod(0o400)
    shutil.chown(key, "nobody")
    return "dns_nsupdate", None, {"NSUPDATE_SERVER": PRIMARY, "NSUPDATE_KEY": key, "NSUPDATE_ZONE": "dns.test"}, "nsupdate.dns.test"


@pytest.mark.parametrize("service", [cloudflare, powerdns, acme_dns, acmeproxy, route53, nsupdate])
def test_services(world, service):
    """A name and its wildcard: two values at one name are added, seen by Pebble, and removed."""
    script, mock, credentials, name = service(world)
    client = world.client()
    done = client.issue(name, f"*.{name}", *settings(world, client, script, credentials))
    check(client, name, [name, f"*.{name}"])
    assert journal(client) == [] and done.stdout.count("record ") == 2
    if mock is None:
        return
    zone = mock.server.zone
    added = [value for what, value in zone.history if what == "add"]
    assert len(set(added)) == 2 and mock.server.rejected == 0
    if service is acme_dns:  # it has no removal: two values stay there at any time
        zone.set("next.other.test", [])
    else:
        assert sorted(value for what, value in zone.history if what == "remove") == sorted(added)
    mock.close()
    # what the credentials file says is not written down a second time
    kept = client.directory / "acme.sh" / "mine"
    for path in client.directory.rglob("*"):
        assert not path.is_file() or TOKEN not in path.read_text(errors="replace")
    assert not kept.exists() or not {k.format(name) for k in ("account.SAVED_{}", "domain.{}") for name in credentials} & {line.split()[0] for line in kept.read_text().splitlines()}


def test_wrong_credentials(world):
    """The script's own word is the reason that is told."""
    script, mock, credentials, name = cloudflare(world)
    client = world.client()
    done = client.issue(name, *settings(world, client, script, {**credentials, "CF_Token": "wrong"}), code=None)
    assert done.returncode == VALIDATION and "dns.mine: dns_cf ended with exit code 1: invalid domain" in done.stderr, done.stderr
    done = client.issue(name, *settings(world, client, script, {"CF_Key": "half"}), code=None)
    assert "dns_cf ended with exit code 1: You can get yours from here" in done.stderr
    mock.close()


def own(world, body):
    """A script in a folder of our own, after the manner of theirs."""
    folder = world.open / "dnsapi"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    key = base64.b64encode(SECRET).decode()
    change = f"change() {{ printf 'key hmac-sha256:key-hmac-sha256 {key}\\nserver {PRIMARY} 53\\nzone dns.test\\nupdate %s\\nsend\\n' \"$1\" | knsupdate; }}\n"
    (folder / "dns_own.sh").write_text(f"#!/usr/bin/env sh\n{change}{body}\ndns_own_rm() {{ change \"del $1. TXT $2\"; }}\n")
    return f"  dnsapi: {folder}\n"


def test_what_a_script_keeps(world):
    """It comes back in the next run, for this dns.NAME, whatever is in it."""
    body = """dns_own_add() {
  token=$(_readaccountconf_mutable TOKEN)
  _info "kept: $token"
  if [ -z "$token" ]; then _saveaccountconf_mutable TOKEN "it's \\"new\\" \\$(id) \\\\
and long"; _savedomainconf D 1; else test "$token" = "it's \\"new\\" \\$(id) \\\\
and long" || { _err "another token: $token"; return 1; }; test "$(_readdomainconf D)" = 1 || return 1; _clearaccountconf_mutable TOKEN; fi
  change "add $1. 5 TXT $2"
}"""
    client = world.client()
    words = settings(world, client, "dns_own", {}, top=own(world, body))
    client.issue("kept.dns.test", *words)
    kept = client.directory / "acme.sh" / "mine"
    assert kept.stat().st_mode & 0o777 == 0o600 and kept.parent.stat().st_mode & 0o777 == 0o700
    assert [line.split()[0] for line in kept.read_text().splitlines()] == ["account.SAVED_TOKEN", "domain.D"]
    client.issue("kept2.dns.test", *words)
    assert [line.split()[0] for line in kept.read_text().splitlines()] == ["domain.D"]


@pytest.mark.parametrize("body, says", [
    ("dns_own_add() { read -r answer; _err \"nobody answers: $answer.\"; return 1; }", "dns_own ended with exit code 1: nobody answers: ."),
    ("dns_own_add() { _err 'the reason'; _info later; exit 3; }", "dns_own ended with exit code 3: the reason"),
    ("dns_own_add() { sleep 600; }", "dns_own took longer than 2 s and was ended"),
    ("echo 'sourced' >&2; dns_own_other() { :; }", "dns_own_add: not found"),
    ("dns_own_add() {", "yntax error"),
    ("dns_own_add() { _err \"$(cat /root/.profile /etc/shadow 2>&1 | tr '\\n' ' ')\"; return 1; }", "Permission denied"),
])
def test_scripts_that_fail(world, body, says):
    client = world.client()
    words = settings(world, client, "dns_own", {}, top="  timeout: 2s\n" + own(world, body))
    done = client.issue("fails.dns.test", *words, code=None)
    assert done.returncode == VALIDATION and says in done.stderr, done.stderr


@pytest.mark.parametrize("script, says", [
    ("dns_no_such", "there is no /usr/share/acme.sh/dnsapi/dns_no_such.sh; install the package acme.sh"),
    ("../x", "comes the name of a script without .sh, such as dns_cf"),
    ("", "comes the name of a script"),
])
def test_mistakes(world, script, says):
    client = world.client()
    done = client.issue("mistake.dns.test", *settings(world, client, script, {}), code=None)
    assert done.returncode not in (0, 2) and says in done.stderr, (done.returncode, done.stderr)


def test_secrets_are_in_no_argument_list(world):
    """While a script talks to its service, ps shows no token and no key of it."""
    seen = []

    class Looking(Cloudflare):
        def mock(self):
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(path.read_bytes())
                except OSError:
                    pass
            super().mock()

    script, mock, credentials, name = cloudflare(world)
    mock.close()
    mock = Mock(Looking, Zone("dns.test"), chain=world.chain)
    credentials = {**credentials, **curlrc(world, "api.cloudflare.com", mock)}
    client = world.client()
    client.issue(name, *settings(world, client, script, credentials))
    assert any(b"curl" in line for line in seen) and not any(b"a-token" in line for line in seen)
    mock.close()
