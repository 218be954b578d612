import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { Host } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { Instance, InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { Mirror, Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { Operation as GrpcOperation } from "../../../proto/gen/google/longrunning/operations.ts";
import { createNetwork, removeNetwork } from "../../../services/common/engine/api/networks.ts";
import { call, type CallSettings } from "../../../services/common/rpc/client.ts";
import { BUSYBOX, failure, SLEEP, TestCompute } from "./support/compute.ts";

let compute: TestCompute;
before(async () => {
  compute = await TestCompute.start();
});
after(() => compute?.[Symbol.asyncDispose]());

const fields = async (work: Promise<unknown>) => (await failure(work)).violations.map(({ field }) => field);
const project = (instancesMax = 0) => Project.fromPartial({ meta: {}, spec: { displayName: "Team", instancesMax } });
const createProject = (projectId: string, value: Project | undefined = undefined, requestId = "") =>
  compute.ask("createProject", { projectId, project: value, requestId });
const listOf = (parent: string, more: object = {}) => ({
  parent,
  pageSize: 0,
  pageToken: "",
  labelSelector: "",
  ...more,
});

test("projects: made, changed, listed, and deleted when they are empty", async () => {
  const id = `team-${compute.id}`;
  const name = `projects/${id}`;
  const requestId = randomUUID();
  const made = await createProject(id, project(), requestId);
  assert.equal(made.meta?.name, name);
  assert.equal((await createProject(id, project(), requestId)).meta?.uid, made.meta.uid);
  assert.equal((await failure(createProject(id))).reason, "ALREADY_EXISTS");

  const changed = { ...made, meta: { ...made.meta, labels: { a: "b" } }, spec: { ...made.spec!, displayName: "New" } };
  const updated = await compute.ask("updateProject", {
    project: changed,
    updateMask: ["spec.display_name"],
    requestId: "",
  });
  assert.deepEqual([updated.spec?.displayName, updated.meta?.labels], ["New", {}]);
  const list = await compute.ask("listProjects", { pageSize: 0, pageToken: "", labelSelector: "" });
  assert.deepEqual(
    list.projects.map((each) => each.meta?.name),
    ["projects/default", compute.project, name].toSorted(),
  );

  const mirror = Mirror.fromPartial({ meta: {}, spec: { selectors: [{ kind: "Instance" }] } });
  await compute.ask("createMirror", { parent: name, mirrorId: "all-of-it", mirror, requestId: "" });
  const notEmpty = await failure(compute.ask("deleteProject", { name, etag: "" }));
  assert.deepEqual([notEmpty.reason, notEmpty.metadata["content"]], ["PROJECT_NOT_EMPTY", `${name}/mirrors/all-of-it`]);
  await compute.ask("deleteMirror", { name: `${name}/mirrors/all-of-it`, etag: "" });
  await compute.ask("deleteProject", { name, etag: "" });
  assert.equal((await failure(compute.ask("getProject", { name }))).reason, "NOT_FOUND");
  const preset = await failure(compute.ask("deleteProject", { name: "projects/default", etag: "" }));
  assert.equal(preset.code, Code.FAILED_PRECONDITION);
});

test("every bad field of a request is told at once", async () => {
  const bad = Project.fromPartial({
    meta: { labels: { "gantry.dev/x": "1" } },
    spec: { displayName: "x".repeat(64), instancesMax: -1 },
  });
  assert.deepEqual(await fields(createProject("Bad", bad, "no-uuid")), [
    "project_id",
    'project.meta.labels["gantry.dev/x"]',
    "project.spec.display_name",
    "project.spec.instances_max",
    "request_id",
  ]);
  const mirror = Mirror.fromPartial({
    meta: {},
    spec: { selectors: [{ origin: "X", kind: "y", labelSelector: "a in" }] },
  });
  assert.deepEqual(
    await fields(compute.ask("createMirror", { parent: "nope", mirrorId: "-", mirror, requestId: "" })),
    [
      "parent",
      "mirror_id",
      "mirror.spec.selectors[0].origin",
      "mirror.spec.selectors[0].kind",
      "mirror.spec.selectors[0].label_selector",
    ],
  );
});

test("updates too tell every bad field at once, the mask's included", async () => {
  const labels = { "bad key": "" };
  const mirror = Mirror.fromPartial({ meta: {}, spec: { selectors: [{ kind: "Instance" }] } });
  await compute.ask("createMirror", { parent: compute.project, mirrorId: "changing", mirror, requestId: "" });
  const name = `${compute.project}/mirrors/changing`;
  const wrong = Mirror.fromPartial({ meta: { name, labels }, spec: { displayName: "x".repeat(64) } });
  const updateMask = ["spec.selectors", "spec.display_name", "meta.uid"];
  assert.deepEqual(await fields(compute.ask("updateMirror", { mirror: wrong, updateMask, requestId: "x" })), [
    "request_id",
    'mirror.meta.labels["bad key"]',
    "update_mask",
    "mirror.spec.selectors",
    "mirror.spec.display_name",
  ]);
  const changed = Project.fromPartial({ meta: { name: compute.project, labels }, spec: { instancesMax: -1 } });
  const ofProject = { project: changed, updateMask: ["spec.instances_max", "spec.nothing"], requestId: "" };
  assert.deepEqual(await fields(compute.ask("updateProject", ofProject)), [
    'project.meta.labels["bad key"]',
    "update_mask",
    "project.spec.instances_max",
  ]);
  const host = Host.fromPartial({ meta: { name: `hosts/${compute.host}`, labels } });
  assert.deepEqual(await fields(compute.ask("updateHost", { host, updateMask: ["status"], requestId: "" })), [
    'host.meta.labels["bad key"]',
    "update_mask",
  ]);
  await compute.ask("deleteMirror", { name, etag: "" });
});

test("an instance that can't be is refused with all that is wrong, and nothing is made", async () => {
  const taken = { hostIp: "", hostPort: 20_000 + Math.floor(Math.random() * 10_000), port: 80, protocol: "tcp" };
  await compute.created("first", { ports: [taken] });
  const before = await compute.leftOnEngine();
  const spec = InstanceSpec.fromPartial({
    image: "registry.invalid/no/such:image",
    cpuMillis: 1_000_000n,
    memoryBytes: 1n << 50n,
    pidsMax: 1n,
    networks: ["no-such-network"],
    ports: [taken],
    hostname: "_",
    placement: { capabilities: ["flux-capacitor"] },
  });
  const instance = Instance.fromPartial({ meta: { labels: { "bad key": "" } }, spec });
  const request = {
    parent: compute.project,
    instanceId: "Web",
    instance,
    requestId: "x",
    validateOnly: false,
    retain: false,
  };
  await compute.capabilitiesKnown();
  const found = await fields(compute.ask("createInstance", request));
  assert.deepEqual(found.toSorted(), [
    'instance.meta.labels["bad key"]',
    "instance.spec.cpu_millis",
    "instance.spec.hostname",
    "instance.spec.image",
    "instance.spec.memory_bytes",
    "instance.spec.networks[0]",
    "instance.spec.pids_max",
    "instance.spec.placement.capabilities[0]",
    "instance.spec.ports[0].host_port",
    "instance_id",
    "request_id",
  ]);
  assert.deepEqual(await compute.leftOnEngine(), before);
  const list = await compute.ask("listInstances", listOf(compute.project));
  assert.deepEqual(
    list.instances.map((each) => each.meta?.name),
    [compute.name("first")],
  );
});

test("a name that is taken is ALREADY_EXISTS, whatever else the first of that name holds", async () => {
  const port = { hostIp: "", hostPort: 30_000 + Math.floor(Math.random() * 2_000), port: 80, protocol: "tcp" };
  await compute.created("double", { ports: [port] });
  for (const validateOnly of [false, true]) {
    const error = await failure(compute.create("double", { ports: [port] }, { validateOnly }));
    assert.deepEqual([error.code, error.reason], [Code.ALREADY_EXISTS, "ALREADY_EXISTS"]);
  }
  await compute.delete("double");
});

test("an operation's answer holds no secrets: viewers may read it", async () => {
  const operation = await compute.create("quiet", { env: { PASSWORD: "hunter2-hunter2" }, power: 2 });
  await compute.wait(operation);
  const roles = { [`p${compute.id}`]: "viewer" as const };
  const token = await compute.realm.token({ roles });
  const seen = await call(compute.operations, "getOperation", { name: operation.name } as never, { token });
  const text = Buffer.from(GrpcOperation.encode(seen as GrpcOperation).finish()).toString("latin1");
  assert.match(text, /quiet/);
  assert.doesNotMatch(text, /hunter2/);
  assert.equal((await compute.get("quiet")).spec?.env["PASSWORD"], "hunter2-hunter2");
  await compute.delete("quiet");
});

test("a port that the host itself has taken fails the creation, and nothing is left", async () => {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: hostPort } = server.address() as { port: number };
  try {
    const error = await failure(
      compute.created("clash", { ports: [{ hostIp: "", hostPort, port: 80, protocol: "" }] }),
    );
    assert.equal(error.reason, "PORT_IN_USE");
    assert.equal((await failure(compute.get("clash"))).reason, "NOT_FOUND");
  } finally {
    server.close();
  }
});

test("published ports and further networks are in the status", async () => {
  const network = `gantry-extra-${compute.id}`;
  await createNetwork(compute.engine, { Name: network, Labels: { "gantry.dev/test": "compute" } });
  try {
    await compute.until("the network is seen", async () => {
      const error = await compute
        .create("seen", { networks: [network] }, { validateOnly: true })
        .catch((e: unknown) => e);
      return !(error instanceof Error);
    });
    const made = await compute.created("wired", {
      networks: [network],
      ports: [{ hostIp: "", hostPort: 0, port: 80, protocol: "" }],
    });
    assert.deepEqual(
      made.status?.addresses.map((address) => address.network),
      [compute.network, network],
    );
    assert.equal(made.status.addresses[0]?.ipv4, made.reservation?.ipv4);
    const [published] = made.status.ports;
    assert.deepEqual([published?.hostIp, published?.port, published?.protocol], ["127.0.0.1", 80, "tcp"]);
    assert.ok(published!.hostPort > 0);
    await compute.delete("wired");
  } finally {
    await removeNetwork(compute.engine, network);
  }
});

test("a project's quota holds, also when many ask at once", async () => {
  const id = `small-${compute.id}`;
  await createProject(id, project(2));
  const spec = InstanceSpec.fromPartial({ image: BUSYBOX, command: SLEEP });
  const one = (instanceId: string) =>
    compute.ask("createInstance", {
      parent: `projects/${id}`,
      instanceId,
      instance: Instance.fromPartial({ meta: {}, spec }),
      requestId: "",
      validateOnly: false,
      retain: false,
    });
  const results = await Promise.allSettled(["a", "b", "c", "d", "e"].map(one));
  const made = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const refused = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason as { reason: string }] : [],
  );
  assert.equal(made.length, 2);
  assert.ok(refused.every(({ reason }) => reason === "RESOURCE_EXHAUSTED"));
  await Promise.all(made.map((operation) => compute.wait(operation)));
  const list = await compute.ask("listInstances", listOf(`projects/${id}`));
  for (const { meta } of list.instances) {
    await compute.wait(await compute.ask("deleteInstance", { name: meta!.name, etag: "", requestId: "" }));
  }
  await compute.ask("deleteProject", { name: `projects/${id}`, etag: "" });
});

const decoded = (token: string): string =>
  token
    .split(".")
    .map((part) => Buffer.from(part, "base64url").toString("latin1"))
    .join();

test("page tokens do not tell what the caller may not see", async () => {
  const projects = ["aa", "mm", "zz"].map((prefix) => `${prefix}-${compute.id}`) as [string, string, string];
  const [first, hidden, last] = projects;
  for (const id of projects) {
    await createProject(id);
    for (const mirrorId of ["m1", "m2"]) {
      const mirror = Mirror.fromPartial({ meta: { labels: { of: id } }, spec: { selectors: [{ kind: "Instance" }] } });
      await compute.ask("createMirror", { parent: `projects/${id}`, mirrorId, mirror, requestId: "" });
    }
  }
  const token = await compute.realm.token({ roles: { [first]: "viewer", [last]: "editor", gone: "admin" } });
  const names: string[] = [];
  for (let pageToken = "", pages = 0; pages < 20; pages += 1) {
    const more = { pageSize: 1, pageToken, labelSelector: "of" };
    const page = await compute.ask("listMirrors", listOf("projects/-", more), { token });
    assert.ok(page.mirrors.length <= 1 && page.logId !== "" && page.revision > 0n);
    names.push(...page.mirrors.map(({ meta }) => meta!.name));
    pageToken = page.nextPageToken;
    assert.doesNotMatch(decoded(pageToken), new RegExp(hidden));
    if (pageToken === "") break;
  }
  const expected = [first, last].flatMap((id) => ["m1", "m2"].map((mirror) => `projects/${id}/mirrors/${mirror}`));
  assert.deepEqual(names, expected);
  const whole = await compute.ask("listMirrors", listOf("projects/-"), { token });
  assert.deepEqual([whole.mirrors.length, whole.nextPageToken], [4, ""]);
  const { nextPageToken } = await compute.ask("listMirrors", listOf("projects/-", { pageSize: 2 }), { token });
  const [outer] = nextPageToken.split(".");
  for (const more of [
    { pageToken: "x" },
    { pageToken: `${outer}.AAAA` },
    { pageToken: nextPageToken, labelSelector: "of" },
  ]) {
    const refused = await failure(compute.ask("listMirrors", listOf("projects/-", more), { token }));
    assert.equal(refused.code, Code.INVALID_ARGUMENT);
  }
  const seen: string[] = [];
  for (let pageToken = "", pages = 0; pages < 20; pages += 1) {
    const page = await compute.ask("listProjects", { pageSize: 1, pageToken, labelSelector: "" }, { token });
    seen.push(...page.projects.map(({ meta }) => meta!.name));
    pageToken = page.nextPageToken;
    assert.doesNotMatch(decoded(pageToken), new RegExp(hidden));
    if (pageToken === "") break;
  }
  assert.deepEqual(seen, [`projects/${first}`, `projects/${last}`]);
  for (const id of projects) {
    for (const mirror of ["m1", "m2"]) {
      await compute.ask("deleteMirror", { name: `projects/${id}/mirrors/${mirror}`, etag: "" });
    }
    await compute.ask("deleteProject", { name: `projects/${id}`, etag: "" });
  }
});

test("lists come in pages, by selector, and show each what they may see", async () => {
  for (const [id, tier] of [
    ["l1", "web"],
    ["l2", "db"],
    ["l3", "web"],
  ] as const) {
    const instance = Instance.fromPartial({
      meta: { labels: { tier } },
      spec: InstanceSpec.fromPartial({ image: BUSYBOX, command: SLEEP, power: 2, env: { SECRET: "s" } }),
    });
    await compute.wait(await compute.create(id, {}, { instance }));
  }
  const name = (id: string) => compute.name(id);
  const web = await compute.ask("listInstances", listOf(compute.project, { labelSelector: "tier=web" }));
  assert.deepEqual(
    web.instances.map((each) => each.meta?.name),
    [name("l1"), name("l3")],
  );
  const page = await compute.ask("listInstances", listOf(compute.project, { pageSize: 1, labelSelector: "tier" }));
  const next = { pageSize: 1, labelSelector: "tier", pageToken: page.nextPageToken };
  const second = await compute.ask("listInstances", listOf(compute.project, next));
  assert.deepEqual(
    [page, second].map((each) => each.instances[0]?.meta?.name),
    [name("l1"), name("l2")],
  );
  const foreign = await failure(compute.ask("listInstances", listOf(compute.project, { ...next, labelSelector: "" })));
  assert.equal(foreign.code, Code.INVALID_ARGUMENT);

  const role = async (roles: Record<string, "viewer" | "editor">) => ({ token: await compute.realm.token({ roles }) });
  const viewer = await role({ [`p${compute.id}`]: "viewer" });
  const seen = await compute.ask("listInstances", listOf("projects/-", { labelSelector: "tier" }), viewer);
  assert.equal(seen.instances.length, 3);
  assert.deepEqual(seen.instances[0]?.spec?.env, {}, "a viewer sees no environment");
  const stranger = await role({ elsewhere: "editor" });
  assert.equal((await compute.ask("listInstances", listOf("projects/-"), stranger)).instances.length, 0);
  assert.equal(
    (await compute.ask("listProjects", { pageSize: 0, pageToken: "", labelSelector: "" }, stranger)).projects.length,
    0,
  );
  // There is no such project: who has a role in it may know.
  for (const method of ["listInstances", "listMirrors"] as const) {
    const list = (caller: CallSettings) => failure(compute.ask(method, listOf("projects/elsewhere"), caller));
    assert.deepEqual(
      [(await list(stranger)).code, (await list(viewer)).code],
      [Code.NOT_FOUND, Code.PERMISSION_DENIED],
    );
  }
  const refused = await failure(compute.ask("getInstance", { name: name("l1") }, stranger));
  assert.equal(refused.reason, "PERMISSION_DENIED");
  const request = { name: name("l1"), etag: "", requestId: "" };
  assert.equal((await failure(compute.ask("startInstance", request, viewer))).reason, "PERMISSION_DENIED");
});
