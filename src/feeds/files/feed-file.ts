// Owns a file of records: what kind of file it is, which format its records have, and their reading one after the other. A file
// may be far larger than memory: nothing of it is kept.
import { ProgramError } from '../../errors/program-errors.ts';
import { plain } from '../../plain-text.ts';
import { DateOrders } from '../date-orders.ts';
import {
  MAPPINGS,
  bestMapping,
  mappingByContext,
  mappingFor,
  mappingNotAsked,
  mappingsOf,
  matches,
} from '../formats.ts';
import { RecordReader } from '../mapping.ts';
import type { FormatName } from '../format-names.ts';
import type { Mapping } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import { repeatedNameOf } from '../repeated-names.ts';
import { ObjectRow } from '../row.ts';
import type { Row } from '../row.ts';
import { needsOrder } from '../times.ts';
import type { DayOrder } from '../times.ts';
import { timesOf } from '../usual-names.ts';
import { textOf } from '../values.ts';
import { clixmlRecords } from './clixml.ts';
import type { ClixmlRecord } from './clixml.ts';
import { decode } from './decode.ts';
import type { DecodeNotes } from './decode.ts';
import { listRecords } from './format-list.ts';
import { jsonLines, jsonTexts } from './json.ts';
import { contentOf } from './packed.ts';
import type { Content, ContentOptions } from './packed.ts';
import { recordsIn } from './pages.ts';
import { propertyListRecords } from './property-list-records.ts';
import { sniff, unknownFormat } from './sniff.ts';
import type { FileKind } from './sniff.ts';
import { tableRows } from './table-rows.ts';
import type { Unread } from './table-rows.ts';
import { xmlRecords } from './xml-records.ts';

/** How records are to be read. */
export interface ReadingOptions {
  /** null = by its content. */
  readonly format: FormatName | null;
  /** A mapping of the operator: every record is read by it. */
  readonly mapping?: Mapping | null | undefined;
  /** null = the name of the format. */
  readonly source: string | null;
  /** The IANA time zone of times that name none. */
  readonly zone: string;
  /** The order of day and month; null = by the values of each column. */
  readonly order: DayOrder | null;
}

/** A file, and how it is to be read. */
export interface FeedFileOptions extends ReadingOptions, ContentOptions {
  readonly path: string;
}

const HEAD = 262_144;
/** Records that are looked at to find the format. */
const LOOKED_AT = 200;

/** A file that was recognized. */
export class FeedFile {
  readonly format: FormatName;
  /** What the records are, for people; of JSON the first one's. */
  readonly what: string;
  /** What the records are by their names, where the operator asked for the format of another product; null = nothing else. */
  readonly notAsked: Mapping | null;
  readonly notes: DecodeNotes = { encoding: 'ascii', replaced: false };
  /** The file ends in the middle of a record or of a list: it is not all that its writer had. Known once all lines are read. */
  isCutOff = false;
  private readonly options: ReadingOptions;
  private readonly content: Content;
  private readonly kind: FileKind;
  private readonly mappings: readonly Mapping[];
  private readonly orders = new DateOrders();
  private isSurveyed = false;

  private constructor(
    options: ReadingOptions,
    content: Content,
    kind: FileKind,
    { mapping: first, notAsked }: Recognition,
  ) {
    this.options = options;
    this.content = content;
    this.kind = kind;
    this.format = first.format;
    this.what = first.kind;
    this.notAsked = notAsked;
    this.mappings = options.mapping ? [options.mapping] : mappingsOf(first.format);
  }

  /**
   * Looks at the beginning of a file.
   * @throws ProgramError EASGATE_FILE where it cannot be read, EASGATE_FILE_SIZE, EASGATE_IMPORT_FORMAT where its format is not known for certain
   */
  static async open(options: FeedFileOptions): Promise<FeedFile> {
    return FeedFile.of(await contentOf(options.path, options), options);
  }

  /** Looks at the beginning of what is in memory, or in an open file. @throws ProgramError EASGATE_FILE, EASGATE_FILE_SIZE, EASGATE_IMPORT_FORMAT */
  static async of(content: Content, options: ReadingOptions): Promise<FeedFile> {
    const head = await readHead(content);
    if (head.text.trim() === '') throw new ProgramError('EASGATE_FILE', 'the file is empty');
    const { mapping = null } = options;
    const kind = sniff(head.text, head.isWhole, options.format, mapping);
    if (mapping !== null) return new FeedFile(options, content, kind, { mapping, notAsked: null });
    if (kind.container === 'table') return new FeedFile(options, content, kind, kind);
    return new FeedFile(options, content, kind, await formatOfObjects(options, content, kind));
  }

  /** The lines of all records, in the order of the file. */
  async *lines(): AsyncGenerator<FeedLine> {
    const { zone } = this.options;
    const source = this.options.source ?? this.format;
    const order = (name: string): DayOrder | null => this.options.order ?? this.orders.order(name);
    for await (const row of this.rows()) {
      if ('reason' in row) {
        const { line, reason, isCutOff } = row;
        this.isCutOff ||= isCutOff;
        yield { type: 'refused', line, reason };
        continue;
      }
      const mapping = this.mappingFor(row);
      if (mapping === null) {
        yield { type: 'refused', line: row.line, reason: `the record has no fields of ${this.format}` };
        continue;
      }
      if (!this.isSurveyed && timesOf(row, mapping).some((name) => needsOrder(row.get(name))))
        await this.survey();
      const reader = new RecordReader(row, { source, zone, order });
      const lines = mapping.map(reader);
      yield* row.contradictions.size === 0 ? lines : withContradictions(lines, row, reader);
    }
  }

  /** Reads the whole file for the order of day and month in its columns. */
  private async survey(): Promise<void> {
    this.isSurveyed = true;
    if (this.options.order !== null) return;
    for await (const row of this.rows()) {
      if ('reason' in row) continue;
      const mapping = this.mappingFor(row);
      for (const name of mapping === null ? [] : timesOf(row, mapping)) {
        const text = textOf(row.get(name));
        if (text !== null) this.orders.observe(name, text);
      }
    }
  }

  private mappingFor(row: Row): Mapping | null {
    if (this.kind.container === 'table') return this.kind.mapping;
    return this.options.mapping ?? mappingByContext(row, this.mappings) ?? mappingFor(row, this.mappings);
  }

  private rows(): AsyncGenerator<Row | Unread> {
    const text = decode(this.content(), this.notes);
    return this.kind.container === 'table' ? tableRows(text, this.kind) : objectRows(text, this.kind);
  }
}

/** The format of the first record. */
interface Recognition {
  readonly mapping: Mapping;
  readonly notAsked: Mapping | null;
}

interface Head {
  readonly text: string;
  readonly isWhole: boolean;
}

async function readHead(content: Content): Promise<Head> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of content()) {
    pieces.push(piece);
    size += piece.length;
    if (size >= HEAD) break;
  }
  let text = '';
  for await (const piece of decode(pieces)) text += piece;
  return { text, isWhole: size < HEAD };
}

/** Kinds of files that only known products write, not tables of one's own. */
const OF_PRODUCTS: ReadonlySet<FileKind['container']> = new Set(['xml', 'plists']);

/** The mappings that the records of a file may have. */
function mappingsFor(format: FormatName | null, { container }: FileKind): readonly Mapping[] {
  if (format !== null) return mappingsOf(format);
  // No other product writes such files: an `id` in them is the number of a record, not a device id of a table of one's own.
  if (container === 'xml') return [...mappingsOf('jamf'), ...mappingsOf('workspace-one')];
  if (container === 'plists') return mappingsOf('micromdm');
  return MAPPINGS.filter((mapping) => mapping.format !== 'csv');
}

/** The format of the first record that is known for certain. */
async function formatOfObjects(
  options: ReadingOptions,
  content: Content,
  kind: FileKind,
): Promise<Recognition> {
  const among = mappingsFor(options.format, kind);
  const text = decode(content());
  let looked = 0;
  let nearest: Mapping | null = null;
  let notAsked: Mapping | null = null;
  let names = '';
  let unread: Unread | null = null;
  for await (const row of objectRows(text, kind)) {
    if (looked++ >= LOOKED_AT) break;
    if ('reason' in row) {
      unread ??= row;
      continue;
    }
    const mapping = mappingByContext(row, among) ?? bestMapping(row, among);
    notAsked ??= mappingNotAsked(row, options.format);
    if (mapping !== null) return { mapping, notAsked };
    nearest ??= matches(row, among)[0]?.mapping ?? null;
    if (names === '') names = row.shownNames();
  }
  // The operator chose the format, or only a known product writes such files: a few known names are enough.
  if ((options.format !== null || OF_PRODUCTS.has(kind.container)) && nearest !== null)
    return { mapping: nearest, notAsked };
  if (looked === 0) throw new ProgramError('EASGATE_FILE', 'the file has no records');
  if (unread !== null && names === '')
    throw new ProgramError(
      'EASGATE_FILE',
      `no record of the file can be read; the first, on line ${unread.line}: ${unread.reason}`,
    );
  throw unknownFormat(options.format, names, nearest);
}

/** A name that stands twice with different values says nothing; that is noted. */
function withContradictions(
  lines: readonly FeedLine[],
  { contradictions }: Row,
  reader: RecordReader,
): readonly FeedLine[] {
  const names = [...contradictions].join(', ');
  const what = `stands there twice, with different values: ${plain(names, 120)}`;
  reader.problems.push(what);
  return lines.map((line) =>
    line.type === 'refused' ? { ...line, reason: `${line.reason}; ${what}` } : line,
  );
}

/** Readers of files that are no JSON. */
const OTHER_READERS: Partial<
  Record<FileKind['container'], (text: AsyncIterable<string>) => AsyncIterable<ClixmlRecord>>
> = { clixml: clixmlRecords, xml: xmlRecords, plists: propertyListRecords, list: listRecords };

async function* objectRows(
  text: AsyncIterable<string>,
  { container }: FileKind,
): AsyncGenerator<ObjectRow | Unread> {
  const read = OTHER_READERS[container];
  if (read !== undefined) {
    for await (const one of read(text)) yield 'reason' in one ? one : new ObjectRow(one.line, one.record);
    return;
  }
  for await (const one of container === 'lines' ? jsonLines(text) : jsonTexts(text)) {
    if (one.text === null) {
      yield { line: one.line, reason: one.reason, isCutOff: one.isCutOff ?? false };
      continue;
    }
    let value: unknown;
    try {
      value = JSON.parse(one.text);
    } catch {
      // The parser's message quotes the record, which may hold a secret.
      yield {
        line: one.line,
        reason: 'the record is not JSON (RFC 8259)',
        isCutOff: one.isCutOff ?? false,
      };
      continue;
    }
    const repeated = repeatedNameOf(one.text, value);
    if (repeated !== null) {
      const reason = `the name "${plain(repeated, 60)}" stands twice in one object`;
      yield { line: one.line, reason, isCutOff: false };
      continue;
    }
    for (const { record, reason = '', context } of recordsIn(value, one.context)) {
      if (record === null) yield { line: one.line, reason, isCutOff: false };
      else yield new ObjectRow(one.line, record, context);
    }
  }
}
