// Owns what a phone is told when a request may not pass: by refusal, command, protocol version and client. Pure.
// docs/reference/answers.md is made from the tables below (src/gateway/access/describe-local-replies.ts).
import { allCommands } from './commands.ts';
import type { EasCommand } from './commands.ts';
import { statusReply } from './replies.ts';
import { carriesStatusInBody } from './versions.ts';

/** Why a request may not pass, as far as a verdict leads to it (src/gateway/access/local-replies.ts), in the words of MS-ASCMD 2.2.2. */
export type Refusal = 'deviceBlocked' | 'remoteWipe' | 'tooManyDevices' | 'tryLater';

/** What the phone is meant to do: give up, run Provision and repeat, or repeat after a while. */
export type RefusalKind = 'deny' | 'provision' | 'wait';

/** One refusal, before command and client are looked at. */
export interface RefusalInfo {
  readonly kind: RefusalKind;
  /** Common status code for 14.0 and later. */
  readonly status: number;
  /** HTTP status for 12.1 and older, and for what has no WBXML reply. */
  readonly http: number;
  /** HTTP status instead of `http` when the request carries no policy key. */
  readonly httpWithoutKey: number;
}

const info = (kind: RefusalKind, status: number, http: number, httpWithoutKey = http): RefusalInfo =>
  Object.freeze({ kind, status, http, httpWithoutKey });

/** All refusals (MS-ASCMD 2.2.2, with its HTTP forms for protocol versions before 14.0). */
export const REFUSALS: Readonly<Record<Refusal, RefusalInfo>> = Object.freeze({
  deviceBlocked: info('deny', 129, 403),
  // A phone that was never provisioned holds no policy to be told of a wipe by.
  remoteWipe: info('provision', 140, 449, 403),
  // MaximumDevicesReached: the user removes another device, and this one gets in.
  tooManyDevices: info('deny', 177, 403),
  tryLater: info('wait', 111, 503),
});

/** What a refused request asked for. */
export type RefusedCommand = EasCommand | 'OPTIONS';

/** Kinds of clients, as far as they take refusals differently; desktop Outlook is `windows`. */
export type ClientFamily = 'ios' | 'android' | 'outlook' | 'windows' | 'thunderbird' | 'other';

/** By what a family is known. */
export interface FamilySigns {
  readonly family: ClientFamily;
  readonly userAgent: RegExp;
  readonly deviceType: RegExp;
}

/** First match counts; eas-protocol facts, 2.1. */
export const FAMILIES: readonly FamilySigns[] = [
  { family: 'outlook', userAgent: /^outlook[- ]/i, deviceType: /^outlook/i },
  { family: 'thunderbird', userAgent: /^(thunderbird|tbsync)/i, deviceType: /^(thunderbird|tbsync)/i },
  { family: 'ios', userAgent: /^(apple-|ios\/)/i, deviceType: /^(iphone|ipad|ipod)/i },
  { family: 'android', userAgent: /^(android|samsung)/i, deviceType: /^(android|samsung|htc)/i },
  { family: 'windows', userAgent: /^(outlook\/|windows|msft-|wp)/i, deviceType: /^(windows|wp)/i },
];

/** The family that User-Agent names, else the one DeviceType names. Both are claims: good for manners, not for access. */
export function clientFamily(userAgent: string | null, deviceType: string | null): ClientFamily {
  if (userAgent !== null) {
    for (const signs of FAMILIES) if (signs.userAgent.test(userAgent)) return signs.family;
  }
  if (deviceType !== null) {
    for (const signs of FAMILIES) if (signs.deviceType.test(deviceType)) return signs.family;
  }
  return 'other';
}

/** Where the tables above do not hold. */
export interface AnswerException {
  readonly kinds: readonly RefusalKind[];
  readonly commands: readonly RefusedCommand[];
  /** Null = every client. */
  readonly family: ClientFamily | null;
  /** Status in the body for 14.0 and later; null = `http` there too. */
  readonly status: number | null;
  /** HTTP status for 12.1 and older; null = as the refusal says. */
  readonly http: number | null;
  readonly why: string;
}

/**
 * Why no answer makes a phone loop: the AOSP mail client takes 403 like 449. It runs Provision, and when that succeeds it
 * repeats the command at once, without counting. So a denial denies Provision too (403, or the status), and "provision
 * first" is never the answer to Provision itself: either way the second request ends it. A caller that lets Provision
 * through has to let the command through after it.
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

/** One answer; shared and frozen, so it can be the key of a cache. */
export interface EasAnswer {
  readonly status: number;
  /** HTTP reason phrase. */
  readonly reason: string;
  /** Further header lines, each ended by CRLF; the Retry-After of a 503 is the caller's to add. */
  readonly headers: string;
  /** WBXML; null = no body. */
  readonly body: Buffer | null;
}

const REASONS: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  // As Exchange says it; some clients show it.
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

/** What one answer depends on beside refusal and command, as an index. */
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
    const body = statusReply(command, inBody);
    if (body !== null) return withBody(body);
  }
  return byHttp(exception?.http ?? ((variant & WITH_KEY) === 0 ? httpWithoutKey : http));
}

/** All that can be refused. */
export const REFUSED_COMMANDS: readonly RefusedCommand[] = [
  ...allCommands().map(({ name }) => name),
  'OPTIONS',
];

const variants = (refusal: Refusal, command: RefusedCommand): readonly EasAnswer[] =>
  Array.from({ length: VARIANTS }, (_, variant) => work(refusal, command, variant));

/** Everything there is to answer, made once: a repeated answer costs two look-ups and allocates nothing. */
const ANSWERS: ReadonlyMap<Refusal, ReadonlyMap<RefusedCommand, readonly EasAnswer[]>> = new Map(
  (Object.keys(REFUSALS) as Refusal[]).map((refusal) => [
    refusal,
    new Map(REFUSED_COMMANDS.map((command) => [command, variants(refusal, command)])),
  ]),
);

/**
 * The answer to a request that may not pass. `version` null (unknown) is treated as the oldest. Never 401, for that asks
 * the user for a password; never an empty 200, for that is the success of SendMail (MS-ASCMD 2.2.1.17).
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
