"""cairn-ca check: a CA that is as it should be has no findings, whatever it issued; and each thing that is broken on
purpose, in the database, the published folder, the configuration or the signer's journal, is found by its name."""
import datetime
import itertools
import json
import shutil
import sqlite3
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import acme_raw
import house as house_module
from responder import Responder
from test_crl import Publishing
from test_directories import configure
from test_revocation import revoke

DER = serialization.Encoding.DER
CONFIG = """
directories:
  default:
    profiles: [classic, short, corp]
profiles:
  classic: {}
  short:
    lifetime: 6d
    common_name: first
  corp:
    crl_urls: none
    issuer_urls: none
"""


def der(pem):
    return x509.load_pem_x509_certificate(pem).public_bytes(DER)


def serial_of(pem):
    return f"{x509.load_pem_x509_certificate(pem).serial_number:032x}"


def check(directory, *words, sets=(), code=None):
    """What `check --json` prints; and its exit code says whether that is nothing."""
    more = [word for one in sets for word in ("--set", one)]
    done = subprocess.run([str(house_module.CAIRN_CA), "check", "--dir", str(directory), "--json", *map(str, words), *more],
                          capture_output=True, text=True, timeout=120)
    answer = json.loads(done.stdout)
    if code is not None:
        assert done.returncode == code, (done.stdout, done.stderr)
        return answer["error"]
    assert done.returncode == (0 if answer["clean"] else 2), (done.stdout, done.stderr)
    assert answer["clean"] is (answer["findings"] == 0) is (answer["by_finding"] == {}) is (answer["list"] == [])
    assert answer["findings"] == sum(answer["by_finding"].values())
    return answer


def order(client, responder, *names, **more):
    """A certificate of an order that says more than names."""
    addresses = [name for name in names if acme_raw.is_address(name)]
    identifiers = [{"type": "ip" if name in addresses else "dns", "value": name} for name in names]
    made = client.post(client.directory["newOrder"], {"identifiers": identifiers, **more})
    assert made.status == 201, made
    client.prove(made.json, responder)
    csr = acme_raw.make_csr([name for name in names if name not in addresses], addresses=addresses)
    done = client.post(made.json["finalize"], {"csr": acme_raw.b64(csr)})
    assert done.status == 200, done
    valid = client.poll(made.headers["Location"], ("valid",))
    return client.post(valid.json["certificate"], None).body


class World:
    """A CA that has issued certificates of many kinds, stopped; tests break copies of its folder."""

    def __init__(self, folder):
        self.folder = folder
        self.house = Publishing(folder / "ca", sets=["crl.shards=3", "ocsp.enabled=true"])
        configure(self.house, CONFIG)
        self.house.start()
        self.responder = Responder(self.house.http_port)
        self.client = acme_raw.Client(self.house.url, self.house.root)
        self.client.register()
        self.pems = self.issue()

    def issue(self):
        """One of each kind."""
        issue = self.client.issue
        keys = {"rsa": rsa.generate_private_key(65537, 2048), "p384": ec.generate_private_key(ec.SECP384R1()),
                "ed25519": ed25519.Ed25519PrivateKey.generate()}
        pems = {name: issue(self.responder, f"{name}.example.test", key=key) for name, key in keys.items()}
        pems["plain"] = issue(self.responder, "plain.example.test")
        pems["several"] = issue(self.responder, *(f"n{i}.several.example.test" for i in range(10)))
        pems["again"] = issue(self.responder, "plain.example.test")
        pems["ip"] = order(self.client, self.responder, "127.0.0.1", "ip.example.test")
        pems["short"] = order(self.client, self.responder, "short.example.test", profile="short")
        pems["corp"] = order(self.client, self.responder, "corp.example.test", profile="corp")
        for name, reason in (("revoked", 4), ("unspecified", 0), ("none", None)):
            pems[name] = issue(self.responder, f"{name}.example.test")
            assert revoke(self.client, der(pems[name]), reason).status == 200
        for name in ("revoked", "unspecified", "none"):
            self.house.wait_for_serial(int(serial_of(pems[name]), 16))
        return pems

    def copy(self, to):
        """Its folder, as a test may break it."""
        shutil.copytree(self.house.directory, to, ignore=shutil.ignore_patterns("*.sock"))
        return to

    @property
    def sets(self):
        return ["validation.allow_networks=127.0.0.0/8", *self.house.sets]

    def check(self, directory, *words, sets=(), **more):
        return check(directory, *words, sets=[*self.sets, *sets], **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("check"))
    try:
        made.key_id = made.house.key_id
        before = made.house.content()
        made.running = made.check(made.house.directory)
        made.while_running = before == made.house.content()
        assert made.house.stop() == 0, made.house.text()
        yield made
    finally:
        made.responder.close()
        made.house.close()


@pytest.fixture
def broken(world, tmp_path):
    return world.copy(tmp_path / "ca")


def sql(directory, statement, *values, wanted=1):
    with sqlite3.connect(directory / "cairn.db") as db:
        assert db.execute(statement, values).rowcount >= wanted, statement


def row(directory, statement, *values):
    with sqlite3.connect(directory / "cairn.db") as db:
        return db.execute(statement, values).fetchone()


def octets(pem):
    return bytes.fromhex(serial_of(pem))


def test_nothing_to_find(world, broken):
    """While it runs, after it was stopped, and of a copy; everything was looked at, and nothing is changed by that."""
    assert world.running["clean"] and world.while_running, world.running
    store = (broken / "cairn.db").read_bytes()
    answer = world.check(broken)
    assert answer["clean"], answer["list"]
    assert answer["revoked"] == 3 and answer["lists"] == 4 and answer["entries"] == 6, answer
    own = row(broken, "SELECT count(*) FROM issuance WHERE order_id = 0 AND state = 1")[0]
    assert answer["certificates"] == len(world.pems) - 3 + own
    assert (answer["without_profile"], answer["evidence_expired"]) == (0, 0)
    assert (broken / "cairn.db").read_bytes() == store
    done = subprocess.run([house_module.CAIRN_CA, "check", "--dir", broken, *(w for s in world.sets for w in ("--set", s))],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.endswith("findings: 0\n") and done.stderr == "", done


# ---- the database, edited: what, which row, and what is found ----

BY_SERIAL = "(SELECT id FROM issuance WHERE serial = ?)"
OF_ORDER = "(SELECT order_id FROM issuance WHERE serial = ?)"
AUTHZ_OF = f"id IN (SELECT id FROM authz WHERE order_id = {OF_ORDER})"

EDITS = {
    "no certificate": ("certificate_missing", f"DELETE FROM certificate WHERE id = {BY_SERIAL}"),
    "a certificate that is none": ("unreadable", f"UPDATE certificate SET der = x'3000' WHERE id = {BY_SERIAL}"),
    "another was to be signed": ("not_as_decided", f"UPDATE issuance SET tbs = x'3000' WHERE id = {BY_SERIAL}"),
    "another key": ("not_as_decided", f"UPDATE issuance SET key_hash = zeroblob(32) WHERE id = {BY_SERIAL}"),
    "another end": ("not_as_decided", f"UPDATE issuance SET not_after = not_after + 1 WHERE id = {BY_SERIAL}"),
    "another issuer": ("issuer_unknown", f"UPDATE issuance SET issuer = x'0102' WHERE id = {BY_SERIAL}"),
    "another part of the list": ("list_url", f"UPDATE issuance SET shard = 99 WHERE id = {BY_SERIAL}"),
    "begun before it was proved": ("not_authorized", f"UPDATE issuance SET begun = begun - 60 WHERE id = {BY_SERIAL}"),
    "a blocked key": ("key_blocked", f"INSERT INTO blocked_key (hash, since) SELECT key_hash, 1 FROM issuance WHERE id = {BY_SERIAL}"),
    "never finished": ("unfinished", f"UPDATE issuance SET state = 0, begun = begun - 7200 WHERE id = {BY_SERIAL}"),
    "given up": ("unfinished", f"UPDATE issuance SET state = 2 WHERE id = {BY_SERIAL}"),
    "no order": ("order_missing", f"DELETE FROM orders WHERE id = {OF_ORDER}"),
    "an order of another": ("account_differs", f"UPDATE orders SET account_id = 77 WHERE id = {OF_ORDER}"),
    "no account": ("account_missing", f"UPDATE issuance SET account_id = 77 WHERE id = {BY_SERIAL}"),
    "another name ordered": ("name_not_ordered", f"UPDATE orders SET identifiers = (SELECT identifiers FROM orders WHERE id <> {OF_ORDER}"
                             f" ORDER BY id LIMIT 1) WHERE id = {OF_ORDER}"),
    "no authorization": ("authorization_missing", f"DELETE FROM authz WHERE {AUTHZ_OF}"),
    "not validated": ("not_authorized", f"UPDATE authz SET verdict = 2 WHERE {AUTHZ_OF}"),
    "validated too late": ("not_authorized", f"UPDATE authz SET attempt_finished = attempt_finished + 600 WHERE {AUTHZ_OF}"),
    "expired before": ("not_authorized", f"UPDATE authz SET expires = attempt_finished - 60 WHERE {AUTHZ_OF}"),
    "deactivated before": ("not_authorized", f"UPDATE authz SET deactivated = attempt_finished - 60 WHERE {AUTHZ_OF}"),
    "an authorization of another": ("not_authorized", f"UPDATE authz SET account_id = 77 WHERE {AUTHZ_OF}"),
    "another name authorized": ("not_authorized", f"UPDATE authz SET value = 'other.example' WHERE {AUTHZ_OF}"),
    "no wildcard authorized": ("not_authorized", f"UPDATE authz SET wildcard = 1 WHERE {AUTHZ_OF}"),
    "no record": ("record_missing", f"UPDATE authz SET record = NULL WHERE {AUTHZ_OF}"),
    "a record that is none": ("record_missing", f"UPDATE authz SET record = '{{' WHERE {AUTHZ_OF}"),
}


@pytest.mark.parametrize("blocked", [0, 1])
def test_a_blocked_device(world, broken, blocked):
    """Blocking revokes in the same change; a certificate that was missed all the same is found, also if it does not name the device."""
    pem = world.pems["rsa"]
    sql(broken, "INSERT INTO device VALUES (9, 2, 'SN', '', 1, 0, ?, '', 0)", blocked)
    sql(broken, f"INSERT INTO device_order SELECT 2, 'SN', order_id FROM issuance WHERE id = {BY_SERIAL}", octets(pem))
    answer = world.check(broken)
    found = [one for one in answer["list"] if one["finding"] == "device_blocked"]
    assert [one["detail"] for one in found] == ['its device "SN" is blocked'] * blocked, answer["list"]


@pytest.mark.parametrize("what", EDITS)
def test_the_database_was_edited(world, broken, what):
    found, statement = EDITS[what]
    pem = world.pems["rsa"]
    sql(broken, statement, *[octets(pem)] * statement.count("?"))
    answer = world.check(broken)
    assert found in answer["by_finding"], answer["list"]
    finding = next(one for one in answer["list"] if one["finding"] == found)
    assert finding["serial"] == serial_of(pem) and finding["rule"] and finding["detail"]
    if finding["advice"].startswith("cairn-ca "):
        assert finding["advice"].startswith(f"cairn-ca revoke --dir {broken} --serial {serial_of(pem)} --reason ")
    assert {one["serial"] for one in answer["list"] if one["serial"]} == {serial_of(pem)}, answer["list"]


def test_a_certificate_of_another(world, broken):
    """Its signature is good, and it is not the one that was decided on; nor is one with a bit turned."""
    sql(broken, f"UPDATE certificate SET der = ? WHERE id = {BY_SERIAL}", der(world.pems["plain"]), octets(world.pems["rsa"]))
    answer = world.check(broken, "--only", "certificates")
    assert {"not_as_decided", "wrong_serial"} <= set(answer["by_finding"]), answer
    sql(broken, f"UPDATE certificate SET der = ? WHERE id = {BY_SERIAL}", der(world.pems["rsa"])[:-1] + b"\0",
        octets(world.pems["rsa"]))
    assert world.check(broken)["by_finding"] in ({"signature": 1}, {}), "a last octet that was 0"
    turned = bytearray(der(world.pems["rsa"]))
    turned[-20] ^= 1
    sql(broken, f"UPDATE certificate SET der = ? WHERE id = {BY_SERIAL}", bytes(turned), octets(world.pems["rsa"]))
    assert world.check(broken)["by_finding"] == {"signature": 1}


def rebuilt(world, directory, name, change):
    """The certificate again, signed by the CA's key, with other extensions; the database has it as if it had been so."""
    old = x509.load_pem_x509_certificate(world.pems[name])
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number, old.not_valid_before,
                                      old.not_valid_after)
    for extension in change(list(old.extensions)):
        builder = builder.add_extension(extension.value, extension.critical)
    made = builder.sign(issuing_key(directory), hashes.SHA256())
    sql(directory, f"UPDATE certificate SET der = ? WHERE id = {BY_SERIAL}", made.public_bytes(DER), octets(world.pems[name]))
    sql(directory, "UPDATE issuance SET tbs = ? WHERE serial = ?", made.tbs_certificate_bytes, octets(world.pems[name]))


@pytest.mark.parametrize("without", ["AuthorityKeyIdentifier", "SubjectAlternativeName", "BasicConstraints", "KeyUsage"])
def test_a_rule_that_is_broken(world, broken, without):
    """As a former version might have signed it, whose lint knew less."""
    rebuilt(world, broken, "plain", lambda extensions: [e for e in extensions if type(e.value).__name__ != without])
    answer = world.check(broken, "--only", "certificates")
    assert answer["by_finding"] == {"rule": 1}, answer
    assert answer["list"][0]["rule"].startswith("rule_") and "5280" in answer["list"][0]["rule"], answer


def test_the_same_again_is_no_finding(world, broken):
    rebuilt(world, broken, "plain", lambda extensions: extensions)
    assert world.check(broken)["clean"]


def test_rows_that_belong_to_nothing(world, broken):
    sql(broken, "INSERT INTO certificate (id, der, chain_id) VALUES (4711, x'00', 1)")
    sql(broken, "INSERT INTO revocation (issuance_id, at, reason, listed) VALUES (4712, 1, 1, 1)")
    answer = world.check(broken)
    assert answer["by_finding"] == {"orphan_certificate": 1, "orphan_revocation": 1}, answer
    assert [one["object"] for one in answer["list"]] == ["certificate 4711", "issuance 4712"]


def test_a_damaged_database(world, broken):
    size = row(broken, "PRAGMA page_size")[0]
    root = row(broken, "SELECT rootpage FROM sqlite_schema WHERE name = 'issuance_serial'")[0]
    with sqlite3.connect(broken / "cairn.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(broken / "cairn.db", "r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 64)
    answer = world.check(broken, "--only", "store")
    assert answer["by_finding"]["damaged"] == 1, answer


# ---- what became stricter since ----

SETTINGS = {
    "a name is denied now": (["directories.default.deny_names=rsa.example.test"], "name_refused", "rsa"),
    "only other names": (["directories.default.allow_names=.several.example.test,plain.example.test"], "name_refused", "rsa"),
    "public names only": (["directories.default.public_names=true"], "name_refused", "rsa"),
    "no addresses now": (["directories.default.identifiers=dns"], "name_refused", "ip"),
    "lists are elsewhere now": (["publish.url=http://elsewhere.example.test"], "list_url", "rsa"),
    "a shorter profile": (["profiles.classic.lifetime=3d"], "profile", "rsa"),
    "fewer keys": (["profiles.classic.key_types=p256"], "profile", "rsa"),
    "other usages": (["profiles.classic.usages=server,client"], "profile", "rsa"),
    "no common names": (["profiles.short.common_name=none"], "profile", "short"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_the_rules_of_today(world, broken, what):
    sets, found, name = SETTINGS[what]
    answer = world.check(broken, sets=sets)
    assert serial_of(world.pems[name]) in {one["serial"] for one in answer["list"] if one["finding"] == found}, answer


def test_former_urls_are_good(world, broken):
    former = f"publish.former_urls=http://localhost:{world.house.plain}"
    assert world.check(broken, "--only", "certificates", sets=["publish.url=http://elsewhere.example.test", former])["clean"]


def test_a_profile_that_is_gone(world, broken):
    """Its certificates are judged without it, and counted."""
    file = broken / "cairn-ca.yaml"
    file.write_text(file.read_text().replace("profiles: [classic, short, corp]", "profiles: [classic]")
                    .replace("  short:\n    lifetime: 6d\n    common_name: first\n", ""))
    answer = world.check(broken)
    assert answer["clean"] and answer["without_profile"] == 1, answer


def test_a_key_in_a_list_of_bad_ones(world, broken, tmp_path):
    key = x509.load_pem_x509_certificate(world.pems["plain"]).public_key()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "bad").write_text(digest.finalize().hex() + "\n")
    answer = world.check(broken, sets=[f"keys.compromised={tmp_path / 'bad'}"])
    assert answer["by_finding"] == {"key_weak": 1} and answer["list"][0]["serial"] == serial_of(world.pems["plain"]), answer


# ---- evidence ----

def test_what_housekeeping_removed(world, broken):
    """An authorization that is gone is no finding where housekeeping may have removed it, and is counted."""
    sql(broken, f"DELETE FROM authz WHERE {AUTHZ_OF}", octets(world.pems["rsa"]))
    later = int(time.time()) + 40 * 86400
    sql(broken, "INSERT OR REPLACE INTO sweep (id, clock, orders, authzs) VALUES (1, ?, 0, 0)", later)
    answer = world.check(broken, "--only", "evidence")
    assert answer["clean"] and answer["evidence_expired"] == 1, answer
    answer = world.check(broken, "--only", "evidence", sets=["retention.authorizations=60d"])
    assert answer["by_finding"] == {"authorization_missing": 1}, answer


def test_caa_that_was_not_looked_at(world, broken):
    answer = world.check(broken, sets=["caa_identities=ca.example.test"])
    assert set(answer["by_finding"]) == {"caa_missing"}
    names = sum(len(x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)) for name, pem in world.pems.items()
                if name not in ("revoked", "unspecified", "none"))
    assert answer["findings"] == names
    now = int(time.time())
    sql(broken, "UPDATE authz SET caa_checked = attempt_finished")
    assert world.check(broken, sets=["caa_identities=ca.example.test"])["clean"]
    sql(broken, "UPDATE authz SET caa_checked = ?", now - 9 * 3600)
    assert world.check(broken, sets=["caa_identities=ca.example.test"])["findings"] == names
    sql(broken, "UPDATE orders SET caa_checked = ?", now - 7 * 3600)
    assert world.check(broken, sets=["caa_identities=ca.example.test"])["clean"]


def test_signed_and_not_known(world, broken):
    """The signer's journal has a serial that the database lost: a backup was restored."""
    serial = octets(world.pems["rsa"])
    for table in ("certificate", "issuance"):
        sql(broken, f"DELETE FROM {table} WHERE id = {BY_SERIAL}" if table == "certificate" else
            "DELETE FROM issuance WHERE serial = ?", serial)
    answer = world.check(broken)
    assert answer["by_finding"] == {"unrecorded": 1} and answer["list"][0]["serial"] == serial.hex(), answer
    assert world.check(broken, "--since", "1h")["by_finding"] == {"unrecorded": 1}


def test_given_up_before_it_was_signed(world, broken):
    """It is no finding that an issuance was given up, unless the signer was asked to sign."""
    serial = octets(world.pems["rsa"])
    sql(broken, f"DELETE FROM certificate WHERE id = {BY_SERIAL}", serial)
    sql(broken, "UPDATE issuance SET state = 2 WHERE serial = ?", serial)
    assert world.check(broken)["by_finding"] == {"unfinished": 1}
    journal = broken / "signer.journal"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if serial.hex() not in line))
    assert len(journal.read_text().splitlines()) == len(lines) - 1
    assert world.check(broken)["clean"]
    journal.unlink()
    assert world.check(broken)["by_finding"] == {"journal_missing": 1, "unfinished": 1}


def test_a_signature_that_is_not_in_the_audit_log(world, broken):
    """What was signed before the log was begun is not looked for; where it has been begun anew, nothing is known either."""
    segment = broken / "audit/signer/000001.jsonl"
    digest = hashes.Hash(hashes.SHA256())
    digest.update(x509.load_pem_x509_certificate(world.pems["rsa"]).tbs_certificate_bytes)
    wanted = digest.finalize().hex()
    lines = segment.read_text().splitlines(keepends=True)
    kept = [line for line in lines if f'"tbs_sha256":"{wanted}"' not in line]
    assert len(kept) == len(lines) - 1
    segment.write_text("".join(kept))
    # the first second of the log is nobody's
    sql(broken, "UPDATE issuance SET begun = begun + 1 WHERE serial = ?", octets(world.pems["rsa"]))
    answer = world.check(broken)
    assert answer["by_finding"] == {"not_audited": 1} and answer["list"][0]["serial"] == serial_of(world.pems["rsa"]), answer
    assert world.check(broken, "--only", "certificates", "--only", "evidence")["clean"]
    shutil.rmtree(broken / "audit")
    assert world.check(broken)["clean"]


# ---- lists ----

def lists(directory):
    return sorted(path for path in (directory / "published").rglob("*.crl"))


def whole(world, directory):
    return directory / "published" / world.house.path().lstrip("/")


def issuing_key(directory):
    return serialization.load_pem_private_key((directory / "intermediate.key").read_bytes(), None)


def remake(directory, path, *, drop=(), add=(), reason=None, key=None, days=1, number=None, record=False):
    """The list again, with other entries, signed by the CA's key or by another; its number is the old one."""
    old = x509.load_der_x509_crl(path.read_bytes())
    builder = x509.CertificateRevocationListBuilder().issuer_name(old.issuer).last_update(old.last_update)
    builder = builder.next_update(old.last_update + datetime.timedelta(days=days))
    for extension in old.extensions:
        value = extension.value
        if number is not None and isinstance(value, x509.CRLNumber):
            value = x509.CRLNumber(number)
        builder = builder.add_extension(value, extension.critical)
    for entry in [entry for entry in old if entry.serial_number not in drop]:
        made = x509.RevokedCertificateBuilder().serial_number(entry.serial_number).revocation_date(entry.revocation_date)
        if reason is not None:
            made = made.add_extension(x509.CRLReason(reason), False)
        else:
            for extension in entry.extensions:
                made = made.add_extension(extension.value, extension.critical)
        builder = builder.add_revoked_certificate(made.build())
    for serial in add:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(old.last_update).build())
    made = builder.sign(key or issuing_key(directory), hashes.SHA256()).public_bytes(DER)
    path.write_bytes(made)
    if record:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(made)
        sql(directory, "UPDATE crl SET hash = ? WHERE shard = 0", digest.finalize())


def broken_list(world, directory, name):
    path = whole(world, directory)
    revoked = int(serial_of(world.pems["revoked"]), 16)
    if name == "gone":
        path.unlink()
    elif name == "no list":
        path.write_bytes(b"0\x03\x02\x01\x00")
    elif name == "of another key":
        remake(directory, path, key=ec.generate_private_key(ec.SECP256R1()), record=True)
    elif name == "without one that is revoked":
        remake(directory, path, drop=[revoked], record=True)
    elif name == "with one that is not":
        remake(directory, path, add=[int(serial_of(world.pems["plain"]), 16)], record=True)
    elif name == "with other reasons":
        remake(directory, path, reason=x509.ReasonFlags.key_compromise, record=True)
    elif name == "an older one":
        remake(directory, path, number=5)
    elif name == "another one":
        remake(directory, path)
    elif name == "over":
        remake(directory, path, days=1 / 1440, record=True)
    elif name == "for too long":
        remake(directory, path, days=30, record=True)


@pytest.mark.parametrize("name, found", [
    ("gone", {"list_missing": 1}), ("no list", {"list_unreadable": 1}), ("of another key", {"list_signature": 1}),
    ("without one that is revoked", {"not_listed": 1}), ("with one that is not", {"listed_wrongly": 1}),
    ("with other reasons", {"listed_otherwise": 3}), ("an older one", {"list_number": 1}), ("another one", {"list_differs": 1}),
    ("for too long", {"list_rule": 1}), ("over", {"list_rule": 1}),
])
def test_a_list_that_is_wrong(world, broken, name, found):
    broken_list(world, broken, name)
    answer = world.check(broken, "--only", "lists")
    assert answer["by_finding"] == found, answer["list"]
    assert {one["object"] for one in answer["list"]} == {str(whole(world, broken))}
    if "not_listed" in found or "listed_wrongly" in found:
        name = "revoked" if "not_listed" in found else "plain"
        assert answer["list"][0]["serial"] == serial_of(world.pems[name])


def test_revoked_and_not_listed(world, broken):
    """The database says it is revoked, and no list was made since; both its lists are behind."""
    serial = octets(world.pems["plain"])
    sql(broken, f"INSERT INTO revocation (issuance_id, at, reason, listed) SELECT id, {int(time.time()) - 60}, 4, 1"
        " FROM issuance WHERE serial = ?", serial)
    answer = world.check(broken, "--only", "lists")
    assert answer["by_finding"] == {"not_listed": 2}, answer
    assert {one["serial"] for one in answer["list"]} == {serial.hex()}
    sql(broken, "UPDATE crl SET changed = changed + 1 WHERE shard = 0")
    assert world.check(broken, "--only", "lists")["by_finding"]["list_behind"] == 1


def test_an_issuer_that_is_not_configured(world, broken):
    """Another intermediate took its place: its certificates still verify, and nobody signs their list."""
    subprocess.run([str(house_module.CAIRN_CA), "init", "--dir", str(broken.parent / "other"), "--name", "Other"], check=True,
                   stdout=subprocess.DEVNULL)
    for name in ("root.pem", "intermediate.pem", "intermediate.key"):
        shutil.copy(broken.parent / "other" / name, broken / name)
    answer = world.check(broken)
    assert answer["by_finding"]["no_list_signer"] == 1, answer
    assert not {"signature", "issuer_unknown", "rule"} & set(answer["by_finding"]), answer
    finding = next(one for one in answer["list"] if one["finding"] == "no_list_signer")
    assert finding["object"] == world.key_id and "certificates have not ended" in finding["detail"]


def test_the_issuing_certificate_is_not_published(world, broken):
    next((broken / "published" / "ca").iterdir()).unlink()
    assert world.check(broken)["by_finding"] == {"issuer_not_published": 1}


# ---- how it is asked ----

def test_since_and_only_and_limit(world, broken):
    sql(broken, "UPDATE authz SET record = NULL")
    sql(broken, "UPDATE certificate SET der = x'3000'")
    answer = world.check(broken, "--limit", 2)
    assert len(answer["list"]) == 4 and answer["by_finding"]["record_missing"] > 2, answer
    assert set(world.check(broken, "--only", "evidence")["by_finding"]) == {"record_missing"}
    assert set(world.check(broken, "--only", "certificates", "--only", "evidence")["by_finding"]) == {"record_missing", "unreadable"}
    sql(broken, "UPDATE issuance SET begun = begun - 172800 WHERE serial = ?", octets(world.pems["rsa"]))
    yesterday = datetime.datetime.utcnow() - datetime.timedelta(days=1)
    fewer = world.check(broken, "--since", yesterday.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert fewer["issuances"] == world.check(broken)["issuances"] - 1


@pytest.mark.parametrize("words, code, error", [
    (["--only", "nothing"], 64, "USAGE"), (["--since", "tomorrow"], 64, "USAGE"), (["--since", "2999-01-01"], 64, "USAGE"),
    (["--limit", "0"], 64, "USAGE"), (["--set", "crl.shards=many"], 78, "CONFIG"), (["--set", "files.store=none.db"], 1, "STORE"),
    (["--set", "files.intermediate=none.pem"], 1, "NOT_FOUND"),
])
def test_it_cannot_look(world, broken, words, code, error):
    """An error is another exit code than findings."""
    assert check(broken, *words, code=code)["code"] == error
    assert not (broken / "none.db").exists()


def test_an_older_schema(world, broken):
    sql(broken, "PRAGMA user_version = 4", wanted=-1)
    assert "start the CA once" in world.check(broken, code=1)["detail"]


def test_while_it_issues_and_revokes(tmp_path):
    """Beside a CA that works there are no findings, and it goes on working."""
    house = Publishing(tmp_path / "ca", sets=["crl.shards=2"])
    try:
        house.start()
        responder = Responder(house.http_port)
        client = acme_raw.Client(house.url, house.root)
        client.register()
        over = threading.Event()
        answers = []

        def look():
            while not over.is_set():
                answers.append(check(house.directory, sets=["validation.allow_networks=127.0.0.0/8", *house.sets]))

        thread = threading.Thread(target=look)
        thread.start()
        for i in itertools.count():
            if i >= 20 and len(answers) >= 3:
                break
            pem = client.issue(responder, f"n{i}.example.test")
            if i % 2 == 0:
                assert revoke(client, der(pem), [None, 1, 4][i % 3]).status == 200
        over.set()
        thread.join()
        responder.close()
        assert all(one["clean"] for one in answers), [one["list"] for one in answers if not one["clean"]]
        assert house.stop() == 0, house.text()
    finally:
        house.close()
