import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pino } from "pino";
import { KubernetesClients } from "../../../../services/cluster/kubernetes/clients.ts";
import { isKubernetesStatus } from "../../../../services/cluster/kubernetes/errors.ts";
import type { ClusterTarget } from "../../../../services/cluster/kubernetes/target.ts";
import { putFiles } from "../../../../services/cluster/nodes/put-files.ts";
import { ADMIN_CONF_PATH, SUPER_ADMIN_CONF_PATH } from "../../../../services/cluster/pki/paths.ts";
import { createContainer } from "../../../../services/common/engine/api/containers.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { BUSYBOX } from "../../../images/images.ts";
import { startApiServer, type TestApiServer } from "../../../support/api-server.ts";
import { startEngine, type TestEngine } from "../../../support/engine.ts";

const SETUP_TIMEOUT_MS = 30_000;
const NODES = "/api/v1/nodes";

let daemon: TestEngine;
let engine: Engine;
let api: TestApiServer;
before(async () => {
  [daemon, api] = await Promise.all([
    startEngine({ images: [BUSYBOX] }),
    // What the API server makes of the keys does not depend on its own version.
    startApiServer({ keysVersion: "v1.29.0" }),
  ]);
  engine = new Engine({ socketPath: daemon.socketPath });
});
after(async () => {
  engine?.close();
  await api?.stop();
  await daemon?.stop();
});

/** A container that never ran, with these files. */
async function controlPlane(name: string, files: Record<string, string>): Promise<ClusterTarget> {
  const { Id } = await createContainer(engine, name, { Image: BUSYBOX, Cmd: ["true"] });
  const put = Object.entries(files).map(([path, content]) => ({ path, mode: 0o600, content }));
  await putFiles(engine, Id, put, AbortSignal.timeout(SETUP_TIMEOUT_MS));
  return { ...api.target, uid: name, controlPlanes: [name] };
}

/** As a process has them that was started anew. */
function clientsAnew(): KubernetesClients {
  return new KubernetesClients({ engine, log: pino({ level: "silent" }) });
}

test("before a cluster of 1.29 has given its admin rights, a process that starts anew takes the super admin's kubeconfig", async () => {
  const clients = clientsAnew();
  const first = { [ADMIN_CONF_PATH]: api.adminConf, [SUPER_ADMIN_CONF_PATH]: api.superAdminConf! };
  const both = clients.for(await controlPlane("first", first));
  await both.get(NODES);

  const further = clients.for(await controlPlane("further", { [ADMIN_CONF_PATH]: api.adminConf }));
  await assert.rejects(further.get(NODES), (error: unknown) => isKubernetesStatus(error, 403));

  // As kubeadm does it.
  await both.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    body: {
      metadata: { name: "kubeadm:cluster-admins" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "kubeadm:cluster-admins" }],
    },
  });
  const again = clientsAnew();
  await again.for(further.target).get(NODES);
  again.close();
  clients.close();
});
