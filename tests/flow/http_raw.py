"""HTTP/1.1 by hand over TLS: what goes out is exactly what the test wrote, and what comes back is read strictly."""
import contextlib
import re
import select
import socket
import ssl
import subprocess
import time

import house as house_module

SECONDS = 20  # protection against a hang, not a measurement


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # pairs, in order
        self.body = body

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name):
        values = self.all(name)
        assert len(values) == 1, (name, self)
        return values[0]

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:200]!r}"


def context(house, alpn=("http/1.1",)):
    made = ssl.create_default_context(cafile=str(house.root))
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


class Raw:
    """One connection."""

    def __init__(self, house, alpn=("http/1.1",), tls=None, name="localhost", session=None, receive_buffer=None):
        plain = socket.socket()
        if receive_buffer is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(SECONDS)
        plain.connect(("127.0.0.1", house.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = (tls or context(house, alpn)).wrap_socket(plain, server_hostname=name, session=session)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def receive(self):
        """Some octets; empty at the end, which must be a proper one (close_notify)."""
        return self.socket.recv(65536)

    def has_come(self, seconds=0):
        """Is there something to read, or the end, after so many seconds at most? Session tickets do not count."""
        until = time.monotonic() + seconds
        self.socket.setblocking(False)
        try:
            while not self.buffer:
                try:
                    more = self.socket.recv(65536)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    wait = max(0, until - time.monotonic())
                    if not select.select([self.socket], [], [], wait)[0]:
                        return False
                    continue
                except OSError:
                    return True
                if not more:
                    return True
                self.buffer += more
            return True
        finally:
            self.socket.settimeout(SECONDS)

    def rest(self):
        """Everything up to the end of the connection."""
        while more := self.receive():
            self.buffer += more
        found, self.buffer = self.buffer, b""
        return found

    def until(self, mark):
        while mark not in self.buffer:
            more = self.receive()
            assert more, f"the connection ended at {self.buffer!r}"
            self.buffer += more
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def exactly(self, count):
        while len(self.buffer) < count:
            more = self.receive()
            assert more, f"the connection ended at {self.buffer!r}"
            self.buffer += more
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def answer(self, method="GET"):
        """The next answer; interim ones are answers too."""
        lines = self.until(b"\r\n\r\n").split(b"\r\n")
        found = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [A-Za-z -]+", lines[0])
        assert found, lines[0]
        headers = []
        for line in lines[1:]:
            pair = re.fullmatch(rb"([A-Za-z-]+): ([\x20-\x7e]*)", line)
            assert pair, line
            headers.append((pair[1].decode(), pair[2].decode()))
        answer = Answer(int(found[1]), headers, b"")
        assert not answer.all("Transfer-Encoding"), answer
        if answer.status < 200 or answer.status in (204, 304):
            assert not answer.all("Content-Length"), answer
        elif method != "HEAD":
            answer.body = self.exactly(int(answer.one("Content-Length")))
        return answer

    def ended(self):
        """Nothing more came, and the end was a proper one."""
        return self.rest() == b""


def get(path="/acme/directory", method="GET", headers=""):
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


@contextlib.contextmanager
def echo(*limits):
    """A small server on the same HTTP, without TLS, that says what it was asked: its port."""
    process = subprocess.Popen([str(house_module.BUILD / "tests/lib/http_echo"), "0", *limits],
                               stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline().split()[1])
        assert process.poll() is None, "the server ended"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
