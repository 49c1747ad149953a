// Owns the bytes of a file as they were before they were packed: exports of Intune come as a ZIP archive with one file, others by gzip.
// A file is unpacked as it is read, each time anew: nothing of it is kept.
// @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3: local and central headers), RFC 1952 (gzip)
// Threats: an archive of a few bytes that unpacks to more than a disk holds (CWE-409); a file that takes hours to read; one that two
// readers unpack to different files; a file that grows as fast as it is read; a pipe or a link that is put in the place of a file (CWE-367).
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path/posix';
import { Readable, pipeline } from 'node:stream';
import type { Transform } from 'node:stream';
import { crc32, createGunzip, createInflateRaw } from 'node:zlib';
import { codeOf } from '../../caught-error.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import { fileTrouble } from '../../file-words.ts';
import { plain } from '../../plain-text.ts';
import type { TemporaryFile } from '../../temporary-file.ts';
import { MAX_MEGABYTES } from './limits.ts';

/** The bytes of a file; each call reads it from its beginning. */
export type Content = () => AsyncIterable<Uint8Array>;

const PIECE = 262_144;
/** Tables and JSON pack to a tenth or a thirtieth; beyond this it is a bomb, once it is not small. */
const MAX_RATIO = 200;
const RATIO_COUNTS_FROM = 67_108_864;
const MEGABYTE = 1_048_576;

/** How a file is opened. */
export interface ContentOptions {
  /** Absent = a link leads to the file; false: a link is no file. */
  readonly followsLinks?: boolean | undefined;
  /** Largest file, unpacked; absent = {@link MAX_MEGABYTES}. */
  readonly maxMegabytes?: number | undefined;
}

/**
 * The content of a file as long as it is now: what is written behind it meanwhile is not read.
 * @throws ProgramError EASGATE_FILE where the file cannot be read, or is an archive that is not one file; EASGATE_FILE_SIZE, also while
 * it is unpacked
 */
export async function contentOf(
  path: string,
  { followsLinks = true, maxMegabytes = MAX_MEGABYTES }: ContentOptions = {},
): Promise<Content> {
  const flags = READ | (followsLinks ? 0 : constants.O_NOFOLLOW);
  const place: Place = {
    maxMegabytes,
    pieces: async (start, end) =>
      (await open(path, flags)).createReadStream({ start, end: end - 1, highWaterMark: PIECE }),
  };
  try {
    const file = await open(path, flags);
    try {
      const status = await file.stat();
      if (!status.isFile() && !status.isDirectory())
        throw new ProgramError('EASGATE_FILE', `${path} is a pipe or a device: write it into a file`);
      return await contentIn(file, place);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof ProgramError) throw error;
    throw new ProgramError('EASGATE_FILE', fileTrouble(error, path));
  }
}

/** The content of a temporary file, which stays open. @throws ProgramError EASGATE_FILE, EASGATE_FILE_SIZE */
export function contentOfTemporary(
  file: TemporaryFile,
  maxMegabytes: number = MAX_MEGABYTES,
): Promise<Content> {
  return contentIn(file.handle, {
    maxMegabytes,
    pieces: async (start, end) =>
      Readable.from(file.bytes(start, end), { objectMode: false, highWaterMark: PIECE }),
  });
}

async function contentIn(file: FileHandle, place: Place): Promise<Content> {
  const [a, b, c, d] = await bytesAt(file, 0, 4);
  const { size } = await file.stat();
  const whole = { start: 0, size, unpack: null, stated: null };
  if (a === 0x1f && b === 0x8b)
    return packed(place, { ...whole, unpack: () => createGunzip({ chunkSize: PIECE }) });
  // PK\3\4; an archive without files begins with its end, PK\5\6.
  if (a === 0x50 && b === 0x4b && ((c === 3 && d === 4) || (c === 5 && d === 6)))
    return packed(place, await onlyEntry(file));
  checkSize(size, place);
  return () => piecesOf(place, whole);
}

/** A pipe without a writer must not hold a thread until there is one. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** Where the bytes are. */
interface Place {
  /** Opens the bytes from one place of the file to another. */
  readonly pieces: (start: number, end: number) => Promise<Readable>;
  readonly maxMegabytes: number;
}

/** @throws ProgramError EASGATE_FILE_SIZE */
function checkSize(bytes: number, { maxMegabytes }: Place): void {
  if (bytes > maxMegabytes * MEGABYTE)
    throw new ProgramError(
      'EASGATE_FILE_SIZE',
      `the file is larger than ${maxMegabytes} MB, unpacked: nothing of it is used`,
    );
}

/** A packed part of a file. */
interface Part {
  readonly start: number;
  /** Bytes in the file. */
  readonly size: number;
  readonly unpack: (() => Transform) | null;
  /** What the archive states about the unpacked bytes; null = gzip checks it by itself. */
  readonly stated: { readonly size: number; readonly crc: number } | null;
}

function packed(place: Place, part: Part): Content {
  checkSize(part.stated?.size ?? 0, place);
  return () => unpacked(place, part);
}

async function* unpacked(place: Place, { start, size, unpack, stated }: Part): AsyncGenerator<Uint8Array> {
  let length = 0;
  let crc = 0;
  try {
    for await (const piece of piecesOf(place, { start, size, unpack })) {
      length += piece.length;
      checkSize(length, place);
      if (length > RATIO_COUNTS_FROM && length > size * MAX_RATIO)
        throw new ProgramError(
          'EASGATE_FILE',
          `the archive unpacks to more than ${MAX_RATIO} times its size: is that right, unpack it yourself`,
        );
      // An archive is never unpacked further than it says.
      if (stated !== null && length > stated.size) throw damaged();
      if (stated !== null) crc = crc32(piece, crc);
      yield piece;
    }
  } catch (error) {
    const isZlib = codeOf(error, '').startsWith('Z_');
    throw isZlib ? damaged() : error;
  }
  if (stated !== null && (stated.size !== length || stated.crc !== crc)) throw damaged();
}

async function* piecesOf(
  { pieces }: Place,
  { start, size, unpack }: Omit<Part, 'stated'>,
): AsyncGenerator<Uint8Array> {
  if (size === 0) return;
  const source = await pieces(start, start + size);
  // Whoever reads the last stream sees the error of any of them.
  yield* unpack === null ? source : pipeline(source, unpack(), () => undefined);
}

function damaged(): ProgramError {
  return new ProgramError('EASGATE_FILE', 'the archive is damaged: was the download complete?');
}

const END_SIZE = 22;
/** A comment may follow the end. */
const MAX_COMMENT = 65_535;
/** Names and places of the files; an export has one. */
const MAX_DIRECTORY = 1_048_576;
const CENTRAL_SIZE = 46;
const LOCAL_SIZE = 30;
const MARKS = { local: 0x0403_4b50, central: 0x0201_4b50 } as const;
const END_MARK = Buffer.from('PK\u0005\u0006', 'latin1');
/** In place of a number that does not fit: the number is in a ZIP64 record. */
const ELSEWHERE = 0xffff_ffff;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;

interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly place: number;
}

/** The only file of an archive. Folders and files that systems add are none. */
async function onlyEntry(file: FileHandle): Promise<Part> {
  const entries = await entriesOf(file);
  if (entries.some(({ name }) => name === '[Content_Types].xml'))
    throw new ProgramError('EASGATE_FILE', 'the file is an Excel workbook: save the sheet as CSV');
  const files = entries.filter(({ name }) => isContent(name));
  const [entry] = files;
  if (entry === undefined) throw new ProgramError('EASGATE_FILE', 'the ZIP archive has no file');
  if (files.length > 1) {
    const shown = files.slice(0, 4).map(({ name }) => plain(name, 60));
    throw new ProgramError(
      'EASGATE_FILE',
      `the ZIP archive has ${files.length} files (${shown.join(', ')}${files.length > 4 ? ', …' : ''}): unpack it, and read each by itself`,
    );
  }
  if ((entry.flags & ENCRYPTED) !== 0)
    throw new ProgramError('EASGATE_FILE', 'the ZIP archive is encrypted: unpack it');
  const { method, packedSize, size, place, crc } = entry;
  if ((method !== STORED && method !== DEFLATED) || [packedSize, size, place].includes(ELSEWHERE))
    throw new ProgramError('EASGATE_FILE', 'the ZIP archive is of a kind that is not read: unpack it');
  const local = await bytesAt(file, place, LOCAL_SIZE);
  if (local.length < LOCAL_SIZE || local.readUInt32LE(0) !== MARKS.local) throw damaged();
  const nameSize = local.readUInt16LE(26);
  // Some readers believe the file's own header, others the directory: both must say the same.
  const name = (await bytesAt(file, place + LOCAL_SIZE, nameSize)).toString('utf8');
  if (name !== entry.name || local.readUInt16LE(8) !== method) throw damaged();
  return {
    start: place + LOCAL_SIZE + nameSize + local.readUInt16LE(28),
    size: packedSize,
    unpack: method === DEFLATED ? () => createInflateRaw({ chunkSize: PIECE }) : null,
    stated: { size, crc },
  };
}

/** A file, and none of those that macOS and Windows add. */
function isContent(name: string): boolean {
  return !name.endsWith('/') && !name.startsWith('__MACOSX/') && !/^(?:\.|Thumbs\.db$)/.test(basename(name));
}

async function entriesOf(file: FileHandle): Promise<Entry[]> {
  const { size: whole } = await file.stat();
  const tailSize = Math.min(whole, END_SIZE + MAX_COMMENT);
  const tail = await bytesAt(file, whole - tailSize, tailSize);
  const end = endIn(tail);
  const size = tail.readUInt32LE(end + 12);
  const place = tail.readUInt32LE(end + 16);
  if (place === ELSEWHERE || size > MAX_DIRECTORY)
    throw new ProgramError('EASGATE_FILE', 'the ZIP archive is of a kind that is not read: unpack it');
  const directory = await bytesAt(file, place, size);
  if (directory.length < size) throw damaged();
  const entries: Entry[] = [];
  for (let at = 0; at + CENTRAL_SIZE <= directory.length;) {
    if (directory.readUInt32LE(at) !== MARKS.central) throw damaged();
    const nameSize = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + CENTRAL_SIZE, at + CENTRAL_SIZE + nameSize),
      flags: directory.readUInt16LE(at + 8),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      place: directory.readUInt32LE(at + 42),
    });
    at += CENTRAL_SIZE + nameSize + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  if (entries.length !== tail.readUInt16LE(end + 10)) throw damaged();
  return entries;
}

/** The place of the end record: the only one whose comment ends with the file. A comment may hold a second one, of other files. */
function endIn(tail: Buffer): number {
  const ends: number[] = [];
  for (
    let at = tail.lastIndexOf(END_MARK);
    at >= 0;
    at = at === 0 ? -1 : tail.lastIndexOf(END_MARK, at - 1)
  ) {
    const hasRoom = at + END_SIZE <= tail.length;
    if (hasRoom && at + END_SIZE + tail.readUInt16LE(at + 20) === tail.length) ends.push(at);
  }
  const [end] = ends;
  if (end === undefined || ends.length > 1) throw damaged();
  return end;
}

async function bytesAt(file: FileHandle, place: number, size: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, place);
  return buffer.subarray(0, bytesRead);
}
