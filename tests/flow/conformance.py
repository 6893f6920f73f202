"""What the tests of the conformance rows share: a CA with everything switched on, its accounts, and a strict eye."""
import json
import threading

import acme_raw
import house as house_module
import responder as responder_module
from acme_raw import b64, make_csr

TERMS = "https://terms.flow.test/1"


class World:
    """One CA, a responder, and an account; shared by the tests of a file."""

    def __init__(self, directory, sets=()):
        self.house = house_module.House(directory, sets=[f"terms_of_service={TERMS}", *sets])
        self.house.start()
        self.responder = responder_module.Responder(self.house.http_port)
        self.count = 0
        self.client = self.stranger()

    def stranger(self, algorithm="ES256", register=True):
        made = acme_raw.Client(self.house.url, self.house.root, acme_raw.Key(algorithm))
        if register:
            made.register()
        return made

    def name(self):
        self.count += 1
        return f"c{self.count}.flow.test"

    def pending(self, client=None):
        return (client or self.client).order(self.name())

    def ready(self, *names, client=None):
        """URL, order, names."""
        names = names or (self.name(),)
        client = client or self.client
        url, order = client.order(*names)
        client.prove(order, self.responder)
        return url, order, names

    def done(self, client=None):
        """URL and order, with its certificate."""
        client = client or self.client
        url, order, names = self.ready(client=client)
        answer = client.post(order["finalize"], {"csr": b64(make_csr(names))})
        assert answer.status == 200, answer
        return url, client.poll(url, ("valid",)).json

    def refuses(self, answer, status, kind):
        """A problem of this kind, and nothing in the store is another than before: call `before()` first."""
        assert (answer.status, answer.type) == (status, kind), answer
        assert self.house.content() == self.seen, "a refused request changed the store"
        return answer

    def before(self):
        self.seen = self.house.content()
        return self

    def close(self):
        self.responder.close()
        code = self.house.stop()
        text = self.house.text()
        self.house.close()
        assert code == 0, text
        assert "ERROR: AddressSanitizer" not in text and "runtime error" not in text, text


def sign(client, protected, payload):
    """A request whose header and payload are exactly these octets."""
    first, second = b64(protected), b64(payload)
    return {"protected": first, "payload": second, "signature": b64(client.key.sign(f"{first}.{second}".encode()))}


def send(client, url, body, **headers):
    """Any body as a request."""
    if isinstance(body, dict):
        body = json.dumps(body)
    return client.request("POST", url, body, {"Content-Type": "application/jose+json", **headers})


def at_once(calls):
    """What each call gives, all made at the same moment."""
    gate, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index):
        gate.wait(30)
        results[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
