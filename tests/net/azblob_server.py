#!/usr/bin/env python3
"""azblob_server.py - a small Azure Blob Storage with faults, for the tests of azblob-put and get. It verifies each signature by its own code.

    azblob_server.py DIR

It listens on an ephemeral port of the loopback, and writes the number to DIR/port. The account is `acct` with the key `a2V5` (key),
in the path; the container is `cont`. A blob FAULT/NAME is the file DIR/blobs/FAULT_NAME. A line goes to DIR/requests for each request that
is answered: the method, the path with the query, and the status. DIR/open has the number of blocks that are not committed. FAULT is:

    plain    none
    slow     503 ServerBusy, twice for each block
    wait     503 with Retry-After: 1, once for each, and 400 if the next try comes earlier
    lost     the connection of block 2 is lost in its body, once
    error    the list is 500 InternalError, once          bad      it is 400 InvalidBlockList
    gone     the list is done, but its answer is lost     half     it is not done, and its answer is lost, once
    flip     a byte of block 1 changes on the way, once   flipped  always
    stuck    no answer to block 2                         mute     401 with a text to everything
    race     the blob is there, but not for HEAD          blind    403 to HEAD
    lease    412 LeaseIdMissing to what would make it
    hold     it is made, and DIR/held, but the answer to that comes when there is a file DIR/go;
             then DIR/answered is made
    drop     GET ends at 60 % of what was asked for, twice         change   and then the blob is another one
"""
import base64
import hashlib
import hmac
import http.server
import os
import re
import sys
import threading
import time
import urllib.parse

DIR = sys.argv[1]
KEY = b"key"
LOCK = threading.RLock()
BLOCKS = {}  # by the name of the blob: {id: content}
COMMITTED = {}  # by the name of the blob: [id]
COUNT = {}
SLOTS = ("content-encoding content-language content-length content-md5 content-type date if-modified-since if-match "
         "if-none-match if-unmodified-since range").split()


def times(*what):
    """How often this was asked for, from 1."""
    with LOCK:
        COUNT[what] = COUNT.get(what, 0) + 1
        return COUNT[what]


def file_of(name):
    return os.path.join(DIR, "blobs", name.replace("/", "_"))


def note_open():
    with LOCK:
        with open(os.path.join(DIR, "open.new"), "w", encoding="latin-1") as file:
            file.write(f"{sum(len(b) for b in BLOCKS.values())}\n")
        os.rename(os.path.join(DIR, "open.new"), os.path.join(DIR, "open"))


class Lost(Exception):
    pass


class Error(Exception):
    def __init__(self, status, code, text="no", fields=None):
        super().__init__(code)
        self.status, self.code, self.text, self.fields = status, code, text, fields or {}


def verify(handler, query):
    h = {k.lower(): v.strip() for k, v in handler.headers.items()}
    if "x-ms-version" not in h or "x-ms-date" not in h:
        raise Error(400, "MissingRequiredHeader")
    if "sig=t0ken%2F" in query.split("&") and "authorization" not in h:
        return
    slots = [h.get(k, "") for k in SLOTS]
    slots[2] = "" if slots[2] == "0" else slots[2]
    text = "\n".join([handler.command] + slots) + "\n"
    text += "".join(f"{k}:{v}\n" for k, v in sorted(h.items()) if k.startswith("x-ms-"))
    text += "/acct" + handler.path.partition("?")[0]
    text += "".join(f"\n{k.lower()}:{v}" for k, v in sorted(urllib.parse.parse_qsl(query, keep_blank_values=True)))
    code = base64.b64encode(hmac.new(KEY, text.encode("latin-1"), hashlib.sha256).digest()).decode()
    if h.get("authorization") != "SharedKey acct:" + code:
        raise Error(403, "AuthenticationFailed", "Server failed to authenticate the request.\nRequestId:1\nTime:2")


def etag(body):
    return '"' + hashlib.md5(body).hexdigest() + '"'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", fields=None, part=None):
        with LOCK, open(os.path.join(DIR, "requests"), "a", encoding="latin-1") as file:
            print(self.command, self.path, status, file=file)
        self.send_response(status)
        for k, v in (fields or {}).items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:part])
        if os.path.exists(os.path.join(DIR, "go")):
            open(os.path.join(DIR, "answered"), "w").close()
        if part is not None:
            raise Lost

    def get(self, fault, name, query):
        if query.get("comp") == "blocklist":
            names = "".join(f"<Block><Name>{i}</Name><Size>1</Size></Block>" for i in COMMITTED.get(name, []))
            return self.answer(200, f"<BlockList><CommittedBlocks>{names}</CommittedBlocks></BlockList>".encode())
        if not os.path.exists(file_of(name)) or (fault == "race" and self.command == "HEAD"):
            raise Error(404, "BlobNotFound", "The specified blob does not exist.")
        with open(file_of(name), "rb") as file:
            body = file.read()
        n = times("get", name) if self.command == "GET" else 0
        tag = etag(body)
        if fault == "change" and n > 1:
            tag, body = '"other"', body[::-1]
        if self.headers.get("If-Match", tag) != tag:
            raise Error(412, "ConditionNotMet")
        fields = {"ETag": tag, "Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        status, total = 200, len(body)
        if found:
            first, last = int(found[1]), min(int(found[2] or total - 1), total - 1)
            if first >= total:
                raise Error(416, "InvalidRange")
            status, body = 206, body[first:last + 1]
            fields["Content-Range"] = f"bytes {first}-{last}/{total}"
            del fields["Content-MD5"]
        cut = fault in ("drop", "change") and n <= (2 if fault == "drop" else 1) and self.command == "GET"
        return self.answer(status, body, fields, len(body) * 6 // 10 if cut else None)

    def put_block(self, fault, name, query, body):
        number = int.from_bytes(base64.b64decode(query["blockid"])[-3:], "big")
        n = times("block", name, number)
        if fault == "slow" and n <= 2:
            raise Error(503, "ServerBusy", "The server is busy.")
        if fault == "wait" and n == 1:
            COUNT[name, number] = time.monotonic()
            raise Error(503, "ServerBusy", "The server is busy.", {"Retry-After": "1"})
        if fault == "wait" and n == 2 and time.monotonic() - COUNT[name, number] < 0.99:
            raise Error(400, "TooEarly")
        if fault == "stuck" and number == 2:
            time.sleep(100000)
        if (fault == "flip" and number == 1 and n == 1) or fault == "flipped":
            body = bytes([body[0] ^ 1]) + body[1:]
        if base64.b64encode(hashlib.md5(body).digest()).decode() != self.headers["Content-MD5"]:
            raise Error(400, "Md5Mismatch", "The MD5 value specified in the request did not match.")
        with LOCK:
            BLOCKS.setdefault(name, {})[query["blockid"]] = body
            note_open()
        self.answer(201)

    def condition(self, name):
        if name.startswith("lease/"):
            raise Error(412, "LeaseIdMissing", "There is currently a lease on the blob.")
        if self.headers.get("If-None-Match") == "*" and os.path.exists(file_of(name)):
            raise Error(409, "BlobAlreadyExists", "The specified blob already exists.")

    def store(self, name, body, ids):
        with LOCK:
            with open(file_of(name) + ".new", "wb") as file:
                file.write(body)
            os.rename(file_of(name) + ".new", file_of(name))
            BLOCKS.pop(name, None)
            COMMITTED[name] = ids
            note_open()
        if name.startswith("hold/"):
            open(os.path.join(DIR, "held"), "w").close()
            while not os.path.exists(os.path.join(DIR, "go")):
                time.sleep(0.01)

    def put_list(self, fault, name, body):
        n = times("list", name)
        ids = re.findall(r"<Latest>([^<]*)</Latest>", body.decode())
        if fault == "error" and n == 1:
            raise Error(500, "InternalError")
        if fault == "half" and n == 1:
            raise Lost
        self.condition(name)
        if fault == "bad" or not all(i in BLOCKS.get(name, {}) for i in ids):
            raise Error(400, "InvalidBlockList", "The specified block list is invalid.")
        self.store(name, b"".join(BLOCKS[name][i] for i in ids), ids)
        if fault == "gone" and n == 1:
            raise Lost
        self.answer(201)

    def put(self, fault, name, query):
        length = int(self.headers["Content-Length"])
        if fault == "lost" and query.get("comp") == "block" and \
                base64.b64decode(query["blockid"])[-1] == 2 and times("lost", name) == 1:
            self.rfile.read(length // 2)
            raise Lost
        body = self.rfile.read(length)
        if query.get("comp") == "block":
            return self.put_block(fault, name, query, body)
        if query.get("comp") == "blocklist":
            return self.put_list(fault, name, body)
        if self.headers.get("x-ms-blob-type") != "BlockBlob":
            raise Error(400, "MissingRequiredHeader")
        self.condition(name)
        if self.headers.get("If-None-Match") == "*" and BLOCKS.get(name):
            raise Error(409, "BlobAlreadyExists")  # as Azurite does
        self.store(name, body, [])
        if fault == "gone" and times("whole", name) == 1:
            raise Lost
        return self.answer(201)

    def serve(self):
        path, _, query = self.path.partition("?")
        try:
            try:
                verify(self, query)
                found = re.fullmatch(r"/acct/([^/]+)/((\w+)/.*)", urllib.parse.unquote(path))
                if not found or found[1] != "cont":
                    raise Error(404, "ContainerNotFound", "The specified container does not exist.")
                name, fault = found[2], found[3]
                if fault == "mute":
                    self.close_connection = True
                    return self.answer(401, b"who are you?\n")
                if fault == "blind" and self.command == "HEAD":
                    raise Error(403, "AuthorizationPermissionMismatch")
                pairs = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
                (self.put if self.command == "PUT" else lambda f, n, q: self.get(f, n, q))(fault, name, pairs)
            except Error as e:
                if self.command == "PUT" and e.code in ("ContainerNotFound", "AuthenticationFailed"):
                    self.close_connection = True
                text = f"\ufeff<?xml version='1.0'?><Error><Code>{e.code}</Code><Message>{e.text}</Message></Error>"
                self.answer(e.status, text.encode(), dict(e.fields, **{"x-ms-error-code": e.code}))
        except (Lost, ConnectionError):
            self.close_connection = True
        return None

    do_GET = do_HEAD = do_PUT = serve


def main():
    os.makedirs(os.path.join(DIR, "blobs"), exist_ok=True)
    note_open()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with open(os.path.join(DIR, "port.new"), "w", encoding="latin-1") as file:
        file.write(str(server.server_address[1]))
    os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
    server.serve_forever()


main()
