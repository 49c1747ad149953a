// Owns the leak check: a test must leave no socket, server, timer or process, and no connection of a gateway.
import { afterAll, beforeAll, beforeEach, onTestFinished } from 'vitest';
import type { Gateway } from '../../../src/gateway/gateway.ts';
import { until } from './until.ts';

/** Kinds of resources that a test may open; the other resources in the list of Node.js belong to the test runner. */
const KINDS = [
  'TCPSocketWrap',
  'TCPServerWrap',
  'TCPConnectWrap',
  'TLSWrap',
  'ProcessWrap',
  'FSEventWrap',
  'Timeout',
] as const;

const watched = new Set<Gateway>();

/** Registers a gateway whose connections are checked after each test. */
export function watchGateway(gateway: Gateway): void {
  watched.add(gateway);
}

/** Number of open resources of each kind. */
export function heldNow(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>(KINDS.map((kind) => [kind, 0]));
  for (const kind of process.getActiveResourcesInfo()) {
    const count = counts.get(kind);
    if (count !== undefined) counts.set(kind, count + 1);
  }
  return counts;
}

/** One line per resource that is open now and was not before. */
export function leftovers(before: ReadonlyMap<string, number>): string[] {
  const found: string[] = [];
  for (const [kind, count] of heldNow()) {
    const more = count - (before.get(kind) ?? 0);
    if (more > 0) found.push(`${more} ${kind}`);
  }
  for (const gateway of watched) {
    if (gateway.connections() > 0) found.push(`${gateway.connections()} client connections`);
    if (gateway.upstreamConnections() > 0)
      found.push(`${gateway.upstreamConnections()} upstream connections`);
  }
  return found;
}

/** Closes `thing` when the test ends, in reverse order of opening. */
export function closeAtEnd<Thing extends { close(): Promise<unknown> | void }>(thing: Thing): Thing {
  onTestFinished(async () => void (await thing.close()));
  return thing;
}

/**
 * Fails each test of the file that leaves a resource open. Call it before the file's own hooks: functions given to
 * `onTestFinished` run in reverse order, so this check runs last. Resources opened by `beforeAll` may stay open, their
 * connections may not.
 */
export function checkLeaks(): void {
  beforeEach(({ onTestFinished }) => {
    const before = heldNow();
    onTestFinished(() => nothingSince(before));
  });
}

/**
 * Fails the file when a resource is open at its end: for files whose tests share servers and connections between them. Call it
 * before the file's own hooks, like {@link checkLeaks}.
 */
export function checkLeaksAtEnd(): void {
  let before: ReadonlyMap<string, number> = new Map();
  beforeAll(() => {
    before = heldNow();
  });
  afterAll(() => nothingSince(before));
}

/** Closing takes some turns of the event loop. */
async function nothingSince(before: ReadonlyMap<string, number>): Promise<void> {
  await until(() => leftovers(before).length === 0, 'nothing to be left over').catch((cause: unknown) => {
    throw new Error(`the test left over: ${leftovers(before).join(', ')}`, { cause });
  });
}
