#!/usr/bin/python3
"""A DNS server that says every name is at one address: for trials and tests on one machine.

usage: dns_stub.py PORT [ADDRESS]      (default ADDRESS 127.0.0.1; PORT 0 takes a free one)
Answers on 127.0.0.1 over UDP and TCP and prints "listening PORT". A questions with an A record,
everything else with an empty answer.
"""
import socket
import socketserver
import struct
import sys
import threading

TTL = 1
TYPE_A = 1
CLASS_IN = 1


def question_end(message):
    """Offset behind the first question's name, type and class."""
    at = 12
    while message[at] != 0:
        at += message[at] + 1
    return at + 5


def answer(message, address):
    """The response to a query; None if it is none."""
    if len(message) < 17 or message[2] & 0x80:
        return None
    end = question_end(message)
    kind, klass = struct.unpack("!HH", message[end - 4:end])
    records = b""
    if kind == TYPE_A and klass == CLASS_IN:
        records = struct.pack("!HHHIH", 0xC00C, TYPE_A, CLASS_IN, TTL, 4) + socket.inet_aton(address)
    flags = 0x8480 | (message[2] & 0x01) << 8  # response, authoritative, recursion as asked, available
    head = message[:2] + struct.pack("!HHHHH", flags, 1, 1 if records else 0, 0, 0)
    return head + message[12:end] + records


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            reply = answer(self.request[0], self.server.address)
        except (IndexError, struct.error):
            return
        if reply is not None:
            self.request[1].sendto(reply, self.client_address)


class Stream(socketserver.StreamRequestHandler):
    timeout = 5

    def handle(self):
        try:
            while size := self.rfile.read(2):
                reply = answer(self.rfile.read(struct.unpack("!H", size)[0]), self.server.address)
                self.wfile.write(struct.pack("!H", len(reply)) + reply)
        except (IndexError, struct.error, TypeError, OSError):
            return


class StreamServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def bind_both(port, tries=20):
    """The same port for UDP and TCP; if any will do, one that is free for both."""
    for left in range(tries, 0, -1):
        datagrams = socketserver.UDPServer(("127.0.0.1", port), Datagram)
        try:
            return datagrams, StreamServer(datagrams.server_address, Stream)
        except OSError:
            datagrams.server_close()
            if port != 0 or left == 1:
                raise
    return None


def main():
    if not 2 <= len(sys.argv) <= 3 or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    address = sys.argv[2] if len(sys.argv) == 3 else "127.0.0.1"
    datagrams, streams = bind_both(int(sys.argv[1]))
    port = datagrams.server_address[1]
    datagrams.address = streams.address = address
    threading.Thread(target=streams.serve_forever, daemon=True).start()
    print("listening", port, flush=True)
    datagrams.serve_forever()


if __name__ == "__main__":
    main()
