/** With the pauses between them these last longer than an engine needs to be restarted: some 20 s. */
export const ENGINE_ATTEMPTS = 8;
