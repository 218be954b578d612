import { invalidArgument, permissionDenied } from "../../../services/common/errors/errors.ts";
import type { FrameHandler } from "../handlers.ts";

/** `refresh {token}`: goes on with a new token of the same subject. Subscriptions it does not admit any more end with an `error`. */
export const refresh: FrameHandler = async (session, frame, id) => {
  const { token } = frame;
  if (typeof token !== "string") throw invalidArgument([{ field: "token", description: "text" }]);
  const { principal } = await session.server.identify(token);
  if (principal.subject !== session.principal!.subject) throw permissionDenied("the token is of another subject");
  session.principal = principal;
  session.token = token;
  session.warned = false;
  session.reply(id, { body: { subject: principal.subject, expires: new Date(principal.expiresMs).toISOString() } });
  for (const { channel } of session.subscriptions) {
    const { name, epoch, s } = channel.mirror;
    try {
      session.server.catalog.admit(name, principal);
    } catch (error) {
      session.unsubscribe(name);
      session.fail(undefined, error, { m: name, e: epoch, s });
    }
  }
};
