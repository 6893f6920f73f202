"""Connections to the CA that are cut: whatever is lost of one answer of each kind, it is asked for again, and the certificate is there.
At 48 places of each answer, evenly spread; CAIRN_TEST_CUTS=all is each octet (some minutes)."""
import concurrent.futures
import os

from hostile_acme import HostileAcme
from pebble import Client
from test_client_pebble import read_pair

NAME = "cut.example.test"
PATHS = ["/nonce", "/account", "/order", "/authz/0", "/challenge/0", "/finalize", "/cert"]
AT_ONCE = 8  # most of a run is the wait before it asks again


def places(sent):
    """For each run, where each answer is cut: from before its first octet to before its last one."""
    asked = os.environ.get("CAIRN_TEST_CUTS", "48")
    runs = max(sent.values()) if asked == "all" else int(asked)
    return [{path: number * (length - 1) // (runs - 1) for path, length in sent.items()} for number in range(runs)]


def run_some(folder, share):
    """One after the other, at a CA of their own."""
    ca = HostileAcme(folder)
    for number, cuts in share:
        ca.cuts, ca.certificate = dict(cuts), None
        client = Client(folder / str(number), ca)
        client.issue(NAME)
        read_pair(client.live(NAME))
        assert not ca.cuts, (number, ca.cuts)
    ca.close()
    return len(share)


def test_cut_at_any_octet(tmp_path):
    folders = [tmp_path / f"ca{i}" for i in range(AT_ONCE + 1)]
    for folder in folders:
        folder.mkdir()
    whole = HostileAcme(folders[-1])
    Client(tmp_path / "whole", whole).issue(NAME)
    whole.close()
    runs = list(enumerate(places({path: whole.sent[path] for path in PATHS})))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(run_some, folders, [runs[i::AT_ONCE] for i in range(AT_ONCE)]))
    print(f"{sum(done)} runs, answers of {whole.sent}")
    assert sum(done) == len(runs) >= 48
