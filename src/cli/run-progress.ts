// Owns how an import or a run of a feed shows how far it is, and how it is stopped: between two writes, without leaving files.
import type { ApplyOptions } from '../app/apply-lines.ts';
import { Progress } from './progress.ts';

const STOPS = ['SIGINT', 'SIGTERM'] as const;

/** Shows the progress of `work`, and ends it at the first signal to stop; a second one ends the process. */
export async function withProgress<Outcome>(
  work: (progress: NonNullable<ApplyOptions['progress']>, signal: AbortSignal) => Promise<Outcome>,
): Promise<Outcome> {
  const bars = { read: new Progress('records read'), written: new Progress('records written') };
  const stopping = new AbortController();
  const stop = (): void => {
    for (const name of STOPS) process.off(name, stop);
    stopping.abort(new Error('stopped; what was written until then stays'));
  };
  for (const name of STOPS) process.on(name, stop);
  try {
    return await work((phase, count) => bars[phase].show(count), stopping.signal);
  } finally {
    for (const name of STOPS) process.off(name, stop);
    bars.read.end();
    bars.written.end();
  }
}
