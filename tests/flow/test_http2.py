"""The HTTPS door, HTTP/2: requests that are malformed, peers that break the protocol, peers that flood; and clients we
did not write."""
import json
import os
import signal
import socket
import struct
import subprocess
import time

import pytest

import h2_raw
import house as house_module
from h2_raw import END_HEADERS, END_STREAM, H2, request
from http_raw import Raw, get


@pytest.fixture(scope="module")
def door(tmp_path_factory, dns_stub):
    made = house_module.House(tmp_path_factory.mktemp("http2") / "ca", dns_names=("localhost", "other.test"),
                               stub=dns_stub)
    try:
        yield made.start()
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


def test_answers(door):
    with H2(door) as h2:
        whole = h2.ask()
        assert whole.status == 200 and json.loads(whole.body)["newNonce"]
        assert whole.headers["content-length"] == str(len(whole.body)) and "date" in whole.headers
        head = h2.ask(method="HEAD")
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(whole.body)))
        nothing = h2.ask("/acme/new-nonce")
        assert (nothing.status, nothing.body) == (204, b"") and "content-length" not in nothing.headers
        assert h2.ask("/acme/nothing").status == 404
        assert h2.ask("/acme/new-order", "DELETE").headers["allow"] == "POST, OPTIONS"
        assert h2.ask("*", "OPTIONS").status == 204
        stream = h2.begin(request("/acme/new-order", "POST", ("content-length", "4")), end=False)
        h2.data(stream, b"bo")
        h2.data(stream, b"dy", end=True)
        assert h2.answer(stream).status == 415
        assert h2.settings[3] == 100 and h2.settings[6] == 16384, "MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE"


def test_many_at_once(door):
    with H2(door) as h2:
        streams = [(h2.begin(request(f"/acme/number-{i}")), i) for i in range(90)]
        for stream, i in reversed(streams):
            answer = h2.answer(stream)
            assert answer.status == 404 and f"number-{i}".encode() in answer.body


RESET = h2_raw.PROTOCOL_ERROR  # of the stream, nothing else (RFC 9113 8.1.1)
without = (lambda name: [field for field in request() if field[0] != name])

# what, status (negative: the stream is reset with that code), fields
REFUSED = [
    ("a name with a capital", -RESET, request("/acme/directory", "GET", ("Accept", "x"))),
    ("connection", -RESET, request("/acme/directory", "GET", ("connection", "keep-alive"))),
    ("keep-alive", -RESET, request("/acme/directory", "GET", ("keep-alive", "x"))),
    ("proxy-connection", -RESET, request("/acme/directory", "GET", ("proxy-connection", "x"))),
    ("transfer-encoding", -RESET, request("/acme/directory", "GET", ("transfer-encoding", "chunked"))),
    ("upgrade", -RESET, request("/acme/directory", "GET", ("upgrade", "x"))),
    ("te other than trailers", -RESET, request("/acme/directory", "GET", ("te", "gzip"))),
    ("no :method", -RESET, without(":method")),
    ("no :path", -RESET, without(":path")),
    ("no :scheme", -RESET, without(":scheme")),
    ("neither :authority nor host", -RESET, without(":authority")),
    ("an empty :path", -RESET, request("")),
    (":path twice", -RESET, request() + [(":path", "/")]),
    (":method twice", -RESET, [(":method", "GET")] + request()),
    ("a pseudo-header behind a header", -RESET, [("a", "b")] + request()),
    ("an unknown pseudo-header", -RESET, request() + [(":foo", "b")]),
    (":status in a request", -RESET, request() + [(":status", "200")]),
    ("a control byte in a value", -RESET, request("/acme/directory", "GET", ("x", "a\x01b"))),
    ("a NUL in a value", -RESET, request("/acme/directory", "GET", ("x", "a\0b"))),
    ("a line end in a value", -RESET, request("/acme/directory", "GET", ("x", "a\r\ny: b"))),
    ("a space in a name", -RESET, request("/acme/directory", "GET", ("x y", "a"))),
    ("a colon in a name", -RESET, request("/acme/directory", "GET", ("x:", "a"))),
    ("an empty name", -RESET, request("/acme/directory", "GET", ("", "a"))),
    ("white space before a value", -RESET, request("/acme/directory", "GET", ("x", " a"))),
    ("white space behind a value", -RESET, request("/acme/directory", "GET", ("x", "a\t"))),
    ("a NUL in :path", -RESET, request("/acme/\0directory")),
    ("a line end in :authority", -RESET, request(authority="a\r\nb")),
    ("two different content-length", -RESET,
     request("/acme/directory", "GET", ("content-length", "0"), ("content-length", "1"))),
    ("content-length: +0", -RESET, request("/acme/directory", "GET", ("content-length", "+0"))),
    ("content-length without a body", -RESET, request("/acme/directory", "GET", ("content-length", "5"))),
    (":path without a slash", -RESET, request("acme/directory")),
    (":path with a fragment", 400, request("/acme/directory#a")),
    (":path with a bad escape", 400, request("/acme/%zz")),
    ("GET *", -RESET, request("*")),
    ("another scheme", 400, request(scheme="http")),
    ("a user in :authority", 400, request(authority="u@localhost")),
    ("no port in :authority", 400, request(authority="localhost:x")),
    ("another host", 400, request("/acme/directory", "GET", ("host", "other.test"))),
    ("two host", -RESET, request("/acme/directory", "GET", ("host", "localhost"), ("host", "localhost"))),
    ("CONNECT", 400, [(":method", "CONNECT"), (":authority", "localhost:443")]),
    ("another expectation", 417, request("/acme/directory", "GET", ("expect", "more"))),
    ("a :path too long", 414, request("/" + "a" * 2048)),
    ("too many headers", 431, request() + [(f"x{i}", "y") for i in range(65)]),
    ("headers too large", 431, request() + [("x", "a" * 17000)]),
]


@pytest.mark.parametrize("status,fields", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(door, status, fields):
    with H2(door) as h2:
        # raw, because the encoder sorts and tells nothing apart that we want apart
        block = b"".join(literal(name, value) for name, value in fields)
        stream = h2.new()
        pieces = [block[at:at + 16000] for at in range(0, len(block), 16000)]
        for i, piece in enumerate(pieces):
            h2.send(9 if i else 1, (0 if i else END_STREAM) | (END_HEADERS if i == len(pieces) - 1 else 0), stream,
                    piece)
        answer = h2.answer(stream)
        if status < 0:
            assert answer.reset == -status and answer.status in (None, 400), answer
        else:
            assert answer.status == status, answer
            assert json.loads(answer.body)["status"] == status
        assert h2.ask().status == 200, "the connection goes on"


def literal(name, value):
    """RFC 7541 6.2.2, without Huffman."""
    def string(text):
        octets = text.encode("latin-1")
        if len(octets) < 127:
            return bytes([len(octets)]) + octets
        rest, more = len(octets) - 127, b"\x7f"
        while rest >= 128:
            more, rest = more + bytes([rest % 128 + 128]), rest // 128
        return more + bytes([rest]) + octets
    return b"\0" + string(name) + string(value)


@pytest.mark.parametrize("fields", [
    request("/acme/directory", "GET", ("te", "trailers")),
    request("/acme/directory", "GET", ("host", "localhost")),
    [field for field in request() if field[0] != ":authority"] + [("host", "localhost")],
    request(authority="unknown.test"),
    request("/acme/directory?a=b"),
    request() + [(f"x{i}", "y") for i in range(60)],
    request() + [("cookie", "a"), ("cookie", "b"), ("x", "\xe9")],
], ids=["te: trailers", "the same host", "host alone", "an unknown name", "a query", "many headers", "cookies"])
def test_accepted(door, fields):
    with H2(door) as h2:
        assert h2.answer(h2.begin(fields, block=b"".join(literal(*field) for field in fields))).status == 200


def test_few_octets_that_stand_for_many(door):
    """One large field in the dynamic table, named again and again: the list is bounded as it is decoded."""
    with H2(door) as h2:
        assert h2.answer(h2.begin(request() + [("x-big", "a" * 3800)])).status == 200
        again = h2.encoder.encode([("x-big", "a" * 3800)])
        assert len(again) == 1, "it is in the table"
        stream = h2.begin(None, block=h2.encoder.encode(request()) + again * 50)
        assert h2.answer(stream).status == 431
        assert h2.ask().status == 200


# ---- bodies ----

@pytest.mark.parametrize("length,body", [("5", b"four"), ("3", b"four"), ("0", b"four")])
def test_content_length_that_lies(door, length, body):
    with H2(door) as h2:
        stream = h2.begin(request("/acme/new-order", "POST", ("content-length", length)), end=False)
        h2.data(stream, body, end=True)
        answer = h2.answer(stream)
        assert answer.reset == RESET and answer.status is None
        assert h2.ask().status == 200


def test_trailers(door):
    with H2(door) as h2:
        stream = h2.begin(request("/acme/new-order", "POST"), end=False)
        h2.data(stream, b"body")
        h2.send(1, END_HEADERS | END_STREAM, stream, literal("x", "content-length: 1"))
        assert h2.answer(stream).status == 415
        for block, flags in ((literal(":path", "/"), END_STREAM), (literal("x", "y"), 0),
                             (literal("connection", "close"), END_STREAM)):
            stream = h2.begin(request("/acme/new-order", "POST"), end=False)
            h2.data(stream, b"body")
            h2.send(1, END_HEADERS | flags, stream, block)
            answer = h2.answer(stream)
            assert answer.reset == RESET and answer.status is None, block
        assert h2.ask().status == 200


def test_expect_continue(door):
    with H2(door) as h2:
        stream = h2.begin(request("/acme/new-order", "POST", ("expect", "100-continue"), ("content-length", "2")), False)
        while not (stream in h2.answers and h2.answers[stream].interim):
            assert h2.step()
        assert h2.answers[stream].interim == ["100"] and h2.answers[stream].status is None
        h2.data(stream, b"{}", end=True)
        assert h2.answer(stream).status == 415
        answer = h2.answer(h2.begin(request("/acme/new-order", "POST", ("expect", "100-continue"),
                                            ("content-length", "70000")), False))
        assert (answer.status, answer.interim) == (413, [])


def test_body_without_end(door):
    """413 as soon as it is too much; then no more is taken (RFC 9113 8.1)."""
    with H2(door) as h2:
        stream = h2.begin(request("/acme/new-order", "POST"), end=False)
        for _ in range(4):
            h2.data(stream, b"a" * 16000)
        h2.data(stream, b"a" * 1000)
        time.sleep(0.2)  # for the windows to be opened again
        h2.data(stream, b"a" * 1000)
        answer = h2.answer(stream)
        assert answer.status == 413
        while answer.reset is None:
            assert h2.step()
        assert answer.reset == h2_raw.NO_ERROR
        assert h2.ask().status == 200


def test_too_many_streams(door):
    """The 101st is refused and may be asked again (RFC 9113 5.1.2); the others go on. Whoever has agreed to the
    number and does not keep it breaks the protocol."""
    with H2(door) as h2:
        while not h2.settings:
            assert h2.step()
        for _ in range(101):
            h2.begin(request("/acme/new-order", "POST"), end=False)
        assert h2.until_over() == (199, h2_raw.PROTOCOL_ERROR)
    with H2(door) as h2:  # it does not read: our settings are not there yet
        streams = [h2.begin(request("/acme/new-order", "POST"), end=False) for _ in range(100)]
        over = h2.begin(request())
        assert h2.answer(over).reset == h2_raw.REFUSED_STREAM
        for stream in streams:
            h2.data(stream, b"", end=True)
        assert {h2.answer(stream).status for stream in streams} == {415}
        assert h2.ask().status == 200


def test_windows_that_open_late(door):
    with H2(door, settings={4: 0}) as h2:
        stream = h2.begin(request())
        while not (stream in h2.answers and h2.answers[stream].headers):
            assert h2.step()
        h2.send(6, 0, 0, b"12345678")
        while h2.pongs == 0:
            assert h2.step()
        assert h2.answers[stream].body == b""
        for size in (1, 10, 60000):
            h2.send(8, 0, stream, struct.pack(">I", size))
        assert json.loads(h2.answer(stream).body)["newNonce"]


# ---- who breaks the protocol ----

def settings_of(*pairs):
    return b"".join(struct.pack(">HI", *pair) for pair in pairs)


GET_BLOCK = b"".join(literal(*field) for field in request())
BREAKS = [
    ("an even stream", [(1, END_HEADERS | END_STREAM, 2, GET_BLOCK)]),
    ("HEADERS on stream 0", [(1, END_HEADERS | END_STREAM, 0, GET_BLOCK)]),
    ("DATA on stream 0", [(0, 0, 0, b"a")]),
    ("DATA on a stream that never was", [(0, 0, 7, b"a")]),
    ("more padding than frame", [(1, 5 | 8, 1, b"\xff" + GET_BLOCK[:20])]),
    ("a stream that depends on itself", [(1, 5 | 32, 1, struct.pack(">IB", 1, 0) + GET_BLOCK)]),
    ("garbage for HPACK", [(1, 5, 1, b"\xff\xff\xff\xff\xff\xff")]),
    ("an index that is not there", [(1, 5, 1, b"\xfe")]),
    ("a table above its bound", [(1, 5, 1, b"\x3f\xff\xff\xff\x07" + GET_BLOCK)]),
    ("CONTINUATION out of nowhere", [(9, END_HEADERS, 1, GET_BLOCK)]),
    ("something between HEADERS and CONTINUATION", [(1, 1, 1, GET_BLOCK), (6, 0, 0, b"12345678")]),
    ("CONTINUATION of another stream", [(1, 1, 1, GET_BLOCK), (9, END_HEADERS, 3, b"")]),
    ("PUSH_PROMISE by a client", [(5, END_HEADERS, 1, struct.pack(">I", 2) + GET_BLOCK)]),
    ("a frame too large", [(0, 0, 1, b"a" * 16385)]),
    ("a PING too short", [(6, 0, 0, b"1234567")]),
    ("a PING on a stream", [(6, 0, 1, b"12345678")]),
    ("SETTINGS of no multiple of 6", [(4, 0, 0, b"12345")]),
    ("SETTINGS on a stream", [(4, 0, 1, b"")]),
    ("SETTINGS ACK with content", [(4, 1, 0, settings_of((3, 1)))]),
    ("ENABLE_PUSH of 2", [(4, 0, 0, settings_of((2, 2)))]),
    ("a window above 2^31-1 in SETTINGS", [(4, 0, 0, settings_of((4, 1 << 31)))]),
    ("MAX_FRAME_SIZE of 1", [(4, 0, 0, settings_of((5, 1)))]),
    ("WINDOW_UPDATE of 0", [(8, 0, 0, struct.pack(">I", 0))]),
    ("a window that overflows", [(8, 0, 0, struct.pack(">I", 0x7fffffff))] * 2),
    ("WINDOW_UPDATE on a stream that never was", [(8, 0, 9, struct.pack(">I", 1))]),
    ("RST_STREAM on stream 0", [(3, 0, 0, struct.pack(">I", 0))]),
    ("RST_STREAM on a stream that never was", [(3, 0, 9, struct.pack(">I", 0))]),
    ("GOAWAY on a stream", [(7, 0, 1, struct.pack(">II", 0, 0))]),
]


@pytest.mark.parametrize("sent", [row[1] for row in BREAKS], ids=[row[0] for row in BREAKS])
def test_broken_protocol_ends_the_connection(door, sent):
    with H2(door) as h2:
        h2.raw.send(b"".join(h2.frame(*one) for one in sent))
        goaway = h2.until_over()
        assert goaway is not None and goaway[1] != h2_raw.NO_ERROR, goaway
    with H2(door) as h2:
        assert h2.ask().status == 200


@pytest.mark.parametrize("preface", [b"GET /acme/directory HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                     b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"\0" * 24])
def test_no_preface(door, preface):
    """ALPN said h2: nothing else is understood."""
    with Raw(door, alpn=("h2",)) as raw:
        raw.send(preface)
        assert b"HTTP/1.1" not in raw.rest()


def test_stream_number_that_goes_back(door):
    """It may be passed over, but not answered."""
    with H2(door) as h2:
        h2.next = 5
        assert h2.ask().status == 200
        h2.send(1, 5, 3, GET_BLOCK)
        h2.next = 7
        assert h2.ask().status == 200
        assert 3 not in h2.answers or h2.answers[3].status is None


def test_what_must_be_passed_over(door):
    """Unknown frames, settings and flags, PRIORITY, reserved bits (RFC 9113 4.1, 5.5, 6.5.2)."""
    with H2(door, settings={0x99: 5}) as h2:
        h2.send(0xbb, 0xff, 0, b"unknown")
        h2.send(0xbb, 0, 0x80000001, b"")
        h2.send(2, 0, 5, struct.pack(">IB", 3, 7))
        h2.send(4, 0, 0, settings_of((0x4242, 1)))
        h2.send(6, 0, 0x80000000, b"12345678")
        assert h2.ask().status == 200


# ---- who floods ----

def others_are_served(door):
    with Raw(door) as raw:
        raw.send(get())
        assert raw.answer().status == 200


def resident(pid):
    return int(open(f"/proc/{pid}/statm").read().split()[1]) * 4096


def flood(door, h2, octets, most):
    """Send it again and again, reading nothing, until the server wants no more; it must want no more before `most`
    octets, and its memory must not follow."""
    front = door.children()["front"]
    before = resident(front)
    sent = 0
    h2.raw.socket.settimeout(3)
    try:
        while sent < most:
            h2.raw.send(octets)
            sent += len(octets)
    except OSError:
        pass
    assert sent < most
    others_are_served(door)
    assert resident(front) - before < 64 << 20


def test_continuation_flood(door):
    """CVE-2024-28182: headers without end."""
    with H2(door) as h2:
        h2.send(1, END_STREAM, 1, GET_BLOCK)
        flood(door, h2, h2.frame(9, 0, 1, literal("x", "y")) * 500, 20_000_000)
    with H2(door) as h2:
        h2.send(1, END_STREAM, 1, GET_BLOCK)
        flood(door, h2, h2.frame(9, 0, 1) * 1000, 20_000_000)


@pytest.mark.parametrize("frame", [(6, 0, 0, b"12345678"), (4, 0, 0, settings_of((3, 1)))], ids=["PING", "SETTINGS"])
def test_flood_of_what_must_be_answered(door, frame):
    """CVE-2019-9512, CVE-2019-9515: the answers pile up because nobody reads them."""
    with H2(door, receive_buffer=4096) as h2:
        flood(door, h2, h2.frame(*frame) * 1000, 60_000_000)


def test_rapid_reset(door):
    """CVE-2023-44487: what is begun and taken back at once costs us, not the peer."""
    with H2(door) as h2:
        sent = 0
        try:
            while sent < 5000:
                batch = b""
                for _ in range(50):
                    stream = h2.new()
                    batch += h2.frame(1, 5, stream, GET_BLOCK) + h2.frame(3, 0, stream, struct.pack(">I", 8))
                h2.raw.send(batch)
                sent += 50
        except OSError:
            pass
        goaway = h2.until_over()
        assert sent < 5000 or goaway is not None
        assert goaway is None or goaway[1] != h2_raw.NO_ERROR
    others_are_served(door)


def test_pings_that_are_read_are_answered(door):
    with H2(door) as h2:
        for _ in range(100):
            h2.send(6, 0, 0, b"12345678")
        while h2.pongs < 100:
            assert h2.step()
        assert h2.ask().status == 200


# ---- the end ----

def test_drain(tmp_path, dns_stub):
    """GOAWAY to all; what was begun is answered, what comes later is not begun."""
    house = house_module.House(tmp_path / "ca", stub=dns_stub)
    try:
        house.start()
        with H2(house) as idle, H2(house) as busy, Raw(house) as old, Raw(house) as half, \
                socket.create_connection(("127.0.0.1", house.port), 5) as silent:  # less than a handshake may take
            assert idle.ask().status == 200
            stream = busy.begin(request("/acme/new-order", "POST"), end=False)
            old.send(b"POST /acme/new-order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{")
            busy.send(6, 0, 0, b"12345678")
            while busy.pongs == 0:
                assert busy.step()
            time.sleep(0.3)  # the octets of `old` have no answer that tells they are there
            house.process.send_signal(signal.SIGTERM)
            assert idle.until_over()[1] == h2_raw.NO_ERROR
            assert half.ended()
            assert silent.recv(1) == b""
            while busy.goaway is None:
                assert busy.step()
            assert busy.goaway == (stream, h2_raw.NO_ERROR)
            late = busy.begin(request())
            busy.data(stream, b"{}", end=True)
            assert busy.answer(stream).status == 415
            assert busy.until_over() is not None
            assert late not in busy.answers
            old.send(b"}")
            answer = old.answer()
            assert (answer.status, answer.one("Connection")) == (415, "close")
            assert old.ended()
        assert house.process.wait(30) == 0, house.text()
        house.stop()
    finally:
        house.close()


# ---- clients we did not write ----

def test_curl(door):
    base = ["curl", "-sS", "--cacert", str(door.root), "-w", "%{http_version} %{http_code}\n"]
    urls = ["-o", os.devnull, door.url] * 5
    for asked, spoken in (("--http2", "2"), ("--http1.1", "1.1"), ("--http1.0", "1.1")):
        out = subprocess.run([*base, asked, *urls], check=True, capture_output=True, text=True, timeout=60).stdout
        assert out == f"{spoken} 200\n" * 5
    out = subprocess.run([*base, "--http2", "-o", os.devnull, "-H", "Expect: 100-continue", "--data-binary", "@-",
                          door.url.replace("directory", "new-order")],
                         input="x" * 5000, check=True, capture_output=True, text=True, timeout=60).stdout
    assert out == "2 415\n"


def test_nghttp(door):
    out = subprocess.run(["nghttp", "-nvs", "-m20", door.url], check=True, capture_output=True, text=True, timeout=60,
                         env={**os.environ, "SSL_CERT_FILE": str(door.root)}).stdout
    assert out.count(":status: 200") == 20, out[-3000:]
    assert "GOAWAY" in out


def test_h2load(door):
    out = subprocess.run(["h2load", "-n600", "-c6", "-m25", door.url], check=True, capture_output=True, text=True,
                         timeout=120).stdout
    assert "600 succeeded, 0 failed, 0 errored, 0 timeout" in out, out
