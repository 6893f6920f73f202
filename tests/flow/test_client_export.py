"""cairn export: certbot lists what cairn laid out for it as valid, and renews it with the same account."""
import json
import os
import re
import subprocess

import pytest
from cryptography import x509

from test_client_import import Cairn
from test_client_pebble import read_pair
from test_foreign_clients import accounts, need, run

pytestmark = pytest.mark.foreign

NAME, OTHER = "export.flow.test", "www.export.flow.test"
UNCHANGED = 2


@pytest.fixture
def cairn(house, tmp_path):
    made = Cairn(tmp_path / "state")
    made.run("issue", NAME, OTHER, "--ca", house.url, "--ca-file", house.root, "--agree-tos", "--http-port", house.http_port)
    return made


def certbot(house, folder, tmp_path, *words):
    return run(["/usr/bin/certbot", *words, "--config-dir", folder, "--work-dir", tmp_path / "w", "--logs-dir", tmp_path / "l",
                "--non-interactive"], {"REQUESTS_CA_BUNDLE": str(house.root)})


def test_certbot_takes_it_for_its_own(house, tmp_path, cairn):
    need("certbot")
    folder = tmp_path / "letsencrypt"
    cairn.run("export", NAME, "--to", folder)
    live = folder / "live" / NAME
    certificate, _ = read_pair(cairn.live(NAME))
    listed = certbot(house, folder, tmp_path, "certificates")
    assert f"Certificate Name: {NAME}" in listed and f"Domains: {NAME} {OTHER}" in listed, listed
    assert re.search(r"VALID: \d+ days", listed) and f"{certificate.serial_number:x}" in listed, listed
    assert os.readlink(live / "privkey.pem") == f"../../archive/{NAME}/privkey1.pem"
    had = accounts(house)
    certbot(house, folder, tmp_path, "renew", "--force-renewal", "--no-random-sleep-on-renew")
    renewed = x509.load_pem_x509_certificate((live / "cert.pem").read_bytes())
    assert renewed.serial_number != certificate.serial_number and accounts(house) == had


def test_again_and_after_a_renewal(house, tmp_path, cairn):
    folder = tmp_path / "letsencrypt"
    cairn.run("export", "--to", folder, "--layout", "certbot", "--json")
    assert cairn.run("export", "--to", folder, code=UNCHANGED).stdout.startswith("kept ")
    cairn.run("renew", "--force")
    cairn.run("export", "--to", folder)
    live = folder / "live" / NAME
    for theirs, ours in (("privkey", "key"), ("cert", "cert"), ("chain", "chain"), ("fullchain", "fullchain")):
        assert os.readlink(live / f"{theirs}.pem") == f"../../archive/{NAME}/{theirs}2.pem"
        assert (live / f"{theirs}.pem").read_bytes() == (cairn.live(NAME) / f"{ours}.pem").read_bytes()
    for key in (folder / "archive" / NAME).glob("privkey*"):
        assert key.stat().st_mode & 0o777 == 0o600


def test_what_certbot_made_stays(house, tmp_path, cairn):
    folder = tmp_path / "letsencrypt"
    (folder / "renewal").mkdir(parents=True)
    conf = folder / "renewal" / f"{NAME}.conf"
    conf.write_text("version = 2.1.0\n")
    assert "cairn did not write" in cairn.run("export", NAME, "--to", folder, code=1).stderr
    assert conf.read_text() == "version = 2.1.0\n" and not (folder / "live").exists()


def test_the_others_are_exported_all_the_same(house, tmp_path, cairn):
    folder, later = tmp_path / "letsencrypt", "later." + NAME
    cairn.run("issue", later, "--ca", house.url, "--ca-file", house.root, "--agree-tos", "--http-port", house.http_port)
    (folder / "renewal").mkdir(parents=True)
    conf = folder / "renewal" / f"{NAME}.conf"
    conf.write_text("version = 2.1.0\n")
    done = cairn.run("export", "--to", folder, "--json", code=1)
    assert f"cairn: {NAME}: " in done.stderr and "1 of 2 certificates could not be exported" in done.stderr, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows[NAME]["path"] is None and "cairn did not write" in rows[NAME]["note"] and rows[later]["written"]
    assert conf.read_text() == "version = 2.1.0\n" and [one.name for one in (folder / "live").iterdir()] == [later]
    assert "kept" in cairn.run("export", "--to", folder, code=1).stdout


def test_and_back_again(house, tmp_path, cairn):
    """What was exported can be imported elsewhere, and renewed there."""
    folder, other = tmp_path / "letsencrypt", Cairn(tmp_path / "other")
    cairn.run("export", "--to", folder)
    other.run("import", "certbot", folder, "--ca-file", house.root)
    before, _ = read_pair(other.live(NAME))
    assert before == read_pair(cairn.live(NAME))[0]
    other.run("renew", "--force")
    assert read_pair(other.live(NAME))[0].serial_number != before.serial_number


def request(path, name):
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{path}.key",
                    "-subj", "/", "-addext", f"subjectAltName=DNS:{name}", "-out", path], check=True, capture_output=True)
    return path


def test_one_without_a_key_is_passed_over(house, tmp_path, cairn):
    """It stands before the other in the alphabet; nothing of it is made."""
    folder, bare = tmp_path / "letsencrypt", "bare.flow.test"
    cairn.run("issue", "--csr", request(tmp_path / "csr", bare), "--ca", house.url, "--ca-file", house.root, "--agree-tos",
              "--http-port", house.http_port)
    done = cairn.run("export", bare, "--to", folder, code=1)
    assert done.stderr.splitlines() == [
        "cairn: bare.flow.test: it is passed over, as its key is not kept here, and certbot needs it",
        "cairn: nothing was exported: none of these certificates has its key here"]
    assert list(folder.iterdir()) == []
    done = cairn.run("export", "--to", folder, "--json")
    assert "cairn: bare.flow.test: it is passed over" in done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows[bare]["path"] is None and not rows[bare]["written"] and "key is not kept here" in rows[bare]["note"]
    assert rows[NAME]["written"] and rows[NAME]["note"] is None
    assert sorted(path.name for path in (folder / "archive").iterdir()) == [NAME]
    assert "passed over" in cairn.run("export", "--to", folder, code=UNCHANGED).stderr


def test_what_is_dropped_is_told(house, tmp_path, cairn):
    folder, name = tmp_path / "letsencrypt", "much.flow.test"
    config = tmp_path / "cairn.yaml"
    config.write_text(f"deployments:\n  web:\n    fullchain_file: {tmp_path}/full.pem\n  mail:\n    target: hook\n    command: 'true'\n")
    cairn.run("issue", name, "--ca", house.url, "--ca-file", house.root, "--agree-tos", "--http-port", house.http_port, "--key", "p256,rsa2048",
              "--deploy", "web,mail", "--pre-hook", "true", "--post-hook", "true", "--config", config)
    done = cairn.run("export", name, "--to", folder, "--config", config)
    assert [line.split(None, 1) for line in done.stdout.splitlines()] == [
        ["written", f"{folder}/live/{name}"],
        ["note", f"{name}: of its keys only the first, p256, goes along: certbot has one for each certificate"],
        ["note", f"{name}: web, mail (deploy) do not go along: say --deploy-hook there"],
        ["note", f"{name}: its pre_hook does not go along: say --pre-hook there"],
        ["note", f"{name}: its post_hook does not go along: say --post-hook there"]]


@pytest.mark.parametrize("to", ["exp/", "exp//", "./exp", ".//exp/./"])
def test_the_folder_is_written_in_one_way(tmp_path, cairn, to):
    cairn.run("export", "--to", to, cwd=tmp_path)
    conf = (tmp_path / "exp" / "renewal" / f"{NAME}.conf").read_text()
    assert f"\narchive_dir = {tmp_path}/exp/archive/{NAME}\n" in conf and f"\ncert = {tmp_path}/exp/live/{NAME}/cert.pem\n" in conf


@pytest.mark.parametrize("words, sentence", [
    ([], "--to FOLDER"),
    (["--to", "/tmp/x", "--layout", "lego"], "is not certbot"),
    (["nobody.flow.test", "--to", "/tmp/x"], "there is no certificate"),
])
def test_refused(tmp_path, words, sentence):
    from house import CAIRN
    done = subprocess.run([str(CAIRN), "export", *words, "--dir", str(tmp_path / "state")], capture_output=True, text=True, check=False)
    assert done.returncode in (1, 64) and sentence in done.stderr, done
