"""A task for `test_guard`: both modules of the name in one worker process."""

import decimal
import fractions
import statistics

from django.tasks import task

import numbers
import numbers.models


@task
def both() -> dict:
    return {
        "mean": str(statistics.mean([decimal.Decimal("1.10"), decimal.Decimal("2.30")])),
        "half": str(fractions.Fraction(1, 3) + fractions.Fraction(1, 6)),
        "abc": [
            isinstance(decimal.Decimal(1), numbers.Number),
            isinstance(1, numbers.Integral),
            issubclass(float, numbers.Real),
        ],
        "line": numbers.models.Line._meta.label,
    }
