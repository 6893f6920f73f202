"""The audit log: what leaves a line, that nothing in it can be changed unseen, that no secret is in it."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import acme_raw
import house as house_module
from acme_raw import b64, make_csr
from test_admin import admin, ask

AUDIT = 3  # exit code


def lines_of(house, chain="front"):
    text = b"".join(path.read_bytes() for path in sorted((house.directory / "audit" / chain).glob("*.jsonl")))
    return [json.loads(line) for line in text.decode().splitlines()]


def events(house, event, chain="front"):
    return [line for line in lines_of(house, chain) if line["event"] == event]


def verify(folder, *options, fails=0):
    done = subprocess.run([house_module.CAIRN_CA, "audit", "verify", "--dir", folder, "--json", *options],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == fails, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def wait_for_head(house):
    deadline = time.monotonic() + 20
    while not events(house, "audit.head"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_happens_leaves_a_line(house, client, responder):
    """Each kind, with digests that fit; read again by rules written down here and by nothing of the program."""
    pem = client.issue(responder, "a.flow.test")
    _, order = client.order("b.flow.test")
    client.prove(order, responder)
    refused = client.post(order["finalize"], {"csr": b64(make_csr(["c.flow.test"]))})
    assert refused.status == 400
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem, capture_output=True, check=True).stdout
    assert client.post(client.directory["revokeCert"], {"certificate": b64(der), "reason": 4}).status == 200
    admin(house, "account", "show", 1)
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line("proc.reloaded")
    wait_for_head(house)
    assert house.stop() == 0
    found = {line["event"] for line in lines_of(house)}
    assert found >= {"house.start", "house.stop", "house.reload", "validation", "csr", "issuance", "certificate",
                     "revocation", "admin.command", "audit.head"}
    assert {line["event"] for line in lines_of(house, "signer")} >= {"signer.start", "sign", "signed", "audit.head"}
    validation = events(house, "validation")[0]
    assert validation["identifier"] == "a.flow.test" and validation["result"] == "valid"
    csr_good, csr_bad = events(house, "csr")
    assert csr_good["result"] == "ok" and csr_bad["result"] == "BAD_CSR" and "c.flow.test" in csr_bad["detail"]
    issuance = events(house, "issuance")[0]
    assert issuance["serial"] == events(house, "revocation")[0]["serial"]
    made = events(house, "certificate")[0]["certificate_sha256"]
    assert made == hashlib.sha256(der).hexdigest()
    assert made in {line["made_sha256"] for line in events(house, "signed", "signer")}
    assert issuance["tbs_sha256"] in {line["tbs_sha256"] for line in events(house, "sign", "signer")}
    lists = [line["tbs_sha256"] for line in events(house, "sign", "signer") if line["kind"] == 6]
    assert lists and hashlib.sha256(b"").hexdigest() not in lists
    for chain in ("front", "signer"):
        previous = "0" * 64
        raw = (house.directory / "audit" / chain / "000001.jsonl").read_bytes().splitlines()
        for number, line in enumerate(raw, 1):
            assert json.loads(line)["seq"] == number and json.loads(line)["previous"] == previous
            previous = hashlib.sha256(line).hexdigest()
        assert (house.directory / "audit" / chain / "000001.jsonl").stat().st_mode & 0o777 == 0o600
    head = events(house, "audit.head")[-1]
    (house.directory / "text").write_text(head["head"])
    (house.directory / "signature").write_bytes(bytes.fromhex(head["signature"]))
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", house.directory / "audit.pem", "-rawin", "-in",
                    house.directory / "text", "-sigfile", house.directory / "signature"], check=True, stdout=subprocess.DEVNULL)
    assert verify(house.directory)["good"]
    house.start()


def test_every_command_leaves_a_line(house):
    """All that there are, running and stopped, also those that are refused."""
    shown = subprocess.run([house_module.CAIRN_CA, "help"], capture_output=True, text=True, check=True).stdout
    source = (house_module.ROOT / "src/server/admin/commands.def").read_text()
    commands = [line.split('"')[1:4:2] for line in source.splitlines() if line.startswith("ADMIN(")]
    assert len(commands) >= 20 and all(" ".join(words) in shown for words in commands)
    for noun, verb in commands:  # with an argument that most do not take
        ask(house, json.dumps({"command": f"{noun} {verb}", "arguments": {"id": 99}}).encode())
    ask(house, b"{")
    new = events(house, "admin.command")
    assert [line["command"] for line in new[:-1]] == [" ".join(words) for words in commands]
    assert {line["uid"] for line in new} == {os.geteuid()} and new[-1]["command"] is None and new[-1]["result"] != "ok"
    assert house.stop() == 0
    stopped = [["account", "show", "99"], ["eab", "list"], ["key", "list"], ["limit", "list"], ["incident", "list"]]
    for words in stopped:
        subprocess.run([house_module.CAIRN_CA, *words, "--dir", house.directory], capture_output=True)
    new = events(house, "admin.command")[len(new):]
    assert [line["command"] for line in new] == [" ".join(words[:2]) for words in stopped]
    assert not any(line["running"] for line in new) and new[0]["result"] == "NOT_FOUND"
    assert verify(house.directory)["good"]
    house.start()


def test_no_secret_is_in_it(house, client, responder):
    secret = admin(house, "eab", "add", "--label", "x")["hmac_key"]
    client.issue(responder, "secret.flow.test")
    _, order = client.order("token.flow.test")
    authorization = client.post(order["authorizations"][0], None).json
    tokens = [challenge["token"] for challenge in authorization["challenges"]]
    client.prove(order, responder)
    assert house.stop() == 0
    text = b"".join(path.read_bytes() for path in (house.directory / "audit").rglob("*.jsonl")).decode()
    assert secret not in text and not any(token in text for token in tokens)
    for name in ("intermediate.key", "audit.key"):
        body = "".join((house.directory / name).read_text().splitlines()[1:-1])
        assert body not in text
    house.start()


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A folder of a CA that has ended, with heads in the middle and at the end."""
    house = house_module.House(tmp_path_factory.mktemp("audit") / "ca")
    house.start()
    client = acme_raw.Client(house.url, house.root)
    client.register()
    for number in range(12):
        admin(house, "account", "show", 1)
        if number == 8:
            wait_for_head(house)
    assert house.stop() == 0
    house.close()
    assert verify(house.directory)["good"]
    return house.directory


def swap(lines, i, j):
    lines[i], lines[j] = lines[j], lines[i]


def rewrite(lines, i):
    """As somebody would who knows the format: what is behind is chained anew."""
    lines[i] = lines[i].replace(b"account show", b"account list")
    for j in range(i + 1, len(lines)):
        before = hashlib.sha256(lines[j - 1]).hexdigest().encode()
        lines[j] = lines[j][:lines[j].rindex(b'"previous":"')] + b'"previous":"' + before + b'"}'


def without(lines, i):
    del lines[i]
    for j in range(i, len(lines)):
        members = json.loads(lines[j])
        lines[j] = lines[j].replace(b'{"seq":%d' % members["seq"], b'{"seq":%d' % (j + 1), 1)
    rewrite_from(lines, i)


def rewrite_from(lines, i):
    for j in range(max(i, 1), len(lines)):
        before = hashlib.sha256(lines[j - 1]).hexdigest().encode()
        lines[j] = lines[j][:lines[j].rindex(b'"previous":"')] + b'"previous":"' + before + b'"}'


@pytest.mark.parametrize("chain", ["front", "signer"])
@pytest.mark.parametrize("change, words", [
    (lambda lines: lines.__setitem__(1, lines[1].replace(b'"time":"2', b'"time":"3', 1)), "line 2 was edited"),
    (lambda lines: lines.__delitem__(1), "line 2 is missing"),
    (lambda lines: lines.insert(2, lines[1]), "inserted"),
    (lambda lines: swap(lines, 1, 2), "missing"),
    (lambda lines: lines.insert(1, b"not json"), "no line of this log"),
    (lambda lines: without(lines, 1), "signed head vouches for"),
    (lambda lines: lines.__delitem__(slice(2, None)), "cut off"),
], ids=["edited", "removed", "inserted", "moved", "noise", "made anew", "cut off"])
def test_tampering_is_found(log, tmp_path, chain, change, words):
    copy = tmp_path / "ca"
    shutil.copytree(log / "audit", copy / "audit")
    shutil.copy(log / "audit.pem", copy)
    path = copy / "audit" / chain / "000001.jsonl"
    lines = path.read_bytes().splitlines()
    change(lines)
    path.write_bytes(b"\n".join(lines) + b"\n")
    found = verify(copy, fails=AUDIT)
    assert not found["good"] and any(words in finding for finding in found["findings"]), found


@pytest.mark.parametrize("chain", ["front", "signer"])
def test_a_chain_that_is_gone(log, tmp_path, chain):
    """Without any file of it there is nothing to read, and still somebody removed it."""
    copy = tmp_path / "ca"
    shutil.copytree(log / "audit", copy / "audit")
    shutil.copy(log / "audit.pem", copy)
    shutil.rmtree(copy / "audit" / chain)
    found = " ".join(verify(copy, fails=AUDIT)["findings"])
    assert f"{chain}: 000001.jsonl is not there" in found and "cut off" in found


def test_where_there_is_nothing(log, tmp_path):
    def audit(*words):
        done = subprocess.run([house_module.CAIRN_CA, "audit", *words], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    code, said = audit("verify", "--dir", tmp_path)
    assert code == 1 and "begins when the CA is first started" in said
    shutil.copy(log / "audit.pem", tmp_path)
    code, said = audit("verify", "--dir", tmp_path)
    assert code == 1 and "there is no audit log" in said
    for words in (["--event", "validations"], ["--serial", "xyz"], ["--serial", ""]):
        code, said = audit("show", "--dir", log, *words)
        assert code == 64 and words[0] in said, words


def test_a_head_kept_elsewhere(log, tmp_path):
    """Both chains cut alike, before any head: nothing in the files says so, but a head that was kept does."""
    copy = tmp_path / "ca"
    shutil.copytree(log / "audit", copy / "audit")
    shutil.copy(log / "audit.pem", copy)
    head = subprocess.run([house_module.CAIRN_CA, "audit", "head", "--dir", copy], capture_output=True, text=True, check=True).stdout
    (tmp_path / "head").write_text(head)
    assert verify(copy, "--head", tmp_path / "head")["good"]
    for chain in ("front", "signer"):
        path = copy / "audit" / chain / "000001.jsonl"
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert verify(copy)["good"]
    assert "cut off" in " ".join(verify(copy, "--head", tmp_path / "head", fails=AUDIT)["findings"])
    (tmp_path / "head").write_text(head.replace("front ", "front 1", 1))
    done = subprocess.run([house_module.CAIRN_CA, "audit", "verify", "--dir", copy, "--head", tmp_path / "head"],
                          capture_output=True, text=True)
    assert done.returncode == 64 and "not signed by this log's key" in done.stderr


def test_kill_leaves_a_log_that_is_whole(house, client, responder):
    """kill -9 at any moment, and a line that was cut in the middle: the next start says so, and verify tells it apart."""
    client.issue(responder, "before.flow.test")
    house.kill()
    path = house.directory / "audit/front/000001.jsonl"
    whole = path.read_bytes()
    answered = [json.loads(line)["event"] for line in whole.splitlines() if line.endswith(b"}")]
    assert "certificate" in answered
    path.write_bytes(whole + b'{"seq":99,"time":"20')
    assert verify(house.directory)["front"]["unfinished"] == 20
    house.start()
    found = verify(house.directory)
    assert found["good"] and found["front"]["torn"] == 1
    assert events_of(path, "audit.torn")[0]["octets"] == 20
    path.write_bytes(path.read_bytes().replace(b'{"seq":99,', b'{"seq":98,', 1))
    assert "no line of this log" in " ".join(verify(house.directory, fails=AUDIT)["findings"])


def events_of(path, event):
    return [json.loads(line) for line in path.read_bytes().splitlines() if event.encode() in line and line.endswith(b"}")]


def test_the_document_has_every_event():
    rows = re.findall(r'^AUDIT_EVENT\(\w+, "(.*?)", "(.*?)", "(.*?)"\)$',
                      (house_module.ROOT / "src/server/audit/audit_events.def").read_text(), re.MULTILINE)
    document = (house_module.ROOT / "docs/audit.md").read_text()
    assert len(rows) >= 15
    assert re.findall(r"^\| ([\w.]+) \| (front|signer|both) \| (.*) \|$", document, re.MULTILINE) == rows
