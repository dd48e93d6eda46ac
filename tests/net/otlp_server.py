#!/usr/bin/env python3
"""otlp_server.py DIR [STATUS...] - a collector of OTLP/HTTP in JSON, for tests.

With OTLP_REPLY in the environment that is the body of a good answer. It writes its port to DIR/port, checks each request against the messages of opentelemetry-proto, and appends it to
DIR/traces, DIR/metrics or DIR/logs, a line each. The first requests get the statuses, one each; 0 stands for no answer.
"""
import http.server
import json
import os
import re
import sys

STRING, INT64, NUMBER, BOOL = "string", "int64", "number", "bool"
TRACE, SPAN = re.compile("^[0-9a-f]{32}$"), re.compile("^[0-9a-f]{16}$")
VALUE = {"stringValue": STRING, "intValue": INT64, "doubleValue": NUMBER, "boolValue": BOOL}
ATTRIBUTES = [{"key": STRING, "value": VALUE}]
POINT = {"startTimeUnixNano": INT64, "timeUnixNano": INT64, "attributes": ATTRIBUTES, "asInt": INT64,
         "asDouble": NUMBER}
METRIC = {"name": STRING, "unit": STRING, "gauge": {"dataPoints": [POINT]},
          "sum": {"dataPoints": [POINT], "aggregationTemporality": NUMBER, "isMonotonic": BOOL}}
RECORD = {"timeUnixNano": INT64, "severityNumber": NUMBER, "severityText": STRING, "body": VALUE,
          "attributes": ATTRIBUTES, "traceId": TRACE, "spanId": SPAN}
SPANS = {"traceId": TRACE, "spanId": SPAN, "parentSpanId": SPAN, "name": STRING, "kind": NUMBER,
         "startTimeUnixNano": INT64, "endTimeUnixNano": INT64, "attributes": ATTRIBUTES,
         "status": {"code": NUMBER, "message": STRING}}


def request(name, leaf, of):
    scope = {"scope": {"name": STRING, "version": STRING}, leaf: [of]}
    return {"resource" + name: [{"resource": {"attributes": ATTRIBUTES}, "scope" + name: [scope]}]}


REQUESTS = {"/v1/traces": request("Spans", "spans", SPANS), "/v1/logs": request("Logs", "logRecords", RECORD),
            "/v1/metrics": request("Metrics", "metrics", METRIC)}


def check(value, shape, at):
    if isinstance(shape, dict):
        assert isinstance(value, dict) and value, at
        for key, one in value.items():
            assert key in shape, at + "." + key
            check(one, shape[key], at + "." + key)
    elif isinstance(shape, list):
        assert isinstance(value, list), at
        for i, one in enumerate(value):
            check(one, shape[0], "%s[%d]" % (at, i))
    elif shape is INT64:
        assert isinstance(value, str) and re.match("^[0-9]+$", value), at
    elif shape is NUMBER:
        assert isinstance(value, (int, float)) and not isinstance(value, bool), at
    elif shape is BOOL:
        assert isinstance(value, bool), at
    else:
        assert isinstance(value, str), at
        assert shape is STRING or shape.match(value), at


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while True:
            n = int(self.rfile.readline(), 16)
            body += self.rfile.read(n)
            self.rfile.readline()
            if n == 0:
                return body

    def do_POST(self):
        body = json.loads(self.body())
        status = statuses.pop(0) if statuses else 200
        try:
            assert self.headers["Content-Type"] == "application/json", "Content-Type"
            check(body, REQUESTS[self.path], self.path)
        except AssertionError as error:
            print("bad request: %s" % error, file=sys.stderr)
            status = 400
        if status == 0:
            self.connection.recv(1)  # until the client has had enough
            self.close_connection = True
            return
        if status == 200:
            body["headers"] = dict(self.headers)
            with open("%s/%s" % (sys.argv[1], self.path.split("/")[-1]), "a") as out:
                out.write(json.dumps(body) + "\n")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        reply = os.environ.get("OTLP_REPLY", "{}").encode() if status == 200 else b"{}"
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


statuses = [int(word) for word in sys.argv[2:]]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
with open(sys.argv[1] + "/port.new", "w") as out:
    out.write(str(server.server_address[1]))
os.rename(sys.argv[1] + "/port.new", sys.argv[1] + "/port")
server.serve_forever()
