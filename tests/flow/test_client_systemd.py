"""The units of cairn, and deployments by systemctl, under a systemd that was booted for it."""
import json
import re
import shutil
import socket

import pytest
from cryptography import x509

import booted as booted_module
import house as house_module
import servers
from exit_codes import DEPLOY, DONE, UNCHANGED
from test_admin import admin

NAME = "www.example.test"
CONFIG = "/etc/cairn/cairn.yaml"
SHARED = house_module.BUILD / "packaging"
# the runtime libraries of a build with sanitizers are loaded, and look for leaks by ways that units forbid
QUIET = "[Service]\nEnvironment=ASAN_OPTIONS=detect_leaks=0\n"
SOON = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=100ms\n"


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    folder = tmp_path_factory.mktemp("booted")
    try:
        made = booted_module.Booted(folder, [house_module.BUILD])
    except booted_module.CannotBoot as failure:
        pytest.skip(f"no systemd can be booted here: {failure}")
    try:
        install(made)
        yield made
    finally:
        made.end()


def install(system):
    """As `ninja install` does it."""
    for unit in ("cairn-agent.service", "cairn-renew.service"):
        text = (SHARED / unit).read_text()
        program = re.search(r"^ExecStart=(\S+)", text, re.MULTILINE).group(1)
        system.write(f"/etc/systemd/system/{unit}", text)
        system.write(f"/etc/systemd/system/{unit}.d/test.conf", QUIET + SOON)
    shutil.copy(house_module.ROOT / "packaging/cairn-renew.timer", system.path("/etc/systemd/system/cairn-renew.timer"))
    place = system.path(program)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(house_module.CAIRN)
    system.systemctl("daemon-reload")


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """It wants an external account, whose key is a credential of the units."""
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca", sets=["directories.default.external_account=required"])
    try:
        made.start()
        made.eab = admin(made, "eab", "add")
        yield made
        assert made.stop() == 0, made.text()
    finally:
        made.close()


class Site:
    """nginx by Debian's unit, and a cairn.yaml that has a certificate go to it."""

    def __init__(self, system, ca):
        self.system, self.ca = system, ca
        self.port = house_module.free_port()
        system.path("/etc/cairn").mkdir(mode=0o755, exist_ok=True)
        system.write("/etc/cairn/root.pem", ca.root.read_text())
        system.write("/etc/cairn/eab.key", ca.eab["hmac_key"], 0o600)
        system.write("/etc/cairn/p12.password", "open it\n", 0o600)
        for unit in ("cairn-agent", "cairn-renew"):
            system.unit(f"{unit}.service.d/credentials.conf",
                        "[Service]\nLoadCredential=eab:/etc/cairn/eab.key\nLoadCredential=p12:/etc/cairn/p12.password\n")
        tls = system.path("/etc/nginx/tls")
        tls.mkdir(exist_ok=True)
        servers.make_placeholder(tls)
        system.write("/etc/nginx/nginx.conf", "user www-data;\npid /run/nginx.pid;\nevents {}\nhttp {\naccess_log off;\n"
                     f"server {{\nlisten 127.0.0.1:{self.port} ssl;\nssl_certificate /etc/nginx/tls/full.pem;\n"
                     "ssl_certificate_key /etc/nginx/tls/key.pem;\nlocation / { return 200 ok; }\n}\n}\n")
        system.systemctl("start", "nginx")
        self.write()

    def write(self, deployments=None):
        """The certificate, with these deployments beside nginx."""
        everything = {"web": {"target": "nginx", "key_file": "/etc/nginx/tls/key.pem", "fullchain_file": "/etc/nginx/tls/full.pem",
                              "check": f"127.0.0.1:{self.port}", "pkcs12_file": "/etc/nginx/tls/x.p12",
                              "pkcs12_password_file": "credential:p12"}} if deployments is None else deployments
        lines = ["agree_tos: true", "defaults:", f"  http_port: {self.ca.http_port}", "cas:", "  it:", f"    directory: {json.dumps(self.ca.url)}",
                 "    ca_file: /etc/cairn/root.pem", f"    eab_kid: {json.dumps(self.ca.eab['kid'])}",
                 "    eab_key_file: credential:eab", "certificates:", f"  {NAME}:", f"    names: {NAME}", "    cas: it",
                 f"    deploy: {json.dumps(list(everything))}", "deployments:"]
        for name, options in everything.items():
            lines += [f"  {name}:"] + [f"    {key}: {json.dumps(value)}" for key, value in options.items()]
        self.system.write(CONFIG, "\n".join(lines) + "\n")

    def run(self, *words, code=DONE):
        return self.system.run("env", f"CREDENTIALS_DIRECTORY={self.credentials()}", str(house_module.CAIRN), *words, code=code)

    def credentials(self):
        """Of who types: as systemd-run would hand them over."""
        folder = "/etc/cairn/credentials"
        if not self.system.path(folder).exists():
            self.system.path(folder).mkdir(mode=0o700)
            for name in ("eab.key", "p12.password"):
                text = self.system.path(f"/etc/cairn/{name}").read_text()
                self.system.write(f"{folder}/{name.partition('.')[0]}", text, 0o600)
        return folder

    def become_due(self):
        """As if the CA had suggested a moment that is over."""
        path = self.system.path(f"/var/lib/cairn/certificates/{NAME}/renewal.json")
        state = json.loads(path.read_text())
        state["ari"].update({key: "2020-01-01T00:00:00Z" for key in ("start", "end", "moment")})
        path.write_text(json.dumps(state))

    def serial(self):
        return json.loads(self.system.path(f"/var/lib/cairn/certificates/{NAME}/current/metadata.json").read_text())["keys"][0]["serial"]

    def shown(self):
        """What nginx shows."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as s, \
                servers.unverified().wrap_socket(s, server_hostname=NAME) as t:
            number = x509.load_der_x509_certificate(t.getpeercert(binary_form=True)).serial_number
        return number.to_bytes((number.bit_length() + 7) // 8, "big").hex()

    def shows(self, serial):
        """A reload has ended before nginx's old workers have."""
        self.system.wait(lambda: self.shown() == serial, "nginx")


@pytest.fixture(scope="module")
def site(system, ca):
    return Site(system, ca)


def test_units_are_units(system):
    units = [f"/etc/systemd/system/{unit}" for unit in ("cairn-agent.service", "cairn-renew.service", "cairn-renew.timer")]
    said = system.run("systemd-analyze", "verify", "--man=no", *units)
    assert "cairn" not in said.stderr, said.stderr
    for unit in ("cairn-agent.service", "cairn-renew.service"):
        system.run("systemd-analyze", "security", "--no-pager", "--threshold=50", unit)


def test_the_timer_renews(system, site):
    """Nothing due is no failure; credentials open the account and the PKCS #12; nginx is reloaded by its unit."""
    site.write()
    site.run("apply")
    site.run("renew", code=UNCHANGED)
    first, started = site.serial(), system.show("nginx", "ExecMainStartTimestampMonotonic")
    site.shows(first)
    system.systemctl("start", "cairn-renew.timer")
    left = int(system.show("cairn-renew.timer", "NextElapseUSecRealtime") != "")
    assert left and system.show("cairn-renew.service", "ActiveState") == "inactive"
    system.unit("cairn-renew.timer.d/now.conf", "[Timer]\nOnCalendar=\nOnCalendar=*:*:*\nRandomizedDelaySec=0\nAccuracySec=1ms\n")
    site.become_due()
    system.systemctl("restart", "cairn-renew.timer")
    system.wait(lambda: site.serial() != first, "cairn-renew")
    system.systemctl("stop", "cairn-renew.timer")
    system.wait(lambda: system.show("cairn-renew", "ActiveState") in ("inactive", "failed"), "cairn-renew")
    assert system.show("cairn-renew", "Result") == "success", system.journal("cairn-renew")
    site.shows(site.serial())
    assert system.show("nginx", "ExecMainStartTimestampMonotonic") == started
    site.write()
    system.systemctl("start", "cairn-renew")
    assert "1 certificate, 0 brought about, 0 waiting, 0 failed" in system.journal("cairn-renew")
    assert site.ca.eab["hmac_key"] not in system.journal()


def test_the_agent(system, site):
    """It is ready when it says so, reloads, comes again after kill -9 and when it hangs, and ends in order."""
    site.write()
    system.systemctl("start", "cairn-agent")
    site.run("agent", "status")  # Type=notify: it answers from then on
    first = site.serial()
    site.run("agent", "renew", NAME, "--force")
    assert site.serial() != first
    site.shows(site.serial())
    site.write({"hook": {"target": "hook", "command": "touch /etc/cairn/was-here"}})
    system.systemctl("reload", "cairn-agent")
    system.wait(lambda: system.path("/etc/cairn/was-here").exists(), "cairn-agent")
    main = system.show("cairn-agent", "MainPID")
    system.run("kill", "-9", main)
    system.wait(lambda: system.show("cairn-agent", "MainPID") not in (main, "0") and system.show("cairn-agent", "ActiveState") == "active", "cairn-agent")
    assert system.show("cairn-agent", "NRestarts") == "1"
    site.run("agent", "status")
    system.systemctl("stop", "cairn-agent")
    assert system.show("cairn-agent", "Result") == "success", system.journal("cairn-agent")
    system.unit("cairn-agent.service.d/watchdog.conf", "[Service]\nWatchdogSec=1s\n")
    system.systemctl("start", "cairn-agent")
    main = system.show("cairn-agent", "MainPID")
    system.run("kill", "-STOP", main)
    system.wait(lambda: system.show("cairn-agent", "MainPID") not in (main, "0"), "cairn-agent")
    assert "watchdog" in system.journal("cairn-agent").lower()
    system.systemctl("stop", "cairn-agent")


def test_a_wrong_file_does_not_start_it_again_and_again(system, site):
    system.write(CONFIG, "certificates: 7\n")
    assert system.systemctl("start", "cairn-agent", code=None).returncode != 0
    assert system.show("cairn-agent", "ActiveState") == "failed" and system.show("cairn-agent", "NRestarts") == "0"
    assert "cairn.yaml:1:" in system.journal("cairn-agent")
    site.write()
    system.systemctl("reset-failed", "cairn-agent")


RELOADED = "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/sh -c \"echo again >> /etc/cairn/reloaded\"\n"
UNITS = {  # what deployments meet: unit, exit code, what is said
    "reloads": (RELOADED, DONE, ""),
    "restarts": ("[Service]\nExecStart=/bin/sleep infinity\n", DONE, ""),
    "fails": ("[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/sh -c \"echo no >&2; exit 3\"\n", DEPLOY,
              'journalctl -xeu fails.service'),
    "hangs": ("[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/sleep 1000\n", DEPLOY, "took longer than 1 s and was ended"),
    "stopped": (RELOADED, DONE, ""),
    "masked": (RELOADED, DEPLOY, "masked.service is masked"),
    "unknown": (None, DEPLOY, "unknown.service not found"),
}


def test_units_of_all_kinds(system, site):
    """systemd:UNIT, by cairn-renew: in one run, each told of for itself."""
    for name, (text, _, _) in UNITS.items():
        if text is not None:
            system.write(f"/run/systemd/system/{name}.service", text)
    system.systemctl("daemon-reload")
    system.systemctl("start", *[name for name, (text, _, _) in UNITS.items() if text is not None and name != "stopped"])
    system.systemctl("mask", "masked")
    mains = {name: system.show(name, "MainPID") for name in UNITS}
    site.write({name: {"target": f"systemd:{name}", "timeout": "1s" if name == "hangs" else "1m"} for name in UNITS})
    assert system.systemctl("start", "cairn-renew", code=None).returncode != 0
    assert system.show("cairn-renew", "ExecMainStatus") == str(DEPLOY)
    listed = json.loads(site.run("show", NAME, "--json").stdout)
    told = {each["name"]: each for each in listed["deployments"]}
    for name, (_, code, says) in UNITS.items():
        assert told[name]["state"] == ("failed" if code == DEPLOY else "done"), told[name]
        assert says in told[name].get("error", ""), told[name]
    assert system.path("/etc/cairn/reloaded").read_text() == "again\n"
    assert system.show("reloads", "MainPID") == mains["reloads"]
    assert system.show("restarts", "MainPID") not in (mains["restarts"], "0")
    assert system.show("stopped", "ActiveState") == "inactive"
