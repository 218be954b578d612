import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { waitUntil } from "../../../../deploy/local/process/wait-until.ts";
import type { MirrorClient } from "../../../../gateway/mirror/client.ts";
import { type TestApiServer, startApiServer } from "../../../support/api-server.ts";
import { addObservedCluster } from "../../../support/observed-cluster.ts";
import { type Platform, startPlatform } from "../../../support/platform.ts";
import { deletePod, labelPod, makeNamespace, makePod } from "./observations/support.ts";

const WAIT_MS = 30_000;
let api: TestApiServer;
let platform: Platform;

before(async () => {
  api = await startApiServer();
  platform = await startPlatform({ services: ["compute", "cluster", "gateway"] });
});
after(async () => {
  await platform?.stop();
  await api?.stop();
});

async function until(what: string, check: () => boolean): Promise<void> {
  await waitUntil(async () => (check() ? true : undefined), { what, timeoutMs: WAIT_MS });
}

function pods(mirror: MirrorClient): string[] {
  return [...mirror.replica.items()]
    .map(({ k }) => k)
    .filter((key) => key.startsWith("kubernetes/dev/Pod/"))
    .toSorted();
}

test("a project's mirror shows what its cluster's API shows, through a break of the API, until the cluster is gone", async () => {
  await makeNamespace(api.client, "web");
  for (let i = 0; i < 30; i++) await makePod(api.client, "web", `p${i}`);
  const mirror = platform.mirror("projects/default");
  const origins: string[] = [];
  const deletions: string[] = [];
  mirror.on("frame", (frame) => {
    if (frame.t === "origin" && frame.name === "kubernetes/dev") origins.push(frame.state);
    if (frame.t === "delta") deletions.push(...frame.ops.flatMap(({ op, k }) => (op === "del" ? [k] : [])));
  });
  await mirror.start();
  const cluster = await addObservedCluster(platform, api, "dev");
  await until("all pods are shown", () => pods(mirror).length === 30);
  await until("live", () => origins.at(-1) === "live");
  const shown = mirror.replica.get("kubernetes/dev/Pod/web/p7")?.d as { object: { cluster: string }; status: string };
  assert.equal(shown.object.cluster, cluster.name);
  assert.equal(shown.status, "Pending");

  await api.kill();
  await until("stale", () => origins.at(-1) === "stale");
  assert.equal(pods(mirror).length, 30);
  await api.start();
  await until("live again", () => origins.at(-1) === "live");
  assert.equal(pods(mirror).length, 30);
  assert.deepEqual(deletions, []);

  // A service that starts anew knows nothing at first: what mirrors show stays until it has seen everything.
  await platform.kill("cluster");
  await deletePod(api.client, "web", "p0");
  await labelPod(api.client, "web", "p1", "changed");
  await platform.start("cluster");
  await until("the difference is shown", () => mirror.replica.get("kubernetes/dev/Pod/web/p0") === undefined);
  assert.deepEqual(deletions, ["kubernetes/dev/Pod/web/p0"]);
  await until("the change is shown", () =>
    JSON.stringify(mirror.replica.get("kubernetes/dev/Pod/web/p1")?.d).includes("changed"),
  );

  await cluster.remove();
  await until(
    "nothing of the cluster is left",
    () => ![...mirror.replica.items()].some(({ k }) => k.startsWith("kubernetes/dev/")),
  );
});
