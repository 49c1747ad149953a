// Owns the rival "undici": node:http in front, undici dispatch behind, as lean as its public API allows.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import { isAllowed } from './policy.ts';

const [port, upstream] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${upstream}`, {
  connections: 8_192,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
  allowH2: false,
});
const HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'upgrade',
  'proxy-connection',
  'expect',
]);

class Handler implements Dispatcher.DispatchHandler {
  private readonly response: ServerResponse;
  private controller: Dispatcher.DispatchController | null = null;

  constructor(response: ServerResponse) {
    this.response = response;
    response.once('close', () => {
      if (!response.writableFinished) this.controller?.abort(new Error('client left'));
    });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const raw = (controller as unknown as { rawHeaders: Buffer[] }).rawHeaders;
    const headers: string[] = [];
    for (let index = 0; index < raw.length; index += 2) {
      const name = (raw[index] as Buffer).toString('latin1');
      if (!HOP.has(name.toLowerCase())) headers.push(name, (raw[index + 1] as Buffer).toString('latin1'));
    }
    this.response.writeHead(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.response.write(chunk)) return;
    controller.pause();
    this.response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.response.end();
  }

  onResponseError(): void {
    if (!this.response.headersSent) this.response.writeHead(502, { 'Content-Length': 0 });
    this.response.end();
  }
}

function forward(request: IncomingMessage, response: ServerResponse): void {
  if (!isAllowed(request)) {
    response.writeHead(403, { 'Content-Length': 0 }).end();
    return;
  }
  const headers: string[] = [];
  const raw = request.rawHeaders;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    if (!HOP.has(name.toLowerCase())) headers.push(name, raw[index + 1] as string);
  }
  headers.push('X-Forwarded-For', request.socket.remoteAddress ?? '');
  pool.dispatch({ path: request.url ?? '/', method: 'POST', headers, body: request }, new Handler(response));
}

const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 }, forward);
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 8192 }, () =>
  process.stdout.write('ready\n'),
);
