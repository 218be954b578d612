import { randomBytes, randomUUID } from "node:crypto";

/** Which log this process follows, and how far it has seen it. Revisions stay below 2^53: the counter grows by one. */
export class LogIdentity {
  logId = "";
  /** Highest revision that this process or its record files have seen, of any log: a new log begins above it. */
  seen = 0;
  readonly #writer = randomBytes(9).toString("base64url");
  #writes = 0;

  see(revision: number): void {
    if (revision > this.seen) this.seen = revision;
  }

  /**
   * Unique id of a write, kept with its log entry: tells whether a write whose reply was lost has happened. Says also the schema of
   * each record where one is not 1, so that processes of different versions can follow one log.
   */
  nextWriteId(schemas: readonly number[]): string {
    const suffix = schemas.every((schema) => schema === 1) ? "" : `/${schemas.join()}`;
    return `${this.#writer}.${(this.#writes++).toString(36)}${suffix}`;
  }

  static newLogId(): string {
    return randomUUID();
  }
}

/** Schemas of the records of a write; undefined: all 1. */
export function schemasOf(writeId: string): number[] | undefined {
  const at = writeId.indexOf("/");
  return at < 0
    ? undefined
    : writeId
        .slice(at + 1)
        .split(",")
        .map(Number);
}
