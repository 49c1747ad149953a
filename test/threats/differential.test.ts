// Owns the promise that two real servers read what the gateway forwards in one way, however they read the phone's bytes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODY, PATH, QUERY, forwardedOf, sized } from '../fixtures/hostile/case.ts';
import type { HostileCase } from '../fixtures/hostile/case.ts';
import { HOSTILE_CLASSES } from '../fixtures/hostile/cases.ts';
import { CANARY_DEVICE, HostilePhone } from '../support/phones/hostile-phone.ts';
import { hasNginx, startRecordingNginx, startRecordingNode } from '../support/servers/recording-servers.ts';
import type { ReadRequest, RecordingServer } from '../support/servers/recording-servers.ts';
import { startTestGateway } from '../support/servers/test-gateway.ts';
import type { TestGateway } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { Wire } from '../support/phones/wire.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';

checkLeaksAtEnd();

/** A server, and the gateway in front of it. */
interface Behind {
  readonly server: RecordingServer;
  readonly gateway: TestGateway;
  readonly phone: HostilePhone;
}

const CANARY = sized(['Connection: close'], {
  line: `POST ${PATH}?${QUERY.replace('ABC123', CANARY_DEVICE)} HTTP/1.1`,
});
const isCanary = ({ target }: ReadRequest): boolean => target.includes(CANARY_DEVICE);

async function put(server: RecordingServer): Promise<Behind> {
  const gateway = await startTestGateway(server.port, { client: { keepAliveTimeoutMs: 600_000 } });
  const phone = await HostilePhone.open(gateway.port);
  return { server, gateway, phone };
}

async function takeDown({ server, gateway, phone }: Behind): Promise<void> {
  phone.close();
  await gateway.close();
  await server.close();
}

/** Sends bytes to a server's own port; resolves when the server has closed the connection. */
async function send(server: RecordingServer, bytes: string): Promise<void> {
  const wire = await Wire.open(server.port);
  wire.send(bytes);
  wire.end();
  await wire.until(() => wire.closed, `${server.name} to close`);
  wire.destroy();
}

/** The requests that the server read since the last call, once it has reported all of them. */
async function readBy({ server, phone }: Behind): Promise<ReadRequest[]> {
  await send(server, CANARY);
  const expected = phone.canaries + 1;
  let all: ReadRequest[] = [];
  await until(() => {
    all = server.requests();
    return all.filter(isCanary).length === expected;
  }, `${server.name} to account for every request`);
  server.forget();
  phone.canaries = 0;
  return all.filter((request) => !isCanary(request));
}

async function direct(behind: Behind, bytes: string): Promise<ReadRequest[]> {
  await send(behind.server, bytes);
  return readBy(behind);
}

async function through(behind: Behind, hostile: HostileCase): Promise<ReadRequest[]> {
  const refused = 'code' in hostile.expect;
  const challenged = 'challenged' in hostile.expect;
  // Time passes, so that connections are reused.
  behind.gateway.time.pass(1);
  await behind.phone.play(
    hostile.bytes,
    forwardedOf(hostile).length + (refused || challenged ? 1 : 0),
    refused,
  );
  const read = await readBy(behind);
  // The gateway asks for the challenge once a minute.
  return challenged ? read.filter(({ method }) => method !== 'OPTIONS') : read;
}

const meant = (hostile: HostileCase): ReadRequest[] =>
  forwardedOf(hostile).map(({ method = 'POST', target = `${PATH}?${QUERY}`, body = BODY }) => ({
    method,
    target,
    body: body ?? '',
  }));

/** Cases of valid HTTP that servers nevertheless read in two ways; the gateway removes the part that they read differently. */
const WRITTEN_ANEW: Readonly<Record<string, string>> = {
  'Upgrade to h2c': 'node:http reads nothing behind it; Upgrade and HTTP2-Settings stay here (RFC 9110 7.8)',
  'Upgrade to websocket': 'node:http reads nothing behind it; Upgrade stays here (RFC 9110 7.8)',
};

const without = hasNginx ? '' : ' (nginx is not installed: Debian package nginx-light)';

describe.skipIf(!hasNginx)(`node:http and nginx${without}`, () => {
  let node: Behind;
  let nginx: Behind;
  beforeAll(async () => {
    node = await put(await startRecordingNode());
    nginx = await put(await startRecordingNginx());
  });
  afterAll(async () => {
    await takeDown(node);
    await takeDown(nginx);
  });

  it('both account for two requests sent at once, so that a smuggled one would be seen', async () => {
    const bytes = sized() + sized([], { body: BODY + 'second' });
    const both = [
      { method: 'POST', target: `${PATH}?${QUERY}`, body: BODY },
      { method: 'POST', target: `${PATH}?${QUERY}`, body: BODY + 'second' },
    ];
    expect(await direct(node, bytes)).toEqual(both);
    expect(await direct(nginx, bytes)).toEqual(both);
  });

  it.each(HOSTILE_CLASSES)('read alike what the gateway forwards: $title', async ({ cases }) => {
    for (const hostile of cases) {
      const expected = meant(hostile);
      expect(await through(node, hostile), `${hostile.name}, behind the gateway: node:http`).toEqual(
        expected,
      );
      expect(await through(nginx, hostile), `${hostile.name}, behind the gateway: nginx`).toEqual(expected);
    }
  });

  it('disagree only about bytes that the gateway refuses, or writes anew', async () => {
    const disputed: string[] = [];
    const passed: string[] = [];
    for (const hostile of HOSTILE_CLASSES.flatMap(({ cases }) => cases)) {
      const [byNode, byNginx] = [await direct(node, hostile.bytes), await direct(nginx, hostile.bytes)];
      const agree = JSON.stringify(byNode) === JSON.stringify(byNginx);
      if (!agree) disputed.push(hostile.name);
      if (!agree && !('code' in hostile.expect)) passed.push(hostile.name);
      const expected = meant(hostile).filter(({ method }) => method === 'POST');
      // The gateway never forwards more than a server would have read by itself.
      if (agree) {
        const bodies = byNode.filter(({ method }) => method === 'POST').map(({ body }) => body);
        expect([hostile.name, ...bodies.slice(0, expected.length)]).toEqual([
          hostile.name,
          ...expected.map(({ body }) => body),
        ]);
      }
    }
    expect(passed.toSorted()).toEqual(Object.keys(WRITTEN_ANEW).toSorted());
    // The cases are meaningful only if the two servers read many of them differently.
    expect(disputed.length).toBeGreaterThan(50);
  });
});
