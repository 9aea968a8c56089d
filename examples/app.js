// A plain Node server: one process, one port, nothing of berth.
const http = require('http');

http.createServer((request, response) => {
  response.end(`hello from process ${process.pid}\n`);
}).listen(3000);
