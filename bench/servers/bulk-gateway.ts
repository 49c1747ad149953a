// Owns a gateway for a bulk: with one feed and its admin API; its runs, its counts, and the memory and processor time of its control process.
import { readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { askStatus } from '../../src/supervisor/ask-status.ts';
import type { ControlState } from '../../src/supervisor/control-process.ts';
import { freePort } from '../../test/support/servers/free-port.ts';
import { startGatewayProcess } from '../../test/support/servers/gateway-process.ts';
import type { GatewayProcess } from '../../test/support/servers/gateway-process.ts';
import { makeToken } from '../../test/support/servers/make-token.ts';

/** Name of the feed of a way that is no import. */
export const FEED = 'bulk';
/** Linux: processor time in /proc is in hundredths of a second. */
const TICK_MS = 10;
const LOOK_MS = 100;
const LIST_LOOK_MS = 250;
const LAST_LINES = 20;

/** What a run did, as `easgate feeds status` shows it. */
export interface Sums {
  readonly accepted: number;
  readonly unchanged: number;
  readonly refused: number;
}

/** What a process used. */
export interface Used {
  /** Largest resident memory. */
  readonly peakMegabytes: number;
  readonly cpuSeconds: number;
}

/** A running gateway. */
export interface BulkGateway {
  readonly folder: string;
  /** Port of the receive listener. */
  readonly receive: number;
  readonly controlPid: number;
  /** Runs the feed to its end; `seconds`: from its start to its end, by the gateway. */
  run(kind: 'devices' | 'users'): Promise<Sums & { readonly seconds: number }>;
  /** Resolves when the lists of the admin API have so many devices. */
  lists(devices: number): Promise<void>;
  /** Whether the admin API shows a user. */
  hasUser(name: string): Promise<boolean>;
  /** The end of its log, for a measurement that failed. */
  lastLines(): string;
  stop(): Promise<void>;
}

interface FeedRow {
  readonly byHand: {
    readonly startedAt: string;
    readonly endedAt: string | null;
    readonly error: { readonly message: string } | null;
  } | null;
  readonly remembered: {
    readonly run: {
      readonly devices: { readonly accepted: number; readonly unchanged: number };
      readonly users: { readonly accepted: number; readonly unchanged: number };
      readonly refused: number;
      readonly notRemoved: readonly string[];
    } | null;
  };
}

/** Starts it. `feed`: fields of the feed in YAML, but for its name; `store`: the section `store`. */
export async function startBulkGateway(feed: string, store: string): Promise<BulkGateway> {
  const [receive, port] = [await freePort(), await freePort()];
  const config = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, pidFile: easgate.pid }
store: ${store}
admin: { listen: "127.0.0.1:${port}", file: admin.db }
log: { access: false }
receive: { listen: "127.0.0.1:${receive}" }
feeds:
  - { name: ${FEED}, ${feed} }
sample:
  users: [{ name: alice, password: secret }]
`;
  const gateway = await startGatewayProcess(config);
  try {
    return await reached(gateway, port, receive);
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

async function reached(gateway: GatewayProcess, port: number, receive: number): Promise<BulkGateway> {
  const { folder } = gateway;
  const admin = AdminStore.open(join(folder, 'admin.db'));
  const { secret } = makeToken(
    admin,
    { name: 'bulk', role: 'admin', expiresAt: Date.now() + 86_400_000, createdBy: 'bench' },
    Date.now(),
  );
  admin.close();
  const ask = async <Answer>(path: string, method = 'GET'): Promise<Answer> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/json' },
      ...(method === 'POST' && { body: '{}' }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Answer;
  };
  const row = async (): Promise<FeedRow | undefined> =>
    (await ask<{ readonly rows: readonly FeedRow[] }>('/feeds')).rows[0];
  const controlPid = await leader(folder, port);
  // Other work on the machine counts less so; alone on a machine the low priority of a control process changes nothing.
  setPriority(controlPid, 0);
  return {
    folder,
    receive,
    controlPid,
    run: async (kind) => {
      await ask(`/feeds/${FEED}/run`, 'POST');
      for (;;) {
        const { byHand = null, remembered } = (await row()) ?? { remembered: { run: null } };
        if (byHand?.error) throw new Error(byHand.error.message);
        if (byHand !== null && byHand.endedAt !== null && remembered.run !== null) {
          const { refused, notRemoved } = remembered.run;
          if (notRemoved.length > 0) throw new Error(notRemoved.join('; '));
          const seconds = (Date.parse(byHand.endedAt) - Date.parse(byHand.startedAt)) / 1_000;
          return { ...remembered.run[kind], refused, seconds };
        }
        await pause(LOOK_MS);
      }
    },
    lists: async (devices) => {
      // A count is kept for a while after it was made: it is asked for once the read model is as large.
      while (((await control(folder)).status?.readModel.rows ?? 0) < devices) await pause(LIST_LOOK_MS);
      for (;;) {
        const { total } = await ask<{ readonly total: { readonly all: number } }>('/devices/counts');
        if (total.all === devices) return;
        if (total.all > devices) throw new Error(`${total.all} devices in the lists, ${devices} were sent`);
        await pause(LIST_LOOK_MS);
      }
    },
    hasUser: async (name) => {
      const { rows } = await ask<{ readonly rows: readonly unknown[] }>(`/users?user=${name}&limit=1`);
      return rows.length === 1;
    },
    lastLines: () => gateway.out().split('\n').slice(-LAST_LINES).join('\n'),
    stop: async () => void (await gateway.stop()),
  };
}

/** The process id of the control process, once it leads. */
async function leader(folder: string, port: number): Promise<number> {
  for (;;) {
    const { status, pid } = await control(folder);
    if (status?.leader.isLeader === true && pid !== null && (await answers(port))) return pid;
    await pause(LOOK_MS);
  }
}

async function control(folder: string): Promise<ControlState> {
  const { control: state } = await askStatus(join(folder, 'easgate.pid'));
  if (state === null) throw new Error('the gateway has no control process');
  return state;
}

function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/api/v1/openapi.json`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Begins to measure a process; what is returned tells what it used since. */
export function measured(pid: number): () => Used {
  // Linux: 5 sets the largest resident memory to the one of now (proc_pid_clear_refs(5)).
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  const before = cpuSeconds(pid);
  return () => ({ peakMegabytes: peakMegabytes(pid), cpuSeconds: cpuSeconds(pid) - before });
}

/** Largest resident memory of a process so far. */
export function peakMegabytes(pid: number): number {
  const [, peak = '0'] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(peak) / 1_024;
}

/** User and system time of a process with all its threads, also those that ended. */
export function cpuSeconds(pid: number): number {
  // proc_pid_stat(5): fields 14 and 15; the name in field 2 may have spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * TICK_MS) / 1_000;
}
