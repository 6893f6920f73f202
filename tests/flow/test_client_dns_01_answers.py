"""What name servers answer to cairn's updates: each refusal has its sentence, and only what the key signed is believed. The
server here is dnspython, told by each test what to say."""
import os
import shutil
import signal
import socket
import struct
import threading
import time

import pytest

import pebble as pebble_module
from zones import NETWORK, NOT_PROVED, SECRET, UNCHANGED, Running, World, journal

dns = pytest.importorskip("dns")
import dns.message  # noqa: E402
import dns.name  # noqa: E402
import dns.rcode  # noqa: E402
import dns.tsig  # noqa: E402

pytestmark = [pytest.mark.foreign,
              pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root"),
              pytest.mark.skipif(pebble_module.PROGRAM is None or shutil.which("knotd") is None,
                                 reason="pebble or knotd is not installed")]

ADDRESS = "127.0.0.4"
NAME = dns.name.from_text("key-hmac-sha256")
RING = {NAME: dns.tsig.Key(NAME, SECRET, "hmac-sha256.")}
OTHERS_RING = {NAME: dns.tsig.Key(NAME, b"another", "hmac-sha256.")}


class Teller:
    """Takes updates by TCP; `say(request)` gives the octets of the answer, or None for none."""

    def __init__(self):
        self.say, self.heard = None, []
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((ADDRESS, 53))
        self.socket.listen(20)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                wire = connection.recv(2, socket.MSG_WAITALL)
                if len(wire) < 2:
                    continue
                wire = connection.recv(struct.unpack("!H", wire)[0], socket.MSG_WAITALL)
                # dnspython judges our signature: it raises if that is wrong
                request = dns.message.from_wire(wire, keyring=RING)
                self.heard.append(request)
                answer = self.say(request)
                if answer is not None:
                    connection.sendall(struct.pack("!H", len(answer)) + answer)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("dns"))
    yield made
    made.close()


@pytest.fixture
def teller(world):
    made = Teller()
    yield made
    made.close()


def issue(world, **more):
    client = world.client()
    done = client.issue("told.dns.test", *world.ways("--dns-server", ADDRESS, "--dns-check", "none"), **more)
    return client, done


def plain(request, rcode=dns.rcode.NOERROR, **changes):
    """An answer without signature."""
    response = dns.message.make_response(request)
    response.tsig = None
    response.keyring = None
    response.set_rcode(rcode)
    for name, value in changes.items():
        setattr(response, name, value)
    return response.to_wire()


def signed(request, rcode=dns.rcode.NOERROR, ring=None, error=0, other=b"", name=NAME, algorithm="hmac-sha256."):
    response = dns.message.make_response(request)
    response.set_rcode(rcode)
    response.use_tsig(ring or RING, name, 300, None, error, other, algorithm)
    return response.to_wire()


def clock_apart(seconds):
    return lambda request: signed(request, dns.rcode.NOTAUTH, error=dns.rcode.BADTIME,
                                  other=struct.pack("!Q", int(time.time()) + seconds)[2:])


REFUSALS = [
    (lambda r: plain(r, dns.rcode.NOTAUTH), NOT_PROVED, "is not the primary server of the zone dns.test (NOTAUTH)"),
    (lambda r: plain(r, dns.rcode.NOTZONE), NOT_PROVED, "_acme-challenge.told.dns.test is not in the zone dns.test (NOTZONE)"),
    (lambda r: plain(r, dns.rcode.REFUSED), NOT_PROVED, "refuses the update (REFUSED): it must allow the key \"key-hmac-sha256\""),
    (lambda r: plain(r, dns.rcode.NOTIMP), NOT_PROVED, "does not take updates (NOTIMP)"),
    (lambda r: plain(r, dns.rcode.FORMERR), NOT_PROVED, "does not understand the update (FORMERR)"),
    (lambda r: plain(r, dns.rcode.YXDOMAIN), NOT_PROVED, "refuses the update (YXDOMAIN)"),
    (lambda r: signed(r, dns.rcode.REFUSED), NOT_PROVED, "refuses the update (REFUSED)"),
    (clock_apart(1000), NOT_PROVED, "(BADTIME): its clock is "),
    (clock_apart(1000), NOT_PROVED, "ahead of the one here"),
    (clock_apart(-90000), NOT_PROVED, "behind the one here"),
    (lambda r: signed(r, dns.rcode.NOTAUTH, error=dns.rcode.BADTRUNC), NOT_PROVED, "wants a longer signature (BADTRUNC)"),
]


@pytest.mark.parametrize("say, code, says", REFUSALS)
def test_refusals(world, teller, say, code, says):
    """C-D01-4: what the server says, and by how much its clock differs. The record is not there, so nothing is to be
    removed."""
    teller.say = say
    client, done = issue(world, code=code)
    assert f"{ADDRESS}:53" in done.stderr and says in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert journal(client) == [] and len(teller.heard) == 1


@pytest.mark.parametrize("say, code, says", [
    (plain, NOT_PROVED, "did not sign its answer"),
    (lambda r: signed(r, ring=OTHERS_RING), NOT_PROVED, "the signature of its answer is wrong or too old"),
    (lambda r: plain(r, id=(r.id + 1) % 65536), NETWORK, "does not answer"),
    (lambda r: b"\0" * 12, NETWORK, "does not answer"),
    (lambda r: plain(r)[:2] + b"\x80" + b"\xff" * 30, NOT_PROVED, "malformed"),
    (lambda r: plain(r, dns.rcode.SERVFAIL), NETWORK, "failed to change the zone dns.test (SERVFAIL)"),
    (lambda r: None, NETWORK, "does not answer"),
])
def test_answers_that_prove_nothing(world, teller, say, code, says):
    """The record may be there: it is removed as soon as that can be done."""
    teller.say = say
    client, done = issue(world, code=code)
    assert says in done.stderr and "could not be removed" in done.stderr, done.stderr
    assert len(journal(client)) == 1
    teller.heard.clear()
    teller.say = signed
    assert "clean     removed a TXT record of _acme-challenge.told.dns.test" in client.run("renew", code=UNCHANGED).stdout
    assert journal(client) == [] and len(teller.heard) == 1


def test_who_does_not_want_to_wait(world, teller):
    """A signal waits for the removal, a second one does not: the journal has it."""
    silent = threading.Event()
    teller.say = lambda request: silent.wait(60) and None
    client = world.client()
    run = Running(client, "told.dns.test", *map(str, world.ways("--dns-server", ADDRESS, "--dns-check", "none")))
    deadline = time.monotonic() + 30
    while not teller.heard:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for _ in range(100):
        if run.process.poll() is not None:
            break
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    code, _, _ = run.end()
    assert code == -signal.SIGINT and len(journal(client)) == 1
    silent.set()
    teller.say = signed
    assert "clean     removed" in client.run("renew", code=UNCHANGED).stdout and journal(client) == []


def test_what_is_asked(world, teller):
    """C-D01-4: RFC 2136 2.5.1, 2.5.4, as dnspython reads it: one record is added, and exactly that one is deleted."""
    teller.say = signed
    _, done = issue(world, code=NOT_PROVED)  # the CA finds nothing
    assert "told.dns.test was not proved" in done.stderr
    added, deleted = teller.heard
    for request in (added, deleted):
        assert request.opcode() == dns.opcode.UPDATE and [str(z.name) for z in request.zone] == ["dns.test."]
        assert request.prerequisite == [] and request.additional == [] and len(request.update) == 1
        assert str(request.update[0].name) == "_acme-challenge.told.dns.test."
        assert request.had_tsig and request.keyname == NAME
    add, delete = added.update[0], deleted.update[0]
    assert add.rdclass == dns.rdataclass.IN and add.deleting is None and add.ttl == 0
    assert delete.deleting == dns.rdataclass.NONE and delete.ttl == 0
    assert [r.to_text() for r in add] == [r.to_text() for r in delete] and len(add) == 1
    assert len(add[0].strings) == 1 and len(add[0].strings[0]) == 43
