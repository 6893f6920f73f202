"""HTTP/2 by hand: frames as the test wants them, right or wrong. hyperframe and hpack only spell them."""
import struct

import hpack
from hyperframe import frame as frames

from http_raw import Raw

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# RFC 9113 7
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, \
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(12)

END_STREAM, END_HEADERS, ACK = 1, 4, 1


def request(path="/acme/directory", method="GET", *more, authority="localhost", scheme="https"):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), *more]


class Answer:
    def __init__(self):
        self.interim = []
        self.headers = None
        self.fields = None  # the same as pairs: some names are there more than once
        self.body = b""
        self.reset = None  # error code of RST_STREAM
        self.ended = False

    @property
    def status(self):
        return int(self.headers[":status"]) if self.headers else None

    def __repr__(self):
        return f"{self.headers} {self.body[:100]!r} ended={self.ended} reset={self.reset}"


class H2:
    """One connection; SETTINGS and PING are answered while answers are read."""

    def __init__(self, house, settings=None, preface=PREFACE, hello=True, **more):
        self.raw = Raw(house, alpn=("h2",), **more)
        assert self.raw.socket.selected_alpn_protocol() == "h2"
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.answers = {}
        self.settings = {}
        self.pongs = 0
        self.goaway = None  # (last stream, error code)
        self.over = False
        self.next = 1
        if hello:
            body = b"".join(struct.pack(">HI", key, value) for key, value in (settings or {}).items())
            self.raw.send(preface + self.frame(4, 0, 0, body))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    @staticmethod
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def send(self, kind, flags, stream, payload=b""):
        self.raw.send(self.frame(kind, flags, stream, payload))

    def new(self):
        stream, self.next = self.next, self.next + 2
        return stream

    def begin(self, fields, end=True, block=None):
        """A request on a new stream."""
        stream = self.new()
        self.send(1, END_HEADERS | (END_STREAM if end else 0), stream, block or self.encoder.encode(fields))
        return stream

    def data(self, stream, octets, end=False):
        self.send(0, END_STREAM if end else 0, stream, octets)

    def step(self):
        """One frame from the server; False at the end."""
        while len(self.raw.buffer) < 9 or len(self.raw.buffer) < 9 + int.from_bytes(self.raw.buffer[:3], "big"):
            try:
                more = self.raw.receive()
            except ConnectionResetError:
                more = b""
            if not more:
                self.over = True
                return False
            self.raw.buffer += more
        frame, length = frames.Frame.parse_frame_header(memoryview(self.raw.buffer[:9]))
        frame.parse_body(memoryview(self.raw.buffer[9:9 + length]))
        self.raw.buffer = self.raw.buffer[9 + length:]
        self.take(frame)
        return True

    def take(self, frame):
        answer = self.answers.setdefault(frame.stream_id, Answer())
        if isinstance(frame, frames.HeadersFrame):
            headers = self.decoder.decode(frame.data)
            assert all(name == name.lower() for name, _ in headers), headers
            if dict(headers)[":status"].startswith("1"):
                answer.interim.append(dict(headers)[":status"])
            else:
                assert answer.headers is None
                answer.headers, answer.fields = dict(headers), headers
        elif isinstance(frame, frames.DataFrame):
            answer.body += frame.data
        elif isinstance(frame, frames.RstStreamFrame):
            answer.reset = frame.error_code
        elif isinstance(frame, frames.SettingsFrame) and "ACK" not in frame.flags:
            self.settings.update(frame.settings)
            self.send(4, ACK, 0)
        elif isinstance(frame, frames.PingFrame):
            assert "ACK" in frame.flags
            self.pongs += 1
        elif isinstance(frame, frames.GoAwayFrame):
            self.goaway = (frame.last_stream_id, frame.error_code)
        if "END_STREAM" in frame.flags:
            answer.ended = True

    def answer(self, stream):
        """All of the answer on a stream, or its reset."""
        while not (stream in self.answers and (self.answers[stream].ended or self.answers[stream].reset is not None)):
            assert self.step(), f"the connection ended before an answer on {stream}: {self.goaway}"
        return self.answers[stream]

    def ask(self, *arguments, **named):
        return self.answer(self.begin(request(*arguments, **named)))

    def until_over(self):
        while self.step():
            pass
        return self.goaway
