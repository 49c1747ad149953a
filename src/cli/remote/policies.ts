// Owns what `easgate policy` and the reports on policies ask an admin API for.
import { setTimeout as pause } from 'node:timers/promises';
import type { BodyOf } from '../../api/contract/operations.ts';
import type { PolicyDiff } from '../../app/policy-diff.ts';
import { messageOf } from '../../caught-error.ts';
import { readDocument } from '../../config/stored-policy.ts';
import type { ReadDocument } from '../../config/stored-policy.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import { Progress } from '../progress.ts';
import { RemoteError, ask, askTagged, download } from './client.ts';
import type { Context } from './contexts.ts';
import type { DocumentOf } from './documents.ts';
import { writeParts } from './lists.ts';

/** A policy, as the API takes it. */
export type RemotePolicy = BodyOf<'diffPolicy'>['after'];
/** The policies in use, with times in milliseconds. */
export type RemotePolicies = DocumentOf<'showPolicy'>;

/** Between two questions about a comparison that is under way. */
const AGAIN_MS = 500;

/** Reads a document with its lists. @throws ProgramError */
export function readChecked(file: string): ReadDocument {
  try {
    return readDocument(file);
  } catch (error) {
    throw new ProgramError('EASGATE_POLICY', messageOf(error));
  }
}

/** A policy by its name on the command line: a file, a version, live, shadow or configured. @throws ProgramError */
export function remotePolicy(name: string): RemotePolicy {
  if (name === 'live' || name === 'shadow' || name === 'rollout' || name === 'configured')
    return { place: name };
  if (/^\d+$/.test(name)) return { version: Number(name) };
  const { document, lists } = readChecked(name).texts;
  return { document, lists };
}

/** The policies in use, and the ETag of that. @throws RemoteError */
export async function policiesInUse(
  context: Context,
): Promise<{ readonly policies: RemotePolicies; readonly tag: string | null }> {
  const { document, tag } = await askTagged(context, 'showPolicy');
  return { policies: document, tag };
}

/** Compares policies, and waits for the end. @throws RemoteError */
export async function remoteDiff(
  context: Context,
  body: BodyOf<'diffPolicy'>,
): Promise<{ readonly id: string; readonly diff: PolicyDiff }> {
  const progress = new Progress('phones compared');
  try {
    let run = await ask(context, 'diffPolicy', { body });
    const { id } = run;
    while (run.state === 'running') {
      progress.show(run.compared);
      await pause(AGAIN_MS);
      run = await ask(context, 'showPolicyDiff', { params: { diff: id } });
    }
    if (run.diff !== null) return { id, diff: run.diff };
    throw new RemoteError(run.error?.code ?? 'EASGATE_FAILED', run.error?.message ?? 'the comparison failed');
  } finally {
    progress.end();
  }
}

/** Writes every phone that a comparison found as CSV. @throws RemoteError */
export function writeDiff(context: Context, id: string): Promise<void> {
  return download(context, 'showPolicyDiff', { params: { diff: id }, query: { format: 'csv' } }, writeParts);
}
