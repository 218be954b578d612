import { failedPrecondition, resourceExhausted } from "../../../services/common/errors/errors.ts";
import { subscribeFields } from "../fields.ts";
import type { FrameHandler } from "../handlers.ts";

/** `subscribe {m, e?, s?}`: joins a mirror; with `e` and `s` it goes on from there where that is possible. */
export const subscribe: FrameHandler = async (session, frame, id) => {
  const { mirror, from } = subscribeFields(frame);
  const { server } = session;
  server.catalog.admit(mirror, session.principal!);
  const joining = (session.joining ??= new Map());
  if (session.subscription(mirror) || joining.has(mirror)) {
    throw failedPrecondition("ALREADY_SUBSCRIBED", `${mirror} is subscribed to: unsubscribe first`, { mirror });
  }
  const max = server.limits.subscriptionsMax;
  if (session.subscriptions.length + joining.size >= max)
    throw resourceExhausted("subscriptionsMax", `at most ${max} mirrors on one socket`);
  const mark = {};
  joining.set(mirror, mark);
  await server.originsListed(mirror);
  const wanted = joining.get(mirror) === mark;
  if (wanted) joining.delete(mirror);
  // Nearly all sockets observe one mirror, for ever: an empty map would be memory of each.
  if (joining.size === 0 && session.joining === joining) session.joining = undefined;
  if (!session.open) return;
  if (!wanted) throw failedPrecondition("UNSUBSCRIBED", `${mirror} was unsubscribed from meanwhile`, { mirror });
  const definition = server.catalog.admit(mirror, session.principal!);
  const channel = server.catalog.open(definition);
  session.reply(id, { m: mirror, e: channel.mirror.epoch, s: channel.mirror.s });
  session.subscribe(channel, from);
};
