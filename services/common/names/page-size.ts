import { Violations } from "./violations.ts";

export const PAGE_SIZE_DEFAULT = 100;
export const PAGE_SIZE_MAX = 1000;

/**
 * Page size as AIP-158 has it: 0 is the default, more than the maximum is the maximum. A negative one is a violation: added to
 * `violations` where given, thrown as INVALID_ARGUMENT otherwise.
 */
export function coercePageSize(pageSize: number, violations?: Violations, field = "page_size"): number {
  if (pageSize < 0) {
    const target = violations ?? new Violations();
    target.add(field, `${pageSize} is negative`);
    if (violations === undefined) target.throwIfAny();
    return PAGE_SIZE_DEFAULT;
  }
  return pageSize === 0 ? PAGE_SIZE_DEFAULT : Math.min(pageSize, PAGE_SIZE_MAX);
}
