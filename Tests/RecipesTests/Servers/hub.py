"""A hub for tests, with a second server that it may redirect to, as hubs do with large files.

    hub.py FOLDER READY_FILE LOG_FILE RULES_JSON

/{owner}/{name}/resolve/{revision}/{path} is FOLDER/{path}. RULES_JSON is a list of {"path" (a regular expression), "fault",
"times" (1), "tag" (true: the answer has an ETag), and what the fault needs}; the first that fits and is not used up applies to a request of the hub. Faults:
drop (after: bytes of the body), stall (after), truncate (after: the body ends there in order), no_ranges, status
(status), redirect (to the second server, where no rule applies unless it has "elsewhere": true), endless (a body that never
ends, without a length), chunked (the same in chunks), refusal (an endless body of status 404), drip (a byte every tenth of a
second), drip_head (the same of a header), endless_head, two_lengths (equal or not: second), no_length (the connection's end
is the file's), part (206 with the first half, unasked), lie (Content-Length: length). LOG_FILE gets a line a
request: hub or elsewhere, path, Range, If-Range, Authorization, status.
"""
import hashlib
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder, ready_file, log_file = sys.argv[1:4]
rules = json.loads(sys.argv[4])
lock = threading.Lock()


def take_rule(path, elsewhere):
    with lock:
        for rule in rules:
            if rule.get("elsewhere", False) == elsewhere and re.search(rule["path"], path) and rule.get("times", 1) > 0:
                rule["times"] = rule.get("times", 1) - 1
                return rule
    return {"fault": None}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    place = "hub"

    def log_message(self, *arguments):
        pass

    def head(self, status, length, headers=()):
        seen = [self.place, self.path] + [self.headers.get(h, "-") for h in ("Range", "If-Range", "Authorization")]
        with lock, open(log_file, "a") as log:
            log.write("\t".join(seen + [str(status)]) + "\n")
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def forever(self, piece, seconds=0.0):
        try:
            while True:
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(seconds)
        except OSError:
            self.close_connection = True

    def misbehave(self, fault, rule, contents):
        """The faults of a server that means harm, or is broken. Returns whether it was one."""
        if fault in ("endless", "refusal"):
            self.head(404 if fault == "refusal" else 200, None)
            self.forever(b"y" * 100000, 0.001)
        elif fault == "chunked":
            self.head(200, None, [("Transfer-Encoding", "chunked")])
            self.forever(b"186a0\r\n" + b"y" * 100000 + b"\r\n", 0.001)
        elif fault == "drip":
            self.head(200, len(contents))
            self.forever(b"y", 0.1)
        elif fault in ("drip_head", "endless_head"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            self.forever(*((b"y", 0.1) if fault == "drip_head" else (b"y\r\nX-Slow: y", 0)))
        elif fault == "two_lengths":
            self.head(200, len(contents), [("Content-Length", str(rule["second"]))])
            self.wfile.write(contents)
        elif fault == "no_length":
            self.head(200, None)
            self.wfile.write(contents[: rule.get("after", len(contents))])
            self.close_connection = True
        elif fault == "part":
            half = len(contents) // 2
            self.head(206, half, [("Content-Range", f"bytes 0-{half - 1}/{len(contents)}")])
            self.wfile.write(contents[:half])
        elif fault == "lie":
            self.head(200, rule["length"])
            self.forever(b"y" * 100000, 0.001)
        else:
            return False
        return True

    def do_GET(self):
        rule = take_rule(self.path, self.place == "elsewhere")
        fault = rule["fault"]
        if fault == "status":
            return self.head(rule["status"], 0)
        if fault == "redirect":
            return self.head(302, 0, [("Location", elsewhere_origin + self.path)])
        path = urllib.parse.unquote(self.path).split("/resolve/", 1)[-1].split("/", 1)[-1]
        try:
            with open(os.path.join(folder, path), "rb") as file:
                contents = file.read()
        except OSError:
            return self.head(404, 0)
        if self.misbehave(fault, rule, contents):
            return
        tag = '"' + hashlib.md5(contents).hexdigest() + '"'
        headers = [("ETag", tag)] if rule.get("tag", True) else []
        status, body = 200, contents
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and fault != "no_ranges" and self.headers.get("If-Range", tag) == tag:
            first = int(wanted[1])
            if first >= len(contents):
                return self.head(416, 0, [("Content-Range", f"bytes */{len(contents)}")])
            status, body = 206, contents[first:]
            headers.append(("Content-Range", f"bytes {first}-{len(contents) - 1}/{len(contents)}"))
        length = len(body)
        if fault in ("drop", "stall", "truncate"):
            body = body[: rule["after"]]
        self.head(status, len(body) if fault == "truncate" else length, headers)
        self.wfile.write(body)
        self.wfile.flush()
        if fault == "stall":
            time.sleep(30)
        if fault in ("drop", "stall"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


class Elsewhere(Handler):
    place = "elsewhere"


elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
elsewhere_origin = f"http://127.0.0.1:{elsewhere.server_address[1]}"
hub = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
with open(ready_file + ".tmp", "w") as ready:
    ready.write(str(hub.server_address[1]))
os.rename(ready_file + ".tmp", ready_file)
hub.serve_forever()
