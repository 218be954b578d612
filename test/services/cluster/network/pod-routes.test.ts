import assert from "node:assert/strict";
import { test } from "node:test";
import { Node } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { parseRoutes, podRoutes, routeBatch, routeChanges } from "../../../../services/cluster/network/pod-routes.ts";

function node(id: string, ipv4: string, podCidr: string): Node {
  const name = `projects/default/clusters/dev/nodes/${id}`;
  return Node.fromPartial({ meta: { name }, reservation: { ipv4, podCidr, kubernetesName: id } });
}

const control = node("dev-control-plane", "10.208.0.2", "10.244.0.0/24");
const first = node("dev-worker", "10.208.0.3", "10.244.1.0/24");
const second = node("dev-worker2", "10.208.0.4", "10.244.2.0/24");
const toFirst = { podCidr: "10.244.1.0/24", via: "10.208.0.3" };
const toSecond = { podCidr: "10.244.2.0/24", via: "10.208.0.4" };

test("a node has a route to the pods of each other node, and none to its own", () => {
  assert.deepEqual(podRoutes(control, [control, first, second]), [toFirst, toSecond]);
  assert.deepEqual(podRoutes(control, [control]), []);
});

test("a node without a range of its own is routed to by nobody", () => {
  assert.deepEqual(podRoutes(control, [control, node("dev-worker", "10.208.0.3", "")]), []);
  assert.deepEqual(podRoutes(control, [control, Node.fromPartial({ meta: { name: "x" } })]), []);
});

test("routes are made whether they are there or not", () => {
  assert.equal(
    routeBatch([toFirst, toSecond]),
    "route replace 10.244.1.0/24 via 10.208.0.3 proto 196\nroute replace 10.244.2.0/24 via 10.208.0.4 proto 196\n",
  );
});

test("what is there is read from ip's own words", () => {
  const json = `[{"dst":"10.244.1.0/24","gateway":"10.208.0.3","dev":"eth0","flags":[]}]`;
  assert.deepEqual(parseRoutes(json), [toFirst]);
  assert.deepEqual(parseRoutes("[]"), []);
  assert.deepEqual(parseRoutes(""), []);
});

test("only differences are changed: missing, moved, gone", () => {
  assert.equal(routeChanges([toFirst, toSecond], [toSecond, toFirst]), "");
  assert.equal(routeChanges([], [toFirst]), "route replace 10.244.1.0/24 via 10.208.0.3 proto 196\n");
  assert.equal(
    routeChanges([toFirst], [{ ...toFirst, via: "10.208.0.9" }]),
    "route replace 10.244.1.0/24 via 10.208.0.9 proto 196\n",
  );
  assert.equal(routeChanges([toFirst, toSecond], [toFirst]), "route del 10.244.2.0/24 via 10.208.0.4 proto 196\n");
});
