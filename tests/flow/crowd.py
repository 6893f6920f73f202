"""Many requests at the same moment: all of them are sent but for their last octet, and then the last octets."""
import contextlib
import json
import sqlite3
import urllib.parse

import acme_raw
import h2_raw
import http_raw

PROTOCOLS = ["HTTP/1.1", "HTTP/2"]


class Answer:
    """As acme_raw.Answer, of either protocol; names of headers in small letters."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def type(self):
        return self.json["type"].removeprefix("urn:ietf:params:acme:error:")

    @property
    def location(self):
        return self.headers["location"]

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:600]!r}>"


def path_of(url):
    return urllib.parse.urlsplit(url).path


class Crowd:
    """Asks on many connections (HTTP/1.1), or on many streams of a few connections (HTTP/2)."""

    def __init__(self, house, protocol):
        self.house, self.protocol = house, protocol

    def ask(self, requests):
        """`requests`: pairs of URL and body (a JWS); the answers, in that order."""
        requests = [(path_of(url), body if isinstance(body, bytes) else json.dumps(body).encode()) for url, body in requests]
        return self.over_2(requests) if self.protocol == "HTTP/2" else self.over_1(requests)

    def over_1(self, requests):
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(http_raw.Raw(self.house)) for _ in requests]
            for connection, (path, body) in zip(connections, requests):
                head = (f"POST {path} HTTP/1.1\r\nHost: localhost:{self.house.port}\r\nContent-Length: {len(body)}\r\n"
                        "Content-Type: application/jose+json\r\n\r\n")
                connection.send(head.encode() + body[:-1])
            for connection, (_, body) in zip(connections, requests):
                connection.send(body[-1:])
            answers = [connection.answer("POST") for connection in connections]
        return [Answer(a.status, {name.lower(): value for name, value in a.headers}, a.body) for a in answers]

    def over_2(self, requests):
        fields = [("content-type", "application/jose+json")]
        with h2_raw.H2(self.house) as one, h2_raw.H2(self.house) as two:
            streams, last = [], {one: b"", two: b""}
            for i, (path, body) in enumerate(requests):
                connection = (one, two)[i % 2]
                stream = connection.begin(h2_raw.request(path, "POST", *fields, authority=f"localhost:{self.house.port}"),
                                          end=False)
                connection.data(stream, body[:-1])
                last[connection] += connection.frame(0, h2_raw.END_STREAM, stream, body[-1:])
                streams.append((connection, stream))
            for connection, octets in last.items():
                connection.raw.send(octets)
            answers = [connection.answer(stream) for connection, stream in streams]
            assert all(a.reset is None for a in answers), answers
        return [Answer(a.status, a.headers, a.body) for a in answers]


def inner(client, new, key=None):
    """The inner JWS of a key change (RFC 8555 7.3.5) to `new`."""
    protected = acme_raw.b64(json.dumps({"alg": new.algorithm, "jwk": new.jwk(), "url": client.directory["keyChange"]}))
    payload = acme_raw.b64(json.dumps({"account": client.kid, "oldKey": (key or client.key).jwk()}))
    return {"protected": protected, "payload": payload,
            "signature": acme_raw.b64(new.sign(f"{protected}.{payload}".encode()))}


def rows(house, sql, *values):
    """What the store holds."""
    with contextlib.closing(sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True)) as db:
        return db.execute(sql, values).fetchall()


def number(url):
    """The number at the end of a URL of ours."""
    return int(url.rpartition("/")[2])


# ---- what holds in every store at every moment ----

NO_ROWS = {
    "one key, one account (S-SEC-3)": "SELECT thumbprint FROM account GROUP BY thumbprint, directory HAVING count(*) > 1",
    "an order has one issuance that is not given up":
        "SELECT order_id FROM issuance WHERE state <> 2 AND order_id <> 0 GROUP BY order_id HAVING count(*) > 1",
    "an issuance is the order's account's": "SELECT i.id FROM issuance i JOIN orders o ON o.id = i.order_id "
                                            "WHERE i.account_id <> o.account_id",
    "every issuance is of an order": "SELECT id FROM issuance WHERE order_id <> 0 AND order_id NOT IN (SELECT id FROM orders)",
    "what is finished has its certificate": "SELECT id FROM issuance WHERE (state = 1) <> (id IN (SELECT id FROM certificate))",
    "no serial is used twice": "SELECT serial FROM issuance GROUP BY serial HAVING count(*) > 1",
    "an order that failed has no certificate": "SELECT o.id FROM orders o JOIN issuance i ON i.order_id = o.id "
                                               "WHERE o.error IS NOT NULL AND i.state = 1",
    "a verdict has a time and was asked for": "SELECT id FROM authz WHERE (verdict <> 0) <> (attempt_finished <> 0) "
                                              "OR attempt_finished <> 0 AND attempt_begun = 0",
    "no verdict is recorded after a deactivation": "SELECT id FROM authz WHERE deactivated <> 0 AND attempt_finished > deactivated",
    "only what failed says why": "SELECT id FROM authz WHERE (verdict = 2) <> (error IS NOT NULL)",
    # one that is revoked while it is being signed is given up
    "what is revoked was issued or given up": "SELECT id FROM revocation JOIN issuance ON id = issuance_id "
                                              "WHERE state <> 2 AND id NOT IN (SELECT id FROM certificate)",
    "what is revoked was begun": "SELECT issuance_id FROM revocation WHERE issuance_id NOT IN (SELECT id FROM issuance)",
    "a blocked key is not certified afterwards": "SELECT i.id FROM issuance i JOIN blocked_key b ON b.hash = i.key_hash "
                                                 "WHERE i.begun > b.since",
}


def broken(house):
    """The sentences of above that do not hold, with the rows that break them."""
    found = {}
    for sentence, sql in NO_ROWS.items():
        if bad := rows(house, sql):
            found[sentence] = bad[:5]
    authzs = dict((row[0], row[1:]) for row in rows(house, "SELECT id, verdict, account_id, value, deactivated FROM authz"))
    issued = dict(rows(house, "SELECT order_id, begun FROM issuance WHERE state <> 2 AND order_id <> 0"))
    for order, account, blob in rows(house, "SELECT id, account_id, authzs FROM orders"):
        numbers = [int.from_bytes(blob[i:i + 8], "big") for i in range(0, len(blob), 8)]
        if not numbers or any(n not in authzs for n in numbers):
            found.setdefault("an order has its authorizations", []).append(order)
            continue
        if any(authzs[n][1] != account for n in numbers):
            found.setdefault("an order's authorizations are its account's", []).append(order)
        if order in issued and any(authzs[n][0] != 1 or 0 < authzs[n][3] < issued[order] for n in numbers):
            found.setdefault("what is issued is authorized", []).append(order)
    if rows(house, "PRAGMA integrity_check") != [("ok",)]:
        found["the file is whole"] = rows(house, "PRAGMA integrity_check")
    return found
