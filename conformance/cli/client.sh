#!/usr/bin/env bash
# Uses a role in another account for some seconds with AWS CLI v1, and knows nothing of where its credentials come
# from. One JSON line a round; any error ends it. The CLI shows the last four characters of an access key id only.
set -euo pipefail

bucket=blah-reports
topic=arn:aws:sns:us-east-1:666666666666:blah-events
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo 'written by AWS CLI v1' >"$folder/out"
aws s3 cp --only-show-errors "$folder/out" "s3://$bucket/conformance/cli.txt"
aws s3 cp --only-show-errors "s3://$bucket/conformance/cli.txt" "$folder/in"
cmp "$folder/out" "$folder/in"

rounds=0
SECONDS=0
while ((SECONDS < $1 || rounds < 3)); do
  arn=$(aws sts get-caller-identity --query Arn --output json)
  buckets=$(aws s3api list-buckets --query 'Buckets[].Name' --output json)
  message_id=$(aws sns publish --topic-arn "$topic" --message 'a round' --query MessageId --output json)
  access_key_id=$(aws configure list | awk '/access_key/ { print $2 }')
  echo "{\"arn\": $arn, \"access_key_id\": \"$access_key_id\", \"buckets\": ${buckets//$'\n'/}, \"message_id\": $message_id}"
  rounds=$((rounds + 1))
done
