import { failedPrecondition } from "../../../services/common/errors/errors.ts";
import { mirrorField } from "../fields.ts";
import type { FrameHandler } from "../handlers.ts";

export const unsubscribe: FrameHandler = async (session, frame, id) => {
  const mirror = mirrorField(frame);
  if (!session.joining?.delete(mirror) && !session.unsubscribe(mirror)) {
    throw failedPrecondition("NOT_SUBSCRIBED", `${mirror} is not subscribed to`, { mirror });
  }
  session.reply(id, { m: mirror });
};
