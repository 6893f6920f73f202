"""Housekeeping: what has been over for long goes while certificates are issued; what is alive stays, whatever happens to
processes and clocks."""
import contextlib
import os
import signal
import sqlite3
import threading
import time

import acme_raw
import house as house_module
import responder as responder_module
import test_clock
import test_faults
import test_kill
import worst_day

DAY = 86400
OLD = 60_000
PATIENCE = 120  # seconds: hang protection


def database(house):
    return contextlib.closing(sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True))


def number(house, sql):
    with database(house) as db:
        return db.execute(sql).fetchone()[0]


def rows(house):
    """Without the place where housekeeping stands, and the CA's own certificates, of which each start may make more."""
    counts = {table: count for table, count in house.rows().items() if table != "sweep"}
    counts["issuance"] = number(house, "SELECT count(*) FROM issuance WHERE order_id <> 0")
    counts["certificate"] = number(house, "SELECT count(*) FROM certificate JOIN issuance USING (id) WHERE order_id <> 0")
    assert counts["issuance"] > 0 and counts["certificate"] > 0
    return counts


def old_orders(house):
    return number(house, f"SELECT count(*) FROM orders WHERE id <= {OLD}")


def old_rows(house):
    return old_orders(house) + number(house, f"SELECT count(*) FROM authz WHERE id <= {OLD}")


def fill(house):
    """Orders that ended long ago, of many accounts. Some have a certificate: one that has ended, or one that has not."""
    now = int(time.time())
    with contextlib.closing(sqlite3.connect(house.directory / "cairn.db")) as db, db:
        db.executemany("INSERT INTO account (thumbprint, jwk, contacts, terms_agreed, status, created)"
                       " VALUES (?, '{}', '[]', 1, ?, 1)", ((os.urandom(32), n % 2) for n in range(1000)))
        then = now - 200 * DAY
        db.executemany(
            "INSERT INTO orders (id, account_id, created, expires, not_before, not_after, profile, identifiers, authzs)"
            " VALUES (?, ?, ?, ?, 0, 0, '', ?, ?)",
            ((n, 1 + n * 7919 % 1000, then, then + 7 * DAY, b"\0\0\x05a.b.c", n.to_bytes(8, "big"))
             for n in range(1, OLD + 1)))
        db.executemany(
            "INSERT INTO authz (id, account_id, order_id, type, value, wildcard, seed, created, expires, deactivated,"
            " attempt_type, attempt_begun, attempt_finished, verdict, record)"
            " VALUES (?, ?, ?, 0, 'a.b.c', 0, zeroblob(32), ?, ?, 0, 0, 1, 2, 1, '[]')",
            ((n, 1 + n * 7919 % 1000, n, then, then + 7 * DAY) for n in range(1, OLD + 1)))
        chain = db.execute("SELECT min(id) FROM chain").fetchone()[0]  # that of the CA's own certificates
        for n, end in ((10, then + 90 * DAY), (20, now - 100), (30, now + 100 * DAY)):
            db.execute("INSERT INTO issuance (id, order_id, account_id, serial, tbs, key_hash, csr_hash, begun, not_after,"
                       " state) VALUES (?, ?, 1, ?, x'0a', zeroblob(32), zeroblob(32), 1, ?, 1)",
                       (n, n, bytes([n]), end))
            db.execute("INSERT INTO certificate VALUES (?, x'0b', ?)", (n, chain))
        # the newest one: housekeeping learns from it that the clock is right
        db.execute("UPDATE orders SET created = ?, expires = ? WHERE id = ?", (now, now + 100, OLD))
    with contextlib.closing(sqlite3.connect(house.directory / "cairn.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what is there later came later


class Issuer(threading.Thread):
    """Issues until it is told to stop; every answer is as if there was no housekeeping."""

    def __init__(self, house, responder, stopping, index):
        super().__init__(daemon=True)
        self.house, self.responder, self.stopping, self.index = house, responder, stopping, index
        self.issued, self.trouble = 0, None

    def run(self):
        try:
            client = acme_raw.Client(self.house.url, self.house.root)
            client.register()
            while not self.stopping.is_set():
                name = f"r{self.index}-{self.issued}.flow.test"
                _, order = client.order(name)
                client.prove(order, self.responder)
                answer = client.post(order["finalize"], {"csr": acme_raw.b64(acme_raw.make_csr([name]))})
                assert answer.status == 200 and answer.json["status"] == "valid", answer  # within the hold
                self.issued += 1
        except Exception as trouble:  # said by the test
            self.trouble = trouble


def wait_until(condition, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_full_store_shrinks_while_certificates_are_issued(tmp_path):
    house = house_module.House(tmp_path / "ca", sets=["retention.interval=1s", "order.hold=10s"])
    responder = responder_module.Responder(house.http_port)
    stopping = threading.Event()
    try:
        house.start()
        assert house.stop() == 0
        fill(house)
        house.start()
        wait_until(lambda: old_rows(house) < 2 * OLD)
        # killed in the middle: a step is done or not, and it goes on
        for _ in range(2):
            left = old_rows(house)
            assert left > 1000
            front = house.children()["front"]
            os.kill(front, signal.SIGKILL)
            test_kill.wait_for_another(house, "front", front)
            house.wait_for_line(r"proc\.ready role=front")
            assert old_rows(house) <= left
            wait_until(lambda: old_rows(house) < left - 1000)
        issuers = [Issuer(house, responder, stopping, i) for i in range(2)]
        for issuer in issuers:
            issuer.start()
        wait_until(lambda: old_rows(house) < 10 or any(i.trouble for i in issuers))
        stopping.set()
        for issuer in issuers:
            issuer.join(60)
            assert issuer.trouble is None and issuer.issued > 0
        # certificate 10 ended long ago, 20 just now, 30 is alive; the newest order and authorization always stay
        with database(house) as db:
            assert db.execute(f"SELECT id FROM orders WHERE id <= {OLD} ORDER BY id").fetchall() == [
                (20,), (30,), (OLD,)]
            assert db.execute(f"SELECT count(*) FROM authz WHERE id < {OLD}").fetchone() == (0,)
            assert db.execute("SELECT count(*) FROM issuance i JOIN certificate c ON c.id = i.id"
                              " WHERE i.id IN (10, 20, 30)").fetchone() == (3,)
            assert db.execute("SELECT count(*) FROM account").fetchone()[0] >= 1000
            free, pages = (db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("freelist_count", "page_count"))
        assert free > pages / 2
        assert (house.directory / "cairn.db-wal").stat().st_size < 64 << 20
        # what was freed is used again
        client = acme_raw.Client(house.url, house.root)
        client.register()
        for n in range(20):
            client.order(*(f"again{n}-{m}.flow.test" for m in range(100)))
        assert number(house, "PRAGMA page_count") == pages
        assert number(house, "PRAGMA freelist_count") < free
        test_kill.check_store(house)
        assert house.stop() == 0, house.text()[-3000:]
    finally:
        stopping.set()
        house.close()
        responder.close()


def test_a_clock_that_jumps_removes_nothing(tmp_path):
    """Four years ahead, and back: everything is still there."""
    day = worst_day.WorstDay(tmp_path / "worst-day")
    with test_faults.living(tmp_path, day) as one:
        one.house.sets += ["retention.interval=1s", "retention.orders=1h", "retention.authorizations=0s",
                           "log.level=debug"]
        one.day = day
        one.house.start(environment=day.environment)
        one.connect()
        one.whole()
        one.order()
        before = rows(one.house)
        mark = len(one.house.log_path.read_bytes())
        test_clock.jump(one, 4 * test_clock.YEAR, said="12[0-9]*")
        one.house.wait_for_line(r"sweep\.behind clock=2", since=mark)
        for _ in range(2):
            mark = len(one.house.log_path.read_bytes())
            one.house.wait_for_line(r"sweep\.round orders=0 authorizations=0", since=mark)
        # nor when it starts under the wrong clock
        assert one.house.stop() == 0
        mark = len(one.house.log_path.read_bytes())
        one.house.start(environment=day.environment)
        one.house.wait_for_line(r"sweep\.behind clock=2", since=mark)
        assert rows(one.house) == before
        mark = len(one.house.log_path.read_bytes())
        test_clock.jump(one, 0, said="-12[0-9]*")
        one.house.wait_for_line(r"tls\.certificate ", since=mark)
        one.connect()
        assert one.client.post(one.url, None).json["status"] == "pending"
        test_kill.keep_promises(one.house, one.promises)
        assert one.house.stop() == 0, one.house.text()[-3000:]

