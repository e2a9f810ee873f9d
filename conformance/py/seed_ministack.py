"""Seeds MiniStack: a user in one account, a role in another that asks for an ExternalId, a bucket there.

Prints the user's keys as JSON.
"""

import json
import sys

import boto3

ENDPOINT, EXTERNAL_ID = sys.argv[1:]


def client(service: str, account: str):
    """A client of an account's root: in MiniStack its access key id is the account id."""
    return boto3.client(
        service, endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id=account, aws_secret_access_key="rootsecret"
    )


def policy(**statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


ours, theirs = client("iam", "111111111111"), client("iam", "222222222222")
ours.create_user(UserName="joe.bloggs")
ours.put_user_policy(UserName="joe.bloggs", PolicyName="roles", PolicyDocument=policy(Action="sts:AssumeRole", Resource="*"))
theirs.create_role(
    RoleName="Reader",
    AssumeRolePolicyDocument=policy(
        Principal={"AWS": "arn:aws:iam::111111111111:user/joe.bloggs"},
        Action="sts:AssumeRole",
        Condition={"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    ),
)
theirs.put_role_policy(RoleName="Reader", PolicyName="read", PolicyDocument=policy(Action="s3:List*", Resource="*"))
client("s3", "222222222222").create_bucket(Bucket="their-reports")

key = ours.create_access_key(UserName="joe.bloggs")["AccessKey"]
print(json.dumps({"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}))
