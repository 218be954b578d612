import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { SavedMirror } from "../../../gateway/mirror/mirror.ts";
import { saveWindows, takeWindows } from "../../../gateway/mirror/window-file.ts";
import { type TestFolder, testFolder } from "../../support/cleanup.ts";
import {
  batch,
  deletedEvent,
  held,
  instanceEvent,
  projectEvent,
  startTestGateway,
  until,
  type TestGateway,
} from "../support.ts";

let made: TestFolder;
let folder: string;
before(async () => {
  made = await testFolder("windows");
  folder = made.path;
});
after(() => made.remove());

function list(gateway: TestGateway, ids: [string, number][], revision: bigint): void {
  gateway.tracker.connected();
  gateway.tracker.batch(batch([projectEvent("default", 1), ...ids.map(([id, at]) => instanceEvent(id, at))]));
  gateway.tracker.batch(batch([], { revision, synced: true }));
}

test("a planned restart: observers are told to come back and resume with the same epoch", async () => {
  const path = join(folder, "windows.json");
  const first = await startTestGateway();
  list(
    first,
    [
      ["a", 2],
      ["b", 3],
      ["c", 4],
    ],
    4n,
  );
  const client = first.client({ token: () => first.token() });
  await client.start();
  first.tracker.batch(
    batch([deletedEvent("Instance", "projects/default/instances/c", "default", 5), instanceEvent("d", 6)], {
      revision: 6n,
    }),
  );
  await until(client, () => client.replica.get("projects/default/instances/d") !== undefined);
  const { epoch, s } = client.replica;

  const ends: { code: number; retryMs: number | undefined }[] = [];
  client.on("closed", (end) => ends.push(end));
  await first.sockets.drain(5_000);
  await until(client, () => ends.length > 0);
  assert.equal(ends[0]!.code, 4000);
  assert.ok(ends[0]!.retryMs! >= 200 && ends[0]!.retryMs! <= 3_200, "as the reconnect frame said");
  await saveWindows(path, first.mirrors.catalog.save());
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const { address } = first.http;
  await first.http.close();

  const second = await startTestGateway({ keys: first.keys, saved: await takeWindows(path), listen: address });
  // Meanwhile a was changed, b is as it was, d has gone, e has come.
  setTimeout(
    () =>
      list(
        second,
        [
          ["a", 7],
          ["b", 3],
          ["e", 8],
        ],
        9n,
      ),
    300,
  );
  await until(client, () => client.replica.synced, 10_000);
  assert.equal(client.counts.resumed, 1);
  assert.equal(client.counts.snapshots, 1);
  assert.equal(client.counts.mismatches, 0);
  assert.equal(client.replica.epoch, epoch);
  assert.ok(client.replica.s > s);
  assert.deepEqual(Object.keys(held(client)).sort(), [
    "projects/default",
    ...["a", "b", "e"].map((id) => `projects/default/instances/${id}`),
  ]);
  assert.equal(client.replica.get("projects/default/instances/a")!.v, "log1.7");
  await second.stop();
  await first.stop();
  assert.deepEqual(await takeWindows(path), [], "taken once");
});

test("after a crash: a new epoch and a snapshot", async () => {
  const first = await startTestGateway();
  list(first, [["a", 2]], 2n);
  const client = first.client({ token: () => first.token() });
  await client.start();
  const { epoch } = client.replica;
  const { address } = first.http;
  first.sockets.destroy();
  await first.http.close();
  const second = await startTestGateway({ keys: first.keys, listen: address });
  list(second, [["b", 3]], 3n);
  await until(client, () => client.replica.synced && client.counts.connections === 2, 10_000);
  assert.notEqual(client.replica.epoch, epoch);
  assert.equal(client.counts.snapshots, 2);
  assert.deepEqual(Object.keys(held(client)).sort(), ["projects/default", "projects/default/instances/b"]);
  await second.stop();
  await first.stop();
});

test("a service that does not come back: its saved window is given up, not shown as deletions", async () => {
  const saved: SavedMirror = {
    name: "projects/default",
    epoch: "old",
    s: 40,
    windowStart: 1,
    items: [["projects/default/instances/a", "log1.2", "compute", 30]],
    tombstones: [],
  };
  const gateway = await startTestGateway({ saved: [saved], limits: { resumeTimeoutMs: 200 } });
  const client = gateway.client();
  await client.start();
  assert.notEqual(client.replica.epoch, "old");
  assert.equal(client.replica.origins.get("compute")!.state, "stale");
  await gateway.stop();
});

test("a window file that is old or not ours is nothing", async () => {
  const path = join(folder, "bad.json");
  for (const text of ["", "{", "null", '{"format":99}', '{"format":1,"savedMs":5,"mirrors":[{}]}']) {
    await writeFile(path, text);
    assert.deepEqual(await takeWindows(path), []);
  }
});
