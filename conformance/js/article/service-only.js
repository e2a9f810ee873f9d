'use strict';
// The article's program with everything about credentials taken out: `rolecall exec` sees to them.
const { service, rounds, fail } = require('./service');

rounds(service(), Number(process.argv[2])).catch(fail);
