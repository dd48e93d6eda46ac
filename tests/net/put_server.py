#!/usr/bin/env python3
"""put_server.py - an HTTP/1.1 server that stores what it gets, with faults, for the tests of put.

    put_server.py DIR [CERTIFICATE KEY [CA]]

It listens on an ephemeral port of the loopback, and writes the number to DIR/port. With CA it wants a certificate of the client.
A body that is complete goes to DIR/got/NAME. A line goes to DIR/requests at the head of each request: the method, the path,
Transfer-Encoding, Content-Length, Expect, If-None-Match, and a header X-Secret; another one, `cut PATH`, if the body is cut off, `whole PATH` if a body of hang or held
is complete, and `answered PATH` when held has answered.
The path of a request is /FAULT/NAME:

    store    201; 412 with If-None-Match: * if there is a NAME
    early    413 with a text, and the body is not read     fast    204, and the body is not read
    late     500 with a page of HTML, after the body       lost    the connection ends after the body
    hang     no answer, after the body                     full    the body is not read, and there is no answer
    held     201, after the body, when DIR/go is there     slow    the body is read slowly: 64 KiB, and a pause
    moved    307 with a Location, after the head           auth    401 without user `u` and password `p w`
    kept     204, and the connection goes on               drip    a byte of the answer at a time, and no end of it
"""
import base64
import io
import os
import socket
import ssl
import sys
import threading

DIR = sys.argv[1]
LOCK = threading.Lock()
FIELDS = ("transfer-encoding", "content-length", "expect", "if-none-match", "x-secret")


def log(*fields):
    with LOCK, open(os.path.join(DIR, "requests"), "a", encoding="latin-1") as file:
        print(*fields, sep="|", file=file)


class Slow(io.RawIOBase):
    """The rest of a connection, read in small pieces with a pause after each."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    def readable(self):
        return True

    def readinto(self, to):
        threading.Event().wait(0.05)
        part = self.file.read1(len(to))
        to[: len(part)] = part
        return len(part)


def read_head(file):
    """The words of the request line, and the headers with lower-case names; None at the end of the connection."""
    line = file.readline().decode("latin-1").split()
    if len(line) < 2:
        return None
    headers = {}
    while True:
        field = file.readline().decode("latin-1").strip()
        if not field:
            return line, headers
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()


def read_chunks(file):
    body = []
    while True:
        line = file.readline()
        if not line.endswith(b"\r\n"):
            return None
        size = int(line, 16)
        part = file.read(size + 2)
        if len(part) != size + 2:
            return None
        if size == 0:
            return b"".join(body)
        body.append(part[:-2])


def read_body(file, headers):
    """The body; None: it was cut off."""
    if headers.get("transfer-encoding") == "chunked":
        return read_chunks(file)
    size = int(headers.get("content-length", 0))
    body = file.read(size)
    return body if len(body) == size else None


def answer(sock, status, text=b"", fields=()):
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(text)}", *fields]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + text)


def store(sock, path, headers, body):
    name = os.path.join(DIR, "got", path.split("/")[2])
    if headers.get("if-none-match") == "*" and os.path.exists(name):
        answer(sock, 412, b"it exists\n")
        return
    with open(name + ".new", "wb") as file:
        file.write(body)
    os.rename(name + ".new", name)
    answer(sock, 201, b"it is\n  stored\n")


def serve_one(sock, file, words, headers):
    """Returns false if the connection is to end."""
    path = words[1]
    fault = path.split("/")[1]
    log(words[0], path, *(headers.get(name, "-") for name in FIELDS))
    if fault == "early":
        answer(sock, 413, b"\r\n  more than\tthe quota \nand more\n", ["Connection: close"])
        file.read()  # what came after the answer, so that it is not lost in a reset
        return False
    if fault == "fast":
        answer(sock, 204, b"", ["Connection: close"])
        file.read()
        return False
    if fault == "kept":
        answer(sock, 204)
        return read_body(file, headers) is not None
    if fault == "moved":
        answer(sock, 307, b"", ["Location: http://other/x", "Connection: close"])
        file.read()
        return False
    if fault == "full":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        threading.Event().wait()
    if fault == "slow":
        file = io.BufferedReader(Slow(file), 65536)
    body = read_body(file, headers)
    if body is None:
        log("cut", path)
        return False
    if fault in ("hang", "held"):
        log("whole", path)
    if fault == "held":
        while not os.path.exists(os.path.join(DIR, "go")):
            threading.Event().wait(0.01)
        store(sock, path, headers, body)
        log("answered", path)
        return True
    if fault == "lost":
        return False
    if fault == "drip":
        sock.sendall(b"HTTP/1.1 200 x\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            sock.sendall(b"x")
            threading.Event().wait(0.01)
    if fault == "hang":
        file.read()
        return False
    if fault == "late":
        answer(sock, 500, b"<html>\n<head><title>500 The disk is full</title></head></html>\n")
        return True
    if fault == "auth" and headers.get("authorization") != "Basic " + base64.b64encode(b"u:p w").decode():
        answer(sock, 401, b"who are you?\n", ["WWW-Authenticate: Basic"])
        return True
    store(sock, path, headers, body)
    return True


def serve(sock, context):
    try:
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        with sock, sock.makefile("rb") as file:
            while True:
                head = read_head(file)
                if not head or not serve_one(sock, file, *head):
                    sock.shutdown(socket.SHUT_RDWR)
                    return
    except OSError:
        pass  # the client has left


def main():
    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    if len(sys.argv) > 4:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(sys.argv[4])
    os.makedirs(os.path.join(DIR, "got"), exist_ok=True)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    with open(os.path.join(DIR, "port.new"), "w", encoding="ascii") as file:
        print(listener.getsockname()[1], file=file)
    os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, context), daemon=True).start()


main()
