// Owns the policy of a configuration without a policy file: an action for each of three kinds of phones.
import type { Action } from '../document/vocabulary.ts';
import { compilePolicy } from './compile.ts';
import type { CompiledPolicy } from './compiled-policy.ts';

/** Actions for phones without a manual decision. Absent = quarantine. */
export interface SimplePolicy {
  /** No feed knows the device. */
  readonly unknownDevice?: Action | undefined;
  /** A feed reports that the device is not managed. */
  readonly notEnrolled?: Action | undefined;
  /** Managed, but not compliant, or its compliance was never reported. */
  readonly notCompliant?: Action | undefined;
}

/** The three actions, with the defaults of those that are absent. */
export function simpleActions({
  unknownDevice = 'quarantine',
  notEnrolled = 'quarantine',
  notCompliant = 'quarantine',
}: SimplePolicy): { readonly [Name in keyof SimplePolicy]-?: Action } {
  return { unknownDevice, notEnrolled, notCompliant };
}

/** The equivalent policy document: one compliance policy, named `default`. */
function simpleDocument(actions: SimplePolicy): object {
  const { unknownDevice, notEnrolled, notCompliant } = simpleActions(actions);
  const due =
    notCompliant === 'allow' ? { steps: [{ after: '0d', action: 'warn' }] } : { action: notCompliant };
  return {
    unknownDevice: { action: unknownDevice },
    notEnrolled: { action: notEnrolled },
    compliance: [{ name: 'default', require: { compliant: true }, ...due }],
  };
}

/** Compiles that document. What an action allows has the same reason as what it refuses. */
export function compileSimplePolicy(actions: SimplePolicy): CompiledPolicy {
  const { policy, problems } = compilePolicy(simpleDocument(actions));
  if (policy === null) throw new Error(problems.map(({ message }) => message).join('; '));
  return { ...policy, admitsUnmet: true };
}
