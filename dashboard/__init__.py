"""Django wiring of the project. It knows no phone number.

A launcher that imports ``decimal`` before our folder is on ``sys.path`` (the
``pytest`` script does) leaves the standard module ``numbers`` in ``sys.modules``,
where it hides our app of the same name. Giving that module a ``__path__`` turns it
into a package whose submodules are ours. See ``numbers/__init__.py`` for the rest.
"""

from pathlib import Path

import numbers

if not hasattr(numbers, "__path__"):
    numbers.__path__ = [str(Path(__file__).resolve().parent.parent / "numbers")]
