"""Codes of virtual MFA devices."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..backend import Backend, Keys, Outcome, User, allow, keys_of, policy
from ..check import ALLOWED, ASSUME, DENIED, REFUSED, ROOT, Check, Expected, placed, trusts, when

_API = "IAM User Guide: Configure MFA-protected API access"
_ASSUME_ROLE = "STS API Reference: AssumeRole"
_GET = "STS API Reference: GetSessionToken"
_TOTP = "IAM User Guide: AWS Multi-factor authentication in IAM (TOTP, RFC 6238, 5.2)"
_ENABLE = "IAM API Reference: EnableMFADevice"

_WANTS = when("Bool", "aws:MultiFactorAuthPresent", "true")


@dataclass(frozen=True)
class _Device:
    serial: str
    seed: bytes

    def code(self, steps: int = 0) -> str:
        """RFC 6238, so many steps of 30 seconds from now."""
        count = int(time.time()) // 30 + steps
        tag = hmac.digest(self.seed, count.to_bytes(8, "big"), hashlib.sha1)
        at = tag[-1] & 15
        return f"{(int.from_bytes(tag[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"

    def wrong(self) -> str:
        """A code of none of the steps around now."""
        near = {self.code(steps) for steps in range(-5, 6)}
        return next(code for code in (f"{number:06}" for number in range(100)) if code not in near)


def _device(b: Backend, user: User) -> _Device:
    made = b.iam(user.account).create_virtual_mfa_device(VirtualMFADeviceName=user.name)["VirtualMFADevice"]
    seed = made["Base32StringSeed"].decode()
    return _Device(made["SerialNumber"], base64.b32decode(seed + "=" * (-len(seed) % 8), casefold=True))


def _enable(b: Backend, user: User, device: _Device, *codes: str) -> None:
    b.iam(user.account).enable_mfa_device(
        UserName=user.name, SerialNumber=device.serial, AuthenticationCode1=codes[0], AuthenticationCode2=codes[1]
    )


def _enabled(b: Backend, user: User) -> _Device:
    """By the two codes before the present one, which so is still to be used."""
    device = _device(b, user)
    _enable(b, user, device, device.code(-2), device.code(-1))
    return device


def _assume(ask: Callable[[Backend, User, _Device, str], Outcome]) -> Callable[[Backend], Outcome]:
    """A user with a device, and a role that wants it used."""

    def request(b: Backend) -> Outcome:
        user = b.user(allow())
        role = b.role(placed(policy(trusts(ROOT, **_WANTS)), user))
        return ask(b, user, _enabled(b, user), role.arn)

    return request


def _with(b: Backend, user: User, device: _Device, role: str, code: str) -> Outcome:
    return b.ask(lambda: b.assume(user.keys, role, SerialNumber=device.serial, TokenCode=code))


def _again(b: Backend, user: User, device: _Device, role: str) -> Outcome:
    code = device.code()
    b.assume(user.keys, role, SerialNumber=device.serial, TokenCode=code)
    return _with(b, user, device, role, code)


def _of_another(b: Backend, user: User, device: _Device, role: str) -> Outcome:
    return _with(b, b.user(ASSUME), device, role, device.code())


def _session(b: Backend, user: User, device: _Device, code: str) -> Keys:
    return keys_of(b.client("sts", user.keys).get_session_token(SerialNumber=device.serial, TokenCode=code))


def _by_session(b: Backend, user: User, device: _Device, role: str) -> Outcome:
    keys = _session(b, user, device, device.code())
    return b.ask(lambda: b.assume(keys, role))


def _plain_session(b: Backend, user: User, device: _Device, role: str) -> Outcome:
    keys = keys_of(b.client("sts", user.keys).get_session_token())
    return b.ask(lambda: b.assume(keys, role))


def _iam_by_session(b: Backend, user: User, device: _Device, role: str) -> Outcome:
    keys = _session(b, user, device, device.code())
    return b.ask(lambda: b.client("iam", keys).list_users())


def _wrong_enable(b: Backend) -> Outcome:
    user = b.user()
    device = _device(b, user)
    return b.ask(lambda: _enable(b, user, device, device.wrong(), device.code()))


CHECKS = [
    Check("mfa/right", "A role that wants an MFA, and the right code", _API, ALLOWED,
          _assume(lambda b, user, device, role: _with(b, user, device, role, device.code()))),
    Check("mfa/wrong", "A wrong code", _ASSUME_ROLE, DENIED,
          _assume(lambda b, user, device, role: _with(b, user, device, role, device.wrong())), "mfa/right"),
    Check("mfa/again", "A code for the second time", _TOTP, REFUSED, _assume(_again), "mfa/right"),
    Check("mfa/missing", "A device and no code", _ASSUME_ROLE, REFUSED,
          _assume(lambda b, user, device, role: b.ask(lambda: b.assume(user.keys, role, SerialNumber=device.serial))),
          "mfa/right"),
    Check("mfa/other", "The device of another user", _ASSUME_ROLE, REFUSED, _assume(_of_another), "mfa/right"),
    Check("mfa/session", "A session of GetSessionToken with the right code, and the role that wants it", _API, ALLOWED,
          _assume(_by_session)),
    Check("mfa/plain-session", "One without a code, and that role", _API, DENIED, _assume(_plain_session), "mfa/session"),
    Check("mfa/session-iam", "A session of GetSessionToken with the right code calls IAM", _GET, ALLOWED,
          _assume(_iam_by_session)),
    Check("mfa/session-wrong", "GetSessionToken with a wrong code", _GET, DENIED,
          _assume(lambda b, user, device, _: b.ask(lambda: _session(b, user, device, device.wrong()))), "mfa/session"),
    Check("mfa/enable", "EnableMFADevice with a wrong code", _ENABLE, Expected("refused", 403, "InvalidAuthenticationCode"),
          _wrong_enable, "mfa/right"),
]  # fmt: skip
