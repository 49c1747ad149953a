// Owns the line of `easgate serve` that says where the dashboard is, once it can be opened.
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import type { ControlState } from '../supervisor/control-process.ts';
import { printable } from './output.ts';

const ASK_MS = 200;

/** What the line is made of. */
export interface DashboardFacts {
  readonly config: Config;
  /** The built-in mail server is used: the line is the link that signs the first admin in. */
  readonly isSample: boolean;
  /** Of the control process, which serves the dashboard; null = none is wanted. */
  readonly state: () => Promise<ControlState | null>;
  /** The gateway stops: there is nothing to say any more. */
  readonly isOver: () => boolean;
}

/** The line, as soon as the API listens, or cannot; null = there is none. Never rejects. */
export async function dashboardLine({
  config,
  isSample,
  state,
  isOver,
}: DashboardFacts): Promise<string | null> {
  if (config.admin.listen === undefined) return null;
  while (!isOver()) {
    const control = await state().catch(() => null);
    const admin = control?.status?.admin ?? null;
    if (admin !== null && admin.url !== null) {
      const { dashboardText } = await import('./admin.ts');
      const text = await dashboardText(config, isSample);
      const missing = admin.missing ?? null;
      const warning = missing === null ? '' : `warning: ${printable(missing)}\n`;
      return text === null ? null : `dashboard: ${text}\n${warning}`;
    }
    if (admin !== null && admin.trouble !== null)
      return `dashboard: is not served, and tried again: ${printable(admin.trouble)}\n`;
    await pause(ASK_MS, undefined, { ref: false });
  }
  return null;
}
