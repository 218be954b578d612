import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  makeGenericClientConstructor,
  type Metadata,
  type ServiceDefinition,
  type ServiceError,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Logger } from "pino";
import {
  mintToken,
  type TokenClaims,
  createTokenVerifier,
  type VerifyToken,
} from "../../../../services/common/auth/token.ts";
import { createLog } from "../../../../services/common/log/log.ts";
import { createMetrics, type Metrics } from "../../../../services/common/metrics/metrics.ts";
import { createRealm, issueCertificate, type Realm } from "../../../../services/common/realm/realm.ts";
import { loadTls, type Tls } from "../../../../services/common/realm/tls.ts";
import { createGrpcServer, type GrpcServer, type GrpcServerOptions } from "../../../../services/common/rpc/server.ts";

export interface Fixture {
  dir: string;
  realm: Realm;
  verify: VerifyToken;
  log: Logger;
  metrics: Metrics;
  /** Log lines written so far, parsed. */
  lines: Record<string, unknown>[];
  signal: AbortSignal;
  tls(process: string): Promise<Tls>;
  /** What a user has: the CA, no certificate. */
  userCredentials(): ChannelCredentials;
  mint(claims: Partial<TokenClaims>): Promise<string>;
  serve(options: Partial<GrpcServerOptions> & { services: GrpcServerOptions["services"] }): Promise<GrpcServer>;
  close(): Promise<void>;
}

/** A realm of its own in a temporary folder, with servers on free ports. */
export async function createFixture(): Promise<Fixture> {
  const dir = await mkdtemp(join(tmpdir(), "gantry-rpc-"));
  const realm = await createRealm(dir);
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const log = createLog({ name: "test", level: "debug", destination });
  const verify = await createTokenVerifier({ keysPath: realm.publicJwkPath });
  const metrics = createMetrics("test", { defaults: false });
  const controller = new AbortController();
  const opened: Tls[] = [];
  const privateJwk = await readFile(realm.privateJwkPath, "utf8");

  async function tls(process: string): Promise<Tls> {
    await issueCertificate(realm, { process, host: "h1" });
    const loaded = loadTls({ dir: join(dir, "tls"), process, log, reloadIntervalMs: 50 });
    opened.push(loaded);
    return loaded;
  }
  return {
    dir,
    realm,
    verify,
    log,
    metrics,
    lines,
    tls,
    signal: controller.signal,
    userCredentials: () => credentials.createSsl(readFileSync(realm.caPath)),
    async mint(claims) {
      return (await mintToken(privateJwk, { subject: "ann", ttlMs: 60_000, ...claims })).token;
    },
    async serve(options) {
      return createGrpcServer({
        listen: "127.0.0.1:0",
        tls: options.tls ?? (await tls("compute")),
        verify,
        log,
        metrics,
        signal: controller.signal,
        ...options,
      });
    },
    async close() {
      controller.abort();
      for (const each of opened) each.close();
      await rm(dir, { recursive: true });
    },
  };
}

/** The four shapes with plain bytes as messages, under the names of real methods. */
export const echoDefinition = {
  unary: shape("Unary", false, false),
  down: shape("Down", false, true),
  up: shape("Up", true, false),
  both: shape("Both", true, true),
} satisfies ServiceDefinition<UntypedServiceImplementation>;

function shape(name: string, requestStream: boolean, responseStream: boolean) {
  const text = {
    serialize: (value: string): Buffer => Buffer.from(value),
    deserialize: (bytes: Buffer): string => bytes.toString(),
  };
  return {
    path: `/gantry.echo.v1.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  };
}

export interface EchoClient extends Client {
  unary(
    request: string,
    metadata: Metadata,
    options: object,
    callback: (error: ServiceError | null, response: string) => void,
  ): ClientUnaryCall;
  down(request: string, metadata?: Metadata, options?: object): ClientReadableStream<string>;
  up(
    metadata: Metadata,
    options: object,
    callback: (error: ServiceError | null, response: string) => void,
  ): ClientWritableStream<string>;
  both(metadata: Metadata, options?: object): ClientDuplexStream<string, string>;
}
export const EchoClient = makeGenericClientConstructor(echoDefinition, "Echo") as unknown as new (
  ...args: ConstructorParameters<typeof Client>
) => EchoClient;

const UNTIL_TIMEOUT_MS = 10_000;
const UNTIL_INTERVAL_MS = 10;

/** Waits for a condition; fails the test when it does not come true in 10 s. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + UNTIL_TIMEOUT_MS;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not true after ${UNTIL_TIMEOUT_MS} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, UNTIL_INTERVAL_MS));
  }
}
