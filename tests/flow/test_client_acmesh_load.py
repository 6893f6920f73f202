"""Every script of acme.sh's dnsapi, as Debian ships it, is loaded unmodified by cairn's shim under dash and bash: each
shows its add and remove, and whatever it calls of acme.sh's own is there."""
import pathlib
import re
import shutil
import subprocess

import pytest

PACKAGE = pathlib.Path("/usr/share/acme.sh")
SHIM = pathlib.Path(__file__).parents[2] / "src" / "client" / "dns" / "acmesh_shim.sh"
WORD = re.compile(r"[A-Za-z_]\w*")
DEFINITION = re.compile(r"^\s*(?:function\s+)?([A-Za-z_]\w*)\s*\(\)", re.MULTILINE)
# words of commands of acme.sh that are no functions of its core where scripts have them: in texts and as names of their own
PLAIN = {"remove", "list", "version", "info", "issue", "install", "main", "renew", "cron"}

pytestmark = pytest.mark.skipif(not PACKAGE.is_dir(), reason="acme.sh is not installed (tools/next_package acme.sh)")


def scripts():
    return sorted((PACKAGE / "dnsapi").glob("dns_*.sh")) if PACKAGE.is_dir() else []


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_all_load(shell, tmp_path):
    """In a network of nobody: one of them (dns_kas) asks its provider while it is read."""
    core = set(DEFINITION.findall((PACKAGE / "acme.sh").read_text())) - PLAIN
    prelude = tmp_path / "prelude.sh"
    prelude.write_text(SHIM.read_text().partition("\n__act() {")[0].replace('printf \'%s\\n\' "$__kept"', "printf ''"))
    assert len(scripts()) > 150
    failed = []
    for script in scripts():
        text = "\n".join(line for line in script.read_text().splitlines() if not line.lstrip().startswith("#"))
        wanted = sorted((set(WORD.findall(text)) & core) - set(DEFINITION.findall(text)))
        # exported, so that it is one step below the shell's own functions
        program = (f'. {prelude}\n. {script} >/dev/null 2>&1\n'
                   f'for f in {script.stem}_add {script.stem}_rm {" ".join(wanted)}; do command -v "$f" >/dev/null || echo "$f"; done\n')
        done = subprocess.run([*(["unshare", "-rn"] if shutil.which("unshare") else []), shell, "-c", program], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)})
        if done.returncode != 0 or done.stdout:
            failed.append(f"{script.name}: {done.stdout.split()} {done.stderr[-200:]}")
    assert not failed, "\n".join(failed)


def test_nothing_of_acmesh_is_ours():
    """They are run, never bundled: no function of ours has the lines of one of theirs."""
    def bodies(text):
        return {" ".join(body.split()) for body in re.findall(r"^_\w+\(\)\s*\{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)}
    assert not {b for b in bodies(SHIM.read_text()) & bodies((PACKAGE / "acme.sh").read_text()) if b.count(" ") > 12}


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha384", "sha512", "sha3-256"])
def test_mac(shell, algorithm, tmp_path):
    """HMAC made of digests is that of openssl, for keys shorter and longer than a block."""
    prelude = SHIM.read_text().partition("\n# ---- the work")[0]
    for key in ("00", "0b" * 20, "4a656665", "aa" * 131, "ff" * 200):
        judged = subprocess.run(["openssl", "dgst", f"-{algorithm}", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-hex"], input="what do ya want\n",
                                capture_output=True, text=True, check=True).stdout.split()[-1]
        ours = subprocess.run([shell, "-c", f"{prelude}\n_hmac {algorithm} {key} hex"], input="what do ya want\n", capture_output=True, text=True, check=True,
                              env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}).stdout
        assert ours == judged, key


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("call, given, expected", [
    ("_url_encode", "a b/ü~-_.%\n", "a%20b%2f%c3%bc~-_.%25%0a"),
    ("_url_encode upper-hex", "/ü", "%2F%C3%BC"),
    ("_hex_dump", "abc", " 61 62 63"),
    ("_h2b | od -An -tx1", "00 0a ff41\n", " 00 0a ff 41\n"),
    ("_base64", "x" * 100, "eHh4" * 33 + "eA=="),
    ("_dbase64", "eHh4\neHg=\n", "xxxxx"),
    ("_normalizeJson", '{ "a" : "b",\r\n  "c": [1] }\n', '{ "a":"b","c":[1] }'),
    ("_egrep_o '-?[0-9]+'", "a-12b\n", "-12\n"),
    ("_getfield a,b,,d 3", "", "b"),
    ("_getfield 'x&y' 2 '&'", "", "y"),
    ("_math 3 \\* 2", "", "6"),
    ("_contains '{\"a\":\"\\n\"}' '\"a\"' && echo yes", "", "yes\n"),
    ("_contains -x-y -- || _contains a-x -x && echo yes", "", "yes\n"),
    ("_idn example.org", "", "example.org"),
    ("_digest sha256 hex", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("_digest md5", "abc", "kAFQmDzST7DWlj99KOF/cg=="),
    ("_saveaccountconf_mutable K 'two\nlines'; _readaccountconf_mutable K; _readaccountconf K", "", "two\nlines"),
    ("_saveaccountconf_mutable GIVEN known; _readaccountconf_mutable GIVEN", "", ""),
    ("_saveaccountconf_mutable GIVEN other; _readaccountconf_mutable GIVEN", "", "other"),
    ("_savedomainconf D 1; _readdomainconf D; _cleardomainconf D; _readdomainconf D", "", "1"),
    ("_err why || echo failed", "", "failed\n"),
])
def test_helpers(shell, call, given, expected, tmp_path):
    prelude = SHIM.read_text().partition("\n# ---- the work")[0]
    done = subprocess.run([shell, "-c", f"{prelude}\n{call}"], input=given.encode(), capture_output=True, check=False,
                          env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "GIVEN": "known"})
    assert done.stdout.decode() == expected, done.stderr
