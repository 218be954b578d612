import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { serveHttp } from "../../gateway/http/server.ts";
import { MirrorClient, type MirrorClientOptions } from "../../gateway/mirror/client.ts";
import { Mirrors } from "../../gateway/mirror/mirrors.ts";
import type { SavedMirror } from "../../gateway/mirror/mirror.ts";
import type { CreateCommands } from "../../gateway/ws/commands.ts";
import type { SocketLimits } from "../../gateway/ws/limits.ts";
import { SocketServer } from "../../gateway/ws/socket-server.ts";
import {
  createTokenVerifier,
  generateTokenKeys,
  mintToken,
  type TokenClaims,
} from "../../services/common/auth/token.ts";
import { Tickets } from "../../services/common/auth/tickets.ts";
import { codec } from "../../services/common/codec/codec.ts";
import { Event, EventType, WatchResponse } from "../../proto/gen/gantry/common/v1/watch.ts";
import { Instance } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { Project } from "../../proto/gen/gantry/compute/v1/project.ts";
import { testFolder } from "../support/cleanup.ts";
import type { JsonObject } from "../../gateway/mirror/merge-patch.ts";

export interface TestGatewayOptions {
  limits?: Partial<SocketLimits>;
  bookmarkIntervalMs?: number;
  windowBytesMax?: number;
  allowedOrigins?: string[];
  saved?: SavedMirror[];
  createCommands?: CreateCommands;
  /** Keys of an earlier gateway, so that its tokens stay good. */
  keys?: { privateJwk: string; publicJwks: string };
  listen?: string;
}

/** The gateway's mirrors on a free port, fed by the test through `tracker`. */
export async function startTestGateway(options: TestGatewayOptions = {}) {
  const folder = await testFolder("mirror");
  const keys = options.keys ?? (await generateTokenKeys());
  const keysPath = join(folder.path, "public.jwk");
  await writeFile(keysPath, keys.publicJwks);
  const verify = await createTokenVerifier({ keysPath });
  const log = pino({ level: "silent" });
  const mirrors = new Mirrors({
    toJson: (typeName, bytes) => codec.toJson(typeName, bytes, { redact: true }),
    log,
    services: ["compute"],
    bookmarkIntervalMs: options.bookmarkIntervalMs ?? 200,
    ...(options.windowBytesMax === undefined ? {} : { limits: { windowBytesMax: options.windowBytesMax } }),
  });
  mirrors.catalog.adopt(options.saved ?? []);
  const tickets = new Tickets();
  const sockets = new SocketServer({
    catalog: mirrors.catalog,
    verify,
    tickets,
    log,
    allowedOrigins: options.allowedOrigins ?? [],
    origins: mirrors,
    limits: options.limits ?? {},
    ...(options.createCommands ? { createCommands: options.createCommands } : {}),
  });
  const http = await serveHttp({
    listen: options.listen ?? "127.0.0.1:0",
    sockets,
    verify,
    tickets,
    healthy: () => true,
    log,
  });
  const clients: MirrorClient[] = [];
  const token = async (claims: Partial<TokenClaims> = {}): Promise<string> => {
    const defaults = { subject: "ann", roles: { default: "viewer" as const }, ttlMs: 600_000 };
    return (await mintToken(keys.privateJwk, { ...defaults, ...claims })).token;
  };
  return {
    keys,
    mirrors,
    sockets,
    http,
    log,
    tracker: mirrors.trackers.get("compute")!,
    httpUrl: `http://${http.address}`,
    url: `ws://${http.address}`,
    token,
    client(more: Partial<MirrorClientOptions> = {}, claims: Partial<TokenClaims> = {}): MirrorClient {
      const client = new MirrorClient({
        url: `ws://${http.address}`,
        mirror: "projects/default",
        token: () => token(claims),
        ...more,
      });
      clients.push(client);
      return client;
    },
    async stop(): Promise<void> {
      for (const client of clients) client.close();
      sockets.destroy();
      mirrors.destroy();
      await http.close();
      await folder.remove();
    },
  };
}

export type TestGateway = Awaited<ReturnType<typeof startTestGateway>>;

/** Event of an instance as compute's Watch sends it. */
export function instanceEvent(id: string, revision: number, fields: object = {}, project = "default"): Event {
  const name = `projects/${project}/instances/${id}`;
  const message = Instance.fromPartial({ meta: { name, version: BigInt(revision) }, ...fields });
  return recordEvent("Instance", name, project, revision, Buffer.from(Instance.encode(message).finish()));
}

export function projectEvent(id: string, revision: number): Event {
  const name = `projects/${id}`;
  const bytes = Buffer.from(
    Project.encode(Project.fromPartial({ meta: { name, version: BigInt(revision) } })).finish(),
  );
  return recordEvent("Project", name, id, revision, bytes);
}

export function recordEvent(
  kind: string,
  name: string,
  project: string,
  revision: number,
  value: Buffer,
  type = `gantry.compute.v1.${kind}`,
): Event {
  return Event.fromPartial({
    revision: BigInt(revision),
    type: EventType.EVENT_TYPE_PUT,
    kind,
    name,
    origin: "compute",
    project,
    object: { typeUrl: `type.googleapis.com/${type}`, value },
  });
}

export function deletedEvent(kind: string, name: string, project: string, revision: number): Event {
  return Event.fromPartial({
    revision: BigInt(revision),
    type: EventType.EVENT_TYPE_DELETED,
    kind,
    name,
    origin: "compute",
    project,
  });
}

export function batch(events: Event[], more: Partial<WatchResponse> = {}): WatchResponse {
  return WatchResponse.fromPartial({ events, logId: "log1", ...more });
}

/** What a client holds, by key. */
export function held(client: MirrorClient): Record<string, JsonObject> {
  return Object.fromEntries([...client.replica.items()].map((item) => [item.k, item.d as JsonObject]));
}

/** Waits until `check` holds, looked at after each frame; fails after `timeoutMs`. */
export async function until(client: MirrorClient, check: () => boolean, timeoutMs = 5_000): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => {
    if (check()) resolve();
  };
  const timer = setTimeout(() => reject(new Error(`not so after ${timeoutMs} ms: ${check.toString()}`)), timeoutMs);
  const events = ["frame", "closed", "mismatch", "message", "synced"] as const;
  for (const event of events) client.on(event, look);
  look();
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    for (const event of events) client.off(event, look);
  }
}
