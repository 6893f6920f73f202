"""cairn check NAME: all that would keep a CA from issuing, found before a CA is asked. In a network of its own, with names,
addresses, servers and a directory that are wrong in one way each."""
import contextlib
import datetime
import email.utils
import http.server
import json
import os
import socket
import subprocess

import pytest

import world as world_module
from fake_ca import FakeCa
from pebble import Client
from world import OTHER_V4, PUBLIC_V4, PUBLIC_V6, REFUSING_V4, Web, redirect, response, say
from exit_codes import USAGE, VALIDATION

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root")

NAME = "www.example.test"
IDENTITY = "ca.example"
ELSEWHERE = "198.51.100.99"  # nobody's address here


class Place:
    def __init__(self, directory):
        self.closers = contextlib.ExitStack()
        self.closers.callback(world_module.Namespace().close)
        self.dns = world_module.Dns()
        self.closers.callback(self.dns.close)
        self.ca = FakeCa(directory)
        self.closers.callback(self.ca.close)
        self.resolv_conf = directory / "resolv.conf"
        self.resolv_conf.write_text("nameserver 127.0.0.1\n")
        self.reset()

    def reset(self):
        self.dns.nodes.clear()
        self.dns.asked.clear()
        self.dns.nodes.update({NAME: {"A": [PUBLIC_V4], "AAAA": [PUBLIC_V6]}, "example.test": {}, "test": {}})
        self.meta, self.headers = {"caaIdentities": [IDENTITY]}, {}
        self.ca.requests.clear()
        self.ca.answers.clear()
        self.ca.answers["/dir"] = self.directory

    def directory(self, request):
        status, headers, body = self.ca.dir(request)
        return status, {**headers, **self.headers}, {**body, "meta": self.meta}


@pytest.fixture(scope="module")
def the_place(tmp_path_factory):
    made = Place(tmp_path_factory.mktemp("place"))
    yield made
    made.closers.close()


@pytest.fixture
def place(the_place):
    the_place.reset()
    return the_place


@pytest.fixture
def check(place, tmp_path):
    """Runs it with a resolv.conf of the test's; what it found, as (level, part) to sentences."""
    client = Client(tmp_path / "state", place.ca)

    def run(*words, code=0, agree=True, common=True):
        command = [*client.command("check", *words), "--json"]
        if common:
            command += ["--ca", place.ca.url, "--ca-file", str(place.ca.root), *(["--agree-tos"] if agree else [])]
        inside = ["unshare", "-m", "sh", "-c", f'mount --bind {place.resolv_conf} /etc/resolv.conf && exec "$0" "$@"']
        done = subprocess.run([*inside, *command], capture_output=True, text=True, timeout=120, check=False)
        assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        found = {}
        for certificate in json.loads(done.stdout):
            for f in certificate["findings"]:
                found.setdefault((f["level"], f["part"]), []).append(f"{f['about']}: {f['detail']}; {f['advice']}")
        assert sorted({r.path for r in place.ca.requests}) in ([], ["/dir"]), "more was asked of the CA than its directory"
        return found

    run.client = client
    return run


def wrong(found):
    return {part: sentences for (level, part), sentences in found.items() if level == "wrong"}


@pytest.mark.parametrize("words", [[], ["--challenge", "tls-alpn-01"], ["--challenge", "http-01,tls-alpn-01"]])
def test_all_is_well(place, check, words):
    """RFC 8555 8.3, RFC 8737 3: a token, or certificate, of ours is seen at each address, and nothing is left."""
    found = check(NAME, *words)
    assert wrong(found) == {}
    assert found["good", "ca"] and found["good", "clock"] and "no record forbids it" in found["good", "caa"][0]
    assert f"{PUBLIC_V6}, {PUBLIC_V4}: this host" in found["good", "dns"][0]
    for kind, part in (("http", "port 80"), ("tls", "port 443")):
        if not words and kind == "http" or words and kind in words[1]:
            assert [PUBLIC_V4 in f or PUBLIC_V6 in f for f in found["good", part]] == [True, True]
    for port in (80, 443):
        with socket.socket() as s:
            assert s.connect_ex((PUBLIC_V4, port)) != 0
    assert not [path for path in check.client.directory.rglob("*") if path.is_file() and path.name != "lock"]


def test_an_address_as_a_name(place, check):
    """RFC 8738: there is no CAA for it, and nothing in the DNS."""
    found = check(PUBLIC_V4)
    assert PUBLIC_V4 in found["good", "port 80"][0] and not any(part == "caa" for _, part in found)
    assert not place.dns.asked


@pytest.mark.parametrize("node, part, says", [
    ({"rcode": 3}, "dns", ["no address", f"add it to the zone: {NAME}. A "]),
    ({}, "dns", ["no address"]),
    ({"rcode": 2}, "dns", ["SERVFAIL"]),
    ({"A": [PUBLIC_V4, REFUSING_V4]}, "port 80", []),
    ({"A": [ELSEWHERE]}, "port 80", [ELSEWHERE, "asked from this host"]),
])
def test_dns(place, check, node, part, says):
    place.dns.nodes[NAME] = node
    if node.get("A") == [PUBLIC_V4, REFUSING_V4]:
        assert wrong(check(NAME)) == {}  # all addresses lead here
        return
    sentences = wrong(check(NAME, code=VALIDATION))[part]
    assert all(one in sentences[0] for one in says), sentences


@pytest.mark.parametrize("script, says", [
    (say(response(404, "no such thing")), "answers with 404, \"no such thing\""),
    (say(response(200, "hello")), 'answers with 200, "hello"'),
    (redirect(301, "https://elsewhere.test/x"), "redirects the CA to https://elsewhere.test/x"),
])
def test_another_server_has_one_of_the_addresses(place, check, tmp_path, script, says):
    """It is not seen from here that a server has port 80: a folder is all that cairn is told of."""
    (tmp_path / "www").mkdir()
    with contextlib.closing(Web([PUBLIC_V4, PUBLIC_V6], 80, {NAME: script})):
        sentences = wrong(check(NAME, "--http", f"webroot:{tmp_path}/www", code=VALIDATION))["port 80"]
    assert len(sentences) == 2 and all(says in s for s in sentences), sentences


def test_a_webroot_that_is_right(place, check, tmp_path):
    www = tmp_path / "www"
    www.mkdir()

    def serve(web, request, connection):
        path = www / request.path[1:]
        return response(200, path.read_bytes()) if path.is_file() else response(404)

    with contextlib.closing(Web([PUBLIC_V4, PUBLIC_V6], 80, {NAME: serve})):
        assert wrong(check(NAME, "--http", f"webroot:{www}")) == {}
    assert list(www.rglob("*")) == []


def test_a_server_that_knows_the_thumbprint(place, check):
    """http: stateless: the server must answer with that of our account, and there must be one."""
    told, = wrong(check(NAME, "--http", "stateless", code=VALIDATION))["port 80"]
    assert "no account yet" in told and "cairn account register" in told
    ca = ["--ca", place.ca.url, "--ca-file", str(place.ca.root)]
    check.client.run("account", "register", "--agree-tos", *ca)
    known = check.client.run("account", "show", "--thumbprint", *ca).stdout.strip()
    place.ca.requests.clear()
    for thumbprint, right in ((known, True), (known[::-1], False)):
        def serve(web, request, connection):
            return response(200, f"{request.path.rsplit('/', 1)[1]}.{thumbprint}".encode())

        with contextlib.closing(Web([PUBLIC_V4, PUBLIC_V6], 80, {NAME: serve})):
            found = check(NAME, "--http", "stateless", code=0 if right else VALIDATION)
        assert ("port 80" in wrong(found)) != right


def test_a_port_in_use(place, check):
    with socket.create_server((PUBLIC_V4, 80)):
        sentence, = wrong(check(NAME, code=VALIDATION))["port 80"]
    assert "is in use by" in sentence and "--http nginx" in sentence


CAA = [
    ({NAME: [(0, "issue", IDENTITY)]}, None),
    ({NAME: [(0, "issue", "other.example")]}, 'only "other.example" may issue, and the CA is ca.example'),
    ({NAME: [(0, "issue", "other.example"), (0, "issue", IDENTITY.upper())]}, None),
    ({"example.test": [(0, "issue", ";")]}, "CAA at example.test: only"),
    ({"test": [(0, "issue", "other.example")]}, "CAA at test: only"),
    ({NAME: [(0, "iodef", "mailto:a@b.test")], "example.test": [(0, "issue", ";")]}, None),
    ({NAME: [(0, "issue", f"{IDENTITY}; validationmethods=dns-01")]}, "only the challenges dns-01 are allowed"),
    ({NAME: [(0, "issue", f"{IDENTITY}; validationmethods=dns-01,http-01")]}, None),
    ({NAME: [(0, "issue", f"{IDENTITY}; accounturi=https://ca.example/1")]}, "only the account https://ca.example/1 may, and there is none yet"),
    ({NAME: [(128, "future", "x"), (0, "issue", IDENTITY)]}, 'the property "future" is critical'),
    ({NAME: [(0, "issue", f"{IDENTITY}; ?")]}, "cannot be read"),
    ({NAME: [(0, "issuewild", ";")]}, None),
]


@pytest.mark.parametrize("records, says", CAA)
def test_caa(place, check, records, says):
    """C-SEC-3: RFC 8659 3 and 4, RFC 8657: the first records on the way up, and what they say of this CA, account and challenge."""
    for name, rows in records.items():
        place.dns.nodes[name] = {**place.dns.nodes[name], "CAA": rows}
    found = check(NAME, code=VALIDATION if says else 0)
    if says is None:
        assert wrong(found) == {}
        return
    sentence, = wrong(found)["caa"]
    assert says in sentence and f'add: {NAME}. CAA 0 issue "{IDENTITY}; validationmethods=http-01"' in sentence, sentence


def test_caa_that_cannot_be_looked_up(place, check):
    place.dns.nodes["example.test"] = {"rcode": 2}
    sentence, = wrong(check(NAME, code=VALIDATION))["caa"]
    assert "cannot be looked up" in sentence and "example.test" in sentence


@pytest.mark.parametrize("seconds, says", [(0, None), (-3600, "ahead"), (7200, "behind")])
def test_clock(place, check, monkeypatch, seconds, says):
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    monkeypatch.setattr(http.server.BaseHTTPRequestHandler, "date_time_string", lambda self: email.utils.format_datetime(then, usegmt=True))
    found = check(NAME, code=VALIDATION if says else 0)
    if says:
        sentence, = wrong(found)["clock"]
        assert says in sentence and "timedatectl" in sentence
        off = int(sentence.partition("clock is ")[2].split()[0])
        assert abs(off - abs(seconds)) < 60


@pytest.mark.parametrize("meta, words, agree, part, says", [
    ({"termsOfService": "https://ca.example/terms"}, [], False, "terms", "https://ca.example/terms; read them, then say --agree-tos"),
    ({"externalAccountRequired": True}, [], True, "account", "--eab-kid"),
    ({"profiles": {"short": "six\n\x1bdays", "long": ""}}, ["--profile", "tiny"], True, "profile", 'no profile "tiny", but: long, short (six??days)'),
])
def test_what_the_directory_says(place, check, meta, words, agree, part, says):
    place.meta.update(meta)
    sentence, = wrong(check(NAME, *words, agree=agree, code=VALIDATION))[part]
    assert says in sentence or says.replace("long, short (six??days)", "short (six??days), long") in sentence, sentence


def test_profiles_are_shown(place, check):
    """C-PROF-1: with what the CA says of each, whether one is asked for or not."""
    place.meta["profiles"] = {"short": "https://ca.example/short", "long": "for patience"}
    for words, asked in ([], "none in particular"), (["--profile", "short"], "short"):
        sentence, = check(NAME, *words)["good", "profile"]
        assert f"{asked} is asked for, of: " in sentence and "long (for patience)" in sentence and "short (https://ca.example/short)" in sentence


def test_a_ca_that_is_not_there(place, check):
    place.ca.answers["/dir"] = lambda request: (503, {}, {})
    sentence, = wrong(check(NAME, code=VALIDATION))["ca"]
    assert "status 503" in sentence


def test_wildcards_and_records(place, check, tmp_path):
    """dns-01: nothing is written; without anybody who could, that is what is wrong."""
    place.dns.nodes["_acme-challenge.example.test"] = {"rcode": 3}
    key = tmp_path / "key"
    key.write_text("hmac-sha256:updater:c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ==\n")
    key.chmod(0o600)
    found = check("*.example.test", "--dns-key", key, "--dns-resolver", "127.0.0.1", code=VALIDATION)
    assert set(wrong(found)) == {"dns-01"}  # this resolver knows no zones
    assert not [kind for _, kind, _ in place.dns.asked if kind == "update"]


def test_of_the_file(place, check, tmp_path):
    """A certificate by its name in cairn.yaml; in words, for a terminal."""
    file = tmp_path / "cairn.yaml"
    file.write_text(f"agree_tos: true\ncas:\n  fake:\n    directory: {place.ca.url}\n    ca_file: {place.ca.root}\n"
                    f"certificates:\n  web:\n    names: [{NAME}]\n    cas: [fake]\n")
    assert wrong(check("web", "--config", file, common=False)) == {}
    assert ("good", "ca") in check("web", "--config", file, common=False)


def test_no_name_is_the_file_only(place, check):
    done = check.client.run("check", "--config", "/dev/null", code=None)
    assert done.returncode in (0, USAGE) and not place.dns.asked
