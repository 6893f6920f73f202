"""Rate limits (RFC 8555 6.6, S-RATE-1 to S-RATE-4): who is refused, what it is told, and that waiting so long helps."""
import contextlib
import re
import signal
import sqlite3
import subprocess
import time

import pytest

import acme_raw
import house as house_module
import responder as responder_module
from test_admin import admin

HELP = "https://help.flow.test/limits"


@contextlib.contextmanager
def serving(folder, *sets, **rates):
    """A CA with these settings and rates, and a responder."""
    house = house_module.House(folder / "ca", sets=[*sets, *(f"rates.{name}={rate}" for name, rate in rates.items())])
    try:
        house.start()
        responder = responder_module.Responder(house.http_port)
        try:
            yield house, responder
        finally:
            responder.close()
        assert house.stop() == 0, house.text()
        assert "ERROR: AddressSanitizer" not in house.text() and "runtime error" not in house.text(), house.text()
    finally:
        house.close()


def account(house):
    client = acme_raw.Client(house.url, house.root)
    client.register()
    return client


def wish(*names):
    return {"identifiers": [{"type": "dns", "value": name} for name in names]}


def new_order(client, *names):
    return client.post(client.directory["newOrder"], wish(*names))


def limited(answer, *words, wait=None):
    """S-RATE-1: the type and status of a limit, with a sentence and the time to come again; that time."""
    assert (answer.status, answer.type) == (429, "rateLimited"), answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    for word in words:
        assert word in answer.json["detail"], answer
    seconds = answer.headers["Retry-After"]
    assert re.fullmatch(r"[1-9][0-9]*", seconds), answer
    if wait is not None:
        assert wait[0] <= int(seconds) <= wait[1], answer
    return int(seconds)


def untouched(house, ask, *words, wait=None):
    """A refusal that leaves the store as it was."""
    before = house.content()
    answer = ask()
    seconds = limited(answer, *words, wait=wait)
    assert house.content() == before
    return answer, seconds


def fail(client, responder, name):
    """An order whose only validation fails; what the account proved before is given up."""
    _, order = client.order(name)
    if order["status"] == "ready":
        assert client.post(order["authorizations"][0], {"status": "deactivated"}).status == 200
        _, order = client.order(name)
    challenge = client.challenge(order["authorizations"][0])
    responder.tokens.pop(challenge["token"], None)
    client.post(challenge["url"], {})
    assert client.poll(order["authorizations"][0], ("valid", "invalid")).json["status"] == "invalid"


def number(client):
    return client.kid.rpartition("/")[2]


def test_orders_of_an_account(tmp_path):
    """S-RATE-1, S-RATE-2, S-RATE-3: what is said, the link, and success when that time is over; others go on."""
    with serving(tmp_path, new_orders_per_account="2/4s", help_url=HELP) as (house, _):
        client, other = account(house), account(house)
        client.order("a.flow.test")
        client.order("b.flow.test")
        answer, seconds = untouched(house, lambda: new_order(client, "c.flow.test"),
                                    f"new orders of account {number(client)} are limited to 2 in 4 seconds; "
                                    "try again after 20", wait=(1, 2))
        assert f'<{HELP}>;rel="help"' in answer.headers.get_all("Link")
        assert any('rel="index"' in link for link in answer.headers.get_all("Link"))
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert "Replay-Nonce" in answer.headers
        other.order("a.flow.test")
        # a request that fails for another reason spends nothing
        for _ in range(3):
            assert new_order(client, "not a name").status == 400
        time.sleep(seconds)
        client.order("c.flow.test")
        limited(new_order(client, "d.flow.test"))
        # a bad nonce is not the limit's business, and other errors have no such link
        assert not any("help" in link for link in new_order(client).headers.get_all("Link"))


def test_new_rates_without_a_restart(tmp_path):
    with serving(tmp_path) as (house, _):
        client = account(house)
        client.order("a.flow.test")
        configuration = house.directory / "cairn-ca.yaml"
        text = configuration.read_text()
        assert 'new_orders_per_account: "off"' in text or "new_orders_per_account: off" in text
        configuration.write_text(re.sub(r'new_orders_per_account: "?off"?', "new_orders_per_account: 1/1h", text))
        house.process.send_signal(signal.SIGHUP)
        house.wait_for_line("event=.*reload|reloaded")
        client.order("a.flow.test")
        limited(new_order(client, "a.flow.test"), wait=(3590, 3600))


def test_certificates_of_a_domain_and_of_a_set(tmp_path):
    """S-RATE-4: by registered domain and by the exact set of identifiers; renewals do not count for the domain."""
    with serving(tmp_path, certificates_per_domain="1/7d", certificates_per_set="3/1h") as (house, responder):
        client = account(house)
        client.issue(responder, "a.flow.test", "b.flow.test")
        untouched(house, lambda: new_order(client, "c.flow.test", "d.other.test"),
                  "certificates per registered domain flow.test are limited to 1 in 7 days", wait=(604700, 604800))
        # the order of names does not matter; a renewal may also be another account's
        client.issue(responder, "b.flow.test", "a.flow.test")
        account(house).issue(responder, "a.flow.test", "b.flow.test")
        untouched(house, lambda: new_order(client, "a.flow.test", "b.flow.test"),
                  "certificates for exactly these identifiers (a.flow.test, b.flow.test) are limited to 3 in 1 hour",
                  wait=(1100, 1200))
        limited(new_order(client, "a.flow.test"), "registered domain flow.test")
        client.order("flow.other.test")


def test_two_orders_for_one_certificate(tmp_path):
    """What an order only looked at is spent when it is finalized, by one of several."""
    with serving(tmp_path, certificates_per_domain="1/7d") as (house, responder):
        client = account(house)
        orders = [client.order(f"{name}.flow.test") for name in "abc"]
        for _, order in orders:
            client.prove(order, responder)

        def finalize(order, name):
            return client.post(order["finalize"], {"csr": acme_raw.b64(acme_raw.make_csr([name]))})

        # a request that is refused for its own faults spends nothing
        assert finalize(orders[0][1], "x.flow.test").type == "badCSR"
        assert finalize(orders[0][1], "a.flow.test").status == 200
        assert client.poll(orders[0][0], ("valid", "invalid")).json["status"] == "valid"
        untouched(house, lambda: finalize(orders[1][1], "b.flow.test"), "registered domain flow.test")
        assert client.post(orders[1][0], None).json["status"] == "ready"
        # who asks again for what was issued is no second one
        assert client.post(orders[0][0], None).json["status"] == "valid"


def test_replacing_a_certificate_in_time_is_free(tmp_path):
    """S-ARI-14, RFC 9773 5: what the CA asked for is free of limits; what comes before its time is not."""
    with serving(tmp_path, certificates_per_domain="1/7d", new_orders_per_account="2/7d") as (house, responder):
        client = account(house)
        old = acme_raw.certificate_id(client.issue(responder, "a.flow.test"))
        names = ("a.flow.test", "b.flow.test")
        replacing = {**wish(*names), "replaces": old}
        untouched(house, lambda: client.post(client.directory["newOrder"], replacing), "registered domain flow.test")
        admin(house, "incident", "add", "--all")
        answer = client.post(client.directory["newOrder"], replacing)
        assert answer.status == 201 and answer.json["replaces"] == old, answer
        url, order = answer.headers["Location"], answer.json
        client.prove(order, responder)
        answer = client.post(order["finalize"], {"csr": acme_raw.b64(acme_raw.make_csr(names))})
        assert answer.status == 200, answer
        assert client.poll(url, ("valid", "invalid")).json["status"] == "valid"
        # neither an order nor a certificate was counted
        client.order("c.other.test")
        limited(new_order(client, "c.other.test"), "new orders of account")


def test_replacing_is_not_free_of_failures(tmp_path):
    """S-ARI-14: also in its window, an order that replaces gets no name that fails again and again, or is paused."""
    with serving(tmp_path, failed_validations="1/1h", new_orders_per_account="4/7d") as (house, responder):
        client = account(house)
        old = acme_raw.certificate_id(client.issue(responder, "a.flow.test"))
        fail(client, responder, "b.flow.test")
        admin(house, "incident", "add", "--all")
        admin(house, "pause", "add", number(client), "c.flow.test")

        def replacing(*names):
            return client.post(client.directory["newOrder"], {**wish(*names), "replaces": old})

        untouched(house, lambda: replacing("a.flow.test", "b.flow.test"), "failed validations of b.flow.test")
        untouched(house, lambda: replacing("a.flow.test", "c.flow.test"), "c.flow.test is paused")
        assert replacing("a.flow.test").status == 201


def test_public_suffixes_of_the_operator(tmp_path):
    (tmp_path / "list.dat").write_text("// ===BEGIN ICANN DOMAINS===\ntest\nflow.test\n// ===END ICANN DOMAINS===\n")
    with serving(tmp_path, certificates_per_domain="1/7d", suffix_list=tmp_path / "list.dat") as (house, responder):
        client = account(house)
        client.issue(responder, "www.a.flow.test")
        client.issue(responder, "www.b.flow.test")
        limited(new_order(client, "www2.b.flow.test"), "registered domain b.flow.test")
    house = house_module.House(tmp_path / "other", sets=["rates.suffix_list=nowhere.dat"])
    house.start(expect_ready=False)
    assert house.process.wait(20) != 0
    assert re.search("rates.suffix_list: there is no file .*/nowhere.dat", house.text())
    house.close()


def test_failed_validations(tmp_path):
    """S-RATE-4: by account and identifier; neither an order nor a challenge is to be had, and others go on."""
    with serving(tmp_path, failed_validations="1/1h") as (house, responder):
        client, other = account(house), account(house)
        _, waiting = client.order("bad.flow.test")
        challenge = client.challenge(waiting["authorizations"][0])
        fail(client, responder, "bad.flow.test")
        words = f"failed validations of bad.flow.test by account {number(client)} are limited to 1 in 1 hour"
        untouched(house, lambda: new_order(client, "good.flow.test", "bad.flow.test"), words, wait=(3590, 3600))
        responder.asked.clear()
        untouched(house, lambda: client.post(challenge["url"], {}), words)
        assert responder.asked == []
        assert client.post(waiting["authorizations"][0], None).json["status"] == "pending"
        client.issue(responder, "good.flow.test")
        other.issue(responder, "bad.flow.test")


def test_an_order_that_is_there_costs_nothing(tmp_path):
    """With order.reuse: what was spent for an order that was not made is given back."""
    with serving(tmp_path, "order.reuse=true", new_orders_per_account="2/1h") as (house, responder):
        client = account(house)
        url, order = client.order("a.flow.test")
        for _ in range(3):
            assert client.order("a.flow.test")[0] == url
        client.prove(order, responder)
        assert client.order("a.flow.test") == (url, {**order, "status": "ready"})
        assert client.order("b.flow.test")[0] != url
        limited(new_order(client, "c.flow.test"), "new orders of account", wait=(1790, 1800))


def new_authz(client, name):
    return client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": name}})


def test_authorizations_without_an_order(tmp_path):
    """S-RATE-4: newAuthz is no way around the limits of newOrder; what is there already is given for nothing."""
    with serving(tmp_path, new_orders_per_account="3/1h", failed_validations="1/1h") as (house, responder):
        client = account(house)
        waiting = new_authz(client, "a.flow.test")
        assert waiting.status == 201
        for _ in range(3):
            again = new_authz(client, "a.flow.test")
            assert (again.status, again.headers["Location"]) == (200, waiting.headers["Location"])
        fail(client, responder, "bad.flow.test")
        untouched(house, lambda: new_authz(client, "bad.flow.test"),
                  f"failed validations of bad.flow.test by account {number(client)} are limited to 1 in 1 hour",
                  wait=(3590, 3600))
        admin(house, "pause", "add", number(client), "paused.flow.test")
        untouched(house, lambda: new_authz(client, "paused.flow.test"),
                  f"paused.flow.test is paused for account {number(client)}", wait=(86400, 86400))
        # neither refusal was counted
        assert new_authz(client, "b.flow.test").status == 201
        untouched(house, lambda: new_authz(client, "c.flow.test"),
                  f"new orders of account {number(client)} are limited to 3 in 1 hour", wait=(1190, 1200))
        limited(new_order(client, "c.flow.test"), "new orders of account")


def test_new_accounts(tmp_path):
    """S-RATE-4: account creation is limited by itself; who has an account keeps it."""
    with serving(tmp_path, new_accounts_per_address="2/1h") as (house, _):
        first = account(house)
        client = acme_raw.Client(house.url, house.root)
        client.register()
        stranger = acme_raw.Client(house.url, house.root)
        untouched(house, lambda: stranger.post(stranger.directory["newAccount"], {}, jwk=True),
                  "new accounts from 127.0.0.1 are limited to 2 in 1 hour", wait=(1790, 1800))
        for _ in range(3):
            assert first.post(first.directory["newAccount"], {}, jwk=True).status == 200
            assert first.post(first.directory["newAccount"], {"onlyReturnExisting": True}, jwk=True).status == 200
        first.order("a.flow.test")


def test_new_accounts_of_a_network(tmp_path):
    with serving(tmp_path, new_accounts_per_address="off", new_accounts_per_network="1/1h") as (house, _):
        account(house)
        stranger = acme_raw.Client(house.url, house.root)
        limited(stranger.post(stranger.directory["newAccount"], {}, jwk=True), "from the network 127.0.0.0/24")


def test_requests_of_an_address(tmp_path):
    with serving(tmp_path, requests_per_address="20/4s") as (house, _):
        client = acme_raw.Client(house.url, house.root)
        answers = [client.request("GET", client.directory["newNonce"]) for _ in range(60)]
        refused = [answer for answer in answers if answer.status == 429]
        assert 0 < len(refused) < 60
        seconds = limited(refused[-1], "requests from 127.0.0.1 are limited to 20 in 4 seconds", wait=(1, 1))
        time.sleep(seconds)
        assert client.request("GET", client.directory["newNonce"]).status == 204
        assert client.request("GET", client.directory["newNonce"].replace("new-nonce", "nothing")).status == 404


def test_floods_of_questions_about_renewal(tmp_path):
    """S-ARI-8, RFC 9773 6: caches may answer, and whoever asks too often is refused."""
    with serving(tmp_path, requests_per_address="60/40s") as (house, responder):
        pem = account(house).issue(responder, "a.flow.test")
        client = acme_raw.Client(house.url, house.root)
        url = f"{client.directory['renewalInfo']}/{acme_raw.certificate_id(pem)}"
        answers = [client.request("GET", url) for _ in range(70)]
        assert {answer.status for answer in answers} == {200, 429}
        seconds = answers[0].headers["Retry-After"]
        assert answers[0].headers["Cache-Control"] == f"public, max-age={seconds}" and int(seconds) >= 60
        limited(answers[-1], "requests from 127.0.0.1", wait=(1, 1))
        assert "Cache-Control" not in answers[-1].headers or "public" not in answers[-1].headers["Cache-Control"]


def test_validations_of_a_domain(tmp_path):
    """S-SEC-2, RFC 8555 10.3: many accounts cannot have one domain asked as often as they like; who asks again for a
    check that was made or is under way spends nothing."""
    with serving(tmp_path, validations_per_domain="2/1h") as (house, responder):
        for name in ("a.flow.test", "b.flow.test"):
            client = account(house)
            _, order = client.order(name)
            client.prove(order, responder)
            challenge = client.challenge(order["authorizations"][0])
            for _ in range(3):
                assert client.post(challenge["url"], {}).status == 200
        client = account(house)
        _, order = client.order("c.flow.test")
        challenge = client.challenge(order["authorizations"][0])
        responder.asked.clear()
        untouched(house, lambda: client.post(challenge["url"], {}),
                  "validations of names of registered domain flow.test are limited to 2 in 1 hour", wait=(1790, 1800))
        assert responder.asked == []
        assert client.post(order["authorizations"][0], None).json["status"] == "pending"
        client.issue(responder, "a.other.test")
        shown = admin(house, "limit", "show", "validations_per_domain", "x.flow.test")
        assert (shown["bucket"], shown["left"]) == ("flow.test", 0)


def buckets(house):
    with contextlib.closing(sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT kind || ' ' || key, tat FROM limit_bucket"))


def test_restarts(tmp_path):
    """What was spent is known after a stop, and after a kill if it was written; nobody pays more than he spent."""
    with serving(tmp_path, new_orders_per_account="2/1h") as (house, _):
        client = account(house)
        client.order("a.flow.test")
        client.order("b.flow.test")
        assert house.stop() == 0
        bucket = f"new_orders_per_account {number(client)}"
        assert buckets(house)[bucket] > time.time() * 1e6
        house.start()
        client.connect()
        limited(new_order(client, "c.flow.test"), wait=(1700, 1800))
        other = account(house)
        other.order("a.flow.test")
        other.order("a.flow.test")
        deadline = time.monotonic() + 60
        while f"new_orders_per_account {number(other)}" not in buckets(house):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        house.stop(signal.SIGKILL)
        house.start()
        for one in (client, other):
            one.connect()
            limited(new_order(one, "c.flow.test"), wait=(1600, 1800))
        third = account(house)
        third.order("a.flow.test")
        third.order("a.flow.test")
        house.stop(signal.SIGKILL)
        house.start()
        third.connect()
        answer = new_order(third, "a.flow.test")  # forgiven, unless it was written at that moment
        if answer.status != 201:
            limited(answer, wait=(1600, 1800))


def test_pausing(tmp_path):
    """Who fails again and again is paused, over a restart too; a success in between counts from the start."""
    with serving(tmp_path, pause_after="3/30d", failed_validations="off") as (house, responder):
        client = account(house)
        for name in ("good.flow.test", "bad.flow.test"):
            fail(client, responder, name)
            fail(client, responder, name)
        client.issue(responder, "good.flow.test")
        fail(client, responder, "good.flow.test")
        fail(client, responder, "good.flow.test")
        client.order("good.flow.test")
        _, waiting = client.order("bad.flow.test")
        fail(client, responder, "bad.flow.test")
        words = (f"bad.flow.test is paused for account {number(client)}", "3 in 30 days",
                 f"cairn-ca pause remove {number(client)} bad.flow.test")
        untouched(house, lambda: new_order(client, "good.flow.test", "bad.flow.test"), *words, wait=(86400, 86400))
        untouched(house, lambda: client.post(client.challenge(waiting["authorizations"][0])["url"], {}), *words)
        account(house).issue(responder, "bad.flow.test")
        assert house.stop() == 0
        house.start()
        client.connect()
        limited(new_order(client, "bad.flow.test"), *words)
        client.order("good.flow.test")


def test_commands_about_limits(tmp_path):
    """One bucket is shown, gets a rate of its own and is emptied: by the running CA, and while none runs."""
    with serving(tmp_path, certificates_per_domain="1/7d") as (house, responder):
        client, id = account(house), 1
        assert number(client) == str(id)
        client.issue(responder, "a.flow.test")
        limited(new_order(client, "b.flow.test"))
        shown = admin(house, "limit", "show", "certificates_per_domain", "B.Flow.test")
        assert shown["bucket"] == "flow.test" and shown["rate"] == "1/7d" and shown["left"] == 0
        assert shown["own_rate"] is False and shown["new"].endswith("Z")
        rows = {row["limit"]: row for row in admin(house, "limit", "list")["limits"]}
        assert rows["certificates_per_domain"] == {"limit": "certificates_per_domain", "rate": "1/7d", "buckets": 1, "used_up": 1}
        assert rows["new_orders_per_account"]["rate"] == "off"
        assert admin(house, "limit", "override", "certificates_per_domain", "flow.test", "2/7d")["left"] == 1
        client.issue(responder, "b.flow.test")
        limited(new_order(client, "c.flow.test"), "limited to 2 in 7 days")
        assert admin(house, "limit", "reset", "certificates_per_domain", "flow.test")["left"] == 2
        house.kill()  # what it told is on disk
        assert admin(house, "limit", "show", "certificates_per_domain", "flow.test")["left"] == 2
        house.start()
        client.connect()
        client.issue(responder, "c.flow.test")
        # where the limit itself is off, one bucket can have a rate all the same
        admin(house, "limit", "override", "new_orders_per_account", id, "1/1h")
        client.order("d.flow.test")
        limited(new_order(client, "d.flow.test"), "new orders of account 1 are limited to 1 in 1 hour")
        assert house.stop() == 0
        # nothing runs (and what --set said counts for who runs only)
        assert {(row["bucket"], row["rate"]) for row in admin(house, "limit", "list")["own_rates"]} == {
            ("flow.test", "2/7d"), ("1", "1/1h")}
        assert admin(house, "limit", "show", "new_orders_per_account", id)["left"] == 0
        assert admin(house, "limit", "reset", "new_orders_per_account", id)["left"] == 1
        assert admin(house, "limit", "override", "certificates_per_domain", "flow.test", "default")["own_rate"] is False
        error = admin(house, "limit", "override", "certificates_per_domain", "flow.test", "default", fails=1)
        assert error["code"] == "NOT_FOUND"
        house.start()
        client.connect()
        client.order("d.other.test")
        limited(new_order(client, "d.other.test"), "new orders of account 1")
        admin(house, "limit", "override", "new_orders_per_account", id, "off")
        limited(new_order(client, "d.flow.test"), "flow.test are limited to 1 in 7 days")


@pytest.mark.parametrize("words, sentence", [
    (["show", "new_orders", "1"], 'there is no limit "new_orders"'),
    (["show", "new_orders_per_account", "x"], '"x" does not begin with the number of an account'),
    (["show", "failed_validations", "1"], '"1" is not ACCOUNT/IDENTIFIER'),
    (["show", "failed_validations", "1/"], '"1/" is not ACCOUNT/IDENTIFIER'),
    (["show", "requests_per_address", "here"], '"here" is no address'),
    (["show", "certificates_per_set", ", ,"], "there are no identifiers"),
    (["override", "new_orders_per_account", "1", "many"], '"many" is no rate; write COUNT/DURATION'),
    (["override", "new_orders_per_account", "1", "0/1h"], "the count must be"),
])
def test_commands_say_what_is_wrong(stopped, words, sentence):
    error = admin(stopped, "limit", *words, fails=64)
    assert error["code"] == "USAGE" and sentence in error["detail"]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A CA that does not run."""
    made = house_module.House(tmp_path_factory.mktemp("stopped") / "ca")
    yield made
    made.close()


def test_buckets_as_people_write_them(stopped):
    def bucket(*words):
        return admin(stopped, "limit", "show", *words)["bucket"]

    assert bucket("new_accounts_per_address", "192.0.2.7") == "192.0.2.7"
    assert bucket("new_accounts_per_address", "2001:DB8:0::7") == "2001:db8::/64"
    assert bucket("new_accounts_per_network", "192.0.2.0/24") == "192.0.2.0/24"
    assert bucket("certificates_per_domain", "*.www.Example.co.uk") == "example.co.uk"
    assert bucket("certificates_per_domain", "192.0.2.7") == "192.0.2.7"
    assert bucket("failed_validations", "17/WWW.flow.test") == "17/www.flow.test"
    assert bucket("certificates_per_set", "b.test, A.test") == bucket("certificates_per_set", "a.test,b.test")
    assert bucket("certificates_per_set", "a.test") != bucket("certificates_per_set", "a.test,b.test")
    # of a device the octets count, and what looks like a name is none
    assert bucket("certificates_per_domain", "permanent-identifier:A x.a.test") == "permanent-identifier:A x.a.test"
    assert bucket("failed_validations", "7/permanent-identifier:A/1.2.3") == "7/permanent-identifier:A/1.2.3"
    assert bucket("certificates_per_set", "permanent-identifier:A b, a.test") == bucket(
        "certificates_per_set", "A.test,permanent-identifier:A b")
    assert bucket("certificates_per_set", "permanent-identifier:a.test") != bucket("certificates_per_set", "a.test")


def test_commands_about_pauses(tmp_path):
    with serving(tmp_path, pause_after="2/30d") as (house, responder):
        client = account(house)
        client.order("a.flow.test")
        added = admin(house, "pause", "add", 1, "*.A.flow.test", "--reason", "call us at extension 7")
        assert (added["account"], added["identifier"]) == (1, "a.flow.test")
        untouched(house, lambda: new_order(client, "a.flow.test"), "a.flow.test is paused for account 1: call us at extension 7;")
        assert admin(house, "pause", "add", 1, "a.flow.test", fails=1)["code"] == "CONFLICT"
        assert admin(house, "pause", "add", 99, "a.flow.test", fails=1)["code"] == "NOT_FOUND"
        fail(client, responder, "b.flow.test")
        fail(client, responder, "b.flow.test")
        limited(new_order(client, "b.flow.test"), "b.flow.test is paused")
        pauses = admin(house, "pause", "list")
        assert pauses["all"] == 2 and [row["identifier"] for row in pauses["pauses"]] == ["a.flow.test", "b.flow.test"]
        assert admin(house, "pause", "list", "--id", 2)["pauses"] == []
        assert admin(house, "pause", "remove", 1, "b.flow.test") == {"account": 1, "identifier": "b.flow.test"}
        assert admin(house, "pause", "remove", 1, "b.flow.test", fails=1)["code"] == "NOT_FOUND"
        fail(client, responder, "b.flow.test")  # counted anew
        client.issue(responder, "b.flow.test")
        assert house.stop() == 0
        admin(house, "pause", "remove", 1, "a.flow.test")
        admin(house, "pause", "add", 1, "c.flow.test")
        house.start()
        client.connect()
        client.order("a.flow.test")
        limited(new_order(client, "c.flow.test"), "the operator of this CA paused it")


@pytest.mark.foreign
@pytest.mark.parametrize("program", ["certbot", "lego"])
def test_a_person_sees_the_sentence(tmp_path, program):
    with serving(tmp_path, new_orders_per_account="1/1h", help_url=HELP) as (house, responder):
        responder.close()  # the clients answer by themselves
        folders = [word for name in ("config", "work", "logs") for word in (f"--{name}-dir", tmp_path / name)]
        arguments = {
            "certbot": ["certbot", "certonly", "--server", house.url, *folders, "--non-interactive", "--agree-tos",
                        "--standalone", "--http-01-port", house.http_port, "-m", "a@flow.test"],
            "lego": ["lego", "--server", house.url, "--path", tmp_path / "lego", "--email", "a@flow.test", "--accept-tos",
                     "--http", "--http.port", f"127.0.0.1:{house.http_port}"],
        }[program]
        trust = {"REQUESTS_CA_BUNDLE": str(house.root), "LEGO_CA_CERTIFICATES": str(house.root),
                 "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        verb = ["run"] if program == "lego" else []
        for name, words in (("a", None), ("b", "are limited to 1 in 1 hour; try again after 20")):
            domain = ["--domains" if program == "lego" else "-d", f"{name}.flow.test"]
            done = subprocess.run([str(word) for word in [*arguments, *domain, *verb]], env=trust, timeout=120, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            assert (done.returncode == 0) == (words is None), done.stdout
            # Debian's certbot trips over its own exception for any problem document, but its log has the sentence
            seen = done.stdout + (tmp_path / "logs/letsencrypt.log").read_text() if program == "certbot" else done.stdout
            assert words is None or words in " ".join(seen.split()), seen
