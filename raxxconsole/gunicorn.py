"""gunicorn's settings: `gunicorn raxxconsole.wsgi -c python:raxxconsole.gunicorn`.

With --preload the flags file is read once, before the workers are forked. gunicorn's own lines are
JSON as all others are, and its access log is off: the middleware's has the request id.
"""

from typing import Any

from raxxconsole import logs

preload_app = True
threads = 4
forwarded_allow_ips = "*"
# Else any client could say where the console is mounted (SCRIPT_NAME).
forwarder_headers = ""
accesslog = None
logconfig_dict = logs.CONFIG


def post_worker_init(worker: Any) -> None:
    """In each worker, after the fork: read the flags from the start on, so that there are last
    known values to show, should the database go away."""
    from flags import runtime

    runtime.begin()
