"""notify.command: somebody is told what failed, what ends soon, and that it is all right again; each of it once."""
import json
import time

import pytest

from exit_codes import UNCHANGED, USAGE
from fake_ca import DAY, problem
from test_client_agent import Agent
from test_client_renewal import NAME, Remembering, settings

REFUSED, DEPLOY = 4, 7


class Told(Remembering):
    """The client with a notify.command that keeps what it is told in a folder, and fails while there is a file `deaf`."""

    def prepare(self, folder, certificate=None, notify=None, **more):
        self.box, self.deaf = folder / "box", folder / "deaf"
        self.box.mkdir(exist_ok=True)
        command = (f'test ! -e {self.deaf} || {{ echo "no mail today" >&2; exit 1; }}; n=$(ls {self.box} | wc -l); '
                   f'printf "%s\\n%s\\n" "$CAIRN_EVENT $CAIRN_NAME" "$CAIRN_MESSAGE" > {self.box}/$n; cat >> {self.box}/$n')
        self.more = settings(self, folder, {"it": self.ca}, {NAME: {"names": [NAME, "b.example.test"], "cas": "it", **(certificate or {})}},
                             notify={"command": command, **(notify or {})}, **more)
        return self

    def told(self):
        """Each notice, and the box is empty again."""
        notices = []
        for path in sorted(self.box.iterdir(), key=lambda p: int(p.name)):
            event, message, text = path.read_text().split("\n", 2)
            notice = json.loads(text)
            assert event == f"{notice['event']} {notice['name']}" and message == notice["message"]
            notices.append(notice)
            path.unlink()
        return notices

    def renew(self, *words, **more):
        return self.run("renew", *words, *self.more, **more)


@pytest.fixture
def client(fake_ca, tmp_path):
    return Told(tmp_path / "state", fake_ca)


def refuse(request):
    return problem("rejectedIdentifier", "not that name")


def test_a_failure_is_told_and_its_end(client, fake_ca, tmp_path):
    """From the third in a row on, each attempt that failed once; when it is got again that, once; then nothing."""
    fake_ca.age = 65 * DAY
    client.prepare(tmp_path).run("apply", *client.more)
    fake_ca.answers["/order"] = refuse
    for _ in range(2):
        client.renew(code=REFUSED)
        client.may_try()
        assert client.told() == []
    done = client.renew(code=REFUSED)
    notice, = client.told()
    assert {k: notice[k] for k in ("event", "name", "names", "ca", "failures")} == {
        "event": "failed", "name": NAME, "names": [NAME, "b.example.test"], "ca": fake_ca.url, "failures": 3}
    assert "not that name" in notice["error"]
    assert notice["message"].startswith(f"the certificate {NAME} could not be got, 3 times in a row: ")
    assert f"ends {notice['not_after']}" in notice["message"] and "tried again at 20" in notice["message"]
    assert f"notify    {notice['message']}" in done.stdout
    client.renew(code=UNCHANGED)  # it waits: nothing is new
    assert client.told() == []
    client.may_try()
    time.sleep(1)  # an attempt is known by its second; two in the same one do not happen
    client.renew(code=REFUSED)
    assert [n["failures"] for n in client.told()] == [4]
    fake_ca.answers.clear()
    fake_ca.age = DAY
    client.may_try()
    client.renew()
    notice, = client.told()
    assert notice["event"] == "recovered" and notice["failures"] == 0 and "error" not in notice
    assert notice["message"] == f"the certificate {NAME} is all right again; it ends {notice['not_after']}"
    client.renew(code=UNCHANGED)
    assert client.told() == [] and "told" not in client.state()


def test_one_that_was_never_got(client, fake_ca, tmp_path):
    fake_ca.answers["/order"] = refuse
    client.prepare(tmp_path, notify={"failures": 1})
    client.run("apply", *client.more, code=REFUSED)
    notice, = client.told()
    assert notice["event"] == "failed" and "ca" not in notice and "there is none yet" in notice["message"] and "1 time in" in notice["message"]


@pytest.mark.parametrize("rule, days_left, told", [("15%", 12, True), ("15%", 15, False), ("20d", 19, True), ("never", 1, False), ("15%", -2, True)])
def test_an_end_that_is_near(client, fake_ca, tmp_path, rule, days_left, told):
    """Of what is not renewed by itself, too; again after a day, and not before."""
    fake_ca.age = (90 - days_left) * DAY if days_left > 0 else 89.9999 * DAY
    client.prepare(tmp_path, {"renew": "never"}, {"expiry": rule})
    client.run("apply", *client.more)
    if days_left < 0:
        metadata = client.live(NAME) / "metadata.json"
        text = json.loads(metadata.read_text())
        text["keys"][0]["not_after"] = "2026-01-01T00:00:00Z"
        metadata.write_text(json.dumps(text))
    client.told()
    client.change(lambda s: s.pop("told", None))
    client.renew(code=UNCHANGED)
    notices = client.told()
    assert [n["event"] for n in notices] == (["expires"] if told else [])
    if told:
        assert f"the certificate {NAME} {'ends' if days_left > 0 else 'ended'} {notices[0]['not_after']}" == notices[0]["message"]
        client.renew(code=UNCHANGED)
        assert client.told() == []
        client.change(lambda s: s["told"].update(expiry="2026-01-01T00:00:00Z"))
        client.renew(code=UNCHANGED)
        assert [n["event"] for n in client.told()] == ["expires"]


def test_a_deployment_that_fails(client, tmp_path):
    flag = tmp_path / "works"
    client.prepare(tmp_path, {"deploy": "here"}, {"failures": 1},
                   deployments={"here": {"target": "hook", "command": f"test -e {flag} || {{ echo out of order >&2; exit 3; }}"}})
    client.run("apply", *client.more, code=DEPLOY)
    notice, = client.told()
    assert notice["event"] == "deploy_failed" and notice["deployment"] == "here" and "out of order" in notice["error"]
    assert notice["message"].startswith(f"the certificate {NAME} did not get to here, 1 time in a row: ")
    client.renew(code=UNCHANGED)
    assert client.told() == []
    flag.touch()
    client.renew(NAME)  # by hand
    client.renew(code=UNCHANGED)
    assert [n["event"] for n in client.told()] == ["recovered"]


def test_a_command_that_fails(client, fake_ca, tmp_path):
    """It changes nothing of the outcome, is said, and is run again an hour later."""
    fake_ca.age = 85 * DAY
    client.prepare(tmp_path, {"renew": "never"})
    client.deaf.touch()
    done = client.run("apply", *client.more)
    assert "notify.command" in done.stderr and "no mail today" in done.stderr
    client.deaf.unlink()
    client.renew(code=UNCHANGED)
    assert client.told() == []
    client.change(lambda s: s["told"].update(after="2026-01-01T00:00:00Z"))
    client.renew(code=UNCHANGED)
    assert [n["event"] for n in client.told()] == ["expires"]


def test_who_asks_by_hand_sees_it(client, fake_ca, tmp_path):
    fake_ca.answers["/order"] = refuse
    client.prepare(tmp_path, notify={"failures": 1})
    client.run("apply", NAME, *client.more, code=REFUSED)
    client.run("apply", "--dry-run", *client.more, code=None)
    assert client.told() == []


def test_an_agent_tells(tmp_path, fake_ca):
    agent = Agent(tmp_path, fake_ca)
    box = tmp_path / "box"
    fake_ca.answers["/order"] = refuse
    agent.write({NAME: {}})
    text = json.loads(agent.config.read_text())
    text["notify"] = {"command": f'echo "$CAIRN_EVENT" >> {box}', "failures": 1}
    agent.config.write_text(json.dumps(text))
    try:
        agent.start()
        agent.wait(lambda: box.read_text() == "failed\n")
        fake_ca.answers.clear()
        agent.ask("renew", NAME, "--force")
        agent.wait(lambda: box.read_text() == "failed\nrecovered\n")
    finally:
        agent.stop()


@pytest.mark.parametrize("notify, sentence", [
    ({"expiry": "auto"}, "notify.expiry"), ({"expiry": "soon"}, "notify.expiry"), ({"failures": 0}, "notify.failures")])
def test_mistakes(client, tmp_path, notify, sentence):
    client.prepare(tmp_path, notify=notify)
    assert sentence in client.run("apply", *client.more, code=USAGE).stderr
