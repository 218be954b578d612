import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { KubernetesClient, type Page } from "../../../../../services/cluster/kubernetes/client.ts";
import { parseAdminConf } from "../../../../../services/cluster/kubernetes/credentials.ts";
import { KindTable } from "../../../../../services/cluster/kubernetes/observations/kind-table.ts";
import { OBSERVED_KINDS, type ObservedKind } from "../../../../../services/cluster/kubernetes/observations/kinds.ts";
import { Reflector } from "../../../../../services/cluster/kubernetes/observations/reflector.ts";
import { ObservationSet } from "../../../../../services/common/watch/observations.ts";
import { startApiServer, type TestApiServer } from "../../../../support/api-server.ts";
import { makeNamespace, makePod, Told } from "./support.ts";

const PODS = OBSERVED_KINDS.find(({ kind }) => kind === "Pod")!;

/** A client whose lists say, as often as told, that they are older than they are: as after a long time without a word. */
class StaleListClient extends KubernetesClient {
  staleLists = 0;
  lists = 0;
  version = "1";

  override async *pages<T>(...args: Parameters<KubernetesClient["pages"]>): AsyncGenerator<Page<T>> {
    this.lists += 1;
    const stale = this.staleLists-- > 0;
    for await (const page of super.pages<T>(...args)) yield stale ? { ...page, resourceVersion: this.version } : page;
  }
}

function reflect(
  api: TestApiServer,
  kind: ObservedKind,
): { client: StaleListClient; told: Told; states: string[]; start: () => () => Promise<void> } {
  const client = new StaleListClient(api.target, () => Promise.resolve(parseAdminConf(api.adminConf, "admin.conf")));
  const set = new ObservationSet({ origin: "kubernetes/dev" });
  const table = new KindTable({ kind, set, cluster: "projects/default/clusters/dev", project: "default" });
  const states: string[] = [];
  const stop = new AbortController();
  const log = pino({ level: "silent" });
  const onState = (): void => void states.push(reflector.state.state);
  const reflector = new Reflector({ kind, client, table, onState, log, signal: stop.signal });
  const start = (): (() => Promise<void>) => {
    const running = reflector.run();
    return async () => {
      stop.abort();
      await running;
      client.close();
    };
  };
  return { client, told: new Told(set), states, start };
}

test("a watch from a version that the API has forgotten lists again and goes on", async () => {
  // Without the cache in front of it, the API server knows of what etcd has forgotten at once.
  await using api = await startApiServer({ args: ["--watch-cache=false"] });
  await makeNamespace(api.client, "old");
  await makePod(api.client, "old", "one");
  await api.compact();
  const { client, told, states, start } = reflect(api, PODS);
  client.staleLists = 2;
  const stop = start();
  try {
    await told.until("it follows after the third list", () => client.lists === 3 && states.at(-1) === "following");
    await makePod(api.client, "old", "two");
    await told.until("the new pod is shown", () => told.changes.includes("add Pod/old/two"));
    assert.deepEqual(told.changes, ["add Pod/old/one", "add Pod/old/two"]);
    assert.ok(!states.includes("failed"), states.join());
  } finally {
    await stop();
  }
});

test("a kind that the API does not serve has no objects, and nothing is wrong", async () => {
  await using api = await startApiServer();
  const { states, told, start } = reflect(api, { ...PODS, path: "/apis/gantry.dev/v1/nothings" });
  const stop = start();
  try {
    await told.until("it says so", () => states.at(-1) === "following");
    assert.deepEqual(states, ["following"]);
    assert.equal(told.items.size, 0);
  } finally {
    await stop();
  }
});
