"""Profiles that say by which challenges their names are proved (issue 4, point 1)."""
import subprocess

import pytest

from acme_raw import Client
from house import CAIRN_CA, House
from responder import Responder
from test_directories import ask, configure

EXTRA = """
profiles:
  web:
    description: TLS servers
  strict:
    challenges: [dns-01, tls-alpn-01]
  dns:
    challenges: dns-01
directories:
  default:
    profiles: [web, strict, dns]
  plain:
    challenges: [http-01, tls-alpn-01]
    profiles: [web, strict]
"""


class World:
    def __init__(self, folder):
        self.house = House(folder / "ca")
        configure(self.house, EXTRA)
        self.house.start()
        self.responder = Responder(self.house.http_port)
        self.client = Client(self.house.url, self.house.root)
        self.client.register()
        self.plain = Client(self.house.url.replace("/acme/", "/acme/plain/"), self.house.root)
        self.plain.register()

    def offered(self, client, made):
        (url,) = made.json["authorizations"]
        authz = client.post(url, None).json
        return authz["status"], [c["type"] for c in authz["challenges"]]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("profiles"))
    try:
        yield made
        assert made.house.stop() == 0, made.house.text()
        assert "runtime error" not in made.house.text(), made.house.text()
    finally:
        made.responder.close()
        made.house.close()


@pytest.mark.parametrize("profile, challenges", [("web", ["http-01", "dns-01", "tls-alpn-01"]),
                                                 ("strict", ["dns-01", "tls-alpn-01"]), ("dns", ["dns-01"])])
def test_what_is_offered(world, profile, challenges):
    made = ask(world.client, f"{profile}.offered.test", profile=profile)
    assert made.status == 201 and world.offered(world.client, made) == ("pending", challenges)


def test_a_directory_and_a_profile_must_both_offer_it(world):
    made = ask(world.plain, "both.offered.test", profile="strict")
    assert made.status == 201 and world.offered(world.plain, made) == ("pending", ["tls-alpn-01"])
    refused = ask(world.plain, "*.both.offered.test", profile="web")
    assert refused.status in (400, 403) and "can prove" in refused.json["detail"], refused


def test_a_challenge_that_is_not_offered_cannot_be_answered(world):
    (url,) = ask(world.client, "hidden.offered.test", profile="dns").json["authorizations"]
    challenge = world.client.challenge(url, "dns-01")["url"].replace("dns-01", "http-01")
    assert world.client.post(challenge, {}).status == 404


def test_a_proof_by_another_challenge_does_not_serve(world):
    """What http-01 proved serves the profile that takes it, and not the one that wants the DNS."""
    name = "proved.offered.test"
    made = ask(world.client, name, profile="web")
    world.client.prove(made.json, world.responder)
    assert world.offered(world.client, ask(world.client, name, profile="web"))[0] == "valid"
    assert world.offered(world.client, ask(world.client, name, profile="dns")) == ("pending", ["dns-01"])


def test_profiles_that_nothing_can_prove_are_found(world, tmp_path):
    house = House(tmp_path / "ca")
    try:
        configure(house, EXTRA.replace("    profiles: [web, strict]", "    profiles: [web, dns]"))
        done = subprocess.run([CAIRN_CA, "check-config", "--dir", house.directory], capture_output=True, text=True, check=False)
        assert done.returncode != 0 and 'directories.plain: profiles: none of the challenges that "dns" allows' in done.stderr, done
    finally:
        house.close()
