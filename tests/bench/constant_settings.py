"""The console's settings, with `tests.bench.constant` for its addresses."""

from raxxconsole.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.constant"
