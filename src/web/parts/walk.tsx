// Owns the display of the walk: passed = ring, decided = filled and boxed with its requirements, not reached = dashed.
import type { ReactElement } from 'react';
import { since, moment } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { Time } from './time.tsx';
import { foundText } from './walk-steps.ts';
import type { Requirement, Stage } from './walk-steps.ts';

function RequirementLine({ requirement }: { requirement: Requirement }): ReactElement {
  const isMet = requirement.state === 'met';
  const look = isMet ? 'c-allow' : 'c-block';
  const text = foundText(requirement.found);
  return (
    <li className={isMet ? undefined : 'bad'}>
      <span className={look}>
        <Icon name={isMet ? 'check' : 'x'} />
      </span>
      <span className={isMet ? undefined : look}>
        <b>{requirement.requirement}</b>
      </span>
      <span>{text === requirement.wanted ? text : t.walk.required(text, requirement.wanted)}</span>
      <span className="age">
        {requirement.next === null ? (
          requirement.since === null ? null : (
            <Time iso={requirement.since} form={since} />
          )
        ) : (
          t.walk.nextStep(moment(Date.parse(requirement.next), Date.now()))
        )}
      </span>
    </li>
  );
}

function StageItem({ stage, number }: { stage: Stage; number: number }): ReactElement {
  return (
    <li className={stage.state === 'passed' ? undefined : stage.state}>
      <span className="n">{number}</span>
      <span className="q">
        <b>{stage.title}</b> {stage.detail}
      </span>
      <span className="a">{stage.answer}</span>
      {stage.notes.map((note) => (
        <span className="sub t3 sm break" key={note}>
          {note}
        </span>
      ))}
      {stage.more === null ? null : (
        <details>
          <summary>{stage.more.title}</summary>
          <ul>
            {stage.more.lines.map((line, place) => (
              <li className="break" key={`${place} ${line}`}>
                {line}
              </li>
            ))}
          </ul>
        </details>
      )}
      {stage.requirements.length === 0 ? null : (
        <ul className="reqs sub">
          {stage.requirements.map((requirement) => (
            <RequirementLine key={requirement.requirement} requirement={requirement} />
          ))}
        </ul>
      )}
    </li>
  );
}

/** `look` = of the verdict: it colours the deciding stage. */
export function Walk({ stages, look }: { stages: readonly Stage[]; look: string }): ReactElement {
  return (
    <ol className={`walk w-${look}`}>
      {stages.map((stage, place) => (
        <StageItem key={stage.key} stage={stage} number={place + 1} />
      ))}
    </ol>
  );
}
