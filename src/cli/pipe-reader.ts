// Owns noticing that whoever read standard output has gone (`| head -1`), while there is nothing to write. The system tells the writer of
// a pipe only with its next write, and Node.js cannot poll the pipe: the processes that have its other end open are looked for in /proc
// (proc(5)). Elsewhere than on Linux, and where the reader belongs to another user, the next write notices.
import { readFile, readdir, readlink } from 'node:fs/promises';

const OWN_OUTPUT = '/proc/self/fd/1';
const LOOK_MS = 500;
/** The access mode within the flags of a descriptor (fcntl(2)); 1 = it only writes. */
const ACCESS_MODE = 3;
const WRITES = 1;

/**
 * Calls `onGone` once, when the last reader of standard output has closed it. Await it before anything is written: who reads must be found before it can have
 * gone. Resolves with what ends the watch.
 */
export async function watchReader(onGone: () => void): Promise<() => void> {
  let timer: NodeJS.Timeout | null = null;
  let isOver = false;
  const pipe = await linkOf(OWN_OUTPUT);
  let readers = pipe?.startsWith('pipe:') === true ? await readersOf(pipe) : [];
  const look = async (): Promise<void> => {
    if (pipe === null) return;
    if (!(await isOpen(readers, pipe))) readers = await readersOf(pipe);
    if (isOver) return;
    if (readers.length === 0) onGone();
    else lookLater();
  };
  const lookLater = (): void => {
    timer = setTimeout(() => void look(), LOOK_MS).unref();
  };
  if (readers.length > 0) lookLater();
  return () => {
    isOver = true;
    if (timer !== null) clearTimeout(timer);
  };
}

/** Whether one of these descriptors is still that of the pipe. */
async function isOpen(descriptors: readonly string[], pipe: string): Promise<boolean> {
  for (const descriptor of descriptors) if ((await linkOf(descriptor)) === pipe) return true;
  return false;
}

/** The descriptors of other processes that read the pipe, as paths in /proc. */
async function readersOf(pipe: string): Promise<string[]> {
  const found: string[] = [];
  for (const process_ of await namesIn('/proc')) {
    if (!/^\d+$/.test(process_) || Number(process_) === process.pid) continue;
    const folder = `/proc/${process_}/fd`;
    for (const name of await namesIn(folder)) {
      const descriptor = `${folder}/${name}`;
      if ((await linkOf(descriptor)) !== pipe) continue;
      if (await reads(`/proc/${process_}/fdinfo/${name}`)) found.push(descriptor);
    }
  }
  return found;
}

async function reads(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const flags = /^flags:\s*([0-7]+)$/m.exec(text)?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & ACCESS_MODE) !== WRITES;
}

/** Empty where there is none, or it may not be looked at. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function linkOf(path: string): Promise<string | null> {
  return readlink(path).catch(() => null);
}
