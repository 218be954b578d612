import { failedPrecondition, invalidArgument, unauthenticated } from "../../../services/common/errors/errors.ts";
import { toGantryError } from "../../../services/common/errors/status.ts";
import type { FrameHandler } from "../handlers.ts";
import type { ClientFrame } from "../parse-frame.ts";
import type { Session } from "../session.ts";

/** `hello {token | ticket}`: who the client is. The first frame; without success the socket closes. */
export const hello: FrameHandler = async (session, frame, id) => {
  if (session.principal) throw failedPrecondition("ALREADY_GREETED", "`hello` was said: use `refresh` for a new token");
  await session.greet(async () => {
    try {
      const { principal, token } = await identify(session, frame);
      session.principal = principal;
      session.token = token;
    } catch (error) {
      const known = toGantryError(error, (err, errorId) => session.server.log.error({ err, errorId }, "hello failed"));
      return session.refuse(id, known, "UNAUTHENTICATED");
    }
    session.server.greeted(session);
    session.reply(id, { body: welcome(session) });
  });
};

function welcome(session: Session): object {
  const { subject, expiresMs } = session.principal!;
  const { frameBytesMax, framesPerSecond, subscriptionsMax, pingIntervalMs } = session.server.limits;
  return {
    subject,
    expires: new Date(expiresMs).toISOString(),
    limits: { frameBytesMax, framesPerSecond, subscriptionsMax, pingIntervalMs },
  };
}

async function identify(session: Session, frame: ClientFrame): ReturnType<Session["server"]["identify"]> {
  const { token, ticket } = frame;
  if (typeof token === "string" && ticket === undefined) {
    return session.server.identify(token);
  }
  if (typeof ticket === "string" && token === undefined) return session.server.tickets.redeem(ticket);
  if (token === undefined && ticket === undefined) throw unauthenticated("`hello` needs a token or a ticket");
  throw invalidArgument([{ field: token === undefined ? "ticket" : "token", description: "one of them, as text" }]);
}
