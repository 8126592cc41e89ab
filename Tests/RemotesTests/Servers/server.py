"""A server for tests that fails as it is told to: static files with ranges, or a bucket that checks signatures.

    server.py FOLDER READY_FILE LOG_FILE RULES_JSON [SETTINGS_JSON]

RULES_JSON is a list of {"method", "path" (a regular expression), "fault", "times", "skip", and what the fault needs};
the first rule that fits a request and is not used up applies ("skip" lets the
first ones pass, "every": n all but each n-th). LOG_FILE gets a line a request: method, path, range,
status, bytes sent. READY_FILE gets the port once the server listens. With SETTINGS_JSON the server is a bucket:
{"bucket", "key", "secret", "token", "region", "conditions"}, where the last says what conditional writes do: true: they
work; false: conditions are ignored; "if-none-match": all but that one are; "refused": they are answered with 501.

TEST_CERTIFICATE in the environment names a file with a key and a certificate; then it speaks TLS.

Signatures are checked as the documentation of "AWS Signature Version 4" describes, with the standard library only.
"""
import datetime
import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder, ready_file, log_file = sys.argv[1:4]
rules = json.loads(sys.argv[4])
settings = json.loads(sys.argv[5]) if len(sys.argv) > 5 else None
lock = threading.Lock()
# One change of an object at a time, as a bucket promises.
writing = threading.Lock()


def take_rule(method, path):
    with lock:
        for rule in rules:
            if rule.get("method", method) != method or not re.search(rule["path"], path):
                continue
            if rule.get("skip", 0) > 0:
                rule["skip"] -= 1
                continue
            if "every" in rule:
                rule["skip"] = rule["every"] - 1
            if rule.get("times", 1) > 0:
                rule["times"] = rule.get("times", 1) - 1
                return rule
    return {"fault": None}


class Refusal(Exception):
    def __init__(self, status, code):
        self.status, self.code = status, code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def note(self, status, sent):
        with lock, open(log_file, "a") as log:
            log.write("\t".join([self.command, self.path, self.headers.get("Range", "-"), str(status), str(sent)]) + "\n")

    def drop(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def answer(self, status, body=b"", headers=(), length=None, stop_after=None, pause=0):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command == "HEAD":
            return self.note(status, 0)
        if stop_after is not None:
            body = body[:stop_after]
        self.wfile.write(body)
        self.wfile.flush()
        self.note(status, len(body))
        if pause:
            time.sleep(pause)
        if stop_after is not None:
            self.drop()

    def answer_forever(self, status, body, headers, drips):
        """No length, and no end: the body and more, or a byte of it now and then."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.note(status, 0)
        try:
            if not drips:
                self.wfile.write(body)
            while True:
                self.wfile.write(body[:1] if drips else b"y" * 100000)
                self.wfile.flush()
                time.sleep(0.1 if drips else 0.001)
        except OSError:
            self.close_connection = True

    def refuse(self, status, code, headers=()):
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code} it is</Message></Error>'.encode()
        self.answer(status, body, headers)

    def object_path(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if path.startswith("/moved/"):
            path = path[6:]
        return os.path.join(folder, path.lstrip("/"))

    def check_bucket(self):
        if settings and self.path.split("/")[1] != settings["bucket"]:
            raise Refusal(404, "NoSuchBucket")

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        rule = take_rule(self.command, self.path)
        fault = rule["fault"]
        if fault == "slow":
            time.sleep(rule["seconds"])
        if fault == "status":
            headers = [("Retry-After", str(rule["retry_after"]))] if "retry_after" in rule else []
            return self.refuse(rule["status"], rule.get("code", "SlowDown"), headers)
        if fault == "redirect":
            return self.answer(302, headers=[("Location", "/moved" + self.path)])
        if fault == "refuse_connection":
            return self.drop()
        try:
            self.check_signature(hashlib.sha256(b"").hexdigest())
            self.check_bucket()
        except Refusal as refusal:
            return self.refuse(refusal.status, refusal.code)
        try:
            with open(self.object_path(), "rb") as file:
                contents = file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return self.refuse(404, "NoSuchKey")
        headers = [("ETag", '"' + hashlib.md5(contents).hexdigest() + '"'), ("Accept-Ranges", "bytes")]
        status, body = 200, contents
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and fault != "no_ranges" and not rule.get("no_ranges"):
            first = int(wanted[1])
            last = min(int(wanted[2]) if wanted[2] else len(contents) - 1, len(contents) - 1)
            if first > last:
                return self.answer(416, headers=[("Content-Range", f"bytes */{len(contents)}")])
            status, body = 206, contents[first : last + 1]
            headers.append(("Content-Range", f"bytes {first}-{last}/{len(contents)}"))
        if fault == "lie":
            return self.answer(status, b"", headers, length=rule["length"])
        if fault == "two_lengths":
            return self.answer(status, body, headers + [("Content-Length", str(len(body)))])
        if fault in ("endless", "drip"):
            return self.answer_forever(status, body, headers, fault == "drip")
        if fault == "corrupt" and body:
            at = min(rule.get("at", len(body) // 2), len(body) - 1)
            body = body[:at] + bytes([body[at] ^ 0x10]) + body[at + 1 :]
        if fault == "truncate":
            body = body[: rule["after"]]
        if fault == "drop":
            return self.answer(status, body, headers, stop_after=rule["after"])
        if fault == "stall":
            return self.answer(status, body, headers, stop_after=rule["after"], pause=rule["seconds"])
        self.answer(status, body, headers)

    def do_PUT(self):
        rule = take_rule(self.command, self.path)
        fault = rule["fault"]
        if not settings:
            return self.refuse(405, "MethodNotAllowed")
        length = int(self.headers["Content-Length"])
        if fault == "drop":
            self.rfile.read(min(rule["after"], length))
            self.note(0, 0)
            return self.drop()
        body = self.rfile.read(length)
        if fault == "status":
            headers = [("Retry-After", str(rule["retry_after"]))] if "retry_after" in rule else []
            return self.refuse(rule["status"], rule.get("code", "SlowDown"), headers)
        try:
            self.check_signature(hashlib.sha256(body).hexdigest())
            self.check_bucket()
            path = self.object_path()
            with writing:
                if fault == "race":
                    shutil.copy(rule["with"], path)
                self.check_conditions(path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                staged = f"{path}.{threading.get_ident()}"
                with open(staged, "wb") as file:
                    file.write(body)
                os.replace(staged, path)
        except Refusal as refusal:
            return self.refuse(refusal.status, refusal.code)
        if fault == "lose_answer":
            self.note(200, 0)
            return self.drop()
        self.answer(200, headers=[("ETag", '"' + hashlib.md5(body).hexdigest() + '"')])

    def check_conditions(self, path):
        absent, tag = self.headers.get("If-None-Match"), self.headers.get("If-Match")
        if settings["conditions"] == "refused" and (absent or tag):
            raise Refusal(501, "NotImplemented")
        if settings["conditions"] == "if-none-match":
            tag = None
        elif settings["conditions"] is not True:
            return
        exists = os.path.exists(path)
        if absent == "*" and exists:
            raise Refusal(412, "PreconditionFailed")
        if tag and not exists:
            raise Refusal(404, "NoSuchKey")
        if tag and open(path, "rb").read() and tag != '"' + hashlib.md5(open(path, "rb").read()).hexdigest() + '"':
            raise Refusal(412, "PreconditionFailed")

    def check_signature(self, body_digest):
        if not settings:
            return
        given = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
            r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
            self.headers.get("Authorization", ""),
        )
        if not given:
            raise Refusal(403, "AccessDenied")
        key, day, region, names, signature = given.groups()
        names = names.split(";")
        if key != settings["key"]:
            raise Refusal(403, "InvalidAccessKeyId")
        if region != settings["region"]:
            raise Refusal(400, "AuthorizationHeaderMalformed")
        if names != sorted(names) or not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(names):
            raise Refusal(403, "AccessDenied")
        # All of Amazon's headers have to be signed.
        if any(name.lower().startswith("x-amz-") and name.lower() not in names for name in self.headers):
            raise Refusal(403, "AccessDenied")
        if settings.get("token") and self.headers.get("x-amz-security-token") != settings["token"]:
            raise Refusal(403, "InvalidToken")
        if self.headers["x-amz-content-sha256"] != body_digest:
            raise Refusal(400, "XAmzContentSHA256Mismatch")
        moment = self.headers["x-amz-date"]
        sent = datetime.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs((datetime.datetime.now(datetime.timezone.utc) - sent).total_seconds()) > 900 or moment[:8] != day:
            raise Refusal(403, "RequestTimeTooSkewed")
        split = urllib.parse.urlsplit(self.path)
        canonical = "\n".join(
            [
                self.command,
                split.path,
                "&".join(sorted(split.query.split("&"))),
                "".join(f"{name}:{' '.join(self.headers[name].split())}\n" for name in names),
                ";".join(names),
                self.headers["x-amz-content-sha256"],
            ]
        )
        scope = f"{day}/{region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        secret = ("AWS4" + settings["secret"]).encode()
        for part in [day, region, "s3", "aws4_request", text]:
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(secret.hex(), signature):
            raise Refusal(403, "SignatureDoesNotMatch")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # A client that went away, which these tests make happen.
        pass


server = Server(("127.0.0.1", 0), Handler)
if "TEST_CERTIFICATE" in os.environ:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["TEST_CERTIFICATE"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(ready_file + ".tmp", "w") as file:
    file.write(str(server.server_address[1]))
os.replace(ready_file + ".tmp", ready_file)
server.serve_forever()
