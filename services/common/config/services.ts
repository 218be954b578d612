import type { ConfigReader } from "./config.ts";
import { splitHostPort } from "./values.ts";

/** gRPC addresses of services, by name. */
export function readServices(c: ConfigReader, fallback: string): ReadonlyMap<string, string> {
  return c.map("GANTRY_SERVICES", fallback, "gRPC address of each service, as name=HOST:PORT", (address) => {
    splitHostPort(address);
    return address;
  });
}
