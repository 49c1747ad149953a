// Owns the route that brings the records of a file into the directory. The body is the file; it is put into a temporary file.
import { Transform, pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { applyImport } from '../../app/import-file.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import type { ApiParts } from '../api-parts.ts';
import { ApiError } from '../problems.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';

/** Largest file, bytes. */
const MAX_BYTES = 512 * 1024 * 1024;
/** Longest import, milliseconds. */
const LONGEST_MS = 15 * 60_000;

/** The routes of one server. */
export function importRoutes(parts: ApiParts): Route[] {
  let isUnderWay = false;
  return [
    route('importFile', async (input, { now, origin }) => {
      const { query } = input;
      const body: unknown = input.body;
      if (!isStream(body)) throw new ApiError('EASGATE_API_INVALID', 'the body must be the file');
      if (isUnderWay) throw new ApiError('EASGATE_API_BUSY', 'another file is being imported: wait', 10);
      isUnderWay = true;
      try {
        const { format, source, dates, timeZone } = query;
        return await applyImport(
          parts.store(),
          {
            input: boundedStream(body),
            format: format === 'auto' ? null : format,
            source: source ?? null,
            zone: timeZone,
            order: dates === undefined ? null : dates === 'day-first' ? 'dayFirst' : 'monthFirst',
          },
          () => undefined,
          {
            now,
            dryRun: query.dryRun ?? false,
            replace: query.replace ?? false,
            confirmed: query.confirmed ?? false,
            allowDecisions: query.allowDecisions ?? false,
            signal: AbortSignal.timeout(LONGEST_MS),
          },
          { ...origin, audit: parts.audit },
        );
      } catch (error) {
        if (error instanceof DOMException && error.name === 'TimeoutError')
          throw new ProgramError(
            'EASGATE_FAILED',
            `the import took longer than ${LONGEST_MS / 60_000} minutes; what was written until then stays`,
          );
        throw error;
      } finally {
        isUnderWay = false;
      }
    }),
  ];
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body && 'read' in body;
}

/** The stream, which fails where it is longer than a file may be. */
function boundedStream(body: Readable): Readable {
  let bytes = 0;
  const counter = new Transform({
    transform(part: Buffer, _encoding, done) {
      bytes += part.length;
      if (bytes <= MAX_BYTES) done(null, part);
      else done(new ApiError('EASGATE_API_TOO_LARGE', `the file is larger than ${MAX_BYTES / 2 ** 20} MB`));
    },
  });
  // Whoever reads it gets the error.
  pipeline(body, counter, () => undefined);
  return counter;
}
