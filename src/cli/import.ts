// Owns the work of `easgate import`.
import { printImport } from '../app/import-file.ts';
import type { ImportSummary, Recognized } from '../app/import-file.ts';
import type { FormatName } from '../feeds/mapping.ts';
import { remark, warn } from './output.ts';

/** Options of `import`; commander has checked the choices. */
export interface ImportOptions {
  readonly format: FormatName | 'auto';
  readonly source?: string;
  readonly print: true;
  readonly dates?: 'day-first' | 'month-first';
  readonly timeZone: string;
}

/** `import FILE --print`. */
export async function importFile(file: string, options: ImportOptions): Promise<void> {
  const { format, source, dates, timeZone } = options;
  const summary = await printImport(
    {
      input: file === '-' ? process.stdin : file,
      format: format === 'auto' ? null : format,
      source: source ?? null,
      zone: timeZone,
      order: dates === undefined ? null : dates === 'day-first' ? 'dayFirst' : 'monthFirst',
    },
    (recognized) => sayFormat(recognized, format),
    outputWriter(),
  );
  saySummary(summary);
}

function sayFormat({ format, what }: Recognized, asked: string): void {
  remark(`format: ${format} (${what})${asked === 'auto' ? ', by its content' : ''}`);
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
  if (notes.replaced)
    warn(`the file has bytes that are no text in ${notes.encoding.toUpperCase()}; they were replaced`);
}

const nothing = (): void => {};

/** Writes to standard output, and waits until there is room for more. False = whoever read it has gone (`| head`). */
function outputWriter(): (text: string) => Promise<boolean> {
  const { stdout } = process;
  let isGone = false;
  let wake = nothing;
  stdout.on('error', () => {
    isGone = true;
    wake();
  });
  stdout.on('drain', () => wake());
  return async (text) => {
    if (!isGone && !stdout.write(text)) await new Promise<void>((resolve) => (wake = resolve));
    return !isGone;
  };
}
