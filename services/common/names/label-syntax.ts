/** Syntax of label keys and values, as in Kubernetes. */

export const LABEL_NAME_LENGTH_MAX = 63;
export const LABEL_PREFIX_LENGTH_MAX = 253;
export const LABEL_VALUE_LENGTH_MAX = 63;

const NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** What is wrong with a label key, or undefined. */
export function labelKeyProblem(key: string): string | undefined {
  const slash = key.indexOf("/");
  const name = key.slice(slash + 1);
  if (slash !== -1) {
    const prefix = key.slice(0, slash);
    if (prefix.length > LABEL_PREFIX_LENGTH_MAX) {
      return `the prefix before "/" has more than ${LABEL_PREFIX_LENGTH_MAX} characters`;
    }
    if (!prefix.split(".").every((part) => part.length <= 63 && DNS_LABEL.test(part))) {
      return 'what comes before "/" must be a DNS name in lower case';
    }
  }
  if (name === "") return "the key is empty";
  if (name.length > LABEL_NAME_LENGTH_MAX) return `the key has more than ${LABEL_NAME_LENGTH_MAX} characters`;
  if (!NAME.test(name)) {
    return 'a key has letters, digits, "_", "." and "-" only, and begins and ends with a letter or digit';
  }
  return undefined;
}

/** What is wrong with a label value, or undefined. */
export function labelValueProblem(value: string): string | undefined {
  if (value.length > LABEL_VALUE_LENGTH_MAX) return `the value has more than ${LABEL_VALUE_LENGTH_MAX} characters`;
  if (value !== "" && !NAME.test(value)) {
    return 'a value is empty or has letters, digits, "_", "." and "-" only, and begins and ends with a letter or digit';
  }
  return undefined;
}
