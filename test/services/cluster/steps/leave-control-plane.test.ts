import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { withoutEndpoints } from "../../../../services/cluster/steps/leave-control-plane.ts";

const STATUS = `apiEndpoints:
  a:
    advertiseAddress: 10.208.0.3
    bindPort: 6443
  b:
    advertiseAddress: 10.208.0.4
    bindPort: 6443
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterStatus
`;

test("an API server leaves kubeadm's list; the others stay as they are", () => {
  const { apiEndpoints, ...rest } = parse(withoutEndpoints(STATUS, ["b"])!);
  assert.deepEqual(apiEndpoints, { a: { advertiseAddress: "10.208.0.3", bindPort: 6443 } });
  assert.deepEqual(rest, { apiVersion: "kubeadm.k8s.io/v1beta2", kind: "ClusterStatus" });
});

test("nothing is changed where there is no list, or no such server in it", () => {
  assert.equal(withoutEndpoints(undefined, ["b"]), undefined);
  assert.equal(withoutEndpoints(STATUS, ["c"]), undefined);
});
