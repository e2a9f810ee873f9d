"""The table of checks, an area a file. Runs where boto3 is."""

from . import federation, groups, mfa, parameters, presigned, sessions, signatures, trust, web_identity

CHECKS = [
    *signatures.CHECKS,
    *presigned.CHECKS,
    *trust.CHECKS,
    *groups.CHECKS,
    *parameters.CHECKS,
    *sessions.CHECKS,
    *mfa.CHECKS,
    *federation.CHECKS,
    *web_identity.CHECKS,
]
