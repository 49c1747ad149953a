// Owns why devices are not compliant: the compliance policies that each does not meet. One request a device, so only devices that are
// not yet known are asked for, and a bounded number a run. Kept in memory: about 300 bytes a device, 20,000 devices.
import { z } from 'zod';
import type { GraphRequests } from './requests.ts';
import { plain } from '../../plain-text.ts';

const MAX_KNOWN = 20_000;
const MAX_NAMES = 10;
const AT_ONCE = 4;
const BAD = new Set(['noncompliant', 'error', 'conflict']);

const statesSchema = z.object({
  value: z.array(z.object({ displayName: z.string().nullish(), state: z.string().nullish() })),
});

type Device = Record<string, unknown>;

/** Unmet policies by device, kept between runs. */
export class PolicyStates {
  private readonly known = new Map<string, readonly object[]>();
  private left = 0;

  /** Begins a run that may ask for so many devices. */
  begin(most: number): void {
    this.left = most;
  }

  /** Adds `deviceCompliancePolicyStates` to the devices of a page that are not compliant, as `$expand` would. */
  async add(devices: readonly Device[], requests: GraphRequests): Promise<void> {
    const asked: string[] = [];
    for (const { id, complianceState } of devices) {
      if (typeof id !== 'string' || !/^[0-9a-f-]{36}$/i.test(id)) continue;
      const isBad = typeof complianceState === 'string' && BAD.has(complianceState.toLowerCase());
      if (!isBad) this.known.delete(id);
      else if (!this.known.has(id) && this.left > 0) {
        this.left--;
        asked.push(id);
      }
    }
    for (let at = 0; at < asked.length; at += AT_ONCE)
      await Promise.all(asked.slice(at, at + AT_ONCE).map((id) => this.ask(id, requests)));
    for (const device of devices) {
      const states = typeof device['id'] === 'string' ? this.known.get(device['id']) : undefined;
      if (states !== undefined) device['deviceCompliancePolicyStates'] = states;
    }
  }

  private async ask(id: string, requests: GraphRequests): Promise<void> {
    const path = `/v1.0/deviceManagement/managedDevices/${id}/deviceCompliancePolicyStates`;
    const answer = statesSchema.safeParse(await requests.readIfThere(path));
    if (!answer.success) return;
    const states = answer.data.value
      .filter(({ state }) => BAD.has(state?.toLowerCase() ?? ''))
      .slice(0, MAX_NAMES)
      .map(({ displayName }) => ({ displayName: plain(displayName ?? '', 64), state: 'nonCompliant' }));
    if (this.known.size >= MAX_KNOWN) {
      const [oldest] = this.known.keys();
      if (oldest !== undefined) this.known.delete(oldest);
    }
    this.known.set(id, states);
  }
}
