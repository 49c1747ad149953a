// Owns which policy a configuration has served: the document of policy.file, or the one that its three actions stand for.
import { compileSimplePolicy } from '../policy/compile/simple-policy.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { loadPolicyFile, problemLine } from './policy-file.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/** A policy that can be used, and what is odd about it. */
export interface ServedPolicy {
  readonly policy: CompiledPolicy;
  /** Each with file, line and column. */
  readonly warnings: readonly string[];
}

/** Reads the policy. @throws ConfigError that lists every problem of the document */
export function servedPolicy({ policy: settings }: Pick<Config, 'policy'>): ServedPolicy {
  const { file } = settings;
  if (file === undefined) return { policy: compileSimplePolicy(settings), warnings: [] };
  let loaded: ReturnType<typeof loadPolicyFile>;
  try {
    loaded = loadPolicyFile(file);
  } catch (error) {
    throw new ConfigError('policy.file', [error instanceof Error ? error.message : String(error)]);
  }
  const { policy, problems } = loaded;
  const linesOf = (severity: 'error' | 'warning'): string[] =>
    problems.filter((one) => one.severity === severity).map((one) => problemLine(file, one));
  if (policy === null) throw new ConfigError('policy.file', linesOf('error'));
  return { policy, warnings: linesOf('warning') };
}
