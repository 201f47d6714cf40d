"""Promotions under the running console, and their time: a soak takes hours, a test has none."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page

from tests.e2e.browsing import row
from tests.e2e.deployment import Deployment

QUEUE = "/console/promotions"
SOAK = timedelta(hours=24)


def _moment(seconds: float) -> str:
    """So many seconds from now, as Django keeps a moment in SQLite."""
    moment = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=seconds)
    return moment.isoformat(" ", "microseconds")


def leave(console: Deployment, key: str, seconds: float = -1) -> None:
    """Move the flag's open promotion back in time, until this much of its soak is left."""
    console.query(
        "UPDATE console_flag_promotions SET marked_at = ?, soak_ends_at = ?, expires_at = ?"
        " WHERE flag_key = ? AND state IN ('pending', 'approved')",
        *(_moment(seconds - SOAK.total_seconds()), _moment(seconds), _moment(seconds + 600_000)),
        key,
    )


def entered(console: Deployment, *keys: str, left: float = -1) -> None:
    """Flags that are on in staging, each marked by alice, with this many seconds of soak left.

    Written as SQL: for journeys that begin later than at the mark.
    """
    for key in keys:
        console.query(
            "INSERT INTO console_feature_flags (flag_key, env, value) VALUES (?, 'staging', 1)", key
        )
        console.query(
            "INSERT INTO console_flag_promotions (flag_key, value, state, four_eyes, reason,"
            " marked_by_id, marked_at, soak_ends_at, expires_at, staging_change_id)"
            " SELECT flag_key, 1, 'pending', 0, '', u.id, ?, ?, ?, change_id"
            " FROM console_feature_flags JOIN accounts_user u ON u.username = 'alice'"
            " WHERE flag_key = ? AND env = 'staging'",
            *(_moment(-90_000), _moment(-80_000), _moment(600_000), key),
        )
        leave(console, key, left)


def part(page: Page, key: str) -> Locator:
    """What the flag's row says of its promotion."""
    return row(page, key).locator(".field-part")


def mark_button(page: Page, key: str) -> Locator:
    return page.get_by_role("button", name=f"Mark {key} active for prod", exact=True)


def promote_button(page: Page, key: str) -> Locator:
    return page.get_by_role("button", name=f"Promote {key}: turn it on in prod", exact=True)


def states(console: Deployment) -> dict[str, str]:
    """The state of each flag's promotion, as the database has it."""
    return dict(console.query("SELECT flag_key, state FROM console_flag_promotions ORDER BY id"))
