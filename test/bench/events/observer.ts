// An observer of the mirror `realm` over WebSocket: says which state of a container it has, and when. A process of its own, so that it waits for nobody.
import { MirrorClient } from "../../../gateway/mirror/client.ts";
import { MIRROR_STATES, type SeenState } from "./seen.ts";

export interface ObserverStart {
  /** `ws://…` or `wss://…` of the gateway. */
  url: string;
  token: string;
  /** PEM. */
  ca: string;
  /** What names of the host's containers begin with. */
  prefix: string;
}

async function observe({ url, token, ca, prefix }: ObserverStart): Promise<void> {
  const mirror = new MirrorClient({ url, mirror: "realm", token: () => token, ca });
  process.once("disconnect", () => mirror.close());
  mirror.on("frame", (frame) => {
    const nanos = String(process.hrtime.bigint());
    if (frame.t !== "delta") return;
    for (const { k } of frame.ops) {
      if (!k.startsWith(prefix)) continue;
      const state = (mirror.replica.get(k)?.d as { state?: string } | undefined)?.state ?? "";
      if (MIRROR_STATES.has(state)) process.send!({ name: k.slice(prefix.length), state, nanos } satisfies SeenState);
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
