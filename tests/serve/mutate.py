#!/usr/bin/env python3
"""mutate.py ADDRESS N SEED - send N requests that were mutated, each on a connection of its own, and then a good one.

The server may answer them as it likes, or not at all, but goes on to answer.
"""
import random
import socket
import sys

address, n, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
host, port = address.rsplit(":", 1)
FORM = (b"--b\r\nContent-Disposition: form-data; name=f; filename=\"one\"\r\nContent-Type: text/plain\r\n\r\n1\r\n2\r\n"
        b"--b\r\nContent-Disposition: form-data; name=g; filename*=utf-8''tw%6F\r\n\r\n\r\n--b\r\n--b--\r\n")
REQUESTS = [
    b"PUT /in/a%20b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"PUT /in/c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
    b"PUT /in/d HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s"
    % (len(FORM), FORM),
    b"GET /file/a HTTP/1.1\r\nHost: x\r\nRange: bytes=1-3\r\nIf-Range: \"x\"\r\n\r\n",
    b"GET /out/a HTTP/1.0\r\n\r\n",
    b"HEAD /out/a HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
]
PIECES = [b"\r\n", b"\n", b"\0", b":", b"%", b"/../", b"-1", b"0", b"99999999999999999999", b"\xff", b"--b", b";", b"\"", b" "]


def mutated(pick):
    data = bytearray(pick.choice(REQUESTS))
    for _ in range(pick.randrange(1, 5)):
        at, kind = pick.randrange(len(data) or 1), pick.randrange(5)
        if kind == 0 and data:
            data[at % len(data)] = pick.randrange(256)
        elif kind == 1:
            data[at:at] = pick.choice(PIECES)
        elif kind == 2:
            del data[at:at + pick.randrange(20)]
        elif kind == 3:
            data[at:at] = data[at:at + pick.randrange(60)]
        else:
            del data[at:]
    return bytes(data)


def exchange(data, end):
    s = socket.create_connection((host, int(port)))
    answer = b""
    try:
        s.sendall(data)
        if end:
            s.shutdown(socket.SHUT_WR)
        while True:
            piece = s.recv(65536)
            if not piece:
                return answer
            answer += piece
    except ConnectionError:
        return answer
    finally:
        s.close()


for i in range(n):
    exchange(mutated(random.Random(seed * 1000003 + i)), True)
good = exchange(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False)
print("%d requests, and the server %s" % (n, "answers" if b"200 OK" in good else "is mute"))
