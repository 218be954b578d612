import type { ConfigReader } from "../services/common/config/config.ts";
import { COMMAND_LIMITS, type CommandLimits } from "./commands/limits.ts";
import { MIRROR_LIMITS, type MirrorLimits } from "./mirror/limits.ts";
import { SOCKET_LIMITS, type SocketLimits } from "./ws/limits.ts";

/** The limits an operator may want to change; the others stay as the code has them. */
export interface GatewayLimits {
  sockets: SocketLimits;
  commands: CommandLimits;
  mirrors: MirrorLimits;
}

export function readGatewayLimits(c: ConfigReader): GatewayLimits {
  return { sockets: readSocketLimits(c), commands: readCommandLimits(c), mirrors: readMirrorLimits(c) };
}

function readSocketLimits(c: ConfigReader): SocketLimits {
  const d = SOCKET_LIMITS;
  const count = (name: string, fallback: number, doc: string): number =>
    c.integer(name, fallback, doc, { min: 1, max: 1_000_000 });
  const time = (name: string, fallbackMs: number, doc: string): number =>
    c.durationMs(name, `${fallbackMs / 1_000}s`, doc, { min: 1_000, max: 600_000 });
  const bytes = (name: string, fallback: number, doc: string): number =>
    c.sizeBytes(name, String(fallback), doc, { min: 65_536, max: 2 ** 30 });
  return {
    ...d,
    connectionsMax: count("GANTRY_CONNECTIONS_MAX", d.connectionsMax, "WebSockets at a time"),
    unauthenticatedMax: count("GANTRY_UNAUTHENTICATED_MAX", d.unauthenticatedMax, "WebSockets without hello at a time"),
    subscriptionsMax: count("GANTRY_SOCKET_SUBSCRIPTIONS_MAX", d.subscriptionsMax, "Mirrors on one WebSocket"),
    framesPerSecond: count(
      "GANTRY_SOCKET_FRAMES_PER_SECOND",
      d.framesPerSecond,
      "Frames read of one WebSocket a second",
    ),
    framesBurst: count("GANTRY_SOCKET_FRAMES_BURST", d.framesBurst, "Frames read of one WebSocket at once"),
    bytesPerSecond: bytes("GANTRY_SOCKET_BYTES_PER_SECOND", d.bytesPerSecond, "Bytes read of one WebSocket a second"),
    bytesBurst: bytes("GANTRY_SOCKET_BYTES_BURST", d.bytesBurst, "Bytes read of one WebSocket at once"),
    frameBytesMax: bytes("GANTRY_SOCKET_FRAME_MAX", d.frameBytesMax, "Largest frame of a client"),
    unsentBytesMax: bytes(
      "GANTRY_SOCKET_UNSENT_MAX",
      d.unsentBytesMax,
      "Unsent replies above which a WebSocket is closed",
    ),
    helloTimeoutMs: time("GANTRY_SOCKET_HELLO_TIMEOUT", d.helloTimeoutMs, "How long hello may take"),
    pingIntervalMs: time("GANTRY_SOCKET_PING_INTERVAL", d.pingIntervalMs, "Between two pings"),
    stalledMs: time("GANTRY_SOCKET_STALLED_TIMEOUT", d.stalledMs, "How long an observer may take nothing"),
  };
}

function readCommandLimits(c: ConfigReader): CommandLimits {
  const d = COMMAND_LIMITS;
  const many = { min: 1, max: 100_000 };
  const times = { min: 1_000, max: 86_400_000 };
  return {
    callsMax: c.integer("GANTRY_COMMAND_CALLS_MAX", d.callsMax, "Calls under way on one WebSocket", many),
    streamsMax: c.integer("GANTRY_COMMAND_STREAMS_MAX", d.streamsMax, "Streams open on one WebSocket", many),
    defaultDeadlineMs: c.durationMs(
      "GANTRY_COMMAND_DEADLINE_DEFAULT",
      `${d.defaultDeadlineMs / 1_000}s`,
      "Deadline of a command that names none",
      times,
    ),
    maxDeadlineMs: c.durationMs(
      "GANTRY_COMMAND_DEADLINE_MAX",
      `${d.maxDeadlineMs / 1_000}s`,
      "Longest deadline of a command",
      times,
    ),
    windowBytes: c.sizeBytes(
      "GANTRY_COMMAND_WINDOW",
      String(d.windowBytes),
      "What may be sent into a stream ahead of the service's reading",
      { min: 65_536, max: 2 ** 28 },
    ),
  };
}

function readMirrorLimits(c: ConfigReader): MirrorLimits {
  const d = MIRROR_LIMITS;
  const times = { min: 1_000, max: 86_400_000 };
  return {
    mirrorsMax: c.integer("GANTRY_MIRRORS_MAX", d.mirrorsMax, "Mirrors kept at a time", { min: 1, max: 1_000_000 }),
    emptyMirrorKeptMs: c.durationMs(
      "GANTRY_MIRROR_KEPT",
      `${d.emptyMirrorKeptMs / 1_000}s`,
      "How long a mirror that nobody observes is kept",
      times,
    ),
    windowBytesMax: c.sizeBytes(
      "GANTRY_WINDOW_MAX",
      String(d.windowBytesMax),
      "Memory of the windows of all mirrors together",
      { min: 2 ** 20, max: 2 ** 36 },
    ),
    windowAgeMsMax: c.durationMs(
      "GANTRY_WINDOW_AGE",
      `${d.windowAgeMsMax / 1_000}s`,
      "How long deleted things are remembered for observers that come back",
      times,
    ),
  };
}
