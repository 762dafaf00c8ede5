"""The two hashes of the template language that give the same text for the same input on every machine.

Both match Azure's, so that the names which a template makes up in the sandbox are those it would make up on
Azure.
"""

from __future__ import annotations

import struct
import uuid

_C1, _C2 = 0x239B961B, 0xAB0E9789
_WORD = 0xFFFFFFFF
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
# The namespace of `guid()`'s name-based (version 5) identifiers: Template functions, guid.
_GUID_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")


def unique_string(*values: str) -> str:
    """13 letters and digits that follow from `values` (uniqueString): base 32 of a 64-bit Murmur hash."""
    number = _murmur_64("-".join(values).encode())
    return "".join(_LETTERS[(number << 5 * place & 0xFFFFFFFFFFFFFFFF) >> 59] for place in range(13))


def guid(*values: str) -> str:
    """The GUID that follows from `values`."""
    return str(uuid.uuid5(_GUID_NAMESPACE, "-".join(values)))


def _murmur_64(data: bytes) -> int:
    """Murmur 3 over two 32-bit lanes."""
    first = second = 0
    whole = len(data) - len(data) % 8
    for one, two in struct.iter_unpack("<II", data[:whole]):
        first = (_rotate(first ^ _mix(one, _C1, 15, _C2), 19) + second) * 5 + 0x561CCD1B & _WORD
        second = (_rotate(second ^ _mix(two, _C2, 17, _C1), 13) + first) * 5 + 0x0BCAA747 & _WORD
    tail = data[whole:]
    first ^= _mix(int.from_bytes(tail[:4], "little"), _C1, 15, _C2)
    second ^= _mix(int.from_bytes(tail[4:], "little"), _C2, 17, _C1)
    return _finish(first ^ len(data), second ^ len(data))


def _mix(word: int, before: int, turn: int, after: int) -> int:
    return _rotate(word * before & _WORD, turn) * after & _WORD


def _rotate(word: int, turn: int) -> int:
    return (word << turn | word >> 32 - turn) & _WORD


def _finish(first: int, second: int) -> int:
    first = first + second & _WORD
    second = second + first & _WORD
    first, second = _avalanche(first), _avalanche(second)
    first = first + second & _WORD
    second = second + first & _WORD
    return second << 32 | first


def _avalanche(word: int) -> int:
    word = (word ^ word >> 16) * 0x85EBCA6B & _WORD
    word = (word ^ word >> 13) * 0xC2B2AE35 & _WORD
    return word ^ word >> 16
