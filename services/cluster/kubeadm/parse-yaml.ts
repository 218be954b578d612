import { parseAllDocuments } from "yaml";

/** An alias stands for a whole part of the document: a few hundred of them can make any amount of memory out of a line. */
const MAX_ALIASES = 50;

/** Documents of somebody's YAML; empty ones are left out. Throws with what is wrong and where. */
export function parseDocuments(text: string): unknown[] {
  // As everything of Kubernetes reads it: `no` is false.
  const parsed = parseAllDocuments(text, { version: "1.1" });
  return (Array.isArray(parsed) ? parsed : []).map(value).filter((value) => value !== null && value !== undefined);
}

function value(document: { errors: Error[]; toJS(options: { maxAliasCount: number }): unknown }): unknown {
  const [error] = document.errors;
  if (error) throw new Error(`is not YAML: ${error.message.split("\n", 1)[0]}`);
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw new Error(`is not YAML that can be taken: ${(error as Error).message}`, { cause: error });
  }
}
