"""Lines of the audit log that are promised: one for each certificate that is revoked, one batch for a command's change and its
line, one segment for each day, and lines that are too long."""
import contextlib
import json
import sqlite3

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import acme_raw
import house as house_module
import test_faults
import worst_day
from test_admin import account_of, admin
from test_audit import events, lines_of, verify
from test_audit_load import segments, wait_until
from test_incidents import key_hash
from test_revocation import as_jws_key, revoke
from test_revoke_command import low

DAY = 86400


@pytest.fixture
def other(house):
    made = acme_raw.Client(house.url, house.root)
    made.register()
    return made


@pytest.fixture
def new(house):
    """The lines since the test began, by event."""
    before = len(lines_of(house))

    def lines(event):
        return [line for line in lines_of(house)[before:] if line["event"] == event]
    return lines


def test_each_certificate_has_its_line(house, client, responder, new):
    """However many steps and certificates a command has; a dry run and a second run have none."""
    pems = [client.issue(responder, f"n{number}.each.test") for number in range(5)]
    words = ("--name", ".each.test", "--reason", "superseded")
    admin(house, "revoke", *words)
    assert new("revocation") == []
    assert admin(house, "revoke", *words, "--yes")["count"] == 5
    lines = new("revocation")
    assert sorted(line["serial"] for line in lines) == sorted(low(pem) for pem in pems)
    assert all((line["by"], line["reason"], "for_key" in line) == ("command", 4, False) for line in lines)
    commands = [line for line in new("admin.command") if line["request"]["arguments"].get("commit")]
    assert {line["uid"] for line in lines} == {commands[-1]["uid"]} and lines[-1]["seq"] < commands[-1]["seq"]
    assert admin(house, "revoke", *words, "--yes")["count"] == 0
    assert len(new("revocation")) == 5
    assert verify(house.directory)["good"]


@pytest.mark.parametrize("how", ["by its key", "by its account", "by command", "by its name"])
def test_siblings_have_theirs(house, client, responder, other, new, how):
    """A compromised key takes other accounts' certificates with it: each has a line that says so."""
    key = ec.generate_private_key(ec.SECP256R1())
    pems = [client.issue(responder, "a.sibling.test", key=key), *(other.issue(responder, f"b{number}.sibling.test", key=key)
                                                                 for number in range(3))]
    der = x509.load_pem_x509_certificate(pems[0]).public_bytes(serialization.Encoding.DER)
    if how == "by its key":
        nobody = acme_raw.Client(house.url, house.root, key=as_jws_key(key))
        assert revoke(nobody, der, jwk=True).status == 200
    elif how == "by its account":
        assert revoke(client, der, 1).status == 200
    else:
        words = ["--key", key_hash(pems[0])] if how == "by command" else ["--name", "a.sibling.test"]
        admin(house, "revoke", *words, "--reason", "keyCompromise", "--yes")
    lines = {line["serial"]: line for line in new("revocation")}
    assert set(lines) == {low(pem) for pem in pems} and len(new("revocation")) == 4
    with contextlib.closing(sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True)) as db:
        ids = dict(db.execute("SELECT lower(hex(serial)), id FROM issuance"))
    assert all(line["issuance"] == ids[serial] and line["reason"] == 1 for serial, line in lines.items())
    by = {"by its key": "key", "by its account": "account"}.get(how, "command")
    assert {line["by"] for line in lines.values()} == {by}
    assert {line.get("account") for line in lines.values()} == {account_of(client) if by == "account" else None}
    assert [lines[low(pem)].get("for_key", False) for pem in pems] == [False] + 3 * [how != "by command"]
    assert [line["key_hash"] for line in new("key.blocked")] == [key_hash(pems[0])] * (how == "by command")
    assert verify(house.directory)["good"]


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_a_long_request_does_not_undo_its_command(house, client, tmp_path, running):
    """Of a list of serials there is the digest, and the change is there."""
    path = tmp_path / "serials"
    path.write_text("".join(f"{number:040x}\n" for number in range(1, 9000)))
    if not running:
        assert house.stop() == 0
    before = len(events(house, "admin.command"))
    made = admin(house, "incident", "add", "--serials", path)["id"]
    assert made in [row["id"] for row in admin(house, "incident", "list")["incidents"]]
    line = events(house, "admin.command")[before]
    assert line["result"] == "ok" and len(line["request_sha256"]) == 64
    assert verify(house.directory)["good"]
    if not running:
        house.start()


def test_a_long_start_is_a_line(tmp_path):
    """Settings of any length: what does not fit is counted, and nothing is undone for it."""
    house = house_module.House(tmp_path / "ca", sets=[])
    house.start()
    assert house.stop() == 0
    whole = events(house, "house.start")[0]["set"]
    house.sets[:] = [f"crl.directory=published{'x' * 700}{number}" for number in range(100)] + ["crl.directory=published"]
    house.start()
    assert house.stop() == 0
    line = events(house, "house.start")[1]
    assert len(line["set"]) + line["set_left_out"] == len(whole) + 101
    assert len(json.dumps(line)) < 65536 and verify(house.directory)["good"]
    house.close()


def test_another_day_is_another_segment(tmp_path):
    """At midnight both chains go on in the next file while the CA runs, and verify reads across."""
    day = worst_day.WorstDay(tmp_path / "worst-day")
    with test_faults.living(tmp_path, day) as one:
        one.house.start(environment=day.environment)
        one.connect()
        one.client.register()
        one.client.issue(one.responder, "before.day.test")
        assert len(segments(one.house, "front")) == len(segments(one.house, "signer")) == 1
        mark = len(one.house.log_path.read_bytes())
        day.shift_clock(DAY)
        one.house.wait_for_line(r"clock\.jumped", since=mark)
        one.client.nonces.clear()
        numbers = iter(range(1000))

        def has_gone_on():
            one.client.issue(one.responder, f"n{next(numbers)}.day.test")
            return all(len(segments(one.house, chain)) == 2 for chain in ("front", "signer"))
        wait_until(has_gone_on)
        one.client.issue(one.responder, "last.day.test")
        assert one.house.stop() == 0
        for chain in ("front", "signer"):
            first, second = [[json.loads(line) for line in path.read_bytes().splitlines()]
                             for path in segments(one.house, chain)]
            assert {line["time"][:10] for line in second} == {second[-1]["time"][:10]}
            assert first[0]["time"][:10] < second[0]["time"][:10] and len(second) > 1
            assert [line["seq"] for line in first + second] == list(range(1, len(first + second) + 1))
        found = verify(one.house.directory)
        assert found["good"] and found["front"]["lines"] == len(lines_of(one.house))
        segments(one.house, "front")[0].unlink()
        assert not verify(one.house.directory, fails=3)["good"]
