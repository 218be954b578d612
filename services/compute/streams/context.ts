import type { Engine } from "../../common/engine/engine.ts";
import type { Store } from "../../common/store/api.ts";
import type { ContainerMeter } from "../observe/usage/container-meter.ts";
import type { Peers } from "../../common/streams/peers.ts";

/** What the handlers of interactive streams need of the process. */
export interface StreamContext {
  /** Id of this host. */
  readonly host: string;
  readonly store: Store;
  /** Of this host. */
  readonly engine: Engine;
  readonly meter: ContainerMeter;
  readonly peers: Peers;
}
