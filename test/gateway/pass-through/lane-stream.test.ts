// Owns the promises of the stream between a client's socket and node:http about when a connection may go back to the gate.
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LaneStream } from '../../../src/gateway/pass-through/lane-stream.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { get } from '../../support/servers/open-lane.ts';

checkLeaks();

/** A client whose page is answered, with a request for the gate behind it. */
async function open(): Promise<{ client: RawClient; socket: Socket; stream: LaneStream }> {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true }, accepted.resolve);
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = await RawClient.open((server.address() as AddressInfo).port);
  const socket = await accepted.promise;
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
  });
  const limits = { maxHeadBytes: 8_192, maxHeaders: 30, maxTargetBytes: 2_048 };
  let came = false;
  const stream = new LaneStream(socket, limits, {
    keeps: (_stream, target) => target === '/owa/',
    onPartialHead: () => undefined,
    onAstray: () => (came = true),
  });
  stream.resume();
  client.send(get() + get('/other'));
  await until(() => came, 'the request for the gate');
  stream.answered();
  return { client, socket, stream };
}

describe('a request for the gate behind an answered page', () => {
  it('goes to the gate', async () => {
    const { stream } = await open();
    expect(stream.isAstray).toBe(true);
    expect(stream.release().toString()).toBe(get('/other'));
  });

  it('stays where its answer could not be sent: the lane ended the connection', async () => {
    const { client, stream } = await open();
    stream.end();
    await until(() => client.ended, 'the end of the answers');
    expect(stream.isAstray).toBe(false);
  });

  it('stays where its client has ended: the gate would not notice that', async () => {
    const { client, socket, stream } = await open();
    client.socket.end();
    await until(() => socket.readableEnded, 'the end of the requests');
    expect(stream.isAstray).toBe(false);
  });
});
