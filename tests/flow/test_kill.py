"""The worst day: processes are killed with SIGKILL at random moments under load. Whatever was answered before stays
true afterwards, and the house recovers by itself."""
import contextlib
import http.client
import os
import random
import signal
import sqlite3
import ssl
import threading
import time

import pytest

import acme_raw
import house as house_module
import responder as responder_module

TROUBLE = (OSError, http.client.HTTPException, ssl.SSLError)
SUBSCRIBERS = 4


class Promises:
    """What the CA has answered."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accounts = []  # (key, kid)
        self.orders = []  # (key, kid, url)
        self.proved = []  # (key, kid, authorization)
        self.certificates = []  # (key, kid, url, PEM)
        self.used = []  # (key, kid, nonce): answered, so never good again
        self.failures = []

    def note(self, kind, *what):
        with self.lock:
            getattr(self, kind).append(what)

    def copy(self):
        """As it is now."""
        with self.lock:
            made = Promises()
            for kind in ("accounts", "orders", "proved", "certificates", "used", "failures"):
                setattr(made, kind, list(getattr(self, kind)))
            return made

    def move(self, old, new):
        """The same CA at another address."""
        for kind in ("accounts", "orders", "proved", "certificates", "used"):
            setattr(self, kind, [tuple(part.replace(old, new) if isinstance(part, str) else part for part in what)
                                 for what in getattr(self, kind)])


class Subscriber(threading.Thread):
    """Registers and issues, again and again, until told to stop; keeps every answer."""

    def __init__(self, house, responder, promises, stopping, index):
        super().__init__(daemon=True)
        self.house, self.responder, self.promises, self.stopping = house, responder, promises, stopping
        self.index = index
        self.count = 0

    def run(self):
        while not self.stopping.is_set():
            try:
                client = acme_raw.Client(self.house.url, self.house.root)
                self.flow(client)
            except TROUBLE:
                time.sleep(0.05)
            except (KeyError, ValueError, AssertionError) as trouble:
                # a refusal while a process is away is no broken promise, but it must be a server's
                text = str(trouble)
                if not any(word in text for word in ("<500", "<503", "serverInternal", "badNonce")):
                    self.promises.note("failures", repr(trouble)[:500])
                time.sleep(0.05)

    def flow(self, client):
        client.register()
        self.promises.note("accounts", client.key, client.kid)
        while not self.stopping.is_set():
            self.count += 1
            name = f"k{self.index}-{self.count}.flow.test"
            url, order = client.order(name)
            self.promises.note("orders", client.key, client.kid, url)
            client.prove(order, self.responder)
            self.promises.note("proved", client.key, client.kid, order["authorizations"][0])
            answer = client.post(order["finalize"], {"csr": acme_raw.b64(acme_raw.make_csr([name]))})
            assert answer.status == 200, answer
            final = answer.json
            if final["status"] != "valid":
                final = client.poll(url, ("valid", "invalid")).json
            assert final["status"] == "valid", final
            answer = client.post(final["certificate"], None)
            assert answer.status == 200, answer
            self.promises.note("certificates", client.key, client.kid, final["certificate"], answer.body)
            self.promises.note("used", client.key, client.kid, client.last_nonce)


def keep_promises(house, promises):
    """Ask for everything that was answered."""
    assert promises.failures == []
    assert promises.certificates, "nothing was issued: the test proves nothing"
    clients = {}

    def client_of(key, kid):
        if kid not in clients:
            clients[kid] = acme_raw.Client(house.url, house.root, key)
            clients[kid].kid = kid
        return clients[kid]

    for key, kid in promises.accounts:
        client = client_of(key, kid)
        answer = client.post(client.directory["newAccount"], {"onlyReturnExisting": True}, jwk=True)
        assert answer.status == 200 and answer.headers["Location"] == kid, answer
    for key, kid, url in promises.proved:
        assert client_of(key, kid).post(url, None).json["status"] == "valid", url
    for key, kid, url in promises.orders:
        # also what was cut off has come to an end by itself: nothing is under way for ever, nothing failed
        order = client_of(key, kid).poll(url, ("pending", "ready", "valid", "invalid")).json
        assert order["status"] != "invalid", order
        for authorization in order["authorizations"]:
            state = client_of(key, kid).post(authorization, None).json
            if any(challenge["status"] == "processing" for challenge in state["challenges"]):
                state = client_of(key, kid).poll(authorization, ("valid", "invalid")).json
            assert state["status"] in ("valid", "pending"), state
    for key, kid, nonce in promises.used:
        client = client_of(key, kid)
        client.nonces.append(nonce)
        answer = client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": "twice.flow.test"}]})
        assert answer.status == 400 and answer.type == "badNonce", answer
    for key, kid, url, pem in promises.certificates:
        assert client_of(key, kid).post(url, None).body == pem, url


def check_store(house):
    with contextlib.closing(sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
def under_load(tmp_path):
    house = house_module.House(tmp_path / "ca", sets=["log.level=notice"])
    responder = responder_module.Responder(house.http_port)
    promises, stopping = Promises(), threading.Event()
    house.start()
    subscribers = [Subscriber(house, responder, promises, stopping, i) for i in range(SUBSCRIBERS)]
    for subscriber in subscribers:
        subscriber.start()
    try:
        yield house, promises
        stopping.set()
        for subscriber in subscribers:
            subscriber.join(70)
            assert not subscriber.is_alive()
        keep_promises(house, promises)
        check_store(house)
        assert house.stop() == 0, house.text()
    finally:
        stopping.set()
        house.close()
        responder.close()


def more_certificates(promises, than, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if len(promises.certificates) > than:
            return
        time.sleep(0.05)
    raise AssertionError("no certificate was issued any more")


def wait_for_another(house, role, old, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if house.children().get(role, old) != old:
            return
        time.sleep(0.02)
    raise AssertionError(f"the {role} was not started again")


@pytest.mark.parametrize("role", ["front", "validator", "signer"])
def test_one_process_is_killed(under_load, role):
    house, promises = under_load
    more_certificates(promises, 0)
    for _ in range(4):
        time.sleep(random.uniform(0.05, 0.4))
        old = house.children().get(role)
        if old is None:
            continue
        os.kill(old, signal.SIGKILL)
        wait_for_another(house, role, old)
        more_certificates(promises, len(promises.certificates) + SUBSCRIBERS)


def test_any_process_is_killed_at_any_moment(under_load):
    """S-STATE-7."""
    house, promises = under_load
    for _ in range(12):
        time.sleep(random.uniform(0.0, 0.5))
        children = list(house.children().values())
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(children), signal.SIGKILL)
    more_certificates(promises, len(promises.certificates))


def test_the_whole_house_is_killed(under_load):
    """S-STATE-7."""
    house, promises = under_load
    for _ in range(4):
        more_certificates(promises, len(promises.certificates))
        time.sleep(random.uniform(0.0, 0.3))
        house.kill()
        check_store(house)
        house.start()
    more_certificates(promises, len(promises.certificates))


def test_end_in_order_under_load(tmp_path):
    """SIGTERM lets requests in flight finish; a new start goes on."""
    house = house_module.House(tmp_path / "ca", sets=["log.level=notice"])
    responder = responder_module.Responder(house.http_port)
    promises, stopping = Promises(), threading.Event()
    try:
        house.start()
        subscribers = [Subscriber(house, responder, promises, stopping, i) for i in range(SUBSCRIBERS)]
        for subscriber in subscribers:
            subscriber.start()
        more_certificates(promises, 3)
        assert house.stop(signal.SIGTERM) == 0, house.text()
        house.start()
        more_certificates(promises, len(promises.certificates))
        stopping.set()
        for subscriber in subscribers:
            subscriber.join(70)
        keep_promises(house, promises)
        assert house.stop() == 0
    finally:
        stopping.set()
        house.close()
        responder.close()
