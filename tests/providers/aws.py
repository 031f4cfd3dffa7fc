# SPDX-License-Identifier: MIT
"""What the tests of aws-kms: URIs share: one moto for a class, keys and users
of a test's own, an environment with nothing else in it."""

import itertools
import json
import os
import re
import shutil
import tempfile
import threading

import moto_server
import stub
from contract import Tools

NAMES = re.compile(r"^(AWS_.*|https?_proxy|no_proxy|HOME)$", re.I)
OPERATIONS = ("Encrypt", "Decrypt", "ReEncrypt", "DescribeKey",
              "RotateKeyOnDemand")
# what the page of the provider says that an application needs
NEEDED = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:DescribeKey")
numbers = itertools.count(1)


def operation(request):
    """"Decrypt", of a request to KMS; else ""."""
    return dict(request.headers).get("X-Amz-Target", "").rpartition(".")[2]


def refusal(name, status=400):
    return stub.Reply(status, [("Content-Type", "application/x-amz-json-1.1")],
                      json.dumps({"__type": name}).encode())


class Front(stub.Stub):
    """Between a test and moto, which is told apart from AWS by this:

    - A key that is disabled or waits for its deletion still encrypts and
      decrypts in moto. Here it is refused, as AWS does.
    - A wrap of another key, or of none, is "access denied" in moto. Here it is
      AWS's IncorrectKeyException.
    - A web identity's request has no signature; moto wants one when it checks.
    """

    def __init__(self, authority, moto):
        self.moto = moto
        self.states = {}  # key id: the error
        self.is_cut = False
        self.flows = threading.Event()
        self.flows.set()
        super().__init__(authority.server(),
                         stub.Upstream(moto.port, ca=moto.ca))

    def reply_to(self, request):
        if self.is_cut:
            return None
        self.flows.wait(60)
        reply = self.ask(request)
        asked = operation(request)
        if asked in OPERATIONS and asked != "DescribeKey":
            for key, error in self.states.items():
                if key.encode() in request.body:
                    return refusal(error)
        if reply and reply.body == b'{"__type":"AccessDeniedException"}':
            return refusal("IncorrectKeyException")
        return reply

    def ask(self, request):
        if b"Action=AssumeRoleWithWebIdentity" not in request.body:
            return super().reply_to(request)
        self.moto.check(False)
        try:
            return super().reply_to(request)
        finally:
            self.moto.check(True)

    def count(self, name):
        return sum(1 for r in self.requests if operation(r) == name)


class AwsTest(Tools):
    """A class has an AWS; a test has a key `self.key`, its ARN, and a user who
    may do with it what an application needs."""

    scheme = "aws-kms"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = tempfile.mkdtemp(prefix="ee-aws-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.authority = stub.Authority(cls.shared)
        cls.moto = moto_server.Moto(cls.authority)
        cls.addClassCleanup(cls.moto.stop)
        cls.kms = cls.moto.client("kms")

    def setUp(self):
        super().setUp()
        before = {k: v for k, v in os.environ.items() if NAMES.match(k)}
        self.addCleanup(os.environ.update, before)
        self.addCleanup(self.forget)
        self.forget()
        self.front = Front(self.authority, self.moto)
        self.addCleanup(self.front.stop)
        os.environ["HOME"] = self.dir
        os.environ["AWS_CA_BUNDLE"] = self.authority.ca
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        os.environ["AWS_ENDPOINT_URL"] = self.url_of(self.front.port)
        self.key = self.new_key()
        self.uri = self.uri_of(self.key)
        self.user = "user-%d" % next(numbers)
        self.use(self.moto.user(self.user, *NEEDED))

    @staticmethod
    def forget():
        for name in [k for k in os.environ if NAMES.match(k)]:
            del os.environ[name]

    @staticmethod
    def url_of(port):
        return "https://localhost:%d" % port

    @staticmethod
    def uri_of(arn):
        return "aws-kms://" + arn

    @staticmethod
    def id_of(uri):
        return uri.rpartition("/")[2]

    def new_key(self, **more):
        return self.kms.create_key(**more)["KeyMetadata"]["Arn"]

    def use(self, credentials):
        """Puts them into the environment."""
        for name, value in credentials.items():
            os.environ[name.upper()] = value
        self.secrets.append(credentials["aws_secret_access_key"])

    def shared_file(self, variable, text):
        os.environ[variable] = self.write(variable.lower(), text.encode())

    def works(self, uri=None):
        """Wraps, and unwraps in another connection."""
        uri = uri or self.uri
        self.path = self.file("works-%d.db" % next(numbers))
        self.opens(self.sealed(uri), uri)
