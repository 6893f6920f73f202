"""The list of an account's orders (RFC 8555 7.1.2.1)."""
import re

import acme_raw


def next_page(answer):
    found = [re.match('<(.*)>;rel="next"', link) for link in answer.headers.get_all("Link", [])]
    return next((m[1] for m in found if m), None)


def listed(client):
    """All of it, page for page; and how many pages there were."""
    orders, pages, url = [], 0, client.post(client.kid, None).json["orders"]
    while url:
        answer = client.post(url, None)
        assert answer.status == 200 and set(answer.json) == {"orders"}, answer
        orders += answer.json["orders"]
        pages += 1
        url = next_page(answer)
    return orders, pages


def test_none(client):
    assert listed(client) == ([], 1)


def test_newest_first_without_the_invalid(client, responder):
    """S-ORDS-1, 2, S-ACCT-1."""
    urls = [client.order(f"o{n}.example.test") for n in range(4)]
    client.post(urls[1][1]["authorizations"][0], {"status": "deactivated"})
    assert client.post(urls[1][0], None).json["status"] == "invalid"
    client.issue(responder, "valid.example.test")
    orders, _ = listed(client)
    assert orders[1:] == [urls[3][0], urls[2][0], urls[0][0]]
    assert client.post(orders[0], None).json["status"] == "valid"


def test_pages_without_gaps(client):
    """S-ORDS-3: to the end, nothing twice, also when orders are added meanwhile."""
    made = [client.order("page.example.test")[0] for _ in range(230)]
    first = client.post(client.post(client.kid, None).json["orders"], None)
    client.order("late.example.test")
    rest = client.post(next_page(first), None)
    last = client.post(next_page(rest), None)
    assert next_page(last) is None
    assert first.json["orders"] + rest.json["orders"] + last.json["orders"] == made[::-1]
    orders, pages = listed(client)
    assert pages == 3 and len(orders) == 231


def test_the_cursor_is_signed_too(client):
    """S-URL-5."""
    url = client.post(client.kid, None).json["orders"]
    body = client.jws(url, None)
    answer = client.request("POST", url + "/17", __import__("json").dumps(body), {"Content-Type": "application/jose+json"})
    assert answer.status == 403 and answer.type == "unauthorized", answer


def test_others(house, client):
    other = acme_raw.Client(house.url, house.root)
    other.register()
    url = client.post(client.kid, None).json["orders"]
    for page in [url, url + "/5"]:
        answer = other.post(page, None)
        assert answer.status == 403 and answer.type == "unauthorized", answer


def test_wrong_pages(client):
    url = client.post(client.kid, None).json["orders"]
    for page in ["/x", "/-1", "/", "/1/2", "/99999999999999999999"]:
        assert client.post(url + page, None).status == 404, page
    assert client.post(url, {}).status == 400
    assert client.request("GET", url).status == 405
