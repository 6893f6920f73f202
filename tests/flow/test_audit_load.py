"""The audit log while much happens: segments, kills of every process, many clients, a disk that is full; and lines of what
is rare. Chains are read by test_audit.py's own rules and by `cairn-ca audit verify`."""
import contextlib
import hashlib
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from cryptography import x509

import acme_raw
import house as house_module
import test_faults
from acme_raw import b64, make_csr
from responder import Responder
from test_audit import events, lines_of, verify
from test_directories import configure
from test_kill import Promises, Subscriber

PATIENCE = 60  # seconds; only against hanging


@contextlib.contextmanager
def load(house, responder, count):
    """Subscribers that issue until the end of the block."""
    promises, stopping = Promises(), threading.Event()
    crowd = [Subscriber(house, responder, promises, stopping, index) for index in range(count)]
    for subscriber in crowd:
        subscriber.start()
    try:
        yield promises
    finally:
        stopping.set()
        for subscriber in crowd:
            subscriber.join(PATIENCE)
    assert not promises.failures, promises.failures


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def segments(house, chain):
    return sorted((house.directory / "audit" / chain).glob("*.jsonl"))


@pytest.fixture
def small(tmp_path):
    house = house_module.House(tmp_path / "ca", sets=["log.audit_segment=8192", "order.hold=5s"])
    house.start()
    responder = Responder(house.http_port)
    yield house, responder
    responder.close()
    house.close()


def everything_has_its_lines(house):
    """Of each certificate in the store: the request, the issuance, and in the other process's chain the signature."""
    with contextlib.closing(sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT i.id, i.order_id, i.tbs, c.der FROM issuance i LEFT JOIN certificate c ON c.id = i.id").fetchall()
    judged = {line["order"] for line in events(house, "csr") if line["result"] == "ok"}
    issued = {(line["issuance"], line["tbs_sha256"]) for line in events(house, "issuance")}
    signs = {line["tbs_sha256"] for line in events(house, "sign", "signer")}
    made = {line["made_sha256"] for line in events(house, "signed", "signer")}
    certificates = 0
    for number, order, tbs, certificate in rows:
        digest = hashlib.sha256(tbs).hexdigest()
        if order != 0:  # what the CA makes for itself nobody asked for
            assert order in judged
            assert (number, digest) in issued
        if certificate is not None:
            certificates += order != 0
            assert digest in signs and hashlib.sha256(certificate).hexdigest() in made
    return certificates


def test_segments_follow_each_other_while_it_runs(small):
    """By size, in both chains, under load; with nothing lost between two of them, and by who may open no file."""
    house, responder = small
    with load(house, responder, 4) as promises:
        wait_until(lambda: all(len(segments(house, chain)) >= 4 for chain in ("front", "signer")))
    assert house.stop() == 0
    for chain in ("front", "signer"):
        found = segments(house, chain)
        assert [path.name for path in found] == [f"{number:06}.jsonl" for number in range(1, len(found) + 1)]
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in found)
        assert all(path.stat().st_size >= 8192 for path in found[:-1])
        assert [line["seq"] for line in lines_of(house, chain)] == list(range(1, len(lines_of(house, chain)) + 1))
    found = verify(house.directory)
    assert found["good"] and found["front"]["lines"] == len(lines_of(house))
    assert everything_has_its_lines(house) >= len(promises.certificates) > 0
    segments(house, "front")[1].unlink()
    assert not verify(house.directory, fails=3)["good"]


def test_a_segment_that_cannot_be_opened_is_no_end(small):
    """What stands in its place has lines already: nobody is given it, and the one before goes on."""
    house, responder = small
    (house.directory / "audit/front/000002.jsonl").write_bytes(b"x")
    client = acme_raw.Client(house.url, house.root)
    client.register()
    for number in range(12):
        client.issue(responder, f"n{number}.flow.test")
    house.wait_for_line("audit.no_segment role=front")
    assert segments(house, "front")[0].stat().st_size > 8192
    assert (house.directory / "audit/front/000002.jsonl").read_bytes() == b"x"
    (house.directory / "audit/front/000002.jsonl").unlink()
    wait_until(lambda: len(segments(house, "front")) == 2)
    client.issue(responder, "last.flow.test")
    assert house.stop() == 0
    assert verify(house.directory)["good"]


@pytest.mark.parametrize("role", ["front", "signer", None], ids=["front", "signer", "house"])
def test_kills_under_load(small, role):
    """kill -9 of a process, or of all: the next goes on with a chain that is whole, and nothing that was made is missing."""
    house, responder = small
    house.sets[:] = ["log.audit_segment=65536"]
    chance = random.Random(5)
    for _ in range(3):
        with load(house, responder, 4):
            time.sleep(1 + chance.random())
            if role is None:
                house.kill()
            else:
                pid = house.children()[role]
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda: house.children().get(role, pid) != pid)
                time.sleep(1)
        if role is None:
            house.start()
    wait_until(lambda: not house.process.poll())
    assert house.stop() == 0
    found = verify(house.directory)
    assert found["good"], found
    assert everything_has_its_lines(house) > 0
    starts = events(house, "house.start"), events(house, "signer.start", "signer")
    assert (len(starts[0]), len(starts[1])) == {"front": (4, 1), "signer": (1, 4), None: (4, 4)}[role]


def test_eight_at_once(small):
    """Each request has one decision, however many come at the same moment."""
    house, responder = small
    client = acme_raw.Client(house.url, house.root)
    client.register()
    with load(house, responder, 8) as promises:
        wait_until(lambda: len(promises.certificates) >= 24)
    assert house.stop() == 0
    assert verify(house.directory)["good"]
    orders = [line["order"] for line in events(house, "csr")]
    assert len(orders) == len(set(orders)) >= 24
    assert everything_has_its_lines(house) >= 24


def test_a_refusal_by_a_limit_is_one_line(tmp_path):
    house = house_module.House(tmp_path / "ca", sets=["rates.certificates_per_domain=1/1h", "order.hold=5s"])
    house.start()
    responder = Responder(house.http_port)
    client = acme_raw.Client(house.url, house.root)
    client.register()
    _, order = client.order("b.limit.test")
    client.prove(order, responder)
    client.issue(responder, "a.limit.test")
    answer = client.post(order["finalize"], {"csr": b64(make_csr(["b.limit.test"]))})
    assert answer.status == 429
    assert house.stop() == 0
    good, bad = events(house, "csr")
    assert good["result"] == "ok" and bad["result"] == "RATE_LIMITED" and "limit" in bad["detail"]
    responder.close()
    house.close()


def test_accounts_and_lists(small):
    """What subscribers do with accounts, and the lists that follow a revocation, each with its own digest."""
    house, responder = small
    client = acme_raw.Client(house.url, house.root)
    client.register()
    pem = client.issue(responder, "list.flow.test")
    client.post(client.kid, {"contact": ["mailto:nobody@example.test"]})
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem, capture_output=True, check=True).stdout
    assert client.post(client.directory["revokeCert"], {"certificate": b64(der)}).status == 200
    published = pathlib.Path(house.directory / "published")

    def lists():
        return [x509.load_der_x509_crl(path.read_bytes()) for path in published.rglob("*.crl")]
    wait_until(lambda: any(len(crl) == 1 for crl in lists()))
    crl = next(crl for crl in lists() if len(crl) == 1)
    client.post(client.kid, {"status": "deactivated"})
    assert house.stop() == 0
    assert [line["change"] for line in events(house, "account")] == ["created", "changed", "deactivated"]
    assert b"nobody@example" not in b"".join(path.read_bytes() for path in segments(house, "front"))
    signs = [line for line in events(house, "sign", "signer") if line["kind"] == 6]
    line = next(line for line in signs if line["tbs_sha256"] == hashlib.sha256(crl.tbs_certlist_bytes).hexdigest())
    assert line["number"] == crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    key_id = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert line["issuer"] == key_id.hex()
    assert hashlib.sha256(crl.signature).hexdigest() in {line["made_sha256"] for line in events(house, "signed", "signer")}


def test_reload_names_what_changed_in_families(small):
    house, _ = small
    configure(house, "profiles:\n  default:\n    lifetime: 40d\n")
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line("proc.reloaded generation=1")
    configure(house, "profiles:\n  default:\n    lifetime: 41d\n  other:\n    lifetime: 42d\n")
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line("proc.reloaded generation=2")
    assert house.stop() == 0
    first, second = events(house, "house.reload")
    assert "profiles.default" in first["changed"][0]
    assert second["changed"] == ["profiles.default.lifetime", "profiles.other"]


def test_a_full_disk_issues_nothing(tmp_path):
    """Neither chain can grow: no certificate is answered, and when there is room again the chains go on."""
    with test_faults.mounted("-t", "tmpfs", "-o", "size=48m", "none", at=tmp_path / "disk") as folder:
        house = house_module.House(folder / "ca", sets=["order.hold=5s"])
        house.log_path = tmp_path / "serve.log"
        responder = Responder(house.http_port)
        try:
            house.start()
            client = acme_raw.Client(house.url, house.root)
            client.register()
            _, order = client.order("full.flow.test")
            client.prove(order, responder)
            filler = test_faults.fill(folder)
            answers = [client.post(order["finalize"], {"csr": b64(make_csr(["full.flow.test"]))}) for _ in range(12)]
            assert answers[-1].status >= 500, answers
            filler.unlink()
            client.issue(responder, "later.flow.test")
            assert house.stop() == 0
            assert verify(house.directory)["good"]
            assert everything_has_its_lines(house) >= 1
        finally:
            responder.close()
            house.close()
