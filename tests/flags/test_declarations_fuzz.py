"""Whatever the file holds, `load()` returns declarations or raises DeclarationsError."""

import random
import re

import pytest
import yaml

from flags import plain_yaml
from flags.declarations import Declaration, DeclarationsError
from tests.flags.test_declarations import GOOD, SHIPPED, load

ROUNDS = 400
_SIGNS = [b"\0", b"\xff", b"\t", b"\r", b"\n", b" ", b"&a ", b"*a", b"!!python/name:x ", b"<<: "]
_SIGNS += [b'"', b"'", b"{", b"}", b"[", b"]", b"|", b">", b"%", b"@", b"? ", b"- ", b": ", b"#"]
_SIGNS += [
    b"\\ud800",
    b'"\\UFFFFFFFF"',
    b"---\n",
    b"...\n",
    b"null",
    b"on",
    b".inf",
    b"\xef\xbb\xbf",
]


def _mutated(random_: random.Random) -> bytes:
    """The shipped file with some of its bytes cut, doubled, moved or replaced."""
    data = bytearray(SHIPPED.read_bytes())
    for _ in range(random_.randint(1, 8)):
        start = random_.randrange(len(data))
        stop = min(len(data), start + random_.choice([0, 1, 1, 3, 40]))
        piece = random_.choice([b"", bytes(data[start:stop]) * 2, random_.choice(_SIGNS)])
        data[start:stop] = piece
    return bytes(data)


def _random_bytes(random_: random.Random) -> bytes:
    return random_.randbytes(random_.randrange(200))


def _random_signs(random_: random.Random) -> bytes:
    words = [*_SIGNS, b"a", b"default", b"risk", b"  ", b"\n  "]
    return b"".join(random_.choices(words, k=random_.randrange(60)))


def _loads_or_is_refused(directory, content: bytes) -> bool:
    """Whether `content` was refused; anything but the two allowed ways to end fails the test."""
    try:
        declared = load(directory, content)
    except DeclarationsError as refused:
        problems, message = refused.problems, ascii(refused)
    else:
        assert all(isinstance(flag, Declaration) for flag in declared.values())
        return False
    assert problems
    assert all(problem.line >= 1 for problem in problems)
    # A lone surrogate cannot be written to a terminal or to the log.
    assert not re.search(r"(?<!\\)\\ud[89a-f]", message)
    return True


# Wheels of PyYAML bring libyaml; where it had to be built without, the other loader runs.
@pytest.fixture(params=["libyaml", "python"])
def loader(request, monkeypatch):
    name = "CSafeLoader" if request.param == "libyaml" else "SafeLoader"
    monkeypatch.setattr(plain_yaml, "_LOADER", getattr(yaml, name))


@pytest.mark.parametrize("make", [_mutated, _random_bytes, _random_signs])
def test_damaged_files_are_read_or_refused_and_never_crash(tmp_path, loader, make):
    random_ = random.Random(20261122)
    refused = [_loads_or_is_refused(tmp_path, make(random_)) for _ in range(ROUNDS)]
    assert any(refused)


@pytest.mark.parametrize(
    "content",
    [
        '"\\U00110000": {}\n',
        '"\\UFFFFFFFF": {}\n',
        '"\\ud800": {}\n',
        "? |\n  \x7f\n: {}\n",
        f"%YAML 1.{'9' * 5000}\n---\n{GOOD}",
        "%TAG ! !%FF\n---\n!a b: {}\n",
        "!<%80> a: {}\n",
    ],
    ids=["U00110000", "UFFFFFFFF", "ud800", "DEL", "version", "tag directive", "tag"],
)
def test_what_crashes_a_yaml_parser_is_refused(tmp_path, loader, content):
    assert _loads_or_is_refused(tmp_path, content.encode())
