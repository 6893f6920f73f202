"""Revocation lists: made, signed, published over HTTP and as files, and what openssl, certtool and python3-cryptography
make of them. Rows X-CRL."""
import datetime
import email.utils
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import time
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import acme_raw
import house as house_module
import test_revocation
import worst_day
from responder import Responder
from test_admin import admin

PATIENCE = 20  # seconds; only against hanging
EXTENSIONS = x509.oid.ExtensionOID
DER = serialization.Encoding.DER


class Publishing(house_module.House):
    """A CA that publishes by plain HTTP."""

    def __init__(self, directory, *, sets=(), **more):
        self.plain = house_module.free_port()
        super().__init__(directory, sets=[f"publish.listen=127.0.0.1:{self.plain}", *sets], **more)

    @property
    def intermediate(self):
        return x509.load_pem_x509_certificate((self.directory / "intermediate.pem").read_bytes())

    @property
    def key_id(self):
        return self.intermediate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()

    def get(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.plain, timeout=PATIENCE)
        connection.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer

    def path(self, shard=0):
        return f"/crl/{self.key_id}.crl" if shard == 0 else f"/crl/{self.key_id}/{shard}.crl"

    def crl(self, shard=0, judge=True):
        """The list as it is published now; None if there is none."""
        answer = self.get(self.path(shard))
        if answer.status == 404:
            return None
        assert answer.status == 200, answer.content
        crl = x509.load_der_x509_crl(answer.content)
        assert crl.is_signature_valid(self.intermediate.public_key())
        return crl

    def wait_for(self, condition, shard=0):
        """The first published list that is as it should be."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            crl = self.crl(shard)
            if crl is not None and condition(crl):
                return crl
            time.sleep(0.02)
        raise AssertionError(f"no such list:\n{self.text()[-5000:]}")

    def wait_for_serial(self, serial, shard=0):
        return self.wait_for(lambda crl: crl.get_revoked_certificate_by_serial_number(serial) is not None, shard)


def number_of(crl):
    extension = crl.extensions.get_extension_for_class(x509.CRLNumber)
    assert not extension.critical
    return extension.value.crl_number


def serial_of(der):
    return x509.load_der_x509_certificate(der).serial_number


@pytest.fixture
def publishing(tmp_path):
    made = []

    def make(**more):
        made.append(Publishing(tmp_path / f"ca{len(made)}", **more).start())
        made[-1].responder = Responder(made[-1].http_port)
        made.append(made[-1].responder)
        made[-2].client = acme_raw.Client(made[-2].url, made[-2].root)
        made[-2].client.register()
        return made[-2]

    yield make
    for one in reversed(made):
        one.close()


def reopened(house):
    house.client.connect()
    house.client.nonces.clear()


def revoked(house, reason=None):
    der, _ = test_revocation.issued(house.client, house.responder)
    answer = test_revocation.revoke(house.client, der, reason)
    assert answer.status == 200, answer
    return der


def judged(house, crl, der, is_revoked, tmp_path):
    """By openssl and certtool."""
    files = {"crl.pem": crl.public_bytes(serialization.Encoding.PEM),
             "leaf.pem": x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    intermediate, root = house.directory / "intermediate.pem", house.root
    verified = subprocess.run(["openssl", "crl", "-in", tmp_path / "crl.pem", "-CAfile", intermediate, "-noout"],
                              capture_output=True, text=True)
    assert "verify OK" in verified.stderr, verified
    checked = subprocess.run(
        ["openssl", "verify", "-crl_check", "-CAfile", root, "-untrusted", intermediate, "-CRLfile",
         tmp_path / "crl.pem", tmp_path / "leaf.pem"],
        capture_output=True, text=True)
    assert (checked.returncode == 0) is not is_revoked, checked
    if is_revoked:
        assert "certificate revoked" in checked.stderr, checked
    shown = subprocess.run(["certtool", "--crl-info", "--infile", tmp_path / "crl.pem"], capture_output=True, text=True)
    assert shown.returncode == 0, shown
    signed = subprocess.run(["certtool", "--verify-crl", "--load-ca-certificate", intermediate, "--infile",
                             tmp_path / "crl.pem"], capture_output=True, text=True)
    assert signed.returncode == 0, signed
    return shown.stdout


def test_first_list(publishing, tmp_path):
    """X-CRL-1, 2, 3, 6: there is one before anything is revoked."""
    house = publishing()
    der, _ = test_revocation.issued(house.client, house.responder)
    crl = house.wait_for(lambda crl: True)
    assert len(crl) == 0
    number_of(crl)
    key_id = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert not key_id.critical and key_id.value.key_identifier.hex() == house.key_id
    assert {e.oid for e in crl.extensions} == {EXTENSIONS.CRL_NUMBER, EXTENSIONS.AUTHORITY_KEY_IDENTIFIER}
    now = datetime.datetime.utcnow()
    assert crl.last_update <= now < crl.next_update == crl.last_update + datetime.timedelta(days=7)
    assert "Revoked certificates" not in judged(house, crl, der, False, tmp_path)


@pytest.mark.parametrize("reason", [None, 0, 1, 3, 4, 5, 9])
def test_revoked(publishing, tmp_path, reason):
    """S-REV-9, X-CRL-7, 8: it is listed at once, with its reason if that says something."""
    house = publishing()
    before = house.wait_for(lambda crl: True)
    good, _ = test_revocation.issued(house.client, house.responder)
    der = revoked(house, reason)
    crl = house.wait_for_serial(serial_of(der))
    assert len(crl) == 1 and number_of(crl) > number_of(before)
    entry = crl.get_revoked_certificate_by_serial_number(serial_of(der))
    reasons = {1: "key_compromise", 3: "affiliation_changed", 4: "superseded", 5: "cessation_of_operation",
               9: "privilege_withdrawn"}
    if reason in reasons:
        (extension,) = entry.extensions
        assert not extension.critical and extension.value.reason == x509.ReasonFlags[reasons[reason]]
    else:
        assert len(entry.extensions) == 0
    judged(house, crl, der, True, tmp_path)
    judged(house, crl, good, False, tmp_path)


def test_restart(publishing):
    """S-REV-13: what was answered is listed, after kill -9 too; the list that is good is not made again."""
    house = publishing()
    house.wait_for(lambda crl: True)
    first = revoked(house)
    listed = house.wait_for_serial(serial_of(first))
    house.stop()
    house.start()
    assert house.crl().public_bytes(DER) == listed.public_bytes(DER)
    reopened(house)
    second = revoked(house)
    house.kill()
    house.start()
    crl = house.wait_for_serial(serial_of(second))
    assert crl.get_revoked_certificate_by_serial_number(serial_of(first)) is not None
    assert number_of(crl) > number_of(listed)


def test_caching(publishing):
    """X-CRL-12: type, tag, times; never kept beyond nextUpdate."""
    house = publishing()
    crl = house.wait_for(lambda crl: True)
    answer = house.get(house.path())
    assert answer.headers["Content-Type"] == "application/pkix-crl"
    tag, modified = answer.headers["ETag"], answer.headers["Last-Modified"]
    assert email.utils.parsedate_to_datetime(modified).replace(tzinfo=None) == crl.last_update
    age = int(answer.headers["Cache-Control"].partition("max-age=")[2])
    assert 0 < age <= 3600
    for headers in ({"If_None_Match": tag}, {"If_None_Match": f'"x", W/{tag}'}, {"If_None_Match": "*"},
                    {"If_Modified_Since": modified}):
        same = house.get(house.path(), **headers)
        assert same.status == 304 and same.content == b"" and same.headers["ETag"] == tag, headers
    for headers in ({"If_None_Match": '"x"'}, {"If_None_Match": '"x"', "If_Modified_Since": modified},
                    {"If_Modified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, {"If_Modified_Since": "yesterday"}):
        assert house.get(house.path(), **headers).status == 200, headers
    head = house.get(house.path(), method="HEAD")
    assert head.status == 200 and head.content == b"" and int(head.headers["Content-Length"]) == len(answer.content)
    der = revoked(house)
    house.wait_for_serial(serial_of(der))
    fresh = house.get(house.path(), If_None_Match=tag)
    assert fresh.status == 200 and fresh.headers["ETag"] != tag
    issuer = house.get(f"/ca/{house.key_id}.cer")  # its key may be certified again, at the same place
    assert issuer.headers["ETag"] == f'"{hashlib.sha256(issuer.content).hexdigest()[:32]}"'


def test_caches_do_not_outlive_the_list(publishing):
    house = publishing(sets=["crl.lifetime=5m", "crl.interval=1m"])
    crl = house.wait_for(lambda crl: True)
    answer = house.get(house.path())
    age = int(answer.headers["Cache-Control"].partition("max-age=")[2])
    left = (crl.next_update - datetime.datetime.utcnow()).total_seconds()
    assert left - 30 < age <= left + 2


def test_nothing_else_by_plain_http(publishing):
    house = publishing()
    house.wait_for(lambda crl: True)
    answer = house.get(f"/ca/{house.key_id}.cer")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/pkix-cert"
    assert answer.content == house.intermediate.public_bytes(DER)
    for path in ("/", "/acme/directory", "/crl", "/published/crl", "*"):
        answer = house.get(path, method="OPTIONS" if path == "*" else "GET")
        assert answer.status == 404 and house.url.encode() in answer.content, path
    assert house.get("/acme/new-order", method="POST", body=b"{}").status == 404
    for path in ("/crl/", "/crl/00.crl", "/crl/../cairn-ca.yaml", "/ca/../intermediate.key", f"{house.path()}/",
                 f"/crl/{house.key_id}/1.crl", "/ca/%2e%2e/x"):
        assert house.get(path).status == 404, path
    refused = house.get(house.path(), method="POST", body=b"x")
    assert refused.status == 405 and refused.headers["Allow"] == "GET, HEAD"
    context = ssl.create_default_context(cafile=str(house.root))
    with urllib.request.urlopen(f"https://localhost:{house.port}{house.path()}", context=context) as answer:
        assert answer.read() == house.get(house.path()).content


def test_parts(publishing, tmp_path):
    """X-CRL-9, 11: each certificate is in the part its serial says, and in the whole list; each part says which it is."""
    house = publishing(sets=["crl.shards=3"])
    ders = [revoked(house) for _ in range(8)]
    parts = {}
    for der in ders:
        shard = 1 + int.from_bytes(serial_of(der).to_bytes(16, "big")[-4:], "big") % 3
        parts.setdefault(shard, []).append(serial_of(der))
    for shard in (1, 2, 3):
        wanted = sorted(parts.get(shard, []))
        crl = house.wait_for(lambda crl: sorted(r.serial_number for r in crl) == wanted, shard)
        point = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
        assert point.critical and point.value.only_contains_user_certs and not point.value.indirect_crl
        assert [n.value for n in point.value.full_name] == [f"http://localhost:{house.plain}{house.path(shard)}"]
    whole = house.wait_for(lambda crl: len(crl) == len(ders))
    assert sorted(r.serial_number for r in whole) == sorted(map(serial_of, ders))
    judged(house, whole, ders[0], True, tmp_path)
    house.stop()
    house.sets.remove("crl.shards=3")
    house.start()
    reopened(house)
    later = revoked(house)  # in no part; what is in one stays there
    crl = house.wait_for_serial(serial_of(later))
    assert len(crl) == len(ders) + 1
    assert all(sorted(r.serial_number for r in house.crl(s)) == sorted(parts.get(s, [])) for s in (1, 2, 3))


def test_restored_store(publishing):
    """X-CRL-2: a store from a backup does not lead to a number that was used."""
    house = publishing()
    house.wait_for(lambda crl: True)
    house.stop()
    backup = (house.directory / "cairn.db").read_bytes()
    house.start()
    reopened(house)
    numbers = []
    for _ in range(3):
        numbers.append(number_of(house.wait_for_serial(serial_of(revoked(house)))))
    house.stop()
    for name in ("cairn.db-wal", "cairn.db-shm"):
        (house.directory / name).unlink(missing_ok=True)
    (house.directory / "cairn.db").write_bytes(backup)
    house.start()
    crl = house.wait_for(lambda crl: len(crl) == 0)
    assert number_of(crl) > max(numbers)


def test_folder(publishing):
    """X-CRL-13: the files of a web server, at the paths of the URLs; damaged ones are made anew."""
    house = publishing()
    crl = house.wait_for_serial(serial_of(revoked(house)))
    path = house.directory / "published" / house.path().lstrip("/")
    deadline = time.monotonic() + PATIENCE
    while path.read_bytes() != crl.public_bytes(DER) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.read_bytes() == crl.public_bytes(DER)
    assert path.stat().st_mode & 0o777 == 0o644
    issuer = house.directory / "published" / "ca" / f"{house.key_id}.cer"
    assert issuer.read_bytes() == house.intermediate.public_bytes(DER)
    house.stop()
    path.write_bytes(b"half a list")
    house.start()
    again = house.wait_for(lambda one: len(one) == 1)
    assert number_of(again) > number_of(crl)


def test_burst(publishing):
    """Many revocations, few lists; the last one has them all."""
    house = publishing()
    house.wait_for(lambda crl: True)
    ders = [test_revocation.issued(house.client, house.responder)[0] for _ in range(40)]
    mark = len(house.log_path.read_bytes())
    begun = time.monotonic()
    for der in ders:
        assert test_revocation.revoke(house.client, der).status == 200
    house.wait_for(lambda crl: len(crl) == len(ders))
    took = time.monotonic() - begun
    assert house.text(since=mark).count("crl.made") <= 2 * took + 3


def test_signer_is_away(publishing):
    house = publishing()
    house.wait_for(lambda crl: True)
    der, _ = test_revocation.issued(house.client, house.responder)
    os.kill(house.children()["signer"], signal.SIGKILL)
    assert test_revocation.revoke(house.client, der).status == 200
    house.wait_for_serial(serial_of(der))


def test_point_in_certificates(publishing, tmp_path):
    """X-TLS-13, X-CRL-9: one distribution point, by http; openssl follows it."""
    house = publishing(sets=["crl.shards=2"])
    der = revoked(house)
    certificate = x509.load_der_x509_certificate(der)
    (point,) = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (url,) = [name.value for name in point.full_name]
    shard = int(url.rpartition("/")[2].partition(".")[0])
    assert url == f"http://localhost:{house.plain}{house.path(shard)}"
    assert point.reasons is None and point.crl_issuer is None
    house.wait_for_serial(serial_of(der), shard)
    (tmp_path / "leaf.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    checked = subprocess.run(["openssl", "verify", "-extended_crl", "-crl_check", "-crl_download", "-CAfile", house.root,
                              "-untrusted", house.directory / "intermediate.pem", tmp_path / "leaf.pem"],
                             capture_output=True, text=True)
    assert checked.returncode != 0 and "certificate revoked" in checked.stderr, checked
    good, _ = test_revocation.issued(house.client, house.responder)
    (tmp_path / "leaf.pem").write_bytes(x509.load_der_x509_certificate(good).public_bytes(serialization.Encoding.PEM))
    checked = subprocess.run(["openssl", "verify", "-extended_crl", "-crl_check", "-crl_download", "-CAfile", house.root,
                              "-untrusted", house.directory / "intermediate.pem", tmp_path / "leaf.pem"],
                             capture_output=True, text=True)
    assert checked.returncode == 0, checked


def own_certificate(house):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", house.port), timeout=PATIENCE) as raw, context.wrap_socket(raw) as tls:
        return tls.getpeercert(True)


def test_own_certificate_is_known(publishing):
    """The certificate of the CA's own server is recorded as every other, can be revoked by its key's CA, and is listed."""
    house = publishing()
    der = own_certificate(house)
    serial = serial_of(der).to_bytes(16, "big")
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        deadline = time.monotonic() + PATIENCE
        row = None
        while row is None and time.monotonic() < deadline:
            row = db.execute("SELECT order_id, account_id, state, lower(hex(issuer)), der FROM issuance i JOIN certificate c "
                             "ON c.id = i.id WHERE serial = ?", (serial,)).fetchone()
        assert row == (0, 0, 1, house.key_id, der)
        ids = [r[0] for r in db.execute("SELECT id FROM issuance WHERE order_id = 0")]
    assert len(ids) == 1
    house.kill()
    house.start()
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        states = [r[0] for r in db.execute("SELECT state FROM issuance WHERE order_id = 0 ORDER BY id")]
    assert len(states) == 2 and states[0] == 1
    names = [n.value for e in [x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
        x509.CRLDistributionPoints)] for p in e.value for n in p.full_name]
    assert names == [f"http://localhost:{house.plain}{house.path()}"]


def test_own_certificate_is_listed(publishing, tmp_path):
    """S-REV-13: what the CA made for itself, revoked by its operator, is in the list."""
    house = publishing()
    der = own_certificate(house)
    admin(house, "revoke", "--serial", f"{serial_of(der):x}", "--reason", "superseded", "--yes")
    crl = house.wait_for_serial(serial_of(der))
    assert reason_of(crl, serial_of(der)) is x509.ReasonFlags.superseded
    judged(house, crl, der, True, tmp_path)


def reason_of(crl, serial):
    """S-REV-9: None if the entry has none."""
    try:
        return crl.get_revoked_certificate_by_serial_number(serial).extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None


def test_reload_makes_what_has_changed(publishing):
    """Another lifetime or URL makes the lists anew that have it, anything else makes none."""
    house = publishing(sets=["crl.shards=2"])
    numbers = lambda: [number_of(house.wait_for(lambda crl: True, shard)) for shard in (0, 1, 2)]
    path = house.directory / "cairn-ca.yaml"

    def reload(pattern, replacement):
        text = path.read_text()
        assert re.search(pattern, text, re.M), pattern
        path.write_text(re.sub(pattern, replacement, text, count=1, flags=re.M))
        mark = len(house.log_path.read_bytes())
        house.process.send_signal(signal.SIGHUP)
        house.wait_for_line("tls.certificate", since=mark)
        return mark

    first = numbers()
    reload(r"^website: .*$", "website: https://www.flow.test/")
    mark = reload(r"^(publish:\n(?:[ #].*\n)*?  former_urls:) .*$", r"\1 [http://old.example.test]")
    house.wait_for_line(r"crl\.made path=/crl/[0-9a-f]+/[12]\.crl.*\n(?s:.*)crl\.made path=/crl/[0-9a-f]+/[12]\.crl", since=mark)
    second = numbers()
    assert second[0] == first[0] and second[1] > first[1] and second[2] > first[2]
    reload(r"^(crl:\n(?:[ #].*\n)*?  lifetime:) .*$", r"\1 6d")
    for shard in range(3):
        made = house.wait_for(lambda crl: number_of(crl) > second[shard], shard)
        assert made.next_update - made.last_update == datetime.timedelta(days=6)


def command(house, *words):
    return subprocess.run([str(house_module.CAIRN_CA), "crl", *words, "--dir", str(house.directory), "--json"],
                          capture_output=True, text=True)


def test_commands(publishing):
    """crl list, show, renew: of a running CA and of one that is stopped."""
    house = publishing()
    crl = house.wait_for_serial(serial_of(revoked(house)))
    (row,) = json.loads(command(house, "list").stdout)["lists"]
    assert (row["issuer"], row["shard"], row["entries"], row["current"]) == (house.key_id, 0, 1, True), row
    assert row["number"] == number_of(crl)
    shown = json.loads(command(house, "show", house.key_id).stdout)
    assert shown["sha256"] == hashlib.sha256(crl.public_bytes(DER)).hexdigest()
    assert shown["file"].endswith("/published" + house.path())
    assert json.loads(command(house, "renew").stdout) == {"lists": 1}
    fresh = house.wait_for(lambda one: number_of(one) > number_of(crl))
    assert len(fresh) == 1
    for words in (["show", "00ff"], ["show", house.key_id, "--shard", "9"], ["renew", "--issuer", "00ff"],
                  ["renew", "--shard", "9"]):
        refused = command(house, *words)
        assert refused.returncode != 0 and "no such revocation list" in refused.stderr + refused.stdout, refused
    assert "key identifier" in command(house, "show", "xy").stderr
    house.stop()
    assert json.loads(command(house, "renew", "--issuer", house.key_id, "--shard", "0").stdout) == {"lists": 1}
    house.start()
    house.wait_for(lambda one: number_of(one) > number_of(fresh))


def test_kill(publishing):
    """X-CRL-13: whenever it is killed, what is published and what is in the folder is whole, and its number never falls."""
    house = publishing()
    number = number_of(house.wait_for(lambda crl: True))
    path = house.directory / "published" / house.path().lstrip("/")
    listed = 0
    for round_number in range(6):
        der, _ = test_revocation.issued(house.client, house.responder)
        assert test_revocation.revoke(house.client, der).status == 200
        listed += 1
        time.sleep(0.03 * round_number)
        house.kill()
        on_disk = x509.load_der_x509_crl(path.read_bytes())
        assert on_disk.is_signature_valid(house.intermediate.public_key())
        assert number_of(on_disk) >= number
        house.start()
        crl = house.wait_for(lambda one: len(one) == listed)
        assert number_of(crl) >= number_of(on_disk)
        number = number_of(crl)
        reopened(house)


@pytest.fixture
def shifted(publishing, tmp_path):
    """A publishing CA whose clock obeys."""
    day = worst_day.WorstDay(tmp_path / "worst-day")
    house = publishing()
    assert house.stop() == 0
    house.start(environment=day.environment)
    reopened(house)
    house.day = day
    return house


def at(crl):
    return crl.last_update.replace(tzinfo=datetime.timezone.utc).timestamp()


def test_schedule(shifted):
    """X-CRL-4, 5: a new list each day; what has expired stays for a while, then goes (X-CRL-10)."""
    der = revoked(shifted)
    first = shifted.wait_for_serial(serial_of(der))
    shifted.day.shift_clock(86400 + 60)
    second = shifted.wait_for(lambda crl: number_of(crl) > number_of(first))
    assert at(second) >= at(first) + 86400
    assert second.next_update - second.last_update == datetime.timedelta(days=7)
    expired = 90 * 86400 + 43200
    shifted.day.shift_clock(expired)  # the first list beyond its end still has it
    third = shifted.wait_for(lambda crl: at(crl) > time.time() + expired - 3600)
    assert third.get_revoked_certificate_by_serial_number(serial_of(der)) is not None
    shifted.day.shift_clock(expired + 86400 + 120)
    fourth = shifted.wait_for(lambda crl: number_of(crl) > number_of(third))
    assert fourth.get_revoked_certificate_by_serial_number(serial_of(der)) is not None  # an interval, at least
    shifted.day.shift_clock(expired + 2 * 86400 + 240)
    fifth = shifted.wait_for(lambda crl: number_of(crl) > number_of(fourth))
    assert len(fifth) == 0
    shifted.day.shift_clock(0)  # it was the clock that was wrong: nothing is lost
    back = shifted.wait_for(lambda crl: at(crl) < time.time() + 3600)
    assert back.get_revoked_certificate_by_serial_number(serial_of(der)) is not None
    assert number_of(back) > number_of(fifth)


def test_clock_set_back_and_store_restored(shifted):
    """X-CRL-2: neither the clock nor the store knows how far the numbers are; the signer does."""
    shifted.wait_for(lambda crl: True)
    shifted.stop()
    backup = (shifted.directory / "cairn.db").read_bytes()
    shifted.day.shift_clock(2 * 86400)
    shifted.start(environment=shifted.day.environment)
    ahead = shifted.wait_for(lambda crl: at(crl) > time.time() + 86400)
    shifted.stop()
    for name in ("cairn.db-wal", "cairn.db-shm"):
        (shifted.directory / name).unlink(missing_ok=True)
    (shifted.directory / "cairn.db").write_bytes(backup)
    shifted.day.shift_clock(0)
    shifted.start(environment=shifted.day.environment)
    crl = shifted.wait_for(lambda crl: at(crl) < time.time() + 3600)
    assert number_of(crl) > number_of(ahead)


def test_revoked_by_a_clock_that_was_ahead(shifted):
    """What was revoked in a time to come is on the list all the same, and as of now."""
    shifted.wait_for(lambda crl: True)
    der, _ = test_revocation.issued(shifted.client, shifted.responder)
    shifted.day.shift_clock(2 * 86400)
    admin(shifted, "revoke", "--serial", f"{serial_of(der):x}", "--reason", "superseded", "--yes")
    ahead = shifted.wait_for(lambda crl: at(crl) > time.time() + 86400
                             and crl.get_revoked_certificate_by_serial_number(serial_of(der)) is not None)
    shifted.wait_for_line("clock.jumped")  # there and back within a second is no jump
    shifted.day.shift_clock(0)
    back = shifted.wait_for(lambda crl: at(crl) < time.time() + 3600)
    assert number_of(back) > number_of(ahead)
    entry = back.get_revoked_certificate_by_serial_number(serial_of(der))
    assert entry is not None
    assert entry.revocation_date.replace(tzinfo=datetime.timezone.utc).timestamp() <= time.time()


def test_roll_over(publishing, tmp_path):
    """A former issuer that is still in `issuers` goes on having its list."""
    house = publishing()
    der = revoked(house)
    house.wait_for_serial(serial_of(der))
    house.stop()
    second = house_module.House(tmp_path / "second", name="Second", stub=house.stub)
    for name in ("intermediate.pem", "intermediate.key", "root.pem"):
        (house.directory / f"next-{name}").write_bytes((second.directory / name).read_bytes())
        (house.directory / f"next-{name}").chmod(0o600)
    old_path, old_key = house.path(), house.intermediate.public_key()
    text = (house.directory / "cairn-ca.yaml").read_text()
    text += """
issuers:
  former:
    certificate: intermediate.pem
    key: intermediate.key
    root: root.pem
files:
  root: next-root.pem
  intermediate: next-intermediate.pem
  intermediate_key: next-intermediate.key
"""
    body, _, added = text.partition("\nissuers:\n  former:")
    body = re.sub(r"^files:\n(?:[ #].*\n|\n)*", "", body, flags=re.MULTILINE)
    body = re.sub(r"^issuers:.*\n(?:[ #].*\n|\n)*", "", body, flags=re.MULTILINE)
    (house.directory / "cairn-ca.yaml").write_text(body + "\nissuers:\n  former:" + added)
    house.start()
    new = x509.load_pem_x509_certificate((house.directory / "next-intermediate.pem").read_bytes())
    new_id = new.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    deadline = time.monotonic() + PATIENCE
    while house.get(f"/crl/{new_id}.crl").status != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert x509.load_der_x509_crl(house.get(f"/crl/{new_id}.crl").content).is_signature_valid(new.public_key())
    old = x509.load_der_x509_crl(house.get(old_path).content)
    assert old.is_signature_valid(old_key) and len(old) == 1
    second.close()
