"""The validator's own process, with the test in the place of its supervisor and its front: whatever these or the
network send, it goes on."""
import ctypes
import fcntl
import os
import pathlib
import random
import re
import resource
import signal
import socket
import struct
import subprocess
import threading

import pytest

import house as house_module
import world as world_module

CONTROL_FD, FRONT_FD, SETTINGS_FD = 3, 4, 7  # src/server/proc/supervisor.h
CHECKS_MAX = 10000  # src/server/validate/validator_main.h
DEFINITIONS = pathlib.Path(__file__).resolve().parents[2] / "src/server/proc/messages.def"
TYPES = {name: number for number, name in
         enumerate(re.findall(r"^MESSAGE\((\w+), ", DEFINITIONS.read_text(), re.MULTILINE), 1)}
ERRORS = {name: number for number, name in
          enumerate(re.findall(r"^ERROR\((\w+),", (DEFINITIONS.parents[2] / "core/base/errors.def").read_text(),
                               re.MULTILINE), 1)}
PR_SET_PDEATHSIG = 1


def frame(kind, *fields):
    body = struct.pack("!H", TYPES.get(kind, kind))
    for field in fields:
        body += struct.pack("!q", field) if isinstance(field, int) else struct.pack("!I", len(field)) + field
    return struct.pack("!I", len(body)) + body


def check(number, name="www.good.test", token="t" * 22, proof="t" * 22 + ".key", kind=0, purpose=0, wildcard=0,
          directory="default", account="https://ca.test/acme/account/1", identities=""):
    name, token, proof, directory, account, identities = (
        text.encode() if isinstance(text, str) else text for text in (name, token, proof, directory, account, identities))
    return frame("CHECK", number, purpose, kind, directory, name, wildcard, token, proof, account, identities, b"")


class Channel:
    def __init__(self):
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(60)
        self.text = b""

    def message(self):
        """The next one: type and body; None at the end."""
        while len(self.text) < 4 or len(self.text) < 4 + struct.unpack("!I", self.text[:4])[0]:
            piece = self.ours.recv(1 << 20)
            if not piece:
                return None
            self.text += piece
        size = 4 + struct.unpack("!I", self.text[:4])[0]
        taken, self.text = self.text[:size], self.text[size:]
        return struct.unpack("!H", taken[4:6])[0], taken[6:]

    def verdict(self):
        kind, body = self.message()
        while kind == TYPES["TROUBLE"]:  # a query that is made again
            kind, body = self.message()
        assert kind == TYPES["VERDICT"]
        number, good, _, code = struct.unpack("!QQqq", body[:32])
        size = struct.unpack("!I", body[32:36])[0]
        return number, good, code, body[36:36 + size].decode()


class Validator:
    def __init__(self, directory, *sets, perspective=False):
        """Of a CA, or of a perspective."""
        kind = []
        if perspective:
            kind = ["--perspective"]
            subprocess.run([house_module.CAIRN_CA, "perspective", "init", "--dir", directory, "--name", "fra", "--region",
                            "ripe", "--listen", "127.0.0.1:8443", "--ca", "sha256:" + 64 * "0"], check=True,
                           stdout=subprocess.DEVNULL)
        else:
            subprocess.run([house_module.CAIRN_CA, "init", "--dir", directory], check=True, stdout=subprocess.DEVNULL)
        self.control, self.front = Channel(), Channel()
        self.log = open(directory.parent / "log", "w+b")
        settings = os.open(directory / ("cairn-perspective.yaml" if perspective else "cairn-ca.yaml"), os.O_RDONLY)
        # out of the way of the numbers they are to have
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100)
                for fd in (self.control.theirs.fileno(), self.front.theirs.fileno(), settings)]
        libc = ctypes.CDLL(None)

        def prepare():
            for fd, to in zip(high, (CONTROL_FD, FRONT_FD, SETTINGS_FD)):
                os.dup2(fd, to)
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            # what a process gets by default
            resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

        words = [word for setting in sets for word in ("--set", setting)]
        self.process = subprocess.Popen(
            [house_module.CAIRN_CA, "--role", "validator", "--dir", directory, *kind, *words], preexec_fn=prepare,
            pass_fds=(CONTROL_FD, FRONT_FD, SETTINGS_FD), close_fds=True, stdout=self.log, stderr=self.log)
        for fd in (*high, settings):
            os.close(fd)
        self.control.theirs.close()
        self.front.theirs.close()
        self.wait_for("READY")

    def wait_for(self, kind):
        while (message := self.control.message()) is not None:
            if message[0] == TYPES[kind]:
                return message[1]
        raise AssertionError(self.text())

    def text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-6000:]

    def must_live(self):
        self.control.ours.sendall(frame("PING", 42))
        assert struct.unpack("!Q", self.wait_for("PONG")) == (42,)
        assert self.process.poll() is None, self.text()

    def new_front(self):
        self.front.ours.close()
        self.front = Channel()
        octets = frame("PEER", 2)
        socket.send_fds(self.control.ours, [octets], [self.front.theirs.fileno()])
        self.front.theirs.close()
        self.must_live()

    def must_serve(self):
        number = 2 ** 40
        self.front.ours.sendall(check(number))
        verdict = self.front.verdict()
        assert verdict[:2] == (number, 1)

    def end(self):
        self.control.ours.close()
        code = self.process.wait(30)
        assert code == 0 and "AddressSanitizer" not in self.text() and "runtime error" not in self.text(), self.text()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


def good(web, request, connection):
    return world_module.response(200, "t" * 22 + ".key")


@pytest.fixture
def net():
    """DNS that knows all of .test at 127.0.0.1, and a web server there."""
    made = world_module.Dns(port=0)
    made.suffixes[".test"] = {"A": ["127.0.0.1"]}
    made.scripts = {"www.good.test": good}
    made.http_port = house_module.free_port()
    made.web = world_module.Web(["127.0.0.1"], made.http_port, made.scripts)
    yield made
    made.web.close()
    made.close()


@pytest.fixture
def validator(net, tmp_path):
    made = Validator(tmp_path / "ca", f"validation.resolver=127.0.0.1:{net.port}", "validation.timeout=20s",
                     "validation.allow_networks=127.0.0.0/8", f"validation.http_port={net.http_port}",
                     "validation.connections_per_target=10000")
    try:
        made.must_serve()
        yield made
        made.new_front()
        made.must_serve()
        made.end()
    finally:
        made.close()


def test_questions_that_no_front_asks(net, validator):
    """Every one is answered, and never with yes: an empty body must not prove an empty key authorization."""
    class Anything(dict):
        def get(self, host, otherwise=None):
            return world_module.say(world_module.response(200))
    net.web.scripts = Anything()
    net.suffixes[""] = {"A": ["127.0.0.1"]}
    names = ["", ".", "..", "a..test", "a b.test", "a\r\nHost: b.test", "a/b.test", "a@b.test", "a#.test", "a?.test",
             "a:81", "127.0.0.1", "[::1]", "::1", "\u00fc.test", "x" * 255, ("x" * 63 + ".") * 3 + "test",
             "x" * 64 + ".test", "*.a.test", "A.TEST", "%00.test", "a.test.", "-", "_", "test\t", "\u202e.test",
             "localhost", "a\\b.test", "\x01\x7f"]
    tokens = ["", "/", "../../x", "?", "#", " ", "a b", "\r\n\r\nGET / HTTP/1.1", "\u00fc", "%", "x" * 128, "\\",
              "//a.test/"]
    proofs = [b"", b"\0", b"\0\0\0", b"\n", b" ", b"x" * 1024, b"\xff" * 100]
    kinds = [-1, 1, 2, 99, 2 ** 31, 2 ** 63 - 1, -2 ** 63]
    asked = {}
    for fields in ([dict(name=n) for n in names] + [dict(token=t) for t in tokens] + [dict(proof=p) for p in proofs] +
                   [dict(kind=k) for k in kinds] + [dict(purpose=p) for p in (1, 2, 2 ** 40)]):
        asked[len(asked) + 1] = fields
        validator.front.ours.sendall(check(len(asked), **fields))
    for _ in range(len(asked)):
        number, valid, code, detail = validator.front.verdict()
        assert valid == 0 and code > 0 and world_module.control_free(detail), (asked[number], detail)
        del asked[number]
    assert not asked
    net.web.scripts = net.scripts


def test_octets_that_no_front_sends(validator):
    """The channel closes and the process goes on with the next front."""
    generator = random.Random(8555)
    good_frame = check(1)
    hostile = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1x", b"GET / HTTP/1.1\r\n\r\n", frame(0), frame(999),
               frame("SIGN", 1, 0, b""), frame("PONG", 1), frame("PEER", 2), frame("VERDICT", 1, 1, 0, b"", b"[]"),
               frame("CHECK"), frame("CHECK", 1, 0), check(1, name=b"a" * 256), check(1, directory=b"a" * 65),
               check(1, name=b"a\0b"), check(1, name=b"\xff"), check(1, identities=b"a" * 2049), good_frame[:-1],
               good_frame[:6] + b"\xff" * 60, frame("DRAIN", 1), frame("RELOAD", 1)]
    hostile += [generator.randbytes(generator.randrange(1, 300)) for _ in range(40)]
    for octets in hostile:
        validator.front.ours.sendall(octets)
        validator.front.ours.shutdown(socket.SHUT_WR)
        while validator.front.message() is not None:
            pass
        validator.new_front()
    # descriptors come from the supervisor only
    with open("/dev/null", "rb") as null:
        socket.send_fds(validator.front.ours, [good_frame], [null.fileno()] * 3)
    validator.must_live()
    # a front that dies with checks under way
    for number in range(200):
        validator.front.ours.sendall(check(number, name=f"n{number}.test"))
    validator.new_front()


def test_numbers_of_an_earlier_front(net, validator):
    """What a front asked dies with it: the next one may give the same number to another name. Nothing is answered twice
    or late."""
    held = threading.Semaphore(0)
    arrived = threading.Semaphore(0)

    def slow(web, request, connection):
        arrived.release()
        held.acquire(timeout=60)
        return good(web, request, connection)
    net.web.scripts = {**net.scripts, "www.slow.test": slow, "www.bad.test": world_module.say(world_module.response(404))}
    for number in (1, 2, 3):
        validator.front.ours.sendall(check(number, name="www.slow.test"))
    for _ in range(3):
        assert arrived.acquire(timeout=60)
    validator.new_front()
    for _ in range(3):
        held.release()
    validator.must_serve()
    validator.front.ours.sendall(b"".join(check(number, name="www.bad.test") for number in (1, 2, 3)))
    verdicts = sorted(validator.front.verdict()[:3] for _ in range(3))
    assert [number for number, *_ in verdicts] == [1, 2, 3] and not any(valid for _, valid, _ in verdicts), verdicts
    validator.must_serve()


def test_more_checks_than_there_is_room_for(net, validator):
    """Beyond the limit the answer comes at once; the others are answered in their time."""
    net.suffixes[".hang.test"] = {"silent": True}
    count = CHECKS_MAX + 500
    octets = b"".join(check(number, name=f"n{number}.hang.test") for number in range(count))
    validator.front.ours.sendall(octets)
    validator.must_live()
    verdicts = [validator.front.verdict() for _ in range(count)]
    assert {number for number, *_ in verdicts} == set(range(count)) and not any(valid for _, valid, *_ in verdicts)
    refused = [number for number, _, _, detail in verdicts if "too much to do" in detail]
    assert sorted(refused) == list(range(CHECKS_MAX, count))


def test_a_perspective_that_has_too_much_to_do(net, tmp_path):
    """It could not look: that is said to be its own trouble, as nothing is known of the name."""
    net.suffixes[".hang.test"] = {"A": ["127.0.0.9"]}
    validator = Validator(tmp_path / "fra", f"validation.resolver=127.0.0.1:{net.port}", "validation.timeout=120s",
                          f"validation.http_port={net.http_port}", "validation.allow_networks=127.0.0.0/8",
                          perspective=True)
    try:
        # they wait for their turn at a server that says nothing: none ends before the others have come
        with world_module.listen("127.0.0.9", net.http_port, 4096):
            octets = b"".join(check(number, name=f"n{number}.hang.test") for number in range(CHECKS_MAX + 1))
            sender = threading.Thread(target=validator.front.ours.sendall, args=(octets,))
            sender.start()
            number, valid, code, detail = validator.front.verdict()
            assert number == CHECKS_MAX and "too much to do" in detail, detail
            assert (valid, code) == (0, ERRORS["UNAVAILABLE"])
            sender.join(60)
            validator.end()
    finally:
        validator.close()


def test_more_connections_than_a_process_has_by_default(net, validator):
    """1,100 servers that take a connection and say nothing leave a descriptor to the good one."""
    count, last = 1100, 2 ** 40
    net.suffixes = {".hang.test": {"A": ["127.0.0.9"]}, **net.suffixes}
    with world_module.listen("127.0.0.9", net.http_port, 4096):
        for number in range(count):
            validator.front.ours.sendall(check(number, name=f"n{number}.hang.test"))
        validator.front.ours.sendall(check(last))
        verdicts = {}
        while len(verdicts) <= count:
            number, valid, _, detail = validator.front.verdict()
            verdicts[number] = (valid, detail)
    assert verdicts.pop(last)[0] == 1
    for valid, detail in verdicts.values():
        assert not valid and "127.0.0.9" in detail and "no answer in time" in detail


def test_octets_that_no_server_sends(net, validator):
    """Answers of DNS and web servers, spoiled at random."""
    generator = random.Random(1035)

    def spoil(octets):
        octets = bytearray(octets)
        for _ in range(generator.randrange(1, 8)):
            place = generator.randrange(len(octets))
            what = generator.randrange(4)
            if what == 0:
                octets[place] ^= 1 << generator.randrange(8)
            elif what == 1:
                octets[place:place] = generator.randbytes(generator.randrange(1, 40))
            elif what == 2:
                del octets[place:place + generator.randrange(1, 20)]
            else:
                octets[place:] = octets[place:] * 2
            octets = octets or bytearray(b"?")
        return bytes(octets)

    def raw(question):
        rest = question.message[12:question.end] + world_module.record(question.name, "A", b"\x7f\0\0\1")
        text = world_module.head(question, 0, 1) + rest
        # the number stays, else it is not looked at
        return text[:2] + spoil(text[2:])

    def script(web, request, connection):
        if request.host.endswith(".end.test"):
            return world_module.response(404)
        text = generator.choice([
            world_module.response(200, "t" * 22, [("Content-Type", "text/plain"), ("Set-Cookie", "a=b")]),
            world_module.response(302, "", [("Location", "http://to.end.test/.well-known/acme-challenge/x")]),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
            b"\x1f\x8b\x08\0"])
        return spoil(text)

    class Everything(dict):
        def get(self, host, otherwise=None):
            return good if host == "www.good.test" else script
    net.web.scripts = Everything()
    net.suffixes = {".dns.test": {"raw": raw}, **net.suffixes}
    count = 600
    for number in range(count):
        kind = "dns" if number % 3 == 0 else "web"
        validator.front.ours.sendall(check(number, name=f"n{number}.{kind}.test"))
    verdicts = [validator.front.verdict() for _ in range(count)]
    assert {number for number, *_ in verdicts} == set(range(count)) and not any(valid for _, valid, *_ in verdicts)
    for *_, detail in verdicts:
        assert world_module.control_free(detail), detail
    validator.must_live()
