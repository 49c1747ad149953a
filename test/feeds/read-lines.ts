// Owns reading a text or a fixture as `easgate import` does, for tests.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FeedFile } from '../../src/feeds/files/feed-file.ts';
import type { FeedFileOptions } from '../../src/feeds/files/feed-file.ts';
import type { DecisionLine, DeviceLine, FeedLine, RefusedLine, UserLine } from '../../src/feeds/record.ts';

/** The path of a fixture. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/feeds/${name}`, import.meta.url));

const DEFAULTS = { format: null, source: null, zone: 'UTC', order: null } as const;

/** A file that was read. */
export interface ReadFile {
  readonly format: string;
  readonly notAsked: string | null;
  readonly lines: readonly FeedLine[];
  readonly devices: readonly DeviceLine[];
  readonly users: readonly UserLine[];
  readonly decisions: readonly DecisionLine[];
  readonly refused: readonly RefusedLine[];
}

/** Reads a file to its end. */
export async function readPath(path: string, options: Partial<FeedFileOptions> = {}): Promise<ReadFile> {
  const file = await FeedFile.open({ ...DEFAULTS, ...options, path });
  const lines: FeedLine[] = [];
  for await (const line of file.lines()) lines.push(line);
  return {
    format: file.format,
    notAsked: file.notAsked?.format ?? null,
    lines,
    devices: lines.filter((line) => line.type === 'device'),
    users: lines.filter((line) => line.type === 'user'),
    decisions: lines.filter((line) => line.type === 'decision'),
    refused: lines.filter((line) => line.type === 'refused'),
  };
}

/** Reads a text, or bytes, as the content of a file. */
export async function readContent(
  content: string | Uint8Array,
  options: Partial<FeedFileOptions> = {},
): Promise<ReadFile> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-feed-'));
  try {
    const path = join(folder, 'file');
    writeFileSync(path, content);
    return await readPath(path, options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Reads JSON. */
export const readJson = (value: unknown, options: Partial<FeedFileOptions> = {}): Promise<ReadFile> =>
  readContent(JSON.stringify(value), options);

/** The only device of a file. */
export async function onlyDevice(read: Promise<ReadFile>): Promise<DeviceLine> {
  const { devices, refused } = await read;
  const [device] = devices;
  if (device === undefined || devices.length > 1)
    throw new Error(`${devices.length} devices; refused: ${JSON.stringify(refused)}`);
  return device;
}
