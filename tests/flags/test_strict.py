"""Where an undeclared key raises: under DEBUG and in tests, whoever runs them."""

import pytest
from django.test import utils
from django.test.utils import override_settings

import flags
from flags import runtime
from flags.errors import UndeclaredFlag


def test_in_tests_it_raises_without_any_fixture_of_ours(db, settings):
    assert settings.DEBUG is False
    before = runtime.replace_store(runtime._build_store())
    try:
        with pytest.raises(UndeclaredFlag):
            flags.is_on("no_such_flag")
    finally:
        runtime.store().stop()
        runtime.replace_store(before)


@pytest.mark.parametrize("debug", [True, False])
def test_elsewhere_debug_decides(monkeypatch, debug):
    monkeypatch.delattr(utils._TestState, "saved_data")
    with override_settings(DEBUG=debug):
        assert runtime.is_strict() is debug
