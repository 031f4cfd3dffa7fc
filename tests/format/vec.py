# SPDX-License-Identifier: MIT
"""The text form of test vectors; tests/vectors/README.md describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

from envelope_format import Value

LINE_MAX = 32766


class Case:
    """One case of a file: its lines by name, in order."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def append(self, name: str, text: str) -> None:
        """Take in one more line."""
        self._lines.setdefault(name, []).append(text)

    def all(self, name: str) -> list[str]:
        """Every line of a name."""
        return self._lines.get(name, [])

    def one(self, name: str) -> str:
        """The line of a name that stands once."""
        (text,) = self._lines[name]
        return text

    def number(self, name: str) -> int:
        """A decimal number."""
        return int(self.one(name))

    def octets(self, name: str) -> bytes:
        """Bytes in hexadecimal."""
        return bytes.fromhex(self.one(name))

    def value(self, name: str) -> Value:
        """One typed value."""
        return value_from_text(self.one(name))

    def values(self, name: str) -> list[Value]:
        """Typed values in order, perhaps none."""
        return [value_from_text(text) for text in self.all(name)]


def value_from_text(text: str) -> Value:
    """Read `type hexbody`."""
    kind, _, body = text.partition(" ")
    return Value(int(kind, 16), bytes.fromhex(body))


def value_to_text(value: Value) -> str:
    """Write `type hexbody`."""
    return f"{value.type:02x} {value.body.hex()}".rstrip()


def read(path: Path) -> Iterator[Case]:
    """The cases of a file; a blank line ends a case."""
    case = Case()
    for line in path.read_text("ascii").splitlines():
        if not line and case:
            yield case
            case = Case()
        elif line and not line.startswith("#"):
            name, _, text = line.partition(":")
            case.append(name, text.removeprefix(" "))
    if case:
        yield case


def write_case(lines: list[tuple[str, str]]) -> str:
    """The text of one case."""
    text = ""
    for name, value in lines:
        line = f"{name}: {value}".rstrip()
        if len(line) > LINE_MAX:
            raise ValueError(f"{name}: line too long")
        text += line + "\n"
    return text
