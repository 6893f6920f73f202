"""What is there against what is wanted: settings that changed, revoked versions, damaged files, versions that were gone back to.
The CA is cairn-ca."""
import json
import os
import re
import subprocess

import pytest

import house as house_module
from pebble import Client
from test_client_pebble import read_pair
from test_profiles import configure

NAME = "w.example.test"
FAILED, UNCHANGED = 1, 2


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca", copy=True)
    configure(made.directory, "profiles:\n  plain: {}\n  short: {lifetime: 6d}\n  brief: {lifetime: 1h, backdate: 1m}\n"
              "  staple: {ocsp_urls: http://ocsp.example.test/, must_staple: allow}\n")
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
    finally:
        made.close()


@pytest.fixture
def client(ca, tmp_path):
    return Client(tmp_path / "state", ca, agree=False)


def serial(client, name=NAME):
    return read_pair(client.live(name))[0].serial_number


def metadata(client, version="current", name=NAME):
    folder = client.directory / "certificates" / name
    return (folder / "current" if version == "current" else folder / "versions" / str(version)) / "metadata.json"


# ---- other settings ----

@pytest.mark.parametrize("before, after, says", [
    (["--profile", "short"], ["--profile", "plain"], "has another profile"),
    (["--profile", "short"], [], "has another profile"),
    ([], ["--profile", "short"], "has another profile"),
    ([], ["--lifetime", "30d"], "was asked for with another lifetime"),
    (["--lifetime", "30d"], ["--lifetime", "20d"], "was asked for with another lifetime"),
    (["--profile", "staple"], ["--profile", "staple", "--must-staple"], "was asked for without must-staple"),
    (["--profile", "staple", "--must-staple"], ["--profile", "staple"], "was asked for with must-staple"),
])
def test_what_else_is_asked_for(client, before, after, says):
    """Another order at once, and each only once."""
    client.issue(NAME, *before)
    first = serial(client)
    client.issue(NAME, *before, code=UNCHANGED)
    assert f"the one that is there {says}" in client.issue(NAME, *after).stdout and serial(client) != first
    client.issue(NAME, *after, code=UNCHANGED)
    client.run("plan", code=UNCHANGED)


def test_of_a_version_of_an_earlier_cairn_it_is_not_known(client):
    """And so it is kept."""
    client.issue(NAME, "--profile", "short")
    told = json.loads(metadata(client).read_text())
    assert told.pop("asked") == {"profile": "short", "lifetime": 0, "must_staple": False, "csr": ""}
    metadata(client).write_text(json.dumps(told))
    client.issue(NAME, "--profile", "plain", code=UNCHANGED)
    client.run("plan", code=UNCHANGED)
    assert "asked" not in client.json("show", NAME)


def test_a_profile_of_cairn_yaml(client, tmp_path, ca):
    config = tmp_path / "cairn.yaml"
    text = (f"ca: it\ncas:\n  it:\n    directory: {ca.url}\n    ca_file: {ca.root}\ncertificates:\n  {NAME}:\n    names: {NAME}\n"
            f"    http_port: {ca.http_port}\n")
    config.write_text(text + "    profile: short\n")
    client.run("apply", "--config", config)
    config.write_text(text + "    profile: plain\n")
    assert f"reissue   {NAME}: the one that is there has another profile" in client.run("plan", "--config", config).stdout
    config.write_text(text)
    told = client.json("plan", "--config", config)["certificates"][0]
    assert (told["action"], told["reason"]) == ("reissue", "the one that is there has another profile")
    client.run("renew", "--config", config)
    client.run("renew", "--config", config, code=UNCHANGED)


def make_request(folder, *names, form="PEM"):
    path = folder / "request"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "k.pem", "-subj",
                    "/", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names), "-outform", form, "-out", path],
                   check=True, capture_output=True)
    return path


def test_another_request_in_the_same_file(client, tmp_path):
    """Other names, another key only, the same in another form, none."""
    path = make_request(tmp_path, NAME)
    client.issue("--csr", path, "--name", NAME)
    client.issue("--csr", path, "--name", NAME, code=UNCHANGED)
    make_request(tmp_path, NAME, "b.example.test")
    assert f"reissue   {NAME}: the one that is there is for another certificate request" in client.run("plan").stdout
    client.issue("--csr", path, "--name", NAME)
    assert client.json("show", NAME)["names"] == [NAME, "b.example.test"]
    make_request(tmp_path, NAME, "b.example.test")
    client.run("renew")
    der = subprocess.run(["openssl", "req", "-in", path, "-outform", "DER"], check=True, capture_output=True).stdout
    path.write_bytes(der)
    client.run("plan", code=UNCHANGED)
    path.unlink()
    assert client.json("plan", code=UNCHANGED)["certificates"][0]["action"] == "keep"
    client.issue(NAME)
    assert (client.live(NAME) / "key.pem").exists()
    make_request(tmp_path, NAME)
    client.issue("--csr", path, "--name", NAME)
    assert "for no certificate request" not in client.run("plan", code=UNCHANGED).stdout
    assert not (client.live(NAME) / "key.pem").exists()


# ---- revoked ----

def states(client):
    return {row.split()[0]: row for row in client.run("list").stdout.splitlines()}


def test_a_revoked_one_is_shown_as_such(client):
    """And left alone, with a word, by what runs without anybody; who asks for it by its names gets another."""
    client.issue(NAME)
    first = serial(client)
    assert client.json("show", NAME)["revoked"] is False and client.json("plan", code=UNCHANGED)["certificates"][0]["revoked"] is False
    client.run("revoke", NAME)
    assert json.loads(metadata(client).read_text())["revoked"] is True
    assert states(client)[NAME].endswith("revoked; not renewed")
    shown = client.run("show", NAME).stdout
    assert "revoked   yes" in shown and "renewal   never" in shown and f"it was revoked; cairn renew --force {NAME} gets another" in shown
    assert client.json("show", NAME)["revoked"] is True and client.json("list")[0]["revoked"] is True
    told = client.json("plan", code=UNCHANGED)["certificates"][0]
    assert told["revoked"] is True and told["action"] == "keep" and told["reason"].startswith("it was revoked")
    checked = client.run("check", NAME, code=None).stdout
    assert f"note   certificate    {NAME}: it was revoked, and is not renewed by itself; cairn renew --force {NAME} gets another" in checked
    for words in ([], [NAME]):
        assert f"kept      {NAME}: it was revoked; " in client.run("renew", *words, code=UNCHANGED).stdout
        told = client.json("renew", *words, code=UNCHANGED)[0]
        assert told["outcome"] == "not due" and told["reason"].startswith("it was revoked")
    assert serial(client) == first
    assert f"{NAME}: the one that is there was revoked" in client.issue(NAME).stdout
    assert serial(client) != first and client.json("show", NAME)["revoked"] is False
    client.issue(NAME, code=UNCHANGED)
    assert "revoked" not in client.run("list").stdout


def test_a_second_revocation_changes_nothing(client):
    client.issue(NAME)
    client.run("revoke", NAME)
    done = client.run("revoke", NAME, code=UNCHANGED)
    assert f"kept      {NAME} was revoked already" in done.stdout
    assert client.json("revoke", NAME, code=UNCHANGED) == {"revoked": True, "certificates": 1}
    first = serial(client)
    client.run("revoke", NAME, "--renew-now")
    assert serial(client) != first


def test_what_an_earlier_cairn_has_revoked(client):
    """It is in renewal.json alone; and in the version, when there is another."""
    client.issue(NAME)
    client.run("revoke", NAME)
    told = json.loads(metadata(client).read_text())
    del told["revoked"]
    metadata(client).write_text(json.dumps(told))
    assert client.json("show", NAME)["revoked"] is True and "revoked; not renewed" in states(client)[NAME]
    client.run("renew", "--force", NAME)
    assert json.loads(metadata(client, 1).read_text())["revoked"] is True
    assert client.json("show", NAME)["revoked"] is False


def test_what_is_remembered_may_be_lost(client):
    """And does not count for a version that knows better: renewal.json is written behind it."""
    client.issue(NAME)
    client.run("revoke", NAME)
    file = client.directory / "certificates" / NAME / "renewal.json"
    kept = file.read_text()
    file.unlink()
    assert client.json("show", NAME)["revoked"] is True
    client.run("renew", code=UNCHANGED)
    client.run("renew", "--force", NAME)
    file.write_text(kept)
    assert client.json("show", NAME)["revoked"] is False


def test_a_file_of_a_version_that_is_here(client):
    """By its path: the version is marked, and only if it is in force it is not renewed."""
    client.issue(NAME)
    client.run("renew", "--force", NAME)
    client.run("revoke", client.directory / "certificates" / NAME / "versions/1/cert.pem", *client.common()[:4])
    assert json.loads(metadata(client, 1).read_text())["revoked"] is True and client.json("show", NAME)["revoked"] is False
    client.run("revoke", client.live(NAME) / "cert.pem", *client.common()[:4])
    assert client.json("show", NAME)["revoked"] is True


def test_other_settings_get_another_one(client):
    client.issue(NAME)
    client.run("revoke", NAME)
    assert "has another profile" in client.issue(NAME, "--profile", "short").stdout


def test_monitoring_sees_it(client, tmp_path):
    config, file = tmp_path / "cairn.yaml", tmp_path / "cairn.prom"
    config.write_text(f"agent:\n  metrics_file: {file}\n")
    client.issue(NAME)
    for value in "01":
        client.run("renew", "--config", config, code=UNCHANGED)
        assert re.search(r"^cairn_certificate_revoked\{.*\} (.)$", file.read_text(), re.M).group(1) == value
        client.run("revoke", NAME, code=None)


def in_force(client):
    return os.readlink(client.live(NAME))


def test_rollback_to_a_revoked_one_is_refused(client):
    client.issue(NAME)
    client.run("revoke", NAME, "--renew-now", "--reason", "keyCompromise")
    before = metadata(client, 1).read_text()
    done = client.run("rollback", NAME, code=FAILED)
    assert done.stderr == (f"cairn: version 1 of {NAME} was revoked; --force takes it all the same, and cairn renew --force {NAME} "
                           "gets a new one\n")
    assert in_force(client) == "versions/2" and metadata(client, 1).read_text() == before
    client.run("rollback", NAME, "--force")
    assert in_force(client) == "versions/1" and client.json("show", NAME)["revoked"] is True
    client.run("renew", code=UNCHANGED)
    client.run("rollback", NAME, "--to", 2)  # which is as good as it was
    assert client.json("show", NAME)["revoked"] is False
    assert client.json("plan", code=UNCHANGED)["certificates"][0]["action"] == "keep"
    assert client.json("renew", code=UNCHANGED)[0].get("reason") is None


@pytest.mark.parametrize("earlier", [False, True])
def test_rollback_from_a_revoked_one(client, earlier):
    """It stays revoked behind, also if an earlier cairn has revoked it; the other one is in force as if nothing had been."""
    client.issue(NAME)
    client.run("renew", "--force", NAME)
    client.run("revoke", NAME)
    if earlier:
        told = json.loads(metadata(client).read_text())
        del told["revoked"]
        metadata(client).write_text(json.dumps(told))
    client.run("rollback", NAME)
    assert in_force(client) == "versions/1" and client.json("show", NAME)["revoked"] is False
    assert "was revoked" in client.run("rollback", NAME, "--to", 2, code=FAILED).stderr
    assert json.loads(metadata(client, 2).read_text())["revoked"] is True


def test_rollback_to_the_key_of_a_revoked_one_is_refused(client):
    client.issue(NAME, "--reuse-key")
    client.run("renew", "--force", NAME)
    client.run("revoke", NAME, "--renew-now")
    done = client.run("rollback", NAME, "--to", 1, code=FAILED)
    assert f"version 1 of {NAME} has the key of version 2, which was revoked" in done.stderr and in_force(client) == "versions/3"
    client.run("rollback", NAME, "--to", 1, "--force")
    assert in_force(client) == "versions/1"


# ---- gone back to, and other settings ----

KINDS = "the one that is there has keys of other types"


def test_what_was_gone_back_to_is_kept(client):
    """Although something else is wanted; told once more by each run, until that is changed or asked for."""
    client.issue(NAME, "--key", "p256,rsa2048")
    client.issue(NAME, "--key", "p256")
    done = client.run("rollback", NAME)
    assert done.stderr == (f"cairn: {NAME}: it was rolled back to; {KINDS}; it is kept until it is due, or something else is wanted; "
                           f"cairn renew --force {NAME} gets what is wanted now\n")
    assert f"keep      {NAME}: it was rolled back to; {KINDS}, renewed from " in client.run("plan", code=UNCHANGED).stdout
    assert f"kept      {NAME}: it was rolled back to; {KINDS}" in client.run("renew", code=UNCHANGED).stdout
    client.run("apply", code=UNCHANGED)
    assert in_force(client) == "versions/1"
    assert client.run("rollback", NAME, "--to", 2).stderr == "" and client.run("rollback", NAME).stderr != ""
    client.issue(NAME, "--key", "p256")
    assert in_force(client) == "versions/3" and len(client.json("show", NAME)["keys"]) == 1
    assert client.run("rollback", NAME).stderr == ""


def test_until_something_else_is_wanted(client, tmp_path, ca):
    config = tmp_path / "cairn.yaml"

    def write(keys):
        config.write_text(f"ca: it\ncas:\n  it:\n    directory: {ca.url}\n    ca_file: {ca.root}\ncertificates:\n  {NAME}:\n    names: {NAME}\n"
                          f"    http_port: {ca.http_port}\n    keys: {keys}\n")

    for keys in ("p256", "p384"):
        write(keys)
        client.run("apply", "--config", config)
    assert KINDS in client.run("rollback", NAME, "--config", config).stderr
    client.run("apply", "--config", config, code=UNCHANGED)
    write("p256")
    assert client.json("plan", "--config", config, code=UNCHANGED)["certificates"][0]["reason"].startswith("89 days are left")
    write("rsa2048")
    client.run("apply", "--config", config)
    assert client.json("show", NAME, "--config", config)["key_type"] == "rsa2048"
    client.run("rollback", NAME, "--config", config, "--to", 1)
    client.run("renew", "--force", "--config", config, NAME)
    assert client.json("show", NAME, "--config", config)["key_type"] == "rsa2048"


# ---- damaged files ----

@pytest.mark.parametrize("file, content, what", [
    ("cert.pem", b"garbage\n", "damaged"), ("cert.pem", b"", "damaged"), ("cert.pem", None, "missing"), ("fullchain.pem", b"\0" * 1000, "damaged"),
    ("rsa2048.cert.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "damaged"),
    ("rsa2048.cert.pem", "cert.pem", "that of another certificate"),
])
def test_damaged_files_are_renewed(client, file, content, what):
    """Told by all who look, and whatever the option renew says; nobody goes back to them."""
    client.issue(NAME, "--key", "p256,rsa2048", "--renew", "never")
    path = client.live(NAME) / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes((client.live(NAME) / content).read_bytes() if isinstance(content, str) else content)
    says = f"its file {file} is {what}"
    assert states(client)[NAME].endswith(f"renew: {says}") and f"next      renew: {says}" in client.run("show", NAME).stdout
    assert f"renew     {NAME}: {says}" in client.run("plan").stdout
    assert f"renew     {NAME}: {says}" in client.run("renew").stdout
    client.run("renew", code=UNCHANGED)
    client.run("plan", code=UNCHANGED)
    done = client.run("rollback", NAME, "--force", code=FAILED)
    assert done.stderr == f"cairn: version 1 of {NAME} is of no use: {says}\n"


def test_a_damaged_one_is_issued_again(client):
    client.issue(NAME)
    (client.live(NAME) / "cert.pem").write_text("garbage")
    assert f"{NAME}: its file cert.pem is damaged" in client.issue(NAME).stdout
    client.issue(NAME, code=UNCHANGED)


# ---- short lives ----

def test_moments_of_short_lives(client):
    """With hours to live, a day says nothing."""
    moment = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.search(rf"issued    {NAME}, valid until {moment}\n", client.issue(NAME, "--profile", "brief").stdout)
    assert re.search(rf"kept      {NAME} is valid until {moment}; ", client.issue(NAME, "--profile", "brief", code=UNCHANGED).stdout)
    shown = client.json("show", NAME)
    assert re.fullmatch(rf"{NAME} +{shown['not_after']} +in less than an hour +\S+ +renewed from {shown['due']}", states(client)[NAME])
    assert f"minutes are left, renewed from {shown['due']}\n" in client.run("plan", code=UNCHANGED).stdout
    client.run("renew", "--force", NAME)
    assert re.search(rf"in place of 2, valid until {moment}\n", client.run("rollback", NAME).stdout)
    assert re.search(rf"valid until {moment}\n", client.issue(NAME, "--profile", "short").stdout)
    assert re.search(r"valid until 20\d\d-\d\d-\d\d\n", client.issue(NAME, "--profile", "plain").stdout)
    assert re.search(r"renewed from 20\d\d-\d\d-\d\d$", states(client)[NAME])
    assert re.search(r"left, renewed from 20\d\d-\d\d-\d\d\n", client.run("plan", code=UNCHANGED).stdout)
