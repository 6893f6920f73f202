"""A wall clock that jumps, or is wrong: the agent and renew ask no CA for more, and remember nothing of a time that never came."""
import json
import signal
import time

import pytest

from fake_ca import DAY
from test_client_agent import Agent
from test_client_renewal import HOUR, NAME, REFUSED, UNCHANGED, Remembering, in_seconds
from worst_day import WorstDay

YEAR = 365 * 86400
NAMES = [f"{letter}.example.test" for letter in "abcdef"]


@pytest.fixture
def day(tmp_path):
    return WorstDay(tmp_path / "worst-day")


@pytest.fixture
def agent(fake_ca, tmp_path, day):
    made = Agent(tmp_path, fake_ca)
    made.write({name: None for name in NAMES}, interval="1s", jitter="1h")
    made.config.write_text(json.dumps({**json.loads(made.config.read_text()), "renewal": {"parallel": 1}}))  # as the fake CA is
    made.run("apply", "--config", made.config)
    yield made
    if made.process is not None and made.process.poll() is None:
        assert made.stop() == 0, made.text()


def orders(ca):
    return [r for r in ca.requests if r.path == "/order"]


def test_the_clock_jumps_ahead_and_back(agent, fake_ca, day):
    """Everything has expired for a while, and no CA can be trusted. Then nothing is due again, and what is due is done."""
    agent.start(environment=day.environment)
    before, serials = len(orders(fake_ca)), [agent.serial(name) for name in NAMES]
    day.shift_clock(YEAR)
    agent.process.send_signal(signal.SIGHUP)  # and looks at all at once
    agent.wait(lambda: any(agent.metrics()["cairn_certificate_failures"][name] for name in NAMES))
    seen = len(fake_ca.requests)
    day.shift_clock(0)
    agent.process.send_signal(signal.SIGHUP)
    agent.wait(lambda: all(row["state"] == "idle" for row in agent.status()["certificates"]))
    for value in agent.metrics()["cairn_certificate_renewal_seconds"].values():
        assert abs(value - time.time() - 60 * 24 * HOUR) < 2 * HOUR
    assert len(orders(fake_ca)) == before and [agent.serial(name) for name in NAMES] == serials
    assert len(fake_ca.requests) - seen <= len(NAMES), "they are asked for their suggestions once more, not in a storm"
    assert agent.text().count("cairn: ") <= 3 * len(NAMES), agent.text()
    # it did not lose the way
    assert agent.ask("renew", NAMES[0], "--force").stdout.startswith("issued")


def test_what_was_drawn_by_a_clock_that_was_ahead(agent, fake_ca, day):
    """By a rule, the moment is drawn within the jitter from now on, which must not be waited for once the clock is right again."""
    text = json.loads(agent.config.read_text())
    for name in NAMES:
        text["certificates"][name]["renew"] = "30d"
    agent.config.write_text(json.dumps(text))
    agent.start(environment=day.environment)
    agent.wait(lambda: all(row["state"] == "idle" for row in agent.status()["certificates"]))
    day.shift_clock(70 * 86400)
    agent.process.send_signal(signal.SIGHUP)
    agent.wait(lambda: all(row["state"] != "working" for row in agent.status()["certificates"]))
    day.shift_clock(0)
    agent.process.send_signal(signal.SIGHUP)
    agent.wait(lambda: all(abs(in_seconds(row["next"]) - 60 * 24 * HOUR) < 3 * HOUR for row in agent.status()["certificates"]))


def test_renew_by_a_clock_that_is_ahead(fake_ca, tmp_path, day):
    client = Remembering(tmp_path / "state", fake_ca)
    client.issue(NAME)
    before = len(orders(fake_ca))
    day.shift_clock(YEAR)
    failed = client.run("renew", code=REFUSED, environment=day.environment)
    assert "certificate has expired); if this machine's clock is wrong, which says 20" in failed.stderr
    day.shift_clock(0)
    done = client.run("renew", code=UNCHANGED)
    assert "0 waiting" in done.stdout and len(orders(fake_ca)) == before
    assert "is not tried before" not in client.run("list").stdout


@pytest.mark.parametrize("age, code, says", [
    (-3 * DAY, 0, "the certificate is not valid before "), (100 * DAY, REFUSED, "has expired already, on ")])
def test_the_certificate_is_of_another_time(fake_ca, tmp_path, age, code, says):
    """The CA's clock and ours: whose is wrong is for the user to see."""
    client = Remembering(tmp_path / "state", fake_ca)
    fake_ca.age = age
    done = client.issue(NAME, code=None)
    assert says in done.stderr and "this machine's clock" in done.stderr
    assert (done.returncode == 0) == (code == 0)
    shown = [line for line in done.stderr.splitlines() if "clock" in line]
    assert len(shown) == 1 and time.strftime("%Y-%m-%dT", time.gmtime()) in shown[0]
