/**
 * The method with a response serializer that leaves encoded messages as they are. createGrpcServer does this to every method. `failed`
 * is told of a message that can't be encoded: grpc-js sends INTERNAL and says no more about it.
 */
export function passThroughMethod<M extends object>(method: M, failed?: (error: unknown) => void): M {
  const { responseSerialize } = method as unknown as { responseSerialize: (value: unknown) => Buffer };
  return {
    ...method,
    responseSerialize: (value: unknown): Buffer => {
      if (value instanceof Uint8Array) return asBuffer(value);
      try {
        return responseSerialize(value);
      } catch (error) {
        failed?.(error);
        throw error;
      }
    },
  };
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
