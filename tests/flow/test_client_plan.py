"""cairn.yaml brought about: check, plan, apply, list, show, delete, rollback, --dry-run. The CA is Pebble."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

import schemas
from house import CAIRN

DONE, FAILED, UNCHANGED, VALIDATION, DEPLOY, USAGE = 0, 1, 2, 5, 7, 64


class Site:
    """A host: cairn.yaml, a state folder."""

    def __init__(self, folder, ca):
        self.folder, self.ca = pathlib.Path(folder), ca
        self.file = self.folder / "cairn.yaml"
        self.environment = {}
        self.state = self.folder / "state"
        self.head = (f"state: {self.state}\nca: pebble\nagree_tos: true\ncas:\n  pebble:\n    directory: {ca.url}\n"
                     f"    ca_file: {ca.root}\ndefaults:\n  http_port: {ca.http_port}\n")

    def write(self, text):
        self.file.write_text(self.head + text)

    def certificates(self, **names):
        """certificates of these names, each a list; and their options."""
        self.write("certificates:\n" + "".join(
            f"  {name}:\n" + "".join(f"    {key}: {value}\n" for key, value in options.items()) for name, options in names.items()))

    def run(self, *words, code=DONE):
        done = subprocess.run([CAIRN, *map(str, words), "--config", self.file], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **self.environment})
        assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words, code=DONE):
        return schemas.check(self.run(*words, "--json", code=code).stdout, *words)

    def plan(self, *words, code=DONE):
        """Name to what would be done."""
        made = self.json("plan", *words, code=code)
        return {one["name"]: one["action"] for one in made["certificates"]}

    def live(self, name):
        return self.state / "certificates" / name / "current"

    def certificate(self, name):
        return x509.load_pem_x509_certificate((self.live(name) / "cert.pem").read_bytes())

    def is_pair(self, name):
        key = load_pem_private_key((self.live(name) / "key.pem").read_bytes(), None).public_key()
        spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return key.public_bytes(*spki) == self.certificate(name).public_key().public_bytes(*spki)


@pytest.fixture
def site(pebble, tmp_path):
    return Site(tmp_path, pebble)


def prints(folder):
    """Every file below, with what is in it; link or mode changed counts, too."""
    return {str(path.relative_to(folder)): (path.lstat().st_mode, os.readlink(path) if path.is_symlink() else
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "") for path in sorted(pathlib.Path(folder).rglob("*"))}


# ---- plan, apply ----

def test_a_file_is_brought_about(site):
    """Nothing there, all there, names changed, one more, one less: each planned with its reason, then done."""
    site.certificates(one={"names": "[one.test, www.one.test]"}, two={"names": "two.test"})
    before = prints(site.folder)
    done = site.run("plan")
    assert "issue     one: there is none yet" in done.stdout and "plan      2 to change, 0 to keep" in done.stdout
    assert prints(site.folder) == before, "plan changes nothing"
    made = site.json("apply")
    assert sorted((one["name"], one["outcome"]) for one in made["certificates"]) == [("one", "renewed"), ("two", "renewed")]
    assert site.is_pair("one") and site.is_pair("two")
    assert site.plan(code=UNCHANGED) == {"one": "keep", "two": "keep"}
    site.run("apply", code=UNCHANGED)

    serial = site.certificate("one").serial_number
    site.certificates(one={"names": "[one.test, www.one.test]"}, two={"names": "[two.test, www.two.test]"},
                      three={"names": "three.test"})
    done = site.run("plan")
    assert "reissue   two: the one that is there has other names" in done.stdout
    assert site.plan() == {"one": "keep", "two": "reissue", "three": "issue"}
    site.run("apply")
    names = site.certificate("two").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == ["two.test", "www.two.test"]
    assert site.certificate("one").serial_number == serial

    site.certificates(one={"names": "[one.test, www.one.test]"})
    assert site.plan(code=UNCHANGED) == {"one": "keep", "two": "left over", "three": "left over"}
    assert site.plan("--prune") == {"one": "keep", "two": "remove", "three": "remove"}
    site.run("renew", code=UNCHANGED)  # what is left over is nobody's failure
    assert site.live("two").exists()
    made = site.json("apply", "--prune")
    assert made["removed"] == ["three", "two"]
    assert sorted(path.name for path in (site.state / "certificates").iterdir()) == ["one"]
    site.run("apply", "--prune", code=UNCHANGED)


def test_some_of_a_file(site):
    site.certificates(one={"names": "one.test"}, two={"names": "two.test"})
    assert site.plan("two") == {"two": "issue"}
    site.run("apply", "two")
    assert site.live("two").exists() and not site.live("one").exists()
    assert "no certificate \"three\"" in site.run("apply", "three", code=FAILED).stderr
    assert site.plan() == {"one": "issue", "two": "keep"}


def test_one_failure_stops_no_other(site):
    site.certificates(a={"names": "a.test", "http": "webroot:/nonexistent/x"},
                      b={"names": "b.test"})
    done = site.run("apply", code=None)
    assert done.returncode not in (DONE, UNCHANGED)
    assert "cairn: a: " in done.stderr and site.live("b").exists() and not site.live("a").exists()
    assert "1 of 2 certificates could not be brought about" in done.stderr


def test_what_failed_waits_and_says_so(site):
    """In plan, list and show; a timer that fires again does nothing, by hand it is tried at once."""
    site.certificates(a={"names": "a.test", "http_port": "1"})  # where the CA does not ask
    assert site.run("apply", code=VALIDATION).returncode == VALIDATION
    assert site.plan(code=UNCHANGED) == {"a": "waits"}
    assert "waits     a: not tried again before 20" in site.run("plan", code=UNCHANGED).stdout
    assert "failed 1 time: " in site.run("list").stdout
    shown = site.json("show", "a")
    assert shown["failure"]["count"] == 1 and shown["action"] == "waits" and "names" not in shown
    assert "failed    1 time, last 20" in site.run("show", "a").stdout
    assert site.json("apply", code=UNCHANGED)["certificates"][0]["outcome"] == "waiting"
    site.certificates(a={"names": "a.test"})
    site.run("apply", "a")
    assert site.plan(code=UNCHANGED) == {"a": "keep"} and "failed" not in site.run("list").stdout


def test_a_certificate_of_a_command_line_is_planned_too(site):
    """And is not left over when cairn.yaml does not name it."""
    site.certificates()
    site.write("")
    site.run("issue", "typed.test")
    assert site.plan(code=UNCHANGED) == {"typed.test": "keep"}
    assert [one["origin"] for one in site.json("list")] == ["command line"]
    site.run("apply", "--prune", code=UNCHANGED)
    assert site.live("typed.test").exists()


# ---- what is said meanwhile ----

LINE = r"[a-z]+ +\S.*"


def test_steps_say_which_certificate_and_the_log_has_them_with_the_time(site):
    site.certificates(one={"names": "one.test"}, two={"names": "two.test"})
    log = site.folder / "cairn.log"
    done = site.run("apply", "--log", log)
    lines = done.stdout.splitlines()
    assert all(re.fullmatch(LINE, line) and line.isprintable() for line in lines)
    for name in ("one", "two"):  # steps of this process and of the one that talks to the CA
        for verb in ("order", "prove", "proved", "key", "issued"):
            assert any(re.match(rf"{verb} +{name}\b", line) for line in lines), (verb, name, lines)
    logged = log.read_text().splitlines()
    assert [line.partition(" ")[2] for line in logged] == lines
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ " + LINE, line) for line in logged)
    assert log.stat().st_mode & 0o137 == 0
    site.run("renew", "--force", "one", "--quiet", "--log", log)
    more = log.read_text().splitlines()[len(logged):]
    assert any(" issued    one, valid until" in line for line in more), "quiet, but not in the log"
    for code, words in ((DONE, ["--force"]), (UNCHANGED, []), (FAILED, ["three"])):
        done = site.run("renew", "--log", "/dev/full", *words, code=code)
        assert done.stderr.splitlines()[-1] == "cairn: the log /dev/full lacks lines, as it could not be written: No space left on device", done.stderr
        assert done.stderr.count("/dev/full") == 1
    assert "cannot open the log" in site.run("renew", "--log", "/nonexistent/x", code=FAILED).stderr


def test_failures_are_in_the_log(site):
    site.certificates(a={"names": "a.test", "http": "webroot:/nonexistent/x"})
    log = site.folder / "cairn.log"
    done = site.run("apply", "--json", "--log", log, code=None)
    assert done.returncode not in (DONE, UNCHANGED)
    warnings = [line.partition(": ")[2] for line in done.stderr.splitlines()]
    assert warnings and [line.partition("warning   ")[2] for line in log.read_text().splitlines() if " warning " in line] == warnings


# ---- check of the file ----

@pytest.mark.parametrize("text, place, words", [
    ("certificates:\n  a:\n    nmaes: a.test\n", ":12:", "did you mean"),
    ("foo: bar\n", ":10:1:", "there is no option \"foo\"\n"),
    ("certificates:\n  a:\n    names: a.test\n    http: magic\n", "", "tokens:DIR, nginx, apache, hook:PROGRAM, uacme:PROGRAM, stateless"),
    ("certificates:\n  a:\n    names: a_b..test\n", "", "names"),
    ("certificates:\n  a:\n    names: a.test\n    deploy: nowhere\n", "", "nowhere"),
    ("certificates:\n  a:\n    names: a.test\n    cas: [nobody]\n", "", "nobody"),
    ("certificates:\n  a:\n    names: a.test\n    keys: p257\n", "", "p257"),
    ("certificates:\n  a: {names: a.test\n", "", "cairn.yaml:"),
])
def test_mistakes_of_the_file_are_named(site, text, place, words):
    """By every command that reads it, before anything is done."""
    site.write(text)
    for command in ("check", "plan", "apply", "list", "renew"):
        done = site.run(command, code=USAGE)
        assert f"{site.file}" in done.stderr and words in done.stderr and place in done.stderr, done.stderr
    assert not site.state.exists()


def test_a_good_file_is_said_to_be_good(site):
    site.certificates(a={"names": "a.test"}, b={"names": "b.test"})
    assert "2 certificates" in site.run("check").stdout
    assert site.json("check")["certificates"] == 2


WEB = "deployments:\n  web:\n    key_file: {0}/k.pem\n    fullchain_file: {0}/f.pem\n"
SPLICE = "    tls: splice:{0}:4443\n    tls_port: 4443\n    challenges: tls-alpn-01\n"


@pytest.mark.parametrize("options, more, says", [
    ("    deploy: web\n", WEB.replace("{0}/k", "{0}/none/k"), "deployments.web: key_file: there is no folder {0}/none; make it first"),
    ("    deploy: web\n", WEB.replace("k.pem", "f.pem"), "deployments.web: fullchain_file: it is {0}/f.pem, as key_file is: say two files"),
    ("    deploy: [web, mail]\n", WEB + "  mail:\n    der_file: {0}/f.pem\n",
     "deployments.mail: der_file: {0}/f.pem is written by deployments.web, too: say two files"),
    ("    deploy: web\n  b:\n    names: b.test\n    deploy: web\n", WEB,
     "deployments.web: key_file: {0}/k.pem is written for certificates.b, too: each needs files of its own"),
    ("    deploy: web\n    keys: [p256, p384]\n", WEB.replace("k.pem", "k.ALGORITHM"),
     "deployments.web: key_file: {0}/k.ecdsa would be written for p256 and for p384: put KEY into it"),
    ("    deploy: web\n", WEB + "    key: rsa2048\n", "deployments.web: key: the certificate has no key of type \"rsa2048\""),
    ("    http: webroot:{0}/none\n", "", "http: there is no folder {0}/none"),
    ("    http: tokens:{0}/none\n", "", "http: there is no folder {0}/none"),
    ("    http: hook:bin/hook\n", "", "http: write the program's whole path, from / on, not bin/hook"),
    ("    http: uacme:{0}/none\n", "", "http: {0}/none is not there or cannot be run (chmod +x)"),
    ("    http: hook:{0}\n", "", "http: {0} is not there or cannot be run (chmod +x)"),
    ("    csr: {0}/none\n", "", "csr: cannot open {0}/none: No such file or directory"),
    ("    csr: {0}/cairn.yaml\n", "", "csr: {0}/cairn.yaml: there is no certificate request"),
    ("    cas: other\n", "CAS  other:\n    directory: https://ca.test/\n    ca_file: {0}/none\n",
     "cas.other: ca_file: cannot read {0}/none: No such file or directory"),
    ("    cas: other\n", "CAS  other:\n    directory: https://ca.test/\n    eab_kid: x\n    eab_key_file: {0}/none\n",
     "cas.other: eab_key_file: cannot read {0}/none: No such file or directory"),
    (SPLICE.format("127.0.0.1"), "", "tls: splice:127.0.0.1:4443 is the port that cairn listens on itself (tls_port)"),
    (SPLICE.format("[::]"), "", "tls: splice:[::]:4443 is the port that cairn listens on itself (tls_port)"),
])
def test_what_cannot_be_used_is_not_ordered(site, pebble, options, more, says):
    """check says what apply would fall over; and apply says the same before it asks the CA for anything."""
    here = str(site.folder)
    if more.startswith("CAS"):
        site.head = site.head.replace("defaults:\n", more.replace("{0}", here).removeprefix("CAS") + "defaults:\n")
        more = ""
    site.write((more + "certificates:\n  a:\n    names: a.test\n" + options).replace("{0}", here))
    says, asked = says.replace("{0}", here), pebble.log_path.read_text()
    done = site.run("check", code=USAGE)
    assert f"cairn: certificates.a: {says}" in done.stderr, done.stderr
    assert site.json("check", code=USAGE)["mistakes"][0]["detail"].startswith(says)
    done = site.run("apply", code=USAGE)
    assert says in done.stderr and pebble.log_path.read_text() == asked, done.stderr
    assert not site.live("a").exists()


def test_what_is_written_nowhere_is_told_of(site):
    """Only by check: who wants the other half in the state folder alone may have it so."""
    keys = "certificates:\n  a:\n    names: a.test\n    keys: [p256, rsa2048]\n    deploy: [web, more]\n"
    more = "  more:\n    der_file: {0}/x.der\n"
    site.write((WEB + more + keys).replace("{0}", str(site.folder)))
    assert "certificates.a: keys: rsa2048 is written nowhere: put KEY into the paths of deployments.web" in site.run("check", code=USAGE).stderr
    site.run("apply")
    site.write((WEB + more + "    key: rsa2048\n" + keys).replace("{0}", str(site.folder)))
    site.run("check")
    site.write((WEB.replace("k.pem", "k.KEY.pem") + more + keys).replace("{0}", str(site.folder)))
    site.run("check")


def test_a_renewal_goes_on_without_a_folder(site):
    """What is there is not given up for it; and what a command makes need not be there before."""
    (site.folder / "out").mkdir()
    site.write((WEB.replace("{0}", "{0}/out") + "certificates:\n  a:\n    names: a.test\n    deploy: web\n").replace("{0}", str(site.folder)))
    site.run("apply")
    before = site.certificate("a").serial_number
    (site.folder / "out").rename(site.folder / "gone")
    assert "there is no folder" in site.run("renew", "--force", code=DEPLOY).stderr
    assert site.certificate("a").serial_number != before
    site.write((WEB.replace("{0}", "{0}/made") + f"certificates:\n  b:\n    names: b.test\n    deploy: web\n    pre_hook: mkdir {site.folder}/made\n")
               .replace("{0}", str(site.folder)))
    site.run("check")
    site.run("apply", "b")
    assert (site.folder / "made" / "k.pem").exists()


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n  # yet\n", "---\n# nothing\n", "#"])
def test_an_empty_file_is_a_good_one(site, text):
    site.file.write_text(text)
    done = site.run("check")
    assert done.stdout == f"{site.file} is good: 0 certificates\n"


@pytest.mark.skipif(os.path.exists("/etc/cairn/cairn.yaml"), reason="there is one here")
def test_no_file_is_said_to_be_none(site):
    done = subprocess.run([CAIRN, "check", "--dir", site.state], capture_output=True, text=True, check=True)
    assert done.stdout == "there is no /etc/cairn/cairn.yaml, and nothing to be checked\n"


def test_ten_thousand_are_read_at_once(site):
    """The most there may be: time grows with their number, not with its square."""
    def text(count):
        return "deployments:\n  web:\n    target: hook\n    command: 'true'\ncertificates:\n" + "".join(
            f"  c{i}.test:\n    names: [c{i}.test, www.c{i}.test]\n    deploy: web\n" for i in range(count))
    site.write(text(10000))
    before = os.times().children_user
    assert "10000 certificates" in site.run("check").stdout
    assert os.times().children_user - before < 3  # a tenth of that
    site.write(text(20000))
    assert "more than 10000 of them" in site.run("check", code=USAGE).stderr
    assert os.times().children_user - before < 5


# ---- list, show ----

def test_list_and_show_tell_what_is_there(site):
    site.certificates(a={"names": "[a.test, www.a.test]"}, b={"names": "b.test"})
    site.run("apply", "a")
    rows = {line.split()[0]: line for line in site.run("list").stdout.splitlines()}
    assert "pebble" in rows["a"] and "renewed from" in rows["a"]
    assert "not there yet" in rows["b"] and "issue: there is none yet" in rows["b"]
    shown = site.json("show", "a")
    assert shown["names"] == ["a.test", "www.a.test"] and shown["origin"] == "cairn.yaml" and shown["action"] == "keep"
    assert int(shown["keys"][0]["serial"], 16) == site.certificate("a").serial_number
    assert [one["name"] for one in site.json("list")] == ["a", "b"]
    text = site.run("show", "a").stdout
    assert "a.test, www.a.test" in text and shown["due"] in text


def test_a_script_that_is_not_there_is_missed_before_the_order(site):
    orders = site.ca.requests("/order-plz")
    site.certificates(a={"names": "a.test", "challenges": "dns-01", "dns": "mine"})
    site.write(site.file.read_text()[len(site.head):] + "dns:\n  mine:\n    provider: acme.sh:dns_nix\n")
    says = "dns.mine.provider: there is no /usr/share/acme.sh/dnsapi/dns_nix.sh; install the package acme.sh, or say with hooks.dnsapi where"
    assert says in site.run("apply", code=USAGE).stderr
    assert says in site.run("check", code=USAGE).stderr
    assert "there is no /usr/share/acme.sh/dnsapi/dns_nix.sh" in site.run(
        "issue", "b.test", "--challenge", "dns-01", "--dns", "acme.sh:dns_nix", code=USAGE).stderr
    assert site.ca.requests("/order-plz") == orders


@pytest.mark.skipif(os.geteuid() != 0, reason="folders of two users take root")
def test_a_folder_that_cannot_be_read_is_told(site):
    """Below certificates/, of root, when another user runs cairn: it would expire without a word. The others go on."""
    with tempfile.TemporaryDirectory() as folder:  # that the user nobody can reach
        os.chmod(folder, 0o755)
        other = Site(folder, site.ca)
        other.head = other.head.replace(str(site.ca.root), str(shutil.copy(site.ca.root, folder)))
        program = shutil.copy(CAIRN, folder)
        other.certificates(a={"names": "a.test"}, b={"names": "b.test"}, c={"names": "c.test"})
        other.run("apply")
        serials = [other.certificate(name).serial_number for name in "abc"]
        for path in [other.state, *other.state.rglob("*")]:
            os.chown(path, 65534, 65534, follow_symlinks=False)
        os.chown(other.state / "certificates" / "b", 0, 0)
        reason = f"cannot open {other.live('b')}/metadata.json: Permission denied"

        def run(*words, code):
            done = subprocess.run([program, *words, "--config", other.file], capture_output=True, text=True, timeout=60, check=False,
                                  user=65534, group=65534, extra_groups=[])
            assert done.returncode == code, done
            return done

        for names in ("abc", "ac"):  # named by cairn.yaml, and not
            other.certificates(**{name: {"names": f"{name}.test"} for name in names})
            rows = {line.split()[0]: line for line in run("list", code=DONE).stdout.splitlines()}
            assert reason in rows["b"] and "unknown" in rows["b"] and "renewed from" in rows["a"], rows
            listed = schemas.check(run("list", "--json", code=DONE).stdout, "list")
            assert listed[1]["name"] == "b" and listed[1]["error"] == reason
            for verb in ("renew", "apply"):
                done = run(verb, code=FAILED)
                assert "3 certificates, 0 " in done.stdout and "1 failed" in done.stdout, done
                assert re.search(r"^cairn: b: cannot open .*/certificates/b/.*: Permission denied$", done.stderr, re.MULTILINE), done
            done = run("renew", "--force", code=FAILED)
            assert "3 certificates, 2 renewed, 0 waiting, 1 failed" in done.stdout, done
        assert other.certificate("b").serial_number == serials[1] and other.certificate("a").serial_number != serials[0]


# ---- rollback ----

def test_rollback_takes_certificate_and_key_back(site):
    site.certificates(a={"names": "a.test"})
    site.run("apply")
    first = site.certificate("a").serial_number
    site.run("renew", "--force", "a")
    second = site.certificate("a").serial_number
    assert first != second
    told = site.json("rollback", "a")
    assert (told["from"], told["to"], int(told["serial"], 16)) == (2, 1, first)
    assert site.certificate("a").serial_number == first and site.is_pair("a")
    site.run("renew", code=UNCHANGED)  # not renewed at once again
    site.run("apply", code=UNCHANGED)
    assert "no version of a before" in site.run("rollback", "a", code=FAILED).stderr
    site.run("rollback", "a", "--to", 2)
    assert site.certificate("a").serial_number == second and site.is_pair("a")
    site.run("rollback", "a", "--to", 2, code=UNCHANGED)
    assert "no version 7" in site.run("rollback", "a", "--to", 7, code=FAILED).stderr
    site.run("renew", "--force", "a")
    assert os.readlink(site.live("a")) == "versions/3"


def test_rollback_brings_it_to_its_deployments(site):
    """Also what list, show and plan say of a deployment."""
    place = site.folder / "out"
    place.mkdir()
    deployments = f"deployments:\n  out:\n    fullchain_file: {place}/a.pem\n    key_file: {place}/a.key\n"
    site.certificates(a={"names": "a.test"})
    site.run("apply")
    first = (site.live("a") / "fullchain.pem").read_bytes()
    site.run("renew", "--force", "a")
    site.certificates(a={"names": "a.test", "deploy": "out"})
    site.file.write_text(site.file.read_text() + deployments)
    assert site.plan() == {"a": "deploy"}
    assert "deploy: out: due" in site.run("list").stdout
    site.json("rollback", "a")
    assert (place / "a.pem").read_bytes() == first
    assert (place / "a.key").read_bytes() == (site.live("a") / "key.pem").read_bytes()
    assert [one["state"] for one in site.json("show", "a")["deployments"]] == ["done"]
    assert site.plan(code=UNCHANGED) == {"a": "keep"}
    (place / "a.pem").unlink()
    place.chmod(0o700)
    site.file.write_text(site.file.read_text().replace(f"{place}/a.pem", f"{place}/missing/a.pem"))
    done = site.run("rollback", "a", "--to", 2, code=DEPLOY)
    assert os.readlink(site.live("a")) == "versions/2", "it is in force all the same"
    assert "out" in done.stderr
    row = site.run("list").stdout.splitlines()[1]
    assert "not deployed: out: failed" in row
    assert site.json("show", "a")["deployments"][0]["state"] == "failed"


def test_rollback_to_what_has_expired_is_refused(site):
    """It would do harm; --force does it all the same."""
    site.certificates(a={"names": "a.test"})
    site.run("apply")
    site.run("renew", "--force", "a")
    file = site.state / "certificates/a/versions/1/metadata.json"
    file.write_text(re.sub(r'"not_after":"20\d\d', '"not_after":"2020', file.read_text()))
    done = site.run("rollback", "a", code=FAILED)
    assert "expired on 2020-" in done.stderr and "--force" in done.stderr and os.readlink(site.live("a")) == "versions/2"
    site.run("rollback", "a", "--force")
    assert os.readlink(site.live("a")) == "versions/1"


def test_rollback_of_nothing(site):
    site.certificates(a={"names": "a.test"})
    assert "no certificate \"a\"" in site.run("rollback", "a", code=FAILED).stderr


# ---- delete ----

def test_delete_shows_first_and_removes_with_yes(site):
    site.certificates(a={"names": "a.test"}, b={"names": "b.test"})
    site.run("apply")
    before = prints(site.folder)
    done = site.run("delete", "a", code=UNCHANGED)
    assert "1 version with its key" in done.stdout and "--yes" in done.stdout and "cairn.yaml still names it" in done.stdout
    assert prints(site.folder) == before
    assert site.json("delete", "a", "--yes")["removed"] is True
    assert sorted(path.name for path in (site.state / "certificates").iterdir()) == ["b"]
    assert site.plan() == {"a": "issue", "b": "keep"}
    assert "no certificate \"a\"" in site.run("delete", "a", "--yes", code=FAILED).stderr


def test_delete_can_revoke_first(site):
    """What the CA says of it afterwards is the judge: it is revoked already."""
    site.certificates(a={"names": "a.test"})
    site.run("apply")
    kept = site.folder / "kept.pem"
    kept.write_bytes((site.live("a") / "cert.pem").read_bytes())
    assert site.json("delete", "a", "--revoke", code=UNCHANGED)["revoked"] is False
    told = site.json("delete", "a", "--revoke", "--yes")
    assert told["revoked"] is True and told["removed"] is True and not site.live("a").exists()
    again = site.run("revoke", kept, "--ca", "pebble", code=None)
    assert "alreadyRevoked" in again.stdout + again.stderr


# ---- dry run ----

@pytest.fixture
def staging(make_pebble):
    return make_pebble()


def test_a_dry_run_orders_at_staging_and_touches_nothing(site, staging, tmp_path):
    """Another Pebble is the staging of a CA that could not be reached at all."""
    site.head = site.head.replace(f"  pebble:\n    directory: {site.ca.url}\n    ca_file: {site.ca.root}\n",
                                  f"  pebble:\n    directory: https://127.0.0.1:1/never\n    staging: {staging.url}\n"
                                  f"    ca_file: {staging.root}\n").replace(str(site.ca.http_port), str(staging.http_port))
    site.certificates(a={"names": "a.test"}, b={"names": "b.test"})
    site.state.mkdir(mode=0o700)
    before = prints(site.folder)
    others = set(pathlib.Path("/tmp").glob("cairn-dry-run-*"))
    made = site.json("apply", "--dry-run")
    assert [one["outcome"] for one in made["certificates"]] == ["renewed", "renewed"]
    done = site.run("issue", "typed.test", "--dry-run")
    assert staging.url.rpartition("/")[0] in done.stdout
    assert site.json("issue", "typed.test", "--dry-run")["dry_run"] is True
    for journal in ("dns-01", "web", "acme-dns"):  # for what must be removed again if it is killed, and what is told for good
        (site.state / journal).rmdir()
    assert prints(site.folder) == before
    assert set(pathlib.Path("/tmp").glob("cairn-dry-run-*")) == others


def test_a_dry_run_knows_what_providers_know(site, tmp_path):
    """And the journals are those of the state folder, which are made for that: what it leaves if it is killed, the next run removes."""
    kept = site.state / "dns-01"
    site.state.mkdir(mode=0o700)
    (site.state / "acme-dns").mkdir(exist_ok=True)
    site.head = site.head.replace(f"    directory: {site.ca.url}\n", f"    directory: https://127.0.0.1:1/never\n    staging: {site.ca.url}\n")
    hook = tmp_path / "hook"
    site.certificates(a={"names": "a.test", "pre_hook": hook})
    hook.write_text(f"#!/bin/sh\nls -l {tmp_path}/tmp/cairn-dry-run-*/ > {tmp_path}/seen\n")
    hook.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    site.environment = {"TMPDIR": str(tmp_path / "tmp")}
    site.run("apply", "--dry-run")
    seen = (tmp_path / "seen").read_text()
    assert f"dns-01 -> {kept}" in seen and f"web -> {site.state}/web" in seen and f"acme-dns -> {site.state}/acme-dns" in seen
    assert "acme.sh" not in seen and list((tmp_path / "tmp").iterdir()) == []
    assert sorted(p.name for p in site.state.rglob("*")) == ["acme-dns", "dns-01", "web"]


def test_a_dry_run_without_staging_is_refused(site):
    site.certificates(a={"names": "a.test"})
    for words in (["apply"], ["issue", "b.test"]):
        done = site.run(*words, "--dry-run", code=USAGE)
        assert "no staging directory" in done.stderr and "cas.pebble.staging" in done.stderr
    assert not site.state.exists()
