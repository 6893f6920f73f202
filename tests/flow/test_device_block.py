"""The inventory of devices where they attest: by which keys they are known, and what is left of one that is blocked."""
import concurrent.futures
import datetime
import hashlib
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import serialization

import attestation
import house as house_module
from test_admin import admin
from test_audit import events, verify
from test_device_attest import BAD, FAILED, READY, Attempt, make_house, new_client

SETTINGS = """
attest:
  tpm_roots: vendor.pem
  step_roots: vendor.pem
directories:
  default:
    identifiers: [dns, permanent-identifier, hardware-module]
    challenges: [http-01, device-attest-01]
    profiles: [device]
profiles:
  device:
    usages: client
    identifiers: [dns, permanent-identifier, hardware-module]
"""
SETS = ["rates.failed_validations=off", "star.enabled=true", "star.min_lifetime=4s", "star.max_duration=10d"]
REJECTED = "rejectedIdentifier"


@pytest.fixture(scope="module")
def vendor():
    return attestation.Authority()


@pytest.fixture(scope="module")
def running(tmp_path_factory, vendor):
    made = make_house(tmp_path_factory.mktemp("block") / "ca", vendor, vendor, SETTINGS, SETS)
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture
def client(running):
    return new_client(running)


def fingerprint(key):
    return hashlib.sha256(key.public_key().public_bytes(serialization.Encoding.DER,
                                                        serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def ready(client, vendor, serial):
    """An order of that device that can be finalized."""
    attempt = Attempt(client, serial)
    answer = attempt.send(attempt.step(vendor, serial))
    assert answer.status == 200 and attempt.state() == READY, answer
    return attempt


def certified(client, vendor, serial):
    """Its certificate's serial."""
    attempt = ready(client, vendor, serial)
    assert attempt.finalize().status == 200
    return f"{attempt.certificate().serial_number:x}"


def state_of(house, serial):
    shown = admin(house, "certificate", "show", serial)
    return shown["state"], shown["reason"]


# -- known by its keys

def tpm(attempt, vendor, **changes):
    return attempt.send(attestation.tpm_object(vendor, attempt.authorized(), attempt.key, **changes))


def test_an_attestation_that_names_no_device(running, client, vendor):
    """The inventory says whose attestation key it is, as long as it does."""
    ak, other = attestation.new_key(), attestation.new_key()
    attempt = Attempt(client, "AK-1")
    answer = tpm(attempt, vendor, ak=ak, names=[])
    assert answer.status == 400 and answer.type == BAD and attempt.state() == FAILED, answer
    admin(running, "device", "add", "AK-1", "--ak", fingerprint(ak))
    attempt = Attempt(client, "AK-1")
    assert tpm(attempt, vendor, ak=ak, names=[]).status == 200 and attempt.state() == READY
    assert attempt.finalize().status == 200
    shown = admin(running, "device", "show", "AK-1")
    assert shown["attested"] and [c["state"] for c in shown["certificates"]] == ["valid"]
    attempt = Attempt(client, "AK-1")
    assert tpm(attempt, vendor, ak=other, names=[]).type == BAD
    attempt = Attempt(client, "AK-2")  # another device, the same key
    assert tpm(attempt, vendor, ak=ak, names=[]).type == BAD
    admin(running, "device", "remove", "AK-1")
    attempt = Attempt(client, "AK-1")
    assert tpm(attempt, vendor, ak=ak, names=[]).type == BAD


def test_a_device_whose_key_is_named(running, client, vendor):
    """Others may be attested as truly: they are not its own."""
    key = attestation.new_key()
    admin(running, "device", "add", "1000", "--key", fingerprint(key))
    attempt = Attempt(client, "1000")
    answer = attempt.send(attempt.step(vendor, "1000"))
    assert answer.status == 400 and answer.type == BAD and "none of those that the inventory has" in answer.json["detail"], answer
    attempt = Attempt(client, "1000")
    assert attempt.send(attempt.step(vendor, "1000", key=key)).status == 200
    assert attempt.finalize(key).status == 200


# -- blocked

@pytest.mark.parametrize("mode", ["running", "stopped"])
def test_what_a_device_had_that_comes_blocked(tmp_path, vendor, mode):
    """Imported into the inventory as blocked: each certificate that is revoked for it has its line, as by `device block`; and a
    line says who commanded it."""
    house = make_house(tmp_path / "ca", vendor, vendor, SETTINGS, SETS)
    try:
        house.start()
        client = new_client(house)
        mine, other = [certified(client, vendor, "1001") for _ in range(2)], certified(client, vendor, "1002")
        if mode == "stopped":
            assert house.stop() == 0, house.text()
        (tmp_path / "devices.csv").write_text("identifier,blocked,reason\n1001,2026-01-02T03:04:05Z,lost\n1003,2026-01-02T03:04:05Z,lost\n")
        words = [house_module.CAIRN_CA, "device", "import", "--dir", house.directory, tmp_path / "devices.csv", "--json"]
        subprocess.run([*words, "--dry-run"], capture_output=True, check=True)
        assert events(house, "revocation") == []
        subprocess.run(words, capture_output=True, check=True)
        lines, command = events(house, "revocation"), events(house, "admin.command")[-1]
        assert [line["serial"] for line in lines] == mine
        assert {(line["by"], line["uid"], line["reason"]) for line in lines} == {("command", command["uid"], 9)}
        assert command["command"] == "device import" and lines[-1]["seq"] < command["seq"] and verify(house.directory)["good"]
        assert [state_of(house, serial)[0] for serial in (*mine, other)] == ["revoked", "revoked", "valid"]
        if mode == "running":
            assert house.stop() == 0, house.text()
    finally:
        house.close()


def test_a_lost_device(running, client, vendor):
    """Shown first; then its certificates are revoked, whoever ordered them, and nothing begins any more. Another one stays."""
    mine = [certified(client, vendor, "1001") for _ in range(2)]
    another = certified(new_client(running), vendor, "1001")
    others = certified(client, vendor, "1002")
    waiting = ready(client, vendor, "1001")
    pending = Attempt(client, "1001")
    shown = admin(running, "device", "block", "1001")
    assert shown["dry_run"] is True and shown["count"] == 3 and shown["known"] is False
    assert {c["serial"] for c in shown["certificates"]} == {*mine, another}
    assert state_of(running, mine[0]) == ("valid", None)
    done = admin(running, "device", "block", "1001", "--yes", "--reason", "left in a train")
    assert done["dry_run"] is False and done["count"] == 3 and done["blocked"] and done["reason"] == "left in a train"
    assert [state_of(running, serial) for serial in (*mine, another, others)] == [("revoked", "privilegeWithdrawn")] * 3 + [("valid", None)]
    assert {line["serial"] for line in events(running, "revocation")} >= {*mine, another}
    for answer in (waiting.finalize(), pending.send(pending.step(vendor, "1001")),
                   client.post(client.directory["newOrder"], {"identifiers": [{"type": "permanent-identifier", "value": "1001"}]})):
        assert answer.status == 400 and answer.type == REJECTED and 'the device "1001" is blocked' in answer.json["detail"], answer
    assert certified(client, vendor, "1002")
    # let in again, it begins anew
    admin(running, "device", "unblock", "1001")
    assert waiting.finalize().type == "orderNotReady"
    again = certified(client, vendor, "1001")
    assert state_of(running, again) == ("valid", None) and state_of(running, mine[0])[0] == "revoked"


def test_a_compromised_device(running, client, vendor):
    """Its keys are blocked, too, and take what else was made for them."""
    attempt = ready(client, vendor, "1003")
    assert attempt.finalize().status == 200
    serial = f"{attempt.certificate().serial_number:x}"
    assert admin(running, "device", "block", "1003", "--yes", "--revoke-as", "keyCompromise")["count"] == 1
    assert state_of(running, serial) == ("revoked", "keyCompromise")
    assert [k["key_hash"] for k in admin(running, "key", "list")["keys"]] == [fingerprint(attempt.key)]


def test_a_certificate_in_the_list_of_revocations(running, client, vendor):
    """What is published says it soon, by itself."""
    serial = certified(client, vendor, "1004")
    admin(running, "device", "block", "1004", "--yes")
    issuer = admin(running, "crl", "list")["lists"][0]
    deadline = time.monotonic() + 60
    while True:
        shown = admin(running, "crl", "show", issuer["issuer"])
        text = subprocess.run(["openssl", "crl", "-inform", "DER", "-noout", "-text", "-in", running.directory / shown["file"]],
                              capture_output=True, text=True, timeout=60).stdout if shown["file"] else ""
        if f"Serial Number: {serial.upper()}" in text.replace("Serial Number: 0", "Serial Number: "):
            assert "Privilege Withdrawn" in text
            return
        assert time.monotonic() < deadline, text
        time.sleep(0.2)


def test_auto_renewal_ends(running, client, vendor):
    """RFC 8739: the CA renews nothing for a device that is blocked."""
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    answer = client.post(client.directory["newOrder"], {
        "identifiers": [{"type": "permanent-identifier", "value": "1005"}],
        "auto-renewal": {"end-date": end.strftime("%Y-%m-%dT%H:%M:%SZ"), "lifetime": 6}})
    assert answer.status == 201, answer
    attempt = Attempt.__new__(Attempt)
    attempt.client, attempt.url, attempt.order = client, answer.headers["Location"], answer.json
    attempt.authorizations = answer.json["authorizations"]
    attempt.challenges = [client.challenge(url, "device-attest-01") for url in attempt.authorizations]
    attempt.challenge, attempt.key = attempt.challenges[0], attestation.new_key()
    assert attempt.send(attempt.step(vendor, "1005")).status == 200
    assert attempt.finalize().status == 200
    client.poll(attempt.url, ("valid",))
    assert admin(running, "device", "block", "1005", "--yes")["count"] >= 1
    ended = client.poll(attempt.url, ("canceled",), tries=600).json
    assert ended["status"] == "canceled"
    states = [c["state"] for c in admin(running, "device", "show", "1005")["certificates"]]
    assert "valid" not in states


@pytest.mark.parametrize("delay", [0, 0.005, 0.02, 0.08, 0.3])
def test_a_kill_while_a_device_is_blocked(tmp_path, vendor, delay):
    """All of it or nothing: a device that is blocked has no certificate left, one that is not has all of them. Who asks again
    has it done."""
    house = make_house(tmp_path / "ca", vendor, vendor, SETTINGS, SETS)
    try:
        house.start()
        client = new_client(house)
        serials = [certified(client, vendor, "1006") for _ in range(3)]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            command = pool.submit(subprocess.run, [house_module.CAIRN_CA, "device", "block", "1006", "--yes", "--dir", house.directory],
                                  capture_output=True, text=True, timeout=120)
            time.sleep(delay)
            house.kill()
            done = command.result()
        house.start()
        blocked = any(d["identifier"].endswith(":1006") for d in admin(house, "device", "list", "--blocked")["devices"])
        assert blocked or done.returncode != 0, done
        wanted = ("revoked", "privilegeWithdrawn") if blocked else ("valid", None)
        assert [state_of(house, serial) for serial in serials] == [wanted] * 3
        again = admin(house, "device", "block", "1006", "--yes")
        assert again["was_blocked"] is blocked and again["count"] == (0 if blocked else 3)
        assert [state_of(house, serial) for serial in serials] == [("revoked", "privilegeWithdrawn")] * 3
        assert house.stop() == 0
    finally:
        house.close()
