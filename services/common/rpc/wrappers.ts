import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  sendUnaryData,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceError,
} from "@grpc/grpc-js";
import type { BidiOptions, ClientStreamOptions, ServerStreamOptions, UnaryOptions } from "./call.ts";
import { runCall, type Shape } from "./run-call.ts";
import { BIND, type Bindable, type Runtime } from "./runtime.ts";
import { createSink, Messages, withFirst } from "./streams.ts";

// One wrapper per call shape. What they return is a grpc-js handler that works once createGrpcServer has bound it to a server.

type Target<Req> = ((first: Req) => string) | undefined;

export function unary<Req, Res>(options: UnaryOptions<Req, Res>): handleUnaryCall<Req, Res> {
  return bindable<handleUnaryCall<Req, Res>>(
    (runtime, method) => (call: ServerUnaryCall<Req, Res>, callback: sendUnaryData<Res>) => {
      void runCall<Req, Res>(runtime, method, call, {
        streaming: false,
        first: () => Promise.resolve(call.request),
        access: options.access,
        run: options.handler,
        succeed: (result) => callback(null, result),
        fail: (status) => callback(status),
        target: options.target as Target<Req>,
      });
    },
  );
}

export function serverStream<Req, Res>(options: ServerStreamOptions<Req, Res>): handleServerStreamingCall<Req, Res> {
  return bindable<handleServerStreamingCall<Req, Res>>((runtime, method) => (call: ServerWritableStream<Req, Res>) => {
    void runCall<Req, void>(runtime, method, call, {
      streaming: true,
      first: () => Promise.resolve(call.request),
      access: options.access,
      run: (request, ctx) => options.handler(request, ctx, createSink(call, ctx.signal)),
      succeed: () => void call.end(),
      fail: (status) => endWith(call, status),
      target: options.target as Target<Req>,
    });
  });
}

export function clientStream<Req, Res>(options: ClientStreamOptions<Req, Res>): handleClientStreamingCall<Req, Res> {
  return bindable<handleClientStreamingCall<Req, Res>>(
    (runtime, method) => (call: ServerReadableStream<Req, Res>, callback: sendUnaryData<Res>) => {
      void runCall<Req, Res>(runtime, method, call, {
        ...readsStream<Req, Res>(call, runtime, options.handler),
        access: options.access,
        succeed: (result) => callback(null, result),
        fail: (status) => callback(status),
        target: options.target as Target<Req>,
      });
    },
  );
}

export function bidi<Req, Res>(options: BidiOptions<Req, Res>): handleBidiStreamingCall<Req, Res> {
  return bindable<handleBidiStreamingCall<Req, Res>>((runtime, method) => (call: ServerDuplexStream<Req, Res>) => {
    void runCall<Req, void>(runtime, method, call, {
      ...readsStream<Req, void>(call, runtime, (messages, ctx) =>
        options.handler(messages, ctx, createSink(call, ctx.signal)),
      ),
      access: options.access,
      succeed: () => void call.end(),
      fail: (status) => endWith(call, status),
      target: options.target as Target<Req>,
    });
  });
}

function readsStream<Req, Res>(
  call: ServerReadableStream<Req, unknown> | ServerDuplexStream<Req, unknown>,
  runtime: Runtime,
  run: ClientStreamOptions<Req, Res>["handler"],
): Pick<Shape<Req, Res>, "streaming" | "first" | "run"> {
  let messages: Messages<Req>;
  return {
    streaming: true,
    first(signal) {
      messages = new Messages(call, signal);
      return messages.first(runtime.limits.firstMessageTimeoutMs);
    },
    run: (first, ctx) => run(withFirst(first, messages), ctx),
  };
}

/** grpc-js sends as status what is emitted as an error. */
function endWith(call: { emit(event: "error", error: ServiceError): boolean }, status: ServiceError): void {
  call.emit("error", status);
}

function bindable<H>(bind: Bindable<H>[typeof BIND]): H {
  const unbound = (): never => {
    throw new Error("this handler must be given to createGrpcServer");
  };
  return Object.assign(unbound, { [BIND]: bind }) as H;
}
