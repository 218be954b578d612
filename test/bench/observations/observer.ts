// An observer of the mirror of a project over WebSocket: says which change of a pod it has, and when. A process of its own, so that it waits for nobody.
import { MirrorClient } from "../../../gateway/mirror/client.ts";
import { LABEL, type SeenChange } from "./seen.ts";

export interface ObserverStart {
  /** `ws://…` or `wss://…` of the gateway. */
  url: string;
  token: string;
  /** PEM. */
  ca: string;
  /** What names of the cluster's pods begin with. */
  prefix: string;
}

interface PodData {
  object?: { name?: string; labels?: Record<string, string> };
}

async function observe({ url, token, ca, prefix }: ObserverStart): Promise<void> {
  const mirror = new MirrorClient({ url, mirror: "projects/default", token: () => token, ca });
  process.once("disconnect", () => mirror.close());
  const count = (): number => [...mirror.replica.items()].filter(({ k }) => k.startsWith(prefix)).length;
  process.on("message", (message) => {
    if (message === "count") process.send!({ pods: count() });
  });
  mirror.on("frame", (frame) => {
    const nanos = String(process.hrtime.bigint());
    if (frame.t !== "delta") return;
    for (const { k } of frame.ops) {
      if (!k.startsWith(prefix)) continue;
      const object = (mirror.replica.get(k)?.d as PodData | undefined)?.object;
      const value = object?.labels?.[LABEL];
      if (value !== undefined) process.send!({ key: `${object?.name} ${value}`, nanos } satisfies SeenChange);
    }
  });
  await mirror.start();
  process.send!("ready");
}

process.once("message", (start: ObserverStart) => {
  observe(start).catch((error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
});
