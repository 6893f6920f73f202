"""Issuing keys in tokens (PKCS #11): SoftHSM, and a module that falls ill as it is told (X-CA-6)."""
import concurrent.futures
import os
import re
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

import judges
import tokens as tokens_module
from acme_raw import Client, b64, make_csr
from house import CAIRN_CA, House
from pebble import Client as Cairn
from responder import Responder
from tokens import ILL_MODULE, MODULE, PIN, make_house

NAME = "www.example.test"


@pytest.fixture
def tokens(monkeypatch):
    made = tokens_module.Tokens()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


@pytest.fixture
def start(tmp_path, tokens):
    """Starts a CA with keys in a token; it must end in order and never tell its PIN."""
    houses = []

    def begin(*arguments, serve=True, **more):
        house = make_house(tmp_path / "ca", tokens, *arguments, **more)
        houses.append(house)
        return house.start() if serve else house

    yield begin
    for house in houses:
        if house.process is not None and house.process.poll() is None:
            assert house.stop() == 0, house.text()
        if not house.log_path.exists():
            house.log_path.touch()  # it was never started
        assert PIN not in house.text()
        assert "ERROR: AddressSanitizer" not in house.text() and "runtime error" not in house.text(), house.text()
        house.close()


@pytest.fixture
def responder_of():
    made = []

    def make(house):
        made.append(Responder(house.http_port))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ready(house, responder, *names):
    """An account and an order that can be finalized."""
    client = Client(house.url, house.root)
    client.register()
    return prove(client, responder, *names)


def prove(client, responder, *names):
    url, order = client.order(*names)
    client.prove(order, responder)
    return client, url, order["finalize"]


def finalize(client, url, *names):
    answer = client.post(url, {"csr": b64(make_csr(list(names)))})
    assert answer.status == 200, answer
    return answer.json


def finish(client, url):
    """The certificate, when it is there."""
    done = client.poll(url, ("valid", "invalid"), tries=600).json
    assert done["status"] == "valid", done
    return client.post(done["certificate"], None).body


def judge(house, chain, names, folder):
    """By openssl, certtool and python3-cryptography."""
    certificates = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", chain, re.S)
    (folder / "leaf.pem").write_bytes(certificates[0])
    (folder / "chain.pem").write_bytes(b"".join(certificates[1:]))
    judges.judge(folder / "leaf.pem", folder / "chain.pem", house.root, names)


@pytest.mark.parametrize("root_kind, kind", [("p384", "p256"), ("rsa4096", "rsa2048"), ("p256", "p384"), ("ed25519", "ed25519"),
                                             ("rsa3072", "rsa3072")])
def test_root_and_issuer_in_a_token(start, responder_of, tmp_path, root_kind, kind):
    house = start(root_kind, kind)
    assert {p.name for p in house.directory.glob("*.key")} <= {"audit.key", "perspective.key"}
    client = Client(house.url, house.root)
    client.register()
    judge(house, client.issue(responder_of(house), NAME), [NAME], tmp_path)


def test_cairn_and_the_manual_way(start, tmp_path, tokens):
    """Our client, against what an operator writes into the file."""
    house = start(serve=False)
    path = house.directory / "cairn-ca.yaml"
    text = path.read_text()
    for setting in house.sets:
        option, value = setting.split("=", 1)
        section, name = option.split(".")
        value = f"[{value}]" if name in ("modules", "read", "write") else f'"{value}"'
        text, count = re.subn(rf"(?m)^({section}:\n(?:[ #].*\n|\n)*?  {name}: ).*$", lambda m, v=value: m.group(1) + v, text)
        assert count == 1, option
    path.write_text(text)
    house.sets = []
    checked = subprocess.run([CAIRN_CA, "check-config", "--dir", house.directory], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked
    house.start()
    client = Cairn(tmp_path / "state", house, agree=False)
    client.issue(NAME)
    live = client.live(NAME)
    judges.judge(live / "cert.pem", live / "chain.pem", house.root, [NAME])


def test_a_token_is_removed_and_put_back(start, responder_of, tokens, tmp_path):
    """An order waits for it and nothing is started again."""
    house = start()
    responder = responder_of(house)
    client, url, end = ready(house, responder, NAME)
    pids = house.children()
    tokens.remove("house")
    assert finalize(client, end, NAME)["status"] == "processing"
    missed = house.wait_for_line(r'signer\.token_missed why="(.*)"').group(1)
    assert r'the token \"house\"' in missed and "looked for again" in missed
    house.wait_for_line(r'signer\.refused id=\d+ why="the token \\"house\\"')
    house.wait_for_line(r"front\.sign_postponed")
    time.sleep(2)
    assert client.post(url, None).json["status"] == "processing"
    tokens.put_back("house")
    judge(house, finish(client, url), [NAME], tmp_path)
    house.wait_for_line(r'signer\.token_back token="the token \\"house\\""')
    assert house.children() == pids
    assert len(re.findall(r"signer\.token_missed", house.text())) == 1
    client.issue(responder, "next.example.test")


def test_a_token_that_loses_its_key(start, responder_of, tokens):
    house = start()
    responder = responder_of(house)
    client, _, end = ready(house, responder, NAME)
    home = tokens.folder_of("house")
    tokens.run("softhsm2-util", "--delete-token", "--token", "house")
    assert not home.exists()
    finalize(client, end, NAME)
    house.wait_for_line(r'signer\.token_missed why="the token \\"house\\"')
    assert Client(house.url, house.root).register().status == 201  # everything else goes on


# what is wrong, and what the log says
MISTAKES = {
    "wrong PIN": (lambda h, t: (h.directory / "pin").write_text("000000"), [],
                  r'files\.intermediate_key: .*the token "house": the PIN is wrong \(CKR_PIN_INCORRECT\)'),
    "no PIN": (None, ["pkcs11.pin="], r'files\.intermediate_key: the token "house" wants a PIN'),
    "a PIN all can read": (lambda h, t: (h.directory / "pin").chmod(0o644), [], r"the PIN of files\.intermediate_key: .*mode 0600"),
    "no file of the PIN": (lambda h, t: (h.directory / "pin").unlink(), [], r"pkcs11\.pin: there is no file"),
    "no module": (None, ["pkcs11.modules=/nowhere/module.so"], r"pkcs11\.modules: there is no file /nowhere/module\.so"),
    "no library": (None, ["pkcs11.modules=/etc/passwd"], r"pkcs11\.modules: the PKCS #11 module /etc/passwd cannot be loaded"),
    "another library": (None, ["pkcs11.modules=/lib/x86_64-linux-gnu/libz.so.1"], r"pkcs11\.modules: .* is no PKCS #11 module"),
    "files not allowed": (None, ["pkcs11.read=", "pkcs11.write="], r"files\.intermediate_key: .*pkcs11\.read, pkcs11\.write"),
    "tokens not allowed": (None, ["pkcs11.write="], r"files\.intermediate_key: the PKCS #11 module \S+ does not start: .*pkcs11\.write"),
    "a path that is missing": (None, ["pkcs11.read=/nowhere"], r"pkcs11\.read: there is no file /nowhere"),
    "no token": (None, ["files.intermediate_key=pkcs11:token=other;object=issuer"], r'files\.intermediate_key: the token "other" is not there'),
    "no key": (None, ["files.intermediate_key=pkcs11:token=house;object=other"],
               r'files\.intermediate_key: the token "house" has no private key called "other"'),
    "the root's key": (None, ["files.intermediate_key=pkcs11:token=house;object=root"],
                       r"files\.intermediate_key: the issuing key does not belong to the issuing certificate"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_what_is_wrong_is_said(start, tokens, what):
    spoil, sets, sentence = MISTAKES[what]
    house = start(serve=False)
    if spoil:
        spoil(house, tokens)
    house.sets += sets
    house.start(expect_ready=False)
    assert house.process.wait(30) != 0
    house.log.close()
    text = house.text().replace('\\"', '"')  # as values of the log have it
    assert re.search(rf'(signer\.cannot_start why="|^cairn-ca: ){sentence}', text, re.M), text
    assert "000000" not in house.text()
    house.process = None


# what check-config finds
CHECKED = {
    "files.intermediate_key=pkcs11:token=a;object=b?pin-value=31415": "a PIN does not belong here",
    "files.intermediate_key=pkcs11:token=a": "names no key",
    "files.intermediate_key=pkcs11:token=a;object=b?module-path=/x.so": "the module /x.so is not one of pkcs11.modules",
    "pkcs11.modules=softhsm.so": "no absolute path",
    "pkcs11.modules=": "pkcs11.modules names no module",
    "pkcs11.modules=/nowhere.so": "pkcs11.modules: there is no file /nowhere.so",
    "pkcs11.read=conf": "no absolute path",
    "pkcs11.write=/nowhere": "pkcs11.write: there is no file /nowhere",
    "pkcs11.sockets=some": "none of none, local and network",
    "pkcs11.pin=nowhere": "pkcs11.pin: there is no file",
    "pkcs11.sessions=65": "pkcs11.sessions",
}


@pytest.mark.parametrize("setting", CHECKED)
def test_check_config(start, setting):
    house = start(serve=False)
    sets = [word for one in [*house.sets, setting] for word in ("--set", one)]
    done = subprocess.run([CAIRN_CA, "check-config", "--dir", house.directory, *sets], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert CHECKED[setting] in done.stderr and "31415" not in done.stderr, done


def test_two_issuers_in_two_tokens(start, tokens, responder_of, tmp_path):
    """Each with a PIN of its own; one that is removed does not stop the other."""
    house = start(serve=False)
    tokens.add("second")
    tokens.run("pkcs11-tool", "--module", MODULE, "--token-label", "second", "--login", "--pin", PIN, "--change-pin",
               "--new-pin", "161803")
    (house.directory / "second.pin").write_text("161803")
    (house.directory / "second.pin").chmod(0o600)
    tokens.environment["GNUTLS_PIN"] = "161803"
    tokens.run("pkcs11-tool", "--module", MODULE, "--token-label", "second", "--login", "--pin", "161803", "--keypairgen",
               "--key-type", "RSA:2048", "--id", "01", "--label", "devices")
    tokens.certify("second", "devices", house.directory / "second.pem", name="Second Issuer")
    tokens.give_to_signer()
    text = (house.directory / "cairn-ca.yaml").read_text()
    text = re.sub(r"(?ms)^(?:# [^\n]*\n)?(directories|issuers):\n(^ .*?\n)*", "", text)
    (house.directory / "cairn-ca.yaml").write_text(
        text + "issuers:\n  second:\n    certificate: second.pem\n    root: second.pem\n    pin: second.pin\n"
        '    key: "pkcs11:token=second;id=%01"\ndirectories:\n  default: {}\n  second:\n    issuer: second\n')
    house.start()
    responder = responder_of(house)
    first, second = Client(house.url, house.root), Client(house.url.replace("/acme/", "/acme/second/"), house.root)
    first.register()
    second.register()
    judge(house, first.issue(responder, NAME), [NAME], tmp_path)
    chain = second.issue(responder, NAME)
    leaf = x509.load_pem_x509_certificate(chain)
    issuer = x509.load_pem_x509_certificate((house.directory / "second.pem").read_bytes())
    assert leaf.issuer == issuer.subject
    issuer.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, padding.PKCS1v15(), hashes.SHA256())
    tokens.remove("second")
    _, url, end = prove(second, responder, "other.example.test")
    finalize(second, end, "other.example.test")
    house.wait_for_line(r'signer\.token_missed why="the token \\"second\\"')
    for i in range(3):
        first.issue(responder, f"n{i}.example.test")
    tokens.put_back("second")
    finish(second, url)
    assert "161803" not in house.text()


def test_many_at_once(start, responder_of, tmp_path):
    house = start(serve=False)
    house.sets += ["pkcs11.sessions=8"]
    house.start()
    responder = responder_of(house)

    def one(i):
        client = Client(house.url, house.root)
        client.register()
        return [client.issue(responder, f"m{i}-{j}.example.test") for j in range(5)]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        chains = [chain for some in pool.map(one, range(12)) for chain in some]
    assert len({x509.load_pem_x509_certificate(chain).serial_number for chain in chains}) == 60
    for i, chain in enumerate(chains):
        judge(house, chain, [f"m{i // 5}-{i % 5}.example.test"], tmp_path)


def test_slow_signatures_run_beside_each_other(start, tokens, responder_of):
    """No time is asserted, only that several were under way at once."""
    house = start(serve=False, module=ILL_MODULE)
    house.sets += ["order.hold=0"]
    house.start()
    responder = responder_of(house)
    orders = [ready(house, responder, f"s{i}.example.test") for i in range(4)]
    tokens.fall_ill("slow 3000")
    for i, (client, _, end) in enumerate(orders):
        assert finalize(client, end, f"s{i}.example.test")["status"] == "processing"
    sleeping = set()
    task = f"/proc/{house.children()['signer']}/task"
    for _ in range(200):
        now = set()
        for thread in os.listdir(task):
            try:
                with open(f"{task}/{thread}/syscall", encoding="ascii") as file:
                    if file.read().split()[0] in ("230", "35", "115", "101"):  # (clock_)nanosleep, x86-64 and others
                        now.add(thread)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass
        sleeping = max(sleeping, now, key=len)
        if len(sleeping) > 1:
            break
        time.sleep(0.02)
    assert len(sleeping) > 1
    tokens.fall_ill("none")
    for client, url, _ in orders:
        finish(client, url)


def test_a_module_that_hangs(start, tokens, responder_of, tmp_path):
    """The signer ends itself, the next one asks again; the CA answers all the time."""
    house = start(serve=False, module=ILL_MODULE)
    house.sets += ["pkcs11.timeout=2s"]
    house.start()
    responder = responder_of(house)
    client, url, end = ready(house, responder, NAME)
    before = house.children()
    tokens.fall_ill("hang")
    finalize(client, end, NAME)
    house.wait_for_line(r"signer\.module_hangs milliseconds=\d+")
    tokens.fall_ill("none")
    judge(house, finish(client, url), [NAME], tmp_path)
    after = house.children()
    assert after["signer"] != before["signer"] and after["front"] == before["front"]


def test_a_signature_that_is_wrong_is_never_given_out(start, tokens, responder_of):
    house = start(module=ILL_MODULE)
    client, url, end = ready(house, responder_of(house), NAME)
    tokens.fall_ill("garbage")
    assert finalize(client, end, NAME)["status"] == "processing"
    house.wait_for_line(r'signer\.refused id=\d+ why="what the token signed does not verify')
    tokens.fall_ill("none")
    finish(client, url)


def test_a_house_that_ends_while_its_module_hangs(start, tokens, responder_of):
    house = start(module=ILL_MODULE)
    client, url, end = ready(house, responder_of(house), NAME)
    tokens.fall_ill("hang")
    finalize(client, end, NAME)
    time.sleep(1)
    assert house.stop() == 0, house.text()
    tokens.fall_ill("none")
    house.start()
    client = Client(house.url, house.root, key=client.key)
    client.register()
    finish(client, url)


def test_reload_while_a_token_is_slow(start, tokens, responder_of):
    house = start(module=ILL_MODULE)
    client, url, end = ready(house, responder_of(house), NAME)
    tokens.fall_ill("slow 2000")
    finalize(client, end, NAME)
    house.process.send_signal(1)
    house.wait_for_line(r"proc\.reloaded")
    finish(client, url)


@pytest.mark.parametrize("root_kind, kind", [("p384", "p256"), ("rsa4096", "rsa2048"), ("ed25519", "ed25519")])
def test_init_makes_root_and_issuer_in_the_token(tokens, tmp_path, responder_of, root_kind, kind):
    """What init makes is what the CA serves with; the tools of others find the keys, and no file has one."""
    tokens.add("made")
    pin = tmp_path / "pin"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    house = House(tmp_path / "ca", more=[
        "--root-key", "pkcs11:token=made;object=root", "--intermediate-key", "pkcs11:token=made;object=issuer",
        "--root-key-type", root_kind, "--key-type", kind, "--module", MODULE, "--pin-file", pin,
        "--set", f"pkcs11.read={tokens.configuration}", "--set", f"pkcs11.write={tokens.store}"])
    assert {path.name for path in house.directory.glob("*.key")} <= {"audit.key", "perspective.key"}
    assert b"PRIVATE KEY" not in (house.directory / "intermediate.pem").read_bytes() + house.root.read_bytes()
    listed = tokens.run("pkcs11-tool", "--module", MODULE, "--token-label", "made", "--login", "--pin", PIN, "-O", "--type", "privkey")
    assert listed.count("never extractable") == 2 and "decrypt" not in listed
    text = (house.directory / "cairn-ca.yaml").read_text()
    assert "pkcs11:token=made;object=issuer" in text and PIN not in text
    again = subprocess.run([CAIRN_CA, "init", "--dir", tmp_path / "other", "--root-key", "pkcs11:token=made;object=root",
                            "--module", MODULE, "--pin-file", pin], capture_output=True, text=True, check=False)
    assert again.returncode != 0 and "already; nothing was changed" in again.stderr and not (tmp_path / "other").exists()
    tokens.give_to_signer()
    try:
        house.start()
        client = Client(house.url, house.root)
        client.register()
        judge(house, client.issue(responder_of(house), NAME), [NAME], tmp_path)
        assert house.stop() == 0, house.text()
    finally:
        house.close()


def test_init_that_fails_leaves_no_key(tokens, tmp_path):
    """What is wrong with the one key is found before the other is made, so that init can be tried again."""
    tokens.add("made")
    pin = tmp_path / "pin"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    words = [CAIRN_CA, "init", "--dir", tmp_path / "ca", "--module", MODULE, "--pin-file", pin,
             "--intermediate-key", "pkcs11:token=made;object=issuer"]
    for root, complaint in (("pkcs11:token=absent;object=root", "absent"), ("pkcs11:token=made;colour=red", "colour"),
                            ("pkcs11:token=made;object=root;pin-value=1", "pin-value")):
        done = subprocess.run([*words, "--root-key", root], capture_output=True, text=True, check=False)
        assert done.returncode != 0 and complaint in done.stderr, done
    own = tmp_path / "own"
    subprocess.run([CAIRN_CA, "init", "--dir", own], check=True, capture_output=True)
    done = subprocess.run([*words, "--root-cert", own / "root.pem", "--root-key", own / "intermediate.key"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 78 and "do not belong together" in done.stderr, done
    listed = tokens.run("pkcs11-tool", "--module", MODULE, "--token-label", "made", "--login", "--pin", PIN, "-O")
    assert "Private Key" not in listed and "Public Key" not in listed, listed
    assert not (tmp_path / "ca").exists()


def test_an_offline_root_in_a_token(tokens, tmp_path):
    """A root in one token signs the request of an intermediate in another, and cross-signs nothing by itself."""
    tokens.add("root")
    tokens.add("issuer")
    pin = tmp_path / "pin"
    pin.write_text(PIN)
    pin.chmod(0o600)
    way = ["--module", MODULE, "--pin-file", str(pin)]

    def cairn_ca(*words, code=0):
        done = subprocess.run([str(w) for w in (CAIRN_CA, *words)], capture_output=True, text=True, check=False)
        assert done.returncode == code, done
        assert PIN not in done.stdout + done.stderr
        return done

    cairn_ca("init", "--dir", tmp_path / "root", "--name", "Offline", "--root-key", "pkcs11:token=root;object=root",
             "--intermediate-key", "pkcs11:token=root;object=unused", *way)
    cairn_ca("init", "--dir", tmp_path / "ca", "--name", "Online", "--root-csr", "--intermediate-key",
             "pkcs11:token=issuer;object=issuer", *way)
    assert not (tmp_path / "ca/intermediate.key").exists() and (tmp_path / "ca/intermediate.csr").exists()
    cairn_ca("intermediate", "sign", "--root-cert", tmp_path / "root/root.pem", "--root-key", "pkcs11:token=root;object=root", "--csr",
             tmp_path / "ca/intermediate.csr", "--out", tmp_path / "signed.pem", *way)
    cairn_ca("intermediate", "import", "--dir", tmp_path / "ca", "--certificate", tmp_path / "signed.pem", "--root-cert",
             tmp_path / "root/root.pem")
    judges.output(["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "ca/root.pem", tmp_path / "ca/intermediate.pem"])
    for words, sentence in ((("--root-key", "pkcs11:token=root;object=other", *way), 'no private key called "other"'),
                            (("--root-key", "pkcs11:token=root;object=root"), "needs --module"),
                            (("--root-key", "pkcs11:token=root"), "names no key")):
        done = subprocess.run([str(w) for w in (CAIRN_CA, "intermediate", "sign", "--root-cert", tmp_path / "root/root.pem", "--csr",
                               tmp_path / "ca/intermediate.csr", *words)], capture_output=True, text=True, check=False)
        assert done.returncode != 0 and sentence in done.stderr, done
