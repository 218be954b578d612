import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { credentials, status as Code } from "@grpc/grpc-js";
import { SignJWT } from "jose";
import {
  ListMirrorsRequest,
  ListMirrorsResponse,
  UpdateProjectRequest,
} from "../../proto/gen/gantry/compute/v1/compute.ts";
import { Mirror } from "../../proto/gen/gantry/compute/v1/project.ts";
import { WatchRequest, WatchResponse } from "../../proto/gen/gantry/common/v1/watch.ts";
import { generateTokenKeys, mintToken } from "../../services/common/auth/token.ts";
import { loadTls, type Tls } from "../../services/common/realm/tls.ts";
import { call } from "../../services/common/rpc/client.ts";
import { instanceName, Scene } from "./support/scene.ts";
import { field, hostileBytes, unknownFields } from "./support/hostile-bytes.ts";
import { METHODS, RawCaller, shortName } from "./support/raw-call.ts";
import { MARK, requestsOn } from "./support/secret-requests.ts";
import { createMirror, createProject } from "./support/writes.ts";

const CALLS_PER_PRINCIPAL = 40;
const MIB = 1024 * 1024;
/** What a process may keep of an onslaught: caches, JIT code, pools of memory. */
const GROWTH_BYTES_MAX = 120 * MIB;

let scene: Scene;
let tls: Tls;
/** The one address, as users have it; and compute's own, with a certificate of the realm. */
let front: RawCaller;
let direct: RawCaller;

before(async () => {
  const settings = { GANTRY_RPC_CALLS_PER_PRINCIPAL: String(CALLS_PER_PRINCIPAL), GANTRY_LOG_LEVEL: "info" };
  scene = await Scene.start({ settings: { compute: settings, gateway: settings } });
  tls = loadTls({ dir: `${scene.platform.dataDir}/tls`, process: "gateway" });
  front = new RawCaller(scene.platform.addresses.grpc, credentials.createSsl(scene.platform.ca));
  direct = new RawCaller(scene.platform.addresses.compute, tls.channelCredentials());
});
after(async () => {
  front?.close();
  direct?.close();
  tls?.close();
  await scene?.[Symbol.asyncDispose]();
});

const callers = (): [string, RawCaller][] => [
  ["the one address", front],
  ["compute", direct],
];

async function residentBytes(): Promise<Record<"compute" | "gateway", number>> {
  const of = async (name: "compute" | "gateway"): Promise<number> => {
    const status = await readFile(`/proc/${scene.platform.services[name]!.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
  };
  return { compute: await of("compute"), gateway: await of("gateway") };
}

async function lives(): Promise<void> {
  const { projects } = await call(
    scene.compute,
    "listProjects",
    { pageSize: 0, pageToken: "", labelSelector: "" },
    scene.settings,
  );
  assert.ok(projects.length > 0);
}

/** The process is the same one, answers, and has not kept what was thrown at it. */
async function survives(work: () => Promise<void>): Promise<void> {
  const pids = [scene.platform.services.compute!.pid, scene.platform.services.gateway!.pid];
  // What the first time costs is not a leak.
  await work();
  const earlier = await residentBytes();
  await work();
  await lives();
  const later = await residentBytes();
  for (const name of ["compute", "gateway"] as const) {
    const grown = later[name] - earlier[name];
    assert.ok(grown < GROWTH_BYTES_MAX, `${name} has grown by ${Math.round(grown / MIB)} MiB`);
  }
  assert.deepEqual([scene.platform.services.compute!.pid, scene.platform.services.gateway!.pid], pids);
}

/** What a bad message may be answered with. UNKNOWN would say that nobody knows what happened. */
const CLEAR = new Set([
  "OK",
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "RESOURCE_EXHAUSTED",
]);
/** As grpc-js answers bytes that are no message of the type, before anything of ours is asked. */
const NOT_DECODED = /^(Error deserializing request|Request deserialization)/;

describe("hostile gRPC", { timeout: 300_000 }, () => {
  test("bytes that are no message, for every method", async (context) => {
    const answers = new Map<string, number>();
    await survives(async () => {
      for (const [where, caller] of callers()) {
        for (const method of METHODS) {
          const all = hostileBytes().map(async ([what, bytes]) => {
            const answer = await caller.call(method, [bytes], { token: scene.platform.adminToken, timeoutMs: 2_000 });
            // Streams that were taken for a good request go on until they are cut off.
            const open = method.responseStream && answer.code === Code.CANCELLED;
            const clear =
              CLEAR.has(answer.codeName) ||
              open ||
              (answer.codeName === "INTERNAL" && NOT_DECODED.test(answer.message));
            answers.set(answer.codeName, (answers.get(answer.codeName) ?? 0) + 1);
            assert.ok(clear, `${what} to ${shortName(method)} of ${where}: ${answer.codeName} ${answer.message}`);
            assert.ok(
              answer.message.length < 2_000,
              `${what} to ${shortName(method)}: an answer of ${answer.message.length} characters`,
            );
          });
          await Promise.all(all);
        }
      }
    });
    context.diagnostic(JSON.stringify(Object.fromEntries(answers)));
  });

  test("messages that are too large, packed or not", async () => {
    const large = Buffer.alloc(5 * MIB);
    const packing = { "grpc.default_compression_algorithm": 2 };
    const packed: [string, RawCaller][] = [
      [
        "the one address",
        new RawCaller(scene.platform.addresses.grpc, credentials.createSsl(scene.platform.ca), packing),
      ],
      ["compute", new RawCaller(scene.platform.addresses.compute, tls.channelCredentials(), packing)],
    ];
    // 64 MiB of zeros are 64 KiB on the wire.
    const bomb = Buffer.alloc(64 * MIB);
    assert.ok(gzipSync(bomb).length < MIB);
    await survives(async () => {
      for (const [where, caller] of callers()) {
        for (const method of METHODS) {
          const { codeName } = await caller.call(method, [large], { token: scene.platform.adminToken });
          assert.equal(codeName, "RESOURCE_EXHAUSTED", `${shortName(method)} of ${where}`);
        }
      }
      for (const [where, caller] of packed) {
        for (let n = 0; n < 5; n++) {
          const { codeName } = await caller.call(METHODS[0]!, [bomb], {
            token: scene.platform.adminToken,
            timeoutMs: 20_000,
          });
          assert.equal(codeName, "RESOURCE_EXHAUSTED", `packed, to ${where}`);
        }
      }
    });
    for (const [, caller] of packed) caller.close();
  });

  test("tokens that are missing, bad, expired or another realm's, for every method", async () => {
    const { platform } = scene;
    const foreign = await generateTokenKeys();
    const claims = { subject: "mallory", realmAdmin: true, ttlMs: 60_000 };
    const publicJwks = await readFile(`${platform.dataDir}/token/public.jwk`, "utf8");
    const confused = await new SignJWT({ realm: "admin" })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer("gantry")
      .setAudience("gantry")
      .setSubject("mallory")
      .setJti("1")
      .setExpirationTime("1h")
      .sign(Buffer.from(publicJwks));
    const [head, body] = platform.adminToken.split(".");
    const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${body}.`;
    const tokens: [string, string | undefined][] = [
      ["none", undefined],
      ["garbage", "garbage"],
      ["too long", "x".repeat(9_000)],
      ["expired", await platform.mint({ subject: "late", realmAdmin: true, ttlMs: -120_000 })],
      ["another realm's", (await mintToken(foreign.privateJwk, claims)).token],
      ["of no algorithm", none],
      ["signed with the public key", confused],
      ["with another's signature", `${head}.${body}.${(await platform.mint({ subject: "x" })).split(".")[2]}`],
    ];
    for (const [what, token] of tokens) {
      for (const method of METHODS) {
        const answer = await front.call(method, [Buffer.alloc(0)], { token });
        assert.equal(answer.codeName, "UNAUTHENTICATED", `${what}, to ${shortName(method)}: ${answer.message}`);
        assert.deepEqual(answer.messages, []);
        // Between processes the certificate speaks where there is no token; a bad one is never overlooked.
        if (token === undefined) continue;
        const inside = await direct.call(method, [Buffer.alloc(0)], { token });
        assert.equal(inside.codeName, "UNAUTHENTICATED", `${what}, to compute's ${shortName(method)}`);
      }
    }
    const stranger = new RawCaller(platform.addresses.compute, credentials.createSsl(platform.ca));
    const refused = await stranger.call(METHODS[0]!, [Buffer.alloc(0)], { token: platform.adminToken });
    assert.equal(refused.codeName, "UNAVAILABLE", "compute takes nobody without a certificate");
    stranger.close();
  });

  test("what belongs to another project, on every method", async () => {
    await createProject(scene, MARK);
    await createMirror(scene, `projects/${MARK}`, MARK, { secret: MARK });
    const operation = await scene.create("victim");
    await scene.ended(operation.name, 30_000);
    const requests = requestsOn(MARK);
    assert.deepEqual(Object.keys(requests).sort(), METHODS.map(shortName).sort(), "the table has every method");
    const strangers = [
      await scene.platform.mint({ subject: "nobody" }),
      await scene.platform.mint({ subject: "editor", roles: { other: "admin" } }),
      // Names that only begin or look alike.
      await scene.platform.mint({
        subject: "near",
        roles: { [`${MARK}x`]: "admin", [MARK.slice(0, -1)]: "admin", "-": "admin", "*": "admin", "": "admin" },
      }),
    ];
    for (const token of strangers) {
      for (const method of METHODS) {
        for (const { request, shows } of requests[shortName(method)]!) {
          const answer = await front.call(method, request, { token, timeoutMs: shows ? 1_000 : 5_000 });
          const what = `${shortName(method)}: ${answer.codeName} ${answer.message}`;
          if (!shows) assert.equal(answer.codeName, "PERMISSION_DENIED", what);
          else assert.ok(["OK", "CANCELLED", "NOT_FOUND"].includes(answer.codeName), what);
          if (!shows) assert.deepEqual(answer.messages, [], what);
          // The name that was asked for may be repeated, but nothing of what is there.
          assert.ok(!Buffer.concat(answer.messages).includes(MARK), `${what}: something was shown`);
        }
      }
    }
    const viewer = await scene.platform.mint({ subject: "viewer", roles: { default: "viewer" } });
    for (const method of METHODS.filter((each) =>
      /^(Create|Update|Delete|Start|Stop|Restart|Pause|Resume|Resize|Exec|Copy|Cancel|GetInstanceDocker)/.test(
        shortName(each),
      ),
    )) {
      for (const { request } of requestsOn("default")[shortName(method)]!) {
        const answer = await front.call(method, request, { token: viewer });
        assert.equal(answer.codeName, "PERMISSION_DENIED", `a viewer's ${shortName(method)}: ${answer.message}`);
      }
    }
    assert.equal((await scene.get("victim")).meta!.name, instanceName("victim"));
  });

  test("more calls at once than one caller may have", async () => {
    const watch = METHODS.find((method) => shortName(method) === "Watch")!;
    const request = Buffer.from(WatchRequest.encode(WatchRequest.fromPartial({})).finish());
    const modest = await scene.platform.mint({ subject: "modest" });
    await survives(async () => {
      for (const [where, caller] of callers()) {
        // What a call through the one address held is given back a moment later.
        const greedy = await scene.platform.mint({ subject: `greedy at ${where}` });
        const calls = Array.from({ length: CALLS_PER_PRINCIPAL * 3 }, () => caller.hold(watch, request, greedy));
        const refused = new Set<number>();
        let codes: number[] = [];
        const all = Promise.all(
          calls.map(async ({ ended }, at) => {
            const code = await ended;
            refused.add(at);
            codes.push(code);
          }),
        );
        await until(() => refused.size >= CALLS_PER_PRINCIPAL * 2);
        assert.equal(refused.size, CALLS_PER_PRINCIPAL * 2, `${where}: exactly those beyond the limit`);
        assert.deepEqual([...new Set(codes)], [Code.RESOURCE_EXHAUSTED]);
        const other = await caller.call(watch, [request], { token: modest, timeoutMs: 500 });
        assert.equal(other.codeName, "CANCELLED", "others are served");
        assert.ok(other.messages.length > 0);
        codes = [];
        for (const { cancel } of calls) cancel();
        await all;
        await until(
          async () => (await caller.call(watch, [request], { token: greedy, timeoutMs: 300 })).codeName === "CANCELLED",
        );
      }
      const unknown = Array.from({ length: 2_000 }, () => front.call(METHODS[1]!, [Buffer.alloc(0)], { token: "x" }));
      for (const { codeName } of await Promise.all(unknown)) assert.equal(codeName, "UNAUTHENTICATED");
    });
  });

  test("many fields", async () => {
    const labels = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`l${at}`, "x"]));
    const request = UpdateProjectRequest.fromPartial({
      project: { meta: { name: "projects/default", labels } },
      updateMask: ["meta.labels"],
    });
    const update = METHODS.find((method) => shortName(method) === "UpdateProject")!;
    const answer = await front.call(update, [Buffer.from(UpdateProjectRequest.encode(request).finish())], {
      token: scene.platform.adminToken,
    });
    assert.equal(answer.codeName, "INVALID_ARGUMENT");
    assert.ok(answer.all.length < 16_384, `${answer.all.length} bytes`);
  });

  test("fields that nobody knows are not a way to store what is not allowed", async () => {
    const create = METHODS.find((method) => shortName(method) === "CreateMirror")!;
    const junk = Buffer.concat([unknownFields(1_000), field(5_000, Buffer.alloc(2 * MIB, 0x78))]);
    const selector = field(1, field(2, Buffer.from("Instance")));
    const mirror = Buffer.concat([field(2, Buffer.concat([selector, junk])), junk.subarray(0, 1_000)]);
    const parts = [field(1, Buffer.from("projects/default")), field(2, Buffer.from("junk")), field(3, mirror)];
    const answer = await front.call(create, [Buffer.concat(parts)], { token: scene.platform.adminToken });
    if (answer.codeName === "OK") {
      const stored = scene.watcher.get("Mirror", "projects/default/mirrors/junk");
      const size = Mirror.encode(Mirror.decode(answer.messages[0]!)).finish().length;
      assert.ok(size < 64 * 1024 && (stored?.bytes.length ?? 0) < 64 * 1024, `a mirror of ${size} bytes was stored`);
    } else assert.equal(answer.codeName, "INVALID_ARGUMENT", answer.message);
  });

  test("a page of large things is still an answer", async () => {
    const annotations = { note: "x".repeat(60_000) };
    const create = (id: string) =>
      call(
        scene.compute,
        "createMirror",
        {
          parent: "projects/default",
          mirrorId: id,
          requestId: "",
          mirror: Mirror.fromPartial({ meta: { annotations }, spec: { selectors: [{ kind: "Instance" }] } }),
        },
        scene.settings,
      );
    const ids = Array.from({ length: 90 }, (_, at) => `large-${at}`);
    for (const id of ids) await create(id);
    const seen: string[] = [];
    const list = METHODS.find((method) => shortName(method) === "ListMirrors")!;
    for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
      const request = ListMirrorsRequest.fromPartial({ parent: "projects/default", pageSize: 1_000, pageToken });
      const answer = await front.call(list, [Buffer.from(ListMirrorsRequest.encode(request).finish())], {
        token: scene.platform.adminToken,
      });
      assert.equal(answer.codeName, "OK", answer.message);
      const page = ListMirrorsResponse.decode(answer.messages[0]!);
      seen.push(...page.mirrors.map(({ meta }) => meta!.name));
      pageToken = page.nextPageToken;
    }
    assert.equal(seen.filter((name) => name.includes("/large-")).length, ids.length);
    const watch = METHODS.find((method) => shortName(method) === "Watch")!;
    const told = await front.call(watch, [Buffer.alloc(0)], { token: scene.platform.adminToken, timeoutMs: 3_000 });
    assert.equal(told.codeName, "CANCELLED", told.message);
    const names = told.messages.flatMap((bytes) => WatchResponse.decode(bytes).events.map(({ name }) => name));
    assert.equal(names.filter((name) => name.includes("/large-")).length, ids.length);
  });
});

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!(await check())) {
    assert.ok(performance.now() < endMs, "not in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
