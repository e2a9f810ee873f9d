"""Config files and environments from a seed, resolved by botocore, by the AWS SDK for Rust and by rolecall.

`trees` makes cases, `spoil` makes some of them subtly wrong, `home` is what lies around them, `ask` asks the three, `differ`
compares field by field, `known` lists the disagreements that have a reason, `shrink` makes a surprise small.
"""
