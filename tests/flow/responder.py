"""An http-01 responder on loopback: token to key authorization, or whatever a test wants to say."""
import http.server
import threading


class Responder:
    def __init__(self, port, address="127.0.0.1"):
        self.tokens = {}
        self.asked = []
        self.answer = None  # a function (handler) that answers instead
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append(self.path)
                if outer.answer is not None:
                    outer.answer(self)
                    return
                body = outer.tokens.get(self.path.rpartition("/")[2], "").encode()
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

        self.server = Server((address, port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
