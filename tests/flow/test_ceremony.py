"""Key ceremonies: a file is done once in memory, then for good, and what was done is signed. Rows X-CA-1, X-CA-2, X-CRL-4.
Judged by openssl, certtool and python3-cryptography."""
import base64
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import tokens as tokens_module
from house import CAIRN_CA, House
from test_hierarchy import issues, three_levels, verifies  # noqa: F401 (a fixture)
from test_readme import blocks

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/examples/ceremony.yaml"


def run(*words, code=0, **more):
    done = subprocess.run([str(word) for word in (CAIRN_CA, "ceremony", *words)], capture_output=True, text=True, check=False, **more)
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def secret(path, text):
    path.write_text(text + "\n")
    path.chmod(0o600)


def lay(folder, steps, **head):
    """A ceremony of steps: (name, {option: value})."""
    lines = [f"{name}: {json.dumps(value)}" for name, value in head.items()] + ["steps:"]
    for name, options in steps:
        lines.append(f"  {name}:")
        lines += [f"    {option}: {json.dumps(value)}" for option, value in options.items()]
    path = folder / "ceremony.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def key(name, **more):
    return name, {"does": "make-key", "type": "p256", "file": f"{name}.key", **more}


def root(name="root", **more):
    return name, {"does": "root", "key": f"{name}-key", "common_name": f"The {name}", "out": f"{name}.pem", **more}


def intermediate(name, issuer="root", **more):
    return name, {"does": "intermediate", "key": f"{name}-key", "issuer": issuer, "common_name": f"The {name}",
                  "out": f"{name}.pem", **more}


BASIC = [key("root-key"), root(), key("low-key"), intermediate("low")]


def load(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def objects(tokens):
    """What is in tokens, but for the locks and the note of the last login of those who look."""
    return {str(p.relative_to(tokens.store)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in tokens.store.rglob("*.object") if p.name != "token.object"}


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def example(tmp_path):
    path = tmp_path / "ceremony.yaml"
    path.write_bytes(EXAMPLE.read_bytes())
    secret(tmp_path / "root.passphrase", "for the root")
    secret(tmp_path / "intermediate.passphrase", "for the others")
    return path


# ---- the example of the documents, from the file to an issued certificate ----


def test_the_example(example, tmp_path):
    before = contents(tmp_path)
    shown = run("run", example, "--dry-run")
    assert contents(tmp_path) == before
    assert "DRY RUN" in shown and shown.count("lint         good") == 4, shown
    done = run("run", example)
    for line in shown.splitlines():  # what was shown is what is done, but for times, keys and serials
        if re.match(r"  (subject|issuer|permitted|excluded|policy|list at|only for|CAs below|number|entries)\b", line):
            assert line in done.splitlines(), line
    for name in ("intermediate", "internal"):
        assert verifies(tmp_path / "root.pem", tmp_path / f"{name}.pem")
        assert (tmp_path / f"{name}.key").stat().st_mode & 0o777 == 0o600
        assert b"ENCRYPTED" in (tmp_path / f"{name}.key").read_bytes()
    made = load(tmp_path / "root.pem")
    assert (made.not_valid_after - made.not_valid_before).days == 9130  # X-CA-1: 9131 days, both ends counted
    assert not any(e.oid == x509.ExtensionOID.EXTENDED_KEY_USAGE for e in made.extensions)
    below = load(tmp_path / "internal.pem")  # X-CA-2
    assert set(below.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == {
        ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert [n.value for n in below.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees][0] == \
        "corp.example.com"
    crl = x509.load_der_x509_crl((tmp_path / "root.crl").read_bytes())
    assert crl.is_signature_valid(made.public_key()) and len(crl) == 0
    subprocess.run(["openssl", "crl", "-in", tmp_path / "root.crl", "-CAfile", tmp_path / "root.pem", "-noout"], check=True)
    assert "certificate is revoked" not in subprocess.run(
        ["openssl", "verify", "-crl_check", "-CAfile", tmp_path / "root.pem", "-CRLfile", tmp_path / "root.crl",
         tmp_path / "intermediate.pem"], capture_output=True, text=True, check=True).stdout
    assert "3 keys signed" in run("verify", f"{example}.transcript", "--files", tmp_path)
    text = (tmp_path / "ceremony.yaml.transcript").read_text() + done
    assert "for the root" not in text and "for the others" not in text


def test_a_ca_serves_what_a_ceremony_made(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    secret(folder / "pass", "of the intermediate")
    run("run", lay(folder, [key("root-key", type="p384"), root(), key("low-key", passphrase="pass"), intermediate("low")]))
    house = House(tmp_path / "ca", more=("--intermediate-cert", folder / "low.pem", "--intermediate-key", folder / "low-key.key",
                                         "--root-cert", folder / "root.pem", "--key-passphrase-file", folder / "pass"))
    try:
        chain = issues(house)
        assert verifies(folder / "root.pem", chain[0], folder / "low.pem")
    finally:
        house.close()


def test_the_next_list_of_the_documents(example, tmp_path):
    run("run", example)
    later = tmp_path / "later.yaml"
    later.write_text(next(block for block in blocks("docs/operations.md", "A key ceremony") if block.startswith("steps:")))
    before = contents(tmp_path)
    assert "signed       not in a dry run" in run("run", later, "--dry-run")
    assert contents(tmp_path) == before
    run("run", later)
    answer = subprocess.run(["openssl", "verify", "-crl_check", "-CAfile", tmp_path / "root.pem", "-CRLfile", tmp_path / "root-2.crl",
                             tmp_path / "intermediate.pem", tmp_path / "internal.pem"], capture_output=True, text=True, check=False)
    assert "intermediate.pem: verification failed" in answer.stderr + answer.stdout and "internal.pem: OK" in answer.stdout, answer
    assert "certificate revoked" in answer.stderr


# ---- tokens ----


@pytest.fixture
def tokens(monkeypatch):
    made = tokens_module.Tokens()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.add("safe")
    yield made
    made.close()


def test_keys_in_a_token(tmp_path, tokens):
    secret(tmp_path / "pin", tokens_module.PIN)
    uri = "pkcs11:token=safe;object="
    path = lay(tmp_path, [key("root-key", type="p384", file=uri + "root"), root(),
                          key("low-key", type="rsa2048", file=uri + "low"), intermediate("low"),
                          ("list", {"does": "list", "issuer": "root", "number": 1, "lifetime": "90d", "out": "root.crl"})],
               module=tokens_module.MODULE, pin="pin")
    before = contents(tmp_path), contents(tokens.store)
    run("run", path, "--dry-run")
    assert (contents(tmp_path), contents(tokens.store)) == before  # neither a file nor an object
    assert tokens_module.PIN not in run("run", path)
    assert not list(tmp_path.glob("*.key"))
    assert verifies(tmp_path / "root.pem", tmp_path / "low.pem")
    assert "2 keys signed" in run("verify", f"{path}.transcript", "--files", tmp_path)
    listed = tokens.run("pkcs11-tool", "--module", tokens_module.MODULE, "--token-label", "safe", "--login", "--pin",
                        tokens_module.PIN, "-O", "--type", "privkey")
    assert "root" in listed and "low" in listed
    assert "sensitive" in listed and tokens_module.PIN not in pathlib.Path(f"{path}.transcript").read_text()

    # another ceremony takes the root's key from the token; what is there is looked at before anything is made
    for name in ("root.pem", "low.pem", "root.crl", "ceremony.yaml.transcript"):
        (tmp_path / name).rename(tmp_path / f"old-{name}")
    now = contents(tmp_path), objects(tokens)
    assert re.search(r"ceremony\.yaml:\d+:\d+: steps\.root-key\.file: nothing was done: there is such a key already",
                     run("run", path, code=1))
    assert (contents(tmp_path), objects(tokens)) == now
    path = lay(tmp_path, [("root-key", {"does": "open-key", "file": uri + "root"}),
                          ("root", {"does": "read-certificate", "file": "old-root.pem"}),
                          ("low", {"does": "read-certificate", "file": "old-low.pem"}),
                          ("old", {"does": "read-list", "file": "old-root.crl"}),
                          ("list", {"does": "list", "issuer": "root", "issuer_key": "root-key", "number": 2, "lifetime": "90d",
                                    "previous": "old", "revoke": ["low superseded", "serial:0badcafe keyCompromise 2026-01-02T03:04:05Z"],
                                    "out": "root.crl"}),
                          ("check", {"does": "verify", "list": "list", "issuer": "root"})],
               module=tokens_module.MODULE, pin="pin")
    now = contents(tmp_path), objects(tokens)
    shown = run("run", path, "--dry-run")
    assert "signed       not in a dry run" in shown and "verified     not in a dry run" in shown
    assert (contents(tmp_path), objects(tokens)) == now
    run("run", path)
    crl = x509.load_der_x509_crl((tmp_path / "root.crl").read_bytes())
    assert crl.is_signature_valid(load(tmp_path / "old-root.pem").public_key())
    assert {entry.serial_number: entry.extensions.get_extension_for_class(x509.CRLReason).value.reason for entry in crl} == {
        load(tmp_path / "old-low.pem").serial_number: x509.ReasonFlags.superseded, 0x0badcafe: x509.ReasonFlags.key_compromise}
    assert "1 key signed" in run("verify", f"{path}.transcript", "--files", tmp_path)


def test_a_wrong_pin(tmp_path, tokens):
    secret(tmp_path / "pin", "000000")
    path = lay(tmp_path, [key("root-key", file="pkcs11:token=safe;object=root"), root()], module=tokens_module.MODULE, pin="pin")
    complaint = run("run", path, code=1)
    assert "PIN" in complaint and "of 2 steps 0 were done" in complaint.lower() and "000000" not in complaint
    assert "000000" not in (tmp_path / "ceremony.yaml.transcript").read_text()


# ---- requests and cross-signs ----


def test_requests_and_cross_signs(tmp_path):
    ours = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Elsewhere")]))
    (tmp_path / "in.csr").write_bytes(csr.sign(ours, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    digest = hashlib.sha256((tmp_path / "in.csr").read_bytes()).hexdigest()
    steps = [key("root-key"), root(), key("other-key", type="ed25519"), root("other"),
             key("low-key"), ("asked", {"does": "request", "key": "low-key", "common_name": "Low", "country": "DE", "out": "low.csr"}),
             ("low", {"does": "intermediate", "request": "asked", "issuer": "root", "out": "low.pem", "path_length": 0,
                      "not_after": (datetime.datetime.utcnow() + datetime.timedelta(400)).strftime("%Y-%m-%dT00:00:00Z")}),
             ("in", {"does": "read-request", "file": "in.csr", "sha256": digest}),
             ("far", {"does": "intermediate", "request": "in", "issuer": "root", "out": "far.pem", "exclude": ["bad.example"]}),
             ("cross", {"does": "cross-sign", "certificate": "low", "issuer": "other", "out": "cross.pem", "lifetime": "300d"}),
             ("check", {"does": "verify", "certificate": "cross", "issuer": "other"})]
    path = lay(tmp_path, steps)
    run("run", path, "--dry-run")
    run("run", path)
    for trusted, below in (("root", "low"), ("root", "far"), ("other", "cross")):
        assert verifies(tmp_path / f"{trusted}.pem", tmp_path / f"{below}.pem")
    low, cross, far = (load(tmp_path / f"{name}.pem") for name in ("low", "cross", "far"))
    assert low.public_key().public_numbers() == cross.public_key().public_numbers() and low.subject == cross.subject
    assert low.not_valid_after.hour == 0 and low.subject.rfc4514_string() == "CN=Low,C=DE"
    assert far.public_key().public_numbers() == ours.public_key().public_numbers() and far.subject.rfc4514_string() == "CN=Elsewhere"
    assert (cross.not_valid_after - cross.not_valid_before) == datetime.timedelta(300, -1)
    assert x509.load_pem_x509_csr((tmp_path / "low.csr").read_bytes()).is_signature_valid
    assert "3 keys" in run("verify", f"{path}.transcript", "--files", tmp_path)
    named = {line["step"]: line for line in lines_of(tmp_path / "ceremony.yaml.transcript") if "step" in line}
    assert named["in"]["inputs"] == [{"file": "in.csr", "sha256": digest}]


def test_an_existing_root_signs_nothing_in_a_dry_run(tmp_path):
    """Neither can it be told from memory: there is no signature in what comes out."""
    run("run", lay(tmp_path, [key("root-key"), root()]))
    (tmp_path / "ceremony.yaml.transcript").unlink()
    path = lay(tmp_path, [("root-key", {"does": "open-key", "file": "root-key.key"}),
                          ("root", {"does": "read-certificate", "file": "root.pem"}),
                          key("low-key"), intermediate("low", issuer_key="root-key"),
                          ("check", {"does": "verify", "certificate": "low", "issuer": "root"})])
    before = contents(tmp_path)
    assert "not in a dry run: the issuer's key exists" in run("run", path, "--dry-run")
    assert contents(tmp_path) == before
    run("run", path)
    assert verifies(tmp_path / "root.pem", tmp_path / "low.pem")


@pytest.mark.parametrize("read", [False, True], ids=["made below it", "read"])
def test_constraints_of_every_certificate_above(three_levels, tmp_path, read):
    """X-CA-4: those of the root bind what a CA below its own intermediate is called, be that read or made here."""
    first = [("top-key", {"does": "open-key", "file": "levels/top.key"}), ("top", {"does": "read-certificate", "file": "levels/top.pem"}),
             ("middle-key", {"does": "open-key", "file": "levels/middle.key"})]
    if read:
        first.append(("middle", {"does": "read-certificate", "file": "levels/middle.pem"}))
    else:
        first.append(("middle", {"does": "intermediate", "key": "middle-key", "issuer": "top", "issuer_key": "top-key",
                                 "common_name": "Middle", "organization": "House", "path_length": 1, "out": "middle.pem"}))
    for organization, good in (("House", True), ("Elsewhere", False)):
        path = lay(tmp_path, [*first, key("low-key", file=f"{organization}.key"),
                              intermediate("low", "middle", issuer_key="middle-key", organization=organization, out=f"{organization}.pem")])
        for words in (["--dry-run"], ["--transcript", tmp_path / f"{organization}.transcript"]):
            said = run("run", path, *words, code=0 if good else 1)
            assert good or "a name is outside the name constraints of its issuers" in said
        assert (tmp_path / f"{organization}.pem").exists() == good
        (tmp_path / "middle.pem").unlink(missing_ok=True)


# ---- what is wrong with a file ----


def changed(**changes):
    """BASIC with options of steps changed: STEP__OPTION=value, None to leave it out."""
    steps = [(name, dict(options)) for name, options in BASIC]
    for where, value in changes.items():
        name, option = where.split("__")
        name = name.replace("_", "-")
        for step, options in steps:
            if step == name:
                options.pop(option, None)
                if value is not None:
                    options[option] = value
    return steps


MISTAKES = [
    (changed(root__does="rot"), 10, 'no step does "rot"; did you mean "root"'),
    (changed(root__does=None), 6, "does not say what it does"),
    (changed(root__key="low-key"), None, 'no step before this one is called "low-key"'),
    (changed(root__key="nothing"), None, "no step before this one"),
    (changed(low__issuer="root-key"), None, 'the step "root-key" makes a key, not a certificate'),
    (changed(low__issuer=None), None, "needs issuer"),
    (changed(low__common_name=None), None, "needs a common_name"),
    (changed(low__request="root"), None, "makes a certificate, not a request"),
    (changed(root__type="p256"), None, "a step that does root has no such option"),
    (changed(root__usage=["server"]), None, "a step that does root has no such option"),
    (changed(low__usage=["mail"]), None, "neither server nor client"),
    (changed(low__policy=["2.x"]), None, "no object identifier"),
    (changed(low__permit=[".example.com"]), None, "without its beginning"),
    (changed(low__crl_url=["https://a.test/x"]), None, "no URL that begins with http://"),
    (changed(low__lifetime="10y"), None, "not a duration"),
    (changed(low__lifetime="9999d"), None, "would outlive its issuer"),
    (changed(low__lifetime="1d", low__not_after="2040-01-01T00:00:00Z"), None, "lifetime says that already"),
    (changed(low__not_after="tomorrow"), None, "no time such as"),
    (changed(root__not_before="2020-01-01T00:00:00Z", root__not_after="2019-01-01T00:00:00Z"), None, "end before it begins"),
    (changed(low__path_length="many"), None, "no number up to 100"),
    (changed(low__country="Germany"), None, "not the code of a country"),
    (changed(low__common_name="x" * 65), None, "1 to 64 characters"),
    (changed(low__out="root.pem"), None, "an earlier step makes that"),
    (changed(root_key__type="p521"), None, "no such type of key"),
    (changed(root_key__file="pkcs11:token=a;object=b"), None, "no module is given"),
    (changed(root_key__file="pkcs11:token=a;pin-value=1;object=b"), None, "steps.root-key.file"),
    (changed(root_key__passphrase="not-there"), None, "not-there"),
    (changed(root__surprise="1"), None, 'there is no option "steps.root.surprise"'),
    (changed(root__out=["a", "b"]), None, "must be a single value"),
    ([*BASIC, ("list", {"does": "list", "issuer": "root", "out": "c", "lifetime": "1d"})], None, "needs number"),
    ([*BASIC, ("list", {"does": "list", "issuer": "root", "number": 1, "out": "c"})], None, "lifetime or next_update"),
    ([*BASIC, ("list", {"does": "list", "issuer": "root", "number": 1, "out": "c", "lifetime": "366d"})], None, "rule_crl_updates"),
    ([*BASIC, ("list", {"does": "list", "issuer": "root", "number": 1, "out": "c", "lifetime": "9d", "revoke": ["low"]})], None,
     "STEP REASON"),
    ([*BASIC, ("list", {"does": "list", "issuer": "root", "number": 1, "out": "c", "lifetime": "9d", "revoke": ["low bored"]})], None,
     "a reason is keyCompromise"),
    ([*BASIC, ("list", {"does": "list", "issuer": "root", "number": 1, "out": "c", "lifetime": "9d",
                        "revoke": ["low superseded", "low superseded"]})], None, "is there twice"),
    ([*BASIC, ("list", {"does": "list", "issuer": "root", "number": 1, "out": "c", "lifetime": "9d",
                        "revoke": ["low superseded 2099-01-01T00:00:00Z"]})], None, "rule_crl_entries"),
    ([*BASIC, ("check", {"does": "verify", "certificate": "root", "issuer": "low"})], None, "its issuer has another name"),
    ([*BASIC, ("check", {"does": "verify", "issuer": "low"})], None, "a certificate or a list"),
    ([*BASIC, intermediate("low2", key="low-key", issuer="low")], None, "which is too few"),
    ([("a", {"does": "read-certificate", "file": "none.pem"})], None, "none.pem"),
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_mistake_is_named_with_its_place_and_nothing_is_made(number, tmp_path):
    """By the dry run and, before it has made anything, where the file can tell, by the real one."""
    steps, line, words = MISTAKES[number]
    path = lay(tmp_path, steps)
    before = contents(tmp_path)
    done = subprocess.run([CAIRN_CA, "ceremony", "run", path, "--dry-run"], capture_output=True, text=True, check=False)
    assert done.returncode in (1, 78) and words in done.stderr, done
    place = re.search(r"ceremony\.yaml:(\d+):(\d+): ", done.stderr)
    assert place and int(place[2]) >= 1 and (line is None or int(place[1]) == line), done.stderr
    option = re.search(r"steps\.([a-z0-9-]+)\.([a-z0-9_]+)[: ]", done.stderr)
    if option:  # the line is that of the option
        assert option[2] in path.read_text().splitlines()[int(place[1]) - 1], done.stderr
    assert contents(tmp_path) == before


@pytest.mark.parametrize("text, words", [
    ("", "steps: there are none"), ("steps:\n", "steps"), ("steps: 5\n", "steps"), ("steps: [a]\n", "steps"), ("- a\n", "name: value"),
    ("nome: x\n", "nome"), ("steps:\n  a:\n    does: root\n  a:\n    does: root\n", "a"), ("rules: web\nsteps:\n  a: {does: root}\n", "rules"),
    ("now: today\nsteps:\n  a: {does: root}\n", "now"), ("steps:\n  A_b:\n    does: root\n", "no name"), ("steps: {\n", ":"),
    ("\x00", "control"), ("steps:\n  a: &x {does: *x}\n", "")])
def test_a_file_that_is_none(text, words, tmp_path):
    path = tmp_path / "ceremony.yaml"
    path.write_text(text)
    assert words in run("run", path, code=78)
    assert contents(tmp_path) == {"ceremony.yaml": text.encode()}


@pytest.mark.parametrize("words, complaint", [
    ((), "name one file"), (("a", "b"), "name one file"), (("a.yaml", "--dry-run", "--transcript", "b"), "--transcript"),
    (("a.yaml", "--files", "b"), "--files")])
def test_a_wrong_command_line(words, complaint, tmp_path):
    assert complaint in run("run", *words, code=64, cwd=tmp_path)
    assert not contents(tmp_path)


def test_a_clock_that_is_wrong(tmp_path):
    path = lay(tmp_path, BASIC, now="2026-01-01T00:00:00Z")
    assert "2026-01-01T00:00:00Z" in run("run", path, "--dry-run")  # witnesses may look at any time
    assert "ceremony.yaml:1:7: now: it is more than a day" in run("run", path, code=78)
    assert list(contents(tmp_path)) == ["ceremony.yaml"]


def test_rules_of_the_forum(tmp_path):
    path = lay(tmp_path, changed(root__lifetime="90d", root__country="DE", root__organization="Example"), rules="br")
    assert "rule_ca_lifetime" in run("run", path, "--dry-run", code=1)
    path = lay(tmp_path, BASIC, rules="br")
    assert "steps.root: rule_ca_subject_public" in run("run", path, "--dry-run", code=1)


# ---- a ceremony that is interrupted ----


def test_nothing_is_overwritten(tmp_path):
    path = lay(tmp_path, BASIC)
    run("run", path)
    before = contents(tmp_path)
    complaint = run("run", path, code=1)
    for name in ("root-key.key", "root.pem", "low-key.key", "low.pem", "ceremony.yaml.transcript"):
        assert name in complaint
    assert contents(tmp_path) == before
    assert "4 of what this ceremony makes exists" in run("run", path, "--dry-run", code=1)


def test_it_ends_at_the_first_error_and_says_what_was_done(tmp_path):
    path = lay(tmp_path, changed(low__lifetime="9999d"))
    complaint = run("run", path, code=78)
    assert "would outlive" in complaint and "Of 4 steps 3 were done" in complaint
    assert {"root.pem", "root-key.key", "low-key.key", "ceremony.yaml.transcript"} < set(contents(tmp_path))
    assert not (tmp_path / "low.pem").exists()
    last = [line for line in lines_of(tmp_path / "ceremony.yaml.transcript") if "end" in line]
    assert [line["end"] for line in last] == ["failed"] and "would outlive" in last[0]["why"]
    assert last[0]["step"] == "low" and str(tmp_path) not in (tmp_path / "ceremony.yaml.transcript").read_text()
    assert "was not finished" in run("verify", f"{path}.transcript", "--files", tmp_path, code=1)


# ---- the transcript ----


@pytest.fixture
def held(tmp_path):
    path = lay(tmp_path, [key("root-key", type="rsa2048"), root(), key("low-key"), intermediate("low"),
                          key("third-key", type="ed25519")], name="A test", operators=["Ada", "Grace"])
    run("run", path, "--transcript", tmp_path / "record")
    return tmp_path / "record"


def test_others_verify_the_transcript(held, tmp_path):
    """Its signatures by python3-cryptography, its digests by hashlib."""
    text = held.read_bytes()
    body = text[:text.index(b'{"signature_of"')]
    signatures = [json.loads(line) for line in text[len(body):].splitlines()]
    assert [line["signature_of"] for line in signatures] == ["root-key", "low-key", "third-key"]
    for line in signatures:
        spki, signature = (base64.urlsafe_b64decode(line[name] + "==") for name in ("spki", "signature"))
        public = serialization.load_der_public_key(spki)
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, body)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, body, ec.ECDSA(hashes.SHA256()))
        else:
            public.verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
    head, *steps, end = [json.loads(line) for line in body.splitlines()]
    assert head["operators"] == ["Ada", "Grace"] and head["name"] == "A test" and end["end"] == "complete"
    assert head["sha256"] == hashlib.sha256((tmp_path / "ceremony.yaml").read_bytes()).hexdigest()
    assert head["program_sha256"] == hashlib.sha256(pathlib.Path(CAIRN_CA).read_bytes()).hexdigest()
    assert [line["step"] for line in steps] == ["root-key", "root", "low-key", "low", "third-key"]
    made = load(tmp_path / "low.pem")
    low = steps[3]
    assert low["fingerprint"] == made.fingerprint(hashes.SHA256()).hex() and int(low["serial"], 16) == made.serial_number
    assert low["outputs"] == [{"file": "low.pem", "sha256": hashlib.sha256((tmp_path / "low.pem").read_bytes()).hexdigest()}]
    assert low["signed_by"] == steps[0]["key"]
    assert "PRIVATE" not in held.read_text()


def refuses(record, *words, code=1):
    return run("verify", record, *words, code=code)


def test_a_changed_transcript(held):
    text = held.read_bytes()
    run("verify", held)
    lines = text.splitlines(keepends=True)
    count = len(lines)
    tries = [b"".join(lines[:i] + lines[i + 1:]) for i in range(count)]  # each line is missing
    tries += [b"".join(lines[:i] + [lines[i + 1], lines[i]] + lines[i + 2:]) for i in range(count - 4)]  # two change places
    tries += [text[:-1], text + b"{}\n", text + lines[1], text + b"x", b"", b"\n", b"{}\n", b"[]\n" + text, lines[0] + text]
    for at in range(0, len(text), max(1, len(text) // 150)):  # an octet is another one
        tries.append(text[:at] + bytes([text[at] ^ 1]) + text[at + 1:])
    for number, other in enumerate(tries):
        held.write_bytes(other)
        done = subprocess.run([CAIRN_CA, "ceremony", "verify", held], capture_output=True, text=True, check=False)
        same = re.sub(rb'"signature_of":"[^"]*"', b"", other) == re.sub(rb'"signature_of":"[^"]*"', b"", text)
        assert done.returncode == (0 if same else 1), (number, done, other)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr


@pytest.mark.parametrize("name", ["root.pem", "low.pem", "ceremony.yaml"])
def test_a_changed_file(held, tmp_path, name):
    run("verify", held, "--files", tmp_path)
    path = tmp_path / name
    good = path.read_bytes()
    path.write_bytes(good + b"\n")
    assert name in refuses(held, "--files", tmp_path) and "changed" in refuses(held, "--files", tmp_path)
    path.unlink()
    assert name in refuses(held, "--files", tmp_path)


@pytest.mark.parametrize("silent", [False, True])
def test_another_transcript_around_the_same_root(held, tmp_path, silent):
    """Who has not got the root's key cannot make one up, whichever keys sign it."""
    body = held.read_bytes()
    body = body[:body.index(b'{"signature_of"')]
    root_id = json.loads(body.splitlines()[1])["key"]
    mine = ed25519.Ed25519PrivateKey.generate()
    spki = mine.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    lines = [line for line in body.decode().splitlines() if '"make-key"' not in line or root_id in line]
    forged = "\n".join(lines).replace("Grace", "Mallory").replace(root_id, hashlib.sha256(spki).hexdigest()) + "\n"
    if silent:
        forged = re.sub(r',"signed_by":"\w+"', "", forged)
    encoded = [base64.urlsafe_b64encode(octets).decode().rstrip("=") for octets in (spki, mine.sign(forged.encode()))]
    held.write_text(forged + json.dumps({"signature_of": "root-key", "spki": encoded[0], "signature": encoded[1]}) + "\n")
    run("verify", held)  # without the files it cannot be told
    assert "root.pem is not signed by the key that the transcript says" in refuses(held, "--files", tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path):
    path = lay(tmp_path, changed(low__out="nowhere/low.pem"))
    assert "files cannot be made there" in run("run", path, code=78)
    assert list(contents(tmp_path)) == ["ceremony.yaml"]
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        assert "files cannot be made there" in run("run", lay(tmp_path, BASIC), code=78)
        tmp_path.chmod(0o700)
