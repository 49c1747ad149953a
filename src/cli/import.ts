// Owns the work of `easgate import`.
import { numberText } from '../app/number-text.ts';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { QueryOf } from '../api/contract/operations.ts';
import { applyImport, checkImport, printImport } from '../app/import-file.ts';
import type { ImportOutcome, ImportRequest, ImportSummary, Recognized } from '../app/import-file.ts';
import { mappingOfText, mappingText } from '../config/feed-mapping.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { FormatName } from '../feeds/format-names.ts';
import { sayOutcome } from './apply-text.ts';
import { loginName } from './context.ts';
import { outputWriter, printJson, remark, warn } from './output.ts';
import { upload } from './remote/client.ts';
import type { Context } from './remote/contexts.ts';
import { fromEither } from './remote/either.ts';
import { withProgress } from './run-progress.ts';

/** The options of the command as they were typed; commander has checked the choices. */
export interface ImportFlags {
  readonly format: FormatName | 'auto';
  readonly mapping?: string;
  readonly source?: string;
  readonly print?: true;
  readonly dryRun?: true;
  readonly replace?: true;
  readonly yes?: true;
  readonly allowDecisions?: true;
  readonly json?: true;
  readonly dates?: 'day-first' | 'month-first';
  readonly timeZone: string;
}

/** `import FILE`. */
export async function importFile(file: string, options: ImportFlags, command: Command): Promise<void> {
  const { format, source, dates, timeZone } = options;
  const mappingFile = options.mapping === undefined ? null : mappingText(options.mapping);
  const mapping = mappingFile === null ? null : mappingOfText(mappingFile, options.mapping ?? '');
  const request: ImportRequest = {
    input: file === '-' ? process.stdin : file,
    format: format === 'auto' ? null : format,
    mapping,
    source: source ?? null,
    zone: timeZone,
    order: dates === undefined ? null : dates === 'day-first' ? 'dayFirst' : 'monthFirst',
  };
  if (options.print) {
    await printLines(request);
    return;
  }
  checkImport(request);
  const outcome = await fromEither<ImportOutcome>(
    command,
    async (context) => {
      const input = file === '-' ? process.stdin : createReadStream(file);
      const imported =
        mappingFile === null
          ? await upload(context, 'importFile', queryOf(options), input)
          : await uploadMapped(context, mappingFile, queryOf(options), input);
      sayFormat(imported, request);
      return imported;
    },
    (store, _config, audit) => {
      const now = Date.now();
      const how = {
        now,
        dryRun: options.dryRun ?? false,
        confirmed: options.yes ?? false,
        allowDecisions: options.allowDecisions ?? false,
        replace: options.replace ?? false,
      };
      const operator = { by: loginName(), via: 'cli', at: now, audit };
      return withProgress((progress, signal) =>
        applyImport(
          store,
          request,
          (found) => sayFormat(found, request),
          { ...how, progress, signal },
          operator,
        ),
      );
    },
  );
  if (options.json) printJson(outcome);
  else sayImport(outcome);
  if (outcome.held.length > 0)
    throw new ProgramError(
      'EASGATE_HELD',
      `nothing was written: ${outcome.held.join('; ')}. Look at the file; --yes writes it all the same`,
    );
}

/** The body begins with the mapping. */
function uploadMapped(
  context: Context,
  mapping: string,
  query: QueryOf<'importFile'>,
  file: Readable,
): Promise<ImportOutcome> {
  const bytes = Buffer.from(mapping);
  const body = Readable.from(
    (async function* (): AsyncGenerator<Buffer> {
      yield bytes;
      yield* file as AsyncIterable<Buffer>;
    })(),
  );
  return upload(context, 'importFile', { ...query, mappingBytes: bytes.length }, body);
}

/** The options as the API takes them. */
function queryOf(options: ImportFlags): QueryOf<'importFile'> {
  const { format, source, dates, timeZone } = options;
  return {
    format,
    source,
    dates,
    timeZone,
    dryRun: flagWord(options.dryRun),
    replace: flagWord(options.replace),
    confirmed: flagWord(options.yes),
    allowDecisions: flagWord(options.allowDecisions),
  };
}

function flagWord(value: true | undefined): 'true' | undefined {
  return value ? 'true' : undefined;
}

/** Prints what each record of a file becomes. */
export async function printLines(request: ImportRequest): Promise<void> {
  saySummary(await printImport(request, (found) => sayFormat(found, request), outputWriter()));
}

function sayImport(outcome: ImportOutcome): void {
  sayOutcome(outcome);
  sayReplaced(outcome.notes);
}

function sayFormat({ format, what, notAsked }: Recognized, asked: ImportRequest): void {
  if (asked.mapping) remark(what);
  else remark(`format: ${format} (${what})${asked.format === null ? ', by its content' : ''}`);
  if (notAsked !== null)
    warn(`the names in the file are those of the format ${notAsked}, not of ${format}: is --format right?`);
}

function saySummary({ counts, withProblems, sameDevice, notes }: ImportSummary): void {
  const parts = Object.entries(counts)
    .filter(([type, count]) => count > 0 && type !== 'refused')
    .map(([type, count]) => `${numberText(count)} ${count === 1 ? type : `${type}s`}`);
  const isEmpty = Object.values(counts).every((count) => count === 0);
  const understood = parts.length === 0 ? 'nothing was understood' : parts.join(', ');
  remark(isEmpty ? 'no record was read' : `${understood}; ${numberText(counts.refused)} refused`);
  if (withProblems > 0)
    warn(
      `in ${numberText(withProblems)} of the lines a value was not understood; it counts as unknown (see "problems" there)`,
    );
  if (sameDevice > 0)
    warn(
      `${sameDevice === 1 ? '1 of the lines is of a device that has' : `${sameDevice} of the lines are of devices that have`} another line; which one counts is said in "problems" there`,
    );
  sayReplaced(notes);
}

function sayReplaced(notes: ImportSummary['notes']): void {
  if (notes.replaced)
    warn(`the file has bytes that are no text in ${notes.encoding.toUpperCase()}; they were replaced`);
}
