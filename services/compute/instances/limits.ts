/** What the proto promises about an instance's fields. */
export const USER_DATA_BYTES_MAX = 64 * 1024;
export const HOSTNAME_BYTES_MAX = 63;
export const CPU_MILLIS_MIN = 10n;
export const MEMORY_BYTES_MIN = 6n * 1024n * 1024n;
export const PIDS_MIN = 8n;
/** Of the kernel: PID_MAX_LIMIT. */
export const PIDS_MAX = 4n * 1024n * 1024n;
export const NETWORKS_MAX = 16;
export const PORTS_MAX = 64;
export const PORT_MAX = 65_535;
export const GPU_REQUESTS_MAX = 16;
export const GPU_NAME_LENGTH_MAX = 255;
export const GPUS_PER_REQUEST_MAX = 64;
export const CAPABILITIES_MAX = 32;
export const STOP_TIMEOUT_MAX_MS = 3_600_000;
export const STOP_TIMEOUT_DEFAULT_MS = 10_000;
