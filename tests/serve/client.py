#!/usr/bin/env python3
"""client.py - clients of `leat serve`, good and bad ones. ADDRESS is HOST:PORT or unix:PATH.

With CLIENT_CA, CLIENT_CERT and CLIENT_KEY in the environment they speak TLS.

  client.py ADDRESS request METHOD PATH [FILE|-] [OPTION]... - print the status, the headers and the body
      --chunked, --expect, --header=NAME:VALUE, --user-agent...
  client.py ADDRESS raw TEXT - send the text (with \\r\\n as written by printf) and print all that comes back
  client.py ADDRESS leave PATH LENGTH BYTES - announce LENGTH bytes, send BYTES of them, and leave; prints "left"
  client.py ADDRESS go PATH LENGTH BYTES end|reset - the same, but leave when standard input ends; prints "sent" before
  client.py ADDRESS half PATH FILE - send all of it, end the own side of the connection, print "sent" and what comes back
  client.py ADDRESS hold PATH LENGTH BYTES - the same, but stay until standard input ends
  client.py ADDRESS many PATH N SIZE - N uploads at once, to PATH with {} as the number; print how many had which status
  client.py ADDRESS idle N TEXT - N connections that send the text and then nothing; prints how many the server closed
"""
import collections
import http.client
import os
import selectors
import socket
import ssl
import struct
import sys


def connect(address):
    if address.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(address[5:])
        return s
    host, port = address.rsplit(":", 1)
    s = socket.create_connection((host, int(port)))
    if "CLIENT_CA" in os.environ:
        context = ssl.create_default_context(cafile=os.environ["CLIENT_CA"])
        if "CLIENT_CERT" in os.environ:
            context.load_cert_chain(os.environ["CLIENT_CERT"], os.environ["CLIENT_KEY"])
        s = context.wrap_socket(s, server_hostname="localhost")
    return s


def read_all(s):
    parts = []
    try:
        while True:
            piece = s.recv(1 << 16)
            if not piece:
                break
            parts.append(piece)
    except ConnectionResetError:
        parts.append(b"\n[reset]\n")
    return b"".join(parts)


def request(address, method, path, *rest):
    body, headers, chunked = None, {}, False
    for word in rest:
        if word == "--chunked":
            chunked = True
        elif word == "--expect":
            headers["Expect"] = "100-continue"
        elif word.startswith("--header="):
            name, value = word[9:].split(":", 1)
            headers[name] = value.strip()
        else:
            body = sys.stdin.buffer.read() if word == "-" else open(word, "rb").read()
    connection = http.client.HTTPConnection("localhost")
    connection.sock = connect(address)
    if chunked:
        pieces = [body[i:i + 7000] for i in range(0, len(body), 7000)]
        connection.request(method, path, body=iter(pieces), headers=headers, encode_chunked=True)
    elif "Expect" in headers:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        first = connection.sock.recv(len(b"HTTP/1.1 100 Continue\r\n\r\n"))
        print(first.decode().split("\r\n")[0])
        if not first.startswith(b"HTTP/1.1 100"):
            print((first + read_all(connection.sock)).decode())
            return
        connection.send(body)
    else:
        connection.request(method, path, body=body, headers=headers)
    response = connection.getresponse()
    print(response.status)
    for name, value in response.getheaders():
        print(name + ": " + value)
    print(flush=True)
    try:
        sys.stdout.buffer.write(response.read())
    except http.client.IncompleteRead as e:
        sys.stdout.buffer.write(e.partial)
        sys.exit("the body is cut")


def raw(address, text):
    s = connect(address)
    s.sendall(text.encode("latin-1").decode("unicode_escape").encode("latin-1"))
    sys.stdout.buffer.write(read_all(s))


def begin(address, path, length, n):
    s = connect(address)
    s.sendall(b"PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path.encode(), int(length)))
    s.sendall(b"x" * int(n))
    return s


def leave(address, path, length, n):
    begin(address, path, length, n).close()
    print("left")


def go(address, path, length, n, how):
    s = begin(address, path, length, n)
    print("sent", flush=True)
    sys.stdin.read()
    if how == "reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def half(address, path, file):
    body = open(file, "rb").read()
    s = begin(address, path, len(body), 0)
    s.sendall(body)
    s.shutdown(socket.SHUT_WR)
    print("sent", flush=True)
    sys.stdout.buffer.write(read_all(s))


def hold(address, path, length, n):
    s = begin(address, path, length, n)
    print("holding", flush=True)
    sys.stdin.read()
    s.setblocking(False)
    try:
        sys.stdout.buffer.write(s.recv(1 << 16))
    except BlockingIOError:
        print("nothing came back")


def many(address, path, n, size):
    n, size = int(n), int(size)
    poll, counts = selectors.DefaultSelector(), collections.Counter()
    for i in range(n):
        s = connect(address)
        s.setblocking(False)
        head = b"PUT %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (
            path.replace("{}", str(i)).encode(), size)
        body = (b"%d\n" % i) * (size // len(b"%d\n" % i) + 1)
        poll.register(s, selectors.EVENT_READ | selectors.EVENT_WRITE, [head + body[:size], b""])
    left = n
    while left:
        for key, events in poll.select():
            s, state = key.fileobj, key.data
            try:
                if events & selectors.EVENT_WRITE and state[0]:
                    state[0] = state[0][s.send(state[0][:65536]):]
                    if not state[0]:
                        poll.modify(s, selectors.EVENT_READ, state)
                if events & selectors.EVENT_READ:
                    piece = s.recv(65536)
                    state[1] += piece
                    if piece:
                        continue
                    counts[state[1][9:12].decode() or "none"] += 1
                    poll.unregister(s)
                    s.close()
                    left -= 1
            except ConnectionError:
                counts["reset"] += 1
                poll.unregister(s)
                s.close()
                left -= 1
    for status, count in sorted(counts.items()):
        print(status, count)


def idle(address, n, text):
    data = text.encode("latin-1").decode("unicode_escape").encode("latin-1")
    sockets = [connect(address) for _ in range(int(n))]
    for s in sockets:
        s.sendall(data)
    closed = 0
    for s in sockets:
        read_all(s)
        closed += 1
    print("closed", closed)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    commands = {f.__name__: f for f in (request, raw, leave, go, half, hold, many, idle)}
    commands[sys.argv[2]](sys.argv[1], *sys.argv[3:])
    os._exit(0)
