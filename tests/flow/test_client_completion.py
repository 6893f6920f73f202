"""`cairn completion`: the shells themselves, at a terminal, say what they complete."""
import json
import os
import subprocess

import pexpect
import pytest

from house import CAIRN


@pytest.fixture
def state(tmp_path):
    """Two certificates, as their folders look."""
    for name in ("www.example.org", "mail.example.org"):
        version = tmp_path / "state/certificates" / name / "versions/1"
        version.mkdir(parents=True)
        (version / "metadata.json").write_text(json.dumps({}))
        (version.parents[1] / "current").symlink_to("versions/1")
    (tmp_path / "some.pem").touch()
    (tmp_path / "somewhere").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cairn").symlink_to(CAIRN)
    (tmp_path / "cairn.yaml").write_text(f"""state: {tmp_path}/state
cas: {{private: {{directory: https://ca.example.test/dir}}}}
dns: {{zone-of-mine: {{key_file: updater.key}}}}
deployments: {{front: {{fullchain_file: out.pem}}}}
certificates: {{wanted: {{names: wanted.example.org}}}}
""")
    for shell in ("bash", "zsh", "fish"):
        (tmp_path / f"cairn.{shell}").write_text(subprocess.run([CAIRN, "completion", shell], capture_output=True, text=True,
                                                                check=True).stdout)
    return tmp_path


class Bash:
    """A bash at a terminal; a line typed, a tab, and what stands there then."""

    def __init__(self, folder, environment):
        self.shell = pexpect.spawn("bash", ["--norc", "--noprofile"], cwd=folder, env=environment, encoding="utf-8", timeout=20,
                                   dimensions=(50, 400))
        self.run("PS1=; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; bind 'set page-completions off'; "
                 "bind 'set completion-query-items 1000'; source ./cairn.bash; echo READY")
        self.shell.expect("\nREADY\r\n")

    def run(self, line):
        self.shell.sendline(line)

    def complete(self, line):
        # "echo @" at its beginning makes the line visible, whatever bash made of it
        self.shell.send(line + "\t")
        self.shell.send("@END\x01echo @")
        self.shell.send("\r")
        self.shell.expect(r"\n@([^\r\n]*)@END\r\n")
        return self.shell.match.group(1)


class Zsh(Bash):
    def __init__(self, folder, environment):
        self.shell = pexpect.spawn("zsh", ["-f", "-i"], cwd=folder, env=environment, encoding="utf-8", timeout=20, dimensions=(50, 400))
        self.run("PS1=; PROMPT_EOL_MARK=; unsetopt zle_bracketed_paste prompt_cr; setopt no_nomatch; bindkey -e; autoload -Uz compinit; "
                 "compinit -D -u; source ./cairn.zsh; echo READY")
        self.shell.expect("\nREADY\r\n")


class Fish:
    """fish says itself what it would put there, for one that is left."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment

    def complete(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source ./cairn.fish; complete -C '{line}'"], cwd=self.folder,
                              env=self.environment, capture_output=True, text=True, timeout=20, check=True)
        offered = [row.partition("\t")[0] for row in done.stdout.splitlines()]
        head, _, _ = line.rpartition(" ")
        if len(offered) != 1:
            return line
        return f"{head} {offered[0]}" + ("" if offered[0][-1] in ":/=" else " ")


SHELLS = {"bash": Bash, "zsh": Zsh, "fish": Fish}

LINES = [  # what is typed, and what it becomes
    ("cairn iss", "cairn issue "),
    ("cairn issue --http-p", "cairn issue --http-port "),
    ("cairn issue --key p3", "cairn issue --key p384 "),
    ("cairn issue --key=p3", "cairn issue --key=p384 "),
    ("cairn issue --challenge http-01,dns-0", "cairn issue --challenge http-01,dns-01 "),
    ("cairn issue --http webr", "cairn issue --http webroot:"),
    ("cairn issue --http=webr", "cairn issue --http=webroot:"),
    ("cairn issue --http webroot:somew", "cairn issue --http webroot:somewhere/"),
    ("cairn issue --http ho", "cairn issue --http hook:"),
    ("cairn issue --http tokens:somew", "cairn issue --http tokens:somewhere/"),
    ("cairn issue --ca letsencrypt-", "cairn issue --ca letsencrypt-staging "),
    ("cairn issue --ca-file some.", "cairn issue --ca-file some.pem "),
    ("cairn issue --ca-file=some.", "cairn issue --ca-file=some.pem "),
    ("cairn show --dir somew", "cairn show --dir somewhere/"),
    ("cairn show --dir state w", "cairn show --dir state www.example.org "),
    ("cairn show --dir=state --json m", "cairn show --dir=state --json mail.example.org "),
    ("cairn issue --config cairn.yaml --ca priv", "cairn issue --config cairn.yaml --ca private "),
    ("cairn issue --config cairn.yaml --dns zone", "cairn issue --config cairn.yaml --dns zone-of-mine "),
    ("cairn issue --config cairn.yaml --deploy nginx,fro", "cairn issue --config cairn.yaml --deploy nginx,front "),
    ("cairn renew --config cairn.yaml wan", "cairn renew --config cairn.yaml wanted "),
    ("cairn issue --key rsa2048,p3", "cairn issue --key rsa2048,p384 "),
    ("cairn agent stat", "cairn agent status "),
    ("cairn help comp", "cairn help completion "),
    ("cairn completion z", "cairn completion zsh "),
    ("cairn issue --nonsen", "cairn issue --nonsen"),
]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(shell, state):
    environment = {"PATH": f"{state}/bin:/usr/bin:/bin", "HOME": str(state), "TERM": "dumb", "LC_ALL": "C.UTF-8",
                   "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
    at = SHELLS[shell](state, environment)
    assert {line: at.complete(line) for line, _ in LINES} == dict(LINES)


def offered(*words):
    done = subprocess.run([CAIRN, "completion", "words", "--", *words], capture_output=True, text=True, check=True)
    return [line.partition("\t") for line in done.stdout.splitlines()]


def test_what_is_offered_is_what_help_shows():
    """Commands with their sentences; each option of each command; none twice unless it may be repeated."""
    commands = [word for word, _, _ in offered("")]
    overview = subprocess.run([CAIRN, "help"], capture_output=True, text=True, check=True).stdout
    rows = [line.split()[0] for line in overview.splitlines() if line.startswith("  ")]
    assert commands == list(dict.fromkeys(rows)) and len(commands) > 5
    for command in ("issue", "renew", "list"):
        text = subprocess.run([CAIRN, "help", command], capture_output=True, text=True, check=True).stdout
        options = [line.split()[0] for line in text.splitlines() if line.startswith("  --")]
        assert [word for word, _, _ in offered(command, "--")] == options and options
    assert "--ca" not in [word for word, _, _ in offered("issue", "--ca", "x", "--c")]
    assert "--challenge" in [word for word, _, _ in offered("issue", "--challenge", "http-01", "--c")]
    assert [row[0] for row in offered("issue", "--", "--k")] == []


@pytest.mark.parametrize("words", [[], ["sh"], ["bash", "zsh"]])
def test_a_shell_must_be_said(words):
    done = subprocess.run([CAIRN, "completion", *words], capture_output=True, text=True)
    assert done.returncode == 64 and "bash, zsh or fish" in done.stderr and done.stdout == ""
