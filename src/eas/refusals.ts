// Owns the answers to refused requests, by refusal, command, protocol version and client. Pure.
// docs/reference/answers.md is generated from the tables below (src/gateway/access/describe-local-replies.ts).
import { allCommands } from './commands.ts';
import type { EasCommand } from './commands.ts';
import { easStatusReply } from './replies.ts';
import { carriesStatusInBody } from './versions.ts';

/** Why a request is refused, named as in MS-ASCMD 2.2.2; src/gateway/access/local-replies.ts maps verdicts to these. */
export type Refusal = 'deviceBlocked' | 'remoteWipe' | 'tooManyDevices' | 'tryLater';

/** The reaction expected of the phone: give up, run Provision and repeat, or repeat later. */
export type RefusalKind = 'deny' | 'provision' | 'wait';

/** One refusal, before command and client are considered. */
export interface RefusalInfo {
  readonly kind: RefusalKind;
  /** Common status code for 14.0 and later. */
  readonly status: number;
  /** HTTP status for 12.1 and older, and for commands without a WBXML reply. */
  readonly http: number;
  /** HTTP status instead of `http` when the request carries no policy key. */
  readonly httpWithoutKey: number;
}

const info = (kind: RefusalKind, status: number, http: number, httpWithoutKey = http): RefusalInfo =>
  Object.freeze({ kind, status, http, httpWithoutKey });

/** All refusals (MS-ASCMD 2.2.2, with its HTTP forms for protocol versions before 14.0). */
export const REFUSALS: Readonly<Record<Refusal, RefusalInfo>> = Object.freeze({
  deviceBlocked: info('deny', 129, 403),
  // A phone without a policy key was never provisioned: no policy exchange can carry the wipe.
  remoteWipe: info('provision', 140, 449, 403),
  // MaximumDevicesReached: after the user removed another device, this one is allowed.
  tooManyDevices: info('deny', 177, 403),
  tryLater: info('wait', 111, 503),
});

/** The command of a refused request. */
export type RefusedCommand = EasCommand | 'OPTIONS';

/** Client families that react differently to refusals; desktop Outlook is `windows`. */
export type ClientFamily = 'ios' | 'android' | 'outlook' | 'windows' | 'thunderbird' | 'other';

/** How a family is recognised. */
export interface FamilySigns {
  readonly family: ClientFamily;
  readonly userAgent: RegExp;
  readonly deviceType: RegExp;
}

/** The first match applies. The signs are taken from recorded requests of each client. */
export const FAMILIES: readonly FamilySigns[] = [
  { family: 'outlook', userAgent: /^outlook[- ]/i, deviceType: /^outlook/i },
  { family: 'thunderbird', userAgent: /^(thunderbird|tbsync)/i, deviceType: /^(thunderbird|tbsync)/i },
  { family: 'ios', userAgent: /^(apple-|ios\/)/i, deviceType: /^(iphone|ipad|ipod)/i },
  { family: 'android', userAgent: /^(android|samsung)/i, deviceType: /^(android|samsung|htc)/i },
  { family: 'windows', userAgent: /^(outlook\/|windows|msft-|wp)/i, deviceType: /^(windows|wp)/i },
];

/** The family named by User-Agent, else by DeviceType. Both are claims: they choose a form of answer, never access. */
export function clientFamily(userAgent: string | null, deviceType: string | null): ClientFamily {
  if (userAgent !== null) {
    for (const signs of FAMILIES) if (signs.userAgent.test(userAgent)) return signs.family;
  }
  if (deviceType !== null) {
    for (const signs of FAMILIES) if (signs.deviceType.test(deviceType)) return signs.family;
  }
  return 'other';
}

/** Exceptions to the tables above. */
export interface AnswerException {
  readonly kinds: readonly RefusalKind[];
  readonly commands: readonly RefusedCommand[];
  /** Null = every client. */
  readonly family: ClientFamily | null;
  /** Status in the body for 14.0 and later; null = `http` there too. */
  readonly status: number | null;
  /** HTTP status for 12.1 and older; null = that of the refusal. */
  readonly http: number | null;
  readonly why: string;
}

/**
 * Why no answer makes a phone loop: the AOSP mail client treats 403 like 449. It runs Provision, and after a success it
 * repeats the command at once, without counting. So a denial refuses Provision too (403, or the status), and "provision
 * first" never answers Provision itself: either way the second request ends the loop. A caller that lets Provision pass
 * must let the command pass after it.
 */
export const EXCEPTIONS: readonly AnswerException[] = Object.freeze([
  {
    kinds: ['provision'],
    commands: ['Provision', 'OPTIONS'],
    family: null,
    status: REFUSALS.deviceBlocked.status,
    http: REFUSALS.deviceBlocked.http,
    why: '"provision first" is no answer to Provision, and OPTIONS needs none: a denial ends it',
  },
  {
    kinds: ['deny', 'provision'],
    commands: ['Ping'],
    family: 'android',
    status: 7,
    http: null,
    why:
      'AOSP asks for the password when a Ping is denied, and gives up pushing when a Ping says 140; ' +
      '7 makes it run FolderSync, whose refusal it understands',
  },
  {
    kinds: ['wait'],
    commands: ['Ping'],
    family: 'android',
    status: null,
    http: null,
    why: 'AOSP repeats a Ping at once after 111; after 503 it waits',
  },
] as const satisfies readonly AnswerException[]);

/** One answer; shared and frozen, so it can be a cache key. */
export interface EasAnswer {
  readonly status: number;
  /** HTTP reason phrase. */
  readonly reason: string;
  /** Further header lines, each ended by CRLF. The caller adds Retry-After to a 503. */
  readonly headers: string;
  /** WBXML; null = no body. */
  readonly body: Buffer | null;
}

const REASONS: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  // The wording of Exchange; some clients show it.
  449: 'Retry after sending a PROVISION command',
  503: 'Service Unavailable',
};

const byStatus = new Map<number, EasAnswer>(
  Object.entries(REASONS).map(([status, reason]) => [
    Number(status),
    Object.freeze({ status: Number(status), reason, headers: '', body: null }),
  ]),
);

/** One of the HTTP statuses above. */
function byHttp(status: number): EasAnswer {
  const answer = byStatus.get(status);
  if (answer === undefined) throw new RangeError(`no answer with HTTP status ${status}`);
  return answer;
}

const BODY_HEADERS = 'Cache-Control: private\r\nContent-Type: application/vnd.ms-sync.wbxml\r\n';
const byBody = new Map<Buffer, EasAnswer>();

function withBody(body: Buffer): EasAnswer {
  let answer = byBody.get(body);
  if (answer === undefined) {
    answer = Object.freeze({ status: 200, reason: 'OK', headers: BODY_HEADERS, body });
    byBody.set(body, answer);
  }
  return answer;
}

/** Bits of the index of an answer: what it depends on besides refusal and command. */
const IN_BODY = 1;
const ANDROID = 2;
const WITH_KEY = 4;
const VARIANTS = 8;

function work(refusal: Refusal, command: RefusedCommand, variant: number): EasAnswer {
  const { kind, status, http, httpWithoutKey } = REFUSALS[refusal];
  const family = (variant & ANDROID) === 0 ? 'other' : 'android';
  const exception = EXCEPTIONS.find(
    (one) =>
      one.kinds.includes(kind) &&
      one.commands.includes(command) &&
      (one.family === null || one.family === family),
  );
  const inBody = exception === undefined ? status : exception.status;
  if ((variant & IN_BODY) !== 0 && inBody !== null && command !== 'OPTIONS') {
    const body = easStatusReply(command, inBody);
    if (body !== null) return withBody(body);
  }
  return byHttp(exception?.http ?? ((variant & WITH_KEY) === 0 ? httpWithoutKey : http));
}

/** All commands that can be refused. */
export const REFUSED_COMMANDS: readonly RefusedCommand[] = [
  ...allCommands().map(({ name }) => name),
  'OPTIONS',
];

const variants = (refusal: Refusal, command: RefusedCommand): readonly EasAnswer[] =>
  Array.from({ length: VARIANTS }, (_, variant) => work(refusal, command, variant));

/** All answers, built at start-up: answering costs two look-ups and no allocation. */
const ANSWERS: ReadonlyMap<Refusal, ReadonlyMap<RefusedCommand, readonly EasAnswer[]>> = new Map(
  (Object.keys(REFUSALS) as Refusal[]).map((refusal) => [
    refusal,
    new Map(REFUSED_COMMANDS.map((command) => [command, variants(refusal, command)])),
  ]),
);

/**
 * The answer to a refused request. `version` null (unknown) counts as the oldest. Never 401, which makes the phone ask
 * for a password; never an empty 200, which means success to SendMail (MS-ASCMD 2.2.1.17).
 */
export function refusalAnswer(
  refusal: Refusal,
  command: RefusedCommand,
  version: string | null,
  family: ClientFamily,
  hasPolicyKey: boolean,
): EasAnswer {
  const variant =
    (carriesStatusInBody(version) ? IN_BODY : 0) |
    (family === 'android' ? ANDROID : 0) |
    (hasPolicyKey ? WITH_KEY : 0);
  return ANSWERS.get(refusal)?.get(command)?.[variant] as EasAnswer;
}
