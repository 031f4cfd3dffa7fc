# SPDX-License-Identifier: MIT
"""The question for a passphrase, in the sqlite3 shell (rule 24)."""

import os
import pty
import select
import signal
import termios
import time
import unittest

from support import EXTENSION, PASSPHRASE, SqlTest

PATIENCE = 60.0
SEAL = "SELECT 'length ' || length(envelope_seal('v', 'pii'));\n"
SEALED = "length 111"


def has_terminals():
    """A container may have no /dev/ptmx. CI's has."""
    try:
        for fd in pty.openpty():
            os.close(fd)
    except OSError:
        return os.environ.get("CI") == "true"
    return True


class Terminal(SqlTest):
    keyfile = False

    def setUp(self):
        super().setUp()
        if not has_terminals():
            self.skipTest("no pseudo-terminals here")
        os.environ["ENVELOPE_PASSPHRASE"] = PASSPHRASE
        self.with_key().close()
        del os.environ["ENVELOPE_PASSPHRASE"]
        self.gone = []
        self.start(self.path)

    def start(self, path):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="dumb", HOME=self.dir)
            try:
                os.execvp("sqlite3", ["sqlite3", "-interactive", path])
            finally:
                os._exit(127)
        self.said = ""
        self.addCleanup(self.stop, self.pid, self.fd)
        self.expect("sqlite> ")
        self.type('.load "%s"\n' % EXTENSION)
        self.expect("sqlite> ")
        # the line editor's, at a prompt
        self.at_prompt = self.modes()

    def stop(self, pid, fd):
        if pid in self.gone:
            return
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        """Adds what comes to self.said; False when nothing does."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # the shell has gone
            return False
        self.said += data.decode("utf-8", "replace")
        return bool(data)

    def expect(self, text):
        """Reads until text has come; returns all up to it, takes it away."""
        end = time.monotonic() + PATIENCE
        while text not in self.said:
            left = end - time.monotonic()
            if left <= 0 or not self.read(left):
                self.fail("waited for %r, have %r" % (text, self.said))
        before, self.said = self.said.split(text, 1)
        self.messages.append(before)
        return before

    def echo(self):
        """Is what is typed shown?"""
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def modes(self):
        return termios.tcgetattr(self.fd)

    def check_modes(self):
        """The terminal is as it was, and shows what a program reads."""
        self.expect("sqlite> ")
        self.assertEqual(self.at_prompt, self.modes())

    def ask(self):
        """Makes the shell ask; returns when it waits for an answer."""
        self.type(SEAL)
        self.expect("Passphrase of keyring ")
        self.expect("app.db.keyring: ")

    def wait_until_it_waits(self):
        """The shell has gone to sleep behind its question."""
        asleep = 0
        while asleep < 3:
            with open("/proc/%d/stat" % self.pid, encoding="ascii") as stat:
                state = stat.read().rsplit(")", 1)[1].split()[0]
            asleep = asleep + 1 if state == "S" else 0
            time.sleep(0.02)

    def check_alive(self):
        """The shell goes on with its next statement."""
        self.type("SELECT 'still ' || 'here';\n")
        self.expect("still here")

    def test_a_typed_passphrase_opens(self):
        self.ask()
        self.type(PASSPHRASE + "\n")
        self.expect(SEALED)

    def test_nothing_typed_is_shown(self):
        self.ask()
        self.assertFalse(self.echo())
        self.type(PASSPHRASE + "\n")
        self.assertNotIn(PASSPHRASE[:4], self.expect(SEALED))

    def test_the_terminal_is_as_before_afterwards(self):
        self.ask()
        self.type(PASSPHRASE + "\n")
        self.expect(SEALED)
        self.check_modes()

    def test_it_asks_once_for_a_key(self):
        self.ask()
        self.type(PASSPHRASE + "\n")
        self.expect(SEALED)
        self.expect("sqlite> ")
        self.type(SEAL)
        self.assertNotIn("Passphrase", self.expect(SEALED))

    def test_backspace_and_ctrl_u_edit(self):
        self.ask()
        self.type("nonsense\x15" + PASSPHRASE + "é\x7fx\x08\n")
        self.expect(SEALED)

    def test_a_wrong_passphrase_is_told(self):
        self.ask()
        self.type("wrong\n")
        self.expect("passphrase is wrong")
        self.check_alive()

    def test_an_empty_passphrase_is_refused(self):
        self.ask()
        self.type("\n")
        self.expect("empty")
        self.check_alive()

    def test_ctrl_c_cancels(self):
        self.ask()
        self.type("abc\x03")
        self.expect("cancelled")
        self.check_modes()
        self.check_alive()

    def test_after_ctrl_c_it_asks_again(self):
        self.ask()
        self.type("\x03")
        self.expect("cancelled")
        self.expect("sqlite> ")
        self.ask()
        self.type(PASSPHRASE + "\n")
        self.expect(SEALED)

    def test_an_interrupt_signal_cancels(self):
        self.ask()
        self.wait_until_it_waits()
        os.kill(self.pid, signal.SIGINT)
        self.expect("cancelled")
        self.check_modes()
        self.check_alive()

    def test_ctrl_d_cancels(self):
        self.ask()
        self.type("\x04")
        self.expect("cancelled")
        self.check_alive()

    def test_a_pasted_next_line_is_not_the_passphrase(self):
        self.type(SEAL + "SELECT 'next ' || 'line';\n")
        self.expect("other input is waiting")
        self.expect("next line")
        self.check_alive()

    def test_a_right_passphrase_pasted_too_early_is_not_taken(self):
        self.type(SEAL + PASSPHRASE + "\n")
        self.expect("other input is waiting")
        self.check_modes()
        self.secrets.remove(PASSPHRASE)  # it was typed with echo on

    def test_it_does_not_ask_inside_a_write_transaction(self):
        self.type("BEGIN IMMEDIATE;\n")
        self.expect("sqlite> ")
        self.type(SEAL)
        self.expect("locked with a passphrase")
        self.check_alive()

    def start_with_keyring_elsewhere(self):
        """The database names a keyring that lies in another folder."""
        os.mkdir(self.file("else"), 0o700)
        uri = "keyring:" + self.file("else/far.keyring")
        os.environ["ENVELOPE_PASSPHRASE"] = PASSPHRASE
        conn = self.connect(self.file("far.db"))
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri)
        conn.close()
        del os.environ["ENVELOPE_PASSPHRASE"]
        self.start(self.file("far.db"))
        return uri

    def test_it_does_not_ask_for_a_keyring_that_only_the_database_names(self):
        self.start_with_keyring_elsewhere()
        self.type(SEAL)
        self.assertNotIn("Passphrase", self.expect("locked with a passphrase"))
        self.check_alive()

    def test_it_asks_for_a_keyring_elsewhere_that_a_setting_names(self):
        uri = self.start_with_keyring_elsewhere()
        self.type("SELECT 'set ' || length(envelope_config('cmks', '%s'));\n"
                  % uri)
        self.expect("set %d" % len(uri))
        self.expect("sqlite> ")
        self.type(SEAL)
        self.expect("far.keyring: ")
        self.type(PASSPHRASE + "\n")
        self.expect(SEALED)

    def test_a_new_keyring_asks_twice(self):
        self.start(self.file("new.db"))
        self.type("SELECT 'id ' || envelope_key_create('pii');\n")
        self.expect("new.db.keyring: ")
        self.type(PASSPHRASE + "\n")
        self.expect("The same again: ")
        self.type(PASSPHRASE + "\n")
        self.expect("id ")
        os.environ["ENVELOPE_PASSPHRASE"] = PASSPHRASE
        self.seal(self.connect(self.file("new.db")))

    def test_two_answers_that_differ_make_nothing(self):
        self.start(self.file("new.db"))
        self.type("SELECT envelope_key_create('pii');\n")
        self.expect("new.db.keyring: ")
        self.type(PASSPHRASE + "\n")
        self.expect("The same again: ")
        self.type(PASSPHRASE + "x\n")
        self.expect("differ")
        self.check_alive()
        self.assertFalse(os.path.exists(self.file("new.db.keyring")))

    def test_a_hung_up_terminal_ends_the_shell(self):
        self.ask()
        os.close(self.fd)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                self.gone.append(self.pid)
                return
            time.sleep(0.02)
        self.fd = os.open(os.devnull, os.O_RDONLY)
        self.fail("the shell waits on a terminal that is gone")


if __name__ == "__main__":
    unittest.main()
