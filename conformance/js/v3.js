'use strict';
// Uses a role in another account for some seconds with the AWS SDK for JavaScript v3, and knows nothing of where its
// credentials come from. One JSON line a round; any error ends it.
const { S3Client, ListBucketsCommand, PutObjectCommand, GetObjectCommand } = require('@aws-sdk/client-s3');
const { SNSClient, PublishCommand } = require('@aws-sdk/client-sns');
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');

const BUCKET = 'blah-reports';
const TOPIC = 'arn:aws:sns:us-east-1:666666666666:blah-events';

const sts = new STSClient({});
const s3 = new S3Client({ forcePathStyle: true });
const sns = new SNSClient({});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function putAndGet() {
  const where = { Bucket: BUCKET, Key: 'conformance/js-v3.txt' };
  await s3.send(new PutObjectCommand({ ...where, Body: 'written by JavaScript v3' }));
  const { Body } = await s3.send(new GetObjectCommand(where));
  const read = await Body.transformToString();
  if (read !== 'written by JavaScript v3') throw new Error(`read back ${read}`);
}

async function round() {
  const { Arn } = await sts.send(new GetCallerIdentityCommand({}));
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  const { MessageId } = await sns.send(new PublishCommand({ TopicArn: TOPIC, Message: 'a round' }));
  const { accessKeyId } = await sts.config.credentials();
  console.log(JSON.stringify({
    arn: Arn,
    access_key_id: accessKeyId,
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
