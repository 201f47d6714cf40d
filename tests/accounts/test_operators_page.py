"""The operators' pages: the list, one operator, and what a superadmin does there."""

import re
from urllib.parse import quote

import pytest
from django.test import Client

from accounts.models import OperatorSession, User
from accounts.roles import Role
from audit.models import AuditEntry
from tests.codes import elevate, elevated_client, enrolled, is_elevated
from tests.conftest import PASSWORD, client_of, make_user
from tests.pages import audited_acts, client_as, nothing_changed, text_of

USERS = "/console/users"
HOSTILE = [
    "<script>alert(1)",
    "\"onmouseover='alert(1)' x=\"",
    "a?b=c#d&e;f",
    "%00",
    "\u202eevil",
    "名前",
    "x" * 150,
    "..",
]


def act(client: Client, what: str, name: str = "bob", **fields: str):
    return client.post(f"{USERS}/{quote(name, safe='')}/{what}", fields)


def is_signed_in(client: Client) -> bool:
    return client.get("/console/account").status_code == 200


def listed(page) -> list[str]:
    return re.findall(rf'<a href="{USERS}/[^"]*">([^<]+)</a>', page.content.decode())


@pytest.fixture
def alice(superadmin) -> Client:
    """Elevated."""
    return elevated_client(superadmin)


def test_the_list_tells_role_access_totp_and_last_sign_in(alice, ops, superuser):
    make_user("erin", Role.SUPPORT, is_active=False)
    page = alice.get(USERS)
    assert listed(page) == ["alice", "bob", "erin", "root"]
    rows = dict(zip(listed(page), re.findall(r"<tr>.*?</tr>", page.content.decode()), strict=False))
    assert len(rows) == 4
    assert "Django superuser" in text_of(page)
    assert "superadmin" in text_of(page)
    assert not re.search(r"md5\$|password", page.content.decode().lower())


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("role=ops", ["bob"]),
        ("role=superadmin", ["alice"]),
        ("role=no-such-role", []),
        ("is_active__exact=0", ["erin"]),
        ("q=ali", ["alice"]),
        ("o=-0", ["erin", "bob", "alice"]),
        ("q=%00", ["alice", "bob", "erin"]),
    ],
)
def test_the_list_is_searched_filtered_and_sorted(alice, ops, query, names):
    make_user("erin", Role.SUPPORT, is_active=False)
    assert listed(alice.get(f"{USERS}?{query}", follow=True)) == names


@pytest.mark.parametrize(
    "query",
    [
        *("password__startswith=md5", "password=x", "totpdevice__key__startswith=a"),
        *("groups__permissions__codename=flip_high", "groups__name=ops", "is_superuser=1"),
        *("recovery_codes__digest__startswith=0", "operator_sessions__key_hash__gt=0"),
        *("is_active__exact__regex=(a+)%2B", "username__regex=(a+)%2B", "_to_field=password"),
    ],
)
def test_the_lists_address_asks_nothing_but_the_filters(alice, query):
    assert alice.get(f"{USERS}?{query}").status_code == 400


def test_an_odd_address_of_the_list_is_never_a_500(alice):
    for query in ("is_active__exact=x", "o=9", "o=x", "p=9", "all=", "_popup=1"):
        assert alice.get(f"{USERS}?{query}", follow=True).status_code in (200, 400), query


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_inert_on_every_page(alice, superadmin, name):
    make_user(name, Role.OPS)
    pages = [alice.get(USERS), alice.get(f"{USERS}/{quote(name, safe='')}")]
    assert act(alice, "role", name, role="support").status_code in (303, 404)
    pages += [alice.get(USERS), alice.get("/console/audit"), alice.get(f"{USERS}/alice")]
    for page in pages:
        assert page.status_code in (200, 404)
        assert "<script>alert" not in page.content.decode()
        assert "\"onmouseover='" not in page.content.decode()


@pytest.mark.parametrize("name", ["../../logout", "a/b", "/", ""])
def test_a_name_that_has_no_address_takes_no_page_down(alice, name):
    """No form of ours takes such a name; raw SQL does."""
    make_user("erin")
    User.objects.filter(username="erin").update(username=name)
    for page in (USERS, "/console/audit", f"{USERS}/alice"):
        assert alice.get(page).status_code == 200


@pytest.mark.parametrize("name", ["erin@example.com", "a.b+c-d_e", "名前", "Ω", "elevate", "users"])
def test_every_name_that_can_be_made_has_its_page_and_its_acts(alice, name):
    make_user(name, Role.OPS)
    assert alice.get(f"{USERS}/{quote(name)}").status_code == 200
    done = act(alice, "role", name, role="support")
    assert done.status_code == 303
    assert f"{name} is support now." in text_of(alice.get(done["Location"]))
    assert User.objects.get(username=name).roles == ("support",)


@pytest.mark.parametrize("what", ["", "/role", "/activate", "/deactivate", "/end-sessions"])
def test_a_name_that_nobody_has_is_404_and_changes_nothing(alice, ops, what):
    for name in ("nobody", "%00", "bob%00", "%FF", "a" * 3000, "BOB", " bob"):
        with nothing_changed():
            path = f"{USERS}/{name}{what}"
            answer = alice.post(path, {"role": "support"}) if what else alice.get(path)
        assert answer.status_code == 404, name


def test_a_role_that_does_not_exist_is_400(alice, ops):
    for role in ("", "admin", "OPS", "ops ", "superuser", "\0", "ops,superadmin"):
        with nothing_changed():
            assert act(alice, "role", role=role).status_code == 400, role


def test_a_new_role_is_audited_and_holds_at_once(alice, ops, superadmin):
    bob = client_of(ops)
    done = act(alice, "role", role="support")
    assert (done.status_code, done["Location"]) == (303, f"{USERS}/bob")
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.admin, entry.target_id) == (
        "console.operator.role_changed",
        superadmin,
        "bob",
    )
    assert entry.payload == {"operator": "bob", "from": ["ops"], "to": "support"}
    assert bob.get("/console/flags").status_code == 403
    assert "changed the role of bob from ops to support" in text_of(alice.get(f"{USERS}/bob"))


def test_who_is_demoted_is_elevated_no_more(alice):
    erin = make_user("erin", Role.SUPERADMIN)
    client = elevate(client_of(erin), enrolled(erin))
    assert act(alice, "role", "erin", role="ops").status_code == 303
    assert is_signed_in(client)
    assert not is_elevated(client)
    assert act(alice, "role", "erin", role="superadmin").status_code == 303
    assert not is_elevated(client)


def test_the_same_role_again_writes_nothing_and_ends_no_elevation(alice, ops):
    bob = elevated_client(ops)
    with nothing_changed():
        assert act(alice, "role", role="ops").status_code == 303
    assert is_elevated(bob)
    assert "bob is ops already." in text_of(alice.get(f"{USERS}/bob"))


def test_who_is_deactivated_is_out_at_once_and_comes_back_by_the_sign_in(alice, ops):
    bob, form = client_of(ops), {"username": "bob", "password": PASSWORD}
    assert act(alice, "deactivate").status_code == 303
    assert not is_signed_in(bob)
    assert not OperatorSession.objects.filter(user=ops).exists()
    assert Client().post("/console/login", form).status_code == 200
    assert act(alice, "activate").status_code == 303
    assert not is_signed_in(bob)
    assert Client().post("/console/login", form).status_code == 302
    assert audited_acts()[-4:] == ["deactivated", "sign_in_failed", "reactivated", "signed_in"]


def test_another_persons_sessions_end_and_the_account_stays(alice, ops):
    browsers = [client_of(ops) for _ in range(2)]
    assert act(alice, "end-sessions").status_code == 303
    assert [is_signed_in(browser) for browser in browsers] == [False, False]
    assert AuditEntry.objects.latest("id").payload == {"operator": "bob", "sessions": 2}
    assert User.objects.get(username="bob").is_active


@pytest.mark.parametrize(("what", "fields"), [("role", {"role": "ops"}), ("deactivate", {})])
def test_nobody_does_it_to_themselves(alice, what, fields):
    make_user("erin", Role.SUPERADMIN)
    with nothing_changed():
        refused = act(alice, what, "alice", **fields)
    assert refused.status_code == 403
    assert "Nobody changes their own role" in text_of(refused)


@pytest.mark.parametrize(("what", "fields"), [("role", {"role": "ops"}), ("deactivate", {})])
def test_the_last_active_superadmin_stays(superadmin, what, fields):
    make_user("erin", Role.SUPERADMIN, is_active=False)
    root = client_as("elevated-superuser")
    with nothing_changed():
        refused = act(root, what, "alice", **fields)
    assert refused.status_code == 409
    assert "alice is the last active superadmin" in text_of(refused)


def test_the_page_offers_acts_to_whoever_may_do_them_alone(superadmin, ops, alice):
    own, before = alice.get(f"{USERS}/alice"), client_of(superadmin).get(f"{USERS}/bob")
    assert f"{USERS}/alice/role" not in own.content.decode()
    assert before.content.decode().count('class="button" disabled') == 2
    assert "disabled" not in alice.get(f"{USERS}/bob").content.decode().partition("History")[0]
