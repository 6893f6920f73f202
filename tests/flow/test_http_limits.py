"""Slow, huge, half-open and never-ending: each is ended by the limit that has its name, and others are served while it
lasts. Times are only waited for, never measured: the server of these tests has small limits, the clients' patience is
large."""
import contextlib
import os
import resource
import select
import socket
import ssl
import struct
import threading
import time

import pytest

import h2_raw
import house as house_module
from h2_raw import H2, request
from http_raw import Raw, context, echo, get

SMALL = ["limits.handshake_time=2s", "limits.head_time=400ms", "limits.body_time=600ms", "limits.write_time=500ms",
         "limits.write_rate=1000000", "limits.idle=3s", "limits.requests_per_connection=10",
         "limits.connections_per_address=40", "limits.head=4096", "limits.headers=10", "limits.body=4096",
         "limits.streams=5", "log.level=notice"]
SLOW = 0.05  # seconds between octets of a slow client: faster than each limit
POST_HEAD = b"POST /acme/new-order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture(scope="module")
def door(tmp_path_factory, dns_stub):
    made = house_module.House(tmp_path_factory.mktemp("limits") / "ca", sets=SMALL, stub=dns_stub)
    try:
        yield made.start()
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


def serves(door):
    with Raw(door) as raw:
        raw.send(get())
        assert raw.answer().status == 200


def dribble(door, raw, octets):
    """Octet by octet, while others are served, until the server answers or ends it."""
    tls = isinstance(raw, Raw)
    for octet in octets:
        try:
            (raw.socket if tls else raw).send(bytes([octet]))
        except OSError:
            return
        serves(door)
        if raw.has_come(SLOW) if tls else select.select([raw], [], [], SLOW)[0]:
            return
    raise AssertionError("it was let go on for ever")


# ---- HTTP/1.1 ----

def test_slow_handshake(door):
    """Nothing, half a ClientHello, and one that comes octet by octet."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = context(door).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    hello = outgoing.read()
    silent, half, slow = (socket.create_connection(("127.0.0.1", door.port), 20) for _ in range(3))
    with silent, half, slow:
        half.send(hello[:len(hello) // 2])
        dribble(door, slow, hello)
        assert slow.recv(10) == half.recv(10) == silent.recv(10) == b""


@pytest.mark.parametrize("octets", [b"\r\nGET /acme/directory HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1000,
                                    b"GET /" + b"a" * 1000], ids=["headers", "request line"])
def test_slow_head(door, octets):
    """S-HTTP-3."""
    with Raw(door) as raw:
        dribble(door, raw, octets)
        answer = raw.answer()
        assert (answer.status, answer.one("Connection")) == (408, "close")
        assert raw.ended()


def test_head_that_stops(door):
    with Raw(door) as raw:
        raw.send(b"G")
        assert raw.answer().status == 408
        assert raw.ended()


@pytest.mark.parametrize("head,octets", [
    (POST_HEAD, b"a" * 999),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 1000),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 100),
], ids=["length", "chunked", "trailers"])
def test_slow_body(door, head, octets):
    """S-HTTP-3."""
    with Raw(door) as raw:
        raw.send(head)
        dribble(door, raw, octets)
        answer = raw.answer()
        assert (answer.status, answer.one("Connection")) == (408, "close")
        assert raw.ended()


def test_body_that_never_comes(door):
    with Raw(door) as raw:
        raw.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert [raw.answer().status for _ in range(2)] == [100, 408]
        assert raw.ended()


def test_requests_that_never_end(door):
    """As fast as they can: headers, request line, chunks, a body with all the length in the world."""
    for head, octets, status in (
            (b"GET /acme/directory HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n" * 100, 431),
            (b"GET /acme/directory HTTP/1.1\r\nHost: localhost\r\nX: ", b"a" * 1000, 431),
            (b"GET /", b"a" * 1000, 414),
            (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 100, 413),
            (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9007199254740991\r\n\r\n", b"a" * 1000, 413)):
        with Raw(door) as raw:
            raw.send(head)
            sent = 0
            with contextlib.suppress(OSError):
                while not raw.has_come():
                    raw.send(octets)
                    sent += len(octets)
                    assert sent < 10_000_000
            assert raw.answer().status == status
            serves(door)


@pytest.mark.parametrize("asked", [False, True], ids=["new", "after a request"])
def test_idle(door, asked):
    """S-HTTP-3: A proper end (close_notify), nothing before it."""
    with Raw(door) as raw:
        if asked:
            raw.send(get())
            assert raw.answer().status == 200
        serves(door)
        assert raw.ended()


def test_requests_per_connection(door):
    with Raw(door) as raw:
        raw.send(get() * 12)
        answers = [raw.answer() for _ in range(10)]
        assert [answer.all("Connection") for answer in answers] == [[]] * 9 + [["close"]]
        assert raw.ended()


@pytest.mark.parametrize("reads", [False, True], ids=["takes nothing", "takes an octet a time"])
def test_slow_reader(reads):
    """S-HTTP-3: Answers that nobody takes, or one octet a time: the connection is closed. A CA's answers are short, so this is
    asked of a server that echoes."""
    one = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + b"a" * 60000
    with echo("write_ms=500", "write_rate=1000000") as port, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", port))
        ended = threading.Event()

        def send():
            try:
                for _ in range(10000):
                    client.sendall(one)
            except ConnectionError:
                ended.set()

        thread = threading.Thread(target=send)
        thread.start()
        with contextlib.suppress(OSError):
            while reads and not ended.is_set():
                client.recv(1)
                time.sleep(SLOW)
        thread.join()
        assert ended.is_set()
        with socket.create_connection(("127.0.0.1", port), 20) as other:
            other.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


# ---- how many ----

def many(door, count, name="127.0.0.1"):
    sockets = []
    for _ in range(count):
        s = socket.socket()
        s.bind((name, 0))
        s.settimeout(20)
        s.connect(("127.0.0.1", door.port))
        sockets.append(s)
    return sockets


def is_closed(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def test_connections_of_an_address(tmp_path, dns_stub):
    """Those beyond the number are closed at once; another address is served, and so is this one when there is room."""
    house = house_module.House(tmp_path / "ca", stub=dns_stub, sets=[
        "limits.connections_per_address=20", "limits.handshake_time=1m"])
    try:
        house.start()
        sockets = many(house, 25, "127.0.0.2")
        turned_away = []
        while len(turned_away) < 5:  # which ones depends on the threads that take them
            for s in select.select([s for s in sockets if s not in turned_away], [], [], 20)[0]:
                assert is_closed(s)
                turned_away.append(s)
        serves(house)  # 127.0.0.1
        kept = [s for s in sockets if s not in turned_away]
        assert len(kept) == 20 and not select.select(kept, [], [], 0.2)[0]
        kept[7].close()
        deadline = time.monotonic() + 20
        while True:  # the server sees the end a little later
            again = many(house, 1, "127.0.0.2")[0]
            again.settimeout(0.3)
            try:
                closed = is_closed(again)
            except socket.timeout:
                break
            assert closed and time.monotonic() < deadline
        for s in (*sockets, again):
            s.close()
        assert house.stop() == 0
    finally:
        house.close()


def test_connections_in_all(tmp_path, dns_stub):
    """One more than allowed closes the one that has been idle longest; the others stay."""
    house = house_module.House(tmp_path / "ca", stub=dns_stub, sets=["limits.connections=20", "threads.io=1"])
    try:
        house.start()
        kept = []
        for _ in range(20):
            kept.append(Raw(house))
            kept[-1].send(get())
            assert kept[-1].answer().status == 200
        kept[0].send(get())  # so that the second is the oldest
        assert kept[0].answer().status == 200
        with Raw(house) as fresh:
            fresh.send(get())
            assert fresh.answer().status == 200
            assert kept[1].ended()
            for raw in kept[:1] + kept[2:]:
                raw.send(get())
                assert raw.answer().status == 200
        for raw in kept:
            raw.close()
        assert house.stop() == 0
    finally:
        house.close()


# ---- HTTP/2 ----

def test_h2_idle(door):
    with H2(door) as h2:
        assert h2.ask().status == 200
        assert h2.until_over() == (1, h2_raw.NO_ERROR)
    with H2(door, hello=False) as silent:  # not even a preface
        assert silent.until_over() is not None


def test_h2_pings_are_no_requests(door):
    """They do not keep a connection open."""
    with H2(door) as h2:
        with contextlib.suppress(OSError):
            while h2.goaway is None:
                h2.send(6, 0, 0, b"12345678")
                assert h2.step()
                time.sleep(SLOW)
        assert h2.until_over() == (0, h2_raw.NO_ERROR)


def test_h2_slow_head(door):
    """HEADERS without an end."""
    with H2(door) as h2:
        stream = h2.new()
        block = h2.encoder.encode(request())
        h2.send(1, 1, stream, block[:5])
        for _ in range(200):
            try:
                h2.send(9, 0, stream, b"")
            except OSError:
                break
            serves(door)
            while h2.raw.has_come(SLOW) and h2.step():
                pass
            if h2.over or h2.goaway or stream in h2.answers:
                break
        else:
            raise AssertionError("it was let go on for ever")


def test_h2_slow_body(door):
    with H2(door) as h2:
        slow = h2.begin(request("/acme/new-order", "POST"), end=False)
        for _ in range(200):
            h2.data(slow, b"a")
            serves(door)
            while h2.raw.has_come(SLOW):
                assert h2.step()
            if slow in h2.answers:
                break
        assert h2.answer(slow).status == 408
        assert h2.ask().status == 200


def test_h2_slow_reader(door):
    """Its windows are shut: each stream is taken back after a while, and the connection is free for others. One octet
    a time does not help."""
    with H2(door, settings={4: 0}) as h2:
        shut, slow = h2.begin(request()), h2.begin(request())
        with contextlib.suppress(OSError):
            while slow not in h2.answers or h2.answers[slow].reset is None:
                h2.send(8, 0, slow, struct.pack(">I", 1))
                while h2.raw.has_come(SLOW):
                    assert h2.step()
        for stream in shut, slow:
            assert h2.answer(stream).reset == h2_raw.CANCEL
            assert not h2.answers[stream].ended
        h2.send(4, 0, 0, struct.pack(">HI", 4, 65535))
        assert h2.ask().status == 200
        serves(door)


def test_h2_requests_per_connection(door):
    with H2(door) as h2:
        for _ in range(10):
            assert h2.ask().status == 200
        assert h2.until_over() == (19, h2_raw.NO_ERROR)


def test_h2_bounds_are_those_of_the_settings(door):
    with H2(door) as h2:
        assert h2.ask("/acme/directory", "GET", *[(f"x{i}", "y") for i in range(11)]).status == 431
        assert h2.ask("/acme/directory", "GET", ("x", "a" * 4000)).status == 431
        assert h2.settings[3] == 5 and h2.settings[6] == 4096


# ---- many that are idle ----

def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def settled_descriptors(pid):
    """When what begins at the start, such as the first revocation lists, is over."""
    deadline = time.monotonic() + 60
    seen = [descriptors(pid)]
    while len(seen) < 20 or len(set(seen[-20:])) > 1:
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
        seen.append(descriptors(pid))
    return seen[-1]


def test_many_idle(tmp_path, dns_stub):
    """They stay open and cost little, a new client is served, and everything is given back. Started with few open
    files allowed, the server raises that by itself."""
    count = 500
    house = house_module.House(tmp_path / "ca", stub=dns_stub, sets=[
        "limits.connections=1000", "limits.connections_per_address=1000", "log.level=notice"])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        house.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        front = house.children()["front"]
        before = settled_descriptors(front)
        tls = context(house)
        idle = [Raw(house, tls=tls) for _ in range(count - 50)]
        newer = [H2(house) for _ in range(50)]
        assert descriptors(front) >= before + count
        serves(house)
        assert all(h2.ask().status == 200 for h2 in newer[::10])
        assert not any(raw.has_come() for raw in idle), "an idle connection was closed"
        idle[7].send(get())
        assert idle[7].answer().status == 200
        for raw in idle[::2]:
            raw.close()
        for raw in idle[1::2]:  # half of them say nothing and just go
            os.close(raw.socket.detach())
        for h2 in newer:
            h2.raw.close()
        deadline = time.monotonic() + 20
        while descriptors(front) > before and time.monotonic() < deadline:
            time.sleep(0.1)
        assert descriptors(front) <= before
        serves(house)
        assert "front.few_descriptors" not in house.text()
        assert house.stop() == 0
    finally:
        house.close()


def test_few_descriptors_are_named(tmp_path, dns_stub):
    """Where the system allows no more files, the log says so, and new clients are served all the same."""
    house = house_module.House(tmp_path / "ca", stub=dns_stub, sets=["limits.connections=5000"])
    arguments = house.arguments
    # as another user, because root may raise the limit again
    house.arguments = lambda: ["/bin/sh", "-c", "ulimit -Sn 300; ulimit -Hn 300; exec \"$@\"", "sh",
                               *as_nobody(house), *arguments()]
    try:
        house.start()
        line = house.wait_for_line(r"front\.few_descriptors allowed=300 wanted=5256 connections=(\d+) .*open files")
        most = int(line[1])
        raws = []
        for _ in range(most + 20):
            raws.append(Raw(house))
        serves(house)
        for raw in raws:
            raw.close()
        assert house.stop() == 0, house.text()
    finally:
        house.close()


def as_nobody(house):
    if os.getuid() != 0:
        return []
    for path in (house.directory, *house.directory.iterdir()):
        os.chown(path, 65534, 65534)
    for path in house.directory.parents:
        if str(path).startswith("/tmp/"):
            os.chmod(path, 0o755)
    return ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
