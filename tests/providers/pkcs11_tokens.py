# SPDX-License-Identifier: MIT
"""Real PKCS#11 tokens for tests, each in a private folder.

A module stays loaded as long as the process, and reads where its tokens are
once. So a test file has one token, made by its setUpModule().
"""

import ctypes
import os
import re
import shutil
import subprocess

import servers

TOOLS = os.environ.get("EE_TOOLS") or os.path.join(
    servers.REPO, "build", "release", "tests", "tools")
PIN = "4711-canary"
SO_PIN = "so-87654321"

SOFTHSM = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib*/*/softhsm/libsofthsm2.so",
           "/usr/lib64/pkcs11/libsofthsm2.so")
SOFTOKN = ("/usr/lib/*/libsoftokn3.so", "/usr/lib/*/nss/libsoftokn3.so",
           "/usr/lib64/libsoftokn3.so")
TPM2 = ("/usr/lib/*/libtpm2_pkcs11.so.*", "/usr/lib/*/pkcs11/libtpm2_pkcs11.so*",
        "/usr/lib64/pkcs11/libtpm2_pkcs11.so*")


def run(*command, **env):
    """Runs a command that must not fail; returns what it prints."""
    done = subprocess.run(command, env=servers.settings(**env), timeout=120,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        raise AssertionError("%s: %s" % (command[0], text))
    return text


def tool(name):
    """A program of tests/tools."""
    return os.path.join(TOOLS, name)


class Token:
    """A token: env is what its module and ours need to find it."""

    label = "tests"

    def __init__(self, *patterns):
        self.module = servers.library(*patterns)
        self.dir = servers.private_dir()
        self.env = {}
        try:
            self.make()
        except BaseException:
            self.remove()
            raise
        # for the module, which reads this process's environment
        os.environ.update({k: v for k, v in self.env.items()
                           if not k.startswith("ENVELOPE_")})

    def make(self):
        raise NotImplementedError

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.file(name), "w", encoding="utf-8") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(text)
        return self.file(name)

    def settings(self):
        """Our settings, for the environment of a test."""
        return {k: v for k, v in self.env.items() if k.startswith("ENVELOPE_")}

    def uri(self, label):
        return "pkcs11:token=%s;object=%s" % (self.label.replace(" ", "%20"),
                                              label)

    def pkcs11_tool(self, *command):
        return run(servers.tool("pkcs11-tool"), "--module", self.module,
                   "--token-label", self.label, "--login", "--pin", PIN,
                   *command, **self.env)


class SoftHsm(Token):
    def __init__(self):
        super().__init__(*SOFTHSM)

    def make(self):
        os.mkdir(self.file("tokens"))
        conf = self.write("softhsm2.conf", "directories.tokendir = %s\n"
                          "objectstore.backend = file\nlog.level = ERROR\n"
                          % self.file("tokens"))
        self.env = {"SOFTHSM2_CONF": conf,
                    "ENVELOPE_PKCS11_MODULE": self.module,
                    "ENVELOPE_PKCS11_PIN_FILE": self.write("pin", PIN + "\n")}
        run(servers.tool("softhsm2-util"), "--init-token", "--free", "--label",
            self.label, "--so-pin", SO_PIN, "--pin", PIN, **self.env)


class Nss(Token):
    label = "NSS Certificate DB"
    rsa_id = None

    def __init__(self):
        super().__init__(*SOFTOKN)

    def make(self):
        pin = self.write("pin", PIN + "\n")
        run(servers.tool("certutil"), "-N", "-d", "sql:" + self.dir, "-f", pin)
        self.env = {
            "ENVELOPE_PKCS11_MODULE": self.module,
            "ENVELOPE_PKCS11_PIN_FILE": pin,
            "ENVELOPE_PKCS11_INIT_ARGS":
                "configdir='sql:%s' certPrefix='' keyPrefix='' secmod='' "
                "flags= " % self.dir,
        }


    def make_rsa_pair(self):
        """Before softokn is started in this process: rsa_id is its CKA_ID."""
        noise = self.write("noise", os.urandom(64).hex())
        database = ("-d", "sql:" + self.dir, "-f", self.file("pin"))
        run(servers.tool("certutil"), "-G", "-k", "rsa", "-g", "2048", "-z",
            noise, *database)
        listed = run(servers.tool("certutil"), "-K", *database)
        self.rsa_id = re.search(r"rsa +([0-9a-f]{40})", listed)[1]


class Tpm(Token):
    """A TPM in software, and tpm2-pkcs11 on it, without a resource manager."""

    label = "tpm"

    def __init__(self):
        self.server = None
        super().__init__(*TPM2)

    def make(self):
        for name in ("state", "store"):
            os.mkdir(self.file(name))
        port = self.two_ports()
        self.server = servers.Server(
            [servers.tool("swtpm"), "socket", "--tpm2", "--tpmstate",
             "dir=" + self.file("state"), "--server",
             "type=tcp,port=%d,bindaddr=127.0.0.1,disconnect" % port, "--ctrl",
             "type=tcp,port=%d,bindaddr=127.0.0.1" % (port + 1), "--flags",
             "not-need-init,startup-clear"],
            lambda: servers.answers(port + 1))
        tcti = "swtpm:host=127.0.0.1,port=%d" % port
        self.env = {"TPM2_PKCS11_TCTI": tcti,
                    "TPM2_PKCS11_STORE": self.file("store"),
                    "TPM2_PKCS11_LOG_LEVEL": "0", "TSS2_LOG": "all+none",
                    "ENVELOPE_PKCS11_MODULE": self.module,
                    "ENVELOPE_PKCS11_PIN_FILE": self.write("pin", PIN + "\n")}
        tool = (servers.tool("pkcs11-tool"), "--module", self.module)
        run(*tool, "--slot-index", "0", "--init-token", "--label", self.label,
            "--so-pin", SO_PIN, **self.env)
        run(*tool, "--token-label", self.label, "--login", "--login-type", "so",
            "--so-pin", SO_PIN, "--init-pin", "--pin", PIN, **self.env)

    @staticmethod
    def two_ports():
        """The second must be the first and one."""
        while True:
            port = servers.free_port()
            try:
                servers.answers(port + 1)
            except ConnectionRefusedError:
                return port

    def remove(self):
        if self.server is not None:
            self.server.stop()
        super().remove()


class Faults(ctypes.Structure):
    """struct faults of pkcs11_faults.c."""

    _fields_ = [("function", ctypes.c_char * 32), ("rv", ctypes.c_ulong),
                ("times", ctypes.c_int), ("flags", ctypes.c_ulong),
                ("removed", ctypes.c_int), ("logins", ctypes.c_int),
                ("sessions", ctypes.c_int), ("longer", ctypes.c_int),
                ("encrypts", ctypes.c_int), ("decrypts", ctypes.c_int),
                ("slow_ms", ctypes.c_int), ("hang", ctypes.c_char * 32),
                ("hanging", ctypes.c_int), ("inside", ctypes.c_int),
                ("attribute", ctypes.c_ulong), ("few", ctypes.c_int),
                ("twin", ctypes.c_int)]


def with_faults(token):
    """Puts pkcs11_faults.so before the token's module; returns its Faults."""
    path = os.path.join(os.path.dirname(TOOLS), "providers",
                        "pkcs11_faults.so")
    os.environ["EE_FAULTS_MODULE"] = token.module
    token.env["ENVELOPE_PKCS11_MODULE"] = path
    return Faults.in_dll(ctypes.CDLL(path), "faults")
