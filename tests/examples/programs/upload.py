"""upload.py - clients of the upload server: whole, cut, slow and bad uploads. Usage: upload.py SERVER FILE"""
import os
import socket
import subprocess
import sys
import time

server, name = sys.argv[1:]
data = open(name, "rb").read()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(uploads, stages):
    """The server, which ends after so many uploads, and its port."""
    port = free_port()
    process = subprocess.Popen([server, str(port), str(uploads), stages])
    while True:
        try:
            return process, port, socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            assert process.poll() is None, "the server has ended"
            time.sleep(0.02)


def ask(client, body, length=None):
    client.sendall(b"PUT / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % (len(body) if length is None else length))
    client.sendall(body)


def answer(client):
    text = b""
    while part := client.recv(65536):
        text += part
    client.close()
    return text.decode()


def stored(n):
    return open(f"upload-{n}", "rb").read()


# Whole uploads: 201 when the file is there.
process, port, client = start(3, "pass")
ask(client, data)
assert answer(client).startswith("HTTP/1.0 201 Created"), "whole"
assert stored(1) == data
# Two at once, and one of them is cut: no file, and no temporary.
one, two = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
ask(one, data[:300000], len(data))
ask(two, b"")
assert answer(two).startswith("HTTP/1.0 201 Created"), "empty"
one.close()
assert process.wait() == 0
assert sorted(os.listdir()) in (["upload-1", "upload-2"], ["upload-1", "upload-3"]), os.listdir()
for file in os.listdir():
    os.remove(file)

# Failures: 500 with the text.
process, port, client = start(3, "gunzip")
ask(client, data)
text = answer(client)
assert text.startswith("HTTP/1.0 500 Failed") and "not in gzip format" in text, text
with socket.create_connection(("127.0.0.1", port)) as client:
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert "no length" in answer(client)
open("upload-3", "w").close()
with socket.create_connection(("127.0.0.1", port)) as client:
    ask(client, b"")
    text = answer(client)
    assert text.startswith("HTTP/1.0 500 Failed"), text
assert process.wait() == 0
assert os.listdir() == ["upload-3"]
os.remove("upload-3")

# A pipeline that takes nothing: the client is held back, within the buffers of the kernel and of the pipeline.
os.mkfifo("go")
process, port, client = start(1, "exec sh -c 'read line <go; cat'")
ask(client, b"", 1 << 30)
client.settimeout(1)
sent = 0
try:
    while sent < 1 << 30:
        sent += client.send(bytes(65536))
except TimeoutError:
    pass
assert sent < 64 << 20, f"{sent} bytes were taken"
client.close()
with open("go", "w") as go:
    go.write("on\n")
assert process.wait() == 0
assert os.listdir() == ["go"], os.listdir()
