"""A restart between any two steps of a flow changes nothing for the client (issue 3, point 8): it connects again and goes
on with what it has, the nonces it was given too. In order, by kill -9 of the whole house, and by kill -9 of the front."""
import contextlib
import os
import re
import signal
import sqlite3
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import acme_raw
import house as house_module
import responder as responder_module
from acme_raw import Key, b64, make_csr
from crowd import broken, inner, rows
from judges import judge

NAMES = ["restart.flow.test", "www.restart.flow.test"]


def content(house):
    """Everything in the store but the certificates of the CA's own, which every start makes anew, and their chains."""
    with contextlib.closing(sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True)) as db, \
            contextlib.closing(sqlite3.connect(":memory:")) as copy:
        db.backup(copy)
        copy.execute("DELETE FROM certificate WHERE id IN (SELECT id FROM issuance WHERE order_id = 0)")
        copy.execute("DELETE FROM issuance WHERE order_id = 0")
        copy.execute("DELETE FROM chain WHERE id NOT IN (SELECT chain_id FROM certificate)")
        lazy = tuple(f'INSERT INTO "{table}"' for table in house_module.LAZY)
        return [line for line in copy.iterdump() if not line.startswith(lazy)]


class Flow:
    """The steps of a client, each of which asserts what it gets. `known` are URLs whose content must survive."""

    steps = ["directory", "nonce", "account", "order", "authorizations", "challenges", "polling", "finalize", "certificate",
             "key_change", "revocation"]

    def __init__(self, house, responder, folder):
        self.house, self.responder, self.folder = house, responder, folder
        self.client = None
        self.known = []
        self.may_answer = threading.Event()
        tokens = responder.tokens

        def answer(handler):
            self.may_answer.wait(30)
            body = tokens.get(handler.path.rpartition("/")[2], "").encode()
            with contextlib.suppress(OSError):  # who asked may be gone
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

        responder.answer = answer

    def directory(self):
        self.client = acme_raw.Client(self.house.url, self.house.root)
        self.client.nonces.clear()

    def nonce(self):
        self.client.request("HEAD", self.client.directory["newNonce"])

    def account(self):
        """With the nonce from before the restart."""
        nonce = self.client.nonces[-1]
        assert self.client.register(contact=["mailto:a@flow.test"]).status == 201
        assert self.client.last_nonce == nonce
        self.known = [self.client.kid, self.client.post(self.client.kid, None).json["orders"]]

    def order(self):
        self.order_url, self.placed = self.client.order(*NAMES)
        self.known += [self.order_url]

    def authorizations(self):
        self.challenges_ = [self.client.challenge(url) for url in self.placed["authorizations"]]
        self.known += self.placed["authorizations"] + [c["url"] for c in self.challenges_]

    def challenges(self):
        """The restart comes while both are checked."""
        for challenge in self.challenges_:
            self.responder.tokens[challenge["token"]] = f'{challenge["token"]}.{self.client.key.thumbprint()}'
            answer = self.client.post(challenge["url"], {})
            assert answer.status == 200 and answer.json["status"] == "processing", answer
        deadline = time.monotonic() + 30
        while len(self.responder.asked) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)

    def polling(self):
        self.may_answer.set()
        for url in self.placed["authorizations"]:
            assert self.client.poll(url, ("valid", "invalid")).json["status"] == "valid"
        assert self.client.post(self.order_url, None).json["status"] == "ready"

    def finalize(self):
        """The restart may come before there is a certificate."""
        self.key = Key()
        answer = self.client.post(self.placed["finalize"], {"csr": b64(make_csr(NAMES, self.key.key))})
        assert answer.status == 200 and answer.json["status"] in ("processing", "valid"), answer

    def certificate(self):
        done = self.client.poll(self.order_url, ("valid", "invalid")).json
        assert done["status"] == "valid", done
        self.known += [done["certificate"]]
        chain = self.folder / "chain.pem"
        chain.write_bytes(self.client.post(done["certificate"], None).body)
        judge(chain, chain, self.house.root, NAMES)
        self.der = x509.load_pem_x509_certificate(chain.read_bytes()).public_bytes(serialization.Encoding.DER)

    def key_change(self):
        new = Key()
        assert self.client.post(self.client.directory["keyChange"], inner(self.client, new)).status == 200
        self.client.key = new

    def revocation(self):
        payload = {"certificate": b64(self.der), "reason": 4}
        assert self.client.post(self.client.directory["revokeCert"], payload).status == 200

    def end(self):
        """What was revoked before the last restart is so still."""
        again = self.client.post(self.client.directory["revokeCert"], {"certificate": b64(self.der)})
        assert again.status == 400 and again.type == "alreadyRevoked", again

    def content(self):
        """What the client sees of all it knows, but for what goes on by itself; and the store if nothing does."""
        seen = {url: self.client.post(url, None).body for url in self.known}
        still = {url: body for url, body in seen.items() if b'"processing"' not in body}
        return still, content(self.house) if still == seen else None


class Restart:
    """One of the three ways; the front's is limited to three in a row, because the supervisor waits longer each time."""

    def __init__(self, how, house):
        self.how, self.house, self.times = how, house, 0

    def __call__(self):
        if self.how == "in order":
            assert self.house.stop() == 0, self.house.text()
            self.house.start()
        elif self.how == "kill -9":
            self.house.kill()
            self.house.start()
        else:
            self.times += 1
            if self.times % 3 == 0:
                self.house.kill()
                self.house.start()
            old = self.house.children()["front"]
            mark = len(self.house.log_path.read_bytes())
            os.kill(old, signal.SIGKILL)
            self.house.wait_for_line("proc.ready role=front", since=mark)


@pytest.mark.parametrize("how", ["in order", "kill -9", "kill -9 of the front"])
def test_between_any_two_steps(tmp_path, how):
    house = house_module.House(tmp_path / "ca", sets=["order.hold=0ms", "log.level=info"])
    responder = responder_module.Responder(house.http_port)
    try:
        house.start()
        flow, restart = Flow(house, responder, tmp_path), Restart(how, house)
        for step in flow.steps:
            getattr(flow, step)()
            before = flow.content()
            restart()
            flow.client.connect()
            after = flow.content()
            assert before[0].items() <= after[0].items(), step
            assert before[1] in (None, after[1]), step
        flow.end()
        assert broken(house) == {}
        assert rows(house, "SELECT count(*) FROM account UNION ALL SELECT count(*) FROM orders UNION ALL "
                           "SELECT count(*) FROM authz UNION ALL SELECT count(*) FROM certificate c JOIN issuance i "
                           "ON i.id = c.id WHERE order_id <> 0") == [(1,), (1,), (2,), (1,)]
        assert house.stop() == 0, house.text()
        assert not re.search("ERROR: AddressSanitizer|runtime error", house.text()), house.text()
    finally:
        house.close()
        responder.close()
