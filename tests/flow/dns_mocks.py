"""The services that some scripts of acme.sh's dnsapi talk to, as far as those need them, and strict about who asks: each puts
the records into a zone at knotd, so that a CA sees them."""
import base64
import hashlib
import hmac
import html
import http.server
import json
import re
import ssl
import subprocess
import threading
import urllib.parse

from zones import PRIMARY, SECRET

TOKEN = "a-token \"with\" \\signs"
AWS_KEY = "secret/of+aws"


class Zone:
    """TXT records of one zone, by name."""

    def __init__(self, name):
        self.name, self.lock, self.history = name, threading.Lock(), []
        self.values = {}

    def set(self, name, values):
        with self.lock:
            name = name.rstrip(".")
            for value in self.values.get(name, []):
                if value not in values:
                    self.history.append(("remove", value))
            self.history += [("add", value) for value in values if value not in self.values.get(name, [])]
            self.values[name] = list(values)
            lines = [f"update del {name}. TXT", *(f'update add {name}. 5 TXT "{v}"' for v in values)]
            text = "\n".join([f"key hmac-sha256:key-hmac-sha256 {base64.b64encode(SECRET).decode()}", f"server {PRIMARY} 53", f"zone {self.name}", *lines, "send", ""])
            subprocess.run(["knsupdate"], input=text, text=True, check=True, capture_output=True)

    def add(self, name, value):
        self.set(name, [*self.values.get(name.rstrip("."), []), value])

    def remove(self, name, value):
        self.set(name, [v for v in self.values.get(name.rstrip("."), []) if v != value])


def compact(value):
    return json.dumps(value, separators=(",", ":"))


class Request(http.server.BaseHTTPRequestHandler):
    def setup(self):
        super().setup()
        self.zone = self.server.zone

    def answer(self, text, code=200):
        data = text.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.url.query))
        self.server.requests.append(f"{self.command} {self.path}")
        self.mock()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

    def log_message(self, *_):
        pass


class Cloudflare(Request):
    def mock(self):
        path, zone = self.url.path.removeprefix("/client/v4"), self.zone
        if self.headers["Authorization"] != f"Bearer {TOKEN.replace(chr(34), '')}":
            return self.answer('{"success":false,"errors":[{"message":"who are you"}]}', 403)
        good = {"success": True, "errors": []}
        info = lambda n: {"page": 1, "count": n, "total_count": n}
        if path == "/zones":
            result = [{"id": "zone1", "name": zone.name}] if self.query["name"] == zone.name else []
            return self.answer(compact({"result": result, "result_info": info(len(result)), **good}))
        records = [{"id": hashlib.sha1(f"{n} {v}".encode()).hexdigest(), "name": n, "type": "TXT", "content": v} for n, vs in zone.values.items() for v in vs]
        if self.command == "GET":
            result = [r for r in records if all(r[k] == v for k, v in self.query.items())]
            return self.answer(compact({"result": result, "result_info": info(len(result)), **good}))
        if self.command == "POST":
            asked = json.loads(self.body)
            zone.add(asked["name"], asked["content"])
            return self.answer(compact({"result": asked, **good}))
        record = next(r for r in records if path == f"/zones/zone1/dns_records/{r['id']}")
        zone.remove(record["name"], record["content"])
        return self.answer(compact({"result": {"id": record["id"]}, **good}))


class PowerDns(Request):
    def mock(self):
        path, zone = self.url.path.removeprefix("/api/v1/servers/localhost"), self.zone
        if self.headers["X-API-Key"] != TOKEN:
            return self.answer("Unauthorized", 401)
        if path == "/zones":
            return self.answer(json.dumps([{"name": f"{zone.name}."}]))
        assert path.startswith(f"/zones/{zone.name}."), path
        if self.command == "PATCH":
            assert self.headers["Content-Type"] == "application/json"
            for rrset in json.loads(self.body)["rrsets"]:
                zone.set(rrset["name"], [r["content"].strip('"') for r in rrset.get("records", [])] if rrset["changetype"] == "REPLACE" else [])
            return self.answer("", 204) if False else self.answer("{}")
        rrsets = [{"name": f"{n}.", "type": "TXT", "ttl": 60, "records": [{"content": f'"{v}"', "disabled": False} for v in vs]} for n, vs in zone.values.items() if vs]
        return self.answer(json.dumps({"name": f"{zone.name}.", "rrsets": rrsets}))


class AcmeDns(Request):
    def mock(self):
        if (self.headers["X-Api-User"], self.headers["X-Api-Key"], self.path) != ("user", TOKEN, "/update"):
            return self.answer('{"error": "forbidden"}', 401)
        asked = json.loads(self.body)
        assert asked["subdomain"] == "sub"
        name = self.server.record
        self.zone.set(name, [*self.zone.values.get(name, []), asked["txt"]][-2:])
        return self.answer(json.dumps({"txt": asked["txt"]}))


class AcmeProxy(Request):
    def mock(self):
        if self.headers["Authorization"] != "Basic " + base64.b64encode(b"user:pass").decode():
            return self.answer("no", 401)
        asked = json.loads(self.body)
        {"/present": self.zone.add, "/cleanup": self.zone.remove}[self.path](asked["fqdn"], asked["value"])
        return self.answer(json.dumps(asked))


class Route53(Request):
    """Looks at the signature (AWS Signature Version 4) of each request."""

    def is_signed(self):
        given = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=AK/(\d+)/us-east-1/route53/aws4_request, ?SignedHeaders=host;x-amz-date, ?Signature=([0-9a-f]{64})",
                             self.headers["Authorization"] or "")
        if not given:
            return False
        date = self.headers["x-amz-date"]
        canonical = "\n".join([self.command, self.url.path, self.url.query, f"host:{self.headers['Host']}", f"x-amz-date:{date}", "", "host;x-amz-date",
                               hashlib.sha256(self.body.encode()).hexdigest()])
        text = "\n".join(["AWS4-HMAC-SHA256", date, f"{given[1]}/us-east-1/route53/aws4_request", hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{AWS_KEY}".encode()
        for part in (given[1], "us-east-1", "route53", "aws4_request", text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.compare_digest(key.hex(), given[2])

    def mock(self):
        zone = self.zone
        if not self.is_signed():
            self.server.rejected += 1
            return self.answer("<ErrorResponse><Code>SignatureDoesNotMatch</Code></ErrorResponse>", 403)
        if self.url.path == "/2013-04-01/hostedzone":
            return self.answer(f"<ListHostedZonesResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>{zone.name}.</Name><Config><PrivateZone>false"
                               "</PrivateZone></Config></HostedZone></HostedZones><IsTruncated>false</IsTruncated></ListHostedZonesResponse>")
        if self.command == "GET":
            sets = "".join(f"<ResourceRecordSet><Name>{n}.</Name><Type>TXT</Type><TTL>300</TTL><ResourceRecords>"
                           + "".join(f"<ResourceRecord><Value>&quot;{v}&quot;</Value></ResourceRecord>" for v in vs)
                           + "</ResourceRecords></ResourceRecordSet>" for n, vs in zone.values.items() if vs)
            return self.answer(f"<ListResourceRecordSetsResponse><ResourceRecordSets>{sets}</ResourceRecordSets></ListResourceRecordSetsResponse>")
        name = re.search("<Name>(.*?)</Name>", self.body)[1]
        values = [html.unescape(v).strip('"') for v in re.findall("<Value>(.*?)</Value>", self.body)]
        zone.set(name, values if "<Action>UPSERT</Action>" in self.body else [])
        return self.answer("<ChangeResourceRecordSetsResponse/>")


class Mock:
    """One of them on a port of its own, with TLS if it has a certificate."""

    def __init__(self, kind, zone, *, chain=None, record=None):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
        self.server.zone, self.server.record, self.server.requests, self.server.rejected = zone, record, [], 0
        if chain:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
