"""Another intermediate while serving: no request fails, the old one stays an issuer; and what is refused instead of taken."""
import os
import re
import signal
import ssl
import subprocess
import threading
import time

import pytest
from cryptography import x509

from acme_raw import Client, b64, make_csr
from house import CAIRN_CA, House
from responder import Responder


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def new_issuer(house, name, *words):
    run(CAIRN_CA, "intermediate", "new", "--dir", house.directory, "--issuer", name, "--root-key", house.directory / "root.key", *words)


def name_issuers(house, now, before):
    """`now` signs; those before are kept."""
    path = house.directory / "cairn-ca.yaml"
    text = re.sub(r"(?ms)^issuers:\n(^ .*?\n)*", "", path.read_text())
    text = re.sub(r"(?m)^  intermediate: .*$", f"  intermediate: {now}.pem", text)
    text = re.sub(r"(?m)^  intermediate_key: .*$", f"  intermediate_key: {now}.key", text)
    path.write_text(text + "issuers:\n" + "".join(
        f"  before-{one}:\n    certificate: {one}.pem\n    key: {one}.key\n" for one in before))


def reload(house, pattern=r"proc\.reloaded "):
    since = len(house.log_path.read_bytes())
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line(pattern, since)


def issuer_of(body):
    chain = re.findall(rb"-----BEGIN.*?END CERTIFICATE-----\n", body, re.DOTALL)
    return x509.load_pem_x509_certificate(chain[1]).subject.rfc4514_string().rpartition(" ")[2]


class Crowd:
    """Clients that issue as fast as they can, until they are told to stop."""

    def __init__(self, house, count=3):
        self.house, self.issued, self.failures, self.stopped = house, [], [], False
        self.responder = Responder(house.http_port)
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def one(self, client, name):
        url, order = client.order(name)
        client.prove(order, self.responder)
        began = time.monotonic()
        answer = client.post(order["finalize"], {"csr": b64(make_csr([name]))})
        assert answer.status == 200, answer
        order = client.poll(url, ("valid", "invalid")).json
        assert order["status"] == "valid", order
        self.issued.append((began, client.post(order["certificate"], None).body))

    def work(self, number):
        try:
            client = Client(self.house.url, self.house.root)
            client.register()
            turn = 0
            while not self.stopped:
                self.one(client, f"n{turn}.c{number}.rollover.test")
                turn += 1
        except Exception as problem:  # whatever it was, it is what the test is about
            self.failures.append(repr(problem))

    def wait_for(self, more):
        wanted = len(self.issued) + more
        deadline = time.monotonic() + 60
        while len(self.issued) < wanted and not self.failures:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join(60)
        self.responder.close()


def test_nothing_fails(house, tmp_path):
    """Two times, with other types of keys; then the first one is dropped."""
    crowd = Crowd(house)
    try:
        crowd.wait_for(10)
        before = ["intermediate"]
        for name, kind in (("r2", "rsa2048"), ("r3", "ed25519"), ("r4", "p384")):
            new_issuer(house, name, "--key-type", kind)
            name_issuers(house, name, before)
            run(CAIRN_CA, "check-config", "--dir", house.directory)
            reload(house)
            after = time.monotonic()
            crowd.wait_for(10)
            before.append(name)
            # what was finalized before the reload may be answered after it
            late = [issuer_of(body) for began, body in list(crowd.issued) if began > after]
            assert late and set(late) == {name}, late
        # each of them has its revocation list, the old ones too
        for name in before:
            kept = x509.load_pem_x509_certificate((house.directory / f"{name}.pem").read_bytes())
            key_id = kept.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
            house.wait_for_line(rf"crl\.made path=/crl/{key_id}")
        name_issuers(house, "r4", ["r2", "r3"])
        reload(house)
        crowd.wait_for(10)
    finally:
        crowd.stop()
    assert crowd.failures == []
    assert {issuer_of(body) for _, body in crowd.issued} == {"Intermediate", "r2", "r3", "r4"}
    for number, (_, body) in enumerate(crowd.issued):
        leaf, rest = re.match(rb"(-----BEGIN.*?END CERTIFICATE-----\n)(.*)", body, re.DOTALL).groups()
        (tmp_path / f"{number}.pem").write_bytes(leaf)
        (tmp_path / f"{number}.rest").write_bytes(rest)
        run("openssl", "verify", "-CAfile", house.root, "-untrusted", tmp_path / f"{number}.rest", tmp_path / f"{number}.pem")
    assert "needs_restart" not in house.text()
    assert "order.failed" not in house.text() and "sign_refused" not in house.text(), house.text()
    # the server's own certificate followed
    served = x509.load_pem_x509_certificate(
        ssl.get_server_certificate(("127.0.0.1", house.port)).encode())
    assert served.issuer.rfc4514_string().endswith("Intermediate r4")


def test_deaths_in_the_middle(house):
    """A signer, a front, that dies while the new issuer is taken over, or later: it comes back with it."""
    crowd = Crowd(house, 2)
    try:
        crowd.wait_for(4)
        new_issuer(house, "r2")
        name_issuers(house, "r2", ["intermediate"])
        signer = house.children()["signer"]
        house.process.send_signal(signal.SIGHUP)
        try:
            os.kill(signer, signal.SIGKILL)
        except ProcessLookupError:
            pass
        house.wait_for_line(r"front\.issuers count=2")
        crowd.wait_for(4)
        os.kill(house.children()["signer"], signal.SIGKILL)
        crowd.wait_for(8)
    finally:
        crowd.stop()
    assert crowd.failures == []
    assert issuer_of(crowd.issued[-1][1]) == "r2"
    since = len(house.log_path.read_bytes())
    os.kill(house.children()["front"], signal.SIGKILL)
    house.wait_for_line(r"proc\.ready role=front", since)
    crowd = Crowd(house, 1)
    crowd.wait_for(1)
    crowd.stop()
    assert crowd.failures == [] and issuer_of(crowd.issued[0][1]) == "r2"


@pytest.mark.parametrize("spoil, complaint", [
    (lambda home: (home / "r2.key").write_bytes((home / "root.key").read_bytes()), "does not belong"),
    (lambda home: (home / "r2.key").write_text("no key\n"), r"r2\.key"),
    (lambda home: (home / "r2.pem").write_text("no certificate\n"), r"r2\.pem"),
    (lambda home: (home / "r2.pem").write_bytes((home / "perspective.pem").read_bytes()), r"r2\.pem"),
    (lambda home: (home / "r2.pem").unlink(), r"there is no file .*r2\.pem"),
    (lambda home: (home / "r2.key").unlink(), r"there is no file .*r2\.key"),
])
def test_what_does_not_fit_is_refused(house, spoil, complaint):
    """And nothing of it is taken over, not even by processes that begin anew."""
    crowd = Crowd(house, 1)
    try:
        crowd.wait_for(2)
        new_issuer(house, "r2")
        name_issuers(house, "r2", ["intermediate"])
        spoil(house.directory)
        children = house.children()
        reload(house, rf"proc\.reload_refused .*{complaint}")
        assert house.children() == children
        crowd.wait_for(2)
        os.kill(house.children()["signer"], signal.SIGKILL)
        crowd.wait_for(4)
    finally:
        crowd.stop()
    assert crowd.failures == [] and issuer_of(crowd.issued[-1][1]) == "Intermediate"


def test_certificates_are_those_the_supervisor_read(house):
    """A file that is spoiled on disk later harms nobody: a front that dies comes back with what was good."""
    (house.directory / "intermediate.pem").write_text("spoiled\n")
    since = len(house.log_path.read_bytes())
    os.kill(house.children()["front"], signal.SIGKILL)
    house.wait_for_line(r"proc\.ready role=front", since)
    crowd = Crowd(house, 1)
    crowd.wait_for(1)
    crowd.stop()
    assert crowd.failures == []
    reload(house, r"proc\.reload_refused .*intermediate\.pem")
    (house.directory / "intermediate.pem").unlink()
    reload(house, r"proc\.reload_refused .*intermediate\.pem")


def test_encrypted_keys(tmp_path):
    """The new key is encrypted as the others are, and opened again for the signer."""
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    directory = tmp_path / "ca"
    run(CAIRN_CA, "init", "--dir", directory, "--passphrase-file", secret)
    house = House(directory, make=False)
    try:
        house.start()
        crowd = Crowd(house, 2)
        try:
            crowd.wait_for(2)
            new_issuer_encrypted(house, secret)
            assert b"ENCRYPTED" in (directory / "r2.key").read_bytes()
            name_issuers(house, "r2", ["intermediate"])
            reload(house)
            crowd.wait_for(6)
        finally:
            crowd.stop()
        assert crowd.failures == [] and issuer_of(crowd.issued[-1][1]) == "r2"
        assert house.stop() == 0
    finally:
        house.close()


def new_issuer_encrypted(house, secret):
    new_issuer(house, "r2", "--key-passphrase-file", secret)
