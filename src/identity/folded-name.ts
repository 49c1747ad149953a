// Owns the folding of the local part of user names: names that a directory may take for one have the same folded part
// (lookAlike in user-names.ts). Stores keep what is known of users by it. Pure.
// Threat: a decision on `strasse` that a login as `straße` does not meet, because the two are stored apart.
import { FOLDED } from './folding-table.ts';
import { localPart } from './user-names.ts';

const BASE_LETTERS = new Intl.Collator('und', { sensitivity: 'base' });

const LATIN = Array.from('abcdefghijklmnopqrstuvwxyz');
const DIGITS = Array.from('0123456789');
const OTHERS =
  ' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~' +
  'αβγδεζηθικλμνξοπρστυφχψω' +
  'абвгдежзиклмнопрстуфхцчшщъыьэюяђєіјљњћџґ' +
  'אבגדהוזחטיכלמנסעפצקרשת' +
  'ءابتثجحخدذرزسشصضطظعغفقكلمنهوي' +
  'あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん' +
  '一丁中人仁佐健光北南原口吉和国大天太安宮小山島崎川平広建張彦志恵愛成文新明春木本李村東松林森橋正武永江池沢浩清渡王田由真石福秀秋純美義藤西谷趙郎野金鈴長陳雄高黃';

/**
 * For what is not in the table (folding-table.ts): its order may change with a later version of Node.js, decisions/0072.
 * A ladder of texts in the order of the collation. A character folds to the text that it equals, else to its place on the
 * ladder: characters that are equal have the same place. The pairs are for characters that equal two letters (`ß`, `æ`).
 */
const LADDER = [
  ...Array.from(OTHERS),
  ...LATIN,
  ...pairsOf(LATIN),
  ...DIGITS,
  ...pairsOf(DIGITS),
  'a/s',
].sort(BASE_LETTERS.compare);

/** Vowels that are written before their consonant, and sorted behind it: in both orders the text is equal. */
const WRITTEN_BEFORE = /[\u0e40-\u0e44\u0ec0-\u0ec4\u19b5-\u19b7\u19ba\uaab5\uaab6\uaab9\uaabb\uaabc]/u;

const PRINTABLE_ASCII = /^[ -~]*$/;
/** Of the private use area, which no name contains after it: places on the ladder. */
const FIRST_PLACE = 0xe000;
const MAX_REMEMBERED = 10_000;
const remembered = new Map<string, string>();

/** The local part of a name without what Active Directory ignores: case, width, accents, ligatures. */
export function foldedLocalPart(user: string): string {
  const local = localPart(user);
  return PRINTABLE_ASCII.test(local) ? local.toLowerCase() : folded(local);
}

function folded(text: string): string {
  let result = '';
  for (const character of text.normalize('NFD')) {
    if (WRITTEN_BEFORE.test(character)) continue;
    let found = remembered.get(character);
    if (found === undefined) {
      found = foldedCharacter(character);
      if (remembered.size >= MAX_REMEMBERED) remembered.clear();
      remembered.set(character, found);
    }
    result += found;
  }
  return result;
}

function foldedCharacter(character: string): string {
  const fixed = FOLDED.get(character);
  if (fixed !== undefined) return fixed;
  if (BASE_LETTERS.compare(character, '') === 0) return '';
  const place = placeOf(character);
  const below = LADDER[place - 1];
  if (below !== undefined && BASE_LETTERS.compare(below, character) === 0) return below;
  const compatible = character.normalize('NFKD');
  return compatible === character ? String.fromCharCode(FIRST_PLACE + place) : folded(compatible);
}

/** How many texts of the ladder are not behind the character. */
function placeOf(character: string): number {
  let [low, high] = [0, LADDER.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (BASE_LETTERS.compare(LADDER[middle] ?? '', character) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function pairsOf(letters: readonly string[]): string[] {
  return letters.flatMap((first) => letters.map((second) => first + second));
}
