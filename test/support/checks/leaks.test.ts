// Owns the proof that the leak check finds leaks.
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { checkLeaks, heldNow, leftovers } from './leaks.ts';
import { RawClient } from '../phones/raw-client.ts';
import { ok, startRawBackend } from '../servers/raw-backend.ts';
import { FOLDER_SYNC, request, startTestGateway } from '../servers/test-gateway.ts';
import { until } from './until.ts';

checkLeaks();

it('reports a timer, a server and both ends of a connection, and nothing once they are closed', async () => {
  const before = heldNow();
  expect(leftovers(before)).toEqual([]);
  const timer = setTimeout(() => undefined, 60_000);
  expect(leftovers(before)).toEqual(['1 Timeout']);
  clearTimeout(timer);
  const server = createServer((accepted) => accepted.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  expect(leftovers(before)).toEqual(['1 TCPServerWrap']);
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await new Promise<void>((resolve) => server.once('connection', () => resolve()));
  await until(() => leftovers(before).includes('2 TCPSocketWrap'));
  socket.resetAndDestroy();
  server.close();
  await until(() => leftovers(before).length === 0);
});

it('reports the connections of a gateway to phones and mail servers', async () => {
  const backend = await startRawBackend(({ connection }) => connection.socket.write(ok()));
  const gateway = await startTestGateway(backend.port);
  const before = heldNow();
  const client = await RawClient.open(gateway.port);
  client.send(request('FolderSync', FOLDER_SYNC));
  await client.response();
  expect(leftovers(before)).toEqual(['4 TCPSocketWrap', '1 client connections', '1 upstream connections']);
  client.destroy();
  await until(() => !leftovers(before).includes('1 client connections'));
  expect(leftovers(before)).toContain('1 upstream connections');
  await gateway.close();
  await backend.close();
  await until(() => leftovers(before).length === 0);
});
