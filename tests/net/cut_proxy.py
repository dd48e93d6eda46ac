#!/usr/bin/env python3
"""cut_proxy.py DIR PORT TIMES BYTES - a proxy of a TCP port of the loopback that cuts connections, for tests.

It listens on an ephemeral port, and writes the number to DIR/port. The first TIMES connections are cut when the server has sent
BYTES, the others are not. Before a connection is cut, DIR/cut gets a line; with a file DIR/wait the cut is put off until there is DIR/go.
"""
import os
import socket
import sys
import threading

DIR, PORT, TIMES, BYTES = sys.argv[1], *(int(word) for word in sys.argv[2:5])


def copy(source, to, limit):
    """limit: bytes after which both ends are cut; None: there is none."""
    try:
        while limit is None or limit > 0:
            data = source.recv(65536 if limit is None else min(limit, 65536))
            if not data:
                break
            to.sendall(data)
            limit = None if limit is None else limit - len(data)
        if limit == 0:
            with open(os.path.join(DIR, "cut"), "a", encoding="ascii") as file:
                print("cut", file=file)
            while os.path.exists(os.path.join(DIR, "wait")) and not os.path.exists(os.path.join(DIR, "go")):
                threading.Event().wait(0.01)
    except OSError:
        pass  # the other direction has ended
    for end in (source, to):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    with open(os.path.join(DIR, "port.new"), "w", encoding="ascii") as file:
        print(listener.getsockname()[1], file=file)
    os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
    number = 0
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", PORT))
        number += 1
        limit = BYTES if number <= TIMES else None
        threading.Thread(target=copy, args=(client, server, None), daemon=True).start()
        threading.Thread(target=copy, args=(server, client, limit), daemon=True).start()


main()
