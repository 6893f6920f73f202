"""Hooks of other clients: called by the client they were written for and by cairn, the same hook is told the same."""
import base64
import os
import re
import shutil
import subprocess

import pytest

from test_client_hooks import HOOKS, hook, nothing_is_left, pytestmark, settings, world  # noqa: F401 (fixtures)
from zones import PRIMARY, SECRET


def lego(world, folder, path, name, mode=None):
    command = ["lego", "--server", world.pebble.url, "--path", folder, "--email", "admin@dns.test", "--accept-tos", "--dns", "exec", "--dns.disable-cp",
               "--dns.resolvers", f"{PRIMARY}:{world.stub.port}", "--domains", name, "run"]
    return [command], {"EXEC_PATH": str(path), "LEGO_CA_CERTIFICATES": str(world.pebble.root), **({"EXEC_MODE": mode} if mode else {})}


def certbot(world, folder, path, name):
    command = ["/usr/bin/certbot", "--server", world.pebble.url, "--config-dir", folder / "c", "--work-dir", folder / "w", "--logs-dir", folder / "l", "--non-interactive",
               "certonly", "--agree-tos", "-m", "admin@dns.test", "--manual", "--preferred-challenges", "dns", "--manual-auth-hook", path, "--manual-cleanup-hook", path, "-d", name]
    return [command], {"REQUESTS_CA_BUNDLE": str(world.pebble.root)}


def dehydrated(world, folder, path, name):
    (folder / "config").write_text(f'CA="{world.pebble.url}"\nBASEDIR="{folder}"\nCHALLENGETYPE=dns-01\nHOOK="{path}"\nACCOUNT_KEY_ALGO=secp384r1\nKEY_ALGO=secp384r1\nCURL_OPTS="--cacert {world.pebble.root}"\n')
    (folder / "domains.txt").write_text(f"{name}\n")
    return [["dehydrated", "--config", folder / "config", *words] for words in (["--register", "--accept-terms"], ["--cron"])], {}


def uacme(world, folder, path, name):
    private = ["unshare", "--mount", "sh", "-c", f'mount --bind "{world.pebble.root}" /etc/ssl/certs/ca-certificates.crt && exec uacme -a "{world.pebble.url}" -c "{folder}/u" -y "$@"', "sh"]
    return [[*private, "new", "admin@dns.test"], [*private, "-h", path, "issue", name]], {}


PEERS = {"exec": lego, "raw": lambda *words: lego(*words, mode="RAW"), "certbot": certbot, "dehydrated": dehydrated, "uacme": uacme}


def shape(calls, protocol, name):
    """What a hook was told, without what differs each time; "" for what else a peer calls its hook for."""
    def plain(text):
        text = text.replace(name, "NAME")
        return re.sub(r"(?<![\w-])[\w-]{43}(?![\w-])", "B64", text)
    wanted = {"dehydrated": lambda a: a[0] in ("deploy_challenge", "clean_challenge"), "uacme": lambda a: a[1] == "dns-01"}.get(protocol, lambda a: True)
    return [([plain(a) for a in arguments], sorted((k, plain(v)) for k, v in environment.items() if k.startswith(("CERTBOT_", "UACME_")) and k not in NEWER | OWN))
            for arguments, environment in calls if wanted(arguments)]


NEWER = {"CERTBOT_IDENTIFIER", "CERTBOT_ALL_IDENTIFIERS",  # of certbot 5
         "UACME_METHOD", "UACME_TYPE", "UACME_IDENT", "UACME_TOKEN", "UACME_AUTH"}  # of uacme after 1.7
OWN = {"UACME_CONFDIR", "UACME_VERBOSE"}  # of its own settings


@pytest.mark.parametrize("protocol", PEERS)
def test_as_their_own_client_calls_them(world, protocol, tmp_path):
    """The same hook, called by the client it was written for and by cairn, is told the same."""
    names = [f"{who}-{protocol}.dns.test" for who in ("peer", "ours")]
    path = hook(world, HOOKS[protocol].replace("*) exit 8", "*) exit 0"))
    commands, environment = PEERS[protocol](world, tmp_path, path, names[0])
    if shutil.which(str(commands[0][0])) is None:
        pytest.skip(f"{commands[0][0]} is not installed")
    environment = {**os.environ, **environment, "TSIG": base64.b64encode(SECRET).decode()}
    for command in commands:
        done = subprocess.run([str(w) for w in command], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (done.stdout, done.stderr)
    peer = shape(world.recorder.calls, protocol, names[0])
    world.recorder.calls.clear()
    client = world.client()
    more = "    mode: raw\n" if protocol == "raw" else f"    cleanup_program: {path}\n" if protocol == "certbot" else ""
    client.issue(names[1], *settings(world, client, "exec" if protocol == "raw" else protocol, path, more=more))
    ours = shape(world.recorder.calls, protocol, names[1])
    assert len(peer) == 2 and ours == peer
