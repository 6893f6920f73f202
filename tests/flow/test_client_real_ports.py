"""cairn with no option about ports, as users run it: ports 80 and 443 of a network namespace, hosts with IPv4, with IPv6,
and with both, proved to cairn-ca."""
import contextlib
import os
import socket

import pytest

import house as house_module
import judges
import world as world_module
from pebble import Client
from world import PUBLIC_V4, PUBLIC_V6
from exit_codes import LATER

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root")

HOSTS = {"v4.example.test": {"A": [PUBLIC_V4]}, "v6.example.test": {"AAAA": [PUBLIC_V6]},
         "both.example.test": {"A": [PUBLIC_V4], "AAAA": [PUBLIC_V6]}}
TYPES = {"http-01": 80, "tls-alpn-01": 443}


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(world_module.Namespace()))
        dns = stack.enter_context(contextlib.closing(world_module.Dns()))
        dns.nodes.update(HOSTS)
        made = house_module.House(tmp_path_factory.mktemp("ca") / "ca", stub=dns, sets=["validation.http_port=80"])
        stack.enter_context(contextlib.closing(made))
        made.start()
        yield made
        assert made.stop() == 0, made.text()


def command(ca, kind):
    return ["--ca", ca.url, "--ca-file", ca.root, "--challenge", kind]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("names", [*([name] for name in HOSTS), list(HOSTS), [PUBLIC_V4, PUBLIC_V6]])
def test_issue(ca, tmp_path, kind, names):
    """C-H01-4: one listener for IPv4 and IPv6."""
    client = Client(tmp_path / "state", ca)
    done = client.run("issue", *names, *command(ca, kind))
    assert f"prove     {kind}, answering on port {TYPES[kind]}" in done.stdout and done.stderr == ""
    live = client.live(names[0].replace(":", "-"))
    if names[0] in HOSTS:
        judges.judge(live / "cert.pem", live / "chain.pem", ca.root, names)
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as s:
            assert s.connect_ex((host, TYPES[kind])) != 0


@pytest.mark.parametrize("kind", TYPES)
def test_a_server_that_has_the_port(ca, tmp_path, kind):
    with socket.create_server(("", TYPES[kind])):
        done = Client(tmp_path / "state", ca).run("issue", "v4.example.test", *command(ca, kind), code=LATER)
    assert f"port {TYPES[kind]}, to answer {kind}, is in use by " in done.stderr and f"(process {os.getpid()})" in done.stderr
