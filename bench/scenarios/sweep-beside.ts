// Owns the scenario of a whole run of a feed of users beside traffic: 400,000 users are pushed to a gateway, 1 % of them changed, while its
// worker, with 100,000 verdicts in memory, serves warm requests.
import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { deviceKey } from '../../src/identity/device.ts';
import { openStore } from '../../src/directory/open-store.ts';
import type { StoreOptions } from '../../src/directory/open-store.ts';
import { DEVICES, onDirectory } from '../core/fleet-directory.ts';
import type { Fleet } from '../core/fleet-directory.ts';
import { userOf } from '../core/fleet.ts';
import { fullDeviceAt, fullUserAt } from '../core/full-fleet.ts';
import { LOAD_CORE, freePort, line, start, stop } from '../core/processes.ts';
import { told } from '../core/report.ts';
import type { Sample } from '../core/report.ts';
import { DEVICES as PHONES } from '../core/traffic.ts';
import { startGateway } from '../servers/gateway.ts';
import { PLAIN, trickle } from './scenario.ts';
import type { Effort, Scenario } from './scenario.ts';

/** Requests a second. */
const RATE = 3_000;
const USERS = userOf(DEVICES - 1) + 1;
const VERDICTS = Math.min(100_000, DEVICES);
/** One of so many users is changed by each run. */
const CHANGED = 100;
const TOKEN = 'a-token-for-measurements-only-0123456789';
const PART = 5_000;
const LONGEST_MS = 600_000;

/** A gateway that takes pushed records. */
interface Target {
  readonly url: string;
  readonly agent: Agent;
  /** The whole set of users, as it is pushed in turn. */
  readonly bodies: readonly [string, string];
}

/** Writes the devices whose verdicts are in memory, and the phones of the load. */
async function seed(options: StoreOptions): Promise<void> {
  const store = await openStore(options);
  const now = Date.now();
  for (let at = 0; at < VERDICTS; at += PART)
    await store.putDevices(
      Array.from({ length: Math.min(PART, VERDICTS - at) }, (_, index) =>
        fullDeviceAt(at + index, now, 'intune'),
      ),
    );
  await store.putDevices(
    PHONES.map((id) => ({
      key: deviceKey(id),
      source: 'bench',
      observedAt: now,
      managed: true,
      compliant: true,
    })),
  );
  await store.close();
}

/** Writes the set of users; in the `other` one, one of {@link CHANGED} has another attribute. */
async function writeBody(path: string, other: boolean): Promise<void> {
  const file = createWriteStream(path);
  for (let index = 0; index < USERS; index++) {
    const { key, aliases, groups, enabled } = fullUserAt(index, 0);
    const attributes = { employeeType: other && index % CHANGED === 0 ? 'contractor' : 'employee' };
    const record = { type: 'user', id: key, aliases, groups, enabled, attributes };
    if (!file.write(`${JSON.stringify(record)}\n`)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'finish');
}

/** Pushes the whole set. Returns how many users were changed, and how long it took in seconds. */
async function push(
  { url, agent, bodies }: Target,
  other: boolean,
): Promise<{ readonly accepted: number; readonly unchanged: number; readonly seconds: number }> {
  const began = performance.now();
  const { statusCode, body } = await request(`${url}/push/bulk?users=${USERS}`, {
    method: 'POST',
    dispatcher: agent,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/x-ndjson' },
    body: createReadStream(bodies[other ? 1 : 0]),
  });
  const text = await body.text();
  if (statusCode >= 300) throw new Error(`the users were not taken: ${statusCode} ${text.slice(0, 500)}`);
  const { users } = JSON.parse(text) as { readonly users: { accepted: number; unchanged: number } };
  return { ...users, seconds: (performance.now() - began) / 1_000 };
}

async function takesDeliveries({ url, agent }: Target): Promise<void> {
  for (;;) {
    try {
      const { statusCode, body } = await request(url, { dispatcher: agent });
      await body.dump();
      if (statusCode === 200) return;
    } catch {
      // It does not listen yet.
    }
    await pause(100);
  }
}

/** Runs on one kind of directory. */
async function onStore(
  { folder, store: options }: Fleet,
  bodies: Target['bodies'],
  { rounds, seconds }: Effort,
): Promise<Sample[]> {
  await seed(options);
  const [upstreamPort, receivePort] = [await freePort(), await freePort()];
  const backend = start(LOAD_CORE, process.execPath, ['bench/servers/backend.ts', String(upstreamPort)]);
  await line(backend, /ready/);
  const gateway = await startGateway({
    folder: join(folder, 'gateway'),
    upstreamPort,
    store:
      options.kind === 'embedded'
        ? `{ kind: embedded, path: "${options.path}" }`
        : `{ kind: redis, url: "${options.url}", keyPrefix: "${options.keyPrefix}" }`,
    administered: false,
    more: [
      `receive: { listen: "127.0.0.1:${receivePort}" }`,
      `feeds: [ { name: push, kind: push, tokens: [${TOKEN}] } ]`,
    ],
  });
  const target = {
    url: `http://127.0.0.1:${receivePort}/receive`,
    agent: new Agent({ connections: 1, headersTimeout: LONGEST_MS, bodyTimeout: LONGEST_MS }),
    bodies,
  };
  const samples: Sample[] = [];
  try {
    await takesDeliveries(target);
    await push(target, false);
    await warm(gateway.port);
    await trickle(gateway, seconds, RATE);
    // What a run takes beside the load: as long as that, the load goes on.
    let { seconds: lasts } = await push(target, true);
    for (let round = 0; round < rounds; round++) {
      const before = await trickle(gateway, seconds, RATE);
      const [{ accepted, unchanged, seconds: took }, beside] = await Promise.all([
        push(target, round % 2 === 1),
        trickle(gateway, Math.max(1, Math.floor(lasts)), RATE),
      ]);
      if (accepted !== Math.ceil(USERS / CHANGED) || accepted + unchanged !== USERS)
        throw new Error(`${accepted} users were changed, ${unchanged} were not`);
      lasts = took;
      samples.push(told(options.kind, { ...beside, p99MsBefore: before.p99Ms ?? 0, seconds: took }));
    }
  } finally {
    await target.agent.destroy();
    await stop(gateway.process);
    await stop(backend);
  }
  return samples;
}

/** Fills the memory of the worker with verdicts. */
async function warm(port: number): Promise<void> {
  const words = ['bench/core/warm-fleet.ts', String(port), String(VERDICTS)];
  const phones = start(LOAD_CORE, process.execPath, words);
  const [, json = '{}'] = await line(phones, /^(\{.*\})$/m, LONGEST_MS);
  await stop(phones);
  const { forwarded } = JSON.parse(json) as { readonly forwarded: number };
  if (forwarded !== VERDICTS) throw new Error(`${forwarded} of ${VERDICTS} phones were forwarded`);
}

async function measure(effort: Effort): Promise<Record<string, Sample[]>> {
  return onDirectory('embedded', async (fleet) => {
    const bodies: Target['bodies'] = [
      join(fleet.folder, 'users.ndjson'),
      join(fleet.folder, 'others.ndjson'),
    ];
    await writeBody(bodies[0], false);
    await writeBody(bodies[1], true);
    const embedded = await onStore(fleet, bodies, effort);
    return { embedded, redis: await onDirectory('redis', (other) => onStore(other, bodies, effort)) };
  });
}

export const SWEEP_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    rivals: [],
    measure: () => Promise.resolve(),
    name: 'sweep-beside',
    text: '3,000 requests/s beside a whole run of a feed of 400,000 users of which 1 % changed, against the same without; 100,000 verdicts in memory',
    figure: 'p99Ms',
    alone: measure,
  },
];
