"""A CA made of answers: it issues by default, and every answer can be replaced by a test to see what the client makes
of it. It proves nothing and keeps no state worth the name."""
import base64
import datetime
import http.server
import ipaddress
import itertools
import json
import pathlib
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from house import free_port
from pebble import make_tls_certificate

PROBLEM = "application/problem+json"
DAY = datetime.timedelta(days=1)


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def problem(kind, detail="because", status=400, **headers):
    body = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, "status": status}
    return status, {"Content-Type": PROBLEM, **headers}, body


def identifier(name):
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return {"type": "dns", "value": name}
    return {"type": "ip", "value": name}


class Request:
    """What the client sent: the protected header and the payload."""

    def __init__(self, handler, body):
        self.method, self.path, self.headers, self.body = handler.command, handler.path, handler.headers, body
        jws = json.loads(body) if body else {}
        self.protected = json.loads(decode(jws["protected"])) if "protected" in jws else {}
        self.payload = decode(jws["payload"]) if "payload" in jws else b""

    def json(self):
        return json.loads(self.payload)


class FakeCa:
    """`answers[path]` is a function (request) → (status, headers, body) used instead of the usual answer; `None` as
    its result means the usual one. Paths: /dir /nonce /account /order /authz/N /challenge/N /finalize /order/1 /cert
    and, once `window` (start and end, seconds from now) is set, /ari, whatever stands behind it."""

    def __init__(self, directory):
        self.answers = {}
        self.plain = set()  # paths that are asked without a JWS
        self.requests = []
        self.nonces = set()
        self.counter = itertools.count(1)
        self.names = []
        self.proved = set()
        self.certificate = None  # PEM
        self.lifetime = 90 * DAY
        self.age = DAY / 24  # of new certificates
        self.window = None
        self.retry_after = "21600"
        self.explanation = None
        self.http_port = free_port()
        self.ca_key = ec.generate_private_key(ec.SECP256R1())
        directory = pathlib.Path(directory)
        self.root = make_tls_certificate(directory, stem="fake")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.root, directory / "fake-key.pem")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.base = f"https://localhost:{self.server.server_address[1]}"
        self.url = f"{self.base}/dir"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def handler(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                request = Request(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))
                try:
                    status, headers, body = outer.answer(request)
                except ConnectionAbortedError:  # the test lets the answer get lost
                    self.close_connection = True
                    return
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                nonce = f"nonce{next(outer.counter)}"
                outer.nonces.add(nonce)
                headers = {"Replay-Nonce": nonce, "Content-Type": "application/json", **headers}
                self.send_response(status)
                for name, value in headers.items():
                    if value is not None:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_POST = do_GET

            def log_message(self, *arguments):
                pass

        return Handler

    def answer(self, request):
        self.requests.append(request)
        nonce = request.protected.get("nonce")
        if request.method == "POST" and request.path not in self.plain:
            if request.protected["url"] != self.base + request.path:
                return problem("unauthorized", "the url is another", 403)
            if nonce not in self.nonces:
                return problem("badNonce", "used or unknown")
            self.nonces.discard(nonce)
        special = self.answers.get("/ari" if request.path.startswith("/ari/") else request.path)
        result = special(request) if special else None
        return result if result is not None else self.usual(request)

    def asked(self, path):
        return [r for r in self.requests if r.path == path]

    # ---- the usual answers ----

    def usual(self, request):
        kind, _, rest = request.path.strip("/").partition("/")
        usual = {"dir": self.dir, "nonce": lambda r: (200, {}, b""), "account": self.account, "finalize": self.finalize,
                 "authz": self.authz, "challenge": self.challenge, "cert": self.cert, "ari": self.renewal_info if self.window else None,
                 "order": self.order if rest else self.new_order}.get(kind)
        return usual(request) if usual else problem("malformed", "no such resource", 404)

    def dir(self, request):
        names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
        if self.window is not None:
            names["renewalInfo"] = "ari"
        return 200, {}, {"random-entry": "see the docs", **{k: f"{self.base}/{v}" for k, v in names.items()}}

    def renewal_info(self, request):
        start, end = ((datetime.datetime.utcnow() + datetime.timedelta(seconds=s)).strftime("%Y-%m-%dT%H:%M:%SZ")
                      if isinstance(s, (int, float)) else s for s in self.window)
        more = {"explanationURL": self.explanation} if self.explanation else {}
        return 200, {"Retry-After": self.retry_after}, {"suggestedWindow": {"start": start, "end": end}, **more}

    def account(self, request):
        return 201, {"Location": f"{self.base}/account/1"}, {"status": "valid"}

    def order_object(self, **more):
        status = ("valid" if self.certificate else "ready" if len(self.proved) == len(self.names) else "pending")
        return {"status": status, "identifiers": [identifier(n) for n in self.names],
                "authorizations": [f"{self.base}/authz/{i}" for i in range(len(self.names))],
                "finalize": f"{self.base}/finalize", **({"certificate": f"{self.base}/cert"} if self.certificate else {}), **more}

    def new_order(self, request):
        self.names = [i["value"] for i in request.json()["identifiers"]]
        self.proved = set()
        self.certificate = None
        return 201, {"Location": f"{self.base}/order/1"}, self.order_object()

    def order(self, request):
        return 200, {}, self.order_object()

    def challenge_object(self, i, **more):
        return {"type": "http-01", "url": f"{self.base}/challenge/{i}", "token": f"token-{i}-0123456789abcdef",
                "status": "valid" if i in self.proved else "pending", **more}

    def authz(self, request):
        i = int(request.path.rpartition("/")[2])
        return 200, {}, {"status": "valid" if i in self.proved else "pending",
                         "identifier": identifier(self.names[i]),
                         "challenges": [{"type": "foo-01", "url": f"{self.base}/foo", "status": "pending"},
                                        self.challenge_object(i)]}

    def challenge(self, request):
        i = int(request.path.rpartition("/")[2])
        self.proved.add(i)
        return 200, {}, self.challenge_object(i)

    def issue(self, public_key, names):
        now = datetime.datetime.utcnow()
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Fake CA")])

        def build(subject, key, authority):
            return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
                    .serial_number(x509.random_serial_number()).not_valid_before(now - self.age)
                    .not_valid_after(now - self.age + self.lifetime)
                    .add_extension(x509.BasicConstraints(authority, None), True))

        leaf = build(x509.Name([]), public_key, False)
        leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), True)
        leaf = leaf.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca_key.public_key()), False)
        return b"".join(c.sign(self.ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
                        for c in (leaf, build(issuer, self.ca_key.public_key(), True)))

    def finalize(self, request):
        csr = x509.load_der_x509_csr(decode(request.json()["csr"]))
        san = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.certificate = self.issue(csr.public_key(), san.get_values_for_type(x509.DNSName))
        return 200, {}, self.order_object()

    def cert(self, request):
        return 200, {"Content-Type": "application/pem-certificate-chain"}, self.certificate
