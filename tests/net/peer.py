#!/usr/bin/env python3
"""peer.py - the other end of a socket, which is right or wrong on purpose: peer.py MODE DIR [CERT KEY CA]

It listens on a port of 127.0.0.1, writes it to DIR/port, serves one connection, and writes what it read to DIR/got.

echo     sends back what it reads, to its end
read     reads to the end
talk     sends a line at once, and reads to the end
half     reads some bytes and resets the connection
frames   sends DIR/send, whatever it is, reads, and closes
early    ends its own stream at once, reads some bytes, waits until DIR/close exists, and resets the connection
keep     reads to the end, makes DIR/ended, and does not close until DIR/close exists
"""
import os
import socket
import ssl
import struct
import sys
import time

mode, place = sys.argv[1], sys.argv[2]


def at(name):
    return os.path.join(place, name)


listener = socket.socket()
if mode == "early":  # what it does not read stays at the sender
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
listener.bind(("127.0.0.1", 0))
listener.listen(8)
with open(at("port.tmp"), "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(at("port.tmp"), at("port"))
c, _ = listener.accept()
if len(sys.argv) > 3:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[3], sys.argv[4])
    if len(sys.argv) > 5:
        tls.load_verify_locations(sys.argv[5])
        tls.verify_mode = ssl.CERT_REQUIRED
    c = tls.wrap_socket(c, server_side=True)
got = open(at("got"), "wb")


def read_all(echo):
    while True:
        data = c.recv(65536)
        if not data:
            return
        got.write(data)
        got.flush()
        if echo:
            c.sendall(data)


if mode in ("half", "early"):
    if mode == "early":
        c.shutdown(socket.SHUT_WR)
    got.write(c.recv(10))
    got.flush()
    while mode == "early" and not os.path.exists(at("close")):
        time.sleep(0.01)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
else:
    if mode == "talk":
        c.sendall(b"220 ready\n")
    if mode == "frames":
        c.sendall(open(at("send"), "rb").read())
        c.shutdown(socket.SHUT_WR)
    read_all(mode == "echo")
    if mode == "keep":
        open(at("ended"), "w").close()
    while mode == "keep" and not os.path.exists(at("close")):
        time.sleep(0.01)
    if len(sys.argv) > 3:
        try:
            c = c.unwrap()
        except (ssl.SSLError, OSError):
            pass
c.close()
