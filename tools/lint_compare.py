#!/usr/bin/python3
"""Certificates of this CA by the thousand, judged by linters that others wrote.

usage: lint_compare.py issue FOLDER COUNT      a CA on loopback, and COUNT certificates of it as FOLDER/certificates/*.pem
       lint_compare.py judge FOLDER [--zlint PROGRAM] [--x509lint PROGRAM] [--pkilint FOLDER-FOR-PYTHONPATH]

`judge` prints what each linter finds, how often, in certificates of which profile, and the reason that
docs/lint_findings.tsv gives for it; it ends with 1 if a finding has no reason there. docs/lint.md says where the linters
come from. CAIRN_BUILD names the build folder (build).
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import socketserver
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/flow"), str(ROOT / "tools")]
FINDINGS = ROOT / "docs/lint_findings.tsv"

# What is served: every kind of profile there is. "br" and "short" are for browsers.
SETTINGS = """
listen: ["127.0.0.1:{port}"]
dns_names: [localhost]
publish:
  listen: ["127.0.0.1:{plain}"]
  url: http://ca.cairn-lint.com
caa_identities: [ca.cairn-lint.com]
profiles:
  br: {{rules: br, lifetime: 46d, common_name: none, max_names: 100}}
  brclient: {{rules: br, lifetime: 99d, usages: [server, client], max_names: 20}}
  brname: {{rules: br, lifetime: 30d, common_name: first, max_names: 20}}
  short: {{rules: br, lifetime: 160h, no_rev_avail: true, crl_urls: [none], ocsp_urls: [none]}}
  staple: {{rules: br, lifetime: 30d, ocsp_urls: ["http://ocsp.cairn-lint.com"], must_staple: always}}
  plain: {{lifetime: 30d, max_names: 100}}
  client: {{lifetime: 30d, usages: [client], key_usages: [digitalSignature]}}
  agree: {{lifetime: 30d, key_usages: [digitalSignature, keyAgreement], key_types: [p256, p384]}}
  named: {{lifetime: 30d, common_name: first, policies: [1.2.3.4]}}
directories:
  default: {{public_names: true, profiles: [br, brclient, brname, short, staple]}}
  inner: {{check_caa: false, profiles: [plain, client, agree, named]}}
"""
PUBLIC = ["br", "brclient", "brname", "short", "staple"]
INNER = ["plain", "client", "agree", "named"]
KEYS = ["p256", "p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096", "ed25519"]


def names_of(public):
    """Short, long, deep and foreign ones; for the inner directory also those that nobody can register."""
    tail = "cairn-lint.com" if public else "inner.test"
    names = [tail, f"www.{tail}", f"a.b.c.d.e.f.{tail}", f"xn--fiqs8s.{tail}", f"xn--caf-dma.{tail}", f"1.2.3.{tail}",
             f"{'l' * 63}.{tail}", f"{'.'.join(['m' * 55] * 4)}.{tail}"[-253:].lstrip(".-"), f"a--b.{tail}", f"0.{tail}"]
    names += [f"host-{i}.{tail}" for i in range(100)]
    return names if public else [*names, "printer", "localhost"]


class Names(socketserver.BaseRequestHandler):
    """Every name is at 127.0.0.1, and has the TXT records that were put here."""

    texts = {}

    def handle(self):
        import dns_stub
        message, socket = self.request
        end = dns_stub.question_end(message)
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode().lower())
            at += message[at] + 1
        text = self.texts.get(".".join(labels)) if message[end - 4:end - 2] == b"\0\x10" else None
        reply = dns_stub.answer(message, "127.0.0.1")
        if text is not None:
            record = b"\xc0\x0c\0\x10\0\x01\0\0\0\x01" + (len(text) + 1).to_bytes(2, "big") + bytes([len(text)]) + text
            reply = reply[:6] + b"\0\x01" + reply[8:] + record
        socket.sendto(reply, self.client_address)


def make_key(kind):
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}[kind]())


class Issuer:
    """An account of one directory whose names are proved already."""

    def __init__(self, house, path, responder, names, wildcards):
        import acme_raw
        from cryptography.hazmat.primitives import hashes
        self.client = acme_raw.Client(house.url.rsplit("/acme", 1)[0] + path, house.root)
        self.client.register()
        for name in names:
            _, order = self.client.order(name)
            self.client.prove(order, responder)
        for name in wildcards:
            _, order = self.client.order(name)
            for authorization in order["authorizations"]:
                challenge = self.client.challenge(authorization, "dns-01")
                digest = hashes.Hash(hashes.SHA256())
                digest.update(f'{challenge["token"]}.{self.client.key.thumbprint()}'.encode())
                Names.texts[f"_acme-challenge.{name[2:]}"] = acme_raw.b64(digest.finalize()).encode()
                self.client.post(challenge["url"], {})
                assert self.client.poll(authorization, ("valid", "invalid")).json["status"] == "valid"

    def issue(self, profile, names, key):
        import acme_raw
        identifiers = [{"type": "ip" if acme_raw.is_address(n) else "dns", "value": n} for n in names]
        order = self.client.post(self.client.directory["newOrder"], {"identifiers": identifiers, "profile": profile})
        assert order.status == 201 and order.json["status"] == "ready", order
        addresses = [n for n in names if acme_raw.is_address(n)]
        csr = acme_raw.make_csr([n for n in names if n not in addresses], key, addresses=addresses)
        answer = self.client.post(order.json["finalize"], {"csr": acme_raw.b64(csr)})
        assert answer.status == 200, answer
        if answer.json["status"] != "valid":
            answer = self.client.poll(order.headers["Location"], ("valid", "invalid"))
        assert answer.json["status"] == "valid", answer
        return self.client.post(answer.json["certificate"], None).body


def issue(folder, count):
    import house as house_module
    import responder as responder_module
    made = folder / "certificates"
    made.mkdir(parents=True)
    dns = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)
    threading.Thread(target=dns.serve_forever, daemon=True).start()
    stub = type("Stub", (), {"port": dns.server_address[1], "stop": lambda self: None})()
    house = house_module.House(folder / "ca", name="Cairn Lint", stub=stub)
    (folder / "ca/cairn-ca.yaml").write_text(SETTINGS.format(port=house.port, plain=house_module.free_port()), "ascii")
    house.start()
    keys = {kind: [make_key(kind) for _ in range(3)] for kind in set(KEYS)}
    responder = responder_module.Responder(house.http_port)
    try:
        public = names_of(True)
        inner = [*names_of(False), "127.0.0.1"]
        wild = ["*.cairn-lint.com", "*.www.cairn-lint.com"], ["*.inner.test"]
        issuers = [Issuer(house, "/acme/directory", responder, public, wild[0]),
                   Issuer(house, "/acme/inner/directory", responder, inner, wild[1])]
        for number in range(count):
            choose = random.Random(number)
            is_public = number % 3 != 0
            profile = choose.choice(PUBLIC if is_public else INNER)
            kind = choose.choice(["p256", "p384"] if profile == "agree" else KEYS[:7] if is_public else KEYS)
            most = 20 if profile in ("brclient", "brname") else 100
            names = [*public, *wild[0]] if is_public else [*inner, *wild[1]]
            some = choose.sample(names, choose.choice([1, 1, 2, 3, 10, most]))
            if profile in ("brname", "named"):
                some = ["www." + ("cairn-lint.com" if is_public else "inner.test"), *[n for n in some if "www." not in n]][:most]
            chain = issuers[0 if is_public else 1].issue(profile, some, choose.choice(keys[kind]))
            first = chain.split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n"
            (made / f"{number:05d}-{profile}-{kind}-{len(some)}.pem").write_bytes(first)
    finally:
        responder.close()
        house.close()
    print(f"{count} certificates in {made}")


# ---- judging: each gives [(file, severity, finding)] ----

def run_zlint(program, paths):
    found = []
    answer = subprocess.run([program, *map(str, paths)], capture_output=True, text=True, check=True).stdout
    for path, line in zip(paths, answer.splitlines(), strict=True):
        for name, result in json.loads(line).items():
            if result["result"] not in ("pass", "NA", "NE", "info"):
                found.append((path, result["result"], name))
    return found


def run_x509lint(program, paths):
    found = []
    for path in paths:
        for line in subprocess.run([program, str(path)], capture_output=True, text=True).stdout.splitlines():
            severity, _, text = line.partition(": ")
            if severity in ("E", "W", "F"):
                found.append((path, severity, text))
    return found


PKILINT = """
import functools, sys
from pkilint import finding_filter, loader
from pkilint.cabf import serverauth
from pkilint.pkix import certificate, extension, name

# Each set of validators reads the list of public suffixes five times, in a second; they keep nothing from one certificate to the next.
@functools.cache
def checker(kind):
    if kind:
        decoders, validators = serverauth.create_decoding_validators(), serverauth.create_validators(kind)
        filters = serverauth.create_serverauth_finding_filters(kind)
    else:
        decoders = certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS)
        validators = [
            certificate.create_issuer_validator_container([]), certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]), certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([])]
        filters = []
    return certificate.create_pkix_certificate_validator_container(decoders, validators), filters

for path in sys.stdin.read().split():
    one = loader.load_pem_certificate(open(path, encoding="ascii").read(), path)
    public = path.rpartition("/")[2].split("-")[1] in %r
    container, filters = checker(serverauth.determine_certificate_type(one) if public else None)
    results, _ = finding_filter.filter_results(filters, container.validate(one.root))
    for result in results:
        for one_finding in result.finding_descriptions:
            print(path, one_finding.finding.severity.name, one_finding.finding.code, sep="\\t")
""" % PUBLIC


def run_pkilint(folder, paths):
    done = subprocess.run([sys.executable, "-c", PKILINT], input="\n".join(map(str, paths)), capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(folder)})
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return [(pathlib.Path(path), severity, code) for path, severity, code in
            (line.split("\t") for line in done.stdout.splitlines()) if severity in ("WARNING", "ERROR", "FATAL", "NOTICE")]


RUNNERS = {"zlint": run_zlint, "x509lint": run_x509lint, "pkilint": run_pkilint}


def reasons():
    rows = [line.split("\t") for line in FINDINGS.read_text("utf-8").splitlines() if line and line[0] != "#"]
    return {(linter, finding, profile): reason for linter, finding, profiles, reason in rows for profile in profiles.split()}


def judge(folder, linters):
    paths = sorted((folder / "certificates").glob("*.pem"))
    known = reasons()
    unknown = 0
    for name, tool in linters.items():
        parts = [paths[i:i + 200] for i in range(0, len(paths), 200)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = [finding for part in pool.map(lambda p: RUNNERS[name](tool, p), parts) for finding in part]
        counts = collections.Counter((severity, finding, path.name.split("-")[1]) for path, severity, finding in found)
        print(f"{name}: {len(paths)} certificates, {len(found)} findings, in {len({path for path, _, _ in found})} of them")
        for (severity, finding, profile), count in sorted(counts.items()):
            reason = known.get((name, finding, profile)) or known.get((name, finding, "*"))
            unknown += reason is None
            print(f"  {severity:8} {finding} ({profile}): {count}: {reason or 'NO REASON'}")
    return 1 if unknown else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", choices=["issue", "judge"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("count", type=int, nargs="?", default=3000)
    for name in RUNNERS:
        parser.add_argument(f"--{name}")
    given = parser.parse_args()
    if given.what == "issue":
        return issue(given.folder.resolve(), given.count)
    return judge(given.folder.resolve(), {n: getattr(given, n) for n in RUNNERS if getattr(given, n)})


if __name__ == "__main__":
    sys.exit(main())
