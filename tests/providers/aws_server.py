# SPDX-License-Identifier: MIT
"""AWS as moto plays it: KMS, STS and IAM over TLS, with signatures recomputed
and IAM policies evaluated, and the metadata service of EC2 over http."""

import glob
import json
import os
import ssl
import subprocess
import sys
import urllib.request

import servers

sys.path.extend(glob.glob(os.path.join(os.path.dirname(servers.VENV), "lib",
                                       "python3.*", "site-packages")))

REGION = "eu-west-1"
OTHER_REGION = "eu-central-1"
ACCOUNT = "123456789012"  # moto's


def make_ca(folder):
    """A CA and a certificate for 127.0.0.1, as PEM files in the folder."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, cwd=folder,
                       stderr=subprocess.DEVNULL)

    with open(os.path.join(folder, "ext"), "w") as f:
        f.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
            "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key",
            "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey",
            "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext",
            "-out", "server.pem")


class Moto(servers.Server):
    """A moto_server. With tls it has an administrator, and everybody else is
    checked: user() gives credentials that may do what a policy says."""

    def __init__(self, tls=True):
        program = servers.tool("moto_server")
        self.port = servers.free_port()
        self.tls = tls
        self.certs = servers.private_dir()
        self.admin = None
        more = []
        if tls:
            make_ca(self.certs)
            more = ["-c", self.cert("server.pem"), "-k",
                    self.cert("server.key")]
        super().__init__(
            [program, "-H", "127.0.0.1", "-p", str(self.port)] + more,
            self.serves, servers.settings(MOTO_PORT=str(self.port)))
        if tls:
            self.check_everybody()

    def stop(self):
        super().stop()
        subprocess.run(["rm", "-rf", self.certs], check=True)

    def cert(self, name):
        return os.path.join(self.certs, name)

    @property
    def url(self):
        return "http%s://127.0.0.1:%d" % ("s" if self.tls else "", self.port)

    def serves(self):
        return self.control("moto-api/data.json", None) is not None

    def control(self, path, data):
        """A request to moto itself."""
        context = ssl.create_default_context(
            cafile=self.cert("ca.pem")) if self.tls else None
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context))
        request = urllib.request.Request("%s/%s" % (self.url, path), data,
                                         method="POST" if data else "GET",
            headers={"Content-Type": "text/plain"})
        with opener.open(request, timeout=30) as reply:
            return reply.read()

    def check_everybody(self):
        self.admin = {"aws_access_key_id": "none", "aws_secret_access_key":
                      "none"}
        self.admin = self.user("admin", "*")
        self.control("moto-api/reset-auth", b"0")

    def check_nobody(self):
        self.control("moto-api/reset-auth", b"inf")

    def client(self, service, region=REGION, **credentials):
        import boto3
        session = boto3.session.Session(**(credentials or self.admin))
        return session.client(service, region_name=region,
                              endpoint_url=self.url,
                              verify=self.cert("ca.pem"))

    def user(self, name, *actions, resource="*"):
        """Credentials of a new user who may do these actions."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if actions:
            self.permit(name, *actions, resource=resource)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"aws_access_key_id": key["AccessKeyId"],
                "aws_secret_access_key": key["SecretAccessKey"]}

    def permit(self, name, *actions, resource="*"):
        self.client("iam").put_user_policy(
            UserName=name, PolicyName="it",
            PolicyDocument=policy(*actions, resource=resource))

    def forbid(self, name):
        self.client("iam").delete_user_policy(UserName=name, PolicyName="it")


def policy(*actions, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": list(actions), "Resource": resource}]})
