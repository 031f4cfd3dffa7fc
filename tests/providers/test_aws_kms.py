#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""aws-kms: URIs against moto, over TLS, with its checks of signatures and IAM
policies turned on. aws.Front says where moto differs from AWS."""

import json
import os
import re
import unittest
import uuid

import contract
import moto_server
import servers
import sqlscript
import stub
from aws import NEEDED, AwsTest, numbers, operation, refusal
from support import CANARY, shell

OTHER_REGION = "eu-central-1"


class Contract(contract.Contract, AwsTest):
    """What every provider keeps."""

    absent = {"fresh": "KMS gives a key its id, so no URI names one before"}
    says = {"disable": "DisabledException", "deny": "may not do that",
            "stall": "in time"}

    def setUp(self):
        super().setUp()
        self.moto.permit(self.user, "kms:RotateKeyOnDemand", *NEEDED)

    def cmk(self, name="one"):
        keys = self.__dict__.setdefault("cmks", {})
        if name not in keys:
            keys[name] = self.new_key()
        return "aws-kms://" + keys[name]

    def spelled(self, uri):
        return uri.replace("aws-kms://", "awskms:///")

    def missing(self):
        return "aws-kms://%s/%s" % (self.key.rpartition("/")[0], uuid.uuid4())

    def rotate(self, uri):
        """In moto this changes a date; AWS changes the key material."""
        self.kms.rotate_key_on_demand(KeyId=self.id_of(uri))

    def disable(self, uri):
        self.kms.disable_key(KeyId=self.id_of(uri))
        self.front.states[self.id_of(uri)] = "DisabledException"

    def enable(self, uri):
        self.kms.enable_key(KeyId=self.id_of(uri))
        self.front.states.clear()

    def destroy(self, uri):
        self.kms.schedule_key_deletion(KeyId=self.id_of(uri))
        self.front.states[self.id_of(uri)] = "KMSInvalidStateException"

    def deny(self):
        self.moto.forbid(self.user)

    def allow(self):
        self.moto.permit(self.user, *NEEDED)

    def cut(self):
        self.front.is_cut = True

    def stall(self):
        self.front.flows.clear()
        self.addCleanup(self.front.flows.set)

    def restore(self):
        self.front.is_cut = False
        self.front.flows.set()

    def calls(self):
        return self.front.count("Encrypt"), self.front.count("Decrypt")


class Keys(AwsTest):
    def alias(self, key=None):
        """The URI of a new alias of this key."""
        name = "alias/app-%d" % next(numbers)
        self.kms.create_alias(AliasName=name, TargetKeyId=key or self.key)
        return "aws-kms://%s:%s" % (self.key.rpartition(":")[0], name)

    def stored(self):
        return self.one(self.plain(), "SELECT cmk FROM envelope_key_wrap")

    def test_an_alias_is_stored_as_the_key_it_leads_to(self):
        alias = self.alias()
        conn = self.key_under(alias)
        self.assertEqual(self.uri, self.stored())
        blob = self.seal(conn)
        self.kms.update_alias(AliasName=alias.rpartition(":")[2],
                              TargetKeyId=self.new_key())
        self.opens(blob, self.uri)

    def test_an_alias_that_leads_elsewhere_moves_with_a_rewrap(self):
        alias = self.alias()
        blob = self.sealed(alias)
        other = self.new_key()
        self.kms.update_alias(AliasName=alias.rpartition(":")[2],
                              TargetKeyId=other)
        conn = self.trusting(self.uri, alias)
        self.one(conn, "SELECT envelope_key_rewrap('pii', ?)", alias)
        self.assertEqual("aws-kms://" + other, self.stored())
        self.opens(blob, "aws-kms://" + other)

    def test_the_context_is_authenticated_and_seen_by_aws(self):
        self.sealed(self.uri)
        body = [json.loads(r.body) for r in self.front.requests
                if operation(r) == "Encrypt"][0]
        self.assertEqual(["sqlite-envelope"], list(body["EncryptionContext"]))
        self.assertEqual("SYMMETRIC_DEFAULT", body["EncryptionAlgorithm"])

    def test_a_rewrap_stays_inside_kms(self):
        conn = self.key_under(self.uri)
        self.one(conn, "SELECT envelope_key_rotate('pii')")
        before = len(self.front.requests)
        self.one(self.trusting(self.uri), "SELECT envelope_key_rewrap('pii')")
        asked = [operation(r) for r in self.front.requests[before:]]
        self.assertEqual(2, asked.count("ReEncrypt"))
        self.assertNotIn("Encrypt", asked)

    def test_without_the_right_to_reencrypt_it_is_done_here(self):
        blob = self.sealed(self.uri)
        self.moto.permit(self.user, "kms:Encrypt", "kms:Decrypt")
        self.one(self.trusting(self.uri), "SELECT envelope_key_rewrap('pii')")
        self.opens(blob, self.uri)

    def test_a_user_who_may_only_encrypt_makes_no_keys(self):
        """A wrap that this session cannot open might open for nobody."""
        self.moto.permit(self.user, "kms:Encrypt")
        conn = self.connect()
        self.refuses("AWS KMS Decrypt", conn,
                     "SELECT envelope_key_create('pii', ?)", self.uri)
        self.assertEqual([], self.keys(conn))

    def test_an_rsa_key_is_refused(self):
        rsa = self.new_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
        self.front.spoil = lambda request, reply: (
            refusal("InvalidKeyUsageException")
            if operation(request) == "Encrypt" else reply)
        self.refuses("symmetric", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", "aws-kms://" + rsa)

    def test_the_state_of_a_key(self):
        for change, state in (
                (lambda: None, "enabled"),
                (lambda: self.kms.disable_key(KeyId=self.id_of(self.key)), "disabled"),
                (lambda: self.kms.schedule_key_deletion(
                    KeyId=self.id_of(self.key)), "destroyed")):
            change()
            info = json.loads(self.one(
                self.connect(), "SELECT envelope_cmk_info(?)", self.uri))
            self.assertEqual(state, info["state"])
            self.assertIn("AWS KMS at https://localhost", info["description"])

    def test_there_is_no_create(self):
        self.refuses("is made at its provider", self.connect(),
                     "SELECT envelope_cmk_create(?)", self.uri)


class Regions(AwsTest):
    def test_a_key_of_another_region(self):
        kms = self.moto.client("kms", OTHER_REGION)
        arn = kms.create_key()["KeyMetadata"]["Arn"]
        os.environ["AWS_REGION"] = "us-east-1"  # not asked: the ARN says
        self.works("aws-kms://" + arn)
        signed = {dict(r.headers)["Authorization"].split("/")[2]
                  for r in self.front.requests}
        self.assertEqual({OTHER_REGION}, signed)

    def test_a_wrap_opens_by_the_replica_of_a_multi_region_key(self):
        """moto cannot decrypt under its own multi-Region keys (it cuts their
        ids), so an ordinary one plays it, without signatures."""
        self.front.upstream = Replicas(self)
        self.moto.check(False)
        self.addCleanup(self.moto.check, True)
        uri = self.uri_of(self.front.upstream.arn(moto_server.REGION))
        blob = self.sealed(uri)
        os.environ["ENVELOPE_AWS_MRK_REGION"] = OTHER_REGION
        before = len(self.front.requests)
        self.opens(blob, uri)
        asked = self.front.requests[before:]
        self.assertEqual(1, len(asked))
        self.assertIn("/%s/kms/" % OTHER_REGION,
                      dict(asked[0].headers)["Authorization"])
        self.assertIn(self.front.upstream.arn(OTHER_REGION),
                      asked[0].body.decode())


class Replicas(stub.Upstream):
    """Has the test's key as multi-Region key, in whichever region."""

    def __init__(self, test):
        super().__init__(test.moto.port, ca=test.moto.ca)
        self.key = test.key

    def arn(self, region):
        before = self.key.rpartition(":")[0]
        return "%s:key/mrk-%s" % (
            before.replace(moto_server.REGION, region), "0123456789abcdef" * 2)

    def ask(self, request):
        region = dict(request.headers)["Authorization"].split("/")[2]
        headers = [(k, v.replace("/%s/" % region,
                                 "/%s/" % moto_server.REGION))
                   for k, v in request.headers]
        there, here = self.arn(region).encode(), self.key.encode()
        reply = super().ask(stub.Request(
            request.method, request.path, headers,
            request.body.replace(there, here)))
        reply.body = reply.body.replace(here, there)
        return reply


class Signatures(AwsTest):
    def test_a_wrong_secret_is_denied(self):
        os.environ["AWS_SECRET_ACCESS_KEY"] += "x"
        self.refuses("check the secret access key", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def test_an_unknown_key_is_denied(self):
        os.environ["AWS_ACCESS_KEY_ID"] = "AKIAUNKNOWNUNKNOWN00"
        self.refuses("renew them", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def test_a_body_that_was_changed_on_its_way_is_refused(self):
        blob = self.sealed(self.uri)

        class Changer(stub.Upstream):
            def ask(self, request):
                request.body = request.body.replace(b"SYMM", b"symm")
                return super().ask(request)

        self.front.upstream = Changer(self.moto.port, ca=self.moto.ca)
        self.refuses_open("check the secret access key",
                          self.trusting(self.uri), blob)

    def test_a_wrong_clock_is_told_of(self):
        blob = self.sealed(self.uri)
        date = [("Date", "Thu, 01 Jan 2026 00:00:00 GMT")]

        def fault(request, reply):
            reply = refusal("InvalidSignatureException")
            reply.headers += date
            return reply

        self.front.spoil = fault
        self.front.server.RequestHandlerClass = NoDate
        text = self.refuses_open("set the clock", self.trusting(self.uri),
                                 blob)
        self.assertIn("ahead of", text)


class NoDate(stub._Handler):
    """Sends no Date of its own."""

    def send_response(self, code, message=None):
        self.send_response_only(code, message)


class Trouble(AwsTest):
    def test_throttling_is_a_400_and_is_tried_again(self):
        blob = self.sealed(self.uri)
        left = [2]

        def fault(request, reply):
            if operation(request) == "Decrypt" and left[0] > 0:
                left[0] -= 1
                return refusal("ThrottlingException")
            return reply

        self.front.spoil = fault
        self.opens(blob, self.uri)
        self.assertEqual(0, left[0])
        left[0] = 9
        self.refuses_open("try again", self.trusting(self.uri), blob)
        self.assertEqual(5, left[0])

    def test_expired_credentials_are_read_anew_once(self):
        good = {name: os.environ[name] for name in
                ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        conn = self.key_under(self.uri)
        self.front.spoil = lambda request, reply: (
            refusal("ExpiredTokenException")
            if dict(request.headers).get("X-Amz-Security-Token") == "old"
            else reply)
        del os.environ["AWS_ACCESS_KEY_ID"]
        self.shared_file("AWS_SHARED_CREDENTIALS_FILE",
                         "[default]\naws_access_key_id=old\n"
                         "aws_secret_access_key=old\naws_session_token=old\n")
        self.error(self.connect(), "SELECT envelope_key_create('b', ?)",
                   self.uri)
        self.shared_file("AWS_SHARED_CREDENTIALS_FILE",
                         "[default]\naws_access_key_id=%s\n"
                         "aws_secret_access_key=%s\n" % tuple(good.values()))
        self.one(conn, "SELECT envelope_key_create('c', ?)", self.uri)


class Credentials(AwsTest):
    """Each source of the chain, with a moto that checks what comes of it."""

    def setUp(self):
        super().setUp()
        self.keys_of_user = {
            name: os.environ.pop(name) for name in
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        self.refuses("no AWS credentials", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def keys_in_file(self, name="default", more=""):
        self.shared_file(
            "AWS_SHARED_CREDENTIALS_FILE",
            "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n%s"
            % ((name,) + tuple(self.keys_of_user.values()) + (more,)))

    def test_the_credentials_file(self):
        self.keys_in_file()
        self.works()

    def test_a_file_that_others_may_read(self):
        self.keys_in_file()
        path = os.environ["AWS_SHARED_CREDENTIALS_FILE"]
        os.chmod(path, 0o646)
        self.refuses("chmod go-w", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def test_a_profile(self):
        self.keys_in_file("app")
        os.environ["AWS_PROFILE"] = "app"
        self.works()

    def test_a_credential_process(self):
        out = json.dumps({"Version": 1,
                          "AccessKeyId": self.keys_of_user["AWS_ACCESS_KEY_ID"],
                          "SecretAccessKey":
                          self.keys_of_user["AWS_SECRET_ACCESS_KEY"]})
        program = self.write("give", b"#!/bin/sh\ncat <<E\n%s\nE\n"
                             % out.encode(), 0o700)
        self.shared_file("AWS_CONFIG_FILE",
                         "[default]\ncredential_process = %s\n" % program)
        self.works()

    def test_a_credential_process_leaves_a_script_alone(self):
        """The shell reads its script from the stdin that we have, too."""
        out = json.dumps({"Version": 1,
                          "AccessKeyId": self.keys_of_user["AWS_ACCESS_KEY_ID"],
                          "SecretAccessKey":
                          self.keys_of_user["AWS_SECRET_ACCESS_KEY"]})
        program = self.write("greedy", b"#!/bin/sh\ncat >/dev/null\n"
                             b"cat <<E\n%s\nE\n" % out.encode(), 0o700)
        self.shared_file("AWS_CONFIG_FILE",
                         "[default]\ncredential_process = %s\n" % program)
        text = shell(self.file("script.db"),
                     "SELECT length(envelope_key_create('pii', '%s'));\n"
                     % self.uri + "SELECT 'a line of the script';\n" * 400)
        self.assertEqual(["16"] + 400 * ["a line of the script"],
                         text.splitlines())

    def test_a_role_of_a_source_profile(self):
        role = self.moto.role(self.user + "-role", {"AWS": "*"}, *NEEDED)
        self.moto.permit(self.user, "sts:AssumeRole")
        self.keys_in_file("keys")
        self.shared_file("AWS_CONFIG_FILE",
                         "[profile app]\nrole_arn = %s\nsource_profile = keys\n"
                         "role_session_name = test\n" % role)
        os.environ["AWS_PROFILE"] = "app"
        self.works()
        signed = [dict(r.headers) for r in self.front.requests
                  if operation(r) == "Encrypt"][-1]
        self.assertIn("X-Amz-Security-Token", signed)
        self.moto.forbid(self.user)
        self.refuses("AWS STS AssumeRole", self.connect(),
                     "SELECT envelope_key_create('other', ?)", self.uri)

    def test_a_web_identity(self):
        role = self.moto.role(self.user + "-role", {"AWS": "*"}, *NEEDED)
        os.environ["AWS_ROLE_ARN"] = role
        os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = self.write(
            "token", b"ey.a.b\n", 0o444)
        # Kubernetes gives the token as a symbolic link
        os.symlink("token", self.file("link"))
        os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = self.file("link")
        self.secrets.append("ey.a.b")
        self.works()
        self.moto.forbid(self.user)
        self.keys_in_file()
        self.works()  # it comes before a profile's keys

    def test_a_container(self):
        """The endpoint of ECS and EKS is a stub: moto has none."""
        role = self.moto.role(self.user + "-role", {"AWS": "*"}, *NEEDED)
        got = self.moto.client("sts").assume_role(
            RoleArn=role, RoleSessionName="task")["Credentials"]
        gives = {"AccessKeyId": got["AccessKeyId"],
                 "SecretAccessKey": got["SecretAccessKey"],
                 "Token": got["SessionToken"],
                 "Expiration": "2999-01-01T00:00:00Z"}
        self.secrets += [gives["SecretAccessKey"], gives["Token"]]

        def give(request, reply):
            if dict(request.headers).get("Authorization") != "pod":
                return stub.Reply(403, [], b"{}")
            return stub.Reply(200, [], json.dumps(gives).encode())

        agent = stub.Stub(None)
        self.addCleanup(agent.stop)
        agent.spoil = give
        os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = (
            "http://127.0.0.1:%d/creds" % agent.port)
        os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "nobody"
        self.refuses("task or pod", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)
        os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "pod"
        self.works()
        del gives["Token"]
        self.path = self.file("other.db")
        self.refuses("task or pod", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def test_an_endpoint_that_is_not_this_machines_is_asked_by_https_only(self):
        os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://192.0.2.1/"
        self.refuses("https only", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)

    def test_an_instance(self):
        """moto's metadata service gives keys that its KMS does not know, so
        signatures are not checked here."""
        imds = moto_server.Moto()
        self.addCleanup(imds.stop)
        self.moto.check(False)
        self.addCleanup(self.moto.check, True)
        del os.environ["AWS_EC2_METADATA_DISABLED"]
        os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = imds.url
        self.works()
        signed = [dict(r.headers) for r in self.front.requests
                  if operation(r) == "Encrypt"][-1]
        self.assertEqual("test-session-token", signed["X-Amz-Security-Token"])
        self.assertIn("Credential=test-key/", signed["Authorization"])
        self.assertIn("PUT /latest/api/token", imds.server.log())

    def test_an_instance_in_trouble_is_no_instance_without_a_role(self):
        imds = stub.Stub(None)
        self.addCleanup(imds.stop)
        del os.environ["AWS_EC2_METADATA_DISABLED"]
        os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = (
            "http://127.0.0.1:%d" % imds.port)
        for step in ("api/token", "security-credentials/"):
            with self.subTest(step):
                imds.spoil = lambda request, reply, step=step: (
                    stub.Reply(500, [], b"") if request.path.endswith(step)
                    else stub.Reply(200, [], b"token"))
                self.refuses("status 500: try again", self.connect(),
                             "SELECT envelope_key_create('pii', ?)", self.uri)
        imds.spoil = lambda request, reply: None
        self.refuses("cannot reach 127.0.0.1", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)
        os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1"
        self.refuses("no AWS credentials", self.connect(),
                     "SELECT envelope_key_create('pii', ?)", self.uri)


class Page(AwsTest):
    """ext/provider/AWS_KMS.md: its session works with its policy."""

    def setUp(self):
        super().setUp()
        with open(os.path.join(servers.REPO, "ext/provider/AWS_KMS.md"),
                  encoding="utf-8") as page:
            blocks = re.findall(r"^```(\w+)\n(.*?)^```", page.read(),
                                re.M | re.S)
        session = [text for kind, text in blocks if kind == "sql"]
        policies = [text for kind, text in blocks if kind == "json"]
        self.assertEqual((1, 1), (len(session), len(policies)))
        alias = "alias/app-%d" % next(numbers)
        self.kms.create_alias(AliasName=alias, TargetKeyId=self.key)
        before = self.key.rpartition("key/")[0]
        self.session = (
            session[0]
            .replace("arn:aws:kms:eu-west-1:111122223333:", before)
            .replace("alias/app", alias)
            .replace("1234abcd-12ab-34cd-56ef-1234567890ab",
                     self.id_of(self.key)))
        # moto asks for every action on "*", whatever it is done to
        self.actions = []
        for statement in json.loads(policies[0])["Statement"]:
            action = statement["Action"]
            self.actions += [action] if isinstance(action, str) else action

    def run_session(self, actions):
        self.moto.permit(self.user, *actions)
        with sqlscript.Place() as place:
            place.shell(self.session)

    def test_the_session(self):
        self.run_session(self.actions)

    def test_each_action_is_needed(self):
        for action in self.actions:
            if action == "kms:ReEncrypt*":
                continue  # Keys: without it, it is done here
            with self.subTest(action):
                left = [a for a in self.actions if a != action]
                with self.assertRaisesRegex(sqlscript.Mismatch,
                                            "may not do that"):
                    self.run_session(left)


if __name__ == "__main__":
    unittest.main()
