"""Looks for secrets, in whatever dress they may have come out."""

import base64
from collections.abc import Iterable
from urllib.parse import quote

# The sandbox begins every secret access key and every session token it issues with one of these.
CANARIES = ("CANARYSECRET", "CANARYTOKEN")


def dresses(secret: str) -> dict[str, str]:
    """Every form of a secret the scan knows."""
    raw = secret.encode()
    forms = {
        "raw": secret,
        "url-quoted": quote(secret, safe=""),
        "url-escaped": "".join(f"%{byte:02X}" for byte in raw),
        "json-escaped": "".join(f"\\u{ord(letter):04x}" for letter in secret),
        "json-quoted": secret.replace("\\", "\\\\").replace("/", "\\/"),
        "hex": raw.hex(),
    }
    for shift in range(3):
        # The part of the base64 text that is the same whatever stands before and after.
        whole = base64.b64encode(bytes(shift) + raw).decode().rstrip("=")
        first = (shift * 8 + 5) // 6
        forms[f"base64+{shift}"] = whole[first : (shift + len(raw)) * 8 // 6]
    return forms


def find(text: str, secrets: Iterable[str] = ()) -> list[str]:
    """What of the canaries and the given secrets is in the text, by form; never the secret itself."""
    lowered = text.lower()
    urlsafe = text.replace("-", "+").replace("_", "/")
    found = []
    for number, secret in enumerate((*CANARIES, *secrets)):
        name = secret if secret in CANARIES else f"secret {number}"
        for form, dress in dresses(secret).items():
            where = urlsafe if form.startswith("base64") else text
            if dress in where or (form in ("hex", "url-escaped", "json-escaped") and dress.lower() in lowered):
                found.append(f"{name} {form}")
    return found
