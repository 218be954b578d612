import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { ExecInstanceRequest, ExecInstanceResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { commandFactory } from "../../../gateway/commands/session.ts";
import type { SocketLimits } from "../../../gateway/ws/limits.ts";
import { codec } from "../../../services/common/codec/codec.ts";
import { COMPUTE, serve } from "../commands/harness.ts";
import { startTestGateway } from "../support.ts";
import { RawSocket } from "./raw-socket.ts";

const EXEC = `${COMPUTE}/ExecInstance`;
type Exec = ServerDuplexStream<ExecInstanceRequest, ExecInstanceResponse>;

/** Counts the messages that come and says how many there were once no more do. */
function count(call: Exec): void {
  let messages = 0;
  call.on("data", (request: ExecInstanceRequest) => {
    if (request.input?.$case === "stdin") messages++;
  });
  call.on("end", () => {
    call.write(ExecInstanceResponse.fromPartial({ output: { $case: "stdout", value: Buffer.from(String(messages)) } }));
    call.end();
  });
}

/** Sockets of a gateway whose `compute` counts what is sent into an exec. */
async function greeters(t: TestContext, limits: Partial<SocketLimits> = {}): Promise<() => Promise<RawSocket>> {
  const { router, stop } = await serve({ compute: { execInstance: count } });
  t.after(stop);
  const gateway = await startTestGateway({ limits, createCommands: commandFactory({ router, codec }) });
  t.after(() => gateway.stop());
  return async () => {
    const socket = await RawSocket.open(gateway.http.address);
    t.after(() => socket.destroy());
    await socket.hello(await gateway.token());
    return socket;
  };
}

const reasonOf = (frame: Record<string, unknown>): string =>
  (frame["error"] as { details: { reason: string }[] }).details[0]!.reason;

test("many small messages into a stream: every one arrives", async (t) => {
  const socket = await (await greeters(t))();
  socket.json({ t: "open", id: "e", method: EXEC, body: { start: { name: "projects/default/instances/web" } } });
  socket.socket.cork();
  for (let i = 0; i < 500; i++) socket.json({ t: "data", id: "e", body: { stdin: "eAo=" } });
  socket.json({ t: "close", id: "e" });
  socket.socket.uncork();
  const { body } = await socket.next((frame) => frame["t"] === "data");
  assert.equal(Buffer.from((body as { stdout: string }).stdout, "base64").toString(), "500");
  const { status } = await socket.next((frame) => frame["t"] === "close");
  assert.deepEqual(status, { code: 0 });
});

test("more frames a second than allowed: read later, each answered in its turn, and told why", async (t) => {
  const socket = await (await greeters(t, { framesPerSecond: 100, framesBurst: 60 }))();
  const startMs = performance.now();
  socket.socket.cork();
  for (let i = 0; i < 160; i++) socket.json({ t: "who", id: i, m: "realm" });
  socket.json({ t: "call", id: "c", method: "no/such", body: {} });
  socket.socket.uncork();
  const told: string[] = [];
  const answered: unknown[] = [];
  while (answered.length < 161) {
    const frame = await socket.error();
    if (frame["id"] === undefined) told.push(reasonOf(frame));
    else answered.push(frame["id"]);
  }
  const asked = answered.filter((id) => id !== "c");
  assert.deepEqual(asked, [...Array(160).keys()], "none is dropped");
  assert.deepEqual(told, ["RESOURCE_EXHAUSTED"], "once for the whole flood");
  // What came behind it waits until the rate is kept again.
  socket.json({ t: "who", id: "late", m: "realm" });
  assert.equal((await socket.error())["id"], "late");
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= 900, `${tookMs} ms for 101 frames beyond the burst, at 100 a second`);
});

test("a flood without end: told once, and nobody else waits", async (t) => {
  const greeted = await greeters(t, { sweepIntervalMs: 50 });
  const flooding = await greeted();
  for (let i = 0; i < 50_000; i++) flooding.json({ t: "nothing" });
  assert.equal(reasonOf(await flooding.error()), "RESOURCE_EXHAUSTED");
  const startMs = performance.now();
  const other = await greeted();
  other.json({ t: "who", id: 1, m: "realm" });
  assert.equal((await other.error())["id"], 1);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < 2_000, `${tookMs} ms`);
  assert.equal(flooding.frames.length, 0, "nothing more is told");
});
