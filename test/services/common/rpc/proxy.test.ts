import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Metadata, status as Code } from "@grpc/grpc-js";
import { ComputeServiceClient, ComputeServiceService } from "../../../../proto/gen/gantry/compute/v1/compute.ts";
import {
  ListOperationsRequest,
  OperationsClient,
  OperationsService,
} from "../../../../proto/gen/google/longrunning/operations.ts";
import { fromServiceError } from "../../../../services/common/errors/status.ts";
import { call, connectClient, stream } from "../../../../services/common/rpc/client.ts";
import { forwardOne, forwardStream } from "../../../../services/common/rpc/proxy/forward.ts";
import { createProxy } from "../../../../services/common/rpc/proxy/proxy.ts";
import { checkHealth } from "../../../../services/common/rpc/health.ts";
import { connectRaw } from "../../../../services/common/rpc/proxy/raw.ts";
import type { GrpcServer } from "../../../../services/common/rpc/server.ts";
import { bidi, clientStream, serverStream, unary } from "../../../../services/common/rpc/wrappers.ts";
import type { Tls } from "../../../../services/common/realm/tls.ts";
import { createFixture, type Fixture, until } from "./fixture.ts";
import { CHUNK_BYTES, computeHandlers, operationsHandlers, seen, viewer } from "./telling-service.ts";

const listRequest = ListOperationsRequest.fromPartial({ name: "projects/p" });
let fixture: Fixture;
let service: GrpcServer;
let proxy: GrpcServer;
let client: ComputeServiceClient;
let operationsClient: OperationsClient;
let token: string;
let userTls: Tls;
let services: Parameters<Fixture["serve"]>[0]["services"];

before(async () => {
  fixture = await createFixture();
  services = [
    { definition: ComputeServiceService, handlers: computeHandlers() },
    { definition: OperationsService, handlers: operationsHandlers },
  ];
  service = await fixture.serve({ services });
  userTls = await fixture.tls("gateway");
  proxy = await createProxy({
    listen: "127.0.0.1:0",
    tls: userTls,
    services: new Map([["compute", service.address]]),
    verify: fixture.verify,
    log: fixture.log,
    metrics: fixture.metrics,
    signal: fixture.signal,
  });
  const credentials = fixture.userCredentials();
  client = connectClient(ComputeServiceClient, proxy.address, credentials);
  operationsClient = connectClient(OperationsClient, proxy.address, credentials);
  token = await fixture.mint({ realmAdmin: true });
});
after(async () => {
  client.close();
  operationsClient.close();
  await fixture.close();
});

function bearer(): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

test("unary: answer, peer and identity of the user", async () => {
  const answer = await call(client, "getInstance", { name: "projects/p/instances/i" }, { token });
  assert.equal(answer.meta?.name, "projects/p/instances/i");
  assert.equal(seen.lastContext?.principal.subject, "ann");
  assert.match(seen.lastContext?.peer ?? "", /^127\.0\.0\.1:\d+$/);
  assert.ok(seen.lastContext && seen.lastContext.deadline < Infinity);
});

test("unary: status details come through", async () => {
  await assert.rejects(call(client, "getInstance", { name: "bad" }, { token }), {
    code: Code.INVALID_ARGUMENT,
    reason: "INVALID_ARGUMENT",
    violations: [{ field: "name", description: "is bad" }],
  });
});

test("deadline and cancellation come through", async () => {
  await assert.rejects(call(client, "getInstance", { name: "hang" }, { token, timeoutMs: 150 }), {
    code: Code.DEADLINE_EXCEEDED,
  });
  await until(() => seen.lastContext?.signal.aborted === true);
  seen.lastContext = undefined;
  const controller = new AbortController();
  const rejected = assert.rejects(call(client, "getInstance", { name: "hang" }, { token, signal: controller.signal }), {
    code: Code.CANCELLED,
  });
  await until(() => seen.lastContext !== undefined);
  controller.abort();
  await rejected;
  await until(() => seen.lastContext?.signal.aborted === true);
});

test("no token, a bad token, or a claim to be forwarded: refused at the proxy", async () => {
  const count = fixture.lines.length;
  await assert.rejects(call(client, "getInstance", { name: "x" }), {
    code: Code.UNAUTHENTICATED,
    reason: "TOKEN_MISSING",
  });
  await assert.rejects(call(client, "getInstance", { name: "x" }, { token: "a.b.c" }), { reason: "TOKEN_INVALID" });
  const metadata = new Metadata();
  metadata.set("gantry-peer", "192.0.2.1:1");
  await assert.rejects(call(client, "getInstance", { name: "x" }, { metadata }), { reason: "TOKEN_MISSING" });
  await call(client, "getInstance", { name: "x" }, { token, metadata });
  assert.match(seen.lastContext?.peer ?? "", /^127\.0\.0\.1:/, "the client's own word is not taken");
  assert.equal(fixture.lines.slice(count).filter((line) => line["msg"] === "call refused").length, 3);
});

test("server stream: whole, in order", async () => {
  let at = 0;
  for await (const { data } of stream(client, "copyFromInstance", { name: "100", path: "" }, { token })) {
    assert.equal(data.length, CHUNK_BYTES);
    assert.equal(data[0], at % 256);
    at += 1;
  }
  assert.equal(at, 100);
});

test("server stream: a reader that stops makes the service stop, not the memory grow", async () => {
  seen.writtenChunks = 0;
  const running = client.copyFromInstance({ name: "4000", path: "" }, bearer());
  // Reading has begun when it stops: grpc-js holds back nothing from a client that never began.
  running.once("data", () => running.pause());
  let previous = -1;
  // Until nothing moves any more.
  await until(async () => {
    const still = seen.writtenChunks === previous && seen.writtenChunks > 0;
    previous = seen.writtenChunks;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return still;
  });
  assert.ok(
    seen.writtenChunks < 200,
    `${seen.writtenChunks} of 4000 chunks were taken for a reader that does not read`,
  );
  let got = 1;
  running.on("data", () => (got += 1));
  running.resume();
  await new Promise((resolve, reject) => running.on("end", resolve).on("error", reject));
  assert.equal(got, 4000);
});

test("client stream: a service that reads slowly makes the sender stop", async () => {
  seen.readChunks = 0;
  seen.readerMayGo = Promise.withResolvers();
  const result = Promise.withResolvers<void>();
  const running = client.copyToInstance(bearer(), {}, (error) => (error ? result.reject(error) : result.resolve()));
  const data = { part: { $case: "data" as const, value: Buffer.alloc(CHUNK_BYTES) } };
  let acknowledged = 0;
  let sent = 0;
  const TOTAL = 1_000;
  for (; sent < TOTAL; sent += 1) running.write(data as never, () => (acknowledged += 1));
  running.end();
  let previous = -1;
  await until(async () => {
    const still = acknowledged === previous && acknowledged > 0;
    previous = acknowledged;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return still;
  });
  assert.ok(acknowledged < 200, `${acknowledged} of ${TOTAL} chunks went out to a service that does not read`);
  seen.readerMayGo.resolve();
  await result.promise;
  assert.equal(seen.readChunks, TOTAL);
});

test("bidi: answers come while the client goes on", async () => {
  const running = client.execInstance(bearer());
  const got: string[] = [];
  for (let i = 1; i <= 5; i += 1) {
    running.write({} as never);
    const [answer] = (await new Promise((resolve) => running.once("data", (data) => resolve([data])))) as [
      { output: { value: Buffer } },
    ];
    got.push(answer.output.value.toString());
  }
  running.end();
  await new Promise((resolve) => running.on("end", resolve).resume());
  assert.deepEqual(got, ["1", "2", "3", "4", "5"]);
});

test("operations go to the service in their id", async () => {
  const name = "projects/p/operations/compute-1b";
  assert.equal((await call(operationsClient, "getOperation", { name }, { token })).name, name);
  await call(operationsClient, "getOperation", { name: "operations/compute-2" }, { token });
  await call(operationsClient, "listOperations", listRequest, { token });
  await assert.rejects(call(operationsClient, "getOperation", { name: "projects/p/operations/cluster-1" }, { token }), {
    code: Code.UNIMPLEMENTED,
    reason: "UNKNOWN_SERVICE",
    message: /no service cluster; it has compute/,
  });
  await assert.rejects(call(operationsClient, "getOperation", { name: "nonsense" }, { token }), {
    code: Code.INVALID_ARGUMENT,
  });
  const metadata = new Metadata();
  metadata.set("gantry-service", "storage");
  await assert.rejects(call(operationsClient, "listOperations", listRequest, { token, metadata }), {
    reason: "UNKNOWN_SERVICE",
  });
});

test("a method nobody knows is UNIMPLEMENTED", async () => {
  const raw = connectRaw(proxy.address, fixture.userCredentials());
  const error = await new Promise((resolve) => {
    const same = (bytes: Buffer): Buffer => bytes;
    raw.makeUnaryRequest("/gantry.nothing.v1.Nothing/Do", same, same, Buffer.alloc(0), bearer(), resolve);
  });
  assert.equal(fromServiceError(error).code, Code.UNIMPLEMENTED);
  assert.match(fromServiceError(error).message, /\/gantry.nothing.v1.Nothing\/Do/);
  raw.close();
});

test("a service that is down is named, and found again", async () => {
  const other = await fixture.serve({ services });
  const second = await createProxy({
    listen: "127.0.0.1:0",
    tls: userTls,
    services: new Map([["compute", other.address]]),
    verify: fixture.verify,
    log: fixture.log,
    metrics: fixture.metrics,
    signal: fixture.signal,
  });
  const through = connectClient(ComputeServiceClient, second.address, fixture.userCredentials());
  await call(through, "getInstance", { name: "x" }, { token });
  const lost = assert.rejects(call(through, "getInstance", { name: "hang" }, { token }), { code: Code.UNAVAILABLE });
  seen.lastContext = undefined;
  await until(() => seen.lastContext !== undefined);
  other.close();
  await lost;
  await assert.rejects(call(through, "getInstance", { name: "x" }, { token }), {
    code: Code.UNAVAILABLE,
    reason: "SERVICE_DOWN",
    message: "compute cannot be reached; try again",
  });
  const again = await fixture.serve({ services, listen: other.address });
  await until(() =>
    call(through, "getInstance", { name: "x" }, { token }).then(
      () => true,
      () => false,
    ),
  );
  through.close();
  await second.drain(500);
  again.close();
});

test("health of the services behind the one address", async () => {
  const raw = connectRaw(proxy.address, fixture.userCredentials());
  assert.equal(await checkHealth(raw, ""), "SERVING");
  assert.equal(await checkHealth(raw, "gantry.compute.v1.ComputeService"), "SERVING");
  service.setHealth("NOT_SERVING", "gantry.compute.v1.ComputeService");
  assert.equal(await checkHealth(raw, "gantry.compute.v1.ComputeService"), "NOT_SERVING");
  service.setHealth("SERVING");
  await assert.rejects(checkHealth(raw, "gantry.nothing.v1.Nothing"), { code: Code.NOT_FOUND });
  raw.close();
});

test("a handler passes its call on to another host", async () => {
  const target = connectRaw(service.address, userTls.channelCredentials(), { serverName: "compute" });
  const { getInstance, copyFromInstance, copyToInstance, execInstance } = ComputeServiceService;
  const front = await fixture.serve({
    services: [
      {
        definition: { getInstance, copyFromInstance, copyToInstance, execInstance },
        handlers: {
          getInstance: unary<{ name: string }, unknown>({
            access: viewer,
            handler: (request, ctx) => forwardOne(target, ctx, getInstance, [request]) as Promise<unknown>,
          }),
          copyFromInstance: serverStream<{ name: string; path: string }, unknown>({
            access: viewer,
            handler: (request, ctx, sink) => forwardStream(target, ctx, copyFromInstance, [request], sink),
          }),
          copyToInstance: clientStream<never, unknown>({
            access: viewer,
            handler: (messages, ctx) => forwardOne(target, ctx, copyToInstance, messages) as Promise<unknown>,
          }),
          execInstance: bidi<never, unknown>({
            access: viewer,
            handler: (messages, ctx, sink) => forwardStream(target, ctx, execInstance, messages, sink),
          }),
        },
      },
    ],
  });
  const through = connectClient(ComputeServiceClient, front.address, userTls.channelCredentials());
  assert.equal((await call(through, "getInstance", { name: "x" }, { token })).meta?.name, "x");
  assert.equal(seen.lastContext?.principal.subject, "ann", "the user's token goes along");
  await assert.rejects(call(through, "getInstance", { name: "bad" }, { token }), {
    violations: [{ field: "name", description: "is bad" }],
  });
  let chunks = 0;
  for await (const _ of stream(through, "copyFromInstance", { name: "50", path: "" }, { token })) chunks += 1;
  assert.equal(chunks, 50);
  // Leaving early ends it over there too.
  seen.writtenChunks = 0;
  for await (const _ of stream(through, "copyFromInstance", { name: "100000", path: "" }, { token })) break;
  await until(() => seen.lastContext?.signal.aborted === true);
  seen.readerMayGo.resolve();
  await new Promise<void>((resolve, reject) => {
    const up = through.copyToInstance(bearer(), {}, (error) => (error ? reject(error) : resolve()));
    for (let i = 0; i < 100; i += 1) up.write({ part: { $case: "data", value: Buffer.alloc(CHUNK_BYTES) } } as never);
    up.end();
  });
  const both = through.execInstance(bearer());
  both.write({} as never);
  await new Promise((resolve) => both.once("data", resolve));
  both.end();
  await new Promise((resolve) => both.on("end", resolve).resume());
  through.close();
  target.close();
  front.close();
});
