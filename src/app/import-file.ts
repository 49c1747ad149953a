// Owns the use cases of an exported file: one JSON line for each of its records, or its records in the directory.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { ProgramError } from '../errors/program-errors.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { FeedPart } from '../feeds/contract.ts';
import { FeedFile } from '../feeds/files/feed-file.ts';
import { contentOfTemporary } from '../feeds/files/packed.ts';
import type { DecodeNotes } from '../feeds/files/decode.ts';
import type { FormatName } from '../feeds/format-names.ts';
import type { Mapping } from '../feeds/mapping.ts';
import type { DeviceLine, FeedLine } from '../feeds/record.ts';
import { isTimeZone } from '../feeds/times.ts';
import type { DayOrder } from '../feeds/times.ts';
import { TemporaryFile } from '../temporary-file.ts';
import { applyLines } from './apply-lines.ts';
import type { ApplyOptions } from './apply-lines.ts';
import type { ApplyOutcome } from './apply-outcome.ts';
import { auditedRun } from './audited-run.ts';
import type { Operator } from './audited-run.ts';
import { DEFAULT_BRAKES } from './brakes.ts';
import { PrevailingRecords } from './prevailing-records.ts';

/** What to read, and how. */
export interface ImportRequest {
  /** The path of a file, or a stream, which is put into a temporary file: dates may need a second reading. */
  readonly input: string | Readable;
  /** null = by the content. */
  readonly format: FormatName | null;
  /** A mapping of the operator, in place of those of the formats. */
  readonly mapping?: Mapping | null | undefined;
  /** null = the name of the format. */
  readonly source: string | null;
  /** The IANA time zone of times that name none. */
  readonly zone: string;
  /** The order of day and month in dates; null = by the values of each column. */
  readonly order: DayOrder | null;
  /** Largest file, unpacked; absent = as in feeds/files/limits.ts. */
  readonly maxMegabytes?: number | undefined;
}

/** How many lines of each type, and what was noticed. */
export interface ImportSummary {
  readonly counts: Readonly<Record<FeedLine['type'], number>>;
  /** Lines of which a value was not understood. */
  readonly withProblems: number;
  /** Lines of a device that has another line: one of them counts. */
  readonly sameDevice: number;
  readonly notes: Readonly<DecodeNotes>;
}

/** What the file turned out to be. */
export interface Recognized {
  readonly format: FormatName;
  /** What its records are, for people. */
  readonly what: string;
  /** Another format that its names belong to for certain, although the operator asked for this one; null = none. */
  readonly notAsked: FormatName | null;
}

function recognizedIn({ format, what, notAsked }: FeedFile): Recognized {
  return { format, what, notAsked: notAsked?.format ?? null };
}

/** Characters that are written at once. */
const BATCH = 65_536;

/**
 * Reads a file and hands over one JSON line for each record, in pieces. `write` is waited for; false from it ends the reading.
 * @throws ProgramError EASGATE_FILE, EASGATE_IMPORT_FORMAT, EASGATE_TEMPORARY_FILES, EASGATE_USAGE
 */
export function printImport(
  request: ImportRequest,
  recognized: (file: Recognized) => void,
  write: (text: string) => Promise<boolean>,
): Promise<ImportSummary> {
  return withFile(request, recognized, (file) => printFile(file, write));
}

/** How the records of a file are applied; what it does not say is as in apply-lines.ts. */
export interface ImportOptions extends Pick<
  ApplyOptions,
  'now' | 'dryRun' | 'confirmed' | 'allowDecisions' | 'progress' | 'signal'
> {
  /** The file has all devices, users and groups of its source: others of this source are removed. */
  readonly replace: boolean;
}

/** What an import did. */
export interface ImportOutcome extends ApplyOutcome, Recognized {
  readonly notes: Readonly<DecodeNotes>;
}

/** Checks what does not depend on the file: before a large one is sent. @throws ProgramError EASGATE_USAGE */
export function checkImport({ mapping, source, zone }: Omit<ImportRequest, 'input'>): void {
  if (mapping && source === null)
    throw new ProgramError(
      'EASGATE_USAGE',
      '--mapping needs --source, the name under which the records are stored',
    );
  checkNames(source, zone);
}

/**
 * Reads a file and brings its records into the directory, with an entry in the audit.
 * @throws ProgramError EASGATE_FILE, EASGATE_IMPORT_FORMAT, EASGATE_TEMPORARY_FILES, EASGATE_USAGE
 */
export function applyImport(
  store: DirectoryStore,
  request: ImportRequest,
  recognized: (file: Recognized) => void,
  { replace, ...options }: ImportOptions,
  operator: Operator,
): Promise<ImportOutcome> {
  checkImport(request);
  const { now, dryRun, progress, signal } = options;
  const apply = async (file: FeedFile, writtenAt: number | null): Promise<ImportOutcome> => {
    const source = request.source ?? file.format;
    const outcome = await auditedRun(
      operator,
      { operation: 'import', source, dryRun, progress },
      (onProgress) =>
        applyLines(store, fileParts(file, replace), {
          ...options,
          progress: onProgress,
          source,
          // A record of yesterday's file is as old as the file.
          readAt: Math.min(writtenAt ?? now, now),
          whole: replace ? ['device', 'user', 'group'] : [],
          brakes: DEFAULT_BRAKES,
        }),
    );
    return { ...recognizedIn(file), ...outcome, notes: file.notes };
  };
  return withFile(request, recognized, apply, signal);
}

/** Lines of one part. */
const PART = 1_000;

/** The records of a file, in parts. `mustBeWhole`: what the file does not have is removed. @throws ProgramError EASGATE_FILE */
async function* fileParts(file: FeedFile, mustBeWhole: boolean): AsyncGenerator<Pick<FeedPart, 'lines'>> {
  let lines: FeedLine[] = [];
  for await (const line of file.lines()) {
    lines.push(line);
    if (lines.length < PART) continue;
    yield { lines };
    lines = [];
  }
  if (mustBeWhole && file.isCutOff)
    throw new ProgramError(
      'EASGATE_FILE',
      'the file is cut off in the middle of a record or a list: it replaces what was imported before, so that what is missing would be removed',
    );
  yield { lines };
}

/** `writtenAt`: when the file was last written, milliseconds since the epoch; null = the input is no file. */
async function withFile<Result>(
  request: ImportRequest,
  recognized: (file: Recognized) => void,
  work: (file: FeedFile, writtenAt: number | null) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const { input, format, mapping, source, zone, order, maxMegabytes } = request;
  checkNames(source, zone);
  const reading = { format, mapping, source, zone, order };
  const known = (file: FeedFile): FeedFile => {
    recognized(recognizedIn(file));
    return file;
  };
  if (typeof input === 'string' && (await isSeekable(input))) {
    const file = known(await FeedFile.open({ ...reading, path: input, maxMegabytes }));
    return work(file, (await stat(input)).mtimeMs);
  }
  const file = await TemporaryFile.open();
  try {
    const stream = typeof input === 'string' ? createReadStream(input) : input;
    await pipeline(stream, file.writable(), { ...(signal !== undefined && { signal }) });
    return await work(known(await FeedFile.of(await contentOfTemporary(file, maxMegabytes), reading)), null);
  } catch (error) {
    // Its reason says more than the error of the stream.
    signal?.throwIfAborted();
    throw error;
  } finally {
    await file.close();
  }
}

/** A pipe, as of `<(command)`, can be read only once. */
async function isSeekable(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isFIFO();
  } catch {
    // Opening the file reports the error.
    return true;
  }
}

function checkNames(source: string | null, zone: string): void {
  if (source !== null && !/^[A-Za-z0-9][\w.-]{0,63}$/.test(source))
    throw new ProgramError(
      'EASGATE_USAGE',
      'the name of the source has letters, digits, ".", "_" and "-", 64 at most, and begins with a letter or a digit',
    );
  if (!isTimeZone(zone))
    throw new ProgramError('EASGATE_USAGE', 'the time zone is not known: write it as Europe/Berlin or UTC');
}

async function printFile(file: FeedFile, write: (text: string) => Promise<boolean>): Promise<ImportSummary> {
  const counts = { device: 0, user: 0, group: 0, decision: 0, refused: 0 };
  const records = new PrevailingRecords(Date.now());
  let withProblems = 0;
  let sameDevice = 0;
  let text = '';
  for await (const line of file.lines()) {
    counts[line.type]++;
    if ('problems' in line && line.problems.length > 0) withProblems++;
    const note = line.type === 'device' ? noteOf(line, records) : null;
    if (note !== null) sameDevice++;
    text += `${JSON.stringify('problems' in line && note !== null ? { ...line, problems: [...line.problems, note] } : line)}\n`;
    if (text.length < BATCH) continue;
    const isWanted = await write(text);
    text = '';
    if (!isWanted) break;
  }
  if (text !== '') await write(text);
  return { counts, withProblems, sameDevice, notes: file.notes };
}

/** Which one counts of this line and the ones before it of the same device; null = it is the first one. */
function noteOf(line: DeviceLine, records: PrevailingRecords): string | null {
  let note: string | null = null;
  for (const key of line.id === null ? [] : [line.id, ...line.otherIds])
    note = records.take(line, key, 0)?.note ?? note;
  return note;
}
