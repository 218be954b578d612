/**
 * Every label that Gantry puts on things of an engine. They carry identity, and how a container was made, only: an engine's labels cannot
 * be changed later, and anyone who may list containers can read them.
 */

/** Full resource name, `projects/default/instances/web`. */
export const LABEL_NAME = "gantry.dev/name";
/** Uid of the resource: tells it from a later one of the same name. */
export const LABEL_UID = "gantry.dev/uid";
/** What it is: one of the KIND constants. */
export const LABEL_KIND = "gantry.dev/kind";
/** What a test made: the test's own name. Lets a test remove its things and no others. */
export const LABEL_TEST = "gantry.dev/test";
/** On a container that was made to see its own limits: by what it does. */
export const LABEL_LIMITS_VIEW = "gantry.dev/limits-view";
export const LIMITS_VIEW_LXCFS = "lxcfs";

export const KIND_INSTANCE = "instance";
/** Containers that a host's probes make and remove at once. */
export const KIND_PROBE = "probe";
export const KIND_NETWORK = "network";
export const KIND_VOLUME = "volume";
/** A node of a cluster. */
export const KIND_NODE = "node";
/** The network of one cluster. */
export const KIND_CLUSTER_NETWORK = "cluster-network";
/** What tells kind's tools where a cluster's API is. */
export const KIND_API_STUB = "cluster-api-stub";

export interface Identity {
  name: string;
  uid: string;
  kind: string;
}

export function identityLabels(identity: Identity): Record<string, string> {
  return { [LABEL_NAME]: identity.name, [LABEL_UID]: identity.uid, [LABEL_KIND]: identity.kind };
}

/** Undefined for things Gantry did not make. */
export function identityOf(labels: Readonly<Record<string, string>>): Identity | undefined {
  const name = labels[LABEL_NAME];
  const uid = labels[LABEL_UID];
  const kind = labels[LABEL_KIND];
  return name === undefined || uid === undefined || kind === undefined ? undefined : { name, uid, kind };
}
