#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""vault: URIs against a real OpenBao server, with TLS and a policy that allows
to encrypt and decrypt with one key, and nothing else."""

import base64
import json
import os
import re
import threading
import time
import unittest

import contract
import servers
import sqlscript
import stub
from support import CANARY, EXTENSION
from vault import VaultTest, numbers


class Vault(VaultTest, contract.Contract):
    """What every provider keeps."""

    says = {"disable": "deleted", "destroy": "no such Transit key",
            "deny": "denied permission", "cut": "cannot reach",
            "stall": "in time"}
    states = {"enabled"}

    def setUp(self):
        super().setUp()
        self.names = {}
        self.is_cut = None

    def cmk(self, name="one"):
        if name not in self.names:
            self.names[name] = self.new_key()
            self.use_token(self.new_token(*self.names.values(),
                                          more=self.administration()))
        return self.uri_of(self.names[name], host="localhost")

    def administration(self):
        """For envelope_cmk_info() and envelope_cmk_rotate()."""
        return "".join(
            'path "transit/keys/%s" { capabilities = ["read"] }\n'
            'path "transit/keys/%s/rotate" { capabilities = ["update"] }\n'
            % (key, key) for key in self.names.values())

    def path_of(self, uri):
        return "transit/keys/" + uri.rpartition("/")[2]

    def rotate(self, uri):
        self.bao.call("POST", self.path_of(uri) + "/rotate", {})

    def disable(self, uri):
        self.bao.call("DELETE", self.path_of(uri) + "/soft-delete")

    def enable(self, uri):
        self.bao.call("POST", self.path_of(uri) + "/soft-delete-restore", {})

    def destroy(self, uri):
        path = self.path_of(uri)
        self.bao.call("POST", path + "/config", {"deletion_allowed": True})
        self.bao.call("DELETE", path)

    def deny(self):
        self.allowed = os.environ["VAULT_TOKEN"]
        os.environ["VAULT_TOKEN"] = "s.no-such-token"

    def allow(self):
        os.environ["VAULT_TOKEN"] = self.allowed

    def cut(self):
        self.bao.server.halt()
        self.is_cut = True
        self.addCleanup(self.restore)

    def stall(self):
        self.bao.server.pause()
        self.is_cut = False
        self.addCleanup(self.restore)

    def restore(self):
        if self.is_cut is False:
            self.bao.server.go_on()
        elif self.is_cut:
            self.bao.server.start()
            self.bao.unseal()
        self.is_cut = None

    def fresh(self):
        self.use_token(self.bao.root)
        return self.uri_of("key-%d" % next(numbers))

    missing = fresh

    def spelled(self, uri):
        return uri.replace("localhost", "LocalHost")

    def calls(self):
        asked = [r["path"] for r in self.bao.audit()]
        return tuple(sum(1 for path in asked if path.startswith(
            "transit/" + what)) for what in ("encrypt/", "decrypt/"))


class Keys(VaultTest):
    def test_a_missing_key_is_an_error_and_is_not_made(self):
        missing = "key-%d" % next(numbers)
        self.use_token(self.bao.root)  # may do everything
        conn = self.connect()
        self.refuses("no such Transit key", conn,
                     "SELECT envelope_key_create('pii', ?)",
                     self.uri_of(missing))
        with self.assertRaisesRegex(Exception, "HTTP 404"):
            self.bao.call("GET", "transit/keys/" + missing)
        self.assertEqual([], self.keys(conn))

    def test_where_the_token_may_only_update_it_is_denied(self):
        missing = "key-%d" % next(numbers)
        self.use_token(self.new_token(missing))
        self.refuses("denied permission", self.connect(),
                     "SELECT envelope_key_create('pii', ?)",
                     self.uri_of(missing))

    def test_versions_that_a_policy_disallows_say_so(self):
        blob = self.seal(self.key_under(self.uri))
        path = "transit/keys/" + self.key
        self.bao.call("POST", path + "/rotate", {})
        self.bao.call("POST", path + "/config", {"min_decryption_version": 2})
        self.refuses_open("min_decryption_version", self.trusting(self.uri),
                          blob)

    def test_a_derived_key_is_refused(self):
        name = "key-%d" % next(numbers)
        self.bao.call("POST", "transit/keys/" + name,
                      {"type": "aes256-gcm96", "derived": True})
        self.use_token(self.new_token(name))
        self.refuses("derived", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri_of(name))

    def test_an_rsa_key_binds_no_context_and_is_refused(self):
        name = "key-%d" % next(numbers)
        self.bao.call("POST", "transit/keys/" + name, {"type": "rsa-2048"})
        self.use_token(self.new_token(name))
        self.refuses("aes256-gcm96", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri_of(name))

    def test_a_mount_that_is_none_is_refused(self):
        self.use_token(self.bao.root)
        self.refuses("no such Transit key", self.connect(),
                     "SELECT envelope_key_create('pii', ?)",
                     self.uri_of(self.key, mount="nowhere"))

    def test_the_host_is_written_in_small_letters_and_the_port_is_added(self):
        conn = self.connect()
        big = self.uri_of(self.key, host="LocalHost")
        self.one(conn, "SELECT envelope_key_create('pii', ?)", big)
        blob = self.seal(conn)
        self.assertEqual(CANARY, self.open(
            self.trusting(self.uri_of(self.key, host="localhost")), blob))


class Rewrapping(VaultTest):
    def test_old_wraps_open_after_a_rotation_and_a_rewrap_moves_them(self):
        conn = self.key_under(self.uri)
        blob = self.seal(conn)
        for _ in range(4):
            self.one(conn, "SELECT envelope_key_rotate('pii')")
        path = "transit/keys/" + self.key
        self.bao.call("POST", path + "/rotate", {})
        self.assertEqual(CANARY, self.open(self.trusting(self.uri), blob))
        before = self.asked("transit/encrypt/" + self.key)
        self.one(self.trusting(self.uri), "SELECT envelope_key_rewrap('pii')")
        self.assertEqual(1, self.asked("transit/encrypt/" + self.key) - before,
                         "five versions, one request")
        self.bao.call("POST", path + "/config", {"min_decryption_version": 2})
        self.assertEqual(CANARY, self.open(self.trusting(self.uri), blob))


class Administration(VaultTest):
    """By a token that may more."""

    def setUp(self):
        super().setUp()
        self.use_token(self.bao.root)

    def test_a_key_is_made_and_not_made_twice(self):
        uri = self.uri_of("key-%d" % next(numbers))
        conn = self.connect()
        conn.execute("SELECT envelope_cmk_create(?)", [uri]).fetchall()
        self.refuses("already", conn, "SELECT envelope_cmk_create(?)", uri)
        self.seal(self.key_under(uri))

    def test_a_key_is_rotated(self):
        conn = self.key_under(self.uri)
        blob = self.seal(conn)
        conn.execute("SELECT envelope_cmk_rotate(?)", [self.uri]).fetchall()
        got = self.bao.call("GET", "transit/keys/" + self.key)
        self.assertEqual(2, got["data"]["latest_version"])
        self.assertEqual(CANARY, self.open(self.trusting(self.uri), blob))

    def test_a_key_is_described(self):
        text = self.one(self.connect(), "SELECT envelope_cmk_info(?)", self.uri)
        self.assertIn("aes256-gcm96", text)
        self.assertIn("127.0.0.1:%d" % self.bao.port, text)


SH = "/bin/sh"
REVIEW = {
    "apiVersion": "authentication.k8s.io/v1",
    "kind": "TokenReview",
    "status": {
        "authenticated": True,
        "user": {
            "username": "system:serviceaccount:shop:app",
            "uid": "2f4c9d51-3a17-4b0e-8f6d-0c5e7a9b1d23",
            "groups": ["system:serviceaccounts"],
        },
    },
}


def pod_token():
    """A service account's token, but for its signature."""
    def part(content):
        text = json.dumps(content).encode()
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    return ".".join((
        part({"alg": "RS256", "kid": "1"}),
        part({"iss": "https://kubernetes.default.svc.cluster.local",
              "sub": "system:serviceaccount:shop:app",
              "iat": int(time.time()) - 60, "nbf": int(time.time()) - 60,
              "exp": int(time.time()) + 3600,
              "kubernetes.io": {"namespace": "shop", "serviceaccount": {
                  "name": "app",
                  "uid": REVIEW["status"]["user"]["uid"]}}}),
        part("no signature")))


class Login(VaultTest):
    """How a session proves who it is."""

    def setUp(self):
        super().setUp()
        del os.environ["VAULT_TOKEN"]
        self.policy = self.new_policy(self.key)

    def round_trip(self):
        name = "k%d" % next(numbers)
        blob = self.seal(self.key_under(self.uri, name=name), CANARY, name)
        self.assertEqual(CANARY, self.open(self.trusting(self.uri), blob))

    def enable(self, method, mount=None):
        """An auth method, once for the class."""
        mount = mount or method
        have = self.bao.call("GET", "sys/auth")["data"]
        if mount + "/" not in have:
            self.bao.call("POST", "sys/auth/" + mount, {"type": method})

    def approle(self, mount="approle", **more):
        """The IDs of a new role."""
        self.enable("approle", mount)
        path = "auth/%s/role/role-%d" % (mount, next(numbers))
        self.bao.call("POST", path, {"token_policies": self.policy,
                                     "token_no_default_policy": True, **more})
        role = self.bao.call("GET", path + "/role-id")["data"]["role_id"]
        secret = self.bao.call("POST", path + "/secret-id",
                               {})["data"]["secret_id"]
        self.secrets += [role, secret]
        return role, secret

    def use_approle(self, role, secret):
        os.environ["VAULT_ROLE_ID"] = role
        os.environ["VAULT_SECRET_ID"] = secret

    def test_without_a_credential_it_says_what_to_set(self):
        text = self.error(self.connect(),
                          "SELECT envelope_key_create('pii', ?)", self.uri)
        for name in ("VAULT_TOKEN", "VAULT_ROLE_ID"):
            self.assertIn(name, text)

    def test_a_token_in_a_file(self):
        token = self.bao.token(self.policy)
        os.environ["VAULT_TOKEN_FILE"] = self.write("token", token.encode())
        self.round_trip()

    def test_a_token_where_vault_login_puts_it(self):
        token = self.bao.token(self.policy)
        self.write(".vault-token", token.encode() + b"\n")
        self.round_trip()

    def test_a_token_that_others_can_read_is_refused(self):
        token = self.bao.token(self.policy)
        self.write(".vault-token", token.encode(), 0o644)
        self.refuses("chmod 600", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def test_the_names_of_openbao_come_first(self):
        os.environ["VAULT_TOKEN"] = "s.not-this-one"
        os.environ["BAO_TOKEN"] = self.bao.token(self.policy)
        self.round_trip()

    def test_a_token_with_a_line_end_is_refused(self):
        os.environ["VAULT_TOKEN"] = "s.first\nX-Evil: 1"
        self.secrets.append("s.first")
        self.refuses("line end", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def test_approle(self):
        self.use_approle(*self.approle())
        self.round_trip()

    def test_approle_from_files_and_at_another_mount(self):
        role, secret = self.approle("machines")
        os.environ["VAULT_AUTH_MOUNT"] = "machines"
        os.environ["VAULT_ROLE_ID_FILE"] = self.write("role", role.encode())
        os.environ["VAULT_SECRET_ID_FILE"] = self.write("secret",
                                                        secret.encode())
        self.round_trip()

    def test_approle_with_a_wrong_secret_is_denied(self):
        role, _ = self.approle()
        self.use_approle(role, "11111111-2222-3333-4444-555555555555")
        self.refuses("refused the login", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def test_a_method_that_the_server_does_not_have(self):
        os.environ["VAULT_AUTH_MOUNT"] = "nowhere"
        self.use_approle("a", "b")
        self.error(self.connect(), "SELECT envelope_key_create('pii', ?)",
                   self.uri)

    def test_kubernetes(self):
        """The API server of the cluster is ours: it says whose token it is."""
        jwt = pod_token()
        self.secrets.append(jwt)
        api = stub.Stub(self.authority.server())
        self.addCleanup(api.stop)
        asked = []

        def review(request, _):
            asked.append(json.loads(request.body)["spec"]["token"])
            return stub.Reply(201, [("Content-Type", "application/json")],
                              json.dumps(REVIEW).encode())

        api.spoil = review
        self.enable("kubernetes")
        with open(self.authority.ca, encoding="ascii") as ca:
            self.bao.call("POST", "auth/kubernetes/config", {
                "kubernetes_host": "https://localhost:%d" % api.port,
                "kubernetes_ca_cert": ca.read(), "token_reviewer_jwt": jwt,
                "disable_local_ca_jwt": True})
        self.bao.call("POST", "auth/kubernetes/role/app", {
            "bound_service_account_names": "app",
            "bound_service_account_namespaces": "shop",
            "token_policies": self.policy})
        # mounted as Kubernetes does it
        os.mkdir(self.file("..data"))
        self.write("..data/token", jwt.encode(), 0o644)
        os.symlink("..data/token", self.file("token"))
        os.environ["VAULT_KUBERNETES_ROLE"] = "app"
        os.environ["VAULT_KUBERNETES_JWT_FILE"] = self.file("token")
        self.round_trip()
        self.assertEqual({jwt}, set(asked))

    def test_a_tls_client_certificate(self):
        self.enable("cert")
        cert, key = self.authority.client("app")
        with open(self.authority.ca, encoding="ascii") as ca:
            self.bao.call("POST", "auth/cert/certs/app", {
                "certificate": ca.read(), "token_policies": self.policy})
        os.environ["VAULT_CLIENT_CERT"] = cert
        os.environ["VAULT_CLIENT_KEY"] = key
        self.round_trip()

    def test_a_certificate_without_its_key(self):
        os.environ["VAULT_CLIENT_CERT"], _ = self.authority.client("app")
        self.refuses("VAULT_CLIENT_KEY", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def logins(self):
        return self.asked("auth/approle/login")

    def session(self):
        """A connection that has logged in once, with an unloaded key left to
        open; and what it opens."""
        conn = self.key_under(self.uri, name="a")
        self.one(conn, "SELECT envelope_key_create('b', ?)", self.uri)
        blobs = [self.seal(conn, CANARY, name) for name in "ab"]
        before = self.logins()
        fresh = self.trusting(self.uri)
        self.open(fresh, blobs[0])
        self.assertEqual(1, self.logins() - before)
        return fresh, blobs[1], self.logins()

    def test_one_login_serves_a_connection(self):
        self.use_approle(*self.approle())
        conn, blob, before = self.session()
        self.open(conn, blob)
        self.assertEqual(before, self.logins())

    def test_a_token_that_was_revoked_is_replaced_by_one_login(self):
        self.use_approle(*self.approle())
        conn, blob, before = self.session()
        self.bao.call("POST", "sys/leases/revoke-prefix/auth/approle/login",
                      {})
        self.open(conn, blob)
        self.assertEqual(1, self.logins() - before)

    def test_a_lease_is_renewed_before_it_ends(self):
        self.policy = self.new_policy(
            self.key, more='path "auth/token/renew-self" '
            '{ capabilities = ["update"] }')
        self.use_approle(*self.approle(token_ttl=3, token_max_ttl=60))
        conn, blob, before = self.session()
        renewals = self.asked("auth/token/renew-self")
        time.sleep(2.2)
        self.open(conn, blob)
        self.assertEqual(before, self.logins())
        self.assertEqual(1, self.asked("auth/token/renew-self") - renewals)

    def test_a_lease_that_has_ended_is_a_new_login(self):
        self.use_approle(*self.approle(token_ttl=1, token_max_ttl=1))
        conn, blob, before = self.session()
        time.sleep(1.5)
        self.open(conn, blob)
        self.assertEqual(1, self.logins() - before)

    def test_what_is_denied_is_asked_at_most_twice(self):
        self.policy = self.new_policy("another")
        self.use_approle(*self.approle())
        before = self.logins()
        self.refuses("denied permission", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)
        self.assertEqual(2, self.logins() - before)

    def test_a_token_file_that_was_renewed_is_read_again(self):
        path = self.write("token", self.bao.token(self.policy).encode())
        os.environ["VAULT_TOKEN_FILE"] = path
        conn = self.key_under(self.uri, name="a")
        self.one(conn, "SELECT envelope_key_create('b', ?)", self.uri)
        blob = self.seal(conn, CANARY, "b")
        fresh = self.trusting(self.uri)
        self.open(fresh, self.seal(conn, CANARY, "a"))
        with open(path, encoding="ascii") as old:
            self.bao.call("POST", "auth/token/revoke", {"token": old.read()})
        self.write("token", self.bao.token(self.policy).encode())
        self.open(fresh, blob)


class Namespaces(VaultTest):
    def test_a_key_of_a_namespace(self):
        self.bao.call("POST", "sys/namespaces/team", {})
        within = {"namespace": "team"}
        self.bao.call("POST", "sys/mounts/transit", {"type": "transit"},
                      **within)
        self.key = self.new_key(**within)
        policy = self.new_policy(self.key, **within)
        self.use_token(self.bao.token(policy, **within))
        os.environ["VAULT_NAMESPACE"] = "team"
        uri = self.uri_of(self.key)
        blob = self.seal(self.key_under(uri))
        self.assertEqual(CANARY, self.open(self.trusting(uri), blob))
        del os.environ["VAULT_NAMESPACE"]
        self.refuses_open("denied permission", self.trusting(uri), blob)


class Trouble(VaultTest):
    """The server is there, and does not do what it is asked."""

    def test_sealed(self):
        blob = self.seal(self.key_under(self.uri))
        self.bao.seal()
        self.addCleanup(self.bao.unseal)
        self.refuses_open("is sealed", self.trusting(self.uri), blob)
        self.bao.unseal()
        self.assertEqual(CANARY, self.open(self.trusting(self.uri), blob))

    def test_a_real_429(self):
        blob = self.seal(self.key_under(self.uri))
        path = "sys/quotas/rate-limit/all"
        self.bao.call("POST", path, {"path": "transit", "rate": 1,
                                    "interval": "60s"})
        self.addCleanup(self.bao.call, "DELETE", path)
        first = self.trusting(self.uri)
        self.one(first, "SELECT envelope_config('provider_timeout', '2s')")
        self.assertEqual(CANARY, self.open(first, blob))
        start = time.monotonic()
        second = self.trusting(self.uri)
        self.one(second, "SELECT envelope_config('provider_timeout', '2s')")
        self.refuses_open("429", second, blob)
        self.assertLess(time.monotonic() - start, 3)

    def test_a_limit_that_says_for_how_long_is_waited_for(self):
        blob = self.seal(self.key_under(self.uri))
        path = "sys/quotas/rate-limit/all"
        self.bao.call("POST", "sys/quotas/config",
                      {"enable_rate_limit_response_headers": True})
        self.bao.call("POST", path, {"path": "transit", "rate": 2,
                                     "interval": "2s"})
        self.addCleanup(self.bao.call, "DELETE", path)
        for _ in range(4):
            conn = self.trusting(self.uri)
            self.one(conn, "SELECT envelope_config('provider_timeout', '20s')")
            self.assertEqual(CANARY, self.open(conn, blob))

    def test_restarted_in_the_middle(self):
        conn = self.key_under(self.uri, name="a")
        blob = self.seal(conn, CANARY, "a")
        self.bao.restart()
        self.one(conn, "SELECT envelope_key_create('b', ?)", self.uri)
        self.assertEqual(CANARY, self.open(self.trusting(self.uri), blob))

    def test_a_child_leaves_the_connection_of_its_parent_alone(self):
        conn = self.key_under(self.uri, name="a")
        before = self.connections()
        child = os.fork()
        if child == 0:
            try:
                conn.close()
            finally:
                os._exit(0)
        self.assertEqual(0, os.waitpid(child, 0)[1])
        self.one(conn, "SELECT envelope_key_create('b', ?)", self.uri)
        self.assertEqual(before, self.connections())

    def connections(self):
        """The local ports from which this process talks to the server."""
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table][1:]
        inodes = set()
        for fd in os.listdir("/proc/self/fd"):
            try:
                inodes.add(os.readlink("/proc/self/fd/" + fd))
            except OSError:
                pass
        return sorted(r[1] for r in rows if "socket:[%s]" % r[9] in inodes
                      and r[2].endswith(":%04X" % self.bao.port))


class Threads(VaultTest):
    def test_threads_have_a_session_each(self):
        blob = self.seal(self.key_under(self.uri))
        failed = []

        def work():
            try:
                conn = self.trusting(self.uri)
                for _ in range(50):
                    if self.open(conn, blob) != CANARY:
                        failed.append("another value")
            except Exception as e:  # pylint: disable=broad-except
                failed.append(e)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([], failed)


class Page(VaultTest):
    """VAULT.md's transcript, as it stands, but for the server's name."""

    def test_transcript(self):
        with open(os.path.join(servers.REPO, "ext", "provider", "VAULT.md"),
                  encoding="utf-8") as f:
            page = f.read()
        here = "localhost:%d" % self.bao.port
        page = page[page.index("## 7. A transcript"):].replace(
            "vault.example:8200", here)
        admin, start = re.findall(r"```sh\n(.*?)```", page, re.S)
        sql = re.search(r"```sql\n(.*?)```", page, re.S)[1]
        self.bao.call("DELETE", "sys/mounts/transit")
        with sqlscript.Place() as place:
            so = os.path.join(os.path.dirname(EXTENSION), "envelope_kms.so")
            os.symlink(so, place.file("build/envelope_kms.so"))
            del place.env["VAULT_TOKEN"]
            path = os.path.dirname(servers.tool("bao"))
            _, err = place.run(
                [SH, "-eu", "-c", admin],
                env={**place.env, "BAO_TOKEN": self.bao.root,
                     "PATH": path + ":" + os.environ["PATH"]})
            self.assertEqual("", err)
            feed, _ = sqlscript.split(sql)
            sqlscript.check(sql, *place.run([SH, "-eu", "-c", start], feed))


if __name__ == "__main__":
    unittest.main()
