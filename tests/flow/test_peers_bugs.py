"""What went wrong at other CAs, each with the test that it does not here. The tests of most stand where their subject is;
what was left is below. Found by reading Boulder, Pebble, step-ca (Caddy the same), OpenBao and acme2certifier, and in runs
of 23 clients against four servers."""
import ast
import json
import os
import signal
import threading
import time

import pytest

import acme_raw
import h2_raw
import house as house_module
import http_raw
from acme_raw import Key, b64, make_csr
from crowd import Crowd, inner, number, path_of, rows

# what went wrong: where it is tested
ELSEWHERE = {
    # answers
    "Boulder: no-store for newNonce set after the headers were written": "test_acme_rules.test_row_4_no_store_with_every_nonce",
    "Boulder: an oversized body answered as unauthorized": "test_acme_rules.test_row_11_largest_body",
    "step-ca: invalidContact is incorrectResponse on the wire": "test_acme_rules.test_rows_36_99_contacts_refused",
    "step-ca: problems without their status, 404s that are no problem": "test_acme_rules.test_row_19_nothing_there",
    "step-ca: 401 where a client may not": "test_malformed.test_a_deactivated_account",
    "Pebble: 404 with an empty body": "test_acme_rules.test_row_19_nothing_there",
    "Pebble: Retry-After is hidden from scripts (CORS)": "test_acme_rules.test_row_22_cors",
    "OpenBao: no nonce with errors": "test_acme_rules.test_row_5_a_nonce_with_every_answer_to_post",
    "OpenBao: the detail of a problem replaced by its subproblem's": "test_acme_rules.test_row_53_several_bad_names",
    "OpenBao: connection, dns and tls answered as 500": "test_acme_rules.test_row_72_nobody_there",
    "OpenBao: expires is empty while an authorization is pending":
        "test_acme_rules.test_rows_62_63_64_71_a_pending_authorization",
    "acme2certifier, step-ca: advertised and not there": "test_acme_rules.test_rows_28_29_30_directory",
    "step-ca: meta is dropped when it is empty": "test_acme_rules.test_row_29_meta_is_always_there",
    "Caddy 2.6 fails with Retry-After as a date: always seconds":
        "test_acme_rules.test_rows_62_63_64_71_a_pending_authorization",
    # nonces
    "acme2certifier: nonces are checked and deleted in two steps":
        "test_acme_rules.test_row_6_one_nonce_at_many_connections_at_once",
    "Boulder: nonces die with a restart": "test_acme_rules.test_row_7_nonces_outlive_front_and_house",
    "clients that try once after badNonce, or never: nonces survive kill -9": "test_restarts.test_between_any_two_steps",
    # accounts
    "step-ca: renaming the host orphans every account": "test_renamed.test_another_name",
    "step-ca: certbot's update with the whole account refused":
        "test_acme_rules.test_section_9_9_an_update_with_the_whole_account",
    "step-ca: no key change, though advertised": "test_key_change.test_the_new_key_counts_and_the_old_one_no_longer",
    "step-ca: python-acme's deactivation refused": "test_python3_acme.test_every_resource",
    "step-ca: the list of orders is a bare array": "test_orders_list.test_newest_first_without_the_invalid",
    "step-ca, Boulder: no deactivation of authorizations": "test_deactivation.test_a_pending_authorization",
    # orders and challenges
    "step-ca, Caddy: eight orders of one account at once": "test_acme_rules.test_section_9_11_many_orders_of_one_account",
    "step-ca: the connection is cut at 15 s while a check takes 30":
        "test_acme_rules.test_rows_27_67_68_71_a_slow_check",
    "step-ca: POST-as-GET to a challenge starts a check": "test_acme_rules.test_row_66_post_as_get_starts_nothing",
    "step-ca: after a wrong answer the authorization is pending for a day": "test_acme_rules.test_rows_70_72_a_wrong_answer",
    "step-ca: a second POST to a challenge checks in parallel": "test_crowd.test_one_challenge_is_checked_once",
    "Pebble: a POST to a challenge that is valid is an error": "test_acme_rules.test_rows_63_65_67_69_73_a_proved_one",
    "Pebble: a name that is given twice": "test_acme_rules.test_rows_47_49_50_new_order",
    "Pebble: newOrder hangs after a client was stopped in mid-validation":
        "test_acme_rules.test_section_9_13_the_same_name_while_another_order_waits",
    "Pebble: an order stays processing when its signature fails": "test_acme_rules.test_row_87_the_signer_fails_and_recovers",
    "Pebble: a body in chunks is refused (HAProxy)": "test_acme_rules.test_section_9_5_a_body_in_chunks",
    "Pebble: replaces of an order with no name in common is a 500": "test_renewal_info.test_nothing_in_common",
    # http-01
    "step-ca: http-01 honours HTTP_PROXY, follows any redirect, reads any body": "test_http_01.test_row",
    "OpenBao: http-01 passes with a 404 page": "test_http_01.test_row",
    "Pebble: the Host of a check has the port": "test_acme_rules.test_section_9_6_host_of_a_check_has_no_port",
    # certificates
    "Pebble: no Location with the answer to finalize (ruby acme-client)": "test_acme_rules.test_row_76_finalize_is_valid_at_once",
    "Boulder, Pebble: finalize again is an error (Greenlock)": "test_acme_rules.test_row_78_finalize_again",
    "Pebble: other clients' certificates and orders are 403": "test_acme_rules.test_row_90_what_is_another_account_s",
    "acme2certifier: the certificate's key alone cannot revoke": "test_revocation.test_by_its_key",
    "Pebble, step-ca: an account with all the names cannot revoke": "test_revocation.test_by_whoever_has_the_names",
    "Pebble: revoking what is unknown is malformed": "test_revocation.test_another_cas_certificate",
    "dehydrated: alreadyRevoked must have that type": "test_revocation.test_once_of_many_at_the_same_moment",
    "step-ca: a database of 40 GB after a year": "test_retention",
}


@pytest.fixture
def house(shared_house):
    return shared_house


@pytest.fixture
def responder(shared_responder):
    shared_responder.answer = None
    shared_responder.asked.clear()
    return shared_responder


@pytest.mark.parametrize("bug", ELSEWHERE)
def test_has_a_test(bug):
    file, _, function = ELSEWHERE[bug].partition(".")
    tree = ast.parse((house_module.ROOT / "tests/flow" / f"{file}.py").read_text())
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert function in names if function else names


def test_contact_together_with_status(house):
    """step-ca: refused. Both are done; what is not a client's status is passed over (S-UPD-2)."""
    client = acme_raw.Client(house.url, house.root)
    client.register(contact=["mailto:a@flow.test"])
    answer = client.post(client.kid, {"contact": ["mailto:b@flow.test"], "status": "valid"})
    assert answer.status == 200 and answer.json["contact"] == ["mailto:b@flow.test"], answer
    answer = client.post(client.kid, {"contact": ["mailto:c@flow.test"], "status": "deactivated"})
    assert answer.status == 200 and answer.json["status"] == "deactivated", answer
    assert rows(house, "SELECT contacts, status FROM account WHERE id = ?", number(client.kid)) == [('["mailto:c@flow.test"]', 1)]
    client = acme_raw.Client(house.url, house.root)
    client.register(contact=["mailto:a@flow.test"])
    content = house.content()
    answer = client.post(client.kid, {"contact": ["tel:1"], "status": "deactivated"})
    assert answer.status == 400 and answer.type == "unsupportedContact", answer
    assert house.content() == content, "half of it was done"


def test_a_client_that_goes_in_the_middle(house, client, responder):
    """Pebble: two read locks are not given back on some paths, so that everything hangs. Clients go while they wait for a
    challenge and for a certificate, with HTTP/1.1 and HTTP/2; all that they began comes to its end without them."""
    event, tokens, names = threading.Event(), responder.tokens, [f"gone{i}.flow.test" for i in range(4)]

    def answer(handler):
        event.wait(30)
        body = tokens.get(handler.path.rpartition("/")[2], "").encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def ask(url, payload, kind):
        """The connection, on which nobody will wait for the answer."""
        body = json.dumps(client.jws(url, payload)).encode()
        if kind:
            raw = http_raw.Raw(house)
            raw.send(f"POST {path_of(url)} HTTP/1.1\r\nHost: localhost:{house.port}\r\nContent-Length: {len(body)}\r\n"
                     "Content-Type: application/jose+json\r\n\r\n".encode() + body)
            return raw
        two = h2_raw.H2(house)
        stream = two.begin(h2_raw.request(path_of(url), "POST", ("content-type", "application/jose+json"),
                                          authority=f"localhost:{house.port}"), end=False)
        two.data(stream, body, end=True)
        return two.raw

    def wait_for(sql):
        deadline = time.monotonic() + 30
        while rows(house, sql, mine) != [(len(names),)] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert rows(house, sql, mine) == [(len(names),)]

    mine = number(client.kid)
    responder.answer = answer
    orders, gone = [client.order(name) for name in names], []
    for i, (_, order) in enumerate(orders):
        challenge = client.challenge(order["authorizations"][0])
        tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
        gone.append(ask(challenge["url"], {}, i % 2))
    deadline = time.monotonic() + 30
    while len(responder.asked) < len(names) and time.monotonic() < deadline:
        time.sleep(0.02)
    for connection in gone:
        connection.close()
    wait_for("SELECT count(*) FROM authz WHERE account_id = ? AND attempt_begun <> 0")
    event.set()
    wait_for("SELECT count(*) FROM authz WHERE account_id = ? AND verdict = 1")
    signer = house.children()["signer"]
    os.kill(signer, signal.SIGSTOP)
    try:
        gone = [ask(order["finalize"], {"csr": b64(make_csr([name]))}, i % 2)
                for i, (name, (_, order)) in enumerate(zip(names, orders))]
        wait_for("SELECT count(*) FROM issuance WHERE account_id = ? AND state = 0")
        for connection in gone:
            connection.close()
    finally:
        os.kill(signer, signal.SIGCONT)
    wait_for("SELECT count(*) FROM issuance WHERE account_id = ? AND state = 1")
    assert all(client.post(url, None).json["status"] == "valid" for url, _ in orders)
    responder.answer = None
    client.issue(responder, *names)


def test_a_finalize_that_fails_changes_nothing_but_is_answered(house, client, responder):
    """Pebble: the order of a request that cannot be certified stays processing for ever. Refused ones leave it ready, and
    the next good one gets the certificate."""
    _, order = client.order("again.flow.test")
    client.prove(order, responder)
    for wrong in [make_csr(["other.flow.test"]), make_csr(["again.flow.test"], client.key.key), b"x"]:
        assert client.post(order["finalize"], {"csr": b64(wrong)}).status == 400
    answer = client.post(order["finalize"], {"csr": b64(make_csr(["again.flow.test"]))})
    assert answer.status == 200 and answer.json["status"] == "valid", answer


def test_a_challenge_posted_twice_by_a_client_with_the_name_twice(house, client, responder):
    """acme.sh, given a CSR with an empty subject, orders the name twice and posts the challenge twice: malformed at Pebble,
    two authorizations at smallstep of which one never becomes valid."""
    _, order = client.order("twice.flow.test", "Twice.flow.test")
    assert len(order["authorizations"]) == len(order["identifiers"]) == 1
    challenge = client.challenge(order["authorizations"][0])
    responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
    answers = [client.post(challenge["url"], {}) for _ in range(2)]
    assert [(a.status, a.json["status"]) for a in answers] == [(200, "valid")] * 2
    done = client.post(order["finalize"], {"csr": b64(make_csr(["twice.flow.test"], common_name="twice.flow.test"))})
    assert done.json["status"] == "valid"


def test_a_failed_name_does_not_spoil_the_next_order(house, client, responder):
    """smallstep: the failed challenge stays pending, and the clients wait a minute and more. Here the order is invalid at
    once, and a new order of the same name is a fresh start."""
    url, order = client.order("spoilt.flow.test")
    challenge = client.challenge(order["authorizations"][0])
    responder.tokens[challenge["token"]] = "wrong"
    client.post(challenge["url"], {})
    assert client.poll(order["authorizations"][0], ("valid", "invalid")).json["status"] == "invalid"
    assert client.post(url, None).json["status"] == "invalid"
    client.issue(responder, "spoilt.flow.test")


def test_errors_at_the_same_moment_have_a_nonce_each(house, client):
    """OpenBao: errors came without a nonce, and the client's pool ran dry. Each answer has one of its own."""
    url = client.directory["newOrder"]
    answers = Crowd(house, "HTTP/2").ask([(url, client.jws(url, {"identifiers": []})) for _ in range(20)])
    assert {a.status for a in answers} == {400}
    nonces = [a.headers["replay-nonce"] for a in answers]
    assert len(set(nonces)) == 20
    client.nonces[:] = nonces
    again = Crowd(house, "HTTP/1.1").ask([(url, client.jws(url, {"identifiers": []})) for _ in range(20)])
    assert {a.type for a in again} == {"malformed"}, "each of them is good once"


def test_a_key_that_two_want_is_said_with_a_problem(house, client):
    """Pebble: 409 with Location and no problem document; Boulder has both."""
    other = acme_raw.Client(house.url, house.root, Key())
    other.register()
    answer = client.post(client.directory["keyChange"], inner(client, other.key))
    assert answer.status == 409 and answer.headers["Location"] == other.kid
    assert answer.type == "malformed" and "already" in answer.json["detail"]
