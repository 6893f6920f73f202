"""What holds for every answer of an ACME server, whatever was asked: acme_raw.Client looks at each one it gets. Written from
RFC 8555 6 to 8, RFC 9457 and RFC 9110; test_conformance_answers.py shows that it sees what is wrong."""
import json
import re

PREFIX = "urn:ietf:params:acme:error:"
# RFC 8555 6.7 and 9.7.4, RFC 8737 5 (none), RFC 8739 6.4, RFC 9115 5.4, RFC 9447, RFC 9773 7.3, RFC 9799 8.2, and the drafts of
# device-attest (badAttestationStatement) and profiles (invalidProfile)
TYPES = set("""accountDoesNotExist alreadyRevoked badCSR badNonce badPublicKey badRevocationReason badSignatureAlgorithm caa compound
connection dns externalAccountRequired incorrectResponse invalidContact malformed orderNotReady rateLimited rejectedIdentifier
serverInternal tls unauthorized unsupportedContact unsupportedIdentifier userActionRequired autoRenewalCanceled autoRenewalExpired
autoRenewalCancellationInvalid autoRenewalRevocationNotSupported unknownDelegation alreadyReplaced onionCAARequired
badAttestationStatement invalidProfile""".split())
FIXDATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT")
HTTP_ONLY = {400, 408, 413, 414, 417, 431, 501, 505}  # with the end of the connection: refused before it was a request
MEDIA = {"application/json", "application/pem-certificate-chain", "application/x-pem-file"}


def problem_faults(problem, status=None):
    """Of a problem document (RFC 9457 3, RFC 8555 6.7); a subproblem has no status."""
    if not isinstance(problem, dict):
        return ["a problem is an object"]
    faults = []
    if not str(problem.get("type", "")).startswith(PREFIX) or problem["type"].removeprefix(PREFIX) not in TYPES:
        faults.append(f"{problem.get('type')} is no type of ACME")
    if not isinstance(problem.get("detail"), str) or len(problem["detail"]) < 10:
        faults.append("a problem has a detail")
    if status is not None and problem.get("status") != status:
        faults.append(f"the problem's status is {problem.get('status')}")
    if status is not None and "identifier" in problem:
        faults.append("an identifier belongs into subproblems only")
    for one in problem.get("subproblems", []):
        faults += problem_faults(one)
        identifier = one.get("identifier") if isinstance(one, dict) else None
        if identifier is not None and not (isinstance(identifier, dict) and isinstance(identifier.get("type"), str) and
                                           isinstance(identifier.get("value"), str)):
            faults.append("an identifier has type and value")
    return faults


def body_faults(answer, kind):
    if not answer.body:
        return ["an error has a problem document"] if answer.status >= 400 else []
    if answer.status >= 400:
        if kind != "application/problem+json":
            return [f"an error of type {kind}"]
        try:
            return problem_faults(json.loads(answer.body.decode("utf-8")), answer.status)
        except ValueError as wrong:
            return [f"no JSON in UTF-8: {wrong}"]
    if kind not in MEDIA:
        return [f"a body of type {kind}"]
    if kind == "application/json":
        try:
            json.loads(answer.body.decode("utf-8"))
        except ValueError as wrong:
            return [f"no JSON in UTF-8: {wrong}"]
    return []


def faults(answer, method, index, is_directory):
    """What is wrong with an answer of the server whose directory is `index`, as a list of sentences. A directory that is
    not there has an index like everything else; one that is there, in no answer."""
    found = []
    headers = answer.headers
    if answer.status in HTTP_ONLY and headers.get("Connection") == "close":
        return body_faults(answer, headers.get("Content-Type"))
    links = headers.get_all("Link") or []
    origin = "/".join(index.split("/")[:3])  # of several directories, that of the request
    if not is_directory and not any(re.fullmatch(rf'<{re.escape(origin)}/acme/([a-z0-9-]+/)?directory>;rel="index"', link)
                                    for link in links):
        found.append("no Link to the index")
    if is_directory and answer.status == 200 and f'<{index}>;rel="index"' in links:
        found.append("the directory links to itself")
    nonce = headers.get("Replay-Nonce")
    if method == "POST" and nonce is None and answer.status != 503:
        found.append("no Replay-Nonce for a POST")
    if nonce is not None and not re.fullmatch("[A-Za-z0-9_-]+", nonce):
        found.append("the nonce is no base64url")
    if (nonce is not None or method == "POST") and headers.get("Cache-Control") != "no-store" and \
            headers.get("Content-Type") != "application/pem-certificate-chain":
        found.append("it may be cached")
    if answer.status == 201 and not headers.get("Location", "").startswith("https://"):
        found.append("201 without Location")
    wait = headers.get("Retry-After")
    if wait is not None and not wait.isdigit() and not FIXDATE.fullmatch(wait):
        found.append("Retry-After is neither seconds nor a date")
    if method == "HEAD":
        return found + (["HEAD with a body"] if answer.body else [])
    kind = headers.get("Content-Type")
    wrong = body_faults(answer, kind)
    if not wrong and answer.body and kind == "application/json" and answer.status < 400:
        content = json.loads(answer.body)
        is_challenge = isinstance(content, dict) and {"type", "url", "status"} <= set(content)
        if is_challenge and not any(link.endswith(';rel="up"') for link in links):
            wrong.append("a challenge without Link to its authorization")
    return found + wrong
