"""Takes OTLP metrics on a port and appends each request to a file, as a line of JSON.

The messages are OpenTelemetry's own (opentelemetry-proto), so nothing here was declared twice.
"""

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

port, path = int(sys.argv[1]), sys.argv[2]


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        encoding = self.headers["content-encoding"]
        if encoding == "gzip":
            body = gzip.decompress(body)
        request = ExportMetricsServiceRequest.FromString(body)
        unknown = request.ByteSize() != len(body)  # what it does not know it keeps and counts
        with open(path, "a") as log:
            line = {"path": self.path, "encoding": encoding, "unknown": unknown}
            line["request"] = MessageToDict(request)
            print(json.dumps(line), file=log)
        answer = ExportMetricsServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", port), Receiver).serve_forever()
