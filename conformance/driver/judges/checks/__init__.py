"""The table of checks, an area a file. Runs where boto3 is."""

from . import parameters, sessions, signatures, trust

CHECKS = [*signatures.CHECKS, *trust.CHECKS, *parameters.CHECKS, *sessions.CHECKS]
