import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, status as Code } from "@grpc/grpc-js";
import { createRouter } from "../../../gateway/commands/router.ts";
import { createCommandSession } from "../../../gateway/commands/session.ts";
import { ComputeServiceService, StreamInstanceLogsResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { codec } from "../../../services/common/codec/codec.ts";
import { connectClient } from "../../../services/common/rpc/client.ts";
import { serverStream, unary } from "../../../services/common/rpc/wrappers.ts";
import { createFixture } from "../../services/common/rpc/fixture.ts";
import { COMPUTE, Received } from "./harness.ts";

const { getInstance, streamInstanceLogs } = ComputeServiceService;

test("through mutual TLS, tokens and roles of a real service", async (t) => {
  const fixture = await createFixture();
  t.after(() => fixture.close());
  const seen: string[] = [];
  const server = await fixture.serve({
    services: [
      {
        definition: { getInstance, streamInstanceLogs },
        handlers: {
          getInstance: unary<{ name: string }, Instance>({
            access: () => ({ role: "viewer", project: "a" }),
            handler: async (request, ctx) => {
              seen.push(`${ctx.principal.kind} ${ctx.principal.subject} ${ctx.peer}`);
              return Instance.fromPartial({ meta: { name: request.name } });
            },
          }),
          streamInstanceLogs: serverStream<object, StreamInstanceLogsResponse>({
            access: () => ({ role: "viewer", project: "a" }),
            handler: async (_request, ctx, sink) => {
              await sink.write(StreamInstanceLogsResponse.fromPartial({}));
              await new Promise((_resolve, reject) => {
                ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason as Error), { once: true });
              });
            },
          }),
        },
      },
    ],
  });
  const credentials = (await fixture.tls("gateway")).channelCredentials();
  const client = connectClient(Client, server.address, credentials, { serverName: "compute" });
  t.after(() => client.close());
  const received = new Received();
  let token = await fixture.mint({ roles: { a: "viewer" } });
  const session = createCommandSession({
    router: createRouter(new Map([["compute", client]])),
    codec,
    token: () => token,
    send: received.send,
    onDrain: received.onDrain,
    log: fixture.log,
    peer: "192.0.2.1:5",
  });
  t.after(() => session.destroy());
  const get = (id: string): Promise<Record<string, { code: number; details: { reason: string }[] }>> => {
    session.handle({ t: "call", id, method: `${COMPUTE}/GetInstance`, body: { name: "n" } });
    return received.answer(id);
  };

  assert.deepEqual((await get("good"))["body"], { meta: { name: "n" } });
  assert.deepEqual(seen, ["user ann 192.0.2.1:5"], "the call is the user's, not the gateway's");
  token = await fixture.mint({ roles: { b: "admin" } });
  assert.equal((await get("other"))["error"]?.code, Code.PERMISSION_DENIED);
  token = "nonsense";
  assert.equal((await get("bad"))["error"]?.code, Code.UNAUTHENTICATED);
  token = "";
  assert.equal((await get("none"))["error"]?.code, Code.UNAUTHENTICATED);
  assert.equal(seen.length, 1);

  token = await fixture.mint({ roles: { a: "viewer" } });
  session.handle({ t: "open", id: "logs", method: `${COMPUTE}/StreamInstanceLogs`, body: { name: "n", follow: true } });
  await received.next((frame) => frame.id === "logs" && frame.t === "data");
  await server.drain();
  const { status } = await received.answer("logs");
  assert.equal(status.code, Code.UNAVAILABLE);
  assert.equal(status.details[0].reason, "DRAINING");
});
