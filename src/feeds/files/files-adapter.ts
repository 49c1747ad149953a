// Owns the feed of kind `files`: a file, or a folder whose files together are the whole set.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileTrouble } from '../../file-words.ts';
import { FeedError } from '../contract.ts';
import type { FeedAdapter, FeedPart } from '../contract.ts';
import type { FormatName } from '../format-names.ts';
import type { Mapping } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import type { DayOrder } from '../times.ts';
import { FeedFile } from './feed-file.ts';

/** How the files are read. */
export interface FilesOptions {
  readonly path: string;
  readonly source: string;
  /** null = by their content. */
  readonly format: FormatName | null;
  /** A mapping of the operator, in place of those of the formats. */
  readonly mapping?: Mapping | null | undefined;
  /** The IANA time zone of times that name none. */
  readonly zone: string;
  /** The order of day and month; null = by the values of each column. */
  readonly order: DayOrder | null;
}

const PART = 1_000;

/** Reads files. Every run is a full one. */
export class FilesAdapter implements FeedAdapter {
  readonly kind = 'files';
  readonly complete = ['device', 'user', 'group'] as const;
  private readonly options: FilesOptions;

  constructor(options: FilesOptions) {
    this.options = options;
  }

  async *run(_cursor: string | null, signal: AbortSignal): AsyncGenerator<FeedPart> {
    for (const path of await this.paths()) {
      const writtenAt = (await readable(path, stat(path))).mtime.toISOString();
      let lines: FeedLine[] = [];
      for await (const line of this.linesOf(path)) {
        signal.throwIfAborted();
        // A file that was put back from a backup is as old as it says.
        lines.push(
          'observedAt' in line && line.observedAt === null ? { ...line, observedAt: writtenAt } : line,
        );
        if (lines.length < PART) continue;
        yield { lines };
        lines = [];
      }
      yield { lines };
    }
  }

  /** Files whose names begin with a dot are still being written, or are none. */
  private async paths(): Promise<string[]> {
    const { path } = this.options;
    if (!(await readable(path, stat(path))).isDirectory()) return [path];
    const found = await readable(path, readdir(path, { withFileTypes: true }));
    const files = found.filter((one) => one.isFile() && !one.name.startsWith('.'));
    if (files.length === 0) throw new FeedError('EASGATE_FEED_SOURCE', `${path} has no files`);
    return files.map(({ name }) => join(path, name)).sort();
  }

  private async *linesOf(path: string): AsyncGenerator<FeedLine> {
    const { source, format, mapping, zone, order } = this.options;
    try {
      const file = await FeedFile.open({ path, format, mapping, source, zone, order });
      yield* file.lines();
      // What is missing would be removed.
      if (file.isCutOff)
        throw new FeedError(
          'EASGATE_FEED_ANSWER',
          `${path} is cut off in the middle of a record or a list: nothing of it is used`,
        );
    } catch (cause) {
      if (cause instanceof FeedError) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new FeedError('EASGATE_FEED_ANSWER', `${path}: ${message}`, { cause });
    }
  }
}

/** @throws FeedError that says why the file or folder cannot be read */
async function readable<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new FeedError('EASGATE_FEED_SOURCE', fileTrouble(cause, path), { cause });
  }
}
