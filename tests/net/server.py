#!/usr/bin/env python3
"""server.py - an HTTP/1.1 server with faults, for the tests of get.

    server.py DIR [CERTIFICATE KEY]

It listens on an ephemeral port of the loopback (::1 if DIR/6 is there), and is a proxy for http:// URLs, whose hosts it
ignores. It writes the number to DIR/port, and each request to DIR/requests: the
path, Range, If-Range, and a header X-Secret. DIR/f is the content. The path of a request is /FAULT/ANYTHING:

    plain    the content               drop     ends at 60 % of what was asked for, three times
    change   drop, and then the ETag and the content are others
    weak     drop, with a weak ETag    plainly  drop, without a validator
    ignore   drop, and no ranges       stale    drop, ignores ranges, and the second half changes
    short    half of the content, every time, without ranges
    stall    half of the content, and then nothing
    close    HTTP/1.0, no length       loop     redirects to itself
    hop      redirects to the port of DIR/other            hopname  the same, on localhost
    back     redirects to /plain       file     redirects to file:///etc/passwd
    STATUS   503-2 answers twice with it and Retry-After: 0, then the content; 404-0: always
    later    503 and Retry-After: 100000
    date     503 and a date that is past, once
    chunked  chunks                    cut      chunks, without the last one, every time
    encoded  Content-Encoding: gzip    auth     401 without user `u` and password `p w`
    modified drop, with an old Last-Modified only
    lie      206 with another range    longer   drop, then the total differs
    partial  drop, then 206 with a part of the rest
    multi    drop, then 206 with multipart/byteranges
    nameless drop, then 206 without its ETag
    wide     drop, then a Content-Length that is longer than the range
    more     drop, then more bytes, in chunks, than the range
    both     chunks, and a wrong Content-Length
    excess   the content, and then other bytes
    empty    no bytes                  inject   drop, with an ETag that has a CR inside
    huge     a Content-Length of 20 digits       minus    a negative one
    endless  header lines without an end         silent   nothing
    reset    drop, with a reset                  norange  the content, without ranges
    weakly   the content, with a weak ETag
    trailer  chunks, and then lines of a trailer without an end
    lengths  two lengths that differ       line     a header line of 200 KiB
    flood    zeros without an end; when the client takes no more, DIR/taken has how many bytes its process has taken
    trickle  a byte of the content, or of its rest, and the end: every time
"""
import base64
import fcntl
import os
import re
import socket
import ssl
import struct
import sys
import termios
import threading

DIR = sys.argv[1]
CONTENT = open(os.path.join(DIR, "f"), "rb").read()
LOCK = threading.Lock()
COUNT = {}
OLD = "Wed, 01 Jan 2020 00:00:00 GMT"
NOW = "Wed, 01 Jan 2025 00:00:00 GMT"


def read_head(file):
    """The request line and the headers, with lower-case names; None at the end of the connection."""
    line = file.readline().decode("latin-1").split()
    if len(line) < 2:
        return None
    headers = {}
    while True:
        field = file.readline().decode("latin-1").strip()
        if not field:
            return re.sub("^http://[^/]*", "", line[1]), headers
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()


def log(path, headers):
    fields = [path] + [headers.get(name, "-") for name in ("range", "if-range", "x-secret", "authorization")]
    with LOCK, open(os.path.join(DIR, "requests"), "a", encoding="latin-1") as file:
        print(*fields, sep="|", file=file)


def head(status, fields, version="1.1"):
    lines = [f"HTTP/{version} {status} x"] + [f"{k}: {v}" for k, v in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def redirect(to):
    return head(302, {"Location": to, "Content-Length": 3}) + b"no\n"


def content_of(fault, n):
    if fault == "change" and n > 1:
        return CONTENT[::-1]
    if fault == "stale" and n > 1:
        return CONTENT[:10] + CONTENT[::-1][10:]
    return CONTENT


def fields_of(fault, n):
    if fault == "inject":
        return {"ETag": '"v1\rX-Secret: evil"'}
    if fault == "nameless" and n > 1:
        return {}
    if fault in ("weak", "weakly"):
        return {"ETag": 'W/"v1"'}
    if fault in ("plainly", "stale"):
        return {}
    if fault == "modified":
        return {"Last-Modified": OLD, "Date": NOW}
    return {"ETag": '"v2"' if fault == "change" and n > 1 else '"v1"'}


def send_part(sock, fields, part):
    sock.sendall(head(206, {**fields, "Content-Length": len(part)}) + part)
    return True


def send_parts(sock, fields, part):
    text = b"--x\r\nContent-Range: " + fields.pop("Content-Range").encode() + b"\r\n\r\n" + part + b"\r\n--x--\r\n"
    fields["Content-Type"] = "multipart/byteranges; boundary=x"
    return send_part(sock, fields, text)


def send_wide(sock, fields, part):
    return send_part(sock, fields, part + part)


def send_more(sock, fields, part):
    sock.sendall(head(206, {**fields, "Transfer-Encoding": "chunked"}))
    sock.sendall(b"%x\r\n%s\r\n5\r\nextra\r\n0\r\n\r\n" % (len(part), part))
    return True


WHOLE = ("plain", "encoded", "auth", "norange", "weakly")
REST = {"partial": send_part, "multi": send_parts, "wide": send_wide, "more": send_more}


def send_endless(sock, begin):
    sock.sendall(begin)
    while True:
        sock.sendall(b"X-Header: " + 1000 * b"x" + b"\r\n")


def unread(sock):
    """Bytes that the kernel has, on their way to the client and there, but its process has not."""
    queued = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]
    ends = [f"{end[1]:04X}" for end in (sock.getpeername(), sock.getsockname())]
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file:
            fields = line.split()
            if [field.split(":")[-1] for field in fields[1:3]] == ends:
                return queued + int(fields[4].split(":")[1], 16)
    return queued


def flood(sock):
    first = head(200, {"Content-Length": 1 << 40, "ETag": '"v1"'})
    sock.sendall(first)
    sock.setblocking(False)
    sent, same, last = len(first), 0, -1
    while same < 50:  # the client takes no more
        try:
            sent += sock.send(bytes(65536))
            continue
        except BlockingIOError:
            threading.Event().wait(0.01)
        taken = sent - unread(sock)
        same, last = (same + 1 if taken == last else 0), taken
    with open(os.path.join(DIR, "taken.new"), "w", encoding="ascii") as file:
        print(taken, file=file)
    os.rename(os.path.join(DIR, "taken.new"), os.path.join(DIR, "taken"))
    sock.setblocking(True)
    sock.recv(1)


def answer_strangely(sock, fault):
    """Answers that are no content. Returns None if the fault is none of these."""
    if fault == "both":
        sock.sendall(head(200, {"Content-Length": 7, "Transfer-Encoding": "chunked"}))
        sock.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT))
    elif fault == "excess":
        sock.sendall(head(200, {"Content-Length": len(CONTENT)}) + CONTENT + b"excess")
    elif fault == "empty":
        sock.sendall(head(200, {"Content-Length": 0}))
    elif fault in ("huge", "minus"):
        sock.sendall(head(200, {"Content-Length": 20 * "9" if fault == "huge" else -5}) + CONTENT)
        return False
    elif fault == "endless":
        send_endless(sock, b"HTTP/1.1 200 x\r\n")
    elif fault == "line":
        sock.sendall(b"HTTP/1.1 200 x\r\nX-Header: " + 204800 * b"x" + b"\r\nContent-Length: 0\r\n\r\n")
    elif fault == "trailer":
        send_endless(sock, head(200, {"Transfer-Encoding": "chunked"}) + b"1\r\nx\r\n0\r\n")
    elif fault == "lengths":
        sock.sendall(b"HTTP/1.1 200 x\r\nContent-Length: 9\r\nContent-Length: 5\r\n\r\n12345")
        return False
    elif fault == "flood":
        flood(sock)
        return False
    elif fault == "silent":
        sock.recv(1)
        return False
    else:
        return None
    return True


def answer_content(sock, fault, n, headers):
    """The content or the rest of it. Returns false if the connection is to end."""
    content, fields = content_of(fault, n), fields_of(fault, n)
    begin, end, status = 0, len(content), 200
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
    known = fault == "nameless" or headers.get("if-range") in (None, fields.get("ETag"), fields.get("Last-Modified"))
    if match and int(match[1]) >= len(content):
        sock.sendall(head(416, {"Content-Length": 0}))
        return True
    if match and known and fault not in ("ignore", "stale", "short", "norange"):
        begin, status = int(match[1]), 206
        first = begin + 1 if fault == "lie" else begin
        total = len(content) + (fault == "longer")
        end = min(int(match[2] or end) + 1, end)
        last = begin + (end - begin + 1) // 2 if fault == "partial" else end
        fields["Content-Range"] = f"bytes {first}-{last - 1}/{total}"
        if fault in REST:
            return REST[fault](sock, fields, content[begin:last])
    if fault == "encoded":
        fields["Content-Encoding"] = "gzip"
    fields["Content-Length"] = end - begin
    sock.sendall(head(status, fields))
    last = end
    if fault in ("short", "stall"):
        last = end // 2
    elif fault == "trickle":
        last = begin + 1
    elif fault not in WHOLE and not fault[0].isdigit() and n <= (1 if fault in REST else 3):
        last = begin + (end - begin) * 6 // 10
    sock.sendall(content[begin:last])
    if fault == "stall":
        sock.recv(1)
    if fault == "reset" and last < end:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    return last == end


def answer_chunks(sock, fault):
    sock.sendall(head(200, {"Transfer-Encoding": "chunked"}))
    for at in range(0, len(CONTENT), 5000):
        part = CONTENT[at:at + 5000]
        sock.sendall(b"%x\r\n%s\r\n" % (len(part), part))
    if fault == "cut":
        return False
    sock.sendall(b"0\r\n\r\n")
    return True


def other_port():
    with open(os.path.join(DIR, "other"), encoding="ascii") as file:
        return file.read().strip()


def answer(sock, path, headers):
    """Returns false if the connection is to end."""
    fault = path.split("/")[1]
    with LOCK:
        n = COUNT[path] = COUNT.get(path, 0) + 1
    strange = answer_strangely(sock, fault)
    if strange is not None:
        return strange
    if fault in ("chunked", "cut"):
        return answer_chunks(sock, fault)
    if fault == "close":
        sock.sendall(head(200, {}, "1.0") + CONTENT)
        return False
    places = {"loop": path, "hop": f"http://127.0.0.1:{other_port()}/plain/x" if fault == "hop" else "",
              "hopname": f"http://localhost:{other_port()}/plain/x" if fault == "hopname" else "",
              "back": "../plain/x", "file": "file:///etc/passwd"}
    if fault in places:
        sock.sendall(redirect(places[fault]))
        return True
    if fault == "later":
        sock.sendall(head(503, {"Retry-After": 100000, "Content-Length": 0}))
        return True
    if fault == "date" and n == 1:
        sock.sendall(head(503, {"Retry-After": OLD, "Date": NOW, "Content-Length": 0}))
        return True
    status, _, times = fault.partition("-")
    if status.isdigit() and (times == "0" or n <= int(times)):
        sock.sendall(head(status, {"Retry-After": 0, "Content-Length": 5}) + b"sorry")
        return True
    user = "Basic " + base64.b64encode(b"u:p w").decode()
    if fault == "auth" and headers.get("authorization") != user:
        sock.sendall(head(401, {"WWW-Authenticate": "Basic", "Content-Length": 0}))
        return True
    if fault == "date":
        fault = "plain"
    return answer_content(sock, fault, n, headers)


def serve(sock, context):
    try:
        if context:
            sock = context.wrap_socket(sock, server_side=True)
        with sock, sock.makefile("rb") as file:
            while True:
                request = read_head(file)
                if not request:
                    return
                log(*request)
                if not answer(sock, *request):
                    sock.shutdown(socket.SHUT_RDWR)
                    return
    except OSError:
        pass  # the client has left


def main():
    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    if os.path.exists(os.path.join(DIR, "6")):
        listener = socket.create_server(("::1", 0), backlog=64, family=socket.AF_INET6)
    else:
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    with open(os.path.join(DIR, "port.new"), "w", encoding="ascii") as file:
        print(listener.getsockname()[1], file=file)
    os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, context), daemon=True).start()


main()
