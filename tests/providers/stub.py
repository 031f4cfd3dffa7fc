# SPDX-License-Identifier: MIT
"""A hostile HTTPS server between a provider and its real KMS.

Stub is a server with a certificate of our own making. What it is asked it asks
the real server, and what that answers it hands on, or what `spoil` makes of it:

    with Stub(authority.server(), upstream) as stub:
        stub.spoil = lambda request, reply: reply.with_body(b"<html>")

Trap counts whoever comes, and with what; nobody should.
"""

import base64
import datetime
import http.client
import http.server
import ipaddress
import json
import os
import socket
import ssl
import threading
import time
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
# a reply has at most 256 KiB
TOO_LARGE = 300 * 1024


# --- certificates ------------------------------------------------------------


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class Authority:
    """A CA, in a folder of its own. ca is the file with its certificate;
    server() and client() give files with a certificate and its key."""

    def __init__(self, folder, name="test CA"):
        self.dir = folder
        self.name = name
        self.count = 0
        self.key = ec.generate_private_key(ec.SECP256R1())
        made = self._builder(_name(name), self.key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.certificate = made.sign(self.key, hashes.SHA256())
        self.ca = self._write(
            "ca", self.certificate.public_bytes(serialization.Encoding.PEM)
        )

    def _write(self, stem, data):
        path = os.path.join(self.dir, "%s-%s.pem" % (self.name.split()[0],
                                                     stem))
        with open(path, "wb") as out:
            os.chmod(path, 0o600)
            out.write(data)
        return path

    def _builder(self, subject, public_key, start=-1, end=30):
        now = datetime.datetime.utcnow()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_name(self.name))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + start * DAY)
            .not_valid_after(now + end * DAY)
        )

    def _issue(self, subject, usage, names, **days):
        self.count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._builder(_name(subject), key.public_key(), **days)
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), False)
        made = made.sign(self.key, hashes.SHA256())
        stem = "%d" % self.count
        return (
            self._write(stem, made.public_bytes(serialization.Encoding.PEM)),
            self._write(stem + "-key", _pem(key)),
        )

    def server(self, host="localhost", address="127.0.0.1", **days):
        """(certificate, key) of a server; start and end are days from now."""
        names = [x509.DNSName(host),
                 x509.IPAddress(ipaddress.ip_address(address))]
        return self._issue(host, ExtendedKeyUsageOID.SERVER_AUTH, names, **days)

    def expired(self):
        return self.server(start=-20, end=-1)

    def other_host(self):
        return self.server("other.example", "192.0.2.1")

    def client(self, name):
        """(certificate, key) of a client."""
        return self._issue(name, ExtendedKeyUsageOID.CLIENT_AUTH, [])


# --- what goes through --------------------------------------------------------


class Request:
    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body


class Reply:
    """status, headers (a list of pairs), body; then how it is sent: pause
    seconds before each byte of the body, length other than the body has."""

    def __init__(self, status, headers, body, pause=0, length=None):
        self.status = status
        self.headers = headers
        self.body = body
        self.pause = pause
        self.length = length

    def with_body(self, body, **more):
        return Reply(self.status, self.headers, body, **more)

    def json(self):
        return json.loads(self.body)


def _no_hop(headers):
    """Without those that are of one connection only."""
    drop = ("connection", "transfer-encoding", "content-length", "keep-alive")
    return [(k, v) for k, v in headers if k.lower() not in drop]


class Upstream:
    """Where the real server is. ca: of an https server."""

    def __init__(self, port, host="127.0.0.1", ca=None):
        self.host = host
        self.port = port
        self.context = ssl.create_default_context(cafile=ca) if ca else None

    def ask(self, request):
        if self.context:
            conn = http.client.HTTPSConnection(
                self.host, self.port, timeout=30, context=self.context)
        else:
            conn = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            conn.putrequest(request.method, request.path, skip_host=True,
                            skip_accept_encoding=True)
            for name, value in request.headers:
                if name.lower() not in ("connection", "content-length"):
                    conn.putheader(name, value)
            conn.putheader("Content-Length", str(len(request.body)))
            conn.endheaders(request.body)
            got = conn.getresponse()
            return Reply(got.status, _no_hop(got.getheaders()), got.read())
        finally:
            conn.close()


# --- servers -------------------------------------------------------------------


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, list(self.headers.items()),
                          self.rfile.read(length))
        reply = self.server.stub.reply_to(request)
        try:
            self.send(reply)
        except (OSError, ssl.SSLError):
            self.close_connection = True  # the client had enough

    def send(self, reply):
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.length is None:
            reply.length = len(reply.body)
        self.send_header("Content-Length", str(reply.length))
        self.end_headers()
        if reply.length != len(reply.body):
            self.close_connection = True
        if not reply.pause:
            self.wfile.write(reply.body)
            return
        for byte in reply.body:
            time.sleep(reply.pause)
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    do_GET = do_POST = do_PUT = serve

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that does not like the certificate

    def finish_request(self, request, address):
        """The handshake is the thread's, so that a slow one blocks nobody."""
        request.settimeout(30)
        if self.stub.context:
            request = self.stub.context.wrap_socket(request, server_side=True)
        self.stub.connections += 1
        self.stub.sockets.append(request)
        try:
            self.RequestHandlerClass(request, address, self)
        finally:
            request.close()


class Stub:
    """certificate: of Authority.server(), or None for plain http. upstream:
    None answers 404. tls: the newest version it speaks, of ssl.TLSVersion.
    requests is what came, connections how many there were."""

    def __init__(self, certificate, upstream=None, tls=None):
        self.upstream = upstream
        self.spoil = None
        self.requests = []
        self.connections = 0
        self.sockets = []
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
            if tls:
                self.context.set_ciphers("ALL:@SECLEVEL=0")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    self.context.minimum_version = ssl.TLSVersion.TLSv1
                    self.context.maximum_version = tls
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.stub = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.02})
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def hang_up(self):
        """Closes the connections that are there."""
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was closed before

    def reply_to(self, request):
        self.requests.append(request)
        reply = Reply(404, [], b"{}")
        if self.upstream:
            reply = self.upstream.ask(request)
        return self.spoil(request, reply) if self.spoil else reply


class Trap(Stub):
    """Where a redirect leads. Nobody may come."""

    def came(self):
        return [(r.method, r.path) for r in self.requests]


# --- how a reply is spoilt ------------------------------------------------------
#
# Each takes the reply and path, the names that lead to its base64 key or
# ciphertext, such as ("data", "plaintext"); and gives another reply.


def _at(path, change):
    """A fault that changes the text at path, and nothing else."""

    def fault(reply, _=None):
        whole = reply.json()
        part = whole
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = change(part[path[-1]])
        return reply.with_body(json.dumps(whole).encode())

    return fault


def _of_bytes(n):
    return base64.b64encode(bytes(range(1, n + 1))).decode()


def _stray_bits(text):
    """The same bytes, in base64 that only a lax reader takes."""
    alphabet = ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                "0123456789+/")
    assert text.endswith("==")
    last = alphabet[alphabet.index(text[-3]) | 1]
    return text[:-3] + last + "=="


def plaintexts(path):
    """What may come for a key that was unwrapped: name, fault."""
    key = {
        "bad base64": lambda text: "!" + text[1:],
        "base64 with a line end": lambda text: text[:4] + "\n" + text[4:],
        "base64 without its padding": lambda text: text.rstrip("="),
        "base64 with stray bits": _stray_bits,
        "an empty key": lambda text: "",
        "no text": lambda text: 5,
        "null": lambda text: None,
    }
    for n in (31, 32, 33, 63, 65, 128):
        key["%d bytes" % n] = lambda text, n=n: _of_bytes(n)
    key["another key"] = lambda text: _of_bytes(64)
    return {name: _at(path, change) for name, change in key.items()}


def wraps(path):
    """What may come for a key that was wrapped."""
    wrap = {
        "an empty wrap": lambda text: "",
        "a number": lambda text: 5,
        "null": lambda text: None,
        "a wrap of 100 KB": lambda text: text + "A" * 100000,
        "a wrap with a NUL": lambda text: text[:4] + "\0" + text[5:],
        "a wrap with a quote": lambda text: text[:-4] + '"' + text[-3:],
    }
    return {name: _at(path, change) for name, change in wrap.items()}


def _duplicate(reply):
    """Its first member twice."""
    name, value = next(iter(reply.json().items()))
    twice = b'{"%s":%s,' % (name.encode(), json.dumps(value).encode())
    return reply.with_body(twice + reply.body.lstrip()[1:])


def _nested(reply, depth):
    return reply.with_body(b'{"a":' + b"[" * depth + b"]" * depth + b"," +
                           reply.body.lstrip()[1:])


BODIES = {
    "too large": lambda r: r.with_body(r.body + b" " * TOO_LARGE),
    "too large and without an end": lambda r: r.with_body(
        r.body + b" " * TOO_LARGE, length=1 << 40),
    "empty": lambda r: r.with_body(b""),
    "not JSON": lambda r: r.with_body(b"<html><body>hello</body></html>"),
    "JSON and more": lambda r: r.with_body(r.body + b"{}"),
    "cut JSON": lambda r: r.with_body(r.body.rstrip()[:-1]),
    "a list": lambda r: r.with_body(b"[" + r.body + b"]"),
    "null": lambda r: r.with_body(b"null"),
    "an empty object": lambda r: r.with_body(b"{}"),
    "a name twice": _duplicate,
    "nested 100 deep": lambda r: _nested(r, 100),
    "nested 100000 deep": lambda r: _nested(r, 100000),
    "not UTF-8": lambda r: r.with_body(b'{"a":"\xff\xfe",' +
                                       r.body.lstrip()[1:]),
    "a NUL": lambda r: r.with_body(b'{"a":"\\u0000",' + r.body.lstrip()[1:]),
    "cut off": lambda r: r.with_body(r.body, length=len(r.body) + 10),
    "no reply": lambda r: None,
    "many headers": lambda r: Reply(r.status, r.headers + [
        ("X-Header-%d" % i, "x" * 900) for i in range(90)], r.body),
}
