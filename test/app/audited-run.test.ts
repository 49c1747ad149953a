// Owns the promises of the audit of runs that an operator starts.
import { expect, it } from 'vitest';
import { noneWritten } from '../../src/app/apply-outcome.ts';
import type { ApplyOutcome } from '../../src/app/apply-outcome.ts';
import { auditedRun } from '../../src/app/audited-run.ts';
import type { AuditedChange } from '../../src/journal/audit-log.ts';

const OUTCOME: ApplyOutcome = {
  source: 'mdm',
  dryRun: false,
  read: { device: 2, user: 0, group: 0, decision: 0, refused: 0 },
  devices: { ...noneWritten(), accepted: 2 },
  users: noneWritten(),
  decisions: { applied: 0, listed: 0, removed: 0 },
  joined: 0,
  notJoined: { count: 0, possibleMatches: 0, first: [] },
  refused: { count: 0, first: [] },
  withProblems: { count: 0, first: [] },
  sameDevice: { count: 0, first: [] },
  held: [],
  notRemoved: [],
};

async function audited(
  work: Parameters<typeof auditedRun>[2],
  dryRun = false,
): Promise<readonly AuditedChange[]> {
  const changes: AuditedChange[] = [];
  const audit = {
    record: (change: AuditedChange) => {
      changes.push(change);
      return Promise.resolve();
    },
  };
  const operator = { by: 'carol', via: 'cli', at: 1_000, audit };
  await auditedRun(operator, { operation: 'import', source: 'mdm', dryRun }, work).catch(() => null);
  return changes;
}

it('a run that wrote has an entry with its counts', async () => {
  expect(await audited(async () => OUTCOME)).toEqual([
    {
      by: 'carol',
      via: 'cli',
      at: 1_000,
      operation: 'import',
      subject: 'mdm',
      after: expect.objectContaining({ devices: { accepted: 2, unchanged: 0, older: 0, removed: 0 } }),
    },
  ]);
});

it('a run that fails in the middle has an entry with what was written until then', async () => {
  const found = await audited(async (progress) => {
    progress('written', 500);
    throw new Error('the store is away');
  });
  expect(found).toMatchObject([{ after: { written: 500, failed: 'the store is away' } }]);
});

it.each<[string, Parameters<typeof auditedRun>[2], boolean]>([
  ['that was held', async () => ({ ...OUTCOME, held: ['too many'] }), false],
  ['that was a dry run', async () => OUTCOME, true],
  ['that failed before it wrote', () => Promise.reject(new Error('no file')), false],
])('a run %s has no entry', async (_what, work, dryRun) => {
  expect(await audited(work, dryRun)).toEqual([]);
});
