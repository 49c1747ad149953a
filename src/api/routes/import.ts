// Owns the route that brings the records of a file into the directory. The body is the file, with a mapping in front of it where the
// query says so; the file is put into a temporary one.
import { Readable, Transform, pipeline } from 'node:stream';
import { applyImport } from '../../app/import-file.ts';
import type { ImportRequest } from '../../app/import-file.ts';
import { mappingOfDocument } from '../../config/feed-mapping.ts';
import type { CheckedMapping } from '../../config/feed-mapping.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import type { ApiParts } from '../api-parts.ts';
import type { PolicyChecks } from '../policy-checks.ts';
import { LONGEST_IMPORT_MS } from '../contract/import-time.ts';
import { ApiError } from '../problems.ts';
import { noLongerAdmitted, route } from './route.ts';
import type { Route } from './route.ts';

/** Largest file, bytes. */
const MAX_BYTES = 512 * 1024 * 1024;

/** Problems of a mapping that an error names. */
const SHOWN_PROBLEMS = 20;

/** The routes of one server. `checks`: reads mappings. */
export function importRoutes(parts: ApiParts, checks: PolicyChecks): Route[] {
  let isUnderWay = false;
  return [
    route('importFile', async (input, { now, origin, principal, stillAdmitted }) => {
      const { query } = input;
      const body: unknown = input.body;
      if (!isStream(body)) throw new ApiError('EASGATE_API_INVALID', 'the body must be the file');
      if (isUnderWay) throw new ApiError('EASGATE_API_BUSY', 'another file is being imported: wait', 10);
      isUnderWay = true;
      // In the thread: a hostile text takes it many seconds.
      const checked = (text: string): Promise<CheckedMapping> => checks.mapping(principal.id, text);
      try {
        const { format, mappingBytes, source, dates, timeZone } = query;
        if (mappingBytes !== undefined && format !== 'auto')
          throw new ApiError('EASGATE_API_INVALID', 'a file has a format or a mapping, not both');
        return await applyImport(
          parts.store(),
          {
            ...(await inputOf(boundedStream(body, stillAdmitted), mappingBytes ?? 0, checked)),
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
            signal: AbortSignal.timeout(LONGEST_IMPORT_MS),
          },
          { ...origin, audit: parts.audit },
        );
      } catch (error) {
        if (error instanceof DOMException && error.name === 'TimeoutError')
          throw new ProgramError(
            'EASGATE_FAILED',
            `the import took longer than ${LONGEST_IMPORT_MS / 60_000} minutes; what was written until then stays`,
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

/** The file, and the mapping in front of it: so many bytes; 0 = none. @throws ApiError */
async function inputOf(
  body: Readable,
  mappingBytes: number,
  checked: (text: string) => Promise<CheckedMapping>,
): Promise<Pick<ImportRequest, 'input' | 'mapping'>> {
  if (mappingBytes === 0) return { input: body, mapping: null };
  const parts: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  const begin: Buffer[] = [];
  for (let bytes = 0; bytes < mappingBytes;) {
    const part = await parts.next();
    if (part.done === true)
      throw new ApiError('EASGATE_API_INVALID', 'the body is shorter than query/mappingBytes says');
    begin.push(part.value);
    bytes += part.value.length;
  }
  const first = Buffer.concat(begin);
  const { document, problems } = await checked(first.toString('utf8', 0, mappingBytes));
  if (document === null)
    throw new ApiError('EASGATE_API_INVALID', `the mapping: ${problems.slice(0, SHOWN_PROBLEMS).join('; ')}`);
  async function* file(): AsyncGenerator<Buffer> {
    yield first.subarray(mappingBytes);
    yield* { [Symbol.asyncIterator]: () => parts };
  }
  return { input: Readable.from(file()), mapping: mappingOfDocument(document) };
}

/** The stream, which fails where it is longer than a file may be, and where whoever sends it may no longer do so at its end. */
function boundedStream(body: Readable, stillAdmitted: () => boolean): Readable {
  let bytes = 0;
  const counter = new Transform({
    transform(part: Buffer, _encoding, done) {
      bytes += part.length;
      if (bytes <= MAX_BYTES) done(null, part);
      else done(new ApiError('EASGATE_API_TOO_LARGE', `the file is larger than ${MAX_BYTES / 2 ** 20} MB`));
    },
    flush: (done) => done(stillAdmitted() ? null : noLongerAdmitted()),
  });
  // Whoever reads it gets the error.
  pipeline(body, counter, () => undefined);
  return counter;
}
