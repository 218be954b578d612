import type { Registry } from "../services/common/metrics/metrics.ts";
import { Counter, Gauge } from "../services/common/metrics/metrics.ts";
import type { Mirrors } from "./mirror/mirrors.ts";
import type { SocketMetrics } from "./ws/socket-metrics.ts";

/** Figures of sockets; `register` adds those of the mirrors. */
export function createSocketMetrics(registry: Registry): SocketMetrics {
  const registers = [registry];
  const sockets = new Gauge({ name: "gantry_gateway_sockets", help: "WebSockets that are open", registers });
  const closed = new Counter({
    name: "gantry_gateway_sockets_closed_total",
    help: "WebSockets that the gateway closed, by close code",
    labelNames: ["code"],
    registers,
  });
  return { opened: () => sockets.inc(), gone: () => sockets.dec(), closed: (code) => closed.inc({ code }) };
}

export function registerMirrorMetrics(registry: Registry, mirrors: Mirrors): void {
  const gauge = (name: string, help: string, value: () => number): void => {
    const collect = function (this: Gauge): void {
      this.set(value());
    };
    registry.registerMetric(new Gauge({ name, help, registers: [], collect }));
  };
  const sum = (of: (channel: ReturnType<typeof mirrors.catalog.find> & object) => number): number => {
    let total = 0;
    for (const channel of mirrors.catalog.channels()) total += of(channel);
    return total;
  };
  gauge("gantry_gateway_mirrors", "Mirrors that are kept", () => mirrors.catalog.size);
  gauge("gantry_gateway_observers", "Subscriptions", () => sum((channel) => channel.observers));
  gauge("gantry_gateway_observers_catching_up", "Subscriptions that lag or join", () =>
    sum((channel) => channel.catchingUp),
  );
  gauge("gantry_gateway_window_bytes", "Memory of the resume windows", () => mirrors.catalog.budget.usedBytes);
}
