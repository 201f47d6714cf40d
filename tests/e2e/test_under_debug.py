"""One whole journey on the development server, as `make run` serves it."""

import re

from tests.e2e.browsing import (
    FLAGS,
    Visit,
    expect_row,
    expect_said,
    is_marked,
    mark,
    not_now,
    row,
    run_action,
    sign_in,
    switch_to,
    toggle,
)

KEY = "console_billing"


def _post_to(page, path):
    """Have the flag's form post to another address, as a page older than the code would."""
    page.evaluate(
        """([key, path]) => {
            const form = document.getElementById(`flip-${key}`);
            form.setAttribute("hx-post", path);
            htmx.process(form);
        }""",
        [KEY, path],
    )


def test_a_whole_journey_under_debug(browser, template, tmp_path):
    deployment = template.copy(tmp_path)
    with deployment.served_for_development() as url:
        visit = Visit(browser, url)
        page = visit.context().new_page()
        page.goto(FLAGS)
        sign_in(page)
        mark(page)
        toggle(page, KEY).click()
        expect_row(page, KEY, "on", "db")

        visit.expects("status of 403", "status of 404")
        toggle(page, "checkout_express").click()
        not_now(page)
        expect_said(row(page, "checkout_express").get_by_role("alert"), re.compile("TOTP"))
        # Django's own error pages are whole documents under DEBUG.
        for path in (f"{FLAGS}/no_such_flag/flip", "/console/nowhere"):
            _post_to(page, path)
            toggle(page, KEY).click()
            expect_said(page.locator("#console-messages"), re.compile(r"\w"))
            expect_row(page, KEY, "on", "db")
        assert is_marked(page)

        switch_to(page, "prod")
        # The admin binds its select-all only when the page is there.
        page.wait_for_load_state("load")
        page.locator("#action-toggle").check()
        run_action(page, "Flip off")
        page.get_by_role("button", name=re.compile(r"Flip \d+ flags off in prod")).click()
        expect_row(page, KEY, "off", "db", env="prod")
        visit.end()
    assert deployment.rows()[KEY, "staging"] == 1
