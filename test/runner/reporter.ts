/** A reporter for node:test that writes what test/run.ts counts: one JSON line for each test that ended. */
import type { TestEvent } from "node:test/reporters";

export interface TestResult {
  name: string;
  outcome: "passed" | "failed" | "skipped";
  durationMs: number;
  /** Why it failed. */
  detail?: string;
}

const SUBTESTS_FAILED = "subtestsFailed";

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const parents: string[] = [];
  for await (const { type, data } of events) {
    if (type === "test:start") parents.length = Math.min(parents.length, data.nesting);
    if (type === "test:start") parents.push(data.name);
    if (type !== "test:pass" && type !== "test:fail") continue;
    // A suite is counted by its tests, and a test that fails only by its subtests by them.
    if (data.details.type === "suite" && type === "test:pass") continue;
    const error = type === "test:fail" ? (data.details.error as NodeFailure) : undefined;
    if (error?.failureType === SUBTESTS_FAILED) continue;
    const result: TestResult = {
      name: [...parents.slice(0, data.nesting), data.name].join(" > "),
      outcome: error ? "failed" : isSkipped(data) ? "skipped" : "passed",
      durationMs: data.details.duration_ms,
      ...(error ? { detail: describe(error) } : {}),
    };
    yield `${JSON.stringify(result)}\n`;
  }
}

interface NodeFailure extends Error {
  failureType?: string;
}

function isSkipped(data: { skip?: string | boolean; todo?: string | boolean }): boolean {
  return (data.skip !== undefined && data.skip !== false) || (data.todo !== undefined && data.todo !== false);
}

function describe(error: NodeFailure): string {
  const cause = error.cause ?? error;
  if (!(cause instanceof Error)) return String(cause);
  return cause.stack ?? cause.message;
}
