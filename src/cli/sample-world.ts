// Owns what `easgate serve` starts where the configuration names the sample mail server: that server, its users, devices and policy in
// the directory, and its phones.
import { addVersion, readPolicies } from '../app/policy-versions.ts';
import { readSecret } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { readDocument } from '../config/stored-policy.ts';
import { serversOf } from '../config/upstream-servers.ts';
import { storeOptions } from '../config/store-settings.ts';
import { openStore } from '../directory/open-store.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import { SamplePhones } from '../sample/sample-phones.ts';
import { seedDirectory, seedUsers } from '../sample/seed.ts';
import { startSampleServer } from '../sample/server.ts';
import type { SampleServer } from '../sample/server.ts';
import { withAudit } from './context.ts';

/** The running sample. */
export class SampleWorld {
  readonly server: SampleServer;
  private readonly config: Config;
  private readonly hasPhones: boolean;
  private phones: SamplePhones | null = null;

  private constructor(server: SampleServer, config: Config, hasPhones: boolean) {
    this.server = server;
    this.config = config;
    this.hasPhones = hasPhones;
  }

  static async start(config: Config): Promise<SampleWorld> {
    // Beside a real mail server, the directory is a real one, and the phones would sign in there with published passwords.
    const isAlone = serversOf(config).every(({ url }) => url === 'sample');
    const users = config.sample.users.map(({ name, password }) => ({
      name,
      password: readSecret(password, `sample.users ${name}`),
    }));
    if (isAlone) await seed(config);
    return new SampleWorld(
      await startSampleServer({ users, address: '127.0.0.1', port: 0 }),
      config,
      isAlone && config.listen.tls === undefined,
    );
  }

  /** Starts the phones, which use the gateway at a port of this host. */
  startPhones(port: number): void {
    const { listen, sample } = this.config;
    if (sample.phones.length === 0 || !this.hasPhones || this.phones !== null) return;
    const passwords = new Map(
      sample.users.map(({ name, password }) => [name, readSecret(password, `sample.users ${name}`)]),
    );
    const phones = sample.phones.map(({ user, device, app }) => ({
      user,
      app,
      deviceId: device,
      password: passwords.get(user) ?? '',
    }));
    const host = listen.address === '0.0.0.0' || listen.address === '::' ? '127.0.0.1' : listen.address;
    this.phones = new SamplePhones(`http://${host.includes(':') ? `[${host}]` : host}:${port}`, phones);
  }

  async stopPhones(): Promise<void> {
    await this.phones?.close();
    this.phones = null;
  }

  async close(): Promise<void> {
    await this.stopPhones();
    await this.server.close();
  }
}

/** Writes the sample's users, devices and policy into the directory. */
async function seed(config: Config): Promise<void> {
  const { users, devices, policy } = config.sample;
  const store = await openStore(storeOptions(config));
  try {
    await seedUsers(store, users);
    await seedDirectory(store, devices);
    if (policy !== undefined && config.policy.file === undefined)
      await withAudit(config, (audit) => seedPolicy(store, policy, audit));
  } finally {
    await store.close();
  }
}

/** Publishes a document where the directory has no version yet. */
async function seedPolicy(store: DirectoryStore, path: string, audit: AuditSink): Promise<void> {
  const known = await readPolicies(store);
  if (known.state.latest > 0) return;
  const { texts, loaded } = readDocument(path);
  if (loaded.policy === null)
    throw new ProgramError(
      'EASGATE_POLICY',
      `sample.policy: ${path} has errors: easgate policy check ${path}`,
    );
  await addVersion(
    store,
    known,
    { texts, name: loaded.policy.name, comment: 'sample data', place: 'live' },
    { by: 'sample', via: 'sample', at: Date.now() },
    audit,
  );
}
