/**
 * Every label that Gantry puts on things of an engine. They carry identity, and how a container was made, only: an engine's labels cannot
 * be changed later, and anyone who may list containers can read them.
 */

/** Full resource name, `projects/default/instances/web`. */
export const LABEL_NAME = "gantry.dev/name";
/** Uid of the resource: tells it from a later one of the same name. */
export const LABEL_UID = "gantry.dev/uid";
/** Id of the realm that made it: several realms may share an engine. Not on what was made before realms were told apart. */
export const LABEL_REALM = "gantry.dev/realm";
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
  /** Id of the realm; absent from what was made before realms were told apart. */
  realm?: string | undefined;
}

type Labels = Readonly<Record<string, string>>;

export function identityLabels({ name, uid, kind, realm }: Identity): Record<string, string> {
  const ofRealm = realm === undefined ? {} : { [LABEL_REALM]: realm };
  return { [LABEL_NAME]: name, [LABEL_UID]: uid, [LABEL_KIND]: kind, ...ofRealm };
}

/** Undefined for things Gantry did not make. */
export function identityOf(labels: Labels): Identity | undefined {
  const name = labels[LABEL_NAME];
  const uid = labels[LABEL_UID];
  const kind = labels[LABEL_KIND];
  if (name === undefined || uid === undefined || kind === undefined) return undefined;
  return { name, uid, kind };
}

/**
 * Id of the realm that made a thing, if it is not `realm`: then it is not to be touched, nor shown as one's own. Undefined for one's own, for
 * what was made before realms were told apart, and for what Gantry did not make.
 */
export function otherRealmOf(labels: Labels | null | undefined, realm: string): string | undefined {
  const made = labels?.[LABEL_REALM];
  return made === realm ? undefined : made;
}

/** Of what is in the way of a name: ` of another realm (7f3a…)`; empty where it is of none. */
export function ofAnotherRealm(labels: Labels | null | undefined, realm: string): string {
  const other = otherRealmOf(labels, realm);
  return other === undefined ? "" : ` of another realm (${other})`;
}
