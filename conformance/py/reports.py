"""Reads a bucket of another account for some seconds, and says whether it may write there: one JSON line a round."""

import json
import sys
import time

import boto3
from botocore.exceptions import ClientError

session = boto3.Session()
s3 = session.client("s3")


def code_of(call, **parameters) -> str:
    try:
        call(**parameters)
        return ""
    except ClientError as error:
        return error.response["Error"]["Code"]


def one_round() -> dict:
    return {
        "access_key_id": session.get_credentials().get_frozen_credentials().access_key,
        "objects": [found["Key"] for found in s3.list_objects_v2(Bucket="their-reports")["Contents"]],
        "written": code_of(s3.put_object, Bucket="their-reports", Key="2026.txt", Body=b"a report"),
    }


end = time.monotonic() + float(sys.argv[1])
while True:
    print(json.dumps(one_round()), flush=True)
    if time.monotonic() >= end:
        break
    time.sleep(0.5)
