// Owns what an operator is reminded of as long as a policy is so: at the start, after a change, in `easgate status`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { servedPolicy } from '../../src/config/served-policy.ts';

function warningsOf(document: object): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-warnings-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'policy.yaml');
  writeFileSync(file, JSON.stringify(document));
  return servedPolicy({ policy: { file, releaseRate: 200 } }).warnings;
}

describe('the standing warnings of a policy', () => {
  it('are none for one that enforces all of it', () => {
    expect(warningsOf({ compliance: [{ name: 'all', require: { compliant: true } }] })).toEqual([]);
  });

  it('name a document that only reports', () => {
    expect(warningsOf({ mode: 'reportOnly' })).toContain(
      'the policy only reports (mode: reportOnly): it refuses no phone',
    );
  });

  it('name a noCompliancePolicy that lets in whom no policy covers, but not one that only reports', () => {
    const text = 'noCompliancePolicy: allow allows every user without a deployed compliance policy';
    expect(warningsOf({ noCompliancePolicy: { action: 'allow' } })).toContain(text);
    expect(warningsOf({ noCompliancePolicy: { action: 'quarantine' } })).not.toContain(text);
  });

  it.each<[string, object]>([
    ['rule "r"', { rules: [{ name: 'r', match: { user: 'x' }, action: 'block', mode: 'reportOnly' }] }],
    ['rule 1', { rules: [{ match: { user: 'x' }, action: 'block', mode: 'reportOnly' }] }],
    [
      'compliance policy "c"',
      { compliance: [{ name: 'c', require: { compliant: true }, mode: 'reportOnly' }] },
    ],
    [
      'compliance policy "s"',
      {
        compliance: [
          {
            name: 's',
            require: { compliant: true },
            steps: [{ after: '1d', action: 'block', mode: 'reportOnly' }],
          },
        ],
      },
    ],
    ['untargeted', { untargeted: { action: 'block', mode: 'reportOnly' } }],
    ['unknownDevice', { unknownDevice: { mode: 'reportOnly' } }],
    ['notEnrolled', { notEnrolled: { mode: 'reportOnly' } }],
    ['noCompliancePolicy', { noCompliancePolicy: { mode: 'reportOnly' } }],
    ['limits', { limits: { devicesPerUser: 1, mode: 'reportOnly' } }],
  ])('name a part that only reports: %s', (part, document) => {
    expect(warningsOf(document)).toContain(`these parts of the policy only report: ${part}`);
  });
});
