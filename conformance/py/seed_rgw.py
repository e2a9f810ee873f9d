"""Seeds Ceph's gateway as the administrator whose keys are in the environment: a role that joe may assume, and a bucket.

Policies are written without blanks: the gateway takes the `+` of a form for a plus.
"""

import json

import boto3


def policy(**statement) -> str:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    return json.dumps(document, separators=(",", ":"))


iam, s3 = boto3.client("iam"), boto3.client("s3")
iam.create_role(
    RoleName="Reader",
    AssumeRolePolicyDocument=policy(Principal={"AWS": ["arn:aws:iam::111111111111:user/joe"]}, Action=["sts:AssumeRole"]),
)
iam.put_role_policy(RoleName="Reader", PolicyName="reports", PolicyDocument=policy(Action="s3:*", Resource="*"))
s3.create_bucket(Bucket="their-reports")
s3.put_object(Bucket="their-reports", Key="2026.txt", Body=b"a report")
