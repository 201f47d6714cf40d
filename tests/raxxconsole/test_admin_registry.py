"""What the admin site shows: our own pages, and nothing that an app brought along."""

import pytest
from django.contrib import admin

from accounts.admin import OperatorAdmin
from accounts.models import User
from audit.admin import AuditEntryAdmin
from audit.models import AuditEntry
from flags.models import DeclaredFlag
from promotions.admin import PromotableFlagAdmin, PromotionAdmin
from promotions.models import Promotion
from raxxconsole.admin_site import ConsoleAdminSite
from tests.pages import client_as


def test_our_own_model_admins_and_no_others_are_registered():
    assert {model: type(page) for model, page in admin.site._registry.items()} == {
        User: OperatorAdmin,
        DeclaredFlag: PromotableFlagAdmin,
        AuditEntry: AuditEntryAdmin,
        Promotion: PromotionAdmin,
    }


def test_the_default_site_is_ours():
    assert isinstance(admin.site, ConsoleAdminSite)


@pytest.mark.parametrize(
    "address",
    [
        *("auth/group/", "auth/group/add/", "otp_totp/totpdevice/", "otp_totp/"),
        *("axes/accessattempt/", "axes/", "accounts/user/add/", "accounts/user/1/change/"),
        *("accounts/user/1/delete/", "accounts/user/1/password/", "accounts/recoverycode/"),
        *(
            "accounts/operatorsession/",
            "flags/breakglass/",
            "sessions/session/",
            "autocomplete/",
            "r/4/1/",
        ),
        *("flags/featureflag/", "flags/declaredflag/add/", "flags/declaredflag/1/change/"),
        *("flags/declaredflag/1/delete/", "flags/declaredflag/1/history/"),
    ],
)
def test_a_page_that_a_stock_admin_would_have_is_404_even_for_a_superuser(declared, address):
    assert client_as("superuser").get(f"/console/{address}").status_code == 404
