"""cairn-ca revoke, certificate and account list: on a running CA and on one that is stopped; rows S-REV-9, 11, 12."""
import datetime
import os
import shlex
import signal
import sqlite3
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import acme_raw
import house as house_module
from acme_raw import b64
from test_admin import account_of, admin
from test_incidents import issuer, key_hash, serial
from test_revocation import as_jws_key, revoke

PUBLIC = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
PRIVATE = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.fixture
def other(house):
    made = acme_raw.Client(house.url, house.root)
    made.register()
    return made


def revocations(house):
    """Serial (hexadecimal, as we write it): reason."""
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        rows = db.execute("SELECT i.serial, r.reason FROM revocation r JOIN issuance i ON i.id = r.issuance_id").fetchall()
    return {octets.hex(): reason for octets, reason in rows}


def blocked(house):
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        return {row[0].hex() for row in db.execute("SELECT hash FROM blocked_key")}


def low(pem):
    return serial(pem).lower()


def of_subscribers(rows):
    """Without the CA's own HTTPS certificate, which is nobody's."""
    return [row for row in rows if row["account"] != 0]


def shown(answer):
    return {row["serial"] for row in of_subscribers(answer["certificates"])}


def test_whom_it_would_revoke(house, client, responder, other, tmp_path):
    """Each option finds its certificates; nothing is changed; several narrow."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in "abc"}
    pems = {"a": client.issue(responder, "a.example.test", "x.a.example.test", key=keys["a"]),
            "b": client.issue(responder, "b.example.test", key=keys["b"]),
            "c": other.issue(responder, "c.example.org", key=keys["c"])}
    lists = tmp_path / "serials.txt"
    lists.write_text(f"# of ours\n{serial(pems['a'])}\n\n00{low(pems['c'])}\n{serial(pems['a'])}\n0A:0B\n")
    for name in "abc":
        (tmp_path / f"{name}.pem").write_bytes(b"text before\n" + pems[name])
        (tmp_path / f"{name}.pub").write_bytes(keys[name].public_key().public_bytes(*PUBLIC))
        (tmp_path / f"{name}.key").write_bytes(keys[name].private_bytes(*PRIVATE))
        made = x509.load_der_x509_csr(acme_raw.make_csr(["any.example.test"], keys[name]))
        (tmp_path / f"{name}.csr").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        found = x509.load_pem_x509_certificate(pems[name])
        (tmp_path / f"{name}.der").write_bytes(found.public_bytes(serialization.Encoding.DER))
    incident = admin(house, "incident", "add", "--name", ".example.test")["id"]
    by_serial = admin(house, "incident", "add", "--serials", lists)["id"]
    content = house.content()
    both = (serial(pems["a"]), serial(pems["b"]))
    for words, concerned in [
        (["--serial", serial(pems["a"])], "a"), (["--serial", both[0], "--serial", both[1]], "ab"), (["--file", lists], "ac"),
        (["--certificate", tmp_path / "b.pem"], "b"), (["--certificate", tmp_path / "b.der"], "b"),
        (["--name", "a.example.test"], "a"), (["--name", "X.A.example.test"], "a"), (["--name", ".example.test"], "ab"),
        (["--name", "example.test"], ""), (["--name", ".example.org"], "c"), (["--account", account_of(other)], "c"),
        (["--key", key_hash(pems["b"])], "b"), (["--key", tmp_path / "b.pem"], "b"), (["--key", tmp_path / "b.pub"], "b"),
        (["--key", tmp_path / "b.key"], "b"), (["--key", tmp_path / "b.csr"], "b"), (["--key", tmp_path / "b.der"], "b"),
        (["--incident", incident], "ab"), (["--incident", by_serial], "ac"), (["--issuer", issuer(pems["a"])], "abc"),
        (["--issued-from", "1h"], "abc"), (["--issued-before", "1h"], ""),
        (["--profile", "no-such"], ""), (["--incident", by_serial, "--name", ".example.test"], "a"),
        (["--file", lists, "--account", account_of(other)], "c"), (["--incident", incident, "--key", key_hash(pems["b"])], "b"),
        (["--incident", by_serial, "--key", key_hash(pems["b"])], ""),
        (["--incident", by_serial, "--serial", serial(pems["c"]), "--serial", serial(pems["b"])], "c"),
    ]:
        answer = admin(house, "revoke", *words)
        assert answer["dry_run"] is True and answer["count"] == len(answer["certificates"]), (words, answer)
        assert shown(answer) == {low(pems[name]) for name in concerned}, words
        assert ("command" in answer) == bool(answer["certificates"])
    assert house.content() == content and revocations(house) == {}
    assert admin(house, "revoke", "--file", lists)["unknown"] == ["0a0b"]
    row = admin(house, "revoke", "--name", "a.example.test")["certificates"][0]
    assert row["names"] == ["a.example.test", "x.a.example.test"] and row["account"] == account_of(client)
    assert row["state"] == "valid" and row["revoked"] is None
    not_after = x509.load_pem_x509_certificate(pems["a"]).not_valid_after
    assert row["not_after"] == not_after.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("running", [True, False])
def test_the_command_that_is_shown_does_it(house, client, responder, running):
    """What was issued after the dry run is not concerned; what is revoked already is counted and left alone."""
    first, second = (client.issue(responder, f"{name}.example.test") for name in ("a", "b"))
    done = client.issue(responder, "c.example.test")
    assert revoke(client, x509.load_pem_x509_certificate(done).public_bytes(serialization.Encoding.DER), 5).status == 200
    answer = admin(house, "revoke", "--issued-from", "1h", "--name", ".example.test", "--reason", "superseded")
    assert (answer["count"], answer["already_revoked"], answer["siblings"]) == (2, 1, 0)
    later = client.issue(responder, "d.example.test")
    if not running:
        assert house.stop() == 0
    words = shlex.split(answer["command"])
    assert words[:2] == ["cairn-ca", "revoke"] and words[-1] == "--yes"
    ran = subprocess.run([house_module.CAIRN_CA, *words[1:]], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and "count: 2\n" in ran.stdout and "dry_run: no\n" in ran.stdout, ran
    assert [line.split()[1] for line in ran.stdout.splitlines() if ".example.test" in line] == ["revoked"] * 2, ran.stdout
    if not running:
        house.start()
        client.connect()
    assert revocations(house) == {low(first): 4, low(second): 4, low(done): 5}
    again = admin(house, "revoke", "--issued-from", "1h", "--name", ".example.test", "--up-to", words[words.index("--up-to") + 1], "--yes")
    assert (again["count"], again["already_revoked"]) == (0, 3)
    assert revocations(house) == {low(first): 4, low(second): 4, low(done): 5}
    assert admin(house, "certificate", "show", low(later))["state"] == "valid"
    found = admin(house, "certificate", "show", low(first))
    assert found["state"] == "revoked" and found["reason"] == "superseded" and found["revoked"] is not None
    # RFC 9773: who asks is told to renew
    assert client.request("GET", client.directory["renewalInfo"] + "/" + acme_raw.certificate_id(first)).status == 200


@pytest.mark.parametrize("how", ["key", "account", "command", "by name"])
def test_compromise_takes_the_siblings(house, client, responder, other, how):
    """S-REV-11: the key is blocked and all its certificates are revoked at once, other accounts' too."""
    key = ec.generate_private_key(ec.SECP256R1())
    pems = [client.issue(responder, "a.example.test", key=key), other.issue(responder, "b.example.test", key=key)]
    bystander = other.issue(responder, "c.example.test")
    der = x509.load_pem_x509_certificate(pems[0]).public_bytes(serialization.Encoding.DER)
    assert admin(house, "revoke", "--serial", serial(pems[1]), "--reason", "superseded", "--yes")["count"] == 1
    if how == "key":
        nobody = acme_raw.Client(house.url, house.root, key=as_jws_key(key))
        assert revoke(nobody, der, jwk=True).status == 200
    elif how == "account":
        assert revoke(client, der, 1).status == 200
    else:
        words = ["--key", key_hash(pems[0])] if how == "command" else ["--name", "a.example.test"]
        planned = admin(house, "revoke", *words, "--reason", "keyCompromise")
        assert revocations(house) == {low(pems[1]): 4} and blocked(house) == set()
        done = admin(house, "revoke", *words, "--reason", "keyCompromise", "--yes")
        for answer in (planned, done):
            assert answer["count"] + answer["siblings"] == 2, answer
            assert answer["siblings"] == (0 if how == "command" else 1), answer
    assert revocations(house) == {low(pem): 1 for pem in pems}
    assert blocked(house) == {key_hash(pems[0])}
    assert admin(house, "certificate", "show", low(bystander))["state"] == "valid"
    found = admin(house, "certificate", "show", low(pems[0]))
    assert found["key_blocked"] is True and found["same_key"] == [low(pems[1])]
    _, order = client.order("again.example.test")
    client.prove(order, responder)
    refused = client.post(order["finalize"], {"csr": b64(acme_raw.make_csr(["again.example.test"], key))})
    assert refused.status == 400 and refused.type == "badCSR", refused


def test_a_key_nobody_has_a_certificate_for(house, client, responder):
    """Found before it was used."""
    key = ec.generate_private_key(ec.SECP256R1())
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_key().public_bytes(serialization.Encoding.DER, PUBLIC[1]))
    found = digest.finalize().hex()
    assert admin(house, "revoke", "--key", found, "--reason", "keyCompromise", "--yes")["count"] == 0
    assert blocked(house) == {found}
    _, order = client.order("a.example.test")
    client.prove(order, responder)
    assert client.post(order["finalize"], {"csr": b64(acme_raw.make_csr(["a.example.test"], key))}).type == "badCSR"


def test_since_when(house, client, responder):
    """The time of the compromise, which is not before the certificate began."""
    old, new = client.issue(responder, "a.example.test"), client.issue(responder, "b.example.test")
    with sqlite3.connect(f"{house.directory}/cairn.db") as db:  # ours is ten days old
        db.execute("UPDATE issuance SET begun = begun - 864000 WHERE serial = ?", (bytes.fromhex(low(old)),))
    answer = admin(house, "revoke", "--issued-from", "20d", "--name", ".example.test", "--reason", "keyCompromise", "--at", "5d", "--yes")
    assert answer["count"] == 2
    now = datetime.datetime.now(datetime.timezone.utc)
    ages = [(now - datetime.datetime.fromisoformat(admin(house, "certificate", "show", low(pem))["revoked"].replace("Z", "+00:00"))).days
            for pem in (old, new)]
    assert ages == [5, 0]


def test_a_serial_that_was_never_finished(house, client, responder):
    """X-GEN-4: a signer that is killed in the middle leaves serial, names and key known, and revocable."""
    key = ec.generate_private_key(ec.SECP256R1())
    _, order = client.order("lost.example.test")
    client.prove(order, responder)
    signer = house.children()["signer"]
    os.kill(signer, signal.SIGSTOP)
    try:
        answer = client.post(order["finalize"], {"csr": b64(acme_raw.make_csr(["lost.example.test"], key))})
        assert answer.json["status"] == "processing"
        found = admin(house, "certificate", "list", "--state", "being signed")["certificates"]
        assert [row["names"] for row in found] == [["lost.example.test"]]
        whole = admin(house, "certificate", "show", found[0]["serial"])
        assert whole["state"] == "being signed" and whole["account"] == account_of(client)
        digest = hashes.Hash(hashes.SHA256())
        digest.update(key.public_key().public_bytes(serialization.Encoding.DER, PUBLIC[1]))
        assert whole["key_hash"] == digest.finalize().hex()
        done = admin(house, "revoke", "--serial", found[0]["serial"], "--yes")
        assert done["count"] == 1 and done["certificates"][0]["state"] == "revoked"
        assert revocations(house) == {found[0]["serial"]: -1}
        os.kill(signer, signal.SIGKILL)
    finally:
        os.kill(signer, signal.SIGCONT) if house_module.is_alive(signer) else None
    assert admin(house, "certificate", "show", found[0]["serial"])["state"] == "revoked"


def test_many_serials_in_pieces(house, client, responder, tmp_path):
    """More than one step takes, with the known at both ends."""
    pems = [client.issue(responder, f"{name}.example.test") for name in "ab"]
    lines = tmp_path / "serials.txt"
    lines.write_text(serial(pems[0]) + "\n" + "".join(f"{n:040x}\n" for n in range(2 ** 150, 2 ** 150 + 2500)) + serial(pems[1]))
    answer = admin(house, "revoke", "--file", lines, "--yes")
    assert answer["count"] == 2 and answer["unknown_serials"] == 2500 and len(answer["unknown"]) == 20
    assert revocations(house) == {low(pem): -1 for pem in pems}


def test_what_is_refused(house, client, responder, tmp_path):
    """With a sentence, and nothing is changed: a bad line at the end of a file, too."""
    pem = client.issue(responder, "a.example.test")
    bad_line = tmp_path / "bad.txt"
    bad_line.write_text(serial(pem) + "\n" + "xyz\n")
    foreign = tmp_path / "foreign.pem"
    foreign.write_bytes(house.root.read_bytes() if hasattr(house.root, "read_bytes") else open(house.root, "rb").read())
    forged = bytearray(x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER))
    forged[-1] ^= 1
    (tmp_path / "forged.der").write_bytes(bytes(forged))
    (tmp_path / "empty").write_bytes(b"")
    content = house.content()
    for words, code, part in [
        ([], "USAGE", "which certificates"), (["--reason", "keyCompromise"], "USAGE", "which certificates"),
        (["--serial", "0a0b"], "NOT_FOUND", "serial"), (["--serial", "xyz"], "USAGE", "xyz"),
        (["--file", bad_line], "USAGE", "line 2"), (["--file", tmp_path / "empty"], "USAGE", "no serial"),
        (["--file", tmp_path / "none"], "NOT_FOUND", "none"), (["--certificate", foreign], "NOT_FOUND", "not issued"),
        (["--certificate", tmp_path / "forged.der"], "NOT_FOUND", "not issued"),
        (["--certificate", bad_line], "USAGE", "--certificate"), (["--name", "no name"], "USAGE", "no name"),
        (["--key", "abcd"], "USAGE", "neither"), (["--key", bad_line], "USAGE", "no certificate, request or key"),
        (["--account", "999"], "NOT_FOUND", "account"), (["--account", "x"], "USAGE", "--account"),
        (["--incident", "7"], "NOT_FOUND", "incident 7"), (["--issued-before", "2999-01-01T00:00:00Z"], "USAGE", "is over"),
        (["--issued-from", "1h", "--issued-before", "2h"], "USAGE", "not after"),
        (["--name", "a.example.test", "--reason", "certificateHold"], "USAGE", "certificateHold cannot"),
        (["--name", "a.example.test", "--reason", "cACompromise"], "USAGE", "cACompromise is for"),
        (["--name", "a.example.test", "--reason", "superseded", "--at", "1h"], "USAGE", "--at"),
        (["--name", "a.example.test", "--dry-run"], "USAGE", "either"),
    ]:
        error = admin(house, "revoke", *words, "--yes", fails=64 if code == "USAGE" else 1)
        assert error["code"] == code and part in error["detail"], (words, error)
    assert house.content() == content and revocations(house) == {}


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_an_issuer_that_nobody_knows(house, client, responder, running):
    """A mistake, and no answer that says nothing was found; one that is known may have signed nothing that is meant."""
    pem = client.issue(responder, "a.example.test")
    colons, wrong = issuer(pem), "ab" * 20
    known = colons.replace(":", "").lower()
    if not running:
        assert house.stop() == 0
    for right in (known, colons):
        assert admin(house, "revoke", "--issuer", right, "--name", "none.example.test")["count"] == 0
    done = subprocess.run([house_module.CAIRN_CA, "revoke", "--dir", house.directory, "--issuer", wrong, "--yes"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert f"no certificate is signed by {wrong}; known are" in done.stderr and known in done.stderr, done.stderr
    if not running:
        house.start()


def test_expired_ones_are_left_alone(house, client, responder):
    """S-REV-12"""
    pem = client.issue(responder, "a.example.test")
    with sqlite3.connect(f"{house.directory}/cairn.db") as db:
        db.execute("UPDATE issuance SET not_after = 1700000000")
    answer = admin(house, "revoke", "--serial", serial(pem), "--reason", "keyCompromise", "--yes")
    assert (answer["count"], answer["expired"]) == (0, 1) and revocations(house) == {}


def test_certificates_are_listed(house, client, responder, other):
    pems = [client.issue(responder, "a.example.test"), other.issue(responder, "b.example.org"),
            client.issue(responder, "c.example.test")]
    admin(house, "revoke", "--serial", serial(pems[0]), "--yes")
    listed = admin(house, "certificate", "list")
    assert [row["serial"] for row in of_subscribers(listed["certificates"])] == [low(pem) for pem in reversed(pems)]
    assert "next_after" not in listed
    for words, concerned in [(["--state", "revoked"], [0]), (["--state", "valid"], [2, 1]), (["--name", ".example.test"], [2, 0]),
                             (["--account", account_of(other)], [1]), (["--after", listed["certificates"][0]["id"]], [1, 0]),
                             (["--key-hash", key_hash(pems[1])], [1]), (["--state", "expired"], [])]:
        found = of_subscribers(admin(house, "certificate", "list", *words)["certificates"])
        assert [row["serial"] for row in found] == [low(pems[n]) for n in concerned], words
    assert "none of valid" in admin(house, "certificate", "list", "--state", "gone", fails=64)["detail"]
    whole = admin(house, "certificate", "show", serial(pems[1]), "--pem")
    assert whole["certificate"].encode() == x509.load_pem_x509_certificate(pems[1]).public_bytes(serialization.Encoding.PEM)
    assert whole["key_hash"] == key_hash(pems[1]) and whole["same_key"] == [] and whole["key_blocked"] is False
    assert admin(house, "certificate", "show", "0a0b", fails=1)["code"] == "NOT_FOUND"


def test_accounts_are_listed(house, client, other):
    third = acme_raw.Client(house.url, house.root)
    third.register(contact=["mailto:web@team.example"])
    ids = [account_of(one) for one in (client, other, third)]
    listed = admin(house, "account", "list")["accounts"]
    assert [row["id"] for row in listed] == ids[::-1] and listed[0]["contact"] == ["mailto:web@team.example"]
    admin(house, "account", "revoke", ids[1])
    for words, concerned in [(["--status", "revoked"], [1]), (["--status", "valid"], [2, 0]), (["--contact", "@team."], [2]),
                             (["--directory", "default"], [2, 1, 0]), (["--directory", "x"], []), (["--after", ids[2]], [1, 0])]:
        found = admin(house, "account", "list", *words)["accounts"]
        assert [row["id"] for row in found] == [ids[n] for n in concerned], words
    assert "none of valid" in admin(house, "account", "list", "--status", "gone", fails=64)["detail"]
