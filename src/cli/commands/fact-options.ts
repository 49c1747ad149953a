// Owns the options of `easgate simulate` that set facts.
import { InvalidArgumentError } from 'commander';

/** One option and the fact it sets. */
export interface FactOption {
  readonly flag: string;
  readonly text: string;
  readonly path: readonly [string, ...string[]];
  readonly kind: 'text' | 'list' | 'flag' | 'number' | 'attribute';
}

function row(kind: FactOption['kind'], flag: string, text: string, ...path: FactOption['path']): FactOption {
  return { flag, text, path, kind };
}

/** Every fact that has an option. */
export const FACT_OPTIONS: readonly FactOption[] = [
  row('list', '--user <name...>', 'names of the user', 'user', 'names'),
  row('list', '--group <name...>', 'groups of the user', 'user', 'groups'),
  row('flag', '--enabled <yes|no>', 'the account is enabled', 'user', 'enabled'),
  row('attribute', '--user-attribute <name=value...>', 'attributes of the user', 'user', 'attributes'),
  row('flag', '--managed <yes|no>', 'the device is managed', 'device', 'managed'),
  row('flag', '--compliant <yes|no>', 'the device is compliant', 'device', 'compliant'),
  row('flag', '--encrypted <yes|no>', 'the device is encrypted', 'device', 'encrypted'),
  row('flag', '--compromised <yes|no>', 'the device is compromised', 'device', 'compromised'),
  row(
    'flag',
    '--managed-mail-profile <yes|no>',
    'the mail account is managed',
    'device',
    'managedMailProfile',
  ),
  row('text', '--platform <name>', 'platform, e.g. ios', 'device', 'platform'),
  row('text', '--os-version <version>', 'version of the system', 'device', 'osVersion'),
  row('text', '--model <model>', 'model', 'device', 'model'),
  row('text', '--ownership <word>', 'company or personal', 'device', 'ownership'),
  row('text', '--last-check-in <time>', 'last check-in', 'device', 'lastCheckIn'),
  row('attribute', '--attribute <name=value...>', 'attributes of the device', 'device', 'attributes'),
  row('text', '--device <id>', 'device id', 'partnership', 'deviceId'),
  row('text', '--type <type>', 'device type', 'partnership', 'deviceType'),
  row('text', '--first-seen <time>', 'first seen', 'partnership', 'firstSeen'),
  row('text', '--last-allowed <time>', 'last allowed', 'partnership', 'lastAllowed'),
  row('number', '--rank <number>', 'place among the devices', 'partnership', 'rank'),
  row('text', '--address <ip>', 'address of the client', 'request', 'address'),
  row('text', '--user-agent <text>', 'User-Agent', 'request', 'userAgent'),
  row('text', '--protocol-version <version>', 'protocol version', 'request', 'protocolVersion'),
  row('text', '--command <name>', 'command', 'request', 'command'),
  row('text', '--auth <way>', 'basic, bearer, certificate or negotiate', 'request', 'auth'),
  row('text', '--now <time>', 'at this time, e.g. 2026-12-01T10:00:00Z', 'now'),
];

/** Reads a number from 1. @throws InvalidArgumentError */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('a number from 1');
  return Number(text);
}
