"""Everything at once: some seconds of all operations on a few accounts, chosen at random, over both protocols. What must
hold at the end is looked for in the store, in what the CA answers then, and in every certificate by openssl.

CAIRN_SEED repeats the choices of a run (not the moments at which they meet)."""
import collections
import email.message
import json
import os
import random
import re
import sqlite3
import struct
import subprocess
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization

import acme_raw
import answers
import h2_raw
import house as house_module
import responder as responder_module
from acme_raw import Key, b64, make_csr
from crowd import broken, inner, number, rows

SECONDS = 6
WORKERS = 6
ACCOUNTS = 4
NAMES = [f"s{i}.stress.test" for i in range(12)]


class Client2(acme_raw.Client):
    """The same over HTTP/2."""

    def __init__(self, house, key=None):
        self.house = house
        super().__init__(house.url, house.root, key)

    def connect(self):
        self.connection = h2_raw.H2(self.house)

    def request(self, method, path, body=None, headers=None):
        if path.startswith("https://"):
            path = "/" + path.split("/", 3)[3]
        fields = [(name.lower(), value) for name, value in (headers or {}).items()]
        stream = self.connection.begin(h2_raw.request(path, method, *fields, authority=self.netloc), end=body is None)
        if body is not None:
            self.connection.data(stream, body if isinstance(body, bytes) else body.encode(), end=True)
        got = self.connection.answer(stream)
        assert got.reset is None, got
        if got.body:  # the room of the connection, which h2_raw leaves to its tests (WINDOW_UPDATE)
            self.connection.send(8, 0, 0, struct.pack(">I", len(got.body)))
        response = email.message.Message()
        for name, value in got.fields:
            response[name] = value
        response.status, response.headers = got.status, response
        answer = acme_raw.Answer(response, got.body)
        faults = answers.faults(answer, method, self.url, self.origin + path == self.url)
        assert not faults, (faults, method, path, answer)
        if "Replay-Nonce" in answer.headers:
            self.nonces.append(answer.headers["Replay-Nonce"])
        return answer


class Account:
    def __init__(self, key, kid):
        self.key, self.kid, self.closed = key, kid, False
        self.changes = 0  # of key or status that were begun
        self.under_way = 0  # of these, not answered yet
        self.orders = []  # (URL, order object)
        self.certificates = []  # (URL, PEM, key)


class Model:
    """What all workers know, and what was answered."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accounts = []
        self.revoked = {}  # DER to how many answers of 200
        self.told = collections.Counter()  # (operation, status, problem)
        self.failures = []
        self.orders = 0


class Worker(threading.Thread):
    def __init__(self, index, seed, house, responder, model, until):
        super().__init__(daemon=True)
        self.random = random.Random(f"{seed}/{index}")
        self.house, self.responder, self.model, self.until = house, responder, model, until
        self.client = Client2(house) if index % 2 else acme_raw.Client(house.url, house.root)
        self.operations = [
            (self.new_account, 2), (self.new_order, 12), (self.challenge, 14), (self.finalize, 14), (self.look, 10),
            (self.orders_list, 3), (self.close_authorization, 1), (self.revoke, 2), (self.revoke_by_key, 1),
            (self.revoke_by_another, 1), (self.change_key, 1), (self.contact, 2), (self.close_account, 0.2), (self.replay, 2)]

    def run(self):
        functions, weights = zip(*self.operations)
        while time.monotonic() < self.until:
            operation = self.random.choices(functions, weights)[0]
            self.operation = operation.__name__
            try:
                operation()
            except Exception as trouble:  # one worker's end must fail the test
                self.model.failures.append(f"{operation.__name__}: {trouble!r}"[:2000])
                return

    def ask(self, account, url, payload, good=(200,), refusals=(), **more):
        """Sign as the account does now, and hold the answer against what was known before it was asked."""
        closed, changes, unsure = account.closed, account.changes, account.under_way > 0
        self.client.kid = account.kid
        answer = self.client.post(url, payload, **{"key": account.key, **more})
        kind = answer.type if answer.status >= 400 else ""
        self.model.told[self.operation, answer.status, kind] += 1
        if answer.status in good:
            assert not closed, f"a closed account was served: {answer}"
            return answer
        changed = closed or unsure or account.changes != changes
        assert (answer.status, kind) in refusals or changed and (answer.status, kind) == (403, "unauthorized"), answer
        return answer

    def change(self, account, *arguments, **more):
        """The same, where the answer decides who may ask from then on."""
        with self.model.lock:
            account.changes += 1
            account.under_way += 1
        return self.ask(account, *arguments, **more)

    def changed(self, account):
        with self.model.lock:
            account.under_way -= 1

    def account(self):
        return self.random.choice(self.model.accounts)

    def an_order(self):
        account = self.account()
        return (account, *self.random.choice(account.orders[-30:])) if account.orders else (account, None, None)

    def new_account(self):
        key = Key()
        payload = {"termsOfServiceAgreed": True}
        first = self.client.post(self.client.directory["newAccount"], payload, key=key, jwk=True)
        again = self.client.post(self.client.directory["newAccount"], payload, key=key, jwk=True)
        assert (first.status, again.status) == (201, 200) and first.headers["Location"] == again.headers["Location"]
        if len(self.model.accounts) < 2 * ACCOUNTS:
            self.model.accounts.append(Account(key, first.headers["Location"]))

    def new_order(self):
        account = self.account()
        names = self.random.sample(NAMES, self.random.randint(1, 3))
        answer = self.ask(account, self.client.directory["newOrder"],
                          {"identifiers": [{"type": "dns", "value": name} for name in names]}, good=(201,))
        if answer.status == 201:
            account.orders.append((answer.headers["Location"], answer.json))
            with self.model.lock:
                self.model.orders += 1

    def challenge(self):
        account, _, order = self.an_order()
        if order is None:
            return
        for authorization in order["authorizations"]:
            answer = self.ask(account, authorization, None)
            if answer.status != 200 or answer.json["status"] != "pending":
                continue
            one = next(c for c in answer.json["challenges"] if c["type"] == "http-01")
            if self.random.random() < 0.95:
                self.responder.tokens[one["token"]] = f'{one["token"]}.{account.key.thumbprint()}'
            self.ask(account, one["url"], {}, refusals=[(400, "malformed")])

    def finalize(self):
        account, url, order = self.an_order()
        if order is None:
            return
        key = Key()
        csr = {"csr": b64(make_csr([i["value"] for i in order["identifiers"]], key.key))}
        answer = self.ask(account, order["finalize"], csr, refusals=[(403, "orderNotReady")])
        if answer.status == 200 and answer.json["status"] == "valid":
            chain = self.ask(account, answer.json["certificate"], None)
            if chain.status == 200:
                account.certificates.append((answer.json["certificate"], chain.body, key, sorted(
                    i["value"] for i in order["identifiers"])))

    def look(self):
        account, url, order = self.an_order()
        if order is None:
            return
        for resource in [url, *order["authorizations"]]:
            self.ask(account, resource, None)
        if account.certificates:
            url, pem, _, _ = self.random.choice(account.certificates)
            answer = self.ask(account, url, None)
            assert answer.status != 200 or answer.body == pem

    def orders_list(self):
        account = self.account()
        answer = self.ask(account, account.kid.replace("/account/", "/orders/"), None)
        if answer.status == 200:
            listed = answer.json["orders"]
            assert len(set(listed)) == len(listed)
            assert listed == sorted(listed, key=number, reverse=True)

    def close_authorization(self):
        account, _, order = self.an_order()
        if order is not None:
            answer = self.ask(account, self.random.choice(order["authorizations"]), {"status": "deactivated"},
                              refusals=[(400, "malformed")])
            assert answer.status != 200 or answer.json["status"] == "deactivated"

    def a_certificate(self):
        account = self.account()
        return (account, *self.random.choice(account.certificates)) if account.certificates else (account, None, None, None, None)

    def revoke_as(self, account, pem, refusals, reason=None, **more):
        der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
        payload = {"certificate": b64(der), **({} if reason is None else {"reason": reason})}
        answer = self.ask(account, self.client.directory["revokeCert"], payload,
                          refusals=[(400, "alreadyRevoked"), *refusals], **more)
        if answer.status == 200:
            with self.model.lock:
                self.model.revoked[der] = self.model.revoked.get(der, 0) + 1

    def revoke(self):
        account, _, pem, _, _ = self.a_certificate()
        if pem is not None:
            self.revoke_as(account, pem, [], self.random.choice([None, 0, 4, 5]))

    def revoke_by_key(self):
        _, _, pem, key, _ = self.a_certificate()
        if pem is not None:
            self.revoke_as(Account(key, "nobody"), pem, [], jwk=True)

    def revoke_by_another(self):
        _, _, pem, _, _ = self.a_certificate()
        if pem is not None:
            self.revoke_as(self.account(), pem, [(403, "unauthorized")])

    def change_key(self):
        account, new = self.account(), Key()
        self.client.kid, self.client.key = account.kid, account.key
        answer = self.change(account, self.client.directory["keyChange"], inner(self.client, new), key=self.client.key)
        if answer.status == 200:
            account.key = new
        self.changed(account)

    def contact(self):
        account = self.account()
        self.ask(account, account.kid, {"contact": [f"mailto:a{self.random.randrange(1000)}@stress.test"]})

    def close_account(self):
        if len(self.model.accounts) > ACCOUNTS:
            account = self.model.accounts[-1]
            if self.change(account, account.kid, {"status": "deactivated"}).status == 200:
                account.closed = True
            self.changed(account)

    def replay(self):
        account = self.account()
        self.client.kid = account.kid
        changes, unsure = account.changes, account.under_way > 0 or account.closed
        body = json.dumps(self.client.jws(account.kid, None, key=account.key))
        first = self.client.post(account.kid, None, raw=body)
        assert first.status == 200 or unsure or account.changes != changes, first
        again = self.client.post(account.kid, None, raw=body)
        assert again.status == 400 and again.type == "badNonce", again


def check_certificates(house, accounts):
    """openssl, which we did not write, accepts each and says that it has the names of its order."""
    folder = house.directory.parent
    issued = [one for account in accounts for one in account.certificates]
    leaves, issuers = [], set()
    for index, (_, pem, _, _) in enumerate(issued):
        blocks = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", pem.decode(), re.S)
        (folder / f"leaf{index}.pem").write_text(blocks[0])
        leaves.append(blocks[0])
        issuers.update(blocks[1:])
    (folder / "issuers.pem").write_text("".join(issuers))
    (folder / "leaves.pem").write_text("".join(leaves))
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(house.root), "-untrusted",
                           str(folder / "issuers.pem"), *(str(folder / f"leaf{i}.pem") for i in range(len(issued)))],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count(": OK") == len(issued), done.stdout + done.stderr
    pkcs7 = subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-certfile", str(folder / "leaves.pem")], capture_output=True,
                           check=True).stdout
    text = subprocess.run(["openssl", "pkcs7", "-print_certs", "-text", "-noout"], input=pkcs7, capture_output=True,
                          check=True).stdout.decode()
    names = [sorted(re.findall("DNS:([^,\\s]+)", line)) for line in text.splitlines() if "DNS:" in line]
    assert names == [names_of for _, _, _, names_of in issued]
    serials = {x509.load_pem_x509_certificate(leaf.encode()).serial_number for leaf in leaves}
    assert len(serials) == len({url for url, _, _, _ in issued})


def settle(house, account, orders):
    """Wait until nothing of these is under way; the status of each order by its URL."""
    client = acme_raw.Client(house.url, house.root, account.key)
    client.kid = account.kid
    states = {}
    for url, order in orders:
        states[url] = client.poll(url, ("pending", "ready", "valid", "invalid")).json["status"]
        for authorization in order["authorizations"] if states[url] == "pending" else []:
            while "processing" in [c["status"] for c in client.post(authorization, None).json["challenges"]]:
                time.sleep(0.05)
    for url, pem, _, _ in account.certificates[-20:]:
        assert client.post(url, None).body == pem
    assert client.post(client.kid, None).status == 200, "the key that was changed to last is the account's"
    return states


def content_of_orders(house):
    """Everything in the store but the CA's own certificates, of which each start makes more."""
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db, sqlite3.connect(":memory:") as copy:
        db.backup(copy)
        copy.execute("DELETE FROM certificate WHERE id IN (SELECT id FROM issuance WHERE order_id = 0)")
        copy.execute("DELETE FROM issuance WHERE order_id = 0")
        return [line for line in copy.iterdump()
                if not line.startswith(tuple(f'INSERT INTO "{table}"' for table in house_module.LAZY))]


def test_all_at_once(tmp_path):
    seed = os.environ.get("CAIRN_SEED") or str(random.getrandbits(32))
    print(f"CAIRN_SEED={seed}")
    house = house_module.House(tmp_path / "ca", sets=["log.level=notice"])
    responder = responder_module.Responder(house.http_port)
    model = Model()
    try:
        house.start()
        for _ in range(ACCOUNTS):
            client = acme_raw.Client(house.url, house.root)
            client.register()
            model.accounts.append(Account(client.key, client.kid))
        until = time.monotonic() + SECONDS
        workers = [Worker(i, seed, house, responder, model, until) for i in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
            assert not worker.is_alive()
        print(sorted(model.told.items()))
        assert model.failures == []
        assert {operation for operation, status, _ in model.told if status < 400} >= {
            "new_order", "challenge", "finalize", "look", "orders_list", "revoke", "revoke_by_key", "change_key", "contact"}
        alive = [account for account in model.accounts if not account.closed]
        states = {}
        for account in alive:
            states.update(settle(house, account, account.orders))
        assert broken(house) == {}
        assert rows(house, "SELECT count(*) FROM orders") == [(model.orders,)], "what was answered, and nothing else"
        assert "valid" in states.values()
        valid = {number(url) for url, status in states.items() if status == "valid"}
        finished = {order for (order,) in rows(house, "SELECT order_id FROM issuance WHERE state = 1 AND order_id <> 0")}
        assert valid == finished & {number(url) for url in states}
        assert len(rows(house, "SELECT issuance_id FROM revocation")) == len(model.revoked)
        check_certificates(house, model.accounts)
        content = content_of_orders(house)
        house.kill()
        house.start()
        assert broken(house) == {} and content_of_orders(house) == content, "a start changes nothing"
        for account in alive:
            assert settle(house, account, account.orders[-20:]).items() <= states.items()
        assert house.stop() == 0, house.text()
        assert "ERROR: AddressSanitizer" not in house.text() and "runtime error" not in house.text(), house.text()
    finally:
        house.close()
        responder.close()
