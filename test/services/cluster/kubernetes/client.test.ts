import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { KubernetesClient } from "../../../../services/cluster/kubernetes/client.ts";
import { ADMIN_CONF_PATH } from "../../../../services/cluster/pki/paths.ts";
import { parseAdminConf } from "../../../../services/cluster/kubernetes/credentials.ts";
import { isKubernetesStatus, KubernetesError } from "../../../../services/cluster/kubernetes/errors.ts";
import { controlPlaneKeys, startApiServer, type TestApiServer } from "../../../support/api-server.ts";
import { freePorts } from "../../../support/ports.ts";

let api: TestApiServer;
before(async () => {
  api = await startApiServer();
});
after(() => api.stop());

interface Named {
  metadata: { name: string };
}

function configMap(name: string, data: Record<string, string> = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

const MAPS = "/api/v1/namespaces/default/configmaps";

test("objects are made, read, changed and removed; what is not there is undefined or an error that says so", async () => {
  const { client } = api;
  const made = await client.call<Named>("POST", MAPS, { body: configMap("one", { a: "1" }) });
  assert.equal(made.metadata.name, "one");
  await assert.rejects(client.call("POST", MAPS, { body: configMap("one") }), (error: KubernetesError) => {
    assert.equal(error.statusCode, 409);
    assert.equal(error.apiReason, "AlreadyExists");
    return true;
  });
  await client.call("PATCH", `${MAPS}/one`, {
    body: { data: { b: "2" } },
    contentType: "application/merge-patch+json",
  });
  const read = await client.get<{ data: object }>(`${MAPS}/one`);
  assert.deepEqual(read.data, { a: "1", b: "2" });
  await client.call("DELETE", `${MAPS}/one`);
  assert.equal(await client.find(`${MAPS}/one`), undefined);
  await assert.rejects(client.get(`${MAPS}/one`), (error: unknown) => isKubernetesStatus(error, 404));
});

test("a list comes in pages, whole and in order; one whose pages are too long comes in smaller ones", async () => {
  const { client } = api;
  const namespace = "/api/v1/namespaces";
  await client.call("POST", namespace, { body: { metadata: { name: "many" } } });
  const maps = `${namespace}/many/configmaps`;
  // 48 times 0.9 MB: more than one answer may have.
  const big = "x".repeat(900_000);
  for (let i = 0; i < 48; i++) {
    await client.call("POST", maps, { body: configMap(`m${String(i).padStart(2, "0")}`, { big }) });
  }
  const names: string[] = [];
  let pages = 0;
  for await (const page of client.pages<Named>(maps)) {
    pages += 1;
    assert.notEqual(page.resourceVersion, "");
    names.push(...page.items.map(({ metadata }) => metadata.name));
  }
  assert.deepEqual(
    names,
    Array.from({ length: 48 }, (_, i) => `m${String(i).padStart(2, "0")}`),
  );
  assert.equal(pages, 7);
  await client.call("DELETE", `${namespace}/many`);
});

test("calls that wait for a socket are each sent once, however long those before them take", async () => {
  const { client } = api;
  // A watch of one object that nobody changes: an answer that takes as long as it is asked to, longer than a connection may.
  const query = { watch: true, fieldSelector: "metadata.name=none", timeoutSeconds: 4 };
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on("warning", onWarning);
  try {
    const body = (n: number): object => configMap(`queued-${n}`);
    const held = Array.from({ length: 16 }, () => client.call("GET", MAPS, { query }).catch((error: unknown) => error));
    // Each of these takes a socket over from the one before; sent twice, it would be told that the object is there already.
    const made = Array.from({ length: 64 }, (_, n) => client.call<Named>("POST", MAPS, { body: body(n) }));
    for (const [n, each] of (await Promise.all(made)).entries()) assert.equal(each.metadata.name, `queued-${n}`);
    await Promise.all(held);
  } finally {
    process.off("warning", onWarning);
  }
  assert.deepEqual(warnings, []);
});

test("an endpoint that takes no connection is passed over", async () => {
  const [dead] = (await freePorts(1)) as [number];
  const target = { ...api.target, endpoints: [{ host: "127.0.0.1", port: dead }, ...api.target.endpoints] };
  const client = new KubernetesClient(target, () => Promise.resolve(parseAdminConf(api.adminConf, "admin.conf")));
  try {
    await client.ready();
    assert.deepEqual((await client.connection()).endpoint, api.target.endpoints[0]);
  } finally {
    client.close();
  }
});

test("credentials that do not fit are read once more: another authority's, or keys that the API does not know", async () => {
  const own = parseAdminConf(api.adminConf, "admin.conf");
  const other = parseAdminConf((await controlPlaneKeys()).get(ADMIN_CONF_PATH)!, "admin.conf");
  for (const first of [other, { ...other, ca: own.ca }]) {
    const answers = [first, own];
    const client = new KubernetesClient(api.target, () => Promise.resolve(answers.shift()!));
    try {
      await client.get("/api/v1/nodes");
      assert.deepEqual(answers, []);
    } finally {
      client.close();
    }
  }
});

test("credentials that are still refused when read again are an error that says so", async () => {
  const other = parseAdminConf((await controlPlaneKeys()).get(ADMIN_CONF_PATH)!, "admin.conf");
  const client = new KubernetesClient(api.target, () => Promise.resolve(other));
  try {
    await assert.rejects(client.get("/api/v1/nodes"), { reason: "KUBERNETES_UNAVAILABLE" });
  } finally {
    client.close();
  }
});

test("an API server that is paused is given up after the call's time, and answers again when it goes on", async () => {
  await api.client.ready();
  api.pause();
  try {
    const startedMs = performance.now();
    await assert.rejects(api.client.ready({ timeoutMs: 500 }), { reason: "KUBERNETES_UNAVAILABLE" });
    assert.ok(performance.now() - startedMs < 3_000);
  } finally {
    api.resume();
  }
  await api.client.ready();
});

test("a call is over at once when its signal says so", async () => {
  await api.client.ready();
  api.pause();
  try {
    await assert.rejects(api.client.get("/api/v1/nodes", { signal: AbortSignal.timeout(100) }), {
      reason: "CANCELLED",
    });
  } finally {
    api.resume();
  }
});

const BAD_CONFS: [string, RegExp][] = [
  ["", /has no ca, no certificate, no key/],
  ["a: [", /is no YAML/],
  ["clusters: []\nusers: [{user: {client-key-data: eA==}}]", /has no ca, no certificate, no key/],
];

for (const [text, problem] of BAD_CONFS) {
  test(`an admin.conf that is none is refused without showing it: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseAdminConf(text, "admin.conf"), problem);
  });
}
