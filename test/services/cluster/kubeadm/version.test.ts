import assert from "node:assert/strict";
import { test } from "node:test";
import { isAtLeast, kubeadmApi, parseKubernetesVersion } from "../../../../services/cluster/kubeadm/version.ts";

test("versions as images state them", () => {
  for (const [stated, text] of [
    ["v1.31.0\n", "v1.31.0"],
    ["1.20.2", "v1.20.2"],
    [" v1.36.0-alpha.1+0123abc ", "v1.36.0-alpha.1+0123abc"],
    ["v1.22.8-gke.200", "v1.22.8-gke.200"],
  ]) {
    assert.equal(parseKubernetesVersion(stated!)?.text, text);
  }
  for (const stated of ["", "v1", "v1.31", "1.31.x", "v1.31.0 extra", `v1.31.0-${"a".repeat(200)}`, "v1.31.0;reboot"]) {
    assert.equal(parseKubernetesVersion(stated), undefined, stated);
  }
});

test("a pre-release counts as its version, as kind counts it", () => {
  const apis = ["v1.22.99", "v1.23.0-alpha.0", "v1.35.9", "v1.36.0-rc.1", "v2.0.0"];
  assert.deepEqual(
    apis.map((text) => kubeadmApi(parseKubernetesVersion(text)!)),
    ["v1beta2", "v1beta3", "v1beta3", "v1beta4", "v1beta4"],
  );
  assert.ok(isAtLeast(parseKubernetesVersion("v1.31.4")!, 1, 31));
  assert.ok(!isAtLeast(parseKubernetesVersion("v1.9.0")!, 1, 10));
});
