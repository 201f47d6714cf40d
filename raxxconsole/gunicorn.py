"""gunicorn's settings: `gunicorn raxxconsole.wsgi -c python:raxxconsole.gunicorn`.

With --preload the flags file is read once, before the workers are forked. gunicorn's own lines are
JSON as all others are, and its access log is off: the middleware's has the request id.
"""

from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from raxxconsole import logs


class ConsoleWorker(ThreadWorker):
    """A worker with threads that, told to stop, lets go of the port at once.

    gunicorn's own keeps it until its last request is answered: until then a new connection is
    taken, never answered, and reset in the end. Refused, a router goes elsewhere.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()


worker_class = ConsoleWorker
preload_app = True
threads = 4
# Heroku sends SIGKILL 30 s after SIGTERM. gunicorn's own 30 s would end at the same moment: sooner,
# it closes what it cannot answer, and its last lines are in the log.
graceful_timeout = 25
# Nobody manages a dyno's workers from beside them.
control_socket_disable = True
forwarded_allow_ips = "*"
# Else any client could say where the console is mounted (SCRIPT_NAME).
forwarder_headers = ""
accesslog = None
logconfig_dict = logs.CONFIG


def post_worker_init(worker: Any) -> None:
    """In each worker, after the fork: read the flags, and the service tokens beside them, from the
    start on, so that there is what was known last, should the database go away."""
    from flags import runtime
    from flags.ofrep import process

    runtime.begin(process.live_tokens.keep)
    process.live_tokens.begin()
