// Owns a small double of a domain controller: what Active Directory does and OpenLDAP does not. Ranges of values, uSNChanged,
// invocationId, crossRef objects, deleted objects. Searches match by the words of the filter, not by evaluating it.
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Ber, BerReader, BerWriter } from 'ldapts';

/** An entry: values by attribute. */
export interface AdEntry {
  readonly dn: string;
  readonly kind: 'root' | 'settings' | 'crossRef' | 'user' | 'group' | 'deleted';
  readonly values: Readonly<Record<string, readonly (string | Buffer)[]>>;
  readonly usn?: number;
}

/** The double; all of it may be changed between searches. */
export interface AdDouble {
  readonly url: string;
  entries: AdEntry[];
  /** Longest list of values in one answer. */
  rangeSize: number;
  /** Answers this page of users empty, with a cookie (RFC 2696 3). */
  emptyPage: number | null;
  /** The second part of a range is missing. */
  losesRanges: boolean;
  /** Closes the connection before this page of users. */
  dropAtPage: number | null;
  /** Adds a referral to another domain to each list. */
  refers: boolean;
  /** How many passwords it received. StartTLS is refused, as without a certificate (RFC 4511 4.14.2). */
  binds: number;
  /** The account may not read deleted objects. */
  hidesDeleted: boolean;
  close(): Promise<void>;
}

const BIND = 0x60;
const SEARCH = 0x63;
const EXTENDED = 0x77;
const UNAVAILABLE = 52;
const PAGED = '1.2.840.113556.1.4.319';

interface Asked {
  readonly id: number;
  readonly base: string;
  readonly isBase: boolean;
  readonly filter: string;
  readonly attributes: readonly string[];
  readonly page: { readonly size: number; readonly start: number } | null;
}

/** Starts it on a free port. */
export async function startActiveDirectory(): Promise<AdDouble> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let held: Buffer = Buffer.alloc(0);
    socket.on('data', (data: Buffer) => {
      held = Buffer.concat([held, data]);
      for (;;) {
        const reader = new BerReader(held);
        if (reader.readSequence() === null || reader.remain < reader.length) return;
        const end = reader.offset + reader.length;
        const message = held.subarray(0, end);
        held = held.subarray(end);
        answer(double, socket, message);
      }
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const double: AdDouble = {
    url: `ldap://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    entries: [],
    rangeSize: 1_500,
    emptyPage: null,
    losesRanges: false,
    dropAtPage: null,
    refers: false,
    binds: 0,
    hidesDeleted: false,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
  return double;
}

function answer(double: AdDouble, socket: Socket, message: Buffer): void {
  const reader = new BerReader(message);
  reader.readSequence();
  const id = reader.readInt() ?? 0;
  const operation = reader.readSequence();
  if (operation === EXTENDED) socket.write(result(id, 0x78, UNAVAILABLE));
  if (operation === BIND) {
    double.binds++;
    socket.write(result(id, 0x61, 0));
  }
  if (operation === SEARCH) search(double, socket, readSearch(id, reader));
}

function readSearch(id: number, reader: BerReader): Asked {
  const base = reader.readString() ?? '';
  const isBase = reader.readEnumeration() === 0;
  reader.readEnumeration();
  reader.readInt();
  reader.readInt();
  reader.readBoolean();
  // The bytes of the filter as text: its words and values are readable in it.
  reader.readSequence();
  const filter = reader.buffer.toString('latin1', reader.offset, reader.offset + reader.length);
  reader.offset += reader.length;
  const attributes: string[] = [];
  reader.readSequence();
  const end = reader.offset + reader.length;
  while (reader.offset < end) attributes.push(reader.readString() ?? '');
  return { id, base, isBase, filter, attributes, page: readPage(reader) };
}

function readPage(reader: BerReader): Asked['page'] {
  if (reader.remain === 0 || reader.peek() !== 0xa0) return null;
  reader.readSequence(0xa0);
  while (reader.remain > 0) {
    reader.readSequence();
    const type = reader.readString();
    if (reader.peek() === Ber.Boolean) reader.readBoolean();
    if (type !== PAGED) continue;
    const inner = new BerReader(reader.readString(Ber.OctetString, true) ?? Buffer.alloc(0));
    inner.readSequence();
    const size = inner.readInt() ?? 0;
    const cookie = (inner.readString(Ber.OctetString, true) ?? Buffer.alloc(0)).toString();
    return { size, start: Number(cookie === '' ? 0 : cookie) };
  }
  return null;
}

function search(double: AdDouble, socket: Socket, asked: Asked): void {
  if (asked.filter.includes('isDeleted') && double.hidesDeleted) {
    socket.write(result(asked.id, 0x65, 32));
    return;
  }
  const found = double.entries.filter((entry) => matches(entry, asked));
  const { start, size } = asked.page ?? { start: 0, size: found.length };
  const page = size === 0 ? 0 : start / size;
  const isUsers = asked.filter.includes('person');
  if (isUsers && page === double.dropAtPage) {
    socket.destroy();
    return;
  }
  const isEmpty = isUsers && page === double.emptyPage;
  for (const entry of isEmpty ? [] : found.slice(start, start + size))
    socket.write(entryMessage(double, asked, entry));
  if (double.refers && page === 0 && asked.page !== null) socket.write(reference(asked.id));
  const next = start + size < found.length || isEmpty ? String(start + size) : '';
  socket.write(result(asked.id, 0x65, 0, asked.page === null ? null : next));
}

function matches(entry: AdEntry, { base, isBase, filter }: Asked): boolean {
  if (isBase) return entry.dn === base;
  const wanted = filter.includes('crossRef')
    ? 'crossRef'
    : filter.includes('isDeleted')
      ? 'deleted'
      : filter.includes('group')
        ? 'group'
        : 'user';
  const [, usn] = /uSNChanged\x04.(\d+)/s.exec(filter) ?? [];
  return entry.kind === wanted && (usn === undefined || (entry.usn ?? 0) >= Number(usn));
}

function entryMessage(double: AdDouble, { id, attributes }: Asked, entry: AdEntry): Buffer {
  const { rangeSize, losesRanges } = double;
  return message(id, (writer) => {
    writer.startSequence(0x64);
    writer.writeString(entry.dn);
    writer.startSequence();
    for (const asked of attributes) {
      const [name = '', range] = asked.split(';range=');
      const values = name === 'uSNChanged' ? [String(entry.usn ?? 0)] : (entry.values[name] ?? []);
      if (values.length === 0 || (range !== undefined && losesRanges)) continue;
      const start = Number(range?.split('-')[0] ?? 0);
      const part = values.slice(start, start + rangeSize);
      if (range === undefined && values.length <= rangeSize) {
        attribute(writer, name, values);
        continue;
      }
      // A long list: the attribute itself is empty (MS-ADTS 3.1.1.3.1.3.3).
      if (range === undefined) attribute(writer, name, []);
      const last = start + part.length >= values.length ? '*' : String(start + part.length - 1);
      attribute(writer, `${name};range=${String(start)}-${last}`, part);
    }
    writer.endSequence();
    writer.endSequence();
  });
}

function attribute(writer: BerWriter, name: string, values: readonly (string | Buffer)[]): void {
  writer.startSequence();
  writer.writeString(name);
  writer.startSequence(0x31);
  for (const value of values)
    if (typeof value === 'string') writer.writeString(value);
    else writer.writeBuffer(value, Ber.OctetString);
  writer.endSequence();
  writer.endSequence();
}

function reference(id: number): Buffer {
  return message(id, (writer) => {
    writer.startSequence(0x73);
    writer.writeString('ldap://other.example.com/dc=other,dc=example,dc=com');
    writer.endSequence();
  });
}

function result(id: number, operation: number, code: number, cookie: string | null = null): Buffer {
  return message(id, (writer) => {
    writer.startSequence(operation);
    writer.writeEnumeration(code);
    writer.writeString('');
    writer.writeString('');
    writer.endSequence();
    if (cookie === null) return;
    const value = new BerWriter();
    value.startSequence();
    value.writeInt(0);
    value.writeString(cookie);
    value.endSequence();
    writer.startSequence(0xa0);
    writer.startSequence();
    writer.writeString(PAGED);
    writer.writeBuffer(value.buffer, Ber.OctetString);
    writer.endSequence();
    writer.endSequence();
  });
}

function message(id: number, write: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter();
  writer.startSequence();
  writer.writeInt(id);
  write(writer);
  writer.endSequence();
  return writer.buffer;
}
