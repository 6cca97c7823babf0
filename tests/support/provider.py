"""An OpenID provider that others wrote, on a port of its own, whose tokens a test can bend.

What it sends passes through here: each ID token is signed anew with a key of ours, once a test has bent it.
"""

import io
import json
import threading
from collections.abc import Callable, Iterable

import jwt
import requests
import werkzeug.serving
from cryptography.hazmat.primitives.asymmetric import rsa
from oidc_provider_mock import app
from werkzeug.test import run_wsgi_app

KID = "test-key"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """`change` bends the claims of each ID token, `config` the answer of the discovery."""

    def __init__(self) -> None:
        self.inner, self.key = app(), new_key()
        self.server = werkzeug.serving.make_server("localhost", 0, self.answer, threaded=True)
        self.url = f"http://localhost:{self.server.server_port}"
        self.reset()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        self.change: Callable[[dict], None] = lambda claims: None
        self.config: dict = {}
        self.signer, self.algorithm, self.kid, self.down = self.key, "RS256", KID, False

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def person(self, sub: str, **claims) -> None:
        """What the provider says of SUB from now on."""
        requests.put(f"{self.url}/users/{sub}", json=claims, timeout=5).raise_for_status()

    def answer(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        if self.down:
            start_response("503 Service Unavailable", [])
            return [b""]
        path, body = environ["PATH_INFO"], environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        content, status, headers = run_wsgi_app(self.inner, environ)
        text = b"".join(content)
        if path.endswith("openid-configuration"):
            text = json.dumps(json.loads(text) | self.config).encode()
        elif path.endswith("/jwks"):
            public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            text = json.dumps({"keys": [public | {"kid": KID, "use": "sig", "alg": "RS256"}]}).encode()
        elif path.endswith("/token") and status.startswith("200"):
            text = json.dumps(self.bent(json.loads(text))).encode()
        headers["Content-Length"] = str(len(text))
        start_response(status, list(headers))
        return [text]

    def bent(self, tokens: dict) -> dict:
        claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
        self.change(claims)
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.signer if self.algorithm.startswith("RS") else "x" * 32
        key = None if self.algorithm == "none" else key
        signed = jwt.encode(claims, key, algorithm=self.algorithm, headers={"kid": self.kid})
        return tokens | {"id_token": signed}
