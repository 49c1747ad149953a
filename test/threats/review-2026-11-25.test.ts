// Owns the promise that the holes found by the hostile review of 25 November 2026 stay closed.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startSupervisor } from '../../src/supervisor/supervisor.ts';
import type { Supervisor, WorkerPlan } from '../../src/supervisor/supervisor.ts';
import { withoutSchemes } from '../../src/http/challenges.ts';
import { parseRange } from '../../src/identity/client-address.ts';
import { userFromAuthorization } from '../../src/identity/user.ts';
import type { Verdict } from '../../src/model/verdict.ts';
import { freePort } from '../support/free-port.ts';
import { SERVER_CERTIFICATE, SERVER_KEY } from '../fixtures/tls.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { guarded, quarantineSettings } from '../support/servers/quarantine.ts';
import { ok } from '../support/servers/raw-backend.ts';
import type { BackendRequest } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, PING, request, verdict } from '../support/servers/test-gateway.ts';
import { startTestLane } from '../support/servers/test-lane.ts';
import { upstreamTls } from '../support/phones/tls-phone.ts';
import { answerOk, openings } from '../support/servers/openings.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const { opened, backendOf, gatewayOf, gatewayWith, phoneOf } = openings();

// ------------------------------------------------------------------------------------------------------- identity

describe('a name that is no text', () => {
  it.each(['refuse', 'rewrite', 'ignore'] as const)(
    'is refused and ends no worker, whatever becomes of User=: %s',
    async (userClaim) => {
      const backend = await backendOf(answerOk);
      const gateway = await gatewayOf(backend, { identity: { userClaim } });
      const phone = await phoneOf(gateway);
      const payload = Buffer.from(String.raw`{"upn":"\ud800"}`).toString('base64url');
      const bearer = `Authorization: Bearer e30.${payload}.x\r\n`;
      phone.send(request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, bearer));
      expect((await phone.response()).status).toBe(401);
      expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_USER_NAME']);
      // The mail server was asked for its challenge.
      expect(backend.requests.map((seen) => [seen.method, seen.header('authorization')])).toEqual([
        ['OPTIONS', undefined],
      ]);
    },
  );
});

describe('a Bearer token', () => {
  const payload = Buffer.from('{"upn":"alice"}').toString('base64url');
  const token = `e30.${payload}.c2lnbmF0dXJl`;

  it('is read where it is one', () => {
    expect(userFromAuthorization(`Bearer ${token}`, 'upn')).toBe('alice');
  });

  it.each([
    ['a second one', `${token} ${token}`],
    ['other credentials', `${token}, Basic Ym9iOnNlY3JldA==`],
    ['a tab', `${token}\t`],
    ['white space inside', token.replace(payload, `${payload.slice(0, 4)} ${payload.slice(4)}`)],
    ['another alphabet', token.replace('e30', 'e3+0')],
  ])('is no token beside %s', (_what, value) => {
    expect(userFromAuthorization(`Bearer ${value}`, 'upn')).toBe('EASGATE_AUTHORIZATION');
  });
});

// ------------------------------------------------------------------------------------------------------------ gate

describe('OPTIONS with a command in a base64 query', () => {
  const query = Buffer.from('8d0909040641424331323300066950686f6e65', 'hex').toString('base64');
  const disguised = request('FolderSync', Buffer.alloc(0)).replace(/^POST (\S+)\?\S+/, `OPTIONS $1?${query}`);

  it.each([
    ['of a blocked device', disguised],
    ['of nobody', disguised.replace(/Authorization: .*\r\n/, '')],
  ])('reaches the mail server without it: %s', async (_whose, sent) => {
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend);
    gateway.change('abc123', 'block');
    const phone = await phoneOf(gateway);
    phone.send(sent);
    expect((await phone.response()).status).toBe(200);
    expect(backend.requests.map(({ method, target }) => [method, target])).toEqual([
      ['OPTIONS', '/Microsoft-Server-ActiveSync'],
    ]);
  });
});

// -------------------------------------------------------------------------------------------------------- framing

describe('mail that a quarantined phone of 12.1 sends', () => {
  it.each([
    ['is read past', [], 0, undefined],
    ['is read past also when it is long', [], 100_000, undefined],
    ['ends the connection when it waits to be asked for', ['Expect: 100-continue'], 0, 'close'],
  ])('%s: its rest is no request', async (_what, extra, more, connection) => {
    const backend = await backendOf(guarded());
    const gateway = await gatewayOf(backend, { quarantine: quarantineSettings('gateway') });
    gateway.change('abc123', 'quarantine');
    const phone = await phoneOf(gateway);
    const hidden = request('FolderSync', FOLDER_SYNC, [], 'HIDDEN1');
    const start = Buffer.from('Subject: ');
    const length = start.length + hidden.length + more;
    const mail = request('SendMail', start, [`Content-Length: ${length}`, ...extra]);
    phone.send(mail.replace('n: 14.1', 'n: 12.1').replace('application/vnd.ms-sync.wbxml', 'message/rfc822'));
    if (connection === undefined) phone.send(hidden + 'x'.repeat(more));
    const answer = await phone.response();
    expect([answer.status, answer.header('connection')]).toEqual([507, connection]);
    if (connection === undefined) {
      phone.send(request('FolderSync', FOLDER_SYNC));
      expect((await phone.response()).status).toBe(200);
    } else {
      phone.send(hidden);
      await until(() => phone.ended, 'the end');
    }
    expect(phone.received).toBe('');
    expect(gateway.seen.map(({ device }) => device)).not.toContain('hidden1');
    expect(backend.requests.map(({ target }) => target).join()).not.toContain('HIDDEN1');
  });
});

// ------------------------------------------------------------------------------------------ connections in common

describe('a proxy connection that several clients share, in the lane for other paths', () => {
  const from = (address: string, ...lines: string[]): string =>
    ['GET /owa/ HTTP/1.1', 'Host: mail.example.com', `X-Forwarded-For: ${address}`, ...lines, '', ''].join(
      '\r\n',
    );

  it('never leads one client to the server connection that another one authenticated', async () => {
    const backend = await backendOf(answerOk);
    const lane = await startTestLane(backend.port, { trustedProxies: [parseRange('127.0.0.1')] });
    opened.push(lane);
    const proxy = await phoneOf(lane);
    for (const sent of [
      from('203.0.113.1', 'Authorization: NTLM TlRMTVNTUAABAAAA'),
      from('203.0.113.1', 'Authorization: NTLM TlRMTVNTUAADAAAA'),
      from('203.0.113.2'),
    ]) {
      proxy.send(sent);
      expect((await proxy.response()).status).toBe(200);
    }
    const [begun, authenticated, other] = backend.requests.map(({ connection }) => connection);
    expect(authenticated).toBe(begun);
    expect(other).not.toBe(authenticated);
    await until(() => authenticated?.closed === true, 'the authenticated connection to close');
  });

  it('is not kept for other paths: the next request may be a phone’s', async () => {
    const backend = await backendOf(answerOk);
    const lane = await startTestLane(backend.port, { trustedProxies: [parseRange('127.0.0.1')] });
    opened.push(lane);
    const proxy = await phoneOf(lane);
    proxy.send(from('203.0.113.1'));
    expect((await proxy.response()).header('connection')).toBe('close');
    const strict = await startTestLane(backend.port);
    opened.push(strict);
    const client = await phoneOf(strict);
    client.send(from('203.0.113.1'));
    expect((await client.response()).header('connection')).toBe('keep-alive');
  });
});

// --------------------------------------------------------------------------------------- changes while under way

describe('a change', () => {
  it('that concerned a request which is over says nothing of the next one on its connection', async () => {
    const backend = await backendOf();
    const asked = { abc123: 0, other1: 0 };
    let over = false;
    // From the second time on the directory does not answer, until the first request is over.
    const gateway = await gatewayWith(backend, async (_user, device) => {
      const times = ++asked[device as unknown as keyof typeof asked];
      if (device === 'abc123' && over) return { verdict: verdict('block') };
      return { verdict: times === 1 ? verdict('allow') : null };
    });
    const other = await phoneOf(gateway);
    other.send(request('Ping', PING, [], 'OTHER1'));
    const phone = await phoneOf(gateway);
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 2, 'both requests');
    gateway.change();
    await until(() => asked.abc123 === 3, 'it to be asked twice about the request');
    over = true;
    answerOk(backend.requests.find(({ target }) => target.includes('ABC123')) as BackendRequest);
    await phone.response();
    phone.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 3, 'the question about the credentials');
    const before = asked.other1;
    await gateway.time.advance(1_000);
    await until(() => asked.other1 > before, 'it to be asked again about what it did not answer');
    expect([asked.abc123, phone.received]).toEqual([4, '']);
    answerOk(backend.requests[2] as BackendRequest);
    await until(() => backend.requests.length === 4, 'the same question without credentials');
    answerOk(backend.requests[3] as BackendRequest);
    // MS-ASCMD 2.2.2: DeviceIsBlockedForThisUser.
    expect((await phone.response()).body.toString('latin1')).toContain('129');
  });
});

describe('a held poll', () => {
  it('ends when a decision ends that came while it was held', async () => {
    const backend = await backendOf();
    let current: Verdict = verdict('allow');
    const gateway = await gatewayWith(backend, async () => ({ verdict: current }));
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    current = { ...verdict('allow'), validUntil: gateway.time.wall() + 60_000 };
    gateway.change();
    await gateway.time.advance(59_999);
    expect(phone.received).toBe('');
    await gateway.time.advance(1);
    const { status, body } = await phone.response();
    // Status 1: the heartbeat passed (MS-ASCMD 2.2.3.177.11).
    expect([status, body.toString('hex')]).toEqual([200, '03016a00000d45470331000101']);
    await until(() => backend.connections[0]?.closed === true, 'the mail server to be told');
  });

  it('is not begun for a phone that left while its verdict was looked up', async () => {
    const backend = await backendOf();
    const answer = Promise.withResolvers<void>();
    let asked = 0;
    const gateway = await gatewayWith(backend, async () => {
      asked++;
      await answer.promise;
      return { verdict: verdict('allow') };
    });
    const phone = await phoneOf(gateway);
    phone.send(request('Ping', PING));
    await until(() => asked === 1, 'the look-up');
    phone.socket.end();
    // Once another one is answered, the gateway has read the end of this one.
    const other = await phoneOf(gateway);
    other.send('GET / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
    await other.response();
    answer.resolve();
    await until(() => phone.closed, 'the connection to close');
    expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_NOT_FOUND', 'EASGATE_CLIENT_LEFT']);
    expect(backend.requests).toEqual([]);
  });

  it('that got its connection only while the gateway drains ends with a valid reply', async () => {
    const backend = await backendOf();
    const gateway = await gatewayOf(backend, {
      upstream: { maxConnections: 1 },
      balancing: { maxQueued: 1, queueTimeoutMs: 10_000 },
    });
    // The gateway answers this one itself: what was sent in front of it has been read by then.
    gateway.verdicts.set('local', 'unavailable');
    const local = request('FolderSync', FOLDER_SYNC, [], 'LOCAL');
    const first = await phoneOf(gateway);
    first.send(request('FolderSync', FOLDER_SYNC, [], 'FIRST'));
    await until(() => backend.requests.length === 1, 'the first request');
    const phone = await phoneOf(gateway);
    phone.send(local + request('Ping', PING));
    expect((await phone.response()).status).toBe(503);
    const drained = gateway.drain(5_000);
    answerOk(backend.requests[0] as BackendRequest);
    await first.response();
    const { status, body } = await phone.response();
    expect([status, body.toString('hex')]).toEqual([200, '03016a00000d45470331000101']);
    await drained;
    expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_STORE_UNAVAILABLE', null, null]);
  });
});

describe('a mail server that sends more than its response, over TLS', () => {
  /** TLS tells of a read record by record (RFC 8446 5.1): the response fills the first one. */
  const RECORD = 16_384;

  it('does not answer the phone that waits for the connection with it', async () => {
    const started = ok('x'.repeat(10_000));
    const response = ok('x'.repeat(10_000 + RECORD - started.length));
    expect(response.length).toBe(RECORD);
    const backend = await backendOf(undefined, undefined, { cert: SERVER_CERTIFICATE, key: SERVER_KEY });
    const gateway = await gatewayOf(backend, {
      upstream: { maxConnections: 1, tls: upstreamTls(SERVER_CERTIFICATE, { verify: false }) },
      balancing: { maxQueued: 1 },
    });
    const answer = (index: number, text: string): void =>
      void backend.requests[index]?.connection.socket.write(text);
    const first = await phoneOf(gateway);
    first.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 1, 'the first request');
    answer(0, ok());
    await first.response();
    // A connection that stays open for a moment proves that the server keeps them: they are used again at once then.
    await gateway.time.advance(500);
    first.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 2, 'the second request');
    const waiting = await phoneOf(gateway);
    // The gateway answers the first itself; the second was read by then.
    gateway.verdicts.set('local', 'unavailable');
    waiting.send(
      request('FolderSync', FOLDER_SYNC, [], 'LOCAL') + request('FolderSync', FOLDER_SYNC, [], 'WAITING'),
    );
    await waiting.response();
    answer(1, response + ok('of nobody'));
    await first.response();
    await until(() => backend.requests.length === 3, 'the request that waited');
    answer(2, ok('mine'));
    expect((await waiting.response()).body.toString()).toBe('mine');
    expect(backend.requests[2]?.connection).not.toBe(backend.requests[1]?.connection);
  });
});

// ------------------------------------------------------------------------------------------- what a server can cost

describe('a challenge', () => {
  it('made of spaces costs what other texts of its length do', () => {
    /** Milliseconds, of the quickest of several times: what else the machine does is not counted. */
    const costOf = (value: string): number => {
      const times = Array.from({ length: 5 }, () => {
        const started = performance.now();
        expect(withoutSchemes(value, ['ntlm'])).toBe(value);
        return performance.now() - started;
      });
      return Math.min(...times);
    };
    const length = 60_000;
    costOf('warm up');
    // What grows with the square takes thousands of times as long.
    expect(costOf(`Basic${' '.repeat(length)}=x`)).toBeLessThan(
      costOf(`Basic ${'x'.repeat(length)}`) * 100 + 100,
    );
  });

  it('is told from a parameter by what follows its spaces', () => {
    expect(withoutSchemes('NTLM  TlRM, Basic realm = "a", Negotiate', ['ntlm', 'negotiate'])).toBe(
      'Basic realm = "a"',
    );
    expect(withoutSchemes('NTLM  realm  = "a", Basic', ['ntlm'])).toBe('Basic');
  });
});

// -------------------------------------------------------------------------------------------------- control plane

describe('a supervisor', () => {
  /** A worker that says who it is, waits until it may serve, and ends at once when told so. */
  const WORKER = `
    import { existsSync, writeFileSync } from 'node:fs';
    process.on('message', ({ type, source }) => {
      if (type === 'drain') process.exit(0);
      const config = JSON.parse(source.text);
      writeFileSync(config.folder + '/' + process.pid, '');
      const serve = () => {
        if (config.waits && existsSync(config.folder + '/wait')) return setTimeout(serve, 10);
        if (config.bad) process.send({ type: 'failed', code: 'BAD', message: 'bad' });
        else process.send({ type: 'ready' }, () => config.crashes && process.exit(1));
      };
      serve();
    });`;

  interface Watched {
    readonly supervisor: Supervisor;
    readonly exits: () => number;
    readonly plan: (what: object, port?: number) => WorkerPlan;
    /** Ids of all workers that ever started. */
    readonly started: () => number[];
    readonly waitFile: string;
  }

  async function watched(first: object): Promise<Watched> {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-supervisor-'));
    const entry = join(folder, 'worker.mjs');
    writeFileSync(entry, WORKER);
    opened.push({ close: () => rmSync(folder, { recursive: true }) });
    const plan = (what: object, port = 0): WorkerPlan => {
      const listen = { address: '127.0.0.1', port };
      const workers = { drainSeconds: 1, pollWindowSeconds: 0 };
      const config = { ...what, folder, listen, workers } as unknown as WorkerPlan['config'];
      return { config, source: { path: '', text: JSON.stringify(config) }, count: 1, sampleUrl: null };
    };
    let exits = 0;
    const onEvent = (_level: string, facts: object): void => {
      if ('code' in facts && facts.code === 'EASGATE_WORKER_EXIT') exits++;
    };
    const supervisor = await startSupervisor({
      plan: plan(first),
      entry,
      args: [],
      onEvent,
    });
    opened.push({ close: () => supervisor.stop() });
    const started = (): number[] => readdirSync(folder).map(Number).filter(Number.isInteger);
    return { supervisor, exits: () => exits, plan, started, waitFile: join(folder, 'wait') };
  }

  function isAlive(pid: number): boolean {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }

  it('whose worker keeps ending takes a configuration that helps, also in a long pause', async () => {
    const { supervisor, exits, plan } = await watched({ crashes: true });
    // The pauses are 0.1, 0.2, 0.4, 0.8 seconds; in the next one the socket is let go.
    await until(() => exits() >= 5, 'the fifth end');
    await supervisor.reload(plan({}));
    expect(supervisor.pids()).toHaveLength(1);
  });

  it('whose worker keeps ending can be stopped in a long pause', async () => {
    const { supervisor, exits } = await watched({ crashes: true });
    await until(() => exits() >= 5, 'the fifth end');
    await supervisor.stop();
    expect(supervisor.pids()).toEqual([]);
  });

  it('keeps no worker of an old configuration that was being started during a reload', async () => {
    const { supervisor, plan, started, waitFile } = await watched({ waits: true });
    const [first] = supervisor.pids();
    writeFileSync(waitFile, '');
    process.kill(first as number, 'SIGKILL');
    await until(() => started().length === 2, 'the worker in its place to be started');
    const second = started().find((pid) => pid !== first) as number;
    await supervisor.reload(plan({}));
    rmSync(waitFile);
    await until(() => !isAlive(second), 'the worker of the old configuration to go');
    const third = started().find((pid) => pid !== first && pid !== second);
    expect(supervisor.pids()).toEqual([third]);
  });

  it('that failed to move can move later, and stays where it was until then', async () => {
    const { supervisor, plan } = await watched({});
    const before = supervisor.port;
    const port = await freePort();
    await expect(supervisor.reload(plan({ bad: true }, port))).rejects.toThrow('bad');
    expect(supervisor.port).toBe(before);
    await supervisor.reload(plan({}, port));
    expect(supervisor.port).toBe(port);
  });
});
