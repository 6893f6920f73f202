"""Records of one account are added and removed at the same time, as many as its option parallel says; records of the same
name never are; what is killed meanwhile is removed by the next run. The hook tells a recorder when it begins and ends."""
import http.server
import json
import pathlib
import re
import subprocess
import tempfile
import threading
import time

import pytest

from exit_codes import VALIDATION
from house import free_port
from test_client_challenges import offering

COUNT = 20
NAMES = [f"n{i}.example.test" for i in range(COUNT)]
HOOK = """#!/bin/sh
tell() {{ curl -sf --data-binary "$1" http://127.0.0.1:{port}/; }}
tell "begin $*" || exit 9
{body}
tell "end $*"
"""


class Recorder:
    """What runs at the same time, and what is there."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running, self.most, self.clashes, self.there, self.calls = {}, 0, [], set(), []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                words = self.rfile.read(int(self.headers["Content-Length"])).decode().split()
                recorder.take(*words[:4])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]

    def take(self, stage, verb, name, value):
        with self.lock:
            if stage == "begin":
                self.calls.append((verb, name))
                if self.running.get(name):
                    self.clashes.append(name)
                self.running[name] = True
                self.most = max(self.most, sum(self.running.values()))
            else:
                self.running[name] = False
                (self.there.add if verb == "present" else self.there.discard)((name, value))

    def clear(self):
        with self.lock:
            self.running, self.most, self.clashes, self.calls = {}, 0, [], []


@pytest.fixture
def recorder():
    made = Recorder()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="many-") as made:  # where the user nobody can read it
        path = pathlib.Path(made)
        path.chmod(0o755)
        yield path


def words(folder, recorder, tmp_path, body, provider="exec", **more):
    path = folder / "hook"
    path.write_text(HOOK.format(port=recorder.port, body=body))
    path.chmod(0o755)
    config = tmp_path / "cairn.yaml"
    config.write_text(json.dumps({"dns": {"mine": {"provider": provider, "program": str(path), "check": "none", "resolver": f"127.0.0.1:{free_port()}", **more}}}))
    return ["--challenge", "dns-01", "--config", config, "--dns", "mine"]


@pytest.fixture
def many(cairn_at_fake, fake_ca):
    offering(fake_ca, "dns-01", count=COUNT)
    return cairn_at_fake


def test_at_the_same_time(many, recorder, folder, tmp_path):
    """Twenty names and a hook that takes a second."""
    begun = time.monotonic()
    many.issue(*NAMES, *words(folder, recorder, tmp_path, "sleep 1"))
    print(f"20 names added and removed in {time.monotonic() - begun:.1f} s")
    assert 4 <= recorder.most <= 8 and recorder.clashes == [] and recorder.there == set()
    assert sorted(recorder.calls) == sorted((v, f"_acme-challenge.{n}.") for v in ("present", "cleanup") for n in NAMES)


@pytest.mark.parametrize("provider, parallel, most", [("exec", 1, 1), ("exec", 3, 3), ("dehydrated", 0, 1), ("dehydrated", 4, 4)])
def test_as_many_as_it_says(many, recorder, folder, tmp_path, provider, parallel, most):
    many.issue(*NAMES[:5], *words(folder, recorder, tmp_path, "sleep 0.1", provider, parallel=parallel))
    assert recorder.most <= most and len(recorder.calls) == 10
    assert most == 1 or recorder.most > 1


def test_the_same_name(many, recorder, folder, tmp_path):
    """A name and its wildcard have two values at one name, which come one after the other; others come meanwhile."""
    for path, usual in list(many.ca.answers.items()):
        def authz(request, usual=usual):
            status, headers, body = usual(request)
            value = body["identifier"]["value"]
            more = {"identifier": {"type": "dns", "value": value[2:]}, "wildcard": True} if value.startswith("*.") else {}
            return status, headers, {**body, **more}
        many.ca.answers[path] = authz
    many.issue(NAMES[0], "*." + NAMES[0], NAMES[1], *words(folder, recorder, tmp_path, "sleep 0.3"))
    assert recorder.clashes == [] and len(recorder.calls) == 6 and recorder.there == set()


def test_one_that_fails(many, recorder, folder, tmp_path):
    """Others that are under way end, no other is begun, and what was added is removed."""
    bad = f'case "$1 $2" in "present _acme-challenge.{NAMES[2]}.") echo no such zone >&2; exit 3;; esac; sleep 0.3'
    done = many.issue(*NAMES, *words(folder, recorder, tmp_path, bad, parallel=4), code=VALIDATION)
    assert "no such zone" in done.stderr and len(done.stderr.splitlines()) == 1
    added = {name for verb, name in recorder.calls if verb == "present"}
    removed = {name for verb, name in recorder.calls if verb == "cleanup"}
    assert added == removed and 3 <= len(added) < COUNT and recorder.there == set()
    assert not [p for p in (many.directory / "dns-01").glob("*.json")]


def test_killed_meanwhile(many, recorder, folder, tmp_path):
    """kill -9 while eight are being added: the next run removes them all."""
    more = words(folder, recorder, tmp_path, 'case "$1" in present) sleep 2;; esac')
    run = subprocess.Popen(many.command("issue", *NAMES, *many.common(), *more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(recorder.calls) < 8 and time.monotonic() < deadline:
        time.sleep(0.05)
    run.kill()
    run.wait()
    begun = {name for _, name in recorder.calls}
    journal = list((many.directory / "dns-01").glob("*.json"))
    assert len(begun) >= 8 and len(journal) >= len(begun)
    recorder.clear()
    done = many.issue("later.example.test", *words(folder, recorder, tmp_path, ":"))
    assert begun <= {name for verb, name in recorder.calls if verb == "cleanup"}
    assert len(re.findall("left by an earlier run", done.stdout)) == len(journal)
    assert not list((many.directory / "dns-01").glob("*.json"))
