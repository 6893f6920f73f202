"""http-01 where names are served by programs we did not write: knotd is the authority, and the CA asks it directly or
through unbound."""
import os
import signal

import pytest

import world as world_module
from knot import run_until_it_answers
from world import ALLOWED_V4, PUBLIC_V4, PUBLIC_V6, onward, proof

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root")

KNOT_PORT, UNBOUND_PORT = 5302, 5301
MANY = "\n".join(f"many A 11.22.{n // 200 + 40}.{n % 200 + 1}" for n in range(400))  # too many for a datagram
ZONE = f"""
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
v4 A {PUBLIC_V4}
v6 AAAA {PUBLIC_V6}
both A {PUBLIC_V4}
both AAAA {PUBLIC_V6}
alias CNAME alias2
alias2 CNAME alias3
alias3 CNAME both
dangling CNAME nowhere
none TXT "no address"
inside A 10.77.0.1
inside AAAA ::1
allowed A {ALLOWED_V4}
wide.sub A {PUBLIC_V4}
*.wild A {PUBLIC_V4}
to A {PUBLIC_V4}
{MANY}
many AAAA {PUBLIC_V6}
"""
KNOT = """
server:
    rundir: {folder}
    listen: 127.0.0.1@{port}
database:
    storage: {folder}
log:
  - target: stderr
    any: warning
zone:
  - domain: real.test
    storage: {folder}
    file: zone
  - domain: bogus.test
    storage: {folder}
    file: zone
"""
UNBOUND = """
server:
    interface: 127.0.0.1
    port: {port}
    username: ""
    chroot: ""
    directory: {folder}
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    do-not-query-localhost: no
    module-config: "validator iterator"
    local-zone: "test." nodefault
    trust-anchor: "bogus.test. DS 12345 13 2 {digest}"
stub-zone:
    name: real.test
    stub-addr: 127.0.0.1@{knot}
stub-zone:
    name: bogus.test
    stub-addr: 127.0.0.1@{knot}
remote-control:
    control-enable: no
"""
# name in the zone: where it is proved to be, or the problem and its words
NAMES = {
    "v4": PUBLIC_V4, "v6": PUBLIC_V6, "both": PUBLIC_V6, "alias": PUBLIC_V6, "many": PUBLIC_V6, "allowed": ALLOWED_V4,
    "wide.sub": PUBLIC_V4, "any.wild": PUBLIC_V4,
    "nowhere": ("dns", ["NXDOMAIN"]), "dangling": ("dns", ["NXDOMAIN"]), "none": ("dns", ["neither A nor AAAA"]),
    "sub": ("dns", ["neither A nor AAAA"]), "inside": ("connection", ["10.77.0.1", "private use"]),
    "moved.wild": ("dns", ["redirects to http://nowhere.real.test/", "NXDOMAIN"]),
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The small Internet with knotd and unbound in it."""
    folder = tmp_path_factory.mktemp("servers")
    (folder / "zone").write_text(ZONE)
    (folder / "knot.conf").write_text(KNOT.format(folder=folder, port=KNOT_PORT))
    (folder / "unbound.conf").write_text(
        UNBOUND.format(folder=folder, port=UNBOUND_PORT, knot=KNOT_PORT, digest="ab" * 32))
    made = world_module.World(folder)
    processes = []
    try:
        processes.append(run_until_it_answers(["knotd", "-c", folder / "knot.conf"], KNOT_PORT))
        processes.append(run_until_it_answers(["unbound", "-c", folder / "unbound.conf"], UNBOUND_PORT))
        yield made
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        made.close()


@pytest.mark.parametrize("port", [UNBOUND_PORT, KNOT_PORT], ids=["unbound", "knot"])
def test_names(servers, tmp_path, port):
    servers.house.stop()
    servers.serve(tmp_path / "ca", f"validation.resolver=127.0.0.1:{port}", "validation.allow_networks=10.88.0.0/16")
    for name in NAMES:
        servers.set_up({}, {f"{name}.real.test": proof})
    servers.scripts["moved.wild.real.test"] = onward("http://nowhere.real.test")
    for name, wanted in NAMES.items():
        result = servers.prove(f"{name}.real.test")
        if isinstance(wanted, str):
            result.must_be(None, ())
            assert [hit.address for hit in result.hits] == [wanted]
        else:
            result.must_be(*wanted)
    if port == UNBOUND_PORT:  # signed by nobody, although there is a trust anchor
        servers.set_up({}, {"v4.bogus.test": proof})
        result = servers.prove("v4.bogus.test")
        result.must_be("dns", ["v4.bogus.test", "SERVFAIL"])
        assert not result.hits
    servers.end()
