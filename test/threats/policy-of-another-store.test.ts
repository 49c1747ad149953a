// Threat: what an operator publishes is not what gateways decide by: a version has the number of another one that was lost with an
// earlier copy of the directory, or two list files of a document are taken for one.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadVersion, readDocument } from '../../src/config/stored-policy.ts';
import type { PolicyRecords } from '../../src/directory/policy-records.ts';
import { PolicyFollower } from '../../src/worker/policy-follower.ts';
import type { PoliciesInUse } from '../../src/worker/policy-follower.ts';
import { until } from '../support/checks/until.ts';

function versionText(mode: string): string {
  return JSON.stringify({
    name: null,
    hash: mode,
    author: 'carol',
    comment: null,
    at: 1,
    document: `mode: ${mode}`,
    parsed: { mode },
    lists: {},
  });
}

describe('a version of the policy', () => {
  it('that has the number of the one in use, in a directory that was restored, is taken', async () => {
    let stored = versionText('reportOnly');
    const records: PolicyRecords = {
      state: async () =>
        JSON.stringify({ latest: 4, live: 4, shadow: null, changedAt: 1, changedBy: 'carol' }),
      version: async () => stored,
      replace: async () => false,
    };
    const taken: PoliciesInUse[] = [];
    const follow = new PolicyFollower(records, {
      onChange: (inUse) => taken.push(inUse),
      onError: () => undefined,
    });
    onTestFinished(() => follow.close());
    expect((await follow.start()).live?.policy.reportOnly).toBe(true);
    stored = versionText('enforce');
    follow.check();
    await until(() => taken.length > 0, 'the versions to be read');
    expect(follow.current.live?.policy.reportOnly).toBe(false);
  });
});

describe('the lists of a document', () => {
  function folderWith(files: Readonly<Record<string, string>>): string {
    const root = mkdtempSync(join(tmpdir(), 'easgate-lists-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    mkdirSync(join(root, 'policy'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'policy', name), text);
    return join(root, 'policy', 'policy.yaml');
  }

  it('are refused where a version cannot keep two of them apart', () => {
    const document = 'lists: { vips: { file: vips.txt }, board: { file: ../vips.txt } }';
    const path = folderWith({ 'policy.yaml': document, 'vips.txt': 'alice', '../vips.txt': 'mallory' });
    expect(readDocument(path).loaded.problems).toContainEqual(
      expect.objectContaining({ severity: 'error', message: expect.stringContaining('vips.txt') }),
    );
  });

  it('are refused under a name that no version can keep', () => {
    const path = folderWith({
      'policy.yaml': 'lists: { vips: { file: __proto__ } }',
      ['__proto__']: 'alice',
    });
    expect(readDocument(path).loaded.policy).toBeNull();
  });

  it.each(['constructor', '../sub.txt', 'ünï code.txt'])('may have the name %s', (name) => {
    const document = `lists: { vips: { file: "${name}" } }`;
    const { texts, loaded } = readDocument(folderWith({ 'policy.yaml': document, [name]: 'alice' }));
    expect(loaded.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(loadVersion(JSON.parse(JSON.stringify(texts))).policy).not.toBeNull();
  });
});
