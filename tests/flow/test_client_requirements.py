"""What RFC 8555 and its like ask of a client beside the plain way to a certificate: each test names its rows."""
import datetime
import email.utils
import json
import re
import subprocess
import time

import pytest

from exit_codes import LATER, REFUSED, VALIDATION
from fake_ca import decode, problem
from hostile_acme import with_member
from test_client_account import account, with_key_change
from test_client_pebble import read_pair
from test_client_renewal import Remembering, settings
from test_client_rules import fails, first

NAME = "www.example.test"


@pytest.fixture
def client(cairn_at_fake):
    return cairn_at_fake


# ---- requests ----

def test_who_asks_and_for_what(client, fake_ca):
    """C-UA-2, C-DL-1: the program and its HTTP library; a chain is asked for as such, and nothing else is."""
    client.issue(NAME)
    assert all(re.fullmatch(r"cairn/\S+ libcurl/\d\S+", r.headers["User-Agent"]) for r in fake_ca.requests)
    kinds = {r.path: r.headers["Accept"] for r in fake_ca.requests}
    assert kinds.pop("/cert") == "application/pem-certificate-chain" and set(kinds.values()) == {"*/*"}


@pytest.mark.parametrize("path", ["/account", "/order", "/authz/0", "/challenge/0", "/finalize", "/cert"])
def test_a_nonce_is_used_once(client, fake_ca, path):
    """C-NONCE-7: also when the connection, which was kept from the request before, breaks off under a request."""
    def lose(request):
        raise ConnectionAbortedError

    fake_ca.answers[path] = first(2, lose)
    client.issue(NAME)
    nonces = [r.protected["nonce"] for r in fake_ca.requests if r.method == "POST"]
    assert len(nonces) == len(set(nonces)) and len(fake_ca.asked(path)) >= 3


def test_the_directory_is_read_by_each_run(client, fake_ca):
    """C-DIR-3: what it named a month ago counts no more."""
    client.issue(NAME)
    fake_ca.answers["/dir"] = with_member("newOrder", f"{fake_ca.base}/moved")(fake_ca.dir)
    fake_ca.answers["/moved"] = fake_ca.new_order
    client.run("renew", "--force")
    assert len(fake_ca.asked("/order")) == 1 and len(fake_ca.asked("/moved")) == 1


@pytest.mark.parametrize("path", ["/dir", "/order"])
def test_a_redirect_says_where_it_leads(client, fake_ca, path):
    fake_ca.answers[path] = lambda r: (308, {"Location": f"{fake_ca.base}/elsewhere"}, b"")
    assert f"{fake_ca.base}{path} leads elsewhere (status 308: {fake_ca.base}/elsewhere)" in fails(client)
    assert not fake_ca.asked("/elsewhere")


# ---- what a CA says beside its problem ----

def test_help_is_shown(client, fake_ca):
    """C-RATE-2."""
    fake_ca.answers["/order"] = lambda r: problem("rateLimited", "too many", 429, **{
        "Retry-After": "86400", "Link": '<https://ca.example.test/limits>;rel="help", </dir>;rel="index"'})
    assert fails(client, LATER).endswith("; for help see https://ca.example.test/limits\n")


def test_what_a_person_must_do(client, fake_ca):
    """C-ACC-9: where to go, and the terms that are new; the request is not made again."""
    status, headers, body = problem("userActionRequired", "the terms have changed", 403, Link='</terms-2>;rel="terms-of-service"')
    fake_ca.answers["/order"] = lambda r: (status, headers, {**body, "instance": "https://ca.example.test/agree?x=1"})
    said = fails(client)
    assert "; see https://ca.example.test/agree?x=1" in said and f"its terms of service are {fake_ca.base}/terms-2" in said
    assert len(fake_ca.asked("/order")) == 1


@pytest.mark.parametrize("instance", ["javascript:alert(1)", "file:///etc/passwd", 7, "https://x\x1b[31m/"])
def test_an_instance_that_is_none(client, fake_ca, instance):
    status, headers, body = problem("userActionRequired", "visit us", 403)
    fake_ca.answers["/order"] = lambda r: (status, headers, {**body, "instance": instance})
    said = fails(client)
    assert "javascript" not in said and "file:" not in said and "\x1b" not in said


def test_algorithms_the_ca_takes(client, fake_ca):
    """C-JWS-8: a key has one algorithm, and another key is the user's to make; nothing weaker is ever signed with."""
    status, headers, body = problem("badSignatureAlgorithm", "not ours")
    fake_ca.answers["/account"] = lambda r: (status, headers, {**body, "algorithms": ["none", "HS256", "ES384", 7]})
    assert "; it takes none, HS256, ES384" in fails(client)
    assert [r.protected["alg"] for r in fake_ca.requests if r.method == "POST"] == ["ES256"]


# ---- accounts ----

def test_a_change_of_keys_says_what_it_must(client, fake_ca):
    """C-ROLL-1: signed by the new key, within a request that is signed by the old one."""
    requests = []

    def change(request, keys):
        requests.append(request)
        keys[:] = [json.loads(decode(json.loads(request.payload)["protected"]))["jwk"]]
        return 200, {}, {"status": "valid"}

    keys = with_key_change(fake_ca, change)
    account(client, "register")
    before = keys[0]
    account(client, "rollover")
    (outer,) = requests
    inner = json.loads(outer.payload)
    head, payload = json.loads(decode(inner["protected"])), json.loads(decode(inner["payload"]))
    assert outer.protected["kid"] == f"{fake_ca.base}/account/1" and "jwk" not in outer.protected
    assert set(head) == {"alg", "jwk", "url"} and head["url"] == outer.protected["url"] and head["jwk"] == keys[0] != before
    assert payload == {"account": f"{fake_ca.base}/account/1", "oldKey": before}


def test_a_key_that_another_account_has(client, fake_ca):
    """C-ROLL-3."""
    other = f"{fake_ca.base}/account/7"
    with_key_change(fake_ca, lambda r, keys: problem("malformed", "it is in use", 409, Location=other))
    account(client, "register")
    done = account(client, "rollover", code=REFUSED)
    assert "it is in use" in done.stderr and done.stderr.endswith(f"; the account {other} has that key\n")


def test_orders_are_counted(client, fake_ca):
    """C-ACC-8: over all pages of the list, and not without end."""
    def page(request):
        number = int(request.path.rpartition("/")[2])
        return 200, {"Link": f'<{fake_ca.base}/orders/{number + 1}>;rel="next"'} if number < 2 else {}, {"orders": ["a", "b", "c"]}

    fake_ca.answers["/account/1"] = lambda r: (200, {}, {"status": "valid", "orders": f"{fake_ca.base}/orders/0"})
    fake_ca.answers.update({f"/orders/{i}": page for i in range(3)})
    account(client, "register")
    assert json.loads(account(client, "show", "--json").stdout)["orders"] == 9
    fake_ca.answers["/orders/2"] = lambda r: (200, {"Link": '</orders/0>;rel="next"'}, {"orders": []})
    account(client, "show")
    assert len(fake_ca.requests) < 250


# ---- orders ----

@pytest.mark.parametrize("member, other, says", [
    ("authorizations", lambda ca: [f"{ca.base}/authz/0", f"{ca.base}/authz/1"], "other authorizations than before"),
    ("authorizations", lambda ca: [f"{ca.base}/authz/1"], "other authorizations than before"),
    ("authorizations", lambda ca: [], "other authorizations than before"),
    ("identifiers", lambda ca: [{"type": "dns", "value": "other.example.test"}], "for other names"),
])
def test_an_order_that_changes(client, fake_ca, member, other, says):
    """C-ORD-3: it is not the one that was made."""
    fake_ca.answers["/order/1"] = lambda r: (200, {}, {**fake_ca.order_object(status="pending"), member: other(fake_ca)})
    assert says in fails(client)
    assert not fake_ca.asked("/finalize")


def test_a_request_that_is_refused(client, fake_ca):
    """C-FIN-3: told, and not sent again as it is."""
    client.issue(NAME)
    before = read_pair(client.live(NAME))
    fake_ca.answers["/finalize"] = lambda r: problem("badCSR", "no such key here")
    done = client.run("renew", "--force", code=REFUSED)
    assert "no such key here (badCSR, HTTP 400)" in done.stderr and len(fake_ca.asked("/finalize")) == 2
    assert read_pair(client.live(NAME))[0] == before[0]


@pytest.mark.parametrize("wrong, says", [("rsa:1024", "1024"), ("signature", "signature"), ("names", "names")])
def test_a_request_of_the_user_that_will_not_do(client, fake_ca, tmp_path, wrong, says):
    """C-CSR-5: found before the CA is asked for anything."""
    path, config = tmp_path / "csr.der", tmp_path / "cairn.yaml"
    kind = ["rsa:1024"] if wrong == "rsa:1024" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "req", "-new", "-newkey", *kind, "-nodes", "-keyout", tmp_path / "k.pem", "-subj", "/", "-outform", "DER",
                    "-addext", f"subjectAltName=DNS:{NAME}", "-out", path], check=True, capture_output=True)
    if wrong == "signature":
        path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    config.write_text(json.dumps({
        "state": str(client.directory), "cas": {"it": {"directory": fake_ca.url, "ca_file": str(fake_ca.root), "agree_tos": True}},
        "certificates": {"site": {"cas": "it", "csr": str(path), **({"names": ["other.example.test"]} if wrong == "names" else {})}}}))
    done = client.run("apply", "--config", config, code=64)
    assert says in done.stderr and "csr: " in done.stderr
    assert not fake_ca.asked("/order") and not fake_ca.asked("/account")


def test_a_profile_that_is_preferred(client, fake_ca, tmp_path):
    """C-PROF-2, C-PROF-3: one that the CA does not advertise is not asked for; a certificate is got without, or not, as was set."""
    fake_ca.answers["/dir"] = with_member("meta", {"profiles": {"classic": "words"}})(fake_ca.dir)
    for required, code in ((False, 0), (True, REFUSED)):
        more = settings(client, tmp_path, {"it": fake_ca}, {f"site-{required}": {
            "names": NAME, "cas": "it", "profile": "tiny", "profile_required": required}})
        done = client.run("apply", *more, code=code)
        assert "tiny" in done.stdout + done.stderr
    (order,) = fake_ca.asked("/order")
    assert "profile" not in order.json()


def test_no_shell_sees_what_a_ca_says(client, fake_ca, tmp_path):
    """C-SEC-1: hooks get what is ours to tell: names and whether it went well."""
    marks, log = tmp_path / "mark", tmp_path / "log"
    text = f"$(touch {marks}); `touch {marks}`; touch {marks}\ntouch {marks}\n'\"|touch {marks}"
    fake_ca.answers["/order"] = lambda r: problem("rejectedIdentifier", text)
    more = settings(client, tmp_path, {"it": fake_ca}, {"site": {"names": NAME, "cas": "it", "post_hook": f"env > {log}"}})
    done = client.run("apply", *more, code=REFUSED)
    assert f"touch {marks}" in done.stderr and len(done.stderr.splitlines()) == 2  # and how many of how many
    assert "CAIRN_OUTCOME=failed" in log.read_text() and "touch" not in log.read_text() and not marks.exists()


@pytest.mark.parametrize("typed, sent", [("b\u00fccher.example.test", "xn--bcher-kva.example.test"), ("FA\u00df.Example.test", "xn--fa-hia.example.test"),
                                         ("xn--BCHER-kva.example.test", "xn--bcher-kva.example.test")])
def test_names_are_sent_as_a_labels(client, fake_ca, typed, sent):
    """C-ORD-1: by IDNA2008 and UTS 46 without transitional mapping, in lower case."""
    fake_ca.answers["/order"] = lambda r: problem("rejectedIdentifier", "seen")
    client.issue(typed, code=REFUSED)
    assert fake_ca.asked("/order")[0].json()["identifiers"] == [{"type": "dns", "value": sent}]


@pytest.mark.parametrize("typed", ["a\u200db.test", "\u2603\ufffd.test", "xn--bcher-kvb.test", "b\u00fc..test", "\u0301a.test"])
def test_names_that_are_none(client, fake_ca, typed):
    client.issue(typed, code=64)
    assert not fake_ca.requests


# ---- dns-persist-01 ----

def persist(fake_ca, issuers):
    """An authorization that only a record proves; the words that look for it."""
    def authz(request):
        status, headers, body = fake_ca.authz(request)
        return status, headers, {**body, "challenges": [{"type": "dns-persist-01", "url": f"{fake_ca.base}/challenge/0",
                                                         "status": "pending", "issuer-domain-names": issuers}]}

    fake_ca.answers["/authz/0"] = authz
    return ["--challenge", "dns-persist-01", "--dns", "none"]


@pytest.mark.parametrize("issuers", [[], [f"ca{i}.example.test" for i in range(11)], ["CA.example.test"], ["ca.example.test."],
                                     ["ca.example.test", "b\u00fc.test"], ["a..b"], [""], [7], "ca.example.test", None])
def test_names_of_a_ca_that_will_not_do(client, fake_ca, issuers):
    """C-DNSP-1."""
    fails(client, REFUSED, *persist(fake_ca, issuers))
    assert not fake_ca.asked("/challenge/0")


def test_a_resolver_that_knows_no_zone(client, fake_ca, dns_stub):
    """It is asked about every name above, up to the root; that it knows none is not the CA's fault."""
    words = [*persist(fake_ca, ["ca.example.test"]), "--dns-resolver", f"127.0.0.1:{dns_stub.port}"]
    assert "the resolver knows no zone of _validation-persist." in fails(client, VALIDATION, *words)


# ---- renewals ----

@pytest.fixture
def remembering(fake_ca, tmp_path):
    return Remembering(tmp_path / "remembering", fake_ca)


@pytest.mark.parametrize("status, after", [(500, lambda: "7200"), (503, lambda: email.utils.formatdate(time.time() + 7200, usegmt=True))])
def test_an_own_wait_before_the_ca_s_wish(remembering, fake_ca, status, after):
    """C-ARI-11, C-ARI-12, C-RATE-1: the CA wants it renewed now, and refuses; the next try is ours to choose, or the CA's."""
    fake_ca.window = (-7200, -3600)
    remembering.issue(NAME)
    fake_ca.answers["/order"] = lambda r: problem("serverInternal", "not today", status, **{"Retry-After": after()})
    remembering.run("renew", code=LATER)
    before = len(fake_ca.requests)
    for _ in range(3):
        assert "not tried before" in remembering.run("renew", code=2).stdout
    assert len(fake_ca.requests) == before
    wait = datetime.datetime.strptime(remembering.state()["failure"]["not_before"], "%Y-%m-%dT%H:%M:%SZ") - datetime.datetime.utcnow()
    assert 7100 < wait.total_seconds() < 7300


def test_nobody_asks_about_what_has_expired(remembering, fake_ca):
    """C-ARI-4: it is renewed, and while that fails, the CA is not asked whether it should be."""
    fake_ca.window = (86400, 2 * 86400)
    remembering.issue(NAME)
    fake_ca.answers["/order"] = lambda r: problem("rejectedIdentifier", "no")
    remembering.run("renew", code=2)
    asked = len([r for r in fake_ca.requests if r.path.startswith("/ari/")])
    remembering.may_ask()
    path = remembering.live(NAME) / "metadata.json"
    metadata = json.loads(path.read_text())
    for part in metadata["keys"]:
        part["not_before"], part["not_after"] = "2020-01-01T00:00:00Z", "2020-03-01T00:00:00Z"
    path.write_text(json.dumps(metadata))
    remembering.run("renew", code=REFUSED)
    remembering.run("renew", code=2)
    assert len([r for r in fake_ca.requests if r.path.startswith("/ari/")]) == asked == 1
