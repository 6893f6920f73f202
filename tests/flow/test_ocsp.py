"""OCSP (RFC 6960, RFC 5019), rows X-OCSP-1 to 12, S-REV-9, 13, judged by openssl and python3-cryptography."""
import base64
import datetime
import hashlib
import os
import shutil
import signal
import subprocess
import threading
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

import acme_raw
import house as house_module
import responder as responder_module
from test_admin import admin
from test_audit import events, verify
from test_incidents import serial
from test_profiles import MUST_STAPLE, configure
from test_revocation import revoke
from test_rollover import name_issuers, new_issuer, reload

DER = serialization.Encoding.DER
GOOD, REVOKED, UNKNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN


@pytest.fixture
def house(tmp_path_factory):
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca", sets=["ocsp.enabled=true"])
    try:
        made.start()
        made.wait_for_line("ocsp.responder")
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


def issuer(house):
    return x509.load_pem_x509_certificate((house.directory / "intermediate.pem").read_bytes())


def leaf(pem):
    return x509.load_pem_x509_certificate(pem)


def question(house, *certificates, hash_algorithm=None, nonce=None):
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificates[0], issuer(house), hash_algorithm or hashes.SHA1())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(DER)


def fetch(client, method, path, body=None, headers=None):
    """OCSP is not ACME: no nonce, no Link."""
    client.connection.request(method, path, body, headers or {})
    response = client.connection.getresponse()
    return acme_raw.Answer(response, response.read())


def post(client, der, status=200, **headers):
    answer = fetch(client, "POST", "/ocsp", der, {"Content-Type": "application/ocsp-request", **headers})
    assert answer.status == status, answer
    assert "Replay-Nonce" not in answer.headers and "Link" not in answer.headers
    if status == 200:
        assert answer.headers["Content-Type"] == "application/ocsp-response"
    return answer


def ask(client, house, certificate, **more):
    return ocsp.load_der_ocsp_response(post(client, question(house, certificate, **more)).body)


def check(house, client, pem, tmp_path, *words):
    """What openssl says that trusts the root only."""
    (tmp_path / "cert.pem").write_bytes(pem)
    subprocess.run(["openssl", "ocsp", "-issuer", house.directory / "intermediate.pem", *words, "-cert", tmp_path / "cert.pem",
                    "-reqout", tmp_path / "request.der"], check=True, capture_output=True)
    (tmp_path / "answer.der").write_bytes(post(client, (tmp_path / "request.der").read_bytes()).body)
    judge = ["openssl", "ocsp", "-respin", tmp_path / "answer.der", "-CAfile", house.directory / "root.pem",
             "-verify_other", house.directory / "intermediate.pem"]
    same = subprocess.run([*judge, "-reqin", tmp_path / "request.der"], capture_output=True, text=True, check=False)
    assert same.returncode == 0 and "Response verify OK" in same.stderr, same
    done = subprocess.run([*judge, "-no_nonce", "-issuer", house.directory / "intermediate.pem",
                           *(word for word in words if word != "-no_nonce"), "-cert", tmp_path / "cert.pem"], capture_output=True, text=True, check=False)
    assert "Response verify OK" in done.stderr, done
    if shutil.which("ocsptool"):
        told = subprocess.run(["ocsptool", "--response-info", "--load-response", tmp_path / "answer.der"], capture_output=True,
                              text=True, check=False)
        assert told.returncode == 0 and "Response Status: Successful" in told.stdout, told
    return done.stdout + same.stderr


def test_from_good_to_revoked(house, client, responder, tmp_path):
    """X-OCSP-1, 3, 5, 8, S-REV-9, 13: openssl trusts the root alone; a revocation is seen at once, also by who asked before."""
    pem = client.issue(responder, "a.example.test")
    for words in ([], ["-sha256"], ["-no_nonce"]):
        said = check(house, client, pem, tmp_path, *words)
        assert "cert.pem: good" in said and "nonce" not in said.lower(), said
    assert revoke(client, leaf(pem).public_bytes(DER), 4).status == 200
    for words in ([], ["-no_nonce"]):
        said = check(house, client, pem, tmp_path, *words)
        assert "cert.pem: revoked" in said and "Reason: superseded" in said, said
    plain = client.issue(responder, "b.example.test")
    assert admin(house, "revoke", "--serial", serial(plain), "--reason", "unspecified", "--yes")["count"] == 1
    answer = ask(client, house, leaf(plain))
    assert answer.certificate_status == REVOKED and answer.revocation_reason is None


def test_responder(house, client, responder, tmp_path):
    """X-OCSP-2: what signs, read by python3-cryptography."""
    answer = ask(client, house, leaf(client.issue(responder, "a.example.test")))
    signer = answer.certificates[0]
    assert signer.issuer == issuer(house).subject and answer.responder_name is None
    usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.OCSP_SIGNING]
    assert signer.extensions.get_extension_for_class(x509.OCSPNoCheck)
    key_usage = signer.extensions.get_extension_for_class(x509.KeyUsage)
    assert key_usage.critical and key_usage.value.digital_signature and not key_usage.value.key_cert_sign
    for absent in (x509.SubjectAlternativeName, x509.CRLDistributionPoints):
        with pytest.raises(x509.ExtensionNotFound):
            signer.extensions.get_extension_for_class(absent)
    assert signer.not_valid_after - signer.not_valid_before < datetime.timedelta(days=8)
    issuer(house).public_key().verify(signer.signature, signer.tbs_certificate_bytes, ec.ECDSA(signer.signature_hash_algorithm))
    signer.public_key().verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(answer.signature_hash_algorithm))
    interval = answer.next_update - answer.this_update
    assert datetime.timedelta(hours=8) <= interval <= datetime.timedelta(days=10)


def test_what_is_not_known(house, client, responder, tmp_path):
    """X-OCSP-3, 10: a serial that was never given, and an issuer that is another's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Another")])
    make = lambda whose: x509.CertificateBuilder(whose, name, key.public_key(), 0xabcdef, datetime.datetime(2026, 1, 1),
                                                 datetime.datetime(2027, 1, 1)).sign(key, hashes.SHA256())
    ours, others = make(issuer(house).subject), make(name)
    answer = ask(client, house, ours)
    assert answer.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL and answer.certificate_status == UNKNOWN
    # our name with another key, another name with our key, and neither
    for certificate, signed_by in ((ours, others), (others, issuer(house)), (others, others)):
        for algorithm in (hashes.SHA1(), hashes.SHA256()):
            der = ocsp.OCSPRequestBuilder().add_certificate(certificate, signed_by, algorithm).build().public_bytes(DER)
            answer = ocsp.load_der_ocsp_response(post(client, der).body)
            assert answer.response_status == ocsp.OCSPResponseStatus.UNAUTHORIZED


def test_nonces(house, client, responder):
    """X-OCSP-7"""
    certificate = leaf(client.issue(responder, "a.example.test"))
    for length in (1, 16, 32):
        nonce = os.urandom(length)
        answer = ask(client, house, certificate, nonce=nonce)
        assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce
    for length in (0, 33, 64):
        answer = ocsp.load_der_ocsp_response(post(client, question(house, certificate, nonce=os.urandom(length))).body)
        assert answer.response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    for rubbish in (b"", b"\x30", b"rubbish", question(house, certificate) + b"\0"):
        answer = ocsp.load_der_ocsp_response(post(client, rubbish).body)
        assert answer.response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_get(house, client, responder):
    """X-OCSP-4, 11: base64 in the path, encoded or not, and what caches may do with it."""
    slashes = 0
    while slashes < 2:  # the serial is another each time
        certificate = leaf(client.issue(responder, f"g{os.urandom(3).hex()}.example.test"))
        text = base64.b64encode(question(house, certificate)).decode()
        for path in (text, urllib.parse.quote(text, safe="")):
            got = fetch(client, "GET", "/ocsp/" + path)
            assert got.status == 200, got
            answer = ocsp.load_der_ocsp_response(got.body)
            assert answer.certificate_status == GOOD and answer.serial_number == certificate.serial_number
        slashes += "/" in text and "+" in text
    age = int(got.headers["Cache-Control"].split("max-age=")[1].split(",")[0])
    now = datetime.datetime.utcnow()
    assert 0 < age <= (answer.next_update - now).total_seconds() and "public" in got.headers["Cache-Control"]
    assert got.headers["ETag"].startswith('"') and got.headers["Last-Modified"].endswith(" GMT")
    again = fetch(client, "GET", "/ocsp/" + text)
    assert again.body == got.body and again.headers["ETag"] == got.headers["ETag"]  # kept, not signed again
    assert fetch(client, "HEAD", "/ocsp/" + text).status == 200
    nonce = fetch(client, "GET", "/ocsp/" + urllib.parse.quote(base64.b64encode(question(house, certificate, nonce=b"12")), safe=""))
    assert nonce.headers["Cache-Control"] == "no-cache"
    refused = fetch(client, "GET", "/ocsp/rubbish")
    assert ocsp.load_der_ocsp_response(refused.body).response_status == ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    assert fetch(client, "PUT", "/ocsp", b"").status in (405, 501)
    assert fetch(client, "POST", "/ocsp", b"", {"Content-Type": "text/plain"}).status == 415


def test_a_signer_that_is_started_again(house, client, responder):
    """Its keys are gone, and others are made."""
    certificate = leaf(client.issue(responder, "a.example.test"))
    first = ask(client, house, certificate).certificates[0]
    mark = len(house.text().encode())
    os.kill(house.children()["signer"], signal.SIGKILL)
    house.wait_for_line("ocsp.responder", since=mark)
    second = ask(client, house, certificate, nonce=b"fresh").certificates[0]
    assert first.public_key().public_numbers() != second.public_key().public_numbers()
    assert ask(client, house, certificate, nonce=b"again").certificate_status == GOOD


def test_responders_are_on_record(house, client, responder, tmp_path):
    """As every certificate: known before it is signed, listed, revocable."""
    certificate = leaf(client.issue(responder, "a.example.test"))
    signer = ask(client, house, certificate).certificates[0]
    number = f"{signer.serial_number:x}"
    row = next(r for r in admin(house, "certificate", "list")["certificates"] if r["serial"] == number)
    made = hashlib.sha256(signer.public_bytes(DER)).hexdigest()
    key = hashlib.sha256(signer.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    assert key in [line["key_hash"] for line in events(house, "responder", "signer")]
    assert made in [line.get("made_sha256") for line in events(house, "signed", "signer")]
    assert verify(house.directory)["good"]
    assert row["state"] == "valid" and row["names"] == [] and (row["order"], row["account"], row["profile"]) == (0, 0, None)
    shown = admin(house, "certificate", "show", number, "--pem")
    assert leaf(shown["certificate"].encode()) == signer
    # a signer that is started again has another, and nothing is left unfinished
    mark = len(house.text().encode())
    os.kill(house.children()["signer"], signal.SIGKILL)
    house.wait_for_line("ocsp.responder", since=mark)
    second = ask(client, house, certificate, nonce=b"fresh").certificates[0]
    own = [r for r in admin(house, "certificate", "list")["certificates"] if r["order"] == 0 and r["names"] == []]
    assert [r["serial"] for r in own] == [f"{second.serial_number:x}", number]
    assert {r["state"] for r in own} == {"valid"}
    # and so has a house that is
    assert house.stop() == 0
    mark = len(house.text().encode())
    house.start()
    house.wait_for_line("ocsp.responder", since=mark)
    client.connect()
    assert ask(client, house, certificate, nonce=b"after").certificates[0] not in (signer, second)
    assert "being signed" not in {r["state"] for r in admin(house, "certificate", "list")["certificates"]}
    assert ask(client, house, signer).certificate_status == GOOD
    assert admin(house, "revoke", "--serial", number, "--yes")["already_revoked"] == 0
    assert ask(client, house, signer).certificate_status == REVOKED
    assert admin(house, "certificate", "show", number)["state"] == "revoked"


@pytest.mark.parametrize("reason", ["superseded", "keyCompromise"])
def test_a_responder_that_is_revoked_is_replaced(house, client, responder, tmp_path, reason):
    """By another certificate for another key; what the old one signed is not handed out again, though it was kept."""
    pem = client.issue(responder, "a.example.test")
    certificate = leaf(pem)
    kept = question(house, certificate)
    first = ocsp.load_der_ocsp_response(post(client, kept).body)
    old = first.certificates[0]
    assert post(client, kept).body == first.public_bytes(DER)  # it is kept
    mark = len(house.text().encode())
    assert admin(house, "revoke", "--serial", f"{old.serial_number:x}", "--reason", reason, "--yes")["already_revoked"] == 0
    house.wait_for_line("ocsp.responder_revoked", since=mark)
    house.wait_for_line(r"ocsp\.responder\b", since=mark)
    for nonce in (None, b"fresh"):
        answer = ask(client, house, certificate, nonce=nonce)
        new = answer.certificates[0]
        assert answer.certificate_status == GOOD and new != old and new.public_key() != old.public_key()
        assert answer.responder_key_hash != first.responder_key_hash
    check(house, client, pem, tmp_path)
    assert ask(client, house, old).certificate_status == REVOKED
    assert ask(client, house, new).certificate_status == GOOD
    made = hashlib.sha256(new.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    assert [line["key_hash"] for line in events(house, "responder", "signer")].count(made) == 1 and verify(house.directory)["good"]
    # this one stays
    assert ask(client, house, certificate, nonce=b"again").certificates[0] == new


def test_a_responder_that_is_not_signed_is_not_given_up_by_others(house, client, responder):
    """A reload makes another certificate for HTTPS, and leaves the responder's alone."""
    certificate = leaf(client.issue(responder, "a.example.test"))
    number = f"{ask(client, house, certificate).certificates[0].serial_number:x}"
    mark = len(house.text().encode())
    reload(house)
    house.wait_for_line("tls.certificate", since=mark)
    assert admin(house, "certificate", "show", number)["state"] == "valid"
    assert f"{ask(client, house, certificate, nonce=b'again').certificates[0].serial_number:x}" == number


def test_roll_over(house, client, responder, tmp_path):
    """X-OCSP-10: after a reload, certificates of the new issuer are answered for, and those of the old one go on to be."""
    old = leaf(client.issue(responder, "old.example.test"))
    before = issuer(house)
    new_issuer(house, "r2")
    name_issuers(house, "r2", ["intermediate"])
    mark = len(house.text().encode())
    reload(house)
    house.wait_for_line('ocsp.responder issuer=""', since=mark)
    house.wait_for_line('ocsp.responder issuer="before-intermediate"', since=mark)
    new = leaf(client.issue(responder, "new.example.test"))
    now = leaf((house.directory / "r2.pem").read_bytes())
    assert new.issuer == now.subject != old.issuer
    answers = {}
    for certificate, by in ((old, before), (new, now)):
        der = ocsp.OCSPRequestBuilder().add_certificate(certificate, by, hashes.SHA256()).build().public_bytes(DER)
        answers[by] = ocsp.load_der_ocsp_response(post(client, der).body)
        assert answers[by].certificate_status == GOOD
        signer = answers[by].certificates[0]
        assert signer.issuer == by.subject
        by.public_key().verify(signer.signature, signer.tbs_certificate_bytes, ec.ECDSA(signer.signature_hash_algorithm))
        signer.public_key().verify(answers[by].signature, answers[by].tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    assert revoke(client, new.public_bytes(DER), 4).status == 200
    der = ocsp.OCSPRequestBuilder().add_certificate(new, now, hashes.SHA1()).build().public_bytes(DER)
    assert ocsp.load_der_ocsp_response(post(client, der).body).certificate_status == REVOKED
    # one that is taken out is answered for no more
    name_issuers(house, "r2", [])
    path = house.directory / "cairn-ca.yaml"
    path.write_text(path.read_text().replace("\nissuers:\n", "\n"))
    mark = len(house.text().encode())
    reload(house)
    house.wait_for_line('ocsp.responder issuer=""', since=mark)
    der = ocsp.OCSPRequestBuilder().add_certificate(old, before, hashes.SHA1()).build().public_bytes(DER)
    assert ocsp.load_der_ocsp_response(post(client, der).body).response_status == ocsp.OCSPResponseStatus.UNAUTHORIZED
    der = ocsp.OCSPRequestBuilder().add_certificate(new, now, hashes.SHA1()).build().public_bytes(DER)
    assert ocsp.load_der_ocsp_response(post(client, der).body).certificate_status == REVOKED


def test_several_certificates_at_once(house, client, responder, tmp_path):
    """X-OCSP-3: a status for each, in the order of the request."""
    pems = [client.issue(responder, f"{word}.example.test") for word in ("good", "gone", "fine")]
    assert revoke(client, leaf(pems[1]).public_bytes(DER), 4).status == 200
    words = ["-issuer", house.directory / "intermediate.pem"]
    for number, pem in enumerate(pems):
        (tmp_path / f"{number}.pem").write_bytes(pem)
        words += ["-cert", tmp_path / f"{number}.pem"]
    words += ["-serial", "0x1234"]
    subprocess.run(["openssl", "ocsp", *words, "-reqout", tmp_path / "request.der"], check=True, capture_output=True)
    request = (tmp_path / "request.der").read_bytes()
    for method, answer in (("POST", post(client, request)),
                           ("GET", fetch(client, "GET", "/ocsp/" + urllib.parse.quote(base64.b64encode(request), safe="")))):
        assert answer.status == 200 and answer.headers["Cache-Control"] == "no-cache", method
        (tmp_path / "answer.der").write_bytes(answer.body)
        done = subprocess.run(["openssl", "ocsp", *words, "-no_nonce", "-respin", tmp_path / "answer.der", "-CAfile", house.root,
                               "-verify_other", house.directory / "intermediate.pem"], capture_output=True, text=True, check=False)
        assert "Response verify OK" in done.stderr, done
        said = [line for line in done.stdout.splitlines() if not line.startswith("\t")]
        assert [line.rpartition(": ")[2] for line in said] == ["good", "revoked", "good", "unknown"], done


def test_must_staple(tmp_path_factory, tmp_path):
    """The CA answers what its certificates want stapled (RFC 7633), from the request to the revocation."""
    port = house_module.free_port()
    made = house_module.House(tmp_path_factory.mktemp("staple") / "ca",
                              sets=["ocsp.enabled=true", f"publish.listen=127.0.0.1:{port}"])
    configure(made.directory, "profiles:\n  may: {must_staple: allow}\n  must: {must_staple: always}\n  not: {}\n")
    answers = responder_module.Responder(made.http_port)
    try:
        made.start()
        made.wait_for_line("ocsp.responder")
        client = acme_raw.Client(made.url, made.root)
        client.register()

        def issue(profile, name, asks):
            answer = client.post(client.directory["newOrder"], {"profile": profile, "identifiers": [{"type": "dns", "value": name}]})
            assert answer.status == 201, answer
            client.prove(answer.json, answers)
            builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
            if asks:
                builder = builder.add_extension(MUST_STAPLE, False)
            csr = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
            done = client.post(answer.json["finalize"], {"csr": acme_raw.b64(csr.public_bytes(DER))})
            return client.post(done.json["certificate"], None).body if done.status == 200 else done

        def wants(pem):
            return any(e.oid == x509.TLSFeature.oid for e in leaf(pem).extensions)

        assert issue("not", "n.example.test", True).json["type"].endswith(":badCSR")
        assert not wants(issue("may", "plain.example.test", False))
        for profile, asks in (("may", True), ("must", False), ("must", True)):
            pem = issue(profile, f"{profile}{asks:d}.example.test", asks)
            assert list(leaf(pem).extensions.get_extension_for_class(x509.TLSFeature).value) == [x509.TLSFeatureType.status_request]
            (tmp_path / "cert.pem").write_bytes(pem)
            chain = made.directory / "intermediate.pem"
            url = subprocess.run(["openssl", "x509", "-in", tmp_path / "cert.pem", "-noout", "-ocsp_uri"], capture_output=True,
                                 text=True, check=True).stdout.strip()
            words = ["openssl", "ocsp", "-url", url, "-issuer", chain, "-cert", tmp_path / "cert.pem", "-CAfile", made.root,
                     "-verify_other", chain]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            assert "cert.pem: good" in done.stdout and "Response verify OK" in done.stderr, done
            assert revoke(client, leaf(pem).public_bytes(DER), 5).status == 200
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            assert "cert.pem: revoked" in done.stdout and "Reason: cessationOfOperation" in done.stdout, done
        assert made.stop() == 0, made.text()
    finally:
        answers.close()
        made.close()


def test_many_at_once(house, client, responder):
    certificate = leaf(client.issue(responder, "a.example.test"))
    wrong = []

    def run(number):
        own = acme_raw.Client(house.url, house.root)
        for n in range(20):
            answer = ask(own, house, certificate, nonce=bytes([number, n + 1]) if n % 2 else None)
            if answer.certificate_status != GOOD:
                wrong.append(answer)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_off_by_default(tmp_path_factory):
    made = house_module.House(tmp_path_factory.mktemp("off") / "ca")
    try:
        made.start()
        client = acme_raw.Client(made.url, made.root)
        assert fetch(client, "GET", "/ocsp/MAA=").status == 404
        assert made.stop() == 0
    finally:
        made.close()


def test_over_plain_http(tmp_path_factory, tmp_path):
    """X-OCSP-4, 12: at the URL that the certificate has, by clients that know nothing else: openssl, ocsptool."""
    port = house_module.free_port()
    made = house_module.House(tmp_path_factory.mktemp("plain") / "ca",
                              sets=["ocsp.enabled=true", f"publish.listen=127.0.0.1:{port}"])
    answers = responder_module.Responder(made.http_port)
    try:
        made.start()
        made.wait_for_line("ocsp.responder")
        client = acme_raw.Client(made.url, made.root)
        client.register()
        pem = client.issue(answers, "a.example.test")
        (tmp_path / "cert.pem").write_bytes(pem)
        access = leaf(pem).extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        url = next(a.access_location.value for a in access if a.access_method == x509.AuthorityInformationAccessOID.OCSP)
        assert url == f"http://localhost:{port}/ocsp"
        chain = made.directory / "intermediate.pem"
        for words in ([], ["-no_nonce"]):
            done = subprocess.run(["openssl", "ocsp", "-url", url, "-issuer", chain, "-cert", tmp_path / "cert.pem", *words,
                                   "-CAfile", made.root, "-verify_other", chain], capture_output=True, text=True, check=False)
            assert "cert.pem: good" in done.stdout and "Response verify OK" in done.stderr, done
        if shutil.which("ocsptool"):
            done = subprocess.run(["ocsptool", f"--ask={url}", "--load-cert", tmp_path / "cert.pem", "--load-issuer", chain,
                                   "--load-trust", chain], capture_output=True, text=True, check=False)
            assert "Certificate Status: good" in done.stdout and "Verifying OCSP Response: Success" in done.stdout, done
        assert revoke(client, leaf(pem).public_bytes(DER), 1).status == 200
        done = subprocess.run(["openssl", "ocsp", "-url", url, "-issuer", chain, "-cert", tmp_path / "cert.pem",
                               "-CAfile", made.root, "-verify_other", chain], capture_output=True, text=True, check=False)
        assert "cert.pem: revoked" in done.stdout and "Reason: keyCompromise" in done.stdout, done
        assert made.stop() == 0, made.text()
    finally:
        answers.close()
        made.close()
