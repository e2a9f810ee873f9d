"""An OpenID Connect issuer on loopback: discovery, its key with a certificate, and `POST /token`, which signs any claims.

Prints its URL and the certificate's thumbprint as JSON, and ends when it is ended.
"""

import base64
import datetime
import hashlib
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

KEY = rsa.generate_private_key(65537, 2048)


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key()).serial_number(1)
    signed = made.not_valid_before(now - day).not_valid_after(now + day).sign(KEY, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def packed(part: bytes | dict) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def number(value: int) -> str:
    return packed(value.to_bytes((value.bit_length() + 7) // 8, "big"))


CERTIFICATE = certificate()
NUMBERS = KEY.public_key().public_numbers()
JWK = {
    "kty": "RSA",
    "use": "sig",
    "alg": "RS256",
    "kid": "issuer",
    "n": number(NUMBERS.n),
    "e": number(NUMBERS.e),
    "x5c": [base64.b64encode(CERTIFICATE).decode()],
}


def token(claims: dict) -> str:
    now = int(time.time())
    claims = {"iss": URL, "iat": now, "nbf": now, "exp": now + 3600} | claims
    signed = f"{packed({'alg': 'RS256', 'kid': 'issuer', 'typ': 'JWT'})}.{packed(claims)}"
    return f"{signed}.{packed(KEY.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class Issuer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        discovery = {"issuer": URL, "jwks_uri": f"{URL}/jwks"}
        self.answer({"/.well-known/openid-configuration": discovery, "/jwks": {"keys": [JWK]}}.get(self.path))

    def do_POST(self) -> None:
        claims = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.answer({"token": token(claims)} if self.path == "/token" else None)

    def answer(self, body: dict | None) -> None:
        text = json.dumps(body).encode()
        self.send_response(404 if body is None else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
URL = f"http://127.0.0.1:{server.server_address[1]}"
print(json.dumps({"url": URL, "thumbprint": hashlib.sha1(CERTIFICATE).hexdigest().upper()}), flush=True)
server.serve_forever()
