// Owns the promises of the thread that keeps a read model: what it reports while the file cannot be written, and afterwards.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import type { ModelReport } from '../../../src/directory/read-model/model-thread.ts';
import { ThreadedModel } from '../../../src/directory/read-model/threaded-model.ts';
import type { DeviceKey } from '../../../src/identity/keys.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';
import { deviceReport } from '../../support/servers/directory-records.ts';

checkLeaks();

it('after a failure the model is reported as kept once something was written into it, not when it was opened', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-threaded-model-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [path, directory] = [join(folder, 'read-model.db'), join(folder, 'directory.db')];
  const store = new EmbeddedStore(directory);
  onTestFinished(() => store.close());
  await store.position();
  const reports: ModelReport[] = [];
  const model = new ThreadedModel(
    { path, store: { kind: 'embedded', path: directory } },
    (report) => reports.push(report),
    () => undefined,
  );
  onTestFinished(() => model.close());
  await until(() => model.report?.phase === 'following', 'the model to follow');

  const failing = new DatabaseSync(path, { timeout: 10_000 });
  onTestFinished(() => failing.close());
  failing.exec("CREATE TRIGGER full BEFORE INSERT ON model BEGIN SELECT RAISE(ABORT, 'no room'); END");
  // Changes end a step at once.
  let changes = 0;
  const change = (): Promise<unknown> => store.putDevices([deviceReport(`phone${changes++}` as DeviceKey)]);
  const failures = (): number => reports.filter(({ trouble }) => trouble !== null).length;
  await until(async () => {
    await change();
    return failures() >= 2;
  }, 'two failures');
  const first = reports.findIndex(({ trouble }) => trouble !== null);
  expect(reports.slice(first).filter(({ trouble }) => trouble === null)).toEqual([]);
  expect(reports[first]?.trouble).toContain('no room');

  failing.exec('DROP TRIGGER full');
  await until(async () => {
    await change();
    return model.report?.phase === 'following';
  }, 'the model to follow again');
  expect(model.report?.trouble).toBeNull();
});
