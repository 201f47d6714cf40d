"""`{% if_flag %}`: literal and variable keys, both branches, mistakes."""

import logging

import pytest
from django.template import Context, Template, TemplateSyntaxError

import flags
from flags import runtime
from flags.store import Store
from flags.testing import override_flag

KEY, OTHER = "console_billing", "raptor_cursor_paging"


def render(body: str, **context) -> str:
    return Template("{% load flags %}" + body).render(Context(context))


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize(
    "tag",
    [
        '{% if_flag "console_billing" %}on{% else %}off{% endif_flag %}',
        "{% if_flag 'console_billing' %}on{% else %}off{% endif_flag %}",
        "{% if_flag key %}on{% else %}off{% endif_flag %}",
        "{% if_flag flag.key|lower %}on{% else %}off{% endif_flag %}",
    ],
)
def test_it_draws_one_of_its_branches(tag, on):
    with override_flag(KEY, on):
        assert render(tag, key=KEY, flag={"key": KEY.upper()}) == ("on" if on else "off")


def test_without_an_else_it_draws_nothing_while_off():
    with override_flag(KEY, False):
        assert render('a{% if_flag "console_billing" %}b{% endif_flag %}c') == "ac"


def test_they_nest_and_hold_other_tags():
    body = (
        '{% if_flag "console_billing" %}{% if_flag "raptor_cursor_paging" %}{{ both }}{% else %}'
        "one{% endif_flag %}{% else %}none{% endif_flag %}"
    )
    with override_flag(KEY, True), override_flag(OTHER, True):
        assert render(body, both="<both>") == "&lt;both&gt;"
    with override_flag(KEY, True), override_flag(OTHER, False):
        assert render(body) == "one"
    with override_flag(KEY, False):
        assert render(body) == "none"


def test_it_asks_at_each_rendering():
    template = Template('{% load flags %}{% if_flag "console_billing" %}on{% endif_flag %}')
    drawn = []
    for on in (True, False, True):
        with override_flag(KEY, on):
            drawn.append(template.render(Context()))
    assert drawn == ["on", "", "on"]


@pytest.mark.parametrize("tag", ['"no_such_flag"', "key", "missing", "none"])
def test_an_undeclared_key_raises_under_debug_and_in_tests(tag):
    with pytest.raises(flags.UndeclaredFlag):
        render(f"{{% if_flag {tag} %}}on{{% endif_flag %}}", key="no_such_flag", none=None)


def test_in_production_it_is_off_with_a_line_in_the_log(caplog):
    before = runtime.replace_store(Store("staging", runtime.declared(), None, strict=False))
    try:
        with caplog.at_level(logging.ERROR, "flags.store"):
            body = "{% if_flag key %}on{% else %}off{% endif_flag %}"
            assert render(body, key="no_such_flag") == "off"
            assert render(body, key=["no", "key"]) == "off"
    finally:
        runtime.replace_store(before)
    assert "undeclared flag 'no_such_flag' was asked for" in caplog.messages[0]


@pytest.mark.parametrize(
    "body",
    [
        "{% if_flag %}{% endif_flag %}",
        "{% if_flag a b %}{% endif_flag %}",
        '{% if_flag "a" %}',
        '{% if_flag "a" %}{% else %}{% else %}{% endif_flag %}',
        '{% if_flag "a" %}{% endif %}',
    ],
)
def test_a_mistake_in_the_template_is_told_of(body):
    with pytest.raises(TemplateSyntaxError):
        render(body)


def test_the_tag_of_this_library_and_those_of_the_flags_page_do_not_meet():
    assert render("{% load flag_rows %}{{ x|config_var_value }}", x=True) == "on"
