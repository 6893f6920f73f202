"""The worst day of a disk: every change of a file is made to fail, or kills the process that makes it, one after the
other. Whatever was answered is true afterwards, nothing is half made, and the house comes up again."""
import contextlib
import json
import errno
import http.client
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import threading
import time

import pytest

import acme_raw
import house as house_module
import responder as responder_module
import test_kill
import worst_day
from house import CAIRN_CA

TROUBLE = (OSError, http.client.HTTPException, ssl.SSLError)
DISK = [errno.ENOSPC, errno.EIO]
KILL = 0
FILES = {"root.key", "intermediate.key", "root.pem", "intermediate.pem", "perspective.key", "perspective.pem", "cairn-ca.yaml"}


@pytest.fixture
def day(tmp_path):
    return worst_day.WorstDay(tmp_path / "worst-day")


def run(*arguments, day=None):
    environment = {**os.environ, **(day.environment if day else {})}
    return subprocess.run([str(CAIRN_CA), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False,
                          env=environment)


def different(names):
    """The steps, from 1, without those in the middle of a run of the same call, such as the pages of one batch."""
    return [i + 1 for i, name in enumerate(names)
            if i == 0 or i + 1 == len(names) or not names[i - 1] == name == names[i + 1]]


def content(folder):
    """Every file below, its octets and its mode."""
    return {path: (path.read_bytes(), path.stat().st_mode) for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- init ----

def init(folder, day=None):
    return run("init", "--dir", folder, "--name", "My CA", day=day)


def steps_of_init(tmp_path, day):
    day.watch("init")
    assert init(tmp_path / "counted", day).returncode == 0
    assert day.count >= 16, day.names()  # make, write, mode and sync of five files, and their folder
    assert {"fsync", "fchmod", "mkdir"} <= set(day.names())
    return day.count


def test_init_is_killed_at_every_step(tmp_path, day):
    for step in range(1, steps_of_init(tmp_path, day) + 1):
        folder = tmp_path / f"ca{step}"
        day.arm("init", step)
        assert init(folder, day).returncode == -signal.SIGKILL, step
        before = content(folder) if folder.exists() else {}
        for path, (_, mode) in before.items():
            if path.name.endswith(".key"):
                assert mode & 0o077 == 0, (step, path)
        if (folder / "cairn-ca.yaml").exists():
            continue  # written last: everything is there, if it is whole
        serve = run("serve", "--dir", folder)
        assert serve.returncode == 78 and len(serve.stderr.splitlines()) == 1, (step, serve)
        again = init(folder)
        if any(path.suffix != ".new" for path in before):
            assert again.returncode == 1 and "interrupted" in again.stderr, (step, again)
            assert len(again.stderr.splitlines()) == 1
            assert content(folder) == before, step
            shutil.rmtree(folder)
            again = init(folder)
        assert again.returncode == 0, (step, again)
        assert {path.name for path in folder.iterdir()} == FILES
        assert run("check-config", "--dir", folder).returncode == 0


@pytest.mark.parametrize("reason", DISK)
def test_init_on_a_disk_that_fails(tmp_path, day, reason):
    for step in range(1, steps_of_init(tmp_path, day) + 1):
        folder = tmp_path / f"ca{step}"
        day.arm("init", step, reason)
        done = init(folder, day)
        assert done.returncode == 1, (step, done)
        assert os.strerror(reason) in done.stderr and len(done.stderr.splitlines()) == 1, (step, done)
        assert not folder.exists(), (step, list(folder.iterdir()))
        again = init(folder)
        assert again.returncode == 0, (step, again)
        assert {path.name for path in folder.iterdir()} == FILES


def test_init_leaves_what_was_there(tmp_path, day):
    """A disk that fails takes nothing with it that init did not make."""
    folder = tmp_path / "ca"
    folder.mkdir()
    (folder / "notes").write_text("mine")
    day.arm("init", 12, errno.ENOSPC)
    assert init(folder, day).returncode == 1
    assert [path.name for path in folder.iterdir()] == ["notes"]


# ---- the subscriber of these days ----

class Refused(Exception):
    """A refusal, as a disk that fails may cause it."""


class Careful(acme_raw.Client):
    """Every refusal must be an honest one: a problem document that says to come again."""

    def request(self, *arguments, **more):
        answer = super().request(*arguments, **more)
        if answer.status >= 400:
            assert answer.status in (500, 503), answer
            assert answer.headers["Content-Type"] == "application/problem+json", answer
            assert answer.type == "serverInternal", answer
            assert int(answer.headers["Retry-After"]) > 0, answer
            assert "Location" not in answer.headers, answer
            raise Refused(answer)
        return answer


class Day:
    """One house, one subscriber, and what was promised."""

    def __init__(self, house, responder):
        self.house, self.responder = house, responder
        self.promises = test_kill.Promises()
        self.key = acme_raw.Key()
        self.count = 0
        self.client = None
        self.url = None  # of the order under way
        self.name = None

    def connect(self):
        fresh = Careful(self.house.url, self.house.root, self.key)
        if self.client is not None:
            fresh.kid = self.client.kid
        self.client = fresh

    def register(self):
        self.client.register()
        self.promises.note("accounts", self.key, self.client.kid)

    def order(self):
        self.count += 1
        self.name = f"fault{self.count}.flow.test"
        self.url, _ = self.client.order(self.name)
        self.promises.note("orders", self.key, self.client.kid, self.url)

    def prove(self, authorization):
        answer = self.client.post(authorization, None).json
        if answer["status"] == "valid":
            self.promises.note("proved", self.key, self.client.kid, authorization)
            return
        assert answer["status"] == "pending", answer
        challenge = next(c for c in answer["challenges"] if c["type"] == "http-01")
        self.responder.tokens[challenge["token"]] = f'{challenge["token"]}.{self.key.thumbprint()}'
        if challenge["status"] == "pending":
            answer = self.client.post(challenge["url"], {}).json
            assert answer["status"] in ("processing", "valid"), answer
            if answer["status"] == "valid":
                self.promises.note("proved", self.key, self.client.kid, authorization)

    def advance(self):
        """Whatever state the order under way is in: to its certificate."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            order = self.client.post(self.url, None).json
            if order["status"] == "pending":
                self.prove(order["authorizations"][0])
            elif order["status"] == "ready":
                self.client.post(order["finalize"], {"csr": acme_raw.b64(acme_raw.make_csr([self.name]))})
            elif order["status"] == "valid":
                pem = self.client.post(order["certificate"], None).body
                self.promises.note("certificates", self.key, self.client.kid, order["certificate"], pem)
                self.url = None
                return
            else:
                assert order["status"] == "processing", order
            time.sleep(0.01)
        raise AssertionError(f"the order never ended: {order}")

    def whole(self):
        """From nothing, or from where the last one was cut off, to a certificate."""
        if self.client.kid is None:
            self.register()
        if self.url is None:
            self.order()
        self.advance()


@contextlib.contextmanager
def living(tmp_path, day, **more):
    house = house_module.House(tmp_path / "ca", **more)
    responder = responder_module.Responder(house.http_port)
    try:
        yield Day(house, responder)
    finally:
        house.close()
        responder.close()


def steps_of(role, one, day):
    """The changes a whole flow makes, with a new account, in a house that is warm."""
    one.house.start(environment=day.environment)
    one.connect()
    one.whole()
    one.key, one.client = acme_raw.Key(), None
    one.connect()
    day.watch(role)
    one.whole()
    names = day.names()
    assert one.house.stop() == 0
    return names


def forget_account(one):
    one.key, one.client = acme_raw.Key(), None
    one.connect()


def again(one):
    """After the fault: the same account and the same order end well, and so does another."""
    deadline = time.monotonic() + 20
    while True:
        try:
            one.connect()
            one.whole()
            break
        except (*TROUBLE, Refused):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    one.whole()


@pytest.mark.parametrize("role, least", [("front", 15), ("signer", 1)])
def test_killed_at_every_step_of_an_issuance(tmp_path, day, role, least):
    """S-STATE-7."""
    with living(tmp_path, day) as one:
        names = steps_of(role, one, day)
        assert len(names) >= least, names
        for step in different(names):
            one.house.start(environment=day.environment)
            forget_account(one)
            mark = len(one.house.log_path.read_bytes())
            day.arm(role, step)
            with contextlib.suppress(*TROUBLE):
                one.whole()
            one.house.wait_for_line(rf"proc\.ended role={role} .*signal=9", since=mark)
            day.disarm()
            again(one)
            assert one.house.stop() == 0, one.house.text()[-3000:]
        one.house.start()
        one.connect()
        test_kill.keep_promises(one.house, one.promises)
        test_kill.check_store(one.house)
        assert one.house.stop() == 0


@pytest.mark.parametrize("reason", DISK)
@pytest.mark.parametrize("role", ["front", "signer"])
def test_a_disk_that_fails_at_every_step_of_an_issuance(tmp_path, day, role, reason):
    with living(tmp_path, day) as one:
        steps = different(steps_of(role, one, day))
        refusals = deaths = 0
        one.house.start(environment=day.environment)
        for step in steps:
            forget_account(one)
            mark = len(one.house.log_path.read_bytes())
            day.arm(role, step, reason)
            try:
                one.whole()
            except Refused:
                refusals += 1
            except TROUBLE:
                deaths += 1
                one.house.wait_for_line(r"proc\.ready role=front", since=mark)
            day.disarm()
            again(one)
            if "proc.ended" in one.house.text(mark):  # the next wait would be longer
                assert one.house.stop() == 0
                one.house.start(environment=day.environment)
        if role == "front":
            assert refusals > len(steps) / 4, (refusals, deaths, steps)
        one.connect()
        test_kill.keep_promises(one.house, one.promises)
        assert one.house.stop() == 0
        test_kill.check_store(one.house)


@pytest.mark.parametrize("reason", [KILL, *DISK])
def test_the_first_start_fails_at_every_step(tmp_path, day, reason):
    """Killed, it comes up by itself; an error is said, and the next start goes well."""
    with living(tmp_path, day) as one:
        house, fresh = one.house, tmp_path / "fresh"
        shutil.copytree(house.directory, fresh)
        day.watch("front")
        house.start(environment=day.environment)
        house.stop()
        names = day.names()
        assert {"posix_fallocate", "fdatasync", "fsync", "open64"} <= set(names), names
        for step in different(names)[::3 if reason == errno.EIO else 1]:  # it is treated as a full disk is
            shutil.rmtree(house.directory)
            shutil.copytree(fresh, house.directory)
            day.arm("front", step, reason)
            house.start(expect_ready=False, environment=day.environment)
            house.wait_for_line(r"^ready |^cairn-ca: ")
            if house.process.poll() is None and "\nready " in house.text():
                in_order = house.stop() == 0
                # a step of its end: the front closes the audit log and the store
                assert in_order or re.search(r"proc\.stopping.*proc\.ended role=front pid=\d+ exit=(-1|[1-9])", house.text(), re.DOTALL), (
                    step, house.text())
            else:
                in_order = False
                assert reason != KILL and house.process.wait(20) == 1, (step, house.text())
                assert re.search(r"front\.cannot_start why=|store\.|proc\.ended role=front", house.text()), (step, house.text())
            day.disarm()
            if reason == KILL and in_order:
                continue
            house.start(environment=day.environment)
            if step % 7 == 0:
                one.key, one.client, one.url = acme_raw.Key(), None, None
                one.connect()
                one.whole()
            assert house.stop() == 0, (step, house.text())


# ---- a disk that is really full, and power that is really gone ----

@contextlib.contextmanager
def mounted(*arguments, at):
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    at.mkdir()
    done = subprocess.run(["mount", *map(str, arguments), str(at)], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr}")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


def fill(folder):
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    return filler


def test_full_disk(tmp_path):
    with mounted("-t", "tmpfs", "-o", "size=48m", "none", at=tmp_path / "small") as folder:
        house = house_module.House(folder / "ca")
        house.log_path = tmp_path / "serve.log"
        responder = responder_module.Responder(house.http_port)
        one = Day(house, responder)
        try:
            house.start()
            one.connect()
            one.whole()
            for with_a_restart in (False, True):
                filler = fill(folder)
                refused = 0
                for _ in range(30):  # until the room that was reserved is used up
                    try:
                        one.whole()
                    except Refused:
                        refused += 1
                assert refused >= 5
                assert one.client.request("GET", house.url).status == 200
                test_kill.keep_promises(house, one.promises)  # what is there can be read
                if with_a_restart:
                    mark = len(house.log_path.read_bytes())
                    os.kill(house.children()["front"], signal.SIGKILL)
                    house.wait_for_line(r"proc\.(ready|ended) role=front", since=mark)
                filler.unlink()
                again(one)
            test_kill.keep_promises(house, one.promises)
            assert house.stop() == 0, house.text()
            test_kill.check_store(house)
        finally:
            house.close()
            responder.close()


def test_full_disk_and_commands(tmp_path):
    """What a command says is done is there afterwards, though the line of the audit log about it is written in a later
    batch than the change."""
    def command(*words):
        done = subprocess.run([house_module.CAIRN_CA, *words[:2], "--dir", house.directory, "--json", *words[2:]],
                              capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout

    with mounted("-t", "tmpfs", "-o", "size=48m", "none", at=tmp_path / "small") as folder:
        house = house_module.House(folder / "ca")
        house.log_path = tmp_path / "serve.log"
        try:
            house.start()
            filler = fill(folder)
            codes = [(f"kid{i}", command("eab", "add", "--kid", f"kid{i}")[0]) for i in range(40)]
            filler.unlink()
            assert command("eab", "add", "--kid", "after")[0] == 0
            kept = {key["kid"] for key in json.loads(command("eab", "list")[1])["keys"]}
            assert kept == {kid for kid, code in codes if code == 0} | {"after"}
            assert len([code for _, code in codes if code != 0]) >= 10, codes
            assert house.stop() == 0, house.text()
        finally:
            house.close()


def power_loss_image(house, image, copy):
    """What a disk holds at this moment: nobody writes meanwhile, and what the kernel has not written is lost."""
    pids = [house.process.pid, *house.children().values()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    shutil.copyfile(image, copy)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)


def test_power_loss(tmp_path):
    """The disk is cloned at random moments under load; a house that starts from a clone keeps every promise made."""
    image = tmp_path / "disk"
    with open(image, "wb") as file:
        file.truncate(96 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    clones = []
    with mounted("-o", "loop", image, at=tmp_path / "mounted") as folder:
        house = house_module.House(folder / "ca", sets=["log.level=notice"])
        house.log_path = tmp_path / "serve.log"
        subprocess.run(["sync", "-f", str(folder)], check=True)  # init was long ago
        responder = responder_module.Responder(house.http_port)
        promises, stopping = test_kill.Promises(), threading.Event()
        house.start()
        unused = acme_raw.Client(house.url, house.root).nonce()
        subscribers = [test_kill.Subscriber(house, responder, promises, stopping, i) for i in range(3)]
        try:
            for subscriber in subscribers:
                subscriber.start()
            for number in range(3):
                test_kill.more_certificates(promises, len(promises.certificates) + 5)
                clones.append((tmp_path / f"clone{number}", promises.copy()))
                power_loss_image(house, image, clones[-1][0])
            stopping.set()
            for subscriber in subscribers:
                subscriber.join(60)
            assert house.stop() == 0
        finally:
            stopping.set()
            house.close()
    try:
        for clone, promised in clones:
            with mounted("-o", "loop", clone, at=pathlib.Path(f"{clone}.mounted")) as folder:
                after_power_loss(folder / "ca", promised, unused, tmp_path)
    finally:
        responder.close()


def after_power_loss(directory, promised, unused, tmp_path):
    with open(directory / "nonces", "r+b") as file:  # another boot
        file.seek(40)
        if re.fullmatch(rb"[0-9a-f-]{36}", file.read(36)):  # else not even that was written
            file.seek(40)
            file.write(b"another boot, another boot, another ")
    house = house_module.House(directory, make=False)
    house.log_path = tmp_path / "serve2.log"
    origin = re.search(r"^listen: .*?:(\d+)", (directory / "cairn-ca.yaml").read_text(), re.MULTILINE).group(1)
    house.sets.append(f"origin=https://localhost:{house.port}")
    responder = responder_module.Responder(house.http_port)
    try:
        house.start()
        promised.move(f":{origin}/", f":{house.port}/")
        client = acme_raw.Client(house.url, house.root)
        client.nonces = [unused]
        refused = client.post(client.directory["newAccount"], {"termsOfServiceAgreed": True}, jwk=True)
        assert refused.status == 400 and refused.type == "badNonce", refused
        test_kill.keep_promises(house, promised)
        one = Day(house, responder)
        one.connect()
        one.whole()
        assert house.stop() == 0
        test_kill.check_store(house)
    finally:
        house.close()
        responder.close()
