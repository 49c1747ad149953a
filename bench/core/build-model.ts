// Owns building the read model of a SQLite directory again and again, until it is ended: load beside a gateway, with the priority of
// a control process. Words: the directory, and the file of the model.
import { rmSync } from 'node:fs';
import { lowerPriority } from '../../src/control/low-priority.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { ModelFile } from '../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../src/directory/read-model/model-keeper.ts';

const [directory = '', model = ''] = process.argv.slice(2);
lowerPriority();
const store = new EmbeddedStore(directory);
process.stdout.write('building\n');
for (;;) {
  for (const name of [model, `${model}-wal`, `${model}-shm`]) rmSync(name, { force: true });
  const file = ModelFile.open(model, { store: 'bench', epoch: 0 });
  await new ModelKeeper(store, file).build();
  file.close();
}
