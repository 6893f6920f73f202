"""Renewal information (RFC 9773): rows S-ARI of the conformance list, rows 59 and 95 of what other servers do."""
import datetime
import email.utils
import json
import sqlite3
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import acme_raw
import house as house_module
import responder as responder_module
from acme_raw import b64, certificate_id

NAMES = ["renewed.example.test", "www.renewed.example.test"]
HOUR = 3600
DAY = 24 * HOUR


def when(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


def life(pem):
    """Begin and end of a certificate, and how long that is."""
    certificate = x509.load_pem_x509_certificate(pem)
    begin, end = (t.replace(tzinfo=datetime.timezone.utc).timestamp()
                  for t in (certificate.not_valid_before, certificate.not_valid_after))
    return begin, end, end - begin + 1


def info_url(client, pem):
    return f'{client.directory["renewalInfo"]}/{certificate_id(pem)}'


def window(client, pem):
    """Start and end of the suggested window."""
    answer = client.request("GET", info_url(client, pem))
    assert answer.status == 200, answer
    assert set(answer.json) <= {"suggestedWindow", "explanationURL"}
    start, end = (when(answer.json["suggestedWindow"][name]) for name in ("start", "end"))
    assert start < end
    return start, end


def new_order(client, *names, **more):
    return client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": n} for n in names], **more})


def revoke(client, pem):
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    assert client.post(client.directory["revokeCert"], {"certificate": b64(der), "reason": 4}).status == 200


@pytest.fixture
def stranger(house):
    made = acme_raw.Client(house.url, house.root)
    made.register()
    return made


class World:
    """A CA with one certificate, shared by what changes nothing."""

    def __init__(self, directory):
        self.house = house_module.House(directory).start()
        self.responder = responder_module.Responder(self.house.http_port)
        self.client = acme_raw.Client(self.house.url, self.house.root)
        self.client.register()
        self.pem = self.client.issue(self.responder, *NAMES)
        self.stranger = acme_raw.Client(self.house.url, self.house.root)
        self.stranger.register()
        self.its = self.stranger.issue(self.responder, NAMES[0])

    def close(self):
        self.responder.close()
        code = self.house.stop()
        self.house.close()
        assert code == 0


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("renewal") / "ca")
    yield made
    made.close()


def test_for_everybody(world):
    """S-ARI-1, 2, 3, 4, 5, 15: the certificate's name is made from it by python3-cryptography."""
    start, end = window(world.client, world.pem)
    begin, _, lifetime = life(world.pem)
    assert lifetime == 90 * DAY
    assert begin + 57.5 * DAY <= start and end <= begin + 62.5 * DAY and end - start == 2 * DAY
    answer = world.client.request("GET", info_url(world.client, world.pem))
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Retry-After"] == "21600"
    assert answer.headers["Cache-Control"] == "public, max-age=21600"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    assert "Replay-Nonce" not in answer.headers and "explanationURL" not in answer.json


@pytest.mark.parametrize("accept", ["application/json", "text/html", "image/png;q=0.1", "*/*"])
def test_whatever_is_accepted(world, accept):
    """S-ARI-7."""
    answer = world.client.request("GET", info_url(world.client, world.pem), headers={"Accept": accept})
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json", answer
    asked = world.client.request("GET", info_url(world.client, world.pem) + "?cache=1", headers={"Accept": accept})
    assert asked.json == answer.json


def test_head_and_post(world):
    content = world.house.content()
    head = world.client.request("HEAD", info_url(world.client, world.pem))
    assert head.status == 200 and head.body == b"" and head.headers["Retry-After"] == "21600", head
    answer = world.client.post(info_url(world.client, world.pem), None)
    assert answer.status == 200 and answer.headers.get_all("Cache-Control") == ["no-store"], answer
    assert answer.json == world.client.request("GET", info_url(world.client, world.pem)).json
    assert answer.headers["Replay-Nonce"] and answer.headers["Retry-After"] == "21600"
    assert world.house.content() == content


# Names that are none of this CA's, or no names, made from a good one.
OTHER_NAMES = {
    "another key": (lambda key_id, serial: f"aYhba4dGQEHhs3uEe6CuLN4ByNQ.{serial}", 404),
    "another serial": (lambda key_id, serial: f"{key_id}.AIdlQyE", 404),
    "padded": (lambda key_id, serial: f"{key_id}=.{serial}", 400),
    "padded at its end": (lambda key_id, serial: f"{key_id}.{serial}=", 400),
    "one part": (lambda key_id, serial: key_id, 400),
    "three parts": (lambda key_id, serial: f"{key_id}.{serial}.AQ", 400),
    "an empty part": (lambda key_id, serial: f"{key_id}.", 400),
    "a leading zero too many": (lambda key_id, serial: f"{key_id}.AAEB", 400),
    "the sign bit": (lambda key_id, serial: f"{key_id}.h2VDIQ", 400),
    "percent-encoded": (lambda key_id, serial: f"{key_id}%2E{serial}", 400),
    "the usual base64": (lambda key_id, serial: f"-_+8.{serial}", 400),
    "too long": (lambda key_id, serial: "A" * 200 + f".{serial}", 400),
    "something behind it": (lambda key_id, serial: f"{key_id}.{serial}/x", 404),
}


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_not_ours(world, name):
    """S-ARI-2."""
    make, status = OTHER_NAMES[name]
    content = world.house.content()
    text = make(*certificate_id(world.pem).split("."))
    answer = world.client.request("GET", f'{world.client.directory["renewalInfo"]}/{text}')
    assert answer.status == status and answer.type == "malformed", answer
    assert len(answer.json["detail"]) > 20 and "Cache-Control" not in answer.headers
    assert world.house.content() == content


# ---- replaces ----

WRONG = {
    "a number": (lambda w: 1, 400, "malformed"),
    "null": (lambda w: None, 400, "malformed"),
    "a list": (lambda w: [certificate_id(w.pem)], 400, "malformed"),
    "empty": (lambda w: "", 400, "malformed"),
    "junk": (lambda w: "hello", 400, "malformed"),
    "padded": (lambda w: certificate_id(w.pem) + "=", 400, "malformed"),
    "a URL": (lambda w: info_url(w.client, w.pem), 400, "malformed"),
    "unknown": (lambda w: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", 400, "malformed"),
    "another account's": (lambda w: certificate_id(w.its), 403, "unauthorized"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_replaced(world, name):
    """S-ARI-9, 13."""
    value, status, kind = WRONG[name]
    content = world.house.content()
    answer = new_order(world.client, *NAMES, replaces=value(world))
    assert answer.status == status and answer.type == kind, answer
    assert world.house.content() == content


def test_nothing_in_common(world):
    """S-ARI-9."""
    content = world.house.content()
    answer = new_order(world.client, "other.example.test", "sub." + NAMES[0], replaces=certificate_id(world.pem))
    assert answer.status == 400 and answer.type == "malformed" and "in common" in answer.json["detail"], answer
    assert world.house.content() == content


def test_renewal(house, client, responder):
    """S-ARI-9, 10, 11: one identifier in common is enough; the field stays, over a restart; once only."""
    old = client.issue(responder, *NAMES)
    answer = new_order(client, NAMES[1], "more.example.test", replaces=certificate_id(old))
    assert answer.status == 201 and answer.json["replaces"] == certificate_id(old), answer
    url, order = answer.headers["Location"], answer.json
    # what was proved for the certificate itself need not be proved again (S-STATE-5)
    shown = [client.post(authorization, None).json for authorization in order["authorizations"]]
    assert [a["status"] for a in shown] == ["valid", "pending"], shown
    assert order["expires"] <= shown[0]["expires"]
    content = house.content()
    again = new_order(client, *NAMES, replaces=certificate_id(old))
    assert again.status == 409 and again.type == "alreadyReplaced", again
    assert house.content() == content
    assert new_order(client, *NAMES).status == 201  # as the detail says
    client.prove(order, responder)
    assert client.post(url, None).json["replaces"] == certificate_id(old)
    house.process.kill()
    house.process.wait()
    house.start()
    client.connect()
    client.nonces.clear()
    assert new_order(client, *NAMES, replaces=certificate_id(old)).type == "alreadyReplaced"
    done = client.post(order["finalize"], {"csr": b64(acme_raw.make_csr([NAMES[1], "more.example.test"]))})
    assert done.json["replaces"] == certificate_id(old), done
    final = client.poll(url, ("valid",)).json
    assert final["replaces"] == certificate_id(old)
    assert new_order(client, *NAMES, replaces=certificate_id(old)).type == "alreadyReplaced"
    new = client.post(final["certificate"], None).body
    # nobody has to ask for the old one any more; the new one can be replaced in its turn
    assert client.request("GET", info_url(client, old)).headers["Retry-After"] == str(DAY)
    assert client.request("GET", info_url(client, new)).headers["Retry-After"] == "21600"
    assert new_order(client, "more.example.test", replaces=certificate_id(new)).status == 201


@pytest.mark.parametrize("how", ["deactivated", "refused", "expired"])
def test_an_order_that_fails_replaces_nothing(tmp_path, how):
    """S-ARI-12."""
    made = house_module.House(tmp_path / "ca")
    made.start()
    responder = responder_module.Responder(made.http_port)
    try:
        client = acme_raw.Client(made.url, made.root)
        client.register()
        old = client.issue(responder, *NAMES)
        first = new_order(client, NAMES[0], "fresh.example.test", replaces=certificate_id(old))
        authorization = first.json["authorizations"][1]
        if how == "deactivated":
            client.post(authorization, {"status": "deactivated"})
        elif how == "refused":
            client.post(client.challenge(authorization)["url"], {})
            client.poll(authorization, ("invalid",))
        else:
            assert made.stop() == 0
            with sqlite3.connect(made.directory / "cairn.db") as db:
                db.execute("UPDATE orders SET expires = 1 WHERE replaces IS NOT NULL")
            made.start()
            client.connect()
            client.nonces.clear()
        assert client.post(first.headers["Location"], None).json["status"] == "invalid"
        second = new_order(client, NAMES[0], replaces=certificate_id(old))
        assert second.status == 201, second
        third = new_order(client, NAMES[0], replaces=certificate_id(old))
        assert third.type == "alreadyReplaced", third
        assert made.stop() == 0, made.text()
    finally:
        responder.close()
        made.close()


def test_one_of_many_at_the_same_moment(house, client, responder):
    """S-ARI-10: exactly one order wins the race; the others leave nothing behind."""
    old = client.issue(responder, *NAMES)
    url = client.directory["newOrder"]
    clients = [acme_raw.Client(house.url, house.root, key=client.key) for _ in range(6)]
    for one in clients:
        one.kid = client.kid
    payload = {"identifiers": [{"type": "dns", "value": name} for name in (NAMES[0], "fresh.example.test")],
               "replaces": certificate_id(old)}
    bodies = [json.dumps(c.jws(url, payload)) for c in clients]
    before = house.rows()
    gate, answers = threading.Barrier(len(clients)), []

    def ask(one, body):
        gate.wait()
        answers.append(one.request("POST", url, body, {"Content-Type": "application/jose+json"}))

    threads = [threading.Thread(target=ask, args=pair) for pair in zip(clients, bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status for a in answers) == [201, 409, 409, 409, 409, 409]
    assert all(a.type == "alreadyReplaced" for a in answers if a.status == 409)
    after = house.rows()
    assert {table: after[table] - before[table] for table in ("orders", "authz", "replacement")} == {
        "orders": 1, "authz": 1, "replacement": 1}


def test_a_renewal_rests_on_what_was_proved(house, client, responder):
    """The same names again, and nothing to prove: ready at once, issued without asking anybody (RFC 8555 7.1.3)."""
    old = client.issue(responder, *NAMES)
    responder.asked.clear()
    answer = new_order(client, *NAMES, replaces=certificate_id(old))
    assert answer.status == 201 and answer.json["status"] == "ready", answer
    done = client.post(answer.json["finalize"], {"csr": b64(acme_raw.make_csr(NAMES))})
    assert done.status == 200, done
    assert client.poll(answer.headers["Location"], ("valid", "invalid")).json["status"] == "valid"
    assert responder.asked == []


# ---- other windows ----

def test_revoked(house, client, responder, stranger):
    """S-ARI-6: renew at once; also who cannot revoke sees it."""
    pem = client.issue(responder, *NAMES)
    before = window(stranger, pem)
    revoke(client, pem)
    start, end = window(stranger, pem)
    answer = stranger.request("GET", info_url(stranger, pem))
    now = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert end < now < before[0] and "explanationURL" not in answer.json
    assert int(answer.headers["Retry-After"]) <= HOUR
    assert new_order(client, *NAMES, replaces=certificate_id(pem)).status == 201


@pytest.mark.parametrize("lifetime, seconds, retry", [("45d", 45 * DAY, 6 * HOUR), ("160h", 160 * HOUR, 4 * HOUR),
                                                      ("1h", HOUR, 90)])
def test_lifetimes(tmp_path, lifetime, seconds, retry):
    """S-ARI-4, 5: the window is the lifetime's, the interval too; options say where to read why."""
    made = house_module.House(tmp_path / "ca", sets=[f"certificate.lifetime={lifetime}",
                                                     "renewal.revoked_url=https://ca.example.test/revoked"])
    made.start()
    responder = responder_module.Responder(made.http_port)
    try:
        client = acme_raw.Client(made.url, made.root)
        client.register()
        pem = client.issue(responder, *NAMES)
        begin, _, lasts = life(pem)
        assert lasts == seconds
        start, end = window(client, pem)
        middle = seconds * 2 / 3 if seconds >= 10 * DAY else seconds / 2
        assert abs((start + end) / 2 - begin - middle) <= seconds / 60 + 1
        assert abs(end - start - seconds / 45) <= 2
        assert client.request("GET", info_url(client, pem)).headers["Retry-After"] == str(retry)
        revoke(client, pem)
        assert client.request("GET", info_url(client, pem)).json["explanationURL"] == "https://ca.example.test/revoked"
        assert made.stop() == 0, made.text()
    finally:
        responder.close()
        made.close()
