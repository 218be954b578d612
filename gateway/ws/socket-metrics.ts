/** Told of what happens to sockets. */
export interface SocketMetrics {
  opened(): void;
  gone(): void;
  /** Closed by the gateway, by the name of the close code. */
  closed(code: string): void;
}
