'use strict';
// The article's way, with its literals put right where STS would refuse them: the ARN, the session name and the
// duration. What follows the first round shows why it stops working: docs/article.md tells the story.
const { AWS, endpoint, service, pause, fail } = require('./service');

const [, , waitSeconds] = process.argv;
const show = (fact) => console.log(JSON.stringify(fact));

function facts(credentials) {
  return { needs_refresh: credentials.needsRefresh(), access_key_id: credentials.accessKeyId };
}

// What a call under the credentials comes to: 'ok', or AWS's error code.
const outcome = (round) => round().then(() => 'ok', (error) => error.code);

// `refresh()` of a plain Credentials object, as the article calls it and with the callback this SDK demands.
function bareRefresh(credentials) {
  try {
    credentials.refresh();
    return 'ok';
  } catch (error) {
    return error.name;
  }
}
const refresh = (credentials) => new Promise((done) => credentials.refresh(done));

const sts = new AWS.STS({ endpoint });
sts.assumeRole({
  RoleArn: 'arn:aws:iam::666666666666:role/BlahRole',
  RoleSessionName: 'Freds-Session',
  DurationSeconds: 1000,
}, (error, data) => {
  if (error) return fail(error);

  const credentials = new AWS.Credentials();
  credentials.accessKeyId = data.Credentials.AccessKeyId;
  credentials.secretAccessKey = data.Credentials.SecretAccessKey;
  credentials.sessionToken = data.Credentials.SessionToken;
  credentials.expiryTime = data.Credentials.Expiration;

  useThem(credentials).catch(fail);
});

async function useThem(credentials) {
  const round = service(credentials);
  show({ step: 'fresh', call: await outcome(round), ...facts(credentials) });

  await pause(Number(waitSeconds));
  const ended = credentials.expiryTime < new Date();
  show({ step: 'expired', ended, ...facts(credentials) });

  // The article's remedy: it never fires.
  if (credentials.needsRefresh()) credentials.refresh();
  show({ step: 'remedy', call: await outcome(round), ...facts(credentials) });

  // Nor would it help if it did.
  const bare = bareRefresh(credentials);
  await refresh(credentials);
  show({ step: 'forced', bare_refresh: bare, call: await outcome(round), ...facts(credentials) });

  // Without the flag that the failed call left, only the name this SDK reads makes needsRefresh() tell the truth.
  // refresh() still fetches nothing.
  await refresh(credentials);
  const wrongName = credentials.needsRefresh();
  credentials.expireTime = credentials.expiryTime;
  const rightName = credentials.needsRefresh();
  await refresh(credentials);
  show({ step: 'right name', wrong_name: wrongName, right_name: rightName, call: await outcome(round), ...facts(credentials) });
}
