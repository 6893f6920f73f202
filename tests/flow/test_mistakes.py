"""What an operator finds when something is wrong: one clear reason, an exit code, and nothing changed."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess

import pytest

import house as house_module

MADE_BY_SERVE = re.compile(r"/(nonces|signer\.(journal|lists)|cairn\.db.*|control\.lock|serve\.log)$")
AUDIT = re.compile(r"/audit(/.*|\.key|\.pem)$")
OF_A_START = {"house.start", "house.stop", "signer.start", "audit.head"}


def files(folder):
    return {str(path): path.read_bytes() for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()}


def content(folder):
    return {path: octets for path, octets in files(folder).items() if not MADE_BY_SERVE.search(path) and not AUDIT.search(path)}


def audit(folder):
    return {path: octets for path, octets in files(folder).items() if AUDIT.search(path)}


def assert_only_the_start_is_noted(before, after):
    """A start leaves lines in the audit log, one that fails too. They are all: what was there stays, and nothing was done."""
    for path, octets in before.items():
        assert after[path] == octets or (path.endswith(".jsonl") and after[path].startswith(octets)), path
    for path in after:
        if path.endswith(".jsonl"):
            for line in after[path][len(before.get(path, b"")):].splitlines():
                assert json.loads(line)["event"] in OF_A_START, line


def serve(house, *, before=(), sets=()):
    more = [word for setting in sets for word in ("--set", setting)]
    return subprocess.run([*before, *house.arguments(), *more], capture_output=True, text=True, timeout=30, check=False,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})


def reasons(done):
    """The lines that say why: in the log, and by the command."""
    lines = [line for line in done.stderr.splitlines() if "cannot_start why=" in line]
    return lines or [line for line in done.stderr.splitlines() if line.startswith("cairn-ca: ")]


@pytest.fixture
def house(tmp_path):
    made = house_module.House(tmp_path / "ca")
    yield made
    made.close()


def damage(path):
    octets = bytearray(path.read_bytes())
    octets[100:] = b"\x5a" * (len(octets) - 100)  # all but the header
    path.write_bytes(octets)


def served_once(house):
    house.start()
    assert house.stop() == 0


def newer(house):
    served_once(house)
    with contextlib.closing(sqlite3.connect(house.directory / "cairn.db")) as db:
        db.execute("PRAGMA user_version=999")


def damaged(house):
    served_once(house)
    with contextlib.closing(sqlite3.connect(house.directory / "cairn.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(house.directory / "cairn.db")


def another_program(house):
    with contextlib.closing(sqlite3.connect(house.directory / "cairn.db")) as db:
        db.execute("CREATE TABLE theirs (x)")


def change(name, action):
    return lambda house: action(house.directory / name)


@pytest.mark.parametrize("mistake, words", [
    (newer, "newer version of cairn-ca (schema 999"),
    (damaged, "damaged"),
    (another_program, "database of another program"),
    (change("cairn.db", lambda p: p.write_bytes(b"x" * 5000)), "not a database"),
    (change("intermediate.key", lambda p: p.write_text("x")), "intermediate.key: there is no readable PEM private key"),
    (change("intermediate.key", lambda p: shutil.copy(p.parent / "root.key", p)), "does not belong to"),
    (change("nonces", lambda p: p.mkdir()), "nonces: Is a directory"),
    (change("nonces", lambda p: p.symlink_to("/etc/passwd")), "nonces: Too many levels"),
    (change("signer.journal", lambda p: p.mkdir()), "signer.journal: Is a directory"),
])
def test_one_reason(house, mistake, words):
    mistake(house)
    before, noted = content(house.directory), audit(house.directory)
    store = house.directory / "cairn.db"
    store_before = store.read_bytes() if store.exists() else None
    done = serve(house)
    assert done.returncode == 1, done.stderr
    assert len(reasons(done)) == 1 and words in reasons(done)[0], done.stderr
    assert done.stderr.splitlines()[-1].startswith("cairn-ca: ")
    assert not re.search(r"^ready ", done.stderr, re.MULTILINE)
    assert content(house.directory) == before
    assert_only_the_start_is_noted(noted, audit(house.directory))
    if store_before is not None and mistake is not damaged:
        assert store.read_bytes() == store_before


@pytest.mark.parametrize("name", ["root.pem", "intermediate.pem", "intermediate.key"])
def test_a_missing_file_is_found_first(house, name):
    (house.directory / name).unlink()
    done = serve(house)
    option = name.replace(".pem", "").replace(".", "_")
    assert (done.returncode, done.stderr) == (78, f"cairn-ca: files.{option}: there is no file {house.directory}/{name}\n")


def test_configuration(house):
    (house.directory / "cairn-ca.yaml").write_text("lisen: x\n")
    before = {path: path.read_bytes() for path in house.directory.iterdir()}
    done = serve(house)
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        f'cairn-ca: {house.directory}/cairn-ca.yaml:1:1: there is no option "lisen"; did you mean "listen"?']
    assert {path: path.read_bytes() for path in house.directory.iterdir()} == before


@pytest.mark.parametrize("setting, option", [
    ("issuers:\n  devices:\n    certificate: gone.pem\n    key: intermediate.key\n", "issuers.devices.certificate"),
    ("issuers:\n  devices:\n    certificate: intermediate.pem\n    key: gone.pem\n", "issuers.devices.key"),
    ("issuers:\n  devices:\n    certificate: intermediate.pem\n    key: intermediate.key\n    root: gone.pem\n",
     "issuers.devices.root"),
    ("files:\n  alternates: gone.pem\n", "files.alternates"),
])
def test_a_file_that_is_named_but_not_there(house, setting, option):
    (house.directory / "cairn-ca.yaml").write_text(setting)
    done = subprocess.run([house_module.CAIRN_CA, "check-config", "--dir", house.directory], capture_output=True, text=True,
                          timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        78, "", f"cairn-ca: {option}: there is no file {house.directory}/gone.pem\n")


def test_a_reload_that_names_a_file_that_is_not_there(house):
    """Refused by the supervisor: a front that dies afterwards comes back with what was good."""
    path = house.directory / "cairn-ca.yaml"
    house.start()
    path.write_text(path.read_text() + "issuers:\n  devices:\n    certificate: gone.pem\n    key: gone.key\n")
    since = len(house.text())
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line(r"proc\.reload_refused .*issuers\.devices\.certificate: there is no file", since)
    os.kill(int(re.findall(r"role=front pid=(\d+)", house.text())[-1]), signal.SIGKILL)
    house.wait_for_line(r"proc\.started role=front", since)
    house.wait_for_line(r"proc\.ready role=front", since)
    assert "cannot_start" not in house.text()


def test_port(house):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", house.port))
        taken.listen()
        before = {path: path.read_bytes() for path in house.directory.iterdir()}
        done = serve(house)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "cannot listen on" in done.stderr and "in use" in done.stderr
    assert {path: path.read_bytes() for path in house.directory.iterdir()} == before


@pytest.fixture
def ordinary(tmp_path_factory):
    """A CA of somebody who is not root, where that one can come to."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    folder = pathlib.Path("/tmp") / f"cairn-mistakes-{os.getpid()}"
    folder.mkdir(mode=0o755)
    made = house_module.House(folder / "ca")
    for path in [made.directory, *made.directory.iterdir()]:
        os.chown(path, 64310, 64310)
    yield made
    made.close()
    shutil.rmtree(folder)


AS_ORDINARY = ["setpriv", "--reuid", "64310", "--regid", "64310", "--clear-groups"]


@pytest.mark.parametrize("mistake, words", [
    (change("intermediate.key", lambda p: os.chown(p, 0, 0)), "intermediate.key: Permission denied"),
    (change("intermediate.key", lambda p: p.chmod(0)), "intermediate.key: Permission denied"),
    (change("", lambda p: p.chmod(0o500)), "Permission denied"),
])
def test_rights(ordinary, mistake, words):
    mistake(ordinary)
    before, noted = content(ordinary.directory), audit(ordinary.directory)
    done = serve(ordinary, before=AS_ORDINARY)
    assert done.returncode == 1, done.stderr
    found = reasons(done)
    # a folder that cannot be written stops the front and the signer, each with its own file
    assert found and all(words in line for line in found), done.stderr
    assert len(found) == len({line.split()[2] for line in found}), done.stderr
    assert content(ordinary.directory) == before
    assert_only_the_start_is_noted(noted, audit(ordinary.directory))


def test_a_store_of_another_user(ordinary):
    served_once(ordinary)  # as root
    done = serve(ordinary, before=AS_ORDINARY)
    assert done.returncode == 1
    assert all("Permission denied" in line for line in reasons(done)), done.stderr
    assert reasons(done)


def test_a_store_that_is_no_file(tmp_path):
    """Which file it is about, and what is in the way."""
    directory = tmp_path / "ca"
    subprocess.run([house_module.CAIRN_CA, "init", "--dir", directory], check=True, stdout=subprocess.DEVNULL)
    (directory / "cairn.db").mkdir()
    done = subprocess.run([house_module.CAIRN_CA, "account", "list", "--dir", directory], capture_output=True, text=True)
    assert done.returncode == 1 and f"{directory}/cairn.db: Is a directory" in done.stderr, done.stderr
