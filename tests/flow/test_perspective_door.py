"""The door of a perspective: who is let in, and what becomes of those who speak otherwise than agreed."""
import contextlib
import os
import re
import socket
import ssl
import struct
import subprocess

import pytest

import house as house_module
import perspectives as p
import responder as responder_module

STRANGERS = 90  # more than limits.connections


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """Only its folder and its DNS: these tests are the CA."""
    made = house_module.House(tmp_path_factory.mktemp("door") / "ca")
    yield made
    made.close()


@pytest.fixture(scope="module")
def door(ca, tmp_path_factory):
    made = p.Perspective(tmp_path_factory.mktemp("door"), "fra", "ripe", ca, sets=["limits.handshake_time=2s"])
    try:
        made.start()
        yield made
        made.stop()
    finally:
        made.close()


@contextlib.contextmanager
def guest(door, ca, hello=True):
    """A CA that was let in."""
    stream = p.knock(door.port, ca.directory)
    stream.settimeout(p.WAIT_SECONDS)
    frames = p.Frames(stream)
    if hello:
        stream.sendall(p.greeting())
    try:
        yield stream, frames
    finally:
        stream.close()


def must_serve(door, ca):
    with guest(door, ca) as (stream, frames):
        assert frames.wait("GREETING")
        stream.sendall(p.frame("PING", 42))
        assert struct.unpack("!Q", frames.wait("PONG")) == (42,)


def test_a_check_is_answered(door, ca):
    """By the id it was asked under, with what the validator saw."""
    responder = responder_module.Responder(ca.http_port)
    responder.tokens["t" * 22] = "t" * 22 + ".key"
    try:
        with guest(door, ca) as (stream, frames):
            protocol, = struct.unpack("!Q", (body := frames.wait("GREETING"))[:8])
            version, name, region = p.texts(body, 3, 8)
            assert (protocol, name, region) == (p.PROTOCOL, "fra", "ripe") and version
            stream.sendall(p.check(2 ** 62 + 5) + p.check(7, proof=b"t" * 22 + b".other"))
            found = {}
            while len(found) < 2:
                body = frames.wait("VERDICT")
                number, valid, _, code = struct.unpack("!QQqq", body[:32])
                found[number] = (valid, code, *p.texts(body, 3, 32))
            valid, code, _, record, perspective = found[2 ** 62 + 5]
            assert (valid, code, perspective) == (1, 0, "") and '"address":"127.0.0.1:' in record
            valid, code, detail, _, _ = found[7]
            assert (valid, code) == (0, 6) and "wrong content" in detail  # 6: unauthorized, whatever errors.def says
    finally:
        responder.close()


# ---- strangers ----


def test_plain_http(door, ca):
    with socket.create_connection(("127.0.0.1", door.port), timeout=p.WAIT_SECONDS) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: fra\r\n\r\n")
        assert not stream.recv(100).startswith(b"HTTP")
    door.wait_for("door.refused .*http request")
    must_serve(door, ca)


def s_client(port, *options, send=b""):
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *map(str, options)], input=send,
                          capture_output=True, timeout=p.WAIT_SECONDS, check=False)


def test_judged_by_openssl(door, ca, tmp_path):
    """TLS 1.3 alone, our ALPN alone, and nothing is said to who has no key."""
    own = ["-cert", ca.directory / "perspective.pem", "-key", ca.directory / "perspective.key"]
    good = s_client(door.port, "-alpn", p.ALPN, *own, send=2 * p.greeting())  # the second one ends it
    text = good.stdout.decode(errors="replace")
    assert "TLSv1.3" in text and f"ALPN protocol: {p.ALPN}" in text and "No client certificate CA names sent" in text
    assert b"ripe" in good.stdout
    for options in (["-tls1_2", *own], ["-alpn", "h2", *own]):
        refused = s_client(door.port, *options, send=p.greeting())
        assert b"alert" in refused.stderr and b"ripe" not in refused.stdout
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=Test CA", "-keyout", tmp_path / "key", "-out", tmp_path / "pem"], check=True, capture_output=True)
    for options, alert in (([], b"certificate required"),
                           (["-cert", tmp_path / "pem", "-key", tmp_path / "key"], b"bad certificate")):
        refused = s_client(door.port, "-alpn", p.ALPN, *options, send=p.greeting())
        assert alert in refused.stderr and b"ripe" not in refused.stdout, refused.stderr


@pytest.mark.parametrize("through_tls", [False, True])
def test_who_does_not_speak_is_shown_out(door, ca, through_tls):
    mark = door.mark()
    if through_tls:
        with guest(door, ca, hello=False) as (_, frames):
            assert "took too long" in p.texts(frames.wait("FAREWELL"), 1)[0]
            assert frames.next() is None
    else:
        with socket.create_connection(("127.0.0.1", door.port), timeout=p.WAIT_SECONDS) as stream:
            assert stream.recv(100) == b""
    door.wait_for("door.refused .*took too long", since=mark)


# ---- what is said wrongly ----


def test_another_version_of_the_protocol(door, ca):
    """Each end learns what the other speaks, and says so."""
    mark = door.mark()
    with guest(door, ca, hello=False) as (stream, frames):
        stream.sendall(p.greeting(protocol=2, version=b"7.7"))
        assert struct.unpack("!Q", frames.wait("GREETING")[:8]) == (p.PROTOCOL,)
        assert frames.next() is None
    door.wait_for(r"cairn-ca 7\.7\) speaks version 2 of the perspective protocol, this one \(.*\) version 1",
                  since=mark)
    must_serve(door, ca)


WRONG = {
    "a check before the greeting": (False, p.check(1)),
    "a ping before the greeting": (False, p.frame("PING", 1)),
    "two greetings": (True, p.greeting()),
    "a verdict": (True, p.frame("VERDICT", 1, 1, 0, 0, b"", b"[]", b"")),
    "a hello of a process": (True, p.frame("HELLO", 16, b"0.1.0")),
    "a reload": (True, p.frame("RELOAD", 1)),
    "a farewell": (True, p.frame("FAREWELL", b"bye")),
    "no known type": (True, p.frame(999, b"")),
    "a frame that is too long": (True, struct.pack("!I", 1 << 30)),
    "a frame without a type": (True, struct.pack("!IB", 1, 0)),
    "a field that is too long": (True, p.check(1, token=b"t" * 129)),
    "a text that is none": (True, p.check(1, name=b"\xff\xfe")),
    "octets left over": (True, struct.pack("!IH", 11, p.TYPES["PING"]) + b"\0" * 9),
    "chance": (True, os.urandom(2000)),
}


@pytest.mark.parametrize("what", WRONG)
def test_who_breaks_the_protocol_is_shown_out(door, ca, what):
    greeted, octets = WRONG[what]
    with guest(door, ca, hello=greeted) as (stream, frames):
        frames.wait("GREETING")
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            stream.sendall(octets)
        assert frames.next() is None
    must_serve(door, ca)


def test_guests_that_go_leave_nothing_behind(door, ca):
    """Their questions are still answered by the validator, to nobody; the next guest gets its own answers alone."""
    for round_number in range(5):
        with guest(door, ca) as (stream, frames):
            frames.wait("GREETING")
            stream.sendall(b"".join(p.check(1000 * round_number + i) for i in range(50)))
    with guest(door, ca) as (stream, frames):
        stream.sendall(p.check(77))
        assert struct.unpack("!Q", frames.wait("VERDICT")[:8]) == (77,)
        stream.sendall(p.frame("PING", 1))
        frames.wait("PONG")


def test_strangers_cannot_crowd_a_ca_out(door, ca):
    """The last test here, as they use up what the log has for refusals. More than there is room for, silent or half through TLS: a CA gets in all the same, and one that is in stays."""
    with contextlib.ExitStack() as stack:
        stream, frames = stack.enter_context(guest(door, ca))
        frames.wait("GREETING")
        for i in range(STRANGERS):
            stranger = stack.enter_context(socket.create_connection(("127.0.0.1", door.port)))
            if i % 2:
                stranger.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # the beginning of a ClientHello
            if i % 30 == 0:
                must_serve(door, ca)
        must_serve(door, ca)
        stream.sendall(p.frame("PING", 7))
        assert struct.unpack("!Q", frames.wait("PONG")) == (7,)
    assert len(re.findall("door.refused ", door.text())) < STRANGERS  # the log is not theirs to fill
