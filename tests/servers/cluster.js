// node cluster.js WORKERS PORT [HOST] - the same hello.js under Node's own cluster module.
// NODE_CLUSTER_SCHED_POLICY=rr|none chooses how it hands out connections; rr if not set.
'use strict';
const cluster = require('node:cluster');
const path = require('node:path');

const [workers, ...args] = process.argv.slice(2);

cluster.setupPrimary({ exec: path.join(__dirname, 'hello.js'), args });
for (let i = 0; i < Number(workers); i++)
	cluster.fork();
