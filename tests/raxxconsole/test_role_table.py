"""Every address of the console by every kind of visitor (DESIGN, Roles).

A new address fails here until it has its rows.
"""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.urls import URLPattern, get_resolver

from audit.models import AuditEntry
from flags.testing import inline_store
from tests.conftest import PASSWORD
from tests.pages import HIGH, LOW, MEDIUM, everything, flip_url, undone
from tests.raxxconsole.visits import DUE_HIGH, FLIP, Visit, prepare

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
# Each kind of visitor, and the column of the table that is theirs.
COLUMNS = {
    **dict.fromkeys(("anonymous", "unstaffed", "deactivated"), "signed_out"),
    **dict.fromkeys(("readonly", "support"), "sees_none"),
    "ops": "ops",
    **dict.fromkeys(("superadmin", "superuser", "expired", "elsewhere"), "superadmin"),
    **dict.fromkeys(("elevated", "elevated-superuser"), "elevated"),
}


class Done(int):
    """A status that says that something was written; a plain number says that nothing was."""


class Row(NamedTuple):
    """One method of one address, and its status for each column.

    `audited` are the acts that a Done leaves in the audit log, "" nothing. In `path` and `fields`
    stand the names in braces that a Visit knows.
    """

    method: str
    path: str
    signed_out: int
    sees_none: int
    ops: int
    superadmin: int
    elevated: int
    fields: dict[str, str] = {}
    audited: str = ""


OK, SEEN = Done(200), Done(303)
ANSWER = {"env": "staging", "seen": "{gone_low}", "incident": "INC-7"}
STAGING = {"env": "staging"}
MARKED, PROMOTED = "flag.flip flag.mark_promote", "flag.approved flag.flip flag.promoted"
BULK = {"action": "flip_on", "_selected_action": "{high}", "plan": "{plan}"}
LIST, FLAG = "/console/flags", f"/console/flags/{LOW}"
OFFER = f"/console/flags/{HIGH}/offer"
GLASS = "/console/break-glass/{glass}/acknowledge"
TOKENS, REVOKE = "/console/service-tokens", "/console/service-tokens/{token}/revoke"
NEW_TOKEN = {"name": "new", "env": "staging", "app": "raptor-staging"}
OFREP = "/ofrep/v1/evaluate/flags"
ACCOUNT, ENROL = "/console/account", "/console/account/enrol"
CODES, END_OWN = "/console/account/recovery-codes", "/console/account/end-sessions"
REMOVE, PASSWORDS = "/console/account/devices/{device}/remove", "/console/password_change/"
ERIN, ME, GONE, NOBODY = (
    f"/console/users/{name}" for name in ("erin", "{me}", "frank", "no-such-operator")
)
NEW = {"old_password": PASSWORD, **dict.fromkeys(("new_password1", "new_password2"), "staple-74-x")}

# Pattern as the URLconf has it; then the statuses of whoever is signed out, may see no flags,
# is ops, is a superadmin without a proof in this session, and is elevated.
# fmt: off
ADDRESSES = {
    "": [Row("GET", "/", 302, 302, 302, 302, 302)],
    "healthz": [Row("GET", "/healthz", 200, 200, 200, 200, 200)],
    "readyz": [Row("GET", "/readyz", 200, 200, 200, 200, 200)],
    "console": [Row("GET", "/console", 302, 302, 302, 302, 302)],
    "console/": [Row("GET", "/console/", 302, 200, 200, 200, 200)],
    "console/login": [
        Row("GET", "/console/login", 200, 302, 302, 302, 302),
        Row("POST", "/console/login", OK, OK, OK, OK, OK,
            {"username": "nobody", "password": "wrong"}, "operator.sign_in_failed"),
    ],
    "console/logout": [
        Row("POST", "/console/logout", 302, OK, OK, OK, OK, {}, "operator.signed_out"),
    ],
    "console/config-vars": [Row("GET", "/console/config-vars", 302, 403, 200, 200, 200)],
    "console/service-tokens": [
        Row("GET", TOKENS, 302, 403, 403, 200, 200),
        Row("POST", TOKENS, 302, 403, 403, 400, 400),
        Row("POST", TOKENS, 302, 403, 403, 409, 409, NEW_TOKEN | {"name": "there"}),
        Row("POST", TOKENS, 302, 403, 403, 403, OK, NEW_TOKEN, "service_token.created"),
    ],
    "console/service-tokens/<int:pk>/revoke": [
        Row("GET", REVOKE, 302, 403, 403, 200, 200),
        Row("GET", f"{TOKENS}/0/revoke", 302, 403, 403, 404, 404),
        Row("POST", f"{TOKENS}/0/revoke", 302, 403, 403, 404, 404),
        Row("POST", REVOKE, 302, 403, 403, 403, SEEN, {}, "service_token.revoked"),
    ],
    "ofrep/v1/evaluate/flags": [Row("POST", OFREP, 401, 401, 401, 401, 401)],
    r"ofrep/^v1/evaluate/flags/(?P<key>[\s\S]+)\Z": [
        Row("POST", f"{OFREP}/{LOW}", 401, 401, 401, 401, 401),
        Row("POST", f"{OFREP}/no_such_flag", 401, 401, 401, 401, 401),
    ],
    "ofrep/": [
        Row(method, "/ofrep/nowhere", 404, 404, 404, 404, 404)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ],
    "console/elevate": [
        Row("GET", "/console/elevate", 302, 200, 200, 200, 200),
        Row("POST", "/console/elevate", 302, 400, 400, 400, 400),
        Row("POST", "/console/elevate", 302, Done(403), Done(403), Done(403), Done(403),
            {"token": "{wrong}"}, "operator.elevation_refused"),
        Row("POST", "/console/elevate", 302, SEEN, SEEN, SEEN, SEEN,
            {"token": "{code}"}, "operator.elevated"),
    ],
    "console/elevate/drop": [
        Row("POST", "/console/elevate/drop", 302, 303, 303, 303, SEEN,
            {}, "operator.elevation_dropped"),
    ],
    "console/account": [Row("GET", ACCOUNT, 302, 200, 200, 200, 200)],
    "console/account/enrol": [
        Row("GET", ENROL, 302, 403, 403, 403, 200),
        Row("POST", ENROL, 302, 403, 403, 403, 200),
        Row("POST", ENROL, 302, 403, 403, 403, SEEN, {"password": PASSWORD}),
        Row("POST", ENROL, 302, 403, 403, 403, Done(403),
            {"password": "wrong"}, "operator.sign_in_failed"),
        Row("POST", ENROL, 302, 409, 409, 409, 409, {"token": "{code}"}),
    ],
    "console/account/recovery-codes": [
        Row("POST", CODES, 302, 403, 403, 403, OK, {}, "operator.recovery_codes_renewed"),
    ],
    "console/account/devices/<int:pk>/remove": [
        Row("POST", REMOVE, 302, 403, 403, 403, SEEN, {}, "operator.device_removed"),
        Row("POST", "/console/account/devices/{erins_device}/remove", 302, 403, 403, 403, 409),
    ],
    "console/account/end-sessions": [
        Row("POST", END_OWN, 302, SEEN, SEEN, SEEN, SEEN, {}, "operator.sessions_ended"),
    ],
    "console/password_change/": [
        Row("GET", PASSWORDS, 302, 200, 200, 200, 200),
        Row("POST", PASSWORDS, 302, 200, 200, 200, 200),
        Row("POST", PASSWORDS, 302, SEEN, SEEN, SEEN, SEEN, NEW, "operator.password_changed"),
    ],
    "console/users": [Row("GET", "/console/users", 302, 403, 403, 200, 200)],
    "console/users/<str:name>": [
        Row("GET", ERIN, 302, 403, 403, 200, 200),
        Row("GET", ME, 302, 403, 403, 200, 200),
        Row("GET", NOBODY, 302, 403, 403, 404, 404),
    ],
    "console/users/<str:name>/role": [
        Row("POST", f"{ERIN}/role", 302, 403, 403, 400, 400),
        Row("POST", f"{NOBODY}/role", 302, 403, 403, 404, 404, {"role": "support"}),
        Row("POST", f"{ME}/role", 302, 403, 403, 403, 403, {"role": "support"}),
        Row("POST", f"{ERIN}/role", 302, 403, 403, 403, SEEN,
            {"role": "support"}, "operator.role_changed"),
    ],
    "console/users/<str:name>/activate": [
        Row("POST", f"{NOBODY}/activate", 302, 403, 403, 404, 404),
        Row("POST", f"{ERIN}/activate", 302, 403, 403, 403, 303),
        Row("POST", f"{GONE}/activate", 302, 403, 403, 403, SEEN, {}, "operator.reactivated"),
    ],
    "console/users/<str:name>/deactivate": [
        Row("POST", f"{NOBODY}/deactivate", 302, 403, 403, 404, 404),
        Row("POST", f"{ME}/deactivate", 302, 403, 403, 403, 403),
        Row("POST", f"{ERIN}/deactivate", 302, 403, 403, 403, SEEN, {}, "operator.deactivated"),
    ],
    "console/users/<str:name>/end-sessions": [
        Row("POST", f"{NOBODY}/end-sessions", 302, 403, 403, 404, 404),
        Row("POST", f"{ERIN}/end-sessions", 302, 403, 403, 403, SEEN,
            {}, "operator.sessions_ended"),
    ],
    "console/env": [
        Row("POST", "/console/env", 302, 302, 302, 302, 302, {"env": "prod"}),
        Row("POST", "/console/env", 302, 400, 400, 400, 400, {"env": "production"}),
        Row("POST", "/console/env", 302, 400, 400, 400, 400),
    ],
    "console/flags": [
        Row("GET", LIST, 302, 403, 200, 200, 200),
        Row("POST", LIST, 302, 403, 200, 200, 200),
        Row("POST", LIST, 302, 403, 302, 302, Done(302), BULK, "flag.flip"),
    ],
    "console/flags/<str:key>": [
        Row("GET", FLAG, 302, 403, 200, 200, 200),
        Row("GET", f"{LIST}/no_such_flag", 302, 403, 404, 404, 404),
    ],
    "console/flags/<str:key>/flip": [
        Row("POST", flip_url(), 302, 403, 400, 400, 400),
        Row("POST", flip_url("no_such_flag"), 302, 403, 404, 404, 404),
        Row("POST", flip_url(LOW), 302, 403, SEEN, SEEN, SEEN, FLIP, "flag.flip"),
        Row("POST", flip_url(MEDIUM), 302, 403, 403, SEEN, SEEN, FLIP, "flag.flip"),
        Row("POST", flip_url(HIGH), 302, 403, 403, 403, SEEN, FLIP, "flag.flip"),
    ],
    "console/flags/<str:key>/offer": [
        Row("GET", OFFER, 302, 403, 400, 400, 400),
        Row("GET", f"{OFFER}?{urlencode(FLIP)}", 302, 403, 200, 200, 200),
        Row("GET", f"{LIST}/no_such_flag/offer?{urlencode(FLIP)}", 302, 403, 404, 404, 404),
    ],
    "console/flags/<str:key>/reconcile": [
        Row("POST", f"{FLAG}/reconcile", 302, 403, 400, 400, 400),
        Row("POST", f"{FLAG}/reconcile", 302, 403, 400, 400, 400, ANSWER | {"incident": " "}),
        Row("POST", f"{LIST}/no_such_flag/reconcile", 302, 403, 404, 404, 404, ANSWER),
        Row("POST", f"{FLAG}/reconcile", 302, 403, 409, 409, 409, ANSWER | {"seen": "db::1"}),
        Row("POST", f"{FLAG}/reconcile", 302, 403, 409, 409, 409, ANSWER | {"env": "prod"}),
        Row("POST", f"{FLAG}/reconcile", 302, 403, SEEN, SEEN, SEEN, ANSWER, "flag.reconciled"),
        Row("POST", f"{LIST}/{MEDIUM}/reconcile", 302, 403, 403, SEEN, SEEN,
            ANSWER | {"seen": "{gone_medium}"}, "flag.reconciled"),
        Row("POST", f"{LIST}/{HIGH}/reconcile", 302, 403, 403, SEEN, SEEN,
            ANSWER | {"seen": "{gone_high}"}, "flag.reconciled"),
    ],
    "console/flags/<str:key>/mark-promote": [
        Row("POST", f"{FLAG}/mark-promote", 302, 403, 400, 400, 400),
        Row("POST", f"{FLAG}/mark-promote", 302, 403, 400, 400, 400, STAGING | {"seen": "x"}),
        Row("POST", f"{LIST}/no_such_flag/mark-promote", 302, 403, 404, 404, 404, STAGING),
        Row("POST", f"{FLAG}/mark-promote", 302, 403, 403, 409, 409, {"env": "prod"}),
        Row("POST", f"{FLAG}/mark-promote", 302, 403, 403, SEEN, SEEN, STAGING, MARKED),
        Row("POST", f"{LIST}/{HIGH}/mark-promote", 302, 403, 403, SEEN, SEEN, STAGING, MARKED),
    ],
    "console/promotions": [
        Row("GET", "/console/promotions", 302, 403, 200, 200, 200),
        Row("POST", "/console/promotions", 302, 403, 200, 200, 200),
    ],
    "console/promotions/<int:pk>": [
        Row("GET", "/console/promotions/{due_low}", 302, 403, 200, 200, 200),
        Row("GET", "/console/promotions/0", 302, 403, 404, 404, 404),
    ],
    "console/promotions/<int:pk>/approve": [
        Row("POST", "/console/promotions/0/approve", 302, 403, 404, 404, 404),
        Row("POST", "/console/promotions/{due_low}/approve", 302, 403, 403, SEEN, SEEN,
            {}, "flag.approved"),
    ],
    "console/promotions/<int:pk>/promote": [
        Row("POST", "/console/promotions/0/promote", 302, 403, 404, 404, 404),
        Row("POST", "/console/promotions/{due_low}/promote", 302, 403, 403, SEEN, SEEN,
            {}, PROMOTED),
        Row("POST", "/console/promotions/{due_low}/promote", 302, 403, 403, 409, 409,
            {"env": "prod"}),
        Row("POST", "/console/promotions/{due_high}/promote", 302, 403, 403, 403, SEEN,
            {"confirm": f"promote {DUE_HIGH} to prod"}, PROMOTED),
        Row("POST", "/console/promotions/{due_high}/promote", 302, 403, 403, 403, 409,
            {"confirm": f"promote {DUE_HIGH} to Prod"}),
    ],
    "console/promotions/<int:pk>/reject": [
        Row("POST", "/console/promotions/0/reject", 302, 403, 404, 404, 404),
        Row("POST", "/console/promotions/{due_low}/reject", 302, 403, 400, 400, 400),
        Row("POST", "/console/promotions/{due_high}/reject", 302, 403, 403, SEEN, SEEN,
            {"reason": "not yet"}, "flag.rejected"),
    ],
    "console/break-glass/<int:pk>/acknowledge": [
        Row("POST", "/console/break-glass/0/acknowledge", 302, 403, 403, 303, 303),
        Row("POST", GLASS, 302, 403, 403, SEEN, SEEN, {}, "break_glass.acknowledged"),
    ],
    "console/audit": [Row("GET", "/console/audit", 302, 403, 200, 200, 200)],
    **{
        f"console/{old}": [Row("GET", f"/console/{old}", 302, 302, 302, 302, 302)]
        for old in (
            *("login/", "accounts/user/", "flags/declaredflag/", "audit/auditentry/"),
            "promotions/promotion/",
        )
    },
    **{
        f"console/^(?P<app_label>{app})/$": [Row("GET", f"/console/{app}/", *[302] * 5)]
        for app in ("accounts", "flags", "promotions", "audit")
    },
    "console/jsi18n/": [Row("GET", "/console/jsi18n/", 302, 200, 200, 200, 200)],
}
# fmt: on
ROWS = [row for rows in ADDRESSES.values() for row in rows]


def patterns_of(resolver, prefix: str = "") -> list[str]:
    found = []
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        found += [route] if isinstance(pattern, URLPattern) else patterns_of(pattern, route)
    return found


@pytest.fixture(scope="module")
def visit(request, django_db_setup, django_db_blocker) -> Iterator[Visit]:
    """Made once for all rows of a kind of visitor: each test's own transaction is within this."""
    with django_db_blocker.unblock(), inline_store(), undone():
        yield prepare(request.param)


def by(*visitors: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("visit", visitors, indirect=True, scope="module")


def test_every_address_has_its_rows_here_and_is_routed_once():
    assert sorted(patterns_of(get_resolver())) == sorted(ADDRESSES)


@by(*COLUMNS)
def test_each_address_answers_each_visitor_as_the_contract_says(visit):
    before = everything()
    audited = len(before["AuditEntry"])
    wanted, found = {}, {}
    for row in ROWS:
        name = f"{row.method} {row.path} {row.fields}"
        status = getattr(row, COLUMNS[visit.who])
        is_done = isinstance(status, Done)
        told = [f"console.{action}" for action in row.audited.split()] if is_done else []
        wanted[name] = (int(status), told, is_done)
        with undone():
            response = ask(visit, row)
            entries = AuditEntry.objects.order_by("id")[audited:]
            told = [entry.action for entry in entries]
            found[name] = (response.status_code, told, everything() != before)
    assert len(wanted) == len(ROWS)
    assert found == wanted


def ask(visit: Visit, row: Row) -> HttpResponse:
    names = visit.names()
    fields = {name: value.format_map(names) for name, value in row.fields.items()}
    path = row.path.format_map(names)
    return visit.client().generic(row.method, path, urlencode(fields), FORM)


@by("anonymous", "readonly", "elevated")
def test_no_address_takes_a_method_that_has_no_row(visit):
    before, wanted, found = everything(), {}, {}
    for rows in ADDRESSES.values():
        path = rows[-1].path.format_map(visit.names())
        is_redirect = {row[2:7] for row in rows} == {(302,) * 5}
        needs_no_sign_in = rows[0].signed_out in (200, 401)
        to_login = visit.who == "anonymous" and not needs_no_sign_in
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {row.method for row in rows}:
            wanted[method, path] = (302 if is_redirect or to_login else 405, False)
            with undone():
                response = visit.client().generic(method, path, "", FORM)
                found[method, path] = (response.status_code, everything() != before)
    assert found == wanted
