// Owns the use case that identifies a recorded request: the user, device and command that the gateway would read, or its refusal.
import { checkBodyStart, contentOf } from '../eas/body-gate.ts';
import { agreeOnPolicyKey, agreeOnVersion, isAgreementError } from '../eas/protocol-version.ts';
import { hasTextId } from '../eas/query-base64.ts';
import { queryParameters } from '../eas/query-parser.ts';
import { parseEasTarget } from '../eas/request-target.ts';
import { ERRORS } from '../errors/request-errors.ts';
import type { HttpErrorCode } from '../errors/request-errors.ts';
import { deviceKey, deviceSpelling, otherSpellings } from '../identity/device.ts';
import { claimAgrees } from '../identity/user-claim.ts';
import { NO_USER, isUserError, userFromAuthorization } from '../identity/user.ts';

/** What the gateway reads from a request. */
export interface Identification {
  readonly user: string | null;
  readonly device: string | null;
  /** The device id as in the request. */
  readonly spelling: string | null;
  /** Every spelling of the device id. */
  readonly aliases: readonly string[];
  readonly command: string | null;
  readonly protocolVersion: string | null;
  readonly deviceType: string | null;
  readonly queryForm: string;
  readonly policyKey: string | number | null;
  readonly parameters: unknown;
}

/** Why it refuses a request. */
export interface IdentifyRefusal {
  readonly error: string;
  readonly code: HttpErrorCode;
}

/** Reads one request as a line of JSON; never throws. */
export function identifyLine(line: string): Identification | IdentifyRefusal {
  let input: unknown;
  try {
    input = JSON.parse(line);
  } catch {
    return failure('EASGATE_BAD_REQUEST_LINE', 'not a JSON line');
  }
  if (typeof input !== 'object' || input === null)
    return failure('EASGATE_BAD_REQUEST_LINE', 'not a JSON object');
  const { method, target, headers, body } = input as Record<string, unknown>;
  if (typeof method !== 'string' || typeof target !== 'string') {
    return failure('EASGATE_BAD_REQUEST_LINE', 'method and target must be strings');
  }
  const named = readHeaders(headers);
  if (typeof named === 'string') return refuse(named);
  const bytes = typeof body === 'string' ? Buffer.from(body, 'base64') : null;
  return identify(method, target, named, bytes);
}

/** Names a request whose headers have lower-case names; `body` null = not recorded. */
export function identify(
  method: string,
  target: string,
  headers: ReadonlyMap<string, string>,
  body: Buffer | null,
): Identification | IdentifyRefusal {
  const options = method === 'OPTIONS';
  if (!options && method !== 'POST') return refuse('EASGATE_METHOD_NOT_ALLOWED');
  const query = parseEasTarget(target, options);
  if (typeof query === 'string') return refuse(query);
  const version = agreeOnVersion(query, headers.get('ms-asprotocolversion') ?? null);
  if (isAgreementError(version)) return refuse(version);
  const policyKey = agreeOnPolicyKey(query, headers.get('x-ms-policykey') ?? null);
  if (typeof policyKey === 'string') return refuse(policyKey);
  const { command } = query;
  if (command !== null && body !== null) {
    const type = headers.get('content-type') ?? null;
    const content = contentOf(
      command,
      version,
      type,
      headers.get('content-encoding') ?? null,
      body.length === 0,
    );
    if (isCode(content)) return refuse(content);
    const start = checkBodyStart(content, command.name, body, true);
    if (isCode(start)) return refuse(start);
  } else if (command === null && body !== null && body.length > 0) {
    return refuse('EASGATE_UNEXPECTED_BODY');
  }
  const user = userFromAuthorization(headers.get('authorization') ?? null, 'upn');
  if (isUserError(user)) return refuse(user);
  const claims = [query.userClaim, query.formClaim].filter((claim) => claim !== null);
  if (user !== NO_USER && claims.length > 0 && !claims.some((claim) => claimAgrees(claim, user))) {
    return refuse('EASGATE_USER_MISMATCH');
  }
  const device = query.device === null ? null : deviceKey(query.device);
  return {
    user: user === NO_USER ? null : user,
    device,
    spelling: query.device === null ? null : deviceSpelling(query.device, hasTextId(query)),
    aliases: device === null ? [] : [device, ...otherSpellings(device)],
    command: command?.name ?? null,
    protocolVersion: version,
    deviceType: query.deviceType === '' && query.device === null ? null : query.deviceType,
    queryForm: query.form,
    policyKey,
    parameters: queryParameters(query),
  };
}

/** Headers that may occur only once; names in lower case. */
const UNIQUE = new Set([
  'host',
  'authorization',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'user-agent',
  'ms-asprotocolversion',
  'x-ms-policykey',
  'ms-asacceptmultipart',
]);

function readHeaders(headers: unknown): Map<string, string> | HttpErrorCode {
  const named = new Map<string, string>();
  if (headers === undefined || headers === null) return named;
  if (typeof headers !== 'object') return 'EASGATE_BAD_HEADER';
  const pairs: unknown[] = Array.isArray(headers) ? headers : Object.entries(headers);
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string') return 'EASGATE_BAD_HEADER';
    const values: unknown[] = Array.isArray(pair[1]) ? pair[1] : [pair[1]];
    for (const value of values) {
      if (typeof value !== 'string' && typeof value !== 'number') return 'EASGATE_BAD_HEADER';
      const name = pair[0].toLowerCase();
      if (named.has(name) && UNIQUE.has(name)) return 'EASGATE_DUPLICATE_HEADER';
      named.set(name, String(value).trim());
    }
  }
  return named;
}

function isCode(text: string): text is HttpErrorCode {
  return text in ERRORS;
}

function refuse(code: HttpErrorCode): IdentifyRefusal {
  const { status, help } = ERRORS[code];
  return failure(code, `${status}: ${help}`);
}

function failure(code: HttpErrorCode, error: string): IdentifyRefusal {
  return { error, code };
}
