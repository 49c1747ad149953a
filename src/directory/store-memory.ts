// Owns the file that records the identities of stores (`store.identityFile`); the workers and commands of a machine
// share it.
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../caught-error.ts';
import type { KnownStore } from './store-identity.ts';

/** Where an identity is recorded: a file, and a name in it. Another file or kind of store has another name. */
export interface StoreMemory {
  readonly path: string;
  readonly name: string;
  /** Another file, for a store whose file system may be missing with both; null or absent = there is none. */
  readonly copy?: MemoryCopy | null;
}

/**
 * First written while it is on another file system than the folder `beside`: it is still there when that file system is not mounted. Once written, it is kept
 * up to date in any case.
 */
export interface MemoryCopy {
  readonly path: string;
  readonly name: string;
  readonly beside: string;
}

/** The file is malformed, so it is unknown whether the store is the right one. */
export class StoreMemoryError extends Error {
  readonly code = 'EASGATE_STORE_MEMORY';
}

const knownStores = z.record(
  z.string(),
  z.object({ id: z.string(), epoch: z.int().min(0), beat: z.int().min(0) }),
);

/** The recorded identity; null = none. @throws StoreMemoryError */
export function readMemory({ path, name, copy = null }: StoreMemory): KnownStore | null {
  const own = readAll(path)[name] ?? null;
  const other = copy === null ? null : readCopy(copy);
  // What was accepted while the file system was missing makes the store on it an old copy.
  if (own !== null && other !== null && own.id === other.id && own.epoch < other.epoch) return other;
  return own ?? other;
}

/** Null also where this user may not read it. @throws StoreMemoryError when it is damaged */
function readCopy({ path, name }: MemoryCopy): KnownStore | null {
  try {
    return readAll(path)[name] ?? null;
  } catch (error) {
    // Damage has a cause (readAll).
    if (error instanceof StoreMemoryError && error.cause === undefined) return null;
    throw error;
  }
}

function readAll(path: string): Readonly<Record<string, KnownStore>> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new StoreMemoryError(`${path} cannot be read: ${messageOf(error)}`);
  }
  try {
    return knownStores.parse(JSON.parse(text));
  } catch (cause) {
    const advice = 'remove it, and check the store with `easgate store status`';
    throw new StoreMemoryError(`${path} is damaged: ${advice}`, { cause });
  }
}

/** Replaces the file atomically, and the copy where that is possible. Throws when the file cannot be written. */
export function writeMemory({ path, name, copy = null }: StoreMemory, known: KnownStore): void {
  writeEntry(path, name, known);
  if (copy !== null) writeCopy(copy, known);
}

/** The beat is left out: the copy is written only when another store or epoch is in use. */
function writeCopy(copy: MemoryCopy, { id, epoch }: KnownStore): void {
  try {
    const before = readCopy(copy);
    if (before?.id === id && before.epoch === epoch) return;
    if (before === null && deviceOf(copy.beside) === deviceOf(dirname(copy.path))) return;
    writeEntry(copy.path, copy.name, { id, epoch, beat: 0 });
  } catch {
    // It is a further safeguard: the file beside the store counts.
  }
}

/** The file system of a folder. Throws where there is no such folder. */
function deviceOf(folder: string): number {
  return statSync(folder).dev;
}

function writeEntry(path: string, name: string, { id, epoch, beat }: KnownStore): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ ...readAll(path), [name]: { id, epoch, beat } }, null, 1)}\n`);
  renameSync(draft, path);
}
