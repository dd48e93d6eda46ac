#!/usr/bin/env python3
"""busboy.py CASES ADDRESS DIRECTORY - busboy's multipart cases, sent to `POST /form : write DIRECTORY/{name}`.

Each case is sent as it is cut there, in one piece, and byte by byte, each in chunks of HTTP. The files must be those that busboy
finds, and a form that it refuses must be refused. busboy's limits are options of its own: the files of these cases are those
of the whole form. A case whose files have names that a server must not use is sent, and must be refused.
"""
import base64
import json
import os
import socket
import sys


def exchange(address, boundary, pieces):
    host, port = address.rsplit(":", 1)
    s = socket.create_connection((host, int(port)))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = "POST /form HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    head += "Content-Type: multipart/form-data; boundary=%s\r\n\r\n" % boundary
    try:
        s.sendall(head.encode())
        out = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces if p)
        for i in range(0, len(out), 60000):
            s.sendall(out[i:i + 60000])
        s.sendall(b"0\r\n\r\n")
    except ConnectionError:
        pass  # it has answered
    answer = b""
    while True:
        piece = s.recv(65536)
        if not piece:
            return answer
        answer += piece


def expectation(case):
    """status, files: what the server must do."""
    expected, limits = case["expected"], case["config"].get("limits", {})
    files = [(e["info"]["filename"], base64.b64decode(e["data"]["base64"]))
             for e in expected if isinstance(e, dict) and e.get("type") == "file" and "err" not in e]
    failed = any(isinstance(e, dict) and ("error" in e or "err" in e) for e in expected)
    if failed:
        return 400, None
    if any(len(name) > 200 for name, _ in files):
        return 400, None  # longer than a name may be
    if limits or case["config"].get("events") == ["field"] or case["config"].get("preservePath"):
        return 201, None
    return (201, files) if files else (400, [])


def main():
    cases, address, directory = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
    bad = 0
    for case in cases:
        body = base64.b64decode(case["body_base64"])
        cuts, at = [], 0
        for n in case["chunk_sizes"]:
            cuts.append(body[at:at + n])
            at += n
        cuts.append(body[at:])
        ways = {"as cut": cuts, "whole": [body]}
        if len(body) < 5000:
            ways["bytes"] = [body[i:i + 1] for i in range(len(body))]
        status, files = expectation(case)
        for way, pieces in ways.items():
            answer = exchange(address, case["boundary"], pieces)
            got = {name: open(os.path.join(directory, name), "rb").read() for name in os.listdir(directory)}
            for name in got:
                os.unlink(os.path.join(directory, name))
            allowed = ("201", "400") if case["config"] else (str(status),)
            if answer[9:12].decode() not in allowed:
                bad += 1
                print("%s, %s: answered %r" % (case["what"], way, answer[:400]))
            elif files is not None and got != dict(files):
                bad += 1
                print("%s, %s: stored %r" % (case["what"], way, {k: v[:60] for k, v in got.items()}))
    print("%d cases, %d wrong" % (len(cases), bad))


main()
