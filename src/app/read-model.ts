// Owns the read model as use cases open it: the one that a control process keeps, else one built in memory for one command.
import type { Config } from '../config/schema.ts';
import { IN_MEMORY, ModelFile } from '../directory/read-model/model-file.ts';
import { ModelKeeper } from '../directory/read-model/model-keeper.ts';
import type { OnRows } from '../directory/read-model/model-keeper.ts';
import { ModelReader } from '../directory/read-model/model-reader.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { UserNames } from '../identity/user-names.ts';

/** Longest time that a keeper says it needs; one that says more has another clock. */
const MAX_KEPT_MS = 300_000;

/** An open model. Times: milliseconds since the epoch. */
export interface OpenModel {
  readonly reader: ModelReader;
  /** A control process keeps it; else it was built from the directory for this use. */
  readonly isKept: boolean;
  /** Changes up to this moment are in it. */
  readonly confirmedAt: number;
  /** What the gateway saw, such as last seen, is as it was at this moment. */
  readonly fullReadAt: number;
  close(): void;
}

/** Opens the model that a control process keeps. Null = none is kept, or it is not up to date. */
export function openKeptModel({ control, identity }: Config, now: number): OpenModel | null {
  if (control.readModel === undefined) return null;
  const reader = ModelReader.open(control.readModel, new UserNames(identity.domains));
  if (reader === null) return null;
  const { confirmedAt, fullReadAt, keptUntil } = reader.state();
  if (now < keptUntil && keptUntil - now < MAX_KEPT_MS)
    return { reader, isKept: true, confirmedAt, fullReadAt, close: () => reader.close() };
  reader.close();
  return null;
}

/** Builds a model in memory: `onRows` is called with the rows so far. */
export async function buildModel(
  store: DirectoryStore,
  now: number,
  onRows: OnRows = () => undefined,
): Promise<OpenModel> {
  const file = ModelFile.open(IN_MEMORY, { store: '', epoch: 0 });
  try {
    await new ModelKeeper(store, file).build(onRows);
  } catch (error) {
    file.close();
    throw error;
  }
  const reader = new ModelReader(file.database, store.names);
  return { reader, isKept: false, confirmedAt: now, fullReadAt: now, close: () => file.close() };
}

/** Opens the model that a control process keeps, or builds one in memory. */
export async function openReadModel(
  store: DirectoryStore,
  config: Config,
  now: number,
  onRows: OnRows = () => undefined,
): Promise<OpenModel> {
  return openKeptModel(config, now) ?? (await buildModel(store, now, onRows));
}
