import { failedPrecondition } from "../../../services/common/errors/errors.ts";
import { mirrorField } from "../fields.ts";
import type { FrameHandler } from "../handlers.ts";

const SUBJECTS_MAX = 1_000;

/** `who {m}`: who observes a mirror that the caller observes too: sockets per subject, the most first. */
export const who: FrameHandler = async (session, frame, id) => {
  const mirror = mirrorField(frame);
  const subscription = session.subscription(mirror);
  if (!subscription) throw failedPrecondition("NOT_SUBSCRIBED", `${mirror} is not subscribed to`, { mirror });
  const counts = new Map<string, number>();
  for (const { subject } of subscription.channel.sinks()) counts.set(subject, (counts.get(subject) ?? 0) + 1);
  const subjects = [...counts].map(([subject, count]) => ({ subject, count })).sort((a, b) => b.count - a.count);
  const { epoch, s } = subscription.channel.mirror;
  const body = {
    count: subscription.channel.observers,
    subjects: subjects.slice(0, SUBJECTS_MAX),
    omitted: Math.max(0, subjects.length - SUBJECTS_MAX),
  };
  session.reply(id, { m: mirror, e: epoch, s, body });
};
