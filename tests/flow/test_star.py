"""Orders that renew themselves (RFC 8739): rows S-STAR."""
import contextlib
import datetime
import email.utils
import os
import re
import signal
import sqlite3
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import acme_raw
import house as house_module
import judges
import responder as responder_module
import test_kill
from acme_raw import b64, make_csr
from rejudged import nothing_found

LIFETIME = 4  # seconds
PEM = "application/pem-certificate-chain"
SETS = ["star.enabled=true", "star.min_lifetime=4s", "star.max_duration=10d"]
PATIENCE = 60  # seconds: hang protection


def text(when):
    return datetime.datetime.utcfromtimestamp(when).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(when):
    return int(when.replace(tzinfo=datetime.timezone.utc).timestamp())


class World:
    """A serving house with auto-renewal, a responder, and a subscriber."""

    def __init__(self, house):
        self.house = house
        self.responder = responder_module.Responder(house.http_port)
        self.count = 0

    def connect(self):
        self.client = acme_raw.Client(self.house.url, self.house.root)
        self.client.register()
        return self.client

    def again(self):
        """After a restart."""
        self.client.connect()
        self.client.nonces.clear()

    def ask(self, client=None, more=None, **renewal):
        client = client or self.client
        self.count += 1
        self.name = f"star{self.count}.example.test"
        return client.post(client.directory["newOrder"], {
            "identifiers": [{"type": "dns", "value": self.name}], "auto-renewal": renewal, **(more or {})})

    def begin(self, client=None, key=None, end=None, lifetime=LIFETIME, **renewal):
        """A valid order: its URL, and what it looks like."""
        client = client or self.client
        made = self.ask(client, **{"end-date": text(end or time.time() + 600), "lifetime": lifetime, **renewal})
        assert made.status == 201, made
        client.prove(made.json, self.responder)
        done = client.post(made.json["finalize"], {"csr": b64(make_csr([self.name], key))})
        assert done.status == 200 and done.json["status"] == "valid", done
        return made.headers["Location"], done.json

    def get(self, order, method="GET"):
        return self.client.request(method, order["star-certificate"], None, {"Accept": PEM})

    def sql(self, statement):
        with contextlib.closing(sqlite3.connect(f"file:{self.house.directory}/cairn.db?mode=ro", uri=True)) as db:
            return db.execute(statement).fetchall()

    def states(self, url):
        """0 begun, 1 finished, 2 given up, of each issuance of an order."""
        return [row[0] for row in self.sql(
            f"SELECT state FROM issuance WHERE order_id = {url.rpartition('/')[2]} ORDER BY id")]


def leaf(pem):
    return x509.load_pem_x509_certificate(pem)


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One house for the tests that leave it as it is."""
    house = house_module.House(tmp_path_factory.mktemp("star") / "ca", sets=SETS)
    made = World(house)
    try:
        house.start()
        yield made
        assert house.stop() == 0, house.text()[-3000:]
        assert "ERROR: AddressSanitizer" not in house.text() and "runtime error" not in house.text()
        nothing_found(house)
    finally:
        made.responder.close()
        house.close()


@pytest.fixture
def world(shared):
    shared.connect()
    return shared


@pytest.fixture
def own(tmp_path):
    """A house that is ill-treated."""
    house = house_module.House(tmp_path / "ca", sets=SETS)
    made = World(house)
    try:
        house.start()
        made.connect()
        yield made
        test_kill.check_store(house)
        assert house.stop() == 0, house.text()[-3000:]
    finally:
        made.responder.close()
        house.close()


def test_capabilities(world, client):
    """S-STAR-1; off unless it is switched on: then nothing is promised, and nothing quietly left out."""
    assert world.client.directory["meta"]["auto-renewal"] == {
        "min-lifetime": 4, "max-duration": 864000, "allow-certificate-get": True}
    assert "auto-renewal" not in client.directory["meta"]
    answer = client.post(client.directory["newOrder"], {
        "identifiers": [{"type": "dns", "value": "off.example.test"}],
        "auto-renewal": {"end-date": text(time.time() + 600), "lifetime": 86400}})
    assert answer.status == 400 and answer.type == "malformed", answer


GOOD = {"end-date": 3600, "lifetime": 60}


@pytest.mark.parametrize("change, words", [
    ({"end-date": None}, "needs end-date"),
    ({"lifetime": None}, "needs end-date and lifetime"),
    ({"lifetime": "60"}, "lifetime"), ({"lifetime": 3}, "between 4 and"), ({"lifetime": -1}, "between"),
    ({"lifetime": 46 * 86400}, "between"), ({"lifetime": 2 ** 63 - 1}, "between"), ({"lifetime": 60.5}, "lifetime"),
    ({"end-date": -5}, "end-date must be later"), ({"end-date": 11 * 86400}, "not later than"),
    ({"end-date": "tomorrow"}, "not a time of RFC 3339"), ({"end-date": "9999-12-31T23:59:59Z"}, "not later than"),
    ({"start-date": 7200}, "end-date must be later"), ({"start-date": 200 * 86400, "end-date": 201 * 86400}, "start-date"),
    ({"start-date": "7"}, "not a time"),
    ({"lifetime-adjust": -1}, "must not be negative"), ({"lifetime-adjust": "1"}, "lifetime-adjust"),
    ({"allow-certificate-get": 1}, "allow-certificate-get"),
])
def test_refused(world, change, words):
    """S-STAR-2, and the limits that are advertised."""
    asked = {**GOOD, **change}
    for name in ("start-date", "end-date"):
        if isinstance(asked.get(name), int):
            asked[name] = text(time.time() + asked[name])
    before = world.house.content()
    answer = world.ask(**{name: value for name, value in asked.items() if value is not None})
    assert answer.status == 400 and answer.type == "malformed" and words in answer.json["detail"], answer
    assert world.house.content() == before


@pytest.mark.parametrize("more", [{"notBefore": text(time.time() + 60)}, {"notAfter": text(time.time() + 600)},
                                  {"auto-renewal": []}, {"auto-renewal": None}])
def test_refused_with(world, more):
    """S-STAR-3."""
    before = world.house.content()
    answer = world.ask(more=more, **{"end-date": text(time.time() + 3600), "lifetime": 60})
    assert answer.status == 400 and answer.type == "malformed", answer
    assert world.house.content() == before


def check_pair(now, then, first):
    """Two certificates, one after the other: S-STAR-9 and S-STAR-15 with f = 3/4, in lifetimes from the first. That each
    is made in time is shown in tests/unit/server/order/order_star_test.c, for all times."""
    assert seconds(then.not_valid_before) == seconds(now.not_valid_after) - LIFETIME + LIFETIME // 4
    assert (seconds(now.not_valid_after) - first) % LIFETIME == 0
    assert now.serial_number != then.serial_number


def test_from_the_first_to_the_last(world, tmp_path):
    """S-STAR-2, 4, 9, 10, 11, 12, 13, 14, 15: fetched all the time by somebody without account."""
    key = ec.generate_private_key(ec.SECP256R1())
    end = int(time.time()) + 15
    url, order = world.begin(key=key, end=end, **{"allow-certificate-get": True, "lifetime-adjust": 1})
    name = world.name
    assert order["auto-renewal"] == {"end-date": text(end), "lifetime": LIFETIME, "lifetime-adjust": 1,
                                     "allow-certificate-get": True}
    assert "certificate" not in order and order["expires"] == text(end)
    # beside it one that is canceled in the middle (S-STAR-5)
    canceled_url, canceled = world.begin()
    seen = []
    while True:
        begun = time.time()
        answer = world.get(order)
        if answer.status == 403:
            break
        assert answer.status == 200 and answer.headers["Content-Type"] == PEM, answer
        certificate = leaf(answer.body)
        begins, ends = seconds(certificate.not_valid_before), seconds(certificate.not_valid_after)
        assert begins <= time.time() and begun < ends + 1  # always one that is valid
        assert email.utils.parsedate_to_datetime(answer.headers["Cert-Not-Before"]).timestamp() == begins
        assert email.utils.parsedate_to_datetime(answer.headers["Cert-Not-After"]).timestamp() == ends
        assert email.utils.formatdate(begins, usegmt=True) == answer.headers["Cert-Not-Before"]
        age = int(re.fullmatch(r"public, max-age=(\d+)", answer.headers["Cache-Control"])[1])
        assert begun + age <= ends + 1
        if not seen or seen[-1] != certificate:
            seen.append(certificate)
            assert world.client.post(url, None).json["status"] == "valid"
            (tmp_path / "chain.pem").write_bytes(answer.body)
            judges.judge(tmp_path / "chain.pem", tmp_path / "chain.pem", world.house.root, [name])
        if len(seen) == 3 and canceled is not None:
            assert world.client.post(canceled_url, {"status": "canceled"}).json["status"] == "canceled"
            canceled, left = None, world.states(canceled_url)
        time.sleep(0.05)
    assert answer.type == "autoRenewalExpired" and time.time() >= end
    assert world.states(canceled_url) == left and 0 not in left  # another has been due since
    assert world.client.post(url, None).json["status"] == "valid"
    assert world.client.post(order["star-certificate"], None).type == "autoRenewalExpired"
    assert len(seen) == 4 and seconds(seen[-1].not_valid_after) == end
    first = seconds(seen[0].not_valid_after) - LIFETIME
    for now, then in zip(seen, seen[1:]):
        check_pair(now, then, first)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert all(c.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == public for c in seen)
    assert world.states(url) == [1, 1, 1, 1]


def test_a_start_in_the_future(world):
    """S-STAR-10: not before the start-date, and the end-date cuts."""
    start = int(time.time()) + 1000
    url, order = world.begin(lifetime=100, end=start + 50, **{"start-date": text(start), "lifetime-adjust": 70})
    certificate = leaf(world.client.post(order["star-certificate"], None).body)
    assert seconds(certificate.not_valid_before) == start and seconds(certificate.not_valid_after) == start + 50
    assert order["auto-renewal"]["start-date"] == text(start)
    assert world.sql(f"SELECT due FROM star WHERE order_id = {url.rpartition('/')[2]}") == [(0,)]  # that was all


def test_who_may_fetch(world):
    """S-STAR-13: GET only if both want it; the account always; a guess is as good as nothing."""
    client = world.client
    _, open_order = world.begin(lifetime=60, **{"allow-certificate-get": True})
    _, closed = world.begin(lifetime=60)
    assert "allow-certificate-get" not in closed["auto-renewal"]
    refused = world.get(closed)
    assert refused.status == 405 and refused.headers["Allow"] == "POST, OPTIONS", refused
    for order in (open_order, closed):
        answer = client.post(order["star-certificate"], None)
        assert answer.status == 200 and b"BEGIN CERTIFICATE" in answer.body
        assert "Cert-Not-After" in answer.headers and answer.headers["Cache-Control"] == "no-store"
    answer = world.get(open_order, "HEAD")
    assert answer.status == 200 and answer.body == b"" and "Cert-Not-Before" in answer.headers
    url = open_order["star-certificate"]
    assert len(url.rpartition("/")[2]) == 22  # 128 bits that nobody guesses (RFC 8739 6.3)
    for wrong in (url[:-1] + ("A" if url[-1] != "A" else "B"), url.rpartition("/")[0] + "/x", url + "AAAA",
                  closed["star-certificate"].rpartition("/")[0] + "/" + url.rpartition("/")[2]):
        answer = client.request("GET", wrong)
        assert answer.status == 404 and answer.type == "malformed", answer
    other = acme_raw.Client(world.house.url, world.house.root)
    other.register()
    assert other.post(url, None).status == 404
    assert client.post(url, {}).status == 400


def test_cancel(world):
    """S-STAR-5, 6, 7."""
    client = world.client
    url, order = world.begin()
    wait_until(lambda: world.states(url) == [1, 1])
    answer = client.post(url, {"status": "canceled"})
    assert answer.status == 200 and answer.json["status"] == "canceled", answer
    assert "star-certificate" not in answer.json and "error" not in answer.json
    newest, = world.sql(f"SELECT max(not_after) FROM issuance WHERE order_id = {url.rpartition('/')[2]}")
    assert answer.json["expires"] == text(newest[0])
    before = world.house.content()
    for _ in range(2):
        refused = client.post(order["star-certificate"], None)
        assert refused.status == 403 and refused.type == "autoRenewalCanceled", refused
    again = client.post(url, {"status": "canceled"})
    assert again.status == 400 and again.type == "autoRenewalCancellationInvalid", again
    assert world.house.content() == before


def test_cancel_what_is_not_valid(world):
    """S-STAR-7: pending, ready, of another kind, of somebody else."""
    client = world.client
    made = world.ask(**{"end-date": text(time.time() + 600), "lifetime": 60})
    plain_url, plain = client.order("plain.example.test")
    before = world.house.content()
    for url in (made.headers["Location"], plain_url):
        answer = client.post(url, {"status": "canceled"})
        assert answer.status == 400 and answer.type == "autoRenewalCancellationInvalid", answer
    for payload in ({}, {"status": "valid"}, {"status": 1}, {"expires": "x"}):
        answer = client.post(made.headers["Location"], payload)
        assert answer.status == 400 and answer.type == "malformed", answer
    other = acme_raw.Client(world.house.url, world.house.root)
    other.register()
    middle = world.house.content()
    assert other.post(made.headers["Location"], {"status": "canceled"}).status == 404
    assert world.house.content() == middle and len(middle) == len(before) + 1  # the account
    client.prove(made.json, world.responder)
    assert client.post(made.headers["Location"], {"status": "canceled"}).type == "autoRenewalCancellationInvalid"
    assert client.post(made.headers["Location"], None).json["status"] == "ready"
    del plain


def test_not_revoked(world):
    """S-STAR-8: whoever asks."""
    key = acme_raw.Key()
    _, order = world.begin(key=key.key, lifetime=60)
    certificate = leaf(world.client.post(order["star-certificate"], None).body).public_bytes(Encoding.DER)
    before = world.house.content()
    payload = {"certificate": b64(certificate), "reason": 1}
    for spoil in ({}, {"key": key, "jwk": True}):
        answer = world.client.post(world.client.directory["revokeCert"], payload, **spoil)
        assert answer.status == 403 and answer.type == "autoRenewalRevocationNotSupported", answer
    assert world.house.content() == before


@pytest.mark.parametrize("how", ["account", "key", "authorization"])
def test_ends_by_itself(world, how):
    """Nothing is issued any more for an account that is gone, with a key that is compromised, without authorization."""
    client = world.client
    key = acme_raw.Key()
    url, order = world.begin(key=key.key, **{"allow-certificate-get": True})
    if how == "account":
        assert client.post(client.kid, {"status": "deactivated"}).status == 200
    elif how == "authorization":
        assert client.post(order["authorizations"][0], {"status": "deactivated"}).status == 200
    else:
        other = acme_raw.Client(world.house.url, world.house.root)
        other.register()
        plain = other.issue(world.responder, "plain.example.test", key=key.key)
        done = other.post(other.directory["revokeCert"], {
            "certificate": b64(leaf(plain).public_bytes(Encoding.DER)), "reason": 1}, key=key, jwk=True)
        assert done.status == 200, done
    issued = len(world.states(url))
    wait_until(lambda: world.get(order).status == 403)
    assert world.get(order).type == "autoRenewalCanceled"
    assert len(world.states(url)) <= issued + 1  # it may have been due just then
    if how != "account":
        shown = client.post(url, None).json
        assert shown["status"] == "canceled", shown
        assert shown["error"]["type"].rpartition(":")[2] == ("badCSR" if how == "key" else "unauthorized"), shown


# ---- processes that end, and are away ----

def number(own, order):
    return leaf(own.get(order).body).serial_number


def test_a_day_with_trouble(own):
    """Stopped for longer than a lifetime, killed, without signer: the certificate that is valid now is there soon, one
    for each time that passed it is not, and no more than one is made at once."""
    orders = [own.begin(**{"allow-certificate-get": True}) for _ in range(6)]
    wait_until(lambda: all(own.states(url) == [1, 1] for url, _ in orders))
    assert own.house.stop() == 0
    with contextlib.closing(sqlite3.connect(own.house.directory / "cairn.db")) as db, db:
        # as after ten seconds more: everything happened earlier
        db.execute("UPDATE star SET first = first - 10, due = due - 10")
    own.house.start()
    own.again()
    wait_until(lambda: all(len(own.states(url)) >= 3 and seconds(leaf(own.get(order).body).not_valid_after) > time.time()
                           for url, order in orders))
    assert all(len(own.states(url)) <= 4 for url, _ in orders)  # not the five that would have been
    # killed: what was begun is finished, what is due is made
    old = own.house.children()["front"]
    os.kill(old, signal.SIGKILL)
    test_kill.wait_for_another(own.house, "front", old)
    own.house.wait_for_line(r"proc\.ready role=front")
    own.again()
    before = [number(own, order) for _, order in orders]
    wait_until(lambda: all(number(own, order) != old for (_, order), old in zip(orders, before)))
    # the signer does not answer: one waits, and the order is as valid as before
    signer = own.house.children()["signer"]
    os.kill(signer, signal.SIGSTOP)
    try:
        wait_until(lambda: all(own.states(url)[-1] == 0 for url, _ in orders))
        url, order = orders[0]
        assert own.client.post(url, None).json["status"] == "valid"
        assert own.get(order).status == 200
        # S-STAR-5: canceled while it is being signed, it is never published
        before = own.client.post(url, None)
        done = own.client.post(url, {"status": "canceled"})
        assert done.status == 200 and done.json["status"] == "canceled", (before, done)
        assert own.states(url)[-1] == 2
        time.sleep(1.5)
        assert all(own.states(url).count(0) == 1 for url, _ in orders[1:])
    finally:
        os.kill(signer, signal.SIGCONT)
    wait_until(lambda: all(seconds(leaf(own.get(order).body).not_valid_after) > time.time() for _, order in orders[1:]))
    assert own.get(orders[0][1]).type == "autoRenewalCanceled"
    assert own.states(orders[0][0]).count(2) == 1 and 0 not in own.states(orders[0][0])
    serials = [row[0] for row in own.sql("SELECT serial FROM issuance")]
    assert len(set(serials)) == len(serials)


def test_a_name_that_is_denied_since(own):
    """No further certificate for it; when it is allowed again, they go on."""
    url, order = own.begin(**{"allow-certificate-get": True})
    assert own.house.stop() == 0
    sets = list(own.house.sets)
    own.house.sets.append(f"directories.default.deny_names={own.name}")
    mark = len(own.house.text())
    own.house.start()
    own.house.wait_for_line(r"order\.not_renewed.*denies the name", since=mark)
    count = len(own.states(url))
    assert own.house.stop() == 0
    assert len(own.states(url)) == count
    own.house.sets[:] = sets
    own.house.start()
    own.again()
    wait_until(lambda: len(own.states(url)) > count)
    wait_until(lambda: seconds(leaf(own.get(order).body).not_valid_after) > time.time())
