# SPDX-License-Identifier: MIT
"""Keys under PEM files, as SQL meets them."""

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest

from support import CANARY, SqlTest

CREATE = "SELECT envelope_key_create(?, ?)"


def openssl(*words):
    done = subprocess.run(("openssl",) + words, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())


@functools.lru_cache(maxsize=None)
def make_pair(name, *kind):
    """A pair of files' bytes, private and public; one for each name."""
    with tempfile.TemporaryDirectory(prefix="ee-pem-") as folder:
        private = os.path.join(folder, name)
        openssl("genpkey", *kind, "-out", private)
        openssl("pkey", "-in", private, "-pubout", "-out", private + ".pub")
        return tuple(open_bytes(p) for p in (private, private + ".pub"))


def key_hash(public):
    """The SHA-256 that a URI pins."""
    return hashlib.sha256(subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=public,
        stdout=subprocess.PIPE, check=True).stdout).hexdigest()


def open_bytes(path):
    with open(path, "rb") as stream:
        return stream.read()


@unittest.skipUnless(shutil.which("openssl"), "no openssl command")
class Pem(SqlTest):
    """A key pair rec.pem, rec.pub beside the database."""

    kind = ("-algorithm", "X25519")

    def setUp(self):
        super().setUp()
        self.private, self.public = self.pair("rec", *self.kind)
        os.environ["ENVELOPE_CMKS"] = (
            "keyring:app.keyring pem:rec.pem pem:rec.pub pem:other.pub"
            " pem:locked.pem")

    def pair(self, name, *kind):
        private, public = make_pair(name, *kind)
        return (self.write(name + ".pem", private, 0o600),
                self.write(name + ".pub", public, 0o644))

    def sealed(self, *cmks):
        """A value under a new key pii with these CMKs."""
        conn = self.connect()
        marks = ", ?" * len(cmks)
        self.one(conn, "SELECT envelope_key_create('pii'%s)" % marks, *cmks)
        blob = self.seal(conn)
        conn.close()
        return blob

    def check_opens(self, blob):
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def stored(self):
        return [c for (c,) in self.plain().execute(
            "SELECT cmk FROM envelope_key_wrap ORDER BY key_id, position")]

    def test_a_file_that_the_session_does_not_allow_is_not_opened(self):
        """The database names it, and anybody may have written that."""
        blob = self.sealed("pem:rec.pem")
        pinned = self.stored()[0]
        for allowed in (None, "pem:other.pub", pinned[:-1] + ("0" if pinned[-1] != "0" else "1"),
                        pinned.replace("rec.pem", "rec.pub")):
            os.environ.pop("ENVELOPE_CMKS", None)
            if allowed:
                os.environ["ENVELOPE_CMKS"] = allowed
            self.refuses_open("is not allowed in this session",
                              self.connect(), blob)
        for allowed in ("pem:rec.pem", pinned, "pem:" + self.private):
            os.environ["ENVELOPE_CMKS"] = allowed
            self.check_opens(blob)

    def test_a_private_key_does_it_all(self):
        blob = self.sealed("pem:rec.pem")
        conn = self.connect()
        self.assertEqual(CANARY, self.open(conn, blob))
        self.one(conn, "SELECT envelope_key_rotate('pii')")
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))
        self.check_opens(blob)

    def test_the_uri_is_stored_with_the_key_pinned(self):
        self.sealed("pem:rec.pem")
        self.assertRegex(self.stored()[0],
                         r"^pem:rec\.pem#sha256-[0-9a-f]{64}$")

    def test_an_export_is_imported_with_the_private_key(self):
        """It was made by somebody who has the public key only: an import
        proves no more than that."""
        self.connect(self.file("b.db")).execute(CREATE,
                                                ("pii", "keyring:app.keyring"))
        os.rename(self.private, self.file("away"))
        sender = self.connect()
        self.one(sender, CREATE, "pii", "pem:rec.pub")
        out = self.one(sender, "SELECT envelope_export(envelope_seal(?,"
                       " 'pii', 1))", CANARY)
        self.assertIn(b"pem:rec.pub#sha256-", out)
        importing = "SELECT envelope_import(?, 'pii', 1)"
        self.refuses("the export key of this envelope is not available",
                     self.connect(self.file("b.db")), importing, out)
        os.environ["ENVELOPE_PEM_KEYFILE"] = self.file("away")
        receiver = self.connect(self.file("b.db"))
        got = self.one(receiver, importing, out)
        self.assertEqual(CANARY, self.open(receiver, got, 1))
        os.environ["ENVELOPE_CMKS"] = "keyring:app.keyring"
        self.refuses("may use none of the CMKs",
                     self.connect(self.file("b.db")), importing, out)

    def test_rotation_keeps_the_pin(self):
        self.sealed("pem:rec.pem")
        self.one(self.connect(), "SELECT envelope_key_rotate('pii')")
        first, second = self.stored()
        self.assertEqual(first, second)

    def test_a_keyring_uri_is_stored_as_given(self):
        self.sealed("keyring:app.keyring")
        self.assertEqual(["keyring:app.keyring"], self.stored())

    def test_a_pin_that_was_given_is_checked(self):
        pin = "#sha256-" + "0" * 64
        self.refuses("another key than the one that its URI pins",
                     self.connect(), CREATE, "pii", "pem:rec.pem" + pin)

    def test_a_public_key_alone_seals_and_does_not_open(self):
        blob = self.sealed("pem:rec.pub")
        text = self.refuses_open("seals but does not open", self.connect(),
                                 blob)
        self.assertIn("ENVELOPE_PEM_KEYFILE", text)
        self.assertIn("pii", text)

    def test_the_private_key_in_place_of_the_public_one_opens(self):
        blob = self.sealed("pem:rec.pub")
        shutil.copy(self.private, self.public)
        os.chmod(self.public, 0o600)
        self.check_opens(blob)

    def test_the_private_key_by_its_setting_opens(self):
        blob = self.sealed("pem:rec.pub")
        os.environ["ENVELOPE_PEM_KEYFILE"] = self.private
        self.check_opens(blob)
        os.unlink(self.public)
        self.check_opens(blob)

    def test_a_recovery_key_opens_when_the_keyring_is_gone(self):
        blob = self.sealed("keyring:app.keyring", "pem:rec.pub")
        self.check_opens(blob)
        os.unlink(self.file("app.keyring"))
        self.refuses_open("seals but does not open", self.connect(), blob)
        os.environ["ENVELOPE_PEM_KEYFILE"] = self.private
        self.check_opens(blob)

    def test_rotation_wraps_under_keyring_and_recovery_key(self):
        self.sealed("keyring:app.keyring", "pem:rec.pub")
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_rotate('pii')")
        blob = self.seal(conn)
        os.unlink(self.file("app.keyring"))
        os.environ["ENVELOPE_PEM_KEYFILE"] = self.private
        self.check_opens(blob)

    def test_rewrap_moves_a_key_to_a_recovery_key(self):
        blob = self.sealed("keyring:app.keyring")
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_rewrap('pii',"
                       " 'keyring:app.keyring', 'pem:rec.pub')")
        self.assertRegex(self.stored()[1], r"^pem:rec\.pub#sha256-")
        self.one(conn, "SELECT envelope_key_rewrap('pii')")
        conn.close()
        os.unlink(self.file("app.keyring"))
        os.environ["ENVELOPE_PEM_KEYFILE"] = self.private
        self.check_opens(blob)
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_rewrap('pii', 'pem:rec.pem')")
        conn.close()
        del os.environ["ENVELOPE_PEM_KEYFILE"]
        self.check_opens(blob)

    def test_a_swapped_file_gets_no_wrap_by_allow_partial(self):
        self.sealed("keyring:app.keyring", "pem:rec.pub")
        _, other = self.pair("other", "-algorithm", "X25519")
        shutil.copy(other, self.public)
        conn = self.connect()
        self.one(conn, "SELECT envelope_config('allow_partial', 'on')")
        self.one(conn, "SELECT envelope_key_rotate('pii')")
        rows = self.plain().execute(
            "SELECT cmk, length(wrapped) FROM envelope_key_wrap"
            " WHERE cmk LIKE 'pem:%' ORDER BY length(wrapped)").fetchall()
        self.assertEqual(0, rows[0][1])
        self.assertEqual(rows[1][0], rows[0][0])

    def test_a_swapped_file_is_refused(self):
        blob = self.sealed("keyring:app.keyring", "pem:rec.pub")
        _, other = self.pair("other", "-algorithm", "X25519")
        shutil.copy(other, self.public)
        conn = self.connect()
        self.refuses("another key than the one that its URI pins", conn,
                     "SELECT envelope_key_rotate('pii')")
        self.assertEqual([("pii", 1, "active", 1)], self.keys(conn))
        self.check_opens(blob)

    def test_a_swapped_private_key_is_refused(self):
        blob = self.sealed("pem:rec.pem")
        other, _ = self.pair("other", "-algorithm", "X25519")
        kept = self.file("kept")
        os.rename(self.private, kept)
        shutil.copy(other, self.private)
        self.refuses_open("another key", self.connect(), blob)
        os.rename(kept, self.private)
        self.check_opens(blob)

    def test_an_edited_pin_does_not_open(self):
        blob = self.sealed("pem:rec.pem")
        _, other = self.pair("other", "-algorithm", "X25519")
        conn = self.connect()
        self.one(conn, CREATE, "b", "pem:other.pub")
        conn.close()
        self.plain().execute(
            "UPDATE envelope_key_wrap SET cmk = (SELECT cmk FROM"
            " envelope_key_wrap WHERE cmk LIKE 'pem:other%')")
        self.refuses_open("another key than the one that this was wrapped",
                          self.connect(), blob)

    def test_a_private_key_that_others_read_is_refused(self):
        blob = self.sealed("pem:rec.pem")
        os.chmod(self.private, 0o644)
        self.refuses_open("chmod 600", self.connect(), blob)
        os.chmod(self.private, 0o600)
        self.check_opens(blob)

    def test_a_public_key_that_others_write_is_refused(self):
        os.chmod(self.public, 0o666)
        conn = self.connect()
        self.refuses("chmod go-w", conn, CREATE, "pii", "pem:rec.pub")
        self.assertEqual([], self.keys(conn))

    def test_a_missing_file_is_told_and_not_made(self):
        conn = self.connect()
        self.refuses("No such file", conn, CREATE, "pii", "pem:none.pem")
        self.assertFalse(os.path.exists(self.file("none.pem")))

    def test_it_writes_no_file(self):
        before = set(os.listdir(self.dir))
        self.sealed("pem:rec.pem")
        self.assertEqual(before | {"app.db"}, set(os.listdir(self.dir)))

    def test_it_is_rotated_by_another_file(self):
        self.refuses("rotated at its provider", self.connect(),
                     "SELECT envelope_cmk_rotate('pem:rec.pem')")

    def test_a_passphrase(self):
        locked = self.file("locked.pem")
        openssl("pkcs8", "-topk8", "-v2", "aes-256-cbc", "-iter", "20000",
                "-passout", "pass:" + CANARY, "-in", self.private,
                "-out", locked)
        os.chmod(locked, 0o600)
        conn = self.connect()
        text = self.refuses("is locked with a passphrase", conn, CREATE,
                            "pii", "pem:locked.pem")
        self.assertIn("ENVELOPE_PEM_PASSPHRASE_FILE", text)
        os.environ["ENVELOPE_PEM_PASSPHRASE"] = "wrong"
        self.refuses("is wrong", conn, CREATE, "pii", "pem:locked.pem")
        os.environ["ENVELOPE_PEM_PASSPHRASE_FILE"] = self.write(
            "phrase", CANARY.encode() + b"\n")
        del os.environ["ENVELOPE_PEM_PASSPHRASE"]
        conn.close()
        self.check_opens(self.sealed("pem:locked.pem"))

    def test_a_cut_wrap_does_not_open(self):
        blob = self.sealed("pem:rec.pem")
        self.plain().execute("UPDATE envelope_key_wrap SET wrapped ="
                             " substr(wrapped, 1, length(wrapped) - 1)")
        self.refuses_open("was altered", self.connect(), blob)

    def test_the_wrap_of_another_key_does_not_open(self):
        blob = self.sealed("pem:rec.pem")
        conn = self.connect()
        self.one(conn, CREATE, "b", "pem:rec.pem")
        conn.close()
        self.plain().execute(
            "UPDATE envelope_key_wrap SET wrapped = (SELECT wrapped FROM"
            " envelope_key_wrap JOIN envelope_key USING(key_id)"
            " WHERE name = 'b')")
        self.refuses_open("was altered", self.connect(), blob)


class RsaPem(Pem):
    """The same under RSA."""

    kind = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072")

    def test_openssl_opens_a_wrap(self):
        """By its command alone, as PEM.md says."""
        self.sealed("pem:rec.pub")
        plain = self.plain()
        wrapped = self.one(plain, "SELECT wrapped FROM envelope_key_wrap")
        name, version, suite, f, created = plain.execute(
            "SELECT name, version, suite, fingerprint, created"
            " FROM envelope_key").fetchone()
        context = (b"sqlite-envelope/v1/cmk\0"
                   + len(name).to_bytes(4, "big") + name.encode()
                   + version.to_bytes(4, "big") + bytes([suite]) + f
                   + created.to_bytes(8, "big") + b"\1")
        label = b"sqlite-envelope/v1/pem\0" + context
        out = self.file("payload")
        openssl("pkeyutl", "-decrypt", "-inkey", self.private,
                "-in", self.write("ciphertext", wrapped[34:]), "-out", out,
                "-pkeyopt", "rsa_padding_mode:oaep",
                "-pkeyopt", "rsa_oaep_md:sha256",
                "-pkeyopt", "rsa_mgf1_md:sha256",
                "-pkeyopt", "rsa_oaep_label:" + label.hex())
        self.assertEqual(64, os.stat(out).st_size)


if __name__ == "__main__":
    unittest.main()
