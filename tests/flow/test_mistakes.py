"""What an operator finds when something is wrong: one clear reason, an exit code, and nothing changed."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess

import pytest

import house as house_module

MADE_BY_SERVE = re.compile(r"/(nonces|signer\.journal|cairn\.db.*|serve\.log)$")


def content(folder):
    return {str(path): path.read_bytes() for path in sorted(pathlib.Path(folder).rglob("*"))
            if path.is_file() and not MADE_BY_SERVE.search(str(path))}


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
    (change("intermediate.key", lambda p: p.unlink()), "intermediate.key: No such file"),
    (change("intermediate.key", lambda p: p.write_text("x")), "intermediate.key: there is no readable PEM private key"),
    (change("intermediate.key", lambda p: shutil.copy(p.parent / "root.key", p)), "does not belong to"),
    (change("root.pem", lambda p: p.unlink()), "root.pem: No such file"),
    (change("nonces", lambda p: p.mkdir()), "nonces: Is a directory"),
    (change("nonces", lambda p: p.symlink_to("/etc/passwd")), "nonces: Too many levels"),
    (change("signer.journal", lambda p: p.mkdir()), "signer.journal: Is a directory"),
])
def test_one_reason(house, mistake, words):
    mistake(house)
    before = content(house.directory)
    store = house.directory / "cairn.db"
    store_before = store.read_bytes() if store.exists() else None
    done = serve(house)
    assert done.returncode == 1, done.stderr
    assert len(reasons(done)) == 1 and words in reasons(done)[0], done.stderr
    assert done.stderr.splitlines()[-1].startswith("cairn-ca: ")
    assert not re.search(r"^ready ", done.stderr, re.MULTILINE)
    assert content(house.directory) == before
    if store_before is not None and mistake is not damaged:
        assert store.read_bytes() == store_before


def test_configuration(house):
    (house.directory / "cairn-ca.yaml").write_text("lisen: x\n")
    before = {path: path.read_bytes() for path in house.directory.iterdir()}
    done = serve(house)
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        f'cairn-ca: {house.directory}/cairn-ca.yaml:1:1: there is no option "lisen"; did you mean "listen"?']
    assert {path: path.read_bytes() for path in house.directory.iterdir()} == before


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
    before = content(ordinary.directory)
    done = serve(ordinary, before=AS_ORDINARY)
    assert done.returncode == 1, done.stderr
    found = reasons(done)
    # a folder that cannot be written stops the front and the signer, each with its own file
    assert found and all(words in line for line in found), done.stderr
    assert len(found) == len({line.split()[2] for line in found}), done.stderr
    assert content(ordinary.directory) == before


def test_a_store_of_another_user(ordinary):
    served_once(ordinary)  # as root
    done = serve(ordinary, before=AS_ORDINARY)
    assert done.returncode == 1
    assert all("Permission denied" in line for line in reasons(done)), done.stderr
    assert reasons(done)
