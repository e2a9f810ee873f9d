"""Uses a role in another account for some seconds with boto3, and knows nothing of where its credentials come from.

One JSON line a round; any error ends it.
"""

import json
import sys
import time

import boto3

BUCKET = "blah-reports"
TOPIC = "arn:aws:sns:us-east-1:666666666666:blah-events"

session = boto3.Session()
sts, s3, sns = session.client("sts"), session.client("s3"), session.client("sns")


def put_and_get() -> None:
    where = {"Bucket": BUCKET, "Key": "conformance/boto3.txt"}
    s3.put_object(**where, Body=b"written by boto3")
    read = s3.get_object(**where)["Body"].read()
    if read != b"written by boto3":
        raise ValueError(f"read back {read!r}")


def one_round() -> dict:
    return {
        "arn": sts.get_caller_identity()["Arn"],
        "access_key_id": session.get_credentials().get_frozen_credentials().access_key,
        "buckets": [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
        "message_id": sns.publish(TopicArn=TOPIC, Message="a round")["MessageId"],
    }


put_and_get()
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    print(json.dumps(one_round()), flush=True)
    time.sleep(0.7)
