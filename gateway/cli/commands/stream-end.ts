import { type ClientReadableStream, status as Code, type ServiceError } from "@grpc/grpc-js";
import { fromServiceError } from "../../../services/common/errors/status.ts";

/** Resolves when the stream ends or Ctrl-C cancels it; throws what it failed with. */
export function streamEnd<T>(stream: ClientReadableStream<T>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = () => stream.cancel();
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    stream.on("end", resolve);
    stream.on("error", (error: ServiceError) => {
      if (signal.aborted && error.code === Code.CANCELLED) resolve();
      else reject(fromServiceError(error));
    });
  });
}

/** A slow terminal or pipe slows the stream down instead of filling the memory. */
export function holdUntilDrained(stream: { pause(): unknown; resume(): unknown }, target: NodeJS.WriteStream): void {
  stream.pause();
  target.once("drain", () => stream.resume());
}
