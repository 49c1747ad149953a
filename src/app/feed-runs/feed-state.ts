// Owns what is remembered of a feed between runs: one small file for each feed, beside the directory's data.
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ProgramError } from '../../errors/program-errors.ts';
import { fileTrouble } from '../../file-words.ts';
import type { ApplyOutcome } from '../apply-outcome.ts';

const time = (description: string) =>
  z.number().nullable().default(null).describe(`${description}, milliseconds since the epoch; null = never`);
const counts = z.object({
  accepted: z.number(),
  unchanged: z.number(),
  older: z.number(),
  removed: z.number(),
});

/** The counts of a run that was applied. */
const runSchema = z.object({
  isFull: z.boolean(),
  tookMs: z.number(),
  devices: counts,
  users: counts,
  refused: z.number(),
  withProblems: z.number().default(0),
  sameDevice: z.number().default(0),
  joined: z.number(),
  notJoined: z.number(),
  possibleMatches: z.number().default(0),
  notRemoved: z.array(z.string()),
});

const stateSchema = z.object({
  cursor: z.string().nullable().default(null).describe('Where the next run begins; null = a full run'),
  lastFullAt: time('When a full run was last applied'),
  lastSuccessAt: time('When a run was last applied'),
  lastTriedAt: time('When a run last began'),
  failures: z.number().int().min(0).default(0).describe('Runs that failed since the last one that did not'),
  error: z
    .object({ at: z.number(), code: z.string(), message: z.string() })
    .nullable()
    .default(null)
    .describe('The last failure since then'),
  held: z
    .object({ at: z.number(), reasons: z.array(z.string()) })
    .nullable()
    .default(null)
    .describe('The last run was held by a brake'),
  confirmedAt: time('When somebody last confirmed what a brake holds, of a feed that is sent its records'),
  run: runSchema.nullable().default(null).describe('The last run that was applied'),
});

/** What is remembered of a feed. */
export type FeedState = Readonly<z.infer<typeof stateSchema>>;

/** What is remembered after a run that was applied. */
export function stateAfter(outcome: ApplyOutcome, startedAt: number, isFull: boolean): Partial<FeedState> {
  const { devices, users, refused, withProblems, sameDevice, joined, notJoined, notRemoved } = outcome;
  return {
    ...(isFull && { lastFullAt: startedAt }),
    lastSuccessAt: startedAt,
    failures: 0,
    error: null,
    held: null,
    run: {
      isFull,
      tookMs: Date.now() - startedAt,
      devices,
      users,
      refused: refused.count,
      withProblems: withProblems.count,
      sameDevice: sameDevice.count,
      joined,
      notJoined: notJoined.count,
      possibleMatches: notJoined.possibleMatches,
      notRemoved: [...notRemoved],
    },
  };
}

/** The end of a draft's name. */
const DRAFT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A draft is renamed at once: an older one was left by a process that was killed. */
const LEFT_AFTER_MS = 3_600_000;

/** The files of all feeds. */
export class FeedStates {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** A missing or damaged file means that nothing is known: the next run is a full one. */
  async read(name: string): Promise<FeedState> {
    let stored: unknown = {};
    try {
      stored = JSON.parse(await readFile(this.path(name), 'utf8'));
    } catch {
      // As above.
    }
    const parsed = stateSchema.safeParse(stored);
    return parsed.success ? parsed.data : stateSchema.parse({});
  }

  /** Replaces the file as a whole. A cursor may hold a token of the source: only its user can read it. @throws ProgramError EASGATE_STATE_FILE */
  async write(name: string, state: FeedState): Promise<void> {
    const path = this.path(name);
    const draft = `${path}.${randomUUID()}`;
    try {
      await mkdir(this.folder, { recursive: true });
      await this.removeLeftDrafts(name);
      await writeFile(draft, `${JSON.stringify(state)}\n`, { mode: 0o600, flush: true });
      await rename(draft, path);
    } catch (error) {
      // A full disk must not get a draft with every run.
      await rm(draft, { force: true }).catch(() => undefined);
      throw new ProgramError(
        'EASGATE_STATE_FILE',
        `what is remembered of the feed ${name}: ${fileTrouble(error, path)}`,
        { cause: error },
      );
    }
  }

  /** Removes drafts of this feed that killed processes left. A draft that another process is writing is younger; one that cannot be removed does no harm. */
  private async removeLeftDrafts(name: string): Promise<void> {
    const own = `${name}.json.`;
    for (const file of await readdir(this.folder)) {
      if (!file.startsWith(own) || !DRAFT.test(file.slice(own.length))) continue;
      const path = join(this.folder, file);
      const status = await stat(path).catch(() => null);
      if (status !== null && Date.now() - status.mtimeMs > LEFT_AFTER_MS)
        await rm(path, { force: true }).catch(() => undefined);
    }
  }

  private path(name: string): string {
    return join(this.folder, `${name}.json`);
  }
}
