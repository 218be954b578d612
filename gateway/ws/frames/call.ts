import { unavailable } from "../../../services/common/errors/errors.ts";
import type { FrameHandler } from "../handlers.ts";

/** `call`, `open`, `data` and `close`: commands, run as the caller. */
export const call: FrameHandler = async (session, frame) => {
  session.commands ??= session.server.createCommands(session);
  if (!session.commands) throw unavailable("NO_COMMANDS", "this gateway reaches no service");
  session.commands.handle(frame);
};
