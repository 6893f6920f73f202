"""Services that change records when they are asked by HTTP, strict about what they are asked: acme-dns, and httpreq as lego
defines it. What they are told stands in zones of a knotd."""
import base64
import http.server
import json
import re
import threading
import uuid


class Service:
    """Serves on a port of 127.0.0.1; `asked` has every request: (path, headers, body)."""

    def __init__(self, server):
        self.server, self.asked, self.fail, self.lock = server, [], None, threading.Lock()
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with service.lock:
                    service.asked.append((self.path, dict(self.headers), body))
                    status, answer = service.fail or service.handle(self.path, self.headers, json.loads(body))
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(30)


class AcmeDns(Service):
    """github.com/joohoi/acme-dns: names in the zone other.test."""

    zone = "other.test"

    def __init__(self, server):
        super().__init__(server)
        self.accounts, self.values = {}, {}

    def register(self):
        name = str(uuid.uuid4())
        made = {"username": str(uuid.uuid4()), "password": base64.urlsafe_b64encode(name.encode() * 2)[:40].decode(),
                "fulldomain": f"{name}.{self.zone}", "subdomain": name, "allowfrom": []}
        self.accounts[name] = made
        return made

    def handle(self, path, headers, body):
        if path == "/register":
            assert body == {} or set(body) == {"allowfrom"}, body
            return 201, self.register()
        assert path == "/update" and set(body) == {"subdomain", "txt"}, (path, body)
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", body["txt"]), body
        account = self.accounts.get(body["subdomain"])
        if account is None or (headers["X-Api-User"], headers["X-Api-Key"]) != (account["username"], account["password"]):
            return 401, {"error": "forbidden"}
        values = self.values.setdefault(body["subdomain"], [])
        values.append(body["txt"])
        self.server.change(self.zone, "zone-set", f"{account['fulldomain']}.", "0", "TXT", f'"{body["txt"]}"')
        for old in values[:-2]:
            self.server.change(self.zone, "zone-unset", f"{account['fulldomain']}.", "TXT", f'"{old}"')
        del values[:-2]
        return 200, {"txt": body["txt"]}

    def clear(self):
        for name, values in self.values.items():
            for value in values:
                self.server.change(self.zone, "zone-unset", f"{name}.{self.zone}.", "TXT", f'"{value}"')
        self.values = {}


class Httpreq(Service):
    """go-acme.github.io/lego/dns/httpreq; with `login` it wants that, with `raw` the other form of the body."""

    def __init__(self, server, login=None, raw=False):
        super().__init__(server)
        self.login, self.raw = login, raw

    def handle(self, path, headers, body):
        assert headers["Content-Type"] == "application/json"
        if self.login and headers.get("Authorization") != "Basic " + base64.b64encode(self.login.encode()).decode():
            return 401, {"error": "who are you?"}
        if self.raw:
            assert set(body) == {"domain", "token", "keyAuth"} and body["keyAuth"].startswith(body["token"] + "."), body
            import hashlib
            value = base64.urlsafe_b64encode(hashlib.sha256(body["keyAuth"].encode()).digest()).rstrip(b"=").decode()
            name = f"_acme-challenge.{body['domain']}."
        else:
            assert set(body) == {"fqdn", "value"} and body["fqdn"].endswith("."), body
            name, value = body["fqdn"], body["value"]
        zone = ".".join(name.rstrip(".").split(".")[-2:])
        assert path in ("/api/present", "/api/cleanup"), path
        self.server.change(zone, "zone-set" if path == "/api/present" else "zone-unset", name,
                    *(["0"] if path == "/api/present" else []), "TXT", f'"{value}"')
        return 200, body
