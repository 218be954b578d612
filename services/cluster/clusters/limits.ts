/** The proto's comments state these: change both. */
export const NODES_MAX = 100;
export const CONTROL_PLANES_MAX = 7;
export const MAP_ENTRIES_MAX = 64;
export const PATCHES_MAX = 16;
export const PATCH_BYTES_MAX = 64 * 1024;
export const DNS_SEARCH_MAX = 6;
export const LABELS_MAX = 64;
export const TAINTS_MAX = 32;
export const MOUNTS_MAX = 32;
export const PORTS_MAX = 64;
export const DEVICES_MAX = 64;
export const PATH_BYTES_MAX = 4_096;
export const CPU_MILLIS_MIN = 100n;
export const MEMORY_BYTES_MIN = 512n * 1024n ** 2n;
export const PORT_MAX = 65_535;
export const DESCRIPTION_BYTES_MAX = 256;
export const DRAIN_TIMEOUT_MS_MAX = 3_600_000;

/** Of a cluster's record and those of its nodes together: they are written at once. */
export const SPEC_BYTES_MAX = 1024 * 1024;

/** Container names are host names and, with a dot in front, labels of DNS names. */
export const HOST_NAME_LENGTH_MAX = 63;

/** Each node has that much of the pod subnet. */
export const POD_PREFIX = 24;
/** The API server takes no larger range for services, and no smaller one holds the address of cluster DNS. */
export const SERVICE_PREFIX_MIN = 12;
export const SERVICE_PREFIX_MAX = 28;

/** What a node without a limit needs at least to become Ready. */
export const CONTROL_PLANE_MEMORY_BYTES = 700 * 1024 ** 2;
export const WORKER_MEMORY_BYTES = 300 * 1024 ** 2;
/** What a node's own disk takes at first: the images that the node image brings, and logs. */
export const NODE_DISK_BYTES = 800 * 1024 ** 2;
