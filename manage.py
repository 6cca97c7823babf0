#!/usr/bin/env python
"""The project's command line; `manage.py help` lists what there is."""

import os
import signal
import sys


def main() -> None:
    if "collectstatic" not in sys.argv:  # a proxy reads those files
        os.umask(0o077)  # all else that we write is for our own user: database, journal, .env
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    from django.core.management import execute_from_command_line

    try:
        try:
            execute_from_command_line(sys.argv)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # `export | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


if __name__ == "__main__":
    main()
