"""The sandbox and other people's stand-ins for AWS, asked the same and judged by AWS's documents.

`matrix` asks one request for every rule, `policies` plays generated policies over the wire; what comes out is
docs/enforcement.md. `servers`, `matrix`, `policies` and `document` are the driver's; the rest runs where boto3 is.
"""
