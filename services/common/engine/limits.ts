/** Bytes, a whole number of pages: what a limit is set to that was taken away while the container runs. */
export const MEMORY_UNLIMITED = 2 ** 53 - 4096;
