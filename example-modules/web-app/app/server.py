"""Answers every GET with one line of text."""

import http.server
import os

GREETING = (os.environ["GREETING"] + "\n").encode()
PORT = int(os.environ["PORT"])


class Greeter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(GREETING)))
        self.end_headers()
        self.wfile.write(GREETING)


http.server.ThreadingHTTPServer(("", PORT), Greeter).serve_forever()
