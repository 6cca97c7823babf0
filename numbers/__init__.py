"""The product: orders, lines and the phone numbers that they become.

This package has the name of a standard library module, and it comes first on
``sys.path``. ``decimal``, ``fractions`` and ``statistics`` say ``import numbers``
and mean the standard module, so its five abstract classes are offered here too.
The other half of this bridge is in ``dashboard/__init__.py``.
"""

import importlib.util
import sysconfig
from pathlib import Path

_spec = importlib.util.spec_from_file_location(
    "_standard_numbers", Path(sysconfig.get_path("stdlib")) / "numbers.py"
)
assert _spec  # noqa: S101 -- the standard library is there
assert _spec.loader  # noqa: S101 -- and can be loaded
_standard = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_standard)

Number = _standard.Number
Complex = _standard.Complex
Real = _standard.Real
Rational = _standard.Rational
Integral = _standard.Integral

__all__ = ["Complex", "Integral", "Number", "Rational", "Real"]
