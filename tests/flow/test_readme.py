"""The commands of README.md and docs/operations.md do what they say, in the order they stand there."""
import os
import pathlib
import re
import shlex
import signal
import ssl
import subprocess

import pytest
from cryptography import x509

import house as house_module

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = {"cairn-ca": house_module.CAIRN_CA, "cairn": house_module.CAIRN}


def blocks(document, heading):
    """Indented blocks below a heading: configuration and commands, with lines joined that end in a backslash."""
    text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)[1]
    found = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    return [re.sub(r"\\\n *", "", re.sub(r"^    ", "", block, flags=re.MULTILINE)).strip("\n") + "\n" for block in found]


class Operator:
    """Whoever types what the documents say, on a CA of the test."""

    def __init__(self, folder):
        self.folder = folder
        self.house = house_module.House(folder / "ca").start()
        self.root = folder / "root.pem"
        self.root.write_bytes(self.house.root.read_bytes())
        self.shown = {}  # by the last eab add

    def configure(self, block):
        """In place of the sections of these names."""
        path = self.house.directory / "cairn-ca.yaml"
        text = path.read_text()
        for section in re.findall(r"^(\w+):", block, re.MULTILINE):
            text = re.sub(rf"^{section}:.*\n(?:(?: .*)?\n)*", "", text, flags=re.MULTILINE)
        path.write_text(text + block)

    def run(self, line):
        """One command; its standard output."""
        words = [word for word in shlex.split(line, comments=True) if word != "sudo"]
        if words[:2] == ["systemctl", "reload"]:
            since = len(self.house.text())
            os.kill(self.house.process.pid, signal.SIGHUP)
            self.house.wait_for_line(r"proc\.reloaded", since)
            self.house.wait_for_line(r"tls\.certificate", since)
            return ""
        if words[:2] == ["systemctl", "restart"]:
            assert self.house.stop() == 0
            self.house.start()
            return ""
        base = self.house.url.removesuffix("/acme/directory")
        words = [re.sub(r"/srv/ca\b(?!-)", str(self.house.directory), word)
                 .replace("/srv/", f"{self.folder}/").replace("/media/safe/", f"{self.house.directory}/").replace("https://ca.example.test/acme", base + "/acme") for word in words]
        words = [self.shown.get(word, word) for word in words]
        if words[0] == "cairn":
            (self.folder / "hmac.key").unlink(missing_ok=True)
            (self.folder / "hmac.key").touch(mode=0o600)
            (self.folder / "hmac.key").write_text(self.shown.get("HMAC_KEY", ""))
            words += ["--dir", str(self.folder / "client"), "--http-port", str(self.house.http_port)]
        words[0] = str(PROGRAMS.get(words[0], words[0]))
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        if words[1:3] == ["eab", "add"]:
            shown = dict(row.split(": ", 1) for row in done.stdout.splitlines())
            self.shown = {"KID": shown["kid"], "HMAC_KEY": shown["hmac_key"]}
        return done.stdout

    def follow(self, document, heading):
        """Everything that stands below a heading; what each command printed."""
        printed = {}
        for block in blocks(document, heading):
            if re.match(r"\w+:", block):
                self.configure(block)
                continue
            for line in block.splitlines():
                for command in line.split(" && "):
                    printed[command] = self.run(command)
        return printed


@pytest.fixture
def operator(tmp_path):
    made = Operator(tmp_path)
    yield made
    made.house.close()


def test_running_it_for_others(operator):
    printed = operator.follow("README.md", "Running it for others")
    said = "\n".join(printed.values())
    assert "another directory is https://" in said and "/acme/fleet/directory" in said
    assert "issued    r1.fleet.example.test" in said
    assert re.search(r"used up .* robots\b", said, re.MULTILINE)
    assert "rate: 1000/1h" in said and "reason: Call the operators." in said
    assert "certificates: 1" in said  # of the incident that was only tried
    assert len(printed) >= 8
    shown = subprocess.run(["openssl", "x509", "-noout", "-text", "-in",
                            operator.folder / "client/certificates/r1.fleet.example.test/current/cert.pem"],
                           capture_output=True, text=True, check=True).stdout
    assert "TLS Web Client Authentication" in shown and "TLS Web Server Authentication" not in shown


def test_another_intermediate(operator):
    said = operator.follow("docs/operations.md", "Another intermediate")
    assert "before-r2" in "\n".join(said.values())
    served = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", operator.house.port)).encode())
    assert served.issuer.rfc4514_string().endswith("Intermediate r2")


def test_operations(operator):
    """Heading by heading, as one day after the other."""
    page = "docs/operations.md"
    said = operator.follow(page, "A new profile")
    assert "the configuration is good" in "\n".join(said.values())
    said = operator.follow(page, "A directory with an issuer of its own")
    assert "/acme/devices/directory" in "\n".join(said.values())
    said = "\n".join(operator.follow(page, "Handing out keys for accounts").values())
    assert "issued    a.web.example.test" in said and "accounts: 1\n" in said and "accounts_revoked: 1" in said
    said = "\n".join(operator.follow(page, "An incident").values())
    assert "certificates: 1\n" in said and "https://ca.example.test/incident" in said
    with pytest.raises(AssertionError, match="not valid any more"):  # eab revoke ended that account
        operator.follow(page, "A lost key")
    operator.follow(page, "Another name for the host")
    assert operator.follow(page, "Backup") and operator.follow(page, "How long things are kept")
    check = subprocess.run(["sqlite3", operator.folder / "ca-backup.db", "PRAGMA integrity_check; SELECT count(*) FROM certificate "
                            "c JOIN issuance i ON i.id = c.id WHERE order_id <> 0"],
                           capture_output=True, text=True, check=True)
    assert check.stdout == "ok\n1\n"


def test_profiles_for_some_purposes(operator):
    said = "\n".join(operator.follow("docs/operations.md", "Profiles for some purposes").values())
    assert "the configuration is good" in said and "/acme/inside/directory" in said and "note:" not in said


def test_the_section_is_short():
    text = (ROOT / "README.md").read_text()
    section = re.search(r"^## Running it for others\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)[0]
    assert len(section.splitlines()) <= 40
