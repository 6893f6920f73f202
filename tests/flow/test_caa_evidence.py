"""What a look at CAA before a certificate was made saw is kept with the order and can be shown: cairn-ca order show and
caa show, while the CA runs and while not (docs/evidence.md)."""
import concurrent.futures
import contextlib
import hashlib
import os
import re
import signal
import sqlite3
import time

import pytest

import world as world_module
from acme_raw import make_csr
from test_admin import account_of, admin
from test_audit import events, verify
from test_caa_again import NOBODY, OURS, World, finalize, house_count, is_issued, killed_while_asking
from test_evidence import shown
from test_star import text, wait_until


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("caa") / "ca")
    yield made
    made.close()


@pytest.fixture
def own(tmp_path):
    made = World(tmp_path / "ca")
    yield made
    made.close()


def looks(world, url):
    """Oldest first: order show's, each with what caa show has besides."""
    found = admin(world.house, "order", "show", url)["caa"]
    for look in found:
        whole = admin(world.house, "caa", "show", look["id"])
        assert (whole["round"], whole["identifier"], whole["outcome"], whole["asked"]) == (
            look["round"], look["identifier"], look["outcome"], look["asked"])
        assert look["perspectives"] == [f'{p["name"]}:{p["verdict"]}' for p in whole["perspectives"]]
        look["whole"] = whole
    return found[::-1]


def records_in(look):
    """The CAA records that the local perspective found."""
    (local,) = look["whole"]["perspectives"]
    return local, str([step for step in local["steps"] if "caa" in step])


def test_a_good_and_a_refused_round(world):
    """V-CAA-21, V-REC-1, V-MPIC-6: who looked, when, what was found and what that came to, for each name."""
    names = [world.name(OURS), world.name()]
    client, url, order = world.ready(*names)
    before = admin(world.house, "order", "show", url)
    assert (before["status"], before["caa"], before["certificates"], before["caa_checked"]) == ("ready", [], [], None)
    mark = len(world.house.text())
    assert is_issued(client, url, finalize(client, order))
    found = admin(world.house, "order", "show", url)
    number = int(url.rpartition("/")[2])
    assert (found["id"], found["status"], found["account"], found["profile"]) == (number, "valid", account_of(client), "fresh")
    assert found["caa_checked"] == found["caa"][0]["asked"] and "error" not in found
    assert [row["identifier"] for row in found["identifiers"]] == names
    assert [(row["status"], row["challenge"]) for row in found["identifiers"]] == [("valid", "http-01")] * 2
    assert all(row["caa_checked"] for row in found["identifiers"])
    (certificate,) = found["certificates"]
    assert certificate["state"] == "issued" and re.fullmatch(r"[0-9a-f]+", certificate["serial"])
    pem = client.post(client.post(url, None).json["certificate"], None).body
    from cryptography import x509
    assert x509.load_pem_x509_certificate(pem).serial_number == int(certificate["serial"], 16)
    seen = looks(world, url)
    assert [(look["round"], look["identifier"], look["outcome"]) for look in seen] == [(1, name, "allowed") for name in names]
    local, caa = records_in(seen[0])
    assert (local["name"], local["verdict"], local["region"]) == ("local", "valid", None) and "ca.example.net" in caa
    assert local["begun"] <= local["ended"] and seen[0]["whole"]["challenge"] == "http-01"
    for name in names:
        world.house.wait_for_line(rf"order\.caa order={number} name={name} allowed=yes", since=mark)
    authz = found["identifiers"][0]["authorization"]
    assert admin(world.house, "authz", "show", authz)["caa_checked"] == found["identifiers"][0]["caa_checked"]
    world.house.wait_for_line(rf"order\.validated authz={authz} .*identifier={names[0]} method=http-01 "
                              r"requirement=3\.2\.2\.4\.19 result=valid quorum=none")

    client, url, order = world.ready(*names)
    world.set(names[1], NOBODY)
    assert finalize(client, order).type == "caa"
    found = admin(world.house, "order", "show", url)
    assert (found["status"], found["certificates"], found["caa_checked"]) == ("invalid", [], None)
    assert found["error"] == client.post(url, None).json["error"]
    seen = looks(world, url)
    assert [look["outcome"] for look in seen] == ["allowed", "forbidden"]
    lines = [line for line in events(world.house, "caa") if line["order"] == found["id"]]
    assert [(line["identifier"], line["result"]) for line in lines] == list(zip(names, ["allowed", "forbidden"]))
    with contextlib.closing(sqlite3.connect(f"file:{world.house.directory}/cairn.db?mode=ro", uri=True)) as db:
        kept = db.execute("SELECT record FROM caa_look WHERE order_id = ? ORDER BY id", (found["id"],)).fetchall()
    assert [line["evidence_sha256"] for line in lines] == [hashlib.sha256(row[0].encode()).hexdigest() for row in kept]
    assert verify(world.house.directory)["good"]
    local, caa = records_in(seen[1])
    assert local["verdict"] == "invalid" and local["problem"]["type"].endswith(":caa") and "issue \";\"" in caa
    printed = shown(world.house, "order", "show", url)
    for words in (f"id: {found['id']}\n", "status: invalid\n", "local:invalid", "forbidden"):
        assert words in printed, printed
    printed = shown(world.house, "caa", "show", seen[1]["id"])
    for words in ("outcome: forbidden\n", f"identifier: {names[1]}\n", "steps of local:\n", "caa="):
        assert words in printed, printed


def test_where_the_dns_does_not_answer(world):
    """Such rounds end nothing, and only the last ones are kept."""
    name = world.name(OURS)
    client, url, order = world.ready(name)
    world.set(name, rcode=world_module.SERVFAIL)
    for _ in range(10):
        assert finalize(client, order).status == 503
    seen = looks(world, url)
    assert [(look["round"], look["outcome"]) for look in seen] == [(number, "unknown") for number in range(3, 11)]
    assert seen[0]["whole"]["perspectives"][0]["problem"]["type"].endswith(":dns")
    world.set(name, OURS)
    assert is_issued(client, url, finalize(client, order))
    assert [look["outcome"] for look in looks(world, url)] == ["unknown"] * 7 + ["allowed"]


def test_nothing_is_kept_where_nothing_is_looked_up(world):
    client, url, order = world.ready(world.name(OURS), profile="lasting")
    before = house_count(world.house, "SELECT count(*) FROM caa_look")
    assert is_issued(client, url, finalize(client, order))
    assert admin(world.house, "order", "show", url)["caa"] == []
    assert house_count(world.house, "SELECT count(*) FROM caa_look") == before


def test_words(world):
    assert "neither the number of an order" in admin(world.house, "order", "show", "x", fails=64)["detail"]
    assert "no such order" in admin(world.house, "order", "show", 999999, fails=1)["detail"]
    assert "no such look" in admin(world.house, "caa", "show", 999999, fails=1)["detail"]
    client, url, order = world.ready(world.name(OURS))
    number = url.rpartition("/")[2]
    assert admin(world.house, "order", "show", order["finalize"]) == admin(world.house, "order", "show", number)


def test_killed_between_the_round_and_the_signature(own):
    """kill -9 while the signer has not answered: what was seen was on disk before, and belongs to the certificate that is
    made then; also while no CA runs."""
    name = own.name(OURS)
    client, url, order = own.ready(name)
    number = url.rpartition("/")[2]
    os.kill(own.house.children()["signer"], signal.SIGSTOP)

    def begun():
        return house_count(own.house, f"SELECT count(*) FROM issuance WHERE order_id = {number} AND state = 0")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(finalize, client, order)
        wait_until(begun)
        before = looks(own, url)
        assert [look["outcome"] for look in before] == ["allowed"]
        assert admin(own.house, "order", "show", url)["certificates"][0]["state"] == "being signed"
        own.house.kill()
        with contextlib.suppress(OSError):
            answer.result()
    assert looks(own, number) == before
    own.house.start()
    assert own.again().poll(url, ("valid", "invalid")).json["status"] == "valid"
    assert looks(own, url) == before
    assert admin(own.house, "order", "show", url)["certificates"][0]["state"] == "issued"


def test_killed_before_the_round_is_over(own):
    """What nobody recorded decided nothing."""
    name, url, order = killed_while_asking(own)
    assert looks(own, url) == []
    own.set(name, NOBODY)
    assert finalize(own.again(), order).type == "caa"
    assert [look["outcome"] for look in looks(own, url)] == ["forbidden"]


def test_renewals(own):
    """RFC 8739: a round before each certificate, and those that forbade one."""
    name = own.name(OURS)
    client, url, order = own.ready(name, **{"auto-renewal": {"end-date": text(time.time() + 600), "lifetime": 16}})
    assert is_issued(client, url, finalize(client, order))

    def certificates():
        return len(admin(own.house, "order", "show", url)["certificates"])
    wait_until(lambda: certificates() >= 2)
    assert [look["outcome"] for look in looks(own, url)][:2] == ["allowed"] * 2
    own.set(name, NOBODY)
    wait_until(lambda: looks(own, url)[-1]["outcome"] == "forbidden")
    assert admin(own.house, "order", "show", url)["auto_renewal"] is True
    had = certificates()
    own.set(name, OURS)
    wait_until(lambda: certificates() > had)
    outcomes = [look["outcome"] for look in looks(own, url)]
    assert "forbidden" in outcomes and outcomes[-1] == "allowed" and outcomes.count("allowed") >= certificates()


def test_many_rounds_and_certificates(own):
    """In pages."""
    client, url, order = own.ready(own.name(OURS))
    assert is_issued(client, url, finalize(client, order, make_csr([order["identifiers"][0]["value"]])))
    assert own.house.stop() == 0
    with contextlib.closing(sqlite3.connect(own.house.directory / "cairn.db")) as db, db:
        db.executemany("INSERT INTO caa_look (order_id, round, name, asked, outcome, issuance_id, record)"
                       " SELECT order_id, ?, name, asked, outcome, issuance_id, record FROM caa_look WHERE round = 1",
                       [(number,) for number in range(2, 251)])
    own.house.start()
    found, rounds = admin(own.house, "order", "show", url), []
    while True:
        rounds += [look["round"] for look in found["caa"]]
        if "next_after" not in found:
            break
        assert len(found["caa"]) == 100
        found = admin(own.house, "order", "show", url, "--after", found["next_after"])
    assert rounds == list(range(250, 0, -1))
