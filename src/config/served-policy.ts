// Owns the policy of a configuration: the document of policy.file, or the document equivalent to its three actions.
import { createHash } from 'node:crypto';
import { messageOf } from '../caught-error.ts';
import { compileSimplePolicy } from '../policy/compile/simple-policy.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { compileChecked, loadPolicyFile, problemLine, readText } from './policy-file.ts';
import type { LoadedPolicy, ReadFile } from './policy-file.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/**
 * The text of a checked policy document, with the files of its lists. Workers use these texts even if the files have changed, so
 * that a document that was broken meanwhile does not prevent the start of a worker.
 */
export interface PolicySource {
  /** Texts by absolute path; the document is one of them. */
  readonly texts: Readonly<Record<string, string>>;
  /** The document, parsed: to parse a large one takes ten times as long as to compile it. Absent = from an older primary. */
  readonly document?: unknown;
}

/** A valid policy, and its warnings. */
export interface ServedPolicy {
  readonly policy: CompiledPolicy;
  /** Each with file, line and column. */
  readonly warnings: readonly string[];
  /** Null = there is no file. */
  readonly source: PolicySource | null;
}

/** The policy is invalid; `files` are those that were read. */
export class PolicyError extends ConfigError {
  readonly files: readonly string[];

  constructor(problems: readonly string[], files: readonly string[]) {
    super('policy.file', problems);
    this.files = files;
  }
}

/** Reads the policy, from `source` where one is given. @throws PolicyError that lists every problem of the document */
export function servedPolicy(
  { policy: settings }: Pick<Config, 'policy'>,
  source: PolicySource | null = null,
): ServedPolicy {
  const { file } = settings;
  if (file === undefined) return { policy: compileSimplePolicy(settings), warnings: [], source: null };
  const texts: Record<string, string> = {};
  const files = new Set<string>();
  const read: ReadFile = (path) => {
    files.add(path);
    const text = source === null ? readText(path) : source.texts[path];
    if (text === undefined) throw new Error(`${path} was not read with the document`);
    texts[path] = text;
    return text;
  };
  let loaded: LoadedPolicy;
  try {
    loaded = loadPolicyFile(file, {}, read);
  } catch (error) {
    throw new PolicyError([messageOf(error)], [...files]);
  }
  const { policy, problems, document } = loaded;
  const linesOf = (severity: 'error' | 'warning'): string[] =>
    problems.filter((one) => one.severity === severity).map((one) => problemLine(file, one));
  if (policy === null) throw new PolicyError(linesOf('error'), [...files]);
  return {
    policy,
    warnings: [...standingWarnings(policy), ...linesOf('warning')],
    source: { texts, document },
  };
}

/**
 * The policy of a worker, as the primary checked it, part by part. @throws PolicyError when it cannot be used, as may be where the
 * two are of different versions
 */
export function* workerPolicy(
  config: Pick<Config, 'policy'>,
  source: PolicySource | null,
): Generator<undefined, CompiledPolicy> {
  const { file } = config.policy;
  if (file === undefined || source?.document === undefined) return servedPolicy(config, source).policy;
  const policy = yield* compileChecked(source.document, file, (path) => source.texts[path] ?? '');
  // With the places of its problems.
  return policy ?? servedPolicy(config, source).policy;
}

/** A hash of the texts of a policy: gateways with the same hash decide the same way. */
export function policyHash({ texts }: PolicySource): string {
  const hash = createHash('sha256');
  for (const path of Object.keys(texts).sort())
    hash.update(`${texts[path]?.length ?? 0}\0${texts[path] ?? ''}`);
  return hash.digest('hex').slice(0, 16);
}

/** Warnings about settings that should be temporary, such as reportOnly. */
export function standingWarnings(policy: CompiledPolicy): string[] {
  const { reportOnly, rules, compliance, noCompliancePolicy } = policy;
  const items = [
    ...rules.filter((rule) => rule.reportOnly).map(({ name, index }) => `rule ${named(name, index)}`),
    ...compliance
      .filter((one) => one.reportOnly || one.steps.some((step) => step.reportOnly))
      .map(({ name, index }) => `compliance policy ${named(name, index)}`),
    ...(['untargeted', 'unknownDevice', 'notEnrolled', 'noCompliancePolicy', 'limits'] as const).filter(
      (item) => policy[item]?.reportOnly === true,
    ),
  ];
  return [
    ...(reportOnly ? ['the policy only reports (mode: reportOnly): it refuses no phone'] : []),
    ...(!reportOnly && items.length > 0
      ? [`these parts of the policy only report: ${items.join(', ')}`]
      : []),
    ...(noCompliancePolicy.action === 'allow' && !noCompliancePolicy.reportOnly
      ? ['noCompliancePolicy: allow allows every user without a deployed compliance policy']
      : []),
  ];
}

function named(name: string | null, index: number): string {
  return name === null ? `${index + 1}` : `"${name}"`;
}
