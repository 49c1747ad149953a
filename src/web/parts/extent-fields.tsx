// Owns the choice and the fields that say whom a version of the policy is rolled out to: groups by name, and a share of all users.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Field } from './field.tsx';

/** Whom a version is rolled out to. */
export type Extent = NonNullable<AnswerOf<'showPolicy'>['rollout']>['extent'];

/** What stands in the fields. */
export interface ExtentDraft {
  /** One name in each line. */
  readonly groups: string;
  readonly share: number;
}

const texts = t.policy.rollout;
/** Of the field of groups, before it scrolls. */
const MOST_LINES = 6;
const STEP = 5;
const TICKS = [0, 25, 50, 75, 100];

/** The names in the field. */
export function groupsIn({ groups }: ExtentDraft): string[] {
  return groups
    .split('\n')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Whom it is, in words. */
export function extentText({ groups, share }: Extent): string {
  const named = groups.map((group) => texts.group(group));
  return [...named, ...(share > 0 || groups.length === 0 ? [texts.share(number(share))] : [])].join(', ');
}

/** Whether a version decides for everybody, or (`some` = in words) a part of the users. */
export function Scope({
  isPart,
  some,
  onChange,
}: {
  isPart: boolean;
  some: string;
  onChange: (isPart: boolean) => void;
}): ReactElement {
  return (
    <div className="seg self" role="group" aria-label={texts.scope}>
      {[false, true].map((each) => (
        <button
          key={String(each)}
          type="button"
          aria-pressed={isPart === each}
          onClick={() => onChange(each)}
        >
          {each ? some : texts.everybody}
        </button>
      ))}
    </div>
  );
}

/** `least` = the share so far: it only grows. */
export function ExtentFields({
  draft,
  least,
  label,
  onChange,
}: {
  draft: ExtentDraft;
  least: number;
  /** Of the field of groups. */
  label: string;
  onChange: (draft: ExtentDraft) => void;
}): ReactElement {
  return (
    <>
      <Field label={label} hint={texts.groupsHint}>
        <textarea
          className="input"
          rows={Math.min(Math.max(2, draft.groups.split('\n').length), MOST_LINES)}
          value={draft.groups}
          onChange={(event) => onChange({ ...draft, groups: event.target.value })}
        />
      </Field>
      <Field
        label={texts.shareLabel(number(draft.share))}
        hint={texts.shareHint}
        below={
          <div className="ticks" aria-hidden="true">
            {TICKS.map((percent) => (
              <span key={percent}>{`${percent} %`}</span>
            ))}
          </div>
        }
      >
        <input
          type="range"
          min={0}
          max={100}
          step={least % STEP === 0 ? STEP : 1}
          value={draft.share}
          aria-valuetext={texts.share(number(draft.share))}
          onChange={(event) => onChange({ ...draft, share: Math.max(least, Number(event.target.value)) })}
        />
      </Field>
    </>
  );
}
