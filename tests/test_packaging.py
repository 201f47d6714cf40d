"""`pip install` of this repository, as a service elsewhere does it: built, unpacked, imported."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.processes.server import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Built from a copy, because a build leaves its traces where it is made."""
    copy, built = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("built")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name in ("flags", "audit", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    build = "from setuptools.build_meta import build_wheel; import sys; build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(built)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    [path] = built.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_the_wheel_has_flags_with_types_and_declarations_and_no_other_room(wheel):
    names = set(wheel.namelist())
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"flags"}
    wanted = {"__init__.pyi", "py.typed", "feature_flags.yaml", "client/__init__.py"}
    assert {f"flags/{name}" for name in wanted} <= names
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "flags").rglob("*.py")}
    assert here <= names


def test_installed_with_pyyaml_alone_the_client_reads_flags_and_no_django(wheel, tmp_path):
    wheel.extractall(tmp_path)
    # Of everything that is installed here, this one package.
    site = Path(yaml.__file__).parent.parent
    for name in ("yaml", "_yaml"):
        if (site / name).is_dir():
            (tmp_path / name).symlink_to(site / name)
    source = (
        "import sys\n"
        f"sys.path.append({str(tmp_path)!r})\n"
        "from flags.client import FlagClient\n"
        "client = FlagClient('http://127.0.0.1:9', 'token')\n"
        "print(client.is_on('console_flag_mgmt'), client.explain('console_flag_mgmt').source)\n"
        "foreign = ('django', 'psycopg2', 'audit', 'accounts', 'promotions', 'raxxconsole')\n"
        "print([name for name in sys.modules if name.split('.')[0] in foreign])\n"
    )
    # Isolated, and without the packages of this environment.
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", source]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True yaml\n[]\n"


def test_what_it_needs_is_pyyaml_and_extras_decide_on_the_rest(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    needs = re.findall(r"^Requires-Dist: (.+)$", wheel.read(name).decode(), re.MULTILINE)
    assert [need for need in needs if "extra ==" not in need] == ["PyYAML"]
    assert set(EXTRAS) == {"console", "django", "openfeature"}


def test_the_extra_console_is_what_the_console_runs_on():
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    assert EXTRAS["console"] == [line for line in lines if line and not line.startswith("#")]
    assert set(EXTRAS["django"]) < set(EXTRAS["console"])
