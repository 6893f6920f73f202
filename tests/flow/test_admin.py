"""Administration commands: by the control socket of a running CA, or on the store when none runs."""
import json
import os
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import time

import pytest

import acme_raw
import house as house_module

REQUEST_MAX = 6 * 1024 * 1024
OTHER_UID = 64444


def admin(house, *words, before=(), fails=None):
    """A command with --json: its result, or its error object."""
    done = subprocess.run([*before, str(house_module.CAIRN_CA), *map(str, words), "--dir", str(house.directory), "--json"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == (fails or 0), (done.stdout, done.stderr)
    answer = json.loads(done.stdout)
    if fails:
        assert done.stderr.startswith(f"cairn-ca: {answer['error']['detail']}\n")
        return answer["error"]
    return answer


def connect(house):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(str(house.directory / "control.sock"))
    return s


def receive(s):
    octets = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            part = b""
        if not part:
            return octets
        octets += part


def ask(house, request):
    """Octets as they are, to the socket."""
    with connect(house) as s:
        try:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            pass
        return json.loads(receive(s))


def account_of(client):
    return int(client.kid.rpartition("/")[2])


def test_the_same_command_running_and_stopped(house, client):
    account = account_of(client)
    running = admin(house, "account", "show", account)
    assert running["status"] == "valid" and running["thumbprint"] == client.key.thumbprint()
    assert running["terms_agreed"] is True
    assert house.stop() == 0
    assert not (house.directory / "control.sock").exists()
    assert admin(house, "account", "show", account) == running
    # a command that found the store free left nothing in the way
    house.start()
    assert admin(house, "account", "show", account) == running
    client.connect()
    assert client.post(client.kid, None).status == 200


def test_a_change_is_seen_at_once(house, client):
    """The account is in the memory of the CA: the command takes it out of there."""
    assert client.post(client.kid, None).status == 200
    assert admin(house, "account", "revoke", account_of(client))["status"] == "revoked"
    answer = client.post(client.kid, None)
    assert (answer.status, answer.type) == (403, "unauthorized")
    error = admin(house, "account", "revoke", account_of(client), fails=1)
    assert error["code"] == "CONFLICT"
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT status FROM account").fetchall() == [(2,)]


def test_readable_output(house, client):
    done = subprocess.run([house_module.CAIRN_CA, "account", "show", str(account_of(client)), "--dir", house.directory],
                          capture_output=True, text=True, timeout=60, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == f"id: {account_of(client)}" and lines[1] == "status: valid"
    assert "terms_agreed: yes" in lines and "contact: -" in lines


@pytest.mark.parametrize("words, code, says", [
    (["account"], 64, "half a command"),
    (["account", "--dir", "DIR"], 64, "half a command"),
    (["account", "shw", "1", "--dir", "DIR"], 64, 'did you mean "account show"'),
    (["account", "show", "--dir", "DIR"], 64, "ID is missing"),
    (["account", "show", "1"], 64, "--dir is missing"),
    (["account", "show", "one", "--dir", "DIR"], 64, "is no number"),
    (["account", "show", "0", "--dir", "DIR"], 64, "number from 1"),
    (["account", "show", "1", "2", "--dir", "DIR"], 64, "does not take that"),
    (["account", "show", "1", "--dirr", "DIR"], 64, "did you mean --dir"),
    (["account", "show", "1", "--dir", "/nonexistent"], 78, "is not there"),
    (["account", "show", "99", "--dir", "DIR"], 1, "there is no such account"),
    (["acount", "show", "1", "--dir", "DIR"], 64, 'did you mean "account show"'),
    (["eab", "add", "--dir", "DIR", "--identifier", "dsn"], 64, "there are dns, ip, permanent-identifier and hardware-module"),
    (["eab", "add", "--dir", "DIR", "--challenge", "http01"], 64, "there are http-01 and dns-01"),
    (["eab", "add", "--dir", "DIR", "--identifier", "ip", "--allow-name", "a.test"], 64, "--allow-name is of no use"),
    (["eab", "add", "--dir", "DIR", "--identifier", "dns", "--allow-network", "10.0.0.0/8"], 64, "--allow-network is of no use"),
    (["incident", "add", "--dir", "DIR", "--all", "--over", "5s"], 64, "from 60 s to 604800 s"),
    (["incident", "add", "--dir", "DIR", "--name", "a b"], 64, '"a b" is no name or address'),
    (["incident", "add", "--dir", "DIR", "--account", "99"], 1, "there is no such account"),
    (["incident", "add", "--dir", "DIR", "--serials", "/dev/null"], 1, "not a regular file"),
    (["incident", "add", "--dir", "DIR", "--all", "--explanation", "x"], 64, '"x" is not a URL such as'),
    (["help", "account", "shw"], 64, 'did you mean "account show"'),
])
def test_mistakes(house, words, code, says):
    words = [str(house.directory) if word == "DIR" else word for word in words]
    done = subprocess.run([house_module.CAIRN_CA, *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (code, "") and says in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_help_of_a_half(house):
    for words in (["help", "account"], ["account", "--help"], ["account", "-h"]):
        text = subprocess.run([house_module.CAIRN_CA, *words], capture_output=True, text=True, timeout=60, check=True).stdout
        assert "account show" in text and "account revoke" in text and "init" not in text


def test_garbage_on_the_socket(house, client):
    before = house.content()
    good = json.dumps({"command": "account show", "arguments": {"id": account_of(client)}}).encode()
    for request, code in [(b"\0", "MALFORMED"), (b"GET / HTTP/1.1\r\n\r\n", "MALFORMED"), (b"[" * 100000, "MALFORMED"),
                          (b"{}", "MALFORMED"), (good[:-1], "MALFORMED"), (good + good, "MALFORMED"),
                          (b'{"command":"account drop","arguments":{}}', "USAGE"),
                          (b'{"command":"account show","arguments":{"id":1,"id":2}}', "MALFORMED"),
                          (b" " * (REQUEST_MAX + 1), "TOO_LARGE"), (b"x" * 4 * REQUEST_MAX, "TOO_LARGE"),
                          (good + b" " * (REQUEST_MAX - len(good)), None)]:
        answer = ask(house, request)
        assert answer.get("error", {}).get("code") == code, (request[:80], answer)
    connect(house).close()
    assert house.content() == before
    assert "result" in ask(house, good)


def test_who_sends_nothing_holds_nobody(house, client):
    """Eight connections are served at a time; those that wait are closed, and then it is the next one's turn."""
    idle = [connect(house) for _ in range(12)]
    idle[0].sendall(b'{"command":')
    result = admin(house, "account", "show", account_of(client))
    assert result["status"] == "valid"
    assert client.post(client.kid, None).status == 200
    for s in idle[:8]:
        assert receive(s) == b""
    for s in idle:
        s.close()


def test_only_root_and_the_owner(house, client):
    path = house.directory / "control.sock"
    about = path.stat()
    assert stat.S_IMODE(about.st_mode) == 0o600 and about.st_uid == house.directory.stat().st_uid
    if os.geteuid() != 0:
        pytest.skip("another user can only be tried by root")
    other = ["setpriv", f"--reuid={OTHER_UID}", f"--regid={OTHER_UID}", "--clear-groups"]
    for folder in [house.directory, *house.directory.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o011)
    assert admin(house, "account", "show", account_of(client), before=other, fails=1)["code"] == "UNAUTHORIZED"
    # even if the mode let them in
    path.chmod(0o666)
    assert admin(house, "account", "show", account_of(client), before=other, fails=1)["code"] == "UNAUTHORIZED"
    path.chmod(0o600)
    assert house.stop() == 0
    assert admin(house, "account", "show", account_of(client), before=other, fails=1)["code"] == "UNAUTHORIZED"
    house.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give the folder to somebody")
def test_the_owner_of_the_folder_may_and_root_leaves_him_his_files(tmp_path):
    house = house_module.House(tmp_path / "ca")
    try:
        for path in [house.directory, *house.directory.iterdir()]:
            os.chown(path, OTHER_UID, OTHER_UID)
        for folder in tmp_path.parents[:-2]:
            folder.chmod(folder.stat().st_mode | 0o011)
        tmp_path.chmod(0o711)
        owner = ["setpriv", f"--reuid={OTHER_UID}", f"--regid={OTHER_UID}", "--clear-groups"]
        assert admin(house, "account", "show", 1, fails=1)["code"] == "NOT_FOUND"  # as root, and makes the store
        assert {p.name for p in house.directory.iterdir() if p.stat().st_uid != OTHER_UID} == set()
        assert admin(house, "account", "show", 1, before=owner, fails=1)["code"] == "NOT_FOUND"
        house.arguments_before = owner
        house.start()
        assert admin(house, "account", "show", 1, before=owner, fails=1)["code"] == "NOT_FOUND"
        assert admin(house, "account", "show", 1, fails=1)["code"] == "NOT_FOUND"
        assert house.stop() == 0
    finally:
        house.close()


def test_two_cas_on_one_folder(house, client):
    other = house_module.House(house.directory, stub=house.stub, make=False)
    other.log_path = house.directory / "other.log"
    other.start(expect_ready=False)
    assert other.process.wait(30) == 1
    assert "in use by another cairn-ca" in other.text()
    assert admin(house, "account", "show", account_of(client))["status"] == "valid"


def test_after_a_kill(house, client):
    """The name of the socket is left; whoever comes next finds out that nobody listens."""
    house.process.kill()
    house.process.wait()
    assert (house.directory / "control.sock").exists()
    deadline = time.monotonic() + 30
    while True:  # the front dies with the supervisor, but not in the same moment
        done = subprocess.run([house_module.CAIRN_CA, "account", "show", str(account_of(client)), "--dir", house.directory],
                              capture_output=True, text=True, timeout=60)
        if done.returncode == 0 or time.monotonic() > deadline:
            break
        assert "in use by another" in done.stderr or "ended before it answered" in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    house.start()
    assert admin(house, "account", "show", account_of(client))["status"] == "valid"


def test_the_front_is_killed_and_the_next_one_answers(house, client):
    """The listening socket is the supervisor's: who connects in the meantime waits for the next front."""
    os.kill(house.children()["front"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = subprocess.run([house_module.CAIRN_CA, "account", "show", str(account_of(client)), "--dir", house.directory],
                              capture_output=True, text=True, timeout=60)
        if done.returncode == 0:
            break
        assert "whether it was done is not known" in done.stderr  # the dying one had it
    assert done.returncode == 0


def test_a_command_is_killed(house, client):
    """Whatever the moment: the CA goes on, and the change is either made or not."""
    for wait in (0, 0.005, 0.01, 0.02, 0.04, 0.08):
        process = subprocess.Popen([house_module.CAIRN_CA, "account", "revoke", str(account_of(client)), "--dir",
                                    house.directory], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        process.kill()
        process.wait()
    with connect(house) as s:
        # answered to nobody, with the end of the connection in the middle of the request
        s.sendall(b'{"command":"account show",')
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert admin(house, "account", "show", account_of(client))["status"] in ("valid", "revoked")
    other = acme_raw.Client(house.url, house.root)
    assert other.register().status == 201


def test_many_commands_at_once(house, client):
    command = [str(house_module.CAIRN_CA), "account", "show", str(account_of(client)), "--dir", str(house.directory)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(20)]
    assert all(process.communicate(timeout=60)[0].startswith(b"id: ") for process in running)
    assert house.stop() == 0
    stopped = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(6)]
    assert all(process.communicate(timeout=60)[0].startswith(b"id: ") for process in stopped)
    house.start()


def test_a_folder_with_a_long_path(tmp_path):
    """Longer than the address of a socket can be (unix(7))."""
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    house = house_module.House(folder / "ca")
    try:
        house.start()
        assert admin(house, "account", "show", 1, fails=1)["code"] == "NOT_FOUND"
        assert "admin.command" in house.text()
        assert house.stop() == 0
        assert not (house.directory / "control.sock").exists()
    finally:
        house.close()


def test_after_a_reload(house, client):
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line(r"proc\.reloaded|reload")
    assert admin(house, "account", "show", account_of(client))["status"] == "valid"


def test_what_is_logged(house, client):
    admin(house, "account", "show", account_of(client))
    line = house.wait_for_line(r'admin\.command command="account show" uid=(\d+) result=OK')
    assert int(line[1]) == os.geteuid()
