// Owns the check that query and headers agree on protocol version and policy key. Pure; hot path.
import type { EasQuery } from './query.ts';
import { isProtocolVersion, versionOfByte } from './versions.ts';
import type { ProtocolVersion } from './versions.ts';

/** A contradiction or an unknown value. */
export type AgreementErrorCode =
  | 'EASGATE_VERSION_UNKNOWN'
  | 'EASGATE_VERSION_CONTRADICTION'
  | 'EASGATE_POLICY_KEY';

/**
 * Version byte of 14.1 as remdev/go-activesync writes it. Accepted only with the header `MS-ASProtocolVersion: 14.1`;
 * alone it is an unknown version (docs/decisions/0003-version-byte-145.md).
 */
const BYTE_145 = 145;

/** The version of a request; null for a plain query without the header. An empty header counts as none. */
export function agreeOnVersion(
  query: EasQuery,
  value: string | null,
): ProtocolVersion | null | AgreementErrorCode {
  const header = value === '' ? null : value;
  // OPTIONS asks which versions there are (MS-ASHTTP 2.2.3), so an unknown one is no error of it.
  if (query.command === null) return header !== null && isProtocolVersion(header) ? header : null;
  if (header !== null && !isProtocolVersion(header)) return 'EASGATE_VERSION_UNKNOWN';
  if (query.form === 'plain') return header;
  if (query.versionByte === BYTE_145 && header === '14.1') return header;
  const version = versionOfByte(query.versionByte);
  if (version === null) return 'EASGATE_VERSION_UNKNOWN';
  // Z-Push and SOGo use the byte, Horde the header: they must not differ.
  if (header !== null && header !== version) return 'EASGATE_VERSION_CONTRADICTION';
  return version;
}

/** Whether `result` is an error and not a version. */
export function isAgreementError(result: string | null): result is AgreementErrorCode {
  return result !== null && result.startsWith('EASGATE_');
}

/** Old versions of Z-Push issue keys of ten digits, above the 32 bits of MS-ASHTTP 2.2.1.1.2.5. */
const MAX_KEY_DIGITS = 10;

/**
 * The policy key of a request; null when neither query nor header has one (Ping, OPTIONS, first contact). An empty
 * header counts as none.
 */
export function agreeOnPolicyKey(
  query: EasQuery,
  header: string | null,
): number | null | 'EASGATE_POLICY_KEY' {
  // OPTIONS has no policy key (MS-ASHTTP 2.2.3).
  if (header === null || header === '' || query.command === null) return query.policyKey;
  if (header.length > MAX_KEY_DIGITS) return 'EASGATE_POLICY_KEY';
  let key = 0;
  for (let index = 0; index < header.length; index++) {
    const digit = header.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return 'EASGATE_POLICY_KEY';
    key = key * 10 + digit;
  }
  if (query.policyKey !== null && query.policyKey !== key) return 'EASGATE_POLICY_KEY';
  return key;
}
