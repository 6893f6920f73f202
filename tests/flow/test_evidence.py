"""What a validation saw is kept and can be shown: cairn-ca authz show and list, while the CA runs and while not; the
validationRecord of the challenge."""
import datetime
import sqlite3
import subprocess

import pytest

import acme_raw
import house as house_module
from test_admin import account_of, admin

LONG_AGO = 86400 * 400


def shown(house, *words):
    """What people see."""
    return subprocess.run([str(house_module.CAIRN_CA), *map(str, words), "--dir", str(house.directory)],
                          capture_output=True, text=True, timeout=60, check=True).stdout


def attempt(client, responder, name, body=None):
    """A validation that ended: the authorization's URL and its challenge."""
    _, order = client.order(name)
    url = order["authorizations"][0]
    challenge = client.challenge(url)
    responder.tokens[challenge["token"]] = body or f'{challenge["token"]}.{client.key.thumbprint()}'
    client.post(challenge["url"], {})
    return url, client.poll(challenge["url"], ("valid", "invalid")).json


def test_a_success_and_a_failure(house, client, responder):
    """V-MPIC-6 for a CA without other perspectives: its own is named, and what it saw."""
    url, challenge = attempt(client, responder, "good.example.test")
    found = admin(house, "authz", "show", url)
    assert found == admin(house, "authz", "show", url.rpartition("/")[2])
    assert found == admin(house, "authz", "show", challenge["url"])
    assert (found["identifier"], found["status"], found["challenge"]) == ("good.example.test", "valid", "http-01")
    assert found["account"] == account_of(client) and found["order"] > 0
    assert "error" not in found and "quorum" not in found
    (local,) = found["perspectives"]
    assert (local["name"], local["region"], local["verdict"]) == ("local", None, "valid")
    begun, ended = (datetime.datetime.strptime(local[name], "%Y-%m-%dT%H:%M:%S.%fZ") for name in ("begun", "ended"))
    assert begun <= ended
    lookup, fetch = local["steps"]
    assert lookup == {"lookup": "good.example.test", "aaaa": [], "a": ["127.0.0.1"]}
    assert fetch == {"url": f'http://good.example.test/.well-known/acme-challenge/{challenge["token"]}',
                     "address": f"127.0.0.1:{house.http_port}", "status": 200}
    assert challenge["validationRecord"] == [{
        "url": fetch["url"], "hostname": "good.example.test", "addressesResolved": ["127.0.0.1"],
        "port": str(house.http_port), "addressUsed": "127.0.0.1", "status": 200}]

    url, challenge = attempt(client, responder, "bad.example.test", "something else")
    found = admin(house, "authz", "show", url)
    assert found["status"] == "invalid" and found["error"] == challenge["error"]
    (local,) = found["perspectives"]
    assert local["verdict"] == "invalid" and local["problem"] == challenge["error"]
    text = shown(house, "authz", "show", url)
    for words in ("identifier: bad.example.test", "status: invalid", "something else", "steps of local:\n",
                  "  lookup=bad.example.test, aaaa=-, a=127.0.0.1\n", "status=200"):
        assert words in text, text
    assert house.stop() == 0
    assert admin(house, "authz", "show", url) == found
    assert shown(house, "authz", "show", url) == text
    house.start()


def test_before_it_is_validated(house, client):
    _, order = client.order("*.wild.example.test")
    found = admin(house, "authz", "show", order["authorizations"][0])
    assert (found["identifier"], found["status"], found["challenge"]) == ("*.wild.example.test", "pending", None)
    assert found["decided"] is None and "perspectives" not in found


def test_records_of_earlier_versions_are_shown(house, client, responder):
    url, _ = attempt(client, responder, "old.example.test")
    with sqlite3.connect(house.directory / "cairn.db") as db:
        db.execute("UPDATE authz SET record = ? WHERE id = ?",
                   ['[{"lookup":"old.example.test","aaaa":[],"a":["127.0.0.1"]}]', url.rpartition("/")[2]])
    (local,) = admin(house, "authz", "show", url)["perspectives"]
    assert (local["name"], local["verdict"], len(local["steps"])) == ("local", None, 1)
    (entry,) = client.post(url, None).json["challenges"][0]["validationRecord"]
    assert entry == {"hostname": "old.example.test", "addressesResolved": ["127.0.0.1"]}


@pytest.mark.parametrize("word", ["0", "x", "https://ca.test/acme/order/7", "https://ca.test/acme/authz/",
                                  "https://ca.test/acme/authz/7x"])
def test_what_is_none(shared_house, word):
    assert "neither the number" in admin(shared_house, "authz", "show", word, fails=64)["detail"]


def test_one_that_is_not_there(shared_house):
    assert "there is no such authorization" in admin(shared_house, "authz", "show", 999999999, fails=1)["detail"]


def names(found):
    return [row["identifier"] for row in found["authorizations"]]


def test_list(house, client):
    """Newest first; by account, identifier and time; in pages; also far back, past many of others."""
    other = acme_raw.Client(house.url, house.root)
    other.register()
    client.order("first.example.test")
    for _ in range(2):
        other.order("twice.example.test", "*.wild.example.test")
    client.order("127.0.0.1")
    everything = ["127.0.0.1"] + ["*.wild.example.test", "twice.example.test"] * 2 + ["first.example.test"]
    assert names(admin(house, "authz", "list")) == everything
    assert names(admin(house, "authz", "list", "--account", account_of(client))) == ["127.0.0.1", "first.example.test"]
    for word in ("TWICE.example.test", "twice.example.test"):
        assert names(admin(house, "authz", "list", "--identifier", word)) == ["twice.example.test"] * 2
    assert names(admin(house, "authz", "list", "--identifier", "*.wild.example.test")) == ["*.wild.example.test"] * 2
    assert names(admin(house, "authz", "list", "--identifier", "127.0.0.1", "--since", "1h")) == ["127.0.0.1"]
    assert names(admin(house, "authz", "list", "--account", 999)) == []
    assert "--identifier" in admin(house, "authz", "list", "--identifier", "no name", fails=64)["detail"]
    assert house.stop() == 0
    with sqlite3.connect(house.directory / "cairn.db") as db:
        db.executemany(
            "INSERT INTO authz (account_id, order_id, type, value, wildcard, seed, created, expires, deactivated,"
            " attempt_type, attempt_begun, attempt_finished, verdict) SELECT 77, 0, 0, ?, 0, seed, created - ?, expires,"
            " 0, -1, 0, 0, 0 FROM authz LIMIT 1", [(f"n{n}.test", LONG_AGO) for n in range(5000)])
        db.execute("UPDATE authz SET id = id + 1000000 WHERE account_id <> 77")
    house.start()
    found = admin(house, "authz", "list")
    assert len(found["authorizations"]) == 100 and names(found)[:6] == everything
    listed, pages = names(found), 1
    while "next_after" in found:
        found = admin(house, "authz", "list", "--after", found["next_after"])
        listed, pages = listed + names(found), pages + 1
    assert len(listed) == len(set(listed)) + 2 == 5006 and 51 <= pages <= 53
    assert names(admin(house, "authz", "list", "--identifier", "n0.test")) == ["n0.test"]
    assert names(admin(house, "authz", "list", "--identifier", "n0.test", "--since", "36h")) == []
    assert "next_after" not in admin(house, "authz", "list", "--since", "36h")
    assert shown(house, "authz", "list", "--account", account_of(client)).splitlines()[0].split() == [
        "id", "identifier", "status", "account", "order", "challenge", "created", "decided"]
