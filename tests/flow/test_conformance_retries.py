"""RFC 8555 8.2: a check that meets trouble is tried again, and says so meanwhile."""
import time

import pytest

import answers
import conformance
import responder as responder_module


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = conformance.World(tmp_path_factory.mktemp("retries") / "ca", sets=["order.hold=0"])
    yield made
    made.close()


def judge(error):
    """A problem, with an entry for each query that failed: how many."""
    assert answers.problem_faults(error, error["status"]) == [], error
    entries = error["subproblems"]
    assert all(one["type"] == answers.PREFIX + "connection" and "127.0.0.1" in one["detail"] for one in entries), error
    assert (entries[-1]["type"], entries[-1]["detail"]) == (error["type"], error["detail"])
    return len(entries)


def test_trouble_is_shown_while_it_lasts(world):
    """S-RETRY-2, 3, 4: processing with an error that grows by an entry for each failed query, and Retry-After behind the next
    one; in the authorization too. When the web server is there, nothing of it is left."""
    client = world.client
    _, order = world.pending()
    authorization = order["authorizations"][0]
    challenge = client.challenge(authorization)
    world.responder.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
    tokens = world.responder.tokens
    world.responder.close()
    answer = client.post(challenge["url"], {})
    assert answer.status == 200 and answer.json["status"] == "processing", answer
    counts, before = [], 0
    while before < 2:
        answer = client.post(challenge["url"], None)
        assert answer.json["status"] == "processing", answer
        if "error" in answer.json:
            now = judge(answer.json["error"])
            assert now >= before
            if now > before:
                counts.append(now)
                assert 1 <= int(answer.headers["Retry-After"]) <= 10
                shown = client.post(authorization, None)
                assert shown.json["status"] == "pending" and 1 <= int(shown.headers["Retry-After"]) <= 10
                assert judge(next(c for c in shown.json["challenges"] if c["url"] == challenge["url"])["error"]) >= now
            before = now
        time.sleep(0.05)
    world.responder = responder_module.Responder(world.house.http_port)
    world.responder.tokens.update(tokens)
    final = client.poll(challenge["url"], ("valid", "invalid"), tries=300)
    assert final.json["status"] == "valid" and "error" not in final.json and "Retry-After" not in final.headers, final


def test_others_have_no_trouble(world):
    """S-RETRY-2: what went wrong is shown with its own check only."""
    client = world.client
    _, order = world.pending()
    challenge = client.challenge(order["authorizations"][0])
    assert "error" not in client.post(challenge["url"], None).json
    world.responder.tokens[challenge["token"]] = "wrong"
    client.post(challenge["url"], {})
    final = client.poll(challenge["url"], ("valid", "invalid"))
    assert final.json["status"] == "invalid" and "subproblems" not in final.json["error"], final
