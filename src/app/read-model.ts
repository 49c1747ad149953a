// Owns the read model as use cases open it: the one that a control process keeps, else one built in memory for one command.
import type { Config } from '../config/schema.ts';
import { IN_MEMORY, ModelFile } from '../directory/read-model/model-file.ts';
import { ModelKeeper } from '../directory/read-model/model-keeper.ts';
import type { OnRows } from '../directory/read-model/model-keeper.ts';
import { ModelReader } from '../directory/read-model/model-reader.ts';
import type { DirectoryStore } from '../directory/store.ts';

/** A model that nobody confirmed for this long is not kept any more. */
const KEPT_MS = 10_000;

/** An open model. Times: milliseconds since the epoch. */
export interface OpenModel {
  readonly reader: ModelReader;
  /** Changes up to this moment are in it. */
  readonly confirmedAt: number;
  /** What the gateway saw, such as last seen, is as it was at this moment. */
  readonly sweptAt: number;
  close(): void;
}

/** Opens the model that a control process keeps, or builds one in memory: `onRows` is called with the rows so far. */
export async function openReadModel(
  store: DirectoryStore,
  { control }: Config,
  now: number,
  onRows: OnRows = () => undefined,
): Promise<OpenModel> {
  const kept = control.readModel === undefined ? null : ModelReader.open(control.readModel, store.names);
  if (kept !== null) {
    const { confirmedAt, sweptAt } = kept.state();
    if (Math.abs(now - confirmedAt) < KEPT_MS)
      return { reader: kept, confirmedAt, sweptAt, close: () => kept.close() };
    kept.close();
  }
  const file = ModelFile.open(IN_MEMORY, { store: '', epoch: 0 });
  try {
    await new ModelKeeper(store, file).build(onRows);
  } catch (error) {
    file.close();
    throw error;
  }
  const reader = new ModelReader(file.database, store.names);
  return { reader, confirmedAt: now, sweptAt: now, close: () => file.close() };
}
