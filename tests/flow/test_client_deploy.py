"""cairn puts certificates where they are used: real servers from Debian on loopback, reloaded without a dropped
connection; files with owner, group and mode; failures that are tried again."""
import contextlib
import json
import os
import pathlib
import shutil
import stat
import struct
import subprocess
import tempfile
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

import house as house_module
import servers
from pebble import Client

NAME = "www.example.test"
UNCHANGED, DEPLOY, USAGE = 2, 7, 64


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


class Deployer(Client):
    """With a cairn.yaml that says deployments."""

    def write(self, **deployments):
        self.config = self.directory.parent / "cairn.yaml"
        lines = ["deployments:"]
        for name, options in deployments.items():
            lines += [f"  {name}:"] + [f"    {key}: {json.dumps(str(value))}" for key, value in options.items()]
        self.config.write_text("\n".join(lines) + "\n")
        return ",".join(deployments)

    def deploy(self, *words, code=0, **deployments):
        names = self.write(**deployments)
        return self.issue(NAME, "--config", self.config, "--deploy", names, *words, code=code)

    def renew(self, *words, **more):
        return self.run("renew", "--config", self.config, *words, **more)

    def certificate(self):
        return x509.load_pem_x509_certificate((self.live(NAME) / "cert.pem").read_bytes())

    def status(self, name=NAME):
        return json.loads((self.directory / "certificates" / name / "deploy.json").read_text())["deployments"]

    def let_try_again(self, name=NAME):
        """As if the wait after a failure were over."""
        path = self.directory / "certificates" / name / "deploy.json"
        document = json.loads(path.read_text())
        for each in document["deployments"]:
            if "failure" in each:
                each["failure"]["next_try"] = each["failure"]["when"]
        path.write_text(json.dumps(document))


@pytest.fixture
def client(ca, tmp_path):
    return Deployer(tmp_path / "state", ca, agree=False)


@pytest.fixture
def place():
    """A folder that daemons may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="cairn-deploy-") as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.fixture
def serve(place):
    """Starts servers, and ends them with the test."""
    made = []

    def start(kind, **options):
        if shutil.which(kind.program) is None:
            pytest.skip(f"{kind.program} is not installed")
        made.append(kind(place / f"server{len(made)}", **options))
        return made[-1]

    yield start
    for server in made:
        server.stop()


# ---- servers ----

@pytest.mark.parametrize("kind", servers.ALL, ids=lambda kind: kind.__name__)
def test_servers_are_reloaded_and_drop_nobody(client, serve, kind):
    server = serve(kind)
    assert server.serial() == 1
    stream, begun = servers.Stream(server), [server.begin() for _ in range(3)]
    try:
        for words in ([], ["--force"]):
            done = client.deploy(*words, web={**server.deployment(), "check": server.check()})
            assert "deployed" in done.stdout
            assert server.serial() == client.certificate().serial_number
            stream.wait_for(client.certificate().serial_number)
            assert begun.pop()(), server.log()
            begun.append(server.begin())
        assert all(end() for end in begun), server.log()
    finally:
        stream.end()
    assert stream.failures == [], server.log()
    assert len(set(stream.serials)) == 3 and len(stream.serials) > 10
    assert client.deploy(code=UNCHANGED, web={**server.deployment(), "check": server.check()}).stderr == ""
    assert [path.name for path in server.tls.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("kind", [servers.Nginx, servers.Apache, servers.Haproxy, servers.Lone, servers.Postfix, servers.Dovecot],
                         ids=lambda kind: kind.__name__)
def test_a_server_that_cannot_start_so_keeps_what_it_had(client, serve, kind):
    server = serve(kind)
    config = server.config / "main.cf" if server.config.is_dir() else server.config
    good = config.read_text()
    config.write_text(good + "\nwhat is this\n")
    before = {path: path.read_bytes() for path in server.tls.iterdir()}
    done = client.deploy(code=DEPLOY, web=server.deployment())
    assert "deployment web of www.example.test: the test of its files failed" in done.stderr
    assert "the old files are in place again" in done.stderr
    assert {path: path.read_bytes() for path in server.tls.iterdir()} == before
    assert server.serial() == 1
    # it is tried again, and not at once
    config.write_text(good)
    client.renew(code=None)
    assert server.serial() == 1 and client.status()[0]["failure"]["count"] == 1
    client.let_try_again()
    client.renew()
    servers_shows(server, client.certificate().serial_number)
    assert "failure" not in client.status()[0]


@pytest.mark.parametrize("kind, says", [
    (servers.Nginx, "the reload failed with exit code 1: "),
    (servers.Apache, "apache does not run: {folder}/pid names no process"),
    (servers.Haproxy, "haproxy does not run: "),
    (servers.Postfix, "the reload failed with exit code 1 (postfix tells why in its log)"),
    (servers.Dovecot, "the reload failed with exit code "),
], ids=lambda one: getattr(one, "__name__", ""))
def test_a_server_that_was_stopped_is_not_started(client, serve, kind, says):
    """And it is told. Apache's own graceful restart would start it, also where an old file names a process that has ended."""
    server = serve(kind)
    server.stop()
    wait_until_gone(server)
    for left_over in (None, "4194303\n") if kind is servers.Apache else (None,):
        if left_over is not None:
            (server.folder / "pid").write_text(left_over)
        done = client.deploy(*(["--force"] if left_over else []), code=DEPLOY, web=server.deployment())
        assert says.format(folder=server.folder) in done.stderr, done.stderr
        with pytest.raises(OSError):
            server.serial()
    server.start()
    server.wait()
    client.let_try_again()
    client.renew()
    servers_shows(server, client.certificate().serial_number)


def wait_until_gone(server):
    end = time.monotonic() + servers.PATIENCE
    with contextlib.suppress(OSError):
        while server.serial():
            assert time.monotonic() < end, server.log()
            time.sleep(0.05)
    while (server.folder / "pid").exists() and time.monotonic() < end:
        time.sleep(0.05)


def servers_shows(server, serial):
    end = time.monotonic() + servers.PATIENCE
    while server.serial() != serial:
        assert time.monotonic() < end, server.log()
        time.sleep(0.05)


def test_rollback_is_seen_by_those_who_connect(client, serve):
    server = serve(servers.Nginx)
    deployment = {**server.deployment(), "check": server.check()}
    client.deploy(web=deployment)
    first, key = client.certificate().serial_number, (client.live(NAME) / "key.pem").read_bytes()
    client.deploy("--force", web=deployment)
    assert client.certificate().serial_number != first
    servers_shows(server, client.certificate().serial_number)  # a worker that ends may take a connection yet
    client.run("rollback", NAME, "--config", client.config)
    servers_shows(server, first)
    assert (server.tls / "key.pem").read_bytes() == key
    client.renew(code=UNCHANGED)
    assert server.serial() == first


def shown_to(server, *words):
    """The certificate that a client of OpenSSL gets, who takes no others."""
    said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", NAME, *words,
                           *(["-starttls", server.starttls] if server.starttls else [])],
                          input="", capture_output=True, text=True, timeout=20, check=False)
    assert "-----BEGIN CERT" in said.stdout, said.stdout + said.stderr
    return x509.load_pem_x509_certificate(said.stdout[said.stdout.index("-----BEGIN CERT"):].encode())


@pytest.mark.parametrize("kind", servers.SEVERAL, ids=lambda kind: kind.__name__)
def test_both_kinds_of_keys_as_one(client, serve, kind):
    """Who takes RSA only gets that one, in TLS 1.3 and in 1.2; all others get the one for ECDSA."""
    server = serve(kind, kinds=("p256", "rsa2048"))
    client.deploy("--key", "p256,rsa2048", web={**server.deployment(), "check": server.check()})
    live = client.live(NAME)
    ours = {prefix: x509.load_pem_x509_certificate((live / f"{prefix}cert.pem").read_bytes()).serial_number for prefix in ("", "rsa2048.")}
    for prefix, words in (("", ["-sigalgs", "ECDSA+SHA256"]), ("rsa2048.", ["-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"]),
                          ("", ["-tls1_2", "-cipher", "ECDHE+aECDSA"]), ("rsa2048.", ["-tls1_2", "-cipher", "ECDHE+aRSA"]),
                          ("", [])):
        assert shown_to(server, *words).serial_number == ours[prefix], (prefix, words)


def test_a_server_that_shows_something_else(client, serve):
    server = serve(servers.Nginx)
    done = client.deploy(code=DEPLOY, web={**server.deployment(), "command": "true", "check": server.check(),
                                           "check_timeout": "1s"})
    assert f"127.0.0.1:{server.port} shows the serial 01 and not" in done.stderr
    assert f"to who asks for {NAME}" in done.stderr
    server.run("nginx", "-c", server.config, "-s", "reload")
    client.let_try_again()
    client.renew()
    # and one that is not there
    done = client.deploy("--force", code=DEPLOY, web={"check": "127.0.0.1:1", "check_timeout": "500ms"})
    assert "no certificate is seen at 127.0.0.1:1: " in done.stderr


# ---- files ----

def test_files_of_all_kinds_are_read_by_others(client, place):
    password = place / "password"
    password.write_text("change it\n")
    password.chmod(0o600)
    kinds = ["key", "certificate", "chain", "fullchain", "combined", "der", "pkcs12"]
    client.deploy(all={f"{kind}_file": place / f"x.{kind}" for kind in kinds} | {"pkcs12_password_file": password})
    live = client.live(NAME)
    text = {kind: (place / f"x.{kind}").read_bytes() for kind in kinds}
    assert text["key"] == (live / "key.pem").read_bytes()
    assert text["certificate"] == (live / "cert.pem").read_bytes()
    assert text["fullchain"] == (live / "fullchain.pem").read_bytes()
    assert text["combined"] == text["key"] + text["certificate"] + text["chain"]
    assert x509.load_der_x509_certificate(text["der"]).public_bytes(Encoding.PEM) == \
        client.certificate().public_bytes(Encoding.PEM)
    key, leaf, rest = pkcs12.load_key_and_certificates(text["pkcs12"], b"change it")
    assert leaf == client.certificate() and len(rest) == text["chain"].count(b"BEGIN")
    assert key.public_key().public_numbers() == leaf.public_key().public_numbers()
    modes = {kind: stat.S_IMODE((place / f"x.{kind}").stat().st_mode) for kind in kinds}
    assert modes == {"key": 0o600, "combined": 0o600, "pkcs12": 0o600, "certificate": 0o644, "chain": 0o644,
                     "fullchain": 0o644, "der": 0o644}
    judge_pkcs12(place / "x.pkcs12", password, NAME)


def judge_pkcs12(path, password, name):
    """OpenSSL says how it is protected; Java and NSS read it, where they are installed."""
    shown = subprocess.run(["openssl", "pkcs12", "-in", path, "-passin", f"file:{password}", "-info", "-nokeys"],
                           capture_output=True, text=True, timeout=20, check=True)
    assert "PBES2, PBKDF2, AES-256-CBC" in shown.stderr and "MAC: sha256" in shown.stderr
    assert f"friendlyName: {name}" in shown.stdout
    if shutil.which("keytool"):
        listed = subprocess.run(["keytool", "-list", "-keystore", path, "-storetype", "PKCS12", "-storepass:file", password], capture_output=True, text=True, timeout=50, check=False)
        assert f"{name}, " in listed.stdout and "PrivateKeyEntry" in listed.stdout, listed.stdout
    if shutil.which("pk12util"):
        listed = subprocess.run(["pk12util", "-l", path, "-w", password], capture_output=True, text=True, timeout=20,
                                check=False)
        assert listed.returncode == 0 and f"Friendly Name: {name}" in listed.stdout, listed.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_group_and_mode(client, place):
    """What is not said stays as it is; nobody else may ever read a key."""
    key, full = place / "k.pem", place / "f.pem"
    client.deploy(x={"key_file": key, "fullchain_file": full, "owner": "daemon", "group": "www-data", "mode": "0644"})
    assert (key.owner(), key.group(), stat.S_IMODE(key.stat().st_mode)) == ("daemon", "www-data", 0o640)
    assert (full.owner(), full.group(), stat.S_IMODE(full.stat().st_mode)) == ("daemon", "www-data", 0o644)
    os.chown(key, 0, 33)
    key.chmod(0o440)
    client.deploy("--force", x={"key_file": key, "fullchain_file": full})
    assert (key.owner(), key.group(), stat.S_IMODE(key.stat().st_mode)) == ("root", "www-data", 0o440)
    assert key.read_bytes() == (client.live(NAME) / "key.pem").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is somebody else")
def test_an_access_control_list_stays(client, place):
    """What the administrator has given a user by one, each new file gives it, too; until a mode is said."""
    key = place / "k.pem"
    key.write_text("old")
    key.chmod(0o600)
    entries = [(1, 6, 2**32 - 1), (2, 4, 33), (4, 0, 2**32 - 1), (0x10, 4, 2**32 - 1), (0x20, 0, 2**32 - 1)]  # user 33 reads
    try:
        os.setxattr(key, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries))
    except OSError as failure:
        pytest.skip(f"no access control lists here: {failure}")
    client.deploy(x={"key_file": key})
    def read(user):
        return subprocess.run(["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "cat", key], capture_output=True, check=False)
    assert read("33").stdout == (client.live(NAME) / "key.pem").read_bytes()
    assert read("65534").returncode != 0
    client.deploy("--force", x={"key_file": key, "mode": "0600"})
    assert read("33").returncode != 0 and key.read_bytes() == (client.live(NAME) / "key.pem").read_bytes()


@pytest.mark.parametrize("options, says", [
    ({"target": "lighttpd"}, "target: \"lighttpd\" is none of nginx, apache, haproxy, postfix, dovecot, systemd:UNIT"),
    ({"target": "hook"}, "command: it must be given"),
    ({"key_file": "/etc/"}, "key_file: /etc/ is not the absolute path of a file"),
    ({"check": "www"}, "check: \"www\" is not HOST:PORT"),
    ({"check": "www:25/starttls-gopher"}, "behind / stands starttls- and one of smtp, lmtp, imap"),
    ({"mode": "rw"}, "mode: \"rw\" is not an octal mode"),
    ({"owner": "nobody-of-that-name"}, "owner: there is no user"),
])
def test_mistakes_are_told_before_anything_is_done(client, options, says):
    done = client.deploy(code=USAGE, bad=options)
    assert "deployments.bad: " in done.stderr and says in done.stderr
    assert not (client.directory / "certificates" / NAME / "current").exists()


# ---- commands ----

def test_hooks_and_what_they_are_told(client, place):
    """As certbot's deploy hooks, too."""
    out = place / "out"
    client.deploy(x={"target": "hook", "command": f"env | sort > {out}; cat \"$CAIRN_KEY\" > {out}.key; "
                                                  f"cat \"$RENEWED_LINEAGE\"/privkey.pem > {out}.certbot; id -u > {out}.id"})
    live = client.live(NAME)
    told = dict(line.split("=", 1) for line in out.read_text().splitlines())
    certificate = client.certificate()
    expected = {"CAIRN_NAME": NAME, "CAIRN_DEPLOYMENT": "x", "CAIRN_DIR": str(live), "CAIRN_KEY": str(live / "key.pem"),
                "CAIRN_CERTIFICATE": str(live / "cert.pem"), "CAIRN_CHAIN": str(live / "chain.pem"),
                "CAIRN_FULLCHAIN": str(live / "fullchain.pem"), "CAIRN_NAMES": NAME, "CAIRN_KEY_TYPES": "p256",
                "CAIRN_NOT_AFTER": certificate.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ"), "RENEWED_DOMAINS": NAME}
    assert {name: told[name] for name in expected} == expected
    assert int(told["CAIRN_SERIAL"], 16) == certificate.serial_number
    assert pathlib.Path(told["RENEWED_LINEAGE"]).name == NAME
    assert pathlib.Path(f"{out}.key").read_bytes() == (live / "key.pem").read_bytes()
    assert pathlib.Path(f"{out}.certbot").read_bytes() == (live / "key.pem").read_bytes()
    assert pathlib.Path(f"{out}.id").read_text().strip() == str(os.geteuid())


def test_all_are_tried_and_a_failure_is_seen(client, place):
    """clients.md, section 6, 3: the exit code says it, and the next run does what was not done."""
    log = place / "log"
    deployments = {name: {"target": "hook", "command": f"echo {name} >> {log}; test ! -e {place}/no.{name}"}
                   for name in ("one", "two", "three")}
    (place / "no.two").touch()
    done = client.deploy(code=DEPLOY, **deployments)
    assert "deployment two of www.example.test: the command failed with exit code 1" in done.stderr
    assert log.read_text().split() == ["one", "two", "three"]
    assert client.live(NAME).is_dir()
    serial = client.certificate().serial_number
    client.renew(code=None)
    assert log.read_text().split() == ["one", "two", "three"]
    client.let_try_again()
    assert "exit code 1" in client.renew(code=DEPLOY).stderr
    assert client.status()[1]["failure"]["count"] == 2
    # who names the certificate does not want to wait
    assert "exit code 1" in client.renew(NAME, code=DEPLOY).stderr
    assert client.status()[1]["failure"]["count"] == 3
    (place / "no.two").unlink()
    client.let_try_again()
    client.renew()
    assert log.read_text().split() == ["one", "two", "three", "two", "two", "two"]
    assert client.certificate().serial_number == serial
    client.renew(code=UNCHANGED)
    assert [each["serial"] for each in client.status()] == [f"{serial:x}".zfill(len(f"{serial:x}") + len(f"{serial:x}") % 2)] * 3


def test_a_command_that_does_not_end(client, place):
    done = client.deploy(code=DEPLOY, x={"target": "hook", "command": "sleep 60", "timeout": "1s"})
    assert "the command took longer than 1 s and was ended" in done.stderr


def test_what_was_renewed_is_called_so(client, place):
    """A deployment that fails takes nothing away from what the CA gave, and one that is made up for is no renewal."""
    client.deploy(x={"target": "hook", "command": f"test ! -e {place}/no"})
    old = client.certificate().serial_number
    (place / "no").touch()
    done = client.renew("--force", code=DEPLOY)
    assert "1 certificate, 1 renewed, 1 not deployed, 0 waiting, 0 failed" in done.stdout and client.certificate().serial_number != old
    assert done.stderr.splitlines()[-1] == "cairn: 1 of 1 certificates could not be deployed"
    client.let_try_again()
    done = client.renew(NAME, code=DEPLOY)
    assert "1 certificate, 0 renewed, 1 not deployed, 0 waiting, 0 failed" in done.stdout
    (told,) = json.loads(client.renew(NAME, "--force", "--json", code=DEPLOY).stdout)
    assert told["outcome"] == "not deployed" and told["renewed"] and "exit code 1" in told["error"]
    (place / "no").unlink()
    assert "1 certificate, 0 renewed, 1 deployed, 0 waiting, 0 failed" in client.renew(NAME).stdout


# ---- once more ----

def test_deploy_again(client, place):
    """cairn deploy: whatever became of it before, only what is named, and never a CA."""
    log = place / "log"
    hooks = {name: {"target": "hook", "command": f"echo {name} >> {log}; test ! -e {place}/no.{name}"} for name in ("one", "two")}
    client.deploy(**hooks, copy={"fullchain_file": place / "full.pem"})
    (place / "full.pem").write_text("somebody was here")
    def run(*words, **more):
        return client.run("deploy", *words, "--config", client.config, **more)
    serial = client.certificate().serial_number
    assert "1 certificate, 3 deployed, 0 failed" in run(NAME, code=0).stdout
    assert (place / "full.pem").read_bytes() == (client.live(NAME) / "fullchain.pem").read_bytes()
    assert log.read_text().split() == ["one", "two"] * 2
    (place / "no.two").touch()
    (made,) = json.loads(run("--all", "--json", code=DEPLOY).stdout)
    assert made["outcome"] == "failed" and "deployment two of" in made["error"]
    assert [each["state"] for each in made["deployments"]] == ["done", "failed", "done"]
    run("--all", "--only", "one,copy", "--quiet", code=0)
    assert log.read_text().split() == ["one", "two"] * 3 + ["one"]
    # what waits is said, by the one who passes it over
    done = client.renew(code=UNCHANGED)
    assert "0 renewed, 1 waiting, 0 failed" in done.stdout and "deployment two failed 1 time, and is not tried before" in done.stdout
    (told,) = json.loads(client.renew("--json", code=UNCHANGED).stdout)
    assert told["outcome"] == "waiting" and "exit code 1" in told["reason"]
    assert "0 brought about, 1 waiting" in client.run("apply", "--config", client.config, code=UNCHANGED).stdout
    (place / "no.two").unlink()
    run(NAME, code=0)
    assert "0 waiting" in client.renew(code=UNCHANGED).stdout
    assert client.certificate().serial_number == serial
    client.issue("bare.example.test")
    assert "goes nowhere" in run("bare.example.test", code=UNCHANGED).stdout
    for words, code, says in (([], USAGE, "or say --all"), ([NAME, "--all"], USAGE, "not both"), (["x.test"], None, "there is no certificate"),
                              ([NAME, "--only", "tow"], USAGE, '--only: none of these certificates has a deployment "tow"')):
        failed = run(*words, code=code)
        assert says in failed.stderr and failed.returncode not in (0, UNCHANGED), failed.stderr
