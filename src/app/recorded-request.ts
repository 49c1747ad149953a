// Owns the facts that a recorded request gives a policy: a line of the access log, or the raw head of a request.
import { ERRORS } from '../errors/request-errors.ts';
import { authMethodOf } from '../gateway/access/request-facts.ts';
import { parseRequestHead } from '../http/request-head.ts';
import type { HeadLimits } from '../http/request-head.ts';
import { isObject } from '../model/read-record.ts';
import { identify, identifyLine } from './identify.ts';
import type { Identification, IdentifyRefusal } from './identify.ts';

/** Facts in the shape of `easgate policy evaluate`; what a recording does not say is absent. */
export interface RecordedFacts {
  readonly now?: string;
  readonly user?: { readonly names: readonly string[] };
  readonly partnership: { readonly deviceId?: string; readonly deviceType?: string };
  readonly request: Readonly<Record<string, string>>;
}

/** As large as the configuration allows heads to be: the limits of a gateway are not known here. */
const LIMITS: HeadLimits = { maxHeadBytes: 64 * 1024, maxHeaders: 200, maxTargetBytes: 16 * 1024 };

/**
 * Facts of a line of the access log, also behind the prefix of a log collector. `now` is when the request ended.
 * @throws Error that says why the line has none
 */
export function factsOfLogLine(text: string): RecordedFacts {
  const line = objectOf(text.slice(Math.max(0, text.indexOf('{'))));
  if (line === null || typeof line['method'] !== 'string')
    throw new Error('this is no line of the access log: it has no JSON object with a method');
  if ('path' in line) throw new Error('this is a line of passThrough: no policy decides such requests');
  if ('autodiscover' in line)
    throw new Error('this is a line of Autodiscover: no policy decides such requests');
  const { user, device, device_type: type, time, command, method } = line;
  return {
    ...(isText(time) && { now: time }),
    ...(isText(user) && { user: { names: [user] } }),
    partnership: partnershipOf(device, type),
    request: known({
      userAgent: line['user_agent'],
      protocolVersion: line['protocol_version'],
      address: line['client'],
      command: command ?? (method === 'OPTIONS' ? method : null),
    }),
  };
}

/**
 * Facts of a recorded request: its raw head, with CRLF or LF, or JSON as `easgate identify` reads it. A body is not read.
 * @throws Error that says why the gateway refuses the request; it repeats nothing of it, since credentials may be anywhere
 */
export function factsOfRequest(recorded: Buffer): RecordedFacts {
  const text = recorded.toString('latin1').trimStart();
  if (text.startsWith('{')) return factsOfJson(recorded.toString('utf8'));
  const bytes = Buffer.from(completeHead(text), 'latin1');
  const head = parseRequestHead(bytes, 0, bytes.length, LIMITS);
  if (head === null) throw new Error('the head of the request is not complete');
  if (typeof head === 'string')
    throw new Error(refusal(head, `${ERRORS[head].status}: ${ERRORS[head].help}`));
  const headers = known({
    authorization: head.authorization,
    'ms-asprotocolversion': head.protocolVersion,
    'x-ms-policykey': head.policyKey,
  });
  return factsOf(
    identify(head.method, head.target, new Map(Object.entries(headers)), null),
    head.userAgent,
    head.authorization,
  );
}

/** A head with the line ends and the empty line that an editor or a terminal may have taken away. */
function completeHead(text: string): string {
  const lines = text.includes('\r\n') ? text : text.replaceAll('\n', '\r\n');
  return `${lines.replace(/(?:\r\n)+$/, '')}\r\n\r\n`;
}

function factsOfJson(text: string): RecordedFacts {
  const headers = objectOf(text)?.['headers'];
  const header = (name: string): string | null => {
    const pairs: readonly unknown[] = Array.isArray(headers) ? headers : Object.entries(headers ?? {});
    for (const pair of pairs)
      if (Array.isArray(pair) && isText(pair[0]) && pair[0].toLowerCase() === name && isText(pair[1]))
        return pair[1].trim();
    return null;
  };
  return factsOf(identifyLine(text), header('user-agent'), header('authorization'));
}

function factsOf(
  found: Identification | IdentifyRefusal,
  userAgent: string | null,
  authorization: string | null,
): RecordedFacts {
  if ('error' in found) throw new Error(refusal(found.code, found.error));
  return {
    ...(found.user !== null && { user: { names: [found.user] } }),
    partnership: partnershipOf(found.device, found.deviceType),
    request: known({
      userAgent,
      protocolVersion: found.protocolVersion,
      command: found.command ?? 'OPTIONS',
      auth: authMethodOf(authorization, { boundUser: null, certificateUser: null }),
    }),
  };
}

function refusal(code: string, help: string): string {
  return `the gateway refuses this request before any policy: ${code}, ${help}`;
}

/** A request without a device has an empty type. */
function partnershipOf(deviceId: unknown, deviceType: unknown): RecordedFacts['partnership'] {
  return known({ deviceId, deviceType: deviceType === '' ? null : deviceType });
}

/** The entries that are texts. */
function known(entries: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entries).filter((entry): entry is [string, string] => isText(entry[1])),
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
