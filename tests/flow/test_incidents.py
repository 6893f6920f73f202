"""Incidents (RFC 9773 4.2): cairn-ca incident moves the renewal windows of certificates, while the CA runs and while
not; rows S-ARI-4 to 6, and C-ARI-10 needs what is shown here."""
import hashlib
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import acme_raw
import house as house_module
from acme_raw import certificate_id
from test_admin import account_of, admin
from test_renewal_info import info_url, life, new_order, revoke, when

URL = "https://ca.example.test/incident"
HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def other(house):
    made = acme_raw.Client(house.url, house.root)
    made.register()
    return made


def shown(client, pem):
    """Start and end of the window, the explanation, the interval."""
    answer = client.request("GET", info_url(client, pem))
    assert answer.status == 200, answer
    start, end = (when(answer.json["suggestedWindow"][name]) for name in ("start", "end"))
    assert start < end
    return start, end, answer.json.get("explanationURL"), int(answer.headers["Retry-After"])


def serial(pem):
    """As openssl writes it."""
    text = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, capture_output=True, check=True).stdout
    return text.decode().strip().removeprefix("serial=")


def key_hash(pem):
    public = x509.load_pem_x509_certificate(pem).public_key()
    return hashlib.sha256(public.public_bytes(serialization.Encoding.DER,
                                              serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def issuer(pem):
    text = subprocess.run(["openssl", "x509", "-noout", "-ext", "authorityKeyIdentifier"], input=pem, capture_output=True,
                          check=True).stdout.decode()
    return text.split()[-1]


def test_from_the_incident_to_its_end(house, client, responder):
    """All of it, on a running CA: the window moves at once, the replacement is not concerned, removal undoes it, and a
    restart keeps it."""
    old = client.issue(responder, "a.example.test")
    usual = shown(client, old)
    content = house.content()
    assert admin(house, "incident", "add", "--all", "--dry-run") == {"dry_run": True, "certificates": 1}
    assert house.content() == content
    made = admin(house, "incident", "add", "--all", "--over", "3h", "--explanation", URL)
    assert made["all"] is True and made["explanation"] == URL and made["name"] is None
    start, end, explanation, retry = shown(client, old)
    assert (start, end) == (when(made["start"]), when(made["end"])) and end - start == 3 * HOUR
    assert start < usual[0] - 50 * DAY and explanation == URL and retry <= HOUR
    # its window has begun: the replacement is what the CA asked for, and must not be asked for again
    order = new_order(client, "a.example.test", replaces=certificate_id(old))
    assert order.status == 201, order
    client.prove(order.json, responder)
    done = client.post(order.json["finalize"], {"csr": acme_raw.b64(acme_raw.make_csr(["a.example.test"]))})
    new = client.post(client.poll(order.headers["Location"], ("valid",)).json["certificate"], None).body
    assert done.status == 200 and shown(client, new)[2:] == (None, 6 * HOUR)
    assert abs(shown(client, new)[0] - life(new)[0] - 60 * DAY) < 3 * DAY
    assert admin(house, "incident", "list")["incidents"] == [made]
    house.process.kill()
    house.process.wait()
    house.start()
    client.connect()
    assert shown(client, old)[2] == URL and shown(client, new)[2] is None
    assert admin(house, "incident", "remove", made["id"]) == {"id": made["id"]}
    assert shown(client, old)[:3] == usual[:3]
    assert admin(house, "incident", "list")["incidents"] == []


def test_whom_it_concerns(house, client, responder, other, tmp_path):
    """Each option finds its certificates, and no others; the number is what --dry-run says."""
    pems = {"a": client.issue(responder, "a.example.test", "x.a.example.test"),
            "b": client.issue(responder, "b.example.test"), "c": other.issue(responder, "c.example.org")}
    serials = tmp_path / "serials.txt"
    serials.write_text("".join(f"{text}\n" for text in [
        serial(pems["a"]), "00" + serial(pems["c"]).lower(), "0A:0B"]))
    later = "2020-01-01T00:00:00Z"
    for words, concerned in [
        (["--all"], "abc"), (["--name", "a.example.test"], "a"), (["--name", "X.A.example.test"], "a"),
        (["--name", ".example.test"], "ab"), (["--name", "example.test"], ""), (["--account", account_of(other)], "c"),
        (["--serials", serials], "ac"), (["--serials", serials, "--account", account_of(other)], "c"),
        (["--key-hash", key_hash(pems["b"])], "b"), (["--issuer", issuer(pems["a"])], "abc"), (["--issuer", "69:88"], ""),
        (["--issued-from", "1h"], "abc"), (["--issued-before", "1h"], ""), (["--issued-from", later], "abc"),
        (["--profile", "no-such-profile"], ""),
    ]:
        assert admin(house, "incident", "add", *words, "--dry-run")["certificates"] == len(concerned), words
        made = admin(house, "incident", "add", *words, "--explanation", URL)
        assert "".join(name for name in pems if shown(client, pems[name])[2] == URL) == concerned, words
        admin(house, "incident", "remove", made["id"])
    # the revoked are not counted: they are to be renewed anyhow
    revoke(client, pems["b"])
    assert admin(house, "incident", "add", "--all", "--dry-run")["certificates"] == 2


def test_serials_by_and_by(house, client, responder, tmp_path):
    pems = [client.issue(responder, f"s{n}.example.test") for n in range(2)]
    files = [tmp_path / f"{n}.txt" for n in range(2)]
    for path, pem in zip(files, pems):
        path.write_text(serial(pem) + "\n")
    made = admin(house, "incident", "add", "--serials", files[0], "--explanation", URL)
    assert [shown(client, pem)[2] for pem in pems] == [URL, None]
    assert admin(house, "incident", "extend", made["id"], "--serials", files[1]) == {"id": made["id"], "serials": 1}
    assert [shown(client, pem)[2] for pem in pems] == [URL, URL]
    all_of_them = admin(house, "incident", "add", "--all", "--over", "4h")
    assert "--serials" in admin(house, "incident", "extend", all_of_them["id"], "--serials", files[1], fails=1)["detail"]
    # the one that ends first is shown
    other = admin(house, "incident", "add", "--name", "s0.example.test", "--over", "1m", "--explanation", URL + "/2")
    assert [shown(client, pem)[2] for pem in pems] == [URL + "/2", URL]
    for incident in (made, all_of_them, other):
        admin(house, "incident", "remove", incident["id"])
    assert [shown(client, pem)[2] for pem in pems] == [None, None]
    assert house.rows()["incident_serial"] == 0


def test_while_no_ca_runs(house, client, responder):
    """The same commands work on the store; the CA that is started afterwards knows."""
    pem = client.issue(responder, "a.example.test")
    assert house.stop() == 0
    assert admin(house, "incident", "add", "--all", "--dry-run")["certificates"] == 1
    made = admin(house, "incident", "add", "--name", "a.example.test", "--explanation", URL)
    assert admin(house, "incident", "list")["incidents"] == [made]
    house.start()
    client.connect()
    assert shown(client, pem)[2] == URL


def test_mistakes_change_nothing(house, client, responder, tmp_path):
    client.issue(responder, "a.example.test")
    made = admin(house, "incident", "add", "--all")
    empty, bad = tmp_path / "empty.txt", tmp_path / "bad.txt"
    empty.write_text("")
    bad.write_text("0A0B\nnonsense\n")
    content = house.content()
    for words, code, says in [
        ([], 64, "--all"), (["--all", "--account", 1], 64, "--all"), (["--dry-run"], 64, "--all"),
        (["--serials", empty], 64, "--serials"), (["--serials", bad], 64, "nonsense"),
        (["--key-hash", "0" * 65], 64, "--key-hash"), (["--key-hash", "zz" * 32], 64, "--key-hash"),
        (["--issuer", "0x12"], 64, "--issuer"), (["--issued-from", "2100-01-01T00:00:00Z"], 64, "--issued-from"),
        (["--issued-from", "1h", "--issued-before", "2h"], 64, "--issued-before"), (["--all", "--over", "1s"], 64, "--over"),
        (["--all", "--over", "8d"], 64, "--over"), (["--all", "--explanation", "javascript:alert(1)"], 64, "--explanation"),
        (["--all", "--explanation", "https://ca.example.test/a b"], 64, "--explanation"), (["--account", 0], 64, "--account"),
    ]:
        assert says in admin(house, "incident", "add", *words, fails=code)["detail"], words
    for verb, words in [("remove", [made["id"] + 1]), ("extend", [made["id"] + 1, "--serials", bad])]:
        if verb == "extend":
            bad.write_text("0A0B\n")
        assert admin(house, "incident", verb, *words, fails=1)["code"] == "NOT_FOUND"
    assert house.content() == content


def test_shown_to_people(house):
    """Without --json: lines and a table."""
    def run(*words):
        return subprocess.run([str(house_module.CAIRN_CA), *words, "--dir", str(house.directory)], capture_output=True,
                              text=True, timeout=60, check=True).stdout

    assert "id: 1\n" in run("incident", "add", "--all", "--explanation", URL)
    head, row = run("incident", "list").splitlines()[-2:]
    assert head.split()[:4] == ["id", "start", "end", "explanation"] and row.split()[0] == "1" and URL in row
