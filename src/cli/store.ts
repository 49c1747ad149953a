// Owns `easgate store`: which store the directory is, and what an operator says of it.
import type { Command } from 'commander';
import { storeOptions } from '../config/gateway-settings.ts';
import { loadConfig } from '../config/load.ts';
import { openKeeper } from '../directory/open-store.ts';
import { acceptedIdentity, judge, newIdentity } from '../directory/store-identity.ts';
import type { Finding, KnownStore, StoreIdentity } from '../directory/store-identity.ts';
import type { StoreKeeper } from '../directory/store-keeper.ts';
import { readMemory, writeMemory } from '../directory/store-memory.ts';
import type { StoreMemory } from '../directory/store-memory.ts';
import { isStandingWipe, isOpenWipe } from '../policy/wipe.ts';
import { CommandError, configPath, withStore } from './context.ts';
import { target } from './device-names.ts';
import { collect } from './inventory.ts';

interface Look {
  readonly keeper: StoreKeeper;
  /** What this machine remembers. */
  readonly known: KnownStore | null;
  readonly found: StoreIdentity | null;
  readonly finding: Finding;
  /** Where it is remembered; null = nowhere. */
  readonly memory: StoreMemory | null;
  /** `store.id`. */
  readonly pinnedId: string | null;
}

/** Registers `store` and its subcommands. */
export function registerStore(program: Command): void {
  const store = program.command('store').description('which store the directory is');

  store
    .command('status')
    .description('the store, what this gateway knows of it, and whether they agree')
    .option('--json', 'one JSON document')
    .action((options: { json?: true }, command: Command) =>
      look(command, (seen) => status(seen, options.json === true)),
    );

  store
    .command('init')
    .description('make the directory where there is none')
    .action((_options, command: Command) => look(command, init));

  store
    .command('accept')
    .description(
      'take the store as it is: restored, replaced or empty; wipes in it wait until they are ordered again',
    )
    .action(async (_options, command: Command) => {
      await look(command, accept);
      await tellSuspendedWipes(command);
    });
}

async function look(command: Command, work: (seen: Look) => Promise<void> | void): Promise<void> {
  const options = storeOptions(loadConfig(configPath(command)));
  const { memory = null, id: pinnedId = null, maxRollbackMs = 0 } = options.known ?? {};
  const known = memory === null ? null : readMemory(memory);
  const keeper = await openKeeper(options);
  try {
    const found = await keeper.read();
    const finding = judge(known, found, { place: keeper.place, pinnedId, maxRollbackMs });
    await work({ keeper, known, found, finding, memory, pinnedId });
  } finally {
    await keeper.close();
  }
}

function status({ keeper, known, found, finding, memory }: Look, json: boolean): void {
  const trouble = finding.kind === 'outage' ? finding.error : null;
  if (trouble !== null) process.exitCode = 1;
  if (json) {
    const said = trouble === null ? null : { code: trouble.code, message: trouble.message };
    const document = {
      place: keeper.place,
      ok: trouble === null,
      trouble: said,
      store: found,
      known,
      memory,
    };
    process.stdout.write(JSON.stringify(document, null, 2) + '\n');
    return;
  }
  const lines = [
    `store: ${keeper.place}`,
    found === null
      ? 'holds no directory'
      : `id ${found.id}, epoch ${found.epoch}, beat ${seconds(found.beat)}, schema ${found.schema}`,
    known === null
      ? 'this gateway knows no store yet'
      : `this gateway knows id ${known.id}, epoch ${known.epoch}, beat ${seconds(known.beat)} (${memory?.path})`,
    trouble === null ? 'ok' : `${trouble.code}: ${trouble.message}`,
  ];
  process.stdout.write(lines.join('\n') + '\n');
}

function seconds(beat: number): string {
  return `${Math.round(beat / 1_000)} s`;
}

async function init({ keeper, known, found, memory, pinnedId }: Look): Promise<void> {
  if (found !== null) {
    process.stdout.write(`${keeper.place} is store ${found.id} already\n`);
    return;
  }
  if (known !== null) {
    throw new CommandError(
      'EASGATE_STORE_MISSING',
      `${keeper.place} holds no directory, and this gateway knows store ${known.id}: a new one in its place is ` +
        'for `easgate store accept`',
    );
  }
  const fresh = newIdentity();
  const identity = pinnedId === null ? fresh : { ...fresh, id: pinnedId };
  await replace(keeper, null, identity);
  remember(memory, identity);
  process.stdout.write(`made store ${identity.id}: ${keeper.place}\n`);
}

async function accept({ keeper, known, found, finding, memory, pinnedId }: Look): Promise<void> {
  if (finding.kind !== 'outage' && finding.kind !== 'setBack') {
    process.stdout.write(`${keeper.place} is the known store: nothing to accept\n`);
    return;
  }
  if (finding.kind === 'outage' && finding.error.code === 'EASGATE_STORE_SCHEMA') throw finding.error;
  const accepted = acceptedIdentity(known, found);
  const identity = found === null && pinnedId !== null ? { ...accepted, id: pinnedId } : accepted;
  if (pinnedId !== null && identity.id !== pinnedId) {
    throw new CommandError(
      'EASGATE_STORE_OTHER',
      `${keeper.place} is store ${identity.id}, and store.id of the configuration is ${pinnedId}: change it first`,
    );
  }
  await replace(keeper, found, identity);
  remember(memory, identity);
  process.stdout.write(`accepted store ${identity.id}, epoch ${identity.epoch}: ${keeper.place}\n`);
}

async function replace(
  keeper: StoreKeeper,
  before: StoreIdentity | null,
  after: StoreIdentity,
): Promise<void> {
  if (await keeper.replace(before, after)) return;
  throw new CommandError(
    'EASGATE_CHANGED',
    `${keeper.place} became another store meanwhile; look, and repeat`,
  );
}

function remember(memory: StoreMemory | null, identity: StoreIdentity): void {
  if (memory !== null) writeMemory(memory, identity);
}

/** An operator who takes a store must know what it no longer does by itself. */
async function tellSuspendedWipes(command: Command): Promise<void> {
  await withStore(command, async (store) => {
    const rows = await collect(store, null);
    const lines = rows.flatMap(({ device, user, listing, partnership }) =>
      [
        { user: null, decision: listing?.decision ?? null },
        { user, decision: partnership?.decision ?? null },
      ].flatMap(({ user, decision }) =>
        isOpenWipe(decision) && !isStandingWipe(decision)
          ? [`suspended wipe: ${target(device, user)}; order it again, or clear it\n`]
          : [],
      ),
    );
    process.stdout.write([...new Set(lines)].join(''));
  });
}
