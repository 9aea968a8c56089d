// node tardy.js PORT - Node's plain http server, which takes 0 to 300 ms for each answer.
'use strict';
const http = require('node:http');

const server = http.createServer((request, response) => {
	const body = `hello from pid ${process.pid}\n`;
	setTimeout(() => {
		response.setHeader('Content-Length', body.length);
		response.end(body);
	}, Math.random() * 300);
});

server.listen(process.argv[2], () => {
	console.log(`pid ${process.pid} listens on port ${server.address().port}`);
});
