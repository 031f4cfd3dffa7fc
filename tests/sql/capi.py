# SPDX-License-Identifier: MIT
"""SQLite's C interface, where Python's module does not reach.

The library is the one that Python's sqlite3 module uses; library() opens
another copy, for a process with two.
"""

import ctypes
import re

import _sqlite3
from support import EXTENSION

OK, ERROR, BUSY = 0, 1, 5
UTF8, UTF16LE = 1, 2
TRANSIENT = ctypes.c_void_p(-1)


def host_path():
    """The file of the SQLite library that Python uses."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            found = re.search(r"/\S*libsqlite3\.so\S*", line)
            if found:
                return found[0]
    return _sqlite3.__file__  # linked into the module


def library(path=None):
    lib = ctypes.CDLL(path or host_path())
    p, i, s = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    out = ctypes.POINTER(p)
    for name, result, args in (
        ("open", i, [s, out]),
        ("close", i, [p]),
        ("enable_load_extension", i, [p, i]),
        ("load_extension", i, [p, s, s, ctypes.POINTER(p)]),
        ("exec", i, [p, s, p, p, p]),
        ("errmsg", s, [p]),
        ("prepare_v2", i, [p, s, i, out, p]),
        ("step", i, [p]),
        ("finalize", i, [p]),
        ("bind_text64", i, [p, i, s, ctypes.c_uint64, p, ctypes.c_ubyte]),
        ("column_text", s, [p, i]),
        ("auto_extension", i, [p]),
        ("reset_auto_extension", None, []),
    ):
        function = getattr(lib, "sqlite3_" + name)
        function.restype = result
        function.argtypes = args
    return lib


class Database:
    """A connection made by sqlite3_open()."""

    def __init__(self, path, lib=None):
        self.lib = lib or library()
        self.db = ctypes.c_void_p()
        rc = self.lib.sqlite3_open(path.encode(), ctypes.byref(self.db))
        assert rc == OK, rc

    def load(self):
        """Returns None, or the message of the failure."""
        message = ctypes.c_void_p()
        self.lib.sqlite3_enable_load_extension(self.db, 1)
        rc = self.lib.sqlite3_load_extension(
            self.db, EXTENSION.encode(), None, ctypes.byref(message))
        if rc == OK:
            return None
        return ctypes.string_at(message.value).decode()

    def run(self, sql):
        rc = self.lib.sqlite3_exec(self.db, sql.encode(), None, None, None)
        if rc != OK:
            raise RuntimeError(self.error())
        return self

    def error(self):
        return self.lib.sqlite3_errmsg(self.db).decode()

    def prepare(self, sql):
        stmt = ctypes.c_void_p()
        rc = self.lib.sqlite3_prepare_v2(self.db, sql.encode(), -1,
                                         ctypes.byref(stmt), None)
        if rc != OK:
            raise RuntimeError(self.error())
        return stmt

    def close(self):
        """The result of sqlite3_close(), which is BUSY when a statement was
        not finalized."""
        return self.lib.sqlite3_close(self.db)
