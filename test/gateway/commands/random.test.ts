import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerDuplexStream, ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import * as fc from "fast-check";
import type { ClientFrame } from "../../../gateway/ws/parse-frame.ts";
import {
  type ExecInstanceRequest,
  ExecInstanceResponse,
  type GetInstanceRequest,
  type StreamInstanceLogsRequest,
  StreamInstanceLogsResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { COMPUTE, type Frame, start } from "./harness.ts";

const LIMITS = { callsMax: 3, streamsMax: 2, windowBytes: 2_000 };

interface Tracked {
  cancelled: boolean;
  getDeadline(): Date | number;
  on(event: "cancelled", listener: () => void): unknown;
}

/** Some calls are answered, some are left open; what is open is counted. */
function service(): { handlers: object; open: () => number } {
  const open = new Set<Pick<Tracked, "getDeadline">>();
  const track = (call: Tracked): void => {
    // It may have been given up before it got here.
    if (call.cancelled) return;
    open.add(call);
    call.on("cancelled", () => open.delete(call));
  };
  return {
    // A server ends a call at its deadline without an event.
    open: () => [...open].filter((call) => Number(call.getDeadline()) > Date.now()).length,
    handlers: {
      getInstance: (call: ServerUnaryCall<GetInstanceRequest, Instance>, callback: sendUnaryData<Instance>) => {
        if (call.request.name === "") return track(call);
        callback(null, Instance.fromPartial({ meta: { name: call.request.name } }));
      },
      streamInstanceLogs: (call: ServerWritableStream<StreamInstanceLogsRequest, StreamInstanceLogsResponse>) => {
        for (let index = 0; index < 5; index++) call.write(StreamInstanceLogsResponse.fromPartial({}));
        if (call.request.follow) track(call);
        else call.end();
      },
      execInstance: (call: ServerDuplexStream<ExecInstanceRequest, ExecInstanceResponse>) => {
        track(call);
        call.on("data", () =>
          call.write(ExecInstanceResponse.fromPartial({ output: { $case: "exitCode", value: 1 } })),
        );
        call.on("end", () => {
          open.delete(call);
          call.end();
        });
      },
    },
  };
}

const id = fc.oneof(
  fc.constantFrom<unknown>(1, 2, 3, "a"),
  fc.constantFrom<unknown>(undefined, null, 1.5, {}, "x".repeat(65)),
);
const method = fc.oneof(
  fc.constantFrom<unknown>(
    `${COMPUTE}/GetInstance`,
    `${COMPUTE}/StreamInstanceLogs`,
    `${COMPUTE}/ExecInstance`,
    `${COMPUTE}/Watch`,
    "google.longrunning.Operations/GetOperation",
    "nope",
  ),
  fc.jsonValue(),
);
const body = fc.oneof(
  fc.constantFrom<unknown>({}, undefined, { name: "n" }, { name: "n", follow: true }, { follow: true }),
  fc.constantFrom<unknown>(
    { start: { name: "n" } },
    { stdin: "AAAA" },
    { stdin: Buffer.alloc(900).toString("base64") },
  ),
  fc.jsonValue(),
);
const frame = fc.record(
  {
    t: fc.constantFrom("call", "open", "data", "data", "data", "close", "other"),
    id,
    method,
    body,
    cancel: fc.boolean(),
    request_id: fc.oneof(fc.constant("r"), fc.jsonValue()),
    deadline_ms: fc.constantFrom<unknown>(1, 1000, 1000, "x"),
  },
  { requiredKeys: ["t", "id", "method", "body"] },
);
const step = fc.oneof(
  { weight: 8, arbitrary: frame.map((value) => ({ frame: value })) },
  { weight: 2, arbitrary: fc.constantFrom({ full: true }, { full: false }, { pause: true }) },
);

/** Never two ends for one beginning, nothing unknown. */
function check(sent: Frame[], begun: Map<unknown, number>): void {
  const ends = new Map<unknown, number>();
  for (const { t, id } of sent) {
    assert.ok(["reply", "error", "data", "ack", "close"].includes(t), t);
    if (t === "reply" || t === "close" || t === "error") ends.set(id, (ends.get(id) ?? 0) + 1);
  }
  for (const [key, count] of ends) {
    if (key !== undefined) assert.ok(count <= (begun.get(key) ?? 0), `${count} ends of ${String(key)}`);
  }
}

test("any frames: no exception, one end for each beginning, nothing left open", async (t) => {
  const { handlers, open } = service();
  const { connect, stop } = await start({ compute: handlers as never }, { limits: LIMITS });
  t.after(stop);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { session, received } = connect();
      const begun = new Map<unknown, number>();
      for (const each of steps) {
        if ("frame" in each) {
          const { t: type, id: key } = each.frame;
          if (type === "call" || type === "open") begun.set(key, (begun.get(key) ?? 0) + 1);
          session.handle(each.frame as unknown as ClientFrame);
        } else if ("full" in each) {
          if (each.full) received.full = true;
          else received.drain();
        } else await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setTimeout(resolve, 3));
      check(received.frames, begun);
      session.destroy();
      const count = received.frames.length;
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(received.frames.length, count, "nothing is sent after the end");
    }),
    { numRuns: 300 },
  );
  const deadline = Date.now() + 10_000;
  while (open() > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(open(), 0, "calls are still open at the service");
});
