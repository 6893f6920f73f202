"""A CA that is renamed, or reached by several names, keeps every account (issue 3, point 9; rows 16 to 18 and 41 of what
others do: elsewhere "renaming the host orphans every account"). Rows S-URL-2, 3, 4."""
import json
import re
import socket

import pytest

import acme_raw
import house as house_module
import responder as responder_module
from acme_raw import Key, b64, make_csr
from crowd import broken, inner, number
from http_raw import Raw

OLD, NEW = "old.flow.test", "new.flow.test"


class Client(acme_raw.Client):
    """Every name is at 127.0.0.1, and the CA's certificate must have it."""

    port = None  # where the name's own port leads, if that is a proxy's

    def connect(self):
        super().connect()
        self.connection._create_connection = lambda address, *more: socket.create_connection(
            ("127.0.0.1", self.port or address[1]), 20)


class World:
    """A CA known as old.flow.test, with an account, and orders in every state."""

    def __init__(self, folder):
        self.house = house_module.House(folder / "ca", dns_names=[OLD], sets=["order.hold=3s"])
        self.ports = [self.house.port, house_module.free_port()]
        self.house.start()
        self.responder = responder_module.Responder(self.house.http_port)
        self.client = Client(self.house.url, self.house.root)
        self.client.register(contact=["mailto:a@flow.test"])
        self.key, self.kid = self.client.key, self.client.kid
        self.old_origin = self.client.origin
        self.serial = 0
        self.valid, order = self.client.order("valid.flow.test")
        self.client.prove(order, self.responder)
        final = self.client.post(order["finalize"], {"csr": b64(make_csr(["valid.flow.test"]))}).json
        self.certificate = final["certificate"]
        self.pem = self.client.post(self.certificate, None).body
        self.pending()

    def pending(self):
        """An order with a challenge that nobody has answered; all with URLs of the origin it was made at."""
        self.serial += 1
        self.name = f"pending{self.serial}.flow.test"
        self.order_url, self.order = self.client.order(self.name)
        self.challenge = self.client.challenge(self.order["authorizations"][0])
        return self.order

    def rename(self, *, names, ports=None, origin=""):
        """Start with another configuration; the origin of its URLs."""
        assert self.house.stop() == 0, self.house.text()
        path = self.house.directory / "cairn-ca.yaml"
        text = path.read_text()
        listen = [f"127.0.0.1:{port}" for port in ports or self.ports[:1]]
        for option, value in [("dns_names", names), ("listen", listen), ("origin", origin)]:
            text, count = re.subn(f"(?m)^{option}:.*$", f"{option}: {json.dumps(value)}", text)
            assert count == 1, option
        path.write_text(text)
        self.house.port = (ports or self.ports)[0]
        self.house.start()
        return self.house.url.removesuffix("/acme/directory")

    def client_at(self, origin, kid=None, port=None):
        """The same account by another name."""
        made = type("At", (Client,), {"port": port})(f"{origin}/acme/directory", self.house.root, self.key)
        made.url = self.house.url  # the index is the same for all names
        made.kid = kid or self.kid
        return made

    def close(self):
        self.responder.close()
        assert broken(self.house) == {}
        code, text = self.house.stop(), self.house.text()
        self.house.close()
        assert code == 0 and "ERROR: AddressSanitizer" not in text and "runtime error" not in text, text


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("renamed"))
    yield made
    made.close()


@pytest.fixture
def before(world):
    """As it was before the name changed, with an order that is pending."""
    if world.house.url != f"{world.old_origin}/acme/directory":
        world.rename(names=[OLD])
    world.client = world.client_at(world.old_origin)
    world.pending()
    return world


def moved(url, world, origin):
    """What a client does that was told of the new name."""
    assert url.startswith(world.old_origin), url
    return origin + url.removeprefix(world.old_origin)


def finish(world, client, order_url, challenge):
    """A flow that was begun before, all of it by the name of the client."""

    def here(url):
        return client.origin + "/acme/" + url.partition("/acme/")[2]

    world.responder.tokens[challenge["token"]] = f'{challenge["token"]}.{world.key.thumbprint()}'
    answer = client.post(here(challenge["url"]), {})
    assert answer.status == 200 and answer.json["status"] == "valid", answer
    ready = client.post(here(order_url), None).json
    assert ready["status"] == "ready", ready
    done = client.post(here(ready["finalize"]), {"csr": b64(make_csr([world.name]))})
    assert done.status == 200 and done.json["status"] == "valid", done
    chain = client.post(here(done.json["certificate"]), None)
    assert chain.status == 200 and chain.body.startswith(b"-----BEGIN CERTIFICATE-----"), chain
    return done.json


def all_of(value, origin):
    """Every URL of an answer is of that origin."""
    if isinstance(value, dict):
        return all(all_of(v, origin) for v in value.values())
    if isinstance(value, list):
        return all(all_of(v, origin) for v in value)
    return not (isinstance(value, str) and value.startswith("https://")) or value.startswith(origin + "/")


@pytest.mark.parametrize("port", [0, 1])
def test_another_name(before, port):
    """Name, and once the port too: the account's URL of before signs, what was begun goes on at the new URLs, and every URL
    in every answer is new."""
    world = before
    origin = world.rename(names=[NEW], ports=[world.ports[port]])
    assert origin == f"https://{NEW}:{world.ports[port]}"
    client = world.client_at(origin)
    assert all_of(client.directory, origin)
    found = client.post(client.directory["newAccount"], {"onlyReturnExisting": True}, jwk=True)
    assert found.status == 200 and found.headers["Location"] == moved(world.kid, world, origin), found
    assert all_of(found.json, origin) and found.json["contact"] == ["mailto:a@flow.test"]
    listed = client.post(found.json["orders"], None).json["orders"]
    assert moved(world.order_url, world, origin) in listed and moved(world.valid, world, origin) in listed
    order = client.post(moved(world.order_url, world, origin), None)
    assert order.json["status"] == "pending" and all_of(order.json, origin), order
    challenge = client.challenge(order.json["authorizations"][0])
    assert challenge["token"] == world.challenge["token"]
    done = finish(world, client, moved(world.order_url, world, origin), challenge)
    assert all_of(done, origin)
    assert client.post(moved(world.certificate, world, origin), None).body == world.pem
    url, fresh = client.order("fresh.flow.test")
    assert url.startswith(origin + "/") and all_of(fresh, origin)


def test_the_old_url_in_a_request_to_the_new_name(before):
    """The url in the header is the one that was asked (S-URL-2): the old one is refused, with both in the sentence."""
    world = before
    origin = world.rename(names=[NEW])
    client = world.client_at(origin)
    content = world.house.content()
    url = moved(world.order_url, world, origin)
    answer = client.post(url, None, header={"url": world.order_url})
    assert answer.status == 403 and answer.type == "unauthorized", answer
    assert world.order_url in answer.json["detail"] and url in answer.json["detail"]
    assert world.house.content() == content


def test_the_old_name_leads_here_but_is_not_the_cas_any_more(before):
    """A client that still asks by the old name, with its url: the header must be of a configured origin."""
    world = before
    origin = world.rename(names=[NEW])
    content = world.house.content()
    client = world.client_at(origin)
    body = json.dumps(client.jws(world.order_url, None)).encode()
    host = world.old_origin.removeprefix("https://")
    with Raw(world.house, name=NEW) as raw:
        raw.send(f"POST {world.order_url.removeprefix(world.old_origin)} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
                 "Content-Type: application/jose+json\r\n\r\n".encode() + body)
        answer = raw.answer("POST")
    assert answer.status == 403 and json.loads(answer.body)["type"].endswith(":unauthorized"), answer
    assert world.house.content() == content


def test_both_names(before):
    """With both names configured old URLs are as good as new ones, and each request says the one that it asked."""
    world = before
    origin = world.rename(names=[NEW, OLD])
    assert origin == f"https://{NEW}:{world.ports[0]}"
    old, new = world.client_at(world.old_origin), world.client_at(origin, moved(world.kid, world, origin))
    assert old.post(world.kid, None).json == new.post(new.kid, None).json
    assert old.post(world.certificate, None).body == new.post(moved(world.certificate, world, origin), None).body == world.pem
    finish(world, old, world.order_url, world.challenge)
    for client, url in [(old, moved(world.order_url, world, origin)), (new, world.order_url)]:
        there = client.origin + url.partition("/acme/")[1] + url.partition("/acme/")[2]
        assert client.post(there, None).status == 200
        assert client.post(there, None, header={"url": url}).status == 403
    # nonces are the CA's, not the name's
    new.nonces, old.nonces = old.nonces, new.nonces
    assert new.post(new.kid, None).status == old.post(old.kid, None).status == 200
    # one orders list, of all that was made by either name
    url, _ = new.order("either.flow.test")
    assert url.startswith(origin + "/")
    listed = old.origin + old.post(world.kid, None).json["orders"].removeprefix(origin)
    assert old.post(listed, None).json["orders"][0] == url


@pytest.mark.parametrize("change", [
    lambda url: url.replace("new.flow.test", "NEW.flow.test"), lambda url: url.replace("https://", "HTTPS://"),
    lambda url: url.replace("/acme/", "//acme/"), lambda url: url.replace("/acme/", "/%61cme/"), lambda url: url + "/",
    lambda url: url + "?", lambda url: url.replace("https://", "http://"), lambda url: re.sub(":[0-9]+/", ":443/", url),
    lambda url: re.sub(":[0-9]+/", "/", url), lambda url: url + " "])
def test_urls_are_compared_octet_by_octet(world, change):
    """S-URL-3."""
    if NEW not in world.house.url:
        world.rename(names=[NEW, OLD])
    client = world.client_at(world.house.url.removesuffix("/acme/directory"))
    url = f"{client.origin}/acme/account/{number(world.kid)}"
    answer = client.post(url, None, header={"url": change(url)})
    assert answer.status == 403 and answer.type == "unauthorized", answer


def test_two_ports(before):
    """Each address it listens at is an origin."""
    world = before
    origin = world.rename(names=[OLD], ports=world.ports[::-1])
    assert origin == f"https://{OLD}:{world.ports[1]}"
    for one in [origin, world.old_origin]:
        client = world.client_at(one)
        assert client.post(one + world.kid.removeprefix(world.old_origin), None).status == 200
        assert all_of(client.directory, origin)
    finish(world, world.client_at(world.old_origin), world.order_url, world.challenge)


def test_behind_a_proxy(before):
    """The origin is the configured one, whatever a client says of where it comes from (S-URL-4); the CA is reached by its
    own name all the same."""
    world = before
    public = "https://public.flow.test"
    world.rename(names=[OLD, "public.flow.test"], origin=public)
    client = world.client_at(public, port=world.ports[0])
    assert all_of(client.directory, public)
    assert client.post(f"{public}/acme/account/{number(world.kid)}", None).status == 200
    spoof = {"X-Forwarded-Host": "evil.flow.test", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.flow.test;proto=http",
             "X-Original-URL": "/acme/x"}
    assert all_of(client.request("GET", "/acme/directory", headers=spoof).json, public)
    url = f"{public}/acme/account/{number(world.kid)}"
    body = json.dumps(client.jws("https://evil.flow.test" + url.removeprefix(public), None))
    answer = client.request("POST", url, body, {"Content-Type": "application/jose+json", **spoof})
    assert answer.status == 403 and answer.type == "unauthorized", answer
    finish(world, world.client_at(world.old_origin), world.order_url, world.challenge)


def test_key_change_with_the_url_of_before(before):
    """Outer and inner name the account by the old URL; the new key is the account's by the new one."""
    world = before
    origin = world.rename(names=[NEW])
    client, new = world.client_at(origin), Key()
    answer = client.post(client.directory["keyChange"], inner(client, new))
    assert answer.status == 200 and answer.headers["Location"] == moved(world.kid, world, origin), answer
    world.key = client.key = new
    client.kid = moved(world.kid, world, origin)
    assert client.post(client.kid, None).status == 200
