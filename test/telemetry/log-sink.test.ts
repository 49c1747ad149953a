// Owns the promises of writing the log: a full disk does not stop the process, and a line is complete or counted as lost.
import { readFileSync, renameSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openLog } from '../../src/telemetry/logger.ts';
import { openLogFile } from '../support/checks/log-file.ts';
import { until } from '../support/checks/until.ts';

describe('a log on a full disk', () => {
  it('does not end the process, keeps a bounded number of lines and counts the lost ones', async () => {
    const log = openLog('info', '/dev/full');
    const text = 'x'.repeat(100_000);
    await until(() => {
      log.logger.info(text);
      return log.dropped() > 0;
    });
    expect(() => log.flush()).not.toThrow();
    const before = log.dropped();
    for (let line = 0; line < 10; line++) log.logger.info(text);
    expect(log.dropped()).toBe(before + 10);
  });
});

describe('a log on a disk with room', () => {
  it('is readable only by its user and group, since it names people, their phones and addresses', () => {
    const log = openLogFile();
    const before = process.umask(0o022);
    try {
      openLog('info', log.path).flush();
    } finally {
      process.umask(before);
    }
    expect(statSync(log.path).mode & 0o777).toBe(0o640);
  });

  it('has every line complete and in order, however lines are flushed', async () => {
    const log = openLogFile();
    const { logger, ...rest } = openLog('info', log.path);
    for (let line = 0; line < 5_000; line++) {
      logger.info({ line });
      if (line % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => log.text().split('\n').length === 5_001, 'all lines, by themselves');
    logger.info({ line: 5_000 });
    rest.flush();
    expect(log.lines().map(({ line }) => line)).toEqual(Array.from({ length: 5_001 }, (_, line) => line));
    expect(rest.dropped()).toBe(0);
  });

  it('is complete and in order once it is drained, also while lines are being written', async () => {
    const log = openLogFile();
    const { logger, ...rest } = openLog('info', log.path);
    for (let line = 0; line < 5_000; line++) logger.info({ line });
    await rest.drain();
    expect(log.lines().map(({ line }) => line)).toEqual(Array.from({ length: 5_000 }, (_, line) => line));
  });

  it('continues in a new file after a rotation, without a lost or cut line', async () => {
    const log = openLogFile();
    const { logger, ...rest } = openLog('info', log.path);
    for (let line = 0; line < 3_000; line++) {
      logger.info({ line });
      if (line === 1_500) {
        // A write is under way.
        await until(() => log.text() !== '', 'the first lines');
        renameSync(log.path, `${log.path}.1`);
        rest.reopen('info', log.path);
      }
    }
    rest.flush();
    // What waited at the rotation may come behind what was logged after it.
    const ended = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1;
    await until(() => ended(`${log.path}.1`) + ended(log.path) === 3_000, 'all lines');
    const numbers = (path: string): number[] =>
      readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { line: number }).line);
    const [before, after] = [numbers(`${log.path}.1`), numbers(log.path)];
    expect(after.length).toBeGreaterThanOrEqual(1_499);
    expect([...before, ...after].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 3_000 }, (_, line) => line),
    );
  });

  it('keeps the old file when the new one cannot be opened', () => {
    const log = openLogFile();
    const { logger, ...rest } = openLog('info', log.path);
    expect(() => rest.reopen('info', '/dev/null/easgate.log')).toThrow();
    logger.info('still here');
    rest.flush();
    expect(log.lines()).toMatchObject([{ msg: 'still here' }]);
  });

  it('that cannot be opened is reported at the start', () => {
    expect(() => openLog('info', '/dev/null/easgate.log')).toThrow();
  });
});
