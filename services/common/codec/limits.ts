/** Limits on JSON that comes from outside. Every one can be given to the codec; these are the defaults. */
export interface CodecLimits {
  /** Text of one JSON document, or the sum of all keys and values of one that is parsed already. */
  totalBytes: number;
  /** One string. */
  stringBytes: number;
  /** One bytes field, decoded. */
  bytesFieldBytes: number;
  /** Objects and lists within each other. */
  depth: number;
}

export const CODEC_LIMITS: Readonly<CodecLimits> = {
  totalBytes: 4 * 1024 * 1024,
  stringBytes: 1024 * 1024,
  bytesFieldBytes: 1024 * 1024,
  depth: 64,
};

/**
 * Messages within each other when bytes are decoded. One level of JSON is up to three of messages (a Struct is Struct, entry and Value), so
 * everything that fromJson makes can be read back.
 */
export const MESSAGE_DEPTH_MAX = 3 * 64 + 8;
