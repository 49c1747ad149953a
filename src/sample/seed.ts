// Owns writing the sample devices of the configuration into the directory, once.
import type { Config } from '../config/schema.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { deviceKey } from '../identity/device.ts';

/** Writes devices that the directory does not know yet; what was changed since the first start stays. */
export async function seedDirectory(
  store: DirectoryStore,
  devices: Config['sample']['devices'],
): Promise<void> {
  for (const { id, managed, compliant, model, os, decision } of devices) {
    const key = deviceKey(id);
    if ((await store.getDevice(key)) !== null) continue;
    const now = Date.now();
    await store.putDevice({
      key,
      managed: managed ?? null,
      compliant: compliant ?? null,
      model: model ?? null,
      os: os ?? null,
      encrypted: null,
      compromised: null,
      owner: null,
      lastCheckIn: null,
      source: 'sample',
      version: now,
      observedAt: now,
    });
    if (decision === undefined) continue;
    const reason = 'sample data';
    await store.decide(null, key, {
      action: decision,
      owner: 'sample',
      reason,
      decidedAt: now,
      expiresAt: null,
    });
  }
}
