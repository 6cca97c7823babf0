"""Views that are imported when they are first asked for.

A web process that has just started imports what its first page needs and no more: second factors, forms
and the Fluents client take half as long again as Django itself.
"""

from functools import cached_property
from importlib import import_module
from typing import Any


class Later:
    """A module of views. `Later("numbers.views.desk").review` stands for the view without importing it."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> "LaterView":
        return LaterView(self._module, name)


class LaterView:
    """Is called as the view, and has its attributes (`login_required` and the like)."""

    def __init__(self, module: str, name: str) -> None:
        self.__module__, self.__name__, self.__qualname__ = module, name, name

    @cached_property
    def view(self) -> Any:
        return getattr(import_module(self.__module__), self.__name__)

    def __call__(self, *args, **kwargs) -> Any:
        return self.view(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "view_class":  # asked of every view by whoever looks an address up
            raise AttributeError(name)
        return getattr(self.view, name)
