import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Client, type ServerUnaryCall, credentials, type sendUnaryData, status as Code } from "@grpc/grpc-js";
import { createRouter } from "../../../gateway/commands/router.ts";
import {
  type CreateInstanceRequest,
  type GetInstanceRequest,
  ListInstancesResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { type GetOperationRequest, Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import type { Empty } from "../../../proto/gen/google/protobuf/empty.ts";
import { invalidArgument, notFound } from "../../../services/common/errors/errors.ts";
import { toStatus } from "../../../services/common/errors/status.ts";
import { COMPUTE, type Frame, start } from "./harness.ts";

const UUID = "0b7dd5a0-1c4e-4a58-9a5e-2f6f5d6f3c11";

type Handler<Req, Res> = (call: ServerUnaryCall<Req, Res>, callback: sendUnaryData<Res>) => void;

function throwing(error: Error): Handler<Empty, Empty> {
  return (_call, callback) => callback(toStatus(error, (unknown) => assert.fail(String(unknown))));
}

function violated(frame: Frame): string[] {
  const details = frame["error"].details as { "@type": string; fieldViolations?: { field: string }[] }[];
  return details.flatMap((detail) => detail.fieldViolations?.map((v) => v.field) ?? []).sort();
}

test("a call is answered with the response as ProtoJSON, with the user's token", async (t) => {
  const seen: { name: string; authorization: unknown; peer: unknown }[] = [];
  const getInstance: Handler<GetInstanceRequest, Instance> = (call, callback) => {
    seen.push({
      name: call.request.name,
      authorization: call.metadata.get("authorization"),
      peer: call.metadata.get("gantry-peer"),
    });
    callback(
      null,
      Instance.fromPartial({ meta: { name: call.request.name, generation: 2n ** 60n }, spec: { env: { A: "b" } } }),
    );
  };
  let token = "token-1";
  const { session, received, stop } = await start(
    { compute: { getInstance } },
    { token: () => token, peer: "192.0.2.1:5" },
  );
  t.after(stop);

  session.handle({ t: "call", id: 1, method: `${COMPUTE}/GetInstance`, body: { name: "projects/a/instances/b" } });
  assert.deepEqual(await received.answer(1), {
    t: "reply",
    id: 1,
    body: { meta: { name: "projects/a/instances/b", generation: "1152921504606846976" }, spec: { env: { A: "b" } } },
  });
  token = "token-2";
  session.handle({ t: "call", id: "x", method: `/${COMPUTE}/GetInstance`, body: { name: "n" } });
  assert.equal((await received.answer("x")).t, "reply");
  assert.deepEqual(seen, [
    { name: "projects/a/instances/b", authorization: ["Bearer token-1"], peer: ["192.0.2.1:5"] },
    { name: "n", authorization: ["Bearer token-2"], peer: ["192.0.2.1:5"] },
  ]);
});

test("errors of the service come with their details", async (t) => {
  const { session, received, stop } = await start({
    compute: {
      getInstance: throwing(notFound("projects/a/instances/b")),
      createInstance: throwing(invalidArgument([{ field: "instance.spec.ports[0].port", description: "is 0" }])),
    },
  });
  t.after(stop);
  session.handle({ t: "call", id: 1, method: `${COMPUTE}/GetInstance` });
  session.handle({ t: "call", id: 2, method: `${COMPUTE}/CreateInstance`, body: {} });
  session.handle({ t: "call", id: 3, method: `${COMPUTE}/DeleteInstance`, body: {} });
  assert.deepEqual(await received.answer(1), {
    t: "error",
    id: 1,
    error: {
      code: Code.NOT_FOUND,
      message: "projects/a/instances/b does not exist",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "NOT_FOUND",
          domain: "gantry.dev",
          metadata: { name: "projects/a/instances/b" },
        },
      ],
    },
  });
  const bad = await received.answer(2);
  assert.equal(bad["error"].code, Code.INVALID_ARGUMENT);
  assert.deepEqual(violated(bad), ["instance.spec.ports[0].port"]);
  assert.equal((await received.answer(3))["error"].code, Code.UNIMPLEMENTED);
});

test("every bad field of the body is reported before anything is sent", async (t) => {
  const { session, received, stop } = await start({ compute: { createInstance: () => assert.fail("was called") } });
  t.after(stop);
  const body = { parent: 5, nope: 1, instance: { spec: { memoryBytes: "12MB", env: { A: 1 } } } };
  session.handle({ t: "call", id: 1, method: `${COMPUTE}/CreateInstance`, body });
  session.handle({ t: "call", id: 2, method: `${COMPUTE}/CreateInstance`, body: "text" });
  const answer = await received.answer(1);
  assert.equal(answer["error"].code, Code.INVALID_ARGUMENT);
  assert.deepEqual(violated(answer), ['instance.spec.env["A"]', "instance.spec.memory_bytes", "nope", "parent"]);
  assert.equal((await received.answer(2))["error"].code, Code.INVALID_ARGUMENT);
});

test("bad frames are refused with every bad field", async (t) => {
  const { session, received, stop } = await start({});
  t.after(stop);
  session.handle({ t: "call", method: 5, request_id: {}, deadline_ms: 0 });
  const [frame] = received.frames;
  assert.equal(frame?.id, undefined);
  assert.deepEqual(violated(frame!), ["deadline_ms", "id", "method", "request_id"]);
  for (const deadline of [0, -1, 1.5, "5", 600_001, null]) {
    session.handle({ t: "call", id: `d${deadline}`, method: `${COMPUTE}/GetInstance`, deadline_ms: deadline });
    assert.deepEqual(violated(received.of(`d${deadline}`)[0]!), ["deadline_ms"], String(deadline));
  }
});

test("unknown methods, streams and Watch are refused at once", async (t) => {
  const { session, received, stop } = await start({});
  t.after(stop);
  const cases: [method: string, code: number, reason: string][] = [
    ["GetInstance", Code.UNIMPLEMENTED, "UNKNOWN_METHOD"],
    [`${COMPUTE}/Nope`, Code.UNIMPLEMENTED, "UNKNOWN_METHOD"],
    [`${COMPUTE}/getInstance`, Code.UNIMPLEMENTED, "UNKNOWN_METHOD"],
    ["no.Service/Get", Code.UNIMPLEMENTED, "UNKNOWN_METHOD"],
    ["__proto__/constructor", Code.UNIMPLEMENTED, "UNKNOWN_METHOD"],
    [`${COMPUTE}/Watch`, Code.UNIMPLEMENTED, "NOT_A_COMMAND"],
    [`${COMPUTE}/ExecInstance`, Code.INVALID_ARGUMENT, "INVALID_ARGUMENT"],
  ];
  for (const [index, [method, code, reason]] of cases.entries()) {
    session.handle({ t: "call", id: index, method });
    const error = received.of(index)[0]?.["error"];
    assert.equal(error?.code, code, method);
    assert.equal(error?.details[0].reason, reason, method);
  }
});

test("request_id is put into the request that has one and not given in the body", async (t) => {
  const seen: string[] = [];
  const createInstance: Handler<CreateInstanceRequest, Operation> = (call, callback) => {
    seen.push(call.request.requestId);
    callback(null, Operation.fromPartial({ name: "operations/x" }));
  };
  const getInstance: Handler<GetInstanceRequest, Instance> = (_call, callback) =>
    callback(null, Instance.fromPartial({}));
  const { session, received, stop } = await start({ compute: { createInstance, getInstance } });
  t.after(stop);
  const create = `${COMPUTE}/CreateInstance`;
  const bodies = [undefined, {}, { requestId: "own" }, { request_id: "own2" }];
  for (const [id, body] of bodies.entries()) {
    session.handle({
      t: "call",
      id,
      method: create,
      request_id: "from-frame",
      ...(body === undefined ? {} : { body }),
    });
    assert.equal((await received.answer(id)).t, "reply");
  }
  session.handle({ t: "call", id: "get", method: `${COMPUTE}/GetInstance`, request_id: "from-frame" });
  assert.equal((await received.answer("get")).t, "reply");
  assert.deepEqual(seen, ["from-frame", "from-frame", "own", "own2"]);
});

test("the deadline is kept, and the default is set", async (t) => {
  const deadlines: number[] = [];
  const getInstance: Handler<GetInstanceRequest, Instance> = (call, callback) => {
    deadlines.push(Number(call.getDeadline()) - Date.now());
    if (call.request.name === "fast") callback(null, Instance.fromPartial({}));
  };
  const { session, received, stop } = await start({ compute: { getInstance } });
  t.after(stop);
  const method = `${COMPUTE}/GetInstance`;
  session.handle({ t: "call", id: 1, method, deadline_ms: 80, body: { name: "slow" } });
  const { error: late } = await received.answer(1);
  assert.equal(late.code, Code.DEADLINE_EXCEEDED);
  assert.equal(late.message, "compute did not answer before the deadline");
  session.handle({ t: "call", id: 2, method, body: { name: "fast" } });
  await received.answer(2);
  assert.ok(deadlines[1]! > 25_000 && deadlines[1]! <= 30_000, String(deadlines[1]));
});

test("operations are routed by the service in their id", async (t) => {
  const names: string[] = [];
  const getOperation: Handler<GetOperationRequest, Operation> = (call, callback) => {
    names.push(call.request.name);
    callback(null, Operation.fromPartial({ name: call.request.name, done: true }));
  };
  const { session, received, stop } = await start({ operations: { getOperation } });
  t.after(stop);
  const method = "google.longrunning.Operations/GetOperation";
  session.handle({ t: "call", id: 1, method, body: { name: `projects/a/operations/compute-${UUID}` } });
  session.handle({ t: "call", id: 2, method, body: { name: `operations/network-${UUID}` } });
  assert.equal((await received.answer(1))["body"].done, true);
  const other = await received.answer(2);
  assert.equal(other["error"].code, Code.UNIMPLEMENTED);
  assert.equal(other["error"].details[0].reason, "UNKNOWN_SERVICE");
  assert.deepEqual(names, [`projects/a/operations/compute-${UUID}`]);
});

test("an operation whose name says no service is refused", async (t) => {
  const { session, received, stop } = await start({ operations: { getOperation: () => assert.fail("was called") } });
  t.after(stop);
  session.handle({ t: "call", id: 1, method: "google.longrunning.Operations/GetOperation", body: { name: "x" } });
  assert.deepEqual(violated(await received.answer(1)), ["name"]);
});

test("an unreachable service is said so without its address", async (t) => {
  const client = new Client("127.0.0.1:1", credentials.createInsecure());
  t.after(() => client.close());
  const { session, received, stop } = await start({}, { router: createRouter(new Map([["compute", client]])) });
  t.after(stop);
  session.handle({ t: "call", id: 1, method: `${COMPUTE}/GetInstance` });
  const { error } = await received.answer(1);
  assert.equal(error.code, Code.UNAVAILABLE);
  assert.equal(error.details[0].reason, "SERVICE_DOWN");
  assert.doesNotMatch(JSON.stringify(error), /127\.0\.0\.1/);
});

test("a call without a token is refused", async (t) => {
  const { session, received, stop } = await start(
    { compute: { getInstance: () => assert.fail("was called") } },
    { token: () => "" },
  );
  t.after(stop);
  session.handle({ t: "call", id: 1, method: `${COMPUTE}/GetInstance` });
  assert.equal((await received.answer(1))["error"].code, Code.UNAUTHENTICATED);
});

test("calls under way are limited, ids are not used twice, and destroy cancels", async (t) => {
  const cancelled: Promise<unknown>[] = [];
  const getInstance: Handler<GetInstanceRequest, Instance> = (call) => void cancelled.push(once(call, "cancelled"));
  const arrived = { count: 0, wake: (): void => undefined };
  const { session, received, stop } = await start(
    {
      compute: {
        getInstance: ((call, callback) => {
          getInstance(call, callback);
          arrived.count++;
          arrived.wake();
        }) as Handler<GetInstanceRequest, Instance>,
      },
    },
    { limits: { callsMax: 3 } },
  );
  t.after(stop);
  const method = `${COMPUTE}/GetInstance`;
  for (const id of [1, 2, 3, 4]) session.handle({ t: "call", id, method });
  session.handle({ t: "call", id: 2, method });
  const [full, again] = received.frames;
  assert.equal(full?.id, 4);
  assert.equal(full["error"].code, Code.RESOURCE_EXHAUSTED);
  assert.equal(full["error"].details[0].metadata.limit, "callsMax");
  assert.equal(again?.["error"].details[0].reason, "ID_IN_USE");
  while (arrived.count < 3) await new Promise<void>((resolve) => (arrived.wake = resolve));

  session.handle({ t: "close", id: 1, cancel: true });
  assert.equal((await received.answer(1))["error"].code, Code.CANCELLED);
  session.handle({ t: "call", id: 5, method });
  while (arrived.count < 4) await new Promise<void>((resolve) => (arrived.wake = resolve));
  const before = received.frames.length;
  session.destroy();
  await Promise.all(cancelled);
  assert.equal(cancelled.length, 4);
  session.handle({ t: "call", id: 6, method });
  assert.equal(received.frames.length, before, "nothing is sent after the end");
});

test("replies are decorated, and go out all the same when that fails", async (t) => {
  const listInstances: Handler<Empty, ListInstancesResponse> = (_call, callback) =>
    callback(null, ListInstancesResponse.fromPartial({ revision: 7n }));
  const decorateReply = async (method: string, body: unknown): Promise<object | undefined> => {
    assert.deepEqual(body, { revision: "7" });
    if (failing) throw new Error("no mirror");
    return method.endsWith("/ListInstances") ? { m: "projects/a", e: "x", s: 5 } : undefined;
  };
  let failing = false;
  const { session, received, stop } = await start({ compute: { listInstances } }, { decorateReply });
  t.after(stop);
  const method = `${COMPUTE}/ListInstances`;
  session.handle({ t: "call", id: 1, method });
  assert.deepEqual(await received.answer(1), {
    t: "reply",
    id: 1,
    m: "projects/a",
    e: "x",
    s: 5,
    body: { revision: "7" },
  });
  failing = true;
  session.handle({ t: "call", id: 2, method });
  assert.deepEqual(await received.answer(2), { t: "reply", id: 2, body: { revision: "7" } });
});
