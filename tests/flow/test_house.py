"""The running CA as an operator meets it: start, confinement, reload, end, systemd, its own certificate."""
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

import acme_raw
import house as house_module
from house import CAIRN_CA


def cairn_ca(*arguments, **more):
    return subprocess.run([str(CAIRN_CA), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False,
                          **more)


# ---- init, check-config, help ----

def test_init_writes_keys_for_the_owner_only(tmp_path):
    os.umask(0o022)
    done = cairn_ca("init", "--dir", tmp_path / "ca", "--name", "My CA")
    assert done.returncode == 0, done.stderr
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "ca").iterdir()}
    assert modes["root.key"] == modes["intermediate.key"] == "0o600"
    assert modes["root.pem"] == modes["intermediate.pem"] == "0o644"
    assert "root.pem" in done.stdout and "serve" in done.stdout
    verify = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "ca/root.pem",
                             tmp_path / "ca/intermediate.pem"], capture_output=True, text=True, check=False)
    assert verify.returncode == 0, verify.stderr
    text = subprocess.run(["openssl", "x509", "-in", tmp_path / "ca/root.pem", "-noout", "-text"], capture_output=True,
                          text=True, check=True).stdout
    assert "NIST CURVE: P-384" in text and "CA:TRUE" in text


def test_init_overwrites_nothing(tmp_path):
    assert cairn_ca("init", "--dir", tmp_path / "ca").returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "ca").iterdir()}
    again = cairn_ca("init", "--dir", tmp_path / "ca")
    assert again.returncode == 1 and "is there already" in again.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "ca").iterdir()} == before


@pytest.mark.parametrize("option, value, code", [
    ("--dns-name", "a b", 64), ("--dns-name", "a.flow.test,b.flow.test", 64), ("--dns-name", "", 64),
    ("--dns-name", "*.flow.test", 78), ("--listen", "127.0.0.1:443 127.0.0.1:444", 64), ("--listen", "443", 78),
    ("--name", "", 64), ("--name", "x" * 41, 64), ("--set", "nme=x", 78), ("--passphrase-file", "/nonexistent", 78)])
def test_init_makes_nothing_of_wrong_values(tmp_path, option, value, code):
    done = cairn_ca("init", "--dir", tmp_path / "ca", option, value)
    assert done.returncode == code, done
    assert not (tmp_path / "ca").exists()


@pytest.mark.parametrize("arguments, code, words", [
    (["init"], 64, "--dir is missing"),
    (["serv", "--dir", "x"], 64, 'did you mean "serve"'),
    (["serve", "--dirr", "x"], 64, 'not an option of serve; did you mean --dir?'),
    (["serve", "--dir", "x", "--json"], 64, "--json is an option of init, check-config, check, audit verify, audit head, perspective init, "
     "perspective check-config, perspective add, perspective remove, perspective list, revoke, version, intermediate new, "
     "intermediate import, not of serve"),
    (["serve", "--dir", "x", "y"], 64, 'what is "y"?'),
    (["init", "--dir"], 64, "--dir needs a value: DIR"),
    (["--dir", "x", "serve"], 64, "the command comes first"),
    (["help", "init", "serve"], 64, "one command at a time"),
    (["nonsense"], 64, 'there is no command "nonsense"'),
    (["serve", "--dir", "/nonexistent"], 78, "make a CA with"),
    (["help", "servee"], 64, 'did you mean "serve"'),
    (["help"], 0, ""), (["version"], 0, ""), (["--help"], 0, ""), (["serve", "--help"], 0, ""), ([], 0, ""),
    (["-h"], 0, ""), (["-V"], 0, ""), (["--version"], 0, ""), (["init", "--dir", "x", "-h"], 0, ""),
])
def test_command_line(arguments, code, words):
    done = cairn_ca(*arguments)
    assert done.returncode == code, done
    assert words in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_failures_are_json_with_json():
    for arguments, code, name in [(["check-config", "--dir", "/nonexistent", "--json"], 78, "CONFIG"),
                                  (["check-config", "--json"], 64, "USAGE")]:
        done = cairn_ca(*arguments)
        assert done.returncode == code
        error = json.loads(done.stdout)["error"]
        assert error["code"] == name and error["exit"] == code
        assert done.stderr.splitlines()[0] == f"cairn-ca: {error['detail']}"


@pytest.mark.parametrize("change, words", [
    ("validation:\n  htp_port: 80\n", 'did you mean "validation.http_port"'),
    ("certificate:\n  lifetime: 3 fortnights\n", "certificate.lifetime"),
    ("listen: nowhere\n", "ADDRESS:PORT"),
    ("listen: 127.0.0.1:0\n", "ADDRESS:PORT"),
    ("dns_names: 'a b'\n", "dns_names"),
    ("dns_names: '*.flow.test'\n", "dns_names"),
    ("log:\n  level: loud\n", "log.level"),
    ("validation:\n  resolver: ns.flow.test\n", "validation.resolver"),
    ("validation:\n  resolver: 10.0.0.53:70000\n", "validation.resolver"),
    ("validation:\n  allow_networks: [10.0.0.0/8, 10.0.0.0/33]\n", 'validation.allow_networks: "10.0.0.0/33"'),
    ("validation:\n  allow_networks: intranet\n", "validation.allow_networks"),
    ("validation:\n  insecure_zones: [corp.test, .]\n", "validation.insecure_zones"),
    (f"validation:\n  allow_networks: [{', '.join(['10.0.0.0/8'] * 65)}]\n", "at most 64 networks"),
    ("order:\n  lifetime: 31d\n", "order.lifetime"),  # S-TOK-3: a token is at most 30 days old
    ("rates:\n  suffix_list: nowhere.dat\n", "nowhere.dat cannot be read as a public suffix list"),
    ("keys:\n  compromised: nowhere\n", "keys.compromised: there is no file"),
    ("rates:\n  new_orders_per_account: 300\n", 'rates.new_orders_per_account: "300" is no rate; write COUNT/DURATION'),
    ("rates:\n  failed_validations: 0/1h\n", "rates.failed_validations"),
    ("rates:\n  pause_after: 5/367d\n", "from 1s to 366d"),
    ("quorum:\n  mode: on\n", 'quorum.mode: "on" is none of enforce, observe, off'),
    ("quorum:\n  may_differ: some\n", "quorum.may_differ"),
    ("quorum:\n  required: true\n", "5 perspectives on other hosts are needed and 0 are there"),
    ("limits: [1]\n", "limits"),
    ("a: b: c\n", "cairn-ca.yaml:"),
])
def test_check_config_names_the_mistake(tmp_path, change, words):
    assert cairn_ca("init", "--dir", tmp_path).returncode in (0, 1)
    (tmp_path / "cairn-ca.yaml").write_text(change)
    done = cairn_ca("check-config", "--dir", tmp_path)
    assert done.returncode == 78 and words in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_set_on_the_command_line(tmp_path):
    assert cairn_ca("init", "--dir", tmp_path / "ca").returncode == 0
    good = cairn_ca("check-config", "--dir", tmp_path / "ca", "--set", "origin=https://ca.flow.test")
    assert "https://ca.flow.test/acme/directory" in good.stdout
    bad = cairn_ca("check-config", "--dir", tmp_path / "ca", "--set", "orign=https://ca.flow.test")
    assert bad.returncode == 78 and "--set" in bad.stderr and "did you mean origin" in bad.stderr


# ---- start ----

def test_port_in_use(tmp_path):
    house = house_module.House(tmp_path / "ca")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", house.port))
        taken.listen()
        house.start(expect_ready=False)
        assert house.process.wait(20) == 1
        assert house.text() == f"cairn-ca: cannot listen on 127.0.0.1:{house.port}: Address already in use\n"
    house.close()


def test_two_houses_on_one_store(house):
    done = cairn_ca(*house.arguments()[1:], "--set", f"listen=127.0.0.1:{house_module.free_port()}")
    assert done.returncode == 1
    assert "in use by another cairn-ca" in done.stderr, done.stderr


class HouseWithoutTrustAnchor(house_module.House):
    """In a mount namespace of its own, where Debian's dns-root-data is not installed."""

    def arguments(self):
        return ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /usr/share/dns && exec "$@"', "sh",
                *super().arguments()]


@pytest.mark.parametrize("kind, resolver, said", [
    (house_module.House, "", False), (HouseWithoutTrustAnchor, "", True),
    (HouseWithoutTrustAnchor, "127.0.0.1:53", False)])
def test_dns_without_dnssec_is_said(tmp_path, kind, resolver, said):
    """Resolving by itself needs the root's key; with a resolver, that one validates."""
    if kind is HouseWithoutTrustAnchor and os.geteuid() != 0:
        return  # as somebody else, the processes could not become users of their own in there
    house = kind(tmp_path / "ca", sets=[f"validation.resolver={resolver}"])
    try:
        house.start()
        assert ("validator.no_dnssec" in house.text()) == said, house.text()
        assert house.stop() == 0
    finally:
        house.close()


@pytest.mark.parametrize("how", ["file", "credential"])
def test_encrypted_keys(tmp_path, how):
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    directory = tmp_path / "ca"
    environment = {**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    source = str(secret) if how == "file" else "credential:secret"
    done = cairn_ca("init", "--dir", directory, "--passphrase-file", source, "--listen",
                    f"127.0.0.1:{house_module.free_port()}", env=environment)
    assert done.returncode == 0, done.stderr
    for name in ("root.key", "intermediate.key"):
        assert "ENCRYPTED" in (directory / name).read_text()
    house = house_module.House.__new__(house_module.House)
    house.directory, house.sets, house.process = directory, [], None
    house.log_path, house.stub, house.http_port = directory / "serve.log", house_module.shared_stub(), 80
    try:
        house.start(environment={"CREDENTIALS_DIRECTORY": str(tmp_path)})
        assert house.stop() == 0
        secret.write_text("wrong\n")
        house.start(expect_ready=False, environment={"CREDENTIALS_DIRECTORY": str(tmp_path)})
        assert house.process.wait(20) == 1
        assert "passphrase" in house.text(), house.text()
        assert "correct horse" not in house.text() and "wrong\n" not in house.text()
    finally:
        house.close()


def test_the_passphrase_file_is_sought_where_init_runs(tmp_path):
    """Not in the folder of the CA, where the option of the configuration would mean it."""
    secret = tmp_path / "secret"
    secret.write_text("x\n")
    secret.chmod(0o600)
    done = cairn_ca("init", "--dir", "ca", "--passphrase-file", "secret", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ENCRYPTED" in (tmp_path / "ca/root.key").read_text()
    assert f'passphrase: "{secret}"' in (tmp_path / "ca/cairn-ca.yaml").read_text()
    done = cairn_ca("init", "--dir", "other", "--passphrase-file", "nowhere", cwd=tmp_path)
    assert done.returncode == 78 and '"nowhere": No such file' in done.stderr, done
    assert not (tmp_path / "other").exists()


def test_a_passphrase_others_can_read_is_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x\n")
    secret.chmod(0o644)
    done = cairn_ca("init", "--dir", tmp_path / "ca", "--passphrase-file", secret)
    assert done.returncode == 78 and "0600" in done.stderr


# ---- confinement ----

def status(pid):
    return dict(re.findall(r"^(\w+):\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))


def test_every_process_is_confined(house):
    children = house.children()
    assert set(children) == {"front", "validator", "signer"}
    for role, pid in children.items():
        facts = status(pid)
        assert facts["Name"] == f"cairn-{role}"  # what ps, top and pgrep show
        assert facts["NoNewPrivs"] == "1", role
        assert facts["Seccomp"] == "2", role
        if os.geteuid() == 0:
            assert facts["Uid"].split() == [{"front": "64301", "validator": "64302", "signer": "64303"}[role]] * 4
            assert facts["Gid"].split() == facts["Uid"].split()
            assert facts["CapEff"] == "0000000000000000" and facts["CapPrm"] == facts["CapEff"]
    if os.geteuid() == 0:
        return
    assert "root" not in house.text()


def test_only_the_supervisor_starts_processes(house):
    done = cairn_ca("--role", "signer", "--dir", house.directory)
    assert done.returncode != 0 and "serve" in done.stderr, done.stderr


def test_no_secret_in_arguments_or_log(house):
    """S-SEC-5."""
    key = (house.directory / "intermediate.key").read_text().splitlines()[1]
    for pid in [house.process.pid, *house.children().values()]:
        assert key not in pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    assert key not in house.text()


# ---- reload ----

def set_option(house, pattern, replacement):
    path = house.directory / "cairn-ca.yaml"
    text = path.read_text()
    changed = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    assert changed != text
    path.write_text(changed)


def reload(house, expected):
    mark = len(house.log_path.read_bytes())
    house.process.send_signal(signal.SIGHUP)
    house.wait_for_line(expected, since=mark)


def meta(house):
    return acme_raw.Client(house.url, house.root).directory["meta"]


def test_reload_takes_a_good_configuration(house):
    assert "website" not in meta(house)
    set_option(house, r'^website: .*$', "website: https://www.flow.test/")
    reload(house, r"proc\.reloaded")
    assert meta(house)["website"] == "https://www.flow.test/"
    assert len(set(house.children())) == 3


def test_reload_refuses_a_bad_configuration(house):
    set_option(house, r'^website: .*$', "wbsite: https://www.flow.test/")
    reload(house, r"proc\.reload_refused.*did you mean")
    assert "website" not in meta(house)
    set_option(house, r'^wbsite: .*$', "website: https://www.flow.test/")
    reload(house, r"proc\.reloaded")
    assert meta(house)["website"] == "https://www.flow.test/"


def test_a_crash_after_a_bad_edit_keeps_the_old_configuration(house):
    set_option(house, r'^website: .*$', "wbsite: nonsense")
    mark = len(house.log_path.read_bytes())
    os.kill(house.children()["front"], signal.SIGKILL)
    house.wait_for_line(r"proc\.ready role=front", since=mark)
    assert "website" not in meta(house)


def test_reload_changes_lifetimes_and_names_what_needs_a_restart(house, responder):
    set_option(house, r'^(\s+)lifetime: 90d', r'\1lifetime: 2h')
    set_option(house, r'^(\s+)workers: 0', r'\1workers: 3')
    reload(house, r"needs_restart option=threads\.workers")
    reload(house, r"proc\.reloaded")
    client = acme_raw.Client(house.url, house.root)
    client.register()
    from cryptography import x509
    leaf = x509.load_pem_x509_certificate(client.issue(responder, "short.flow.test"))
    assert (leaf.not_valid_after - leaf.not_valid_before).total_seconds() == 2 * 3600 - 1


def test_a_front_that_is_started_again_after_listeners_were_added_or_taken_away(house):
    """They are bound at the start of all only: it serves those that there are."""
    ports = [house_module.free_port() for _ in range(3)]
    for listen, publish in ((f'["127.0.0.1:{house.port}", "127.0.0.1:{ports[0]}"]', f'["127.0.0.1:{ports[1]}", "127.0.0.1:{ports[2]}"]'),
                            (f'["127.0.0.1:{ports[0]}"]', "[]")):
        set_option(house, r"^listen: .*$", f"listen: {listen}")
        set_option(house, r"(?s)(\npublish:\n.*?\n  listen:) [^\n]*", rf"\1 {publish}")
        reload(house, r"needs_restart option=publish\.listen")
        mark = len(house.log_path.read_bytes())
        os.kill(house.children()["front"], signal.SIGKILL)
        house.wait_for_line(r"proc\.ready role=front", since=mark)
        assert meta(house)


# ---- systemd ----

def test_systemd_notification_and_watchdog(tmp_path):
    house = house_module.House(tmp_path / "ca")
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(20)
        house.start(environment={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"})
        seen = []

        def until(wanted):
            while not any(wanted in text for text in seen):
                seen.append(manager.recv(4096).decode())

        try:
            until("READY=1")
            until("WATCHDOG=1")
            seen.clear()
            house.process.send_signal(signal.SIGHUP)
            until("RELOADING=1")
            until("READY=1")
            assert house.stop() == 0
            until("STOPPING=1")
        finally:
            house.close()


def test_the_watchdog_is_not_fed_by_a_front_that_hangs(tmp_path):
    house = house_module.House(tmp_path / "ca")
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(1)
        house.start(environment={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "200000"})
        front = house.children()["front"]
        try:
            os.kill(front, signal.SIGSTOP)
            time.sleep(0.3)
            manager.setblocking(False)
            while True:  # what was sent before
                try:
                    manager.recv(4096)
                except BlockingIOError:
                    break
            manager.settimeout(1)
            with pytest.raises(TimeoutError):
                while True:
                    assert "WATCHDOG=1" not in manager.recv(4096).decode()
            os.kill(front, signal.SIGCONT)
            assert "WATCHDOG=1" in manager.recv(4096).decode()
            assert house.stop() == 0
        finally:
            house.close()


# ---- HTTPS ----

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions(house, version):
    context = ssl.create_default_context(cafile=str(house.root))
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("localhost", house.port)) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            assert tls.version() == version.name.replace("_", ".")


def test_old_tls_is_refused(house):
    done = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{house.port}", "-tls1_1", "-cipher",
                           "ALL:@SECLEVEL=0"], input=b"", capture_output=True, timeout=20, check=False)
    assert done.returncode != 0 and b"BEGIN CERTIFICATE" not in done.stdout


@pytest.mark.parametrize("protocol, version", [("--http1.1", "1.1"), ("--http2", "2")])
def test_http_versions(house, protocol, version):
    done = subprocess.run(["curl", "-sS", protocol, "--cacert", house.root, "-w", "%{http_version}", house.url],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0 and done.stdout.endswith("}" + version), done
    assert "newNonce" in done.stdout


def test_directory_and_nonces(house):
    client = acme_raw.Client(house.url, house.root)
    assert client.request("HEAD", client.directory["newNonce"]).status == 200
    answer = client.request("GET", client.directory["newNonce"])
    assert answer.status == 204 and answer.headers["Cache-Control"] == "no-store"
    assert f'<{house.url}>;rel="index"' in answer.headers["Link"]
    nonces = {client.request("HEAD", client.directory["newNonce"]).headers["Replay-Nonce"] for _ in range(50)}
    assert len(nonces) == 50


def test_the_root_can_be_fetched(house):
    client = acme_raw.Client(house.url, house.root)
    answer = client.request("GET", house.url.replace("directory", "root.pem"))
    assert answer.status == 200 and answer.body == house.root.read_bytes()
