// Owns what the records of a webhook mean: an event says a part of a device, and without a signed time only what refuses it. Pure.
import type { DeviceLine, FeedLine, RefusedLine } from '../record.ts';

/** A line of an event; the fields in `unsaid` stay as the source reported them before. */
export type EventLine = FeedLine & { readonly unsaid?: readonly string[] };

/** What follows from `compliant`: an event that says the one says the others. */
const OF_COMPLIANCE: readonly string[] = ['graceUntil', 'unmetRequirements'];

/**
 * What is used of a line. `signedAt`: the signed time, milliseconds since the epoch, which a record's own time is never later than;
 * null = no time was signed: then nothing is used that could let a phone in.
 * Threat: an old "is compliant" that is sent again after the device was lost.
 */
export function eventLine(line: FeedLine, signedAt: number | null): EventLine {
  if (line.type === 'refused') return line;
  if (line.type === 'decision') {
    if (line.action === 'allow') return refused(line.line, 'an allow is not taken from a webhook');
    return line;
  }
  if (line.type !== 'device')
    return refused(
      line.line,
      `a ${line.type} is not taken from a webhook: use ldap, graph or push, or trigger`,
    );
  const said = signedAt === null ? refusalsOf(line) : inTime(line, signedAt);
  return said === null
    ? refused(
        line.line,
        'the delivery has no signed time, and the record says nothing that refuses the device',
      )
    : { ...said, unsaid: unsaidOf(said) };
}

function refused(line: number, reason: string): RefusedLine {
  return { type: 'refused', line, reason };
}

function inTime(line: DeviceLine, signedAt: number): DeviceLine {
  const own = line.observedAt === null ? signedAt : Date.parse(line.observedAt);
  return { ...line, observedAt: new Date(Math.min(own, signedAt)).toISOString() };
}

/** The values that refuse; all others are not said. Its own time is not believed. */
function refusalsOf(line: DeviceLine): DeviceLine | null {
  const { managed, compliant, encrypted, compromised, managedMailProfile, removed } = line;
  const isRefusal =
    removed ||
    managed === false ||
    compliant === false ||
    encrypted === false ||
    compromised === true ||
    managedMailProfile === false;
  if (!isRefusal) return null;
  return {
    ...line,
    managed: managed === false ? false : null,
    compliant: compliant === false ? false : null,
    encrypted: encrypted === false ? false : null,
    compromised: compromised === true ? true : null,
    managedMailProfile: managedMailProfile === false ? false : null,
    graceUntil: null,
    platform: null,
    osVersion: null,
    os: null,
    ownership: 'unknown',
    lastCheckIn: null,
    attributes: {},
    observedAt: null,
  };
}

function unsaidOf(line: DeviceLine): string[] {
  const { compliant, unmetRequirements, attributes, ownership } = line;
  const unsaid = Object.entries(line)
    .filter(([name, value]) => value === null && !(compliant !== null && OF_COMPLIANCE.includes(name)))
    .map(([name]) => name);
  if (compliant === null && unmetRequirements.length === 0) unsaid.push('unmetRequirements');
  if (Object.keys(attributes).length === 0) unsaid.push('attributes');
  if (ownership === 'unknown') unsaid.push('ownership');
  return unsaid;
}
