"""Certificate Transparency (RFC 6962): precertificates, logs, timestamps (issue 5, point 7). The logs are ct_log.py, which
verifies what it is sent; timestamps are judged by OpenSSL and python3-cryptography. Rows X-CT-1 to X-CT-4."""
import base64
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from acme_raw import Client, b64, make_csr
from ct_log import POISON, TIMESTAMPS, CtLog, Root, without
from house import CAIRN_CA, House, free_port
from judges import certificates, judge
from rejudged import nothing_found
from responder import Responder
from test_admin import admin
from test_audit import events, verify
from test_directories import ask, configure

PROFILES = """
profiles:
  plain:
    description: none
  shown:
    ct: required
  pair:
    ct: required
    ct_logs: [a, b]
  stuck:
    ct: required
    ct_logs: [d, e]
  over:
    ct: required
    ct_logs: [past, b]
directories:
  default:
    profiles: [plain, shown, pair, stuck, over]
"""


class World:
    def __init__(self, folder, extra="", **logs):
        self.roots = Root(folder)
        big = rsa.generate_private_key(65537, 2048)
        self.logs = {
            "a": CtLog("a", self.roots, operator="one"),
            "b": CtLog("b", self.roots, api="static", operator="two"),
            "c": CtLog("c", self.roots, operator="three", key=big, host="127.0.0.1"),
            "d": CtLog("d", self.roots, operator="four"),
            "e": CtLog("e", self.roots, api="static", operator="five"),
            "past": CtLog("past", self.roots, operator="six"),
        }
        self.house = House(folder / "ca", sets=[f"ct.ca_file={self.roots.path}", "ct.timeout=6s", "order.hold=9s",
                                                *logs.pop("sets", ())])
        configure(self.house, PROFILES + "ct_logs:\n" + "".join(
            log.yaml(**({"not_after_before": "2026-01-01T00:00:00Z"} if name == "past" else {}))
            for name, log in self.logs.items()) + extra)
        for log in self.logs.values():
            log.trust(self.house.root.read_bytes())
        self.house.start()
        self.responder = Responder(self.house.http_port)
        self.client = self.connect()
        self.client.register()

    def connect(self, key=None):
        return Client(self.house.url, self.house.root, key)

    def ready(self, name, profile):
        made = ask(self.client, name, profile=profile)
        assert made.status == 201, made
        self.client.prove(made.json, self.responder)
        return made.headers["Location"], made.json

    def issue(self, name, profile="shown"):
        url, order = self.ready(name, profile)
        return self.finish(url, self.client.post(order["finalize"], {"csr": b64(make_csr([name]))}))

    def finish(self, url, answer):
        assert answer.status == 200, answer
        final = answer.json if answer.json["status"] == "valid" else self.client.poll(url, ("valid", "invalid")).json
        assert final["status"] == "valid", final
        return self.client.post(final["certificate"], None).body

    def seen(self, name, endpoint="add-pre-chain"):
        """What each log was shown for a name: log to leaf certificates, in the order they came."""
        found = {}
        for key, log in self.logs.items():
            leaves = [x509.load_der_x509_certificate(chain[0]) for where, chain in list(log.submissions)
                      if where == endpoint]
            of_name = [leaf for leaf in leaves if name in leaf.extensions.get_extension_for_class(
                x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)]
            if of_name:
                found[key] = of_name
        return found

    def rows(self, query, *values):
        with sqlite3.connect(f"file:{self.house.directory}/cairn.db?mode=ro", uri=True) as db:
            return db.execute(query, values).fetchall()

    def set(self, mode, *names):
        for name in names or self.logs:
            self.logs[name].mode = mode

    def log_of(self, log_id):
        return next(log for log in self.logs.values() if log.id == log_id)

    def no_refusals(self):
        for log in self.logs.values():
            assert log.refusals == []

    def close(self):
        for log in self.logs.values():
            log.close()
        self.responder.close()
        self.house.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("ct"))
    try:
        yield made
        made.no_refusals()
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text(), made.house.text()
        assert "AddressSanitizer" not in made.house.text(), made.house.text()
        nothing_found(made.house, but=["precertificate"])  # orders that were given another key
    finally:
        made.close()


@pytest.fixture
def world(shared):
    for log in shared.logs.values():
        log.mode = "good"
        log.released.clear()
    return shared


@pytest.fixture
def own(tmp_path):
    made = World(tmp_path)
    try:
        yield made
        made.no_refusals()
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text(), made.house.text()
    finally:
        made.close()


def timestamps(certificate):
    return list(certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value)


def check_pair(world, name, pem, newest=False):
    """The certificate has timestamps of two operators, and is what the logs were shown but for one extension."""
    leaf = certificates(pem)[0]
    found = timestamps(leaf)
    logs = [world.log_of(t.log_id) for t in found]
    assert len({log.operator for log in logs}) >= 2
    assert any(log.api == "rfc6962" for log in logs)
    bare, place = without(leaf.tbs_certificate_bytes, TIMESTAMPS)
    for shown in world.seen(name).values():
        for pre in shown[-1:] if newest else shown:
            was, was_at = without(pre.tbs_certificate_bytes, POISON)
            assert was == bare and was_at == place  # X-CT-1, 2: the same issuer, too
    assert bare == leaf.tbs_precertificate_bytes
    return leaf, logs


def openssl_judges(world, tmp_path, pem, key, logs):
    """X-TLS-15: s_client takes the timestamps apart and verifies them by the logs' keys (RFC 6962 5.2)."""
    time.sleep(1.1)  # its clock has whole seconds, and timestamps of the future are not valid to it
    (tmp_path / "chain.pem").write_bytes(pem)
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                         serialization.NoEncryption()))
    listed = "".join(f"[{log.name}]\ndescription = {log.name}\nkey = "
                     f"{base64.b64encode(log.spki).decode()}\n" for log in logs)
    (tmp_path / "logs.cnf").write_text(f"enabled_logs = {','.join(log.name for log in logs)}\n{listed}")
    port = free_port()
    server = subprocess.Popen(["openssl", "s_server", "-quiet", "-port", str(port), "-cert", str(tmp_path / "chain.pem"),
                               "-cert_chain", str(tmp_path / "chain.pem"), "-key", str(tmp_path / "key.pem")],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            done = subprocess.run(["openssl", "s_client", "-ct", "-ctlogfile", str(tmp_path / "logs.cnf"), "-CAfile",
                                   str(world.house.root), "-connect", f"127.0.0.1:{port}"], input="Q\n",
                                  capture_output=True, text=True, check=False, timeout=20)
            if "SCT validation status" in done.stdout or server.poll() is not None:
                return done.stdout
            time.sleep(0.1)
        raise AssertionError(done)
    finally:
        server.kill()
        server.wait()


def test_timestamps_of_two_operators(world, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    url, order = world.ready("two.ct.flow", "pair")
    pem = world.finish(url, world.client.post(order["finalize"], {"csr": b64(make_csr(["two.ct.flow"], key))}))
    leaf, logs = check_pair(world, "two.ct.flow", pem)
    assert [log.name for log in logs] in (["a", "b"], ["b", "a"])
    check_lines(world, leaf)
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (tmp_path / "all.pem").write_bytes(pem)
    judge(tmp_path / "leaf.pem", tmp_path / "all.pem", world.house.root, ["two.ct.flow"])
    text = openssl_judges(world, tmp_path, pem, key, logs)
    assert text.count("SCT validation status: valid") == 2, text
    # the judge can say no
    one = openssl_judges(world, tmp_path, pem, key, logs[:1])
    assert one.count("SCT validation status: valid") == 1 and "SCT validation status: unknown log" in one, one


def check_lines(world, leaf):
    """Of each timestamp in the certificate the audit log has a line, with the digest of what is in it."""
    extension = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value.public_bytes()
    rest, inside = extension[extension.index(b"\x00", 2) + 2:], []  # RFC 6962 3.3: OCTET STRING, length of the list
    while rest:
        size = int.from_bytes(rest[:2])
        inside.append(rest[2:2 + size])
        rest = rest[2 + size:]
    issuance = next(line["issuance"] for line in events(world.house, "issuance") if line["serial"] == f"{leaf.serial_number:x}")
    lines = [line for line in events(world.house, "ct.timestamp") if line["issuance"] == issuance]
    assert {line["log"] for line in lines if line["result"] == "ok"} >= {"a", "b"}
    assert {hashlib.sha256(octets).hexdigest() for octets in inside} <= {line.get("timestamp_sha256") for line in lines}
    assert len(inside) >= 2
    kinds = {line["kind"] for line in events(world.house, "sign", "signer")}
    assert {0, 1} <= kinds and verify(world.house.directory)["good"]


def test_the_certificate_itself_is_shown(world):
    pem = world.issue("final.ct.flow", "pair")
    leaf = certificates(pem)[0]
    deadline = time.monotonic() + 20
    while set(world.seen("final.ct.flow", "add-chain")) != {"a", "b"} and time.monotonic() < deadline:
        time.sleep(0.05)
    shown = world.seen("final.ct.flow", "add-chain")
    assert set(shown) == {"a", "b"} and all(c == [leaf] for c in shown.values())


def test_off_by_default(world):
    before = [len(log.submissions) for log in world.logs.values()]
    leaf = certificates(world.issue("plain.ct.flow", "plain"))[0]
    with pytest.raises(x509.ExtensionNotFound):
        timestamps(leaf)
    assert world.seen("plain.ct.flow") == {}
    assert world.rows("SELECT count(*) FROM precertificate WHERE issuance_id IN (SELECT id FROM issuance WHERE profile = "
                      "'plain')") == [(0,)]
    assert before <= [len(log.submissions) for log in world.logs.values()]


@pytest.mark.parametrize("mode", [m for m in CtLog.MODES if m not in ("hang", "no leaf index")])
def test_another_log_is_asked(world, mode):
    """X-CT-4: what a log says counts only if it is signed, about this precertificate, and of now."""
    name = f"{mode.replace(' ', '-')}.ct.flow"
    world.set(mode, "a", "b")
    leaf, logs = check_pair(world, name, world.issue(name))
    assert not {"a", "b"} & {log.name for log in logs}


def test_a_static_log_says_where_the_entry_is(world):
    world.set("no leaf index", "b", "e")
    leaf, logs = check_pair(world, "leafless.ct.flow", world.issue("leafless.ct.flow"))
    assert not {"b", "e"} & {log.name for log in logs}


def test_a_log_that_hangs(world):
    world.set("hang", "a", "b", "c")
    name = "hangs.ct.flow"
    leaf, logs = check_pair(world, name, world.issue(name))
    assert {log.name for log in logs} == {"d", "e"}
    for log in world.logs.values():
        log.released.set()


def test_a_shard_that_is_over_is_not_asked(world):
    for i in range(4):
        check_pair(world, f"shard{i}.ct.flow", world.issue(f"shard{i}.ct.flow"))
    assert world.logs["past"].submissions == []
    # and if the profile has no others, there is no certificate, but an order that goes on
    url, order = world.ready("over.ct.flow", "over")
    answer = world.client.post(order["finalize"], {"csr": b64(make_csr(["over.ct.flow"]))})
    assert answer.status == 503 and "too few timestamps" in answer.json["detail"], answer
    assert world.client.post(url, None).json["status"] == "ready"


def issuances(world, name):
    """Of the newest order for the name: state, serial, whether there is a precertificate and a certificate."""
    return world.rows("SELECT i.state, hex(i.serial), p.der, c.der FROM issuance i LEFT JOIN precertificate p ON "
                      "p.issuance_id = i.id LEFT JOIN certificate c ON c.id = i.id WHERE i.order_id = (SELECT max(id) "
                      "FROM orders) ORDER BY i.id")


@pytest.mark.parametrize("mode", ["status 400", "hang"])
def test_all_logs_fail_and_the_order_goes_on(world, mode):
    """X-CT-3: the precertificate stays known; finalizing again goes on with it."""
    name = f"again-{mode.split()[0]}.ct.flow"
    url, order = world.ready(name, "stuck")
    csr = b64(make_csr([name]))
    world.set(mode, "d", "e")
    answer = world.client.post(order["finalize"], {"csr": csr})
    assert answer.status == 503 and answer.headers["Retry-After"], answer
    assert answer.type.endswith(":serverInternal") or "too few timestamps" in answer.json["detail"], answer
    assert "d: " in answer.json["detail"] and "e: " in answer.json["detail"], answer
    assert world.client.post(url, None).json["status"] == "ready"
    ((state, serial, pre, final),) = issuances(world, name)
    assert state == 3 and pre is not None and final is None
    world.set("good")
    for log in world.logs.values():
        log.released.set()
    pem = world.finish(url, world.client.post(order["finalize"], {"csr": csr}))
    leaf, _ = check_pair(world, name, pem)
    ((state, again, _, final),) = issuances(world, name)
    assert (state, again) == (1, serial) and final == leaf.public_bytes(Encoding.DER)
    for shown in world.seen(name).values():
        assert len({c.public_bytes(Encoding.DER) for c in shown}) == 1  # one precertificate


def test_another_key_is_another_precertificate(world):
    name = "rekey.ct.flow"
    url, order = world.ready(name, "stuck")
    world.set("status 400", "d", "e")
    assert world.client.post(order["finalize"], {"csr": b64(make_csr([name]))}).status == 503
    world.set("good")
    key = ec.generate_private_key(ec.SECP256R1())
    pem = world.finish(url, world.client.post(order["finalize"], {"csr": b64(make_csr([name], key))}))
    assert certificates(pem)[0].public_key().public_numbers() == key.public_key().public_numbers()
    (one, two) = issuances(world, name)
    assert one[0] == 2 and one[2] is not None and one[3] is None  # given up, and known for ever
    assert two[0] == 1 and one[1] != two[1]


def test_a_new_request_for_the_same_key(world):
    name = "same.ct.flow"
    url, order = world.ready(name, "stuck")
    key = ec.generate_private_key(ec.SECP256R1())
    world.set("status 400", "d", "e")
    assert world.client.post(order["finalize"], {"csr": b64(make_csr([name], key))}).status == 503
    world.set("good")
    pem = world.finish(url, world.client.post(order["finalize"], {"csr": b64(make_csr([name], key))}))
    check_pair(world, name, pem)
    ((state, *_),) = issuances(world, name)
    assert state == 1


def test_a_precertificate_counts_as_issued(world):
    """X-CT-3: it is listed and can be revoked, and then is made into no certificate any more."""
    name = "revoked.ct.flow"
    url, order = world.ready(name, "stuck")
    csr = b64(make_csr([name]))
    world.set("status 400", "d", "e")
    assert world.client.post(order["finalize"], {"csr": csr}).status == 503
    ((_, serial, *_),) = issuances(world, name)
    (row,) = [r for r in admin(world.house, "certificate", "list", "--state", "waiting for logs")["certificates"]
              if r["serial"] == serial.lower()]
    assert row["state"] == "waiting for logs" and name in str(row), row
    done = admin(world.house, "revoke", "--serial", serial.lower(), "--reason", "superseded", "--yes")
    assert done["count"] == 1, done
    assert admin(world.house, "certificate", "show", serial.lower())["state"] == "revoked"
    # and it is in the revocation list, for whoever has the precertificate from a log
    issuer = certificates((world.house.directory / "intermediate.pem").read_bytes())[0]
    key_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    deadline, entry = time.monotonic() + 20, None
    while entry is None and time.monotonic() < deadline:
        crl = x509.load_der_x509_crl((world.house.directory / "published" / "crl" / f"{key_id}.crl").read_bytes())
        entry = crl.get_revoked_certificate_by_serial_number(int(serial, 16))
        time.sleep(0.05)
    assert crl.is_signature_valid(issuer.public_key())
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.superseded
    world.set("good")
    pem = world.finish(url, world.client.post(order["finalize"], {"csr": csr}))
    leaf, _ = check_pair(world, name, pem, newest=True)
    assert leaf.serial_number != int(serial, 16)
    (one, two) = issuances(world, name)
    assert (one[0], one[3], two[0]) == (2, None, 1)


def journal(world, serial):
    text = (world.house.directory / "signer.journal").read_text()
    return [line.split()[1] for line in text.splitlines() if serial.lower() in line]


@pytest.mark.parametrize("who", ["front", "signer", "validator", "all"])
def test_killed_while_logs_are_asked(own, who):
    """The precertificate is signed and on record: whoever is killed, there is one certificate of it at last."""
    name = "killed.ct.flow"
    url, order = own.ready(name, "stuck")
    own.set("hang", "d", "e")
    own.client.connection.sock.settimeout(60)
    client = own.client
    client.connection.request("POST", "/" + order["finalize"].split("/", 3)[3], json.dumps(
        client.jws(order["finalize"], {"csr": b64(make_csr([name]))})), {"Content-Type": "application/jose+json"})
    assert own.logs["d"].waiting.acquire(timeout=20) and own.logs["e"].waiting.acquire(timeout=20)
    ((state, serial, pre, _),) = issuances(own, name)
    assert state == 0 and pre is not None
    if who == "all":
        own.house.kill()
    else:
        os.kill(own.house.children()[who], signal.SIGKILL)
    own.set("good")
    for log in own.logs.values():
        log.released.set()
    if who == "all":
        own.house.start()
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            again = own.connect(client.key)
            break
        except OSError:
            time.sleep(0.1)
    again.kid = client.kid
    own.client = again
    final = again.poll(url, ("valid", "invalid"), tries=400).json
    assert final["status"] == "valid", final
    leaf, _ = check_pair(own, name, again.post(final["certificate"], None).body)
    ((state, same, _, kept),) = issuances(own, name)
    assert (state, same) == (1, serial) and kept == leaf.public_bytes(Encoding.DER)
    assert set(journal(own, serial)) == {"prec", "last"}
    digests = {line.split()[3] for line in (own.house.directory / "signer.journal").read_text().splitlines()
               if serial.lower() in line and " last " in line}
    assert digests == {hashlib.sha256(leaf.tbs_certificate_bytes).hexdigest()}


@pytest.mark.parametrize("step", ["prec", "last"])
def test_killed_while_signing(own, step):
    """The signer does not answer, and is killed: before the precertificate, or before the certificate."""
    name = "signing.ct.flow"
    url, order = own.ready(name, "stuck")
    signer = own.house.children()["signer"]
    client = own.client
    if step == "last":
        own.set("hang", "d", "e")
    else:
        os.kill(signer, signal.SIGSTOP)
    client.connection.request("POST", "/" + order["finalize"].split("/", 3)[3], json.dumps(
        client.jws(order["finalize"], {"csr": b64(make_csr([name]))})), {"Content-Type": "application/jose+json"})
    if step == "last":
        assert own.logs["d"].waiting.acquire(timeout=20) and own.logs["e"].waiting.acquire(timeout=20)
        os.kill(signer, signal.SIGSTOP)
        own.set("good")
        for log in own.logs.values():
            log.released.set()
        wanted = "SELECT count(*) FROM precertificate WHERE final IS NOT NULL"
    else:
        wanted = "SELECT count(*) FROM issuance WHERE state = 0"
    deadline = time.monotonic() + 20
    while own.rows(wanted) != [(1,)] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert own.rows(wanted) == [(1,)]
    ((_, serial, *_),) = issuances(own, name)
    os.kill(own.house.children()["front"], signal.SIGKILL)
    os.kill(signer, signal.SIGKILL)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            again = own.connect(client.key)
            break
        except OSError:
            time.sleep(0.1)
    again.kid = client.kid
    own.client = again
    final = again.poll(url, ("valid", "invalid"), tries=400).json
    assert final["status"] == "valid", final
    check_pair(own, name, again.post(final["certificate"], None).body)
    ((state, same, *_),) = issuances(own, name)
    assert (state, same) == (1, serial)


@pytest.mark.parametrize("why", ["root", "name"])
def test_a_log_that_is_not_verified(own, tmp_path, why):
    """Who answers at a log's address must have its name, by a root that is trusted: else nothing is told to it."""
    (tmp_path / "other").mkdir()
    liar = CtLog("d", own.roots, operator="four", key=own.logs["d"].key,
                 host="d.ct.test" if why == "root" else "other.ct.test",
                 trusted=Root(tmp_path / "other", "somebody") if why == "root" else None)
    text = (own.house.directory / "cairn-ca.yaml").read_text()
    (own.house.directory / "cairn-ca.yaml").write_text(
        text.replace(own.logs["d"].url, liar.url.replace("other.ct.test", "d.ct.test")))
    assert own.house.stop() == 0
    own.house.start()
    own.client = own.connect(own.client.key)
    own.client.register()
    url, order = own.ready("liar.ct.flow", "stuck")
    answer = own.client.post(order["finalize"], {"csr": b64(make_csr(["liar.ct.flow"]))})
    assert answer.status == 503 and "d: " in answer.json["detail"], answer
    assert ("certificate problem" if why == "root" else "no alternative certificate") in answer.json["detail"], answer
    assert liar.submissions == []
    liar.close()


def test_logs_by_a_reload(tmp_path):
    """There were none when the house started: the validator has no root certificates, and is started again."""
    roots = Root(tmp_path)
    house = House(tmp_path / "ca", sets=["order.hold=9s"])
    house.start()
    responder = Responder(house.http_port)
    logs = [CtLog("a", roots, operator="one"), CtLog("b", roots, api="static", operator="two")]
    try:
        for log in logs:
            log.trust(house.root.read_bytes())
        configure(house, "profiles:\n  web:\n    ct: required\ndirectories:\n  default:\n    profiles: web\nct_logs:\n"
                  + "".join(log.yaml() for log in logs))
        path = house.directory / "cairn-ca.yaml"
        path.write_text(path.read_text().replace("  ca_file: \"\"", f"  ca_file: \"{roots.path}\""))
        before = house.children()["validator"]
        house.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while house.children().get("validator") in (before, None) and time.monotonic() < deadline:
            time.sleep(0.05)
        client = Client(house.url, house.root)
        client.register()
        leaf = certificates(client.issue(responder, "reload.ct.flow"))[0]
        assert len(timestamps(leaf)) == 2
    finally:
        for log in logs:
            log.close()
        responder.close()
        assert house.stop() == 0
        house.close()


A = "  a:\n    url: https://a.ct.test/x\n    key: \"%s\"\n    operator: one\n"
B = "  b:\n    url: https://b.ct.test/x\n    key: \"%s\"\n    operator: two\n    api: static\n"


@pytest.mark.parametrize("profile, ct, change, words", [
    ("ct: maybe", "", None, "profiles.web: ct: \"maybe\" is neither off nor required"),
    ("ct_logs: a", "", None, "profiles.web: ct_logs: logs are named, but ct is off"),
    ("ct: required\n    ct_logs: nobody", "", None, "there is no log \"nobody\""),
    ("ct: required\n    usages: client", "", None, "usages does not name server"),
    ("ct: required\n    ct_logs: a", "", None, "it needs timestamps of 2 logs, and may use 1"),
    ("ct: required\n    lifetime: 200d", "", None, "it needs timestamps of 3 logs, and may use 2"),
    ("ct: required", "  minimum: 1\n", None, "ct.operators must not be more than ct.minimum"),
    ("ct: required", "  minimum: 3\n  minimum_long: 2\n", None, "ct.minimum_long must not be less"),
    ("ct: required", "  rfc6962: 2\n", None, "of its logs 1 have that API"),
    ("ct: required", "  ca_file: nowhere.pem\n", None, "ct.ca_file: there is no file"),
    ("ct: required", "", ("operator: two", "operator: one"), "its logs are of 1"),
    ("", "", ("https://a.ct.test/x", "http://a.ct.test/x"), "ct_logs.a: url: \"http://a.ct.test/x\" is not https"),
    ("", "", ("api: static", "api: dynamic"), "ct_logs.b: api: \"dynamic\" is neither rfc6962 nor static"),
    ("", "", ("operator: one", "operator: \"\""), "ct_logs.a: operator: who runs it?"),
    ("", "", ("    operator: one", "    operator: one\n    not_after_from: soon"), "not_after_from: \"soon\" is no time"),
    ("", "", ("    operator: one", "    operator: one\n    not_after_from: 2027-01-01T00:00:00Z\n    not_after_before: "
              "2026-01-01T00:00:00Z"), "not_after_before must be later"),
    ("", "", "key", "ct_logs.a: key: not base64"),
    ("", "", "p384", "ct_logs.a: key: logs sign with P-256 or RSA"),
    ("", "", "same", "ct_logs.b: key: it is that of ct_logs.a as well"),
])
def test_check_config(tmp_path, profile, ct, change, words):
    keys = []
    for curve in (ec.SECP384R1() if change == "p384" else ec.SECP256R1(), ec.SECP256R1()):
        spki = ec.generate_private_key(curve).public_key().public_bytes(
            Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        keys.append(base64.b64encode(spki).decode())
    if change == "same":
        keys[1] = keys[0]
    if change == "key":
        keys[0] = "not base64"
    text = (f"profiles:\n  web:\n    description: x\n    {profile}\n" + ("ct:\n" + ct if ct else "") + "ct_logs:\n"
            + A % keys[0] + B % keys[1])
    if isinstance(change, tuple):
        assert change[0] in text
        text = text.replace(*change)
    subprocess.run([CAIRN_CA, "init", "--dir", tmp_path / "ca"], check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "ca/cairn-ca.yaml").write_text(text)
    done = subprocess.run([CAIRN_CA, "check-config", "--dir", tmp_path / "ca"], capture_output=True, text=True, check=False)
    assert done.returncode == 78 and words in done.stderr, done.stderr
