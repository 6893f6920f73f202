"""cairn-ca ends while work is under way whose clients are gone: in order, and nothing touches what is freed already."""
import json
import random
import socket
import ssl
import time

import pytest

import acme_raw
import house as house_module
import responder as responder_module

CHALLENGES = 60


@pytest.fixture
def make_house(tmp_path_factory):
    made = []

    def make(*sets):
        made.append(house_module.House(tmp_path_factory.mktemp("ca") / "ca", sets=["log.level=warning", *sets]))
        return made[-1].start()

    yield make
    for house in made:
        house.close()


def ended_in_order(house):
    assert house.stop() == 0, house.text()[-8000:]
    assert "AddressSanitizer" not in house.text() and "proc.ended" not in house.text(), house.text()[-8000:]


def answer_late(responder):
    """Within 300 ms, some even after the CA is gone."""
    def answer(handler):
        time.sleep(random.random() * 0.3)
        body = responder.tokens[handler.path.rpartition("/")[2]].encode()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        handler.close_connection = True

    def quietly(handler):
        try:
            answer(handler)
        except OSError:
            handler.close_connection = True

    responder.answer = quietly


def prepare(house, responder):
    """A client, and challenges that may be asked for now."""
    client = acme_raw.Client(house.url, house.root)
    client.register()
    _, order = client.order(*(f"n{i}.example.test" for i in range(CHALLENGES)))
    challenges = [client.challenge(a) for a in order["authorizations"]]
    for challenge in challenges:
        responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
    return client, challenges


@pytest.mark.parametrize("attempt", range(4))
def test_verdicts_that_come_at_the_end(make_house, attempt):
    """Nobody waits for them, so the end does not either."""
    house = make_house("order.hold=0s")
    responder = responder_module.Responder(house.http_port)
    answer_late(responder)
    try:
        client, challenges = prepare(house, responder)
        for challenge in challenges:
            assert client.post(challenge["url"], {}).json["status"] == "processing"
        client.connection.close()
        time.sleep(attempt * 0.04)
        ended_in_order(house)
    finally:
        responder.close()


def h2_frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def h2_literal(name, value):
    """A header field without indexing (RFC 7541 6.2.2); both are shorter than 127 octets, or said in two."""
    def text(octets):
        if len(octets) < 127:
            return bytes([len(octets)]) + octets
        rest = len(octets) - 127
        encoded = bytearray([127])
        while rest >= 128:
            encoded.append(rest % 128 + 128)
            rest //= 128
        return bytes([*encoded, rest]) + octets

    return b"\x00" + text(name) + text(value)


def post_over_h2_and_leave(house, requests):
    """Several POSTs on one HTTP/2 connection, which is closed before an answer can be there."""
    context = ssl.create_default_context(cafile=str(house.root))
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", house.port)) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as s:
        assert s.selected_alpn_protocol() == "h2"
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2_frame(4, 0, 0, b""))
        for i, (url, body) in enumerate(requests):
            path = "/" + url.split("/", 3)[3]
            head = b"".join(h2_literal(*pair) for pair in (
                (b":method", b"POST"), (b":scheme", b"https"), (b":authority", f"localhost:{house.port}".encode()),
                (b":path", path.encode()), (b"content-type", b"application/jose+json")))
            s.sendall(h2_frame(1, 4, 2 * i + 1, head) + h2_frame(0, 1, 2 * i + 1, body))
        time.sleep(0.2)  # they are on their way through the rooms


@pytest.mark.parametrize("hold", ["300ms", "10s"])
def test_parked_requests_of_a_client_that_left(make_house, hold):
    """They are parked without a connection: the end waits for them, as long as it waits for anybody."""
    house = make_house(f"order.hold={hold}")
    responder = responder_module.Responder(house.http_port)
    answer_late(responder)
    try:
        client, challenges = prepare(house, responder)
        requests = [(c["url"], json.dumps(client.jws(c["url"], {})).encode()) for c in challenges[:20]]
        client.connection.close()
        post_over_h2_and_leave(house, requests)
        ended_in_order(house)
        assert len(responder.asked) >= 1
    finally:
        responder.close()
