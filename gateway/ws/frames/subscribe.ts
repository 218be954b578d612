import { failedPrecondition, resourceExhausted } from "../../../services/common/errors/errors.ts";
import { subscribeFields } from "../fields.ts";
import type { FrameHandler } from "../handlers.ts";

/** `subscribe {m, e?, s?}`: joins a mirror; with `e` and `s` it goes on from there where that is possible. */
export const subscribe: FrameHandler = async (session, frame, id) => {
  const { mirror, from } = subscribeFields(frame);
  const { server } = session;
  server.catalog.admit(mirror, session.principal!);
  await server.originsListed(mirror);
  if (!session.open) return;
  const definition = server.catalog.admit(mirror, session.principal!);
  if (session.subscription(mirror)) {
    throw failedPrecondition("ALREADY_SUBSCRIBED", `${mirror} is subscribed to: unsubscribe first`, { mirror });
  }
  const max = server.limits.subscriptionsMax;
  if (session.subscriptions.length >= max)
    throw resourceExhausted("subscriptionsMax", `at most ${max} mirrors on one socket`);
  const channel = server.catalog.open(definition);
  session.reply(id, { m: mirror, e: channel.mirror.epoch, s: channel.mirror.s });
  session.subscribe(channel, from);
};
