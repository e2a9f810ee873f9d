'use strict';
// Uses a role in another account for some seconds with the AWS SDK for JavaScript v2, and knows nothing of where its
// credentials come from. One JSON line a round; any error ends it. This SDK ignores AWS_ENDPOINT_URL: hand it over.
require('aws-sdk/lib/maintenance_mode_message').suppress = true;
const AWS = require('aws-sdk');

const BUCKET = 'blah-reports';
const TOPIC = 'arn:aws:sns:us-east-1:666666666666:blah-events';

const options = { endpoint: process.env.AWS_ENDPOINT_URL };
const sts = new AWS.STS(options);
const s3 = new AWS.S3({ ...options, s3ForcePathStyle: true });
const sns = new AWS.SNS(options);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function putAndGet() {
  const where = { Bucket: BUCKET, Key: 'conformance/js-v2.txt' };
  await s3.putObject({ ...where, Body: 'written by JavaScript v2' }).promise();
  const { Body } = await s3.getObject(where).promise();
  if (Body.toString() !== 'written by JavaScript v2') throw new Error(`read back ${Body}`);
}

async function round() {
  const { Arn } = await sts.getCallerIdentity().promise();
  const { Buckets } = await s3.listBuckets().promise();
  const { MessageId } = await sns.publish({ TopicArn: TOPIC, Message: 'a round' }).promise();
  console.log(JSON.stringify({
    arn: Arn,
    access_key_id: s3.config.credentials.accessKeyId,
    buckets: Buckets.map((bucket) => bucket.Name),
    message_id: MessageId,
  }));
}

async function main(seconds) {
  await putAndGet();
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(700)) await round();
}

main(Number(process.argv[2])).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
