"""cairn gets certificates from cairn-ca: the two programs of this tree, judged by others."""
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import house as house_module
import judges
import responder as responder_module
from house import CAIRN
from pebble import Client
from test_client_pebble import FAILED, LATER, USAGE, listening, read_pair

NAME = "www.example.test"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """One CA for all; it must end in order."""
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca")
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture
def client(ca, tmp_path):
    return Client(tmp_path / "state", ca, agree=False)


def requests(ca):
    return ca.text().count(" http.request ")


def check(client, name, names):
    """What is in force for a name, as openssl, certtool and python3-cryptography see it."""
    live = client.live(name)
    certificate, key = read_pair(live)
    judges.judge(live / "cert.pem", live / "chain.pem", client.ca.root, names)
    assert (live / "fullchain.pem").read_bytes() == (live / "cert.pem").read_bytes() + (live / "chain.pem").read_bytes()
    assert stat.S_IMODE((live / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(client.directory.stat().st_mode) == 0o700
    return certificate, key


def nobody_listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def test_standalone(client, ca):
    """C-CSR-1: the CA takes no request with other names than the order's."""
    names = [NAME, "example.test", "a.b.c.example.test"]
    done = client.issue(*names)
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert words == ["ca", "account", "order", "prove", "proved", "proved", "proved", "key", "issued", "stored"]
    assert done.stderr == "" and "registered" in done.stdout and ca.url in done.stdout
    check(client, NAME, names)
    assert nobody_listens(ca.http_port)
    assert [row["outcome"] for row in client.json("renew", "--force")] == ["renewed"]
    assert nobody_listens(ca.http_port)
    check(client, NAME, names)


def test_steps_are_the_same_in_a_terminal(client):
    """One line a step, and nothing else that a log would choke on."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen([*client.command("issue", NAME, *client.common())], stdout=theirs, stderr=theirs,
                            env={**os.environ, "TERM": "xterm-256color"})
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(ours, 65536)
        except OSError:  # the terminal has no other end any more
            break
    os.close(ours)
    assert done.wait(60) == 0
    lines = text.decode().split("\r\n")
    assert lines.pop() == ""
    assert [line.split()[0] for line in lines] == ["ca", "account", "order", "prove", "proved", "key", "issued", "stored"]
    assert all(re.fullmatch(r"[a-z]+ {2,}[ -~]+", line) for line in lines), lines


def test_webroot(client, ca, tmp_path):
    root = tmp_path / "www"
    root.mkdir()
    server = responder_module.Responder(ca.http_port)
    asked = []

    def answer(handler):
        path = root / handler.path.lstrip("/")
        asked.append(handler.headers["Host"])
        body = path.read_bytes() if path.is_file() else b""
        handler.send_response(200 if body else 404)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.answer = answer
    try:
        names = [NAME, "example.test"]
        client.run("issue", *names, "--http", f"webroot:{root}", "--ca", ca.url, "--ca-file", str(ca.root))
        assert sorted(asked) == sorted(names)
        client.run("renew", "--force", cwd="/")
    finally:
        server.close()
    check(client, NAME, names)
    assert list(root.iterdir()) == []
    assert client.json("show", NAME)["http"] == f"webroot:{root}"


@pytest.mark.parametrize("kind, of", [("p256", "secp256r1"), ("p384", "secp384r1"), ("rsa2048", 2048), ("rsa4096", 4096)])
def test_key_types(client, kind, of):
    client.issue(NAME, "--key", kind)
    _, key = check(client, NAME, [NAME])
    assert isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
    assert (key.key_size if isinstance(key, rsa.RSAPrivateKey) else key.curve.name) == of
    assert client.json("list")[0]["key_type"] == kind


def test_as_many_names_as_there_may_be(client):
    names = [f"n{i}.example.test" for i in range(100)]
    client.issue(*names)
    check(client, names[0], names)


def test_second_time_is_the_same(client, ca):
    client.issue(NAME)
    before = {path.name: path.read_bytes() for path in client.live(NAME).iterdir()}
    client.run("renew")  # asks the CA once when to renew (RFC 9773)
    asked = requests(ca)
    done = client.issue(NAME)
    assert done.stdout.startswith("kept ") and len(done.stdout.splitlines()) == 1 and done.stderr == ""
    assert client.issue(NAME, "--quiet").stdout == ""
    assert client.json("issue", NAME, *client.common())["issued"] is False
    assert client.json("renew")[0]["outcome"] == "not due"
    assert client.run("renew", "--quiet").stdout == ""
    assert requests(ca) == asked
    assert {path.name: path.read_bytes() for path in client.live(NAME).iterdir()} == before


def test_json_is_one_document(client):
    """Of every command, and also when it fails; steps stay away, errors are on standard error too."""
    issued = client.json("issue", NAME, "b.example.test", *client.common())
    assert issued["issued"] is True and issued["names"] == [NAME, "b.example.test"] and issued["path"] == str(client.live(NAME))
    certificate = read_pair(client.live(NAME))[0]
    assert int(issued["serial"], 16) == certificate.serial_number
    assert issued["not_after"] == certificate.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = client.json("show", NAME)
    assert all(shown[k] == v for k, v in issued.items() if k != "issued")
    assert client.json("list") == [{key: value for key, value in shown.items() if key != "tlsa"}]
    assert client.json("renew", NAME, "--force")[0]["outcome"] == "renewed"
    assert client.json("show", NAME)["serial"] != shown["serial"]
    for code, words in ((FAILED, ["show", "other"]), (USAGE, ["issue"]), (FAILED, ["renew", "other"]), (USAGE, ["list", "x"])):
        done = client.run(*words, "--json", code=code)
        assert json.loads(done.stdout)["error"]["exit"] == code and done.stderr.startswith("cairn: ")


def test_list_and_show(client, ca):
    assert "no certificates" in client.run("list").stdout
    client.issue(NAME, "b.example.test")
    client.issue("z.example.test", "--key", "p384")
    listed = client.run("list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["NAME", NAME, "z.example.test"]
    assert all("localhost" in line and "renewed from" in line for line in listed[1:])
    shown = client.run("show", NAME).stdout
    for word in (NAME, "b.example.test", ca.url, str(client.live(NAME) / "fullchain.pem"), str(client.live(NAME) / "key.pem")):
        assert word in shown


def test_what_the_ca_refuses_is_explained(client, ca):
    """C-CH-6: nobody answers where the CA asks: the name, where it went, what it saw; one line; nothing is left."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        other = str(s.getsockname()[1])
    done = client.run("issue", NAME, "--ca", ca.url, "--ca-file", str(ca.root), "--http-port", other, code=FAILED)
    assert len(done.stderr.splitlines()) == 1 and NAME in done.stderr and "refused" in done.stderr
    assert f"127.0.0.1:{ca.http_port}" in done.stderr
    assert not client.live(NAME).exists() and client.json("list") == []
    assert client.json("issue", NAME, *client.common())["issued"] is True


def test_port_taken(client, ca):
    with listening(ca.http_port):
        done = client.issue(NAME, code=LATER)
    assert "in use" in done.stderr and str(ca.http_port) in done.stderr
    client.issue(NAME)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_as_an_ordinary_user(ca):
    """With the folders such a user has; a port below 1024 is not to be had, and the reason is told."""
    home = pathlib.Path(tempfile.mkdtemp())
    try:
        home.chmod(0o755)
        root = shutil.copy(ca.root, home / "root.pem")
        os.chmod(root, 0o644)
        state = home / "state"
        state.mkdir()
        os.chown(state, 65534, 65534)
        program = shutil.copy(CAIRN, home / "cairn")  # where this user may look
        environment = {**os.environ, "XDG_STATE_HOME": str(state), "HOME": str(home)}

        def run(*words):
            return subprocess.run([program, *words], env=environment, user=65534, group=65534, extra_groups=[],
                                  capture_output=True, text=True, timeout=60, check=False, cwd=home)

        common = ["--ca", ca.url, "--ca-file", "root.pem"]
        done = run("issue", NAME, *common, "--http-port", str(ca.http_port))
        assert done.returncode == 0, done.stderr
        live = state / "cairn/certificates" / NAME / "current"
        read_pair(live)
        assert all(path.stat().st_uid == 65534 for path in live.iterdir())
        assert run("renew", "--force").returncode == 0
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
            privileged = int(f.read()) > 80
        if privileged:
            done = run("issue", "low.example.test", *common)
            assert done.returncode == FAILED and "port 80" in done.stderr and "root" in done.stderr
        for target in ("/nowhere", "/proc/x"):
            done = run("issue", "dir.example.test", *common, "--dir", target)
            assert done.returncode == FAILED and target in done.stderr
    finally:
        shutil.rmtree(home)


def test_a_file_of_the_ca_that_cannot_be_used(client, ca, tmp_path):
    key_only = tmp_path / "key.pem"
    key_only.write_bytes((ca.directory / "intermediate.key").read_bytes())
    for path, says in ((tmp_path, "is a folder"), (key_only, "CA file"), ("/dev/null", "CA file")):
        done = client.run("issue", NAME, "--ca", ca.url, "--ca-file", str(path), code=USAGE)
        assert says in done.stderr and not client.live(NAME).exists()


# ---- a CA of its own for each ----

@pytest.fixture
def own(house, tmp_path):
    return Client(tmp_path / "state", house, agree=False)


def test_the_ca_comes_and_goes(own, house):
    """Away: later. Back: the same account. Its store lost: explained, and what is there stays in force."""
    own.issue(NAME)
    before = read_pair(own.live(NAME))[0]
    assert house.stop() == 0
    own.issue(NAME)  # nothing to do needs nobody
    assert own.json("renew", "--force", code=LATER)[0]["outcome"] == "failed"
    assert read_pair(own.live(NAME))[0] == before
    house.start()
    done = own.run("renew", "--force")
    assert "registered" not in done.stdout and house.rows()["account"] == 1
    check(own, NAME, [NAME])
    assert house.stop() == 0
    for path in house.directory.glob("cairn.db*"):
        path.unlink()
    house.start()
    done = own.run("renew", "--force", code=FAILED)
    assert "account" in done.stderr
    read_pair(own.live(NAME))


def test_terms_of_service(tmp_path):
    """C-ACC-3."""
    terms = "https://example.test/terms"
    house = house_module.House(tmp_path / "ca", sets=[f"terms_of_service={terms}"])
    try:
        house.start()
        client = Client(tmp_path / "state", house, agree=False)
        done = client.issue(NAME, code=USAGE)
        assert terms in done.stderr and "--agree-tos" in done.stderr and house.rows()["account"] == 0
        client.issue(NAME, "--agree-tos", "--email", "someone@example.test")
        client.run("renew", "--force")  # it was agreed to once
        assert house.rows()["account"] == 1
        assert "mailto:someone@example.test" in "\n".join(house.content())
        assert house.stop() == 0
    finally:
        house.close()


def test_two_at_once_and_one_that_is_stopped(own, house, tmp_path):
    """C-SEC-2: the lock keeps the second out; Ctrl-C in the middle frees it and leaves no listener."""
    silent = responder_module.Responder(house.http_port)  # the CA waits for it
    silent.answer = lambda handler: time.sleep(3)
    root = tmp_path / "www"
    root.mkdir()
    try:
        first = subprocess.Popen(own.command("issue", NAME, "--http", f"webroot:{root}", "--ca", house.url, "--ca-file",
                                             str(house.root)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while not silent.asked and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "another cairn" in own.issue(NAME, code=LATER).stderr
        first.send_signal(signal.SIGINT)
        assert first.wait(30) == -signal.SIGINT
        assert list(root.iterdir()) == []
        assert first.stderr.read().count("\n") <= 1 and first.stdout.read().startswith("ca ")
    finally:
        silent.close()
    own.issue(NAME)
    check(own, NAME, [NAME])
