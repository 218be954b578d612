import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  Client,
  type ClientReadableStream,
  credentials,
  makeClientConstructor,
  Metadata,
  status as Code,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { service as healthDefinition } from "grpc-health-check";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import { fromServiceError } from "../../../../services/common/errors/status.ts";
import { createRealm, issueCertificate } from "../../../../services/common/realm/realm.ts";
import { loadTls, type Tls } from "../../../../services/common/realm/tls.ts";
import { call, channelOptions, connectClient, stream } from "../../../../services/common/rpc/client.ts";
import { serverStream, unary, bidi, clientStream } from "../../../../services/common/rpc/wrappers.ts";
import type { GrpcServer } from "../../../../services/common/rpc/server.ts";
import { createFixture, EchoClient, echoDefinition, type Fixture, until } from "./fixture.ts";

const access = () => ({ role: "viewer" as const });
let started = 0;
/** Milliseconds to take; the signal is not heeded. */
const slow = async (request: string): Promise<string> => {
  started += 1;
  await new Promise((resolve) => setTimeout(resolve, Number(request)));
  return "done";
};
const handlers = {
  unary: unary<string, string>({ access, handler: slow }),
  down: serverStream<string, string>({
    access,
    async handler(_request, ctx, sink) {
      started += 1;
      await sink.write("first");
      await new Promise((_resolve, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
    },
  }),
  up: clientStream<string, string>({ access, handler: async () => "" }),
  both: bidi<string, string>({ access, handler: async () => undefined }),
};
const services = [{ definition: echoDefinition, handlers }];

let fixture: Fixture;
let tls: Tls;
before(async () => {
  fixture = await createFixture();
  tls = await fixture.tls("compute");
});
after(() => fixture.close());

async function withServer(
  run: (server: GrpcServer, client: EchoClient) => Promise<void>,
  options: object = {},
): Promise<void> {
  const server = await fixture.serve({ tls, services, ...options });
  const client = connectClient(EchoClient, server.address, tls.channelCredentials());
  try {
    await run(server, client);
  } finally {
    client.close();
    server.close();
  }
}

test("mutual TLS: no certificate, another realm's, an expired one are refused", () =>
  withServer(async (server) => {
    const ca = await readFile(fixture.realm.caPath);
    const foreignDir = join(fixture.dir, "foreign");
    const foreign = await createRealm(foreignDir);
    await issueCertificate(foreign, { process: "compute", host: "h1" });
    await issueCertificate(fixture.realm, { process: "old", host: "h1", lifeMs: -1_000 });
    const pair = async (dir: string, name: string): Promise<[Buffer, Buffer]> => [
      await readFile(join(dir, "tls", `${name}.key`)),
      await readFile(join(dir, "tls", `${name}.crt`)),
    ];
    const bad = {
      none: credentials.createSsl(ca),
      foreign: credentials.createSsl(ca, ...(await pair(foreignDir, "compute"))),
      expired: credentials.createSsl(ca, ...(await pair(fixture.dir, "old"))),
      insecure: credentials.createInsecure(),
    };
    for (const [name, each] of Object.entries(bad)) {
      const client = connectClient(EchoClient, server.address, each);
      await assert.rejects(call(client, "unary", "0", { timeoutMs: 2_000 }), { code: Code.UNAVAILABLE }, name);
      client.close();
    }
    // And the client refuses a server of another realm.
    const other = loadTls({ dir: join(foreignDir, "tls"), process: "compute" });
    const client = connectClient(EchoClient, server.address, other.channelCredentials());
    await assert.rejects(call(client, "unary", "0", { timeoutMs: 2_000 }), { code: Code.UNAVAILABLE });
    client.close();
    other.close();
  }));

test("the users' address takes a token instead of a certificate, and only that", () =>
  withServer(
    async (server) => {
      const client = connectClient(EchoClient, server.address, fixture.userCredentials());
      await assert.rejects(call(client, "unary", "0"), { code: Code.UNAUTHENTICATED, reason: "TOKEN_MISSING" });
      assert.equal(await call(client, "unary", "0", { token: await fixture.mint({}) }), "done");
      client.close();
      // A certificate is not asked for there, so it speaks for nobody.
      const process = connectClient(EchoClient, server.address, tls.channelCredentials());
      await assert.rejects(call(process, "unary", "0"), { code: Code.UNAUTHENTICATED, reason: "TOKEN_MISSING" });
      process.close();
    },
    { users: true },
  ));

test("a stream ends when its token does", () =>
  withServer(async (_server, client) => {
    // Verification allows 30 s for clocks that differ: this token has 1 to 2 s left.
    const token = await fixture.mint({ ttlMs: -28_000 });
    const got: string[] = [];
    await assert.rejects(
      async () => {
        for await (const each of stream(client, "down", "x", { token, timeoutMs: 10_000 })) got.push(each);
      },
      { code: Code.UNAUTHENTICATED, reason: "TOKEN_EXPIRED" },
    );
    assert.deepEqual(got, ["first"]);
  }));

test("a renewed certificate is used without a restart, by server and client", () =>
  withServer(async (server, client) => {
    await call(client, "unary", "0");
    const serial = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const { ca, cert, key } = tls.current();
        const socket = connect(
          { port: server.port, host: "127.0.0.1", servername: "localhost", ca, cert, key, ALPNProtocols: ["h2"] },
          () => {
            resolve(socket.getPeerCertificate().serialNumber);
            socket.end();
          },
        );
        socket.on("error", reject);
      });
    const before = await serial();
    let renewed = false;
    const stop = tls.onRenewal(() => (renewed = true));
    await issueCertificate(fixture.realm, { process: "compute", host: "h1" });
    await until(() => renewed);
    stop();
    assert.notEqual(await serial(), before);
    assert.equal(await call(client, "unary", "0"), "done", "the open connection goes on");
    // A certificate without its key is not taken: that is how the files look between two renames.
    const path = join(fixture.dir, "tls", "compute.key");
    const whole = tls.current();
    const count = fixture.lines.length;
    await rm(path);
    await until(() => fixture.lines.slice(count).some((line) => /could not be read anew/.test(String(line["msg"]))));
    assert.equal(tls.current(), whole);
    await issueCertificate(fixture.realm, { process: "compute", host: "h1" });
    await until(() => tls.current() !== whole);
  }));

test("drain: streams end at once, unary calls may finish, new calls are refused, health says so", () =>
  withServer(async (server, client) => {
    const health = new Health(server.address, tls.channelCredentials(), channelOptions(server.address));
    const states: string[] = [];
    const watch = health["watch"]?.({ service: "" }) as NodeJS.EventEmitter;
    watch.on("data", ({ status }: { status: string }) => states.push(status));
    const watchEnded = new Promise((resolve) => watch.on("error", resolve));
    started = 0;
    let hasAnswered = false;
    const unaryCall = call(client, "unary", "1500").finally(() => (hasAnswered = true));
    const streamed = (async () => {
      for await (const _ of stream(client, "down", "x")) started += 1;
    })();
    await until(() => started === 3 && states.length === 1);
    const startMs = performance.now();
    const drained = server.drain(5_000);
    await assert.rejects(streamed, { code: Code.UNAVAILABLE, reason: "DRAINING" });
    assert.equal(hasAnswered, false);
    assert.equal(fromServiceError(await watchEnded).reason, "DRAINING");
    assert.deepEqual(states, ["SERVING", "NOT_SERVING"]);
    assert.equal(await unaryCall, "done");
    await drained;
    assert.ok(performance.now() - startMs < 5_000, "it does not wait for longer than for the call");
    await assert.rejects(call(client, "unary", "0"), { code: Code.UNAVAILABLE });
    health.close();
  }));

test("drain is bounded: a call that does not end is cut off", () =>
  withServer(async (server, client) => {
    started = 0;
    const rejected = assert.rejects(call(client, "unary", "6000"), { code: Code.UNAVAILABLE });
    await until(() => started === 1);
    const startMs = performance.now();
    await server.drain(200);
    assert.ok(performance.now() - startMs < 5_000);
    await rejected;
  }));

test("a busy port is one clear line", () =>
  withServer(async (server) => {
    await assert.rejects(fixture.serve({ tls, services, listen: server.address }), {
      message: `cannot listen on ${server.address}: the address is in use by another process`,
    });
  }));

test("a handler that is missing or not made by a wrapper is refused at the start", async () => {
  const { unary: _, ...rest } = handlers;
  await assert.rejects(
    fixture.serve({ tls, services: [{ definition: echoDefinition, handlers: rest }] }),
    /Echo\/Unary has no handler/,
  );
  const plain = { ...handlers, unary: () => undefined };
  await assert.rejects(
    fixture.serve({ tls, services: [{ definition: echoDefinition, handlers: plain }] }),
    /Echo\/Unary has no handler/,
  );
});

const Health = makeClientConstructor(healthDefinition, "Health");
test("health per service, and for the whole process", () =>
  withServer(async (server) => {
    const client = new Health(server.address, tls.channelCredentials(), channelOptions(server.address));
    const check = (service: string): Promise<string> =>
      new Promise((resolve, reject) => {
        client["check"]?.({ service }, (error: Error | null, response: { status: string }) => {
          if (error) reject(fromServiceError(error));
          else resolve(response.status);
        });
      });
    assert.equal(await check(""), "SERVING");
    assert.equal(await check("gantry.echo.v1.Echo"), "SERVING");
    server.setHealth("NOT_SERVING", "gantry.echo.v1.Echo");
    assert.equal(await check("gantry.echo.v1.Echo"), "NOT_SERVING");
    assert.equal(await check(""), "SERVING");
    await assert.rejects(check("nothing"), { code: Code.NOT_FOUND, reason: "NOT_FOUND" });
    client.close();
  }));

test("health watches are bounded, whoever asks; one that ends makes room", () =>
  withServer(async (server) => {
    const client = new Health(server.address, tls.channelCredentials(), channelOptions(server.address));
    const watch = (): Promise<ClientReadableStream<unknown>> =>
      new Promise((resolve, reject) => {
        const running = client["watch"]?.({ service: "" }) as ClientReadableStream<unknown>;
        running.once("data", () => resolve(running));
        running.on("error", (error) => reject(fromServiceError(error)));
      });
    const open = await Promise.all(Array.from({ length: 100 }, watch));
    await assert.rejects(watch(), (error: GantryError) => {
      assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
      assert.equal(error.metadata["limit"], "HEALTH_WATCHES_MAX");
      return true;
    });
    open[0]!.cancel();
    await until(() =>
      watch().then(
        () => true,
        () => false,
      ),
    );
    client.close();
  }));

test("reflection gives the contract's files with all they import", () =>
  withServer(async (server) => {
    const packageDir = join(createRequire(import.meta.url).resolve("@grpc/reflection/package.json"), "..");
    const proto = join(packageDir, "build", "proto", "grpc", "reflection", "v1", "reflection.proto");
    const method = Object.values(loadSync(proto, { oneofs: true })["grpc.reflection.v1.ServerReflection"] ?? {})[0];
    const client = new Client(server.address, tls.channelCredentials(), channelOptions(server.address));
    const ask = async (
      request: object,
    ): Promise<Record<string, { fileDescriptorProto: Buffer[]; service: { name: string }[]; errorCode: number }>> => {
      const running = client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        new Metadata(),
      );
      running.write(request);
      const answer = await new Promise((resolve, reject) => running.once("data", resolve).once("error", reject));
      running.end();
      return answer as never;
    };
    const list = await ask({ listServices: "" });
    assert.deepEqual(
      list["listServicesResponse"]?.service.map(({ name }) => name),
      ["gantry.echo.v1.Echo", "grpc.health.v1.Health"],
    );
    const names = async (request: object): Promise<string[]> => {
      const { fileDescriptorResponse } = await ask(request);
      // A FileDescriptorProto begins with its name.
      return (fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
        bytes.subarray(2, 2 + (bytes[1] ?? 0)).toString(),
      );
    };
    const files = await names({ fileContainingSymbol: "gantry.compute.v1.ComputeService.GetInstance" });
    assert.equal(files[0], "gantry/compute/v1/compute.proto");
    for (const each of [
      "gantry/common/v1/watch.proto",
      "google/longrunning/operations.proto",
      "google/protobuf/descriptor.proto",
    ]) {
      assert.ok(files.includes(each), each);
    }
    assert.equal((await names({ fileByFilename: "gantry/common/v1/meta.proto" }))[0], "gantry/common/v1/meta.proto");
    assert.equal((await names({ fileContainingSymbol: "gantry.common.v1.EVENT_TYPE_PUT" })).length > 0, true);
    const http = { containingType: "google.protobuf.MethodOptions", extensionNumber: 72_295_728 };
    assert.equal((await names({ fileContainingExtension: http }))[0], "google/api/annotations.proto");
    assert.equal((await ask({ fileContainingSymbol: "no.Such" }))["errorResponse"]?.errorCode, Code.NOT_FOUND);
    client.close();
  }));
