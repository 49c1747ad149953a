// Owns the cursor of a Graph feed: the last check-in that was read, and the link to changes of users. Pure.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { GraphSettings } from './settings.ts';

const cursorSchema = z.strictObject({
  version: z.literal(1),
  /** Digest of the settings that decide what is read. */
  settings: z.string(),
  /** The latest check-in of a device that was read; null = devices are not read, or the window cannot be trusted. */
  since: z.iso.datetime().nullable(),
  /** The delta link of users; null = they are not read. */
  users: z.string().max(16_384).nullable(),
});

export type GraphCursor = z.infer<typeof cursorSchema>;

/** Reads a cursor; null = it is of another version, or of other settings. */
export function readCursor(text: string, settings: GraphSettings): GraphCursor | null {
  try {
    const cursor = cursorSchema.safeParse(JSON.parse(text)).data ?? null;
    return cursor?.settings === settingsDigest(settings) ? cursor : null;
  } catch {
    return null;
  }
}

/** What decides which records come out. */
export function settingsDigest({ tenant, cloud, graphUrl, devices, users, groups }: GraphSettings): string {
  const decisive = JSON.stringify([tenant.toLowerCase(), cloud, graphUrl, devices, users, groups]);
  return createHash('sha256').update(decisive).digest('hex').slice(0, 32);
}
