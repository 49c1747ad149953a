// Owns `easgate demo`: plays a phone's life in the terminal, with what its user and the operator see.
import { Option } from 'commander';
import type { Command } from 'commander';
import { FAMILIES } from '../sample/phone/families.ts';
import type { PhoneFamily } from '../sample/phone/families.ts';
import { playStory } from './demo-story.ts';
import type { StoryStep } from './demo-story.ts';
import { Narrator, introduction } from './demo-text.ts';

const VERSIONS = ['2.5', '12.0', '12.1', '14.0', '14.1', '16.0', '16.1'];

/** Registers `demo`. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'play the life of a phone with a built-in mail server: quarantine, enrolment, mail, block, wipe',
    )
    .addOption(
      new Option('--family <family>', 'mail app that plays').choices(Object.keys(FAMILIES)).default('ios'),
    )
    .addOption(new Option('--protocol <version>', 'protocol version').choices(VERSIONS).default('16.1'))
    .option('--json', 'one JSON document a step')
    .action(async (options: { family: PhoneFamily; protocol: string; json?: true }) => {
      const leaving = new AbortController();
      const leave = (): void => leaving.abort(new Error('interrupted'));
      process.once('SIGINT', leave);
      // Who only wants the beginning (`| head`) closes the pipe.
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
    });
}
