// Owns what would change a verdict: the requirements that are not met, the decision in the way, an exception.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { t } from '../texts/texts.ts';
import { AllowUntil } from './allow-until.tsx';
import { Panel } from './panel.tsx';
import type { Decide, Target } from './use-decide.ts';
import { unmetOf } from './walk-steps.ts';
import type { Stage } from './walk-steps.ts';

const texts = t.device.change;

function wordsOf(requirement: string): string {
  return texts.requirement[requirement] ?? texts.other(requirement);
}

/** What holds the device back, one line each. */
function linesOf({ verdict }: AnswerOf<'explainAccess'>, stages: readonly Stage[]): readonly string[] {
  if (verdict.action === 'allow') return [];
  if (verdict.reason === 'unknownDevice') return [texts.unknownDevice];
  if (verdict.reason === 'notEnrolled') return [texts.notEnrolled];
  return unmetOf(stages).map(({ requirement }) => wordsOf(requirement));
}

/** The panel. */
export function DeviceChange({
  explanation,
  stages,
  target,
  name,
  decide,
}: {
  explanation: AnswerOf<'explainAccess'>;
  stages: readonly Stage[];
  target: Target;
  name: string;
  decide: Decide;
}): ReactElement {
  const may = useMay('decide');
  const blocked = may ? null : t.trouble.needsRole(roleFor('decide'));
  const { action, reason } = explanation.verdict;
  const isByHand = reason === 'individualRule';
  const isWipe = action === 'wipe' || action === 'accountWipe';
  const lines = linesOf(explanation, stages);
  return (
    <Panel title={texts.title}>
      <ul className="list change">
        {lines.map((line) => (
          <li key={line}>
            <p>
              <b>{line}</b>
              {texts.requirementText}
            </p>
          </li>
        ))}
        {isByHand || isWipe ? (
          <li>
            <p>
              <b>{isWipe ? texts.wipe : texts.clear}</b>
              {isWipe ? texts.wipeText : texts.clearText}
            </p>
            <button
              className="btn small"
              type="button"
              disabled={!may || decide.isBusy}
              title={blocked ?? undefined}
              onClick={() => void decide.clear({ device: target.device, user: null })}
            >
              {t.decide.clear}
            </button>
          </li>
        ) : null}
        {action === 'allow' ? (
          isByHand ? null : (
            <li>
              <p>{texts.none}</p>
            </li>
          )
        ) : (
          <li>
            <p>
              <b>{texts.exception}</b>
              {texts.exceptionText}
            </p>
            <AllowUntil
              target={target}
              name={name}
              title={t.decide.allow.title(name)}
              decide={decide}
              blocked={blocked}
            />
          </li>
        )}
      </ul>
    </Panel>
  );
}
