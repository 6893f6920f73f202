"""Clocks that jump, the server's own certificate, and signals: the house goes on, and says what happened."""
import calendar
import contextlib
import os
import pathlib
import signal
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509

import acme_raw
import house as house_module
import responder as responder_module
import test_faults
import test_kill
import worst_day

DAY = 86400
YEAR = 365 * DAY


@pytest.fixture
def one(tmp_path):
    """A serving house whose clock obeys, and a subscriber."""
    day = worst_day.WorstDay(tmp_path / "worst-day")
    with test_faults.living(tmp_path, day) as made:
        made.day = day
        made.house.start(environment=day.environment)
        made.connect()
        yield made
        if made.house.process is not None:
            assert made.house.stop() == 0, made.house.text()[-3000:]


def jump(one, seconds, *, said):
    mark = len(one.house.log_path.read_bytes())
    one.day.shift_clock(seconds)
    return one.house.wait_for_line(rf"clock\.jumped seconds={said}", since=mark)


def leaf(pem):
    return x509.load_pem_x509_certificate(pem)


def seconds(when):
    return calendar.timegm(when.timetuple())


def shown(house):
    """The certificate the server shows now."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", house.port), timeout=20) as raw, context.wrap_socket(raw) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(True))


def nonces_are_single(one):
    client = acme_raw.Client(one.house.url, one.house.root)
    used = client.nonce()
    for expected in (201, 400):
        client.nonces, client.key = [used], acme_raw.Key()
        answer = client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True)
        assert answer.status == expected, answer
    assert answer.type == "badNonce"


@pytest.mark.parametrize("before, seconds_off, said", [
    (0, DAY, r"(86400|86399)"), (DAY, DAY - 3600, r"-(3600|3599|3601)")])
def test_a_jump_is_said_and_survived(one, before, seconds_off, said):
    if before:  # so that the CA is older than the hour
        jump(one, before, said=f"({before}|{before - 1})")
    one.whole()
    one.order()  # under way while the clock jumps
    jump(one, seconds_off, said=said)
    one.connect()
    one.whole()
    certificate = leaf(one.promises.certificates[-1][3])
    assert abs(seconds(certificate.not_valid_before) - (time.time() + seconds_off - 60)) < 30
    nonces_are_single(one)
    test_kill.keep_promises(one.house, one.promises)


def test_ten_years_back(one):
    """A clock from before the issuing certificate: nothing is issued, everything else goes on, and it passes."""
    one.whole()
    before = shown(one.house)
    one.order()
    jump(one, -10 * YEAR, said="-31[0-9]*")
    one.house.wait_for_line(r"clock\.wrong")
    one.connect()
    with pytest.raises(test_faults.Refused):
        one.advance()
    nonces_are_single(one)
    assert shown(one.house).serial_number == before.serial_number
    jump(one, 0, said="31[0-9]*")
    one.connect()
    one.whole()
    nonces_are_single(one)
    assert seconds(leaf(one.promises.certificates[-1][3]).not_valid_before) > time.time() - 300
    test_kill.keep_promises(one.house, one.promises)


def test_an_order_expires_by_the_clock(one):
    """S-NEWO-11."""
    one.connect()
    one.register()
    one.order()
    jump(one, 8 * DAY, said="691[0-9]*")
    answer = acme_raw.Client(one.house.url, one.house.root, one.key)
    answer.kid = one.client.kid
    assert answer.post(one.url, None).json["status"] == "invalid"


def test_own_certificate_is_renewed_without_dropping_connections(one):
    one.whole()
    before = shown(one.house)
    kept = one.client  # a connection that stays open
    jump(one, 45 * DAY, said="388[0-9]*")
    assert shown(one.house).serial_number == before.serial_number  # half of its life is left
    os.kill(one.house.children()["signer"], signal.SIGKILL)
    mark = len(one.house.log_path.read_bytes())
    one.day.shift_clock(61 * DAY)  # the signer may be away just now
    one.house.wait_for_line(r"tls\.certificate ", since=mark)
    after = shown(one.house)
    assert after.serial_number != before.serial_number
    assert seconds(after.not_valid_after) > time.time() + 61 * DAY + 89 * DAY
    assert kept.request("GET", one.house.url).status == 200


def test_own_certificate_after_a_clock_from_the_future(one):
    """A house that began under a wrong clock shows a certificate nobody believes; when the clock is right, another."""
    assert one.house.stop() == 0
    one.day.shift_clock(2 * YEAR)
    one.house.start(environment=one.day.environment)
    assert seconds(shown(one.house).not_valid_before) > time.time() + YEAR
    mark = len(one.house.log_path.read_bytes())
    jump(one, 0, said="-63[0-9]*")
    one.house.wait_for_line(r"tls\.certificate ", since=mark)
    assert seconds(shown(one.house).not_valid_before) <= time.time()
    one.connect()
    one.whole()
    nonces_are_single(one)


def test_the_watchdog_is_fed_while_the_clock_jumps(tmp_path):
    day = worst_day.WorstDay(tmp_path / "worst-day")
    path = tmp_path / "notify"
    with test_faults.living(tmp_path, day) as one, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(5)
        one.house.start(environment={**day.environment, "NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"})
        for offset in (DAY, -10 * YEAR, 30 * YEAR, 0):
            day.shift_clock(offset)
            for _ in range(4):  # none may stay away for the five seconds
                while b"WATCHDOG=1" not in manager.recv(4096):
                    pass
        assert one.house.stop() == 0


# ---- signals ----

def test_reload_renews_the_certificate_and_keeps_connections(house):
    before = shown(house)
    client = acme_raw.Client(house.url, house.root)
    mark = len(house.log_path.read_bytes())
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line(r"tls\.certificate ", since=mark)
    house.wait_for_line(r"proc\.reloaded", since=mark)
    assert shown(house).serial_number != before.serial_number
    assert client.request("GET", house.url).status == 200


def test_a_storm_of_reloads(house, responder):
    """Hundreds of SIGHUPs while certificates are issued: none fails."""
    client = acme_raw.Client(house.url, house.root)
    client.register()
    stop = threading.Event()

    def storm():
        while not stop.is_set():
            house.process.send_signal(signal.SIGHUP)
            time.sleep(0.005)

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for i in range(20):
            assert b"BEGIN CERTIFICATE" in client.issue(responder, f"storm{i}.flow.test")
    finally:
        stop.set()
        thread.join()
    assert set(house.children()) == {"front", "validator", "signer"}
    assert "proc.ended" not in house.text() and "proc.reload_failed" not in house.text()
    mark = len(house.log_path.read_bytes())
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line(r"proc\.reloaded", since=mark)


class Hanging:
    """A web server that takes the question and never answers; who asked is held."""

    def __init__(self, port):
        self.responder = responder_module.Responder(port)
        self.responder.answer = self.hang
        self.asked, self.go = threading.Event(), threading.Event()

    def hang(self, handler):
        self.asked.set()
        self.go.wait(60)
        with contextlib.suppress(OSError):
            handler.send_error(500)

    def close(self):
        self.go.set()
        self.responder.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stop_while_a_validation_hangs(tmp_path, how):
    """The request in flight is answered before the end; the validation is taken up after the next start."""
    house = house_module.House(tmp_path / "ca")
    hanging = Hanging(house.http_port)
    try:
        house.start()
        client = acme_raw.Client(house.url, house.root)
        client.register()
        url, order = client.order("hangs.flow.test")
        challenge = client.challenge(order["authorizations"][0])
        answers = []
        asking = threading.Thread(target=lambda: answers.append(client.post(challenge["url"], {})))
        asking.start()
        assert hanging.asked.wait(20)
        assert house.stop(how) == 0, house.text()
        asking.join(20)
        assert answers and answers[0].status == 200 and answers[0].json["status"] == "processing", answers
        hanging.close()
        working = responder_module.Responder(house.http_port)
        working.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
        try:
            house.start()
            client.connect()
            client.nonces.clear()
            assert client.poll(order["authorizations"][0], ("valid", "invalid")).json["status"] == "valid"
            assert house.stop() == 0
        finally:
            working.close()
    finally:
        house.close()
        hanging.close()


def test_a_second_signal_does_not_wait(tmp_path):
    """Ten seconds of hold are promised to a request; the second signal ends the house at once all the same."""
    house = house_module.House(tmp_path / "ca", sets=["order.hold=10s", "validation.timeout=60s"])
    hanging = Hanging(house.http_port)
    try:
        house.start()
        client = acme_raw.Client(house.url, house.root)
        client.register()
        _, order = client.order("hangs.flow.test")
        challenge = client.challenge(order["authorizations"][0])

        def ask():
            with contextlib.suppress(*test_faults.TROUBLE):
                client.post(challenge["url"], {})

        asking = threading.Thread(target=ask)
        asking.start()
        assert hanging.asked.wait(20)
        begun = time.monotonic()
        house.process.send_signal(signal.SIGTERM)
        house.wait_for_line(r"proc\.stopping")
        house.process.send_signal(signal.SIGTERM)
        code = house.process.wait(30)
        assert time.monotonic() - begun < 8  # the hold alone would have taken ten
        assert code in (0, 1) and "proc.stopped" in house.text()
        asking.join(20)
        house.start()  # nothing is in the way of the next one
        assert house.stop() == 0
        test_kill.check_store(house)
    finally:
        house.close()
        hanging.close()


def test_back_off_of_a_child_that_keeps_dying(house):
    """Each wait is twice the one before; the others are not touched; the last one serves."""
    front, validator = house.children()["front"], house.children()["validator"]
    for wait in (100, 200, 400, 800):
        mark = len(house.log_path.read_bytes())
        os.kill(house.children()["signer"], signal.SIGKILL)
        house.wait_for_line(rf"proc\.restart_planned role=signer wait_ms={wait}$", since=mark)
        house.wait_for_line(r"proc\.ready role=signer", since=mark)
    assert (house.children()["front"], house.children()["validator"]) == (front, validator)
    responder = responder_module.Responder(house.http_port)
    try:
        client = acme_raw.Client(house.url, house.root)
        client.register()
        client.issue(responder, "after.flow.test")
    finally:
        responder.close()


# ---- users ----

def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def test_as_an_ordinary_user(tmp_path):
    """Without root: one user, all other walls; and it issues."""
    if os.geteuid() != 0:
        pytest.skip("every other test is this one")
    folder = pathlib.Path("/tmp") / f"cairn-ordinary-{os.getpid()}"
    folder.mkdir(mode=0o755)
    house = house_module.House(folder / "ca")
    responder = responder_module.Responder(house.http_port)
    house.log_path = tmp_path / "serve.log"
    try:
        for path in [folder / "ca", *(folder / "ca").iterdir()]:
            os.chown(path, 64310, 64310)
        house.arguments_before = ["setpriv", "--reuid", "64310", "--regid", "64310", "--clear-groups"]
        house.start()
        for role, pid in house.children().items():
            facts = status(pid)
            assert facts["Uid"] == ["64310"] * 4 and facts["Gid"] == ["64310"] * 4, role
            assert facts["Seccomp"] == ["2"] and facts["NoNewPrivs"] == ["1"], role
            assert facts["CapEff"] == ["0" * 16] and facts["Groups"] == [], role
        client = acme_raw.Client(house.url, house.root)
        client.register()
        client.issue(responder, "ordinary.flow.test")
        assert house.stop() == 0, house.text()
        assert all(path.stat().st_uid == 64310 for path in (folder / "ca").iterdir())
    finally:
        house.close()
        responder.close()
        import shutil
        shutil.rmtree(folder)
