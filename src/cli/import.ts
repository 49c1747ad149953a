// Owns the work of `easgate import`.
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { QueryOf } from '../api/contract/operations.ts';
import { applyImport, printImport } from '../app/import-file.ts';
import type { ImportOutcome, ImportRequest, ImportSummary, Recognized } from '../app/import-file.ts';
import { mappingOfFile } from '../config/feed-mapping.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { FormatName } from '../feeds/format-names.ts';
import { sayOutcome } from './apply-text.ts';
import { loginName } from './context.ts';
import { outputWriter, printJson, remark, warn } from './output.ts';
import { upload } from './remote/client.ts';
import { fromEither, refuseOptions } from './remote/either.ts';
import { withProgress } from './run-progress.ts';

/** Options of `import`; commander has checked the choices. */
export interface ImportOptions {
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
export async function importFile(file: string, options: ImportOptions, command: Command): Promise<void> {
  const { format, source, dates, timeZone } = options;
  const mapping = options.mapping === undefined ? null : mappingOfFile(options.mapping);
  if (mapping !== null && source === undefined && !options.print)
    throw new ProgramError(
      'EASGATE_USAGE',
      '--mapping needs --source, the name under which the records are stored',
    );
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
  const outcome = await fromEither<ImportOutcome>(
    command,
    async (context) => {
      refuseOptions({ '--mapping': options.mapping }, 'give the file a format, or import it at the gateway');
      const imported = await upload(context, 'importFile', queryOf(options), inputOf(file));
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

function inputOf(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file);
}

/** The options as the API takes them. */
function queryOf(options: ImportOptions): QueryOf<'importFile'> {
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

function sayFormat({ format, what }: Recognized, asked: ImportRequest): void {
  if (asked.mapping) remark(what);
  else remark(`format: ${format} (${what})${asked.format === null ? ', by its content' : ''}`);
}

function saySummary({ counts, withProblems, notes }: ImportSummary): void {
  const parts = Object.entries(counts)
    .filter(([type, count]) => count > 0 && type !== 'refused')
    .map(([type, count]) => `${count} ${count === 1 ? type : `${type}s`}`);
  remark(`${parts.length === 0 ? 'nothing was understood' : parts.join(', ')}; ${counts.refused} refused`);
  if (withProblems > 0)
    warn(
      `in ${withProblems} of the lines a value was not understood; it counts as unknown (see "problems" there)`,
    );
  sayReplaced(notes);
}

function sayReplaced(notes: ImportSummary['notes']): void {
  if (notes.replaced)
    warn(`the file has bytes that are no text in ${notes.encoding.toUpperCase()}; they were replaced`);
}
