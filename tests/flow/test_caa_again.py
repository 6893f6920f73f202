"""CAA (RFC 8659) looked up again before a certificate is made: when what was found is too old, when a proof was one of
another name (RFC 9444), and before each certificate of an order that renews itself (RFC 8739). Rows V-CAA, S-FIN-14,
S-SUBD-9."""
import concurrent.futures
import contextlib
import hashlib
import os
import signal
import sqlite3
import time

import pytest

import acme_raw
import house as house_module
import responder as responder_module
import world as world_module
from acme_raw import b64, make_csr
from rejudged import nothing_found
from test_star import text, wait_until

US = "ca.example.net"
OURS, NOBODY = [(0, "issue", US)], [(0, "issue", ";")]
SETS = [f"caa_identities={US}", "order.hold=5s", "validation.timeout=4s", "authorization.subdomains=true",
        "star.enabled=true", "star.min_lifetime=4s", "profiles.fresh.caa_age=0", "profiles.lasting.caa_age=8h",
        "directories.default.profiles=fresh,lasting"]


class World:
    def __init__(self, directory, sets=SETS):
        self.dns = world_module.Dns(port=0)
        self.house = house_module.House(directory, stub=self.dns, sets=sets)
        self.responder = responder_module.Responder(self.house.http_port)
        self.house.start()
        self.client = acme_raw.Client(self.house.url, self.house.root)
        self.client.register()
        self.count = 0

    def close(self):
        try:
            code, log = self.house.stop(), self.house.text()
            assert code == 0 and "AddressSanitizer" not in log and "runtime error" not in log, log[-3000:]
        finally:
            self.responder.close()
            self.house.close()
            self.dns.close()

    def name(self, caa=()):
        """A new one with these CAA records."""
        self.count += 1
        name = f"n{self.count}.caa.test"
        self.set(name, caa)
        return name

    def set(self, name, caa=(), **more):
        """`more` is what happens to questions for CAA."""
        address = {"A": ["127.0.0.1"]}
        self.dns.nodes[name] = lambda question: {**address, "CAA": caa, **more} if question.kind == "CAA" else address

    def again(self):
        """A connection of its own, of the same account."""
        made = acme_raw.Client(self.house.url, self.house.root, self.client.key)
        made.kid = self.client.kid
        return made

    def ready(self, *names, profile="fresh", **more):
        """An order whose names are proved."""
        client = self.again()
        answer = client.post(client.directory["newOrder"], {
            "identifiers": [{"type": "dns", "value": name} for name in names], "profile": profile, **more})
        assert answer.status == 201, answer
        client.prove(answer.json, self.responder)
        url = answer.headers["Location"]
        assert client.post(url, None).json["status"] == "ready"
        return client, url, answer.json

    def asked(self, name):
        return sum(question[:2] == (name, "CAA") for question in self.dns.asked)


def finalize(client, order, csr=None):
    names = [identifier["value"] for identifier in order["identifiers"]]
    return client.post(order["finalize"], {"csr": b64(csr or make_csr(names))})


def is_issued(client, url, answer):
    if answer.status != 200:
        return False
    return client.poll(url, ("valid", "invalid")).json["status"] == "valid"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("caa") / "ca")
    yield made
    nothing_found(made.house)
    made.close()


@pytest.fixture
def own(tmp_path):
    made = World(tmp_path / "ca")
    yield made
    made.close()


def test_forbidden_since(world):
    """S-FIN-14, V-CAA-21: the order ends, and says why."""
    name = world.name(OURS)
    client, url, order = world.ready(name)
    world.set(name, NOBODY)
    answer = finalize(client, order)
    assert answer.status == 403 and answer.type == "caa", answer
    assert f"of {name} (0 issue \";\") does not let this CA issue for {name}" in answer.json["detail"]
    number = url.rpartition("/")[2]
    world.house.wait_for_line(rf'order\.caa order={number} name={name} allowed=no why=".*does not let this CA issue')
    shown = client.post(url, None).json
    assert shown["status"] == "invalid" and shown["error"] == answer.json
    world.set(name, OURS)
    again = finalize(client, order)
    assert again.status == 403 and again.type == "orderNotReady", again


def test_the_decision_is_kept_behind_a_long_record(world):
    """V-REC-1: steps that are too many are cut, but not what CAA came to."""
    name = world.name([*NOBODY, *[(0, "issue", f"{i}.{'x' * 150}.test") for i in range(20)]])
    client = world.again()
    _, order = client.order(name)
    challenge = client.challenge(order["authorizations"][0])
    world.responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'

    def answer(handler):
        count = int(handler.path.rpartition("?")[2]) if "?" in handler.path else 0
        body = world.responder.tokens[challenge["token"]].encode() if count == 8 else b""
        handler.send_response(302 if count < 8 else 200)
        handler.send_header("Location", f"http://{name}/{'a' * 1400}?{count + 1}")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    world.responder.answer = answer
    try:
        client.post(challenge["url"], {})
        decided = client.poll(challenge["url"], ("valid", "invalid")).json
    finally:
        world.responder.answer = None
    assert decided["error"]["type"].endswith(":caa"), decided
    steps = world.house.evidence(challenge["url"])["perspectives"][0]["steps"]
    assert {"cut": True} in steps and len([step for step in steps if "url" in step]) >= 3
    caa = steps[-1]["caa"]
    assert caa["at"] == name and caa["allowed"] is False and caa["records"] and caa["more"] == 21 - len(caa["records"])


def test_a_subproblem_for_each_name(world):
    """V-CAA-5: all names must be allowed."""
    names = [world.name(OURS) for _ in range(4)]
    client, url, order = world.ready(*names)
    for name in names[1:3]:
        world.set(name, NOBODY)
    world.set(names[3], rcode=world_module.SERVFAIL)  # says nothing, and is outweighed
    answer = finalize(client, order)
    assert answer.status == 403 and answer.type == "caa", answer
    assert "and 1 more; see the subproblems" in answer.json["detail"]
    problems = answer.json["subproblems"]
    assert [p["identifier"] for p in problems] == [{"type": "dns", "value": name} for name in names[1:3]]
    assert all(p["type"] == "urn:ietf:params:acme:error:caa" and p["identifier"]["value"] in p["detail"] for p in problems)
    assert client.post(url, None).json["error"] == answer.json


def test_young_enough(world):
    """V-CAA-22: within the profile's age nobody is asked again."""
    name = world.name(OURS)
    client, url, order = world.ready(name, profile="lasting")
    world.set(name, NOBODY)
    before = world.asked(name)
    assert before > 0 and is_issued(client, url, finalize(client, order))
    assert world.asked(name) == before


def test_wildcards_have_records_of_their_own(world):
    """V-CAA-10 in the second look, too: base name and wildcard in one order, of which one is forbidden since."""
    base = world.name(OURS)
    client = world.again()
    url, order = client.order(base, f"*.{base}")
    world.dns.nodes[f"_acme-challenge.{base}"] = values = {"TXT": []}
    for authorization in order["authorizations"]:
        challenge = client.challenge(authorization, "dns-01")
        digest = hashlib.sha256(f'{challenge["token"]}.{client.key.thumbprint()}'.encode()).digest()
        values["TXT"].append([b64(digest).encode()])
        client.post(challenge["url"], {})
        assert client.poll(authorization, ("valid", "invalid")).json["status"] == "valid"
    world.set(base, [*OURS, (0, "issuewild", ";")])
    answer = finalize(client, order)
    assert answer.type == "caa", answer
    assert [p["identifier"]["value"] for p in answer.json["subproblems"]] == [f"*.{base}"]


@pytest.mark.parametrize("trouble, words", [
    ({"rcode": world_module.SERVFAIL}, "failed"), ({"rcode": world_module.REFUSED}, "failed"),
    ({"silent": True}, ""), ({"raw": lambda question: question.message[:2] + b"\x84\0" + b"\0" * 8}, "")],
    ids=["servfail", "refused", "silent", "nonsense"])
def test_trouble_ends_nothing(world, trouble, words):
    """V-CAA-12: no certificate, but the order stays as it is, and can be finalized when the DNS answers again."""
    names = [world.name(OURS), world.name(OURS)]
    client, url, order = world.ready(*names)
    world.set(names[1], **trouble)
    answer = finalize(client, order)
    assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0, answer
    assert f"looking up the CAA records of {names[1]}" in answer.json["detail"] and words in answer.json["detail"], answer
    assert [p["identifier"]["value"] for p in answer.json["subproblems"]] == names[1:]
    assert answer.json["subproblems"][0]["type"] == "urn:ietf:params:acme:error:dns"
    assert client.post(url, None).json["status"] == "ready"
    world.set(names[1], OURS)
    assert is_issued(client, url, finalize(client, order))


def test_many_at_once(world):
    """One certificate, whoever comes first; those with the same request all get it, others are told."""
    name = world.name(OURS)
    client, url, order = world.ready(name)
    requests = [make_csr([name]), make_csr([name])]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: finalize(world.again(), order, requests[i % 2]), range(8)))
    assert client.poll(url, ("valid", "invalid")).json["status"] == "valid"
    good = [i for i, answer in enumerate(answers) if answer.status == 200]
    assert len({i % 2 for i in good}) == 1 and len(good) == 4, answers
    assert all(answers[i].type == "orderNotReady" for i in range(8) if i not in good), answers


@pytest.mark.parametrize("above, below, allowed", [(OURS, NOBODY, False), (NOBODY, OURS, True), (NOBODY, (), False)])
def test_below_what_was_proved(world, above, below, allowed):
    """S-SUBD-9: CAA of the name that is certified counts, and not that of the name above it, where it has records of its
    own."""
    domain = world.name(above)
    client = world.again()
    made = client.post(client.directory["newAuthz"], {"identifier": {
        "type": "dns", "value": domain, "subdomainAuthAllowed": True}})
    assert made.status == 201, made
    challenge = client.challenge(made.headers["Location"], "dns-01")
    digest = hashlib.sha256(f'{challenge["token"]}.{client.key.thumbprint()}'.encode()).digest()
    world.dns.nodes[f"_acme-challenge.{domain}"] = {"TXT": [[b64(digest).encode()]]}
    client.post(challenge["url"], {})
    assert client.poll(made.headers["Location"], ("valid", "invalid")).json["status"] == "valid"
    world.set(f"www.{domain}", below)
    answer = client.post(client.directory["newOrder"], {
        "identifiers": [{"type": "dns", "value": f"www.{domain}"}], "profile": "lasting"})
    assert answer.json["status"] == "ready", answer
    done = finalize(client, answer.json)
    if allowed:
        assert is_issued(client, answer.headers["Location"], done)
    else:
        assert done.type == "caa" and f"www.{domain}" in done.json["detail"], done


def test_the_validator_dies_meanwhile(own):
    """kill -9 while the DNS is awaited: whoever takes its place is asked again."""
    name = own.name(OURS)
    client, url, order = own.ready(name)
    own.set(name, silent=True)
    before = own.asked(name)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(finalize, client, order)
        wait_until(lambda: own.asked(name) > before)
        own.set(name, OURS)
        os.kill(own.house.children()["validator"], signal.SIGKILL)
        assert is_issued(own.again(), url, answer.result())


def killed_while_asking(own):
    """A name whose DNS is silent, and the order that was to be finalized when the house was killed; it serves again."""
    name = own.name(OURS)
    client, url, order = own.ready(name)
    own.set(name, silent=True)
    before = own.asked(name)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(finalize, client, order)
        wait_until(lambda: own.asked(name) > before)
        own.house.kill()
        with pytest.raises(OSError):
            answer.result()
    own.house.start()
    return name, url, order


def test_the_house_dies_meanwhile(own):
    """Nothing was begun: the order is ready, and the same request does it."""
    name, url, order = killed_while_asking(own)
    client = own.again()
    assert client.post(url, None).json["status"] == "ready"
    own.set(name, NOBODY)
    assert finalize(client, order).type == "caa"


def test_looked_at_from_now_on(tmp_path):
    """What was proved while CAA was not looked at is looked up before it is certified."""
    own = World(tmp_path / "ca", [*SETS, "directories.default.check_caa=false"])
    try:
        names = [own.name(NOBODY), own.name(OURS)]
        orders = [own.ready(name, profile="lasting") for name in names]
        assert [own.asked(name) for name in names] == [0, 0]
        assert own.house.stop() == 0
        own.house.sets.remove("directories.default.check_caa=false")
        own.house.start()
        assert finalize(own.again(), orders[0][2]).type == "caa"
        assert is_issued(own.again(), orders[1][1], finalize(own.again(), orders[1][2]))
    finally:
        own.close()


def test_renewals(own):
    """RFC 8739: each certificate is one; forbidden for a while, no new one is made, but the order goes on."""
    name = own.name(OURS)
    client, url, order = own.ready(name, **{"auto-renewal": {"end-date": text(time.time() + 600), "lifetime": 16}})
    assert is_issued(client, url, finalize(client, order))
    number = url.rpartition("/")[2]

    def count():
        return house_count(own.house, f"SELECT count(*) FROM issuance WHERE order_id = {number} AND state = 1")
    wait_until(lambda: count() >= 2)
    asked = own.asked(name)
    assert asked >= 3  # when it was proved, and before each; resolvers may repeat a question
    own.set(name, NOBODY)
    own.house.wait_for_line(rf"order\.not_renewed order={number} .*CAA", seconds=60)
    assert client.post(url, None).json["status"] == "valid"
    had = count()
    own.set(name, OURS)
    wait_until(lambda: count() > had)


def house_count(house, statement):
    with contextlib.closing(sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True)) as db:
        return db.execute(statement).fetchone()[0]
