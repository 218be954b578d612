import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeRole } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { checkVersions } from "../../../../services/cluster/clusters/check-versions.ts";
import { Violations } from "../../../../services/common/names/violations.ts";
import { parseKubernetesVersion } from "../../../../services/cluster/kubeadm/version.ts";

const CONTROL_PLANE = NodeRole.NODE_ROLE_CONTROL_PLANE;
const WORKER = NodeRole.NODE_ROLE_WORKER;

function problems(nodes: [role: NodeRole, version: string][], running?: string): string[] {
  const found = new Violations();
  const wanted = nodes.map(([role, version], i) => ({
    role,
    version: parseKubernetesVersion(version)!,
    field: `image${i}`,
  }));
  checkVersions(found, wanted, running === undefined ? undefined : parseKubernetesVersion(running));
  return found.list.map(({ field, description }) => `${field} ${description}`);
}

const workers: [api: string, worker: string, problem: RegExp | undefined][] = [
  ["v1.20.2", "v1.20.9", undefined],
  ["v1.20.2", "v1.18.0", undefined],
  ["v1.20.2", "v1.17.9", /at most 2 minor versions older than the API, v1\.20\.2/],
  ["v1.20.2", "v1.25.0", /v1\.25\.0: no kubelet may be newer than the API, v1\.20\.2/],
  ["v1.28.0", "v1.25.3", undefined],
  ["v1.28.0", "v1.24.17", /at most 3 minor versions older/],
  ["v2.0.0", "v1.36.0", /another major version/],
];
for (const [api, worker, problem] of workers) {
  test(`a worker of ${worker} with an API of ${api}, in a new cluster and in one that is there`, () => {
    const created = problems([
      [CONTROL_PLANE, api],
      [WORKER, worker],
    ]);
    const added = problems([[WORKER, worker]], api);
    if (problem) {
      assert.match(created.join(), problem);
      assert.match(created.join(), /^image1 /);
      assert.match(added.join(), problem);
    } else assert.deepEqual([...created, ...added], []);
  });
}

test("control planes are of one version", () => {
  const [told, ...more] = problems([
    [CONTROL_PLANE, "v1.20.2"],
    [CONTROL_PLANE, "v1.20.2"],
    [CONTROL_PLANE, "v1.20.3"],
  ]);
  assert.match(told!, /^image2 has Kubernetes v1\.20\.3: all control planes are of one version, here v1\.20\.2/);
  assert.deepEqual(more, []);
  assert.match(problems([[CONTROL_PLANE, "v1.21.0"]], "v1.20.2").join(), /^image0 /);
});

test("nothing is said where no control plane's version is known", () => {
  assert.deepEqual(problems([[WORKER, "v1.25.0"]]), []);
});
