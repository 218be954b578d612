/** Integers as ProtoJSON has them: a number or a string, with fraction and exponent as long as the value is whole. */

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/;
/** Longer than any number that a double or a 64-bit integer is written as; keeps the work per string small. */
const TEXT_LENGTH_MAX = 400;
/** No 64-bit integer has more digits. */
const DIGITS_MAX = 20;

export type IntegerResult = bigint | "malformed" | "fraction" | "range";

/** Value of a decimal number in JSON's syntax; `range` when it has more than 20 digits. */
export function parseInteger(text: string): IntegerResult {
  const found = text.length > TEXT_LENGTH_MAX ? null : NUMBER.exec(text);
  if (found === null) return "malformed";
  const [, sign, whole, fraction = "", exponent = "0"] = found;
  const digits = (whole! + fraction).replace(/^0+/, "");
  if (digits === "") return 0n;
  const significant = digits.replace(/0+$/, "");
  // The value is `significant` followed by this many zeros.
  const zeros = digits.length - significant.length + Number(exponent) - fraction.length;
  if (zeros < 0) return "fraction";
  if (significant.length + zeros > DIGITS_MAX) return "range";
  const value = BigInt(significant + "0".repeat(zeros));
  return sign === "-" ? -value : value;
}

/** Whether the text has the syntax of a JSON number and at most 400 characters. */
export function isNumberText(text: string): boolean {
  return text.length <= TEXT_LENGTH_MAX && NUMBER.test(text);
}
