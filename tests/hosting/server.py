"""The HTTP server: requests to routes, faults in their place."""

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from hosting.chats import Chats
from hosting.completions import Completions
from hosting.jobs import Jobs
from hosting.state import KEY, Service, error


@contextlib.contextmanager
def running():
    """The service on a free port of this machine, in a thread of its own."""
    service = Service()
    handler = type("BoundHandler", (Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


class Handler(Jobs, Chats, Completions, BaseHTTPRequestHandler):
    """One request. Routes are methods named after verb and resource."""

    service: Service
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.handle_request("GET")

    def do_POST(self):
        self.handle_request("POST")

    def handle_request(self, method):
        service = self.service
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        path, query = (
            parts.path.removeprefix("/v1"),
            {k: v[0] for k, v in parse_qs(parts.query).items()},
        )
        with service.lock:
            service.requests.append((method, path, body, dict(self.headers)))
        fault = service.fault_of(method, path)
        if fault and not fault.after and self.spoil(fault):
            return
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            given = self.headers.get("Authorization", "")
            answer = error(401, f"Incorrect API key provided: {given}.", "invalid_api_key")
        else:
            answer = self.route(method, path, query, body)
        if not (fault and fault.after and self.spoil(fault)) and answer is not None:
            self.send(*answer)

    def route(self, method, path, query, body):
        with self.service.lock:
            for verb, pattern, name in ROUTES:
                found = re.fullmatch(pattern, path)
                if verb == method and found and name != "chat":
                    return getattr(self, name)(
                        *map(unquote, found.groups()), query=query, body=body
                    )
        if (method, path) == ("POST", "/chat/completions"):
            return self.chat(json.loads(body))
        if (method, path) == ("POST", "/completions"):
            return self.completions(json.loads(body))
        return error(404, f"no such route: {path}")

    def send(self, status, value, kind="application/json", headers=()):
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(raw)

    def spoil(self, fault):
        """Let it go wrong; whether it did."""
        if fault.act:
            fault.act()
        if not fault.status:
            return False
        if fault.drop:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"id": "cut')
            self.wfile.flush()
            self.close_connection = True
            return True
        value = (
            error(fault.status, "something went wrong here", "oops")[1]
            if fault.body is None
            else fault.body
        )
        self.send(fault.status, value, headers=fault.headers.items())
        return True


ROUTES = [
    ("POST", "/files", "post_files"),
    ("GET", "/files/([^/]+)/content", "get_content"),
    ("POST", "/fine_tuning/jobs", "post_jobs"),
    ("GET", "/fine_tuning/jobs", "get_jobs"),
    ("GET", "/fine_tuning/jobs/([^/]+)", "get_job"),
    ("POST", "/fine_tuning/jobs/([^/]+)/cancel", "post_cancel"),
    ("GET", "/fine_tuning/jobs/([^/]+)/events", "get_events"),
]
