#!/usr/bin/env python3
"""cairn-ca check over many certificates: time and memory, to the end and without findings.

    meson setup build && ninja -C build && bench/run_check.py --certificates 1000000

One certificate is issued by the CA; the others are that one with serials of their own, signed with the issuing key here, in the
database, each with an order, and in the signer's audit log, as if they had been issued, too.
"""
import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/flow"))
import acme_raw  # noqa: E402
import house as house_module  # noqa: E402
from responder import Responder  # noqa: E402

AT_ONCE = 10_000
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def element(tag, content):
    size = len(content)
    head = bytes([size]) if size < 128 else (size.bit_length() + 7 >> 3 | 0x80).to_bytes(1, "big") + size.to_bytes(
        size.bit_length() + 7 >> 3, "big")
    return bytes([tag]) + head + content


def issue_one(house):
    house.start()
    responder = Responder(house.http_port)
    try:
        client = acme_raw.Client(house.url, house.root)
        client.register()
        pem = client.issue(responder, "many.bench.test")
        house.wait_for_line("crl.made")
        assert house.stop() == 0
        return x509.load_pem_x509_certificate(pem)
    finally:
        responder.close()


def fill(house, one, count):
    key = serialization.load_pem_private_key((house.directory / "intermediate.key").read_bytes(), None)
    tbs, serial = one.tbs_certificate_bytes, one.serial_number.to_bytes(16, "big")
    front, behind = tbs.split(serial)
    log = sorted((house.directory / "audit/signer").glob("*.jsonl"))[-1]
    with contextlib.closing(sqlite3.connect(house.directory / "cairn.db")) as db, open(log, "a") as lines:
        db.row_factory = sqlite3.Row
        row = dict(db.execute("SELECT * FROM issuance WHERE serial = ?", (serial,)).fetchone())
        kept = dict(db.execute("SELECT * FROM certificate WHERE id = ?", (row["id"],)).fetchone())
        order = dict(db.execute("SELECT * FROM orders WHERE id = ?", (row["order_id"],)).fetchone())
        last = db.execute("SELECT max(id) FROM issuance").fetchone()[0]

        def insert(table, made):
            db.executemany(f"INSERT INTO {table} ({', '.join(made[0])}) VALUES ({', '.join(':' + name for name in made[0])})", made)
        for first in range(1, count, AT_ONCE):
            orders, rows, ders = [], [], []
            for number in range(first, min(first + AT_ONCE, count)):
                mine = serial[:8] + number.to_bytes(8, "big")
                body = front + mine + behind
                signature = key.sign(body, ec.ECDSA(hashes.SHA256()))
                orders.append({**order, "id": order["id"] + number})
                rows.append({**row, "id": last + number, "order_id": order["id"] + number, "serial": mine, "tbs": body})
                ders.append({**kept, "id": last + number,
                             "der": element(0x30, body + ECDSA_SHA256 + element(0x03, b"\0" + signature))})
                lines.write(json.dumps({"event": "sign", "tbs_sha256": hashlib.sha256(body).hexdigest()}) + "\n")
            insert("orders", orders)
            insert("issuance", rows)
            insert("certificate", ders)
            db.commit()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--certificates", type=int, default=1_000_000)
    count = options.parse_args().certificates
    with tempfile.TemporaryDirectory() as folder:
        house = house_module.House(pathlib.Path(folder) / "ca")
        try:
            begun = time.monotonic()
            fill(house, issue_one(house), count)
            size = (house.directory / "cairn.db").stat().st_size
            print(f"store: {count} certificates, {size / 2**20:.0f} MiB, made in {time.monotonic() - begun:.0f} s", flush=True)
            begun = time.monotonic()
            done = subprocess.run([str(house_module.CAIRN_CA), "check", "--dir", str(house.directory), "--json"],
                                  stdout=subprocess.PIPE, text=True)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            answer = json.loads(done.stdout)
            print(f"check: {time.monotonic() - begun:.1f} s; CPU of all children {used.ru_utime + used.ru_stime:.1f} s; at most "
                  f"{used.ru_maxrss / 1024:.0f} MiB; load {os.getloadavg()[0]:.1f}")
            print(json.dumps({name: value for name, value in answer.items() if name != "list"}))
            if not answer["clean"]:
                sys.exit(json.dumps(answer["list"][:5], indent=1))
        finally:
            house.close()


if __name__ == "__main__":
    main()
