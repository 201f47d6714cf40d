"""A bound of time, on a machine that other tests share."""

import os

import pytest

timed = pytest.mark.flaky(reruns=0 if os.environ.get("SOAK") else 2, reruns_delay=1)
"""For a test that holds a clock against a bound: what else ran at that moment may have taken the
time, so it is measured again before it fails, and the summary says so. The long forms run one at a
time, and are measured once."""
