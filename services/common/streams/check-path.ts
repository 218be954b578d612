import { Violations } from "../names/violations.ts";

const PATH_BYTES_MAX = 4096;

/** INVALID_ARGUMENT unless `path` is an absolute path in a container. */
export function checkPath(field: string, path: string): void {
  const bad = new Violations();
  addPathProblems(bad, field, path);
  bad.throwIfAny();
}

export function addPathProblems(bad: Violations, field: string, path: string): void {
  bad.check(path.startsWith("/"), field, "must be an absolute path");
  bad.check(Buffer.byteLength(path) <= PATH_BYTES_MAX, field, `is longer than ${PATH_BYTES_MAX} bytes`);
  bad.check(!path.includes("\0"), field, "must not contain a zero byte");
}
