"""The relay of a CA, with the test in the place of its supervisor and its front, and sometimes of a perspective."""
import ctypes
import fcntl
import os
import signal
import socket
import ssl
import struct
import subprocess
import threading

import pytest

import house as house_module
import perspectives as p
import responder as responder_module

CONTROL_FD, FRONT_FD, SETTINGS_FD = 3, 4, 7  # src/server/proc/supervisor.h
PR_SET_PDEATHSIG = 1
MANY = 100


class Relay:
    """A process of its own, as the supervisor starts it."""

    def __init__(self, ca, entries):
        self.pairs = [socket.socketpair() for _ in range(2)]
        self.control, self.front = (p.Frames(pair[0]) for pair in self.pairs)
        for pair in self.pairs:
            pair[0].settimeout(p.WAIT_SECONDS)
        self.directory = ca.directory
        self.log = open(ca.directory.parent / "relay.log", "w+b")
        settings = self.settings(entries)
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in (*(pair[1].fileno() for pair in self.pairs), settings)]
        libc = ctypes.CDLL(None)

        def prepare():
            for fd, to in zip(high, (CONTROL_FD, FRONT_FD, SETTINGS_FD)):
                os.dup2(fd, to)
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        self.process = subprocess.Popen(
            [str(p.CAIRN_CA), "--role", "relay", "--dir", str(ca.directory), "--set", "quorum.mode=off"], preexec_fn=prepare,
            pass_fds=(CONTROL_FD, FRONT_FD, SETTINGS_FD), stdout=self.log, stderr=self.log)
        for fd in (*high, settings):
            os.close(fd)
        for pair in self.pairs:
            pair[1].close()
        self.control.wait("READY")

    def settings(self, entries):
        """The text that every process is given: both files, a NUL between them."""
        text = "perspectives:\n" + "".join(
            f"  {name}:\n    region: ripe\n    address: 127.0.0.1:{port}\n    key: {key}\n" for name, port, key in entries)
        fd = os.memfd_create("settings")
        os.write(fd, (self.directory / "cairn-ca.yaml").read_bytes() + b"\0" + (text if entries else "").encode())
        return fd

    def reload(self, generation, entries):
        fd = self.settings(entries)
        socket.send_fds(self.pairs[0][0], [p.frame("RELOAD", generation)], [fd])
        os.close(fd)
        body = self.control.wait("RELOADED")
        assert struct.unpack("!Qq", body[:16]) == (generation, 0), body

    def outlook(self, name, connected, generation=0, error=""):
        """Wait until it says that of a perspective."""
        while True:
            body = self.front.wait("OUTLOOK")
            size = 4 + struct.unpack("!I", body[:4])[0]
            read_generation, tried, is_connected = struct.unpack("!QQQ", body[size:size + 24])
            reason, _, _ = p.texts(body, 3, size + 32)
            if (p.texts(body, 1)[0] == name and tried and bool(is_connected) == connected and read_generation >= generation
                    and error in reason):
                return reason

    def ask(self, *questions):
        self.pairs[1][0].sendall(b"".join(p.check(number, perspective=name.encode()) for number, name in questions))

    def answers(self, count):
        """(id, perspective) to "good", "bad", or why it was not reached."""
        found = {}
        while len(found) < count:
            try:
                kind, body = self.front.next()
            except TimeoutError:
                raise AssertionError(f"only {found}; {self.text()[-2000:]}") from None
            if kind == p.TYPES["VERDICT"]:
                number, valid = struct.unpack("!QQ", body[:16])
                found[number, p.texts(body, 3, 32)[2]] = "good" if valid else "bad"
            elif kind == p.TYPES["UNREACHED"]:
                name, why = p.texts(body, 2, 8)
                found[struct.unpack("!Q", body[:8])[0], name] = why
        return found

    def new_front(self):
        self.pairs[1][0].close()
        ours, theirs = socket.socketpair()
        ours.settimeout(p.WAIT_SECONDS)
        socket.send_fds(self.pairs[0][0], [p.frame("PEER", 2)], [theirs.fileno()])
        theirs.close()
        self.pairs[1] = (ours, None)
        self.front = p.Frames(ours)

    def text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def end(self):
        self.pairs[0][0].close()
        assert self.process.wait(60) == 0, self.text()
        assert "AddressSanitizer" not in self.text() and "runtime error" not in self.text(), self.text()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


class FakeDoor:
    """TLS with a perspective's key, and then what a test says: `talk(stream)` for each connection."""

    def __init__(self, directory, talk):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.tls, self.talk = p.context(directory, server=True), talk
        self.tls.num_tickets = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.meet, args=(plain,), daemon=True).start()

    def meet(self, plain):
        try:
            with self.tls.wrap_socket(plain, server_side=True) as stream:
                stream.settimeout(p.WAIT_SECONDS)
                self.talk(stream)
        except (OSError, ssl.SSLError, AssertionError):
            pass  # the relay went away

    def close(self):
        self.listener.close()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    made = house_module.House(tmp_path_factory.mktemp("relay") / "ca")
    responder = responder_module.Responder(made.http_port)
    responder.tokens["t" * 22] = "t" * 22 + ".key"
    yield made
    responder.close()
    made.close()


@pytest.fixture(scope="module")
def perspectives(ca, tmp_path_factory):
    """Two good ones."""
    made = [p.Perspective(tmp_path_factory.mktemp("relay"), name, "ripe", ca) for name in ("fra", "iad")]
    try:
        for one in made:
            one.start()
        yield made
        for one in made:
            one.stop()
    finally:
        for one in made:
            one.close()


@pytest.fixture
def relay(ca):
    made = []

    def make(*entries):
        made.append(Relay(ca, entries))
        return made[-1]
    yield make
    try:
        for one in made:
            one.end()
    finally:
        for one in made:
            one.close()


@pytest.fixture
def fake(ca):
    made = []

    def make(talk):
        made.append(FakeDoor(ca.directory, talk))  # the CA's own key does as well
        return "fake", made[-1].port, p.own_key(ca)
    yield make
    for one in made:
        one.close()


def entry(one):
    return one.name, one.port, one.key


def read_all(stream):
    while stream.recv(65536):
        pass


def test_questions_and_answers(relay, perspectives):
    r = relay(*map(entry, perspectives))
    for one in perspectives:
        r.outlook(one.name, True)
    r.ask((5, "fra"), (5, "iad"), (6, "iad"), (7, "nobody"))
    assert r.answers(4) == {(5, "fra"): "good", (5, "iad"): "good", (6, "iad"): "good",
                            (7, "nobody"): "there is no such perspective any more"}


def test_one_that_hangs_costs_the_others_nothing(relay, perspectives, fake):
    """It takes every question and answers none; nor does one that cannot be reached at all."""
    def hang(stream):
        stream.sendall(p.greeting())
        read_all(stream)
    r = relay(*map(entry, perspectives), fake(hang), ("lost", house_module.free_port(), "sha256:" + "ab" * 32))
    for name in ("fra", "iad", "fake"):
        r.outlook(name, True)
    r.outlook("lost", False, error="Connection refused")
    r.ask(*[(i, name) for i in range(MANY) for name in ("fake", "lost", "fra", "iad")])
    found = r.answers(3 * MANY)
    assert all(found[i, name] == "good" for i in range(MANY) for name in ("fra", "iad"))
    assert all("Connection refused" in found[i, "lost"] for i in range(MANY))


def test_what_was_asked_of_one_that_breaks_off_is_unreached(relay, fake):
    def take_and_go(stream):
        stream.sendall(p.greeting())
        frames = p.Frames(stream)
        for _ in range(3):
            frames.wait("CHECK")
    r = relay(fake(take_and_go))
    r.outlook("fake", True)
    r.ask((1, "fake"), (2, "fake"), (3, "fake"))
    assert set(r.answers(3)) == {(1, "fake"), (2, "fake"), (3, "fake")}
    r.outlook("fake", True)  # and it is connected again
    r.reload(4, [])
    r.ask((4, "fake"))
    assert r.answers(1) == {(4, "fake"): "there is no such perspective any more"}


def test_answers_to_nobody_are_dropped(relay, fake):
    """To what was never asked, twice to the same, and to an earlier front's questions."""
    def answer_oddly(stream):
        stream.sendall(p.greeting() + p.frame("VERDICT", 12345, 1, 0, 0, b"", b"[]", b""))
        frames = p.Frames(stream)
        first = None
        while (body := frames.wait("CHECK")):
            number = struct.unpack("!q", body[:8])[0]
            if first is None:
                first = number
                continue  # late: with the next one's
            twice = p.frame("VERDICT", number, 1, 0, 0, b"", b"[]", b"")
            stream.sendall(p.frame("VERDICT", first, 1, 0, 0, b"", b"[]", b"") + twice + twice)
    r = relay(fake(answer_oddly))
    r.outlook("fake", True)
    r.ask((1, "fake"))
    r.new_front()
    r.outlook("fake", True)
    r.ask((2, "fake"))
    assert r.answers(1) == {(2, "fake"): "good"}
    r.ask((3, "fake"))
    assert r.answers(1) == {(3, "fake"): "good"}


REFUSED = {
    "another protocol": (lambda: p.greeting(protocol=2, version=b"7.7"),
                         "(cairn-ca 7.7) speaks version 2 of the perspective protocol, this one (cairn-ca"),
    "a farewell": (lambda: p.greeting() + p.frame("FAREWELL", b"it is ending"), "it is ending"),
    "another region": (lambda: p.greeting(region=b"arin"), 'it stands in region "arin"'),
    "a verdict first": (lambda: p.frame("VERDICT", 1, 1, 0, 0, b"", b"[]", b""), "sent verdict before it greeted"),
    "a verdict of no known kind": (lambda: p.greeting() + p.frame("VERDICT", 1, 0, 0, 4711, b"", b"[]", b""),
                                   "a reason of no known kind"),
    "a check": (lambda: p.greeting() + p.check(1), "the other end sent check"),
    "an outlook": (lambda: p.greeting() + p.frame("SIGNED", 1, b"x"), "the other end sent signed"),
    "noise": (lambda: p.greeting() + b"\xff" * 64, "a message claims to have"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_perspective_must_not_say(relay, perspectives, fake, what):
    """The relay parts from it, says why, tries again, and others notice nothing."""
    octets, says = REFUSED[what]

    def talk(stream):
        stream.sendall(octets())
        read_all(stream)
    r = relay(entry(perspectives[0]), fake(talk))
    r.outlook("fake", False, error=says)
    r.ask((1, "fake"), (1, "fra"))
    found = r.answers(2)
    assert found[1, "fra"] in ("good", "it is being connected to") and found[1, "fake"] not in ("good", "bad")


def test_one_that_falls_silent_is_away(relay, fake):
    """Its host is gone without a word: pings tell."""
    def talk(stream):
        stream.sendall(p.greeting())
        threading.Event().wait(p.WAIT_SECONDS)
    r = relay(fake(talk))
    r.outlook("fake", True)
    r.outlook("fake", False, error="nothing was heard")


def test_a_reload_keeps_what_is_the_same(relay, perspectives):
    """Connections, and questions on their way, of those that did not change."""
    r = relay(entry(perspectives[0]))
    r.outlook("fra", True)
    connected = perspectives[0].text().count("door.ca_connected")
    r.reload(1, [entry(one) for one in perspectives])
    r.outlook("iad", True, generation=1)
    r.ask((1, "fra"))
    r.reload(2, [entry(perspectives[0])])
    assert r.answers(1) == {(1, "fra"): "good"}
    assert perspectives[0].text().count("door.ca_connected") == connected
