'use strict';
// The article's program put right within this SDK: the role is a provider, so that there is something to refresh from.
const { AWS, endpoint, service, rounds, fail } = require('./service');

const credentials = new AWS.ChainableTemporaryCredentials({
  params: {
    RoleArn: 'arn:aws:iam::666666666666:role/BlahRole',
    RoleSessionName: 'Freds-Session',
    DurationSeconds: 1000,
  },
  masterCredentials: new AWS.SharedIniFileCredentials({ profile: 'joe' }),
  stsConfig: { endpoint },
});

rounds(service(credentials), Number(process.argv[2])).catch(fail);
