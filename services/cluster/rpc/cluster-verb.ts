import {
  type Cluster,
  ClusterSpec,
  ClusterState,
  type PowerState,
} from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { beingDeleted, failedPrecondition } from "../../common/errors/errors.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import type { CallContext } from "../../common/rpc/call.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkRequestId, requestKey } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import type { Transaction } from "../../common/store/api.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterKind } from "../kinds.ts";

export interface VerbOptions {
  job: string;
  /** As in OperationMetadata.verb. */
  verb: string;
  /** Of the cluster. */
  name: string;
  /** Of the cluster; undefined: another resource's was given, and is checked by `change`. */
  etag?: string;
  requestId: string;
  retain?: boolean;
  /** What the job is told; also filled in by `change`. */
  parameters?: ClusterJob;
  /** Writes what is wanted, or throws why it can't be. */
  change: (cluster: Cluster, tx: Transaction) => void | Promise<void>;
}

/** What all changes of a cluster that exists have in common. */
export function submitVerb(
  { operations }: ClusterServiceContext,
  call: CallContext,
  options: VerbOptions,
): Promise<Operation> {
  const { job, verb, name, etag = "", requestId, change, retain = false } = options;
  const parameters = options.parameters ?? ClusterJob.fromPartial({});
  const key = requestKey(call, requestId);
  return operations.submit({
    job,
    verb,
    kind: clusterKind,
    target: name,
    project: projectOf(name),
    host: (cluster) => cluster.meta?.host ?? "",
    retain,
    payload: () => ClusterJob.encode(parameters).finish(),
    ...(key === undefined ? {} : { requestKey: key }),
    async write(tx) {
      const cluster = await tx.need(clusterKind, name);
      checkEtag(name, etag, cluster.meta!.etag);
      if (cluster.meta!.deleteTime) throw beingDeleted(name);
      if (!VERBS_OF_ADOPTED.has(verb)) needOwn(cluster, verb);
      // Of what verbs change only: a spec may be larger than what a job is told.
      const { power, image } = cluster.spec!;
      parameters.previous = ClusterSpec.fromPartial({ power, image });
      await change(cluster, tx);
      tx.put(clusterKind, cluster);
      return cluster;
    },
  });
}

/** What needs nothing of a cluster but its containers as they are. */
const VERBS_OF_ADOPTED: ReadonlySet<string> = new Set(["start", "stop", "pause", "resume"]);

/** FAILED_PRECONDITION ADOPTED for a cluster that kind made: its network, addresses and node configuration are not Gantry's. */
export function needOwn({ meta, status }: Cluster, verb: string): void {
  if (!status?.adopted) return;
  const text = `${meta!.name} was made by kind and taken over: ${verb} needs a cluster of Gantry's own making`;
  throw failedPrecondition("ADOPTED", text, { name: meta!.name });
}

const LABEL_OF_STATE = new Map<number, string>(
  Object.entries(ClusterState).map(([name, value]) => [value, name.replace("CLUSTER_STATE_", "")]),
);

/** FAILED_PRECONDITION WRONG_STATE with what to do, unless the cluster is in one of the states. */
export function needState(cluster: Cluster, verb: string, states: readonly ClusterState[], advice: string): void {
  const state = cluster.status?.state ?? ClusterState.CLUSTER_STATE_UNSPECIFIED;
  if (states.includes(state)) return;
  const shown = LABEL_OF_STATE.get(state) ?? String(state);
  const name = cluster.meta!.name;
  throw failedPrecondition("WRONG_STATE", `${name} is ${shown}: ${verb} needs it to be ${advice}`, {
    name,
    state: shown,
  });
}

export interface PowerChange {
  verb: "start" | "stop" | "pause" | "resume";
  /** States it can be done in. */
  from: readonly ClusterState[];
  /** What the cluster is to be brought to where it is in another state, for the error. */
  advice: string;
  power: PowerState;
  /** Shown while it is under way. */
  meanwhile?: ClusterState;
}

/** Verbs that change nothing but what the cluster should be doing. */
export function changePower({ verb, from, advice, power, meanwhile }: PowerChange) {
  return (service: ClusterServiceContext) =>
    unary<{ name: string; etag: string; requestId: string }, Operation>({
      access: ({ name }) => onName(CLUSTER, name, "editor"),
      handler({ name, etag, requestId }, call) {
        const found = new Violations();
        checkRequestId(found, requestId);
        found.throwIfAny();
        const change: VerbOptions["change"] = (cluster) => {
          needState(cluster, verb, from, advice);
          cluster.spec!.power = power;
          if (meanwhile !== undefined) cluster.status!.state = meanwhile;
        };
        return submitVerb(service, call, { job: `${verb}-cluster`, verb, name, etag, requestId, change });
      },
    });
}
