// Owns the options of `easgate simulate` that set facts.
import { InvalidArgumentError } from 'commander';

/** One option and the fact it sets. */
export interface FactOption {
  readonly flag: string;
  readonly text: string;
  readonly path: readonly [string, ...string[]];
  readonly kind: 'text' | 'list' | 'flag' | 'number' | 'attribute';
}

/** Every fact that has an option. */
export const FACT_OPTIONS: readonly FactOption[] = [
  { flag: '--user <name...>', text: 'names of the user', path: ['user', 'names'], kind: 'list' },
  { flag: '--group <name...>', text: 'groups of the user', path: ['user', 'groups'], kind: 'list' },
  { flag: '--enabled <yes|no>', text: 'the account is enabled', path: ['user', 'enabled'], kind: 'flag' },
  {
    flag: '--user-attribute <name=value...>',
    text: 'attributes of the user',
    path: ['user', 'attributes'],
    kind: 'attribute',
  },
  { flag: '--managed <yes|no>', text: 'the device is managed', path: ['device', 'managed'], kind: 'flag' },
  {
    flag: '--compliant <yes|no>',
    text: 'the device is compliant',
    path: ['device', 'compliant'],
    kind: 'flag',
  },
  {
    flag: '--encrypted <yes|no>',
    text: 'the device is encrypted',
    path: ['device', 'encrypted'],
    kind: 'flag',
  },
  {
    flag: '--compromised <yes|no>',
    text: 'the device is compromised',
    path: ['device', 'compromised'],
    kind: 'flag',
  },
  {
    flag: '--managed-mail-profile <yes|no>',
    text: 'the mail account is managed',
    path: ['device', 'managedMailProfile'],
    kind: 'flag',
  },
  { flag: '--platform <name>', text: 'platform, e.g. ios', path: ['device', 'platform'], kind: 'text' },
  {
    flag: '--os-version <version>',
    text: 'version of the system',
    path: ['device', 'osVersion'],
    kind: 'text',
  },
  { flag: '--model <model>', text: 'model', path: ['device', 'model'], kind: 'text' },
  { flag: '--ownership <word>', text: 'company or personal', path: ['device', 'ownership'], kind: 'text' },
  { flag: '--last-check-in <time>', text: 'last check-in', path: ['device', 'lastCheckIn'], kind: 'text' },
  {
    flag: '--attribute <name=value...>',
    text: 'attributes of the device',
    path: ['device', 'attributes'],
    kind: 'attribute',
  },
  { flag: '--device <id>', text: 'device id', path: ['partnership', 'deviceId'], kind: 'text' },
  { flag: '--type <type>', text: 'device type', path: ['partnership', 'deviceType'], kind: 'text' },
  { flag: '--first-seen <time>', text: 'first seen', path: ['partnership', 'firstSeen'], kind: 'text' },
  { flag: '--last-allowed <time>', text: 'last allowed', path: ['partnership', 'lastAllowed'], kind: 'text' },
  { flag: '--rank <number>', text: 'place among the devices', path: ['partnership', 'rank'], kind: 'number' },
  { flag: '--address <ip>', text: 'address of the client', path: ['request', 'address'], kind: 'text' },
  { flag: '--user-agent <text>', text: 'User-Agent', path: ['request', 'userAgent'], kind: 'text' },
  {
    flag: '--protocol-version <version>',
    text: 'protocol version',
    path: ['request', 'protocolVersion'],
    kind: 'text',
  },
  { flag: '--command <name>', text: 'command', path: ['request', 'command'], kind: 'text' },
  {
    flag: '--auth <way>',
    text: 'basic, bearer, certificate or negotiate',
    path: ['request', 'auth'],
    kind: 'text',
  },
  { flag: '--now <time>', text: 'at this time, e.g. 2026-12-01T10:00:00Z', path: ['now'], kind: 'text' },
];

/** Reads a flag that may be unknown. @throws InvalidArgumentError */
export function yesOrNo(text: string): boolean | null {
  if (text === 'yes' || text === 'true') return true;
  if (text === 'no' || text === 'false') return false;
  if (text === 'unknown') return null;
  throw new InvalidArgumentError('yes, no or unknown');
}
