import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Metadata, Server, ServerCredentials, credentials } from "@grpc/grpc-js";
import type { ServerWritableStream } from "@grpc/grpc-js";
import type { Event, WatchRequest, WatchResponse } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import { EventType } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import { ComputeServiceClient, ComputeServiceService } from "../../../../proto/gen/gantry/compute/v1/compute.ts";
import { passThroughMethod } from "../../../../services/common/rpc/pass-through.ts";
import { createSink } from "../../../../services/common/rpc/streams.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { ObservationHub } from "../../../../services/common/watch/observations.ts";
import { serveWatch } from "../../../../services/common/watch/serve-watch.ts";
import type { WatchClientOptions } from "../../../../services/common/watch/watch-client.ts";
import { WatchClient } from "../../../../services/common/watch/watch-client.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import type { TestFolder } from "../store/support.ts";
import { eventually, instance, instances, nameOf, open, tempFolder, testLog } from "../store/support.ts";

type Call = ServerWritableStream<WatchRequest, WatchResponse>;

describe("WatchClient", () => {
  let redis: TestRedis;
  let folder: TestFolder;
  let store: StoreHandle;
  let port = 0;

  before(async () => {
    redis = await startRedis();
    folder = await tempFolder();
    store = await open({ redisUrl: redis.url, dataDir: folder.path });
  });

  after(async () => {
    await store?.close();
    await redis?.stop();
    await folder?.remove();
  });

  /** A gRPC server on the same port each time. `watch` in place of the real one, where a fault is wanted. */
  const serve = async (watch?: (call: Call) => void): Promise<Server> => {
    const real = serveWatch({ store, observations: new ObservationHub(), bookmarkIntervalMs: 100 });
    const handle = (call: Call): void => {
      const abort = new AbortController();
      call.on("cancelled", () => abort.abort(new Error("cancelled")));
      real(call.request, { signal: abort.signal }, createSink(call, abort.signal)).then(
        () => call.end(),
        () => call.end(),
      );
    };
    const server = new Server();
    const method = passThroughMethod(ComputeServiceService.watch);
    server.addService({ watch: method }, { watch: watch ?? handle });
    port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return server;
  };

  const create = (id: string): Promise<void> => store.transact(async (tx) => tx.create(instances, instance(id)));

  interface Following {
    records: Map<string, Event>;
    batches: WatchResponse[];
    states: string[];
    client: WatchClient;
    close(): Promise<void>;
  }

  const follow = (options: Partial<WatchClientOptions> = {}): Following => {
    const abort = new AbortController();
    const stub = new ComputeServiceClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.initial_reconnect_backoff_ms": 50,
      "grpc.max_reconnect_backoff_ms": 200,
    });
    const records = new Map<string, Event>();
    const batches: WatchResponse[] = [];
    const states: string[] = [];
    const client = new WatchClient({
      open: (request) => stub.watch(request, new Metadata()),
      request: {},
      onBatch: (batch) => {
        batches.push(batch);
        if (batch.reset) records.clear();
        for (const event of batch.events) {
          if (event.type === EventType.EVENT_TYPE_PUT) records.set(event.name, event);
          else records.delete(event.name);
        }
      },
      onState: (state) => states.push(state),
      log: testLog,
      signal: abort.signal,
      ...options,
    });
    const close = async (): Promise<void> => {
      abort.abort();
      await client.done;
      stub.close();
    };
    return { records, batches, states, client, close };
  };

  test("follows over restarts of the server: resumes, misses and repeats nothing", async () => {
    let server = await serve();
    await create("c0");
    const following = follow();
    await eventually(() => following.records.has(nameOf("c0")));
    for (let round = 1; round <= 3; round++) {
      await create(`c${round}-before`);
      await eventually(() => following.records.has(nameOf(`c${round}-before`)));
      server.forceShutdown();
      await create(`c${round}-while-away`);
      server = await serve();
      await eventually(() => following.records.has(nameOf(`c${round}-while-away`)));
    }
    const revisions = following.batches.flatMap(({ events }) => events.map(({ revision }) => revision));
    assert.equal(new Set(revisions).size, revisions.length);
    assert.equal(following.records.size, 7);
    assert.equal(following.batches.filter(({ reset }) => reset).length, 0);
    assert.deepEqual(following.states.slice(0, 3), ["connected", "disconnected", "connected"]);
    assert.equal(following.client.bookmark.logId, store.tail.logId);
    await following.close();
    server.forceShutdown();
  });

  test("a snapshot that was cut off begins anew with a reset", async () => {
    let calls = 0;
    let server = await serve((call) => {
      calls++;
      // Half of a snapshot, with something that is not there any more, then the stream breaks.
      const stale = { name: nameOf("stale"), kind: "Instance", type: EventType.EVENT_TYPE_PUT, revision: 1n } as Event;
      call.write({ events: [stale], logId: store.tail.logId, revision: 0n, synced: false, reset: false, origins: [] });
      call.end();
    });
    const following = follow();
    await eventually(() => calls >= 2);
    server.forceShutdown();
    server = await serve();
    await eventually(() => following.records.has(nameOf("c0")) && following.batches.some(({ synced }) => synced));
    assert.equal(following.records.has(nameOf("stale")), false);
    await following.close();
    server.forceShutdown();
  });

  test("a stream that is silent is given up: the server sees it cancelled", async () => {
    let cancelled = 0;
    const server = await serve((call) => void call.on("cancelled", () => cancelled++));
    const following = follow({ silenceMaxMs: 100 });
    await eventually(() => cancelled >= 2, 5_000);
    await following.close();
    server.forceShutdown();
  });

  test("the next batch waits for the one before", async () => {
    const server = await serve();
    let running = 0;
    let most = 0;
    const following = follow({
      onBatch: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
      },
    });
    await eventually(() => following.states.includes("connected"));
    await Promise.all(Array.from({ length: 20 }, (_, n) => create(`slow${n}`)));
    await eventually(async () => following.client.bookmark.since >= BigInt((await store.position()).revision));
    assert.equal(most, 1);
    await following.close();
    server.forceShutdown();
  });

  test("what onBatch throws ends it", async () => {
    const server = await serve();
    const following = follow({
      onBatch: () => {
        throw new Error("cannot take this");
      },
    });
    await assert.rejects(following.client.done, /cannot take this/);
    server.forceShutdown();
  });
});
