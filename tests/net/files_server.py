#!/usr/bin/env python3
"""files_server.py DIR - serve the files of DIR, with heads as files beside them say.

    NAME.etag, NAME.modified   the ETag and the Last-Modified of NAME; without them it has none
    NAME.status                statuses, one a line, of the next answers, before it is served
    NAME.next                  a directory: its files take the places of NAME and NAME.* after the next GET
    /to/NAME                   redirects to /NAME

DIR/port has the port, and DIR/requests a line for each request: the method, the path and the Authorization.
"""
import http.server
import os
import sys
import threading

DIR = sys.argv[1]
LOCK = threading.Lock()


def read(name):
    try:
        with open(os.path.join(DIR, name), "rb") as f:
            return f.read()
    except OSError:
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, fields, body=b""):
        self.send_response_only(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def next_status(self, name):
        lines = (read(name + ".status") or b"").split()
        if not lines:
            return 200
        with open(os.path.join(DIR, name + ".status"), "wb") as f:
            f.write(b"\n".join(lines[1:]))
        return int(lines[0])

    def advance(self, name):
        """What NAME.next holds takes its place."""
        later = os.path.join(DIR, name + ".next")
        if self.command == "GET" and os.path.isdir(later):
            for entry in os.listdir(later):
                os.rename(os.path.join(later, entry), os.path.join(DIR, entry))
            os.rmdir(later)

    def serve(self):
        path = self.path.partition("?")[0]
        name = path.lstrip("/")
        with LOCK:
            with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
                f.write(f"{self.command} {self.path} {self.headers.get('Authorization', '-')}\n")
            if path.startswith("/to/"):
                self.answer(302, [("Location", "/" + name[3:])])
                return
            status = self.next_status(name)
            body = read(name)
            if status == 200 and body is None:
                status = 404
            if status != 200:
                self.answer(status, [])
                return
            fields = []
            for kind, field in ("etag", "ETag"), ("modified", "Last-Modified"):
                value = read(name + "." + kind)
                if value is not None:
                    fields.append((field, value.decode().strip()))
            self.answer(200, fields, body)
            self.advance(name)

    do_GET = do_HEAD = serve


http.server.ThreadingHTTPServer.request_queue_size = 128
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as out:
    out.write(str(server.server_address[1]))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
