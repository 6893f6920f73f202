"""Keys of accounts and of ordinary certificates in a TPM (swtpm) and in a token (SoftHSM), at Pebble; OpenSC's pkcs11-tool, GnuTLS' p11tool,
OpenSSL's engine for PKCS #11 and provider for TPMs, and nginx are who else uses the keys."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import time

import josepy
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import pebble as pebble_module
import swtpm
import tokens as tokens_module
from exit_codes import FAILED, HERE, LATER, UNCHANGED, USAGE
from house import free_port
from pebble import Client
from test_device_tpm import Broker, loaded, openssl_with, spki
from tokens import ILL_MODULE, MODULE, PIN

pytestmark = [pytest.mark.skipif(pebble_module.PROGRAM is None, reason="pebble is not installed"),
              pytest.mark.skipif(swtpm.missing() is not None, reason=f"not here: {swtpm.missing()}"),
              pytest.mark.skipif(not os.path.exists(MODULE) or shutil.which("pkcs11-tool") is None, reason="no softhsm2 or opensc here")]

ENGINE = next(pathlib.Path("/usr/lib").glob("*-linux-gnu/engines-3/pkcs11.so"), None)
KID = "kid-1"
MAC = base64.urlsafe_b64encode(bytes(range(64))).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def ca(tmp_path_factory, dns_stub):
    """It wants a binding of each new account."""
    made = pebble_module.Pebble(tmp_path_factory.mktemp("pebble"), stub=dns_stub,
                                settings={"externalAccountBindingRequired": True, "externalAccountMACKeys": {KID: MAC}})
    yield made.start()
    made.close()


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    made = swtpm.Swtpm(tmp_path_factory.mktemp("tpm") / "tpm")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def token():
    made = tokens_module.Tokens()
    made.add("box")
    made.pin_file = made.folder / "pin"
    made.pin_file.write_text(PIN)  # libp11 takes a newline for a part of it
    made.pin_file.chmod(0o600)
    yield made
    made.close()


def one_sentence(done, *parts):
    """Beside how many failed, and where help is."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("try: ") and " certificates could not be " not in line]
    assert len(lines) == 1 and lines[0].startswith("cairn: "), done.stderr
    for part in parts:
        assert part in lines[0], done.stderr


def uri(label, token="box", module=MODULE):
    return f"pkcs11:token={token};object={label}?module-path={module}"


def objects(token):
    """Labels of the private keys, as OpenSC sees them."""
    out = token.run("pkcs11-tool", "--module", MODULE, "--token-label", "box", "--login", "--pin", PIN, "--list-objects", "--type", "privkey")
    return [line.split()[-1] for line in out.splitlines() if "label:" in line]


def public_of(token, label):
    """As GnuTLS reads it from the token."""
    return serialization.load_pem_public_key(
        token.run("p11tool", f"--provider={MODULE}", "--export", f"pkcs11:token=box;object={label};type=public").encode())


def thumbprint_of(public):
    return base64.urlsafe_b64encode(josepy.JWK.load(public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)).thumbprint()).rstrip(b"=").decode()


class User(Client):
    """`cairn` with the token's environment, and words for accounts."""

    def __init__(self, directory, ca, token, folder):
        super().__init__(directory, ca)
        self.token = token
        self.mac = folder / "mac.key"
        self.mac.write_text(MAC)
        self.mac.chmod(0o600)
        self.settings = folder / "cairn.yaml"

    def run(self, verb, *words, environment=None, **more):
        return super().run(verb, *words, environment={**self.token.environment, **(environment or {})}, **more)

    def account(self, verb, *words, **more):
        """Its exit code, and what it prints as JSON."""
        return self.run("account", verb, *words, "--ca", self.ca.url, "--ca-file", self.ca.root, **more)

    def register(self, *words, **more):
        return self.account("register", "--agree-tos", "--eab-kid", KID, "--eab-key-file", self.mac, *words, **more)

    def shown(self, verb="show", *words):
        done = self.account(verb, "--json", *words)
        return json.loads(done.stdout)

    @property
    def folder(self):
        found, = (p for p in (self.directory / "accounts").iterdir() if ".deactivated-" not in p.name)
        return found

    def key_file(self):
        return (self.folder / "key.pem").read_text()

    def write(self, certificates, account="", **more):
        """cairn.yaml"""
        ca = {"directory": self.ca.url, "ca_file": str(self.ca.root), "agree_tos": True, "eab_kid": KID, "eab_key_file": str(self.mac)}
        lines = [f"state: {self.directory}", "ca: box", "cas:", "  box:", *(f"    {k}: {json.dumps(v)}" for k, v in ca.items()), account,
                 "defaults:", f"  http_port: {self.ca.http_port}", *(f"{k}: {json.dumps(v)}" for k, v in more.items()), *(["certificates:"] if certificates else [])]
        for name, options in certificates.items():
            lines += [f"  {name}:", *(f"    {k}: {json.dumps(v)}" for k, v in {"names": [name], **options}.items())]
        self.settings.write_text("\n".join(lines) + "\n")
        return ["--config", self.settings]


@pytest.fixture
def client(ca, token, tmp_path):
    return User(tmp_path / "state", ca, token, tmp_path)


@pytest.fixture(params=["tpm", "token"])
def place(request, tpm, token):
    """Words for a key of that name in either of them."""
    def words(label):
        return f"tpm:{tpm.tcti}" if request.param == "tpm" else uri(label)

    words.more = [] if request.param == "tpm" else ["--pin-file", token.pin_file]
    words.kind = request.param
    return words


# ---- accounts

def test_the_life_of_an_account(client, token, tpm, place):
    """Bound to an external one, used, changed, given another key there, one in a file, one there again, recovered, ended."""
    label, kind = "life", "p256" if place.kind == "tpm" else "p384"
    client.register("--key", place(label), "--key-type", kind, *place.more)
    first = client.shown()
    text = client.key_file()
    assert first["device"] == place(label) and "PRIVATE KEY" not in text.replace("TSS2 PRIVATE KEY", "")
    assert (client.folder / "key.pem").stat().st_mode & 0o777 == 0o600 and PIN not in text
    public = serialization.load_pem_public_key(text[text.index("-----BEGIN PUBLIC KEY"):].encode())
    assert thumbprint_of(public) == first["thumbprint"] == client.account("show", "--thumbprint").stdout.strip()
    if place.kind == "token":
        assert label in objects(token) and spki(public_of(token, label)) == spki(public)
    assert client.register("--key", place(label), *place.more).returncode == UNCHANGED
    client.issue(f"{place.kind}.life.example.test")
    client.account("update", "--email", "somebody@example.test")
    second = client.shown("rollover", "--key", place(label + "-2"), "--key-type", "p256", *place.more)
    assert second["thumbprint"] != first["thumbprint"] and second["device"] == place(label + "-2") and second["url"] == first["url"]
    third = client.shown("rollover", "--key", "p384")
    assert "device" not in third and client.key_file().startswith("-----BEGIN PRIVATE KEY-----")
    fourth = client.shown("rollover", "--key", place(label + "-4"), *place.more)
    assert fourth["thumbprint"] not in (first["thumbprint"], second["thumbprint"], third["thumbprint"])
    assert [p.name for p in client.folder.iterdir() if p.name.endswith(".pem")] == ["key.pem"]
    (client.folder / "account.json").unlink()
    assert client.shown("recover")["url"] == first["url"]
    client.account("deactivate", "--yes")
    assert loaded(tpm) == b""


def test_a_key_that_is_there(client, token):
    """It is taken; its type is its own."""
    token.add_key("box", "made-by-opensc", "rsa2048")
    client.register("--key", uri("made-by-opensc"), "--pin-file", token.pin_file)
    assert client.shown()["thumbprint"] == thumbprint_of(public_of(token, "made-by-opensc"))
    one_sentence(client.account("rollover", "--key", uri("made-by-opensc"), "--pin-file", token.pin_file, code=USAGE),
                 "that is the account's key already")
    assert not (client.folder / "key.next.pem").exists() and client.shown()["status"] == "valid"


def test_another_machine(client, ca, token, tpm, tmp_path):
    """The account is found by the key in the token, or by the text of the TPM's."""
    client.register("--key", uri("moved"), "--pin-file", token.pin_file)
    other = User(tmp_path / "other", ca, token, tmp_path)
    assert other.shown("recover", "--key", uri("moved"), "--pin-file", token.pin_file)["url"] == client.shown()["url"]
    one_sentence(other.account("recover", "--key", uri("nobody's"), "--pin-file", token.pin_file, code=FAILED), 'no private key called "nobody')
    assert "nobody's" not in objects(token)
    third, fourth = (User(tmp_path / name, ca, token, tmp_path) for name in ("third", "fourth"))
    third.register("--key", f"tpm:{tpm.tcti}", "--key-type", "rsa2048")
    words = ["--key", f"tpm:{tpm.tcti}", "--key-file", third.folder / "key.pem"]
    assert fourth.shown("recover", *words)["url"] == third.shown()["url"]
    assert fourth.shown("show")["thumbprint"] == third.shown()["thumbprint"]


def test_where_it_is_stays(client, token, tpm):
    """An account keeps its key; who wants it elsewhere is told how. The settings say it for new ones and for the next key."""
    client.register("--key", f"tpm:{tpm.tcti}")
    one_sentence(client.register("--key", uri("elsewhere"), "--pin-file", token.pin_file, code=FAILED), "its key is in tpm:", "rollover --key")
    assert "elsewhere" not in objects(token)
    more = client.write({}, f"    account_key: {uri('elsewhere')!r}\n    account_pin_file: {token.pin_file}")
    assert json.loads(client.run("account", "rollover", "--json", *more).stdout)["device"] == uri("elsewhere")
    assert "elsewhere" in objects(token)


def test_ten_at_a_time(client, tpm):
    """Each worker has a process of its own that opens the TPM, which has no resource manager; the account is made once."""
    names = [f"{n}.many.example.test" for n in range(10)]
    more = client.write({n: {} for n in names}, f"    account_key: tpm:{tpm.tcti}", renewal={"parallel": 10})
    client.run("apply", *more, seconds=150)
    assert len({(client.live(n) / "cert.pem").read_bytes() for n in names}) == len(names) and client.key_file().startswith("device: ")
    assert client.run("apply", *more).returncode == UNCHANGED and loaded(tpm) == b""


@pytest.mark.parametrize("kind, bits", [("p384", 384), ("rsa2048", 2048)])
def test_types_of_a_tpm(client, tpm, kind, bits, tmp_path):
    """ES384, RS256; ES256 is what the others have. An export goes without the account, and says so."""
    client.register("--key", f"tpm:{tpm.tcti}", "--key-type", kind)
    client.issue(f"{kind}.types.example.test")
    exported = client.run("export", "--to", tmp_path / "letsencrypt").stdout
    assert exported.count("note ") == 1 and "the account does not go along, as its key stays in its device" in exported
    assert not (tmp_path / "letsencrypt/accounts").exists()
    text = client.key_file()
    public = serialization.load_pem_public_key(text[text.index("-----BEGIN PUBLIC KEY"):].encode())
    assert public.key_size == bits and client.shown()["thumbprint"] == thumbprint_of(public)


def test_the_agent(client, place):
    """Its workers, each confined to its certificate, sign with the account's key where that is; also when the agent has run for a while."""
    names = ["first.agent.example.test", "second.agent.example.test"]
    pin = f"\n    account_pin_file: {place.more[1]}" if place.more else ""
    words = f"    account_key: {place('agent')!r}{pin}"
    more = client.write({n: {} for n in names}, words, agent={"jitter": "0ms", "interval": "1s"})
    agent = subprocess.Popen(client.command("agent", *more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env={**os.environ, **client.token.environment})

    def served(names):
        until = time.monotonic() + 60
        while not all((client.live(n) / "cert.pem").exists() for n in names):
            assert time.monotonic() < until and agent.poll() is None, agent.communicate(timeout=5) if agent.poll() is not None else names
            time.sleep(0.1)

    try:
        served(names)
        assert client.key_file().startswith("device: ") and client.shown()["device"] == place("agent")
        client.write({n: {} for n in [*names, "third.agent.example.test"]}, words, agent={"jitter": "0ms", "interval": "1s"})
        client.run("agent", "reload", *more)
        served(["third.agent.example.test"])
    finally:
        agent.terminate()
        out = agent.communicate(timeout=60)[0]
    assert agent.returncode == 0 and "AddressSanitizer" not in out and "runtime error" not in out, out
    assert len(list((client.directory / "accounts").iterdir())) == 1


def test_a_token_that_is_gone(client, token):
    """One sentence; nothing is changed; renew waits before it tries again, and goes on when the token is back."""
    name = "gone.example.test"
    token.add("gone")
    words = f"    account_key: {uri('key', 'gone')!r}\n    account_pin_file: {token.pin_file}"
    more = client.write({name: {}}, words)
    client.run("apply", *more)
    before = {p: p.read_bytes() for p in client.directory.rglob("*.pem")}
    token.remove("gone")
    try:
        one_sentence(client.run("renew", "--force", *more, code=FAILED), name, 'the account\'s key: the token "gone" is not there')
        assert {p: p.read_bytes() for p in client.directory.rglob("*.pem")} == before
        state = json.loads((client.directory / "certificates" / name / "renewal.json").read_text())
        assert state["failure"]["count"] == 1 and "gone" in json.dumps(state)
        one_sentence(client.account("show", code=FAILED), 'the token "gone" is not there')
        assert client.account("show", "--thumbprint").stdout.strip()
    finally:
        token.put_back("gone")
    client.run("renew", "--force", *more)
    assert (client.live(name) / "cert.pem").read_bytes() not in before.values()


def test_a_module_that_hangs(client, token):
    """It is left after the time the environment says."""
    client.register("--key", uri("ill", module=ILL_MODULE), "--pin-file", token.pin_file)
    token.fall_ill("hang")
    try:
        begun = time.monotonic()
        done = client.account("update", "--no-email", environment={"CAIRN_DEVICE_TIMEOUT": "2"}, code=LATER)
        assert 2 <= time.monotonic() - begun < 15
        one_sentence(done, "the device has not answered for 2 s")
    finally:
        token.fall_ill("none")
    client.account("update", "--no-email")


def test_pins(client, token, tmp_path):
    def pin(text, mode=0o600):
        path = tmp_path / f"pin-{mode:o}"
        path.write_text(text)
        path.chmod(mode)
        return path

    one_sentence(client.register("--key", uri("pins"), code=USAGE), "the account's key: ", "wants a PIN")
    one_sentence(client.register("--key", uri("pins"), "--pin-file", pin(PIN, 0o644), code=USAGE), "can be read by others")
    done = client.register("--key", uri("pins"), "--pin-file", pin("000000"), code=USAGE)
    one_sentence(done, "the account's key: ", "the PIN is wrong")
    assert "000000" not in done.stderr and "pins" not in objects(token) and not list(client.directory.glob("accounts/*/*.pem"))
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "box").write_text(PIN)
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    client.register("--key", uri("pins"), "--pin-file", "credential:box", environment=environment)
    assert "pin-file: credential:box\n" in client.key_file()
    client.account("show", environment=environment)
    one_sentence(client.account("show", code=USAGE), "systemd gave none")


@pytest.mark.parametrize("key, more, sentence", [
    ("pkcs11:token=box;object=a", [], "--key: the URI does not say which module"),
    ("pkcs11:token=box?module-path=/a.so", [], "it names no key"),
    ("pkcs11:token=box;object=a?module-path=/a.so&pin-source=file:/a", [], "--pin-file"),
    ("tpm", ["--key-type", "rsa4096"], '--key-type: "rsa4096" is none of p256, p384, rsa2048'),
    ("tpm", ["--key-type", "ed25519"], "is none of"),
    ("hsm:x", [], '--key: "hsm:x" is none of p256'),
    ("ed25519", [], '--key: "ed25519" is none of'),
    ("tpm:device:/dev/no-such-tpm", [], "no TPM can be used at /dev/no-such-tpm"),
    (f"pkcs11:token=none;object=a?module-path={MODULE}", [], 'the token "none" is not there'),
    ("pkcs11:token=box;object=a?module-path=/nowhere.so", [], "there is no PKCS #11 module /nowhere.so"),
])
def test_mistakes(client, key, more, sentence):
    done = client.register("--key", key, *more, code=None)
    assert done.returncode in (1, 64), done
    one_sentence(done, sentence)
    assert not list(client.directory.glob("accounts/*/*.pem"))


@pytest.mark.parametrize("words, sentence", [
    ("    account_key: 'pkcs11:token=box'", "cas.box: account_key: the PKCS #11 URI: it names no key"),
    ("    account_key: tmp", 'cas.box: account_key: "tmp" is none of'),
    ("    account_key: tpm\n    account_key_type: ed25519", "cas.box: account_key_type:"),
])
def test_settings(client, words, sentence):
    done = client.run("plan", *client.write({"a.example.test": {}}, words), code=USAGE)
    one_sentence(done, sentence)


def test_a_cleared_tpm(client, tmp_path):
    own = swtpm.Swtpm(tmp_path / "own")
    try:
        client.register("--key", f"tpm:{own.tcti}")
        own.tool("tpm2_clear", "-c", "p")
        one_sentence(client.account("show", code=FAILED), "the account's key: ", "the TPM was cleared since, or is another one")
    finally:
        own.stop()


def test_a_certificate_whose_settings_are_gone(client, token):
    """Its account is found by what it says of its CA, and the account's PIN, in a file that only the account names."""
    client.register("--key", uri("gone"), "--pin-file", token.pin_file)
    client.issue("gone.example.test")
    (client.directory / "certificates" / "gone.example.test" / "cairn.yaml").unlink()
    client.run("revoke", "gone.example.test", "--ca-file", client.ca.root)


def test_a_dry_run_makes_no_key(client, token):
    """It has an account of its own, whose key is thrown away."""
    words = f"    staging: {client.ca.url}\n    account_key: {uri('dry')!r}\n    account_pin_file: {token.pin_file}"
    client.run("apply", "--dry-run", *client.write({"dry.example.test": {}}, words))
    assert "dry" not in objects(token) and not list(client.directory.glob("accounts/*"))


# ---- certificates

def certificate(client, name, file="cert.pem"):
    return x509.load_pem_x509_certificate((client.live(name) / file).read_bytes())


@pytest.fixture(scope="module")
def user(ca, token, tmp_path_factory):
    """With an account, for all certificates."""
    folder = tmp_path_factory.mktemp("user")
    made = User(folder / "state", ca, token, folder)
    made.register()
    return made


def device_words(place, label):
    return ["--device", place(label), *place.more]


def test_a_certificate_of_the_dns(user, token, tpm, place):
    """By http-01, without attestation: the TPM makes a new key for each version, a token has the one."""
    client, name = user, f"{place.kind}.plain.example.test"
    words = device_words(place, "plain")
    done = client.issue(name, *words)
    assert "http-01" in done.stdout and "attest" not in done.stdout and "p256, in the device" in done.stdout
    first = certificate(client, name)
    text = (client.live(name) / "key.pem").read_text()
    assert text.startswith("-----BEGIN TSS2 PRIVATE KEY-----\n" if place.kind == "tpm" else "pkcs11:token=box;object=plain;type=private\n")
    assert not (client.directory / "devices").exists() and client.json("show", name)["device"] == place("plain")
    if place.kind == "token":
        assert spki(public_of(token, "plain")) == spki(first.public_key())
    assert client.issue(name, *words).stdout.startswith("kept ")
    client.run("renew", "--force")
    second = certificate(client, name)
    assert (spki(first.public_key()) == spki(second.public_key())) == (place.kind == "token")
    client.run("rollback", name)
    assert certificate(client, name) == first and (client.live(name) / "key.pem").read_text() == text
    one_sentence(client.run("revoke", name, "--with-key", code=USAGE), "is in a device")
    client.run("revoke", name)


@pytest.mark.parametrize("more, code, sentence", [
    ([], HERE, "wants a PIN"),
    (["--pin-file", "wrong"], HERE, "the PIN is wrong"),
    (["--pin-file", "right", "--device", uri("early", token="nowhere")], HERE, 'the token "nowhere" is not there'),
    (["--pin-file", "right", "--device", uri("early", module="/usr/lib/none.so")], HERE, "/usr/lib/none.so"),
    (["--pin-file", "right", "--key", "p384"], USAGE, "the key in the token is of type p256: say --key p256"),
])
def test_what_is_wrong_here_is_found_before_the_order(user, token, ca, more, code, sentence):
    """A PIN, a token, a module, a key: the CA is not asked, and it is no refusal of the CA."""
    client = user
    wrong = client.mac.parent / "wrong"
    wrong.write_text("000000")
    wrong.chmod(0o600)
    words = ["--device", uri("early")]
    client.issue("early.example.test", *words, "--pin-file", token.pin_file)
    orders, files = ca.requests("/order-plz"), {"wrong": wrong, "right": token.pin_file}
    done = client.issue("late.example.test", *(words if "--device" not in more else []), *[files.get(word, word) for word in more], code=code)
    one_sentence(done, sentence)
    assert ca.requests("/order-plz") == orders and "000000" not in done.stderr


def test_a_password_the_tpm_wants_is_missed_before_the_order(user, ca, tmp_path):
    client, made = user, swtpm.Swtpm(tmp_path / "locked")
    try:
        made.tool("tpm2_changeauth", "-c", "owner", "secret")
        orders = ca.requests("/order-plz")
        done = client.issue("locked.example.test", "--device", f"tpm:{made.tcti}", code=HERE)
        one_sentence(done, "the TPM wants another password (--pin-file)")
        assert ca.requests("/order-plz") == orders
    finally:
        made.stop()


def test_reuse_key(user, tpm, place):
    client, name = user, f"{place.kind}.reuse.example.test"
    client.issue(name, *device_words(place, "reuse"), "--reuse-key")
    first = certificate(client, name)
    assert "the one it had" in client.run("renew", "--force").stdout
    assert spki(first.public_key()) == spki(certificate(client, name).public_key()) and first != certificate(client, name)
    one_sentence(client.issue("next.example.test", *device_words(place, "reuse"), "--next-key", code=USAGE), "--next-key: ", "in advance")


def test_account_and_pair_in_one_tpm(client, tpm):
    """No resource manager: the account's process and the certificate's take turns. Two keys are one version."""
    name = "pair.example.test"
    device = f"tpm:{tpm.tcti}"
    more = client.write({name: {"device": device, "keys": ["p384", "rsa2048"]}}, f"    account_key: {device}")
    client.run("apply", *more, seconds=150)  # RSA takes a TPM long
    keys = [certificate(client, name, file).public_key() for file in ("cert.pem", "rsa2048.cert.pem")]
    assert [k.key_size for k in keys] == [384, 2048]
    assert all((client.live(name) / file).read_text().startswith("-----BEGIN TSS2") for file in ("key.pem", "rsa2048.key.pem"))


@pytest.mark.parametrize("certificate, deployment, sentence", [
    ({"device": uri("x"), "keys": ["p256", "p384"]}, {}, "keys: the URI names one key"),
    ({"device": "tpm", "keys": ["ed25519"]}, {}, "ed25519"),
    ({"device": "tpm", "next_key": True}, {}, "next_key: "),
    ({"device": "tpm"}, {"pkcs12_file": "/x"}, "pkcs12_file: it would have the private key in it"),
    ({"device": uri("x")}, {"combined_file": "/x"}, "combined_file: it would have the private key in it"),
    ({"device": uri("x")}, {"key_file": "/x"}, "key_file: it would have the private key in it"),
])
def test_what_cannot_be(client, certificate, deployment, sentence):
    if deployment:
        certificate = {**certificate, "deploy": ["d"]}
    more = client.write({"a.example.test": certificate}, **({"deployments": {"d": deployment}} if deployment else {}))
    one_sentence(client.run("apply", *more, code=None), sentence)


# ---- servers

NGINX = """daemon off;
master_process {master};
pid {folder}/nginx.pid;
error_log {folder}/nginx.log info;
{more}
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {certificate};
    ssl_certificate_key "{key}";
    location / {{ return 200 "served"; }}
  }}
}}
"""


def serves(port, name, root, process):
    """What curl, which trusts that root only, gets."""
    until = time.monotonic() + 60
    while True:
        done = subprocess.run(["curl", "-sS", "--cacert", root, "--resolve", f"{name}:{port}:127.0.0.1", f"https://{name}:{port}/"],
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 7 or time.monotonic() > until or process.poll() is not None:
            return done
        time.sleep(0.05)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="no nginx here")
def test_nginx_serves(user, ca, token, tpm, place, tmp_path):
    """With the key in the token by the engine, in the TPM by the provider; what is in key.pem is what it needs."""
    name = f"{place.kind}.nginx.example.test"
    user.issue(name, *device_words(place, "nginx"))
    live = user.live(name)
    broker, more = None, ""
    if place.kind == "tpm":
        if shutil.which("tpm2-abrmd") is None:
            pytest.skip("no tpm2-abrmd here")
        broker = Broker(tpm)
        key, environment = live / "key.pem", openssl_with(broker.tcti, tmp_path, **broker.environment)
    else:
        if ENGINE is None:
            pytest.skip("no engine for PKCS #11 here")
        key = f"engine:pkcs11:{(live / 'key.pem').read_text().strip()}?pin-source=file:{token.pin_file}"
        more = "ssl_engine pkcs11;"
        environment = {**os.environ, **token.environment, "PKCS11_MODULE_PATH": MODULE}
    port = free_port()
    (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, port=port, certificate=live / "fullchain.pem", key=key, master="off", more=more))
    server = subprocess.Popen(["nginx", "-c", tmp_path / "nginx.conf"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        done = serves(port, name, ca.issuing_root(), server)
    finally:
        server.terminate()
        errors = server.communicate(timeout=60)[1]
        if broker:
            broker.stop()
    assert done.stdout == "served", f"{done}\n{errors}\n{(tmp_path / 'nginx.log').read_text()}"


APACHE = """ServerRoot {folder}
PidFile {folder}/apache.pid
ServerName {name}
DefaultRuntimeDir {folder}
ErrorLog {folder}/apache.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule ssl_module {modules}/mod_ssl.so
User www-data
Group www-data
DocumentRoot {folder}
ErrorDocument 403 "served"
ErrorDocument 404 "served"
<Directory />
AllowOverride None
</Directory>
SSLEngine on
SSLCertificateFile {certificate}
SSLCertificateKeyFile "{key}"
"""


@pytest.mark.skipif(shutil.which("apache2") is None or ENGINE is None, reason="no apache2, or no engine for PKCS #11 here")
def test_apache_serves(user, ca, token, tmp_path):
    """With the URI that is in key.pem; its user may use the token."""
    name = "apache.example.test"
    user.issue(name, "--device", uri("apache"), "--pin-file", token.pin_file)
    live = user.live(name)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "www-data", token.store], check=True)
        token.configuration.chmod(0o644)
    port = free_port()
    (tmp_path / "apache.conf").write_text(APACHE.format(
        folder=tmp_path, name=name, port=port, modules="/usr/lib/apache2/modules", certificate=live / "fullchain.pem",
        key=f"{(live / 'key.pem').read_text().strip()}?pin-source=file:{token.pin_file}"))
    server = subprocess.Popen(["apache2", "-X", "-f", tmp_path / "apache.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env={**os.environ, **token.environment, "PKCS11_MODULE_PATH": MODULE})
    try:
        done = serves(port, name, ca.issuing_root(), server)
    finally:
        server.terminate()
        errors = server.communicate(timeout=60)[1]
    assert done.stdout == "served", f"{done}\n{errors}\n{(tmp_path / 'apache.log').read_text()}"
