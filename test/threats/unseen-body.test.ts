// Threat: a phone that may not reach the mailbox hides a command in a body that the gateway has not parsed. A client need not
// wait for 100 Continue (RFC 9110 10.1.1), and SOGo runs the command that the root element names, whatever Cmd says. All
// combinations run against a mail server that records: only what this file lists reaches it, and from a quarantined phone only
// bytes that the gateway wrote itself.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Verdict, VerdictAction } from '../../src/model/verdict.ts';
import { CellPhone } from '../support/phones/cell-phone.ts';
import type { CellResponse } from '../support/phones/cell-phone.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { quarantineSettings } from '../support/servers/quarantine.ts';
import { OFFER, ok, startRawBackend } from '../support/servers/raw-backend.ts';
import type { RawBackend } from '../support/servers/raw-backend.ts';
import { startTestGateway, verdict, wipeOrder } from '../support/servers/test-gateway.ts';
import type { TestGateway } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';
import { answerOk, backendOf, gatewayWith, phoneOf } from '../support/servers/openings.ts';

checkLeaksAtEnd();

/** No test of this file depends on time: this only ends one that hangs. */
const PATIENCE_MS = 300_000;
const CHALLENGE = 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="m"\r\nContent-Length: 0\r\n\r\n';
const PATIENT = {
  client: { headTimeoutMs: PATIENCE_MS, bodyTimeoutMs: PATIENCE_MS, keepAliveTimeoutMs: PATIENCE_MS },
  upstream: { responseTimeoutMs: PATIENCE_MS, connectTimeoutMs: PATIENCE_MS },
} as const;

// ------------------------------------------------------------------------------------------------------ the dimensions

/** Root elements by command (MS-ASWBXML 2.1.2.1): SWITCH_PAGE and token. */
const ROOTS: Readonly<Record<string, string>> = {
  Sync: '45',
  SendMail: '001545',
  SmartForward: '001546',
  SmartReply: '001547',
  FolderSync: '000756',
  FolderCreate: '000753',
  FolderDelete: '000754',
  FolderUpdate: '000755',
  MoveItems: '000545',
  GetItemEstimate: '000645',
  MeetingResponse: '000847',
  Search: '000f45',
  Settings: '001245',
  Ping: '000d45',
  ItemOperations: '001445',
  Provision: '000e45',
  ResolveRecipients: '000a45',
  ValidateCert: '000b45',
  Find: '001945',
};
const WITHOUT_WBXML = [
  'GetAttachment',
  'GetHierarchy',
  'CreateCollection',
  'DeleteCollection',
  'MoveCollection',
];
const COMMANDS = [...Object.keys(ROOTS), ...WITHOUT_WBXML];
/** Roots that are tried under each command; the command's own is added. */
const TRIED = ['FolderSync', 'Search', 'SendMail', 'ItemOperations', 'Sync', 'Provision', 'Settings'];
const VERDICTS = ['allow', 'quarantine', 'block', 'wipe', 'accountWipe'] as const;
const EXPECTS = ['none', 'at once', 'waits'] as const;
const FRAMINGS = ['length', 'chunked'] as const;
const CODINGS = ['identity', 'gzip'] as const;
const PROVISIONINGS = ['server', 'gateway'] as const;
const VERSIONS = ['2.5', '12.1', '14.1', '16.1'] as const;

interface Way {
  readonly expect: (typeof EXPECTS)[number];
  readonly framing: (typeof FRAMINGS)[number];
  readonly coding: (typeof CODINGS)[number];
  readonly provisioning: (typeof PROVISIONINGS)[number];
  readonly version: (typeof VERSIONS)[number];
}

interface Cell extends Way {
  readonly id: string;
  readonly verdict: (typeof VERDICTS)[number];
  readonly command: string;
  /** `none` = no body. */
  readonly root: string;
}

const WAYS: readonly Way[] = EXPECTS.flatMap((expect) =>
  FRAMINGS.flatMap((framing) =>
    CODINGS.flatMap((coding) =>
      PROVISIONINGS.flatMap((provisioning) =>
        VERSIONS.map((version) => ({ expect, framing, coding, provisioning, version })),
      ),
    ),
  ),
);

/**
 * Every verdict with every command and root. What a quarantined phone may have forwarded comes in every way; the others in
 * eight of the 96, each time other ones: every fifth, and 5 and 96 have no common divisor.
 */
function cells(): Cell[] {
  const made: Cell[] = [];
  let next = 0;
  for (const action of VERDICTS) {
    for (const command of COMMANDS) {
      const roots = new Set([...TRIED, ...(ROOTS[command] === undefined ? [] : [command]), 'none']);
      for (const root of roots) {
        const mayPass = action === 'quarantine' && (command === 'Provision' || command === 'Settings');
        const ways = mayPass ? WAYS : Array.from({ length: 8 }, () => WAYS[(next += 5) % WAYS.length] as Way);
        for (const way of ways) made.push({ ...way, id: `${made.length}`, verdict: action, command, root });
      }
    }
  }
  return made;
}

// ------------------------------------------------------------------------------------------- what is sent, and what may pass

/** Hex digits with spaces between tokens. */
const hex = (text: string): string => text.replaceAll(' ', '');

const POLICIES = hex('46 47 48 03 4d532d4541532d50726f766973696f6e696e672d5742584d4c 00 01 01 01');
/** OS before Model, and Model in two texts, the second one opaque: the gateway writes it otherwise. */
const ODD_INFORMATION = hex('56 48 5a 03 4f53 00 01 57 03 6950 00 c3 03 6f6e65 01 01 01');
const INFORMATION = hex('56 48 57 03 69506f6e65 00 01 5a 03 4f53 00 01 01 01');

const SENT: Readonly<Record<string, string>> = {
  FolderSync: hex('03016a00 0007 56 52 03 30 00 01 01'),
  // People whose name is bob.
  Search: hex('03016a00 000f 45 47 48 03 47414c 00 01 49 03 626f62 00 01 01 01'),
  // The changes of folder 1.
  Sync: hex('03016a00 45 5c 4f 4b 03 31 00 01 52 03 31 00 01 01 01 01'),
  Settings: hex(`03016a00 0012 45 ${ODD_INFORMATION} 01`),
  Provision: hex(`03016a00 000e 45 ${POLICIES} 0012 ${ODD_INFORMATION} 01`),
};

/** What the gateway writes in the place of the two. */
const WRITTEN_ANEW: Readonly<Record<string, string>> = {
  Settings: hex(`03016a00 0012 45 ${INFORMATION} 01`),
  Provision: hex(`03016a00 000e 45 0012 ${INFORMATION} 000e ${POLICIES} 01`),
};

/** A document of this root. */
function bodyOf(root: string): Buffer {
  if (root === 'none') return Buffer.alloc(0);
  return Buffer.from(SENT[root] ?? `03016a00${ROOTS[root]}01`, 'hex');
}

/**
 * Polls may come without a body: the phones of this file have named their folders before. A command without WBXML may
 * announce none, not even in chunks.
 */
function mayLackBody({ command, framing }: Cell): boolean {
  if (command === 'Sync' || command === 'Ping') return true;
  return WITHOUT_WBXML.includes(command) && framing === 'length';
}

/** What the mail server may get of a request; null = nothing. The whole of what docs/reference/answers.md lets pass. */
function reaching(cell: Cell, sent: Buffer): Buffer | null {
  const { command, root } = cell;
  switch (cell.verdict) {
    case 'allow':
      return root === command || (root === 'none' && mayLackBody(cell)) ? sent : null;
    case 'quarantine': {
      const anew = WRITTEN_ANEW[command];
      const passes = cell.provisioning === 'server' && root === command && anew !== undefined;
      return passes ? Buffer.from(anew, 'hex') : null;
    }
    default:
      return null;
  }
}

function payloadOf({ root, coding }: Cell): Buffer {
  const body = bodyOf(root);
  return coding === 'gzip' && body.length > 0 ? gzipSync(body) : body;
}

/** Phones that work side by side, each with a device under every verdict: the newest Ping of a device ends an older one. */
const WORKERS = [0, 1, 2, 3, 4, 5, 6, 7] as const;

function device(action: string, worker: number): string {
  return `PHONE${action}${worker}`;
}

function send(phone: CellPhone, worker: number, cell: Cell, payload: Buffer): Promise<CellResponse> {
  const { command, version, expect, framing, coding, id } = cell;
  const chunks = payload.length === 0 ? '0\r\n\r\n' : chunked(payload);
  const head = [
    `POST /Microsoft-Server-ActiveSync?Cmd=${command}&User=alice&DeviceId=${device(cell.verdict, worker)}&DeviceType=iPhone HTTP/1.1`,
    'Host: mail.example.com',
    'Authorization: Basic YWxpY2U6c2VjcmV0',
    'Content-Type: application/vnd.ms-sync.wbxml',
    `MS-ASProtocolVersion: ${version}`,
    'X-MS-PolicyKey: 0',
    `X-Cell: ${id}`,
    ...(coding === 'gzip' ? ['Content-Encoding: gzip'] : []),
    ...(expect === 'none' ? [] : ['Expect: 100-continue']),
    framing === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${payload.length}`,
    '',
    '',
  ].join('\r\n');
  // A body of length 0 is not waited for.
  const waits = expect === 'waits' && (framing === 'chunked' || payload.length > 0);
  const body = framing === 'chunked' ? chunks : payload.toString('latin1');
  return phone.send({ head, body, waits });
}

/** In two chunks, the first of three bytes. */
function chunked(payload: Buffer): string {
  const text = payload.toString('latin1');
  const rest = text.slice(3);
  return `3\r\n${text.slice(0, 3)}\r\n${rest.length.toString(16)}\r\n${rest}\r\n0\r\n\r\n`;
}

// ---------------------------------------------------------------------------------------------------------- the worlds

function verdictOf(action: VerdictAction): Verdict {
  return action === 'wipe' || action === 'accountWipe'
    ? { ...verdict(action), wipe: wipeOrder() }
    : verdict(action);
}

let backend: RawBackend;
const gateways = new Map<string, TestGateway>();
/** What the mail server got, by cell. */
const reached = new Map<string, { readonly body: Buffer; readonly head: string }>();

beforeAll(async () => {
  backend = await startRawBackend((request) => {
    const { connection, method, body, head } = request;
    if (method !== 'OPTIONS') reached.set(request.header('x-cell') ?? head, { body, head });
    // An OPTIONS that is open to all would prove no password.
    const open = request.header('authorization') === undefined;
    connection.socket.write(open ? CHALLENGE : ok('ok', OFFER));
  });
  for (const provisioning of PROVISIONINGS) {
    const gateway = await startTestGateway(backend.port, {
      ...PATIENT,
      quarantine: quarantineSettings(provisioning),
    });
    for (const worker of WORKERS)
      for (const action of VERDICTS)
        gateway.verdicts.set(device(action, worker).toLowerCase(), verdictOf(action));
    gateways.set(provisioning, gateway);
  }
});

afterAll(async () => {
  for (const gateway of gateways.values()) await gateway.close();
  await backend.close();
});

describe('a body that hides a command', () => {
  it(
    'reaches the mail server only under a verdict, command and root that go together, however it is sent',
    async () => {
      const all = cells();
      expect(all.length).toBeGreaterThan(9_000);
      const wrong: string[] = [];
      const todo = all[Symbol.iterator]();
      const work = async (worker: number): Promise<void> => {
        const phones = new Map(PROVISIONINGS.map((one) => [one, new CellPhone(portOf(one))]));
        for (const [provisioning, phone] of phones)
          await send(phone, worker, arrival(provisioning), bodyOf('Sync'));
        for (const cell of todo) {
          const payload = payloadOf(cell);
          const answer = await send(phones.get(cell.provisioning) as CellPhone, worker, cell, payload);
          const problem = judge(cell, payload, answer);
          if (problem !== null) wrong.push(`${problem}: ${JSON.stringify(cell)}`);
        }
        for (const phone of phones.values()) phone.close();
      };
      await Promise.all(WORKERS.map(work));
      expect(wrong.slice(0, 20)).toEqual([]);
      reached.delete(ARRIVAL);
      expect(reached.size).toBe(all.filter((cell) => reaching(cell, payloadOf(cell)) !== null).length);
    },
    PATIENCE_MS,
  );
});

describe('a body that comes while somebody else is asked', () => {
  const wrongRoot = Buffer.from(bodyOf('FolderSync'));
  const head = (lines: string): string =>
    'POST /Microsoft-Server-ActiveSync?Cmd=Provision&User=alice&DeviceId=LATE&DeviceType=iPhone HTTP/1.1\r\n' +
    'Host: m\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nMS-ASProtocolVersion: 14.1\r\n' +
    `Content-Type: application/vnd.ms-sync.wbxml\r\nExpect: 100-continue\r\n${lines}\r\n\r\n`;

  it.each(['the directory', 'the mail server'])('(%s) is looked at before it goes on', async (who) => {
    const waiting: (() => void)[] = [];
    const wait = (go: () => void): void => void (waiting.length === 0 ? waiting.push(go) : go());
    const server = await backendOf(({ connection, method, headers }) => {
      const open = !headers.some(([name]) => name.toLowerCase() === 'authorization');
      const answer = (): void => void connection.socket.write(open ? CHALLENGE : ok('ok', OFFER));
      if (method === 'OPTIONS' && !open && who === 'the mail server') wait(answer);
      else answer();
    });
    const decision = { verdict: verdict('quarantine') };
    const decide = (): Promise<typeof decision> =>
      new Promise((resolve) => {
        if (who === 'the directory') wait(() => resolve(decision));
        else resolve(decision);
      });
    const gateway = await gatewayWith(server, decide, { quarantine: quarantineSettings('server') });
    const phone = await phoneOf(gateway);
    phone.send(head(`Content-Length: ${wrongRoot.length}`));
    await until(() => waiting.length === 1, 'the question');
    phone.send(wrongRoot);
    // What was sent before a round trip on another connection has been read.
    const other = await phoneOf(gateway);
    other.send('GET / HTTP/1.1\r\nHost: m\r\n\r\n');
    await other.response();
    waiting[0]?.();
    expect((await phone.response()).status).toBe(400);
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_BODY_ROOT');
    expect(server.requests.filter(({ method }) => method !== 'OPTIONS')).toEqual([]);
  });

  it('(100 Continue is not waited for, and the body comes in two parts) is looked at whole', async () => {
    const server = await backendOf(answerOk);
    const decide = async () => ({ verdict: verdict('quarantine') });
    const gateway = await gatewayWith(server, decide, { quarantine: quarantineSettings('server') });
    const phone = await phoneOf(gateway);
    phone.send(head(`Content-Length: ${wrongRoot.length}`) + wrongRoot.toString('latin1', 0, 5));
    await until(() => phone.received.startsWith('HTTP/1.1 100 '), 'the invitation');
    phone.send(wrongRoot.subarray(5));
    expect((await phone.response()).status).toBe(400);
    expect(server.requests.filter(({ method }) => method !== 'OPTIONS')).toEqual([]);
  });
});

const ARRIVAL = 'arrival';

/** A Sync that names a folder of the mail server. */
function arrival(provisioning: Way['provisioning']): Cell {
  const way = {
    expect: 'none',
    framing: 'length',
    coding: 'identity',
    version: '14.1',
    provisioning,
  } as const;
  return { ...way, id: ARRIVAL, verdict: 'allow', command: 'Sync', root: 'Sync' };
}

function portOf(provisioning: string): number {
  return (gateways.get(provisioning) as TestGateway).port;
}

/** What is wrong with the outcome of a cell; null = nothing. */
function judge(cell: Cell, payload: Buffer, answer: CellResponse): string | null {
  const may = reaching(cell, payload);
  const got = reached.get(cell.id);
  if (may === null) return got === undefined ? null : `reached the server as ${got.body.toString('hex')}`;
  if (got === undefined) return `was answered ${answer.status} by the gateway`;
  if (!got.body.equals(may)) return `reached the server as ${got.body.toString('hex')}`;
  const anew = cell.verdict === 'quarantine';
  if (anew && /^(content-encoding|transfer-encoding|expect):/im.test(got.head))
    return `kept its framing: ${got.head}`;
  return answer.status === 200 && answer.body === 'ok' ? null : `ended with ${answer.status}`;
}
