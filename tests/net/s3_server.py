#!/usr/bin/env python3
"""s3_server.py - a small server of S3 with faults, for the tests of s3-put and s3-get. It verifies each signature by its own code.

    s3_server.py DIR

It listens on an ephemeral port of the loopback, and writes the number to DIR/port. The bucket is `buck`, the keys are `test` with
the secret `s3cret/+`, and `temp` with `other` and the token `tok/en==`, the region is `here-1`. An object with the key FAULT/NAME is
the file DIR/objects/FAULT_NAME. A line goes to DIR/requests for each request that is answered: the method, the path with the
query, and the status. DIR/open has a line for each upload that is open, with the numbers of its parts. FAULT is:

    plain    none
    slow     503 SlowDown, twice for each part              lost     the connection of part 2 is lost in its body, once
    error    the end of an upload is 200 with InternalError, once        bad   with InvalidPart, always
    gone     the end of an upload is done, but its answer is lost        half  it is not done, and its answer is lost, once
    nocond   501 for If-None-Match                          race     the object is there, but not for HEAD
    flip     a byte of part 1 changes on the way, once      flipped  always
    stuck    no answer to part 2                            mute     401 with a text to everything
    drop     GET ends at 60 % of what was asked for, twice  change   and then the object is another one
    nosum    501 for x-amz-checksum-…                       sumless  checksums are ignored, but refused in the end of an upload
    rot      a byte of part 1 changes in the server, once, after its signature was verified       rotten   always
    etag     no ETag for a part                             late     an upload begins when there is a file DIR/go
    hold     the object is stored and DIR/held is made, but the answer to that comes when there is a file
             DIR/go; then DIR/answered is made

x-amz-checksum-sha256 of a part and of an object is verified, in the end of an upload it must be that of the part, and
DIR/sums has a line for each one that was right. It is the service of an instance, too: /latest/api/token, with the keys `temp`; and of a container: /keys.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import socket
import sys
import threading
import urllib.parse

DIR = sys.argv[1]
LOCK = threading.RLock()
SECRETS = {"test": "s3cret/+", "temp": "other"}
TOKEN = "tok/en=="
REGION = "here-1"
UPLOADS = {}  # by their id: {"key", "parts": {number: (etag, body)}}
COUNT = {}
LOST = object()  # the connection ends without an answer


def times(*what):
    """How often this was asked for, from 1."""
    with LOCK:
        COUNT[what] = COUNT.get(what, 0) + 1
        return COUNT[what]


def log(*fields):
    with LOCK, open(os.path.join(DIR, "requests"), "a", encoding="latin-1") as file:
        print(*fields, file=file)


def note_open():
    with LOCK:
        lines = [f"{u['key']} {' '.join(str(n) for n in sorted(u['parts']))}\n" for u in UPLOADS.values()]
        with open(os.path.join(DIR, "open.new"), "w", encoding="latin-1") as file:
            file.writelines(lines)
        os.rename(os.path.join(DIR, "open.new"), os.path.join(DIR, "open"))


def file_of(key):
    return os.path.join(DIR, "objects", key.replace("/", "_"))


class Error(Exception):
    def __init__(self, status, code, text="no", fields=None):
        super().__init__(code)
        self.status, self.code, self.text, self.fields = status, code, text, fields or {}

    def body(self):
        return f"<?xml version='1.0'?>\n<Error><Code>{self.code}</Code><Message>{self.text}</Message></Error>".encode()


# --- the signature


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def verify(method, target, headers, body):
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, "
                         r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})", headers.get("authorization", ""))
    if not found:
        raise Error(403, "AccessDenied", "not signed")
    name, day, region, signed, signature = found.groups()
    if name not in SECRETS:
        raise Error(403, "InvalidAccessKeyId")
    if region != REGION:
        raise Error(400, "AuthorizationHeaderMalformed", f"expecting '{REGION}'", {"x-amz-bucket-region": REGION})
    if name == "temp" and headers.get("x-amz-security-token") != TOKEN:
        raise Error(400, "InvalidToken")
    needed = {"host", "x-amz-date", "x-amz-content-sha256"} | {h for h in headers if h.startswith("x-amz-")}
    if not needed <= set(signed.split(";")) or signed.split(";") != sorted(signed.split(";")):
        raise Error(403, "AccessDenied", "a header is not signed")
    path, _, query = target.partition("?")
    pairs = sorted(tuple((p + "=").split("=")[:2]) for p in query.split("&") if p)
    lines = [method, path, "&".join("=".join(p) for p in pairs)]
    lines += [f"{h}:{' '.join(headers[h].split())}" for h in signed.split(";")]
    lines += ["", signed, headers["x-amz-content-sha256"]]
    scope = f"{day}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope,
                      hashlib.sha256("\n".join(lines).encode("latin-1")).hexdigest()])
    key = mac(mac(mac(mac(("AWS4" + SECRETS[name]).encode(), day), region), "s3"), "aws4_request")
    if not hmac.compare_digest(mac(key, text).hex(), signature):
        raise Error(403, "SignatureDoesNotMatch", "The signature is wrong.")
    if headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
        raise Error(400, "XAmzContentSHA256Mismatch", "The body has another digest.")


# --- objects


def etag(body):
    return '"' + hashlib.md5(body).hexdigest() + '"'


def check_sum(fault, headers, body):
    """x-amz-checksum-sha256: BadDigest if it is that of another body. Returns it."""
    said = headers.get("x-amz-checksum-sha256")
    if said is None:
        return None
    if fault == "sumless":
        return None
    if fault == "nosum":
        raise Error(501, "NotImplemented", "no checksums here")
    if base64.b64encode(hashlib.sha256(body).digest()).decode() != said:
        raise Error(400, "BadDigest", "The SHA256 you specified did not match.")
    with LOCK, open(os.path.join(DIR, "sums"), "a", encoding="ascii") as file:
        print(said, file=file)
    return said


def check_condition(fault, key, headers):
    if headers.get("if-none-match") is None:
        return
    if fault == "nocond":
        raise Error(501, "NotImplemented")
    if os.path.exists(file_of(key)):
        raise Error(412, "PreconditionFailed")


def store(key, body, tag=None):
    with LOCK:
        with open(file_of(key) + ".new", "wb") as file:
            file.write(body)
        os.rename(file_of(key) + ".new", file_of(key))
        with open(file_of(key) + ".etag", "w", encoding="latin-1") as file:
            file.write(tag or etag(body))


def get(fault, key, method, headers):
    if not os.path.exists(file_of(key)) or (fault == "race" and method == "HEAD"):
        raise Error(404, "NoSuchKey")
    with open(file_of(key), "rb") as file:
        body = file.read()
    tag = etag(body)
    if os.path.exists(file_of(key) + ".etag"):
        with open(file_of(key) + ".etag", encoding="latin-1") as file:
            tag = file.read()
    n = times("get", key) if method == "GET" else 0
    if fault == "change" and n > 1:
        body, tag = body[::-1], '"other"'
    if headers.get("if-match", tag) != tag:
        raise Error(412, "PreconditionFailed")
    fields, status, first, last = {"ETag": tag}, 200, 0, len(body)
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
    if match and headers.get("if-range", tag) == tag:
        first, status = int(match[1]), 206
        last = min(int(match[2]) + 1, len(body)) if match[2] else len(body)
        fields["Content-Range"] = f"bytes {first}-{last - 1}/{len(body)}"
    part = body[first:last]
    fields["Content-Length"] = len(part)
    if method == "GET" and fault in ("drop", "change") and n <= 2:
        part = part[:len(part) * 6 // 10]
    return status, part, fields


def put_part(fault, query, headers, body):
    number, upload = int(query["partNumber"]), query["uploadId"]
    if upload not in UPLOADS:
        raise Error(404, "NoSuchUpload")
    n = times("part", upload, number)
    if fault == "slow" and n <= 2:
        raise Error(503, "SlowDown", "Please reduce your request rate.", {"Retry-After": 0} if n == 1 else {})
    if number == 1 and (fault == "rotten" or (fault == "rot" and n == 1)):
        body = bytes([body[0] ^ 1]) + body[1:]
    said = check_sum(fault, headers, body)
    with LOCK:
        UPLOADS[upload]["parts"][number] = (etag(body), body, said)
    note_open()
    if fault == "stuck" and number == 2:
        threading.Event().wait()
    fields = {} if said is None else {"x-amz-checksum-sha256": said}
    return 200, b"", fields if fault == "etag" else {"ETag": etag(body), **fields}


def hold(fault):
    if fault != "hold":
        return
    open(os.path.join(DIR, "held"), "w").close()
    while not os.path.exists(os.path.join(DIR, "go")):
        threading.Event().wait(0.01)


def complete(fault, key, query, headers, body):
    upload = query["uploadId"]
    if upload not in UPLOADS:
        raise Error(404, "NoSuchUpload")
    n = times("complete", key)
    if fault == "error" and n == 1:
        return 200, b"  \n" + Error(200, "InternalError", "try again").body(), {}
    if fault == "bad":
        return 200, Error(200, "InvalidPart", "one is missing").body(), {}
    check_condition(fault, key, headers)
    if fault == "half" and n == 1:
        return LOST
    parts = UPLOADS[upload]["parts"]
    sums = re.findall(r"<ChecksumSHA256>(.*?)</ChecksumSHA256>", body.decode())
    if fault == "sumless" and sums:
        raise Error(400, "InvalidRequest", "checksums are not for me")
    if (sums or UPLOADS[upload]["sums"]) and sums != [parts[number][2] for number in sorted(parts)]:
        raise Error(400, "InvalidPart", "another checksum")
    listed = re.findall(r"<Part><PartNumber>(\d+)</PartNumber><ETag>(.*?)</ETag>(?:<ChecksumSHA256>.*?</ChecksumSHA256>)?</Part>", body.decode())
    numbers = [int(number) for number, _ in listed]
    if numbers != sorted(parts) or any(parts[int(i)][0] != tag.replace("&quot;", '"') for i, tag in listed):
        raise Error(400, "InvalidPart")
    if any(len(parts[i][1]) < 5 << 20 for i in numbers[:-1]):
        raise Error(400, "EntityTooSmall")
    store(key, b"".join(parts[i][1] for i in numbers),
          '"' + hashlib.md5(b"".join(bytes.fromhex(parts[i][0][1:-1]) for i in numbers)).hexdigest() + f'-{len(numbers)}"')
    with LOCK:
        del UPLOADS[upload]
    note_open()
    if fault == "gone":
        return LOST
    hold(fault)
    return 200, b"<CompleteMultipartUploadResult/>", {}


def create(fault, key, headers):
    algorithm = headers.get("x-amz-checksum-algorithm")
    if fault == "nosum" and algorithm:
        raise Error(501, "NotImplemented", "no checksums here")
    upload = f"id+{times('create')}/{os.path.basename(DIR)}"
    with LOCK:
        UPLOADS[upload] = {"key": key, "parts": {}, "sums": algorithm == "SHA256" and fault != "sumless"}
    note_open()
    return 200, f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>".encode(), {}


def machine(method, path, headers):
    """The services that give credentials."""
    keys = json.dumps({"Code": "Success", "AccessKeyId": "temp", "SecretAccessKey": "other", "Token": TOKEN,
                       "Expiration": "2999-01-01T00:00:00Z"}).replace("/", "\\/").encode()
    if path == "/keys" and headers.get("authorization") == "let me in":
        return 200, keys, {}
    if path == "/latest/api/token" and method == "PUT" and headers.get("x-aws-ec2-metadata-token-ttl-seconds"):
        return 200, b"metadata", {}
    if headers.get("x-aws-ec2-metadata-token") != "metadata":
        return 401, b"", {}
    return 200, keys if path.endswith("/role-1") else b"role-1\n", {}


def answer(method, target, headers, body):
    path, _, text = target.partition("?")
    if path == "/keys" or path.startswith("/latest/"):
        return machine(method, path, headers)
    key = urllib.parse.unquote(path)[len("/buck/"):]
    fault = key.split("/")[0]
    query = {k: v[0] for k, v in urllib.parse.parse_qs(text, keep_blank_values=True).items()}
    if fault == "mute":
        return 401, b"who are you?\n", {}
    if fault == "flipped" or (fault == "flip" and query.get("partNumber") == "1" and times("flip", key) == 1):
        body = bytes([body[0] ^ 1]) + body[1:] if body else body
    verify(method, target, headers, body)
    if not path.startswith("/buck/"):
        raise Error(404, "NoSuchBucket", "The bucket &lt;x&gt; does not exist.")
    if method in ("GET", "HEAD"):
        return get(fault, key, method, headers)
    if method == "POST" and "uploads" in query:
        while fault == "late" and not os.path.exists(os.path.join(DIR, "go")):
            threading.Event().wait(0.01)
        return create(fault, key, headers)
    if method == "POST":
        return complete(fault, key, query, headers, body)
    if method == "DELETE":
        with LOCK:
            if UPLOADS.pop(query["uploadId"], None) is None:
                raise Error(404, "NoSuchUpload")
        note_open()
        return 204, b"", {}
    if "partNumber" in query:
        return put_part(fault, query, headers, body)
    check_condition(fault, key, headers)
    check_sum(fault, headers, body)
    store(key, body)
    hold(fault)
    if "content-type" in headers:
        log("type", headers["content-type"])
    return 200, b"", {"ETag": etag(body)}


# --- connections


def read_request(file):
    line = file.readline().decode("latin-1").split()
    if len(line) < 2:
        return None
    headers = {}
    while True:
        field = file.readline().decode("latin-1").strip("\r\n")
        if not field:
            break
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    size = int(headers.get("content-length", 0))
    if "/buck/lost/" in line[1] and "partNumber=2&" in line[1] and times("lost", line[1]) == 1:
        file.read(size // 2)
        return None
    body = file.read(size)
    return (line[0], line[1], headers, body) if len(body) == size else None


def serve(sock):
    try:
        with sock, sock.makefile("rb") as file:
            while True:
                request = read_request(file)
                if not request:
                    sock.shutdown(socket.SHUT_RDWR)
                    return
                try:
                    result = answer(*request)
                except Error as error:
                    result = error.status, error.body(), error.fields
                if result is LOST:
                    log(request[0], request[1], "lost")
                    sock.shutdown(socket.SHUT_RDWR)
                    return
                status, body, fields = result
                log(request[0], request[1], status)
                fields = {"Content-Length": len(body), **fields}
                head = "".join(f"{k}: {v}\r\n" for k, v in fields.items())
                sock.sendall(f"HTTP/1.1 {status} x\r\n{head}\r\n".encode("latin-1") + (body if request[0] != "HEAD" else b""))
                if os.path.exists(os.path.join(DIR, "go")):
                    open(os.path.join(DIR, "answered"), "w").close()
                if request[0] != "HEAD" and len(body) < fields["Content-Length"]:
                    sock.shutdown(socket.SHUT_RDWR)
                    return
    except OSError:
        pass  # the client has left


def main():
    os.makedirs(os.path.join(DIR, "objects"), exist_ok=True)
    note_open()
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    with open(os.path.join(DIR, "port.new"), "w", encoding="ascii") as file:
        print(listener.getsockname()[1], file=file)
    os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
