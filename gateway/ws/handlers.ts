import { call } from "./frames/call.ts";
import { hello } from "./frames/hello.ts";
import { refresh } from "./frames/refresh.ts";
import { subscribe } from "./frames/subscribe.ts";
import { unsubscribe } from "./frames/unsubscribe.ts";
import { who } from "./frames/who.ts";
import type { FrameId } from "./error-frame.ts";
import type { ClientFrame } from "./parse-frame.ts";
import type { Session } from "./session.ts";

/** What a frame of a client does. A rejection is answered with an `error` frame. */
export type FrameHandler = (session: Session, frame: ClientFrame, id: FrameId | undefined) => Promise<void>;

/** By the frame's type. */
export const handlers: Readonly<Record<string, FrameHandler>> = {
  hello,
  subscribe,
  unsubscribe,
  who,
  refresh,
  call,
  open: call,
  data: call,
  close: call,
};
