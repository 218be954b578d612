import assert from "node:assert/strict";
import { test } from "node:test";
import type Docker from "dockerode";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import { checkRunning } from "../../../../services/compute/streams/locate.ts";

const cases: [string, Partial<Docker.ContainerInspectInfo["State"]>, RegExp | undefined][] = [
  ["runs", { Status: "running", Running: true }, undefined],
  ["is paused", { Status: "paused", Running: true, Paused: true }, /is paused: resume it first$/],
  ["has ended", { Status: "exited" }, /is not running \(exited\): start it first$/],
  ["is being started again", { Status: "restarting", Running: true, Restarting: true }, /\(restarting\)/],
];

for (const [title, State, text] of cases) {
  test(`an instance whose container ${title}`, () => {
    const check = (): void => checkRunning("projects/p/instances/i", { State } as Docker.ContainerInspectInfo);
    if (text === undefined) return check();
    assert.throws(check, (error: GantryError) => error.reason === "INSTANCE_NOT_RUNNING" && text.test(error.message));
  });
}
