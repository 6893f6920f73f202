"""The examples of cairn's manual pages and of its help: each is a line that cairn takes, each file one that it accepts."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from house import CAIRN

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["cairn.1", "cairn.yaml.5", *(name for name in ("cairn-json.5", "cairn-hooks.7") if (ROOT / f"docs/man/{name}.scd").exists())]
ROWS = (ROOT / "src/client/command/commands.def").read_text()
COMMANDS = re.findall(r'^COMMAND\("([a-z -]+)"', ROWS, re.MULTILINE)
OPERATORS = {"&&", "||", "|", ";", ">", ">>", "<", "&", "2>"}
TSIG = "hmac-sha256:updater:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI=\n"
ENDLESS = "agent"  # works until it is ended


def lines_of(text):
    """Lines of examples: indented, or in a block; a line that ends with "\\" goes on."""
    text = re.sub(r"\\([*_#])", r"\1", text).replace("\\\n", " ").replace("++\n", "\n")
    return [line.strip() for line in text.splitlines() if re.match(r"(\t| {4}|sudo )*(sudo )?cairn [a-z]", line) and line[0] in "\t "]


def examples():
    found = [(page, line) for page in PAGES for line in lines_of((ROOT / f"docs/man/{page}.scd").read_text())]
    rows = re.findall(r'^COMMAND\("([a-z -]+)", .*, "((?:\\.|[^"\\])+)"\)$', ROWS, re.MULTILINE)
    found += [(f"help {name}", example.replace('\\"', '"').replace("\\\\", "\\")) for name, example in rows]
    return found


def words_of(line):
    """Those of the first command, without what the shell does with the rest."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word in OPERATORS:
            break
        words.append(word)
    return words[words.index("cairn") + 1:]


def test_there_are_examples():
    assert len(examples()) >= 15
    assert {name for name, line in examples() if name.startswith("help ")} >= {"help issue", "help renew"}


@pytest.mark.parametrize("place, line", examples())
def test_a_line_is_taken(place, line, tmp_path):
    """In a network of its own, where nobody answers: whatever comes of it, it is not the command line that is wrong."""
    words = words_of(line)
    command = next((name for name in sorted(COMMANDS, key=len, reverse=True) if words[:len(name.split())] == name.split()), None)
    assert command is not None, f"{place}: {line}"
    shown = subprocess.run([CAIRN, "help", *command.split()], capture_output=True, text=True, check=True).stdout
    more = ["--dir", str(tmp_path / "state")] if "  --dir " in shown and "--dir" not in words else []
    etc = tmp_path / "etc"
    etc.mkdir()
    words = [word.replace("/etc/cairn/", f"{etc}/") for word in words]
    for word in words:  # what it names is there
        if word.endswith((".pem", ".key", ".pin", ".eab", "pin", ".csr", ".env")) and word.count("/") in (0, str(etc).count("/") + 1):
            (tmp_path / word).touch(mode=0o600)
            (tmp_path / word).write_text("CF_Token=secret\n" if word.endswith(".env") else TSIG)
    words = [word.replace("/var/www/html", str(tmp_path)) for word in words]
    done = subprocess.run(["timeout", "-k", "2", "3" if command == ENDLESS else "20", "unshare", "-n", CAIRN, *words, *more], cwd=tmp_path,
                          capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)}, stdin=subprocess.DEVNULL)
    assert "try: cairn help" not in done.stderr, f"{place}: {line}\n{done.stderr}"
    assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert done.returncode in {0, 1, 2, 3, 4, 5, 6, 7, 64, 75} | ({124} if command == ENDLESS else set()), done


ALL_BLOCKS = [block for page in PAGES for block in
              re.findall(r"^```\n(.*?)^```$", (ROOT / f"docs/man/{page}.scd").read_text(), re.MULTILINE | re.DOTALL)]
BLOCKS = [block for block in ALL_BLOCKS if re.match(r"[a-z_]+:", block)]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_file_is_accepted(block, tmp_path):
    """With the files that it names, as far as anybody reads them before there is something to do."""
    text = block.replace("\\_", "_").replace("/etc/cairn/", f"{tmp_path}/")
    for folder in re.findall(r"_file: (/\S+)/|webroot:(/\S+)", text):  # that servers have
        folder = "".join(folder)
        if not folder.startswith(str(tmp_path)):
            (tmp_path / folder[1:]).mkdir(parents=True, exist_ok=True)
            text = text.replace(f" {folder}/", f" {tmp_path}{folder}/").replace(f":{folder}", f":{tmp_path}{folder}")
    (tmp_path / "cairn.yaml").write_text(text)
    for name in re.findall(r"/etc/cairn/(\S+)|credential:(\S+)", block):
        (tmp_path / "".join(name)).touch(mode=0o600)
        (tmp_path / "".join(name)).write_text(TSIG)
    done = subprocess.run([CAIRN, "check", "--config", tmp_path / "cairn.yaml"], capture_output=True, text=True,
                          env={**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert done.returncode == 0, f"{block}\n{done.stderr}"


def test_there_are_files():
    assert len(BLOCKS) >= 7


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_lines_for_nginx_are_accepted(tmp_path):
    lines, = [block for block in ALL_BLOCKS if block.startswith("location ")]
    temporary = "".join(f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\nhttp {{ {temporary}\nserver {{ listen 127.0.0.1:8080;\n{lines}}}\n}}\n")
    done = subprocess.run(["nginx", "-t", "-c", conf], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
