// Owns the reading of XML property lists, as Apple devices send them to their management. Pure.
// @see https://developer.apple.com/library/archive/documentation/CoreFoundation/Conceptual/CFPropertyLists (elements)
import sax from 'sax';

/** A value of a property list; data and dates as their text. */
export type PropertyValue = string | number | boolean | PropertyValue[] | { [key: string]: PropertyValue };

/** A device's answer is a few kilobytes; lists of apps are longer, and of no use here. */
export const MAX_PROPERTY_LIST = 1_048_576;
const MAX_DEPTH = 32;

interface Frame {
  readonly value: PropertyValue[] | { [key: string]: PropertyValue };
  key: string | null;
}

/** `<!` that no property list has. The parser looks at all of such a declaration again with each of its letters. */
const DECLARATION = /<!(?!--|\[CDATA\[|DOCTYPE\s)/;

class NotXml extends Error {}

/** At the first error: each further letter would be one more. */
function refuse(): never {
  throw new NotXml();
}

/**
 * Reads a property list; null = it is none. Entities of a document type are not expanded, so it cannot grow. Threat: an answer of a device that takes the
 * parser minutes.
 */
export function readPropertyList(xml: string): PropertyValue | null {
  if (xml.length > MAX_PROPERTY_LIST || DECLARATION.test(xml)) return null;
  const parser = sax.parser(true, {});
  const frames: Frame[] = [];
  let text = '';
  let root: PropertyValue | null = null;
  let isWrong = false;
  const put = (value: PropertyValue): void => {
    const frame = frames.at(-1);
    if (frame === undefined) root ??= value;
    else if (Array.isArray(frame.value)) frame.value.push(value);
    else if (frame.key !== null) {
      frame.value[frame.key] = value;
      frame.key = null;
    } else isWrong = true;
  };
  const takeText = (piece: string): void => {
    text += piece;
  };
  const open = ({ name }: { readonly name: string }): void => {
    text = '';
    if (name === 'dict')
      frames.push({ value: Object.create(null) as { [key: string]: PropertyValue }, key: null });
    else if (name === 'array') frames.push({ value: [], key: null });
    if (frames.length > MAX_DEPTH) isWrong = true;
  };
  const close = (name: string): void => {
    const frame = frames.at(-1);
    if (name === 'key') {
      if (frame === undefined || Array.isArray(frame.value)) isWrong = true;
      else frame.key = text;
    } else if (name === 'dict' || name === 'array') {
      frames.pop();
      if (frame !== undefined) put(frame.value);
    } else if (name === 'true' || name === 'false') put(name === 'true');
    else if (name === 'integer' || name === 'real') put(Number(text));
    else if (name !== 'plist') put(text);
    text = '';
  };
  Object.assign(parser, {
    onerror: refuse,
    ontext: takeText,
    oncdata: takeText,
    onopentag: open,
    onclosetag: close,
  });
  try {
    parser.write(xml).close();
  } catch (error) {
    if (error instanceof NotXml) return null;
    throw error;
  }
  return isWrong || frames.length > 0 ? null : root;
}
