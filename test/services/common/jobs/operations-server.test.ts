import assert from "node:assert/strict";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { OperationsClient, OperationsService } from "../../../../proto/gen/google/longrunning/operations.ts";
import { type GantryError, notFound } from "../../../../services/common/errors/errors.ts";
import { operationsServer } from "../../../../services/common/jobs/rpc/operations-server.ts";
import { call, connectClient } from "../../../../services/common/rpc/client.ts";
import { startRedis } from "../../../support/redis.ts";
import { createFixture } from "../rpc/fixture.ts";
import { Platform, step, testJob } from "./support/platform.ts";

test("google.longrunning.Operations over gRPC, to each what its role allows", async () => {
  await using redis = await startRedis();
  const stuck = step("stuck", (ctx) => {
    const { promise, reject } = Promise.withResolvers<void>();
    ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
    return promise;
  });
  await using platform = await Platform.start({ redisUrl: redis.url, jobs: [testJob("stuck", [stuck])] });
  const { store, operations } = platform;
  const fixture = await createFixture();
  const tls = await fixture.tls("compute");
  const needProject = async (name: string): Promise<void> => {
    if (name === "projects/gone") throw notFound(name);
  };
  const services = [{ definition: OperationsService, handlers: operationsServer({ store, operations, needProject }) }];
  const server = await fixture.serve({ tls, services });
  const client = connectClient(OperationsClient, server.address, tls.channelCredentials());
  const tokens = {
    viewer: await fixture.mint({ roles: { default: "viewer", gone: "viewer" } }),
    editor: await fixture.mint({ roles: { default: "editor" } }),
    stranger: await fixture.mint({ roles: { other: "admin" } }),
    admin: await fixture.mint({ realmAdmin: true }),
  };
  const denied = (error: GantryError): boolean => {
    assert.equal(error.code, Code.PERMISSION_DENIED, error.stack);
    return true;
  };
  try {
    const { name } = await platform.submit("web", { job: "stuck" });
    const realm = (await platform.submit("host", { job: "stuck", project: "" })).name;

    const [viewer, editor, stranger, admin] = Object.values(tokens).map((token) => ({ token }));
    assert.equal((await call(client, "getOperation", { name }, viewer)).name, name);
    await assert.rejects(call(client, "getOperation", { name }, stranger), denied);
    const list = { name: "projects/default", filter: "", pageSize: 0, pageToken: "", returnPartialSuccess: false };
    assert.equal((await call(client, "listOperations", list, viewer)).operations.length, 1);
    await assert.rejects(call(client, "listOperations", list, stranger), denied);
    const gone = { ...list, name: "projects/gone" };
    await assert.rejects(call(client, "listOperations", gone, stranger), denied);
    await assert.rejects(call(client, "listOperations", gone, viewer), { code: Code.NOT_FOUND });
    const listed = async (parent: string, caller: { token: string } | undefined) =>
      (await call(client, "listOperations", { ...list, name: parent }, caller)).operations.map((each) => each.name);
    assert.deepEqual(await listed("projects/-", viewer), [name]);
    assert.deepEqual(await listed("projects/-", stranger), []);
    assert.deepEqual(await listed("projects/-", admin), [name]);
    assert.deepEqual(await listed("", stranger), [realm]);

    await assert.rejects(call(client, "cancelOperation", { name }, viewer), denied);
    const waiting = call(client, "waitOperation", { name, timeout: { seconds: 20n, nanos: 0 } }, viewer);
    await call(client, "cancelOperation", { name }, editor);
    const ended = await waiting;
    assert.equal(ended.result?.$case === "error" && ended.result.value.code, Code.CANCELLED);
    await assert.rejects(call(client, "deleteOperation", { name }, viewer), denied);
    await call(client, "deleteOperation", { name }, editor);
    await assert.rejects(call(client, "getOperation", { name }, viewer), (error: GantryError) => {
      assert.equal(error.reason, "NOT_FOUND");
      return true;
    });

    // Of the realm: everyone sees it, its admin alone changes it.
    assert.equal((await call(client, "getOperation", { name: realm }, stranger)).name, realm);
    await assert.rejects(call(client, "cancelOperation", { name: realm }, editor), denied);
    await call(client, "cancelOperation", { name: realm }, admin);
    const unfinished = { name: realm, timeout: { seconds: 20n, nanos: 0 } };
    assert.equal((await call(client, "waitOperation", unfinished, admin)).done, true);
  } finally {
    client.close();
    server.close();
    await fixture.close();
  }
});
