import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";

/** Stands between a store and Redis. On demand, requests still reach Redis but its replies are lost with the connection. */
export class LossyProxy {
  readonly url: string;
  readonly #path: string;
  readonly #target: string;
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  #marker: string | undefined;
  /** Replies that were thrown away. */
  lost = 0;

  constructor(folder: string, target: string) {
    this.#path = join(folder, "proxy.sock");
    this.url = `unix://${this.#path}`;
    this.#target = target;
    this.#server = createServer((client) => this.#connect(client));
  }

  async start(): Promise<this> {
    this.#server.listen(this.#path);
    await once(this.#server, "listening");
    return this;
  }

  /** The reply to the next request that contains `marker` gets lost, and its connection with it. */
  loseReplyTo(marker: string): void {
    this.#marker = marker;
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #connect(client: Socket): void {
    const redis = createConnection(this.#target);
    const pair: [Socket, Socket] = [client, redis];
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      redis.destroy();
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    let losing = false;
    client.on("data", (bytes) => {
      if (this.#marker !== undefined && bytes.includes(this.#marker)) {
        losing = true;
        this.#marker = undefined;
      }
      redis.write(bytes);
    });
    redis.on("data", (bytes) => {
      if (!losing) {
        client.write(bytes);
        return;
      }
      this.lost++;
      end();
    });
  }
}
