"""cairn gets certificates from Pebble, a CA we did not write."""
import contextlib
import fcntl
import json
import os
import re
import socket
import stat
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import judges
import responder as responder_module
from house import CAIRN
from pebble import PROGRAM, Client, make_tls_certificate
from exit_codes import FAILED, LATER, UNCHANGED, USAGE

pytestmark = [pytest.mark.leaks, pytest.mark.foreign, pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")]



def read_pair(live):
    """Certificate and key, which must belong together."""
    certificate = x509.load_pem_x509_certificate((live / "cert.pem").read_bytes())
    key = serialization.load_pem_private_key((live / "key.pem").read_bytes(), None)
    encoding = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert certificate.public_key().public_bytes(*encoding) == key.public_key().public_bytes(*encoding)
    return certificate, key


@contextlib.contextmanager
def listening(port):
    """The port is taken."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen()
        yield


def check(client, name, names):
    """The files of a certificate, as openssl and we see them."""
    live = client.live(name)
    certificate, key = read_pair(live)
    root = client.ca.issuing_root()
    for each in names:
        judges.output(["openssl", "verify", "-verify_hostname", each, "-CAfile", root, "-untrusted", live / "chain.pem",
                       live / "cert.pem"])
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(san.get_values_for_type(x509.DNSName)) == sorted(names)
    assert (live / "fullchain.pem").read_bytes() == (live / "cert.pem").read_bytes() + (live / "chain.pem").read_bytes()
    assert stat.S_IMODE((live / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((live / "cert.pem").stat().st_mode) == 0o644
    assert {p.name for p in live.iterdir()} == {"key.pem", "cert.pem", "chain.pem", "fullchain.pem", "metadata.json"}
    return certificate, key


def test_issue_standalone(cairn):
    """C-JWS-7, C-H01-1, C-ACC-10: judged by a CA we did not write."""
    done = cairn.issue("www.example.test", "example.test")
    certificate, key = check(cairn, "www.example.test", ["www.example.test", "example.test"])
    assert isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert words == ["ca", "account", "order", "prove", "proved", "proved", "key", "issued", "stored"]
    assert done.stderr == ""
    accounts = list((cairn.directory / "accounts").iterdir())
    assert len(accounts) == 1 and stat.S_IMODE(accounts[0].stat().st_mode) == 0o700
    assert stat.S_IMODE((accounts[0] / "key.pem").stat().st_mode) == 0o600
    assert serialization.load_pem_private_key((accounts[0] / "key.pem").read_bytes(), None).private_numbers() \
        != key.private_numbers()
    assert certificate.not_valid_after > certificate.not_valid_before


@pytest.mark.parametrize("kind, of", [("p256", "secp256r1"), ("p384", "secp384r1"), ("rsa2048", 2048), ("rsa4096", 4096)])
def test_key_types(cairn, kind, of):
    cairn.issue("key.example.test", "--key", kind)
    _, key = check(cairn, "key.example.test", ["key.example.test"])
    assert (key.key_size if isinstance(key, rsa.RSAPrivateKey) else key.curve.name) == of
    assert cairn.json("show", "key.example.test")["key_type"] == kind


@pytest.mark.parametrize("reject", [20, 60, 90])
@pytest.mark.parametrize("count", [1, 20])
def test_refused_nonces(make_pebble, tmp_path, reject, count):
    client = Client(tmp_path / "state", make_pebble(nonce_reject=reject))
    names = [f"n{i}.example.test" for i in range(count)]
    client.issue(*names)
    check(client, names[0], names)


def test_reused_authorizations_open_no_listener(make_pebble, tmp_path):
    """C-ORD-5."""
    client = Client(tmp_path / "state", make_pebble(authz_reuse=100))
    client.issue("www.example.test")
    before = read_pair(client.live("www.example.test"))[0].serial_number
    with listening(client.ca.http_port):  # nothing is to be proved, so nobody minds
        client.run("renew", "--force")
    assert check(client, "www.example.test", ["www.example.test"])[0].serial_number != before


def test_validations_that_take_their_time(make_pebble, tmp_path):
    """Each up to three seconds, in any order. What is proved is proved: the next orders are only about what is new."""
    client = Client(tmp_path / "state", make_pebble(authz_reuse=100, sleep=4))
    names = [f"n{i}.example.test" for i in range(5)]
    proofs = [line for line in client.issue(*names).stdout.splitlines() if line.startswith("proved")]
    assert sorted(line.split()[1] for line in proofs) == names and not any("before" in line for line in proofs)
    check(client, names[0], names)
    done = client.run("renew", "--force")
    assert not re.search("^proved? ", done.stdout, re.MULTILINE), done.stdout  # the order is ready at once
    more = [*names, "new.example.test"]
    done = client.issue(*more)
    assert done.stdout.count("(before)") == 5 and "proved    new.example.test\n" in done.stdout
    check(client, names[0], more)


def test_twenty_names(cairn):
    names = [f"n{i}.example.test" for i in range(20)]
    cairn.issue(*names)
    check(cairn, names[0], names)


def test_webroot(cairn, tmp_path):
    root = tmp_path / "www"
    root.mkdir()
    server = responder_module.Responder(cairn.ca.http_port)
    modes = []

    def answer(handler):
        path = root / handler.path.lstrip("/")
        body = path.read_bytes() if path.is_file() else b""
        modes.append((stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)))
        handler.send_response(200 if body else 404)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.answer = answer
    try:
        cairn.run("issue", "web.example.test", "--http", f"webroot:{root}", *cairn.common(), preexec_fn=lambda: os.umask(0o077))
    finally:
        server.close()
    check(cairn, "web.example.test", ["web.example.test"])
    assert modes and set(modes) == {(0o644, 0o755)}
    assert list(root.rglob("*")) == []
    assert cairn.json("show", "web.example.test")["http"] == f"webroot:{root}"


def test_umask_does_not_matter(cairn):
    cairn.run("issue", "mask.example.test", *cairn.common(), preexec_fn=lambda: os.umask(0))
    check(cairn, "mask.example.test", ["mask.example.test"])
    for path in cairn.directory.rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0, path


def test_a_good_certificate_is_kept_without_asking(cairn):
    cairn.issue("keep.example.test")
    serial = read_pair(cairn.live("keep.example.test"))[0].serial_number
    cairn.run("renew", code=UNCHANGED)  # looks once for what the CA suggests (RFC 9773)
    lines = cairn.ca.log_path.read_text().count("\n")
    done = cairn.issue("keep.example.test", code=UNCHANGED)
    assert "keep.example.test" in done.stdout
    assert cairn.json("issue", "keep.example.test", *cairn.common(), code=UNCHANGED)["issued"] is False
    assert cairn.json("renew", code=UNCHANGED) == [{"name": "keep.example.test", "outcome": "not due", "renewed": False,
                                    "not_after": cairn.json("show", "keep.example.test")["not_after"]}]
    assert cairn.ca.log_path.read_text().count("\n") == lines
    assert read_pair(cairn.live("keep.example.test"))[0].serial_number == serial
    assert cairn.json("issue", "keep.example.test", "--force", *cairn.common())["issued"] is True
    assert read_pair(cairn.live("keep.example.test"))[0].serial_number != serial


@pytest.mark.parametrize("words, names", [(["more.example.test", "www.more.example.test"], 2), (["more.example.test", "--key", "p384"], 1)])
def test_something_else_is_asked_for(cairn, words, names):
    cairn.issue("more.example.test")
    assert cairn.json("issue", *words, *cairn.common())["issued"] is True
    assert len(cairn.json("show", "more.example.test")["names"]) == names


def test_renew(cairn):
    for name in ("one.example.test", "two.example.test"):
        cairn.issue(name)
    assert [row["outcome"] for row in cairn.json("renew", "--force")] == ["renewed", "renewed"]
    assert [row["outcome"] for row in cairn.json("renew", "two.example.test", "--force")] == ["renewed"]
    assert [row["name"] for row in cairn.json("list")] == ["one.example.test", "two.example.test"]
    check(cairn, "two.example.test", ["two.example.test"])
    cairn.run("renew", "three.example.test", code=FAILED)


def test_old_versions_go(cairn):
    cairn.issue("old.example.test")
    for _ in range(6):
        cairn.run("renew", "--force")
    versions = list(cairn.live("old.example.test").resolve().parent.iterdir())
    assert len(versions) == 5
    check(cairn, "old.example.test", ["old.example.test"])


def test_certificate_name(cairn):
    shown = cairn.json("issue", "a.example.test", "--name", "web_1", *cairn.common())
    assert shown["name"] == "web_1" and shown["path"] == str(cairn.live("web_1"))
    check(cairn, "web_1", ["a.example.test"])
    for bad in ("../x", ".x", "a/b", "", "x" * 201):
        cairn.issue("a.example.test", "--name", bad, code=USAGE)


def test_json_is_all_of_stdout(cairn):
    done = cairn.issue("json.example.test", "--json")
    shown = json.loads(done.stdout)
    assert shown["names"] == ["json.example.test"] and shown["issued"] is True
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["not_after"])
    assert int(shown["serial"], 16) == read_pair(cairn.live("json.example.test"))[0].serial_number
    assert {"due", "not_before", "path"} <= cairn.json("show", "json.example.test").keys()
    assert cairn.json("list")[0]["name"] == "json.example.test"
    assert cairn.json("list", code=0) == cairn.json("list")
    version = subprocess.run([*cairn.command("version")[:2], "--json"], capture_output=True, text=True, check=True)
    assert json.loads(version.stdout)["program"] == "cairn"


def test_closed_streams(cairn):
    """Started without standard streams, as some schedulers do: no file may end up in their place."""
    command = cairn.command("issue", "closed.example.test", *cairn.common())
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], timeout=60, check=False)
    assert done.returncode == 0
    check(cairn, "closed.example.test", ["closed.example.test"])
    assert (cairn.directory / "certificates/closed.example.test/lock").read_bytes().strip(b"0123456789\n") == b""  # no file but who holds it


@pytest.mark.parametrize("words, to, code", [(["list"], "/dev/full", FAILED), (["list", "--json"], "/dev/full", FAILED),
                                             (["list"], None, FAILED), (["renew", "--json"], "/dev/full", FAILED),
                                             (["renew"], "/dev/full", UNCHANGED), (["renew"], None, UNCHANGED)])
def test_a_result_nobody_gets_is_a_failure(tmp_path, words, to, code):
    redirection = f"> {to}" if to else ">&-"
    done = subprocess.run(["sh", "-c", f'exec "$@" {redirection}', "sh", str(CAIRN), *words, "--dir", str(tmp_path)],
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert ("cannot write" in done.stderr) == (code != UNCHANGED)


# ---- what goes wrong ----

def test_terms_must_be_agreed_to(pebble, tmp_path):
    """C-ACC-3."""
    client = Client(tmp_path / "state", pebble, agree=False)
    assert "--agree-tos" in client.issue("tos.example.test", code=USAGE).stderr
    assert not client.live("tos.example.test").exists()


@pytest.mark.parametrize("words", [
    ["exa mple.test"], ["*.example.test"], ["example..test"], ["127.0.0.256"], ["127.1"], ["example.test.."], ["münchen..test"], [],
    ["a.example.test", "--key", "p999"], ["a.example.test", "--http", "magic"], ["a.example.test", "--http", "webroot:/no/such"],
    ["a.example.test", "--http-port", "0"], ["a.example.test", "--http-port", "65536"], ["a.example.test", "--http-port", "x"],
    ["a.example.test", "--ca", "http://localhost/dir"], ["a.example.test", "--ca-file", "/no/such"],
    ["a.example.test", "--email", "nobody"], ["a.example.test", "--email", "a@b.test,c@d.test"],
    ["a.example.test", "--email", "a@b.test?subject=x"], ["a.example.test", "--webroot", "x"], ["a.example.test", "--ca"],
])
def test_wrong_command_lines(cairn, words):
    """C-TLS-1, C-ACC-4: among others: plain http, and addresses that are none."""
    done = cairn.run("issue", *words, code=USAGE)
    assert done.stdout == "" and done.stderr.startswith("cairn: ") and len(done.stderr.splitlines()) <= 2


@pytest.mark.parametrize("words, says", [
    (["1.2.3.256"], "address"), (["::ffff:1.2.3.4"], "ask for \"1.2.3.4\""), (["https://a.test/"], "is not one name"), (["a.test:80"], "is not one name"),
    (["a.test", "--ca", "https://"], "host"), (["a.test", "--ca", "https://localhost:99999/"], "port"),
    (["a.test", "--ca", "https://user:secret@localhost/dir"], "user name"), (["a.test", "--ca", "letsencrypt-stagin"], "letsencrypt"),
    (["a.test", "--key", "--json"], "--key needs a value"), (["a.test", "--ca-file", "/no/such"], "No such file"),
    (["a.test", "--ca-file", "/etc/passwd/x"], "Not a directory"), (["a.test", "--http", "webroot:"], "No such file"),
    (["a.test", "--name", "../up"], "--name"), (["*.a.test"], "*.a.test cannot be proved by http-01, only by dns-01"),
    ([f"n{i}.test" for i in range(101)], "more than 100 names"),
])
def test_wrong_words_are_named(tmp_path, words, says):
    """Before a folder is made or a CA is asked, and without a word meant for programs."""
    done = subprocess.run([str(CAIRN), "issue", *words, "--dir", str(tmp_path / "state")], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == USAGE and says in done.stderr, done
    assert not (tmp_path / "state").exists()


def test_suggestions(cairn):
    assert "--ca-file" in cairn.run("issue", "a.example.test", "--ca-fil", "x", code=USAGE).stderr
    assert "renew" in cairn.run("renw", code=USAGE).stderr
    for words in (["help"], ["help", "issue"], ["issue", "--help"], ["--version"]):
        done = subprocess.run([cairn.command("x")[0], *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stdout and not done.stderr


def test_ca_unreachable(cairn):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = f"https://localhost:{s.getsockname()[1]}/dir"
        began = time.monotonic()
        done = cairn.run("issue", "a.example.test", "--ca", url, "--ca-file", str(cairn.ca.root), code=LATER)
    assert "localhost" in done.stderr and time.monotonic() - began < 10


def test_ca_not_trusted(cairn, tmp_path):
    """C-TLS-1, 2."""
    other = make_tls_certificate(tmp_path, stem="other")
    done = cairn.run("issue", "a.example.test", "--ca", cairn.ca.url, "--ca-file", other, code=None)
    assert done.returncode == FAILED and "--ca-file" in done.stderr and "certificate" in done.stderr
    cairn.run("issue", "a.example.test", "--ca", cairn.ca.url, code=done.returncode)
    other.write_text("this is no certificate\n")
    cairn.run("issue", "a.example.test", "--ca", cairn.ca.url, "--ca-file", other, code=USAGE)


def test_host_name_must_fit(make_pebble, tmp_path):
    """C-TLS-1: the right CA behind the wrong name."""
    ca = make_pebble()
    make_tls_certificate(ca.directory, names="DNS:other.test")
    wrong = ca.directory / "tls-cert.pem"
    ca.process.terminate()
    ca.process.wait(10)
    client = Client(tmp_path / "state", ca)
    environment = {**ca.environment}
    with open(ca.log_path, "ab") as log:
        ca.process = subprocess.Popen([PROGRAM, "-config", str(ca.directory / "config.json")], stdout=log, stderr=log,
                                      env=environment)
        for _ in range(100):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", ca.port)) == 0:
                    break
            time.sleep(0.05)
        done = client.run("issue", "a.example.test", "--ca", ca.url, "--ca-file", wrong, code=None)
    assert done.returncode != 0 and "certificate" in done.stderr


def test_port_in_use(cairn):
    with listening(cairn.ca.http_port):
        done = cairn.issue("port.example.test", code=None)
    assert done.returncode in (FAILED, LATER)
    assert str(cairn.ca.http_port) in done.stderr and "in use" in done.stderr
    assert not cairn.live("port.example.test").exists()


def test_nobody_answers_there(cairn):
    """The CA asks at another port than we listen on: its reason is shown."""
    done = cairn.run("issue", "no.example.test", "--ca", cairn.ca.url, "--ca-file", str(cairn.ca.root), "--agree-tos",
                     "--http-port", str(free_other_port(cairn.ca.http_port)), code=FAILED)
    assert "no.example.test" in done.stderr and "refused" in done.stderr
    assert not cairn.live("no.example.test").exists()


def free_other_port(port):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        assert s.getsockname()[1] != port
        return s.getsockname()[1]


def test_locked(cairn):
    """C-SEC-2."""
    cairn.issue("lock.example.test")
    with open(cairn.directory / "certificates/lock.example.test/lock", "rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert "another" in cairn.run("renew", code=LATER).stderr
        assert "another" in cairn.issue("lock.example.test", code=LATER).stderr
        cairn.issue("lock2.example.test")
        cairn.run("list")
        cairn.run("show", "lock.example.test")
    cairn.run("renew", code=UNCHANGED)


def test_the_ca_forgot_the_account(make_pebble, tmp_path):
    ca = make_pebble()
    client = Client(tmp_path / "state", ca)
    client.issue("a.example.test")
    ca.stop()
    ca.start()
    done = client.run("renew", "--force", code=None)
    assert done.returncode in (0, FAILED), done
    if done.returncode == FAILED:
        assert "account" in done.stderr
    read_pair(client.live("a.example.test"))


def test_ca_that_is_gone_leaves_the_old_one(make_pebble, tmp_path):
    ca = make_pebble()
    client = Client(tmp_path / "state", ca)
    client.issue("a.example.test")
    before = read_pair(client.live("a.example.test"))[0]
    ca.stop()
    client.run("renew", code=UNCHANGED)
    assert client.json("renew", "--force", code=LATER)[0]["outcome"] == "failed"
    assert read_pair(client.live("a.example.test"))[0] == before
