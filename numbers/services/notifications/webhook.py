"""One message to an address that the settings name: signed, or as Slack takes it. Plain Python.

A receiver checks `X-Signature` (sha256 of the time stamp, a full stop and the body, with the shared
secret as its key), that `X-Timestamp` is recent, and drops an `id` that it has seen.
"""

import hashlib
import hmac
import json
import time

import requests

TIMEOUT = (3.0, 10.0)  # connect and read, in seconds


class Failed(Exception):
    """It did not arrive, as far as we know. The words hold neither address nor secret."""


def post(url: str, body: dict, *, secret: str) -> None:
    """POST `body` as JSON; a 2xx means that it was taken. Raises Failed."""
    content = json.dumps(body, separators=(",", ":")).encode()
    stamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-Notice-Id": body["id"],
        "X-Timestamp": stamp,
        "X-Signature": f"sha256={signature(secret, stamp, content)}",
    }
    send(url, content, headers, "webhook")


def post_to_slack(url: str, text: str) -> None:
    """POST `text` to an incoming webhook of Slack; links and names in it are text. Raises Failed."""
    for sign, meant in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, meant)
    send(url, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"}, "Slack address")


def send(url: str, content: bytes, headers: dict[str, str], what: str) -> None:
    with requests.Session() as session:
        session.trust_env = False  # no proxy, no .netrc
        try:
            with session.post(
                url, data=content, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:  # its body is of no interest and is not read
                status = answer.status_code
        except requests.RequestException as error:
            raise Failed(f"The {what} can't be reached ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise Failed(f"The {what} returned status {status}")


def signature(secret: str, stamp: str, content: bytes) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + content, hashlib.sha256).hexdigest()
