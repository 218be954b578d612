import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ServerDuplexStream, ServerReadableStream, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import { status as Code } from "@grpc/grpc-js";
import {
  type CopyToInstanceRequest,
  CopyToInstanceResponse,
  type ExecInstanceRequest,
  ExecInstanceResponse,
  type StreamInstanceLogsRequest,
  StreamInstanceLogsResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { failedPrecondition } from "../../../services/common/errors/errors.ts";
import { toStatus } from "../../../services/common/errors/status.ts";
import { COMPUTE, start } from "./harness.ts";

const LOGS = `${COMPUTE}/StreamInstanceLogs`;
const EXEC = `${COMPUTE}/ExecInstance`;
const COPY = `${COMPUTE}/CopyToInstance`;

type Logs = ServerWritableStream<StreamInstanceLogsRequest, StreamInstanceLogsResponse>;
type Exec = ServerDuplexStream<ExecInstanceRequest, ExecInstanceResponse>;
type Copy = ServerReadableStream<CopyToInstanceRequest, CopyToInstanceResponse>;

function line(text: string): StreamInstanceLogsResponse {
  return StreamInstanceLogsResponse.fromPartial({ lines: [{ line: Buffer.from(text), stream: 1 }] });
}

test("a server stream: data, then a close with its status", async (t) => {
  const streamInstanceLogs = (call: Logs): void => {
    assert.equal(call.metadata.get("authorization")[0], "Bearer token-1");
    for (let index = 0; index < call.request.tail; index++) call.write(line(`line ${index}`));
    if (call.request.name === "good") call.end();
    else
      call.emit(
        "error",
        toStatus(failedPrecondition("NOT_RUNNING", "it does not run"), () => undefined),
      );
  };
  const { session, received, stop } = await start({ compute: { streamInstanceLogs } });
  t.after(stop);
  session.handle({ t: "open", id: 1, method: LOGS, body: { name: "good", tail: 3 } });
  assert.deepEqual(await received.answer(1), { t: "close", id: 1, status: { code: 0 } });
  assert.deepEqual(
    received.of(1, "data").map((frame) => frame["body"].lines[0]),
    [0, 1, 2].map((index) => ({
      stream: "LOG_STREAM_STDOUT",
      line: Buffer.from(`line ${index}`).toString("base64"),
    })),
  );
  session.handle({ t: "open", id: 2, method: LOGS, body: { name: "bad", tail: 1 } });
  const { status } = await received.answer(2);
  assert.equal(status.code, Code.FAILED_PRECONDITION);
  assert.equal(status.details[0].reason, "NOT_RUNNING");
  assert.equal(received.of(2, "data").length, 1);
});

test("a stream that cannot begin is answered with an error", async (t) => {
  const { session, received, stop } = await start({});
  t.after(stop);
  const cases: [id: string, method: string, body: object, code: number][] = [
    ["a", `${COMPUTE}/GetInstance`, {}, Code.INVALID_ARGUMENT],
    ["b", `${COMPUTE}/Watch`, {}, Code.UNIMPLEMENTED],
    ["c", `${COMPUTE}/Nope`, {}, Code.UNIMPLEMENTED],
    ["d", LOGS, { nope: 1 }, Code.INVALID_ARGUMENT],
    ["e", EXEC, { start: { name: 1 } }, Code.INVALID_ARGUMENT],
  ];
  for (const [id, method, body, code] of cases) {
    session.handle({ t: "open", id, method, body });
    const [frame] = received.of(id);
    assert.equal(frame?.t, "error", id);
    assert.equal(frame["error"].code, code, id);
  }
});

test("data both ways, half-close by the client", async (t) => {
  const execInstance = (call: Exec): void => {
    call.on("data", (request: ExecInstanceRequest) => {
      if (request.input?.$case === "start") {
        call.write(
          ExecInstanceResponse.fromPartial({ output: { $case: "started", value: { id: request.input.value.name } } }),
        );
      } else if (request.input?.$case === "stdin") {
        call.write(ExecInstanceResponse.fromPartial({ output: { $case: "stdout", value: request.input.value } }));
      }
    });
    call.on("end", () => {
      call.write(ExecInstanceResponse.fromPartial({ output: { $case: "exitCode", value: 3 } }));
      call.end();
    });
  };
  const { session, received, stop } = await start({ compute: { execInstance } });
  t.after(stop);
  session.handle({ t: "open", id: "x", method: EXEC, body: { start: { name: "n", command: ["cat"], stdin: true } } });
  session.handle({ t: "data", id: "x", body: { stdin: "aGk=" } });
  session.handle({ t: "data", id: "other", body: { stdin: "aGk=" } });
  session.handle({ t: "close", id: "x" });
  assert.deepEqual(await received.answer("x"), { t: "close", id: "x", status: { code: 0 } });
  const bodies = received.of("x", "data").map((frame) => frame["body"]);
  assert.deepEqual(bodies, [{ started: { id: "n" } }, { stdout: "aGk=" }, { exitCode: 3 }]);
  assert.equal(received.of("x", "ack").at(-1)?.["n"], 2);
  assert.deepEqual(received.of("other"), []);
});

test("a client stream: its one response is data, then close", async (t) => {
  const copyToInstance = (call: Copy, callback: sendUnaryData<CopyToInstanceResponse>): void => {
    let bytes = 0;
    call.on("data", (part: CopyToInstanceRequest) => {
      if (part.part?.$case === "data") bytes += part.part.value.length;
    });
    call.on("end", () => callback(null, CopyToInstanceResponse.fromPartial({ bytes: BigInt(bytes) })));
  };
  const { session, received, stop } = await start({ compute: { copyToInstance } });
  t.after(stop);
  session.handle({ t: "open", id: 1, method: COPY });
  session.handle({ t: "data", id: 1, body: { target: { name: "n", path: "/" } } });
  for (let index = 0; index < 10; index++)
    session.handle({ t: "data", id: 1, body: { data: Buffer.alloc(1000).toString("base64") } });
  session.handle({ t: "close", id: 1 });
  assert.deepEqual(await received.answer(1), { t: "close", id: 1, status: { code: 0 } });
  assert.deepEqual(received.of(1, "data")[0]?.["body"], { bytes: "10000" });
});

test("bad data ends the stream with every bad field", async (t) => {
  const ended = Promise.withResolvers<void>();
  const execInstance = (call: Exec): void => {
    call.once("cancelled", () => ended.resolve());
    call.write(ExecInstanceResponse.fromPartial({ output: { $case: "started", value: {} } }));
  };
  const { session, received, stop } = await start({ compute: { execInstance } });
  t.after(stop);
  session.handle({ t: "open", id: 1, method: EXEC, body: { start: { name: "n" } } });
  await received.next((frame) => frame.t === "data");
  session.handle({ t: "data", id: 1, body: { stdin: "***", nope: 1 } });
  const { status } = await received.answer(1);
  assert.equal(status.code, Code.INVALID_ARGUMENT);
  assert.equal(status.details[1].fieldViolations.length, 2);
  await ended.promise;
  session.handle({ t: "data", id: 1, body: { stdin: "" } });
  assert.equal(received.of(1, "close").length, 1, "nothing follows the close");
});

test("no data can be sent into a server stream, or after a half-close", async (t) => {
  const { session, received, stop } = await start({
    compute: { streamInstanceLogs: () => undefined, execInstance: () => undefined },
  });
  t.after(stop);
  session.handle({ t: "open", id: 1, method: LOGS });
  session.handle({ t: "data", id: 1, body: {} });
  session.handle({ t: "open", id: 2, method: EXEC });
  session.handle({ t: "close", id: 2 });
  session.handle({ t: "data", id: 2, body: {} });
  assert.equal((await received.answer(1))["status"].code, Code.INVALID_ARGUMENT);
  assert.equal((await received.answer(2))["status"].code, Code.INVALID_ARGUMENT);
});

test("the service is not read while the socket is full", async (t) => {
  const sizeBytes = 64 * 1024;
  const total = 200;
  let written = 0;
  const streamInstanceLogs = async (call: Logs): Promise<void> => {
    for (; written < total; written++) if (!call.write(line("x".repeat(sizeBytes)))) await once(call, "drain");
    call.end();
  };
  const { session, received, stop } = await start({ compute: { streamInstanceLogs } });
  t.after(stop);
  received.full = true;
  session.handle({ t: "open", id: 1, method: LOGS });
  await received.next((frame) => frame.t === "data");
  // What fits into the connection's own windows is written; then the service must wait.
  let before = -1;
  while (before !== written) {
    before = written;
    await delay(150);
  }
  assert.ok(written < total / 2, `${written} of ${total} were written although nobody reads`);
  assert.ok(received.of(1, "data").length <= 2, "the paused stream sends nothing");
  received.drain();
  assert.deepEqual((await received.answer(1))["status"], { code: 0 });
  assert.equal(received.of(1, "data").length, total, "nothing is lost");
});

test("a stream that ends while the socket is full still delivers everything first", async (t) => {
  const streamInstanceLogs = (call: Logs): void => {
    for (let index = 0; index < 5; index++) call.write(line(String(index)));
    call.emit(
      "error",
      toStatus(failedPrecondition("ENDED", "ended"), () => undefined),
    );
  };
  const { session, received, stop } = await start({ compute: { streamInstanceLogs } });
  t.after(stop);
  received.full = true;
  session.handle({ t: "open", id: 1, method: LOGS });
  for (let got = 1; got <= 5; got++) {
    await received.next(() => received.of(1, "data").length >= got);
    received.full = got < 4;
    if (got === 5) break;
    received.drain();
    received.full = got < 4;
  }
  assert.equal((await received.answer(1))["status"].details[0].reason, "ENDED");
  assert.deepEqual(
    received.of(1).map((frame) => frame.t),
    ["data", "data", "data", "data", "data", "close"],
  );
});

test("more data than the window ahead of the service ends the stream; keeping to the acks does not", async (t) => {
  const part = Buffer.alloc(100_000).toString("base64");
  const gate = Promise.withResolvers<void>();
  const copyToInstance = async (call: Copy, callback: sendUnaryData<CopyToInstanceResponse>): Promise<void> => {
    call.once("error", () => undefined);
    await gate.promise;
    let bytes = 0n;
    for await (const message of call as AsyncIterable<CopyToInstanceRequest>) {
      if (message.part?.$case === "data") bytes += BigInt(message.part.value.length);
    }
    callback(null, CopyToInstanceResponse.fromPartial({ bytes }));
  };
  const { session, received, stop } = await start({ compute: { copyToInstance } });
  t.after(stop);
  session.handle({ t: "open", id: 1, method: COPY });
  let sent = 0;
  while (received.of(1, "close").length === 0 && sent < 1000) {
    session.handle({ t: "data", id: 1, body: { data: part } });
    if (++sent % 5 === 0) await delay(5);
  }
  const { status } = await received.answer(1);
  assert.equal(status.code, Code.RESOURCE_EXHAUSTED);
  assert.equal(status.details[0].metadata.limit, "windowBytes");
  assert.ok(sent > 10 && sent < 100, `${sent} parts`);

  gate.resolve();
  session.handle({ t: "open", id: 2, method: COPY });
  for (let index = 1; index <= 60; index++) {
    await received.next(() => index - 1 - (received.of(2, "ack").at(-1)?.["n"] ?? 0) < 10, "an ack");
    session.handle({ t: "data", id: 2, body: { data: part } });
  }
  session.handle({ t: "close", id: 2 });
  assert.deepEqual((await received.answer(2))["status"], { code: 0 });
  assert.deepEqual(received.of(2, "data")[0]?.["body"], { bytes: "6000000" });
});

test("streams are limited; closing one, or the socket, cancels", async (t) => {
  const cancelled: Promise<unknown>[] = [];
  const streamInstanceLogs = (call: Logs): void => {
    cancelled.push(once(call, "cancelled"));
    call.write(line("first"));
  };
  const { session, received, stop } = await start({ compute: { streamInstanceLogs } }, { limits: { streamsMax: 3 } });
  t.after(stop);
  for (const id of [1, 2, 3, 4]) session.handle({ t: "open", id, method: LOGS });
  session.handle({ t: "open", id: 3, method: LOGS });
  const refused = received.frames.filter((frame) => frame.t === "error");
  assert.deepEqual(
    refused.map((frame) => [frame.id, frame["error"].code]),
    [
      [4, Code.RESOURCE_EXHAUSTED],
      [3, Code.ALREADY_EXISTS],
    ],
  );
  for (const id of [1, 2, 3]) await received.next((frame) => frame.id === id && frame.t === "data");

  session.handle({ t: "close", id: 1 });
  session.handle({ t: "close", id: 2, cancel: true });
  assert.equal((await received.answer(1))["status"].code, Code.CANCELLED);
  assert.equal((await received.answer(2))["status"].code, Code.CANCELLED);
  session.handle({ t: "open", id: 5, method: LOGS });
  await received.next((frame) => frame.id === 5 && frame.t === "data");
  const before = received.frames.length;
  session.destroy();
  assert.equal(cancelled.length, 4);
  await Promise.all(cancelled);
  assert.equal(received.frames.length, before);
});

test("a deadline ends a stream", async (t) => {
  const { session, received, stop } = await start({ compute: { streamInstanceLogs: () => undefined } });
  t.after(stop);
  session.handle({ t: "open", id: 1, method: LOGS, deadline_ms: 60 });
  assert.equal((await received.answer(1))["status"].code, Code.DEADLINE_EXCEEDED);
});
