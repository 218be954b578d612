// The gateway's own way: Watch batches through tracker, mirror, channel and sessions.
import type { Channel } from "../../../gateway/mirror/channel.ts";
import type { Event as WatchEvent } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { batch, instanceEvent, projectEvent, startTestGateway } from "../../gateway/support.ts";
import { BACKLOG_BYTES, FILLER_MIRROR, nowStamp, serve } from "./publisher.ts";

const INSTANCES = 100;
/** Brings a frame to 256 bytes. */
const FILL = "x".repeat(25);
const PAD = "x".repeat(34);
/** One change of the filler; incompressible to a patch, as each has another. */
const FILLER_BYTES = 16 * 1024;

serve(async () => {
  const gateway = await startTestGateway({ bookmarkIntervalMs: 10_000 });
  const { tracker, mirrors } = gateway;
  let revision = 1;
  const event = (i: number) =>
    instanceEvent(`i${i % INSTANCES}`, ++revision, { spec: { hostname: nowStamp() + FILL, image: PAD } });
  tracker.connected();
  tracker.batch(
    batch([
      projectEvent("default", 1),
      projectEvent("filler", 1),
      ...Array.from({ length: INSTANCES }, (_, i) => event(i)),
    ]),
  );
  tracker.batch(batch([], { revision: BigInt(revision), synced: true }));
  const filler = (): WatchEvent => {
    const command = [String(++revision).repeat(FILLER_BYTES / String(revision).length)];
    return instanceEvent("filler", revision, { spec: { command } }, "filler");
  };
  const observers = (mirror: string): Channel => mirrors.catalog.find(mirror)!;
  const ready = (): boolean => {
    for (const sink of observers("projects/default").sinks())
      if (sink.unsentBytes > BACKLOG_BYTES && !(sink.unsentBytes > 200_000)) return false;
    return true;
  };
  return {
    port: Number(gateway.http.address.split(":")[1]),
    token: await gateway.token({ roles: { default: "viewer", filler: "viewer" } }),
    ready,
    behind: () => observers("projects/default").catchingUp + (mirrors.catalog.find(FILLER_MIRROR)?.catchingUp ?? 0),
    fill() {
      const { catchingUp, observers: all } = observers(FILLER_MIRROR);
      if (catchingUp === all) return true;
      tracker.batch(batch([filler()], { revision: BigInt(revision) }));
      return false;
    },
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
