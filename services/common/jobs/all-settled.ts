/** Waits for all, so that none goes on behind the caller's back; what they gave, or else what failed first in the list is thrown. */
export async function allSettled<T>(work: readonly Promise<T>[]): Promise<T[]> {
  return (await Promise.allSettled(work)).map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
