"""Several perspectives in networks of their own, of which some are lied to: what a hijacked route (the same address is
another machine there) or name server looks like. A name is proved only if enough of them see what the CA sees, and who
saw what is told and kept (Baseline Requirements 3.2.2.9)."""
import os
import signal
import threading
import time

import pytest

import acme_raw
import network as network_module
from test_admin import admin
from test_evidence import shown
from world import NXDOMAIN, OTHER_V4, PUBLIC_V4, proof, response, say

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces take root")

CACHE_SECONDS = 11  # an answer is kept for 10 s

LIE = say(response(200, "you are somewhere else"))
NOTHING = say(response(404, "no such page"))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = network_module.Network(tmp_path_factory.mktemp("network"))
    yield made
    made.end()
    made.close()


def verdicts(network, challenge):
    """By perspective, from the command that administrators have."""
    found = admin(network.house, "authz", "show", challenge["url"])
    assert [(p["name"], p["region"]) for p in found["perspectives"]] == [
        ("local", None), *((p.name, p.region) for p in network.perspectives)]
    return {p["name"]: p["verdict"] for p in found["perspectives"]}, found


def corroborating(seen):
    return [name for name, verdict in seen.items() if verdict == "valid" and name != "local"]


def of_perspective(challenge, name):
    """The connections that it made."""
    return [entry for entry in challenge["validationRecord"] if entry["perspective"] == name and "url" in entry]


def test_all_see_the_same(network):
    """V-MPIC-1, 4, S-DNS-3: asked at once, each by its own name server; at least four of five saw the very key
    authorization."""
    challenge, order = network.prove("same.test")
    assert challenge["status"] == "valid" and order["status"] == "ready"
    seen, found = verdicts(network, challenge)
    assert seen["local"] == "valid" and len(corroborating(seen)) >= 4
    assert set(seen.values()) <= {"valid", "awaited"}
    assert found["quorum"] == {"outcome": "valid", "enforced": True, "remotes": 5, "minimum": 5, "may_differ": 1,
                               "regions": 2}
    for name in corroborating(seen):
        perspective = next(p for p in network.perspectives if p.name == name)
        assert ("same.test", "A", "udp") in perspective.dns.asked
        (entry,) = of_perspective(challenge, name)
        assert entry["addressUsed"] == "11.22.33.44" and entry["status"] == 200 and entry["hostname"] == "same.test"
        (shown,) = [p for p in found["perspectives"] if p["name"] == name]
        assert shown["begun"] <= shown["ended"] and len(shown["steps"]) > 2  # CAA last
    # V-MPIC-6: in the log too
    line = network.house.wait_for_line(r"order\.quorum .*outcome=valid.*local=valid remotes=(\S+)")
    assert [word.split(":")[0] for word in line.group(1).split(",")] == ["p1", "p2", "p3", "p4", "p5"]


def test_one_of_five_is_lied_to(network):
    """V-MPIC-1: one may differ, and the name is proved."""
    def prepare():
        network.perspectives[2].scripts["one.test"] = LIE
    challenge, _ = network.prove("one.test", prepare)
    assert challenge["status"] == "valid"
    seen, _ = verdicts(network, challenge)
    assert seen["p3"] in ("invalid", "awaited") and corroborating(seen) == ["p1", "p2", "p4", "p5"]


def test_two_of_five_are_lied_to(network):
    """V-MPIC-1, 4: a hijacked route in one network, a hijacked name server in another: refused, and told by whom."""
    def prepare():
        network.perspectives[1].scripts["two.test"] = LIE
        network.perspectives[4].dns.nodes["two.test"] = {"A": [OTHER_V4]}
        network.perspectives[4].scripts["two.test"] = NOTHING
    challenge, order = network.prove("two.test", prepare)
    assert challenge["status"] == "invalid" and order["status"] == "invalid"
    error = challenge["error"]
    assert error["type"] == "urn:ietf:params:acme:error:unauthorized" and error["status"] == 403
    assert error["detail"].startswith("during secondary validation: 2 of 5 perspectives did not see what this CA sees")
    assert "perspective p2 (ripe) saw: http://two.test/" in error["detail"]
    assert "you are somewhere else" in error["detail"]
    assert [sub["identifier"] for sub in error["subproblems"]] == [{"type": "dns", "value": "two.test"}] * 2
    assert "p2 (ripe)" in error["subproblems"][0]["detail"] and "p5 (apnic)" in error["subproblems"][1]["detail"]
    seen, found = verdicts(network, challenge)
    assert seen["local"] == "valid" and seen["p2"] == seen["p5"] == "invalid"
    assert found["quorum"]["outcome"] == "refused" and found["error"] == error
    addresses = {p["name"]: [s["address"] for s in p["steps"] if "address" in s] for p in found["perspectives"]}
    assert addresses["local"] == addresses["p2"] == ["11.22.33.44:80"] and addresses["p5"] == [f"{OTHER_V4}:80"]
    (entry,) = of_perspective(challenge, "p5")
    assert entry["addressesResolved"] == [OTHER_V4] and entry["status"] == 404


def test_the_ca_itself_is_lied_to(network):
    """V-MPIC-1: the attacker answers near the CA as the true owner would; everybody else sees the true server, which
    knows nothing of it."""
    def prepare():
        for perspective in network.perspectives:
            perspective.scripts["mine.test"] = NOTHING
    challenge, order = network.prove("mine.test", prepare)
    assert challenge["status"] == "invalid" and order["status"] == "invalid"
    assert "during secondary validation" in challenge["error"]["detail"] and "404" in challenge["error"]["detail"]
    seen, found = verdicts(network, challenge)
    assert seen["local"] == "valid" and not corroborating(seen)
    assert found["quorum"]["outcome"] == "refused"


def test_the_others_know_a_name_that_the_ca_does_not(network):
    """What the CA itself sees comes first, and is told as if there were no others."""
    def prepare():
        network.dns.nodes["local.test"] = {"rcode": NXDOMAIN}
    challenge, _ = network.prove("local.test", prepare)
    assert challenge["status"] == "invalid" and challenge["error"]["type"].endswith(":dns")
    assert "secondary" not in challenge["error"]["detail"] and "subproblems" not in challenge["error"]
    seen, found = verdicts(network, challenge)
    assert seen["local"] == "invalid" and found["quorum"]["outcome"] == "local"


def test_other_methods(network):
    """V-MPIC-2: by the DNS, by TLS, and for an address: two of five are lied to, or one."""
    def lie(count, name):
        def prepare():
            for perspective in network.perspectives[1:1 + count]:
                perspective.dns.nodes[f"_acme-challenge.{name}"] = {"TXT": [[b"a lie"]]}
                perspective.scripts[name] = LIE
                perspective.prove_by_tls(name, bytes(32))
        return prepare
    for name, kind in (("dns.test", "dns-01"), ("tls.test", "tls-alpn-01"), ("11.22.33.44", "http-01")):
        challenge, _ = network.prove(name, lie(1, name), kind)
        assert challenge["status"] == "valid", challenge
        challenge, _ = network.prove(name, lie(2, name), kind)
        assert challenge["status"] == "invalid" and "p2 (ripe) saw: " in challenge["error"]["detail"], challenge
        assert {sub["identifier"]["type"] for sub in challenge["error"]["subproblems"]} == {
            "ip" if name[0] == "1" else "dns"}
        _, found = verdicts(network, challenge)
        assert found["quorum"]["outcome"] == "refused"


def caa_node(issuer):
    """A host that wants this issuer only."""
    return {"A": [PUBLIC_V4], "CAA": [(0, "issue", issuer)]}


def test_caa_is_looked_at_from_everywhere(network):
    """V-MPIC-2, 4: permissions are compared, not records: one that differs and permits is no other answer. Two that see
    another CA named refuse the name."""
    def prepare(name, issuer, count):
        def change():
            for perspective in network.perspectives[:count]:
                perspective.dns.nodes[name] = caa_node(issuer)
        return change
    challenge, _ = network.prove("caa1.test", prepare("caa1.test", network_module.CAA_NAME, 3))
    assert challenge["status"] == "valid", challenge
    challenge, order = network.prove("caa2.test", prepare("caa2.test", "other-ca.example.test", 2))
    assert challenge["status"] == "invalid" and order["status"] == "invalid"
    assert challenge["error"]["type"] == "urn:ietf:params:acme:error:caa", challenge
    assert "during secondary validation" in challenge["error"]["detail"]
    assert "other-ca.example.test" in challenge["error"]["detail"]
    _, found = verdicts(network, challenge)
    steps = next(p["steps"] for p in found["perspectives"] if p["name"] == "p1")
    assert any("other-ca.example.test" in str(step) for step in steps), steps
    text = shown(network.house, "authz", "show", challenge["url"])
    assert 'caa=(at=caa2.test, records=0 issue "other-ca.example.test", allowed=no)' in text, text
    assert "subproblems=(type=" in text and "subproblems=-" not in text, text


@pytest.mark.parametrize("count", [1, 2])
def test_caa_is_looked_at_again_from_everywhere(network, count):
    """V-MPIC-2: before the certificate is made, too."""
    name = f"again{count}.test"
    challenge, order = network.prove(name)
    assert challenge["status"] == "valid" and order["status"] == "ready"
    for perspective in network.perspectives[-count:]:
        perspective.dns.nodes[name] = caa_node("other-ca.example.test")
    time.sleep(CACHE_SECONDS)
    client = network.client()
    url = order["finalize"].replace("/finalize/", "/order/")
    answer = client.post(order["finalize"], {"csr": acme_raw.b64(acme_raw.make_csr([name]))})
    assert answer.status in (200, 403), answer
    number = url.rpartition("/")[2]
    line = network.house.wait_for_line(rf"order\.quorum order={number} name={name} of=caa outcome=(\w+) .*local=valid ")
    assert line.group(1) == ("valid" if count == 1 else "refused")
    network.house.wait_for_line(rf"order\.caa order={number} name={name} allowed={'yes' if count == 1 else 'no'}")
    final = client.poll(url, ("valid", "invalid")).json
    (look,) = admin(network.house, "order", "show", url)["caa"]
    kept = admin(network.house, "caa", "show", look["id"])
    seen = {p["name"]: p for p in kept["perspectives"]}
    assert list(seen) == ["local", "p1", "p2", "p3", "p4", "p5"] and seen["local"]["verdict"] == "valid"
    assert all("other-ca.example.test" in str(p["steps"]) for p in seen.values() if p["verdict"] == "invalid")
    assert kept["quorum"]["outcome"] == ("valid" if count == 1 else "refused") and kept["quorum"]["remotes"] == 5
    if count == 1:
        assert final["status"] == "valid" and look["outcome"] == "allowed", final
        return
    assert look["outcome"] == "forbidden" and kept["error"]["detail"] == final["error"]["detail"]
    assert [name for name, p in seen.items() if p["verdict"] == "invalid"] == ["p4", "p5"]
    assert final["status"] == "invalid" and final["error"]["type"].endswith(":caa"), final
    assert "during secondary validation: 2 of 5" in final["error"]["detail"]
    assert "other-ca.example.test" in final["error"]["detail"]


def test_a_name_server_that_is_lied_about(network):
    """The problem is of the kind that the first of them saw."""
    def prepare():
        for perspective in network.perspectives[:2]:
            perspective.dns.nodes["gone.test"] = {"rcode": NXDOMAIN}
    challenge, _ = network.prove("gone.test", prepare)
    assert challenge["error"]["type"].endswith(":dns"), challenge
    assert "p1 (ripe) saw: there is no name gone.test" in challenge["error"]["detail"]


def test_a_second_try_begins_anew(network):
    """V-MPIC-5: who corroborated the first time and is lied to the second time differs then."""
    def lie(*numbers):
        def prepare():
            for number in numbers:
                network.perspectives[number - 1].scripts["again.test"] = LIE
        return prepare
    for liars, status in (((1, 2), "invalid"), ((3, 4), "invalid"), ((), "valid")):
        challenge, _ = network.prove("again.test", lie(*liars))
        assert challenge["status"] == status, (liars, challenge)
        for number in liars:
            assert any(f"p{number} " in sub["detail"] for sub in challenge["error"]["subproblems"]), challenge


def test_a_web_server_that_is_slow_for_one(network):
    """V-MPIC-1: four of five are enough, and the fifth is not waited for."""
    def prepare():
        def slow(web, request, connection):
            time.sleep(60)
        network.perspectives[0].scripts["slow.test"] = slow
    challenge, _ = network.prove("slow.test", prepare)
    assert challenge["status"] == "valid"
    seen, _ = verdicts(network, challenge)
    assert seen["p1"] in ("awaited", "invalid") and corroborating(seen) == ["p2", "p3", "p4", "p5"]


def test_perspectives_that_hang(network):
    """One that answers nothing delays nobody; two are cut off, and that is nobody's fault but the CA's."""
    network.perspectives[3].freeze()
    try:
        challenge, _ = network.prove("hang1.test")
        assert challenge["status"] == "valid"
        seen, _ = verdicts(network, challenge)
        assert seen["p4"] in ("awaited", "unreached") and corroborating(seen) == ["p1", "p2", "p3", "p5"]
        network.perspectives[4].freeze()
        challenge, order = network.prove("hang2.test")
        refused_for_want(network, challenge, order, ["p4", "p5"], {"late", "unreached"})
    finally:
        for perspective in network.perspectives[3:]:
            perspective.freeze(signal.SIGCONT)
    becomes_good(network, "hang3")


def refused_for_want(network, challenge, order, missing, how):
    assert challenge["status"] == "invalid" and order["status"] == "invalid"
    error = challenge["error"]
    assert error["type"] == "urn:ietf:params:acme:error:serverInternal" and error["status"] == 500
    assert "did not reach enough of its perspectives" in error["detail"]
    seen, found = verdicts(network, challenge)
    for name in missing:
        assert name in error["detail"] and seen[name] in how, (seen, error)
    assert found["quorum"]["outcome"] == "unanswered" and seen["local"] == "valid"


def becomes_good(network, word, seconds=120):
    """Each try is an order of its own."""
    deadline = time.monotonic() + seconds
    number = 0
    while True:
        challenge, _ = network.prove(f"{word}-{number}.test")
        seen, _ = verdicts(network, challenge)
        if challenge["status"] == "valid" and len(corroborating(seen)) >= 4:
            return
        assert time.monotonic() < deadline, challenge
        number += 1


def test_perspectives_that_are_gone(network):
    """One may be gone. With two the name cannot be proved, and it is said why; back again, they count at once."""
    for perspective in network.perspectives[:2]:
        perspective.kill()
        challenge, order = network.prove(f"gone-{perspective.name}.test")
        if perspective.name == "p1":
            assert challenge["status"] == "valid"
    refused_for_want(network, challenge, order, ["p1", "p2"], {"late", "unreached"})
    text = admin(network.house, "authz", "show", challenge["url"])["perspectives"]
    assert any(p["away"] for p in text if p["name"] in ("p1", "p2"))
    for perspective in network.perspectives[:2]:
        perspective.start()
    becomes_good(network, "back")


@pytest.mark.parametrize("role", ["relay", "validator", "front"])
def test_a_process_dies_meanwhile(network, role):
    """Asked again is what was not answered; nobody notices."""
    host = f"{role}-dies.test"
    asked = []

    def slow(web, request, connection):
        asked.append(web)
        time.sleep(1)
        return proof(web, request, connection)

    def prepare():
        for place in [network, *network.perspectives]:
            place.scripts[host] = slow
        threading.Thread(target=end).start()

    def end():
        deadline = time.monotonic() + 60
        while len(set(asked)) < 6 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(network.house.children()[role], signal.SIGKILL)

    mark = len(network.house.text())
    challenge, order = network.prove(host, prepare)
    assert challenge["status"] == "valid" and order["status"] == "ready", challenge
    network.house.wait_for_line(rf"proc\.ready role={role}", since=mark)
    seen, _ = verdicts(network, challenge)
    assert len(corroborating(seen)) >= 4


def test_observing_only(network):
    """What they see is kept, and decides nothing; the log says so."""
    mark = len(network.house.text())
    network_module.set_option(network.house.directory, "quorum", mode="observe")
    network.reload()
    network.house.wait_for_line(r"front\.quorum_decides_nothing", since=mark)

    def prepare():
        for perspective in network.perspectives:
            perspective.scripts["observed.test"] = LIE
    challenge, order = network.prove("observed.test", prepare)
    assert challenge["status"] == "valid" and order["status"] == "ready" and "error" not in challenge
    seen, found = verdicts(network, challenge)
    assert found["quorum"]["enforced"] is False
    assert set(seen.values()) <= {"valid", "invalid", "late"} and list(seen.values()).count("invalid") >= 1
    network_module.set_option(network.house.directory, "quorum", mode="enforce")
    network.reload()
    challenge, _ = network.prove("enforced.test", lambda: [
        p.scripts.update({"enforced.test": LIE}) for p in network.perspectives])
    assert challenge["status"] == "invalid"


def test_removing_one_too_many(network):
    """V-MPIC-1: four perspectives do not meet the rule for five: the command refuses, and nothing changes."""
    before = (network.house.directory / "perspectives.yaml").read_bytes()
    assert network.command("perspective", "remove", "--name", "p5", check=False) == ""
    assert (network.house.directory / "perspectives.yaml").read_bytes() == before
    challenge, _ = network.prove("still.test")
    assert challenge["status"] == "valid"
