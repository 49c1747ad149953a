// Owns two HTTP servers that record the requests they read: node:http, and nginx if installed.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { closeServer, listenLocally } from './local-server.ts';
import { NGINX, mayUse } from '../programs.ts';
import { eventually } from '../checks/until.ts';

/** A request that a server read completely and answered. */
export interface ReadRequest {
  readonly method: string;
  readonly target: string;
  /** latin1 */
  readonly body: string;
}

/** A running server; every request it takes is answered `ok`. */
export interface RecordingServer {
  readonly name: string;
  readonly port: number;
  /** Requests since {@link forget}, in the order of answers. */
  requests(): ReadRequest[];
  forget(): void;
  close(): Promise<void>;
}

/** node:http with its defaults, except a larger limit for heads. */
export async function startRecordingNode(): Promise<RecordingServer> {
  const seen: ReadRequest[] = [];
  const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      seen.push({ method: request.method ?? '', target: request.url ?? '', body });
      response.end('ok');
    });
  });
  const port = await listenLocally(server);
  return {
    name: 'node:http',
    port,
    requests: () => [...seen],
    forget: () => void seen.splice(0),
    close: () => closeServer(server),
  };
}

/** Whether nginx can be started here. */
export const hasNginx = mayUse(NGINX);

/** nginx as the front end of a mail server: it reads the whole body, then forwards it to a server behind it. */
export async function startRecordingNginx(): Promise<RecordingServer> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-nginx-'));
  const port = await freePort();
  const log = join(folder, 'requests.log');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n  ');
  const configuration = `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 512; }
http {
  ${temporary}
  log_format record escape=json
    '{"status":"$status","method":"$request_method","target":"$request_uri","body":"$request_body"}';
  client_max_body_size 0;
  client_body_buffer_size 1m;
  client_body_in_single_buffer on;
  large_client_header_buffers 8 64k;
  server {
    listen 127.0.0.1:${port};
    access_log ${log} record;
    location / {
      proxy_pass http://unix:${folder}/behind.sock;
      proxy_http_version 1.1;
      proxy_ignore_client_abort on;
    }
  }
  server {
    listen unix:${folder}/behind.sock;
    access_log off;
    location / { return 200 'ok'; }
  }
}
`;
  writeFileSync(join(folder, 'nginx.conf'), configuration);
  const words = ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')];
  const child = spawn('nginx', words, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let forgotten = 0;
  await eventually(
    () => answersAt(port),
    (answers) => answers || child.exitCode !== null,
    'nginx to listen',
  );
  if (child.exitCode !== null)
    throw new Error(`nginx ended: ${readFileSync(join(folder, 'error.log'), 'utf8')}`);
  // latin1: escape=json does not escape bytes above ASCII. What is behind the last end of a line is still being written.
  const lines = (): string[] => readFileSync(log, 'latin1').split('\n').slice(0, -1);
  return {
    name: 'nginx',
    port,
    requests: () =>
      lines()
        .slice(forgotten)
        .map((line) => JSON.parse(line) as ReadRequest & { status: string })
        .filter(({ status }) => status === '200')
        .map(({ method, target, body }) => ({ method, target, body })),
    forget: () => {
      forgotten = lines().length;
    },
    close: async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether a server accepts connections at this port. */
function answersAt(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
