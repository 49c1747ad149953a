// Owns a gateway for data plane tests: real sockets, and verdicts set by the test.
import { NO_GROUPS } from '../../../src/identity/user-names.ts';
import { startGateway } from '../../../src/gateway/gateway.ts';
import type { ChangedKeys } from '../../../src/directory/verdict-cache.ts';
import type { Gateway } from '../../../src/gateway/gateway.ts';
import type { VerdictSource } from '../../../src/gateway/gateway-core.ts';
import { HALF_CLOSE_GRACE_MS } from '../../../src/gateway/fixed-limits.ts';
import type { GatewaySettings, UpstreamServerSettings } from '../../../src/gateway/settings.ts';
import type { FinishedPassage } from '../../../src/telemetry/finished-request.ts';
import type { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import type { Verdict, VerdictAction, WipeOrder } from '../../../src/model/verdict.ts';
import { throwingAtBugs } from '../checks/bugs.ts';
import { watchGateway } from '../checks/leaks.ts';
import { untilRead } from '../phones/raw-client.ts';
import { TestClock } from '../checks/test-clock.ts';

/** Partnerships recorded by the recorder double. */
export interface SeenPartnership {
  readonly user: string;
  readonly device: string;
}

/** The gateway and its doubles. */
export interface TestGateway extends Gateway {
  /** Its clock, which stands still until the test moves it: no deadline passes because the machine is slow. */
  readonly time: TestClock;
  readonly seen: SeenPartnership[];
  /** User-Agents given to the recorder, in order. */
  readonly agents: (string | null)[];
  /** Devices to which a wipe order was about to be sent. */
  readonly ordered: string[];
  /** Answers of devices to a wipe order. */
  readonly acknowledged: { readonly device: string; readonly status: 1 | 2 }[];
  readonly finished: Exchange[];
  readonly passages: FinishedPassage[];
  /** Client addresses given to the access log, in order. */
  readonly addresses: string[];
  /** Events reported to the operator, with their codes. */
  readonly trouble: Readonly<Record<string, unknown>>[];
  /** Verdict by device key; others are allowed. */
  readonly verdicts: Map<string, Verdict | 'miss' | 'unavailable'>;
  /** Verdicts by cached facts that are too old for `verdicts`, by device key. */
  readonly old: Map<string, Verdict>;
  /**
   * The directory's answer to a confirmation; null = no answer, undefined = the entry of `verdicts`. A function answers when it
   * resolves.
   */
  confirmWith(verdict: Verdict | null | undefined | (() => Promise<Verdict | null>)): void;
  /** Awaited in each look-up of a verdict. */
  lookUpWith(work: () => Promise<void>): void;
  /** Whether the wipe that a device answers is still in force; called before its answer is recorded. */
  acknowledgeWith(stands: () => boolean): void;
  /** Changes a verdict, like an entry in the change log. */
  change(device: string, action: VerdictAction): void;
  /** Reports changes of these devices in one batch of the change log, as a feed run does. */
  announce(devices: readonly string[]): void;
  /** Reports that another policy is in use. */
  publish(): void;
}

/** Deep-partial overrides of the settings. */
export interface SettingsOverrides {
  /** Settings of every mail server. */
  readonly upstream?: Partial<UpstreamServerSettings>;
  /** Settings of all mail servers together. */
  readonly balancing?: Partial<GatewaySettings['upstream']>;
  /** Ports of more mail servers. */
  readonly morePorts?: readonly number[];
  readonly listen?: Partial<GatewaySettings['listen']>;
  readonly throttle?: Partial<GatewaySettings['throttle']>;
  readonly publicUrl?: string;
  readonly quarantine?: GatewaySettings['quarantine'];
  readonly autodiscover?: GatewaySettings['autodiscover'];
  readonly passThrough?: GatewaySettings['passThrough'];
  readonly client?: Partial<GatewaySettings['client']>;
  readonly identity?: Partial<GatewaySettings['identity']>;
  /** A clock to use instead of a new one. */
  readonly time?: TestClock;
  /** The directory knows every user with every device. */
  readonly known?: true;
  /** Looks many phones up at once; absent = each is looked up by itself. */
  readonly refresh?: NonNullable<VerdictSource['refresh']>;
}

/** A wipe order that was sent before, to a phone with this spelling of its id. */
export function wipeOrder(spelling = 'phone1', more: Partial<WipeOrder> = {}): WipeOrder {
  return {
    decidedFor: null,
    user: 'alice',
    spellings: [spelling],
    told: true,
    requestedAt: 1,
    readAt: Date.now(),
    elsewhere: { ...verdict('block'), reason: 'wipeRequested' },
    ...more,
  };
}

/** A frozen verdict for tests. */
export function verdict(action: VerdictAction): Verdict {
  return {
    action,
    reason: action === 'allow' ? 'compliant' : 'individualRule',
    rule: 'test',
    validUntil: Infinity,
  };
}

const ALLOW = verdict('allow');

/** Settings in front of `upstreamPort`. */
export function testSettings(upstreamPort: number, overrides: SettingsOverrides = {}): GatewaySettings {
  return {
    listen: {
      address: '127.0.0.1',
      port: 0,
      fd: null,
      tls: null,
      proxyProtocolFrom: null,
      ...overrides.listen,
    },
    publicUrl: overrides.publicUrl ?? null,
    quarantine: overrides.quarantine ?? null,
    autodiscover: overrides.autodiscover ?? null,
    passThrough: overrides.passThrough ?? null,
    retryAfterSeconds: 30,
    throttle: {
      burst: 0,
      perMinute: 60,
      repeats: 0,
      repeatsPerMinute: 30,
      pauseSeconds: 30,
      maxDevices: 1_000,
      ...overrides.throttle,
    },
    upstream: {
      path: '/Microsoft-Server-ActiveSync',
      servers: [upstreamPort, ...(overrides.morePorts ?? [])].map((port, index) => ({
        name: `server${index + 1}`,
        host: '127.0.0.1',
        port,
        tls: null,
        hostHeader: null,
        weight: 1,
        connectTimeoutMs: 120_000,
        responseTimeoutMs: 5_000,
        idleTimeoutMs: 5_000,
        maxConnections: 200,
        maxIdleConnections: 50,
        idleConnectionMs: 30_000,
        sourceAddresses: [],
        proxyProtocol: null,
        ...overrides.upstream,
      })),
      strategy: 'roundRobin',
      maxQueued: 0,
      queueTimeoutMs: 2_000,
      health: null,
      ejectAfter: 3,
      ejectMs: 10_000,
      slowStartMs: 0,
      connectionAuth: 'pin',
      forwarded: false,
      ...overrides.balancing,
    },
    client: {
      maxHeadBytes: 16_384,
      maxHeaders: 100,
      maxTargetBytes: 4_096,
      maxBodyBytes: 50_000_000,
      maxCommandBodyBytes: 50_000_000,
      minBodyRate: 0,
      minReadRate: 0,
      rateWindowMs: 10_000,
      maxConnectionsPerAddress: 0,
      maxInFlightPerDevice: 0,
      maxMemoryBytes: 0,
      headTimeoutMs: 5_000,
      bodyTimeoutMs: 5_000,
      keepAliveTimeoutMs: 10_000,
      maxConnections: 1_000,
      maxRequestsPerConnection: 0,
      heldPollMarginMs: 2_000,
      ...overrides.client,
    },
    identity: {
      userClaim: 'refuse',
      bearerClaim: 'upn',
      names: NO_GROUPS,
      trustedProxies: [],
      forwardedHeader: 'xForwardedFor',
      publicHosts: [],
      ...overrides.identity,
    },
  };
}

/** Starts a gateway in front of `upstreamPort`. */
export async function startTestGateway(
  upstreamPort: number,
  overrides: SettingsOverrides = {},
): Promise<TestGateway> {
  const time = overrides.time ?? new TestClock();
  const seen: SeenPartnership[] = [];
  const agents: (string | null)[] = [];
  const finished: Exchange[] = [];
  const ordered: string[] = [];
  const acknowledged: { device: string; status: 1 | 2 }[] = [];
  const passages: FinishedPassage[] = [];
  const addresses: string[] = [];
  const trouble: Record<string, unknown>[] = [];
  const verdicts = new Map<string, Verdict | 'miss' | 'unavailable'>();
  const old = new Map<string, Verdict>();
  const listeners = new Set<(changed: ChangedKeys) => void>();
  let confirmed: Verdict | null | undefined | (() => Promise<Verdict | null>);
  let orderStands = (): boolean => true;
  let lookingUp = async (): Promise<void> => undefined;
  const lookUp = (device: string) => verdicts.get(device) ?? ALLOW;
  const gateway = await startGateway({
    settings: testSettings(upstreamPort, overrides),
    clock: time.now,
    wall: time.wall,
    verdicts: {
      peek: (_user, device) => {
        const found = lookUp(device);
        return typeof found === 'string' ? undefined : found;
      },
      recall: (_user, device) => old.get(device),
      ...(overrides.refresh === undefined ? {} : { refresh: overrides.refresh }),
      knows: () => overrides.known === true,
      decide: async (_user, device) => {
        await lookingUp();
        const found = lookUp(device);
        if (found === 'unavailable') return { verdict: null };
        return { verdict: found === 'miss' ? ALLOW : found };
      },
      confirm: async (_user, device) => {
        if (typeof confirmed === 'function') return confirmed();
        if (confirmed !== undefined) return confirmed;
        const found = lookUp(device);
        return typeof found === 'string' ? null : found;
      },
      noteWipeTold: async (device) => {
        if (!orderStands()) return false;
        ordered.push(device);
        return true;
      },
      acknowledgeWipe: async (device, _order, status) => {
        if (!orderStands()) return false;
        acknowledged.push({ device, status });
        return true;
      },
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    recorder: {
      seen: ({ user, device, userAgent }) => {
        seen.push({ user, device });
        agents.push(userAgent);
      },
    },
    accessLog: {
      record: (exchange, address) => {
        finished.push(exchange);
        addresses.push(address);
      },
      recordPassage: (line) => passages.push(line),
    },
    onTrouble: throwingAtBugs((code, facts) => void trouble.push({ code, ...facts })),
  });
  watchGateway(gateway);
  const announce = (devices: readonly string[]): void => {
    for (const listener of listeners) listener({ devices: new Set(devices), users: new Set(), all: false });
  };
  return {
    ...gateway,
    time,
    seen,
    agents,
    ordered,
    acknowledged,
    finished,
    passages,
    addresses,
    trouble,
    verdicts,
    old,
    publish: () => {
      for (const listener of listeners)
        listener({ devices: new Set(), users: new Set(), all: true, policy: true });
    },
    confirmWith: (verdict) => (confirmed = verdict),
    lookUpWith: (work) => (lookingUp = work),
    acknowledgeWith: (stands) => (orderStands = stands),
    change: (device, action) => {
      verdicts.set(device, verdict(action));
      announce([device]);
    },
    announce,
  };
}

/** Lets the grace time pass after which the gateway treats half-closed connections as closed. */
export async function untilLeft(gateway: TestGateway): Promise<void> {
  await untilRead(gateway);
  await gateway.time.advance(HALF_CLOSE_GRACE_MS);
}

/** `FolderSync` with sync key 0. */
export const FOLDER_SYNC = Buffer.from('03016a00000756520330000101', 'hex');
/** `Ping` with a heartbeat of 480 seconds. */
export const PING = Buffer.from('03016a00000d454803343830000101', 'hex');

/** A request of a phone, head and body. */
export function request(command: string, body: Buffer, extra: string[] = [], device = 'ABC123'): string {
  return [
    `POST /Microsoft-Server-ActiveSync?Cmd=${command}&User=alice&DeviceId=${device}&DeviceType=iPhone HTTP/1.1`,
    'Host: mail.example.com',
    'Authorization: Basic YWxpY2U6c2VjcmV0',
    'Content-Type: application/vnd.ms-sync.wbxml',
    'MS-ASProtocolVersion: 14.1',
    ...extra,
    ...(extra.some((line) => /^(transfer-encoding|content-length)/i.test(line))
      ? []
      : [`Content-Length: ${body.length}`]),
    '',
    body.toString('latin1'),
  ].join('\r\n');
}
