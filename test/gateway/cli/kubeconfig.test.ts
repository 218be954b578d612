import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { mergeKubeconfig } from "../../../gateway/cli/kubeconfig/merge.ts";
import {
  kubeconfigPath,
  kubeconfigPaths,
  markedIn,
  mergeIntoFile,
  removeFromFile,
  replaceFile,
} from "../../../gateway/cli/kubeconfig/merge-file.ts";
import { testFolder } from "../../support/cleanup.ts";

const SIGNAL = new AbortController().signal;

function kubeconfig(name: string, server: string): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    users: [{ name, user: { "client-key-data": "c2VjcmV0" } }],
    "current-context": name,
  });
}

test("a cluster's entries are put in or replaced; what others have stays", () => {
  const others = stringify({
    ...parse(kubeconfig("prod", "https://prod")),
    extensions: [{ name: "x" }],
    preferences: { colors: true },
  });
  const once = mergeKubeconfig(others, kubeconfig("kind-dev", "https://127.0.0.1:1"), { name: "f", uid: "u1" });
  const twice = parse(
    mergeKubeconfig(once.text, kubeconfig("kind-dev", "https://127.0.0.1:2"), { name: "f", uid: "u1" }).text,
  );
  assert.equal(once.context, "kind-dev");
  assert.equal(twice["current-context"], "kind-dev");
  assert.deepEqual(twice.clusters, [
    { name: "prod", cluster: { server: "https://prod" } },
    { name: "kind-dev", cluster: { server: "https://127.0.0.1:2" } },
  ]);
  assert.deepEqual([twice.extensions, twice.preferences], [[{ name: "x" }], { colors: true }]);
  assert.deepEqual(
    twice.users.map((user: { name: string }) => user.name),
    ["prod", "kind-dev"],
  );
  assert.equal(parse(mergeKubeconfig("", kubeconfig("kind-dev", "s"), { name: "f", uid: "u1" }).text).kind, "Config");
});

test("a file that is none stays as it is, and nothing of it is told", () => {
  const secret = "c2VjcmV0LXRoYXQtbXVzdA";
  for (const [text, message] of [
    [`{ token: ${secret}`, "f is not YAML: it is left as it is"],
    [`- ${secret}`, "f is no kubeconfig: it is left as it is"],
    [`users: ${secret}`, "f: users is not a list: the file is left as it is"],
  ]) {
    assert.throws(() => mergeKubeconfig(text!, kubeconfig("a", "s"), { name: "f", uid: "u1" }), { message: message! });
  }
});

test("the file that kubectl would write to", async () => {
  await using folder = await testFolder("kubeconfig");
  const [a, b, usual] = ["a", "b", "usual"].map((file) => join(folder.path, file)) as [string, string, string];
  assert.equal(kubeconfigPath(undefined, usual), usual);
  assert.equal(kubeconfigPath("", usual), usual);
  assert.equal(kubeconfigPath(`${a}:${b}`, usual), b);
  await writeFile(a, "");
  assert.equal(kubeconfigPath(`${b}::${a}`, usual), a);
  assert.deepEqual(kubeconfigPaths(undefined, usual), [usual]);
  assert.deepEqual(kubeconfigPaths(`${b}::${a}:${b}`, usual), [b, a]);
});

test("written whole, for its owner alone, through links, under kubectl's lock", async () => {
  await using folder = await testFolder("kubeconfig");
  const path = join(folder.path, "kube", "config");
  assert.equal(await mergeIntoFile(path, kubeconfig("kind-dev", "s"), "u1", SIGNAL), "kind-dev");
  assert.equal((await stat(path)).mode & 0o777, 0o600);

  await mkdir(join(folder.path, "real"));
  const [link, target] = [join(folder.path, "link"), join(folder.path, "real", "config")];
  await writeFile(target, kubeconfig("prod", "s"), { mode: 0o644 });
  await symlink(target, link);
  await Promise.all(
    Array.from({ length: 8 }, (_, n) => mergeIntoFile(link, kubeconfig(`kind-${n}`, "s"), "u1", SIGNAL)),
  );
  const { clusters } = parse(await readFile(target, "utf8"));
  const names = clusters.map(({ name }: { name: string }) => name).sort();
  assert.deepEqual(names, [..."01234567"].map((n) => `kind-${n}`).concat("prod"));
  assert.equal((await stat(target)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(join(folder.path, "real")), ["config"]);

  await writeFile(`${path}.lock`, "");
  await assert.rejects(
    mergeIntoFile(path, kubeconfig("a", "s"), "u1", SIGNAL),
    /is locked by .*config\.lock: remove that file if/,
  );
  await assert.rejects(
    replaceFile(join(folder.path, "nowhere", "file"), "x"),
    /nowhere\/file cannot be written: ENOENT/,
  );
});

test("a cluster's context goes with it, and none that is called the same but another's", async () => {
  await using folder = await testFolder("kubeconfig");
  const path = join(folder.path, "config");
  const read = async () => parse(await readFile(path, "utf8"));
  assert.deepEqual(await markedIn(path), new Set());
  assert.deepEqual(await removeFromFile(path, "u1", SIGNAL), []);
  await writeFile(path, kubeconfig("prod", "https://prod"));
  await mergeIntoFile(path, kubeconfig("kind-dev", "s"), "u1", SIGNAL);
  await mergeIntoFile(path, kubeconfig("kind-dev", "s"), "u2", SIGNAL);
  await mergeIntoFile(path, kubeconfig("kind-two", "s"), "u3", SIGNAL);
  assert.deepEqual(await markedIn(path), new Set(["u2", "u3"]));

  assert.deepEqual(await removeFromFile(path, "u1", SIGNAL), []);
  assert.equal((await read()).contexts.length, 3);
  assert.deepEqual(await removeFromFile(path, "u2", SIGNAL), ["kind-dev"]);
  assert.equal((await read())["current-context"], "kind-two");

  // What a context of the user's own refers to stays.
  const config = await read();
  config.contexts.push({ name: "mine", context: { cluster: "kind-two", user: "prod" } });
  await writeFile(path, stringify(config));
  assert.deepEqual(await removeFromFile(path, "u3", SIGNAL), ["kind-two"]);
  const names = (list: { name: string }[]) => list.map(({ name }) => name);
  const left = await read();
  assert.deepEqual(
    [names(left.clusters), names(left.users), names(left.contexts), left["current-context"]],
    [["prod", "kind-two"], ["prod"], ["prod", "mine"], ""],
  );
});
