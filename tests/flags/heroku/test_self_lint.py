"""The lint of the repository: every spelling of a second reader of `FLAG_*`, and what is none."""

from pathlib import Path

import pytest
from django.conf import settings

from flags.heroku.self_lint import READER, reads, sources

READERS = [
    'os.environ.get("FLAG_X")',
    'os.environ.get("FLAG_X", "0")',
    'os.environ["FLAG_X"]',
    'os.environ.pop("FLAG_X")',
    'os.environ.setdefault("FLAG_X", "1")',
    'os.getenv("FLAG_X")',
    'os.environb[b"FLAG_X"]',
    'os.environb.get("FLAG_X".encode())',
    'value = "on" if "FLAG_X" in os.environ else "off"',
    'from os import environ\nenviron["FLAG_X"]',
    'from os import environ as e\ne["FLAG_X"]',
    'from os import getenv as g\ng("FLAG_X")',
    'import os as system\nsystem.environ["FLAG_X"]',
    'env = os.environ\nenv.get("FLAG_X")',
    'NAME = "FLAG_X"\nos.environ.get(NAME)',
    'NAME: str = "FLAG_X"\nos.environ.get(NAME)',
    'if (name := f"FLAG_{key}"):\n    os.environ.get(name)',
    'self.name = "FLAG_" + key\nos.environ[self.name]',
    'name = "FLAG_{}".format(key)\nos.environ[name]',
    'os.environ[f"FLAG_{key.upper()}"]',
    'os.environ["FLAG_" + key]',
    'os.environ["FLAG_%s" % key]',
    "os.environ.get(name_of(key))",
    "os.environ.get(config_vars.name_of(key))",
    "name = name_of(key)\nos.environ.get(name)",
    "os.environ.get(config_vars.SWITCH)",
    "os.environ.get(PREFIX + key)",
    '[name for name in os.environ if name.startswith("FLAG_")]',
    '{n: v for n, v in os.environ.items() if n.startswith("FLAG_")}',
    'any(n.startswith("FLAG_") for n in os.environ)',
    'for name in os.environ:\n    if name.startswith("FLAG_"):\n        print(name)',
    'environment.read_bool("FLAG_X", default=False)',
    'read_text("FLAG_X")',
    'environ.Env().bool("FLAG_X")',
    'env = environ.Env()\nenv.bool("FLAG_X")',
    'env = environ.Env()\nenv("FLAG_X")',
]
OTHERS = [
    'os.environ.get("DATABASE_URL")',
    '"FLAG_X"',
    'print("FLAG_X is not 1")',
    "settings.FLAG_CONSOLE_FEATURE_FLAGS_DB",
    'os.environ.get("A"); print("FLAG_X")',
    "flags.is_on(key)",
    "print(name_of(key))",
    '"""os.environ.get("FLAG_X")"""',
    '# os.environ.get("FLAG_X")',
    'text = os.environ.get("A")\nprint(text, "FLAG_X")',
    "state = read_state(key, env)\nprint(name_of(state.key))",
    'values = {"FLAG_X": 1}\nvalues["FLAG_X"]',
    'os.environ.get("NOT_A_FLAG_X")',
    "for key in keys:\n    print(os.environ.get(key))\n    print(name_of(key))",
]


@pytest.fixture
def tree(tmp_path):
    """A tree of sources with one more file in it; where it reads FLAG_*."""

    (tmp_path / ".gitignore").write_text("build/\n# newapp audit\n!docs\n\n*.egg-info/\n")

    def lint(source: str, place: str = "promotions/new/odd.py") -> list[str]:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return reads(tmp_path)

    return lint


@pytest.mark.parametrize("source", READERS)
def test_a_second_reader_is_found_by_path_and_line(tree, source):
    last = source.count("\n") + 1
    found = tree(f"import os, environ\n\n{source}\n")
    assert found
    assert all(each.startswith("promotions/new/odd.py:") for each in found)
    lines = {int(each.removesuffix(" reads FLAG_*").rpartition(":")[2]) for each in found}
    assert lines <= set(range(3, 3 + last))


@pytest.mark.parametrize("source", OTHERS)
def test_what_reads_no_config_var_is_let_through(tree, source):
    assert tree(f"import os\n\n{source}\n") == []


@pytest.mark.parametrize(
    "place",
    [
        "audit/a.py",
        "flags/x/y/a.py",
        "newapp/m.py",
        "newapp/examples/m.py",
        "docs/conf.py",
        "scripts.py",
        "\u00fcber/a.py",
    ],
)
def test_every_folder_is_looked_through(tree, place):
    assert tree('import os\nos.getenv("FLAG_X")\n', place) == [f"{place}:2 reads FLAG_*"]


@pytest.mark.parametrize(
    "text",
    [
        b"os.environ['FLAG_\xff']",
        b"os.environ['FLAG_X'",
        b"environ FLAG_\0",
        b"environ['FLAG_X'" + b"(" * 10_000,
        b"environ['FLAG_X']" + b"-" * 100_000 + b"1",
    ],
    ids=["no UTF-8", "no Python", "a zero", "brackets without end", "too deep"],
)
def test_what_cannot_be_read_is_no_proof(tree, tmp_path, text):
    tree("")
    (tmp_path / "flags").mkdir()
    (tmp_path / "flags" / "odd.py").write_bytes(text)
    [said] = reads(tmp_path)
    assert said.startswith("flags/odd.py cannot be read as Python")


def test_an_environment_of_python_below_is_left_out(tree, tmp_path):
    source = 'import os\nos.getenv("FLAG_X")\n'
    assert tree(source, "env/lib/a.py") == ["env/lib/a.py:2 reads FLAG_*"]
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert reads(tmp_path) == []


@pytest.mark.parametrize(
    "place",
    [
        READER,
        "tests/a.py",
        "newapp/tests/a.py",
        "examples/b/a.py",
        ".heroku/a.py",
        "flags/.#a.py",
        "node_modules/x/a.py",
        "build/lib/a.py",
        "x.egg-info/a.py",
        "flags/notes.txt",
    ],
)
def test_the_one_reader_and_what_is_not_ours_are_left_out(tree, place):
    assert tree('import os\nos.getenv("FLAG_X")\n', place) == []


def test_a_file_with_a_byte_order_mark_is_python(tree):
    assert tree('\ufeffimport os\nos.getenv("FLAG_X")\n') == [
        "promotions/new/odd.py:2 reads FLAG_*"
    ]


def test_a_folder_that_cannot_be_listed_is_no_proof(tree, monkeypatch):
    def refused(place):
        raise PermissionError(13, "denied", str(place))

    tree("")
    monkeypatch.setattr("os.scandir", refused)
    [said] = reads(Path("/nowhere"))
    assert said == "/nowhere cannot be looked through (PermissionError)"


def test_a_link_in_a_circle_ends(tree, tmp_path):
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    assert len(tree('import os\nos.getenv("FLAG_X")\n')) == 1


def test_what_is_looked_at_is_the_console_and_nothing_that_was_installed():
    places = {path.relative_to(settings.BASE_DIR).parts[0] for path in sources(settings.BASE_DIR)}
    assert places >= {"audit", "accounts", "flags", "promotions", "raxxconsole", "manage.py"}
    assert places.isdisjoint({"tests", "examples", ".venv"})


def test_the_repository_itself_is_clean():
    assert reads(settings.BASE_DIR) == []
    assert (Path(settings.BASE_DIR) / READER).is_file()
