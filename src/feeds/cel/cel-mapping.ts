// Owns the reading of one record by the expressions of a mapping. An expression that fails makes its field unknown, with a note; a
// condition that fails refuses the record. Pure.
import { messageOf } from '../../caught-error.ts';
import { distinct, userName } from '../identities.ts';
import { deviceLine } from '../mapping.ts';
import type { Mapping, RecordReader } from '../mapping.ts';
import type { Attributes, FeedLine } from '../record.ts';
import { isoTime, readTime } from '../times.ts';
import { complianceOf, compromisedOf, encryptedOf, flagOf, managedOf, textOf } from '../values.ts';
import { NO_COMPLIANCE } from '../words.ts';
import type { Compliance } from '../words.ts';
import type { MappingDocument } from './document.ts';
import { compileExpression } from './expressions.ts';
import type { MappingExpression } from './expressions.ts';
import { FIELDS } from './fields.ts';
import type { AttributeType, FieldKind } from './fields.ts';

/** Longest list of texts that is kept of a value. */
const MAX_TEXTS = 1_000;

/** A mapping by the expressions of a document that was checked. */
export function celMapping(document: MappingDocument): Mapping {
  const compiled = new CompiledMapping(document);
  return {
    format: 'csv',
    kind: `${compiled.isUsers ? 'users' : 'devices'}, by the mapping`,
    sure: [],
    typical: compiled.names,
    times: compiled.timeNames,
    version: JSON.stringify(document),
    map: (reader) => compiled.map(reader),
  };
}

/** An attribute with its type. */
interface CompiledAttribute {
  readonly name: string;
  readonly type: AttributeType;
  readonly value: MappingExpression;
}

class CompiledMapping {
  readonly isUsers: boolean;
  readonly names: readonly string[];
  readonly timeNames: readonly string[];
  private readonly where: MappingExpression | null;
  private readonly fields = new Map<string, MappingExpression>();
  private readonly attributes: readonly CompiledAttribute[];

  constructor({ records, where, attributes, ...fields }: MappingDocument) {
    this.isUsers = records === 'users';
    this.where = where === undefined ? null : compiled(where, 'condition');
    const times = new Set<string>();
    for (const [name, text] of Object.entries(fields)) {
      const kind = FIELDS[name]?.kind;
      if (text === undefined || kind === undefined) continue;
      const expression = compiled(text, kind);
      this.fields.set(name, expression);
      if (kind === 'time') for (const one of expression.names) times.add(one);
    }
    this.attributes = Object.entries(attributes ?? {}).map(([name, { type, value }]) => ({
      name,
      type,
      value: compiled(value, 'text'),
    }));
    for (const { type, value } of this.attributes)
      if (type === 'date') for (const one of value.names) times.add(one);
    const all = [...this.fields.values(), ...this.attributes.map(({ value }) => value), this.where];
    this.names = [...new Set(all.flatMap((expression) => expression?.names ?? []))];
    this.timeNames = [...times];
  }

  map(reader: RecordReader): FeedLine[] {
    if (this.where !== null) {
      let isWanted: unknown;
      try {
        isWanted = this.where.value(reader.row);
      } catch (error) {
        return [reader.refused(`where: ${messageOf(error)}`)];
      }
      if (isWanted === false) return [];
      if (isWanted !== true) return [reader.refused('where: is neither true nor false')];
    }
    const record = new MappedRecord(reader, this.fields);
    return [this.isUsers ? this.user(record, reader) : this.device(record, reader)];
  }

  private device(record: MappedRecord, reader: RecordReader): FeedLine {
    const compliance = record.compliance();
    const graceUntil = record.time('graceUntil');
    reader.isEndUnread = record.hasUnreadTime;
    const platform = record.text('platform');
    const os = record.text('os');
    const model = record.text('model');
    const line = deviceLine(reader, {
      easIds: record.texts('id'),
      sourceId: record.text('sourceId'),
      serial: record.text('serialNumber'),
      udid: record.text('udid'),
      imei: record.text('imei'),
      managed: record.word('managed', managedOf),
      hasLeft: record.flag('removed') === true,
      compliance: { ...compliance, inGrace: compliance.inGrace || graceUntil !== null },
      graceUntil,
      encrypted: record.word('encrypted', encryptedOf),
      compromised: record.word('compromised', compromisedOf),
      managedMailProfile: record.flag('managedMailProfile'),
      systems: [platform, os, model],
      os,
      osVersion: record.text('osVersion'),
      model,
      manufacturer: record.text('manufacturer'),
      ownership: record.text('ownership'),
      owners: record.texts('owner'),
      lastCheckIn: record.time('lastCheckIn'),
      unmetRequirements: record.texts('unmetRequirements'),
      attributes: this.attributesOf(record),
      observedAt: record.time('observedAt'),
    });
    if (line.type === 'device' || reader.problems.length === 0) return line;
    return { ...line, reason: [line.reason, ...reader.problems].join('; ') };
  }

  private user(record: MappedRecord, reader: RecordReader): FeedLine {
    const [id, ...aliases] = distinct(record.texts('user').map(userName));
    const groups = this.fields.has('groups') ? record.textsOrNull('groups') : null;
    const enabled = record.flag('enabled');
    const sourceId = record.text('sourceId');
    const observedAt = record.time('observedAt');
    if (id === undefined) return reader.refused(['the record names no user', ...reader.problems].join('; '));
    return {
      type: 'user',
      line: reader.row.line,
      source: reader.options.source,
      id,
      aliases,
      groups,
      enabled,
      sourceId,
      attributes: this.attributesOf(record),
      observedAt,
      problems: reader.problems,
    };
  }

  private attributesOf(record: MappedRecord): Attributes {
    const attributes: Attributes = {};
    for (const { name, type, value } of this.attributes) {
      const read = record.attribute(`attributes.${name}`, type, value);
      if (read !== null) attributes[name] = read;
    }
    return attributes;
  }
}

/** The values of one record, each in the form of its field. */
class MappedRecord {
  private readonly reader: RecordReader;
  private readonly fields: ReadonlyMap<string, MappingExpression>;
  /** A time was there, and was not understood. */
  hasUnreadTime = false;

  constructor(reader: RecordReader, fields: ReadonlyMap<string, MappingExpression>) {
    this.reader = reader;
    this.fields = fields;
  }

  text(name: string): string | null {
    return textOf(this.value(name));
  }

  texts(name: string): string[] {
    return this.textsOrNull(name) ?? [];
  }

  /** null = the record does not say. */
  textsOrNull(name: string): string[] | null {
    const value = this.value(name);
    if (value === null) return null;
    const listed: readonly unknown[] = Array.isArray(value) ? value : [value];
    return listed
      .slice(0, MAX_TEXTS)
      .map(textOf)
      .filter((text) => text !== null);
  }

  flag(name: string): boolean | null {
    return this.word(name, flagOf);
  }

  compliance(): Compliance {
    return this.word('compliant', complianceOf) ?? NO_COMPLIANCE;
  }

  /** A word of the source, or true and false. */
  word<Meaning>(name: string, meaning: (text: string | null) => Meaning | undefined): Meaning | null {
    const text = textOf(this.value(name));
    const found = meaning(text);
    if (found !== undefined) return found;
    this.reader.problem(name, text ?? '', 'is not understood');
    return null;
  }

  time(name: string): string | null {
    const expression = this.fields.get(name);
    return expression === undefined ? null : this.timeOf(name, expression);
  }

  attribute(
    name: string,
    type: AttributeType,
    expression: MappingExpression,
  ): string | number | boolean | null {
    if (type === 'date') return this.timeOf(name, expression);
    const text = textOf(this.valueOf(name, expression));
    if (text === null || type === 'text') return text;
    const read = type === 'number' ? numberOf(text) : flagOf(text);
    if (read === undefined) this.reader.problem(name, text, `is no ${type}`);
    return read ?? null;
  }

  private timeOf(name: string, expression: MappingExpression): string | null {
    const value = this.valueOf(name, expression);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : isoTime(value.getTime());
    const text = textOf(value);
    if (text === null) return null;
    const { options } = this.reader;
    const order = options.order(expression.names[0] ?? '');
    const time = readTime(text, { order, zone: options.zone });
    if (time === 'never') return null;
    if (typeof time === 'object') return isoTime(time.at);
    const what =
      time === 'ambiguous'
        ? 'could be either of two days (give the order of dates)'
        : 'is not understood as a time';
    this.hasUnreadTime = true;
    this.reader.problem(name, text, what);
    return null;
  }

  private value(name: string): unknown {
    const expression = this.fields.get(name);
    return expression === undefined ? null : this.valueOf(name, expression);
  }

  private valueOf(name: string, expression: MappingExpression): unknown {
    try {
      return expression.value(this.reader.row) ?? null;
    } catch (error) {
      this.reader.problem(name, expression.text, `has no value: ${messageOf(error)}`);
      return null;
    }
  }
}

function numberOf(text: string): number | undefined {
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
}

/** An expression that was checked with its document. */
function compiled(text: string, kind: FieldKind): MappingExpression {
  const expression = compileExpression(text, kind);
  if ('message' in expression) throw new Error(`an expression was not checked: ${expression.message}`);
  return expression;
}
