import { EventType, type WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { fromServiceError } from "../../../services/common/errors/status.ts";
import type { Connection } from "../connection.ts";

/** States of one record as they come, undefined while it is not there; ends with the signal, throws when the stream breaks. */
export async function* watchNames(
  connection: Connection,
  { service, kind }: { service: string; kind: string },
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array | undefined> {
  const request = { kinds: [kind], namePrefix: name, labelSelector: "", logId: "", since: 0n, observations: false };
  const stream = await connection.watch(service, request);
  const cancel = () => stream.cancel();
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  let present = false;
  try {
    for await (const batch of stream as AsyncIterable<WatchResponse>) {
      for (const event of batch.events) {
        if (event.name !== name) continue;
        present = event.type === EventType.EVENT_TYPE_PUT;
        yield present ? event.object?.value : undefined;
      }
      if (batch.synced && !present) yield undefined;
    }
  } catch (error) {
    if (!signal.aborted) throw fromServiceError(error as Parameters<typeof fromServiceError>[0]);
  } finally {
    signal.removeEventListener("abort", cancel);
    stream.cancel();
  }
}
