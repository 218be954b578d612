// The gateway's own way: Watch batches through tracker, mirror, channel and sessions.
import { batch, instanceEvent, projectEvent, startTestGateway } from "../../gateway/support.ts";
import { BACKLOG_BYTES, nowStamp, serve } from "./publisher.ts";

const INSTANCES = 100;
/** Brings a frame to 256 bytes. */
const FILL = "x".repeat(25);
const PAD = "x".repeat(34);

serve(async () => {
  const gateway = await startTestGateway({ bookmarkIntervalMs: 10_000 });
  const { tracker, mirrors } = gateway;
  let revision = 1;
  const event = (i: number) =>
    instanceEvent(`i${i % INSTANCES}`, ++revision, { spec: { hostname: nowStamp() + FILL, image: PAD } });
  tracker.connected();
  tracker.batch(batch([projectEvent("default", 1), ...Array.from({ length: INSTANCES }, (_, i) => event(i))]));
  tracker.batch(batch([], { revision: BigInt(revision), synced: true }));
  const ready = (): boolean => {
    const channel = mirrors.catalog.find("projects/default")!;
    for (const sink of channel.sinks())
      if (sink.unsentBytes > BACKLOG_BYTES && !(sink.unsentBytes > 200_000)) return false;
    return true;
  };
  return {
    port: Number(gateway.http.address.split(":")[1]),
    token: await gateway.token(),
    ready,
    publish(count) {
      tracker.batch(
        batch(
          Array.from({ length: count }, () => event(revision)),
          { revision: BigInt(revision) },
        ),
      );
    },
  };
});
