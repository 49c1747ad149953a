// Threat: the record of a version that is rolled out, or live, is gone or malformed. Gateways keep what they have, and one that starts
// decides by no other policy; so operators need the way back, and must not be kept from it by the version that they leave.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { PolicyFollower } from '../../src/worker/policy-follower.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { ApiAnswer } from '../support/servers/test-api.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { runInProcess } from '../cli/run-in-process.ts';
import type { Ended } from '../cli/run-in-process.ts';

checkLeaks();

const LOOSE = 'name: loose\ncompliance: []\nnoCompliancePolicy: { action: allow }\n';
const STRICT = 'name: strict\n';

/** What a record becomes; null = it is deleted. */
const DAMAGES = [
  ['gone', null],
  ['malformed', '{"name":7}'],
  ['no policy any more', '{"name":null,"comment":null,"at":1,"document":"rules: 7","lists":{}}'],
] as const;

interface Directory {
  readonly path: string;
  readonly policy: (...words: string[]) => Promise<Ended>;
  /** Puts another text in place of a version. */
  readonly damage: (version: number, text: string | null) => void;
}

function directory(): Directory {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-unreadable-rollout-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'directory.db');
  const config = join(folder, 'easgate.yaml');
  writeFileSync(config, `store: { kind: embedded, path: ${path} }\n`);
  writeFileSync(join(folder, 'loose.yaml'), LOOSE);
  writeFileSync(join(folder, 'strict.yaml'), STRICT);
  return {
    path,
    policy: (...words) =>
      runInProcess(
        '--config',
        config,
        'policy',
        ...words.map((word) => (word.endsWith('.yaml') ? join(folder, word) : word)),
      ),
    damage: (version, text) => {
      const database = new DatabaseSync(path);
      if (text === null) database.prepare('DELETE FROM policies WHERE version = ?').run(version);
      else database.prepare('UPDATE policies SET record = ? WHERE version = ?').run(text, version);
      database.close();
    },
  };
}

it.each(DAMAGES)('a roll-out whose version is %s is abandoned on the command line', async (_what, text) => {
  const { policy, damage } = directory();
  await policy('publish', 'loose.yaml', '--yes');
  await policy('publish', 'strict.yaml', '--share', '10', '--yes');
  damage(2, text);
  const { code, out, error } = await policy('rollout', 'abandon', '--yes');
  expect(out).toContain('version 2 is no longer rolled out: version 1 decides for everybody');
  expect(error).toContain('whom this change concerns is not known');
  expect(code).toBe(0);
  expect((await policy('history')).out).toMatch(/\n1 +live/);
});

it.each(DAMAGES)(
  'a roll-out whose version is %s does not begin for more users, or for all',
  async (_what, text) => {
    const { policy, damage } = directory();
    await policy('publish', 'loose.yaml', '--yes');
    await policy('publish', 'strict.yaml', '--share', '10', '--yes');
    damage(2, text);
    expect((await policy('rollout', 'widen', '--share', '20', '--yes')).code).not.toBe(0);
    expect((await policy('rollout', 'finish', '--yes')).code).not.toBe(0);
  },
);

it.each(DAMAGES)('from a live version that is %s there is a way back and a way on', async (_what, text) => {
  const { policy, damage } = directory();
  await policy('publish', 'loose.yaml', '--yes');
  await policy('publish', 'strict.yaml', '--yes');
  damage(2, text);
  expect(await policy('rollback', '--yes')).toMatchObject({ code: 0 });
  damage(1, text);
  expect(await policy('publish', 'strict.yaml', '--yes')).toMatchObject({ code: 0 });
  expect((await policy('history')).out).toMatch(/\n3 +live/);
});

it.each(DAMAGES.slice(0, 2))(
  'a roll-out whose version is %s is shown, and abandoned through the admin API; a live one is left too',
  async (_what, text) => {
    const { path, policy, damage } = directory();
    await policy('publish', 'loose.yaml', '--yes');
    await policy('publish', 'strict.yaml', '--yes');
    await policy('publish', 'strict.yaml', '--share', '10', '--yes');
    damage(3, text);
    damage(2, text);
    const store = new EmbeddedStore(path);
    onTestFinished(() => store.close());
    const api = await openTestApi({ store });
    const shown = (place: string): Promise<ApiAnswer> => api.send('viewer', `/api/v1/policy${place}`);
    const comment = 'the record of this version is gone or malformed';
    expect((await shown('')).json).toMatchObject({
      live: { version: 2, comment },
      rollout: { version: 3, name: null, comment },
    });
    const post = (place: string): Promise<ApiAnswer> =>
      api.send('admin', `/api/v1/policy/${place}`, { method: 'POST', body: {} });
    expect(await post('rollout/abandon')).toMatchObject({
      status: 200,
      json: { version: { version: 3, place: null } },
    });
    expect((await post('rollback')).status).toBe(200);
    expect((await shown('/versions')).json).toMatchObject({
      rows: [{ version: 3 }, { version: 2 }, { version: 1, place: 'live' }],
    });
  },
);

it.each(DAMAGES)(
  'a version in the shadow that is %s keeps no gateway from the others',
  async (_what, text) => {
    const { path, policy, damage } = directory();
    await policy('publish', 'loose.yaml', '--yes');
    await policy('shadow', 'strict.yaml');
    damage(2, text);
    const store = new EmbeddedStore(path);
    onTestFinished(() => store.close());
    const errors: unknown[] = [];
    const stored = new PolicyFollower(store.policies, {
      onChange: () => undefined,
      onError: (error) => errors.push(error),
    });
    onTestFinished(() => stored.close());
    expect(await stored.start()).toMatchObject({ live: { version: { version: 1 } }, shadow: null });
    expect(errors).toHaveLength(1);
  },
);
