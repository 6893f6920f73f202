"""Identifiers of devices (draft-ietf-acme-device-attest-09) in orders and authorizations: who takes them, and what is
offered for them."""
import re
import subprocess

import pytest

from acme_raw import Client
from house import CAIRN_CA, House
from test_directories import configure

EXTRA = """
profiles:
  web:
    lifetime: 45d
  device:
    lifetime: 45d
    usages: client
    key_usages: digitalSignature
    identifiers: [permanent-identifier, hardware-module]
  machine:
    usages: client
    identifiers: [permanent-identifier, dns]
directories:
  default:
    profiles: [web, device, machine]
    identifiers: [dns, ip, permanent-identifier, hardware-module]
    challenges: [http-01, dns-01, device-attest-01]
  plain:
    profiles: web
"""


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    made = House(tmp_path_factory.mktemp("devices") / "ca")
    try:
        configure(made, EXTRA)
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture
def account(devices):
    made = Client(devices.url, devices.root)
    made.register()
    return made


def ask(client, *identifiers, profile="device"):
    """newOrder for identifiers "TYPE VALUE"."""
    return client.post(client.directory["newOrder"], {"profile": profile, "identifiers": [
        dict(zip(("type", "value"), one.split(" ", 1), strict=True)) for one in identifiers]})


def offered(client, order):
    """Identifier and types of challenges of each authorization."""
    found = []
    for url in order["authorizations"]:
        authz = client.post(url, None).json
        assert authz["status"] == "pending" and "wildcard" not in authz
        found.append((authz["identifier"]["type"], authz["identifier"]["value"], [c["type"] for c in authz["challenges"]]))
    return found


VALUES = ["ABCDEF123456", "ABCDEF123456/1.2.3.4", "A B \"quoted\" \u65e5\u672c", "*.example.test", "127.0.0.1", "x" * 255]


@pytest.mark.parametrize("value", VALUES)
def test_taken_as_it_is(account, value):
    """S-DA-1, S-CH-11: the octets as they came, whatever else they look like; one challenge proves it."""
    made = ask(account, f"permanent-identifier {value}")
    assert made.status == 201, made
    assert made.json["identifiers"] == [{"type": "permanent-identifier", "value": value}]
    assert offered(account, made.json) == [("permanent-identifier", value, ["device-attest-01"])]


def test_several_and_mixed(account):
    """S-CH-11: each identifier has what proves its kind."""
    made = ask(account, "permanent-identifier A", "permanent-identifier A/1.2.3", "hardware-module A/1.2.3")
    assert made.status == 201, made
    assert offered(account, made.json) == [
        ("permanent-identifier", "A", ["device-attest-01"]), ("permanent-identifier", "A/1.2.3", ["device-attest-01"]),
        ("hardware-module", "A/1.2.3", ["device-attest-01"])]
    mixed = ask(account, "dns a.example.test", "permanent-identifier a.example.test", profile="machine")
    assert mixed.status == 201, mixed
    assert offered(account, mixed.json) == [("dns", "a.example.test", ["http-01", "dns-01"]),
                                            ("permanent-identifier", "a.example.test", ["device-attest-01"])]


@pytest.mark.parametrize("kind, value, problem", [
    ("permanent-identifier", "", "malformed"), ("permanent-identifier", "/1.2.3", "malformed"),
    ("permanent-identifier", "A/1.40", "malformed"), ("permanent-identifier", "A/1.2/1.3", "malformed"),
    ("hardware-module", "ABCD", "malformed"), ("hardware-module", "/1.2.3", "malformed"),
    ("hardware-module", "A/3.1", "malformed"),
    ("permanent-identifier", "A\x01", "rejectedIdentifier"), ("permanent-identifier", "x" * 256, "rejectedIdentifier"),
])
def test_no_identifier_of_a_device(account, kind, value, problem):
    """S-DA-1, S-DA-2"""
    refused = ask(account, f"{kind} {value}")
    assert refused.status == 400 and refused.type == problem, refused


def test_not_utf8(account):
    """S-DA-1: half a surrogate pair is no UTF-8."""
    refused = account.post(account.directory["newOrder"], b'{"profile":"device","identifiers":[{"type":'
                           b'"permanent-identifier","value":"A\\ud800"}]}')
    assert refused.status == 400 and refused.type == "malformed", refused


def test_only_where_they_are_taken(devices, account):
    """A profile, or a directory, that does not say so takes no devices."""
    refused = ask(account, "permanent-identifier A", profile="web")
    assert refused.status == 400 and refused.type == "invalidProfile", refused
    refused = ask(account, "hardware-module A/1.2", profile="machine")
    assert refused.status == 400 and refused.type == "invalidProfile", refused
    refused = ask(account, "dns a.example.test")
    assert refused.status == 400 and refused.type == "invalidProfile", refused
    plain = Client(devices.url.replace("/acme/", "/acme/plain/"), devices.root)
    plain.register()
    refused = ask(plain, "permanent-identifier A", profile="web")
    assert refused.status == 400 and refused.type == "unsupportedIdentifier", refused


def test_no_authorization_without_an_order(account):
    """A key is attested for the certificate of one order, so newAuthz has nothing to offer (RFC 8555 7.4.1 wants 403)."""
    made = account.post(account.directory["newAuthz"], {"identifier": {"type": "permanent-identifier", "value": "A B"}})
    assert made.status == 403 and made.type == "unsupportedIdentifier" and "one order" in made.json["detail"], made


def test_the_example_of_init(tmp_path):
    """What init writes as a comment is good when its lines are copied to where they belong."""
    subprocess.run([str(CAIRN_CA), "init", "--dir", str(tmp_path / "ca")], check=True, capture_output=True)
    path = tmp_path / "ca" / "cairn-ca.yaml"
    text, example = path.read_text().split("# For devices that prove what they are")
    lines = [line[2:] for line in example.splitlines()[1:]]
    for section in ("profiles", "directories"):
        start = lines.index(f"{section}:") + 1
        end = next((i for i in range(start, len(lines)) if not lines[i].startswith(" ")), len(lines))
        text, count = re.subn(f"(?m)^{section}:\n", f"{section}:\n" + "\n".join(lines[start:end]) + "\n", text)
        assert count == 1
    path.write_text(text)
    done = subprocess.run([str(CAIRN_CA), "check-config", "--dir", str(tmp_path / "ca")], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "/acme/devices/directory" in done.stdout, done.stdout + done.stderr
