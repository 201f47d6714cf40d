"""What the eye needs: contrast in both themes, and a page that fits its window."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import FLAGS, expect_dialog, not_now, row, switch_to, toggle
from tests.e2e.promoting import QUEUE, entered

READABLE = 4.5  # WCAG AA for text of ordinary size
WATCHED = (
    ".badge, [data-toggle] .word, .row-notice, .flag-description, .field-last_change,"
    " .shadow, .env-name, .env-note, .env-switch button, .field-flag a, .elevated,"
    " #console-dialog p, #console-dialog h2, #console-dialog label, #console-dialog button,"
    " .fact, .soak-words, .button.promote, .button.mark, .field-steps .button, .quiet-action,"
    " .promotion-page .quiet, .phrase, .facts dt, .promotion-page .button, .promotion-page summary"
)
# Text colour against the ground beneath it: every ancestor's background and opacity laid over the
# next one's, as the screen does.
CONTRASTS = """(selector) => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    function rgba(colour) {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    }
    const over = (top, alpha, ground) => ground.map((g, i) => top[i] * alpha + g * (1 - alpha));
    const chain = element => element ? [...chain(element.parentElement), element] : [];
    // An element's opacity lays all that is in it over what is behind it, as one picture.
    function paint([step, ...inner], behind) {
        const style = getComputedStyle(step), opacity = Number(style.opacity);
        const fill = rgba(style.backgroundColor), ink = rgba(style.color);
        const own = over(fill, fill[3], behind);
        const drawn = inner.length ? paint(inner, own) : [over(ink, ink[3], own), own];
        return drawn.map(colour => over(colour, opacity, behind));
    }
    function luminance(rgb) {
        const [r, g, b] = rgb.map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }
    function contrast(element) {
        const [text, ground] = paint(chain(element), [255, 255, 255]).map(luminance);
        return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    }
    const name = e => `${e.className || e.tagName} ${e.innerText.slice(0, 30)}`.trim();
    return [...document.querySelectorAll(selector)].filter(e => e.innerText.trim())
        .map(e => [name(e), Math.round(contrast(e) * 100) / 100]);
}"""


def _contrasts(page: Page) -> list[tuple[str, float]]:
    return [(name, contrast) for name, contrast in page.evaluate(CONTRASTS, WATCHED)]


def _brightness(page: Page) -> float:
    """0 for black, 255 for white: the page's own ground."""
    colour = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    red, green, blue = (int(part) for part in colour.strip("rgba()").split(",")[:3])
    return (red + green + blue) / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_text_can_be_read_in_both_themes(visit, console, scheme, name):
    """With a row just flipped, a row just refused, and in bob's case toggles that are not his."""
    visit.expects("status of 403")
    entered(console, "raptor_rate_limits", "email_digest_weekly")
    page = visit.signed_in(name, color_scheme=scheme)
    assert (_brightness(page) < 64) is (scheme == "dark")
    toggle(page, "console_billing").click()
    toggle(page, "checkout_express").click()
    expect(page.locator(".row-notice")).to_have_count(2)
    found = []
    if name == "alice":
        expect_dialog(page)
        found += _contrasts(page)
        not_now(page)

    found += _contrasts(page)
    assert len(found) > 60
    switch_to(page, "prod")
    found += _contrasts(page)
    for address in (QUEUE, f"{QUEUE}/1"):
        page.goto(address)
        found += _contrasts(page)
    assert {(name, contrast) for name, contrast in found if contrast < READABLE} == set()


def test_the_measure_of_contrast_can_fail(visit):
    page = visit.signed_in(bypass_csp=True)
    page.add_style_tag(content=".badge.risk-low { color: #999; background: #aaa; }")
    assert min(contrast for _, contrast in _contrasts(page)) < 2


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280])
def test_the_page_does_not_scroll_sideways(visit, width):
    page = visit.signed_in(viewport={"width": width, "height": 800})
    for address in (FLAGS, f"{FLAGS}/console_billing", "/console/audit", "/console/"):
        page.goto(address)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert (address, wide) == (address, width)


def test_on_a_phone_the_toggle_is_beside_its_flag_and_large_enough_for_a_thumb(visit):
    page = visit.signed_in(viewport={"width": 390, "height": 844}, has_touch=True)
    button = toggle(page, "console_billing")
    button.scroll_into_view_if_needed()
    expect(button).to_be_in_viewport(ratio=1)
    assert button.bounding_box()["height"] >= 40
    box = row(page, "console_billing").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    button.tap()
    expect(row(page, "console_billing")).to_have_attribute("data-value", "on")
