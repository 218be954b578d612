import assert from "node:assert/strict";
import { test } from "node:test";
import { splitAtDashes } from "../../../gateway/cli/arguments.ts";
import { parseLabels, parseMirrorSelector } from "../../../gateway/cli/commands/create.ts";
import { splitRemote } from "../../../gateway/cli/commands/cp.ts";
import { instanceSpec, parseGpu, parsePort } from "../../../gateway/cli/commands/instance-options.ts";
import { parseRoles } from "../../../gateway/cli/commands/token.ts";
import { parseCondition } from "../../../gateway/cli/commands/wait.ts";
import { UsageError } from "../../../gateway/cli/exit-codes.ts";
import { parseInstances, parseTargets } from "../../../gateway/cli/targets.ts";

test("targets as kubectl takes them", () => {
  const names = (words: string[]) =>
    parseTargets(words, "p1").map((target) => `${target.kind.singular} ${target.name}`);
  assert.deepEqual(names(["instance", "web", "db"]), [
    "instance projects/p1/instances/web",
    "instance projects/p1/instances/db",
  ]);
  assert.deepEqual(names(["instance/web", "host/h1"]), ["instance projects/p1/instances/web", "host hosts/h1"]);
  assert.deepEqual(names(["projects/p2/instances/web"]), ["instance projects/p2/instances/web"]);
  assert.deepEqual(names(["hosts/h1"]), ["host hosts/h1"]);
  assert.deepEqual(names(["instances"]), []);
  for (const bad of [[], ["thing", "x"], ["instance/"], ["a/b/c"], ["instance", "instance/web"]]) {
    assert.throws(() => parseTargets(bad, "p1"), UsageError, JSON.stringify(bad));
  }
});

test("a bare word is an instance", () => {
  assert.deepEqual(parseInstances(["web"], "p1"), ["projects/p1/instances/web"]);
  assert.deepEqual(parseInstances(["instance", "web"], "p1"), ["projects/p1/instances/web"]);
  assert.deepEqual(parseInstances(["instance/web"], "p1"), ["projects/p1/instances/web"]);
  for (const bad of [[], ["instance"], ["host/h1"]])
    assert.throws(() => parseInstances(bad, "p1"), UsageError, JSON.stringify(bad));
});

test("what stands behind the dashes belongs to the program", () => {
  const argv = ["node", "gantry", "exec", "web", "--", "ls", "-l"];
  assert.deepEqual(splitAtDashes(["web", "ls", "-l"], argv), { names: ["web"], programArguments: ["ls", "-l"] });
  assert.deepEqual(splitAtDashes(["web"], ["node", "gantry", "exec", "web"]), { names: ["web"], programArguments: [] });
  assert.throws(() => splitAtDashes(["ls"], ["node", "gantry", "exec", "--", "ls"]), UsageError);
});

test("ports, GPUs, labels, selectors, roles, remote paths", () => {
  assert.deepEqual(parsePort("80"), { hostIp: "", hostPort: 0, port: 80, protocol: "" });
  assert.deepEqual(parsePort("8080:80/udp"), { hostIp: "", hostPort: 8080, port: 80, protocol: "udp" });
  assert.deepEqual(parsePort("10.0.0.1:8080:80"), { hostIp: "10.0.0.1", hostPort: 8080, port: 80, protocol: "" });
  assert.deepEqual(parsePort("[::1]:8080:80"), { hostIp: "::1", hostPort: 8080, port: 80, protocol: "" });
  for (const bad of ["", "x", "80/sctp", "1:2:3:4", "123456"]) assert.throws(() => parsePort(bad), UsageError, bad);
  assert.deepEqual(parseGpu("example.com/gpu:2", false), { kind: "example.com/gpu", count: 2, ids: [], shared: false });
  assert.deepEqual(parseGpu("example.com/gpu=0", true), {
    kind: "example.com/gpu",
    count: 0,
    ids: ["example.com/gpu=0"],
    shared: true,
  });
  assert.throws(() => parseGpu("gpu", false), UsageError);
  assert.deepEqual(parseLabels(["a=b", "c="]), { a: "b", c: "" });
  assert.throws(() => parseLabels(["=x"]), UsageError);
  assert.deepEqual(parseMirrorSelector("kind=Instance,prefix=projects/p/,labels=a=b,c in (d,e)"), {
    origin: "",
    kind: "Instance",
    namePrefix: "projects/p/",
    labelSelector: "a=b,c in (d,e)",
  });
  assert.throws(() => parseMirrorSelector("colour=red"), UsageError);
  assert.deepEqual(parseRoles(["default=editor"]), { default: "editor" });
  assert.throws(() => parseRoles(["default=king"]), UsageError);
  assert.deepEqual(splitRemote("web:/srv"), { instance: "web", path: "/srv" });
  assert.equal(splitRemote("./web"), undefined);
});

test("an environment variable can be taken from here", () => {
  const spec = instanceSpec({ env: ["A=1", "TOKEN"] }, ["run"], { TOKEN: "secret" });
  assert.deepEqual(spec.env, { A: "1", TOKEN: "secret" });
  assert.deepEqual(spec.command, ["run"]);
  assert.throws(() => instanceSpec({ env: ["MISSING"] }, [], {}), UsageError);
  assert.throws(() => instanceSpec({ restart: "sometimes" }, [], {}), UsageError);
});

test("what wait waits for", () => {
  const states = ["RUNNING", "STOPPED"];
  const running = {
    status: { state: "INSTANCE_STATE_RUNNING", conditions: [{ type: "Ready", status: "CONDITION_STATUS_TRUE" }] },
  };
  assert.equal(parseCondition("state=running", states)(running), true);
  assert.equal(parseCondition("state=STOPPED", states)(running), false);
  assert.equal(parseCondition("condition=Ready", states)(running), true);
  assert.equal(parseCondition("delete", states)(undefined), true);
  assert.equal(parseCondition("delete", states)(running), false);
  for (const bad of ["luck", "state=", "state=STOPED", "state=RUNNING=x"])
    assert.throws(() => parseCondition(bad, states), UsageError, bad);
});
