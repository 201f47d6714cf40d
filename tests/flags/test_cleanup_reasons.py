"""Why a flag that was asked for by name is not in the clean-up list."""

from datetime import timedelta

import pytest

from flags.cleanup import clean_up, why_not
from flags.config_vars import GATE_KEY
from flags.errors import UndeclaredFlag
from flags.models import ConfigVarReport, DeclaredFlag
from tests.conftest import console_actor
from tests.flags.heroku.reporting import API, pin, take, told
from tests.flags.test_cleanup import (
    DAYS,
    DEFAULT_ON,
    KEY,
    LATER,
    SECOND,
    START,
    pinned,
    reported,  # noqa: F401 - a fixture
)
from tests.promotions.conftest import marked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reported")]


def said(key: str = KEY, env: str = "staging", now=LATER) -> str:
    assert not any(entry.flag for entry in clean_up(env, DAYS, now, key=key))
    return " ".join(why_not(key, env, DAYS, now))


def test_values_that_differ():
    pin(KEY, "staging", True, now=START)
    assert "on in staging, off in prod" in said()
    assert "Its row in staging is needed: it is not the default" in said()


def test_an_app_that_has_another_value():
    pinned()
    take({KEY: False}, app=API["prod"], switch=None, now=LATER)
    assert f"in {API['prod']} it is off, by the last report" in said()


def test_a_change_that_is_too_young():
    pinned(now=LATER - SECOND)
    assert f"which is less than {DAYS} days" in said()
    assert all(f"in {env} it is known to be so since" in said() for env in ("staging", "prod"))


def test_a_promotion_that_is_open(superadmin):
    marked(console_actor(superadmin), DEFAULT_ON, START)
    assert "a promotion of it is open" in said(DEFAULT_ON)


def test_config_vars_that_nobody_reported():
    pin(KEY, "staging", True, now=START)
    pin(KEY, "prod", True, now=START)
    ConfigVarReport.objects.filter(env="prod").delete()
    assert "cannot be seen" not in " ".join(why_not(KEY, "staging", DAYS, LATER))
    ConfigVarReport.objects.all().delete()
    DeclaredFlag.objects.filter(env="prod", flag_key=KEY).update(default_value=False)
    assert "prod" in said(DEFAULT_ON)


def test_config_vars_that_wait_for_its_rows_until_they_are_gone():
    """The deprecation table has both rows pinned; the list says nothing else of them."""
    for env in ("staging", "prod"):
        pin(DEFAULT_ON, env, True, now=START)
        take({DEFAULT_ON: True}, app=API[env], env=env, imported=True, now=START)
    for env in ("staging", "prod"):
        text = said(DEFAULT_ON, env, now=START + SECOND)
        for app in API.values():
            assert f"FLAG_RAPTOR_CURSOR_PAGING of {app} in" in text
        assert "is soaking by the deprecation table, /console/config-vars: the rows soak" in text
        assert "wait until it is ready, and unset it" in text


def test_a_row_without_which_the_other_environments_config_var_would_not_be_ready():
    pinned(value=False)
    take({KEY: False}, now=START)
    assert "without it FLAG_CONSOLE_BILLING of raxx-console-prod in prod would not be ready" in (
        " ".join(why_not(KEY, "staging", DAYS, START + timedelta(hours=24)))
    )


def test_the_self_gate_and_flags_of_one_environment_or_none():
    assert "self-gate" in said(GATE_KEY)
    DeclaredFlag.objects.filter(env="prod", flag_key=KEY).delete()
    assert "prod does not declare it" in said()
    with pytest.raises(UndeclaredFlag):
        said("no_such_flag")


def test_the_command_says_it(declared):
    out = told("flag_status", GATE_KEY, "--stale", "30")
    assert "Nothing to clean up in staging" in out
    assert f"{GATE_KEY}: It is the self-gate" in out


def test_the_command_sends_nobody_in_a_circle():
    """Pinned as the deprecation table says, it is not to be deleted three seconds later."""
    for env in ("staging", "prod"):
        pin(DEFAULT_ON, env, True)
        take({DEFAULT_ON: True}, app=API[env], env=env, imported=True)
    assert told("deprecation_table").count("| soaking |") == 2
    out = told("flag_status", DEFAULT_ON, "--stale", "3")
    assert "Nothing to clean up in staging" in out
    assert "Its config var goes first: FLAG_RAPTOR_CURSOR_PAGING of raxx-api-prod" in out
    assert "/console/config-vars" in out
    assert "wait until it is ready" in out
    assert not any(words in out for words in ("DELETE FROM", "config:unset"))
