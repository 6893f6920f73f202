"""Where secrets are not: in no argument list, no environment but that of the program they are for, no output, no log, no state file, and
no memory of a process that has nothing to do with them. strace sees each program that is started."""
import base64
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

import pebble as pebble_module
import tokens as tokens_module
from dns_mocks import TOKEN, Cloudflare, Mock, Zone
from dns_services import Httpreq
from pebble import Client
from test_client_confine import calls
from test_client_hooks import HEAD, HOOKS, Recorder
from tokens import MODULE
from zones import PRIMARY, SECRET, World

pytestmark = [pytest.mark.foreign,
              pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root"),
              pytest.mark.skipif(pebble_module.PROGRAM is None or shutil.which("knsupdate") is None,
                                 reason="pebble or knotd is not installed")]
TSIG = base64.b64encode(SECRET).decode()
PASSWORD = "pass-of-the-service"
MAC = base64.urlsafe_b64encode(bytes(range(64))).rstrip(b"=").decode()
DEPLOYED = "--this-is-the-deployment"
SCRIPTS = pathlib.Path("/usr/share/acme.sh/dnsapi")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("secrets"))
    made.recorder = Recorder()
    with tempfile.TemporaryDirectory(prefix="secrets-") as folder:  # where the user nobody can read it
        made.open = pathlib.Path(folder)
        made.open.chmod(0o755)
        yield made
    made.close()


def kept(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


class Programs:
    """What a cairn started, as the kernel was told: arguments and environment of each."""

    CALL = re.compile(r'^execve\("(.*?)", \[(.*)\], \[(.*)\]\) += 0$')

    def __init__(self, trace):
        self.list = [found.groups() for _, call in calls(trace) if (found := self.CALL.match(call))]

    def with_argument(self, secret):
        return [path for path, arguments, _ in self.list if secret in arguments]

    def of_deployment(self):
        return [each for each in self.list if DEPLOYED in each[1]]

    def with_variable(self, secret):
        return [each for each in self.list if secret in each[2]]


def watched(client, tmp_path, name, words, secrets, environment=None):
    """The run must succeed, and say and write nothing of the secrets; returned is what it started."""
    trace, log = tmp_path / "trace", tmp_path / "run.log"
    command = client.command("issue", name, *words, *client.common(), "--log", log, "--deploy-hook", f"/bin/true {DEPLOYED}")
    done = subprocess.run(["strace", "-f", "-qq", "-v", "-s", "1000000", "-e", "trace=execve", "-e", "signal=none", "-o", trace, *command],
                          capture_output=True, text=True, timeout=180, check=False, env={**os.environ, **(environment or {}), "ASAN_OPTIONS": "detect_leaks=0"})
    assert done.returncode == 0, (done.stdout, done.stderr)
    shown = [client.run("show", name, "--json").stdout, client.run("list", "--json").stdout]
    files = [path for path in client.directory.rglob("*") if path.is_file()]
    assert any(path.name == "cert.pem" for path in files)
    for place in [done.stdout, done.stderr, *shown, log.read_text(), *(p.read_text(errors="replace") for p in files)]:
        assert not any(secret in place for secret in secrets)
    started = Programs(trace)
    assert started.of_deployment()  # the trace has arguments
    for secret in secrets:
        assert started.with_argument(secret) == []
        for each in started.with_variable(secret):
            assert each not in started.of_deployment() and not each[0].endswith("/cairn"), each
    return started


# ---- credentials for DNS ----

@contextlib.contextmanager
def rfc2136(world, tmp_path):
    yield world.ways(), [TSIG], 0


@contextlib.contextmanager
def httpreq(world, tmp_path):
    login = f"user:{PASSWORD}"
    with contextlib.closing(Httpreq(world.primary, login)) as service:
        yield (["--challenge", "dns-01", "--dns", "httpreq", "--dns-url", f"{service.url}/api", "--dns-resolver", f"{PRIMARY}:{world.stub.port}",
                "--dns-credentials", kept(tmp_path / "login", f"{login}\n")], [PASSWORD, base64.b64encode(login.encode()).decode()], 0)


@contextlib.contextmanager
def hook(world, tmp_path):
    path = world.open / "hook"
    path.write_text(HEAD.format(server=PRIMARY, port=world.recorder.port) + HOOKS["exec"] + "\n")
    path.chmod(0o755)
    yield (["--challenge", "dns-01", "--dns", "exec", "--dns-program", path, "--dns-credentials", kept(tmp_path / "dns.env", f"TSIG={TSIG}\n"),
            "--dns-resolver", f"{PRIMARY}:{world.stub.port}"], [TSIG], 2)


@contextlib.contextmanager
def script(world, tmp_path):
    if not SCRIPTS.is_dir():
        pytest.skip("acme.sh is not installed (tools/next_package acme.sh)")
    chain = tmp_path / "services.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=services",
                    "-addext", "subjectAltName=DNS:api.cloudflare.com", "-keyout", chain, "-out", world.open / "ca.pem"], check=True, capture_output=True)
    chain.write_bytes(chain.read_bytes() + (world.open / "ca.pem").read_bytes())
    mock = Mock(Cloudflare, Zone("dns.test"), chain=chain)
    (world.open / ".curlrc").write_text(f'connect-to = "api.cloudflare.com:443:127.0.0.1:{mock.port}"\ncacert = "{world.open}/ca.pem"\n')
    credentials = kept(tmp_path / "cf.env", f"CF_Token={TOKEN}\nCURL_HOME={world.open}\n")
    config = tmp_path / "cairn.yaml"
    config.write_text(f"hooks:\n  readable: [{world.open}]\ndns:\n  mine:\n    provider: \"acme.sh:dns_cf\"\n    credentials: {credentials}\n"
                      f"    resolver: {PRIMARY}:{world.stub.port}\n")
    with contextlib.closing(mock):
        yield (["--challenge", "dns-01", "--config", config, "--dns", "mine"],
               ["a-token", base64.b64encode(TOKEN.replace('"', "").encode()).decode()], 0)


@pytest.mark.parametrize("way", [rfc2136, httpreq, hook, script])
def test_credentials_for_dns(world, tmp_path, way):
    """Nobody is given them as a variable but hooks, as their protocol has it."""
    with way(world, tmp_path) as (words, secrets, least):
        found = watched(world.client(), tmp_path, f"{way.__name__}.dns.test", words, secrets).with_variable(secrets[0])
        assert len(found) >= least and (least > 0 or way is script or not found), found


# ---- external account binding, PIN ----

def test_mac_key_and_pin(make_pebble, tmp_path):
    """The account's and the certificate's key in a token; the files with both secrets are named, their contents nowhere."""
    ca = make_pebble(settings={"externalAccountBindingRequired": True, "externalAccountMACKeys": {"kid-1": MAC}})
    pin = "pin-that-is-nowhere"
    token = tokens_module.Tokens()
    try:
        token.add("box", pin=pin)
        client = Client(tmp_path / "state", ca)
        pin_file, mac_file = kept(tmp_path / "pin", pin + "\n"), kept(tmp_path / "mac", MAC + "\n")
        uri = f"pkcs11:token=box;object=%s?module-path={MODULE}"
        started = watched(client, tmp_path, "token.example.test",
                          ["--device", uri % "cert", "--pin-file", pin_file, "--eab-kid", "kid-1", "--eab-key-file", mac_file],
                          [pin, MAC], {k: v for k, v in token.environment.items() if k != "GNUTLS_PIN"})
        assert not started.with_variable(pin) and not started.with_variable(MAC)
    finally:
        token.close()
