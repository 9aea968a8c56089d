// node datagrams.js PORT - Node's plain dgram server, which answers with who it is.
'use strict';
const dgram = require('node:dgram');

const server = dgram.createSocket('udp4');
const { BERTH_SLOT, BERTH_GENERATION } = process.env;

server.on('message', (message, from) => {
	server.send(`${BERTH_SLOT} ${BERTH_GENERATION} ${process.pid} ${message}`, from.port, from.address);
});
server.bind(Number(process.argv[2]), '127.0.0.1', () => {
	console.log(`bound ${process.pid}`);
});
