// Owns a listener for deliveries with its feeds and a directory in memory, and a sender. Not for `beforeAll`.
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { FeedStates } from '../../../src/app/feed-runs/feed-state.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/schema.ts';
import type { Pace } from '../../../src/control/receive/body.ts';
import { ReceiveListener } from '../../../src/control/receive/listener.ts';
import { Receivers } from '../../../src/control/receive/receivers.ts';
import { receiveHandler } from '../../../src/control/receive/routes.ts';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import { deviceKey } from '../../../src/identity/device.ts';
import type { DeviceRecord } from '../../../src/model/device.ts';

export const SECRET = 'a-secret-of-the-sender-0123456789';
export const TOKEN = 'token-0123456789-0123456789-0123456789';

/** An answer to a delivery. */
export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Headers and body of a delivery. */
export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

/** A listener that takes deliveries. */
export interface TestReceiver {
  readonly port: number;
  readonly store: DirectoryStore;
  readonly states: FeedStates;
  readonly config: Config;
  /** Feeds that were started. */
  readonly triggered: string[];
  /** Deliveries that were carried out or refused: feed, outcome or code, sums or text. */
  readonly deliveries: (readonly [string | null, string, unknown])[];
  /** Errors that were no refusals. */
  readonly failures: unknown[];
  /** Whether this process leads; at first it does. */
  readonly leads: (does: boolean) => void;
  readonly send: (path: string, sent?: Sent) => Promise<Answered>;
  readonly device: (id: string) => Promise<DeviceRecord | null>;
}

/** Starts it with these feeds. `storeOf`: puts something in front of the directory. */
export async function receiverOf(
  feeds: string,
  {
    pace,
    headMs,
    storeOf = (store) => store,
    maxConnections = 200,
  }: {
    readonly pace?: Pace;
    readonly headMs?: number;
    readonly storeOf?: (store: DirectoryStore) => DirectoryStore;
    readonly maxConnections?: number;
  } = {},
): Promise<TestReceiver> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-receiver-'));
  const config = parseConfig(
    `store: { kind: embedded, path: directory.db }\nfeeds:\n${feeds}`,
    join(folder, 'easgate.yaml'),
  );
  const states = new FeedStates(join(folder, 'feeds'));
  const store = storeOf(new EmbeddedStore(':memory:'));
  const triggered: string[] = [];
  const failures: unknown[] = [];
  const deliveries: (readonly [string | null, string, unknown])[] = [];
  const trigger = (name: string): void => void triggered.push(name);
  const receivers = new Receivers(store, states, config, { fence: 0, trigger });
  let current: Receivers | null = receivers;
  const events = {
    onRefused: (name: string | null, code: string, text: string) => void deliveries.push([name, code, text]),
    onDelivery: (name: string, outcome: string, sums: object) => void deliveries.push([name, outcome, sums]),
    onFailure: (_name: string, error: unknown) => void failures.push(error),
  };
  const handler = receiveHandler(
    () => current,
    events,
    ...(pace === undefined ? [] : [{ webhook: pace, push: pace }]),
  );
  const settings = { endpoint: { address: '127.0.0.1', port: 0 }, tls: null, maxConnections };
  const listener = new ReceiveListener(settings, handler, undefined, headMs);
  await listener.ready();
  onTestFinished(async () => {
    await listener.close();
    await receivers.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const port = listener.port ?? 0;
  return {
    port,
    store,
    states,
    config,
    triggered,
    deliveries,
    failures,
    leads: (does) => {
      current = does ? receivers : null;
    },
    send: (path, sent) => send(port, path, sent),
    device: async (id) => (await store.getDevice(deviceKey(id)))?.record ?? null,
  };
}

/** Sends a delivery. */
export function send(
  port: number,
  path: string,
  { method = 'POST', headers = {}, body = '' }: Sent = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: { 'Content-Type': 'application/json', ...headers },
        agent: false,
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => {
          const text = Buffer.concat(pieces).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: (text === '' ? {} : JSON.parse(text)) as Answered['body'],
            text,
          });
        });
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Headers of a delivery that is signed with its time, as `timed` of {@link FEEDS} takes it. */
export function signed(
  body: string | Buffer,
  { secret = SECRET, at = Date.now(), id = String(Math.random()) } = {},
): Record<string, string> {
  const time = String(Math.floor(at / 1_000));
  const signature = createHmac('sha256', secret).update(`${id}.${time}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': `v1,${signature}` };
}

/** Feeds of all kinds of proof. */
export const FEEDS = `
  - name: timed
    kind: webhook
    secrets: [${SECRET}]
    format: ndjson
    signature: { header: webhook-signature, prefix: "v1,", encoding: base64, content: "{id}.{timestamp}.{body}", timestampHeader: webhook-timestamp, idHeader: webhook-id }
  - { name: untimed, kind: webhook, secrets: [${SECRET}], format: ndjson }
  - { name: token, kind: webhook, tokens: [${TOKEN}], format: ndjson }
  - { name: mdm, kind: push, tokens: [${TOKEN}] }
  - { name: other, kind: push, tokens: [other-${TOKEN}] }
`;

/** Headers of a push. */
export function pushed(token = TOKEN, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { Authorization: `Bearer ${token}`, 'Content-Type': 'application/x-ndjson', ...more };
}

/** Lines of records. */
export function ndjson(...records: readonly object[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}
