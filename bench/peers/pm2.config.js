// app.js under PM2, as its documentation has it for reloads without a lost request: cluster mode,
// and a worker says itself when it's ready.
'use strict';

module.exports = {
	apps: [{
		name: 'app',
		script: `${__dirname}/app.js`,
		exec_mode: 'cluster',
		instances: Number(process.env.WORKERS),
		wait_ready: true,
		pmx: false, // its monitoring
		vizion: false, // looks for a repository
	}],
};
