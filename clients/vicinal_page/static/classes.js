// Which key names which class.

const DIGITS = "1234567890";
const LETTERS = "qwertipadghzxcvbm"; // those that mean nothing else
const KEYS = [...DIGITS, ...LETTERS];

/** The key of a class, or nothing for those that only the search finds. */
export function keyOf(index) {
  return KEYS[index];
}

/** The class that a key names, or -1. */
export function classOf(key, count) {
  const index = KEYS.indexOf(key.toLowerCase());
  return index < count ? index : -1;
}

export const KEYED = KEYS.length;
