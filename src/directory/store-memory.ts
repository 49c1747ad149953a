// Owns the file that records the identities of stores (`store.identityFile`); the workers and commands of a machine
// share it.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../caught-error.ts';
import type { KnownStore } from './store-identity.ts';

/** Where an identity is recorded: a file, and a name in it. Another file or kind of store has another name. */
export interface StoreMemory {
  readonly path: string;
  readonly name: string;
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
export function readMemory({ path, name }: StoreMemory): KnownStore | null {
  return readAll(path)[name] ?? null;
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

/** Replaces the file atomically. Throws when it cannot be written. */
export function writeMemory({ path, name }: StoreMemory, { id, epoch, beat }: KnownStore): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ ...readAll(path), [name]: { id, epoch, beat } }, null, 1)}\n`);
  renameSync(draft, path);
}
