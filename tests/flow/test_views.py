"""directories.NAME.{resolver,http_port,tls_port,allow_networks}: each directory of a CA sees the world its own way."""
import os
import signal
import subprocess

import pytest

import acme_raw
import house as house_module
import world as world_module
from test_directories import configure
from world import onward, proof

INSIDE, OTHER = "127.0.0.2", "127.0.0.3"


class Net:
    """A DNS server and a web server of one network."""

    def __init__(self, address):
        self.dns = world_module.Dns(port=0)
        self.port = house_module.free_port()
        self.scripts = {}
        self.web = world_module.Web([address], self.port, self.scripts)
        self.address = address

    def add(self, name, script=proof, address=None):
        self.dns.nodes[name] = {"A": [address or self.address]}
        self.scripts[name] = script

    def close(self):
        self.web.close()
        self.dns.close()


class World:
    def __init__(self, folder):
        self.nets = [Net("127.0.0.1"), Net(INSIDE), Net(OTHER)]
        self.outside, self.inside, self.other = self.nets
        self.tls_port = house_module.free_port()
        self.secure = world_module.Web([INSIDE], self.tls_port, self.inside.scripts, world_module.bad_certificate(folder))
        self.house = house_module.House(folder / "ca", stub=self.outside.dns, sets=[
            "log.level=notice", "authorization.lifetime=0", "order.hold=200ms", "validation.timeout=20s"])
        self.house.http_port = self.outside.port
        configure(self.house, self.text())
        self.house.start()
        self.clients = {}
        for web in [self.secure, *[net.web for net in self.nets]]:
            web.tokens = self.secure.tokens

    def text(self, more=""):
        return f"""
directories:
  default: {{}}
  inside:
    resolver: 127.0.0.1:{self.inside.dns.port}
    http_port: {self.inside.port}
    tls_port: {self.tls_port}
    allow_networks: [{INSIDE}/32]
  half:
    http_port: {self.inside.port}
{more}"""

    def client(self, directory):
        if directory not in self.clients:
            url = self.house.url if directory == "default" else self.house.url.replace("/acme/", f"/acme/{directory}/")
            self.clients[directory] = acme_raw.Client(url, self.house.root)
            self.clients[directory].register()
        return self.clients[directory]

    def begin(self, directory, name):
        """The challenge's URL."""
        client = self.client(directory)
        _, order = client.order(name)
        challenge = client.challenge(order["authorizations"][0])
        self.secure.tokens[challenge["token"]] = f'{challenge["token"]}.{client.key.thumbprint()}'
        assert client.post(challenge["url"], {}).status == 200
        return challenge["url"]

    def prove(self, directory, name):
        return self.client(directory).poll(self.begin(directory, name), ("valid", "invalid"), tries=600).json

    def reload(self, more):
        configure(self.house, self.text(more))
        since = len(self.house.log_path.read_bytes())
        os.kill(self.house.process.pid, signal.SIGHUP)
        self.house.wait_for_line(r"proc\.reloaded", since)
        return since

    def close(self):
        self.house.close()
        self.secure.close()
        for net in self.nets:
            net.close()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()[-4000:]
        text = made.house.text()
        assert "AddressSanitizer" not in text and "runtime error" not in text, text[-6000:]
    finally:
        made.close()


def hosts(web):
    return [(hit.host, hit.address, hit.port) for hit in web.hits]


def test_two_directories_see_two_worlds(world):
    world.outside.add("both.test")
    world.inside.add("both.test")
    for directory in ("default", "inside"):
        assert world.prove(directory, "both.test")["status"] == "valid"
    assert hosts(world.outside.web) == [("both.test", "127.0.0.1", world.outside.port)]
    assert hosts(world.inside.web) == [("both.test", INSIDE, world.inside.port)]
    # a name of one of them only
    world.inside.add("only.test")
    assert world.prove("inside", "only.test")["status"] == "valid"
    error = world.prove("default", "only.test")["error"]
    assert error["type"].endswith(":dns") and "only.test" in error["detail"] and "NXDOMAIN" in error["detail"]
    # S-H01-8: what may be connected to is its own as well
    world.inside.add("elsewhere.test", address="127.0.0.1")
    error = world.prove("inside", "elsewhere.test")["error"]
    assert error["type"].endswith(":connection") and "127.0.0.1, which is loopback" in error["detail"], error
    # what a directory does not say is as validation.* says: the resolver, not the port
    world.outside.add("half.test", address=INSIDE)
    world.inside.scripts["half.test"] = proof
    assert world.prove("half", "half.test")["status"] == "valid"
    assert hosts(world.inside.web)[-1] == ("half.test", INSIDE, world.inside.port)


def test_https_redirects_go_to_the_port_of_the_directory(world):
    """80 and 443 stand for the ports of the view; those of another directory are not followed."""
    world.inside.add("plain.test", onward("https://secure.test"))
    world.inside.add("secure.test")
    assert world.prove("inside", "plain.test")["status"] == "valid"
    assert hosts(world.secure) == [("secure.test", INSIDE, world.tls_port)]
    world.outside.add("other-port.test", onward(f"http://other-port.test:{world.inside.port}"))
    error = world.prove("default", "other-port.test")["error"]
    assert f"redirects to port {world.inside.port}" in error["detail"], error


def test_a_resolver_that_is_new_at_a_reload(world):
    """The validator alone starts again; what was under way is asked again; no other reload does that."""
    validator = world.house.children()["validator"]
    since = world.reload("  more:\n    http_port: 81\n")
    assert "validator.restarts" not in world.house.text(since)
    world.inside.dns.nodes["slow.test"] = {"silent": True}
    pending = world.begin("inside", "slow.test")
    world.other.add("new.test")
    since = world.reload(f"  new:\n    resolver: 127.0.0.1:{world.other.dns.port}\n    http_port: {world.other.port}\n")
    world.house.wait_for_line(r"validator\.restarts why=\"a resolver that is new", since)
    world.inside.add("slow.test")
    assert world.prove("new", "new.test")["status"] == "valid"
    assert world.client("inside").poll(pending, ("valid", "invalid"), tries=600).json["status"] == "valid"
    children = world.house.children()
    assert children["validator"] != validator and len(children) == 3
    assert "level=error" not in world.house.text(since) and " error " not in world.house.text(since)
    # and once more, as fast
    world.outside.add("again.test")
    since = world.reload(f"  new:\n    resolver: 127.0.0.1:{world.outside.dns.port}\n")
    world.inside.add("last.test")
    assert world.prove("inside", "last.test")["status"] == "valid"
    assert world.prove("default", "again.test")["status"] == "valid"


@pytest.mark.parametrize("lines, words", [
    ("resolver: ns.example.test", ["directories.one", "resolver", "ns.example.test", "ADDRESS"]),
    ("resolver: 10.0.0.53:70000", ["directories.one", "resolver"]),
    ("allow_networks: [10.0.0.0/33]", ["directories.one", "allow_networks", "10.0.0.0/33"]),
    ("http_port: 65536", ["directories.one.http_port", "65535"]),
    ("tls_port: https", ["directories.one.tls_port"]),
    ("ressolver: 10.0.0.53", ["ressolver", "resolver"]),
])
def test_check_config_names_the_mistake(tmp_path, lines, words):
    house = house_module.House(tmp_path / "ca", stub=world_module.Dns.__new__(world_module.Dns))
    configure(house, f"\ndirectories:\n  one:\n    {lines}\n")
    done = subprocess.run([house_module.CAIRN_CA, "check-config", "--dir", house.directory], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode != 0
    for word in words:
        assert word in done.stderr, done.stderr
