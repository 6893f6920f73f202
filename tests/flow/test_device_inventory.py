"""The inventory of devices: commands, lists as files, and who may enrol because of it."""
import base64
import datetime
import hashlib
import json
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import acme_raw
import house as house_module
from test_admin import admin
from test_audit import events
from test_devices import ask
from test_directories import configure
from test_eab import bound_client

EXTRA = """
profiles:
  device:
    usages: client
    key_usages: digitalSignature
    identifiers: [permanent-identifier, hardware-module, dns]
  strict:
    usages: client
    identifiers: [permanent-identifier]
    devices: known
directories:
  default:
    profiles: [device, strict]
    identifiers: [dns, permanent-identifier, hardware-module]
    challenges: [http-01, device-attest-01]
    external_account: optional
  known:
    profiles: [device]
    identifiers: [dns, permanent-identifier, hardware-module]
    challenges: [http-01, device-attest-01]
    devices: known
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    made = house_module.House(tmp_path_factory.mktemp("inventory") / "ca")
    try:
        configure(made, EXTRA)
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture
def stopped(tmp_path):
    """Commands work on the store when no CA runs."""
    made = house_module.House(tmp_path / "ca")
    yield made
    made.close()


def new_client(house, directory=None):
    url = house.url if directory is None else house.url.replace("/acme/", f"/acme/{directory}/")
    made = acme_raw.Client(url, house.root)
    made.register()
    return made


def fingerprint(key):
    return hashlib.sha256(key.public_key().public_bytes(serialization.Encoding.DER,
                                                        serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def mark(text):
    return hashlib.sha256(text.encode()).hexdigest()


def imports(house, tmp_path, octets, *words):
    """Exit code and result."""
    file = tmp_path / "devices.csv"
    file.write_bytes(octets if isinstance(octets, bytes) else octets.encode())
    done = subprocess.run([house_module.CAIRN_CA, "device", "import", *words, "--dir", house.directory, "--json", file],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


def names(house):
    return [d["identifier"] for d in admin(house, "device", "list")["devices"]]


def export(house):
    return subprocess.run([house_module.CAIRN_CA, "device", "export", "--dir", house.directory], capture_output=True,
                          text=True, timeout=60, check=True).stdout


# -- commands

def test_a_device_is_added_shown_and_removed(stopped):
    added = admin(stopped, "device", "add", "SN-1", "--label", "front desk", "--ek", mark("ek"), "--ak", mark("ak"))
    assert added["identifier"] == "permanent-identifier:SN-1" and added["label"] == "front desk"
    assert added["ek"] == [mark("ek")] and added["ak"] == [mark("ak")] and added["key"] == []
    assert added["eab"] is None and added["blocked"] is None and added["attested"] is None
    assert admin(stopped, "device", "show", "permanent-identifier:SN-1") == {**added, "certificates": []}
    assert admin(stopped, "device", "add", "hardware-module:SN-1/1.2.3", "--ek", mark("ek"))["ek"] == [mark("ek")]
    assert names(stopped) == ["permanent-identifier:SN-1", "hardware-module:SN-1/1.2.3"]
    assert admin(stopped, "device", "remove", "SN-1") == added
    error = admin(stopped, "device", "show", "SN-1", fails=1)
    assert error["code"] == "NOT_FOUND" and '"permanent-identifier:SN-1" is not in the inventory' in error["detail"]
    assert admin(stopped, "device", "remove", "SN-1", fails=1)["code"] == "NOT_FOUND"


def test_keys_are_named_in_every_way(stopped, tmp_path):
    """By SHA-256 as others write it, and by files that openssl and python3-cryptography wrote."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "EK")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                   .serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
                   .sign(key, hashes.SHA256()))
    pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    for name, octets in (("key.pem", key.public_key().public_bytes(pem, spki)), ("key.der", key.public_key().public_bytes(der, spki)),
                         ("cert.pem", certificate.public_bytes(pem)), ("cert.der", certificate.public_bytes(der))):
        (tmp_path / name).write_bytes(octets)
    printed = subprocess.run(["openssl", "pkey", "-pubin", "-in", tmp_path / "key.pem", "-outform", "DER"], capture_output=True,
                             timeout=60, check=True).stdout
    octets = hashlib.sha256(printed).digest()
    assert octets.hex() == fingerprint(key)
    ways = [octets.hex(), octets.hex().upper(), octets.hex(":"), base64.b64encode(octets).decode(),
            base64.urlsafe_b64encode(octets).rstrip(b"=").decode(), *(tmp_path / n for n in ("key.pem", "key.der", "cert.pem", "cert.der"))]
    for way in ways:
        assert admin(stopped, "device", "add", "SN", "--ek", way, "--replace")["ek"] == [octets.hex()], way
    rsa_key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "rsa.pem").write_bytes(rsa_key.public_key().public_bytes(pem, spki))
    assert admin(stopped, "device", "add", "R", "--key", tmp_path / "rsa.pem")["key"] == [fingerprint(rsa_key)]


@pytest.mark.parametrize("words, code, says", [
    (["add", "SN", "--ek", "zz"], 64, "neither a SHA-256"),
    (["add", "SN", "--ek", "0" * 63], 64, "neither a SHA-256"),
    (["add", "SN", "--ek", "/etc/hostname"], 1, "no public key and no certificate"),
    (["add", "SN/1.40"], 64, ""),
    (["add", "hardware-module:SN"], 64, ""),
    (["add", "SN", "--eab", "nobody"], 1, 'no external account key "nobody"'),
    (["add", "a\x01b"], 64, "control characters"),
    (["import", "/nonexistent"], 1, "/nonexistent"),
    (["block", "SN", "--yes", "--revoke-as", "whim"], 64, "--revoke-as"),
    (["unblock", "SN"], 1, "is not in the inventory|is not blocked"),
    (["list", "--after", "nobody"], 1, "not in the inventory"),
])
def test_mistakes(stopped, words, code, says):
    done = subprocess.run([house_module.CAIRN_CA, "device", *words, "--dir", stopped.directory], capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stdout) == (code, ""), done
    assert any(part in done.stderr for part in says.split("|")), done.stderr
    assert names(stopped) == []


def test_one_key_one_device(stopped):
    admin(stopped, "device", "add", "A", "--ek", mark("1"))
    error = admin(stopped, "device", "add", "B", "--ek", mark("1"), fails=1)
    assert error["code"] == "CONFLICT" and error["detail"] == f"the ek {mark('1')} is that of permanent-identifier:A"
    assert "--replace" in admin(stopped, "device", "add", "A", "--ek", mark("2"), fails=1)["detail"]
    assert admin(stopped, "device", "add", "A", "--ek", mark("2"), "--replace")["ek"] == [mark("2")]
    assert admin(stopped, "device", "add", "B", "--ek", mark("1"))["ek"] == [mark("1")]
    assert names(stopped) == ["permanent-identifier:A", "permanent-identifier:B"]


# -- lists

def test_a_list_is_imported_and_exported(stopped, tmp_path):
    """What is exported is imported elsewhere, and is the same then."""
    key = admin(stopped, "eab", "add", "--kid", "team")
    list_ = ("\ufeffidentifier,type,label,eab,ek,ak,key,blocked,reason\r\n"
             f'"SN ""1"", left",permanent-identifier,"a, b",{key["kid"]},{mark("1")},,,,\r\n'
             "\r\n"
             f'\u65e5\u672c/1.2.3,hardware-module,\u00e9,,,{mark("2")} {base64.b64encode(bytes.fromhex(mark("3"))).decode()},,,\r\n'
             f'lost,,,,,,{mark("4")},2026-01-01T00:00:00Z,"left in a train"\r\n')
    code, result = imports(stopped, tmp_path, list_, "--dry-run")
    assert code == 0 and (result["dry_run"], result["added"], result["faults"]) == (True, 3, [])
    assert names(stopped) == []
    code, result = imports(stopped, tmp_path, list_)
    assert code == 0 and (result["dry_run"], result["added"], result["replaced"]) == (False, 3, 0)
    first, second, third = admin(stopped, "device", "list")["devices"]
    assert first["identifier"] == 'permanent-identifier:SN "1", left' and first["label"] == "a, b"
    assert first["eab"] == "team" and first["ek"] == [mark("1")]
    assert second["identifier"] == "hardware-module:\u65e5\u672c/1.2.3" and sorted(second["ak"]) == sorted([mark("2"), mark("3")])
    assert third["blocked"] == "2026-01-01T00:00:00Z" and third["reason"] == "left in a train" and third["key"] == [mark("4")]
    assert [d["identifier"] for d in admin(stopped, "device", "list", "--blocked")["devices"]] == ["permanent-identifier:lost"]
    written = export(stopped)
    other = house_module.House(tmp_path / "other")
    try:
        admin(other, "eab", "add", "--kid", "team")
        assert imports(other, tmp_path, written)[0] == 0
        assert export(other) == written
        code, result = imports(other, tmp_path, written, "--replace")
        assert code == 0 and (result["added"], result["replaced"]) == (0, 3)
        assert export(other) == written
    finally:
        other.close()


def test_all_or_nothing_and_every_fault(stopped, tmp_path):
    admin(stopped, "device", "add", "there", "--ek", mark("1"))
    before = export(stopped)
    code, result = imports(stopped, tmp_path, (
        "identifier,label,eab,ek\n"
        "good,,,\n"
        "there,,,\n"              # 3: in the inventory
        "a,,,zz\n"                # 4: no fingerprint
        f"b,,,{mark('1')}\n"      # 5: another's key
        "c,,nobody,\n"            # 6: no such external account key
        "d,x\n"                   # 7: fields are missing
        "good,,,\n"               # 8: twice in the file
        f"e,,,{mark('5')}\n"
        f"f,,,{mark('5')}\n"      # 10: twice in the file
        "hardware-module:g,,,\n"  # 11: no OID
        "h/i,,,\n"))              # 12: no OID behind the slash
    assert code == 2 and result["fault_count"] == 9 and (result["added"], result["replaced"]) == (0, 0)
    problems = {fault["line"]: fault["problem"] for fault in result["faults"]}
    assert sorted(problems) == [3, 4, 5, 6, 7, 8, 10, 11, 12]
    assert "permanent-identifier:there is in the inventory already" in problems[3]
    assert '"zz" is no SHA-256' in problems[4]
    assert problems[5] == f"the ek {mark('1')} is that of permanent-identifier:there, on line 3"
    assert 'no external account key "nobody"' in problems[6] and "2 fields" in problems[7]
    assert problems[8] == "permanent-identifier:good is on line 2, too"
    assert problems[10] == f"the ek {mark('5')} is that of permanent-identifier:e, on line 9"
    assert "nothing was imported: 9 faults, the first of them on line 3" == result["refused"]
    assert export(stopped) == before


@pytest.mark.parametrize("octets, says", [
    (b"", "0 octets|1 to"), (b"serial,ek\n", 'the column "serial" is none of'), (b"identifier\n\xff\n", "line 2: not UTF-8"),
    (b"identifier\na\x00b\n", "line 2: not UTF-8"), (b"identifier,identifier\n", "there twice"),
    (b"identifier\n" + b"".join(b"%d\n" % i for i in range(10001)), "more than 10000 devices"),
])
def test_what_is_no_list(stopped, tmp_path, octets, says):
    (tmp_path / "list").write_bytes(octets)
    done = subprocess.run([house_module.CAIRN_CA, "device", "import", "--dir", stopped.directory, tmp_path / "list"],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (64, ""), done
    assert any(part in done.stderr for part in says.split("|")), done.stderr


def test_a_long_list(running, tmp_path):
    """10,000 devices with two keys each, while the CA runs; and all of them wrong."""
    text = "identifier,label,ek,ak\n" + "".join(f"L-{i},device {i},{mark(f'e{i}')},{mark(f'a{i}')}\n" for i in range(10000))
    code, result = imports(running, tmp_path, text)
    assert code == 0 and result["added"] == 10000
    code, result = imports(running, tmp_path, text)
    assert code == 2 and result["fault_count"] == 10000 and result["faults"][0]["line"] == 2
    lines = export(running).splitlines()
    assert sum(line.startswith("permanent-identifier:L-") for line in lines) == 10000
    page = admin(running, "device", "list")
    assert len(page["devices"]) <= 1000 and page["next_after"] == page["devices"][-1]["identifier"]
    following = admin(running, "device", "list", "--after", page["next_after"])
    assert following["devices"][0]["identifier"] not in [d["identifier"] for d in page["devices"]]


def test_lines_of_the_audit_log(stopped, tmp_path):
    """Each command, as it was asked for, and what came of it; of a long one the digest."""
    admin(stopped, "device", "add", "A")
    admin(stopped, "device", "add", "A", fails=1)
    imports(stopped, tmp_path, "identifier\nB\n")
    imports(stopped, tmp_path, "identifier\nB\n")
    imports(stopped, tmp_path, "identifier,label\n" + "".join(f"C{i},{'x' * 100}\n" for i in range(100)))
    admin(stopped, "device", "block", "A")
    admin(stopped, "device", "block", "A", "--yes", "--reason", "lost")
    admin(stopped, "device", "unblock", "A")
    admin(stopped, "device", "remove", "A")
    lines = [line for line in events(stopped, "admin.command") if line["command"].startswith("device ")]
    assert [(line["command"].split()[1], line["result"]) for line in lines] == [
        ("add", "ok"), ("add", "CONFLICT"), ("import", "ok"), ("import", "CONFLICT"), ("import", "ok"), ("block", "ok"), ("block", "ok"),
        ("unblock", "ok"), ("remove", "ok")]
    assert lines[0]["request"]["arguments"] == {"identifier": "A"}
    assert "request_sha256" in lines[4] and "request" not in lines[4]
    assert lines[6]["request"]["arguments"] == {"identifier": "A", "yes": True, "reason": "lost"}


# -- who may enrol

def refused(answer, says):
    assert answer.status == 400 and answer.type == "rejectedIdentifier", answer
    assert says in answer.json["detail"], answer.json


def test_known_devices_only(running):
    """By directory, and by profile."""
    everywhere, known = new_client(running), new_client(running, "known")
    assert ask(everywhere, "permanent-identifier K-1").status == 201
    refused(ask(known, "permanent-identifier K-1"), '"K-1" is not in the inventory')
    refused(ask(everywhere, "permanent-identifier K-1", profile="strict"), '"K-1" is not in the inventory')
    admin(running, "device", "add", "K-1")
    assert ask(known, "permanent-identifier K-1").status == 201
    assert ask(everywhere, "permanent-identifier K-1", profile="strict").status == 201
    refused(ask(known, "hardware-module K-1/1.2.3"), "inventory")
    assert ask(known, "dns a.example.test").status == 201  # no device
    both = ask(known, "permanent-identifier K-1", "permanent-identifier K-2", "permanent-identifier K-3")
    refused(both, "(and 1 more; see the subproblems)")
    assert [s["identifier"] for s in both.json["subproblems"]] == [
        {"type": "permanent-identifier", "value": "K-2"}, {"type": "permanent-identifier", "value": "K-3"}]



def test_a_device_of_an_external_account_key(running):
    """Whatever the directory takes: the inventory gives it to the accounts of one key."""
    first, second = (admin(running, "eab", "add", "--kid", f"bound-{i}") for i in (1, 2))
    admin(running, "device", "add", "E-1", "--eab", first["kid"])
    assert ask(bound_client(running, first), "permanent-identifier E-1").status == 201
    refused(ask(bound_client(running, second), "permanent-identifier E-1"), '"E-1" is not for this account')
    refused(ask(new_client(running), "permanent-identifier E-1"), '"E-1" is not for this account')
    admin(running, "device", "add", "E-1", "--replace")
    assert ask(new_client(running), "permanent-identifier E-1").status == 201


def test_an_external_account_key_names_devices(running):
    """Exactly, or how they begin; names of other types are none of these."""
    key = admin(running, "eab", "add", "--allow-device", "P-1", "--allow-device", "hardware-module:Q-*")
    assert key["devices"] == ["permanent-identifier:P-1", "hardware-module:Q-*"]
    account = bound_client(running, key)
    assert ask(account, "permanent-identifier P-1").status == 201
    assert ask(account, "hardware-module Q-17/1.2.3").status == 201
    for other in ("permanent-identifier P-12", "permanent-identifier Q-17", "hardware-module R-17/1.2.3", "permanent-identifier p-1",
                  "dns a.example.test"):
        refused(ask(account, other), "is none of those the external account key")
    everything = bound_client(running, admin(running, "eab", "add", "--allow-device", "*", "--allow-name", "a.example.test"))
    assert ask(everything, "permanent-identifier whatever", "dns a.example.test").status == 201
    error = admin(running, "eab", "add", "--allow-device", "x/1.40", fails=64)
    assert error["code"] == "USAGE"
    assert "--allow-device is of no use" in admin(running, "eab", "add", "--allow-device", "x", "--identifier", "dns", fails=64)["detail"]


def test_a_blocked_device_gets_nothing(running):
    """In every directory, for an order, an authorization, a challenge and finalize; another device does."""
    client, known = new_client(running), new_client(running, "known")
    made = ask(client, "permanent-identifier X-1")
    assert made.status == 201, made
    authz = client.post(made.json["authorizations"][0], None).json
    asked = admin(running, "device", "block", "X-1")
    assert asked["dry_run"] is True and asked["known"] is False and asked["count"] == 0
    assert ask(client, "permanent-identifier X-1").status == 201  # nothing was done
    done = admin(running, "device", "block", "X-1", "--yes", "--reason", "left in a train")
    assert done["dry_run"] is False and done["reason"] == "left in a train" and done["authorizations"] == 2
    for account in (client, known):
        refused(ask(account, "permanent-identifier X-1"), 'the device "X-1" is blocked')
    refused(ask(client, "permanent-identifier X-1", "dns a.example.test"), "blocked")
    refused(client.post(authz["challenges"][0]["url"], {"attObj": "oA"}), "blocked")
    refused(client.post(made.json["finalize"], {"csr": acme_raw.b64(b"0")}), "blocked")
    assert client.post(made.headers["Location"], None).json["status"] == "invalid"
    assert client.post(made.json["authorizations"][0], None).json["status"] == "deactivated"
    assert ask(client, "permanent-identifier X-2").status == 201
    again = admin(running, "device", "block", "X-1", "--yes", "--reason", "other")
    assert again["was_blocked"] is True and again["reason"] == "left in a train" and again["blocked"] == done["blocked"]
    error = admin(running, "device", "remove", "X-1", fails=1)
    assert error["code"] == "CONFLICT" and "unblock" in error["detail"]
    assert admin(running, "device", "unblock", "X-1")["blocked"] is None
    assert ask(client, "permanent-identifier X-1").status == 201
    assert client.post(made.headers["Location"], None).json["status"] == "invalid"  # what was taken is gone


def test_blocked_is_blocked_after_a_kill(tmp_path):
    """What the command told is on disk."""
    house = house_module.House(tmp_path / "ca")
    try:
        configure(house, EXTRA)
        house.start()
        client = new_client(house)
        assert admin(house, "device", "block", "SN", "--yes")["blocked"]
        house.kill()
        house.start()
        client.connect()
        refused(ask(client, "permanent-identifier SN"), "blocked")
        assert house.stop() == 0
    finally:
        house.close()


@pytest.mark.parametrize("where", ["profiles:\n  device:\n    devices: some", "directories:\n  default:\n    devices: none"])
def test_check_config(stopped, where):
    configure(stopped, where + "\n")
    done = subprocess.run([house_module.CAIRN_CA, "check-config", "--dir", stopped.directory], capture_output=True, text=True, timeout=60)
    assert done.returncode == 78 and "is neither any nor known" in done.stderr, done.stderr
