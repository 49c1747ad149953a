// Owns the measurement of how long a change at a source takes to a phone: a phone that holds a Ping is blocked, then released, by each
// kind of feed; and of bulks of pushed records. One gateway with its built-in sample server; needs slapd (Debian: slapd).
//   node bench/propagation.ts [devices of the fleet]
import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { askStatus } from '../src/supervisor/ask-status.ts';
import { LONG_PING } from '../test/support/phones/held-polls.ts';
import { RawClient } from '../test/support/phones/raw-client.ts';
import { freePort } from '../test/support/servers/free-port.ts';
import { startGatewayProcess } from '../test/support/servers/gateway-process.ts';
import type { GatewayProcess } from '../test/support/servers/gateway-process.ts';
import { send } from '../test/support/servers/receiver.ts';
import type { Answered } from '../test/support/servers/receiver.ts';
import { MANAGER, SUFFIX, startSlapd } from '../test/support/servers/slapd.ts';
import { FOLDER_SYNC, request } from '../test/support/servers/test-gateway.ts';
import { median } from './core/report.ts';

const SECRET = 'a-secret-for-measurements-only-01';
const TOKEN = 'a-token-for-measurements-only-0123456789';
const FLEET = Number(process.argv[2] ?? 5_000);
const PROBE_MS = 5;
/** Status 129: the device is blocked for this user (MS-ASCMD 2.2.2). */
const DENIED = '\u0003129\u0000';
const FILE_ROUNDS = 6;
const ROUNDS = 9;
const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/x-ndjson' };

const person = `dn: uid=alice,ou=people,${SUFFIX}
objectClass: inetOrgPerson
uid: alice
cn: alice
sn: alice
mail: alice@example.com
employeeType: doctor
`;

const slapd = await startSlapd(person);
const receive = await freePort();
const config = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, pidFile: easgate.pid }
store: { kind: embedded, path: directory.db }
throttle: { burst: 0 }
policy: { notCompliant: block, notEnrolled: block }
log: { access: false }
receive: { listen: "127.0.0.1:${receive}" }
feeds:
  - { name: push, kind: push, tokens: [${TOKEN}] }
  - name: hook
    kind: webhook
    secrets: [${SECRET}]
    format: ndjson
    signature: { content: "{id}.{timestamp}.{body}", timestampHeader: x-time, idHeader: x-id }
  - { name: file, kind: files, path: in.csv, schedule: "*/5 * * * * *" }
  - name: ldap
    kind: ldap
    urls: ["${slapd.url}"]
    ca: ${slapd.ca}
    bindDn: "${MANAGER.dn}"
    password: ${MANAGER.password}
    baseDn: "${SUFFIX}"
    disabledAttribute: employeeType
    disabledValues: [disabled]
    schedule: "*/5 * * * * *"
sample:
  users: [{ name: alice, password: secret }]
`;
const file = (compliant: boolean): string => `id,managed,compliant\nFILE1,true,${compliant}\n`;
const gateway = await startGatewayProcess(config, { 'in.csv': file(true) });
try {
  await measure(gateway);
} finally {
  await gateway.stop();
  await slapd.stop();
}

async function measure({ port, folder }: GatewayProcess): Promise<void> {
  await takesDeliveries();
  const fleet = Array.from({ length: FLEET }, (_, index) => record(`FLEET${index}`, true)).join('');
  await bulk(`${FLEET} new devices`, fleet, folder);
  await bulk(`${FLEET} devices, nothing new`, fleet, folder);
  await delta('LDAP1', true);
  await webhook('HOOK1', true);
  await delta('PUSH1', true);
  await rounds('webhook', ROUNDS, port, 'HOOK1', (isOpen) => webhook('HOOK1', isOpen));
  await rounds('push, a delta', ROUNDS, port, 'PUSH1', (isOpen) => delta('PUSH1', isOpen));
  await rounds('file, read every 5 s', FILE_ROUNDS, port, 'FILE1', async (isOpen) => {
    await pause(Math.random() * 5_000);
    writeFileSync(join(folder, '.in.csv'), file(isOpen));
    const at = performance.now();
    renameSync(join(folder, '.in.csv'), join(folder, 'in.csv'));
    return at;
  });
  await rounds('LDAP, read every 5 s', FILE_ROUNDS, port, 'LDAP1', async (isOpen) => {
    await pause(Math.random() * 5_000);
    const at = performance.now();
    slapd.change(
      `dn: uid=alice,ou=people,${SUFFIX}\nchangetype: modify\nreplace: employeeType\nemployeeType: ${isOpen ? 'doctor' : 'disabled'}\n`,
    );
    return at;
  });
}

/** Blocks and releases a phone again and again; `change` returns when the change was made, on the clock of the phone. */
async function rounds(
  name: string,
  count: number,
  port: number,
  device: string,
  change: (isOpen: boolean) => Promise<number>,
): Promise<void> {
  const blocked: number[] = [];
  const released: number[] = [];
  await allowed(port, device);
  for (let round = 0; round < count; round++) {
    const phone = await RawClient.open(port);
    phone.send(request('Ping', LONG_PING, [], device));
    await pause(200);
    let endedAt = 0;
    const ended = phone.response().then(() => (endedAt = performance.now()));
    const changedAt = await change(false);
    await ended;
    blocked.push(endedAt - changedAt);
    phone.destroy();
    const releasedAt = await change(true);
    released.push((await allowed(port, device)) - releasedAt);
  }
  process.stdout.write(
    `${name}: the held Ping ends after ${shown(blocked)}; mail again after ${shown(released)}\n`,
  );
}

function shown(times: readonly number[]): string {
  return `median ${Math.round(median(times))} ms, longest ${Math.round(Math.max(...times))} ms`;
}

/** When the phone gets its folders from the mail server again. */
async function allowed(port: number, device: string): Promise<number> {
  for (;;) {
    const phone = await RawClient.open(port);
    phone.send(request('FolderSync', FOLDER_SYNC, [], device));
    const { status, body } = await phone.response();
    phone.destroy();
    if (status === 200 && !body.includes(DENIED)) return performance.now();
    await pause(PROBE_MS);
  }
}

function record(id: string, compliant: boolean): string {
  return `${JSON.stringify({ id, managed: true, compliant, platform: 'ios', osVersion: '17.4.1', model: 'iPhone15,2', owner: `${id.toLowerCase()}@example.com` })}\n`;
}

async function webhook(device: string, compliant: boolean): Promise<number> {
  const body = record(device, compliant).trim();
  const time = String(Math.floor(Date.now() / 1_000));
  const id = randomUUID();
  const signature = createHmac('sha256', SECRET).update(`${id}.${time}.${body}`).digest('hex');
  const at = performance.now();
  good(
    await send(receive, '/receive/hook', {
      headers: { 'X-Id': id, 'X-Time': time, 'X-Hub-Signature-256': `sha256=${signature}` },
      body,
    }),
  );
  return at;
}

async function delta(id: string, compliant: boolean): Promise<number> {
  const at = performance.now();
  good(await send(receive, '/receive/push/delta', { headers, body: record(id, compliant) }));
  return at;
}

async function bulk(name: string, body: string, folder: string): Promise<void> {
  const packed = gzipSync(body);
  const at = performance.now();
  good(
    await send(receive, `/receive/push/bulk?devices=${FLEET}`, {
      headers: { ...headers, 'Content-Encoding': 'gzip' },
      body: packed,
    }),
  );
  const took = (performance.now() - at) / 1_000;
  const pid = (await askStatus(join(folder, 'easgate.pid'))).control?.pid ?? 0;
  const [, peak = '0'] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  process.stdout.write(
    `bulk of ${name}: ${took.toFixed(1)} s, ${(body.length / 1e6).toFixed(1)} MB (${(packed.length / 1e6).toFixed(1)} packed); peak memory of the control process ${Math.round(Number(peak) / 1_024)} MB\n`,
  );
}

async function takesDeliveries(): Promise<void> {
  for (;;) {
    try {
      if ((await send(receive, '/receive', { method: 'GET' })).status === 200) return;
    } catch {
      // It does not listen yet.
    }
    await pause(50);
  }
}

function good({ status, text }: Answered): void {
  if (status >= 300) throw new Error(`${status}: ${text}`);
}
