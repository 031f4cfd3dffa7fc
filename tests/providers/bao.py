# SPDX-License-Identifier: MIT
"""A real OpenBao server with TLS, files that outlive a restart, and an audit
log; and what an administrator does with it."""

import json
import os
import ssl
import urllib.error
import urllib.request

from servers import Server, free_port, tool, wait_until

POLICY = """
path "%(mount)s/encrypt/%(key)s" { capabilities = ["update"] }
path "%(mount)s/decrypt/%(key)s" { capabilities = ["update"] }
"""

CONFIG = """
storage "raft" {
  path = "data"
  node_id = "one"
  performance_multiplier = 1
}
api_addr = "https://127.0.0.1:%(port)d"
cluster_addr = "https://127.0.0.1:%(cluster)d"
listener "tcp" {
  address = "127.0.0.1:%(port)d"
  tls_cert_file = "%(cert)s"
  tls_key_file = "%(key)s"
}
audit "file" "all" {
  options { file_path = "audit.log" }
}
"""


class Failed(Exception):
    def __init__(self, status, body):
        super().__init__("HTTP %d: %s" % (status, body))
        self.status = status


class Bao:
    """authority: stub.Authority, of whose CA its certificate is. Unsealed, and
    with a Transit engine at transit/, from the start."""

    def __init__(self, authority):
        self.authority = authority
        self.port = free_port()
        self.root = None
        self.unseal_key = None
        self.context = ssl.create_default_context(cafile=authority.ca)
        self.server = Server(["sh", "-c", self.command()], self.is_up)
        try:
            self.set_up()
        except BaseException:
            self.stop()
            raise

    def command(self):
        """The folder is only known when it runs: it is where it runs."""
        cert, key = self.authority.server()
        config = CONFIG % {"port": self.port, "cluster": free_port(),
                           "cert": cert, "key": key}
        return ("mkdir -p data && cat > bao.hcl <<'END'\n%s\nEND\n"
                "exec %s server -config bao.hcl" % (config, tool("bao")))

    def is_up(self):
        try:
            self.call("GET", "sys/seal-status", token=False)
        except urllib.error.URLError as e:
            raise OSError from e
        return True

    def is_active(self):
        try:
            self.call("GET", "sys/health", token=False)
        except Failed:
            return False  # it has no leader yet
        return True

    def call(self, method, path, body=None, token=None, namespace=None):
        """The reply's JSON, None where it is empty. token: root's unless
        given; False for none."""
        request = urllib.request.Request(
            "https://127.0.0.1:%d/v1/%s" % (self.port, path), method=method,
            data=json.dumps(body).encode() if body is not None else None)
        if token is not False:
            request.add_header("X-Vault-Token", token or self.root)
        if namespace:
            request.add_header("X-Vault-Namespace", namespace)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=self.context))
        try:
            with opener.open(request, timeout=20) as reply:
                text = reply.read()
        except urllib.error.HTTPError as e:
            raise Failed(e.code, e.read()) from None
        return json.loads(text) if text else None

    def set_up(self):
        made = self.call("POST", "sys/init",
                         {"secret_shares": 1, "secret_threshold": 1}, False)
        self.root = made["root_token"]
        self.unseal_key = made["keys"][0]
        self.unseal()
        self.call("POST", "sys/mounts/transit", {"type": "transit"})

    def unseal(self):
        self.call("POST", "sys/unseal", {"key": self.unseal_key}, False)
        wait_until(self.is_active, "bao is not active")

    def seal(self):
        self.call("POST", "sys/seal", {})

    def restart(self):
        self.server.halt()
        self.server.start()
        self.unseal()

    def stop(self):
        self.server.stop()

    def make_key(self, name, mount="transit", **more):
        self.call("POST", "%s/keys/%s" % (mount, name),
                  {"type": "aes256-gcm96"}, **more)

    def policy(self, name, text, **more):
        self.call("PUT", "sys/policies/acl/" + name, {"policy": text}, **more)

    def token(self, *policies, **more):
        """A token with these policies, and no other right."""
        body = {"policies": list(policies), "no_default_policy": True}
        body.update(more.pop("body", {}))
        made = self.call("POST", "auth/token/create", body, **more)
        return made["auth"]["client_token"]

    def audit(self):
        """What it was asked: the requests of its own log, in order."""
        path = os.path.join(self.server.dir, "audit.log")
        with open(path, encoding="utf-8") as log:
            entries = [json.loads(line) for line in log]
        return [e["request"] for e in entries if e["type"] == "request"]
