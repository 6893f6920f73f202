"""CAA (RFC 8659, RFC 8657) as a real CA looks at it: knotd has the zones, the examples of the RFCs among them; orders are
proved over http-01 and dns-01 first. Rows V-CAA; S-DIR-5."""
import concurrent.futures
import hashlib
import subprocess

import pytest

import acme_raw
import house as house_module
import responder as responder_module
from acme_raw import b64, make_csr
from knot import KEY_NAME, KEY_SECRET, Knot

US, OTHER = "ca1.example.net", "ca2.example.org"
DENIED = "does not let this CA issue for {name}; it is called ca1.example.net"

# name, records at it, what is refused: of the name itself (http-01), and of the wildcard (dns-01); None: nothing
ROWS = [
    # RFC 8659 4.2
    ("certs", [f'0 issue "{US}"', f'0 issue "{OTHER}"'], None, None),
    ("nocerts", ['0 issue ";"'], DENIED, DENIED),
    ("malformed", ['0 issue "%%%%%"'], DENIED, DENIED),
    ("account", [f'0 issue "{US}; account=230123"'], None, None),
    ("others", [f'0 issue "{OTHER}"'], "add others.rfc.test. CAA 0 issue \"ca1.example.net\"", DENIED),
    # 4.3
    ("wild", [f'0 issue "{US}"', f'0 issuewild "{OTHER}"'], None, "add wild.rfc.test. CAA 0 issuewild"),
    ("wild2", [f'0 issue "{US}"'], None, None),
    ("wild3", [f'0 issuewild "{US}"', '0 issue ";"'], DENIED, None),
    ("wild4", [f'0 issuewild "{OTHER}"'], None, DENIED),
    # 4.4, 4.5
    ("report", [f'0 issue "{US}"', '0 iodef "mailto:security@example.com"'], None, None),
    ("iodef", ['0 iodef "mailto:security@example.com"'], None, None),
    ("new", [f'0 issue "{US}"', '128 tbs "Unknown"'], "128 tbs \"Unknown\" of new.rfc.test is marked critical",
     "marked critical"),
    ("reserved", ['1 tbs "Unknown"'], None, None),
    # RFC 8657
    ("method", [f'0 issue "{US}; validationmethods=dns-01"'], "does not allow {name} to be proved by http-01", None),
    ("nobody", [f'0 issue "{US}; accounturi=https://localhost/nobody"'], "another account (accounturi); this one is https://",
     "another account"),
]
ZONE = """* A 127.0.0.1
alias CNAME target.other.test.
blocked CNAME target.blocked.test.
aliased CAA 0 issue ";"
x.aliased CNAME target.none.test.
below.wild2 A 127.0.0.1
below.nocerts A 127.0.0.1
tree DNAME blocked.test.
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    zone = ZONE + "".join(f"{name} A 127.0.0.1\n" + "".join(f"{name} CAA {record}\n" for record in records)
                          for name, records, *_ in ROWS)
    knot = Knot(tmp_path_factory.mktemp("knot"), {
        "test": "", "rfc.test": zone, "other.test": f"target A 127.0.0.1\ntarget CAA 0 issue \"{US}\"\n@ CAA 0 issue \";\"\n",
        "none.test": "target A 127.0.0.1\n", "blocked.test": "* A 127.0.0.1\n* CAA 0 issue \";\"\n"})
    house = house_module.House(tmp_path_factory.mktemp("caa") / "ca", stub=knot, dns_names=["localhost"], sets=[
        "directories.default.caa_identities=CA1.example.net", "directories.private.issuer=", "order.hold=5s"])
    responder = responder_module.Responder(house.http_port)
    house.knot, house.responder = knot, responder
    try:
        house.start()
        house.client = subscriber(house)
        yield house
        assert house.stop() == 0, house.text()[-3000:]
        assert "ERROR: AddressSanitizer" not in house.text() and "runtime error" not in house.text()
    finally:
        responder.close()
        house.close()
        knot.stop()


def subscriber(house, key=None):
    made = acme_raw.Client(house.url, house.root, key)
    made.register()
    return made


def update(knot, *lines, zone="rfc.test"):
    text = f"server 127.0.0.1 {knot.port}\nzone {zone}.\n" + "".join(f"{line}\n" for line in lines) + "send\n"
    subprocess.run(["knsupdate", "-y", f"hmac-sha256:{KEY_NAME}:{KEY_SECRET}"], input=text, text=True, check=True, timeout=30)


def prove(place, client, authorization, kind):
    """The challenge when it is decided."""
    challenge = client.challenge(authorization, kind)
    proved = f'{challenge["token"]}.{client.key.thumbprint()}'
    place.responder.tokens[challenge["token"]] = proved
    if kind == "dns-01":
        at = client.post(authorization, None).json["identifier"]["value"]
        update(place.knot, f"add _acme-challenge.{at}. 60 TXT {b64(hashlib.sha256(proved.encode()).digest())}")
    assert client.post(challenge["url"], {}).status == 200
    return client.poll(challenge["url"], ("valid", "invalid"), tries=300).json


def ordered(place, name, kind="http-01", client=None):
    client = client or subscriber(place)
    url, order = client.order(name)
    challenge = prove(place, client, order["authorizations"][0], kind)
    return client, url, order, challenge


def finalize(client, url, order):
    """Its certificate, or the problem."""
    names = [identifier["value"] for identifier in order["identifiers"]]
    answer = client.post(order["finalize"], {"csr": b64(make_csr(names))})
    if answer.status != 200:
        return answer
    final = client.poll(url, ("valid", "invalid")).json
    assert final["status"] == "valid", final
    return client.post(final["certificate"], None)


@pytest.fixture(scope="module")
def results(place):
    """All at once."""
    cases = [(row[0], wild) for row in ROWS for wild in (False, True)]

    def run(case):
        name, wild = case
        return ordered(place, f"{'*.' if wild else ''}{name}.rfc.test", "dns-01" if wild else "http-01")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return dict(zip(cases, [future.result() for future in [pool.submit(run, case) for case in cases]]))


@pytest.mark.parametrize("wild", [False, True], ids=["name", "wildcard"])
@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_examples(place, results, row, wild):
    """V-CAA-1, 2, 4, 5, 6, 8, 9, 10, 11, 13, 16:"""
    name = f"{'*.' if wild else ''}{row[0]}.rfc.test"
    wanted = row[3 if wild else 2]
    client, url, order, challenge = results[row[0], wild]
    step = challenge["validationRecord"][-1]["caa"]
    assert step["at"] == f"{row[0]}.rfc.test" and len(step["records"]) == len(row[1])
    assert step["allowed"] is (wanted is None)
    if wanted is None:
        assert challenge["status"] == "valid", challenge
        assert finalize(client, url, order).status == 200
        return
    assert challenge["status"] == "invalid", challenge
    error = challenge["error"]
    assert error["type"] == "urn:ietf:params:acme:error:caa" and error["status"] == 403, error
    assert wanted.format(name=name) in error["detail"], error
    assert client.post(url, None).json["status"] == "invalid"


@pytest.mark.parametrize("name, allowed, at", [
    ("below.wild2.rfc.test", True, "wild2.rfc.test"), ("below.nocerts.rfc.test", False, "nocerts.rfc.test"),
    ("anything.rfc.test", True, None),
    # V-CAA-3: followed where it leads, but not up from there
    ("alias.rfc.test", True, "alias.rfc.test"), ("blocked.rfc.test", False, "blocked.rfc.test"),
    ("x.aliased.rfc.test", False, "aliased.rfc.test"), ("a.tree.rfc.test", False, "a.tree.rfc.test")])
def test_climbing(place, name, allowed, at):
    """V-CAA-2, 3, 23:"""
    *_, challenge = ordered(place, name)
    step = challenge["validationRecord"][-1]["caa"]
    assert challenge["status"] == ("valid" if allowed else "invalid"), challenge
    assert (step["allowed"], step.get("at")) == (allowed, at)


def test_the_account(place):
    """V-CAA-13, 15: of two accounts the one that is named, by the URL it knows itself; not the one at another CA."""
    mine, stranger = subscriber(place), subscriber(place)
    for label, issuer in (("mine", US), ("elsewhere", OTHER)):
        update(place.knot, f"add {label}.rfc.test. 60 A 127.0.0.1",
               f'add {label}.rfc.test. 60 CAA 0 issue "{issuer}; accounturi={mine.kid}"')
    *_, challenge = ordered(place, "mine.rfc.test", client=mine)
    assert challenge["status"] == "valid", challenge
    *_, challenge = ordered(place, "mine.rfc.test", client=stranger)
    assert challenge["error"]["type"].endswith(":caa") and stranger.kid in challenge["error"]["detail"], challenge
    *_, challenge = ordered(place, "elsewhere.rfc.test", client=mine)
    assert challenge["error"]["type"].endswith(":caa"), challenge


def test_the_directory_says_what_counts(place):
    """S-DIR-5: byte for byte what records are compared with, and nothing where this CA has no name."""
    assert place.client.directory["meta"]["caaIdentities"] == [US]
    private = acme_raw.Client(place.url.replace("/acme/", "/acme/private/"), place.root)
    assert "caaIdentities" not in private.directory["meta"]
    private.register()
    url, order = private.order("nocerts.rfc.test")
    assert prove(place, private, order["authorizations"][0], "http-01")["status"] == "valid"
    assert finalize(private, url, order).status == 200


def test_account_urls(place):
    """V-CAA-20: accounturi names one account of this CA, whichever of its directories it is in."""
    key = acme_raw.Key()
    private = acme_raw.Client(place.url.replace("/acme/", "/acme/private/"), place.root, key)
    private.register()
    urls = [subscriber(place, key).kid, private.kid, place.client.kid]
    assert len(set(urls)) == 3 and all(url.startswith("https://localhost:") for url in urls)


def test_an_address_has_none(place):
    """V-CAA-25."""
    client, url, order, challenge = ordered(place, "127.0.0.1")
    assert challenge["status"] == "valid" and "caa" not in challenge["validationRecord"][-1], challenge


def test_prevented_issuance_is_in_the_log(place):
    """V-CAA-24."""
    ordered(place, "below.nocerts.rfc.test")
    assert "validator.caa_refused name=below.nocerts.rfc.test account=" in place.text()
