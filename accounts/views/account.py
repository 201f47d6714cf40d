"""One's own account: password, TOTP devices, recovery codes, sessions."""

from datetime import timedelta
from typing import Any

import segno
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, authenticate
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import resolve_url
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import enrolment, services, sessions
from accounts.http import (
    ConsoleRequest,
    act_refused,
    ended_elsewhere,
    operator_view,
    refuse,
    render_page,
    see_other,
)
from accounts.models import RecoveryCode
from accounts.proofs import ProofRefused, confirmed_devices
from accounts.refusals import ActRefused
from audit.services import audited

PAGE = "admin:account"
ENROL = "admin:enrol"
# How long the password that was given at the start is believed.
ENROLMENT_LASTS = timedelta(minutes=10)
_PENDING = "enrolling"


@operator_view(methods=("GET",), permission=None)
def account(request: ConsoleRequest) -> HttpResponse:
    """GET /console/account."""
    codes = RecoveryCode.objects.filter(user=request.user, used_at=None)
    context = {
        "title": "Your account",
        "roles": request.user.roles,
        "devices": confirmed_devices(request.user),
        "codes_left": codes.count(),
        "codes_made": enrolment.codes_made(request.user),
        "other_sessions": sessions.others(request.operator_session),
    }
    return render_page(request, "accounts/account.html", context)


@sensitive_post_parameters("password", "token")
@sensitive_variables("codes")
@operator_view(methods=("GET", "POST"), permission=None, page=ENROL)
def enrol(request: ConsoleRequest) -> HttpResponse:
    """/console/account/enrol: the password, then the secret and a code of it, then the codes."""
    try:
        if "password" in request.POST:
            return _begin(request)
        if "token" in request.POST:
            return _confirm(request)
        if _pending(request) is None:
            enrolment.check_may_enrol(request.user, request.actor)
    except ActRefused as refused:
        return act_refused(request, refused, resolve_url(ENROL))
    return _enrolment_page(request)


def _begin(request: ConsoleRequest) -> HttpResponse:
    enrolment.check_may_enrol(request.user, request.actor)
    if not _is_own_password(request, request.POST["password"]):
        return _enrolment_page(request, "That is not your password.", status=403)
    device = enrolment.begin(request.user, actor=request.actor)
    until = timezone.now() + ENROLMENT_LASTS
    request.session[_PENDING] = {"device": device.pk, "until": until.timestamp()}
    return see_other(resolve_url(ENROL))


def _confirm(request: ConsoleRequest) -> HttpResponse:
    device = _pending(request)
    if device is None:
        return refuse(request, 409, _over(request))
    token = request.POST["token"]
    try:
        codes = enrolment.confirm(device, token, actor=request.actor, now=timezone.now())
    except ProofRefused as refused:
        return _enrolment_page(request, refused.with_wait, status=refused.status)
    del request.session[_PENDING]
    if not codes:
        messages.success(request, "The device is enrolled. Your recovery codes stay as they are.")
        return see_other(resolve_url(PAGE))
    return _codes_page(request, codes, "Enrolled", enrolled_now=True)


@sensitive_variables("codes")
@operator_view(methods=("POST",), permission=None, page=PAGE)
def renew_codes(request: ConsoleRequest) -> HttpResponse:
    """POST /console/account/recovery-codes: ten new ones instead of the old ones."""
    seen = request.POST.get("made")
    try:
        codes = enrolment.renew_codes(
            request.user, actor=request.actor, now=timezone.now(), seen=seen
        )
    except ActRefused as refused:
        return act_refused(request, refused, resolve_url(PAGE))
    return _codes_page(request, codes, "New recovery codes")


@operator_view(methods=("POST",), permission=None, page=PAGE)
def remove_device(request: ConsoleRequest, pk: int) -> HttpResponse:
    """POST /console/account/devices/<pk>/remove."""
    try:
        enrolment.remove_device(request.user, pk, actor=request.actor)
    except ActRefused as refused:
        return act_refused(request, refused, resolve_url(PAGE))
    messages.success(request, "The device is removed: its codes are worth nothing now.")
    return see_other(resolve_url(PAGE))


@operator_view(methods=("POST",), permission=None, page=PAGE)
def end_sessions(request: ConsoleRequest) -> HttpResponse:
    """POST /console/account/end-sessions: all but this one."""
    ended = services.end_sessions(request.user, actor=request.actor, but=request.operator_session)
    messages.success(request, f"Ended: {ended} other session{'' if ended == 1 else 's'}.")
    return see_other(resolve_url(PAGE))


class _PasswordChange(PasswordChangeForm):
    """The old password is asked of the throttled sign-in, so that it cannot be guessed here."""

    def __init__(self, request: ConsoleRequest, data: Any = None) -> None:
        self.request = request
        super().__init__(request.user, data)

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not _is_own_password(self.request, password):
            raise ValidationError(self.error_messages["password_incorrect"], "password_incorrect")
        return password

    def clean_new_password1(self) -> str:
        password: str = self.cleaned_data["new_password1"]
        if self.request.user.check_password(password):
            raise ValidationError("This is your present password.", "password_unchanged")
        return password


@sensitive_post_parameters()
@operator_view(methods=("GET", "POST"), permission=None, page="admin:password_change")
def change_password(request: ConsoleRequest) -> HttpResponse:
    """/console/password_change/: ends one's other sessions, and the elevation of this one."""
    form = _PasswordChange(request, request.POST or None)
    row = request.operator_session
    if form.is_valid():
        user = form.save(commit=False)
        try:
            with audited():
                services.change_password(user, actor=request.actor, but=row)
                sessions.rotate(request.session, row)
        except sessions.SessionEnded:
            return ended_elsewhere(request, PAGE)
        # The session's tie to the password; its key was rotated above.
        request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        messages.success(request, "Your password is changed; your other sessions are ended.")
        return see_other(resolve_url(PAGE))
    context = {"title": "Change your password", "form": form}
    return render_page(request, "accounts/password.html", context)


def _over(request: ConsoleRequest) -> str:
    if not confirmed_devices(request.user):
        return "This enrolment is over: begin again from your account page."
    return (
        "You are enrolled. The recovery codes were shown once; if you have not kept them, "
        "elevate and make new ones on your account page."
    )


def _is_own_password(request: ConsoleRequest, password: str) -> bool:
    """Whether this is the operator's own password; a wrong one counts as a failed sign-in."""
    user = authenticate(request, username=request.user.get_username(), password=password)
    return user is not None and user.pk == request.user.pk


def _pending(request: ConsoleRequest) -> TOTPDevice | None:
    """The device that this session is enrolling, if its time is not over."""
    pending = request.session.get(_PENDING)
    if pending is None or pending["until"] < timezone.now().timestamp():
        return None
    mine = TOTPDevice.objects.filter(user=request.user, confirmed=False)
    return mine.filter(pk=pending["device"]).first()


@sensitive_variables("device", "context")
def _enrolment_page(request: ConsoleRequest, error: str = "", status: int = 200) -> HttpResponse:
    device = _pending(request)
    context: dict[str, Any] = {"title": "Enrol a TOTP device", "error": error, "device": device}
    if device is not None:
        code = segno.make(device.config_url, error="m", micro=False)
        context["qr"] = code.svg_inline(scale=5, border=4, light="#fff", svgclass="qr")
        context["secret"] = enrolment.secret_of(device)
    return render_page(request, "accounts/enrol.html", context, status)


@sensitive_variables("codes")
def _codes_page(
    request: ConsoleRequest, codes: list[str], title: str, *, enrolled_now: bool = False
) -> HttpResponse:
    context = {"title": title, "codes": codes, "enrolled_now": enrolled_now}
    return render_page(request, "accounts/recovery_codes.html", context)
