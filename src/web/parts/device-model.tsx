// Owns the model of a device where its id is not beside it: with the end of the id, as one user may have two devices of one model.
import type { ReactElement } from 'react';
import { Dash } from './time.tsx';

/** Letters of the end: of ids that begin alike, such as those of Apple, it differs. */
const END = 4;

function endOf(device: string): string {
  return `…${device.slice(-END)}`;
}

/** "Pixel 8 …2783", for titles and screen readers. `model` null = not known: the whole id. */
export function modelName(model: string | null, device: string): string {
  return model === null ? device : `${model} ${endOf(device)}`;
}

/** The same in a cell. A table leaves the end out where it shows whole ids, and where it has no room (device-table.css). */
export function DeviceModel({ model, device }: { model: string | null; device: string }): ReactElement {
  return (
    <>
      {model === null ? (
        <Dash />
      ) : (
        <span className="model" title={model}>
          {model}
        </span>
      )}{' '}
      <span className="id-end mono t3 sm">{endOf(device)}</span>
    </>
  );
}
