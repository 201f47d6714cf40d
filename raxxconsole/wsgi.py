"""The web process. With a bad flags file it stops at once instead of serving without flags.

Under gunicorn's --preload (Procfile) the file is read once, before the workers are forked: a worker
that is started anew has the declarations of those that serve, whatever became of the file.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxxconsole.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from audit import deadline  # noqa: E402
from flags import runtime  # noqa: E402

# Web threads are few, and the one that answers /healthz is among them.
deadline.install()
runtime.declared()
