"""Terms of service that change (RFC 8555 7.3.3): rows S-TOS-1 and S-TOS-2, S-UPD-2 where it names the agreement, 35 of what
servers choose. The operator changes the URL first, and demands the new agreement when he wants to."""
import contextlib
import sqlite3

import pytest

import acme_raw
import house as house_module
import responder as responder_module

OLD, NEW, HELP = "https://terms.test/1", "https://terms.test/2", "https://terms.test/how"
NAME = "terms.example.test"
AGREE = {"termsOfServiceAgreed": True}
ORDER = {"identifiers": [{"type": "dns", "value": NAME}]}


class World:
    """A CA whose terms change between starts, with one account from the time before."""

    def __init__(self, directory):
        self.house = house_module.House(directory, sets=[f"terms_of_service={OLD}"])
        self.house.start()
        self.responder = responder_module.Responder(self.house.http_port)
        self.client = acme_raw.Client(self.house.url, self.house.root)
        self.client.register(contact=["mailto:a@example.test"])

    def restart(self, *sets):
        assert self.house.stop() == 0
        self.house.sets = list(sets)
        self.house.start()
        self.client.connect()
        self.client.nonces.clear()

    def row(self):
        """What the store knows of the agreement."""
        with contextlib.closing(sqlite3.connect(f"file:{self.house.directory}/cairn.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT terms_agreed, terms, terms_at, created FROM account ORDER BY id").fetchone()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "ca")
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
    finally:
        made.responder.close()
        made.house.close()


def new_order(client):
    return client.post(client.directory["newOrder"], ORDER)


def demands_agreement(answer, instance=NEW):
    assert (answer.status, answer.type) == (403, "userActionRequired"), answer
    assert f'<{NEW}>;rel="terms-of-service"' in answer.headers.get_all("Link"), answer
    assert answer.json["instance"] == instance and "termsOfServiceAgreed" in answer.json["detail"], answer
    assert answer.headers["Replay-Nonce"] and answer.headers["Content-Type"] == "application/problem+json"


def test_another_url_alone_locks_nobody_out(world):
    """Thousands of unattended clients go on; who agrees now need not do so later."""
    assert world.row()[:2] == (1, OLD)
    world.restart(f"terms_of_service={NEW}")
    assert world.client.request("GET", world.house.url).json["meta"]["termsOfService"] == NEW
    assert new_order(world.client).status == 201
    assert world.row()[1] == OLD
    assert world.client.post(world.client.kid, AGREE).status == 200
    agreed, terms, at, created = world.row()
    assert (agreed, terms) == (1, NEW) and at >= created
    world.restart(f"terms_of_service={NEW}", "terms_of_service_renew=true")
    assert new_order(world.client).status == 201


def test_agreement_is_demanded_for_what_is_new(world):
    """S-TOS-1, S-TOS-2: newOrder and finalize are refused and change nothing; everything that is the account's already
    stays open, and so does what ends it. Agreeing is one update, and the order that waited goes on."""
    client = world.client
    url, order = client.order(NAME)
    done_url, done = client.order(NAME)
    client.prove(done, world.responder)
    csr = acme_raw.b64(acme_raw.make_csr([NAME]))
    assert client.post(done["finalize"], {"csr": csr}).json["status"] == "valid"
    world.restart(f"terms_of_service={NEW}", "terms_of_service_renew=true")
    before = world.house.content()
    demands_agreement(new_order(client))
    for answer in [client.post(client.kid, None), client.post(client.kid, {"termsOfServiceAgreed": False}),
                   client.post(client.kid, {}), client.post(url, None), client.post(done_url, None),
                   client.post(client.post(done_url, None).json["certificate"], None),
                   client.post(done["finalize"], {"csr": csr})]:  # polls what was begun before
        assert answer.status == 200, answer
    assert world.house.content() == before
    client.prove(order, world.responder)
    before = world.house.content()
    demands_agreement(client.post(order["finalize"], {"csr": csr}))
    assert world.house.content() == before
    assert client.post(url, None).json["status"] == "ready"
    shown = client.post(client.kid, {"contact": ["mailto:b@example.test"], **AGREE})
    assert shown.json["contact"] == ["mailto:b@example.test"] and shown.json["termsOfServiceAgreed"] is True, shown
    assert f'<{NEW}>;rel="terms-of-service"' in shown.headers.get_all("Link")
    assert client.post(order["finalize"], {"csr": csr}).json["status"] == "valid"
    assert new_order(client).status == 201


def test_keys_and_ends_need_no_agreement(world):
    world.restart(f"terms_of_service={NEW}", "terms_of_service_renew=true", f"terms_of_service_help={HELP}")
    client = world.client
    demands_agreement(new_order(client), HELP)
    fresh = acme_raw.Key()
    inner = client.jws(client.directory["keyChange"], {"account": client.kid, "oldKey": client.key.jwk()}, key=fresh,
                       header={"jwk": fresh.jwk()}, drop=["nonce", "kid"])
    assert client.post(client.directory["keyChange"], inner).status == 200
    client.key = fresh
    demands_agreement(new_order(client), HELP)
    assert client.post(client.kid, {"status": "deactivated"}).json["status"] == "deactivated"


def test_who_comes_later_agrees_at_once(world):
    """S-NEWA-9, and newAccount with a key that is known changes nothing."""
    world.restart(f"terms_of_service={NEW}", "terms_of_service_renew=true")
    other = acme_raw.Client(world.house.url, world.house.root)
    answer = other.post(other.directory["newAccount"], {}, jwk=True)
    assert (answer.status, answer.type, answer.json["instance"]) == (403, "userActionRequired", NEW), answer
    assert other.register().status == 201
    assert new_order(other).status == 201
    before = world.house.content()
    assert world.client.register().status == 200
    assert world.house.content() == before
    demands_agreement(new_order(world.client))


def test_a_ca_that_had_no_terms(tmp_path):
    """Whoever came before has agreed to nothing."""
    house = house_module.House(tmp_path / "ca")
    try:
        house.start()
        client = acme_raw.Client(house.url, house.root)
        client.post(client.directory["newAccount"], {}, jwk=True)
        client.kid = client.register().headers["Location"]
        assert client.post(client.kid, AGREE).status == 200
        house.stop()
        house.sets = [f"terms_of_service={NEW}", "terms_of_service_renew=true"]
        house.start()
        client.connect()
        client.nonces.clear()
        demands_agreement(new_order(client))
        assert client.post(client.kid, AGREE).json["termsOfServiceAgreed"] is True
        assert new_order(client).status == 201
        assert house.stop() == 0
    finally:
        house.close()


def test_the_change_comes_with_a_reload(world):
    """SIGHUP is enough: accounts in memory are judged by what is in force."""
    import signal
    file = world.house.directory / "cairn-ca.yaml"
    world.restart()
    file.write_text(file.read_text().replace('terms_of_service: ""', f"terms_of_service: {OLD}"))
    assert f"terms_of_service: {OLD}" in file.read_text()
    world.restart()
    assert new_order(world.client).status == 201
    file.write_text(file.read_text().replace(f"terms_of_service: {OLD}", f"terms_of_service: {NEW}").replace(
        "terms_of_service_renew: false", "terms_of_service_renew: true"))
    mark = len(world.house.text())
    world.house.process.send_signal(signal.SIGHUP)
    world.house.wait_for_line(r"reload", since=mark)
    for _ in range(50):
        answer = new_order(world.client)
        if answer.status == 403:
            break
    demands_agreement(answer)
