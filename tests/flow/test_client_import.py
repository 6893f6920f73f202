"""cairn import: what certbot, lego, dehydrated, uacme and acme.sh left behind goes on with cairn, asking nothing again."""
import base64
import filecmp
import json
import os
import pathlib
import shutil
import stat
import subprocess

import pytest
from cryptography import x509

import schemas
from house import CAIRN
from test_client_pebble import read_pair
from test_foreign_clients import accounts, need, run

pytestmark = pytest.mark.foreign

UNCHANGED = 2


class Cairn:
    """`cairn` with a state folder of its own."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.prefix = []

    def run(self, *words, code=0, cwd=None):
        done = subprocess.run([*self.prefix, str(CAIRN), *map(str, words), "--dir", str(self.directory)], capture_output=True, text=True,
                              timeout=60, check=False, cwd=cwd)
        assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        if "--json" in words:
            schemas.check(done.stdout, *words)
        return done

    def live(self, name):
        return self.directory / "certificates" / name / "current"

    def settings(self, name):
        return (self.directory / "certificates" / name / "cairn.yaml").read_text()


def tree(folder):
    return {str(p.relative_to(folder)): (p.is_symlink() and os.readlink(p), p.is_file() and p.read_bytes(), p.lstat().st_mtime_ns)
            for p in pathlib.Path(folder).rglob("*")}


@pytest.fixture
def www(webroot, tmp_path):
    """The folder of a web server, whose tokens are served."""
    folder = tmp_path / "www"
    (folder / ".well-known").mkdir(parents=True)
    (folder / ".well-known/acme-challenge").symlink_to(webroot)
    return folder


@pytest.fixture
def cairn(tmp_path):
    return Cairn(tmp_path / "state")


def adopted(cairn, house, client, folder, name, theirs, *words, ca=True):
    """Shown first, taken, taken again; theirs is as it was; then renewed without a question, with the same account."""
    before, had = tree(folder), accounts(house)
    base = ["import", client, folder, *(["--ca", house.url] if ca else []), "--ca-file", house.root, *words]
    shown = cairn.run(*base, "--dry-run")
    assert f"{name}: new" in shown.stdout and "nothing was changed" in shown.stdout, shown.stdout
    assert not cairn.directory.exists()
    done = cairn.run(*base)
    assert f"{name}: new" in done.stdout, done.stdout
    again = cairn.run(*base, code=UNCHANGED)
    assert f"{name}: here" in again.stdout and "0 new, 0 skipped, 0 failed" in again.stdout, again.stdout
    assert tree(folder) == before
    old, _ = read_pair(cairn.live(name))
    assert old == x509.load_pem_x509_certificate(theirs.read_bytes())
    cairn.run("renew", name, code=UNCHANGED)
    cairn.run("renew", name, "--force")
    new, _ = read_pair(cairn.live(name))
    assert new.serial_number != old.serial_number
    assert new.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == \
        old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert accounts(house) == had  # nobody registered anew
    for path in cairn.directory.rglob("*.pem"):
        assert not path.is_file() or "key" not in path.name or stat.S_IMODE(path.stat().st_mode) == 0o600
    return done.stdout, old, new


def test_certbot(house, tmp_path, cairn):
    need("certbot")
    folder, hooks = tmp_path / "c", tmp_path / "hooks.log"
    run(["/usr/bin/certbot", "--server", house.url, "--config-dir", folder, "--work-dir", tmp_path / "w", "--logs-dir",
         tmp_path / "l", "--non-interactive", "certonly", "--standalone", "--http-01-port", house.http_port, "--agree-tos", "-m",
         "admin@flow.test", "-d", "certbot.flow.test", "-d", "www.certbot.flow.test", "--key-type", "ecdsa",
         "--elliptic-curve", "secp384r1", "--reuse-key", "--pre-hook", f"echo pre >> {hooks}", "--deploy-hook",
         f"echo deploy $RENEWED_DOMAINS >> {hooks}"], {"REQUESTS_CA_BUNDLE": str(house.root)})
    hooks.write_text("")
    deploy = folder / "renewal-hooks/deploy/reload"
    deploy.write_text(f"#!/bin/sh\necho folder >> {hooks}\n")
    deploy.chmod(0o755)
    live = folder / "live/certbot.flow.test"
    said, _, new = adopted(cairn, house, "certbot", folder, "certbot.flow.test", live / "cert.pem")
    assert "--keep-paths" in said  # services read live/
    assert new.public_key().curve.name == "secp384r1"
    settings = cairn.settings("certbot.flow.test")
    assert "reuse_key: true" in settings and f"http_port: {house.http_port}" in settings, settings
    assert hooks.read_text().split("\n")[:2] == ["pre", "folder"] and "deploy " in hooks.read_text(), hooks.read_text()


def test_certbot_webroot_and_paths(house, www, tmp_path, cairn):
    """With --keep-paths, services that read live/ get what cairn issues."""
    need("certbot")
    folder = tmp_path / "c"
    run(["/usr/bin/certbot", "--server", house.url, "--config-dir", folder, "--work-dir", tmp_path / "w", "--logs-dir",
         tmp_path / "l", "--non-interactive", "certonly", "--webroot", "-w", www, "--agree-tos", "-m", "admin@flow.test",
         "-d", "paths.flow.test", "--key-type", "rsa", "--rsa-key-size", "2048"], {"REQUESTS_CA_BUNDLE": str(house.root)})
    cairn.run("import", "certbot", folder, "--ca-file", house.root, "--keep-paths")
    assert f"http: webroot:{www}" in cairn.settings("paths.flow.test").replace('"', "")
    cairn.run("renew", "--force")
    live, ours = folder / "live/paths.flow.test", cairn.live("paths.flow.test")
    for theirs, name in (("privkey.pem", "key.pem"), ("fullchain.pem", "fullchain.pem"), ("cert.pem", "cert.pem"),
                         ("chain.pem", "chain.pem")):
        assert filecmp.cmp(live / theirs, ours / name, shallow=False), theirs
    assert stat.S_IMODE((live / "privkey.pem").stat().st_mode) == 0o600


def system(**folders):
    """A prefix for commands that see these folders in place of /etc/cron.d and /etc/systemd/system."""
    places = {"cron": "/etc/cron.d", "units": "/etc/systemd/system"}
    for name in folders:
        if not os.path.isdir(places[name]):
            pytest.skip(f"there is no {places[name]}")
    mounts = "".join(f'mount --bind "{folder}" {places[name]} && ' for name, folder in folders.items())
    private = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    return [*private, "sh", "-c", f'{mounts}exec "$0" "$@"']


def make(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path.parent


def lego(house, folder, key_type, name, *more):
    base = ["lego", "--server", house.url, "--path", folder, "--email", "admin@flow.test", "--accept-tos", "--key-type", key_type,
            "--http", "--http.port", f"127.0.0.1:{house.http_port}", "--domains", name, "--domains", f"www.{name}"]
    run([*base, *more, "run"], {"LEGO_CA_CERTIFICATES": str(house.root)})
    return " ".join(map(str, base))


@pytest.mark.parametrize("key_type", ["ec256", "rsa2048"])
def test_lego(house, tmp_path, cairn, key_type):
    """Its service says the CA, the port and the hook, and is to be switched off."""
    need("lego")
    folder, name, log = tmp_path / "lego", "lego.flow.test", tmp_path / "hook.log"
    command = lego(house, folder, key_type, name)
    units = make(tmp_path / "units/lego-renew.service", f"[Service]\nType=oneshot\nExecStart={command} \\\n  renew --days 20 "
                 f"--renew-hook 'echo $LEGO_CERT_DOMAIN $(basename $LEGO_CERT_PATH) >> {log}'\n")
    (units / "lego-renew.timer").write_text("[Timer]\nOnCalendar=daily\n")
    cairn.prefix = system(units=units)
    said, old, new = adopted(cairn, house, "lego", folder, name, folder / "certificates" / f"{name}.crt", ca=False)
    assert "systemctl disable --now lego-renew.timer" in said and "does not keep" not in said, said
    settings = cairn.settings(name).replace('"', "")
    assert f"http_port: {house.http_port}" in settings and "renew: 20d" in settings, settings
    assert log.read_text() == f"{name} fullchain.pem\n"


def test_lego_that_nothing_calls(house, tmp_path, cairn):
    """Then it is said which command to type, and that is enough, also when it has been imported already."""
    need("lego")
    folder, name = tmp_path / "lego", "lego.flow.test"
    lego(house, folder, "ec256", name)
    units, base = make(tmp_path / "units/other.service", "[Service]\nExecStart=/bin/true lego --domains x\n"), ["import", "lego", folder, "--ca-file", house.root]
    cairn.prefix = system(units=units)
    done = cairn.run(*base, code=1)
    assert "say --ca URL" in done.stdout and "0 new, 2 skipped, 0 failed" in done.stdout and "2 of what lego has were skipped" in done.stderr
    assert json.loads(cairn.run(*base, "--json", code=1).stdout)["skipped"] == 2
    said = cairn.run(*base, "--ca", house.url).stdout
    assert f"Another way is set by: cairn import lego {folder} --http webroot:DIR" in said and "disable" not in said
    again = [*base, "--ca", house.url, "--http-port", house.http_port]
    assert f"{name}: changed" in cairn.run(*again, "--dry-run").stdout and "http_port" not in cairn.settings(name)
    assert f"{name}: changed" in cairn.run(*again).stdout
    old, _ = read_pair(cairn.live(name))
    cairn.run("renew", "--force")
    new, _ = read_pair(cairn.live(name))
    assert old.serial_number != new.serial_number
    assert json.loads(cairn.run(*again, "--json").stdout)["certificates"][0]["outcome"] == "changed"


def test_lego_5(house, tmp_path, cairn):
    """Its accounts have a folder for each type of key; all else is as it was."""
    need("lego")
    folder, name = tmp_path / "lego", "lego.flow.test"
    lego(house, folder, "ec256", name)
    account, = (folder / "accounts").glob("*/*")
    below = account / "EC256"
    below.mkdir()
    (account / "account.json").rename(below / "account.json")
    (account / "keys" / f"{account.name}.key").rename(below / f"{account.name}.key")
    (account / "keys").rmdir()
    had = accounts(house)
    cairn.run("import", "lego", folder, "--ca", house.url, "--ca-file", house.root, "--http-port", house.http_port)
    cairn.run("renew", "--force")
    assert accounts(house) == had


def test_uacme(house, webroot, tmp_path, cairn):
    """A line of a crontab says CA and hook; the hook is called as uacme does; who has an account is asked for nothing."""
    need("uacme")
    folder, hook, name = tmp_path / "uacme", tmp_path / "hook", "uacme.flow.test"
    hook.write_text(f'#!/bin/sh\necho "$#" "$1" "$2" "$3" "$UACME_METHOD" >> {tmp_path}/log\n[ "$2" = http-01 ] || exit 1\n'
                    f'case "$1" in begin) printf %s "$5" >"{webroot}/$4";; *) rm "{webroot}/$4";; esac\n')
    hook.chmod(0o755)
    # it knows the system's certificates only: show it others in a mount namespace of its own
    command = f'mount --bind "{house.root}" /etc/ssl/certs/ca-certificates.crt && exec uacme -a "{house.url}" -c "{folder}" -y "$@"'
    private = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    run([*private, "sh", "-c", command, "sh", "new", "admin@flow.test"])
    run([*private, "sh", "-c", command, "sh", "-t", "EC", "-h", hook, "issue", name])
    had = accounts(house)
    cron = make(tmp_path / "cron/uacme", "MAILTO=root\n# 1 2 3 4 5 root uacme -h /nowhere issue uacme.flow.test\n"
                f"17 3 * * * root test -d {folder} && /usr/bin/uacme -a {house.url} -c {folder} -h '{hook}' -d 12 issue {name} && true\n")
    cairn.prefix = system(cron=cron)
    (tmp_path / "log").write_text("")
    said = cairn.run("import", "uacme", folder, "--ca-file", house.root).stdout
    assert "/etc/cron.d/uacme: uacme is run by this" in said and "take the line out" in said, said
    settings = cairn.settings(name).replace('"', "")
    assert "reuse_key: true" in settings and f"http: uacme:{hook}" in settings and "renew: 12d" in settings, settings
    old, _ = read_pair(cairn.live(name))
    cairn.run("renew", "--force")
    new, _ = read_pair(cairn.live(name))
    assert old.serial_number != new.serial_number and accounts(house) == had
    ca = ["--ca", house.url, "--ca-file", house.root, "--http", f"uacme:{hook}"]
    cairn.run("issue", "b.flow.test", *ca)
    assert (tmp_path / "log").read_text() == "5 begin http-01 b.flow.test begin\n5 done http-01 b.flow.test done\n"
    hook.write_text("#!/bin/sh\nexit 1\n")
    said = cairn.run("issue", "c.flow.test", *ca, code=5).stderr
    assert "begin" in said and "done" not in said  # declined: there is nothing to end


def test_uacme_that_nothing_calls(house, webroot, tmp_path, cairn):
    need("uacme")
    folder, name = tmp_path / "uacme", "uacme.flow.test"
    source = Cairn(tmp_path / "source")
    source.run("issue", name, "--ca", house.url, "--ca-file", house.root, "--agree-tos", "--http", f"tokens:{webroot}")
    (folder / "private" / name).mkdir(parents=True)
    (folder / name).mkdir()
    shutil.copy(next((source.directory / "accounts").glob("*/key.pem")), folder / "private/key.pem")
    shutil.copy(source.live(name) / "key.pem", folder / "private" / name / "key.pem")
    shutil.copy(source.live(name) / "fullchain.pem", folder / name / "cert.pem")
    base = ["import", "uacme", folder, "--ca", house.url, "--ca-file", house.root]
    said = cairn.run(*base).stdout
    assert f"cairn import uacme {folder} --http uacme:HOOK" in said
    cairn.run(*base, "--http", f"tokens:{webroot}")
    had = accounts(house)
    cairn.run("renew", "--force")
    assert accounts(house) == had


def test_dehydrated(house, webroot, tmp_path, cairn):
    need("dehydrated")
    folder, log = tmp_path / "dehydrated", tmp_path / "hook.log"
    folder.mkdir()
    hook = folder / "hook.sh"
    hook.write_text(f"#!/bin/sh\necho \"$1 $2\" >> {log}\n")
    hook.chmod(0o755)
    (folder / "config").write_text(f'CA="{house.url}"\nWELLKNOWN="{webroot}"\nBASEDIR="{folder}"\nHOOK="${{BASEDIR}}/hook.sh"\n'
                                   "CONTACT_EMAIL=admin@flow.test\nKEY_ALGO=prime256v1\nRENEW_DAYS=5\n")
    (folder / "domains.txt").write_text("# all of them\ndehydrated.flow.test www.dehydrated.flow.test > both\n")
    trust = {"CURL_CA_BUNDLE": str(house.root), "SSL_CERT_FILE": str(house.root)}
    run(["dehydrated", "--config", folder / "config", "--register", "--accept-terms"], trust)
    run(["dehydrated", "--config", folder / "config", "--cron"], trust)
    log.write_text("")
    said, *_ = adopted(cairn, house, "dehydrated", folder, "both", folder / "certs/both/cert.pem")
    assert "dehydrated.flow.test www.dehydrated.flow.test" in said
    settings = cairn.settings("both").replace('"', "")
    assert f"tokens:{webroot}" in settings and "renew: 5d" in settings, settings
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["startup_hook", "deploy_cert", "exit_hook"]
    assert "deploy_cert dehydrated.flow.test" in log.read_text()


def make_acme_sh(folder, house, webroot, certificate, key, account):
    """A folder as acme.sh has it (it is not in this release of Debian)."""
    name = "acmesh.flow.test"
    host, path = house.url.removeprefix("https://").split("/", 1)
    ca = folder / "ca" / host.split(":")[0] / path
    ca.mkdir(parents=True)
    (ca / "account.key").write_bytes(account.read_bytes())
    (ca / "ca.conf").write_text(f"CA_KEY_HASH='x'\nACCOUNT_URL='{json.loads((account.parent / 'account.json').read_text())['url']}'\n"
                                "CA_EMAIL='admin@flow.test'\n")
    (folder / "account.conf").write_text("LOG_FILE='x'\nSAVED_CF_Token='secret'\"'\"'s'\nSAVED_DO_API_KEY='other'\n"
                                         "ACCOUNT_EMAIL='admin@flow.test'\n")
    (folder / "dnsapi").mkdir()
    (folder / "dnsapi/dns_cf.sh").write_text("dns_cf_add() { CF_Token=\"$(_readaccountconf_mutable CF_Token)\"; }\n")
    own = folder / f"{name}_ecc"
    own.mkdir()
    chain = certificate.parent / "chain.pem"
    (own / f"{name}.cer").write_bytes(certificate.read_bytes())
    (own / "ca.cer").write_bytes(chain.read_bytes())
    (own / f"{name}.key").write_bytes(key.read_bytes())
    hidden = base64.b64encode(f"echo 'reloaded \"it\"' >> {folder.parent}/reload.log".encode()).decode()
    (own / f"{name}.conf").write_text(
        f"Le_Domain='{name}'\nLe_Alt='no'\nLe_Webroot='{webroot}'\nLe_PreHook=''\nLe_PostHook=''\nLe_RenewHook=''\n"
        f"Le_API='{house.url}'\nLe_Keylength='ec-256'\nLe_RealCertPath=''\nLe_RealCACertPath=''\n"
        f"Le_RealKeyPath='{folder.parent}/installed.key'\nLe_RealFullChainPath='{folder.parent}/installed.pem'\n"
        f"Le_ReloadCmd='__ACME_BASE64__START_{hidden}__ACME_BASE64__END_'\nLe_CertCreateTime='1'\n")
    return name, own


def test_acme_sh(house, webroot, www, tmp_path, cairn):
    source = Cairn(tmp_path / "source")
    source.run("issue", "acmesh.flow.test", "--ca", house.url, "--ca-file", house.root, "--agree-tos", "--http", f"tokens:{webroot}")
    live = source.live("acmesh.flow.test")
    folder = tmp_path / "acme"
    folder.mkdir()
    account = next((source.directory / "accounts").glob("*/key.pem"))
    name, own = make_acme_sh(folder, house, www, live / "cert.pem", live / "key.pem", account)
    said, old, new = adopted(cairn, house, "acme.sh", folder, f"{name}_ecc", own / f"{name}.cer")
    assert "reuse_key: true" in cairn.settings(f"{name}_ecc")  # as acme.sh does
    assert (tmp_path / "installed.key").read_bytes() == (cairn.live(f"{name}_ecc") / "key.pem").read_bytes()
    assert (tmp_path / "reload.log").read_text() == 'reloaded "it"\n'
    assert "secret" not in said


def test_acme_sh_dns(house, webroot, tmp_path, cairn):
    """A script of its own gets its own credentials, and nobody else's, in a file of mode 0600."""
    source = Cairn(tmp_path / "source")
    source.run("issue", "acmesh.flow.test", "--ca", house.url, "--ca-file", house.root, "--agree-tos", "--http", f"tokens:{webroot}")
    live, folder = source.live("acmesh.flow.test"), tmp_path / "acme"
    folder.mkdir()
    account = next((source.directory / "accounts").glob("*/key.pem"))
    name, own = make_acme_sh(folder, house, "dns_cf", live / "cert.pem", live / "key.pem", account)
    config = tmp_path / "cairn.yaml"
    config.write_text(f"hooks:\n  dnsapi: {tmp_path}/nowhere\n")
    said = cairn.run("import", "acme.sh", folder, "--ca-file", house.root, "--config", config).stdout
    settings = cairn.settings(f"{name}_ecc").replace('"', "")
    assert "provider: acme.sh:dns_cf" in settings and "dns-01" in settings, settings
    (secret,) = (p for p in (cairn.directory / "credentials").iterdir() if p.name != "lock")
    assert secret.read_text() == "CF_Token='secret'\\''s'\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600 and str(secret) in settings
    assert f"hooks.dnsapi: {folder}/dnsapi" in said and "secret's" not in said


def test_what_cannot_be_taken_over_is_named(house, tmp_path, cairn):
    folder = tmp_path / "c"
    (folder / "renewal").mkdir(parents=True)
    (folder / "live/a.test").mkdir(parents=True)
    (folder / "renewal/a.test.conf").write_text(
        f"version = 2.1.0\ncert = {folder}/live/a.test/cert.pem\nprivkey = {folder}/live/a.test/privkey.pem\n"
        f"chain = {folder}/live/a.test/chain.pem\nfullchain = {folder}/live/a.test/fullchain.pem\n\n[renewalparams]\n"
        f"account = 0123\nauthenticator = dns-route53\nserver = {house.url}\nallow_subset_of_names = True\n")
    (folder / "renewal/b.test.conf").write_text("what is this\n")
    done = cairn.run("import", "certbot", folder, "--dry-run", code=1)
    for sentence in ("dns-route53", "allow_subset_of_names", "b.test.conf:1:", "private_key.json", "neither the certificate nor its settings"):
        assert sentence in done.stdout, (sentence, done.stdout)
    assert "from now on" not in done.stdout and "0 new, 1 skipped, 1 failed" in done.stdout, done.stdout
    told = json.loads(cairn.run("import", "certbot", folder, "--dry-run", "--json", code=1).stdout)
    assert told["certificates"][0]["name"] == "a.test" and any("dns-route53" in n["note"] for n in told["notes"])
    assert not cairn.directory.exists()


@pytest.mark.parametrize("words, sentence", [
    (["certbot", "/nowhere/at/all"], "no folder /nowhere/at/all"),
    (["caddy"], "none of certbot, acme.sh, lego, dehydrated and uacme"),
    ([], "say which CLIENT"),
    (["lego", "/usr"], "there is no lego in /usr"),
])
def test_refused(cairn, words, sentence):
    done = subprocess.run([str(CAIRN), "import", *words, "--dir", str(cairn.directory)], capture_output=True, text=True, check=False)
    assert done.returncode in (1, 64) and sentence in done.stderr, done
    assert not cairn.directory.exists()


ACME_SH = shutil.which("acme.sh") or next((p for p in ["/usr/share/acme.sh/acme.sh"] if os.path.exists(p)), None)


@pytest.mark.skipif(ACME_SH is None, reason="acme.sh is not in this release")
def test_acme_sh_itself(house, www, tmp_path, cairn):
    """What its own program leaves behind."""
    folder, name = tmp_path / "acme", "acmesh.flow.test"
    base = [ACME_SH, "--home", folder, "--config-home", folder, "--server", house.url, "--ca-bundle", house.root]
    run([*base, "--register-account", "-m", "admin@flow.test"])
    run([*base, "--issue", "-d", name, "-d", f"www.{name}", "-w", www, "--keylength", "ec-256", "--pre-hook", f"echo 'it'\"s\" > {tmp_path}/pre"])
    (tmp_path / "pre").unlink()
    said, *_ = adopted(cairn, house, "acme.sh", folder, f"{name}_ecc", folder / f"{name}_ecc/{name}.cer")
    assert f"for {name} www.{name}" in said
    assert (tmp_path / "pre").read_text() == "its\n"


# ---- paths, and what is not there ----

def bare_folder(kind, tmp_path, live, name, url, webroot, www):
    """What lego, dehydrated or acme.sh keeps of a certificate of ours; returns the folder and the paths of key and full chain."""
    folder = tmp_path / "theirs"
    if kind == "lego":
        key, full = folder / "certificates" / f"{name}.key", folder / "certificates" / f"{name}.crt"
    elif kind == "dehydrated":
        key, full = folder / "certs" / name / "privkey.pem", folder / "certs" / name / "fullchain.pem"
    else:
        key, full = folder / name / f"{name}.key", folder / name / "fullchain.cer"
    key.parent.mkdir(parents=True)
    shutil.copy(live / "key.pem", key)
    shutil.copy(live / "fullchain.pem", full)
    if kind == "lego":
        (folder / "certificates" / f"{name}.json").write_text(json.dumps({"domain": name}))
    elif kind == "dehydrated":
        shutil.copy(live / "cert.pem", key.parent / "cert.pem")
        shutil.copy(live / "chain.pem", key.parent / "chain.pem")
        (folder / "config").write_text(f'CA="{url}"\nWELLKNOWN="{webroot}"\n')
        (folder / "domains.txt").write_text(f"{name}\n")
    else:
        shutil.copy(live / "cert.pem", key.parent / f"{name}.cer")
        shutil.copy(live / "chain.pem", key.parent / "ca.cer")
        (key.parent / f"{name}.conf").write_text(f"Le_Domain='{name}'\nLe_Alt='no'\nLe_Webroot='{www}'\nLe_API='{url}'\n")
        (folder / "account.conf").write_text("")
    return key, full


@pytest.mark.parametrize("kind", ["lego", "dehydrated", "acme.sh"])
def test_paths_stay_right_in_another_folder(house, webroot, www, tmp_path, cairn, kind):
    """The folder, and that of --http, are said as they are seen from here; renewals run elsewhere."""
    source, name = Cairn(tmp_path / "source"), "paths.flow.test"
    source.run("issue", name, "--ca", house.url, "--ca-file", house.root, "--agree-tos", "--http", f"tokens:{webroot}")
    key, full = bare_folder(kind, tmp_path, source.live(name), name, house.url, webroot, www)
    (tmp_path / "wr").symlink_to(www)
    cairn.run("import", kind, "theirs", "--ca", house.url, "--ca-file", house.root, "--keep-paths", "--http", "webroot:wr", cwd=tmp_path)
    settings, before = cairn.settings(name), full.read_bytes()
    assert f'key_file: "{key}"' in settings and f'fullchain_file: "{full}"' in settings, settings
    if kind == "lego":
        assert f'http: "webroot:{www}"' in settings
    cairn.run("renew", "--force", "--agree-tos", cwd="/")
    assert full.read_bytes() == (cairn.live(name) / "fullchain.pem").read_bytes() != before
    cairn.run("import", "lego", "nowhere", code=1, cwd=tmp_path)
    done = cairn.run("import", "lego", "theirs", "--http", "webroot:none", code=64, cwd=tmp_path)
    assert "--http: " in done.stderr and "none" in done.stderr


def test_an_account_that_has_its_place_taken(house, tmp_path, cairn):
    """What is not taken over is not called "here"; again, nothing is new, which is no success."""
    source, folder = Cairn(tmp_path / "source"), tmp_path / "letsencrypt"
    words = ["--ca", house.url, "--ca-file", house.root, "--agree-tos", "--http-port", house.http_port]
    source.run("issue", "theirs.flow.test", *words)
    source.run("export", "--to", folder)
    cairn.run("issue", "ours.flow.test", *words)
    for code, new in ((0, 1), (1, 0)):
        done = cairn.run("import", "certbot", folder, "--ca-file", house.root, code=code)
        assert f"{house.url}: skipped (" in done.stdout and "has an account of its own" in done.stdout, done.stdout
        assert f"{new} new, 1 skipped, 0 failed" in done.stdout and "from now on" in done.stdout, done.stdout


@pytest.mark.parametrize("gone", ["key", "certificate"])
def test_without_a_key_or_certificate(house, tmp_path, cairn, gone):
    """What the note says is there: the settings, if the certificate tells the names."""
    source, name, folder = Cairn(tmp_path / "source"), "bare.flow.test", tmp_path / "letsencrypt"
    source.run("issue", name, "--ca", house.url, "--ca-file", house.root, "--agree-tos", "--http-port", house.http_port)
    source.run("export", "--to", folder)
    for path in (folder / "live" / name).glob("privkey.pem" if gone == "key" else "*c*.pem"):
        path.unlink()
    done = cairn.run("import", "certbot", folder, "--ca-file", house.root, code=0 if gone == "key" else 1)
    notes = "\n".join(line for line in done.stdout.splitlines() if line.startswith("note"))
    settings = cairn.directory / "certificates" / name / "cairn.yaml"
    assert ("into your cairn.yaml" in notes) == settings.exists() == (gone == "key"), notes
    if gone == "key":
        assert f"move {settings} into your cairn.yaml" in notes
        config = tmp_path / "cairn.yaml"
        shutil.move(settings, config)
        cairn.run("apply", "--config", config, "--agree-tos")
        read_pair(cairn.live(name))
    else:
        assert "neither the certificate nor its settings are taken over" in notes
