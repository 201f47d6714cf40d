"""`import flags` needs no configured Django: services without one read flags too."""

import os
import subprocess
import sys

import pytest

from tests.processes.server import ROOT

PLAIN = ["flags", "flags.declarations", "flags.config_vars", "flags.layers", "flags.errors"]
PLAIN += [
    "flags.store",
    "flags.keeper",
    "flags.names",
    "flags.table",
    "flags.sources.addresses",
    "flags.sources.postgres",
    "flags.sources.sqlite",
    "flags.refresher",
    "flags.values",
    "flags.runtime",
]
PLAIN += ["flags.client"]


def _python(source: str) -> str:
    """What a Python without any settings prints for this source."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-W", "error", "-c", source]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", PLAIN)
def test_importing_it_imports_no_django_and_starts_no_thread(module):
    source = (
        f"import sys, threading, {module}\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'django'])\n"
        "print(threading.active_count())"
    )
    assert _python(source) == "[]\n1"


def test_the_public_names_are_there_without_settings():
    assert _python("import flags; print(sorted(flags.__all__))") == (
        "['Resolution', 'UndeclaredFlag', 'ensure_fresh', 'explain', 'is_on']"
    )


def test_a_store_reads_flags_without_any_django():
    source = (
        "import sys\n"
        "from pathlib import Path\n"
        "from flags import declarations\n"
        "from flags.store import Store\n"
        "declared = declarations.load(Path('flags/feature_flags.yaml'))\n"
        "store = Store('staging', declared, None)\n"
        "print(store.is_on('console_flag_mgmt'), 'django' in sys.modules)"
    )
    assert _python(source) == "True False"


def test_the_first_question_without_settings_says_that_settings_are_missing():
    source = (
        "import flags\n"
        "try:\n"
        "    flags.is_on('console_billing')\n"
        "except Exception as error:\n"
        "    print(type(error).__name__)"
    )
    assert _python(source) == "ImproperlyConfigured"
