"""What the operator sees of a promotion's step: the fresh row where it was clicked, or a page."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts.http import ConsoleRequest, refuse, render_page, safe_next, see_other
from flags.history import changes_of
from flags.layers import word
from flags.refusals import ElevationRequired, FlipRefused
from flags.state import read_states
from flags.views import row_on_page
from promotions.models import MAX_REASON_LENGTH, Promotion, State
from promotions.showing import show, with_people
from promotions.spans import brief
from promotions.standing import PROD
from promotions.story import story_of

# Where each state stands in the diagram: its left and upper edge.
_DIAGRAM = (
    (State.PENDING, 22, 20),
    (State.APPROVED, 232, 20),
    (State.PROMOTED, 462, 20),
    (State.REJECTED, 22, 118),
    (State.EXPIRED, 232, 118),
)
# The session's key for a phrase that was typed: [promotion, text].
_TYPED = "promotion_phrase"
_OURS = ("/console/flags", "/console/promotions")


def page(
    request: ConsoleRequest, pk: int, *, typed: str = "", status: int = 200, **context: Any
) -> HttpResponse:
    """The page of one promotion, with what was typed as the phrase."""
    promotion = with_people().filter(pk=pk).first()
    if promotion is None:
        return no_such(request, pk)
    (shown,) = show([promotion], request.actor, timezone.now())
    prod = read_states(PROD, [promotion.flag_key]).get(promotion.flag_key)
    context = {
        "title": f"{promotion.flag_key} {word(promotion.value)} → prod",
        "shown": shown,
        "typed": typed,
        "max_reason": MAX_REASON_LENGTH,
        "prod": prod,
        "prod_change": changes_of([prod]).get(prod.key) if prod else None,
        "story": story_of(promotion),
        "states": _DIAGRAM,
    } | context
    return render_page(request, "promotions/promotion.html", context, status)


def what_was_typed(request: ConsoleRequest, pk: int) -> str:
    """What this operator typed as the phrase before the page was left for a code, once."""
    if request.session.get(_TYPED, [None])[0] != pk:
        return ""
    return str(request.session.pop(_TYPED)[1])


def no_such(request: ConsoleRequest, pk: int) -> HttpResponse:
    return refuse(request, 404, f"There is no promotion {pk}.")


def done(request: ConsoleRequest, promotion: Promotion) -> HttpResponse:
    """A step that was taken: the row where it was clicked, or 303 to where it came from."""
    notice = _notice(promotion)
    if request.htmx:
        return _row(request, promotion.pk, promotion.flag_key, notice=notice)
    messages.success(request, f"{promotion.flag_key}: {notice}.")
    asked = request.POST.get("next", "")
    if not asked.startswith(_OURS):
        return see_other(reverse("admin:promotion", args=[promotion.pk]))
    is_queue = asked.startswith(_OURS[1])
    row = f"promotion-{promotion.pk}" if is_queue else f"flag-{promotion.flag_key}"
    return see_other(f"{safe_next(request, asked, 'admin:index')}#{row}")


def _notice(promotion: Promotion) -> str:
    value = word(promotion.value)
    if promotion.state == State.PENDING:
        soak = promotion.soak_ends_at - promotion.marked_at
        when = f"it soaks {brief(soak)}" if soak else "it has no soak"
        return f"marked {value} for prod: {when}"
    if promotion.state == State.PROMOTED:
        return f"promoted: {value} in prod now"
    return f"promotion {promotion.state}"


def refused(request: ConsoleRequest, pk: int, refusal: FlipRefused) -> HttpResponse:
    """A step that was not taken: why, and how the promotion stands now."""
    typed = request.POST.get("confirm", "")
    here = reverse("admin:promotion", args=[pk])
    again = f"{here}#promote" if isinstance(refusal, ElevationRequired) else ""
    if not request.htmx:
        if typed:
            # Not in the address: a link that brings the phrase along would type it for others.
            request.session[_TYPED] = [pk, typed]
        return page(
            request,
            pk,
            typed=typed,
            status=refusal.status,
            message=str(refusal),
            reason=request.POST.get("reason", ""),
            elevate_to=again,
            # The address of the step takes no GET.
            this_page=here,
        )
    key = Promotion.objects.get(pk=pk).flag_key
    how = {"notice": str(refusal), "refused": True, "elevate_to": again}
    return _row(request, pk, key, status=refusal.status, **how)


def mark_refused(request: ConsoleRequest, key: str, env: str, refusal: FlipRefused) -> HttpResponse:
    """A mark that was refused: why, and the flag as it is now."""
    row = row_on_page(request, key, env)
    if not request.htmx or row is None:
        return refuse(request, refusal.status, str(refusal), row=row)
    row = replace(row, notice=str(refusal), refused=True)
    context = {"row": row, "drop_to": request.POST.get("next", "")}
    return render(request, "flags/_refused_row.html", context, status=refusal.status)


def _row(
    request: ConsoleRequest, pk: int, key: str, *, status: int = 200, **how: Any
) -> HttpResponse:
    """The row that the click was made in: the flag's, or the promotion's in the queue."""
    refused = "_refused" if how.get("refused") else ""
    is_queue = (request.htmx.target or "").startswith("promotion-")
    row = None if is_queue else row_on_page(request, key, request.POST.get("env", ""))
    context: dict[str, Any] = {"drop_to": request.POST.get("next", "")}
    if row is not None:
        context["row"] = replace(row, **how)
        template = f"flags/{refused or '_flag'}_row.html"
    elif not is_queue and request.htmx.target:
        # The flag went from the YAML meanwhile: it has no row to be swapped in.
        return refuse(request, status, how["notice"])
    else:
        (shown,) = show([with_people().get(pk=pk)], request.actor, timezone.now())
        context["shown"] = replace(shown, **how)
        template = f"promotions/{refused or '_promotion'}_row.html"
    return render(request, template, context, status=status)
