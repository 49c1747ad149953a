// Owns the promises of `easgate status`: what is shown of a running gateway, and what when none runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { rolloutWarnings } from '../../src/model/rollout-text.ts';
import { changeText, statusText } from '../../src/cli/status.ts';
import type { JournalEntry } from '../../src/model/journal.ts';
import type { GatewayStatus } from '../../src/supervisor/status-server.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { eventually, until } from '../support/checks/until.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { runInProcess } from './run-in-process.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
upstream: { url: sample }
sample: { users: [ { name: alice, password: secret } ] }
store: { kind: embedded, path: ./easgate.db }
workers: { count: 1, pidFile: ./easgate.pid }
policy: { file: policy.yaml }
`;
const POLICY = 'name: Contoso mail\nmode: reportOnly\n';

async function statusOf(config: string): Promise<GatewayStatus> {
  const { out } = await runInProcess('status', '--json', '--config', config);
  return JSON.parse(out) as GatewayStatus;
}

/** What a control process says of itself. */
const OWN = {
  pid: 8,
  uptimeSeconds: 60,
  memoryBytes: 80e6,
  warnings: [],
  endingExceptions: [],
  admin: null,
  readModel: {
    phase: 'following' as const,
    path: '',
    rows: 1,
    position: null,
    ageMs: 0,
    seenAgeMs: 0,
    trouble: null,
  },
  leader: { isLeader: true, holder: 'gw1', fence: 1 },
};

describe('easgate status of a gateway', () => {
  let running: GatewayProcess;
  let config = '';
  beforeAll(async () => {
    running = await startGatewayProcess(CONFIG.replace('count: 1', 'count: 2'), { 'policy.yaml': POLICY });
    config = join(running.folder, 'easgate.yaml');
  });
  afterAll(async () => void (await running.stop()));

  it.each(['status --watch', 'status --watch --json'])('%s ends once its reader has gone', async (words) => {
    const child = spawn(process.execPath, [MAIN, ...words.split(' '), '--config', config], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('shows workers, counters, the policy with its hash, and standing warnings', async () => {
    const { port } = running;
    await request(`http://127.0.0.1:${port}/Microsoft-Server-ActiveSync`, {
      method: 'OPTIONS',
      reset: true,
    }).then(({ body }) => body.dump());
    const requests = ({ workers }: GatewayStatus): number =>
      workers.reduce((total, worker) => total + (worker?.counters['requests'] ?? 0), 0);
    const found = await eventually(
      () => statusOf(config),
      (status) => requests(status) === 1 && status.workers.every((worker) => worker !== null),
      'the request to be counted',
    );
    expect(found).toMatchObject({ phase: 'serving', policy: { name: 'Contoso mail' } });
    expect(found.policy.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(found.traffic?.requestsPerSecond).toBeGreaterThan(0);
    expect(found.traffic?.failures).toEqual([]);
    expect(found.warnings.join()).toContain('only reports');
    expect(found.workers.map((worker) => worker?.health)).toEqual([
      { store: true, storeRefusal: null, mailServer: true },
      { store: true, storeRefusal: null, mailServer: true },
    ]);
  });

  it('comes from a gateway that says in its log that it created its directory', () => {
    const lines = running.out().match(/.*EASGATE_STORE_CREATED.*/g);
    expect(lines).toEqual([expect.stringContaining(join(running.folder, 'easgate.db'))]);
  });

  it('is readable by the user of the gateway alone', async () => {
    expect(statSync(join(running.folder, 'easgate.sock')).mode & 0o777).toBe(0o600);
  });

  it('says that no gateway runs', async () => {
    const elsewhere = join(running.folder, 'other.yaml');
    writeFileSync(elsewhere, CONFIG.replace('easgate.pid', 'other.pid'));
    const { code, error } = await runInProcess('status', '--config', elsewhere);
    expect(code).toBe(1);
    expect(error).toContain('EASGATE_NOT_RUNNING');
  });
});

describe('easgate status', () => {
  it('shows the feeds, and the journal has their runs', async () => {
    const feeds = `feeds: [ { name: mdm, kind: files, path: devices.csv }, { name: none, kind: files, path: missing.csv } ]\n`;
    const running = await startGatewayProcess(CONFIG + feeds, {
      'policy.yaml': POLICY,
      'devices.csv': 'id,managed,compliant\nPHONE1,true,true\nPHONE2,true,false\n',
    });
    onTestFinished(async () => {
      await running.stop();
    });
    const config = join(running.folder, 'easgate.yaml');
    const states = async (): Promise<unknown> => {
      const { feeds: found } = (await statusOf(config)) as GatewayStatus & {
        feeds: { name: string; state: string }[];
      };
      return found.map(({ name, state }) => `${name} ${state}`).join(', ');
    };
    await until(async () => (await states()) === 'mdm ok, none failing', 'both feeds to have run');
    const runs = async (): Promise<JournalEntry[]> => {
      const { out } = await runInProcess('journal', 'export', '--kind', 'feed_run', '--config', config);
      return out
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => JSON.parse(text) as JournalEntry);
    };
    // A feed that fails is tried again: there may be more entries by now.
    const reasons = async (): Promise<Set<string | null>> =>
      new Set((await runs()).map(({ reason }) => reason));
    await until(async () => (await reasons()).size === 2, 'the journal to have runs of both');
    expect(await runs()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          reason: 'EASGATE_FEED_SOURCE',
          facts: expect.objectContaining({ feed: 'none', error: expect.stringContaining('missing.csv') }),
        }),
        expect.objectContaining({
          reason: 'applied',
          facts: expect.objectContaining({ feed: 'mdm', devices: 2, devicesRemoved: 0, refused: 0 }),
        }),
      ]),
    );
  });
});

describe('easgate status after a reload that failed', () => {
  it('shows the policy that the workers still decide by', async () => {
    const running = await startGatewayProcess(CONFIG, {
      'policy.yaml': POLICY,
      'other.yaml': 'name: another\n',
    });
    onTestFinished(async () => {
      await running.stop();
    });
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    running.configure(CONFIG.replace('port: 0', `port: ${port}`).replace('policy.yaml', 'other.yaml'));
    running.child.kill('SIGHUP');
    await until(() => running.out().includes('EASGATE_RELOAD_FAILED'), 'the refusal');
    const { policy } = await statusOf(join(running.folder, 'easgate.yaml'));
    expect(policy).toMatchObject({
      name: 'Contoso mail',
      file: expect.stringMatching(/\/policy\.yaml$/),
    });
  });
});

describe('the text of a status', () => {
  const worker = {
    pid: 7,
    uptimeSeconds: 3_700,
    health: { store: true, mailServer: false },
    counters: { requests: 1_200, heldPolls: 9_000, connections: 9_100, allowed: 1_000, blocked: 5 },
    verdicts: { hits: 99, misses: 1 },
    store: 'redis' as const,
    policies: { live: null, shadow: null, rollout: null },
    position: '17-0',
    shadow: null,
    stateAgeMs: 400,
    cpuSeconds: 1.5,
    memoryBytes: 80e6,
  };
  const status = {
    version: '1.2.3',
    pid: 1,
    startedAt: 0,
    phase: 'serving' as const,
    policy: { name: null, file: null, hash: null },
    warnings: ['noCompliancePolicy: allow lets in everybody'],
    workers: [worker, null],
    control: null,
    feeds: [],
  };

  it('shows the traffic of the last minute, and a worker that does not answer', () => {
    const text = statusText({ ...status, traffic: { requestsPerSecond: 0.0321, failures: [] } });
    expect(text).toContain('0.032 requests/s in the last minute, 1,200 in all; 9,000 held polls');
    expect(text).not.toContain('failed ');
    expect(text).toContain('99.0% from memory');
    expect(text).toContain('no answer');
    expect(text).toContain('away');
    expect(text).toContain('noCompliancePolicy: allow');
  });

  it('says that the directory takes no changes, and why', () => {
    const refused = {
      ...worker,
      health: { ...worker.health, store: true, storeRefusal: 'the disk is full' },
    };
    const look = {
      ...status,
      workers: [refused, { ...worker, health: { store: true, mailServer: true } }],
    };
    const text = statusText(look);
    expect(text).toMatch(/directory +\w+: takes no changes; it can be read/);
    expect(text).toContain('no changes');
    expect(text).toMatch(
      /warning +the directory takes no changes.*, as 1 of 2 workers report \(the disk is full\)/,
    );
  });

  it('does not say that the directory takes no changes where it cannot be read either', () => {
    const away = {
      ...worker,
      health: { ...worker.health, store: false, storeRefusal: 'the disk is full' },
    };
    const look = { ...status, workers: [away, away] };
    const text = statusText(look);
    expect(text).toContain('does not answer to 2 of 2 workers');
    expect(text).not.toContain('takes no changes');
  });

  it('names the actions of the configuration while nothing is published', () => {
    const actions = { unknownDevice: 'quarantine', notEnrolled: 'block', notCompliant: 'allow' };
    const look = { ...status, policy: { ...status.policy, actions } };
    expect(statusText(look)).toContain(
      'of the configuration: unknownDevice quarantine, notEnrolled block, notCompliant allow\n',
    );
  });

  it('says which version is rolled out to whom and since when, and its warnings', () => {
    const version = { version: 4, name: 'old', hash: 'aaaa', warnings: [] };
    const rollout = {
      ...version,
      version: 5,
      warnings: rolloutWarnings(
        { version: 5, groups: [], share: 5, since: 0, changedAt: 0, by: 'carol' },
        31 * 86_400_000,
      ),
      groups: ['Pilot'],
      share: 10,
      since: Date.now() - 2 * 86_400_000,
    };
    const policies = { live: version, shadow: null, rollout };
    const look = { ...status, workers: [{ ...worker, policies }] };
    expect(statusText(look)).toMatch(
      /policy +version 4 of the directory, old \(aaaa\); version 5 for group Pilot and 10 % of all users, since 2d ago\n/,
    );
    expect(statusText(look)).toContain(
      'version 5 of the policy has been rolled out to a part of the users for 31 days: finish or abandon it',
    );
  });

  it('shows how each feed is, and why', () => {
    const remembered = {
      lastFullAt: null,
      lastSuccessAt: Date.now() - 3_600_000,
      lastTriedAt: null,
      failures: 0,
      error: null,
      held: null,
      confirmedAt: null,
      run: null,
    };
    const ok = {
      name: 'mdm',
      kind: 'files',
      state: 'ok' as const,
      isStale: false,
      lagMs: 3_600_000,
      nextAt: null,
      remembered,
    };
    const held = { at: 0, reasons: ['300 of 400 devices would be removed'] };
    const feeds = [
      ok,
      {
        ...ok,
        name: 'intune',
        state: 'held' as const,
        remembered: { ...remembered, lastSuccessAt: null, held },
      },
    ];
    const look = { ...status, feeds };
    expect(statusText(look)).toMatch(
      /feeds +mdm ok, applied 1h ago\n +intune held, never applied: 300 of 400 devices would be removed\n/,
    );
    // Another gateway runs them, or none does.
    const under = (holder: string | null): string => {
      const own = { ...OWN, leader: { isLeader: false, holder, fence: 1 } };
      return statusText({ ...look, control: { state: 'running', pid: 8, status: own } });
    };
    expect(under(null)).toMatch(
      /feeds +2 in the configuration; no gateway leads, so none is run at the moment\n/,
    );
    expect(under('gw2')).toMatch(/feeds +2 in the configuration; the leader runs them: gw2\n/);
  });

  it('names why requests failed, the most frequent cause first, and how many did lately', () => {
    const failure = (code: string, count: number, lastMinute: number) => ({
      code,
      meaning: `meaning of ${code}`,
      count,
      lastMinute,
    });
    const failures = [
      failure('EASGATE_CREDENTIALS_BUSY', 2_134, 12),
      failure('EASGATE_UPSTREAM_TIMEOUT', 40, 0),
      ...['A', 'B', 'C', 'D', 'E'].map((code) => failure(code, 1, 0)),
    ];
    const text = statusText({ ...status, traffic: { requestsPerSecond: 3, failures } });
    expect(text).toMatch(
      /\nfailed +2,134 with EASGATE_CREDENTIALS_BUSY, 12 in the last minute: meaning of .*\n +40 with EASGATE_UPSTREAM_TIMEOUT, 0 in the last minute: .*\n +1 with A/,
    );
    expect(text).toContain('and 2 more codes: --json');
  });

  it('says where the API is served without a dashboard that was not built, once it listens', () => {
    const lineOf = (url: string | null): string => {
      const admin = { url, trouble: null, missing: 'it was not built; the admin API is served' };
      const own = { ...OWN, admin };
      const text = statusText({ ...status, control: { state: 'running', pid: 8, status: own } });
      return /^dashboard +(.*)$/m.exec(text)?.[1] ?? '';
    };
    expect(lineOf(null)).toBe('starts');
    expect(lineOf('http://127.0.0.1:8781')).toBe(
      'is not served: it was not built; the admin API is served at http://127.0.0.1:8781',
    );
  });

  it('shows no rate where the primary process is of an older version', () => {
    expect(statusText(status)).toMatch(/traffic +1,200 in all; 9,000 held polls/);
  });
});

describe('the last change that was read', () => {
  it('is a number of SQLite, and a time of Redis, not the positions of all its partitions', () => {
    expect(changeText('17')).toBe(' (change number 17)');
    expect(changeText('0:1795933646388-0 1:0-0 2:1795933677817-3')).toBe(
      ' (last change 2026-11-29T06:27:57Z)',
    );
    expect(changeText('0:0-0 1:0-0')).toBe(' (no change yet)');
    expect(changeText(null)).toBe('');
  });
});
