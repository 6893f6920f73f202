"""What cairn makes of a CA that is slow, busy, odd or malicious (RFC 8555)."""
import base64
import contextlib
import datetime
import email.utils
import json
import os
import socket
import stat
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fake_ca import DAY, problem
from test_client_pebble import read_pair
from exit_codes import FAILED, LATER

NAME = "rules.example.test"


@pytest.fixture
def client(cairn_at_fake):
    return cairn_at_fake


def first(count, answer):
    """Gives `answer` to the first `count` requests, then None: the usual."""
    left = [count]

    def give(request):
        left[0] -= 1
        return (answer(request) if callable(answer) else answer) if left[0] >= 0 else None

    return give


def fails(client, code=FAILED, *words):
    done = client.issue(NAME, *words, code=code)
    assert not client.live(NAME).exists()
    assert done.stderr.startswith("cairn: ") and "\x1b" not in done.stderr
    return done.stderr


def test_the_leanest_flow(client, fake_ca):
    """C-NONCE-1, C-AZ-2: one nonce is asked for, the others come with the answers; a type of challenge nobody knows is passed over."""
    client.issue(NAME)
    read_pair(client.live(NAME))
    posts = [r.path for r in fake_ca.requests if r.method == "POST"]
    assert len([r for r in fake_ca.requests if r.method == "HEAD"]) == 1
    assert len(posts) <= 8 and posts[:2] == ["/account", "/order"] and posts[-1] == "/cert"
    assert len(set(r.protected["nonce"] for r in fake_ca.requests if r.method == "POST")) == len(posts)


def test_requests_are_as_they_must_be(client, fake_ca):
    """C-UA-1, 3, C-B64-1, C-JWS-1, 2, 3, 4, 5, 6, C-PAG-1, C-NONCE-6, C-DIR-1, C-CH-2."""
    client.issue(NAME, "--email", "someone@example.test")
    for r in fake_ca.requests:
        assert r.headers["User-Agent"].startswith("cairn/")
        assert r.headers["Accept-Language"]  # RFC 8555 6.1
        assert r.headers["Replay-Nonce"] is None
        if r.method != "POST":
            assert r.path in ("/dir", "/nonce")
            continue
        assert r.headers["Content-Type"] == "application/jose+json"
        assert set(json.loads(r.body)) == {"protected", "payload", "signature"} and b"=" not in r.body
        assert r.protected["alg"] == "ES256" and ("jwk" in r.protected) == (r.path == "/account")
        assert ("kid" in r.protected) != ("jwk" in r.protected)
        assert r.protected.get("kid", f"{fake_ca.base}/account/1") == f"{fake_ca.base}/account/1"
        assert "crit" not in r.protected and "b64" not in r.protected
    account = fake_ca.asked("/account")[0].json()
    assert account["contact"] == ["mailto:someone@example.test"] and "termsOfServiceAgreed" not in account
    assert fake_ca.asked("/challenge/0")[0].payload == b"{}"
    assert fake_ca.asked("/authz/0")[0].payload == b"" and fake_ca.asked("/cert")[0].payload == b""


def test_key_authorization_is_served(client, fake_ca):
    """C-H01-1, 2, 3: the listener answers its tokens, and nothing else; it is gone afterwards."""
    seen = {}

    def get(path, host="127.0.0.1"):
        with socket.create_connection((host, fake_ca.http_port), 5) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
            data = b""
            while part := s.recv(4096):
                data += part
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), head, body

    def challenge(request):
        token = fake_ca.challenge_object(0)["token"]
        seen["token"] = token
        seen["right"] = get(f"/.well-known/acme-challenge/{token}")
        with contextlib.suppress(OSError):
            seen["v6"] = get(f"/.well-known/acme-challenge/{token}", "::1")
        seen["wrong"] = [get(p) for p in ("/", f"/.well-known/acme-challenge/{token}x", "/.well-known/acme-challenge/",
                                          f"/.well-known/acme-challenge/%3Cscript%3E", "/.well-known/acme-challenge/../../etc/passwd")]
        return None

    fake_ca.answers["/challenge/0"] = challenge
    client.issue(NAME)
    status, head, body = seen["right"]
    token, _, thumbprint = body.decode().partition(".")
    assert status == 200 and token == seen["token"] and len(thumbprint) == 43
    assert b"octet-stream" in head.lower() or b"text/plain" in head.lower()
    assert seen.get("v6", seen["right"])[2] == body
    for status, _, body in seen["wrong"]:
        assert status in (400, 404) and b"script" not in body
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", fake_ca.http_port), 1)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(client, fake_ca, form):
    """C-FIN-1: an order being processed is looked at again when the CA said, not before."""
    looks = []

    def after():
        return "2" if form == "seconds" else email.utils.format_datetime(
            datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3), usegmt=True)

    def finalize(request):
        fake_ca.finalize(request)
        looks.append(time.monotonic())
        return 200, {"Retry-After": after()}, {**fake_ca.order_object(status="processing"), "certificate": f"{fake_ca.base}/nothing"}

    def order(request):
        if not looks:
            return None
        looks.append(time.monotonic())
        if len(looks) < 3:
            return 200, {"Retry-After": after()}, {**fake_ca.order_object(status="processing"), "certificate": f"{fake_ca.base}/nothing"}
        return None

    fake_ca.answers.update({"/finalize": finalize, "/order/1": order})
    client.issue(NAME)
    assert len(looks) == 3 and all(1.9 <= b - a <= 5 for a, b in zip(looks, looks[1:])), looks


def test_authorizations_are_looked_at_until_done(client, fake_ca):
    asked = []

    def challenge(request):
        asked.append(time.monotonic())
        return 200, {}, fake_ca.challenge_object(0, status="processing")

    def authz(request):
        if asked and time.monotonic() - asked[0] > 1:
            fake_ca.proved.add(0)
        return None

    fake_ca.answers.update({"/challenge/0": challenge, "/authz/0": authz})
    client.issue(NAME)
    assert len(asked) == 1 and len(fake_ca.asked("/authz/0")) <= 12


def test_how_long_authorizations_are_looked_at(client, fake_ca):
    """C-CH-4: not sooner than the CA says, less often otherwise, and not for ever."""
    looks = []

    def authz(request):
        if not fake_ca.asked("/challenge/0"):
            return None
        looks.append(time.monotonic())
        status, headers, body = fake_ca.authz(request)
        wait = {1: "2", 8: "100000"}.get(len(looks))
        return status, {**headers, **({"Retry-After": wait} if wait else {})}, body

    fake_ca.answers.update({"/challenge/0": lambda r: (200, {}, fake_ca.challenge_object(0, status="processing")),
                            "/authz/0": authz})
    text = fails(client, LATER)
    assert "the CA has not decided yet, and wants to be asked again in 100000 s" in text
    waits = [b - a for a, b in zip(looks, looks[1:])]
    assert len(looks) == 8 and waits[0] >= 1.9 and all(wait >= 0.05 * 2 ** i for i, wait in enumerate(waits)), waits


def test_all_challenges_before_the_first_look(client, fake_ca):
    """C-AZ-1."""
    names = [f"n{i}.example.test" for i in range(5)]
    client.issue(*names)
    posts = [r.path for r in fake_ca.requests if r.method == "POST"]
    challenges = [i for i, path in enumerate(posts) if path.startswith("/challenge/")]
    assert len(challenges) == 5 and challenges == list(range(challenges[0], challenges[0] + 5))


# ---- nonces and busy CAs ----

def test_the_nonce_of_the_error_is_used(client, fake_ca):
    """C-NONCE-2, 3."""
    given = []

    def refuse(request):
        nonce = f"fresh{len(given)}"
        given.append(nonce)
        fake_ca.nonces.add(nonce)
        status, headers, body = problem("badNonce")
        return status, {**headers, "Replay-Nonce": nonce}, body

    fake_ca.answers["/order"] = first(3, refuse)
    client.issue(NAME)
    assert [r.protected["nonce"] for r in fake_ca.asked("/order")][1:] == given


def test_bad_nonces_without_end(client, fake_ca):
    """C-NONCE-4."""
    fake_ca.answers["/order"] = lambda r: problem("badNonce", "never good enough")
    assert "never good enough" in fails(client, LATER)
    assert 10 <= len(fake_ca.asked("/order")) <= 100


@pytest.mark.parametrize("nonce", ["a b", "pad=", "", "ü", None, "x" * 5000])
def test_malformed_nonces_are_passed_over(client, fake_ca, nonce):
    """C-NONCE-5, C-B64-1."""
    def answer(request):
        status, headers, body = fake_ca.new_order(request)
        return status, {**headers, "Replay-Nonce": nonce and nonce.encode().decode("latin-1")}, body

    fake_ca.answers["/order"] = answer
    client.issue(NAME)
    assert len([r for r in fake_ca.requests if r.method == "HEAD"]) == 2


def test_rate_limit_with_a_short_wait(client, fake_ca):
    """C-RATE-1."""
    fake_ca.answers["/order"] = first(1, problem("rateLimited", "slow down", 429, **{"Retry-After": "2"}))
    began = time.monotonic()
    client.issue(NAME)
    assert time.monotonic() - began >= 2 and len(fake_ca.asked("/order")) == 2


def test_rate_limit_with_a_long_wait(client, fake_ca):
    """C-RATE-1."""
    fake_ca.answers["/order"] = lambda r: problem("rateLimited", "too many this week", 429, **{"Retry-After": "86400"})
    began = time.monotonic()
    assert "too many this week" in fails(client, LATER)
    assert time.monotonic() - began < 5 and len(fake_ca.asked("/order")) == 1


def test_server_errors_are_tried_again(client, fake_ca):
    fake_ca.answers["/finalize"] = first(2, (500, {"Content-Type": "text/html"}, b"<h1>Internal \x1b[31mServer\x00 Error</h1>"))
    client.issue(NAME)
    assert len(fake_ca.asked("/finalize")) == 3


def test_unavailable_without_end(client, fake_ca):
    fake_ca.answers["/order"] = lambda r: (503, {"Content-Type": "text/html", "Retry-After": "1"}, b"<h1>maintenance</h1>")
    assert "503" in fails(client, LATER)
    assert 2 <= len(fake_ca.asked("/order")) <= 10


@pytest.mark.parametrize("path, status, body", [("/dir", 503, b"<h1>maintenance</h1>"), ("/nonce", 503, b""),
                                                ("/authz/0", 429, b'{"message": "too many"}')])
def test_busy_for_a_moment(client, fake_ca, path, status, body):
    """Any request may meet a CA, or something in front of it, that is busy; the user is told of the wait."""
    fake_ca.answers[path] = first(1, (status, {"Content-Type": "text/html", "Retry-After": "1", "Replay-Nonce": None}, body))
    done = client.issue(NAME)
    assert len(fake_ca.asked(path)) >= 2
    assert [line for line in done.stdout.splitlines() if line.startswith("wait ") and "1 s" in line and str(status) in line]


@pytest.mark.parametrize("path", ["/dir", "/nonce"])
def test_busy_before_anything_was_begun(client, fake_ca, path):
    fake_ca.answers[path] = lambda r: (503, {"Retry-After": "3600", "Replay-Nonce": None}, b"")
    done = client.issue(NAME, "--json", code=LATER)
    told = json.loads(done.stdout)["error"]
    assert told["code"] == "UNAVAILABLE" and told["retry_after"] == 3600 and len(fake_ca.asked(path)) == 1


def test_the_answer_to_finalize_is_lost(client, fake_ca):
    """C-ORD-4, C-FIN-2: it was finalized nevertheless: the order is looked at, and the certificate it has is taken."""
    def lose(request):
        if fake_ca.certificate is None:
            fake_ca.finalize(request)
            raise ConnectionAbortedError("lost on purpose")
        return problem("orderNotReady", "the order is valid, not ready", 403)

    fake_ca.answers["/finalize"] = lose
    client.issue(NAME)
    assert len(fake_ca.asked("/finalize")) <= 3  # the library under us sends it again by itself once
    read_pair(client.live(NAME))


# ---- answers that make no sense ----

@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"{", b'{"newNonce":"https://localhost/x"}',
                                  b'{"newNonce":1,"newAccount":2,"newOrder":3}', b"\xff\xfe", b"[" * 10000])
def test_no_directory(client, fake_ca, body):
    """C-DIR-2."""
    fake_ca.answers["/dir"] = lambda r: (200, {}, body)
    assert "directory" in fails(client)


def test_directory_with_plain_http(client, fake_ca):
    """C-TLS-1."""
    status, headers, body = fake_ca.dir(None)
    fake_ca.answers["/dir"] = lambda r: (status, headers, {**body, "newOrder": "http://localhost/order"})
    assert "newOrder" in fails(client)


def test_an_answer_without_end(client, fake_ca):
    """C-ERR-2: nor is an answer of any size read."""
    fake_ca.answers["/cert"] = lambda r: (200, {}, b"x" * 3_000_000)
    assert fails(client, None)


def test_problem_is_shown_safely(client, fake_ca):
    """C-ERR-2."""
    fake_ca.answers["/order"] = lambda r: problem("rejectedIdentifier", "no \x1b[31mred\x07 \u202e names", 400)
    text = fails(client)
    assert "rejectedIdentifier" in text and "red" in text and "\x07" not in text


@pytest.mark.parametrize("kind", ["application/problem+json", "text/html"])
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff\xfe", b"<h1>No</h1>", b'{"type":7,"detail":[],"subproblems":{}}',
                                  b'{"type":"urn:ietf:params:acme:error:x","detail":"half', b"[" * 10000],
                         ids=lambda body: body[:12].decode("latin-1"))
def test_problem_documents_that_are_none(client, fake_ca, kind, body):
    """C-ERR-2."""
    fake_ca.answers["/order"] = lambda r: (400, {"Content-Type": kind}, body)
    assert fails(client).count("\n") == 1


@pytest.mark.parametrize("status, code", [(400, FAILED), (403, FAILED), (429, LATER), (503, LATER)])
def test_errors_nobody_knows(client, fake_ca, status, code):
    """C-ERR-4."""
    fake_ca.answers["/order"] = lambda r: problem("brandNew", "something else", status, **{"Retry-After": "86400"})
    assert "something else" in fails(client, code)


def test_subproblems_are_shown(client, fake_ca):
    """C-ERR-1."""
    status, headers, body = problem("compound", "several were refused", 403)
    body["subproblems"] = [{"type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids it",
                            "identifier": {"type": "dns", "value": NAME}}]
    fake_ca.answers["/order"] = lambda r: (status, headers, body)
    text = fails(client)
    assert "CAA forbids it" in text and NAME in text


@pytest.mark.parametrize("redirect", [301, 302, 307, 308])
def test_a_signed_request_is_not_sent_elsewhere(client, fake_ca, redirect):
    """A signed request goes where it was signed for."""
    fake_ca.answers["/order"] = lambda r: (redirect, {"Location": f"{fake_ca.base}/elsewhere"}, b"")
    fails(client, None)
    assert not fake_ca.asked("/elsewhere")


def test_account_without_location(client, fake_ca):
    fake_ca.answers["/account"] = lambda r: (201, {}, {"status": "valid"})
    assert "account" in fails(client)


def test_existing_account_is_taken(client, fake_ca):
    """C-ACC-5."""
    fake_ca.answers["/account"] = lambda r: (200, {"Location": f"{fake_ca.base}/account/1"}, {"status": "valid"})
    client.issue(NAME)


@pytest.mark.parametrize("kind, word", [("userActionRequired", "userActionRequired"), ("externalAccountRequired", "external")])
def test_a_person_must_act(client, fake_ca, kind, word):
    fake_ca.answers["/account"] = lambda r: problem(kind, "please visit us", 403)
    assert word in fails(client)


def test_the_account_is_gone(client, fake_ca):
    """C-ACC-7: explained, not replaced behind the user's back, and the old certificate stays."""
    client.issue(NAME)
    before = read_pair(client.live(NAME))[0]
    fake_ca.answers["/order"] = lambda r: problem("accountDoesNotExist", "who are you?")
    done = client.run("renew", "--force", code=FAILED)
    assert "who are you?" in done.stderr
    assert read_pair(client.live(NAME))[0] == before


@pytest.mark.parametrize("token", ["../../../../tmp/evil", "<script>", "", "a b", "x" * 10240, "a/b", "%41"])
@pytest.mark.parametrize("way", ["standalone", "webroot"])
def test_tokens_that_are_none(client, fake_ca, tmp_path, token, way):
    """C-TOK-1."""
    www = tmp_path / "www"
    www.mkdir()

    def authz(request):
        status, headers, body = fake_ca.authz(request)
        body["challenges"][1]["token"] = token
        return status, headers, body

    fake_ca.answers["/authz/0"] = authz
    assert "token" in fails(client, FAILED, "--http", way if way == "standalone" else f"webroot:{www}")
    assert list(www.rglob("*")) == [] and not fake_ca.asked("/challenge/0")


def test_challenge_without_token(client, fake_ca):
    """Types we do not know may look as they like; ours must have a token."""
    def authz(request):
        status, headers, body = fake_ca.authz(request)
        del body["challenges"][1]["token"]
        return status, headers, body

    fake_ca.answers["/authz/0"] = authz
    assert "token" in fails(client)


def test_a_challenge_of_another_type_without_token(client, fake_ca):
    """C-DNSP-5: dns-persist-01 has none, and is a type that cairn knows by name."""
    def authz(request):
        status, headers, body = fake_ca.authz(request)
        body["challenges"].insert(0, {"type": "dns-persist-01", "url": f"{fake_ca.base}/persist", "status": "pending",
                                      "issuer-domain-names": ["ca.example"]})
        return status, headers, body

    fake_ca.answers["/authz/0"] = authz
    client.issue(NAME)
    assert fake_ca.asked("/challenge/0") and not fake_ca.asked("/persist")


def test_no_http_01(client, fake_ca):
    def authz(request):
        status, headers, body = fake_ca.authz(request)
        del body["challenges"][1]
        return status, headers, body

    fake_ca.answers["/authz/0"] = authz
    text = fails(client)
    assert "http-01" in text and NAME in text


def test_a_refused_name_is_explained(client, fake_ca):
    """C-CH-6."""
    def authz(request):
        if not fake_ca.asked("/challenge/1"):
            return None
        status, headers, body = fake_ca.authz(request)
        error = problem("connection", "nobody was at home", 400)[2]
        body["challenges"][1].update(status="invalid", error=error)
        return status, headers, {**body, "status": "invalid"}

    fake_ca.answers["/authz/1"] = authz
    fake_ca.answers["/challenge/1"] = lambda r: (200, {}, fake_ca.challenge_object(1))
    done = client.issue("good.example.test", "bad.example.test", code=FAILED)
    assert "bad.example.test" in done.stderr and "nobody was at home" in done.stderr and "connection" in done.stderr


@pytest.mark.parametrize("status", ["", "brandNew", 7, None])
def test_unknown_states(client, fake_ca, status):
    """C-ORD-6."""
    def order(request):
        code, headers, body = fake_ca.new_order(request)
        body = {**body, "status": status}
        return code, headers, body

    fake_ca.answers["/order"] = order
    began = time.monotonic()
    fails(client)
    assert time.monotonic() - began < 5


def test_order_for_other_names(client, fake_ca):
    """C-ORD-8."""
    def order(request):
        status, headers, body = fake_ca.new_order(request)
        body["identifiers"] = [{"type": "dns", "value": "other.example.test"}]
        return status, headers, body

    fake_ca.answers["/order"] = order
    assert "name" in fails(client)
    assert not fake_ca.asked("/finalize")


def test_identifiers_and_authorizations_in_any_order(client, fake_ca):
    """C-ORD-2: nothing says which authorization is for which name but itself."""
    def order(request):
        status, headers, body = fake_ca.new_order(request)
        return status, headers, {**body, "identifiers": body["identifiers"][1:] + body["identifiers"][:1],
                                 "authorizations": body["authorizations"][::-1]}

    names = [f"n{i}.example.test" for i in range(3)]
    fake_ca.answers["/order"] = order
    client.issue(*names)
    assert fake_ca.proved == {0, 1, 2}
    read_pair(client.live(names[0]))


def test_the_certificate_request(client, fake_ca):
    """C-CSR-1, 2, 4: DER in base64url, every name in the subjectAltName, no common name."""
    names = [NAME, "www." + NAME]
    client.issue(*names)
    text = fake_ca.asked("/finalize")[0].json()["csr"]
    request = x509.load_der_x509_csr(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert "=" not in text and request.is_signature_valid and list(request.subject) == []
    found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(found.get_values_for_type(x509.DNSName)) == sorted(names) and len(found) == 2


def test_order_that_is_ready_at_once(client, fake_ca):
    """C-ORD-4."""
    def order(request):
        status, headers, body = fake_ca.new_order(request)
        fake_ca.proved.add(0)
        return status, headers, fake_ca.order_object()

    fake_ca.answers["/order"] = order
    client.issue(NAME)
    assert not fake_ca.asked("/challenge/0")


def test_order_becomes_ready_late(client, fake_ca):
    """C-FIN-2: orderNotReady: the order is read again (RFC 8555 7.4)."""
    fake_ca.answers["/finalize"] = first(1, problem("orderNotReady", "not yet", 403))
    client.issue(NAME)
    assert len(fake_ca.asked("/finalize")) == 2


# ---- certificates that are not ours ----

@pytest.mark.parametrize("wrong", ["key", "more names", "fewer names", "expired", "order", "unlinked", "private key", "garbage", "empty"])
def test_wrong_certificates_are_not_installed(client, fake_ca, wrong):
    """C-DL-2, 3."""
    client.issue(NAME, "www." + NAME)
    before = read_pair(client.live(NAME))[0]
    names = [NAME, "www." + NAME]
    key = ec.generate_private_key(ec.SECP256R1())

    def finalize(request):
        fake_ca.finalize(request)
        good = fake_ca.certificate
        blocks = [b"-----BEGIN" + b for b in good.split(b"-----BEGIN")[1:]]
        public = x509.load_pem_x509_certificate(good).public_key()
        if wrong == "key":
            fake_ca.certificate = fake_ca.issue(key.public_key(), names)
        elif wrong == "more names":
            fake_ca.certificate = fake_ca.issue(public, [*names, "evil.example.test"])
        elif wrong == "fewer names":
            fake_ca.certificate = fake_ca.issue(public, names[:1])
        elif wrong == "expired":
            fake_ca.lifetime = DAY / 48
            fake_ca.certificate = fake_ca.issue(public, names)
        elif wrong == "order":
            fake_ca.certificate = blocks[1] + blocks[0]
        elif wrong == "unlinked":
            fake_ca.ca_key = ec.generate_private_key(ec.SECP256R1())
            stranger = fake_ca.issue(public, names).split(b"-----BEGIN")
            fake_ca.certificate = blocks[0] + b"-----BEGIN" + stranger[2]
        elif wrong == "private key":
            fake_ca.certificate = good + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                           serialization.NoEncryption())
        elif wrong == "garbage":
            fake_ca.certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        else:
            fake_ca.certificate = b"\n"
        return 200, {}, fake_ca.order_object()

    fake_ca.answers["/finalize"] = finalize
    done = client.run("renew", "--force", code=FAILED)
    assert "certificate" in done.stderr
    assert read_pair(client.live(NAME))[0] == before


def test_text_of_the_ca_stays_out_of_the_files(client, fake_ca):
    """Only certificates are kept of what came (RFC 8555 11.4)."""
    fake_ca.answers["/cert"] = lambda r: (200, {}, b"# $(reboot)\n" + fake_ca.certificate + b"\nafterwards\n")
    done = client.issue(NAME, code=None)
    if done.returncode == 0:
        text = (client.live(NAME) / "fullchain.pem").read_text()
        assert "reboot" not in text and "afterwards" not in text


# ---- what is due ----

def test_renewal_at_a_third(client, fake_ca):
    fake_ca.lifetime = 90 * DAY
    client.issue("new.example.test")
    fake_ca.lifetime = DAY / 24 * 1.4  # issued an hour ago: 60 of 84 minutes are over
    client.issue("due.example.test")
    due = client.json("show", "new.example.test")["due"]
    expected = datetime.datetime.utcnow() - DAY / 24 + 60 * DAY
    assert abs(datetime.datetime.strptime(due, "%Y-%m-%dT%H:%M:%SZ") - expected) < datetime.timedelta(minutes=1)
    rows = {row["name"]: row["outcome"] for row in client.json("renew")}
    assert rows == {"new.example.test": "not due", "due.example.test": "renewed"}


def test_one_failure_does_not_stop_the_others(client, fake_ca, tmp_path):
    config = tmp_path / "cairn.yaml"
    config.write_text("renewal:\n  parallel: 1\n")  # this CA knows one order at a time
    for name in ("a.example.test", "b.example.test", "c.example.test"):
        client.issue(name)
    serials = {n: read_pair(client.live(n))[0].serial_number for n in ("a.example.test", "c.example.test")}

    def order(request):
        if request.json()["identifiers"][0]["value"] == "b.example.test":
            return problem("rejectedIdentifier", "not this one")
        return None

    fake_ca.answers["/order"] = order
    rows = sorted(client.json("renew", "--force", "--config", config, code=FAILED), key=lambda row: row["name"])
    assert [r["outcome"] for r in rows] == ["renewed", "failed", "renewed"] and "not this one" in json.dumps(rows[1])
    assert all(read_pair(client.live(n))[0].serial_number != serial for n, serial in serials.items())


def test_settings_are_kept_for_renewal(client, fake_ca):
    """C-REN-1: a new order, a new key of the same kind."""
    client.issue(NAME, "--key", "p384")
    before = read_pair(client.live(NAME))[1].private_numbers()
    client.run("renew", "--force")
    key = read_pair(client.live(NAME))[1]
    assert key.curve.name == "secp384r1" and key.private_numbers() != before
    assert len(fake_ca.asked("/order")) == 2


def test_damaged_metadata(client, fake_ca):
    client.issue("good.example.test")
    client.issue(NAME)
    path = client.live(NAME) / "metadata.json"
    for text in ("", "{", "[]", "null", '{"names":[]}', path.read_text().replace("rules", "\x00")):
        path.write_text(text)
        assert client.run("show", NAME, code=FAILED).stderr.startswith("cairn: ")
        assert len(client.json("list")) == 2
        client.run("renew", code=None)
        assert client.json("show", "good.example.test")["name"] == "good.example.test"


# ---- --json ----

@pytest.mark.parametrize("words", [["issue", NAME], ["issue", "bad name"], ["show", NAME], ["renew", NAME], ["renwe"]])
def test_failures_are_json_too(client, fake_ca, words):
    fake_ca.answers["/order"] = lambda r: problem("rejectedIdentifier", "not this one")
    more = client.common() if words[0] == "issue" else []
    done = client.run(*words, *more, "--json", code=None)
    assert done.returncode in (FAILED, 64)
    error = json.loads(done.stdout)["error"]
    assert error["detail"] and error["exit"] == done.returncode and error["code"]


# ---- keys ----

def test_no_private_key_is_ever_readable(client, fake_ca, tmp_path):
    """C-DL-6, C-ACC-10."""
    trace = tmp_path / "trace"
    done = subprocess.run(["strace", "-f", "-o", str(trace), "-e", "trace=openat,open,fchmod,chmod",
                           *client.command("issue", NAME, *client.common())], capture_output=True, check=False, text=True,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    if done.returncode == 127 or "ptrace" in done.stderr:
        pytest.skip("strace cannot be used here")
    assert done.returncode == 0, done.stderr
    created = [line for line in trace.read_text().splitlines() if "O_CREAT" in line and "key.pem" in line]
    assert created and all("0600" in line for line in created)
    for path in client.directory.rglob("key.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_account_key_is_not_a_certificate_key(client, fake_ca):
    """C-CSR-3."""
    client.issue(NAME)
    account = fake_ca.asked("/account")[0].protected["jwk"]
    numbers = read_pair(client.live(NAME))[1].public_key().public_numbers()
    assert account["x"] != base64.urlsafe_b64encode(numbers.x.to_bytes(32, "big")).rstrip(b"=").decode()
