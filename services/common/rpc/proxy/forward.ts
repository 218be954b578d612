import type { Client, MethodDefinition, StatusObject } from "@grpc/grpc-js";
import type { CallContext, Sink } from "../call.ts";
import { abortError } from "../client.ts";
import { callError } from "../transport-error.ts";
import { forwardedMetadata, openRaw, type RawStream } from "./raw.ts";
import { serviceOfPackage } from "./routes.ts";

/** What of a call goes along. */
export type ForwardedCall = Pick<CallContext, "signal" | "deadline" | "method" | "peer" | "metadata">;

/**
 * Passes a call that one of our handlers got on to the same method of another process, under the user's own token: each of `messages` goes
 * there, each answer to `answer`, undecoded. Deadline and cancellation go with it. Throws the GantryError that came back.
 */
export async function forward<Req>(
  client: Client,
  ctx: ForwardedCall,
  method: Pick<MethodDefinition<Req, never>, "requestSerialize">,
  messages: AsyncIterable<Req> | Iterable<Req>,
  answer: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  if (ctx.signal.aborted) throw abortError(ctx.signal);
  const up = openRaw(client, ctx.method, forwardedMetadata(ctx.metadata, ctx.peer), ctx.deadline);
  const onAbort = (): void => up.cancel();
  ctx.signal.addEventListener("abort", onAbort, { once: true });
  const status = new Promise<StatusObject>((resolve) => up.once("status", resolve));
  let sendFailure: unknown;
  send(up, method, messages, status).catch((error: unknown) => {
    sendFailure = error;
    up.cancel();
  });
  try {
    for await (const bytes of up) await answer(bytes as Buffer);
    const { code, details, metadata } = await status;
    if (code !== 0) throw Object.assign(new Error(details), { code, details, metadata });
  } catch (error) {
    if (ctx.signal.aborted) throw abortError(ctx.signal);
    // A request that could not be sent is why the answer was cancelled.
    throw sendFailure ?? callError(error, serviceOfPackage(ctx.method.slice(1)) ?? "the service");
  } finally {
    ctx.signal.removeEventListener("abort", onAbort);
    up.cancel();
  }
}

/** For calls that answer with a stream. */
export function forwardStream<Req, Res>(
  client: Client,
  ctx: ForwardedCall,
  method: Pick<MethodDefinition<Req, never>, "requestSerialize">,
  messages: AsyncIterable<Req> | Iterable<Req>,
  sink: Sink<Res>,
): Promise<void> {
  return forward(client, ctx, method, messages, (bytes) => sink.writeRaw(bytes));
}

/** For calls that answer once. */
export async function forwardOne<Req, Res>(
  client: Client,
  ctx: ForwardedCall,
  method: Pick<MethodDefinition<Req, Res>, "requestSerialize" | "responseDeserialize">,
  messages: AsyncIterable<Req> | Iterable<Req>,
): Promise<Res> {
  let last: Buffer | undefined;
  await forward(client, ctx, method, messages, async (bytes) => {
    last = bytes;
  });
  return method.responseDeserialize(last ?? Buffer.alloc(0));
}

async function send<Req>(
  up: RawStream,
  { requestSerialize }: Pick<MethodDefinition<Req, never>, "requestSerialize">,
  messages: AsyncIterable<Req> | Iterable<Req>,
  over: Promise<unknown>,
): Promise<void> {
  for await (const message of messages) {
    if (up.writableEnded || up.destroyed) return;
    if (up.write(requestSerialize(message))) continue;
    await Promise.race([new Promise((resolve) => up.once("drain", resolve)), over]);
  }
  up.end();
}
