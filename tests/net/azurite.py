#!/usr/bin/env python3
"""azurite.py - one request to a service of Azure Blob Storage, signed by its own code.

    azurite.py METHOD /CONTAINER[/BLOB][?QUERY]

The service is AZURE_STORAGE_SERVICE_ENDPOINT with AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY. It prints the status, the header
x-ms-error-code or -, and the body. With the method SAS it prints a token for the account: azurite.py SAS PERMISSIONS.
"""
import base64
import datetime
import hashlib
import hmac
import http.client
import os
import sys
import urllib.parse

ACCOUNT = os.environ["AZURE_STORAGE_ACCOUNT"]
KEY = base64.b64decode(os.environ["AZURE_STORAGE_KEY"])
VERSION = "2021-12-02"


def sign(text):
    return base64.b64encode(hmac.new(KEY, text.encode(), hashlib.sha256).digest()).decode()


def token(permissions):
    now = datetime.datetime.now(datetime.timezone.utc)
    end = (now + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = "\n".join([ACCOUNT, permissions, "b", "sco", "", end, "", "https,http", VERSION, "", ""])
    return urllib.parse.urlencode({"sv": VERSION, "ss": "b", "srt": "sco", "sp": permissions, "se": end,
                                   "spr": "https,http", "sig": sign(text)})


def request(method, target):
    endpoint = urllib.parse.urlsplit(os.environ["AZURE_STORAGE_SERVICE_ENDPOINT"])
    path, _, query = target.partition("?")
    path = endpoint.path + path
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {"x-ms-date": now, "x-ms-version": VERSION}
    fields = "".join(f"{k}:{v}\n" for k, v in sorted(headers.items()))
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    text = method + "\n" * 12 + fields + f"/{ACCOUNT}{path}" + "".join(f"\n{k}:{v}" for k, v in pairs)
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{sign(text)}"
    connection = http.client.HTTPConnection(endpoint.hostname, endpoint.port)
    connection.request(method, path + ("?" + query if query else ""), headers=headers)
    answer = connection.getresponse()
    print(answer.status, answer.headers.get("x-ms-error-code", "-"))
    for name, value in answer.headers.items():
        if name.lower().startswith(("x-ms-meta", "content-type", "cache-control")):
            print(f"{name.lower()}: {value}")
    sys.stdout.buffer.write(answer.read())


if sys.argv[1] == "SAS":
    print(token(sys.argv[2]))
else:
    request(sys.argv[1], sys.argv[2])
