"""A CA that breaks the protocol below HTTP as well: answers are cut at any octet, have no end, lead elsewhere."""
import contextlib
import json

from fake_ca import FakeCa


class HostileAcme(FakeCa):
    """`cuts` has a number for paths: the next answer there ends behind so many octets, and the connection with it. `stream[path]` is a
    function (handler) that writes whatever it likes in place of an answer. `sent` has the length of each answer."""

    def __init__(self, directory):
        self.cuts, self.stream, self.sent = {}, {}, {}
        super().__init__(directory)

    def handler(self):
        outer = self

        class Handler(super().handler()):
            def do_GET(self):
                begin = outer.stream.get(self.path)
                if begin:
                    self.rfile.read(int(self.headers.get("Content-Length", 0)))
                    self.close_connection = True
                    with contextlib.suppress(OSError):
                        begin(self)
                    return
                super().do_GET()

            do_HEAD = do_POST = do_GET

            def end_headers(self):
                self.close_headers = True
                super().end_headers()

            def flush_headers(self):
                """Everything is sent by the first write of a body, or at the end of a request without one."""

            def handle_one_request(self):
                self._headers_buffer = []
                out, self.wfile = self.wfile, Collector()
                try:
                    super().handle_one_request()
                finally:
                    body, self.wfile = bytes(self.wfile.data), out
                    whole = b"".join(self._headers_buffer) + body
                    path = getattr(self, "path", None)
                    if path in outer.cuts and whole:
                        whole, self.close_connection = whole[:outer.cuts.pop(path)], True
                    elif whole and path:
                        outer.sent[path] = len(whole)
                    with contextlib.suppress(OSError):
                        out.write(whole)
                        out.flush()

        return Handler


class Collector:
    def __init__(self):
        self.data = bytearray()

    def write(self, octets):
        self.data += octets
        return len(octets)

    def flush(self):
        pass

    closed = False

    def close(self):
        pass


def nested(depth):
    return ("[" * depth + "]" * depth).encode()


def with_member(name, value):
    """The usual object with one member that is another."""
    def give(answer):
        def changed(request):
            status, headers, body = answer(request)
            return status, headers, {**body, name: value(request) if callable(value) else value}
        return changed
    return give


def text(value):
    return json.dumps(value).encode()
