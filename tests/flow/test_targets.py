"""A server that hangs, drips or floods costs a bounded share of the validator and delays nobody else, and nor do names
whose DNS is silent. The tests stand in the place of the front (test_validator.py); figures are in docs/benchmarks.md."""
import contextlib
import threading
import time

import pytest

import house as house_module
import world as world_module
from test_validator import TYPES, Validator, check

BOUND = 8  # connections to one target
EACH = 67  # names at each kind of target that hangs: 201 in all
GOOD = 200
DRIP_SECONDS = 1


class Target:
    """A server that says `first` and then one octet a second, nothing more, or all that is taken. It counts the
    connections that are open."""

    def __init__(self, address, port, first=b"", then=b"", pause=None):
        self.first, self.then, self.pause = first, then, pause
        self.lock, self.open, self.most, self.all = threading.Lock(), 0, 0, 0
        self.socket = world_module.listen(address, port)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.open, self.all = self.open + 1, self.all + 1
                self.most = max(self.most, self.open)
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.recv(4096)
            connection.sendall(self.first)
            while self.then:
                connection.sendall(self.then)
                if self.pause:
                    time.sleep(self.pause)
            connection.recv(1)
        with self.lock:
            self.open -= 1

    def close(self):
        self.socket.close()


class Everything(dict):
    """Every host has the proof."""

    def get(self, host, otherwise=None):
        return world_module.say(world_module.response(200, "t" * 22 + ".key"))


@pytest.fixture
def net():
    made = world_module.Dns(port=0)
    made.http_port = house_module.free_port()
    made.suffixes = {".silent.test": {"silent": True}, ".hang.test": {"A": ["127.0.0.9"]},
                     ".drip.test": {"A": ["127.0.0.10"]}, ".flood.test": {"A": ["127.0.0.11"]},
                     ".interim.test": {"A": ["127.0.0.12"]}, ".lines.test": {"A": ["127.0.0.13"]},
                     ".test": {"A": ["127.0.0.1"]}}
    made.web = world_module.Web(["127.0.0.1"], made.http_port, Everything())
    ok = b"HTTP/1.1 200 OK\r\n"
    made.targets = {
        "hang": Target("127.0.0.9", made.http_port),
        "drip": Target("127.0.0.10", made.http_port, ok + b"X: ", b"y", DRIP_SECONDS),
        "flood": Target("127.0.0.11", made.http_port, ok + b"Content-Length: 104857600\r\n\r\n", b"z" * 65536),
        "interim": Target("127.0.0.12", made.http_port, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        "lines": Target("127.0.0.13", made.http_port, ok, b"a: b\r\n" * 1000)}
    yield made
    for target in made.targets.values():
        target.close()
    made.web.close()
    made.close()


@pytest.fixture
def serve(net, tmp_path):
    """A validator with these settings besides."""
    made = []

    def begin(*sets):
        made.append(Validator(tmp_path / "ca", f"validation.resolver=127.0.0.1:{net.port}",
                              "validation.allow_networks=127.0.0.0/8", f"validation.http_port={net.http_port}", *sets))
        return made[-1]
    yield begin
    for validator in made:
        try:
            validator.new_front()
            validator.end()
        finally:
            validator.close()


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# S-H01-7, S-HTTP-3
def test_two_hundred_that_hang_beside_two_hundred_that_are_good(net, serve):
    """All that are good are proved while all that hang still do; no target has more connections than its share."""
    validator = serve("validation.timeout=2m", f"validation.connections_per_target={BOUND}")
    bad, good = {}, {}
    for number in range(EACH):
        for kind in ("hang", "drip", "silent"):
            bad[len(bad) + 1] = f"n{number}.{kind}.test"
    floods = {10000 + number: f"n{number}.{kind}.test" for number in range(20) for kind in ("flood", "interim", "lines")}
    for number, name in {**bad, **floods}.items():
        validator.front.ours.sendall(check(number, name=name))
    wait_until(lambda: net.targets["hang"].open == net.targets["drip"].open == BOUND)
    for number in range(20000, 20000 + GOOD):
        good[number] = None
        validator.front.ours.sendall(check(number, name=f"n{number}.good.test"))
    while None in good.values():
        number, valid, _, detail = validator.front.verdict()
        assert number not in bad, detail
        if number in good:
            good[number] = (valid, detail)
    assert set(good.values()) == {(1, "")}
    for kind in ("hang", "drip"):
        target = net.targets[kind]
        assert target.most == target.all == BOUND, kind  # the others still wait for their turn
    validator.must_live()


def test_waiting_takes_of_the_own_time_only(net, serve):
    """Who waits behind a server that hangs is refused in time, by a sentence that says so; the next one there is served."""
    validator = serve("validation.timeout=2s", "validation.connections_per_target=2")
    for number in range(6):
        validator.front.ours.sendall(check(number, name=f"n{number}.hang.test"))
    details = [validator.front.verdict()[3] for _ in range(6)]
    assert all("127.0.0.9" in detail for detail in details)
    assert sum("no answer in time" in detail for detail in details) >= 2
    waited = [detail for detail in details if "other checks of that address" in detail]
    assert waited and all("127.0.0.9:" in detail and ".hang.test" in detail and "at most 2" in detail for detail in waited)
    assert net.targets["hang"].most <= 4  # connections of ours that are closed may not have been seen to be
    net.targets["hang"].close()
    net.suffixes[".hang.test"] = {"A": ["127.0.0.1"]}
    validator.front.ours.sendall(check(7, name="n7.hang.test"))
    assert validator.front.verdict()[:2] == (7, 1)


def test_floods_are_cut_off(net, serve):
    """100 MB at line speed, interim answers without end, and header lines without end."""
    validator = serve("validation.timeout=30s")
    words = {"flood": "wrong content", "interim": "headers of the answer are too long", "lines": "headers"}
    for number, kind in enumerate(words):
        validator.front.ours.sendall(check(number, name=f"a.{kind}.test"))
    for _ in words:
        number, valid, _, detail = validator.front.verdict()
        kind = list(words)[number]
        assert not valid and words[kind] in detail and f"a.{kind}.test" in detail, detail


def test_silent_names_do_not_discredit_the_resolver(net, serve):
    """Names whose servers are silent, a few each second and nothing else: libunbound would call the resolver dead after
    some 12 s, and answer SERVFAIL for every other name."""
    validator = serve("validation.timeout=10s")
    number = 0
    for _ in range(15):
        for _ in range(5):
            number += 1
            validator.front.ours.sendall(check(number, name=f"n{number}.silent.test"))
        time.sleep(1)
    for good in range(10000, 10010):
        validator.front.ours.sendall(check(good, name=f"n{good}.good.test"))
    proved = set()
    while len(proved) < 10:
        kind, body = validator.front.message()
        number = int.from_bytes(body[:8], "big")
        if number >= 10000:
            assert kind == TYPES["VERDICT"] and int.from_bytes(body[8:16], "big") == 1, body  # no attempt failed
            proved.add(number)


def test_silent_names_use_up_no_sockets(net, serve):
    """1,000 names without an answer, two questions each, leave room for those of the good ones."""
    validator = serve("validation.timeout=1m")
    for number in range(1000):
        validator.front.ours.sendall(check(number, name=f"n{number}.silent.test"))
    wait_until(lambda: len({name for name, kind, _ in net.asked if name.endswith(".silent.test")}) == 1000)
    for good in range(10000, 10050):
        validator.front.ours.sendall(check(good, name=f"n{good}.good.test"))
    proved = set()
    while len(proved) < 50:
        number, valid, _, detail = validator.front.verdict()
        assert number >= 10000 and valid, detail
        proved.add(number)
