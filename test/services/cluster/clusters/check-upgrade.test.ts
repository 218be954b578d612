import assert from "node:assert/strict";
import { test } from "node:test";
import { checkUpgrade } from "../../../../services/cluster/clusters/check-upgrade.ts";
import { parseKubernetesVersion } from "../../../../services/cluster/kubeadm/version.ts";

const cases: [from: string, to: string, problem: RegExp | undefined][] = [
  ["v1.20.2", "v1.20.3", undefined],
  ["v1.20.2", "v1.20.2", undefined],
  ["v1.20.2", "v1.21.0", undefined],
  ["v1.20.3", "v1.20.2", /downgrade/],
  ["v1.21.0", "v1.20.9", /downgrade/],
  ["v1.20.2", "v1.22.0", /skips/],
  ["v1.20.2", "v2.0.0", /major/],
  ["", "v1.22.0", undefined],
];
for (const [from, to, problem] of cases) {
  test(`from ${from || "a version not known yet"} to ${to}`, () => {
    const work = () => checkUpgrade(from, parseKubernetesVersion(to)!);
    if (problem) assert.throws(work, problem);
    else work();
  });
}
