import { type FieldViolation, invalidArgument } from "../errors/errors.ts";

/** More bad fields than this are counted, not listed. */
export const VIOLATIONS_MAX = 100;
/** Of all paths and descriptions together: a small request must not make a large answer. */
export const VIOLATIONS_LENGTH_MAX = 32 * 1024;

/** Collects every bad field of a request, to be reported at once. */
export class Violations {
  readonly list: FieldViolation[] = [];
  #length = 0;
  #omitted = 0;

  /** `field`: path in proto names, for example `instance.spec.ports[0].host_port`. */
  add(field: string, description: string): this {
    const length = this.#length + field.length + description.length;
    if (this.list.length >= VIOLATIONS_MAX || (length > VIOLATIONS_LENGTH_MAX && !this.empty)) this.#omitted++;
    else {
      this.#length = length;
      this.list.push({ field, description });
    }
    return this;
  }

  addAll(violations: Iterable<FieldViolation>): this {
    for (const { field, description } of violations) this.add(field, description);
    return this;
  }

  /** Adds a violation unless `condition` holds; returns the condition. */
  check(condition: boolean, field: string, description: string): boolean {
    if (!condition) this.add(field, description);
    return condition;
  }

  get empty(): boolean {
    return this.list.length === 0;
  }

  /** Throws INVALID_ARGUMENT with everything collected, if there is anything. */
  throwIfAny(): void {
    if (this.empty) return;
    const rest = this.#omitted;
    const omitted = rest === 0 ? [] : [{ field: "", description: `${rest} more bad fields are not listed` }];
    throw invalidArgument([...this.list, ...omitted]);
  }
}
