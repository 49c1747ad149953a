// Owns the rival "http-proxy": version 1.18.1 with a keep-alive agent.
import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';
import { isAllowed } from './policy.ts';

const [port, upstream] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 1_024 });
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${upstream}`, agent, xfwd: true });
proxy.on('error', (_error, _request, response) => {
  if (!response.headersSent) response.writeHead(502, { 'Content-Length': 0 });
  response.end();
});

const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 }, (request, response) => {
  if (isAllowed(request)) proxy.web(request, response);
  else response.writeHead(403, { 'Content-Length': 0 }).end();
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 8192 }, () =>
  process.stdout.write('ready\n'),
);
