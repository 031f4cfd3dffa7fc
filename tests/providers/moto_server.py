# SPDX-License-Identifier: MIT
"""AWS as moto plays it: KMS, STS and IAM over TLS, with signatures recomputed
and IAM policies evaluated; and EC2's metadata service over http."""

import glob
import json
import os
import ssl
import sys
import urllib.request

import servers

sys.path.extend(glob.glob(os.path.join(os.path.dirname(servers.VENV), "lib",
                                       "python3.*", "site-packages")))

REGION = "eu-west-1"


def policy(*actions, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": list(actions), "Resource": resource}]})


class Moto:
    """authority: a stub.Authority; everybody but the administrator is checked
    then. None: plain http, and nobody is checked."""

    def __init__(self, authority=None):
        self.port = servers.free_port()
        self.ca = authority and authority.ca
        self.admin = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        command = [servers.tool("moto_server"), "-H", "127.0.0.1", "-p",
                   str(self.port)]
        if authority:
            certificate, key = authority.server()
            command += ["-c", certificate, "-k", key]
        self.server = servers.Server(
            command, self.serves, servers.settings(MOTO_PORT=str(self.port)))
        if authority:
            self.admin = self.user("admin", "*")
            self.check(True)

    def stop(self):
        self.server.stop()

    @property
    def url(self):
        return "http%s://127.0.0.1:%d" % ("s" if self.ca else "", self.port)

    def serves(self):
        return self.control("data.json") is not None

    def control(self, path, data=None):
        """A request to moto itself."""
        context = ssl.create_default_context(cafile=self.ca)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context))
        request = urllib.request.Request(
            "%s/moto-api/%s" % (self.url, path), data,
            headers={"Content-Type": "text/plain"})
        with opener.open(request, timeout=30) as reply:
            return reply.read()

    def check(self, everybody):
        """Signatures and policies: from now on, or not any more."""
        self.control("reset-auth", b"0" if everybody else b"inf")

    def client(self, service, region=REGION):
        import boto3
        return boto3.session.Session(**self.admin).client(
            service, region_name=region, endpoint_url=self.url,
            verify=self.ca)

    def user(self, name, *actions, resource="*"):
        """Credentials of a new user who may do these actions."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
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

    def role(self, name, trusted, *actions):
        """The ARN of a role; trusted: a principal, such as {"AWS": ARN}."""
        iam = self.client("iam")
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": trusted, "Action": "sts:*"}]}
        made = iam.create_role(RoleName=name,
                               AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName=name, PolicyName="it",
                            PolicyDocument=policy(*actions))
        return made["Role"]["Arn"]
