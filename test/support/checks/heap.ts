// Owns the measurement of retained heap memory.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes in use after garbage collection, without those of typed arrays. */
export function collector(): () => number {
  const collect = collection();
  return () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
}

/** The same with typed arrays. */
export function collectorOfAll(): () => number {
  const collect = collection();
  return () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
}

function collection(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
