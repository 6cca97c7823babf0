"""What `gunicorn dashboard.wsgi` reads by itself: what holds wherever it runs."""

import gc
from importlib import import_module

# Imported once. Children share what was imported, and one that takes a dead one's place is at work at once.
preload_app = True
# Longer than a proxy keeps a connection that it does not use (nginx: 60 seconds), and than pages wait
# between two polls: closing one just as it is used again would look like a failure.
keepalive = 75


def when_ready(server) -> None:
    """Before the first child."""
    import_module("dashboard.urls")
    gc.freeze()  # what is there now will stay, so nobody looks through it for garbage again
