// Owns reasons with their counts as bars, each a link to the list behind it.
import type { ReactElement } from 'react';
import { Link } from 'wouter';
import { number } from '../texts/format.ts';
import { StateIcon, lookOf, shortReason } from './state.tsx';

/** A reason of refused phones. */
export interface ReasonCount {
  readonly state: string;
  readonly reason: string | null;
  readonly phones: number;
}

/** The bars; the longest is the first. */
export function ReasonBars({ reasons }: { reasons: readonly ReasonCount[] }): ReactElement {
  const top = Math.max(1, ...reasons.map(({ phones }) => phones));
  return (
    <ul className="reasons">
      {reasons.map(({ state, reason, phones }) => (
        <li key={`${state} ${reason ?? ''}`}>
          <span className="l">
            <StateIcon state={state} />
            <Link
              href={`/devices?${new URLSearchParams({ state, ...(reason === null ? {} : { reason }) }).toString()}`}
            >
              {shortReason(reason) || state}
            </Link>
          </span>
          <span className="b">
            <svg className="bar thin" aria-hidden="true">
              <rect className="f-track" width="100%" height="100%" />
              <rect
                {...(lookOf(state) === 'block' ? { fill: 'url(#hatch)' } : { className: 'f-hold' })}
                width={`${(phones / top) * 100}%`}
                height="100%"
              />
            </svg>
          </span>
          <span className="num">{number(phones)}</span>
        </li>
      ))}
    </ul>
  );
}
