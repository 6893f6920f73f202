"""What is used again: authorizations without an order (RFC 8555 7.4.1, rows S-PRE), those of earlier orders (S-ORD-6,
S-STATE-5, S-AZDE-3), orders (48 of what servers choose), and until when (S-STATE-4, S-STATE-6)."""
import calendar
import concurrent.futures
import contextlib
import sqlite3
import time

import pytest

import acme_raw
import house as house_module
import responder as responder_module
from acme_raw import b64, make_csr

DAY, HOUR = 86400, 3600
MARGIN = 7 * DAY // 8  # an eighth of order.lifetime, which is 7 days, and less than a day
CLOSE = {"status": "deactivated"}


class World:
    def __init__(self, directory, *sets):
        self.house = house_module.House(directory, sets=sets)
        self.house.start()
        self.responder = responder_module.Responder(self.house.http_port)
        self.client = self.stranger()
        self.counter = 0

    def stranger(self):
        made = acme_raw.Client(self.house.url, self.house.root)
        made.register()
        return made

    def twin(self):
        made = acme_raw.Client(self.house.url, self.house.root, self.client.key)
        made.kid = self.client.kid
        return made

    def name(self):
        self.counter += 1
        return f"n{self.counter}.reuse.test"

    def proved(self, name=None):
        """A name the account has proved with an order: the name and its authorization."""
        name = name or self.name()
        _, order = self.client.order(name)
        self.client.prove(order, self.responder)
        return name, order["authorizations"][0]

    @contextlib.contextmanager
    def stopped(self):
        """The store, while nobody serves it; then the CA is there again."""
        assert self.house.stop() == 0
        with contextlib.closing(sqlite3.connect(self.house.directory / "cairn.db")) as db:
            yield db
            db.commit()
        self.house.start()
        self.client.connect()

    def close(self):
        self.responder.close()
        code, text = self.house.stop(), self.house.text()
        self.house.close()
        assert code == 0 and "AddressSanitizer" not in text and "runtime error" not in text, text


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("reuse") / "ca", "authorization.max_pending=3")
    yield made
    made.close()


@pytest.fixture(scope="module")
def sharing(tmp_path_factory):
    """A CA where equal orders are one."""
    made = World(tmp_path_factory.mktemp("sharing") / "ca", "order.reuse=true")
    yield made
    made.close()


def new_authz(client, name, kind="dns", **more):
    return client.post(client.directory["newAuthz"], {"identifier": {"type": kind, "value": name, **more}})


def refused(answer, status, kind):
    assert (answer.status, answer.type) == (status, kind), answer
    assert answer.json["status"] == status and len(answer.json["detail"]) > 10, answer
    return answer


def number(url):
    return int(url.rpartition("/")[2])


def finalize(client, order, *names):
    return client.post(order["finalize"], {"csr": b64(make_csr(names))})


def expiry(order):
    return calendar.timegm(time.strptime(order["expires"], "%Y-%m-%dT%H:%M:%SZ"))


# ---- without an order ----

def test_authorization_without_an_order(world):
    """S-PRE-1, 4, 5, 6, S-AZ-1, S-STATE-5, S-ORD-6: asked for, found again, proved, and used by two orders."""
    client, name = world.client, world.name()
    answer = new_authz(client, name.upper())
    url = answer.headers["Location"]
    assert answer.status == 201 and answer.json["status"] == "pending", answer
    assert answer.json["identifier"] == {"type": "dns", "value": name} and "wildcard" not in answer.json
    assert {c["type"] for c in answer.json["challenges"]} >= {"http-01"} and answer.json["expires"]
    assert client.post(url, None).json == answer.json
    content = world.house.content()
    again = new_authz(client, name)
    assert again.status == 200 and again.headers["Location"] == url and again.json == answer.json
    assert world.house.content() == content
    _, early = client.order(name)  # a pending one serves no order
    assert early["status"] == "pending" and early["authorizations"] != [url]
    client.prove({"authorizations": [url]}, world.responder)
    again = new_authz(client, name)
    assert again.status == 200 and again.headers["Location"] == url and again.json["status"] == "valid", again
    asked = len(world.responder.asked)
    for _ in range(2):
        order_url, order = client.order(name)
        assert order["status"] == "ready" and order["authorizations"] == [url], order
        assert client.post(order_url, None).json == order
        assert finalize(client, order, name).json["status"] == "valid"
    assert len(world.responder.asked) == asked
    assert client.post(early["authorizations"][0], CLOSE).status == 200


def test_the_account_of_somebody_else(world):
    """Never across accounts."""
    name, url = world.proved()
    other = world.stranger()
    answer = new_authz(other, name)
    assert answer.status == 201 and answer.json["status"] == "pending" and answer.headers["Location"] != url
    _, order = other.order(name)
    assert order["status"] == "pending" and url not in order["authorizations"]
    assert other.post(url, None).status == 404


@pytest.mark.parametrize("payload, status, kind", [
    (None, 400, "malformed"), ({}, 400, "malformed"), ({"identifier": "a.test"}, 400, "malformed"),
    ({"identifier": []}, 400, "malformed"), ({"identifier": {}}, 400, "malformed"),
    ({"identifier": {"type": "dns"}}, 400, "malformed"), ({"identifier": {"value": "a.test"}}, 400, "malformed"),
    ({"identifier": {"type": "dns", "value": 7}}, 400, "malformed"),
    ({"identifier": {"type": "dns", "value": "*.a.test"}}, 400, "malformed"),
    ({"identifier": {"type": "dns", "value": "a..test"}}, 400, "malformed"),
    ({"identifier": {"type": "dns", "value": "ab--cd.test"}}, 403, "rejectedIdentifier"),
    ({"identifier": {"type": "x", "value": "a.test"}}, 403, "unsupportedIdentifier"),
    ({"identifiers": [{"type": "dns", "value": "a.test"}]}, 400, "malformed")])
def test_what_cannot_be_asked_for(world, payload, status, kind):
    """S-PRE-2, S-PRE-3; nothing is changed."""
    content = world.house.content()
    refused(world.client.post(world.client.directory["newAuthz"], payload), status, kind)
    assert world.house.content() == content


def test_pending_ones_are_bounded(world):
    """However many ask at once: what is decided or deactivated makes room."""
    client = world.stranger()
    kept = new_authz(client, world.name()).headers["Location"]
    twins = [acme_raw.Client(world.house.url, world.house.root, client.key) for _ in range(6)]
    for twin in twins:
        twin.kid = client.kid
    names = [world.name() for _ in twins]
    with concurrent.futures.ThreadPoolExecutor(len(twins)) as pool:
        answers = list(pool.map(new_authz, twins, names))
    assert sorted(a.status for a in answers) == [201] * 2 + [429] * 4, answers
    full = next(a for a in answers if a.status == 429)
    refused(full, 429, "rateLimited")
    assert int(full.headers["Retry-After"]) > 0 and " 3 " in full.json["detail"], full
    assert client.post(client.directory["newOrder"],
                       {"identifiers": [{"type": "dns", "value": world.name()}]}).status == 201
    assert client.post(kept, CLOSE).status == 200
    assert new_authz(client, world.name()).status == 201
    refused(new_authz(client, world.name()), 429, "rateLimited")
    proved = next(a.headers["Location"] for a in answers if a.status == 201)
    client.prove({"authorizations": [proved]}, world.responder)
    assert new_authz(client, world.name()).status == 201


@pytest.mark.parametrize("setting", ["authorization.lifetime=0", "authorization.max_pending=0"])
def test_not_there_where_it_would_not_work(tmp_path, setting):
    """S-DIR-3: neither in the directory nor behind it. Without a lifetime, an authorization serves its own order only."""
    world = World(tmp_path / "ca", setting)
    client = world.client
    assert "newAuthz" not in client.directory
    url = client.directory["newOrder"].replace("new-order", "new-authz")
    refused(client.post(url, {"identifier": {"type": "dns", "value": "a.test"}}), 404, "malformed")
    name, _ = world.proved()
    _, order = client.order(name)
    assert order["status"] == ("pending" if "lifetime" in setting else "ready")
    world.close()


# ---- from order to order ----

def test_an_earlier_order_serves_a_later_one(world):
    """S-STATE-5, S-ORD-6, S-NEWO-12: only what is new is to be proved."""
    client = world.client
    name, url = world.proved()
    more = world.name()
    order_url, order = client.order(more, name)
    assert order["status"] == "pending" and order["authorizations"][1] == url and len(order["authorizations"]) == 2
    assert order["identifiers"] == [{"type": "dns", "value": n} for n in (more, name)]
    client.prove(order, world.responder)
    assert client.post(order_url, None).json["status"] == "ready"
    assert finalize(client, order, name, more).json["status"] == "valid"


def test_a_wildcard_is_something_else(world):
    name, url = world.proved()
    _, order = world.client.order(f"*.{name}", name)
    wildcard, base = order["authorizations"]
    assert base == url and world.client.post(wildcard, None).json["status"] == "pending"


def test_deactivated_before_finalize(world):
    """S-AZDE-3, S-STATE-4: it ends all orders that rest on it, and serves no further one."""
    client = world.client
    name, url = world.proved()
    orders = [client.order(name) for _ in range(2)]
    assert all(order["status"] == "ready" for _, order in orders)
    assert client.post(url, CLOSE).status == 200
    for order_url, order in orders:
        assert client.post(order_url, None).json["status"] == "invalid"
        refused(finalize(client, order, name), 403, "orderNotReady")
    _, fresh = client.order(name)
    assert fresh["status"] == "pending" and fresh["authorizations"] != [url]


def test_deactivated_while_orders_are_finalized(world):
    """Two orders of one authorization, finalized at the same moment as it is closed: each is issued or refused, and
    once the deactivation is answered nothing more is issued."""
    for _ in range(3):
        name, url = world.proved()
        orders = [world.client.order(name) for _ in range(4)]
        twins = [world.twin() for _ in range(5)]
        jobs = [lambda t=t, o=o: finalize(t, o[1], name) for t, o in zip(twins, orders)]
        jobs.insert(2, lambda: twins[4].post(url, CLOSE))
        with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
            answers = [f.result() for f in [pool.submit(job) for job in jobs]]
        assert answers.pop(2).status == 200
        for answer, (order_url, _) in zip(answers, orders):
            status = world.client.poll(order_url, ("valid", "invalid")).json["status"]
            if answer.status == 200:
                assert status == answer.json["status"] == "valid", answer
            else:
                refused(answer, 403, "orderNotReady")
                assert status == "invalid"


def test_shared_and_proved_at_the_same_time(world):
    """Two orders that share a valid authorization and have another each, proved and finalized at once."""
    shared, url = world.proved()
    names = [world.name() for _ in range(6)]

    def whole(pair):
        twin, name = pair
        order_url, order = twin.order(shared, name)
        assert order["authorizations"][0] == url
        twin.prove(order, world.responder)
        assert finalize(twin, order, shared, name).status == 200
        return twin.poll(order_url, ("valid", "invalid")).json["status"]

    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(whole, [(world.twin(), name) for name in names])) == ["valid"] * len(names)


# ---- until when ----

def test_how_long_it_must_live(world):
    """The margin: what lives a day less an hour is not used for an order that may take days; what is used limits the
    order. A proof by a clock that was ahead, or older than allowed, is none."""
    names = {kind: world.proved() for kind in ("short", "enough", "old", "young", "ahead")}
    now = int(time.time())
    changes = {"short": ("expires", now + MARGIN - HOUR), "enough": ("expires", now + MARGIN + HOUR),
               "old": ("attempt_finished", now - 7 * DAY + MARGIN - HOUR),
               "young": ("attempt_finished", now - 7 * DAY + MARGIN + HOUR),
               "ahead": ("attempt_finished", now + HOUR)}
    with world.stopped() as db:
        for kind, (column, value) in changes.items():
            db.execute(f"UPDATE authz SET {column} = ? WHERE id = ?", (value, number(names[kind][1])))
    for kind, (name, url) in names.items():
        _, order = world.client.order(name)
        used = order["authorizations"] == [url]
        assert used == (kind in ("enough", "young")), (kind, order)
        assert order["status"] == ("ready" if used else "pending")
        # an order does not outlive what it rests on (S-NEWO-13)
        assert not used or expiry(order) == now + MARGIN + HOUR, order
        answer = new_authz(world.client, name)  # the same rule
        assert (answer.headers["Location"] == url) == used, (kind, answer)
        if not used:
            assert world.client.post(answer.headers["Location"], CLOSE).status == 200


def test_a_proof_lives_its_lifetime(world):
    """From the validation on, however old the order was; that without an order as long, too."""
    now = time.time()
    name, url = world.proved()
    order_url, order = world.client.order(name)
    lone = new_authz(world.client, world.name()).headers["Location"]
    world.client.prove({"authorizations": [lone]}, world.responder)
    for authorization in (url, lone):
        shown = world.client.post(authorization, None).json
        assert abs(expiry(shown) - now - 7 * DAY) < 120, shown
    assert expiry(order) <= expiry(world.client.post(url, None).json)
    assert world.client.post(order_url, None).json["expires"] == order["expires"]


@pytest.mark.parametrize("lifetime", ["1s", "0"])
def test_the_age_of_a_proof_at_issuance(tmp_path, lifetime):
    """S-NEWO-13: what was used again must be young enough when the certificate is made, by the rules of then; what an
    order asked for itself serves it."""
    world = World(tmp_path / "ca")
    client = world.client
    own = world.name()
    own_url, own_order = client.order(own)
    client.prove(own_order, world.responder)
    fresh = world.name()
    url, shared = client.order(own, fresh)
    client.prove(shared, world.responder)
    assert client.post(url, None).json["status"] == "ready"
    world.house.sets.append(f"authorization.lifetime={lifetime}")
    with world.stopped():
        time.sleep(2)
    refused(finalize(client, shared, own, fresh), 403, "orderNotReady")
    ended = client.post(url, None).json
    assert ended["status"] == "invalid" and ended["error"]["type"].endswith(":unauthorized"), ended
    assert own in ended["error"]["detail"]
    refused(finalize(client, shared, own, fresh), 403, "orderNotReady")
    assert finalize(client, own_order, own).status == 200
    assert client.poll(own_url, ("valid", "invalid")).json["status"] == "valid"
    assert client.order(own)[1]["status"] == "pending"
    world.close()


def test_a_token_has_its_day(tmp_path):
    """S-TOK-3: the longest time an order may wait is 30 days; then its challenges are dead, and nobody is asked."""
    world = World(tmp_path / "ca", "order.lifetime=30d")
    client = world.client
    _, order = client.order(world.name())
    challenge = client.challenge(order["authorizations"][0])
    with world.stopped() as db:
        for table in ("orders", "authz"):
            db.execute(f"UPDATE {table} SET created = created - ?, expires = expires - ?", (30 * DAY, 30 * DAY))
    refused(client.post(challenge["url"], {}), 400, "malformed")
    assert client.post(order["authorizations"][0], None).json["status"] == "expired"
    assert world.responder.asked == []
    world.close()


def test_everything_ends_at_its_moment(world):
    """S-STATE-4, S-STATE-6: pending, valid without an order, used by an order: what has expired shows it, is not found
    again, and lets nothing be done with it; a clock set back gives it back."""
    client = world.client
    name, url = world.proved()
    order_url, order = client.order(name)
    assert order["authorizations"] == [url]
    pending = world.name()
    lone = new_authz(client, pending)
    challenge = lone.json["challenges"][0]["url"]
    lone = lone.headers["Location"]
    with world.stopped() as db:
        before = [db.execute("SELECT expires FROM authz WHERE id = ?", (number(u),)).fetchone()[0] for u in (url, lone)]
        for u in (url, lone):
            db.execute("UPDATE authz SET expires = ? WHERE id = ?", (int(time.time()) - 1, number(u)))
    for u in (url, lone):
        answer = client.post(u, None)
        assert answer.status == 200 and answer.json["status"] == "expired" and "Retry-After" not in answer.headers
    assert client.post(order_url, None).json["status"] == "invalid"
    content = world.house.content()
    refused(finalize(client, order, name), 403, "orderNotReady")
    refused(client.post(challenge, {}), 400, "malformed")
    assert world.house.content() == content
    fresh = new_authz(client, pending)
    assert fresh.status == 201 and fresh.headers["Location"] != lone
    assert client.post(fresh.headers["Location"], CLOSE).status == 200
    with world.stopped() as db:
        for u, expires in zip((url, lone), before):
            db.execute("UPDATE authz SET expires = ? WHERE id = ?", (expires, number(u)))
    assert client.post(url, None).json["status"] == "valid"
    assert client.post(lone, None).json["status"] == "pending"
    assert client.post(order_url, None).json["status"] == "ready"
    assert finalize(client, order, name).json["status"] == "valid"
    assert client.post(lone, CLOSE).status == 200


# ---- orders ----

def test_equal_orders_are_two_by_default(world):
    name = world.name()
    assert world.client.order(name)[0] != world.client.order(name)[0]


def order(client, *names, **more):
    answer = client.post(client.directory["newOrder"],
                         {"identifiers": [{"type": "dns", "value": n} for n in names], **more})
    assert answer.status == 201, answer
    return answer.headers["Location"], answer.json


def test_an_equal_order_is_given_again(sharing):
    """Rows 47 and 48: 201 and the same URL while it is pending or ready; the names are a set."""
    client = sharing.client
    one, two = sharing.name(), sharing.name()
    url, first = order(client, one, two)
    content = sharing.house.content()
    for names in ([one, two], [two, one], [two.upper(), one, two]):
        again, shown = order(client, *names)
        assert again == url and shown == first
    assert sharing.house.content() == content
    client.prove(first, sharing.responder)
    again, ready = order(client, one, two)
    assert again == url and ready["status"] == "ready"
    other = sharing.stranger()
    different = [order(client, one)[0], order(client, one, two, sharing.name())[0], order(client, f"*.{one}", two)[0],
                 order(client, one, two, notAfter=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + DAY)))[0],
                 order(other, one, two)[0]]
    assert len({url, *different}) == 6
    assert finalize(client, ready, one, two).json["status"] == "valid"
    assert order(client, one, two)[0] not in (url, *different)


def test_what_is_over_is_not_given_again(sharing):
    client = sharing.client
    name = sharing.name()
    url, first = order(client, name)
    assert client.post(first["authorizations"][0], CLOSE).status == 200
    second, _ = order(client, name)
    assert second != url
    with sharing.stopped() as db:
        db.execute("UPDATE orders SET expires = ? WHERE id = ?", (int(time.time()) + MARGIN - HOUR, number(second)))
    third, _ = order(client, name)
    assert third != second
    assert order(client, name)[0] == third


def test_equal_orders_at_the_same_time(sharing):
    """However many orders come of it, each can be finalized, once."""
    name, _ = sharing.proved()
    twins = [sharing.twin() for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(len(twins)) as pool:
        orders = list(pool.map(lambda twin: order(twin, name), twins))
        answers = list(pool.map(lambda pair: finalize(pair[0], pair[1][1], name), zip(twins, orders)))
    for url in {url for url, _ in orders}:
        mine = [a for a, (u, _) in zip(answers, orders) if u == url]
        assert sorted(a.status for a in mine) == [200] + [403] * (len(mine) - 1), mine
        assert sharing.client.poll(url, ("valid", "invalid")).json["status"] == "valid"


# ---- by which challenge ----

def test_a_challenge_that_was_switched_off(tmp_path):
    """What was proved by it serves no further order, alone, with others, in renewals, in newAuthz; orders that are ready
    and certificates stay; and it serves again when the type is back."""
    world = World(tmp_path / "ca", "order.reuse=true")
    client = world.client
    name, url = world.proved()
    other, _ = world.proved()
    pem = client.issue(world.responder, other)
    kept_url, kept = client.order(name, other)
    assert kept["status"] == "ready"
    world.house.sets.append("directories.default.challenges=dns-01")
    with world.stopped():
        pass
    _, again = client.order(name)
    assert again["status"] == "pending" and url not in again["authorizations"]
    fresh_url, fresh = client.order(name, other)  # not the ready one, by order.reuse
    assert fresh_url != kept_url and fresh["status"] == "pending"
    _, renewal = order(client, other, replaces=acme_raw.certificate_id(pem))
    assert renewal["status"] == "pending"
    answer = new_authz(client, name)
    assert answer.status == 201 and answer.headers["Location"] != url
    assert [c["type"] for c in answer.json["challenges"]] == ["dns-01"]
    assert client.post(url, None).json["status"] == "valid"
    assert finalize(client, kept, name, other).json["status"] == "valid"
    world.house.sets.pop()
    with world.stopped():
        pass
    assert client.order(world.name(), name)[1]["authorizations"][1] == url
    assert new_authz(client, name).headers["Location"] == url
    world.close()


# ---- a client we did not write ----

def test_python_acme_with_an_order_that_is_ready(world):
    """It orders twice; the second order has nothing to prove."""
    josepy = pytest.importorskip("josepy")
    from acme import client as acme_client
    from acme import messages
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
    network = acme_client.ClientNetwork(key, verify_ssl=str(world.house.root))
    client = acme_client.ClientV2(acme_client.ClientV2.get_directory(world.house.url, network), network)
    client.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
    name = world.name()
    csr = acme_raw.x509.load_der_x509_csr(make_csr([name], ec.generate_private_key(ec.SECP256R1())))
    pem = csr.public_bytes(serialization.Encoding.PEM)
    asked = []
    for _ in range(2):
        made = client.new_order(pem)
        for authz in made.authorizations:
            if authz.body.status == messages.STATUS_VALID:
                continue
            body = next(c for c in authz.body.challenges if c.chall.typ == "http-01")
            reply, validation = body.response_and_validation(key)
            world.responder.tokens[body.chall.encode("token")] = validation
            asked.append(authz.uri)
            client.answer_challenge(body, reply)
        assert b"BEGIN CERTIFICATE" in client.poll_and_finalize(made).fullchain_pem.encode()
    assert len(asked) == 1
