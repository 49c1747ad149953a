// Owns what would change a verdict: the requirements that are not met, the decision in the way, an exception.
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'wouter';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { roleFor, useMay } from '../client/signed-in.ts';
import { t } from '../texts/texts.ts';
import { AllowUntil } from './allow-until.tsx';
import { FirstAction } from './first-action.tsx';
import { Panel } from './panel.tsx';
import { hindranceText } from './possible.ts';
import type { Possible } from './possible.ts';
import type { Decide, Target } from './use-decide.ts';
import { userHref } from './user-href.ts';
import { decidingDecision, unmetOf } from './walk-steps.ts';
import type { HandDecision, Stage } from './walk-steps.ts';

type Explanation = AnswerOf<'explainAccess'>;

const texts = t.device.change;

function wordsOf(requirement: string): string {
  return texts.requirement[requirement] ?? texts.other(requirement);
}

/** What holds the device back, one line each. */
function linesOf({ verdict }: Explanation, stages: readonly Stage[]): readonly string[] {
  if (verdict.action === 'allow') return [];
  if (verdict.reason === 'unknownDevice') return [texts.unknownDevice];
  if (verdict.reason === 'notEnrolled') return [texts.notEnrolled];
  if (verdict.reason === 'userDisabled') return [texts.userDisabled];
  return unmetOf(stages).map(({ requirement }) => wordsOf(requirement));
}

function Item({
  title,
  text,
  children,
}: {
  title: string;
  text: string;
  children?: ReactNode;
}): ReactElement {
  return (
    <li>
      <p>
        <b>{title}</b>
        {text}
      </p>
      {children}
    </li>
  );
}

/** The decision by hand that decides, and where it is taken back: it may be on the device, on the user, or a feed brought it. */
function ByHand({
  decision,
  target,
  decide,
}: {
  decision: HandDecision;
  target: Target;
  decide: Decide;
}): ReactElement {
  const may = useMay('decide');
  const { scope, source } = decision;
  const onName = typeof decision['onName'] === 'string' ? decision['onName'] : target.user;
  if (source !== null) return <Item title={texts.feed(source)} text={texts.feedText} />;
  if (scope === 'user')
    return (
      <Item title={texts.onUser(onName ?? '')} text={texts.clearText}>
        <Link className="btn small" href={userHref(onName ?? '')}>
          {texts.toUser}
        </Link>
      </Item>
    );
  const on = { device: target.device, user: scope === 'device' ? null : onName };
  return (
    <Item title={scope === 'device' ? texts.clearEveryUser : texts.clear} text={texts.clearText}>
      <button
        className="btn small"
        type="button"
        disabled={!may}
        aria-disabled={decide.isBusy}
        title={may ? undefined : t.trouble.needsRole(roleFor('decide'))}
        onClick={() => {
          if (!decide.isBusy) void decide.clear(on);
        }}
      >
        {scope === 'device' ? t.decide.clearEveryUser : t.decide.clear}
      </button>
    </Item>
  );
}

/** The panel. */
export function DeviceChange({
  explanation,
  possible,
  stages,
  target,
  name,
  decide,
}: {
  explanation: Explanation;
  possible: Possible;
  stages: readonly Stage[];
  target: Target;
  name: string;
  decide: Decide;
}): ReactElement {
  const may = useMay('decide');
  const { action } = explanation.verdict;
  const { hindrance } = possible;
  const lines = linesOf(explanation, stages);
  const byHand = possible.isRefused ? null : decidingDecision(explanation);
  const isAllowed = action === 'allow';
  return (
    <Panel title={texts.title}>
      <ul className="list change">
        {lines.map((line) => (
          <Item key={line} title={line} text={texts.requirementText} />
        ))}
        {possible.isRefused ? (
          <Item title={texts.wipe} text={hindrance?.by === 'wiped' ? texts.wipedText : texts.wipeText}>
            <FirstAction target={target} name={name} possible={possible} decide={decide} isSmall />
          </Item>
        ) : null}
        {byHand === null ? null : <ByHand decision={byHand} target={target} decide={decide} />}
        {isAllowed ? (
          byHand === null ? (
            <li>
              <p>{texts.none}</p>
            </li>
          ) : null
        ) : hindrance === null ? (
          <Item title={texts.exception} text={texts.exceptionText}>
            <AllowUntil
              target={target}
              name={name}
              title={t.decide.allow.title(name)}
              decide={decide}
              blocked={may ? null : t.trouble.needsRole(roleFor('decide'))}
            />
          </Item>
        ) : (
          <Item title={texts.noException} text={hindranceText(hindrance)} />
        )}
      </ul>
    </Panel>
  );
}
