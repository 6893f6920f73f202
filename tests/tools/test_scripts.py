"""quickstart and check as somebody meets them whose machine lacks the packages."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path):
    """A folder of programs that stand before the real ones; each writes down how it was called."""
    def add(name, text):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/calls\n{text}\n')
        program.chmod(0o755)
    add("dpkg-query", "printf 'installed gcc\\nconfig-files meson\\ninstalled ninja-build\\n'")
    return tmp_path, add


def run(tmp_path, program, *arguments):
    return subprocess.run([ROOT / program, *arguments], env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def wanted():
    packages = (ROOT / "tools/packages.build").read_text().split()
    return " ".join(p for p in packages if p not in ("gcc", "ninja-build"))


def test_quickstart_installs_what_is_missing(machine):
    tmp_path, add = machine
    add("id", "echo 0")
    add("apt-get", 'case "$1" in install) exit 7;; esac')
    done = run(tmp_path, "quickstart", "--once")
    assert done.returncode == 1, done
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[-2:] == ["apt-get update -q", f"apt-get install -q -y --no-install-recommends {wanted()}"]
    assert "that did not work" in done.stderr


def test_quickstart_says_what_is_missing_to_who_cannot_install(machine):
    tmp_path, add = machine
    add("id", "echo 1000")
    add("sudo", "exit 1")
    done = run(tmp_path, "quickstart", "--once")
    assert done.returncode == 1
    assert f"as root: apt-get install --no-install-recommends {wanted()}" in done.stderr, done
    assert "apt-get" not in (tmp_path / "calls").read_text().replace("sudo apt-get", "")


@pytest.mark.parametrize("program", ["quickstart", "check"])
@pytest.mark.parametrize("arguments, code", [(["--help"], 0), (["-h"], 0), (["--nonsense"], 64), (["once"], 64)])
def test_usage(tmp_path, program, arguments, code):
    done = run(tmp_path, program, *arguments)
    assert done.returncode == code
    assert f"usage: ./{program}" in (done.stdout if code == 0 else done.stderr)
    assert (done.stderr if code == 0 else done.stdout) == ""
