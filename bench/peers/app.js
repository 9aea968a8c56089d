// PORT=8000 node app.js - answers with its process id after 0 to 20 ms. What it does instead is
// in the file that VERSION names: that's how bench/reload.py deploys a version that's no good.
'use strict';
const fs = require('node:fs');
const http = require('node:http');

const version = fs.readFileSync(process.env.VERSION, 'utf8').trim();

let isLeaving = false;

const server = http.createServer((request, response) => {
	setTimeout(() => {
		if (version === 'says 500')
			response.statusCode = 500;
		if (isLeaving)
			response.setHeader('Connection', 'close');
		response.end(`hello from pid ${process.pid}\n`);
	}, Math.random() * 20);
});

if (version === 'exits')
	process.exit(1);
if (version === 'never listens')
	setInterval(() => {}, 1000);
else
	server.listen(Number(process.env.PORT), '127.0.0.1', () => {
		if (process.send) // PM2 takes this as ready
			process.send('ready');
	});

// How PM2 asks a worker to end. berth sends SIGTERM, which ends it without a word.
process.on('SIGINT', () => {
	isLeaving = true;
	server.close(() => process.exit(0));
});
