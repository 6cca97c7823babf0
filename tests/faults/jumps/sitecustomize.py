"""Python runs this first where PYTHONPATH names its folder: our clock is ahead by what a file says."""

import os
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

AHEAD, real = Path(os.environ["CLOCK_AHEAD"]), timezone.now


def now():
    return real() + timedelta(seconds=float(AHEAD.read_text()))


timezone.now = now
