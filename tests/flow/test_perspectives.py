"""Perspectives on other hosts: enrolled by one command on each side, asked, lost and found again."""
import datetime
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import acme_raw
import house as house_module
import perspectives as p
import responder as responder_module

REGIONS = {"fra": "ripe", "iad": "arin", "sin": "apnic"}


def observe(house, **quorum):
    for option, value in {"mode": "observe", **quorum}.items():
        p.set_option(house.directory / "cairn-ca.yaml", "quorum", option, value)


@pytest.fixture
def ca(tmp_path):
    made = house_module.House(tmp_path / "ca")
    observe(made)
    try:
        yield made
        if made.process is not None:
            assert made.stop() == 0, made.text()
        if made.log_path.exists():
            assert "AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture
def perspective(ca, tmp_path):
    """A function that makes them, by name."""
    made = []

    def make(name, region=None, **options):
        made.append(p.Perspective(tmp_path, name, region or REGIONS[name], ca, **options))
        return made[-1].start()
    yield make
    try:
        for one in made:
            one.stop()
    finally:
        for one in made:
            one.close()


def issue(ca, *names):
    responder = responder_module.Responder(ca.http_port)
    try:
        client = acme_raw.Client(ca.url, ca.root)
        client.register()
        return client.issue(responder, *names), responder.asked
    finally:
        responder.close()


def test_enrolled_by_the_commands_as_printed_and_asked(ca, perspective):
    """V-MPIC-1: every one of them fetches the answer itself, and the certificate is issued."""
    ca.start()
    assert "relay" not in ca.children()  # nothing is paid for what is not there
    made = [perspective(name) for name in REGIONS]
    for one in made:
        added = one.add(ca)
        assert (added["connected"], added["running"], added["at"]) == (True, True, one.address), added
    assert "relay" in ca.children()
    rows = p.states(ca)
    assert {name: (row["region"], row["state"], row["key"], row["error"]) for name, row in rows.items()} == {
        one.name: (one.region, "connected", one.key, "") for one in made}
    observe(ca, mode="enforce", minimum=3, regions=3, may_differ=0)
    ca.process.send_signal(signal.SIGHUP)
    ca.wait_for_line(r"proc.reloaded generation=4")
    _, asked = issue(ca, "www.example.test")
    assert len(asked) == 4
    p.wait_until(lambda: all(row["answered"] == 1 for row in p.states(ca).values()), lambda: p.states(ca))
    ca.stop()
    ca.start()  # what was enrolled stays so
    for name in REGIONS:
        p.wait_for_state(ca, name, "connected")


def test_added_while_the_ca_does_not_run(ca, perspective):
    """The command tries to connect by itself, and a CA that is started then uses it."""
    fra = perspective("fra")
    added = fra.add(ca)
    assert (added["connected"], added["running"]) == (True, False)
    row = p.states(ca)["fra"]
    assert row["state"] == "the CA is not running" and "error" not in row
    lost = p.run("perspective", "add", "--dir", ca.directory, "--name", "iad", "--region", "arin", "--address",
                 f"127.0.0.1:{house_module.free_port()}", "--key", "sha256:" + "ab" * 32, json_output=True)
    assert not lost["connected"] and "Connection refused" in lost["error"]
    ca.start()
    p.wait_for_state(ca, "fra", "connected")
    p.wait_for_state(ca, "iad", "away", "Connection refused")


def test_removed(ca, perspective):
    ca.start()
    fra = perspective("fra")
    fra.add(ca)
    assert "there is a perspective" in p.run(
        "perspective", "add", "--dir", ca.directory, "--name", "fra", "--region", "ripe", "--address", "127.0.0.1:1",
        "--key", fra.key, code=1)
    p.run("perspective", "remove", "--dir", ca.directory, "--name", "fra")
    fra.wait_for("door.ca_gone")
    assert p.states(ca) == {} and not (ca.directory / "perspectives.yaml").exists()
    assert "there is no perspective" in p.run("perspective", "remove", "--dir", ca.directory, "--name", "fra", code=1)
    assert fra.add(ca)["connected"]  # and back


def test_configured_by_hand(ca, perspective):
    """In cairn-ca.yaml itself; a reload adds and removes it."""
    ca.start()
    fra = perspective("fra")
    path = ca.directory / "cairn-ca.yaml"
    before = path.read_text()
    path.write_text(before + f"\nperspectives:\n  fra:\n    region: ripe\n    address: {fra.address}\n    key: {fra.key}\n")
    ca.process.send_signal(signal.SIGHUP)
    fra.wait_for("door.ca_connected")
    p.wait_for_state(ca, "fra", "connected")
    assert "take it out there" in p.run("perspective", "remove", "--dir", ca.directory, "--name", "fra", code=78)
    path.write_text(before)
    ca.process.send_signal(signal.SIGHUP)
    fra.wait_for("door.ca_gone")
    assert p.states(ca) == {}


def test_a_ca_of_an_earlier_version_gets_its_key_on_first_use(ca):
    (ca.directory / "perspective.key").unlink()
    (ca.directory / "perspective.pem").unlink()
    key = p.own_key(ca)
    assert re.fullmatch("sha256:[0-9a-f]{64}", key) and p.own_key(ca) == key
    assert (ca.directory / "perspective.key").stat().st_mode & 0o777 == 0o600
    spki = subprocess.run(f"openssl x509 -in {ca.directory}/perspective.pem -noout -pubkey | "
                          "openssl pkey -pubin -outform DER | sha256sum", shell=True, capture_output=True, text=True, check=True)
    assert key == "sha256:" + spki.stdout.split()[0]
    text = subprocess.run(["openssl", "x509", "-in", ca.directory / "perspective.pem", "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    assert "Dec 31 23:59:59 9999 GMT" in text and "prime256v1" in text and "CA:FALSE" in text


# ---- lost and found ----


def test_a_killed_perspective_is_away_until_it_is_back(ca, perspective):
    ca.start()
    fra = perspective("fra")
    fra.add(ca)
    fra.kill()
    row = p.wait_for_state(ca, "fra", "away")
    assert row["error"]
    fra.start()
    assert p.wait_for_state(ca, "fra", "connected")["error"] == ""


@pytest.mark.parametrize("role", ["relay", "front", "validator"])
def test_killed_processes_of_the_ca(ca, perspective, role):
    """Whichever is killed: the relay connects again, and names can be proved."""
    observe(ca, minimum=1, regions=1, may_differ=0)
    ca.start()
    fra = perspective("fra")
    fra.add(ca)
    observe(ca, mode="enforce")
    ca.process.send_signal(signal.SIGHUP)
    ca.wait_for_line(r"proc.reloaded generation=2")
    old = ca.children()[role]
    os.kill(old, signal.SIGKILL)
    p.wait_until(lambda: ca.children().get(role) not in (None, old), ca.text)
    ca.wait_for_line(rf"proc.ready role={role}(.|\n)*proc.ready role={role}")
    p.wait_for_state(ca, "fra", "connected")
    _, asked = issue(ca, "www.example.test")
    assert len(asked) == 2


@pytest.mark.parametrize("role", ["door", "validator"])
def test_killed_processes_of_a_perspective(ca, perspective, role):
    observe(ca, minimum=1, regions=1, may_differ=0)
    ca.start()
    fra = perspective("fra")
    fra.add(ca)
    observe(ca, mode="enforce")
    ca.process.send_signal(signal.SIGHUP)
    ca.wait_for_line(r"proc.reloaded generation=2")
    os.kill(fra.children()[role], signal.SIGKILL)
    fra.wait_for(rf"proc.ready role={role}(.|\n)*proc.ready role={role}")
    p.wait_for_state(ca, "fra", "connected")
    _, asked = issue(ca, "www.example.test")
    assert len(asked) == 2


def test_relay_and_door_are_confined(ca, perspective):
    """As every process: a user of its own without rights, no files, no core dumps that could hold a key."""
    ca.start()
    fra = perspective("fra")
    fra.add(ca)
    users = {"relay": "64304", "door": "64305", "validator": "64302"}
    for role, pid in [("relay", ca.children()["relay"]), *fra.children().items()]:
        facts = dict(re.findall(r"^(\w+):\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
        assert (facts["Name"], facts["NoNewPrivs"], facts["Seccomp"]) == (f"cairn-{role}", "1", "2")
        assert re.search(r"^Max core file size +0 +0 ", pathlib.Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
        targets = [os.readlink(entry) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        assert {target for target in targets if target.startswith("/") and not target.endswith(".log")} <= {
            "/dev/null", "/memfd:settings (deleted)"}, targets
        if os.geteuid() == 0:
            assert facts["Uid"].split() == facts["Gid"].split() == [users[role]] * 4
            assert facts["CapEff"] == facts["CapPrm"] == "0000000000000000"


def test_a_perspective_ends_in_order(ca, perspective):
    ca.start()
    fra = perspective("fra")
    fra.add(ca)
    fra.stop()
    p.wait_for_state(ca, "fra", "away")
    assert "why=\"it is ending\"" in ca.text() and "proc.stopped orderly=yes" in fra.text()


# ---- keys ----


def test_another_key_than_expected(ca, perspective, tmp_path):
    """Neither side takes the other for what it is not; both say what to do."""
    ca.start()
    fra = perspective("fra")
    added = fra.add(ca, key="sha256:" + "0" * 64)
    assert not added["connected"] and f"another key than expected: {fra.key}" in added["error"]
    assert "door.ca_connected" not in fra.text()
    stranger = perspective("iad", ca="sha256:" + "1" * 64)
    added = stranger.add(ca)
    assert not added["connected"] and f"does not know the key of this CA, which is {p.own_key(ca)}" in added["error"]
    refused = stranger.wait_for("door.refused .*").group(0)
    assert f"another key than expected: {p.own_key(ca)}" in refused and "door.ca_connected" not in stranger.text()


def recertify(directory, name, key):
    """A certificate that ended long ago, in the place of the perspective's."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    then = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(7).not_valid_before(then).not_valid_after(then + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256()))
    (directory / "perspective.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def test_the_key_counts_and_not_the_certificate(ca, perspective):
    """Another one with the same key, even if it has ended, is as good; the same name with another key is not."""
    ca.start()
    fra = perspective("fra")
    fra.stop()
    key = serialization.load_pem_private_key((fra.directory / "perspective.key").read_bytes(), None)
    recertify(fra.directory, "something else", key)
    fra.start()
    assert fra.add(ca)["connected"]
    fra.stop()
    other = ec.generate_private_key(ec.SECP256R1())
    (fra.directory / "perspective.key").write_bytes(other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    recertify(fra.directory, "fra", other)
    fra.start()
    p.wait_for_state(ca, "fra", "away", "another key than expected")


def test_another_region_than_expected(ca, perspective):
    ca.start()
    added = perspective("fra").add(ca, region="arin")
    assert not added["connected"] and 'it stands in region "ripe", but perspectives.fra.region is "arin"' in added["error"]


def test_a_reload_of_the_perspective_lets_a_ca_in_and_out(ca, perspective):
    ca.start()
    fra = perspective("fra", ca="sha256:" + "2" * 64)
    assert not fra.add(ca)["connected"]
    path = fra.directory / "cairn-perspective.yaml"
    own, text = p.own_key(ca), path.read_text()
    path.write_text(text.replace("sha256:" + "2" * 64, own))
    fra.send(signal.SIGHUP)
    p.wait_for_state(ca, "fra", "connected")
    path.write_text(text.replace('region: "ripe"', "region: mars!"))
    mark = fra.mark()
    fra.send(signal.SIGHUP)
    assert "region" in fra.wait_for("proc.reload_refused .*", since=mark).group(0)
    assert p.states(ca)["fra"]["state"] == "connected"
    path.write_text(text)
    fra.send(signal.SIGHUP)
    p.wait_for_state(ca, "fra", "away", "does not know the key of this CA")


# ---- commands ----


@pytest.mark.parametrize("words, says", [
    (("--name", "Fra"), "no name"),
    (("--region", "two words"), "region"),
    (("--address", "fra.example.net"), "HOST:PORT"),
    (("--address", "-x:8443"), "HOST:PORT"),
    (("--key", "sha256:12"), "64 hexadecimal digits"),
    (("--key", ""), "64 hexadecimal digits"),
])
def test_what_add_does_not_take(ca, words, says):
    good = {"--name": "fra", "--region": "ripe", "--address": "127.0.0.1:8443", "--key": "sha256:" + "a" * 64}
    good[words[0]] = words[1]
    assert says in p.run("perspective", "add", "--dir", ca.directory, *[word for pair in good.items() for word in pair], code=64)
    assert not (ca.directory / "perspectives.yaml").exists()
    del good[words[0]]
    assert f"{words[0]} is missing" in p.run("perspective", "add", "--dir", ca.directory,
                                             *[word for pair in good.items() for word in pair], code=64)


def test_a_rule_that_could_not_be_met_is_not_written(ca):
    observe(ca, mode="enforce")
    assert "quorum.minimum" in p.run("perspective", "add", "--dir", ca.directory, "--name", "fra", "--region", "ripe",
                                     "--address", "127.0.0.1:8443", "--key", "sha256:" + "a" * 64, code=78)
    assert not (ca.directory / "perspectives.yaml").exists()


def test_one_host_is_not_counted_twice(ca, tmp_path):
    """V-MPIC-1: under two names it would be two of those that must agree."""
    observe(ca)
    fra = p.Perspective(tmp_path, "fra", "ripe", ca)
    fra.add(ca)
    says = p.run("perspective", "add", "--dir", ca.directory, "--name", "iad", "--region", "arin", "--address", "127.0.0.1:8443",
                 "--key", "sha256:" + "a" * 64, "--key", fra.key, code=78)
    assert 'perspectives.iad: key: that of "fra", too' in says
    assert "iad" not in (ca.directory / "perspectives.yaml").read_text()


def test_its_folder_is_none_of_a_ca(ca, tmp_path):
    fra = p.Perspective(tmp_path, "fra", "ripe", ca)
    for words in (["check-config"], ["serve"], ["perspective", "list"]):
        says = p.run(*words, "--dir", fra.directory, code=78)
        assert "is the folder of a perspective, not of a CA" in says, says


def test_regions_nobody_knows_are_remarked(ca, tmp_path):
    mars = p.Perspective(tmp_path, "mars", "mars", ca)
    assert "no regional Internet registry" in mars.made
    assert "no regional" not in p.Perspective(tmp_path, "fra", "ripe", ca).made


@pytest.mark.parametrize("option, value, says", [
    ("region", '""', "region"),
    ("name", "Fra", 'name: "Fra" is no name: use 1 to 32 of a-z, 0-9 and hyphens'),
    ("ca", "[]", "ca is missing"),
    ("ca", '["sha256:xyz"]', "64 hexadecimal digits"),
    ("listen", '["8443"]', "ADDRESS:PORT"),
    ("quorum", "{mode: off}", "quorum"),
    ("rejion", "ripe", "did you mean \"region\""),
])
def test_check_config_of_a_perspective(ca, tmp_path, option, value, says):
    fra = p.Perspective(tmp_path, "fra", "ripe", ca)
    path = fra.directory / "cairn-perspective.yaml"
    assert fra.key in p.run("perspective", "check-config", "--dir", fra.directory)
    path.write_text(re.sub(rf"^{option}: .*\n", "", path.read_text(), flags=re.MULTILINE) + f"\n{option}: {value}\n")
    assert says in p.run("perspective", "check-config", "--dir", fra.directory, code=78)
    assert says in p.run("perspective", "serve", "--dir", fra.directory, code=78)


def test_nothing_is_overwritten(ca, tmp_path):
    fra = p.Perspective(tmp_path, "fra", "ripe", ca)
    before = {path.name: path.read_bytes() for path in fra.directory.iterdir()}
    assert sorted(before) == ["cairn-perspective.yaml", "perspective.key", "perspective.pem"]
    for directory in (fra.directory, ca.directory):
        assert "already" in p.run("perspective", "init", "--dir", directory, "--name", "x", "--region", "ripe", "--ca",
                                  p.own_key(ca), code=1)
    assert before == {path.name: path.read_bytes() for path in fra.directory.iterdir()}
    shutil.rmtree(fra.directory)
