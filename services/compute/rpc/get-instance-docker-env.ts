import {
  ComputeServiceService,
  type GetInstanceDockerEnvRequest,
  type GetInstanceDockerEnvResponse,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { INSTANCE } from "../../common/names/resource-names.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { ComputeContext } from "../context.ts";
import { hasInnerEngine } from "../instances/defaults.ts";
import { instanceKind } from "../kinds.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { needState } from "./instance-verb.ts";

const STATES = [InstanceState.INSTANCE_STATE_STARTING, InstanceState.INSTANCE_STATE_RUNNING];

/** The keys of an instance are on its host alone: a call that comes elsewhere is passed on. */
export function getInstanceDockerEnv(compute: ComputeContext) {
  return unary<GetInstanceDockerEnvRequest, GetInstanceDockerEnvResponse>({
    access: ({ name }) => onName(INSTANCE, name, "editor"),
    async handler(request, call) {
      const { name } = request;
      const { store, tools, streams } = compute;
      const instance = await store.need(instanceKind, name);
      const { host, uid } = instance.meta!;
      if (host !== tools.host) {
        return streams.peers.one(host, call, ComputeServiceService.getInstanceDockerEnv, [request]);
      }
      if (!hasInnerEngine(instance.spec!)) {
        throw failedPrecondition("NO_INNER_ENGINE", `${name} has no Docker engine inside`, { name });
      }
      needState(instance, "docker-env", STATES, "running");
      const ca = await tools.tls.readAuthority(uid);
      if (!ca) throw failedPrecondition("KEYS_LOST", `the keys of ${name} are not on host ${host} any more`, { name });
      // Loaded where it is used: see steps/put-files.ts.
      const { CLIENT_CERTIFICATE_LIFETIME_MS, issueClient } = await import("../inner-engine/authority.ts");
      const now = store.now();
      const client = await issueClient(ca, { subject: call.principal.subject, now });
      return {
        dockerHost: instance.status?.dockerHost ?? "",
        caCertificate: Buffer.from(ca.certificate),
        clientCertificate: Buffer.from(client.certificate),
        clientKey: Buffer.from(client.key),
        expireTime: new Date(now.getTime() + CLIENT_CERTIFICATE_LIFETIME_MS),
      };
    },
  });
}
