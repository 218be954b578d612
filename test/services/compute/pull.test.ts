import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { findImage, removeImage } from "../../../services/common/engine/api/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../support/registry.ts";
import { BUSYBOX, failure, progressOf, TestCompute } from "./support/compute.ts";

const LAYER_BYTES = 24 * 1024 ** 2;
const LOOK_INTERVAL_MS = 20;

let registry: TestRegistry;
let compute: TestCompute;
before(async () => {
  [registry, compute] = await Promise.all([startRegistry(), TestCompute.start()]);
});
after(async () => {
  await compute?.[Symbol.asyncDispose]();
  await registry?.stop();
});

/** Every message of an operation until its end, with the percentage it came with. */
async function messagesOf(operation: Operation): Promise<{ message: string; percent: number }[]> {
  const seen: { message: string; percent: number }[] = [];
  for (let now = operation; !now.done; await delay(LOOK_INTERVAL_MS)) {
    now = await call(compute.operations, "getOperation", { name: operation.name }, { token: compute.token });
    const { message, percent } = progressOf(now);
    if (seen.at(-1)?.message !== message) seen.push({ message, percent });
  }
  return seen;
}

test("an image that the host lacks is pulled from its registry, and the operation tells how far", async () => {
  const layerBytes = [LAYER_BYTES, LAYER_BYTES];
  const image = await pushImage(compute.engine, registry, { name: "team/app:1", from: BUSYBOX, layerBytes });
  assert.equal(await findImage(compute.engine, image), undefined);
  const operation = await compute.create("pulled", { image });
  const seen = await messagesOf(operation);
  const made = await compute.instanceOf(operation);
  assert.ok(await findImage(compute.engine, image), "it is on the host");
  await compute.delete("pulled");
  await removeImage(compute.engine, image);
  assert.equal(made.status?.state, InstanceState.INSTANCE_STATE_RUNNING);
  assert.equal(made.spec?.image, image);
  const pulling = seen.filter(({ message }) => /^pulling layer \d+ of \d+ \(.+ of .+ MiB\)$/.test(message));
  const text = JSON.stringify(seen);
  assert.ok(pulling.length > 1, `the operation told ${text}`);
  assert.ok(
    pulling.some(({ percent }) => percent > 0),
    `the part that is done is told: ${text}`,
  );
});

test("an image that its registry does not have is refused before anything is made", async () => {
  const refused = await failure(compute.create("unknown", { image: `${registry.address}/team/none:1` }));
  assert.equal(refused.reason, "INVALID_ARGUMENT");
  assert.match(refused.message, /registry does not give it/);
  assert.equal((await failure(compute.get("unknown"))).reason, "NOT_FOUND");
});
