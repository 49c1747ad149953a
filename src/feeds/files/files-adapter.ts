// Owns the feed of kind `files`: a file, or a folder whose files together are the whole set.
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { messageOf } from '../../caught-error.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import { FeedError } from '../contract.ts';
import type { FeedAdapter, FeedPart } from '../contract.ts';
import type { FormatName } from '../format-names.ts';
import type { Mapping } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import type { DayOrder } from '../times.ts';
import { SYSTEM_CLOCK } from '../waiting.ts';
import type { Clock } from '../waiting.ts';
import { FeedFile } from './feed-file.ts';
import { watchFiles } from './watch-files.ts';
import { filesIn, isFolder, readable, settled } from './folder.ts';
import type { FolderFile } from './folder.ts';

/** How the files are read. */
export interface FilesOptions {
  readonly path: string;
  readonly source: string;
  /** null = by their content. */
  readonly format: FormatName | null;
  /** A mapping of the operator, in place of those of the formats. */
  readonly mapping?: Mapping | null | undefined;
  /** Only the newest file of the folder counts, once it did not change for so long; null = all files are one set. */
  readonly newest: { readonly settleMs: number } | null;
  /** Before files that changed are read without waiting for the schedule: so long they must not change, milliseconds; absent = 0. */
  readonly settleMs?: number;
  /** The IANA time zone of times that name none. */
  readonly zone: string;
  /** The order of day and month; null = by the values of each column. */
  readonly order: DayOrder | null;
  /** Largest file, unpacked; absent = as in packed.ts. */
  readonly maxMegabytes?: number;
  readonly clock?: Clock;
}

const PART = 1_000;

/** Reads a file, or a folder as one set. Every run is a full one. */
export class FilesAdapter implements FeedAdapter {
  readonly kind = 'files';
  readonly complete = ['device', 'user', 'group'] as const;
  private readonly options: FilesOptions;

  constructor(options: FilesOptions) {
    this.options = options;
  }

  async *run(_cursor: string | null, signal: AbortSignal): AsyncGenerator<FeedPart> {
    for (const file of await this.files(signal)) {
      let lines: FeedLine[] = [];
      for await (const line of fileLines(this.options, file)) {
        signal.throwIfAborted();
        lines.push(line);
        if (lines.length < PART) continue;
        yield { lines };
        lines = [];
      }
      yield { lines };
    }
  }

  watch(onChange: () => void, signal: AbortSignal): void {
    const { path, newest, settleMs = 0, clock = SYSTEM_CLOCK } = this.options;
    // Of the newest file the run itself waits until it is complete.
    const settles = newest === null ? settleMs : 0;
    watchFiles({ path, settleMs: settles, noticesRemovals: newest === null, clock }, onChange, signal);
  }

  private async files(signal: AbortSignal): Promise<readonly FolderFile[]> {
    const { path, newest, clock = SYSTEM_CLOCK } = this.options;
    if (!(await isFolder(path))) {
      const found = await readable(path, stat(path));
      return [
        { name: basename(path), path, size: found.size, writtenAt: Math.floor(found.mtimeMs), isNamed: true },
      ];
    }
    const files = await filesIn(path);
    if (files.length === 0) throw new FeedError('EASGATE_FEED_SOURCE', `${path} has no files`);
    if (newest === null) return files.sort((one, other) => (one.name < other.name ? -1 : 1));
    const complete = await settled(path, files, newest.settleMs, clock, signal);
    const last = complete.at(-1);
    if (last === undefined)
      throw new FeedError('EASGATE_FEED_SOURCE', `every file of ${path} is still being written`);
    return [last];
  }
}

/** The records of a file. @throws FeedError where it is not read as a whole, or changed meanwhile */
export async function* fileLines(
  options: Omit<FilesOptions, 'newest'>,
  file: FolderFile,
): AsyncGenerator<FeedLine> {
  const writtenAt = new Date(file.writtenAt).toISOString();
  for await (const line of linesOf(options, file))
    // A file that was put back from a backup is as old as it says.
    yield 'observedAt' in line && line.observedAt === null ? { ...line, observedAt: writtenAt } : line;
  const { size, mtimeMs } = await readable(file.path, stat(file.path));
  if (size !== file.size || Math.floor(mtimeMs) !== file.writtenAt)
    throw new FeedError(
      'EASGATE_FEED_ANSWER',
      `${file.path} changed while it was read: nothing of it is used`,
    );
}

async function* linesOf(
  options: Omit<FilesOptions, 'newest'>,
  { path, isNamed }: FolderFile,
): AsyncGenerator<FeedLine> {
  const { source, format, mapping, zone, order, maxMegabytes } = options;
  const followsLinks = isNamed === true;
  try {
    const reading = { format, mapping, source, zone, order, maxMegabytes };
    const file = await FeedFile.open({ path, followsLinks, ...reading });
    yield* file.lines();
    // What is missing would be removed.
    if (file.isCutOff)
      throw new FeedError(
        'EASGATE_FEED_ANSWER',
        `${path} is cut off in the middle of a record or a list: nothing of it is used`,
      );
  } catch (cause) {
    if (cause instanceof FeedError) throw cause;
    const message = `${path}: ${messageOf(cause)}`;
    if (cause instanceof ProgramError && cause.code === 'EASGATE_FILE_SIZE')
      throw new FeedError('EASGATE_FEED_SIZE', `${message} (maxMegabytes of the feed)`, { cause });
    throw new FeedError('EASGATE_FEED_ANSWER', message, { cause });
  }
}
