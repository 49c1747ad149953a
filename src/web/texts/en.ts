// Owns the English catalogue: one part for each page, and one for what all share.
import { access } from './en/access.ts';
import { common } from './en/common.ts';
import { decide } from './en/decide.ts';
import { device } from './en/device.ts';
import { devices } from './en/devices.ts';
import { events, feedEvents } from './en/events.ts';
import { feeds } from './en/feeds.ts';
import { health, healthTitle } from './en/health.ts';
import { journal } from './en/journal.ts';
import { overview } from './en/overview.ts';
import { policy } from './en/policy.ts';
import { reports } from './en/reports.ts';
import { signIn } from './en/sign-in.ts';
import { system } from './en/system.ts';
import { user, users } from './en/users.ts';
import { walk } from './en/walk.ts';
import { reasons, states } from './en/vocabulary.ts';

export const EN = {
  ...common,
  states,
  reasons,
  decide,
  health,
  healthTitle,
  overview,
  devices,
  device,
  walk,
  events,
  feedEvents,
  journal,
  access,
  policy,
  reports,
  signIn,
  users,
  user,
  feeds,
  system,
};
