"""http-01 (RFC 8555 8.3) as the validator of a real CA does it: real orders against a DNS server and web servers that
do everything right or wrong. All rows of the table run at once; each test looks at what came of its row."""
import concurrent.futures
import gzip
import os
import socket
import struct
import time

import pytest

import world as world_module
from world import (ALLOWED_V4, ALLOWED_V6, DEAF_V6, NO_TLS_V6, NOERROR, NXDOMAIN, OTHER_V4, PUBLIC_V4, PUBLIC_V6,
                   REFUSED, REFUSING_V4, REFUSING_V6, RESERVED, SERVFAIL, SILENT_V4, SILENT_V6, TIMEOUT_SECONDS, hang,
                   onward, proof, redirect, response, say)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root")

V4 = {"A": [PUBLIC_V4]}
V6 = {"AAAA": [PUBLIC_V6]}
BOTH = {**V4, **V6}
AT_V4, AT_V6 = f"{PUBLIC_V4}:80", f"[{PUBLIC_V6}]:80"

ROWS = {}


class Row:
    """What is set up for a name, and what must come of it. `make(host)` gives nodes, scripts and perhaps a check of the
    Result."""

    def __init__(self, make, problem, words):
        self.make, self.problem, self.words = make, problem, words


def valid(make):
    ROWS[make.__name__.replace("_", "-")] = Row(make, None, ())
    return make


def refused(problem, *words):
    def keep(make):
        ROWS[make.__name__.replace("_", "-")] = Row(make, problem, words)
        return make
    return keep


# ---- where it connects ----

def only_at(*addresses):
    def check(result):
        assert [hit.address for hit in result.hits] == list(addresses)
        assert [step["address"].rpartition(":")[0].strip("[]") for step in result.fetches()] == list(addresses)
    return check


@valid
def ipv4_only(host):
    return {host: V4}, {host: proof}, only_at(PUBLIC_V4)


@valid
def ipv6_only(host):
    return {host: V6}, {host: proof}, only_at(PUBLIC_V6)


# S-H01-9
@valid
def both_are_ipv6_first(host):
    return {host: BOTH}, {host: proof}, only_at(PUBLIC_V6)


def second_at_v4(result):
    assert [hit.address for hit in result.hits] == [PUBLIC_V4]
    first, second = result.fetches()
    assert first["address"].startswith("[2600:beef::") and "error" in first
    assert second == {"url": first["url"], "address": AT_V4, "status": 200}


@valid
def ipv6_refused_then_ipv4(host):
    return {host: {"AAAA": [REFUSING_V6], **V4}}, {host: proof}, second_at_v4


@valid
def ipv6_silent_then_ipv4(host):
    return {host: {"AAAA": [SILENT_V6], **V4}}, {host: proof}, second_at_v4


@refused("unauthorized", "http://{host}/", AT_V6, "404")
def ipv6_answers_wrong_so_no_ipv4(host):
    def script(web, request, connection):
        return proof(web, request, connection) if request.address == PUBLIC_V4 else response(404)
    return {host: BOTH}, {host: script}, only_at(PUBLIC_V6)


@refused("connection", "http://{host}/", AT_V6, "closed without an answer")
def ipv6_connects_and_closes_so_no_ipv4(host):
    def script(web, request, connection):
        return proof(web, request, connection) if request.address == PUBLIC_V4 else None

    def check(result):
        assert len(result.hits) > 1 and {hit.address for hit in result.hits} == {PUBLIC_V6}
    return {host: BOTH}, {host: script}, check


@valid
def ipv6_slow_is_waited_for(host):
    """Half of the time is for dialling the first address; an answer may take all of it."""
    def script(web, request, connection):
        time.sleep(TIMEOUT_SECONDS * 2 / 3)
        return proof(web, request, connection)
    return {host: BOTH}, {host: script}, only_at(PUBLIC_V6)


@refused("connection", "http://{host}/.well-known/acme-challenge/", f"{REFUSING_V4}:80", "Connection refused")
def nobody_listens(host):
    def check(result):
        assert len(result.fetches()) == len(result.lookups()) > 1  # looked up again for each attempt
    return {host: {"A": [REFUSING_V4]}}, {}, check


@refused("connection", "http://{host}/.well-known/acme-challenge/", f"{SILENT_V4}:80", "no connection in time")
def nobody_answers_a_syn(host):
    return {host: {"A": [SILENT_V4]}}, {}


@refused("connection", f"{REFUSING_V4}:80", "Connection refused")
def nobody_listens_on_both(host):
    def check(result):
        assert [step["address"] for step in result.fetches()[:2]] == [f"[{REFUSING_V6}]:80", f"{REFUSING_V4}:80"]
    return {host: {"A": [REFUSING_V4], "AAAA": [REFUSING_V6]}}, {}, check


@valid
def many_addresses(host):
    return {host: {"A": [f"11.22.34.{n}" for n in range(100)] + [PUBLIC_V4], **V6}}, {host: proof}


@valid
def down_for_two_seconds(host):
    begun = []

    def script(web, request, connection):
        begun.append(time.monotonic())
        if begun[-1] - begun[0] < 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()  # RST
            return None
        return proof(web, request, connection)

    def check(result):
        assert len(result.hits) > 2 and "error" in result.fetches()[0] and result.fetches()[-1]["status"] == 200
    return {host: V4}, {host: script}, check


# ---- the request ----

# S-H01-1, 2, 10
@valid
def request_is_plain(host):
    def check(result):
        (hit,) = result.hits
        names = [name.lower() for name, _ in hit.headers]
        assert hit.line == f"GET /.well-known/acme-challenge/{result.challenge['token']} HTTP/1.1"
        assert hit.host == host  # some clients compare it with their names: no port
        assert hit.header("user-agent").startswith("cairn-ca/") and "RFC 8555" in hit.header("user-agent")
        assert hit.header("accept") == "*/*"
        assert sorted(names) == sorted(set(names)) and set(names) <= {"host", "user-agent", "accept", "connection"}
    return {host: V4}, {host: proof}, check


@valid
def no_referer_and_no_cookie_after_a_redirect(host):
    def check(result):
        assert [hit.host for hit in result.hits] == [host, "to." + host]
        for hit in result.hits:
            assert {name.lower() for name, _ in hit.headers} <= {"host", "user-agent", "accept", "connection"}
    cookie = ("Set-Cookie", f"a=b; Domain={host}; Path=/")
    return ({host: V4, "to." + host: V4},
            {host: onward(f"http://to.{host}", 301, cookie), "to." + host: proof}, check)


# ---- redirects ----

def redirects_once(status, secure=False, relative=None):
    def make(host):
        target = "to." + host

        def script(web, request, connection):
            place = relative(request) if relative else f"http{'s' if secure else ''}://{target}{request.path}"
            if request.path.startswith("/second/"):
                return proof(web, request, connection)
            return redirect(status, place)(web, request, connection)

        def check(result):
            second = host if relative else target
            assert [(hit.host, hit.tls) for hit in result.hits] == [(host, False), (second, secure)]
            assert [step["status"] for step in result.fetches()] == [status, 200]
            assert len(result.lookups()) == 2
        return {host: V4, target: V6}, {host: script, target: proof}, check
    return make


# S-H01-4, 5, 6
for code in (301, 302, 307, 308):
    ROWS[f"redirect-{code}"] = Row(redirects_once(code), None, ())
    ROWS[f"redirect-{code}-https-any-certificate"] = Row(redirects_once(code, secure=True), None, ())
ROWS["redirect-relative-path"] = Row(redirects_once(302, relative=lambda r: f"/second/{r.token}"), None, ())
ROWS["redirect-relative-dots"] = Row(redirects_once(302, relative=lambda r: f"../../second/{r.token}?a=b"), None, ())
ROWS["redirect-relative-host"] = Row(redirects_once(302, relative=lambda r: f"//{r.host}/second/{r.token}"), None, ())
ROWS["redirect-with-fragment"] = Row(redirects_once(302, relative=lambda r: f"/second/{r.token}#/../x"), None, ())
ROWS["redirect-explicit-port-80"] = Row(
    redirects_once(302, relative=lambda r: f"HTTP://{r.host.upper()}:80/second/{r.token}"), None, ())


def redirects_to(place, status=302):
    """Refused before anything is connected to."""
    def make(host):
        def check(result):
            assert len(result.hits) == 1 and result.hits[0].host == host
        def script(web, request, connection):
            return redirect(status, place.format(host=host, path=request.path))(web, request, connection)
        nodes = {host: V4, "to." + host: V4, "inside." + host: {"A": ["10.77.0.1"]}}
        return nodes, {host: script, "to." + host: proof}, check
    return make


def redirect_refused(name, place, *words, problem="connection", status=302):
    ROWS["redirect-" + name] = Row(redirects_to(place, status), problem, words)


FROM = ["http://{host}/.well-known/acme-challenge/", AT_V4]
# S-H01-5
redirect_refused("other-port", "http://to.{host}:8080{path}", *FROM, "port 8080")
redirect_refused("port-0", "http://to.{host}:0{path}", *FROM, "port")
redirect_refused("port-22", "http://to.{host}:22{path}", *FROM, "port 22")
redirect_refused("ftp", "ftp://to.{host}{path}", *FROM, "ftp://to.{host}")
redirect_refused("file", "file:///etc/passwd", *FROM, "file:///etc/passwd")
redirect_refused("gopher", "gopher://to.{host}:80/_x", *FROM, "gopher://")
redirect_refused("userinfo", "http://user:word@to.{host}{path}", *FROM, "user name")
redirect_refused("userinfo-trick", "http://{host}@to.{host}{path}", *FROM, "user name")
redirect_refused("no-host", "http:///x", *FROM, "host")
redirect_refused("bad-host", "http://a b/", *FROM, "host")
redirect_refused("empty-label", "http://a..b/", *FROM, "host")
redirect_refused("not-ascii", "http://b\u00fccher.test/", *FROM, "host")
redirect_refused("bad-escape", "http://to.{host}/%zz", *FROM, "escape")
redirect_refused("oversized-location", "http://to.{host}/" + "x" * 4000, *FROM, "2048")
redirect_refused("well-known-typo", "http://to.{host}.well-known/acme-challenge/x", *FROM, "to.{host}.well-known",
                 "slash")
redirect_refused("name-like-an-address", "http://127.0.0.1.to.{host}{path}", *FROM, "no name", problem="dns")
# S-H01-8
redirect_refused("reserved-v4", "http://192.168.7.7{path}", *FROM, "192.168.7.7", "private use",
                 "validation.allow_networks")
redirect_refused("reserved-v4-https", "https://192.168.7.7{path}", *FROM, "192.168.7.7", "private use")
redirect_refused("reserved-v6", "http://[fd00:7::7]{path}", *FROM, "fd00:7::7", "unique local")
redirect_refused("reserved-mapped", "http://[::ffff:10.77.0.1]{path}", *FROM, "10.77.0.1", "private use")
redirect_refused("this-network", "http://0.0.0.0{path}", *FROM, "0.0.0.0", "this network")
redirect_refused("metadata", "http://169.254.169.254/latest/meta-data/", *FROM, "169.254.169.254", "link local")
redirect_refused("reserved-by-name", "http://inside.{host}{path}", *FROM, "inside.{host}", "10.77.0.1", "private use")
redirect_refused("decimal-address", "http://2130706433{path}", *FROM, problem="dns")
redirect_refused("short-address", "http://127.1{path}", *FROM, problem="dns")
redirect_refused("300", "http://to.{host}{path}", *FROM, "300", problem="unauthorized", status=300)
redirect_refused("303", "http://to.{host}{path}", *FROM, "303", problem="unauthorized", status=303)
redirect_refused("305", "http://to.{host}{path}", *FROM, "305", problem="unauthorized", status=305)
redirect_refused("304", "http://to.{host}{path}", *FROM, "304", problem="unauthorized", status=304)


@valid
def redirect_to_public_address(host):
    def check(result):
        assert [hit.host for hit in result.hits] == [host, OTHER_V4]
    return ({host: V4}, {host: onward(f"http://{OTHER_V4}"), OTHER_V4: proof}, check)


@valid
def redirect_to_allowed_address(host):
    def check(result):
        assert [hit.address for hit in result.hits] == [PUBLIC_V4, ALLOWED_V6]
    return ({host: V4}, {host: onward(f"http://[{ALLOWED_V6}]"),
                         f"[{ALLOWED_V6}]": proof}, check)


def redirect_to_bad_tls(address):
    def make(host):
        def check(result):  # the connection stands: no IPv4
            assert {step["address"] for step in result.fetches()} == {AT_V4, f"[{address}]:443"}
        return ({host: V4, "to." + host: {"A": [ALLOWED_V4], "AAAA": [address]}},
                {host: onward(f"https://to.{host}"), "to." + host: proof}, check)
    return make


ROWS["redirect-to-https-without-tls"] = Row(redirect_to_bad_tls(NO_TLS_V6), "tls",
                                            ("https://to.{host}/", f"[{NO_TLS_V6}]:443"))
ROWS["redirect-to-https-that-hangs"] = Row(redirect_to_bad_tls(DEAF_V6), "connection",
                                           ("https://to.{host}/", f"[{DEAF_V6}]:443", "no answer in time"))


@refused("unauthorized", "http://to.{host}/", AT_V6, "404")
def redirect_to_a_missing_page(host):
    return ({host: V4, "to." + host: V6},
            {host: onward(f"http://to.{host}")})


@refused("dns", *FROM, "redirects to http://to.{host}/", "NXDOMAIN")
def redirect_to_no_name(host):
    return {host: V4}, {host: onward(f"http://to.{host}")}


@refused("unauthorized", *FROM, "302", "Location")
def redirect_without_location(host):
    return {host: V4}, {host: say(response(302))}


@refused("connection", "{host}", "more than 10 redirects")
def redirect_loop(host):
    def check(result):
        assert len(result.hits) == 11
    return {host: V4}, {host: onward("")}, check


@refused("connection", "{host}", AT_V4, "redirects again: more than 10 redirects")
def redirect_loop_of_two_hosts(host):
    def check(result):
        assert [hit.host for hit in result.hits] == [host, "b." + host] * 5 + [host]
    return ({host: V4, "b." + host: V4}, {host: onward(f"http://b.{host}"), "b." + host: onward(f"http://{host}")}, check)


@valid
def redirect_with_an_endless_body(host):
    """Where it leads is in its headers."""
    def script(web, request, connection):
        connection.sendall(f"HTTP/1.1 302 Go\r\nLocation: http://to.{host}{request.path}\r\n"
                           "Content-Length: 104857600\r\n\r\n".encode())
        for _ in range(1600):
            connection.sendall(b"x" * 65536)
    return {host: V4, "to." + host: V4}, {host: script, "to." + host: proof}


def counts_to(most):
    def make(host):
        def script(web, request, connection):
            done = int(request.path.rpartition("?")[2]) if "?" in request.path else 0
            token = request.token.partition("?")[0]
            if done < most:
                return redirect(302, f"{request.path.partition('?')[0]}?{done + 1}")(web, request, connection)
            return response(200, web.tokens[token])
        return {host: V4}, {host: script}
    return make


# S-H01-4
ROWS["redirect-10"] = Row(counts_to(10), None, ())
ROWS["redirect-11"] = Row(counts_to(11), "connection", ("more than 10 redirects",))


@refused("connection", "{host}", "more than 10 redirects")
def redirect_loop_with_long_urls(host):
    """What is on record stays when there is no room for all of it."""
    def script(web, request, connection):
        count = int(request.path[-2:]) if request.path[-3:-2] == "x" else 0
        return redirect(302, request.path[:80] + "x" * 1700 + f"{count + 1:02}")(web, request, connection)

    def check(result):
        assert result.lookups() and result.fetches() and len(result.hits) == 11
    return {host: V4}, {host: script}, check


# ---- the answer ----

def answers(make_body, status=200, headers=()):
    def make(host):
        def script(web, request, connection):
            return response(status, make_body(web.tokens[request.token]), headers)
        return {host: V4}, {host: script}
    return make


# S-H01-3
ROWS["body-trailing-space"] = Row(answers(lambda t: t + " \r\n\t\n"), None, ())
ROWS["body-any-media-type"] = Row(answers(lambda t: t, headers=[("Content-Type", "image/png")]), None, ())
WRONG = (*FROM, "wrong content")
ROWS["body-leading-space"] = Row(answers(lambda t: " " + t), "unauthorized", WRONG)
ROWS["body-longer"] = Row(answers(lambda t: t + "x"), "unauthorized", WRONG)
ROWS["body-shorter"] = Row(answers(lambda t: t[:-1]), "unauthorized", WRONG)
ROWS["body-other-case"] = Row(answers(lambda t: t.swapcase()), "unauthorized", WRONG)
ROWS["body-nul-behind"] = Row(answers(lambda t: t + "\0"), "unauthorized", WRONG)
ROWS["body-second-line"] = Row(answers(lambda t: t + "\nmore"), "unauthorized", WRONG)
ROWS["body-empty"] = Row(answers(lambda t: ""), "unauthorized", WRONG)
ROWS["body-token-only"] = Row(answers(lambda t: t.partition(".")[0]), "unauthorized", WRONG)
ROWS["body-html"] = Row(answers(lambda t: "<html>Not here" + "x" * 500), "unauthorized", (*WRONG, "<html>Not here"))
# S-ERR-4, S-H01-11: Result.must_be() looks at every character and the length
ROWS["body-control"] = Row(answers(lambda t: "\x1b[31m\x07evil\r\n\x7f"), "unauthorized", (*WRONG, "[31m", "evil"))
ROWS["body-not-utf8"] = Row(answers(lambda t: b"\xff\xfe\xc3(\xed\xa0\x80ok"), "unauthorized", (*WRONG, "ok"))
ROWS["body-bidi"] = Row(answers(lambda t: "\u202etxt\u2066.exe"), "unauthorized", (*WRONG, "txt"))
ROWS["body-cut-in-a-character"] = Row(answers(lambda t: "x" * 63 + "\u00e9" * 40), "unauthorized", (*WRONG, "xxx"))
ROWS["body-space-beyond-the-end"] = Row(answers(lambda t: t + " " * 5000), "unauthorized", WRONG)
# what was expected, too: it is the account's key that is another one if the token is right
ROWS["body-of-another-account"] = Row(answers(lambda t: t.partition(".")[0] + ".other"), "unauthorized",
                                      (*WRONG, ".other\"; expected the key authorization \""))
# S-H01-7: nothing is unpacked
ROWS["body-gzip"] = Row(answers(lambda t: gzip.compress(t.encode()), headers=[("Content-Encoding", "gzip")]),
                        "unauthorized", WRONG)
ROWS["body-gzip-bomb"] = Row(answers(lambda t: gzip.compress(bytes(50 << 20)), headers=[("Content-Encoding", "gzip")]),
                             "unauthorized", WRONG)
# S-H01-5
for code in (201, 203, 206, 400, 401, 403, 404, 410, 418, 500, 502, 503):
    ROWS[f"status-{code}"] = Row(answers(lambda t: t, code), "unauthorized", (*FROM, str(code)))


@refused("unauthorized", *FROM, "204")
def status_204(host):
    return {host: V4}, {host: say(response(204, length=False))}


def chunked(*pieces):
    return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
            b"".join(f"{len(p):x}\r\n".encode() + p + b"\r\n" for p in pieces) + b"0\r\n\r\n")


@valid
def body_chunked(host):
    def script(web, request, connection):
        text = web.tokens[request.token].encode()
        return chunked(text[:1], text[1:20], text[20:])
    return {host: V4}, {host: script}


@valid
def body_until_close_http_1_0(host):
    def script(web, request, connection):
        return b"HTTP/1.0 200 OK\r\n\r\n" + web.tokens[request.token].encode()
    return {host: V4}, {host: script}


@valid
def body_in_pieces(host):
    def script(web, request, connection):
        for octet in response(200, web.tokens[request.token]):
            connection.sendall(bytes([octet]))
        return None
    return {host: V4}, {host: script}


@valid
def informational_answers_first(host):
    def script(web, request, connection):
        return b"HTTP/1.1 103 Early Hints\r\nLocation: /x\r\n\r\n" + proof(web, request, connection)
    return {host: V4}, {host: script}


def endless(web, request, connection):
    """100 MB, as much of it as is wanted."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
    web.sent = 0
    for _ in range(1600):
        connection.sendall(b"x" * 65536)
        web.sent += 65536


# S-H01-7
@refused("unauthorized", *WRONG, "xxxxxxxx")
def body_100_megabytes(host):
    return {host: V4}, {host: endless}


@refused("unauthorized", *WRONG)
def body_chunked_without_end(host):
    def script(web, request, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"400\r\n" + b"y" * 1024 + b"\r\n")
    return {host: V4}, {host: script}


def drips(text, pause=0.3):
    def script(web, request, connection):
        for octet in text:
            connection.sendall(bytes([octet]))
            time.sleep(pause)
    return script


@refused("connection", *FROM, "in time")
def body_drips(host):
    return {host: V4}, {host: drips(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"x" * 900, 0.1)}


@refused("connection", *FROM, "in time")
def header_drips(host):
    return {host: V4}, {host: drips(b"HTTP/1.1 200 OK\r\nServer: " + b"x" * 900)}


@refused("connection", *FROM, "no answer in time")
def never_answers(host):
    return {host: V4}, {host: hang}


@refused("connection", *FROM, "closed without an answer")
def closes(host):
    return {host: V4}, {host: say(None)}


@refused("connection", *FROM, "broke")
def resets(host):
    def script(web, request, connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    return {host: V4}, {host: script}


@refused("connection", *FROM)
def closes_in_the_body(host):
    def script(web, request, connection):
        return b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nnot all of it"
    return {host: V4}, {host: script}


@refused("connection", *FROM, "header")
def header_flood(host):
    def script(web, request, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for n in range(100000):
            connection.sendall(f"X-{n}: {'y' * 500}\r\n".encode())
    return {host: V4}, {host: script}


@refused("connection", *FROM, "header")
def ten_thousand_header_lines(host):
    """Each of them short."""
    return {host: V4}, {host: say(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 10000 + b"\r\n")}


@refused("connection", *FROM, "header")
def one_header_without_end(host):
    def script(web, request, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(2000):
            connection.sendall(b"y" * 4096)
    return {host: V4}, {host: script}


@refused("connection", *FROM, "header")
def informational_flood(host):
    def script(web, request, connection):
        for _ in range(100000):
            connection.sendall(b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n")
    return {host: V4}, {host: script}


@refused("connection", *FROM, "not HTTP")
def not_http(host):
    return {host: V4}, {host: say(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")}


@refused("connection", *FROM, "not HTTP")
def http_0_9(host):
    def script(web, request, connection):
        return web.tokens[request.token].encode()
    return {host: V4}, {host: script}


# ---- DNS ----

@refused("dns", "{host}", "NXDOMAIN")
def dns_nxdomain(host):
    def check(result):
        # how often is the resolver's affair: it repeats what a busy server is slow to answer
        assert {(kind, transport) for _, kind, transport in result.asked} == {("AAAA", "udp"), ("A", "udp")}
        assert result.record == [{"lookup": host, "aaaa": "NXDOMAIN", "a": "NXDOMAIN"}]
    return {host: {"rcode": NXDOMAIN}}, {}, check


@refused("dns", "{host}", "SERVFAIL")
def dns_servfail(host):
    def check(result):
        assert len(result.lookups()) > 1
    return {host: {"rcode": SERVFAIL}}, {}, check


@refused("dns", "{host}", "SERVFAIL")
def dns_refused(host):
    return {host: {"rcode": REFUSED}}, {}


@refused("dns", "{host}", "neither A nor AAAA")
def dns_empty(host):
    return {host: {"rcode": NOERROR}}, {}


@refused("dns", "{host}")
def dns_malformed(host):
    return {host: {"raw": lambda q: q.message[:2] + b"\x84\x80\x00\x01\x00\x05\x00\x00\x00\x00" + b"\xc0\xff" * 40}}, {}


@refused("dns", "{host}")
def dns_cname_loop(host):
    return {host: {"CNAME": "b." + host}, "b." + host: {"CNAME": host}}, {}


@refused("dns", "{host}")
def dns_cname_to_nothing(host):
    return {host: {"CNAME": "b." + host}}, {}


@valid
def dns_cname_chain(host):
    names = [host] + [f"c{n}.{host}" for n in range(8)]
    return ({**{a: {"CNAME": b} for a, b in zip(names, names[1:])}, names[-1]: V4}, {host: proof}, only_at(PUBLIC_V4))


@valid
def dns_truncated_then_tcp(host):
    def check(result):
        assert {transport for _, _, transport in result.asked} == {"udp", "tcp"}
    return {host: {**V4, "cut": True}}, {host: proof}, check


@valid
def dns_aaaa_fails_a_good(host):
    return {host: lambda q: V4 if q.kind == "A" else {"rcode": SERVFAIL}}, {host: proof}, only_at(PUBLIC_V4)


@valid
def dns_aaaa_silent_a_good(host):
    return {host: {**V4, "silent": "AAAA"}}, {host: proof}, only_at(PUBLIC_V4)


@refused("dns", "{host}")
def dns_silent(host):
    return {host: {"silent": True}}, {}


@valid
def dns_servfail_for_two_seconds(host):
    begun = []

    def node(question):
        begun.append(time.monotonic())
        return V4 if begun[-1] - begun[0] > 2 else {"rcode": SERVFAIL}
    return {host: node}, {host: proof}


@refused("connection", "to.{host}", "10.77.0.1", "private use")
def dns_rebinding_between_redirects(host):
    """A name that was good once is checked again when a redirect leads to it."""
    visited = []
    again = onward("/again")

    def script(web, request, connection):
        visited.append(request)
        return again(web, request, connection)

    def node(question):
        return {"A": ["10.77.0.1"]} if visited else V4

    def check(result):
        assert {hit.address for hit in result.hits} == {PUBLIC_V4} and len(result.hits) == 2
    return ({host: V4, "to." + host: node},
            {host: onward(f"http://to.{host}"), "to." + host: script}, check)


def is_at(address, *words):
    def make(host):
        def check(result):
            assert not result.hits and not result.fetches()
        kind = "AAAA" if ":" in address else "A"
        return {host: {kind: [address]}}, {host: proof}, check
    ROWS["at-" + address.replace(".", "-").replace(":", "-").strip("-")] = Row(
        make, "connection", ("{host}", address, "validation.allow_networks", *words))


# S-H01-8
for reserved in RESERVED:
    is_at(reserved)
for reserved, reason in [
        ("0.0.0.0", "this network"), ("::1", "loopback"), ("::", "unspecified"), ("255.255.255.255", "broadcast"),
        ("224.0.0.1", "multicast"), ("240.0.0.1", "reserved"), ("fe80::1", "link local"), ("ff02::1", "multicast"),
        ("::ffff:10.77.0.1", "private use"), ("::ffff:169.254.7.7", "link local"), ("::ffff:0.0.0.0", "this network"),
        ("64:ff9b::a4d:1", "private use"), ("2002:a4d:1::1", "private use"), ("::10.77.0.1", "unicast")]:
    is_at(reserved, reason)


@valid
def at_allowed_v4(host):
    return {host: {"A": [ALLOWED_V4]}}, {host: proof}, only_at(ALLOWED_V4)


@valid
def at_allowed_v6(host):
    return {host: {"AAAA": [ALLOWED_V6]}}, {host: proof}, only_at(ALLOWED_V6)


@valid
def at_reserved_and_public(host):
    node = {"A": ["10.77.0.1", "169.254.7.7", PUBLIC_V4], "AAAA": ["fd00:7::7", "::1"]}
    return {host: node}, {host: proof}, only_at(PUBLIC_V4)


# ---- the run ----

@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = world_module.World(tmp_path_factory.mktemp("world"))
    try:
        yield made
        made.end()
    finally:
        made.close()


@pytest.fixture(scope="module")
def results(world):
    """Every row of the table at once."""
    checks = {}

    def run(name):
        host = f"{name[:60].strip('-')}.rows.test"
        nodes, scripts, *more = ROWS[name].make(host)
        world.set_up(nodes, scripts)
        checks[name] = more
        return world.prove(host)

    with concurrent.futures.ThreadPoolExecutor(len(ROWS)) as pool:
        futures = {name: pool.submit(run, name) for name in ROWS}
        return {name: (future, checks) for name, future in futures.items()}


@pytest.mark.parametrize("name", ROWS)
def test_row(results, name):
    future, checks = results[name]
    result = future.result()
    result.must_be(ROWS[name].problem, ROWS[name].words)
    for check in checks[name]:
        check(result)


# ---- one after the other ----

@pytest.mark.parametrize("before", [{"rcode": NXDOMAIN}, {"rcode": NOERROR}, {"rcode": SERVFAIL}, {"A": [REFUSING_V4]},
                                    {"A": ["10.77.0.1"]}], ids=["nxdomain", "empty", "servfail", "other", "reserved"])
def test_a_corrected_dns_counts_at_once(world, before, request):
    host = f"{request.node.callspec.id}.corrected.test"
    world.set_up({host: before}, {host: proof})
    assert world.prove(host).challenge["status"] == "invalid"
    world.set_up({host: V4}, {})
    world.prove(host).must_be(None, ())


def test_rebinding(world):
    """The second answer would lead inside; there is no second question. Nobody else asks meanwhile, and a name whose
    question the resolver itself repeated, because the server here was slow, says nothing: another is taken."""
    for n in range(20):
        host, count = f"rebinding{n}.test", {"A": 0, "AAAA": 0}

        def node(question, count=count):
            count[question.kind] += 1
            return V4 if count[question.kind] == 1 else {"A": ["10.77.0.1"], "AAAA": ["::1"]}

        world.set_up({host: node}, {host: proof})
        result = world.prove(host)
        assert {hit.address for hit in result.hits} <= {PUBLIC_V4}
        if count == {"A": 1, "AAAA": 1}:
            result.must_be(None, ())
            assert [hit.address for hit in result.hits] == [PUBLIC_V4]
            return
        assert "private use" in result.detail, result.detail
    raise AssertionError("every question was repeated")


def test_the_resolver_is_away_for_a_while(world):
    world.set_up({"away.test": V4}, {"away.test": proof})
    world.dns.close()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        result = pool.submit(world.prove, "away.test")
        time.sleep(2)
        world.dns.open(53)
        result.result().must_be(None, ())


def test_hanging_targets_do_not_hold_up_the_good_ones(world):
    """A hundred that hang in every way there is, fifty that answer; all begun together."""
    world.dns.suffixes.update({".good.test": V4, ".hang.test": V4, ".syn.test": {"A": [SILENT_V4]},
                               ".silent.test": {"silent": True}})
    bad = [f"n{n}.{kind}.test" for n in range(25) for kind in ("hang", "syn", "silent", "drip")]
    good = [f"n{n}.good.test" for n in range(50)]
    world.dns.suffixes[".drip.test"] = V4
    world.set_up({}, {name: proof for name in good})
    world.set_up({}, {name: hang if "hang" in name else drips(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500) for name in bad})
    with concurrent.futures.ThreadPoolExecutor(150) as pool:
        futures = {name: pool.submit(world.prove, name) for name in bad + good}
        for name in good:
            futures[name].result().must_be(None, ())
        for name in bad:
            assert futures[name].result().challenge["status"] == "invalid"


# ---- other settings ----

def test_ports_are_a_setting(tmp_path, world):
    """80 and 443 in a URL stand for the ports that are set; these themselves are allowed; Host carries none."""
    other = world_module.World.__new__(world_module.World)
    other.closers, other.dns, other.scripts = [], world.dns, {}
    other.web = world_module.Web([PUBLIC_V4], 5002, other.scripts)
    other.secure = world_module.Web([PUBLIC_V4], 5003, other.scripts, world_module.bad_certificate(tmp_path))
    other.elsewhere = world_module.Web([PUBLIC_V4], 5004, other.scripts)
    other.secure.tokens = other.elsewhere.tokens = other.web.tokens
    other.closers += [other.web.close, other.secure.close, other.elsewhere.close]
    try:
        other.serve(tmp_path / "ca", "validation.resolver=127.0.0.1", "validation.http_port=5002",
                    "validation.tls_port=5003")
        places = {"plain": None, "to80": "http://plain.ports.test:80", "to443": "https://plain.ports.test",
                  "to5002": "http://plain.ports.test:5002", "to5003": "https://plain.ports.test:5003",
                  "to5004": "http://plain.ports.test:5004"}
        for name, place in places.items():
            script = proof if place is None else onward(place)
            other.set_up({f"{name}.ports.test": V4}, {f"{name}.ports.test": script})
        for port in (5002, 5003):
            other.scripts[f"plain.ports.test:{port}"] = proof
        results = {name: other.prove(f"{name}.ports.test") for name in places}
        for name in places:
            results[name].must_be(*(("connection", ["port 5004"]) if name == "to5004" else (None, ())))
            ports = {"plain": [5002], "to443": [5002, 5003], "to5003": [5002, 5003], "to5004": [5002]}
            assert [hit.port for hit in results[name].hits] == ports.get(name, [5002, 5002])
            assert results[name].hits[0].host == f"{name}.ports.test"
        # without validation.allow_networks nothing reserved is connected to
        for address in ("127.0.0.1", "::1", ALLOWED_V4, ALLOWED_V6):
            host = f"{address.replace('.', 'o').replace(':', 'x')}.ports.test"
            other.set_up({host: {"AAAA" if ":" in address else "A": [address]}}, {host: proof})
            other.prove(host).must_be("connection", [host, address, "validation.allow_networks"])
        other.end()
    finally:
        other.close()
