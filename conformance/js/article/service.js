'use strict';
// The part of the article that does the work: S3 and SNS clients, a list of buckets, a message on a topic. It says
// nothing about credentials unless it is given some.
require('aws-sdk/lib/maintenance_mode_message').suppress = true;
const AWS = require('aws-sdk');

const TOPIC = 'arn:aws:sns:us-east-1:666666666666:blah-events';
// This SDK ignores AWS_ENDPOINT_URL.
const endpoint = process.env.AWS_ENDPOINT_URL;

function service(credentials) {
  const options = credentials ? { endpoint, credentials } : { endpoint };
  const sts = new AWS.STS(options);
  const s3 = new AWS.S3({ ...options, s3ForcePathStyle: true });
  const sns = new AWS.SNS(options);
  return async function round() {
    const { Arn } = await sts.getCallerIdentity().promise();
    const { Buckets } = await s3.listBuckets().promise();
    const { MessageId } = await sns.publish({ TopicArn: TOPIC, Message: 'a round' }).promise();
    return {
      arn: Arn,
      access_key_id: s3.config.credentials.accessKeyId,
      buckets: Buckets.map((bucket) => bucket.Name),
      message_id: MessageId,
    };
  };
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

// One JSON line a round for some seconds; any error ends it.
async function rounds(round, seconds) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(0.7)) {
    console.log(JSON.stringify(await round()));
  }
}

function fail(error) {
  console.error(error);
  process.exitCode = 1;
}

module.exports = { AWS, endpoint, service, pause, rounds, fail };
