"""notBefore and notAfter of an order (RFC 8555 7.4): row 58 of what others do."""
import datetime

import pytest
from cryptography import x509

from acme_raw import b64, make_csr

NAME = "validity.example.test"
DAY = datetime.timedelta(days=1)
LIFETIME = 90 * DAY  # certificate.lifetime
SECOND = datetime.timedelta(seconds=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def text(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def ask(client, **times):
    return client.post(client.directory["newOrder"], {"identifiers": [{"type": "dns", "value": NAME}], **times})


def issued(client, responder, **times):
    """The order as it was made, and the certificate's two times."""
    made = ask(client, **times)
    assert made.status == 201, made
    client.prove(made.json, responder)
    done = client.post(made.json["finalize"], {"csr": b64(make_csr([NAME]))}).json
    assert done["status"] == "valid", done
    assert {k: done.get(k) for k in ("notBefore", "notAfter")} == {k: made.json.get(k) for k in ("notBefore", "notAfter")}
    leaf = x509.load_pem_x509_certificate(client.post(done["certificate"], None).body)
    utc = datetime.timezone.utc
    return made.json, leaf.not_valid_before.replace(tzinfo=utc), leaf.not_valid_after.replace(tzinfo=utc)


def test_none(client, responder):
    """X-GEN-8."""
    order, begins, ends = issued(client, responder)
    assert "notBefore" not in order and "notAfter" not in order
    assert ends - begins + SECOND == LIFETIME


def test_an_end(client, responder):
    """S-ORD-7."""
    asked = now() + 5 * DAY
    order, begins, ends = issued(client, responder, notAfter=text(asked))
    assert order["notAfter"] == text(asked) and "notBefore" not in order
    assert ends == asked and abs(now() - begins) < DAY


def test_a_begin(client, responder):
    asked = now() + 3 * DAY
    order, begins, ends = issued(client, responder, notBefore=text(asked))
    assert order["notBefore"] == text(asked)
    assert begins == asked and ends - begins + SECOND == LIFETIME


def test_both(client, responder):
    """S-ORD-7."""
    asked = now() + DAY, now() + 2 * DAY
    _, begins, ends = issued(client, responder, notBefore=text(asked[0]), notAfter=text(asked[1]))
    assert (begins, ends) == asked


def test_offsets_and_fractions(client, responder):
    """S-NEWO-9: The order says what will be in the certificate."""
    asked = (now() + 5 * DAY).astimezone(datetime.timezone(datetime.timedelta(hours=2)))
    order, _, ends = issued(client, responder, notAfter=asked.strftime("%Y-%m-%dT%H:%M:%S.25+02:00"))
    assert ends == asked and order["notAfter"] == text(asked.astimezone(datetime.timezone.utc))


def test_an_order_ends_with_its_certificate(client):
    asked = now() + datetime.timedelta(hours=2)
    answer = ask(client, notAfter=text(asked))
    assert answer.json["expires"] == text(asked)


REFUSED = {
    "no time": lambda: {"notAfter": "tomorrow"},
    "a date": lambda: {"notBefore": "2026-11-23"},
    "no offset": lambda: {"notAfter": text(now() + DAY)[:-1]},
    "a number": lambda: {"notAfter": 1790000000},
    "empty": lambda: {"notAfter": ""},
    "a day that is none": lambda: {"notAfter": "2026-02-30T00:00:00Z"},
    "long past": lambda: {"notBefore": text(now() - DAY)},
    "the end in the past": lambda: {"notAfter": text(now() - SECOND)},
    "the end is now": lambda: {"notAfter": text(now())},
    "too long": lambda: {"notAfter": text(now() + LIFETIME + DAY)},
    "too long from a later begin": lambda: {"notBefore": text(now() + DAY), "notAfter": text(now() + LIFETIME + 2 * DAY)},
    "ends before it begins": lambda: {"notBefore": text(now() + 2 * DAY), "notAfter": text(now() + DAY)},
    "ends when it begins": lambda: {"notBefore": text(now() + DAY), "notAfter": text(now() + DAY)},
    "begins too late": lambda: {"notBefore": text(now() + LIFETIME + DAY)},
    "after the issuer": lambda: {"notAfter": "2090-01-01T00:00:00Z"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(house, client, name):
    """S-NEWO-3, 9: What cannot be had as asked is refused, and says what is possible."""
    content = house.content()
    answer = ask(client, **REFUSED[name]())
    assert answer.status == 400 and answer.type == "malformed", answer
    assert "not" in answer.json["detail"]
    assert house.content() == content
