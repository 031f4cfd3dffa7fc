# SPDX-License-Identifier: MIT
"""Real servers for the tests of providers.

Each listens on a free port of the loopback, keeps its files in a folder of its
own, and is stopped, with whatever it started, when the test ends: also when
the test's process is killed, since the server hears of that from the kernel.
A server that is not installed makes its tests fail where CI=true, and skip
visibly for a user.
"""

import ctypes
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

REPO = os.environ.get("EE_REPO") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
VENV = os.path.join(REPO, "build", "venv", "bin")
PR_SET_PDEATHSIG = 1
STOP_SECONDS = 10
libc = ctypes.CDLL(None)


def absent(what):
    """What is not there is a failure in CI, and skipped elsewhere."""
    text = "%s is not installed: make test-providers" % what
    if os.environ.get("CI") == "true":
        raise AssertionError(text)
    raise unittest.SkipTest(text)


def tool(name):
    """The path of a command, of build/venv or of the system's."""
    path = os.path.join(VENV, name)
    if os.access(path, os.X_OK):
        return path
    return shutil.which(name) or absent(name)


def library(*patterns):
    """The first file that matches one of the patterns."""
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            return path
    return absent(os.path.basename(patterns[0]))


def free_port():
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def private_dir():
    """A folder of one's own, with a path short enough for a socket in it."""
    return tempfile.mkdtemp(prefix="ee-")


def wait_until(ready, what, seconds=30):
    """Until ready() is true; it may raise OSError while it is not."""
    end = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise AssertionError("%s after %g s" % (what, seconds))
        time.sleep(0.02)


def answers(port):
    """Does somebody listen?"""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def settings(**more):
    """An environment for a server: without proxies, and with these."""
    env = {k: v for k, v in os.environ.items()
           if not k.lower().endswith("_proxy") and k != "LD_PRELOAD"}
    env.update(more)
    return env


class Server:
    """A process that serves until stop(); use it as a context, or give stop to
    addCleanup() or addClassCleanup().

    command: what to run. ready: a function that says it serves. env: of
    settings(). What it prints is in log().
    """

    def __init__(self, command, ready, env=None):
        self.dir = private_dir()
        self.command = command
        self.ready = ready
        self.env = env or settings()
        self.process = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def log_path(self):
        return os.path.join(self.dir, "log")

    def log(self):
        with open(self.log_path(), encoding="utf-8", errors="replace") as f:
            return f.read()

    def start(self):
        """Starts it, or starts it again after halt()."""
        with open(self.log_path(), "ab") as out:
            self.process = subprocess.Popen(
                self.command, env=self.env, cwd=self.dir,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG,
                                              signal.SIGKILL))
        wait_until(self.is_ready, "%s does not serve" % self.command[0])

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("%s ended: %s" % (self.command[0],
                                                   self.log()))
        return self.ready()

    def pause(self):
        """It keeps its connections, and answers nobody."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def halt(self):
        """Ends the process; its files stay."""
        if self.process is None:
            return
        for number in (signal.SIGCONT, signal.SIGTERM):
            self.signal(number)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def stop(self):
        """Ends the process and removes its files."""
        self.halt()
        shutil.rmtree(self.dir, ignore_errors=True)
