// Owns the work of `easgate demo`: runs a phone through all states, and prints what its user and the operator see.
import type { PhoneFamily } from '../sample/phone/families.ts';
import { playStory } from './demo-story.ts';
import type { StoryStep } from './demo-step.ts';
import { Narrator, introduction } from './demo-text.ts';

/** Options of `demo`. */
export interface DemoOptions {
  readonly family: PhoneFamily;
  readonly protocol: string;
  readonly json?: true;
}

/** `demo`. */
export async function demo(options: DemoOptions): Promise<void> {
  const leaving = new AbortController();
  const leave = (): void => leaving.abort(new Error('interrupted'));
  process.once('SIGINT', leave);
  // The reader may close the pipe (`| head`).
  process.stdout.once('error', leave);
  const narrator = options.json ? null : new Narrator();
  const write = (step: StoryStep): string => narrator?.page(step) ?? `${JSON.stringify(step)}\n`;
  try {
    if (narrator !== null) process.stdout.write(introduction(options.family, options.protocol));
    await playStory(
      { family: options.family, version: options.protocol },
      (step) => process.stdout.write(write(step)),
      leaving.signal,
    );
    if (narrator !== null) process.stdout.write(narrator.summary());
  } finally {
    process.off('SIGINT', leave);
    process.stdout.off('error', leave);
  }
}
