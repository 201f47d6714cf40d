"""gunicorn's settings: `gunicorn raxxconsole.wsgi -c python:raxxconsole.gunicorn`.

With --preload the flags file is read once, before the workers are forked. gunicorn's own lines are
JSON as all others are, and its access log is off: the middleware's has the request id.
"""

from raxxconsole import logs

preload_app = True
threads = 4
forwarded_allow_ips = "*"
# Else any client could say where the console is mounted (SCRIPT_NAME).
forwarder_headers = ""
accesslog = None
logconfig_dict = logs.CONFIG
