// What the one address costs: calls through the proxy beside the same calls straight to the service. Three processes on loopback, TLS everywhere, a
// bearer token in each call; direct and proxied take turns in each round.
import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { credentials } from "@grpc/grpc-js";
import { ComputeServiceClient } from "../../proto/gen/gantry/compute/v1/compute.ts";
import { mintToken } from "../../services/common/auth/token.ts";
import { createRealm, issueCertificate } from "../../services/common/realm/realm.ts";
import { loadTls } from "../../services/common/realm/tls.ts";
import { call, connectClient, stream } from "../../services/common/rpc/client.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
  },
});
const ROUNDS = Number(options.rounds);
const ROUND_MS = Number(options.seconds) * 1_000;
const PARALLEL_CALLS = 32;
const CHUNK_BYTES = 64 * 1024;
const REQUEST = { name: "projects/default/instances/web" };

const dir = await mkdtemp(join(tmpdir(), "gantry-bench-rpc-"));
const children: ChildProcess[] = [];

function start(...args: string[]): Promise<string> {
  const child = fork(join(import.meta.dirname, "rpc", "process.ts"), args, {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once("message", (address) => resolve(String(address)));
    child.once("exit", (code) => reject(new Error(`${args[0]} ended with ${code}`)));
  });
}

interface Figures {
  p50Ms: number;
  p99Ms: number;
  callsPerSecond: number;
  mbPerSecond: number;
}
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

async function measure(client: ComputeServiceClient, token: string): Promise<Figures> {
  const ms: number[] = [];
  for (let endMs = performance.now() + ROUND_MS; performance.now() < endMs;) {
    const startMs = performance.now();
    await call(client, "getInstance", REQUEST, { token });
    ms.push(performance.now() - startMs);
  }
  let calls = 0;
  const endMs = performance.now() + ROUND_MS;
  const caller = async (): Promise<void> => {
    for (; performance.now() < endMs; calls += 1) await call(client, "getInstance", REQUEST, { token });
  };
  await Promise.all(Array.from({ length: PARALLEL_CALLS }, caller));
  let bytes = 0;
  const startMs = performance.now();
  for await (const { data } of stream(
    client,
    "copyFromInstance",
    { ...REQUEST, path: String(CHUNK_BYTES) },
    { token },
  )) {
    bytes += data.length;
    if (performance.now() - startMs > ROUND_MS) break;
  }
  const sorted = ms.toSorted((a, b) => a - b);
  return {
    p50Ms: median(ms),
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] as number,
    callsPerSecond: (calls * 1_000) / ROUND_MS,
    mbPerSecond: bytes / 1e3 / (performance.now() - startMs),
  };
}

try {
  const realm = await createRealm(dir);
  for (const process of ["compute", "gateway"]) await issueCertificate(realm, { process, host: "bench" });
  const service = await start("compute", dir);
  const proxy = await start("proxy", dir, service);
  const tls = loadTls({ dir: join(dir, "tls"), process: "gateway" });
  const privateJwk = await readFile(realm.privateJwkPath, "utf8");
  const { token } = await mintToken(privateJwk, { subject: "bench", realmAdmin: true, ttlMs: 3_600_000 });
  const ways = {
    direct: connectClient(ComputeServiceClient, service, tls.channelCredentials()),
    proxied: connectClient(ComputeServiceClient, proxy, credentials.createSsl(readFileSync(realm.caPath))),
  };
  const rounds: Record<keyof typeof ways, Figures[]> = { direct: [], proxied: [] };
  // The first round warms up and does not count.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const way of ["direct", "proxied"] as const) {
      const figures = await measure(ways[way], token);
      if (round > 0) rounds[way].push(figures);
    }
  }
  const summary = Object.fromEntries(
    Object.entries(rounds).map(([way, all]) => [
      way,
      Object.fromEntries(
        (["p50Ms", "p99Ms", "callsPerSecond", "mbPerSecond"] as const).map((key) => [
          key,
          Number(median(all.map((each) => each[key])).toFixed(2)),
        ]),
      ),
    ]),
  );
  const load = loadavg()[0]?.toFixed(2);
  if (options.json) console.log(JSON.stringify({ rpc: summary, load }));
  else {
    console.log(
      `unary p50 and p99 one at a time, calls/s with ${PARALLEL_CALLS} at once, MB/s in 64 KiB messages; load ${load}`,
    );
    console.table(summary);
  }
  for (const client of Object.values(ways)) client.close();
  tls.close();
} finally {
  for (const child of children) child.disconnect();
  await rm(dir, { recursive: true });
}
