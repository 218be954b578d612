import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Metadata, status as Code } from "@grpc/grpc-js";
import { invalidArgument, notFound } from "../../../../services/common/errors/errors.ts";
import { fromServiceError } from "../../../../services/common/errors/status.ts";
import type { CallContext } from "../../../../services/common/rpc/call.ts";
import { call, connectClient, stream } from "../../../../services/common/rpc/client.ts";
import { bidi, clientStream, serverStream, unary } from "../../../../services/common/rpc/wrappers.ts";
import { createFixture, EchoClient, echoDefinition, type Fixture, until } from "./fixture.ts";

/** A request says what the handler shall do: `echo:x`, `throw:now`, `hang`... */
async function act(request: string, ctx: CallContext): Promise<string> {
  const [verb, argument = ""] = request.split(":");
  switch (verb) {
    case "echo":
      return argument;
    case "known":
      throw notFound(argument);
    case "invalid":
      throw invalidArgument([
        { field: "a.b", description: "is bad" },
        { field: "c", description: "is worse" },
      ]);
    case "throw":
      throw new Error(`secret ${argument}`);
    case "later":
      await new Promise((resolve) => setImmediate(resolve));
      throw new TypeError("late secret");
    case "hang":
      hanging.push(ctx);
      return new Promise((_resolve, reject) => {
        ctx.signal.addEventListener("abort", () => reject(new Error("stopped")));
      });
    case "deaf":
      hanging.push(ctx);
      return new Promise((resolve) => releases.push(() => resolve("")));
    case "who":
      return `${ctx.principal.kind} ${ctx.principal.subject}`;
    case "big":
      return "x".repeat(Number(argument));
    default:
      throw new Error(`no verb ${verb}`);
  }
}
const hanging: CallContext[] = [];
const releases: (() => void)[] = [];

const access = (request: string) => {
  if (request === "access:throw") throw new Error("in access");
  if (request.startsWith("change:")) return { role: "editor" as const, project: "p" };
  const [role = "viewer", project] = request.startsWith("as=") ? request.slice(3).split("/") : [];
  return { role: role as "viewer", ...(project === undefined ? {} : { project }) };
};
const rest = (request: string): string => (request.startsWith("as=") ? "echo:ok" : request.replace(/^change:/, ""));

const handlers = {
  unary: unary<string, string>({ access, handler: (request, ctx) => act(rest(request), ctx) }),
  down: serverStream<string, string>({
    access,
    async handler(request, ctx, sink) {
      await sink.write("first");
      await sink.writeRaw(Buffer.from(await act(request, ctx)));
    },
  }),
  up: clientStream<string, string>({
    access,
    async handler(messages, ctx) {
      let all = "";
      for await (const message of messages) all += await act(message, ctx);
      return all;
    },
  }),
  both: bidi<string, string>({
    access,
    async handler(messages, ctx, sink) {
      for await (const message of messages) await sink.write(await act(message, ctx));
    },
  }),
};

let fixture: Fixture;
let client: EchoClient;
let token: string;

before(async () => {
  fixture = await createFixture();
  const tls = await fixture.tls("compute");
  const server = await fixture.serve({
    tls,
    services: [{ definition: echoDefinition, handlers }],
    limits: { callsPerPrincipal: 20, defaultDeadlineMs: 300, firstMessageTimeoutMs: 200 },
  });
  client = connectClient(EchoClient, server.address, tls.channelCredentials());
  token = await fixture.mint({ realmAdmin: true });
});
after(async () => {
  client.close();
  await fixture.close();
});

const TIMEOUT_MS = 5_000;

/** Each shape as a function from the messages sent to those received. */
const shapes: Record<
  string,
  (messages: string[], options?: { timeoutMs?: number; signal?: AbortSignal }) => Promise<string[]>
> = {
  async unary([message = ""], options) {
    return [await call(client, "unary", message, { token, timeoutMs: TIMEOUT_MS, ...options })];
  },
  async down([message = ""], options) {
    const got: string[] = [];
    for await (const each of stream(client, "down", message, { token, timeoutMs: TIMEOUT_MS, ...options }))
      got.push(each);
    return got;
  },
  up(messages, options = {}) {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + (options.timeoutMs ?? TIMEOUT_MS);
      const running = client.up(bearer(), { deadline }, (error, response) => {
        if (error) reject(fromServiceError(error));
        else resolve([response]);
      });
      options.signal?.addEventListener("abort", () => running.cancel());
      for (const message of messages) running.write(message);
      running.end();
    });
  },
  both(messages, options = {}) {
    return new Promise((resolve, reject) => {
      const got: string[] = [];
      const running = client.both(bearer(), { deadline: Date.now() + (options.timeoutMs ?? TIMEOUT_MS) });
      running.on("data", (message: string) => got.push(message));
      running.on("error", (error) => reject(fromServiceError(error)));
      running.on("end", () => resolve(got));
      options.signal?.addEventListener("abort", () => running.cancel());
      for (const message of messages) running.write(message);
      running.end();
    });
  },
};
function bearer(): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

const answers: Record<string, string[]> = { unary: ["a"], down: ["first", "a"], up: ["ab"], both: ["a", "b"] };

for (const [name, run] of Object.entries(shapes)) {
  test(`${name}: answers`, async () => {
    assert.deepEqual(await run(["echo:a", "echo:b"]), answers[name]);
  });

  test(`${name}: a known error arrives whole`, async () => {
    await assert.rejects(run(["known:projects/p"]), {
      code: Code.NOT_FOUND,
      reason: "NOT_FOUND",
      message: "projects/p does not exist",
      metadata: { name: "projects/p" },
    });
    await assert.rejects(run(["invalid"]), {
      code: Code.INVALID_ARGUMENT,
      violations: [
        { field: "a.b", description: "is bad" },
        { field: "c", description: "is worse" },
      ],
    });
  });

  for (const point of ["throw:x", "later", "access:throw"]) {
    test(`${name}: an unknown error (${point}) is hidden, logged and does not hang`, async () => {
      const error = await run([point]).then(
        () => assert.fail("must fail"),
        (reason: unknown) => fromServiceError(reason),
      );
      assert.equal(error.code, Code.INTERNAL);
      assert.doesNotMatch(error.message, /secret|access/);
      const line = fixture.lines.find((each) => each["errorId"] === error.metadata["errorId"]);
      assert.match(JSON.stringify(line), /secret|in access/);
    });
  }

  test(`${name}: the client's deadline reaches the handler`, async () => {
    hanging.length = 0;
    await assert.rejects(run(["hang"], { timeoutMs: 150 }), { code: Code.DEADLINE_EXCEEDED });
    const [ctx] = hanging;
    assert.ok(ctx);
    if (!ctx.signal.aborted) await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    assert.match(String(ctx.signal.reason), /deadline|cancel/);
  });

  test(`${name}: cancelling reaches the handler`, async () => {
    hanging.length = 0;
    const controller = new AbortController();
    const result = run(["hang"], { signal: controller.signal });
    const rejected = assert.rejects(result, { code: Code.CANCELLED });
    while (hanging.length === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await rejected;
    const [ctx] = hanging;
    assert.ok(ctx);
    if (!ctx.signal.aborted) await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    assert.equal((ctx.signal.reason as { reason: string }).reason, "CANCELLED");
  });
}

test("a unary call without a deadline gets the server's", async () => {
  const result = new Promise((resolve, reject) => {
    client.unary("hang", bearer(), {}, (error, response) =>
      error ? reject(fromServiceError(error)) : resolve(response),
    );
  });
  await assert.rejects(result, { code: Code.DEADLINE_EXCEEDED, reason: "DEADLINE_EXCEEDED" });
});

test("a stream whose first message does not come ends", async () => {
  const running = client.both(bearer());
  const error = await new Promise((resolve) => running.on("error", resolve));
  assert.equal(fromServiceError(error).code, Code.DEADLINE_EXCEEDED);
});

test("a client stream without a message is refused", async () => {
  await assert.rejects(shapes["up"]?.([]) ?? assert.fail(), { code: Code.INVALID_ARGUMENT });
});

test("a handler that does not heed its signal keeps its place, the client does not wait", async () => {
  hanging.length = 0;
  const all = Array.from({ length: 20 }, () => shapes["unary"]?.(["deaf"], { timeoutMs: 400 }));
  for (const each of await Promise.allSettled(all)) assert.equal(each.status, "rejected");
  await assert.rejects(shapes["unary"]?.(["echo:a"]) ?? assert.fail(), {
    code: Code.RESOURCE_EXHAUSTED,
    metadata: { limit: "GANTRY_RPC_CALLS_PER_PRINCIPAL" },
  });
  for (const release of releases.splice(0)) release();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await shapes["unary"]?.(["echo:a"]), ["a"]);
});

test("messages over 4 MB are refused both ways", async () => {
  await assert.rejects(shapes["unary"]?.([`echo:${"x".repeat(4 * 1024 * 1024)}`]) ?? assert.fail(), {
    code: Code.RESOURCE_EXHAUSTED,
  });
  await assert.rejects(shapes["unary"]?.(["big:4194305"]) ?? assert.fail(), { code: Code.RESOURCE_EXHAUSTED });
  assert.equal((await shapes["unary"]?.(["big:4194304"]))?.[0]?.length, 4_194_304);
});

const audits = (): Fixture["lines"] => fixture.lines.filter((line) => line["audit"] === true);

test("changes are audited, reads are not, refusals are", async () => {
  const count = audits().length;
  await call(client, "unary", "echo:a", { token });
  assert.equal(audits().length, count);
  await call(client, "unary", "as=editor/p", { token });
  const viewer = await fixture.mint({ subject: "bob", roles: { p: "viewer" } });
  await assert.rejects(call(client, "unary", "as=editor/p", { token: viewer }), { code: Code.PERMISSION_DENIED });
  await assert.rejects(call(client, "unary", "echo:a", { token: "rubbish" }), { code: Code.UNAUTHENTICATED });
  assert.deepEqual(
    audits()
      .slice(count)
      .map((line) => ["subject", "project", "code", "reason", "method"].map((field) => line[field] ?? "")),
    [
      ["ann", "p", "OK", "", "gantry.echo.v1.Echo/Unary"],
      ["bob", "p", "PERMISSION_DENIED", "PERMISSION_DENIED", "gantry.echo.v1.Echo/Unary"],
      ["", "", "UNAUTHENTICATED", "TOKEN_INVALID", "gantry.echo.v1.Echo/Unary"],
    ],
  );
  assert.ok(!JSON.stringify(fixture.lines).includes(viewer), "no token in the log");
});

test("a change that is done after its caller was gone is audited as done", async () => {
  const count = audits().length;
  hanging.length = 0;
  await assert.rejects(call(client, "unary", "change:deaf", { token, timeoutMs: 100 }), {
    code: Code.DEADLINE_EXCEEDED,
  });
  await until(() => audits().length === count + 1);
  for (const release of releases.splice(0)) release();
  await until(() => audits().length === count + 2);
  const codes = audits()
    .slice(count)
    .map((line) => [line["code"], line["reason"]]);
  assert.deepEqual(codes.slice(1), [["OK", "DONE_AFTER_END"]]);
  assert.match(String(codes[0]), /DEADLINE_EXCEEDED|CANCELLED/);
});

test("without a token the certificate speaks, for reads only", async () => {
  assert.equal(await call(client, "unary", "who"), "process compute.h1");
  await assert.rejects(call(client, "unary", "as=editor/p"), { code: Code.PERMISSION_DENIED });
  await assert.rejects(call(client, "unary", "as=realm-admin"), { code: Code.PERMISSION_DENIED });
  const forwarded = new Metadata();
  forwarded.set("gantry-peer", "192.0.2.1:5");
  await assert.rejects(call(client, "unary", "who", { metadata: forwarded }), {
    code: Code.UNAUTHENTICATED,
    reason: "TOKEN_MISSING",
  });
});

test("calls are counted by method and code", async () => {
  await call(client, "unary", "echo:a", { token });
  const text = await fixture.metrics.registry.metrics();
  assert.match(text, /gantry_rpc_server_calls_total\{.*method="gantry.echo.v1.Echo\/Unary",code="OK"/);
  assert.match(text, /gantry_rpc_server_call_seconds_bucket/);
});
