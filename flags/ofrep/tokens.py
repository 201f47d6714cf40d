"""Service tokens: `create()` and `revoke()`, which alone write `console_service_tokens`.

(But for `last_used_at`, which `flags.ofrep.live` notes.)
"""

import functools
import hashlib
import re
import secrets
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.refusals import ActRefused, NotNow
from audit.actor import Actor
from audit.services import audited, record
from flags import policy
from flags.declarations import is_storable
from flags.models import ServiceToken
from flags.models.service_tokens import MAX_APP_LENGTH, MAX_NAME_LENGTH
from flags.ofrep import process

PREFIX = "raxx_st_"
"""What every secret begins with, so that scanners of sources and logs know one."""
HINT_LENGTH = 4
_SECRET_BYTES = 32
_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_NAME_LENGTH - 1}}}")


class NotUnderstood(ActRefused):
    """What was told of the token cannot be kept so."""

    status = 400


def digest(secret: str) -> str:
    """What is kept of a secret: its SHA-256, in hex."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def shown() -> QuerySet[ServiceToken]:
    """The tokens of this console's environments: live ones first, then those revoked last."""
    mine = ServiceToken.objects.filter(env__in=settings.CONSOLE_ENVIRONMENTS)
    order = (F("revoked_at").desc(nulls_first=True), "env", "name", "pk")
    return mine.select_related("created_by", "revoked_by").order_by(*order)


@sensitive_variables("secret")
def create(
    name: str, env: str, app: str, *, actor: Actor, now: datetime | None = None
) -> tuple[ServiceToken, str]:
    """Make a token by which `app` may read the flags of `env`. Returns it and its secret, which
    nobody can be told again. One transaction or nothing, with its audit row.

    Raises, in this order: NotUnderstood (400); NotPermitted (403); NotNow (409) where this console
    does not change `env`, or `env` has a live token of that name; ProofNeeded (403).
    """
    name, app = name.strip(), " ".join(app.split())
    _check_understood(name, env, app)
    policy.check_may_manage_tokens(actor)
    _check_served(env)
    if ServiceToken.objects.filter(name=name, env=env, revoked_at=None).exists():
        raise _taken(name, env)
    policy.check_proof_for_tokens(actor)
    secret = PREFIX + secrets.token_hex(_SECRET_BYTES)
    try:
        with audited():
            token = ServiceToken.objects.create(
                name=name,
                env=env,
                app=app,
                secret_hash=digest(secret),
                hint=secret[-HINT_LENGTH:],
                created_at=now or timezone.now(),
                created_by=actor.user,
            )
            _record(token, actor, "created", token.created_at)
    except IntegrityError as error:
        raise _taken(name, env) from error
    return token, secret


def revoke(token: ServiceToken, *, actor: Actor, now: datetime | None = None) -> bool:
    """Have the token be worth nothing: within two seconds in every process that has the database.

    False where it is revoked already; nothing is written then. Raises, in this order: NotPermitted
    (403); NotNow (409) where this console does not change its environment; ProofNeeded (403).
    """
    policy.check_may_manage_tokens(actor)
    _check_served(token.env)
    policy.check_proof_for_tokens(actor)
    now = now or timezone.now()
    with audited():
        live = ServiceToken.objects.filter(pk=token.pk, revoked_at=None)
        if not live.update(revoked_at=now, revoked_by=actor.user):
            return False
        _record(token, actor, "revoked", now)
        transaction.on_commit(functools.partial(process.live_tokens.drop, token.secret_hash))
    return True


def _record(token: ServiceToken, actor: Actor, what: str, now: datetime) -> None:
    """The audit row, inside the caller's `audited()`; once committed, this process looks anew."""
    record(
        actor,
        f"console.service_token.{what}",
        target_type="service_token",
        target_id=token.name,
        payload={"token": token.name, "env": token.env, "app": token.app},
        context={"hint": token.hint},
        now=now,
    )
    transaction.on_commit(process.live_tokens.look_again)


def _check_understood(name: str, env: str, app: str) -> None:
    if not _NAME.fullmatch(name):
        raise NotUnderstood(
            f"A token's name has 1 to {MAX_NAME_LENGTH} of a-z, 0-9, '.', '_' and '-', and begins "
            "with a letter or a digit. Nothing was made."
        )
    if env not in settings.ENVIRONMENTS:
        raise NotUnderstood(
            f"Choose one of the environments: {' or '.join(settings.ENVIRONMENTS)}. "
            "Nothing was made."
        )
    if not 0 < len(app) <= MAX_APP_LENGTH or not is_storable(app):
        raise NotUnderstood(
            f"Name the app that gets the token, in 1 to {MAX_APP_LENGTH} characters, such as "
            "raptor-prod. Nothing was made."
        )
    unseen = next((each for each in app if not each.isprintable()), None)
    if unseen is not None:
        # Some turn the direction of what follows: a page and a terminal would show another name.
        raise NotUnderstood(
            f"The name of the app has a character that cannot be seen (U+{ord(unseen):04X}): "
            "write it without. Nothing was made."
        )


def _check_served(env: str) -> None:
    if env not in settings.CONSOLE_ENVIRONMENTS:
        raise NotNow(f"This console may not change {env}. Nothing was changed.")


def _taken(name: str, env: str) -> NotNow:
    return NotNow(
        f"{env} has a live token named {name}: revoke it first, or choose another name. "
        "Nothing was made."
    )
