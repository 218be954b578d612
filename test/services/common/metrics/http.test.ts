import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../../../../services/common/log/log.ts";
import { serveMetrics } from "../../../../services/common/metrics/http.ts";
import { createMetrics } from "../../../../services/common/metrics/metrics.ts";

test("/metrics, /healthz and nothing else", async (t) => {
  const { registry, rpc } = createMetrics("compute");
  rpc.calls.inc({ method: "S/M", code: "OK" });
  let healthy = true;
  const log = createLog({ name: "test", level: "silent" });
  const server = await serveMetrics({ listen: "127.0.0.1:0", registry, healthy: () => healthy, log });
  t.after(() => server.close());
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}${path}`, init);
  const metrics = await get("/metrics");
  assert.equal(metrics.status, 200);
  const text = await metrics.text();
  assert.match(text, /^gantry_rpc_server_calls_total\{method="S\/M",code="OK",process="compute"\} 1$/m);
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds/m);
  assert.match(text, /^process_resident_memory_bytes/m);
  assert.equal((await get("/healthz")).status, 200);
  healthy = false;
  assert.equal((await get("/healthz?x=1")).status, 503);
  assert.equal((await get("/other")).status, 404);
  assert.equal((await get("/metrics", { method: "POST" })).status, 405);
  await assert.rejects(serveMetrics({ listen: `127.0.0.1:${server.port}`, registry, healthy: () => true, log }), {
    message: `metrics address 127.0.0.1:${server.port} is in use`,
  });
});
