"""Where a form may send the browser back to."""

from django.utils.http import url_has_allowed_host_and_scheme


def safe_path(path: str, *, otherwise: str) -> str:
    """`path` if it is an address of this site, or else `otherwise`: a form cannot send people elsewhere."""
    ours = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if ours else otherwise
