"""The HTTPS door, HTTP/1.1: what must be refused is, by the right status and with the connection closed, so that no
request smuggled behind it is ever answered; what is right is answered however it is cut into pieces."""
import email.utils
import json
import socket
import ssl
import threading
import time

import pytest

import house as house_module
from http_raw import Raw, echo, get

HOST = "Host: localhost\r\n"
SMUGGLED = b"GET /acme/directory?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def door(tmp_path_factory, dns_stub):
    """A serving CA, for all tests here: what they send must not harm it."""
    made = house_module.House(tmp_path_factory.mktemp("http") / "ca", dns_names=("localhost", "other.test"),
                               stub=dns_stub)
    try:
        yield made.start()
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


def post(headers, body="", path="/acme/new-order", version="HTTP/1.1"):
    return f"POST {path} {version}\r\n{HOST}{headers}\r\n{body}"


CHUNKED = "Transfer-Encoding: chunked\r\n"

# the strictness table: what, status, request
REFUSED = [
    ("Transfer-Encoding and Content-Length", 400, post(f"Content-Length: 5\r\n{CHUNKED}", "0\r\n\r\n")),
    ("Content-Length and Transfer-Encoding", 400, post(f"{CHUNKED}Content-Length: 5\r\n", "0\r\n\r\n")),
    ("two different Content-Length", 400, post("Content-Length: 5\r\nContent-Length: 0\r\n")),
    ("two equal Content-Length", 400, post("Content-Length: 0\r\nContent-Length: 0\r\n")),
    ("a list of Content-Length", 400, post("Content-Length: 0, 0\r\n")),
    ("Content-Length: +2", 400, post("Content-Length: +2\r\n", "ab")),
    ("Content-Length: -1", 400, post("Content-Length: -1\r\n")),
    ("Content-Length: 0x2", 400, post("Content-Length: 0x2\r\n", "ab")),
    ("Content-Length: 2 and more", 400, post("Content-Length: 2 2\r\n", "ab")),
    ("an empty Content-Length", 400, post("Content-Length: \r\n")),
    ("a Content-Length beyond 64 bits", 400, post("Content-Length: 18446744073709551618\r\n", "ab")),
    ("bare line feeds", 400, "GET /acme/directory HTTP/1.1\nHost: localhost\n\n"),
    ("one bare line feed", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}X: a\nY: b\r\n\r\n"),
    ("a bare line feed at the end", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}\n"),
    ("a bare carriage return", 400, "GET /acme/directory HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n"),
    ("space before the colon", 400, "GET /acme/directory HTTP/1.1\r\nHost : localhost\r\n\r\n"),
    ("tab before the colon", 400, post("Content-Length\t: 2\r\n", "ab")),
    ("space before the colon of Transfer-Encoding", 400, post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")),
    ("a folded header", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}X: a\r\n b\r\n\r\n"),
    ("a folded Transfer-Encoding", 400, post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")),
    ("a folded first header", 400, "GET /acme/directory HTTP/1.1\r\n Host: localhost\r\n\r\n"),
    ("no Host", 400, "GET /acme/directory HTTP/1.1\r\n\r\n"),
    ("two Host", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}{HOST}\r\n"),
    ("two different Host", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}Host: other.test\r\n\r\n"),
    ("an empty Host", 400, "GET /acme/directory HTTP/1.1\r\nHost:\r\n\r\n"),
    ("a Host that is none", 400, "GET /acme/directory HTTP/1.1\r\nHost: a/b@c\r\n\r\n"),
    ("a control byte in a value", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}X: a\x01b\r\n\r\n"),
    ("a NUL in a value", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}X: a\0b\r\n\r\n"),
    ("a DEL in a value", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}X: a\x7fb\r\n\r\n"),
    ("a NUL in a name", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}X\0: a\r\n\r\n"),
    ("a NUL in the target", 400, f"GET /acme/directory\0 HTTP/1.1\r\n{HOST}\r\n"),
    ("a name that is no token", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}X(y): a\r\n\r\n"),
    ("an empty name", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}: a\r\n\r\n"),
    ("no colon", 400, f"GET /acme/directory HTTP/1.1\r\n{HOST}X\r\n\r\n"),
    ("Transfer-Encoding: xchunked", 501, post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
    ("Transfer-Encoding: chunked twice", 501, post(CHUNKED + CHUNKED, "0\r\n\r\n")),
    ("Transfer-Encoding: chunked, chunked", 501, post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
    ("Transfer-Encoding: gzip, chunked", 501, post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")),
    ("Transfer-Encoding: chunked, identity", 501, post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n")),
    ("Transfer-Encoding: \\vchunked", 400, post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n")),
    ("Transfer-Encoding: \"chunked\"", 501, post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n")),
    ("Transfer-Encoding in HTTP/1.0", 400, post(CHUNKED, "0\r\n\r\n", version="HTTP/1.0")),

    ("a chunk size with a sign", 400, post(CHUNKED, "+1\r\na\r\n0\r\n\r\n")),
    ("a chunk size with 0x", 400, post(CHUNKED, "0x1\r\na\r\n0\r\n\r\n")),
    ("an empty chunk size", 400, post(CHUNKED, "\r\na\r\n0\r\n\r\n")),
    ("white space behind a chunk size", 400, post(CHUNKED, "1 \r\na\r\n0\r\n\r\n")),
    ("a chunk size that overflows", 400, post(CHUNKED, "10000000000000001\r\na\r\n0\r\n\r\n")),
    ("a chunk size with many zeros", 400, post(CHUNKED, "0" * 40 + "1\r\na\r\n0\r\n\r\n")),
    ("a chunk size above the body's bound", 413, post(CHUNKED, "fffffff\r\na\r\n")),
    ("a bare line feed behind a chunk size", 400, post(CHUNKED, "1\na\r\n0\r\n\r\n")),
    ("a chunk longer than it says", 400, post(CHUNKED, "1\r\nab\r\n0\r\n\r\n")),
    ("a bare line feed behind a chunk", 400, post(CHUNKED, "1\r\na\n0\r\n\r\n")),
    ("a chunk extension too long", 400, post(CHUNKED, "1;" + "a" * 300 + "\r\na\r\n0\r\n\r\n")),
    ("too many chunk extensions", 400, post(CHUNKED, ("1;" + "a" * 200 + "\r\na\r\n") * 20 + "0\r\n\r\n")),
    ("a control byte in a chunk extension", 400, post(CHUNKED, "1;a\x01\r\na\r\n0\r\n\r\n")),
    ("a bare line feed in a chunk extension", 400, post(CHUNKED, "1;a\n\r\na\r\n0\r\n\r\n")),
    ("trailers too large", 431, post(CHUNKED, "0\r\n" + ("X: " + "a" * 200 + "\r\n") * 30 + "\r\n")),
    ("a folded trailer", 400, post(CHUNKED, "0\r\nX: a\r\n b\r\n\r\n")),
    ("a trailer without a colon", 400, post(CHUNKED, "0\r\nX\r\n\r\n")),
    ("a trailer with a space before the colon", 400, post(CHUNKED, "0\r\nX : a\r\n\r\n")),
    ("a trailer with a control byte", 400, post(CHUNKED, "0\r\nX: a\x01\r\n\r\n")),
    ("a bare line feed behind a trailer", 400, post(CHUNKED, "0\r\nX: a\n\r\n")),
    ("a request as trailer", 400, post(CHUNKED, "0\r\nGET /acme/directory HTTP/1.1\r\n\r\n")),

    ("a target without a slash", 400, f"GET acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("an absolute target of another scheme", 400, f"GET ftp://localhost/acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("an absolute target that is not TLS", 400, f"GET http://localhost/acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("an absolute target with a user", 400, f"GET https://u@localhost/acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("an absolute target without an authority", 400, f"GET https:///acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("an absolute target that Host contradicts", 400,
     f"GET https://other.test/acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("CONNECT", 400, f"CONNECT localhost:443 HTTP/1.1\r\n{HOST}\r\n"),
    ("GET *", 400, f"GET * HTTP/1.1\r\n{HOST}\r\n"),
    ("a fragment", 400, f"GET /acme/directory#a HTTP/1.1\r\n{HOST}\r\n"),
    ("a bad escape", 400, f"GET /acme/%zz HTTP/1.1\r\n{HOST}\r\n"),
    ("octets above ASCII in the target", 400, f"GET /acme/\xe9 HTTP/1.1\r\n{HOST}\r\n"),
    ("two spaces", 400, f"GET  /acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("a tab between", 400, f"GET\t/acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("a space before the method", 400, f" GET /acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("a space behind the version", 400, f"GET /acme/directory HTTP/1.1 \r\n{HOST}\r\n"),
    ("a method that is no token", 400, f"G@T /acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("HTTP/0.9", 400, "GET /acme/directory\r\n"),
    ("HTTP/0.9 by name", 505, "GET /acme/directory HTTP/0.9\r\n\r\n"),
    ("HTTP/2.0 in HTTP/1.1", 505, f"GET /acme/directory HTTP/2.0\r\n{HOST}\r\n"),
    ("the preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("a version in small letters", 400, f"GET /acme/directory http/1.1\r\n{HOST}\r\n"),
    ("a version too long", 400, f"GET /acme/directory HTTP/1.10\r\n{HOST}\r\n"),
    ("two empty lines before", 400, f"\r\n\r\nGET /acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("a bare line feed before", 400, f"\nGET /acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("a huge request line", 414, "GET /" + "a" * 20000),
    ("a target one octet too long", 414, f"GET /{'a' * 2048} HTTP/1.1\r\n{HOST}\r\n"),
    ("too many headers", 431, f"GET /acme/directory HTTP/1.1\r\n{HOST}" + "X: y\r\n" * 64 + "\r\n"),
    ("headers too large", 431, f"GET /acme/directory HTTP/1.1\r\n{HOST}X: " + "a" * 17000 + "\r\n\r\n"),
    ("a header without end", 431, f"GET /acme/directory HTTP/1.1\r\n{HOST}" + "X" * 17000),
    ("a body too large", 413, post("Content-Length: 65537\r\n", "a" * 65537)),
    ("a body too large, chunked", 413, post(CHUNKED, ("1000\r\n" + "a" * 4096 + "\r\n") * 17 + "0\r\n\r\n")),
    ("another expectation", 417, f"GET /acme/directory HTTP/1.1\r\n{HOST}Expect: more\r\n\r\n"),
]


@pytest.mark.parametrize("status,request_", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(door, status, request_):
    with Raw(door) as raw:
        raw.send(request_.encode("latin-1") + SMUGGLED)
        answer = raw.answer()
        assert answer.status == status, answer
        assert answer.one("Connection") == "close"
        assert answer.one("Content-Type") == "application/problem+json"
        problem = json.loads(answer.body)
        assert problem["status"] == status, problem
        assert len(problem["detail"]) > 10, problem
        assert raw.ended(), "something was answered behind a refusal"
    with Raw(door) as raw:
        raw.send(get())
        assert raw.answer().status == 200


ACCEPTED = [
    ("an empty line before", "GET", 200, f"\r\nGET /acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("white space around a value", "GET", 200, "GET /acme/directory HTTP/1.1\r\nHost: \t localhost \t\r\n\r\n"),
    ("an empty value", "GET", 200, f"GET /acme/directory HTTP/1.1\r\n{HOST}X:\r\n\r\n"),
    ("octets above ASCII in a value", "GET", 200, f"GET /acme/directory HTTP/1.1\r\n{HOST}X: \xe9\r\n\r\n"),
    ("a query", "GET", 200, f"GET /acme/directory?x=%20&y=? HTTP/1.1\r\n{HOST}\r\n"),
    ("an absolute target", "GET", 200, f"GET https://localhost/acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("an absolute target with a query", "GET", 200,
     f"GET HTTPS://LOCALHOST/acme/directory?a HTTP/1.1\r\n{HOST}\r\n"),
    ("an absolute target without a path", "GET", 404, f"GET https://localhost?a HTTP/1.1\r\n{HOST}\r\n"),
    ("a later minor version", "GET", 200, f"GET /acme/directory HTTP/1.7\r\n{HOST}\r\n"),
    ("another known name", "GET", 200, "GET /acme/directory HTTP/1.1\r\nHost: other.test\r\n\r\n"),
    ("an unknown name", "GET", 200, "GET /acme/directory HTTP/1.1\r\nHost: unknown.test\r\n\r\n"),
    ("a GET with a body", "GET", 200, f"GET /acme/directory HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nbody"),
    ("a GET with a chunked body", "GET", 200,
     f"GET /acme/directory HTTP/1.1\r\n{HOST}{CHUNKED}\r\n4\r\nbody\r\n0\r\n\r\n"),
    ("a HEAD with a body", "HEAD", 200, f"HEAD /acme/directory HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nbody"),
    ("HEAD", "HEAD", 200, f"HEAD /acme/new-nonce HTTP/1.1\r\n{HOST}\r\n"),
    ("no content", "GET", 204, f"GET /acme/new-nonce HTTP/1.1\r\n{HOST}\r\n"),
    ("OPTIONS", "OPTIONS", 204, f"OPTIONS /acme/new-order HTTP/1.1\r\n{HOST}\r\n"),
    ("OPTIONS *", "OPTIONS", 204, f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n"),
    ("a method in small letters", "get", 405, f"get /acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("an unknown method", "BREW", 405, f"BREW /acme/directory HTTP/1.1\r\n{HOST}Content-Length: 1\r\n\r\na"),
    ("TRACE", "TRACE", 405, f"TRACE /acme/directory HTTP/1.1\r\n{HOST}\r\n"),
    ("no such path", "GET", 404, f"GET /acme/directory/x HTTP/1.1\r\n{HOST}\r\n"),
    ("dots are not resolved", "GET", 404, f"GET /acme/x/../directory HTTP/1.1\r\n{HOST}\r\n"),
    ("an escaped letter is not decoded", "GET", 404, f"GET /acme/%64irectory HTTP/1.1\r\n{HOST}\r\n"),
    ("chunks", "POST", 415, post(CHUNKED, "1\r\na\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nX: y\r\nZ:\r\n\r\n")),
    ("chunked in capitals", "POST", 415, post("Transfer-Encoding: CHUNKED\r\n", "0\r\n\r\n")),
    ("an empty body", "POST", 415, post("Content-Length: 0\r\n")),
    ("no length", "POST", 415, post("")),
    ("a target as long as allowed", "GET", 404, f"GET /{'a' * 2047} HTTP/1.1\r\n{HOST}\r\n"),
    ("as many headers as allowed", "GET", 200, f"GET /acme/directory HTTP/1.1\r\n{HOST}" + "X: y\r\n" * 63 + "\r\n"),
]


@pytest.mark.parametrize("method,status,request_", [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_answered_and_kept_open(door, method, status, request_):
    with Raw(door) as raw:
        for _ in range(2):
            raw.send(request_.encode("latin-1"))
            answer = raw.answer(method)
            assert answer.status == status, answer
            assert not answer.all("Connection"), answer
        raw.send(get(headers="Connection: close\r\n"))
        assert raw.answer().one("Connection") == "close"
        assert raw.ended()


@pytest.mark.parametrize("path,allow", [("/acme/directory", "GET, HEAD, POST, OPTIONS"), ("/acme/root.pem", "GET, HEAD, OPTIONS"),
                                        ("/acme/new-order", "POST, OPTIONS")])
def test_method_not_allowed_says_what_is(door, path, allow):
    """S-HTTP-4."""
    with Raw(door) as raw:
        raw.send(get(path, "DELETE"))
        answer = raw.answer()
        assert (answer.status, answer.one("Allow")) == (405, allow)
        raw.send(get(path, "OPTIONS"))
        answer = raw.answer()
        assert (answer.status, answer.one("Allow"), answer.body) == (204, allow, b"")


def test_headers_of_answers(door):
    """Content-Length of the body, none of a body for HEAD and 204, a Date that is now (RFC 9110 6.6.1, 8.6, 9.3.2)."""
    with Raw(door) as raw:
        raw.send(get() + get(method="HEAD") + get("/acme/new-nonce") + get("/acme/new-nonce", "HEAD"))
        whole, head, nothing, nonce = (raw.answer(method) for method in ("GET", "HEAD", "GET", "HEAD"))
        assert json.loads(whole.body)["newNonce"]
        assert head.one("Content-Length") == whole.one("Content-Length") == str(len(whole.body))
        assert (nothing.status, nonce.status) == (204, 200)
        assert nothing.one("Replay-Nonce") != nonce.one("Replay-Nonce")
        for answer in whole, head, nothing, nonce:
            assert abs(email.utils.parsedate_to_datetime(answer.one("Date")).timestamp() - time.time()) < 60
        raw.send(get(headers="Connection: close\r\n"))
        raw.answer()
        assert raw.ended()


def test_http_1_0(door):
    with Raw(door) as raw:
        raw.send(b"GET /acme/directory HTTP/1.0\r\n\r\n" + SMUGGLED)
        answer = raw.answer()
        assert (answer.status, answer.one("Connection")) == (200, "close")
        assert raw.ended()
    with Raw(door) as raw:
        raw.send(b"GET /acme/directory HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert raw.answer().one("Connection") == "keep-alive"
        raw.send(b"GET /acme/directory HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        raw.send(b"a")
        assert raw.answer().status == 200, "100 is not for HTTP/1.0"
        assert raw.ended()


@pytest.mark.parametrize("last", ["close", "Close", "keep-alive, close", "x,close ,y"])
def test_connection_close(door, last):
    with Raw(door) as raw:
        raw.send(get(headers=f"Connection: {last}\r\n") + SMUGGLED)
        assert raw.answer().one("Connection") == "close"
        assert raw.ended()


def test_expect_continue(door):
    """100 before the body where the client waits for it, no 100 where it did not wait, a final answer where the body
    is not wanted (RFC 9110 10.1.1)."""
    head = post("Expect: 100-Continue\r\nContent-Length: 2\r\n").encode()
    with Raw(door) as raw:
        raw.send(head)
        assert raw.answer().status == 100
        raw.send(b"{}")
        assert raw.answer().status == 415
        raw.send(head + b"{}")
        assert raw.answer().status == 415
        raw.send(get(headers="Expect: 100-continue\r\n"))
        assert raw.answer().status == 200
        raw.send(post("Expect: 100-continue\r\nContent-Length: 100000\r\n").encode())
        assert raw.answer().status == 413
        assert raw.ended()


# ---- many, slow, in pieces ----

MIXED = [("GET", "/acme/directory", 200), ("HEAD", "/acme/new-nonce", 200), ("GET", "/acme/new-nonce", 204),
         ("POST", "/acme/new-order", 415), ("HEAD", "/acme/directory", 200), ("GET", "/acme/nothing", 404),
         ("POST", "/acme/root.pem", 405), ("OPTIONS", "/acme/new-order", 204)]


def mixed(i):
    method, path, status = MIXED[i % len(MIXED)]
    path += f"?{i}" if status != 404 else f"-{i}"
    if method != "POST":
        return method, path, status, get(path, method)
    body = f"number {i}"
    if i % 3 == 0:
        return method, path, status, post(CHUNKED, f"{len(body):x}\r\n{body}\r\n0\r\n\r\n", path).encode()
    return method, path, status, post(f"Content-Length: {len(body)}\r\n", body, path).encode()


def check_mixed(raw, wanted):
    for method, path, status, _ in wanted:
        answer = raw.answer(method)
        assert answer.status == status, (method, path, answer)
        if status == 404:  # says which path it was: the order is right
            assert path in json.loads(answer.body)["detail"]


def test_pipelining(door):
    wanted = [mixed(i) for i in range(50)]
    with Raw(door) as raw:
        raw.send(b"".join(row[3] for row in wanted))
        check_mixed(raw, wanted)
        raw.send(get())
        assert raw.answer().status == 200


def test_pipelining_ends_with_the_first_refusal(door):
    with Raw(door) as raw:
        raw.send(get() + get() + b"GET /acme/directory HTTP/1.1\r\n\r\n" + get())
        assert [raw.answer().status for _ in range(3)] == [200, 200, 400]
        assert raw.ended()


@pytest.mark.parametrize("end", ["TLS", "TCP"])
def test_half_closed(door, end):
    """The client has said all it had to say: what it asked is answered."""
    wanted = [mixed(i) for i in range(10)]
    tls = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(door.root))
    side = context.wrap_bio(*tls, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", door.port), 20) as plain:
        def flush():
            if tls[1].pending:
                plain.sendall(tls[1].read())

        def pump(what, *arguments):
            while True:
                try:
                    done = what(*arguments)
                    flush()
                    return done
                except ssl.SSLWantReadError:
                    flush()
                    more = plain.recv(65536)
                    if not more:
                        tls[0].write_eof()
                    tls[0].write(more)

        pump(side.do_handshake)
        pump(side.write, b"".join(row[3] for row in wanted))
        if end == "TLS":
            with pytest.raises(ssl.SSLWantReadError):
                side.unwrap()  # close_notify: no more from here
            flush()
        else:
            plain.shutdown(socket.SHUT_WR)
        raw = Raw.__new__(Raw)
        raw.buffer = b""

        def receive():
            try:
                return pump(side.read, 65536)
            except (ssl.SSLZeroReturnError, ssl.SSLSyscallError):
                return b""

        raw.receive = receive
        if end == "TLS":
            # OpenSSL reads no more data once it has said close_notify: count what comes
            plain.settimeout(20)
            seen = 0
            while more := plain.recv(65536):
                seen += len(more)
            assert seen > 2000, "the answers were not sent to a peer that only ended its own side"
        else:
            check_mixed(raw, wanted)
            assert raw.ended()


def test_one_octet_at_a_time(door):
    wanted = [mixed(i) for i in range(8)]
    with Raw(door) as raw:
        for octet in b"".join(row[3] for row in wanted):
            raw.send(bytes([octet]))
        check_mixed(raw, wanted)


def test_split_everywhere(door):
    """Two requests, cut in two at each position: answered the same."""
    both = post(CHUNKED, "3;x\r\nabc\r\n0\r\nT: x\r\n\r\n").encode() + get("/acme/second")
    with Raw(door) as raw:
        for at in range(1, len(both)):
            raw.send(both[:at])
            raw.send(both[at:])
            assert raw.answer("POST").status == 415, at
            answer = raw.answer()
            assert answer.status == 404 and b"/acme/second" in answer.body, at


def test_refused_in_pieces(door):
    """The verdict does not depend on how the octets come."""
    for request, status in ((post(f"{CHUNKED}Content-Length: 3\r\n", "0\r\n\r\n"), 400),
                            (f"GET /acme/directory HTTP/1.1\r\n{HOST}X: a\n b\r\n\r\n", 400)):
        with Raw(door) as raw:
            try:
                for octet in request.encode():
                    raw.send(bytes([octet]))
            except OSError:
                pass  # it was refused before all of it was sent
            answer = raw.answer()
            assert (answer.status, answer.one("Connection")) == (status, "close")
            assert raw.ended()


def test_answers_that_nobody_reads_hold_the_requests_back():
    """A client that pipelines and does not read is not read either: it costs a bounded amount of memory. When it reads
    at last, everything is answered."""
    count, body = 600, b"a" * 60_000
    with echo() as port, socket.create_connection(("127.0.0.1", port), 20) as client:
        one = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        sent = [0]

        def send():
            for _ in range(count):
                client.sendall(one)
                sent[0] += 1

        thread = threading.Thread(target=send)
        thread.start()
        before = -1
        while sent[0] != before:  # until nothing more is taken
            before = sent[0]
            time.sleep(0.5)
        assert before < count, "all was taken though no answer was"
        with client.makefile("rb") as answers:
            for _ in range(count):
                assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
                while (line := answers.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length"):
                        length = int(line.split()[1])
                assert answers.read(length).endswith(body)
        thread.join()
