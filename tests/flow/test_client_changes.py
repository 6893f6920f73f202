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
DONE, FAILED, UNCHANGED = 0, 1, 2


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
