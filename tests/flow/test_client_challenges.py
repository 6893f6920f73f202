"""Which challenge cairn answers: what the CA offers, what was set up, and what it says when the two do not meet."""
import json
import socket

import pytest
from exit_codes import FAILED, USAGE

NAME = "choice.example.test"


def offering(fake_ca, *types, count=10, **more):
    """Each authorization has challenges of these types, all at the same URL."""

    def authz(request):
        i = int(request.path.rpartition("/")[2])
        _, headers, body = fake_ca.authz(request)
        body["challenges"] = [{**fake_ca.challenge_object(i), "type": t} for t in types]
        return 200, headers, {**body, **more}

    fake_ca.answers.update({f"/authz/{i}": authz for i in range(count)})


@pytest.mark.parametrize("types, says", [
    (["foo-01"], f"for {NAME} the CA offers foo-01, and this is set up for http-01; cairn can answer none of those"),
    (["foo-01", "bar-01"], "offers foo-01 and bar-01"), ([], "offers no challenge"), (["HTTP-01"], "HTTP-01"),
])
def test_nothing_offered_that_was_set_up(cairn_at_fake, fake_ca, types, says):
    """C-CH-6: and no port is opened, no challenge asked for."""
    offering(fake_ca, *types)
    done = cairn_at_fake.issue(NAME, code=FAILED)
    assert says in done.stderr and len(done.stderr.splitlines()) == 1
    assert not fake_ca.asked("/challenge/0") and "prove" not in done.stdout


def test_all_are_answered_before_the_ca_is_told(cairn_at_fake, fake_ca):
    """C-CH-1: when the first challenge is asked for, every one of them is answered."""
    names = [f"{letter}.example.test" for letter in "abcd"]
    answers = []

    def challenge(request):
        for i in range(len(names)):
            token = fake_ca.challenge_object(i)["token"]
            with socket.create_connection(("127.0.0.1", fake_ca.http_port), 5) as s:
                s.sendall(f"GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                answers.append(s.recv(4096).split()[1])

    fake_ca.answers["/challenge/0"] = challenge
    cairn_at_fake.issue(*names)
    assert answers == [b"200"] * len(names)


@pytest.mark.parametrize("more", [{"identifier": {"type": "dns", "value": "www.other.test"}}, {"wildcard": True},
                                  {"identifier": {"type": "ip", "value": "192.0.2.1"}}])
def test_a_ca_that_wants_something_else_proved(cairn_at_fake, fake_ca, more):
    offering(fake_ca, "http-01", **more)
    done = cairn_at_fake.issue(NAME, code=FAILED)
    assert "nobody asked for" in done.stderr or "offers http-01" in done.stderr
    assert not fake_ca.asked("/challenge/0")


@pytest.mark.parametrize("words, says", [
    (["--challenge", "magic-01"], "\"magic-01\" is no challenge type"), (["--challenge", ""], "\"\" is no challenge type"),
    (["--challenge", "http-01,"], "no challenge type"), (["--challenge", "http-01, dns-01"], "\" dns-01\""),
    (["--challenge"], "needs a value"),
])
def test_wrong_choices(cairn_at_fake, words, says):
    done = cairn_at_fake.run("issue", NAME, *words, code=USAGE)
    assert says in done.stderr and done.stdout == "" and not cairn_at_fake.directory.exists()


@pytest.mark.parametrize("words", [["--challenge", "http-01"], []])
def test_wildcards_need_another_challenge(cairn_at_fake, words):
    done = cairn_at_fake.run("issue", "*.example.test", *words, code=USAGE)
    assert "*.example.test cannot be proved by http-01, only by dns-01" in done.stderr
    assert not cairn_at_fake.directory.exists()


def test_the_choice_is_remembered(cairn_at_fake, fake_ca):
    cairn_at_fake.issue(NAME, "--challenge", "http-01")
    assert cairn_at_fake.json("show", NAME)["challenges"] == ["http-01"]
    assert "proved by http-01, standalone" in cairn_at_fake.run("show", NAME).stdout
    offering(fake_ca, "foo-01")
    assert "offers foo-01, and this is set up for http-01" in cairn_at_fake.run("renew", "--force", code=FAILED).stderr
    fake_ca.answers.clear()
    cairn_at_fake.run("renew", "--force")


def test_what_each_type_can_prove(cairn_at_fake):
    """tls-alpn-01 proves no wildcards (RFC 8737 3); listing more types than one helps where one of them can."""
    for types in ("tls-alpn-01", "http-01,tls-alpn-01"):
        done = cairn_at_fake.run("issue", "a.example.test", "*.example.test", "--challenge", types, code=USAGE)
        assert "*.example.test cannot be proved by" in done.stderr
