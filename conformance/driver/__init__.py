"""Drives real AWS SDKs against rolecall. `conformance/run` is the way in."""
