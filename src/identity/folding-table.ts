// Owns the folding of the letters of European and Middle Eastern scripts (folded-name.ts), as collation and Unicode 17 have it.
// It is never made anew: the keys of stored users depend on it, and gateways with different versions of Node.js share a store. Pure.

const NOT_HERE = '·';

/**
 * By the first character of a range: what each character folds to, separated by spaces; nothing = it is left out, `␣` = a space, `·` = it is not in
 * the table: it has a decomposition, or Unicode 17 does not assign it.
 */
const RANGES: readonly (readonly [first: number, folded: string])[] = [
  // Latin
  [
    0x80,
    '     \ue000                           ␣ \ue007 \ue020 \ue021 \ue020 \ue021 \ue01f \ue011 ␣ ' +
      '\ue01a a \ue00b \ue01e  \ue01a ␣ \ue01a \ue01b 2 3 ␣ μ \ue011 \ue009 ␣ 1 o \ue00b 1\ue0204 ' +
      '1\ue0202 3\ue0204 \ue008 · · · · · · ae · · · · · · · · · d · · · · · · \ue01b o · · · · · ' +
      '\ue34e ss · · · · · · ae · · · · · · · · · d · · · · · · \ue01b o · · · · · \ue34e · · · · · · ' +
      '· · · · · · · · · · · d d · · · · · · · · · · · · · · · · · · · · h h · · · · · · · · · \ue183 ' +
      'ij ij · · · · \ue25b · · · · · · l l l l · · · · · · \ue34en \ue20a \ue20a · · · · · · oe oe · ' +
      '· · · · · · · · · · · · · · · · · \ue2ac \ue2ac · · · · · · · · · · · · · · · · · · · · · · · s ' +
      '\ue0c6 \ue0c6 \ue0c6 \ue0c6 \ue34e \ue34e \ue225 \ue0e1 \ue0e1 \ue0fc \ue0fc \ue0fc \ue0fc zw ' +
      '\ue117 \ue117 \ue117 \ue132 \ue132 \ue14d \ue14d \ue168 \ue183 \ue183 \ue1b9 \ue1b9 \ue1d4 ' +
      '\ue1d4 \ue2c7 \ue20a \ue20a \ue225 · · \ue14d \ue14d \ue240 \ue240 \ue276 \ue34e \ue34e \ue291 ' +
      '\ue291 \ue2ac \ue2ac \ue2ac \ue2ac · · \ue2c7 \ue2e2 \ue333 \ue333 \ue34e \ue34e \ue34e \ue34e ' +
      '\ue34e \ue34e \ue34e \ue34e \ue34e ts \ue34e \ue34e \ue34e \ue34e \ue34e dz dz dz lj lj lj nj ' +
      'nj nj · · · · · · · · · · · · · · · · \ue117 · · · · · · \ue14d \ue14d · · · · · · · · · · · dz ' +
      'dz dz · · \ue168 \ue34e · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ' +
      '\ue333 \ue333 · · \ue20a \ue0fc \ue225 \ue225 \ue34e \ue34e · · · · · · · · · · · · · · \ue1d4 ' +
      '\ue20a \ue2ac \ue19e db qp \ue0ab \ue0e1 \ue0e1 \ue1d4 \ue2ac \ue291 \ue34e \ue34e \ue34e ' +
      '\ue0c6 \ue2c7 \ue2e2 \ue117 \ue117 \ue19e \ue19e \ue25b \ue25b \ue276 \ue276 \ue333 \ue333',
  ],
  // phonetic letters, marks
  [
    0x250,
    '\ue0ab \ue0ab \ue0ab \ue0c6 \ue225 \ue0e1 \ue0fc \ue0fc \ue117 \ue117 \ue117 \ue117 \ue117 ' +
      '\ue117 \ue117 \ue19e \ue14d \ue14d \ue14d \ue14d \ue117 \ue2c7 \ue168 \ue168 \ue183 \ue183 ' +
      '\ue183 \ue1d4 \ue1d4 \ue1d4 \ue1d4 \ue2c7 \ue2c7 \ue1ef \ue20a \ue20a \ue20a \ue225 \ue225 ' +
      '\ue225 \ue240 \ue276 \ue276 \ue276 \ue276 \ue276 \ue276 \ue276 \ue276 \ue276 \ue291 \ue291 ' +
      '\ue19e \ue291 \ue291 \ue2ac \ue2ac \ue2c7 \ue2c7 \ue2e2 \ue2e2 \ue2fd \ue1d4 \ue333 \ue34e ' +
      '\ue34e \ue34e \ue34e \ue34e \ue34e \ue34e \ue34e \ue34e \ue0c6 \ue117 \ue14d \ue168 \ue19e ' +
      '\ue1b9 \ue1d4 \ue25b \ue34e \ue34e dz \ue0fc \ue0fc ts \ue2a5 \ue295 \ue126 ls lz \ue34e \ue34e ' +
      '\ue2c7 \ue2c7 h \ue168 j r \ue276 \ue276 \ue276 w y \ue01a \ue01a \ue168 \ue34e \ue168 \ue34e ' +
      '\ue34e \ue34e \ue34e \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a ' +
      '\ue01a \ue01a \ue01a \ue01a \ue020 \ue020 \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a ␣ ␣ ␣ ␣ ␣ ␣ ' +
      '\ue01a \ue01a \ue14d l s x \ue34e \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a ' +
      '\ue01a \ue34e \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a \ue01a ' +
      '\ue01a \ue01a \ue01a \ue01a \ue01a \ue01a                                                       ' +
      '          · ·  · ·                               a e i o u c d h m r t v x',
  ],
  // Greek
  [
    0x370,
    '\ue354 \ue354 \ue366 \ue366 · \ue01a \ue353 \ue353 · · ι \ue360 \ue360 \ue360 · \ue357 · · · · ' +
      '␣ · · · · · · · · · · · · α β γ δ ε ζ η θ ι κ λ μ ν ξ ο π ρ · σ τ υ φ χ ψ ω · · · · · · · α β γ ' +
      'δ ε ζ η θ ι κ λ μ ν ξ ο π ρ σ σ τ υ φ χ ψ ω · · · · · \ue358 β θ υ · · φ π \ue358 \ue35e \ue35e ' +
      '\ue353 \ue353 \ue353 \ue353 \ue35e \ue35e \ue366 \ue366 \ue366 \ue366 \ue366 \ue366 \ue366 ' +
      '\ue366 \ue366 \ue366 \ue366 \ue366 \ue366 \ue366 \ue366 \ue366 κ ρ σ \ue357 θ ε \ue01a \ue366 ' +
      '\ue366 σ \ue35e \ue35e \ue35f \ue360 \ue360 \ue360',
  ],
  // Cyrillic
  [
    0x400,
    '· · ђ · є \ue371 і · ј љ њ ћ · · · џ а б в ґ д е ж з и · к л м н о п р с т у ф х ц ч ш щ ъ ы ь ' +
      'э ю я а б в ґ д е ж з и · к л м н о п р с т у ф х ц ч ш щ ъ ы ь э ю я · · ђ · є \ue371 і · ј љ ' +
      'њ ћ · · · џ \ue383 \ue383 \ue38b \ue38b \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e ' +
      '\ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e · · \ue381 \ue381 \ue383 ' +
      '\ue383 \ue383 \ue383 \ue383 \ue383 \ue37c \ue37c \ue01a        \ue372 \ue372 \ue38b \ue38b ' +
      '\ue37d \ue37d ґ ґ \ue36b \ue36b \ue36b \ue36b \ue370 \ue370 \ue36d \ue36d \ue375 \ue375 \ue375 ' +
      '\ue375 \ue375 \ue375 \ue375 \ue375 \ue379 \ue379 \ue379 \ue379 \ue37c \ue37c \ue38e \ue38e ' +
      '\ue37e \ue37e \ue37f \ue37f \ue381 \ue381 \ue381 \ue381 \ue383 \ue383 \ue384 \ue384 \ue385 ' +
      '\ue385 \ue385 \ue385 \ue383 \ue383 \ue385 \ue385 \ue385 \ue385 \ue38e · · \ue375 \ue375 \ue376 ' +
      '\ue376 \ue379 \ue379 \ue379 \ue379 \ue385 \ue385 \ue378 \ue378 \ue38e · · · · \ue367 \ue367 · · ' +
      '\ue367 \ue367 · · · · · · \ue371 \ue371 · · · · · · \ue37b \ue37b · · · · · · · · · · · · ' +
      '\ue36b \ue36b · · \ue36b \ue36b \ue383 \ue383 \ue383 \ue383 \ue36c \ue36c \ue36d \ue36d \ue371 ' +
      '\ue371 \ue371 \ue371 \ue377 \ue377 \ue37a \ue37a \ue37e \ue37e \ue37f \ue37f \ue371 \ue371 ' +
      '\ue376 \ue376 \ue377 \ue377 \ue37d \ue37d \ue38e \ue38e \ue375 \ue375 \ue38e \ue38e \ue375 ' +
      '\ue375 \ue376 \ue376 \ue379 \ue379 \ue37c \ue37c \ue383 \ue383 \ue379 \ue379 \ue370 \ue370 ' +
      '\ue385 \ue385 \ue376 \ue376',
  ],
  // Armenian, Hebrew
  [
    0x530,
    '· \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e ' +
      '\ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e ' +
      '\ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e · · \ue38e ' +
      '\ue018 \ue018 \ue007 \ue004 \ue008 \ue018 \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e ' +
      '\ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e ' +
      '\ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e ' +
      '\ue38e \ue38e \ue38e \ue38e \ue38e \ue38e \ue38e\ue38e \ue38e \ue006 \ue003 · · \ue01a \ue01a ' +
      '\ue021 ·                                              \ue018  \ue018   \ue018   \ue018  · · · · ' +
      '· · · · א ב ג ד ה ו ז ח ט י כ כ ל מ מ נ נ ס ע פ פ צ צ ק ר ש ת · · · · \ue398 \ue394 \ue394 ' +
      '\ue398 \u0027 " · · · · · · · · · · ·',
  ],
  // Arabic
  [
    0x600,
    '      \ue020 \ue020 \ue01a \ue018 \ue018 \ue021 \ue004 \ue004 \ue01a \ue01a            \ue005  ' +
      '\ue009 \ue006 \ue008 \ue3c1 ء · · · · · ا ب \ue3a7 ت ث ج ح خ د ذ ر ز س ش ص ض ط ظ ع غ \ue3bb ' +
      '\ue3bb \ue3c1 \ue3c1 \ue3c1  ف ق ك ل م ن ه و \ue3c0 ي                      0 1 2 3 4 5 6 7 8 9 ' +
      '\ue018 \ue004 \ue004 \ue013 \ue3a6 \ue3b9  \ue3a5 \ue3a5 \ue3a5 ء اء وء \ue3c0ء يء \ue3a9 ' +
      '\ue3a9 \ue3a7 \ue3a9 \ue3a9 \ue3a7 \ue3a9 \ue3a7 \ue3ac \ue3ac \ue3aa \ue3aa \ue3ac \ue3aa ' +
      '\ue3aa \ue3ae \ue3ae \ue3ae \ue3ae \ue3ae \ue3ae \ue3ae \ue3ae \ue3ae \ue3b0 \ue3b0 \ue3b0 ' +
      '\ue3b0 \ue3b0 \ue3b0 \ue3b0 \ue3b0 \ue3b0 \ue3b2 \ue3b2 \ue3b2 \ue3b4 \ue3b4 \ue3b6 \ue3b8 ' +
      '\ue3b9 \ue3b9 \ue3b9 \ue3b9 \ue3b9 \ue3b9 \ue3ba \ue3ba \ue3bb \ue3bb \ue3bb \ue3bb \ue3bb ' +
      '\ue3bb \ue3bb \ue3bb \ue3bb \ue3bb \ue3bb \ue3bb \ue3bc \ue3bc \ue3bc \ue3bc \ue3be \ue3be ' +
      '\ue3be \ue3be \ue3be \ue3bf \ue3aa · \ue3bf · \ue3bf \ue3c0 \ue3c0 \ue3c0 \ue3c0 \ue3c0 \ue3c0 ' +
      '\ue3c0 \ue3c0 \ue3c1 \ue3c1 \ue3c1 \ue3c0 \ue3c1 \ue3c1 \ue3c1 · \ue009 \ue3bf         \ue01a   ' +
      '    و ي   \ue01a     \ue3ae \ue3b0 0 1 2 3 4 5 6 7 8 9 \ue3b2 \ue3b4 \ue3b8 ء م \ue3bf',
  ],
  // phonetic letters, marks
  [
    0x1d00,
    '\ue0ab \ue0ab \ue0ab \ue0c6 \ue0e1 \ue0fc \ue0fc \ue117 \ue117 \ue183 \ue19e \ue1b9 \ue1d4 ' +
      '\ue1ef \ue20a \ue225 \ue225 \ue225 \ue225 \ue225 \ue225 \ue225 \ue225 \ue225 \ue240 \ue276 ' +
      '\ue276 \ue2ac \ue2c7 \ue2c7 \ue2c7 \ue2c7 \ue2e2 \ue2fd \ue34e \ue34e \ue34e \ue34e \ue351 ' +
      '\ue359 \ue35e \ue35f \ue365 \ue376 a ae b \ue0c6 d e \ue117 g h i j k l m n \ue20a o \ue225 p r ' +
      't u w a \ue0ab \ue0ab \ue0ab b d e \ue117 \ue117 \ue117 g \ue183 k m \ue20a o \ue225 \ue225 ' +
      '\ue225 p t u \ue2c7 \ue2c7 v \ue34e β γ δ φ χ i r u v β γ ρ φ χ \ue2c7 \ue0c6 \ue0fc \ue132 ' +
      '\ue1ef \ue20a \ue240 \ue276 \ue276 \ue291 \ue2ac \ue34e \ue14d н g th \ue183 \ue183 \ue240 ' +
      '\ue2c7 \ue2c7 \ue0c6 \ue0fc \ue132 \ue14d \ue1b9 \ue1d4 \ue1ef \ue20a \ue240 \ue276 \ue291 ' +
      '\ue291 \ue2e2 \ue318 \ue34e \ue0ab \ue0ab \ue0fc \ue117 \ue117 \ue117 \ue117 \ue183 \ue225 ' +
      '\ue291 \ue2c7 \ue34e \ue0ab c \ue0e1 d \ue117 f \ue19e \ue14d \ue2c7 \ue183 \ue183 \ue183 ' +
      '\ue183 \ue19e \ue1d4 \ue1d4 \ue1d4 \ue1ef \ue2c7 \ue20a \ue20a \ue20a \ue225 \ue240 \ue291 ' +
      '\ue291 \ue2ac \ue2c7 \ue2c7 \ue2c7 \ue2e2 \ue2e2 z \ue34e \ue34e \ue34e θ           r        ' +
      '\ue34e a ae ao av c d d g \ue14d k l \ue1d4 \ue1ef n \ue20a \ue276 r s s z \ue0ab b \ue0c6 ' +
      '\ue117 f \ue1d4 o p \ue291 u w a o u',
  ],
  // Latin and Greek with marks
  [
    0x1e00,
    '· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ' +
      '· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ' +
      '· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ' +
      '· · · · · · · · · · a\ue34e · \ue291 \ue291 ss \ue0fc · · · · · · · · · · · · · · · · · · · · · ' +
      '· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ' +
      '· · · · · · · · · · · · · · · · · · · · · ll ll \ue2e2 \ue2e2 \ue333 \ue333 · · · · · · · · · · ' +
      '· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ' +
      '· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ' +
      '· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ' +
      '· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ␣ · ␣ ␣ · · · · · · · · · ' +
      '· · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · · ' +
      '· · · · ␣ ·',
  ],
  // Latin
  [
    0x2c60,
    '\ue1d4 \ue1d4 \ue1d4 \ue240 \ue276 \ue0ab \ue2ac \ue168 \ue168 \ue1b9 \ue1b9 \ue34e \ue34e ' +
      '\ue0ab \ue1ef \ue0ab \ue0ab \ue2e2 \ue2fd \ue2fd \ue2e2 \ue168 \ue168 \ue240 \ue117 \ue276 ' +
      '\ue225 \ue117 j v \ue291 \ue34e',
  ],
  // Latin
  [
    0xa720,
    '\ue01a \ue01a \ue34e \ue34e \ue34e \ue34e \ue168 \ue168 tz tz \ue34e \ue34e \ue34e \ue34e ' +
      '\ue34e \ue34e \ue132 \ue291 aa aa ao ao au au av av av av ay ay \ue0e1 \ue0e1 \ue1b9 \ue1b9 ' +
      '\ue1b9 \ue1b9 \ue1b9 \ue1b9 \ue1d4 \ue1d4 \ue1d4 \ue1d4 \ue225 \ue225 \ue225 \ue225 oo oo ' +
      '\ue240 \ue240 \ue240 \ue240 \ue240 \ue240 \ue25b \ue25b \ue25b \ue25b r r \ue276 \ue276 \ue2e2 ' +
      '\ue2e2 vy vy \ue34e \ue34e \ue34e \ue34e \ue34e \ue34e \ue34e \ue34e \ue34e \ue34e \ue34e ' +
      '\ue34e \ue34e \ue34e \ue34e \ue0fc \ue1d4 \ue1ef \ue20a \ue276 \ue276 \ue2ac \ue34e d d f f g ' +
      '\ue14d \ue14d \ue1d4 \ue1d4 r r s s t t \ue01a \ue01a \ue01a \ue34e \ue34e \ue2c7 \ue1d4 \ue34e ' +
      '\ue20a \ue20a \ue0e1 \ue0e1 \ue0e1 \ue168 \ue0c6 \ue0c6 \ue132 \ue132 a a o o u u g g k k n n r ' +
      'r s s \ue168 \ue117 \ue14d \ue1d4 \ue183 \ue25b \ue1b9 \ue2ac \ue19e \ue318 \ue0c6 \ue0c6 ' +
      '\ue225 \ue225 \ue2c7 \ue2c7 \ue0ab \ue0ab \ue183 \ue183 \ue2c7 \ue2c7 a a w w \ue0e1 \ue291 ' +
      '\ue34e \ue0fc \ue0fc \ue291 \ue291 \ue117 \ue291 \ue291 \ue34e \ue34e \ue14d \ue14d \ue34e ' +
      '\ue34e \ue34e \ue34e \ue291 \ue291 s s \ue1d4 \ue1d4 \ue1d4 · · · · · · · · · · · · · · · · · · ' +
      '· · s c f q \ue168 \ue168 \ue183 h oe \ue2c7 \ue132 \ue240 \ue1ef \ue183 \ue1ef',
  ],
  // ligatures
  [0xfb00, 'ff fi fl ffi ffl st st'],
  // full width
  [
    0xff00,
    '· ! " # $ % & \u0027 ( ) * + , - . / 0 1 2 3 4 5 6 7 8 9 : ; < = > ? @ a b c d e f g h i j k l ' +
      'm n o p q r s t u v w x y z [ \u005c ] ^ _ ` a b c d e f g h i j k l m n o p q r s t u v w x y ' +
      'z { | } ~',
  ],
];

/** What a character folds to; undefined = it is not in the table. */
export const FOLDED: ReadonlyMap<string, string> = new Map(
  RANGES.flatMap(([first, folded]) =>
    folded
      .split(' ')
      .map((text, index): [string, string] => [
        String.fromCodePoint(first + index),
        text.replaceAll('␣', ' '),
      ])
      .filter(([, text]) => text !== NOT_HERE),
  ),
);
