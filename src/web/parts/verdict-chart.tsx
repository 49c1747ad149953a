// Owns the chart of answers by verdict over the range of the overview: allowed as a line, refused as bars (blocked hatched). The same as a table below.
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { moment, number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Panel } from './panel.tsx';
import { StateIcon } from './state.tsx';
import { TableHead } from './table-head.tsx';
import { Time } from './time.tsx';

type Steps = AnswerOf<'showOverview'>['traffic']['verdicts'];
type Range = AnswerOf<'showOverview'>['range'];

const texts = t.overview.verdicts;
const WIDTH = 480;
const HEIGHT = 96;
const GAP = 1.5;

function Allowed({ steps }: { steps: Steps }): ReactElement {
  const top = Math.max(1, ...steps.map(({ allowed }) => allowed));
  const points = steps.map(({ allowed }, place) => {
    const x = (place / Math.max(1, steps.length - 1)) * WIDTH;
    return `${x.toFixed(1)} ${(HEIGHT - (allowed / top) * (HEIGHT - 4)).toFixed(1)}`;
  });
  const line = `M${points.join('L')}`;
  return (
    <div className="plot">
      <span className="yl">
        <span className="k">
          <StateIcon state="allowed" />
          {t.states.allowed}
        </span>
      </span>
      <span className="ya">{texts.atMost(number(top))}</span>
      <svg className="h96" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path className="grid" d={`M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
        <path className="f-allow-t" d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />
        <path className="s-allow" d={line} />
        <path className="base" d={`M0 ${HEIGHT}H${WIDTH}`} />
      </svg>
    </div>
  );
}

function Refused({ steps }: { steps: Steps }): ReactElement {
  const top = Math.max(1, ...steps.map(({ quarantined, blocked }) => quarantined + blocked));
  const width = WIDTH / Math.max(1, steps.length);
  const last = steps.at(-1);
  return (
    <div className="plot">
      <span className="yl">
        <span className="k">
          <StateIcon state="quarantined" />
          {t.states.quarantined}
        </span>
        <span className="k">
          <StateIcon state="blocked" />
          {t.states.blocked}
        </span>
      </span>
      <span className="ya">
        {texts.now(number(last === undefined ? 0 : last.quarantined + last.blocked))}
      </span>
      <svg className="h140" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path className="grid" d={`M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
        {steps.map(({ at, quarantined, blocked }, place) => {
          const held = (quarantined / top) * (HEIGHT - 4);
          const kept = (blocked / top) * (HEIGHT - 4);
          const x = place * width + GAP / 2;
          return (
            <g key={at}>
              <rect className="f-hold" x={x} y={HEIGHT - held} width={width - GAP} height={held} />
              <rect fill="url(#hatch)" x={x} y={HEIGHT - held - kept} width={width - GAP} height={kept} />
            </g>
          );
        })}
        <path className="base" d={`M0 ${HEIGHT}H${WIDTH}`} />
      </svg>
    </div>
  );
}

function Table({ steps }: { steps: Steps }): ReactElement {
  return (
    <details className="more mt8">
      <summary>{texts.table}</summary>
      <div className="tw small">
        <table className="plain">
          <TableHead
            titles={[
              texts.from,
              [t.states.allowed, 'num'],
              [t.states.quarantined, 'num'],
              [t.states.blocked, 'num'],
            ]}
          />
          <tbody>
            {steps.toReversed().map(({ at, allowed, quarantined, blocked }) => (
              <tr key={at}>
                <th scope="row">
                  <Time iso={at} form={moment} />
                </th>
                <td className="num">{number(allowed)}</td>
                <td className="num">{number(quarantined)}</td>
                <td className="num">{number(blocked)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** The panel. */
export function VerdictChart({ steps, range }: { steps: Steps; range: Range }): ReactElement {
  return (
    <Panel title={texts.title} mark={<span className="age">{texts.marks[range]}</span>}>
      <div className="body">
        {steps.length < 2 ? (
          <p className="t2">{texts.none}</p>
        ) : (
          <>
            <Allowed steps={steps} />
            <Refused steps={steps} />
            <div className="xa" aria-hidden="true">
              <Time iso={steps[0]?.at ?? null} ago />
              <Time iso={steps[Math.floor(steps.length / 2)]?.at ?? null} ago />
              <span>{texts.nowLabel}</span>
            </div>
            <Table steps={steps} />
          </>
        )}
      </div>
    </Panel>
  );
}
