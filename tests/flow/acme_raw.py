"""ACME by hand: every part of a request can be spoiled. Written from RFC 8555, RFC 7515 and RFC 7638."""
import base64
import hashlib
import http.client
import ipaddress
import json
import ssl
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID

import answers

CURVES = {"ES256": (ec.SECP256R1, "P-256", 32, hashes.SHA256), "ES384": (ec.SECP384R1, "P-384", 48, hashes.SHA384),
          "ES512": (ec.SECP521R1, "P-521", 66, hashes.SHA512)}


def b64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A key that signs JWS."""

    def __init__(self, algorithm="ES256"):
        self.algorithm = algorithm
        if algorithm in CURVES:
            self.key = ec.generate_private_key(CURVES[algorithm][0]())
        elif algorithm == "EdDSA":
            self.key = ed25519.Ed25519PrivateKey.generate()
        else:
            self.key = rsa.generate_private_key(65537, 2048)

    def jwk(self):
        public = self.key.public_key()
        if self.algorithm in CURVES:
            _, curve, size, _ = CURVES[self.algorithm]
            numbers = public.public_numbers()
            return {"crv": curve, "kty": "EC", "x": number(numbers.x, size), "y": number(numbers.y, size)}
        if self.algorithm == "EdDSA":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"crv": "Ed25519", "kty": "OKP", "x": b64(raw)}
        numbers = public.public_numbers()
        return {"e": number(numbers.e), "kty": "RSA", "n": number(numbers.n)}

    def thumbprint(self):
        text = json.dumps(self.jwk(), sort_keys=True, separators=(",", ":"))
        return b64(hashlib.sha256(text.encode()).digest())

    def sign(self, message):
        if self.algorithm in CURVES:
            _, _, size, digest = CURVES[self.algorithm]
            r, s = utils.decode_dss_signature(self.key.sign(message, ec.ECDSA(digest())))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if self.algorithm == "EdDSA":
            return self.key.sign(message)
        digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[self.algorithm[2:]]()
        if self.algorithm.startswith("PS"):
            return self.key.sign(message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return self.key.sign(message, padding.PKCS1v15(), digest)


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def type(self):
        """The problem's type without its prefix."""
        return self.json["type"].removeprefix("urn:ietf:params:acme:error:")

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:600]!r}>"


class Client:
    """One kept-alive connection to one directory. What must hold for every answer is looked at with each."""

    def __init__(self, url, root, key=None):
        parts = urllib.parse.urlsplit(url)
        self.origin = f"https://{parts.netloc}"
        self.url = url
        self.context = ssl.create_default_context(cafile=str(root))
        self.netloc = parts.netloc
        self.connection = None
        self.connect()
        self.key = key or Key()
        self.kid = None
        self.nonces = []
        self.last_nonce = None
        self.directory = self.request("GET", parts.path).json

    def connect(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = http.client.HTTPSConnection(self.netloc, context=self.context, timeout=60)

    def request(self, method, path, body=None, headers=None):
        if path.startswith("https://"):
            path = "/" + path.split("/", 3)[3]
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        answer = Answer(response, response.read())
        is_directory = path.partition("?")[0].endswith("/directory")
        faults = answers.faults(answer, method, self.url, is_directory)
        assert not faults, (faults, method, path, answer)
        if "Replay-Nonce" in answer.headers:
            self.nonces.append(answer.headers["Replay-Nonce"])
        return answer

    def nonce(self):
        if not self.nonces:
            self.request("HEAD", self.directory["newNonce"])
        self.last_nonce = self.nonces.pop()
        return self.last_nonce

    def jws(self, url, payload, *, key=None, jwk=False, header=None, drop=()):
        """The parts of a request: header, payload, signature, as texts."""
        key = key or self.key
        protected = {"alg": key.algorithm, "nonce": self.nonce(), "url": url}
        if jwk:
            protected["jwk"] = key.jwk()
        else:
            protected["kid"] = self.kid
        protected.update(header or {})
        for name in drop:
            del protected[name]
        first = b64(json.dumps(protected))
        second = "" if payload is None else b64(payload if isinstance(payload, (bytes, str)) else json.dumps(payload))
        return {"protected": first, "payload": second,
                "signature": b64(key.sign(f"{first}.{second}".encode()))}

    def post(self, url, payload, *, content_type="application/jose+json", raw=None, **spoil):
        body = raw if raw is not None else json.dumps(self.jws(url, payload, **spoil))
        return self.request("POST", url, body, {"Content-Type": content_type})

    def register(self, **fields):
        answer = self.post(self.directory["newAccount"], {"termsOfServiceAgreed": True, **fields}, jwk=True)
        assert answer.status in (200, 201), answer
        self.kid = answer.headers["Location"]
        return answer

    def order(self, *names):
        """For names and addresses."""
        answer = self.post(self.directory["newOrder"], {"identifiers": [
            {"type": "ip" if is_address(name) else "dns", "value": name} for name in names]})
        assert answer.status == 201, answer
        return answer.headers["Location"], answer.json

    def challenge(self, authorization, kind="http-01"):
        answer = self.post(authorization, None)
        assert answer.status == 200, answer
        return next(c for c in answer.json["challenges"] if c["type"] == kind)

    def poll(self, url, wanted, tries=100):
        import time
        for _ in range(tries):
            answer = self.post(url, None)
            if answer.json["status"] in wanted:
                return answer
            time.sleep(0.1)
        raise AssertionError(f"{url} never became one of {wanted}: {answer}")

    def prove(self, order, responder):
        """Answer every challenge of an order; it is ready afterwards."""
        for authorization in order["authorizations"]:
            challenge = self.challenge(authorization)
            responder.tokens[challenge["token"]] = f'{challenge["token"]}.{self.key.thumbprint()}'
            answer = self.post(challenge["url"], {})
            assert answer.status == 200, answer
            assert self.poll(authorization, ("valid", "invalid")).json["status"] == "valid"

    def issue(self, responder, *names, key=None):
        """The whole flow; the chain as PEM."""
        url, order = self.order(*names)
        self.prove(order, responder)
        addresses = [name for name in names if is_address(name)]
        csr = make_csr([name for name in names if name not in addresses], key, addresses=addresses)
        answer = self.post(order["finalize"], {"csr": b64(csr)})
        assert answer.status == 200, answer
        final = answer.json if answer.json["status"] == "valid" else self.poll(url, ("valid", "invalid")).json
        assert final["status"] == "valid", final
        return self.post(final["certificate"], None).body


def certificate_id(pem):
    """The name RFC 9773 4.1 gives to a certificate."""
    certificate = x509.load_pem_x509_certificate(pem)
    key_id = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    serial = certificate.serial_number  # one octet more when the first bit is set, as in DER
    return f"{b64(key_id)}.{b64(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def make_csr(names, key=None, common_name=None, addresses=()):
    """A request in DER."""
    alternatives = [*[x509.DNSName(n) for n in names], *[x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]]
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(serialization.Encoding.DER)
