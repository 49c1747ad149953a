// Owns the cursor of an LDAP feed: up to where changes were read, and on which server that number means anything. Pure.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { LdapSettings } from './settings.ts';

const cursorSchema = z.strictObject({
  version: z.literal(1),
  /** Digest of the settings that decide what is read. */
  settings: z.string(),
  /** Digest of all groups and their changes. */
  groups: z.string(),
  at: z.discriminatedUnion('by', [
    z.strictObject({
      by: z.literal('usn'),
      controller: z.string(),
      invocation: z.string(),
      usn: z.number().int().nonnegative(),
    }),
    z.strictObject({
      by: z.literal('time'),
      server: z.string(),
      /** GeneralizedTime in whole seconds: 20261128150000Z. */
      time: z.string().regex(/^\d{14}Z$/),
    }),
  ]),
});

export type LdapCursor = z.infer<typeof cursorSchema>;

/** Reads a cursor; null = there is none, or it is of another version. */
export function readCursor(text: string | null): LdapCursor | null {
  if (text === null) return null;
  try {
    return cursorSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** What decides which records come out: when it changes, everything is read again. */
export function settingsDigest(settings: LdapSettings): string {
  const { baseDn, userFilter, userNames, groupBaseDn, groupFilter, groupNames, groupNameAttribute } =
    settings;
  const { dialect, disabledAttribute, disabledValues, attributes } = settings;
  const decisive = [dialect, baseDn, userFilter, userNames, groupBaseDn, groupFilter, groupNames];
  return digest(
    JSON.stringify([...decisive, groupNameAttribute, disabledAttribute, disabledValues, attributes]),
  );
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Digest of a set, in any order: sums of hashes, and the count. */
export class SetDigest {
  private sum = 0n;
  private count = 0;

  add(element: string): void {
    this.sum = (this.sum + BigInt(`0x${digest(element)}`)) & ((1n << 128n) - 1n);
    this.count++;
  }

  toString(): string {
    return `${String(this.count)}-${this.sum.toString(16)}`;
  }
}

/** GeneralizedTime (RFC 4517 3.3.13) as milliseconds since 1970; null = it is not one in UTC. */
export function generalizedTime(text: string | null): number | null {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:[.,]\d+)?Z$/.exec(text ?? '') ?? [];
  if (year === undefined) return null;
  const at = Date.parse(`${year}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}Z`);
  return Number.isNaN(at) ? null : at;
}

/** A time as GeneralizedTime. */
export function asGeneralizedTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
}
