import type { Agent } from "node:https";
import { status as Code } from "@grpc/grpc-js";
import { GantryError, unavailable } from "../../common/errors/errors.ts";
import type { Credentials } from "../kubernetes/credentials.ts";
import { KubernetesError } from "../kubernetes/errors.ts";
import { apiAgent, NotConnected, send } from "../kubernetes/transport.ts";
import { parseMembers, type Member } from "./members.ts";

const CLIENT_PORT = 2379;
const TIMEOUT_MS = 10_000;
/** In every member's certificate. */
const SERVER_NAME = "localhost";
/** gRPC's NOT_FOUND, as etcd's gateway says it. */
const NOT_FOUND = 5;

/** etcd of one cluster, by the JSON gateway that each of its members has: no tool is needed where it runs. */
export class EtcdClient implements Disposable {
  readonly #addresses: readonly string[];
  readonly #agent: Agent;

  /** `addresses`: of members, in the order in which they are tried. */
  constructor(addresses: readonly string[], credentials: Credentials) {
    this.#addresses = addresses;
    this.#agent = apiAgent(credentials, { servername: SERVER_NAME, keepAlive: false });
  }

  async members(signal: AbortSignal): Promise<Member[]> {
    return parseMembers(await this.#call("cluster/member/list", {}, signal));
  }

  /** A member that has not started yet: its data comes from the others. */
  async add(peerUrl: string, signal: AbortSignal): Promise<void> {
    await this.#call("cluster/member/add", { peerURLs: [peerUrl] }, signal);
  }

  /** What is gone already is no fault. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#call("cluster/member/remove", { ID: id }, signal);
    } catch (error) {
      if (!(error instanceof GantryError) || error.metadata["etcdCode"] !== String(NOT_FOUND)) throw error;
    }
  }

  /** Where the others reach a member; with one member nobody has to agree. */
  async moveTo(id: string, peerUrl: string, signal: AbortSignal): Promise<void> {
    await this.#call("cluster/member/update", { ID: id, peerURLs: [peerUrl] }, signal);
  }

  /** All keys that begin so. */
  async deleteKeys(prefix: string, signal: AbortSignal): Promise<void> {
    const key = Buffer.from(prefix);
    const end = Buffer.from(prefix);
    // The first key that does not begin so any more.
    end[end.length - 1]! += 1;
    const range = { key: key.toString("base64"), range_end: end.toString("base64") };
    await this.#call("kv/deleterange", range, signal);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #call(path: string, body: object, signal: AbortSignal): Promise<string> {
    const reasons: string[] = [];
    for (const host of this.#addresses) {
      try {
        const sent = { method: "POST", path: `/v3/${path}`, headers: { "content-type": "application/json" } };
        const request = { ...sent, body: JSON.stringify(body), timeoutMs: TIMEOUT_MS, signal };
        const answer = await send(this.#agent, { host, port: CLIENT_PORT }, request);
        if (answer.statusCode === 200) return answer.body;
        throw refused(path, answer.body, answer.statusCode);
      } catch (error) {
        if (error instanceof KubernetesError)
          throw unavailable("ETCD_UNAVAILABLE", `etcd at ${host} gives no answer`, error);
        // Nothing was sent: another member can do it as well.
        if (!(error instanceof NotConnected)) throw error;
        reasons.push(`${host}: ${error.message}`);
      }
    }
    throw unavailable("ETCD_UNAVAILABLE", `no member of etcd takes a connection: ${reasons.join("; ")}`);
  }
}

/** Mostly it passes: no leader yet, or a member that does not follow well enough for another change. */
function refused(path: string, body: string, statusCode: number): GantryError {
  let said: { message?: unknown; code?: unknown } = {};
  try {
    said = JSON.parse(body) as typeof said;
  } catch {
    said = { message: `status ${statusCode}` };
  }
  return new GantryError(Code.UNAVAILABLE, `etcd refused ${path}: ${String(said.message)}`, {
    reason: "ETCD_REFUSED",
    metadata: { etcdCode: String(said.code) },
  });
}
