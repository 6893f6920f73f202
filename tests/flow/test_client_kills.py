"""cairn is killed at every single change that import, export, deployments, rollback, delete and keys made in advance make to files: the
next run brings it to its end, no copy of a secret stays, and wherever there is a key and a certificate they belong together. (Issuing and
renewing: test_client_faults.)"""
import json
import re
import shutil
import signal

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import servers
from test_client_faults import environment
from test_client_pebble import read_pair
from test_client_renewal import settings

NAME = "killed.example.test"
UNCHANGED = 2


def count(client, verb, *words, **more):
    log = client.directory.parent / "calls"
    log.unlink(missing_ok=True)
    client.run(verb, *words, environment=environment(FAIL_LOG=str(log), **more))
    return len(log.read_text().split())


def killed_at(client, step, verb, *words, **more):
    done = client.run(verb, *words, code=None, environment=environment(FAIL_AT=str(step), **more))
    assert done.returncode == -signal.SIGKILL, (step, done)


def start_over(client, saved):
    shutil.rmtree(client.directory)
    shutil.copytree(saved, client.directory, symlinks=True)


def fits(certificate, key):
    """The pair in these two files, as octets of the public key."""
    folder = certificate.parent / "pair"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(certificate, folder / "cert.pem")
    shutil.copyfile(key, folder / "key.pem")
    read_pair(folder)
    shutil.rmtree(folder)
    return True


def copies(*folders):
    """What is being written beside what has its name already."""
    return [p for folder in folders for p in folder.rglob("*") if p.name.endswith(".new")]


@pytest.fixture
def client(cairn_at_fake):
    cairn_at_fake.issue(NAME)
    return cairn_at_fake


def exported(client, to):
    live = to / "live" / NAME
    assert (live / "cert.pem").read_bytes() == (client.live(NAME) / "cert.pem").read_bytes()
    assert sorted(p.name for p in live.iterdir()) == ["cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"]
    assert fits(live / "cert.pem", live / "privkey.pem")
    assert not copies(to)
    assert "privkey = " in (to / "renewal" / f"{NAME}.conf").read_text()


def test_export_is_killed(client, tmp_path):
    """At first, and where there is one before it."""
    for earlier in (False, True):
        saved = tmp_path / f"before-{earlier}"
        if earlier:
            client.run("export", "--to", saved)
            client.run("renew", "--force")
        to = tmp_path / "le"

        def again():
            shutil.rmtree(to, ignore_errors=True)
            if earlier:
                shutil.copytree(saved, to, symlinks=True)

        again()
        total = count(client, "export", "--to", to)
        assert total >= 15
        for step in range(1, total + 1):
            again()
            killed_at(client, step, "export", "--to", to)
            live = to / "live" / NAME
            if earlier:  # what was in force stays whole: certbot's own links change one by one, too
                assert all((live / f"{kind}.pem").exists() for kind in ("cert", "chain", "fullchain", "privkey")), step
            client.run("export", "--to", to)
            exported(client, to)


def test_import_is_killed(client, tmp_path):
    """Account, certificate, and credentials, of which half a file would be worse than none."""
    client.run("export", "--to", tmp_path / "le")
    ini, conf = tmp_path / "rfc2136.ini", tmp_path / "le" / "renewal" / f"{NAME}.conf"
    ini.write_text("dns_rfc2136_server = 127.0.0.1\ndns_rfc2136_name = key\ndns_rfc2136_secret = c2VjcmV0\ndns_rfc2136_algorithm = HMAC-SHA256\n")
    ini.chmod(0o600)
    conf.write_text(re.sub(r"authenticator = .*", f"authenticator = dns-rfc2136\ndns_rfc2136_credentials = {ini}", conf.read_text()))
    issued = (client.live(NAME) / "cert.pem").read_bytes()
    client.directory = tmp_path / "new"
    words = ["certbot", tmp_path / "le"]
    total = count(client, "import", *words)
    assert total >= 10
    for step in range(1, total + 1):
        shutil.rmtree(client.directory)
        killed_at(client, step, "import", *words)
        client.run("import", *words)
        certificate, _ = read_pair(client.live(NAME))
        assert (client.live(NAME) / "cert.pem").read_bytes() == issued
        secrets = [p for p in (client.directory / "credentials").iterdir() if p.name != "lock"]
        assert [(p.name, p.read_text()) for p in secrets] == [("tsig-key.key", "hmac-sha256:key:c2VjcmV0\n")], step
        assert int(client.json("show", NAME)["serial"], 16) == certificate.serial_number
        assert [p.name for p in (client.directory / "accounts").glob("*/key.pem*")] == ["key.pem"], step
        assert client.run("import", *words).returncode == UNCHANGED


def deployment_is_killed(client, tmp_path, fake_ca, deployment, certificate, key, check):
    """`certificate` and `key` are there before, and are put back before each step."""
    more = settings(client, tmp_path, {"it": fake_ca}, {NAME: {"names": NAME, "cas": "it", "deploy": "site"}},
                    deployments={"site": {k: str(v) for k, v in deployment.items()}})
    before, saved = (certificate.read_bytes(), key.read_bytes()), tmp_path / "saved"
    shutil.copytree(client.directory, saved, symlinks=True)
    total = count(client, "apply", *more)
    assert total >= 8
    for step in range(1, total + 1):
        start_over(client, saved)
        for path, text in zip((certificate, key), before):
            path.write_bytes(text)
        killed_at(client, step, "apply", *more)
        client.run("apply", *more)
        live = client.live(NAME)
        assert certificate.read_bytes() == (live / "fullchain.pem").read_bytes(), step
        assert key.read_bytes() == (live / "key.pem").read_bytes(), step
        assert not [p.name for p in certificate.parent.iterdir() if "cairn-" in p.name], step
        check()
    assert client.run("apply", *more).returncode == UNCHANGED


def test_deployment_to_files_is_killed(client, tmp_path, fake_ca):
    site = tmp_path / "site"
    site.mkdir()
    paths = servers.make_placeholder(site)
    deployment_is_killed(client, tmp_path, fake_ca, {"key_file": paths["key"], "fullchain_file": paths["full"]}, paths["full"], paths["key"],
                         lambda: fits(paths["full"], paths["key"]))


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_deployment_to_nginx_is_killed(client, tmp_path, fake_ca):
    """It shows what was there before or the new one at any time, and the new one in the end."""
    server = servers.Nginx(tmp_path / "nginx")
    try:
        def check():
            (live,) = [int(client.json("show", NAME)["serial"], 16)]
            end = servers.time.monotonic() + servers.PATIENCE
            while server.serial() != live:  # its old workers go on for a moment
                assert servers.time.monotonic() < end
                servers.time.sleep(0.02)

        deployment_is_killed(client, tmp_path, fake_ca, server.deployment(), server.path("full.pem"), server.path("key.pem"), check)
    finally:
        server.stop()


# ---- what a certificate consists of ----

def test_rollback_is_killed(client, tmp_path):
    """One version or the other is in force at any time."""
    client.run("renew", "--force")
    saved, live = tmp_path / "saved", client.live(NAME)
    serials = [read_pair(live.parent / "versions" / number)[0].serial_number for number in "12"]
    shutil.copytree(client.directory, saved, symlinks=True)
    total = count(client, "rollback", NAME, "--to", "1")
    assert total >= 3
    for step in range(1, total + 1):
        start_over(client, saved)
        killed_at(client, step, "rollback", NAME, "--to", "1")
        assert read_pair(live)[0].serial_number in serials, step
        client.run("rollback", NAME, "--to", "1", code=None)  # which may have been done
        assert read_pair(live)[0].serial_number == serials[0] and not copies(client.directory), step


def test_delete_is_killed(client, tmp_path):
    """It is there, whole, or not at all; and of its keys nothing stays on the disk."""
    saved, certificates = tmp_path / "saved", client.directory / "certificates"
    shutil.copytree(client.directory, saved, symlinks=True)
    total = count(client, "delete", NAME, "--yes")
    assert total >= 8
    for step in range(1, total + 1):
        start_over(client, saved)
        killed_at(client, step, "delete", NAME, "--yes")
        if (certificates / NAME).exists():
            read_pair(client.live(NAME))
        client.run("delete", NAME, "--yes", code=None)  # which may have been done
        assert list(certificates.iterdir()) == [], step


def test_a_key_made_in_advance(client, tmp_path):
    """What is in force fits, the next key is the one that is used next, and no half one stays."""
    client.run("issue", NAME, *client.common(), "--next-key", "--force")
    saved = tmp_path / "saved"
    shutil.copytree(client.directory, saved, symlinks=True)
    total = count(client, "renew", "--force", FAIL_WRITES="1")
    seen = False
    for step in range(1, total + 1):
        start_over(client, saved)
        killed_at(client, step, "renew", "--force", FAIL_WRITES="1")
        read_pair(client.live(NAME))
        seen = seen or bool(copies(client.directory))
        client.run("renew", "--force")
        read_pair(client.live(NAME))
        assert not copies(client.directory), step
        (key,) = (client.directory / "certificates" / NAME).glob("next.*")
        load_pem_private_key(key.read_bytes(), None)
    assert seen


# ---- what is not the client's own ----

def test_answers_in_a_web_root_are_left(client, tmp_path):
    """By a run that is killed; the next one takes them away, whatever it is about, and leaves the files of others."""
    www = tmp_path / "www"
    tokens = www / ".well-known/acme-challenge"
    tokens.mkdir(parents=True)
    (tokens / "mine").write_text("of the administrator")
    client.run("issue", NAME, *client.common(), "--http", f"webroot:{www}", "--force")
    total = count(client, "renew", "--force", FAIL_WRITES="1")
    left = 0
    for step in range(1, total + 1):
        killed_at(client, step, "renew", "--force", FAIL_WRITES="1")
        left += len(list(tokens.iterdir())) > 1
        client.run("renew", code=None)  # which may have nothing to do
        assert [p.name for p in tokens.iterdir()] == ["mine"], step
        assert not list((client.directory / "web").iterdir()), step
    assert left >= 3


def test_answers_that_cannot_be_taken_away(client, tmp_path):
    """Are told of, and not forgotten."""
    www = tmp_path / "www"
    www.mkdir()
    journal = client.directory / "web"
    journal.mkdir(mode=0o700, exist_ok=True)
    token = www / "token"
    (token / "by somebody else").mkdir(parents=True)
    entry = journal / "0123456789abcdef.json"
    entry.write_text(json.dumps({"server": "folder", "config": str(www), "files": [str(token)]}))
    said = client.run("renew", code=None).stderr
    assert f"answers to challenges that a run before this one left in {www}: cannot remove {token}" in said, said
    assert entry.exists()
    shutil.rmtree(token)
    token.write_text("x")
    assert client.run("renew", code=UNCHANGED).stderr == ""
    assert not token.exists() and not entry.exists()
