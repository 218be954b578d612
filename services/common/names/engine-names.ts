export const DEFAULT_PROJECT = "default";

/** Engines refuse shorter names. */
const ENGINE_NAME_LENGTH_MIN = 2;

/**
 * What a thing is called on an engine: `<id>` in project `default`, `<project>.<id>` in any other. An id of one letter is too short for an
 * engine: it is called `default.<id>` in project `default`. Ids have no dot, so names never meet.
 */
export function formatEngineName(project: string, id: string): string {
  return project === DEFAULT_PROJECT && id.length >= ENGINE_NAME_LENGTH_MIN ? id : `${project}.${id}`;
}
