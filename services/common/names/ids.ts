import type { FieldViolation } from "../errors/errors.ts";

export const ID_LENGTH_MAX = 40;

const ID = /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/;

/**
 * Ids nobody may create: names of what Gantry makes itself (`gantry`), of built-in mirrors (`realm`, `operations`, `audit`), and words
 * with a meaning of their own where an id stands (`all`, `none`, `self`, `localhost`; `-` is the wildcard of lists).
 */
export const RESERVED_IDS: ReadonlySet<string> = new Set([
  "-",
  "all",
  "audit",
  "gantry",
  "localhost",
  "none",
  "operations",
  "realm",
  "self",
]);

/** Whether the text has the form of an id. Reserved words have it too: see checkId. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** What is wrong with an id that a user chose for something new; empty when it may be used. */
export function checkId(field: string, id: string): FieldViolation[] {
  if (id === "") return [{ field, description: "is required" }];
  if (RESERVED_IDS.has(id)) return [{ field, description: `"${id}" is a reserved word` }];
  if (id.length > ID_LENGTH_MAX) {
    return [{ field, description: `has ${id.length} characters; at most ${ID_LENGTH_MAX} are allowed` }];
  }
  if (ID.test(id)) return [];
  return [
    {
      field,
      description: `${JSON.stringify(id)} is not an id: lower-case letters, digits and "-", beginning with a letter and not ending with "-"`,
    },
  ];
}
