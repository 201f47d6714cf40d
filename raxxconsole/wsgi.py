"""The web process. With a bad flags file it stops at once instead of serving without flags."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxxconsole.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from flags import runtime  # noqa: E402

runtime.declared()
