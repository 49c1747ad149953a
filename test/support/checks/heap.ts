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

/** A number of records each, of which the first is much smaller. */
interface Counts {
  readonly few: number;
  readonly many: number;
}

/**
 * Bytes that one record more takes, at each moment at which `used` measures. What else the process allocates or gives back at some
 * moment, such as compiled code, is not the records': each number of records is measured twice after a first run; of few the greater
 * figure counts, of many the less. What is kept of each record is in all of them.
 */
export async function bytesOfOneMore(
  { few, many }: Counts,
  used: (count: number) => Promise<number[]>,
): Promise<number[]> {
  await used(few);
  const twice = async (count: number, choose: (...bytes: number[]) => number): Promise<number[]> => {
    const first = await used(count);
    const second = await used(count);
    return first.map((bytes, place) => choose(bytes, second[place] ?? bytes));
  };
  const ofFew = await twice(few, Math.max);
  const ofMany = await twice(many, Math.min);
  return ofMany.map((bytes, place) => (bytes - (ofFew[place] ?? 0)) / (many - few));
}

function collection(): () => void {
  setFlagsFromString('--expose-gc');
  // Code that was not run during the last six collections would be given back: hundreds of kilobytes at some moment.
  setFlagsFromString('--no-flush-bytecode');
  // A thread frees the memory of typed arrays once it gets the processor: beside other work, megabytes of garbage would be counted until then.
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
  return runInNewContext('gc') as () => void;
}
