// Owns the first button on the page of a device: an exception, or taking the wipe back.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { roleFor, useMay } from '../client/signed-in.ts';
import { t } from '../texts/texts.ts';
import { AllowUntil } from './allow-until.tsx';
import { ClearWipeModal } from './clear-wipe-modal.tsx';
import type { Possible } from './possible.ts';
import type { Decide, Target } from './use-decide.ts';

/** Nothing where mail flows, or no decision on the device would help. */
export function FirstAction({
  target,
  name,
  possible,
  decide,
  isSmall,
}: {
  target: Target;
  name: string;
  possible: Possible;
  decide: Decide;
  isSmall?: boolean;
}): ReactElement | null {
  const mayDecide = useMay('decide');
  const mayWipe = useMay('orderWipe');
  const className = isSmall === true ? 'btn small' : 'btn primary';
  const [isClearing, setClearing] = useState(false);
  const wipe = possible.stored.find(({ kind }) => kind !== 'decision');
  if (wipe !== undefined)
    return (
      <>
        <button
          className={className}
          type="button"
          disabled={!mayWipe}
          aria-disabled={decide.isBusy}
          title={mayWipe ? undefined : t.trouble.needsRole(roleFor('orderWipe'))}
          onClick={() => {
            if (wipe.kind === 'wiped') setClearing(true);
            else if (!decide.isBusy) void decide.clear(wipe.target);
          }}
        >
          {wipe.kind === 'wiped' ? t.decide.wipe.clear : t.decide.wipe.takeBack}
        </button>
        {isClearing ? (
          <ClearWipeModal target={wipe.target} name={name} decide={decide} close={() => setClearing(false)} />
        ) : null}
      </>
    );
  const isHelped = possible.hindrance === null && possible.verdict?.action !== 'allow';
  if (!isHelped && decide.doneFor(target) === null) return null;
  return (
    <AllowUntil
      target={target}
      name={name}
      title={t.decide.allow.title(name)}
      decide={decide}
      className={className}
      blocked={mayDecide ? null : t.trouble.needsRole(roleFor('decide'))}
    />
  );
}
