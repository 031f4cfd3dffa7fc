# SPDX-License-Identifier: MIT
"""What the SQL tests share: a scratch folder, a keyring, connections."""

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

REPO = os.environ.get("EE_REPO") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
EXTENSION = os.path.abspath(
    os.environ.get("EE_EXTENSION")
    or os.path.join(REPO, "build", "envelope.so")
)
SCALE = float(os.environ.get("EE_SCALE", "1.0"))
# surely longer than a few statements take, under valgrind too
SECONDS = 1 if SCALE >= 0.05 else 6
PRIVATE = re.compile(r"^(ENVELOPE_|CREDENTIALS_DIRECTORY$)")

# the plaintext of the tests; never to be seen in an error
CANARY = "canary-4f1d@example.org"
CANARY_NUMBER = 8675309421
PASSPHRASE = "correct horse 9b2e battery"

AUTH = "authentication failed"
UNAVAILABLE = "key unavailable"
ALTERED = "altered"

# offsets of an envelope without blind index, see FORMAT.md section 2
KEY_ID = slice(5, 13)
WRAP = slice(13, 61)
DATA = 61


def scaled(count, least=1):
    """A loop's rounds, after EE_SCALE."""
    return max(least, int(count * SCALE))


def load(conn):
    conn.enable_load_extension(True)
    conn.load_extension(EXTENSION)
    conn.enable_load_extension(False)
    return conn


def connect(path, **options):
    """A connection in autocommit that has the extension loaded."""
    options.setdefault("isolation_level", None)
    options.setdefault("check_same_thread", False)
    return load(sqlite3.connect(path, **options))


def run_shell(path, sql, extension=True, env=None):
    """Runs the sqlite3 shell; returns what subprocess.run() does."""
    script = ".bail on\n"
    if extension:
        script += '.load "%s"\n' % EXTENSION
    return subprocess.run(
        ["sqlite3", "-batch", "-init", os.devnull, path],
        input=script + sql,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=env,
        timeout=240,
    )


def shell(path, sql, **options):
    """Runs the sqlite3 shell; returns its output, which must be free of
    errors."""
    done = run_shell(path, sql, **options)
    if done.returncode != 0 or done.stderr:
        raise AssertionError("sqlite3 shell: " + done.stderr)
    return done.stdout


def flip(blob, bit):
    """The blob with one bit changed."""
    changed = bytearray(blob)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


class SqlTest(unittest.TestCase):
    """A scratch folder (0700), an environment without our settings but a key
    file, and a check that no error told a secret."""

    keyfile = True

    def setUp(self):
        self.messages = []
        self.dir = tempfile.mkdtemp(prefix="ee-sql-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.secrets = [CANARY, str(CANARY_NUMBER), PASSPHRASE]
        before = {k: v for k, v in os.environ.items() if PRIVATE.match(k)}
        self.addCleanup(os.environ.update, before)
        self.addCleanup(self.clear_environment)
        self.clear_environment()
        self.path = self.file("app.db")
        if self.keyfile:
            self.use_keyfile("secret.key")

    def tearDown(self):
        for text in self.messages:
            for secret in self.secrets:
                self.assertNotIn(secret, text)

    @staticmethod
    def clear_environment():
        for name in [k for k in os.environ if PRIVATE.match(k)]:
            del os.environ[name]

    def file(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data, mode=0o600):
        path = self.file(name)
        with open(path, "wb") as stream:
            stream.write(data)
        os.chmod(path, mode)
        return path

    def use_keyfile(self, name):
        path = self.write(name, os.urandom(32))
        os.environ["ENVELOPE_KEYFILE"] = path
        with open(path, "rb") as stream:
            self.secrets.append(stream.read().hex())

    def connect(self, path=None, **options):
        """A connection that is closed at the end of the test."""
        conn = connect(path or self.path, **options)
        self.addCleanup(conn.close)
        return conn

    def plain(self, path=None):
        """A connection without the extension."""
        conn = sqlite3.connect(path or self.path, isolation_level=None)
        self.addCleanup(conn.close)
        return conn

    def with_key(self, name="pii", path=None, **options):
        """A connection to a database with one key."""
        conn = self.connect(path, **options)
        self.one(conn, "SELECT envelope_key_create(?)", name)
        return conn

    def one(self, conn, sql, *args):
        """The only value of the only row."""
        rows = conn.execute(sql, args).fetchall()
        self.assertEqual(1, len(rows), sql)
        self.assertEqual(1, len(rows[0]), sql)
        return rows[0][0]

    def seal(self, conn, value=CANARY, key="pii", *context):
        marks = ", ?" * len(context)
        sql = "SELECT envelope_seal(?, ?%s)" % marks
        return self.one(conn, sql, value, key, *context)

    def open(self, conn, blob, *context):
        marks = ", ?" * len(context)
        return self.one(conn, "SELECT envelope_open(?%s)" % marks,
                        blob, *context)

    def error(self, conn, sql, *args):
        """The message of a statement that must fail."""
        with self.assertRaises(sqlite3.Error, msg=sql) as caught:
            conn.execute(sql, args).fetchall()
        text = str(caught.exception)
        self.messages.append(text)
        self.assertTrue(text.isprintable(), repr(text))
        return text

    def refuses(self, says, conn, sql, *args):
        """The statement fails, with these words in its message."""
        text = self.error(conn, sql, *args)
        self.assertIn(says, text)
        return text

    def refuses_seal(self, says, conn, key="pii"):
        return self.refuses(says, conn, "SELECT envelope_seal(?, ?)",
                            CANARY, key)

    def refuses_open(self, says, conn, blob, *context):
        marks = ", ?" * len(context)
        return self.refuses(says, conn, "SELECT envelope_open(?%s)" % marks,
                            blob, *context)

    def keys(self, conn, columns="name, version, state, current"):
        return conn.execute(
            "SELECT %s FROM envelope_keys ORDER BY schema, name, version"
            % columns
        ).fetchall()
