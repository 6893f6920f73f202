"""The two requests of an enrolment (docs/devices.md) by plain HTTPS, as Smallstep's client sends them."""
import base64
import http.client
import json
import ssl
import urllib.parse

import swtpm
from swtpm import text

TPM_INFO = {"version": 2, "manufacturer": "1229081856", "model": "swtpm", "firmwareVersion": "8217.4131.22.13878"}


class Refused(Exception):
    def __init__(self, status, problem, headers):
        super().__init__(f"{status} {problem}")
        self.status, self.problem, self.headers = status, problem, headers
        self.kind = problem["type"].rpartition(":")[2]
        self.detail = problem["detail"]


class Enroller:
    """`base`: what the directory's meta says."""

    def __init__(self, base, root):
        self.base = urllib.parse.urlsplit(base)
        self.context = ssl.create_default_context(cafile=str(root))

    def request(self, method, path, body=None, headers=None):
        """Status, headers, octets."""
        connection = http.client.HTTPSConnection(self.base.hostname, self.base.port, context=self.context, timeout=60)
        try:
            connection.request(method, f"{self.base.path}/{path}", body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def post(self, path, value, headers=None):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        status, headers, octets = self.request("POST", path, body, headers)
        if status != 200:
            raise Refused(status, json.loads(octets), headers)
        return json.loads(octets)

    def attest(self, question):
        """Credential and encrypted secret."""
        answer = self.post("attest", question)
        return base64.b64decode(answer["credential"], validate=True), base64.b64decode(answer["secret"], validate=True)

    def secret(self, secret):
        """The chain, DER each."""
        return [base64.b64decode(one, validate=True) for one in self.post("secret", {"secret": text(secret)})["chain"]]

    def enroll(self, tpm, ak, handle=swtpm.EK_RSA, question=None):
        """The chain; `handle` is the EK's."""
        credential, encrypted = self.attest(question or question_of(tpm, ak, handle))
        return self.secret(tpm.activate(ak, handle, credential, encrypted))


def question_of(tpm, ak, handle=swtpm.EK_RSA, **more):
    """What a TPM with a certificate of its EK asks; a member that is None is left out."""
    question = {"tpmInfo": TPM_INFO, "ek": text(tpm.ek_public(handle)),
                "ekCerts": [text(tpm.ek_certificate(handle))] if handle in swtpm.CERTIFICATES else None,
                "params": ak.parameters()}
    question.update(more)
    return {name: value for name, value in question.items() if value is not None}
