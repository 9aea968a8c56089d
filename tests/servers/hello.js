// node hello.js PORT [HOST] - Node's plain http server, which answers with its process id.
'use strict';
const http = require('node:http');

const [port = '8000', host] = process.argv.slice(2);
const server = http.createServer((request, response) => {
	response.end(`hello from pid ${process.pid}\n`);
});

server.listen({ port, host }, () => {
	console.log(`pid ${process.pid} listens on port ${server.address().port}`);
});
