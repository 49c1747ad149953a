// Owns the start of easgate for a run: with one worker, two workers, without cached verdicts, or with a large policy.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALL_CORES, GATEWAY_CORE } from '../core/processes.ts';
import { harmlessPolicy } from '../core/large-policy.ts';
import { BLOCKED_DEVICE, COLD_DEVICES, coldDevice } from '../core/traffic.ts';
import { ALLOWED, numbered, startNode } from './rival.ts';
import type { Rival } from './rival.ts';

/** Differences from the rival that this one is a variant of. */
interface EasgateVariant {
  readonly workers: number;
  readonly cores: string;
  readonly warm: boolean;
  /** A policy document of 200 rules and 50 compliance policies decides. */
  readonly policy?: true;
}

async function seedEasgate(config: string, cold: boolean): Promise<void> {
  // The directory is filled through the store interface, as by a feed.
  const { openKeeper, openStore } = await import('../../src/directory/open-store.ts');
  const { newIdentity } = await import('../../src/directory/store-identity.ts');
  const { storeOptions } = await import('../../src/config/store-settings.ts');
  const { loadConfig } = await import('../../src/config/load.ts');
  const { seedDirectory } = await import('../../src/sample/seed.ts');
  const configured = storeOptions(loadConfig(config));
  // Records are written while other servers start: no write of so many may fail because of it.
  const options = configured.kind === 'redis' ? { ...configured, commandTimeoutMs: 10_000 } : configured;
  const keeper = await openKeeper(options);
  if ((await keeper.read()) === null) await keeper.replace(null, newIdentity());
  await keeper.close();
  const store = await openStore(options);
  const ids = [...ALLOWED, ...(cold ? numbered(COLD_DEVICES, coldDevice) : [])];
  const known = ids.map((id) => ({ id, managed: true, compliant: true }));
  await seedDirectory(store, [
    ...known,
    { id: BLOCKED_DEVICE, managed: true, compliant: true, decision: 'block' },
  ]);
  await store.close();
}

function easgateVariant(name: string, variant: EasgateVariant): Rival {
  return {
    name,
    decides: true,
    logs: true,
    secures: true,
    missing: () => null,
    start: async ({ folder, port, upstreamPort, logged, tls, redisPort }) => {
      const config = join(folder, 'easgate.yaml');
      const certificates =
        tls === null
          ? ''
          : `, tls: { certificates: [{ certificate: "${tls.certificate}", key: "${tls.key}" }] }`;
      const store =
        redisPort === null
          ? '{ kind: embedded, path: directory.db }'
          : `{ kind: redis, url: "redis://127.0.0.1:${redisPort}", keyPrefix: "${name}:", identityFile: "${name}.json" }`;
      writeFileSync(join(folder, 'policy.yaml'), JSON.stringify(harmlessPolicy()));
      writeFileSync(
        config,
        [
          `listen: { address: 127.0.0.1, port: ${port}${certificates} }`,
          `upstream: { url: "http://127.0.0.1:${upstreamPort}", maxIdleConnections: 1024 }`,
          `workers: { count: ${variant.workers}, pidFile: "${folder}/easgate.pid" }`,
          `store: ${store}`,
          `log: { access: ${logged}, destination: access.log }`,
          ...(variant.policy === true ? ['policy: { file: policy.yaml }'] : []),
          `cache: { lifetimeSeconds: 600, maxEntries: ${variant.warm ? 100_000 : 100} }`,
          // The throttle would stop one phone with hundreds of requests a second as a loop.
          'throttle: { burst: 0 }',
          'limits: { maxInFlightPerDevice: 0 }',
        ].join('\n'),
      );
      await seedEasgate(config, redisPort !== null);
      return startNode('src/main.ts', ['serve', '--config', config], /listens on/, variant.cores);
    },
  };
}

export const EASGATE_RIVALS: readonly Rival[] = [
  easgateVariant('easgate', { workers: 1, cores: GATEWAY_CORE, warm: true }),
  easgateVariant('easgate-policy', { workers: 1, cores: GATEWAY_CORE, warm: true, policy: true }),
  easgateVariant('easgate-cold', { workers: 1, cores: GATEWAY_CORE, warm: false }),
  easgateVariant('easgate-1', { workers: 1, cores: ALL_CORES, warm: true }),
  easgateVariant('easgate-2', { workers: 2, cores: ALL_CORES, warm: true }),
];
