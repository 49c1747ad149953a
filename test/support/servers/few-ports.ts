// Owns a process for a separate network namespace with twenty local ports: a gateway between phones and a server that delays every
// answer, with one source address whose ports are all in use. Prints the results of the requests as JSON.
// Run as `unshare -rn node few-ports.ts`.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { gatewaySettings } from '../../../src/config/gateway-settings.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { startGateway } from '../../../src/gateway/gateway.ts';
import type { Verdict } from '../../../src/model/verdict.ts';
import { until } from '../checks/until.ts';

const PORTS = 20;
const FIRST_PHONE_PORT = 30_000;
const ALLOW: Verdict = { action: 'allow', reason: 'compliant', rule: 'test', validUntil: Infinity };

const ask = (device: number): string =>
  [
    `OPTIONS /Microsoft-Server-ActiveSync?User=alice&DeviceId=D${device}&DeviceType=iPhone HTTP/1.1`,
    'Host: mail.example.com',
    'Authorization: Basic YWxpY2U6c2VjcmV0',
    '',
    '',
  ].join('\r\n');

async function main(): Promise<void> {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', `20000 ${20_000 + PORTS - 1}`);

  const sources: string[] = [];
  const held: Socket[] = [];
  let holds = true;
  const server = createServer((socket) => {
    sources.push(socket.remoteAddress ?? '');
    held.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => {
      if (!holds) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(8_000, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  // Another program uses all ports of the first address, for another server.
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(8_001, '127.0.0.1', resolve));
  for (let count = 0; count < PORTS; count++) {
    const taken = connect({ host: '127.0.0.1', port: 8_001, localAddress: '127.0.0.2' });
    await new Promise((resolve, reject) => taken.once('connect', resolve).once('error', reject));
  }

  const config = parseConfig(
    `listen: { address: 127.0.0.1, port: 8002 }
upstream: { url: "http://127.0.0.1:${port}", sourceAddresses: [127.0.0.2, 127.0.0.3] }`,
    'test.yaml',
  );
  const troubles: string[] = [];
  const errors: (string | null)[] = [];
  const gateway = await startGateway({
    settings: gatewaySettings(config, null),
    verdicts: {
      peek: () => ALLOW,
      decide: async () => ({ verdict: ALLOW }),
      confirm: async () => ALLOW,
      noteWipeTold: async () => true,
      acknowledgeWipe: async () => true,
      onChange: () => () => undefined,
    },
    recorder: { seen: () => undefined },
    accessLog: { record: (exchange) => errors.push(exchange.error), recordPassage: () => undefined },
    onTrouble: (code) => troubles.push(code),
  });

  const statuses: string[] = [];
  const phones: Socket[] = [];
  const ring = (count: number): void => {
    for (let index = 0; index < count; index++) {
      const localPort = FIRST_PHONE_PORT + phones.length;
      const phone = connect({ host: '127.0.0.1', port: gateway.port, localAddress: '127.0.0.9', localPort });
      phone.on('error', () => undefined);
      phone.on('data', (chunk) => statuses.push(chunk.toString('latin1').slice(9, 12)));
      phone.write(ask(phones.length));
      phones.push(phone);
    }
  };
  // As many requests as the second address has ports, then more.
  ring(PORTS);
  await until(() => sources.length === PORTS);
  const served = { connections: sources.length, from: [...new Set(sources)], answered: statuses.length };
  ring(5);
  await until(() => statuses.length === 5);
  const refused = { statuses: [...statuses], errors: [...errors] };
  // A reset leaves no TIME_WAIT behind, so its port is free at once.
  held[0]?.resetAndDestroy();
  await until(() => statuses.length === 6);
  holds = false;
  ring(1);
  await until(() => statuses.length === 7);
  process.stdout.write(JSON.stringify({ served, refused, after: statuses[6], troubles }) + '\n');
  process.exit(0);
}

await main();
