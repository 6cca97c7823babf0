"""What static files carry beyond their type."""

from collections.abc import MutableMapping


def add_headers(headers: MutableMapping[str, str], _path: str, _url: str) -> None:
    """No other site embeds them, and none is taken for what it is not."""
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["X-Content-Type-Options"] = "nosniff"
