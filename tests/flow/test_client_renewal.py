"""cairn renew: when the CA suggests it (RFC 9773), what is remembered of failures, rate limits and CAs out of reach,
and other CAs in their place. A timer may start it every minute."""
import datetime
import email.utils
import json
import re
import socket
import sqlite3
import threading
import time

import pytest

from acme_raw import certificate_id
from fake_ca import DAY, problem
from pebble import Client
from test_incidents import admin

NAME = "www.example.test"
UNCHANGED, NETWORK, REFUSED, VALIDATION, LIMITED = 2, 3, 4, 5, 6
HOUR = 3600


class Remembering(Client):
    """The client, and what it remembers."""

    def path(self, name=NAME):
        return self.directory / "certificates" / name / "renewal.json"

    def state(self, name=NAME):
        return json.loads(self.path(name).read_text())

    def change(self, change, name=NAME):
        """As if time had passed, or something had happened."""
        state = self.state(name)
        change(state)
        self.path(name).write_text(json.dumps(state))

    def may_ask(self):
        self.change(lambda s: s["ari"].update(ask_after="2020-01-01T00:00:00Z"))

    def may_try(self, name=NAME):
        self.change(lambda s: s["failure"].update(not_before="2020-01-01T00:00:00Z"), name)

    def serial(self, name=NAME):
        return json.loads((self.live(name) / "metadata.json").read_text())["keys"][0]["serial"]


def seconds(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


def in_seconds(text):
    return seconds(text) - datetime.datetime.now(datetime.timezone.utc).timestamp()


@pytest.fixture
def client(fake_ca, tmp_path):
    return Remembering(tmp_path / "state", fake_ca)


def asked(ca, path="/ari/"):
    return [r for r in ca.requests if r.path.startswith(path)]


# ---- suggestions ----

def test_nothing_due_asks_nobody(client, fake_ca):
    client.issue(NAME)
    client.run("renew", code=UNCHANGED)  # learns that this CA suggests nothing
    before = len(fake_ca.requests)
    for _ in range(3):
        client.run("renew", code=UNCHANGED)
        client.run("renew", NAME, code=UNCHANGED)
    assert len(fake_ca.requests) == before
    fake_ca.close()
    client.run("renew", code=UNCHANGED)


def test_the_window_is_now(client, fake_ca):
    """C-ARI-1, C-REN-2."""
    fake_ca.window = (-2 * HOUR, -HOUR)
    client.issue(NAME)
    first, pem = client.serial(), (client.live(NAME) / "cert.pem").read_bytes()
    done = client.run("renew")
    assert "the CA suggests it" in done.stdout and client.serial() != first
    assert asked(fake_ca)[0].path == "/ari/" + certificate_id(pem)
    assert asked(fake_ca)[0].method == "GET" and not asked(fake_ca)[0].body
    assert "failure" not in client.state() and client.state()["issued"] == 2


def test_a_moment_is_drawn_once(client, fake_ca):
    """C-ARI-1, C-ARI-12."""
    fake_ca.window = ("2027-01-05T00:00:00Z", "2027-01-06T00:00:00Z")
    client.issue(NAME)
    client.run("renew", code=UNCHANGED)
    ari = client.state()["ari"]
    assert (ari["start"], ari["end"]) == fake_ca.window and ari["start"] <= ari["moment"] <= ari["end"]
    assert abs(in_seconds(ari["ask_after"]) - 21600) < 60
    client.run("renew", code=UNCHANGED)
    assert len(asked(fake_ca)) == 1
    client.may_ask()
    client.run("renew", code=UNCHANGED)
    assert len(asked(fake_ca)) == 2 and client.state()["ari"]["moment"] == ari["moment"]
    fake_ca.window = ("2027-01-07T00:00:00Z", "2027-01-08T00:00:00Z")
    client.may_ask()
    client.run("renew", code=UNCHANGED)
    assert fake_ca.window[0] <= client.state()["ari"]["moment"] <= fake_ca.window[1]


def test_an_incident(client, fake_ca):
    """The window moves into the past, and a page says why: that is shown, and once."""
    fake_ca.window = (20 * 24 * HOUR, 21 * 24 * HOUR)
    client.issue(NAME)
    client.run("renew", code=UNCHANGED)
    fake_ca.window, fake_ca.explanation = (30 * 24 * HOUR, 31 * 24 * HOUR), f"{fake_ca.base}/incident"
    client.may_ask()
    done = client.run("renew", code=UNCHANGED)
    assert f"says why at {fake_ca.base}/incident" in done.stderr
    fake_ca.window = (-HOUR, -60)
    client.may_ask()
    done = client.run("renew")
    assert "says why" not in done.stderr and "the CA suggests it" in done.stdout


@pytest.mark.parametrize("retry_after, wait", [
    ("1", 60), ("7200", 7200), ("8640000", 24 * HOUR), (None, 6 * HOUR), ("soon", 6 * HOUR),
    (lambda: email.utils.formatdate(datetime.datetime.now().timestamp() + 5 * HOUR, usegmt=True), 5 * HOUR)])
def test_when_it_is_asked_again(client, fake_ca, retry_after, wait):
    """C-ARI-3."""
    fake_ca.window = (20 * 24 * HOUR, 21 * 24 * HOUR)
    fake_ca.retry_after = retry_after() if callable(retry_after) else retry_after
    client.issue(NAME)
    client.run("renew", code=UNCHANGED)
    assert abs(in_seconds(client.state()["ari"]["ask_after"]) - wait) < 60


@pytest.mark.parametrize("answer, wait", [
    ((200, {}, {"suggestedWindow": {"start": "2020-01-02T00:00:00Z", "end": "2020-01-01T00:00:00Z"}}), 6 * HOUR),
    ((200, {}, {"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-01T00:00:00Z"}}), 6 * HOUR),
    ((200, {}, {"suggestedWindow": {"start": "2020-01-01T00:00:00Z"}}), 6 * HOUR),
    ((200, {}, {"suggestedWindow": {"start": 1, "end": 2}}), 6 * HOUR),
    ((200, {}, {"suggestedWindow": []}), 6 * HOUR),
    ((200, {}, b"[" * 100000), 6 * HOUR),
    ((302, {"Location": "/elsewhere"}, {}), 6 * HOUR),
    ((503, {"Retry-After": "7200"}, b"busy"), 7200),
    ((503, {}, b"busy"), 60),
    ((503, {"Retry-After": "soon"}, {}), 60),
    (problem("rateLimited", status=429, **{"Retry-After": "1800"}), 1800),
    (problem("malformed", status=404), 6 * HOUR),
])
def test_answers_that_suggest_nothing(client, fake_ca, answer, wait):
    """C-ARI-5, 6, 7: whatever it says, the certificate is as good as it was, and the CA is not asked again at once."""
    fake_ca.window = (20 * 24 * HOUR, 21 * 24 * HOUR)
    client.issue(NAME)
    fake_ca.answers["/ari"] = lambda request: answer
    for _ in range(2):
        client.run("renew", code=UNCHANGED)
    assert len(asked(fake_ca)) == 1
    assert abs(in_seconds(client.state()["ari"]["ask_after"]) - wait) < 60 and "moment" not in client.state()["ari"]


def test_no_answer_is_no_reason_to_forget(client, fake_ca):
    fake_ca.window = (20 * 24 * HOUR, 21 * 24 * HOUR)
    client.issue(NAME)
    client.run("renew", code=UNCHANGED)
    moment = client.state()["ari"]["moment"]
    fake_ca.answers["/ari"] = lambda request: (503, {}, b"busy")
    client.may_ask()
    client.run("renew", code=UNCHANGED)
    assert client.state()["ari"]["moment"] == moment


@pytest.mark.parametrize("days, age, due", [(90, 59, False), (90, 61, True), (45, 31, True), (6, 2, False), (6, 4, True)])
def test_without_suggestions_by_the_lifetime(client, fake_ca, days, age, due):
    """C-REN-2."""
    fake_ca.lifetime, fake_ca.age = days * DAY, age * DAY
    client.issue(NAME)
    first = client.serial()
    fake_ca.age = DAY / 24
    client.run("renew", code=0 if due else UNCHANGED)
    assert (client.serial() != first) == due


def test_a_renewal_says_what_it_replaces(client, fake_ca):
    """C-ARI-8, 9: names of RFC 9773 5 in newOrder: of a CA that has such information, and of the certificate in force only."""
    fake_ca.window = (-2 * HOUR, -HOUR)
    client.issue(NAME)
    pem = (client.live(NAME) / "cert.pem").read_bytes()
    client.run("renew")
    first, second = (r.json() for r in fake_ca.asked("/order"))
    assert "replaces" not in first and second["replaces"] == certificate_id(pem)
    fake_ca.answers["/order"] = lambda r: problem("alreadyReplaced", "so it is", 409) if "replaces" in r.json() else None
    client.run("renew", "--force")
    assert [("replaces" in r.json()) for r in fake_ca.asked("/order")[2:]] == [True, False]


def test_names_that_changed(client, fake_ca, tmp_path):
    """RFC 9773 5: an order that has no name of the certificate's does not replace it, and is made once."""
    fake_ca.window = (2 * HOUR, 3 * HOUR)
    sent = []
    for names in (["a.example.test", "b.example.test"], ["b.example.test", "c.example.test"], ["d.example.test"]):
        config = tmp_path / "cairn.yaml"
        config.write_text(f"certificates:\n  changed:\n    names: [{', '.join(names)}]\n    cas: fake\n    http_port: {fake_ca.http_port}\n"
                          f"cas:\n  fake: {{directory: '{fake_ca.url}', ca_file: {fake_ca.root}, agree_tos: true}}\n")
        client.run("apply", "--config", config)
        sent.append(["replaces" in r.json() for r in fake_ca.asked("/order")])
    assert sent[-1] == [False, True, False], sent


# ---- failures ----

def fail(kind="malformed", status=400, **headers):
    return lambda request: problem(kind, "no way", status, **headers)


def test_failures_wait(client, fake_ca):
    """C-ARI-12."""
    fake_ca.age = 80 * DAY
    client.issue(NAME)
    fake_ca.answers["/order"] = fail("rejectedIdentifier")
    done = client.run("renew", code=REFUSED)
    assert "no way" in done.stderr
    failure = client.state()["failure"]
    assert failure["count"] == 1 and failure["code"] == "REJECTED_IDENTIFIER" and "no way" in failure["detail"]
    assert 50 < in_seconds(failure["not_before"]) + 2 and in_seconds(failure["not_before"]) < 67
    before = len(fake_ca.requests)
    done = client.run("renew", code=UNCHANGED)
    assert len(fake_ca.requests) == before
    assert re.search(r"waits +www.example.test: it failed 1 time, and is not tried before \S+Z: .*no way", done.stdout)
    client.may_try()
    client.run("renew", code=REFUSED)
    failure = client.state()["failure"]
    assert failure["count"] == 2 and 530 < in_seconds(failure["not_before"]) < 670
    fake_ca.answers.clear()
    client.run("renew", code=UNCHANGED)
    client.run("renew", "--force")
    assert "failure" not in client.state() and client.state()["failed"] == 2


def test_by_hand_there_is_no_wait(client, fake_ca):
    """Who has mended what was wrong need not wait."""
    fake_ca.answers["/order"] = fail()
    client.issue(NAME, code=REFUSED)
    fake_ca.answers.clear()
    client.issue(NAME)
    assert "failure" not in client.state()


@pytest.mark.parametrize("after", [lambda: "7200", lambda: email.utils.formatdate(time.time() + 7200, usegmt=True)])
def test_a_rate_limit_is_kept(client, fake_ca, after):
    """C-RATE-1. Seconds, or a date."""
    fake_ca.answers["/order"] = fail("rateLimited", 429, **{"Retry-After": after()})
    done = client.issue(NAME, code=LIMITED)
    assert "no way" in done.stderr
    before = len(fake_ca.requests)
    done = client.issue(NAME, code=LIMITED)
    assert re.search(r"not tried before \S+Z", done.stderr) and len(fake_ca.requests) == before
    assert abs(in_seconds(client.state()["failure"]["not_before"]) - 7200) < 60
    assert json.loads(client.issue(NAME, "--json", code=LIMITED).stdout)["error"]["retry_after"] > 7000
    fake_ca.answers.clear()
    client.issue(NAME, "--force")


def test_a_limit_of_the_account_is_everybody_s(client, fake_ca):
    fake_ca.answers["/order"] = lambda request: problem(
        "rateLimited", "too many new orders from this account", 429, **{"Retry-After": "7200"})
    client.issue(NAME, code=LIMITED)
    before = len(fake_ca.requests)
    done = client.issue("other.example.test", code=LIMITED)
    assert "too many new orders" in done.stderr and "not asked before" in done.stderr
    assert len(fake_ca.requests) == before


@pytest.mark.parametrize("damage", [b"", b'{"failure":{"count":-7,"code":"IO"}}', b"\xff" * 300000], ids=["empty", "wrong", "large"])
def test_a_damaged_memory(client, fake_ca, damage):
    client.issue(NAME)
    client.path().write_bytes(damage)
    client.run("renew", code=UNCHANGED)
    client.state()
    client.run("renew", "--force")


# ---- CAs out of reach ----

class DeadCa:
    """Takes connections, counts them, and says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}/dir"
        self.met = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.met += 1
            connection.close()


@pytest.fixture
def dead_ca():
    made = DeadCa()
    yield made
    made.listener.close()


def settings(client, tmp_path, cas, certificates, **more):
    """A cairn.yaml for CAs by name and certificates with their lists of CAs."""
    text = {"state": str(client.directory), "agree_tos": True,
            "cas": {n: {"directory": ca.url, **({"ca_file": str(ca.root)} if hasattr(ca, "root") else {})}
                    for n, ca in cas.items()},
            "defaults": {"http_port": client.ca.http_port}, "certificates": certificates, **more}
    path = tmp_path / "cairn.yaml"
    path.write_text(json.dumps(text))  # JSON is YAML
    return ["--config", path]


def begun(client, *names):
    """As if these had been issued by the one CA and were due, without a CA to ask."""
    for name in names:
        client.ca.age = 80 * DAY
        client.issue(name)


def test_the_next_ca(client, fake_ca, dead_ca, tmp_path):
    begun(client, NAME)
    (client.directory / "certificates" / NAME / "cairn.yaml").unlink()
    more = settings(client, tmp_path, {"first": dead_ca, "second": fake_ca}, {NAME: {"names": NAME, "cas": ["first", "second"]}})
    fake_ca.age = DAY
    done = client.run("renew", *more)
    assert "asking second" in done.stderr and dead_ca.met >= 1
    assert client.state()["ca"] == fake_ca.url
    met = dead_ca.met
    client.run("renew", "--force", *more)  # whatever is known
    assert dead_ca.met > met


def test_a_ca_out_of_reach_is_tried_once(client, fake_ca, dead_ca, tmp_path):
    names = [f"{n}.example.test" for n in "abcdef"]
    begun(client, *names)
    for name in names:
        (client.directory / "certificates" / name / "cairn.yaml").unlink()
        path = client.live(name) / "metadata.json"
        path.write_text(path.read_text().replace(fake_ca.url, dead_ca.url))
    more = settings(client, tmp_path, {"dead": dead_ca}, {n: {"names": n, "cas": "dead"} for n in names},
                    renewal={"parallel": 1})
    done = client.run("renew", *more, code=NETWORK)
    assert dead_ca.met == 1, done.stdout + done.stderr
    assert done.stdout.count("was out of reach") == 5
    for _ in range(3):
        client.run("renew", *more, code=UNCHANGED)
    assert dead_ca.met == 1


def test_our_own_port_is_not_the_ca_s_fault(client, fake_ca):
    with socket.create_server(("127.0.0.1", fake_ca.http_port)):
        done = client.issue(NAME, code=None)
    assert done.returncode != 0 and "in use" in done.stderr
    states = list((client.directory / "cas").glob("*.json"))
    assert all(json.loads(p.read_text())["failures"] == 0 for p in states)


# ---- clocks ----

@pytest.mark.parametrize("jump", [-400 * 24 * HOUR, 400 * 24 * HOUR])
def test_a_clock_that_was_wrong(client, fake_ca, jump):
    """What was taken down with a wrong clock does not count with a right one."""
    fake_ca.window = (20 * 24 * HOUR, 21 * 24 * HOUR)
    client.issue(NAME)
    client.run("renew", code=UNCHANGED)

    def shifted(text):
        return datetime.datetime.utcfromtimestamp(seconds(text) + jump).strftime("%Y-%m-%dT%H:%M:%SZ")

    client.change(lambda s: s["ari"].update(asked=shifted(s["ari"]["asked"]), ask_after=shifted(s["ari"]["ask_after"])))
    client.run("renew", code=UNCHANGED)
    assert len(asked(fake_ca)) == 2
    assert abs(in_seconds(client.state()["ari"]["ask_after"]) - 21600) < 60


# ---- several at a time ----

def test_several_at_a_time(pebble, tmp_path):
    """Each by a process of its own; who needs a port of ours waits for its turn. One that fails stops no other."""
    client = Remembering(tmp_path / "state", pebble)
    names = [f"{n}.parallel.example.test" for n in "abcdefgh"]
    bad = "bad.parallel.example.test"
    more = settings(client, tmp_path, {"pebble": pebble},
                    {**{n: {"names": n, "cas": "pebble"} for n in names}, bad: {"names": [bad], "cas": "pebble", "http_port": 1}},
                    renewal={"parallel": 4})
    done = client.run("apply", *more, code=None, seconds=120)
    assert done.returncode not in (0, UNCHANGED) and f"cairn: {bad} was not proved: " in done.stderr
    serials = {client.serial(n) for n in names}
    assert len(serials) == len(names) and "8 " in done.stdout.splitlines()[-1]
    begun = [line.split()[1].rstrip(":") for line in done.stdout.splitlines() if line.startswith("ca ")]
    first = next(i for i, line in enumerate(done.stdout.splitlines()) if line.startswith("issued "))
    assert len([line for line in done.stdout.splitlines()[:first] if line.startswith("ca ")]) > 1, done.stdout
    assert set(begun) >= set(names)
    client.run("apply", *more, code=UNCHANGED)
    left = {p.name for p in client.directory.rglob("*") if p.name.startswith(".") or p.name.endswith(".new")}
    assert left == set()


# ---- a CA that has incidents ----

def test_an_incident_of_cairn_ca(house, tmp_path):
    """The CA says that it is going to revoke, over some time: the certificate is renewed at a moment within that, and the
    new one is not concerned. The order says what it replaces, which this CA holds against its store."""
    client = Remembering(tmp_path / "state", house, agree=False)
    client.issue(NAME)
    client.run("renew", code=UNCHANGED)
    start = client.state()["ari"]["start"]
    assert 50 < in_seconds(start) / DAY.total_seconds() < 70
    admin(house, "incident", "add", "--all", "--over", "60s", "--explanation", "https://ca.example.test/why")
    client.run("renew", code=UNCHANGED)  # not asked before the CA wants it
    client.may_ask()
    first = client.serial()
    done = client.run("renew", code=None)  # the moment may be this one
    assert "says why at https://ca.example.test/why" in done.stderr
    if client.serial() == first:
        assert -5 < in_seconds(client.state()["ari"]["moment"]) < 60
        client.change(lambda s: s["ari"].update(moment="2020-01-01T00:00:00Z"))
        done = client.run("renew")
    assert client.serial() != first
    client.run("renew", code=UNCHANGED)
    assert in_seconds(client.state()["ari"]["start"]) > 50 * DAY.total_seconds()
    assert "again, without saying" not in done.stdout


def test_cairn_ca_is_told_what_is_replaced(house, tmp_path):
    """And holds it against who replaces the same one twice: after a rollback the order is made again without it."""
    client = Remembering(tmp_path / "state", house, agree=False)
    client.issue(NAME)
    first = (client.live(NAME) / "cert.pem").read_bytes()
    assert "again, without saying" not in client.run("renew", "--force").stdout
    client.run("rollback", NAME)
    assert (client.live(NAME) / "cert.pem").read_bytes() == first
    serial = client.serial()
    assert "order     again, without saying which certificate it replaces: " in client.run("renew", "--force").stdout
    assert client.serial() != serial
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT replaces FROM orders ORDER BY id").fetchall() == [(None,), (certificate_id(first),), (None,)]


# ---- around an attempt ----

def test_hooks_around_an_attempt(client, fake_ca, tmp_path):
    """A pre_hook that fails ends it before anybody is asked; post_hook runs however it ended; nothing due, no hook."""
    log = tmp_path / "log"
    hooks = {"pre_hook": f'echo "before $CAIRN_NAME $CAIRN_NAMES" >> {log}; test ! -e {tmp_path}/stop',
             "post_hook": f'echo "after $CAIRN_OUTCOME" >> {log}'}
    more = settings(client, tmp_path, {"it": fake_ca}, {"site": {"names": [NAME, "b.example.test"], "cas": "it", **hooks}})
    client.run("apply", *more)
    assert log.read_text() == f"before site {NAME} b.example.test\nafter issued\n"
    log.write_text("")
    client.run("apply", *more, code=UNCHANGED)
    assert log.read_text() == ""
    fake_ca.answers["/order"] = fail()
    client.run("apply", "--force", *more, code=REFUSED)
    assert log.read_text().endswith("after failed\n")
    (tmp_path / "stop").touch()
    before = len(fake_ca.requests)
    done = client.run("apply", "--force", *more, code=1)
    assert "pre_hook" in done.stderr and len(fake_ca.requests) == before


def test_deployments_that_failed_are_tried_again(client, fake_ca, tmp_path):
    """The certificate is there and stays, exit code 7; renew tries the deployment alone when its time has come."""
    flag, count = tmp_path / "works", tmp_path / "count"
    more = settings(client, tmp_path, {"it": fake_ca}, {NAME: {"names": NAME, "cas": "it", "deploy": "here"}},
                    deployments={"here": {"target": "hook", "command": f"echo x >> {count}; test -e {flag}"}})
    client.run("apply", *more, code=7)
    serial, orders = client.serial(), len(fake_ca.asked("/order"))
    client.run("renew", *more, code=UNCHANGED)
    assert count.read_text() == "x\n"
    flag.touch()
    status = client.directory / "certificates" / NAME / "deploy.json"
    status.write_text(re.sub(r'"next_try":"[^"]*"', '"next_try":"2020-01-01T00:00:00Z"', status.read_text()))
    client.run("renew", *more)
    assert count.read_text() == "x\nx\n" and client.serial() == serial and len(fake_ca.asked("/order")) == orders
    client.run("renew", *more, code=UNCHANGED)
