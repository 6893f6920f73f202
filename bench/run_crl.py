#!/usr/bin/env python3
"""A revocation list of many entries: time and memory of making it, and what requests notice meanwhile.

    meson setup build && ninja -C build && bench/run_crl.py --entries 1000000
"""
import argparse
import contextlib
import http.client
import os
import pathlib
import random
import re
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/flow"))
import house as house_module  # noqa: E402


def fill(house, entries):
    """Revoked certificates as the store would have them: serials of this CA's form, a third without a reason."""
    with contextlib.closing(sqlite3.connect(house.directory / "cairn.db")) as db:
        (key_id,) = db.execute("SELECT issuer FROM crl WHERE shard = 0").fetchone()
        now = int(time.time())
        reasons = (-1, 1, 4)
        rows = ((key_id, 0, 1000 + i, b"\x2a" + (now - entries + i).to_bytes(4, "big") + random.randbytes(11), now - 60,
                 reasons[i % 3], now + 90 * 86400) for i in range(entries))
        db.executemany("INSERT INTO crl_entry VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        db.execute("UPDATE crl SET changed = changed + 1 WHERE shard = 0")
        db.commit()


def memory(pid):
    """Resident now and at most, and the part of it that is private, in MiB."""
    status = dict(re.findall(r"^(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
    return {name: int(status[field]) / 1024 for name, field in
            [("now", "VmRSS"), ("most", "VmHWM"), ("private", "RssAnon"), ("shared", "RssShmem")]}


def cpu(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Asker(threading.Thread):
    """Asks for a nonce all the time, and keeps how long each took."""

    def __init__(self, house):
        super().__init__(daemon=True)
        self.house, self.taken, self.ends = house, [], False

    def run(self):
        context = ssl.create_default_context(cafile=str(self.house.root))
        connection = http.client.HTTPSConnection("localhost", self.house.port, context=context)
        while not self.ends:
            begun = time.monotonic()
            connection.request("POST", "/acme/new-order", body=b"{}", headers={"Content-Type": "application/jose+json"})
            connection.getresponse().read()
            self.taken.append(time.monotonic() - begun)
            time.sleep(0.001)

    def end(self):
        self.ends = True
        self.join()
        taken = sorted(self.taken)
        return {"p50": taken[len(taken) // 2] * 1000, "p99": taken[len(taken) * 99 // 100] * 1000,
                "most": taken[-1] * 1000, "count": len(taken)}


def quiet(house, seconds=3):
    asker = Asker(house)
    asker.start()
    time.sleep(seconds)
    return asker.end()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=1_000_000)
    entries = options.parse_args().entries
    with tempfile.TemporaryDirectory() as folder:
        plain = house_module.free_port()
        house = house_module.House(pathlib.Path(folder) / "ca", sets=[f"publish.listen=127.0.0.1:{plain}", "log.level=info"])
        try:
            house.start()
            house.wait_for_line("crl.made")
            house.stop()
            fill(house, entries)
            house.start()
            before = quiet(house)
            first = house.wait_for_line(rf"crl.made .*entries={entries} octets=(\d+) took_ms=(\d+)", seconds=600)
            children = house.children()
            print(f"list: {first.group(1)} octets, {entries} entries; at the start {first.group(2)} ms")
            mark = len(house.log_path.read_bytes())
            idle = {role: (cpu(pid), memory(pid)) for role, pid in children.items()}
            asker = Asker(house)
            asker.start()
            subprocess.run([str(house_module.CAIRN_CA), "crl", "renew", "--dir", str(house.directory)], check=True,
                           stdout=subprocess.DEVNULL)
            made = house.wait_for_line(rf"crl.made .*entries={entries} octets=(\d+) took_ms=(\d+)", since=mark, seconds=600)
            during = asker.end()
            print(f"made again beside requests: {made.group(2)} ms")
            for role in ("front", "signer"):
                used, memories = cpu(children[role]) - idle[role][0], memory(children[role])
                print(f"{role}: {used:.2f} s CPU; MiB resident before {idle[role][1]['now']:.0f}, after {memories['now']:.0f}, "
                      f"at most {memories['most']:.0f} (private {memories['private']:.0f}, shared {memories['shared']:.0f})")
            for label, taken in (("requests, quiet", before), ("requests, meanwhile", during)):
                print(f"{label}: p50 {taken['p50']:.2f} ms, p99 {taken['p99']:.2f} ms, at most {taken['most']:.1f} ms, "
                      f"of {taken['count']}")
            path = re.search(r"path=(\S+)", made.group(0)).group(1)
            got = pathlib.Path(folder) / "got.crl"
            begun = time.monotonic()
            subprocess.run(["curl", "-sf", "-o", str(got), f"http://127.0.0.1:{plain}{path}"], check=True)
            print(f"fetched: {got.stat().st_size} octets in {time.monotonic() - begun:.2f} s")
            for judge in (["openssl", "crl", "-inform", "DER", "-in", str(got), "-noout", "-CAfile",
                           str(house.directory / "intermediate.pem")],):
                done = subprocess.run(judge, capture_output=True, text=True)
                print(f"{judge[0]}: {(done.stdout + done.stderr).strip()}")
            assert house.stop() == 0
        finally:
            house.close()


if __name__ == "__main__":
    main()
