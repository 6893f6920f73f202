"""The examples of cairn(1) and of its help, run one after the other as somebody who reads on would, on the ports that they mean: in a network
namespace with the hosts they name, where cairn-ca is what they call Let's Encrypt and their private CA. Those that take a device, a zone, an
agent or another client's files are in the tests of these."""
import contextlib
import functools
import http.server
import json
import os
import threading

import pytest

import house as house_module
import test_client_examples as examples
import world as world_module
from exit_codes import DONE
from pebble import Client
from world import PUBLIC_V4

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root")

NAMES = ["www.example.org", "example.org", "www.example.test"]
ELSEWHERE = ("--device", "--dns", "dns ", "splice:", "agent", "import", "tpm", "--http nginx", "recover")


@pytest.fixture
def ca(tmp_path):
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(world_module.Namespace()))
        dns = stack.enter_context(contextlib.closing(world_module.Dns()))
        dns.nodes.update({name: {"A": [PUBLIC_V4]} for name in NAMES})
        made = house_module.House(tmp_path / "ca", stub=dns, sets=["validation.http_port=80"])
        stack.enter_context(contextlib.closing(made))
        made.start()
        yield made
        assert made.stop() == 0, made.text()


@contextlib.contextmanager
def web_server(folder):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("", 80), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def lines():
    """Each once: those of the manual page first, then the life of a certificate and of an account to their ends."""
    every = [line for _, line in examples.examples() if not any(word in line for word in ELSEWHERE)]
    last = ["rollback", "deploy", "export", "revoke", "delete", "account deactivate"]

    def place(line):
        return next((i + 1 for i, word in enumerate(last) if f"cairn {word}" in line), 0 if "account register" not in line else -1)

    return sorted(dict.fromkeys(every), key=place)


def test_they_do_what_they_say(ca, tmp_path):
    www, config = tmp_path / "www", tmp_path / "cairn.yaml"
    www.mkdir()
    config.write_text(json.dumps({"cas": {"letsencrypt": {"directory": ca.url, "ca_file": str(ca.root)}}}))
    client = Client(tmp_path / "state", ca)
    replaced = {"https://ca.example.test/acme/directory": ca.url, "root.pem": ca.root, "192.0.2.1": PUBLIC_V4, "webroot:/var/www/html": f"webroot:{www}",
                "new.yaml": config, "/etc/letsencrypt": tmp_path / "letsencrypt"}
    ran = set()
    for line in lines():
        words = [str(replaced.get(word, word)) for word in examples.words_of(line)]
        more = ["--config", str(config)] if "--config" not in words and words[0] not in ("completion", "help") else []
        with web_server(www) if "--http" in words else contextlib.nullcontext():
            if words[0] == "rollback":  # there is a third one, and one after it
                for _ in range(4):
                    client.run("renew", "www.example.test", "--force", *more)
            if words[0] == "completion":
                assert "complete" in examples.subprocess.run([examples.CAIRN, *words], capture_output=True, text=True, check=True).stdout
                continue
            done = client.run(*words, *more, code=DONE)
        assert done.stderr == "", (line, done.stderr)
        ran.add(words[0])
    assert ran >= {"issue", "renew", "plan", "apply", "account", "show", "rollback", "export", "revoke", "delete"}
    assert (tmp_path / "letsencrypt/live/www.example.test/fullchain.pem").exists()
    assert not client.live("www.example.test").exists() and client.live("www.example.org").exists() and client.live(PUBLIC_V4).exists()
