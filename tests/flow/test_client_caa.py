"""A CA that refuses a name for its CAA records: cairn tells the record that would allow it, as it knows the account."""
import pytest

import fake_ca as fake_ca_module
from exit_codes import FAILED

NAME = "caa.example.test"


def named(fake_ca, identities=("ca.example.test", "other.example.test")):
    """The CA says what it is called."""
    def directory(request):
        status, headers, body = fake_ca.dir(request)
        return status, headers, {**body, "meta": {"caaIdentities": identities}}
    fake_ca.answers["/dir"] = directory


def refuse_validation(fake_ca):
    def authz(request):
        _, headers, body = fake_ca.authz(request)
        error = {"type": "urn:ietf:params:acme:error:caa", "detail": "not this CA", "status": 403}
        if fake_ca.asked("/challenge/0"):
            body["status"] = "invalid"
            body["challenges"] = [fake_ca.challenge_object(0, status="invalid", error=error)]
        return 200, headers, body
    fake_ca.answers["/authz/0"] = authz


def refuse_finalize(fake_ca):
    fake_ca.answers["/finalize"] = lambda request: fake_ca_module.problem("caa", "not this CA", 403)


def refuse_order(fake_ca):
    error = {"type": "urn:ietf:params:acme:error:caa", "detail": "not this CA", "status": 403}
    fake_ca.answers["/finalize"] = lambda request: (200, {}, fake_ca.order_object(status="invalid", error=error))


@pytest.mark.parametrize("refuse", [refuse_validation, refuse_finalize, refuse_order])
def test_the_record_is_told(cairn_at_fake, fake_ca, refuse):
    """C-CAA-1: with this account and the challenges that were set up."""
    named(fake_ca)
    refuse(fake_ca)
    done = cairn_at_fake.issue(NAME, code=FAILED)
    record = f'{NAME}. CAA 0 issue "ca.example.test; accounturi={fake_ca.base}/account/1; validationmethods=http-01"'
    lines = [line for line in done.stdout.splitlines() if line.startswith("caa ")]
    assert lines == [f"caa       lets this account have certificates, and no other: {record}"], done.stdout
    assert "not this CA" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("identities", [None, [], "ca.example.test", [7], ['ca"; x'], ["ca;x"], ["c\u00e4"], ["x" * 3000]])
def test_nothing_is_told_of_a_ca_whose_name_is_none(cairn_at_fake, fake_ca, identities):
    """A record is pasted into zones: nothing gets into it that would make it another one."""
    named(fake_ca, identities)
    refuse_finalize(fake_ca)
    done = cairn_at_fake.issue(NAME, code=FAILED)
    assert "CAA 0" not in done.stdout and "not this CA" in done.stderr
