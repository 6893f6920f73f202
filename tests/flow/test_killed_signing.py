"""A signer that is killed in the middle of an issuance, before and after it noted what it signs, and when it has signed and
nobody has heard of it: serial, names and key are known, the certificate can be revoked, and the revocation list has it. With
and without Certificate Transparency, where there are two signatures. Rows X-GEN-4, X-CT-3."""
import contextlib
import hashlib
import json
import os
import signal
import time
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from acme_raw import b64, make_csr
from house import free_port
from test_admin import admin
from test_faults import TROUBLE
from test_transparency import World
from worst_day import WorstDay

NAMES = ["killed.ct.flow", "www.killed.ct.flow"]
GIVEN_UP = 2  # a state of issuances
PATIENCE = 40  # seconds; only against hanging


def wait(condition, world):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(world.house.text()[-5000:])


class Place:
    """A CA that publishes lists, with logs, whose disk obeys; one order that is ready."""

    def __init__(self, folder, profile):
        self.profile = profile
        self.day = WorstDay(folder / "worst-day")
        self.plain = free_port()
        self.world = World(folder, sets=[f"publish.listen=127.0.0.1:{self.plain}"])
        house = self.house = self.world.house
        assert house.stop() == 0
        house.start(environment=self.day.environment)
        self.client = self.world.connect(self.world.client.key)
        self.client.kid = self.world.client.kid
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.csr = b64(make_csr(NAMES, self.key))
        made = self.client.post(self.client.directory["newOrder"], {
            "profile": profile, "identifiers": [{"type": "dns", "value": name} for name in NAMES]})
        self.url, self.order = made.headers["Location"], made.json
        self.client.prove(self.order, self.world.responder)
        self.issuer = x509.load_pem_x509_certificate((house.directory / "intermediate.pem").read_bytes())
        wait(lambda: self.crl() is not None, self.world)

    def finalize(self):
        """Asked, and not waited for."""
        body = json.dumps(self.client.jws(self.order["finalize"], {"csr": self.csr}))
        self.client.connection.request("POST", "/" + self.order["finalize"].split("/", 3)[3], body,
                                       {"Content-Type": "application/jose+json"})

    def begun(self, query="SELECT 1 FROM issuance WHERE state = 0 AND order_id > 0"):
        return wait(lambda: self.world.rows(query), self.world)

    def journal(self, word):
        """The digest of what was signed as that; None if nothing was."""
        lines = [line.split() for line in (self.house.directory / "signer.journal").read_text().splitlines()]
        return next((line[3] for line in lines if line[1] == word and line[2] == self.serial), None)

    def crl(self):
        authority = self.issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.plain}/crl/{authority}.crl", timeout=10) as answer:
                crl = x509.load_der_x509_crl(answer.read())
        except OSError:
            return None
        assert crl.is_signature_valid(self.issuer.public_key())
        return crl

    def stop(self, who):
        pid = self.house.children()[who]
        os.kill(pid, signal.SIGSTOP)
        return pid

    # ---- where it is killed

    def steps(self):
        """How many changes the signer makes for one order, in a house that is warm."""
        made = self.client.post(self.client.directory["newOrder"], {
            "profile": self.profile, "identifiers": [{"type": "dns", "value": NAMES[0]}]})
        self.day.watch("signer")
        self.client.post(made.json["finalize"], {"csr": b64(make_csr(NAMES[:1]))})
        assert self.client.poll(made.headers["Location"], ("valid", "invalid")).json["status"] == "valid"
        return self.day.count

    def killed_at_a_change(self, step):
        """Whenever it is started again, too."""
        self.day.arm("signer", step, lasting=True)
        mark = len(self.house.log_path.read_bytes())
        self.finalize()
        self.house.wait_for_line(r"proc\.ended role=signer .*signal=9", since=mark)
        self.begun()

    def signed_and_nobody_knows(self, last):
        """What the signer says goes to a front that hears nothing any more; then all are killed."""
        if last:
            self.world.set("hang", "d", "e")
            self.finalize()
            for name in "de":
                assert self.world.logs[name].waiting.acquire(timeout=PATIENCE)
        signer = self.stop("signer")
        if last:
            self.world.set("good")
            for log in self.world.logs.values():
                log.released.set()
            self.begun("SELECT 1 FROM precertificate WHERE final IS NOT NULL")
        else:
            self.finalize()
            self.begun()
        self.serial = self.world.rows("SELECT lower(hex(serial)) FROM issuance WHERE state = 0 AND order_id > 0")[0][0]
        word = "last" if last else self.word
        # what is on record has not been sent to the signer yet, perhaps: whichever of the two runs, the other does not
        for _ in range(PATIENCE):
            time.sleep(0.5)
            front = self.stop("front")
            os.kill(signer, signal.SIGCONT)
            time.sleep(0.5)
            if self.journal(word):
                break
            self.stop("signer")
            os.kill(front, signal.SIGCONT)
        assert self.journal(word)
        self.house.kill()

    def close(self):
        self.world.close()


# profile, where (before the first change of the signer's, or the first one for what it signs last; or when it has signed), and
# what its journal has of it: nothing, the precertificate, or the certificate
CASES = [("plain", 1, []), ("plain", "signed", ["sign"]), ("stuck", 1, []), ("stuck", "signed", ["prec"]), ("stuck", "last", ["prec"]),
         ("stuck", "signed last", ["prec", "last"])]


@pytest.mark.parametrize("profile, where, noted", CASES)
def test_what_is_left(tmp_path, profile, where, noted):
    place = Place(tmp_path, profile)
    try:
        check(place, where, noted)
        assert place.house.stop() == 0, place.house.text()
        assert "runtime error" not in place.house.text() and "AddressSanitizer" not in place.house.text(), place.house.text()
        place.world.no_refusals()
    finally:
        place.close()


def check(place, where, noted):
    place.word = noted[0] if noted else None
    if where == 1:
        place.killed_at_a_change(1)
    elif where == "last":
        place.killed_at_a_change(place.steps() // 2 + 1)
    else:
        place.signed_and_nobody_knows(where == "signed last")
    # it is known, whether the CA runs or not
    (row,) = admin(place.house, "certificate", "list", "--state", "being signed")["certificates"]
    place.serial = row["serial"]
    assert row["names"] == NAMES
    shown = admin(place.house, "certificate", "show", place.serial)
    spki = place.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert shown["names"] == NAMES and shown["key_hash"] == hashlib.sha256(spki).hexdigest()
    assert shown["account"] == int(place.client.kid.rpartition("/")[2]) and shown["state"] == "being signed"
    assert [word for word in ("sign", "prec", "last") if place.journal(word)] == noted
    # it can be found by each of them, and revoked
    for words in (["--serial", place.serial], ["--name", NAMES[1]], ["--key", shown["key_hash"]]):
        planned = admin(place.house, "revoke", *words)
        assert [one["serial"] for one in planned["certificates"]] == [place.serial], words
    done = admin(place.house, "revoke", "--key", shown["key_hash"], "--reason", "keyCompromise", "--yes")
    assert done["count"] == 1, done
    # whatever was signed is on the list
    place.day.disarm()
    stopped = place.house.process is None
    if stopped:
        place.house.start(environment=place.day.environment)
    entry = wait(lambda: (crl := place.crl()) and crl.get_revoked_certificate_by_serial_number(int(place.serial, 16)), place.world)
    assert [e.value.reason for e in entry.extensions] == [x509.ReasonFlags.key_compromise]
    shown = admin(place.house, "certificate", "show", place.serial)
    assert shown["state"] == "revoked" and shown["reason"] == "keyCompromise" and shown["key_blocked"] is True
    over(place, noted, stopped)


def over(place, noted, stopped):
    """The order that was begun gets no certificate, and says why; what was revoked is not signed any more."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(*TROUBLE):
            again = place.world.connect(place.client.key)
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    again.kid = place.client.kid
    final = again.poll(place.url, ("valid", "invalid", "ready"), tries=400).json
    assert final["status"] == "invalid" and "certificate" not in final, final
    assert final["error"]["type"].endswith(":unauthorized"), final
    assert "revoked while it was being signed" in final["error"]["detail"], final
    assert place.world.rows("SELECT state FROM issuance WHERE lower(hex(serial)) = ?", place.serial) == [(GIVEN_UP,)]
    if stopped:  # else a signer that is killed again and again may have been asked before
        assert [word for word in ("sign", "prec", "last") if place.journal(word)] == noted
    # the key is never certified again
    _, order = again.order(NAMES[0])
    assert order["status"] == "ready", order
    refused = again.post(order["finalize"], {"csr": b64(make_csr(NAMES[:1], place.key))})
    assert refused.status == 400 and refused.type == "badCSR" and "compromised" in refused.json["detail"], refused
