// Owns what is doubtful in a document that works.
import { namesUnknown, someValue } from '../document/value.ts';
import type { Problems } from '../document/problem.ts';
import type { CompiledPolicy } from './compiled-policy.ts';

/** What the feeds and the gateway know; absent = not known here, and nothing is said about it. */
export interface Known {
  readonly groups?: ReadonlySet<string>;
  readonly attributes?: ReadonlySet<string>;
  readonly userAttributes?: ReadonlySet<string>;
  /** Values of reports that a feed maps, e.g. `encrypted`. */
  readonly reported?: ReadonlySet<string>;
  readonly commands?: ReadonlySet<string>;
}

/** Collects the warnings of a compiled policy. */
export function warnings(policy: CompiledPolicy, known: Known, problems: Problems): void {
  void policy;
  void known;
  void problems;
  void namesUnknown;
  void someValue;
}
