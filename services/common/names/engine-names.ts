import { isId } from "./ids.ts";

export const DEFAULT_PROJECT = "default";

/**
 * What a thing is called on an engine: `<id>` in project `default`, `<project>.<id>` in any other. Ids have no dot, so names of two
 * projects never meet.
 */
export function formatEngineName(project: string, id: string): string {
  return project === DEFAULT_PROJECT ? id : `${project}.${id}`;
}

/** Undefined when Gantry would never give a thing this name. */
export function parseEngineName(name: string): { project: string; id: string } | undefined {
  const [first, second, ...more] = name.split(".");
  if (first === undefined || !isId(first) || more.length > 0) return undefined;
  if (second === undefined) return { project: DEFAULT_PROJECT, id: first };
  return isId(second) && first !== DEFAULT_PROJECT ? { project: first, id: second } : undefined;
}
